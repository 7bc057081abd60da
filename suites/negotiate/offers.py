"""Negotiate contexts as the cases of this folder offer and read them ([MS-SMB2] 2.2.3.1, 2.2.4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

from smbtorture_py.conformance.answer import NegotiateAnswer
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.wire.negotiate import NegotiateResponse
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    NegotiateContextPayload,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    RdmaTransformCapabilities,
    RdmaTransformId,
    SigningAlgorithm,
    SigningCapabilities,
    TransportCapabilities,
    find,
)

SALT_SIZE: Final = 32
UNKNOWN_ID: Final = 0x7FF0
"""An id that is no hash function, cipher, signing or compression algorithm and no transform."""

CIPHERS: Final = (Cipher.AES_128_GCM, Cipher.AES_128_CCM, Cipher.AES_256_GCM, Cipher.AES_256_CCM)
SIGNING_ALGORITHMS: Final = (
    SigningAlgorithm.AES_GMAC, SigningAlgorithm.AES_CMAC, SigningAlgorithm.HMAC_SHA256,
)  # fmt: skip
COMPRESSION_ALGORITHMS: Final = (
    CompressionAlgorithm.LZ77, CompressionAlgorithm.LZNT1, CompressionAlgorithm.PATTERN_V1,
)  # fmt: skip
RDMA_TRANSFORMS: Final = (RdmaTransformId.ENCRYPTION, RdmaTransformId.SIGNING)

P = TypeVar("P", bound=NegotiateContextPayload)


def preauth(lab: Lab) -> NegotiateContext:
    """Return PREAUTH_INTEGRITY_CAPABILITIES: SHA-512 and 32 bytes of salt."""
    return PreauthIntegrityCapabilities(salt=lab.entropy(SALT_SIZE)).envelope()


def encryption(*ciphers: int) -> NegotiateContext:
    """Return ENCRYPTION_CAPABILITIES with these ciphers, with all unless any is given."""
    return EncryptionCapabilities(list(ciphers or CIPHERS)).envelope()


def signing(*algorithms: int) -> NegotiateContext:
    """Return SIGNING_CAPABILITIES with these algorithms, with all unless any is given."""
    return SigningCapabilities(list(algorithms or SIGNING_ALGORITHMS)).envelope()


def compression(*algorithms: int) -> NegotiateContext:
    """Return COMPRESSION_CAPABILITIES with these algorithms, with three unless any is given."""
    return CompressionCapabilities(list(algorithms or COMPRESSION_ALGORITHMS)).envelope()


def rdma_transform(*transforms: int) -> NegotiateContext:
    """Return RDMA_TRANSFORM_CAPABILITIES with these transforms, with all unless any is given."""
    return RdmaTransformCapabilities(list(transforms or RDMA_TRANSFORMS)).envelope()


def usual(lab: Lab) -> list[NegotiateContext]:
    """Return what a correct client sends: PREAUTH_INTEGRITY, ENCRYPTION and SIGNING_CAPABILITIES."""
    return [preauth(lab), encryption(), signing()]


def every_kind(lab: Lab) -> list[NegotiateContext]:
    """Return one context of each kind there is."""
    return [
        *usual(lab),
        compression(),
        rdma_transform(),
        NetnameNegotiateContextId(lab.target.server_name).envelope(),
        TransportCapabilities().envelope(),
    ]


def answered(answer: NegotiateAnswer) -> Sequence[NegotiateContext]:
    """Return the contexts of a response; blocks the case where the answer is none."""
    return answer.body(NegotiateResponse).negotiate_contexts


def chosen(answer: NegotiateAnswer, payload: type[P]) -> P | None:
    """Return the context of one kind of a response, or None."""
    return find(answered(answer), payload, [])


def kinds(answer: NegotiateAnswer) -> list[int]:
    """Return the ContextTypes of a response in its order."""
    return [int(context.context_type) for context in answered(answer)]
