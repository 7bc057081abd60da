"""ECHO ([MS-SMB2] 3.3.5.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.echo import EchoResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Answer that the server is there."""
    del server, request, now
    return Reply(Status.SUCCESS, EchoResponse())
