"""Lists whose entries start with the offset of the next one, and structures of fixed size: what payloads
share.

Most lists of [MS-SMB2] and [MS-FSCC] are chains: the first four bytes of an entry (Next, NextEntryOffset)
count from the start of that entry to the start of the following one; zero ends the list.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self, TypeAlias, TypeVar

from smbtorture_py.wire.codec import (
    AUTO,
    Buffer,
    FileId,
    Finding,
    Findings,
    align,
    auto,
    decode_text,
    encode_text,
    fixed_part,
)

Enums: TypeAlias = Mapping[str, type[IntEnum] | type[IntFlag]]
"""Which enumeration the values of a field belong to, by the field's name."""

_NEXT: Final = struct.Struct("<I")
_FILE_ID: Final = struct.Struct("<QQ")


def split_chain(
    data: memoryview, base: int, minimum: int, alignment: int, name: str, findings: Findings
) -> list[memoryview]:
    """Cut a chain into its entries, each reaching up to the next one; the last reaches the end of `data`.

    `minimum` is the size of an entry's fixed part in bytes, `base` the offset of `data` in the frame for
    findings. An offset that goes back, overlaps the fixed part or leaves the data ends the list with a
    finding, so the loop is bounded.
    """
    entries: list[memoryview] = []
    position, end = 0, len(data)
    while position < end:
        left = end - position
        if left < minimum:
            findings.append(Finding(base + position, name, f"{left} bytes left, an entry has {minimum}"))
            entries.append(data[position:])
            break
        (following,) = _NEXT.unpack_from(data, position)
        if not following:
            entries.append(data[position:])
            break
        if following < minimum or following >= left:
            findings.append(Finding(base + position, name, f"next entry at {following} of {left} bytes"))
            entries.append(data[position:])
            break
        if following % alignment:
            findings.append(
                Finding(base + position, name, f"next entry at {following}, not {alignment}-byte aligned")
            )
        entries.append(data[position : position + following])
        position += following
    return entries


def join_chain(entries: Sequence[tuple[bytes, int]], alignment: int) -> bytes:
    """Put encoded entries one after the other, each paired with its Next field.

    Next AUTO becomes the distance to the following entry, which starts aligned; a Next that is set goes out
    as it is, and the following entry starts there where that is less than `alignment` bytes past the entry's
    end.
    """
    out = bytearray()
    last = len(entries) - 1
    for index, (entry, following) in enumerate(entries):
        if index == last:
            size = len(entry)
        elif following is not AUTO and len(entry) <= following < len(entry) + alignment:
            size = following
        else:
            size = align(len(entry), alignment)
        position = len(out)
        out += entry
        out += bytes(size - len(entry))
        if len(entry) >= _NEXT.size:
            _NEXT.pack_into(out, position, auto(following, 0 if index == last else size))
    return bytes(out)


def known(enumeration: type[IntEnum] | type[IntFlag], value: int) -> int:
    """Return the member of `enumeration` with this value, or the plain number where there is none."""
    try:
        return enumeration(value)
    except ValueError:
        return value


