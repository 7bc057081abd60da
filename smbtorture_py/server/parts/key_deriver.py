"""KeyDeriver: the keys of sessions and of channels ([MS-SMB2] 3.1.4.2, 3.3.5.5.3)."""

from __future__ import annotations

from smbtorture_py.crypto.kdf import (
    SessionKeys,
    derive_channel_signing_key,
    derive_session_keys,
    session_key_of,
)
from smbtorture_py.wire.negotiate import Dialect


class KeyDeriver:
    """Derives keys; `dialect` is that of the connection, `preauth_hash` 64 bytes (empty before 3.1.1)."""

    def session_key(self, full_session_key: bytes) -> bytes:
        """Session.SessionKey: the first 16 bytes, zero padded (3.3.1.8)."""
        return session_key_of(full_session_key)

    def session_keys(
        self,
        dialect: Dialect,
        session_key: bytes,
        full_session_key: bytes,
        preauth_hash: bytes,
        cipher_id: int,
    ) -> SessionKeys:
        """SigningKey, ApplicationKey, EncryptionKey, DecryptionKey of a new session (3.3.5.5.3)."""
        return derive_session_keys(dialect, session_key, full_session_key, preauth_hash, cipher_id)

    def channel_signing_key(self, dialect: Dialect, session_key: bytes, preauth_hash: bytes) -> bytes:
        """Channel.SigningKey of a bound channel, from the session key of the bind's own authentication
        (3.3.5.5.3)."""
        return derive_channel_signing_key(dialect, session_key, preauth_hash)
