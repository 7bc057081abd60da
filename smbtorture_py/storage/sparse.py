"""Bytes in memory that cost only what was written: the content of one stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.codec import Buffer, align
from smbtorture_py.wire.status import Status

CHUNK_SIZE: Final = 1 << 16
"""Bytes of one chunk: what is allocated, and given back, at a time."""
ALLOCATION_UNIT: Final = 4096
MAX_STREAM_SIZE: Final = (16 << 40) - (64 << 10)
"""Bytes a stream can reach, as on NTFS with 4 KiB clusters; no offset beyond it is valid."""


@dataclass(slots=True)
class Capacity:
    """The space that the streams of one storage share, bytes."""

    total: int
    used: int = 0

    def take(self, count: int) -> None:
        """Take space. Raises StorageError(DISK_FULL) where there is not so much."""
        if self.used + count > self.total:
            raise StorageError(Status.DISK_FULL)
        self.used += count

    def give_back(self, count: int) -> None:
        """Return space."""
        self.used -= count

    @property
    def free(self) -> int:
        """Bytes left."""
        return self.total - self.used


@dataclass(slots=True)
class SparseStream:
    """A stream whose unwritten 64 KiB chunks read as zeros and take no space."""

    capacity: Capacity
    _size: int = 0
    _reserved: int = 0
    _chunks: dict[int, bytearray] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """End of file, bytes."""
        return self._size

    @property
    def allocation_size(self) -> int:
        """Bytes reserved: the end of file or what was asked for, in whole allocation units."""
        return align(max(self._size, self._reserved), ALLOCATION_UNIT)

    def read(self, offset: int, length: int) -> Buffer:
        """Return at most `length` bytes from `offset`; copied once, because the stream may change."""
        end = min(offset + length, self._size)
        if offset >= end:
            return b""
        parts: list[Buffer] = []
        while offset < end:
            index, start = divmod(offset, CHUNK_SIZE)
            count = min(CHUNK_SIZE - start, end - offset)
            chunk = self._chunks.get(index)
            parts.append(bytes(count) if chunk is None else memoryview(chunk)[start : start + count])
            offset += count
        return b"".join(parts)

    def write(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`. Raises StorageError(DISK_FULL), then nothing is written."""
        end = offset + len(data)
        if end > MAX_STREAM_SIZE:
            raise StorageError(Status.INVALID_PARAMETER)
        if not len(data):
            return
        first, last = offset // CHUNK_SIZE, (end - 1) // CHUNK_SIZE
        missing = [index for index in range(first, last + 1) if index not in self._chunks]
        self.capacity.take(len(missing) * CHUNK_SIZE)
        for index in missing:
            self._chunks[index] = bytearray(CHUNK_SIZE)
        view = memoryview(data)
        position = 0
        while position < len(view):
            index, start = divmod(offset + position, CHUNK_SIZE)
            count = min(CHUNK_SIZE - start, len(view) - position)
            # Through a view: a bytearray copies what it is given before it takes it.
            memoryview(self._chunks[index])[start : start + count] = view[position : position + count]
            position += count
        self._size = max(self._size, end)

    def truncate(self, size: int) -> None:
        """Set the end of file; what lies behind it is forgotten."""
        if size > MAX_STREAM_SIZE:
            raise StorageError(Status.INVALID_PARAMETER)
        if size < self._size:
            self._drop_behind(size)
        self._size = size
        self._reserved = min(self._reserved, size)

    def allocate(self, size: int) -> None:
        """Reserve space without moving the end of file."""
        if size > MAX_STREAM_SIZE or size > self.capacity.total:
            raise StorageError(Status.DISK_FULL)
        self._reserved = size

    def zero(self, offset: int, length: int) -> None:
        """Zero a range; whole chunks are given back."""
        end = min(offset + length, self._size)
        for index in [index for index in self._chunks if index * CHUNK_SIZE < end]:
            base = index * CHUNK_SIZE
            start, stop = max(offset, base), min(end, base + CHUNK_SIZE)
            if start >= stop:
                continue
            if stop - start == CHUNK_SIZE or (start == base and stop == self._size):
                self._drop(index)
            else:
                self._chunks[index][start - base : stop - base] = bytes(stop - start)

    def allocated_ranges(self, offset: int, length: int) -> Sequence[tuple[int, int]]:
        """Return the written parts of a range, neighbours joined."""
        end = min(offset + length, self._size)
        ranges: list[tuple[int, int]] = []
        for index in sorted(self._chunks):
            start, stop = max(offset, index * CHUNK_SIZE), min(end, (index + 1) * CHUNK_SIZE)
            if start >= stop:
                continue
            if ranges and ranges[-1][0] + ranges[-1][1] == start:
                ranges[-1] = (ranges[-1][0], stop - ranges[-1][0])
            else:
                ranges.append((start, stop - start))
        return ranges

    def flush(self) -> None:
        """Nothing is buffered."""

    def discard(self) -> None:
        """Give back all space: the stream is gone."""
        self._drop_behind(0)
        self._size = 0

    def _drop(self, index: int) -> None:
        del self._chunks[index]
        self.capacity.give_back(CHUNK_SIZE)

    def _drop_behind(self, size: int) -> None:
        for index in [index for index in self._chunks if index * CHUNK_SIZE >= size]:
            self._drop(index)
        tail = self._chunks.get(size // CHUNK_SIZE)
        if tail is not None:
            start = size % CHUNK_SIZE
            tail[start:] = bytes(CHUNK_SIZE - start)
