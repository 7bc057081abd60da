"""What breaks an oplock, and to what ([MS-SMB2] 3.3.4.6; [MS-FSA] 2.1.5.18)."""

from __future__ import annotations

from collections.abc import Callable

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tree import create_request
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest
from suites.leases import changes
from suites.oplocks.contest import (
    A_MOMENT,
    ALONE,
    BATCH,
    EXCLUSIVE,
    II,
    NO_BREAK,
    NONE,
    Contest,
    expect_break,
    expect_quiet,
)

OPENING = (CreateDisposition.OPEN, CreateDisposition.OPEN_IF)
OVERWRITING = (CreateDisposition.OVERWRITE, CreateDisposition.OVERWRITE_IF, CreateDisposition.SUPERSEDE)


@case(
    "oplocks.broken-by-open",
    requirements=["SMB2-3.3.4.6-13"],
    variants={"held": ALONE, "disposition": OPENING},
    answers=["smbtorture:oplock.exclusive9", "smbtorture:oplock.exclusive2", "ms:BVT_OpLockBreak"],
)
def test_an_open_breaks_to_level_ii(lab: Lab, held: OplockLevel, disposition: CreateDisposition) -> None:
    """An open breaks an exclusive or batch oplock to II, waits for the acknowledgment, and gets II itself."""
    contest = Contest(lab, held)
    attempt = contest.contend(create_disposition=disposition, requested_oplock_level=BATCH)
    expect_break(contest.holder, specification=II)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    check.that(attempt, "answered", attempt.wait(within=A_MOMENT).arrived, specification=False)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    expect_quiet(contest.holder, 1, requirement="SMB2-3.3.4.6-16")
    check.alive(contest.holder)


@case(
    "oplocks.broken-by-overwrite",
    requirements=["SMB2-3.3.4.6-13"],
    variants={"held": ALONE, "disposition": OVERWRITING},
    answers=["smbtorture:oplock.exclusive9"],
)
def test_an_overwrite_breaks_to_none(lab: Lab, held: OplockLevel, disposition: CreateDisposition) -> None:
    """An open that overwrites breaks an exclusive or batch oplock to none, and may get II itself."""
    contest = Contest(lab, held)
    attempt = contest.contend(create_disposition=disposition, requested_oplock_level=EXCLUSIVE)
    expect_break(contest.holder, specification=NONE)
    check.that(attempt, "pending", attempt.wait_pending(), specification=True)
    contest.acknowledge(NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    expect_quiet(contest.holder, 1, requirement="SMB2-3.3.4.6-16")
    check.alive(contest.holder)


@case(
    "oplocks.broken-by-overwrite-for-attributes",
    requirements=["SMB2-3.3.4.6-13"],
    variants={"held": ALONE, "disposition": OVERWRITING},
    answers=[
        "smbtorture:oplock.exclusive5",
        "smbtorture:oplock.batch13",
        "smbtorture:oplock.batch14",
        "smbtorture:oplock.batch16",
    ],
)
def test_an_overwrite_for_attributes(lab: Lab, held: OplockLevel, disposition: CreateDisposition) -> None:
    """An open that overwrites breaks an oplock to none even where it asks for attributes only."""
    contest = Contest(lab, held)
    attempt = contest.contend(create_disposition=disposition, desired_access=AccessMask.FILE_READ_ATTRIBUTES)
    expect_break(contest.holder, specification=NONE)
    contest.acknowledge(NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.acknowledged-to-none",
    requirements=["SMB2-3.3.5.22.1-01"],
    variants={"held": ALONE},
    answers=["smbtorture:oplock.batch2", "smbtorture:oplock.batch23", "smbtorture:oplock.batch24"],
)
def test_less_is_kept_than_may_be(lab: Lab, held: OplockLevel) -> None:
    """A holder may give up more than it is asked for: later changes do not break it again."""
    contest = Contest(lab, held)
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    contest.acknowledge(NONE)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    attempt.open.write(b"new").required()
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


@case(
    "oplocks.closed-instead",
    requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.5.9-28"],
    variants={"held": ALONE},
    answers=["smbtorture:oplock.batch7"],
)
def test_closing_ends_a_break(lab: Lab, held: OplockLevel) -> None:
    """A holder that closes instead of acknowledging lets the contender go on, who gets what it asked for."""
    contest = Contest(lab, held)
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, specification=II)
    contest.file.close().required()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-28", specification=BATCH)
    check.alive(contest.holder)


