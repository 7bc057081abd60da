"""What breaks which caching of a lease ([MS-SMB2] 3.3.1.4, 3.3.4.7)."""

from __future__ import annotations

from collections.abc import Callable

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen, LabSession, LabTree
from smbtorture_py.conformance.lab.handle_contexts import RH, RW, RWH, R, lease
from smbtorture_py.conformance.needs import LEASING, SMB3
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakFlags
from smbtorture_py.wire.status import Status
from suites.leases import changes
from suites.leases.contest import (
    NO_BREAK,
    NONE,
    READ_DATA,
    SHARE_ALL,
    SHARE_NONE,
    Contest,
    W,
    expect_break,
    expect_quiet,
    grant,
)

ACTIONS = (
    changes.write,
    changes.set_end_of_file,
    changes.lock,
    changes.overwrite,
    changes.overwrite_if,
    changes.supersede,
)
HARMLESS = (changes.read, changes.query_info, changes.flush, changes.close)
DISPOSITIONS = (CreateDisposition.OVERWRITE, CreateDisposition.OVERWRITE_IF, CreateDisposition.SUPERSEDE)


@case(
    "leases.read-caching-broken",
    requirements=["SMB2-3.3.1.4-01", "SMB2-3.3.4.7-03"],
    needs=[LEASING, SMB3],
    variants={"action": ACTIONS, "held": [R, RH]},
    answers=[
        "ms:Model_Lease",
        "ms:hole.slip-lost-assertions",
        "smbtorture:lease.break",
        "smbtorture:lease.breaking5",
        "ms:BVT_Leasing_FileLeasingV1",
        "ms:BVT_Leasing_FileLeasingV2",
    ],
)
def test_what_takes_read_caching_away(
    lab: Lab, action: Callable[[LabOpen], Answer], held: LeaseState
) -> None:
    """Who changes or locks a file takes read caching from another client; a lease of R needs no
    acknowledgment.
    """
    contest = Contest(lab, held)
    other = contest.contend(wait=True).open
    expect_quiet(contest.holder)
    answer = action(other)
    broken = expect_break(contest.holder, specification=NONE)
    flags = LeaseBreakFlags.NONE if held == R else LeaseBreakFlags.ACK_REQUIRED
    check.that(
        contest.holder,
        "flags of the break",
        broken.body.flags,
        requirement="SMB2-3.3.4.7-03",
        specification=flags,
    )
    if held == RH:
        contest.acknowledge(NONE)
    check(answer.wait(), specification=Status.SUCCESS)
    check.that(contest.file, "the lease afterwards", contest.again().lease_state, specification=NONE)
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


