"""Captures: every frame of a world's links as on the wire, the plain messages inside, what befell a link, and
notes.

A frame is what Direct TCP delimits ([MS-SMB2] 2.1): four bytes of length and as many of payload. Records are
in the order in which things happened, each with a number unique in its world, so channels share one time
line.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol, TypeAlias

from smbtorture_py.net.core import Address
from smbtorture_py.wire.codec import Buffer


class Flow(Enum):
    """Which way a frame went, seen from the client's side of the link."""

    SENT = "sent"
    RECEIVED = "received"


class EventKind(Enum):
    """What can befall a link besides frames."""

    CONNECTED = "connected"
    REFUSED = "refused"
    CLOSED = "closed"
    FAULT = "fault"
    STUCK = "stuck"


@dataclass(slots=True, frozen=True)
class CapturedFrame:
    """One frame with its four length bytes as it was on the wire; a piece of one where `complete` is False.

    Frames SENT are as they left us, whatever a tamper point or a fault did to them; one write of the core is
    one record, and those written into a blackhole are recorded too. Frames RECEIVED are recorded when the
    core gets them.
    """

    number: int
    at: float
    flow: Flow
    channel: str
    local: Address
    remote: Address
    data: bytes
    complete: bool = True


@dataclass(slots=True, frozen=True)
class CapturedPlain:
    """A message before encryption, or after decryption; `frame` is the number of what carried it."""

    number: int
    at: float
    flow: Flow
    channel: str
    frame: int
    data: bytes


@dataclass(slots=True, frozen=True)
class CapturedEvent:
    """Something that befell a link: connected, closed, a fault applied or lifted, data stuck."""

    number: int
    at: float
    channel: str
    local: Address
    remote: Address
    kind: EventKind
    detail: str


@dataclass(slots=True, frozen=True)
class CapturedNote:
    """What somebody who looked at the traffic has to say at this point, such as the result of a check.

    It is about the message with `message_id` that was received on `channel`, and there about `field` (a name
    as in the wire layer, `status`, or `header.` and a name); a `message_id` of None: about no message in
    particular.
    """

    number: int
    at: float
    text: str
    is_complaint: bool
    channel: str = ""
    message_id: int | None = None
    field: str = ""


CaptureRecord: TypeAlias = CapturedFrame | CapturedPlain | CapturedEvent | CapturedNote


class Tap(Protocol):
    """Whoever wants to see a world's frames."""

    def record(self, record: CaptureRecord) -> None:
        """Take one record; it is immutable and may be kept."""


class Taps:
    """The taps of one world; hands out the numbers of records."""

    __slots__ = ("_next", "_taps")

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._next = 1

    def __bool__(self) -> bool:
        return bool(self._taps)

    def attach(self, tap: Tap) -> None:
        """Show `tap` everything from now on."""
        self._taps.append(tap)

    def detach(self, tap: Tap) -> None:
        """Show `tap` nothing more. Raises ValueError when it is not attached."""
        self._taps.remove(tap)

    def number(self) -> int:
        """Return the number for the next record."""
        number = self._next
        self._next += 1
        return number

    def note(
        self,
        at: float,
        text: str,
        *,
        is_complaint: bool,
        channel: str = "",
        message_id: int | None = None,
        field: str = "",
    ) -> None:
        """Record a note, where anybody listens."""
        if self._taps:
            self.record(CapturedNote(self.number(), at, text, is_complaint, channel, message_id, field))

    def record(self, record: CaptureRecord) -> None:
        """Hand a record to every tap."""
        for tap in self._taps:
            tap.record(record)


class Capture:
    """A tap that keeps records in memory; with `limit` bytes it forgets the oldest first and counts them."""

    __slots__ = ("_records", "dropped", "limit", "size")

    def __init__(self, limit: int | None = None) -> None:
        self._records: deque[CaptureRecord] = deque()
        self.limit = limit
        self.size = 0
        """Bytes held: the data of the records and a fixed overhead for each."""
        self.dropped = 0
        """Records that were forgotten because of the limit."""

    @property
    def records(self) -> list[CaptureRecord]:
        """What is held, oldest first."""
        return list(self._records)

    @property
    def frames(self) -> list[CapturedFrame]:
        """The frames that are held, oldest first."""
        return [record for record in self._records if isinstance(record, CapturedFrame)]

    def record(self, record: CaptureRecord) -> None:
        """Keep a record."""
        self._records.append(record)
        self.size += _weight(record)
        while self.limit is not None and self.size > self.limit and self._records:
            self.size -= _weight(self._records.popleft())
            self.dropped += 1

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()
        self.size = 0
        self.dropped = 0


_OVERHEAD: Final = 256
"""Bytes a record counts besides its data, so that empty ones cannot pile up without limit."""


def _weight(record: CaptureRecord) -> int:
    if isinstance(record, CapturedEvent | CapturedNote):
        return _OVERHEAD
    return _OVERHEAD + len(record.data)


LENGTH_BYTES: Final = 4
"""Bytes before each frame: a zero byte and the payload's length ([MS-SMB2] 2.1)."""

_LENGTH_MASK: Final = 0xFFFFFF


def is_whole_frame(data: Buffer) -> bool:
    """Tell whether `data` is exactly one frame by its own length bytes."""
    return len(data) >= LENGTH_BYTES and len(data) - LENGTH_BYTES == _payload_length(data[:LENGTH_BYTES])


def _payload_length(head: Buffer) -> int:
    return int.from_bytes(head, "big") & _LENGTH_MASK


class FrameCutter:
    """Finds the ends of frames in a byte stream without judging it.

    It never raises and believes the length bytes, since at most 16 MiB can follow and nothing is allocated
    for them before they have arrived. While `keep` is set when a frame begins, that frame's bytes are kept
    for `take`.
    """

    __slots__ = ("_head", "_kept", "_remaining", "keep")

    def __init__(self) -> None:
        self.keep = False
        self._head = b""
        self._remaining = 0
        self._kept: bytearray | None = None

    @property
    def inside(self) -> bool:
        """Whether the stream stands inside a frame, not between two."""
        return bool(self._head)

    def advance(self, data: memoryview) -> int:
        """Go to the end of the current frame or of `data`, whichever comes first; return the bytes used.

        When `inside` is False afterwards a frame has been completed, and `take` returns it if it was kept.
        """
        used = 0
        if not self._head:
            self._kept = bytearray() if self.keep else None
        if len(self._head) < LENGTH_BYTES:
            used = min(LENGTH_BYTES - len(self._head), len(data))
            self._head += bytes(data[:used])
            self._remaining = _payload_length(self._head) if len(self._head) == LENGTH_BYTES else 1
        if len(self._head) == LENGTH_BYTES:
            step = min(self._remaining, len(data) - used)
            self._remaining -= step
            used += step
        if self._kept is not None:
            self._kept += data[:used]
        if not self._remaining:
            self._head = b""
        return used

    def take(self) -> bytes | None:
        """Return the bytes kept of the current or last frame, once, or None."""
        kept, self._kept = self._kept, None
        return None if kept is None else bytes(kept)
