"""CommandSequenceWindow: which MessageIds a connection takes ([MS-SMB2] 3.3.1.1)."""

from __future__ import annotations

from typing import Final

_LAST_MESSAGE_ID: Final = 0xFFFFFFFFFFFFFFFF


class CommandSequenceWindow:
    """The MessageIds granted and not yet used: all of [low, high) but the few used out of order.

    Memory is bounded by high - low, which the granting of credits keeps short (see CreditPolicy).
    """

    __slots__ = ("_used", "high", "low")

    def __init__(self) -> None:
        self.low = 0
        """The lowest MessageId that is still to come."""
        self.high = 1
        """One past the highest that was granted."""
        self._used: set[int] = set()

    @property
    def available(self) -> int:
        """How many MessageIds the client may still use: the credits it holds."""
        return self.high - self.low - len(self._used)

    @property
    def span(self) -> int:
        """How far the highest granted MessageId is ahead of the lowest unused one."""
        return self.high - self.low

    def holds(self, message_id: int, count: int) -> bool:
        """Tell whether `count` consecutive MessageIds from `message_id` are all available."""
        if message_id < self.low or message_id + count > self.high:
            return False
        return all(number not in self._used for number in range(message_id, message_id + count))

    def consume(self, message_id: int, count: int) -> bool:
        """Take `count` consecutive MessageIds out of the window; False, and nothing taken, where one is not
        in it."""
        if not self.holds(message_id, count):
            return False
        self._used.update(range(message_id, message_id + count))
        while self.low in self._used:
            self._used.remove(self.low)
            self.low += 1
        return True

    def grow(self, count: int) -> int:
        """Grant `count` more; returns how many were, fewer only where the 64 bits end."""
        granted = min(count, _LAST_MESSAGE_ID - self.high)
        self.high += granted
        return granted
