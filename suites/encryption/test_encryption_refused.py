"""Encrypted messages that end the connection ([MS-SMB2] 3.3.5.2.1.1).

Each is sent on a channel of its own, or a connection of its own; the session and its other channels live on.
"""

from collections.abc import Callable

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, any_error, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabSession
from smbtorture_py.conformance.needs import (
    ANONYMOUS,
    ENCRYPTION,
    GUEST,
    MULTI_CHANNEL,
    SMB2_0_2,
    SMB2_1,
    SMB3,
    SMB311,
)
from smbtorture_py.crypto.encryption import Encryptor, key_size
from smbtorture_py.crypto.kdf import derive_session_keys
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.header import (
    COMPRESSION_PROTOCOL_ID,
    SMB1_PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    HeaderFlags,
)
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TRANSFORM_HEADER_SIZE, TransformHeader
from suites.bind.protections import DIALECTS, SEALED
from suites.encryption.places import KEY_SIZE, plain, plain_header, sealed, sealed_header, victim
from suites.signing.changes import LAST_BIT

UNKNOWN = 0x0000_5E55_1010_0001
"""A SessionId that is not given out: this one added to one that is."""

PLACES = {
    "first-of-signature": 4,
    "last-of-signature": 19,
    "first-of-nonce": 20,
    "rest-of-nonce": 35,
    "reserved": 40,
    "first-of-ciphertext": 52,
    "last-of-ciphertext": -1,
}
"""Which byte is changed after encryption: offset from the TRANSFORM_HEADER ([MS-SMB2] 2.2.41)."""

FLAGS = {"0x0000": 0x0000, "0x0002": 0x0002, "0x0003": 0x0003, "0x0101": 0x0101, "0xFFFF": 0xFFFF}


def two_channels(lab: Lab) -> tuple[LabSession, LabConnection]:
    """Return a session, and its second channel, on which encryption is seen to work and which may be lost
    then.
    """
    session = lab.logon()
    channel = session.add_channel()
    check(
        session.send(EchoRequest(), on=channel, encrypt=True),
        requirement="SMB2-3.3.4.1.4-01",
        specification=Status.SUCCESS,
    )
    channel.may_be_lost = True
    return session, channel


def send(session: LabSession, channel: LabConnection, tamper: Tamper) -> Answer:
    """Send an encrypted ECHO that one thing is wrong about."""
    return session.send(EchoRequest(), on=channel, encrypt=True, tamper=tamper)


