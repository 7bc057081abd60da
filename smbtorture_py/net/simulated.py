"""A seeded network and clock in memory: nothing sleeps, nothing is left to chance, a seed replays everything.

The model is TCP as a server sees it: bytes in order, cut into segments at seeded places, latency with seeded
jitter, a receive buffer that closes the sender's window when nobody reads, acknowledgments one round trip
after sending (with the answer where one leaves at once), FIN and RST, retransmission after a blackhole heals.
The clock jumps to what is due next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from smbtorture_py.net.core import Address, Core, CoreFactory, Entropy, Service, Timer, Unreachable
from smbtorture_py.net.endpoint import LINGER, Endpoint, EndpointState
from smbtorture_py.net.entropy import Choices, seeded
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.link import Link
from smbtorture_py.net.taps import CapturedEvent, EventKind, Taps
from smbtorture_py.net.timers import TimerQueue
from smbtorture_py.net.world import CONNECT_TIMEOUT

C = TypeVar("C", bound=Core)

EPOCH: Final = 1_767_225_600.0
"""When simulated time begins: 2026-01-01T00:00:00Z."""

CLIENT_HOST: Final = "198.51.100.1"
"""The local address of links that ask for none (TEST-NET-2, RFC 5737)."""

RETRANSMISSION: Final = 0.2
"""Seconds until lost segments are sent again once the path is whole; the least time-out of common stacks."""

MINIMUM_RECEIVE_BUFFER: Final = 2048
_FIRST_EPHEMERAL_PORT: Final = 49152
_CUTS: Final = (8, 128)
"""Bytes within which early cuts fall: inside a frame's length and an SMB2 header, respectively."""

_SPINNING: Final = 10_000
"""Ticks of one service without any time passing, after which it is taken to be broken."""


@dataclass(slots=True, frozen=True, kw_only=True)
class NetworkModel:
    """How the simulated network behaves."""

    latency: float = 0.0002
    """Seconds one way."""
    jitter: float = 0.0001
    """Seconds that the seed may add to it, per segment; segments never overtake each other."""
    segment: int = 65536
    """Bytes of the largest segment."""
    split: float = 0.125
    """The part of segments that is cut at a seeded place, often a very early one: framing is exercised so."""
    receive_buffer: int = 262144
    """Bytes a side takes in before anybody reads them."""


@dataclass(slots=True, frozen=True)
class _Segment:
    """Bytes on their way: `size` of them in all."""

    size: int
    parts: list[memoryview]


class _Mark(Enum):
    FIN = "fin"


class SimulatedListener:
    """A service on one simulated address."""

    def __init__(
        self, world: SimulatedWorld, address: Address, service: Service, limits: ListenLimits
    ) -> None:
        self.address = address
        self.service = service
        self.limits = limits
        self.endpoints: dict[int, SimulatedEndpoint] = {}
        self._world = world

    @property
    def connections(self) -> int:
        """How many accepted connections are open."""
        return len(self.endpoints)

    def close(self) -> None:
        """Stop accepting."""
        self._world.unlisten(self)


