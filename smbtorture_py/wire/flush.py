"""SMB2 FLUSH ([MS-SMB2] 2.2.17, 2.2.18)."""

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
)
from smbtorture_py.wire.reserved_body import ReservedBody


@dataclass(slots=True, kw_only=True)
class FlushRequest(Body):
    """FLUSH request ([MS-SMB2] 2.2.17)."""

    STRUCTURE_SIZE: ClassVar[int] = 24
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQ")

    structure_size: int = AUTO
    reserved1: int = 0
    reserved2: int = 0
    file_id: FileId = NO_FILE_ID

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.reserved1,
            self.reserved2,
            self.file_id.persistent,
            self.file_id.volatile,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, reserved1, reserved2, persistent, volatile = values
        check_zero(reserved1, HEADER_SIZE + 2, "Reserved1", findings)
        check_zero(reserved2, HEADER_SIZE + 4, "Reserved2", findings)
        return cls(
            structure_size=structure_size,
            reserved1=reserved1,
            reserved2=reserved2,
            file_id=FileId(persistent, volatile),
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class FlushResponse(ReservedBody):
    """FLUSH response ([MS-SMB2] 2.2.18)."""
