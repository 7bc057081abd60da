"""Changing one thing about a signature."""

from __future__ import annotations

from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.crypto.signing import compute_signature
from smbtorture_py.wire.header import NO_SIGNATURE, SIGNATURE_OFFSET, SIGNATURE_SIZE, Header, HeaderFlags
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm

SIGNATURE: Final = slice(SIGNATURE_OFFSET, SIGNATURE_OFFSET + SIGNATURE_SIZE)
LAST_BIT: Final = 0x01


def inverted(offset: int, mask: int = LAST_BIT) -> Tamper:
    """Invert bits of one byte of a message that has been signed."""

    def change(message: bytearray) -> None:
        message[offset] ^= mask

    return Tamper(signed=change)


def signature(value: bytes) -> Tamper:
    """Put another signature into a message that has been signed."""

    def change(message: bytearray) -> None:
        message[SIGNATURE] = value

    return Tamper(signed=change)


def flag_only() -> Tamper:
    """Mark an unsigned message as signed, its signature being zero."""

    def change(header: Header) -> None:
        header.flags |= HeaderFlags.SIGNED

    return Tamper(header=change)


NO_SIGNATURE_AT_ALL: Final = signature(NO_SIGNATURE)


def gmac(key: bytes, message_id: int, *, is_server: bool, is_cancel: bool) -> Tamper:
    """Sign with AES-GMAC once more, with the nonce that these three make."""

    def change(message: bytearray) -> None:
        message[SIGNATURE] = compute_signature(
            SigningAlgorithm.AES_GMAC,
            key,
            [bytes(message)],
            message_id=message_id,
            is_server=is_server,
            is_cancel=is_cancel,
        )

    return Tamper(signed=change)
