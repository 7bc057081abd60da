"""FSCTL_DFS_GET_REFERRALS and its EX form ([MS-DFSC] 2.2.2 to 2.2.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntFlag
from typing import ClassVar, Self

from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.codec import (
    AUTO,
    Buffer,
    Finding,
    Findings,
    auto,
    decode_text,
    encode_text,
    fixed_part,
)


class ReferralHeaderFlags(IntFlag):
    """ReferralHeaderFlags ([MS-DFSC] 2.2.4)."""

    NONE = 0
    REFERRAL_SERVERS = 0x00000001
    STORAGE_SERVERS = 0x00000002
    TARGET_FAILBACK = 0x00000004


@dataclass(slots=True)
class ReqGetDfsReferral:
    """REQ_GET_DFS_REFERRAL ([MS-DFSC] 2.2.2): a path ended by a zero character, which is not part of it
    here."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<H")

    request_file_name: str
    max_referral_level: int = 4
    terminator: bytes = b"\0\0"

    def encode(self) -> bytes:
        """Encode into two bytes and the path."""
        return (
            self.LAYOUT.pack(self.max_referral_level) + encode_text(self.request_file_name) + self.terminator
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding."""
        view = memoryview(data)
        size = cls.LAYOUT.size
        (level,) = cls.LAYOUT.unpack(fixed_part(cls.LAYOUT, view, cls.__name__, findings))
        path, zero, rest = decode_text(view[size:], size, "RequestFileName", findings).partition("\0")
        if not zero:
            findings.append(Finding(len(view), "RequestFileName", "no zero character ends it"))
        return cls(path, level, encode_text(zero + rest))


@dataclass(slots=True)
class ReqGetDfsReferralEx(Structure):
    """REQ_GET_DFS_REFERRAL_EX ([MS-DFSC] 2.2.3); `request_data` is RequestFileNameLength, the name, and the
    site's."""

    LAYOUT = struct.Struct("<HHI")
    TAILS = (("request_data_length", "request_data"),)

    max_referral_level: int = 4
    request_flags: int = 0
    request_data_length: int = AUTO
    request_data: bytes = b""


@dataclass(slots=True)
class DfsReferral:
    """One referral entry ([MS-DFSC] 2.2.5): its version and everything after Size, entry by entry of that
    version."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HH")

    version_number: int
    data: bytes = b""
    size: int = AUTO

    def encode(self) -> bytes:
        """Encode; Size AUTO counts the whole entry."""
        return (
            self.LAYOUT.pack(self.version_number, auto(self.size, self.LAYOUT.size + len(self.data)))
            + self.data
        )


@dataclass(slots=True)
class RespGetDfsReferral:
    """RESP_GET_DFS_REFERRAL ([MS-DFSC] 2.2.4): entries, and the strings they point into; `path_consumed` in
    bytes."""

    HEADER: ClassVar[struct.Struct] = struct.Struct("<HHI")

    referrals: list[DfsReferral] = field(default_factory=list)
    path_consumed: int = 0
    referral_header_flags: ReferralHeaderFlags = ReferralHeaderFlags.NONE
    number_of_referrals: int = AUTO
    string_buffer: bytes = b""

    def encode(self) -> bytes:
        """Encode into 8 bytes, the entries and the strings."""
        count = auto(self.number_of_referrals, len(self.referrals))
        head = self.HEADER.pack(self.path_consumed, count, self.referral_header_flags)
        return head + b"".join(entry.encode() for entry in self.referrals) + self.string_buffer

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding; a broken entry begins the string buffer."""
        view = memoryview(data)
        head = cls.HEADER
        consumed, count, flags = head.unpack(fixed_part(head, view, cls.__name__, findings))
        response = cls([], consumed, ReferralHeaderFlags(flags), count)
        fixed = DfsReferral.LAYOUT
        position = min(head.size, len(view))
        while len(response.referrals) < count and position + fixed.size <= len(view):
            version, size = fixed.unpack_from(view, position)
            if not fixed.size <= size <= len(view) - position:
                findings.append(Finding(position + 2, "Size", f"{size} of {len(view) - position} bytes"))
                break
            response.referrals.append(
                DfsReferral(version, bytes(view[position + fixed.size : position + size]), size)
            )
            position += size
        if len(response.referrals) < count:
            findings.append(
                Finding(2, "NumberOfReferrals", f"{count}, but {len(response.referrals)} are there")
            )
        response.string_buffer = bytes(view[position:])
        return response
