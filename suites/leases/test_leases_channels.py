"""Which connection a lease break goes to, and what happens when that is lost ([MS-SMB2] 3.3.4.7)."""

from __future__ import annotations

from collections.abc import Sequence

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, durable_v2, lease
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakNotification
from smbtorture_py.wire.status import Status
from suites.leases.contest import NONE, SHARE_NONE, V2, Contest, expect_break, expect_quiet, grant
from suites.leases.losses import DETECTION, NOTICED, SILENT, lose

SEVERAL = 3


def received(connections: Sequence[LabConnection]) -> list[tuple[int, LeaseBreakNotification]]:
    """Return the lease breaks that came on connections, with the number of each connection, by arrival."""
    found = [
        (one.received_at, number, one.body)
        for number, connection in enumerate(connections)
        for one in connection.notifications
        if isinstance(one.body, LeaseBreakNotification)
    ]
    return [(number, body) for _, number, body in sorted(found, key=lambda one: one[0])]


@case(
    "leases.break-channel",
    requirements=["SMB2-3.3.4.7-06", "SMB2-3.3.4.7-19", "SMB2-3.3.4.7-16"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"opened_on": [0, 1, 2], "version": [1, V2]},
    answers=[
        "smbtorture:multichannel.leases.test1",
        "smbtorture:hole.break-channel",
        "ms:MultipleChannel_FileLease",
    ],
)
def test_a_break_comes_once(lab: Lab, opened_on: int, version: int) -> None:
    """A lease break comes once, on one of the client's connections, whichever the file was opened on."""
    contest = Contest(lab, RWH, version=version, channels=SEVERAL, opened_on=opened_on)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    expect_break(contest.holder, specification=RH)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RH)
    expect_quiet(contest.holder, 1, requirement="SMB2-3.3.4.7-19")
    expect_quiet(contest.rival, requirement="SMB2-3.3.4.7-06")
    number, _ = received(contest.holder.channels)[0]
    check.that(
        contest.holder, "channel", number, requirement="SMB2-3.3.4.7-16", oldest=0, newest=2, between=1
    )
    check.alive(contest.holder)