@case(
    "oplocks.sharing-violation",
    requirements=["SMB2-3.3.4.6-14"],
    variants={"held": ALONE, "answered": ["acknowledged", "closed"]},
    answers=[
        "smbtorture:oplock.exclusive1",
        "smbtorture:oplock.batch1",
        "smbtorture:oplock.batch3",
        "smbtorture:oplock.batch5",
    ],
)
def test_a_conflicting_open(lab: Lab, held: OplockLevel, answered: str) -> None:
    """What an open in conflict does to an oplock: a batch oplock is asked for, an exclusive one is not."""
    contest = Contest(lab, held, share_access=ShareAccess.NONE)
    attempt = contest.contend()
    broken = contest.holder.wait_oplock_break(within=1.0)
    level: object = broken.body.oplock_level if broken.arrived else NO_BREAK
    check.that(
        contest.holder, "level", level, windows=II if held == BATCH else NO_BREAK, other=(II, NO_BREAK)
    )
    if answered == "closed":
        contest.file.close().required()
    elif broken.arrived:
        contest.acknowledge()
    expected = Status.SUCCESS if answered == "closed" and broken.arrived else Status.SHARING_VIOLATION
    check(attempt.wait(), windows=expected)
    check.alive(contest.holder)


@case(
    "oplocks.unlinked",
    requirements=["SMB2-3.3.4.6-14"],
    variants={"held": ALONE},
    answers=["smbtorture:oplock.exclusive2", "smbtorture:oplock.batch1", "smbtorture:oplock.batch3"],
)
def test_the_file_is_deleted(lab: Lab, held: OplockLevel) -> None:
    """What opening a file for deletion does to its oplock."""
    contest = Contest(lab, held)
    answer = contest.contend(desired_access=AccessMask.DELETE, create_options=CreateOptions.DELETE_ON_CLOSE)
    broken = contest.holder.wait_oplock_break(within=1.0)
    level: object = broken.body.oplock_level if broken.arrived else NO_BREAK
    check.that(contest.holder, "level", level, windows=II, none=NO_BREAK)
    if broken.arrived:
        contest.acknowledge()
    check(answer.wait(), opened=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.level-ii-broken",
    requirements=["SMB2-3.3.4.6-08"],
    variants={
        "action": [
            changes.write,
            changes.set_end_of_file,
            changes.lock,
            changes.overwrite,
            changes.overwrite_if,
            changes.supersede,
        ]
    },
    answers=[
        "smbtorture:oplock.batch6",
        "smbtorture:oplock.batch10",
        "smbtorture:oplock.batch11",
        "smbtorture:oplock.levelii501",
    ],
)
def test_level_ii_is_broken(lab: Lab, action: Callable[[LabOpen], Answer]) -> None:
    """Who changes or locks a file breaks every level II oplock of others to none, and waits for nobody."""
    contest = Contest(lab, II)
    third = lab.another_client()
    other = third.tree().open(contest.name, requested_oplock_level=II)
    check.that(other, "oplock", other.oplock_level, requirement="SMB2-3.3.5.9-28", specification=II)
    file = contest.contend(wait=True).open
    check(action(file).wait(), specification=Status.SUCCESS)
    for session in (contest.holder, third):
        expect_break(session, specification=NONE)
        expect_quiet(session, 1, requirement="SMB2-3.3.4.6-16")
    check.alive(contest.holder)


