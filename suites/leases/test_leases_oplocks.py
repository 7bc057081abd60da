"""Leases and oplocks on one file ([MS-SMB2] 3.3.1.4; [MS-FSA] 2.1.5.18)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease
from smbtorture_py.conformance.needs import LEASING, SMB3
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.leases.contest import Contest, W, expect_break, expect_quiet

LEVELS = (OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH)
OUTSIDE = ["smbtorture:lease.oplock", "ms:Model_OplockLeaseMatrix"]


@case(
    "leases.oplock-after-lease",
    requirements=["SMB2-3.3.1.4-08", "SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={"held": [R, RH, RW, RWH], "level": LEVELS},
    answers=OUTSIDE,
)
def test_an_oplock_beside_a_lease(lab: Lab, held: LeaseState, level: OplockLevel) -> None:
    """An open that asks for an oplock takes write caching from a lease; what it gets beside the rest
    varies.
    """
    contest = Contest(lab, held)
    attempt = contest.contend(requested_oplock_level=level)
    if held & W:
        expect_break(contest.holder, requirement="SMB2-3.3.1.4-02", specification=held & ~W)
        contest.acknowledge(held & ~W)
    check(attempt.wait(), requirement="SMB2-3.3.1.4-02", specification=Status.SUCCESS)
    granted = OplockLevel(attempt.open.oplock_level)
    check.that(attempt, "oplock", granted, level_ii=OplockLevel.II, none=OplockLevel.NONE)
    expect_quiet(contest.holder, int(bool(held & W)), requirement="SMB2-3.3.1.4-07")
    is_exclusive = granted in (OplockLevel.EXCLUSIVE, OplockLevel.BATCH)
    check.that(attempt, "exclusive", is_exclusive, requirement="SMB2-3.3.5.9-29", specification=False)
    check.alive(contest.holder)


@case(
    "leases.lease-after-oplock",
    requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.1.4-08"],
    needs=[LEASING, SMB3],
    variants={"level": LEVELS, "wanted": [R, RH, RW, RWH]},
    answers=OUTSIDE,
)
def test_a_lease_beside_an_oplock(lab: Lab, level: OplockLevel, wanted: LeaseState) -> None:
    """An open that asks for a lease breaks an exclusive or batch oplock to II, and gets no write caching."""
    holder, rival = lab.logon(), lab.another_client()
    file = holder.tree().open(requested_oplock_level=level)
    check.that(file, "oplock", file.oplock_level, requirement="SMB2-3.3.5.9-28", specification=level)
    attempt = rival.tree().create(file.name, contexts=[lease(lab.guid(), wanted)], wait=False)
    if level != OplockLevel.II:
        broken = holder.wait_oplock_break()
        state: object = broken.body.oplock_level if broken.arrived else "no break"
        check.that(holder, "the level that the break asks for", state, specification=OplockLevel.II)
        file.acknowledge_oplock(OplockLevel.II).required()
    check(attempt.wait(), specification=Status.SUCCESS)
    granted = attempt.open.lease_state or LeaseState.NONE
    check.that(
        attempt, "write caching", bool(granted & W), requirement="SMB2-3.3.5.9.8-07", specification=False
    )
    check.that(attempt, "lease state", granted, requirement="SMB2-3.3.1.4-08", windows=R, more=wanted & RH)
    lab.settle()
    check.that(holder, "oplock breaks", len(holder.oplock_breaks), specification=int(level != OplockLevel.II))
    check.alive(holder)
