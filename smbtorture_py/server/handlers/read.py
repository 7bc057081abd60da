"""READ ([MS-SMB2] 3.3.5.12, [MS-FSA] 2.1.5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.read import READ_DATA_OFFSET, ReadFlags, ReadRequest, ReadResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.codec import Buffer


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Read from a file."""
    body = cast(ReadRequest, request.body)
    connection, policies = request.connection, server.policies
    policy = policies.read_write
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    if not open_.has_access(AccessMask.FILE_READ_DATA):
        return Reply(Status.ACCESS_DENIED)
    for status in (
        policy.read_size_status(connection, body.length),
        policies.message.payload_status(connection, request.header, body.length),
        policy.channel_status(connection, body.channel),
        policy.range_status(body.offset, body.length),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    # The object store's part: directories, byte-range locks, then the end of the file.
    content = open_.stream.content
    if content is None:
        return Reply(policy.directory_status())
    if policies.lock.checks_access() and open_.stream.locks.conflicts_with_access(
        open_, body.offset, body.length, write=False
    ):
        return Reply(policy.lock_conflict_status())
    try:
        size = content.size
        if body.length and body.offset >= size:
            return Reply(Status.END_OF_FILE)
        data = content.read(body.offset, body.length)
        open_.note_read(now)
    except StorageError as error:
        return Reply(error.status)
    if len(data) < body.minimum_count:
        return Reply(policy.read_beyond_minimum_status())
    open_.current_byte_offset = body.offset + len(data)
    if body.flags & ReadFlags.REQUEST_COMPRESSED and connection.compression_ids:
        request.compress_reply = True
    if connection.read_padding:
        return Reply(Status.SUCCESS, _padded(data, connection.read_padding))
    return Reply(Status.SUCCESS, ReadResponse(data=data))


def _padded(data: Buffer, padding: int) -> ReadResponse:
    """A response whose data does not follow its fixed part at once (2.2.20 DataOffset)."""
    return ReadResponse(
        data_offset=READ_DATA_OFFSET + padding, data_length=len(data), data=b"".join((bytes(padding), data))
    )
