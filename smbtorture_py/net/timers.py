"""Calls that are due at some time, in the order of time and then of asking."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import TypeAlias

Callback: TypeAlias = Callable[[float], None]


class ScheduledCall:
    """One call; gives up its callback when it is made or cancelled."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callback) -> None:
        self._callback: Callback | None = callback

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return self._callback is not None

    def cancel(self) -> None:
        """Make sure that the call does not happen."""
        self._callback = None

    def make(self, now: float) -> None:
        """Make the call, unless it was made or cancelled."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback(now)


class TimerQueue:
    """The calls of one world."""

    __slots__ = ("_heap", "_sequence")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, ScheduledCall]] = []
        self._sequence = 0

    def call_at(self, when: float, callback: Callback) -> ScheduledCall:
        """Add a call at `when` (Unix seconds)."""
        call = ScheduledCall(callback)
        self._sequence += 1
        heappush(self._heap, (when, self._sequence, call))
        return call

    @property
    def last(self) -> int:
        """The number of the call that was added last."""
        return self._sequence

    @property
    def next_due(self) -> float | None:
        """When the first call is due, or None."""
        heap = self._heap
        while heap and not heap[0][2].pending:
            heappop(heap)
        return heap[0][0] if heap else None

    def take_first(self) -> ScheduledCall:
        """Take the call that `next_due` has just told of; raises IndexError where there is none."""
        return heappop(self._heap)[2]

    def pop(self, until: float, last: int | None = None) -> tuple[float, ScheduledCall] | None:
        """Take the first call due by `until` and added no later than number `last`; None without one."""
        if self.next_due is None:
            return None
        when, sequence, call = self._heap[0]
        if when > until or (last is not None and sequence > last):
            return None
        heappop(self._heap)
        return when, call

    def clear(self) -> None:
        """Forget every call."""
        self._heap.clear()
