"""Clients that leave durable handles behind and come back for them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Unpack

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import CreateArguments, Lab, LabOpen, LabSession, Offering, Sending
from smbtorture_py.conformance.lab.handle_contexts import (
    RWH,
    durable,
    durable_v2,
    lease,
    lease_v1,
    reconnect,
    reconnect_v2,
)
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.conformance.target import Account, ShareRole
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.create import AccessMask, CreateDisposition, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, harm, lose

EVERYTHING: Final = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE
LONG_ANSWER: Final = 65536
"""More than a plugged connection takes in."""
A_MOMENT: Final = 2.0
"""Seconds in which a server answers a request or ends its connection, or does neither."""
MOMENT: Final = 0.05
"""Seconds in which a server that has begun to close what a session had open comes to its end."""


class Kind(Enum):
    """What a durable handle is: the version of its context, and whether it rests on a batch oplock or on a
    lease of version 1 or 2; a persistent one need not rest on anything.
    """

    V1_BATCH = (1, 0, OplockLevel.BATCH)
    V1_LEASE_V1 = (1, 1, OplockLevel.LEASE)
    V1_LEASE_V2 = (1, 2, OplockLevel.LEASE)
    V2_BATCH = (2, 0, OplockLevel.BATCH)
    V2_LEASE_V1 = (2, 1, OplockLevel.LEASE)
    V2_LEASE_V2 = (2, 2, OplockLevel.LEASE)
    V2_BARE = (2, 0, OplockLevel.NONE)

    @property
    def version(self) -> int:
        """1: DHnQ and DHnC; 2: DH2Q and DH2C."""
        return self.value[0]

    @property
    def lease_version(self) -> int:
        """0: no lease."""
        return self.value[1]

    @property
    def oplock_level(self) -> OplockLevel:
        """What its CREATE asks for."""
        return self.value[2]

    @property
    def right_reconnect(self) -> str:
        """The requirement that a right reconnect succeeds."""
        return "SMB2-3.3.5.9.7-01" if self.version == 1 else "SMB2-3.3.5.9.12-02"


BATCH: Final = (Kind.V1_BATCH, Kind.V2_BATCH)
LEASED: Final = (Kind.V1_LEASE_V1, Kind.V2_LEASE_V1, Kind.V2_LEASE_V2)
KINDS: Final = BATCH + LEASED
"""Everything that MS-SMB2 makes durable; of V1_LEASE_V2 it does not speak."""

SOME: Final = (Kind.V1_BATCH, Kind.V1_LEASE_V1, Kind.V2_BATCH, Kind.V2_LEASE_V2)
"""Where the version of a lease makes no difference."""


def check_data(
    file: LabOpen, data: bytes, *, requirement: str | None = None, **sending: Unpack[Sending]
) -> None:
    """The file can be read, and that is what it has."""
    answer = file.read(**sending)
    check(answer, requirement=requirement, specification=Status.SUCCESS)
    check.that(file, "data", answer.data, requirement=requirement, specification=data)


@dataclass(slots=True)
class Handle:
    """A durable handle as its client remembers it."""

    kind: Kind
    file: LabOpen
    create_guid: bytes
    lease_key: bytes
    state: LeaseState
    persistent: bool = False

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.file.lab

    def lease(
        self, *, version: int = 0, key: bytes | None = None, state: LeaseState | None = None
    ) -> CreateContext:
        """Ask for its lease, or for one that differs in one thing."""
        form = lease_v1 if (version or self.kind.lease_version) == 1 else lease
        return form(key or self.lease_key, self.state if state is None else state)

    def durable(
        self, *, version: int = 0, create_guid: bytes | None = None, persistent: bool | None = None
    ) -> CreateContext:
        """Ask for it again, or with one thing that differs."""
        if (version or self.kind.version) == 1:
            return reconnect(self.file.file_id)
        guid = self.create_guid if create_guid is None else create_guid
        flag = self.persistent if persistent is None else persistent
        return reconnect_v2(self.file.file_id, guid, persistent=flag)

    def contexts(self) -> list[CreateContext]:
        """What a right reconnect carries."""
        return [self.durable(), *([self.lease()] if self.kind.lease_version else [])]

    def reconnect(
        self, client: Client, name: str | None = None, **arguments: Unpack[CreateArguments]
    ) -> CreateAnswer:
        """Come back for it, as it was opened unless told otherwise."""
        arguments.setdefault("contexts", self.contexts())
        arguments.setdefault("requested_oplock_level", self.kind.oplock_level)
        return client.tree.create(self.file.name if name is None else name, **arguments)

    def reconnect_harmed(self, client: Client, fault: FaultKind) -> CreateAnswer:
        """Come back for it with a signed CREATE to which a fault of `HARM` happens: one that is held up or
        comes in pieces counts; after one that comes damaged or twice come back once more.
        """
        harm(client.session.connection, fault)
        answer = self.reconnect(client, sign=True, wait=False)
        if fault in (FaultKind.DELAY, FaultKind.SPLIT):
            answer.wait()
            return answer
        answer.wait(within=A_MOMENT)
        client.lab.settle()
        client.lose()
        return self.reconnect(client.back())

    def adopt(self, file: LabOpen) -> Handle:
        """Take the open of a reconnect for the one that was lost."""
        self.file = file
        return self


class Client:
    """A session with a tree connect, and a file that nobody else can read as long as the session lives.

    That file is the first one, so a server that closes newest first has parted from all others when it can be
    read; one that closes oldest first gets a moment.
    """

    def __init__(self, session: LabSession, share: ShareRole = ShareRole.PLAIN) -> None:
        self.session = session
        self.share = share
        self.tree = session.tree(share)
        self._sign = self.tree.open(share_access=ShareAccess.NONE)

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.session.lab

    def handle(
        self,
        kind: Kind,
        name: str | None = None,
        *,
        state: LeaseState = RWH,
        timeout: int = 0,
        key: bytes | None = None,
        persistent: bool = False,
        **arguments: Unpack[CreateArguments],
    ) -> Handle:
        """Open a durable handle; `timeout` in milliseconds. Blocks the case where it is not granted."""
        made = self.ask(kind, name, state=state, timeout=timeout, key=key, persistent=persistent, **arguments)
        if not made.file.is_durable:
            raise Blocked("the server grants no durable handle")
        if persistent and not made.file.is_persistent:
            raise Blocked("the server grants no persistent handle")
        return made

    def ask(
        self,
        kind: Kind,
        name: str | None = None,
        *,
        state: LeaseState = RWH,
        timeout: int = 0,
        key: bytes | None = None,
        persistent: bool = False,
        **arguments: Unpack[CreateArguments],
    ) -> Handle:
        """Open a file and ask for a durable handle, which need not be granted."""
        lab = self.lab
        create_guid, lease_key = lab.guid(), key or lab.guid()
        asked = durable_v2(create_guid, timeout=timeout, persistent=persistent)
        contexts = [durable() if kind.version == 1 else asked]
        if kind.lease_version:
            contexts.append((lease_v1 if kind.lease_version == 1 else lease)(lease_key, state))
        arguments["contexts"] = [*contexts, *arguments.get("contexts", ())]
        arguments.setdefault("requested_oplock_level", kind.oplock_level)
        file = self.tree.open(name, **arguments)
        return Handle(kind, file, create_guid, lease_key, state, persistent)

    def lose(self, fault: FaultKind = FaultKind.CLOSE) -> None:
        """Lose every channel."""
        for channel in self.session.channels:
            if not channel.is_lost:
                lose(channel, fault)

    def leave(self, witness: Client, fault: FaultKind = FaultKind.CLOSE) -> None:
        """Lose every channel, and wait until another client can see that the server knows."""
        self.lose(fault)
        witness.sees_end_of(self)

    def sees_end_of(self, other: Client) -> None:
        """Wait until the server has ended another's session; blocks the case where it does not."""
        self.lab.eventually(
            lambda: self.tree.create(
                other._sign.name,
                desired_access=AccessMask.FILE_READ_DATA,
                create_disposition=CreateDisposition.OPEN,
            ),
            lambda answer: answer.actual is Status.SUCCESS,
        ).required()
        self.lab.pause(MOMENT)

    @property
    def _offer(self) -> Offering:
        """What makes a new connection that of the same client."""
        return Offering(client_guid=self.session.channels[0].core.client_guid)

    def back_after(self, fault: FaultKind, handle: Handle) -> Client:
        """Lose the connection in any way, and come back as the same client with a new session, which names
        the old one where the server need not know that it has ended.
        """
        if fault in NOTICED:
            self.lose(fault)
            return self.back()
        handle.file.write(bytes(LONG_ANSWER)).required()
        self.session.connection.faults.arm(fault, Position.AFTER_EXECUTION)
        handle.file.read(wait=False)
        previous = self.session.session_id
        return Client(self.lab.logon(offer=self._offer, previous_session_id=previous), self.share)

    def back(self, user: Account | None = None) -> Client:
        """Come back as the same client, with a new session, once the old one has ended."""
        new = Client(self.lab.logon(user, offer=self._offer), self.share)
        new.sees_end_of(self)
        return new
