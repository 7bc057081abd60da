"""The replay flag on requests other than CREATE: what changes a file is done once more, for others it means
nothing ([MS-SMB2] 3.3.5.2.10).
"""

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import COPYCHUNK, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import CreateDisposition, OplockLevel
from smbtorture_py.wire.header import Header, HeaderFlags
from smbtorture_py.wire.status import Status
from suites.sequence.changes import CHANGES, DATA, copy, rename, resize, size_of
from suites.sequence.others import OF_DIRECTORIES, OF_FILES, WITHOUT_FILE, close
from suites.tree.dialects import SMB_3


def _flag(header: Header) -> None:
    header.flags |= HeaderFlags.REPLAY_OPERATION


FLAGGED = Tamper(header=_flag)
"""Sets the flag on messages that the words of the lab send without it."""


@case(
    "replay.flag-first",
    requirements=["SMB2-3.3.5.2.10-10", "SMB2-3.3.5.2.10-16"],
    needs=[SMB3],
    variants={"command": (*CHANGES, *OF_FILES, "CLOSE"), "dialect": SMB_3},
    answers=[
        "smbtorture:replay.replay-commands",
        "smbtorture:hole.replay-flag-non-modifying",
        "ms:Model_ReplayFileOperation",
    ],
)
def test_the_flag_on_a_first_request(lab: Lab, command: str) -> None:
    """A request with the replay flag that was never sent before is executed."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    word = {**CHANGES, **OF_FILES, "CLOSE": close}[command]
    check(word(file, replay=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.flag-on-directories",
    requirements=["SMB2-3.3.5.2.10-16"],
    needs=[SMB3],
    variants={"command": tuple(OF_DIRECTORIES)},
    answers=["smbtorture:replay.replay-commands"],
)
def test_the_flag_on_requests_for_directories(lab: Lab, command: str) -> None:
    """QUERY_DIRECTORY, CHANGE_NOTIFY and QUERY_INFO of a directory are executed with the replay flag."""
    session = lab.logon()
    directory = session.tree().directory()
    check(OF_DIRECTORIES[command](directory, replay=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.flag-without-file",
    requirements=["SMB2-3.3.5.2.10-02"],
    needs=[SMB3],
    variants={"command": (*WITHOUT_FILE, "LOGOFF")},
    answers=["smbtorture:hole.replay-flag-non-modifying"],
)
def test_the_flag_on_requests_without_a_file(lab: Lab, command: str) -> None:
    """The replay flag means nothing to ECHO, TREE_CONNECT, TREE_DISCONNECT, LOGOFF and plain CREATE."""
    session, other = lab.logon(), lab.logon()
    file = session.tree().open()
    if command == "LOGOFF":
        check(session.logoff(replay=True), specification=Status.SUCCESS)
    else:
        check(WITHOUT_FILE[command](file, replay=True), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "replay.flag-on-authentications",
    requirements=["SMB2-3.3.5.2.10-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3},
)
def test_the_flag_on_authentications(lab: Lab) -> None:
    """The replay flag means nothing to SESSION_SETUP, be it of a session, a channel or a session again."""
    connection = lab.connect()
    answer = connection.session_setup(tamper=FLAGGED)
    check(answer, specification=Status.SUCCESS)
    check(lab.connect().bind(answer.session, tamper=FLAGGED), specification=Status.SUCCESS)
    check(answer.session.reauthenticate(tamper=FLAGGED), specification=Status.SUCCESS)
    check.alive(answer.session)


@case("replay.flag-on-cancel", requirements=["SMB2-3.3.5.2.10-02"], needs=[SMB3])
def test_the_flag_on_a_cancel(lab: Lab) -> None:
    """CANCEL with the replay flag cancels."""
    session = lab.logon()
    pending = session.tree().directory().change_notify(CompletionFilter.FILE_NAME, wait=False)
    pending.wait_pending()
    pending.cancel(tamper=FLAGGED)
    check(pending.wait(), specification=Status.CANCELLED)
    check.alive(session)


@case("replay.flag-on-acknowledgment", requirements=["SMB2-3.3.5.2.10-16"], needs=[SMB3])
def test_the_flag_on_an_acknowledgment(lab: Lab) -> None:
    """The acknowledgment of an oplock break counts with the replay flag."""
    session, other = lab.logon(), lab.another_client()
    file = session.tree().open(requested_oplock_level=OplockLevel.BATCH)
    waiting = other.tree().create(file.name, create_disposition=CreateDisposition.OPEN, wait=False)
    session.wait_oplock_break().required()
    check(file.acknowledge_oplock(OplockLevel.II, replay=True), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.write",
    requirements=["SMB2-3.3.5.2.10-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1], "dialect": SMB_3},
)
def test_a_replayed_write_writes(lab: Lab, channel: int) -> None:
    """A WRITE that is replayed writes once more: what has been written in between is overwritten."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    file.write(b"first").required()
    file.write(b"other").required()
    answer = file.write(b"first", replay=True, on=session.channels[channel])
    check(answer, specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=b"first")
    check.alive(session)