class SimulatedEndpoint(Endpoint):
    """One side of a simulated connection."""

    def __init__(
        self,
        world: SimulatedWorld,
        local: Address,
        remote: Address,
        choices: Choices,
        receive_buffer: int,
        *,
        output_limit: int | None = None,
    ) -> None:
        super().__init__(world, local, remote, output_limit=output_limit)
        self._world = world
        self._choices = choices
        self.peer: SimulatedEndpoint = self
        self._receive_buffer = receive_buffer
        self._in_flight = 0
        self._unacknowledged = 0
        """Bytes taken in whose acknowledgment is still to leave: with the next segment, or by itself."""
        self._last_arrival = 0.0
        self._pump_due = False
        self._inbox: deque[_Segment] = deque()
        self._inbox_size = 0
        self._delivery_due = False
        self._undelivered: deque[_Segment | _Mark] = deque()
        """What arrived here during a blackhole, and what came behind it before that was sent again."""
        self._unheard = 0
        """Bytes of ours whose acknowledgment a blackhole swallowed."""

    def require_filter(self) -> None:
        """Do nothing: the simulator has every fault."""

    def require_repair(self) -> None:
        """Do nothing: the simulator has every fault."""

    def limit_receive(self, size: int) -> None:
        """Take in at most `size` unread bytes (2,048 at least, as kernels do)."""
        self._receive_buffer = max(size, MINIMUM_RECEIVE_BUFFER)

    def flush(self) -> None:
        """Hand what is queued to the network as far as the peer's window allows."""
        self._pump(self._world.now)

    def destroy(self) -> None:
        """End without telling anybody."""
        self._owner = None
        self._gone()

    # Sending

    def _begin_sending(self, was_idle: bool) -> None:
        del was_idle
        self._pump_soon()

    def _pump_soon(self) -> None:
        if not self._pump_due:
            self._pump_due = True
            self._world.pump_soon(self._pump)

    def _pump(self, now: float) -> None:
        self._pump_due = False
        if self.state is not EndpointState.GONE and not self.blackholed:
            self._send(now)
        if self._unacknowledged:
            self._send_acknowledgment()

    def _send(self, now: float) -> None:
        while self._outgoing:
            window = self.peer.window - self._in_flight
            if window <= 0:
                return
            self._send_segment(self._take(min(window, self._segment_size())), now)
        if self._fin_wanted and not self._fin_sent:
            self._send_fin(now)

    def _segment_size(self) -> int:
        model = self._world.model
        if self._queued > 1 and self._choices.fraction() < model.split:
            reach = self._choices.one_of((*_CUTS, model.segment))
            return 1 + self._choices.below(min(self._queued - 1, reach))
        return min(self._queued, model.segment)

    def _take(self, count: int) -> _Segment:
        segment = _Segment(count, [])
        self._queued -= count
        while count:
            view = self._outgoing.popleft()
            if view.nbytes > count:
                self._outgoing.appendleft(view[count:])
                view = view[:count]
            count -= view.nbytes
            segment.parts.append(view)
        return segment

    def _send_segment(self, segment: _Segment, now: float) -> None:
        self._in_flight += segment.size
        taken = self._take_acknowledgment()
        self._world.call_at(self._arrival(now), lambda _now: self.peer.segment_arrived(segment, taken))

    def _send_acknowledgment(self) -> None:
        taken = self._take_acknowledgment()
        self._world.call_at(
            self._world.now + self._delay(), lambda _now: self.peer.acknowledgment_arrived(taken)
        )

    def _take_acknowledgment(self) -> int:
        taken, self._unacknowledged = self._unacknowledged, 0
        return taken

    def _send_fin(self, now: float) -> None:
        self._fin_sent = True
        self._world.call_at(self._arrival(now), lambda _now: self.peer.fin_arrived())
        self._finish_if_done()

    def _arrival(self, now: float) -> float:
        self._last_arrival = max(self._last_arrival, now + self._delay())
        return self._last_arrival

    def _delay(self) -> float:
        model = self._world.model
        return model.latency + model.jitter * self._choices.fraction()

    def _begin_close(self) -> None:
        self._fin_wanted = True
        if self.blackholed:
            # The FIN of a closed socket leaves even though nothing comes in.
            self._drop_output()
            if not self._fin_sent:
                self._send_fin(self._world.now)
        self._inbox.clear()
        self._inbox_size = 0
        self._pump_soon()
        self.peer.window_opened()
        self._world.call_at(self._world.now + LINGER, lambda _now: self._give_up())
        self._finish_if_done()

    def _begin_half_close(self) -> None:
        self._pump_soon()

    def _reset(self) -> None:
        self._drop_output()
        self._world.call_at(self._arrival(self._world.now), lambda _now: self.peer.reset_arrived())

    def _forget(self) -> None:
        self._drop_output()

    def _gone(self) -> None:
        super()._gone()
        self._world.released(self)

    # Receiving

    @property
    def window(self) -> int:
        """Bytes this side can still take in, in flight or not."""
        return self._receive_buffer - self._inbox_size

    def window_opened(self) -> None:
        """Learn that the peer reads again."""
        if self._queued and self.state is not EndpointState.GONE:
            self._world.call_at(self._world.now + self._delay(), self._pump)

    def segment_arrived(self, segment: _Segment, acknowledges: int = 0) -> None:
        """Take a segment off the network, and the acknowledgment of so many bytes that comes with it."""
        if acknowledges:
            self.acknowledgment_arrived(acknowledges)
        if self.blackholed or self._undelivered:
            self._undelivered.append(segment)
            return
        if self.state is EndpointState.GONE:
            self._reset()
            return
        self.peer.segment_taken(segment.size)
        self._unacknowledged += segment.size
        if self.state is EndpointState.CLOSING:
            self.peer.window_opened()
        else:
            self._inbox.append(segment)
            self._inbox_size += segment.size
            self._deliver_inbox(self._world.now)
        if not self._pump_due:
            self._send_acknowledgment()

    def segment_taken(self, count: int) -> None:
        """Learn that the peer took a segment in."""
        self._in_flight -= count

    def acknowledgment_arrived(self, count: int) -> None:
        """Learn that the peer has so many bytes more."""
        if self.blackholed:
            self._unheard += count
        elif self.state is not EndpointState.GONE:
            self._acknowledge(self.acknowledged + count)

    def fin_arrived(self) -> None:
        """Take a FIN off the network."""
        if self.blackholed or self._undelivered:
            self._undelivered.append(_Mark.FIN)
        elif self.state is not EndpointState.GONE:
            self._fin_received = True
            self._deliver_inbox(self._world.now)
            self._finish_if_done()

    def reset_arrived(self) -> None:
        """Take a RST off the network."""
        if not self.blackholed:
            self._peer_reset()

    def _deliver_inbox(self, _now: float) -> None:
        while self._inbox and not self.pauses and self.state is EndpointState.OPEN:
            segment = self._inbox.popleft()
            self._inbox_size -= segment.size
            self._deliver(self._world.lend(segment))
            self.peer.window_opened()
        if self._fin_received and not self._inbox and not self.pauses:
            self._peer_finished()
            self._finish_if_done()

    def _reading_changed(self) -> None:
        if not self.pauses and (self._inbox or self._fin_received):
            self._world.call_at(self._world.now, self._deliver_inbox)

    # Blackholes

    def _drop_incoming(self, drop: bool) -> None:
        if not drop:
            self._world.call_at(self._world.now + RETRANSMISSION, lambda _now: self._retransmitted())

    def _sending_changed(self) -> None:
        self._pump_soon()

    def _retransmitted(self) -> None:
        if self.blackholed or self.state is EndpointState.GONE:
            return
        unheard, self._unheard = self._unheard, 0
        if unheard:
            self._acknowledge(self.acknowledged + unheard)
        undelivered, self._undelivered = self._undelivered, deque()
        for item in undelivered:
            if isinstance(item, _Mark):
                self.fin_arrived()
            else:
                self.segment_arrived(item)
        if self.peer.state is EndpointState.GONE:
            # Whatever this side would send to probe the path meets a RST.
            self._peer_reset()


