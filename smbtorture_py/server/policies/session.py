"""Session setup, expiry, re-authentication, logoff ([MS-SMB2] 3.3.5.2.9, 3.3.5.5, 3.3.5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.session import Session, SessionState
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.negotiate import Dialect, SecurityMode
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.auth.acceptor import Refused
    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.session_setup import SessionSetupRequest

_NO_ID: Final = 0
_INVALID_ID: Final = 0xFFFF_FFFF_FFFF_FFFF
_ALWAYS_PROCESSED: Final = (Command.LOGOFF, Command.CLOSE, Command.LOCK)


class SessionPolicy:
    """The choices around sessions, bindings apart (see BindPolicy)."""

    def constrained_ends_connection(self, connection: Connection) -> bool:
        """Whether a request ends a connection on which nobody has authenticated (3.3.5.2.9).

        Where AllowAnonymousAccess is FALSE and the server implements 3.x.
        """
        return (
            connection.server.implements_3x
            and connection.constrained_connection
            and not connection.server.config.accounts.anonymous_allowed
        )

    def may_begin(self, connection: Connection) -> bool:
        """Whether this connection may have one more session; else INSUFFICIENT_RESOURCES (3.3.5.5)."""
        return len(connection.session_table) < connection.server.config.max_sessions_per_connection

    def new_session_id(self, connection: Connection) -> int:
        """A SessionId that no session of the server has, neither 0 nor -1 (3.3.5.5.1)."""
        server = connection.server
        while True:
            session_id = int.from_bytes(server.entropy(self.session_id_size()), "little")
            if session_id not in (_NO_ID, _INVALID_ID) and session_id not in server.global_session_table:
                return session_id

    def refusal_status(self, refused: Refused) -> int:
        """What an authentication fails with: what the security package says (3.3.5.5.3)."""
        return refused.status

    def session_id_told(self, session: Session) -> int:
        """SessionId of a response that asks for more tokens: there from the first one on (3.3.5.5.1)."""
        return session.session_id

    def sessions_to_log_off(self, request: Request) -> list[Session]:
        """The sessions that a LOGOFF ends: its own (3.3.5.6)."""
        return [request.require_session()]

    def announces_closing(self, session: Session) -> bool:
        """Whether the client is told that the server closes a session: where notifications were agreed on
        ([MS-SMB2] 2.2.44)."""
        return session.supports_notifications

    def session_id_size(self) -> int:
        """Bytes of a SessionId that are drawn at random: all; how one is generated is free (3.3.5.5.1)."""
        return 8

    def echo_without_session_ends_connection(self, connection: Connection) -> bool:
        """Whether an ECHO ends a connection without any session (SHOULD, 3.3.5.17)."""
        return not connection.session_table

    def echo_is_verified(self, connection: Connection) -> bool:
        """Whether the session of an ECHO that names one, or is signed, is verified (3.3.5.17)."""
        del connection
        return True

    def new_session_status(self, request: SessionSetupRequest) -> Status:
        """SUCCESS, or what SESSION_SETUP without SessionId fails with; its flags mean nothing (3.3.5.5)."""
        del request
        return Status.SUCCESS

    def find_session(self, request: Request) -> Session | None:
        """The session a request belongs to: of this connection's SessionTable (3.3.5.2.9)."""
        return request.connection.session_table.get(request.session_id)

    def session_not_found_status(self) -> Status:
        """What a request of an unknown session fails with (3.3.5.2.9)."""
        return Status.USER_SESSION_DELETED

    def expired_status(self, request: Request) -> Status:
        """SUCCESS, or what a request of an expired session fails with (SHOULD, 3.3.5.2.9)."""
        return Status.SUCCESS if request.command in _ALWAYS_PROCESSED else Status.NETWORK_SESSION_EXPIRED

    def in_progress_status(self, request: Request) -> Status:
        """SUCCESS, or what a request of an unfinished session fails with (implementation-specific,
        3.3.5.2.9).

        Erratum 4: LOGOFF, CLOSE and LOCK continue by the text, yet a session that never was valid has no
        user: those find neither opens nor trees.
        """
        if request.command in _ALWAYS_PROCESSED:
            return Status.SUCCESS
        is_expired = request.session is not None and bool(request.session.session_key)
        return Status.NETWORK_SESSION_EXPIRED if is_expired else Status.USER_SESSION_DELETED

    def reauthenticates(self, session: Session) -> bool:
        """Whether SESSION_SETUP on a valid session authenticates again (SHOULD, 3.3.5.5)."""
        del session
        return True

    def session_set_up_elsewhere_status(self) -> Status:
        """What SESSION_SETUP without BINDING fails with for a session not of this connection (3.3.5.5)."""
        return Status.USER_SESSION_DELETED

    def failed_authentication_removes_session(self, session: Session, *, is_new: bool) -> bool:
        """Whether a failed authentication removes the session (3.3.5.5.3).

        Yes for a new session and for a re-authentication. Erratum 5: the text does not tell a bind from
        those; a failed bind leaves the established session alone (see BindPolicy).
        """
        del session, is_new
        return True

    def dialect_must_match_client(self, connection: Connection) -> bool:
        """Whether GlobalClientTable is asked for the dialect of the ClientGuid (3.3.5.5.3)."""
        return connection.dialect is not None and connection.dialect != Dialect.SMB_2_0_2

    def client_dialect_status(self) -> Status:
        """What SESSION_SETUP fails with where the client already uses another dialect (3.3.5.5.3)."""
        return Status.USER_SESSION_DELETED

    def reauthentication_suspends(self, session: Session) -> bool:
        """Whether a session is InProgress while it is being authenticated again: where it was Expired
        (3.3.5.5.2)."""
        return session.state is SessionState.EXPIRED

    def keeps_security_context(self, session: Session) -> bool:
        """Whether a re-authentication leaves Session.SecurityContext as it is: where it is not NULL
        (3.3.5.5.3)."""
        return session.security_context is not None

    def derives_keys(self, *, is_new: bool, is_binding: bool) -> bool:
        """Whether a successful authentication gives the session its keys: of a new session only
        (3.3.5.5.3)."""
        del is_binding
        return is_new

    def reauthentication_user_status(self, session: Session, identity: Identity) -> Status:
        """SUCCESS, or what re-authentication as another user fails with (the specification is silent)."""
        del session, identity
        return Status.SUCCESS

    def response(self, token: bytes, flags: SessionFlags | None = None) -> SessionSetupResponse:
        """The response with a token for the client; flags are there in the last one only (3.3.5.5.3)."""
        return SessionSetupResponse(session_flags=flags or SessionFlags.NONE, security_buffer=token)

    def session_flags(self, session: Session, *, encrypt: bool) -> SessionFlags:
        """SessionFlags of a successful response (3.3.5.5.3)."""
        flags = SessionFlags.NONE
        if session.is_anonymous:
            flags |= self.null_session_flag()
        elif session.is_guest:
            flags |= SessionFlags.IS_GUEST
        elif encrypt:
            flags |= SessionFlags.ENCRYPT_DATA
        return flags

    def null_session_flag(self) -> SessionFlags:
        """The flag of an anonymous session (MAY, 3.3.5.5.3)."""
        return SessionFlags.IS_NULL

    def signing_is_required(
        self, connection: Connection, session: Session, request: SessionSetupRequest
    ) -> bool:
        """Session.SigningRequired after a successful SESSION_SETUP (3.3.5.5.3).

        Erratum 6: the step on encryption ends in an "Otherwise" that sets it TRUE for every session that is
        not encrypted, which contradicts the two conditions; the conditions hold. Erratum 11: the first of
        them makes no exception for guest and anonymous sessions, whose clients have no key to sign with; they
        are excepted.
        """
        if session.signing_required:
            return True
        if session.is_guest or session.is_anonymous:
            return False
        if SecurityMode.SIGNING_REQUIRED in SecurityMode(request.security_mode):
            return True
        return connection.should_sign or connection.server.config.require_message_signing

    def encrypted_session_signs(self, session: Session) -> bool:
        """Whether a session that encrypts requires signatures as well: no (3.3.5.5.3)."""
        del session
        return False

    def channel_takes_session_key(self, *, is_new: bool) -> bool:
        """Whether a SESSION_SETUP without BINDING sets Channel.SigningKey to Session.SigningKey (3.3.5.5.3).

        Erratum 12: the text says so for re-authentications too, which would overwrite the key of a bound
        channel; it is set where the session's is.
        """
        return self.derives_keys(is_new=is_new, is_binding=False)

    def constrained_after(self, session: Session) -> bool:
        """ConstrainedConnection after a success: FALSE unless the session is anonymous (3.3.5.5.3)."""
        return session.is_anonymous

    def previous_session_needs_user(self) -> bool:
        """Whether PreviousSessionId has to wait until the user is authenticated (3.3.5.5.3)."""
        return True

    def no_previous_session_status(self) -> Status:
        """SUCCESS, or what SESSION_SETUP fails with where PreviousSessionId names no session (3.3.5.5.3)."""
        return Status.SUCCESS

    def honours_previous_session(self, session: Session, previous: Session, *, requested_id: int) -> bool:
        """Whether PreviousSessionId removes that session: of the same user, and not this one (3.3.5.5.3)."""
        if previous is session or previous.session_id == requested_id:
            return False
        return self.is_same_user(session, previous)

    def is_same_user(self, session: Session, other: Session) -> bool:
        """Compare the users of two sessions by their security contexts (3.3.5.5.3)."""
        return other.security_context is not None and session.security_context == other.security_context

    def expiration_time(self, connection: Connection, now: float) -> float | None:
        """Session.ExpirationTime: the configured lifetime stands in for the GSS ticket's; None is infinity
        (3.3.5.5.3)."""
        timeout = connection.server.config.session_timeout
        return None if timeout is None else now + timeout

    def expires(self, session: Session, now: float) -> bool:
        """Whether the session expiration timer turns this session to Expired (3.3.6.3)."""
        return (
            session.state is SessionState.VALID
            and session.expiration_time is not None
            and session.expiration_time <= now
        )
