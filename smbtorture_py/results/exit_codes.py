"""The exit codes of `smbtorture-py` and of `pytest --target`: an enumeration, never a count."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a run ended."""

    FINE = 0
    REGRESSIONS = 1
    INCOMPLETE = 2
    """Interrupted, or something planned has no result."""
    HARNESS_ERROR = 3
    USAGE = 4
    """A mistake on the command line or in a configuration file."""
    NOTHING_SELECTED = 5
    UNREACHABLE = 6
    UNEXPECTED_PASSES = 7
    """Nothing is wrong but the expectations: something they call broken works."""
