"""Addresses of the loopback interface that servers of ours use: the last one to use an address that we added
takes it away again, so that several runs on one machine do not take it from each other.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

ADDED: Final = b"added"
"""What the lock file of an address says that we have given to the interface."""


class LoopbackAddress:
    """An address that the interface has from construction, which may raise OSError, to `release`."""

    def __init__(self, address: str) -> None:
        folder = Path(tempfile.gettempdir())
        self._address = address
        self._path = folder / f"smbtorture-py-address-{address}.lock"
        with _alone_in(folder):
            self._users = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if _add(address):
                    os.pwrite(self._users, ADDED, 0)
                fcntl.flock(self._users, fcntl.LOCK_SH)
            except OSError:
                os.close(self._users)
                raise

    def release(self) -> None:
        """Give the address back; it goes where we brought it and nobody else uses it any more."""
        with _alone_in(self._path.parent):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                if os.pread(self._users, len(ADDED), 0) == ADDED:
                    _ip("addr", "del", f"{self._address}/8", "dev", "lo")
                self._path.unlink(missing_ok=True)
            os.close(self._users)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep everybody else waiting who adds or takes away an address; only for a moment."""
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _add(address: str) -> bool:
    """Give the interface an address; tell whether it was new. Raises OSError."""
    if f" {address}/" in _ip("-o", "addr", "show", "dev", "lo").stdout:
        return False
    added = _ip("addr", "add", f"{address}/8", "dev", "lo")
    if added.returncode and "exists" not in added.stderr:
        raise OSError(f"cannot add {address} to the loopback interface: {added.stderr.strip()}")
    return not added.returncode


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
