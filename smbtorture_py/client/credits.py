"""The window of MessageIds a client may use ([MS-SMB2] 3.2.4.1.6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

FIRST_MESSAGE_ID: Final = 0
MAX_CREDITS_IN_A_HEADER: Final = 0xFFFF


@dataclass(slots=True)
class CommandSequenceWindow:
    """MessageIds granted and not yet used: {0} at first, growing upwards by one id for each credit granted.

    Kept as sorted ranges `[start, stop)`, so that gaps (left by requests with a MessageId of their own
    choice, or by multi-credit requests that found too small a hole) cost nothing.
    """

    ranges: list[tuple[int, int]] = field(default_factory=lambda: [(FIRST_MESSAGE_ID, FIRST_MESSAGE_ID + 1)])
    next_granted: int = FIRST_MESSAGE_ID + 1
    """The id that the next credit grants: one above the highest granted so far."""

    @property
    def credits(self) -> int:
        """How many ids are available."""
        return sum(stop - start for start, stop in self.ranges)

    @property
    def available(self) -> tuple[int, ...]:
        """The available ids in ascending order."""
        return tuple(i for start, stop in self.ranges for i in range(start, stop))

    @property
    def lowest(self) -> int | None:
        """The lowest available id; None where there is none."""
        return self.ranges[0][0] if self.ranges else None

    def __contains__(self, message_id: int) -> bool:
        return any(start <= message_id < stop for start, stop in self.ranges)

    def grant(self, count: int) -> None:
        """Add `count` ids above the highest granted so far."""
        if count <= 0:
            return
        start, self.next_granted = self.next_granted, self.next_granted + count
        if self.ranges and self.ranges[-1][1] == start:
            self.ranges[-1] = (self.ranges[-1][0], self.next_granted)
        else:
            self.ranges.append((start, self.next_granted))

    def take(self, count: int = 1) -> int | None:
        """Use the lowest range of `count` consecutive ids and return its first; None, nothing used, where
        there is none."""
        for start, stop in self.ranges:
            if stop - start >= count:
                self.use(start, count)
                return start
        return None

    def use(self, message_id: int, count: int = 1) -> bool:
        """Use `count` ids from `message_id` on, as far as they are available; tell whether all of them
        were."""
        last = message_id + count
        kept: list[tuple[int, int]] = []
        used = 0
        for start, stop in self.ranges:
            low, high = max(start, message_id), min(stop, last)
            if low >= high:
                kept.append((start, stop))
                continue
            used += high - low
            kept += [piece for piece in ((start, low), (high, stop)) if piece[0] < piece[1]]
        self.ranges = kept
        return used == count

    def copy(self) -> CommandSequenceWindow:
        """Return a window that changes on its own."""
        return CommandSequenceWindow(list(self.ranges), self.next_granted)
