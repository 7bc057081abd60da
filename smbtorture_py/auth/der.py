"""The little of DER that SPNEGO needs: tags, lengths, and a reader that trusts nothing ([X.690] 8, 10)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from smbtorture_py.auth.ntlm_messages import TokenError


class Tag(IntEnum):
    """Identifier octets in use; context tags are CONTEXT + number."""

    OCTET_STRING = 0x04
    OID = 0x06
    ENUMERATED = 0x0A
    GENERAL_STRING = 0x1B
    BIT_STRING = 0x03
    SEQUENCE = 0x30
    APPLICATION_0 = 0x60
    CONTEXT = 0xA0


_LONG_FORM: Final = 0x80
_MAX_LENGTH_OCTETS: Final = 4
_IDENTIFIER_AND_LENGTH: Final = 2
_HIGH_TAG: Final = 0x1F


def encode(tag: int, *contents: bytes) -> bytes:
    """Encode one element whose contents are the concatenation of `contents`."""
    body = b"".join(contents)
    if len(body) < _LONG_FORM:
        return bytes((tag, len(body))) + body
    octets = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(octets))) + octets + body


def context(number: int, *contents: bytes) -> bytes:
    """Encode an explicitly tagged element [number]."""
    return encode(Tag.CONTEXT + number, *contents)


@dataclass(slots=True)
class Reader:
    """Reads elements one after the other from `data[position:end]`; TokenError where they do not fit."""

    data: bytes
    position: int
    end: int

    @classmethod
    def over(cls, data: bytes) -> Reader:
        """Read all of `data`."""
        return cls(data, 0, len(data))

    @property
    def at_end(self) -> bool:
        """Tell whether everything was read."""
        return self.position >= self.end

    def peek(self) -> int:
        """Return the next identifier octet without reading it, -1 at the end."""
        return -1 if self.at_end else self.data[self.position]

    def enter(self, tag: int) -> Reader:
        """Read the header of the next element, which must have `tag`; return a reader over its contents."""
        start = self.position + _IDENTIFIER_AND_LENGTH
        if start > self.end:
            raise TokenError(f"DER ends at {self.position}")
        found, length = self.data[self.position], self.data[self.position + 1]
        if found != tag or found & _HIGH_TAG == _HIGH_TAG:
            raise TokenError(f"DER tag {found:#04x} at {self.position}, expected {tag:#04x}")
        if length & _LONG_FORM:
            octets = length & ~_LONG_FORM
            if not 1 <= octets <= _MAX_LENGTH_OCTETS or start + octets > self.end:
                raise TokenError(f"DER length of {octets} octets at {self.position}")
            length = int.from_bytes(self.data[start : start + octets], "big")
            start += octets
        if length > self.end - start:
            raise TokenError(f"DER element of {length} bytes at {self.position}, {self.end - start} are left")
        self.position = start + length
        return Reader(self.data, start, self.position)

    def contents(self, tag: int) -> bytes:
        """Read the next element, which must have `tag`, and return its contents."""
        inner = self.enter(tag)
        return inner.data[inner.position : inner.end]

    def rest(self) -> bytes:
        """Return the bytes not read yet."""
        return self.data[self.position : self.end]
