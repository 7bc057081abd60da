"""Whose number it is: of one open, over all channels, from its CREATE on ([MS-SMB2] 3.3.5.2.10, 3.3.5.9)."""

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen
from smbtorture_py.conformance.lab.handle_contexts import RWH, durable_v2, lease, reconnect_v2
from smbtorture_py.conformance.needs import (
    BLACKHOLE,
    CLEAR_SESSIONS,
    DURABLE_HANDLES,
    ENCRYPTION,
    LEASING,
    MULTI_CHANNEL,
    SMB3,
)
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateRequest, OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest
from suites.bind.losses import DAMAGED, lose
from suites.durable.handles import Client
from suites.sequence.changes import CHANGES, DATA, EACH, FARTHEST, STEP, bring, set_info, write
from suites.sequence.others import query_info
from suites.tree.dialects import SMB_3

ENDS = (
    FaultKind.CLOSE,
    FaultKind.RESET,
    FaultKind.HALF_CLOSE,
    FaultKind.CUT,
    FaultKind.FORGET,
    FaultKind.VANISH,
    FaultKind.BLACKHOLE,
    FaultKind.PLUG,
    FaultKind.STALL,
)
"""Every way to lose a channel, noticed or not."""

MANY = 40
ACCESS = AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA | AccessMask.DELETE
SHARED = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE


@case(
    "sequence.of-the-create",
    requirements=["SMB2-3.3.5.2.10-03"],
    needs=[SMB3],
    variants={"number": [1, FARTHEST, 0x8000, 0xFFFF], "dialect": SMB_3},
    answers=["smbtorture:hole.sequence-flush-lock-create"],
)
def test_an_open_starts_with_the_number_of_its_create(lab: Lab, number: int) -> None:
    """An open has the number of its CREATE: that one is in order, the one before it is stale."""
    session = lab.logon()
    file = session.tree().open(channel_sequence=number)
    check(write(file, channel_sequence=number), specification=Status.SUCCESS, samba=Status.FILE_NOT_AVAILABLE)
    answer = write(file, channel_sequence=number - 1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.of-the-create-stale",
    requirements=["SMB2-3.3.5.2.10-03"],
    needs=[SMB3],
    variants={"change": EACH, "number": [1, FARTHEST]},
    answers=["smbtorture:hole.sequence-flush-lock-create"],
)
def test_a_number_below_that_of_the_create(lab: Lab, change: str, number: int) -> None:
    """The first request on an open is refused if its number is behind that of the CREATE."""
    session = lab.logon()
    file = session.tree().open(channel_sequence=number)
    answer = CHANGES[change](file, channel_sequence=number - 1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, samba=Status.SUCCESS)
    check.alive(session)


