"""SMB2 READ ([MS-SMB2] 2.2.19, 2.2.20), and the channel kinds it shares with WRITE."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
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
    members,
)


class ReadFlags(IntFlag):
    """Flags of a READ request, SMB2_READFLAG_* ([MS-SMB2] 2.2.19)."""

    NONE = 0
    READ_UNBUFFERED = 0x01
    REQUEST_COMPRESSED = 0x02


class ReadResponseFlags(IntFlag):
    """Flags of a READ response of dialect 3.1.1, SMB2_READFLAG_RESPONSE_* ([MS-SMB2] 2.2.20)."""

    NONE = 0
    RDMA_TRANSFORM = 0x00000001


class Channel(IntEnum):
    """What channel information a READ or WRITE carries, SMB2_CHANNEL_* ([MS-SMB2] 2.2.19, 2.2.21)."""

    NONE = 0
    RDMA_V1 = 1
    RDMA_V1_INVALIDATE = 2
    RDMA_TRANSFORM = 3


CHANNELS: Final = members(Channel)
_FLAGS: Final = FlagCache(ReadFlags)
_RESPONSE_FLAGS: Final = FlagCache(ReadResponseFlags)
READ_DATA_OFFSET: Final = 80
"""Where the data of a READ response starts, right after its fixed part; what a client asks for in Padding."""


@dataclass(slots=True, kw_only=True)
class ReadRequest(Body):
    """READ request ([MS-SMB2] 2.2.19); `padding` is the offset at which the client would like the data."""

    STRUCTURE_SIZE: ClassVar[int] = 49
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIQQQIIIHH")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    padding: int = READ_DATA_OFFSET
    flags: ReadFlags = ReadFlags.NONE
    length: int = 0
    offset: int = 0
    file_id: FileId = NO_FILE_ID
    minimum_count: int = 0
    channel: int = Channel.NONE
    remaining_bytes: int = 0
    read_channel_info_offset: int = AUTO
    read_channel_info_length: int = AUTO
    read_channel_info: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.read_channel_info,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        size = len(self.read_channel_info)
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.padding,
            self.flags,
            self.length,
            self.offset,
            self.file_id.persistent,
            self.file_id.volatile,
            self.minimum_count,
            self.channel,
            self.remaining_bytes,
            auto(self.read_channel_info_offset, positions[0] if size else 0),
            auto(self.read_channel_info_length, size),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            padding,
            flags,
            length,
            offset,
            persistent,
            volatile,
            minimum_count,
            channel,
            remaining_bytes,
            info_offset,
            info_length,
        ) = values
        info = cut(data, info_offset, info_length, "ReadChannelInfo", findings)
        return cls(
            structure_size=structure_size,
            padding=padding,
            flags=_FLAGS[flags],
            length=length,
            offset=offset,
            file_id=FileId(persistent, volatile),
            minimum_count=minimum_count,
            channel=CHANNELS.get(channel, channel),
            remaining_bytes=remaining_bytes,
            read_channel_info_offset=info_offset,
            read_channel_info_length=info_length,
            read_channel_info=info,
        )._settle(data, (info_offset, len(info)))


@dataclass(slots=True, kw_only=True)
class ReadResponse(Body):
    """READ response ([MS-SMB2] 2.2.20); `flags` is Reserved2 below dialect 3.1.1."""

    STRUCTURE_SIZE: ClassVar[int] = 17
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIII")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    data_offset: int = AUTO
    reserved: int = 0
    data_length: int = AUTO
    data_remaining: int = 0
    flags: ReadResponseFlags = ReadResponseFlags.NONE
    data: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.data,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.data_offset, positions[0]),
            self.reserved,
            auto(self.data_length, len(self.data)),
            self.data_remaining,
            self.flags,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; `data` of the result is a view into the message. See `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, offset, reserved, length, data_remaining, flags = values
        if reserved:
            check_zero(reserved, HEADER_SIZE + 3, "Reserved", findings)
        content = cut(data, offset, length, "Data", findings)
        return cls(
            structure_size=structure_size,
            data_offset=offset,
            reserved=reserved,
            data_length=length,
            data_remaining=data_remaining,
            flags=_RESPONSE_FLAGS[flags],
            data=content,
        )._settle(data, (offset, len(content)))
