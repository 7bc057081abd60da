"""Which notes of a capture are about which message."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from smbtorture_py.net.taps import (
    LENGTH_BYTES,
    CapturedFrame,
    CapturedNote,
    CapturedPlain,
    CaptureRecord,
    Flow,
)
from smbtorture_py.wire.header import Header, HeaderFlags, headers_of
from smbtorture_py.wire.status import Status


@dataclass(slots=True)
class Notes:
    """The notes of a capture, by channel and MessageId of the message they are about."""

    _by_message: dict[tuple[str, int], list[CapturedNote]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, records: Iterable[CaptureRecord]) -> Notes:
        """Gather the notes of a capture."""
        notes = cls()
        for record in records:
            if isinstance(record, CapturedNote) and record.message_id is not None:
                notes._by_message[record.channel, record.message_id].append(record)
        return notes

    def about(self, record: CapturedFrame | CapturedPlain, header: Header) -> Sequence[CapturedNote]:
        """Return the notes about a received message; an interim response has none of its own."""
        is_interim = bool(header.flags & HeaderFlags.ASYNC_COMMAND) and header.status == Status.PENDING
        if record.flow is not Flow.RECEIVED or is_interim:
            return ()
        return self._by_message.get((record.channel, header.message_id), ())


def by_frame(records: Sequence[CaptureRecord]) -> dict[int, list[CapturedNote]]:
    """Return frame number -> notes: about a message in it (in an encrypted one too), or, of those about no
    message, made after it.
    """
    notes = Notes.of(records)
    found: dict[int, list[CapturedNote]] = defaultdict(list)
    last: int | None = None
    for record in records:
        if isinstance(record, CapturedNote):
            if record.message_id is None and last is not None:
                found[last].append(record)
        elif isinstance(record, CapturedPlain):
            found[record.frame] += _in(notes, record, record.data)
        elif isinstance(record, CapturedFrame):
            last = record.number
            found[record.number] += _in(notes, record, record.data[LENGTH_BYTES:])
    return found


def _in(notes: Notes, record: CapturedFrame | CapturedPlain, data: bytes) -> list[CapturedNote]:
    """Return the notes about the messages of a frame."""
    return [note for _, header in headers_of(data) for note in notes.about(record, header)]
