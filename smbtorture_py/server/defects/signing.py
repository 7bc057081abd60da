"""Defects of signing: which requests are verified and how, which responses are signed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.crypto.signing import compute_signature, verify_signature
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.signer import Signer
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.codec import HEADER_SIZE, Buffer
from smbtorture_py.wire.header import NO_SIGNATURE, Command, Header
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Reply, Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.wire.session_setup import SessionSetupRequest

_FIXED_BODY: Final = 4
"""Bytes of an ECHO's body ([MS-SMB2] 2.2.28)."""
_PADDING: Final = 8
_HALF: Final = 8
_SIGNING_BUFFER: Final = 65536
_ERROR: Final = 0xC000_0000


# Which requests are looked at


defect(
    "signature-not-verified",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.2.4-02", "SMB2-3.3.5.2.4-08", "SMB2-3.3.5.2.4-09", "SMB2-3.1.4.1-06"],
    origin="plausible: a client that signs rightly never shows it",
).always(True, "Every signature is taken for right.")


@defect(
    "signature-verified-only-where-required",
    replaces=SigningPolicy.must_verify,
    breaks=["SMB2-3.3.5.2.4-02", "SMB2-3.3.4.1.1-02"],
    origin="plausible: one switch for both directions of the rule",
)
def _signature_verified_only_where_required(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """Signatures of sessions that do not require them are not looked at."""
    session = self.signing_session(request)
    return original(request) and (session is None or session.signing_required)


@defect(
    "signature-of-break-not-verified",
    replaces=SigningPolicy.must_verify,
    breaks=["SMB2-3.3.5.2.4-09"],
    origin="ksmbd 3.5.4: the signatures of OPLOCK_BREAK acknowledgments are not verified",
)
def _signature_of_break_not_verified(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """The signature of an OPLOCK_BREAK acknowledgment is not looked at."""
    return request.command != Command.OPLOCK_BREAK and original(request)


@defect(
    "signature-of-cancel-not-verified",
    replaces=SigningPolicy.must_verify,
    breaks=["SMB2-3.3.5.2.4-09", "SMB2-3.1.4.1-04"],
    origin="plausible: a CANCEL is answered by nobody, so it skips the steps that may refuse it",
)
def _signature_of_cancel_not_verified(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """The signature of a CANCEL is not looked at."""
    return request.command != Command.CANCEL and original(request)


@defect(
    "signature-of-first-member-only",
    replaces=SigningPolicy.must_verify,
    breaks=["SMB2-3.3.5.2.4-02", "SMB2-3.1.4.1-06", "SMB2-3.3.4.1.1-02"],
    origin="plausible: a compound is verified as if it were one message",
)
def _signature_of_first_member_only(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """Only the first member of a compound is verified."""
    return request is request.chain.requests[0] and original(request)


defect(
    "signing-not-enforced",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.2.4-03", "SMB2-3.3.5.2.4-10", "SMB2-3.3.5.5.3-38"],
    origin="ksmbd 3.5.4: verifies where the SIGNED flag is set and takes everything else as it is",
).always(False, "Unsigned requests are served in sessions that require signatures.")


@defect(
    "signing-enforced-on-first-channel",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.2.4-03"],
    origin="plausible: the flag is kept with the connection that set the session up",
)
def _signing_enforced_on_first_channel(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """Unsigned requests are served on every channel but the first."""
    return request.connection is session.connection and original(request, session)


@defect(
    "signing-enforced-for-first-member",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.2.4-03"],
    origin="plausible: a compound is looked at as if it were one message",
)
def _signing_enforced_for_first_member(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """Only the first member of a compound has to be signed."""
    return request is request.chain.requests[0] and original(request, session)


@defect(
    "signing-enforced-but-for-reading",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.2.4-03"],
    origin="plausible: the data path skips what costs time",
)
def _signing_enforced_but_for_reading(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """READ and WRITE need no signature."""
    return request.command not in (Command.READ, Command.WRITE) and original(request, session)


@defect(
    "signing-demanded-of-everybody",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.2.4-04"],
    origin="plausible: the flag of the client's offer is taken for its demand",
)
def _signing_demanded_of_everybody(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """Unsigned requests are refused in every session that has a key."""
    keyed = session.state is SessionState.VALID and not session.is_guest and not session.is_anonymous
    return original(request, session) or (keyed and request.command != Command.SESSION_SETUP)


@defect(
    "signing-enforced-by-connection",
    replaces=SigningPolicy.unsigned_is_refused,
    breaks=["SMB2-3.3.5.2.4-04"],
    origin="plausible: SigningRequired is asked of the connection, not of the session a request names",
)
def _signing_enforced_by_connection(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """One session that requires signatures makes them required of everything on its connection."""
    sessions = request.connection.session_table.values()
    return original(request) or (
        request.command != Command.SESSION_SETUP and any(session.signing_required for session in sessions)
    )


@defect(
    "signing-required-once-seen",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.2.4-04"],
    origin="plausible: the first signature is taken for a promise",
)
def _signing_required_once_seen(
    original: Callable[[Request, bytes], bool], self: SigningPolicy, request: Request, key: bytes
) -> bool:
    """After one signed request the session takes no unsigned ones."""
    right = original(request, key)
    session = self.signing_session(request)
    if right and session is not None:
        session.signing_required = True
    return right


defect(
    "cancel-needs-no-signature",
    replaces=AsyncPolicy.unsigned_cancel_is_refused,
    breaks=["SMB2-3.3.5.2.4-10"],
    origin="ksmbd: a CANCEL need not be signed",
).always(False, "An unsigned CANCEL cancels, although the session requires signatures.")


@defect(
    "server-signing-not-mandatory",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.2.4-03"],
    origin="Samba bug 15397, CVE-2023-3347: 'server signing = mandatory' was not enforced",
)
def _server_signing_not_mandatory(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """Only the client can require signatures; what the server is configured to require does not count."""
    demanded = SecurityMode.SIGNING_REQUIRED in SecurityMode(request.security_mode)
    return (demanded or connection.should_sign) and original(connection, session, request)


@defect(
    "bind-cannot-demand-signing",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.3-38"],
    origin="Samba: only the first authentication of a session decides on signing",
)
def _bind_cannot_demand_signing(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """A bind or re-authentication whose client demands signatures changes nothing."""
    return session.signing_required if session.session_key else original(connection, session, request)


# Which session and which key


@defect(
    "signing-session-of-elsewhere",
    replaces=SigningPolicy.signing_session,
    breaks=["SMB2-3.3.5.2.4-05"],
    origin="plausible: sessions are looked up in the table of the whole server",
)
def _signing_session_of_elsewhere(
    original: Callable[[Request], Session | None], self: SigningPolicy, request: Request
) -> Session | None:
    """The session of a signed request is looked up among all sessions of the server."""
    return original(request) or request.connection.server.global_session_table.get(request.session_id)


defect(
    "signing-unknown-session-denied",
    replaces=SigningPolicy.session_not_found_status,
    breaks=["SMB2-3.3.5.2.4-05"],
    origin="plausible: no session, no key, no right signature",
).always(
    Status.ACCESS_DENIED, "A signed request of an unknown session is refused like one with a wrong signature."
)


defect(
    "signing-key-missing-denied",
    replaces=SigningPolicy.missing_key_status,
    breaks=["SMB2-3.3.5.2.4-06"],
    origin="plausible: no key, no right signature",
).always(
    Status.ACCESS_DENIED,
    "A signed request of a session without a key is refused like one with a wrong signature.",
)


@defect(
    "anonymous-session-without-key",
    replaces=SigningPolicy.verification_key,
    breaks=["SMB2-3.3.5.2.4-11"],
    origin="plausible: a session of nobody gets no keys",
)
def _anonymous_session_without_key(
    original: Callable[[Request, Session], bytes], self: SigningPolicy, request: Request, session: Session
) -> bytes:
    """An anonymous session has no key."""
    return b"" if session.is_anonymous else original(request, session)


@defect(
    "anonymous-signature-ignored",
    replaces=SigningPolicy.must_verify,
    breaks=["SMB2-3.3.5.2.4-11", "SMB2-3.3.5.2.4-02"],
    origin="plausible: nobody's signature proves nothing",
)
def _anonymous_signature_ignored(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """Signatures of guests and anonymous sessions are not looked at."""
    session = self.signing_session(request)
    keyless = session is not None and (session.is_anonymous or session.is_guest)
    return original(request) and not keyless


@defect(
    "one-signing-key-for-all-channels",
    replaces=SigningPolicy.verification_key,
    breaks=["SMB2-3.3.5.2.4-08", "SMB2-3.3.5.2.4-02"],
    origin="Samba 1b46a10c163, on the client's side: the second channel was signed with the session's key",
)
def _one_signing_key_for_all_channels(
    original: Callable[[Request, Session], bytes], self: SigningPolicy, request: Request, session: Session
) -> bytes:
    """Requests are verified with Session.SigningKey on every channel."""
    return session.signing_key or original(request, session)


@defect(
    "any-key-of-session-signs",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.2.4-08", "SMB2-3.3.5.5.3-21"],
    origin="plausible: all keys there are get tried",
)
def _any_key_of_session_signs(
    original: Callable[[Request, bytes], bool], self: SigningPolicy, request: Request, key: bytes
) -> bool:
    """The key of any channel is right on every channel, and so are session key and application key."""
    session = self.signing_session(request)
    if session is None:
        return original(request, key)
    keys = (
        key,
        session.session_key,
        session.application_key,
        *(channel.signing_key for channel in session.channel_list),
    )
    return any(original(request, one) for one in keys if one)


@defect(
    "any-key-of-connection-signs",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.2.4-02"],
    origin="plausible: the key is looked up by the connection",
)
def _any_key_of_connection_signs(
    original: Callable[[Request, bytes], bool], self: SigningPolicy, request: Request, key: bytes
) -> bool:
    """The key of any session of the connection is right for every session on it."""
    sessions = request.connection.session_table.values()
    keys = (self.verification_key(request, session) for session in sessions)
    return original(request, key) or any(original(request, one) for one in keys if one)


# What a signature is


@defect(
    "zero-signature-accepted",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.2.4-02"],
    origin="plausible: zeros are taken for a signature that is not there",
)
def _zero_signature_accepted(
    original: Callable[[Request, bytes], bool], self: SigningPolicy, request: Request, key: bytes
) -> bool:
    """A signature of zeros is taken for right."""
    return request.header.signature == NO_SIGNATURE or original(request, key)


@defect(
    "signature-compared-by-half",
    replaces=Signer.verify,
    breaks=["SMB2-3.3.5.2.4-02"],
    origin="plausible: SMB 1 signatures have eight bytes",
)
def _signature_compared_by_half(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """Only the first eight bytes of a signature are compared."""
    right = compute_signature(
        algorithm, key, (message,),
        message_id=header.message_id, is_server=False, is_cancel=header.command == Command.CANCEL,
    )  # fmt: skip
    return right[:_HALF] == header.signature[:_HALF]


@defect(
    "signature-covers-structure-only",
    replaces=Signer.verify,
    breaks=["SMB2-3.3.5.2.4-02"],
    origin="plausible: the length comes from the structures, not from the frame",
)
def _signature_covers_structure_only(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """Bytes behind the body of an ECHO are not part of what is signed."""
    if header.command == Command.ECHO:
        message = memoryview(message)[: HEADER_SIZE + _FIXED_BODY]
    return original(algorithm, key, header, message)


@defect(
    "signature-without-padding",
    replaces=Signer.sign,
    breaks=["SMB2-3.1.4.1-06", "SMB2-3.3.4.1.1-02"],
    origin="plausible: compounds are padded after they are signed",
)
def _signature_without_padding(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """The padding of a compounded response is not part of what is signed."""
    padded = len(parts) > 1 and len(parts[-1]) < _PADDING and not any(parts[-1])
    return original(algorithm, key, header, parts[:-1] if padded else parts)


@defect(
    "padding-not-verified",
    replaces=Signer.verify,
    breaks=["SMB2-3.1.4.1-06"],
    origin="plausible: compounds are cut at the end of the body",
)
def _padding_not_verified(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """The padding of a compounded request counts as zeros."""
    end = len(message) - 1 if header.next_command else len(message)
    return original(algorithm, key, header, bytes(message[:end]).ljust(len(message), b"\0"))


@defect(
    "gmac-nonce-without-cancel",
    replaces=Signer.verify,
    breaks=["SMB2-3.1.4.1-04"],
    origin="plausible: the only message with a nonce of its own is forgotten",
)
def _gmac_nonce_without_cancel(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """The AES-GMAC nonce of a CANCEL is that of any other request."""
    return verify_signature(
        algorithm, key, (message,), message_id=header.message_id, is_server=False, is_cancel=False
    )


@defect(
    "gmac-nonce-of-either-side",
    replaces=Signer.verify,
    breaks=["SMB2-3.1.4.1-04"],
    origin="plausible: messages that the server sent itself can be sent back to it",
)
def _gmac_nonce_of_either_side(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """The bits of role and of CANCEL in an AES-GMAC nonce do not matter."""
    return original(algorithm, key, header, message) or any(
        verify_signature(
            algorithm, key, (message,), message_id=header.message_id, is_server=role, is_cancel=cancel
        )
        for role in (False, True)
        for cancel in (False, True)
    )


@defect(
    "gmac-nonce-as-client",
    replaces=Signer.sign,
    breaks=["SMB2-3.1.4.1-04", "SMB2-3.3.4.1.1-02"],
    origin="plausible: one function makes the nonce for both sides",
)
def _gmac_nonce_as_client(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """Responses are signed with the AES-GMAC nonce of a client."""
    return compute_signature(
        algorithm, key, parts, message_id=header.message_id, is_server=False, is_cancel=False
    )


@defect(
    "hmac-always-accepted",
    replaces=Signer.verify,
    breaks=["SMB2-3.1.4.1-02", "SMB2-3.1.4.1-03"],
    origin="plausible: messages of an older dialect's algorithm go on being taken",
)
def _hmac_always_accepted(
    original: Callable[[SigningAlgorithm, bytes, Header, Buffer], bool],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    message: Buffer,
) -> bool:
    """HMAC-SHA256 is right whatever was negotiated."""
    return original(algorithm, key, header, message) or original(
        SigningAlgorithm.HMAC_SHA256, key, header, message
    )


# Which responses are signed


@defect(
    "response-signed-only-where-required",
    replaces=SigningPolicy.response_is_signed,
    breaks=["SMB2-3.3.4.1.1-02", "SMB2-3.3.4.1.1-04"],
    origin="plausible: the third condition of 3.3.4.1.1 is read as a part of the other two",
)
def _response_signed_only_where_required(
    original: Callable[[Request, Reply], bool], self: SigningPolicy, request: Request, reply: Reply
) -> bool:
    """A signed request is answered unsigned where the session requires no signatures."""
    session = request.session
    wanted = request.command == Command.SESSION_SETUP or (session is not None and session.signing_required)
    return wanted and original(request, reply)


@defect(
    "response-unsigned-where-required",
    replaces=SigningPolicy.response_is_signed,
    breaks=["SMB2-3.3.4.1.1-01"],
    origin="plausible: whoever may not send unsigned forgets to sign",
)
def _response_unsigned_where_required(
    original: Callable[[Request, Reply], bool], self: SigningPolicy, request: Request, reply: Reply
) -> bool:
    """Responses of sessions that require signatures are not signed."""
    session = request.session
    refused = session is not None and session.signing_required and request.command != Command.SESSION_SETUP
    return not refused and original(request, reply)


@defect(
    "error-response-unsigned",
    replaces=SigningPolicy.response_is_signed,
    breaks=["SMB2-3.3.4.1.1-02"],
    origin="plausible: errors leave by another way than results",
)
def _error_response_unsigned(
    original: Callable[[Request, Reply], bool], self: SigningPolicy, request: Request, reply: Reply
) -> bool:
    """ERROR responses are not signed."""
    return reply.status < _ERROR and original(request, reply)


@defect(
    "late-response-unsigned",
    replaces=SigningPolicy.response_is_signed,
    breaks=["SMB2-3.3.4.1.1-04"],
    origin="plausible: whether the request was signed is forgotten while it waits",
)
def _late_response_unsigned(
    original: Callable[[Request, Reply], bool], self: SigningPolicy, request: Request, reply: Reply
) -> bool:
    """The final response of an asynchronous request is not signed."""
    return not request.async_id and original(request, reply)


@defect(
    "interim-response-signed",
    replaces=SigningPolicy.interim_is_signed,
    breaks=["SMB2-3.3.4.1.1-03", "SMB2-3.1.4.1-05"],
    origin="plausible: with AES-GMAC it uses the nonce of the final response",
)
def _interim_response_signed(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """The interim response to a signed request is signed."""
    return request.is_signed


@defect(
    "break-notification-signed",
    replaces=SigningPolicy.unsolicited_is_signed,
    breaks=["SMB2-3.3.4.6-04"],
    origin="plausible: everything a session sends is signed",
)
def _break_notification_signed(
    original: Callable[[Session | None], bool], self: SigningPolicy, session: Session | None
) -> bool:
    """Break notifications of sessions that require signatures are signed."""
    return session is not None and session.signing_required


@defect(
    "signature-covers-64k",
    replaces=Signer.sign,
    breaks=["SMB2-3.1.4.1-01", "SMB2-3.1.4.1-03"],
    origin="plausible: what is signed goes through a buffer of one size",
)
def _signature_covers_64k(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """The signature of a response covers its first 64 KiB only."""
    return original(algorithm, key, header, [b"".join(map(bytes, parts))[:_SIGNING_BUFFER]])