@case(
    "leases.breaks-of-several-files",
    requirements=["SMB2-3.3.4.7-19"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    answers=["smbtorture:multichannel.leases.test1"],
)
def test_a_break_for_each_file(lab: Lab) -> None:
    """Three files opened on three channels are broken with one notification each, with the right key."""
    contest = Contest(lab, RWH, channels=SEVERAL, version=1)
    files = [contest.file]
    keys = [contest.key]
    for channel in contest.holder.channels[1:]:
        keys.append(lab.guid())
        files.append(grant(contest.tree, keys[-1], RWH, version=1, on=channel))
    for number, file in enumerate(files):
        attempt = contest.rival_tree.create(file.name, contexts=[lease(lab.guid(), RWH)], wait=False)
        broken = expect_break(contest.holder, after=number, requirement="SMB2-3.3.4.7-01", specification=RH)
        check.that(contest.holder, "lease key", broken.body.lease_key, specification=keys[number])
        contest.tree.acknowledge_lease(keys[number], RH).required()
        check(attempt.wait(), specification=Status.SUCCESS)
        check.that(attempt, "lease state", attempt.open.lease_state, specification=RH)
    expect_quiet(contest.holder, len(files))
    check.alive(contest.holder)


@case(
    "leases.break-after-loss",
    requirements=["SMB2-3.3.4.7-06"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "lost": [0, 1]},
)
def test_the_opening_channel_is_gone(lab: Lab, fault: FaultKind, lost: int) -> None:
    """When the channel that a file was opened on has gone, its break comes on the other one."""
    contest = Contest(lab, RWH, channels=2, opened_on=lost)
    lose(lab, contest.holder.channels[lost], fault, contest.file)
    attempt = contest.contend()
    broken = expect_break(contest.holder, specification=RH)
    channel = contest.holder.channels[1 - lost]
    check.that(contest.holder, "came on the other channel", broken.channel is channel, specification=True)
    check(
        contest.file.acknowledge_lease(RH, on=channel),
        requirement="SMB2-3.3.5.22.2-05",
        specification=Status.SUCCESS,
    )
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.break-retried",
    requirements=["SMB2-3.3.4.7-07"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": SILENT, "opened_on": [0, 1]},
    answers=["smbtorture:multichannel.leases.test2", "smbtorture:multichannel.leases.test4"],
)
def test_a_break_is_sent_again(lab: Lab, fault: FaultKind, opened_on: int) -> None:
    """A break that does not get through on a silent channel comes on the other one, before its time is
    over.
    """
    contest = Contest(lab, RWH, channels=2, opened_on=opened_on)
    first, second = contest.holder.channels
    lose(lab, first, fault, contest.file)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    broken = second.wait_notification(LeaseBreakNotification, within=DETECTION)
    check.that(second, "the break comes on the other channel", broken is not None, specification=True)
    check(
        contest.file.acknowledge_lease(RH, on=second),
        requirement="SMB2-3.3.5.22.2-05",
        specification=Status.SUCCESS,
    )
    check(attempt.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    check.that(
        attempt, "lease state", attempt.open.lease_state, requirement="SMB2-3.3.4.7-01", specification=RH
    )
    check.alive(contest.holder)


@case(
    "leases.break-retried-over-several",
    requirements=["SMB2-3.3.4.7-07", "SMB2-3.3.4.7-18"],
    needs=[LEASING, SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"version": [1, V2]},
    answers=["smbtorture:multichannel.leases.test4", "smbtorture:multichannel.leases.test2"],
)
def test_a_break_goes_from_channel_to_channel(lab: Lab, version: int) -> None:
    """With two silent channels the break comes on the third, and says the same wherever it is sent."""
    contest = Contest(lab, RWH, version=version, epoch=0x20, channels=SEVERAL)
    last = contest.holder.channels[-1]
    for channel in contest.holder.channels[:-1]:
        lose(lab, channel, FaultKind.BLACKHOLE, contest.file)
    contest.contend()
    broken = last.wait_notification(LeaseBreakNotification, within=DETECTION)
    check.that(last, "the break comes on the last channel", broken is not None, specification=True)
    expected = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH).body
    epoch = getattr(contest.again(on=last).lease, "epoch", 0)
    check.that(
        last,
        "NewEpoch is not raised by each attempt",
        expected.new_epoch,
        requirement="SMB2-3.3.4.7-18",
        specification=epoch,
    )
    for channel in contest.holder.channels[:-1]:
        channel.faults.heal()
    lab.settle()
    lab.settle()
    same = all(body == expected for _, body in received(contest.holder.channels))
    check.that(last, "every attempt says the same", same, requirement="SMB2-3.3.4.7-18", specification=True)
    check(
        contest.file.acknowledge_lease(RH, on=last),
        requirement="SMB2-3.3.5.22.2-05",
        specification=Status.SUCCESS,
    )
    check.alive(contest.holder)


@case(
    "leases.break-order",
    requirements=["SMB2-3.3.4.7-16"],
    needs=[LEASING, SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"silent": [(0,), (1,), (2,), (0, 1), (1, 2)]},
    answers=["smbtorture:multichannel.leases.test4"],
)
def test_the_order_of_channels(lab: Lab, silent: tuple[int, ...]) -> None:
    """Which of the remaining channels a break takes where some are silent."""
    contest = Contest(lab, RWH, channels=SEVERAL)
    for number in silent:
        lose(lab, contest.holder.channels[number], FaultKind.BLACKHOLE, contest.file)
    attempt = contest.contend()
    lab.wait(lambda: bool(received(contest.holder.channels)), DETECTION)
    remaining = [number for number in range(SEVERAL) if number not in silent]
    numbers = [number for number, _ in received(contest.holder.channels)]
    found = numbers[0] if numbers else "none"
    check.that(contest.holder, "channel", found, oldest=remaining[0], newest=remaining[-1])
    channel = contest.holder.channels[remaining[0]]
    check(contest.file.acknowledge_lease(RH, on=channel), acknowledged=Status.SUCCESS)
    check(attempt.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.break-into-a-stalled-channel",
    requirements=["SMB2-3.3.4.7-10"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    slow=True,
)
def test_a_stalled_channel(lab: Lab) -> None:
    """A break that the client's transport takes and the client never reads ends with its time."""
    contest = Contest(lab, RWH, channels=2)
    for channel in contest.holder.channels:
        channel.faults.stall()
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    timeout = lab.target.break_timeout
    check.that(attempt, "answered early", attempt.wait(within=timeout * 0.8).arrived, specification=False)
    check(attempt.wait(within=timeout), specification=Status.SUCCESS)
    for channel in contest.holder.channels:
        channel.faults.resume()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    late = contest.file.acknowledge_lease(RH)
    check(late, requirement="SMB2-3.3.5.22.2-07", specification=Status.UNSUCCESSFUL)
    check(contest.file.read(), specification=(Status.SUCCESS, Status.END_OF_FILE))


@case(
    "leases.channel-lost-before-acknowledgment",
    requirements=["SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": (*NOTICED, FaultKind.BLACKHOLE, FaultKind.STALL)},
)
def test_the_channel_is_lost_after_the_break(lab: Lab, fault: FaultKind) -> None:
    """When the channel that a break came on is lost before the acknowledgment, another one takes that."""
    contest = Contest(lab, RWH, channels=2)
    attempt = contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    lost = broken.required().channel or contest.holder.channels[0]
    other = next(one for one in contest.holder.channels if one is not lost)
    lose(lab, lost, fault, contest.file)
    check(contest.file.acknowledge_lease(RH, on=other), specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.acknowledged-on-a-new-channel",
    requirements=["SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": [None, FaultKind.RESET]},
)
def test_a_new_channel_acknowledges(lab: Lab, fault: FaultKind | None) -> None:
    """A channel that is bound while a lease breaks can acknowledge it, also when the others are lost
    afterwards.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    bound = contest.holder.add_channel()
    if fault is not None:
        lose(lab, contest.holder.channels[0], fault, contest.file)
    check(contest.file.acknowledge_lease(RH, on=bound), specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    if fault is None:
        expect_quiet(contest.holder, 1, requirement="SMB2-3.3.4.7-19")
    check.alive(contest.holder)


@case(
    "leases.holder-gone",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants=[
        *({"fault": fault, "channels": 1} for fault in (*NOTICED, FaultKind.FORGET)),
        *({"fault": fault, "channels": 2} for fault in (FaultKind.CLOSE, FaultKind.FORGET)),
    ],
    answers=["smbtorture:hole.break-no-channel-left"],
)
def test_no_channel_is_left(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When every channel of the holder is gone the contender gets the file and all caching, before any
    time-out.
    """
    contest = Contest(lab, RWH, channels=channels)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    check(attempt.wait(within=DETECTION), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RWH)
    check.alive(contest.rival)


@case(
    "leases.holder-silent",
    requirements=["SMB2-3.3.4.7-10", "SMB2-3.3.4.7-20"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants=[
        *(
            {"fault": fault, "channels": 1}
            for fault in (FaultKind.BLACKHOLE, FaultKind.VANISH, FaultKind.PLUG)
        ),
        {"fault": FaultKind.BLACKHOLE, "channels": SEVERAL},
    ],
    slow=True,
    answers=["smbtorture:multichannel.leases.test4"],
)
def test_every_channel_is_silent(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When every channel of the holder is silent the contender goes on at last, when that is noticed or by
    the time.
    """
    contest = Contest(lab, RWH, channels=channels)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    attempt.wait(within=DETECTION)
    early = attempt.arrived
    check.that(attempt, "noticed", early, requirement="SMB2-3.3.4.7-20", noticed=True, by_timer=False)
    check(attempt.wait(within=lab.target.break_timeout), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=(RWH, RH))
    check.alive(contest.rival)


@case(
    "leases.holder-gone-while-breaking",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "channels": [1, 2]},
)
def test_the_holder_goes_while_it_breaks(lab: Lab, fault: FaultKind, channels: int) -> None:
    """When the holder loses one channel after the other with a break to acknowledge, the contender gets
    all.
    """
    contest = Contest(lab, RWH, channels=channels)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    for channel in contest.holder.channels:
        lose(lab, channel, fault, contest.file)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RWH)
    check.alive(contest.rival)


@case(
    "leases.holder-gone-at-once",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET]},
)
def test_the_holder_goes_with_all_channels_at_once(lab: Lab, fault: FaultKind) -> None:
    """When all channels of the holder end in the same moment, just after a break came, the contender gets
    all.
    """
    contest = Contest(lab, RWH, channels=2)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    for channel in contest.holder.channels:
        channel.faults.apply(fault)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RWH)
    check.alive(contest.rival)


@case(
    "leases.holder-logged-off",
    requirements=["SMB2-3.3.4.17-01"],
    needs=[LEASING, SMB3],
    variants={"how": ["logoff", "tree disconnect"]},
)
def test_the_holder_ends_its_session(lab: Lab, how: str) -> None:
    """A holder that logs off or leaves the tree with a break to acknowledge closes the file, and the
    contender goes on.
    """
    contest = Contest(lab, RWH)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    answer = contest.holder.logoff() if how == "logoff" else contest.tree.disconnect()
    answer.required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RWH)
    check.alive(contest.rival)


@case(
    "leases.break-in-another-session",
    requirements=["SMB2-3.3.4.7-06", "SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL, BLACKHOLE],
)
def test_a_break_over_another_session(lab: Lab) -> None:
    """With the holder's connection silent a break comes over another session of the client, which
    acknowledges it.
    """
    contest = Contest(lab, RWH)
    other = lab.logon()
    tree = other.tree()
    lose(lab, contest.holder.channels[0], FaultKind.BLACKHOLE, contest.file)
    attempt = contest.contend()
    broken = other.connection.wait_notification(LeaseBreakNotification, within=DETECTION)
    check.that(other, "the break comes over the other session", broken is not None, specification=True)
    answer = tree.acknowledge_lease(contest.key, RH)
    check(
        answer,
        requirement="SMB2-3.3.5.22.2-05",
        specification=Status.SUCCESS,
        permitted_holder_given_up=Status.OBJECT_NAME_NOT_FOUND,
    )
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "leases.break-of-a-disconnected-lease",
    requirements=["SMB2-3.3.4.7-14"],
    needs=[LEASING, SMB3, DURABLE_HANDLES],
    variants={"state": [RH, R]},
)
def test_a_break_of_a_disconnected_open(lab: Lab, state: LeaseState) -> None:
    """The break of a durable open that is disconnected comes over another session of the client, which
    acknowledges.
    """
    holder, other = lab.logon(), lab.logon()
    tree = other.tree()
    key = lab.guid()
    file = holder.tree().open(contexts=[lease(key, RWH), durable_v2(lab.guid(), timeout=60_000)])
    if not file.is_durable:
        lab.need(DURABLE_HANDLES)
    holder.connection.close()
    lab.settle()
    attempt = lab.another_client().tree().create(file.name, wait=False)
    broken = other.wait_lease_break(within=1.0)
    check.that(
        other, "the break comes over the other session", broken.arrived, specification=True, closed=False
    )
    check(tree.acknowledge_lease(key, state), requirement="SMB2-3.3.5.22.2-05", specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "leases.break-and-a-connection-without-session",
    requirements=["SMB2-3.3.4.7-06", "SMB2-3.3.4.7-16"],
    needs=[LEASING, SMB3],
)
def test_a_connection_without_a_session(lab: Lab) -> None:
    """Whether a break goes to a connection of the client on which nobody has logged on; once it comes in
    any case.
    """
    early = lab.connect()
    contest = Contest(lab, RWH)
    late = lab.connect()
    connections = (early, contest.holder.connection, late)
    attempt = contest.contend()
    lab.wait(lambda: bool(received(connections)))
    lab.settle()
    numbers = [number for number, _ in received(connections)]
    check.that(contest.holder, "breaks", len(numbers), specification=1)
    check.that(
        contest.holder,
        "connection",
        numbers[0],
        requirement="SMB2-3.3.4.7-16",
        session=1,
        unauthenticated=(0, 2),
    )
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.break-during-a-bind",
    requirements=["SMB2-3.3.4.7-06", "SMB2-3.3.5.22.2-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    answers=["smbtorture:hole.break-during-bind"],
)
def test_a_break_during_a_bind(lab: Lab) -> None:
    """A break while a second channel is being bound comes once, disturbs nothing, and the new channel
    acknowledges it.
    """
    contest = Contest(lab, RWH)
    connection = lab.connect()
    binding = connection.begin_bind(contest.holder)
    attempt = contest.contend()
    connections = (contest.holder.connection, connection)
    lab.wait(lambda: bool(received(connections)))
    lab.settle()
    check.that(contest.holder, "breaks", len(received(connections)), specification=1)
    check(binding.finish(), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
    answer = contest.file.acknowledge_lease(RH, on=connection)
    check(answer, requirement="SMB2-3.3.5.22.2-05", specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.break-during-a-retry",
    requirements=["SMB2-3.3.4.7-07"],
    needs=[LEASING, SMB3, MULTI_CHANNEL, BLACKHOLE],
)
def test_a_second_break_while_the_first_is_retried(lab: Lab) -> None:
    """Two leases that break while one channel is silent both come on the other one."""
    contest = Contest(lab, RWH, channels=2)
    key = lab.guid()
    file = grant(contest.tree, key, RW)
    second = contest.holder.channels[1]
    lose(lab, contest.holder.channels[0], FaultKind.BLACKHOLE, contest.file)
    attempts = [contest.contend(), contest.rival_tree.create(file.name, wait=False)]
    for number in range(2):
        found = second.wait_notification(LeaseBreakNotification, within=DETECTION, after=number)
        check.that(second, "a break on the other channel", found is not None, specification=True)
    contest.acknowledge(RH, on=second)
    contest.tree.acknowledge_lease(key, R, on=second).required()
    for attempt in attempts:
        check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.channel-bound-after-silence",
    requirements=["SMB2-3.3.4.7-06"],
    needs=[LEASING, SMB3, MULTI_CHANNEL, BLACKHOLE],
    answers=["smbtorture:multichannel.leases.test2"],
)
def test_a_channel_bound_after_silence(lab: Lab) -> None:
    """A channel that is bound when one has fallen silent serves as any: files opened on it and before break
    there.
    """
    contest = Contest(lab, RWH, channels=2)
    lose(lab, contest.holder.channels[0], FaultKind.BLACKHOLE, contest.file)
    second = contest.holder.channels[1]
    third = lab.connect()
    third.bind(contest.holder).required()
    key = lab.guid()
    file = grant(contest.tree, key, RWH, on=third)
    connections = (second, third)
    for name in (contest.name, file.name):
        before = len(received(connections))
        attempt = contest.rival_tree.create(name, wait=False)
        lab.wait(lambda count=before: len(received(connections)) > count, DETECTION)  # type: ignore[misc]
        check.that(contest.holder, "a break comes", len(received(connections)) > before, specification=True)
        used = contest.key if name == contest.name else key
        contest.tree.acknowledge_lease(used, RH, on=third).required()
        check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.write-by-another-channel",
    requirements=["SMB2-3.3.1.4-05"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    variants={"version": [1, V2]},
    answers=["ms:Leasing_FileLeasingV1_SameLeaseKey", "ms:Leasing_FileLeasingV2_SameLeaseKey"],
)
def test_one_key_over_several_channels(lab: Lab, version: int) -> None:
    """Opens with one key on different channels share the lease: nothing is broken, and an upgrade goes over
    any.
    """
    contest = Contest(lab, RH, channels=2, version=version)
    second = contest.again(RWH, on=contest.holder.channels[1])
    check.that(second, "lease state", second.lease_state, requirement="SMB2-3.3.5.9.8-05", specification=RWH)
    second.write(b"here", on=contest.holder.channels[0]).required()
    contest.file.write(b"there", on=contest.holder.channels[1]).required()
    expect_quiet(contest.holder)
    check.that(contest.file, "the lease afterwards", contest.again(NONE).lease_state, specification=RWH)
    check.alive(contest.holder)


@case(
    "leases.deleted-over-another-channel",
    requirements=["SMB2-3.3.4.7-06"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
    answers=[
        "smbtorture:hole.break-by-delete",
        "smbtorture:multichannel.leases.test2",
        "smbtorture:hole.slip-lease-unlink",
    ],
)
def test_handle_caching_over_channels(lab: Lab) -> None:
    """An open in conflict asks for the handles of a file whose opening channel is closed, over the other
    channel.
    """
    contest = Contest(lab, RH, channels=2)
    contest.holder.channels[0].close()
    lab.settle()
    attempt = contest.contend(share_access=SHARE_NONE)
    expect_break(contest.holder, specification=R)
    contest.file.close(on=contest.holder.channels[1]).required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)
