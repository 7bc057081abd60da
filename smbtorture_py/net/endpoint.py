"""One side of a transport connection: what the simulated and the real one share.

An endpoint is the `Transport` of its owner, a core, and makes all of the owner's callbacks. It also has the
handles by which faults are applied. It counts what was written and what the peer's transport has
acknowledged, and from that tells its owner `acknowledged` and `stuck`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, IntFlag
from typing import Final

from smbtorture_py.net.core import Address, Clock, Core, DirectCore, Timer
from smbtorture_py.wire.codec import Buffer, FramingError
from smbtorture_py.wire.framing import Closed

STUCK_AFTER: Final = 1.0
"""Seconds without an acknowledgment, while bytes are outstanding, after which the owner is told `stuck`."""

LINGER: Final = 5.0
"""Seconds that a closed endpoint goes on delivering what was queued before it gives up."""


class FaultUnavailable(RuntimeError):
    """This machine cannot produce the fault; `reason` says why, and a case that needs it is blocked by it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pause(IntFlag):
    """Why an endpoint does not read at present; it reads when no reason is left."""

    NONE = 0
    FAULT = 1
    """A fault: stall, plugged, or responses being held."""
    BACKPRESSURE = 2
    """The peer reads its answers too slowly to be asked more."""


class EndpointState(Enum):
    """Life of an endpoint."""

    OPEN = "open"
    CLOSING = "closing"
    """Closed by its owner; what was queued, and the FIN, are still on their way."""
    GONE = "gone"


