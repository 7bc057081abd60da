"""Negotiation, authentication, binding, signing and sealing, driven with raw messages."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from server_peer import (
    ALICE,
    ALL_CAPABILITIES,
    BOB,
    DIALECTS,
    NOW,
    Peer,
    accounts,
    compound,
    logged_on,
    make_server,
)

from smbtorture_py.auth.credentials import ANONYMOUS, Credentials
from smbtorture_py.server.config import Encryption, NetworkInterface, ShareConfig
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import decode_list
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate import (
    Capabilities,
    Dialect,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    EncryptionCapabilities,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    find,
)
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupFlags, SessionSetupRequest
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import ShareType, TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest

SMB3 = (Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
CIPHERS = (Cipher.AES_128_CCM, Cipher.AES_128_GCM, Cipher.AES_256_CCM, Cipher.AES_256_GCM)


# Negotiation.


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_greatest_common_dialect_is_chosen(dialect: Dialect) -> None:
    peer = Peer(make_server())
    answer = peer.negotiate([offered for offered in DIALECTS if offered <= dialect])
    assert isinstance(answer.body, NegotiateResponse)
    assert answer.body.dialect_revision == dialect
    assert (Capabilities.MULTI_CHANNEL in answer.body.capabilities) == (dialect in SMB3)
    assert (Capabilities.LARGE_MTU in answer.body.capabilities) == (dialect != Dialect.SMB_2_0_2)
    assert (Capabilities.ENCRYPTION in answer.body.capabilities) == (
        dialect in (Dialect.SMB_3_0, Dialect.SMB_3_0_2)
    )


def test_multi_channel_is_advertised_only_to_who_asks() -> None:
    answer = Peer(make_server()).negotiate(capabilities=Capabilities.NONE)
    assert isinstance(answer.body, NegotiateResponse)
    assert Capabilities.MULTI_CHANNEL not in answer.body.capabilities
    answer = Peer(make_server(defects=["multi-channel-advertised-unasked"])).negotiate(
        capabilities=Capabilities.NONE
    )
    assert isinstance(answer.body, NegotiateResponse)
    assert Capabilities.MULTI_CHANNEL in answer.body.capabilities


def test_no_dialect_and_no_common_dialect_fail() -> None:
    assert Peer(make_server()).negotiate([]).header.status == Status.INVALID_PARAMETER
    assert Peer(make_server()).negotiate([0x0999]).header.status == Status.NOT_SUPPORTED


def test_a_second_negotiate_ends_the_connection() -> None:
    peer = Peer(make_server())
    peer.negotiate()
    assert peer.requests(NegotiateRequest(dialects=[0x0311])) == []
    assert peer.is_closed


@pytest.mark.parametrize("missing", ["none", "two", "short", "unknown-hash", "two-ciphers", "no-algorithms"])
def test_bad_contexts_fail(missing: str) -> None:
    preauth = PreauthIntegrityCapabilities(salt=bytes(32))
    cipher = EncryptionCapabilities([Cipher.AES_128_GCM]).envelope()
    contexts = {
        "none": [],
        "two": [preauth.envelope(), preauth.envelope()],
        "short": [replace(preauth.envelope(), data=b"\1")],
        "unknown-hash": [PreauthIntegrityCapabilities([0x77]).envelope()],
        "two-ciphers": [preauth.envelope(), cipher, cipher],
        "no-algorithms": [preauth.envelope(), SigningCapabilities([]).envelope()],
    }[missing]
    peer = Peer(make_server())
    body = NegotiateRequest(dialects=[0x0311], negotiate_contexts=contexts, capabilities=ALL_CAPABILITIES)
    expected = Status.INVALID_PARAMETER
    if missing == "unknown-hash":
        expected = Status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
    assert peer.request(body).header.status == expected


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_1_1])
@pytest.mark.parametrize("begin", ["smb1", "smb2"])
def test_a_negotiation_that_its_contexts_made_fail_chose_nothing(dialect: Dialect, begin: str) -> None:
    peer = Peer(make_server())
    if begin == "smb1":
        peer.send_frame(Smb1NegotiateRequest(dialects=["SMB 2.???"]).encode())
        peer.message_id = 1
    earlier = peer.connection.negotiate_dialect
    contexts = [
        PreauthIntegrityCapabilities(salt=bytes(32)).envelope(),
        EncryptionCapabilities([Cipher.AES_128_GCM]).envelope(),
        SigningCapabilities([]).envelope(),
    ]
    refused = NegotiateRequest(dialects=[0x0311], negotiate_contexts=contexts, capabilities=ALL_CAPABILITIES)
    assert peer.request(refused).header.status == Status.INVALID_PARAMETER
    connection = peer.connection
    assert (connection.dialect, connection.cipher_id, connection.preauth_integrity_hash) == (None, 0, None)
    assert connection.negotiate_dialect == earlier
    answer = peer.negotiate([dialect], ciphers=(), capabilities=Capabilities.NONE)
    assert answer.header.status == Status.SUCCESS
    assert peer.setup().header.status == Status.SUCCESS
    assert not connection.server.policies.encryption.connection_can_open(connection)


def test_no_common_cipher_is_answered_with_zero_and_cmac_is_the_fallback() -> None:
    peer = Peer(make_server())
    answer = peer.negotiate(ciphers=[0x77], signing=[0x77])
    assert isinstance(answer.body, NegotiateResponse)
    cipher = find(answer.body.negotiate_contexts, EncryptionCapabilities, [])
    signing = find(answer.body.negotiate_contexts, SigningCapabilities, [])
    assert cipher is not None and cipher.ciphers == [0]
    assert signing is not None and signing.signing_algorithms == [SigningAlgorithm.AES_CMAC]


def test_contexts_that_were_not_offered_are_not_answered() -> None:
    answer = Peer(make_server()).negotiate(ciphers=(), signing=())
    assert isinstance(answer.body, NegotiateResponse)
    assert [context.context_type for context in answer.body.negotiate_contexts] == [1]


def test_smb1_leads_to_smb2() -> None:
    server = make_server()
    peer = Peer(server)
    (answer,) = peer.send_frame(
        Smb1NegotiateRequest(dialects=["NT LM 0.12", "SMB 2.002", "SMB 2.???"]).encode()
    )
    assert isinstance(answer.body, NegotiateResponse)
    assert answer.body.dialect_revision == Dialect.WILDCARD
    assert answer.header.credits == 1
    peer.message_id = 1
    assert peer.negotiate().header.status == Status.SUCCESS
    peer = Peer(server)
    (answer,) = peer.send_frame(Smb1NegotiateRequest(dialects=["SMB 2.002"]).encode())
    assert isinstance(answer.body, NegotiateResponse)
    assert answer.body.dialect_revision == Dialect.SMB_2_0_2
    peer = Peer(server)
    assert peer.send_frame(Smb1NegotiateRequest(dialects=["NT LM 0.12"]).encode()) == []
    assert peer.is_closed


# Sessions.


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_session_is_set_up_and_signed(dialect: Dialect) -> None:
    peer = logged_on(make_server(), [dialect])
    assert peer.keys is not None
    assert peer.answer_is_signed_with(peer.keys.signing)
    tree = peer.tree()
    assert peer.answer_is_signed_with(peer.keys.signing)
    assert peer.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.SUCCESS
    assert peer.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.NETWORK_NAME_DELETED
    assert peer.request(LogoffRequest()).header.status == Status.SUCCESS
    assert peer.answer_is_signed_with(peer.keys.signing)
    answer = peer.request(TreeConnectRequest(path=r"\\s\data"))
    assert answer.header.status == Status.USER_SESSION_DELETED


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_every_signing_algorithm(algorithm: SigningAlgorithm) -> None:
    peer = logged_on(make_server(), signing=[algorithm])
    assert peer.signing == algorithm
    assert peer.keys is not None
    peer.tree()
    assert peer.answer_is_signed_with(peer.keys.signing)


def test_a_wrong_signature_is_refused_and_a_missing_one_where_required() -> None:
    peer = logged_on(make_server(require_message_signing=True))
    wrong = bytes(16)
    assert peer.request(TreeConnectRequest(path=r"\\s\data"), key=wrong).header.status == Status.ACCESS_DENIED
    assert (
        peer.request(TreeConnectRequest(path=r"\\s\data"), signed=False).header.status == Status.ACCESS_DENIED
    )
    assert peer.tree()


def test_a_wrong_password_is_refused_and_leaves_nothing() -> None:
    server = make_server()
    peer = Peer(server)
    peer.negotiate()
    assert peer.setup(Credentials("alice", "wrong")).header.status == Status.LOGON_FAILURE
    assert not server.global_session_table
    assert not peer.connection.session_table


def test_anonymous_and_guest_have_their_flags_and_are_not_signed() -> None:
    server = make_server(accounts=accounts(guest_allowed=True, anonymous_allowed=True))
    for credentials, flag in (
        (ANONYMOUS, SessionFlags.IS_NULL),
        (Credentials("x", "y"), SessionFlags.IS_GUEST),
    ):
        peer = Peer(server)
        peer.negotiate()
        answer = peer.setup(credentials)
        assert answer.header.status == Status.SUCCESS
        assert answer.body.session_flags == flag
        assert not answer.header.has(HeaderFlags.SIGNED)
        assert peer.connection.constrained_connection == (flag is SessionFlags.IS_NULL)


def test_a_session_is_authenticated_again_with_the_same_keys() -> None:
    peer = logged_on(make_server())
    tree = peer.tree()
    assert peer.setup(reauthenticate=True).header.status == Status.SUCCESS
    assert peer.keys is not None
    assert peer.answer_is_signed_with(peer.keys.signing)
    assert peer.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.SUCCESS


def test_a_session_expires_and_comes_back() -> None:
    server = make_server(session_timeout=60.0)
    peer = logged_on(server)
    assert server.next_deadline() == NOW + 60
    server.tick(NOW + 59)
    assert peer.tree()
    peer.now = NOW + 60
    server.tick(peer.now)
    answer = peer.request(TreeConnectRequest(path=r"\\s\data"))
    assert answer.header.status == Status.NETWORK_SESSION_EXPIRED
    assert peer.setup(reauthenticate=True).header.status == Status.SUCCESS
    assert peer.tree()


@pytest.mark.parametrize("user", [ALICE, BOB])
def test_previous_session_is_removed_for_the_same_user_only(user: Credentials) -> None:
    server = make_server()
    old = logged_on(server)
    assert old.keys is not None
    peer = Peer(server)
    peer.negotiate()
    peer.setup(user, previous_session_id=old.keys.session_id)
    assert (old.keys.session_id in server.global_session_table) == (user is BOB)
    expected = Status.SUCCESS if user is BOB else Status.USER_SESSION_DELETED
    assert old.request(TreeConnectRequest(path=r"\\s\data")).header.status == expected


def test_one_client_guid_has_one_dialect() -> None:
    server = make_server()
    logged_on(server, [Dialect.SMB_3_1_1])
    peer = Peer(server)
    peer.negotiate([Dialect.SMB_3_0])
    assert peer.setup().header.status == Status.USER_SESSION_DELETED


def test_encryption_required_refuses_who_cannot() -> None:
    server = make_server(encryption=Encryption.REQUIRED)
    peer = Peer(server)
    peer.negotiate([Dialect.SMB_2_1])
    assert peer.setup().header.status == Status.ACCESS_DENIED


# Sealing.


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_cipher_seals_both_ways(cipher: Cipher) -> None:
    server = make_server(encryption=Encryption.REQUIRED)
    peer = logged_on(server, ciphers=[cipher])
    assert peer.cipher == cipher
    assert server.global_session_table[peer.keys.session_id].encrypt_data
    refused = peer.request(TreeConnectRequest(path=r"\\s\data"))
    assert refused.header.status == Status.ACCESS_DENIED
    assert peer.tree(sealed=True)


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2])
def test_dialects_before_311_seal_with_ccm(dialect: Dialect) -> None:
    peer = logged_on(make_server(), [dialect])
    assert peer.tree(sealed=True)


def test_a_share_that_encrypts_refuses_plain_requests() -> None:
    peer = logged_on(make_server())
    tree = peer.tree("sealed")
    assert peer.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.ACCESS_DENIED
    answer = peer.request(TreeDisconnectRequest(), tree_id=tree, sealed=True)
    assert answer.header.status == Status.SUCCESS


def test_a_sealed_message_that_was_tampered_with_ends_the_connection() -> None:
    server = make_server()
    peer = logged_on(server)
    from smbtorture_py.crypto.encryption import Encryptor

    plain = peer.encode(peer.header(Command.ECHO, session_id=peer.keys.session_id), EchoRequest())
    sealed = Encryptor(peer.cipher, peer.keys.seal).seal([plain], peer.keys.session_id, bytes(11))
    sealed[-1] ^= 1
    assert peer.send_frame(bytes(sealed)) == []
    assert peer.is_closed


# Binding.


def bound(server: object, first: Peer, **how: object) -> tuple[Peer, Status]:
    second = Peer(server, port=50001)
    second.negotiate([first.dialect], **how)
    return second, Status(second.setup(bind=first.keys).header.status)


@pytest.mark.parametrize("dialect", SMB3)
def test_a_bound_channel_works_with_its_own_key(dialect: Dialect) -> None:
    server = make_server()
    first = logged_on(server, [dialect])
    second, status = bound(server, first)
    assert status == Status.SUCCESS
    assert second.keys.signing != first.keys.signing
    assert second.answer_is_signed_with(second.keys.signing)
    tree = second.tree()
    wrong = second.request(TreeDisconnectRequest(), tree_id=tree, key=first.keys.signing)
    assert wrong.header.status == Status.ACCESS_DENIED
    assert first.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.SUCCESS
    assert second.tree(sealed=True)


def test_a_session_outlives_its_first_connection_but_not_its_last() -> None:
    server = make_server()
    first = logged_on(server)
    second, _ = bound(server, first)
    session = server.global_session_table[first.keys.session_id]
    tree = first.tree()
    first.connection.connection_lost(Closed.RESET, NOW)
    assert session.connection is second.connection
    assert second.request(TreeDisconnectRequest(), tree_id=tree).header.status == Status.SUCCESS
    second.connection.connection_lost(Closed.FIN, NOW)
    assert not server.global_session_table
    assert not server.connection_list
    assert not server.global_client_table


def test_logoff_ends_the_session_on_every_channel() -> None:
    server = make_server()
    first = logged_on(server)
    second, _ = bound(server, first)
    assert second.request(LogoffRequest()).header.status == Status.SUCCESS
    assert first.request(TreeConnectRequest(path=r"\\s\data")).header.status == Status.USER_SESSION_DELETED


def raw_bind(peer: Peer, session_id: int, key: bytes = b"") -> Status:
    header = peer.header(Command.SESSION_SETUP, session_id=session_id)
    body = SessionSetupRequest(flags=SessionSetupFlags.BINDING, security_buffer=b"x")
    (answer,) = peer.send_frame(peer.encode(header, body, key))
    return Status(answer.header.status)


def test_refused_binds_leave_the_session_alone() -> None:
    server = make_server()
    first = logged_on(server)
    session_id = first.keys.session_id

    def fresh(dialect: Dialect = Dialect.SMB_3_1_1, **how: object) -> Peer:
        peer = Peer(server, port=50002)
        peer.negotiate([dialect], **how)
        return peer

    assert raw_bind(fresh(), 0x1234, bytes(16)) == Status.USER_SESSION_DELETED
    assert raw_bind(fresh(Dialect.SMB_3_0), session_id, bytes(16)) == Status.INVALID_PARAMETER
    assert raw_bind(fresh(), session_id) == Status.INVALID_PARAMETER
    assert raw_bind(fresh(guid=bytes(16)), session_id, bytes(16)) == Status.USER_SESSION_DELETED
    assert raw_bind(fresh(), session_id, bytes(16)) == Status.ACCESS_DENIED
    assert (
        raw_bind(fresh(ciphers=[Cipher.AES_128_CCM]), session_id, first.keys.signing)
        == Status.INVALID_PARAMETER
    )
    assert raw_bind(first, session_id, first.keys.signing) == Status.REQUEST_NOT_ACCEPTED
    assert raw_bind(fresh(Dialect.SMB_2_1), session_id) == Status.REQUEST_NOT_ACCEPTED
    other = fresh()
    assert other.setup(BOB, bind=first.keys).header.status == Status.NOT_SUPPORTED
    assert other.setup(ALICE, bind=first.keys).header.status == Status.SUCCESS
    assert fresh().setup(Credentials("alice", "no"), bind=first.keys).header.status == Status.LOGON_FAILURE
    assert first.tree()


def test_a_bind_needs_a_user_a_live_session_and_room() -> None:
    server = make_server(accounts=accounts(anonymous_allowed=True), max_channels=2, session_timeout=60.0)
    anonymous = Peer(server)
    anonymous.negotiate()
    anonymous.setup(ANONYMOUS)
    assert bound(server, anonymous)[1] == Status.NOT_SUPPORTED
    first = logged_on(server)
    assert bound(server, first)[1] == Status.SUCCESS
    assert bound(server, first)[1] == Status.INSUFFICIENT_RESOURCES
    server.tick(NOW + 60)
    assert bound(server, first)[1] == Status.NETWORK_SESSION_EXPIRED


def test_no_bind_where_multichannel_is_off() -> None:
    server = make_server(multichannel=False)
    assert bound(server, logged_on(server))[1] == Status.REQUEST_NOT_ACCEPTED


def test_the_leg_of_a_bind_is_signed_with_the_session_key() -> None:
    for defects, expected in (([], True), (["bind-leg-unsigned"], False)):
        server = make_server(defects=defects)
        first = logged_on(server)
        second = Peer(server, port=50001)
        second.negotiate()
        signed: list[bool] = []
        send = second.send_frame

        def watch(frame: bytes, send=send, second=second, first=first, signed=signed):  # type: ignore[no-untyped-def]
            answers = send(frame)
            signed.append(second.answer_is_signed_with(first.keys.signing))
            return answers

        second.send_frame = watch  # type: ignore[method-assign]
        second.setup(bind=first.keys)
        assert signed[0] is expected


def test_defects_change_the_verdict_of_a_bind() -> None:
    server = make_server(defects=["bind-signature-not-verified"])
    first = logged_on(server)
    second = Peer(server, port=50001)
    second.negotiate()
    assert second.setup(bind=first.keys, bind_key=bytes(16)).header.status == Status.SUCCESS
    server = make_server(defects=["bind-unsigned-accepted"])
    first = logged_on(server)
    second = Peer(server, port=50001)
    second.negotiate()
    assert second.setup(bind=first.keys, sign_bind=False).header.status == Status.SUCCESS


@pytest.mark.parametrize(
    ("policy", "status"), [("windows", Status.SUCCESS), ("samba", Status.REQUEST_NOT_ACCEPTED)]
)
def test_products_differ_on_the_client_guid(policy: str, status: Status) -> None:
    server = make_server(policy)
    assert bound(server, logged_on(server), guid=bytes(16))[1] == status


# Trees.


def test_tree_connect_is_refused_for_its_reasons() -> None:
    shares = [ShareConfig("data", max_clients=1), ShareConfig("closed", no_access=True)]
    peer = logged_on(make_server(shares=shares))

    def status(path: str) -> Status:
        return Status(peer.request(TreeConnectRequest(path=path)).header.status)

    assert status(r"\\s\nothing") == Status.BAD_NETWORK_NAME
    assert status("nonsense") == Status.INVALID_PARAMETER
    assert status(r"\\s\closed") == Status.ACCESS_DENIED
    assert status(r"\\s\DATA") == Status.SUCCESS
    assert status(r"\\s\data") == Status.REQUEST_NOT_ACCEPTED
    answer = peer.request(TreeConnectRequest(path=r"\\s\IPC$"))
    assert isinstance(answer.body, TreeConnectResponse)
    assert answer.body.share_type == ShareType.PIPE


def test_an_unprotected_tree_connect_ends_a_311_connection() -> None:
    peer = logged_on(make_server())
    assert peer.requests(TreeConnectRequest(path=r"\\s\data"), signed=False) == []
    assert peer.is_closed


# IOCTL.


def ioctl(peer: Peer, tree: int, code: int, data: bytes = b"", maximum: int = 4096, **how: object):  # type: ignore[no-untyped-def]
    body = IoctlRequest(ctl_code=code, input=data, max_output_response=maximum)
    return peer.requests(body, tree_id=tree, **how)


INTERFACES = [
    NetworkInterface(2, IPv4Address("127.0.0.1"), 10_000_000_000, rss=True, rdma=True),
    NetworkInterface(2, IPv6Address("::1"), 10_000_000_000, rss=False),
    NetworkInterface(0, IPv4Address("127.0.0.9")),
]


def test_interfaces_are_listed() -> None:
    peer = logged_on(make_server(interfaces=INTERFACES))
    (answer,) = ioctl(peer, peer.tree(), FsctlCode.QUERY_NETWORK_INTERFACE_INFO)
    assert isinstance(answer.body, IoctlResponse)
    listed = decode_list(answer.body.output, [])
    assert [(entry.if_index, entry.address, entry.link_speed, int(entry.capability)) for entry in listed] == [
        (2, IPv4Address("127.0.0.1"), 10_000_000_000, 3),
        (2, IPv6Address("::1"), 10_000_000_000, 0),
    ]
    (answer,) = ioctl(peer, peer.tree(), FsctlCode.QUERY_NETWORK_INTERFACE_INFO, maximum=100)
    assert answer.header.status == Status.BUFFER_TOO_SMALL
    peer = logged_on(make_server(interfaces=INTERFACES, defects=["interface-index-zero-listed"]))
    (answer,) = ioctl(peer, peer.tree(), FsctlCode.QUERY_NETWORK_INTERFACE_INFO)
    assert [entry.if_index for entry in decode_list(answer.body.output, [])] == [2, 2, 0]


def test_interfaces_need_multichannel() -> None:
    peer = logged_on(make_server(interfaces=INTERFACES), capabilities=Capabilities.NONE)
    (answer,) = ioctl(peer, peer.tree(), FsctlCode.QUERY_NETWORK_INTERFACE_INFO)
    assert answer.header.status == Status.NOT_SUPPORTED


@pytest.mark.parametrize("wrong", ["", "dialects", "guid", "mode", "capabilities", "buffer", "311"])
def test_validate_negotiate(wrong: str) -> None:
    dialects = [Dialect.SMB_3_1_1] if wrong == "311" else [Dialect.SMB_2_1, Dialect.SMB_3_0]
    peer = logged_on(make_server(), dialects)
    info = ValidateNegotiateInfoRequest(
        capabilities=int(ALL_CAPABILITIES) ^ (1 if wrong == "capabilities" else 0),
        guid=bytes(16) if wrong == "guid" else bytes(range(16)),
        security_mode=2 if wrong == "mode" else 1,
        dialects=dialects[:1] if wrong == "dialects" else dialects,
    )
    maximum = 23 if wrong == "buffer" else 24
    answers = ioctl(peer, peer.tree(), FsctlCode.VALIDATE_NEGOTIATE_INFO, info.encode(), maximum)
    if wrong:
        assert answers == []
        assert peer.is_closed
        return
    response = ValidateNegotiateInfoResponse.decode(answers[0].body.output, [])
    assert response.dialect == Dialect.SMB_3_0
    assert response.security_mode == SecurityMode.SIGNING_ENABLED
    assert response.capabilities == peer.connection.server_capabilities


def test_other_ioctls_are_refused() -> None:
    peer = logged_on(make_server())
    tree = peer.tree()
    (answer,) = ioctl(peer, tree, FsctlCode.DFS_GET_REFERRALS)
    assert answer.header.status == Status.FS_DRIVER_REQUIRED
    (answer,) = ioctl(peer, tree, 0x00098000)
    assert answer.header.status == Status.FILE_CLOSED


# Credits, compounds, hostile bytes.


def test_a_message_id_outside_the_window_ends_the_connection() -> None:
    for message_id in (0, 100):
        peer = Peer(make_server())
        peer.negotiate()
        peer.message_id = message_id
        assert peer.requests(EchoRequest()) == []
        assert peer.is_closed


def test_credits_are_granted_and_never_run_out() -> None:
    peer = logged_on(make_server(max_credits=20))
    window = peer.connection.command_sequence_window
    for wanted in (0, 5, 1000, 0):
        answer = peer.request(EchoRequest(), credits=wanted)
        assert answer.header.status == Status.SUCCESS
        assert 0 < window.available <= 20
    for _ in range(30):
        peer.request(EchoRequest(), credits=0)
    assert window.available == 1


def test_related_and_unrelated_compounds() -> None:
    peer = logged_on(make_server(), [Dialect.SMB_3_0])
    answers = compound(peer, *((peer.header(Command.ECHO), EchoRequest()) for _ in range(3)))
    assert [type(answer.body) for answer in answers] == [EchoResponse] * 3
    connect = TreeConnectRequest(path=r"\\s\data")
    related = HeaderFlags.RELATED_OPERATIONS
    answers = compound(
        peer,
        (peer.header(Command.TREE_CONNECT, session_id=peer.keys.session_id), connect),
        (
            peer.header(Command.TREE_DISCONNECT, session_id=2**64 - 1, tree_id=2**32 - 1, flags=related),
            TreeDisconnectRequest(),
        ),
    )
    assert [answer.header.status for answer in answers] == [Status.SUCCESS, Status.SUCCESS]
    mixed = [
        (peer.header(Command.ECHO), EchoRequest()),
        (peer.header(Command.ECHO, flags=related), EchoRequest()),
        (peer.header(Command.ECHO), EchoRequest()),
    ]
    assert {answer.header.status for answer in compound(peer, *mixed)} == {Status.INVALID_PARAMETER}


def echo_frame(peer: Peer) -> bytes:
    return peer.encode(peer.header(Command.ECHO), EchoRequest())


HOSTILE = {
    "empty": b"",
    "one": b"\xfe",
    "four": b"\xfeSMB",
    "zeros": bytes(100),
    "sealed": b"\xfdSMB" + bytes(60),
    "compressed": b"\xfcSMB" + bytes(60),
    "ones": b"\xfeSMB" + b"\xff" * 200,
    "command": Header(0x7F, message_id=1).encode() + bytes(4),
    "notification": Header(Command.SERVER_TO_CLIENT_NOTIFICATION, message_id=1).encode() + bytes(4),
    "long": b"\xfeSMB" + bytes(70 * 1024),
    "smb1": b"\xffSMB" + bytes(60),
}


@pytest.mark.parametrize("frame", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("negotiated", [False, True])
def test_hostile_frames_end_their_connection_alone(frame: bytes, negotiated: bool) -> None:
    server = make_server()
    other = logged_on(server)
    peer = Peer(server, port=50009)
    if negotiated:
        peer.negotiate()
    assert peer.send_frame(frame) == []
    assert peer.is_closed
    assert other.tree()


def test_bytes_that_are_no_frame_end_the_connection() -> None:
    peer = Peer(make_server())
    peer.connection.data_received(b"GET / HTTP/1.0\r\n\r\n", NOW)
    assert peer.is_closed


def test_an_announced_length_is_judged_before_anything_is_kept() -> None:
    peer = Peer(make_server())
    peer.connection.data_received(b"\0\xff\xff\xff" + bytes(1000), NOW)
    assert peer.is_closed
    assert peer.connection.reader.pending <= 4 + 1000
    peer = Peer(make_server())
    peer.negotiate()
    peer.connection.data_received(b"\0\x80\x10\x00", NOW)
    assert peer.is_closed


def test_a_connection_without_a_session_is_dropped_in_the_end() -> None:
    server = make_server(unauthenticated_timeout=30.0)
    idle, used = Peer(server), logged_on(server)
    assert server.next_deadline() == NOW + 30
    server.tick(NOW + 29)
    assert not idle.is_closed
    server.tick(NOW + 30)
    assert idle.is_closed
    assert not used.is_closed
    assert server.next_deadline() is None


def test_every_cut_of_a_request_is_survived() -> None:
    server = make_server()
    good = Peer(server)
    good.negotiate()
    frame = good.encode(good.header(Command.SESSION_SETUP), SessionSetupRequest(security_buffer=b"x" * 30))
    for length in range(64, len(frame)):
        peer = Peer(server)
        peer.negotiate()
        answers = peer.send_frame(frame[:length])
        assert peer.is_closed or answers[0].header.status != Status.SUCCESS


def test_a_wrong_structure_fails_with_invalid_parameter() -> None:
    peer = Peer(make_server())
    peer.negotiate()
    frame = bytearray(echo_frame(peer))
    frame[64] = 99
    (answer,) = peer.send_frame(bytes(frame))
    assert answer.header.status == Status.INVALID_PARAMETER
    assert not peer.is_closed


def test_same_seed_same_bytes() -> None:
    def run() -> str:
        digest = hashlib.sha256()
        peer = logged_on(make_server())
        peer.tree()
        digest.update(peer.raw_answers[-1])
        return digest.hexdigest()

    assert run() == run()


def test_a_response_signature_can_be_spoiled() -> None:
    server = make_server(defects=["response-signature-wrong"])
    peer = logged_on(server)
    assert not peer.answer_is_signed_with(peer.keys.signing)
