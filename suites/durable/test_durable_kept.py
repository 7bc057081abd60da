"""What a disconnected durable handle outlives, and what it gives way to ([MS-SMB2] 3.3.4.6, 3.3.4.7)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import CreateArguments, Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, lease
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, SMB3
from smbtorture_py.wire.create import AccessMask, CreateDisposition, OplockLevel, ShareAccess
from smbtorture_py.wire.fscc.file_information import (
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileRenameInformation,
)
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import BATCH, LEASED, SOME, Client, Handle, Kind

STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
READ: Final = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES


def check_kept(handle: Handle, client: Client, requirement: str) -> None:
    """The client comes back and gets its handle."""
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement=requirement, specification=Status.SUCCESS, purged=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


def check_gone(handle: Handle, client: Client, requirement: str) -> None:
    """The client comes back and its handle is gone."""
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement=requirement, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


def touch(handle: Handle, other: Client, what: str, name: str) -> None:
    """Have another client, which has the file open with RH, do something to it that RH cannot stand."""
    file = other.tree.open(handle.file.name, contexts=[lease(other.lab.guid(), RH)])
    if what == "write":
        file.write(b"something else").required()
    elif what == "size":
        file.set_file(FileEndOfFileInformation(end_of_file=1)).required()
    elif what == "lock":
        file.lock().required()
    elif what == "rename":
        file.set_file(FileRenameInformation(file_name=name)).required()
    else:
        file.set_file(FileDispositionInformation()).required()


@case(
    "durable.kept-beside-stat-open",
    requirements=["SMB2-3.3.4.6-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants=[
        *({"kind": kind, "state": RWH} for kind in SOME),
        *({"kind": kind, "state": RH} for kind in LEASED),
    ],
    answers=[
        "smbtorture:durable-v2-open.keep-disconnected-rh-with-stat-open",
        "smbtorture:durable-v2-open.keep-disconnected-rwh-with-stat-open",
    ],
)
def test_a_stat_open_leaves_it_alone(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """Another client that opens for attributes alone does not end a disconnected durable handle."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=state)
    client.leave(other)
    opening = other.tree.create(handle.file.name, desired_access=STAT)
    check(opening, specification=Status.SUCCESS)
    check_kept(handle, client, "SMB2-3.3.4.6-02")


