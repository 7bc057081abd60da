"""Defects of signing and encryption."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from smbtorture_py.crypto.encryption import (
    CCM_NONCE_SIZE,
    GCM_NONCE_SIZE,
    NONCE_FIELD_SIZE,
    Decryptor,
    Encryptor,
)
from smbtorture_py.crypto.kdf import SessionKeys
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.key_deriver import KeyDeriver
from smbtorture_py.server.parts.message_encryptor import MessageEncryptor
from smbtorture_py.server.parts.signer import Signer
from smbtorture_py.server.policies.compound import CompoundPolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TRANSFORM_HEADER_SIZE, TransformHeader

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.codec import Buffer
    from smbtorture_py.wire.negotiate import Dialect


@defect(
    "response-signature-wrong",
    replaces=Signer.sign,
    breaks=["SMB2-3.3.4.1.1-01"],
    origin="plausible: any mistake in what is signed shows like this",
)
def _response_signature_wrong(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """Responses carry a signature with its first bit flipped."""
    signature = original(algorithm, key, header, parts)
    return bytes((signature[0] ^ 1,)) + signature[1:]


@defect(
    "plain-on-encrypted-share",
    replaces=EncryptionPolicy.unencrypted_tree_status,
    breaks=["SMB2-3.3.5.2.11-01"],
    origin="plausible: the share's setting only decides what the TREE_CONNECT response says",
)
def _plain_on_encrypted_share(
    original: Callable[[Request, TreeConnect], Status],
    self: EncryptionPolicy,
    request: Request,
    tree: TreeConnect,
) -> Status:
    """Requests that are not encrypted are served on an encrypted share."""
    return Status.SUCCESS


@defect(
    "plain-answer-to-encrypted-request",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: sessions and shares are asked whether they encrypt, the request is not",
)
def _plain_answer_to_encrypted_request(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The answer to an encrypted request is encrypted only where session or share ask for it."""
    session, tree = request.session, request.tree_connect
    wanted = (session is not None and session.encrypt_data) or (tree is not None and tree.share.encrypt_data)
    return wanted and original(request)


# Messages that are not taken


defect(
    "sealed-garbage-dropped",
    replaces=EncryptionPolicy.unopened_ends_connection,
    breaks=[
        "SMB2-3.3.5.2.1.1-01", "SMB2-3.3.5.2.1.1-02", "SMB2-3.3.5.2.1.1-03", "SMB2-3.3.5.2.1.1-04",
        "SMB2-3.3.5.2.1.1-05", "SMB2-3.3.5.2.1.1-06", "SMB2-3.3.5.2.1.1-12", "SMB2-3.3.5.2.1.1-13",
        "SMB2-3.3.5.2.1.1-14", "SMB2-3.3.5.2.1.1-15",
    ],
    origin="ksmbd 3.5.4: what cannot be decrypted is dropped, the connection stays",
).always(False, "An encrypted message that is not acceptable is dropped without a word.")  # fmt: skip


defect(
    "sealed-flags-ignored",
    replaces=EncryptionPolicy.flags_are_right,
    breaks=["SMB2-3.3.5.2.1.1-02"],
    origin="ksmbd 3.5.4: Flags/EncryptionAlgorithm is not checked",
).always(True, "Flags of a TRANSFORM_HEADER may be anything.")


@defect(
    "sealed-reserved-checked",
    replaces=EncryptionPolicy.reserved_ends_connection,
    breaks=["SMB2-2.2.41-03"],
    origin="plausible: what the client has to set to zero is required to be zero",
)
def _sealed_reserved_checked(original: Callable[[int], bool], self: EncryptionPolicy, reserved: int) -> bool:
    """Reserved of a TRANSFORM_HEADER must be zero."""
    return reserved != 0


defect(
    "sealed-size-ignored",
    replaces=EncryptionPolicy.size_ends_connection,
    breaks=["SMB2-3.3.5.2.1.1-05"],
    origin="Windows 8 to 2012 R2 (note 260), ksmbd for sizes that are too small",
).always(False, "OriginalMessageSize is not compared with the size of the message.")


@defect(
    "sealed-session-of-elsewhere",
    replaces=EncryptionPolicy.opening_session,
    breaks=["SMB2-3.3.5.2.1.1-03"],
    origin="Samba: keys are looked up among the sessions of all connections with one ClientGuid",
)
def _sealed_session_of_elsewhere(
    original: Callable[[Connection, int], Session | None],
    self: EncryptionPolicy,
    connection: Connection,
    session_id: int,
) -> Session | None:
    """Messages are decrypted with the key of any session of the server."""
    return original(connection, session_id) or connection.server.global_session_table.get(session_id)


