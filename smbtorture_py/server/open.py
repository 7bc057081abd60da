"""Open ([MS-SMB2] 3.3.1.10), and how one is closed (3.3.4.17)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.storage import Node, NodeInfo, NodeTimes, Path, Storage, StorageError
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import CreateAction, CreateOptions, OplockLevel
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.fscc.information_class import FileAttributes

if TYPE_CHECKING:
    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.parts.file_table import OpenFile, OpenStream
    from smbtorture_py.server.server import Server
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect

LOCK_SEQUENCES: Final = 64
"""Entries of Open.LockSequenceArray."""
RESUME_KEY_SIZE: Final = 24


class OplockState(Enum):
    """Open.OplockState ([MS-SMB2] 3.3.1.10)."""

    NONE = auto()
    HELD = auto()
    BREAKING = auto()


@dataclass(slots=True)
class LocalOpen:
    """Open.LocalOpen: which stream of which file, and the access that the storage was opened with."""

    stream: OpenStream
    granted_access: int = 0
    """Without the FILE_READ_DATA that 3.3.5.9 adds to Open.GrantedAccess for FILE_EXECUTE."""

    @property
    def file(self) -> OpenFile:
        """The open file."""
        return self.stream.file

    @property
    def node(self) -> Node:
        """The file in its storage."""
        return self.stream.file.node

    @property
    def storage(self) -> Storage:
        """Where the file lives."""
        return self.stream.file.storage


@dataclass(slots=True)
class LockSequence:
    """One entry of Open.LockSequenceArray."""

    sequence_number: int = 0
    valid: bool = False


@dataclass(slots=True)
class FrozenTimes:
    """Which times the client has set or frozen through this open, so that I/O on it leaves them ([MS-FSCC]
    2.4.7)."""

    last_access_time: bool = False
    last_write_time: bool = False
    change_time: bool = False


@dataclass(slots=True)
class Enumeration:
    """A directory enumeration under way: the pattern, the names found at its start, and how many were
    returned."""

    pattern: str
    names: list[str]
    position: int = 0


@dataclass(slots=True, eq=False)
class Open:
    """One open; fields are those of [MS-SMB2] 3.3.1.10, then what its object store keeps."""

    file_id: int
    """The volatile half of the FileId."""
    durable_file_id: int
    """The persistent half."""
    session: Session | None
    tree_connect: TreeConnect | None
    connection: Connection | None
    local_open: LocalOpen
    path: Path
    """Open.PathName: where the file is at present."""
    file_name: str
    """As the client spelt it."""
    desired_access: int
    granted_access: int
    share_access: int
    create_options: int
    file_attributes: int
    client_guid: bytes = bytes(16)
    file_global_id: int = 0
    oplock_level: OplockLevel = OplockLevel.NONE
    oplock_state: OplockState = OplockState.NONE
    oplock_timeout: float | None = None
    """When a break counts as acknowledged, Unix seconds."""
    is_durable: bool = False
    durable_open_timeout: float = 0.0
    durable_open_scavenger_timeout: float | None = None
    durable_owner: Identity | None = None
    current_ea_index: int = 1
    current_quota_index: int = 1
    lock_count: int = 0
    resume_key: bytes = b""
    is_resilient: bool = False
    resiliency_timeout: float = 0.0
    resilient_open_timeout: float | None = None
    lock_sequence_array: defaultdict[int, LockSequence] = field(
        default_factory=lambda: defaultdict(LockSequence)
    )
    """By index, 1 to 64; entries come to be when they are first asked for, since most opens need none."""
    lease: Lease | None = None
    create_guid: bytes | None = None
    app_instance_id: bytes | None = None
    application_instance_version: tuple[int, int] | None = None
    """Open.ApplicationInstanceVersionHigh and -Low; None for empty."""
    is_persistent: bool = False
    channel_sequence: int = 0
    channel_generation: int = 0
    """How often `channel_sequence` has moved; tells a number from the same one, 65,536 later."""
    outstanding_request_count: int = 0
    outstanding_pre_request_count: int = 0
    is_replay_eligible: bool = False
    is_restored: bool = False
    """The server has been started anew since a client had it."""
    share_name: str = ""
    """Of the share it was made on; outlives Open.TreeConnect."""
    asked: tuple[int, int, int] = (0, 0, 0)
    """CreateOptions, DesiredAccess and ShareAccess as they were received."""
    create_action: CreateAction = CreateAction.OPENED
    """What the CREATE was answered with, and a replay of it is."""

    break_level: OplockLevel = OplockLevel.NONE
    """The level a break under way asks for."""
    is_break_lowered: bool = False
    """Meanwhile an operation leaves less of the oplock than its client was told."""
    delete_on_close: bool = False
    current_byte_offset: int = 0
    mode: int = 0
    """FILE_MODE_INFORMATION ([MS-FSCC] 2.4.31)."""
    frozen_times: FrozenTimes = field(default_factory=FrozenTimes)
    enumeration: Enumeration | None = None
    is_modified: bool = False
    """Data was written through it: what the directory says of the file is brought up to date at the end."""
    is_closed: bool = False

    @property
    def wire_file_id(self) -> FileId:
        """The SMB2_FILEID that names it on the wire."""
        return FileId(self.durable_file_id, self.file_id)

    @property
    def stream(self) -> OpenStream:
        """The stream that is open."""
        return self.local_open.stream

    @property
    def file(self) -> OpenFile:
        """The file that is open."""
        return self.local_open.stream.file

    @property
    def node(self) -> Node:
        """The file in its storage."""
        return self.local_open.node

    @property
    def storage(self) -> Storage:
        """Where the file lives."""
        return self.local_open.storage

    @property
    def is_directory(self) -> bool:
        """Whether a directory itself is open, not a stream of it."""
        return self.local_open.node.is_directory and self.local_open.stream.content is None

    def query(self) -> NodeInfo:
        """Query the file, with the sizes of the stream that is open and NORMAL where no attribute is set."""
        info, content = self.node.info(), self.stream.content
        attributes = info.file_attributes
        if self.stream.name:
            attributes &= ~int(FileAttributes.DIRECTORY)
        return replace(
            info,
            file_attributes=attributes or int(FileAttributes.NORMAL),
            end_of_file=0 if content is None else content.size,
            allocation_size=0 if content is None else content.allocation_size,
        )

    def has_access(self, access: int) -> bool:
        """Tell whether all of these rights were granted."""
        return self.granted_access & access == access

    def has_any_access(self, access: int) -> bool:
        """Tell whether one of these rights was granted."""
        return self.granted_access & access != 0

    def note_read(self, now: float) -> None:
        """Move the last access time, unless this open froze it."""
        if not self.frozen_times.last_access_time:
            self.node.set_times(NodeTimes(last_access_time=to_filetime(now)))

    def note_write(self, now: float) -> None:
        """Move the times that a change of the content moves, except those this open froze."""
        time, frozen = to_filetime(now), self.frozen_times
        self.node.set_times(
            NodeTimes(
                last_access_time=None if frozen.last_access_time else time,
                last_write_time=None if frozen.last_write_time else time,
                change_time=None if frozen.change_time else time,
            )
        )

    def note_change(self, now: float) -> None:
        """Move the change time, which a change of the attributes moves."""
        if not self.frozen_times.change_time:
            self.node.set_times(NodeTimes(change_time=to_filetime(now)))


def touch_directory(storage: Storage, path: Path, now: float) -> None:
    """Move the times of a directory in which a name has changed."""
    try:
        node = storage.lookup(path)
    except StorageError:
        return
    if node is not None:
        time = to_filetime(now)
        node.set_times(NodeTimes(last_access_time=time, last_write_time=time, change_time=time))
        node.close()


def close_open(server: Server, open_: Open, now: float) -> None:
    """Close an open as [MS-SMB2] 3.3.4.17 says, whoever asks: CLOSE, a lost session or tree, the server
    itself.

    Pending requests on it are answered, its locks and oplock are released, and a file that was to be deleted
    goes with its last open. Does nothing where it is closed already.
    """
    if open_.is_closed:
        return
    open_.is_closed = True
    server.global_open_table.pop(open_.durable_file_id, None)
    server.create_guid_table.forget(open_)
    server.durable_opens.forget(open_)
    server.persistent_opens.forget(open_)
    stream, file = open_.stream, open_.file
    server.change_notifier.close(open_, now)
    stream.locks.release_open(open_, now)
    if open_.create_options & CreateOptions.DELETE_ON_CLOSE and open_.delete_on_close:
        _mark_delete_pending(server, open_, now)
    if open_.is_modified:
        server.break_check.check_parent(open_, now)
    server.file_table.remove(open_)
    server.lease_tables.leave(open_)
    try:
        _delete_if_last(server, open_, now)
    finally:
        if open_.session is not None:
            open_.session.open_table.pop(open_.file_id, None)
        if open_.tree_connect is not None:
            open_.tree_connect.open_count -= 1
        server.file_table.forget_if_unused(file)
        open_.oplock_level, open_.oplock_state = OplockLevel.NONE, OplockState.NONE
        stream.resume_waiters(now)


def _mark_delete_pending(server: Server, open_: Open, now: float) -> None:
    """FILE_DELETE_ON_CLOSE takes effect when the open that asked for it is closed ([MS-FSA] 2.1.5.5); whoever
    caches handles hears of it."""
    server.break_check.check_open(open_, Operation.DELETE, now)
    if open_.stream.name:
        open_.stream.delete_pending = True
    else:
        open_.file.delete_pending = True
        open_.file.deleted_under = server.break_check.actor_of(open_).parent_lease_key
        if open_.is_directory:
            server.change_notifier.is_deleting(open_, now)


def _delete_if_last(server: Server, open_: Open, now: float) -> None:
    """Delete what was to be deleted once nothing has it open ([MS-FSA] 2.1.5.5)."""
    stream, file = open_.stream, open_.file
    if stream.delete_pending and not stream.opens and stream.name:
        file.node.remove_stream(stream.name)
        server.change_notifier.stream_removed(open_, now)
    if not file.delete_pending or any(True for _ in file.opens()):
        return
    try:
        open_.storage.remove(open_.path)
    except StorageError:
        # Something was put into the directory by another way, or the host refuses: it stays.
        file.delete_pending = False
        return
    touch_directory(open_.storage, open_.path[:-1], now)
    server.change_notifier.removed(open_, now)
    actor = server.break_check.actor_of(open_)
    parent = server.policies.lease.parent_at_delete(actor.parent_lease_key, file.deleted_under)
    actor = replace(actor, parent_lease_key=parent)
    server.break_check.check_directory(open_.storage, open_.path[:-1], actor, now)
