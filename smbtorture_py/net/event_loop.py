"""The real clock, timers and readiness of sockets, in one thread."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from smbtorture_py.net.core import Service, Timer
from smbtorture_py.net.timers import TimerQueue

Ready: TypeAlias = Callable[[int], None]
"""Called with the selector events (`EVENT_READ`, `EVENT_WRITE`) that a socket is ready for."""

LONGEST_WAIT: Final = 3600.0
"""Seconds; system calls take no arbitrary time-outs."""

RECEIVE_SIZE: Final = 64 * 1024
"""Bytes read from a socket at once while nobody knows whose they are: all of many small frames, but little of
a large one, whose rest is received where it belongs."""

_WAKE_BYTES: Final = 64


class EventLoop:
    """Waits for sockets and timers. The clock is monotonic, anchored once to the wall clock."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._timers = TimerQueue()
        self._services: list[Service] = []
        self._running = False
        self.buffer = memoryview(bytearray(RECEIVE_SIZE))
        """What sockets read into; its contents are valid until the next read."""
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._woken)

    @property
    def now(self) -> float:
        """The time in Unix seconds; never goes back."""
        return self._anchor + time.monotonic()

    def call_at(self, when: float, callback: Callable[[float], None]) -> Timer:
        """Call `callback(now)` at `when`, or when the loop next runs if that has passed."""
        return self._timers.call_at(when, callback)

    def serve(self, service: Service) -> None:
        """Keep the deadlines of a service from now on."""
        if not any(known is service for known in self._services):
            self._services.append(service)

    def watch(self, sock: socket.socket, events: int, ready: Ready) -> None:
        """Call `ready` when the socket is, instead of what was asked before; no events: do not watch it."""
        known = sock.fileno() in self._selector.get_map()
        if not events:
            if known:
                self._selector.unregister(sock)
        elif known:
            self._selector.modify(sock, events, ready)
        else:
            self._selector.register(sock, events, ready)

    def wake(self) -> None:
        """Make a waiting loop look again; may be called from a signal handler."""
        try:
            self._wake_writer.send(b"\0")
        except BlockingIOError:
            return

    def run_until(self, predicate: Callable[[], bool], deadline: float) -> bool:
        """Run until `predicate()` holds (True) or the deadline has passed (False)."""
        if self._running:
            raise RuntimeError("the world is running already: callbacks must not wait")
        self._running = True
        try:
            while not predicate():
                now = self.now
                if now >= deadline:
                    # One look without waiting, so that a deadline of now still sees what is there.
                    self._turn(0.0)
                    return predicate()
                self._turn(self._patience(now, deadline))
            return True
        finally:
            self._running = False

    def close(self) -> None:
        """Release the loop's own descriptors."""
        self._timers.clear()
        self._services.clear()
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _patience(self, now: float, deadline: float) -> float:
        due = deadline
        first = self._timers.next_due
        if first is not None:
            due = min(due, first)
        for service in self._services:
            wanted = service.next_deadline()
            if wanted is not None:
                due = min(due, wanted)
        return min(max(due - now, 0.0), LONGEST_WAIT)

    def _turn(self, patience: float) -> None:
        for key, events in self._selector.select(patience):
            ready: Ready = key.data
            # An earlier callback of this turn may have closed or silenced the socket.
            current = self._selector.get_map().get(key.fd)
            if current is not None and current.data == ready:
                ready(events & current.events)
        now = self.now
        # What callbacks ask for during this turn waits for the next one, so that sockets are not starved.
        last = self._timers.last
        while (event := self._timers.pop(now, last)) is not None:
            event[1].make(now)
        for service in self._services:
            wanted = service.next_deadline()
            if wanted is not None and wanted <= self.now:
                service.tick(self.now)

    def _woken(self, _events: int) -> None:
        try:
            self._wake_reader.recv(_WAKE_BYTES)
        except BlockingIOError:
            return
