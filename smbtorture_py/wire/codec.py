"""What every message shares: the AUTO mark, findings, and the base of all message bodies.

A field left `AUTO` is computed when the message is encoded; a field that is set goes out as it is, however wrong.
Decoding never raises and never allocates by a length it has not checked: what is odd becomes a `Finding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Anything that holds bytes; bulk data stays a view into the buffer it arrived in."""

HEADER_SIZE: Final = 64
"""Bytes of an SMB2 packet header ([MS-SMB2] 2.2.1); offsets inside a body count from the header's first byte."""


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
    """One thing in received bytes that does not conform: where (byte offset in the frame), which field, what."""

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


@dataclass(slots=True, kw_only=True)
class Body:
    """Base of every message body: what follows the 64-byte header.

    Subclasses are slots dataclasses whose fields carry the names of [MS-SMB2] section 2.2 in snake_case, in wire
    order, StructureSize, offsets, lengths and counts included (default AUTO). After decoding they hold the values
    that were on the wire.
    """

    STRUCTURE_SIZE: ClassVar[int] = 0

    padding: tuple[bytes, ...] = ()
    """The bytes found before each variable part, where they differ from what encoding would put there."""

    def parts(self) -> Sequence[Buffer]:
        """Encode into buffers that follow each other on the wire; bulk data is passed on, never copied."""
        raise NotImplementedError

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self:
        """Decode a message that starts with its header at `data[0]` and ends with `data`; never raises."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Encode into one bytes object."""
        return b"".join(self.parts())
