from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from client_fake_server import GSS_KEY, GUID, SESSION_ID, FakeServer, FixedInitiator

from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.logon import LogonOptions, reauthenticate
from smbtorture_py.client.negotiate import ALL_DIALECTS, SMB1_DIALECTS, NegotiateOffer, negotiate
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.crypto.kdf import derive_session_keys
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.header import SMB1_PROTOCOL_ID, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateRequest, SecurityMode
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    EncryptionCapabilities,
    PreauthIntegrityCapabilities,
    ReservedContext,
    SigningAlgorithm,
    find,
)
from smbtorture_py.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbtorture_py.wire.status import Status


def rules(server: FakeServer) -> list[Rule]:
    return [violation.rule for violation in server.connection.violations]


# NEGOTIATE


def test_negotiate_stores_what_was_agreed() -> None:
    server = FakeServer(cipher=Cipher.AES_256_GCM, signing=SigningAlgorithm.AES_GMAC, require_signing=True)
    result = server.negotiate()
    connection = server.connection
    assert result.status == Status.SUCCESS
    assert connection.dialect == result.dialect == Dialect.SMB_3_1_1
    assert connection.cipher == connection.cipher_id == Cipher.AES_256_GCM
    assert connection.signing_algorithm == SigningAlgorithm.AES_GMAC
    assert connection.require_signing
    assert connection.supports_multi_credit
    assert connection.supports_multi_channel
    assert connection.supports_encryption
    assert not connection.supports_persistent_handles
    assert connection.max_read_size == 1 << 20
    assert connection.server_guid == b"server-guid-16by"
    assert connection.gss_negotiate_token == b"hint"
    assert connection.preauth_integrity_hash.value == server.preauth
    assert connection.offered_dialects == ALL_DIALECTS
    assert connection.violations == []


def test_the_default_offer_is_that_of_a_3_1_1_client() -> None:
    server = FakeServer()
    server.negotiate()
    request = server.seen[0].body
    assert isinstance(request, NegotiateRequest)
    assert request.client_guid == GUID
    assert request.security_mode == SecurityMode.SIGNING_ENABLED
    assert Capabilities(request.capabilities) & Capabilities.ENCRYPTION
    preauth = find(request.negotiate_contexts, PreauthIntegrityCapabilities, [])
    assert preauth is not None
    assert len(preauth.salt) == 32
    assert server.seen[0].header.message_id == 0
    assert server.seen[0].header.credit_charge == 0


def test_a_2_0_2_offer_has_no_guid_no_capabilities_and_no_contexts() -> None:
    server = FakeServer(dialect=Dialect.SMB_2_0_2)
    server.negotiate(NegotiateOffer(dialects=[Dialect.SMB_2_0_2]))
    request = server.seen[0].body
    assert isinstance(request, NegotiateRequest)
    assert request.client_guid == bytes(16)
    assert request.capabilities == Capabilities.NONE
    assert request.negotiate_contexts == []


def test_every_piece_of_the_offer_can_be_replaced() -> None:
    server = FakeServer()
    offer = NegotiateOffer(
        dialects=[0x0311, 0x9999],
        security_mode=SecurityMode(0x80),
        capabilities=Capabilities(0x40),
        client_guid=b"x" * 16,
        contexts=[ReservedContext(b"odd").envelope()],
    )
    server.negotiate(offer)
    request = server.seen[0].body
    assert isinstance(request, NegotiateRequest)
    assert request.dialects == [0x0311, 0x9999]
    assert request.security_mode == 0x80
    assert request.capabilities == 0x40
    assert request.client_guid == server.connection.client_guid == b"x" * 16
    assert [context.context_type for context in request.negotiate_contexts] == [0x0100]


def test_small_sizes_break_no_rule() -> None:
    """That they be 65536 at least is a SHOULD ([MS-SMB2] 3.3.5.4): for cases to judge, not for the client."""
    server = FakeServer()
    server.negotiate(response=replace(server.negotiate_response(), max_read_size=65535))
    assert server.connection.max_read_size == 65535
    assert server.connection.violations == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"dialect_revision": 0x0999}, "dialect 0x0999 was not offered"),
        ({"negotiate_contexts": []}, "0 PREAUTH_INTEGRITY_CAPABILITIES, not one"),
    ],
)
def test_a_negotiate_response_that_breaks_a_rule_is_recorded(change: dict[str, object], problem: str) -> None:
    server = FakeServer()
    server.negotiate(response=replace(server.negotiate_response(), **change))  # type: ignore[arg-type]
    assert problem in [violation.problem for violation in server.connection.violations]
    assert set(rules(server)) == {Rule.NEGOTIATE}


