"""What a listener puts up with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True, kw_only=True)
class ListenLimits:
    """Bounds that keep one client from harming the others."""

    connections: int = 1024
    """Open connections per listener; one more is reset as soon as it is accepted."""
    output_backlog: int = 32 * 1024 * 1024
    """Unacknowledged bytes of output over which a connection is not read until half of them are gone."""