@case("sequence.of-a-pending-create", requirements=["SMB2-3.3.5.2.10-03"], needs=[SMB3])
def test_a_create_that_waited(lab: Lab) -> None:
    """A CREATE that waited for a break gives its open the number that it had when it was sent."""
    other = lab.another_client()
    held = other.tree().open(requested_oplock_level=OplockLevel.BATCH)
    session = lab.logon()
    tree = session.tree()
    waiting = tree.create(held.name, wait=False, channel_sequence=STEP)
    other.wait_oplock_break().required()
    held.close().required()
    waiting.wait().required()
    answer = write(waiting.open, channel_sequence=STEP - 1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, samba=Status.SUCCESS)
    check(write(waiting.open, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.of-one-open",
    requirements=["SMB2-3.3.4.1-03", "SMB2-3.3.5.2.10-04"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_each_open_has_its_own_number(lab: Lab, change: str) -> None:
    """Two opens of one file have each a number of their own."""
    session = lab.logon()
    tree = session.tree()
    first = tree.open()
    second = tree.open(first.name)
    bring(first, 2)
    check(CHANGES[change](second, channel_sequence=0), specification=Status.SUCCESS)
    check(CHANGES[change](second, channel_sequence=1), specification=Status.SUCCESS)
    check(CHANGES[change](first, channel_sequence=1), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.of-a-later-open",
    requirements=["SMB2-3.3.5.2.10-03"],
    needs=[SMB3],
    variants={"number": [0, 1]},
)
def test_a_later_open_starts_afresh(lab: Lab, number: int) -> None:
    """Opening a file once more, with any number, neither takes over nor moves the first number."""
    session = lab.logon()
    tree = session.tree()
    first = tree.open()
    bring(first, STEP)
    second = tree.open(first.name, channel_sequence=number)
    check(write(second, channel_sequence=number), specification=Status.SUCCESS)
    check(write(first, channel_sequence=STEP - 1), specification=Status.FILE_NOT_AVAILABLE)
    check(write(first, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.across-channels",
    requirements=["SMB2-3.3.4.1-03"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"change": EACH, "dialect": SMB_3},
)
def test_the_number_holds_on_every_channel(lab: Lab, change: str) -> None:
    """A newer number that came on one channel makes the one before stale on every channel."""
    session = lab.logon()
    second, third = session.add_channel(), session.add_channel()
    file = session.tree().open()
    CHANGES[change](file, channel_sequence=1, on=second).required()
    for channel in session.channels:
        answer = CHANGES[change](file, channel_sequence=0, on=channel)
        check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check(CHANGES[change](file, channel_sequence=1, on=third), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.one-number-on-two-channels",
    requirements=["SMB2-3.3.5.2.10-04", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_channels_share_a_number(lab: Lab) -> None:
    """Requests with the same number go over two channels in turn, and all at once: all are executed."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    answers = [
        file.write(bytes([number]), number, on=session.channels[number % 2], channel_sequence=1, wait=False)
        for number in range(20)
    ]
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read(on=second).data, specification=bytes(range(20)))
    check.alive(session)


@case(
    "sequence.after-a-loss",
    requirements=["SMB2-3.3.4.1-03", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"fault": ENDS},
    answers=["ms:BVT_Replay_WriteWithInvalidChannelSequence"],
)
def test_the_number_outlives_a_channel(lab: Lab, fault: FaultKind) -> None:
    """The number that an open had on a channel now lost holds on the others: what is behind it is stale."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    bring(file, 2)
    lose(session.channels[0], fault)
    for number, replay in ((1, False), (1, True), (0x8002, True)):
        answer = write(file, channel_sequence=number, replay=replay, on=second)
        check(answer, specification=Status.FILE_NOT_AVAILABLE)
    answer = write(file, channel_sequence=3, on=second)
    check(answer, requirement="SMB2-3.3.5.2.10-05", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.on-a-new-channel",
    requirements=["SMB2-3.3.4.1-03", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_the_number_holds_on_a_new_channel(lab: Lab) -> None:
    """On a channel that was bound in place of a lost one the number of the open holds as before."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    bring(file, 2)
    lose(session.channels[0])
    write(file, channel_sequence=3, on=second).required()
    third = session.add_channel()
    check(write(file, channel_sequence=2, on=third), specification=Status.FILE_NOT_AVAILABLE)
    answer = write(file, channel_sequence=3, on=third)
    check(answer, requirement="SMB2-3.3.5.2.10-05", specification=Status.SUCCESS)
    check.alive(session)


def late(channel: LabConnection, file: LabOpen) -> Answer:
    """A WRITE that has not arrived yet when this returns."""
    return file.write(b"late", on=channel, channel_sequence=0, wait=False)


@case(
    "sequence.late-write",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.4.1-04"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"fault": [FaultKind.DELAY, FaultKind.BLACKHOLE]},
    answers=["ms:BVT_Replay_WriteWithInvalidChannelSequence"],
)
def test_a_write_that_comes_late(lab: Lab, fault: FaultKind) -> None:
    """A WRITE that was held up on its way, while its client went on over another channel, changes nothing
    when it arrives.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(fault, Position.BEFORE_REQUEST)
    answer = late(first, file)
    file.write(b"in time", on=second, channel_sequence=1).required()
    if fault is FaultKind.BLACKHOLE:
        first.faults.heal()
    check(answer.wait(), specification=Status.FILE_NOT_AVAILABLE)
    content = file.read(on=second).data
    check.that(file, "what the file holds", content, requirement="SMB2-3.3.4.1-04", specification=b"in time")
    check.alive(session)


@case(
    "sequence.late-write-twice",
    requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-12"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_write_that_overtakes_itself(lab: Lab) -> None:
    """A WRITE is held up, its replay on another channel comes first and more is written: it changes nothing
    when it arrives.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(FaultKind.DELAY, Position.BEFORE_REQUEST)
    answer = late(first, file)
    file.write(b"late", on=second, channel_sequence=1, replay=True).required()
    file.write(b"more", on=second, channel_sequence=1).required()
    check(answer.wait(), specification=Status.FILE_NOT_AVAILABLE)
    check.that(file, "what the file holds", file.read(on=second).data, specification=b"more")
    check.alive(session)


@case(
    "sequence.split-and-damaged",
    requirements=["SMB2-3.3.5.2.10-04", "SMB2-3.3.5.2.10-21"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": [FaultKind.SPLIT, FaultKind.DUPLICATE, FaultKind.CORRUPT]},
)
def test_what_the_network_does_to_a_request(lab: Lab, fault: FaultKind) -> None:
    """A request with a newer number that is split counts; one that is damaged or comes twice leaves the open
    usable on the other channel.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    first.may_be_lost = True
    file = session.tree().open()
    first.faults.arm(fault, Position.INSIDE_REQUEST, keep=DAMAGED)
    answer = write(file, on=first, channel_sequence=1, sign=True)
    if fault is FaultKind.SPLIT:
        check(answer, specification=Status.SUCCESS)
    elif fault is FaultKind.CORRUPT:
        check(write(file, on=second, channel_sequence=0), specification=Status.SUCCESS)
    check(write(file, on=second, channel_sequence=2), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.wrongly-signed",
    requirements=["SMB2-3.3.5.2.10-21"],
    needs=[SMB3, CLEAR_SESSIONS],
    variants={"change": EACH, "dialect": SMB_3},
)
def test_a_wrongly_signed_request_moves_nothing(lab: Lab, change: str) -> None:
    """A newer number in a request whose signature is wrong is not taken over."""
    session = lab.logon()
    file = session.tree().open()
    forged = Tamper(signing_key=bytes(16))
    CHANGES[change](file, channel_sequence=STEP, sign=True, tamper=forged).required(Status.ACCESS_DENIED)
    check(CHANGES[change](file, channel_sequence=0), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.encrypted",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3, ENCRYPTION, CLEAR_SESSIONS],
    variants={"change": EACH, "dialect": SMB_3},
)
def test_numbers_inside_encrypted_messages(lab: Lab, change: str) -> None:
    """The numbers of encrypted requests count like those of others."""
    session = lab.logon()
    file = session.tree().open(encrypt=True)
    answer = CHANGES[change](file, channel_sequence=1, encrypt=True)
    check(answer, requirement="SMB2-3.3.5.2.10-05", specification=Status.SUCCESS)
    for encrypt in (True, False):
        answer = CHANGES[change](file, channel_sequence=0, encrypt=encrypt)
        check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


# Chains.


def writing(file: LabOpen, number: int, *, any_file: bool = False) -> Submission:
    """A WRITE with a number, for a chain."""
    session = file.tree.session
    body = WriteRequest(file_id=FILE_ID_ANY if any_file else file.file_id, data=DATA)
    return Submission(body=body, session=session.core, tree=file.tree.core, channel_sequence=number)


@case(
    "sequence.in-a-chain",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
)
def test_each_request_of_a_chain_has_its_number(lab: Lab) -> None:
    """Each request of a chain is judged by its own number: a stale one fails, the ones around it do not."""
    session = lab.logon()
    file = session.tree().open()
    answers = session.connection.send_compound([writing(file, number) for number in (1, 0, 2, 1)])
    expected = (Status.SUCCESS, Status.FILE_NOT_AVAILABLE, Status.SUCCESS, Status.FILE_NOT_AVAILABLE)
    for answer, status in zip(answers, expected, strict=True):
        check(answer, specification=status)
    check.alive(session)


@case(
    "sequence.in-a-related-chain",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
)
def test_each_request_of_a_related_chain_has_its_number(lab: Lab) -> None:
    """In a related chain a request whose number is behind that of the one before it is stale."""
    session = lab.logon()
    file = session.tree().open()
    chain = [writing(file, 1), writing(file, 2, any_file=True), writing(file, 1, any_file=True)]
    answers = session.connection.send_compound(chain, related=True)
    for answer, status in zip(
        answers, (Status.SUCCESS, Status.SUCCESS, Status.FILE_NOT_AVAILABLE), strict=True
    ):
        check(answer, specification=status)
    check.alive(session)


@case(
    "sequence.in-a-chain-with-its-create",
    requirements=["SMB2-3.3.5.2.10-18", "SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
    variants={"number": [0, 2]},
)
def test_a_create_and_a_write_in_a_chain(lab: Lab, number: int) -> None:
    """A CREATE with the number 1 and a WRITE behind it in a related chain: what a stale number comes to there
    is noted, a newer one is in order.
    """
    session = lab.logon()
    tree = session.tree()
    body = CreateRequest(
        desired_access=ACCESS,
        create_disposition=CreateDisposition.CREATE,
        share_access=SHARED,
        name=lab.name(),
    )
    chain = [
        Submission(body=body, session=session.core, tree=tree.core, channel_sequence=1),
        Submission(
            body=WriteRequest(file_id=FILE_ID_ANY, data=DATA),
            session=session.core,
            tree=tree.core,
            channel_sequence=number,
        ),
    ]
    created, written = session.connection.send_compound(chain, related=True)
    created.required()
    if number:
        check(written, requirement="SMB2-3.3.5.2.10-05", specification=Status.SUCCESS)
    else:
        check(written, specification=Status.FILE_NOT_AVAILABLE, unnumbered=Status.SUCCESS)
    check.alive(session)


# Long-lived requests and numbers that come round.


@case(
    "sequence.around-a-pending-request",
    requirements=["SMB2-3.3.5.2.10-05", "SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
    answers=["smbtorture:replay.replay7"],
)
def test_numbers_come_round_below_a_pending_request(lab: Lab) -> None:
    """While a CHANGE_NOTIFY waits the numbers go all the way round: it can be cancelled, and is counted."""
    session = lab.logon()
    directory = session.tree().directory()
    pending = directory.change_notify(CompletionFilter.FILE_NAME, wait=False, channel_sequence=0)
    pending.wait_pending()
    for number in (30000, 60000, 0):
        check(query_info(directory, channel_sequence=number), specification=Status.SUCCESS)
    answer = set_info(directory, channel_sequence=0, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-11", specification=Status.FILE_NOT_AVAILABLE)
    pending.cancel()
    check(pending.wait(), requirement="SMB2-3.3.4.1-02", specification=Status.CANCELLED)
    for _ in range(2):
        answer = set_info(directory, channel_sequence=0, replay=True)
        check(answer, requirement="SMB2-3.3.5.2.10-10", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.pending-on-many",
    requirements=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
)
def test_many_requests_come_and_go(lab: Lab) -> None:
    """Many requests of many numbers wait and are cancelled: nothing is left that holds up a replay."""
    session = lab.logon()
    directory = session.tree().directory()
    waiting = []
    for number in range(MANY):
        answer = directory.change_notify(CompletionFilter.FILE_NAME, wait=False, channel_sequence=number)
        answer.wait_pending()
        waiting.append(answer)
    for answer in waiting:
        answer.cancel()
    for answer in waiting:
        answer.wait().required(Status.CANCELLED)
    answer = set_info(directory, channel_sequence=MANY - 1, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-10", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.in-a-durable-open",
    requirements=["SMB2-3.3.5.9.12-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"number": [0, STEP + 1]},
)
def test_the_number_of_a_reconnected_open(lab: Lab, number: int) -> None:
    """Which number an open has after a durable reconnect: that from before is noted; a number ahead of it is
    in order.
    """
    client = Client(lab.logon())
    key, guid = lab.guid(), lab.guid()
    file = client.tree.open(contexts=[lease(key, RWH), durable_v2(guid)])
    write(file, channel_sequence=STEP).required()
    client.lose()
    back = client.back()
    again = back.tree.open(
        file.name,
        contexts=[lease(key, RWH), reconnect_v2(file.file_id, guid)],
        channel_sequence=number,
    )
    answer = write(again, channel_sequence=STEP - 1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, reset=Status.SUCCESS)
    check(write(again, channel_sequence=STEP + 1), specification=Status.SUCCESS)
    check.alive(back.session)
