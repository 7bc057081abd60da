"""Requests without a signature, and signatures without a session ([MS-SMB2] 3.3.5.2.4)."""

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import Protection
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.needs import (
    ANONYMOUS,
    CLEAR_SESSIONS,
    GUEST,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SIGNING_REQUIRED,
    SMB3,
)
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.negotiate import Dialect, SecurityMode
from smbtorture_py.wire.status import Status
from suites.bind.protections import SIGNED
from suites.signing.commands import COMMANDS, place
from suites.signing.ways import EVERY_WAY

UNKNOWN = 0x0000_5E55_1010_0001
"""A SessionId that is not given out: this one added to one that is."""

KEY_SIZE = 16
DIALECTS = (Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)


def requiring(lab: Lab) -> LabSession:
    """Set a session up whose client demands signatures; both sides must sign from then on."""
    return lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED)


@case(
    "signing.required-by-client",
    requirements=["SMB2-3.3.5.2.4-03", "SMB2-3.3.4.1.1-01"],
    needs=[CLEAR_SESSIONS],
    variants={"command": list(COMMANDS)},
)
def test_what_must_be_signed_is_refused_unsigned(lab: Lab, command: str) -> None:
    """In a session whose client demanded signatures a request without one is refused, and not with one."""
    session = requiring(lab)
    at = place(session)
    session.connection.may_be_lost = True
    answer = COMMANDS[command](at, sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT, ksmbd=Status.SUCCESS)
    if answer.actual is Status.ACCESS_DENIED:
        signed = COMMANDS[command](at, sign=True)
        check(signed, specification=Status.SUCCESS)
        check.protection(signed, requirement="SMB2-3.3.4.1.1-01", specification=Protection.SIGNED)


