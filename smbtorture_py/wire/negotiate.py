"""SMB2 NEGOTIATE ([MS-SMB2] 2.2.3, 2.2.4)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    Body,
    Buffer,
    Finding,
    Findings,
    FlagCache,
    auto,
    check_zero,
    cut,
    members,
    quick,
)
from smbtorture_py.wire.negotiate_contexts import NegotiateContext, decode_list, encode_list


class Dialect(IntEnum):
    """Dialect revision numbers ([MS-SMB2] 2.2.3, 2.2.4)."""

    SMB_2_0_2 = 0x0202
    SMB_2_1 = 0x0210
    SMB_3_0 = 0x0300
    SMB_3_0_2 = 0x0302
    SMB_3_1_1 = 0x0311
    WILDCARD = 0x02FF
    """Answer to an SMB1 negotiate that offers «SMB 2.???»: a second, SMB2 negotiate is to follow."""


@quick
class SecurityMode(IntFlag):
    """SecurityMode of NEGOTIATE and SESSION_SETUP ([MS-SMB2] 2.2.3, 2.2.5)."""

    NONE = 0
    SIGNING_ENABLED = 0x0001
    SIGNING_REQUIRED = 0x0002


@quick
class Capabilities(IntFlag):
    """Global capabilities of a client or server, SMB2_GLOBAL_CAP_* ([MS-SMB2] 2.2.3, 2.2.4, 2.2.5)."""

    NONE = 0
    DFS = 0x00000001
    LEASING = 0x00000002
    LARGE_MTU = 0x00000004
    MULTI_CHANNEL = 0x00000008
    PERSISTENT_HANDLES = 0x00000010
    DIRECTORY_LEASING = 0x00000020
    ENCRYPTION = 0x00000040
    NOTIFICATIONS = 0x00000080


SECURITY_MODES: Final = FlagCache(SecurityMode)
CAPABILITIES: Final = FlagCache(Capabilities)
_DIALECTS: Final = members(Dialect)
_CONTEXT_BOUNDARY: Final = 8


@dataclass(slots=True, kw_only=True)
class NegotiateRequest(Body):
    """NEGOTIATE request ([MS-SMB2] 2.2.3).

    NegotiateContextOffset, NegotiateContextCount and Reserved2 share their 8 bytes with the ClientStartTime
    of requests that do not offer 3.1.1; `client_start_time` is that other view of the three fields.
    """

    STRUCTURE_SIZE: ClassVar[int] = 36
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHHHI16sIHH")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, _CONTEXT_BOUNDARY)

    structure_size: int = AUTO
    dialect_count: int = AUTO
    security_mode: SecurityMode = SecurityMode.NONE
    reserved: int = 0
    capabilities: Capabilities = Capabilities.NONE
    client_guid: bytes = bytes(16)
    negotiate_context_offset: int = AUTO
    negotiate_context_count: int = AUTO
    reserved2: int = 0
    dialects: list[int] = field(default_factory=list)
    negotiate_contexts: list[NegotiateContext] = field(default_factory=list)

    @property
    def client_start_time(self) -> int:
        """The 8 bytes of ClientStartTime as one integer; AUTO fields count as 0."""
        return (
            auto(self.negotiate_context_offset, 0)
            | auto(self.negotiate_context_count, 0) << 32
            | self.reserved2 << 48
        )

    @client_start_time.setter
    def client_start_time(self, value: int) -> None:
        self.negotiate_context_offset = value & 0xFFFFFFFF
        self.negotiate_context_count = value >> 32 & 0xFFFF
        self.reserved2 = value >> 48

    def _variable(self) -> tuple[Buffer, ...]:
        return struct.pack(f"<{len(self.dialects)}H", *self.dialects), encode_list(self.negotiate_contexts)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        contexts_offset = positions[1] if self.negotiate_contexts else 0
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.dialect_count, len(self.dialects)),
            self.security_mode,
            self.reserved,
            self.capabilities,
            self.client_guid,
            auto(self.negotiate_context_offset, contexts_offset),
            auto(self.negotiate_context_count, len(self.negotiate_contexts)),
            self.reserved2,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; negotiate contexts are looked for only where 3.1.1 is offered. See `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            dialect_count,
            security_mode,
            reserved,
            capabilities,
            client_guid,
            contexts_offset,
            contexts_count,
            reserved2,
        ) = values
        check_zero(reserved, HEADER_SIZE + 6, "Reserved", findings)
        start = HEADER_SIZE + cls.FIXED.size
        raw_dialects = cut(data, start, 2 * dialect_count, "Dialects", findings)
        raw_dialects = raw_dialects[: len(raw_dialects) & ~1]
        dialects = [_DIALECTS.get(d, d) for d in struct.unpack(f"<{len(raw_dialects) // 2}H", raw_dialects)]
        contexts: list[NegotiateContext] = []
        at = size = 0
        exact = True
        if Dialect.SMB_3_1_1 in dialects:
            check_zero(reserved2, HEADER_SIZE + 34, "Reserved2", findings)
            at = contexts_offset
            contexts, size, exact = decode_negotiate_contexts(data, at, contexts_count, findings)
        else:
            check_zero(
                contexts_offset | contexts_count | reserved2, HEADER_SIZE + 28, "ClientStartTime", findings
            )
        return cls(
            structure_size=structure_size,
            dialect_count=dialect_count,
            security_mode=SECURITY_MODES[security_mode],
            reserved=reserved,
            capabilities=CAPABILITIES[capabilities],
            client_guid=client_guid,
            negotiate_context_offset=contexts_offset,
            negotiate_context_count=contexts_count,
            reserved2=reserved2,
            dialects=dialects,
            negotiate_contexts=contexts,
        )._settle(data, (start, len(raw_dialects)), (at, size), exact=exact)


@dataclass(slots=True, kw_only=True)
class NegotiateResponse(Body):
    """NEGOTIATE response ([MS-SMB2] 2.2.4); times are FILETIMEs, sizes are bytes.

    NegotiateContextCount is Reserved, and NegotiateContextOffset is Reserved2, where DialectRevision is not
    3.1.1.
    """

    STRUCTURE_SIZE: ClassVar[int] = 65
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHHH16sIIIIQQHHI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, _CONTEXT_BOUNDARY)

    structure_size: int = AUTO
    security_mode: SecurityMode = SecurityMode.NONE
    dialect_revision: int = 0
    negotiate_context_count: int = AUTO
    server_guid: bytes = bytes(16)
    capabilities: Capabilities = Capabilities.NONE
    max_transact_size: int = 0
    max_read_size: int = 0
    max_write_size: int = 0
    system_time: int = 0
    server_start_time: int = 0
    security_buffer_offset: int = AUTO
    security_buffer_length: int = AUTO
    negotiate_context_offset: int = AUTO
    security_buffer: Buffer = b""
    negotiate_contexts: list[NegotiateContext] = field(default_factory=list)

    def _variable(self) -> tuple[Buffer, ...]:
        return self.security_buffer, encode_list(self.negotiate_contexts)

    def _fixed(self, _variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        contexts_offset = positions[1] if self.negotiate_contexts else 0
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.security_mode,
            self.dialect_revision,
            auto(self.negotiate_context_count, len(self.negotiate_contexts)),
            self.server_guid,
            self.capabilities,
            self.max_transact_size,
            self.max_read_size,
            self.max_write_size,
            self.system_time,
            self.server_start_time,
            auto(self.security_buffer_offset, positions[0]),
            auto(self.security_buffer_length, len(self.security_buffer)),
            auto(self.negotiate_context_offset, contexts_offset),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; negotiate contexts are looked for only where the dialect is 3.1.1. See `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            security_mode,
            dialect_revision,
            contexts_count,
            server_guid,
            capabilities,
            max_transact_size,
            max_read_size,
            max_write_size,
            system_time,
            server_start_time,
            offset,
            length,
            contexts_offset,
        ) = values
        security_buffer = cut(data, offset, length, "SecurityBuffer", findings)
        contexts: list[NegotiateContext] = []
        at = size = 0
        exact = True
        if dialect_revision == Dialect.SMB_3_1_1:
            at = contexts_offset
            contexts, size, exact = decode_negotiate_contexts(data, at, contexts_count, findings)
        return cls(
            structure_size=structure_size,
            security_mode=SECURITY_MODES[security_mode],
            dialect_revision=_DIALECTS.get(dialect_revision, dialect_revision),
            negotiate_context_count=contexts_count,
            server_guid=server_guid,
            capabilities=CAPABILITIES[capabilities],
            max_transact_size=max_transact_size,
            max_read_size=max_read_size,
            max_write_size=max_write_size,
            system_time=system_time,
            server_start_time=server_start_time,
            security_buffer_offset=offset,
            security_buffer_length=length,
            negotiate_context_offset=contexts_offset,
            security_buffer=security_buffer,
            negotiate_contexts=contexts,
        )._settle(data, (offset, len(security_buffer)), (at, size), exact=exact)


def decode_negotiate_contexts(
    data: memoryview, offset: int, count: int, findings: Findings
) -> tuple[list[NegotiateContext], int, bool]:
    """Decode `count` contexts at `offset` of a message, up to its end; tell how many bytes, and whether all
    is well."""
    if not count:
        return [], 0, True
    if not HEADER_SIZE <= offset <= len(data):
        findings.append(
            Finding(min(offset, len(data)), "NegotiateContextOffset", f"{offset} in {len(data)} bytes")
        )
        return [], 0, True
    before = len(findings)
    contexts = decode_list(data[offset:], count, offset, findings)
    return contexts, len(data) - offset, len(findings) == before
