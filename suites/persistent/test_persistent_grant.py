"""Which opens become persistent ([MS-SMB2] 3.3.5.9.10)."""

from __future__ import annotations

from itertools import product
from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, durable_v2, lease
from smbtorture_py.conformance.needs import DURABLE_HANDLES, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.status import Status
from suites.durable.handles import Kind
from suites.persistent.handles import KINDS, NEEDS, arrive
from suites.tree.dialects import SMB_3

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
WITHOUT: Final = (
    Capabilities.DFS
    | Capabilities.LEASING
    | Capabilities.LARGE_MTU
    | Capabilities.MULTI_CHANNEL
    | Capabilities.DIRECTORY_LEASING
    | Capabilities.ENCRYPTION
)
"""All that a client can offer but PERSISTENT_HANDLES."""


@case(
    "persistent.by-oplock",
    requirements=["SMB2-3.3.5.9.10-13", "SMB2-3.3.5.9.10-15"],
    needs=NEEDS,
    variants={"level": LEVELS, "dialect": SMB_3},
    answers=["smbtorture:durable-v2-open.persistent-open-oplock", "ms:Model_PersistentHandle"],
)
def test_a_persistent_handle_needs_no_oplock(lab: Lab, level: OplockLevel) -> None:
    """On a continuously available share an open becomes persistent whatever its oplock and sharing."""
    client = arrive(lab)
    which = "SMB2-3.3.5.9.10-15" if level is OplockLevel.NONE else None
    for share in SHARED:
        contexts = [durable_v2(lab.guid(), persistent=True)]
        file = client.tree.open(contexts=contexts, requested_oplock_level=level, share_access=share)
        check.that(
            file,
            f"persistent with {level.name}, shared {share.name}",
            file.is_persistent,
            requirement=which,
            specification=True,
            not_with_an_oplock=False,
        )
    check.alive(client.session)


@case(
    "persistent.by-lease",
    requirements=["SMB2-3.3.5.9.10-13"],
    needs=NEEDS,
    variants={"state": STATES},
    answers=[
        "smbtorture:durable-v2-open.persistent-open-lease",
        "smbtorture:persistent-open.leaselevels",
        "smbtorture:persistent-open.leaselevels_fo",
        "smbtorture:persistent-open.leaselevels_fo_max_rwh",
        "smbtorture:persistent-open.leaselevels_so",
        "ms:Model_PersistentHandle",
    ],
)
def test_a_persistent_handle_needs_no_lease(lab: Lab, state: LeaseState) -> None:
    """On a continuously available share an open becomes persistent whatever its lease and sharing."""
    client = arrive(lab)
    for share in SHARED:
        contexts = [durable_v2(lab.guid(), persistent=True), lease(lab.guid(), state)]
        file = client.tree.open(contexts=contexts, share_access=share)
        what = f"persistent with {state.name}, shared {share.name}"
        check.that(file, what, file.is_persistent, specification=True)
    check.alive(client.session)


@case(
    "persistent.not-asked-for",
    requirements=["SMB2-3.3.5.9.10-13"],
    needs=NEEDS,
    variants={"kind": KINDS},
)
def test_a_persistent_handle_must_be_asked_for(lab: Lab, kind: Kind) -> None:
    """On a continuously available share an open that does not ask for it is not persistent."""
    client = arrive(lab)
    handle = client.ask(kind)
    check.that(handle, "persistent", handle.file.is_persistent, specification=False)
    check.alive(client.session)


@case(
    "persistent.ordinary-share",
    requirements=["SMB2-3.3.5.9.10-14"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"dialect": SMB_3, "level": [OplockLevel.NONE, OplockLevel.II]},
    answers=[
        "smbtorture:durable-v2-open.persistent-open-oplock",
        "smbtorture:durable-v2-open.persistent-open-lease",
        "ms:DurableHandleV2_NoPersistenceGrantedOnNonCAShare",
    ],
)
def test_no_persistence_on_an_ordinary_share(lab: Lab, level: OplockLevel) -> None:
    """On a share that is not continuously available an open without BATCH that asks for a persistent handle
    gets no handle of the kind, and succeeds.
    """
    session = lab.logon()
    contexts = [durable_v2(lab.guid(), persistent=True)]
    answer = session.tree().create(contexts=contexts, requested_oplock_level=level)
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "persistent", answer.open.is_persistent, specification=False)
    check.that(answer, "durable", answer.open.is_durable, specification=False)
    check.alive(session)


@case(
    "persistent.capability-not-negotiated",
    requirements=["SMB2-3.3.5.9.10-14"],
    needs=NEEDS,
    variants={"dialect": SMB_3, "kind": [Kind.V2_BARE, Kind.V2_BATCH]},
    answers=["ms:Model_PersistentHandle"],
)
def test_no_persistence_without_the_capability(lab: Lab, kind: Kind) -> None:
    """A client that did not offer PERSISTENT_HANDLES gets a durable handle at most."""
    session = lab.logon(offer={"capabilities": WITHOUT})
    tree = session.tree(ShareRole.CONTINUOUSLY_AVAILABLE)
    contexts = [durable_v2(lab.guid(), persistent=True)]
    file = tree.open(contexts=contexts, requested_oplock_level=kind.oplock_level)
    check.that(file, "persistent", file.is_persistent, specification=False)
    check.that(file, "durable", file.is_durable, specification=kind is Kind.V2_BATCH)
    check.alive(session)


@case("persistent.directory", requirements=["SMB2-3.3.5.9.10-13"], needs=NEEDS)
def test_a_directory_can_be_persistent(lab: Lab) -> None:
    """A directory that is opened without FILE_ATTRIBUTE_DIRECTORY becomes persistent as a file does."""
    client = arrive(lab)
    directory = client.tree.directory(contexts=[durable_v2(lab.guid(), persistent=True)])
    check.that(directory, "persistent", directory.is_persistent, specification=True)
    check.alive(client.session)


@case("persistent.directory-attribute", requirements=["SMB2-3.3.5.9.10-10"], needs=NEEDS)
def test_the_directory_attribute_excludes_persistence(lab: Lab) -> None:
    """What is opened with FILE_ATTRIBUTE_DIRECTORY does not become persistent."""
    client = arrive(lab)
    directory = client.tree.open(
        contexts=[durable_v2(lab.guid(), persistent=True)],
        create_options=CreateOptions.DIRECTORY_FILE,
        create_disposition=CreateDisposition.CREATE,
        file_attributes=FileAttributes.DIRECTORY,
    )
    check.that(directory, "persistent", directory.is_persistent, specification=False, samba=True)
    check.alive(client.session)


@case(
    "persistent.timeout",
    requirements=["SMB2-3.3.5.9.10-11"],
    needs=NEEDS,
    variants={"timeout": [1, 5_000, 300_000, 300_001]},
    answers=["smbtorture:persistent-open.timeout_5"],
)
def test_the_timeout_of_a_persistent_handle(lab: Lab, timeout: int) -> None:
    """The Timeout that is asked for with a persistent handle is granted up to 300 seconds."""
    client = arrive(lab)
    file = client.tree.open(contexts=[durable_v2(lab.guid(), timeout=timeout, persistent=True)])
    granted = file.durable_v2.timeout if file.durable_v2 else None
    check.that(file, "Timeout", granted, specification=min(timeout, 300_000), windows_2012=timeout)
    check.alive(client.session)
