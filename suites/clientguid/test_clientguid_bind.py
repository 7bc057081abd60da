"""Channels of other ClientGuids, and what a server that binds them makes of files on them ([MS-SMB2] 3.3.5.5,
3.3.5.9, 3.3.5.9.8, 3.3.5.9.12, 3.3.5.22).
"""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, app_instance, durable_v2, lease
from smbtorture_py.conformance.needs import BY_DIALECT, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.create import OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from suites.clientguid.guids import DIFFERENT, MAY_USE_ZERO, USES_ZERO, bound, client, logon, pair
from suites.durable.handles import LEASED, Client, Kind, check_data
from suites.tree.dialects import SMB_3

DATA: Final = b"over a channel of another ClientGuid"


@case(
    "clientguid.bind-same",
    requirements=["SMB2-3.3.5.5-46"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[
        *({"how": "same", "dialect": dialect} for dialect in SMB_3),
        {"how": "both-zero", "dialect": SMB_3[-1]},
    ],
    answers=["smbtorture:hole.client-guid-zero"],
    takes_turns=MAY_USE_ZERO,
)
def test_a_channel_of_the_same_client_guid(lab: Lab, how: str) -> None:
    """A connection with the ClientGuid of the session is bound to it, zero or not."""
    first, second = pair(lab, how)
    session = logon(lab, first)
    check(lab.connect(client_guid=second).bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "clientguid.bind-different",
    requirements=["SMB2-3.3.5.5-12"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"how": DIFFERENT},
    takes_turns=MAY_USE_ZERO,
)
def test_a_channel_of_another_client_guid(lab: Lab, how: str) -> None:
    """A connection with another ClientGuid is bound or refused; the session lives on."""
    first, second = pair(lab, how)
    session = logon(lab, first)
    bound(lab, session, second)
    check.alive(session)


@case(
    "clientguid.bind-consistent",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3[-1:]},
    takes_turns=USES_ZERO,
)
def test_binds_are_treated_alike(lab: Lab) -> None:
    """Whichever byte of the ClientGuid is another, a server binds all such connections or none."""
    decisions = {}
    for how in DIFFERENT:
        first, second = pair(lab, how)
        session = logon(lab, first)
        answer = lab.connect(client_guid=second).bind(session)
        decisions[how] = answer.actual
    check.that(lab, "different decisions", len(set(decisions.values())), specification=1)
    check.alive(session)


