"""Requests whose channel dies: none that was acknowledged is lost, none is applied twice ([MS-SMB2] 3.2.7.1,
3.3.5.2.10).
"""

from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.create import CreateAction, ShareAccess
from smbtorture_py.wire.fscc.file_information import FileEndOfFileInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.status import Status
from suites.bind.losses import HARM, harm
from suites.durable.handles import A_MOMENT
from suites.failover.ways import AFTER, ENDS, PLACES, SOME, WAYS, impatient, place_of

CHANNELS = 3
BLOCK = b"0123456789abcdef" * 256
LARGE = 256 * 1024
BLOCKS = 24
LATE = 0.3
"""Seconds by which a request is held up."""

NEEDS = [SMB3, MULTI_CHANNEL, BLACKHOLE]
SEQUENCE = "SMB2-3.3.5.2.10"


@case(
    "failover.write-under-way",
    requirements=["SMB2-3.3.5.2.10-15", "SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants=WAYS,
    answers=["smbtorture:hole.loss-kinds"],
)
def test_a_write_whose_channel_dies(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A channel dies under a WRITE: the client sends it again over another one, and the file holds it."""
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient())
    file = client.open()
    channel = client.channels[0]
    channel.faults.arm(fault, position)
    check(file.write(BLOCK, on=channel), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=BLOCK)
    check.alive(client.session)


@case(
    "failover.writes-under-way",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.2.10-15"],
    needs=NEEDS,
    variants={"fault": ENDS, "place": PLACES},
)
def test_writes_over_all_channels_while_one_dies(lab: Lab, fault: FaultKind, place: str) -> None:
    """Of three channels that carry WRITEs one dies: every block is acknowledged in the end, and is there."""
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient())
    file = client.open()
    channels = client.channels
    channels[place_of(place, CHANNELS)].faults.arm(fault, Position.AFTER_EXECUTION, skip=BLOCKS // 6)
    answers = [
        file.write(bytes([number]) * len(BLOCK), number * len(BLOCK), on=channels[number % 3], wait=False)
        for number in range(BLOCKS)
    ]
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    held = b"".join(file.read(number * len(BLOCK), len(BLOCK)).data for number in range(BLOCKS))
    wanted = b"".join(bytes([number]) * len(BLOCK) for number in range(BLOCKS))
    check.that(file, "every block is there", held == wanted, specification=True)
    check.alive(client.session)


@case(
    "failover.every-answer-lost",
    requirements=["SMB2-3.3.5.2.10-15", "SMB2-3.3.5.2.10-05"],
    needs=NEEDS,
    variants={"fault": ENDS},
)
def test_a_write_whose_answer_is_lost_again_and_again(lab: Lab, fault: FaultKind) -> None:
    """One channel after the other dies under a WRITE and its repetitions: the last one is answered."""
    client = lab.multichannel_session(channels=4, policy=impatient(rebinds=False))
    file = client.open()
    *dying, _ = client.channels
    for channel in dying:
        channel.faults.arm(fault, Position.AFTER_EXECUTION)
    answer = file.write(BLOCK, on=dying[0])
    check(answer, specification=Status.SUCCESS)
    for channel in dying:
        if not channel.is_lost:
            check(file.write(BLOCK, on=channel), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=BLOCK)
    check.that(client, "channels that are left", len(client.channels), specification=1)
    check.alive(client.session)


@case(
    "failover.late-write",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-04"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_write_that_arrives_after_its_repetition(lab: Lab) -> None:
    """A WRITE is held up, its repetition and a newer one are executed: when it arrives it is refused, and
    undoes nothing.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.delay_next_send(LATE)
    late = file.write(b"old", on=first, wait=False)
    again = file.write(b"old", on=second, channel_sequence=1, replay=True)
    check(again, requirement=f"{SEQUENCE}-12", specification=Status.SUCCESS)
    newer = file.write(b"new", on=second, channel_sequence=1)
    check(newer, requirement=f"{SEQUENCE}-04", specification=Status.SUCCESS)
    check(late.wait(), specification=Status.FILE_NOT_AVAILABLE)
    check.that(file, "what the file holds", file.read(on=second).data, specification=b"new")
    check.alive(session)


@case(
    "failover.half-a-write",
    requirements=["SMB2-3.3.7.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CUT, FaultKind.RESET, FaultKind.CLOSE], "keep": [100, LARGE // 2]},
)
def test_nothing_of_half_a_write_is_written(lab: Lab, fault: FaultKind, keep: int) -> None:
    """A channel dies inside a large WRITE: the file is as it was, and can be used over the other channel."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(fault, Position.INSIDE_REQUEST, keep=keep)
    file.write(bytes(LARGE), on=first, wait=False)
    lab.settle()
    answer = file.read(0, 1, on=second, channel_sequence=1)
    check(answer, specification=Status.END_OF_FILE)
    check.alive(session)


@case(
    "failover.write-comes-to-harm",
    requirements=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.4-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": HARM},
)
def test_a_write_comes_to_harm(lab: Lab, fault: FaultKind) -> None:
    """A signed WRITE comes late, in pieces, damaged or twice: it is executed as it was sent or not at all,
    and its repetition over another channel succeeds.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    file.write(BLOCK).required()
    harm(first, fault)
    file.write(BLOCK[::-1], on=first, sign=True, wait=False).wait(within=A_MOMENT)
    held = file.read(on=second).data
    check.that(
        file,
        "a whole block",
        held in (BLOCK, BLOCK[::-1]),
        requirement="SMB2-3.3.5.2.4-02",
        specification=True,
    )
    again = file.write(BLOCK[::-1], on=second, channel_sequence=1, replay=True)
    check(again, requirement=f"{SEQUENCE}-12", specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read(on=second).data, specification=BLOCK[::-1])
    check.alive(session)


@case("failover.read-under-way", requirements=["SMB2-3.3.7.1-01"], needs=NEEDS, variants=SOME)
def test_a_read_whose_channel_dies(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A channel dies under a READ: sent again over another one it returns what the file holds."""
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient())
    file = client.open()
    file.write(BLOCK).required()
    channel = client.channels[0]
    channel.faults.arm(fault, position)
    answer = file.read(0, len(BLOCK), on=channel)
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "what was read", answer.data, specification=BLOCK)
    check.alive(client.session)


@case(
    "failover.long-answer",
    requirements=["SMB2-3.3.7.1-01"],
    needs=NEEDS,
    variants={"fault": [FaultKind.RESET, FaultKind.PLUG]},
)
def test_a_channel_dies_inside_a_long_answer(lab: Lab, fault: FaultKind) -> None:
    """A channel dies inside the answer to a large READ: over another one the whole of it comes."""
    client = lab.multichannel_session(channels=2, policy=impatient())
    file = client.open()
    data = bytes(range(256)) * (LARGE // 256)
    file.write(data).required()
    channel = client.channels[0]
    channel.faults.arm(fault, Position.INSIDE_RESPONSE, keep=1000)
    answer = file.read(0, LARGE, on=channel)
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "the data is right", answer.data == data, specification=True)
    check.alive(client.session)


@case("failover.set-info-under-way", requirements=["SMB2-3.3.5.2.10-15"], needs=NEEDS, variants=SOME)
def test_a_set_info_whose_channel_dies(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A channel dies under a SET_INFO of the file's size: sent again it succeeds, and the size is set."""
    client = lab.multichannel_session(channels=CHANNELS, policy=impatient())
    file = client.open()
    channel = client.channels[0]
    channel.faults.arm(fault, position)
    kind = FileInformationClass.FILE_END_OF_FILE_INFORMATION
    size = FileEndOfFileInformation(end_of_file=LARGE).encode()
    check(file.set_info(InfoType.FILE, kind, size, on=channel), specification=Status.SUCCESS)
    check(file.read(LARGE - 1, 1), specification=Status.SUCCESS)
    check(file.read(LARGE, 1), specification=Status.END_OF_FILE)
    check.alive(client.session)


@case(
    "failover.create-under-way",
    requirements=["SMB2-3.3.5.9-11"],
    needs=[*NEEDS, DURABLE_HANDLES],
    variants=AFTER,
)
def test_a_create_whose_answer_is_lost(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A channel dies under a CREATE that shares nothing: sent again it tells of the one file made."""
    client = lab.multichannel_session(channels=2, policy=impatient())
    channel = client.channels[0]
    channel.faults.arm(fault, position)
    answer = client.create(share_access=ShareAccess.NONE, on=channel)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    name = answer.open.core.file_name
    check(answer.open.close(), specification=Status.SUCCESS)
    check(client.create(name, share_access=ShareAccess.NONE), specification=Status.SUCCESS)
    check.alive(client.session)


@case("failover.lock-under-way", requirements=["SMB2-3.3.5.14-01"], needs=NEEDS, variants=AFTER)
def test_a_lock_whose_answer_is_lost(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A channel dies under a LOCK that is granted: sent again it succeeds, and one unlock frees the range."""
    client = lab.multichannel_session(channels=2, policy=impatient())
    file = client.open(contexts=[])
    other = lab.another_client().tree().open(file.core.file_name)
    channel = client.channels[0]
    channel.faults.arm(fault, position)
    check(file.lock(on=channel), specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check(other.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(file.unlock(), specification=Status.SUCCESS)
    check(other.lock(), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.misbehaving-client",
    requirements=["SMB2-3.3.5.2.10-10", "SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-04"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"how": ["same-sequence", "no-flag", "neither"]},
)
def test_a_client_that_repeats_as_it_should_not(lab: Lab, how: str) -> None:
    """A client repeats a WRITE without a newer sequence or without the flag: with nothing outstanding it is
    executed all the same.
    """
    policy, rule = {
        "same-sequence": (FailoverPolicy(sequence_step=0), "10"),
        "no-flag": (FailoverPolicy(replay_flag=False), "05"),
        "neither": (FailoverPolicy(sequence_step=0, replay_flag=False), "04"),
    }[how]
    client = lab.multichannel_session(channels=2, policy=policy)
    file = client.open()
    channel = client.channels[0]
    channel.faults.arm(FaultKind.RESET, Position.INSIDE_RESPONSE)
    answer = file.write(BLOCK, on=channel)
    check(answer, requirement=f"{SEQUENCE}-{rule}", specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "failover.sequence-wraps",
    requirements=["SMB2-3.3.5.2.10-08", "SMB2-3.3.5.2.10-09"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"step": [0x5555, 0x7FFF]},
)
def test_a_client_whose_sequence_wraps(lab: Lab, step: int) -> None:
    """A client's sequence leaps with each lost channel, and wraps: every WRITE and its repetition succeed."""
    client = lab.multichannel_session(channels=2, policy=FailoverPolicy(sequence_step=step))
    file = client.open()
    for number in range(5):
        channel = client.channels[0]
        channel.faults.arm(FaultKind.RESET, Position.INSIDE_RESPONSE)
        answer = file.write(bytes([number]), number, on=channel)
        check(answer, specification=Status.SUCCESS)
        check(file.write(bytes([number]), number), specification=Status.SUCCESS)
        client.step()
    check.that(file, "what the file holds", file.read().data, specification=bytes(range(5)))
    check.alive(client.session)
