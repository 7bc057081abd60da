"""A world of either kind with an echo service in it, and cores small enough to see through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from smbtorture_py.net.core import Address, Transport
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.link import Link
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.simulated import SimulatedWorld
from smbtorture_py.net.taps import Capture
from smbtorture_py.wire.framing import Closed, FrameReader, encode_frame_header

SEED = 20260101


def framed(payload: bytes) -> bytes:
    return encode_frame_header(len(payload)) + payload


class Recorder:
    """A core that remembers everything it was told."""

    def __init__(self, transport: Transport, now: float) -> None:
        self.transport = transport
        self.born = now
        self.reader = FrameReader(1 << 20)
        self.frames: list[bytes] = []
        self.bytes_received = 0
        self.acknowledged_count = 0
        self.stuck_calls: list[tuple[float, float]] = []
        self.lost: list[Closed] = []

    def send(self, payload: bytes) -> None:
        self.transport.write((framed(payload),))

    def data_received(self, data: memoryview, now: float) -> None:
        assert not self.lost
        self.bytes_received += len(data)
        for frame in self.reader.feed(data):
            self.frame(bytes(frame))

    def frame(self, payload: bytes) -> None:
        self.frames.append(payload)

    def acknowledged(self, count: int, now: float) -> None:
        assert count > 0
        self.acknowledged_count += count

    def stuck(self, since: float, now: float) -> None:
        self.stuck_calls.append((since, now))

    def connection_lost(self, how: Closed, now: float) -> None:
        self.lost.append(how)


class Echo(Recorder):
    """Answers each frame with itself; «give N » in front of it asks for N bytes instead."""

    def frame(self, payload: bytes) -> None:
        super().frame(payload)
        self.send(bytes(int(payload.split()[1])) if payload.startswith(b"give ") else payload)


@dataclass
class EchoService:
    """A service of `Echo` cores that also keeps deadlines."""

    cores: list[Echo] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)
    addresses: list[tuple[Address, Address]] = field(default_factory=list)

    def accept(self, transport: Transport, local: Address, remote: Address, now: float) -> Echo:
        core = Echo(transport, now)
        self.cores.append(core)
        self.addresses.append((local, remote))
        return core

    def next_deadline(self) -> float | None:
        return min(self.deadlines, default=None)

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.deadlines = [deadline for deadline in self.deadlines if deadline > now]


@dataclass
class Bench:
    """A world with an echo service in it."""

    world: SimulatedWorld | RealWorld
    service: EchoService
    address: Address
    capture: Capture
    listener: object

    def connect(self, **options: object) -> Link[Recorder]:
        return self.world.connect(self.address, Recorder, **options)  # type: ignore[arg-type]

    def until(self, predicate: Callable[[], bool], seconds: float = 5.0) -> bool:
        return self.world.run_until(predicate, self.world.now + seconds)

    def serving(self, link: Link[Recorder]) -> Echo:
        """The server's core of a link."""
        assert self.until(lambda: any(remote == link.local for _, remote in self.service.addresses))
        index = [remote for _, remote in self.service.addresses].index(link.local)
        return self.service.cores[index]


def make_bench(kind: str, limits: ListenLimits | None = None) -> Bench:
    world = SimulatedWorld(SEED) if kind == "simulated" else RealWorld(SEED)
    capture = Capture()
    world.taps.attach(capture)
    service = EchoService()
    host = "192.0.2.1" if kind == "simulated" else "127.0.0.1"
    listener = world.listen(Address(host, 0), service, limits)
    return Bench(world, service, listener.address, capture, listener)
