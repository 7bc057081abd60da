"""The TCP front end of a service: listening sockets on an event loop, limits, and an orderly end."""

from __future__ import annotations

import errno
import socket
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Final

from smbtorture_py.net.core import Address, Service
from smbtorture_py.net.event_loop import LONGEST_WAIT, EventLoop
from smbtorture_py.net.limits import ListenLimits
from smbtorture_py.net.tcp import TcpEndpoint, address_of, reset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.net.reactor import RealWorld

_BACKLOG: Final = 128
_ACCEPTS_PER_TURN: Final = 64

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_EXHAUSTED_WAIT: Final = 0.1
"""Seconds to wait when there are no more descriptors, lest the loop spin on what it cannot take."""

FAREWELL: Final = 1.0
"""Seconds that a server gives its clients, when it ends, to take what was already sent."""


class TcpListener:
    """A service on one TCP address. Raises OSError when the address cannot be listened on."""

    def __init__(
        self, loop: EventLoop, address: Address, service: Service, limits: ListenLimits | None = None
    ) -> None:
        self._loop = loop
        self._service = service
        self._limits = limits or ListenLimits()
        self._endpoints: dict[int, TcpEndpoint] = {}
        self._accepted = 0
        self._closed = False
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            self._socket.bind(tuple(address))
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise
        self.address = address_of(self._socket.getsockname())
        loop.serve(service)
        self._watch(loop.now)

    @property
    def connections(self) -> int:
        """How many accepted connections are open."""
        return len(self._endpoints)

    def close(self) -> None:
        """Stop accepting; connections that are open live on."""
        if not self._closed:
            self._closed = True
            self._loop.watch(self._socket, 0, self._ready)
            self._socket.close()

    def close_connections(self) -> None:
        """Close every connection in order, after what is queued for it."""
        for endpoint in list(self._endpoints.values()):
            endpoint.close()

    def destroy(self) -> None:
        """End the listener and its connections at once."""
        self.close()
        for endpoint in list(self._endpoints.values()):
            endpoint.destroy()

    def _watch(self, _now: float) -> None:
        if not self._closed:
            self._loop.watch(self._socket, EVENT_READ, self._ready)

    def _ready(self, _events: int) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                sock, name = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._loop.watch(self._socket, 0, self._ready)
                    self._loop.call_at(self._loop.now + _EXHAUSTED_WAIT, self._watch)
                # Any other error belongs to a connection that ended before it was taken.
                return
            self._accept(sock, address_of(name))

    def _accept(self, sock: socket.socket, remote: Address) -> None:
        if len(self._endpoints) >= self._limits.connections:
            reset(sock)
            return
        try:
            sock.setblocking(False)
            local = address_of(sock.getsockname())
            endpoint = TcpEndpoint(self._loop, sock, local, remote, output_limit=self._limits.output_backlog)
        except OSError:
            sock.close()
            return
        self._accepted += 1
        key = self._accepted
        self._endpoints[key] = endpoint

        def gone() -> None:
            self._endpoints.pop(key, None)

        endpoint.on_gone = gone
        endpoint.attach(self._service.accept(endpoint, local, remote, self._loop.now))


class TcpServer:
    """A service on several TCP addresses, run until it is told to stop. Raises OSError like `TcpListener`."""

    def __init__(
        self,
        world: RealWorld,
        service: Service,
        addresses: Sequence[Address],
        limits: ListenLimits | None = None,
    ) -> None:
        self._world = world
        self._stopping = False
        self.listeners: list[TcpListener] = []
        try:
            for address in addresses:
                self.listeners.append(world.listen(address, service, limits))
        except OSError:
            for listener in self.listeners:
                listener.close()
            raise

    @property
    def addresses(self) -> list[Address]:
        """Where it listens, in the order asked for, with the real ports."""
        return [listener.address for listener in self.listeners]

    def serve(self) -> None:
        """Serve until `stop`, then close everything in order and return; the world itself stays open."""
        while not self._stopping:
            self._world.run_until(lambda: self._stopping, self._world.now + LONGEST_WAIT)
        for listener in self.listeners:
            listener.close()
            listener.close_connections()
        self._world.run_until(
            lambda: not any(listener.connections for listener in self.listeners), self._world.now + FAREWELL
        )
        for listener in self.listeners:
            listener.destroy()

    def stop(self) -> None:
        """Make `serve` return; may be called from a signal handler."""
        self._stopping = True
        self._world.loop.wake()
