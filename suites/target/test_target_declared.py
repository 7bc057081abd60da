"""A capability that the target declares is one that it shows."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.showing import SHOWABLE, shows


@case(
    "target.shows-what-it-declares",
    requirements=["SMB2-1.7-01"],
    variants=[{"capability": one.value} for one in SHOWABLE],
)
def test_a_declared_capability_is_shown(lab: Lab, capability: str) -> None:
    """A server shows every capability that its entry in targets.yaml declares."""
    declared = Capability(capability)
    lab.declared(declared)
    check.that(lab, f"{capability} is shown", shows(lab, declared), specification=True)
