"""Oplocks on shares that limit them ([MS-SMB2] 3.3.5.9)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import LEVEL_2_SHARE, SCALE_OUT_SHARE, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import OplockLevel
from suites.oplocks.contest import ALONE, BATCH, II, NONE, Contest
from suites.tree.dialects import DIALECTS


@case(
    "oplocks.level-2-share",
    requirements=["SMB2-3.3.5.9-31"],
    needs=[LEVEL_2_SHARE],
    variants={"dialect": DIALECTS, "level": ALONE},
)
def test_an_oplock_on_a_level_2_share(lab: Lab, level: OplockLevel) -> None:
    """On a share that forces level II nobody should get more, though they do elsewhere."""
    session = Contest(lab, level).holder
    file = session.tree(ShareRole.LEVEL_2).open(requested_oplock_level=level)
    check.that(
        file,
        "oplock",
        file.oplock_level,
        specification=II,
        permitted_none=NONE,
        windows_2008=level,
    )
    check.alive(session)


@case("oplocks.scale-out-share", requirements=["SMB2-3.3.5.9-32"], needs=[SMB3, SCALE_OUT_SHARE])
def test_a_batch_oplock_on_a_scale_out_share(lab: Lab) -> None:
    """On a scale-out share whoever asks for BATCH gets no more than level II."""
    session = Contest(lab, BATCH).holder
    file = session.tree(ShareRole.SCALE_OUT).open(requested_oplock_level=BATCH)
    check.that(file, "oplock", file.oplock_level, specification=II, permitted_none=NONE, as_elsewhere=BATCH)
    check.alive(session)
