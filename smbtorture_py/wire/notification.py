"""SMB2 SERVER_TO_CLIENT_NOTIFICATION ([MS-SMB2] 2.2.44)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    Body,
    Buffer,
    Finding,
    Findings,
    auto,
    check_zero,
    members,
)


class NotificationType(IntEnum):
    """SMB_NOTIFICATION_ID ([MS-SMB2] 2.2.44.1)."""

    SESSION_CLOSED = 0x0


_TYPES: Final = members(NotificationType)
NOTIFY_SESSION_CLOSED: Final = bytes(4)
"""SMB2_NOTIFY_SESSION_CLOSED: four reserved bytes ([MS-SMB2] 2.2.44.2)."""


@dataclass(slots=True, kw_only=True)
class ServerToClientNotification(Body):
    """Server to client notification ([MS-SMB2] 2.2.44.1); StructureSize counts the notification too."""

    STRUCTURE_SIZE: ClassVar[int] = 12
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)

    structure_size: int = AUTO
    reserved: int = 0
    notification_type: int = NotificationType.SESSION_CLOSED
    notification: Buffer = NOTIFY_SESSION_CLOSED

    def _variable(self) -> tuple[Buffer, ...]:
        return (self.notification,)

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.FIXED.size + len(self.notification)),
            self.reserved,
            self.notification_type,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; the notification is all that follows the fixed part. See `Body.decode`."""
        start = HEADER_SIZE + cls.FIXED.size
        if len(data) < start:
            findings.append(
                Finding(len(data), cls.__name__, f"{len(data) - HEADER_SIZE} bytes, not {cls.FIXED.size}")
            )
            return None
        structure_size, reserved, notification_type = cls.FIXED.unpack_from(data, HEADER_SIZE)
        if structure_size != len(data) - HEADER_SIZE:
            problem = f"{structure_size}, the structure has {len(data) - HEADER_SIZE}"
            findings.append(Finding(HEADER_SIZE, "StructureSize", problem))
        check_zero(reserved, HEADER_SIZE + 2, "Reserved", findings)
        return cls(
            structure_size=structure_size,
            reserved=reserved,
            notification_type=_TYPES.get(notification_type, notification_type),
            notification=data[start:],
        )._settle(data, (start, len(data) - start))
