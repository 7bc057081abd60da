"""Changing one thing of a request: the tamper points that the cases of this folder use."""

from __future__ import annotations

import struct
from typing import Final

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.message import Message

CONTEXT_OFFSET_AT: Final = HEADER_SIZE + 28
"""Where a NEGOTIATE request has its NegotiateContextOffset ([MS-SMB2] 2.2.3)."""

_OFFSET: Final = struct.Struct("<I")


def header(**fields: object) -> Tamper:
    """Set fields of the header, by their names in `wire.header.Header`."""

    def change(found: Header) -> None:
        for name, value in fields.items():
            setattr(found, name, value)

    return Tamper(header=change)


def body(**fields: object) -> Tamper:
    """Set fields of the body, by their names in its class."""

    def change(message: Message) -> None:
        for name, value in fields.items():
            setattr(message.body, name, value)

    return Tamper(message=change)


def cut(length: int) -> Tamper:
    """End the message, header included, after so many bytes."""

    def change(message: bytearray) -> None:
        del message[length:]

    return Tamper(signed=change)


def lengthen(count: int) -> Tamper:
    """Append so many zero bytes to the message, before it is signed."""

    def change(message: bytearray) -> None:
        message.extend(bytes(count))

    return Tamper(unsigned=change)


def move_contexts(count: int) -> Tamper:
    """Put so many zero bytes in front of the list of negotiate contexts, and say so in
    NegotiateContextOffset.
    """

    def change(message: bytearray) -> None:
        (offset,) = _OFFSET.unpack_from(message, CONTEXT_OFFSET_AT)
        message[offset:offset] = bytes(count)
        _OFFSET.pack_into(message, CONTEXT_OFFSET_AT, offset + count)

    return Tamper(unsigned=change)


def close_gap_before_second_context(first_data_length: int) -> Tamper:
    """Take away the padding between the first negotiate context, whose data has that length, and the second
    one.
    """

    def change(message: bytearray) -> None:
        (offset,) = _OFFSET.unpack_from(message, CONTEXT_OFFSET_AT)
        end = offset + _CONTEXT_HEADER_SIZE + first_data_length
        del message[end : end + -end % _CONTEXT_ALIGNMENT]

    return Tamper(unsigned=change)


_CONTEXT_HEADER_SIZE: Final = 8
_CONTEXT_ALIGNMENT: Final = 8
