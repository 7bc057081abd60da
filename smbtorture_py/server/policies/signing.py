"""Which requests must be signed and how, and which responses are ([MS-SMB2] 3.3.5.2.4, 3.3.4.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.request import Reply, Request
    from smbtorture_py.server.session import Session


class SigningPolicy:
    """The choices around signatures."""

    def signed_negotiate_status(self, request: Request) -> Status:
        """SUCCESS, or what a NEGOTIATE with SMB2_FLAGS_SIGNED fails with (3.3.5.2.4)."""
        return Status.INVALID_PARAMETER if request.header.has(HeaderFlags.SIGNED) else Status.SUCCESS

    def decryption_is_enough(self, request: Request) -> bool:
        """Whether what was sealed needs no signature, and is not looked at for one (3.3.5.2.4)."""
        del request
        return True

    def must_verify(self, request: Request) -> bool:
        """Whether the signature of this request is looked at: it claims one (3.3.5.2.4)."""
        return request.header.has(HeaderFlags.SIGNED)

    def sealed_response_is_signed(self, request: Request) -> bool:
        """Whether a response that is sealed is signed inside: its Signature is zero (3.3.4.1.1)."""
        del request
        return False

    def signing_session(self, request: Request) -> Session | None:
        """The session a signed request belongs to: of this connection, a bind's of the whole server
        (3.3.5.2.4)."""
        if request.is_binding:
            return request.connection.server.global_session_table.get(request.session_id)
        return request.connection.session_table.get(request.session_id)

    def session_not_found_status(self) -> Status:
        """What a signed request of an unknown session fails with (3.3.5.2.4)."""
        return Status.USER_SESSION_DELETED

    def verification_key(self, request: Request, session: Session) -> bytes:
        """The key a request must be signed with (3.3.5.2.4).

        3.x: Session.SigningKey for a bind, else the Channel.SigningKey of the connection; before 3.0
        Session.SessionKey. Empty stands for NULL.
        """
        if not session.connection.is_3x:
            return session.session_key
        if request.is_binding:
            return session.signing_key
        channel = session.channel_list.find(request.connection)
        return channel.signing_key if channel else b""

    def missing_key_status(self, request: Request) -> Status:
        """What a signed request fails with where there is no key yet (3.3.5.2.4)."""
        del request
        return Status.NOT_SUPPORTED

    def missing_key_ends_connection(self, request: Request) -> bool:
        """Whether it also ends the connection: the text knows no such choice (3.3.5.2.4)."""
        del request
        return False

    def signature_is_right(self, request: Request, key: bytes) -> bool:
        """Verify the signature (3.1.5.1)."""
        algorithm = self.algorithm(request, request.session, key)
        return request.connection.server.signer.verify(algorithm, key, request.header, request.raw)

    def algorithm(self, request: Request, session: Session | None, key: bytes) -> SigningAlgorithm:
        """The algorithm that goes with a key on a connection: that of the connection (3.1.4.1)."""
        del session, key
        return request.connection.server.signer.algorithm(request.connection)

    def bad_signature_status(self, request: Request) -> Status:
        """What a request with a wrong signature fails with (3.3.5.2.4)."""
        del request
        return Status.ACCESS_DENIED

    def bad_signature_ends_connection(self, request: Request) -> bool:
        """Whether a wrong signature also ends the connection (MAY, 3.3.5.2.4)."""
        del request
        return False

    def bad_signature_answer_is_signed(self, request: Request) -> bool:
        """Whether the refusal of a wrong signature is signed: its request claims to be, and there is a key
        (3.3.4.1.1)."""
        del request
        return True

    def keyless_error_repeats_signature(self, request: Request, reply: Reply) -> bool:
        """Whether a refusal for which there is no key repeats SMB2_FLAGS_SIGNED and Signature of its request.

        The header of an ERROR response matches that of the request but for the fields the text names, and
        those are not among them (3.3.4.4).
        """
        return request.header.has(HeaderFlags.SIGNED) and reply.status not in (
            Status.SUCCESS,
            Status.MORE_PROCESSING_REQUIRED,
        )

    def unsigned_is_refused(self, request: Request) -> bool:
        """Whether a request without a signature is refused: where its session, wherever that is, requires
        one (3.3.5.2.4)."""
        session = request.connection.server.global_session_table.get(request.session_id)
        return session is not None and self.signature_is_required(request, session)

    def signature_is_required(self, request: Request, session: Session) -> bool:
        """Whether an unsigned, unsealed request of this session is refused (3.3.5.2.4)."""
        del request
        return session.signing_required

    def missing_signature_status(self, request: Request) -> Status:
        """What such a request fails with (3.3.5.2.4)."""
        del request
        return Status.ACCESS_DENIED

    def missing_signature_ends_connection(self, request: Request) -> bool:
        """Whether it also ends the connection (MAY, 3.3.5.2.4)."""
        del request
        return False

    def response_is_signed(self, request: Request, reply: Reply) -> bool:
        """Whether a response other than an interim one is signed (SHOULD, 3.3.4.1.1; SESSION_SETUP
        3.3.5.5.3).

        Where the request was signed; and every SESSION_SETUP that succeeds for a user who is neither guest
        nor anonymous, and every leg of a bind.
        """
        session = request.session
        if session is not None and request.command == Command.SESSION_SETUP and not request.is_encrypted:
            if reply.status == Status.SUCCESS and self.final_session_setup_is_signed(session):
                return True
            if reply.status == Status.MORE_PROCESSING_REQUIRED and request.is_binding:
                return self.bind_leg_is_signed(request)
        return request.is_signed

    def final_session_setup_is_signed(self, session: Session) -> bool:
        """Whether the final SESSION_SETUP response is signed: unless guest or anonymous (3.3.5.5.3)."""
        return not session.is_guest and not session.is_anonymous

    def bind_leg_is_signed(self, request: Request) -> bool:
        """Whether a SESSION_SETUP response that continues a bind is signed (3.3.5.5.3)."""
        return request.connection.is_3x

    def interim_is_signed(self, request: Request) -> bool:
        """Whether an interim response is signed (SHOULD NOT, 3.3.4.2)."""
        del request
        return False

    def response_key(self, request: Request, reply: Reply, session: Session) -> bytes:
        """The key a response is signed with (3.3.4.1.1).

        3.x: Session.SigningKey for a SESSION_SETUP response other than SUCCESS, else the Channel.SigningKey
        of the connection; before 3.0 Session.SessionKey.
        """
        if not request.connection.is_3x and not session.signing_key:
            return session.session_key
        if request.command == Command.SESSION_SETUP:
            if reply.status != Status.SUCCESS:
                return session.signing_key
            if request.is_binding:
                return self.final_bind_key(request, session)
        return self.channel_key(request, session)

    def final_bind_key(self, request: Request, session: Session) -> bytes:
        """The key of the final response to a bind: the new Channel.SigningKey (3.3.5.5.3)."""
        return self.channel_key(request, session)

    def channel_key(self, request: Request, session: Session) -> bytes:
        """Channel.SigningKey of the connection; Session.SigningKey where the channel is gone (after
        LOGOFF)."""
        channel = session.channel_list.find(request.connection)
        return channel.signing_key if channel else request.signing_key or session.signing_key

    def notification_is_signed(self, session: Session) -> bool:
        """Whether a SERVER_TO_CLIENT_NOTIFICATION is signed: where the session requires signing (4.11.1)."""
        return session.signing_required

    def unsolicited_is_signed(self, session: Session | None) -> bool:
        """Whether a break notification is signed: never ([MS-SMB2] 3.3.4.6, 3.3.4.7)."""
        del session
        return False
