"""SET_INFO ([MS-SMB2] 3.3.5.21; the object store's part is [MS-FSA] 2.1.5.15)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.handlers import security
from smbtorture_py.server.handlers.break_wait import BreakUnderWay, BreakWait
from smbtorture_py.server.handlers.create_execution import STORED_ATTRIBUTES
from smbtorture_py.server.open import Open, touch_directory
from smbtorture_py.server.path_name import SEPARATOR, STREAM_SEPARATOR, parse, parse_stream
from smbtorture_py.server.policies.create import VALID_ATTRIBUTES
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import NodeTimes, Path, StorageError, fold
from smbtorture_py.wire.chain import Structure, decode_entries
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.fscc.extended_attributes import FileFullEaInformation
from smbtorture_py.wire.fscc.file_information import (
    FileAllocationInformation,
    FileBasicInformation,
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileLinkInformation,
    FileModeInformation,
    FilePositionInformation,
    FileRenameInformation,
    FileValidDataLengthInformation,
)
from smbtorture_py.wire.fscc.information_class import (
    FileAttributes,
    FileInformationClass,
    FsInformationClass,
    InfoType,
)
from smbtorture_py.wire.set_info import SetInfoRequest, SetInfoResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.server import Server

FREEZE_TIME: Final = -1
"""The time is left, and I/O on this open leaves it too ([MS-FSCC] 2.4.7)."""
THAW_TIME: Final = -2
"""I/O on this open moves the time again."""
_LEAVE_TIME: Final = 0
_SETTABLE_MODES: Final = 0x00000036
"""WRITE_THROUGH, SEQUENTIAL_ONLY and the two SYNCHRONOUS_IO modes ([MS-FSCC] 2.4.31)."""
_MINIMUM_RENAME_SIZE: Final = FileRenameInformation.LAYOUT.size

InformationT = TypeVar("InformationT", bound=Structure)


@dataclass(slots=True)
class Change:
    """One request on its way: what the functions below need."""

    server: Server
    request: Request
    open: Open
    data: bytes
    now: float


@dataclass(slots=True, frozen=True)
class Setting:
    """How one class is set: the right it needs, and the function that applies it or raises StorageError."""

    access: int
    apply: Callable[[Change], None]


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Change a file, its volume or its security."""
    body = cast(SetInfoRequest, request.body)
    policies = server.policies
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    for status in (
        policies.information.size_status(request.connection, body.buffer_length),
        policies.information.empty_buffer_status() if body.buffer_length == 0 else Status.SUCCESS,
        policies.message.payload_status(request.connection, request.header, body.buffer_length),
        Status.INVALID_PARAMETER if len(body.buffer) < body.buffer_length else Status.SUCCESS,
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    change = Change(server, request, open_, bytes(body.buffer), now)
    waiting = BreakWait(request, lambda later: _attempt(change, body, waiting, later))
    return _attempt(change, body, waiting, now)


def _attempt(change: Change, body: SetInfoRequest, waiting: BreakWait, now: float) -> Outcome:
    """Try to set; a lease in the way makes the request wait, and it is tried again from here."""
    change.now = now
    try:
        status = _dispatch(change, body)
    except StorageError as error:
        status = error.status
    except BreakUnderWay as under_way:
        return waiting.wait(under_way.streams)
    return Reply(status, SetInfoResponse() if status == Status.SUCCESS else None)


def _await_breaks(change: Change, streams: Iterable[OpenStream], operation: Operation) -> None:
    """Break what stands against an operation on streams. Raises BreakUnderWay where that must be awaited."""
    check = change.server.break_check
    actor = check.actor_of(change.open)
    broken = [
        stream for stream in dict.fromkeys(streams) if check.check(stream, actor, operation, change.now)
    ]
    if broken:
        raise BreakUnderWay(broken)


def _dispatch(change: Change, body: SetInfoRequest) -> Status:
    policy = change.server.policies.information
    number = body.file_info_class
    if body.info_type == InfoType.SECURITY:
        return _set_security(change, body.additional_information)
    if body.info_type == InfoType.QUOTA:
        return policy.quota_status()
    if body.info_type == InfoType.FILESYSTEM:
        # 3.3.5.21.2: the storages keep neither quota defaults nor a volume's object id.
        is_settable = number in (
            FsInformationClass.FILE_FS_CONTROL_INFORMATION,
            FsInformationClass.FILE_FS_OBJECT_ID_INFORMATION,
            FsInformationClass.FILE_FS_LABEL_INFORMATION,
        )
        if is_settable and not change.open.has_access(AccessMask.FILE_WRITE_DATA):
            return Status.ACCESS_DENIED
        return policy.unlisted_class_status() if is_settable else policy.unknown_class_status()
    if body.info_type != InfoType.FILE:
        return Status.INVALID_PARAMETER
    setting = _SETTINGS.get(number)
    if setting is None:
        is_settable = number in _SETTABLE_BUT_NOT_LISTED
        return policy.unlisted_class_status() if is_settable else policy.unknown_class_status()
    if not change.open.has_access(setting.access):
        return Status.ACCESS_DENIED
    setting.apply(change)
    return Status.SUCCESS


def _set_security(change: Change, additional_information: int) -> Status:
    """3.3.5.21.3."""
    status = security.change(change.open, additional_information, change.data)
    if status == Status.SUCCESS:
        change.open.note_change(change.now)
        change.server.change_notifier.modified(change.open, CompletionFilter.SECURITY, change.now)
    return status


def _decode(change: Change, kind: type[InformationT]) -> InformationT:
    """Decode what is to be set. Raises INFO_LENGTH_MISMATCH where the fixed part is not there."""
    if len(change.data) < kind.LAYOUT.size:
        raise StorageError(Status.INFO_LENGTH_MISMATCH)
    return kind.decode(change.data, [])


def _set_basic(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.2, [MS-FSCC] 2.4.7."""
    open_, information = change.open, _decode(change, FileBasicInformation)
    times = (
        information.creation_time,
        information.last_access_time,
        information.last_write_time,
        information.change_time,
    )
    attributes = int(information.file_attributes)
    if any(time < THAW_TIME for time in times) or attributes & ~VALID_ATTRIBUTES:
        raise StorageError(Status.INVALID_PARAMETER)
    if open_.is_directory and attributes & FileAttributes.TEMPORARY:
        raise StorageError(Status.INVALID_PARAMETER)
    if not open_.node.is_directory and attributes & FileAttributes.DIRECTORY:
        raise StorageError(Status.INVALID_PARAMETER)
    if attributes:
        # SPARSE_FILE, COMPRESSED, REPARSE_POINT and ENCRYPTED are not changed this way.
        kept = open_.node.info().file_attributes & _SYSTEM_ATTRIBUTES
        open_.node.set_attributes(attributes & STORED_ATTRIBUTES & ~_SYSTEM_ATTRIBUTES | kept)
    set_or_leave = [time if time > _LEAVE_TIME else None for time in times]
    if attributes or any(time is not None for time in set_or_leave):
        open_.note_change(change.now)
    open_.node.set_times(NodeTimes(*set_or_leave))
    frozen = open_.frozen_times
    _freeze(times[1], lambda value: setattr(frozen, "last_access_time", value))
    _freeze(times[2], lambda value: setattr(frozen, "last_write_time", value))
    _freeze(times[3], lambda value: setattr(frozen, "change_time", value))
    changed = CompletionFilter.ATTRIBUTES if attributes else CompletionFilter.NONE
    for time, bit in zip(set_or_leave, _TIME_FILTERS, strict=True):
        changed |= bit if time is not None else CompletionFilter.NONE
    if changed:
        change.server.change_notifier.modified(open_, changed, change.now)
    if attributes or any(time is not None for time in set_or_leave):
        change.server.break_check.check_parent(open_, change.now)


def _freeze(time: int, assign: Callable[[bool], None]) -> None:
    """A time that was set or frozen stays until it is thawed."""
    if time == THAW_TIME:
        assign(False)
    elif time != _LEAVE_TIME:
        assign(True)


_SYSTEM_ATTRIBUTES: Final = int(
    FileAttributes.SPARSE_FILE
    | FileAttributes.COMPRESSED
    | FileAttributes.REPARSE_POINT
    | FileAttributes.ENCRYPTED
)
_TIME_FILTERS: Final = (
    CompletionFilter.CREATION,
    CompletionFilter.LAST_ACCESS,
    CompletionFilter.LAST_WRITE,
    CompletionFilter.NONE,
)


def _set_size(change: Change, size: int) -> None:
    """Set the end of file; what others have cached under level II is void."""
    open_ = change.open
    content = open_.stream.content
    if content is None or size < 0:
        raise StorageError(Status.INVALID_PARAMETER)
    change.server.break_check.check_open(open_, Operation.SET_SIZE, change.now)
    change.server.break_check.check_parent(open_, change.now)
    if size != content.size:
        content.truncate(size)
        if open_.stream.name:
            change.server.change_notifier.written(open_, change.now, grows=True)
        else:
            change.server.change_notifier.modified(open_, CompletionFilter.SIZE, change.now)
    open_.note_write(change.now)


def _set_end_of_file(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.5."""
    _set_size(change, _decode(change, FileEndOfFileInformation).end_of_file)


def _set_allocation(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.1: less than the end of file truncates."""
    size = _decode(change, FileAllocationInformation).allocation_size
    content = change.open.stream.content
    if content is None or size < 0:
        raise StorageError(Status.INVALID_PARAMETER)
    if size < content.size:
        _set_size(change, size)
        return
    change.server.break_check.check_open(change.open, Operation.SET_SIZE, change.now)
    change.server.break_check.check_parent(change.open, change.now)
    content.allocate(size)


def _set_valid_data_length(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.15: all of a file is valid here, so that only the bounds are checked."""
    length = _decode(change, FileValidDataLengthInformation).valid_data_length
    content = change.open.stream.content
    if content is None or not 0 <= length <= content.size:
        raise StorageError(Status.INVALID_PARAMETER)


def _set_position(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.9."""
    offset = _decode(change, FilePositionInformation).current_byte_offset
    if offset < 0:
        raise StorageError(Status.INVALID_PARAMETER)
    change.open.current_byte_offset = offset


def _set_mode(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.8."""
    mode = int(_decode(change, FileModeInformation).mode)
    if mode & ~_SETTABLE_MODES:
        raise StorageError(Status.INVALID_PARAMETER)
    change.open.mode = mode


def _set_disposition(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.3."""
    open_ = change.open
    if not _decode(change, FileDispositionInformation).delete_pending:
        if open_.stream.name:
            open_.stream.delete_pending = False
        else:
            open_.file.delete_pending = False
        return
    if open_.stream.name:
        _await_breaks(change, [open_.stream], Operation.DELETE)
        open_.stream.delete_pending = True
        return
    info = open_.node.info()
    if info.file_attributes & FileAttributes.READONLY or not open_.path:
        raise StorageError(Status.CANNOT_DELETE)
    if open_.is_directory and not open_.storage.is_empty(open_.node):
        raise StorageError(Status.DIRECTORY_NOT_EMPTY)
    _await_breaks(change, list(open_.file.streams.values()), Operation.DELETE)
    open_.file.delete_pending = True
    open_.file.deleted_under = change.server.break_check.actor_of(open_).parent_lease_key
    if open_.is_directory:
        change.server.change_notifier.is_deleting(open_, change.now)


def _set_extended_attributes(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.6; an empty value removes the attribute."""
    findings: Findings = []
    entries = decode_entries(FileFullEaInformation, change.data, findings)
    if findings or not entries or any(not entry.ea_name for entry in entries):
        raise StorageError(Status.EA_LIST_INCONSISTENT)
    for entry in entries:
        change.open.node.set_extended_attribute(entry.ea_name, entry.ea_value)
    change.open.note_change(change.now)
    change.server.change_notifier.modified(change.open, CompletionFilter.EA, change.now)


def _target_name(change: Change, information: FileLinkInformation) -> str:
    """The checked name of a rename or link (3.3.5.21.1)."""
    if information.root_directory:
        raise StorageError(change.server.policies.information.rename_root_directory_status())
    if information.file_name_length % 2 or information.file_name_length == 0:
        raise StorageError(Status.INVALID_PARAMETER)
    if _MINIMUM_RENAME_SIZE + information.file_name_length > len(change.data):
        raise StorageError(Status.INFO_LENGTH_MISMATCH)
    return information.file_name.removeprefix(SEPARATOR)


def _set_rename(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.11; a name that begins with a colon renames a stream."""
    open_, server, now = change.open, change.server, change.now
    # [MS-FSCC] 2.4.42.2 counts 24 bytes: what is shorter than that has no name either.
    information = _decode(change, FileRenameInformation)
    name = _target_name(change, information)
    if name.startswith(STREAM_SEPARATOR):
        _rename_stream(change, parse_stream(name), replace=bool(information.replace_if_exists))
        return
    target = parse(name)
    if target.stream or open_.stream.name:
        raise StorageError(Status.NOT_SUPPORTED if target.stream else Status.INVALID_PARAMETER)
    if not open_.path or not target.path:
        raise StorageError(Status.ACCESS_DENIED if target.path else Status.OBJECT_NAME_INVALID)
    _await_breaks(change, [open_.stream], Operation.RENAME)
    if open_.is_directory:
        _check_nothing_is_open_below(change)
    _check_target(change, target.path, replace=bool(information.replace_if_exists))
    old = open_.path
    open_.storage.rename(old, target.path, replace=bool(information.replace_if_exists))
    new = open_.storage.spelling(target.path)
    for other in list(open_.file.opens()):
        if tuple(map(fold, other.path)) == tuple(map(fold, old)):
            other.path = new
            server.lease_tables.rename(other)
    for parent in dict.fromkeys((old[:-1], new[:-1])):
        touch_directory(open_.storage, parent, now)
    open_.note_change(now)
    server.change_notifier.renamed(open_, old, now)
    modified = server.policies.notify.filter_of_rename(is_directory=open_.is_directory)
    if modified:
        server.change_notifier.modified(open_, modified, now)
    actor = server.break_check.actor_of(open_)
    for parent in dict.fromkeys((old[:-1], new[:-1])):
        server.break_check.check_directory(open_.storage, parent, actor, now)


def _check_nothing_is_open_below(change: Change) -> None:
    """A directory in which something is open keeps its name; who caches handles is asked first ([MS-FSA]
    2.1.4.2)."""
    server, open_ = change.server, change.open
    below = list(server.file_table.opens_at(open_.storage, open_.path, below=True))
    _await_breaks(change, [other.stream for other in below], Operation.RENAME)
    if any(not other.is_closed for other in below):
        raise StorageError(server.policies.information.rename_open_children_status())


def _check_target(change: Change, target: Path, *, replace: bool) -> None:
    """What is in the way of a rename or link must be replaceable: not open, no directory, not read-only."""
    open_ = change.open
    if target:
        _check_parent_shares_write(change, target[:-1])
    node = open_.storage.lookup(target)
    if node is None:
        return
    info = node.info()
    file = change.server.file_table.find(open_.storage, node.file_id)
    node.close()
    if info.file_id == open_.node.file_id:
        return
    if not replace:
        raise StorageError(Status.OBJECT_NAME_COLLISION)
    if file is not None:
        _await_breaks(change, list(file.streams.values()), Operation.REPLACE)
    is_open = file is not None and any(True for _ in file.opens())
    if is_open or info.is_directory or info.file_attributes & FileAttributes.READONLY:
        raise StorageError(Status.ACCESS_DENIED)


def _check_parent_shares_write(change: Change, parent: Path) -> None:
    """A directory that is open for DELETE, or that somebody shares no writing of, takes no new name."""
    opens = list(change.server.file_table.opens_at(change.open.storage, parent, below=False))
    if any(other.is_directory and other.file.delete_pending for other in opens):
        raise StorageError(Status.DELETE_PENDING)
    conflicting = [one for one in opens if one.is_directory and one.has_access(AccessMask.DELETE)]
    _await_breaks(change, [one.stream for one in conflicting], Operation.SHARING_VIOLATION)
    if any(not one.is_closed for one in conflicting):
        raise StorageError(Status.SHARING_VIOLATION)


def _rename_stream(change: Change, new: str, *, replace: bool) -> None:
    open_ = change.open
    if not open_.stream.name or not new:
        raise StorageError(Status.INVALID_PARAMETER)
    if fold(new) != fold(open_.stream.name) and open_.node.stream(new) is not None:
        if not replace:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        if fold(new) in open_.file.streams:
            raise StorageError(Status.ACCESS_DENIED)
    streams = open_.file.streams
    open_.node.rename_stream(open_.stream.name, new)
    streams.pop(fold(open_.stream.name), None)
    open_.stream.name = new
    streams[fold(new)] = open_.stream
    for other in open_.stream.opens:
        change.server.lease_tables.rename(other)
    open_.note_change(change.now)


def _set_link(change: Change) -> None:
    """[MS-FSA] 2.1.5.15.7."""
    open_ = change.open
    information = _decode(change, FileLinkInformation)
    target = parse(_target_name(change, information))
    if target.stream or not target.path:
        raise StorageError(Status.OBJECT_NAME_INVALID)
    if open_.is_directory:
        raise StorageError(Status.FILE_IS_A_DIRECTORY)
    _check_target(change, target.path, replace=bool(information.replace_if_exists))
    open_.storage.link(open_.path, target.path, replace=bool(information.replace_if_exists))
    touch_directory(open_.storage, target.path[:-1], change.now)
    actor = change.server.break_check.actor_of(open_)
    change.server.break_check.check_directory(open_.storage, target.path[:-1], actor, change.now)
    open_.note_change(change.now)


def _set_short_name(change: Change) -> None:
    """The storages keep no 8.3 names ([MS-FSA] 2.1.5.15.14)."""
    del change
    raise StorageError(Status.SHORT_NAMES_NOT_ENABLED_ON_VOLUME)


def _set_pipe(change: Change) -> None:
    """A file is no pipe."""
    del change
    raise StorageError(Status.INVALID_PARAMETER)


_WRITE_DATA: Final = int(AccessMask.FILE_WRITE_DATA)
_WRITE_ATTRIBUTES: Final = int(AccessMask.FILE_WRITE_ATTRIBUTES)
_DELETE: Final = int(AccessMask.DELETE)
_SETTINGS: Final[dict[int, Setting]] = {
    FileInformationClass.FILE_ALLOCATION_INFORMATION: Setting(_WRITE_DATA, _set_allocation),
    FileInformationClass.FILE_BASIC_INFORMATION: Setting(_WRITE_ATTRIBUTES, _set_basic),
    FileInformationClass.FILE_DISPOSITION_INFORMATION: Setting(_DELETE, _set_disposition),
    FileInformationClass.FILE_END_OF_FILE_INFORMATION: Setting(_WRITE_DATA, _set_end_of_file),
    FileInformationClass.FILE_FULL_EA_INFORMATION: Setting(
        int(AccessMask.FILE_WRITE_EA), _set_extended_attributes
    ),
    FileInformationClass.FILE_LINK_INFORMATION: Setting(0, _set_link),
    FileInformationClass.FILE_MODE_INFORMATION: Setting(0, _set_mode),
    FileInformationClass.FILE_PIPE_INFORMATION: Setting(_WRITE_ATTRIBUTES, _set_pipe),
    FileInformationClass.FILE_POSITION_INFORMATION: Setting(0, _set_position),
    FileInformationClass.FILE_RENAME_INFORMATION: Setting(_DELETE, _set_rename),
    FileInformationClass.FILE_SHORT_NAME_INFORMATION: Setting(_DELETE, _set_short_name),
    FileInformationClass.FILE_VALID_DATA_LENGTH_INFORMATION: Setting(_WRITE_DATA, _set_valid_data_length),
}
"""The classes of 2.2.39, with the right each needs (3.3.5.21.1)."""
_SETTABLE_BUT_NOT_LISTED: Final = (
    FileInformationClass.FILE_DISPOSITION_INFORMATION_EX,
    FileInformationClass.FILE_RENAME_INFORMATION_EX,
    FileInformationClass.FILE_OBJECT_ID_INFORMATION,
    FileInformationClass.FILE_QUOTA_INFORMATION,
    FileInformationClass.FILE_REPARSE_POINT_INFORMATION,
    FileInformationClass.FILE_TRACKING_INFORMATION,
)
"""Classes that [MS-FSCC] 2.4 lets be set and [MS-SMB2] 2.2.39 does not list."""
