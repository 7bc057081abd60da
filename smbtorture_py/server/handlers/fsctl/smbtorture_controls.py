"""The private FSCTLs by which smbtorture prepares a server, where that is configured, as in Samba."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest

_PADDING: Final = 8


def block_channel(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Take what is sent over this connection for lost from now on; nothing undoes it.

    Comes without session and tree connect (`dispatch.needs_of`).
    """
    del now
    reply = _reply(server, request, body)
    if reply.status == Status.SUCCESS:
        request.connection.is_blocked = True
    return reply


def pad_reads(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Let the READ responses of this connection have 8 bytes in front of their data, as DataOffset allows."""
    del now
    reply = _reply(server, request, body)
    if reply.status == Status.SUCCESS:
        request.connection.read_padding = _PADDING
    return reply


def _reply(server: Server, request: Request, body: IoctlRequest) -> Reply:
    """Return what a control is answered with: a code that does not exist, unless configured; no input."""
    if not server.config.smbtorture_controls:
        return Reply(server.policies.ioctl.unknown_code_status(request, body.ctl_code))
    if body.input_count:
        return Reply(Status.INVALID_PARAMETER)
    return Reply(Status.SUCCESS, IoctlResponse(ctl_code=body.ctl_code, file_id=FILE_ID_ANY))