@case(
    "durable.kept-beside-compatible-open",
    requirements=["SMB2-3.3.4.6-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "asks": [LeaseState.NONE, RH, RWH]},
    answers=[
        "smbtorture:durable-v2-open.keep-disconnected-rh-with-rh-open",
        "smbtorture:durable-v2-open.keep-disconnected-rh-with-rwh-open",
    ],
)
def test_an_open_beside_rh_leaves_it_alone(lab: Lab, kind: Kind, asks: LeaseState) -> None:
    """Another client that opens the file in a compatible way does not end a disconnected handle with RH."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=RH)
    client.leave(other)
    contexts = [lease(lab.guid(), asks)] if asks else []
    opening = other.tree.create(handle.file.name, contexts=contexts)
    check(opening, specification=Status.SUCCESS)
    if asks:
        check.that(opening, "state", opening.open.lease_state, specification=RH, purged=RWH)
    check_kept(handle, client, "SMB2-3.3.4.6-02")


@case(
    "durable.gives-way-to-open",
    requirements=["SMB2-3.3.4.6-01"],
    needs=[DURABLE_HANDLES],
    variants={"kind": BATCH, "asks": [OplockLevel.NONE, OplockLevel.BATCH]},
    answers=["smbtorture:durable-open.oplock", "smbtorture:durable-open.open2-oplock"],
)
def test_an_open_ends_batch(lab: Lab, kind: Kind, asks: OplockLevel) -> None:
    """Another client that opens the file of a disconnected batch oplock gets it at once, and the handle is
    gone.
    """
    lab.need(SMB3)
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    client.leave(other)
    opening = other.tree.create(handle.file.name, requested_oplock_level=asks)
    check(opening, specification=Status.SUCCESS)
    level = opening.open.oplock_level
    check.that(opening, "level", level, specification=asks)
    check_gone(handle, client, "SMB2-3.3.4.6-01")


@case(
    "durable.gives-way-to-sharing-nothing",
    requirements=["SMB2-3.3.4.7-08", "SMB2-3.3.4.6-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants=[
        *({"kind": kind, "state": RWH, "holder": "shares"} for kind in SOME),
        *({"kind": kind, "state": RH, "holder": "shares"} for kind in LEASED),
        *({"kind": kind, "state": RH, "holder": "shares-nothing"} for kind in SOME),
    ],
    answers=["smbtorture:durable-v2-open.purge-disconnected-rh-with-share-none-open"],
)
def test_a_conflict_of_sharing_ends_it(lab: Lab, kind: Kind, state: LeaseState, holder: str) -> None:
    """Another client's open that a disconnected durable handle is in the way of succeeds, and the handle is
    gone.
    """
    client, other = Client(lab.logon()), Client(lab.another_client())
    sharing = CreateArguments(share_access=ShareAccess.NONE)
    handle = client.handle(kind, state=state, **(sharing if holder == "shares-nothing" else {}))
    client.leave(other)
    asked = sharing if holder == "shares" else {}
    opening = other.tree.create(handle.file.name, **asked)
    which = "SMB2-3.3.4.7-08" if kind.lease_version else "SMB2-3.3.4.6-01"
    check(opening, requirement=which, specification=Status.SUCCESS)
    check_gone(handle, client, which)


@case(
    "durable.write-caching-gives-way",
    requirements=["SMB2-3.3.4.7-13", "SMB2-3.3.5.9.12-25"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "asks": [LeaseState.NONE, RH, RWH]},
    answers=[
        "smbtorture:durable-open.lease",
        "smbtorture:durable-open.open2-lease",
        "smbtorture:durable-v2-open.purge-disconnected-rwh-with-rwh-open",
        "smbtorture:durable-v2-open.purge-disconnected-rwh-with-rh-open",
    ],
)
def test_an_open_beside_rwh_goes_on(lab: Lab, kind: Kind, asks: LeaseState) -> None:
    """Another client's open does not wait for a disconnected handle with RWH; what becomes of that is not
    clear.
    """
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    client.leave(other)
    contexts = [lease(lab.guid(), asks)] if asks else []
    opening = other.tree.create(handle.file.name, contexts=contexts)
    check(opening, specification=Status.SUCCESS)
    back = client.back()
    answer = handle.reconnect(back)
    unclear = "SMB2-3.3.5.9.12-25"
    check(answer, requirement=unclear, practice=Status.OBJECT_NAME_NOT_FOUND, kept=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.gives-way-to-change",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "what": ["write", "size", "lock", "rename", "delete"]},
    answers=[
        "smbtorture:durable-v2-open.purge-disconnected-rh-with-write",
        "smbtorture:durable-v2-open.purge-disconnected-rh-with-rename",
    ],
)
def test_a_change_ends_it(lab: Lab, kind: Kind, what: str) -> None:
    """Another client's write, change of size, lock, renaming or deletion goes on at once, and ends a
    disconnected handle with RH.
    """
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=RH)
    handle.file.write(b"what others may lock").required()
    client.leave(other)
    name = lab.name("renamed")
    touch(handle, other, what, name)
    back = client.back()
    answer = handle.reconnect(back, name if what == "rename" else None)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.gives-way-to-overwriting",
    requirements=["SMB2-3.3.4.7-08", "SMB2-3.3.4.6-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants=[
        *({"kind": kind, "state": RWH} for kind in SOME),
        *({"kind": kind, "state": RH} for kind in LEASED),
    ],
)
def test_overwriting_ends_it(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """Another client that opens the file to overwrite it goes on at once and ends a disconnected handle."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=state)
    client.leave(other)
    opening = other.tree.create(handle.file.name, create_disposition=CreateDisposition.OVERWRITE)
    which = "SMB2-3.3.4.7-08" if kind.lease_version else "SMB2-3.3.4.6-01"
    check(opening, requirement=which, specification=Status.SUCCESS)
    check_gone(handle, client, which)


@case(
    "durable.kept-beside-reading",
    requirements=["SMB2-3.3.4.6-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
)
def test_reading_leaves_it_alone(lab: Lab, kind: Kind) -> None:
    """Another client that only reads the file does not end a disconnected handle with RH."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=RH)
    handle.file.write(b"to be read").required()
    client.leave(other)
    file = other.tree.open(handle.file.name, desired_access=READ)
    check(file.read(), specification=Status.SUCCESS)
    check_kept(handle, client, "SMB2-3.3.4.6-02")


@case(
    "durable.kept-beside-own-lease",
    requirements=["SMB2-3.3.4.6-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "state": [RH, RWH]},
)
def test_the_own_lease_does_not_break(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """The client's own open with the same lease key does not end its disconnected handle."""
    client = Client(lab.logon())
    handle = client.handle(kind, state=state)
    client.lose()
    back = client.back()
    opening = back.tree.create(handle.file.name, contexts=[handle.lease()])
    check(opening, specification=Status.SUCCESS)
    check.that(opening, "state", opening.open.lease_state, specification=state)
    check(handle.reconnect(back), specification=Status.SUCCESS, purged=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.one-of-two-gives-way",
    requirements=["SMB2-3.3.4.7-08"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
    answers=["smbtorture:durable-v2-open.purge-disconnected-rh-with-write"],
)
def test_a_connected_holder_is_asked_and_a_disconnected_one_is_not(lab: Lab, kind: Kind) -> None:
    """Of two holders of RH a write breaks the lease of the connected one and ends the handle of the other."""
    client, other, writer = Client(lab.logon()), Client(lab.another_client()), Client(lab.another_client())
    handle = client.handle(kind, state=RH)
    held = other.tree.open(handle.file.name, contexts=[lease(lab.guid(), RH)])
    file = writer.tree.open(handle.file.name)
    client.leave(other)
    file.write(b"for both").required()
    broken = other.session.wait_lease_break()
    check.that(other.session, "a break arrives", broken.arrived, specification=True)
    check.that(other.session, "its state", broken.body.new_lease_state, specification=LeaseState.NONE)
    held.acknowledge_lease(LeaseState.NONE).required()
    check_gone(handle, client, "SMB2-3.3.4.7-08")
