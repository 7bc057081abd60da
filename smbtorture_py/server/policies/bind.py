"""Binding a connection to a session ([MS-SMB2] 3.3.5.5, 3.3.5.5.3): every check is one method, in their
order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.session import Session, SessionState
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request


class BindPolicy:
    """What makes a bind fail, and with which status."""

    def is_served(self, connection: Connection) -> bool:
        """Whether this connection may be bound at all: 3.x, and IsMultiChannelCapable (3.3.5.5)."""
        return connection.is_3x and connection.server.config.multichannel

    def not_served_status(self, request: Request) -> Status:
        """What BINDING fails with on any other connection (SHOULD, 3.3.5.5)."""
        del request
        return Status.REQUEST_NOT_ACCEPTED

    def find_session(self, request: Request) -> Session | None:
        """The session to bind to: of GlobalSessionTable (3.3.5.5)."""
        return request.connection.server.global_session_table.get(request.session_id)

    def session_not_found_status(self) -> Status:
        """What a bind to an unknown session fails with (3.3.5.5)."""
        return Status.USER_SESSION_DELETED

    def check(self, request: Request, session: Session) -> Status:
        """Run the checks of 3.3.5.5 in their order; SUCCESS, or the status of the first that fails.

        Erratum 7: 3.3.5.2.4 would verify the signature of a bind before them, and answer an unsigned bind
        with ACCESS_DENIED where the session requires signing, which would leave several of them without
        effect; the signature of a bind is therefore verified only here, where 3.3.5.5 names it.
        """
        for check in self.checks():
            status = check(request, session)
            if status != Status.SUCCESS:
                return status
        return Status.SUCCESS

    def checks(self) -> tuple[Callable[[Request, Session], Status], ...]:
        """The checks in the order of 3.3.5.5; what it is silent about stands where it does no harm."""
        return (
            self.signing_algorithm_status,
            self.dialect_status,
            self.unsigned_status,
            self.client_guid_status,
            self.in_progress_status,
            self.expired_status,
            self.guest_status,
            self.already_bound_status,
            self.cipher_status,
            self.signature_status,
            self.notifications_status,
            self.channel_limit_status,
        )

    def dialect_status(self, request: Request, session: Session) -> Status:
        """The connection must have the dialect of the session (3.3.5.5)."""
        same = request.connection.dialect == session.connection.dialect
        return Status.SUCCESS if same else Status.INVALID_PARAMETER

    def signature_is_required(self, request: Request, session: Session) -> bool:
        """Whether a bind must be signed; inside an encrypted message it can not be, nor needs to
        (3.3.5.5)."""
        del session
        return not request.is_encrypted

    def unsigned_status(self, request: Request, session: Session) -> Status:
        """A bind must carry SMB2_FLAGS_SIGNED (3.3.5.5)."""
        if request.header.has(HeaderFlags.SIGNED) or not self.signature_is_required(request, session):
            return Status.SUCCESS
        return Status.INVALID_PARAMETER

    def client_guid_status(self, request: Request, session: Session) -> Status:
        """The connection may be asked to have the ClientGuid of the session (MAY, 3.3.5.5); here it is.

        Channels of other ClientGuids make the rules on leases and replays contradict each other.
        """
        same = request.connection.client_guid == session.connection.client_guid
        return Status.SUCCESS if same else Status.USER_SESSION_DELETED

    def in_progress_status(self, request: Request, session: Session) -> Status:
        """The session must not be being authenticated (3.3.5.5)."""
        del request
        return Status.REQUEST_NOT_ACCEPTED if session.state is SessionState.IN_PROGRESS else Status.SUCCESS

    def expired_status(self, request: Request, session: Session) -> Status:
        """The session must not have expired (3.3.5.5)."""
        del request
        return Status.NETWORK_SESSION_EXPIRED if session.state is SessionState.EXPIRED else Status.SUCCESS

    def guest_status(self, request: Request, session: Session) -> Status:
        """The session must belong to a user who is neither guest nor anonymous (3.3.5.5)."""
        del request
        return Status.NOT_SUPPORTED if session.is_anonymous or session.is_guest else Status.SUCCESS

    def already_bound_status(self, request: Request, session: Session) -> Status:
        """The connection must not be a channel of the session yet (3.3.5.5)."""
        bound = session.session_id in request.connection.session_table
        return Status.REQUEST_NOT_ACCEPTED if bound else Status.SUCCESS

    def cipher_status(self, request: Request, session: Session) -> Status:
        """Whether ciphers must match: the specification is silent.

        The session's keys fit one cipher only, so a connection with another could not be used: refused here.
        """
        connection = request.connection
        cipher = connection.server.policies.encryption.cipher_of(connection)
        return Status.SUCCESS if cipher == session.cipher_id else Status.INVALID_PARAMETER

    def signing_algorithm_status(self, request: Request, session: Session) -> Status:
        """Whether signing algorithms must match: the specification is silent; each channel signs with its
        own."""
        del request, session
        return Status.SUCCESS

    def signature_is_right(self, request: Request, session: Session) -> bool:
        """Verify the signature with Session.SigningKey (3.3.5.5, 3.3.5.2.4)."""
        if not request.header.has(HeaderFlags.SIGNED) or request.is_encrypted:
            return True
        return request.connection.server.policies.signing.signature_is_right(request, session.signing_key)

    def signature_status(self, request: Request, session: Session) -> Status:
        """The signature must be right (3.3.5.5)."""
        return Status.SUCCESS if self.signature_is_right(request, session) else Status.ACCESS_DENIED

    def notifications_status(self, request: Request, session: Session) -> Status:
        """With 3.1.1 connection and session must agree on notifications (3.3.5.5)."""
        connection = request.connection
        differs = connection.is_311 and session.supports_notifications != connection.supports_notifications
        return Status.INVALID_PARAMETER if differs else Status.SUCCESS

    def channel_limit_status(self, request: Request, session: Session) -> Status:
        """One more channel must fit the configured maximum (the specification knows none)."""
        full = len(session.channel_list) >= request.connection.server.config.max_channels
        return Status.INSUFFICIENT_RESOURCES if full else Status.SUCCESS

    def user_matches(self, session: Session, identity: Identity) -> bool:
        """Whether the user of the bind is Session.UserName (3.3.5.5).

        Erratum 8: the text asks before any token was looked at; the name is known when the exchange is
        complete.
        """
        context = session.security_context
        return context is not None and (context.user, context.domain) == (identity.user, identity.domain)

    def user_mismatch_status(self) -> Status:
        """What a bind by another user fails with (3.3.5.5)."""
        return Status.NOT_SUPPORTED

    def failure_removes_session(self, session: Session) -> bool:
        """Whether a failed bind removes the established session: no (erratum 5)."""
        del session
        return False

    def encryption_is_kept(self, session: Session) -> bool:
        """Whether the session stays encrypted through a bind or a re-authentication.

        Erratum 9: the step on encryption excludes BINDING and then says "Otherwise, set EncryptData to
        FALSE"; read literally a bind would take encryption off the session.
        """
        del session
        return True
