"""Persistent handles and a server that stops and starts ([MS-SMB2] 3.3.7.1; state that outlives a server)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, R
from smbtorture_py.conformance.needs import DURABLE_HANDLES, RESTART, SECOND_USER, SMB3
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, ShareAccess
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import Client, Kind, check_data
from suites.persistent.handles import BARE, KINDS, NEEDS, another, arrive, on_ca, persistent

DATA: Final = b"written before the server was restarted"
SHORT: Final = 1000
"""Milliseconds."""
LONG: Final = 4.0
"""Seconds after which what was kept for SHORT is certainly gone."""
STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE


def restart(lab: Lab, *sessions: LabSession) -> None:
    """Stop the server under its clients and start it again."""
    for session in sessions:
        for channel in session.channels:
            channel.ended_on_purpose = True
    lab.control.restart()


@case(
    "persistent.restart",
    requirements=["SMB2-3.3.5.9.10-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
    variants=[
        *({"kind": kind, "state": RWH} for kind in KINDS),
        *({"kind": Kind.V2_LEASE_V2, "state": state} for state in (R, RH)),
    ],
    answers=["ms:Model_PersistentHandle"],
)
def test_a_persistent_handle_survives_a_restart(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """A persistent handle can be reconnected after a restart of the server: same id, lease and data."""
    client = arrive(lab)
    handle = persistent(client, kind, state=state)
    handle.file.write(DATA).required()
    held = handle.file.lease_state
    restart(lab, client.session)
    back = arrive(lab)
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    id_ = handle.file.file_id.persistent
    check.that(answer, "persistent id", answer.open.file_id.persistent, specification=id_)
    check.that(answer, "lease state", answer.open.lease_state, specification=held)
    check_data(answer.open, DATA)
    check.alive(back.session)


@case(
    "persistent.restart-again",
    requirements=["SMB2-3.3.5.9.10-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
    variants={"kind": BARE, "between": [True, False]},
)
def test_a_persistent_handle_survives_two_restarts(lab: Lab, kind: Kind, between: bool) -> None:
    """A persistent handle survives two restarts of the server, whether it came back between them or not."""
    client = arrive(lab)
    handle = persistent(client, kind)
    restart(lab, client.session)
    if between:
        client = arrive(lab)
        handle.adopt(handle.reconnect(client).open)
    restart(lab, client.session)
    back = arrive(lab)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-when-disconnected",
    requirements=["SMB2-3.3.5.9.10-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
    variants={"kind": BARE},
)
def test_a_disconnected_persistent_handle_survives_a_restart(lab: Lab, kind: Kind) -> None:
    """A persistent handle whose client was gone before the restart survives it too."""
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind)
    client.leave(other)
    restart(lab, other.session)
    back = arrive(lab)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-locks",
    requirements=["SMB2-3.3.5.9.12-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
    variants={"kind": BARE},
)
def test_the_locks_of_a_persistent_handle_survive_a_restart(lab: Lab, kind: Kind) -> None:
    """What was locked through a persistent handle is locked after a restart and the reconnect."""
    client = arrive(lab)
    handle = persistent(client, kind, state=R)
    handle.file.lock(0, 10).required()
    restart(lab, client.session)
    back, other = arrive(lab), another(lab)
    file = handle.reconnect(back).open
    rival = other.tree.open(handle.file.name)
    check(rival.lock(5, 1), specification=Status.LOCK_NOT_GRANTED)
    check(file.unlock(0, 10), specification=Status.SUCCESS)
    check(rival.lock(5, 1), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-not-available",
    requirements=["SMB2-3.3.5.9-22"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
)
def test_a_file_is_not_available_after_a_restart(lab: Lab) -> None:
    """After a restart the file of a persistent handle is available to nobody else until the reconnect."""
    client = arrive(lab)
    handle = persistent(client)
    restart(lab, client.session)
    other = another(lab)
    check(other.tree.create(handle.file.name), specification=Status.FILE_NOT_AVAILABLE)
    back = arrive(lab)
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.10-23", specification=Status.SUCCESS)
    check(other.tree.create(handle.file.name), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-sharing",
    requirements=["SMB2-3.3.5.9.10-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
)
def test_the_sharing_of_a_persistent_handle_survives_a_restart(lab: Lab) -> None:
    """After a restart and the reconnect a handle shares its file as it did before, and has the access it
    had.
    """
    client = arrive(lab)
    name = lab.name()
    client.tree.open(name).close().required()
    access = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES
    handle = persistent(client, Kind.V2_BARE, name, share_access=ShareAccess.READ, desired_access=access)
    restart(lab, client.session)
    back, other = arrive(lab), another(lab)
    file = handle.reconnect(back).open
    check(other.tree.create(name), specification=Status.SHARING_VIOLATION)
    check(file.write(DATA), specification=Status.ACCESS_DENIED)
    check(file.read(), specification=Status.END_OF_FILE)
    check.alive(back.session)


@case(
    "persistent.restart-user",
    requirements=["SMB2-3.3.5.9.12-18"],
    needs=[*NEEDS, RESTART, SECOND_USER],
    disturbs=Disturbance.RESTART,
)
def test_the_owner_of_a_persistent_handle_survives_a_restart(lab: Lab) -> None:
    """After a restart, too, a persistent handle is its owner's."""
    client = arrive(lab)
    handle = persistent(client)
    restart(lab, client.session)
    thief = on_ca(lab.logon(lab.second_user))
    check(handle.reconnect(thief), specification=Status.ACCESS_DENIED)
    back = arrive(lab)
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.10-23", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-mismatch",
    requirements=["SMB2-3.3.5.9.12-05", "SMB2-3.3.5.9.12-12", "SMB2-3.3.5.9.12-07"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
    variants={"what": ["guid", "key", "client"]},
)
def test_what_a_reconnect_must_name_survives_a_restart(lab: Lab, what: str) -> None:
    """After a restart CreateGuid, lease key and ClientGuid of a persistent handle are compared as before."""
    client = arrive(lab)
    handle = persistent(client, Kind.V2_LEASE_V2)
    restart(lab, client.session)
    back = another(lab) if what == "client" else arrive(lab)
    guid = lab.guid() if what == "guid" else None
    key = lab.guid() if what == "key" else None
    answer = handle.reconnect(back, contexts=[handle.durable(create_guid=guid), handle.lease(key=key)])
    which = {"guid": "SMB2-3.3.5.9.12-05", "key": "SMB2-3.3.5.9.12-12", "client": "SMB2-3.3.5.9.12-07"}[what]
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    owner = arrive(lab)
    check(handle.reconnect(owner), requirement="SMB2-3.3.5.9.10-23", specification=Status.SUCCESS)
    check.alive(owner.session)


