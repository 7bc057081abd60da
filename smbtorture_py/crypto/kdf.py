"""Keys of sessions and of channels: SP800-108 counter mode with HMAC-SHA256 ([MS-SMB2] 3.1.4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher

SESSION_KEY_SIZE: Final = 16
"""Bytes of Session.SessionKey ([MS-SMB2] 3.2.1.3, 3.3.1.8)."""

KEY_BITS: Final = 128
LONG_KEY_BITS: Final = 256
_BITS_PER_BYTE: Final = 8
_COUNTER_BYTES: Final = 4
_LENGTH_BYTES: Final = 4

_AES_256: Final = (Cipher.AES_256_CCM, Cipher.AES_256_GCM)


@dataclass(slots=True, frozen=True)
class _Label:
    """Label and context of one kind of key: fixed for 3.0 and 3.0.2; for 3.1.1 the context is the hash."""

    label: bytes
    context: bytes
    label_311: bytes


# Terminating zeros are part of label and context ([MS-SMB2] 3.3.5.5.3); «ServerIn » ends with a blank.
_SIGNING = _Label(b"SMB2AESCMAC\0", b"SmbSign\0", b"SMBSigningKey\0")
_APPLICATION = _Label(b"SMB2APP\0", b"SmbRpc\0", b"SMBAppKey\0")
_SERVER_TO_CLIENT = _Label(b"SMB2AESCCM\0", b"ServerOut\0", b"SMBS2CCipherKey\0")
_CLIENT_TO_SERVER = _Label(b"SMB2AESCCM\0", b"ServerIn \0", b"SMBC2SCipherKey\0")


@dataclass(slots=True, frozen=True)
class SessionKeys:
    """The keys of a session; those that its dialect and cipher do not have are empty.

    `signing_key` and `application_key` are 16 bytes, the encryption keys 16 or (AES-256) 32 bytes.
    """

    signing_key: bytes = field(repr=False)
    encryption_key_s2c: bytes = field(repr=False)
    encryption_key_c2s: bytes = field(repr=False)
    application_key: bytes = field(repr=False)


def derive_key(key: bytes, label: bytes, context: bytes, bits: int = KEY_BITS) -> bytes:
    """Derive a key of `bits` bits: SP800-108 counter mode, PRF HMAC-SHA256, r = 32 ([MS-SMB2] 3.1.4.2).

    `label` and `context` are used as given, so terminating zeros are the caller's. Raises ValueError where
    `bits` is not a positive multiple of 8.
    """
    if bits <= 0 or bits % _BITS_PER_BYTE:
        raise ValueError(f"{bits} bits are no whole number of bytes")
    kdf = KBKDFHMAC(
        algorithm=SHA256(), mode=Mode.CounterMode, length=bits // _BITS_PER_BYTE, rlen=_COUNTER_BYTES,
        llen=_LENGTH_BYTES, location=CounterLocation.BeforeFixed, label=label, context=context, fixed=None,
    )  # fmt: skip
    return kdf.derive(key)


def session_key_of(full_session_key: bytes) -> bytes:
    """Return Session.SessionKey: the first 16 bytes of the GSS key, zeros behind ([MS-SMB2] 3.3.1.8)."""
    return full_session_key[:SESSION_KEY_SIZE].ljust(SESSION_KEY_SIZE, b"\0")


def _derive(dialect: int, key: bytes, what: _Label, preauth_hash: bytes, bits: int = KEY_BITS) -> bytes:
    if dialect >= Dialect.SMB_3_1_1:
        return derive_key(key, what.label_311, preauth_hash, bits)
    return derive_key(key, what.label, what.context, bits)


def derive_session_keys(
    dialect: int, session_key: bytes, full_session_key: bytes, preauth_hash: bytes, cipher: int
) -> SessionKeys:
    """Derive what a new authentication gives a session ([MS-SMB2] 3.2.5.3.1, 3.3.5.5.3).

    `session_key` is 16 bytes (see `session_key_of`), `full_session_key` the whole GSS key, `preauth_hash` the
    64 bytes of Session.PreauthIntegrityHashValue (not used before 3.1.1), `cipher` Connection.CipherId
    (AES_128_CCM for 3.0 and 3.0.2 with encryption, NONE where there is none). 2.0.2 and 2.1 sign with the
    session key itself. AES-256 ciphers take the full key and 256 bits; the signing key stays at 128.
    """
    if dialect < Dialect.SMB_3_0:
        return SessionKeys(session_key, b"", b"", b"")
    server_to_client = client_to_server = b""
    if cipher != Cipher.NONE:
        long = dialect >= Dialect.SMB_3_1_1 and cipher in _AES_256
        base, bits = (full_session_key, LONG_KEY_BITS) if long else (session_key, KEY_BITS)
        server_to_client = _derive(dialect, base, _SERVER_TO_CLIENT, preauth_hash, bits)
        client_to_server = _derive(dialect, base, _CLIENT_TO_SERVER, preauth_hash, bits)
    return SessionKeys(
        signing_key=_derive(dialect, session_key, _SIGNING, preauth_hash),
        encryption_key_s2c=server_to_client,
        encryption_key_c2s=client_to_server,
        application_key=_derive(dialect, session_key, _APPLICATION, preauth_hash),
    )


def derive_channel_signing_key(dialect: int, session_key: bytes, preauth_hash: bytes) -> bytes:
    """Derive Channel.SigningKey of a bound channel, 16 bytes ([MS-SMB2] 3.2.5.3.3, 3.3.5.5.3).

    `session_key` is that of the authentication made on the new channel (16 bytes), `preauth_hash` the value
    of that channel's own exchange. Encryption keys stay those of the session.
    """
    if dialect < Dialect.SMB_3_0:
        return session_key
    return _derive(dialect, session_key, _SIGNING, preauth_hash)
