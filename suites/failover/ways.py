"""Ways in which a channel dies under a request, and a client that notices soon."""

from __future__ import annotations

from typing import Final

from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.net.faults import FaultKind, Position

BEFORE: Final[tuple[dict[str, object], ...]] = (
    {"fault": FaultKind.CLOSE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.CUT, "position": Position.INSIDE_REQUEST},
    {"fault": FaultKind.RESET, "position": Position.INSIDE_REQUEST},
    {"fault": FaultKind.BLACKHOLE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.VANISH, "position": Position.BEFORE_REQUEST},
)
"""The request does not arrive, or not whole."""

AFTER: Final[tuple[dict[str, object], ...]] = (
    {"fault": FaultKind.CLOSE, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.HALF_CLOSE, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.RESET, "position": Position.INSIDE_RESPONSE},
    {"fault": FaultKind.BLACKHOLE, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.FORGET, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.PLUG, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.STALL, "position": Position.AFTER_EXECUTION},
)
"""The request is executed; the client does not learn of it."""

WAYS: Final = (*BEFORE, *AFTER)
SOME: Final = (BEFORE[1], BEFORE[3], AFTER[0], AFTER[3])
"""Noticed at once and not, before and after the execution."""

ENDS: Final = (FaultKind.CLOSE, FaultKind.RESET, FaultKind.BLACKHOLE)
"""With a word, without one, and in silence."""

PLACES: Final = ("first", "middle", "last")
"""Which of several channels it is about."""


def place_of(place: str, count: int) -> int:
    """Return the number of a channel among so many."""
    return {"first": 0, "middle": count // 2, "last": count - 1}[place]


def impatient(**otherwise: float | bool) -> FailoverPolicy:
    """A client that gives up a silent channel after a second, and comes back at once."""
    policy = FailoverPolicy(patience=1.0, answer_patience=1.0, interface_pause=0.1)
    for name, value in otherwise.items():
        setattr(policy, name, value)
    return policy
