"""Defects of lease break notifications, their delivery and acknowledgments ([MS-SMB2] 3.3.4.7,
3.3.5.22.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.break_check import BreakCheck
from smbtorture_py.server.parts.break_delivery import BreakDelivery, Dispatch
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.tree import TreePolicy
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakFlags,
    LeaseBreakNotification,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect

NEVER: Final = 1_000_000.0
TOO_SOON: Final = 20.0
SPOILT_EPOCH: Final = 7
SPOILT_REASON: Final = 1
SPOILT_TREE: Final = 1
SPOILT_SESSION: Final = 0x5E55


# The notification.


@defect(
    "break-with-message-id-zero",
    replaces=MessagePolicy.unsolicited_header,
    breaks=["SMB2-3.3.4.7-01", "SMB2-3.3.4.6-03"],
    origin="plausible: the field is left as it is",
)
def _break_with_message_id_zero(
    original: Callable[[Connection, Command, int], Header],
    self: MessagePolicy,
    connection: Connection,
    command: Command,
    session_id: int,
) -> Header:
    """Breaks have MessageId 0."""
    return replace(original(connection, command, session_id), message_id=0)


@defect(
    "break-names-a-tree",
    replaces=MessagePolicy.unsolicited_header,
    breaks=["SMB2-3.3.4.7-01", "SMB2-3.3.4.6-03"],
    origin="plausible: breaks are made like responses",
)
def _break_names_a_tree(
    original: Callable[[Connection, Command, int], Header],
    self: MessagePolicy,
    connection: Connection,
    command: Command,
    session_id: int,
) -> Header:
    """Breaks name a tree connect."""
    return replace(original(connection, command, session_id), tree_id=SPOILT_TREE)


@defect(
    "break-with-status",
    replaces=MessagePolicy.unsolicited_header,
    breaks=["SMB2-3.3.4.7-01", "SMB2-3.3.4.6-03"],
    origin="plausible: the object store's status is passed on",
)
def _break_with_status(
    original: Callable[[Connection, Command, int], Header],
    self: MessagePolicy,
    connection: Connection,
    command: Command,
    session_id: int,
) -> Header:
    """Breaks have a status other than SUCCESS."""
    return replace(original(connection, command, session_id), status=Status.OPLOCK_BREAK_IN_PROGRESS)


@defect(
    "lease-break-names-a-session",
    replaces=MessagePolicy.unsolicited_header,
    breaks=["SMB2-3.3.4.7-01"],
    origin="plausible: breaks of leases are taken for those of oplocks",
)
def _lease_break_names_a_session(
    original: Callable[[Connection, Command, int], Header],
    self: MessagePolicy,
    connection: Connection,
    command: Command,
    session_id: int,
) -> Header:
    """Breaks of leases name a session."""
    known = next(iter(connection.session_table), SPOILT_SESSION)
    return original(connection, command, session_id or known)


@defect(
    "break-marked-as-signed",
    replaces=MessagePolicy.unsolicited_header,
    breaks=["SMB2-3.3.4.7-04", "SMB2-3.3.4.6-04"],
    origin="plausible: everything is signed where signing was negotiated",
)
def _break_marked_as_signed(
    original: Callable[[Connection, Command, int], Header],
    self: MessagePolicy,
    connection: Connection,
    command: Command,
    session_id: int,
) -> Header:
    """Breaks say that they are signed."""
    header = original(connection, command, session_id)
    return replace(header, flags=header.flags | HeaderFlags.SIGNED)


def _spoils(
    identifier: str,
    change: Callable[[LeaseBreakNotification], LeaseBreakNotification],
    breaks: Sequence[str],
    origin: str,
    sentence: str,
) -> None:
    """Enter a defect: lease break notifications go out with something changed."""

    def spoilt(
        original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
    ) -> bool:
        if isinstance(dispatch.notification, LeaseBreakNotification):
            dispatch.notification = change(dispatch.notification)
        return original(dispatch, now)

    spoilt.__doc__ = sentence
    defect(identifier, replaces=BreakDelivery.send, breaks=breaks, origin=origin)(spoilt)


_spoils(
    "lease-break-without-key",
    lambda one: replace(one, lease_key=bytes(16)),
    ["SMB2-2.2.23.2-01"],
    "plausible: the key is looked up by the client through the file",
    "Lease breaks have a key of zeros.",
)
_spoils(
    "lease-break-with-reason",
    lambda one: replace(one, break_reason=SPOILT_REASON),
    ["SMB2-2.2.23.2-01"],
    "plausible: the reason is told, although the field is reserved",
    "Lease breaks give a reason.",
)
_spoils(
    "lease-break-from-new-state",
    lambda one: replace(one, current_lease_state=one.new_lease_state),
    ["SMB2-3.3.4.7-01", "SMB2-3.3.1.4-01", "SMB2-3.3.1.4-02"],
    "plausible: the state is changed before the notification is made",
    "CurrentLeaseState of a break is the new state.",
)
_spoils(
    "lease-break-keeps-writes",
    lambda one: replace(one, new_lease_state=one.new_lease_state | LeaseState.WRITE_CACHING),
    ["SMB2-3.3.4.7-01", "SMB2-3.3.1.4-02"],
    "plausible: the wrong bit is cleared",
    "NewLeaseState of a break has write caching.",
)
_spoils(
    "lease-break-with-epoch-for-version-1",
    lambda one: replace(one, new_epoch=one.new_epoch or SPOILT_EPOCH),
    ["SMB2-3.3.4.7-15"],
    "plausible: every lease has an epoch inside the server",
    "Breaks of version 1 have an epoch.",
)


@defect(
    "lease-break-needs-no-acknowledgment",
    replaces=LeasePolicy.break_needs_acknowledgment,
    breaks=[
        "SMB2-3.3.4.7-01",
        "SMB2-3.3.4.7-02",
        "SMB2-3.3.4.7-03",
        "SMB2-3.3.4.7-11",
        "SMB2-2.2.23.2-01",
        "SMB2-3.3.1.4-02",
        "SMB2-3.3.5.22.2-01",
    ],
    origin="plausible: a break is only announced",
)
def _lease_break_needs_no_acknowledgment(
    original: Callable[[Lease], bool], self: LeasePolicy, lease: Lease
) -> bool:
    """No lease break asks for an acknowledgment."""
    return False


defect(
    "lease-break-of-r-awaits-acknowledgment",
    replaces=LeasePolicy.break_needs_acknowledgment,
    breaks=["SMB2-3.3.4.7-03"],
    origin="plausible: every break is acknowledged",
).always(True, "The break of a lease of R asks for an acknowledgment.")


@defect(
    "lease-break-keeps-epoch",
    replaces=LeasePolicy.new_epoch,
    breaks=["SMB2-3.3.4.7-05"],
    origin="plausible: only grants raise the epoch",
)
def _lease_break_keeps_epoch(
    original: Callable[..., int], self: LeasePolicy, lease: Lease, *, follows_up: bool
) -> int:
    """A break does not raise the epoch."""
    return lease.epoch


# Where it goes.


@defect(
    "lease-break-on-every-connection",
    replaces=BreakDelivery.send,
    breaks=["SMB2-3.3.4.7-19", "SMB2-3.3.4.7-06"],
    origin="plausible: what may fail on one channel is sent on all",
)
def _lease_break_on_every_connection(
    original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
) -> bool:
    """A lease break is sent on every connection of the client."""
    is_sent = original(dispatch, now)
    if is_sent and isinstance(dispatch.notification, LeaseBreakNotification):
        for connection in dispatch.connections():
            if connection not in dispatch.tried:
                connection.send_unsolicited(dispatch.notification, session=None, now=now)
    return is_sent


@defect(
    "lease-break-sent-twice",
    replaces=LeaseTables.send_notification,
    breaks=["SMB2-3.3.4.7-19"],
    origin="derived from smbtorture lease.multibreak: one notification for each open",
)
def _lease_break_sent_twice(
    original: Callable[[Lease, float], None], self: LeaseTables, lease: Lease, now: float
) -> None:
    """A lease with several opens is broken with one notification for each of them."""
    notification = lease.break_notification
    original(lease, now)
    for _ in lease.lease_opens[1:]:
        lease.break_notification = notification
        original(lease, now)


@defect(
    "lease-break-for-each-contender",
    replaces=BreakCheck._check_lease,
    breaks=["SMB2-3.3.4.7-19", "SMB2-3.3.1.4-05"],
    origin="derived from smbtorture lease.breaking3: a second break before the first was acknowledged",
)
def _lease_break_for_each_contender(
    original: Callable[[Lease, Operation, float], bool],
    self: BreakCheck,
    lease: Lease,
    operation: Operation,
    now: float,
) -> bool:
    """A breaking lease is broken anew by everybody who wants the file."""
    waits = original(lease, operation, now)
    if waits and lease.breaking and lease.break_notification is None and operation is Operation.OPEN:
        self._server.lease_tables.start_break(lease, lease.break_to_lease_state, now)
    return waits


@defect(
    "lease-break-on-opening-connection-only",
    replaces=LeasePolicy.connections_for_break,
    breaks=["SMB2-3.3.4.7-06", "SMB2-3.3.4.7-07", "SMB2-3.3.4.7-14"],
    origin="ksmbd: a break goes to the connection that opened the file",
)
def _lease_break_on_opening_connection_only(
    original: Callable[[Lease, Sequence[Connection]], Sequence[Connection]],
    self: LeasePolicy,
    lease: Lease,
    connections: Sequence[Connection],
) -> Sequence[Connection]:
    """A lease break goes only to the connections that files were opened on."""
    opened_on = [open_.connection for open_ in lease.lease_opens]
    return [connection for connection in original(lease, connections) if connection in opened_on]


@defect(
    "lease-break-in-its-session-only",
    replaces=LeasePolicy.connections_for_break,
    breaks=["SMB2-3.3.4.7-06", "SMB2-3.3.4.7-14"],
    origin="plausible: breaks of leases are delivered as those of oplocks",
)
def _lease_break_in_its_session_only(
    original: Callable[[Lease, Sequence[Connection]], Sequence[Connection]],
    self: LeasePolicy,
    lease: Lease,
    connections: Sequence[Connection],
) -> Sequence[Connection]:
    """A lease break goes only to channels of the sessions that have the file open."""
    sessions = [open_.session for open_ in lease.lease_opens if open_.session is not None]
    channels = [one for session in sessions for one in session.channel_list.connections()]
    return [connection for connection in original(lease, connections) if connection in channels]


@defect(
    "lease-break-to-everybody",
    replaces=LeasePolicy.connections_for_break,
    breaks=["SMB2-3.3.4.7-06"],
    origin="plausible: the newest connection is the likeliest to work",
)
def _lease_break_to_everybody(
    original: Callable[[Lease, Sequence[Connection]], Sequence[Connection]],
    self: LeasePolicy,
    lease: Lease,
    connections: Sequence[Connection],
) -> Sequence[Connection]:
    """A lease break goes to the newest connection, whichever client that belongs to."""
    return list(reversed(connections))


defect(
    "lease-break-not-retried",
    replaces=LeasePolicy.retries_break,
    breaks=["SMB2-3.3.4.7-07", "SMB2-3.3.4.7-06"],
    origin="Samba before 88b0da106 (bug 11897): a break was sent once",
).always(False, "A lease break that did not get through is not sent again.")


@defect(
    "lease-break-retried-with-next-epoch",
    replaces=BreakDelivery.send,
    breaks=["SMB2-3.3.4.7-18"],
    origin="derived from smbtorture multichannel.leases.test4",
)
def _lease_break_retried_with_next_epoch(
    original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
) -> bool:
    """Each attempt to deliver a lease break has the next epoch."""
    notification = dispatch.notification
    if dispatch.tried and isinstance(notification, LeaseBreakNotification):
        dispatch.notification = replace(notification, new_epoch=notification.new_epoch + 1)
    return original(dispatch, now)


@defect(
    "lease-break-retried-without-flags",
    replaces=BreakDelivery.send,
    breaks=["SMB2-3.3.4.7-18"],
    origin="plausible: the notification is made anew from what is known of the lease by then",
)
def _lease_break_retried_without_flags(
    original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
) -> bool:
    """A lease break that is sent again does not ask for an acknowledgment."""
    notification = dispatch.notification
    if dispatch.tried and isinstance(notification, LeaseBreakNotification):
        dispatch.notification = replace(notification, flags=LeaseBreakFlags.NONE)
    return original(dispatch, now)


# How it ends.


defect(
    "lease-break-never-times-out",
    replaces=LeasePolicy.break_timeout,
    breaks=["SMB2-3.3.4.7-10", "SMB2-3.3.5.22.2-07"],
    origin="chimera #1030: a break that nobody acknowledges lasts for ever",
).always(NEVER, "A lease break has no time-out.")


defect(
    "lease-break-times-out-soon",
    replaces=LeasePolicy.break_timeout,
    breaks=["SMB2-3.3.4.7-10"],
    origin="Samba before 816528923e9 (bug 11897): the time-out was shorter than that of clients",
).always(TOO_SOON, "A lease break ends after 20 seconds.")


@defect(
    "lease-kept-after-time-out",
    replaces=LeaseTables.tick,
    breaks=["SMB2-3.3.4.7-10"],
    origin="dittofs #460: the lease kept its state when the time was over",
)
def _lease_kept_after_time_out(original: Callable[[float], None], self: LeaseTables, now: float) -> None:
    """A lease whose break was not acknowledged keeps the state that the break asked for."""
    for lease in self.leases():
        due = self._deadline(lease)
        if due is not None and due <= now:
            self.settle(lease, lease.break_to_lease_state or LeaseState.READ_CACHING)
            self.resume_waiters(lease, now)
    original(now)


@defect(
    "lease-acknowledgment-resumes-nobody",
    replaces=LeaseTables.go_on,
    breaks=["SMB2-3.3.5.22.2-01", "SMB2-3.3.4.7-01"],
    origin="plausible: the waiting request is woken by the timer only",
)
def _lease_acknowledgment_resumes_nobody(
    original: Callable[[Lease, float], None], self: LeaseTables, lease: Lease, now: float
) -> None:
    """Whoever waits for a lease break is not woken by its acknowledgment."""


@defect(
    "lease-break-outlives-the-holder",
    replaces=LeaseTables.leave,
    breaks=["SMB2-3.3.4.7-11", "SMB2-3.3.4.7-08", "SMB2-3.3.4.17-01"],
    origin="plausible: a break ends with its acknowledgment or its time, and with nothing else",
)
def _lease_break_outlives_the_holder(
    original: Callable[[Open], None], self: LeaseTables, open_: Open
) -> None:
    """Closing the file does not wake whoever waits for its lease to break."""
    if open_.lease is not None and open_.lease.breaking:
        open_.stream.waiters.clear()
    original(open_)


defect(
    "lease-acknowledged-with-any-state",
    replaces=LeasePolicy.state_status,
    breaks=["SMB2-3.3.5.22.2-02"],
    origin="plausible: the client is believed",
).always(Status.SUCCESS, "An acknowledgment may keep more than the break leaves.")


@defect(
    "lease-acknowledged-exactly-only",
    replaces=LeasePolicy.state_status,
    breaks=["SMB2-3.3.5.22.2-01"],
    origin="derived from smbtorture lease.breaking6",
)
def _lease_acknowledged_exactly_only(
    original: Callable[[Lease, LeaseState], Status], self: LeasePolicy, lease: Lease, state: LeaseState
) -> Status:
    """An acknowledgment that gives up more than it has to is refused."""
    return Status.SUCCESS if state == lease.break_to_lease_state else Status.REQUEST_NOT_ACCEPTED


@defect(
    "lease-break-ended-by-a-wrong-acknowledgment",
    replaces=LeasePolicy.state_status,
    breaks=["SMB2-3.3.5.22.2-02"],
    origin="ksmbd: what cleans up after a refused acknowledgment ends the break",
)
def _lease_break_ended_by_a_wrong_acknowledgment(
    original: Callable[[Lease, LeaseState], Status], self: LeasePolicy, lease: Lease, state: LeaseState
) -> Status:
    """An acknowledgment that is refused ends the break all the same."""
    status = original(lease, state)
    if status != Status.SUCCESS:
        lease.breaking = False
    return status


@defect(
    "lease-acknowledged-state-ignored",
    replaces=LeaseTables.settle,
    breaks=["SMB2-3.3.5.22.2-01", "SMB2-3.3.4.7-01"],
    origin="plausible: the server knows what it asked for",
)
def _lease_acknowledged_state_ignored(
    original: Callable[[Lease, LeaseState], None], self: LeaseTables, lease: Lease, state: LeaseState
) -> None:
    """A lease ends up in the state the break asked for, even if less was acknowledged."""
    original(lease, lease.break_to_lease_state if lease.breaking and lease.lease_opens else state)


defect(
    "lease-not-breaking-is-no-protocol",
    replaces=LeasePolicy.not_breaking_status,
    breaks=["SMB2-3.3.5.22.2-03", "SMB2-3.3.5.22.2-07", "SMB2-3.3.4.7-03"],
    origin="plausible: leases answer like oplocks",
).always(Status.INVALID_OPLOCK_PROTOCOL, "An acknowledgment of no break fails with another status.")


defect(
    "lease-unknown-key-unsuccessful",
    replaces=LeasePolicy.unknown_lease_status,
    breaks=["SMB2-3.3.5.22.2-04", "SMB2-3.3.4.17-01", "SMB2-3.3.5.22.2-06"],
    origin="ksmbd: an unknown lease is answered with UNSUCCESSFUL",
).always(Status.UNSUCCESSFUL, "An acknowledgment with an unknown key fails with UNSUCCESSFUL.")


@defect(
    "lease-acknowledged-in-its-session-only",
    replaces=LeasePolicy.lease_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.2-05"],
    origin="derived from smbtorture lease.v2_complex2",
)
def _lease_acknowledged_in_its_session_only(
    original: Callable[[Request, bytes], Lease | None], self: LeasePolicy, request: Request, lease_key: bytes
) -> Lease | None:
    """A lease break can be acknowledged only in a session that has the file open."""
    lease = original(request, lease_key)
    is_known = lease is not None and any(open_.session is request.session for open_ in lease.lease_opens)
    return lease if is_known else None


@defect(
    "lease-acknowledged-on-its-connection-only",
    replaces=LeasePolicy.lease_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.2-05"],
    origin="derived from smbtorture multichannel.leases.test3",
)
def _lease_acknowledged_on_its_connection_only(
    original: Callable[[Request, bytes], Lease | None], self: LeasePolicy, request: Request, lease_key: bytes
) -> Lease | None:
    """A lease break can be acknowledged only on the connection that opened the file."""
    lease = original(request, lease_key)
    opened_on = [] if lease is None else [open_.connection for open_ in lease.lease_opens]
    return lease if request.connection in opened_on else None


@defect(
    "lease-acknowledged-on-its-tree-only",
    replaces=LeasePolicy.lease_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.2-01"],
    origin="plausible: the lease is looked up through the opens of the tree connect",
)
def _lease_acknowledged_on_its_tree_only(
    original: Callable[[Request, bytes], Lease | None], self: LeasePolicy, request: Request, lease_key: bytes
) -> Lease | None:
    """A lease break can be acknowledged only on the tree connect that the file was opened on."""
    lease = original(request, lease_key)
    trees = [] if lease is None else [open_.tree_connect for open_ in lease.lease_opens]
    return lease if request.tree_connect in trees else None


@defect(
    "lease-acknowledgment-reserved-checked",
    replaces=LeasePolicy.lease_of_acknowledgment,
    breaks=["SMB2-2.2.24.2-01"],
    origin="plausible: reserved fields are checked",
)
def _lease_acknowledgment_reserved_checked(
    original: Callable[[Request, bytes], Lease | None], self: LeasePolicy, request: Request, lease_key: bytes
) -> Lease | None:
    """An acknowledgment with reserved fields that are not zero finds no lease."""
    body = request.body
    is_odd = isinstance(body, LeaseBreakAcknowledgment) and (
        body.flags or body.reserved or body.lease_duration
    )
    return None if is_odd else original(request, lease_key)


@defect(
    "lease-acknowledged-on-any-tree",
    replaces=TreePolicy.find_tree,
    breaks=["SMB2-3.3.5.22.2-09", "SMB2-3.3.5.2.11-03"],
    origin="plausible: a lease needs no tree connect to be found",
)
def _lease_acknowledged_on_any_tree(
    original: Callable[[Request, Session], TreeConnect | None],
    self: TreePolicy,
    request: Request,
    session: Session,
) -> TreeConnect | None:
    """An acknowledgment may name a tree connect that does not exist."""
    found = original(request, session)
    if found is None and request.command == Command.OPLOCK_BREAK:
        return next(iter(session.tree_connect_table.values()), None)
    return found


@defect(
    "lease-acknowledged-in-any-session",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.22.2-09", "SMB2-3.3.5.2.9-01"],
    origin="plausible: a lease break has SessionId 0, and so may its acknowledgment",
)
def _lease_acknowledged_in_any_session(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """An acknowledgment may name a session that does not exist."""
    found = original(request)
    if found is None and request.command == Command.OPLOCK_BREAK:
        return next(iter(request.connection.session_table.values()), None)
    return found


defect(
    "lease-acknowledgment-on-2-0-2-unknown",
    replaces=LeasePolicy.old_dialect_status,
    breaks=["SMB2-3.3.5.22.2-08"],
    origin="Samba: the acknowledgment is told by its size in every dialect",
).always(Status.OBJECT_NAME_NOT_FOUND, "On 2.0.2 the acknowledgment of a lease break is taken for one.")


@defect(
    "lease-break-ends-with-its-contender",
    replaces=LeasePolicy.lease_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.2-01"],
    origin="plausible: the break belongs to the request that waits for it",
)
def _lease_break_ends_with_its_contender(
    original: Callable[[Request, bytes], Lease | None], self: LeasePolicy, request: Request, lease_key: bytes
) -> Lease | None:
    """A lease break that nobody waits for any more cannot be acknowledged."""
    lease = original(request, lease_key)
    if lease is not None and lease.breaking and not any(one.stream.waiters for one in lease.lease_opens):
        request.connection.server.lease_tables.settle(lease, lease.lease_state)
    return lease
