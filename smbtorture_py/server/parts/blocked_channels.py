"""Connections that count as dead because smbtorture asked for that: what their transports acknowledge is
ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection

REPORT_INTERVAL: Final = 1.0
"""Seconds without an acknowledgment after which a transport tells that it is stuck, and tells again."""


class BlockedChannels:
    """For each of these connections: since when something is outstanding, and when that is told next."""

    def __init__(self) -> None:
        self._since: dict[Connection, float] = {}
        self._due: dict[Connection, float] = {}

    def hide_acknowledgment(self, connection: Connection, now: float) -> None:
        """Take note of an acknowledgment that is not to be seen: what was sent stays outstanding."""
        if connection not in self._since:
            self._since[connection] = now
            self._due[connection] = now + REPORT_INTERVAL

    def next_deadline(self) -> float | None:
        """When a connection is reported stuck next."""
        if not self._due:
            return None
        self._forget_closed()
        return min(self._due.values(), default=None)

    def tick(self, now: float) -> None:
        """Report every connection that is due, in the transport's place."""
        self._forget_closed()
        for connection in [connection for connection, due in self._due.items() if due <= now]:
            self._due[connection] = now + REPORT_INTERVAL
            connection.stuck(self._since[connection], now)

    def _forget_closed(self) -> None:
        for connection in [connection for connection in self._since if not connection.is_open]:
            del self._since[connection], self._due[connection]
