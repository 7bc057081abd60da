"""What the server core needs of a transport, and of entropy; the layer above implements both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from smbtorture_py.wire.codec import Buffer

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives n unpredictable (or, seeded, reproducible) bytes."""


class Transport(Protocol):
    """One accepted connection as the core sees it; the world calls the core's callbacks in return."""

    def write(self, parts: Sequence[Buffer]) -> None:
        """Queue buffers that follow each other on the wire; the core does not change them afterwards."""

    def close(self) -> None:
        """Close in order, after what is queued."""

    def abort(self) -> None:
        """Close at once; what is queued is lost."""
