"""Signatures of session set-up, and what makes a session require them ([MS-SMB2] 3.3.5.5.3, 3.3.5.2.4)."""

from collections.abc import Mapping

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import CLEAR_SESSIONS, GUEST, SIGNING_OPTIONAL, SIGNING_REQUIRED
from smbtorture_py.wire.negotiate import Dialect, SecurityMode
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest

DIALECTS = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
ALGORITHMS: list[Mapping[str, object]] = [
    {"dialect": Dialect.SMB_3_1_1, "signing_algorithm": algorithm}
    for algorithm in (SigningAlgorithm.HMAC_SHA256, SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC)
]
EVERY_KIND: list[Mapping[str, object]] = [*({"dialect": dialect} for dialect in DIALECTS), *ALGORITHMS]


@case(
    "session.final-response-signed",
    requirements=["SMB2-3.3.5.5.3-11", "SMB2-3.3.5.5.3-18", "SMB2-3.3.5.5.3-21", "SMB2-3.3.5.5.3-29"],
    needs=[SIGNING_OPTIONAL],
    variants=EVERY_KIND,
)
def test_the_final_response_is_signed(lab: Lab) -> None:
    """The final response is signed with the key of the new session, although nobody requires signatures."""
    lab.require_clear_sessions()
    answer = lab.connect(security_mode=SecurityMode.SIGNING_ENABLED).session_setup()
    check(answer, requirement="SMB2-3.3.5.5.3-03", specification=Status.SUCCESS)
    check.that(answer, "final response is signed", answer.exchange.response_signed, specification=True)
    check.that(
        answer,
        "its signature is right",
        answer.exchange.signature_valid,
        requirement="SMB2-3.3.5.5.3-21" if lab.connections[0].core.is_smb3 else "SMB2-3.3.5.5.3-29",
        specification=True,
    )
    check.alive(answer.session)


@case(
    "session.signing-required-in-session-setup",
    requirements=["SMB2-3.3.5.5.3-08", "SMB2-3.3.5.2.4-03"],
    variants={"dialect": DIALECTS},
)
def test_a_session_setup_can_require_signing(lab: Lab) -> None:
    """A session whose SESSION_SETUP requires signing takes no unsigned request."""
    lab.require_clear_sessions()
    connection = lab.connect(security_mode=SecurityMode.SIGNING_ENABLED)
    session = connection.session_setup(security_mode=SecurityMode.SIGNING_REQUIRED).session
    opened = session.tree().open()
    connection.may_be_lost = True
    check(opened.write(b"signed", sign=True), specification=Status.SUCCESS)
    check(opened.write(b"unsigned", sign=False), specification=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "session.signing-required-in-negotiate",
    requirements=["SMB2-3.3.5.5.3-09", "SMB2-3.3.5.2.4-03"],
    needs=[SIGNING_OPTIONAL],
    variants={"dialect": DIALECTS},
)
def test_a_negotiate_can_require_signing(lab: Lab) -> None:
    """Sessions of a client that requires signing in NEGOTIATE alone take no unsigned request."""
    lab.require_clear_sessions()
    connection = lab.connect(security_mode=SecurityMode.SIGNING_REQUIRED)
    session = connection.session_setup(security_mode=SecurityMode.SIGNING_ENABLED).session
    opened = session.tree().open()
    connection.may_be_lost = True
    check(opened.write(b"signed", sign=True), specification=Status.SUCCESS)
    check(opened.write(b"unsigned", sign=False), specification=Status.ACCESS_DENIED, samba=Status.SUCCESS)
    check.alive(session)


@case(
    "session.signing-required-by-server",
    requirements=["SMB2-3.3.5.5.3-09", "SMB2-3.3.5.2.4-03"],
    needs=[SIGNING_REQUIRED, CLEAR_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": DIALECTS},
)
def test_a_server_can_require_signing(lab: Lab) -> None:
    """Where the server requires signing, sessions take no unsigned request, though no client asked for it."""
    lab.require_signing()
    session = lab.logon(offer={"security_mode": SecurityMode.SIGNING_ENABLED})
    opened = session.tree().open()
    session.connection.may_be_lost = True
    check(opened.write(b"signed", sign=True), specification=Status.SUCCESS)
    check(opened.write(b"unsigned", sign=False), specification=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "session.guest-need-not-sign",
    requirements=["SMB2-3.3.5.5.3-05"],
    needs=[SIGNING_REQUIRED, GUEST, CLEAR_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
)
def test_a_guest_need_not_sign(lab: Lab) -> None:
    """A guest, who has no key, is served although the server requires signing."""
    lab.require_signing()
    answer = lab.connect().session_setup(guest=True)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "session_flags", specification=SessionFlags.IS_GUEST)
    check(answer.session.tree_connect("IPC$", sign=False), specification=Status.SUCCESS)


@case(
    "session.unsigned-cancel",
    requirements=["SMB2-3.3.5.2.4-10"],
)
def test_an_unsigned_cancel_has_no_effect(lab: Lab) -> None:
    """A session that requires signing is not made to give up a request by an unsigned CANCEL."""
    lab.require_clear_sessions()
    session = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED)
    tree, name = session.tree(), lab.name()
    holder = tree.open(name)
    holder.lock().required()
    waiting = tree.open(name).lock(fail_immediately=False, wait=False)
    waiting.wait_pending()
    waiting.cancel(signed=False)
    check.alive(session)
    lab.settle()
    # A server that answers the CANCEL itself uses the MessageId of the request that is pending.
    check.that(
        session,
        "what came after the CANCEL",
        waiting.actual,
        specification=NO_ANSWER,
        samba=Status.ACCESS_DENIED,
        ksmbd=Status.CANCELLED,
    )
    check(holder.unlock(), specification=Status.SUCCESS)
    check(waiting.wait(), specification=Status.SUCCESS)


@case(
    "session.signed-too-early",
    requirements=["SMB2-3.3.5.2.4-06"],
    needs=[CLEAR_SESSIONS],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_a_signed_request_of_an_unfinished_session(lab: Lab) -> None:
    """A request cannot be signed before the authentication has given the session a key."""
    connection = lab.connect()
    begun = connection.begin_session_setup()
    answer = connection.send(
        TreeConnectRequest(path=rf"\\{lab.target.server_name}\{lab.share()}"),
        session_id=begun.session_id,
        sign=True,
        tamper=Tamper(signing_key=bytes(16)),
    )
    check(answer, specification=Status.NOT_SUPPORTED, samba=DISCONNECT)
    check.alive(begun.finish().session)
