"""FSCTL_SRV_REQUEST_RESUME_KEY, FSCTL_SRV_COPYCHUNK and _WRITE ([MS-SMB2] 3.3.5.15.5, 3.3.5.15.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.copychunk import SrvCopychunk, SrvCopychunkCopy, SrvCopychunkResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resume_key import SrvRequestResumeKeyResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.server import Server

_RESUME_KEY_RESPONSE_SIZE: Final = 32
_CONTEXT_PADDING: Final = bytes(4)
_COPY_RESPONSE_SIZE: Final = 12
_MAX_OFFSET: Final = (1 << 63) - 1


def request_resume_key(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Hand out the key that names this open as the source of a copy (3.3.5.15.5)."""
    del now
    open_ = request.open
    if open_ is None or body.max_output_response < _RESUME_KEY_RESPONSE_SIZE:
        return Reply(Status.INVALID_PARAMETER)
    open_.resume_key = server.policies.file_control.resume_key(open_)
    output = SrvRequestResumeKeyResponse(resume_key=open_.resume_key, trailing=_CONTEXT_PADDING).encode()
    return Reply(
        Status.SUCCESS, IoctlResponse(ctl_code=body.ctl_code, file_id=open_.wire_file_id, output=output)
    )


def copy(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Copy ranges from one open to another (3.3.5.15.6)."""
    target = request.open
    if target is None:
        return Reply(Status.FILE_CLOSED)
    if len(body.input) < SrvCopychunkCopy.HEADER.size or body.max_output_response < _COPY_RESPONSE_SIZE:
        return Reply(Status.INVALID_PARAMETER)
    findings: Findings = []
    given = SrvCopychunkCopy.decode(body.input, findings)
    source = _find_source(server, given.source_key)
    if source is None:
        return Reply(Status.OBJECT_NAME_NOT_FOUND)
    config = server.config
    if (
        given.chunk_count > len(given.chunks)
        or given.chunk_count > config.server_side_copy_max_chunks
        or any(not 0 < chunk.length <= config.server_side_copy_max_chunk_size for chunk in given.chunks)
        or sum(chunk.length for chunk in given.chunks) > config.server_side_copy_max_data_size
        or any(chunk.target_offset + chunk.length > _MAX_OFFSET for chunk in given.chunks)
    ):
        # 3.3.5.15.6.2: the response tells the limits.
        limits = SrvCopychunkResponse(
            chunks_written=config.server_side_copy_max_chunks,
            chunk_bytes_written=config.server_side_copy_max_chunk_size,
            total_bytes_written=config.server_side_copy_max_data_size,
        )
        return _reply(target, body, Status.INVALID_PARAMETER, limits)
    needs_read = body.ctl_code == FsctlCode.SRV_COPYCHUNK
    if (
        not source.has_access(AccessMask.FILE_READ_DATA)
        or not target.has_any_access(AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA)
        or (needs_read and not target.has_access(AccessMask.FILE_READ_DATA))
    ):
        return Reply(Status.ACCESS_DENIED)
    if source.session is not target.session:
        return Reply(Status.OBJECT_NAME_NOT_FOUND)
    if source.stream.content is None or target.stream.content is None:
        return Reply(Status.INVALID_DEVICE_REQUEST)
    server.break_check.check_open(target, Operation.WRITE, now)
    total = 0
    for index, chunk in enumerate(given.chunks):
        status = _copy_chunk(server, source, target, chunk)
        if status != Status.SUCCESS:
            # 3.3.5.15.6.1
            if not server.policies.file_control.copy_failure_has_response():
                return Reply(status)
            done = SrvCopychunkResponse(
                chunks_written=index, chunk_bytes_written=0, total_bytes_written=total
            )
            return _reply(target, body, status, done)
        total += chunk.length
    target.note_write(now)
    target.is_modified = True
    done = SrvCopychunkResponse(
        chunks_written=len(given.chunks), chunk_bytes_written=0, total_bytes_written=total
    )
    return _reply(target, body, Status.SUCCESS, done)


def _find_source(server: Server, key: bytes) -> Open | None:
    for open_ in server.global_open_table.values():
        if open_.resume_key and open_.resume_key == key:
            return open_
    return None


def _copy_chunk(server: Server, source: Open, target: Open, chunk: SrvCopychunk) -> Status:
    policies = server.policies
    reader, writer = source.stream.content, target.stream.content
    if reader is None or writer is None:
        return Status.INVALID_DEVICE_REQUEST
    offset, at, length = chunk.source_offset, chunk.target_offset, chunk.length
    if policies.file_control.checks_locks() and (
        source.stream.locks.conflicts_with_access(source, offset, length, write=False)
        or target.stream.locks.conflicts_with_access(target, at, length, write=True)
    ):
        return policies.read_write.lock_conflict_status()
    try:
        if offset + length > reader.size:
            return policies.file_control.source_beyond_end_status()
        writer.write(at, reader.read(offset, length))
    except StorageError as error:
        return error.status
    return Status.SUCCESS


def _reply(open_: Open, body: IoctlRequest, status: Status, response: SrvCopychunkResponse) -> Outcome:
    return Reply(
        status, IoctlResponse(ctl_code=body.ctl_code, file_id=open_.wire_file_id, output=response.encode())
    )
