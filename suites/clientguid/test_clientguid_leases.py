"""Whose leases and CreateGuids they are ([MS-SMB2] 3.3.5.9, 3.3.5.9.8, 3.3.5.9.10, 3.3.5.9.11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import (
    RH,
    RWH,
    app_instance,
    durable_v2,
    lease,
    lease_v1,
)
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, SMB3
from smbtorture_py.wire.create import OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.clientguid.guids import APART, DIFFERENT, MAY_USE_ZERO, SAME, USES_ZERO, logon, pair

Form = Callable[[bytes, LeaseState], CreateContext]
AT_ONCE: Final = 2.0
"""Seconds in which an answer comes that waits for nobody."""


def form_of(version: int) -> Form:
    """Ask for a lease of a version."""
    return lease_v1 if version == 1 else lease


@case(
    "clientguid.lease-key-on-another-file",
    requirements=["SMB2-3.3.5.9.8-03"],
    needs=[SMB3, LEASING],
    variants={"how": (*SAME, *DIFFERENT), "version": [1, 2]},
    takes_turns=MAY_USE_ZERO,
)
def test_a_lease_key_for_another_file(lab: Lab, how: str, version: int) -> None:
    """A lease key names one file of one ClientGuid: with the same one another file is refused, with another
    one it is not.
    """
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    key, form = lab.guid(), form_of(version)
    first.tree().open(contexts=[form(key, RH)])
    answer = second.tree().create(contexts=[form(key, RH)])
    wanted = Status.INVALID_PARAMETER if how in SAME else Status.SUCCESS
    check(answer, specification=wanted)
    check.alive(first)


@case(
    "clientguid.lease-shared",
    requirements=["SMB2-3.3.5.9.8-06"],
    needs=[SMB3, LEASING],
    variants={"how": SAME, "version": [1, 2]},
    takes_turns=MAY_USE_ZERO,
)
def test_a_lease_of_two_sessions(lab: Lab, how: str, version: int) -> None:
    """Two sessions of one ClientGuid have one lease on a file: nothing breaks, and both have its state."""
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    key, form = lab.guid(), form_of(version)
    file = first.tree().open(contexts=[form(key, RWH)])
    answer = second.tree().create(file.name, contexts=[form(key, RH)])
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "state", answer.open.lease_state, specification=RWH)
    check.that(first, "breaks", len(first.lease_breaks), specification=0)
    check.alive(first)


@case(
    "clientguid.lease-of-two-clients",
    requirements=["SMB2-3.3.5.9.8-13"],
    needs=[SMB3, LEASING],
    variants={"how": APART},
)
def test_one_lease_key_of_two_clients(lab: Lab, how: str) -> None:
    """Two clients that use one key on a file have two leases: they break each other, or the store takes them
    for one.
    """
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    key = lab.guid()
    file = first.tree().open(contexts=[lease(key, RWH)])
    opening = second.tree().create(file.name, contexts=[lease(key, RWH)], wait=False)
    lab.wait(lambda: opening.arrived or bool(first.lease_breaks), AT_ONCE)
    broke = bool(first.lease_breaks)
    check.that(first, "a break", broke, specification=True, permitted_one_key_in_the_store=False)
    if broke:
        file.acknowledge_lease(RH).required()
    check(opening.wait(), specification=Status.SUCCESS)
    check.alive(second)


@case(
    "clientguid.lease-consistent",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3, LEASING],
    variants={"version": [1, 2]},
    takes_turns=USES_ZERO,
)
def test_lease_keys_are_treated_alike(lab: Lab, version: int) -> None:
    """Whichever byte of the ClientGuid is another, a lease key is another client's."""
    form, decisions = form_of(version), set()
    for how in DIFFERENT:
        first, second = (logon(lab, guid) for guid in pair(lab, how))
        key = lab.guid()
        first.tree().open(contexts=[form(key, RH)])
        decisions.add(second.tree().create(contexts=[form(key, RH)]).actual)
    check.that(lab, "different decisions", len(decisions), specification=1)
    check.alive(first)


@case(
    "clientguid.lease-ack",
    requirements=["SMB2-3.3.5.22.2-04"],
    needs=[SMB3, LEASING],
    variants={"how": APART},
)
def test_another_client_acknowledges(lab: Lab, how: str) -> None:
    """A client with another ClientGuid cannot acknowledge the break of a lease, though it has the key and the
    user.
    """
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    contender = lab.another_client()
    file = first.tree().open(contexts=[lease(lab.guid(), RWH)])
    elsewhere = second.tree()
    opening = contender.tree().create(file.name, wait=False)
    first.wait_lease_break().required()
    assert file.lease is not None
    answer = elsewhere.acknowledge_lease(file.lease.lease_key, RH)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    file.acknowledge_lease(RH).required()
    opening.wait().required()
    check.alive(first)


