"""Sparse files and ranges: zero data, allocated ranges, sparse, trim, duplicate extents, file regions
([MS-FSCC] 2.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.codec import AUTO, NO_FILE_ID, Buffer, FileId, Finding, Findings, auto, fixed_part


@dataclass(slots=True)
class SetSparse(Structure):
    """FSCTL_SET_SPARSE request ([MS-FSCC] 2.3.83): an empty one means 1."""

    LAYOUT = struct.Struct("<B")

    set_sparse: int = 1

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode one byte or none."""
        if not data:
            return cls(cut=cls.LAYOUT.size)
        return super(SetSparse, cls).decode(data, findings)


@dataclass(slots=True)
class FileZeroDataInformation(Structure):
    """FSCTL_SET_ZERO_DATA request ([MS-FSCC] 2.3.85): from an offset to the byte before another."""

    LAYOUT = struct.Struct("<qq")

    file_offset: int
    beyond_final_zero: int


@dataclass(slots=True)
class FileAllocatedRange(Structure):
    """FILE_ALLOCATED_RANGE_BUFFER of FSCTL_QUERY_ALLOCATED_RANGES ([MS-FSCC] 2.3.51, 2.3.52), in bytes."""

    LAYOUT = struct.Struct("<qq")

    file_offset: int
    length: int


def encode_allocated_ranges(ranges: Sequence[FileAllocatedRange]) -> bytes:
    """Encode the reply: 16 bytes for each range."""
    return b"".join(entry.encode() for entry in ranges)


def decode_allocated_ranges(data: Buffer, findings: Findings) -> list[FileAllocatedRange]:
    """Decode the reply; bytes that make no whole range are left out, with a finding."""
    size = FileAllocatedRange.LAYOUT.size
    if len(data) % size:
        findings.append(Finding(len(data) // size * size, "FILE_ALLOCATED_RANGE_BUFFER", "not a whole entry"))
    view = memoryview(data)
    return [
        FileAllocatedRange.decode(view[at : at + size], findings)
        for at in range(0, len(view) - size + 1, size)
    ]


@dataclass(slots=True)
class FileLevelTrimRange(Structure):
    """FILE_LEVEL_TRIM_RANGE ([MS-FSCC] 2.3.13.1), in bytes."""

    LAYOUT = struct.Struct("<QQ")

    offset: int
    length: int


@dataclass(slots=True)
class FileLevelTrim:
    """FSCTL_FILE_LEVEL_TRIM request ([MS-FSCC] 2.3.13); `num_ranges` AUTO is computed."""

    HEADER: ClassVar[struct.Struct] = struct.Struct("<II")

    ranges: list[FileLevelTrimRange] = field(default_factory=list)
    key: int = 0
    num_ranges: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode into 8 bytes and 16 for each range."""
        head = self.HEADER.pack(self.key, auto(self.num_ranges, len(self.ranges)))
        return head + b"".join(entry.encode() for entry in self.ranges) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding."""
        view = memoryview(data)
        key, count = cls.HEADER.unpack(fixed_part(cls.HEADER, view, cls.__name__, findings))
        size = FileLevelTrimRange.LAYOUT.size
        room = max(0, len(view) - cls.HEADER.size) // size
        if count > room:
            findings.append(Finding(4, "NumRanges", f"{count} announced, room for {room}"))
        end = cls.HEADER.size + min(count, room) * size
        ranges = [
            FileLevelTrimRange.decode(view[at : at + size], findings)
            for at in range(cls.HEADER.size, end, size)
        ]
        return cls(ranges, key, count, bytes(view[end:]))


@dataclass(slots=True)
class FileLevelTrimOutput(Structure):
    """FSCTL_FILE_LEVEL_TRIM reply ([MS-FSCC] 2.3.14)."""

    LAYOUT = struct.Struct("<I")

    num_ranges_processed: int = 0


@dataclass(slots=True)
class DuplicateExtentsData(Structure):
    """FSCTL_DUPLICATE_EXTENTS_TO_FILE request ([MS-FSCC] 2.3.7.1, SMB2_DUPLICATE_EXTENTS_DATA)."""

    LAYOUT = struct.Struct("<16sqqq")
    FILE_IDS = frozenset({"source_file_id"})

    source_file_id: FileId = NO_FILE_ID
    source_file_offset: int = 0
    target_file_offset: int = 0
    byte_count: int = 0


@dataclass(slots=True)
class DuplicateExtentsDataEx(Structure):
    """FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX request ([MS-FSCC] 2.3.9.2)."""

    FILE_IDS = frozenset({"source_file_id"})
    LAYOUT = struct.Struct("<Q16sqqqII")

    structure_size: int = 48
    source_file_id: FileId = NO_FILE_ID
    source_file_offset: int = 0
    target_file_offset: int = 0
    byte_count: int = 0
    flags: int = 0
    reserved: int = 0
