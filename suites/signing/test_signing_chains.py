"""Compounds and asynchronous requests: each message of its own is signed ([MS-SMB2] 3.1.4.1, 3.3.4.1.1,
3.3.5.16).
"""

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer, Protection
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab, LabOpen, LabSession
from smbtorture_py.conformance.needs import CLEAR_SESSIONS, SMB311
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest
from suites.signing import changes
from suites.signing.commands import held_up, missing_file, place, watch
from suites.signing.test_signing_verification import GMAC
from suites.signing.ways import EVERY_WAY

ODD = b"seven b"
"""Data that make a WRITE end where the next member cannot start: padding follows."""

A_WHILE = 2.0
"""Seconds in which a CANCEL that counts has long been answered."""


def chain(file: LabOpen, tampers: dict[int, Tamper] | None = None) -> list[Submission]:
    """Return WRITE, READ and FLUSH of one file, each signed."""
    bodies = (
        WriteRequest(file_id=file.file_id, data=ODD),
        ReadRequest(file_id=file.file_id, length=len(ODD)),
        FlushRequest(file_id=file.file_id),
    )
    return [
        Submission(
            body=body,
            session=file.tree.session.core,
            tree=file.tree.core,
            sign=True,
            tamper=(tampers or {}).get(number),
        )
        for number, body in enumerate(bodies)
    ]


def related(members: list[Submission]) -> list[Submission]:
    """Let all but the first take their FileId from the one before."""
    for member in members[1:]:
        assert isinstance(member.body, ReadRequest | FlushRequest)
        member.body.file_id = FILE_ID_ANY
    return members


@case(
    "signing.compound",
    requirements=["SMB2-3.1.4.1-06", "SMB2-3.3.4.1.1-02"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "style": style} for way in EVERY_WAY for style in ("related", "unrelated")],
)
def test_every_member_of_a_chain_is_signed(lab: Lab, style: str) -> None:
    """Each of three requests in one frame is signed with its padding, and so is each response."""
    session = lab.logon()
    file = session.tree().open()
    members = related(chain(file)) if style == "related" else chain(file)
    for answer in session.connection.send_compound(members, related=style == "related"):
        check(answer, specification=Status.SUCCESS)
        check.protection(answer, requirement="SMB2-3.3.4.1.1-02", specification=Protection.SIGNED)
    check.alive(session)


