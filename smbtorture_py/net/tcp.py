"""One side of a real TCP connection, on a non-blocking socket."""

from __future__ import annotations

import socket
import struct
from itertools import islice
from selectors import EVENT_READ, EVENT_WRITE
from typing import Final

from smbtorture_py.net import linux
from smbtorture_py.net.core import Address, Timer
from smbtorture_py.net.endpoint import LINGER, Endpoint, EndpointState
from smbtorture_py.net.event_loop import EventLoop

_MOST_PARTS: Final = 512
"""Buffers given to one sendmsg; systems allow 1,024."""

_READS_PER_TURN: Final = 4
"""Reads from one socket before the others get their turn."""

_FIRST_POLL: Final = 0.001
_LAST_POLL: Final = 0.05
"""Seconds between looks at what the peer has acknowledged; they grow while nothing changes."""

_LINGER_RESET: Final = struct.pack("@ii", 1, 0)
"""SO_LINGER on, with zero seconds: closing sends a RST."""


def address_of(name: tuple[str, int] | tuple[str, int, int, int]) -> Address:
    """Return the address in what getsockname and getpeername give."""
    return Address(name[0], name[1])


def reset(sock: socket.socket) -> None:
    """Close a socket with a RST."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
    finally:
        sock.close()


class TcpEndpoint(Endpoint):
    """One side of a TCP connection. Takes over a connected, non-blocking socket."""

    def __init__(
        self,
        loop: EventLoop,
        sock: socket.socket,
        local: Address,
        remote: Address,
        *,
        output_limit: int | None = None,
    ) -> None:
        super().__init__(loop, local, remote, output_limit=output_limit)
        self._loop = loop
        self._socket = sock
        self._failed = False
        self._poll_timer: Timer | None = None
        self._poll_interval = _FIRST_POLL
        self._silence_timer: Timer | None = None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._watch()

    def require_filter(self) -> None:
        """Raise FaultUnavailable when the kernel refuses the filter; nothing is lost by trying."""
        if self.state is EndpointState.OPEN and not self.blackholed:
            linux.drop_incoming(self._socket)
            linux.accept_incoming(self._socket)

    def require_repair(self) -> None:
        """Raise FaultUnavailable when the kernel refuses repair mode."""
        if self.state is EndpointState.OPEN:
            linux.repair(self._socket)
            linux.leave_repair(self._socket)

    def limit_receive(self, size: int) -> None:
        """Set SO_RCVBUF; kernels round it up to their minimum."""
        if self.state is not EndpointState.GONE:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    def flush(self) -> None:
        """Hand what is queued to the kernel as far as it takes it."""
        self._send()

    def destroy(self) -> None:
        """End at once and tell nobody: with a RST, unless a FIN has said it all."""
        self._owner = None
        if self.state is EndpointState.GONE:
            return
        if not self._fin_sent:
            self._reset()
        self._gone()

    # Sending

    def _begin_sending(self, was_idle: bool) -> None:
        if was_idle:
            self._send()
        self._poll_interval = _FIRST_POLL
        if self._poll_timer is None and self.state is not EndpointState.GONE:
            self._poll_timer = self._loop.call_at(self._loop.now + _FIRST_POLL, self._poll)

    def _send(self) -> None:
        if self.gone or self._failed or (self.blackholed and not self._fin_wanted):
            return
        try:
            while self._outgoing and not self.blackholed:
                self._sent(self._socket.sendmsg(list(islice(self._outgoing, _MOST_PARTS))))
            if self._fin_wanted and not self._fin_sent:
                self._fin_sent = True
                self._socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            # The owner may be in the middle of its write, so it is told in a moment.
            self._failed = True
            self._drop_output()
            self._loop.call_at(self._loop.now, lambda _now: self._peer_reset())
        self._watch()

    def _sent(self, count: int) -> None:
        self._queued -= count
        while count:
            view = self._outgoing[0]
            if view.nbytes > count:
                self._outgoing[0] = view[count:]
                return
            count -= view.nbytes
            self._outgoing.popleft()

    def _begin_close(self) -> None:
        self._fin_wanted = True
        if self.blackholed:
            # The FIN of a closed socket leaves even though nothing comes in.
            self._drop_output()
        self._send()
        self._loop.call_at(self._loop.now + LINGER, lambda _now: self._give_up())
        self._finish_if_done()

    def _begin_half_close(self) -> None:
        self._send()

    def _reset(self) -> None:
        self._drop_output()
        # In a world that nobody closed the garbage collector may have come to the socket first.
        if self._socket.fileno() >= 0:
            self._loop.watch(self._socket, 0, self._ready)
            reset(self._socket)

    def _forget(self) -> None:
        linux.repair(self._socket)
        self._drop_output()

    def _gone(self) -> None:
        if self.state is EndpointState.GONE:
            return
        for timer in (self._poll_timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
        self._outgoing.clear()
        if self._socket.fileno() >= 0:
            self._loop.watch(self._socket, 0, self._ready)
            self._socket.close()
        super()._gone()

    # Receiving

    def _watch(self) -> None:
        if self.state is EndpointState.GONE or self._socket.fileno() < 0:
            return
        events = 0
        if not self._fin_received and (not self.pauses or self.state is EndpointState.CLOSING):
            events |= EVENT_READ
        if self._outgoing and not self.blackholed:
            events |= EVENT_WRITE
        self._loop.watch(self._socket, events, self._ready)

    def _ready(self, events: int) -> None:
        if events & EVENT_WRITE:
            self._send()
        if events & EVENT_READ and not self.gone:
            self._read()
        self._finish_if_done()

    def _read(self) -> None:
        for _ in range(_READS_PER_TURN):
            target = self._room() or self._loop.buffer
            try:
                count = self._socket.recv_into(target)
            except BlockingIOError:
                return
            except OSError:
                self._peer_reset()
                return
            if not count:
                self._fin_received = True
                self._watch()
                self._peer_finished()
                return
            if self.state is EndpointState.OPEN:
                self._deliver(target[:count].toreadonly())
            if self.gone or self.pauses or count < target.nbytes:
                return

    def _reading_changed(self) -> None:
        self._watch()
        if self.pauses and self._silence_timer is None:
            self._silence_timer = self._loop.call_at(self._loop.now + _LAST_POLL, self._look_for_reset)

    def _look_for_reset(self, now: float) -> None:
        """While nothing is read a RST would go unnoticed: ask for the connection's state instead."""
        self._silence_timer = None
        if not self.pauses or self.state is EndpointState.GONE:
            return
        if linux.is_over(self._socket):
            self._peer_reset()
        else:
            self._silence_timer = self._loop.call_at(now + _LAST_POLL, self._look_for_reset)

    # Acknowledgments

    def _poll(self, now: float) -> None:
        self._poll_timer = None
        if self.state is EndpointState.GONE:
            return
        in_kernel = linux.unacknowledged(self._socket) or 0
        before = self.acknowledged
        self._acknowledge(self.written - self._queued - in_kernel)
        if not self.outstanding or self._poll_timer is not None or self.gone:
            return
        changed = self.acknowledged > before
        self._poll_interval = _FIRST_POLL if changed else min(2 * self._poll_interval, _LAST_POLL)
        self._poll_timer = self._loop.call_at(now + self._poll_interval, self._poll)

    # Blackholes

    def _drop_incoming(self, drop: bool) -> None:
        if drop:
            linux.drop_incoming(self._socket)
        else:
            linux.accept_incoming(self._socket)

    def _sending_changed(self) -> None:
        self._send()
