"""Direct TCP: how messages are cut out of a byte stream ([MS-SMB2] 2.1), and how a transport ends."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final

from smbtorture_py.wire.codec import Buffer, FramingError

FRAME_HEADER_SIZE: Final = 4
MAX_FRAME_LENGTH: Final = 0xFFFFFF
"""The most that the 3-byte StreamProtocolLength can say."""


class Closed(Enum):
    """How a transport connection ended, as seen by the core that used it."""

    FIN = "fin"
    """The peer sent everything and closed."""
    RESET = "reset"
    """The connection was torn down; data may be lost."""
    FRAMING = "framing"
    """The peer's byte stream could no longer be cut into messages."""
    LOCAL = "local"
    """We closed it."""


def encode_frame_header(length: int) -> bytes:
    """Return the 4 bytes in front of a message of `length` bytes; raises ValueError where it is above
    0xFFFFFF."""
    if not 0 <= length <= MAX_FRAME_LENGTH:
        raise ValueError(f"a frame of {length} bytes, more than {MAX_FRAME_LENGTH}")
    return length.to_bytes(FRAME_HEADER_SIZE, "big")


class FrameReader:
    """Cuts a byte stream into frames; memory never grows beyond one frame.

    It grows only with bytes that arrived, but for frames of at most `ahead` bytes: those get their whole
    buffer as soon as their length is known, and `room` lets a transport receive straight into it.
    """

    def __init__(self, max_length: int = MAX_FRAME_LENGTH, *, ahead: int = 0) -> None:
        self.max_length = max_length
        self.ahead = ahead
        self._buffer = bytearray()
        self._filled = 0

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame, its 4-byte header included, received so far."""
        return self._filled

    def room(self) -> memoryview | None:
        """Where the next bytes of the stream belong, up to the end of a frame; None where that is not known.

        What was received into it is given to `feed` as a view of its beginning.
        """
        return memoryview(self._buffer)[self._filled :] if len(self._buffer) > self._filled else None

    def feed(self, data: Buffer) -> Iterator[memoryview]:
        """Yield every message that `data` completes, in order, without the 4-byte header.

        Each byte is moved at most once, into the buffer of its frame; not at all where it was received into
        `room`, or where the whole frame lies in a bytes object. `data` is not needed any more once the last
        frame has been taken. Nothing happens until the result is iterated. Raises FramingError, after the
        messages before it, where a header does not start with zero or announces more than `max_length`
        bytes; the stream is lost then.
        """
        view = memoryview(data)
        position = 0
        if self._filled and view.obj is self._buffer:
            position = len(view)
            self._filled += position
            if self._filled == len(self._buffer):
                yield self._take()
            return
        is_immutable = isinstance(view.obj, bytes)
        while True:
            if self._filled:
                position += self._fill(view[position:], FRAME_HEADER_SIZE)
                if self._filled < FRAME_HEADER_SIZE:
                    return
                end = FRAME_HEADER_SIZE + self._length(self._buffer)
                self._prepare(end)
                position += self._fill(view[position:], end)
                if self._filled < end:
                    return
                yield self._take()
            start = position + FRAME_HEADER_SIZE
            if start > len(view):
                self._fill(view[position:], FRAME_HEADER_SIZE)
                return
            end = start + self._length(view[position:start])
            if end > len(view):
                self._prepare(end - position)
                self._fill(view[position:], end - position)
                return
            frame = view[start:end]
            position = end
            yield frame if is_immutable else memoryview(bytes(frame))

    def _prepare(self, size: int) -> None:
        """Give a frame of `size` bytes, header included, its whole buffer where that is wanted."""
        if len(self._buffer) < size <= self.ahead + FRAME_HEADER_SIZE:
            begun, self._buffer = self._buffer, bytearray(size)
            self._buffer[: len(begun)] = begun

    def _fill(self, view: memoryview, size: int) -> int:
        """Take what is missing to `size` bytes from `view`; return how many bytes those were."""
        taken = view[: max(0, size - self._filled)]
        count = len(taken)
        if len(self._buffer) > self._filled:
            memoryview(self._buffer)[self._filled : self._filled + count] = taken
        else:
            self._buffer += taken
        self._filled += count
        return count

    def _take(self) -> memoryview:
        """Hand over the frame that is complete."""
        complete, self._buffer, self._filled = self._buffer, bytearray(), 0
        return memoryview(complete)[FRAME_HEADER_SIZE:]

    def _length(self, header: Buffer) -> int:
        if header[0]:
            raise FramingError(f"a frame starts with {header[0]:#04x}, not with zero")
        length = int.from_bytes(header[1:FRAME_HEADER_SIZE], "big")
        if length > self.max_length:
            raise FramingError(
                f"a frame of {length} bytes, more than the {self.max_length} that are accepted"
            )
        return length
