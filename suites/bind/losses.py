"""Ways in which a channel is lost."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.lab import LabConnection
from smbtorture_py.net.faults import FaultKind, Position

NOTICED: Final = (FaultKind.CLOSE, FaultKind.RESET, FaultKind.HALF_CLOSE, FaultKind.CUT)
"""Ends of a connection that a server learns of at once."""

SILENT: Final = (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.PLUG, FaultKind.STALL)
"""Ends that a server learns of late or never."""


def lose(channel: LabConnection, fault: FaultKind = FaultKind.CLOSE) -> None:
    """Let a fault happen to a channel; one that needs a message to happen in gets an ECHO."""
    if fault is FaultKind.CUT:
        channel.faults.arm(fault, Position.INSIDE_REQUEST)
        channel.core.echo()
    else:
        channel.faults.apply(fault)
