"""Cases that use one thing of one server at the same time would disturb each other: the processes of a run
take turns over it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

_PATTERN: Final = "turns-*.lock"
_DIGITS: Final = 16


@contextmanager
def turn(folder: Path, over: str) -> Iterator[None]:
    """Wait until nobody else who was given this folder is at it, and let the next one go on when the block
    ends, however that happens; the end of the process will do.

    `over` is any text. Leaves a lock file until `forget`. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = sha256(over.encode()).hexdigest()[:_DIGITS]
    lock = os.open(folder / _PATTERN.replace("*", name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def forget(folder: Path) -> None:
    """Remove the lock files, once nobody takes turns any more."""
    for path in folder.glob(_PATTERN):
        path.unlink(missing_ok=True)
