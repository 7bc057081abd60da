"""What the client core needs of a transport; a world implements it, or a test does with a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from smbtorture_py.wire.codec import Buffer


class Transport(Protocol):
    """A byte stream to a server. The world calls the core back: `data_received`, `acknowledged`, `stuck`,
    `connection_lost`."""

    def write(self, parts: Sequence[Buffer]) -> None:
        """Send the buffers one after the other; they must not change until they are acknowledged."""

    def close(self) -> None:
        """Close in order: what was written still goes out, then a FIN."""

    def abort(self) -> None:
        """Reset the connection; unsent bytes are dropped."""
