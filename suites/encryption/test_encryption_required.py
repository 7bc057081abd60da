"""Where encryption is required: shares and servers that encrypt ([MS-SMB2] 3.3.5.2.9, 3.3.5.2.11, 3.3.4.1.4,
3.3.5.7).
"""

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import Protection
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, check, has_flag
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.needs import (
    CLEAR_SESSIONS,
    ENCRYPTED_SESSIONS,
    ENCRYPTED_SHARE,
    ENCRYPTION,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import ShareFlags
from suites.bind.protections import DIALECTS, SEALED
from suites.signing.commands import COMMANDS, ON_TREE, place
from suites.signing.test_signing_responses import ENDING

DATA = b"what the share keeps"


@case(
    "encryption.share",
    requirements=["SMB2-3.3.4.1.4-03"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SHARE, CLEAR_SESSIONS],
    variants=SEALED,
)
def test_an_encrypted_share_is_used_encrypted(lab: Lab) -> None:
    """A share that encrypts says so in a plain response to TREE_CONNECT; everything on it is encrypted."""
    session = lab.logon()
    connected = session.tree_connect(ShareRole.ENCRYPTED, encrypt=False, sign=True)
    check(connected, specification=Status.SUCCESS)
    check.field(connected, "share_flags", specification=has_flag(ShareFlags.ENCRYPT_DATA))
    check.protection(connected, specification=Protection.SIGNED)
    file = connected.tree.open()
    check(file.write(DATA), specification=Status.SUCCESS)
    read = file.read()
    check(read, specification=Status.SUCCESS)
    check.protection(read, specification=Protection.ENCRYPTED)
    check.that(read, "the data read", read.data, specification=DATA)
    check.alive(session)


@case(
    "encryption.share-plain-request",
    requirements=["SMB2-3.3.5.2.11-01", "SMB2-3.3.4.1.4-03"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SHARE],
    variants=[
        {"dialect": dialect, "command": command, "sign": sign}
        for dialect in DIALECTS
        for command in ON_TREE
        for sign in (False, True)
    ],
    answers=["ms:MultipleChannel_Negative_EncryptionOnAlternativeChannel"],
)
def test_an_encrypted_share_refuses_plain_requests(lab: Lab, command: str, sign: bool) -> None:
    """On a share that encrypts a plain request is refused, signed or not; the same encrypted succeeds."""
    if not sign:
        lab.need(SIGNING_OPTIONAL)
    session = lab.logon()
    at = place(session, session.tree(ShareRole.ENCRYPTED))
    answer = COMMANDS[command](at, encrypt=False, sign=sign)
    check(answer, specification=Status.ACCESS_DENIED)
    check.protection(answer, requirement="SMB2-3.3.4.1.4-03", specification=Protection.ENCRYPTED)
    check(COMMANDS[command](at, encrypt=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.share-plain-request-on-channel",
    requirements=["SMB2-3.3.5.2.11-01"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION, ENCRYPTED_SHARE],
    variants=[{**way, "plain_on": plain_on} for way in SEALED for plain_on in (0, 1)],
    answers=["ms:MultipleChannel_Negative_EncryptionOnMainChannel"],
)
def test_an_encrypted_share_refuses_plain_requests_on_every_channel(lab: Lab, plain_on: int) -> None:
    """A file that is written encrypted on one channel cannot be read plainly on another one."""
    session = lab.logon()
    session.add_channel()
    sealed, plain = session.channels[1 - plain_on], session.channels[plain_on]
    file = session.tree(ShareRole.ENCRYPTED, on=sealed).open(on=sealed)
    check(file.write(DATA, on=sealed), specification=Status.SUCCESS)
    answer = file.read(on=plain, encrypt=False, sign=True)
    check(answer, specification=Status.ACCESS_DENIED)
    read = file.read(on=plain)
    check.that(read, "the data read", read.data, specification=DATA)
    check.alive(session)


@case(
    "encryption.share-plain-compound",
    requirements=["SMB2-3.3.5.2.11-01"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SHARE, CLEAR_SESSIONS],
    variants=SEALED,
)
def test_an_encrypted_share_refuses_plain_chains(lab: Lab) -> None:
    """Of a plain chain the members on a share that encrypts are refused, the others are served."""
    session = lab.logon()
    secret = session.tree(ShareRole.ENCRYPTED).open()
    public = session.tree().open()
    check(secret.write(DATA), specification=Status.SUCCESS)
    chain = [
        Submission(body=body, session=session.core, tree=file.tree.core, encrypt=False, sign=True)
        for file, body in (
            (public, FlushRequest(file_id=public.file_id)),
            (secret, ReadRequest(file_id=secret.file_id, length=len(DATA))),
        )
    ]
    flushed, read = session.connection.send_compound(chain)
    check(flushed, specification=Status.SUCCESS)
    check(read, specification=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "encryption.share-without-encryption",
    requirements=["SMB2-3.3.5.7-09"],
    needs=[SMB3, ENCRYPTED_SHARE, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
)
def test_an_encrypted_share_needs_a_client_that_encrypts(lab: Lab) -> None:
    """A client that offered no encryption cannot connect to a share that encrypts, but to others."""
    session = lab.logon(offer={"cipher": None, "capabilities": Capabilities.LARGE_MTU})
    check(session.tree_connect(ShareRole.ENCRYPTED), specification=Status.ACCESS_DENIED)
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


def encrypted(lab: Lab) -> LabSession:
    """Have a session that the server wants encrypted."""
    lab.require_encryption()
    session = lab.logon()
    check.that(
        session,
        "SessionFlags",
        session.core.session_flags,
        requirement="SMB2-3.3.4.1.4-02",
        specification=has_flag(SessionFlags.ENCRYPT_DATA),
    )
    return session


@case(
    "encryption.session-plain-request",
    requirements=["SMB2-3.3.5.2.9-09", "SMB2-3.3.4.1.4-02"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants=[
        {"dialect": dialect, "command": command, "sign": sign}
        for dialect in DIALECTS
        for command in COMMANDS
        for sign in (False, True)
        if command != "ECHO"
    ],
)
def test_an_encrypted_session_refuses_plain_requests(lab: Lab, command: str, sign: bool) -> None:
    """In a session that the server encrypts a plain request is refused, signed or not, and encrypted not."""
    session = encrypted(lab)
    at = place(session)
    session.connection.may_be_lost = True
    answer = COMMANDS[command](at, encrypt=False, sign=sign)
    # 3.3.5.7 lets the server close the connection on a TREE_CONNECT that is neither signed nor encrypted.
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT, ksmbd=Status.SUCCESS)
    if answer.actual is Status.ACCESS_DENIED:
        check.protection(answer, requirement="SMB2-3.3.4.1.4-02", specification=Protection.ENCRYPTED)
        check(COMMANDS[command](at), specification=Status.SUCCESS)
        if command not in ENDING:
            check.alive(session)


@case(
    "encryption.session-on-every-channel",
    requirements=["SMB2-3.3.5.2.9-09"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants=SEALED,
)
def test_a_bind_takes_no_encryption_off(lab: Lab) -> None:
    """A session that the server encrypts is encrypted on channels bound later, and still on the first one."""
    session = encrypted(lab)
    file = session.tree().open()
    session.add_channel()
    for channel in session.channels:
        check(file.write(DATA, on=channel, encrypt=False, sign=True), specification=Status.ACCESS_DENIED)
        check(file.write(DATA, on=channel), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.session-setup-is-plain",
    requirements=["SMB2-3.3.4.1.4-02"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants=SEALED,
)
def test_session_setup_is_answered_plainly(lab: Lab) -> None:
    """The final response to a bind of an encrypted session is signed, not encrypted, as its request was."""
    session = encrypted(lab)
    # A response that comes encrypted for a session which is not bound yet is what is judged here.
    connection = lab.connect().tolerate(Rule.DECRYPTION)
    answer = connection.bind(session)
    check(answer, specification=Status.SUCCESS, samba=Status.ACCESS_DENIED)
    check.protection(answer, specification=Protection.SIGNED)
    check.alive(session)


@case(
    "encryption.session-ends-encrypted",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_logoff_is_answered_encrypted(lab: Lab) -> None:
    """The response to an encrypted LOGOFF is encrypted with the keys that end with it."""
    session, other = lab.logon(), lab.logon()
    answer = session.logoff(encrypt=True)
    check(answer, specification=Status.SUCCESS)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(other)


@case(
    "encryption.ended-session",
    requirements=["SMB2-3.3.5.2.1.1-03"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_the_keys_end_with_the_session(lab: Lab) -> None:
    """A message that is encrypted for a session which has logged off ends the connection."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    key = session.core.encryption_key
    check(session.logoff(encrypt=True), specification=Status.SUCCESS)
    answer = session.connection.send(
        EchoRequest(), session=session, encrypt=True, tamper=Tamper(encryption_key=key)
    )
    check(answer, specification=DISCONNECT)
    check.alive(bystander)


@case(
    "encryption.reauthentication",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_an_encrypted_reauthentication_is_answered_encrypted(lab: Lab) -> None:
    """Each leg of a re-authentication that is encrypted is answered encrypted, and the session lives on."""
    session = lab.logon()
    answer = session.reauthenticate(encrypt=True)
    check(answer, specification=Status.SUCCESS)
    for number, leg in enumerate(answer.legs, 1):
        check.that(answer, f"leg {number} is encrypted", leg.decrypted, specification=True)
    check.alive(session)


@case(
    "encryption.bind",
    requirements=["SMB2-3.3.5.2.1.1-03"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_a_bind_cannot_be_encrypted(lab: Lab) -> None:
    """A bind that is encrypted ends the connection: the session is not known on it yet."""
    session, connection = lab.logon(), lab.connect()
    connection.may_be_lost = True
    answer = connection.bind(session, encrypt=True)
    check(answer, specification=DISCONNECT, samba=(Status.SUCCESS, Status.INVALID_PARAMETER))
    check(lab.connect().bind(session), requirement="SMB2-3.3.5.5-33", specification=Status.SUCCESS)
    check.alive(session)
