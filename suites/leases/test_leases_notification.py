"""The lease break notification, and epochs ([MS-SMB2] 2.2.23.2, 3.3.4.7, 3.3.5.9.11)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease, lease_v1
from smbtorture_py.conformance.needs import ENCRYPTED_SHARE, ENCRYPTION, LEASING, MULTI_CHANNEL, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create_contexts import ResponseLease, ResponseLeaseV2
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakFlags
from smbtorture_py.wire.status import Status
from suites.leases.contest import NONE, SHARE_NONE, V2, Contest, expect_break, expect_quiet

ALL_ONES = 0xFFFF_FFFF_FFFF_FFFF
EPOCHS = (0, 0x11, 0x4711)
WRAPS = 0xFFFF
DIALECTS = (Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
NO_KEY = bytes(16)


def epoch(file: LabOpen) -> int | None:
    """Return the epoch of the lease that a file got; None for version 1."""
    return file.lease.epoch if isinstance(file.lease, ResponseLeaseV2) else None


@case(
    "leases.break-header",
    requirements=["SMB2-3.3.4.7-01"],
    needs=[LEASING],
    variants={"dialect": DIALECTS},
    answers=[
        "smbtorture:hole.break-header",
        "ms:MultipleChannel_FileLease",
        "ms:BVT_Leasing_FileLeasingV1",
    ],
)
def test_the_header_of_a_break(lab: Lab) -> None:
    """The header of a lease break has MessageId -1, SessionId 0, TreeId 0, status SUCCESS and no credits."""
    contest = Contest(lab, RWH, version=1)
    contest.contend()
    broken = expect_break(contest.holder, specification=RH)
    header = broken.header
    found = {
        "command": (header.command, Command.OPLOCK_BREAK),
        "message id": (header.message_id, ALL_ONES),
        "session id": (header.session_id, 0),
        "tree id": (header.tree_id, 0),
        "status": (header.status, Status.SUCCESS),
        "next command": (header.next_command, 0),
        "flag of a response": (bool(header.flags & HeaderFlags.SERVER_TO_REDIR), True),
        "async flag": (bool(header.flags & HeaderFlags.ASYNC_COMMAND), False),
    }
    for name, (actual, expected) in found.items():
        check.that(contest.holder, f"{name} of the break", actual, specification=expected)
    check.alive(contest.holder)


@case(
    "leases.break-body",
    requirements=["SMB2-2.2.23.2-01", "SMB2-3.3.4.7-01"],
    needs=[LEASING],
    variants=[
        {"dialect": Dialect.SMB_2_1, "version": 1},
        {"dialect": Dialect.SMB_3_1_1, "version": 1},
        {"dialect": Dialect.SMB_3_1_1, "version": V2},
    ],
    answers=[
        "ms:MultipleChannel_FileLease",
        "ms:BVT_Leasing_FileLeasingV1",
        "ms:BVT_Leasing_FileLeasingV2",
    ],
)
def test_the_body_of_a_break(lab: Lab, version: int) -> None:
    """A lease break has the lease's key, both states and ACK_REQUIRED; reason and hints are 0."""
    contest = Contest(lab, RWH, version=version)
    contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    body = broken.body
    check.that(contest.holder, "lease key", body.lease_key, specification=contest.key)
    flags = body.flags
    check.that(
        contest.holder,
        "flags",
        flags,
        requirement="SMB2-3.3.4.7-01",
        specification=LeaseBreakFlags.ACK_REQUIRED,
    )
    current = body.current_lease_state
    check.that(contest.holder, "current state", current, requirement="SMB2-3.3.4.7-01", specification=RWH)
    check.that(contest.holder, "break reason", body.break_reason, specification=0)
    check.that(contest.holder, "access mask hint", body.access_mask_hint, specification=0)
    check.that(contest.holder, "share mask hint", body.share_mask_hint, specification=0)
    check.that(contest.holder, "structure size", body.structure_size, specification=44)
    check.alive(contest.holder)


