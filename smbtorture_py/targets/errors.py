"""What can be wrong with a target before any case runs; each is one line for the user."""

from __future__ import annotations


class TargetError(Exception):
    """The target cannot be used as configured (exit code 4)."""


class TargetUnreachable(Exception):
    """Nobody there speaks SMB (exit code 6)."""
