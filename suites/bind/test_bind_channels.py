"""What the channels of a session share, and what each has for itself ([MS-SMB2] 3.3.5.2, 3.3.5.5)."""

from collections.abc import Callable

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen
from smbtorture_py.conformance.needs import (
    ADMINISTRATION,
    CLEAR_SESSIONS,
    ENCRYPTED_SESSIONS,
    ENCRYPTED_SHARE,
    ENCRYPTION,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import ShareAccess
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from suites.bind.protections import DIALECTS, SEALED, SIGNED

CONTENT = b"what the file holds"
LONGER = 4096


def read(file: LabOpen, channel: LabConnection) -> Answer:
    """READ."""
    return file.read(on=channel, sign=True)


def write(file: LabOpen, channel: LabConnection) -> Answer:
    """WRITE."""
    return file.write(CONTENT, on=channel, sign=True)


def flush(file: LabOpen, channel: LabConnection) -> Answer:
    """FLUSH."""
    return file.flush(on=channel, sign=True)


def lock(file: LabOpen, channel: LabConnection) -> Answer:
    """LOCK."""
    return file.lock(on=channel, sign=True)


def query_info(file: LabOpen, channel: LabConnection) -> Answer:
    """QUERY_INFO."""
    return file.query_info(
        InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION, on=channel, sign=True
    )


def set_info(file: LabOpen, channel: LabConnection) -> Answer:
    """SET_INFO."""
    length = LONGER.to_bytes(8, "little")
    return file.set_info(
        InfoType.FILE, FileInformationClass.FILE_END_OF_FILE_INFORMATION, length, on=channel, sign=True
    )


def close(file: LabOpen, channel: LabConnection) -> Answer:
    """CLOSE."""
    return file.close(on=channel, sign=True)


def create(file: LabOpen, channel: LabConnection) -> Answer:
    """CREATE of one more file on the same tree."""
    return file.tree.create(on=channel, sign=True)


def tree_disconnect(file: LabOpen, channel: LabConnection) -> Answer:
    """TREE_DISCONNECT of the file's tree."""
    return file.tree.disconnect(on=channel, sign=True)


@case(
    "bind.ids-on-every-channel",
    requirements=["SMB2-3.3.5.5-33", "SMB2-3.3.5.5-34"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={
        "request": [
            read, write, flush, lock, query_info, set_info, create, close, tree_disconnect,
        ],
        "opened": [0, 1],
    },
    answers=["smbtorture:hole.response-signatures", "smbtorture:hole.handle-every-command"],
)  # fmt: skip
def test_ids_are_good_on_every_channel(
    lab: Lab, request: Callable[[LabOpen, LabConnection], Answer], opened: int
) -> None:
    """The TreeId and FileId that came over one channel serve every command over another one, signed with its
    key.
    """
    session = lab.logon()
    session.add_channel()
    here, there = session.channels[opened], session.channels[1 - opened]
    file = session.tree(on=here).open(on=here)
    file.write(CONTENT, on=here).required()
    check(request(file, there), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.closed-everywhere",
    requirements=["SMB2-3.3.5.5-34"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "opened": [0, 1]},
)
def test_what_is_closed_is_closed_everywhere(lab: Lab, opened: int) -> None:
    """A file closed over another channel than it was opened over is closed on both."""
    session = lab.logon()
    session.add_channel()
    here, there = session.channels[opened], session.channels[1 - opened]
    file = session.tree(on=here).open(on=here)
    check(file.close(on=there), specification=Status.SUCCESS)
    for channel in (here, there):
        check(file.read(on=channel), specification=Status.FILE_CLOSED)
    check.alive(session)


@case(
    "bind.disconnected-everywhere",
    requirements=["SMB2-3.3.5.5-34"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "connected": [0, 1]},
    answers=["smbtorture:hole.tree-disconnect-other-channel"],
)
def test_a_tree_is_disconnected_everywhere(lab: Lab, connected: int) -> None:
    """A tree disconnected over another channel than it was connected over is gone on both."""
    session = lab.logon()
    session.add_channel()
    here, there = session.channels[connected], session.channels[1 - connected]
    tree = session.tree(on=here)
    check(tree.disconnect(on=there), specification=Status.SUCCESS)
    for channel in (here, there):
        check(tree.create(on=channel), specification=Status.NETWORK_NAME_DELETED)
    check.alive(session)


@case(
    "bind.one-sharing-one-lock",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "unlocked": [0, 1]},
    answers=[
        "smbtorture:hole.lock-other-channel",
        "ms:MultipleChannel_LockUnlockOnDiffChannel",
        "ms:MultipleChannel_LockUnlockOnSameChannel",
    ],
)
def test_locks_belong_to_the_open(lab: Lab, unlocked: int) -> None:
    """A range locked over one channel is writable over both and unlocked over either; another open waits for
    it on both.
    """
    session = lab.logon()
    second = session.add_channel()
    tree = session.tree()
    file = tree.open()
    other = tree.open(file.core.file_name, on=second)
    check(file.lock(), specification=Status.SUCCESS)
    check(file.write(b"x", on=second), specification=Status.SUCCESS)
    for channel in session.channels:
        check(other.write(b"y", on=channel), specification=Status.FILE_LOCK_CONFLICT)
    check(file.unlock(on=session.channels[unlocked]), specification=Status.SUCCESS)
    for channel in session.channels:
        check(other.write(b"y", on=channel), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.answered-where-asked",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "asked": [0, 1]},
    answers=["smbtorture:hole.lock-other-channel"],
)
def test_a_request_is_answered_on_its_channel(lab: Lab, asked: int) -> None:
    """A LOCK that waits on one channel is answered there when the range is released over the other."""
    session = lab.logon()
    session.add_channel()
    waiting, releasing = session.channels[asked], session.channels[1 - asked]
    tree = session.tree()
    holder = tree.open()
    other = tree.open(holder.core.file_name)
    holder.lock().required()
    answer = other.lock(fail_immediately=False, wait=False, on=waiting)
    answer.wait_pending()
    check(holder.unlock(on=releasing), specification=Status.SUCCESS)
    check(answer.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.cancel-over-another-channel",
    requirements=["SMB2-3.3.5.16-05"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.cancel-other-channel", "smbtorture:hole.async-ids"],
)
def test_a_cancel_reaches_its_own_channel_only(lab: Lab) -> None:
    """A CANCEL with the ids of a request that waits on another channel has no effect; on the same channel it
    has.
    """
    session = lab.logon()
    second = session.add_channel()
    directory = session.tree().directory()
    notify = directory.change_notify(CompletionFilter.FILE_NAME, wait=False)
    notify.wait_pending()
    second.send(
        CancelRequest(),
        session=session,
        flags=HeaderFlags.ASYNC_COMMAND,
        tamper=Tamper(header=lambda header: setattr(header, "async_id", notify.exchange.async_id)),
        wait=False,
    )
    check(second.echo(session, signed=True), specification=Status.SUCCESS)
    lab.settle()
    check.that(notify, "the request on the first channel", notify.exchange.done, specification=False)
    notify.cancel()
    check(notify.wait(), specification=Status.CANCELLED)
    check.alive(session)


@case(
    "bind.key-of-the-other-channel",
    requirements=["SMB2-3.3.5.5-35"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants=[{**how, "number": number} for how in SIGNED for number in (0, 1, 2)],
    answers=["smbtorture:hole.response-signatures"],
)
def test_a_key_is_good_on_its_channel_only(lab: Lab, number: int) -> None:
    """Of the keys of three channels each is good on its own channel, and wrong on the two others."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    keys = [channel.signing_key for channel in session.core.channel_list]
    channel = session.channels[number]
    check(channel.echo(session, signed=True), specification=Status.SUCCESS)
    channel.may_be_lost = True
    wrong = Tamper(signing_key=keys[(number + 1) % len(keys)])
    answer = session.send(EchoRequest(), on=channel, sign=True, tamper=wrong)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)


@case(
    "bind.first-key-kept",
    requirements=["SMB2-3.3.5.5.3-23", "SMB2-3.3.5.5.3-28"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.reauthentication-keys"],
)
def test_the_first_channel_keeps_its_key(lab: Lab) -> None:
    """Binds and a re-authentication over the second channel change no channel's key, and the session's not
    either.
    """
    session = lab.logon()
    second = session.add_channel()
    check(session.channels[0].echo(session, signed=True), specification=Status.SUCCESS)
    check(session.reauthenticate(on=second), specification=Status.SUCCESS)
    for channel in session.channels:
        check(channel.echo(session, signed=True), specification=Status.SUCCESS)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.encryption-shared",
    requirements=["SMB2-3.3.5.5-36"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
    answers=["smbtorture:hole.encryption-keys-shared"],
)
def test_all_channels_encrypt_with_the_session_keys(lab: Lab) -> None:
    """Encrypted requests on every channel are opened with the session's key, and so are their answers."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    file = session.tree().open()
    for number, channel in enumerate(session.channels):
        data = bytes([number + 1]) * LONGER
        check(file.write(data, on=channel, encrypt=True), specification=Status.SUCCESS)
        answer = file.read(on=session.channels[number - 1], encrypt=True)
        check(answer, specification=Status.SUCCESS)
        check.that(answer, "the data", answer.data == data, specification=True)
        check.that(answer, "encrypted", answer.exchange.decrypted, specification=True)
    check.alive(session)


@case(
    "bind.encrypted-share",
    requirements=["SMB2-3.3.5.5-36"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION, ENCRYPTED_SHARE],
    variants=[{**how, "number": number} for how in SEALED for number in (0, 1)],
    answers=[
        "ms:MultipleChannel_EncryptionOnBothChannels",
        "ms:MultipleChannel_Negative_EncryptionOnMainChannel",
    ],
)
def test_an_encrypted_share_is_so_on_every_channel(lab: Lab, number: int) -> None:
    """An encrypted share serves encrypted requests on each channel and refuses plain ones on each."""
    session = lab.logon()
    session.add_channel()
    channel = session.channels[number]
    file = session.tree(ShareRole.ENCRYPTED).open()
    check(file.write(CONTENT, on=channel), specification=Status.SUCCESS)
    check(file.read(on=channel, encrypt=False), specification=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "bind.encrypted-session",
    requirements=["SMB2-3.3.5.5-38", "SMB2-3.3.5.5.3-39", "SMB2-3.3.5.2.9-07"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants=SEALED,
)
def test_an_encrypted_session_stays_encrypted(lab: Lab) -> None:
    """A bind to an encrypted session says nothing of encryption; on both channels plain requests are refused
    as before.
    """
    lab.require_encryption()
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "session_flags", specification=SessionFlags.NONE)
    tree = session.tree()
    for channel in session.channels:
        check(tree.create(on=channel), specification=Status.SUCCESS)
        plain = tree.create(on=channel, encrypt=False, sign=True)
        check(plain, requirement="SMB2-3.3.5.2.9-07", specification=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "bind.encrypted-bind",
    requirements=["SMB2-3.3.5.2.1.1-03", "SMB2-3.3.5.2.1.1-14"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_an_encrypted_bind_cannot_be_opened(lab: Lab) -> None:
    """A fresh connection cannot open an encrypted bind and is closed; the session lives on."""
    session, connection = lab.logon(), lab.connect().tolerate(Rule.DECRYPTION)
    check(connection.bind(session, encrypt=True), specification=DISCONNECT, samba=any_error())
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.encrypted-bind-beside-a-session",
    requirements=["SMB2-3.3.5.2.1.1-03"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_an_encrypted_bind_cannot_be_opened_beside_a_session(lab: Lab) -> None:
    """A connection with a session of its own cannot open an encrypted bind to another one and is closed."""
    session, connection = lab.logon(), lab.logon().channels[0].tolerate(Rule.DECRYPTION)
    check(connection.bind(session, encrypt=True), specification=DISCONNECT, samba=any_error())
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.unbound-connection",
    requirements=["SMB2-3.3.5.5-27", "SMB2-3.3.5.2.9-02"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "signed": [True, False]},
    answers=["smbtorture:session.bind2"],
)
def test_an_unbound_connection_has_no_session(lab: Lab, signed: bool) -> None:
    """A request with the session's id over a connection that is no channel of it is refused; bound, it serves
    the same request.
    """
    if not signed:
        lab.need(SIGNING_OPTIONAL)
    session, connection = lab.logon(), lab.used_connection()
    file = session.tree().open()
    check(file.write(CONTENT, on=connection, sign=signed), specification=Status.USER_SESSION_DELETED)
    check(connection.bind(session), specification=Status.SUCCESS)
    check(file.write(CONTENT, on=connection, sign=signed), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.half-bound-connection",
    requirements=["SMB2-3.3.5.5-27"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "signed": [True, False]},
)
def test_a_half_bound_connection_has_no_session(lab: Lab, signed: bool) -> None:
    """Between the legs of a bind the connection is no channel yet; the bind itself goes on and succeeds."""
    if not signed:
        lab.need(SIGNING_OPTIONAL)
    session, connection = lab.logon(), lab.used_connection()
    file = session.tree().open()
    half = connection.begin_bind(session)
    answer = file.write(CONTENT, on=connection, sign=signed)
    check(answer, specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    check(half.finish(), specification=Status.SUCCESS)
    check(file.write(CONTENT, on=connection, sign=signed), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.logoff-ends-all",
    requirements=["SMB2-3.3.5.6-02", "SMB2-3.3.5.6-03"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "number": [0, 1, 2]},
    answers=["smbtorture:hole.logoff-other-channel"],
)
def test_a_logoff_ends_the_session_everywhere(lab: Lab, number: int) -> None:
    """LOGOFF over any channel ends the session on all of them; the connections stay and take new sessions."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    tree = session.tree()
    channels = list(session.channels)
    check(session.logoff(on=channels[number]), specification=Status.SUCCESS)
    for channel in channels:
        check(tree.create(on=channel, sign=True), specification=Status.USER_SESSION_DELETED)
    for channel in channels:
        check.alive(lab.logon(connection=channel))


@case(
    "bind.logoff-closes-all",
    requirements=["SMB2-3.3.5.6-06"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "number": [0, 1]},
    answers=["smbtorture:hole.logoff-other-channel"],
)
def test_a_logoff_closes_files_of_every_channel(lab: Lab, number: int) -> None:
    """LOGOFF over one channel closes files opened over another: they can be opened again without sharing."""
    session, other = lab.logon(), lab.logon()
    session.add_channel()
    here, there = session.channels[number], session.channels[1 - number]
    file = session.tree().open(on=here)
    name = file.core.file_name
    check(session.logoff(on=there), specification=Status.SUCCESS)
    answer = lab.eventually(
        lambda: other.tree().create(name, share_access=ShareAccess.NONE),
        lambda one: one.actual is Status.SUCCESS,
    )
    check(answer, specification=Status.SUCCESS)
    check.alive(other)


@case(
    "bind.expired-session",
    requirements=["SMB2-3.3.5.5-14", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-expired-session"],
)
def test_an_expired_session_is_not_bound(lab: Lab) -> None:
    """A session whose time has run out cannot be bound; authenticated again it can."""
    session, connection = lab.logon(), lab.connect()
    lab.expire_sessions()
    check(connection.bind(session), specification=Status.NETWORK_SESSION_EXPIRED, samba=Status.SUCCESS)
    check(session.reauthenticate(), specification=Status.SUCCESS)
    check(connection.bind(session), specification=Status.SUCCESS)
    check.alive(session)
