"""A CREATE that comes again finds the open that it made ([MS-SMB2] 3.3.5.9, 3.3.5.9.10)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import CreateArguments, Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, R, durable, lease, lease_v1
from smbtorture_py.conformance.needs import (
    DURABLE_HANDLES,
    ENCRYPTION,
    LEASING,
    MULTI_CHANNEL,
    SECOND_USER,
    SMB3,
)
from smbtorture_py.wire.create import (
    AccessMask,
    CreateAction,
    CreateDisposition,
    CreateOptions,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import DurableHandleResponseV2
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.replay.originals import (
    DURABLE,
    LEASED,
    SHARED,
    Caching,
    Original,
    check_new,
    check_same,
    shareable,
)
from suites.tree.dialects import SMB_3

TIMES = ("creation_time", "last_access_time", "last_write_time", "change_time")
MINUTE = 60_000
"""Milliseconds."""

OTHERWISE: dict[str, CreateArguments] = {
    "access": CreateArguments(desired_access=AccessMask.FILE_READ_DATA),
    "share-access": CreateArguments(share_access=SHARED),
    "disposition": CreateArguments(create_disposition=CreateDisposition.OPEN),
    "disposition-create": CreateArguments(create_disposition=CreateDisposition.CREATE),
    "disposition-overwrite": CreateArguments(create_disposition=CreateDisposition.OVERWRITE_IF),
    "options": CreateArguments(create_options=CreateOptions.WRITE_THROUGH),
    "attributes": CreateArguments(file_attributes=FileAttributes.HIDDEN),
    "attributes-directory": CreateArguments(file_attributes=FileAttributes.DIRECTORY),
}
"""One thing at a time that a replay says otherwise than the first CREATE."""


@case(
    "replay.create",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE, "dialect": SMB_3},
    answers=["smbtorture:replay.replay-dhv2-oplock1", "ms:Model_ReplayCreate"],
)
def test_a_replay_returns_the_first_open(lab: Lab, caching: Caching) -> None:
    """A CREATE that comes again with the replay flag is answered as it was: same FileId, action and times."""
    session = lab.logon()
    original = Original(session.tree(), caching, arguments={"share_access": ShareAccess.NONE})
    file = original.open()
    answer = original.again()
    check_same(answer, file)
    first, again = file.core.response, answer.open.core.response
    for field in TIMES:
        same = getattr(again, field) == getattr(first, field)
        check.that(answer, f"the same {field} as before", same, specification=True)
    check.field(answer, "oplock_level", specification=OplockLevel(first.oplock_level))
    check.that(answer, "lease state", answer.open.lease_state, specification=file.lease_state)
    check.alive(session)


@case(
    "replay.create-usable",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
)
def test_a_replay_opens_nothing(lab: Lab, caching: Caching) -> None:
    """After a replay there is one open, not two: one CLOSE closes the file."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree, caching, arguments={"share_access": ShareAccess.NONE})
    original.open()
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    again = answer.open
    check(again.write(b"x"), specification=Status.SUCCESS)
    check(again.close(), specification=Status.SUCCESS)
    check(tree.create(original.name, share_access=ShareAccess.NONE), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.create-action",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES],
    variants=[
        {"disposition": CreateDisposition.CREATE, "action": CreateAction.CREATED, "exists": False},
        {"disposition": CreateDisposition.OPEN_IF, "action": CreateAction.CREATED, "exists": False},
        {"disposition": CreateDisposition.OPEN_IF, "action": CreateAction.OPENED, "exists": True},
        {"disposition": CreateDisposition.OPEN, "action": CreateAction.OPENED, "exists": True},
        {"disposition": CreateDisposition.OVERWRITE, "action": CreateAction.OVERWRITTEN, "exists": True},
        {"disposition": CreateDisposition.OVERWRITE_IF, "action": CreateAction.OVERWRITTEN, "exists": True},
    ],
)
def test_a_replay_tells_what_was_done(
    lab: Lab, disposition: CreateDisposition, action: CreateAction, exists: bool
) -> None:
    """The replay reports the action that the first CREATE took, and does not take it once more."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree, arguments={"create_disposition": disposition})
    if exists:
        tree.open(original.name).close().required()
    file = original.open()
    answer = original.again()
    check_same(answer, file)
    check.field(answer, "create_action", specification=action)
    check.alive(session)


@case(
    "replay.create-twice",
    requirements=["SMB2-3.3.5.9.10-05", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
)
def test_a_create_is_replayed_many_times(lab: Lab, caching: Caching) -> None:
    """A replay can be replayed: as long as the open is not used, each of them returns it."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    for _ in range(5):
        check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.create-on-another-channel",
    requirements=["SMB2-3.3.5.9-11", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"caching": DURABLE, "dialect": SMB_3},
    answers=["smbtorture:replay.replay3", "ms:Model_ReplayCreate"],
)
def test_a_create_is_replayed_on_another_channel(lab: Lab, caching: Caching) -> None:
    """A replay on another channel returns the first open, which can then be used on both."""
    session = lab.logon()
    second = session.add_channel()
    original = Original(session.tree(), caching, arguments={"share_access": ShareAccess.NONE})
    file = original.open()
    check_same(original.again(on=second, channel_sequence=1), file)
    for channel in session.channels:
        check(file.write(b"x", on=channel, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.create-on-every-channel",
    requirements=["SMB2-3.3.5.9-11", "SMB2-3.3.5.9.10-05"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL],
)
def test_a_create_is_replayed_on_one_channel_after_another(lab: Lab) -> None:
    """A CREATE is replayed on one channel after the other, back to the first: all return the same open."""
    session = lab.logon()
    for _ in range(3):
        session.add_channel()
    original = Original(session.tree())
    file = original.open()
    for number, channel in enumerate((*session.channels[1:], session.channels[0])):
        check_same(original.again(on=channel, channel_sequence=number + 1), file)
    check.alive(session)


@case(
    "replay.create-number",
    requirements=["SMB2-3.3.5.2.10-20", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, MULTI_CHANNEL],
)
def test_a_replay_of_a_create_has_a_number(lab: Lab) -> None:
    """A newer channel sequence in the replay of a CREATE: whether the open takes it is noted."""
    session = lab.logon()
    second = session.add_channel()
    original = Original(session.tree())
    file = original.open()
    check_same(original.again(on=second, channel_sequence=2), file, "SMB2-3.3.5.9-01")
    answer = file.write(b"x", on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS, moved=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "replay.create-timeout",
    requirements=["SMB2-3.3.5.9.10-04"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"first": [MINUTE, 0], "then": [0, MINUTE // 2, 5 * MINUTE]},
)
def test_a_replay_tells_the_timeout(lab: Lab, first: int, then: int) -> None:
    """The replay is answered with the time-out that the open got, whatever it asks for itself."""
    session = lab.logon()
    original = Original(session.tree(), timeout=first)
    granted = original.open().context(DurableHandleResponseV2)
    original.timeout = then
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    again = answer.open.context(DurableHandleResponseV2)
    timeouts = tuple(one.timeout if one is not None else None for one in (granted, again))
    check.that(answer, "the time-out is that of the open", timeouts[0] == timeouts[1], specification=True)
    check.alive(session)


@case(
    "replay.create-encrypted",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, ENCRYPTION],
    variants={"dialect": SMB_3},
)
def test_a_create_is_replayed_encrypted(lab: Lab) -> None:
    """A replay that is encrypted returns the open that an encrypted CREATE made."""
    session = lab.logon()
    original = Original(session.tree())
    file = original.open(encrypt=True)
    check_same(original.again(encrypt=True), file)
    check.alive(session)


@case(
    "replay.create-after-reauthentication",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_create_is_replayed_after_a_reauthentication(lab: Lab) -> None:
    """A replay after a re-authentication returns the first open."""
    session = lab.logon()
    original = Original(session.tree())
    file = original.open()
    session.reauthenticate().required()
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.create-on-another-tree",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_create_is_replayed_on_another_tree(lab: Lab) -> None:
    """A replay on another tree connect to the same share returns the first open: trees are not compared."""
    session = lab.logon()
    original = Original(session.tree())
    file = original.open()
    check_same(original.again(tree=session.tree()), file)
    check.alive(session)


# What the replay says otherwise.


@case(
    "replay.create-otherwise",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"what": tuple(OTHERWISE)},
    answers=["smbtorture:replay.replay6", "ms:Model_ReplayCreate"],
)
def test_a_replay_that_asks_for_something_else(lab: Lab, what: str) -> None:
    """Access, sharing, disposition, options and attributes of a replay are not compared: it returns the first
    open.
    """
    session = lab.logon()
    original = Original(session.tree(), arguments={"share_access": ShareAccess.NONE})
    file = original.open()
    check_same(original.again(**OTHERWISE[what]), file)
    check.alive(session)


@case(
    "replay.create-otherwise-changes-nothing",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
    answers=["smbtorture:replay.replay-dhv2-oplock3"],
)
def test_a_replay_changes_no_open(lab: Lab) -> None:
    """A replay that shares everything does not make the first open share: others are still kept out."""
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree(), Caching.BATCH, arguments={"share_access": ShareAccess.NONE})
    file = original.open()
    check_same(original.again(share_access=SHARED), file)
    waiting = other.tree().create(original.name, create_disposition=CreateDisposition.OPEN, wait=False)
    session.wait_oplock_break().required()
    file.acknowledge_oplock(OplockLevel.NONE).required()
    check(waiting.wait(), specification=Status.SHARING_VIOLATION)
    check.alive(session)


@case(
    "replay.create-other-name",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"exists": [False, True]},
    answers=["smbtorture:hole.replay-other-name"],
)
def test_a_replay_with_another_name(lab: Lab, exists: bool) -> None:
    """The name of a replay is not compared: it returns the first open, and makes no file of that name."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree)
    file = original.open()
    name = lab.name()
    if exists:
        tree.open(name).close().required()
    check_same(original.again(name=name), file)
    answer = tree.create(name, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.SUCCESS if exists else Status.OBJECT_NAME_NOT_FOUND)
    check.alive(session)


@case(
    "replay.create-other-oplock",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"level": [OplockLevel.NONE, OplockLevel.II, OplockLevel.EXCLUSIVE]},
    answers=["smbtorture:replay.replay-dhv2-oplock2"],
)
def test_a_replay_with_another_oplock(lab: Lab, level: OplockLevel) -> None:
    """A replay that asks for another oplock is answered with the one that the open has."""
    session = lab.logon()
    original = Original(session.tree())
    file = original.open()
    answer = original.again(requested_oplock_level=level)
    check_same(answer, file)
    check.field(answer, "oplock_level", specification=OplockLevel.BATCH, as_asked=level)
    check.alive(session)


@case(
    "replay.create-other-oplock-keeps",
    requirements=["SMB2-3.3.5.9-12"],
    needs=[SMB3, DURABLE_HANDLES],
    answers=["smbtorture:replay.replay-dhv2-oplock2"],
)
def test_a_replay_without_oplock_keeps_it(lab: Lab) -> None:
    """After a replay that asks for no oplock the open still has its own: it is broken when another opens."""
    session, other = lab.logon(), lab.another_client()
    original = Original(session.tree())
    file = original.open()
    check_same(original.again(requested_oplock_level=OplockLevel.NONE), file)
    waiting = other.tree().create(original.name, create_disposition=CreateDisposition.OPEN, wait=False)
    broken = session.wait_oplock_break()
    check.that(session, "the oplock is broken", broken.arrived, specification=True)
    file.acknowledge_oplock(OplockLevel.II)
    waiting.wait().required()
    check.alive(session)


@case(
    "replay.create-other-lease-state",
    requirements=["SMB2-3.3.5.9-12", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED, "state": [R, RH, LeaseState.NONE]},
    answers=["smbtorture:replay.replay-dhv2-lease2"],
)
def test_a_replay_with_another_lease_state(lab: Lab, caching: Caching, state: LeaseState) -> None:
    """A replay that asks for less of a lease is answered with what the lease has."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    original.state = state
    answer = original.again()
    check_same(answer, file)
    check.that(answer, "lease state", answer.open.lease_state, specification=RWH)
    check.alive(session)


