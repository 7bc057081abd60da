from __future__ import annotations

from collections.abc import Callable

import pytest
from client_fake_server import SESSION_ID, FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st

from smbtorture_py.client.connection import Submission
from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.session import Session
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.tree import create_request
from smbtorture_py.client.violation import Rule
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbtorture_py.wire.close import CloseRequest, CloseResponse
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, FileId
from smbtorture_py.wire.create import CreateResponse, OplockLevel
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.framing import Closed, encode_frame_header
from smbtorture_py.wire.header import MESSAGE_ID_UNSOLICITED, Command, Header, HeaderFlags
from smbtorture_py.wire.logoff import LogoffResponse
from smbtorture_py.wire.message import Message, UnknownBody, encode_chain
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.notification import ServerToClientNotification
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TransformHeader


def rules(server: FakeServer) -> list[Rule]:
    return [violation.rule for violation in server.connection.violations]


def signing() -> tuple[FakeServer, Session]:
    server = FakeServer(require_signing=True)
    return server, server.ready()


def encrypting(cipher: int = Cipher.AES_128_GCM) -> tuple[FakeServer, Session]:
    server = FakeServer(session_flags=SessionFlags.ENCRYPT_DATA, cipher=cipher)
    return server, server.ready()


# What goes out


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_requests_are_signed_with_the_negotiated_algorithm(algorithm: SigningAlgorithm) -> None:
    server = FakeServer(require_signing=True, signing=algorithm)
    session = server.ready()
    exchange = server.connection.submit(EchoRequest(), session=session)
    assert server.is_signed_right(server.request())
    server.connection.cancel(exchange)
    assert server.is_signed_right(server.request())


def test_signing_can_be_forced_and_left_out() -> None:
    server = FakeServer()
    session = server.ready()
    server.connection.submit(EchoRequest(), session=session)
    server.connection.submit(EchoRequest(), session=session, sign=True)
    plain, signed = server.requests()
    assert not plain.header.has(HeaderFlags.SIGNED)
    assert server.is_signed_right(signed)
    server, session = signing()
    server.connection.submit(EchoRequest(), session=session, sign=False)
    assert not server.request().header.has(HeaderFlags.SIGNED)


def test_tree_connect_is_signed_on_3_1_1_although_signing_is_not_required() -> None:
    server = FakeServer()
    session = server.ready()
    server.connection.submit(UnknownBody(data=b""), session=session, command=Command.TREE_CONNECT)
    assert server.is_signed_right(server.request())


def test_signing_without_a_key_is_noted() -> None:
    server = FakeServer()
    server.negotiate()
    exchange = server.connection.submit(EchoRequest(), sign=True, encrypt=True)
    assert exchange.illegal == ["to be encrypted, but there is no key", "to be signed, but there is no key"]
    assert not exchange.signed


@pytest.mark.parametrize("cipher", [cipher for cipher in Cipher if cipher])
def test_an_encrypted_session_encrypts_with_a_new_nonce_each_time(cipher: int) -> None:
    server, session = encrypting(cipher)
    for _ in range(3):
        exchange = server.connection.submit(EchoRequest(), session=session)
        seen = server.request()
        assert seen.encrypted
        assert exchange.encrypted
        assert not seen.header.has(HeaderFlags.SIGNED)
        server.answer(seen, EchoResponse())
        assert exchange.decrypted
    nonces = [seen.nonce for seen in server.seen if seen.encrypted]
    assert len(set(nonces)) == 3
    assert rules(server) == []


def test_nonces_are_not_repeated_over_two_channels() -> None:
    server, session = encrypting()
    other = FakeServer(seed="other").channel_of(server)
    other.negotiate()
    other.logon(to=session)
    for used in (server, other, server, other):
        used.connection.submit(EchoRequest(), session=session)
        used.requests()
    nonces = [seen.nonce for seen in server.seen + other.seen if seen.encrypted]
    assert len(nonces) == len(set(nonces)) == 4


