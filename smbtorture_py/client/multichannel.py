"""A session that survives its channels: what to connect, bind and repeat next ([MS-SMB2] 3.2.4.1.7,
3.2.5.14.11, 3.2.7.1).

A state machine without I/O. It says which connections are `missing` and which are `surplus`; whoever can
makes and closes them (`adopt`, `unreachable`). `advance` notices lost and silent channels and sends again
what was outstanding. When the last channel is gone, `resume` goes on with a new session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client.durable import lease_key_of
from smbtorture_py.client.failover_policy import (
    RETRIED,
    FailoverPolicy,
    carries_replay_flag,
    is_repeatable,
)
from smbtorture_py.client.interface_choice import AddressPair, address_pairs, best, distribute, rank
from smbtorture_py.client.session import CHANNEL_SEQUENCE_MODULUS
from smbtorture_py.wire.create import CreateRequest, OplockLevel
from smbtorture_py.wire.create_contexts import DurableHandleRequestV2
from smbtorture_py.wire.file_requests import about
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockRequest
from smbtorture_py.wire.oplock_break import LeaseBreakFlags, LeaseBreakNotification, OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.client.config import Entropy
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.client.exchange import Exchange
    from smbtorture_py.client.open import Open
    from smbtorture_py.client.session import Options, Session
    from smbtorture_py.client.tree import Tree
    from smbtorture_py.wire.codec import Body
    from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo

ACKNOWLEDGED_LEVELS: Final = (OplockLevel.EXCLUSIVE, OplockLevel.BATCH)
"""The oplock levels whose break is acknowledged; that of level II is not ([MS-SMB2] 3.2.5.19.1)."""
GUID_SIZE: Final = 16


@dataclass(slots=True, eq=False)
class Operation:
    """One request of the application, however often it is sent."""

    body: Body
    """As it is sent next."""
    tree: Tree
    opened: Open | None = None
    """The open it is about: after a reconnect it has another FileId."""
    exchanges: list[Exchange] = field(default_factory=list)
    """One for each time it was sent; the last one counts."""
    retries: int = 0
    """How often it was sent again because of its status."""
    due: float | None = None
    """When it is to be sent again; None: it is outstanding, or over."""
    is_over: bool = False

    @property
    def exchange(self) -> Exchange:
        """The exchange that counts."""
        return self.exchanges[-1]

    @property
    def repetitions(self) -> int:
        """How often it was sent again."""
        return len(self.exchanges) - 1


class Multichannel:
    """A session's channels, and everything outstanding on them.

    `wanted` is the number of channels; None: as many as Windows makes over interfaces of the kind in use.
    """

    def __init__(
        self,
        session: Session,
        policy: FailoverPolicy | None = None,
        *,
        entropy: Entropy,
        wanted: int | None = None,
    ) -> None:
        self.session = session
        self.policy = policy or FailoverPolicy()
        self.wanted = wanted
        self.pairs: list[AddressPair] = []
        self.operations: list[Operation] = []
        """What is not over, oldest first."""
        self.lost: list[Connection] = []
        """Every channel that was lost, in the order in which that was noticed."""
        self._entropy = entropy
        self._ways: dict[Connection, AddressPair | None] = {}
        self._out_of_order: dict[AddressPair, float] = {}
        self._sequence = session.channel_sequence
        self._learned_at = 0.0
        self._turn = 0
        self._trees: dict[Tree, Tree] = {}
        self.ended: list[Connection] = []
        """Every channel that this client has ended itself, by `dismiss` or because it was silent."""
        self._dismissed: set[Connection] = set()
        self._seen: dict[Connection, int] = {}
        """How many notifications of each connection were taken in."""
        self._probes: dict[Connection, Exchange] = {}
        """The last ECHO that asked a connection whether it is alive."""

    # Channels

    @property
    def channels(self) -> list[Connection]:
        """The connections that are channels now, in the order of binding."""
        return [channel.connection for channel in self.session.channel_list]

    @property
    def is_cut_off(self) -> bool:
        """No channel is left."""
        return not self.session.channel_list

    def learn(
        self,
        remote: Sequence[NetworkInterfaceInfo],
        local: Sequence[NetworkInterfaceInfo] = (),
        *,
        now: float,
    ) -> None:
        """Take the server's interfaces, and this machine's where they are known."""
        self.pairs = address_pairs(remote, local)
        self._learned_at = now

    def is_outdated(self, now: float) -> bool:
        """Tell whether the server's interfaces are to be asked for again."""
        return now >= self._learned_at + self.policy.refresh_interval

    def adopt(self, connection: Connection, pair: AddressPair | None) -> None:
        """Count a connection that was bound; None: it goes over an interface that is not in the list."""
        self._ways[connection] = pair
        if pair is not None:
            self._out_of_order.pop(pair, None)

    def unreachable(self, pair: AddressPair, now: float) -> None:
        """Leave a pair alone for a while: no connection, or no channel, came of it."""
        self._out_of_order[pair] = now + self.policy.interface_pause

    def missing(self, now: float) -> list[AddressPair]:
        """Return the pair of each connection to make now."""
        if self.is_cut_off or (self.lost and not self.policy.rebinds):
            return []
        there = Counter(self._ways.get(connection) for connection in self.channels)
        unlisted = there.pop(None, 0)
        missing: list[AddressPair] = []
        for pair in self._plan(now):
            if there[pair]:
                there[pair] -= 1
            else:
                missing.append(pair)
        return missing[: max(0, len(missing) - unlisted)]

    def surplus(self, now: float) -> list[Connection]:
        """Return the channels to close: no better than the plan and beside it, once all of that is there.

        What works over a pair that nothing new comes of is left alone.
        """
        plan = self._plan(now)
        if not self.policy.shrinks or not plan or self.missing(now):
            return []
        planned = Counter(plan)
        surplus: list[Connection] = []
        for connection in self.channels:
            pair = self._ways.get(connection)
            if pair is None or rank(pair) > rank(plan[0]) or self._out_of_order.get(pair, now) > now:
                continue
            if planned[pair]:
                planned[pair] -= 1
            else:
                surplus.append(connection)
        return surplus

    def dismiss(self, connection: Connection) -> None:
        """Close a channel that is not wanted; ChannelSequence stays, for nothing was lost."""
        self.ended.append(connection)
        self._dismissed.add(connection)
        connection.close()

    def _plan(self, now: float) -> list[AddressPair]:
        out_of_order = [pair for pair, until in self._out_of_order.items() if until > now]
        return distribute(best(self.pairs, out_of_order), self.wanted)

    # Requests

    def submit(
        self, body: Body, tree: Tree, *, opened: Open | None = None, **options: Unpack[Options]
    ) -> Operation:
        """Send a request on the next channel (or `options["connection"]`), and again where it has to be."""
        operation = Operation(body, tree, opened)
        self._send(operation, options)
        self.operations.append(operation)
        return operation

    def lock(self, opened: Open, locks: Sequence[LockElement], **options: Unpack[Options]) -> Operation:
        """Send LOCK with a lock sequence ([MS-SMB2] 3.2.4.19). Raises ValueError where 64 are outstanding."""
        index, number = _bucket(opened)
        body = LockRequest(
            lock_sequence_index=index,
            lock_sequence_number=number,
            file_id=opened.file_id,
            locks=list(locks),
        )
        return self.submit(body, opened.tree, opened=opened, **options)

    def advance(self, now: float) -> None:
        """Notice what has happened to channels and requests, and send again what is due."""
        for pair in [pair for pair, until in self._out_of_order.items() if until <= now]:
            del self._out_of_order[pair]
        self._reset_silent(now)
        self._probe_quiet(now)
        self._answer_breaks()
        self._notice_losses()
        for operation in list(self.operations):
            self._judge(operation, now)
        if self.is_cut_off:
            return
        for operation in list(self.operations):
            if operation.due is not None and operation.due <= now and self._can_be_sent(operation):
                self._repeat(operation)

    def _answer_breaks(self) -> None:
        """Take in the breaks that have come, and acknowledge those that have to be ([MS-SMB2] 3.2.5.19)."""
        for connection in self._ways:
            notifications = connection.notifications
            unseen = notifications[self._seen.get(connection, 0) :]
            self._seen[connection] = len(notifications)
            for notification in unseen:
                if isinstance(notification.body, OplockBreakNotification):
                    self._oplock_breaks(connection, notification.body)
                elif isinstance(notification.body, LeaseBreakNotification):
                    self._lease_breaks(connection, notification.body)

    def _oplock_breaks(self, connection: Connection, body: OplockBreakNotification) -> None:
        opened = self.session.open_table.get(body.file_id)
        if opened is None:
            return
        was, opened.oplock_level = opened.oplock_level, body.oplock_level
        if was in ACKNOWLEDGED_LEVELS and self.policy.acknowledges:
            opened.acknowledge_oplock_break(body.oplock_level, connection=self._alive(connection))

    def _lease_breaks(self, connection: Connection, body: LeaseBreakNotification) -> None:
        under = [one for one in self.session.open_table.values() if lease_key_of(one) == body.lease_key]
        for opened in under:
            opened.lease_state, opened.lease_epoch = LeaseState(body.new_lease_state), body.new_epoch
        is_due = bool(body.flags & LeaseBreakFlags.ACK_REQUIRED)
        if under and is_due and self.policy.acknowledges:
            self.session.acknowledge_lease_break(
                body.lease_key,
                LeaseState(body.new_lease_state),
                tree=under[0].tree,
                connection=self._alive(connection),
            )

    def _alive(self, connection: Connection) -> Connection:
        return connection if connection.lost is None else self._next_channel()

    def has_news(self, now: float) -> bool:
        """Tell whether `advance` has something to do because of what has come, or has not come any more."""
        return (
            any(connection.lost is not None for connection in self._ways)
            or any(operation.due is None and operation.exchange.done for operation in self.operations)
            or any(self._seen.get(connection, 0) < len(connection.notifications) for connection in self._ways)
            or any(self._is_silent(connection, now) for connection in self.channels)
            or any(self._is_quiet(connection, now) for connection in self.channels)
        )

    def next_deadline(self) -> float | None:
        """When `advance`, or `missing`, has something to say that no event brings about; None for never."""
        if self.is_cut_off:
            return None
        due = [
            operation.due
            for operation in self.operations
            if operation.due is not None and self._can_be_sent(operation)
        ]
        due += [at for connection in self.channels if (at := self._silent_at(connection)) is not None]
        due += [at for connection in self.channels if (at := self._quiet_at(connection)) is not None]
        due += self._out_of_order.values()
        return min(due, default=None)

    def resume(self, session: Session, trees: Mapping[Tree, Tree]) -> None:
        """Go on with a new session, and its tree connects in place of the old ones.

        ChannelSequence goes on from the old session's: the server compares it with what a durable open has.
        """
        self._move_on(1)
        session.channel_sequence = self._sequence
        self.session = session
        self._ways.clear()
        self._probes.clear()
        self._trees = {old: trees.get(new, new) for old, new in self._trees.items()} | dict(trees)

    def give_up(self, opened: Open | None = None) -> None:
        """Send nothing again: of an open that could not be had back, or (None) of the whole session."""
        for operation in list(self.operations):
            if (opened is None or operation.opened is opened) and operation.exchange.done:
                self._end(operation)

    def _can_be_sent(self, operation: Operation) -> bool:
        """Tell whether the open it is about is one of this session: one of the last is yet to be had back."""
        return operation.opened is None or operation.opened.tree.session is self.session

    def _send(self, operation: Operation, options: Options) -> None:
        options.setdefault("connection", self._next_channel())
        tree = operation.opened.tree if operation.opened is not None else operation.tree
        tree = self._trees.get(tree, tree)
        exchange = tree.submit(operation.body, **options)
        operation.exchanges.append(exchange)

    def _next_channel(self) -> Connection:
        channels = self.channels
        if not channels:
            return self.session.connection
        self._turn += 1
        return channels[(self._turn - 1) % len(channels)]

    def _reset_silent(self, now: float) -> None:
        """Give up a transport that acknowledges nothing, and one whose server does not answer."""
        for connection in self.channels:
            if self._is_silent(connection, now):
                self.ended.append(connection)
                connection.abort()

    def _is_silent(self, connection: Connection, now: float) -> bool:
        at = self._silent_at(connection)
        return at is not None and now >= at

    def _silent_at(self, connection: Connection) -> float | None:
        """When a channel counts as dead unless something comes; None while nothing is outstanding."""
        since = connection.stuck_since
        at = [] if since is None else [since + self.policy.patience]
        asked = self._exchanges_on(connection)
        if connection in self._probes:
            asked.append(self._probes[connection])
        at += [
            exchange.sent_at + self.policy.answer_patience
            for exchange in asked
            if exchange.sent_at is not None and not exchange.done and not exchange.interim
        ]
        return min(at, default=None)

    def _probe_quiet(self, now: float) -> None:
        """Ask channels whose server has promised an answer, and says nothing, whether they are alive."""
        for connection in self.channels:
            if self._is_quiet(connection, now):
                self._probes[connection] = connection.echo(session=self.session)

    def _is_quiet(self, connection: Connection, now: float) -> bool:
        at = self._quiet_at(connection)
        return at is not None and now >= at

    def _quiet_at(self, connection: Connection) -> float | None:
        """When a channel is to be probed unless something comes; None while nothing is pending, or the last
        probe is outstanding.
        """
        probe = self._probes.get(connection)
        if not self.policy.probes or connection.heard_at is None or (probe is not None and not probe.done):
            return None
        if not any(exchange.is_pending for exchange in self._exchanges_on(connection)):
            return None
        return connection.heard_at + self.policy.answer_patience

    def _exchanges_on(self, connection: Connection) -> list[Exchange]:
        """Return what was sent last of each operation, where that was on this connection."""
        return [one.exchange for one in self.operations if one.exchange.connection is connection]

    def _notice_losses(self) -> None:
        """Take lost channels out, and let ChannelSequence go up by the step for each, while one is left."""
        gone = [connection for connection in self._ways if connection.lost is not None]
        lost = [connection for connection in gone if connection not in self._dismissed]
        for connection in gone:
            del self._ways[connection]
            self._seen.pop(connection, None)
            self._probes.pop(connection, None)
        self._dismissed.difference_update(gone)
        self.lost += lost
        # The loss of the last channel counts when there is a session again.
        self._move_on(len(lost) - (1 if lost and self.is_cut_off else 0))
        self.session.channel_sequence = self._sequence

    def _move_on(self, losses: int) -> None:
        self._sequence = (self._sequence + losses * self.policy.sequence_step) % CHANNEL_SEQUENCE_MODULUS

    def _judge(self, operation: Operation, now: float) -> None:
        """Tell whether an answered or lost request is over, or to be sent again."""
        exchange = operation.exchange
        if operation.due is not None or not exchange.done:
            return
        again = self.policy.repeats and is_repeatable(operation.body)
        if exchange.lost is not None:
            if again:
                operation.due = now
            else:
                self._end(operation)
            return
        retried = RETRIED.get(exchange.request.header.command, frozenset())
        if again and exchange.status in retried and operation.retries < self.policy.most_retries:
            operation.retries += 1
            operation.due = now + self.policy.retry_pause
        else:
            self._end(operation)

    def _end(self, operation: Operation) -> None:
        operation.is_over, operation.due = True, None
        if operation in self.operations:
            self.operations.remove(operation)
        body = operation.body
        if isinstance(body, LockRequest) and operation.opened is not None:
            operation.opened.operation_buckets.release(body.lock_sequence_index)

    def _repeat(self, operation: Operation) -> None:
        """Send a request again, as the policy has it."""
        policy, body = self.policy, operation.body
        operation.due = None
        if operation.opened is not None:
            body = about(body, operation.opened.file_id)
        if isinstance(body, CreateRequest) and not policy.same_create_guid:
            body = self._with_other_guid(body)
        if isinstance(body, LockRequest) and operation.opened is not None and not policy.same_lock_sequence:
            operation.opened.operation_buckets.release(body.lock_sequence_index)
            index, number = _bucket(operation.opened)
            body = replace(body, lock_sequence_index=index, lock_sequence_number=number)
        if policy.rewrite is not None:
            body = policy.rewrite(body)
        operation.body = body
        self._send(operation, {"replay": policy.replay_flag and carries_replay_flag(body)})

    def _with_other_guid(self, body: CreateRequest) -> CreateRequest:
        contexts = []
        for context in body.contexts:
            if context.name == DurableHandleRequestV2.NAME:
                asked = DurableHandleRequestV2.decode(context.data, [])
                contexts.append(replace(asked, create_guid=self._entropy(GUID_SIZE)).envelope())
            else:
                contexts.append(context)
        return replace(body, contexts=contexts)


def _bucket(opened: Open) -> tuple[int, int]:
    taken = opened.operation_buckets.take()
    if taken is None:
        raise ValueError(f"{opened.file_name} has as many locks outstanding as can be numbered")
    return taken