@case(
    "oplocks.level-ii-needs-no-acknowledgment",
    requirements=["SMB2-3.3.4.6-08"],
    answers=["smbtorture:oplock.levelii500"],
)
def test_level_ii_needs_no_acknowledgment(lab: Lab) -> None:
    """The break of level II is not acknowledged; an acknowledgment all the same is taken or refused, as may
    be.
    """
    contest = Contest(lab, II)
    other = contest.contend(wait=True).open
    check(other.write(b"new"), specification=Status.SUCCESS)
    expect_break(contest.holder, specification=NONE)
    check(
        contest.file.acknowledge_oplock(NONE),
        specification=Status.INVALID_DEVICE_STATE,
        permitted_taken=Status.SUCCESS,
        permitted_refused=Status.INVALID_OPLOCK_PROTOCOL,
    )
    check(other.write(b"again"), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    check.alive(contest.holder)


HARMLESS = (changes.read, changes.query_info, changes.flush, changes.close)


@case(
    "oplocks.harmless",
    requirements=["SMB2-3.3.4.6-15"],
    variants={"action": HARMLESS},
    answers=["smbtorture:oplock.batch15"],
)
def test_what_breaks_no_level_ii(lab: Lab, action: Callable[[LabOpen], Answer]) -> None:
    """Another client reads, queries, flushes and closes without breaking level II."""
    contest = Contest(lab, II)
    other = contest.contend(wait=True).open
    check(action(other).wait(), specification=(Status.SUCCESS, Status.END_OF_FILE))
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "oplocks.own-operations",
    requirements=["SMB2-3.3.4.6-15"],
    variants={
        "held": ALONE,
        "action": [
            changes.read,
            changes.write,
            changes.lock,
            changes.flush,
            changes.set_end_of_file,
            changes.set_attributes,
            changes.query_info,
        ],
    },
    answers=["smbtorture:oplock.batch4", "smbtorture:oplock.batch21", "smbtorture:oplock.brl3"],
)
def test_the_holder_works(lab: Lab, held: OplockLevel, action: Callable[[LabOpen], Answer]) -> None:
    """The holder of an exclusive or batch oplock reads, writes, locks and sets without breaking it."""
    contest = Contest(lab, held)
    check(action(contest.file).wait(), specification=(Status.SUCCESS, Status.END_OF_FILE))
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "oplocks.own-level-ii",
    requirements=["SMB2-3.3.4.6-14"],
    variants={"action": [changes.write, changes.lock]},
    answers=[
        "smbtorture:oplock.batch1",
        "smbtorture:oplock.batch6",
        "smbtorture:oplock.brl1",
        "smbtorture:oplock.brl2",
    ],
)
def test_own_changes_under_level_ii(lab: Lab, action: Callable[[LabOpen], Answer]) -> None:
    """What a holder of level II does to its own oplock when it changes or locks the file."""
    contest = Contest(lab, II)
    check(action(contest.file).wait(), done=Status.SUCCESS)
    broken = contest.holder.wait_oplock_break(within=1.0)
    level: object = broken.body.oplock_level if broken.arrived else NO_BREAK
    check.that(contest.holder, "level", level, windows=NONE, kept=NO_BREAK)
    check.alive(contest.holder)


@case(
    "oplocks.lock-conflict",
    requirements=["SMB2-3.3.4.6-14"],
    answers=["smbtorture:oplock.brl2"],
)
def test_a_lock_that_is_not_granted(lab: Lab) -> None:
    """What a lock that conflicts with another one does to level II oplocks."""
    contest = Contest(lab, BATCH)
    contest.file.write(b"content").required()
    contest.file.lock().required()
    attempt = contest.contend()
    broken = contest.holder.wait_oplock_break().required()
    contest.acknowledge(OplockLevel(broken.body.oplock_level))
    attempt.wait().required()
    before = len(contest.holder.oplock_breaks)
    check(attempt.open.lock(), refused=Status.LOCK_NOT_GRANTED)
    lab.settle()
    more = len(contest.holder.oplock_breaks) - before
    check.that(contest.holder, "breaks by the lock", more, broken=1, kept=0)
    check.alive(contest.holder)


@case(
    "oplocks.renamed",
    requirements=["SMB2-3.3.4.6-14"],
    variants={"who": ["holder", "another client"]},
    answers=["smbtorture:oplock.batch19", "smbtorture:oplock.batch20"],
)
def test_the_file_is_renamed(lab: Lab, who: str) -> None:
    """What renaming a file does to its batch oplock."""
    contest = Contest(lab, BATCH)
    name = lab.name("renamed")
    lab.created.append((contest.tree.share, name))
    file = contest.file
    if who == "another client":
        attempt = contest.contend()
        contest.holder.wait_oplock_break().required()
        contest.acknowledge()
        attempt.wait().required()
        file = attempt.open
    before = len(contest.holder.oplock_breaks)
    answer = changes.rename(file, name, wait=False)
    lab.settle()
    check.that(contest.holder, "breaks", len(contest.holder.oplock_breaks) - before, windows=0, broken=1)
    check(answer.wait(), renamed=Status.SUCCESS, refused=(Status.SHARING_VIOLATION, Status.ACCESS_DENIED))
    check.alive(contest.holder)


