"""Who is told the interfaces, on which trees, under which protection ([MS-SMB2] 3.3.5.15, 3.3.5.15.11)."""

from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check, lacks_flag
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import (
    ADMINISTRATION,
    ANONYMOUS,
    CLEAR_SESSIONS,
    ENCRYPTED_SHARE,
    ENCRYPTION,
    GUEST,
    MULTI_CHANNEL,
    READ_ONLY_SHARE,
    SIGNING_OPTIONAL,
    SMB2X,
    SMB3,
)
from smbtorture_py.conformance.target import ShareRole
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.status import Status

NEEDS = [SMB3, MULTI_CHANNEL]
NOT_MULTI_CHANNEL = Capabilities.LARGE_MTU | Capabilities.ENCRYPTION
UNKNOWN_SESSION = 0x5EED_0000_0000_0001
UNKNOWN_TREE = 0x5EED_0001


@case(
    "interfaces.disk-share",
    requirements=["SMB2-3.3.5.15-04"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-ipc"],
)
def test_a_disk_share_will_do(lab: Lab) -> None:
    """The query is answered on a disk share as on IPC$."""
    session = lab.logon()
    check(session.query_interfaces(tree=session.tree()), specification=Status.SUCCESS)
    check.alive(session)


@case("interfaces.read-only-share", requirements=["SMB2-3.3.5.15-04"], needs=[*NEEDS, READ_ONLY_SHARE])
def test_a_share_without_write_access_will_do(lab: Lab) -> None:
    """The query needs no right on the share it is sent to."""
    session = lab.logon()
    tree = session.tree(ShareRole.READ_ONLY)
    check(session.query_interfaces(tree=tree), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.encrypted-share",
    requirements=["SMB2-3.3.5.2.11-01"],
    needs=[*NEEDS, ENCRYPTION, ENCRYPTED_SHARE],
)
def test_a_plain_query_on_an_encrypted_share_is_refused(lab: Lab) -> None:
    """On an encrypted share the query is answered when it is encrypted, and refused when it is not."""
    session = lab.logon()
    tree = session.tree(ShareRole.ENCRYPTED)
    session.query_interfaces(tree=tree).required()
    answer = session.query_interfaces(tree=tree, encrypt=False, sign=True)
    check(answer, specification=Status.ACCESS_DENIED, samba=Status.SUCCESS)
    check.alive(session)


@case("interfaces.unknown-tree", requirements=["SMB2-3.3.5.15-02"], needs=NEEDS)
def test_an_unknown_tree_is_refused(lab: Lab) -> None:
    """A query on a TreeId that the session does not have is refused."""
    session = lab.logon()
    tree = session.ipc()
    session.query_interfaces(tree=tree).required()
    answer = session.query_interfaces(tree=tree, tree_id=UNKNOWN_TREE)
    check(answer, specification=Status.NETWORK_NAME_DELETED, samba=Status.SUCCESS)
    check.alive(session)


@case("interfaces.disconnected-tree", requirements=["SMB2-3.3.5.15-02"], needs=NEEDS)
def test_a_disconnected_tree_is_refused(lab: Lab) -> None:
    """A query on a tree that was disconnected is refused."""
    session = lab.logon()
    other, tree = session.tree(), session.ipc()
    session.query_interfaces(tree=tree).required()
    tree_id = tree.core.tree_connect_id
    tree.disconnect().required()
    answer = session.query_interfaces(tree=tree, tree_id=tree_id)
    check(answer, specification=Status.NETWORK_NAME_DELETED, samba=Status.SUCCESS)
    check(session.query_interfaces(tree=other), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.unknown-session",
    requirements=["SMB2-3.3.5.15-03"],
    needs=[*NEEDS, CLEAR_SESSIONS],
    variants={"which": ["none", "unknown"]},
)
def test_an_unknown_session_is_refused(lab: Lab, which: str) -> None:
    """A query with a SessionId that the server does not know is refused."""
    session = lab.logon()
    tree = session.ipc()
    session.query_interfaces(tree=tree).required()
    session_id = 0 if which == "none" else UNKNOWN_SESSION
    answer = session.query_interfaces(tree=tree, session_id=session_id, sign=False)
    check(answer, specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.unbound-connection",
    requirements=["SMB2-3.3.5.2.9-02"],
    needs=[*NEEDS, CLEAR_SESSIONS, SIGNING_OPTIONAL],
)
def test_a_connection_that_is_no_channel_is_refused(lab: Lab) -> None:
    """A query in a session, over a connection that is not bound to it, is refused."""
    session = lab.logon()
    tree = session.ipc()
    other = lab.used_connection()
    answer = session.query_interfaces(tree=tree, on=other, sign=False)
    check(answer, specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.dialect-2",
    requirements=["SMB2-3.3.5.15.11-02"],
    needs=[SMB2X],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_a_client_of_an_old_dialect(lab: Lab) -> None:
    """A client without SMB 3 is told that there is no such query, or the interfaces."""
    session = lab.logon()
    check(
        session.query_interfaces(),
        specification=Status.NOT_SUPPORTED,
        permitted_answer=Status.SUCCESS,
        samba=(Status.FS_DRIVER_REQUIRED, Status.INVALID_DEVICE_REQUEST),
    )
    check.alive(session)


@case(
    "interfaces.client-without-multi-channel",
    requirements=["SMB2-3.3.5.15.11-02"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-no-multi-channel"],
)
def test_a_client_without_multi_channel(lab: Lab) -> None:
    """A client that did not ask for multichannel is told that there is no such query, or the interfaces."""
    session = lab.logon(offer={"capabilities": NOT_MULTI_CHANNEL})
    check(
        session.query_interfaces(),
        specification=Status.NOT_SUPPORTED,
        permitted_answer=Status.SUCCESS,
    )
    check.alive(session)


@case(
    "interfaces.server-without-multi-channel",
    requirements=["SMB2-3.3.5.4-95", "SMB2-3.3.5.15.11-02"],
    needs=[*NEEDS, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    answers=["smbtorture:hole.interface-no-multi-channel"],
)
def test_a_server_without_multi_channel(lab: Lab) -> None:
    """A server whose multichannel was switched off does not announce it, nor need it tell its interfaces."""
    lab.administration.set_multi_channel(False)
    connection = lab.connect()
    check.that(
        connection,
        "Capabilities",
        connection.core.server_capabilities,
        specification=lacks_flag(Capabilities.MULTI_CHANNEL),
    )
    session = lab.logon(connection=connection)
    check(
        session.query_interfaces(),
        requirement="SMB2-3.3.5.15.11-02",
        specification=Status.NOT_SUPPORTED,
        permitted_answer=Status.SUCCESS,
        samba=(Status.FS_DRIVER_REQUIRED, Status.INVALID_DEVICE_REQUEST),
    )
    check.alive(session)


@case(
    "interfaces.unsigned",
    requirements=["SMB2-3.3.5.15.11-01"],
    needs=[*NEEDS, SIGNING_OPTIONAL],
    answers=["smbtorture:hole.interface-protection"],
)
def test_an_unsigned_query(lab: Lab) -> None:
    """A query without a signature is answered, or refused with ACCESS_DENIED."""
    session = lab.logon()
    answer = session.query_interfaces(sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_answer=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.anonymous",
    requirements=["SMB2-3.3.5.15.11-01"],
    needs=[*NEEDS, ANONYMOUS, SIGNING_OPTIONAL, CLEAR_SESSIONS],
    answers=["smbtorture:session.anon-encryption2", "smbtorture:hole.interface-ipc"],
)
def test_an_anonymous_user_asks(lab: Lab) -> None:
    """An anonymous user, who cannot sign, is answered, or refused with ACCESS_DENIED."""
    session = lab.logon(anonymous=True)
    answer = session.query_interfaces()
    check(answer, specification=Status.ACCESS_DENIED, permitted_answer=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.guest",
    requirements=["SMB2-3.3.5.15.11-01"],
    needs=[*NEEDS, GUEST, SIGNING_OPTIONAL, CLEAR_SESSIONS],
)
def test_a_guest_asks(lab: Lab) -> None:
    """A guest, who cannot sign, is answered, or refused with ACCESS_DENIED."""
    session = lab.logon(guest=True)
    answer = session.query_interfaces()
    check(answer, specification=Status.ACCESS_DENIED, permitted_answer=Status.SUCCESS)
    check.alive(session)


@case(
    "interfaces.signed",
    requirements=["SMB2-3.3.4.1.1-01", "SMB2-3.3.5.15.11-03"],
    needs=[*NEEDS, CLEAR_SESSIONS],
    variants={"signing_algorithm": [SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC]},
    answers=["smbtorture:hole.interface-protection"],
)
def test_a_signed_query_has_a_signed_answer(lab: Lab) -> None:
    """A signed query is answered, and the answer is signed."""
    session = lab.logon()
    answer = session.query_interfaces(sign=True)
    check(answer, requirement="SMB2-3.3.5.15.11-03", specification=Status.SUCCESS)
    check.that(answer, "the answer is signed", answer.exchange.response_signed, specification=True)
    check.alive(session)


@case(
    "interfaces.encrypted",
    requirements=["SMB2-3.3.4.1.4-01", "SMB2-3.3.5.15.11-03"],
    needs=[*NEEDS, ENCRYPTION],
    variants={"cipher": list(Cipher)[1:]},
    answers=["smbtorture:hole.interface-protection"],
)
def test_an_encrypted_query_has_an_encrypted_answer(lab: Lab) -> None:
    """An encrypted query is answered, and the answer is encrypted."""
    session = lab.logon()
    answer = session.query_interfaces(encrypt=True)
    check(answer, requirement="SMB2-3.3.5.15.11-03", specification=Status.SUCCESS)
    check.that(answer, "the answer is encrypted", answer.exchange.decrypted, specification=True)
    check.alive(session)