defect(
    "sealed-related-first",
    replaces=EncryptionPolicy.first_related_ends_connection,
    breaks=["SMB2-3.3.5.2.1.1-07"],
    origin="Samba: INVALID_PARAMETER instead",
).always(False, "An encrypted request that is marked as related, and is the first, is only refused.")


defect(
    "sealed-session-not-compared",
    replaces=EncryptionPolicy.first_id_ends_connection,
    breaks=["SMB2-3.3.5.2.1.1-08"],
    origin="Windows, by a comment in Samba's source; ksmbd 3.5.4",
).always(False, "The SessionId inside may be another one than that of the TRANSFORM_HEADER.")


defect(
    "sealed-first-session-compared",
    replaces=EncryptionPolicy.later_id_ends_connection,
    breaks=["SMB2-3.3.5.2.1.1-09"],
    origin="plausible: only the first header of a chain is looked at",
).always(False, "Later requests of an encrypted chain may be of other sessions.")


defect(
    "sealed-chain-misaligned",
    replaces=CompoundPolicy.misaligned_ends_connection,
    breaks=["SMB2-3.3.5.2.1.1-10"],
    origin="Samba, ksmbd: the alignment of members is not checked",
).always(False, "Members of a chain may start anywhere.")


# Keys, tags and nonces


def _decipher(session: Session, key: bytes, frame: Buffer) -> memoryview:
    """The message in a transform message, whatever its tag: the ciphers are counter modes inside."""
    header = TransformHeader.decode(frame, [])
    assert header is not None
    if session.cipher_id in (Cipher.AES_128_CCM, Cipher.AES_256_CCM):
        counter = b"\x03" + header.nonce[:CCM_NONCE_SIZE] + (1).to_bytes(4, "big")
    else:
        counter = header.nonce[:GCM_NONCE_SIZE] + (2).to_bytes(4, "big")
    decryptor = ciphers.Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    return memoryview(decryptor.update(bytes(frame[TRANSFORM_HEADER_SIZE:])) + decryptor.finalize())


@defect(
    "sealed-tag-not-verified",
    replaces=MessageEncryptor.open,
    breaks=["SMB2-3.3.5.2.1.1-04"],
    origin="plausible: the cipher is called without its authentication",
)
def _sealed_tag_not_verified(
    original: Callable[[Connection, Session, Buffer], memoryview | None],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    frame: Buffer,
) -> memoryview | None:
    """The Signature of a TRANSFORM_HEADER is not compared."""
    return _decipher(session, self.decryption_key(connection, session), frame)


@defect(
    "sealed-with-either-key",
    replaces=MessageEncryptor.open,
    breaks=["SMB2-3.3.5.5.3-24", "SMB2-3.3.5.2.1.1-04"],
    origin="plausible: what the server sent can be sent back to it",
)
def _sealed_with_either_key(
    original: Callable[[Connection, Session, Buffer], memoryview | None],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    frame: Buffer,
) -> memoryview | None:
    """Messages that are encrypted with the server's own key are opened as well."""
    opened = original(connection, session, frame)
    if opened is not None:
        return opened
    return Decryptor(session.cipher_id, self.encryption_key(connection, session)).open(frame)


@defect(
    "sealed-with-any-key-of-connection",
    replaces=MessageEncryptor.open,
    breaks=["SMB2-3.3.5.2.1.1-04"],
    origin="plausible: all keys of a connection get tried",
)
def _sealed_with_any_key_of_connection(
    original: Callable[[Connection, Session, Buffer], memoryview | None],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    frame: Buffer,
) -> memoryview | None:
    """The key of any session of the connection opens a message."""
    others = (one for one in connection.session_table.values() if one.decryption_key)
    attempts = (original(connection, one, frame) for one in (session, *others))
    return next((opened for opened in attempts if opened is not None), None)


@defect(
    "encryption-keys-by-channel",
    replaces=MessageEncryptor.decryption_key,
    breaks=["SMB2-3.3.5.2.1.1-17"],
    origin="plausible: encryption keys are derived at a bind like signing keys",
)
def _encryption_keys_by_channel(
    original: Callable[[Connection, Session], bytes],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
) -> bytes:
    """On every channel but the first messages are opened with another key."""
    key = original(connection, session)
    return key if connection is session.connection else bytes(byte ^ 1 for byte in key)


