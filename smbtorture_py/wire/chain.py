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
from typing import ClassVar, Final, Self, TypeAlias

from smbtorture_py.wire.codec import AUTO, Buffer, FileId, Finding, Findings, align, auto

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
    position = 0
    while position < len(data):
        rest = data[position:]
        if len(rest) < minimum:
            findings.append(Finding(base + position, name, f"{len(rest)} bytes left, an entry has {minimum}"))
            entries.append(rest)
            break
        (following,) = _NEXT.unpack_from(rest)
        if not following:
            entries.append(rest)
            break
        if following < minimum or following >= len(rest):
            findings.append(Finding(base + position, name, f"next entry at {following} of {len(rest)} bytes"))
            entries.append(rest)
            break
        if following % alignment:
            findings.append(
                Finding(base + position, name, f"next entry at {following}, not {alignment}-byte aligned")
            )
        entries.append(rest[:following])
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
    """Base of a payload of fixed size: its fields, in wire order, are the values of `LAYOUT`.

    `ENUMS` names the fields that are enumerations, `FILE_IDS` those that are FileIds (`16s` in the layout).
    What follows the structure is kept in `trailing`, and `cut` counts the bytes that were missing at its
    end, so that what was decoded is encoded to the same bytes.
    """

    LAYOUT: ClassVar[struct.Struct]
    ENUMS: ClassVar[Enums] = {}
    FILE_IDS: ClassVar[frozenset[str]] = frozenset()
    WIRE_ORDER: ClassVar[tuple[str, ...]] = ()
    """The names of the fields in wire order, where that is not the order they are declared in."""

    trailing: bytes = b""
    cut: int = 0

    def encode(self) -> bytes:
        """Encode the fields; raises struct.error where a value does not fit its field."""
        values = (getattr(self, name) for name in _wire_fields(type(self)))
        encoded = self.LAYOUT.pack(
            *(_FILE_ID.pack(*value) if isinstance(value, FileId) else value for value in values)
        )
        return encoded[: len(encoded) - self.cut] + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode from the first byte of `data`; missing bytes count as zero and are a finding, as are bytes
        too many."""
        size = cls.LAYOUT.size
        cut = max(0, size - len(data))
        if cut:
            findings.append(Finding(0, cls.__name__, f"{len(data)} bytes, not {size}"))
        elif len(data) > size:
            findings.append(Finding(size, cls.__name__, f"{len(data) - size} bytes follow its {size}"))
        return cls.decode_prefix(data, bytes(data[size:]), cut)

    @classmethod
    def decode_prefix(cls, data: Buffer, trailing: bytes = b"", cut: int = 0) -> Self:
        """Decode the fixed part alone; bytes that follow belong to the caller."""
        size = cls.LAYOUT.size
        values = cls.LAYOUT.unpack(bytes(data[:size]).ljust(size, b"\0"))
        names = _wire_fields(cls)
        decoded = {
            name: FileId(*_FILE_ID.unpack(value))
            if name in cls.FILE_IDS
            else known(cls.ENUMS[name], value)
            if name in cls.ENUMS
            else value
            for name, value in zip(names, values, strict=True)
        }
        make: Callable[..., Self] = cls
        return make(**decoded, trailing=trailing, cut=cut)


def _wire_fields(structure: type[Structure]) -> tuple[str, ...]:
    if structure.WIRE_ORDER:
        return structure.WIRE_ORDER
    return tuple(field.name for field in fields(structure) if field.name not in ("trailing", "cut"))