@dataclass(slots=True, kw_only=True)
class Structure:
    """Base of a payload: a fixed part, then the variable fields that its length fields announce, then
    nothing more.

    The fields of the fixed part are the values of `LAYOUT` in wire order. `ENUMS` names those that are
    enumerations, `FILE_IDS` those that are FileIds (`16s` in the layout). `TAILS` pairs a length field
    (bytes; AUTO: computed) with the variable field it measures, in wire order; a tail named in `TEXT` is
    Unicode, any other bytes. What follows is kept in `trailing`, and `cut` counts the bytes that were
    missing from the fixed part, so that decoding loses nothing.
    """

    LAYOUT: ClassVar[struct.Struct]
    ENUMS: ClassVar[Enums] = {}
    FILE_IDS: ClassVar[frozenset[str]] = frozenset()
    TAILS: ClassVar[tuple[tuple[str, str], ...]] = ()
    TEXT: ClassVar[frozenset[str]] = frozenset()
    WIRE_ORDER: ClassVar[tuple[str, ...]] = ()
    """The names of the fixed part's fields in wire order, where that is not the order they are declared
    in."""

    trailing: bytes = b""
    cut: int = 0

    def encode(self) -> bytes:
        """Encode the fields; raises struct.error where a value does not fit its field."""
        tails = b""
        lengths = {}
        for length_name, name in self.TAILS:
            value = getattr(self, name)
            tail = encode_text(value) if isinstance(value, str) else bytes(value)
            lengths[length_name] = len(tail)
            tails += tail
        values = []
        for name in self.fixed_fields():
            value = getattr(self, name)
            if value is AUTO:
                value = lengths.get(name, 0)
            elif isinstance(value, FileId):
                value = _FILE_ID.pack(*value)
            values.append(value)
        fixed = self.LAYOUT.pack(*values)
        return fixed[: len(fixed) - self.cut] + tails + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode from the first byte of `data`; missing bytes count as zero and are a finding, as are bytes
        too many."""
        decoded, end = cls.decode_prefix(memoryview(data), findings)
        if end < len(data):
            findings.append(Finding(end, cls.__name__, f"{len(data) - end} bytes follow its {end}"))
            decoded.trailing = bytes(data[end:])
        return decoded

    @classmethod
    def decode_prefix(cls, data: memoryview, findings: Findings) -> tuple[Self, int]:
        """Decode from the first byte of `data` and return how many bytes that took; what follows is the
        caller's."""
        size = cls.LAYOUT.size
        cut = max(0, size - len(data))
        values = cls.LAYOUT.unpack(fixed_part(cls.LAYOUT, data, cls.__name__, findings))
        decoded: dict[str, object] = {}
        for name, value in zip(cls.fixed_fields(), values, strict=True):
            if name in cls.FILE_IDS:
                decoded[name] = FileId(*_FILE_ID.unpack(value))
            else:
                decoded[name] = known(cls.ENUMS[name], value) if name in cls.ENUMS else value
        end = size - cut
        for length_name, name in cls.TAILS:
            length = decoded[length_name]
            assert isinstance(length, int)
            tail = data[end : end + length]
            if len(tail) < length:
                findings.append(Finding(end, name, f"{length} bytes announced, {len(tail)} are there"))
            decoded[name] = decode_text(tail, end, name, findings) if name in cls.TEXT else bytes(tail)
            end += len(tail)
        make: Callable[..., Self] = cls
        return make(**decoded, cut=cut), end

    @classmethod
    def fixed_fields(cls) -> tuple[str, ...]:
        """Return the names of the fixed part's fields in wire order."""
        if cls.WIRE_ORDER:
            return cls.WIRE_ORDER
        apart = {"trailing", "cut"} | {name for _, name in cls.TAILS}
        return tuple(field.name for field in fields(cls) if field.name not in apart)


@dataclass(slots=True, kw_only=True)
class ChainEntry(Structure):
    """Base of a structure that comes in chains: its first field is NextEntryOffset."""

    ALIGNMENT: ClassVar[int] = 8

    next_entry_offset: int = AUTO


EntryT = TypeVar("EntryT", bound=ChainEntry)


def encode_entries(entries: Sequence[EntryT]) -> bytes:
    """Encode a chain of structures."""
    if not entries:
        return b""
    return join_chain([(entry.encode(), entry.next_entry_offset) for entry in entries], entries[0].ALIGNMENT)


def decode_entries(kind: type[EntryT], data: Buffer, findings: Findings) -> list[EntryT]:
    """Decode a chain of `kind`; an entry cut off before its fixed part ends is left out, with a finding."""
    minimum = kind.LAYOUT.size
    entries: list[EntryT] = []
    view = memoryview(data)
    for region in split_chain(view, 0, minimum, kind.ALIGNMENT, f"{kind.__name__}.NextEntryOffset", findings):
        if len(region) < minimum:
            continue
        entry, end = kind.decode_prefix(region, findings)
        rest = bytes(region[end:])
        if any(rest) or len(rest) >= kind.ALIGNMENT or not entry.next_entry_offset:
            entry.trailing = rest
        entries.append(entry)
    return entries
