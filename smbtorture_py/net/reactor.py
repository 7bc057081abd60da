"""The real world: TCP sockets and the machine's clock, in one thread."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from selectors import EVENT_WRITE
from typing import TypeVar

from smbtorture_py.net.core import Address, Core, CoreFactory, Entropy, Service, Timer, Unreachable
from smbtorture_py.net.entropy import fresh_seed, seeded
from smbtorture_py.net.event_loop import EventLoop
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.link import Link
from smbtorture_py.net.taps import CapturedEvent, EventKind, Taps
from smbtorture_py.net.tcp import TcpEndpoint, address_of
from smbtorture_py.net.tcp_server import TcpListener
from smbtorture_py.net.world import CONNECT_TIMEOUT

C = TypeVar("C", bound=Core)


class RealWorld:
    """Real sockets and time; satisfies `World`. Without a seed it takes a fresh one, kept in `seed`."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = fresh_seed() if seed is None else seed
        self.taps = Taps()
        self.loop = EventLoop()
        self._links = 0
        self._endpoints: dict[int, TcpEndpoint] = {}
        self._listeners: list[TcpListener] = []
        self._closed = False

    @property
    def now(self) -> float:
        """The time in Unix seconds."""
        return self.loop.now

    def entropy(self, *names: str) -> Entropy:
        """Return the stream of the world's seed and these names, from its beginning."""
        return seeded(self.seed, *names)

    def call_at(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Call `callback(now)` at `when`, or as soon as the world runs."""
        return self.loop.call_at(when, callback)

    def run_until(self, predicate: Callable[[], bool], deadline: float) -> bool:
        """Run until `predicate()` holds (True) or the deadline has passed (False)."""
        return self.loop.run_until(predicate, deadline)

    def run_for(self, seconds: float) -> None:
        """Run for this long."""
        self.loop.run_until(lambda: False, self.now + seconds)

    def listen(self, address: Address, service: Service, limits: ListenLimits | None = None) -> TcpListener:
        """Let a service accept connections at an address. Raises OSError when it cannot."""
        listener = TcpListener(self.loop, address, service, limits)
        self._listeners.append(listener)
        return listener

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
        number = self._links
        name = name or f"channel-{number}"
        try:
            sock = self._open(address, source, timeout, receive_buffer)
        except Unreachable as error:
            if self.taps:
                self.taps.record(
                    CapturedEvent(
                        number=self.taps.number(),
                        at=self.now,
                        channel=name,
                        local=Address(source or "", 0),
                        remote=address,
                        kind=EventKind.REFUSED,
                        detail=error.reason,
                    )
                )
            raise
        endpoint = TcpEndpoint(
            self.loop, sock, address_of(sock.getsockname()), address_of(sock.getpeername())
        )
        self._endpoints[number] = endpoint

        def gone() -> None:
            self._endpoints.pop(number, None)

        endpoint.on_gone = gone
        return Link(self, self.taps, name, endpoint, factory)

    def close(self) -> None:
        """End every connection and listener at once and release all descriptors."""
        if self._closed:
            return
        self._closed = True
        for listener in self._listeners:
            listener.destroy()
        for endpoint in list(self._endpoints.values()):
            endpoint.destroy()
        self.loop.close()

    def _open(
        self, address: Address, source: str | None, timeout: float, receive_buffer: int | None
    ) -> socket.socket:
        """Return a connected, non-blocking socket."""
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise Unreachable(address, f"no such host: {error.strerror}") from error
        family, kind, protocol, _, target = found[0]
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            if receive_buffer is not None:
                # Before connecting, so that no larger window is ever offered.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source is not None:
                sock.bind((source, 0))
            self._finish(sock, sock.connect_ex(target), address, timeout)
            sock.getpeername()
        except OSError as error:
            sock.close()
            if isinstance(error, Unreachable):
                raise
            raise Unreachable(address, _reason(error.errno or 0)) from error
        return sock

    def _finish(self, sock: socket.socket, result: int, address: Address, timeout: float) -> None:
        """Wait until a connection that was begun is established. Raises Unreachable."""
        if result == errno.EINPROGRESS:
            ready: list[int] = []
            self.loop.watch(sock, EVENT_WRITE, ready.append)
            try:
                if not self.loop.run_until(lambda: bool(ready), self.now + timeout):
                    raise Unreachable(address, f"no answer within {timeout:g} s")
            finally:
                self.loop.watch(sock, 0, ready.append)
            result = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if result:
            raise Unreachable(address, _reason(result))


def _reason(number: int) -> str:
    return os.strerror(number).lower() if number else "the connection did not come about"
