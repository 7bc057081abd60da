"""Create contexts: the envelope, the chain, and every typed payload ([MS-SMB2] 2.2.13.2 and 2.2.14.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smbtorture_py.wire.chain import join_chain, split_chain
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, align, auto

_HEADER: Final = struct.Struct("<IHHHHI")
_ALIGNMENT: Final = 8


@dataclass(slots=True)
class CreateContext:
    """One SMB2_CREATE_CONTEXT ([MS-SMB2] 2.2.13.2): a name, its data, and the fields that locate them.

    Offsets count in bytes from the first byte of the context. `image` holds the whole context as it was
    found where encoding would lay it out otherwise (odd padding, order or overlap); name and data are
    written over it. Empty it to lay out anew.
    """

    name: bytes
    data: Buffer = b""
    next: int = AUTO
    name_offset: int = AUTO
    name_length: int = AUTO
    reserved: int = 0
    data_offset: int = AUTO
    data_length: int = AUTO
    image: bytes = b""

    def encode(self) -> bytes:
        """Encode without the padding a following context needs; Next AUTO becomes 0 until `encode_list`."""
        if self.image and len(self.image) < _HEADER.size:
            return self.image
        name_at = _HEADER.size
        data_at = align(name_at + len(self.name), _ALIGNMENT) if self.data else 0
        header = _HEADER.pack(
            auto(self.next, 0), auto(self.name_offset, name_at), auto(self.name_length, len(self.name)),
            self.reserved, auto(self.data_offset, data_at), auto(self.data_length, len(self.data)),
        )  # fmt: skip
        if self.image:
            out = bytearray(self.image)
            _overlay(out, self.name, auto(self.name_offset, name_at))
            _overlay(out, self.data, auto(self.data_offset, data_at))
            out[: _HEADER.size] = header
            return bytes(out)
        out = bytearray(header + self.name)
        if self.data:
            out += bytes(data_at - len(out))
            out += self.data
        return bytes(out)

    @classmethod
    def decode(cls, entry: memoryview, base: int, findings: Findings, *, last: bool) -> CreateContext:
        """Decode one entry of the chain, which starts at `base` in the frame; name and data are clipped to
        the entry."""
        if len(entry) < _HEADER.size:
            return cls(b"", next=int.from_bytes(entry[:4], "little"), image=bytes(entry))
        following, name_offset, name_length, reserved, data_offset, data_length = _HEADER.unpack_from(entry)
        if name_offset < _HEADER.size or name_offset + name_length > len(entry):
            findings.append(
                Finding(
                    base + 4, "NameOffset", f"name {name_offset}+{name_length} outside {len(entry)} bytes"
                )
            )
        if data_length and (data_offset < _HEADER.size or data_offset + data_length > len(entry)):
            findings.append(
                Finding(
                    base + 10, "DataOffset", f"data {data_offset}+{data_length} outside {len(entry)} bytes"
                )
            )
        context = cls(
            bytes(entry[name_offset : name_offset + name_length]),
            bytes(entry[data_offset : data_offset + data_length]),
            following, name_offset, name_length, reserved, data_offset, data_length,
        )  # fmt: skip
        canonical = context.encode()
        if not last:
            canonical += bytes(align(len(canonical), _ALIGNMENT) - len(canonical))
        if canonical != entry:
            context.image = bytes(entry)
        return context


def _overlay(target: bytearray, piece: Buffer, position: int) -> None:
    if position + len(piece) <= len(target):
        target[position : position + len(piece)] = piece


def encode_list(contexts: Sequence[CreateContext]) -> bytes:
    """Encode the chain of create contexts: each starts 8-byte aligned, the last is not padded."""
    return join_chain([(context.encode(), context.next) for context in contexts], _ALIGNMENT)


def decode_list(data: memoryview, base: int, findings: Findings) -> list[CreateContext]:
    """Decode the chain in `data`, whose first byte is at offset `base` of the frame; never raises."""
    contexts = []
    position = 0
    for entry in split_chain(data, base, _HEADER.size, _ALIGNMENT, "CreateContext.Next", findings):
        end = position + len(entry)
        contexts.append(CreateContext.decode(entry, base + position, findings, last=end == len(data)))
        position = end
    return contexts
