"""OplockScheduler: who holds which oplock level, and breaks under way ([MS-SMB2] 3.3.4.6, 3.3.6.1; [MS-FSA]
2.1.5.18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.open import Open, OplockState, close_open
from smbtorture_py.server.parts.break_delivery import Dispatch
from smbtorture_py.server.parts.file_table import OpenStream
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.oplock_break import OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

EXCLUSIVE_LEVELS: Final = (OplockLevel.EXCLUSIVE, OplockLevel.BATCH)


class OplockScheduler:
    """Grants oplocks, sends breaks, and lets them end by acknowledgment, close or time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._breaking: list[Open] = []

    def exclusive_owner(self, stream: OpenStream) -> Open | None:
        """Return the open that holds an exclusive or batch oplock of the stream, a breaking one included."""
        for open_ in stream.opens:
            if open_.oplock_state is not OplockState.NONE and open_.oplock_level in EXCLUSIVE_LEVELS:
                return open_
        return None

    def acquire(self, open_: Open, requested: OplockLevel) -> None:
        """Acquire the requested oplock, else level II, else none (3.3.5.9 "Oplock Acquisition")."""
        for level in dict.fromkeys((requested, OplockLevel.II)):
            if level is not OplockLevel.NONE and self._can_grant(open_, level):
                open_.oplock_level, open_.oplock_state = level, OplockState.HELD
                return
        open_.oplock_level, open_.oplock_state = OplockLevel.NONE, OplockState.NONE

    def _can_grant(self, open_: Open, level: OplockLevel) -> bool:
        """Tell whether the object store grants a level ([MS-FSA] 2.1.5.18)."""
        stream, policy = open_.stream, self._server.policies.oplock
        if open_.is_directory:
            return False
        others = [other for other in stream.opens if other is not open_]
        if level in EXCLUSIVE_LEVELS:
            return not any(policy.stands_against_exclusive(other) for other in others)
        return (
            not policy.locks_stand_against_reading(stream)
            and self.exclusive_owner(stream) is None
            and not any(policy.stands_against_level_ii(lease) for lease in stream.leases())
        )

    def start_break(self, open_: Open, level: OplockLevel, now: float) -> None:
        """Break an oplock down to `level` (3.3.4.6); a break that is under way is not announced again."""
        if open_.oplock_state is OplockState.BREAKING and level < open_.break_level:
            open_.is_break_lowered = True
        if open_.oplock_state is not OplockState.HELD:
            return
        is_level_ii = open_.oplock_level is OplockLevel.II
        open_.break_level = level
        open_.oplock_state = OplockState.BREAKING
        open_.oplock_timeout = now + self._server.policies.oplock.break_timeout(open_)
        self._breaking.append(open_)
        if not self._send(open_, level, now):
            self._fail_to_notify(open_, now)
            return
        if is_level_ii and not self._server.policies.oplock.level_ii_break_awaits_acknowledgment():
            self.complete(open_, OplockLevel.NONE, now)

    def complete(self, open_: Open, level: OplockLevel, now: float) -> None:
        """End a break with the level that was acknowledged; whoever waited goes on."""
        self.settle(open_, level)
        open_.stream.resume_waiters(now)

    def settle(self, open_: Open, level: OplockLevel) -> None:
        """Set the level a break ends with."""
        open_.oplock_level = level
        open_.oplock_state = OplockState.NONE if level is OplockLevel.NONE else OplockState.HELD
        open_.oplock_timeout = None
        open_.is_break_lowered = False
        self._breaking = [other for other in self._breaking if other is not open_]

    def next_deadline(self) -> float | None:
        """When the first break counts as acknowledged; None where none is under way."""
        if not self._breaking:
            return None
        self._breaking = [open_ for open_ in self._breaking if not open_.is_closed]
        return min(
            (open_.oplock_timeout for open_ in self._breaking if open_.oplock_timeout is not None),
            default=None,
        )

    def tick(self, now: float) -> None:
        """Acknowledge, in the client's place, every break that is overdue, with level NONE (3.3.6.1)."""
        for open_ in list(self._breaking):
            is_due = open_.oplock_timeout is not None and open_.oplock_timeout <= now
            if is_due and not open_.is_closed and open_.oplock_state is OplockState.BREAKING:
                self.complete(open_, OplockLevel.NONE, now)

    def _send(self, open_: Open, level: OplockLevel, now: float) -> bool:
        """Send the notification; False where there is no connection."""
        if open_.session is None:
            return False
        dispatch = Dispatch(
            OplockBreakNotification(oplock_level=level, file_id=open_.wire_file_id),
            open_.session,
            open_.tree_connect,
            connections=lambda: self._server.policies.oplock.connections_for_break(open_),
            is_wanted=lambda: self._is_wanted(open_, level),
            is_retried=self._server.policies.oplock.retries_break(),
            undelivered=lambda later: self._fail_to_notify(open_, later),
        )
        return self._server.break_delivery.send(dispatch, now)

    @staticmethod
    def _is_wanted(open_: Open, level: OplockLevel) -> bool:
        """Whether the client still has to hear of a break: it is open, and so is the break, or nothing is
        left of its oplock."""
        return not open_.is_closed and (
            open_.oplock_state is OplockState.BREAKING or open_.oplock_level is level is OplockLevel.NONE
        )

    def _fail_to_notify(self, open_: Open, now: float) -> None:
        """No connection is left: the break is complete with NONE, and the open is closed (3.3.4.6)."""
        if not self._server.policies.oplock.unannounced_break_closes(open_):
            return
        self.complete(open_, OplockLevel.NONE, now)
        close_open(self._server, open_, now)
