"""QUERY_INFO ([MS-SMB2] 3.3.5.20)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from smbtorture_py.server.handlers import security
from smbtorture_py.server.open import Open
from smbtorture_py.server.path_name import DATA_STREAM_TYPE, SEPARATOR, STREAM_SEPARATOR
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.short_name import short_name
from smbtorture_py.server.storage import MAX_COMPONENT_LENGTH, StorageError
from smbtorture_py.wire.chain import decode_entries, encode_entries
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.create import AccessMask, CreateOptions
from smbtorture_py.wire.fscc.extended_attributes import FileFullEaInformation, FileGetEaInformation
from smbtorture_py.wire.fscc.file_information import (
    FileAccessInformation,
    FileAlignmentInformation,
    FileAllInformation,
    FileAlternateNameInformation,
    FileAttributeTagInformation,
    FileBasicInformation,
    FileCompressionInformation,
    FileEaInformation,
    FileIdInformation,
    FileInternalInformation,
    FileModeInformation,
    FileNameInformation,
    FileNetworkOpenInformation,
    FileNormalizedNameInformation,
    FilePositionInformation,
    FileStandardInformation,
    FileStreamInformation,
)
from smbtorture_py.wire.fscc.file_system_information import (
    FileFsAttributeInformation,
    FileFsControlInformation,
    FileFsDeviceInformation,
    FileFsFullSizeInformation,
    FileFsObjectIdInformation,
    FileFsSectorSizeInformation,
    FileFsSizeInformation,
    FileFsVolumeInformation,
)
from smbtorture_py.wire.fscc.information_class import (
    DeviceCharacteristics,
    DeviceType,
    FileAttributes,
    FileInformationClass,
    FileMode,
    FileSystemAttributes,
    FsInformationClass,
    InfoType,
)
from smbtorture_py.wire.query_info import QueryInfoFlags, QueryInfoRequest, QueryInfoResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_FILE_ID_SIZE: Final = 16
_ALL_FIXED_SIZE: Final = 104
"""Bytes in front of the name of FileAllInformation, in whole 8s ([MS-FSA] 2.1.5.12.2)."""
_NAME_FIXED_SIZE: Final = 8
_STREAM_FIXED_SIZE: Final = 32
"""The size of one FILE_STREAM_INFORMATION ([MS-FSA] 2.1.5.12.29)."""
_VARIABLE: Final = 0


class QueryError(Exception):
    """A query fails with `status`."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(slots=True)
class Query:
    """One request on its way: what the functions below need."""

    server: Server
    request: Request
    body: QueryInfoRequest
    open: Open


@dataclass(slots=True, frozen=True)
class Information:
    """How one class is queried: the bytes that must fit at least, the right it needs, and how it is made."""

    fixed_size: int
    make: Callable[[Query], bytes]
    access: int = 0


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Query a file, its volume or its security."""
    body = cast(QueryInfoRequest, request.body)
    policies = server.policies
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    payload = max(body.input_buffer_length, body.output_buffer_length)
    for status in (
        policies.information.size_status(request.connection, body.output_buffer_length),
        policies.message.payload_status(request.connection, request.header, payload),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    query = Query(server, request, body, open_)
    try:
        if body.info_type == InfoType.FILE:
            return _query_file(query)
        if body.info_type == InfoType.FILESYSTEM:
            return _query_file_system(query)
        if body.info_type == InfoType.SECURITY:
            return _query_security(query)
        if body.info_type == InfoType.QUOTA:
            return Reply(policies.information.quota_status())
    except (QueryError, StorageError) as error:
        return Reply(error.status)
    return Reply(Status.INVALID_PARAMETER)


def _query_file(query: Query) -> Outcome:
    """3.3.5.20.1."""
    number, policy = query.body.file_info_class, query.server.policies.information
    information = _FILE_INFORMATION.get(number)
    if information is None:
        is_known = number in frozenset(FileInformationClass)
        return Reply(policy.unlisted_class_status() if is_known else policy.unknown_class_status())
    if not query.open.has_access(information.access):
        return Reply(Status.ACCESS_DENIED)
    if number == FileInformationClass.FILE_FULL_EA_INFORMATION:
        return _query_extended_attributes(query)
    return _answer(query, information)


def _query_file_system(query: Query) -> Outcome:
    """3.3.5.20.2."""
    number, policy = query.body.file_info_class, query.server.policies.information
    information = _FS_INFORMATION.get(number)
    if information is None:
        is_known = number in frozenset(FsInformationClass)
        return Reply(policy.unlisted_class_status() if is_known else policy.unknown_class_status())
    return _answer(query, information)


def _answer(query: Query, information: Information) -> Outcome:
    """Cut what was made to the client's buffer: too small for the fixed part fails, else BUFFER_OVERFLOW."""
    room = query.body.output_buffer_length
    if room < max(information.fixed_size, 1):
        return Reply(query.server.policies.information.too_small_status())
    data = information.make(query)
    status = Status.BUFFER_OVERFLOW if len(data) > room else Status.SUCCESS
    return Reply(status, QueryInfoResponse(output_buffer=data[:room]))


