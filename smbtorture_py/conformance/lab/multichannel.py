"""A session that survives its channels, against the server under test: it binds, repeats and reconnects on
its own initiative.

    session = lab.multichannel_session(channels=4)
    file = session.open()
    session.channels[0].abort()
    file.write(b"over what is left")

What its client does is the client core's `Multichannel`; here are the connections. It repeats requests and
acknowledges breaks whenever a word of the lab waits, and makes connections when one of its own does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from smbtorture_py.client.durable import contexts_to_ask, durability, reconnect
from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.client.interface_choice import AddressPair
from smbtorture_py.client.multichannel import Multichannel, Operation
from smbtorture_py.client.open import Open
from smbtorture_py.client.tree import create_request
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.checks import describe
from smbtorture_py.conformance.lab.arguments import (
    MAX_TRANSACT,
    CreateArguments,
    Offering,
    Sending,
    split_create,
    split_sending,
)
from smbtorture_py.conformance.lab.handle_contexts import asks_for_lease
from smbtorture_py.conformance.lab.open import LabOpen
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.conformance.target import Account, ShareRole
from smbtorture_py.net.core import Address, Unreachable
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import Body, Buffer, FileId
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.conformance.lab.connection import LabConnection
    from smbtorture_py.conformance.lab.lab import Lab
    from smbtorture_py.conformance.lab.session import LabSession
    from smbtorture_py.conformance.lab.tree import LabTree
    from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo


class RepeatedAnswer(Answer):
    """The answer to a request that is sent again where a channel dies: that of the last time, once waited
    for.
    """

    def __init__(self, session: MultichannelSession, operation: Operation) -> None:
        self.session = session
        self.operation = operation
        self._open: MultichannelOpen | None = None
        super().__init__(session.lab_connection(operation.exchange.connection), operation.exchange)

    @property
    def repetitions(self) -> int:
        """How often the request was sent again."""
        return self.operation.repetitions

    def wait(self, within: float | None = None) -> RepeatedAnswer:
        """Wait until the request is answered, or the client gives it up; meanwhile the client does what it
        has to.
        """
        start, waited = self.lab.now, self.waited
        self.session.wait(lambda: self.operation.is_over, within)
        exchange = self.operation.exchange
        super().__init__(self.session.lab_connection(exchange.connection), exchange)
        self.waited = waited + self.lab.now - start
        return self

    @property
    def open(self) -> MultichannelOpen:
        """The open that a CREATE made; where there is none the case is blocked."""
        tree = self.exchange.tree
        if self._open is None and self.operation.is_over and tree is not None:
            opened = tree.opened(self.exchange)
            self._open = None if opened is None else self.session.keep(opened)
        if self._open is None:
            raise Blocked(f"{self.label}: {describe(self.actual)}, and no open")
        return self._open


class MultichannelOpen:
    """An open file whose requests are sent again where a channel dies."""

    def __init__(self, session: MultichannelSession, core: Open) -> None:
        self.session = session
        self.core = core
        """The client core's open; after a reconnect it has another FileId."""

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.session.lab

    @property
    def file_id(self) -> FileId:
        """Open.FileId as it is now."""
        return self.core.file_id

    @property
    def plain(self) -> LabOpen:
        """The same open with the lab's plain words, which send once and only that."""
        return LabOpen(self.session.tree, self.core)

    def send(self, body: Body, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send any request about this open."""
        return self.session.send(body, opened=self.core, **sending)

    def write(self, data: Buffer, offset: int = 0, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send WRITE."""
        return self.send(WriteRequest(offset=offset, file_id=self.file_id, data=data), **sending)

    def read(self, offset: int = 0, length: int = MAX_TRANSACT, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send READ; `answer.data` has the bytes."""
        return self.send(ReadRequest(offset=offset, length=length, file_id=self.file_id), **sending)

    def flush(self, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send FLUSH."""
        return self.send(FlushRequest(file_id=self.file_id), **sending)

    def set_info(
        self, info_type: int, info_class: int, buffer: Buffer, **sending: Unpack[Sending]
    ) -> RepeatedAnswer:
        """Send SET_INFO."""
        body = SetInfoRequest(
            info_type=info_type, file_info_class=info_class, file_id=self.file_id, buffer=buffer
        )
        return self.send(body, **sending)

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        max_output_response: int = MAX_TRANSACT,
        **sending: Unpack[Sending],
    ) -> RepeatedAnswer:
        """Send IOCTL."""
        body = IoctlRequest(
            ctl_code=ctl_code,
            file_id=self.file_id,
            max_output_response=max_output_response,
            flags=IoctlFlags.IS_FSCTL,
            input=input_buffer,
        )
        return self.send(body, **sending)

    def lock(
        self,
        offset: int = 0,
        length: int = 1,
        *,
        exclusive: bool = True,
        fail_immediately: bool = True,
        **sending: Unpack[Sending],
    ) -> RepeatedAnswer:
        """Send LOCK for one range, with a lock sequence."""
        flags = LockFlags.EXCLUSIVE_LOCK if exclusive else LockFlags.SHARED_LOCK
        if fail_immediately:
            flags |= LockFlags.FAIL_IMMEDIATELY
        return self._lock(LockElement(offset=offset, length=length, flags=flags), sending)

    def unlock(self, offset: int = 0, length: int = 1, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send LOCK that releases one range, with a lock sequence."""
        return self._lock(LockElement(offset=offset, length=length, flags=LockFlags.UNLOCK), sending)

    def _lock(self, element: LockElement, sending: Sending) -> RepeatedAnswer:
        options, connection, within, wait = split_sending(sending)
        if connection is not None:
            options["connection"] = connection.core
        operation = self.session.core.lock(self.core, [element], **options)
        return self.session.follow(operation, within, wait=wait)

    def close(self, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send CLOSE; the open is not had back any more."""
        self.session.forget(self.core)
        return self.send(CloseRequest(file_id=self.file_id), **sending)


@dataclass(slots=True, frozen=True, kw_only=True)
class Logging:
    """How the session was logged on, and is again when it has to be."""

    user: Account | None
    share: str | ShareRole
    offer: Offering


class MultichannelSession:
    """A session over several channels, and one tree connect, that carries on when channels die."""

    def __init__(
        self,
        lab: Lab,
        *,
        channels: int | None,
        policy: FailoverPolicy | None,
        local: Sequence[NetworkInterfaceInfo],
        logging: Logging,
    ) -> None:
        self.lab = lab
        self.local = tuple(local)
        self._logging = logging
        self.session: LabSession = lab.logon(logging.user, offer=logging.offer)
        """The session at present: after all channels are gone it is another one."""
        self.tree: LabTree = self.session.tree(logging.share)
        self.core = Multichannel(
            self.session.core,
            policy,
            entropy=lab.world.entropy("multichannel", lab.case.full_id(lab.variant), str(len(lab.sessions))),
            wanted=channels,
        )
        """The client core's state machine: what it waits for, what it has lost."""
        self._opens: list[MultichannelOpen] = []
        self._reconnect_at = 0.0
        self._finds_interfaces = (
            Capabilities.MULTI_CHANNEL in self.session.connection.core.server_capabilities
        )
        if self._finds_interfaces:
            self.refresh()
        self.core.adopt(self.session.connection.core, self._pair_of(self.session.connection))
        self.maintain()

    @property
    def channels(self) -> list[LabConnection]:
        """The channels that are alive, in the order of binding."""
        return [self.lab_connection(connection) for connection in self.core.channels]

    def refresh(self) -> None:
        """Ask for the server's interfaces again."""
        self.core.learn(self.session.interfaces(), self.local, now=self.lab.now)

    def lab_connection(self, core: Connection) -> LabConnection:
        """Return the lab's connection of a core one."""
        return next(one for one in self.lab.connections if one.core is core)

    # Requests

    def create(self, name: str | None = None, **arguments: Unpack[CreateArguments]) -> RepeatedAnswer:
        """Send CREATE, as `tree.create`; unless `contexts` are given it asks for as much durability as there
        is, with a batch oplock.
        """
        path = self.lab.name() if name is None else name
        sending, fields = split_create(arguments)
        if "contexts" not in fields:
            connection = self.session.connection.core
            fields["contexts"] = contexts_to_ask(connection, self.tree.core, self.lab.guid())
            fields.setdefault("requested_oplock_level", OplockLevel.BATCH)
        if asks_for_lease(fields["contexts"]):
            fields.setdefault("requested_oplock_level", OplockLevel.LEASE)
        self.lab.created.append((self.tree.share, path))
        return self.send(create_request(path, **fields), **sending)

    def open(self, name: str | None = None, **arguments: Unpack[CreateArguments]) -> MultichannelOpen:
        """Open a file; blocks the case where that fails."""
        return self.create(name, **arguments).open

    def send(self, body: Body, *, opened: Open | None = None, **sending: Unpack[Sending]) -> RepeatedAnswer:
        """Send any body on the tree, about an open where one is given."""
        options, connection, within, wait = split_sending(sending)
        if connection is not None:
            options["connection"] = connection.core
        operation = self.core.submit(body, self.tree.core, opened=opened, **options)
        return self.follow(operation, within, wait=wait)

    def follow(self, operation: Operation, within: float | None, *, wait: bool) -> RepeatedAnswer:
        """Return the answer of an operation that was started, and wait for it."""
        answer = RepeatedAnswer(self, operation)
        return answer.wait(within) if wait else answer

    def keep(self, opened: Open) -> MultichannelOpen:
        """Have an open back when the session is set up anew."""
        known = next((one for one in self._opens if one.core is opened), None)
        if known is None:
            known = MultichannelOpen(self, opened)
            self._opens.append(known)
        return known

    def forget(self, opened: Open) -> None:
        """Never have an open back."""
        self._opens = [one for one in self._opens if one.core is not opened]

    # Carrying on

    def wait(self, condition: Callable[[], bool], within: float | None = None) -> bool:
        """Run the world, and the client, until the condition holds or `within` seconds (scaled) have
        passed.
        """
        deadline = self.lab.deadline(within)
        while True:
            self.step()
            if condition():
                return True
            if self.lab.now >= deadline:
                return False
            until = min(due for due in (deadline, self._next_deadline()) if due is not None)
            self.lab.world.run_until(lambda: condition() or self.lab.clients_have_news(), until)
            self.lab.attend_clients()

    def step(self) -> None:
        """Do what the client has to do now: notice losses, repeat, reconnect, bind, close what is too
        much.
        """
        self.core.advance(self.lab.now)
        if self.core.is_cut_off:
            self._come_back()
        elif self._finds_interfaces and self.core.is_outdated(self.lab.now):
            self.refresh()
        self.maintain()
        self.core.advance(self.lab.now)
        for connection in self.core.ended:
            self.lab_connection(connection).ended_on_purpose = True

    def maintain(self) -> None:
        """Bind the channels that are missing and close those that are too many."""
        while missing := self.core.missing(self.lab.now):
            if not self._add_channel(missing[0]):
                self.core.unreachable(missing[0], self.lab.now)
        for connection in self.core.surplus(self.lab.now):
            self.lab_connection(connection).ended_on_purpose = True
            self.core.dismiss(connection)

    def fail_over(self, channel: LabConnection | None = None) -> None:
        """Reset a channel (the first one unless given) and let the client carry on without it."""
        (channel or self.channels[0]).abort()
        self.step()

    def _next_deadline(self) -> float | None:
        due = self.core.next_deadline()
        if self.core.is_cut_off and self.core.policy.reconnects:
            return self._reconnect_at if due is None else min(due, self._reconnect_at)
        return due

    def _pair_of(self, connection: LabConnection) -> AddressPair | None:
        """Return the best pair that a connection goes over."""
        remote = connection.link.remote
        return next((pair for pair in self.core.pairs if self._address(pair) == remote), None)

    def _address(self, pair: AddressPair) -> Address:
        return self.lab.dialable(str(pair.remote))

    def _add_channel(self, pair: AddressPair) -> bool:
        """Connect and bind over a pair; False where that fails."""
        source = None if pair.local is None else str(pair.local)
        connection = self._connect(self._address(pair), source)
        if connection is None:
            return False
        offer = self._logging.offer.copy()
        offer["dialect"] = self.session.core.connection.dialect
        bound = connection.negotiate(**offer).actual is Status.SUCCESS and (
            connection.bind(self.session).actual is Status.SUCCESS
        )
        if not bound:
            connection.close()
            return False
        self.core.adopt(connection.core, pair)
        return True

    def _connect(self, address: Address, source: str | None = None) -> LabConnection | None:
        try:
            return self.lab.open_connection(address, source=source)
        except Unreachable:
            return None

    def _come_back(self) -> None:
        """Log on again once all channels are gone, and have the durable opens back ([MS-SMB2] 3.2.7.1)."""
        policy = self.core.policy
        if not policy.reconnects:
            self.core.give_up()
            return
        if self.lab.now < self._reconnect_at:
            return
        self._reconnect_at = self.lab.now + policy.interface_pause
        connection = self._anew()
        if connection is None:
            return
        previous = self.session.session_id if policy.names_previous_session else 0
        answer = connection.session_setup(self._logging.user, previous_session_id=previous)
        if answer.actual is not Status.SUCCESS:
            connection.close()
            return
        old = self.tree
        self.session = answer.session
        self.tree = self.session.tree(self._logging.share)
        self.core.resume(self.session.core, {old.core: self.tree.core})
        self.core.adopt(connection.core, self._pair_of(connection))
        for kept in list(self._opens):
            if not self._have_back(kept.core):
                self.core.give_up(kept.core)
                self.forget(kept.core)

    def _anew(self) -> LabConnection | None:
        """Connect to the first address that answers."""
        addresses = dict.fromkeys([*map(self._address, self.core.pairs), *self.lab.addresses])
        for address in addresses:
            connection = self._connect(address)
            if connection is not None:
                if connection.negotiate(**self._logging.offer).actual is Status.SUCCESS:
                    return connection
                connection.close()
        return None

    def _have_back(self, opened: Open) -> bool:
        """Reconnect an open; False where it is not durable, or the server does not give it back."""
        if durability(opened.request, opened.response) is None:
            return False
        connection = self.session.connection.core
        result = self.lab.drive(reconnect(self.tree.core, opened, connection=connection)).result
        return result is not None and result.open is not None
