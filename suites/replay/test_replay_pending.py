"""Replays of a CREATE that still waits for a break ([MS-SMB2] 3.3.5.9 leaves them open)."""

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab, LabOpen, LabSession
from smbtorture_py.conformance.lab.handle_contexts import RW, RWH, lease
from smbtorture_py.conformance.needs import BLACKHOLE, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.create import CreateAction, CreateDisposition, OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, SILENT, lose
from suites.replay.originals import DURABLE, SHARED, Caching, Original, check_same

HELD = ("oplock", "lease")
ENDS = NOTICED + SILENT
EVERY: tuple[Caching, ...] = (Caching.NOTHING, *DURABLE)

AT_ONCE = 1.0
"""Seconds in which a replay is answered that does not wait."""


def hold(session: LabSession, by: str, share: ShareAccess = SHARED) -> LabOpen:
    """Open a new file with a batch oplock or a lease of RWH, which another client's CREATE breaks."""
    if by == "lease":
        return session.tree().open(contexts=[lease(session.lab.guid(), RWH)], share_access=share)
    return session.tree().open(requested_oplock_level=OplockLevel.BATCH, share_access=share)


def wait_break(session: LabSession, by: str) -> None:
    """Wait for the break of what `hold` holds; blocks the case where none comes."""
    if by == "lease":
        session.wait_lease_break().required()
    else:
        session.wait_oplock_break().required()


def waiting(original: Original) -> CreateAnswer:
    """Send a CREATE that waits; blocks the case where it does not."""
    answer = original.send(wait=False)
    if not answer.wait_pending():
        raise Blocked(f"{answer.label} does not wait")
    return answer