def _query_security(query: Query) -> Outcome:
    """3.3.5.20.3."""
    data = security.query(query.open, query.body.additional_information)
    if isinstance(data, Status):
        return Reply(data)
    if len(data) > query.body.output_buffer_length:
        return Reply(Status.BUFFER_TOO_SMALL, error_data=len(data).to_bytes(4, "little"))
    return Reply(Status.SUCCESS, QueryInfoResponse(output_buffer=data))


def _query_extended_attributes(query: Query) -> Outcome:
    """3.3.5.20.1: by the client's list, by index, or from where the last request stopped."""
    body, open_ = query.body, query.open
    if body.input_buffer_length != len(body.input_buffer):
        return Reply(Status.INVALID_PARAMETER)
    full = list(open_.node.extended_attributes())
    if body.input_buffer_length:
        findings: Findings = []
        wanted = decode_entries(FileGetEaInformation, body.input_buffer, findings)
        if findings:
            return Reply(Status.EA_LIST_INCONSISTENT)
        by_name = {name.upper(): (name, value) for name, value in full}
        chosen = [by_name.get(entry.ea_name.upper(), (entry.ea_name, b"")) for entry in wanted]
        return _fill_extended_attributes(query, chosen)[0]
    if body.flags & QueryInfoFlags.INDEX_SPECIFIED:
        start = body.additional_information
        if not 1 <= start <= len(full):
            return Reply(Status.NONEXISTENT_EA_ENTRY)
        return _fill_extended_attributes(query, full[start - 1 :])[0]
    if body.flags & QueryInfoFlags.RESTART_SCAN:
        open_.current_ea_index = 1
    if not full:
        return Reply(Status.NO_EAS_ON_FILE)
    rest = full[open_.current_ea_index - 1 :]
    if not rest:
        return Reply(Status.NO_MORE_EAS)
    outcome, count = _fill_extended_attributes(query, rest)
    open_.current_ea_index += count
    return outcome


def _fill_extended_attributes(query: Query, chosen: Sequence[tuple[bytes, bytes]]) -> tuple[Outcome, int]:
    """Put as many entries into the response as fit; also return how many those are."""
    if query.body.flags & QueryInfoFlags.RETURN_SINGLE_ENTRY:
        chosen = chosen[:1]
    fitting: list[FileFullEaInformation] = []
    data = b""
    for name, value in chosen:
        longer = encode_entries([*fitting, FileFullEaInformation(ea_name=name, ea_value=value)])
        if len(longer) > query.body.output_buffer_length:
            status = Status.BUFFER_OVERFLOW if fitting else Status.BUFFER_TOO_SMALL
            return Reply(status, QueryInfoResponse(output_buffer=data) if fitting else None), len(fitting)
        fitting.append(FileFullEaInformation(ea_name=name, ea_value=value))
        data = longer
    return Reply(Status.SUCCESS, QueryInfoResponse(output_buffer=data)), len(fitting)


