"""Oplocks: who holds which level, and breaks under way ([MS-SMB2] 3.3.4.6, 3.3.6.1; [MS-FSA] 2.1.5.18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.open import Open, OplockState, close_open
from smbtorture_py.server.parts.file_table import OpenStream
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.oplock_break import OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.server import Server

EXCLUSIVE_LEVELS: Final = (OplockLevel.EXCLUSIVE, OplockLevel.BATCH)


@dataclass(slots=True, eq=False)
class SentBreak:
    """A notification on its way: on which connection, and up to which byte of what was written to it."""

    open: Open
    connection: Connection
    bytes_written: int
    tried: tuple[Connection, ...]
    """Every connection it was sent on; none gets it twice."""


class OplockScheduler:
    """Grants oplocks, sends breaks, and lets them end by acknowledgment, close or time."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._breaking: list[Open] = []
        self._sent: list[SentBreak] = []

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
        """Tell whether the object store grants a level ([MS-FSA] 2.1.5.18.1)."""
        stream = open_.stream
        if open_.is_directory:
            return False
        others = [other for other in stream.opens if other is not open_]
        if level in EXCLUSIVE_LEVELS:
            return not any(self._server.policies.oplock.stands_against_exclusive(other) for other in others)
        return stream.locks.is_empty() and self.exclusive_owner(stream) is None

    def start_break(self, open_: Open, level: OplockLevel, now: float) -> None:
        """Break an oplock down to `level` (3.3.4.6); a break that is under way is not sent again."""
        if open_.oplock_state is not OplockState.HELD:
            return
        is_level_ii = open_.oplock_level is OplockLevel.II
        open_.break_level = level
        open_.oplock_state = OplockState.BREAKING
        open_.oplock_timeout = now + self._server.policies.oplock.break_timeout(open_)
        self._breaking.append(open_)
        if not self._send(open_, (), now):
            self._fail_to_notify(open_, now)
            return
        if is_level_ii and not self._server.policies.oplock.level_ii_break_awaits_acknowledgment():
            self.complete(open_, OplockLevel.NONE, now)

    def break_level_ii(self, stream: OpenStream, now: float) -> None:
        """Break every level II oplock of the stream to none: its content or its locks are about to change."""
        for open_ in list(stream.opens):
            if open_.oplock_level is OplockLevel.II:
                self.start_break(open_, OplockLevel.NONE, now)

    def complete(self, open_: Open, level: OplockLevel, now: float) -> None:
        """End a break with the level that was acknowledged; whoever waited goes on."""
        self.settle(open_, level)
        self.resume_waiters(open_, now)

    def settle(self, open_: Open, level: OplockLevel) -> None:
        """Set the level a break ends with."""
        open_.oplock_level = level
        open_.oplock_state = OplockState.NONE if level is OplockLevel.NONE else OplockState.HELD
        open_.oplock_timeout = None
        self._forget(open_)

    def resume_waiters(self, open_: Open, now: float) -> None:
        """Let every request that waits for a break of this stream try again."""
        waiters = list(open_.stream.waiters)
        open_.stream.waiters.clear()
        for resume in waiters:
            resume(now)

    def next_deadline(self) -> float | None:
        """When the first break counts as acknowledged; None where none is under way."""
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

    def transport_progressed(self, connection: Connection, now: float) -> None:
        """Forget notifications that the client's transport has acknowledged."""
        del now
        self._sent = [
            sent
            for sent in self._sent
            if sent.connection is not connection or connection.bytes_acknowledged < sent.bytes_written
        ]

    def transport_stuck(self, connection: Connection, since: float, now: float) -> None:
        """Take a transport that acknowledges nothing for one that failed, once the policy's patience is
        over."""
        if self._server.policies.oplock.gives_up_on_transport(now - since):
            self.connection_failed(connection, now)

    def connection_failed(self, connection: Connection, now: float) -> None:
        """Send again, on another channel, what this connection did not get through to the client
        (3.3.4.6)."""
        for sent in [sent for sent in self._sent if sent.connection is connection]:
            if sent.open.is_closed or sent.open.oplock_state is not OplockState.BREAKING:
                self._sent.remove(sent)
                continue
            if (
                connection.bytes_acknowledged >= sent.bytes_written
                or not self._server.policies.oplock.retries_break()
            ):
                continue
            self._sent.remove(sent)
            self._send(sent.open, sent.tried, now)

    def _send(self, open_: Open, tried: tuple[Connection, ...], now: float) -> bool:
        """Send the notification on the first connection that works and was not tried; False where there is
        none."""
        session = open_.session
        if session is None:
            return False
        for connection in self._server.policies.oplock.connections_for_break(open_):
            if not connection.is_open or connection in tried:
                continue
            notification = OplockBreakNotification(oplock_level=open_.break_level, file_id=open_.wire_file_id)
            connection.send_unsolicited(
                notification, session=session, now=now, tree_connect=open_.tree_connect
            )
            self._sent.append(SentBreak(open_, connection, connection.bytes_written, (*tried, connection)))
            return True
        return False

    def _fail_to_notify(self, open_: Open, now: float) -> None:
        """No connection is left: the break is complete with NONE, and the open is closed (3.3.4.6)."""
        if open_.is_resilient or open_.is_persistent:
            return
        self.complete(open_, OplockLevel.NONE, now)
        close_open(self._server, open_, now)

    def _forget(self, open_: Open) -> None:
        self._breaking = [other for other in self._breaking if other is not open_]
        self._sent = [sent for sent in self._sent if sent.open is not open_]
