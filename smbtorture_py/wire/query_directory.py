"""SMB2 QUERY_DIRECTORY ([MS-SMB2] 2.2.33, 2.2.34)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    NO_FILE_ID,
    Body,
    Buffer,
    FileId,
    Findings,
    FlagCache,
    auto,
    cut,
    decode_text,
    encode_text,
)
from smbtorture_py.wire.output_buffer import OutputBufferResponse


class QueryDirectoryFlags(IntFlag):
    """Flags of a QUERY_DIRECTORY request ([MS-SMB2] 2.2.33)."""

    NONE = 0
    RESTART_SCANS = 0x01
    RETURN_SINGLE_ENTRY = 0x02
    INDEX_SPECIFIED = 0x04
    REOPEN = 0x10


_FLAGS: Final = FlagCache(QueryDirectoryFlags)


@dataclass(slots=True, kw_only=True)
class QueryDirectoryRequest(Body):
    """QUERY_DIRECTORY request ([MS-SMB2] 2.2.33); `file_name` is the search pattern."""

    STRUCTURE_SIZE: ClassVar[int] = 33
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIQQHHI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    file_information_class: int = 0
    flags: QueryDirectoryFlags = QueryDirectoryFlags.NONE
    file_index: int = 0
    file_id: FileId = NO_FILE_ID
    file_name_offset: int = AUTO
    file_name_length: int = AUTO
    output_buffer_length: int = 0
    file_name: str = ""

    def _variable(self) -> tuple[Buffer, ...]:
        return (encode_text(self.file_name),)

    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        size = len(variable[0])
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.file_information_class,
            self.flags,
            self.file_index,
            self.file_id.persistent,
            self.file_id.volatile,
            auto(self.file_name_offset, positions[0] if size else 0),
            auto(self.file_name_length, size),
            self.output_buffer_length,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            file_information_class,
            flags,
            file_index,
            persistent,
            volatile,
            offset,
            length,
            output_buffer_length,
        ) = values
        raw = cut(data, offset, length, "FileName", findings)
        return cls(
            structure_size=structure_size,
            file_information_class=file_information_class,
            flags=_FLAGS[flags],
            file_index=file_index,
            file_id=FileId(persistent, volatile),
            file_name_offset=offset,
            file_name_length=length,
            output_buffer_length=output_buffer_length,
            file_name=decode_text(raw, offset, "FileName", findings),
        )._settle(data, (offset, len(raw)), exact=not len(raw) & 1)


@dataclass(slots=True, kw_only=True)
class QueryDirectoryResponse(OutputBufferResponse):
    """QUERY_DIRECTORY response ([MS-SMB2] 2.2.34): directory entries as in [MS-FSCC] 2.4."""
