"""Resilient opens ([MS-SMB2] 3.3.5.15.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open

MAX_RESILIENCY_TIMEOUT: Final = 300_000
"""MaxResiliencyTimeout, milliseconds (3.3.3 and its product note)."""
DEFAULT_TIMEOUT: Final = 120_000
"""Milliseconds for a request that leaves the choice to the server."""


class ResiliencyPolicy:
    """The choices around FSCTL_LMR_REQUEST_RESILIENCY."""

    def dialect_status(self, connection: Connection) -> Status:
        """SUCCESS, or what a request on 2.0.2 fails with (MAY)."""
        is_202 = connection.dialect == Dialect.SMB_2_0_2
        return Status.INVALID_DEVICE_REQUEST if is_202 else Status.SUCCESS

    def unsupported_status(self) -> Status:
        """SUCCESS, or what a server fails with that has no resilient opens (SHOULD: NOT_SUPPORTED)."""
        return Status.SUCCESS

    def short_input_status(self) -> Status:
        """What too short an input fails with."""
        return Status.INVALID_PARAMETER

    def timeout_status(self, timeout: int) -> Status:
        """SUCCESS, or what a Timeout (milliseconds) above MaxResiliencyTimeout fails with."""
        return Status.INVALID_PARAMETER if timeout > MAX_RESILIENCY_TIMEOUT else Status.SUCCESS

    def stays_durable(self, open_: Open) -> bool:
        """Open.IsDurable of an open that becomes resilient: FALSE."""
        del open_
        return False

    def timeout(self, requested: int) -> float:
        """Open.ResiliencyTimeout, seconds: what was asked for; the server's choice where nothing was
        (SHOULD)."""
        return (requested or DEFAULT_TIMEOUT) / 1000
