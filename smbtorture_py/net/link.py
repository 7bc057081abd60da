"""The client's side of one transport connection: between a core and an endpoint, with taps and faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic

from smbtorture_py.net.core import Address, C_co, Clock, CoreFactory, DirectCore
from smbtorture_py.net.endpoint import Endpoint, EndpointState
from smbtorture_py.net.faults import LinkFaults
from smbtorture_py.net.taps import (
    CapturedEvent,
    CapturedFrame,
    CapturedPlain,
    EventKind,
    Flow,
    FrameCutter,
    Taps,
    is_whole_frame,
)
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.message import Direction


class Link(Generic[C_co]):
    """One transport connection with the client core `core` on it.

    It is the core's transport, and passes the world's callbacks on to the core. One `write` of the core is
    one frame. While nobody taps and no fault is armed, what is written passes through uncopied.
    """

    def __init__(
        self, clock: Clock, taps: Taps, name: str, endpoint: Endpoint, factory: CoreFactory[C_co]
    ) -> None:
        self.name = name
        """The channel's name in captures and transcripts."""
        self.local: Address = endpoint.local
        self.remote: Address = endpoint.remote
        self.closed: Closed | None = None
        """How the connection ended, once the core has been told; None before."""
        self.clock = clock
        self.endpoint = endpoint
        self._taps = taps
        self._cutter = FrameCutter()
        self._to_send: deque[Sequence[Buffer]] = deque()
        self._stash = bytearray()
        self._replay_due = False
        self._plain_to_send: list[bytes] = []
        self._frame_received = 0
        self._end_recorded = False
        self.faults = LinkFaults(self)
        """Everything that can be done to this connection from the client's side."""
        self.event(EventKind.CONNECTED, "")
        endpoint.attach(self)
        self.core: C_co = factory(self, clock.now)

    def __repr__(self) -> str:
        return f"<Link {self.name} {self.local} to {self.remote}>"

    @property
    def open(self) -> bool:
        """Whether the connection is established as far as this side knows."""
        return self.endpoint.state is EndpointState.OPEN

    @property
    def sent(self) -> int:
        """Bytes given to the transport, the four length bytes of each frame included."""
        return self.endpoint.written

    @property
    def outstanding(self) -> int:
        """Bytes of them that the server's transport has not acknowledged."""
        return self.endpoint.outstanding

    @property
    def received(self) -> int:
        """Bytes that arrived and were read."""
        return self.endpoint.received

    # The core's transport

    def write(self, parts: Sequence[Buffer]) -> None:
        """Send buffers that follow each other on the wire."""
        if self.endpoint.writable:
            self._to_send.append(parts)
            self.pump_sending()

    def close(self) -> None:
        """Close in order (FIN); what a fault holds back is dropped."""
        self._ending("closed here")
        self.endpoint.close()

    def abort(self) -> None:
        """Close at once (RST)."""
        self._ending("reset here")
        self.endpoint.abort()

    # The endpoint's core

    def data_received(self, data: memoryview, now: float) -> None:
        """Pass bytes on to the core, frame by frame, or keep them while a fault holds them back."""
        if self._stash or self.faults.receiving_held:
            self._stash += data
        else:
            self._receive(data, now)

    def room(self) -> memoryview | None:
        """Where the core wants the next bytes, unless a fault may hold them back."""
        if self._stash or self.faults.receiving_held or not isinstance(self.core, DirectCore):
            return None
        return self.core.room()

    def acknowledged(self, count: int, now: float) -> None:
        """Pass on to the core."""
        self.core.acknowledged(count, now)

    def stuck(self, since: float, now: float) -> None:
        """Pass on to the core."""
        self.event(EventKind.STUCK, f"{self.outstanding} bytes unacknowledged for {now - since:.3f} s")
        self.core.stuck(since, now)

    def connection_lost(self, how: Closed, now: float) -> None:
        """Pass on to the core."""
        self._ending(f"lost: {how.name}")
        self.closed = how
        self.core.connection_lost(how, now)

    # Captures

    def plain(self, direction: Direction, data: Buffer) -> None:
        """Record the plain message of an encrypted frame: what a client core's `plain_tap` wants.

        To be called for a request just before its frame is written, for a response while the
        core handles the frame's last bytes; that ties the two together.
        """
        if not self._taps:
            return
        if direction is Direction.REQUEST:
            self._plain_to_send.append(bytes(data))
        else:
            self._record_plain(Flow.RECEIVED, bytes(data), self._frame_received)

    def event(self, kind: EventKind, detail: str) -> None:
        """Record something that befell this link."""
        if self._taps:
            self._taps.record(
                CapturedEvent(
                    number=self._taps.number(),
                    at=self.clock.now,
                    channel=self.name,
                    local=self.local,
                    remote=self.remote,
                    kind=kind,
                    detail=detail,
                )
            )

    # For the faults

    def pump_sending(self) -> None:
        """Send what waits until nothing is left or a fault holds it back."""
        while self._to_send and self.endpoint.writable and not self.faults.sending_held:
            self.faults.send(self._to_send.popleft())

    def transmit(self, parts: Sequence[Buffer]) -> None:
        """Put buffers on the wire, past everything armed; recorded as one frame or a piece of one."""
        if not self.endpoint.writable:
            return
        if self._taps:
            data = b"".join(parts)
            number = self._record_frame(Flow.SENT, data)
            for plain in self._plain_to_send:
                self._record_plain(Flow.SENT, plain, number)
            self._plain_to_send.clear()
            parts = (data,)
        self.endpoint.write(parts)

    def requeue(self, parts: Sequence[Buffer]) -> None:
        """Put buffers in front of everything else that waits to be sent."""
        self._to_send.appendleft(parts)

    def replay_soon(self) -> None:
        """Give the core, in a moment, what was held back."""
        if self._stash and not self._replay_due:
            self._replay_due = True
            self.clock.call_at(self.clock.now, self._replay)

    # Inside

    def _replay(self, now: float) -> None:
        self._replay_due = False
        if self._stash and self.open and not self.faults.receiving_held:
            data, self._stash = self._stash, bytearray()
            self._receive(memoryview(data), now)

    def _receive(self, data: memoryview, now: float) -> None:
        """Cut what arrived at the ends of frames, so that a fault can come before a frame or inside it."""
        cutter = self._cutter
        while data and self.open:
            if not cutter.inside:
                self.faults.response_begins()
                cutter.keep = bool(self._taps)
            if self.faults.receiving_held or not self.open:
                self._stash += data
                return
            limit = self.faults.response_limit
            used = cutter.advance(data if limit is None else data[:limit])
            if not cutter.inside and (frame := cutter.take()) is not None:
                self._frame_received = self._record_frame(Flow.RECEIVED, frame)
            self.core.data_received(data[:used], now)
            data = data[used:]
            self.faults.response_passed(used, ended=not cutter.inside)

    def _record_frame(self, flow: Flow, data: bytes) -> int:
        number = self._taps.number()
        self._taps.record(
            CapturedFrame(
                number=number,
                at=self.clock.now,
                flow=flow,
                channel=self.name,
                local=self.local,
                remote=self.remote,
                data=data,
                complete=is_whole_frame(data),
            )
        )
        return number

    def _record_plain(self, flow: Flow, data: bytes, frame: int) -> None:
        self._taps.record(
            CapturedPlain(
                number=self._taps.number(),
                at=self.clock.now,
                flow=flow,
                channel=self.name,
                frame=frame,
                data=data,
            )
        )

    def _ending(self, detail: str) -> None:
        if self._taps and not self._end_recorded:
            self._end_recorded = True
            if self._cutter.inside and (piece := self._cutter.take()):
                self._record_frame(Flow.RECEIVED, piece)
            self.event(EventKind.CLOSED, detail)
