"""Defects that hide what a server has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.negotiate import NegotiatePolicy

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


@defect(
    "multi-channel-never-advertised",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-1.7-01", "SMB2-3.3.5.4-10"],
    origin="plausible: the setting is read and never reaches NEGOTIATE",
)
def _multi_channel_never_advertised(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """MULTI_CHANNEL is advertised to nobody, although the server has it."""
    del original, self, connection
    return False
