"""FSCTLs that pass through to the file's storage ([MS-SMB2] 3.3.5.15.8, [MS-FSCC] 2.3, [MS-FSA] 2.1.5.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.open import Open
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.fscc.information_class import CompressionFormat, FileAttributes
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.compression_and_integrity import CompressionState
from smbtorture_py.wire.ioctl_payloads.file_ranges import (
    FileAllocatedRange,
    FileZeroDataInformation,
    SetSparse,
    encode_allocated_ranges,
)
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_OBJECT_ID_SIZE: Final = 16
_OBJECT_ID_BUFFER_SIZE: Final = 64
_WRITING: Final = AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA

Control: TypeAlias = "Callable[[Server, Open, IoctlRequest, float], bytes | Reply]"
"""Returns the output, or a Reply where that is not all; raises StorageError."""


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Perform the control, and answer with what it returns."""
    open_ = request.open
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    try:
        outcome = CONTROLS[body.ctl_code](server, open_, body, now)
    except StorageError as error:
        return Reply(error.status)
    return outcome if isinstance(outcome, Reply) else _reply(open_, body, Status.SUCCESS, outcome)


def _reply(open_: Open, body: IoctlRequest, status: Status, output: bytes) -> Reply:
    return Reply(status, IoctlResponse(ctl_code=body.ctl_code, file_id=open_.wire_file_id, output=output))


