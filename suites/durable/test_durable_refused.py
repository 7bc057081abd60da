"""Reconnects that are refused, each for one reason ([MS-SMB2] 3.3.5.9.6, .7, .10, .12)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import (
    RWH,
    durable,
    durable_v2,
    lease,
    lease_v1,
    reconnect,
    reconnect_v2,
)
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SECOND_USER, SMB3
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import BATCH, KINDS, LEASED, SOME, Client, Handle, Kind

ZERO: Final = bytes(16)


def check_unharmed(handle: Handle, client: Client) -> None:
    """A right reconnect still succeeds."""
    which = handle.kind.right_reconnect
    answer = handle.reconnect(client)
    check(answer, requirement=which, specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(client.session)


@case(
    "durable.requests-together",
    requirements=["SMB2-3.3.5.9.10-06", "SMB2-3.3.5.9.6-05"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"first": [1, 2]},
    answers=["smbtorture:durable-v2-open.create-blob"],
)
def test_both_requests_in_one_create(lab: Lab, first: int) -> None:
    """A CREATE that asks for a durable handle with both versions fails."""
    session = lab.logon()
    contexts = [durable(), durable_v2(lab.guid())]
    answer = session.tree().create(
        contexts=contexts if first == 1 else contexts[::-1], requested_oplock_level=OplockLevel.BATCH
    )
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "durable.reconnects-together",
    requirements=["SMB2-3.3.5.9.12-16", "SMB2-3.3.5.9.7-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={
        "kind": SOME,
        "pair": ["DHnC+DH2C", "DHnC+DH2Q", "DH2C+DHnQ", "DH2C+DH2Q"],
    },
    answers=[
        "smbtorture:durable-v2-open.create-blob",
        "ms:DurableHandleV1_Reconnect_IncludeRequestV2",
        "ms:DurableHandleV1_Reconnect_IncludeReconnectV2",
    ],
)
def test_contexts_that_exclude_each_other(lab: Lab, kind: Kind, pair: str) -> None:
    """A reconnect with another durable context, but for DHnC with DHnQ, fails and harms nothing."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    words = {
        "DHnC": handle.durable(version=1),
        "DH2C": handle.durable(version=2),
        "DHnQ": durable(),
        "DH2Q": durable_v2(lab.guid()),
    }
    contexts = [words[word] for word in pair.split("+")]
    contexts += [handle.lease()] if kind.lease_version else []
    which = "SMB2-3.3.5.9.12-16" if "DH2C" in pair else "SMB2-3.3.5.9.7-03"
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, requirement=which, specification=Status.INVALID_PARAMETER)
    check_unharmed(handle, back)


@case(
    "durable.request-beside-reconnect",
    requirements=["SMB2-3.3.5.9.6-04"],
    needs=[DURABLE_HANDLES],
    variants={"first": ["request", "reconnect"]},
    answers=[
        "smbtorture:durable-v2-open.create-blob",
        "ms:DurableHandleV1_Reconnect_IncludeCreateDurableHandle",
    ],
)
def test_a_request_beside_a_reconnect_is_ignored(lab: Lab, first: str) -> None:
    """DHnQ beside DHnC has no effect: it is a reconnect."""
    client = Client(lab.logon())
    handle = client.handle(Kind.V1_BATCH)
    client.lose()
    back = client.back()
    contexts = [durable(), handle.durable()]
    answer = handle.reconnect(back, contexts=contexts if first == "request" else contexts[::-1])
    check(answer, specification=Status.SUCCESS)
    id_ = handle.file.file_id.persistent
    check.that(answer, "persistent id", answer.open.file_id.persistent, specification=id_)
    check.alive(back.session)


