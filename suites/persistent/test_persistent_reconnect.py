"""Coming back for a persistent handle ([MS-SMB2] 3.3.5.9.12, 3.3.7.1, 3.3.6.2)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, reconnect, reconnect_v2
from smbtorture_py.conformance.needs import BLACKHOLE, ENCRYPTION, MULTI_CHANNEL, SECOND_USER
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.bind.losses import HARM, NOTICED, SILENT
from suites.durable.handles import Handle, Kind, check_data
from suites.persistent.handles import (
    BARE,
    KINDS,
    NEEDS,
    another,
    arrive,
    on_ca,
    persistent,
    with_everything_cached,
)

DATA: Final = b"written before the connection was lost"
SHORT: Final = 1000
"""Milliseconds."""
LONG: Final = 4.0
"""Seconds after which what was kept for SHORT is certainly gone."""
STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE


def with_id(handle: Handle, file_id: FileId, guid: bytes, *, flag: bool = True) -> list[CreateContext]:
    """The contexts of a reconnect with an id and a CreateGuid of their own."""
    leased = [handle.lease()] if handle.kind.lease_version else []
    return [reconnect_v2(file_id, guid, persistent=flag), *leased]


def unknown(handle: Handle) -> FileId:
    """An id that nobody has."""
    return FileId(handle.file.file_id.persistent ^ 1, handle.file.file_id.volatile)


@case(
    "persistent.reconnect",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.5.9.10-15", "SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants=[
        *({"kind": kind, "state": RWH} for kind in KINDS),
        *({"kind": Kind.V2_LEASE_V2, "state": state} for state in (LeaseState.NONE, R, RW, RH)),
    ],
    answers=[
        "smbtorture:persistent-open.leaselevels",
        "smbtorture:persistent-open.leaselevels_fo",
        "smbtorture:persistent-open.leaselevels_fo_max_rwh",
        "smbtorture:persistent-open.leaselevels_so",
        "ms:BVT_PersistentHandle_Reconnect",
        "ms:BVT_PersistentHandles",
        "ms:Model_PersistentHandle",
    ],
)
def test_a_persistent_handle_comes_back(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """A persistent handle survives the loss of its connection, whatever it holds, and keeps that."""
    client = arrive(lab)
    handle = persistent(client, kind, state=state)
    handle.file.write(DATA).required()
    before = handle.file
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    file, which = answer.open, "SMB2-3.3.5.9.12-02"
    id_ = before.file_id.persistent
    check.that(file, "persistent id", file.file_id.persistent, requirement=which, specification=id_)
    level = before.oplock_level
    check.that(file, "oplock level", file.oplock_level, requirement=which, specification=level)
    held = before.lease_state
    check.that(file, "lease state", file.lease_state, requirement=which, specification=held)
    check_data(file, DATA, requirement=which)
    check.alive(back.session)


@case(
    "persistent.reconnect-after-fault",
    requirements=["SMB2-3.3.7.1-04"],
    needs=NEEDS,
    variants={"fault": NOTICED},
)
def test_a_persistent_handle_survives_every_end(lab: Lab, fault: FaultKind) -> None:
    """However its connection ends, a persistent handle can be reconnected."""
    client = arrive(lab)
    handle = persistent(client)
    back = client.back_after(fault, handle)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.reconnect-after-silence",
    requirements=["SMB2-3.3.5.5.3-30", "SMB2-3.3.7.1-04"],
    needs=[*NEEDS, BLACKHOLE],
    variants={"fault": (*SILENT, FaultKind.FORGET)},
)
def test_a_persistent_handle_survives_silence(lab: Lab, fault: FaultKind) -> None:
    """A client whose connection fell silent names its session at the next logon and gets its persistent
    handle back.
    """
    client = arrive(lab)
    handle = persistent(client)
    back = client.back_after(fault, handle)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.reconnect-comes-to-harm",
    requirements=["SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants={"fault": HARM, "kind": [Kind.V2_BARE, Kind.V2_LEASE_V2]},
)
def test_a_reconnect_comes_to_harm(lab: Lab, fault: FaultKind, kind: Kind) -> None:
    """A reconnect that comes late or in pieces gets the persistent handle; one that comes damaged, or twice,
    leaves it for the next.
    """
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    answer = handle.reconnect_harmed(client.back(), fault)
    check(answer, specification=Status.SUCCESS)
    check.alive(answer.open.tree.session)


@case(
    "persistent.reconnect-by-create-guid",
    requirements=["SMB2-3.3.5.9.12-04"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_a_persistent_handle_is_found_by_its_guid(lab: Lab, kind: Kind) -> None:
    """A reconnect with the persistent flag and a persistent id that nobody has finds the open by its
    CreateGuid.
    """
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    back = client.back()
    contexts = with_id(handle, unknown(handle), handle.create_guid)
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.SUCCESS, id_only=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.reconnect-unknown",
    requirements=["SMB2-3.3.5.9.12-04", "SMB2-3.3.5.9.12-03"],
    needs=NEEDS,
    variants={"flag": [True, False]},
)
def test_a_persistent_handle_that_nobody_has(lab: Lab, flag: bool) -> None:
    """A reconnect by id and CreateGuid finds nothing where both are unknown, or the id is and the flag is
    missing.
    """
    client = arrive(lab)
    handle = persistent(client)
    client.lose()
    back = client.back()
    guid = lab.guid() if flag else handle.create_guid
    contexts = with_id(handle, unknown(handle), guid, flag=flag)
    which = "SMB2-3.3.5.9.12-04" if flag else "SMB2-3.3.5.9.12-03"
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.flag-missing",
    requirements=["SMB2-3.3.5.9.12-09"],
    needs=NEEDS,
    variants={"kind": KINDS},
)
def test_a_persistent_handle_taken_for_a_durable_one(lab: Lab, kind: Kind) -> None:
    """A reconnect to a persistent handle should carry the persistent flag."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    back = client.back()
    contexts = with_id(handle, handle.file.file_id, handle.create_guid, flag=False)
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND, windows_2012_r2=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.wrong-create-guid",
    requirements=["SMB2-3.3.5.9.12-05"],
    needs=NEEDS,
    variants={"kind": BARE, "guid": ["zero", "other"]},
)
def test_a_persistent_handle_with_another_guid(lab: Lab, kind: Kind, guid: str) -> None:
    """A reconnect to a persistent handle with another CreateGuid fails; the handle is still there."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    back = client.back()
    wrong = bytes(16) if guid == "zero" else lab.guid()
    contexts = with_id(handle, handle.file.file_id, wrong)
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.wrong-lease-key",
    requirements=["SMB2-3.3.5.9.12-12"],
    needs=NEEDS,
    variants={"kind": [Kind.V2_LEASE_V1, Kind.V2_LEASE_V2]},
)
def test_a_persistent_handle_with_another_lease_key(lab: Lab, kind: Kind) -> None:
    """A reconnect to a persistent handle with another lease key fails."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back, contexts=[handle.durable(), handle.lease(key=lab.guid())])
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.wrong-user",
    requirements=["SMB2-3.3.5.9.12-18"],
    needs=[*NEEDS, SECOND_USER],
    variants={"kind": BARE},
)
def test_a_persistent_handle_is_its_owners(lab: Lab, kind: Kind) -> None:
    """Another user cannot take over a persistent handle; its owner still gets it."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    check(handle.reconnect(client.back(lab.second_user)), specification=Status.ACCESS_DENIED)
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.connected",
    requirements=["SMB2-3.3.5.9.12-06"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_a_connected_persistent_handle(lab: Lab, kind: Kind) -> None:
    """A persistent handle that its client has cannot be reconnected by another session."""
    client, second = arrive(lab), arrive(lab)
    handle = persistent(client, kind)
    answer = handle.reconnect(second)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND, windows=Status.SUCCESS)
    check(handle.file.write(DATA), specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "persistent.reconnect-by-version-1",
    requirements=["SMB2-3.3.5.9.7-20"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_a_persistent_handle_by_the_first_context(lab: Lab, kind: Kind) -> None:
    """Whether DHnC brings back a persistent handle is not said; nothing rules it out."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.lose()
    back = client.back()
    contexts = [reconnect(handle.file.file_id), *([handle.lease()] if kind.lease_version else [])]
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.SUCCESS, refused=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.again-and-again",
    requirements=["SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants={"kind": KINDS},
)
def test_a_persistent_handle_comes_back_again(lab: Lab, kind: Kind) -> None:
    """A reconnected persistent handle is as persistent as it was."""
    client = arrive(lab)
    handle = persistent(client, kind)
    for _ in range(3):
        client.lose()
        client = client.back()
        answer = handle.reconnect(client)
        check(answer, specification=Status.SUCCESS)
        handle.adopt(answer.open)
    check.alive(client.session)


