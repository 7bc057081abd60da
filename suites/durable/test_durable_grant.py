"""Which opens become durable ([MS-SMB2] 3.3.5.9.6, 3.3.5.9.10)."""

from __future__ import annotations

from itertools import product
from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import at_least, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, durable, durable_v2, lease, lease_v1
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, NOT_DURABLE_SHARE, SMB2X, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import (
    DurableHandleResponse,
    DurableHandleResponseV2,
    ResponseLease,
    ResponseLeaseV2,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import EVERYTHING, LEASED, SOME, Client, Handle, Kind
from suites.tree.dialects import DIALECTS, SMB_2, SMB_3

LEVELS: Final = (OplockLevel.NONE, OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH)
STATES: Final = (LeaseState.NONE, R, RH, RW, RWH)
SHARED: Final = tuple(
    read | write | delete
    for read, write, delete in product(
        (ShareAccess.NONE, ShareAccess.READ),
        (ShareAccess.NONE, ShareAccess.WRITE),
        (ShareAccess.NONE, ShareAccess.DELETE),
    )
)
"""Every way of sharing a file."""

LONGEST: Final = 300_000
"""Milliseconds that a server grants at most."""

STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE


@case(
    "durable.v1-by-oplock",
    requirements=["SMB2-3.3.5.9.6-02", "SMB2-3.3.5.9.6-01"],
    needs=[DURABLE_HANDLES],
    variants={"level": LEVELS, "dialect": DIALECTS},
    answers=["smbtorture:durable-open.open-oplock"],
)
def test_version_1_goes_with_batch(lab: Lab, level: OplockLevel) -> None:
    """Of the oplocks only BATCH makes an open durable, however the file is shared."""
    session = lab.logon()
    tree = session.tree()
    for share in SHARED:
        file = tree.open(contexts=[durable()], requested_oplock_level=level, share_access=share)
        check.that(
            file,
            f"durable with {level.name}, shared {share.name}",
            file.context(DurableHandleResponse) is not None,
            requirement="SMB2-3.3.5.9.6-01" if level is OplockLevel.BATCH else None,
            specification=level is OplockLevel.BATCH,
        )
    check.alive(session)


@case(
    "durable.v1-by-lease",
    requirements=["SMB2-3.3.5.9.6-02", "SMB2-3.3.5.9.6-01"],
    needs=[DURABLE_HANDLES, LEASING],
    variants={"state": STATES, "dialect": DIALECTS[1:]},
    answers=["smbtorture:durable-open.open-lease", "ms:DurableHandleV1_WithLeaseV1_WithoutHandleCaching"],
)
def test_version_1_goes_with_handle_caching(lab: Lab, state: LeaseState) -> None:
    """Of the leases of version 1 those with H make an open durable, however the file is shared."""
    session = lab.logon()
    tree = session.tree()
    has_handle = bool(state & LeaseState.HANDLE_CACHING)
    for share in SHARED:
        file = tree.open(contexts=[durable(), lease_v1(lab.guid(), state)], share_access=share)
        check.that(
            file,
            f"durable with {state.name}, shared {share.name}",
            file.context(DurableHandleResponse) is not None,
            requirement="SMB2-3.3.5.9.6-01" if has_handle else None,
            specification=has_handle,
        )
    check.alive(session)


@case(
    "durable.v1-with-lease-v2",
    requirements=["SMB2-3.3.5.9.6-08"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_version_1_with_a_lease_of_version_2(lab: Lab) -> None:
    """Whether a lease of version 2 makes an open durable that asks with the first context is not said."""
    session = lab.logon()
    file = session.tree().open(contexts=[durable(), lease(lab.guid(), RWH)])
    granted = file.context(DurableHandleResponse) is not None
    check.that(file, "durable", granted, specification=False, practice=True)
    check.alive(session)


@case(
    "durable.v2-by-oplock",
    requirements=["SMB2-3.3.5.9.10-08", "SMB2-3.3.5.9.10-09"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"level": LEVELS, "dialect": SMB_3},
    answers=["smbtorture:durable-v2-open.open-oplock"],
)
def test_version_2_goes_with_batch(lab: Lab, level: OplockLevel) -> None:
    """BATCH makes an open durable by version 2, however the file is shared; other levels do so in theory."""
    session = lab.logon()
    tree = session.tree()
    for share in SHARED:
        file = tree.open(contexts=[durable_v2(lab.guid())], requested_oplock_level=level, share_access=share)
        check.that(
            file,
            f"durable with {level.name}, shared {share.name}",
            file.context(DurableHandleResponseV2) is not None,
            requirement=None if level is OplockLevel.BATCH else "SMB2-3.3.5.9.10-09",
            specification=level is OplockLevel.BATCH,
        )
    check.alive(session)


@case(
    "durable.v2-by-lease",
    requirements=["SMB2-3.3.5.9.10-08", "SMB2-3.3.5.9.10-09"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"state": STATES, "version": [1, 2]},
    answers=["smbtorture:durable-v2-open.open-lease", "ms:DurableHandleV2_WithLeaseV2_WithoutHandleCaching"],
)
def test_version_2_goes_with_handle_caching(lab: Lab, state: LeaseState, version: int) -> None:
    """Leases with H make an open durable by version 2, however the file is shared."""
    session = lab.logon()
    tree = session.tree()
    form = lease_v1 if version == 1 else lease
    has_handle = bool(state & LeaseState.HANDLE_CACHING)
    for share in SHARED:
        contexts = [durable_v2(lab.guid()), form(lab.guid(), state)]
        file = tree.open(contexts=contexts, share_access=share)
        check.that(
            file,
            f"durable with {state.name}, shared {share.name}",
            file.context(DurableHandleResponseV2) is not None,
            requirement=None if has_handle else "SMB2-3.3.5.9.10-09",
            specification=has_handle,
        )
    check.alive(session)


@case(
    "durable.not-asked-for",
    requirements=["SMB2-3.3.5.9.7-05"],
    needs=[DURABLE_HANDLES],
    variants={"level": [OplockLevel.NONE, OplockLevel.BATCH]},
    answers=["ms:DurableHandleV1_Reconnect_WithoutDurableHandle"],
)
def test_an_open_that_did_not_ask(lab: Lab, level: OplockLevel) -> None:
    """An open without a durable context is not durable: there is nothing to come back for."""
    client = Client(lab.logon())
    file = client.tree.open(requested_oplock_level=level)
    check.that(file, "durable", file.is_durable, specification=False)
    client.lose()
    back = client.back()
    handle = Handle(Kind.V1_BATCH, file, lab.guid(), lab.guid(), RWH)
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.granted-less",
    requirements=["SMB2-3.3.7.1-06"],
    needs=[DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["ms:DurableHandleV1_WithLeaseV1_WithoutHandleCaching"],
)
def test_an_open_that_got_less_than_it_takes(lab: Lab, kind: Kind) -> None:
    """An open that asks for BATCH or H and gets neither does not outlive its connection."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    name = lab.name()
    other.tree.open(name, share_access=EVERYTHING)
    handle = client.ask(kind, name, state=RW)
    client.leave(other)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.stat-open",
    requirements=["SMB2-3.3.5.9.6-01", "SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
    answers=["smbtorture:durable-open.stat-open"],
)
def test_a_leased_stat_open_is_durable(lab: Lab, kind: Kind) -> None:
    """An open for nothing but attributes gets a durable handle with its lease, and can come back for it."""
    client = Client(lab.logon())
    name = lab.name()
    client.tree.open(name).close().required()
    handle = client.ask(kind, name, state=RH, desired_access=STAT)
    check.that(handle.file, "durable", handle.file.is_durable, specification=True)
    client.lose()
    back = client.back()
    right = kind.right_reconnect
    check(handle.reconnect(back), requirement=right, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.directory-v1",
    requirements=["SMB2-3.3.5.9.6-03"],
    needs=[DURABLE_HANDLES, LEASING],
    variants={"version": [1, 2]},
)
def test_a_directory_is_not_durable_by_version_1(lab: Lab, version: int) -> None:
    """DHnQ has no effect on a directory that is opened with a request for a lease."""
    session = lab.logon()
    form = lease_v1 if version == 1 else lease
    directory = session.tree().directory(contexts=[durable(), form(lab.guid(), RH)])
    check.that(directory, "durable", directory.is_durable, specification=False)
    check.alive(session)


@case(
    "durable.directory-v2",
    requirements=["SMB2-3.3.5.9.10-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_directory_is_not_durable_by_version_2(lab: Lab) -> None:
    """DH2Q has no effect on what is opened with FILE_ATTRIBUTE_DIRECTORY."""
    session = lab.logon()
    directory = session.tree().open(
        contexts=[durable_v2(lab.guid()), lease(lab.guid(), RH)],
        create_options=CreateOptions.DIRECTORY_FILE,
        create_disposition=CreateDisposition.CREATE,
        file_attributes=FileAttributes.DIRECTORY,
    )
    check.that(directory, "durable", directory.is_durable, specification=False)
    check.alive(session)


@case(
    "durable.v2-on-smb2",
    requirements=["SMB2-3.3.5.9.10-07"],
    needs=[SMB2X, DURABLE_HANDLES],
    variants={"dialect": SMB_2},
)
def test_version_2_below_smb_3(lab: Lab) -> None:
    """What DH2Q does over a connection of SMB 2 is not said; to ignore it is natural."""
    session = lab.logon()
    file = session.tree().open(contexts=[durable_v2(lab.guid())], requested_oplock_level=OplockLevel.BATCH)
    check.that(file, "durable", file.is_durable, specification=False)
    check.alive(session)


@case(
    "durable.v2-timeout",
    requirements=["SMB2-3.3.5.9.10-11"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"timeout": [1, 60_000, LONGEST, LONGEST + 1, 0xFFFFFFFF]},
)
def test_the_timeout_asked_for(lab: Lab, timeout: int) -> None:
    """The Timeout that a client asks for is granted up to 300 seconds."""
    session = lab.logon()
    file = session.tree().open(
        contexts=[durable_v2(lab.guid(), timeout=timeout)], requested_oplock_level=OplockLevel.BATCH
    )
    granted = file.durable_v2.timeout if file.durable_v2 else None
    check.that(file, "Timeout", granted, specification=min(timeout, LONGEST), windows_2012=timeout)
    check.alive(session)


@case(
    "durable.v2-timeout-of-the-server",
    requirements=["SMB2-3.3.5.9.10-12"],
    needs=[SMB3, DURABLE_HANDLES],
    answers=["smbtorture:durable-v2-delay.durable_v2_reconnect_delay"],
)
def test_a_timeout_that_the_server_chooses(lab: Lab) -> None:
    """A client that leaves the Timeout to the server gets one with which something can be done."""
    session = lab.logon()
    file = session.tree().open(contexts=[durable_v2(lab.guid())], requested_oplock_level=OplockLevel.BATCH)
    granted = file.durable_v2.timeout if file.durable_v2 else None
    check.that(file, "Timeout", granted, specification=at_least(1), nothing=0)
    check.alive(session)


@case(
    "durable.flags-of-the-response",
    requirements=["SMB2-3.3.5.9.10-14"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": [Kind.V2_BATCH, Kind.V2_LEASE_V2], "persistent": [False, True]},
    answers=["ms:DurableHandleV2_Reconnect_WithoutPersistence"],
)
def test_a_durable_handle_does_not_call_itself_persistent(lab: Lab, kind: Kind, persistent: bool) -> None:
    """On a share that is not continuously available a handle is durable at most, whatever it asks for."""
    session = lab.logon()
    contexts = [durable_v2(lab.guid(), persistent=persistent)]
    contexts += [lease(lab.guid(), RWH)] if kind.lease_version else []
    file = session.tree().open(contexts=contexts, requested_oplock_level=kind.oplock_level)
    check.that(file, "durable", file.is_durable, specification=True)
    check.that(file, "persistent", file.is_persistent, specification=False)
    check.alive(session)


@case(
    "durable.with-lease-response",
    requirements=["SMB2-3.3.5.9.8-01", "SMB2-3.3.5.9.11-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
)
def test_the_lease_comes_beside_the_durable_handle(lab: Lab, kind: Kind) -> None:
    """The response to a durable open has the lease in the version that was asked for."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    form = ResponseLease if kind.lease_version == 1 else ResponseLeaseV2
    which = "SMB2-3.3.5.9.8-01" if kind.lease_version == 1 else "SMB2-3.3.5.9.11-01"
    check.that(
        handle, "form of the lease", type(handle.file.lease) is form, requirement=which, specification=True
    )
    check.that(
        handle,
        "key",
        handle.file.lease and handle.file.lease.lease_key,
        requirement=which,
        specification=handle.lease_key,
    )
    check.that(handle, "state", handle.file.lease_state, requirement=which, specification=RWH)
    check.alive(client.session)


@case(
    "durable.lease-beside-own-open",
    requirements=["SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9.7-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={
        "kind": [Kind.V1_LEASE_V1, Kind.V2_LEASE_V2],
        "first": ["stat", "reads-security", "stat-with-lease"],
    },
    answers=[
        "smbtorture:durable-v2-open.stat-and-lease",
        "smbtorture:durable-v2-open.nonstat-and-lease",
        "smbtorture:durable-v2-open.statRH-and-lease",
    ],
)
def test_a_lease_beside_an_open_of_the_same_client(lab: Lab, kind: Kind, first: str) -> None:
    """Beside a stat open without a lease a client gets RWH, beside any other of its opens RH; the reconnect
    shows the same.
    """
    client = Client(lab.logon())
    name = lab.name()
    client.tree.open(name).close().required()
    access = STAT | AccessMask.FILE_WRITE_ATTRIBUTES
    if first == "reads-security":
        access |= AccessMask.READ_CONTROL
    contexts = [lease(lab.guid(), RH)] if first == "stat-with-lease" else []
    client.tree.open(name, desired_access=access, contexts=contexts)
    handle = client.ask(kind, name)
    which = kind.right_reconnect
    wanted = RWH if first == "stat" else RH
    check.that(handle, "state", handle.file.lease_state, requirement=which, specification=wanted, less=R)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement=which, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check.that(answer, "state", answer.open.lease_state, requirement=which, specification=wanted)
    check.alive(back.session)


@case(
    "durable.not-durable-share",
    requirements=["SMB2-3.3.5.9.6-06"],
    needs=[DURABLE_HANDLES, LEASING, NOT_DURABLE_SHARE],
    variants={"kind": [Kind.V1_BATCH, Kind.V1_LEASE_V1]},
)
def test_a_share_without_durable_handles(lab: Lab, kind: Kind) -> None:
    """On a share that is set up without durable handles the request for one has no effect, and the file is
    opened.
    """
    Client(lab.another_client()).handle(kind)
    client = Client(lab.logon(), ShareRole.NOT_DURABLE)
    handle = client.ask(kind)
    check.that(handle, "durable", handle.file.is_durable, specification=False)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    check(answer, requirement="SMB2-3.3.5.9.7-02", specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)
