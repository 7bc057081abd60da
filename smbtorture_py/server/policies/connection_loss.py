"""What the loss of a connection does ([MS-SMB2] 3.3.7.1), and idle connections (3.3.6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.open import OplockState
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.session import Channel, Session


class ConnectionLossPolicy:
    """The choices when a connection is gone."""

    def session_survives(self, connection: Connection, session: Session) -> bool:
        """Whether a session lives on without this connection: 3.x, and it has another channel."""
        return connection.is_3x and len(session.channel_list) > 1

    def successor(self, session: Session) -> Channel:
        """Whose connection becomes Session.Connection: the first channel that is left."""
        return session.channel_list.first()

    def open_is_preserved(self, open_: Open) -> bool:
        """Whether an open is kept for a reconnect when its session ends with the connection."""
        if open_.is_resilient or open_.is_persistent:
            return True
        if not open_.is_durable or open_.oplock_state is not OplockState.HELD:
            return False
        if open_.oplock_level is OplockLevel.LEASE:
            return open_.lease is not None and LeaseState.HANDLE_CACHING in open_.lease.lease_state
        return open_.oplock_level is OplockLevel.BATCH

    def open_survives_logoff(self, open_: Open) -> bool:
        """Whether an open is kept for a reconnect when its session logs off (3.3.5.6)."""
        return open_.is_resilient or open_.is_durable

    def idle_deadline(self, connection: Connection) -> float | None:
        """When a connection that nobody has authenticated on is dropped (3.3.6.3); None for never."""
        timeout = connection.server.config.unauthenticated_timeout
        if timeout is None:
            return None
        for session in connection.session_table.values():
            if session.state is not SessionState.IN_PROGRESS:
                return None
        return connection.creation_time + timeout

    def forgets_client(self, connection: Connection) -> bool:
        """Whether the entry of GlobalClientTable goes with the client's last connection (MAY)."""
        del connection
        return True
