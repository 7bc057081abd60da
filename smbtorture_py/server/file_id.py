"""The two halves of a FileId ([MS-SMB2] 2.2.14.1, 3.3.5.9)."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from smbtorture_py.server.transport import Entropy

_SIZE: Final = 8
_INVALID: Final = (1 << 64) - 1


def new_file_id(entropy: Entropy, taken: Container[int]) -> int:
    """Draw an unused half of a FileId; zero and all ones are never used (3.3.5.9)."""
    while True:
        number = int.from_bytes(entropy(_SIZE), "little")
        if number not in (0, _INVALID) and number not in taken:
            return number