@case(
    "replay.pending",
    requirements=["SMB2-3.3.5.9-21", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"held": HELD, "caching": EVERY},
    answers=[
        "smbtorture:replay.dhv2-pending1n-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending1n-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending1n-vs-lease-sane",
        "smbtorture:replay.dhv2-pending1n-vs-lease-windows",
        "smbtorture:replay.dhv2-pending1l-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending1l-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending1l-vs-lease-sane",
        "smbtorture:replay.dhv2-pending1l-vs-lease-windows",
        "smbtorture:replay.dhv2-pending1o-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending1o-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending1o-vs-lease-sane",
        "smbtorture:replay.dhv2-pending1o-vs-lease-windows",
    ],
)
def test_a_replay_of_a_create_that_waits(lab: Lab, held: str, caching: Caching) -> None:
    """What the replay of a waiting CREATE is answered with is noted; once that one has ended, a replay
    returns its open.
    """
    other, session = lab.another_client(), lab.logon()
    file = hold(other, held)
    original = Original(session.tree(), caching, name=file.name)
    first = waiting(original)
    wait_break(other, held)
    for _ in range(2):
        answer = original.again(within=AT_ONCE)
        check(
            answer,
            file_not_available=Status.FILE_NOT_AVAILABLE,
            access_denied=Status.ACCESS_DENIED,
            waits=NO_ANSWER,
        )
    breaks = len(other.lease_breaks) + len(other.oplock_breaks)
    check.that(other, "breaks that the holder was sent", breaks, specification=1)
    file.close().required()
    check(first.wait(), requirement="SMB2-3.3.5.9-01", specification=Status.SUCCESS)
    if caching is not Caching.NOTHING:
        check_same(original.again(), first.open, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.pending-on-another-channel",
    requirements=["SMB2-3.3.5.9-21", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL],
    variants={"held": HELD, "caching": DURABLE},
    answers=[
        "smbtorture:replay.dhv2-pending3n-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3n-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3n-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3n-vs-lease-windows",
        "smbtorture:replay.dhv2-pending3l-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3l-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3l-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3l-vs-lease-windows",
        "smbtorture:replay.dhv2-pending3o-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3o-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3o-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3o-vs-lease-windows",
    ],
)
def test_a_replay_on_another_channel_of_a_create_that_waits(lab: Lab, held: str, caching: Caching) -> None:
    """While a CREATE waits on one channel its replay comes on another; once it has ended, a replay there
    returns its open.
    """
    other, session = lab.another_client(), lab.logon()
    second = session.add_channel()
    file = hold(other, held)
    original = Original(session.tree(), caching, name=file.name)
    first = waiting(original)
    wait_break(other, held)
    answer = original.again(on=second, channel_sequence=1, within=AT_ONCE)
    check(
        answer,
        file_not_available=Status.FILE_NOT_AVAILABLE,
        access_denied=Status.ACCESS_DENIED,
        waits=NO_ANSWER,
    )
    file.close().required()
    check(first.wait(), requirement="SMB2-3.3.5.9-01", specification=Status.SUCCESS)
    answer = original.again(on=second, channel_sequence=1)
    check_same(answer, first.open, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.pending-without-flag",
    requirements=["SMB2-3.3.5.9-21", "SMB2-3.3.5.9.10-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"held": HELD},
)
def test_a_create_guid_of_a_create_that_waits(lab: Lab, held: str) -> None:
    """What comes of a CREATE without the replay flag, with the CreateGuid of one that waits, is noted; once
    that one has ended it is refused.
    """
    other, session = lab.another_client(), lab.logon()
    file = hold(other, held)
    original = Original(session.tree(), Caching.LEASE_V2, name=file.name)
    first = waiting(original)
    wait_break(other, held)
    answer = original.send(within=AT_ONCE)
    check(
        answer,
        duplicate=Status.DUPLICATE_OBJECTID,
        file_not_available=Status.FILE_NOT_AVAILABLE,
        access_denied=Status.ACCESS_DENIED,
        waits=NO_ANSWER,
    )
    file.close().required()
    first.wait().required()
    last = original.send()
    check(last, requirement="SMB2-3.3.5.9.10-01", specification=Status.DUPLICATE_OBJECTID)
    check.alive(session)


@case(
    "replay.pending-cancelled",
    requirements=["SMB2-3.3.5.9-03", "SMB2-3.3.5.16-07"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"held": HELD},
)
def test_a_replay_after_the_original_was_cancelled(lab: Lab, held: str) -> None:
    """A CREATE that was cancelled while it waited leaves nothing for a replay to return: it waits itself."""
    other, session = lab.another_client(), lab.logon()
    file = hold(other, held)
    original = Original(session.tree(), Caching.LEASE_V2, name=file.name)
    first = waiting(original)
    wait_break(other, held)
    first.cancel()
    check(first.wait(), requirement="SMB2-3.3.5.16-07", specification=Status.CANCELLED)
    answer = original.again(wait=False)
    answer.wait_pending()
    file.close().required()
    check(answer.wait(), specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.OPENED)
    check.alive(session)


@case(
    "replay.pending-violation",
    requirements=["SMB2-3.3.5.9-03", "SMB2-3.3.5.9-21"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"held": HELD},
    answers=[
        "smbtorture:replay.dhv2-pending1n-vs-violation-lease-ack-sane",
        "smbtorture:replay.dhv2-pending1n-vs-violation-lease-ack-windows",
    ],
)
def test_a_replay_of_a_create_that_failed(lab: Lab, held: str) -> None:
    """A CREATE that waited and then failed leaves nothing that a replay could return: that fails like it, and
    opens the file once that is free.
    """
    other, session = lab.another_client(), lab.logon()
    file = hold(other, held, ShareAccess.NONE)
    original = Original(session.tree(), name=file.name, arguments={"share_access": ShareAccess.NONE})
    first = waiting(original)
    wait_break(other, held)
    if held == "lease":
        file.acknowledge_lease(RW).required()
    else:
        file.acknowledge_oplock(OplockLevel.II).required()
    check(first.wait(), specification=Status.SHARING_VIOLATION)
    check(original.again(), specification=Status.SHARING_VIOLATION)
    file.close().required()
    answer = original.again()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "create_action", specification=CreateAction.OPENED)
    check.alive(session)


