"""Replays of CREATEs of persistent handles ([MS-SMB2] 3.3.5.9, 3.3.5.9.10)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import CreateArguments, Lab
from smbtorture_py.conformance.lab.handle_contexts import RH
from smbtorture_py.conformance.needs import (
    CONTINUOUSLY_AVAILABLE_SHARE,
    DURABLE_HANDLES,
    LEASING,
    MULTI_CHANNEL,
    PERSISTENT_HANDLES,
    SECOND_USER,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import AccessMask, CreateAction, CreateOptions, ShareAccess
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED
from suites.durable.handles import Client
from suites.replay.originals import Caching, Original, check_new, check_same
from suites.replay.test_replay_used import USES
from suites.sequence.changes import DATA

AVAILABLE = ShareRole.CONTINUOUSLY_AVAILABLE
NEEDS = [SMB3, PERSISTENT_HANDLES, CONTINUOUSLY_AVAILABLE_SHARE, LEASING]
CACHING = (Caching.NOTHING, Caching.LEASE_V2)

OTHERWISE: dict[str, CreateArguments] = {
    "access": CreateArguments(desired_access=AccessMask.FILE_READ_DATA, channel_sequence=1),
    "share-access": CreateArguments(share_access=ShareAccess.READ, channel_sequence=1),
    "options": CreateArguments(create_options=CreateOptions.NON_DIRECTORY_FILE, channel_sequence=1),
}
"""What the second look-up compares."""


@case(
    "replay.persistent",
    requirements=["SMB2-3.3.5.9.10-17", "SMB2-3.3.5.9-01"],
    needs=[*NEEDS, MULTI_CHANNEL],
    variants={"caching": CACHING, "channel": [0, 1]},
)
def test_a_persistent_open_is_replayed(lab: Lab, caching: Caching, channel: int) -> None:
    """A replay returns a persistent open, on whichever channel, and says that it is persistent."""
    session = lab.logon()
    session.add_channel()
    original = Original(session.tree(AVAILABLE), caching, persistent=True)
    file = original.open()
    check.that(file, "the open is persistent", file.is_persistent, specification=True)
    answer = original.again(on=session.channels[channel])
    check_same(answer, file, "SMB2-3.3.5.9-01")
    check.that(answer, "the open is persistent", answer.open.is_persistent, specification=True)
    check.alive(session)


@case(
    "replay.persistent-flag-missing",
    requirements=["SMB2-3.3.5.9-09"],
    needs=NEEDS,
    variants={"caching": CACHING},
)
def test_a_replay_without_the_persistent_flag(lab: Lab, caching: Caching) -> None:
    """The replay of a persistent open that does not ask for a persistent one is refused."""
    session = lab.logon()
    original = Original(session.tree(AVAILABLE), caching, persistent=True)
    original.open()
    original.persistent = False
    check(original.again(), specification=Status.INVALID_PARAMETER, windows=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.persistent-flag-elsewhere",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_replay_with_the_persistent_flag_on_another_share(lab: Lab) -> None:
    """On a share that is not continuously available the persistent flag changes nothing about a replay."""
    session = lab.logon()
    original = Original(session.tree(), persistent=True)
    file = original.open()
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.persistent-without-flag",
    requirements=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-01"],
    needs=NEEDS,
    variants={"caching": CACHING},
    answers=["smbtorture:replay.replay5"],
)
def test_a_create_guid_of_a_persistent_open(lab: Lab, caching: Caching) -> None:
    """A CREATE without the replay flag, with the CreateGuid of a persistent open, is refused."""
    session = lab.logon()
    original = Original(session.tree(AVAILABLE), caching, persistent=True)
    file = original.open()
    check(original.send(), specification=Status.DUPLICATE_OBJECTID)
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.persistent-unknown",
    requirements=["SMB2-3.3.5.9-03"],
    needs=NEEDS,
)
def test_a_persistent_replay_of_what_never_arrived(lab: Lab) -> None:
    """The replay of a CREATE that never arrived makes a persistent open."""
    session = lab.logon()
    answer = Original(session.tree(AVAILABLE), Caching.LEASE_V2, persistent=True).again()
    check(answer, specification=Status.SUCCESS, samba=Status.FILE_NOT_AVAILABLE)
    check.that(answer, "the open is persistent", answer.open.is_persistent, specification=True)
    check.alive(session)


@case(
    "replay.persistent-used",
    requirements=["SMB2-3.3.5.9-17"],
    needs=NEEDS,
    variants={"use": tuple(USES)},
    answers=[
        "ms:Replay_PersistentHandle_Write_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_Read_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_Flush_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_IoCtl_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_SetInfo_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_Lock_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_QueryDirectory_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_QueryInfo_ReplayEligibleCleared",
        "ms:Replay_PersistentHandle_ChangeNotify_ReplayEligibleCleared",
    ],
)
def test_a_persistent_replay_after_the_open_was_used(lab: Lab, use: str) -> None:
    """After any request on a persistent open that is connected, a replay is told to come again."""
    session = lab.logon()
    original = Original(session.tree(AVAILABLE), Caching.LEASE_V2, RH, persistent=True)
    file = original.open()
    check_same(original.again(), file)
    USES[use](file)
    check(original.again(), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "replay.persistent-used-without-flag",
    requirements=["SMB2-3.3.5.9.10-03"],
    needs=NEEDS,
)
def test_a_create_guid_of_a_persistent_open_that_was_used(lab: Lab) -> None:
    """The CreateGuid of a persistent open that was used is free for a CREATE without the replay flag."""
    session = lab.logon()
    original = Original(session.tree(AVAILABLE), Caching.LEASE_V2, RH, persistent=True)
    file = original.open()
    file.write(DATA).required()
    check_new(original.send(), file)
    check.alive(session)


@case(
    "replay.persistent-by-another-client",
    requirements=["SMB2-3.3.5.9-17", "SMB2-3.3.5.9-10"],
    needs=NEEDS,
    variants={"persistent": [True, False]},
)
def test_a_persistent_replay_by_another_client(lab: Lab, persistent: bool) -> None:
    """A persistent open that is connected is found by a replay over another ClientGuid, if that asks for a
    persistent one: it is told to come again. Else the file is opened once more.
    """
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree(AVAILABLE), Caching.LEASE_V2, RH, persistent=True)
    file = original.open()
    original.persistent, original.key = persistent, lab.guid()
    answer = original.again(tree=other.tree(AVAILABLE))
    if persistent:
        check(answer, specification=Status.FILE_NOT_AVAILABLE)
    else:
        check_new(answer, file, "SMB2-3.3.5.9-10")
    check.alive(session)


@case(
    "replay.persistent-after-disconnect",
    requirements=["SMB2-3.3.5.9-20"],
    needs=NEEDS,
    variants={"caching": CACHING, "fault": NOTICED},
    answers=["smbtorture:replay.replay5", "smbtorture:persistent-open.replay-reconnect"],
)
def test_a_persistent_replay_after_a_disconnect(lab: Lab, caching: Caching, fault: FaultKind) -> None:
    """A replay in a new session returns the persistent open of a session that was lost, or is told to come
    again; the open it returns can be used.
    """
    client = Client(lab.logon(), AVAILABLE)
    original = Original(client.tree, caching, persistent=True)
    original.open()
    client.lose(fault)
    back = client.back()
    answer = original.again(tree=back.tree, channel_sequence=1)
    check(
        answer,
        specification=Status.SUCCESS,
        permitted_later=Status.FILE_NOT_AVAILABLE,
        literal=Status.DUPLICATE_OBJECTID,
    )
    if answer.actual is Status.SUCCESS:
        check.field(answer, "create_action", specification=CreateAction.CREATED)
        check(answer.open.write(DATA, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "replay.persistent-used-after-disconnect",
    requirements=["SMB2-3.3.5.9-20"],
    needs=NEEDS,
    variants={"caching": CACHING},
    answers=["smbtorture:persistent-open.replay-multi"],
)
def test_a_persistent_replay_of_a_used_open_after_a_disconnect(lab: Lab, caching: Caching) -> None:
    """A replay in a new session returns a persistent open also after it was used, or is told to come again;
    the file holds what was written.
    """
    client = Client(lab.logon(), AVAILABLE)
    original = Original(client.tree, caching, persistent=True)
    file = original.open()
    file.write(DATA).required()
    client.lose()
    back = client.back()
    answer = original.again(tree=back.tree, channel_sequence=1)
    check(answer, specification=Status.SUCCESS, permitted_later=Status.FILE_NOT_AVAILABLE)
    if answer.actual is Status.SUCCESS:
        same = answer.open.file_id.persistent == file.file_id.persistent
        check.that(answer, "the first open is returned", same, specification=True)
        check.that(answer, "what the file holds", answer.open.read().data, specification=DATA)
    check.alive(back.session)


@case(
    "replay.persistent-by-another-user",
    requirements=["SMB2-3.3.5.9-18"],
    needs=[*NEEDS, SECOND_USER],
    variants={"used": [False, True]},
)
def test_a_persistent_replay_by_another_user_after_a_disconnect(lab: Lab, used: bool) -> None:
    """Nobody but its user gets a persistent open back by a replay."""
    client = Client(lab.logon(), AVAILABLE)
    original = Original(client.tree, Caching.LEASE_V2, persistent=True)
    file = original.open()
    if used:
        file.write(DATA).required()
    client.lose()
    back = client.back(lab.second_user)
    answer = original.again(tree=back.tree, channel_sequence=1)
    check(answer, specification=Status.ACCESS_DENIED, permitted_later=Status.FILE_NOT_AVAILABLE)
    check.alive(back.session)


@case(
    "replay.persistent-otherwise",
    requirements=["SMB2-3.3.5.9-19"],
    needs=NEEDS,
    variants={"what": tuple(OTHERWISE)},
)
def test_a_persistent_replay_that_asks_for_something_else(lab: Lab, what: str) -> None:
    """A replay that asks for a used and disconnected persistent open with other access, sharing or options is
    refused.
    """
    client = Client(lab.logon(), AVAILABLE)
    original = Original(client.tree, Caching.LEASE_V2, persistent=True)
    original.open().write(DATA).required()
    client.lose()
    back = client.back()
    answer = original.again(tree=back.tree, **OTHERWISE[what])
    check(answer, specification=Status.CONTEXT_MISMATCH, permitted_later=Status.FILE_NOT_AVAILABLE)
    check.alive(back.session)
