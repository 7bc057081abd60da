"""Which channel an oplock break goes to, and what happens when that is lost ([MS-SMB2] 3.3.4.6)."""

from __future__ import annotations

from collections.abc import Sequence

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection
from smbtorture_py.conformance.needs import BLACKHOLE, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.status import Status
from suites.leases.losses import DETECTION, NOTICED, SILENT, lose
from suites.oplocks.contest import ALONE, BATCH, II, NONE, Contest, expect_break, expect_quiet

SEVERAL = 3


def received(connections: Sequence[LabConnection]) -> list[tuple[int, OplockBreakNotification]]:
    """Return the oplock breaks that came on connections, with the number of each connection, by arrival."""
    found = [
        (one.received_at, number, one.body)
        for number, connection in enumerate(connections)
        for one in connection.notifications
        if isinstance(one.body, OplockBreakNotification)
    ]
    return [(number, body) for _, number, body in sorted(found, key=lambda one: one[0])]


@case(
    "oplocks.break-channel",
    requirements=["SMB2-3.3.4.6-06", "SMB2-3.3.4.6-16", "SMB2-3.3.4.1.6-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"opened_on": [0, 1, 2]},
    answers=["smbtorture:multichannel.oplocks.test1", "smbtorture:hole.break-channel"],
)
def test_a_break_comes_once(lab: Lab, opened_on: int) -> None:
    """An oplock break comes once, on one of the session's channels, whichever the file was opened on."""
    contest = Contest(lab, BATCH, channels=SEVERAL, opened_on=opened_on)
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, specification=II)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1, requirement="SMB2-3.3.4.6-16")
    number, _ = received(contest.holder.channels)[0]
    check.that(contest.holder, "channel", number, specification=0, permitted_newest=2, permitted_other=1)
    check.alive(contest.holder)


