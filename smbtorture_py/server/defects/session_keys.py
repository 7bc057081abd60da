"""Defects of the keys of sessions, and of what is signed and sealed with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smbtorture_py.crypto.kdf import SessionKeys
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.key_deriver import KeyDeriver
from smbtorture_py.server.parts.preauth_hasher import PreauthHasher
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.crypto.preauth import PreauthIntegrityHash
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.wire.codec import Buffer
    from smbtorture_py.wire.negotiate import Dialect
    from smbtorture_py.wire.session_setup import SessionSetupRequest

_KEY_SIZE: Final = 16


defect(
    "session-final-response-unsigned",
    replaces=SigningPolicy.final_session_setup_is_signed,
    breaks=["SMB2-3.3.5.5.3-11"],
    origin="plausible: a response is signed only where the request was, or where the session requires it",
).always(False, "The final response of SESSION_SETUP is not signed unless the request was.")


@defect(
    "session-final-reauthentication-unsigned",
    replaces=SigningPolicy.final_session_setup_is_signed,
    breaks=["SMB2-3.3.5.5.3-11"],
    origin="Samba until 4.9, bug 13661: the last response of a re-authentication was unsigned, Windows left",
)
def _session_final_reauthentication_unsigned(
    original: Callable[[Session], bool], self: SigningPolicy, session: Session
) -> bool:
    """The final response of an unsigned re-authentication is not signed where the session is in use."""
    return original(session) and not session.tree_connect_table


@defect(
    "session-reauthentication-changes-keys",
    replaces=SessionPolicy.derives_keys,
    breaks=["SMB2-3.3.5.5.3-28", "SMB2-3.3.5.5.2-01", "SMB2-3.3.5.5.2-03"],
    origin="chimera #766: a re-authentication derived the keys of the session again",
)
def _session_reauthentication_changes_keys(
    original: Callable[..., bool], self: SessionPolicy, *, is_new: bool, is_binding: bool
) -> bool:
    """A re-authentication gives the session new keys."""
    return not is_binding


@defect(
    "session-reauthentication-must-be-signed",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.5-07"],
    origin="Samba until 4.1, bug 10958: an unsigned re-authentication was refused where signing was optional",
)
def _session_reauthentication_must_be_signed(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """A re-authentication must be signed even where nobody requires signing."""
    is_again = request.command == Command.SESSION_SETUP and session.state is SessionState.VALID
    return is_again or original(request, session)


@defect(
    "session-setup-need-not-be-signed",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.5.2-07"],
    origin="ksmbd 3.5.4: SESSION_SETUP is excepted from the check of signatures",
)
def _session_setup_need_not_be_signed(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """A re-authentication need not be signed where everything must be."""
    return request.command != Command.SESSION_SETUP and original(request, session)


@defect(
    "session-reauthentication-lifts-signing",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.2-01", "SMB2-3.3.5.2.4-03"],
    origin="plausible: Session.SigningRequired is assigned, where it may only be set",
)
def _session_reauthentication_lifts_signing(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """A re-authentication that does not ask for signatures makes the session do without."""
    session.signing_required = False
    return original(connection, session, request)


@defect(
    "session-security-mode-ignored",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.3-08"],
    origin="plausible: only SecurityMode of the NEGOTIATE is kept",
)
def _session_security_mode_ignored(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """SIGNING_REQUIRED in a SESSION_SETUP does not make the session require signatures."""
    return original(connection, session, replace(request, security_mode=SecurityMode.NONE))


@defect(
    "session-negotiated-signing-ignored",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.3-09"],
    origin="Samba: SIGNING_REQUIRED in a NEGOTIATE request does not make its sessions require signatures",
)
def _session_negotiated_signing_ignored(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """What client and server said in NEGOTIATE does not make the session require signatures."""
    return session.signing_required or SecurityMode.SIGNING_REQUIRED in request.security_mode


@defect(
    "session-guest-must-sign",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.3-05"],
    origin="plausible: the setting of the server is taken for every session, with a key or without",
)
def _session_guest_must_sign(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """Guests have to sign where the server requires it."""
    return connection.server.config.require_message_signing or original(connection, session, request)


@defect(
    "session-guest-not-told",
    replaces=SessionPolicy.session_flags,
    breaks=["SMB2-3.3.5.5.3-05"],
    origin="plausible: SessionFlags left zero; a client then expects a signature",
)
def _session_guest_not_told(
    original: Callable[..., SessionFlags], self: SessionPolicy, session: Session, *, encrypt: bool
) -> SessionFlags:
    """A guest is not told that he is one."""
    return original(session, encrypt=encrypt) & ~SessionFlags.IS_GUEST


@defect(
    "session-hash-shared",
    replaces=PreauthHasher.start_session,
    breaks=["SMB2-3.3.5.5.3-18"],
    origin="chimera #658 and #766: what failed authentications had sent stayed in the hash of the connection",
)
def _session_hash_shared(
    original: Callable[[PreauthIntegrityHash], PreauthIntegrityHash],
    self: PreauthHasher,
    connection_value: PreauthIntegrityHash,
) -> PreauthIntegrityHash:
    """All authentications of a connection go into one preauthentication hash."""
    return connection_value


@defect(
    "session-hash-lacks-padding",
    replaces=PreauthHasher.session_setup_request,
    breaks=["SMB2-3.3.5.5.3-18"],
    origin="plausible: the request is hashed as it was understood, not as it was received",
)
def _session_hash_lacks_padding(
    original: Callable[[PreauthIntegrityHash, Buffer], None],
    self: PreauthHasher,
    value: PreauthIntegrityHash,
    message: Buffer,
) -> None:
    """Zeros at the end of a SESSION_SETUP request are left out of the preauthentication hash."""
    original(value, bytes(message).rstrip(b"\0"))


@defect(
    "session-hash-lacks-response",
    replaces=PreauthHasher.session_setup_response,
    breaks=["SMB2-3.3.5.5.3-18"],
    origin="plausible: the hash is taken at the wrong moment",
)
def _session_hash_lacks_response(
    original: Callable[[PreauthIntegrityHash, Sequence[Buffer]], None],
    self: PreauthHasher,
    value: PreauthIntegrityHash,
    parts: Sequence[Buffer],
) -> None:
    """Responses are left out of the preauthentication hash."""


@defect(
    "session-one-cipher-key",
    replaces=KeyDeriver.session_keys,
    breaks=["SMB2-3.3.5.5.3-24"],
    origin="plausible: one key serves both directions",
)
def _session_one_cipher_key(
    original: Callable[[Dialect, bytes, bytes, bytes, int], SessionKeys],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    full_session_key: bytes,
    preauth_hash: bytes,
    cipher_id: int,
) -> SessionKeys:
    """The client's cipher key is used in both directions."""
    keys = original(dialect, session_key, full_session_key, preauth_hash, cipher_id)
    return replace(keys, encryption_key_s2c=keys.encryption_key_c2s)


