"""Access masks of files: the generic rights, and groups of bits ([MS-SMB2] 2.2.13.1)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.wire.create import AccessMask

ALL_ACCESS: Final = 0x001F01FF
"""FILE_ALL_ACCESS: every right a file or directory has."""
GENERIC_READ_ACCESS: Final = 0x00120089
GENERIC_WRITE_ACCESS: Final = 0x00120116
GENERIC_EXECUTE_ACCESS: Final = 0x001200A0
INVALID_ACCESS_BITS: Final = 0x0CE0FE00
"""Bits that no right is assigned to."""

READ_ACCESS: Final = AccessMask.FILE_READ_DATA | AccessMask.FILE_EXECUTE
"""What needs FILE_SHARE_READ of others."""
WRITE_ACCESS: Final = AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA
"""What needs FILE_SHARE_WRITE of others."""
DELETE_ACCESS: Final = AccessMask.DELETE
"""What needs FILE_SHARE_DELETE of others."""
_STAT_ACCESS: Final = int(
    AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES | AccessMask.SYNCHRONIZE
)
"""What can be had without breaking an oplock."""

_GENERIC: Final = (
    (AccessMask.GENERIC_ALL, ALL_ACCESS),
    (AccessMask.GENERIC_READ, GENERIC_READ_ACCESS),
    (AccessMask.GENERIC_WRITE, GENERIC_WRITE_ACCESS),
    (AccessMask.GENERIC_EXECUTE, GENERIC_EXECUTE_ACCESS),
)


def is_stat_access(access: int) -> bool:
    """Tell whether a mask holds nothing but what can be had without breaking an oplock: attributes only."""
    return not access & ~_STAT_ACCESS


def map_generic(access: int) -> int:
    """Replace the generic rights of a mask by those of a file they stand for."""
    for generic, rights in _GENERIC:
        if access & generic:
            access = access & ~int(generic) | rights
    return access
