"""SMB2 SET_INFO ([MS-SMB2] 2.2.39, 2.2.40)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    NO_FILE_ID,
    Body,
    Buffer,
    FileId,
    Findings,
    auto,
    check_zero,
    cut,
)


@dataclass(slots=True, kw_only=True)
class SetInfoRequest(Body):
    """SET_INFO request ([MS-SMB2] 2.2.39)."""

    STRUCTURE_SIZE: ClassVar[int] = 33
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIHHIQQ")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    info_type: int = 0
    file_info_class: int = 0
    buffer_length: int = AUTO
    buffer_offset: int = AUTO
    reserved: int = 0
    additional_information: int = 0
    file_id: FileId = NO_FILE_ID
    buffer: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.buffer,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.info_type,
            self.file_info_class,
            auto(self.buffer_length, len(self.buffer)),
            auto(self.buffer_offset, positions[0]),
            self.reserved,
            self.additional_information,
            self.file_id.persistent,
            self.file_id.volatile,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            info_type,
            file_info_class,
            length,
            offset,
            reserved,
            additional_information,
            persistent,
            volatile,
        ) = values
        check_zero(reserved, HEADER_SIZE + 10, "Reserved", findings)
        buffer = cut(data, offset, length, "Buffer", findings)
        return cls(
            structure_size=structure_size,
            info_type=info_type,
            file_info_class=file_info_class,
            buffer_length=length,
            buffer_offset=offset,
            reserved=reserved,
            additional_information=additional_information,
            file_id=FileId(persistent, volatile),
            buffer=buffer,
        )._settle(data, (offset, len(buffer)))


@dataclass(slots=True, kw_only=True)
class SetInfoResponse(Body):
    """SET_INFO response ([MS-SMB2] 2.2.40): StructureSize and nothing else."""

    STRUCTURE_SIZE: ClassVar[int] = 2
    FIXED: ClassVar[struct.Struct] = struct.Struct("<H")

    structure_size: int = AUTO

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(auto(self.structure_size, self.STRUCTURE_SIZE))

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        return cls(structure_size=values[0])._settle(data)
