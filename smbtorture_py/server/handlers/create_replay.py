"""Replayed CREATEs ([MS-SMB2] 3.3.5.9 "Create Context Validation", 3.3.5.9.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.request import Reply
    from smbtorture_py.server.server import Server


def answer(server: Server, attempt: Attempt, now: float) -> Reply | None:
    """What a request is answered with whose CreateGuid has an open already; None where it has not."""
    del server, attempt, now
    return None
