"""Sessions and their channels ([MS-SMB2] 3.2.1.3, 3.2.1.8)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypedDict, Unpack, cast

from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.crypto.encryption import Decryptor, Encryptor, key_size
from smbtorture_py.wire.codec import Body, FileId
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment
from smbtorture_py.wire.session_setup import SessionFlags

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.client.open import Open
    from smbtorture_py.client.tree import Tree

_NONCE_COUNTER = struct.Struct("<Q")
CHANNEL_SEQUENCE_MODULUS: Final = 0x10000


class SendOptions(TypedDict, total=False):
    """How a request is sent; see `Connection.submit`."""

    flags: HeaderFlags
    credit_charge: int
    credit_request: int
    message_id: int
    channel_sequence: int
    replay: bool
    session_id: int
    tree_id: int
    sign: bool | None
    encrypt: bool | None
    tamper: Tamper | None


class Options(SendOptions, total=False):
    """What every operation takes besides its own arguments."""

    connection: Connection
    """The connection to send on; without it the session's first channel."""


@dataclass(slots=True, eq=False)
class Channel:
    """One connection of a session, with a signing key of its own ([MS-SMB2] 3.2.1.8)."""

    connection: Connection
    signing_key: bytes = field(repr=False)
    """16 bytes; on the first channel Session.SigningKey."""


@dataclass(slots=True, eq=False, kw_only=True)
class Session:
    """An authenticated context, usable over every connection of its channel list ([MS-SMB2] 3.2.1.3).

    Keys are 16 bytes (encryption keys 32 with an AES-256 cipher), empty where the session has none.
    """

    session_id: int
    connection: Connection
    """Session.Connection: where it was established; after the loss of that, the first connection of the
    channel list."""

    user: Credentials
    session_flags: SessionFlags = SessionFlags.NONE
    session_key: bytes = field(default=b"", repr=False)
    full_session_key: bytes = field(default=b"", repr=False)
    signing_key: bytes = field(default=b"", repr=False)
    encryption_key: bytes = field(default=b"", repr=False)
    decryption_key: bytes = field(default=b"", repr=False)
    application_key: bytes = field(default=b"", repr=False)
    preauth_integrity_hash_value: bytes = field(default=b"", repr=False)
    signing_required: bool = False
    encrypt_data: bool = False
    is_guest: bool = False
    is_anonymous: bool = False
    channel_list: list[Channel] = field(default_factory=list)
    channel_sequence: int = 0
    tree_connect_table: dict[int, Tree] = field(default_factory=dict)
    open_table: dict[FileId, Open] = field(default_factory=dict)
    nonces_used: int = 0

    def channel(self, connection: Connection) -> Channel | None:
        """Return the channel that runs over `connection`; None where the session is not bound to it."""
        for channel in self.channel_list:
            if channel.connection is connection:
                return channel
        return None

    def signing_key_for(self, connection: Connection, *, whole_session: bool = False) -> bytes:
        """Return the key for signatures on `connection`, empty where there is none ([MS-SMB2] 3.2.4.1.1,
        3.2.5.1.3).

        `whole_session` asks for Session.SigningKey whatever the connection: for binding requests, and for
        SESSION_SETUP responses other than success. A connection the session is not bound to, which a correct
        client never uses, gets that key too.
        """
        if not connection.is_smb3:
            return self.session_key
        channel = None if whole_session else self.channel(connection)
        return self.signing_key if channel is None else channel.signing_key

    def next_nonce(self, size: int) -> bytes:
        """Return a nonce of `size` bytes that no other message of this session had: a counter, on all
        channels."""
        self.nonces_used += 1
        return _NONCE_COUNTER.pack(self.nonces_used).ljust(size, b"\0")

    def encryptor(self, connection: Connection, key: bytes | None = None) -> Encryptor | None:
        """Return what seals messages on `connection` with `key` (None: Session.EncryptionKey); None without
        a key."""
        used = self.encryption_key if key is None else key
        return Encryptor(connection.cipher, used) if used else None

    def decryptor(self, connection: Connection) -> Decryptor | None:
        """Return what opens messages received on `connection`; None where the session has no key, or one of
        another length than the connection's cipher takes.
        """
        cipher, key = connection.cipher, self.decryption_key
        if not key or cipher == Cipher.NONE or len(key) != key_size(cipher):
            return None
        return Decryptor(cipher, key)

    def submit(self, body: Body, *, tree: Tree | None = None, **options: Unpack[Options]) -> Exchange:
        """Send a request of this session: on `options["connection"]`, else on its first channel.

        A session without a channel (all lost, logged off) sends on Session.Connection.
        """
        connection = options.get("connection") or self.selected_connection
        rest = cast(SendOptions, {name: value for name, value in options.items() if name != "connection"})
        return connection.submit(body, session=self, tree=tree, **rest)

    @property
    def selected_connection(self) -> Connection:
        """The connection used when none is named ([MS-SMB2] 3.2.4.1.7)."""
        return self.channel_list[0].connection if self.channel_list else self.connection

    def logoff(self, **options: Unpack[Options]) -> Exchange:
        """Send LOGOFF; on success the session leaves every connection's table ([MS-SMB2] 3.2.4.23,
        3.2.5.4)."""
        return self.submit(LogoffRequest(), **options)

    def acknowledge_lease_break(
        self,
        lease_key: bytes,
        lease_state: LeaseState,
        *,
        tree: Tree | None = None,
        **options: Unpack[Options],
    ) -> Exchange:
        """Send LEASE_BREAK Acknowledgment; `tree` is that of an open under the lease ([MS-SMB2]
        3.2.5.19.2)."""
        body = LeaseBreakAcknowledgment(lease_key=lease_key, lease_state=lease_state)
        return self.submit(body, tree=tree, **options)

    def connection_lost(self, connection: Connection) -> None:
        """Take a lost connection out of the channel list; another channel left makes ChannelSequence go up
        ([MS-SMB2] 3.2.7.1)."""
        self.channel_list = [channel for channel in self.channel_list if channel.connection is not connection]
        if self.channel_list:
            self.channel_sequence = (self.channel_sequence + 1) % CHANNEL_SEQUENCE_MODULUS
            if self.connection is connection:
                self.connection = self.channel_list[0].connection

    def forget(self) -> None:
        """Remove the session from its connections, without a word to the server."""
        for connection in [self.connection, *(channel.connection for channel in self.channel_list)]:
            connection.session_table.pop(self.session_id, None)
        self.channel_list.clear()
        self.tree_connect_table.clear()
        self.open_table.clear()
