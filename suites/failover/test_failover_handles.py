"""What opens keep when channels go: durable and persistent ones when all are gone, any others as long as one
is left ([MS-SMB2] 3.3.7.1, 3.3.5.9.7, 3.3.5.9.12, 3.2.4.4).
"""

from itertools import permutations
from typing import Final

from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabTree
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, durable, durable_v2, lease
from smbtorture_py.conformance.lab.multichannel import MultichannelOpen, MultichannelSession
from smbtorture_py.conformance.needs import (
    BLACKHOLE,
    CONTINUOUSLY_AVAILABLE_SHARE,
    DURABLE_HANDLES,
    LEASING,
    MULTI_CHANNEL,
    PERSISTENT_HANDLES,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.create import CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, lose
from suites.failover.ways import impatient

NEEDS: Final = [SMB3, MULTI_CHANNEL]
DURABLE: Final = [*NEEDS, DURABLE_HANDLES, BLACKHOLE]
CHANNELS: Final = 3
BLOCK: Final = b"before and after"
RANGE: Final = 1 << 20
"""Where locks are, beyond what is written."""

AROUND: Final[tuple[dict[str, object], ...]] = (
    {"fault": FaultKind.CLOSE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.CUT, "position": Position.INSIDE_REQUEST},
    {"fault": FaultKind.BLACKHOLE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.RESET, "position": Position.INSIDE_RESPONSE},
    {"fault": FaultKind.FORGET, "position": Position.AFTER_EXECUTION},
    {"fault": FaultKind.BLACKHOLE, "position": Position.AFTER_EXECUTION},
)
"""How all channels die with a WRITE under way on each."""


def probe(tree: LabTree, name: str) -> Answer:
    """Open a file that need not be there, and close it."""
    answer = tree.create(name, create_disposition=CreateDisposition.OPEN)
    if answer.actual is Status.SUCCESS:
        answer.open.close().required()
    return answer


def write_through(
    client: MultichannelSession, file: MultichannelOpen, fault: FaultKind, position: Position
) -> None:
    """All channels die with a WRITE under way on each: the client comes back and has them all answered."""
    before = client.session
    answers = []
    for number, channel in enumerate(client.channels):
        channel.faults.arm(fault, position)
        answers.append(file.write(BLOCK, number * len(BLOCK), on=channel, wait=False))
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    check.that(client, "it is another session", client.session is not before, specification=True)
    check.that(file, "what the file holds", file.read().data, specification=BLOCK * len(answers))


@case(
    "failover.durable-write",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.5.9.12-01"],
    needs=DURABLE,
    variants=AROUND,
    answers=["smbtorture:hole.last-channel"],
)
def test_a_durable_handle_outlives_all_channels(lab: Lab, fault: FaultKind, position: Position) -> None:
    """All channels die with WRITEs under way: the client has its durable handle back, with the lock, and
    every WRITE is there.
    """
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient(rebinds=False))
    file = client.open()
    check(file.lock(RANGE), specification=Status.SUCCESS)
    write_through(client, file, fault, position)
    check(file.unlock(RANGE), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.persistent-write",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[*NEEDS, PERSISTENT_HANDLES, CONTINUOUSLY_AVAILABLE_SHARE],
    variants=AROUND,
)
def test_a_persistent_handle_outlives_all_channels(lab: Lab, fault: FaultKind, position: Position) -> None:
    """The same on a continuously available share, where a rival is kept out all the time, by lock and share
    mode.
    """
    role = ShareRole.CONTINUOUSLY_AVAILABLE
    client = lab.multichannel_session(share=role, channels=CHANNELS, policy=impatient(rebinds=False))
    file = client.open(share_access=ShareAccess.READ, requested_oplock_level=OplockLevel.NONE)
    check(file.lock(RANGE), specification=Status.SUCCESS)
    write_through(client, file, fault, position)
    rival = lab.another_client().tree(role)
    answer = rival.create(file.core.file_name)
    check(answer, specification=Status.SHARING_VIOLATION)
    check(file.unlock(RANGE), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.durable-lease",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.4.7-01"],
    needs=[*DURABLE, LEASING],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET, FaultKind.BLACKHOLE]},
)
def test_a_lease_comes_back_with_its_handle(lab: Lab, fault: FaultKind) -> None:
    """All channels die: the lease is the same after the reconnect, and its break comes over a new channel."""
    client = lab.multichannel_session(channels=2, policy=impatient(rebinds=False))
    key = lab.guid()
    file = client.open(contexts=[durable_v2(lab.guid()), lease(key, RWH)])
    write_through(client, file, fault, Position.AFTER_EXECUTION)
    check.that(file, "lease state", file.core.lease_state or RWH, specification=RWH)
    attempt = lab.another_client().tree().create(file.core.file_name, contexts=[lease(lab.guid(), RWH)])
    check(attempt, requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    broken = client.session.wait_lease_break().required()
    check.that(client, "its key", broken.body.lease_key, specification=key)
    check.that(attempt, "the rival's lease", attempt.open.lease_state, specification=RH)
    check.that(client, "what is left", file.core.lease_state, specification=RH)
    check.alive(client.session)


@case(
    "failover.again-and-again",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.7.1-12"],
    needs=DURABLE,
    variants={"version": [1, 2]},
)
def test_a_durable_handle_outlives_session_upon_session(lab: Lab, version: int) -> None:
    """All channels die again and again: the client has its durable handle back each time, and every WRITE is
    there.
    """
    client = lab.multichannel_session(channels=2, policy=impatient(rebinds=False))
    asked = durable() if version == 1 else durable_v2(lab.guid())
    file = client.open(contexts=[asked], requested_oplock_level=OplockLevel.BATCH)
    for number in range(4):
        check(file.write(bytes([number]), number), specification=Status.SUCCESS)
        for channel in client.channels:
            channel.faults.apply(FaultKind.RESET)
        check(file.read(0, 1), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(4)))
    check.alive(client.session)


