"""What a disconnected persistent handle keeps out ([MS-SMB2] 3.3.5.9, 3.3.4.7, 3.3.5.9.13)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, app_instance, durable_v2, lease
from smbtorture_py.conformance.needs import BLACKHOLE, SECOND_USER
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.fscc.file_information import FileLinkInformation, FileRenameInformation
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import EVERYTHING, Kind
from suites.persistent.handles import BARE, NEEDS, another, arrive, on_ca, persistent, with_everything_cached

STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
AT_ONCE: Final = 2.0
"""Seconds in which an answer comes that waits for nobody."""
DATA: Final = b"written by somebody else"


@case(
    "persistent.not-available",
    requirements=["SMB2-3.3.5.9-22"],
    needs=NEEDS,
    variants=[
        {"kind": Kind.V2_BARE, "state": LeaseState.NONE},
        *({"kind": Kind.V2_LEASE_V2, "state": state} for state in (LeaseState.NONE, R, RW)),
    ],
    answers=[
        "smbtorture:persistent-open.timeout_5",
        "smbtorture:persistent-open-reconnect-contended.reconnect-contended",
        "ms:PersistentHandle_ReOpenFromDiffClient",
    ],
)
def test_a_file_of_a_disconnected_handle_is_not_available(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """A file whose persistent handle is disconnected and caches no handle should be available to nobody
    else.
    """
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, state=state)
    client.leave(other)
    opening = other.tree.create(handle.file.name)
    check(opening, specification=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.not-available-although-cached",
    requirements=["SMB2-3.3.5.9-22"],
    needs=NEEDS,
    variants=[
        {"kind": Kind.V2_BATCH, "state": RWH},
        *({"kind": Kind.V2_LEASE_V2, "state": state} for state in (RH, RWH)),
    ],
    answers=[
        "smbtorture:persistent-open-reconnect-contended.reconnect-contended",
        "smbtorture:persistent-open-reconnect-contended.reconnect-contended-oplock",
    ],
)
def test_a_file_of_a_disconnected_handle_with_handle_caching(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """A file whose persistent handle is disconnected should be available to nobody else; with BATCH or H some
    servers break those first.
    """
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, state=state)
    client.leave(other)
    opening = other.tree.create(handle.file.name, wait=False)
    check(
        opening.wait(AT_ONCE),
        specification=Status.FILE_NOT_AVAILABLE,
        windows_waits=NO_ANSWER,
        windows=Status.SUCCESS,
    )
    check.alive(other.session)


@case(
    "persistent.not-available-to",
    requirements=["SMB2-3.3.5.9-22"],
    needs=NEEDS,
    variants={"how": ["stat", "overwrite", "delete", "own", "own-again"]},
)
def test_nobody_gets_at_a_disconnected_file(lab: Lab, how: str) -> None:
    """Neither a stat open nor overwriting nor the client itself should get at the file but by a reconnect."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client)
    client.leave(other)
    name = handle.file.name
    if how == "stat":
        opening = other.tree.create(name, desired_access=STAT)
    elif how == "overwrite":
        opening = other.tree.create(name, create_disposition=CreateDisposition.OVERWRITE_IF)
    elif how == "delete":
        opening = other.tree.create(name, desired_access=AccessMask.DELETE)
    elif how == "own":
        opening = client.back().tree.create(name)
    else:
        contexts = [durable_v2(lab.guid(), persistent=True)]
        opening = client.back().tree.create(name, contexts=contexts)
    check(opening, specification=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.available-again",
    requirements=["SMB2-3.3.5.9-22", "SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants={"share": [ShareAccess.NONE, ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE]},
)
def test_a_file_is_available_again_after_the_reconnect(lab: Lab, share: ShareAccess) -> None:
    """After the reconnect the sharing of the handle decides again who can open its file."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, share_access=share)
    client.leave(other)
    other.tree.create(handle.file.name).required(Status.FILE_NOT_AVAILABLE)
    back = client.back()
    handle.reconnect(back).required()
    opening = other.tree.create(handle.file.name)
    wanted = Status.SUCCESS if share else Status.SHARING_VIOLATION
    check(opening, requirement="SMB2-3.3.5.9.12-02", specification=wanted)
    check.alive(back.session)


@case("persistent.other-file", requirements=["SMB2-3.3.5.9-22"], needs=NEEDS)
def test_another_file_is_available(lab: Lab) -> None:
    """Another file in the same directory is as available as ever."""
    client, other = arrive(lab), another(lab)
    directory = client.tree.directory().name
    persistent(client, Kind.V2_BARE, f"{directory}\\kept")
    client.leave(other)
    check(other.tree.create(f"{directory}\\another"), specification=Status.SUCCESS)
    check.alive(other.session)


@case("persistent.connected-is-available", requirements=["SMB2-3.3.5.9-22"], needs=NEEDS)
def test_the_file_of_a_connected_handle_is_available(lab: Lab) -> None:
    """The file of a persistent handle that is connected can be opened as its sharing allows."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client)
    check(other.tree.create(handle.file.name), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "persistent.break-after-reconnect",
    requirements=["SMB2-3.3.5.9.12-20"],
    needs=[*NEEDS, BLACKHOLE],
    answers=[
        "smbtorture:persistent-open-reconnect-contended.reconnect-contended",
        "smbtorture:persistent-open-reconnect-contended.reconnect-contended-win-broken",
    ],
)
def test_a_break_waits_for_the_reconnect(lab: Lab) -> None:
    """A break of the lease that did not get through to the client is told when it has come back, and can be
    acknowledged.
    """
    client, other = arrive(lab), another(lab)
    handle = with_everything_cached(client)
    client.lose(FaultKind.BLACKHOLE)
    opening = other.tree.create(handle.file.name, wait=False)
    opening.wait_pending()
    back = on_ca(lab.logon(previous_session_id=client.session.session_id))
    file = handle.reconnect(back).open
    broken = back.session.wait_lease_break()
    check.that(back.session, "a break arrives", broken.arrived, specification=True)
    check.that(back.session, "key", broken.body.lease_key, specification=handle.lease_key)
    check.that(back.session, "new state", broken.body.new_lease_state, specification=RH)
    check(file.acknowledge_lease(RH), specification=Status.SUCCESS)
    check(opening.wait(), specification=Status.SUCCESS)
    check.alive(back.session)


@case("persistent.break-without-a-connection", requirements=["SMB2-3.3.4.7-09"], needs=NEEDS)
def test_a_break_is_kept_while_nobody_can_be_told(lab: Lab) -> None:
    """Somebody opens the file of a disconnected persistent handle by its second name, so that the lease is to
    lose W: they wait, and the handle comes back with all it had.
    """
    client, other = arrive(lab), another(lab)
    handle, name = with_everything_cached(client), lab.name("second")
    handle.file.set_file(FileLinkInformation(file_name=name)).required()
    client.leave(other)
    opening = other.tree.create(name, create_disposition=CreateDisposition.OPEN, wait=False).wait(AT_ONCE)
    check(opening, specification=NO_ANSWER, permitted_unavailable=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.that(answer, "lease state", answer.open.lease_state, specification=RWH)
    if opening.actual is NO_ANSWER:
        back.session.wait_lease_break().required()
        answer.open.acknowledge_lease(RH).required()
        check(opening.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.directory-of-open-file",
    requirements=["SMB2-3.3.7.1-13"],
    needs=NEEDS,
    answers=["smbtorture:persistent-open.rename-dir-open-files"],
)
def test_the_directory_of_a_disconnected_handle_cannot_be_renamed(lab: Lab) -> None:
    """A directory with a file whose persistent handle is disconnected cannot be renamed."""
    client, other = arrive(lab), another(lab)
    directory = client.tree.directory().name
    handle = persistent(client, Kind.V2_BARE, f"{directory}\\kept")
    client.leave(other)
    opened = other.tree.directory(directory, desired_access=AccessMask.DELETE | STAT)
    answer = opened.set_file(FileRenameInformation(file_name=lab.name("moved")))
    check(answer, specification=Status.ACCESS_DENIED)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.app-instance",
    requirements=["SMB2-3.3.5.9.13-12"],
    needs=NEEDS,
)
def test_an_application_moves_away_from_a_disconnected_client(lab: Lab) -> None:
    """An application instance that is started on another client can have its file although the handle of the
    first client is kept; the text has a gap here.
    """
    client, other = arrive(lab), another(lab)
    instance = lab.guid()
    handle = persistent(client, contexts=[app_instance(instance)], share_access=ShareAccess.NONE)
    client.leave(other)
    contexts = [app_instance(instance), durable_v2(lab.guid(), persistent=True)]
    opening = other.tree.create(handle.file.name, contexts=contexts)
    check(opening, specification=Status.SUCCESS, not_available=Status.FILE_NOT_AVAILABLE)
    check.alive(other.session)


@case("persistent.app-instance-connected", requirements=["SMB2-3.3.5.9.13-01"], needs=NEEDS)
def test_an_application_takes_a_persistent_handle_over(lab: Lab) -> None:
    """An application instance moves to another client although its handle is persistent, for good."""
    client, other = arrive(lab), another(lab)
    instance = lab.guid()
    handle = persistent(client, contexts=[app_instance(instance)], share_access=ShareAccess.NONE)
    contexts = [app_instance(instance), durable_v2(lab.guid(), persistent=True)]
    opening = other.tree.create(handle.file.name, contexts=contexts)
    check(opening, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check(handle.file.write(DATA), specification=Status.FILE_CLOSED)
    client.leave(other)
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement="SMB2-3.3.5.9.12-04", specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(other.session)


@case(
    "persistent.replay-when-used",
    requirements=["SMB2-3.3.5.9-17"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_the_replay_of_a_used_persistent_handle(lab: Lab, kind: Kind) -> None:
    """The CREATE of a persistent handle that has been used and is connected cannot be replayed."""
    client = arrive(lab)
    handle = persistent(client, kind)
    handle.file.write(DATA).required()
    contexts = [durable_v2(handle.create_guid, persistent=True)]
    contexts += [handle.lease()] if kind.lease_version else []
    answer = client.tree.create(handle.file.name, contexts=contexts, replay=True)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(client.session)


@case(
    "persistent.replay-of-another-user",
    requirements=["SMB2-3.3.5.9-18"],
    needs=[*NEEDS, SECOND_USER],
)
def test_the_replay_of_another_user(lab: Lab) -> None:
    """Another user cannot take over a disconnected persistent handle by a replay of its CREATE."""
    client = arrive(lab)
    handle = persistent(client)
    handle.file.write(DATA).required()
    client.lose()
    thief = client.back(lab.second_user)
    contexts = [durable_v2(handle.create_guid, persistent=True)]
    answer = thief.tree.create(handle.file.name, contexts=contexts, replay=True)
    check(answer, specification=Status.ACCESS_DENIED, permitted_before_that=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.replay-that-differs",
    requirements=["SMB2-3.3.5.9-19"],
    needs=NEEDS,
    variants={"field": ["access", "share", "options"]},
)
def test_a_replay_that_differs(lab: Lab, field: str) -> None:
    """The replay of the CREATE of a disconnected persistent handle fails where it asks for something else."""
    client = arrive(lab)
    handle = persistent(client)
    handle.file.write(DATA).required()
    client.lose()
    back = client.back()
    contexts = [durable_v2(handle.create_guid, persistent=True)]
    if field == "access":
        answer = back.tree.create(
            handle.file.name, contexts=contexts, replay=True, desired_access=AccessMask.FILE_READ_DATA
        )
    elif field == "share":
        answer = back.tree.create(
            handle.file.name, contexts=contexts, replay=True, share_access=ShareAccess.NONE
        )
    else:
        answer = back.tree.create(
            handle.file.name, contexts=contexts, replay=True, create_options=CreateOptions.WRITE_THROUGH
        )
    check(
        answer,
        specification=Status.CONTEXT_MISMATCH,
        permitted_before_that=Status.FILE_NOT_AVAILABLE,
        samba=Status.SUCCESS,
    )
    check.alive(back.session)


@case(
    "persistent.replay-after-loss",
    requirements=["SMB2-3.3.5.9-20"],
    needs=NEEDS,
    variants={"kind": BARE, "used": [True, False]},
)
def test_the_replay_of_the_create_after_the_loss(lab: Lab, kind: Kind, used: bool) -> None:
    """The CREATE of a disconnected persistent handle is replayed: it is answered from the open, or the file
    is not available.
    """
    client = arrive(lab)
    handle = persistent(client, kind)
    if used:
        handle.file.write(DATA).required()
    client.lose()
    back = client.back()
    contexts = [durable_v2(handle.create_guid, persistent=True)]
    contexts += [handle.lease()] if kind.lease_version else []
    answer = back.tree.create(handle.file.name, contexts=contexts, replay=True)
    check(answer, specification=Status.SUCCESS, permitted_before_that=Status.FILE_NOT_AVAILABLE)
    if answer.actual is Status.SUCCESS:
        id_ = handle.file.file_id.persistent
        check.that(answer, "persistent id", answer.open.file_id.persistent, specification=id_)
        check.that(
            answer,
            "persistent",
            answer.open.is_persistent,
            requirement="SMB2-3.3.5.9.10-17",
            specification=True,
        )
    check.alive(back.session)


@case(
    "persistent.batch-of-another",
    requirements=["SMB2-3.3.5.9-22"],
    needs=NEEDS,
)
def test_what_is_not_available_stays_so(lab: Lab) -> None:
    """Asking again and again, with an oplock or a lease, does not make the file available."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client)
    client.leave(other)
    for _ in range(3):
        batch = other.tree.create(handle.file.name, requested_oplock_level=OplockLevel.BATCH)
        check(batch, specification=Status.FILE_NOT_AVAILABLE)
        leased = other.tree.create(handle.file.name, contexts=[lease(lab.guid(), RWH)])
        check(leased, specification=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.directory-not-available",
    requirements=["SMB2-3.3.5.9-22"],
    needs=NEEDS,
    answers=["smbtorture:persistent-open.directory-disconnect"],
)
def test_a_directory_of_a_disconnected_handle_is_not_available(lab: Lab) -> None:
    """A directory whose persistent handle is disconnected is available to nobody else until the reconnect."""
    client, other = arrive(lab), another(lab)
    options = CreateOptions.DIRECTORY_FILE
    handle = persistent(client, create_options=options, share_access=ShareAccess.NONE)
    name = handle.file.name
    opening = other.tree.create(name, create_options=options)
    check(opening, requirement="SMB2-3.3.5.9.12-02", specification=Status.SHARING_VIOLATION)
    client.leave(other)
    opening = other.tree.create(name, create_options=options)
    check(opening, specification=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.replayed-again-and-again",
    requirements=["SMB2-3.3.5.9-17", "SMB2-3.3.5.9.10-05"],
    needs=NEEDS,
    answers=["smbtorture:persistent-open.replay-multi"],
)
def test_replays_until_the_handle_is_used(lab: Lab) -> None:
    """The CREATE of a persistent handle can be replayed as often as one likes until the handle is used."""
    client = arrive(lab)
    handle = persistent(client)
    contexts = [durable_v2(handle.create_guid, persistent=True)]
    for sequence in range(1, 5):
        answer = client.tree.create(
            handle.file.name, contexts=contexts, replay=True, channel_sequence=sequence
        )
        check(answer, requirement="SMB2-3.3.5.9.10-05", specification=Status.SUCCESS)
        same = answer.open.file_id == handle.file.file_id
        check.that(answer, "same FileId", same, requirement="SMB2-3.3.5.9.10-05", specification=True)
    handle.file.write(DATA, channel_sequence=4).required()
    answer = client.tree.create(handle.file.name, contexts=contexts, replay=True, channel_sequence=4)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(client.session)


@case(
    "persistent.contended",
    requirements=["SMB2-3.3.5.9-22", "SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants={
        "held": [LeaseState.NONE, R, RW, RH, RWH],
        "share": [ShareAccess.NONE, EVERYTHING],
        "overwrite": [False, True],
    },
    answers=["smbtorture:persistent-open-reconnect-contended.reconnect-contended"],
)
def test_who_contends_with_a_disconnected_handle(
    lab: Lab, held: LeaseState, share: ShareAccess, overwrite: bool
) -> None:
    """Whatever lease and sharing a disconnected persistent handle has, the contender should be told that the
    file is not available, and the handle comes back; where H can break first some servers do that.
    """
    client, other = arrive(lab), another(lab)
    handle = persistent(client, Kind.V2_LEASE_V2, state=held, share_access=share)
    granted = handle.file.lease_state
    client.leave(other)
    disposition = CreateDisposition.OVERWRITE_IF if overwrite else CreateDisposition.OPEN
    opening = other.tree.create(handle.file.name, create_disposition=disposition, wait=False)
    opening.wait(AT_ONCE)
    if granted is not None and granted & LeaseState.HANDLE_CACHING:
        check(
            opening,
            specification=Status.FILE_NOT_AVAILABLE,
            windows_waits=NO_ANSWER,
            windows=Status.SUCCESS,
        )
    else:
        check(opening, specification=Status.FILE_NOT_AVAILABLE)
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    if opening.actual is Status.FILE_NOT_AVAILABLE:
        state = answer.open.lease_state
        check.that(answer, "state", state, requirement="SMB2-3.3.5.9.12-02", specification=granted)
    check.alive(back.session)
