"""What goes on while a lease breaks ([MS-SMB2] 3.3.1.4, 3.3.4.7, 3.3.5.9.8)."""

from __future__ import annotations

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tree import create_request
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease
from smbtorture_py.conformance.needs import LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import AccessMask, CreateDisposition, OplockLevel
from smbtorture_py.wire.create_contexts import ResponseLease, ResponseLeaseV2
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest
from suites.leases import changes
from suites.leases.contest import (
    A_MOMENT,
    NONE,
    SHARE_NONE,
    V2,
    Contest,
    asked,
    expect_break,
    expect_quiet,
    grant,
)

VERSIONS = (1, V2)


def flags_of(file_lease: object) -> LeaseFlags:
    """Return the flags of a granted lease of either version."""
    if isinstance(file_lease, ResponseLeaseV2):
        return file_lease.flags
    return file_lease.lease_flags if isinstance(file_lease, ResponseLease) else LeaseFlags.NONE


@case(
    "leases.contender-waits",
    requirements=["SMB2-3.3.4.7-01", "SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={"state": [RH, R, NONE]},
    answers=["smbtorture:lease.breaking1", "smbtorture:lease.breaking6"],
)
def test_the_contender_waits(lab: Lab, state: LeaseState) -> None:
    """An open waits, with an interim response, until the holder of write caching has acknowledged."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, specification=RH)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    check.that(attempt, "answered", attempt.wait(within=A_MOMENT).arrived, specification=False)
    contest.acknowledge(state)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=state)
    check.alive(contest.holder)


@case(
    "leases.closed-instead",
    requirements=["SMB2-3.3.4.7-11", "SMB2-3.3.4.17-01"],
    needs=[LEASING, SMB3],
    variants={"held": [RW, RWH]},
)
def test_closing_ends_a_break(lab: Lab, held: LeaseState) -> None:
    """A holder that closes instead of acknowledging lets the contender go on, who gets all it asked for."""
    contest = Contest(lab, held)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    expect_break(contest.holder, specification=held & RH)
    contest.file.close().required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RWH)
    late = contest.tree.acknowledge_lease(contest.key, R)
    check(late, requirement="SMB2-3.3.4.17-01", specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(contest.holder)


@case(
    "leases.one-of-two-closed",
    requirements=["SMB2-3.3.4.7-11"],
    needs=[LEASING, SMB3],
)
def test_closing_one_of_two_opens(lab: Lab) -> None:
    """Closing one of two opens of a lease ends no break; closing the other one does."""
    contest = Contest(lab, RWH)
    second = contest.again()
    attempt = contest.contend()
    expect_break(contest.holder, specification=RH)
    contest.file.close().required()
    check.that(attempt, "answered", attempt.wait(within=A_MOMENT).arrived, specification=False)
    second.close().required()
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


@case(
    "leases.open-while-breaking",
    requirements=["SMB2-3.3.5.9.8-08"],
    needs=[LEASING],
    variants={"version": VERSIONS},
    answers=["smbtorture:lease.breaking1"],
)
def test_an_open_while_breaking(lab: Lab, version: int) -> None:
    """An open with the key goes through while the lease breaks, shows its old state and that it is
    breaking.
    """
    if version == V2:
        lab.need(SMB3)
    contest = Contest(lab, RWH, version=version)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    again = contest.tree.create(contest.name, contexts=[asked(contest.key, RWH, version=version)])
    check(again, specification=Status.SUCCESS)
    check.that(again, "lease state", again.open.lease_state, specification=RWH)
    check.that(again, "flags", flags_of(again.open.lease), specification=LeaseFlags.BREAK_IN_PROGRESS)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    after = contest.again()
    check.that(after, "flags", flags_of(after.lease), specification=LeaseFlags.NONE)
    check.that(after, "lease state", after.lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.no-promotion-while-breaking",
    requirements=["SMB2-3.3.5.9.8-08"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.breaking4"],
)
def test_no_promotion_while_breaking(lab: Lab) -> None:
    """A lease that breaks is not promoted, whatever an open with its key asks for."""
    contest = Contest(lab, RH)
    attempt = contest.contend(share_access=SHARE_NONE)
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-02", specification=R)
    again = contest.again(RWH)
    check.that(again, "lease state", again.lease_state, specification=RH)
    check.that(again, "flags", flags_of(again.lease), specification=LeaseFlags.BREAK_IN_PROGRESS)
    contest.acknowledge(R)
    check(attempt.wait(), specification=Status.SHARING_VIOLATION)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=R)
    check.alive(contest.holder)


@case(
    "leases.conflict-while-breaking",
    requirements=["SMB2-3.3.4.7-12"],
    needs=[LEASING, SMB3],
    variants={"version": VERSIONS},
    answers=["smbtorture:lease.breaking3", "smbtorture:lease.v2_breaking3"],
)
def test_a_second_conflict_while_breaking(lab: Lab, version: int) -> None:
    """What a conflict with further consequences does that meets a breaking lease: breaks follow one
    another.
    """
    contest = Contest(lab, RWH, version=version)
    first = contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    second = (
        lab.another_client()
        .tree()
        .create(contest.name, create_disposition=CreateDisposition.OVERWRITE, wait=False)
    )
    second.wait_pending()
    lab.settle()
    check.that(
        contest.holder, "breaks before the acknowledgment", len(contest.holder.lease_breaks), one=1, two=2
    )
    states = [str(broken.body.new_lease_state.abbreviation)]
    epochs = [broken.body.new_epoch]
    answer = contest.file.acknowledge_lease(RH)
    check(answer, acknowledged=Status.SUCCESS, refused=Status.REQUEST_NOT_ACCEPTED)
    count = 1
    while (following := contest.holder.wait_lease_break(after=count, within=1.0)).arrived:
        count += 1
        states.append(following.body.new_lease_state.abbreviation)
        epochs.append(following.body.new_epoch)
        if following.body.flags:
            contest.file.acknowledge_lease(following.body.new_lease_state)
    check.that(
        contest.holder, "states it breaks to", ",".join(states), windows="RH,R,NONE", at_once="RH,NONE"
    )
    rises = [later - epochs[0] for later in epochs]
    check.that(
        contest.holder, "rise of the epoch", str(rises), windows="[0, 0, 0]", counted=str([*range(count)])
    )
    check(first.wait(), answered=Status.SUCCESS)
    check(second.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.two-contenders",
    requirements=["SMB2-3.3.4.7-19"],
    needs=[LEASING, SMB3],
)
def test_two_contenders_at_once(lab: Lab) -> None:
    """Two opens that conflict in the same way wait for one break, and both go on when it is acknowledged."""
    contest = Contest(lab, RWH)
    first = contest.contend()
    expect_break(contest.holder, specification=RH)
    second = lab.another_client().tree().create(contest.name, wait=False)
    check.that(second, "pending", second.wait_pending(), requirement="SMB2-3.3.1.4-02", specification=True)
    expect_quiet(contest.holder, 1)
    contest.acknowledge(RH)
    check(first.wait(), specification=Status.SUCCESS)
    check(second.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.two-files-breaking",
    requirements=["SMB2-3.3.4.7-01", "SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
)
def test_two_leases_breaking_at_once(lab: Lab) -> None:
    """Two leases of one client break at once and are acknowledged in the other order: each has its own
    contender.
    """
    contest = Contest(lab, RWH)
    other_key = lab.guid()
    other = grant(contest.tree, other_key, RWH)
    first = contest.contend()
    second = contest.rival_tree.create(other.name, wait=False)
    for number in range(2):
        expect_break(contest.holder, after=number, specification=RH)
    keys = {one.body.lease_key for one in contest.holder.lease_breaks}
    check.that(contest.holder, "each is broken", keys == {contest.key, other_key}, specification=True)
    contest.tree.acknowledge_lease(other_key, RH).required()
    check(second.wait(), specification=Status.SUCCESS)
    check.that(first, "answered", first.wait(within=A_MOMENT).arrived, specification=False)
    contest.acknowledge(RH)
    check(first.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.contender-cancelled",
    requirements=["SMB2-3.3.5.16-01", "SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
)
def test_the_contender_is_cancelled(lab: Lab) -> None:
    """An open that waits for a break can be cancelled; the break goes on and is acknowledged as ever."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    attempt.wait_pending()
    attempt.cancel()
    check(attempt.wait(), specification=Status.CANCELLED)
    answer = contest.file.acknowledge_lease(RH)
    check(answer, requirement="SMB2-3.3.5.22.2-01", specification=Status.SUCCESS)
    check.alive(contest.holder)
    check.alive(contest.rival)


@case(
    "leases.contender-lost",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET]},
    answers=["smbtorture:lease.timeout-disconnect"],
)
def test_the_contender_is_lost(lab: Lab, fault: FaultKind) -> None:
    """A contender that is lost while it waits leaves the break to be acknowledged, and no open behind."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(share_access=SHARE_NONE, contexts=[])
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-02", specification=RW)
    attempt.wait_pending()
    contest.rival.connection.faults.apply(fault)
    check(contest.file.acknowledge_lease(RW), specification=Status.SUCCESS)
    contest.file.close().required()
    last = lab.eventually(
        lambda: lab.another_client().tree().create(contest.name),
        lambda answer: answer.actual is Status.SUCCESS,
    )
    check(last, specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.contender-of-the-same-client-lost",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.timeout-disconnect"],
)
def test_contender_and_holder_of_one_client_are_lost(lab: Lab) -> None:
    """A client that contends with itself and loses one connection after the other leaves a working server
    behind.
    """
    sessions = [lab.logon() for _ in range(3)]
    key = lab.guid()
    held = grant(sessions[0].tree(), key, RH, share_access=SHARE_NONE)
    attempt = sessions[1].tree().create(held.name, wait=False)
    expect_break(sessions[0], requirement="SMB2-3.3.1.4-03", specification=R)
    attempt.wait_pending()
    for number in (1, 0, 2):
        sessions[number].connection.close()
    last = lab.eventually(
        lambda: lab.another_client().tree().create(held.name), lambda answer: answer.actual is Status.SUCCESS
    )
    check(last, specification=Status.SUCCESS)


@case(
    "leases.operations-while-breaking",
    requirements=["SMB2-3.3.1.4-05"],
    needs=[LEASING, SMB3],
)
def test_the_holder_works_while_it_breaks(lab: Lab) -> None:
    """While its lease breaks the holder writes back what it cached, locks and reads: nothing waits or
    breaks again.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    check(contest.file.write(b"cached"), specification=Status.SUCCESS)
    check(contest.file.flush(), specification=Status.SUCCESS)
    check(contest.file.lock(), specification=Status.SUCCESS)
    check(contest.file.unlock(), specification=Status.SUCCESS)
    check(changes.set_end_of_file(contest.file).wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "what the other reads", attempt.open.read(0, 6).data, specification=b"cached")
    check.alive(contest.holder)