def _basic(query: Query) -> FileBasicInformation:
    info = query.open.query()
    return FileBasicInformation(
        creation_time=info.creation_time,
        last_access_time=info.last_access_time,
        last_write_time=info.last_write_time,
        change_time=info.change_time,
        file_attributes=FileAttributes(info.file_attributes),
    )


def _standard(query: Query) -> FileStandardInformation:
    info, is_deleted = query.open.query(), query.open.stream.is_delete_pending
    return FileStandardInformation(
        allocation_size=info.allocation_size,
        end_of_file=info.end_of_file,
        # A name that is about to go does not count ([MS-FSA] 2.1.5.12.27).
        number_of_links=max(info.number_of_links - is_deleted, 0),
        delete_pending=int(is_deleted),
        directory=int(query.open.is_directory),
    )


def _internal(query: Query) -> FileInternalInformation:
    return FileInternalInformation(index_number=query.open.node.file_id)


def _ea(query: Query) -> FileEaInformation:
    return FileEaInformation(ea_size=query.open.node.info().ea_size)


def _access(query: Query) -> FileAccessInformation:
    return FileAccessInformation(access_flags=query.open.local_open.granted_access)


def _position(query: Query) -> FilePositionInformation:
    offset = query.server.policies.information.position(query.open.current_byte_offset)
    return FilePositionInformation(current_byte_offset=offset)


def _mode(query: Query) -> FileModeInformation:
    deletes = query.open.delete_on_close and query.open.create_options & CreateOptions.DELETE_ON_CLOSE
    return FileModeInformation(mode=FileMode(query.open.mode) | (FileMode.DELETE_ON_CLOSE if deletes else 0))


def path_on_share(open_: Open) -> str:
    """The name relative to the share, with the stream."""
    stream = f"{STREAM_SEPARATOR}{open_.stream.name}" if open_.stream.name else ""
    return SEPARATOR.join(open_.path) + stream


def _all(query: Query) -> bytes:
    has_name = query.server.policies.information.all_information_has_name()
    return FileAllInformation(
        basic_information=_basic(query),
        standard_information=_standard(query),
        internal_information=_internal(query),
        ea_information=_ea(query),
        access_information=_access(query),
        position_information=_position(query),
        mode_information=_mode(query),
        alignment_information=FileAlignmentInformation(),
        name_information=FileNameInformation(
            file_name=SEPARATOR + path_on_share(query.open) if has_name else ""
        ),
    ).encode()


def _normalized_name(query: Query) -> bytes:
    if not query.server.policies.information.serves_normalized_name(query.request.connection):
        raise QueryError(Status.NOT_SUPPORTED)
    return FileNormalizedNameInformation(file_name=path_on_share(query.open)).encode()


def _network_open(query: Query) -> bytes:
    return FileNetworkOpenInformation(**query.open.query().network_open()).encode()


def _attribute_tag(query: Query) -> bytes:
    return FileAttributeTagInformation(
        file_attributes=FileAttributes(query.open.query().file_attributes)
    ).encode()


def _compression(query: Query) -> bytes:
    return FileCompressionInformation(compressed_file_size=query.open.query().end_of_file).encode()


def _id(query: Query) -> bytes:
    if not query.server.policies.information.serves_file_id_information(query.request.connection):
        raise QueryError(Status.NOT_SUPPORTED)
    return FileIdInformation(
        volume_serial_number=query.open.storage.volume().serial_number,
        file_id=query.open.node.file_id.to_bytes(_FILE_ID_SIZE, "little"),
    ).encode()


def _streams(query: Query) -> bytes:
    return encode_entries(
        [
            FileStreamInformation(
                stream_size=entry.size,
                stream_allocation_size=entry.allocation_size,
                stream_name=f"{STREAM_SEPARATOR}{entry.name}{STREAM_SEPARATOR}{DATA_STREAM_TYPE}",
            )
            for entry in query.open.node.streams()
        ]
    )