def test_a_cipher_that_was_not_offered_and_two_contexts_of_a_kind_are_recorded() -> None:
    server = FakeServer()
    response = server.negotiate_response()
    response.negotiate_contexts += [EncryptionCapabilities([Cipher.AES_128_GCM]).envelope()]
    server.negotiate(NegotiateOffer(ciphers=[Cipher.AES_128_CCM]), response)
    assert [violation.problem for violation in server.connection.violations] == [
        "2 ENCRYPTION_CAPABILITIES, at most one is allowed",
        "Ciphers: 0x0002 was not offered",
    ]


def test_a_multi_protocol_start_goes_on_with_message_id_1() -> None:
    server = FakeServer()
    procedure = negotiate(server.connection, NegotiateOffer(smb1_dialects=SMB1_DIALECTS))
    first = next(procedure)
    assert server.transport.written[0][4:8] == SMB1_PROTOCOL_ID
    assert server.requests() == []
    wildcard = replace(server.negotiate_response(), dialect_revision=Dialect.WILDCARD, negotiate_contexts=[])
    fake = FakeServer()
    fake.connection.submit(NegotiateRequest())
    server.send(server.message(fake.request(), wildcard, credits=1))
    assert first.done
    second = procedure.send(None)
    assert second.message_id == 1
    server.answer(server.request(), server.negotiate_response())
    with pytest.raises(StopIteration) as stop:
        procedure.send(None)
    assert stop.value.value.dialect == Dialect.SMB_3_1_1
    assert server.connection.violations == []


# New sessions


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
@pytest.mark.parametrize("required", [False, True])
def test_a_logon_derives_the_keys_the_server_has(dialect: int, required: bool) -> None:
    server = FakeServer(dialect=dialect, cipher=Cipher.AES_128_CCM, require_signing=required)
    session = server.ready()
    assert session.session_id == SESSION_ID
    assert session.session_key == GSS_KEY
    assert session.signing_required == required
    channel = session.channel(server.connection)
    assert channel is not None
    assert channel.signing_key == server.signing_key
    if dialect >= Dialect.SMB_3_0:
        assert (session.encryption_key, session.decryption_key) == (server.c2s, server.s2c)
    assert server.connection.session_table == {SESSION_ID: session}
    echo = server.echo(session)
    assert echo.signed == required
    assert echo.signature_valid is (True if required else None)
    assert server.connection.violations == []


def test_a_long_key_makes_long_encryption_keys() -> None:
    key = bytes(range(40))
    server = FakeServer(cipher=Cipher.AES_256_GCM)
    server.negotiate()
    session = server.logon(LogonOptions(initiator=FixedInitiator(key))).session
    assert session is not None
    assert session.full_session_key == key
    assert session.session_key == key[:16]
    expected = derive_session_keys(
        0x0311, key[:16], key, session.preauth_integrity_hash_value, Cipher.AES_256_GCM
    )
    assert session.encryption_key == expected.encryption_key_c2s
    assert len(session.encryption_key) == 32


def test_a_refused_logon_gives_no_session() -> None:
    server = FakeServer()
    server.negotiate()
    result = server.logon(fail_at=1)
    assert (result.status, result.session, result.error) == (Status.LOGON_FAILURE, None, None)
    assert server.connection.session_table == {}
    assert server.logon().session is not None
    assert server.connection.violations == []


def test_a_wrong_signature_on_the_last_response_is_an_error() -> None:
    server = FakeServer()
    server.negotiate()

    def spoil(data: bytearray) -> None:
        data[50] ^= 1

    result = server.logon(last=spoil)
    assert result.error == "the signature of the last response is wrong"
    assert rules(server) == [Rule.SIGNATURE]
    assert result.exchanges[-1].violations == server.connection.violations


def test_a_last_response_without_signature_is_an_error_on_3_1_1_only() -> None:
    server = FakeServer()
    server.negotiate()
    assert server.logon(sign_last=False).error == "the last response is not signed"
    assert rules(server) == [Rule.LOGON_NOT_SIGNED]
    older = FakeServer(dialect=Dialect.SMB_3_0_2)
    older.negotiate()
    assert older.logon(sign_last=False).error is None
    assert rules(older) == []


