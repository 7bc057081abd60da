"""What every message shares: the AUTO mark, findings, and the base of all message bodies.

A field left `AUTO` is computed when the message is encoded; a field that is set goes out as it is, however
wrong. Decoding never raises and never allocates by a length it has not checked: what is odd becomes a
`Finding`.
"""

from __future__ import annotations

import struct
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeAlias, TypeVar

F = TypeVar("F", bound=IntFlag)

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Anything that holds bytes; bulk data stays a view into the buffer it arrived in."""

HEADER_SIZE: Final = 64
"""Bytes of an SMB2 packet header ([MS-SMB2] 2.2.1); offsets inside a body count from the header's first
byte."""


class _Auto(int):
    """The type of `AUTO`: an int, so that fields keep the plain type of what is on the wire."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "AUTO"


AUTO: Final[int] = _Auto(-1)
"""Stands in an integer field for «compute this when encoding»; compare with `is`."""


class FramingError(ValueError):
    """The byte stream can no longer be cut into messages; the only error that decoding raises."""


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing in received bytes that does not conform: where (byte offset in the frame), which field,
    what."""

    offset: int
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field} at {self.offset}: {self.problem}"


Findings: TypeAlias = list[Finding]


def auto(value: int, computed: int) -> int:
    """Return `computed` where a field was left AUTO, else the value that was set."""
    return computed if value is AUTO else value


def align(position: int, boundary: int) -> int:
    """Return the next multiple of `boundary` at or after `position`."""
    return -(-position // boundary) * boundary


@dataclass(slots=True, frozen=True)
class Layout:
    """Where a decoded body's variable parts lay, kept where encoding would put other bytes than were
    received."""

    image: Buffer
    """Everything between the fixed part and the trailing bytes, as received."""
    positions: tuple[int, ...]
    """Offset of each variable part from the header's first byte."""
    found: tuple[Buffer, ...]
    """What the variable parts encode to; the image stands for them as long as they are unchanged."""


