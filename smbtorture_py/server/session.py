"""Session, Channel and PreauthSession ([MS-SMB2] 3.3.1.8, 3.3.1.14, 3.3.1.15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbtorture_py.auth.acceptor import Acceptor
    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.crypto.preauth import PreauthIntegrityHash
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.channel_table import ChannelTable
    from smbtorture_py.server.tree_connect import TreeConnect


class SessionState(Enum):
    """Session.State ([MS-SMB2] 3.3.1.8)."""

    IN_PROGRESS = auto()
    VALID = auto()
    EXPIRED = auto()


@dataclass(slots=True, eq=False)
class Channel:
    """One connection of a session, with the key that signs on it ([MS-SMB2] 3.3.1.14)."""

    connection: Connection
    signing_key: bytes


@dataclass(slots=True, eq=False)
class PreauthSession:
    """An authentication under way on one connection: its preauth hash ([MS-SMB2] 3.3.1.15) and its GSS
    context."""

    session_id: int
    acceptor: Acceptor
    is_binding: bool
    is_reauthentication: bool
    preauth_integrity_hash: PreauthIntegrityHash | None = None


@dataclass(slots=True, eq=False)
class Session:
    """One authenticated session, over any number of connections ([MS-SMB2] 3.3.1.8)."""

    session_id: int
    connection: Connection
    """The connection it was established on; other channels are in `channel_list`."""
    channel_list: ChannelTable
    creation_time: float
    idle_time: float
    session_global_id: int
    state: SessionState = SessionState.IN_PROGRESS
    security_context: Identity | None = None
    is_anonymous: bool = False
    is_guest: bool = False
    session_key: bytes = b""
    """16 bytes, zero padded."""
    full_session_key: bytes = b""
    signing_required: bool = False
    signing_key: bytes = b""
    signing_algorithm_id: int = 0
    """What the connection signed with that the session was established on."""
    encrypt_data: bool = False
    encryption_key: bytes = b""
    """Seals what the server sends."""
    decryption_key: bytes = b""
    """Opens what the client sends."""
    application_key: bytes = b""
    cipher_id: int = 0
    """The cipher the keys were derived for: that of the connection the session was established on."""
    preauth_integrity_hash: PreauthIntegrityHash | None = None
    supports_notifications: bool = False
    open_table: dict[int, Open] = field(default_factory=dict)
    """By volatile file id."""
    tree_connect_table: dict[int, TreeConnect] = field(default_factory=dict)
    """By TreeId."""
    expiration_time: float | None = None
    user_name: str = ""
    nonce_counter: int = 0
    """Nonces used so far with `encryption_key`."""
    next_tree_id: int = 1