@case(
    "signing.compound-padding",
    requirements=["SMB2-3.1.4.1-06"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "when": when} for way in EVERY_WAY for when in ("before", "after")],
)
def test_the_padding_is_signed(lab: Lab, when: str) -> None:
    """Padding may hold anything, but is signed: changed before that, not after that."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    file = session.tree().open()

    def change(message: bytearray) -> None:
        message[-1] ^= changes.LAST_BIT

    tamper = Tamper(unsigned=change) if when == "before" else Tamper(signed=change)
    first, *rest = session.connection.send_compound(chain(file, {0: tamper}))
    if when == "before":
        check(first, specification=Status.SUCCESS)
    else:
        check(first, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    for answer in rest:
        check(answer, specification=(Status.SUCCESS, Status.END_OF_FILE), permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.compound-one-wrong",
    requirements=["SMB2-3.3.5.2.4-02", "SMB2-3.1.4.1-06"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "wrong": wrong} for way in EVERY_WAY for wrong in (0, 1, 2)],
)
def test_a_wrong_member_fails_alone(lab: Lab, wrong: int) -> None:
    """Of three unrelated requests in one frame only the one whose signature is wrong is refused."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    file = session.tree().open()
    check(file.write(ODD), specification=Status.SUCCESS)
    members = chain(file, {wrong: changes.inverted(changes.SIGNATURE.start)})
    for number, answer in enumerate(session.connection.send_compound(members)):
        expected = Status.ACCESS_DENIED if number == wrong else Status.SUCCESS
        check(answer, specification=expected, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.asynchronous",
    requirements=["SMB2-3.3.4.1.1-04", "SMB2-3.3.4.1.1-03", "SMB2-3.1.4.1-04", "SMB2-3.1.4.1-05"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
    answers=[
        "smbtorture:session.signing-hmac-sha-256",
        "smbtorture:session.signing-aes-128-cmac",
        "smbtorture:session.signing-aes-128-gmac",
    ],
)
def test_only_the_final_response_is_signed(lab: Lab) -> None:
    """The interim response to a signed request is not signed, the final one after a CANCEL is."""
    session = lab.logon()
    answer = watch(place(session), sign=True)
    check.that(
        answer,
        "protection of the interim response",
        answer.interim_protection,
        requirement="SMB2-3.3.4.1.1-03",
        specification=Protection.NONE,
    )
    answer.cancel(signed=True)
    check(answer.wait(), requirement="SMB2-3.1.4.1-04", specification=Status.CANCELLED)
    check.protection(answer, specification=Protection.SIGNED)
    check.alive(session)


@case(
    "signing.asynchronous-event",
    requirements=["SMB2-3.3.4.1.1-04"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_a_late_response_is_signed(lab: Lab) -> None:
    """The response to a signed LOCK that another lock held up is signed like others, once it comes."""
    session = lab.logon()
    answer, holder = held_up(place(session), sign=True)
    holder.unlock().required()
    check(answer.wait(), specification=Status.SUCCESS)
    check.protection(answer, specification=Protection.SIGNED)
    check.alive(session)


def still_pending(answer: Answer) -> bool:
    """Check that a request which was not to be cancelled is still pending; tell whether it is."""
    answer.wait(A_WHILE)
    # A server that answers the CANCEL itself uses the MessageId of the request that is pending.
    check.that(
        answer,
        "what came after the CANCEL",
        answer.actual,
        specification=NO_ANSWER,
        permitted_disconnect=DISCONNECT,
        samba=Status.ACCESS_DENIED,
        ksmbd=Status.CANCELLED,
    )
    return answer.actual is NO_ANSWER


@case(
    "signing.cancel-wrong",
    requirements=["SMB2-3.3.5.2.4-09"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_a_cancel_with_a_wrong_signature_does_nothing(lab: Lab) -> None:
    """A CANCEL whose signature is wrong cancels nothing; the right one after it does."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    answer = watch(place(session), sign=True)
    answer.cancel(signed=True, tamper=changes.inverted(changes.SIGNATURE.start))
    if still_pending(answer):
        answer.cancel(signed=True)
        check(answer.wait(), specification=Status.CANCELLED)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.cancel-nonce",
    requirements=["SMB2-3.1.4.1-04"],
    needs=[SMB311, CLEAR_SESSIONS],
    variants=[GMAC],
    answers=["smbtorture:session.signing-aes-128-gmac"],
)
def test_the_nonce_of_a_cancel_has_its_bit(lab: Lab) -> None:
    """A CANCEL signed with AES-GMAC like any other request, without its bit in the nonce, does nothing."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    answer = watch(place(session), sign=True)
    number = answer.exchange.message_id
    assert number is not None
    key = session.core.signing_key_for(session.connection.core)
    answer.cancel(signed=True, tamper=changes.gmac(key, number, is_server=False, is_cancel=False))
    if still_pending(answer):
        answer.cancel(signed=True)
        check(answer.wait(), specification=Status.CANCELLED)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.cancel-unsigned",
    requirements=["SMB2-3.3.5.2.4-10"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_an_unsigned_cancel_does_nothing_where_signatures_are_required(lab: Lab) -> None:
    """Where signatures are required a CANCEL without one cancels nothing; a signed one after it does."""
    session, bystander = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED), lab.logon()
    session.connection.may_be_lost = True
    answer = watch(place(session))
    answer.cancel(signed=False)
    if still_pending(answer):
        answer.cancel(signed=True)
        check(answer.wait(), specification=Status.CANCELLED)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.errors",
    requirements=["SMB2-3.3.4.1.1-02"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
    answers=["smbtorture:hole.response-signatures"],
)
def test_errors_are_signed(lab: Lab) -> None:
    """The response to a signed request that fails is signed."""
    session = lab.logon()
    answer = missing_file(place(session), sign=True)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.protection(answer, specification=Protection.SIGNED)
    check.alive(session)


def broken(lab: Lab) -> tuple[LabSession, LabOpen, OplockBreakNotification, HeaderFlags]:
    """Have an oplock of a session that requires signatures broken; return the session, the open, the
    notification and its header's flags.
    """
    session, contender = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED), lab.logon()
    file = session.tree().open(requested_oplock_level=OplockLevel.BATCH)
    contender.tree().create(file.core.file_name, wait=False)
    notification = session.connection.wait_notification(OplockBreakNotification)
    check.that(session, "a break notification", notification is not None, specification=True)
    assert notification is not None
    body = notification.body
    assert isinstance(body, OplockBreakNotification)
    return session, file, body, notification.message.header.flags


@case(
    "signing.break-notification",
    requirements=["SMB2-3.3.4.6-04"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
    answers=["smbtorture:hole.break-protection"],
)
def test_a_break_notification_is_not_signed(lab: Lab) -> None:
    """An oplock break notification is not signed, also in a session that requires signatures."""
    session, file, body, flags = broken(lab)
    check.that(session, "Flags of the notification", bool(flags & HeaderFlags.SIGNED), specification=False)
    check.field(
        session.connection.follow(file.core.acknowledge_oplock_break(body.oplock_level)),
        "header.status",
        specification=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "signing.break-acknowledgment",
    requirements=["SMB2-3.3.5.2.4-09"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_acknowledgments_are_verified(lab: Lab) -> None:
    """An oplock break acknowledgment with a wrong signature is refused; the right one after it succeeds."""
    session, file, body, _ = broken(lab)
    session.connection.may_be_lost = True
    wrong = changes.inverted(changes.SIGNATURE.start)
    answer = session.connection.follow(file.core.acknowledge_oplock_break(body.oplock_level, tamper=wrong))
    check(
        answer,
        specification=Status.ACCESS_DENIED,
        permitted_disconnect=DISCONNECT,
        ksmbd=Status.SUCCESS,
    )
    if answer.actual is Status.ACCESS_DENIED:
        right = session.connection.follow(file.core.acknowledge_oplock_break(body.oplock_level))
        check(right, specification=Status.SUCCESS)
    check.alive(session)
