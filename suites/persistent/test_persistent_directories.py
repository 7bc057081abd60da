"""Persistent handles on directories, two on one lease, and a contender that replays ([MS-SMB2] 3.3.5.9,
3.3.5.9.10, 3.3.5.9.11, 3.3.5.9.12).
"""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, durable_v2, lease
from smbtorture_py.conformance.needs import DIRECTORY_LEASING
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.durable.handles import Client, Kind
from suites.persistent.handles import NEEDS, another, arrive, persistent

AT_ONCE: Final = 2.0
"""Seconds in which an answer comes that waits for nobody."""

NUMBER: Final = 1
"""The channel sequence of a client that has lost a channel."""


@case(
    "persistent.directory-lease",
    requirements=["SMB2-3.3.5.9.11-04", "SMB2-3.3.5.9.10-13"],
    needs=[*NEEDS, DIRECTORY_LEASING],
    variants={"wanted": [R, RW, RH, RWH], "asked": [False, True]},
    answers=[
        "smbtorture:persistent-open.directory-leaselevels",
        "smbtorture:persistent-open.directory-leaselevels-fo",
        "smbtorture:persistent-open.directory-leaselevels-fo-ca",
    ],
)
def test_the_lease_of_a_directory_on_an_available_share(lab: Lab, wanted: LeaseState, asked: bool) -> None:
    """On a continuously available share a directory gets the lease that it gets elsewhere, whether it is to
    be persistent or not.
    """
    client = arrive(lab)
    contexts = [lease(lab.guid(), wanted), *([durable_v2(lab.guid(), persistent=True)] if asked else [])]
    directory = client.tree.directory(contexts=contexts)
    check.that(
        directory,
        "lease state",
        directory.lease_state,
        specification=wanted & RH,
        samba=(LeaseState.NONE, None),
    )
    check.that(
        directory,
        "persistent",
        directory.is_persistent,
        requirement="SMB2-3.3.5.9.10-13",
        specification=asked,
    )
    check.alive(client.session)


@case(
    "persistent.two-of-one-lease",
    requirements=["SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9-22"],
    needs=NEEDS,
    variants={"state": [R, RH, RWH], "contended": [False, True]},
    answers=["smbtorture:persistent-open-reconnect-contended.reconnect-contended-two"],
)
def test_two_handles_of_one_lease_come_back(lab: Lab, state: LeaseState, contended: bool) -> None:
    """Two persistent handles of one lease come back one after the other, both with its state, also where
    somebody else has asked for the file in between.
    """
    client, other = arrive(lab), another(lab)
    first = persistent(client, Kind.V2_LEASE_V2, state=state)
    second = client.handle(
        Kind.V2_LEASE_V2, first.file.name, state=state, key=first.lease_key, persistent=True
    )
    granted = second.file.lease_state
    client.leave(other)
    if contended:
        asking = other.tree.create(first.file.name, wait=False).wait(AT_ONCE)
        check(
            asking,
            requirement="SMB2-3.3.5.9-22",
            specification=Status.FILE_NOT_AVAILABLE,
            windows_waits=NO_ANSWER,
            windows=Status.SUCCESS,
        )
    back = client.back()
    answer = first.reconnect(back)
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "lease state", answer.open.lease_state, specification=granted)
    answer = second.reconnect(back)
    check(answer, specification=Status.SUCCESS, windows=Status.FILE_NOT_AVAILABLE)
    check.that(answer, "lease state", answer.open.lease_state, specification=granted)
    check.alive(back.session)


@case(
    "persistent.contender-replays",
    requirements=["SMB2-3.3.5.9-22", "SMB2-3.3.5.9.10-13"],
    needs=NEEDS,
    variants={"kind": [Kind.V2_BARE, Kind.V2_LEASE_V2]},
    answers=["smbtorture:persistent-open-reconnect-contended.reconnect-contended-replay"],
)
def test_a_contender_loses_its_connection_and_replays(lab: Lab, kind: Kind) -> None:
    """Whoever asks in vain for the file of a disconnected handle asks in vain again in a new session, with
    the replay flag, and gets it once the handle has come back.
    """
    client, other = arrive(lab), another(lab)
    handle = persistent(client, kind, state=RH)
    client.leave(other)
    contexts = [durable_v2(lab.guid(), persistent=True)]

    def ask(contender: Client, *, replay: bool) -> CreateAnswer:
        return contender.tree.create(
            handle.file.name,
            contexts=contexts,
            replay=replay,
            channel_sequence=NUMBER if replay else 0,
            wait=False,
        )

    def check_in_vain(answer: CreateAnswer) -> None:
        check(
            answer.wait(AT_ONCE),
            specification=Status.FILE_NOT_AVAILABLE,
            windows_waits=NO_ANSWER,
            windows=Status.SUCCESS,
        )

    check_in_vain(ask(other, replay=False))
    other.lose()
    again = other.back()
    check_in_vain(ask(again, replay=True))
    back = client.back()
    check(handle.reconnect(back), requirement="SMB2-3.3.5.9.12-02", specification=Status.SUCCESS)
    answer = ask(again, replay=True).wait()
    check(
        answer,
        requirement="SMB2-3.3.5.9.10-13",
        specification=Status.SUCCESS,
        samba=Status.FILE_NOT_AVAILABLE,
    )
    check.alive(back.session)
    check.alive(again.session)