@case(
    "leases.contender-in-a-compound",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
)
def test_a_compound_waits(lab: Lab) -> None:
    """A compound of CREATE, WRITE and CLOSE waits as a whole for a break, and breaks the rest when it
    writes.
    """
    contest = Contest(lab, RW)
    session, tree = contest.rival.core, contest.rival_tree.core
    bodies = (
        create_request(contest.name),
        WriteRequest(offset=0, file_id=FILE_ID_ANY, data=b"new"),
        CloseRequest(file_id=FILE_ID_ANY),
    )
    answers = contest.rival.connection.send_compound(
        [Submission(body=body, session=session, tree=tree) for body in bodies], related=True, wait=False
    )
    expect_break(contest.holder, specification=R)
    check.that(answers[0], "answered", answers[0].wait(within=A_MOMENT).arrived, specification=False)
    contest.acknowledge(R)
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    expect_break(contest.holder, after=1, requirement="SMB2-3.3.1.4-01", specification=NONE)
    check.that(contest.file, "content", contest.file.read().data, specification=b"new")
    check.alive(contest.holder)


@case(
    "leases.broken-in-a-compound",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
)
def test_an_acknowledgment_in_a_compound(lab: Lab) -> None:
    """An acknowledgment that comes in one frame with another request is taken as any."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    acknowledgment = LeaseBreakAcknowledgment(lease_key=contest.key, lease_state=RH)
    answers = contest.holder.connection.send_compound(
        [
            Submission(body=EchoRequest(), session=contest.holder.core),
            Submission(body=acknowledgment, session=contest.holder.core, tree=contest.tree.core),
        ]
    )
    for answer in answers:
        check(answer, specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.grant-while-another-breaks",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
)
def test_a_plain_reader_while_breaking(lab: Lab) -> None:
    """While a lease breaks an open for attributes goes through, and one for data waits as the first did."""
    contest = Contest(lab, RWH)
    first = contest.contend()
    expect_break(contest.holder, specification=RH)
    tree = lab.another_client().tree()
    stat = tree.create(contest.name, desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    check(stat, requirement="SMB2-3.3.1.4-07", specification=Status.SUCCESS)
    data = tree.create(contest.name, requested_oplock_level=OplockLevel.BATCH, wait=False)
    check.that(data, "pending", data.wait_pending(), specification=True)
    contest.acknowledge(RH)
    check(first.wait(), specification=Status.SUCCESS)
    check(data.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)
