"""Sealed messages: AES-128/256 in CCM and GCM behind a TRANSFORM_HEADER ([MS-SMB2] 2.2.41, 3.1.4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher as BlockCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

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


class _Aead(Protocol):
    """One cipher with its key; `target` has `_SLACK` bytes more than the text, which may be overwritten."""

    def encrypt(
        self, parts: Sequence[Buffer], target: memoryview, nonce: bytes, authenticated: bytes
    ) -> bytes:
        """Encrypt what `parts` make into `target`; return the tag."""

    def decrypt(
        self, sealed: memoryview, tag: bytes, target: memoryview, nonce: bytes, authenticated: bytes
    ) -> None:
        """Decrypt `sealed` into `target`; raises InvalidTag."""


_SLACK: Final = TAG_SIZE
"""What the library wants behind a text: room for a block or for the tag."""


class _Gcm:
    """AES-GCM, from wherever the text lies straight to where it shall be."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.AES(key)

    def encrypt(
        self, parts: Sequence[Buffer], target: memoryview, nonce: bytes, authenticated: bytes
    ) -> bytes:
        """Encrypt without copying first."""
        context = BlockCipher(self._key, modes.GCM(nonce)).encryptor()
        context.authenticate_additional_data(authenticated)
        position = 0
        for part in parts:
            position += context.update_into(part, target[position:])
        context.finalize()
        return context.tag

    def decrypt(
        self, sealed: memoryview, tag: bytes, target: memoryview, nonce: bytes, authenticated: bytes
    ) -> None:
        """Decrypt without copying first; what `target` holds before InvalidTag is raised is worthless."""
        context = BlockCipher(self._key, modes.GCM(nonce, tag)).decryptor()
        context.authenticate_additional_data(authenticated)
        context.update_into(sealed, target)
        context.finalize()


class _Ccm:
    """AES-CCM, which needs text and tag in one piece: both are moved to where the result shall be."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESCCM(key, TAG_SIZE)

    def encrypt(
        self, parts: Sequence[Buffer], target: memoryview, nonce: bytes, authenticated: bytes
    ) -> bytes:
        """Move the parts, then encrypt in place."""
        end = 0
        for part in parts:
            target[end : end + len(part)] = part
            end += len(part)
        self._aead.encrypt_into(nonce, target[:end], authenticated, target[: end + TAG_SIZE])
        return bytes(target[end : end + TAG_SIZE])

    def decrypt(
        self, sealed: memoryview, tag: bytes, target: memoryview, nonce: bytes, authenticated: bytes
    ) -> None:
        """Move the text and put the tag behind it, then decrypt in place."""
        end = len(sealed)
        target[:end] = sealed
        target[end : end + TAG_SIZE] = tag
        self._aead.decrypt_into(nonce, target[: end + TAG_SIZE], authenticated, target[:end])


def _aead(cipher: int, key: bytes) -> _Aead:
    if len(key) != key_size(cipher):
        raise ValueError(f"a key of {len(key)} bytes, {key_size(cipher)} belong to {Cipher(cipher).name}")
    return _Ccm(key) if cipher in _CCM else _Gcm(key)


class _Keyed:
    """A cipher with its key."""

    __slots__ = ("_aead", "cipher", "nonce_size")

    def __init__(self, cipher: int, key: bytes) -> None:
        """Take a key of 16 or 32 bytes; raises ValueError where cipher and key do not fit."""
        self.cipher = Cipher(cipher)
        self.nonce_size = nonce_size(cipher)
        self._aead = _aead(cipher, key)


class Encryptor(_Keyed):
    """Seals messages with one cipher and key; holds no nonce: the caller never repeats one."""

    __slots__ = ()

    def seal(
        self,
        plain_parts: Sequence[Buffer],
        session_id: int,
        nonce: bytes,
        flags: int = TransformFlags.ENCRYPTED,
    ) -> bytearray:
        """Return TRANSFORM_HEADER and ciphertext of the message that `plain_parts` make, in one buffer.

        `nonce` fills the Nonce field, zeros behind; see `seal_under`. Raises ValueError for more than 16
        bytes of nonce.
        """
        size = sum(map(len, plain_parts))
        return self.seal_under(TransformHeader(session_id, nonce, size, flags), plain_parts)

    def seal_under(self, header: TransformHeader, plain_parts: Sequence[Buffer]) -> bytearray:
        """Return `header` with its Signature filled in, and the ciphertext of the message that `plain_parts`
        make, in one buffer.

        The header's other fields go out as they are and are authenticated, however wrong. The cipher uses
        the first `nonce_size` bytes of the nonce, so more than these puts something into the reserved rest.
        GCM reads the parts where they are; CCM moves every plain byte once, into the buffer it is then
        encrypted in. Raises ValueError for more than 16 bytes of nonce.
        """
        nonce = header.nonce
        if len(nonce) > NONCE_FIELD_SIZE:
            raise ValueError(f"a nonce of {len(nonce)} bytes, the field has {NONCE_FIELD_SIZE}")
        end = TRANSFORM_HEADER_SIZE + sum(map(len, plain_parts))
        sealed = bytearray(end + _SLACK)
        sealed[:TRANSFORM_HEADER_SIZE] = header.encode()
        with memoryview(sealed) as view, view[TRANSFORM_HEADER_SIZE:] as target:
            view[_SIGNATURE] = self._aead.encrypt(
                plain_parts,
                target,
                nonce[: self.nonce_size].ljust(self.nonce_size, b"\0"),
                bytes(view[_AUTHENTICATED]),
            )
        del sealed[end:]
        return sealed


class Decryptor(_Keyed):
    """Opens sealed messages with one cipher and key."""

    __slots__ = ()

    def open(self, frame: Buffer) -> memoryview | None:
        """Return the message sealed in `frame` (TRANSFORM_HEADER first), None where it does not open.

        None stands for: too short for the header, another ProtocolId, a wrong Signature ([MS-SMB2]
        3.2.5.1.1, 3.3.5.2.1). Which of the header's other fields are acceptable, OriginalMessageSize among
        them, is the caller's decision. `frame` is left as it is; the message is a view of a new buffer.
        """
        size = len(frame) - TRANSFORM_HEADER_SIZE
        header = TransformHeader.decode(frame, [])
        if header is None or header.protocol_id != TRANSFORM_PROTOCOL_ID:
            return None
        sealed = memoryview(frame)
        opened = memoryview(bytearray(size + _SLACK))
        try:
            self._aead.decrypt(
                sealed[TRANSFORM_HEADER_SIZE:],
                bytes(sealed[_SIGNATURE]),
                opened,
                header.nonce[: self.nonce_size],
                bytes(sealed[_AUTHENTICATED]),
            )
        except InvalidTag:
            return None
        return opened[:size]
