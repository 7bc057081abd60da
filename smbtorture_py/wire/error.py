"""SMB2 ERROR response and the envelope of its contexts ([MS-SMB2] 2.2.2)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    Body,
    Buffer,
    Finding,
    Findings,
    align,
    auto,
    check_zero,
    cut,
    members,
)


class ErrorId(IntEnum):
    """Kinds of error contexts, SMB2_ERROR_ID_* ([MS-SMB2] 2.2.2.1)."""

    DEFAULT = 0x00000000
    SHARE_REDIRECT = 0x72645253


_ERROR_IDS: Final = members(ErrorId)
_CONTEXT: Final = struct.Struct("<II")
_CONTEXT_BOUNDARY: Final = 8


@dataclass(slots=True, kw_only=True)
class ErrorContext:
    """One SMB2 ERROR context of dialect 3.1.1 ([MS-SMB2] 2.2.2.1): an id and its data."""

    error_id: int = ErrorId.DEFAULT
    error_data_length: int = AUTO
    error_context_data: Buffer = b""


@dataclass(slots=True, kw_only=True)
class ErrorResponse(Body):
    """ERROR response ([MS-SMB2] 2.2.2); an interim response has the same shape.

    Where there are `error_contexts`, ErrorData is made of them, and `error_data` is not used.
    """

    STRUCTURE_SIZE: ClassVar[int] = 9
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBI")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (1,)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    error_context_count: int = AUTO
    reserved: int = 0
    byte_count: int = AUTO
    error_data: Buffer = b""
    error_contexts: list[ErrorContext] = field(default_factory=list)

    def _variable(self) -> tuple[Buffer, ...]:
        return (_encode_contexts(self.error_contexts) if self.error_contexts else self.error_data,)

    def _fixed(self, variable: Sequence[Buffer], _positions: Sequence[int]) -> bytes:
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            auto(self.error_context_count, len(self.error_contexts)),
            self.reserved,
            auto(self.byte_count, len(variable[0])),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        structure_size, context_count, reserved, byte_count = values
        check_zero(reserved, HEADER_SIZE + 3, "Reserved", findings)
        start = HEADER_SIZE + cls.FIXED.size
        error_data = cut(data, start, byte_count, "ErrorData", findings)
        contexts = _decode_contexts(error_data, context_count, start, findings)
        return cls(
            structure_size=structure_size,
            error_context_count=context_count,
            reserved=reserved,
            byte_count=byte_count,
            error_data=b"" if contexts else error_data,
            error_contexts=contexts,
        )._settle(
            data, (start, len(error_data)), exact=not contexts or _encode_contexts(contexts) == error_data
        )


def _encode_contexts(contexts: Sequence[ErrorContext]) -> bytes:
    out = bytearray()
    for context in contexts:
        out += bytes(align(len(out), _CONTEXT_BOUNDARY) - len(out))
        size = auto(context.error_data_length, len(context.error_context_data))
        out += _CONTEXT.pack(size, context.error_id)
        out += context.error_context_data
    return bytes(out)


def _decode_contexts(data: memoryview, count: int, base: int, findings: Findings) -> list[ErrorContext]:
    contexts: list[ErrorContext] = []
    position = 0
    while len(contexts) < count:
        position = align(position, _CONTEXT_BOUNDARY)
        if len(data) - position < _CONTEXT.size:
            problem = f"{count}, but {len(contexts)} are there"
            findings.append(Finding(base - _CONTEXT.size + 2, "ErrorContextCount", problem))
            break
        size, error_id = _CONTEXT.unpack_from(data, position)
        end = position + _CONTEXT.size + size
        if end > len(data):
            problem = f"{size} bytes do not fit {len(data) - position - _CONTEXT.size}"
            findings.append(Finding(base + position, "ErrorDataLength", problem))
        contexts.append(
            ErrorContext(
                error_id=_ERROR_IDS.get(error_id, error_id),
                error_data_length=size,
                error_context_data=data[position + _CONTEXT.size : end],
            )
        )
        position = min(end, len(data))
    return contexts
