"""What both worlds do alike."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from net_bench import Bench, EchoService, Recorder, framed, make_bench

from smbtorture_py.net.core import Address, Unreachable
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.simulated import SimulatedWorld
from smbtorture_py.net.taps import Capture, CapturedEvent, EventKind, Flow
from smbtorture_py.net.tcp_server import TcpServer
from smbtorture_py.net.world import World
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.message import Direction


def satisfies(world: World) -> World:
    return world


def test_both_worlds_satisfy_the_protocol() -> None:
    satisfies(SimulatedWorld(1)).close()
    satisfies(RealWorld(1)).close()


def test_frames_arrive_whole_and_in_order(bench: Bench) -> None:
    link = bench.connect()
    sent = [bytes([number]) * (number * 700 + 1) for number in range(60)]
    for payload in sent:
        link.core.send(payload)
    assert bench.until(lambda: len(link.core.frames) == len(sent))
    assert link.core.frames == sent
    assert bench.serving(link).frames == sent


def test_parts_of_one_write_follow_each_other(bench: Bench) -> None:
    bench.world.taps.detach(bench.capture)
    link = bench.connect()
    parts = [b"\0\0\x07\xd4", b"", bytes(1000), bytearray(b"x" * 4), memoryview(bytes(1000))]
    link.write(parts)
    assert bench.until(lambda: len(link.core.frames) == 1)
    assert link.core.frames[0] == b"".join(parts)[4:]


def test_a_megabyte_each_way(bench: Bench) -> None:
    link = bench.connect()
    payload = os.urandom(1 << 20)
    link.core.send(payload)
    assert bench.until(lambda: bool(link.core.frames))
    assert link.core.frames == [payload]
    assert bench.until(lambda: link.outstanding == 0)
    assert link.core.acknowledged_count == len(payload) + 4


def test_acknowledgments_are_told_to_both_cores(bench: Bench) -> None:
    link = bench.connect()
    link.core.send(b"hello")
    server = bench.serving(link)
    assert bench.until(lambda: link.core.acknowledged_count == 9 and server.acknowledged_count == 9)
    assert not link.core.stuck_calls and not server.stuck_calls


def test_close_is_a_fin(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.core.send(b"last words")
    link.close()
    assert not link.open
    assert bench.until(lambda: bool(server.lost and link.core.lost))
    assert server.lost == [Closed.FIN]
    assert server.frames == [b"last words"]
    assert link.core.lost == [Closed.LOCAL]
    assert bench.until(lambda: bench.listener.connections == 0)


def test_abort_is_a_reset(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.abort()
    assert bench.until(lambda: bool(server.lost and link.core.lost))
    assert server.lost == [Closed.RESET]
    assert link.core.lost == [Closed.LOCAL]


def test_the_server_closes_after_its_last_answer(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    server.send(b"x" * 300_000)
    server.transport.close()
    assert bench.until(lambda: bool(link.core.lost))
    assert link.core.lost == [Closed.FIN]
    assert link.core.frames == [b"x" * 300_000]
    assert not link.open


def test_the_server_aborts(bench: Bench) -> None:
    link = bench.connect()
    bench.serving(link).transport.abort()
    assert bench.until(lambda: bool(link.core.lost))
    assert link.core.lost == [Closed.RESET]
    assert link.closed is Closed.RESET
    end = bench.capture.records[-1]
    assert isinstance(end, CapturedEvent) and (end.kind, end.detail) == (EventKind.CLOSED, "lost: RESET")


def test_half_close_still_gets_the_answers_under_way(bench: Bench) -> None:
    link = bench.connect()
    server = bench.serving(link)
    link.core.send(b"question")
    link.faults.half_close()
    link.core.send(b"not sent")
    assert bench.until(lambda: bool(link.core.lost))
    assert server.lost == [Closed.FIN]
    assert server.frames == [b"question"]
    assert link.core.frames == [b"question"]
    assert link.core.lost == [Closed.FIN]


def test_a_lost_framing_ends_the_connection(bench: Bench) -> None:
    link, other = bench.connect(), bench.connect()
    server = bench.serving(link)
    link.write((b"\x81\0\0\0garbage",))
    assert bench.until(lambda: bool(server.lost and link.core.lost))
    assert server.lost == [Closed.FRAMING]
    assert link.core.lost == [Closed.RESET]
    other.core.send(b"still here")
    assert bench.until(lambda: other.core.frames == [b"still here"])


def test_writing_to_a_closed_link_is_ignored(bench: Bench) -> None:
    link = bench.connect()
    link.close()
    link.core.send(b"too late")
    link.close()
    link.abort()
    assert bench.until(lambda: bool(link.core.lost))
    bench.world.run_for(0.05)
    assert link.core.lost == [Closed.LOCAL]


def test_refused(bench: Bench) -> None:
    bench.listener.close()
    with pytest.raises(Unreachable, match="refused"):
        bench.connect(name="doomed")
    event = bench.capture.records[-1]
    assert isinstance(event, CapturedEvent) and event.kind is EventKind.REFUSED
    assert event.channel == "doomed"


def test_connection_limit(kind: str) -> None:
    bench = make_bench(kind, ListenLimits(connections=2))
    links = [bench.connect(), bench.connect()]
    third = None
    try:
        third = bench.connect()
        assert bench.until(lambda: third.core.lost == [Closed.RESET])
    except Unreachable:
        assert kind == "real"
    links[0].core.send(b"fine")
    assert bench.until(lambda: links[0].core.frames == [b"fine"])
    links[1].close()
    assert bench.until(lambda: bench.listener.connections == 1)
    again = bench.connect()
    again.core.send(b"room again")
    assert bench.until(lambda: again.core.frames == [b"room again"])
    bench.world.close()


def test_timers_run_in_order_and_can_be_cancelled(bench: Bench) -> None:
    world = bench.world
    seen: list[str] = []
    start = world.now
    world.call_at(start + 0.02, lambda now: seen.append("second"))
    world.call_at(start + 0.01, lambda now: seen.append("first"))
    world.call_at(start + 0.02, lambda now: seen.append("third"))
    world.call_at(start + 0.015, lambda now: seen.append("never")).cancel()
    world.call_at(start - 5, lambda now: seen.append("past"))
    assert bench.until(lambda: len(seen) == 4)
    assert seen == ["past", "first", "second", "third"]
    assert world.now >= start + 0.02


def test_a_deadline_returns_false_and_has_passed(bench: Bench) -> None:
    deadline = bench.world.now + 0.03
    assert bench.world.run_until(lambda: False, deadline) is False
    assert bench.world.now >= deadline
    assert bench.world.run_until(lambda: True, deadline - 1) is True


def test_callbacks_must_not_wait(bench: Bench) -> None:
    caught: list[str] = []

    def wait(now: float) -> None:
        with pytest.raises(RuntimeError) as error:
            bench.world.run_for(1)
        caught.append(str(error.value))

    bench.world.call_at(bench.world.now, wait)
    assert bench.until(lambda: bool(caught))


def test_services_are_ticked_when_they_asked(bench: Bench) -> None:
    due = bench.world.now + 0.03
    bench.service.deadlines = [due, due + 0.02, due + 3600]
    assert bench.until(lambda: len(bench.service.ticks) >= 2)
    assert bench.service.ticks[0] >= due
    assert bench.service.ticks[1] >= due + 0.02
    assert bench.service.deadlines == [due + 3600]


def test_addresses_agree_and_the_source_is_used(bench: Bench, kind: str) -> None:
    source = "198.51.100.7" if kind == "simulated" else "127.0.0.3"
    link = bench.connect(source=source)
    bench.serving(link)
    assert link.local.host == source
    assert bench.service.addresses == [(link.remote, link.local)]
    assert link.remote == bench.address


def test_two_hundred_connections(bench: Bench) -> None:
    links = [bench.connect() for _ in range(200)]
    for number, link in enumerate(links):
        link.core.send(f"I am {number}".encode())
    assert bench.until(lambda: all(link.core.frames for link in links))
    assert [link.core.frames for link in links] == [[f"I am {n}".encode()] for n in range(200)]
    assert len({link.local for link in links}) == 200
    assert bench.listener.connections == 200
    for link in links:
        link.close()
    assert bench.until(lambda: bench.listener.connections == 0)


def test_a_slow_reader_is_asked_no_more(kind: str) -> None:
    limit = 200_000
    bench = make_bench(kind, ListenLimits(output_backlog=limit))
    slow = bench.connect(receive_buffer=4096)
    brisk = bench.connect()
    server = bench.serving(slow)
    slow.faults.stall()
    wanted = 400
    # Kernels hold megabytes of their own, so both requests and answers are more than that.
    for _ in range(wanted):
        slow.core.send(b"give 100000 " + bytes(20_000))
    bench.world.run_for(0.3)
    asked = len(server.frames)
    assert 0 < asked < wanted
    brisk.core.send(b"me too")
    assert bench.until(lambda: brisk.core.frames == [b"me too"])
    slow.faults.resume()
    assert bench.until(lambda: len(slow.core.frames) == wanted, 20)
    assert {len(frame) for frame in slow.core.frames} == {100_000}
    bench.world.close()


def test_captures_hold_what_was_on_the_wire(bench: Bench) -> None:
    one, two = bench.connect(name="one"), bench.connect(name="two")
    for link, payload in ((one, b"first"), (two, b"second"), (one, b"third")):
        link.plain(Direction.REQUEST, b"plain " + payload)
        link.core.send(payload)
        assert bench.until(lambda link=link, payload=payload: payload in link.core.frames)
    frames = bench.capture.frames
    assert [(f.channel, f.flow, f.data) for f in frames] == [
        (name, flow, framed(payload))
        for name, payload in (("one", b"first"), ("two", b"second"), ("one", b"third"))
        for flow in (Flow.SENT, Flow.RECEIVED)
    ]
    assert all(frame.complete for frame in frames)
    numbers = [record.number for record in bench.capture.records]
    assert numbers == sorted(set(numbers))
    times = [record.at for record in bench.capture.records]
    assert times == sorted(times)
    assert frames[0].local == one.local and frames[0].remote == bench.address


def test_plain_messages_name_their_frame(bench: Bench) -> None:
    class Opening(Recorder):
        def frame(self, payload: bytes) -> None:
            super().frame(payload)
            self.transport.plain(Direction.RESPONSE, b"opened " + payload)  # type: ignore[attr-defined]

    link = bench.world.connect(bench.address, Opening)
    for payload in (b"a", b"b", b"c"):
        link.plain(Direction.REQUEST, b"sealed " + payload)
        link.core.send(payload)
    assert bench.until(lambda: len(link.core.frames) == 3)
    by_number = {frame.number: frame.data[4:] for frame in bench.capture.frames}
    plains = [record for record in bench.capture.records if hasattr(record, "frame")]
    assert len(plains) == 6
    for plain in plains:
        assert plain.data.split()[1] == by_number[plain.frame]


def test_a_bounded_capture_forgets_the_oldest(bench: Bench) -> None:
    small = Capture(limit=20_000)
    bench.world.taps.attach(small)
    link = bench.connect()
    for _ in range(50):
        link.core.send(bytes(1000))
    assert bench.until(lambda: len(link.core.frames) == 50)
    assert small.size <= 20_000
    assert small.dropped > 50
    assert small.records == bench.capture.records[-len(small.records) :]


def test_closing_the_world_leaves_no_descriptor(kind: str) -> None:
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    for _ in range(3):
        bench = make_bench(kind)
        links = [bench.connect() for _ in range(10)]
        links[0].close()
        links[1].abort()
        links[2].core.send(b"x" * 100_000)
        with pytest.raises(Unreachable):
            bench.world.connect(Address(bench.address.host, 1), Recorder, timeout=1)
        bench.world.close()
        bench.world.close()
    after = len(list(Path("/proc/self/fd").iterdir())) if before else 0
    assert after == before


def test_silence_is_unreachable_in_time() -> None:
    world = SimulatedWorld(3)
    world.isolate("192.0.2.9")
    start = world.now
    with pytest.raises(Unreachable, match="no answer within 7 s"):
        world.connect(Address("192.0.2.9", 445), Recorder, timeout=7)
    assert world.now == pytest.approx(start + 7)


def test_a_real_server_that_never_accepts_is_unreachable_in_time() -> None:
    world = RealWorld(3)
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    address = Address(*full.getsockname())
    try:
        with pytest.raises(Unreachable, match="no answer within"):
            for _ in range(5):
                world.connect(address, Recorder, timeout=0.2)
    finally:
        world.close()
        full.close()


def test_an_address_in_use_is_an_os_error(bench: Bench) -> None:
    with pytest.raises(OSError, match="use"):
        bench.world.listen(bench.address, EchoService())


def test_a_real_world_ends_whose_socket_the_garbage_collector_has_closed() -> None:
    """A world that nobody closes and its sockets may be collected in any order."""
    made = make_bench("real")
    link = made.connect()
    link.endpoint._socket.close()
    made.world.close()
    assert link.endpoint.gone


def test_several_real_addresses_and_an_orderly_end() -> None:
    world = RealWorld(4)
    service = EchoService()
    wanted = [Address("127.0.0.1", 0), Address("127.0.0.2", 0)]
    server = TcpServer(world, service, wanted)
    assert [address.host for address in server.addresses] == ["127.0.0.1", "127.0.0.2"]
    assert all(address.port for address in server.addresses)
    links = [world.connect(address, Recorder) for address in server.addresses]
    for link in links:
        link.core.send(b"hi")
    world.call_at(world.now + 0.1, lambda now: server.stop())
    server.serve()
    assert [link.core.frames for link in links] == [[b"hi"], [b"hi"]]
    assert [link.core.lost for link in links] == [[Closed.FIN], [Closed.FIN]]
    with pytest.raises(Unreachable):
        world.connect(server.addresses[0], Recorder)
    world.close()


def test_a_signal_ends_a_server_that_waits() -> None:
    world = RealWorld(4)
    server = TcpServer(world, EchoService(), [Address("127.0.0.1", 0)])
    before = signal.signal(signal.SIGALRM, lambda number, frame: server.stop())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        server.serve()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        world.close()


def test_one_address_that_fails_leaves_no_listener() -> None:
    world = RealWorld(4)
    taken = world.listen(Address("127.0.0.1", 0), EchoService())
    free = Address("127.0.0.2", taken.address.port)
    with pytest.raises(OSError, match="use"):
        TcpServer(world, EchoService(), [free, taken.address])
    with pytest.raises(Unreachable, match="refused"):
        world.connect(free, Recorder)
    world.close()


def test_ipv6_loopback() -> None:
    world = RealWorld(4)
    try:
        listener = world.listen(Address("::1", 0), EchoService())
    except OSError as error:
        world.close()
        pytest.skip(f"no IPv6 loopback here: {error}")
    link = world.connect(listener.address, Recorder, source="::1")
    link.core.send(b"six")
    assert world.run_until(lambda: link.core.frames == [b"six"], world.now + 5)
    assert str(link.remote) == f"[::1]:{listener.address.port}"
    world.close()
