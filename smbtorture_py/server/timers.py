"""Timers ([MS-SMB2] 3.3.6): what is due when, and doing it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from smbtorture_py.server.session import SessionState

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.server import Server


def next_deadline(server: Server) -> float | None:
    """When something is due next: the earliest session that expires, or deadline of a part; None for
    never."""
    # Plain loops: a simulated network asks before every step.
    first = math.inf
    for session in server.global_session_table.values():
        due = session.expiration_time
        if due is not None and due < first and session.state is SessionState.VALID:
            first = due
    idle_deadline = server.policies.connection_loss.idle_deadline
    for connection in server.connection_list:
        due = idle_deadline(connection)
        if due is not None and due < first:
            first = due
    for source in server.deadline_sources:
        due = source.next_deadline()
        if due is not None and due < first:
            first = due
    return first if first < math.inf else None


def run_due(server: Server, now: float) -> None:
    """Expire sessions, drop connections without any (3.3.6.3), and run what else is due."""
    for session in list(server.global_session_table.values()):
        if server.policies.session.expires(session, now):
            session.state = SessionState.EXPIRED
    for connection in list(server.connection_list):
        idle = server.policies.connection_loss.idle_deadline(connection)
        if idle is not None and idle <= now:
            connection.disconnect(now)
    for source in list(server.deadline_sources):
        source.tick(now)
    server.persistent_opens.keep()


def transport_progressed(server: Server, connection: Connection, now: float) -> None:
    """Tell the parts that care that a client's transport acknowledged something."""
    server.break_delivery.transport_progressed(connection, now)


def transport_stuck(server: Server, connection: Connection, since: float, now: float) -> None:
    """Tell the parts that care that nothing outstanding was acknowledged since `since`."""
    server.break_delivery.transport_stuck(connection, since, now)
