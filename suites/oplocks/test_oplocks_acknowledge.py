"""Acknowledgments of oplock breaks ([MS-SMB2] 3.3.5.22.1)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, at_least, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import durable_v2
from smbtorture_py.conformance.needs import DURABLE_HANDLES, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.oplock_break import OplockBreakAcknowledgment
from smbtorture_py.wire.status import Status
from suites.oplocks.contest import A_MOMENT, ALONE, BATCH, EXCLUSIVE, II, LEVELS, NONE, Contest, expect_break

UNKNOWN_TREE = 0x7E57
UNKNOWN_SESSION = 0x7E57_7E57
UNKNOWN_LEVEL = 0x05
UNKNOWN_ID = 0x7E57_7E57_7E57


@case(
    "oplocks.acknowledged",
    requirements=["SMB2-3.3.5.22.1-01"],
    variants={"held": ALONE, "level": [II, NONE]},
    answers=["smbtorture:oplock.exclusive2", "smbtorture:oplock.batch2", "ms:BVT_OpLockBreak"],
)
def test_an_acknowledgment(lab: Lab, held: OplockLevel, level: OplockLevel) -> None:
    """An acknowledgment of II or none succeeds, and its response repeats level and FileId."""
    contest = Contest(lab, held)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    answer = contest.file.acknowledge_oplock(level)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=level)
    same = answer.field("file_id") == contest.file.file_id
    check.that(answer, "FileId is that of the open", same, specification=True)
    check.field(answer, "reserved", specification=0)
    check.field(answer, "reserved2", specification=0)
    check(attempt.wait(), specification=Status.SUCCESS)
    attempt.open.write(b"new").required()
    if level == II:
        expect_break(contest.holder, after=1, requirement="SMB2-3.3.4.6-08", specification=NONE)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-without-a-break",
    requirements=["SMB2-3.3.5.22.1-02"],
    variants={"held": [NONE, *LEVELS], "level": [II, NONE]},
)
def test_an_acknowledgment_of_no_break(lab: Lab, held: OplockLevel, level: OplockLevel) -> None:
    """An acknowledgment where no break is under way fails, and the oplock stays."""
    contest = Contest(lab, held)
    check(
        contest.file.acknowledge_oplock(level),
        specification=Status.INVALID_DEVICE_STATE,
        samba=Status.INVALID_OPLOCK_PROTOCOL,
        ksmbd=Status.UNSUCCESSFUL,
    )
    if held in ALONE:
        contest.contend()
        expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
        contest.acknowledge()
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-wrongly-without-a-break",
    requirements=["SMB2-3.3.5.22.1-02"],
    variants=[
        *({"held": held, "level": OplockLevel.LEASE} for held in LEVELS),
        *({"held": held, "level": BATCH} for held in LEVELS),
        {"held": BATCH, "level": EXCLUSIVE},
    ],
)
def test_a_wrong_level_without_a_break(lab: Lab, held: OplockLevel, level: OplockLevel) -> None:
    """Where no break is under way the state counts before the level: a wrong level gets the same status."""
    contest = Contest(lab, held)
    check(
        contest.file.acknowledge_oplock(level),
        specification=Status.INVALID_DEVICE_STATE,
        by_level=(Status.INVALID_PARAMETER, Status.INVALID_OPLOCK_PROTOCOL),
    )
    check.alive(contest.holder)


@case("oplocks.acknowledged-twice", requirements=["SMB2-3.3.5.22.1-02"], variants={"level": [II, NONE]})
def test_a_second_acknowledgment(lab: Lab, level: OplockLevel) -> None:
    """A second acknowledgment of one break fails."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    contest.acknowledge(level)
    attempt.wait().required()
    check(
        contest.file.acknowledge_oplock(NONE),
        specification=Status.INVALID_DEVICE_STATE,
        samba=Status.INVALID_OPLOCK_PROTOCOL,
    )
    check.alive(contest.holder)


@case("oplocks.acknowledged-as-a-lease", requirements=["SMB2-3.3.5.22.1-03"], variants={"held": ALONE})
def test_the_level_of_leases(lab: Lab, held: OplockLevel) -> None:
    """An acknowledgment with the level of leases fails and leaves no oplock; the contender goes on."""
    contest = Contest(lab, held)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    answer = contest.file.acknowledge_oplock(OplockLevel.LEASE)
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.INVALID_OPLOCK_PROTOCOL)
    check(attempt.wait(within=A_MOMENT), specification=Status.SUCCESS, samba=NO_ANSWER)
    again = contest.file.acknowledge_oplock(II)
    check(again, specification=Status.INVALID_DEVICE_STATE, samba=Status.INVALID_OPLOCK_PROTOCOL)
    check.alive(contest.holder)