@case(
    "oplocks.renamed-in-conflict",
    requirements=["SMB2-3.3.4.6-14"],
    answers=["smbtorture:oplock.exclusive6", "smbtorture:oplock.batch19"],
)
def test_a_rename_while_the_parent_is_open_for_deletion(lab: Lab) -> None:
    """What a rename does to an exclusive oplock while another open denies it by share modes."""
    contest = Contest(lab, EXCLUSIVE, share_access=ShareAccess.READ)
    name = lab.name("renamed")
    lab.created.append((contest.tree.share, name))
    attempt = contest.contend(desired_access=AccessMask.DELETE)
    lab.settle()
    check.that(contest.holder, "breaks", len(contest.holder.oplock_breaks), windows=0, broken=1)
    check(attempt.wait(within=A_MOMENT), windows=Status.SHARING_VIOLATION)
    check(changes.rename(contest.file, name), renamed=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.set-by-path",
    requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-08"],
    variants={"action": [changes.set_end_of_file, changes.set_allocation]},
    answers=[
        "smbtorture:oplock.batch11",
        "smbtorture:oplock.batch12",
        "smbtorture:oplock.exclusive3",
        "smbtorture:hole.slip-levelii-double-break",
    ],
)
def test_a_size_is_set_by_another(lab: Lab, action: Callable[[LabOpen], Answer]) -> None:
    """Another client that opens a file and sets its size breaks a batch oplock twice: to II, and to none."""
    contest = Contest(lab, BATCH)
    contest.file.write(b"content").required()
    attempt = contest.contend()
    expect_break(contest.holder, specification=II)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    check(action(attempt.open).wait(), specification=Status.SUCCESS)
    if action is changes.set_end_of_file:
        expect_break(contest.holder, after=1, requirement="SMB2-3.3.4.6-08", specification=NONE)
    check.alive(contest.holder)


@case(
    "oplocks.attributes-set",
    requirements=["SMB2-3.3.4.6-15"],
    answers=["smbtorture:oplock.batch25"],
)
def test_attributes_are_set_by_another(lab: Lab) -> None:
    """Another client that opens a file for its attributes only, and sets them, breaks no oplock."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend(desired_access=AccessMask.FILE_WRITE_ATTRIBUTES)
    check(attempt.wait(), specification=Status.SUCCESS)
    check(changes.set_attributes(attempt.open).wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "oplocks.delete-pending",
    requirements=["SMB2-3.3.4.6-14"],
    variants={"held": ALONE},
    answers=["smbtorture:oplock.doc"],
)
def test_a_file_that_is_to_be_deleted(lab: Lab, held: OplockLevel) -> None:
    """What an open of a file that is marked for deletion does to its oplock."""
    contest = Contest(lab, held)
    changes.dispose(contest.file).required()
    answer = contest.contend().wait(within=A_MOMENT)
    check(answer, windows=Status.DELETE_PENDING)
    lab.settle()
    check.that(contest.holder, "breaks", len(contest.holder.oplock_breaks), windows=0, broken=1)
    check.alive(contest.holder)


@case(
    "oplocks.several-files",
    requirements=["SMB2-3.3.4.6-16"],
    answers=["smbtorture:multichannel.oplocks.test1"],
)
def test_a_break_for_each_file(lab: Lab) -> None:
    """Two files are broken one by one, with one notification each that names the open."""
    contest = Contest(lab, BATCH)
    other = contest.tree.open(requested_oplock_level=BATCH)
    for number, file in enumerate((contest.file, other)):
        attempt = contest.rival_tree.create(file.name, requested_oplock_level=BATCH, wait=False)
        broken = expect_break(contest.holder, after=number, requirement="SMB2-3.3.4.6-13", specification=II)
        check.that(contest.holder, "open", broken.body.file_id == file.file_id, specification=True)
        file.acknowledge_oplock(II).required()
        check(attempt.wait(), specification=Status.SUCCESS)
        check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    expect_quiet(contest.holder, 2)
    check.alive(contest.holder)


@case("oplocks.two-contenders", requirements=["SMB2-3.3.4.6-16", "SMB2-3.3.4.6-13"])
def test_two_contenders(lab: Lab) -> None:
    """Two opens that conflict with one oplock wait for one break, and both go on when it is acknowledged."""
    contest = Contest(lab, BATCH)
    first = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    second = lab.another_client().tree().create(contest.name, wait=False)
    early = second.wait(within=1.0).arrived
    check.that(second, "answered early", early, requirement="SMB2-3.3.4.6-13", specification=False)
    expect_quiet(contest.holder, 1)
    contest.acknowledge()
    check(first.wait(), specification=Status.SUCCESS)
    check(second.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case("oplocks.lowered-while-breaking", requirements=["SMB2-3.3.5.22.1-09"])
def test_a_break_that_is_lowered(lab: Lab) -> None:
    """What an acknowledgment of II gets when an overwriting open has come meanwhile, which needs none."""
    contest = Contest(lab, BATCH)
    first = contest.contend()
    contest.holder.wait_oplock_break().required()
    second = (
        lab.another_client()
        .tree()
        .create(contest.name, create_disposition=CreateDisposition.OVERWRITE, wait=False)
    )
    second.wait_pending()
    lab.settle()
    check.that(contest.holder, "breaks", len(contest.holder.oplock_breaks), one=1, two=2)
    answer = contest.file.acknowledge_oplock(II)
    check(answer, windows=Status.REQUEST_NOT_ACCEPTED, taken=Status.SUCCESS)
    check(first.wait(), answered=Status.SUCCESS)
    check(second.wait(), answered=Status.SUCCESS)
    check.alive(contest.holder)


@case("oplocks.contender-cancelled", requirements=["SMB2-3.3.5.16-01", "SMB2-3.3.5.22.1-01"])
def test_the_contender_is_cancelled(lab: Lab) -> None:
    """An open that waits for a break can be cancelled; the break is acknowledged as ever."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    attempt.wait_pending()
    attempt.cancel()
    check(attempt.wait(), specification=Status.CANCELLED)
    answer = contest.file.acknowledge_oplock(II)
    check(answer, requirement="SMB2-3.3.5.22.1-01", specification=Status.SUCCESS)
    check.alive(contest.holder)
    check.alive(contest.rival)


