"""How a channel gets lost under a break."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen
from smbtorture_py.conformance.needs import BLACKHOLE
from smbtorture_py.net.faults import FaultKind

NOTICED: Final = (FaultKind.CLOSE, FaultKind.RESET, FaultKind.HALF_CLOSE)
"""Ends of a connection that a server learns of at once."""

SILENT: Final = (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.FORGET, FaultKind.PLUG)
"""Ends of a connection that a server learns of when it next sends, or a while after that."""

LONG: Final = 65536
"""Bytes of an answer that no plugged connection takes in."""

DETECTION: Final = 12.0
"""Seconds, before scaling, within which a server sees that a transport acknowledges nothing: less than any
break timer.
"""


def lose(lab: Lab, channel: LabConnection, fault: FaultKind, file: LabOpen) -> None:
    """Let a fault happen to a channel; a plugged one is left with an answer that it does not take in."""
    if fault in (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.FORGET):
        lab.need(BLACKHOLE)
    if fault is FaultKind.PLUG:
        file.write(bytes(LONG), on=channel).required()
        channel.faults.apply(fault)
        for _ in range(8):
            file.read(0, LONG, on=channel, wait=False)
        lab.settle()
        return
    channel.faults.apply(fault)
    if fault in NOTICED:
        lab.settle()
