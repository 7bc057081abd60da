"""What Samba 4.17's own smbd passes and skips of smbtorture's suites: what the server has to match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(slots=True, frozen=True)
class Baseline:
    """How many tests of a suite pass, and how many are skipped."""

    passes: int
    skips: int = 0
    is_long: bool = False
    """It takes minutes, most of them waiting."""
    since: tuple[int, int] = (0, 0)
    """The first version of Samba whose smbtorture can run it; the figure is then of that version's smbd."""


SUITES: Final[Mapping[str, Baseline]] = MappingProxyType(
    {
        "session": Baseline(55, 7),
        "connect": Baseline(1),
        "tcon": Baseline(1),
        "session-id": Baseline(1),
        "read": Baseline(5),
        "rw": Baseline(2),
        "dir": Baseline(5, 1),
        "getinfo": Baseline(5),
        "mkdir": Baseline(1),
        "lease": Baseline(37, 1, is_long=True),
        "oplock": Baseline(40, is_long=True),
        "notify": Baseline(18, is_long=True),
        "lock": Baseline(22, 3),
        "durable-open": Baseline(22),
        "durable-v2-open": Baseline(14),
        "replay": Baseline(35, 1, is_long=True),
        "dirlease": Baseline(18, is_long=True, since=(4, 24)),
        "multichannel.generic": Baseline(2),
        "multichannel.oplocks": Baseline(2),
        "multichannel.leases.test1": Baseline(1),
        "multichannel.leases.test2": Baseline(1),
        "multichannel.leases.test3": Baseline(1),
    }
)