def _set_sparse(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.64: no input means TRUE."""
    del server
    if open_.node.is_directory:
        raise StorageError(Status.INVALID_PARAMETER)
    if not open_.has_any_access(_WRITING | AccessMask.FILE_WRITE_ATTRIBUTES):
        raise StorageError(Status.ACCESS_DENIED)
    attributes = open_.node.info().file_attributes
    wanted = bool(SetSparse.decode(body.input, []).set_sparse) if len(body.input) else True
    changed = (
        attributes | FileAttributes.SPARSE_FILE if wanted else attributes & ~int(FileAttributes.SPARSE_FILE)
    )
    open_.node.set_attributes(changed)
    open_.note_change(now)
    return b""


def _set_zero_data(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.67."""
    content = open_.stream.content
    if content is None or len(body.input) < FileZeroDataInformation.LAYOUT.size:
        raise StorageError(Status.INVALID_PARAMETER)
    if not open_.has_any_access(_WRITING):
        raise StorageError(Status.ACCESS_DENIED)
    given = FileZeroDataInformation.decode(body.input, [])
    if given.file_offset < 0 or given.beyond_final_zero < given.file_offset:
        raise StorageError(Status.INVALID_PARAMETER)
    length = given.beyond_final_zero - given.file_offset
    if open_.stream.locks.conflicts_with_access(open_, given.file_offset, length, write=True):
        raise StorageError(server.policies.read_write.lock_conflict_status())
    server.break_check.check_open(open_, Operation.WRITE, now)
    open_.is_modified = True
    content.zero(given.file_offset, length)
    open_.note_write(now)
    return b""


def _query_allocated_ranges(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes | Reply:
    """[MS-FSCC] 2.3.48; what does not fit is left out with BUFFER_OVERFLOW."""
    del server, now
    content = open_.stream.content
    if content is None or len(body.input) < FileAllocatedRange.LAYOUT.size:
        raise StorageError(Status.INVALID_PARAMETER)
    if not open_.has_access(AccessMask.FILE_READ_DATA):
        raise StorageError(Status.ACCESS_DENIED)
    given = FileAllocatedRange.decode(body.input, [])
    if given.file_offset < 0 or given.length < 0 or given.file_offset + given.length >= 1 << 63:
        raise StorageError(Status.INVALID_PARAMETER)
    ranges = content.allocated_ranges(given.file_offset, given.length)
    output = encode_allocated_ranges(
        [FileAllocatedRange(file_offset=at, length=count) for at, count in ranges]
    )
    room = body.max_output_response // FileAllocatedRange.LAYOUT.size * FileAllocatedRange.LAYOUT.size
    if output and not room:
        raise StorageError(Status.BUFFER_TOO_SMALL)
    return output if len(output) <= room else _reply(open_, body, Status.BUFFER_OVERFLOW, output[:room])


def _get_compression(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.21: nothing is compressed."""
    del server, open_, now
    if body.max_output_response < CompressionState.LAYOUT.size:
        raise StorageError(Status.INVALID_PARAMETER)
    return CompressionState(compression_state=CompressionFormat.NONE).encode()


def _set_compression(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.60: only «none» can be set."""
    del now
    if len(body.input) < CompressionState.LAYOUT.size:
        raise StorageError(Status.INVALID_PARAMETER)
    if not open_.has_any_access(_WRITING):
        raise StorageError(Status.ACCESS_DENIED)
    state = CompressionState.decode(body.input, []).compression_state
    if state not in frozenset(CompressionFormat):
        raise StorageError(Status.INVALID_PARAMETER)
    if state != CompressionFormat.NONE:
        raise StorageError(server.policies.file_control.not_allowed_status())
    return b""


def _get_object_id(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.26."""
    del server, now
    object_id = open_.node.object_id()
    if object_id is None:
        raise StorageError(Status.OBJECTID_NOT_FOUND)
    if body.max_output_response < _OBJECT_ID_BUFFER_SIZE:
        raise StorageError(Status.INVALID_PARAMETER)
    return object_id


def _create_or_get_object_id(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.1: object id, birth volume, birth object id, domain."""
    if open_.node.object_id() is None:
        made = server.entropy(_OBJECT_ID_SIZE)
        volume = open_.storage.volume().serial_number.to_bytes(_OBJECT_ID_SIZE, "little")
        open_.node.set_object_id(made + volume + made + bytes(_OBJECT_ID_SIZE))
    return _get_object_id(server, open_, body, now)


def _set_object_id(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.61."""
    del server, now
    if not open_.has_any_access(_WRITING):
        raise StorageError(Status.ACCESS_DENIED)
    if len(body.input) != _OBJECT_ID_BUFFER_SIZE:
        raise StorageError(Status.INVALID_PARAMETER)
    if open_.node.object_id() is not None:
        raise StorageError(Status.OBJECT_NAME_COLLISION)
    open_.node.set_object_id(bytes(body.input))
    return b""


def _delete_object_id(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.3."""
    del server, body, now
    if not open_.has_any_access(_WRITING):
        raise StorageError(Status.ACCESS_DENIED)
    open_.node.set_object_id(None)
    return b""


def _get_reparse_point(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """[MS-FSCC] 2.3.30: no file is a reparse point."""
    del server, open_, body, now
    raise StorageError(Status.NOT_A_REPARSE_POINT)


def _not_supported(server: Server, open_: Open, body: IoctlRequest, now: float) -> bytes:
    """Known, and not supported by the storage (3.3.5.15)."""
    del open_, body, now
    raise StorageError(server.policies.file_control.not_allowed_status())


CONTROLS: Final[dict[int, Control]] = {
    FsctlCode.SET_SPARSE: _set_sparse,
    FsctlCode.SET_ZERO_DATA: _set_zero_data,
    FsctlCode.QUERY_ALLOCATED_RANGES: _query_allocated_ranges,
    FsctlCode.GET_COMPRESSION: _get_compression,
    FsctlCode.SET_COMPRESSION: _set_compression,
    FsctlCode.GET_OBJECT_ID: _get_object_id,
    FsctlCode.CREATE_OR_GET_OBJECT_ID: _create_or_get_object_id,
    FsctlCode.SET_OBJECT_ID: _set_object_id,
    FsctlCode.DELETE_OBJECT_ID: _delete_object_id,
    FsctlCode.GET_REPARSE_POINT: _get_reparse_point,
    FsctlCode.FILE_LEVEL_TRIM: _not_supported,
    FsctlCode.DUPLICATE_EXTENTS_TO_FILE: _not_supported,
    FsctlCode.SRV_READ_HASH: _not_supported,
    FsctlCode.SRV_ENUMERATE_SNAPSHOTS: _not_supported,
}