def _alternate_name(query: Query) -> bytes:
    # The root has no name.
    if not query.open.path:
        raise QueryError(Status.OBJECT_NAME_NOT_FOUND)
    return FileAlternateNameInformation(file_name=short_name(query.open.path[-1])).encode()


def _no_pipe(query: Query) -> bytes:
    del query
    raise QueryError(Status.INVALID_PARAMETER)


def _extended_attributes(query: Query) -> bytes:
    del query
    raise AssertionError("FileFullEaInformation has a function of its own")


_ATTRIBUTES: Final = int(AccessMask.FILE_READ_ATTRIBUTES)
_FILE_INFORMATION: Final[dict[int, Information]] = {
    FileInformationClass.FILE_ACCESS_INFORMATION: Information(4, lambda query: _access(query).encode()),
    FileInformationClass.FILE_ALIGNMENT_INFORMATION: Information(
        4, lambda _: FileAlignmentInformation().encode()
    ),
    FileInformationClass.FILE_ALL_INFORMATION: Information(_ALL_FIXED_SIZE, _all, _ATTRIBUTES),
    FileInformationClass.FILE_ALTERNATE_NAME_INFORMATION: Information(_NAME_FIXED_SIZE, _alternate_name),
    FileInformationClass.FILE_ATTRIBUTE_TAG_INFORMATION: Information(8, _attribute_tag, _ATTRIBUTES),
    FileInformationClass.FILE_BASIC_INFORMATION: Information(
        40, lambda query: _basic(query).encode(), _ATTRIBUTES
    ),
    FileInformationClass.FILE_COMPRESSION_INFORMATION: Information(16, _compression),
    FileInformationClass.FILE_EA_INFORMATION: Information(4, lambda query: _ea(query).encode()),
    FileInformationClass.FILE_FULL_EA_INFORMATION: Information(
        _VARIABLE, _extended_attributes, int(AccessMask.FILE_READ_EA)
    ),
    FileInformationClass.FILE_ID_INFORMATION: Information(24, _id),
    FileInformationClass.FILE_INTERNAL_INFORMATION: Information(8, lambda query: _internal(query).encode()),
    FileInformationClass.FILE_MODE_INFORMATION: Information(4, lambda query: _mode(query).encode()),
    FileInformationClass.FILE_NETWORK_OPEN_INFORMATION: Information(56, _network_open, _ATTRIBUTES),
    FileInformationClass.FILE_NORMALIZED_NAME_INFORMATION: Information(_NAME_FIXED_SIZE, _normalized_name),
    FileInformationClass.FILE_PIPE_INFORMATION: Information(8, _no_pipe, _ATTRIBUTES),
    FileInformationClass.FILE_PIPE_LOCAL_INFORMATION: Information(40, _no_pipe, _ATTRIBUTES),
    FileInformationClass.FILE_PIPE_REMOTE_INFORMATION: Information(12, _no_pipe, _ATTRIBUTES),
    FileInformationClass.FILE_POSITION_INFORMATION: Information(8, lambda query: _position(query).encode()),
    FileInformationClass.FILE_STANDARD_INFORMATION: Information(24, lambda query: _standard(query).encode()),
    FileInformationClass.FILE_STREAM_INFORMATION: Information(_STREAM_FIXED_SIZE, _streams),
}
"""The classes of 2.2.37, with the bytes of their fixed part, in whole 8s where a name follows ([MS-FSA]
2.1.5.12)."""


def _fs_volume(query: Query) -> bytes:
    volume = query.open.storage.volume()
    return FileFsVolumeInformation(
        volume_creation_time=volume.creation_time,
        volume_serial_number=volume.serial_number,
        supports_objects=0,
        volume_label=volume.label,
    ).encode()


