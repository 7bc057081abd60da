"""SMB2 CHANGE_NOTIFY ([MS-SMB2] 2.2.35, 2.2.36)."""

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
)
from smbtorture_py.wire.output_buffer import OutputBufferResponse


class ChangeNotifyFlags(IntFlag):
    """Flags of a CHANGE_NOTIFY request ([MS-SMB2] 2.2.35)."""

    NONE = 0
    WATCH_TREE = 0x0001


class CompletionFilter(IntFlag):
    """Which changes complete a CHANGE_NOTIFY, FILE_NOTIFY_CHANGE_* ([MS-SMB2] 2.2.35)."""

    NONE = 0
    FILE_NAME = 0x00000001
    DIR_NAME = 0x00000002
    ATTRIBUTES = 0x00000004
    SIZE = 0x00000008
    LAST_WRITE = 0x00000010
    LAST_ACCESS = 0x00000020
    CREATION = 0x00000040
    EA = 0x00000080
    SECURITY = 0x00000100
    STREAM_NAME = 0x00000200
    STREAM_SIZE = 0x00000400
    STREAM_WRITE = 0x00000800


class NotifyAction(IntEnum):
    """What happened to a name, FILE_ACTION_* of FILE_NOTIFY_INFORMATION ([MS-FSCC] 2.7.1)."""

    ADDED = 0x00000001
    REMOVED = 0x00000002
    MODIFIED = 0x00000003
    RENAMED_OLD_NAME = 0x00000004
    RENAMED_NEW_NAME = 0x00000005
    ADDED_STREAM = 0x00000006
    REMOVED_STREAM = 0x00000007
    MODIFIED_STREAM = 0x00000008
    REMOVED_BY_DELETE = 0x00000009
    ID_NOT_TUNNELLED = 0x0000000A
    TUNNELLED_ID_COLLISION = 0x0000000B


_FLAGS: Final = FlagCache(ChangeNotifyFlags)
_FILTERS: Final = FlagCache(CompletionFilter)


@dataclass(slots=True, kw_only=True)
class ChangeNotifyRequest(Body):
    """CHANGE_NOTIFY request ([MS-SMB2] 2.2.35)."""

    STRUCTURE_SIZE: ClassVar[int] = 32
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQII")

    structure_size: int = AUTO
    flags: ChangeNotifyFlags = ChangeNotifyFlags.NONE
    output_buffer_length: int = 0
    file_id: FileId = NO_FILE_ID
    completion_filter: CompletionFilter = CompletionFilter.NONE
    reserved: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.flags,
            self.output_buffer_length,
            self.file_id.persistent,
            self.file_id.volatile,
            self.completion_filter,
            self.reserved,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, flags, output_buffer_length, persistent, volatile, completion_filter, reserved = (
            values
        )
        check_zero(reserved, HEADER_SIZE + 28, "Reserved", findings)
        return cls(
            structure_size=structure_size,
            flags=_FLAGS[flags],
            output_buffer_length=output_buffer_length,
            file_id=FileId(persistent, volatile),
            completion_filter=_FILTERS[completion_filter],
            reserved=reserved,
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class ChangeNotifyResponse(OutputBufferResponse):
    """CHANGE_NOTIFY response ([MS-SMB2] 2.2.36): FILE_NOTIFY_INFORMATION entries as in [MS-FSCC] 2.7.1."""
