"""Interim responses, CANCEL, and related requests that wait: with a handler that pends in place of ECHO's."""

from __future__ import annotations

import pytest
from server_peer import NOW, Peer, compound, logged_on, make_server

from smbtorture_py.server.dispatch import HANDLERS, Handler, Needs
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.server import Server
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.status import Status

ASYNC = HeaderFlags.ASYNC_COMMAND
waiting: list[Request] = []


@pytest.fixture(autouse=True)
def pending_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting.clear()

    def handle(server: Server, request: Request, now: float) -> Outcome:
        del server, now
        waiting.append(request)
        return request.pend(lambda at: request.complete(Reply(Status.CANCELLED), at))

    monkeypatch.setitem(HANDLERS, Command.ECHO, Handler(handle, Needs.NOTHING))


def start(**settings: object) -> Peer:
    peer = Peer(make_server(**settings))
    peer.negotiate()
    peer.request(EchoRequest(), credits=20)
    waiting[0].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    peer.take()
    waiting.clear()
    return peer


def test_an_interim_response_precedes_the_final_one_and_has_the_credits() -> None:
    peer = start()
    interim = peer.request(EchoRequest(), credits=3)
    assert interim.header.status == Status.PENDING
    assert interim.header.has(ASYNC)
    assert interim.header.async_id
    assert interim.header.credits == 3
    waiting[0].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    (final,) = peer.take()
    assert final.header.status == Status.SUCCESS
    assert (final.header.async_id, final.header.message_id) == (
        interim.header.async_id,
        interim.header.message_id,
    )
    assert final.header.has(ASYNC)
    assert final.header.credits == 0
    waiting[0].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    assert peer.take() == []
    assert not peer.connection.request_list
    assert not peer.connection.async_command_list


@pytest.mark.parametrize("by_async_id", [True, False])
def test_cancel_ends_a_pending_request_and_uses_no_message_id(by_async_id: bool) -> None:
    peer = start()
    interim = peer.request(EchoRequest())
    header = peer.header(Command.CANCEL)
    header.message_id = interim.header.message_id
    if by_async_id:
        header.flags |= ASYNC
        header.async_id = interim.header.async_id
        header.message_id = 0
    before = peer.connection.command_sequence_window.available
    (final,) = peer.send_frame(peer.encode(header, CancelRequest()))
    assert final.header.status == Status.CANCELLED
    assert final.header.message_id == interim.header.message_id
    assert peer.connection.command_sequence_window.available == before
    assert peer.send_frame(peer.encode(header, CancelRequest())) == []
    assert not peer.is_closed


def test_a_lost_connection_cancels_what_is_pending() -> None:
    peer = start()
    peer.request(EchoRequest())
    peer.connection.connection_lost(Closed.RESET, NOW)
    assert waiting[0].is_done
    assert not peer.connection.async_command_list


def test_too_many_pending_requests_are_refused() -> None:
    peer = start(max_async=1)
    peer.request(EchoRequest())
    assert peer.request(EchoRequest()).header.status == Status.INSUFFICIENT_RESOURCES


def test_interim_and_final_follow_the_signing_rules() -> None:
    peer = logged_on(make_server())
    interim = peer.request(EchoRequest())
    assert not interim.header.has(HeaderFlags.SIGNED)
    waiting[0].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    peer.take()
    assert peer.keys is not None
    assert peer.answer_is_signed_with(peer.keys.signing)


def test_a_related_chain_waits_for_its_pending_member() -> None:
    peer = start()
    related = HeaderFlags.RELATED_OPERATIONS
    answers = compound(
        peer,
        (peer.header(Command.ECHO), EchoRequest()),
        (peer.header(Command.ECHO, flags=related), EchoRequest()),
    )
    assert [answer.header.status for answer in answers] == [Status.PENDING]
    assert len(waiting) == 1
    waiting[0].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    answers = peer.take()
    assert [answer.header.status for answer in answers] == [Status.SUCCESS, Status.PENDING]
    waiting[1].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    assert [answer.header.status for answer in peer.take()] == [Status.SUCCESS]


def test_an_unrelated_chain_does_not_wait() -> None:
    peer = start()
    answers = compound(peer, *((peer.header(Command.ECHO), EchoRequest()) for _ in range(2)))
    assert [answer.header.status for answer in answers] == [Status.PENDING, Status.PENDING]
    waiting[1].complete(Reply(Status.SUCCESS, EchoResponse()), NOW)
    assert [answer.header.message_id for answer in peer.take()] == [answers[1].header.message_id]
