"""Acknowledgments of lease breaks whose frames come to harm ([MS-SMB2] 3.3.5.2, 3.3.5.22.2), and opens that
outlive their client or do not (3.3.4.7).
"""

from __future__ import annotations

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, lease
from smbtorture_py.conformance.needs import LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.leases.contest import A_MOMENT, SHARE_NONE, Contest, expect_break

INSIDE_THE_KEY = 4 + 64 + 8 + 4
"""Offset in a frame of a byte of the acknowledgment's LeaseKey."""


@case(
    "leases.acknowledgment-comes-late-or-in-pieces",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
    variants={"fault": [FaultKind.DELAY, FaultKind.SPLIT]},
)
def test_an_acknowledgment_in_pieces(lab: Lab, fault: FaultKind) -> None:
    """An acknowledgment that comes in several segments, or half a second late, counts."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    position = Position.BEFORE_REQUEST if fault is FaultKind.DELAY else Position.INSIDE_REQUEST
    contest.holder.connection.link.faults.arm(fault, position)
    check(contest.file.acknowledge_lease(RH), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledgment-comes-to-harm",
    requirements=["SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CUT, FaultKind.CORRUPT]},
)
def test_an_acknowledgment_comes_to_harm(lab: Lab, fault: FaultKind) -> None:
    """An acknowledgment that is cut off, or whose signature is wrong, ends no break; one on another channel
    does.
    """
    contest = Contest(lab, RWH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    first, second = contest.holder.channels
    first.faults.arm(fault, Position.INSIDE_REQUEST, keep=INSIDE_THE_KEY)
    harmed = contest.file.acknowledge_lease(RH, on=first, sign=True, wait=False)
    harmed.wait(within=A_MOMENT)
    check.that(attempt, "answered", attempt.wait(within=A_MOMENT).arrived, specification=False)
    check(contest.file.acknowledge_lease(RH, on=second), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledgment-comes-twice",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
)
def test_an_acknowledgment_is_duplicated(lab: Lab) -> None:
    """An acknowledgment that comes twice, byte for byte, counts once, whatever becomes of the channel."""
    contest = Contest(lab, RWH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    first, second = contest.holder.channels
    first.faults.arm(FaultKind.DUPLICATE, Position.INSIDE_REQUEST)
    first.tolerate(Rule.UNKNOWN_MESSAGE_ID)
    contest.file.acknowledge_lease(RH, on=first, wait=False).wait(within=A_MOMENT)
    check(attempt.wait(), specification=Status.SUCCESS)
    again = contest.again(on=second)
    check.that(again, "the lease afterwards", again.lease_state, specification=RH)
    late = contest.file.acknowledge_lease(RH, on=second)
    check(late, requirement="SMB2-3.3.5.22.2-03", specification=Status.UNSUCCESSFUL)
    check.alive(contest.holder)


@case(
    "leases.break-of-an-open-without-share",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[LEASING, SMB3],
    variants={"held": [RH, RW, RWH]},
)
def test_a_lost_holder_that_shared_nothing(lab: Lab, held: LeaseState) -> None:
    """A file that was open for one client alone is free as soon as that is lost, and everything else with
    it.
    """
    contest = Contest(lab, held, share_access=SHARE_NONE)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)], share_access=SHARE_NONE)
    lab.settle()
    contest.holder.connection.abort()
    again = attempt.wait()
    if again.actual is not Status.SUCCESS:
        again = lab.eventually(
            lambda: contest.rival_tree.create(
                contest.name, contexts=[lease(lab.guid(), RWH)], share_access=SHARE_NONE
            ),
            lambda answer: answer.actual is Status.SUCCESS,
        )
    check(again, specification=Status.SUCCESS)
    check.that(again, "lease state", again.open.lease_state, specification=RWH)
    check.alive(contest.rival)
