"""Lease states and flags, as in create contexts and lease breaks ([MS-SMB2] 2.2.13.2.8, 2.2.14.2.10,
2.2.23.2)."""

from __future__ import annotations

from enum import IntFlag
from typing import Final

from smbtorture_py.wire.codec import quick


@quick
class LeaseState(IntFlag):
    """What a lease lets its owner cache ([MS-SMB2] 2.2.13.2.8)."""

    NONE = 0
    READ_CACHING = 0x01
    HANDLE_CACHING = 0x02
    WRITE_CACHING = 0x04

    @property
    def abbreviation(self) -> str:
        """RWH, RH, ..., NONE: the abbreviated name of [MS-SMB2] 3.3.1.12."""
        return "".join(letter for letter, bit in _LETTERS if self & bit) or "NONE"


_LETTERS: Final = (
    ("R", LeaseState.READ_CACHING),
    ("W", LeaseState.WRITE_CACHING),
    ("H", LeaseState.HANDLE_CACHING),
)


@quick
class LeaseFlags(IntFlag):
    """Flags of a lease in a create context ([MS-SMB2] 2.2.13.2.10, 2.2.14.2.11)."""

    NONE = 0
    BREAK_IN_PROGRESS = 0x00000002
    PARENT_LEASE_KEY_SET = 0x00000004
