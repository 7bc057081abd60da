"""Message signatures: HMAC-SHA256, AES-128-CMAC, AES-128-GMAC ([MS-SMB2] 3.1.4.1, 3.1.5.1)."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterator, Sequence
from typing import Final, cast

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC

from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.header import NO_SIGNATURE, SIGNATURE_OFFSET, SIGNATURE_SIZE
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm

SIGNATURE_END: Final = SIGNATURE_OFFSET + SIGNATURE_SIZE

_GMAC_NONCE = struct.Struct("<QI")
_NONCE_SERVER: Final = 0x1
_NONCE_CANCEL: Final = 0x2
_SMALL: Final = 1024
"""Bytes up to which joining a message costs less than a cipher that takes it in parts."""


def signing_algorithm_of(dialect: int, negotiated: SigningAlgorithm | None) -> SigningAlgorithm:
    """Return the algorithm a connection signs with ([MS-SMB2] 3.1.4.1).

    `negotiated` is Connection.SigningAlgorithmId, None where the server sent no signing capabilities.
    """
    if dialect < Dialect.SMB_3_0:
        return SigningAlgorithm.HMAC_SHA256
    if dialect >= Dialect.SMB_3_1_1 and negotiated is not None:
        return negotiated
    return SigningAlgorithm.AES_CMAC


def gmac_nonce(message_id: int, *, is_server: bool, is_cancel: bool) -> bytes:
    """Return the 12-byte nonce: MessageId, then bit 0: a server sends, bit 1: CANCEL ([MS-SMB2] 3.1.4.1)."""
    return _GMAC_NONCE.pack(message_id, is_server * _NONCE_SERVER | is_cancel * _NONCE_CANCEL)


def _without_signature(parts: Sequence[Buffer]) -> Iterator[Buffer]:
    """Yield the bytes of `parts` in order, zeros in place of the signature field, joining nothing."""
    position = 0
    for part in parts:
        end = position + len(part)
        if end <= SIGNATURE_OFFSET or position >= SIGNATURE_END:
            yield part
        else:
            view = memoryview(part)
            start, stop = max(SIGNATURE_OFFSET - position, 0), min(SIGNATURE_END - position, len(view))
            yield view[:start]
            yield NO_SIGNATURE[: stop - start]
            yield view[stop:]
        position = end


def compute_signature(
    algorithm: int, key: bytes, parts: Sequence[Buffer], *, message_id: int, is_server: bool, is_cancel: bool
) -> bytes:
    """Compute the 16 bytes of Signature over one message ([MS-SMB2] 3.1.4.1).

    `parts` follow each other on the wire and start with the SMB2 header, padding of a compound included;
    whatever stands in the Signature field counts as zero. `is_server` is who sends, `is_cancel` whether it is
    a CANCEL request; both and `message_id` matter to AES-GMAC only. Raises ValueError for an unknown
    algorithm and for a key that is not 16 bytes long (HMAC takes any).
    """
    signed = _without_signature(parts)
    if algorithm == SigningAlgorithm.HMAC_SHA256:
        digest = hmac.new(key, digestmod=hashlib.sha256)
        for part in signed:
            digest.update(part)
        return digest.digest()[:SIGNATURE_SIZE]
    if algorithm == SigningAlgorithm.AES_CMAC:
        cmac = CMAC(algorithms.AES128(key))
        for part in signed:
            cmac.update(cast("bytes", part))  # declared for bytes, takes any buffer
        return cmac.finalize()
    if algorithm == SigningAlgorithm.AES_GMAC:
        nonce = gmac_nonce(message_id, is_server=is_server, is_cancel=is_cancel)
        aes = algorithms.AES128(key)  # refuses a key that AESGCM would take for AES-192 or AES-256
        if sum(map(len, parts)) <= _SMALL:
            return AESGCM(key).encrypt(nonce, b"", b"".join(signed))
        gmac = Cipher(aes, modes.GCM(nonce)).encryptor()
        for part in signed:
            gmac.authenticate_additional_data(part)
        gmac.finalize()
        return gmac.tag
    raise ValueError(f"signing algorithm {algorithm:#x} is not one of MS-SMB2 2.2.3.1.7")


def signature_of(parts: Sequence[Buffer]) -> bytes:
    """Return the Signature field found in `parts`; shorter than 16 bytes where the message ends before."""
    found = bytearray()
    position = 0
    for part in parts:
        if position >= SIGNATURE_END:
            break
        found += memoryview(part)[max(SIGNATURE_OFFSET - position, 0) : max(SIGNATURE_END - position, 0)]
        position += len(part)
    return bytes(found)


def verify_signature(
    algorithm: int, key: bytes, parts: Sequence[Buffer], *, message_id: int, is_server: bool, is_cancel: bool
) -> bool:
    """Tell whether the Signature field in `parts` is right ([MS-SMB2] 3.1.5.1)."""
    expected = compute_signature(
        algorithm, key, parts, message_id=message_id, is_server=is_server, is_cancel=is_cancel
    )
    return hmac.compare_digest(expected, signature_of(parts))
