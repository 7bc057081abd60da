"""SMB2 CLOSE ([MS-SMB2] 2.2.15, 2.2.16)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    NO_FILE_ID,
    Body,
    Buffer,
    FileId,
    Findings,
    FlagCache,
    auto,
    check_zero,
)


class CloseFlags(IntFlag):
    """Flags of CLOSE ([MS-SMB2] 2.2.15)."""

    NONE = 0
    POSTQUERY_ATTRIB = 0x0001


_FLAGS: Final = FlagCache(CloseFlags)


@dataclass(slots=True, kw_only=True)
class CloseRequest(Body):
    """CLOSE request ([MS-SMB2] 2.2.15)."""

    STRUCTURE_SIZE: ClassVar[int] = 24
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQ")

    structure_size: int = AUTO
    flags: CloseFlags = CloseFlags.NONE
    reserved: int = 0
    file_id: FileId = NO_FILE_ID

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.flags,
            self.reserved,
            self.file_id.persistent,
            self.file_id.volatile,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, flags, reserved, persistent, volatile = values
        check_zero(reserved, HEADER_SIZE + 4, "Reserved", findings)
        return cls(
            structure_size=structure_size,
            flags=_FLAGS[flags],
            reserved=reserved,
            file_id=FileId(persistent, volatile),
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class CloseResponse(Body):
    """CLOSE response ([MS-SMB2] 2.2.16); times are FILETIMEs, sizes are bytes, all 0 without
    POSTQUERY_ATTRIB."""

    STRUCTURE_SIZE: ClassVar[int] = 60
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQQQQQI")

    structure_size: int = AUTO
    flags: CloseFlags = CloseFlags.NONE
    reserved: int = 0
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    allocation_size: int = 0
    end_of_file: int = 0
    file_attributes: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.flags,
            self.reserved,
            self.creation_time,
            self.last_access_time,
            self.last_write_time,
            self.change_time,
            self.allocation_size,
            self.end_of_file,
            self.file_attributes,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            flags,
            reserved,
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size,
            end_of_file,
            file_attributes,
        ) = values
        check_zero(reserved, HEADER_SIZE + 4, "Reserved", findings)
        return cls(
            structure_size=structure_size,
            flags=_FLAGS[flags],
            reserved=reserved,
            creation_time=creation_time,
            last_access_time=last_access_time,
            last_write_time=last_write_time,
            change_time=change_time,
            allocation_size=allocation_size,
            end_of_file=end_of_file,
            file_attributes=file_attributes,
        )._settle(data)
