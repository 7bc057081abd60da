"""Sealed messages: AES-128/256 in CCM and GCM behind a TRANSFORM_HEADER ([MS-SMB2] 2.2.41, 3.1.4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.header import TRANSFORM_PROTOCOL_ID
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.transform import (
    TRANSFORM_ASSOCIATED_DATA_OFFSET,
    TRANSFORM_HEADER_SIZE,
    TRANSFORM_SIGNATURE_OFFSET,
    TransformFlags,
    TransformHeader,
)

TAG_SIZE: Final = 16
NONCE_FIELD_SIZE: Final = 16
CCM_NONCE_SIZE: Final = 11
GCM_NONCE_SIZE: Final = 12

_SIGNATURE: Final = slice(TRANSFORM_SIGNATURE_OFFSET, TRANSFORM_SIGNATURE_OFFSET + TAG_SIZE)
_AUTHENTICATED: Final = slice(TRANSFORM_ASSOCIATED_DATA_OFFSET, TRANSFORM_HEADER_SIZE)

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
        self,
        plain_parts: Sequence[Buffer],
        session_id: int,
        nonce: bytes,
        flags: int = TransformFlags.ENCRYPTED,
    ) -> bytearray:
        """Return TRANSFORM_HEADER and ciphertext of the message that `plain_parts` make, in one buffer.

        `nonce` fills the Nonce field, zeros behind; the cipher uses its first `nonce_size` bytes, so more
        than these puts something into the reserved rest. Every plain byte is moved once, into the buffer
        it is then encrypted in. Raises ValueError for more than 16 bytes of nonce.
        """
        if len(nonce) > NONCE_FIELD_SIZE:
            raise ValueError(f"a nonce of {len(nonce)} bytes, the field has {NONCE_FIELD_SIZE}")
        size = sum(map(len, plain_parts))
        end = TRANSFORM_HEADER_SIZE + size
        sealed = bytearray(end + TAG_SIZE)
        sealed[:TRANSFORM_HEADER_SIZE] = TransformHeader(session_id, nonce, size, flags).encode()
        with memoryview(sealed) as view:
            position = TRANSFORM_HEADER_SIZE
            for part in plain_parts:  # through the view: a bytearray would copy its new slice first
                view[position : position + len(part)] = part
                position += len(part)
            self._aead.encrypt_into(
                nonce[: self.nonce_size].ljust(self.nonce_size, b"\0"), view[TRANSFORM_HEADER_SIZE:end],
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
        """Return the message sealed in `frame` (TRANSFORM_HEADER first), None where it does not open.

        None stands for: too short for the header, another ProtocolId, OriginalMessageSize that is not the
        number of bytes that follow, a wrong Signature ([MS-SMB2] 3.2.5.1.1, 3.3.5.2.1). Which of the header's
        other fields are acceptable is the caller's decision. `frame` is left as it is; the message is a view
        of a new buffer.
        """
        size = len(frame) - TRANSFORM_HEADER_SIZE
        header = TransformHeader.decode(frame, [])
        if (
            header is None
            or header.protocol_id != TRANSFORM_PROTOCOL_ID
            or header.original_message_size != size
        ):
            return None
        sealed = memoryview(frame)
        # The library wants the tag behind the ciphertext; the frame itself may be held by a capture.
        opened = memoryview(bytearray(size + TAG_SIZE))
        opened[:size] = sealed[TRANSFORM_HEADER_SIZE:]
        opened[size:] = sealed[_SIGNATURE]
        try:
            self._aead.decrypt_into(
                header.nonce[: self.nonce_size], opened, bytes(sealed[_AUTHENTICATED]), opened[:size]
            )
        except InvalidTag:
            return None
        return opened[:size]
