"""Headers of encrypted and of compressed messages ([MS-SMB2] 2.2.41 and 2.2.42); the algorithms are
elsewhere."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.chain import Structure, known
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto
from smbtorture_py.wire.header import COMPRESSION_PROTOCOL_ID, TRANSFORM_PROTOCOL_ID
from smbtorture_py.wire.negotiate_contexts import CompressionAlgorithm

TRANSFORM_HEADER_SIZE: Final = 52
"""Bytes of a TRANSFORM_HEADER; the encrypted message follows it."""
TRANSFORM_SIGNATURE_OFFSET: Final = 4
TRANSFORM_ASSOCIATED_DATA_OFFSET: Final = 20
"""From here to the header's end is what the cipher authenticates besides the message ([MS-SMB2] 3.1.4.3)."""

_NO_BYTES_16: Final = bytes(16)


class TransformFlags(IntFlag):
    """Flags of 3.1.1, EncryptionAlgorithm of 3.0 and 3.0.2: both have the one value ([MS-SMB2] 2.2.41)."""

    NONE = 0
    ENCRYPTED = 0x0001


@dataclass(slots=True)
class TransformHeader:
    """TRANSFORM_HEADER ([MS-SMB2] 2.2.41): 52 bytes before an encrypted message.

    `nonce` is the field of 16 bytes: 11 (CCM) or 12 (GCM) bytes used, the rest zero. `original_message_size`
    counts the message's bytes before encryption, which are as many as after it.
    """

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<4s16s16sIHHQ")

    session_id: int
    nonce: bytes
    original_message_size: int
    flags: int = TransformFlags.ENCRYPTED
    signature: bytes = _NO_BYTES_16
    reserved: int = 0
    protocol_id: bytes = TRANSFORM_PROTOCOL_ID

    def encode(self) -> bytes:
        """Encode into 52 bytes; a nonce that is shorter than 16 is filled with zeros."""
        return self.LAYOUT.pack(
            self.protocol_id,
            self.signature,
            self.nonce,
            self.original_message_size,
            self.reserved,
            self.flags,
            self.session_id,
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self | None:
        """Decode the header at the start of a frame; None, with a finding, where fewer than 52 bytes are
        there."""
        if len(data) < cls.LAYOUT.size:
            findings.append(Finding(0, "TransformHeader", f"{len(data)} bytes, fewer than {cls.LAYOUT.size}"))
            return None
        protocol_id, signature, nonce, size, reserved, flags, session_id = cls.LAYOUT.unpack_from(data)
        if protocol_id != TRANSFORM_PROTOCOL_ID:
            findings.append(Finding(0, "ProtocolId", f"{protocol_id!r} is not a transform header"))
        if size != len(data) - cls.LAYOUT.size:
            findings.append(
                Finding(36, "OriginalMessageSize", f"{size}, but {len(data) - cls.LAYOUT.size} bytes follow")
            )
        if flags != TransformFlags.ENCRYPTED:
            findings.append(Finding(42, "Flags", f"{flags:#06x}, not 0x0001"))
        return cls(session_id, nonce, size, flags, signature, reserved, protocol_id)


class CompressionFlags(IntFlag):
    """Flags of compression headers ([MS-SMB2] 2.2.42)."""

    NONE = 0x0000
    CHAINED = 0x0001


@dataclass(slots=True)
class CompressionTransformUnchained:
    """COMPRESSION_TRANSFORM_HEADER_UNCHAINED ([MS-SMB2] 2.2.42.1) with what follows it.

    `uncompressed` are the `offset` bytes before the compressed segment (offset AUTO: its length), `data` is
    that segment.
    """

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<4sIHHI")

    original_compressed_segment_size: int
    compression_algorithm: int
    uncompressed: Buffer = b""
    data: Buffer = b""
    flags: int = CompressionFlags.NONE
    offset: int = AUTO
    protocol_id: bytes = COMPRESSION_PROTOCOL_ID

    def parts(self) -> Sequence[Buffer]:
        """Encode into buffers that follow each other on the wire."""
        header = self.LAYOUT.pack(
            self.protocol_id,
            self.original_compressed_segment_size,
            self.compression_algorithm,
            self.flags,
            auto(self.offset, len(self.uncompressed)),
        )
        return [header, self.uncompressed, self.data]

    def encode(self) -> bytes:
        """Encode into one bytes object."""
        return b"".join(self.parts())


@dataclass(slots=True)
class PatternPayloadV1(Structure):
    """SMB2_COMPRESSION_PATTERN_PAYLOAD_V1 ([MS-SMB2] 2.2.42.2.2): one byte, repeated."""

    LAYOUT = struct.Struct("<BBHI")

    pattern: int = 0
    reserved1: int = 0
    reserved2: int = 0
    repetitions: int = 0


ALGORITHMS_WITH_ORIGINAL_SIZE: Final = frozenset(
    {
        CompressionAlgorithm.LZNT1,
        CompressionAlgorithm.LZ77,
        CompressionAlgorithm.LZ77_HUFFMAN,
        CompressionAlgorithm.LZ4,
    }
)
"""The algorithms whose payload header has an OriginalPayloadSize ([MS-SMB2] 2.2.42.2.1)."""


@dataclass(slots=True)
class ChainedPayload:
    """SMB2_COMPRESSION_CHAINED_PAYLOAD_HEADER ([MS-SMB2] 2.2.42.2.1) and its payload.

    `original_payload_size` (bytes) is None where the field is absent; `length` AUTO is computed and includes
    that field.
    """

    HEADER: ClassVar[struct.Struct] = struct.Struct("<HHI")
    ORIGINAL_SIZE: ClassVar[struct.Struct] = struct.Struct("<I")

    compression_algorithm: int
    data: Buffer = b""
    original_payload_size: int | None = None
    flags: int = CompressionFlags.NONE
    length: int = AUTO

    def parts(self) -> Sequence[Buffer]:
        """Encode into buffers that follow each other on the wire."""
        size = (
            b"" if self.original_payload_size is None else self.ORIGINAL_SIZE.pack(self.original_payload_size)
        )
        length = auto(self.length, len(size) + len(self.data))
        return [self.HEADER.pack(self.compression_algorithm, self.flags, length) + size, self.data]


@dataclass(slots=True)
class CompressionTransformChained:
    """COMPRESSION_TRANSFORM_HEADER_CHAINED ([MS-SMB2] 2.2.42.2) and its payloads; the first carries flag
    CHAINED."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<4sI")

    original_compressed_segment_size: int
    payloads: list[ChainedPayload] = field(default_factory=list)
    protocol_id: bytes = COMPRESSION_PROTOCOL_ID
    trailing: bytes = b""

    def parts(self) -> Sequence[Buffer]:
        """Encode into buffers that follow each other on the wire."""
        parts: list[Buffer] = [self.LAYOUT.pack(self.protocol_id, self.original_compressed_segment_size)]
        for payload in self.payloads:
            parts.extend(payload.parts())
        parts.append(self.trailing)
        return parts

    def encode(self) -> bytes:
        """Encode into one bytes object."""
        return b"".join(self.parts())


def decode_compression_transform(
    data: memoryview, findings: Findings
) -> CompressionTransformUnchained | CompressionTransformChained | None:
    """Decode a compressed frame, chained or not by its Flags; None, with a finding, where the header is cut
    off.

    Decompressing is not done here; sizes announced are values, nothing is allocated by them.
    """
    layout = CompressionTransformUnchained.LAYOUT
    if len(data) < layout.size:
        findings.append(
            Finding(0, "CompressionTransformHeader", f"{len(data)} bytes, fewer than {layout.size}")
        )
        return None
    protocol_id, size, algorithm, flags, offset = layout.unpack_from(data)
    if protocol_id != COMPRESSION_PROTOCOL_ID:
        findings.append(Finding(0, "ProtocolId", f"{protocol_id!r} is not a compression header"))
    if flags & CompressionFlags.CHAINED:
        return _decode_chained(data, size, protocol_id, findings)
    body = data[layout.size :]
    if offset > len(body):
        findings.append(Finding(12, "Offset", f"{offset}, but {len(body)} bytes follow"))
    return CompressionTransformUnchained(
        size, known(CompressionAlgorithm, algorithm), body[:offset], body[offset:], flags, offset, protocol_id
    )


def _decode_chained(
    data: memoryview, size: int, protocol_id: bytes, findings: Findings
) -> CompressionTransformChained:
    chained = CompressionTransformChained(size, protocol_id=protocol_id)
    header, original_size = ChainedPayload.HEADER, ChainedPayload.ORIGINAL_SIZE
    position = chained.LAYOUT.size
    while position < len(data):
        start = position + header.size
        if start > len(data):
            findings.append(Finding(position, "ChainedPayloadHeader", f"{len(data) - position} bytes left"))
            break
        algorithm, flags, length = header.unpack_from(data, position)
        if start + length > len(data):
            findings.append(
                Finding(position + 4, "Length", f"{length}, but {len(data) - start} bytes follow")
            )
        payload = data[start : start + length]
        original = None
        if algorithm in ALGORITHMS_WITH_ORIGINAL_SIZE:
            if len(payload) < original_size.size:
                findings.append(Finding(start, "OriginalPayloadSize", f"{len(payload)} bytes of payload"))
            else:
                (original,) = original_size.unpack_from(payload)
                payload = payload[original_size.size :]
        chained.payloads.append(
            ChainedPayload(known(CompressionAlgorithm, algorithm), payload, original, flags, length)
        )
        position = start + length
    else:
        return chained
    chained.trailing = bytes(data[position:])
    return chained