def test_the_header_says_what_it_was_told_to() -> None:
    server = FakeServer()
    session = server.ready()
    server.connection.submit(
        EchoRequest(),
        session=session,
        flags=HeaderFlags.DFS_OPERATIONS,
        credit_charge=3,
        credit_request=9,
        channel_sequence=5,
        replay=True,
        session_id=0xABC,
        tree_id=0xDEF,
        command=0x77,
    )
    header = server.request().header
    assert header.flags == HeaderFlags.DFS_OPERATIONS | HeaderFlags.REPLAY_OPERATION
    assert (header.credit_charge, header.credits, header.channel_sequence) == (3, 9, 5)
    assert (header.session_id, header.tree_id, header.command) == (0xABC, 0xDEF, 0x77)


def test_a_compound_is_one_frame_each_element_signed_on_its_own() -> None:
    server, session = signing()
    connection = server.connection
    before = len(server.transport.written)
    chain = connection.submit_compound(
        [
            Submission(body=create_request("a name"), session=session, tree_id=5),
            Submission(body=CloseRequest(file_id=FILE_ID_ANY), session=session, tree_id=5),
        ],
        related=True,
    )
    assert len(server.transport.written) == before + 1
    create, close = server.requests()
    assert create.header.next_command % 8 == 0
    assert not create.header.has(HeaderFlags.RELATED_OPERATIONS)
    assert close.header.has(HeaderFlags.RELATED_OPERATIONS)
    assert close.header.message_id == create.header.message_id + 1
    assert all(server.is_signed_right(seen) for seen in (create, close))
    server.answer(create, CreateResponse(file_id=FileId(1, 2)))
    server.answer(close, CloseResponse())
    assert [exchange.status for exchange in chain] == [Status.SUCCESS, Status.SUCCESS]
    assert [exchange.signature_valid for exchange in chain] == [True, True]
    assert rules(server) == []


# Tamper points


def flip(position: int) -> Callable[[bytearray], None]:
    def change(data: bytearray) -> None:
        data[position] ^= 0xFF

    return change


def sent(server: FakeServer, session: Session, tamper: Tamper) -> Exchange:
    return server.connection.submit(EchoRequest(), session=session, tamper=tamper)


def test_header_and_message_are_changed_before_signing() -> None:
    server, session = signing()

    def header(changed: Header) -> None:
        changed.process_id = 77

    def message(changed: Message) -> None:
        changed.body = EchoRequest(reserved=9)

    sent(server, session, Tamper(header=header, message=message, unsigned=flip(66)))
    seen = server.request()
    assert seen.header.process_id == 77
    assert isinstance(seen.body, EchoRequest)
    assert seen.body.reserved == 9 ^ 0xFF
    assert server.is_signed_right(seen)


def test_a_change_after_signing_spoils_the_signature() -> None:
    server, session = signing()
    sent(server, session, Tamper(signed=flip(66)))
    seen = server.request()
    assert seen.header.has(HeaderFlags.SIGNED)
    assert not server.is_signed_right(seen)


def test_another_signing_key_is_used() -> None:
    server, session = signing()
    sent(server, session, Tamper(signing_key=b"z" * 16))
    assert server.is_signed_right(server.request(), b"z" * 16)


def test_a_message_id_changed_in_the_header_is_the_one_that_gets_the_answer() -> None:
    server, session = signing()

    def header(changed: Header) -> None:
        changed.message_id = 500

    exchange = sent(server, session, Tamper(header=header))
    assert exchange.message_id == 500
    server.answer(server.request(), EchoResponse())
    assert exchange.done


def test_key_nonce_and_fields_of_the_transform_can_be_replaced() -> None:
    server, session = encrypting()

    def transform(changed: TransformHeader) -> None:
        changed.session_id, changed.flags = 3, 7

    sent(server, session, Tamper(nonce=b"n" * 12, transform=transform))
    frame = server.transport.written[-1][4:]
    assert frame[20:36] == b"n" * 12 + bytes(4)
    assert frame[42:44] == b"\x07\x00"
    assert frame[44:52] == (3).to_bytes(8, "little")
    server.requests()
    sent(server, session, Tamper(encryption_key=b"e" * 16))
    server.c2s = b"e" * 16
    assert server.request().encrypted
    sent(server, session, Tamper(encrypted=flip(60)))
    with pytest.raises(AssertionError, match="cannot be decrypted"):
        server.requests()


def test_a_frame_can_be_split_doubled_and_dropped() -> None:
    server, session = signing()
    sent(server, session, Tamper(frame=lambda frame: [frame[:10], frame[10:], frame]))
    assert [seen.header.message_id for seen in server.requests()] == [3, 3]
    exchange = sent(server, session, Tamper(frame=lambda frame: []))
    assert server.requests() == []
    assert exchange.sent
    server.connection.send_frame(b"raw")
    assert server.transport.written[-1] == b"\0\0\0\3raw"


