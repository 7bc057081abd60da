"""SMB2 QUERY_INFO ([MS-SMB2] 2.2.37, 2.2.38)."""

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
    cut,
)
from smbtorture_py.wire.output_buffer import OutputBufferResponse


class QueryInfoFlags(IntFlag):
    """Flags of a QUERY_INFO request for extended attributes, SL_* ([MS-SMB2] 2.2.37)."""

    NONE = 0
    RESTART_SCAN = 0x00000001
    RETURN_SINGLE_ENTRY = 0x00000002
    INDEX_SPECIFIED = 0x00000004


_FLAGS: Final = FlagCache(QueryInfoFlags)


@dataclass(slots=True, kw_only=True)
class QueryInfoRequest(Body):
    """QUERY_INFO request ([MS-SMB2] 2.2.37)."""

    STRUCTURE_SIZE: ClassVar[int] = 41
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIHHIIIQQ")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    info_type: int = 0
    file_info_class: int = 0
    output_buffer_length: int = 0
    input_buffer_offset: int = AUTO
    reserved: int = 0
    input_buffer_length: int = AUTO
    additional_information: int = 0
    flags: QueryInfoFlags = QueryInfoFlags.NONE
    file_id: FileId = NO_FILE_ID
    input_buffer: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.input_buffer,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        size = len(self.input_buffer)
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.info_type,
            self.file_info_class,
            self.output_buffer_length,
            auto(self.input_buffer_offset, positions[0] if size else 0),
            self.reserved,
            auto(self.input_buffer_length, size),
            self.additional_information,
            self.flags,
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
            output_buffer_length,
            offset,
            reserved,
            length,
            additional_information,
            flags,
            persistent,
            volatile,
        ) = values
        check_zero(reserved, HEADER_SIZE + 10, "Reserved", findings)
        input_buffer = cut(data, offset, length, "InputBuffer", findings)
        return cls(
            structure_size=structure_size,
            info_type=info_type,
            file_info_class=file_info_class,
            output_buffer_length=output_buffer_length,
            input_buffer_offset=offset,
            reserved=reserved,
            input_buffer_length=length,
            additional_information=additional_information,
            flags=_FLAGS[flags],
            file_id=FileId(persistent, volatile),
            input_buffer=input_buffer,
        )._settle(data, (offset, len(input_buffer)))


@dataclass(slots=True, kw_only=True)
class QueryInfoResponse(OutputBufferResponse):
    """QUERY_INFO response ([MS-SMB2] 2.2.38): information as in [MS-FSCC] 2.4, 2.5, or a security
    descriptor."""