def _fs_size(query: Query) -> bytes:
    volume = query.open.storage.volume()
    return FileFsSizeInformation(
        total_allocation_units=volume.total_size // volume.allocation_unit,
        available_allocation_units=volume.free_size // volume.allocation_unit,
        sectors_per_allocation_unit=volume.sectors_per_allocation_unit,
        bytes_per_sector=volume.bytes_per_sector,
    ).encode()


def _fs_full_size(query: Query) -> bytes:
    volume = query.open.storage.volume()
    return FileFsFullSizeInformation(
        total_allocation_units=volume.total_size // volume.allocation_unit,
        caller_available_allocation_units=volume.free_size // volume.allocation_unit,
        actual_available_allocation_units=volume.free_size // volume.allocation_unit,
        sectors_per_allocation_unit=volume.sectors_per_allocation_unit,
        bytes_per_sector=volume.bytes_per_sector,
    ).encode()


def _fs_device(query: Query) -> bytes:
    del query
    return FileFsDeviceInformation(
        device_type=DeviceType.DISK,
        characteristics=DeviceCharacteristics.DEVICE_IS_MOUNTED | DeviceCharacteristics.REMOTE_DEVICE,
    ).encode()


def _fs_attribute(query: Query) -> bytes:
    attributes = (
        FileSystemAttributes.CASE_PRESERVED_NAMES
        | FileSystemAttributes.CASE_SENSITIVE_SEARCH
        | FileSystemAttributes.UNICODE_ON_DISK
        | FileSystemAttributes.PERSISTENT_ACLS
        | FileSystemAttributes.SUPPORTS_SPARSE_FILES
        | FileSystemAttributes.SUPPORTS_OBJECT_IDS
        | FileSystemAttributes.SUPPORTS_HARD_LINKS
        | FileSystemAttributes.SUPPORTS_EXTENDED_ATTRIBUTES
    )
    if query.open.storage.supports_streams:
        attributes |= FileSystemAttributes.NAMED_STREAMS
    return FileFsAttributeInformation(
        file_system_attributes=attributes,
        maximum_component_name_length=MAX_COMPONENT_LENGTH,
        file_system_name=query.open.storage.volume().file_system_name,
    ).encode()


def _fs_control(query: Query) -> bytes:
    del query
    return FileFsControlInformation().encode()


def _fs_object_id(query: Query) -> bytes:
    serial = query.open.storage.volume().serial_number
    return FileFsObjectIdInformation(object_id=serial.to_bytes(_FILE_ID_SIZE, "little")).encode()


def _fs_sector_size(query: Query) -> bytes:
    size = query.open.storage.volume().bytes_per_sector
    return FileFsSectorSizeInformation(
        logical_bytes_per_sector=size,
        physical_bytes_per_sector_for_atomicity=size,
        physical_bytes_per_sector_for_performance=size,
        file_system_effective_physical_bytes_per_sector_for_atomicity=size,
    ).encode()


_FS_INFORMATION: Final[dict[int, Information]] = {
    FsInformationClass.FILE_FS_ATTRIBUTE_INFORMATION: Information(16, _fs_attribute),
    FsInformationClass.FILE_FS_CONTROL_INFORMATION: Information(48, _fs_control),
    FsInformationClass.FILE_FS_DEVICE_INFORMATION: Information(8, _fs_device),
    FsInformationClass.FILE_FS_FULL_SIZE_INFORMATION: Information(32, _fs_full_size),
    FsInformationClass.FILE_FS_OBJECT_ID_INFORMATION: Information(64, _fs_object_id),
    FsInformationClass.FILE_FS_SECTOR_SIZE_INFORMATION: Information(28, _fs_sector_size),
    FsInformationClass.FILE_FS_SIZE_INFORMATION: Information(24, _fs_size),
    FsInformationClass.FILE_FS_VOLUME_INFORMATION: Information(24, _fs_volume),
}
"""The classes of 2.2.37, with the size of their fixed part in bytes."""