@case(
    "replay.create-more-lease-state",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED},
)
def test_a_replay_does_not_upgrade(lab: Lab, caching: Caching) -> None:
    """A replay that asks for more of a lease than the open has is answered with what the lease has."""
    session = lab.logon()
    original = Original(session.tree(), caching, RH)
    file = original.open()
    original.state = RWH
    answer = original.again()
    check_same(answer, file)
    check.that(answer, "lease state", answer.open.lease_state, specification=RH)
    check.alive(session)


@case(
    "replay.create-after-upgrade",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED, "state": [RH, R]},
    answers=["smbtorture:replay.replay-dhv2-lease1", "smbtorture:replay.replay-dhv2-lease2"],
)
def test_a_replay_after_an_upgrade(lab: Lab, caching: Caching, state: LeaseState) -> None:
    """After another open has upgraded the lease, a replay returns the first open and the state of now."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree, caching, RH)
    file = original.open()
    upgrade = Original(tree, caching, RWH, name=original.name, key=original.key)
    check(upgrade.send(), specification=Status.SUCCESS)
    original.state = state
    answer = original.again()
    check_same(answer, file)
    check.that(answer, "lease state", answer.open.lease_state, specification=RWH)
    check.alive(session)


@case(
    "replay.create-other-lease-key",
    requirements=["SMB2-3.3.5.9-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED, "replayed": LEASED},
    answers=["smbtorture:replay.replay-dhv2-lease3", "ms:Model_ReplayCreate"],
)
def test_a_replay_with_another_lease_key(lab: Lab, caching: Caching, replayed: Caching) -> None:
    """A replay with another lease key than that of the open's lease is refused; with its own it is not."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    form = lease_v1 if replayed is Caching.LEASE_V1 else lease
    answer = original.again(contexts=[original.durable, form(lab.guid(), RWH)])
    check(answer, specification=Status.ACCESS_DENIED)
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.create-other-lease-version",
    requirements=["SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED},
)
def test_a_replay_with_the_other_version_of_its_lease(lab: Lab, caching: Caching) -> None:
    """A replay with the right lease key in the context of the other version returns the first open."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    form = lease if caching is Caching.LEASE_V1 else lease_v1
    check_same(original.again(contexts=[original.durable, form(original.key, RWH)]), file)
    check.alive(session)


@case(
    "replay.create-lease-for-oplock",
    requirements=["SMB2-3.3.5.9-06"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED},
    answers=["smbtorture:replay.replay-dhv2-oplock-lease"],
)
def test_a_replay_that_asks_for_a_lease_instead(lab: Lab, caching: Caching) -> None:
    """A CREATE with an oplock is replayed with a lease: the open's oplock is returned."""
    session = lab.logon()
    original = Original(session.tree(), Caching.BATCH)
    original.open()
    original.caching = caching
    answer = original.again()
    check(answer, specification=Status.SUCCESS, access_denied=Status.ACCESS_DENIED)
    check.field(answer, "oplock_level", specification=OplockLevel.BATCH)
    check.alive(session)


