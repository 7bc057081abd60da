"""What only the simulator promises: a seed decides everything, and time costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from net_bench import EchoService, Recorder, framed, make_bench

from smbtorture_py.net.core import Address, Transport
from smbtorture_py.net.simulated import EPOCH, NetworkModel, SimulatedWorld
from smbtorture_py.net.taps import Capture

SERVER = Address("192.0.2.1", 445)


class Chunks(Recorder):
    """Remembers how the stream was cut, and when."""

    def __init__(self, transport: Transport, now: float) -> None:
        super().__init__(transport, now)
        self.chunks: list[tuple[float, int]] = []

    def data_received(self, data: memoryview, now: float) -> None:
        self.chunks.append((now, len(data)))
        super().data_received(data, now)


def story(seed: int) -> str:
    """Return everything observable of a small story with four links and a fault."""
    world = SimulatedWorld(seed)
    capture = Capture()
    world.taps.attach(capture)
    service = EchoService()
    world.listen(SERVER, service)
    links = [world.connect(SERVER, Chunks) for _ in range(4)]
    noise = world.entropy("story")
    for number in range(40):
        links[number % 4].core.send(noise(1 + 37 * number))
    links[1].faults.blackhole()
    world.run_for(3)
    links[1].faults.heal()
    world.run_for(3)
    lines = [repr(record) for record in capture.records]
    lines += [repr(link.core.chunks) for link in links]
    lines += [repr((core.stuck_calls, core.lost, core.acknowledged_count)) for core in service.cores]
    world.close()
    return "\n".join(lines)


def test_the_same_seed_gives_the_same_story() -> None:
    assert story(7) == story(7)
    assert story(7) != story(8)


def test_the_story_does_not_depend_on_the_hash_seed() -> None:
    command = (
        "import test_net_simulated as t, hashlib; print(hashlib.sha256(t.story(7).encode()).hexdigest())"
    )
    here = Path(__file__).parent
    digests = set()
    for hash_seed in ("0", "4711"):
        environment = dict(os.environ, PYTHONHASHSEED=hash_seed, PYTHONPATH=f"{here}:{here.parent.parent}")
        run = subprocess.run(
            [sys.executable, "-c", command], env=environment, capture_output=True, text=True, check=True
        )
        digests.add(run.stdout)
    assert len(digests) == 1


def test_hours_cost_nothing() -> None:
    world = SimulatedWorld(1)
    assert world.now == EPOCH
    began = time.monotonic()
    world.run_for(100 * 3600)
    assert world.now == EPOCH + 100 * 3600
    assert time.monotonic() - began < 5


def test_time_does_not_pass_without_reason() -> None:
    world = SimulatedWorld(1)
    world.call_at(EPOCH + 35, lambda now: None)
    seen: list[float] = []
    world.call_at(EPOCH + 10, seen.append)
    assert world.run_until(lambda: bool(seen), EPOCH + 100)
    assert seen == [EPOCH + 10] and world.now == EPOCH + 10


def test_streams_are_cut_and_joined_at_seeded_places() -> None:
    class ChunkService(EchoService):
        def accept(self, transport: Transport, local: Address, remote: Address, now: float) -> Chunks:
            self.chunks = Chunks(transport, now)
            return self.chunks

    world = SimulatedWorld(5)
    service = ChunkService()
    world.listen(SERVER, service)
    link = world.connect(SERVER, Recorder)
    for number in range(250):
        link.core.send(bytes(100))
        if number < 200:
            world.run_for(0.01)
    world.run_for(1)
    sizes = [size for _, size in service.chunks.chunks]
    assert sum(sizes) == 250 * 104
    assert any(size < 4 for size in sizes) and any(4 < size < 104 for size in sizes)
    assert any(size > 104 for size in sizes)
    assert len(service.chunks.frames) == 250


def test_latency_is_what_the_model_says() -> None:
    world = SimulatedWorld(5, model=NetworkModel(latency=0.1, jitter=0.0))
    world.listen(SERVER, EchoService())
    link = world.connect(SERVER, Chunks)
    assert world.now == pytest.approx(EPOCH + 0.2)
    link.core.send(b"x")
    world.run_until(lambda: bool(link.core.frames), world.now + 10)
    assert world.now == pytest.approx(EPOCH + 0.4)


def test_bytes_are_lent_for_the_call_only() -> None:
    class Keeper(Recorder):
        def data_received(self, data: memoryview, now: float) -> None:
            assert data.readonly
            self.kept = data

    world = SimulatedWorld(5, model=NetworkModel(split=0.0))
    service = EchoService()
    world.listen(SERVER, service)
    link = world.connect(SERVER, Keeper)
    service.cores[0].send(b"first")
    world.run_for(1)
    kept = link.core.kept
    assert kept == framed(b"first")
    service.cores[0].send(b"other")
    world.run_for(1)
    assert kept == framed(b"other")


def test_a_service_that_asks_for_the_past_is_reported() -> None:
    class Broken(EchoService):
        def next_deadline(self) -> float | None:
            return EPOCH

        def tick(self, now: float) -> None:
            return

    world = SimulatedWorld(1)
    world.listen(SERVER, Broken())
    with pytest.raises(RuntimeError, match="again and again"):
        world.run_for(1)


def test_stuck_is_repeated_with_the_same_since() -> None:
    bench = make_bench("simulated")
    link = bench.connect()
    server = bench.serving(link)
    link.faults.blackhole()
    bench.world.run_for(1)
    sent = bench.world.now
    server.send(b"break")
    bench.world.run_for(3.5)
    assert [since for since, _ in server.stuck_calls] == [sent] * 3
    assert [told - sent for _, told in server.stuck_calls] == pytest.approx([1, 2, 3])
    link.faults.heal()
    bench.world.run_for(3)
    assert len(server.stuck_calls) == 3
    assert link.core.frames == [b"break"]
