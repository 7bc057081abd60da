"""Every fault does to the server what its class says, in both worlds, at every position."""

from __future__ import annotations

import pytest
from net_bench import Bench

from smbtorture_py.net.endpoint import STUCK_AFTER, FaultUnavailable
from smbtorture_py.net.faults import EXPECTED, POSITIONS, FaultClass, FaultKind, Position
from smbtorture_py.net.taps import CapturedEvent, EventKind, Flow
from smbtorture_py.wire.framing import Closed

WHOLE_LINK = [kind for kind in FaultKind if len(POSITIONS[kind]) == len(Position)]
ENDS = [FaultKind.CLOSE, FaultKind.RESET, FaultKind.HALF_CLOSE]


def available(bench: Bench, fault: FaultKind) -> None:
    link = bench.connect()
    try:
        link.faults.require(fault)
    except FaultUnavailable as unavailable:
        pytest.skip(unavailable.reason)
    finally:
        link.close()


def test_tables_name_every_fault() -> None:
    assert set(EXPECTED) == set(POSITIONS) == set(FaultKind)


@pytest.mark.parametrize("fault", WHOLE_LINK, ids=lambda fault: fault.value)
def test_the_server_notices_as_expected(bench: Bench, fault: FaultKind) -> None:
    """The server pushes one message after the fault; for «plugged» it pushes enough to close the window."""
    available(bench, fault)
    link = bench.connect(receive_buffer=4096)
    server = bench.serving(link)
    link.core.send(b"before")
    assert bench.until(lambda: link.core.frames == [b"before"] and server.acknowledged_count == 10)
    acknowledged = server.acknowledged_count
    link.faults.apply(fault)
    if EXPECTED[fault] is FaultClass.AT_ONCE:
        assert bench.until(lambda: bool(server.lost))
        assert not server.stuck_calls
        assert server.lost == [Closed.RESET if fault is FaultKind.RESET else Closed.FIN]
        return
    bench.world.run_for(0.05)
    assert not server.lost
    written = bench.world.now
    size = 8_000_000 if fault is FaultKind.PLUG else 100
    server.transport.write((bytes(size),))
    if EXPECTED[fault] is FaultClass.AT_NEXT_SEND:
        assert bench.until(lambda: bool(server.lost))
        assert server.lost == [Closed.RESET]
    elif EXPECTED[fault] is FaultClass.TIMERS:
        assert bench.until(lambda: server.acknowledged_count == acknowledged + size)
        bench.world.run_for(1.2 * STUCK_AFTER)
        assert not server.lost and not server.stuck_calls
        assert link.core.frames == [b"before"]
    else:
        assert EXPECTED[fault] is FaultClass.UNACKNOWLEDGED
        assert bench.until(lambda: bool(server.stuck_calls), 5 * STUCK_AFTER)
        since, told = server.stuck_calls[0]
        assert told - since >= STUCK_AFTER and written <= since
        assert server.acknowledged_count < acknowledged + size
        assert not server.lost
        assert link.core.frames == [b"before"]
        if fault is not FaultKind.PLUG:
            assert server.acknowledged_count == acknowledged


@pytest.mark.parametrize("position", Position, ids=lambda position: position.value)
@pytest.mark.parametrize("fault", WHOLE_LINK, ids=lambda fault: fault.value)
def test_positions(bench: Bench, fault: FaultKind, position: Position) -> None:
    available(bench, fault)
    link = bench.connect()
    server = bench.serving(link)
    request = b"request" * 20
    link.core.send(b"one before")
    assert bench.until(lambda: len(link.core.frames) == 1)
    before = link.core.bytes_received
    link.faults.arm(fault, position, keep=30)
    link.core.send(request)
    executed = position in (Position.AFTER_EXECUTION, Position.INSIDE_RESPONSE)
    at_once = EXPECTED[fault] is FaultClass.AT_ONCE
    if executed:
        assert bench.until(lambda: request in server.frames)
    if at_once:
        assert bench.until(lambda: bool(server.lost and link.core.lost))
    elif position is Position.INSIDE_REQUEST:
        assert bench.until(lambda: server.bytes_received > 14)
    elif position is Position.INSIDE_RESPONSE:
        assert bench.until(lambda: link.core.bytes_received > before)
    bench.world.run_for(0.03)
    assert server.frames[1:] == ([request] if executed else [])
    if position is Position.INSIDE_REQUEST:
        # A reset may overtake bytes that nobody has read yet.
        assert server.bytes_received - 14 in ({0, 30} if fault is FaultKind.RESET else {30})
    arrived = link.core.bytes_received - before
    if position is Position.INSIDE_RESPONSE and fault is not FaultKind.HALF_CLOSE:
        assert arrived == 30
    elif fault is not FaultKind.HALF_CLOSE:
        assert arrived == 0
    if not at_once:
        assert not server.lost or fault is FaultKind.FORGET


