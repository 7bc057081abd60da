"""The one interface of a case to time and network, offered alike by the simulator and by the real reactor.

    world = SimulatedWorld(seed=1)          # or RealWorld(seed=1)
    listener = world.listen(Address("192.0.2.1", 445), server)
    link = world.connect(listener.address, lambda transport, now: Connection(config, transport, ...))
    world.run_until(lambda: exchange.done, deadline=world.now + 5)
    link.faults.blackhole()

Waiting is always «run until this holds or until that time»; nothing sleeps, a deadline that passes raises
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from smbtorture_py.net.core import (
    Address,
    Clock,
    Core,
    CoreFactory,
    Entropy,
    Service,
    Timer,
    Transport,
    Unreachable,
)
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.link import Link
from smbtorture_py.net.taps import Taps

__all__ = [
    "CONNECT_TIMEOUT",
    "Address",
    "Clock",
    "Core",
    "CoreFactory",
    "Entropy",
    "Link",
    "ListenLimits",
    "Listener",
    "Service",
    "Timer",
    "Transport",
    "Unreachable",
    "World",
]

C = TypeVar("C", bound=Core)

CONNECT_TIMEOUT: Final = 10.0
"""Seconds that `World.connect` waits for a transport connection unless told otherwise."""


class Listener(Protocol):
    """A service that accepts connections on one address."""

    @property
    def address(self) -> Address:
        """Where it listens; the real port when port 0 was asked for."""

    @property
    def connections(self) -> int:
        """How many accepted connections are open."""

    def close(self) -> None:
        """Stop accepting; connections that are open live on."""


class World(Clock, Protocol):
    """Time and network for one case, or for one server process."""

    taps: Taps
    """Everything that wants to see the frames of this world's links."""

    def entropy(self, *names: str) -> Entropy:
        """Return the stream of the world's seed and these names, at each call from its beginning."""

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
        """Open a transport connection and put a core on it; runs the world until that is done.

        `source` is the local address to use, `name` the channel's name in captures (default: `channel-N`),
        `receive_buffer` the bytes our side takes in before anybody reads them («plugged» wants it small).
        Raises Unreachable.
        """

    def listen(self, address: Address, service: Service, limits: ListenLimits | None = None) -> Listener:
        """Let `service` accept connections at `address` (port 0: any free one). Raises OSError."""

    def run_until(self, predicate: Callable[[], bool], deadline: float) -> bool:
        """Run until `predicate()` holds (True) or `deadline`, in Unix seconds, has passed (False)."""

    def run_for(self, seconds: float) -> None:
        """Run for this long."""

    def close(self) -> None:
        """End everything at once: links, listeners and accepted connections. May be called twice."""
