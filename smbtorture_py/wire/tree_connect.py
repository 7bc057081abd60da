"""SMB2 TREE_CONNECT ([MS-SMB2] 2.2.9, 2.2.10)."""

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
    decode_text,
    encode_text,
    members,
    quick,
)
from smbtorture_py.wire.create import ACCESS_MASKS, AccessMask
from smbtorture_py.wire.negotiate import decode_negotiate_contexts
from smbtorture_py.wire.negotiate_contexts import NegotiateContext, encode_list


@quick
class TreeConnectFlags(IntFlag):
    """Flags of a TREE_CONNECT request of dialect 3.1.1 ([MS-SMB2] 2.2.9)."""

    NONE = 0
    CLUSTER_RECONNECT = 0x0001
    REDIRECT_TO_OWNER = 0x0002
    EXTENSION_PRESENT = 0x0004


class TreeConnectContextType(IntEnum):
    """Kinds of tree connect contexts ([MS-SMB2] 2.2.9.2)."""

    RESERVED = 0x0000
    REMOTED_IDENTITY = 0x0001


class ShareType(IntEnum):
    """Kinds of shares ([MS-SMB2] 2.2.10)."""

    DISK = 0x01
    PIPE = 0x02
    PRINT = 0x03


@quick
class ShareFlags(IntFlag):
    """Properties of a share, SMB2_SHAREFLAG_* ([MS-SMB2] 2.2.10).

    Offline caching is a number of two bits, `CACHING_MASK`: MANUAL_CACHING (0), AUTO_CACHING, VDO_CACHING,
    NO_CACHING.
    """

    MANUAL_CACHING = 0x00000000
    DFS = 0x00000001
    DFS_ROOT = 0x00000002
    AUTO_CACHING = 0x00000010
    VDO_CACHING = 0x00000020
    NO_CACHING = 0x00000030
    CACHING_MASK = 0x00000030
    RESTRICT_EXCLUSIVE_OPENS = 0x00000100
    FORCE_SHARED_DELETE = 0x00000200
    ALLOW_NAMESPACE_CACHING = 0x00000400
    ACCESS_BASED_DIRECTORY_ENUM = 0x00000800
    FORCE_LEVELII_OPLOCK = 0x00001000
    ENABLE_HASH_V1 = 0x00002000
    ENABLE_HASH_V2 = 0x00004000
    ENCRYPT_DATA = 0x00008000
    IDENTITY_REMOTING = 0x00040000
    COMPRESS_DATA = 0x00100000
    ISOLATED_TRANSPORT = 0x00200000


@quick
class ShareCapabilities(IntFlag):
    """Capabilities of a share, SMB2_SHARE_CAP_* ([MS-SMB2] 2.2.10)."""

    NONE = 0
    DFS = 0x00000008
    CONTINUOUS_AVAILABILITY = 0x00000010
    SCALEOUT = 0x00000020
    CLUSTER = 0x00000040
    ASYMMETRIC = 0x00000080
    REDIRECT_TO_OWNER = 0x00000100


_FLAGS: Final = FlagCache(TreeConnectFlags)
_SHARE_TYPES: Final = members(ShareType)
_SHARE_FLAGS: Final = FlagCache(ShareFlags)
_SHARE_CAPABILITIES: Final = FlagCache(ShareCapabilities)
_EXTENSION: Final = struct.Struct("<IH10s")
_NO_RESERVED: Final = bytes(10)


