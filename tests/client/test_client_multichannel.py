"""The state machine of a session that survives its channels, against the reference server's core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise

import pytest
from client_fake_server import counting_entropy
from client_wire import Wire

from smbtorture_py.client.connection import Connection
from smbtorture_py.client.durable import contexts_to_ask
from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.client.logon import bind
from smbtorture_py.client.multichannel import Multichannel, Operation
from smbtorture_py.client.open import Open
from smbtorture_py.client.session import Session
from smbtorture_py.client.tree import Tree, create, create_request
from smbtorture_py.wire.codec import Body
from smbtorture_py.wire.create_contexts import DurableHandleRequestV2, find
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    InterfaceCapability,
    NetworkInterfaceInfo,
    interface,
)
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

GIGABIT = 1_000_000_000
REPLAY = HeaderFlags.REPLAY_OPERATION
EXCLUSIVE = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY


def entry(index: int, gigabits: int) -> NetworkInterfaceInfo:
    return interface(index, ip_address(f"192.0.2.{index}"), gigabits * GIGABIT, InterfaceCapability.NONE)


class Bench:
    """A session with several channels, its tree connect and an open file."""

    def __init__(self, channels: int = 2, policy: FailoverPolicy | None = None, wanted: int | None = None):
        self.wire = Wire()
        self.session: Session = self.wire.logon(self.wire.connect())
        assert Capabilities.MULTI_CHANNEL in self.session.connection.server_capabilities
        self.core = Multichannel(
            self.session, policy, entropy=counting_entropy("multichannel"), wanted=wanted
        )
        self.core.adopt(self.session.connection, None)
        for _ in range(channels - 1):
            self.core.adopt(self.bind(), None)
        self.tree: Tree = self.wire.tree(self.session)
        self.opened: Open = self.open()

    def bind(self) -> Connection:
        connection = self.wire.connect()
        assert self.wire.drive(bind(self.session, connection)).status == Status.SUCCESS
        return connection

    def open(self) -> Open:
        opened = self.wire.drive(create(self.tree, "file")).open
        assert opened is not None
        return opened

    @property
    def channels(self) -> list[Connection]:
        return self.core.channels

    def write(self, data: bytes, **options: object) -> Operation:
        body = WriteRequest(file_id=self.opened.file_id, data=data)
        return self.core.submit(body, self.tree, opened=self.opened, **options)

    def content(self) -> bytes:
        body = ReadRequest(file_id=self.opened.file_id, length=100)
        answer = self.wire.wait(self.tree.submit(body)).body(ReadResponse)
        return b"" if answer is None else bytes(answer.data)

    def finish(self, operation: Operation) -> Operation:
        while not operation.is_over:
            self.core.advance(self.wire.now)
            if not operation.exchange.done:
                self.wire.wait(operation.exchange)
            elif operation.due is not None:
                self.wire.now = max(self.wire.now, operation.due)
        return operation

    def lose_answer(self, connection: Connection) -> None:
        """Let the server answer what was sent over a channel, and the answer go astray."""
        pipes = self.wire.pipes
        theirs = next(after for one, after in pairwise(pipes) if one is connection.transport)
        self.wire.run(lambda: bool(theirs.waiting))
        theirs.waiting.clear()

    def cut(self, connection: Connection, *, arrives: bool = True) -> None:
        """End a channel from here; what was sent over it arrives before, or not at all."""
        if not arrives:
            connection.transport.waiting.clear()
        connection.abort()


def headers(operation: Operation) -> list[tuple[bool, int]]:
    """Of each time it was sent: whether it was marked as a replay, and its ChannelSequence."""
    sent = [exchange.request.header for exchange in operation.exchanges]
    return [(header.has(REPLAY), header.channel_sequence) for header in sent]


# Requests


@pytest.mark.parametrize("arrives", [True, False], ids=["executed", "never-arrived"])
def test_what_was_outstanding_is_replayed_on_another_channel(arrives: bool) -> None:
    bench = Bench()
    first, second = bench.channels
    operation = bench.write(b"data", connection=first)
    bench.cut(first, arrives=arrives)
    bench.finish(operation)
    assert operation.exchange.status == Status.SUCCESS
    assert [exchange.connection for exchange in operation.exchanges] == [first, second]
    assert headers(operation) == [(False, 0), (True, 1)]
    assert bench.content() == b"data"
    assert bench.core.lost == [first] and bench.core.operations == []


def test_the_sequence_goes_up_for_each_channel() -> None:
    bench = Bench(channels=4)
    for expected in (1, 2, 3):
        bench.cut(bench.channels[0])
        bench.core.advance(bench.wire.now)
        assert bench.session.channel_sequence == expected
    assert headers(bench.finish(bench.write(b"data"))) == [(False, 3)]


def test_channels_are_taken_in_turn() -> None:
    bench = Bench(channels=3)
    operations = [bench.finish(bench.write(b"data")) for _ in range(6)]
    assert [one.exchange.connection for one in operations] == bench.channels * 2


@pytest.mark.parametrize(
    ("policy", "expected", "status"),
    [
        (FailoverPolicy(replay_flag=False), [(False, 0), (False, 1)], Status.SUCCESS),
        (FailoverPolicy(sequence_step=0), [(False, 0), (True, 0)], Status.SUCCESS),
        (FailoverPolicy(sequence_step=0x7FFF), [(False, 0), (True, 0x7FFF)], Status.SUCCESS),
        (
            FailoverPolicy(sequence_step=0x8000),
            [(False, 0), *[(True, 0x8000)] * 4],
            Status.FILE_NOT_AVAILABLE,
        ),
        (
            FailoverPolicy(sequence_step=-1, most_retries=1),
            [(False, 0), (True, 0xFFFF), (True, 0xFFFF)],
            Status.FILE_NOT_AVAILABLE,
        ),
    ],
)
def test_misbehaviour_goes_out_as_it_was_asked_for(policy, expected, status) -> None:
    bench = Bench(policy=policy)
    operation = bench.write(b"data", connection=bench.channels[0])
    bench.cut(bench.channels[0])
    bench.finish(operation)
    assert (headers(operation), operation.exchange.status) == (expected, status)


def test_a_refused_request_is_repeated_after_a_pause() -> None:
    bench = Bench(policy=FailoverPolicy(sequence_step=0x8000, retry_pause=0.5))
    bench.cut(bench.channels[0])
    bench.core.advance(bench.wire.now)
    operation = bench.write(b"data")
    bench.wire.wait(operation.exchange)
    bench.core.advance(bench.wire.now)
    assert operation.due == bench.wire.now + 0.5 == bench.core.next_deadline()
    bench.core.advance(bench.wire.now + 0.4)
    assert operation.repetitions == 0
    bench.core.advance(bench.wire.now + 0.5)
    assert operation.repetitions == 1


def test_nothing_is_repeated_by_a_client_that_does_not() -> None:
    bench = Bench(policy=FailoverPolicy(repeats=False))
    operation = bench.write(b"data", connection=bench.channels[0])
    bench.cut(bench.channels[0])
    bench.core.advance(bench.wire.now)
    assert operation.is_over and operation.exchange.lost is not None


def test_a_request_can_be_rewritten_before_it_is_repeated() -> None:
    def other(body: Body) -> Body:
        assert isinstance(body, WriteRequest)
        return replace(body, data=b"other")

    bench = Bench(policy=FailoverPolicy(rewrite=other))
    operation = bench.write(b"data", connection=bench.channels[0])
    bench.cut(bench.channels[0])
    bench.finish(operation)
    assert bench.content() == b"other"


def creation(bench: Bench, *, durable: bool) -> Operation:
    guid = b"create-guid-16by"
    contexts = contexts_to_ask(bench.channels[0], bench.tree, guid) if durable else []
    body = create_request("new", contexts=contexts)
    return bench.core.submit(body, bench.tree, connection=bench.channels[0])


@pytest.mark.parametrize("same", [True, False])
def test_a_create_with_a_guid_is_replayed(same: bool) -> None:
    bench = Bench(policy=FailoverPolicy(same_create_guid=same))
    operation = creation(bench, durable=True)
    bench.cut(bench.channels[0])
    bench.core.advance(bench.wire.now)
    assert headers(operation) == [(False, 0), (True, 1)]
    guids = []
    for exchange in operation.exchanges:
        asked = find(exchange.request.body.contexts, DurableHandleRequestV2, [])
        assert asked is not None
        guids.append(asked.create_guid)
    assert (guids[0] == guids[1]) == same


def listing(bench: Bench) -> Operation:
    body = QueryDirectoryRequest(file_id=bench.opened.file_id, file_name="*", output_buffer_length=100)
    return bench.core.submit(body, bench.tree, opened=bench.opened, connection=bench.channels[0])


@pytest.mark.parametrize("start", [lambda bench: creation(bench, durable=False), listing])
def test_what_cannot_be_repeated_is_not(start: Callable[[Bench], Operation]) -> None:
    bench = Bench()
    operation = start(bench)
    bench.cut(bench.channels[0])
    bench.core.advance(bench.wire.now)
    assert operation.is_over and operation.repetitions == 0


@pytest.mark.parametrize(("same", "status"), [(True, Status.SUCCESS), (False, Status.LOCK_NOT_GRANTED)])
def test_a_lock_is_repeated_with_its_sequence(same: bool, status: Status) -> None:
    bench = Bench(policy=FailoverPolicy(same_lock_sequence=same))
    operation = bench.core.lock(
        bench.opened, [LockElement(offset=0, length=1, flags=EXCLUSIVE)], connection=bench.channels[0]
    )
    bench.lose_answer(bench.channels[0])
    bench.cut(bench.channels[0])
    bench.finish(operation)
    assert headers(operation) == [(False, 0), (False, 1)]
    assert operation.exchange.status == status


def test_an_answered_lock_frees_its_index() -> None:
    bench = Bench()
    for flags, expected in ((EXCLUSIVE, (1, 0)), (LockFlags.UNLOCK, (1, 1)), (EXCLUSIVE, (1, 2))):
        operation = bench.core.lock(bench.opened, [LockElement(offset=0, length=1, flags=flags)])
        bench.finish(operation)
        assert operation.exchange.status == Status.SUCCESS
        body = operation.body
        assert (body.lock_sequence_index, body.lock_sequence_number) == expected


def test_a_silent_transport_is_reset_and_what_it_held_repeated() -> None:
    bench = Bench(policy=FailoverPolicy(patience=3.0))
    first, second = bench.channels
    operation = bench.write(b"data", connection=first)
    first.transport.waiting.clear()
    since = bench.wire.now
    first.stuck(since, since + 1)
    assert bench.core.next_deadline() == since + 3
    bench.core.advance(since + 2.9)
    assert first.lost is None and not bench.core.has_news(since + 2.9)
    assert bench.core.has_news(since + 3)
    bench.core.advance(since + 3)
    assert first.lost is not None and bench.core.ended == [first]
    assert [exchange.connection for exchange in operation.exchanges] == [first, second]


def pending_lock(bench: Bench) -> Operation:
    """Wait, over the first channel, for a lock that another open has; the server has promised an answer."""
    held = bench.core.lock(bench.open(), [LockElement(offset=0, length=1, flags=EXCLUSIVE)])
    bench.finish(held)
    wanted = LockElement(offset=0, length=1, flags=LockFlags.EXCLUSIVE_LOCK)
    waiting = bench.core.lock(bench.opened, [wanted], connection=bench.channels[0])
    bench.wire.run(lambda: waiting.exchange.is_pending)
    return waiting


def test_a_channel_that_keeps_its_promise_waiting_is_probed_and_kept_while_it_answers() -> None:
    bench = Bench(policy=FailoverPolicy(answer_patience=60.0))
    first, _ = bench.channels
    operation = pending_lock(bench)
    for _ in range(3):
        heard = first.heard_at
        assert heard is not None and heard == bench.wire.now
        assert bench.core.next_deadline() == heard + 60
        bench.core.advance(heard + 59.9)
        assert not first.transport.waiting and not bench.core.has_news(heard + 59.9)
        bench.wire.now = heard + 60
        assert bench.core.has_news(bench.wire.now)
        bench.core.advance(bench.wire.now)
        assert len(first.transport.waiting) == 1
        assert bench.core.next_deadline() == heard + 120
        bench.wire.run(lambda heard=heard: first.heard_at != heard)
        assert not bench.core.has_news(bench.wire.now)
    assert first.lost is None and operation.exchange.is_pending and operation.repetitions == 0


def test_a_channel_that_does_not_answer_a_probe_is_reset_and_what_was_pending_repeated() -> None:
    bench = Bench(policy=FailoverPolicy(answer_patience=60.0))
    first, second = bench.channels
    operation = pending_lock(bench)
    bench.wire.now += 60
    bench.core.advance(bench.wire.now)
    first.transport.waiting.clear()
    bench.core.advance(bench.wire.now + 59.9)
    assert first.lost is None and not first.transport.waiting
    assert bench.core.has_news(bench.wire.now + 60)
    bench.core.advance(bench.wire.now + 60)
    assert first.lost is not None and bench.core.ended == [first]
    assert [exchange.connection for exchange in operation.exchanges] == [first, second]


def test_a_client_that_does_not_probe_waits_as_long_as_it_takes() -> None:
    bench = Bench(policy=FailoverPolicy(answer_patience=60.0, probes=False))
    first, _ = bench.channels
    pending_lock(bench)
    later = bench.wire.now + 3600
    assert bench.core.next_deadline() is None and not bench.core.has_news(later)
    bench.core.advance(later)
    assert first.lost is None and not first.transport.waiting


# Channels


def test_the_best_interfaces_get_the_channels_that_are_wanted() -> None:
    bench = Bench(channels=1, wanted=4)
    bench.core.learn([entry(1, 10), entry(2, 10), entry(3, 1)], now=0.0)
    assert [str(pair.remote) for pair in bench.core.missing(0.0)] == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]
    for pair in bench.core.missing(0.0):
        bench.core.adopt(bench.bind(), pair)
    assert bench.core.missing(0.0) == [] and bench.core.surplus(0.0) == []


def test_lesser_interfaces_stand_in_and_step_back() -> None:
    bench = Bench(channels=1, wanted=2, policy=FailoverPolicy(interface_pause=5.0))
    bench.core.learn([entry(1, 10), entry(2, 1)], now=0.0)
    now = bench.wire.now
    (better,) = bench.core.missing(now)
    bench.core.unreachable(better, now)
    (lesser,) = bench.core.missing(now)
    assert [str(pair.remote) for pair in (better, lesser)] == ["192.0.2.1", "192.0.2.2"]
    stand_in = bench.bind()
    bench.core.adopt(stand_in, lesser)
    assert bench.core.missing(now + 4.9) == []
    assert bench.core.next_deadline() == now + 5
    assert bench.core.missing(now + 5) == [better]
    assert bench.core.surplus(now + 5) == []
    returned = bench.bind()
    bench.core.adopt(returned, better)
    assert bench.core.surplus(now + 5) == [stand_in]
    bench.core.dismiss(stand_in)
    bench.core.advance(now + 5)
    assert bench.channels == [bench.session.connection, returned]
    # Nothing was lost, so nothing is new.
    assert bench.session.channel_sequence == 0 and bench.core.lost == []


def test_a_channel_over_a_better_interface_is_not_closed_for_a_lesser_one() -> None:
    bench = Bench(channels=1, wanted=2)
    bench.core.learn([entry(1, 10), entry(2, 1)], now=0.0)
    (better,) = bench.core.missing(0.0)
    bench.core.adopt(bench.bind(), better)
    bench.core.unreachable(better, 0.0)
    while missing := bench.core.missing(0.0):
        bench.core.adopt(bench.bind(), missing[0])
    assert bench.core.surplus(0.0) == []


def test_a_channel_is_not_closed_because_no_more_can_be_bound_beside_it() -> None:
    bench = Bench(channels=1, wanted=2, policy=FailoverPolicy(interface_pause=5.0, rebinds=False))
    twin = interface(1, ip_address("192.0.2.9"), 10 * GIGABIT, InterfaceCapability.NONE)
    bench.core.learn([entry(1, 10), twin], now=0.0)
    now = bench.wire.now
    (pair,) = bench.core.missing(now)
    bench.core.adopt(bench.bind(), pair)
    bench.core.unreachable(pair, now)
    bench.cut(bench.channels[0])
    bench.core.advance(now)
    assert bench.core.missing(now) == [] and bench.core.surplus(now) == []


@pytest.mark.parametrize("rebinds", [True, False])
def test_lost_channels_are_replaced_unless_told_otherwise(rebinds: bool) -> None:
    bench = Bench(channels=1, wanted=2, policy=FailoverPolicy(rebinds=rebinds))
    bench.core.learn([entry(1, 10)], now=0.0)
    (pair,) = bench.core.missing(0.0)
    bench.core.adopt(bench.bind(), pair)
    bench.cut(bench.channels[1])
    bench.core.advance(bench.wire.now)
    assert bench.core.missing(0.0) == [pair] * rebinds


def test_the_sequence_goes_on_in_the_next_session() -> None:
    bench = Bench()
    operation = bench.write(b"data", connection=bench.channels[1])
    for connection in bench.channels:
        bench.cut(connection, arrives=False)
    bench.core.advance(bench.wire.now)
    assert bench.core.is_cut_off and operation.repetitions == 0 and bench.core.missing(0.0) == []
    successor = bench.wire.logon(bench.wire.connect())
    tree = bench.wire.tree(successor)
    bench.core.resume(successor, {bench.tree: tree})
    bench.core.adopt(successor.connection, None)
    assert successor.channel_sequence == 2
    bench.core.advance(bench.wire.now)
    assert operation.repetitions == 0 and bench.core.next_deadline() is None
    bench.opened.tree = tree
    bench.core.advance(bench.wire.now)
    assert operation.exchange.session is successor and operation.exchange.tree is tree
    assert headers(operation) == [(False, 0), (True, 2)]


def test_what_is_about_an_open_that_is_gone_is_given_up() -> None:
    bench = Bench()
    operation = bench.write(b"data")
    for connection in bench.channels:
        bench.cut(connection)
    bench.core.advance(bench.wire.now)
    assert not operation.is_over
    bench.core.give_up(bench.opened)
    assert operation.is_over and bench.core.operations == []