@case(
    "durable.unknown-id",
    requirements=["SMB2-3.3.5.9.7-02", "SMB2-3.3.5.9.12-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "id_": ["next", "zero", "all-ones"]},
    answers=["ms:DurableHandleV1_Reconnect_WithoutFileIdPersistent"],
)
def test_a_persistent_id_that_nobody_has(lab: Lab, kind: Kind, id_: str) -> None:
    """A reconnect with a persistent id that nobody has fails; the handle is still there."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    of = handle.file.file_id
    wrong = FileId({"next": of.persistent ^ 1, "zero": 0, "all-ones": (1 << 64) - 1}[id_], of.volatile)
    word = reconnect(wrong) if kind.version == 1 else reconnect_v2(wrong, handle.create_guid)
    contexts = [word, *([handle.lease()] if kind.lease_version else [])]
    which = "SMB2-3.3.5.9.7-02" if kind.version == 1 else "SMB2-3.3.5.9.12-03"
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check_unharmed(handle, back)


@case(
    "durable.volatile-id",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_the_volatile_id_of_a_reconnect_does_not_matter(lab: Lab, kind: Kind) -> None:
    """A reconnect is looked up by its persistent id alone."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    other = FileId(handle.file.file_id.persistent, 0)
    word = reconnect(other) if kind.version == 1 else reconnect_v2(other, handle.create_guid)
    contexts = [word, *([handle.lease()] if kind.lease_version else [])]
    which = kind.right_reconnect
    check(handle.reconnect(back, contexts=contexts), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.wrong-create-guid",
    requirements=["SMB2-3.3.5.9.12-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V2_BATCH, Kind.V2_LEASE_V2], "guid": ["zero", "other", "last-bit"]},
    answers=["smbtorture:durable-v2-open.reopen2", "ms:Model_DurableHandleReconnect"],
)
def test_another_create_guid(lab: Lab, kind: Kind, guid: str) -> None:
    """A reconnect with another CreateGuid fails; the handle is still there."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    of = handle.create_guid
    wrong = {"zero": ZERO, "other": lab.guid(), "last-bit": of[:-1] + bytes([of[-1] ^ 1])}[guid]
    contexts = [handle.durable(create_guid=wrong), *([handle.lease()] if kind.lease_version else [])]
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check_unharmed(handle, back)


@case(
    "durable.wrong-lease-key",
    requirements=["SMB2-3.3.5.9.7-12", "SMB2-3.3.5.9.12-12", "SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "key": ["zero", "other", "last-bit"]},
    answers=[
        "smbtorture:durable-open.reopen2-lease",
        "smbtorture:durable-open.reopen2-lease-v2",
        "smbtorture:durable-v2-open.reopen2-lease",
        "smbtorture:durable-v2-open.reopen2-lease-v2",
        "ms:DurableHandleV1_Reconnect_WithDifferentLeaseKey",
        "ms:DurableHandleV2_WithLeaseV1AndV2_WithDifferentLeaseKey",
        "ms:Model_DurableHandleReconnect",
    ],
)
def test_another_lease_key(lab: Lab, kind: Kind, key: str) -> None:
    """A reconnect with another lease key fails; the handle is still there."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    of = handle.lease_key
    wrong = {"zero": ZERO, "other": lab.guid(), "last-bit": of[:-1] + bytes([of[-1] ^ 1])}[key]
    which = "SMB2-3.3.5.9.7-12" if kind.version == 1 else "SMB2-3.3.5.9.12-12"
    answer = handle.reconnect(back, contexts=[handle.durable(), handle.lease(key=wrong)])
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check_unharmed(handle, back)


@case(
    "durable.lease-left-out",
    requirements=["SMB2-3.3.5.9.7-10", "SMB2-3.3.5.9.12-11"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "level": [OplockLevel.LEASE, OplockLevel.BATCH]},
    answers=[
        "smbtorture:durable-open.reopen2-lease",
        "smbtorture:durable-open.reopen2-lease-v2",
        "smbtorture:durable-v2-open.reopen2-lease",
        "smbtorture:durable-v2-open.reopen2-lease-v2",
        "ms:DurableHandleV1_Reconnect_WithoutRequestLease",
    ],
)
def test_a_reconnect_without_the_lease(lab: Lab, kind: Kind, level: OplockLevel) -> None:
    """A handle that rests on a lease does not come back without a lease context."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    which = "SMB2-3.3.5.9.7-10" if kind.version == 1 else "SMB2-3.3.5.9.12-11"
    answer = handle.reconnect(back, contexts=[handle.durable()], requested_oplock_level=level)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check_unharmed(handle, back)


@case(
    "durable.lease-without-need",
    requirements=["SMB2-3.3.5.9.7-11", "SMB2-3.3.5.9.12-11"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": BATCH, "version": [1, 2]},
    answers=["ms:DurableHandleV1_Reconnect_LeaseIsNull"],
)
def test_a_reconnect_with_a_lease_that_is_not_there(lab: Lab, kind: Kind, version: int) -> None:
    """A handle that rests on an oplock does not come back with a lease context."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    form = lease_v1 if version == 1 else lease
    which = "SMB2-3.3.5.9.7-11" if kind.version == 1 else "SMB2-3.3.5.9.12-11"
    answer = handle.reconnect(
        back, contexts=[handle.durable(), form(lab.guid(), RWH)], requested_oplock_level=OplockLevel.LEASE
    )
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check_unharmed(handle, back)


@case(
    "durable.lease-of-the-other-version",
    requirements=["SMB2-3.3.5.9.7-13", "SMB2-3.3.5.9.12-15"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [*LEASED, Kind.V1_LEASE_V2]},
)
def test_a_lease_of_the_other_version(lab: Lab, kind: Kind) -> None:
    """A reconnect should name the lease with a context of its own version."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    which = "SMB2-3.3.5.9.7-13" if kind.version == 1 else "SMB2-3.3.5.9.12-15"
    contexts = [handle.durable(), handle.lease(version=3 - kind.lease_version)]
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND, not_compared=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.wrong-name",
    requirements=["SMB2-3.3.5.9.7-08", "SMB2-3.3.5.9.12-17"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "name": ["absent", "existing", "empty"]},
    answers=[
        "smbtorture:durable-open.reopen2-lease",
        "smbtorture:durable-open.reopen2-lease-v2",
        "smbtorture:durable-v2-open.reopen2-lease",
        "smbtorture:durable-v2-open.reopen2-lease-v2",
        "ms:DurableHandleV1_Reconnect_WithLeaseV1_WithDifferentFileName",
        "ms:DurableHandleV2_Reconnect_WithLeaseV1_WithDifferentFileName",
    ],
)
def test_another_name_beside_a_lease(lab: Lab, kind: Kind, name: str) -> None:
    """A handle that rests on a lease does not come back under another name than that of its file."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    wrong = "" if name == "empty" else lab.name()
    if name == "existing":
        back.tree.open(wrong)
    which = "SMB2-3.3.5.9.7-08" if kind.version == 1 else "SMB2-3.3.5.9.12-17"
    answer = handle.reconnect(back, wrong)
    check(answer, requirement=which, specification=Status.INVALID_PARAMETER)
    check_unharmed(handle, back)


@case(
    "durable.wrong-user",
    requirements=["SMB2-3.3.5.9.7-16", "SMB2-3.3.5.9.12-18"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, SECOND_USER],
    variants={"kind": KINDS},
    answers=[
        "smbtorture:durable-open.reopen6",
        "ms:DurableHandleV1_Reconnect_WithDifferentDurableOwner",
        "ms:DurableHandleV2_Reconnect_WithDifferentDurableOwner",
    ],
)
def test_another_user(lab: Lab, kind: Kind) -> None:
    """Another user of the same machine cannot take over a durable handle."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    thief = client.back(lab.second_user)
    which = "SMB2-3.3.5.9.7-16" if kind.version == 1 else "SMB2-3.3.5.9.12-18"
    answer = handle.reconnect(thief)
    check(answer, requirement=which, specification=Status.ACCESS_DENIED, samba=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(thief.session)


@case(
    "durable.wrong-user-harms-nothing",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, SECOND_USER],
    variants={"kind": KINDS},
    answers=["smbtorture:durable-open.reopen6"],
)
def test_the_owner_comes_back_after_another_user(lab: Lab, kind: Kind) -> None:
    """After another user's vain attempt the owner of a durable handle still gets it back."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    refused = (Status.ACCESS_DENIED, Status.OBJECT_NAME_NOT_FOUND)
    handle.reconnect(client.back(lab.second_user)).required(*refused)
    check_unharmed(handle, client.back())


@case(
    "durable.persistent-flag",
    requirements=["SMB2-3.3.5.9.12-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": [Kind.V2_BATCH, Kind.V2_LEASE_V1, Kind.V2_LEASE_V2]},
)
def test_a_durable_handle_taken_for_a_persistent_one(lab: Lab, kind: Kind) -> None:
    """A reconnect should not call a handle persistent that is not."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back = client.back()
    contexts = [handle.durable(persistent=True), *([handle.lease()] if kind.lease_version else [])]
    answer = handle.reconnect(back, contexts=contexts)
    check(answer, specification=Status.INVALID_PARAMETER, windows_2012_r2=Status.SUCCESS)
    check.alive(back.session)


def somebody(client: Client, who: str) -> Client:
    """The client itself, or with another session on its connection or on a new one."""
    if who == "itself":
        return client
    connection = client.session.connection if who == "another-session" else None
    return Client(client.lab.logon(connection=connection))


WHO: Final = ("itself", "another-session", "another-connection")


@case(
    "durable.connected",
    requirements=["SMB2-3.3.5.9.7-04", "SMB2-3.3.5.9.12-06"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "by": WHO},
    answers=[
        "smbtorture:durable-open.reopen1",
        "smbtorture:durable-v2-open.reopen1",
        "ms:DurableHandleV1_Reconnect_WithoutLogoffOrDisconnect_WithoutPreviousSessionIdSet",
        "ms:DurableHandleV1_Reconnect_SessionIsNotNull",
    ],
)
def test_a_handle_that_is_connected(lab: Lab, kind: Kind, by: str) -> None:
    """A handle that its client has cannot be reconnected, by nobody, and remains what it is."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    which = "SMB2-3.3.5.9.7-04" if kind.version == 1 else "SMB2-3.3.5.9.12-06"
    answer = handle.reconnect(somebody(client, by))
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.file.write(b"still mine"), requirement=which, specification=Status.SUCCESS)
    check.alive(client.session)


@case(
    "durable.connected-harms-nothing",
    requirements=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "by": WHO},
    answers=["smbtorture:durable-open.reopen5"],
)
def test_a_handle_survives_a_vain_reconnect(lab: Lab, kind: Kind, by: str) -> None:
    """A handle that somebody tried to reconnect while it was connected comes back when it no longer is."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    handle.reconnect(somebody(client, by)).required(Status.OBJECT_NAME_NOT_FOUND)
    client.lose()
    check_unharmed(handle, client.back())


@case(
    "durable.one-channel-left",
    requirements=["SMB2-3.3.5.9.7-04", "SMB2-3.3.5.9.12-06", "SMB2-3.3.7.1-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"kind": SOME, "number": [0, 1]},
)
def test_a_handle_whose_session_has_a_channel_left(lab: Lab, kind: Kind, number: int) -> None:
    """A handle stays connected as long as its session has a channel; after the last it can come back."""
    client = Client(lab.logon())
    client.session.add_channel()
    handle = client.handle(kind)
    client.session.channels[number].close()
    other = Client(lab.logon())
    which = "SMB2-3.3.5.9.7-04" if kind.version == 1 else "SMB2-3.3.5.9.12-06"
    answer = handle.reconnect(other)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.file.write(b"still mine"), requirement="SMB2-3.3.7.1-01", specification=Status.SUCCESS)
    client.lose()
    other.sees_end_of(client)
    check_unharmed(handle, other)


@case(
    "durable.reconnected-is-connected",
    requirements=["SMB2-3.3.5.9.7-04", "SMB2-3.3.5.9.12-06"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_handle_that_has_been_reconnected(lab: Lab, kind: Kind) -> None:
    """A handle that has come back cannot be reconnected by a second session of its client."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.lose()
    back, second = client.back(), Client(lab.logon())
    file = handle.reconnect(back).open
    which = "SMB2-3.3.5.9.7-04" if kind.version == 1 else "SMB2-3.3.5.9.12-06"
    answer = handle.reconnect(second)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(file.write(b"still mine"), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.several-reasons",
    requirements=["SMB2-3.3.5.9.12-21"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, SECOND_USER],
    variants={"reasons": ["name+user", "key+name", "guid+user", "key+user"]},
)
def test_a_reconnect_that_is_wrong_twice(lab: Lab, reasons: str) -> None:
    """Of two reasons to refuse a reconnect the text checks one first; servers differ in that."""
    client = Client(lab.logon())
    handle = client.handle(Kind.V2_LEASE_V2)
    client.lose()
    who = client.back(lab.second_user if "user" in reasons else None)
    guid = lab.guid() if "guid" in reasons else None
    key = lab.guid() if "key" in reasons else None
    answer = handle.reconnect(
        who,
        lab.name() if "name" in reasons else None,
        contexts=[handle.durable(create_guid=guid), handle.lease(key=key)],
    )
    first = Status.INVALID_PARAMETER if reasons == "name+user" else Status.OBJECT_NAME_NOT_FOUND
    rest = [Status.OBJECT_NAME_NOT_FOUND, Status.INVALID_PARAMETER, Status.ACCESS_DENIED]
    check(answer, specification=first, another_order=rest)
    check_unharmed(handle, client.back())