@case(
    "failover.some-are-durable",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.7.1-06"],
    needs=DURABLE,
    variants={"fault": NOTICED},
)
def test_only_durable_handles_come_back(lab: Lab, fault: FaultKind) -> None:
    """All channels die: of two files the durable one comes back with its content, and the other one is free
    for somebody else.
    """
    client, other = lab.multichannel_session(channels=2, policy=impatient()), lab.another_client()
    kept = client.open()
    gone = client.open(contexts=[], share_access=ShareAccess.NONE)
    kept.write(BLOCK).required()
    tree = other.tree()
    for channel in client.channels:
        lose(channel, fault)
    check.that(kept, "what the file holds", kept.read().data, specification=BLOCK)
    name = gone.core.file_name
    answer = lab.eventually(lambda: tree.create(name), lambda one: one.actual is Status.SUCCESS)
    check(answer, requirement="SMB2-3.3.7.1-06", specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.delete-on-close",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-06"],
    needs=NEEDS,
    variants={"fault": NOTICED},
)
def test_delete_on_close_waits_for_the_last_channel(lab: Lab, fault: FaultKind) -> None:
    """A file that is deleted on close is there as long as one channel is left, and gone with the last one."""
    session, other = lab.logon(), lab.another_client()
    session.add_channel()
    file = session.tree().open(create_options=CreateOptions.DELETE_ON_CLOSE)
    tree = other.tree()
    first, last = session.channels
    lose(first, fault)
    check(file.write(BLOCK, on=last), specification=Status.SUCCESS)
    check(probe(tree, file.name), specification=Status.SUCCESS)
    lose(last, fault)
    gone = Status.OBJECT_NAME_NOT_FOUND
    answer = lab.eventually(lambda: probe(tree, file.name), lambda one: one.actual is gone)
    check(answer, requirement="SMB2-3.3.7.1-06", specification=gone)
    check.alive(other)