@case(
    "leases.break-unsigned",
    requirements=["SMB2-3.3.4.7-04"],
    needs=[LEASING],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.break-protection"],
)
def test_a_break_is_not_signed(lab: Lab) -> None:
    """A lease break is not signed."""
    contest = Contest(lab, RWH, version=1)
    contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    signed = broken.header.has(HeaderFlags.SIGNED)
    check.that(contest.holder, "signed", signed, specification=False)
    check.that(contest.holder, "signature", broken.header.signature, specification=NO_KEY)
    check.alive(contest.holder)


@case(
    "leases.break-encrypted",
    requirements=["SMB2-3.3.4.7-17"],
    needs=[LEASING, ENCRYPTION, ENCRYPTED_SHARE, SMB3],
    answers=["smbtorture:hole.break-protection"],
)
def test_a_break_on_an_encrypted_share(lab: Lab) -> None:
    """Whether a lease break is encrypted where the share of its file is; it can be acknowledged."""
    session = lab.logon()
    tree = session.tree(ShareRole.ENCRYPTED)
    key = lab.guid()
    file = tree.open(contexts=[lease(key, RWH)])
    attempt = lab.another_client().tree(ShareRole.ENCRYPTED).create(file.name, wait=False)
    broken = expect_break(session, requirement="SMB2-3.3.4.7-01", specification=RH)
    check.that(session, "encrypted", broken.is_encrypted, windows=False, encrypted=True)
    check(file.acknowledge_lease(RH), requirement="SMB2-3.3.5.22.2-01", specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "leases.break-leaves-credits",
    requirements=["SMB2-3.3.4.7-01", "SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3, MULTI_CHANNEL],
)
def test_breaks_take_no_message_ids(lab: Lab) -> None:
    """Ten breaks in a row leave MessageIds and credits as they were: requests go on without a gap."""
    contest = Contest(lab, R)
    other = contest.contend(wait=True).open
    for number in range(10):
        other.write(b"new").required()
        expect_break(contest.holder, after=number, specification=NONE)
        contest.again(R).close().required()
    check.that(contest.holder, "breaks", len(contest.holder.lease_breaks), specification=10)
    check.that(contest.holder, "violations", len(contest.holder.connection.violations), specification=0)
    check.alive(contest.holder)


@case(
    "leases.epoch-of-a-new-lease",
    requirements=["SMB2-3.3.5.9.11-01"],
    needs=[LEASING, SMB3],
    variants={"wanted": EPOCHS},
    answers=["smbtorture:lease.v2_epoch1", "ms:BVT_Leasing_FileLeasingV2"],
)
def test_the_first_epoch(lab: Lab, wanted: int) -> None:
    """The first lease with a key starts at epoch 1, or at one above the epoch of the request."""
    file = lab.logon().tree().open(contexts=[lease(lab.guid(), RWH, epoch=wanted)])
    check.that(file, "epoch", epoch(file), specification=1, permitted_next=wanted + 1)
    check.alive(file.tree.session)


@case(
    "leases.epoch-wraps",
    requirements=["SMB2-3.3.5.9.11-01"],
    needs=[LEASING, SMB3],
)
def test_the_epoch_wraps(lab: Lab) -> None:
    """Above 0xFFFF the epoch starts again at 0, where that of the request counts."""
    file = lab.logon().tree().open(contexts=[lease(lab.guid(), RWH, epoch=WRAPS)])
    check.that(file, "epoch", epoch(file), specification=1, permitted_wrapped=0)
    check.alive(file.tree.session)


@case(
    "leases.epoch-on-upgrade",
    requirements=["SMB2-3.3.5.9.11-01"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.complex1", "smbtorture:lease.v2_complex1"],
)
def test_the_epoch_goes_up_with_an_upgrade(lab: Lab) -> None:
    """Each upgrade raises the epoch by one, whatever epoch the request has; a request for the same does at
    most that.
    """
    contest = Contest(lab, R)
    first = epoch(contest.file)
    second = epoch(contest.again(RH))
    check.that(contest.file, "epoch after an upgrade", second, specification=(first or 0) + 1)
    same = epoch(contest.again(RH))
    check.that(
        contest.file,
        "epoch after no change",
        same,
        specification=((first or 0) + 1, (first or 0) + 2),
    )
    foreign = contest.tree.open(contest.name, contexts=[lease(contest.key, RWH, epoch=0x4000)])
    check.that(foreign, "epoch after another upgrade", epoch(foreign), specification=(same or 0) + 1)
    check.alive(contest.holder)


@case(
    "leases.epoch-in-a-break",
    requirements=["SMB2-3.3.4.7-05"],
    needs=[LEASING, SMB3],
    answers=[
        "smbtorture:lease.break_twice",
        "smbtorture:lease.v2_complex1",
        "smbtorture:lease.v2_epoch2",
    ],
)
def test_the_epoch_of_breaks(lab: Lab) -> None:
    """Each break raises the epoch by one, and later grants show it."""
    contest = Contest(lab, RWH)
    start = epoch(contest.file) or 0
    attempt = contest.contend(share_access=SHARE_NONE)
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-02", specification=RW)
    check.that(contest.holder, "NewEpoch", broken.body.new_epoch, specification=start + 1)
    contest.acknowledge(RW)
    attempt.wait().required(Status.SHARING_VIOLATION)
    shown = epoch(contest.again())
    check.that(contest.holder, "epoch afterwards", shown, specification=(start + 1, start + 2))
    contest.contend()
    broken = expect_break(contest.holder, after=1, requirement="SMB2-3.3.1.4-02", specification=R)
    check.that(
        contest.holder, "NewEpoch of the second", broken.body.new_epoch, specification=(shown or 0) + 1
    )
    contest.acknowledge(R)
    check.alive(contest.holder)


@case(
    "leases.epoch-while-breaking",
    requirements=["SMB2-3.3.5.9.11-09"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.v2_breaking3"],
)
def test_the_epoch_while_breaking(lab: Lab) -> None:
    """An open with the key while the lease breaks shows the epoch that the break announced."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-01", specification=RH)
    announced = broken.body.new_epoch
    check.that(contest.holder, "epoch", epoch(contest.again(RWH)), specification=announced)
    contest.acknowledge(RH)
    check(attempt.wait(), requirement="SMB2-3.3.4.7-01", specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.epoch-of-version-1",
    requirements=["SMB2-3.3.4.7-15"],
    needs=[LEASING],
    variants={"dialect": DIALECTS, "held": [RWH, R]},
)
def test_version_1_has_no_epoch(lab: Lab, held: LeaseState) -> None:
    """The break of a lease of version 1 has NewEpoch 0."""
    contest = Contest(lab, held, version=1)
    attempt = contest.contend()
    if held == R:
        attempt.wait().required()
        attempt.open.write(b"new").required()
    broken = expect_break(
        contest.holder, requirement="SMB2-3.3.4.7-01", specification=held & RH if held & ~R else NONE
    )
    check.that(contest.holder, "NewEpoch", broken.body.new_epoch, specification=0)
    check.alive(contest.holder)


@case(
    "leases.versions-mixed",
    requirements=["SMB2-3.3.5.9.11-08", "SMB2-3.3.4.7-15", "SMB2-3.3.4.7-05"],
    needs=[LEASING, SMB3],
    variants={"first": [1, V2]},
    answers=["smbtorture:lease.v2_epoch2", "smbtorture:lease.v2_epoch3"],
)
def test_requests_of_both_versions(lab: Lab, first: int) -> None:
    """A lease keeps the version of its first open; each response has the version of its request."""
    contest = Contest(lab, R, version=first)
    other = lease_v1(contest.key, RH) if first == V2 else lease(contest.key, RH)
    again = contest.tree.open(contest.name, contexts=[other])
    check.that(again, "lease state", again.lease_state, requirement="SMB2-3.3.5.9.8-05", specification=RH)
    own, others = (ResponseLeaseV2, ResponseLease) if first == V2 else (ResponseLease, ResponseLeaseV2)
    found = type(again.lease).__name__
    attempt = contest.contend(share_access=SHARE_NONE)
    broken = expect_break(contest.holder, requirement="SMB2-3.3.4.7-02", specification=R)
    counts = bool(broken.body.new_epoch)
    requirement = "SMB2-3.3.4.7-05" if first == V2 else "SMB2-3.3.4.7-15"
    check.that(
        contest.holder, "the break has an epoch", counts, requirement=requirement, specification=first == V2
    )
    contest.acknowledge(R)
    attempt.wait().required(Status.SHARING_VIOLATION)
    check.that(
        again, "response to the other version", found, specification=others.__name__, windows=own.__name__
    )
    check.alive(contest.holder)


@case(
    "leases.version-of-a-new-lease",
    requirements=["SMB2-3.3.5.9.11-08"],
    needs=[LEASING, SMB3],
    variants={"first": [1, V2]},
    answers=["smbtorture:lease.v2_epoch2", "smbtorture:lease.v2_epoch3"],
)
def test_a_lease_made_anew(lab: Lab, first: int) -> None:
    """When the last open of a lease is closed its version is forgotten: the next lease with the key has
    another.
    """
    contest = Contest(lab, RWH, version=first)
    contest.file.close().required()
    other = lease_v1(contest.key, RWH) if first == V2 else lease(contest.key, RWH)
    again = contest.tree.open(contest.name, contexts=[other])
    expected = ResponseLease if first == V2 else ResponseLeaseV2
    check.that(again, "response", type(again.lease).__name__, specification=expected.__name__)
    if first != V2:
        check.that(again, "epoch", epoch(again), requirement="SMB2-3.3.5.9.11-01", specification=1)
    check.alive(contest.holder)


@case(
    "leases.parent-key",
    requirements=["SMB2-3.3.5.9.11-02", "SMB2-3.3.5.9.11-03"],
    needs=[LEASING, SMB3],
    variants={"announced": [True, False]},
    answers=["smbtorture:dirlease.v2_request_parent", "smbtorture:lease.v2_flags_parentkey"],
)
def test_the_parent_key(lab: Lab, announced: bool) -> None:
    """The key of the parent's lease comes back with its flag where the request has the flag, else neither
    does.
    """
    parent = lab.guid()
    flags = LeaseFlags.PARENT_LEASE_KEY_SET if announced else LeaseFlags.NONE
    file = lab.logon().tree().open(contexts=[lease(lab.guid(), RWH, parent=parent, flags=flags)])
    granted = file.lease
    requirement = "SMB2-3.3.5.9.11-02" if announced else "SMB2-3.3.5.9.11-03"
    shown = granted.parent_lease_key if isinstance(granted, ResponseLeaseV2) else None
    check.that(
        file,
        "parent key",
        shown,
        requirement=requirement,
        specification=parent if announced else NO_KEY,
        not_kept=NO_KEY,
    )
    state = granted.flags if isinstance(granted, ResponseLeaseV2) else None
    check.that(file, "flags", state, requirement=requirement, specification=flags)
    check.alive(file.tree.session)


@case(
    "leases.parent-key-stays",
    requirements=["SMB2-3.3.5.9.11-02"],
    needs=[LEASING, SMB3],
)
def test_the_parent_key_of_the_first_open(lab: Lab) -> None:
    """The parent's key is that of the first open of a lease: a later one with another key does not change
    it.
    """
    tree = lab.logon().tree()
    key, parent = lab.guid(), lab.guid()
    file = tree.open(contexts=[lease(key, RH, parent=parent)])
    again = tree.open(file.name, contexts=[lease(key, RWH, parent=lab.guid())])
    granted = again.lease
    shown = granted.parent_lease_key if isinstance(granted, ResponseLeaseV2) else None
    check.that(again, "parent key", shown, specification=parent, not_kept=NO_KEY)
    expect_quiet(tree.session)
    check.alive(tree.session)