@case(
    "encryption.byte-changed",
    requirements=["SMB2-3.3.5.2.1.1-04"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "where": where} for way in SEALED for where in PLACES],
)
def test_a_changed_byte_ends_the_channel(lab: Lab, where: str) -> None:
    """An encrypted message of which one bit was changed on the way ends the channel it came on."""
    session, channel = two_channels(lab)

    def change(message: bytearray) -> None:
        message[PLACES[where]] ^= LAST_BIT

    check(send(session, channel, sealed(change)), specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


def direction(lab: Lab, session: LabSession) -> bytes:
    """Return the key that the server encrypts with."""
    del lab
    return session.core.decryption_key


def nobody(lab: Lab, session: LabSession) -> bytes:
    """Return a random key."""
    return lab.entropy(len(session.core.encryption_key))


def zeros(lab: Lab, session: LabSession) -> bytes:
    """Return zeros."""
    del lab
    return bytes(len(session.core.encryption_key))


def another_session(lab: Lab, session: LabSession) -> bytes:
    """Return the key of another session on the same connection."""
    return lab.logon(connection=session.channels[1]).core.encryption_key


@case(
    "encryption.wrong-key",
    requirements=["SMB2-3.3.5.2.1.1-04", "SMB2-3.3.5.5.3-24"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "key": key} for way in SEALED for key in (direction, nobody, zeros, another_session)],
)
def test_a_wrong_key_ends_the_channel(lab: Lab, key: Callable[[Lab, LabSession], bytes]) -> None:
    """A message that is encrypted with another key than the session's for this direction ends the channel."""
    session, channel = two_channels(lab)
    answer = send(session, channel, Tamper(encryption_key=key(lab, session)))
    check(answer, specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.flags",
    requirements=["SMB2-3.3.5.2.1.1-02"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants={"dialect": DIALECTS, "flags": list(FLAGS)},
)
def test_other_flags_end_the_channel(lab: Lab, flags: str) -> None:
    """Any other value than 1 in Flags/EncryptionAlgorithm ends the channel, under a right tag too."""
    session, channel = two_channels(lab)
    answer = send(session, channel, sealed_header(flags=FLAGS[flags]))
    check(answer, specification=DISCONNECT, ksmbd=Status.SUCCESS)
    check.alive(session)


@case(
    "encryption.unknown-session",
    requirements=["SMB2-3.3.5.2.1.1-03"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants={"dialect": DIALECTS, "session_id": ["unknown", "zero", "ones"]},
)
def test_an_unknown_session_ends_the_channel(lab: Lab, session_id: str) -> None:
    """A SessionId in the TRANSFORM_HEADER that no session has ends the channel."""
    session, channel = two_channels(lab)
    wrong = {"unknown": session.session_id ^ UNKNOWN, "zero": 0, "ones": 0xFFFF_FFFF_FFFF_FFFF}[session_id]
    tamper = sealed_header(session_id=wrong)
    tamper.header = plain_header(session_id=wrong).header
    check(send(session, channel, tamper), specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.session-of-another-connection",
    requirements=["SMB2-3.3.5.2.1.1-03"],
    needs=[SMB3, ENCRYPTION],
    variants=[{**way, "logged_on": logged_on} for way in SEALED for logged_on in (False, True)],
)
def test_a_session_is_known_on_its_connections_only(lab: Lab, logged_on: bool) -> None:
    """A message rightly encrypted for a session that this connection is not bound to ends the connection."""
    session, connection = lab.logon(), victim(lab)
    check(session.send(EchoRequest(), encrypt=True), specification=Status.SUCCESS)
    if logged_on:
        lab.logon(connection=connection)
    answer = session.tree_connect(on=connection, encrypt=True)
    check(
        answer,
        specification=DISCONNECT,
        samba=(Status.SUCCESS, Status.USER_SESSION_DELETED),
        ksmbd=NO_ANSWER,
    )
    check.alive(session)


@case(
    "encryption.another-session-in-header",
    requirements=["SMB2-3.3.5.2.1.1-04"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_the_named_session_s_key_counts(lab: Lab) -> None:
    """A message encrypted with the key of one session, under the SessionId of another, ends the channel."""
    session, channel = two_channels(lab)
    other = lab.logon(connection=channel)
    tamper = sealed_header(session_id=other.session_id)
    check(send(session, channel, tamper), specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.another-session-inside",
    requirements=["SMB2-3.3.5.2.1.1-08"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "inside": inside} for way in SEALED for inside in ("another", "unknown", "zero")],
)
def test_another_session_inside_ends_the_channel(lab: Lab, inside: str) -> None:
    """A SessionId in the SMB2 header that is not that of the TRANSFORM_HEADER ends the channel."""
    session, channel = two_channels(lab)
    other = lab.logon(connection=channel)
    wrong = {"another": other.session_id, "unknown": session.session_id ^ UNKNOWN, "zero": 0}[inside]
    answer = session.tree_connect(on=channel, encrypt=True, tamper=plain_header(session_id=wrong))
    check(
        answer,
        specification=DISCONNECT,
        samba=(Status.ACCESS_DENIED, Status.USER_SESSION_DELETED),
        windows=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "encryption.too-short",
    requirements=["SMB2-3.3.5.2.1.1-01"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants={"dialect": DIALECTS, "length": [4, 20, 36, TRANSFORM_HEADER_SIZE - 1, TRANSFORM_HEADER_SIZE]},
)
def test_a_message_without_a_body_ends_the_channel(lab: Lab, length: int) -> None:
    """An encrypted message that ends with its TRANSFORM_HEADER, or within it, ends the channel."""
    session, channel = two_channels(lab)

    def cut(message: bytearray) -> None:
        del message[length:]

    check(send(session, channel, sealed(cut)), specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.empty",
    requirements=["SMB2-3.3.5.2.1.1-01", "SMB2-3.3.5.2.1.1-06"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "length": length} for way in SEALED for length in (0, 1, 4, HEADER_SIZE - 1)],
)
def test_less_than_a_header_inside_ends_the_channel(lab: Lab, length: int) -> None:
    """A message that is rightly encrypted, but shorter than an SMB2 header, ends the channel."""
    session, channel = two_channels(lab)

    def cut(message: bytearray) -> None:
        del message[length:]

    check(
        send(session, channel, resized(cut)),
        requirement="SMB2-3.3.5.2.1.1-06" if length else None,
        specification=DISCONNECT,
        ksmbd=NO_ANSWER,
    )
    check.alive(session)


def resized(change: Callable[[bytearray], None]) -> Tamper:
    """Change the length of the message inside; OriginalMessageSize is computed from what comes of it."""
    return plain(change)


@case(
    "encryption.original-message-size",
    requirements=["SMB2-3.3.5.2.1.1-05"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "by": by} for way in SEALED for by in (-1, 1, 0x100000)],
)
def test_a_wrong_size_ends_the_channel(lab: Lab, by: int) -> None:
    """An OriginalMessageSize that is not the length of the message ends the channel, under a right tag."""
    session, channel = two_channels(lab)

    def change(header: TransformHeader) -> None:
        header.original_message_size += by

    check(
        send(session, channel, Tamper(transform=change)),
        specification=DISCONNECT,
        windows=Status.SUCCESS,
        ksmbd=(Status.SUCCESS, NO_ANSWER),
    )
    check.alive(session)


@case(
    "encryption.related-first",
    requirements=["SMB2-3.3.5.2.1.1-07"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_a_related_request_alone_ends_the_channel(lab: Lab) -> None:
    """An encrypted request marked as related to the one before it, but is the first, ends the channel."""
    session, channel = two_channels(lab)
    answer = session.send(EchoRequest(), on=channel, encrypt=True, flags=HeaderFlags.RELATED_OPERATIONS)
    check(answer, specification=DISCONNECT, samba=Status.INVALID_PARAMETER, windows=any_error())
    check.alive(session)


def two(session: LabSession, second: Tamper | None, first: Tamper | None = None) -> list[Submission]:
    """Return two unrelated requests to be encrypted together."""
    return [
        Submission(body=EchoRequest(), session=session.core, encrypt=True, tamper=tamper)
        for tamper in (first, second)
    ]


@case(
    "encryption.compound-another-session",
    requirements=["SMB2-3.3.5.2.1.1-09"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_another_session_in_a_chain_ends_the_channel(lab: Lab) -> None:
    """A later unrelated member of an encrypted chain that names another session ends the channel."""
    session, channel = two_channels(lab)
    other = lab.logon(connection=channel)
    members = two(session, plain_header(session_id=other.session_id))
    answer = channel.send_compound(members)[1]
    check(
        answer,
        specification=DISCONNECT,
        windows=Status.SUCCESS,
        samba=Status.ACCESS_DENIED,
        ksmbd=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "encryption.compound-misaligned",
    requirements=["SMB2-3.3.5.2.1.1-10"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_a_misaligned_chain_ends_the_channel(lab: Lab) -> None:
    """A member of an encrypted chain that does not start at a multiple of 8 ends the channel."""
    session, channel = two_channels(lab)
    size = HEADER_SIZE + EchoRequest.STRUCTURE_SIZE
    answer = channel.send_compound(two(session, None, plain_header(next_command=size)))[1]
    check(
        answer,
        specification=DISCONNECT,
        windows=Status.SUCCESS,
        samba=(Status.SUCCESS, Status.INVALID_PARAMETER),
        ksmbd=(Status.SUCCESS, Status.INVALID_PARAMETER),
    )
    check.alive(session)


INSIDE = {
    "transform": TRANSFORM_PROTOCOL_ID,
    "SMB1": SMB1_PROTOCOL_ID,
    "compressed": COMPRESSION_PROTOCOL_ID,
    "zero": bytes(4),
}


@case(
    "encryption.other-protocol-inside",
    requirements=["SMB2-3.3.5.2.1.1-11"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=[{**way, "inside": inside} for way in SEALED for inside in INSIDE],
)
def test_only_smb2_may_be_inside(lab: Lab, inside: str) -> None:
    """A decrypted message that begins with another ProtocolId than SMB2's ends the channel."""
    session, channel = two_channels(lab)
    answer = send(session, channel, plain_header(protocol_id=INSIDE[inside]))
    check(answer, specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.twice",
    requirements=["SMB2-3.3.5.2.1.1-11"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_a_message_is_encrypted_once(lab: Lab) -> None:
    """A right encrypted message inside a right encrypted message ends the channel."""
    session, channel = two_channels(lab)
    encryptor = session.core.encryptor(channel.core)
    assert isinstance(encryptor, Encryptor)

    def encrypt(message: bytearray) -> None:
        nonce = session.core.next_nonce(encryptor.nonce_size)
        message[:] = encryptor.seal([bytes(message)], session.session_id, nonce)

    check(send(session, channel, plain(encrypt)), specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(session)


@case(
    "encryption.replayed",
    requirements=["SMB2-3.3.5.2.3-01"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTION],
    variants=SEALED,
)
def test_the_same_message_twice_ends_the_channel(lab: Lab) -> None:
    """An encrypted message that comes a second time, byte for byte, ends the channel."""
    session, channel = two_channels(lab)
    answer = send(session, channel, Tamper(frame=lambda frame: [frame, frame]))
    check.that(channel, "the channel ends", answer.arrived and channel.wait_lost(), specification=True)
    check.alive(session)


@case(
    "encryption.no-cipher",
    requirements=["SMB2-3.3.5.2.1.1-12"],
    needs=[SMB3, ENCRYPTION],
    variants={"dialect": DIALECTS, "logged_on": [False, True]},
)
def test_nothing_is_encrypted_that_was_not_negotiated(lab: Lab, logged_on: bool) -> None:
    """An encrypted message ends a connection whose client offered no encryption."""
    bystander = lab.logon()
    check(bystander.send(EchoRequest(), encrypt=True), specification=Status.SUCCESS)
    capabilities = Capabilities.LARGE_MTU | Capabilities.MULTI_CHANNEL
    connection = lab.connect(cipher=None, capabilities=capabilities)
    connection.may_be_lost = True
    session_id = lab.logon(connection=connection).session_id if logged_on else bystander.session_id
    connection.send_frame(raw(lab, session_id))
    check.that(connection, "the connection ends", connection.wait_lost(), specification=True, ksmbd=False)
    check.alive(bystander)


def raw(lab: Lab, session_id: int) -> bytearray:
    """Return a message encrypted with a key of nobody, in the way of 3.0."""
    encryptor = Encryptor(Cipher.AES_128_CCM, lab.entropy(key_size(Cipher.AES_128_CCM)))
    return encryptor.seal([bytes(HEADER_SIZE + KEY_SIZE)], session_id, lab.entropy(encryptor.nonce_size))


@case(
    "encryption.on-smb2",
    requirements=["SMB2-3.3.5.2.1.1-13"],
    needs=[SMB2_0_2, SMB2_1],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_smb2_knows_no_encryption(lab: Lab) -> None:
    """On a connection of SMB 2 an encrypted message is one of an unknown protocol and ends it."""
    bystander, session = lab.logon(), lab.logon()
    connection = session.connection
    connection.may_be_lost = True
    connection.send_frame(raw(lab, session.session_id))
    check.that(connection, "the connection ends", connection.wait_lost(), specification=True, ksmbd=False)
    check.alive(bystander)


@case(
    "encryption.first-message",
    requirements=["SMB2-3.3.5.2.1.1-12"],
    needs=[SMB3, ENCRYPTION],
)
def test_the_first_message_is_not_encrypted(lab: Lab) -> None:
    """A connection whose first message is encrypted ends, whatever session it names."""
    bystander = lab.logon()
    connection = lab.open_connection()
    connection.may_be_lost = True
    connection.send_frame(raw(lab, bystander.session_id))
    check.that(connection, "the connection ends", connection.wait_lost(), specification=True, ksmbd=False)
    check.alive(bystander)


@case(
    "encryption.before-logon",
    requirements=["SMB2-3.3.5.2.1.1-14"],
    needs=[SMB3, ENCRYPTION],
    variants={"dialect": DIALECTS, "legs": [0, 1]},
)
def test_nothing_is_encrypted_before_somebody_is_known(lab: Lab, legs: int) -> None:
    """An encrypted message before anybody has authenticated on a connection ends the connection."""
    bystander, connection = lab.logon(), victim(lab)
    session_id = connection.begin_session_setup().session_id if legs else 0
    connection.send_frame(raw(lab, session_id))
    check.that(connection, "the connection ends", connection.wait_lost(), specification=True, ksmbd=False)
    check.alive(bystander)


@case(
    "encryption.anonymous-alone",
    requirements=["SMB2-3.3.5.2.1.1-14"],
    needs=[SMB3, ENCRYPTION, ANONYMOUS],
    variants={"dialect": DIALECTS, "key": ["zeros", "random"]},
    answers=["smbtorture:session.anon-encryption1", "smbtorture:session.anon-encryption3"],
)
def test_an_anonymous_session_alone_is_not_encrypted(lab: Lab, key: str) -> None:
    """An encrypted message of an anonymous session ends a connection on which nobody has authenticated."""
    bystander, connection = lab.logon(), victim(lab)
    session = with_keys(lab.logon(connection=connection, anonymous=True))
    if key == "random":
        session.core.encryption_key = lab.entropy(len(session.core.encryption_key))
    answer = session.send(EchoRequest(), encrypt=True)
    check(answer, specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(bystander)


def with_keys(session: LabSession) -> LabSession:
    """Derive the encryption keys that a client keeps to itself in a session it must not encrypt."""
    core = session.core
    keys = derive_session_keys(
        core.connection.dialect,
        core.session_key,
        core.full_session_key,
        core.preauth_integrity_hash_value,
        core.connection.cipher,
    )
    core.encryption_key, core.decryption_key = keys.encryption_key_c2s, keys.encryption_key_s2c
    return session


@case(
    "encryption.anonymous-beside-user",
    requirements=["SMB2-3.3.5.2.1.1-15"],
    needs=[SMB311, ENCRYPTION, ANONYMOUS],
    variants=[{"dialect": Dialect.SMB_3_1_1, "cipher": Cipher.AES_128_GCM}],
    answers=["smbtorture:session.anon-encryption2"],
)
def test_an_anonymous_session_beside_a_user_s(lab: Lab) -> None:
    """After a user has logged on, an encrypted message of an anonymous session still ends the connection."""
    bystander, connection = lab.logon(), victim(lab)
    lab.logon(connection=connection)
    session = with_keys(lab.logon(connection=connection, anonymous=True))
    answer = session.send(EchoRequest(), encrypt=True)
    check(answer, specification=DISCONNECT, windows=Status.SUCCESS)
    check.alive(bystander)


@case(
    "encryption.guest",
    requirements=["SMB2-3.3.5.2.1.1-15"],
    needs=[SMB311, ENCRYPTION, GUEST],
    variants=[{"dialect": Dialect.SMB_3_1_1, "cipher": Cipher.AES_128_GCM}],
)
def test_a_guest_s_session_is_not_encrypted(lab: Lab) -> None:
    """An encrypted message of a guest's session ends the connection."""
    bystander, connection = lab.logon(), victim(lab)
    session = with_keys(lab.logon(connection=connection, guest=True))
    answer = session.send(EchoRequest(), encrypt=True)
    check(answer, specification=DISCONNECT)
    check.alive(bystander)