@case(
    "leases.allocation-breaks",
    requirements=["SMB2-3.3.4.7-12"],
    needs=[LEASING, SMB3],
)
def test_allocation(lab: Lab) -> None:
    """What setting the allocation size does to another client's read caching."""
    contest = Contest(lab, R)
    other = contest.contend(wait=True).open
    answer = changes.set_allocation(other)
    found = contest.holder.wait_lease_break(within=1.0)
    check.that(contest.holder, "broken", found.arrived, fsa=True, otherwise=False)
    check(answer.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.read-break-is-not-awaited",
    requirements=["SMB2-3.3.4.7-03"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.breaking5"],
)
def test_a_lease_of_r_is_not_acknowledged(lab: Lab) -> None:
    """Losing a lease of R keeps nobody waiting, and there is nothing to acknowledge."""
    contest = Contest(lab, R)
    other = contest.contend(wait=True).open
    check(other.write(b"new"), specification=Status.SUCCESS)
    expect_break(contest.holder, specification=NONE)
    check(contest.file.acknowledge_lease(NONE), specification=Status.UNSUCCESSFUL)
    check.alive(contest.holder)


@case(
    "leases.harmless",
    requirements=["SMB2-3.3.1.4-07"],
    needs=[LEASING, SMB3],
    variants={"action": HARMLESS, "held": [R, RH]},
)
def test_what_breaks_nothing(lab: Lab, action: Callable[[LabOpen], Answer], held: LeaseState) -> None:
    """Another client reads, queries, flushes and closes without breaking a lease."""
    contest = Contest(lab, held)
    other = contest.contend(wait=True).open
    check(action(other).wait(), specification=(Status.SUCCESS, Status.END_OF_FILE))
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "leases.stat-open",
    requirements=["SMB2-3.3.1.4-07"],
    needs=[LEASING, SMB3],
    variants={
        "access": [
            AccessMask.FILE_READ_ATTRIBUTES,
            AccessMask.FILE_WRITE_ATTRIBUTES,
            AccessMask.SYNCHRONIZE,
        ]
    },
    answers=["smbtorture:lease.statopen4"],
)
def test_an_open_for_attributes(lab: Lab, access: AccessMask) -> None:
    """An open for attributes or SYNCHRONIZE breaks no lease."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(desired_access=access)
    expect_quiet(contest.holder)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.data-open",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={
        "access": [
            AccessMask.FILE_READ_DATA,
            AccessMask.FILE_WRITE_DATA,
            AccessMask.FILE_APPEND_DATA,
            AccessMask.FILE_READ_EA,
            AccessMask.FILE_WRITE_EA,
            AccessMask.FILE_EXECUTE,
            AccessMask.DELETE,
            AccessMask.WRITE_DAC,
            AccessMask.WRITE_OWNER,
        ]
    },
    answers=["smbtorture:lease.statopen4"],
)
def test_an_open_for_anything_else(lab: Lab, access: AccessMask) -> None:
    """An open for more than attributes takes write caching away, and waits for the acknowledgment."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(desired_access=access)
    expect_break(contest.holder, specification=RH)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.read-control-open",
    requirements=["SMB2-3.3.1.4-11"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.statopen4", "smbtorture:durable-v2-open.nonstat-and-lease"],
)
def test_an_open_for_read_control(lab: Lab) -> None:
    """Whether an open for READ_CONTROL breaks a lease: two specifications disagree."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(desired_access=AccessMask.READ_CONTROL)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, windows=NO_BREAK, ms_smb2=RH)
    if broken.arrived:
        contest.acknowledge(RH)
    check(attempt.wait(), opened=Status.SUCCESS)
    check.alive(contest.holder)


def another_client(contest: Contest) -> LabTree:
    """Another client."""
    return contest.rival_tree


def another_session(contest: Contest) -> LabTree:
    """Another session of the same client."""
    return contest.lab.logon().tree()


def same_session(contest: Contest) -> LabTree:
    """The holder's own session."""
    return contest.tree


@case(
    "leases.write-caching-broken-by",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={"who": [another_client, another_session, same_session], "under": ["no lease", "another key"]},
    answers=["smbtorture:lease.statopen", "ms:Model_Lease"],
)
def test_whose_open_takes_write_caching_away(lab: Lab, who: Callable[[Contest], LabTree], under: str) -> None:
    """An open without the key takes write caching away, whichever session or client it comes from."""
    contest = Contest(lab, RWH)
    contexts = [lease(lab.guid(), R)] if under == "another key" else []
    attempt = who(contest).create(contest.name, contexts=contexts, wait=False)
    expect_break(contest.holder, specification=RH)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.sharing-violation",
    requirements=["SMB2-3.3.4.7-02", "SMB2-3.3.1.4-03"],
    needs=[LEASING, SMB3],
    variants={"held": [RH, RWH], "answered": ["acknowledged", "closed"]},
    answers=["smbtorture:lease.break_twice", "smbtorture:lease.two-leases", "ms:Model_Lease"],
)
def test_a_conflicting_open_asks_for_the_handles(lab: Lab, held: LeaseState, answered: str) -> None:
    """An open in conflict takes handle caching first; it fails where the file stays open, and succeeds
    where not.
    """
    contest = Contest(lab, held)
    attempt = contest.contend(share_access=SHARE_NONE)
    expect_break(contest.holder, specification=held & RW)
    check.that(attempt, "pending", attempt.wait_pending(), requirement="SMB2-3.3.1.4-03", specification=True)
    if answered == "closed":
        contest.file.close().required()
        check(attempt.wait(), specification=Status.SUCCESS)
    else:
        contest.acknowledge(held & RW)
        check(attempt.wait(), specification=Status.SHARING_VIOLATION)
    check.alive(contest.holder)


