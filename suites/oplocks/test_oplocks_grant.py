"""Which oplock a CREATE gets ([MS-SMB2] 3.3.5.9 "Oplock Acquisition")."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check, has_flag
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import NAMED_STREAMS
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.oplocks.contest import BATCH, EXCLUSIVE, II, LEVELS, NONE, Contest, expect_break, expect_quiet

DIALECTS = (Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_1_1)
UNKNOWN_LEVEL = 0x05
STAT = (AccessMask.FILE_READ_ATTRIBUTES, AccessMask.FILE_WRITE_ATTRIBUTES, AccessMask.SYNCHRONIZE)


@case(
    "oplocks.grant",
    requirements=["SMB2-3.3.5.9-28"],
    variants={"level": LEVELS, "dialect": DIALECTS},
)
def test_an_oplock_without_conflict(lab: Lab, level: OplockLevel) -> None:
    """A file that nobody else has open gets the oplock asked for."""
    answer = lab.logon().tree().create(requested_oplock_level=level)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "oplock_level", specification=level)
    check.alive(answer.open.tree.session)


@case("oplocks.not-asked-for", requirements=["SMB2-3.3.5.9-28"])
def test_no_oplock_unasked(lab: Lab) -> None:
    """An open that asks for no oplock gets none, and is never told of a break."""
    session = lab.logon()
    answer = session.tree().create()
    check.field(answer, "oplock_level", specification=NONE)
    lab.another_client().tree().open(answer.open.name).write(b"new").required()
    expect_quiet(session)
    check.alive(session)


@case(
    "oplocks.second-open",
    requirements=["SMB2-3.3.5.9-29"],
    variants={"held": [NONE, *LEVELS], "wanted": LEVELS},
    answers=["smbtorture:oplock.batch10", "smbtorture:oplock.exclusive2", "ms:BVT_OpLockBreak"],
)
def test_an_oplock_beside_another(lab: Lab, held: OplockLevel, wanted: OplockLevel) -> None:
    """A second open of a file gets level II at most, whatever the first one has and the second one asks
    for.
    """
    contest = Contest(lab, held)
    attempt = contest.contend(requested_oplock_level=wanted)
    if held in (EXCLUSIVE, BATCH):
        expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
        contest.acknowledge(II)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", specification=II)
    expect_quiet(contest.holder, int(held in (EXCLUSIVE, BATCH)), requirement="SMB2-3.3.4.6-15")
    check.alive(contest.holder)


@case(
    "oplocks.on-a-directory",
    requirements=["SMB2-3.3.5.9-45"],
    variants={"level": LEVELS},
    answers=["smbtorture:dirlease.oplocks", "smbtorture:hole.slip-dirlease-oplocks"],
)
def test_an_oplock_of_a_directory(lab: Lab, level: OplockLevel) -> None:
    """What a directory gets that an oplock is asked for."""
    answer = (
        lab.logon().tree().create(create_options=CreateOptions.DIRECTORY_FILE, requested_oplock_level=level)
    )
    check(answer, opened=Status.SUCCESS)
    check.field(answer, "oplock_level", none=NONE, granted=level)
    check.alive(answer.open.tree.session)


@case("oplocks.unknown-level", requirements=["SMB2-3.3.5.9-45"])
def test_a_level_that_does_not_exist(lab: Lab) -> None:
    """What an open gets that asks for a level that does not exist."""
    session = lab.logon()
    answer = session.tree().create(requested_oplock_level=UNKNOWN_LEVEL)
    check(answer, opened=Status.SUCCESS, refused=Status.INVALID_PARAMETER)
    if answer.actual is Status.SUCCESS:
        check.field(answer, "oplock_level", none=NONE)
    check.alive(session)


@case(
    "oplocks.beside-locks",
    requirements=["SMB2-3.3.5.9-45"],
    variants={"whose": ["another open", "another client"]},
)
def test_an_oplock_beside_locks(lab: Lab, whose: str) -> None:
    """What oplock a file gets that has a byte-range lock."""
    session, rival = lab.logon(), lab.another_client()
    tree = session.tree()
    file = tree.open()
    file.write(b"content").required()
    file.lock().required()
    used = tree if whose == "another open" else rival.tree()
    other = used.open(file.name, requested_oplock_level=II)
    check.that(other, "oplock", OplockLevel(other.oplock_level), none=NONE, level_ii=II)
    check.alive(session)


@case(
    "oplocks.stat-open",
    requirements=["SMB2-3.3.5.9-33"],
    variants={"access": STAT, "held": [EXCLUSIVE, BATCH]},
    answers=[
        "smbtorture:oplock.statopen1",
        "smbtorture:oplock.exclusive4",
        "smbtorture:oplock.batch8",
        "smbtorture:oplock.batch15",
    ],
)
def test_an_open_for_attributes(lab: Lab, access: AccessMask, held: OplockLevel) -> None:
    """An open for attributes or SYNCHRONIZE breaks no oplock and does not wait."""
    contest = Contest(lab, held)
    attempt = contest.contend(desired_access=access)
    check(attempt.wait(), specification=Status.SUCCESS)
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "oplocks.data-open",
    requirements=["SMB2-3.3.4.6-13"],
    variants={
        "access": [
            AccessMask.FILE_READ_DATA,
            AccessMask.FILE_WRITE_DATA,
            AccessMask.FILE_APPEND_DATA,
            AccessMask.FILE_READ_EA,
            AccessMask.FILE_WRITE_EA,
            AccessMask.FILE_EXECUTE,
            AccessMask.DELETE,
            AccessMask.READ_CONTROL,
            AccessMask.WRITE_DAC,
            AccessMask.WRITE_OWNER,
        ]
    },
    answers=["smbtorture:oplock.statopen1"],
)
def test_an_open_for_anything_else(lab: Lab, access: AccessMask) -> None:
    """An open for more than attributes, READ_CONTROL included, breaks an oplock."""
    contest = Contest(lab, BATCH)
    attempt = contest.contend(desired_access=access)
    expect_break(contest.holder, specification=II)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.alive(contest.holder)


@case(
    "oplocks.stat-opener",
    requirements=["SMB2-3.3.5.9-28", "SMB2-3.3.4.6-13", "SMB2-3.3.4.6-08"],
    answers=["smbtorture:oplock.batch9", "smbtorture:oplock.batch9a"],
)
def test_an_open_for_attributes_has_an_oplock(lab: Lab) -> None:
    """An open for attributes gets a batch oplock, which the next open for data breaks to II."""
    contest = Contest(
        lab,
        BATCH,
        desired_access=AccessMask.FILE_READ_ATTRIBUTES | AccessMask.FILE_WRITE_ATTRIBUTES,
        create_disposition=CreateDisposition.CREATE,
    )
    attempt = contest.contend(requested_oplock_level=BATCH)
    expect_break(contest.holder, requirement="SMB2-3.3.4.6-13", specification=II)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=II)
    check(attempt.open.write(b"new"), specification=Status.SUCCESS)
    expect_break(contest.holder, after=1, requirement="SMB2-3.3.4.6-08", specification=NONE)
    check.alive(contest.holder)


@case(
    "oplocks.on-streams",
    requirements=["SMB2-3.3.5.9-28", "SMB2-3.3.4.6-15"],
    needs=[NAMED_STREAMS],
    answers=["smbtorture:oplock.batch26", "smbtorture:oplock.stream1"],
)
def test_streams_have_oplocks_of_their_own(lab: Lab) -> None:
    """A file and a stream of it have oplocks of their own, neither of which breaks the other."""
    contest = Contest(lab, BATCH)
    stream = contest.rival_tree.create(f"{contest.name}:stream", requested_oplock_level=BATCH)
    check(stream, specification=Status.SUCCESS)
    check.field(stream, "oplock_level", specification=BATCH)
    stream.open.write(b"stream").required()
    expect_quiet(contest.holder, requirement="SMB2-3.3.4.6-15")
    expect_quiet(contest.rival, requirement="SMB2-3.3.4.6-15")
    check.alive(contest.holder)


@case("oplocks.free-again", requirements=["SMB2-3.3.5.9-28"], variants={"held": LEVELS})
def test_a_closed_file_has_no_oplock(lab: Lab, held: OplockLevel) -> None:
    """When the holder has closed, the next open gets the oplock it asks for, without a break."""
    contest = Contest(lab, held)
    contest.file.close().required()
    attempt = contest.contend(requested_oplock_level=BATCH)
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", specification=BATCH)
    expect_quiet(contest.holder)
    check.alive(contest.holder)


@case(
    "oplocks.same-session",
    requirements=["SMB2-3.3.4.6-13"],
    variants={"who": ["same session", "another session"]},
)
def test_a_client_breaks_its_own_oplock(lab: Lab, who: str) -> None:
    """A second open of the same client breaks the oplock of its first, in the same session and in another."""
    contest = Contest(lab, BATCH)
    tree = contest.tree if who == "same session" else lab.logon().tree()
    attempt = tree.create(contest.name, requested_oplock_level=BATCH, wait=False)
    broken = expect_break(contest.holder, specification=II)
    check.that(contest.holder, "broken open", broken.body.file_id == contest.file.file_id, specification=True)
    contest.acknowledge()
    check(attempt.wait(), specification=Status.SUCCESS)
    check.field(attempt, "oplock_level", requirement="SMB2-3.3.5.9-29", specification=has_flag(II))
    check.alive(contest.holder)