class SimulatedWorld:
    """A network and a clock of its own, made from a seed; satisfies `World`.

    Hosts are whatever addresses are used. `isolate(host)` makes new connections to it time out.
    """

    def __init__(self, seed: int, *, start: float = EPOCH, model: NetworkModel | None = None) -> None:
        self.seed = seed
        self.model = model or NetworkModel()
        self.taps = Taps()
        self._now = start
        self._timers = TimerQueue()
        self._listeners: dict[Address, SimulatedListener] = {}
        self._services: list[Service] = []
        self._endpoints: dict[int, SimulatedEndpoint] = {}
        self._links = 0
        self._ports = _FIRST_EPHEMERAL_PORT
        self._isolated: set[str] = set()
        self._lent = bytearray(self.model.segment)
        self._running = False
        self._pumps: list[Callable[[float], None]] = []

    @property
    def now(self) -> float:
        """Simulated time in Unix seconds."""
        return self._now

    def entropy(self, *names: str) -> Entropy:
        """Return the stream of the world's seed and these names, from its beginning."""
        return seeded(self.seed, *names)

    def call_at(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Call `callback(now)` at `when`, after everything that was asked for that time before."""
        return self._timers.call_at(when if when > self._now else self._now, callback)

    def pump_soon(self, pump: Callable[[float], None]) -> None:
        """Have an endpoint send what is queued by then, before anything else happens."""
        self._pumps.append(pump)

    # Running

    def run_until(self, predicate: Callable[[], bool], deadline: float) -> bool:
        """Run until `predicate()` holds (True), or jump to `deadline` (False)."""
        if self._running:
            raise RuntimeError("the world is running already: callbacks must not wait")
        self._running = True
        try:
            while not predicate():
                if not self._step(deadline):
                    self._now = max(self._now, deadline)
                    return False
            return True
        finally:
            self._running = False

    def run_for(self, seconds: float) -> None:
        """Run for this long."""
        self.run_until(lambda: False, self._now + seconds)

    def _step(self, deadline: float) -> bool:
        """Do the one thing that is due next; False when nothing is due by the deadline."""
        if self._pumps:
            pumps, self._pumps = self._pumps, []
            for pump in pumps:
                pump(self._now)
        first = self._timers.next_due
        service: Service | None = None
        due: float | None = None
        if first is None or first > self._now:
            # Only where time is about to move can a service be due before the next event.
            service, due = self._next_tick()
        if first is not None and (due is None or first <= due):
            if first > deadline:
                return False
            if first > self._now:
                self._now = first
            self._timers.take_first().make(self._now)
            return True
        if service is None or due is None or due > deadline:
            return False
        self._tick(service, due)
        return True

    def _next_tick(self) -> tuple[Service | None, float | None]:
        first: Service | None = None
        due: float | None = None
        for service in self._services:
            deadline = service.next_deadline()
            if deadline is not None and (due is None or deadline < due):
                first, due = service, deadline
        return first, due

    def _tick(self, service: Service, due: float) -> None:
        """Let a service do what is due; one that keeps asking for a time that has passed is broken."""
        self._now = max(self._now, due)
        for _ in range(_SPINNING):
            service.tick(self._now)
            deadline = service.next_deadline()
            if deadline is None or deadline > self._now:
                return
        raise RuntimeError(f"{service!r} asks for a deadline that has passed, again and again")

    # Network

    def listen(
        self, address: Address, service: Service, limits: ListenLimits | None = None
    ) -> SimulatedListener:
        """Let a service accept connections at an address. Raises OSError when it is taken."""
        if not address.port:
            self._ports += 1
            address = Address(address.host, self._ports)
        if address in self._listeners:
            raise OSError(f"{address} is in use")
        listener = SimulatedListener(self, address, service, limits or ListenLimits())
        self._listeners[address] = listener
        if not any(known is service for known in self._services):
            self._services.append(service)
        return listener

    def unlisten(self, listener: SimulatedListener) -> None:
        """Make connections to a listener's address be refused; its service goes on living."""
        if self._listeners.get(listener.address) is listener:
            del self._listeners[listener.address]

    def isolate(self, host: str) -> None:
        """Let no new connection to a host come about: they time out."""
        self._isolated.add(host)

    def restore(self, host: str) -> None:
        """End an isolation."""
        self._isolated.discard(host)

    def connect(
        self,
        address: Address,
        factory: CoreFactory[C],
        *,
        source: str | None = None,
        name: str = "",
        timeout: float = CONNECT_TIMEOUT,
        receive_buffer: int | None = None,
    ) -> Link[C]:
        """Open a connection and put a core on it. Raises Unreachable."""
        self._links += 1
        name = name or f"channel-{self._links}"
        self._ports += 1
        local = Address(source or CLIENT_HOST, self._ports)
        choices = Choices(self.entropy("network", str(self._links)))
        size = max(receive_buffer or self.model.receive_buffer, MINIMUM_RECEIVE_BUFFER)
        client = SimulatedEndpoint(self, local, address, choices, size)
        answer: list[str] = []

        def syn_arrived(now: float) -> None:
            if address.host in self._isolated:
                return
            verdict: list[str] = []
            # Asked for first, so that nothing the service sends can arrive before it.
            self.call_at(now + self.model.latency, lambda _now: answer.extend(verdict))
            verdict.append(self._accept(client, choices, now))

        self.call_at(self._now + self.model.latency, syn_arrived)
        self.run_until(lambda: bool(answer), self._now + timeout)
        reason = answer[0] if answer else f"no answer within {timeout:g} s"
        if reason:
            client.destroy()
            if self.taps:
                number = self.taps.number()
                self.taps.record(
                    CapturedEvent(number, self._now, name, local, address, EventKind.REFUSED, reason)
                )
            raise Unreachable(address, reason)
        self._endpoints[id(client)] = client
        return Link(self, self.taps, name, client, factory)

    def _accept(self, client: SimulatedEndpoint, choices: Choices, now: float) -> str:
        """Let the listener take a connection; return why it does not, or nothing."""
        listener = self._listeners.get(client.remote)
        if listener is None:
            return "connection refused"
        server = SimulatedEndpoint(
            self,
            client.remote,
            client.local,
            choices,
            self.model.receive_buffer,
            output_limit=listener.limits.output_backlog,
        )
        server.peer, client.peer = client, server
        self._endpoints[id(server)] = server
        if len(listener.endpoints) >= listener.limits.connections:
            server.abort()
            return ""
        key = id(server)
        listener.endpoints[key] = server
        server.on_gone = lambda: _forget(listener.endpoints, key)
        server.attach(listener.service.accept(server, server.local, server.remote, now))
        return ""

    def released(self, endpoint: SimulatedEndpoint) -> None:
        """Forget an endpoint of which nothing is left."""
        self._endpoints.pop(id(endpoint), None)

    def lend(self, segment: _Segment) -> memoryview:
        """Return a segment's bytes in a buffer that the next one overwrites, as a socket's reader would."""
        size = segment.size
        if size > len(self._lent):
            self._lent = bytearray(size)
        view = memoryview(self._lent)
        start = 0
        for part in segment.parts:
            view[start : start + part.nbytes] = part
            start += part.nbytes
        return view[:size].toreadonly()

    def close(self) -> None:
        """End everything; nothing is due any more."""
        for endpoint in list(self._endpoints.values()):
            endpoint.destroy()
        self._listeners.clear()
        self._services.clear()
        self._timers.clear()
        self._pumps.clear()


def _forget(endpoints: dict[int, SimulatedEndpoint], key: int) -> None:
    endpoints.pop(key, None)
