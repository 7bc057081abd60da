"""An open that was used can no longer be replayed ([MS-SMB2] Open.IsReplayEligible, 3.3.5.9 to 3.3.5.22)."""

from collections.abc import Callable

from smbtorture_py.client.connection import Submission
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, R
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import CreateDisposition, OplockLevel, ShareAccess
from smbtorture_py.wire.fscc.information_class import InfoType
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.status import Status
from suites.replay.originals import Caching, Original, check_new, check_same, shareable
from suites.sequence.changes import BEHIND, CHANGES
from suites.sequence.others import OF_FILES, WITHOUT_FILE


def query_directory(file: LabOpen) -> Answer:
    """QUERY_DIRECTORY of something that is no directory, which fails."""
    return file.query_directory()


def change_notify(file: LabOpen) -> Answer:
    """CHANGE_NOTIFY of something that is no directory, which fails."""
    return file.change_notify(CompletionFilter.FILE_NAME)


USES: dict[str, Callable[[LabOpen], Answer]] = {
    **CHANGES,
    **OF_FILES,
    "QUERY_DIRECTORY": query_directory,
    "CHANGE_NOTIFY": change_notify,
}
"""Every command with a FileId but CLOSE and the acknowledgments."""


def beyond(file: LabOpen) -> Answer:
    """A READ behind the end of the file."""
    return file.read(BEHIND, 1)


def unknown(file: LabOpen) -> Answer:
    """A QUERY_INFO of a class that there is not."""
    return file.query_info(InfoType.FILE, 0xFF)


def unlocked(file: LabOpen) -> Answer:
    """An unlock of what is not locked."""
    return file.unlock()


