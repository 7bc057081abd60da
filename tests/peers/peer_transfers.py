"""What every client does with a share, whoever made it: put, list, rename, get, compare, delete."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, Protocol

from peer_server import Served

DIALECTS: Final = ("2.0.2", "2.1", "3.0", "3.0.2", "3.1.1")
MEBIBYTE: Final = 1024 * 1024
SMALL_SIZES: Final = (0, 1, 65_535, 65_537, MEBIBYTE + 1)
LARGE_SIZE: Final = 64 * MEBIBYTE


class Protection(Enum):
    """What keeps a session's messages safe."""

    NONE = "none"
    SIGNED = "signed"
    ENCRYPTED = "encrypted"


@dataclass(slots=True, frozen=True)
class Variant:
    """How a client talks: a dialect, a protection and, where the client can choose one, its algorithm."""

    dialect: str
    protection: Protection
    algorithm: str = ""
    server: tuple[str, ...] = ()
    """Options of the server that make the client do this."""

    def __str__(self) -> str:
        algorithm = f"-{self.algorithm}" if self.algorithm else ""
        return f"{self.dialect}-{self.protection.value}{algorithm}"


class TransferClient(Protocol):
    """A session with the share's root; every method raises where something goes wrong."""

    def put(self, source: Path, name: str) -> None:
        """Copy a local file to the share."""

    def listing(self) -> dict[str, int]:
        """Return the files of the share's root and their sizes."""

    def rename(self, old: str, new: str) -> None:
        """Rename a file of the share."""

    def get(self, name: str, target: Path) -> None:
        """Copy a file of the share to a local one."""

    def delete(self, name: str) -> None:
        """Delete a file of the share."""


ClientFactory = Callable[[Served, Variant, Path], AbstractContextManager[TransferClient]]


class TransferError(Exception):
    """What a client did does not fit: the step, and what came of it."""


def make_payload(path: Path, size: int) -> str:
    """Write `size` bytes that follow from the size alone; returns their SHA-256."""
    data = random.Random(size).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def journey(client: TransferClient, folder: Path, sizes: tuple[int, ...]) -> None:
    """Take files of these sizes to the share and back; raises TransferError where one comes back changed."""
    expected: dict[str, int] = {}
    digests: dict[str, str] = {}
    for size in sizes:
        name = f"payload-{size}.bin"
        source = folder / name
        digests[name] = make_payload(source, size)
        client.put(source, name)
        source.unlink()
        expected[name] = size
    _expect(client, expected, "after put")
    for name in list(expected):
        renamed = name.replace("payload", "renamed")
        client.rename(name, renamed)
        expected[renamed] = expected.pop(name)
        digests[renamed] = digests.pop(name)
    _expect(client, expected, "after rename")
    for name, digest in digests.items():
        target = folder / f"back-{name}"
        client.get(name, target)
        with target.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        target.unlink()
        if found != digest:
            raise TransferError(f"{name} came back with another content")
    for name in list(expected):
        client.delete(name)
        del expected[name]
    _expect(client, expected, "after delete")


def _expect(client: TransferClient, expected: dict[str, int], when: str) -> None:
    found = client.listing()
    if found != expected:
        raise TransferError(f"{when} the share lists {found}, not {expected}")
