"""What outlives the loss of a channel, and what goes with the last one ([MS-SMB2] 3.3.7.1)."""

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import BLACKHOLE, MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import ShareAccess
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, SILENT, lose
from suites.bind.protections import DIALECTS

POSITIONS = ("first", "middle", "last")
LONG_ANSWER = 65536
"""More than a plugged connection takes in."""

OFTEN = 40
"""More binds than any known server allows at a time."""


@case(
    "bind.loss-of-one",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "position": POSITIONS, "dialect": DIALECTS},
    answers=[
        "smbtorture:hole.loss-first-channel",
        "smbtorture:hole.loss-kinds",
        "smbtorture:hole.rebind-after-loss",
    ],
)
def test_a_session_outlives_one_of_its_channels(lab: Lab, fault: FaultKind, position: str) -> None:
    """Of three channels one is lost: the others go on with trees, files and locks, and one more is bound."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    lost = session.channels[POSITIONS.index(position)]
    tree = session.tree(on=lost)
    file = tree.open(on=lost)
    other = tree.open(file.core.file_name, on=lost)
    file.lock(on=lost).required()
    lose(lost, fault)
    for channel in session.must_be_alive:
        check(file.write(b"x", on=channel), specification=Status.SUCCESS)
        check(other.write(b"y", on=channel), specification=Status.FILE_LOCK_CONFLICT)
        check(tree.create(on=channel), specification=Status.SUCCESS)
    check(lab.connect().bind(session), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.silence-of-one",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.5.5-46"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"fault": (*SILENT, FaultKind.FORGET), "position": POSITIONS},
    answers=["smbtorture:hole.loss-kinds", "smbtorture:hole.slow-reader"],
)
def test_a_session_goes_on_beside_a_silent_channel(lab: Lab, fault: FaultKind, position: str) -> None:
    """Of three channels one falls silent with an answer on its way: the others go on, one more is bound."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    silent = session.channels[POSITIONS.index(position)]
    tree = session.tree(on=silent)
    file = tree.open(on=silent)
    file.write(bytes(LONG_ANSWER), on=silent).required()
    silent.faults.arm(fault, Position.AFTER_EXECUTION)
    file.read(on=silent, wait=False)
    for channel in session.must_be_alive:
        check(file.write(b"x", on=channel), specification=Status.SUCCESS)
        check(tree.create(on=channel), specification=Status.SUCCESS)
    check(lab.connect().bind(session), requirement="SMB2-3.3.5.5-46", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.loss-of-all",
    requirements=["SMB2-3.3.7.1-07"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "channels": [1, 3], "dialect": DIALECTS},
    answers=["smbtorture:hole.last-channel"],
)
def test_a_session_ends_with_its_last_channel(lab: Lab, fault: FaultKind, channels: int) -> None:
    """As long as one channel is left the session can be bound; when the last one is lost it cannot."""
    session, other = lab.logon(), lab.logon()
    for _ in range(1, channels):
        session.add_channel()
    *all_but_one, last = session.channels
    for channel in all_but_one:
        lose(channel, fault)
    check.alive(session)
    lose(last, fault)
    answer = lab.eventually(
        lambda: lab.connect().bind(session, stop_after=1),
        lambda one: one.actual is Status.USER_SESSION_DELETED,
    )
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(other)


