"""Where Windows Server is documented to differ ([MS-SMB2] appendix A, and Samba's tests that pass against
it)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.compound import CompoundPolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.auth.acceptor import Refused
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session


class WindowsBindPolicy(BindPolicy):
    """Binds as Windows does."""

    def not_served_status(self, request: Request) -> Status:
        """A session that signs with AES-GMAC is noticed before the dialect of the connection."""
        session = self.find_session(request)
        mismatch = Status.SUCCESS if session is None else self.signing_algorithm_status(request, session)
        return super().not_served_status(request) if mismatch == Status.SUCCESS else mismatch

    def client_guid_status(self, request: Request, session: Session) -> Status:
        """Another ClientGuid is accepted."""
        del request, session
        return Status.SUCCESS

    def signing_algorithm_status(self, request: Request, session: Session) -> Status:
        """AES-GMAC on one side only is refused."""
        own = request.connection.server.signer.algorithm(request.connection)
        theirs = session.signing_algorithm_id
        if own == theirs or not session.signing_key:
            return Status.SUCCESS
        if theirs == SigningAlgorithm.AES_GMAC:
            return Status.REQUEST_OUT_OF_SEQUENCE
        return Status.NOT_SUPPORTED if own == SigningAlgorithm.AES_GMAC else Status.SUCCESS

    def already_bound_status(self, request: Request, session: Session) -> Status:
        """The signature is verified first, and a later channel has a key of its own, which did not sign."""
        channel = session.channel_list.find(request.connection)
        if channel is None:
            return Status.SUCCESS
        own_key = channel.signing_key != session.signing_key
        return Status.ACCESS_DENIED if own_key else Status.REQUEST_NOT_ACCEPTED

    def user_mismatch_status(self) -> Status:
        """A bind by another user gets ACCESS_DENIED."""
        return Status.ACCESS_DENIED


class WindowsAsyncPolicy(AsyncPolicy):
    """Waits and cancels as Windows does."""

    def pending_requests_end_with_connection(self, request: Request) -> bool:
        """What waits on a lost channel goes on while its session has another one."""
        session = request.session
        return session is None or len(session.channel_list) <= 1


class WindowsSigningPolicy(SigningPolicy):
    """Signatures as Windows makes them."""

    def algorithm(self, request: Request, session: Session | None, key: bytes) -> SigningAlgorithm:
        """Session.SigningKey goes with the algorithm of the connection the session was established on."""
        if session is not None and key and key == session.signing_key:
            return SigningAlgorithm(session.signing_algorithm_id)
        return super().algorithm(request, session, key)

    def signature_is_required(self, request: Request, session: Session) -> bool:
        """A session of other connections is not looked at: its requests fail for want of a session."""
        known = request.connection.session_table.get(session.session_id) is session
        return known and super().signature_is_required(request, session)


class WindowsSessionPolicy(SessionPolicy):
    """Sessions as Windows sets them up."""

    def refusal_status(self, refused: Refused) -> int:
        """A null session that is not allowed gets ACCESS_DENIED, as captured traffic shows."""
        return Status.ACCESS_DENIED if refused.is_null_session else super().refusal_status(refused)


class WindowsCompoundPolicy(CompoundPolicy):
    """Compounds as Windows does."""

    def misaligned_ends_connection(self, offset: int) -> bool:
        """A misaligned member is processed (note 267)."""
        del offset
        return False

    def mixed_status(self, requests: Sequence[Request]) -> Status:
        """Styles may be mixed (note 268)."""
        del requests
        return Status.SUCCESS

    def inherits_failure(self, previous: Request, status: Status) -> bool:
        """Only a file that could not be opened fails the requests that need it."""
        return super().inherits_failure(previous, status) and previous.open is None

    def may_pend(self, request: Request) -> bool:
        """Only the last member, or a CREATE that breaks an oplock, may wait (note 266)."""
        return request is request.chain.requests[-1] or request.command == Command.CREATE

    def pads_last(self) -> bool:
        """The last response is not padded."""
        return False


class WindowsEncryptionPolicy(EncryptionPolicy):
    """Encryption as Windows does."""

    def first_id_ends_connection(self, session_id: int, sealed_session_id: int) -> bool:
        """The SessionId inside a sealed message is not compared with the TRANSFORM_HEADER's."""
        del session_id, sealed_session_id
        return False

    def later_id_ends_connection(self, session_id: int, sealed_session_id: int) -> bool:
        """Nor are those of later requests."""
        del session_id, sealed_session_id
        return False

    def unauthenticated_ends_connection(self, session: Session) -> bool:
        """Sealed requests of guests and anonymous sessions are served (note 259)."""
        del session
        return False

    def session_gets_keys(self, connection: Connection, session: Session) -> bool:
        """Every session gets encryption keys; that of nobody from a session key of zeros."""
        del session
        return connection.is_3x and Capabilities.ENCRYPTION in connection.server_capabilities
