"""What waits when its channel dies: a LOCK, a CREATE, a CHANGE_NOTIFY ([MS-SMB2] 3.3.7.1, 3.3.5.16)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.create import OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, lose
from suites.failover.ways import ENDS, PLACES, impatient, place_of

SOON = 0.5
"""Seconds in which what should not come would have come."""

ANSWERED = 3.0
"""Seconds in which what can be answered is."""

STILL_PENDING = "SMB2-3.3.5.9-21"
"""What is sent again can overtake the news of the loss: the first CREATE then waits still."""

SOME = (FaultKind.CLOSE, FaultKind.RESET)
NEEDS = [SMB3, MULTI_CHANNEL]


@case(
    "failover.lock-is-repeated",
    requirements=["SMB2-3.3.7.1-02"],
    needs=NEEDS,
    variants={"fault": NOTICED},
    answers=["smbtorture:hole.pending-of-lost-channel"],
)
def test_a_waiting_lock_is_asked_for_again(lab: Lab, fault: FaultKind) -> None:
    """The channel of a waiting LOCK dies and the client sends it again: it is granted once, not twice."""
    client = lab.multichannel_session(channels=2)
    file = client.open(contexts=[])
    holder = lab.another_client().tree().open(file.core.file_name)
    holder.lock().required()
    channel = client.channels[0]
    waiting = file.lock(fail_immediately=False, on=channel, wait=False)
    check.that(waiting, "the LOCK waits", waiting.wait_pending(), specification=True)
    lose(channel, fault)
    client.wait(lambda: waiting.repetitions > 0)
    lab.settle()
    holder.unlock().required()
    check(waiting.wait(ANSWERED), specification=Status.SUCCESS, samba=NO_ANSWER)
    check(holder.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(file.unlock(), specification=Status.SUCCESS)
    check(holder.lock(), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.lock-is-repeated-and-cancelled",
    requirements=["SMB2-3.3.5.16-01", "SMB2-3.3.7.1-02"],
    needs=NEEDS,
    variants={"fault": SOME},
)
def test_a_repeated_lock_is_cancelled(lab: Lab, fault: FaultKind) -> None:
    """A LOCK waits again on another channel after its own one died: a CANCEL there ends it, and nothing is
    left of it.
    """
    client = lab.multichannel_session(channels=2)
    file = client.open(contexts=[])
    holder = lab.another_client().tree().open(file.core.file_name)
    holder.lock().required()
    channel = client.channels[0]
    waiting = file.lock(fail_immediately=False, on=channel, wait=False)
    waiting.wait_pending()
    lose(channel, fault)
    client.wait(lambda: waiting.repetitions > 0)
    waiting.wait(SOON).cancel()
    check(waiting.wait(), specification=Status.CANCELLED)
    check(holder.unlock(), specification=Status.SUCCESS)
    # Whatever is left waits in another process, perhaps, which has yet to learn that the range is free.
    lab.settle()
    check(
        holder.lock(),
        requirement="SMB2-3.3.7.1-02",
        specification=Status.SUCCESS,
        samba=Status.LOCK_NOT_GRANTED,
    )
    check.alive(client.session)


@case(
    "failover.open-is-given-up",
    requirements=["SMB2-3.3.7.1-02"],
    needs=NEEDS,
    variants={"fault": NOTICED},
    answers=["smbtorture:hole.pending-of-lost-channel"],
)
def test_a_waiting_open_goes_with_its_channel(lab: Lab, fault: FaultKind) -> None:
    """The channel of a CREATE that waits for an oplock break dies: after that nobody has the file open."""
    session, other = lab.logon(), lab.another_client()
    channel = session.add_channel()
    tree, others = session.tree(), other.tree()
    held = others.open(requested_oplock_level=OplockLevel.BATCH)
    waiting = tree.create(held.name, on=channel, wait=False)
    other.wait_oplock_break().required()
    check.that(waiting, "the CREATE waits", waiting.wait_pending(), specification=True)
    lose(channel, fault)
    lab.settle()
    check(held.close(), specification=Status.SUCCESS)
    lab.pause(SOON)
    answer = others.create(held.name, share_access=ShareAccess.NONE)
    check(answer, specification=Status.SUCCESS, opened=Status.SHARING_VIOLATION)
    check.alive(session)


@case(
    "failover.open-is-repeated",
    requirements=["SMB2-3.3.7.1-01", STILL_PENDING],
    needs=[*NEEDS, DURABLE_HANDLES],
    variants={"fault": NOTICED},
)
def test_a_waiting_open_is_asked_for_again(lab: Lab, fault: FaultKind) -> None:
    """The channel of a CREATE dies that waits for an oplock break and the client sends it again: after the
    break it has the file open once.
    """
    client = lab.multichannel_session(channels=2)
    session, other = client.session, lab.another_client()
    held = other.tree().open(requested_oplock_level=OplockLevel.BATCH)
    channel = client.channels[0]
    waiting = client.create(held.name, on=channel, wait=False)
    other.wait_oplock_break().required()
    check.that(waiting, "the CREATE waits", waiting.wait_pending(), specification=True)
    lose(channel, fault)
    client.wait(lambda: waiting.repetitions > 0)
    check(held.close(), specification=Status.SUCCESS)
    answer = waiting.wait()
    check(answer, requirement=STILL_PENDING, specification=Status.SUCCESS, windows=Status.ACCESS_DENIED)
    if answer.actual is Status.SUCCESS:
        check(answer.open.close(), specification=Status.SUCCESS)
    again = other.tree().create(held.name, share_access=ShareAccess.NONE)
    check(again, specification=Status.SUCCESS, left_open=NO_ANSWER)
    check.that(client, "it is the same session", client.session is session, specification=True)
    check.alive(client.session)


@case(
    "failover.watch-is-repeated",
    requirements=["SMB2-3.3.7.1-02", "SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"fault": NOTICED},
    answers=["smbtorture:hole.notify-dying-channel"],
)
def test_a_watch_is_asked_for_again(lab: Lab, fault: FaultKind) -> None:
    """The channel of a CHANGE_NOTIFY dies and the client sends it again: it tells of what happens next."""
    client = lab.multichannel_session(channels=2)
    directory = client.session.tree().directory()
    body = ChangeNotifyRequest(
        file_id=directory.file_id, completion_filter=CompletionFilter.FILE_NAME, output_buffer_length=4096
    )
    opened = directory.core
    channel = client.channels[0]
    watch = client.send(body, opened=opened, on=channel, wait=False)
    check.that(watch, "it waits", watch.wait_pending(), specification=True)
    lose(channel, fault)
    client.wait(lambda: watch.repetitions > 0)
    client.open(f"{directory.name}\\made").close()
    check(watch.wait(ANSWERED), specification=Status.SUCCESS, samba=NO_ANSWER)
    check.alive(client.session)


@case(
    "failover.pending-on-each-channel",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-02"],
    needs=[*NEEDS, BLACKHOLE],
    variants={"fault": ENDS, "place": PLACES},
)
def test_a_lock_waits_on_each_channel(lab: Lab, fault: FaultKind, place: str) -> None:
    """A LOCK waits on each of three channels and one of them dies: the others are granted, and answered where
    they were sent.
    """
    session, other = lab.logon(), lab.another_client()
    channels = [session.channels[0], session.add_channel(), session.add_channel()]
    file = session.tree().open()
    holder = other.tree().open(file.name)
    for number in range(len(channels)):
        holder.lock(number).required()
    waiting = [
        file.lock(number, fail_immediately=False, on=channel, wait=False)
        for number, channel in enumerate(channels)
    ]
    for answer in waiting:
        check.that(answer, "the LOCK waits", answer.wait_pending(), specification=True)
    dying = place_of(place, len(channels))
    lose(channels[dying], fault)
    for number, answer in enumerate(waiting):
        if number != dying:
            check(holder.unlock(number), specification=Status.SUCCESS)
            check(answer.wait(), specification=Status.SUCCESS)
            check(holder.lock(number), specification=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "failover.everything-waits",
    requirements=["SMB2-3.3.7.1-02", "SMB2-3.3.7.1-01", STILL_PENDING],
    needs=[*NEEDS, DURABLE_HANDLES, BLACKHOLE],
    variants={"fault": [*SOME, FaultKind.BLACKHOLE]},
)
def test_all_that_waits_is_asked_for_again(lab: Lab, fault: FaultKind) -> None:
    """A LOCK, a CREATE and a WRITE are under way on a channel that dies: the client has each of them answered
    over another one.
    """
    policy = impatient(answer_patience=60.0)
    client, other = lab.multichannel_session(channels=2, policy=policy), lab.another_client()
    others = other.tree()
    file = client.open(contexts=[])
    holder = others.open(file.core.file_name)
    held = others.open(requested_oplock_level=OplockLevel.BATCH)
    holder.lock().required()
    channel = client.channels[0]
    lock = file.lock(fail_immediately=False, on=channel, wait=False)
    create = client.create(held.name, on=channel, wait=False)
    check.that(lock, "the LOCK waits", lock.wait_pending(), specification=True)
    check.that(create, "the CREATE waits", create.wait_pending(), specification=True)
    channel.faults.apply(fault)
    write = file.write(b"x", 1, on=channel, wait=False)
    client.wait(lambda: min(one.repetitions for one in (lock, create, write)) > 0)
    holder.unlock().required()
    held.close().required()
    check(lock.wait(ANSWERED), specification=Status.SUCCESS, samba=NO_ANSWER)
    check(write.wait(), requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
    answer = create.wait()
    check(answer, requirement=STILL_PENDING, specification=Status.SUCCESS, windows=Status.ACCESS_DENIED)
    check.alive(client.session)