@case(
    "persistent.restart-time",
    requirements=["SMB2-3.3.6.2-02"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
)
def test_the_time_of_a_persistent_handle_ends_after_a_restart(lab: Lab) -> None:
    """A persistent handle that nobody comes back for after a restart is gone some time later."""
    client = arrive(lab)
    handle = persistent(client, timeout=SHORT)
    restart(lab, client.session)
    other = another(lab)
    opening = lab.eventually(
        lambda: other.tree.create(handle.file.name),
        lambda answer: answer.actual is Status.SUCCESS,
        within=LONG,
    )
    check(opening, specification=Status.SUCCESS)
    back = arrive(lab)
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.restart-delete-on-close",
    requirements=["SMB2-3.3.5.9.10-23"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
)
def test_delete_on_close_survives_a_restart(lab: Lab) -> None:
    """A file that is to be deleted on close outlives a restart, and goes with the reconnected handle."""
    client = arrive(lab)
    handle = persistent(client, create_options=CreateOptions.DELETE_ON_CLOSE)
    restart(lab, client.session)
    back = arrive(lab)
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    answer.open.close().required()
    gone = back.tree.create(handle.file.name, desired_access=STAT, create_disposition=CreateDisposition.OPEN)
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "persistent.restart-closed",
    requirements=["SMB2-3.3.5.9.12-04"],
    needs=[*NEEDS, RESTART],
    disturbs=Disturbance.RESTART,
)
def test_a_closed_persistent_handle_stays_closed(lab: Lab) -> None:
    """A persistent handle that was closed before a restart is closed after it, and its file is available."""
    client = arrive(lab)
    handle = persistent(client)
    handle.file.close().required()
    restart(lab, client.session)
    back, other = arrive(lab), another(lab)
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check(other.tree.create(handle.file.name), requirement="SMB2-3.3.5.9-22", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "persistent.restart-durable",
    requirements=["SMB2-3.3.5.9.10-24"],
    needs=[SMB3, DURABLE_HANDLES, RESTART],
    disturbs=Disturbance.RESTART,
    variants={"kind": [Kind.V1_BATCH, Kind.V2_BATCH]},
)
def test_a_durable_handle_and_a_restart(lab: Lab, kind: Kind) -> None:
    """Whether a merely durable handle survives a restart of the server is not said; mostly it does not."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    restart(lab, client.session)
    back = Client(lab.logon())
    answer = handle.reconnect(back)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND, survives=Status.SUCCESS)
    check.alive(back.session)
