"""ECHO ([MS-SMB2] 3.3.5.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server import verification
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.echo import EchoResponse
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Answer that the server is there, to those who may know."""
    connection, policy = request.connection, server.policies.session
    if policy.echo_without_session_ends_connection(connection):
        connection.disconnect(now)
        return Reply(Status.USER_SESSION_DELETED)
    names_session = request.header.session_id != 0 and not request.is_encrypted
    if policy.echo_is_verified(connection) and (request.header.has(HeaderFlags.SIGNED) or names_session):
        refused = verification.verify_session(request, now)
        if refused is not None:
            return refused
    return Reply(Status.SUCCESS, EchoResponse())
