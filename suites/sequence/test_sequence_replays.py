"""Requests with the replay flag: what they may be ahead of, and behind ([MS-SMB2] 3.3.5.2.10)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import COPYCHUNK, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.status import Status
from suites.sequence.changes import (
    CHANGES,
    DATA,
    EACH,
    FARTHEST,
    MODULUS,
    bring,
    copy,
    resize,
    size_of,
    write,
)
from suites.sequence.others import OF_FILES
from suites.tree.dialects import SMB_3


@case(
    "sequence.replay-equal",
    requirements=["SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
    variants={"change": EACH, "dialect": SMB_3},
    answers=["ms:Model_ReplayFileOperation", "ms:hole.slip-any-status"],
)
def test_a_replay_with_the_number_of_the_open(lab: Lab, change: str) -> None:
    """A replay with the number that the open has is executed, as often as one comes."""
    session = lab.logon()
    file = session.tree().open()
    for _ in range(2):
        check(CHANGES[change](file, channel_sequence=0, replay=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-newer",
    requirements=["SMB2-3.3.5.2.10-12"],
    needs=[SMB3],
    variants={"change": EACH, "distance": [1, 0x100, FARTHEST]},
    answers=["ms:Model_ReplayFileOperation"],
)
def test_a_replay_with_a_newer_number(lab: Lab, change: str, distance: int) -> None:
    """A replay whose number is ahead of that of the open is executed where nothing is outstanding."""
    session = lab.logon()
    file = session.tree().open()
    answer = CHANGES[change](file, channel_sequence=distance, replay=True)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-newer-moves-the-open",
    requirements=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-06", "SMB2-3.3.5.2.10-04"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_replay_moves_the_open(lab: Lab, change: str) -> None:
    """The newer number of a replay becomes that of the open: the one before is stale."""
    session = lab.logon()
    file = session.tree().open()
    CHANGES[change](file, channel_sequence=1, replay=True).required()
    check(write(file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE, unmoved=Status.SUCCESS)
    check(write(file, channel_sequence=1), requirement="SMB2-3.3.5.2.10-04", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-of-others-moves-the-open",
    requirements=["SMB2-3.3.5.2.10-12"],
    needs=[SMB3],
    variants={"command": tuple(OF_FILES)},
)
def test_a_replay_of_another_command_moves_the_open(lab: Lab, command: str) -> None:
    """The newer number of any replay becomes that of the open, also where the command is never refused."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    OF_FILES[command](file, channel_sequence=1, replay=True).required()
    check(write(file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE, unmoved=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-stale",
    requirements=["SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-10"],
    needs=[SMB3],
    variants={"change": EACH, "distance": [1, 0x100, FARTHEST]},
    answers=["smbtorture:replay.channel-sequence", "ms:Model_ReplayFileOperation"],
)
def test_a_stale_replay_is_refused(lab: Lab, change: str, distance: int) -> None:
    """A replay whose number is behind that of the open fails."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, distance)
    answer = CHANGES[change](file, channel_sequence=0, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check(
        write(file, channel_sequence=distance, replay=True),
        requirement="SMB2-3.3.5.2.10-10",
        specification=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "sequence.replay-boundary",
    requirements=["SMB2-3.3.5.2.10-09", "SMB2-3.3.5.2.10-14"],
    needs=[SMB3],
    variants={"change": EACH, "start": [0, FARTHEST]},
)
def test_where_stale_replays_begin(lab: Lab, change: str, start: int) -> None:
    """A replay that is ahead by 0x8000 fails, one that is ahead by 0x7FFF does not."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, start)
    answer = CHANGES[change](file, channel_sequence=start + FARTHEST + 1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    answer = CHANGES[change](file, channel_sequence=start + FARTHEST, replay=True)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.replay-wrap",
    requirements=["SMB2-3.3.5.2.10-08"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_numbers_of_replays_come_round(lab: Lab, change: str) -> None:
    """For an open at 0xFFFF a replay with 0 is newer, and one with 0xFFFF is stale afterwards."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, MODULUS - 1)
    check(CHANGES[change](file, channel_sequence=0, replay=True), specification=Status.SUCCESS)
    answer = write(file, channel_sequence=MODULUS - 1, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.replay-stale-leaves-the-number",
    requirements=["SMB2-3.3.5.2.10-14", "SMB2-3.3.5.2.10-04"],
    needs=[SMB3],
    variants={"change": EACH},
)
def test_a_stale_replay_does_not_move_the_open(lab: Lab, change: str) -> None:
    """After a stale replay the open stands where it stood."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, 2)
    CHANGES[change](file, channel_sequence=1, replay=True).required(Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=1), specification=Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=2), requirement="SMB2-3.3.5.2.10-04", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.stale-replay-writes-nothing",
    requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-14"],
    needs=[SMB3],
)
def test_a_stale_replay_changes_nothing(lab: Lab) -> None:
    """What a stale replay of a WRITE or of a resize asks for is not done."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, 1)
    for answer in (
        file.write(b"late", channel_sequence=0, replay=True),
        resize(file, 3, channel_sequence=0, replay=True),
    ):
        check(answer, requirement="SMB2-3.3.5.2.10-14", specification=Status.FILE_NOT_AVAILABLE)
    check.that(file, "what the file holds", file.read().data, specification=DATA)
    check.alive(session)


@case(
    "sequence.stale-replay-copies-nothing",
    requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-14"],
    needs=[SMB3, COPYCHUNK],
)
def test_a_stale_replay_of_a_copy_copies_nothing(lab: Lab) -> None:
    """A stale replay of an IOCTL that copies leaves the target empty."""
    session = lab.logon()
    tree = session.tree()
    source, target = tree.open(), tree.open()
    source.write(DATA).required()
    bring(target, 1)
    answer = copy(source, target, len(DATA), channel_sequence=0, replay=True)
    check(answer, requirement="SMB2-3.3.5.2.10-14", specification=Status.FILE_NOT_AVAILABLE)
    check.that(target, "size of the target", size_of(target), specification=0)
    check.alive(session)


@case(
    "sequence.replay-on-another-channel",
    requirements=["SMB2-3.3.5.2.10-12", "SMB2-3.3.5.2.10-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"change": EACH},
    answers=["smbtorture:replay.replay4"],
)
def test_a_replay_on_another_channel(lab: Lab, change: str) -> None:
    """A replay with the next number on another channel is executed, and makes the first channel's number
    stale.
    """
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    CHANGES[change](file, channel_sequence=0).required()
    answer = CHANGES[change](file, channel_sequence=1, replay=True, on=second)
    check(answer, specification=Status.SUCCESS)
    answer = CHANGES[change](file, channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)