@dataclass(slots=True, kw_only=True)
class Body:
    """Base of every message body: what follows the 64-byte header.

    Subclasses are slots dataclasses whose fields carry the names of [MS-SMB2] section 2.2 in snake_case, in
    wire order, StructureSize, offsets, lengths and counts included (default AUTO). After decoding they hold
    the values that were on the wire, and a buffer that would reach beyond the message holds what is there
    of it, with a finding. A body is its fixed part (`FIXED`), then its variable parts, each at a multiple
    of its boundary, then `trailing`.

    The type checker sees to it that subclasses are complete. The metaclass ABCMeta would as well, but it
    makes `isinstance` ten times as slow, and bodies are told apart by it with every message.
    """

    STRUCTURE_SIZE: ClassVar[int] = 0
    FIXED: ClassVar[struct.Struct] = struct.Struct("<H")
    BOUNDARIES: ClassVar[tuple[int, ...]] = ()
    """Alignment of each variable part, counted from the header's first byte."""
    PAD_EMPTY: ClassVar[bool] = False
    """Whether one zero byte stands for variable parts that are all empty, as the odd StructureSize
    announces."""

    layout: Layout | None = field(default=None, repr=False, compare=False)
    trailing: Buffer | None = field(default=None, repr=False, compare=False)
    """The bytes after the last variable part; None, the default, means those that encoding itself puts
    there."""

    def parts(self) -> list[Buffer]:
        """Encode into buffers that follow each other on the wire; bulk data is passed on, never copied."""
        variable = self._variable()
        layout = self.layout
        parts: list[Buffer] = []
        if layout is not None and layout.found == variable:
            parts += (self._fixed(variable, layout.positions), layout.image)
        else:
            start = position = HEADER_SIZE + self._fixed_size()
            positions = []
            for part, boundary in zip(variable, self.BOUNDARIES, strict=True):
                if len(part):
                    at = align(position, boundary)
                    if at > position:
                        parts.append(bytes(at - position))
                    parts.append(part)
                    position = at
                positions.append(position)
                position += len(part)
            parts.insert(0, self._fixed(variable, positions))
            if self.trailing is None and self.PAD_EMPTY and position == start:
                parts.append(b"\0")
        if self.trailing is not None and len(self.trailing):
            parts.append(self.trailing)
        return parts

    def encode(self) -> bytes:
        """Encode into one bytes object."""
        return b"".join(self.parts())

    @classmethod
    @abstractmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode a message that starts with its header at `data[0]` and ends with `data`; never raises.

        None, with a finding, where `data` is too short for the fixed part. Buffers are views into `data`.
        """

    def _variable(self) -> tuple[Buffer, ...]:
        """Encode the variable parts, one for each of `BOUNDARIES`."""
        return ()

    @abstractmethod
    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        """Encode the fixed part; the variable parts and where they go are known by now."""

    def _fixed_size(self) -> int:
        return self.FIXED.size

    @classmethod
    def _unpack(cls, data: memoryview, findings: Findings) -> tuple[Any, ...] | None:
        """Unpack the fixed part, and check its first field, StructureSize."""
        if len(data) < HEADER_SIZE + cls.FIXED.size:
            findings.append(Finding(
                len(data), cls.__name__, f"{len(data) - HEADER_SIZE} bytes, fewer than {cls.FIXED.size}",
            ))  # fmt: skip
            return None
        values = cls.FIXED.unpack_from(data, HEADER_SIZE)
        if values[0] != cls.STRUCTURE_SIZE:
            findings.append(Finding(HEADER_SIZE, "StructureSize", f"{values[0]}, not {cls.STRUCTURE_SIZE}"))
        return values

    def _settle(self, data: memoryview, *spans: tuple[int, int], exact: bool = True) -> Self:
        """End decoding: keep the trailing bytes, and the layout where encoding would not give `data` again.

        `spans` are offset and length of each variable part as found; `exact` is false where a part's value
        alone does not tell its bytes.
        """
        start = end = HEADER_SIZE + self._fixed_size()
        for (offset, length), boundary in zip(spans, self.BOUNDARIES, strict=True):
            if length:
                if offset != end and (
                    offset < end or offset != align(end, boundary) or any(data[end:offset])
                ):
                    exact = False
                end = max(end, offset + length)
        self.trailing = data[end:] if end < len(data) else b""
        if not exact:
            variable = self._variable()
            self.layout = Layout(data[start:end], tuple(offset for offset, _ in spans), variable)
        return self


def cut(data: memoryview, offset: int, length: int, name: str, findings: Findings) -> memoryview:
    """Return the `length` bytes at `offset` of a message, or what is there of them, with a finding."""
    if not length:
        return data[:0]
    end = offset + length
    if end > len(data):
        findings.append(
            Finding(min(offset, len(data)), name, f"{length} bytes at {offset} do not fit {len(data)}")
        )
    elif offset < HEADER_SIZE:
        findings.append(Finding(offset, name, f"begins at {offset}, inside the header"))
    return data[offset:end]


def fixed_part(layout: struct.Struct, data: Buffer, name: str, findings: Findings) -> bytes:
    """Return as many bytes from the start of `data` as `layout` takes; what is missing counts as zero, with a
    finding for the structure `name`.
    """
    if len(data) < layout.size:
        findings.append(Finding(0, name, f"{len(data)} bytes, its fixed part has {layout.size}"))
    return bytes(data[: layout.size]).ljust(layout.size, b"\0")


def check_zero(value: int, offset: int, name: str, findings: Findings) -> None:
    """Record a finding where a reserved field is not zero; receivers ignore it, senders must not do it."""
    if value:
        findings.append(Finding(offset, name, f"{value:#x} in a reserved field"))


def encode_text(text: str) -> bytes:
    """Encode Unicode text as on the wire: UTF-16LE, lone surrogates kept."""
    return text.encode("utf-16-le", "surrogatepass")


def decode_text(data: memoryview, offset: int, name: str, findings: Findings) -> str:
    """Decode UTF-16LE, lone surrogates kept; an odd last byte is left out, with a finding at `offset` + its
    place."""
    if len(data) & 1:
        findings.append(Finding(offset + len(data) - 1, name, f"{len(data)} bytes of UTF-16, an odd number"))
        data = data[:-1]
    return bytes(data).decode("utf-16-le", "surrogatepass")


class FlagCache(dict[int, F]):
    """Integer to member of one IntFlag, composites included; a lookup costs a tenth of calling the enum."""

    def __init__(self, flags: type[F]) -> None:
        super().__init__()
        self._flags = flags

    def __missing__(self, value: int) -> F:
        member = self[value] = self._flags(value)
        return member


def quick(flags: type[F]) -> type[F]:
    """Give an IntFlag operators that look up what they return: calling the type for it, as they otherwise do,
    costs four times as much, and every message goes through dozens of them.
    """
    cache = FlagCache(flags)

    def both(self: F, other: int) -> F:
        return cache[int.__and__(self, other)]

    def either(self: F, other: int) -> F:
        return cache[int.__or__(self, other)]

    def contains(self: F, other: F) -> bool:
        return int.__and__(self, other) == int(other)

    for name, operator in (
        ("__and__", both),
        ("__rand__", both),
        ("__or__", either),
        ("__ror__", either),
        ("__contains__", contains),
    ):
        setattr(flags, name, operator)
    return flags


def members(enumeration: type[IntEnum]) -> dict[int, int]:
    """Return a map from value to member; decoding uses `.get(value, value)`, so that unknown values stay
    integers."""
    return {member.value: member for member in enumeration}


class FileId(NamedTuple):
    """What names an open on the wire: two 64-bit numbers ([MS-SMB2] 2.2.14.1)."""

    persistent: int = 0
    volatile: int = 0


NO_FILE_ID: Final = FileId(0, 0)
FILE_ID_ANY: Final = FileId(0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""All ones: the open of the operation before in a compound, no open in IOCTL ([MS-SMB2] 3.3.5.2.7.2,
2.2.31)."""