@case(
    "oplocks.break-after-loss",
    requirements=["SMB2-3.3.4.6-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "lost": [0, 1]},
)
def test_the_opening_channel_is_gone(lab: Lab, fault: FaultKind, lost: int) -> None:
    """When the channel that a file was opened on has gone, its break comes on the other one."""
    contest = Contest(lab, BATCH, channels=2, opened_on=lost)
    lose(lab, contest.holder.channels[lost], fault, contest.file)
    attempt = contest.contend()
    broken = expect_break(contest.holder, specification=II)
    channel = contest.holder.channels[1 - lost]
    check.that(contest.holder, "came on the other channel", broken.channel is channel, specification=True)
    answer = contest.file.acknowledge_oplock(II, on=channel)
    check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.break-retried",
    requirements=["SMB2-3.3.4.6-07"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[
        *({"fault": fault, "silent": 0} for fault in SILENT),
        {"fault": FaultKind.BLACKHOLE, "silent": 1},
    ],
    answers=["smbtorture:multichannel.oplocks.test2", "smbtorture:multichannel.oplocks.test3_specification"],
)
def test_a_break_is_sent_again(lab: Lab, fault: FaultKind, silent: int) -> None:
    """A break that does not get through on a silent channel comes on the other one, before its time is
    over.
    """
    contest = Contest(lab, BATCH, channels=2)
    other = contest.holder.channels[1 - silent]
    lose(lab, contest.holder.channels[silent], fault, contest.file)
    attempt = contest.contend(requested_oplock_level=BATCH)
    broken = other.wait_notification(OplockBreakNotification, within=DETECTION)
    check.that(other, "the break comes on the other channel", broken is not None, specification=True)
    answer = contest.file.acknowledge_oplock(II, on=other)
    check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    check.alive(contest.holder)


@case(
    "oplocks.break-retried-over-several",
    requirements=["SMB2-3.3.4.6-07"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"alive": [0, 1, 2]},
    answers=["smbtorture:multichannel.oplocks.test3_specification"],
)
def test_a_break_goes_from_channel_to_channel(lab: Lab, alive: int) -> None:
    """With one working channel of three the break comes on that one, and says the same wherever it goes."""
    contest = Contest(lab, BATCH, channels=SEVERAL)
    last = contest.holder.channels[alive]
    silent = [one for one in contest.holder.channels if one is not last]
    for channel in silent:
        lose(lab, channel, FaultKind.BLACKHOLE, contest.file)
    contest.contend()
    broken = last.wait_notification(OplockBreakNotification, within=DETECTION)
    check.that(last, "the break comes on the working channel", broken is not None, specification=True)
    for channel in silent:
        channel.faults.heal()
    lab.settle()
    lab.settle()
    contents = {(one.oplock_level, one.file_id) for _, one in received(contest.holder.channels)}
    same = contents == {(II, contest.file.file_id)}
    check.that(last, "every attempt says the same", same, specification=True)
    answer = contest.file.acknowledge_oplock(II, on=last)
    check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.break-into-a-stalled-channel",
    requirements=["SMB2-3.3.4.6-09"],
    needs=[SMB3, MULTI_CHANNEL],
    slow=True,
)
def test_stalled_channels(lab: Lab) -> None:
    """A break that the client's transport takes and the client never reads ends with its time."""
    contest = Contest(lab, BATCH, channels=2)
    for channel in contest.holder.channels:
        channel.faults.stall()
    attempt = contest.contend(requested_oplock_level=BATCH)
    timeout = lab.target.break_timeout
    check.that(attempt, "answered early", attempt.wait(within=timeout * 0.8).arrived, specification=False)
    check(attempt.wait(within=timeout), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    for channel in contest.holder.channels:
        channel.faults.resume()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    check(contest.file.read(), specification=(Status.SUCCESS, Status.END_OF_FILE))


@case(
    "oplocks.channel-lost-before-acknowledgment",
    requirements=["SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": (*NOTICED, FaultKind.BLACKHOLE, FaultKind.STALL)},
)
def test_the_channel_is_lost_after_the_break(lab: Lab, fault: FaultKind) -> None:
    """When the channel that a break came on is lost before the acknowledgment, another one takes that."""
    contest = Contest(lab, BATCH, channels=2)
    attempt = contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    lost = broken.required().channel or contest.holder.channels[0]
    other = next(one for one in contest.holder.channels if one is not lost)
    lose(lab, lost, fault, contest.file)
    check(contest.file.acknowledge_oplock(II, on=other), specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.holder-gone",
    requirements=["SMB2-3.3.4.6-10", "SMB2-3.3.5.9-28"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[
        *({"fault": fault, "channels": 1} for fault in (*NOTICED, FaultKind.FORGET)),
        *({"fault": fault, "channels": 2} for fault in (FaultKind.CLOSE, FaultKind.FORGET)),
    ],
    answers=["smbtorture:hole.break-no-channel-left", "smbtorture:oplock.batch22b"],
)
def test_no_channel_is_left(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When every channel of the holder is gone the contender gets the file and its oplock, before any time-
    out.
    """
    contest = Contest(lab, BATCH, channels=channels)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    attempt = contest.contend(requested_oplock_level=BATCH)
    check(attempt.wait(within=DETECTION), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-28", specification=BATCH)
    check.alive(contest.rival)


@case(
    "oplocks.holder-silent",
    requirements=["SMB2-3.3.4.6-09", "SMB2-3.3.4.7-20"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[
        *(
            {"fault": fault, "channels": 1}
            for fault in (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.PLUG)
        ),
        {"fault": FaultKind.BLACKHOLE, "channels": SEVERAL},
    ],
    slow=True,
    answers=[
        "smbtorture:multichannel.oplocks.test3_windows",
        "smbtorture:multichannel.oplocks.test3_specification",
        "smbtorture:oplock.batch22b",
    ],
)
def test_every_channel_is_silent(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When every channel of the holder is silent the contender goes on at last, when that is noticed or by
    the time.
    """
    contest = Contest(lab, BATCH, channels=channels)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    attempt = contest.contend(requested_oplock_level=BATCH)
    attempt.wait(within=DETECTION)
    early = attempt.arrived
    check.that(attempt, "noticed", early, requirement="SMB2-3.3.4.7-20", noticed=True, by_timer=False)
    check(attempt.wait(within=lab.target.break_timeout), specification=Status.SUCCESS)
    level = OplockLevel(attempt.open.oplock_level)
    check.that(attempt, "oplock", level, requirement="SMB2-3.3.5.9-29", specification=(BATCH, II))
    check.alive(contest.rival)


@case(
    "oplocks.holder-gone-while-breaking",
    requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.5.9-28"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "channels": [1, 2]},
)
def test_the_holder_goes_while_it_breaks(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When the holder loses one channel after the other with a break to acknowledge, the contender gets
    all.
    """
    contest = Contest(lab, BATCH, channels=channels)
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, specification=II)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-28", specification=BATCH)
    check.alive(contest.rival)


@case(
    "oplocks.holder-logged-off",
    requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.5.9-28"],
    variants={"how": ["logoff", "tree disconnect"]},
)
def test_the_holder_ends_its_session(lab: Lab, how: str) -> None:
    """A holder that logs off or leaves the tree with a break to acknowledge lets the contender go on."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, specification=II)
    answer = contest.holder.logoff() if how == "logoff" else contest.tree.disconnect()
    answer.required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-28", specification=BATCH)
    check.alive(contest.rival)


@case(
    "oplocks.break-stays-in-its-session",
    requirements=["SMB2-3.3.4.6-17"],
    variants={"holder": ["first", "second"]},
)
def test_two_sessions_of_one_client(lab: Lab, holder: str) -> None:
    """Of two sessions of one client, on connections of their own, the break comes in the one that has the
    open.
    """
    sessions = [lab.logon(), lab.logon()]
    own, other = sessions if holder == "first" else reversed(sessions)
    file = own.tree().open(requested_oplock_level=BATCH)
    attempt = lab.another_client().tree().create(file.name, wait=False)
    expect_break(own, specification=II)
    expect_quiet(other)
    file.acknowledge_oplock(II).required()
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(own)
    check.alive(other)


@case(
    "oplocks.two-sessions-on-one-connection",
    requirements=["SMB2-3.3.4.6-12"],
)
def test_two_sessions_on_one_connection(lab: Lab) -> None:
    """Of two sessions on one connection the break names the one that has the open."""
    first = lab.logon()
    second = lab.logon(connection=first.connection)
    files = [session.tree().open(requested_oplock_level=BATCH) for session in (first, second)]
    rival = lab.another_client().tree()
    for number, (session, file) in enumerate(zip((first, second), files, strict=True)):
        attempt = rival.create(file.name, wait=False)
        broken = expect_break(session, after=number, requirement="SMB2-3.3.4.6-13", specification=II)
        same = broken.body.file_id == file.file_id
        check.that(session, "open", same, requirement="SMB2-3.3.4.6-03", specification=True)
        named = broken.header.session_id
        shown = "its own" if named == session.session_id else "none" if not named else "another"
        check.that(session, "session", shown, specification="its own", none="none")
        file.acknowledge_oplock(II).required()
        check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(first)


@case(
    "oplocks.break-during-a-bind",
    requirements=["SMB2-3.3.4.6-06", "SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    answers=["smbtorture:hole.break-during-bind"],
)
def test_a_break_during_a_bind(lab: Lab) -> None:
    """A break while a channel is being bound does not go there; once it is bound it takes the
    acknowledgment.
    """
    contest = Contest(lab, BATCH)
    connection = lab.connect()
    binding = connection.begin_bind(contest.holder)
    attempt = contest.contend()
    expect_break(contest.holder, specification=II)
    lab.settle()
    check.that(contest.holder, "breaks on the new one", len(received([connection])), specification=0)
    check(binding.finish(), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
    answer = contest.file.acknowledge_oplock(II, on=connection)
    check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.break-on-a-later-channel",
    requirements=["SMB2-3.3.4.6-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"held": ALONE},
    answers=["smbtorture:multichannel.oplocks.test2"],
)
def test_a_channel_that_came_later(lab: Lab, held: OplockLevel) -> None:
    """The break of a file comes on a channel that was bound after it had been opened, when the first is
    gone.
    """
    contest = Contest(lab, held)
    later = contest.holder.add_channel()
    contest.holder.channels[0].close()
    lab.settle()
    attempt = contest.contend()
    broken = expect_break(contest.holder, specification=II)
    check.that(contest.holder, "came on the later one", broken.channel is later, specification=True)
    contest.acknowledge(on=later)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.level-ii-after-loss",
    requirements=["SMB2-3.3.4.6-06", "SMB2-3.3.4.6-08"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": (*NOTICED, FaultKind.BLACKHOLE)},
    answers=["smbtorture:oplock.levelii502", "smbtorture:multichannel.oplocks.test2"],
)
def test_level_ii_with_a_lost_channel(lab: Lab, fault: FaultKind) -> None:
    """A writer does not wait for a holder of level II one of whose channels is lost; that is told on the
    other one.
    """
    contest = Contest(lab, II, channels=2)
    other = contest.contend(wait=True).open
    lose(lab, contest.holder.channels[0], fault, contest.file)
    check(other.write(b"new"), requirement="SMB2-3.3.4.6-08", specification=Status.SUCCESS)
    if fault is not FaultKind.BLACKHOLE:
        expect_break(contest.holder, specification=NONE)
    check.alive(contest.rival)


@case(
    "oplocks.level-ii-holder-gone",
    requirements=["SMB2-3.3.4.6-08", "SMB2-3.3.5.9-28"],
    variants={"fault": (*NOTICED, FaultKind.BLACKHOLE)},
    answers=["smbtorture:oplock.levelii502"],
)
def test_level_ii_with_its_holder_gone(lab: Lab, fault: FaultKind) -> None:
    """A holder of level II that is gone keeps nobody waiting, and when it is noticed no oplock from
    anybody.
    """
    contest = Contest(lab, II)
    lose(lab, contest.holder.channels[0], fault, contest.file)
    attempt = contest.contend(requested_oplock_level=BATCH)
    check(attempt.wait(), specification=Status.SUCCESS)
    if fault is not FaultKind.BLACKHOLE:
        check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-28", specification=BATCH)
    check(attempt.open.write(b"new"), specification=Status.SUCCESS)
    check.alive(contest.rival)


@case(
    "oplocks.other-client-guid",
    requirements=["SMB2-3.3.5.5-12"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_channel_with_another_client_guid(lab: Lab) -> None:
    """A channel with another ClientGuid, where one can be bound, gets the breaks of the session and
    acknowledges them.
    """
    contest = Contest(lab, BATCH)
    strange = lab.connect(client_guid=lab.guid())
    bound = strange.bind(contest.holder)
    refused = (Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED)
    check(bound, specification=Status.SUCCESS, permitted_refused=refused)
    if bound.actual is Status.SUCCESS:
        contest.holder.channels[0].close()
        lab.settle()
        attempt = contest.contend()
        broken = strange.wait_notification(OplockBreakNotification)
        check.that(
            strange, "the break comes", broken is not None, requirement="SMB2-3.3.4.6-06", specification=True
        )
        answer = contest.file.acknowledge_oplock(II, on=strange)
        check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
        check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.rival)
