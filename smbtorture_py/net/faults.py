"""The faults of a link: applied from the client's side, without the server's help, the same in both worlds.

At once: `close`, `reset`, `half_close`, `blackhole`, `heal`, `vanish`, `forget`, `plug`, `stall`, `resume`.
Placed: `arm(kind, position)`, or what it is made of (`before_next_send`, `inside_next_response`, ...).
On one frame: `delay_next_send`, `corrupt_next_send`, `duplicate_next_send`, `split_next_send`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntFlag
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.net.core import Core
from smbtorture_py.net.endpoint import FaultUnavailable, Pause
from smbtorture_py.net.taps import EventKind
from smbtorture_py.wire.codec import Buffer

if TYPE_CHECKING:
    from smbtorture_py.net.link import Link

__all__ = [
    "EXPECTED",
    "POSITIONS",
    "FaultClass",
    "FaultKind",
    "FaultUnavailable",
    "LinkFaults",
    "Position",
]


class FaultKind(Enum):
    """What can go wrong with a link."""

    CLOSE = "close"
    """A FIN in both directions."""
    RESET = "reset"
    """A RST (SO_LINGER with zero seconds)."""
    HALF_CLOSE = "half-close"
    """A FIN from the client, which goes on reading."""
    BLACKHOLE = "blackhole"
    """Nothing gets through in either direction, acknowledgments included."""
    VANISH = "vanish"
    """A blackhole that no FIN ever ends: the client's machine is gone."""
    FORGET = "forget"
    """The client's transport loses the connection silently; later segments meet a RST: a reboot."""
    PLUG = "plug"
    """The client takes in a few bytes and reads none of them: the window closes with data outstanding."""
    STALL = "stall"
    """The client only stops reading: small messages are still acknowledged."""
    CUT = "cut"
    """The connection ends (FIN) inside a frame that the client sends."""
    DELAY = "delay"
    """A request waits before it is sent."""
    CORRUPT = "corrupt"
    """Bits of a request are inverted."""
    DUPLICATE = "duplicate"
    """A request is sent twice, byte for byte."""
    SPLIT = "split"
    """A request is sent in several segments."""


class FaultClass(Enum):
    """How a server can come to know of a fault."""

    AT_ONCE = "the server notices at once"
    AT_NEXT_SEND = "the server notices when it next sends"
    UNACKNOWLEDGED = "the server sees unacknowledged data"
    TIMERS = "everything is acknowledged, so timers decide"
    PROTOCOL = "as the protocol says"


class Position(Enum):
    """Where in an exchange a fault is placed."""

    BEFORE_REQUEST = "before-request"
    """The next request never arrives (not before a blackhole heals or a stall ends)."""
    INSIDE_REQUEST = "inside-request"
    """A part of the next request arrives."""
    AFTER_EXECUTION = "after-execution"
    """The next request arrives whole and is executed; nothing of the response reaches the client."""
    INSIDE_RESPONSE = "inside-response"
    """The next request is executed; a part of the response reaches the client."""


EXPECTED: Final[Mapping[FaultKind, FaultClass]] = MappingProxyType(
    {
        FaultKind.CLOSE: FaultClass.AT_ONCE,
        FaultKind.RESET: FaultClass.AT_ONCE,
        FaultKind.HALF_CLOSE: FaultClass.AT_ONCE,
        FaultKind.BLACKHOLE: FaultClass.UNACKNOWLEDGED,
        FaultKind.VANISH: FaultClass.UNACKNOWLEDGED,
        FaultKind.FORGET: FaultClass.AT_NEXT_SEND,
        FaultKind.PLUG: FaultClass.UNACKNOWLEDGED,
        FaultKind.STALL: FaultClass.TIMERS,
        FaultKind.CUT: FaultClass.AT_ONCE,
        FaultKind.DELAY: FaultClass.PROTOCOL,
        FaultKind.CORRUPT: FaultClass.PROTOCOL,
        FaultKind.DUPLICATE: FaultClass.PROTOCOL,
        FaultKind.SPLIT: FaultClass.PROTOCOL,
    }
)
"""What each fault is to the server."""

_EVERYWHERE: Final = tuple(Position)

POSITIONS: Final[Mapping[FaultKind, tuple[Position, ...]]] = MappingProxyType(
    {
        FaultKind.CLOSE: _EVERYWHERE,
        FaultKind.RESET: _EVERYWHERE,
        FaultKind.HALF_CLOSE: _EVERYWHERE,
        FaultKind.BLACKHOLE: _EVERYWHERE,
        FaultKind.VANISH: _EVERYWHERE,
        FaultKind.FORGET: _EVERYWHERE,
        FaultKind.PLUG: _EVERYWHERE,
        FaultKind.STALL: _EVERYWHERE,
        FaultKind.CUT: (Position.INSIDE_REQUEST,),
        FaultKind.DELAY: (Position.BEFORE_REQUEST,),
        FaultKind.CORRUPT: (Position.INSIDE_REQUEST,),
        FaultKind.DUPLICATE: (Position.INSIDE_REQUEST,),
        FaultKind.SPLIT: (Position.INSIDE_REQUEST,),
    }
)
"""The positions that `arm` takes for each fault."""

