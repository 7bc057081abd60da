"""What was under way on a lost channel is replayed on another one, or after a reconnect ([MS-SMB2] 3.2.7.1,
3.3.5.9, 3.3.5.2.10).
"""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.create import CreateAction, CreateDisposition, ShareAccess
from smbtorture_py.wire.status import Status
from suites.bind.losses import DAMAGED, NOTICED, SILENT
from suites.durable.handles import Client
from suites.replay.originals import DURABLE, LEASED, Caching, Original, check_new, check_same, shareable
from suites.sequence.changes import DATA

ENDS = (*NOTICED, *SILENT, FaultKind.FORGET)
"""Every way to lose a channel."""

SHORT_OF_A_REQUEST: tuple[dict[str, object], ...] = (
    {"fault": FaultKind.CUT, "position": Position.INSIDE_REQUEST},
    {"fault": FaultKind.CLOSE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.RESET, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.BLACKHOLE, "position": Position.BEFORE_REQUEST},
    {"fault": FaultKind.VANISH, "position": Position.BEFORE_REQUEST},
)
"""Faults after which the request has not arrived."""

SHORT_OF_A_RESPONSE: tuple[dict[str, object], ...] = tuple(
    {"fault": fault, "position": position}
    for fault in ENDS
    if fault is not FaultKind.CUT
    for position in (Position.AFTER_EXECUTION, Position.INSIDE_RESPONSE)
)
"""Faults after which the request has been executed, and its response has not arrived."""