@case(
    "persistent.several",
    requirements=["SMB2-3.3.5.9.12-02"],
    needs=NEEDS,
    variants={"kind": KINDS},
)
def test_several_persistent_handles_come_back(lab: Lab, kind: Kind) -> None:
    """A client that left several persistent handles gets each of them back."""
    client = arrive(lab)
    handles = [persistent(client, kind) for _ in range(4)]
    client.lose()
    back = client.back()
    for handle in reversed(handles):
        check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.over-one-of-two-channels",
    requirements=["SMB2-3.3.5.9.7-23"],
    needs=[*NEEDS, MULTI_CHANNEL],
    variants={"number": [0, 1]},
)
def test_a_persistent_handle_over_one_of_two_channels(lab: Lab, number: int) -> None:
    """A persistent handle that is reconnected over one of two channels can be used over both."""
    client = arrive(lab)
    handle = persistent(client)
    client.lose()
    back = client.back()
    back.session.add_channel()
    file = handle.reconnect(back, on=back.session.channels[number]).open
    for channel in back.session.channels:
        check(file.write(DATA, on=channel), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.encrypted",
    requirements=["SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9.10-13"],
    needs=[*NEEDS, ENCRYPTION],
    variants={"kind": BARE},
)
def test_a_persistent_handle_over_encrypted_messages(lab: Lab, kind: Kind) -> None:
    """Opened and reconnected with encrypted messages, a persistent handle comes back as otherwise."""
    client = arrive(lab)
    handle = persistent(client, kind, encrypt=True)
    handle.file.write(DATA, encrypt=True).required()
    client.lose()
    back = client.back()
    answer = handle.reconnect(back, encrypt=True)
    check(answer, specification=Status.SUCCESS)
    check_data(answer.open, DATA, encrypt=True)
    check.alive(back.session)


