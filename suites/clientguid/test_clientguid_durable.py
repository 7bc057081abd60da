"""Whose durable handles they are ([MS-SMB2] 3.3.5.9.7, 3.3.5.9.12)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import reconnect
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, LEASING, RESILIENCY, SECOND_USER, SMB3
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.status import Status
from suites.bind.losses import HARM
from suites.clientguid.guids import DIFFERENT, MAY_USE_ZERO, SAME, USES_ZERO, client, logon, pair
from suites.durable.handles import BATCH, KINDS, LEASED, Client, Kind
from suites.persistent.handles import NEEDS, on_ca, persistent

SOME_WAYS: Final = ("other", "zero", "after-zero", "behind-a-zero-byte")


@case(
    "clientguid.durable-same",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"how": SAME, "kind": KINDS},
    takes_turns=MAY_USE_ZERO,
)
def test_a_handle_of_one_client_guid(lab: Lab, how: str, kind: Kind) -> None:
    """A durable handle comes back to the ClientGuid it was opened with, zero or not."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    handle = owner.handle(kind)
    owner.lose()
    back = client(lab, second)
    back.sees_end_of(owner)
    which = kind.right_reconnect
    check(handle.reconnect(back), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "clientguid.durable-oplock",
    requirements=["SMB2-3.3.5.9.7-07", "SMB2-3.3.5.9.12-08"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"how": DIFFERENT, "kind": BATCH},
    answers=["smbtorture:durable-open.reopen1a", "smbtorture:durable-v2-open.reopen1a"],
    takes_turns=MAY_USE_ZERO,
)
def test_a_handle_with_an_oplock_and_another_client_guid(lab: Lab, how: str, kind: Kind) -> None:
    """A durable handle that rests on an oplock comes back to any ClientGuid of its user."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    handle = owner.handle(kind)
    owner.lose()
    back = client(lab, second)
    back.sees_end_of(owner)
    which = "SMB2-3.3.5.9.7-07" if kind.version == 1 else "SMB2-3.3.5.9.12-08"
    answer = handle.reconnect(back)
    check(answer, requirement=which, specification=Status.SUCCESS, enforced=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "clientguid.durable-lease",
    requirements=["SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"how": DIFFERENT, "kind": LEASED},
    answers=[
        "smbtorture:durable-open.reopen1a-lease",
        "smbtorture:durable-v2-open.reopen1a-lease",
        "ms:DurableHandleV1_Reconnect_WithDifferentClientGuid",
        "ms:Model_DurableHandleReconnect",
    ],
    takes_turns=MAY_USE_ZERO,
)
def test_a_handle_with_a_lease_and_another_client_guid(lab: Lab, how: str, kind: Kind) -> None:
    """A durable handle that rests on a lease does not come back to another ClientGuid."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    handle = owner.handle(kind)
    owner.lose()
    thief = client(lab, second)
    thief.sees_end_of(owner)
    which = "SMB2-3.3.5.9.7-06" if kind.version == 1 else "SMB2-3.3.5.9.12-07"
    answer = handle.reconnect(thief)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND, not_enforced=Status.SUCCESS)
    check.alive(thief.session)


