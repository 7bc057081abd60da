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
    """Cuts a byte stream into frames; memory grows only with bytes that arrived, and never beyond one
    frame."""

    def __init__(self, max_length: int = MAX_FRAME_LENGTH) -> None:
        self.max_length = max_length
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame, its 4-byte header included, received so far."""
        return len(self._buffer)

    def feed(self, data: Buffer) -> Iterator[memoryview]:
        """Yield every message that `data` completes, in order, without the 4-byte header.

        Each byte is moved once, into the frame it belongs to, and not even that where a frame lies whole in
        a bytes object: `data` itself is not needed any more when the last frame has been taken. Nothing
        happens until the result is iterated. Raises FramingError, after the messages before it,
        where a header does not start with zero or announces more than `max_length` bytes; the stream is
        lost then.
        """
        view = memoryview(data)
        kept_for_us = isinstance(view.obj, bytes)
        position = 0
        buffer = self._buffer
        while True:
            if buffer:
                position += self._fill(view[position:], FRAME_HEADER_SIZE)
                if len(buffer) < FRAME_HEADER_SIZE:
                    return
                end = FRAME_HEADER_SIZE + self._length(buffer)
                position += self._fill(view[position:], end)
                if len(buffer) < end:
                    return
                self._buffer = bytearray()
                yield memoryview(buffer)[FRAME_HEADER_SIZE:]
                buffer = self._buffer
            rest = len(view) - position
            if rest >= FRAME_HEADER_SIZE:
                start = position + FRAME_HEADER_SIZE
                end = start + self._length(view[position:start])
                if end <= len(view):
                    frame = view[start:end]
                    position = end
                    yield frame if kept_for_us else memoryview(bytes(frame))
                    continue
            buffer += view[position:]
            return

    def _fill(self, view: memoryview, size: int) -> int:
        """Take what is missing to `size` bytes from `view`; return how many bytes those were."""
        missing = max(0, size - len(self._buffer))
        taken = view[:missing]
        self._buffer += taken
        return len(taken)

    def _length(self, header: Buffer) -> int:
        if header[0]:
            raise FramingError(f"a frame starts with {header[0]:#04x}, not with zero")
        length = int.from_bytes(header[1:FRAME_HEADER_SIZE], "big")
        if length > self.max_length:
            raise FramingError(
                f"a frame of {length} bytes, more than the {self.max_length} that are accepted"
            )
        return length
