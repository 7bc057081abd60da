"""Encryption of sessions: its keys, and servers that encrypt every session ([MS-SMB2] 3.3.5.5, 3.3.5.5.3)."""

from collections.abc import Mapping

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check
from smbtorture_py.conformance.lab import Lab, Offering
from smbtorture_py.conformance.needs import (
    ANONYMOUS,
    ENCRYPTED_SESSIONS,
    ENCRYPTION,
    GUEST,
    MULTI_CHANNEL,
    SMB2X,
    SMB3,
    SMB3_0,
    SMB311,
)
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status

SMB3_DIALECTS = [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
EVERY_CIPHER: list[Mapping[str, object]] = [
    {"dialect": Dialect.SMB_3_0},
    {"dialect": Dialect.SMB_3_0_2},
    *(
        {"dialect": Dialect.SMB_3_1_1, "cipher": cipher}
        for cipher in (Cipher.AES_128_CCM, Cipher.AES_128_GCM, Cipher.AES_256_CCM, Cipher.AES_256_GCM)
    ),
]

LONG_KEYS = (Cipher.AES_256_CCM, Cipher.AES_256_GCM)


@case(
    "session.cipher-keys",
    requirements=["SMB2-3.3.5.5.3-24", "SMB2-3.3.5.5.3-25", "SMB2-3.3.4.1.4-01"],
    needs=[ENCRYPTION],
    variants=EVERY_CIPHER,
)
def test_cipher_keys(lab: Lab) -> None:
    """Every session can encrypt with the keys of its dialect and cipher, one for each direction."""
    session = lab.logon()
    answer = session.tree_connect(encrypt=True)
    keys = "SMB2-3.3.5.5.3-25" if lab.connections[0].core.cipher in LONG_KEYS else "SMB2-3.3.5.5.3-24"
    check(answer, requirement=keys, specification=Status.SUCCESS)
    check.that(
        answer,
        "response is encrypted",
        answer.exchange.decrypted,
        requirement="SMB2-3.3.4.1.4-01",
        specification=True,
    )
    opened = answer.tree.open(encrypt=True)
    check(opened.write(b"sealed", encrypt=True), specification=Status.SUCCESS)
    check.that(session, "data of the file", opened.read(0, 6, encrypt=True).data, specification=b"sealed")
    check.alive(session)


@case(
    "session.cipher-key-of-other-direction",
    requirements=["SMB2-3.3.5.5.3-24", "SMB2-3.3.5.2.1.1-04"],
    needs=[ENCRYPTION],
    variants=EVERY_CIPHER,
)
def test_the_cipher_key_of_the_other_direction(lab: Lab) -> None:
    """A request that is encrypted with the server's key ends the connection."""
    session, other = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    key = session.core.decryption_key
    answer = session.tree_connect(encrypt=True, tamper=Tamper(encryption_key=key))
    check(answer, requirement="SMB2-3.3.5.2.1.1-04", specification=DISCONNECT)
    check.alive(other)


@case(
    "session.encryption",
    requirements=["SMB2-3.3.5.5.3-14", "SMB2-3.3.5.5.3-13"],
    needs=[SMB3, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": SMB3_DIALECTS},
)
def test_a_session_is_encrypted(lab: Lab) -> None:
    """A server that encrypts everything says so in a final response that is signed and not encrypted."""
    lab.require_encryption()
    answer = lab.connect().session_setup()
    check(answer, specification=Status.SUCCESS)
    check.field(
        answer,
        "session_flags",
        requirement="SMB2-3.3.5.5.3-13",
        specification=SessionFlags.ENCRYPT_DATA,
    )
    final = answer.exchange
    check.that(
        answer,
        "final response is encrypted",
        final.decrypted,
        specification=False,
    )
    check.that(
        answer,
        "final response has the right signature",
        final.signature_valid,
        specification=True,
    )
    check(answer.session.tree_connect(), requirement="SMB2-3.3.5.5.3-13", specification=Status.SUCCESS)
    check.alive(answer.session)


@case(
    "session.encryption-required",
    requirements=["SMB2-3.3.5.2.9-07", "SMB2-3.3.5.2.9-09", "SMB2-3.3.4.1.4-02"],
    needs=[SMB3, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": SMB3_DIALECTS, "signed": [False, True]},
)
def test_an_unencrypted_request_of_an_encrypted_session(lab: Lab, signed: bool) -> None:
    """An encrypted session takes no unencrypted request, signed or not; that is told encrypted."""
    lab.require_encryption()
    session = lab.logon()
    opened = session.tree().open()
    answer = opened.write(b"plain", encrypt=False, sign=signed)
    check(
        answer,
        requirement="SMB2-3.3.5.2.9-09" if signed else "SMB2-3.3.5.2.9-07",
        specification=Status.ACCESS_DENIED,
    )
    check.that(
        answer,
        "response is encrypted",
        answer.exchange.decrypted,
        requirement="SMB2-3.3.4.1.4-02",
        specification=True,
    )
    check(opened.write(b"sealed"), requirement="SMB2-3.3.5.5.3-13", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.encryption-of-smb2",
    requirements=["SMB2-3.3.5.5-01"],
    needs=[SMB2X, ENCRYPTED_SESSIONS, SMB3],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_smb2_cannot_log_on_to_encrypted_sessions(lab: Lab) -> None:
    """A dialect that cannot encrypt makes no session on a server that encrypts everything."""
    lab.require_encryption()
    check(lab.connect().session_setup(), specification=Status.ACCESS_DENIED)
    check.alive(lab.logon(offer={"dialects": [Dialect.SMB_3_0, Dialect.SMB_3_1_1]}))


CANNOT_ENCRYPT: dict[str, Offering] = {
    "capability": {"dialect": Dialect.SMB_3_0, "capabilities": Capabilities.LARGE_MTU},
    "cipher": {"dialect": Dialect.SMB_3_1_1, "cipher": None, "capabilities": Capabilities.LARGE_MTU},
}


@case(
    "session.encryption-of-client-without",
    requirements=["SMB2-3.3.5.5-02"],
    needs=[SMB3_0, SMB311, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"lacks": list(CANNOT_ENCRYPT)},
)
def test_a_client_that_cannot_encrypt(lab: Lab, lacks: str) -> None:
    """A client that did not negotiate encryption makes no session on a server that encrypts everything."""
    lab.require_encryption()
    check(lab.connect(**CANNOT_ENCRYPT[lacks]).session_setup(), specification=Status.ACCESS_DENIED)
    check.alive(lab.logon(offer={"client_guid": lab.entropy(16)}))


@case(
    "session.encryption-kept",
    requirements=["SMB2-3.3.5.5.3-39", "SMB2-3.3.5.5-07"],
    needs=[SMB3, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": SMB3_DIALECTS, "sealed": [False, True]},
)
def test_reauthentication_keeps_encryption(lab: Lab, sealed: bool) -> None:
    """A session stays encrypted through a re-authentication, which itself need not be encrypted."""
    lab.require_encryption()
    session = lab.logon()
    opened = session.tree().open()
    answer = session.reauthenticate(encrypt=sealed)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS, samba=Status.ACCESS_DENIED)
    check(opened.write(b"plain", encrypt=False), specification=Status.ACCESS_DENIED)
    check(opened.write(b"sealed"), requirement="SMB2-3.3.5.5.3-13", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.encryption-of-logoff",
    requirements=["SMB2-3.3.4.1.4-01", "SMB2-3.3.5.6-01"],
    needs=[SMB3, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
)
def test_logoff_of_an_encrypted_session(lab: Lab) -> None:
    """The response to LOGOFF is encrypted, although the session is gone by then."""
    lab.require_encryption()
    session = lab.logon()
    answer = session.logoff()
    check(answer, requirement="SMB2-3.3.5.6-01", specification=Status.SUCCESS)
    check.that(answer, "response is encrypted", answer.exchange.decrypted, specification=True)
    check.alive(lab.logon(connection=session.channels[0]))


@case(
    "session.encryption-of-nobody",
    requirements=["SMB2-3.3.5.5.3-41"],
    needs=[SMB3, ENCRYPTED_SESSIONS, GUEST, ANONYMOUS],
    disturbs=Disturbance.CONFIGURATION,
    variants={"who": ["guest", "anonymous"]},
)
def test_who_cannot_encrypt_on_a_server_that_encrypts(lab: Lab, who: str) -> None:
    """What becomes of guests and anonymous users, who have no keys, where everything is encrypted."""
    lab.require_encryption()
    answer = lab.connect().session_setup(guest=who == "guest", anonymous=who == "anonymous")
    check(answer, specification=Status.SUCCESS, refused=any_error())
    if answer.actual is Status.SUCCESS:
        check.field(
            answer,
            "session_flags",
            literal=SessionFlags.ENCRYPT_DATA,
            guest=SessionFlags.IS_GUEST,
            null=SessionFlags.IS_NULL,
        )


@case(
    "session.encryption-on-channels",
    requirements=["SMB2-3.3.5.2.9-07", "SMB2-3.3.5.2.1.1-17"],
    needs=[SMB3, MULTI_CHANNEL, ENCRYPTED_SESSIONS],
    disturbs=Disturbance.CONFIGURATION,
)
def test_an_encrypted_session_with_two_channels(lab: Lab) -> None:
    """A bound channel encrypts with the keys of the session, and must do so, too."""
    lab.require_encryption()
    session = lab.logon()
    second = session.add_channel()
    opened = session.tree().open()
    sealed = opened.write(b"sealed", on=second)
    check(sealed, requirement="SMB2-3.3.5.2.1.1-17", specification=Status.SUCCESS)
    for channel in session.channels:
        check(opened.write(b"plain", on=channel, encrypt=False), specification=Status.ACCESS_DENIED)
    check.alive(session)
