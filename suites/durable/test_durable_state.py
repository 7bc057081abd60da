"""What a durable handle keeps while it is disconnected: locks, sizes, position, deletion, access."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, SMB3
from smbtorture_py.wire.create import AccessMask, CreateAction, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.create_contexts import AllocationSize
from smbtorture_py.wire.fscc.file_information import (
    FileBasicInformation,
    FileDispositionInformation,
    FileEndOfFileInformation,
    FilePositionInformation,
    FileRenameInformation,
    FileStandardInformation,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status
from suites.durable.handles import SOME, Client, Kind

POSITION: Final = 0x1000
BIG: Final = 0x100000
CYCLES: Final = 3
STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
READ: Final = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES


@case(
    "durable.locks",
    requirements=["SMB2-3.3.5.9.12-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "exclusive": [True, False]},
    answers=[
        "smbtorture:durable-open.lock-oplock",
        "smbtorture:durable-open.lock-lease",
        "smbtorture:durable-v2-open.lock-oplock",
        "smbtorture:durable-v2-open.lock-lease",
    ],
)
def test_locks_survive(lab: Lab, kind: Kind, exclusive: bool) -> None:
    """What was locked through a durable handle is locked after the reconnect, and can be unlocked."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    handle.file.lock(exclusive=exclusive).required()
    client.lose()
    back = client.back()
    file = handle.reconnect(back).open
    handle.adopt(file)
    opening = other.tree.create(file.name, wait=False)
    if kind.lease_version:
        back.session.wait_lease_break().required()
        file.acknowledge_lease(RH).required()
    else:
        back.session.wait_oplock_break().required()
        file.acknowledge_oplock(OplockLevel.II).required()
    opening.wait().required()
    rival = opening.open
    check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(file.unlock(), specification=Status.SUCCESS)
    check(rival.lock(), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.locks-without-write-caching",
    requirements=["SMB2-3.3.7.1-04", "SMB2-3.3.5.9.12-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V1_LEASE_V1, Kind.V2_LEASE_V2]},
    answers=["smbtorture:durable-open.lock-noW-lease", "smbtorture:durable-v2-open.lock-noW-lease"],
)
def test_locks_beside_rh(lab: Lab, kind: Kind) -> None:
    """A durable handle with RH and a lock survives by the text; products do not keep it."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, state=RH)
    rival = other.tree.open(handle.file.name)
    handle.file.lock().required()
    client.leave(other)
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS, windows_and_samba=Status.OBJECT_NAME_NOT_FOUND)
    check(rival.lock(), requirement="SMB2-3.3.5.9.12-23", specification=Status.LOCK_NOT_GRANTED)
    check.alive(back.session)


@case(
    "durable.delete-on-close",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["smbtorture:durable-open.delete_on_close1", "smbtorture:durable-open.delete_on_close2"],
)
def test_delete_on_close_waits_for_the_reconnect(lab: Lab, kind: Kind) -> None:
    """A durable handle with delete-on-close comes back with its file, and its CLOSE deletes that."""
    client = Client(lab.logon())
    handle = client.handle(kind, create_options=CreateOptions.DELETE_ON_CLOSE)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS, samba=Status.OBJECT_NAME_NOT_FOUND)
    answer.open.close().required()
    gone = back.tree.create(handle.file.name, create_disposition=CreateDisposition.OPEN)
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.delete-pending",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_pending_deletion_waits_for_the_reconnect(lab: Lab, kind: Kind) -> None:
    """A durable handle whose file is to be deleted comes back, and its CLOSE deletes the file."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.set_file(FileDispositionInformation()).required()
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, specification=Status.SUCCESS, samba=Status.OBJECT_NAME_NOT_FOUND)
    answer.open.close().required()
    gone = back.tree.create(handle.file.name, create_disposition=CreateDisposition.OPEN)
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.delete-on-close-and-another-name",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V1_LEASE_V1, Kind.V2_LEASE_V2]},
)
def test_the_name_of_a_file_that_will_be_deleted_does_not_matter(lab: Lab, kind: Kind) -> None:
    """The name is not compared for a lease whose file was opened to be deleted on close."""
    client = Client(lab.logon())
    handle = client.handle(kind, create_options=CreateOptions.DELETE_ON_CLOSE)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back, lab.name("another"))
    check(
        answer,
        requirement=kind.right_reconnect,
        specification=Status.SUCCESS,
        samba=Status.OBJECT_NAME_NOT_FOUND,
    )
    check.alive(back.session)