@case(
    "oplocks.exclusive-acknowledged-wrongly",
    requirements=["SMB2-3.3.5.22.1-04"],
    variants={"level": [EXCLUSIVE, BATCH, UNKNOWN_LEVEL]},
)
def test_a_wrong_level_for_exclusive(lab: Lab, level: int) -> None:
    """For an exclusive oplock an acknowledgment of anything but II or none fails and leaves no oplock."""
    contest = Contest(lab, EXCLUSIVE)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    body = OplockBreakAcknowledgment(oplock_level=level, file_id=contest.file.file_id)
    check(
        contest.file.send(body),
        specification=Status.INVALID_OPLOCK_PROTOCOL,
        samba=Status.INVALID_PARAMETER,
    )
    check(attempt.wait(within=A_MOMENT), specification=Status.SUCCESS, samba=NO_ANSWER)
    check.alive(contest.holder)


@case(
    "oplocks.batch-acknowledged-wrongly",
    requirements=["SMB2-3.3.5.22.1-05"],
    variants={"level": [BATCH, UNKNOWN_LEVEL]},
)
def test_a_wrong_level_for_batch(lab: Lab, level: int) -> None:
    """For a batch oplock an acknowledgment of batch, or of no level there is, fails and leaves no oplock."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    body = OplockBreakAcknowledgment(oplock_level=level, file_id=contest.file.file_id)
    check(
        contest.file.send(body),
        specification=Status.INVALID_OPLOCK_PROTOCOL,
        samba=Status.INVALID_PARAMETER,
    )
    check(attempt.wait(within=A_MOMENT), specification=Status.SUCCESS, samba=NO_ANSWER)
    check.alive(contest.holder)


@case("oplocks.batch-acknowledged-as-exclusive", requirements=["SMB2-3.3.5.22.1-06"])
def test_exclusive_for_batch(lab: Lab) -> None:
    """For a batch oplock an acknowledgment of exclusive is taken as none."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    answer = contest.file.acknowledge_oplock(EXCLUSIVE)
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    check.field(answer, "oplock_level", specification=NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-unknown-file",
    requirements=["SMB2-3.3.5.22.1-08"],
    variants={"what": ["volatile", "persistent", "both", "closed"]},
)
def test_an_unknown_file(lab: Lab, what: str) -> None:
    """An acknowledgment with an unknown FileId, or half of one, fails; the break goes on."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    own = contest.file.file_id
    wrong = FileId(
        UNKNOWN_ID if what in ("persistent", "both") else own.persistent,
        UNKNOWN_ID if what in ("volatile", "both") else own.volatile,
    )
    if what == "closed":
        other = contest.tree.open()
        wrong = other.file_id
        other.close().required()
    body = OplockBreakAcknowledgment(oplock_level=II, file_id=wrong)
    check(contest.tree.send(body), specification=Status.FILE_CLOSED)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    contest.acknowledge()
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-on-another-channel",
    requirements=["SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1, 2]},
    answers=["smbtorture:hole.oplock-ack-other-channel"],
)
def test_another_channel_acknowledges(lab: Lab, channel: int) -> None:
    """A break can be acknowledged on any channel, whichever it came on."""
    contest = Contest(lab, BATCH, channels=3)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    answer = contest.file.acknowledge_oplock(II, on=contest.holder.channels[channel])
    check(answer, specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-twice-on-two-channels",
    requirements=["SMB2-3.3.5.22.1-02", "SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    answers=["smbtorture:hole.two-acks"],
)
def test_acknowledgments_on_two_channels(lab: Lab) -> None:
    """Of two acknowledgments sent at once on two channels exactly one succeeds."""
    contest = Contest(lab, BATCH, channels=2)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    answers = [
        contest.file.acknowledge_oplock(II, on=channel, wait=False) for channel in contest.holder.channels
    ]
    taken = [answer.wait().actual is Status.SUCCESS for answer in answers]
    check.that(contest.holder, "acknowledgments that succeed", sum(taken), specification=1)
    check(attempt.wait(), requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case("oplocks.acknowledged-in-another-session", requirements=["SMB2-3.3.5.22.1-08"])
def test_another_session_acknowledges(lab: Lab) -> None:
    """An acknowledgment in another session of the same client finds no open, and ends no break."""
    contest = Contest(lab, BATCH)
    other = lab.logon().tree()
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    body = OplockBreakAcknowledgment(oplock_level=II, file_id=contest.file.file_id)
    check(other.send(body), specification=Status.FILE_CLOSED)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    contest.acknowledge()
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-with-wrong-ids",
    requirements=["SMB2-3.3.5.2.11-03", "SMB2-3.3.5.2.9-01"],
    variants=[
        {"what": "tree", "expected": Status.NETWORK_NAME_DELETED},
        {"what": "session", "expected": Status.USER_SESSION_DELETED},
    ],
)
def test_an_acknowledgment_with_wrong_ids(lab: Lab, what: str, expected: Status) -> None:
    """An acknowledgment on an unknown tree or session is refused and ends no break."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    body = OplockBreakAcknowledgment(oplock_level=II, file_id=contest.file.file_id)
    if what == "tree":
        answer = contest.tree.send(body, tree_id=UNKNOWN_TREE)
        check(answer, requirement="SMB2-3.3.5.2.11-03", specification=expected)
    else:
        connection = contest.holder.connection
        answer = connection.send(body, session_id=UNKNOWN_SESSION, tree_id=contest.tree.core.tree_connect_id)
        check(answer, requirement="SMB2-3.3.5.2.9-01", specification=expected)
    check.that(attempt, "answered", attempt.wait(within=0.2).arrived, specification=False)
    contest.acknowledge()
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.not-acknowledged",
    requirements=["SMB2-3.3.4.6-09", "SMB2-3.3.5.22.1-02"],
    variants={"held": ALONE},
    slow=True,
    answers=["smbtorture:oplock.batch22a"],
)
def test_no_acknowledgment(lab: Lab, held: OplockLevel) -> None:
    """A break that is not acknowledged ends with its time: the contender goes on, and an answer is too
    late.
    """
    contest = Contest(lab, held)
    start = lab.now
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    timeout = lab.target.break_timeout
    check.that(attempt, "answered early", attempt.wait(within=timeout * 0.8).arrived, specification=False)
    check(attempt.wait(within=timeout), specification=Status.SUCCESS)
    check.that(attempt, "seconds that it took", round(lab.now - start), specification=at_least(30))
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    check(attempt.open.write(b"new"), specification=Status.SUCCESS)
    check(contest.file.write(b"still"), specification=Status.SUCCESS)
    lab.settle()
    check.that(contest.holder, "breaks", len(contest.holder.oplock_breaks), specification=1)
    late = contest.file.acknowledge_oplock(II)
    check(
        late,
        requirement="SMB2-3.3.5.22.1-02",
        specification=Status.INVALID_DEVICE_STATE,
        samba=Status.INVALID_OPLOCK_PROTOCOL,
    )
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-in-time",
    requirements=["SMB2-3.3.4.6-09"],
    slow=True,
)
def test_a_late_acknowledgment_in_time(lab: Lab) -> None:
    """An acknowledgment shortly before the time is over counts."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    lab.pause(lab.target.break_timeout * 0.8)
    check(contest.file.acknowledge_oplock(II), specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledgment-ends-replay",
    requirements=["SMB2-3.3.5.22.1-11"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL],
)
def test_an_acknowledgment_ends_replay(lab: Lab) -> None:
    """After an acknowledgment the CREATE of the open can no longer be replayed."""
    guid = lab.guid()
    contest = Contest(lab, BATCH, contexts=[durable_v2(guid)], channels=2)
    if not contest.file.is_durable:
        lab.need(DURABLE_HANDLES)
    again = {"contexts": [durable_v2(guid)], "requested_oplock_level": BATCH, "replay": True}
    replayed = contest.tree.create(contest.name, **again)  # type: ignore[arg-type]
    same = replayed.actual is Status.SUCCESS and replayed.open.file_id == contest.file.file_id
    check.that(
        replayed, "replay gives the same open", same, requirement="SMB2-3.3.5.9-01", specification=True
    )
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    contest.acknowledge()
    attempt.wait().required()
    replayed = contest.tree.create(contest.name, **again)  # type: ignore[arg-type]
    same = replayed.actual is Status.SUCCESS and replayed.open.file_id == contest.file.file_id
    check.that(replayed, "replay gives the same open", same, specification=False)
    check.alive(contest.holder)
