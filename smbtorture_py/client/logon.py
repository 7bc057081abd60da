"""SESSION_SETUP from the client's side: new sessions, channels bound to one, re-authentication ([MS-SMB2] 3.2.5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.auth.initiator import Initiator
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.session import Channel, Session
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.wire.negotiate import Capabilities, SecurityMode
from smbtorture_py.wire.session_setup import SessionSetupFlags

MAX_LEGS: Final = 10
"""More SESSION_SETUP requests than this in one authentication are not sent: the server would go on for ever."""

LegTamper: TypeAlias = Tamper | Callable[[int], Tamper | None]
"""How to change the SESSION_SETUP requests: all alike, or each by its number (0 is the first)."""


@dataclass(slots=True, kw_only=True)
class LogonOptions:
    """What an authentication sends besides its tokens; None: what a correct client sends."""

    initiator: Initiator | None = None
    """Makes the tokens; None: NTLMv2 in SPNEGO for the credentials."""

    flags: SessionSetupFlags | None = None
    security_mode: SecurityMode | None = None
    capabilities: Capabilities | None = None
    previous_session_id: int = 0
    session_id: int | None = None
    """SessionId in the header of the first request (later ones: what the server answered, unless this is set)."""

    sign: bool | None = None
    signing_key: bytes | None = None
    """Sign the requests with this key (None: Session.SigningKey, where signed at all)."""

    encrypt: bool | None = None
    token: Callable[[int, bytes | None], bytes | None] | None = None
    """Replaces tokens: (number of the leg, the initiator's token) -> the token to send."""

    tamper: LegTamper | None = None
    stop_after: int = MAX_LEGS
    """Send no more than so many requests: leaves the authentication in progress."""


@dataclass(slots=True, kw_only=True)
class LogonResult:
    """What came of an authentication."""

    connection: Connection
    exchanges: list[Exchange] = field(default_factory=list)
    session: Session | None = None
    """The session made, bound to or re-authenticated; None where it failed."""

    channel: Channel | None = None
    """The session's channel on this connection; None where it failed."""

    error: str | None = None
    """Why the client itself gave up although the server went on: a token it cannot accept, a wrong signature."""

    session_id: int = 0
    """SessionId the server answered with, also where the authentication failed or was left in progress."""

    @property
    def status(self) -> int | None:
        """Status of the last response; None where the connection was lost before one came."""
        return self.exchanges[-1].status


def session_setup(
    connection: Connection, credentials: Credentials, options: LogonOptions | None = None
) -> Procedure[LogonResult]:
    """Authenticate a new session ([MS-SMB2] 3.2.4.2.3, 3.2.5.3.1)."""
    logon = _Logon(connection, credentials, options or LogonOptions())
    return (yield from logon.run(None, binding=False))


def bind(
    session: Session,
    connection: Connection,
    credentials: Credentials | None = None,
    options: LogonOptions | None = None,
) -> Procedure[LogonResult]:
    """Bind `connection` to `session` as a new channel of it ([MS-SMB2] 3.2.4.2.3, 3.2.5.3.3).

    `credentials` None: those of the session. The requests carry the BINDING flag, the session's SessionId and a
    signature with Session.SigningKey, unless `options` says otherwise. A failed bind leaves no trace on the session or
    the connection: the preauthentication hash belongs to the attempt.
    """
    logon = _Logon(connection, credentials or session.user, options or LogonOptions())
    return (yield from logon.run(session, binding=True))


def reauthenticate(
    session: Session,
    credentials: Credentials | None = None,
    options: LogonOptions | None = None,
    *,
    connection: Connection | None = None,
) -> Procedure[LogonResult]:
    """Authenticate an established session again, on any of its channels; its keys stay ([MS-SMB2] 3.2.5.3.2)."""
    logon = _Logon(connection or session.selected_connection, credentials or session.user, options or LogonOptions())
    return (yield from logon.run(session, binding=False))