@case(
    "replay.write-of-something-else",
    requirements=["SMB2-3.3.5.2.10-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1]},
    answers=["smbtorture:replay.replay4"],
)
def test_a_replayed_write_of_something_else(lab: Lab, channel: int) -> None:
    """A WRITE with the replay flag that carries other data than before writes that data."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    file.write(b"first").required()
    answer = file.write(b"other", replay=True, on=session.channels[channel])
    check(answer, specification=Status.SUCCESS)
    check.that(file, "what the file holds", file.read().data, specification=b"other")
    check.alive(session)


@case("replay.write-same-message", requirements=["SMB2-3.3.5.2.10-10"], needs=[SMB3, MULTI_CHANNEL])
def test_a_replay_is_told_by_nothing_but_its_flag(lab: Lab) -> None:
    """Replays of one WRITE after another, ten times in turn over two channels: each one is executed."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    for number in range(10):
        data = bytes([number]) * 8
        answer = file.write(data, replay=True, on=session.channels[number % 2])
        check(answer, specification=Status.SUCCESS)
        check.that(file, "what the file holds", file.read().data, specification=data)
    check.alive(session)


@case(
    "replay.read",
    requirements=["SMB2-3.3.5.2.10-16"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1]},
)
def test_a_replayed_read_reads(lab: Lab, channel: int) -> None:
    """A READ that is replayed returns what the file holds now."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    file.write(b"first").required()
    file.read().required()
    file.write(b"other").required()
    answer = file.read(replay=True, on=session.channels[channel])
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "what the READ returns", answer.data, specification=b"other")
    check.alive(session)


@case("replay.read-elsewhere", requirements=["SMB2-3.3.5.2.10-16"], needs=[SMB3])
def test_a_replayed_read_of_another_range(lab: Lab) -> None:
    """A READ with the replay flag returns the range that it asks for, not that of the one before."""
    session = lab.logon()
    file = session.tree().open()
    file.write(b"abcdef").required()
    file.read(0, 3).required()
    answer = file.read(3, 3, replay=True)
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "what the READ returns", answer.data, specification=b"def")
    check.alive(session)


@case("replay.resize", requirements=["SMB2-3.3.5.2.10-10"], needs=[SMB3])
def test_a_replayed_resize_resizes(lab: Lab) -> None:
    """A SET_INFO of the size that is replayed sets the size once more."""
    session = lab.logon()
    file = session.tree().open()
    resize(file, 7).required()
    resize(file, 9).required()
    check(resize(file, 7, replay=True), specification=Status.SUCCESS)
    check.that(file, "size of the file", size_of(file), specification=7)
    check.alive(session)


@case("replay.rename", requirements=["SMB2-3.3.5.2.10-10"], needs=[SMB3])
def test_a_replayed_rename_renames(lab: Lab) -> None:
    """A SET_INFO of the name with the replay flag renames, also when another name came in between."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open()
    first, other = lab.name(), lab.name()
    rename(file, first).required()
    rename(file, other).required()
    check(rename(file, first, replay=True), specification=Status.SUCCESS)
    answer = tree.create(first, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case("replay.copy", requirements=["SMB2-3.3.5.2.10-10"], needs=[SMB3, COPYCHUNK])
def test_a_replayed_copy_copies(lab: Lab) -> None:
    """An IOCTL that copies and is replayed copies once more."""
    session = lab.logon()
    tree = session.tree()
    source, target = tree.open(), tree.open()
    source.write(DATA).required()
    copy(source, target, len(DATA)).required()
    target.write(DATA.upper()).required()
    check(copy(source, target, len(DATA), replay=True), specification=Status.SUCCESS)
    check.that(target, "what the target holds", target.read().data, specification=DATA)
    check.alive(session)


@case(
    "replay.lock-without-sequence",
    requirements=["SMB2-3.3.5.14-03"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": [0, 1]},
)
def test_the_flag_does_not_make_a_lock_a_replay(lab: Lab, channel: int) -> None:
    """A LOCK with the replay flag and without a lock sequence is executed: the range is taken already."""
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    file.lock().required()
    answer = file.lock(replay=True, on=session.channels[channel])
    check(answer, specification=Status.LOCK_NOT_GRANTED)
    file.unlock().required()
    answer = file.unlock(replay=True, on=session.channels[channel])
    check(answer, specification=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case("replay.query-directory", requirements=["SMB2-3.3.5.2.10-16"], needs=[SMB3])
def test_a_replayed_query_of_a_directory(lab: Lab) -> None:
    """A QUERY_DIRECTORY with the replay flag goes on where the one before ended."""
    session = lab.logon()
    directory = session.tree().directory()
    directory.query_directory().required()
    answer = directory.query_directory(replay=True)
    check(answer, specification=Status.NO_MORE_FILES)
    check.alive(session)
