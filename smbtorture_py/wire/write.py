"""SMB2 WRITE ([MS-SMB2] 2.2.21, 2.2.22)."""

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
from smbtorture_py.wire.read import CHANNELS, Channel


class WriteFlags(IntFlag):
    """Flags of a WRITE request, SMB2_WRITEFLAG_* ([MS-SMB2] 2.2.21)."""

    NONE = 0
    WRITE_THROUGH = 0x00000001
    WRITE_UNBUFFERED = 0x00000002


_FLAGS: Final = FlagCache(WriteFlags)


@dataclass(slots=True, kw_only=True)
class WriteRequest(Body):
    """WRITE request ([MS-SMB2] 2.2.21): the data, then the channel information."""

    STRUCTURE_SIZE: ClassVar[int] = 49
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQQIIHHI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, 8)

    structure_size: int = AUTO
    data_offset: int = AUTO
    length: int = AUTO
    offset: int = 0
    file_id: FileId = NO_FILE_ID
    channel: int = Channel.NONE
    remaining_bytes: int = 0
    write_channel_info_offset: int = AUTO
    write_channel_info_length: int = AUTO
    flags: WriteFlags = WriteFlags.NONE
    data: Buffer = b""
    write_channel_info: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return self.data, self.write_channel_info

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        info_size = len(self.write_channel_info)
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.data_offset, positions[0]),
            auto(self.length, len(self.data)),
            self.offset,
            self.file_id.persistent,
            self.file_id.volatile,
            self.channel,
            self.remaining_bytes,
            auto(self.write_channel_info_offset, positions[1] if info_size else 0),
            auto(self.write_channel_info_length, info_size),
            self.flags,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; `data` of the result is a view into the message. See `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            data_offset,
            length,
            offset,
            persistent,
            volatile,
            channel,
            remaining_bytes,
            info_offset,
            info_length,
            flags,
        ) = values
        content = cut(data, data_offset, length, "Data", findings)
        info = cut(data, info_offset, info_length, "WriteChannelInfo", findings)
        return cls(
            structure_size=structure_size,
            data_offset=data_offset,
            length=length,
            offset=offset,
            file_id=FileId(persistent, volatile),
            channel=CHANNELS.get(channel, channel),
            remaining_bytes=remaining_bytes,
            write_channel_info_offset=info_offset,
            write_channel_info_length=info_length,
            flags=_FLAGS[flags],
            data=content,
            write_channel_info=info,
        )._settle(data, (data_offset, len(content)), (info_offset, len(info)))


@dataclass(slots=True, kw_only=True)
class WriteResponse(Body):
    """WRITE response ([MS-SMB2] 2.2.22); `count` is the number of bytes written."""

    STRUCTURE_SIZE: ClassVar[int] = 17
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIIHH")

    structure_size: int = AUTO
    reserved: int = 0
    count: int = 0
    remaining: int = 0
    write_channel_info_offset: int = 0
    write_channel_info_length: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.reserved,
            self.count,
            self.remaining,
            self.write_channel_info_offset,
            self.write_channel_info_length,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, reserved, count, remaining, info_offset, info_length = values
        check_zero(reserved, HEADER_SIZE + 2, "Reserved", findings)
        check_zero(remaining, HEADER_SIZE + 8, "Remaining", findings)
        check_zero(info_offset, HEADER_SIZE + 12, "WriteChannelInfoOffset", findings)
        check_zero(info_length, HEADER_SIZE + 14, "WriteChannelInfoLength", findings)
        return cls(
            structure_size=structure_size,
            reserved=reserved,
            count=count,
            remaining=remaining,
            write_channel_info_offset=info_offset,
            write_channel_info_length=info_length,
        )._settle(data)
