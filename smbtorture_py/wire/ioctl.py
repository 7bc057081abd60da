"""SMB2 IOCTL ([MS-SMB2] 2.2.31, 2.2.32); control codes and payloads are in `ioctl_payloads`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    FILE_ID_ANY,
    HEADER_SIZE,
    Body,
    Buffer,
    FileId,
    Findings,
    FlagCache,
    auto,
    check_zero,
    cut,
)


class IoctlFlags(IntFlag):
    """Flags of an IOCTL request ([MS-SMB2] 2.2.31)."""

    NONE = 0
    IS_FSCTL = 0x00000001


_FLAGS: Final = FlagCache(IoctlFlags)
_BOUNDARY: Final = 8


@dataclass(slots=True, kw_only=True)
class IoctlRequest(Body):
    """IOCTL request ([MS-SMB2] 2.2.31)."""

    STRUCTURE_SIZE: ClassVar[int] = 57
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQIIIIIIII")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, _BOUNDARY)

    structure_size: int = AUTO
    reserved: int = 0
    ctl_code: int = 0
    file_id: FileId = FILE_ID_ANY
    input_offset: int = AUTO
    input_count: int = AUTO
    max_input_response: int = 0
    output_offset: int = AUTO
    output_count: int = AUTO
    max_output_response: int = 0
    flags: IoctlFlags = IoctlFlags.IS_FSCTL
    reserved2: int = 0
    input: Buffer = b""
    output: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return self.input, self.output

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.reserved,
            self.ctl_code,
            self.file_id.persistent,
            self.file_id.volatile,
            auto(self.input_offset, positions[0] if len(self.input) else 0),
            auto(self.input_count, len(self.input)),
            self.max_input_response,
            auto(self.output_offset, positions[1] if len(self.output) else 0),
            auto(self.output_count, len(self.output)),
            self.max_output_response,
            self.flags,
            self.reserved2,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            reserved,
            ctl_code,
            persistent,
            volatile,
            input_offset,
            input_count,
            max_input_response,
            output_offset,
            output_count,
            max_output_response,
            flags,
            reserved2,
        ) = values
        check_zero(reserved, HEADER_SIZE + 2, "Reserved", findings)
        check_zero(reserved2, HEADER_SIZE + 52, "Reserved2", findings)
        request_input = cut(data, input_offset, input_count, "Input", findings)
        request_output = cut(data, output_offset, output_count, "Output", findings)
        return cls(
            structure_size=structure_size,
            reserved=reserved,
            ctl_code=ctl_code,
            file_id=FileId(persistent, volatile),
            input_offset=input_offset,
            input_count=input_count,
            max_input_response=max_input_response,
            output_offset=output_offset,
            output_count=output_count,
            max_output_response=max_output_response,
            flags=_FLAGS[flags],
            reserved2=reserved2,
            input=request_input,
            output=request_output,
        )._settle(data, (input_offset, len(request_input)), (output_offset, len(request_output)))


@dataclass(slots=True, kw_only=True)
class IoctlResponse(Body):
    """IOCTL response ([MS-SMB2] 2.2.32); OutputOffset is 0 where there is no output."""

    STRUCTURE_SIZE: ClassVar[int] = 49
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQIIIIII")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, _BOUNDARY)

    structure_size: int = AUTO
    reserved: int = 0
    ctl_code: int = 0
    file_id: FileId = FILE_ID_ANY
    input_offset: int = AUTO
    input_count: int = AUTO
    output_offset: int = AUTO
    output_count: int = AUTO
    flags: int = 0
    reserved2: int = 0
    input: Buffer = b""
    output: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return self.input, self.output

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.reserved,
            self.ctl_code,
            self.file_id.persistent,
            self.file_id.volatile,
            auto(self.input_offset, positions[0]),
            auto(self.input_count, len(self.input)),
            auto(self.output_offset, positions[1] if len(self.output) else 0),
            auto(self.output_count, len(self.output)),
            self.flags,
            self.reserved2,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            reserved,
            ctl_code,
            persistent,
            volatile,
            input_offset,
            input_count,
            output_offset,
            output_count,
            flags,
            reserved2,
        ) = values
        check_zero(reserved, HEADER_SIZE + 2, "Reserved", findings)
        check_zero(flags, HEADER_SIZE + 40, "Flags", findings)
        check_zero(reserved2, HEADER_SIZE + 44, "Reserved2", findings)
        response_input = cut(data, input_offset, input_count, "Input", findings)
        response_output = cut(data, output_offset, output_count, "Output", findings)
        return cls(
            structure_size=structure_size,
            reserved=reserved,
            ctl_code=ctl_code,
            file_id=FileId(persistent, volatile),
            input_offset=input_offset,
            input_count=input_count,
            output_offset=output_offset,
            output_count=output_count,
            flags=flags,
            reserved2=reserved2,
            input=response_input,
            output=response_output,
        )._settle(data, (input_offset, len(response_input)), (output_offset, len(response_output)))