@case("oplocks.contender-lost", requirements=["SMB2-3.3.5.22.1-01"])
def test_the_contender_is_lost(lab: Lab) -> None:
    """A contender that is lost while it waits leaves the break to be acknowledged, and no open behind."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend(share_access=ShareAccess.NONE)
    contest.holder.wait_oplock_break().required()
    attempt.wait_pending()
    contest.rival.connection.abort()
    lab.settle()
    check(contest.file.acknowledge_oplock(II), specification=Status.SUCCESS)
    contest.file.close().required()
    last = lab.eventually(
        lambda: lab.another_client().tree().create(contest.name), lambda one: one.actual is Status.SUCCESS
    )
    check(last, specification=Status.SUCCESS)
    check.alive(contest.holder)


@case("oplocks.contender-in-a-compound", requirements=["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-08"])
def test_a_compound_waits(lab: Lab) -> None:
    """A compound of CREATE, WRITE and CLOSE waits as a whole, and its WRITE breaks what the CREATE has
    left.
    """
    contest = Contest(lab, BATCH)
    bodies = (
        create_request(contest.name),
        WriteRequest(offset=0, file_id=FILE_ID_ANY, data=b"new"),
        CloseRequest(file_id=FILE_ID_ANY),
    )
    session, tree = contest.rival.core, contest.rival_tree.core
    answers = contest.rival.connection.send_compound(
        [Submission(body=body, session=session, tree=tree) for body in bodies], related=True, wait=False
    )
    expect_break(contest.holder, specification=II)
    check.that(answers[0], "answered", answers[0].wait(within=A_MOMENT).arrived, specification=False)
    contest.acknowledge()
    for answer in answers:
        check(answer.wait(), specification=Status.SUCCESS)
    expect_break(contest.holder, after=1, requirement="SMB2-3.3.4.6-08", specification=NONE)
    check.alive(contest.holder)


@case("oplocks.holder-in-a-hurry", requirements=["SMB2-3.3.4.6-15", "SMB2-3.3.4.6-13"])
def test_the_holder_works_while_it_breaks(lab: Lab) -> None:
    """While its oplock breaks the holder writes back and locks: nothing waits, nothing breaks again."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend()
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    check(contest.file.write(b"cached"), specification=Status.SUCCESS)
    check(contest.file.flush(), specification=Status.SUCCESS)
    expect_quiet(contest.holder, 1)
    check.that(attempt, "answered", attempt.arrived, requirement="SMB2-3.3.4.6-13", specification=False)
    contest.acknowledge()
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    found = attempt.open.read(0, 6).data
    check.that(attempt, "what the other reads", found, specification=b"cached")
    check.alive(contest.holder)
