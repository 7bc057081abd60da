"""Defects of negotiations and preauthentication hashes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.negotiate import NegotiatePolicy

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


@defect(
    "multi-channel-advertised-unasked",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-3.3.5.4-09"],
    origin="plausible: capabilities answered from the configuration alone",
)
def _multi_channel_advertised_unasked(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """MULTI_CHANNEL is advertised to clients that did not ask for it."""
    del original, self
    return connection.server.config.multichannel