@case(
    "signing.required-in-every-dialect",
    requirements=["SMB2-3.3.5.2.4-03"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_signatures_are_required_in_every_dialect(lab: Lab) -> None:
    """In a session whose client demanded signatures an unsigned WRITE is refused and not executed."""
    session, bystander = requiring(lab), lab.logon()
    file = session.tree().open()
    check(file.write(b"signed"), specification=Status.SUCCESS)
    session.connection.may_be_lost = True
    answer = file.write(b"forged", sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT, ksmbd=Status.SUCCESS)
    if answer.actual is Status.ACCESS_DENIED:
        check.that(file, "what the file holds", file.read().data, specification=b"signed")
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.required-on-channel",
    requirements=["SMB2-3.3.5.2.4-03"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants=SIGNED,
)
def test_signatures_are_required_on_every_channel(lab: Lab) -> None:
    """What the client demanded on the first channel holds on the second: it takes no unsigned request."""
    session = requiring(lab)
    second = session.add_channel()
    check(session.send(EchoRequest(), on=second, sign=True), specification=Status.SUCCESS)
    second.may_be_lost = True
    answer = session.send(EchoRequest(), on=second, sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT, ksmbd=Status.SUCCESS)
    check.alive(session)


@case(
    "signing.required-by-bind",
    requirements=["SMB2-3.3.5.5.3-38"],
    needs=[SMB3, MULTI_CHANNEL, SIGNING_OPTIONAL, CLEAR_SESSIONS],
    variants=SIGNED,
)
def test_a_bind_can_demand_signatures(lab: Lab) -> None:
    """A bind whose client demands signatures makes them required in the whole session."""
    session = lab.logon()
    check(session.send(EchoRequest(), sign=False), specification=Status.SUCCESS)
    session.add_channel(security_mode=SecurityMode.SIGNING_REQUIRED)
    session.channels[0].may_be_lost = True
    answer = session.send(EchoRequest(), sign=False)
    check(
        answer,
        specification=Status.ACCESS_DENIED,
        permitted_disconnect=DISCONNECT,
        samba=Status.SUCCESS,
        windows=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "signing.required-by-server",
    requirements=["SMB2-3.3.5.2.4-03"],
    needs=[SIGNING_REQUIRED, CLEAR_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants=EVERY_WAY,
)
def test_a_server_that_requires_signatures_enforces_it(lab: Lab) -> None:
    """A server that requires signatures refuses unsigned requests, also of clients that merely can sign."""
    lab.require_signing()
    connection = lab.connect(security_mode=SecurityMode.SIGNING_ENABLED)
    session = lab.logon(connection=connection, security_mode=SecurityMode.SIGNING_ENABLED)
    check(session.send(EchoRequest(), sign=True), specification=Status.SUCCESS)
    connection.may_be_lost = True
    answer = session.send(EchoRequest(), sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)


@case(
    "signing.not-required",
    requirements=["SMB2-3.3.5.2.4-04"],
    needs=[SIGNING_OPTIONAL, CLEAR_SESSIONS],
    variants=[{**way, "first_signed": first_signed} for way in EVERY_WAY for first_signed in (False, True)],
)
def test_signed_and_unsigned_requests_may_alternate(lab: Lab, first_signed: bool) -> None:
    """Where no signature is required, signed and unsigned requests of one session are served in turn."""
    session = lab.logon()
    for number in range(4):
        signed = (number % 2 == 0) == first_signed
        answer = session.send(EchoRequest(), sign=signed)
        check(answer, specification=Status.SUCCESS)
        if signed:
            check.protection(answer, requirement="SMB2-3.3.4.1.1-02", specification=Protection.SIGNED)
    check.alive(session)


@case(
    "signing.without-session",
    requirements=["SMB2-3.3.5.2.4-04"],
    variants={"dialect": DIALECTS},
)
def test_an_unsigned_request_of_no_session_is_served(lab: Lab) -> None:
    """On the connection of a session that requires signatures an ECHO of no session needs none."""
    session = requiring(lab)
    check(session.connection.echo(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "signing.unknown-session",
    requirements=["SMB2-3.3.5.2.4-05"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "session_id": name} for way in EVERY_WAY for name in ("unknown", "zero")],
)
def test_a_signature_of_no_session_is_refused(lab: Lab, session_id: str) -> None:
    """A request that is signed and names a session that does not exist, or none, is refused as deleted."""
    session = lab.logon()
    wrong = session.session_id ^ UNKNOWN if session_id == "unknown" else 0
    answer = session.send(EchoRequest(), sign=True, session_id=wrong)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "signing.session-of-another-connection",
    requirements=["SMB2-3.3.5.2.4-05"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "required": required} for way in EVERY_WAY for required in (False, True)],
)
def test_a_session_is_known_on_its_connections_only(lab: Lab, required: bool) -> None:
    """A request of a session on a connection that is not bound to it is refused as deleted, though rightly
    signed.
    """
    session = requiring(lab) if required else lab.logon()
    elsewhere, other = lab.connect(), lab.connect()
    lab.logon(connection=other)
    for connection in (elsewhere, other):
        answer = connection.send(EchoRequest(), session=session, sign=True)
        check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "signing.ended-session",
    requirements=["SMB2-3.3.5.2.4-05"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_a_signature_of_an_ended_session_is_refused(lab: Lab) -> None:
    """After LOGOFF a request that is signed with the key of that session is refused as deleted."""
    session = lab.logon()
    other = lab.logon(connection=session.connection)
    core = session.connection.core
    key = session.core.signing_key_for(core)
    session.logoff().required()
    answer = session.connection.send(
        EchoRequest(), session=session, sign=True, tamper=Tamper(signing_key=key)
    )
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(other)


@case(
    "signing.anonymous",
    requirements=["SMB2-3.3.5.2.4-11"],
    needs=[ANONYMOUS, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "key": ["right", "wrong"]},
    answers=["smbtorture:session.anon-signing1", "smbtorture:session.anon-signing2"],
)
def test_an_anonymous_session_has_a_key(lab: Lab, key: str) -> None:
    """A request of an anonymous session is verified with the key that follows from a session key of zeros."""
    session = lab.logon(anonymous=True)
    session.connection.may_be_lost = True
    used = session.core.signing_key_for(session.connection.core) if key == "right" else lab.entropy(KEY_SIZE)
    answer = session.send(EchoRequest(), sign=True, tamper=Tamper(signing_key=used))
    if key == "right":
        check(answer, specification=Status.SUCCESS)
    else:
        check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)


@case(
    "signing.guest",
    requirements=["SMB2-3.3.5.2.4-02", "SMB2-3.3.5.2.4-06"],
    needs=[GUEST, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
)
def test_a_guest_cannot_sign_with_any_key(lab: Lab) -> None:
    """A request of a guest's session that is signed with the key of nobody is refused."""
    session = lab.logon(guest=True)
    session.connection.may_be_lost = True
    # The server cannot know the key that the guest's client derives from a password nobody knows.
    session.connection.tolerate(Rule.SIGNATURE)
    answer = session.send(EchoRequest(), sign=True, tamper=Tamper(signing_key=lab.entropy(KEY_SIZE)))
    check(
        answer,
        specification=Status.ACCESS_DENIED,
        permitted_no_key=Status.NOT_SUPPORTED,
        permitted_disconnect=DISCONNECT,
    )
    check.alive(session)


@case(
    "signing.key-not-there-yet",
    requirements=["SMB2-3.3.5.2.4-06"],
    variants={"dialect": DIALECTS},
)
def test_a_session_in_progress_has_no_key(lab: Lab) -> None:
    """A signed request of a session whose authentication is under way is refused: there is no key yet."""
    bystander, connection = lab.logon(), lab.connect()
    half = connection.begin_session_setup()
    answer = connection.send(
        EchoRequest(),
        session_id=half.session_id,
        sign=True,
        tamper=Tamper(signing_key=lab.entropy(KEY_SIZE)),
    )
    check(answer, specification=Status.NOT_SUPPORTED, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case(
    "signing.required-in-compound",
    requirements=["SMB2-3.3.5.2.4-03", "SMB2-3.1.4.1-06"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "unsigned": number} for way in EVERY_WAY for number in (0, 1, 2)],
    answers=["smbtorture:hole.slip-compound-signing"],
)
def test_every_member_must_be_signed(lab: Lab, unsigned: int) -> None:
    """Of three unrelated requests in one frame only the one without the required signature is refused."""
    session, bystander = requiring(lab), lab.logon()
    session.connection.may_be_lost = True
    chain = [
        Submission(body=EchoRequest(), session=session.core, sign=number != unsigned) for number in range(3)
    ]
    for number, answer in enumerate(session.connection.send_compound(chain)):
        if number == unsigned:
            check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
        else:
            check(answer, specification=Status.SUCCESS, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)
