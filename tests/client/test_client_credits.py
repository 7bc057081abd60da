from __future__ import annotations

import pytest
from client_fake_server import FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st

from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.credits import CommandSequenceWindow
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.write import WriteRequest

STEP = st.one_of(
    st.tuples(st.just("grant"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("take"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("use"), st.integers(0, 40), st.integers(1, 4)),
)


@given(st.lists(STEP, max_size=60))
@settings(max_examples=300, deadline=None)
def test_the_window_behaves_like_a_plain_set_of_ids(steps: list[tuple[str, int, int]]) -> None:
    window, model, highest = CommandSequenceWindow(), {0}, 1
    for what, value, count in steps:
        if what == "grant":
            window.grant(value)
            model |= set(range(highest, highest + value))
            highest += value
        elif what == "take":
            expected = next((i for i in sorted(model) if set(range(i, i + value)) <= model), None)
            assert window.take(value) == expected
            if expected is not None:
                model -= set(range(expected, expected + value))
        else:
            wanted = set(range(value, value + count))
            assert window.use(value, count) == (wanted <= model)
            model -= wanted
        assert window.available == tuple(sorted(model))
        assert window.credits == len(model)
        assert window.lowest == min(model, default=None)
        assert window.next_granted == highest
        assert all(i in window for i in model)


def test_a_copy_changes_on_its_own() -> None:
    window = CommandSequenceWindow()
    other = window.copy()
    other.take()
    assert window.credits == 1
    assert other.credits == 0


@pytest.fixture
def server() -> FakeServer:
    server = FakeServer(credit_grant=4)
    server.ready()
    return server


def use_up(server: FakeServer) -> None:
    while server.connection.credits:
        server.connection.echo()


def test_message_ids_are_taken_in_ascending_order(server: FakeServer) -> None:
    first = server.connection.sequence_window.lowest
    assert first is not None
    ids = [server.connection.echo().message_id for _ in range(3)]
    assert ids == [first, first + 1, first + 2]
    assert [seen.header.message_id for seen in server.requests()] == ids


def test_a_multi_credit_request_uses_consecutive_ids(server: FakeServer) -> None:
    connection = server.connection
    before = connection.credits
    first = connection.sequence_window.lowest
    assert first is not None
    exchange = connection.submit(ReadRequest(length=3 * 65536, file_id=FileId(1, 2)))
    assert (exchange.message_id, exchange.credit_charge) == (first, 3)
    assert connection.credits == before - 3
    assert server.request().header.credit_charge == 3
    assert connection.echo().message_id == first + 3


@pytest.mark.parametrize(
    ("size", "charge"), [(0, 1), (1, 1), (65536, 1), (65537, 2), (131072, 2), (131073, 3)]
)
def test_the_credit_charge_follows_the_payload(server: FakeServer, size: int, charge: int) -> None:
    server.connection.submit(WriteRequest(data=bytes(size)))
    assert server.request().header.credit_charge == charge


def test_without_multi_credit_the_charge_is_zero_and_too_much_payload_is_noted() -> None:
    server = FakeServer(dialect=0x0202)
    server.ready()
    exchange = server.connection.submit(ReadRequest(length=65537))
    assert server.request().header.credit_charge == 0
    assert exchange.illegal == ["payload of 65537 bytes on a connection without multi-credit"]


def test_a_request_waits_for_credits_and_goes_out_when_they_come(server: FakeServer) -> None:
    connection = server.connection
    use_up(server)
    waiting = connection.echo()
    requests = server.requests()
    assert not waiting.sent
    assert waiting.message_id is None
    assert connection.violations == []
    server.answer(requests[0], EchoResponse(), credits=1)
    assert waiting.sent
    assert (
        server.request().header.message_id
        == waiting.message_id
        == connection.sequence_window.next_granted - 1
    )


def test_a_small_request_passes_one_that_needs_more_credits(server: FakeServer) -> None:
    use_up(server)
    big = server.connection.submit(ReadRequest(length=2 * 65536))
    small = server.connection.echo()
    requests = server.requests()
    server.answer(requests[0], EchoResponse(), credits=1)
    assert small.sent
    assert not big.sent
    server.answer(requests[1], EchoResponse(), credits=2)
    assert big.sent


def test_a_hole_too_small_is_passed_and_used_later(server: FakeServer) -> None:
    connection = server.connection
    first = connection.sequence_window.lowest
    assert first is not None
    connection.submit(EchoRequest(), message_id=first + 1)
    big = connection.submit(ReadRequest(length=2 * 65536))
    assert big.message_id == first + 2
    assert connection.echo().message_id == first


def test_an_id_outside_the_window_is_sent_and_noted(server: FakeServer) -> None:
    exchange = server.connection.submit(EchoRequest(), message_id=999)
    assert server.request().header.message_id == 999
    assert exchange.illegal == ["MessageId 999 is not in the window"]


def test_a_used_id_is_sent_again_and_noted_and_the_oldest_gets_the_answer(server: FakeServer) -> None:
    first = server.connection.echo()
    again = server.connection.submit(EchoRequest(), message_id=first.message_id or 0)
    assert again.illegal
    seen = server.requests()
    server.answer(seen[0], EchoResponse())
    assert first.done
    assert not again.done
    server.answer(seen[1], EchoResponse())
    assert again.done


def test_the_credit_request_heads_for_the_target() -> None:
    server = FakeServer(config=ClientConfig(client_guid=bytes(16), credit_target=30), credit_grant=100)
    server.negotiate()
    assert server.seen[0].header.credits == 30
    server.connection.echo()
    assert server.request().header.credits == 1
    server.connection.submit(EchoRequest(), credit_request=77)
    assert server.request().header.credits == 77


def test_a_server_that_leaves_no_credit_is_recorded() -> None:
    server = FakeServer(credit_grant=0)
    server.negotiate()
    assert [violation.rule.name for violation in server.connection.violations] == ["CREDITS"]


def test_withdrawing_a_waiting_request_sends_nothing(server: FakeServer) -> None:
    use_up(server)
    server.requests()
    waiting = server.connection.echo()
    cancel = server.connection.cancel(waiting)
    assert (waiting.lost, cancel.lost) == (Closed.LOCAL, Closed.LOCAL)
    assert server.requests() == []


def test_cancel_uses_no_credit(server: FakeServer) -> None:
    exchange = server.connection.submit(ReadRequest(length=1))
    before = server.connection.credits
    cancel = server.connection.cancel(exchange)
    assert server.connection.credits == before
    assert cancel.done
    header = server.requests()[1].header
    assert (header.message_id, header.credits, header.credit_charge) == (exchange.message_id, 0, 0)
    server.answer(server.seen[-2], ReadResponse(data=b"x"))
    assert exchange.done


def test_a_request_that_no_answer_can_help_says_so(server: FakeServer) -> None:
    exchange = server.connection.submit(ReadRequest(length=5000 * 65536))
    assert not exchange.sent
    assert exchange.illegal[-1] == "waits for MessageIds that no outstanding request will bring"
    server.connection.echo()
    assert server.requests()[-1].header.credits >= 5000 - server.connection.credits - 1