def test_a_request_changed_on_its_way_breaks_the_key() -> None:
    server = FakeServer()
    server.negotiate()

    def change(frame: bytes) -> list[bytes]:
        return [frame[:-1] + b"X"]

    result = server.logon(LogonOptions(tamper=lambda leg: Tamper(frame=change) if leg == 1 else None))
    assert result.error == "the signature of the last response is wrong"


def test_a_token_the_client_cannot_accept_ends_the_logon() -> None:
    server = FakeServer()
    server.negotiate()
    initiator = FixedInitiator()
    initiator.step(None)
    result = server.logon(LogonOptions(initiator=initiator, token=lambda leg, token: token or b""))
    assert result.session is None
    assert rules(server) == [Rule.AUTHENTICATION]


def test_guest_and_anonymous_sessions_have_no_encryption_keys_and_sign_nothing() -> None:
    for flag in (SessionFlags.IS_GUEST, SessionFlags.IS_NULL):
        server = FakeServer(session_flags=flag, require_signing=True)
        server.negotiate()
        session = server.logon(sign_last=False).session
        assert session is not None
        assert session.is_guest == (flag == SessionFlags.IS_GUEST)
        assert session.is_anonymous == (flag == SessionFlags.IS_NULL)
        assert not session.signing_required
        assert session.encryption_key == b""
        assert not server.echo(session).signed
        assert rules(server) == []


def test_the_pieces_of_a_logon_can_be_replaced() -> None:
    server = FakeServer()
    server.negotiate()
    options = LogonOptions(
        flags=SessionSetupFlags.BINDING,
        security_mode=SecurityMode.NONE,
        capabilities=Capabilities.NONE,
        previous_session_id=77,
        session_id=99,
        token=lambda leg, token: b"T%d" % leg,
        stop_after=1,
    )
    result = server.logon(options)
    assert (len(result.exchanges), result.session, result.error) == (1, None, None)
    request = server.seen[-1]
    assert isinstance(request.body, SessionSetupRequest)
    assert request.header.session_id == 99
    assert request.body.flags == SessionSetupFlags.BINDING
    assert request.body.security_mode == SecurityMode.NONE
    assert request.body.capabilities == Capabilities.NONE
    assert request.body.previous_session_id == 77
    assert bytes(request.body.security_buffer) == b"T0"


# Channels


def two(**settings: object) -> tuple[FakeServer, FakeServer]:
    first = FakeServer(**settings)  # type: ignore[arg-type]
    first.ready()
    second = FakeServer(**settings, seed="second").channel_of(first)  # type: ignore[arg-type]
    second.negotiate()
    return first, second


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1])
def test_a_bind_gives_the_channel_a_key_of_its_own(dialect: int) -> None:
    first, second = two(dialect=dialect, cipher=Cipher.AES_128_CCM)
    session = first.connection.session_table[SESSION_ID]
    result = second.logon(to=session, key=b"another gss key!")
    assert result.error is None
    assert result.channel is not None
    assert result.channel.signing_key == second.signing_key != first.signing_key
    assert [channel.connection for channel in session.channel_list] == [first.connection, second.connection]
    assert session.session_key == GSS_KEY
    for seen in second.seen[1:]:
        assert isinstance(seen.body, SessionSetupRequest)
        assert seen.header.session_id == SESSION_ID
        assert seen.body.flags == SessionSetupFlags.BINDING
        assert second.is_signed_right(seen, first.session_signing_key)
    echo = second.connection.submit(EchoRequest(), session=session, sign=True)
    seen = second.request()
    assert second.is_signed_right(seen)
    assert not second.is_signed_right(seen, first.signing_key)
    second.answer(seen, EchoResponse())
    assert echo.signature_valid is True
    assert rules(second) == []


def test_a_failed_bind_leaves_no_trace_on_the_next() -> None:
    first, second = two()
    session = first.connection.session_table[SESSION_ID]
    failed = second.logon(to=session, fail_at=1)
    assert failed.status == Status.LOGON_FAILURE
    assert session.channel(second.connection) is None
    assert second.connection.session_table == {}
    assert second.connection.preauth_integrity_hash.value == second.preauth
    result = second.logon(to=session)
    assert result.channel is not None
    assert result.channel.signing_key == second.signing_key
    assert rules(second) == []