@case(
    "replay.create-oplock-for-lease",
    requirements=["SMB2-3.3.5.9-07"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": LEASED, "level": [OplockLevel.NONE, OplockLevel.BATCH]},
    answers=["smbtorture:replay.replay-dhv2-lease-oplock", "smbtorture:hole.slip-replay-lease-as-oplock"],
)
def test_a_replay_that_asks_for_an_oplock_instead(lab: Lab, caching: Caching, level: OplockLevel) -> None:
    """A CREATE with a lease is replayed without: what comes of it is noted."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    original.open()
    answer = original.again(contexts=[original.durable], requested_oplock_level=level)
    check(answer, specification=Status.ACCESS_DENIED, samba=Status.SUCCESS)
    check.alive(session)


# Who replays.


@case(
    "replay.create-without-flag",
    requirements=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"caching": DURABLE, "channel": [0, 1]},
    answers=["smbtorture:replay.replay6"],
)
def test_a_create_guid_that_is_taken(lab: Lab, caching: Caching, channel: int) -> None:
    """A CREATE with the CreateGuid of an open, and without the replay flag, is refused on every channel; the
    open is as it was.
    """
    session = lab.logon()
    session.add_channel()
    original = Original(session.tree(), caching)
    file = original.open()
    answer = original.send(on=session.channels[channel])
    check(answer, specification=Status.DUPLICATE_OBJECTID)
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    check(file.write(b"x"), requirement="SMB2-3.3.5.9-01", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.create-without-flag-other-file",
    requirements=["SMB2-3.3.5.9.10-01"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_create_guid_that_is_taken_by_another_file(lab: Lab) -> None:
    """A CREATE of another file with the CreateGuid of an open is refused, and makes no file."""
    session = lab.logon()
    tree = session.tree()
    original = Original(tree)
    original.open()
    name = lab.name()
    check(original.send(name=name), specification=Status.DUPLICATE_OBJECTID)
    answer = tree.create(name, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(session)


@case(
    "replay.create-other-guid",
    requirements=["SMB2-3.3.5.9-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    answers=["smbtorture:hole.replay-other-name"],
)
def test_a_replay_with_another_create_guid(lab: Lab) -> None:
    """A replay with a CreateGuid that no open has opens the file once more."""
    session = lab.logon()
    original = shareable(session.tree())
    file = original.open()
    original.guid = lab.guid()
    check_new(original.again(), file)
    check.alive(session)


@case(
    "replay.create-first-of-all",
    requirements=["SMB2-3.3.5.9-03", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
)
def test_a_replay_of_what_never_arrived(lab: Lab, caching: Caching) -> None:
    """A replay whose original never arrived is a first CREATE, and can be replayed itself."""
    session = lab.logon()
    original = Original(session.tree(), caching)
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.CREATED)
    check.that(answer, "a durable handle is granted", answer.open.is_durable, specification=True)
    check_same(original.again(), answer.open, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.create-first-of-all-timeout",
    requirements=["SMB2-3.3.5.9.10-18"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_the_timeout_of_what_never_arrived(lab: Lab) -> None:
    """Which time-out a replay gets whose original never arrived is noted: literally that would be none."""
    session = lab.logon()
    answer = Original(session.tree(), timeout=MINUTE).again()
    granted = answer.open.context(DurableHandleResponseV2)
    timeout = None if granted is None else granted.timeout
    check.that(answer, "time-out", timeout, specification=MINUTE, literal=0)
    check.alive(session)


@case(
    "replay.create-in-another-session",
    requirements=["SMB2-3.3.5.9-08", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
    answers=["smbtorture:replay.durable-reconnect-replay2"],
)
def test_a_create_is_replayed_in_another_session(lab: Lab, caching: Caching) -> None:
    """A replay in another session of the same client and user is refused, and the open is as it was."""
    session, other = lab.logon(), lab.logon()
    original = Original(session.tree(), caching)
    file = original.open()
    answer = original.again(tree=other.tree())
    check(answer, specification=Status.DUPLICATE_OBJECTID, first_open=Status.SUCCESS)
    check_same(original.again(), file, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.create-in-another-session-without-flag",
    requirements=["SMB2-3.3.5.9.10-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"caching": DURABLE},
)
def test_a_create_guid_that_is_taken_in_another_session(lab: Lab, caching: Caching) -> None:
    """A CREATE in another session of the same client with the CreateGuid of an open is refused."""
    session, other = lab.logon(), lab.logon()
    original = Original(session.tree(), caching)
    original.open()
    check(original.send(tree=other.tree()), specification=Status.DUPLICATE_OBJECTID)
    check.alive(session)


@case(
    "replay.create-by-another-user",
    requirements=["SMB2-3.3.5.9-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, SECOND_USER],
    variants={"caching": DURABLE},
)
def test_a_create_is_replayed_by_another_user(lab: Lab, caching: Caching) -> None:
    """A replay by another user of the same client is refused: first by who he is, then by his session."""
    session, other = lab.logon(), lab.logon(lab.second_user)
    original = Original(session.tree(), caching)
    file = original.open()
    answer = original.again(tree=other.tree())
    check(
        answer,
        specification=Status.ACCESS_DENIED,
        duplicate=Status.DUPLICATE_OBJECTID,
        first_open=Status.SUCCESS,
    )
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.create-by-another-client",
    requirements=["SMB2-3.3.5.9-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    answers=["smbtorture:hole.replay-other-client-guid"],
)
def test_a_create_is_replayed_by_another_client(lab: Lab) -> None:
    """A replay over a connection with another ClientGuid finds nothing: it opens the file once more."""
    session, other = lab.logon(), lab.another_client()
    original = shareable(session.tree())
    file = original.open()
    original.key = lab.guid()
    check_new(original.again(tree=other.tree()), file)
    check.alive(session)


@case(
    "replay.create-guid-of-another-client",
    requirements=["SMB2-3.3.5.9.10-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_create_guid_of_another_client(lab: Lab) -> None:
    """Two clients may use one CreateGuid: each has its own open, and replays find it."""
    session, other = lab.logon(), lab.another_client()
    original = shareable(session.tree())
    file = original.open()
    theirs = shareable(other.tree())
    theirs.name, theirs.guid = original.name, original.guid
    answer = theirs.send()
    check_new(answer, file)
    check_same(theirs.again(), answer.open)
    check_same(original.again(), file)
    check.alive(session)


# What cannot be replayed.


@case(
    "replay.create-without-guid",
    requirements=["SMB2-3.3.5.9-02"],
    needs=[SMB3],
    variants=[
        {
            "disposition": CreateDisposition.CREATE,
            "share": SHARED,
            "status": Status.OBJECT_NAME_COLLISION,
        },
        {
            "disposition": CreateDisposition.OPEN_IF,
            "share": ShareAccess.DELETE,
            "status": Status.SHARING_VIOLATION,
        },
        {"disposition": CreateDisposition.OPEN_IF, "share": SHARED, "status": Status.SUCCESS},
    ],
    answers=["smbtorture:replay.replay-regular", "ms:Model_ReplayCreate", "ms:hole.slip-any-status"],
)
def test_a_create_without_create_guid(
    lab: Lab, disposition: CreateDisposition, share: ShareAccess, status: Status
) -> None:
    """The replay flag does nothing for a CREATE without DH2Q: it is executed once more."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open(create_disposition=disposition, share_access=share)
    answer = tree.create(file.name, create_disposition=disposition, share_access=share, replay=True)
    check(answer, specification=status)
    if status is Status.SUCCESS:
        check_new(answer, file)
    check.alive(session)


@case(
    "replay.create-durable-v1",
    requirements=["SMB2-3.3.5.9-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    answers=["ms:Model_ReplayCreate"],
)
def test_a_create_with_a_durable_handle_of_version_1(lab: Lab) -> None:
    """A durable handle of version 1 has no CreateGuid: a replay opens the file once more."""
    session = lab.logon()
    tree = session.tree()
    contexts = [durable(), lease(lab.guid(), RH)]
    file = tree.open(contexts=contexts)
    check_new(tree.create(file.name, contexts=contexts, replay=True), file)
    check.alive(session)


@case(
    "replay.create-both-versions",
    requirements=["SMB2-3.3.5.9.10-06"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"replay": [False, True]},
)
def test_a_replay_with_both_versions(lab: Lab, replay: bool) -> None:
    """DH2Q beside DHnQ is refused, in a replay as in a first CREATE."""
    session = lab.logon()
    original = Original(session.tree())
    file = original.open()
    answer = original.send(contexts=[durable(), original.durable], replay=replay)
    check(answer, specification=Status.INVALID_PARAMETER)
    check(file.write(b"x"), requirement="SMB2-3.3.5.9-01", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.create-access",
    requirements=["SMB2-3.3.5.9-16"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={
        "access": [
            AccessMask.FILE_READ_DATA,
            AccessMask.FILE_EXECUTE,
            AccessMask.FILE_WRITE_DATA,
            AccessMask.FILE_APPEND_DATA,
            AccessMask.DELETE,
        ]
    },
)
def test_a_create_with_one_right(lab: Lab, access: AccessMask) -> None:
    """An open that may read, execute, write, append to or delete the file, and nothing else, can be
    replayed.
    """
    session = lab.logon()
    original = Original(session.tree(), arguments={"desired_access": access})
    file = original.open()
    check_same(original.again(), file)
    check.alive(session)


@case(
    "replay.create-of-attributes",
    requirements=["SMB2-3.3.5.9-16"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_create_that_reads_attributes_only(lab: Lab) -> None:
    """An open that may neither read nor write the file cannot be replayed: it is opened once more."""
    session = lab.logon()
    original = shareable(session.tree(), desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    session.tree().open(original.name)
    file = original.open()
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, specification=False, samba=True)
    check.alive(session)


@case(
    "replay.create-of-a-directory",
    requirements=["SMB2-3.3.5.9-16"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_create_of_a_directory(lab: Lab) -> None:
    """An open for which FILE_ATTRIBUTE_DIRECTORY was asked cannot be replayed: it is opened once more."""
    session = lab.logon()
    original = Original(
        session.tree(),
        Caching.NOTHING,
        arguments={
            "create_options": CreateOptions.DIRECTORY_FILE,
            "file_attributes": FileAttributes.DIRECTORY,
        },
    )
    file = original.open()
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, specification=False, samba=True)
    check.alive(session)


@case(
    "replay.create-without-caching",
    requirements=["SMB2-3.3.5.9.10-09"],
    needs=[SMB3, DURABLE_HANDLES],
)
def test_a_create_without_oplock_or_lease(lab: Lab) -> None:
    """Whether a CREATE that asks for neither oplock nor lease can be replayed is noted."""
    session = lab.logon()
    original = Original(session.tree(), Caching.NOTHING)
    file = original.open()
    answer = original.again().required()
    same = original.again().open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, specification=True, literal=False)
    check.alive(session)


@case("replay.create-of-a-pipe", requirements=["SMB2-3.3.5.9-15"], needs=[SMB3])
def test_a_create_of_a_pipe(lab: Lab) -> None:
    """A replay on IPC$ is answered as a first CREATE is, however often it comes."""
    session = lab.logon()
    original = Original(session.ipc(), name="srvsvc")
    first = original.send()
    again = original.again()
    check.that(again, "status of the replay", again.status, specification=first.status)
    if first.actual is Status.SUCCESS:
        same = again.open.file_id == first.open.file_id
        check.that(again, "the first open is returned", same, specification=False)
    check.alive(session)
