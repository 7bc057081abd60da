"""The body that is StructureSize 4 and a reserved field: many commands carry nothing else."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from smbtorture_py.wire.codec import AUTO, HEADER_SIZE, Body, Buffer, Findings, auto, check_zero


@dataclass(slots=True, kw_only=True)
class ReservedBody(Body):
    """Base of bodies of 4 bytes that say nothing but that they are there."""

    STRUCTURE_SIZE: ClassVar[int] = 4
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HH")

    structure_size: int = AUTO
    reserved: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(auto(self.structure_size, self.STRUCTURE_SIZE), self.reserved)

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        check_zero(values[1], HEADER_SIZE + 2, "Reserved", findings)
        return cls(structure_size=values[0], reserved=values[1])._settle(data)