def test_a_bind_can_go_unsigned_with_a_wrong_key_or_without_its_flag() -> None:
    first, second = two()
    session = first.connection.session_table[SESSION_ID]
    second.logon(LogonOptions(sign=False), to=session, fail_at=0)
    assert not second.seen[-1].header.has(HeaderFlags.SIGNED)
    second.logon(LogonOptions(signing_key=b"k" * 16), to=session, fail_at=0)
    assert second.is_signed_right(second.seen[-1], b"k" * 16)
    second.logon(LogonOptions(flags=SessionSetupFlags.NONE, sign=True), to=session, fail_at=0)
    body = second.seen[-1].body
    assert isinstance(body, SessionSetupRequest)
    assert body.flags == SessionSetupFlags.NONE
    assert second.is_signed_right(second.seen[-1], first.session_signing_key)


def test_a_bind_answered_with_a_wrong_signature_is_an_error() -> None:
    first, second = two()

    def spoil(data: bytearray) -> None:
        data[63] ^= 0x80

    result = second.logon(to=first.connection.session_table[SESSION_ID], last=spoil)
    assert result.error == "the signature of the last response is wrong"


def test_reauthentication_keeps_the_keys_and_is_signed_with_the_channels() -> None:
    first, second = two(require_signing=True)
    session = first.connection.session_table[SESSION_ID]
    second.logon(to=session, key=b"another gss key!")
    keys = (session.session_key, session.signing_key, session.encryption_key)
    procedure = reauthenticate(
        session,
        options=LogonOptions(initiator=FixedInitiator(b"third key of it.")),
        connection=second.connection,
    )
    next(procedure)
    seen = second.request()
    assert isinstance(seen.body, SessionSetupRequest)
    assert seen.body.flags == SessionSetupFlags.NONE
    assert second.is_signed_right(seen)
    challenge = SessionSetupResponse(security_buffer=b"challenge")
    second.answer(seen, challenge, Status.MORE_PROCESSING_REQUIRED, sign=session.signing_key)
    procedure.send(None)
    second.answer(second.request(), SessionSetupResponse())
    with pytest.raises(StopIteration) as stop:
        procedure.send(None)
    assert stop.value.value.error is None
    assert (session.session_key, session.signing_key, session.encryption_key) == keys
    assert rules(second) == []


def test_a_challenge_signed_with_the_channels_key_is_named() -> None:
    first, second = two()
    session = first.connection.session_table[SESSION_ID]
    second.logon(to=session, key=b"another gss key!")
    procedure = reauthenticate(
        session, options=LogonOptions(initiator=FixedInitiator(), sign=True), connection=second.connection
    )
    next(procedure)
    challenge = SessionSetupResponse(security_buffer=b"challenge")
    second.answer(second.request(), challenge, Status.MORE_PROCESSING_REQUIRED)
    assert rules(second) == [Rule.SESSION_SETUP_KEY]


def test_the_preauthentication_hash_covers_requests_and_responses() -> None:
    server = FakeServer()
    session = server.ready()
    setups = [seen.raw for seen in server.seen[1:]]
    value = hashlib.sha512(server.preauth + setups[0]).digest()
    assert session.preauth_integrity_hash_value != value
    assert len(session.preauth_integrity_hash_value) == 64


def test_signing_required_by_the_client_is_told_to_the_server() -> None:
    server = FakeServer(config=ClientConfig(client_guid=GUID, require_message_signing=True))
    session = server.ready()
    assert session.signing_required
    for seen in server.seen:
        assert isinstance(seen.body, NegotiateRequest | SessionSetupRequest)
        assert seen.body.security_mode == SecurityMode.SIGNING_REQUIRED


def test_a_second_bind_of_a_channel_is_signed_with_the_sessions_key() -> None:
    first, second = two()
    session = first.connection.session_table[SESSION_ID]
    second.logon(to=session, key=b"another gss key!")
    second.logon(to=session, fail_at=0)
    seen = second.seen[-1]
    assert second.is_signed_right(seen, first.session_signing_key)
    assert not second.is_signed_right(seen)
    assert len(session.channel_list) == 2
    assert rules(second) == []
