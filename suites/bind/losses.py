"""Ways in which a channel is lost."""

from __future__ import annotations

from typing import Final

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.lab import LabConnection
from smbtorture_py.net.faults import FaultKind, Position

NOTICED: Final = (FaultKind.CLOSE, FaultKind.RESET, FaultKind.HALF_CLOSE, FaultKind.CUT)
"""Ends of a connection that a server learns of at once."""

SILENT: Final = (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.PLUG, FaultKind.STALL)
"""Ends that a server learns of late or never."""

HARM: Final = (FaultKind.DELAY, FaultKind.SPLIT, FaultKind.CORRUPT, FaultKind.DUPLICATE)
"""What may happen to a request on a connection that does not end by that alone."""

DAMAGED: Final = 4 + 64 + 8
"""Offset in a frame of a byte that a signature protects, behind the start of the request's body."""


def harm(channel: LabConnection, fault: FaultKind) -> None:
    """Let a fault of `HARM` happen to the next request, which is signed; the server may end the channel."""
    channel.may_be_lost = True
    if fault is FaultKind.DUPLICATE:
        channel.tolerate(Rule.UNKNOWN_MESSAGE_ID)
    if fault is FaultKind.CORRUPT:
        # To the server it was not signed, or not by us.
        channel.tolerate(Rule.NOT_SIGNED)
    position = Position.BEFORE_REQUEST if fault is FaultKind.DELAY else Position.INSIDE_REQUEST
    channel.faults.arm(fault, position, keep=DAMAGED)


def lose(channel: LabConnection, fault: FaultKind = FaultKind.CLOSE) -> None:
    """Let a fault happen to a channel; one that needs a message to happen in gets an ECHO."""
    if fault is FaultKind.CUT:
        channel.faults.arm(fault, Position.INSIDE_REQUEST)
        channel.core.echo()
    else:
        channel.faults.apply(fault)