@defect(
    "aes-256-keys-short",
    replaces=KeyDeriver.session_keys,
    breaks=["SMB2-3.3.5.5.3-25"],
    origin="Samba bug 14764 (0ac710610): keys for AES-256 were derived from the wrong length",
)
def _aes_256_keys_short(
    original: Callable[[Dialect, bytes, bytes, bytes, int], SessionKeys],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    full_session_key: bytes,
    preauth_hash: bytes,
    cipher_id: int,
) -> SessionKeys:
    """Keys for AES-256 have 128 bits and zeros behind them."""
    keys = original(dialect, session_key, full_session_key, preauth_hash, cipher_id)
    if cipher_id not in (Cipher.AES_256_CCM, Cipher.AES_256_GCM):
        return keys
    short = original(dialect, session_key, full_session_key, preauth_hash, Cipher.AES_128_GCM)
    return replace(
        keys,
        encryption_key_s2c=short.encryption_key_s2c.ljust(len(keys.encryption_key_s2c), b"\0"),
        encryption_key_c2s=short.encryption_key_c2s.ljust(len(keys.encryption_key_c2s), b"\0"),
    )


@defect(
    "encryption-keys-swapped",
    replaces=KeyDeriver.session_keys,
    breaks=["SMB2-3.3.5.5.3-24", "SMB2-3.3.4.1.4-01"],
    origin="plausible: «ServerIn » and «ServerOut» are seen from the other side",
)
def _encryption_keys_swapped(
    original: Callable[[Dialect, bytes, bytes, bytes, int], SessionKeys],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    full_session_key: bytes,
    preauth_hash: bytes,
    cipher_id: int,
) -> SessionKeys:
    """The keys of the two directions are swapped."""
    keys = original(dialect, session_key, full_session_key, preauth_hash, cipher_id)
    return replace(
        keys, encryption_key_s2c=keys.encryption_key_c2s, encryption_key_c2s=keys.encryption_key_s2c
    )


@defect(
    "nonce-repeats",
    replaces=MessageEncryptor.nonce,
    breaks=["SMB2-3.1.4.3-02"],
    origin="Samba bug 11300 (461c69bd7): nonces of AES-CCM and AES-GCM came again",
)
def _nonce_repeats(
    original: Callable[[Session, int], bytes], self: MessageEncryptor, session: Session, size: int
) -> bytes:
    """Nonces come again after sixteen messages."""
    session.nonce_counter %= 16
    return original(session, size)


@defect(
    "nonce-constant",
    replaces=MessageEncryptor.nonce,
    breaks=["SMB2-3.1.4.3-02"],
    origin="plausible: the counter is kept in a copy of the session",
)
def _nonce_constant(
    original: Callable[[Session, int], bytes], self: MessageEncryptor, session: Session, size: int
) -> bytes:
    """Every message of a session has the same nonce."""
    session.nonce_counter = 0
    return original(session, size)


@defect(
    "nonce-rest-filled",
    replaces=MessageEncryptor.nonce,
    breaks=["SMB2-2.2.41-01", "SMB2-2.2.41-02"],
    origin="Windows with CCM (note 83); plausible with GCM: all of the field is random",
)
def _nonce_rest_filled(
    original: Callable[[Session, int], bytes], self: MessageEncryptor, session: Session, size: int
) -> bytes:
    """The bytes of Nonce that the cipher does not use are not zero."""
    return original(session, size).ljust(NONCE_FIELD_SIZE, b"\x5a")


def _resealed(self: MessageEncryptor, connection: Connection, session: Session, parts: Sequence[Buffer],
              **fields: int) -> bytearray:  # fmt: skip
    """Seal with fields of the TRANSFORM_HEADER changed, under a tag that is right."""
    encryptor = Encryptor(session.cipher_id, self.encryption_key(connection, session))
    header = TransformHeader(
        session.session_id, self.nonce(session, encryptor.nonce_size), sum(map(len, parts))
    )
    for name, value in fields.items():
        setattr(header, name, value)
    return encryptor.seal_under(header, parts)


@defect(
    "transform-reserved-set",
    replaces=MessageEncryptor.seal,
    breaks=["SMB2-2.2.41-01"],
    origin="plausible: the buffer is not cleared",
)
def _transform_reserved_set(
    original: Callable[[Connection, Session, Sequence[Buffer]], bytearray],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    parts: Sequence[Buffer],
) -> bytearray:
    """Reserved of a response's TRANSFORM_HEADER is not zero."""
    return _resealed(self, connection, session, parts, reserved=1)