@case(
    "replay.used",
    requirements=["SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"use": tuple(USES)},
    answers=[
        "smbtorture:replay.replay6",
        "ms:Replay_NonPersistentHandle_Write_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_Read_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_Flush_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_IoCtl_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_SetInfo_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_Lock_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_QueryDirectory_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_QueryInfo_ReplayEligibleCleared",
        "ms:Replay_NonPersistentHandle_ChangeNotify_ReplayEligibleCleared",
    ],
)
def test_a_replay_after_the_open_was_used(lab: Lab, use: str) -> None:
    """After any request on the open, a replay of its CREATE opens the file once more."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    check_same(original.again(), file)
    USES[use](file)
    check_new(original.again(), file)
    check.alive(session)


@case(
    "replay.used-in-vain",
    requirements=["SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"use": [beyond, unknown, unlocked]},
)
def test_a_replay_after_a_request_that_failed(lab: Lab, use: Callable[[LabOpen], Answer]) -> None:
    """A request that failed has used the open all the same."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    answer = use(file)
    check.that(answer, "the request fails", answer.actual is Status.SUCCESS, specification=False)
    check_new(original.again(), file)
    check.alive(session)


@case(
    "replay.used-exclusively",
    requirements=["SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"use": ["READ", "WRITE", "QUERY_INFO"]},
)
def test_a_replay_after_an_exclusive_open_was_used(lab: Lab, use: str) -> None:
    """After a request on an open that shares nothing, a replay of its CREATE meets a sharing violation."""
    session = lab.logon()
    original = Original(
        session.tree(), Caching.LEASE_V2, R | RH, arguments={"share_access": ShareAccess.NONE}
    )
    file = original.open()
    USES[use](file)
    check(original.again(), specification=Status.SHARING_VIOLATION)
    check.alive(session)


@case(
    "replay.used-on-another-channel",
    requirements=["SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"channel": [0, 1]},
)
def test_a_replay_after_a_use_on_another_channel(lab: Lab, channel: int) -> None:
    """It does not matter which channel the open was used on, nor which one the replay comes on."""
    session = lab.logon()
    second = session.add_channel()
    original = shareable(session.tree())
    file = original.open()
    file.read(0, 1, on=second)
    check_new(original.again(on=session.channels[channel]), file)
    check.alive(session)


@case(
    "replay.used-replay",
    requirements=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_the_open_of_a_replay_can_be_replayed(lab: Lab) -> None:
    """The open that a replay has made, because the first one was used, can be replayed in its turn."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    file.flush().required()
    answer = original.again()
    check_new(answer, file)
    check_same(original.again(), answer.open, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.used-without-flag",
    requirements=["SMB2-3.3.5.9.10-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"use": tuple(USES)},
)
def test_a_create_guid_of_an_open_that_was_used(lab: Lab, use: str) -> None:
    """The CreateGuid of an open that was used is free: a CREATE without the replay flag opens once more."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    original.send().required(Status.DUPLICATE_OBJECTID)
    USES[use](file)
    check_new(original.send(), file)
    check.alive(session)


@case(
    "replay.used-by-others",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"use": ["READ", "WRITE", "SET_INFO", "LOCK"]},
)
def test_a_replay_after_another_open_was_used(lab: Lab, use: str) -> None:
    """Requests on another open of the same file and lease leave the replay as it was."""
    session = lab.logon()
    tree = session.tree()
    original = shareable(tree)
    file = original.open()
    other = tree.open(original.name, contexts=original.lease)
    USES[use](other)
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.used-by-nobody",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"command": tuple(WITHOUT_FILE)},
)
def test_a_replay_after_requests_without_a_file(lab: Lab, command: str) -> None:
    """Requests that name no open leave the replay as it was."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    WITHOUT_FILE[command](file).required()
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.used-stale",
    requirements=["SMB2-3.3.5.2.10-06", "SMB2-3.3.5.9-13"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"change": tuple(CHANGES)},
)
def test_a_replay_after_a_stale_request(lab: Lab, change: str) -> None:
    """A request that was refused for its channel sequence, or one before it that was not, leaves no open that
    a replay returns.
    """
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    OF_FILES["QUERY_INFO"](file, channel_sequence=1).required()
    check(CHANGES[change](file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE)
    answer = original.again()
    check(answer, requirement="SMB2-3.3.5.9-13", specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, requirement="SMB2-3.3.5.9-13", specification=False)
    check.alive(session)


@case(
    "replay.used-by-acknowledgment",
    requirements=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_replay_after_an_oplock_was_acknowledged(lab: Lab) -> None:
    """The acknowledgment of an oplock break uses the open; the break alone does not."""
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree())
    file = original.open()
    waiting = other.tree().create(original.name, create_disposition=CreateDisposition.OPEN, wait=False)
    session.wait_oplock_break().required()
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    file.acknowledge_oplock(OplockLevel.II).required()
    waiting.wait().required()
    check_new(original.again(), file)
    check.alive(session)


@case(
    "replay.used-by-lease-acknowledgment",
    requirements=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": [Caching.LEASE_V1, Caching.LEASE_V2]},
)
def test_a_replay_after_a_lease_was_acknowledged(lab: Lab, caching: Caching) -> None:
    """The acknowledgment of a lease break uses the opens of the lease; the break alone does not."""
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree(), caching)
    file = original.open()
    waiting = other.tree().create(original.name, create_disposition=CreateDisposition.OPEN, wait=False)
    state = session.wait_lease_break().required().body.new_lease_state
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    file.acknowledge_lease(state).required()
    waiting.wait().required()
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, specification=False, samba=True)
    check.alive(session)


@case(
    "replay.used-by-refused-acknowledgment",
    requirements=["SMB2-3.3.5.22.2-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"breaking": [False, True]},
)
def test_a_replay_after_an_acknowledgment_was_refused(lab: Lab, breaking: bool) -> None:
    """The acknowledgment of a lease break uses the opens of the lease even where it is refused, because there
    is no break or because it keeps what has to go.
    """
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree(), Caching.LEASE_V2)
    file = original.open()
    if breaking:
        other.tree().create(original.name, create_disposition=CreateDisposition.OPEN, wait=False)
        session.wait_lease_break().required()
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    file.acknowledge_lease(RWH).required(Status.REQUEST_NOT_ACCEPTED if breaking else Status.UNSUCCESSFUL)
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, specification=False, samba=True)
    check.alive(session)


@case(
    "replay.closed",
    requirements=["SMB2-3.3.5.9-14", "SMB2-3.3.5.9.10-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"replay": [False, True]},
    answers=["smbtorture:hole.replay-after-close"],
)
def test_a_create_again_after_the_close(lab: Lab, replay: bool) -> None:
    """After a CLOSE the CreateGuid is free: the CREATE opens the file once more, as a replay or not."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    file.close().required()
    check_new(original.send(replay=replay), file, "SMB2-3.3.5.9.10-03")
    check.alive(session)


@case(
    "replay.closed-on-another-channel",
    requirements=["SMB2-3.3.5.9-14", "SMB2-3.3.5.9.10-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    answers=["smbtorture:hole.replay-after-close"],
)
def test_a_replay_after_a_close_elsewhere(lab: Lab) -> None:
    """The FileId that a CLOSE on another channel has ended does not come back with a replay."""
    session = lab.logon()
    second = session.add_channel()
    original = shareable(session.tree())
    file = original.open()
    file.close(on=second).required()
    check_new(original.again(), file, "SMB2-3.3.5.9.10-03")
    check(file.read(), requirement="SMB2-3.3.5.9.10-03", specification=Status.FILE_CLOSED)
    check.alive(session)


@case(
    "replay.in-a-chain",
    requirements=["SMB2-3.3.5.9-01", "SMB2-3.3.5.2.7.2-01"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_replay_at_the_head_of_a_chain(lab: Lab) -> None:
    """In a related chain the requests behind a replayed CREATE use the open that it returns."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree, arguments={"share_access": ShareAccess.NONE})
    file = original.open()
    original_request = file.core.request
    chain = [
        Submission(body=original_request, session=session.core, tree=tree.core, replay=True),
        Submission(
            body=ReadRequest(file_id=FILE_ID_ANY, length=1, offset=BEHIND),
            session=session.core,
            tree=tree.core,
        ),
    ]
    created, read = session.connection.send_compound(chain, related=True)
    check(created, specification=Status.SUCCESS)
    same = created.field("file_id") == file.file_id
    check.that(created, "the first open is returned", same, specification=True)
    check(
        read,
        requirement="SMB2-3.3.5.2.7.2-01",
        specification=Status.END_OF_FILE,
        samba=Status.FILE_CLOSED,
    )
    check.alive(session)


@case(
    "replay.kept-by-its-tree",
    requirements=["SMB2-3.3.5.9-14", "SMB2-3.3.5.9.10-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_replay_after_the_tree_was_disconnected(lab: Lab) -> None:
    """A TREE_DISCONNECT closes the open: a replay on another tree connect opens the file once more."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    original.tree.disconnect().required()
    answer = original.again(tree=session.tree())
    check_new(answer, file, "SMB2-3.3.5.9.10-03")
    check.alive(session)