def test_skip_counts_frames(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.arm(FaultKind.RESET, Position.BEFORE_REQUEST, skip=2)
    for payload in (b"one", b"two"):
        link.core.send(payload)
        assert bench.until(lambda payload=payload: payload in link.core.frames)
    link.core.send(b"three")
    assert bench.until(lambda: bool(server.lost))
    assert server.frames == [b"one", b"two"]


def test_a_healed_blackhole_delivers_everything_in_order(bench: Bench) -> None:
    available(bench, FaultKind.BLACKHOLE)
    link = bench.connect()
    server = bench.serving(link)
    link.faults.blackhole()
    link.core.send(b"held")
    server.send(b"pushed 1")
    bench.world.run_for(0.3)
    server.send(b"pushed 2")
    assert not link.core.frames and not server.frames
    link.faults.heal()
    assert bench.until(lambda: len(link.core.frames) == 3)
    assert server.frames == [b"held"]
    assert [frame for frame in link.core.frames if frame != b"held"] == [b"pushed 1", b"pushed 2"]
    assert bench.until(lambda: link.outstanding == 0)


def test_closing_a_blackholed_link_sends_a_fin(bench: Bench) -> None:
    available(bench, FaultKind.BLACKHOLE)
    link = bench.connect()
    server = bench.serving(link)
    link.faults.blackhole()
    link.close()
    assert bench.until(lambda: bool(server.lost))
    assert server.lost == [Closed.FIN]
    assert link.core.lost == [Closed.LOCAL]


def test_vanishing_is_silent_for_good(bench: Bench) -> None:
    available(bench, FaultKind.VANISH)
    link = bench.connect()
    server = bench.serving(link)
    link.faults.vanish()
    server.send(b"anybody?")
    bench.world.run_for(1.3)
    assert link.core.lost == [Closed.LOCAL]
    assert not server.lost and server.stuck_calls


def test_a_blackhole_harms_no_other_link(bench: Bench) -> None:
    available(bench, FaultKind.BLACKHOLE)
    first, second = bench.connect(), bench.connect()
    first.faults.blackhole()
    second.core.send(b"fine")
    assert bench.until(lambda: second.core.frames == [b"fine"])


def test_stall_and_resume(bench: Bench) -> None:
    link = bench.connect()
    link.faults.stall()
    link.core.send(b"a")
    link.core.send(b"b")
    bench.world.run_for(0.1)
    assert not link.core.frames
    link.faults.resume()
    assert bench.until(lambda: link.core.frames == [b"a", b"b"])


def test_a_reset_is_noticed_while_stalled(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.stall()
    server.transport.abort()
    assert bench.until(lambda: link.core.lost == [Closed.RESET])


def test_held_responses_come_later(bench: Bench) -> None:
    link = bench.connect()
    link.faults.hold_responses(skip=1)
    for payload in (b"a", b"b", b"c"):
        link.core.send(payload)
    bench.world.run_for(0.1)
    assert link.core.frames == [b"a"]
    link.faults.resume()
    assert bench.until(lambda: link.core.frames == [b"a", b"b", b"c"])


def test_an_interrupted_request_goes_on_after_a_stall(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.arm(FaultKind.STALL, Position.INSIDE_REQUEST, keep=10)
    link.core.send(b"a long request")
    link.core.send(b"the next")
    bench.world.run_for(0.1)
    assert server.bytes_received == 10
    link.faults.resume()
    assert bench.until(lambda: link.core.frames == [b"a long request", b"the next"])


def test_cut(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.arm(FaultKind.CUT, Position.INSIDE_REQUEST, keep=7)
    link.core.send(b"0123456789")
    assert bench.until(lambda: bool(server.lost))
    assert server.lost == [Closed.FIN]
    assert server.bytes_received == 7
    sent = bench.capture.frames[-1]
    assert sent.flow is Flow.SENT and sent.data == b"\0\0\0\x0a012" and not sent.complete


def test_delay_keeps_order(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.delay_next_send(0.2)
    start = bench.world.now
    link.core.send(b"delayed")
    link.core.send(b"behind it")
    bench.world.run_for(0.05)
    assert not server.frames
    assert bench.until(lambda: len(server.frames) == 2)
    assert server.frames == [b"delayed", b"behind it"]
    assert bench.world.now >= start + 0.2


def test_corrupt_duplicate_split(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.faults.corrupt_next_send(-1, 0x01)
    link.faults.corrupt_next_send(500)
    link.faults.duplicate_next_send()
    link.faults.split_next_send((2, 5, 9))
    for payload in (b"aaaa", b"bbbb", b"cccc", b"dddddddd", b"eeee"):
        link.core.send(payload)
    expected = [b"aaa`", b"bbbb", b"cccc", b"cccc", b"dddddddd", b"eeee"]
    assert bench.until(lambda: len(server.frames) == len(expected))
    assert server.frames == expected
    sent = [frame.data for frame in bench.capture.frames if frame.flow is Flow.SENT]
    assert sent[4:8] == [b"\0\0", b"\0\x08d", b"dddd", b"ddd"]


def test_senseless_positions_are_refused(bench: Bench) -> None:
    link = bench.connect()
    with pytest.raises(ValueError, match="cannot be placed"):
        link.faults.arm(FaultKind.CUT, Position.AFTER_EXECUTION)
    with pytest.raises(ValueError, match="arm it"):
        link.faults.apply(FaultKind.CORRUPT)


def test_faults_are_in_the_capture(bench: Bench) -> None:
    link = bench.connect(name="main")
    link.faults.stall()
    link.faults.resume()
    link.faults.reset()
    events = [
        (record.channel, record.kind, record.detail)
        for record in bench.capture.records
        if isinstance(record, CapturedEvent)
    ]
    assert events == [
        ("main", EventKind.CONNECTED, ""),
        ("main", EventKind.FAULT, "stall"),
        ("main", EventKind.FAULT, "resumed"),
        ("main", EventKind.FAULT, "reset"),
        ("main", EventKind.CLOSED, "reset here"),
    ]