@case(
    "clientguid.durable-lease-after-fault",
    requirements=["SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, BLACKHOLE],
    variants={"fault": list(FaultKind)},
)
def test_the_owner_comes_back_whatever_happens(lab: Lab, fault: FaultKind) -> None:
    """However its connection ends, and whatever happens to its reconnect, a handle with a lease comes back to
    its ClientGuid after another client has tried in vain.
    """
    first, second = pair(lab, "other")
    owner = client(lab, first)
    handle = owner.handle(Kind.V2_LEASE_V2)
    back = owner.back_after(FaultKind.CLOSE if fault in HARM else fault, handle)
    handle.reconnect(client(lab, second)).required(Status.OBJECT_NAME_NOT_FOUND)
    answer = handle.reconnect_harmed(back, fault) if fault in HARM else handle.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    check.alive(answer.open.tree.session)


@case(
    "clientguid.durable-lease-harms-nothing",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"how": SOME_WAYS, "kind": LEASED},
    answers=["smbtorture:durable-open.reopen1a-lease", "smbtorture:durable-v2-open.reopen1a-lease"],
    takes_turns=MAY_USE_ZERO,
)
def test_the_owner_comes_back_after_another_client(lab: Lab, how: str, kind: Kind) -> None:
    """After another client's vain attempt the client with the right ClientGuid still gets its handle."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    handle = owner.handle(kind)
    owner.lose()
    thief = client(lab, second)
    thief.sees_end_of(owner)
    handle.reconnect(thief).required(Status.OBJECT_NAME_NOT_FOUND)
    back = client(lab, first)
    which = kind.right_reconnect
    answer = handle.reconnect(back)
    check(answer, requirement=which, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "clientguid.durable-connected",
    requirements=["SMB2-3.3.5.9.7-04", "SMB2-3.3.5.9.12-06"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": KINDS},
)
def test_another_client_and_a_connected_handle(lab: Lab, kind: Kind) -> None:
    """A client with another ClientGuid cannot take a handle away that is connected."""
    owner, thief = Client(lab.logon()), Client(lab.another_client())
    handle = owner.handle(kind)
    which = "SMB2-3.3.5.9.7-04" if kind.version == 1 else "SMB2-3.3.5.9.12-06"
    answer = handle.reconnect(thief)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.file.write(b"still mine"), requirement=which, specification=Status.SUCCESS)
    check.alive(owner.session)


@case(
    "clientguid.durable-connected-harms-nothing",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": KINDS},
    answers=["smbtorture:durable-open.reopen5"],
)
def test_a_handle_survives_another_clients_vain_attempt(lab: Lab, kind: Kind) -> None:
    """A handle that another client tried to reconnect while it was connected comes back to its own."""
    owner, thief = Client(lab.logon()), Client(lab.another_client())
    handle = owner.handle(kind)
    handle.reconnect(thief).required(Status.OBJECT_NAME_NOT_FOUND)
    owner.leave(thief)
    back = owner.back()
    which = kind.right_reconnect
    answer = handle.reconnect(back)
    check(answer, requirement=which, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "clientguid.durable-other-user",
    requirements=["SMB2-3.3.5.9.7-16", "SMB2-3.3.5.9.12-18"],
    needs=[SMB3, DURABLE_HANDLES, SECOND_USER],
    variants={"how": (*SAME, *SOME_WAYS), "kind": BATCH},
    takes_turns=MAY_USE_ZERO,
)
def test_another_user_with_any_client_guid(lab: Lab, how: str, kind: Kind) -> None:
    """Another user does not get a handle that rests on an oplock, with the right ClientGuid or another."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    handle = owner.handle(kind)
    owner.lose()
    thief = client(lab, second, lab.second_user)
    thief.sees_end_of(owner)
    which = "SMB2-3.3.5.9.7-16" if kind.version == 1 else "SMB2-3.3.5.9.12-18"
    answer = handle.reconnect(thief)
    check(answer, requirement=which, specification=Status.ACCESS_DENIED, samba=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(thief.session)


@case(
    "clientguid.durable-consistent",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"leased": [False, True]},
    takes_turns=USES_ZERO,
)
def test_handles_are_treated_alike(lab: Lab, leased: bool) -> None:
    """Whichever byte of the ClientGuid is another, and by whichever context, handles come back or do not."""
    decisions = set()
    for kind in LEASED if leased else BATCH:
        for how in SOME_WAYS:
            first, second = pair(lab, how)
            owner = client(lab, first)
            handle = owner.handle(kind)
            owner.lose()
            back = client(lab, second)
            back.sees_end_of(owner)
            decisions.add(handle.reconnect(back).actual)
    check.that(lab, "different decisions", len(decisions), specification=1)
    check.alive(back.session)


@case(
    "clientguid.persistent",
    requirements=["SMB2-3.3.5.9.12-07", "SMB2-3.3.5.9.12-08"],
    needs=NEEDS,
    variants={"how": SOME_WAYS, "kind": [Kind.V2_BARE, Kind.V2_LEASE_V2]},
    takes_turns=MAY_USE_ZERO,
)
def test_a_persistent_handle_and_another_client_guid(lab: Lab, how: str, kind: Kind) -> None:
    """A persistent handle comes back to another ClientGuid unless it rests on a lease."""
    first, second = pair(lab, how)
    owner = on_ca(logon(lab, first))
    handle = persistent(owner, kind)
    owner.lose()
    back = on_ca(logon(lab, second))
    back.sees_end_of(owner)
    answer = handle.reconnect(back)
    if kind.lease_version:
        check(answer, specification=Status.OBJECT_NAME_NOT_FOUND, not_enforced=Status.SUCCESS)
    else:
        which = "SMB2-3.3.5.9.12-08"
        check(answer, requirement=which, specification=Status.SUCCESS, enforced=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "clientguid.resilient",
    requirements=["SMB2-3.3.5.9.7-07"],
    needs=[RESILIENCY],
    variants={"how": SOME_WAYS},
    takes_turns=MAY_USE_ZERO,
)
def test_a_resilient_handle_and_another_client_guid(lab: Lab, how: str) -> None:
    """A resilient handle comes back to any ClientGuid of its user."""
    first, second = pair(lab, how)
    owner = client(lab, first)
    file = owner.tree.open()
    payload = NetworkResiliencyRequest(timeout=60_000).encode()
    file.ioctl(FsctlCode.LMR_REQUEST_RESILIENCY, payload, max_output_response=0).required()
    owner.lose()
    back = client(lab, second)
    back.sees_end_of(owner)
    answer = back.tree.create(file.name, contexts=[reconnect(file.file_id)])
    check(answer, specification=Status.SUCCESS, enforced=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)
