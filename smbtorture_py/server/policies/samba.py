"""Where Samba (4.25) differs from the specification, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.windows import (
    WindowsAsyncPolicy,
    WindowsBindPolicy,
    WindowsCompoundPolicy,
    WindowsEncryptionPolicy,
    WindowsSigningPolicy,
)
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.session_setup import SessionSetupRequest

_TAKES_A_PATH: Final = (Command.TREE_CONNECT, Command.CREATE, Command.QUERY_INFO, Command.SET_INFO)


class SambaBindPolicy(WindowsBindPolicy):
    """Binds as Samba does: as Windows, but for what is compared first and what is told then."""

    def checks(self) -> tuple[Callable[[Request, Session], Status], ...]:
        """What connections negotiated is compared before anything of the session is looked at."""
        first = (
            self.signing_algorithm_status,
            self.unsigned_status,
            self.dialect_status,
            self.cipher_status,
        )
        return first + tuple(check for check in super().checks() if check not in first)

    def signature_is_required(self, request: Request, session: Session) -> bool:
        """An encrypted one counts as unsigned, too."""
        del request, session
        return True

    def client_guid_status(self, request: Request, session: Session) -> Status:
        """Another ClientGuid is served by another process: REQUEST_NOT_ACCEPTED."""
        same = request.connection.client_guid == session.connection.client_guid
        return Status.SUCCESS if same else Status.REQUEST_NOT_ACCEPTED

    def in_progress_status(self, request: Request, session: Session) -> Status:
        """Not looked at; where there is no key yet the bind does not count as signed."""
        del request
        return Status.SUCCESS if session.signing_key else Status.INVALID_PARAMETER

    def guest_status(self, request: Request, session: Session) -> Status:
        """The cipher is compared first, and the session of a guest has none."""
        refused = super().guest_status(request, session) is not Status.SUCCESS
        return Status.INVALID_PARAMETER if refused else Status.SUCCESS

    def signature_status(self, request: Request, session: Session) -> Status:
        """A session whose key does not fit is taken for one of another process."""
        right = self.signature_is_right(request, session)
        return Status.SUCCESS if right else Status.REQUEST_NOT_ACCEPTED

    def expired_status(self, request: Request, session: Session) -> Status:
        """A bind to an expired session proceeds."""
        del request, session
        return Status.SUCCESS


class SambaAsyncPolicy(WindowsAsyncPolicy):
    """Waits and cancels as Samba does: as Windows (bug 14449)."""


class SambaCompoundPolicy(WindowsCompoundPolicy):
    """Compounds as Samba does: as Windows."""


class SambaEncryptionPolicy(WindowsEncryptionPolicy):
    """Encryption as Samba does: as Windows, but for the SessionId inside."""

    def opening_session(self, connection: Connection, session_id: int) -> Session | None:
        """A session that other connections of the same client are bound to will do."""
        session = connection.server.global_session_table.get(session_id)
        same = session is not None and session.connection.client_guid == connection.client_guid
        return session if same else None

    def unsolicited_is_sealed(
        self, connection: Connection, session: Session, tree: TreeConnect | None
    ) -> bool:
        """Breaks are never sealed: clients drop those that are (bug 11570)."""
        del connection, session, tree
        return False

    def first_related_ends_connection(self, is_related: bool) -> bool:
        """A related request that nothing goes before fails like a plain one."""
        del is_related
        return False

    def inside_session_status(self, request: Request) -> Status:
        """A request of another session than the TRANSFORM_HEADER's fails."""
        known = request.session_id in request.connection.session_table
        other = known and not request.is_related and request.session_id != request.transform_session_id
        return Status.ACCESS_DENIED if other else Status.SUCCESS


class SambaSigningPolicy(WindowsSigningPolicy):
    """Signatures as Samba makes them."""

    def missing_key_ends_connection(self, request: Request) -> bool:
        """The refusal cannot be signed, which ends the connection."""
        del request
        return True

    def sealed_response_is_signed(self, request: Request) -> bool:
        """The response to a request that was sealed and signed is both as well."""
        return request.is_encrypted and request.header.has(HeaderFlags.SIGNED)


class SambaSessionPolicy(SessionPolicy):
    """Sessions as Samba has them."""

    def session_id_size(self) -> int:
        """SessionIds are drawn from 32 bits."""
        return 4

    def new_session_status(self, request: SessionSetupRequest) -> Status:
        """BINDING without a SessionId is refused."""
        binds = SessionSetupFlags.BINDING in SessionSetupFlags(request.flags)
        return Status.INVALID_PARAMETER if binds else Status.SUCCESS

    def signing_is_required(
        self, connection: Connection, session: Session, request: SessionSetupRequest
    ) -> bool:
        """SecurityMode of the first SESSION_SETUP or the configuration decides, and no NEGOTIATE, bind or
        re-authentication."""
        if session.session_key:
            return session.signing_required
        if session.is_guest or session.is_anonymous:
            return False
        required = SecurityMode.SIGNING_REQUIRED in SecurityMode(request.security_mode)
        return required or connection.server.config.require_message_signing

    def echo_without_session_ends_connection(self, connection: Connection) -> bool:
        """Everybody gets an answer to ECHO."""
        del connection
        return False

    def echo_is_verified(self, connection: Connection) -> bool:
        """The session of an ECHO is not looked at."""
        del connection
        return False

    def dialect_must_match_client(self, connection: Connection) -> bool:
        """There is no table of clients."""
        del connection
        return False

    def constrained_ends_connection(self, connection: Connection) -> bool:
        """Connections are not constrained."""
        del connection
        return False

    def reauthentication_suspends(self, session: Session) -> bool:
        """Every session that is being authenticated again counts as unfinished."""
        del session
        return True

    def keeps_security_context(self, session: Session) -> bool:
        """A re-authentication changes the user."""
        del session
        return False

    def in_progress_status(self, request: Request) -> Status:
        """Only what takes a path is refused, with INVALID_HANDLE."""
        return Status.INVALID_HANDLE if request.command in _TAKES_A_PATH else Status.SUCCESS

    def null_session_flag(self) -> SessionFlags:
        """An anonymous session has no flag."""
        return SessionFlags.NONE
