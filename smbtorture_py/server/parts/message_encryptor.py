"""MessageEncryptor: seals what the server sends and opens what it receives ([MS-SMB2] 3.1.4.3,
3.3.5.2.1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from smbtorture_py.crypto.encryption import Decryptor, Encryptor
from smbtorture_py.wire.codec import Buffer

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.session import Session


class MessageEncryptor:
    """Seals and opens messages with the keys of a session; those are the same on all its channels."""

    def encryption_key(self, connection: Connection, session: Session) -> bytes:
        """The key that seals: Session.EncryptionKey on every channel (3.3.4.1.4)."""
        del connection
        return session.encryption_key

    def decryption_key(self, connection: Connection, session: Session) -> bytes:
        """The key that opens: Session.DecryptionKey on every channel (3.3.5.2.1.1)."""
        del connection
        return session.decryption_key

    def nonce(self, session: Session, size: int) -> bytes:
        """A nonce of `size` bytes that this session's key has not seen: a counter (3.1.4.3)."""
        session.nonce_counter += 1
        return session.nonce_counter.to_bytes(size, "little")

    def seal(self, connection: Connection, session: Session, parts: Sequence[Buffer]) -> bytearray:
        """A whole transform message, in one new buffer."""
        encryptor = Encryptor(session.cipher_id, self.encryption_key(connection, session))
        return encryptor.seal(parts, session.session_id, self.nonce(session, encryptor.nonce_size))

    def open(self, connection: Connection, session: Session, frame: Buffer) -> memoryview | None:
        """The message in a transform message; None where its tag or size is wrong."""
        return Decryptor(session.cipher_id, self.decryption_key(connection, session)).open(frame)