# What comes in


def wrong(
    body: Body | None = None, status: int = Status.SUCCESS, **how: object
) -> tuple[FakeServer, Exchange]:
    server, session = signing()
    exchange = server.connection.submit(EchoRequest(), session=session)
    server.answer(server.request(), body or EchoResponse(), status, **how)
    return server, exchange


def test_a_right_answer_violates_nothing() -> None:
    server, exchange = wrong()
    assert exchange.status == Status.SUCCESS
    assert exchange.signature_valid is True
    assert isinstance(exchange.body(EchoResponse), EchoResponse)
    assert exchange.body(CloseResponse) is None
    assert exchange.answered_at == server.now
    assert rules(server) == []


@pytest.mark.parametrize("position", [0x08, 0x30, 0x3F, 0x42])
def test_a_changed_byte_breaks_the_signature_and_still_ends_the_exchange(position: int) -> None:
    server, exchange = wrong(spoil=flip(position))
    assert exchange.done
    assert exchange.signature_valid is False
    assert Rule.SIGNATURE in rules(server)


def test_an_unsigned_answer_is_recorded_where_signing_is_required_and_where_the_request_was_signed() -> None:
    server, exchange = wrong(sign=False)
    assert rules(server) == [Rule.SIGNATURE]
    assert exchange.violations == server.connection.violations
    other = FakeServer()
    session = other.ready()
    other.connection.submit(EchoRequest(), session=session, sign=True)
    other.answer(other.request(), EchoResponse(), sign=False)
    assert rules(other) == [Rule.NOT_SIGNED]


def test_an_unsigned_answer_is_fine_when_the_session_is_gone_or_the_request_was_spoiled() -> None:
    server, _ = wrong(ErrorResponse(), Status.USER_SESSION_DELETED, sign=False)
    assert rules(server) == []
    server, session = signing()
    sent(server, session, Tamper(signing_key=b"z" * 16))
    server.answer(server.request(), ErrorResponse(), Status.ACCESS_DENIED, sign=False)
    assert rules(server) == []


def header_change(**fields: object) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        for name, value in fields.items():
            setattr(header, name, value)

    return change


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"flags": HeaderFlags.SIGNED}, Rule.HEADER),
        ({"session_id": 4}, Rule.HEADER),
        ({"message_id": 999}, Rule.UNKNOWN_MESSAGE_ID),
        ({"message_id": MESSAGE_ID_UNSOLICITED}, Rule.UNSOLICITED_COMMAND),
        ({"command": Command.LOGOFF}, Rule.COMMAND),
        ({"status": Status.PENDING}, Rule.ASYNC),
    ],
)
def test_a_wrong_header_field_is_recorded(fields: dict[str, object], rule: Rule) -> None:
    server, _ = wrong(change=header_change(**fields))
    assert rule in rules(server)


def test_a_second_answer_is_unknown() -> None:
    server, session = signing()
    server.connection.submit(EchoRequest(), session=session)
    seen = server.request()
    server.answer(seen, EchoResponse())
    server.answer(seen, EchoResponse())
    assert rules(server) == [Rule.UNKNOWN_MESSAGE_ID]
    assert len(server.connection.discarded) == 1


def test_a_body_that_does_not_conform_is_recorded() -> None:
    server, exchange = wrong(EchoResponse(structure_size=5))
    assert rules(server) == [Rule.FORMAT]
    assert exchange.violations == server.connection.violations


def test_an_encrypted_request_wants_an_encrypted_answer() -> None:
    server, session = encrypting()
    exchange = server.connection.submit(EchoRequest(), session=session)
    seen = server.request()
    server.send(server.message(seen, EchoResponse()), encrypt=False)
    assert not exchange.decrypted
    assert rules(server) == [Rule.NOT_ENCRYPTED]


