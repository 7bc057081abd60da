"""Opens ([MS-SMB2] 3.2.1.6), and everything done with one.

Every method sends one request and returns its `Exchange`; `options` say on which connection and how, see
`Options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client.lock_sequence import OperationBuckets
from smbtorture_py.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.close import CloseFlags, CloseRequest
from smbtorture_py.wire.codec import Body, Buffer, FileId
from smbtorture_py.wire.create import CreateRequest, CreateResponse, OplockLevel
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.fscc.information_class import FileInformationClass
from smbtorture_py.wire.ioctl import IoctlFlags
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockRequest
from smbtorture_py.wire.oplock_break import OplockBreakAcknowledgment
from smbtorture_py.wire.query_directory import QueryDirectoryFlags, QueryDirectoryRequest
from smbtorture_py.wire.query_info import QueryInfoFlags, QueryInfoRequest
from smbtorture_py.wire.read import ReadFlags, ReadRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.write import WriteFlags, WriteRequest

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.client.exchange import Exchange
    from smbtorture_py.client.session import Options
    from smbtorture_py.client.tree import Tree

DEFAULT_OUTPUT: Final = 65536


@dataclass(slots=True, eq=False, kw_only=True)
class Open:
    """A file, directory or pipe opened on a share, usable over every channel of the session ([MS-SMB2]
    3.2.1.6)."""

    tree: Tree
    connection: Connection
    """Open.Connection: where it was opened."""

    file_id: FileId
    file_name: str
    request: CreateRequest
    response: CreateResponse
    oplock_level: int = OplockLevel.NONE
    """Open.OplockLevel as granted; a break changes it when the caller acknowledges with
    `acknowledge_oplock_break`."""

    lease_state: LeaseState | None = None
    """File.LeaseState since the last break that was acknowledged; None: as granted."""

    lease_epoch: int | None = None
    """File.LeaseEpoch since the last break; None: as granted."""

    operation_buckets: OperationBuckets = field(default_factory=OperationBuckets)

    def submit(self, body: Body, **options: Unpack[Options]) -> Exchange:
        """Send a request on this open's tree; see `Session.submit`."""
        return self.tree.submit(body, **options)

    def close(self, *, close_flags: CloseFlags = CloseFlags.NONE, **options: Unpack[Options]) -> Exchange:
        """Send CLOSE ([MS-SMB2] 3.2.4.5)."""
        return self.submit(CloseRequest(flags=close_flags, file_id=self.file_id), **options)

    def read(
        self,
        offset: int,
        length: int,
        *,
        minimum_count: int = 0,
        read_flags: ReadFlags = ReadFlags.NONE,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send READ of `length` bytes from `offset` ([MS-SMB2] 3.2.4.6)."""
        body = ReadRequest(
            flags=read_flags, length=length, offset=offset, file_id=self.file_id, minimum_count=minimum_count
        )
        return self.submit(body, **options)

    def write(
        self,
        offset: int,
        data: Buffer,
        *,
        write_flags: WriteFlags = WriteFlags.NONE,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send WRITE of `data` at `offset`; the buffer is not copied and must not change ([MS-SMB2]
        3.2.4.7)."""
        return self.submit(
            WriteRequest(offset=offset, file_id=self.file_id, flags=write_flags, data=data), **options
        )

    def flush(self, **options: Unpack[Options]) -> Exchange:
        """Send FLUSH ([MS-SMB2] 3.2.4.16)."""
        return self.submit(FlushRequest(file_id=self.file_id), **options)

    def lock(
        self,
        locks: Sequence[LockElement],
        *,
        lock_sequence_number: int = 0,
        lock_sequence_index: int = 0,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send LOCK: lock or unlock byte ranges ([MS-SMB2] 3.2.4.19, 3.2.4.21)."""
        body = LockRequest(
            lock_sequence_number=lock_sequence_number,
            lock_sequence_index=lock_sequence_index,
            file_id=self.file_id,
            locks=list(locks),
        )
        return self.submit(body, **options)

    def query_info(
        self,
        info_type: int,
        info_class: int,
        *,
        output_buffer_length: int = DEFAULT_OUTPUT,
        additional_information: int = 0,
        query_flags: QueryInfoFlags = QueryInfoFlags.NONE,
        input_buffer: Buffer = b"",
        **options: Unpack[Options],
    ) -> Exchange:
        """Send QUERY_INFO ([MS-SMB2] 3.2.4.8, 3.2.4.10, 3.2.4.12)."""
        body = QueryInfoRequest(
            info_type=info_type,
            file_info_class=info_class,
            output_buffer_length=output_buffer_length,
            additional_information=additional_information,
            flags=query_flags,
            file_id=self.file_id,
            input_buffer=input_buffer,
        )
        return self.submit(body, **options)

    def set_info(
        self,
        info_type: int,
        info_class: int,
        buffer: Buffer,
        *,
        additional_information: int = 0,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send SET_INFO ([MS-SMB2] 3.2.4.9, 3.2.4.11, 3.2.4.13)."""
        body = SetInfoRequest(
            info_type=info_type,
            file_info_class=info_class,
            additional_information=additional_information,
            file_id=self.file_id,
            buffer=buffer,
        )
        return self.submit(body, **options)

    def query_directory(
        self,
        pattern: str = "*",
        *,
        information_class: int = FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION,
        directory_flags: QueryDirectoryFlags = QueryDirectoryFlags.NONE,
        file_index: int = 0,
        output_buffer_length: int = DEFAULT_OUTPUT,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send QUERY_DIRECTORY ([MS-SMB2] 3.2.4.17)."""
        body = QueryDirectoryRequest(
            file_information_class=information_class,
            flags=directory_flags,
            file_index=file_index,
            file_id=self.file_id,
            output_buffer_length=output_buffer_length,
            file_name=pattern,
        )
        return self.submit(body, **options)

    def change_notify(
        self,
        completion_filter: CompletionFilter,
        *,
        watch_tree: bool = False,
        output_buffer_length: int = DEFAULT_OUTPUT,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send CHANGE_NOTIFY ([MS-SMB2] 3.2.4.18)."""
        body = ChangeNotifyRequest(
            flags=ChangeNotifyFlags.WATCH_TREE if watch_tree else ChangeNotifyFlags.NONE,
            output_buffer_length=output_buffer_length,
            file_id=self.file_id,
            completion_filter=completion_filter,
        )
        return self.submit(body, **options)

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        max_input_response: int = 0,
        max_output_response: int = DEFAULT_OUTPUT,
        ioctl_flags: IoctlFlags = IoctlFlags.IS_FSCTL,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send IOCTL on this open ([MS-SMB2] 3.2.4.20)."""
        return self.tree.ioctl(
            ctl_code,
            input_buffer,
            file_id=self.file_id,
            max_input_response=max_input_response,
            max_output_response=max_output_response,
            ioctl_flags=ioctl_flags,
            **options,
        )

    def acknowledge_oplock_break(self, oplock_level: int, **options: Unpack[Options]) -> Exchange:
        """Send OPLOCK_BREAK Acknowledgment and take over the new level ([MS-SMB2] 3.2.5.19.1)."""
        self.oplock_level = oplock_level
        return self.submit(
            OplockBreakAcknowledgment(oplock_level=oplock_level, file_id=self.file_id), **options
        )
