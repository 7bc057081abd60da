"""Open.OperationBuckets: the numbers by which a server recognises a repeated LOCK ([MS-SMB2] 3.2.1.6,
3.2.4.19, 3.2.5.13)."""

from __future__ import annotations

from typing import Final

BUCKETS: Final = 64
"""Entries, with the indexes 1 to 64."""
NUMBERS: Final = 16
"""SequenceNumber is modulo 16."""


class OperationBuckets:
    """Which indexes are in use by an outstanding LOCK, and the next number of each."""

    __slots__ = ("_numbers", "_taken")

    def __init__(self) -> None:
        self._numbers = [0] * (BUCKETS + 1)
        self._taken: set[int] = set()

    def take(self) -> tuple[int, int] | None:
        """Return LockSequenceIndex and LockSequenceNumber for a LOCK, the lowest index that is free; None
        where 64 are outstanding."""
        for index in range(1, BUCKETS + 1):
            if index not in self._taken:
                self._taken.add(index)
                return index, self._numbers[index]
        return None

    def release(self, index: int) -> None:
        """Let an index be used again, with the next number: its LOCK was answered."""
        if index in self._taken:
            self._taken.remove(index)
            self._numbers[index] = (self._numbers[index] + 1) % NUMBERS
