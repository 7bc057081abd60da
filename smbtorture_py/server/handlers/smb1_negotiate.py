"""SMB_COM_NEGOTIATE, the way in through SMB1 ([MS-SMB2] 3.3.5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server import sending
from smbtorture_py.server.handlers.negotiate import build_response
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


def receive(connection: Connection, frame: memoryview, now: float) -> None:
    """Answer an SMB1 negotiate that offers SMB2, or end the connection (3.3.5.3, 3.3.5.3.1, 3.3.5.3.2)."""
    policy = connection.server.policies.negotiate
    request = Smb1NegotiateRequest.decode(frame, [])
    # 3.3.5.2: SMB1 is for this command only.
    if request is None or not policy.smb1_command_is_right(request.command):
        connection.disconnect(now)
        return
    dialect = policy.smb1_dialect(connection, request.dialects)
    if dialect is None or policy.smb1_comes_too_late(connection):
        connection.disconnect(now)
        return
    connection.supports_multi_credit = policy.supports_multi_credit(connection, dialect)
    if dialect == Dialect.SMB_2_0_2:
        connection.dialect = Dialect.SMB_2_0_2
    body = build_response(connection, dialect, now)
    connection.negotiate_dialect = dialect
    header = Header(
        command=Command.NEGOTIATE,
        flags=HeaderFlags.SERVER_TO_REDIR,
        credits=connection.command_sequence_window.grow(1),
    )
    sending.transmit(connection, [header.encode(), *body.parts()])