@case(
    "durable.batch-lost",
    requirements=["SMB2-3.3.7.1-06", "SMB2-3.3.5.9.7-14", "SMB2-3.3.5.9.12-13"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"kind": BATCH, "level": [OplockLevel.II, OplockLevel.NONE]},
)
def test_a_handle_whose_batch_oplock_was_broken(lab: Lab, kind: Kind, level: OplockLevel) -> None:
    """A durable open that has come down from BATCH does not outlive its connection."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    opening = other.tree.create(handle.file.name, wait=False)
    client.session.wait_oplock_break().required()
    handle.file.acknowledge_oplock(level).required()
    opening.wait().required()
    client.leave(other)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.handle-caching-lost",
    requirements=["SMB2-3.3.7.1-06", "SMB2-3.3.5.9.7-15", "SMB2-3.3.5.9.12-14"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED, "state": [LeaseState.READ_CACHING, LeaseState.NONE]},
)
def test_a_handle_whose_lease_lost_handle_caching(lab: Lab, kind: Kind, state: LeaseState) -> None:
    """A durable open whose lease has no H any more does not outlive its connection."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    opening = other.tree.create(handle.file.name, wait=False)
    client.session.wait_lease_break().required()
    handle.file.acknowledge_lease(state).required()
    opening.wait().required()
    client.leave(other)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.breaking-when-lost",
    requirements=["SMB2-3.3.7.1-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_connection_that_is_lost_during_a_break(lab: Lab, kind: Kind) -> None:
    """A durable open whose oplock or lease is being broken when its connection is lost is not kept, and what
    waited goes on.
    """
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    opening = other.tree.create(handle.file.name, wait=False)
    if kind.lease_version:
        client.session.wait_lease_break().required()
    else:
        client.session.wait_oplock_break().required()
    client.lose()
    check(opening.wait(), specification=Status.SUCCESS)
    other.sees_end_of(client)
    back = client.back()
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)