@case(
    "persistent.logoff",
    requirements=["SMB2-3.3.5.6-05"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_logoff_keeps_persistent_handles(lab: Lab, kind: Kind) -> None:
    """LOGOFF parts persistent handles from their session: they can come back."""
    client = arrive(lab)
    handle = persistent(client, kind)
    client.session.logoff().required()
    session = lab.logon(connection=client.session.connection)
    check(handle.reconnect(on_ca(session)), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "persistent.previous-session",
    requirements=["SMB2-3.3.5.5.3-30"],
    needs=NEEDS,
    variants={"kind": BARE, "lost": [True, False]},
)
def test_previous_session_id_parts_persistent_handles(lab: Lab, kind: Kind, lost: bool) -> None:
    """PreviousSessionId ends a session as the loss of its connection does: persistent handles survive."""
    client = arrive(lab)
    handle = persistent(client, kind)
    if lost:
        client.lose()
    session = lab.logon(previous_session_id=client.session.session_id)
    check(handle.reconnect(on_ca(session)), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "persistent.tree-disconnect",
    requirements=["SMB2-3.3.5.8-02"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_tree_disconnect_closes_persistent_handles(lab: Lab, kind: Kind) -> None:
    """TREE_DISCONNECT closes persistent handles for good, and their files are free."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, share_access=ShareAccess.NONE)
    client.tree.disconnect().required()
    check(other.tree.create(handle.file.name), specification=Status.SUCCESS)
    client.tree = client.session.tree(client.share)
    check(handle.reconnect(client), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(client.session)


@case(
    "persistent.close",
    requirements=["SMB2-3.3.5.9.12-04"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_close_ends_a_persistent_handle(lab: Lab, kind: Kind) -> None:
    """After CLOSE of a persistent handle there is nothing to come back for."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind)
    handle.file.close().required()
    client.leave(other)
    check(other.tree.create(handle.file.name), specification=Status.SUCCESS)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.breaking-when-lost",
    requirements=["SMB2-3.3.7.1-05"],
    needs=NEEDS,
)
def test_a_persistent_handle_that_is_lost_during_a_break(lab: Lab) -> None:
    """A persistent handle whose lease is being broken when its connection is lost is kept."""
    client, other = arrive(lab), another(lab)
    handle = with_everything_cached(client)
    other.tree.create(handle.file.name, wait=False)
    client.session.wait_lease_break().required()
    client.lose()
    back = client.back()
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.broken-when-lost",
    requirements=["SMB2-3.3.7.1-04"],
    needs=NEEDS,
    variants={"kind": [Kind.V2_BATCH, Kind.V2_LEASE_V2]},
)
def test_a_persistent_handle_whose_oplock_was_broken(lab: Lab, kind: Kind) -> None:
    """A persistent handle outlives its connection also when it has lost BATCH or H before."""
    client, other = arrive(lab), another(lab)
    handle = with_everything_cached(client) if kind.lease_version else persistent(client, kind)
    opening = other.tree.create(handle.file.name, wait=False)
    if kind.lease_version:
        client.session.wait_lease_break().required()
        handle.file.acknowledge_lease(R).required()
    else:
        client.session.wait_oplock_break().required()
        handle.file.acknowledge_oplock(OplockLevel.II).required()
    opening.wait().required()
    client.leave(other)
    back = client.back()
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.locks",
    requirements=["SMB2-3.3.5.9.12-23"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_a_persistent_handle_keeps_its_locks(lab: Lab, kind: Kind) -> None:
    """What was locked through a persistent handle stays locked, while it is disconnected and after that."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, state=R)
    rival = other.tree.open(handle.file.name)
    handle.file.lock().required()
    client.leave(other)
    check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    back = client.back()
    handle.adopt(handle.reconnect(back).open)
    check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(handle.file.unlock(), specification=Status.SUCCESS)
    check(rival.lock(), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.gone-after-its-time",
    requirements=["SMB2-3.3.6.2-02"],
    needs=NEEDS,
    variants={"kind": BARE},
    answers=["smbtorture:persistent-open.timeout_5"],
)
def test_a_persistent_handle_is_gone_after_its_time(lab: Lab, kind: Kind) -> None:
    """Some time after its Timeout a persistent handle is gone, and its file is free."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, timeout=SHORT, share_access=ShareAccess.NONE)
    client.leave(other)
    opening = lab.eventually(
        lambda: other.tree.create(handle.file.name),
        lambda answer: answer.actual is Status.SUCCESS,
        within=LONG,
    )
    check(opening, specification=Status.SUCCESS)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.kept-for-its-time",
    requirements=["SMB2-3.3.6.2-01"],
    needs=NEEDS,
    variants={"kind": BARE},
)
def test_a_persistent_handle_is_kept_for_its_time(lab: Lab, kind: Kind) -> None:
    """A reconnect before the Timeout of a persistent handle is over succeeds, and stops its time."""
    client = arrive(lab)
    handle = persistent(client, kind, timeout=2 * SHORT)
    client.lose()
    back = client.back()
    lab.pause(SHORT / 1000)
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    lab.pause(1.5 * SHORT / 1000)
    check(answer.open.write(DATA), requirement="SMB2-3.3.6.2-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.delete-on-close",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.5.9.12-24"],
    needs=NEEDS,
    variants={"kind": BARE, "returns": [True, False]},
    answers=[
        "smbtorture:persistent-open.deleteonclose-reconnect",
        "smbtorture:persistent-open.deleteonclose-expire",
    ],
)
def test_delete_on_close_of_a_persistent_handle(lab: Lab, kind: Kind, returns: bool) -> None:
    """A file that is to be deleted on close is deleted by the CLOSE after a reconnect, or when nobody comes
    back.
    """
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, timeout=SHORT, create_options=CreateOptions.DELETE_ON_CLOSE)
    client.leave(other)
    if returns:
        back = client.back()
        answer = handle.reconnect(back)
        check(answer, specification=Status.SUCCESS)
        answer.open.close().required()
    wanted = Status.OBJECT_NAME_NOT_FOUND

    def look() -> Answer:
        answer = other.tree.create(
            handle.file.name, desired_access=STAT, create_disposition=CreateDisposition.OPEN
        )
        if answer.actual is Status.SUCCESS:
            answer.open.close()
        return answer

    gone = lab.eventually(look, lambda one: one.actual is wanted, within=LONG)
    which = "SMB2-3.3.7.1-04" if returns else "SMB2-3.3.5.9.12-24"
    check(gone, requirement=which, specification=wanted)
    check.alive(other.session)


@case(
    "persistent.delete-on-close-of-two",
    requirements=["SMB2-3.3.5.9.12-24"],
    needs=NEEDS,
    answers=["smbtorture:persistent-open.deleteonclose-twice"],
)
def test_the_last_of_two_persistent_handles_deletes(lab: Lab) -> None:
    """Of two handles with delete-on-close one runs out of time; the file goes with the other, which came
    back.
    """
    client, other = arrive(lab), another(lab)
    deleting = CreateOptions.DELETE_ON_CLOSE
    first = persistent(client, timeout=SHORT, create_options=deleting)
    second = persistent(client, Kind.V2_BARE, first.file.name, timeout=20 * SHORT, create_options=deleting)
    client.leave(other)
    lab.pause(2 * SHORT / 1000)
    back = client.back()
    answer = second.reconnect(back)
    check(answer, requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    answer.open.close().required()
    gone = other.tree.create(first.file.name, desired_access=STAT, create_disposition=CreateDisposition.OPEN)
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)