@defect(
    "transform-flags-of-cipher",
    replaces=MessageEncryptor.seal,
    breaks=["SMB2-3.1.4.3-01"],
    origin="plausible: the id of the negotiated cipher is put where 3.0 had an EncryptionAlgorithm",
)
def _transform_flags_of_cipher(
    original: Callable[[Connection, Session, Sequence[Buffer]], bytearray],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    parts: Sequence[Buffer],
) -> bytearray:
    """Flags of a response's TRANSFORM_HEADER is the id of the cipher."""
    return _resealed(self, connection, session, parts, flags=session.cipher_id)


@defect(
    "interim-under-wrong-session",
    replaces=MessageEncryptor.seal,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="Samba bug 14189 (eae1a45d0): interim responses were encrypted under a wrong SessionId",
)
def _interim_under_wrong_session(
    original: Callable[[Connection, Session, Sequence[Buffer]], bytearray],
    self: MessageEncryptor,
    connection: Connection,
    session: Session,
    parts: Sequence[Buffer],
) -> bytearray:
    """The TRANSFORM_HEADER of an interim response has SessionId zero."""
    header = Header.decode(bytes(parts[0]), [])
    if header is not None and header.status == Status.PENDING:
        return _resealed(self, connection, session, parts, session_id=0)
    return original(connection, session, parts)


# What is looked at or signed inside


