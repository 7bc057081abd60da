"""FILETIME: 100-nanosecond intervals since 1601-01-01 UTC ([MS-DTYP] 2.3.3), and Unix seconds."""

from __future__ import annotations

from typing import Final

INTERVALS_PER_SECOND: Final = 10_000_000
UNIX_EPOCH: Final = 116_444_736_000_000_000
"""1970-01-01 UTC as a FILETIME."""


def to_filetime(seconds: float) -> int:
    """Convert seconds since the Unix epoch to a FILETIME, rounded to 100 ns; an int is converted exactly."""
    if isinstance(seconds, int):
        return seconds * INTERVALS_PER_SECOND + UNIX_EPOCH
    whole = int(seconds // 1)
    return whole * INTERVALS_PER_SECOND + round((seconds - whole) * INTERVALS_PER_SECOND) + UNIX_EPOCH


def from_filetime(filetime: int) -> float:
    """Convert a FILETIME to seconds since the Unix epoch (a float holds about 240 ns at present dates)."""
    return (filetime - UNIX_EPOCH) / INTERVALS_PER_SECOND
