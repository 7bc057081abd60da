"""SMB2 LOCK ([MS-SMB2] 2.2.26, 2.2.27)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
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
from smbtorture_py.wire.reserved_body import ReservedBody


class LockFlags(IntFlag):
    """Flags of one range of a LOCK request, SMB2_LOCKFLAG_* ([MS-SMB2] 2.2.26.1)."""

    NONE = 0
    SHARED_LOCK = 0x00000001
    EXCLUSIVE_LOCK = 0x00000002
    UNLOCK = 0x00000004
    FAIL_IMMEDIATELY = 0x00000010


_FLAGS: Final = FlagCache(LockFlags)
_ELEMENT: Final = struct.Struct("<QQII")
_NUMBER_BITS: Final = 4
_NUMBER_MASK: Final = 0xF


@dataclass(slots=True, kw_only=True)
class LockElement:
    """One range to lock or unlock, in bytes of the file ([MS-SMB2] 2.2.26.1)."""

    offset: int
    length: int
    flags: LockFlags = LockFlags.NONE
    reserved: int = 0


@dataclass(slots=True, kw_only=True)
class LockRequest(Body):
    """LOCK request ([MS-SMB2] 2.2.26).

    LockSequenceNumber is the low 4 bits and LockSequenceIndex the high 28 bits of one 32-bit field.
    """

    STRUCTURE_SIZE: ClassVar[int] = 48
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHIQQ")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    lock_count: int = AUTO
    lock_sequence_number: int = 0
    lock_sequence_index: int = 0
    file_id: FileId = NO_FILE_ID
    locks: list[LockElement] = field(default_factory=list)

    def _variable(self) -> tuple[Buffer, ...]:
        return (
            b"".join(
                _ELEMENT.pack(lock.offset, lock.length, lock.flags, lock.reserved) for lock in self.locks
            ),
        )

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.lock_count, len(self.locks)),
            self.lock_sequence_number & _NUMBER_MASK | self.lock_sequence_index << _NUMBER_BITS,
            self.file_id.persistent,
            self.file_id.volatile,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, lock_count, sequence, persistent, volatile = values
        start = HEADER_SIZE + cls.FIXED.size
        raw = cut(data, start, lock_count * _ELEMENT.size, "Locks", findings)
        raw = raw[: len(raw) // _ELEMENT.size * _ELEMENT.size]
        locks = []
        for index, (offset, length, flags, reserved) in enumerate(_ELEMENT.iter_unpack(raw)):
            check_zero(reserved, start + index * _ELEMENT.size + 20, "LockElement.Reserved", findings)
            locks.append(LockElement(offset=offset, length=length, flags=_FLAGS[flags], reserved=reserved))
        return cls(
            structure_size=structure_size,
            lock_count=lock_count,
            lock_sequence_number=sequence & _NUMBER_MASK,
            lock_sequence_index=sequence >> _NUMBER_BITS,
            file_id=FileId(persistent, volatile),
            locks=locks,
        )._settle(data, (start, len(raw)))


@dataclass(slots=True, kw_only=True)
class LockResponse(ReservedBody):
    """LOCK response ([MS-SMB2] 2.2.27)."""
