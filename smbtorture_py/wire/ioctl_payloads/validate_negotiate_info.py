"""FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 2.2.31.4 and 2.2.32.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto, fixed_part

_REQUEST: Final = struct.Struct("<I16sHH")
_DIALECT: Final = struct.Struct("<H")


@dataclass(slots=True)
class ValidateNegotiateInfoRequest:
    """VALIDATE_NEGOTIATE_INFO request ([MS-SMB2] 2.2.31.4): what the client sent in its NEGOTIATE."""

    capabilities: int
    guid: bytes
    security_mode: int
    dialects: list[int]
    dialect_count: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode into 24 bytes and two for each dialect."""
        count = auto(self.dialect_count, len(self.dialects))
        header = _REQUEST.pack(self.capabilities, self.guid, self.security_mode, count)
        return header + b"".join(_DIALECT.pack(dialect) for dialect in self.dialects) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding."""
        capabilities, guid, security_mode, count = _REQUEST.unpack(
            fixed_part(_REQUEST, data, cls.__name__, findings)
        )
        room = max(0, len(data) - _REQUEST.size) // _DIALECT.size
        if count > room:
            findings.append(Finding(22, "DialectCount", f"{count} announced, room for {room}"))
        end = _REQUEST.size + min(count, room) * _DIALECT.size
        dialects = [_DIALECT.unpack_from(data, at)[0] for at in range(_REQUEST.size, end, _DIALECT.size)]
        return cls(capabilities, guid, security_mode, dialects, count, bytes(data[end:]))


@dataclass(slots=True)
class ValidateNegotiateInfoResponse(Structure):
    """VALIDATE_NEGOTIATE_INFO response ([MS-SMB2] 2.2.32.6): what the server answered in its NEGOTIATE."""

    LAYOUT = struct.Struct("<I16sHH")

    capabilities: int
    guid: bytes
    security_mode: int
    dialect: int