def test_what_cannot_be_decrypted_is_recorded() -> None:
    server, session = encrypting()
    exchange = server.connection.submit(EchoRequest(), session=session)
    answer = server.message(server.request(), EchoResponse())
    server.send(answer, encrypt=True, transform_session_id=5)
    assert not exchange.done
    right, server.s2c = server.s2c, b"w" * 16
    server.send(answer, encrypt=True)
    assert exchange.done and exchange.unreadable
    server.s2c = right
    server.deliver(encode_frame_header(52) + b"\xfdSMB" + bytes(48))
    server.send(b"\xfeSMX" + answer[4:], encrypt=True)
    assert rules(server) == [Rule.DECRYPTION] * 4
    assert exchange.status is None
    server.send(
        server.message(server.seen[-1], EchoResponse(), change=header_change(session_id=9)), encrypt=True
    )
    assert Rule.TRANSFORM_SESSION_ID in rules(server)


@pytest.mark.parametrize(
    ("frame", "rule"),
    [
        (b"", Rule.PROTOCOL_ID),
        (b"\xffSMB" + bytes(60), Rule.PROTOCOL_ID),
        (b"\xfcSMB" + bytes(60), Rule.COMPRESSION),
        (b"\xfeSMB" + bytes(10), Rule.FORMAT),
        (b"\xfdSMB", Rule.DECRYPTION),
    ],
)
def test_a_frame_that_is_no_message_is_recorded(frame: bytes, rule: Rule) -> None:
    server, _ = signing()
    server.deliver(encode_frame_header(len(frame)) + frame)
    assert rules(server) == [rule]
    assert server.connection.lost is None


def test_lost_framing_ends_the_connection() -> None:
    server, session = signing()
    exchange = server.connection.submit(EchoRequest(), session=session)
    server.deliver(b"\x85\0\0\0")
    assert (server.connection.lost, exchange.lost) == (Closed.FRAMING, Closed.FRAMING)
    assert server.transport.closed == "abort"


# Interim responses, cancel, notifications


def pending(server: FakeServer, session: Session) -> Exchange:
    return server.connection.submit(ChangeNotifyRequest(file_id=FileId(1, 2)), session=session)


def as_async(async_id: int) -> Callable[[Header], None]:
    def change(header: Header) -> None:
        header.flags |= HeaderFlags.ASYNC_COMMAND
        header.async_id = async_id

    return change


def test_an_interim_response_a_cancel_by_async_id_and_the_final_one() -> None:
    server, session = signing()
    exchange = pending(server, session)
    seen = server.request()
    before = server.connection.credits
    server.answer(seen, ErrorResponse(), Status.PENDING, sign=False, change=as_async(8), credits=5)
    assert exchange.is_pending
    assert not exchange.done
    assert exchange.async_id == 8
    assert server.connection.credits == before + 5
    server.connection.cancel(exchange)
    cancel = server.request()
    assert cancel.header.has(HeaderFlags.ASYNC_COMMAND)
    assert (cancel.header.async_id, cancel.header.message_id) == (8, exchange.message_id)
    assert server.is_signed_right(cancel)
    server.answer(seen, ErrorResponse(), Status.CANCELLED, change=as_async(8), credits=0)
    assert exchange.status == Status.CANCELLED
    assert len(exchange.interim) == 1
    assert exchange.signature_valid is True
    assert rules(server) == []


def test_wrong_async_ids_are_recorded() -> None:
    server, session = signing()
    pending(server, session)
    seen = server.request()
    server.answer(seen, ErrorResponse(), Status.PENDING, sign=False, change=as_async(0))
    server.answer(seen, ErrorResponse(), Status.PENDING, sign=False, change=as_async(8))
    server.answer(seen, ChangeNotifyResponse(output_buffer=b"x"), change=as_async(9))
    assert rules(server) == [Rule.ASYNC] * 3
    pending(server, session)
    seen = server.request()
    server.answer(seen, ErrorResponse(), Status.PENDING, sign=False, change=as_async(8))
    server.answer(seen, ChangeNotifyResponse(output_buffer=b"x"))
    assert rules(server) == [Rule.ASYNC] * 4


def test_a_break_is_kept_as_a_notification() -> None:
    server, _ = signing()
    header = Header(Command.OPLOCK_BREAK, MESSAGE_ID_UNSOLICITED, HeaderFlags.SERVER_TO_REDIR)
    body = OplockBreakNotification(oplock_level=OplockLevel.II, file_id=FileId(3, 4))
    server.send(b"".join(encode_chain([Message(header, body)])[0]))
    (notification,) = server.connection.notifications
    assert isinstance(notification.body, OplockBreakNotification)
    assert notification.body.file_id == FileId(3, 4)
    assert notification.received_at == server.now
    assert rules(server) == []