@case(
    "replay.pending-violation-ends",
    requirements=["SMB2-3.3.5.9-21", "SMB2-3.3.5.9-01"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
    variants={"held": HELD},
    answers=[
        "smbtorture:replay.dhv2-pending1n-vs-violation-lease-close-sane",
        "smbtorture:replay.dhv2-pending1n-vs-violation-lease-close-windows",
    ],
)
def test_a_replay_of_a_create_that_waits_for_a_handle(lab: Lab, held: str) -> None:
    """A CREATE waits because of a sharing violation, which the holder resolves by closing: a replay meanwhile
    is noted, one after that returns the open.
    """
    other, session = lab.another_client(), lab.logon()
    file = hold(other, held, ShareAccess.NONE)
    original = Original(session.tree(), name=file.name, arguments={"share_access": ShareAccess.NONE})
    first = waiting(original)
    wait_break(other, held)
    check(
        original.again(within=AT_ONCE),
        file_not_available=Status.FILE_NOT_AVAILABLE,
        access_denied=Status.ACCESS_DENIED,
        waits=NO_ANSWER,
    )
    file.close().required()
    check(first.wait(), requirement="SMB2-3.3.5.9-01", specification=Status.SUCCESS)
    check_same(original.again(), first.open, "SMB2-3.3.5.9-01")
    check.alive(session)


@case(
    "replay.pending-channels-lost",
    requirements=["SMB2-3.3.5.9-01", "SMB2-3.3.5.9-21"],
    needs=[SMB3, DURABLE_HANDLES, LEASING, MULTI_CHANNEL, BLACKHOLE],
    variants={"held": HELD, "fault": ENDS},
    answers=[
        "smbtorture:replay.dhv2-pending2n-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending2n-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending2n-vs-lease-sane",
        "smbtorture:replay.dhv2-pending2n-vs-lease-windows",
        "smbtorture:replay.dhv2-pending2l-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending2l-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending2l-vs-lease-sane",
        "smbtorture:replay.dhv2-pending2l-vs-lease-windows",
        "smbtorture:replay.dhv2-pending2o-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending2o-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending2o-vs-lease-sane",
        "smbtorture:replay.dhv2-pending2o-vs-lease-windows",
        "smbtorture:replay.dhv2-pending3n-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3n-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3n-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3n-vs-lease-windows",
        "smbtorture:replay.dhv2-pending3l-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3l-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3l-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3l-vs-lease-windows",
        "smbtorture:replay.dhv2-pending3o-vs-oplock-sane",
        "smbtorture:replay.dhv2-pending3o-vs-oplock-windows",
        "smbtorture:replay.dhv2-pending3o-vs-lease-sane",
        "smbtorture:replay.dhv2-pending3o-vs-lease-windows",
    ],
)
def test_a_replay_after_channel_upon_channel_is_lost(lab: Lab, held: str, fault: FaultKind) -> None:
    """A CREATE waits, its channel is lost, and so are those of its replays: when the file is free, a replay
    on the last channel has it, and it is open once only.
    """
    other, session = lab.another_client(), lab.logon()
    for _ in range(3):
        session.add_channel()
    file = hold(other, held)
    original = Original(
        session.tree(), name=file.name, arguments={"create_disposition": CreateDisposition.OPEN_IF}
    )
    waiting(original)
    wait_break(other, held)
    last = session.channels[-1]
    for number, channel in enumerate(session.channels[:-1]):
        lose(channel, fault)
        original.again(
            on=session.channels[number + 1], channel_sequence=number + 1, wait=False
        ).wait_pending()
    file.close().required()
    answer = lab.eventually(
        lambda: original.again(on=last, channel_sequence=3), lambda one: one.actual is Status.SUCCESS
    )
    check(answer, specification=Status.SUCCESS)
    check_same(original.again(on=last, channel_sequence=3), answer.open)
    check(answer.open.close(on=last), specification=Status.SUCCESS)
    check.alive(session)
