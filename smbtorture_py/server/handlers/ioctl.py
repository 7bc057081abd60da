"""IOCTL ([MS-SMB2] 3.3.5.15): what holds for every code, then the code's own handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.handlers.fsctl import FSCTL_HANDLERS
from smbtorture_py.server.policies.ioctl import WITHOUT_FILE
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import FILE_ID_ANY, HEADER_SIZE
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_MINIMUM_OFFSET: Final = HEADER_SIZE + IoctlRequest.STRUCTURE_SIZE - 1
_ALIGNMENT: Final = 8


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Check the request, find the file it is about, and dispatch by CtlCode."""
    policies, body = server.policies, request.body
    if not isinstance(body, IoctlRequest):
        return Reply(Status.INVALID_PARAMETER)
    if body.flags != IoctlFlags.IS_FSCTL:
        return Reply(policies.ioctl.not_fsctl_status())
    if body.ctl_code in WITHOUT_FILE:
        if body.file_id != FILE_ID_ANY:
            return Reply(policies.ioctl.file_id_given_status())
    elif request.find_open(body.file_id, now) is None:
        return Reply(Status.FILE_CLOSED)
    if request.open is not None and server.implements_3x:
        request.open.is_replay_eligible = False
    status = policies.ioctl.size_status(request.connection, body)
    if status == Status.SUCCESS and body.input_count and not _input_is_inside(request, body):
        status = Status.INVALID_PARAMETER
    if status == Status.SUCCESS:
        payload = max(
            body.input_count + body.output_count, body.max_input_response + body.max_output_response
        )
        status = policies.message.payload_status(request.connection, request.header, payload)
    if status != Status.SUCCESS:
        return Reply(status)
    handler = FSCTL_HANDLERS.get(body.ctl_code)
    if handler is None:
        return Reply(policies.ioctl.unknown_code_status(request))
    return handler(server, request, body, now)


def _input_is_inside(request: Request, body: IoctlRequest) -> bool:
    """Where the input buffer may lie (3.3.5.15)."""
    offset = body.input_offset
    if 0 < offset < _MINIMUM_OFFSET or offset % _ALIGNMENT:
        return False
    return offset + body.input_count <= len(request.raw)
