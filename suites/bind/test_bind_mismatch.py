"""Binds over connections that differ from the session's where the text is silent or leaves the choice
([MS-SMB2] 3.3.5.5): another cipher, signing algorithm or ClientGuid.
"""

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import (
    AES_GMAC,
    BY_CIPHER,
    MULTI_CHANNEL,
    SIGNING_CAPABILITIES,
    SMB3,
    SMB311,
)
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.status import Status
from suites.bind.protections import DIALECTS

CIPHERS = (Cipher.AES_128_CCM, Cipher.AES_128_GCM, Cipher.AES_256_CCM, Cipher.AES_256_GCM)
CMAC, GMAC, HMAC = SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC, SigningAlgorithm.HMAC_SHA256
GUID_SIZE = 16
PREFIX = b"\x5e\x00"


@case(
    "bind.another-cipher",
    requirements=["SMB2-3.3.5.5-21", "SMB2-3.3.5.5-41"],
    needs=[SMB311, MULTI_CHANNEL, *(BY_CIPHER[cipher] for cipher in CIPHERS)],
    variants=[
        {"of_session": of_session, "of_connection": of_connection}
        for of_session in CIPHERS
        for of_connection in (*CIPHERS, None)
        if of_session != of_connection
    ],
    answers=[
        "smbtorture:session.bind_negative_smb3encGtoCs",
        "smbtorture:session.bind_negative_smb3encGtoCd",
        "smbtorture:hole.cipher-lists",
    ],
)
def test_another_cipher(lab: Lab, of_session: Cipher, of_connection: Cipher | None) -> None:
    """A connection with another cipher, or none, is bound or refused; the session goes on encrypting on its
    first channel.
    """
    session = lab.logon(offer={"cipher": of_session})
    tree = session.tree()
    answer = lab.connect(cipher=of_connection).bind(session)
    check(answer, refused=Status.INVALID_PARAMETER, accepted=Status.SUCCESS)
    sealed = tree.create(on=session.channels[0], encrypt=True)
    check(sealed, requirement="SMB2-3.3.5.5-41", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.another-signing-algorithm",
    requirements=["SMB2-3.3.5.5-24"],
    needs=[SMB311, MULTI_CHANNEL, SIGNING_CAPABILITIES],
    variants=[
        {"of_session": of_session, "of_connection": of_connection, "used": used}
        for of_session, of_connection in ((CMAC, HMAC), (HMAC, CMAC))
        for used in (CMAC, HMAC)
    ],
    answers=[
        "smbtorture:session.bind_negative_smb3signCtoHs",
        "smbtorture:session.bind_negative_smb3signCtoHd",
        "smbtorture:session.bind_negative_smb3signHtoCs",
        "smbtorture:session.bind_negative_smb3signHtoCd",
    ],
)
def test_another_signing_algorithm(
    lab: Lab, of_session: SigningAlgorithm, of_connection: SigningAlgorithm, used: SigningAlgorithm
) -> None:
    """Where one side has AES-CMAC and the other HMAC-SHA256, a bind signed in either way succeeds or not."""
    session = lab.logon(offer={"signing_algorithm": of_session})
    # Which of the two algorithms signs the answers to a bind is not said.
    connection = lab.connect(signing_algorithm=of_connection).tolerate(Rule.SIGNATURE)
    answer = connection.bind(session, tamper=Tamper(signing_algorithm=used))
    check(
        answer,
        accepted=Status.SUCCESS,
        refused=Status.INVALID_PARAMETER,
        signature_wrong=(Status.ACCESS_DENIED, Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED),
    )
    check.alive(session)


@case(
    "bind.gmac-session",
    requirements=["SMB2-3.3.5.5-22"],
    needs=[SMB311, MULTI_CHANNEL, AES_GMAC],
    variants={"of_connection": [CMAC, HMAC]},
    answers=[
        "smbtorture:session.bind_negative_smb3signGtoCs",
        "smbtorture:session.bind_negative_smb3signGtoCd",
        "smbtorture:session.bind_negative_smb3signGtoHs",
        "smbtorture:session.bind_negative_smb3signGtoHd",
        "smbtorture:session.bind_negative_smb3sneGtoCs",
        "smbtorture:session.bind_negative_smb3sneGtoCd",
        "smbtorture:session.bind_negative_smb3sneGtoHs",
        "smbtorture:session.bind_negative_smb3sneGtoHd",
    ],
)
def test_a_session_of_gmac(lab: Lab, of_connection: SigningAlgorithm) -> None:
    """A connection without AES-GMAC is bound to a session that signs with it, or not; its first channel lives
    on.
    """
    session = lab.logon(offer={"signing_algorithm": GMAC})
    connection = lab.connect(signing_algorithm=of_connection).tolerate(Rule.SIGNATURE)
    answer = connection.bind(session)
    check(answer, refused=Status.REQUEST_OUT_OF_SEQUENCE, accepted=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.gmac-connection",
    requirements=["SMB2-3.3.5.5-23"],
    needs=[SMB311, MULTI_CHANNEL, AES_GMAC],
    variants={"of_session": [CMAC, HMAC]},
    answers=[
        "smbtorture:session.bind_negative_smb3signHtoGs",
        "smbtorture:session.bind_negative_smb3signHtoGd",
        "smbtorture:session.bind_negative_smb3signCtoGs",
        "smbtorture:session.bind_negative_smb3signCtoGd",
        "smbtorture:session.bind_negative_smb3sneCtoGs",
        "smbtorture:session.bind_negative_smb3sneCtoGd",
        "smbtorture:session.bind_negative_smb3sneHtoGs",
        "smbtorture:session.bind_negative_smb3sneHtoGd",
    ],
)
def test_a_connection_of_gmac(lab: Lab, of_session: SigningAlgorithm) -> None:
    """A connection with AES-GMAC is bound to a session that signs without it, or not; its first channel lives
    on.
    """
    session = lab.logon(offer={"signing_algorithm": of_session})
    connection = lab.connect(signing_algorithm=GMAC).tolerate(Rule.SIGNATURE)
    answer = connection.bind(session)
    check(answer, refused=Status.NOT_SUPPORTED, accepted=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.another-client-guid",
    requirements=["SMB2-3.3.5.5-12", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "difference": ["everywhere", "after-a-zero"]},
    answers=["smbtorture:hole.bind-client-guid", "smbtorture:hole.different-client-guids"],
)
def test_another_client_guid(lab: Lab, difference: str) -> None:
    """A connection of another ClientGuid may be refused or bound, also where it differs only behind a zero
    byte.
    """
    guids = [lab.entropy(GUID_SIZE) for _ in range(2)]
    if difference == "after-a-zero":
        guids = [PREFIX + guid[len(PREFIX) :] for guid in guids]
    session = lab.logon(offer={"client_guid": guids[0]})
    answer = lab.connect(client_guid=guids[1]).bind(session)
    check(
        answer,
        specification=Status.USER_SESSION_DELETED,
        permitted_bind=Status.SUCCESS,
        samba=Status.REQUEST_NOT_ACCEPTED,
    )
    check.alive(session)
