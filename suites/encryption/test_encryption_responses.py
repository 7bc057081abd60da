"""Encrypted requests that are right, and how they are answered ([MS-SMB2] 3.3.4.1.4, 3.1.4.3)."""

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Protection
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.needs import (
    CLEAR_SESSIONS,
    ENCRYPTED_SHARE,
    ENCRYPTION,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.crypto.encryption import nonce_size
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.header import NO_SIGNATURE, HeaderFlags
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TransformFlags
from smbtorture_py.wire.write import WriteRequest
from suites.bind.protections import SEALED
from suites.encryption.places import collect, plain_header, sealed_header
from suites.signing import changes
from suites.signing.commands import COMMANDS, held_up, missing_file, place, watch
from suites.signing.test_signing_responses import ENDING

DATA = b"what is sent encrypted"
MANY = 20
LONG_KEYS = (Cipher.AES_256_CCM, Cipher.AES_256_GCM)
CCM = (Cipher.AES_128_CCM, Cipher.AES_256_CCM)


@case(
    "encryption.every-command",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants={"command": list(COMMANDS)},
)
def test_every_encrypted_request_gets_an_encrypted_response(lab: Lab, command: str) -> None:
    """An encrypted request succeeds, and its response is encrypted although nothing asks for it but the
    request.
    """
    session, bystander = lab.logon(), lab.logon()
    answer = COMMANDS[command](place(session), encrypt=True)
    check(answer, specification=Status.SUCCESS)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(bystander if command in ENDING else session)


@case(
    "encryption.cipher",
    requirements=["SMB2-3.3.4.1.4-01", "SMB2-3.3.5.5.3-24", "SMB2-3.3.5.5.3-25"],
    needs=[SMB3, ENCRYPTION],
    variants=[{**way, "size": size} for way in SEALED for size in (1, 16, 65536)],
    answers=[
        "smbtorture:session.encryption-aes-128-ccm",
        "smbtorture:session.encryption-aes-128-gcm",
        "smbtorture:session.encryption-aes-256-ccm",
        "smbtorture:session.encryption-aes-256-gcm",
    ],
)
def test_every_cipher_encrypts_messages_of_any_size(lab: Lab, size: int) -> None:
    """Data of any size is written and read encrypted with the negotiated cipher."""
    session = lab.logon()
    file, data = session.tree().open(), lab.entropy(size)
    keys = "SMB2-3.3.5.5.3-25" if session.connection.core.cipher in LONG_KEYS else "SMB2-3.3.5.5.3-24"
    check(file.write(data, encrypt=True), requirement=keys, specification=Status.SUCCESS)
    read = file.read(length=size, encrypt=True)
    check(read, specification=Status.SUCCESS)
    check.protection(read, specification=Protection.ENCRYPTED)
    check.that(read, "the data read", read.data, specification=data)
    check.alive(session)


@case(
    "encryption.long-message",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_the_longest_message_may_be_encrypted(lab: Lab) -> None:
    """As much as the server lets be written and read at once fits into one encrypted message."""
    session = lab.logon()
    core = session.connection.core
    size = min(core.max_write_size, core.max_read_size)
    file, data = session.tree().open(), lab.entropy(1024) * (size // 1024)
    check(file.write(data, encrypt=True), specification=Status.SUCCESS)
    read = file.read(length=len(data), encrypt=True)
    check(read, specification=Status.SUCCESS)
    check.protection(read, specification=Protection.ENCRYPTED)
    check.that(read, "all data came back", read.data == data, specification=True)
    check.alive(session)


@case(
    "encryption.alternating",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION, SIGNING_OPTIONAL, CLEAR_SESSIONS],
    variants=SEALED,
)
def test_encrypted_and_plain_requests_may_alternate(lab: Lab) -> None:
    """Encrypted, signed and plain requests of one session are served in turn, each answered its way."""
    session = lab.logon()
    for _ in range(2):
        answer = session.send(EchoRequest(), encrypt=True)
        check(answer, specification=Status.SUCCESS)
        check.protection(answer, specification=Protection.ENCRYPTED)
        answer = session.send(EchoRequest(), encrypt=False, sign=True)
        check(answer, specification=Status.SUCCESS)
        check.protection(answer, requirement="SMB2-3.3.4.1.1-02", specification=Protection.SIGNED)
        check(session.send(EchoRequest(), encrypt=False, sign=False), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.errors",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_errors_are_encrypted(lab: Lab) -> None:
    """The response to an encrypted request that fails is encrypted, and the session lives on."""
    session = lab.logon()
    answer = missing_file(place(session), encrypt=True)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.refusals",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=[{**way, "tree_id": tree_id} for way in SEALED for tree_id in ("unknown", "none")],
)
def test_requests_that_are_refused_early_are_answered_encrypted(lab: Lab, tree_id: str) -> None:
    """An encrypted READ of a tree that is not there is refused before it is looked at, but encrypted."""
    session = lab.logon()
    file = session.tree().open()
    wrong = file.tree.core.tree_connect_id ^ 0x00550000 if tree_id == "unknown" else 0
    answer = file.read(encrypt=True, tree_id=wrong)
    check(answer, specification=Status.NETWORK_NAME_DELETED)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.asynchronous",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=[{**way, "cancel": cancel} for way in SEALED for cancel in ("encrypted", "signed")],
    answers=[
        "smbtorture:session.encryption-aes-128-ccm",
        "smbtorture:session.encryption-aes-128-gcm",
        "smbtorture:session.encryption-aes-256-ccm",
        "smbtorture:session.encryption-aes-256-gcm",
    ],
)
def test_interim_responses_and_cancelled_ones_are_encrypted(lab: Lab, cancel: str) -> None:
    """The interim response to an encrypted request is encrypted for its session, and so is the one after a
    CANCEL.
    """
    if cancel == "signed":
        lab.need(CLEAR_SESSIONS)
    session = lab.logon()
    headers = collect(session.connection)
    answer = watch(place(session), encrypt=True)
    interim = answer.interim_protection
    check.that(answer, "interim response", interim, specification=Protection.ENCRYPTED)
    check.that(answer, "its SessionId", headers[-1].session_id, specification=session.session_id)
    answer.cancel(encrypted=cancel == "encrypted", signed=cancel == "signed")
    check(answer.wait(), specification=Status.CANCELLED)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.asynchronous-event",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_late_responses_are_encrypted(lab: Lab) -> None:
    """The response to an encrypted LOCK that another lock held up is encrypted, once it comes."""
    session = lab.logon()
    answer, holder = held_up(place(session), encrypt=True)
    holder.unlock().required()
    check(answer.wait(), specification=Status.SUCCESS)
    check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(session)


def chain(file: LabOpen, *, related: bool) -> list[Submission]:
    """Return WRITE, READ and FLUSH of one file, to be encrypted together."""
    file_id = FILE_ID_ANY if related else file.file_id
    bodies = (
        WriteRequest(file_id=file.file_id, data=DATA),
        ReadRequest(file_id=file_id, length=len(DATA)),
        FlushRequest(file_id=file_id),
    )
    return [
        Submission(body=body, session=file.tree.session.core, tree=file.tree.core, encrypt=True)
        for body in bodies
    ]


@case(
    "encryption.compound",
    requirements=["SMB2-3.3.4.1.4-01"],
    needs=[SMB3, ENCRYPTION],
    variants=[{**way, "related": related} for way in SEALED for related in (True, False)],
)
def test_a_chain_is_encrypted_as_a_whole(lab: Lab, related: bool) -> None:
    """Three requests encrypted in one message are served, and each is answered encrypted."""
    session = lab.logon()
    file = session.tree().open()
    for answer in session.connection.send_compound(chain(file, related=related), related=related):
        check(answer, specification=Status.SUCCESS)
        check.protection(answer, specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.transform-header",
    requirements=["SMB2-3.1.4.3-01", "SMB2-2.2.41-01"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_the_server_s_transform_header(lab: Lab) -> None:
    """In the server's TRANSFORM_HEADER Flags is 1, SessionId right, Reserved and the rest of Nonce 0."""
    session = lab.logon()
    headers = collect(session.connection)
    check(session.send(EchoRequest(), encrypt=True), specification=Status.SUCCESS)
    (header,) = headers
    check.that(session, "Flags", header.flags, specification=int(TransformFlags.ENCRYPTED))
    check.that(session, "SessionId", header.session_id, specification=session.session_id)
    check.that(session, "Reserved", header.reserved, requirement="SMB2-2.2.41-01", specification=0)
    cipher = session.connection.core.cipher
    requirement = "SMB2-2.2.41-02" if cipher in CCM else "SMB2-2.2.41-01"
    rest = header.nonce[nonce_size(cipher) :]
    check.that(
        session, "rest of Nonce", any(rest), requirement=requirement, specification=False, windows=True
    )
    check.alive(session)


@case(
    "encryption.no-signature-inside",
    requirements=["SMB2-3.3.4.1.1-06"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_encrypted_responses_are_not_signed(lab: Lab) -> None:
    """The Signature inside an encrypted response is zero."""
    session = lab.logon()
    answer = session.send(EchoRequest(), encrypt=True)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "header.signature", specification=NO_SIGNATURE)
    check.alive(session)


@case(
    "encryption.signed-and-encrypted",
    requirements=["SMB2-3.3.4.1.1-06"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_a_signature_inside_is_not_answered(lab: Lab) -> None:
    """The Signature inside the response is zero also where the encrypted request was signed, needlessly."""
    session = lab.logon()
    answer = session.send(EchoRequest(), encrypt=True, sign=True)
    check(answer, specification=Status.SUCCESS)
    signature = answer.field("header.signature") != NO_SIGNATURE
    check.that(answer, "signed inside", signature, specification=False, samba=True)
    check.alive(session)


def wrong_signature(lab: Lab) -> Tamper:
    """Claim a signature that is wrong."""
    del lab
    return changes.inverted(changes.SIGNATURE.start)


def flag_alone(lab: Lab) -> Tamper:
    """Claim a signature that is zero."""
    del lab
    return plain_header(flags=HeaderFlags.SIGNED)


def garbage(lab: Lab) -> Tamper:
    """Fill the field without claiming a signature."""
    return changes.signature(lab.entropy(len(NO_SIGNATURE)))


@case(
    "encryption.signature-inside",
    requirements=["SMB2-3.3.5.2.4-07"],
    needs=[SMB3, ENCRYPTION],
    variants=[
        {**way, "inside": inside} for way in SEALED for inside in ("wrong-signature", "flag-alone", "garbage")
    ],
)
def test_signatures_inside_are_not_looked_at(lab: Lab, inside: str) -> None:
    """An encrypted request is served whatever it says about a signature."""
    session = lab.logon()
    makers = {"wrong-signature": wrong_signature, "flag-alone": flag_alone, "garbage": garbage}
    answer = session.send(
        EchoRequest(), encrypt=True, sign=inside == "wrong-signature", tamper=makers[inside](lab)
    )
    check(answer, specification=Status.SUCCESS, ksmbd=Status.ACCESS_DENIED)
    check.protection(answer, requirement="SMB2-3.3.4.1.4-01", specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.second-channel",
    requirements=["SMB2-3.3.5.2.1.1-17"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
    answers=["smbtorture:hole.encryption-keys-shared"],
)
def test_all_channels_share_the_keys(lab: Lab) -> None:
    """Requests on channels bound later are encrypted with the session's keys, and so are their responses."""
    session = lab.logon()
    file = session.tree().open()
    channels = [session.connection, session.add_channel(), session.add_channel()]
    for number, channel in enumerate(channels):
        data = DATA + bytes([number])
        check(file.write(data, on=channel, encrypt=True), specification=Status.SUCCESS)
        read = file.read(on=channels[number - 1], encrypt=True)
        check(read, specification=Status.SUCCESS)
        check.protection(read, requirement="SMB2-3.3.4.1.4-01", specification=Protection.ENCRYPTED)
        check.that(read, "the data read", read.data, specification=data)
    check.alive(session)


@case(
    "encryption.after-loss-of-first-channel",
    requirements=["SMB2-3.3.5.2.1.1-17"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
    answers=["smbtorture:hole.loss-first-channel"],
)
def test_the_keys_outlive_the_first_channel(lab: Lab) -> None:
    """The session's keys serve the second channel after the first one, whose logon made them, is gone."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    check(file.write(DATA, on=second, encrypt=True), specification=Status.SUCCESS)
    session.channels[0].abort()
    read = file.read(on=second, encrypt=True)
    check(read, specification=Status.SUCCESS)
    check.protection(read, requirement="SMB2-3.3.4.1.4-01", specification=Protection.ENCRYPTED)
    check.alive(session)


@case(
    "encryption.nonces",
    requirements=["SMB2-3.1.4.3-02"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
    answers=["smbtorture:hole.nonces-over-channels"],
)
def test_no_nonce_is_used_twice(lab: Lab) -> None:
    """Over three channels no two encrypted responses of a session have the same nonce."""
    session = lab.logon()
    channels = [session.connection, session.add_channel(), session.add_channel()]
    headers = [collect(channel) for channel in channels]
    for number in range(MANY):
        session.send(EchoRequest(), on=channels[number % len(channels)], encrypt=True).required()
    nonces = [header.nonce for received in headers for header in received]
    check.that(session, "encrypted responses", len(nonces), specification=MANY)
    check.that(session, "different nonces", len(set(nonces)), specification=MANY)
    check.alive(session)


@case(
    "encryption.nonces-after-reauthentication",
    requirements=["SMB2-3.1.4.3-02", "SMB2-3.3.5.5.3-28"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
    answers=["smbtorture:hole.nonces-over-channels"],
)
def test_reauthentication_keeps_keys_and_nonces(lab: Lab) -> None:
    """After re-authentication the keys are the same, and no nonce of the time before comes again."""
    session = lab.logon()
    headers = collect(session.connection)
    session.send(EchoRequest(), encrypt=True).required()
    session.reauthenticate().required()
    answer = session.send(EchoRequest(), encrypt=True)
    check(answer, requirement="SMB2-3.3.5.5.3-28", specification=Status.SUCCESS)
    nonces = [header.nonce for header in headers]
    check.that(session, "different nonces", len(set(nonces)), specification=len(nonces))
    check.alive(session)


@case(
    "encryption.reserved",
    requirements=["SMB2-2.2.41-03"],
    needs=[SMB3, ENCRYPTION],
    variants=SEALED,
)
def test_reserved_is_ignored(lab: Lab) -> None:
    """Reserved of a request's TRANSFORM_HEADER may have any value under a right tag."""
    session = lab.logon()
    answer = session.send(EchoRequest(), encrypt=True, tamper=sealed_header(reserved=0xFFFF))
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.any-channel",
    requirements=["SMB2-3.3.5.2.1.1-17"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_a_message_can_go_over_any_channel(lab: Lab) -> None:
    """A message as it was encrypted for one channel is served on another one, whose MessageIds it fits."""
    session = lab.logon()
    second = session.add_channel()
    number = max(one.core.sequence_window.lowest or 0 for one in session.channels)
    sent = bytearray()
    first = session.send(EchoRequest(), encrypt=True, message_id=number, tamper=Tamper(encrypted=sent.extend))
    check(first, specification=Status.SUCCESS)

    def replace(message: bytearray) -> None:
        message[:] = sent

    answer = session.send(
        EchoRequest(), on=second, encrypt=True, message_id=number, tamper=Tamper(encrypted=replace)
    )
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.break-notification",
    requirements=["SMB2-3.3.4.6-05"],
    needs=[SMB3, ENCRYPTION, ENCRYPTED_SHARE],
    variants=SEALED,
    answers=["smbtorture:hole.break-protection"],
)
def test_how_a_break_on_an_encrypted_share_comes(lab: Lab) -> None:
    """Whether an oplock break notification on an encrypted share is encrypted is observed."""
    session, contender = lab.logon(), lab.logon()
    file = session.tree(ShareRole.ENCRYPTED).open(requested_oplock_level=OplockLevel.BATCH)
    contender.tree(ShareRole.ENCRYPTED).create(file.core.file_name, wait=False)
    notification = session.connection.wait_notification(OplockBreakNotification)
    check.that(session, "a break notification", notification is not None, specification=True)
    assert notification is not None
    check.that(session, "it is encrypted", notification.decrypted, specification=True, samba=False)
    check.alive(session)
