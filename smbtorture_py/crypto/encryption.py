"""Sealed messages: AES-128/256 in CCM and GCM behind a TRANSFORM_HEADER ([MS-SMB2] 2.2.41, 3.1.4.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.header import TRANSFORM_PROTOCOL_ID
from smbtorture_py.wire.negotiate_contexts import Cipher

TRANSFORM_HEADER_SIZE: Final = 52
TAG_SIZE: Final = 16
NONCE_FIELD_SIZE: Final = 16
CCM_NONCE_SIZE: Final = 11
GCM_NONCE_SIZE: Final = 12
FLAG_ENCRYPTED: Final = 0x0001
"""Flags of 3.1.1, EncryptionAlgorithm (AES-128-CCM) of 3.0 and 3.0.2: the same value ([MS-SMB2] 2.2.41)."""

_SIGNATURE: Final = slice(4, 20)
_AUTHENTICATED: Final = slice(20, TRANSFORM_HEADER_SIZE)
# Nonce, OriginalMessageSize, Reserved, Flags, SessionId: what is authenticated besides the message.
_ADDITIONAL = struct.Struct("<16sIHHQ")

_KEY_SIZES: Final = {
    Cipher.AES_128_CCM: 16,
    Cipher.AES_128_GCM: 16,
    Cipher.AES_256_CCM: 32,
    Cipher.AES_256_GCM: 32,
}
_CCM: Final = (Cipher.AES_128_CCM, Cipher.AES_256_CCM)


def nonce_size(cipher: int) -> int:
    """Return how many bytes of the Nonce field `cipher` uses: 11 (CCM) or 12 (GCM)."""
    return CCM_NONCE_SIZE if cipher in _CCM else GCM_NONCE_SIZE


def key_size(cipher: int) -> int:
    """Return the key length of `cipher` in bytes; raises ValueError where it is none of MS-SMB2 2.2.3.1.2."""
    size = _KEY_SIZES.get(Cipher(cipher))
    if size is None:
        raise ValueError(f"cipher {cipher:#x} encrypts nothing")
    return size


def _aead(cipher: int, key: bytes) -> AESCCM | AESGCM:
    if len(key) != key_size(cipher):
        raise ValueError(f"a key of {len(key)} bytes, {key_size(cipher)} belong to {Cipher(cipher).name}")
    return AESCCM(key, TAG_SIZE) if cipher in _CCM else AESGCM(key)


class Encryptor:
    """Seals messages with one cipher and key; holds no nonce: the caller never repeats one."""

    __slots__ = ("_aead", "cipher", "nonce_size")

    def __init__(self, cipher: int, key: bytes) -> None:
        """Take a key of 16 or 32 bytes; raises ValueError where cipher and key do not fit."""
        self.cipher = Cipher(cipher)
        self.nonce_size = nonce_size(cipher)
        self._aead = _aead(cipher, key)

    def seal(
        self, plain_parts: Sequence[Buffer], session_id: int, nonce: bytes, flags: int = FLAG_ENCRYPTED
    ) -> bytearray:
        """Return TRANSFORM_HEADER and ciphertext of the message that `plain_parts` make, in one new buffer.

        `nonce` is `nonce_size` bytes, or fewer (filled with zeros). Every plain byte is moved once, into the
        buffer it is then encrypted in. Raises ValueError for a longer nonce.
        """
        if len(nonce) > self.nonce_size:
            raise ValueError(f"a nonce of {len(nonce)} bytes, {self.cipher.name} takes {self.nonce_size}")
        size = sum(map(len, plain_parts))
        end = TRANSFORM_HEADER_SIZE + size
        sealed = bytearray(end + TAG_SIZE)
        sealed[:4] = TRANSFORM_PROTOCOL_ID
        _ADDITIONAL.pack_into(sealed, _AUTHENTICATED.start, nonce, size, 0, flags, session_id)
        position = TRANSFORM_HEADER_SIZE
        for part in plain_parts:
            sealed[position : position + len(part)] = part
            position += len(part)
        with memoryview(sealed) as view:
            self._aead.encrypt_into(
                nonce.ljust(self.nonce_size, b"\0"), view[TRANSFORM_HEADER_SIZE:end],
                bytes(view[_AUTHENTICATED]), view[TRANSFORM_HEADER_SIZE:],
            )  # fmt: skip
            view[_SIGNATURE] = view[end:]
        del sealed[end:]
        return sealed


class Decryptor:
    """Opens sealed messages with one cipher and key."""

    __slots__ = ("_aead", "cipher", "nonce_size")

    def __init__(self, cipher: int, key: bytes) -> None:
        """Take a key of 16 or 32 bytes; raises ValueError where cipher and key do not fit."""
        self.cipher = Cipher(cipher)
        self.nonce_size = nonce_size(cipher)
        self._aead = _aead(cipher, key)

    def open(self, frame: Buffer) -> memoryview | None:
        """Return the message sealed in `frame` (a frame that starts with TRANSFORM_HEADER), None where it is not ours.

        None stands for: too short for the header, another ProtocolId, OriginalMessageSize that is not the number of
        bytes that follow, a wrong Signature ([MS-SMB2] 3.2.5.1.1, 3.3.5.2.1). Which of the header's other fields
        are acceptable is the caller's decision. `frame` is left as it is; the message is a view of a new buffer.
        """
        size = len(frame) - TRANSFORM_HEADER_SIZE
        if size < 0 or frame[:4] != TRANSFORM_PROTOCOL_ID:
            return None
        sealed = memoryview(frame)
        additional = bytes(sealed[_AUTHENTICATED])
        nonce, original_size, _reserved, _flags, _session_id = _ADDITIONAL.unpack(additional)
        if original_size != size:
            return None
        # The library wants the tag behind the ciphertext; the frame itself may be held by a capture.
        opened = memoryview(bytearray(size + TAG_SIZE))
        opened[:size] = sealed[TRANSFORM_HEADER_SIZE:]
        opened[size:] = sealed[_SIGNATURE]
        try:
            self._aead.decrypt_into(nonce[: self.nonce_size], opened, additional, opened[:size])
        except InvalidTag:
            return None
        return opened[:size]
