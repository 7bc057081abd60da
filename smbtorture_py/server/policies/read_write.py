"""READ, WRITE and FLUSH ([MS-SMB2] 3.3.5.11, 3.3.5.12, 3.3.5.13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.read import Channel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open

MAX_FILE_SIZE: Final = (1 << 63) - 1
MAX_DATA_OFFSET: Final = 0x100
RDMA_CHANNELS: Final = (Channel.RDMA_V1, Channel.RDMA_V1_INVALIDATE)


class ReadWritePolicy:
    """The choices around READ, WRITE and FLUSH."""

    def read_size_status(self, connection: Connection, length: int) -> Status:
        """SUCCESS, or what a Length above MaxReadSize fails with (SHOULD, 3.3.5.12)."""
        return Status.INVALID_PARAMETER if length > connection.max_read_size else Status.SUCCESS

    def write_size_status(self, connection: Connection, length: int) -> Status:
        """SUCCESS, or what a Length above MaxWriteSize fails with (SHOULD, 3.3.5.13)."""
        return Status.INVALID_PARAMETER if length > connection.max_write_size else Status.SUCCESS

    def channel_status(self, connection: Connection, channel: int) -> Status:
        """SUCCESS, or what Channel fails with: RDMA over TCP, and values unknown to the dialect (3.3.5.12,
        .13)."""
        if not connection.is_3x or channel == Channel.NONE:
            return Status.SUCCESS
        return Status.INVALID_PARAMETER

    def range_status(self, offset: int, length: int) -> Status:
        """SUCCESS, or what a range beyond 2^63 fails with ([MS-FSA] 2.1.5.3, 2.1.5.4)."""
        return Status.INVALID_PARAMETER if offset + length > MAX_FILE_SIZE else Status.SUCCESS

    def data_offset_status(self, data_offset: int) -> Status:
        """SUCCESS, or what a DataOffset above 0x100 fails with (3.3.5.13)."""
        return Status.INVALID_PARAMETER if data_offset > MAX_DATA_OFFSET else Status.SUCCESS

    def write_access_status(self, open_: Open, offset: int, length: int, size: int) -> Status:
        """SUCCESS, or what a write fails with that the open has no right for (SHOULD, 3.3.5.13).

        Within the file it needs FILE_WRITE_DATA, beyond its end FILE_APPEND_DATA. Taken literally a handle
        opened for FILE_WRITE_DATA alone could never extend a file, which contradicts [MS-FSA] 2.1.5.4, so
        that FILE_WRITE_DATA suffices for both.
        """
        if open_.has_access(AccessMask.FILE_WRITE_DATA):
            return Status.SUCCESS
        extends = offset + length > size
        return (
            Status.SUCCESS
            if extends and open_.has_access(AccessMask.FILE_APPEND_DATA)
            else Status.ACCESS_DENIED
        )

    def directory_status(self) -> Status:
        """What reading or writing a directory fails with ([MS-FSA] 2.1.5.3)."""
        return Status.INVALID_DEVICE_REQUEST

    def ignores_unbuffered(self, connection: Connection) -> bool:
        """Whether SMB2_WRITEFLAG_WRITE_UNBUFFERED is ignored: below 3.0.2 (3.3.5.13)."""
        return connection.dialect is None or connection.dialect < Dialect.SMB_3_0_2

    def write_through_needs_unbuffered_open(self, connection: Connection) -> bool:
        """Whether WRITE_THROUGH is refused on an open without FILE_NO_INTERMEDIATE_BUFFERING (3.3.5.13)."""
        return connection.dialect is not None and connection.dialect != Dialect.SMB_2_0_2

    def lock_conflict_status(self) -> Status:
        """What a read or write that meets a lock fails with ([MS-FSA] 2.1.4.10)."""
        return Status.FILE_LOCK_CONFLICT

    def read_beyond_minimum_status(self) -> Status:
        """What fewer bytes than MinimumCount fail with (3.3.5.12)."""
        return Status.END_OF_FILE
