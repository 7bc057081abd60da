"""FSCTL_SRV_COPYCHUNK and FSCTL_SRV_COPYCHUNK_WRITE: server-side copy ([MS-SMB2] 2.2.31.1 and 2.2.32.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Self

from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto, fixed_part


@dataclass(slots=True)
class SrvCopychunk(Structure):
    """SRV_COPYCHUNK ([MS-SMB2] 2.2.31.1.1): one range, in bytes."""

    LAYOUT = struct.Struct("<QQII")

    source_offset: int
    target_offset: int
    length: int
    reserved: int = 0


@dataclass(slots=True)
class SrvCopychunkCopy:
    """SRV_COPYCHUNK_COPY ([MS-SMB2] 2.2.31.1): the source's resume key (24 bytes) and the ranges to copy."""

    HEADER: ClassVar[struct.Struct] = struct.Struct("<24sII")

    source_key: bytes
    chunks: list[SrvCopychunk] = field(default_factory=list)
    chunk_count: int = AUTO
    reserved: int = 0
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode into 32 bytes and 24 for each chunk."""
        head = self.HEADER.pack(self.source_key, auto(self.chunk_count, len(self.chunks)), self.reserved)
        return head + b"".join(chunk.encode() for chunk in self.chunks) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding."""
        view = memoryview(data)
        head = cls.HEADER
        key, count, reserved = head.unpack(fixed_part(head, view, cls.__name__, findings))
        size = SrvCopychunk.LAYOUT.size
        room = max(0, len(view) - head.size) // size
        if count > room:
            findings.append(Finding(24, "ChunkCount", f"{count} announced, room for {room}"))
        end = head.size + min(count, room) * size
        chunks = [SrvCopychunk.decode(view[at : at + size], findings) for at in range(head.size, end, size)]
        return cls(key, chunks, count, reserved, bytes(view[end:]))


@dataclass(slots=True)
class SrvCopychunkResponse(Structure):
    """SRV_COPYCHUNK_RESPONSE ([MS-SMB2] 2.2.32.1): what was written, or with INVALID_PARAMETER the server's
    limits."""

    LAYOUT = struct.Struct("<III")

    chunks_written: int
    chunk_bytes_written: int
    total_bytes_written: int
