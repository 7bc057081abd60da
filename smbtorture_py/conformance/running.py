"""Driving the client core's procedures: several exchanges in a row, each waited for."""

from __future__ import annotations

from typing import Generic, TypeVar

from smbtorture_py.client.exchange import Exchange, Procedure

T = TypeVar("T")


class Running(Generic[T]):
    """A procedure under way: `exchange` is its current (or last) one, `result` what it returned, None before
    that.
    """

    def __init__(self, procedure: Procedure[T]) -> None:
        self._procedure = procedure
        self.exchanges: list[Exchange] = []
        self.result: T | None = None
        self.finished = False
        self._step()

    @property
    def exchange(self) -> Exchange:
        """The exchange that was started last; every procedure starts at least one."""
        return self.exchanges[-1]

    def advance(self) -> bool:
        """Go on as far as answers allow; tell whether the procedure has returned."""
        while not self.finished and self.exchange.done:
            self._step()
        return self.finished

    def abandon(self) -> None:
        """Give the procedure up where it stands."""
        self._procedure.close()
        self.finished = True

    def _step(self) -> None:
        try:
            self.exchanges.append(next(self._procedure))
        except StopIteration as stop:
            self.result = stop.value
            self.finished = True
