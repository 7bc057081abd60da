"""Captures without what a password could be guessed from: the authentication exchanges are blanked."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from smbtorture_py.net.taps import LENGTH_BYTES, CapturedFrame, CapturedPlain, CaptureRecord, Flow
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.header import Command, Header, headers_of

_BUFFER = struct.Struct("<HH")
_BUFFER_PLACE: Final = {Flow.SENT: HEADER_SIZE + 12, Flow.RECEIVED: HEADER_SIZE + 4}
"""Where SecurityBufferOffset and SecurityBufferLength of a SESSION_SETUP are ([MS-SMB2] 2.2.5, 2.2.6)."""


def redacted(records: Sequence[CaptureRecord]) -> Iterator[CaptureRecord]:
    """Yield the records with every security buffer of a SESSION_SETUP zeroed, sizes kept.

    An encrypted frame with a SESSION_SETUP inside is zeroed whole, because the keys that lie beside a capture
    open it; so is a frame of which only a piece was seen.
    """
    sealed = set(_frames_with_logon(records))
    for record in records:
        if isinstance(record, CapturedPlain):
            yield replace(record, data=_blanked(record.data, record.flow))
        elif isinstance(record, CapturedFrame):
            head, data = record.data[:LENGTH_BYTES], record.data[LENGTH_BYTES:]
            if record.number in sealed or not record.complete:
                yield replace(record, data=head + bytes(len(data)))
            else:
                yield replace(record, data=head + _blanked(data, record.flow))
        else:
            yield record


def _frames_with_logon(records: Iterable[CaptureRecord]) -> Iterator[int]:
    for record in records:
        if isinstance(record, CapturedPlain) and any(_session_setups(record.data)):
            yield record.frame


def _session_setups(data: bytes) -> Iterator[tuple[int, Header]]:
    """Yield offset and header of each SESSION_SETUP of a chain."""
    for offset, header in headers_of(data):
        if header.command == Command.SESSION_SETUP:
            yield offset, header


def _blanked(data: bytes, flow: Flow) -> bytes:
    """Return a plain chain with the security buffers of its SESSION_SETUPs zeroed; one that does not say
    where its buffer is loses everything behind its header.
    """
    blanked = bytearray(data)
    for start, header in _session_setups(data):
        end = start + header.next_command if header.next_command else len(data)
        first, last = start + HEADER_SIZE, end
        place = start + _BUFFER_PLACE[flow]
        if place + _BUFFER.size <= end:
            offset, length = _BUFFER.unpack_from(data, place)
            if place + _BUFFER.size <= start + offset and start + offset + length <= end:
                first, last = start + offset, start + offset + length
        blanked[first:last] = bytes(last - first)
    return bytes(blanked)
