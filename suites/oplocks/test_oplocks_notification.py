"""The oplock break notification ([MS-SMB2] 2.2.23.1, 3.3.4.6)."""

from __future__ import annotations

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import ENCRYPTED_SHARE, ENCRYPTION, MULTI_CHANNEL, SMB3
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.create import CreateDisposition, OplockLevel
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.oplocks.contest import ALONE, BATCH, II, NONE, Contest, expect_break

ALL_ONES = 0xFFFF_FFFF_FFFF_FFFF
DIALECTS = (Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
NO_SIGNATURE = bytes(16)
SIZE = 24


@case(
    "oplocks.break-header",
    requirements=["SMB2-3.3.4.6-03"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.break-header"],
)
def test_the_header_of_a_break(lab: Lab) -> None:
    """The header of an oplock break has MessageId -1, TreeId 0, status SUCCESS and is that of a response."""
    contest = Contest(lab, BATCH)
    contest.contend()
    header = expect_break(contest.holder, specification=II).header
    found = {
        "command": (header.command, Command.OPLOCK_BREAK),
        "message id": (header.message_id, ALL_ONES),
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
    "oplocks.break-session",
    requirements=["SMB2-3.3.4.6-12"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.break-header"],
)
def test_the_session_of_a_break(lab: Lab) -> None:
    """The header of an oplock break names the session that the open belongs to."""
    contest = Contest(lab, BATCH)
    contest.contend()
    header = expect_break(contest.holder, requirement="SMB2-3.3.4.6-03", specification=II).header
    session_id = contest.holder.session_id
    shown = "of the open" if header.session_id == session_id else "0" if not header.session_id else "other"
    check.that(contest.holder, "session", shown, specification="of the open", none="0")
    check.alive(contest.holder)


@case(
    "oplocks.break-body",
    requirements=["SMB2-3.3.4.6-03"],
    variants={"held": [II, *ALONE], "to": [II, NONE]},
)
def test_the_body_of_a_break(lab: Lab, held: OplockLevel, to: OplockLevel) -> None:
    """An oplock break has the FileId of the open and a level below the one held; the rest is 0."""
    contest = Contest(lab, held)
    if held == II:
        contest.contend(wait=True).open.write(b"new").required()
    else:
        overwrites = to == NONE
        contest.contend(
            create_disposition=CreateDisposition.OVERWRITE if overwrites else CreateDisposition.OPEN
        )
    body = expect_break(contest.holder, specification=NONE if held == II else to).body
    found = (body.file_id.persistent, body.file_id.volatile)
    wanted = (contest.file.file_id.persistent, contest.file.file_id.volatile)
    check.that(contest.holder, "FileId is that of the open", found == wanted, specification=True)
    check.that(contest.holder, "reserved fields", body.reserved | body.reserved2, specification=0)
    check.that(contest.holder, "structure size", body.structure_size, specification=SIZE)
    check.alive(contest.holder)


@case(
    "oplocks.break-unsigned",
    requirements=["SMB2-3.3.4.6-04"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.break-protection"],
)
def test_a_break_is_not_signed(lab: Lab) -> None:
    """An oplock break is not signed."""
    contest = Contest(lab, BATCH)
    contest.contend()
    header = expect_break(contest.holder, requirement="SMB2-3.3.4.6-03", specification=II).header
    check.that(contest.holder, "signed", header.has(HeaderFlags.SIGNED), specification=False)
    check.that(contest.holder, "signature", header.signature, specification=NO_SIGNATURE)
    check.alive(contest.holder)


@case(
    "oplocks.break-encrypted",
    requirements=["SMB2-3.3.4.6-05"],
    needs=[ENCRYPTION, ENCRYPTED_SHARE, SMB3],
    answers=["smbtorture:hole.break-protection"],
)
def test_a_break_on_an_encrypted_share(lab: Lab) -> None:
    """Whether an oplock break is encrypted where the share of its file is; it can be acknowledged."""
    session = lab.logon()
    file = session.tree(ShareRole.ENCRYPTED).open(requested_oplock_level=BATCH)
    attempt = lab.another_client().tree(ShareRole.ENCRYPTED).create(file.name, wait=False)
    broken = expect_break(session, requirement="SMB2-3.3.4.6-03", specification=II)
    check.that(session, "encrypted", broken.is_encrypted, windows=True, clear=False)
    check(file.acknowledge_oplock(II), requirement="SMB2-3.3.5.22.1-01", specification=Status.SUCCESS)
    check(attempt.wait(), requirement="SMB2-3.3.4.6-13", specification=Status.SUCCESS)
    check.alive(session)


@case("oplocks.break-leaves-credits", requirements=["SMB2-3.3.4.6-03"], needs=[SMB3, MULTI_CHANNEL])
def test_breaks_take_no_message_ids(lab: Lab) -> None:
    """Ten breaks in a row leave MessageIds and credits as they were: requests go on without a gap."""
    contest = Contest(lab, II)
    other = contest.contend(wait=True).open
    for number in range(10):
        other.write(b"new").required()
        expect_break(contest.holder, after=number, specification=NONE)
        contest.tree.open(contest.name, requested_oplock_level=II)
    check.that(contest.holder, "violations", len(contest.holder.connection.violations), specification=0)
    check.alive(contest.holder)