@case(
    "clientguid.create-guid-of-two-clients",
    requirements=["SMB2-3.3.5.9.10-02"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"how": DIFFERENT, "replay": [False, True]},
    answers=["smbtorture:hole.replay-other-client-guid"],
    takes_turns=MAY_USE_ZERO,
)
def test_a_create_guid_of_two_clients(lab: Lab, how: str, replay: bool) -> None:
    """A CreateGuid that another client uses is free: the CREATE opens the file a second time."""
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    contexts = [durable_v2(lab.guid())]
    file = first.tree().open(contexts=contexts)
    answer = second.tree().create(file.name, contexts=contexts, replay=replay)
    check(answer, specification=Status.SUCCESS)
    apart = answer.open.file_id.persistent != file.file_id.persistent
    check.that(answer, "another open", apart, specification=True)
    check.alive(first)


@case(
    "clientguid.create-guid-of-one-client",
    requirements=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-08"],
    needs=[SMB3, DURABLE_HANDLES],
    variants={"how": SAME, "replay": [False, True]},
    takes_turns=MAY_USE_ZERO,
)
def test_a_create_guid_of_one_client(lab: Lab, how: str, replay: bool) -> None:
    """A CreateGuid that the client uses in another session is taken."""
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    contexts = [durable_v2(lab.guid())]
    file = first.tree().open(contexts=contexts)
    answer = second.tree().create(file.name, contexts=contexts, replay=replay)
    which = "SMB2-3.3.5.9-08" if replay else None
    check(answer, requirement=which, specification=Status.DUPLICATE_OBJECTID, opened_again=Status.SUCCESS)
    check.alive(first)


@case(
    "clientguid.create-guid-consistent",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3, DURABLE_HANDLES],
    takes_turns=USES_ZERO,
)
def test_create_guids_are_treated_alike(lab: Lab) -> None:
    """Whichever byte of the ClientGuid is another, a CreateGuid is another client's, with the replay flag or
    without it.
    """
    decisions = set()
    for how in DIFFERENT:
        first, second = (logon(lab, guid) for guid in pair(lab, how))
        file = first.tree().open()
        there = second.tree()
        for replay in (False, True):
            contexts = [durable_v2(lab.guid())]
            name = first.tree().open(contexts=contexts).name
            decisions.add(there.create(name, contexts=contexts, replay=replay).actual)
        file.close()
    check.that(lab, "different decisions", len(decisions), specification=1)
    check.alive(first)


def moving(lab: Lab, how: str) -> Answer:
    """Open a file for one application instance with both ClientGuids of a pair."""
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    contexts = [app_instance(lab.guid()), durable_v2(lab.guid())]
    file = first.tree().open(contexts=contexts, share_access=ShareAccess.NONE)
    return second.tree().create(
        file.name,
        contexts=contexts,
        share_access=ShareAccess.NONE,
        requested_oplock_level=OplockLevel.NONE,
    )


@case(
    "clientguid.app-instance",
    requirements=["SMB2-3.3.5.9.13-01", "SMB2-3.3.5.9.13-02"],
    needs=[SMB3],
    variants={"how": (*SAME, *DIFFERENT)},
    answers=["smbtorture:hole.app-instance", "ms:Model_AppInstanceId"],
    takes_turns=MAY_USE_ZERO,
)
def test_whose_application_it_is(lab: Lab, how: str) -> None:
    """An application instance moves between connections of two ClientGuids, and not between those of one."""
    first, second = (logon(lab, guid) for guid in pair(lab, how))
    instance = lab.guid()
    file = first.tree().open(
        contexts=[app_instance(instance), durable_v2(lab.guid())], share_access=ShareAccess.NONE
    )
    contexts = [app_instance(instance), durable_v2(lab.guid())]
    answer = second.tree().create(file.name, contexts=contexts, share_access=ShareAccess.NONE)
    if how in SAME:
        check(answer, requirement="SMB2-3.3.5.9.13-02", specification=Status.SHARING_VIOLATION)
    else:
        check(answer, specification=Status.SUCCESS, ignored=Status.SHARING_VIOLATION)
    check.alive(second)


@case(
    "clientguid.app-instance-consistent",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3],
    takes_turns=USES_ZERO,
)
def test_applications_are_treated_alike(lab: Lab) -> None:
    """Whichever byte of the ClientGuid is another, an application instance moves, or none does."""
    decisions = {moving(lab, how).actual for how in DIFFERENT}
    check.that(lab, "different decisions", len(decisions), specification=1)
    check.alive(lab.logon())
