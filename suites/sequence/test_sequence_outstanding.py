"""Replays while requests are outstanding on the open, and what counts as outstanding ([MS-SMB2] 3.3.5.2.10,
3.3.4.1).
"""

from collections.abc import Callable

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, lose
from suites.sequence.changes import BEHIND, CHANGES, DATA, EACH, write
from suites.sequence.others import OF_FILES, query_info
from suites.sequence.outstanding import hold, watch

OF_ANY_OPEN = ("SET_INFO", "IOCTL")
"""The changes that directories know too."""

EXEMPT = ("READ", "FLUSH", "QUERY_INFO")

SOON = 1.0
"""Seconds in which a server that learns of a loss at once has ended what was waiting."""


@case(
    "sequence.newer-beside-outstanding",
    requirements=["SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_newer_request_beside_an_outstanding_one(lab: Lab, change: str) -> None:
    """Without the replay flag a newer number is executed, also while a request of the one before waits."""
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    for number in (1, 1, 2):
        check(CHANGES[change](file, channel_sequence=number), specification=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.replay-beside-its-own",
    requirements=["SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_replay_beside_a_request_of_its_own_number(lab: Lab, change: str) -> None:
    """A replay is executed beside outstanding requests of its own number: those are not of the past."""
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    check(CHANGES[change](file, channel_sequence=0, replay=True), specification=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.replay-beside-outstanding",
    requirements=["SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3],
    variants={"change": EACH},
    answers=["smbtorture:hole.replay-outstanding"],
)
def test_a_replay_waits_for_what_is_outstanding(lab: Lab, change: str) -> None:
    """A replay fails while a request of the number before is outstanding, and not once that is answered."""
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    query_info(file, channel_sequence=1).required()
    answer = CHANGES[change](file, channel_sequence=1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    held.let_go()
    answer = CHANGES[change](file, channel_sequence=1, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-15", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-beside-a-notify",
    requirements=["SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3],
    variants={"change": OF_ANY_OPEN},
)
def test_a_replay_beside_a_notify(lab: Lab, change: str) -> None:
    """A CHANGE_NOTIFY that waits is outstanding too: replays on the directory fail until it is answered."""
    session = lab.logon()
    directory = session.tree().directory()
    held = watch(directory)
    query_info(directory, channel_sequence=1).required()
    answer = CHANGES[change](directory, channel_sequence=1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    held.let_go()
    answer = CHANGES[change](directory, channel_sequence=1, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-15", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-beside-several",
    requirements=["SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3],
    variants={"order": ["first-first", "last-first"]},
    answers=["smbtorture:hole.replay-outstanding"],
)
def test_a_replay_waits_for_all(lab: Lab, order: str) -> None:
    """A replay fails until the last of several outstanding requests of earlier numbers is answered."""
    session = lab.logon()
    file = session.tree().open()
    waiting = [hold(file, BEHIND + number, channel_sequence=number) for number in range(3)]
    query_info(file, channel_sequence=3).required()
    for held in waiting if order == "first-first" else reversed(waiting):
        answer = write(file, channel_sequence=3, replay=True)
        check(answer, specification=Status.FILE_NOT_AVAILABLE)
        held.let_go()
    answer = write(file, channel_sequence=3, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-15", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.newer-replay-beside-outstanding",
    requirements=["SMB2-3.3.5.2.10-13"],
    needs=[SMB3],
    variants={"change": EACH},
    answers=["smbtorture:hole.replay-outstanding"],
)
def test_a_newer_replay_beside_an_outstanding_request(lab: Lab, change: str) -> None:
    """A replay with the next number, while a request of the present one waits, fails; its number becomes that
    of the open all the same.
    """
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    answer = CHANGES[change](file, channel_sequence=1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, windows_2012=Status.SUCCESS)
    check(write(file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE)
    held.let_go()
    check.alive(session)


@case(
    "sequence.newer-replay-beside-the-past",
    requirements=["SMB2-3.3.5.2.10-13"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_newer_replay_beside_a_request_of_the_past(lab: Lab, change: str) -> None:
    """A replay with the next number, while a request of an earlier one waits, fails; its number becomes that
    of the open all the same.
    """
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    query_info(file, channel_sequence=1).required()
    answer = CHANGES[change](file, channel_sequence=2, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    answer = write(file, channel_sequence=1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, windows_2012=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.newer-replay-goes-on",
    requirements=["SMB2-3.3.5.2.10-15"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_newer_replay_goes_on_later(lab: Lab, change: str) -> None:
    """A replay that failed because something was outstanding is executed when it comes again after that."""
    session = lab.logon()
    file = session.tree().open()
    held = hold(file)
    CHANGES[change](file, channel_sequence=1, replay=True)
    held.let_go()
    for _ in range(2):
        answer = CHANGES[change](file, channel_sequence=1, replay=True)
        check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-beside-outstanding",
    requirements=["SMB2-3.3.5.2.10-16"],
    needs=[SMB3],
    variants={"command": EXEMPT, "number": [1, 2]},
)
def test_other_replays_beside_an_outstanding_request(lab: Lab, command: str, number: int) -> None:
    """Replays of READ, FLUSH and QUERY_INFO are executed beside outstanding requests of earlier numbers."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    held = hold(file)
    query_info(file, channel_sequence=1).required()
    answer = OF_FILES[command](file, channel_sequence=number, replay=True)
    check(answer, specification=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.uncounted-beside-outstanding",
    requirements=["SMB2-3.3.5.2.10-07", "SMB2-3.3.5.2.10-11"],
    needs=[SMB3],
    variants={"command": EXEMPT},
)
def test_stale_requests_beside_an_outstanding_one(lab: Lab, command: str) -> None:
    """A stale READ, FLUSH or QUERY_INFO is executed and was never counted: its answer does not make a replay
    go on, unless the text is taken by its letter.
    """
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    held = hold(file)
    query_info(file, channel_sequence=1).required()
    check(OF_FILES[command](file, channel_sequence=0), specification=Status.SUCCESS)
    answer = write(file, channel_sequence=1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, permitted_literal=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.outstanding-of-another-open",
    requirements=["SMB2-3.3.5.2.10-10", "SMB2-3.3.5.2.10-12"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_what_is_outstanding_on_another_open(lab: Lab, change: str) -> None:
    """What waits on another open of the same file holds up no replay on this one."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open()
    other = tree.open(file.name)
    held = hold(other)
    query_info(other, channel_sequence=1).required()
    query_info(file, channel_sequence=1).required()
    answer = CHANGES[change](file, channel_sequence=1, replay=True)
    check(answer, specification=Status.SUCCESS)
    held.let_go()
    check.alive(session)


@case(
    "sequence.outstanding-on-another-channel",
    requirements=["SMB2-3.3.5.2.10-11", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"change": EACH},
)
def test_what_is_outstanding_on_another_channel(lab: Lab, change: str) -> None:
    """A replay on one channel fails while a request of the number before is outstanding on another one."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    held = hold(file)
    query_info(file, channel_sequence=1, on=second).required()
    answer = CHANGES[change](file, channel_sequence=1, replay=True, on=second)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    held.let_go()
    answer = CHANGES[change](file, channel_sequence=1, replay=True, on=second)
    check(answer, requirement="SMB2-3.3.5.2.10-15", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.outstanding-goes-with-its-channel",
    requirements=["SMB2-3.3.7.1-02", "SMB2-3.3.5.2.10-15"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"fault": NOTICED},
)
def test_what_was_outstanding_on_a_lost_channel(lab: Lab, fault: FaultKind) -> None:
    """Requests of a lost channel are cancelled: they hold up no replay on another one."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    held = hold(file)
    lose(held.answer.connection, fault)
    query_info(file, channel_sequence=1, on=second)
    answer = lab.eventually(
        lambda: write(file, channel_sequence=1, replay=True, on=second),
        lambda one: one.actual is Status.SUCCESS,
        within=SOON,
    )
    check(answer, specification=Status.SUCCESS, goes_on=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


# How a request stops being outstanding.


def cancelled(file: LabOpen) -> Answer:
    """A LOCK that waited and was cancelled."""
    answer = hold(file).answer
    answer.cancel()
    return answer.wait()


def refused(file: LabOpen) -> Answer:
    """A LOCK that is not granted."""
    file.tree.open(file.name).lock(BEHIND).required()
    return file.lock(BEHIND)


def beyond(file: LabOpen) -> Answer:
    """A READ behind the end of the file."""
    return file.read(BEHIND, 1)


def unknown(file: LabOpen) -> Answer:
    """A QUERY_INFO of a class that there is not."""
    return file.query_info(InfoType.FILE, 0xFF)


def unsupported(file: LabOpen) -> Answer:
    """An IOCTL with a code that there is not."""
    return file.ioctl(0x0009_FFFC)


def short(file: LabOpen) -> Answer:
    """A SET_INFO that is too short for its class."""
    return file.set_info(InfoType.FILE, FileInformationClass.FILE_BASIC_INFORMATION, b"")


def granted(file: LabOpen) -> Answer:
    """A LOCK that waited and was granted."""
    held = hold(file)
    held.let_go()
    return held.answer


ENDINGS: tuple[tuple[Callable[[LabOpen], Answer], Status | None], ...] = (
    (granted, Status.SUCCESS),
    (cancelled, Status.CANCELLED),
    (refused, Status.LOCK_NOT_GRANTED),
    (beyond, Status.END_OF_FILE),
    (unknown, None),
    (unsupported, None),
    (short, None),
)


@case(
    "sequence.answered-is-not-outstanding",
    requirements=["SMB2-3.3.4.1-02", "SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
    variants={"ending": [ending for ending, _ in ENDINGS]},
)
def test_what_is_answered_is_not_outstanding(lab: Lab, ending: Callable[[LabOpen], Answer]) -> None:
    """Whatever a request was answered with, an error or CANCELLED included, it holds up no replay."""
    session = lab.logon()
    file = session.tree().open()
    expected = dict(ENDINGS)[ending]
    answer = ending(file)
    if expected is not None:
        answer.required(expected)
    query_info(file, channel_sequence=1).required()
    check(write(file, channel_sequence=1, replay=True), specification=Status.SUCCESS)
    check.alive(session)
