"""What the loss of a connection does ([MS-SMB2] 3.3.7.1), and idle connections (3.3.6.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.session import Channel, Session


class ConnectionLossPolicy:
    """The choices when a connection is gone."""

    def session_survives(self, connection: Connection, session: Session) -> bool:
        """Whether a session lives on without this connection: 3.x, and it has another channel."""
        return connection.is_3x and len(session.channel_list) > 1

    def successor(self, session: Session) -> Channel:
        """Whose connection becomes Session.Connection: the first channel that is left."""
        return session.channel_list.first()

    def forgets_client(self, connection: Connection) -> bool:
        """Whether the entry of GlobalClientTable goes with the client's last connection (MAY)."""
        del connection
        return True
