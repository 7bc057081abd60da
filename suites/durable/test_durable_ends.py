"""How a durable handle comes to its end, or does not ([MS-SMB2] 3.3.5.6, 3.3.5.8, 3.3.6.2, 3.3.7.1)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, ShareAccess
from smbtorture_py.wire.status import Status
from suites.durable.handles import SOME, Client, Kind
from suites.tree.dialects import DIALECTS

VERSION_2: Final = (Kind.V2_BATCH, Kind.V2_LEASE_V2)
SHORT: Final = 1000
"""Milliseconds that a handle is kept in these cases."""
LONG: Final = 3.0
"""Seconds after which it is certainly gone."""
HALF: Final = 0.5
STAT: Final = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE


@case(
    "durable.logoff-keeps",
    requirements=["SMB2-3.3.5.6-05"],
    needs=[DURABLE_HANDLES],
    variants=[
        *({"kind": Kind.V1_BATCH, "where": "same", "dialect": one} for one in DIALECTS),
        *({"kind": kind, "where": "new", "dialect": DIALECTS[-1]} for kind in SOME),
    ],
    answers=["smbtorture:durable-open.reopen4", "ms:Model_DurableHandleReconnect"],
)
def test_logoff_keeps_durable_handles(lab: Lab, kind: Kind, where: str) -> None:
    """LOGOFF parts durable handles from their session: they can come back, on its connection too."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.session.logoff().required()
    connection = client.session.connection if where == "same" else None
    session = lab.logon(connection=connection)
    check(handle.reconnect(Client(session)), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "durable.logoff-with-two-channels",
    requirements=["SMB2-3.3.5.6-05"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"kind": SOME},
)
def test_logoff_over_another_channel(lab: Lab, kind: Kind) -> None:
    """LOGOFF over one channel keeps a durable handle that was opened over another."""
    client = Client(lab.logon())
    second = client.session.add_channel()
    handle = client.handle(kind)
    client.session.logoff(on=second).required()
    session = lab.logon(connection=second)
    check(handle.reconnect(Client(session)), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "durable.tree-disconnect-ends",
    requirements=["SMB2-3.3.5.8-02"],
    needs=[DURABLE_HANDLES],
    variants=[
        *({"kind": Kind.V1_BATCH, "dialect": one} for one in DIALECTS),
        *({"kind": kind, "dialect": DIALECTS[-1]} for kind in SOME[1:]),
    ],
    answers=["smbtorture:durable-open.reopen3"],
)
def test_tree_disconnect_closes_durable_handles(lab: Lab, kind: Kind) -> None:
    """TREE_DISCONNECT closes durable handles for good."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    client.tree.disconnect().required()
    client.tree = client.session.tree()
    check(handle.reconnect(client), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(client.session)


@case(
    "durable.tree-disconnect-after-reconnect",
    requirements=["SMB2-3.3.5.9.7-23"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
)
def test_a_file_is_free_after_tree_disconnect(lab: Lab, kind: Kind) -> None:
    """TREE_DISCONNECT closes a reconnected handle that shares nothing, and others can open its file."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, share_access=ShareAccess.NONE)
    client.lose()
    back = client.back()
    handle.reconnect(back).required()
    back.tree.disconnect().required()
    opening = other.tree.create(handle.file.name)
    check(opening, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.close-ends",
    requirements=["SMB2-3.3.5.9.7-02", "SMB2-3.3.5.9.12-03"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "reconnected": [False, True]},
)
def test_close_ends_a_durable_handle(lab: Lab, kind: Kind, reconnected: bool) -> None:
    """After CLOSE there is nothing to come back for, also where the handle had come back before."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    if reconnected:
        client.lose()
        client = client.back()
        handle.adopt(handle.reconnect(client).open)
    handle.file.close().required()
    client.lose()
    back = client.back()
    which = "SMB2-3.3.5.9.7-02" if kind.version == 1 else "SMB2-3.3.5.9.12-03"
    answer = handle.reconnect(back)
    check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.server-disconnects",
    requirements=["SMB2-3.3.7.1-10"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME, "reason": ["negotiate", "short"]},
    answers=["ms:DurableHandleV1_Reconnect_AfterServerDisconnect"],
)
def test_a_connection_that_the_server_ends(lab: Lab, kind: Kind, reason: str) -> None:
    """Durable handles survive that the server itself ends the connection, as it does with broken clients."""
    client = Client(lab.logon())
    handle = client.handle(kind)
    connection = client.session.connection
    connection.may_be_lost = True
    if reason == "negotiate":
        connection.negotiate()
    else:
        connection.send_frame(b"short")
    if not connection.wait_lost():
        connection.close()
    back = client.back()
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.two-sessions-one-connection",
    requirements=["SMB2-3.3.7.1-11"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"kind": SOME},
)
def test_two_sessions_lose_one_connection(lab: Lab, kind: Kind) -> None:
    """Of two sessions on a lost connection one has another channel and keeps its handle; the other's handle
    can come back.
    """
    staying = Client(lab.logon())
    leaving = Client(lab.logon(connection=staying.session.connection))
    staying.session.add_channel()
    kept, left = staying.handle(kind), leaving.handle(kind)
    staying.session.channels[0].close()
    staying.sees_end_of(leaving)
    check(kept.file.write(b"still here"), specification=Status.SUCCESS)
    check(kept.reconnect(staying), specification=Status.OBJECT_NAME_NOT_FOUND)
    check(left.reconnect(staying), specification=Status.SUCCESS)
    check.alive(staying.session)


@case(
    "durable.kept-for-its-time",
    requirements=["SMB2-3.3.6.2-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2},
)
def test_a_handle_is_kept_for_its_time(lab: Lab, kind: Kind) -> None:
    """A reconnect before the Timeout is over succeeds."""
    client = Client(lab.logon())
    handle = client.handle(kind, timeout=2 * SHORT)
    client.lose()
    back = client.back()
    lab.pause(SHORT / 1000)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.gone-after-its-time",
    requirements=["SMB2-3.3.6.2-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2, "timeout": [1, SHORT]},
    answers=[
        "smbtorture:durable-open-disconnect.open-oplock-disconnect",
        "smbtorture:durable-v2-delay.durable_v2_reconnect_delay_msec",
    ],
)
def test_a_handle_is_gone_after_its_time(lab: Lab, kind: Kind, timeout: int) -> None:
    """A reconnect long after the Timeout finds nothing."""
    client = Client(lab.logon())
    handle = client.handle(kind, timeout=timeout)
    client.lose()
    back = client.back()
    lab.pause(LONG)
    check(handle.reconnect(back), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.time-runs-from-the-loss",
    requirements=["SMB2-3.3.7.1-12"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2},
)
def test_the_time_begins_with_the_loss(lab: Lab, kind: Kind) -> None:
    """The Timeout begins when the connection is lost, however long the file has been open."""
    client = Client(lab.logon())
    handle = client.handle(kind, timeout=SHORT)
    lab.pause(2 * SHORT / 1000)
    client.lose()
    back = client.back()
    lab.pause(HALF * HALF)
    check(handle.reconnect(back), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.time-starts-anew",
    requirements=["SMB2-3.3.7.1-12"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2},
    answers=["smbtorture:durable-v2-open.reconnect-twice"],
)
def test_the_time_begins_anew_with_the_next_loss(lab: Lab, kind: Kind) -> None:
    """A handle that came back and was lost again is kept for its whole Timeout once more."""
    client = Client(lab.logon())
    handle = client.handle(kind, timeout=3 * SHORT)
    client.lose()
    lab.pause(2 * SHORT / 1000)
    back = client.back()
    handle.adopt(handle.reconnect(back).open)
    back.lose()
    again = back.back()
    lab.pause(2 * SHORT / 1000)
    check(handle.reconnect(again), specification=Status.SUCCESS, lost=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(again.session)


@case(
    "durable.time-stops-with-the-reconnect",
    requirements=["SMB2-3.3.6.2-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2},
)
def test_the_time_of_a_connected_handle_does_not_run(lab: Lab, kind: Kind) -> None:
    """A handle that came back in time stays open when its Timeout would have been over."""
    client = Client(lab.logon())
    handle = client.handle(kind, timeout=SHORT)
    client.lose()
    back = client.back()
    file = handle.reconnect(back).open
    lab.pause(2 * SHORT / 1000)
    check(file.write(b"still open"), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.expiry-deletes",
    requirements=["SMB2-3.3.5.9.12-24"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"kind": VERSION_2},
)
def test_the_end_of_its_time_deletes(lab: Lab, kind: Kind) -> None:
    """A file that is to be deleted on close is gone some time after its durable handle was left."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind, timeout=SHORT, create_options=CreateOptions.DELETE_ON_CLOSE)
    client.leave(other)

    def look() -> Answer:
        answer = other.tree.create(
            handle.file.name, desired_access=STAT, create_disposition=CreateDisposition.OPEN
        )
        if answer.actual is Status.SUCCESS:
            answer.open.close()
        return answer

    gone = lab.eventually(look, lambda one: one.actual is Status.OBJECT_NAME_NOT_FOUND, within=LONG)
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(other.session)