Action: TypeAlias = Callable[[], None]

INSIDE: Final = 20
"""Bytes of a frame that pass before a fault placed inside it: the middle of an SMB2 header."""

PLUGGED_BUFFER: Final = 2048
"""Bytes a plugged client takes in; kernels have a minimum near it and round smaller values up."""

DELAY: Final = 0.5
"""Seconds of a delay that was armed without a figure."""

_RETRY_FIRST: Final = 0.001
_RETRY_LAST: Final = 0.1
"""Seconds between looks at whether the network has taken a frame yet."""


class _Hold(IntFlag):
    """Why frames wait in the link."""

    NONE = 0
    BLACKHOLE = 1
    STALL = 2
    DELAY = 4
    DRAIN = 8
    REST_OF_REQUEST = 16


_SENDING: Final = _Hold.DELAY | _Hold.DRAIN | _Hold.REST_OF_REQUEST
_RECEIVING: Final = _Hold.BLACKHOLE | _Hold.STALL


@dataclass(slots=True)
class _SendStep:
    skip: int
    apply: Callable[[bytes], None]


@dataclass(slots=True)
class _ReceiveStep:
    skip: int
    keep: int
    action: Action


class LinkFaults:
    """What can be done to one link. Armed faults act one per frame, in the order of arming."""

    def __init__(self, link: Link[Core]) -> None:
        self._link = link
        self._holds = _Hold.NONE
        self._send_steps: deque[_SendStep] = deque()
        self._receive_steps: deque[_ReceiveStep] = deque()
        self._inside: _ReceiveStep | None = None
        self.response_limit: int | None = None
        """Bytes of the response under way that still pass before a fault inside it; None without one."""

    # At once

    def apply(self, kind: FaultKind) -> None:
        """Apply a fault of the whole link now. Raises FaultUnavailable; ValueError when it needs a frame."""
        self._action(kind)()

    def close(self) -> None:
        """End with a FIN."""
        self._note(FaultKind.CLOSE)
        self._link.close()

    def reset(self) -> None:
        """End with a RST."""
        self._note(FaultKind.RESET)
        self._link.abort()

    def half_close(self) -> None:
        """Send a FIN and go on reading."""
        self._note(FaultKind.HALF_CLOSE)
        self._link.endpoint.half_close()

    def blackhole(self) -> None:
        """Let nothing through in either direction until `heal`. Raises FaultUnavailable.

        What the core writes meanwhile waits. Closing the link all the same sends a FIN; `vanish` does not.
        """
        self._note(FaultKind.BLACKHOLE)
        self._link.endpoint.blackhole()
        self._holds |= _Hold.BLACKHOLE

    def heal(self) -> None:
        """End a blackhole; both sides' transports send again what was lost."""
        self._link.event(EventKind.FAULT, "blackhole healed")
        self._link.endpoint.heal()
        self._release(_Hold.BLACKHOLE)

    def vanish(self) -> None:
        """Be silent until the world ends: no FIN, no RST, no acknowledgment. Raises FaultUnavailable."""
        self._note(FaultKind.VANISH)
        self._link.endpoint.vanish()

    def forget(self) -> None:
        """Lose the connection silently; later segments of the server meet a RST. Raises FaultUnavailable."""
        self._note(FaultKind.FORGET)
        self._link.endpoint.forget()

    def plug(self, size: int = PLUGGED_BUFFER) -> None:
        """Take in `size` bytes at most and read none of them, until `resume`.

        Kernels do not take back a window they have offered: for a window closed from the start, connect with
        `receive_buffer=`.
        """
        self._note(FaultKind.PLUG)
        self._link.endpoint.limit_receive(size)
        self._stop_reading()

    def stall(self) -> None:
        """Stop reading, until `resume`."""
        self._note(FaultKind.STALL)
        self._stop_reading()

    def resume(self) -> None:
        """Read again after `stall`, `plug` or `hold_responses`, and send what a stall kept back."""
        self._link.event(EventKind.FAULT, "resumed")
        self._link.endpoint.resume(Pause.FAULT)
        self._release(_Hold.STALL | _Hold.REST_OF_REQUEST)

    def require(self, kind: FaultKind) -> None:
        """Raise FaultUnavailable when this machine cannot produce the fault."""
        if kind in (FaultKind.BLACKHOLE, FaultKind.VANISH):
            self._link.endpoint.require_filter()
        elif kind is FaultKind.FORGET:
            self._link.endpoint.require_repair()

    # Placed

    def arm(self, kind: FaultKind, position: Position, *, skip: int = 0, keep: int = INSIDE) -> None:
        """Place a fault at the next request (after `skip` others).

        `keep` is how many bytes of the frame pass first where the position is inside one. Raises
        FaultUnavailable, and ValueError when the fault has no such position (`POSITIONS`).
        """
        if position not in POSITIONS[kind]:
            raise ValueError(f"{kind.value} cannot be placed {position.value}")
        self.require(kind)
        if kind is FaultKind.CUT:
            self.inside_next_send(keep, self._cut, skip=skip)
        elif kind is FaultKind.DELAY:
            self.delay_next_send(DELAY, skip=skip)
        elif kind is FaultKind.CORRUPT:
            self.corrupt_next_send(keep, skip=skip)
        elif kind is FaultKind.DUPLICATE:
            self.duplicate_next_send(skip=skip)
        elif kind is FaultKind.SPLIT:
            self.split_next_send((keep,), skip=skip)
        else:
            self._place(kind, self._action(kind), position, skip, keep)

    def before_next_send(self, action: Action, *, skip: int = 0) -> None:
        """Act when the core next sends a frame, before it leaves."""

        def apply(frame: bytes) -> None:
            action()
            self._continue(frame)

        self._send_steps.append(_SendStep(skip, apply))

    def inside_next_send(self, keep: int, action: Action, *, skip: int = 0) -> None:
        """Act when `keep` bytes of the next frame have left; the rest follows if the link still sends."""

        def apply(frame: bytes) -> None:
            self._link.transmit((frame[:keep],))
            self._when_drained(action, rest=frame[keep:])

        self._send_steps.append(_SendStep(skip, apply))

    def after_next_send(self, action: Action, *, skip: int = 0) -> None:
        """Act when the next frame has left whole."""

        def apply(frame: bytes) -> None:
            self._link.transmit((frame,))
            self._when_drained(action, rest=b"")

        self._send_steps.append(_SendStep(skip, apply))

    def before_next_response(self, action: Action, *, skip: int = 0) -> None:
        """Act when the next frame begins to arrive; the core sees nothing of it unless the link reads on."""
        self._receive_steps.append(_ReceiveStep(skip, 0, action))

    def inside_next_response(self, keep: int, action: Action, *, skip: int = 0) -> None:
        """Act when the core has seen `keep` bytes of the next frame, or all of a shorter one."""
        self._receive_steps.append(_ReceiveStep(skip, keep, action))

    def hold_responses(self, *, skip: int = 0) -> None:
        """Read nothing from the next frame on, until `resume`."""
        self.before_next_response(self.stall, skip=skip)

    # On one frame

    def delay_next_send(self, seconds: float, *, skip: int = 0) -> None:
        """Let the next frame, and those behind it, wait."""

        def apply(frame: bytes) -> None:
            self._link.event(EventKind.FAULT, f"delay of {seconds} s")
            self._holds |= _Hold.DELAY
            self._link.clock.call_at(self._link.clock.now + seconds, lambda _now: self._release(_Hold.DELAY))
            self._send_steps.appendleft(_SendStep(0, lambda data: self._link.transmit((data,))))
            self._link.requeue((frame,))

        self._send_steps.append(_SendStep(skip, apply))

    def corrupt_next_send(self, offset: int, mask: int = 0xFF, *, skip: int = 0) -> None:
        """Invert the bits of `mask` in one byte of the next frame.

        `offset` counts from the frame's first length byte, or back from its end when negative; a frame that
        has no such byte goes out as it is.
        """

        def apply(frame: bytes) -> None:
            self._link.event(EventKind.FAULT, f"corrupt: byte {offset}, mask {mask:#04x}")
            changed = bytearray(frame)
            if -len(changed) <= offset < len(changed):
                changed[offset] ^= mask
            self._link.transmit((bytes(changed),))

        self._send_steps.append(_SendStep(skip, apply))

    def duplicate_next_send(self, *, skip: int = 0) -> None:
        """Send the next frame twice."""

        def apply(frame: bytes) -> None:
            self._note(FaultKind.DUPLICATE)
            self._link.transmit((frame,))
            self._link.transmit((frame,))

        self._send_steps.append(_SendStep(skip, apply))

    def split_next_send(self, at: Sequence[int], *, skip: int = 0) -> None:
        """Send the next frame in segments that end at these positions, each one handed over by itself."""

        def apply(frame: bytes) -> None:
            self._note(FaultKind.SPLIT)
            start = 0
            for end in [*sorted(position for position in at if 0 < position < len(frame)), len(frame)]:
                self._link.transmit((frame[start:end],))
                self._link.endpoint.flush()
                start = end

        self._send_steps.append(_SendStep(skip, apply))

    # What the link asks

    @property
    def sending_held(self) -> bool:
        """Whether frames wait in the link before they are sent."""
        return bool(self._holds and self._holds & _SENDING)

    @property
    def receiving_held(self) -> bool:
        """Whether what has arrived is kept from the core."""
        return bool(self._holds and self._holds & _RECEIVING)

    def send(self, parts: Sequence[Buffer]) -> None:
        """Send a frame, through the next armed step if its turn has come."""
        if not self._send_steps:
            self._link.transmit(parts)
        elif self._send_steps[0].skip:
            self._send_steps[0].skip -= 1
            self._link.transmit(parts)
        else:
            self._send_steps.popleft().apply(b"".join(parts))

    def response_begins(self) -> None:
        """Note that the first byte of a frame is there and has not been passed on."""
        if not self._receive_steps:
            return
        step = self._receive_steps[0]
        if step.skip:
            step.skip -= 1
            return
        self._receive_steps.popleft()
        if step.keep:
            self._inside = step
            self.response_limit = step.keep
        else:
            step.action()

    def response_passed(self, count: int, *, ended: bool) -> None:
        """Note that the core was given `count` bytes of a frame, its last ones when `ended`."""
        if self._inside is None or self.response_limit is None:
            return
        self.response_limit -= count
        if ended or not self.response_limit:
            step, self._inside, self.response_limit = self._inside, None, None
            step.action()

    # Inside

    def _note(self, kind: FaultKind) -> None:
        self._link.event(EventKind.FAULT, kind.value)

    def _cut(self) -> None:
        self._note(FaultKind.CUT)
        self._link.close()

    def _action(self, kind: FaultKind) -> Action:
        actions: dict[FaultKind, Action] = {
            FaultKind.CLOSE: self.close,
            FaultKind.RESET: self.reset,
            FaultKind.HALF_CLOSE: self.half_close,
            FaultKind.BLACKHOLE: self.blackhole,
            FaultKind.VANISH: self.vanish,
            FaultKind.FORGET: self.forget,
            FaultKind.PLUG: self.plug,
            FaultKind.STALL: self.stall,
        }
        if kind not in actions:
            raise ValueError(f"{kind.value} concerns one frame: arm it")
        return actions[kind]

    def _place(self, kind: FaultKind, action: Action, position: Position, skip: int, keep: int) -> None:
        reading_ends = kind in (FaultKind.PLUG, FaultKind.STALL)

        def stop_both() -> None:
            self._holds |= _Hold.REST_OF_REQUEST
            action()

        match position:
            case Position.BEFORE_REQUEST:
                self.before_next_send(stop_both if reading_ends else action, skip=skip)
            case Position.INSIDE_REQUEST:
                self.inside_next_send(keep, stop_both if reading_ends else action, skip=skip)
            case Position.AFTER_EXECUTION if EXPECTED[kind] is FaultClass.AT_ONCE:
                self.after_next_send(lambda: self._first_response(0, action), skip=skip)
            case Position.AFTER_EXECUTION:
                # The response must not be acknowledged either, so this cannot wait for its arrival.
                self.after_next_send(action, skip=skip)
            case Position.INSIDE_RESPONSE:
                self.after_next_send(lambda: self._first_response(keep, action), skip=skip)

    def _first_response(self, keep: int, action: Action) -> None:
        self._receive_steps.appendleft(_ReceiveStep(0, keep, action))

    def _stop_reading(self) -> None:
        self._link.endpoint.pause(Pause.FAULT)
        self._holds |= _Hold.STALL

    def _release(self, holds: _Hold) -> None:
        self._holds &= ~holds
        self._link.pump_sending()
        if not self.receiving_held:
            self._link.replay_soon()

    def _continue(self, frame: bytes) -> None:
        """Send a frame after an action, or let it wait if the action stopped sending."""
        if not frame:
            return
        if self.sending_held:
            self._send_steps.appendleft(_SendStep(0, lambda data: self._link.transmit((data,))))
            self._link.requeue((frame,))
        else:
            self._link.transmit((frame,))

    def _when_drained(self, action: Action, *, rest: bytes) -> None:
        """Act once the network has taken everything; frames written meanwhile wait."""
        self._holds |= _Hold.DRAIN
        wait = _RETRY_FIRST

        def look(now: float) -> None:
            nonlocal wait
            self._link.endpoint.flush()
            if self._link.endpoint.queued and self._link.open:
                self._link.clock.call_at(now + wait, look)
                wait = min(2 * wait, _RETRY_LAST)
                return
            self._holds &= ~_Hold.DRAIN
            action()
            self._continue(rest)
            self._link.pump_sending()

        look(self._link.clock.now)
