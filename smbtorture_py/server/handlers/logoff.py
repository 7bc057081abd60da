"""LOGOFF ([MS-SMB2] 3.3.5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.loss import remove_session
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.logoff import LogoffResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """End the session, on all its channels."""
    for session in server.policies.session.sessions_to_log_off(request):
        remove_session(server, session, now, preserved=server.policies.connection_loss.open_survives_logoff)
    return Reply(Status.SUCCESS, LogoffResponse())
