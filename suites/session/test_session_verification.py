"""Which session a request belongs to, and whether that may be used ([MS-SMB2] 3.3.5.2.9, 3.3.6.3)."""

from collections.abc import Callable

from smbtorture_py.client.connection import Submission
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.needs import (
    ADMINISTRATION,
    CLEAR_SESSIONS,
    ENCRYPTION,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.codec import FILE_ID_ANY, Body
from smbtorture_py.wire.create import CreateRequest, OplockLevel
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.fscc.file_information import FileEndOfFileInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest

UNKNOWN_ID = 0x0BAD_5E55_1234_5678
LIFETIME = 1.0
"""Seconds."""

MARGIN = 0.1
LEASE_KEY_SIZE = 16


def tree_connect(lab: Lab) -> Body:
    """A request that needs a session."""
    return TreeConnectRequest(path=rf"\\{lab.target.server_name}\{lab.share()}")


def logoff(lab: Lab) -> Body:
    """A request that even an expired session is allowed."""
    del lab
    return LogoffRequest()


def tree_disconnect(lab: Lab) -> Body:
    """A request that needs a tree connect."""
    del lab
    return TreeDisconnectRequest()


def create(lab: Lab) -> Body:
    """A request that makes an open."""
    return CreateRequest(name=lab.name())


def read(lab: Lab) -> Body:
    """A request that needs an open."""
    del lab
    return ReadRequest(length=1, file_id=FILE_ID_ANY)


@case(
    "session.unknown-request",
    requirements=["SMB2-3.3.5.2.9-01", "SMB2-2.2.2-01", "SMB2-3.3.4.4-01"],
    variants={
        "request": [tree_connect, logoff, tree_disconnect, create, read],
        "session_id": [0, UNKNOWN_ID],
    },
)
def test_a_request_without_a_session(lab: Lab, request: Callable[[Lab], Body], session_id: int) -> None:
    """A request of a session that does not exist is refused; the session beside it is not harmed."""
    session = lab.logon()
    answer = session.connection.send(request(lab), session_id=session_id)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.field(answer, "header.session_id", requirement="SMB2-3.3.4.4-01", specification=session_id)
    check.field(answer, "header.next_command", requirement="SMB2-3.3.4.4-01", specification=0)
    check.field(answer, "structure_size", requirement="SMB2-2.2.2-01", specification=9)
    check.field(answer, "byte_count", requirement="SMB2-2.2.2-01", specification=0)
    check.alive(session)


@case(
    "session.signed-request-of-nobody",
    requirements=["SMB2-3.3.5.2.4-05"],
    needs=[CLEAR_SESSIONS],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_a_signed_request_without_a_session(lab: Lab) -> None:
    """A signature does not help a request of a session that does not exist."""
    session = lab.logon()
    answer = session.tree_connect(sign=True, session_id=UNKNOWN_ID)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "session.used-elsewhere",
    requirements=["SMB2-3.3.5.2.9-02", "SMB2-3.3.5.2.4-05"],
    needs=[SIGNING_OPTIONAL, CLEAR_SESSIONS],
    variants={
        "dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1],
        "signed": [False, True],
    },
    answers=["smbtorture:session.bind2"],
)
def test_a_session_on_a_connection_it_is_not_bound_to(lab: Lab, signed: bool) -> None:
    """A session cannot be used on a connection it is not bound to, not even one of the same user."""
    session = lab.logon()
    opened = session.tree().open()
    other = lab.logon()
    answer = opened.read(on=other.connection, sign=signed)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check(opened.write(b"unharmed"), specification=Status.SUCCESS)
    check.alive(session)
    check.alive(other)


@case(
    "session.constrained",
    requirements=["SMB2-3.3.5.2.9-08"],
    needs=[ADMINISTRATION, SMB3],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_a_request_before_any_logon(lab: Lab) -> None:
    """Where anonymous access is not allowed, a request before anybody has logged on ends the connection."""
    lab.administration.refuse_anonymous()
    connection = lab.connect()
    connection.may_be_lost = True
    check(connection.send(tree_connect(lab)), specification=DISCONNECT, samba=Status.USER_SESSION_DELETED)
    session = lab.logon()
    late = session.connection.send(tree_connect(lab))
    check(late, requirement="SMB2-3.3.5.2.9-01", specification=Status.USER_SESSION_DELETED)
    check.alive(session)


def write_(opened: LabOpen) -> Answer:
    """Write to an open."""
    return opened.write(b"data", sign=True)


def read_(opened: LabOpen) -> Answer:
    """Read from an open."""
    return opened.read(sign=True)


def flush_(opened: LabOpen) -> Answer:
    """Flush an open."""
    return opened.flush(sign=True)


def query_info_(opened: LabOpen) -> Answer:
    """Ask for information."""
    return opened.query_info(InfoType.FILE, FileInformationClass.FILE_BASIC_INFORMATION, sign=True)


def set_info_(opened: LabOpen) -> Answer:
    """Change the size of a file."""
    return opened.set_file(FileEndOfFileInformation(end_of_file=1), sign=True)


def query_directory_(opened: LabOpen) -> Answer:
    """Ask for the names in a directory; whether it is one does not matter any more."""
    return opened.query_directory(sign=True)


def oplock_break_(opened: LabOpen) -> Answer:
    """Acknowledge a break that there was none of."""
    return opened.acknowledge_oplock(OplockLevel.NONE, sign=True)


def lease_break_(opened: LabOpen) -> Answer:
    """Acknowledge a break of a lease that there is none of."""
    return opened.tree.send(LeaseBreakAcknowledgment(lease_key=bytes(LEASE_KEY_SIZE)), sign=True)


def tree_connect_(opened: LabOpen) -> Answer:
    """Connect to a share."""
    return opened.tree.session.tree_connect(sign=True)


def tree_disconnect_(opened: LabOpen) -> Answer:
    """Leave a share."""
    return opened.tree.disconnect(sign=True)


def create_(opened: LabOpen) -> Answer:
    """Open a file."""
    return opened.tree.create(sign=True)


def ioctl_(opened: LabOpen) -> Answer:
    """Send an FSCTL."""
    body = IoctlRequest(
        ctl_code=FsctlCode.QUERY_NETWORK_INTERFACE_INFO,
        file_id=FILE_ID_ANY,
        max_output_response=4096,
        flags=IoctlFlags.IS_FSCTL,
    )
    return opened.tree.send(body, sign=True)


def change_notify_(opened: LabOpen) -> Answer:
    """Watch something."""
    body = ChangeNotifyRequest(
        file_id=opened.file_id,
        completion_filter=CompletionFilter.FILE_NAME,
        output_buffer_length=4096,
    )
    return opened.tree.send(body, sign=True)


@case(
    "session.expired-request",
    requirements=["SMB2-3.3.5.2.9-04", "SMB2-3.3.5.5-08"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={
        "request": [
            write_, read_, flush_, query_info_, set_info_, query_directory_, tree_connect_, tree_disconnect_,
            create_, ioctl_, change_notify_, oplock_break_, lease_break_,
        ],
    },
    answers=["smbtorture:session.expire1n", "smbtorture:session.expire1s", "smbtorture:session.expire2s"],
)  # fmt: skip
def test_a_request_of_an_expired_session(lab: Lab, request: Callable[[LabOpen], Answer]) -> None:
    """An expired session is told so with a good signature, and works again once it is authenticated again."""
    session = lab.logon()
    opened = session.tree().open()
    lab.expire_sessions()
    answer = request(opened)
    check(answer, specification=Status.NETWORK_SESSION_EXPIRED)
    if session.signs:
        check.that(
            answer, "response has the right signature", answer.exchange.signature_valid, specification=True
        )
    check(session.reauthenticate(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check(opened.write(b"again"), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.expired-compound",
    requirements=["SMB2-3.3.5.2.9-04"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    answers=["smbtorture:session.expire2s"],
)
def test_a_compound_of_an_expired_session(lab: Lab) -> None:
    """Every member of a related compound of an expired session is told that it has expired."""
    session = lab.logon()
    tree = session.tree()
    lab.expire_sessions()
    bodies: list[Body] = [
        create(lab),
        QueryInfoRequest(
            info_type=InfoType.FILE,
            file_info_class=FileInformationClass.FILE_BASIC_INFORMATION,
            output_buffer_length=4096,
            file_id=FILE_ID_ANY,
        ),
        FlushRequest(file_id=FILE_ID_ANY),
    ]
    answers = session.connection.send_compound(
        [Submission(body=body, session=session.core, tree=tree.core) for body in bodies], related=True
    )
    for answer in answers:
        check(answer, specification=Status.NETWORK_SESSION_EXPIRED)
    check(session.reauthenticate(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check.alive(session)


def close_(opened: LabOpen) -> Answer:
    """Close an open."""
    return opened.close()


def unlock_(opened: LabOpen) -> Answer:
    """Release a lock."""
    return opened.unlock()


def logoff_(opened: LabOpen) -> Answer:
    """End the session."""
    return opened.tree.session.logoff()


@case(
    "session.expired-allowed",
    requirements=["SMB2-3.3.5.2.9-03"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"request": [close_, unlock_, logoff_], "during": ["expired", "reauthentication"]},
    answers=["smbtorture:session.expire2s"],
)
def test_what_an_expired_session_may_do(lab: Lab, request: Callable[[LabOpen], Answer], during: str) -> None:
    """An expired session can let go: close, unlock, log off, also while it is being authenticated again."""
    other = lab.logon()
    session, name = lab.logon(), lab.name()
    opened = session.tree().open(name)
    opened.lock().required()
    lab.expire_sessions()
    if during == "reauthentication":
        session.begin_reauthentication().first.required(Status.MORE_PROCESSING_REQUIRED)
    check(request(opened), specification=Status.SUCCESS)
    check(other.reauthenticate(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check(other.tree().open(name).lock(), specification=Status.SUCCESS)
    check.alive(other)


@case(
    "session.expired-reauthentication-under-way",
    requirements=["SMB2-3.3.5.2.9-06"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
)
def test_an_expired_session_during_its_reauthentication(lab: Lab) -> None:
    """An expired session is of no use before its re-authentication is complete."""
    session = lab.logon()
    opened = session.tree().open()
    lab.expire_sessions()
    begun = session.begin_reauthentication()
    check(begun.first, requirement="SMB2-3.3.5.5-08", specification=Status.MORE_PROCESSING_REQUIRED)
    check(opened.write(b"too early"), specification=any_error(), samba=Status.SUCCESS)
    check(begun.finish(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check(opened.write(b"in time"), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.expired-keeps-keys",
    requirements=["SMB2-3.3.5.5.2-01", "SMB2-3.3.5.5-08"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
    answers=["smbtorture:session.expire1s"],
)
def test_an_expired_session_keeps_its_keys(lab: Lab) -> None:
    """An expired session that is authenticated again goes on with the keys, trees and opens it had."""
    session = lab.logon()
    opened = session.tree().open()
    lab.expire_sessions()
    check(session.reauthenticate(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check(opened.write(b"same key", sign=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.expired-encrypted",
    requirements=["SMB2-3.3.4.1.4-01", "SMB2-3.3.5.2.9-04"],
    needs=[ADMINISTRATION, SMB3, ENCRYPTION],
    disturbs=Disturbance.CONFIGURATION,
    answers=["smbtorture:session.expire1e", "smbtorture:session.expire2e"],
)
def test_an_encrypted_request_of_an_expired_session(lab: Lab) -> None:
    """That a session has expired is told encrypted where the request was encrypted."""
    session = lab.logon()
    lab.expire_sessions()
    answer = session.tree_connect(encrypt=True)
    check(answer, requirement="SMB2-3.3.5.2.9-04", specification=Status.NETWORK_SESSION_EXPIRED)
    check.that(answer, "response is encrypted", answer.exchange.decrypted, specification=True)
    check(session.reauthenticate(encrypt=True), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.expired-on-all-channels",
    requirements=["SMB2-3.3.5.2.9-04", "SMB2-3.3.5.5-08"],
    needs=[ADMINISTRATION, SMB3, MULTI_CHANNEL],
    disturbs=Disturbance.CONFIGURATION,
    answers=["smbtorture:hole.expiry-all-channels"],
)
def test_a_session_expires_on_all_channels(lab: Lab) -> None:
    """A session expires on all its channels, and an authentication over one of them is good for all."""
    session = lab.logon()
    channels = (session.connection, session.add_channel())
    lab.expire_sessions()
    for channel in channels:
        check(session.tree_connect(on=channel), specification=Status.NETWORK_SESSION_EXPIRED)
    check(session.reauthenticate(on=channels[0]), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
    for channel in channels:
        check(session.tree_connect(on=channel), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)


@case(
    "session.lifetime",
    requirements=["SMB2-3.3.6.3-02", "SMB2-3.3.5.5.3-16"],
    needs=[ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    slow=True,
)
def test_a_session_expires_by_itself(lab: Lab) -> None:
    """A session expires when the time its authentication gave it is over, and another one gives it more."""
    lab.administration.limit_sessions(LIFETIME)
    session = lab.logon()
    for _ in range(2):
        lab.pause(LIFETIME + MARGIN)
        check(session.tree_connect(), specification=Status.NETWORK_SESSION_EXPIRED)
        check(session.reauthenticate(), requirement="SMB2-3.3.5.5-08", specification=Status.SUCCESS)
        renewed = session.tree_connect()
        check(renewed, requirement="SMB2-3.3.5.5.3-16", specification=Status.SUCCESS)
