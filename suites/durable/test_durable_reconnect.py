"""Coming back for a durable handle ([MS-SMB2] 3.3.5.9.7, 3.3.5.9.12)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, check
from smbtorture_py.conformance.lab import CreateArguments, Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, R, durable, durable_v2, lease
from smbtorture_py.conformance.needs import (
    BLACKHOLE,
    DIRECTORY_LEASING,
    DURABLE_HANDLES,
    ENCRYPTED_SHARE,
    LEASING,
    MULTI_CHANNEL,
    SMB3,
)
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import (
    AccessMask,
    CreateDisposition,
    CreateOptions,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import (
    DurableHandleResponse,
    QueryMaximalAccessRequest,
    ResponseLease,
    ResponseLeaseV2,
)
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.status import Status
from suites.bind.losses import HARM, NOTICED, SILENT
from suites.durable.handles import BATCH, KINDS, LEASED, SOME, Client, Handle, Kind, check_data
from suites.tree.dialects import DIALECTS, SMB_2, SMB_3

DATA: Final = b"written before the connection was lost"
SEVERAL: Final = 5


def check_reconnected(handle: Handle, back: Client, name: str | None = None) -> Handle:
    """The reconnect of a handle succeeds and what was written through it is there."""
    answer = handle.reconnect(back, name)
    which = handle.kind.right_reconnect
    check(answer, requirement=which, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    return handle.adopt(answer.open)


@case(
    "durable.reconnect",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02", "SMB2-3.3.7.1-04"],
    needs=[DURABLE_HANDLES],
    variants=[
        *({"kind": Kind.V1_BATCH, "dialect": one} for one in DIALECTS),
        *({"kind": Kind.V1_LEASE_V1, "dialect": one} for one in DIALECTS[1:]),
        *({"kind": kind, "dialect": one} for kind in KINDS if kind.version != 1 for one in SMB_3),
    ],
    answers=[
        "ms:BVT_DurableHandleV1_Reconnect_WithBatchOplock",
        "ms:BVT_DurableHandleV1_Reconnect_WithLeaseV1",
        "ms:DurableHandleV2_Reconnect_WithoutPersistence",
        "ms:BVT_DurableHandleV2_Reconnect_WithBatchOplock",
        "ms:BVT_DurableHandleV2_Reconnect_WithLeaseV1",
        "ms:Model_DurableHandleReconnect",
    ],
)
def test_a_durable_handle_comes_back(lab: Lab, kind: Kind) -> None:
    """A durable handle survives the loss of its connection: same persistent id, oplock or lease, and data."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.write(DATA).required()
    before = handle.file
    client.lose()
    back = client.back()
    file = check_reconnected(handle, back).file
    which = kind.right_reconnect
    check.that(
        file,
        "persistent id",
        file.file_id.persistent,
        requirement=which,
        specification=before.file_id.persistent,
    )
    check.that(file, "oplock level", file.oplock_level, requirement=which, specification=before.oplock_level)
    check.that(file, "lease state", file.lease_state, requirement=which, specification=before.lease_state)
    check_data(file, DATA, requirement=which)
    check(file.write(DATA), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-after-fault",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"fault": NOTICED, "kind": SOME},
)
def test_a_durable_handle_survives_every_end_of_a_connection(lab: Lab, fault: FaultKind, kind: Kind) -> None:
    """However its connection ends, a durable handle can be reconnected."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    back = client.back_after(fault, handle)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-after-silence",
    requirements=["SMB2-3.3.5.5.3-30", "SMB2-3.3.7.1-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, BLACKHOLE],
    variants={"fault": (*SILENT, FaultKind.FORGET), "kind": [Kind.V1_BATCH, Kind.V2_LEASE_V2]},
)
def test_a_client_that_names_its_silent_session_comes_back(lab: Lab, fault: FaultKind, kind: Kind) -> None:
    """A client whose connection fell silent names its session at the next logon and gets its handle back."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    back = client.back_after(fault, handle)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-comes-to-harm",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"fault": HARM, "kind": SOME},
)
def test_a_reconnect_comes_to_harm(lab: Lab, fault: FaultKind, kind: Kind) -> None:
    """A reconnect that comes late or in pieces gets the handle; one that comes damaged, or twice, leaves it
    for the next.
    """
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    which = kind.right_reconnect
    answer = handle.reconnect_harmed(client.back(), fault)
    check(answer, requirement=which, specification=Status.SUCCESS)
    check.alive(answer.open.tree.session)


