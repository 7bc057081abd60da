"""What is never refused for its number: other commands, commands without a FileId, SMB 2 ([MS-SMB2]
3.3.5.2.10).
"""

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RWH, lease
from smbtorture_py.conformance.needs import LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import CreateDisposition, OplockLevel, ShareAccess
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.status import Status
from suites.sequence.changes import CHANGES, DATA, EACH, STEP, bring, numbered, set_info, write
from suites.sequence.others import OF_DIRECTORIES, OF_FILES, WITHOUT_FILE
from suites.tree.dialects import SMB_2

UNKNOWN: Final = FileId(0x7E57_0000_7E57, 0x7E57_0000_7E57)


@case(
    "sequence.exempt-stale",
    requirements=["SMB2-3.3.5.2.10-07", "SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"command": tuple(OF_FILES)},
    answers=[
        "smbtorture:replay.channel-sequence",
        "smbtorture:replay.replay4",
        "smbtorture:hole.sequence-flush-lock-create",
    ],
)
def test_other_commands_may_be_stale(lab: Lab, command: str) -> None:
    """READ, FLUSH, LOCK and QUERY_INFO are executed with a stale number, beside a WRITE that is refused."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, 1)
    answer = write(file, channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check(OF_FILES[command](file, channel_sequence=0), specification=Status.SUCCESS)
    check(OF_FILES[command](file, channel_sequence=0x8001), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-stale-directory",
    requirements=["SMB2-3.3.5.2.10-07"],
    needs=[SMB3],
    variants={"command": tuple(OF_DIRECTORIES)},
)
def test_directories_may_be_read_with_stale_numbers(lab: Lab, command: str) -> None:
    """QUERY_DIRECTORY and CHANGE_NOTIFY are executed with a stale number."""
    session = lab.logon()
    directory = session.tree().directory()
    bring(directory, 1)
    check(OF_DIRECTORIES[command](directory, channel_sequence=0), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-stale-lock",
    requirements=["SMB2-3.3.5.2.10-07"],
    needs=[SMB3],
    answers=["smbtorture:hole.sequence-flush-lock-create"],
)
def test_a_stale_lock_locks(lab: Lab) -> None:
    """A LOCK with a stale number locks, and an unlock with a stale number unlocks."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open()
    other = tree.open(file.name)
    bring(file, 1)
    check(file.lock(channel_sequence=0), specification=Status.SUCCESS)
    check(other.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(file.unlock(channel_sequence=0), specification=Status.SUCCESS)
    check(other.lock(), specification=Status.SUCCESS)
    check.alive(session)


@case("sequence.exempt-stale-close", requirements=["SMB2-3.3.5.2.10-07"], needs=[SMB3])
def test_a_stale_close_closes(lab: Lab) -> None:
    """A CLOSE with a stale number closes the open: another one may share nothing then."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open(share_access=ShareAccess.NONE)
    bring(file, 1)
    check(tree.create(file.name), specification=Status.SHARING_VIOLATION)
    check(file.close(channel_sequence=0), specification=Status.SUCCESS)
    check(tree.create(file.name, share_access=ShareAccess.NONE), specification=Status.SUCCESS)
    check.alive(session)


@case("sequence.exempt-stale-oplock-acknowledgment", requirements=["SMB2-3.3.5.2.10-07"], needs=[SMB3])
def test_a_stale_acknowledgment_counts(lab: Lab) -> None:
    """The acknowledgment of an oplock break counts whatever its number: what waits for it goes on."""
    session, other = lab.logon(), lab.another_client()
    file = session.tree().open(requested_oplock_level=OplockLevel.BATCH)
    bring(file, 1)
    waiting = other.tree().create(file.name, create_disposition=CreateDisposition.OPEN, wait=False)
    session.wait_oplock_break().required()
    check(file.acknowledge_oplock(OplockLevel.II, channel_sequence=0), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-stale-lease-acknowledgment",
    requirements=["SMB2-3.3.5.2.10-02"],
    needs=[SMB3, LEASING],
)
def test_a_lease_acknowledgment_has_no_number(lab: Lab) -> None:
    """The acknowledgment of a lease break has no FileId: its number is not looked at."""
    session, other = lab.logon(), lab.another_client()
    file = session.tree().open(contexts=[lease(lab.guid(), RWH)])
    bring(file, 1)
    waiting = other.tree().create(file.name, create_disposition=CreateDisposition.OPEN, wait=False)
    state = session.wait_lease_break().required().body.new_lease_state
    check(file.acknowledge_lease(state, channel_sequence=0), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-moves-the-open",
    requirements=["SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
    variants={"command": tuple(OF_FILES)},
)
def test_other_commands_move_the_open(lab: Lab, command: str) -> None:
    """A newer number becomes that of the open with any command that has a FileId: a WRITE with the one before
    is stale.
    """
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    OF_FILES[command](file, channel_sequence=1).required()
    check(write(file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-stale-leaves-the-number",
    requirements=["SMB2-3.3.5.2.10-07"],
    needs=[SMB3],
    variants={"command": tuple(OF_FILES), "replay": [False, True]},
)
def test_a_stale_read_does_not_move_the_open(lab: Lab, command: str, replay: bool) -> None:
    """A stale number of a command that may be stale is not taken over."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, STEP)
    OF_FILES[command](file, channel_sequence=1, replay=replay).required()
    check(write(file, channel_sequence=STEP - 1), specification=Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.exempt-replay",
    requirements=["SMB2-3.3.5.2.10-16"],
    needs=[SMB3],
    variants={"command": tuple(OF_FILES), "number": [0, 1, 2]},
    answers=["smbtorture:hole.replay-flag-non-modifying"],
)
def test_other_commands_may_be_replays(lab: Lab, command: str, number: int) -> None:
    """READ, FLUSH, LOCK and QUERY_INFO with the replay flag are executed whatever their number."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, 1)
    answer = OF_FILES[command](file, channel_sequence=number, replay=True)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.without-file",
    requirements=["SMB2-3.3.5.2.10-02"],
    needs=[SMB3],
    variants={"command": tuple(WITHOUT_FILE), "number": [0, STEP + 1, 0xFFFF]},
)
def test_commands_without_a_file(lab: Lab, command: str, number: int) -> None:
    """Commands without a FileId take any number, and move no open by it."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, STEP)
    answer = WITHOUT_FILE[command](file, channel_sequence=number)
    check(answer, specification=Status.SUCCESS)
    check(write(file, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case("sequence.without-file-logoff", requirements=["SMB2-3.3.5.2.10-02"], needs=[SMB3])
def test_a_logoff_with_a_stale_number(lab: Lab) -> None:
    """LOGOFF takes any number."""
    session, other = lab.logon(), lab.logon()
    bring(session.tree().open(), STEP)
    check(session.logoff(channel_sequence=1), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "sequence.without-file-bind",
    requirements=["SMB2-3.3.5.2.10-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"number": [STEP + 1, 0xFFFF]},
)
def test_a_bind_moves_no_open(lab: Lab, number: int) -> None:
    """The SESSION_SETUP requests of a bind and of a re-authentication take any number, and move no open."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, STEP)
    check(lab.connect().bind(session, tamper=numbered(number)), specification=Status.SUCCESS)
    check(session.reauthenticate(tamper=numbered(number)), specification=Status.SUCCESS)
    check(write(file, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case("sequence.without-file-cancel", requirements=["SMB2-3.3.5.2.10-02"], needs=[SMB3])
def test_a_cancel_takes_any_number(lab: Lab) -> None:
    """CANCEL with a stale number cancels."""
    session = lab.logon()
    directory = session.tree().directory()
    bring(directory, STEP)
    pending = directory.change_notify(CompletionFilter.FILE_NAME, wait=False)
    pending.wait_pending()
    pending.cancel(tamper=numbered(1))
    check(pending.wait(), specification=Status.CANCELLED)
    check(set_info(directory, channel_sequence=STEP), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.ioctl-without-file",
    requirements=["SMB2-3.3.5.2.10-17"],
    needs=[SMB3],
)
def test_an_ioctl_of_no_file(lab: Lab) -> None:
    """FSCTLs on no file have nothing to be compared with: any number will do."""
    session = lab.logon()
    tree = session.ipc()
    for number in (STEP, 0, 0xFFFF):
        answer = tree.ioctl(FsctlCode.QUERY_NETWORK_INTERFACE_INFO, channel_sequence=number)
        check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.unknown-file",
    requirements=["SMB2-3.3.5.2.10-17"],
    needs=[SMB3],
    variants={"change": EACH, "which": ["closed", "never"]},
)
def test_a_file_that_is_not_there(lab: Lab, change: str, which: str) -> None:
    """Without an open there is nothing that a number could be compared with."""
    session = lab.logon()
    file = session.tree().open()
    if which == "closed":
        bring(file, STEP)
        file.close().required()
    else:
        file.core.file_id = UNKNOWN
    check(CHANGES[change](file, channel_sequence=0x8001), specification=Status.FILE_CLOSED)
    check.alive(session)


@case(
    "sequence.smb2-has-none",
    requirements=["SMB2-3.3.5.2.10-01"],
    variants={"change": EACH, "dialect": SMB_2, "number": [1, 0x8000, 0xFFFF]},
    answers=["smbtorture:hole.sequence-smb2"],
)
def test_smb2_has_no_numbers(lab: Lab, change: str, number: int) -> None:
    """With 2.0.2 and 2.1 the bytes of ChannelSequence are not looked at."""
    session = lab.logon()
    file = session.tree().open(channel_sequence=0x1234)
    for one in (number, 0, number):
        check(CHANGES[change](file, channel_sequence=one), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.smb2-has-no-replays",
    requirements=["SMB2-3.3.5.2.10-19", "SMB2-3.3.5.2.10-01"],
    variants={"change": EACH, "dialect": SMB_2},
    answers=["smbtorture:hole.sequence-smb2"],
)
def test_smb2_has_no_replays(lab: Lab, change: str) -> None:
    """With 2.0.2 and 2.1 nobody says what the bit of the replay flag does; the session goes on."""
    session = lab.logon()
    file = session.tree().open()
    answer = CHANGES[change](file, replay=True)
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    for number in (1, 0):
        answer = CHANGES[change](file, channel_sequence=number)
        check(answer, requirement="SMB2-3.3.5.2.10-01", specification=Status.SUCCESS)
    check.alive(session)