@case(
    "leases.sharing-violation-overwrites",
    requirements=["SMB2-3.3.4.7-02"],
    needs=[LEASING, SMB3],
    variants={"disposition": DISPOSITIONS},
    answers=["smbtorture:lease.sharing_violation"],
)
def test_a_conflicting_overwrite(lab: Lab, disposition: CreateDisposition) -> None:
    """An overwriting open in conflict takes handle caching only, and nothing is overwritten."""
    contest = Contest(lab, RWH, share_access=SHARE_NONE)
    contest.file.write(b"kept").required()
    attempt = contest.contend(create_disposition=disposition)
    expect_break(contest.holder, specification=RW)
    contest.acknowledge(RW)
    check(attempt.wait(), specification=Status.SHARING_VIOLATION)
    check.that(contest.file, "content", contest.file.read().data, specification=b"kept")
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


@case(
    "leases.sharing-violation-without-handles",
    requirements=["SMB2-3.3.1.4-07"],
    needs=[LEASING, SMB3],
    variants={"held": [R, RW]},
    answers=["smbtorture:lease.break_twice"],
)
def test_a_conflicting_open_without_handle_caching(lab: Lab, held: LeaseState) -> None:
    """Where no handles are cached, an open in conflict fails at once and breaks nothing."""
    contest = Contest(lab, held)
    attempt = contest.contend(share_access=SHARE_NONE)
    check(attempt.wait(), specification=Status.SHARING_VIOLATION)
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "leases.broken-twice",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.break_twice"],
)
def test_two_breaks_in_a_row(lab: Lab) -> None:
    """A conflicting open takes the handles (RWH to RW), a fitting one the writes (RW to R)."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(share_access=SHARE_NONE)
    expect_break(contest.holder, specification=RW)
    contest.acknowledge(RW)
    attempt.wait().required(Status.SHARING_VIOLATION)
    attempt = contest.contend(contexts=[lease(lab.guid(), RWH)])
    second = expect_break(contest.holder, after=1, specification=R)
    check.that(contest.holder, "state it breaks from", second.body.current_lease_state, specification=RW)
    contest.acknowledge(R)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.overwritten",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    variants={"held": [RW, RWH], "disposition": DISPOSITIONS},
    answers=["smbtorture:lease.breaking2"],
)
def test_an_overwriting_open(lab: Lab, held: LeaseState, disposition: CreateDisposition) -> None:
    """An open that overwrites takes everything away at once, and waits where writes were cached."""
    contest = Contest(lab, held)
    attempt = contest.contend(create_disposition=disposition)
    expect_break(contest.holder, specification=NONE)
    check.that(attempt, "pending", attempt.wait_pending(), requirement="SMB2-3.3.1.4-02", specification=True)
    contest.acknowledge(NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.overwritten-for-attributes",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    variants={"disposition": DISPOSITIONS},
)
def test_an_overwriting_open_for_attributes(lab: Lab, disposition: CreateDisposition) -> None:
    """An open that overwrites breaks a lease even where it asks for attributes only."""
    contest = Contest(lab, RWH)
    attempt = contest.contend(create_disposition=disposition, desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    expect_break(contest.holder, specification=NONE)
    contest.acknowledge(NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.overwrite-does-not-wait",
    requirements=["SMB2-3.3.4.7-12"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.breaking4"],
)
def test_overwriting_beside_shared_caching(lab: Lab) -> None:
    """Whether an overwriting open waits where only reads and handles are cached; the break is to be
    acknowledged.
    """
    contest = Contest(lab, RH)
    attempt = contest.contend(create_disposition=CreateDisposition.OVERWRITE)
    broken = contest.holder.wait_lease_break().required()
    check.that(contest.holder, "state", broken.body.new_lease_state, answered=NONE)
    attempt.wait(within=1.0)
    check.that(attempt, "answered before the acknowledgment", attempt.arrived, windows=True, waits=False)
    contest.acknowledge(NONE)
    check(attempt.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.nobody-breaks-himself",
    requirements=["SMB2-3.3.1.4-01", "SMB2-3.3.1.4-05"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.nobreakself"],
)
def test_writes_break_the_others_only(lab: Lab) -> None:
    """Of two leases on one file a write through one breaks the other, and never its own."""
    session = lab.logon()
    tree = session.tree()
    keys = [lab.guid(), lab.guid()]
    first = grant(tree, keys[0], R)
    second = grant(tree, keys[1], R, first.name)
    first.write(b"1").required()
    broken = expect_break(session, specification=NONE)
    check.that(session, "lease that is broken", broken.body.lease_key, specification=keys[1])
    second.write(b"2").required()
    broken = expect_break(session, after=1, specification=NONE)
    check.that(session, "lease that is broken", broken.body.lease_key, specification=keys[0])
    expect_quiet(session, 2, requirement="SMB2-3.3.1.4-05")
    check.alive(session)


@case(
    "leases.broken-once",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    variants={"version": [1, 2]},
    answers=["smbtorture:lease.v1_bug15148", "smbtorture:lease.v2_bug15148"],
)
def test_every_reader_is_told_once(lab: Lab, version: int) -> None:
    """Of three readers each is told once that the file changes, whoever changes it first."""
    contest = Contest(lab, R, version=version)
    second, third = lab.guid(), lab.guid()
    grant(contest.rival_tree, second, R, contest.name, version=version)
    another = lab.another_client()
    grant(another.tree(), third, R, contest.name, version=version)
    contest.file.write(b"1").required()
    contest.file.write(b"2").required()
    expect_break(contest.rival, specification=NONE)
    expect_break(another, specification=NONE)
    expect_quiet(contest.holder)
    writer = lab.another_client().tree().open(contest.name)
    writer.write(b"3").required()
    expect_break(contest.holder, specification=NONE)
    expect_quiet(contest.rival, 1)
    expect_quiet(another, 1)
    check.alive(contest.holder)


@case(
    "leases.locks-of-others",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.lock1"],
)
def test_a_lock_breaks_all_others(lab: Lab) -> None:
    """A lock breaks the leases of the other keys, of the same client and of another, and not its own."""
    contest = Contest(lab, RH)
    second = lab.logon()
    keys = [lab.guid(), lab.guid()]
    grant(second.tree(), keys[0], RH, contest.name)
    grant(contest.rival_tree, keys[1], RH, contest.name)
    locked = contest.file.lock(wait=False)
    client = (contest.holder, second)

    def told() -> list[bytes]:
        return [one.body.lease_key for session in client for one in session.lease_breaks]

    lab.wait(lambda: bool(told()))
    check.that(contest.holder, "the client's leases that are broken", told() == [keys[0]], specification=True)
    expect_break(contest.rival, specification=NONE)
    contest.tree.acknowledge_lease(keys[0], NONE).required()
    contest.rival_tree.acknowledge_lease(keys[1], NONE).required()
    check(locked.wait(), specification=Status.SUCCESS)
    check.that(contest.file, "the own lease", contest.again().lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.beside-locks",
    requirements=["SMB2-3.3.1.4-09"],
    needs=[LEASING, SMB3],
    variants={"wanted": [R, RH]},
    answers=["smbtorture:lease.lock2", "smbtorture:lease.lock3", "smbtorture:lease.lease-epoch"],
)
def test_a_lease_beside_locks(lab: Lab, wanted: LeaseState) -> None:
    """What lease a file with a byte-range lock gets, and whether a lease that is not granted keeps its
    epoch.
    """
    tree, rival = lab.logon().tree(), lab.another_client()
    file = tree.open()
    file.write(b"content").required()
    file.lock().required()
    other = rival.tree().open(file.name, contexts=[lease(lab.guid(), wanted, epoch=100)])
    state = other.lease_state
    check.that(other, "lease state", state, not_granted=NONE, granted=wanted)
    epoch = getattr(other.lease, "epoch", None)
    check.that(other, "epoch", epoch, unchanged=100, own=0, incremented=(1, 101))
    check.alive(rival)


@case(
    "leases.several-holders",
    requirements=["SMB2-3.3.1.4-03"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.two-leases"],
)
def test_several_holders_are_asked(lab: Lab) -> None:
    """An open in conflict asks every client that caches handles, once each, and waits for the last."""
    contest = Contest(lab, RH)
    others: list[tuple[LabSession, LabOpen]] = []
    for _ in range(2):
        session = lab.another_client()
        others.append((session, grant(session.tree(), lab.guid(), RH, contest.name)))
    attempt = contest.contend(share_access=SHARE_NONE)
    for session in (contest.holder, *(one for one, _ in others)):
        expect_break(session, specification=R)
    contest.file.close().required()
    others[0][1].close().required()
    check.that(attempt, "answered before the last", attempt.wait(within=0.5).arrived, specification=False)
    expect_quiet(others[1][0], 1)
    others[1][1].close().required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.rival)


@case(
    "leases.one-break-for-two-opens",
    requirements=["SMB2-3.3.4.7-19"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.multibreak"],
)
def test_a_lease_with_two_opens_is_broken_once(lab: Lab) -> None:
    """A lease that covers two opens and was upgraded is broken with one notification."""
    contest = Contest(lab, RH)
    second = contest.again(RWH)
    check.that(second, "lease state", second.lease_state, specification=RWH)
    attempt = contest.contend()
    expect_break(contest.holder, specification=RH)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


@case(
    "leases.lease-and-level-ii",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.multibreak"],
)
def test_lease_and_oplock_broken_together(lab: Lab) -> None:
    """An overwriting open breaks a lease of R and a level II oplock of the file, with one notification
    each.
    """
    contest = Contest(lab, R)
    second = lab.another_client()
    level = second.tree().open(contest.name, requested_oplock_level=OplockLevel.II).oplock_level
    check.that(second, "oplock", level, specification=OplockLevel.II)
    attempt = contest.contend(create_disposition=CreateDisposition.OVERWRITE_IF)
    expect_break(contest.holder, specification=NONE)
    broken = second.wait_oplock_break()
    check.that(second, "oplock is broken", broken.arrived, specification=True)
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    check.that(second, "oplock breaks", len(second.oplock_breaks), specification=1)
    check.alive(contest.holder)


@case(
    "leases.deleted",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[LEASING, SMB3],
    variants={"action": [changes.delete_on_close, changes.dispose]},
    answers=["smbtorture:lease.unlink"],
)
def test_a_file_is_deleted(lab: Lab, action: Callable[[LabOpen], Answer]) -> None:
    """What deleting a file does to another client's handle caching."""
    contest = Contest(lab, RH)
    other = contest.contend(wait=True).open
    answer = changes.dispose(other, wait=False) if action is changes.dispose else action(other)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, fsa=R, none=NO_BREAK)
    if broken.arrived:
        contest.acknowledge(R)
    check(answer.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


def tree_disconnect(tree: LabTree) -> Answer | None:
    """TREE_DISCONNECT."""
    return tree.disconnect(wait=False)


def logoff(tree: LabTree) -> Answer | None:
    """LOGOFF."""
    return tree.session.logoff(wait=False)


def disconnect(tree: LabTree) -> Answer | None:
    """Loss of the connection."""
    tree.session.connection.close()
    return None


@case(
    "leases.deleted-at-the-end",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[LEASING, SMB3],
    variants={"ending": [tree_disconnect, logoff, disconnect]},
    answers=[
        "smbtorture:lease.initial_delete_tdis",
        "smbtorture:lease.initial_delete_logoff",
        "smbtorture:lease.initial_delete_disconnect",
    ],
)
def test_delete_on_close_by_the_end(lab: Lab, ending: Callable[[LabTree], Answer | None]) -> None:
    """What the end of a tree, session or connection that deletes a file does to another client's handle
    caching.
    """
    contest = Contest(lab, RH)
    contest.contend(
        wait=True, desired_access=AccessMask.DELETE, create_options=CreateOptions.DELETE_ON_CLOSE
    ).required()
    answer = ending(contest.rival_tree)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, fsa=R, none=NO_BREAK)
    if broken.arrived:
        contest.acknowledge(R)
    contest.file.close().required()
    if answer is not None:
        check(answer.wait(), answered=Status.SUCCESS)
    again = lab.another_client().tree().create(contest.name, create_disposition=CreateDisposition.OPEN)
    check(again, deleted=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(contest.holder)


@case(
    "leases.renamed-by-another",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.rename_wait"],
)
def test_rename_of_a_file_that_another_caches(lab: Lab) -> None:
    """What renaming a file does to another client's handle caching, and whether it waits."""
    contest = Contest(lab, RH)
    other = contest.contend(wait=True).open
    name = lab.name("renamed")
    lab.created.append((other.tree.share, name))
    answer = changes.rename(other, name, wait=False)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, fsa=R, none=NO_BREAK)
    check.that(answer, "answered before the acknowledgment", answer.arrived, waits=False, goes_on=True)
    if broken.arrived:
        contest.acknowledge(R)
    check(answer.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.renamed-by-the-holder",
    requirements=["SMB2-3.3.1.4-05"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.v2_rename"],
)
def test_rename_by_the_holder(lab: Lab) -> None:
    """Renaming a file does not break the renamer's own lease, which goes on under the new name."""
    contest = Contest(lab, RWH)
    name = lab.name("renamed")
    lab.created.append((contest.tree.share, name))
    renamed = changes.rename(contest.file, name, wait=False)
    expect_quiet(contest.holder)
    check(renamed.wait(), specification=Status.SUCCESS)
    attempt = contest.rival_tree.create(name, contexts=[lease(lab.guid(), RWH)], wait=False)
    expect_break(contest.holder, requirement="SMB2-3.3.1.4-02", specification=RH)
    contest.acknowledge(RH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.that(attempt, "lease state", attempt.open.lease_state, specification=RH)
    check.alive(contest.holder)


@case(
    "leases.rename-replaces",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[LEASING, SMB3],
    answers=["smbtorture:lease.v2_rename_target_overwrite"],
)
def test_rename_onto_a_file_that_another_caches(lab: Lab) -> None:
    """What a rename does whose target another client has open under RWH."""
    contest = Contest(lab, RWH)
    source = contest.rival_tree.open()
    answer = changes.rename(source, contest.name, replace=True, wait=False)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, windows=RW, none=NO_BREAK)
    if broken.arrived:
        contest.acknowledge(RW)
    check(answer.wait(), refused=Status.ACCESS_DENIED, replaced=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.parent-renamed",
    requirements=["SMB2-3.3.1.4-03"],
    needs=[LEASING, SMB3],
    variants={"answered": ["acknowledged", "closed"]},
    answers=["smbtorture:lease.rename_dir_openfile"],
)
def test_the_parent_is_renamed(lab: Lab, answered: str) -> None:
    """Renaming a directory takes handle caching from the files in it first; it fails where one stays open."""
    tree = lab.another_client().tree()
    directory = tree.directory()
    name = lab.name("renamed")
    lab.created.append((tree.share, name))
    session = lab.logon()
    key = lab.guid()
    file = grant(session.tree(), key, RH, f"{directory.name}\\child")
    answer = changes.rename(directory, name, wait=False)
    expect_break(session, specification=R, none=NO_BREAK)
    if answered == "closed":
        file.close().required()
        check(answer.wait(), specification=Status.SUCCESS)
    else:
        file.acknowledge_lease(R).required()
        check(answer.wait(), specification=(Status.ACCESS_DENIED, Status.SHARING_VIOLATION))
    check.alive(session)


@case(
    "leases.hardlinked",
    requirements=["SMB2-3.3.1.4-06"],
    needs=[LEASING, SMB3],
)
def test_a_hard_link_is_made(lab: Lab) -> None:
    """What making a hard link of a file does to another client's lease."""
    contest = Contest(lab, RH)
    other = contest.contend(wait=True).open
    name = lab.name("link")
    lab.created.append((other.tree.share, name))
    answer = changes.link(other, name, wait=False)
    broken = contest.holder.wait_lease_break(within=1.0)
    state: object = broken.body.new_lease_state if broken.arrived else NO_BREAK
    check.that(contest.holder, "the state that the break asks for", state, fsa=R, none=NO_BREAK)
    if broken.arrived:
        contest.acknowledge(R)
    check(answer.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.write-after-break",
    requirements=["SMB2-3.3.1.4-01"],
    needs=[LEASING, SMB3],
    answers=["ms:BVT_Leasing_FileLeasingV2", "ms:Leasing_FileLeasingV2_SameLeaseKey"],
)
def test_open_then_write(lab: Lab) -> None:
    """Another client's open takes write caching away, its write the rest."""
    contest = Contest(lab, RWH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.1.4-02", specification=RH)
    contest.acknowledge(RH)
    attempt.wait().required()
    other = attempt.open
    answer = other.write(b"new", wait=False)
    broken = expect_break(contest.holder, after=1, specification=NONE)
    check.that(contest.holder, "state it breaks from", broken.body.current_lease_state, specification=RH)
    contest.acknowledge(NONE)
    check(answer.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "leases.read-only-open",
    requirements=["SMB2-3.3.1.4-02"],
    needs=[LEASING, SMB3],
    variants={"held": [RW, RWH]},
    answers=["smbtorture:lease.break"],
)
def test_a_reading_open(lab: Lab, held: LeaseState) -> None:
    """Another client that only reads takes write caching away, nothing else."""
    contest = Contest(lab, held)
    attempt = contest.contend(desired_access=READ_DATA, share_access=SHARE_ALL)
    broken = expect_break(contest.holder, specification=held & ~W)
    check.that(contest.holder, "state it breaks from", broken.body.current_lease_state, specification=held)
    contest.acknowledge(held & ~W)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)
