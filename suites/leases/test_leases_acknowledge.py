"""Acknowledgments of lease breaks ([MS-SMB2] 3.3.5.22.2)."""

from __future__ import annotations

from collections.abc import Callable

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease
from smbtorture_py.conformance.needs import LEASING, MULTI_CHANNEL, SMB2_0_2, SMB3
from smbtorture_py.wire.create import CreateDisposition
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment
from smbtorture_py.wire.status import Status
from suites.leases.contest import NONE, WH, Contest, H, W, asked, expect_break, grant

UNKNOWN_TREE = 0x7E57
UNKNOWN_SESSION = 0x7E57_7E57
MARK = 0x1234


@case(
    "leases.acknowledged",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
    variants={"state": [RH, R, NONE]},
    answers=[
        "smbtorture:lease.breaking6",
        "ms:BVT_Leasing_FileLeasingV1",
        "smbtorture:lease.break",
        "ms:Model_Lease",
    ],
)
def test_an_acknowledgment(lab: Lab, state: LeaseState) -> None:
    """An acknowledgment of the new state or less succeeds, its response repeats key and state, the rest
    zero.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    answer = contest.file.acknowledge_lease(state)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "lease_key", specification=contest.key)
    check.field(answer, "lease_state", specification=state)
    for name in ("reserved", "flags", "lease_duration"):
        check.field(answer, name, requirement="SMB2-2.2.24.2-01", specification=0)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=state)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-too-much",
    requirements=["SMB2-3.3.5.22.2-02"],
    needs=[LEASING, SMB3],
    variants=[
        *({"target": RH, "state": state} for state in (RWH, RW, WH, W)),
        *({"target": NONE, "state": state} for state in (RWH, RW, WH, RH, W, H, R)),
    ],
    answers=[
        "ms:Model_Lease",
        "ms:hole.slip-ack-vacuous",
        "smbtorture:lease.breaking2",
        "ms:DirectoryLeasing_Negative_InvalidLeaseStateInLeaseBreakAck",
    ],
)
def test_an_acknowledgment_of_too_much(lab: Lab, target: LeaseState, state: LeaseState) -> None:
    """An acknowledgment that keeps more than the break leaves is refused; the lease breaks on until the
    right one.
    """
    contest = Contest(lab, RWH)
    disposition = CreateDisposition.OPEN if target else CreateDisposition.OVERWRITE
    attempt = contest.contend(create_disposition=disposition)
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=target)
    check(contest.file.acknowledge_lease(state), specification=Status.REQUEST_NOT_ACCEPTED)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    check(contest.file.acknowledge_lease(target), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-without-a-break",
    requirements=["SMB2-3.3.5.22.2-03"],
    needs=[LEASING, SMB3],
    variants={"held": [RWH, RH, R], "state": [RH, NONE]},
    answers=["ms:Model_Lease"],
)
def test_an_acknowledgment_of_no_break(lab: Lab, held: LeaseState, state: LeaseState) -> None:
    """An acknowledgment for a lease that is not breaking fails, and leaves the lease as it is."""
    contest = Contest(lab, held)
    check(contest.file.acknowledge_lease(state), specification=Status.UNSUCCESSFUL)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=held)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-twice",
    requirements=["SMB2-3.3.5.22.2-03"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.breaking2"],
)
def test_a_second_acknowledgment(lab: Lab) -> None:
    """A second acknowledgment of one break fails and changes nothing."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    contest.acknowledge(RH)
    attempt.wait().required()
    check(contest.file.acknowledge_lease(NONE), specification=Status.UNSUCCESSFUL)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-twice-on-two-channels",
    requirements=["SMB2-3.3.5.22.2-03"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    answers=["smbtorture:hole.two-acks"],
)
def test_acknowledgments_on_two_channels(lab: Lab) -> None:
    """Of two acknowledgments sent at once on two channels one succeeds, the other comes too late."""
    contest = Contest(lab, RWH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    answers = [
        contest.file.acknowledge_lease(RH, on=channel, wait=False) for channel in contest.holder.channels
    ]
    found = sorted(str(answer.wait().status) for answer in answers)
    check.that(
        contest.holder,
        "the two answers",
        found == sorted([str(Status.SUCCESS), str(Status.UNSUCCESSFUL)]),
        specification=True,
    )
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-unknown-key",
    requirements=["SMB2-3.3.5.22.2-04"],
    needs=[LEASING, SMB3],
    variants={"table": ["with leases", "without leases"]},
    answers=["ms:hole.slip-ack-vacuous", "ms:DirectoryLeasing_Negative_InvalidLeaseKeyInLeaseBreakAck"],
)
def test_an_unknown_key(lab: Lab, table: str) -> None:
    """An acknowledgment with a key that the client has no lease of fails, whether it has other leases or
    none.
    """
    session = lab.logon()
    tree = session.tree()
    if table == "with leases":
        grant(tree, lab.guid(), RWH)
    answer = tree.acknowledge_lease(lab.guid(), RH)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND, ksmbd=Status.UNSUCCESSFUL)
    check.alive(session)


