"""Defects of signing and encryption."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.signer import Signer
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.wire.codec import Buffer


@defect(
    "response-signature-wrong",
    replaces=Signer.sign,
    breaks=["SMB2-3.3.4.1.1-01"],
    origin="plausible: any mistake in what is signed shows like this",
)
def _response_signature_wrong(
    original: Callable[[SigningAlgorithm, bytes, Header, Sequence[Buffer]], bytes],
    self: Signer,
    algorithm: SigningAlgorithm,
    key: bytes,
    header: Header,
    parts: Sequence[Buffer],
) -> bytes:
    """Responses carry a signature with its first bit flipped."""
    del self
    signature = original(algorithm, key, header, parts)
    return bytes((signature[0] ^ 1,)) + signature[1:]
