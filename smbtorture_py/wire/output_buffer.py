"""The response that carries one buffer; QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO share it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from smbtorture_py.wire.codec import AUTO, Body, Buffer, Findings, auto, cut


@dataclass(slots=True, kw_only=True)
class OutputBufferResponse(Body):
    """Base of responses whose only content is `output_buffer`; OutputBufferOffset is 0 where it is empty."""

    STRUCTURE_SIZE: ClassVar[int] = 9
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    output_buffer_offset: int = AUTO
    output_buffer_length: int = AUTO
    output_buffer: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.output_buffer,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        size = len(self.output_buffer)
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.output_buffer_offset, positions[0] if size else 0),
            auto(self.output_buffer_length, size),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, offset, length = values
        output_buffer = cut(data, offset, length, "OutputBuffer", findings)
        return cls(
            structure_size=structure_size,
            output_buffer_offset=offset,
            output_buffer_length=length,
            output_buffer=output_buffer,
        )._settle(data, (offset, len(output_buffer)))