@case(
    "leases.acknowledged-by-another-client",
    requirements=["SMB2-3.3.5.22.2-04"],
    needs=[LEASING, SMB3],
    variants={"who": ["bystander", "contender", "holder of the key elsewhere"]},
    answers=["ms:hole.slip-ack-vacuous", "ms:DirectoryLeasing_Negative_InvalidClientGuidInLeaseBreakAck"],
)
def test_another_client_acknowledges(lab: Lab, who: str) -> None:
    """An acknowledgment by another client does not end a break, even where that has a lease with the same
    key.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    tree = contest.rival_tree if who == "contender" else lab.another_client().tree()
    expected = Status.OBJECT_NAME_NOT_FOUND
    if who == "holder of the key elsewhere":
        tree.open(contexts=[lease(contest.key, RWH)])
        expected = Status.UNSUCCESSFUL
    requirement = "SMB2-3.3.5.22.2-04" if expected is Status.OBJECT_NAME_NOT_FOUND else "SMB2-3.3.5.9.8-13"
    check(tree.acknowledge_lease(contest.key, RH), requirement=requirement, specification=expected)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-on-another-channel",
    requirements=["SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1, 2]},
    answers=["smbtorture:multichannel.leases.test3"],
)
def test_another_channel_acknowledges(lab: Lab, channel: int) -> None:
    """A break can be acknowledged on any channel, whichever it came on."""
    contest = Contest(lab, RWH, channels=3)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    answer = contest.file.acknowledge_lease(RH, on=contest.holder.channels[channel])
    check(answer, specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-in-another-session",
    requirements=["SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.v2_complex2"],
)
def test_another_session_acknowledges(lab: Lab) -> None:
    """A break can be acknowledged in another session of the same client."""
    contest = Contest(lab, RWH)
    other = lab.logon()
    tree = other.tree()
    attempt = contest.contend()
    lab.wait(lambda: bool(contest.holder.lease_breaks or other.lease_breaks))
    check(tree.acknowledge_lease(contest.key, RH), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)
    check.alive(other)


@case(
    "leases.acknowledged-under-another-client-guid",
    requirements=["SMB2-3.3.5.5-12"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
)
def test_a_channel_with_another_client_guid_acknowledges(lab: Lab) -> None:
    """On a channel with another ClientGuid, where one can be bound, the lease to acknowledge is not found."""
    contest = Contest(lab, RWH)
    strange = lab.connect(client_guid=lab.guid())
    bound = strange.bind(contest.holder)
    refused = (Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED)
    check(bound, specification=Status.SUCCESS, permitted_refused=refused)
    if bound.actual is Status.SUCCESS:
        attempt = contest.contend()
        expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
        answer = contest.file.acknowledge_lease(RH, on=strange)
        check(answer, requirement="SMB2-3.3.5.22.2-06", specification=Status.OBJECT_NAME_NOT_FOUND)
        contest.acknowledge(RH)
        check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-on-2-0-2",
    requirements=["SMB2-3.3.5.22.2-08"],
    needs=[SMB2_0_2],
    variants={"dialect": [Dialect.SMB_2_0_2]},
)
def test_a_lease_acknowledgment_on_2_0_2(lab: Lab) -> None:
    """On 2.0.2 an acknowledgment of a lease break is an oplock's of the wrong size."""
    tree = lab.logon().tree()
    answer = tree.acknowledge_lease(lab.guid(), R)
    check(answer, specification=Status.INVALID_PARAMETER, samba=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(tree.session)


@case(
    "leases.acknowledged-with-wrong-ids",
    requirements=["SMB2-3.3.5.22.2-09"],
    needs=[LEASING, SMB3],
    variants=[
        {"what": "tree", "expected": Status.NETWORK_NAME_DELETED},
        {"what": "session", "expected": Status.USER_SESSION_DELETED},
    ],
)
def test_an_acknowledgment_with_wrong_ids(lab: Lab, what: str, expected: Status) -> None:
    """An acknowledgment on an unknown tree or session is refused and ends no break."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    if what == "tree":
        answer = contest.file.acknowledge_lease(RH, tree_id=UNKNOWN_TREE)
    else:
        body = LeaseBreakAcknowledgment(lease_key=contest.key, lease_state=RH)
        connection = contest.holder.connection
        answer = connection.send(body, session_id=UNKNOWN_SESSION, tree_id=contest.tree.core.tree_connect_id)
    check(answer, specification=expected)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-on-another-tree",
    requirements=["SMB2-3.3.5.22.2-01"],
    needs=[LEASING, SMB3],
)
def test_an_acknowledgment_on_another_tree(lab: Lab) -> None:
    """The lease is found by its key: an acknowledgment may come on another tree connect of the session."""
    contest = Contest(lab, RWH)
    other = contest.holder.tree()
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    check(other.acknowledge_lease(contest.key, RH), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


def with_flags(key: bytes) -> LeaseBreakAcknowledgment:
    """Flags is not zero."""
    return LeaseBreakAcknowledgment(lease_key=key, lease_state=RH, flags=MARK)


def with_reserved(key: bytes) -> LeaseBreakAcknowledgment:
    """Reserved is not zero."""
    return LeaseBreakAcknowledgment(lease_key=key, lease_state=RH, reserved=MARK)


def with_duration(key: bytes) -> LeaseBreakAcknowledgment:
    """LeaseDuration is not zero."""
    return LeaseBreakAcknowledgment(lease_key=key, lease_state=RH, lease_duration=MARK)


@case(
    "leases.acknowledged-with-reserved",
    requirements=["SMB2-2.2.24.2-01"],
    needs=[LEASING, SMB3],
    variants={"body": [with_flags, with_reserved, with_duration]},
)
def test_reserved_fields_of_an_acknowledgment(
    lab: Lab, body: Callable[[bytes], LeaseBreakAcknowledgment]
) -> None:
    """Flags, Reserved and LeaseDuration of an acknowledgment are ignored."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    answer = contest.tree.send(body(contest.key))
    check(answer, specification=Status.SUCCESS)
    for name in ("reserved", "flags", "lease_duration"):
        check.field(answer, name, specification=0)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.not-acknowledged",
    requirements=["SMB2-3.3.4.7-10", "SMB2-3.3.5.22.2-07"],
    needs=[LEASING, SMB3],
    variants={"held": [RWH, RW]},
    slow=True,
    answers=["smbtorture:lease.timeout"],
)
def test_no_acknowledgment(lab: Lab, held: LeaseState) -> None:
    """A break that is not acknowledged ends with its time: the contender goes on, the lease is gone, an
    answer is late.
    """
    contest = Contest(lab, held)
    attempt = contest.contend(contexts=[lease(lab.guid(), RH)])
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=held & RH)
    timeout = lab.target.break_timeout
    early = attempt.wait(within=timeout * 0.8).arrived
    check.that(attempt, "answered long before the time", early, specification=False)
    check(attempt.wait(within=timeout), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RH)
    late = contest.file.acknowledge_lease(held & RH)
    check(late, requirement="SMB2-3.3.5.22.2-07", specification=Status.UNSUCCESSFUL)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=NONE)
    check(contest.file.write(b"still"), specification=Status.SUCCESS)
    expect_break(contest.rival, requirement="SMB2-3.3.1.4-01", specification=NONE)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-in-time",
    requirements=["SMB2-3.3.4.7-10"],
    needs=[LEASING, SMB3],
    slow=True,
)
def test_a_late_acknowledgment_in_time(lab: Lab) -> None:
    """An acknowledgment shortly before the time is over counts."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    lab.pause(lab.target.break_timeout * 0.8)
    check(contest.file.acknowledge_lease(RH), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.upgraded-after-a-break",
    requirements=["SMB2-3.3.5.9.8-05"],
    needs=[LEASING, SMB3],
)
def test_upgrade_after_a_break(lab: Lab) -> None:
    """When the contender has closed, an open with the key gets back what the break took."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    contest.acknowledge(RH)
    attempt.wait().required()
    beside = contest.again(RWH)
    check.that(beside, "lease state", beside.lease_state, requirement="SMB2-3.3.5.9.8-07", specification=RH)
    attempt.open.close().required()
    again = contest.tree.open(contest.name, contexts=[asked(contest.key, RWH)])
    check.that(again, "lease state", again.lease_state, specification=RWH)
    check.alive(contest.holder)