@case(
    "clientguid.bind-consistent-over-dialects",
    requirements=["SMB2-3.3.1.7-10"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_dialects_are_treated_alike(lab: Lab) -> None:
    """Whether the ClientGuid of a bind is enforced does not depend on the dialect."""
    decisions = set()
    for dialect in (one for one in SMB_3 if BY_DIALECT[one].met_by(lab.target.capabilities)):
        session = lab.logon(offer={"client_guid": lab.guid(), "dialect": dialect})
        answer = lab.connect(client_guid=lab.guid(), dialect=dialect).bind(session)
        decisions.add(answer.actual)
    check.that(lab, "different decisions", len(decisions), specification=1)
    check.alive(session)


@case(
    "clientguid.bind-after-loss",
    requirements=["SMB2-3.3.7.1-03", "SMB2-3.3.5.5-12"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_the_client_guid_of_a_session_without_its_first_channel(lab: Lab) -> None:
    """A connection with the session's ClientGuid is bound also when the first channel is gone."""
    guid = lab.guid()
    session = logon(lab, guid)
    lab.connect(client_guid=guid).bind(session).required()
    session.channels[0].close()
    check(lab.connect(client_guid=guid).bind(session), specification=Status.SUCCESS)
    bound(lab, session, lab.guid())
    check.alive(session)


@case(
    "clientguid.files-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.5-46"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_files_over_a_channel_of_another_client_guid(lab: Lab) -> None:
    """A file that was opened over one channel can be used over one of another ClientGuid, where that is
    bound.
    """
    session = logon(lab, lab.guid())
    other = bound(lab, session, lab.guid())
    file = session.tree().open()
    if other is not None:
        which = "SMB2-3.3.5.5-46"
        check(file.write(DATA, on=other), requirement=which, specification=Status.SUCCESS)
        check_data(file, DATA, requirement=which, on=other)
    check.alive(session)


@case(
    "clientguid.oplock-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.22.1-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"opened_on": [0, 1]},
)
def test_an_oplock_break_over_a_mixed_channel(lab: Lab, opened_on: int) -> None:
    """The break of an oplock is acknowledged over a channel of another ClientGuid than the file was opened
    on.
    """
    session, contender = logon(lab, lab.guid()), lab.another_client()
    other = bound(lab, session, lab.guid())
    if other is not None:
        channels = (session.channels[0], other)
        file = session.tree().open(requested_oplock_level=OplockLevel.BATCH, on=channels[opened_on])
        opening = contender.tree().create(file.name, wait=False)
        session.wait_oplock_break().required()
        answer = file.acknowledge_oplock(OplockLevel.II, on=channels[1 - opened_on])
        check(answer, requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
        check(opening.wait(), requirement="SMB2-3.3.5.22.1-10", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "clientguid.lease-break-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.4.7-06"],
    needs=[SMB3, MULTI_CHANNEL, LEASING],
    variants={"opened_on": [0, 1]},
)
def test_a_lease_break_and_a_mixed_channel(lab: Lab, opened_on: int) -> None:
    """The break of a lease goes to a connection with the ClientGuid that the file was opened with, and to no
    other.
    """
    session, contender = logon(lab, lab.guid()), lab.another_client()
    other = bound(lab, session, lab.guid())
    if other is not None:
        channel = (session.channels[0], other)[opened_on]
        file = session.tree().open(contexts=[lease(lab.guid(), RWH)], on=channel)
        opening = contender.tree().create(file.name, wait=False)
        broken = session.wait_lease_break()
        which = "SMB2-3.3.4.7-06"
        check.that(session, "channel", broken.channel is channel, requirement=which, specification=True)
        file.acknowledge_lease(RH, on=channel).required()
        check(opening.wait(), requirement=which, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "clientguid.lease-ack-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.22.2-06"],
    needs=[SMB3, MULTI_CHANNEL, LEASING],
)
def test_a_lease_acknowledgment_over_a_mixed_channel(lab: Lab) -> None:
    """Over a channel of another ClientGuid the lease to acknowledge is not found; over its own it is."""
    session, contender = logon(lab, lab.guid()), lab.another_client()
    other = bound(lab, session, lab.guid())
    if other is not None:
        file = session.tree().open(contexts=[lease(lab.guid(), RWH)])
        opening = contender.tree().create(file.name, wait=False)
        session.wait_lease_break().required()
        which = "SMB2-3.3.5.22.2-06"
        answer = file.acknowledge_lease(RH, on=other)
        check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
        check(file.acknowledge_lease(RH), requirement=which, specification=Status.SUCCESS)
        opening.wait().required()
    check.alive(session)


@case(
    "clientguid.lease-key-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.9.8-03"],
    needs=[SMB3, MULTI_CHANNEL, LEASING],
)
def test_a_lease_key_over_a_mixed_channel(lab: Lab) -> None:
    """A lease key names two files of a session over channels of two ClientGuids, and not over one."""
    session = logon(lab, lab.guid())
    other = bound(lab, session, lab.guid())
    tree, key = session.tree(), lab.guid()
    tree.open(contexts=[lease(key, RH)])
    if other is not None:
        apart = tree.create(contexts=[lease(key, RH)], on=other)
        check(apart, requirement="SMB2-3.3.5.9.8-03", specification=Status.SUCCESS)
    same = tree.create(contexts=[lease(key, RH)])
    check(same, requirement="SMB2-3.3.5.9.8-03", specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "clientguid.replay-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.9-10", "SMB2-3.3.5.9-11"],
    needs=[SMB3, MULTI_CHANNEL, DURABLE_HANDLES],
)
def test_a_replay_over_a_mixed_channel(lab: Lab) -> None:
    """A CREATE is replayed over a channel of another ClientGuid: that is a new CREATE, and over its own it is
    a replay.
    """
    client_guid = lab.guid()
    session = logon(lab, client_guid)
    own = lab.connect(client_guid=client_guid)
    own.bind(session).required()
    other = bound(lab, session, lab.guid())
    tree, guid = session.tree(), lab.guid()
    contexts = [durable_v2(guid)]
    file = tree.open(
        contexts=contexts, share_access=ShareAccess.NONE, requested_oplock_level=OplockLevel.NONE
    )
    if other is not None:
        answer = tree.create(
            file.name, contexts=contexts, share_access=ShareAccess.NONE, replay=True, on=other
        )
        check(answer, requirement="SMB2-3.3.5.9-10", specification=Status.SHARING_VIOLATION)
    answer = tree.create(file.name, contexts=contexts, share_access=ShareAccess.NONE, replay=True, on=own)
    check(answer, requirement="SMB2-3.3.5.9-11", specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the same FileId", same, requirement="SMB2-3.3.5.9-11", specification=True)
    check.alive(session)


@case(
    "clientguid.reconnect-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07"],
    needs=[SMB3, MULTI_CHANNEL, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
)
def test_a_reconnect_over_a_mixed_channel(lab: Lab, kind: Kind) -> None:
    """A leased handle does not come back over a channel of another ClientGuid, and does over its own."""
    guid = lab.guid()
    owner = client(lab, guid)
    handle = owner.handle(kind)
    owner.lose()
    back = client(lab, guid)
    back.sees_end_of(owner)
    other = bound(lab, back.session, lab.guid())
    which = "SMB2-3.3.5.9.7-06" if kind.version == 1 else "SMB2-3.3.5.9.12-07"
    if other is not None:
        answer = handle.reconnect(back, on=other)
        check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
    check(handle.reconnect(back), requirement=which, specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "clientguid.opened-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07"],
    needs=[SMB3, MULTI_CHANNEL, DURABLE_HANDLES, LEASING],
    variants={"kind": LEASED},
)
def test_a_handle_that_was_opened_over_a_mixed_channel(lab: Lab, kind: Kind) -> None:
    """A leased handle belongs to the ClientGuid of the connection it was opened on, not to that of its
    session.
    """
    of_session, of_channel = lab.guid(), lab.guid()
    owner = client(lab, of_session)
    other = bound(lab, owner.session, of_channel)
    if other is not None:
        handle = owner.handle(kind, on=other)
        owner.lose()
        wrong, right = client(lab, of_session), client(lab, of_channel)
        wrong.sees_end_of(owner)
        which = "SMB2-3.3.5.9.7-06" if kind.version == 1 else "SMB2-3.3.5.9.12-07"
        answer = handle.reconnect(wrong)
        check(answer, requirement=which, specification=Status.OBJECT_NAME_NOT_FOUND)
        check(handle.reconnect(right), requirement=which, specification=Status.SUCCESS)
        check.alive(right.session)
    else:
        check.alive(owner.session)


@case(
    "clientguid.app-instance-over-a-mixed-channel",
    requirements=["SMB2-3.3.5.9.13-14"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_an_application_and_a_mixed_channel(lab: Lab) -> None:
    """Taken literally, an application instance moves from a session to a channel of that session with another
    ClientGuid.
    """
    session = logon(lab, lab.guid())
    other = bound(lab, session, lab.guid())
    if other is not None:
        tree, contexts = session.tree(), [app_instance(lab.guid()), durable_v2(lab.guid())]
        file = tree.open(contexts=contexts, share_access=ShareAccess.NONE)
        answer = tree.create(file.name, contexts=contexts, share_access=ShareAccess.NONE, on=other)
        check(answer, specification=Status.SUCCESS, one_client=Status.SHARING_VIOLATION)
    check.alive(session)


@case(
    "clientguid.previous-session-of-another-client",
    requirements=["SMB2-3.3.5.5.3-30"],
    needs=[SMB3],
    variants={"how": (*DIFFERENT, "same")},
    answers=["smbtorture:hole.different-client-guids"],
    takes_turns=MAY_USE_ZERO,
)
def test_a_previous_session_of_another_client(lab: Lab, how: str) -> None:
    """PreviousSessionId ends a session of the same user, whatever the ClientGuid of either connection."""
    lab.require_clear_sessions()
    first, second = pair(lab, how)
    old = client(lab, first)
    new = lab.logon(previous_session_id=old.session.session_id, offer={"client_guid": second})
    check(old.session.tree_connect(), specification=Status.USER_SESSION_DELETED)
    Client(new).sees_end_of(old)
    check.alive(new)