@case(
    "failover.opens-of-each-channel",
    requirements=["SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"order": list(permutations(range(CHANNELS))), "fault": [FaultKind.CLOSE, FaultKind.RESET]},
)
def test_what_each_channel_opened_outlives_it(lab: Lab, order: tuple[int, ...], fault: FaultKind) -> None:
    """A file is opened and locked over each of three channels, which go in any order: over the last one all
    of them are used, and their locks released.
    """
    session, other = lab.logon(), lab.another_client()
    session.add_channel()
    session.add_channel()
    tree = session.tree()
    files = [tree.open(on=channel) for channel in session.channels]
    rivals = [other.tree().open(file.name) for file in files]
    for file, channel in zip(files, session.channels, strict=True):
        file.lock(RANGE, on=channel).required()
    *lost, last = order
    for number in lost:
        lose(session.channels[number], fault)
        left = session.must_be_alive[0]
        for file, rival in zip(files, rivals, strict=True):
            check(file.write(BLOCK, on=left), specification=Status.SUCCESS)
            check(rival.lock(RANGE), specification=Status.LOCK_NOT_GRANTED)
    for file, rival in zip(files, rivals, strict=True):
        check(file.unlock(RANGE, on=session.channels[last]), specification=Status.SUCCESS)
        check(rival.lock(RANGE), specification=Status.SUCCESS)
        check(file.close(on=session.channels[last]), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "failover.oplock-kept",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.4.6-06"],
    needs=NEEDS,
    variants={"left": range(CHANNELS), "fault": [FaultKind.CLOSE, FaultKind.RESET]},
)
def test_an_oplock_is_kept_while_a_channel_is_left(lab: Lab, left: int, fault: FaultKind) -> None:
    """Two of three channels are lost: the oplock of a file opened over each is still there, and its break
    comes over the channel that is left.
    """
    session, other = lab.logon(), lab.another_client()
    session.add_channel()
    session.add_channel()
    channels = list(session.channels)
    batch = OplockLevel.BATCH
    files = [session.tree().open(requested_oplock_level=batch, on=channel) for channel in channels]
    for channel in channels:
        if channel is not channels[left]:
            lose(channel, fault)
    for number, file in enumerate(files):
        attempt = other.tree().create(file.name, wait=False)
        found = session.wait_oplock_break(after=number)
        check.that(session, "the oplock is broken", found.arrived, specification=True)
        check.that(
            session,
            "the break came over the channel that is left",
            found.channel is channels[left],
            requirement="SMB2-3.3.4.6-06",
            specification=True,
        )
        answer = file.acknowledge_oplock(OplockLevel.II, on=channels[left])
        check(answer, specification=Status.SUCCESS)
        check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "failover.break-outlives-its-channels",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.22.2-05", "SMB2-3.3.5.22.1-01"],
    needs=[*NEEDS, LEASING],
    variants={"fault": [FaultKind.CLOSE, FaultKind.RESET], "leased": [False, True]},
)
def test_a_break_is_acknowledged_by_the_next_generation(lab: Lab, fault: FaultKind, leased: bool) -> None:
    """A break is to be acknowledged, and channel by channel all that were there go, while new ones are bound:
    one of those acknowledges it.
    """
    policy = FailoverPolicy(acknowledges=False)
    client, other = lab.multichannel_session(channels=2, policy=policy), lab.another_client()
    level = OplockLevel.LEASE if leased else OplockLevel.BATCH
    contexts = [lease(lab.guid(), RWH)] if leased else []
    file = client.open(contexts=contexts, requested_oplock_level=level)
    attempt = other.tree().create(file.core.file_name, wait=False)
    wait = client.session.wait_lease_break if leased else client.session.wait_oplock_break
    wait().required()
    first = client.channels
    for channel in first:
        lose(channel, fault)
        lab.settle()
        client.step()
    rule = "SMB2-3.3.5.22.2-05" if leased else "SMB2-3.3.5.22.1-01"
    on = client.channels[-1]
    plain = file.plain
    answer = plain.acknowledge_lease(RH, on=on) if leased else plain.acknowledge_oplock(OplockLevel.II, on=on)
    check(answer, requirement=rule, specification=Status.SUCCESS)
    check(attempt.wait(), specification=Status.SUCCESS)
    left = [channel for channel in client.channels if channel in first]
    check.that(client, "how many of the first are left", len(left), specification=0)
    check.alive(client.session)


@case(
    "failover.acknowledges-by-itself",
    requirements=["SMB2-3.3.4.6-07", "SMB2-3.3.4.6-06"],
    needs=[*NEEDS, BLACKHOLE],
    variants={"fault": [FaultKind.FORGET, FaultKind.BLACKHOLE]},
)
def test_a_client_with_a_dead_channel_hears_of_breaks(lab: Lab, fault: FaultKind) -> None:
    """One of two channels is dead and neither side has noticed: a break comes over the other one, the client
    acknowledges it and goes on.
    """
    client, other = lab.multichannel_session(channels=2), lab.another_client()
    file = client.open(contexts=[], requested_oplock_level=OplockLevel.BATCH)
    file.write(BLOCK).required()
    client.channels[0].faults.apply(fault)
    attempt = other.tree().create(file.core.file_name, wait=False)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=BLOCK)
    check.that(file, "what is left", file.core.oplock_level, specification=OplockLevel.II)
    check.alive(client.session)


@case(
    "failover.last-channel-goes-late",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.7.1-01"],
    needs=DURABLE,
    variants={"order": list(permutations(range(CHANNELS)))},
)
def test_channels_go_one_by_one_and_the_handle_comes_back(lab: Lab, order: tuple[int, ...]) -> None:
    """Three channels go in any order, the last one with a WRITE under way: the client comes back to its
    durable handle.
    """
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient(rebinds=False))
    file = client.open()
    channels = client.channels
    for number, dying in enumerate(order):
        channels[dying].faults.arm(FaultKind.RESET, Position.AFTER_EXECUTION)
        answer = file.write(bytes([number]), number, on=channels[dying])
        check(answer, specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(CHANNELS)))
    check.alive(client.session)
