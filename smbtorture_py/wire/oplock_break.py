"""SMB2 OPLOCK_BREAK: notification, acknowledgment and response, of oplocks and leases ([MS-SMB2] 2.2.23 to
2.2.25)."""

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
from smbtorture_py.wire.create import OPLOCK_LEVELS, OplockLevel
from smbtorture_py.wire.lease import LeaseState


class LeaseBreakFlags(IntFlag):
    """Flags of a lease break notification, SMB2_NOTIFY_BREAK_LEASE_FLAG_* ([MS-SMB2] 2.2.23.2)."""

    NONE = 0
    ACK_REQUIRED = 0x01


_FLAGS: Final = FlagCache(LeaseBreakFlags)
_STATES: Final = FlagCache(LeaseState)


@dataclass(slots=True, kw_only=True)
class _OplockBreak(Body):
    STRUCTURE_SIZE: ClassVar[int] = 24
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIQQ")

    structure_size: int = AUTO
    oplock_level: int = OplockLevel.NONE
    reserved: int = 0
    reserved2: int = 0
    file_id: FileId = NO_FILE_ID

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.oplock_level,
            self.reserved,
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
        structure_size, oplock_level, reserved, reserved2, persistent, volatile = values
        check_zero(reserved, HEADER_SIZE + 3, "Reserved", findings)
        check_zero(reserved2, HEADER_SIZE + 4, "Reserved2", findings)
        return cls(
            structure_size=structure_size,
            oplock_level=OPLOCK_LEVELS.get(oplock_level, oplock_level),
            reserved=reserved,
            reserved2=reserved2,
            file_id=FileId(persistent, volatile),
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class OplockBreakNotification(_OplockBreak):
    """Oplock break notification ([MS-SMB2] 2.2.23.1), sent with MessageId all ones."""


@dataclass(slots=True, kw_only=True)
class OplockBreakAcknowledgment(_OplockBreak):
    """Oplock break acknowledgment ([MS-SMB2] 2.2.24.1), a request."""


@dataclass(slots=True, kw_only=True)
class OplockBreakResponse(_OplockBreak):
    """Oplock break response ([MS-SMB2] 2.2.25.1), the answer to an acknowledgment."""


@dataclass(slots=True, kw_only=True)
class LeaseBreakNotification(Body):
    """Lease break notification ([MS-SMB2] 2.2.23.2), sent with MessageId all ones; NewEpoch is 0 in dialect
    2.1."""

    STRUCTURE_SIZE: ClassVar[int] = 44
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHI16sIIIII")

    structure_size: int = AUTO
    new_epoch: int = 0
    flags: LeaseBreakFlags = LeaseBreakFlags.NONE
    lease_key: bytes = bytes(16)
    current_lease_state: LeaseState = LeaseState.NONE
    new_lease_state: LeaseState = LeaseState.NONE
    break_reason: int = 0
    access_mask_hint: int = 0
    share_mask_hint: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.new_epoch,
            self.flags,
            self.lease_key,
            self.current_lease_state,
            self.new_lease_state,
            self.break_reason,
            self.access_mask_hint,
            self.share_mask_hint,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            new_epoch,
            flags,
            lease_key,
            current,
            new,
            break_reason,
            access_mask_hint,
            share_mask_hint,
        ) = values
        check_zero(break_reason, HEADER_SIZE + 32, "BreakReason", findings)
        check_zero(access_mask_hint, HEADER_SIZE + 36, "AccessMaskHint", findings)
        check_zero(share_mask_hint, HEADER_SIZE + 40, "ShareMaskHint", findings)
        return cls(
            structure_size=structure_size,
            new_epoch=new_epoch,
            flags=_FLAGS[flags],
            lease_key=lease_key,
            current_lease_state=_STATES[current],
            new_lease_state=_STATES[new],
            break_reason=break_reason,
            access_mask_hint=access_mask_hint,
            share_mask_hint=share_mask_hint,
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class _LeaseBreak(Body):
    STRUCTURE_SIZE: ClassVar[int] = 36
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHI16sIQ")

    structure_size: int = AUTO
    reserved: int = 0
    flags: int = 0
    lease_key: bytes = bytes(16)
    lease_state: LeaseState = LeaseState.NONE
    lease_duration: int = 0

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.reserved,
            self.flags,
            self.lease_key,
            self.lease_state,
            self.lease_duration,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, reserved, flags, lease_key, lease_state, lease_duration = values
        check_zero(reserved, HEADER_SIZE + 2, "Reserved", findings)
        check_zero(flags, HEADER_SIZE + 4, "Flags", findings)
        check_zero(lease_duration, HEADER_SIZE + 28, "LeaseDuration", findings)
        return cls(
            structure_size=structure_size,
            reserved=reserved,
            flags=flags,
            lease_key=lease_key,
            lease_state=_STATES[lease_state],
            lease_duration=lease_duration,
        )._settle(data)


@dataclass(slots=True, kw_only=True)
class LeaseBreakAcknowledgment(_LeaseBreak):
    """Lease break acknowledgment ([MS-SMB2] 2.2.24.2), a request."""


@dataclass(slots=True, kw_only=True)
class LeaseBreakResponse(_LeaseBreak):
    """Lease break response ([MS-SMB2] 2.2.25.2), the answer to an acknowledgment."""