@case(
    "durable.reconnect-with-previous-session",
    requirements=["SMB2-3.3.5.5.3-30"],
    needs=[DURABLE_HANDLES, LEASING],
    variants=[
        *({"kind": kind, "lost": lost} for kind in SOME for lost in (True, False)),
        {"kind": Kind.V1_BATCH, "lost": False, "dialect": SMB_2[0]},
    ],
    answers=[
        "smbtorture:durable-open.reopen1a",
        "smbtorture:durable-v2-open.reopen1a",
        "smbtorture:durable-open.reopen2a",
    ],
)
def test_previous_session_id_parts_durable_handles(lab: Lab, kind: Kind, lost: bool) -> None:
    """PreviousSessionId ends a session as the loss of its connection does: durable handles can come back."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    if lost:
        client.lose()
    session = lab.logon(previous_session_id=client.session.session_id)
    answer = handle.reconnect(Client(session))
    check(answer, specification=Status.SUCCESS, windows_2012_r2=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(session)


@case(
    "durable.reconnect-on-one-of-several-channels",
    requirements=["SMB2-3.3.5.9.7-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"kind": SOME, "number": [0, 1]},
)
def test_a_reconnected_handle_belongs_to_every_channel(lab: Lab, kind: Kind, number: int) -> None:
    """A handle that is reconnected over one of two channels can be used over both."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    back.session.add_channel()
    answer = handle.reconnect(back, on=back.session.channels[number])
    for channel in back.session.channels:
        check(answer.open.write(DATA, on=channel), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnected-goes-with-its-tree",
    requirements=["SMB2-3.3.5.9.7-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_reconnected_handle_belongs_to_the_new_tree(lab: Lab, kind: Kind) -> None:
    """TREE_DISCONNECT of the tree that a handle was reconnected on closes it; another one does not."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    elsewhere = back.session.tree()
    file = handle.reconnect(back).open
    elsewhere.disconnect().required()
    check(file.write(DATA), specification=Status.SUCCESS)
    back.tree.disconnect().required()
    handle.adopt(file)
    back.tree = back.session.tree()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.reconnect-ignores-the-rest",
    requirements=["SMB2-3.3.5.9.12-22"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={
        "kind": SOME,
        "field": ["access", "attributes", "share", "disposition", "options", "impersonation", "level"],
    },
    answers=["smbtorture:durable-open.reopen2", "smbtorture:durable-v2-open.reopen2"],
)
def test_a_reconnect_is_about_its_context_alone(lab: Lab, kind: Kind, field: str) -> None:
    """What a reconnect says in the other fields of CREATE does not matter."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.write(DATA).required()
    client.lose()
    back = client.back()
    level = OplockLevel.LEASE if kind.lease_version else OplockLevel.NONE
    answer = {
        "access": lambda: handle.reconnect(back, desired_access=AccessMask.DELETE),
        "attributes": lambda: handle.reconnect(back, file_attributes=0x27),
        "share": lambda: handle.reconnect(back, share_access=ShareAccess.NONE),
        "disposition": lambda: handle.reconnect(back, create_disposition=CreateDisposition.OVERWRITE),
        "options": lambda: handle.reconnect(back, create_options=CreateOptions.DIRECTORY_FILE),
        "impersonation": lambda: handle.reconnect(back, impersonation_level=0),
        "level": lambda: handle.reconnect(back, requested_oplock_level=level),
    }[field]()
    check(answer, specification=Status.SUCCESS)
    check_data(answer.open, DATA)
    check.alive(back.session)


@case(
    "durable.reconnect-asks-for-nothing",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "state": [LeaseState.NONE, R], "held": [RH, RWH]},
    answers=[
        "smbtorture:durable-open.reopen2-lease",
        "smbtorture:durable-open.reopen2-lease-v2",
        "smbtorture:durable-v2-open.reopen2-lease",
        "smbtorture:durable-v2-open.reopen2-lease-v2",
    ],
)
def test_the_lease_state_of_a_reconnect_does_not_matter(
    lab: Lab, kind: Kind, state: LeaseState, held: LeaseState
) -> None:
    """A reconnect gets the lease as it is, whatever state it asks for."""
    client = Client(lab.logon())
    handle = client.handle(kind, state=held)
    client.lose()
    back = client.back()
    answer = handle.reconnect(back, contexts=[handle.durable(), handle.lease(state=state)])
    check(answer, requirement=kind.right_reconnect, specification=Status.SUCCESS)
    check.that(answer, "state", answer.open.lease_state, requirement=kind.right_reconnect, specification=held)
    check.alive(back.session)


@case(
    "durable.reconnect-without-name",
    requirements=["SMB2-3.3.5.9.7-09", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": BATCH, "name": ["", "another"]},
    answers=["smbtorture:durable-open.reopen2", "smbtorture:durable-v2-open.reopen2"],
)
def test_the_name_does_not_matter_without_a_lease(lab: Lab, kind: Kind, name: str) -> None:
    """A handle that rests on an oplock comes back whatever the file is called in the reconnect."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    which = "SMB2-3.3.5.9.7-09" if kind.version == 1 else "SMB2-3.3.5.9.12-02"
    check(handle.reconnect(back, name and lab.name(name)), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-lease-context",
    requirements=["SMB2-3.3.5.9.7-18", "SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9.12-19", "SMB2-3.3.5.9.7-24"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [*LEASED, Kind.V1_LEASE_V2]},
)
def test_the_lease_of_a_reconnect(lab: Lab, kind: Kind) -> None:
    """A reconnect shows the lease in its own version, with its key, state, parent and epoch."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    before = handle.file.lease
    client.lose()
    back = client.back()
    answer = handle.reconnect(back)
    which = "SMB2-3.3.5.9.7-18" if kind.version == 1 else "SMB2-3.3.5.9.12-02"
    form = ResponseLease if kind.lease_version == 1 else ResponseLeaseV2
    granted = answer.open.lease
    check.that(answer, "lease", type(granted) is form, requirement=which, specification=True)
    if granted is not None and before is not None:
        check.that(answer, "key", granted.lease_key, requirement=which, specification=handle.lease_key)
        check.that(answer, "state", granted.lease_state, requirement=which, specification=RWH)
        flags = granted.lease_flags if isinstance(granted, ResponseLease) else granted.flags
        check.that(answer, "flags", flags, requirement=which, specification=LeaseFlags.NONE)
    if isinstance(granted, ResponseLeaseV2) and isinstance(before, ResponseLeaseV2):
        silent = "SMB2-3.3.5.9.7-24" if kind.version == 1 else "SMB2-3.3.5.9.12-19"
        check.that(answer, "epoch", granted.epoch, requirement=silent, specification=before.epoch)
    check.alive(back.session)


@case(
    "durable.reconnect-parent-key",
    requirements=["SMB2-3.3.5.9.7-18", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, DIRECTORY_LEASING],
    variants={"version": [1, 2]},
)
def test_the_parent_key_of_a_reconnected_lease(lab: Lab, version: int) -> None:
    """A reconnect shows the parent key that the lease was given, with its flag, though it names none."""
    client = Client(lab.logon())
    key, parent, create_guid = lab.guid(), lab.guid(), lab.guid()
    contexts = [durable() if version == 1 else durable_v2(create_guid), lease(key, RWH, parent=parent)]
    file = client.tree.open(contexts=contexts)
    granted = file.context(ResponseLeaseV2)
    if granted is None or granted.parent_lease_key != parent:
        raise Blocked("the lease was granted without its parent")
    kind = Kind.V1_LEASE_V2 if version == 1 else Kind.V2_LEASE_V2
    handle = Handle(kind, file, create_guid, key, RWH)
    client.lose()
    back = client.back()
    granted = handle.reconnect(back).open.context(ResponseLeaseV2)
    which = "SMB2-3.3.5.9.7-18" if version == 1 else "SMB2-3.3.5.9.12-02"
    check.that(
        back.session, "parent", granted and granted.parent_lease_key, requirement=which, specification=parent
    )
    has_flag = granted is not None and bool(granted.flags & LeaseFlags.PARENT_LEASE_KEY_SET)
    check.that(back.session, "parent flag", has_flag, requirement=which, specification=True)
    check.alive(back.session)


@case(
    "durable.reconnect-response",
    requirements=["SMB2-3.3.5.9.7-17"],
    needs=[DURABLE_HANDLES],
    variants={"dialect": DIALECTS},
)
def test_the_durable_context_of_a_reconnect(lab: Lab) -> None:
    """Whether a reconnect is told again that its handle is durable is the server's choice."""
    client = Client(lab.logon())
    handle = client.handle(Kind.V1_BATCH)
    client.lose()
    back = client.back()
    file = handle.reconnect(back).open
    told = file.context(DurableHandleResponse) is not None
    check.that(file, "told", told, specification=False, permitted_before_windows_8=True)
    check.alive(back.session)


@case(
    "durable.reconnect-by-the-other-version",
    requirements=["SMB2-3.3.5.9.7-20", "SMB2-3.3.5.9.12-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["smbtorture:durable-v2-open.reopen2b", "smbtorture:durable-v2-open.reopen2c"],
)
def test_a_reconnect_by_the_other_version(lab: Lab, kind: Kind) -> None:
    """DHnC finds a handle made with DH2Q; DH2C does not find one made with DHnQ, which has no CreateGuid."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    leased = [handle.lease()] if kind.lease_version else []
    answer = handle.reconnect(back, contexts=[handle.durable(version=3 - kind.version), *leased])
    if kind.version != 1:
        check(answer, requirement="SMB2-3.3.5.9.7-20", specification=Status.SUCCESS)
    else:
        check(answer, requirement="SMB2-3.3.5.9.12-05", specification=Status.OBJECT_NAME_NOT_FOUND)
        check_reconnected(handle, back)
    check.alive(back.session)


@case(
    "durable.reconnect-of-several",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_several_handles_come_back(lab: Lab, kind: Kind) -> None:
    """A client that left several durable handles gets each of them back, in any order."""
    client = Client(lab.logon())
    handles = [client.handle(kind) for _ in range(SEVERAL)]
    client.lose()
    back = client.back()
    for handle in reversed(handles):
        check_reconnected(handle, back)
    check.alive(back.session)


@case(
    "durable.reconnect-of-two-on-a-file",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "same_key": [True, False]},
    answers=["smbtorture:durable-v2-open.two-same-lease", "smbtorture:durable-v2-open.two-different-lease"],
)
def test_two_handles_on_one_file_come_back(lab: Lab, kind: Kind, same_key: bool) -> None:
    """Two durable handles on one file come back, with one lease or two."""
    client = Client(lab.logon())
    first = client.handle(kind, state=RWH if same_key else RH)
    second = client.handle(
        kind, first.file.name, state=first.state, key=first.lease_key if same_key else None
    )
    client.lose()
    back = client.back()
    for handle in (first, second):
        file = check_reconnected(handle, back).file
        check.that(
            file,
            "lease state",
            file.lease_state,
            requirement=kind.right_reconnect,
            specification=handle.state,
        )
    check.alive(back.session)


@case(
    "durable.reconnect-beside-an-ordinary-open",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
)
def test_an_ordinary_open_beside_a_durable_one(lab: Lab, kind: Kind) -> None:
    """A durable handle comes back though its client had the file open another time, which is gone."""
    client = Client(lab.logon())
    handle = client.handle(kind, state=RH)
    client.tree.open(handle.file.name)
    client.lose()
    back = client.back()
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-in-a-directory",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_handle_in_a_directory_comes_back(lab: Lab, kind: Kind) -> None:
    """A durable handle on a file two directories down comes back."""
    client = Client(lab.logon())
    directory = client.tree.directory().name
    client.tree.directory(f"{directory}\\inner").close().required()
    handle = client.handle(kind, f"{directory}\\inner\\file")
    client.lose()
    back = client.back()
    check_reconnected(handle, back)
    check.alive(back.session)


@case(
    "durable.reconnect-twice",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": KINDS},
)
def test_a_handle_comes_back_again_and_again(lab: Lab, kind: Kind) -> None:
    """A reconnected handle is as durable as it was: it survives the next losses too."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    for _ in range(SEVERAL):
        client.lose()
        client = client.back()
        check_reconnected(handle, client)
    check.alive(client.session)


@case(
    "durable.reconnect-with-more-contexts",
    requirements=["SMB2-3.3.5.9.7-21"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_reconnect_with_more_contexts(lab: Lab, kind: Kind) -> None:
    """Whether a reconnect may also ask for the maximal access is not said."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    contexts = [*handle.contexts(), QueryMaximalAccessRequest().envelope()]
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.SUCCESS, samba=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.reconnect-creates-nothing",
    requirements=["SMB2-3.3.5.9.7-02", "SMB2-3.3.5.9.12-03"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": BATCH},
)
def test_a_failed_reconnect_creates_no_file(lab: Lab, kind: Kind) -> None:
    """A reconnect that finds nothing makes no file, although its disposition would."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.file.close().required()
    name = lab.name("never")
    which = "SMB2-3.3.5.9.7-02" if kind.version == 1 else "SMB2-3.3.5.9.12-03"
    answer = handle.reconnect(client, name)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    answer = client.tree.create(name, create_disposition=CreateDisposition.OPEN)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(client.session)


@case(
    "durable.break-after-reconnect",
    requirements=["SMB2-3.3.5.9.7-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_break_finds_the_new_session(lab: Lab, kind: Kind) -> None:
    """After a reconnect the break of the oplock or lease goes to the new session."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    handle.adopt(handle.reconnect(back).open)
    opening = other.tree.create(handle.file.name, wait=False)
    if kind.lease_version:
        arrived = back.session.wait_lease_break()
        check.that(back.session, "a lease break arrives", arrived.arrived, specification=True)
        check.that(back.session, "its key", arrived.body.lease_key, specification=handle.lease_key)
        handle.file.acknowledge_lease(RH).required()
    else:
        broken = back.session.wait_oplock_break()
        check.that(back.session, "an oplock break arrives", broken.arrived, specification=True)
        named = broken.body.file_id
        check.that(back.session, "its FileId", named == handle.file.file_id, specification=True)
        handle.file.acknowledge_oplock(OplockLevel.II).required()
    check(opening.wait(), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.sequence-after-reconnect",
    requirements=["SMB2-3.3.5.9.12-01"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": BATCH},
)
def test_the_sequence_of_a_reconnected_open(lab: Lab, kind: Kind) -> None:
    """Whether a reconnect starts the channel sequence of its open anew is not said."""
    client = Client(lab.logon())
    handle = client.handle(kind, channel_sequence=5)
    client.lose()
    back = client.back()
    file = handle.reconnect(back, channel_sequence=0).open
    answer = file.write(DATA, channel_sequence=0)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, anew=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.reconnect-through-another-share",
    requirements=["SMB2-3.3.5.9.7-19"],
    needs=[SMB3, DURABLE_HANDLES, ENCRYPTED_SHARE],
    variants={"kind": [Kind.V1_BATCH, Kind.V1_LEASE_V1]},
)
def test_a_reconnect_through_another_share(lab: Lab, kind: Kind) -> None:
    """Whether a handle of one share comes back through a tree connect to another one; if not, it still comes
    back through its own.
    """
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    elsewhere = back.session.tree(ShareRole.ENCRYPTED)
    arguments = CreateArguments(contexts=handle.contexts(), requested_oplock_level=kind.oplock_level)
    answer = elsewhere.create(handle.file.name, **arguments)
    check(answer, refused=any_error(), served=Status.SUCCESS)
    if answer.actual is not Status.SUCCESS:
        check(handle.reconnect(back), requirement="SMB2-3.3.5.9.7-01", specification=Status.SUCCESS)
    check.alive(back.session)