def test_a_notification_that_was_not_negotiated_is_kept_and_recorded() -> None:
    server, _ = signing()
    flags = HeaderFlags.SERVER_TO_REDIR
    header = Header(Command.SERVER_TO_CLIENT_NOTIFICATION, MESSAGE_ID_UNSOLICITED, flags)
    message = b"".join(encode_chain([Message(header, ServerToClientNotification())])[0])
    server.send(message)
    assert rules(server) == [Rule.UNSOLICITED_COMMAND]
    server.connection.supports_notifications = True
    server.send(message)
    assert rules(server) == [Rule.UNSOLICITED_COMMAND]
    assert len(server.connection.notifications) == 2


# Connections and sessions that end


def test_a_lost_connection_ends_its_requests_and_leaves_the_session_to_the_other_channel() -> None:
    first, session = signing()
    second = FakeServer(require_signing=True, seed="second").channel_of(first)
    second.negotiate()
    second.logon(to=session)
    exchange = first.connection.submit(EchoRequest(), session=session)
    first.connection.connection_lost(Closed.RESET, 7.0)
    assert exchange.lost is Closed.RESET
    assert exchange.done
    assert exchange.status is None
    assert (first.connection.lost, first.connection.lost_at) == (Closed.RESET, 7.0)
    assert [channel.connection for channel in session.channel_list] == [second.connection]
    assert session.connection is second.connection
    assert session.channel_sequence == 1
    session.submit(EchoRequest())
    assert second.request().header.channel_sequence == 1
    assert first.connection.echo().lost is Closed.RESET


def test_losing_the_last_channel_does_not_count_as_a_change_of_channel() -> None:
    server, session = signing()
    server.connection.close()
    assert server.connection.lost is Closed.LOCAL
    assert server.transport.closed == "close"
    assert session.channel_list == []
    assert session.channel_sequence == 0


def test_logoff_takes_the_session_from_every_connection() -> None:
    first, session = signing()
    second = FakeServer(require_signing=True, seed="second").channel_of(first)
    second.negotiate()
    second.logon(to=session)
    session.logoff()
    first.answer(first.request(), LogoffResponse())
    assert first.connection.session_table == second.connection.session_table == {}
    assert session.channel_list == []


def test_acknowledged_and_stuck_are_kept() -> None:
    server, _ = signing()
    connection = server.connection
    assert connection.bytes_written == sum(map(len, server.transport.written))
    connection.stuck(5.0, 6.0)
    assert connection.stuck_since == 5.0
    connection.acknowledged(100, 7.0)
    assert (connection.stuck_since, connection.bytes_acknowledged) == (None, 100)


# Bytes


def script(chunk: int = 1 << 20) -> list[bytes]:
    server = FakeServer(require_signing=True)
    deliver = server.deliver

    def in_chunks(data: bytes) -> None:
        for start in range(0, len(data), chunk):
            deliver(data[start : start + chunk])

    server.deliver = in_chunks  # type: ignore[method-assign]
    session = server.ready()
    server.echo(session)
    assert rules(server) == []
    return server.transport.written


def test_the_same_entropy_gives_the_same_bytes() -> None:
    assert script() == script()


@given(st.integers(1, 200))
@settings(max_examples=25, deadline=None)
def test_how_the_stream_is_cut_does_not_matter(chunk: int) -> None:
    assert script(chunk) == script()


@given(st.lists(st.binary(max_size=200), max_size=5))
@settings(max_examples=200, deadline=None)
def test_garbage_never_raises(frames: list[bytes]) -> None:
    server, _ = signing()
    for frame in frames:
        server.deliver(encode_frame_header(len(frame) + 4) + b"\xfeSMB" + frame)
        server.deliver(encode_frame_header(len(frame)) + frame)
    assert len(rules(server)) >= len(frames)


def test_an_exchange_says_where_it_stands() -> None:
    server, session = signing()
    exchange = server.connection.submit(EchoRequest(), session=session)
    assert repr(exchange) == f"<Exchange EchoRequest MessageId={exchange.message_id}: sent>"
    assert session.session_id == SESSION_ID
    assert "signing_key" not in repr(session)
