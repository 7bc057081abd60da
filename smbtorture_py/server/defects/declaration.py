"""Defects that hide what a server has."""

from __future__ import annotations

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.negotiate import NegotiatePolicy

defect(
    "multi-channel-never-advertised",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-1.7-01", "SMB2-3.3.5.4-10"],
    origin="plausible: the setting is read and never reaches NEGOTIATE",
).always(False, "MULTI_CHANNEL is advertised to nobody, although the server has it.")