class Endpoint(ABC):
    """One side of a transport connection.

    `output_limit`: bytes of unacknowledged output over which the endpoint stops reading until half of it is
    left (None: never), so that a peer that does not read its answers cannot make memory grow.
    """

    def __init__(
        self, clock: Clock, local: Address, remote: Address, *, output_limit: int | None = None
    ) -> None:
        self.clock = clock
        self.local = local
        self.remote = remote
        self.state = EndpointState.OPEN
        self.written = 0
        """Bytes the owner wrote."""
        self.acknowledged = 0
        """Bytes of them that the peer's transport has acknowledged."""
        self.received = 0
        """Bytes the owner was given."""
        self.pauses = Pause.NONE
        self.blackholed = False
        self.on_gone: Callable[[], None] | None = None
        """Called once when nothing is left of the endpoint."""
        self._owner: Core | None = None
        self._output_limit = output_limit
        self._since = 0.0
        self._stuck_timer: Timer | None = None
        self._write_ended = False
        """Whether a FIN was asked for: nothing more can be written."""
        self._outgoing: deque[memoryview] = deque()
        """What was written and the network has not taken yet."""
        self._queued = 0
        """Its bytes."""
        self._fin_wanted = False
        self._fin_sent = False
        self._fin_received = False

    # The owner's side

    @property
    def gone(self) -> bool:
        """Whether nothing is left of it."""
        return self.state is EndpointState.GONE

    @property
    def writable(self) -> bool:
        """Whether the owner can still send."""
        return self.state is EndpointState.OPEN and not self._write_ended

    def attach(self, owner: Core) -> None:
        """Give the endpoint the owner whose callbacks it makes from now on."""
        self._owner = owner

    @property
    def outstanding(self) -> int:
        """Bytes written and not acknowledged."""
        return self.written - self.acknowledged

    @property
    def queued(self) -> int:
        """Bytes written that the network has not taken yet."""
        return self._queued

    def write(self, parts: Sequence[Buffer]) -> None:
        """Queue buffers; ignored once closed."""
        if not self.writable:
            return
        views = [view for part in parts if (view := memoryview(part).cast("B")).nbytes]
        count = sum(view.nbytes for view in views)
        if not count:
            return
        now = self.clock.now
        if not self.outstanding:
            self._since = now
        self.written += count
        if self._stuck_timer is None:
            self._stuck_timer = self.clock.call_at(self._since + STUCK_AFTER, self._check_stuck)
        was_idle = not self._outgoing
        self._outgoing.extend(views)
        self._queued += count
        self._begin_sending(was_idle)
        if self._output_limit is not None and self.outstanding > self._output_limit:
            self.pause(Pause.BACKPRESSURE)

    def close(self) -> None:
        """Close in order: what is queued, then a FIN. The owner is told `Closed.LOCAL` in a moment."""
        if self.state is not EndpointState.OPEN:
            return
        self.state = EndpointState.CLOSING
        self._tell_lost_soon()
        self._begin_close()

    def abort(self) -> None:
        """Send a RST and forget everything queued. The owner is told `Closed.LOCAL` in a moment."""
        if self.state is EndpointState.GONE:
            return
        self._tell_lost_soon()
        self._reset()
        self._gone()

    def half_close(self) -> None:
        """Send a FIN after what is queued, and go on reading."""
        if self.state is EndpointState.OPEN and not self._write_ended:
            self._write_ended = self._fin_wanted = True
            self._begin_half_close()

    def pause(self, reason: Pause) -> None:
        """Stop reading for this reason."""
        was = self.pauses
        self.pauses |= reason
        if not was:
            self._reading_changed()

    def resume(self, reason: Pause) -> None:
        """Take back this reason for not reading."""
        if self.pauses & reason:
            self.pauses &= ~reason
            if not self.pauses:
                self._reading_changed()

    # Faults

    def blackhole(self) -> None:
        """Drop all that arrives, acknowledgments included, and send nothing. Raises FaultUnavailable."""
        if self.state is EndpointState.OPEN and not self.blackholed:
            self._drop_incoming(True)
            self.blackholed = True

    def heal(self) -> None:
        """End a blackhole; what was lost meanwhile is sent again by both sides."""
        if self.state is EndpointState.OPEN and self.blackholed:
            self._drop_incoming(False)
            self.blackholed = False
            self._sending_changed()

    def vanish(self) -> None:
        """Be silent while the world lives: no FIN, no RST, no acknowledgment. Raises FaultUnavailable."""
        self.blackhole()
        if self.state is EndpointState.OPEN:
            self.state = EndpointState.CLOSING
            self._tell_lost_soon()

    def forget(self) -> None:
        """Lose the connection silently; the peer's next segment meets a RST. Raises FaultUnavailable."""
        if self.state is not EndpointState.OPEN:
            return
        self._forget()
        self._tell_lost_soon()
        self._gone()

    @abstractmethod
    def require_filter(self) -> None:
        """Raise FaultUnavailable when `blackhole` and `vanish` cannot be done here."""

    @abstractmethod
    def require_repair(self) -> None:
        """Raise FaultUnavailable when `forget` cannot be done here."""

    @abstractmethod
    def limit_receive(self, size: int) -> None:
        """Take in at most about `size` bytes that nobody reads; the kernel may round it up."""

    @abstractmethod
    def flush(self) -> None:
        """Hand what is queued to the network now, as far as it takes it."""

    @abstractmethod
    def destroy(self) -> None:
        """End at once because the world ends: tell nobody, release everything."""

    # What the implementations fill in

    @abstractmethod
    def _begin_sending(self, was_idle: bool) -> None:
        """Take up what was queued just now, where nothing had been queued before it or something had."""

    @abstractmethod
    def _begin_close(self) -> None: ...

    @abstractmethod
    def _begin_half_close(self) -> None: ...

    @abstractmethod
    def _reset(self) -> None: ...

    @abstractmethod
    def _forget(self) -> None: ...

    @abstractmethod
    def _drop_incoming(self, drop: bool) -> None: ...

    @abstractmethod
    def _reading_changed(self) -> None: ...

    @abstractmethod
    def _sending_changed(self) -> None: ...

    # What the implementations call

    def _drop_output(self) -> None:
        """Forget what is queued."""
        self._outgoing.clear()
        self._queued = 0

    def _finish_if_done(self) -> None:
        """End a close once both sides have sent their FIN."""
        if self.state is EndpointState.CLOSING and self._fin_sent and self._fin_received:
            self._gone()

    def _give_up(self) -> None:
        """Reset a close that the peer has let linger."""
        if self.state is EndpointState.CLOSING:
            self._reset()
            self._gone()

    def _deliver(self, data: memoryview) -> None:
        """Give the owner bytes; a stream that lost its framing ends here."""
        owner = self._owner
        if owner is None or self.state is not EndpointState.OPEN:
            return
        self.received += data.nbytes
        now = self.clock.now
        try:
            owner.data_received(data, now)
        except FramingError:
            self._lost(Closed.FRAMING)
            if not self.gone:
                self._reset()
                self._gone()

    def _room(self) -> memoryview | None:
        """Where the owner wants the next bytes, if it cares."""
        owner = self._owner
        if self.state is EndpointState.OPEN and isinstance(owner, DirectCore):
            return owner.room()
        return None

    def _acknowledge(self, total: int) -> None:
        """Note that the peer's transport has `total` bytes of what was written."""
        count = min(total, self.written) - self.acknowledged
        if count <= 0:
            return
        self.acknowledged += count
        self._since = self.clock.now
        if self.pauses and self.outstanding <= (self._output_limit or 0) // 2:
            self.resume(Pause.BACKPRESSURE)
        if self._owner is not None and self.state is EndpointState.OPEN:
            self._owner.acknowledged(count, self.clock.now)

    def _peer_finished(self) -> None:
        """The peer's FIN was read: tell the owner, then send what is queued and our own FIN."""
        if self.state is EndpointState.OPEN:
            self._lost(Closed.FIN)
            if self.state is EndpointState.OPEN:
                self.state = EndpointState.CLOSING
                self._begin_close()

    def _peer_reset(self) -> None:
        """The connection is gone for the peer."""
        if self.state is not EndpointState.GONE:
            how = Closed.RESET if self.state is EndpointState.OPEN else Closed.LOCAL
            self._gone()
            self._lost(how)

    def _lost(self, how: Closed) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.connection_lost(how, self.clock.now)

    def _tell_lost_soon(self) -> None:
        if self._owner is not None:
            self.clock.call_at(self.clock.now, lambda _now: self._lost(Closed.LOCAL))

    def _gone(self) -> None:
        if self.state is EndpointState.GONE:
            return
        self.state = EndpointState.GONE
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
            self._stuck_timer = None
        callback, self.on_gone = self.on_gone, None
        if callback is not None:
            callback()

    def _check_stuck(self, now: float) -> None:
        self._stuck_timer = None
        if not self.outstanding or self.state is not EndpointState.OPEN:
            return
        due = self._since + STUCK_AFTER
        if now >= due:
            due = now + STUCK_AFTER
            if self._owner is not None:
                self._owner.stuck(self._since, now)
        if self._stuck_timer is None and self.state is EndpointState.OPEN:
            self._stuck_timer = self.clock.call_at(due, self._check_stuck)