@case(
    "bind.files-go-with-the-last",
    requirements=["SMB2-3.3.7.1-06", "SMB2-3.3.7.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "order": ["oldest-first", "newest-first"]},
    answers=["smbtorture:session.bind2", "smbtorture:hole.last-channel"],
)
def test_files_are_closed_with_the_last_channel(lab: Lab, fault: FaultKind, order: str) -> None:
    """A file that shares nothing keeps others out as long as one channel is left, and is closed with the last
    one.
    """
    session, other = lab.logon(), lab.logon()
    session.add_channel()
    file = session.tree().open(share_access=ShareAccess.NONE)
    tree = other.tree()
    first, last = session.channels if order == "oldest-first" else reversed(session.channels)
    lose(first, fault)
    check(last.echo(session, signed=True), specification=Status.SUCCESS)
    answer = tree.create(file.core.file_name)
    check(answer, requirement="SMB2-3.3.7.1-01", specification=Status.SHARING_VIOLATION)
    lose(last, fault)
    answer = lab.eventually(
        lambda: tree.create(file.core.file_name), lambda one: one.actual is Status.SUCCESS
    )
    check(answer, specification=Status.SUCCESS)
    check.alive(other)


@case(
    "bind.successor",
    requirements=["SMB2-3.3.7.1-03", "SMB2-3.3.5.5-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[
        {"of_session": of_session, "of_connection": of_connection}
        for of_session in DIALECTS
        for of_connection in DIALECTS
        if of_session != of_connection
    ],
    answers=["smbtorture:hole.loss-first-channel"],
)
def test_another_channel_succeeds_the_first(lab: Lab, of_session: Dialect, of_connection: Dialect) -> None:
    """After the loss of the connection that a session was set up on, binds are judged by the dialect of its
    successor.
    """
    session = lab.logon(offer={"dialect": of_session, "signing_algorithm": None})
    session.add_channel(connection=lab.connect(dialect=of_session, signing_algorithm=None))
    session.channels[0].close()
    check(session.channels[1].echo(session, signed=True), specification=Status.SUCCESS)
    connection = lab.connect(dialect=of_connection, signing_algorithm=None).tolerate(Rule.SIGNATURE)
    answer = connection.bind(session)
    check(answer, requirement="SMB2-3.3.5.5-10", specification=Status.INVALID_PARAMETER)
    again = lab.connect(dialect=of_session, signing_algorithm=None)
    check(again.bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.generations",
    requirements=["SMB2-3.3.7.1-03", "SMB2-3.3.7.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.rebind-after-loss"],
)
def test_a_session_outlives_all_its_first_channels(lab: Lab) -> None:
    """Channel by channel a session moves to new connections, and its file stays open all the way."""
    session = lab.logon()
    file = session.tree().open(share_access=ShareAccess.NONE)
    for number in range(OFTEN):
        check(lab.connect().bind(session), specification=Status.SUCCESS)
        session.channels[number].close()
        check(file.write(b"x", sign=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.given-up",
    requirements=["SMB2-3.3.5.5-47"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED[:-1], "dialect": DIALECTS},
    answers=["smbtorture:hole.bind-aborted"],
)
def test_a_bind_is_given_up_half_way(lab: Lab, fault: FaultKind) -> None:
    """A connection that is lost between the legs of its bind leaves nothing: another one is bound."""
    session, connection = lab.logon(), lab.connect()
    half = connection.begin_bind(session)
    half.first.required(Status.MORE_PROCESSING_REQUIRED)
    lose(connection, fault)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.lost-in-its-last-leg",
    requirements=["SMB2-3.3.5.5-47", "SMB2-3.3.7.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={
        "fault": [FaultKind.CLOSE, FaultKind.RESET],
        "position": [Position.INSIDE_REQUEST, Position.AFTER_EXECUTION, Position.INSIDE_RESPONSE],
        "dialect": DIALECTS,
    },
    answers=["smbtorture:hole.bind-aborted"],
)
def test_a_bind_is_lost_in_its_last_leg(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A connection that is lost in the last leg of its bind harms nothing: another one is bound."""
    session, connection = lab.logon(), lab.connect()
    half = connection.begin_bind(session)
    half.first.required(Status.MORE_PROCESSING_REQUIRED)
    connection.faults.arm(fault, position)
    half.finish()
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.pending-request-cancelled",
    requirements=["SMB2-3.3.7.1-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "dialect": DIALECTS},
    answers=["smbtorture:hole.pending-of-lost-channel"],
)
def test_what_waits_on_a_lost_channel_is_cancelled(lab: Lab, fault: FaultKind) -> None:
    """A LOCK that waits on a channel when that is lost is not granted later, when the range is released."""
    session = lab.logon()
    lost = session.add_channel()
    tree = session.tree()
    holder = tree.open()
    waiting, third = tree.open(holder.core.file_name), tree.open(holder.core.file_name)
    holder.lock().required()
    waiting.lock(fail_immediately=False, wait=False, on=lost).wait_pending()
    lose(lost, fault)
    lab.settle()
    check(session.channels[0].echo(session, signed=True), specification=Status.SUCCESS)
    check(holder.unlock(), specification=Status.SUCCESS)
    check(third.lock(), specification=Status.SUCCESS, samba=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "bind.watch-of-a-lost-channel",
    requirements=["SMB2-3.3.7.1-02", "SMB2-3.3.7.1-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "lost": [0, 1]},
    answers=["smbtorture:hole.notify-dying-channel"],
)
def test_a_watch_goes_with_its_channel(lab: Lab, fault: FaultKind, lost: int) -> None:
    """A CHANGE_NOTIFY that waits on a channel when that is lost is over: what happens to the directory is
    told to the one that waits on the other channel.
    """
    session = lab.logon()
    session.add_channel()
    gone, here = session.channels[lost], session.channels[1 - lost]
    tree = session.tree()
    directory = tree.directory()
    directory.change_notify(CompletionFilter.FILE_NAME, wait=False, on=gone).wait_pending()
    lose(gone, fault)
    check(here.echo(session, signed=True), requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
    for name in ("first", "second"):
        watch = directory.change_notify(CompletionFilter.FILE_NAME, wait=False, on=here)
        made = tree.create(f"{directory.core.file_name}\\{name}", on=here)
        check(made, requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
        check(watch.wait(), specification=Status.SUCCESS, samba=NO_ANSWER)
    check.alive(session)


@case(
    "bind.pending-request-elsewhere",
    requirements=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "waiting": [0, 1]},
    answers=["smbtorture:hole.pending-of-lost-channel"],
)
def test_what_waits_on_another_channel_goes_on(lab: Lab, fault: FaultKind, waiting: int) -> None:
    """A CHANGE_NOTIFY that waits on one channel goes on when the other one is lost, and ends as it should."""
    session = lab.logon()
    session.add_channel()
    here, lost = session.channels[waiting], session.channels[1 - waiting]
    tree = session.tree()
    directory = tree.directory()
    notify = directory.change_notify(CompletionFilter.FILE_NAME, wait=False, on=here)
    notify.wait_pending()
    lose(lost, fault)
    check(here.echo(session, signed=True), specification=Status.SUCCESS)
    tree.open(f"{directory.core.file_name}\\new", on=here)
    check(notify.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.one-connection-two-sessions",
    requirements=["SMB2-3.3.7.1-11"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED, "first": ["own", "bound"], "dialect": DIALECTS},
)
def test_each_session_of_a_lost_connection_is_judged_alone(lab: Lab, fault: FaultKind, first: str) -> None:
    """Of two sessions on a lost connection the one with another channel lives on, the other one is gone."""
    kept, shared = lab.logon(), lab.connect()
    if first == "bound":
        shared.bind(kept).required()
    ended = lab.logon(connection=shared)
    if first == "own":
        shared.bind(kept).required()
    file = kept.tree().open()
    lose(shared, fault)
    answer = lab.eventually(
        lambda: lab.connect().bind(ended, stop_after=1),
        lambda one: one.actual is Status.USER_SESSION_DELETED,
    )
    check(answer, specification=Status.USER_SESSION_DELETED)
    check(file.write(b"x", sign=True), specification=Status.SUCCESS)
    check.alive(kept)
