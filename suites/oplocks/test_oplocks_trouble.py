"""Acknowledgments of oplock breaks whose frames come to harm ([MS-SMB2] 3.3.5.2, 3.3.5.22.1)."""

from __future__ import annotations

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.status import Status
from suites.oplocks.contest import A_MOMENT, BATCH, II, NONE, Contest, expect_break

INSIDE_THE_FILE_ID = 4 + 64 + 8 + 4
"""Offset in a frame of a byte of the acknowledgment's FileId."""


@case(
    "oplocks.acknowledgment-comes-late-or-in-pieces",
    requirements=["SMB2-3.3.5.22.1-01"],
    variants={"fault": [FaultKind.DELAY, FaultKind.SPLIT]},
)
def test_an_acknowledgment_in_pieces(lab: Lab, fault: FaultKind) -> None:
    """An acknowledgment that comes in several segments, or half a second late, counts."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    position = Position.BEFORE_REQUEST if fault is FaultKind.DELAY else Position.INSIDE_REQUEST
    contest.holder.connection.link.faults.arm(fault, position)
    check(contest.file.acknowledge_oplock(II), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledgment-comes-to-harm",
    requirements=["SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CUT, FaultKind.CORRUPT]},
)
def test_an_acknowledgment_comes_to_harm(lab: Lab, fault: FaultKind) -> None:
    """An acknowledgment that is cut off, or whose signature is wrong, ends no break; another does."""
    contest = Contest(lab, BATCH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    first, second = contest.holder.channels
    first.faults.arm(fault, Position.INSIDE_REQUEST, keep=INSIDE_THE_FILE_ID)
    contest.file.acknowledge_oplock(II, on=first, sign=True, wait=False).wait(within=A_MOMENT)
    check.that(attempt, "answered", attempt.wait(within=A_MOMENT).arrived, specification=False)
    check(contest.file.acknowledge_oplock(II, on=second), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledgment-comes-twice",
    requirements=["SMB2-3.3.5.22.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_an_acknowledgment_is_duplicated(lab: Lab) -> None:
    """An acknowledgment that comes twice, byte for byte, counts once, whatever becomes of the channel."""
    contest = Contest(lab, BATCH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    first, second = contest.holder.channels
    first.faults.arm(FaultKind.DUPLICATE, Position.INSIDE_REQUEST)
    first.tolerate(Rule.UNKNOWN_MESSAGE_ID)
    contest.file.acknowledge_oplock(II, on=first, wait=False).wait(within=A_MOMENT)
    check(attempt.wait(), specification=Status.SUCCESS)
    check(attempt.open.write(b"new"), specification=Status.SUCCESS)
    lab.settle()
    levels = sorted({one.body.oplock_level for one in contest.holder.oplock_breaks})
    check.that(contest.holder, "levels that were asked for", levels == [NONE, II], specification=True)
    check(contest.file.write(b"still", on=second), specification=Status.SUCCESS)
    check.alive(contest.holder)
