"""Extended attributes ([MS-FSCC] 2.4.16): names are ASCII bytes with a terminating zero that no length
counts."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from smbtorture_py.wire.chain import ChainEntry, Enums
from smbtorture_py.wire.codec import AUTO, Finding, Findings
from smbtorture_py.wire.fscc.information_class import EaFlags, FileInformationClass

_TERMINATOR: Final = b"\0"


@dataclass(slots=True)
class FileFullEaInformation(ChainEntry):
    """One FILE_FULL_EA_INFORMATION ([MS-FSCC] 2.4.16): chain, entries 4-byte aligned."""

    INFORMATION_CLASS = FileInformationClass.FILE_FULL_EA_INFORMATION
    ALIGNMENT = 4
    LAYOUT = struct.Struct("<IBBH")
    ENUMS: ClassVar[Enums] = {"flags": EaFlags}
    WIRE_ORDER = ("next_entry_offset", "flags", "ea_name_length", "ea_value_length")

    ea_name: bytes = b""
    ea_value: bytes = b""
    flags: EaFlags = EaFlags.NONE
    ea_name_length: int = AUTO
    ea_value_length: int = AUTO
    terminator: bytes = _TERMINATOR

    def encode(self) -> bytes:
        """Encode one entry without the padding that a following one needs."""
        fixed = _Fixed(
            self.flags, self.ea_name_length, self.ea_value_length, next_entry_offset=self.next_entry_offset
        )
        if fixed.ea_name_length is AUTO:
            fixed.ea_name_length = len(self.ea_name)
        if fixed.ea_value_length is AUTO:
            fixed.ea_value_length = len(self.ea_value)
        head = fixed.encode()
        return head[: len(head) - self.cut] + self.ea_name + self.terminator + self.ea_value + self.trailing

    @classmethod
    def decode_prefix(cls, data: memoryview, findings: Findings) -> tuple[Self, int]:
        """Decode one entry and return how many bytes that took."""
        fixed, start = _Fixed.decode_prefix(data, findings)
        end = start + fixed.ea_name_length
        value_end = end + len(_TERMINATOR) + fixed.ea_value_length
        terminator = bytes(data[end : end + len(_TERMINATOR)])
        if value_end > len(data):
            findings.append(
                Finding(start, cls.__name__, f"{value_end} bytes announced, {len(data)} are there")
            )
        elif terminator != _TERMINATOR:
            findings.append(Finding(end, "EaName", "no zero byte after it"))
        entry = cls(
            bytes(data[start:end]), bytes(data[end + len(_TERMINATOR) : value_end]), fixed.flags,
            fixed.ea_name_length, fixed.ea_value_length, terminator,
            next_entry_offset=fixed.next_entry_offset, cut=fixed.cut,
        )  # fmt: skip
        return entry, min(value_end, len(data))


@dataclass(slots=True)
class _Fixed(ChainEntry):
    """The fixed part of FILE_FULL_EA_INFORMATION."""

    LAYOUT = FileFullEaInformation.LAYOUT
    ENUMS: ClassVar[Enums] = {"flags": EaFlags}

    flags: EaFlags = EaFlags.NONE
    ea_name_length: int = AUTO
    ea_value_length: int = AUTO


@dataclass(slots=True)
class FileGetEaInformation(ChainEntry):
    """One FILE_GET_EA_INFORMATION ([MS-FSCC] 2.4.16.1): chain, entries 4-byte aligned; which attributes to
    return."""

    ALIGNMENT = 4
    LAYOUT = struct.Struct("<IB")
    TAILS = (("ea_name_length", "ea_name"),)
    WIRE_ORDER = ("next_entry_offset", "ea_name_length")

    ea_name: bytes = b""
    ea_name_length: int = AUTO
    terminator: bytes = _TERMINATOR

    def encode(self) -> bytes:
        """Encode one entry without the padding that a following one needs."""
        trailing, self.trailing = self.trailing, b""
        encoded = ChainEntry.encode(self)
        self.trailing = trailing
        return encoded + self.terminator + trailing

    @classmethod
    def decode_prefix(cls, data: memoryview, findings: Findings) -> tuple[Self, int]:
        """Decode one entry and return how many bytes that took."""
        entry, end = super(FileGetEaInformation, cls).decode_prefix(data, findings)
        entry.terminator = bytes(data[end : end + len(_TERMINATOR)])
        if entry.terminator != _TERMINATOR:
            findings.append(Finding(end, "EaName", "no zero byte after it"))
        return entry, end + len(entry.terminator)
