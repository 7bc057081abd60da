"""WRITE ([MS-SMB2] 3.3.5.13, [MS-FSA] 2.1.5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import CreateOptions
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteFlags, WriteRequest, WriteResponse

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Write to a file."""
    body = cast(WriteRequest, request.body)
    connection, policies = request.connection, server.policies
    policy = policies.read_write
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    content = open_.stream.content
    size = 0 if content is None else content.size
    for status in (
        policy.write_access_status(open_, body.offset, body.length, size),
        policy.write_size_status(connection, body.length),
        policy.channel_status(connection, body.channel),
        policy.data_offset_status(body.data_offset),
        Status.INVALID_PARAMETER if len(body.data) < body.length else Status.SUCCESS,
        policies.message.payload_status(connection, request.header, body.length),
        policy.range_status(body.offset, body.length),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    if body.flags & WriteFlags.WRITE_THROUGH and policy.write_through_needs_unbuffered_open(connection):
        is_unbuffered = open_.create_options & CreateOptions.NO_INTERMEDIATE_BUFFERING
        is_write_unbuffered = body.flags & WriteFlags.WRITE_UNBUFFERED and not policy.ignores_unbuffered(
            connection
        )
        if not is_unbuffered and not is_write_unbuffered:
            return Reply(Status.INVALID_PARAMETER)
    # The object store's part.
    if content is None:
        return Reply(policy.directory_status())
    if policies.lock.checks_access() and open_.stream.locks.conflicts_with_access(
        open_, body.offset, body.length, write=True
    ):
        return Reply(policy.lock_conflict_status())
    if body.length:
        server.break_check.check_open(open_, Operation.WRITE, now)
        try:
            grows = body.offset + body.length > size
            content.write(body.offset, body.data)
            if body.flags & WriteFlags.WRITE_THROUGH:
                content.flush()
            open_.note_write(now)
        except StorageError as error:
            return Reply(error.status)
        open_.current_byte_offset = body.offset + body.length
        open_.is_modified = True
        server.change_notifier.written(open_, now, grows=grows)
    return Reply(Status.SUCCESS, WriteResponse(count=body.length))
