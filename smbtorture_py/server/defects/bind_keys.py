"""Defects of the keys and hashes of channels ([MS-SMB2] 3.3.5.5.3, 3.3.5.2.4, 3.3.4.1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.key_deriver import KeyDeriver
from smbtorture_py.server.parts.preauth_hasher import PreauthHasher
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.crypto.preauth import PreauthIntegrityHash
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Reply, Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.negotiate import Dialect


defect(
    "bind-leg-unsigned",
    replaces=SigningPolicy.bind_leg_is_signed,
    breaks=["SMB2-3.3.5.5-30"],
    origin="ksmbd until July 2026, chimera PR 685: intermediate bind responses went out unsigned",
).always(False, "The response that continues a bind is not signed.")


@defect(
    "bind-leg-signed-with-session-key",
    replaces=SigningPolicy.response_key,
    breaks=["SMB2-3.3.5.5-30"],
    origin="plausible: Session.SessionKey is taken for Session.SigningKey",
)
def _leg_signed_with_session_key(
    original: Callable[[Request, Reply, Session], bytes],
    self: SigningPolicy,
    request: Request,
    reply: Reply,
    session: Session,
) -> bytes:
    """The response that continues a bind is signed with the key that the signing key is derived from."""
    continues = request.is_binding and reply.status == Status.MORE_PROCESSING_REQUIRED
    return session.session_key if continues else original(request, reply, session)


@defect(
    "bind-success-signed-with-session-key",
    replaces=SigningPolicy.final_bind_key,
    breaks=["SMB2-3.3.5.5-31"],
    origin="chimera PR 685: the final response to a bind did not have the new channel's signature",
)
def _success_signed_with_session_key(
    original: Callable[[Request, Session], bytes], self: SigningPolicy, request: Request, session: Session
) -> bytes:
    """The final response to a bind is signed with Session.SigningKey."""
    return session.signing_key


@defect(
    "channel-answers-with-session-key",
    replaces=SigningPolicy.channel_key,
    breaks=["SMB2-3.3.5.5-33"],
    origin="Samba 1b46a10c163 (its client): the second channel was signed with the session's key",
)
def _channel_answers_with_session_key(
    original: Callable[[Request, Session], bytes], self: SigningPolicy, request: Request, session: Session
) -> bytes:
    """Responses on every channel are signed with Session.SigningKey."""
    return session.signing_key


@defect(
    "channel-verified-with-session-key",
    replaces=SigningPolicy.verification_key,
    breaks=["SMB2-3.3.5.5-35", "SMB2-3.3.5.5.3-22"],
    origin="plausible: a server from before multichannel has one key for each session",
)
def _channel_verified_with_session_key(
    original: Callable[[Request, Session], bytes], self: SigningPolicy, request: Request, session: Session
) -> bytes:
    """Requests on every channel are verified with Session.SigningKey."""
    return session.signing_key if session.signing_key else original(request, session)


@defect(
    "channel-keys-interchangeable",
    replaces=SigningPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.5-35"],
    origin="plausible: every key the session has is tried",
)
def _channel_keys_interchangeable(
    original: Callable[[Request, bytes], bool], self: SigningPolicy, request: Request, key: bytes
) -> bool:
    """A request signed with the key of another channel is accepted."""
    session = request.connection.session_table.get(request.session_id)
    keys = [] if session is None else [channel.signing_key for channel in session.channel_list]
    return any(original(request, one) for one in (key, *keys))


@defect(
    "bind-rewrites-session-keys",
    replaces=SessionPolicy.derives_keys,
    breaks=["SMB2-3.3.5.5.3-22", "SMB2-3.3.5.5.3-23", "SMB2-3.3.5.5.3-28"],
    origin="ksmbd until July 2026 (4b706360): a bind overwrote the keys of the session",
)
def _rewrites_session_keys(
    original: Callable[..., bool], self: SessionPolicy, *, is_new: bool, is_binding: bool
) -> bool:
    """A bind gives the whole session new keys."""
    return is_binding or original(is_new=is_new, is_binding=is_binding)


@defect(
    "bind-hash-shared",
    replaces=PreauthHasher.start_bind,
    breaks=["SMB2-3.3.5.5.3-19", "SMB2-3.3.5.5.3-20", "SMB2-3.3.5.5-28"],
    origin="chimera PR 658 and 766: what a refused bind left in the hash spoilt the next one",
)
def _hash_shared(
    original: Callable[[PreauthIntegrityHash], PreauthIntegrityHash],
    self: PreauthHasher,
    connection_value: PreauthIntegrityHash,
) -> PreauthIntegrityHash:
    """All binds of a connection go into one hash."""
    return connection_value


@defect(
    "bind-hash-starts-empty",
    replaces=PreauthHasher.start_bind,
    breaks=["SMB2-3.3.5.5.3-19"],
    origin="plausible: the hash of a bind is begun like that of a connection",
)
def _hash_starts_empty(
    original: Callable[[PreauthIntegrityHash], PreauthIntegrityHash],
    self: PreauthHasher,
    connection_value: PreauthIntegrityHash,
) -> PreauthIntegrityHash:
    """The hash of a bind leaves the negotiation out."""
    return self.start()


@defect(
    "channel-key-without-hash",
    replaces=KeyDeriver.channel_signing_key,
    breaks=["SMB2-3.3.5.5.3-22"],
    origin="plausible: the derivation of 3.0 is used for all dialects but with the label of 3.1.1",
)
def _channel_key_without_hash(
    original: Callable[[Dialect, bytes, bytes], bytes],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    preauth_hash: bytes,
) -> bytes:
    """The key of a bound channel is derived with an empty hash."""
    return original(dialect, session_key, bytes(len(preauth_hash)))


@defect(
    "channel-key-not-derived",
    replaces=KeyDeriver.channel_signing_key,
    breaks=["SMB2-3.3.5.5.3-22"],
    origin="plausible: the session key of the new authentication is used as it is",
)
def _channel_key_not_derived(
    original: Callable[[Dialect, bytes, bytes], bytes],
    self: KeyDeriver,
    dialect: Dialect,
    session_key: bytes,
    preauth_hash: bytes,
) -> bytes:
    """A bound channel signs with the session key of its authentication."""
    return session_key


@defect(
    "encryption-on-first-channel-only",
    replaces=EncryptionPolicy.opening_session,
    breaks=["SMB2-3.3.5.5-36", "SMB2-3.3.5.2.1.1-17"],
    origin="plausible: the keys of encryption are kept with the connection of the session",
)
def _encryption_on_first_channel_only(
    original: Callable[[Connection, int], Session | None],
    self: EncryptionPolicy,
    connection: Connection,
    session_id: int,
) -> Session | None:
    """Encrypted messages are opened on the first channel only."""
    session = original(connection, session_id)
    return session if session is not None and session.connection is connection else None


@defect(
    "encryption-required-on-first-channel-only",
    replaces=EncryptionPolicy.unencrypted_tree_status,
    breaks=["SMB2-3.3.5.5-36"],
    origin="plausible: that a share encrypts is noted where its tree was connected",
)
def _encryption_required_on_first_channel_only(
    original: Callable[[Request, TreeConnect], Status],
    self: EncryptionPolicy,
    request: Request,
    tree: TreeConnect,
) -> Status:
    """A share that must be encrypted serves plain requests on later channels."""
    is_first = request.session is None or request.session.connection is request.connection
    return original(request, tree) if is_first else Status.SUCCESS