@dataclass(slots=True, kw_only=True)
class TreeConnectRequest(Body):
    """TREE_CONNECT request ([MS-SMB2] 2.2.9), with its extension of dialect 3.1.1 (2.2.9.1).

    Tree connect contexts (2.2.9.2) have the same envelope as negotiate contexts, and share its class. The
    extension is there where `flags` has EXTENSION_PRESENT. Its TreeConnectContextOffset counts from the
    first byte of the request structure, that is from the byte after the header.
    """

    STRUCTURE_SIZE: ClassVar[int] = 9
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HHHH")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1, 8)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    flags: TreeConnectFlags = TreeConnectFlags.NONE
    path_offset: int = AUTO
    path_length: int = AUTO
    tree_connect_context_offset: int = AUTO
    tree_connect_context_count: int = AUTO
    extension_reserved: bytes = _NO_RESERVED
    path: str = ""
    tree_connect_contexts: list[NegotiateContext] = field(default_factory=list)

    def _has_extension(self) -> bool:
        return bool(self.flags & TreeConnectFlags.EXTENSION_PRESENT)

    def _fixed_size(self) -> int:
        return self.FIXED.size + (_EXTENSION.size if self._has_extension() else 0)

    def _variable(self) -> tuple[Buffer, ...]:
        contexts = encode_list(self.tree_connect_contexts) if self._has_extension() else b""
        return encode_text(self.path), contexts

    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        fixed = self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.flags,
            auto(self.path_offset, positions[0]),
            auto(self.path_length, len(variable[0])),
        )
        if not self._has_extension():
            return fixed
        contexts_offset = positions[1] - HEADER_SIZE if len(variable[1]) else 0
        return fixed + _EXTENSION.pack(
            auto(self.tree_connect_context_offset, contexts_offset),
            auto(self.tree_connect_context_count, len(self.tree_connect_contexts)),
            self.extension_reserved,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, flags, path_offset, path_length = values
        start = HEADER_SIZE + cls.FIXED.size
        contexts: list[NegotiateContext] = []
        contexts_offset = contexts_count = contexts_at = contexts_size = 0
        reserved = _NO_RESERVED
        exact = True
        if flags & TreeConnectFlags.EXTENSION_PRESENT:
            if len(data) < start + _EXTENSION.size:
                findings.append(
                    Finding(start, "Extension", f"{len(data) - start} bytes, not {_EXTENSION.size}")
                )
                return None
            contexts_offset, contexts_count, reserved = _EXTENSION.unpack_from(data, start)
            check_zero(int.from_bytes(reserved, "little"), start + 6, "Extension.Reserved", findings)
            contexts_at = contexts_offset + HEADER_SIZE
            contexts, contexts_size, exact = decode_negotiate_contexts(
                data, contexts_at, contexts_count, findings
            )
        raw_path = cut(data, path_offset, path_length, "Path", findings)
        path = decode_text(raw_path, path_offset, "Path", findings)
        return cls(
            structure_size=structure_size,
            flags=_FLAGS[flags],
            path_offset=path_offset,
            path_length=path_length,
            tree_connect_context_offset=contexts_offset,
            tree_connect_context_count=contexts_count,
            extension_reserved=reserved,
            path=path,
            tree_connect_contexts=contexts,
        )._settle(
            data,
            (path_offset, len(raw_path)),
            (contexts_at, contexts_size),
            exact=exact and not len(raw_path) & 1,
        )


@dataclass(slots=True, kw_only=True)
class TreeConnectResponse(Body):
    """TREE_CONNECT response ([MS-SMB2] 2.2.10)."""

    STRUCTURE_SIZE: ClassVar[int] = 16
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIII")

    structure_size: int = AUTO
    share_type: int = ShareType.DISK
    reserved: int = 0
    share_flags: ShareFlags = ShareFlags.MANUAL_CACHING
    capabilities: ShareCapabilities = ShareCapabilities.NONE
    maximal_access: AccessMask = AccessMask.NONE

    def _fixed(self, _variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.share_type,
            self.reserved,
            self.share_flags,
            self.capabilities,
            self.maximal_access,
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, share_type, reserved, share_flags, capabilities, maximal_access = values
        check_zero(reserved, HEADER_SIZE + 3, "Reserved", findings)
        return cls(
            structure_size=structure_size,
            share_type=_SHARE_TYPES.get(share_type, share_type),
            reserved=reserved,
            share_flags=_SHARE_FLAGS[share_flags],
            capabilities=_SHARE_CAPABILITIES[capabilities],
            maximal_access=ACCESS_MASKS[maximal_access],
        )._settle(data)
