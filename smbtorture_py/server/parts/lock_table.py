"""Byte-range locks of one stream, and who waits for one ([MS-FSA] 2.1.4.10, 2.1.5.8, 2.1.5.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open

RANGE_LIMIT: Final = 1 << 64
"""Offsets are 64 bits; a range may end here but not beyond."""


@dataclass(slots=True, frozen=True, eq=False)
class ByteRangeLock:
    """One lock held: bytes `offset` to `offset + length`, owned by an open."""

    open: Open
    offset: int
    length: int
    exclusive: bool

    def overlaps(self, offset: int, length: int) -> bool:
        """Tell whether a range has a byte in common; an empty range counts only inside of another."""
        if length != 0 and (self.offset, self.length) == (offset, length):
            return True
        return self.offset < offset + length and offset < self.offset + self.length


@dataclass(slots=True, eq=False)
class WaitingLock:
    """A lock request that blocks; `grant` is called with `now` once the range was taken for it."""

    open: Open
    offset: int
    length: int
    exclusive: bool
    grant: Callable[[float], None]
    abandon: Callable[[float], None]
    """Called when the open is closed."""


class LockTable:
    """The byte-range locks of one stream, in the order they were granted."""

    __slots__ = ("_locks", "_waiting")

    def __init__(self) -> None:
        self._locks: list[ByteRangeLock] = []
        self._waiting: list[WaitingLock] = []

    def begin_before(self, offset: int) -> bool:
        """Tell whether a lock that is held begins before an offset."""
        return any(lock.offset < offset for lock in self._locks)

    def of(self, open_: Open) -> list[ByteRangeLock]:
        """The locks that an open holds, in the order they were granted."""
        return [lock for lock in self._locks if lock.open is open_]

    def conflicts(self, open_: Open, offset: int, length: int, *, exclusive: bool) -> bool:
        """Tell whether a lock cannot be granted now.

        An exclusive lock stands against every other lock, also of its own open; a shared one against
        exclusive locks of other opens.
        """
        return any(
            lock.overlaps(offset, length) and (exclusive or (lock.exclusive and lock.open is not open_))
            for lock in self._locks
        )

    def conflicts_with_access(self, open_: Open, offset: int, length: int, *, write: bool) -> bool:
        """Tell whether a read or write meets a lock: another's exclusive one, and for a write any shared
        one."""
        if not self._locks or length == 0:
            return False
        return any(
            lock.overlaps(offset, length) and (lock.open is not open_ if lock.exclusive else write)
            for lock in self._locks
        )

    def lock(self, open_: Open, offset: int, length: int, *, exclusive: bool) -> bool:
        """Take a lock; False where it conflicts."""
        if self.conflicts(open_, offset, length, exclusive=exclusive):
            return False
        self._locks.append(ByteRangeLock(open_, offset, length, exclusive))
        open_.lock_count += 1
        return True

    def unlock(self, open_: Open, offset: int, length: int) -> bool:
        """Release the lock of exactly this range, an exclusive one before shared ones; False where there is
        none."""
        for exclusive in (True, False):
            for index, lock in enumerate(self._locks):
                mine = lock.open is open_ and lock.exclusive == exclusive
                if mine and (lock.offset, lock.length) == (offset, length):
                    del self._locks[index]
                    open_.lock_count -= 1
                    return True
        return False

    def wait(self, waiting: WaitingLock) -> None:
        """Queue a lock request until its range is free."""
        self._waiting.append(waiting)

    def stop_waiting(self, waiting: WaitingLock) -> bool:
        """Take a request out of the queue; False where it is no longer in it."""
        if waiting not in self._waiting:
            return False
        self._waiting.remove(waiting)
        return True

    def release_open(self, open_: Open, now: float) -> None:
        """Drop every lock of an open that is being closed, abandon its requests, and serve the others."""
        self._locks = [lock for lock in self._locks if lock.open is not open_]
        open_.lock_count = 0
        for waiting in [waiting for waiting in self._waiting if waiting.open is open_]:
            self._waiting.remove(waiting)
            waiting.abandon(now)
        self.serve_waiting(now)

    def serve_waiting(self, now: float) -> None:
        """Grant what waits and can be granted now, in the order of arrival."""
        for waiting in list(self._waiting):
            if waiting not in self._waiting:
                continue
            if self.lock(waiting.open, waiting.offset, waiting.length, exclusive=waiting.exclusive):
                self._waiting.remove(waiting)
                waiting.grant(now)