@case(
    "replay.lost-response",
    requirements=["SMB2-3.3.5.9-11"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL, BLACKHOLE],
    variants=SHORT_OF_A_RESPONSE,
    answers=["ms:BVT_Replay_ReplayCreate"],
)
def test_a_create_whose_response_is_lost(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A CREATE is executed and its channel is lost: its replay on another channel tells of the file made, and
    there is one open.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    tree = session.tree()
    original = Original(tree, arguments={"share_access": ShareAccess.NONE})
    first.faults.arm(fault, position)
    original.send(wait=False)
    lab.settle()
    answer = original.again(on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    check(answer.open.close(on=second), specification=Status.SUCCESS)
    answer = tree.create(original.name, share_access=ShareAccess.NONE, on=second)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.lost-request",
    requirements=["SMB2-3.3.5.9-03"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL, BLACKHOLE],
    variants=SHORT_OF_A_REQUEST,
)
def test_a_create_that_never_arrives(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A CREATE is lost with its channel: its replay on another one is a first CREATE, replayed in turn."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    original = Original(session.tree(), arguments={"share_access": ShareAccess.NONE})
    first.faults.arm(fault, position)
    original.send(wait=False)
    lab.settle()
    answer = original.again(on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    check_same(original.again(on=second, channel_sequence=1), answer.open)
    check.alive(session)


@case(
    "replay.late-create",
    requirements=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-03"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL, BLACKHOLE],
    variants={"fault": [FaultKind.DELAY, FaultKind.BLACKHOLE]},
)
def test_a_create_that_comes_after_its_replay(lab: Lab, fault: FaultKind) -> None:
    """A CREATE is held up and overtaken by its replay: when it arrives it is refused, and the open stays."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    original = Original(session.tree(), arguments={"share_access": ShareAccess.NONE})
    first.faults.arm(fault, Position.BEFORE_REQUEST)
    late = original.send(wait=False)
    again = original.again(on=second, channel_sequence=1).required()
    if fault is FaultKind.BLACKHOLE:
        first.faults.heal()
    check(late.wait(), specification=Status.DUPLICATE_OBJECTID)
    answer = again.open.write(DATA, on=second, channel_sequence=1)
    check(answer, requirement="SMB2-3.3.5.9-03", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.late-create-after-use",
    requirements=["SMB2-3.3.5.9.10-03"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL],
)
def test_a_create_that_comes_after_the_use_of_its_open(lab: Lab) -> None:
    """A CREATE that makes a new file is held up, its replay makes the file and uses it: when it arrives the
    name is taken.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    original = Original(session.tree(), arguments={"create_disposition": CreateDisposition.CREATE})
    first.faults.arm(FaultKind.DELAY, Position.BEFORE_REQUEST)
    late = original.send(wait=False)
    again = original.again(on=second, channel_sequence=1).required()
    again.open.write(DATA, on=second, channel_sequence=1).required()
    check(late.wait(), specification=Status.OBJECT_NAME_COLLISION)
    check.that(again, "what the file holds", again.open.read(on=second).data, specification=DATA)
    check.alive(session)


@case(
    "replay.damaged-create",
    requirements=["SMB2-3.3.5.9-03", "SMB2-3.3.5.9-11"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL],
    variants={"fault": [FaultKind.CORRUPT, FaultKind.DUPLICATE, FaultKind.SPLIT]},
)
def test_what_the_network_does_to_a_create(lab: Lab, fault: FaultKind) -> None:
    """A CREATE arrives damaged, twice or in pieces: its replay on another channel tells of the file made."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    first.may_be_lost = True
    original = Original(session.tree(), arguments={"share_access": ShareAccess.NONE})
    first.faults.arm(fault, Position.INSIDE_REQUEST, keep=DAMAGED)
    original.send(sign=True, wait=False).wait()
    answer = original.again(on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    check.alive(session)


@case(
    "replay.lost-channels",
    requirements=["SMB2-3.3.5.9-11", "SMB2-3.3.5.9.10-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, BLACKHOLE],
    variants={"caching": [Caching.BATCH, Caching.LEASE_V2], "fault": [FaultKind.RESET, FaultKind.BLACKHOLE]},
)
def test_channel_upon_channel_is_lost(lab: Lab, caching: Caching, fault: FaultKind) -> None:
    """The response to a CREATE, and to each of its replays, is lost with a channel: the last one still tells
    of the file made.
    """
    session = lab.logon()
    for _ in range(3):
        session.add_channel()
    original = Original(session.tree(), caching, arguments={"share_access": ShareAccess.NONE})
    *lost, last = session.channels
    for number, channel in enumerate(lost):
        channel.faults.arm(fault, Position.AFTER_EXECUTION)
        original.send(on=channel, channel_sequence=number, replay=number > 0, wait=False)
        lab.settle()
    answer = original.again(on=last, channel_sequence=len(lost))
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    again = original.again(on=last, channel_sequence=len(lost))
    check_same(again, answer.open, "SMB2-3.3.5.9.10-05")
    check.alive(session)


# Other requests.


@case(
    "replay.lost-write",
    requirements=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants=(*SHORT_OF_A_REQUEST, *SHORT_OF_A_RESPONSE),
)
def test_a_write_that_is_lost(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A WRITE or its response is lost with its channel: sooner or later its replay on another one succeeds,
    and the file holds what was written.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(fault, position)
    file.write(DATA, wait=False)
    answer = lab.eventually(
        lambda: file.write(DATA, on=second, channel_sequence=1, replay=True),
        lambda one: one.actual is not Status.FILE_NOT_AVAILABLE,
    )
    check(answer, requirement="SMB2-3.3.5.2.10-15", specification=Status.SUCCESS)
    content = file.read(on=second, channel_sequence=1).data
    check.that(
        file,
        "what the file holds",
        content,
        requirement="SMB2-3.3.5.2.10-15",
        specification=DATA,
    )
    check.alive(session)


# After the session is gone.


@case(
    "replay.after-disconnect",
    requirements=["SMB2-3.3.5.9.10-20"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, BLACKHOLE],
    variants={"caching": DURABLE, "fault": [FaultKind.CLOSE, FaultKind.RESET, FaultKind.CUT]},
    answers=["smbtorture:replay.durable-reconnect-replay1"],
)
def test_a_replay_instead_of_a_reconnect(lab: Lab, caching: Caching, fault: FaultKind) -> None:
    """The client lost its session before it had the response to a CREATE: what a replay in a new session
    comes to is noted.
    """
    client = Client(lab.logon())
    original = Original(client.tree, caching)
    file = original.open()
    client.lose(fault)
    back = client.back()
    answer = original.again(tree=back.tree, channel_sequence=1)
    check(answer, specification=Status.SUCCESS, literal=Status.DUPLICATE_OBJECTID)
    if answer.actual is Status.SUCCESS:
        same = answer.open.file_id.persistent == file.file_id.persistent
        check.that(answer, "the first open is returned", same, specification=True)
        check.field(answer, "create_action", specification=CreateAction.CREATED)
        check(answer.open.write(DATA, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "replay.after-previous-session",
    requirements=["SMB2-3.3.5.9.10-20"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
    answers=["smbtorture:replay.durable-reconnect-replay3"],
)
def test_a_replay_after_the_previous_session_was_ended(lab: Lab, caching: Caching) -> None:
    """A new session ends the one before by its id: what a replay in it comes to is noted."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    again = lab.logon(previous_session_id=session.session_id)
    answer = original.again(tree=again.tree(), channel_sequence=1)
    check(answer, specification=Status.SUCCESS, literal=Status.DUPLICATE_OBJECTID)
    if answer.actual is Status.SUCCESS:
        same = answer.open.file_id.persistent == file.file_id.persistent
        check.that(answer, "the first open is returned", same, specification=True)
        check(answer.open.write(DATA, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(again)


@case(
    "replay.after-disconnect-twice",
    requirements=["SMB2-3.3.5.9.10-20", "SMB2-3.3.5.9.10-05", "SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED},
    answers=["smbtorture:replay.replay-twice-durable"],
)
def test_a_replay_after_a_replay_after_a_disconnect(lab: Lab, caching: Caching) -> None:
    """Where a replay in a new session gets the open back, another replay does too, until the open is used."""
    client = Client(lab.logon())
    original = Original(client.tree, caching)
    original.open()
    client.lose()
    back = client.back()
    answer = original.again(tree=back.tree, channel_sequence=1).required()
    for _ in range(2):
        check_same(original.again(tree=back.tree, channel_sequence=1), answer.open, "SMB2-3.3.5.9.10-05")
    answer.open.write(DATA, channel_sequence=1).required()
    last = original.again(tree=back.tree, channel_sequence=1)
    check_new(last, answer.open, "SMB2-3.3.5.9-13")
    check.alive(back.session)


@case(
    "replay.after-disconnect-of-used",
    requirements=["SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_replay_of_a_used_open_after_a_disconnect(lab: Lab) -> None:
    """An open that was used before the session was lost is not returned by a replay: the file is opened once
    more.
    """
    client = Client(lab.logon())
    original = shareable(client.tree)
    file = original.open()
    file.write(DATA).required()
    client.lose()
    back = client.back()
    answer = original.again(tree=back.tree, channel_sequence=1)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.OPENED)
    same = answer.open.file_id.persistent == file.file_id.persistent
    check.that(answer, "the first open is returned", same, specification=False)
    check.alive(back.session)


@case(
    "replay.after-disconnect-without-flag",
    requirements=["SMB2-3.3.5.9.10-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
)
def test_a_create_guid_of_a_disconnected_open(lab: Lab, caching: Caching) -> None:
    """A CREATE without the replay flag is refused while an open of its CreateGuid waits for its client."""
    client = Client(lab.logon())
    original = Original(client.tree, caching)
    file = original.open()
    client.lose()
    back = client.back()
    answer = original.send(tree=back.tree)
    if answer.actual is Status.SUCCESS and answer.open.file_id.persistent == file.file_id.persistent:
        check(answer, specification=Status.DUPLICATE_OBJECTID, reconnected=Status.SUCCESS)
    check(answer, specification=Status.DUPLICATE_OBJECTID, opened_again=Status.SUCCESS)
    check.alive(back.session)
