"""LeaseTables: GlobalLeaseTableList, the leases of every client, and their breaks ([MS-SMB2] 3.3.1.5,
3.3.1.11, 3.3.4.7, 3.3.6.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.lease import Lease, LeasedName, LeaseTable
from smbtorture_py.server.open import Open, OplockState, close_open
from smbtorture_py.server.parts.break_delivery import Dispatch
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakFlags, LeaseBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


class LeaseTables:
    """The lease tables, and the timers of breaks."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._deferred: list[tuple[float, Lease, Callable[[float], None]]] = []
        self._breaking: list[Lease] = []
        self._tables: dict[bytes, LeaseTable] = {}
        """GlobalLeaseTableList, by ClientGuid."""

    def find(self, client_guid: bytes, lease_key: bytes) -> Lease | None:
        """Look a lease up, as every rule that starts from a connection does."""
        table = self._tables.get(client_guid)
        return None if table is None else table.lease_list.get(lease_key)

    @property
    def is_empty(self) -> bool:
        """Whether nobody has a lease."""
        return not self._tables

    def leases(self) -> list[Lease]:
        """Every lease there is."""
        return [lease for table in self._tables.values() for lease in table.lease_list.values()]

    def add(self, lease: Lease) -> None:
        """Enter a new lease, and the table of its client where that is its first (3.3.5.9.8)."""
        table = self._tables.setdefault(lease.client_guid, LeaseTable(lease.client_guid))
        table.lease_list[lease.lease_key] = lease

    def join(self, lease: Lease, open_: Open) -> None:
        """Associate an open with a lease (3.3.5.9.8 "Response Construction")."""
        open_.lease = lease
        open_.oplock_level = OplockLevel.LEASE
        open_.oplock_state = OplockState.HELD
        lease.lease_opens.append(open_)
        lease.held = True

    def leave(self, open_: Open) -> None:
        """Take an open that is closed out of its lease; with the last one the lease goes, and a break of it
        is complete (3.3.4.17)."""
        lease = open_.lease
        if lease is None or open_ not in lease.lease_opens:
            return
        lease.lease_opens.remove(open_)
        if lease.lease_opens:
            return
        lease.held = False
        if lease.breaking:
            self.settle(lease, LeaseState.NONE)
        lease.lease_state = LeaseState.NONE
        table = self._tables[lease.client_guid]
        table.lease_list.pop(lease.lease_key, None)
        if not table.lease_list:
            del self._tables[lease.client_guid]

    def rename(self, open_: Open) -> None:
        """Let the lease of an open that has a new name follow it."""
        if open_.lease is not None:
            open_.lease.filename = LeasedName.of(open_.storage, open_.path, open_.stream.name)

    # Breaks.

    def start_break(
        self, lease: Lease, new_state: LeaseState, now: float, *, follows_up: bool = False
    ) -> None:
        """Break a lease down to `new_state` and tell its client (3.3.4.7)."""
        policy = self._server.policies.lease
        if not self._has_connection(lease):
            for open_ in list(lease.lease_opens):
                if policy.unannounced_break_closes(open_, new_state):
                    close_open(self._server, open_, now)
            if not lease.lease_opens:
                return
        needs_acknowledgment = policy.break_needs_acknowledgment(lease)
        lease.epoch = policy.new_epoch(lease, follows_up=follows_up)
        notification = LeaseBreakNotification(
            new_epoch=lease.epoch if lease.version > 1 else 0,
            flags=LeaseBreakFlags.ACK_REQUIRED if needs_acknowledgment else LeaseBreakFlags.NONE,
            lease_key=lease.lease_key,
            current_lease_state=lease.lease_state,
            new_lease_state=new_state,
        )
        if needs_acknowledgment:
            lease.breaking = True
            self._breaking.append(lease)
            lease.break_to_lease_state = lease.required_state = new_state
            lease.lease_break_timeout = now + policy.break_timeout(lease)
            self._set_oplock_state(lease, OplockState.BREAKING)
        else:
            self.settle(lease, new_state)
        lease.break_notification = notification
        self.send_notification(lease, now)

    def send_notification(self, lease: Lease, now: float) -> None:
        """Send Lease.BreakNotification, to a client that has come back as well (3.3.4.7, 3.3.5.9.12)."""
        notification = lease.break_notification
        if notification is None:
            return
        policy = self._server.policies.lease
        dispatch = Dispatch(
            notification,
            session=None,
            tree_connect=None,
            connections=lambda: policy.connections_for_break(lease, self._server.connection_list),
            is_wanted=lambda: self._is_wanted(lease, notification),
            is_retried=policy.retries_break(),
            undelivered=lambda later: self._undelivered(lease, notification, later),
        )
        if self._server.break_delivery.send(dispatch, now):
            lease.break_notification = None
            if lease.breaking:
                lease.lease_break_timeout = now + policy.break_timeout(lease)
        else:
            self._undelivered(lease, notification, now)

    def settle(self, lease: Lease, state: LeaseState) -> None:
        """Set the state a break ends with."""
        lease.lease_state = lease.break_to_lease_state = state
        lease.breaking = False
        self._breaking = [other for other in self._breaking if other is not lease]
        lease.lease_break_timeout = None
        self._set_oplock_state(lease, OplockState.NONE if not state else OplockState.HELD)

    def resume_waiters(self, lease: Lease, now: float) -> None:
        """Let every request go on that waits for a break of the lease."""
        for stream in dict.fromkeys(open_.stream for open_ in lease.lease_opens):
            stream.resume_waiters(now)

    def go_on(self, lease: Lease, now: float) -> None:
        """After an acknowledgment: break further what is already known to be needed, else let those go on
        that wait."""
        required, policy = lease.required_state, self._server.policies.lease
        if lease.lease_opens and lease.lease_state & ~required:
            following = policy.follow_up(lease.lease_state, required)
            self.start_break(lease, following, now, follows_up=True)
            lease.required_state &= required
        self.resume_waiters(lease, now)

    def defer(self, lease: Lease, act: Callable[[float], None], now: float) -> None:
        """Do something about a lease that is still there as soon as what is under way has ended."""
        self._deferred.append((now, lease, act))

    def next_deadline(self) -> float | None:
        """When the first break counts as acknowledged, or something was deferred; None where there is
        neither."""
        if not self._deferred and not self._breaking:
            return None
        deadlines = [due for due, _, _ in self._deferred]
        deadlines += [due for lease in self._breaking if (due := self._deadline(lease)) is not None]
        return min(deadlines, default=None)

    def tick(self, now: float) -> None:
        """Do what was deferred; acknowledge, in the client's place, every break that is overdue, with NONE
        (3.3.6.5)."""
        deferred, self._deferred = self._deferred, []
        for _, lease, act in deferred:
            if lease.lease_opens:
                act(now)
        for lease in list(self._breaking):
            due = self._deadline(lease)
            if due is not None and due <= now:
                self.settle(lease, LeaseState.NONE)
                self.resume_waiters(lease, now)

    @staticmethod
    def _deadline(lease: Lease) -> float | None:
        """The timer runs from when the client was told (3.3.4.7)."""
        return lease.lease_break_timeout if lease.break_notification is None else None

    def _set_oplock_state(self, lease: Lease, state: OplockState) -> None:
        for open_ in lease.lease_opens:
            open_.oplock_state = state
            self._server.persistent_opens.touch(open_)

    @staticmethod
    def _has_connection(lease: Lease) -> bool:
        """Tell whether an open of the lease has a connection (3.3.4.1.6)."""
        return any(
            connection.is_open
            for open_ in lease.lease_opens
            if open_.session is not None
            for connection in open_.session.channel_list.connections()
        )

    @staticmethod
    def _is_wanted(lease: Lease, notification: LeaseBreakNotification) -> bool:
        """Whether the client still has to hear of a break: it has opens, and the break is open, or nothing is
        left of the lease."""
        if not lease.lease_opens:
            return False
        if notification.flags & LeaseBreakFlags.ACK_REQUIRED:
            return lease.breaking and lease.break_to_lease_state == notification.new_lease_state
        return lease.lease_state == notification.new_lease_state

    def _undelivered(self, lease: Lease, notification: LeaseBreakNotification, now: float) -> None:
        """No connection could carry the notification: it is kept for a persistent open, else the break is
        complete with NONE (3.3.4.7)."""
        if self._server.policies.lease.keeps_unannounced_break(lease, notification.current_lease_state):
            lease.break_notification = notification
            return
        lease.break_notification = None
        lease.held = False
        self.settle(lease, LeaseState.NONE)
        self.resume_waiters(lease, now)