@case(
    "durable.position",
    requirements=["SMB2-3.3.5.9.12-26"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": [Kind.V1_BATCH, Kind.V2_BATCH]},
    answers=["smbtorture:durable-open.file-position"],
)
def test_the_position_survives(lab: Lab, kind: Kind) -> None:
    """The current position of a durable handle is told after the reconnect as before."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.set_file(FilePositionInformation(current_byte_offset=POSITION)).required()
    before = handle.file.query_file(FilePositionInformation).current_byte_offset
    client.lose()
    back = client.back()
    file = handle.reconnect(back).open
    position = file.query_file(FilePositionInformation).current_byte_offset
    check.that(file, "position", position, specification=before)
    check.alive(back.session)


@case(
    "durable.sizes",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "allocation": [0, BIG]},
    answers=["smbtorture:durable-open.alloc-size"],
)
def test_sizes_survive(lab: Lab, kind: Kind, allocation: int) -> None:
    """The end of the file and its allocation are the same after each of several reconnects."""
    client = Client(lab.logon())
    contexts = [AllocationSize(allocation_size=allocation).envelope()] if allocation else []
    handle = client.handle(kind, contexts=contexts)
    for cycle in range(CYCLES):
        handle.file.write(b"longer", BIG * cycle).required()
        handle.file.flush().required()
        before = handle.file.query_file(FileStandardInformation)
        client.lose()
        client = client.back()
        file = handle.adopt(handle.reconnect(client).open).file
        which, told = kind.right_reconnect, file.core.response
        size, space = before.end_of_file, before.allocation_size
        check.that(file, "EndofFile", told.end_of_file, requirement=which, specification=size)
        check.that(file, "AllocationSize", told.allocation_size, requirement=which, specification=space)
        after = file.query_file(FileStandardInformation)
        check.that(file, "end of file", after.end_of_file, requirement=which, specification=size)
    check.alive(client.session)


@case(
    "durable.size-changed",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["smbtorture:durable-v2-open.durable-v2-setinfo"],
)
def test_a_file_that_was_made_longer_comes_back(lab: Lab, kind: Kind) -> None:
    """A durable handle comes back after its file was made longer, with the new size."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.set_file(FileEndOfFileInformation(end_of_file=BIG)).required()
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement=kind.right_reconnect, specification=Status.SUCCESS)
    check.field(answer, "end_of_file", requirement=kind.right_reconnect, specification=BIG)
    check.alive(back.session)


@case(
    "durable.read-only-file",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["smbtorture:durable-open.read-only"],
)
def test_a_new_read_only_file_can_be_written(lab: Lab, kind: Kind) -> None:
    """A handle that may write, since it made a read-only file, may still do so after the reconnect."""
    client = Client(lab.logon())
    handle = client.handle(kind, file_attributes=FileAttributes.READONLY)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement=kind.right_reconnect, specification=Status.SUCCESS)
    check(answer.open.write(b"allowed"), requirement=kind.right_reconnect, specification=Status.SUCCESS)
    attributes = answer.open.query_file(FileBasicInformation).file_attributes
    is_read_only = bool(attributes & FileAttributes.READONLY)
    check.that(answer, "read-only", is_read_only, requirement=kind.right_reconnect, specification=True)
    check.alive(back.session)


@case(
    "durable.access-is-kept",
    requirements=["SMB2-3.3.5.9.12-22"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_reconnect_gains_no_access(lab: Lab, kind: Kind) -> None:
    """A handle that may only read may only read after a reconnect that asks for more."""
    client = Client(lab.logon())
    name = lab.name()
    client.tree.open(name).close().required()
    handle = client.handle(kind, name, desired_access=READ)
    client.lose()
    back = client.back()
    file = handle.reconnect(back).open
    check(file.read(), specification=Status.END_OF_FILE)
    check(file.write(b"too much"), specification=Status.ACCESS_DENIED)
    check.alive(back.session)


@case(
    "durable.action-of-a-reconnect",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": [Kind.V1_BATCH, Kind.V2_BATCH], "existed": [True, False]},
)
def test_the_action_of_a_reconnect(lab: Lab, kind: Kind, existed: bool) -> None:
    """The response to a reconnect has the file's size and attributes and says that it was opened, or what the
    first CREATE did.
    """
    client = Client(lab.logon())
    name = lab.name()
    if existed:
        client.tree.open(name).close().required()
    handle = client.handle(kind, name)
    handle.file.write(b"four").required()
    client.lose()
    back = client.back()
    answer = handle.reconnect(back).required()
    size, action = len(b"four"), handle.file.core.response.create_action
    check.field(answer, "end_of_file", requirement=kind.right_reconnect, specification=size)
    check.field(
        answer,
        "create_action",
        requirement=kind.right_reconnect,
        specification=CreateAction.OPENED,
        permitted_first_action=action,
    )
    check.alive(back.session)


@case(
    "durable.renamed",
    requirements=["SMB2-3.3.5.9.7-08", "SMB2-3.3.5.9.12-17"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V1_LEASE_V1, Kind.V2_LEASE_V2], "name": ["new", "old"]},
)
def test_a_file_that_its_client_has_renamed(lab: Lab, kind: Kind, name: str) -> None:
    """After its client has renamed the file, a leased handle comes back under the new name and not under the
    old one.
    """
    client = Client(lab.logon())
    handle = client.handle(kind)
    new = lab.name("new")
    handle.file.set_file(FileRenameInformation(file_name=new)).required()
    client.lose()
    back = client.back()
    which = "SMB2-3.3.5.9.7-08" if kind.version == 1 else "SMB2-3.3.5.9.12-17"
    answer = handle.reconnect(back, new if name == "new" else None)
    wanted = Status.SUCCESS if name == "new" else Status.INVALID_PARAMETER
    check(answer, requirement=which, specification=wanted)
    check.alive(back.session)
