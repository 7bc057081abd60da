"""IOCTL ([MS-SMB2] 3.3.5.15): what holds for every code, then the code's own handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.handlers.fsctl import FSCTL_HANDLERS
from smbtorture_py.server.policies.ioctl import WITHOUT_FILE
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Check the request, find the file it is about, and dispatch by CtlCode."""
    policies, body = server.policies, request.body
    if not isinstance(body, IoctlRequest):
        return Reply(Status.INVALID_PARAMETER)
    if not policies.ioctl.is_fsctl(body):
        return Reply(policies.ioctl.not_fsctl_status())
    if body.ctl_code in WITHOUT_FILE:
        if body.file_id != FILE_ID_ANY:
            return Reply(policies.ioctl.file_id_given_status())
    elif request.find_open(body.file_id, now) is None:
        return Reply(policies.ioctl.unknown_file_status())
    if request.open is not None:
        policies.replay.note_use(request.open, request)
    status = policies.ioctl.size_status(request.connection, body)
    if status == Status.SUCCESS:
        status = policies.ioctl.input_status(body, len(request.raw))
    if status == Status.SUCCESS:
        payload = policies.ioctl.payload_size(body)
        status = policies.message.payload_status(request.connection, request.header, payload)
    if status != Status.SUCCESS:
        return Reply(status)
    handler = FSCTL_HANDLERS.get(body.ctl_code)
    if handler is None:
        return Reply(policies.ioctl.unknown_code_status(request, body.ctl_code))
    return handler(server, request, body, now)
