"""What a client makes of answers for a session that its connection is no channel of."""

import pytest
from client_fake_server import GUID, FakeServer

from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.status import Status


def test_another_signing_algorithm_is_used() -> None:
    server = FakeServer(require_signing=True, signing=SigningAlgorithm.AES_GMAC)
    session = server.ready()
    exchange = server.connection.submit(
        EchoRequest(), session=session, tamper=Tamper(signing_algorithm=SigningAlgorithm.AES_CMAC)
    )
    seen = server.request()
    assert not server.is_signed_right(seen)
    server.signing = SigningAlgorithm.AES_CMAC
    assert server.is_signed_right(seen)
    assert not exchange.is_signed_right


def test_an_encrypted_answer_for_a_session_of_another_connection_is_opened_and_noted() -> None:
    first = FakeServer()
    session = first.ready()
    second = FakeServer(seed="second", config=ClientConfig(client_guid=GUID))
    second.negotiate()
    second.channel_of(first)
    exchange = second.connection.submit(EchoRequest(), session=session, encrypt=True)
    second.answer(second.request(), ErrorResponse(), Status.INVALID_PARAMETER)
    assert exchange.status == Status.INVALID_PARAMETER
    assert [one.rule for one in second.connection.violations] == [Rule.DECRYPTION]


def test_an_encrypted_answer_to_a_plain_request_is_opened_and_noted() -> None:
    first = FakeServer()
    session = first.ready()
    second = FakeServer(seed="second", config=ClientConfig(client_guid=GUID))
    second.negotiate()
    second.channel_of(first)
    exchange = second.connection.submit(EchoRequest(), session=session, encrypt=False)
    second.send(second.message(second.request(), EchoResponse()), encrypt=True)
    assert exchange.status == Status.SUCCESS
    assert exchange.decrypted
    assert [one.rule for one in exchange.violations] == [Rule.DECRYPTION]


def test_an_encrypted_answer_for_a_session_without_a_key_here_ends_the_wait() -> None:
    first = FakeServer()
    session = first.ready()
    second = FakeServer(seed="second", config=ClientConfig(client_guid=GUID))
    second.negotiate()
    second.channel_of(first)
    exchange = second.connection.submit(EchoRequest(), session_id=session.session_id)
    second.send(second.message(second.request(), EchoResponse()), encrypt=True)
    assert exchange.unreadable and exchange.done
    assert exchange.status is None
    assert [one.rule for one in exchange.violations] == [Rule.DECRYPTION]


@pytest.mark.parametrize("cipher", [Cipher.AES_256_GCM, Cipher.NONE])
def test_an_encrypted_answer_whose_key_does_not_fit_the_cipher_here_ends_the_wait(cipher: Cipher) -> None:
    first = FakeServer()
    session = first.ready()
    assert session.decryption_key is not None
    second = FakeServer(seed="second", config=ClientConfig(client_guid=GUID))
    second.negotiate()
    second.channel_of(first)
    exchange = second.connection.submit(EchoRequest(), session=session, encrypt=False)
    second.connection.cipher_id = cipher
    second.send(second.message(second.request(), EchoResponse()), encrypt=True)
    assert exchange.unreadable and exchange.done


def test_which_of_two_requests_an_unreadable_answer_is_for_nobody_knows() -> None:
    first = FakeServer()
    session = first.ready()
    second = FakeServer(seed="second", config=ClientConfig(client_guid=GUID))
    second.negotiate()
    second.channel_of(first)
    waiting = [second.connection.submit(EchoRequest(), session_id=session.session_id) for _ in range(2)]
    assert all(exchange.sent for exchange in waiting)
    second.send(second.message(second.seen[-1], EchoResponse()), encrypt=True)
    assert not any(exchange.done for exchange in waiting)
    assert [one.rule for one in second.connection.violations] == [Rule.DECRYPTION]


def test_the_signature_of_a_server_without_the_session_is_not_judged() -> None:
    server = FakeServer(require_signing=True)
    session = server.ready()
    exchange = server.connection.submit(EchoRequest(), session=session)
    server.answer(server.request(), ErrorResponse(), Status.USER_SESSION_DELETED, sign=bytes(16))
    assert exchange.response_signed
    assert exchange.signature_valid is None
    assert server.connection.violations == []


def test_the_signature_of_any_other_refusal_is_judged() -> None:
    server = FakeServer(require_signing=True)
    session = server.ready()
    exchange = server.connection.submit(EchoRequest(), session=session)
    server.answer(server.request(), ErrorResponse(), Status.ACCESS_DENIED, sign=bytes(16))
    assert exchange.signature_valid is False
    assert [one.rule for one in server.connection.violations] == [Rule.SIGNATURE]