@defect(
    "session-aes256-key-short",
    replaces=KeyDeriver.session_keys,
    breaks=["SMB2-3.3.5.5.3-25"],
    origin="Samba until 4.15, bug 14764: keys of AES-256 ciphers were derived with the wrong length",
)
def _session_aes256_key_short(
    original: Callable[[Dialect, bytes, bytes, bytes, int], SessionKeys],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    full_session_key: bytes,
    preauth_hash: bytes,
    cipher_id: int,
) -> SessionKeys:
    """Only the first half of the keys of AES-256 ciphers is derived, the other half is zero."""
    keys = original(dialect, session_key, full_session_key, preauth_hash, cipher_id)
    return replace(
        keys,
        encryption_key_s2c=_halved(keys.encryption_key_s2c),
        encryption_key_c2s=_halved(keys.encryption_key_c2s),
    )


def _halved(key: bytes) -> bytes:
    return key[:_KEY_SIZE].ljust(len(key), b"\0")


defect(
    "session-unencrypted-accepted",
    replaces=EncryptionPolicy.unencrypted_session_status,
    breaks=["SMB2-3.3.5.2.9-07", "SMB2-3.3.5.2.9-09"],
    origin="ksmbd 3.5.4: unencrypted requests of an encrypted session are processed",
).always(Status.SUCCESS, "An encrypted session takes requests that are not encrypted.")


@defect(
    "session-setup-response-encrypted",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.5.5.3-14"],
    origin="dittofs #404: the response to a successful SESSION_SETUP was sent encrypted",
)
def _session_setup_response_encrypted(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The final response of SESSION_SETUP is encrypted where the session is."""
    session = request.session
    encrypts = session is not None and session.encrypt_data
    return original(request) or (encrypts and request.command == Command.SESSION_SETUP)


@defect(
    "session-encrypted-refusal-in-the-clear",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01", "SMB2-3.3.4.1.4-02"],
    origin="Samba until 4.9, bug 13624: that an encrypted session had expired was told in the clear",
)
def _session_encrypted_refusal_in_the_clear(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """What a session is refused for is told in the clear."""
    session = request.session
    usable = session is not None and session.state is SessionState.VALID and bool(session.channel_list)
    return original(request) and usable and request.is_encrypted


defect(
    "session-encryption-not-needed",
    replaces=EncryptionPolicy.session_setup_status,
    breaks=["SMB2-3.3.5.5-01", "SMB2-3.3.5.5-02"],
    origin="plausible: a client that cannot encrypt is served in the clear",
).always(Status.SUCCESS, "Clients that cannot encrypt log on to servers that encrypt everything.")


defect(
    "session-encryption-lifted",
    replaces=BindPolicy.encryption_is_kept,
    breaks=["SMB2-3.3.5.2.9-07", "SMB2-3.3.5.5.3-39"],
    origin="[MS-SMB2] 3.3.5.5.3 taken at its word, see erratum 9",
).always(False, "Binding a channel takes encryption off the session.")


@defect(
    "session-encryption-not-told",
    replaces=SessionPolicy.session_flags,
    breaks=["SMB2-3.3.5.5.3-13"],
    origin="plausible: the flag is forgotten, and clients send in the clear what is then refused",
)
def _session_encryption_not_told(
    original: Callable[..., SessionFlags], self: SessionPolicy, session: Session, *, encrypt: bool
) -> SessionFlags:
    """A client is not told that its session is encrypted."""
    return original(session, encrypt=encrypt) & ~SessionFlags.ENCRYPT_DATA


defect(
    "session-reauthentication-resets-channel-key",
    replaces=SessionPolicy.channel_takes_session_key,
    breaks=["SMB2-3.3.5.5.2-04"],
    origin="[MS-SMB2] 3.3.5.5.3 taken at its word, see erratum 12",
).always(True, "A re-authentication over a bound channel replaces that channel's key by the session's.")
