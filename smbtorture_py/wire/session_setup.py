"""SMB2 SESSION_SETUP ([MS-SMB2] 2.2.5, 2.2.6)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    Body,
    Buffer,
    Findings,
    FlagCache,
    auto,
    check_zero,
    cut,
    quick,
)
from smbtorture_py.wire.negotiate import CAPABILITIES, SECURITY_MODES, Capabilities, SecurityMode


@quick
class SessionSetupFlags(IntFlag):
    """Flags of a SESSION_SETUP request ([MS-SMB2] 2.2.5)."""

    NONE = 0
    BINDING = 0x01


@quick
class SessionFlags(IntFlag):
    """SessionFlags of a SESSION_SETUP response ([MS-SMB2] 2.2.6)."""

    NONE = 0
    IS_GUEST = 0x0001
    IS_NULL = 0x0002
    ENCRYPT_DATA = 0x0004


_SETUP_FLAGS: Final = FlagCache(SessionSetupFlags)
_SESSION_FLAGS: Final = FlagCache(SessionFlags)


@dataclass(slots=True, kw_only=True)
class SessionSetupRequest(Body):
    """SESSION_SETUP request ([MS-SMB2] 2.2.5)."""

    STRUCTURE_SIZE: ClassVar[int] = 25
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIIHHQ")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    flags: SessionSetupFlags = SessionSetupFlags.NONE
    security_mode: SecurityMode = SecurityMode.NONE
    capabilities: Capabilities = Capabilities.NONE
    channel: int = 0
    security_buffer_offset: int = AUTO
    security_buffer_length: int = AUTO
    previous_session_id: int = 0
    security_buffer: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.security_buffer,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.flags,
            self.security_mode,
            self.capabilities,
            self.channel,
            auto(self.security_buffer_offset, positions[0]),
            auto(self.security_buffer_length, len(self.security_buffer)),
            self.previous_session_id,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (structure_size, flags, security_mode, capabilities, channel, offset, length, previous_session_id) = (
            values
        )
        check_zero(channel, HEADER_SIZE + 8, "Channel", findings)
        security_buffer = cut(data, offset, length, "SecurityBuffer", findings)
        return cls(
            structure_size=structure_size,
            flags=_SETUP_FLAGS[flags],
            security_mode=SECURITY_MODES[security_mode],
            capabilities=CAPABILITIES[capabilities],
            channel=channel,
            security_buffer_offset=offset,
            security_buffer_length=length,
            previous_session_id=previous_session_id,
            security_buffer=security_buffer,
        )._settle(data, (offset, len(security_buffer)))


@dataclass(slots=True, kw_only=True)
class SessionSetupResponse(Body):
    """SESSION_SETUP response ([MS-SMB2] 2.2.6)."""

    STRUCTURE_SIZE: ClassVar[int] = 9
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHHH")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    session_flags: SessionFlags = SessionFlags.NONE
    security_buffer_offset: int = AUTO
    security_buffer_length: int = AUTO
    security_buffer: Buffer = b""

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.security_buffer,)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.session_flags,
            auto(self.security_buffer_offset, positions[0]),
            auto(self.security_buffer_length, len(self.security_buffer)),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, session_flags, offset, length = values
        security_buffer = cut(data, offset, length, "SecurityBuffer", findings)
        return cls(
            structure_size=structure_size,
            session_flags=_SESSION_FLAGS[session_flags],
            security_buffer_offset=offset,
            security_buffer_length=length,
            security_buffer=security_buffer,
        )._settle(data, (offset, len(security_buffer)))