@defect(
    "signature-inside-verified",
    replaces=SigningPolicy.decryption_is_enough,
    breaks=["SMB2-3.3.5.2.4-07"],
    origin="ksmbd 3.5.4: signatures are verified whenever SMB2_FLAGS_SIGNED is set",
)
def _signature_inside_verified(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """The signature of an encrypted request is looked at."""
    return not request.header.has(HeaderFlags.SIGNED)


@defect(
    "zero-signature-inside-required",
    replaces=EncryptionPolicy.inside_session_status,
    breaks=["SMB2-3.3.5.2.4-07"],
    origin="plausible: the rule for what is sent is applied to what is received",
)
def _zero_signature_inside_required(
    original: Callable[[Request], Status], self: EncryptionPolicy, request: Request
) -> Status:
    """An encrypted request must have zeros for a signature."""
    return Status.INVALID_PARAMETER if any(request.header.signature) else original(request)


@defect(
    "response-signed-inside",
    replaces=SigningPolicy.sealed_response_is_signed,
    breaks=["SMB2-3.3.4.1.1-06"],
    origin="Samba: the response to a request that is encrypted and signed is signed inside",
)
def _response_signed_inside(
    original: Callable[[Request], bool], self: SigningPolicy, request: Request
) -> bool:
    """Encrypted responses are signed as well."""
    return request.is_encrypted


# Which responses are sealed


@defect(
    "plain-early-refusal",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="Samba bug 13624 (4ef45e533), for expired sessions: refusals left in the clear",
)
def _plain_early_refusal(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """A request that is refused before its handler sees it is answered unencrypted."""
    wants_tree = request.command in (Command.READ, Command.WRITE, Command.CREATE)
    return original(request) and not (wants_tree and request.tree_connect is None)


@defect(
    "plain-interim-response",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: what is not signed is not encrypted either",
)
def _plain_interim_response(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """Interim responses are not encrypted."""
    return original(request) and (request.is_done or not request.async_id)


@defect(
    "plain-late-response",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: whether the request was encrypted is forgotten while it waits",
)
def _plain_late_response(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The final response of an asynchronous request is not encrypted."""
    return original(request) and not (request.is_done and request.async_id)


@defect(
    "plain-logoff-response",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: the keys are gone before the answer leaves",
)
def _plain_logoff_response(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The response to LOGOFF is not encrypted."""
    return request.command != Command.LOGOFF and original(request)


@defect(
    "plain-session-setup-response",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-01", "SMB2-3.3.5.5.2-08"],
    origin="plausible: SESSION_SETUP is excepted from all three conditions of 3.3.4.1.4, not from the second",
)
def _plain_session_setup_response(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The response to an encrypted SESSION_SETUP is not encrypted."""
    return request.command != Command.SESSION_SETUP and original(request)


@defect(
    "plain-on-encrypted-share-answered",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-03", "SMB2-3.3.4.1.4-02"],
    origin="ksmbd 3.5.4: only answers to encrypted requests are encrypted",
)
def _plain_on_encrypted_share_answered(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """A plain request that is refused for being plain is answered plainly."""
    return request.is_encrypted and original(request)


@defect(
    "tree-connect-response-encrypted",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-03"],
    origin="plausible: the share is known by then, and it encrypts",
)
def _tree_connect_response_encrypted(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The response to a plain TREE_CONNECT is encrypted where the session has a share that encrypts."""
    session = request.session
    trees = () if session is None else session.tree_connect_table.values()
    secret = request.command == Command.TREE_CONNECT and any(tree.share.encrypt_data for tree in trees)
    return original(request) or secret


@defect(
    "bind-of-encrypted-session-answered-encrypted",
    replaces=EncryptionPolicy.response_is_sealed,
    breaks=["SMB2-3.3.4.1.4-02"],
    origin="dittofs pull request 404: the response to a bind was encrypted, Windows took it for invalid",
)
def _bind_of_encrypted_session(
    original: Callable[[Request], bool], self: EncryptionPolicy, request: Request
) -> bool:
    """The final response to a bind of an encrypted session is encrypted."""
    session = request.session
    return original(request) or (request.is_binding and session is not None and session.encrypt_data)


# Where plain requests are refused


@defect(
    "plain-on-second-channel",
    replaces=EncryptionPolicy.unencrypted_session_status,
    breaks=["SMB2-3.3.5.2.9-09"],
    origin="plausible: the flag is kept with the connection that set the session up",
)
def _plain_on_second_channel(
    original: Callable[[Request, Session], Status],
    self: EncryptionPolicy,
    request: Request,
    session: Session,
) -> Status:
    """Plain requests are served on every channel but the first of an encrypted session."""
    return original(request, session) if request.connection is session.connection else Status.SUCCESS


@defect(
    "signed-is-enough",
    replaces=EncryptionPolicy.unencrypted_session_status,
    breaks=["SMB2-3.3.5.2.9-09"],
    origin="plausible: either protection will do",
)
def _signed_is_enough(
    original: Callable[[Request, Session], Status],
    self: EncryptionPolicy,
    request: Request,
    session: Session,
) -> Status:
    """Signed requests are served in sessions that the server encrypts."""
    return Status.SUCCESS if request.is_signed else original(request, session)


@defect(
    "signed-is-enough-on-share",
    replaces=EncryptionPolicy.unencrypted_tree_status,
    breaks=["SMB2-3.3.5.2.11-01"],
    origin="plausible: either protection will do",
)
def _signed_is_enough_on_share(
    original: Callable[[Request, TreeConnect], Status],
    self: EncryptionPolicy,
    request: Request,
    tree: TreeConnect,
) -> Status:
    """Signed requests are served on shares that encrypt."""
    return Status.SUCCESS if request.is_signed else original(request, tree)


@defect(
    "plain-on-share-of-second-channel",
    replaces=EncryptionPolicy.unencrypted_tree_status,
    breaks=["SMB2-3.3.5.2.11-01"],
    origin="plausible: the first channel is the one that connected to the share",
)
def _plain_on_share_of_second_channel(
    original: Callable[[Request, TreeConnect], Status],
    self: EncryptionPolicy,
    request: Request,
    tree: TreeConnect,
) -> Status:
    """Plain requests on a share that encrypts are served on every channel but the first."""
    session = request.require_session()
    return original(request, tree) if request.connection is session.connection else Status.SUCCESS


defect(
    "encrypted-share-for-everybody",
    replaces=EncryptionPolicy.tree_connect_status,
    breaks=["SMB2-3.3.5.7-09"],
    origin="plausible: the first request on the share finds out",
).always(Status.SUCCESS, "Clients that cannot encrypt may connect to shares that do.")


@defect(
    "encryption-required-once-seen",
    replaces=EncryptionPolicy.opening_session,
    breaks=["SMB2-3.3.4.1.4-01"],
    origin="plausible: the first encrypted request is taken for a promise",
)
def _encryption_required_once_seen(
    original: Callable[[Connection, int], Session | None],
    self: EncryptionPolicy,
    connection: Connection,
    session_id: int,
) -> Session | None:
    """After one encrypted request the session takes no plain ones and answers all encrypted."""
    session = original(connection, session_id)
    if session is not None:
        session.encrypt_data = True
    return session
