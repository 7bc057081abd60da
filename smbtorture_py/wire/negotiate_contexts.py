"""Negotiate contexts: the envelope, the list, and every typed payload ([MS-SMB2] 2.2.3.1 and 2.2.4.1)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, align, auto

_HEADER: Final = struct.Struct("<HHI")
_ALIGNMENT: Final = 8


class ContextType(IntEnum):
    """ContextType of a negotiate context ([MS-SMB2] 2.2.3.1)."""

    PREAUTH_INTEGRITY_CAPABILITIES = 0x0001
    ENCRYPTION_CAPABILITIES = 0x0002
    COMPRESSION_CAPABILITIES = 0x0003
    NETNAME_NEGOTIATE_CONTEXT_ID = 0x0005
    TRANSPORT_CAPABILITIES = 0x0006
    RDMA_TRANSFORM_CAPABILITIES = 0x0007
    SIGNING_CAPABILITIES = 0x0008
    CONTEXTTYPE_RESERVED = 0x0100
    """Must be ignored on receipt; Samba's POSIX extensions use it."""


@dataclass(slots=True)
class NegotiateContext:
    """One SMB2_NEGOTIATE_CONTEXT ([MS-SMB2] 2.2.3.1): a type and its data.

    `image` holds the whole context, padding included, as it was found where encoding would lay it out
    otherwise; the data is written over it. Empty it to lay out anew.
    """

    context_type: int
    data: Buffer = b""
    data_length: int = AUTO
    reserved: int = 0
    image: bytes = b""

    def encode(self) -> bytes:
        """Encode without the padding that a following context needs."""
        if self.image and len(self.image) < _HEADER.size:
            return self.image
        header = _HEADER.pack(self.context_type, auto(self.data_length, len(self.data)), self.reserved)
        return header + bytes(self.data) + self.image[_HEADER.size + len(self.data) :]


def encode_list(contexts: Sequence[NegotiateContext]) -> bytes:
    """Encode the contexts: each starts 8-byte aligned from the first, the last is not padded."""
    out = bytearray()
    for index, context in enumerate(contexts):
        if index and not contexts[index - 1].image:
            out += bytes(align(len(out), _ALIGNMENT) - len(out))
        out += context.encode()
    return bytes(out)


def decode_list(data: memoryview, count: int, base: int, findings: Findings) -> list[NegotiateContext]:
    """Decode up to `count` contexts from `data`, whose first byte is at offset `base` of the frame; never
    raises.

    `data` reaches to the end of the message: bytes after the last context are kept in its `image`, with a
    finding.
    """
    contexts: list[NegotiateContext] = []
    position = 0
    while len(contexts) < count and position < len(data):
        left = len(data) - position
        if left < _HEADER.size:
            findings.append(
                Finding(base + position, "NegotiateContext", f"{left} bytes left, a context has 8")
            )
            contexts.append(NegotiateContext(0, image=bytes(data[position:])))
            position = len(data)
            break
        context_type, data_length, reserved = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + data_length
        if end > len(data):
            findings.append(
                Finding(
                    base + position + 2, "DataLength", f"{data_length} of {left - _HEADER.size} bytes left"
                )
            )
        context = NegotiateContext(
            context_type, bytes(data[position + _HEADER.size : end]), data_length, reserved
        )
        end = min(end, len(data))
        last = len(contexts) + 1 == count
        reach = len(data) if last else min(align(end, _ALIGNMENT), len(data))
        if last and reach > end:
            findings.append(
                Finding(base + end, "NegotiateContextList", f"{reach - end} bytes after the last context")
            )
        extra = data[end:reach]
        if bytes(extra) != bytes(0 if reach == len(data) else reach - end):
            context.image = bytes(data[position:reach])
        contexts.append(context)
        position = reach
    if len(contexts) < count:
        findings.append(
            Finding(base + position, "NegotiateContextCount", f"{count}, but {len(contexts)} are there")
        )
    return contexts
