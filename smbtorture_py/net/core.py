"""What a world and the protocol cores it carries expect of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias, TypeVar, runtime_checkable

from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.framing import Closed

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives n bytes; reproducible when it was made from a seed."""


class Address(NamedTuple):
    """One end of a transport connection: a literal IPv4 or IPv6 address (or a simulated name) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Unreachable(ConnectionError):
    """No transport connection came about: refused, no route, or no answer in time; `reason` says which."""

    def __init__(self, address: Address, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class Transport(Protocol):
    """One transport connection as a core sees it."""

    def write(self, parts: Sequence[Buffer]) -> None:
        """Queue buffers that follow each other on the wire and never change; ignored once closed."""

    def close(self) -> None:
        """Close in order, after what is queued (a FIN on TCP)."""

    def abort(self) -> None:
        """Close at once (a RST on TCP); what is queued is lost."""


class Core(Protocol):
    """What a world tells a protocol core; `now` is Unix seconds. No call comes from inside another."""

    def data_received(self, data: memoryview, now: float) -> None:
        """Take the next bytes of the stream; the view is valid during the call only."""

    def acknowledged(self, count: int, now: float) -> None:
        """Learn that the peer's transport has acknowledged `count` more bytes of what was written."""

    def stuck(self, since: float, now: float) -> None:
        """Learn that of bytes outstanding none was acknowledged since `since`; repeated while that lasts."""

    def connection_lost(self, how: Closed, now: float) -> None:
        """Learn, once and last of all, how the transport connection ended."""


@runtime_checkable
class DirectCore(Protocol):
    """What a core has besides the callbacks when bytes can be received straight to where they belong."""

    def room(self) -> memoryview | None:
        """Where the next bytes of the stream belong, if that is known.

        What was received into it is given to `data_received` as a view of its beginning.
        """


C_co = TypeVar("C_co", bound=Core, covariant=True)


class CoreFactory(Protocol[C_co]):
    """Makes the core of a connection that has just been established."""

    def __call__(self, transport: Transport, now: float) -> C_co:
        """Return the core that will own `transport`."""


class Service(Protocol):
    """What listens: the server core, or whatever else accepts connections and keeps deadlines."""

    def accept(self, transport: Transport, local: Address, remote: Address, now: float) -> Core:
        """Return the core of a new connection."""

    def next_deadline(self) -> float | None:
        """Return when `tick` wants to be called next (Unix seconds), or None."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Timer(Protocol):
    """A call that is due at some time."""

    def cancel(self) -> None:
        """Make sure that the call does not happen; harmless when it already has."""


class Clock(Protocol):
    """The part of a world that knows the time and can be asked to call back."""

    @property
    def now(self) -> float:
        """The time in Unix seconds."""

    def call_at(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Call `callback(now)` at `when` (Unix seconds), or as soon as the world runs if that is past."""
