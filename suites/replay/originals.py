"""A CREATE with a CreateGuid, as a client remembers it in order to send it once more."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Unpack

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import CreateArguments, LabOpen, LabTree
from smbtorture_py.conformance.lab.handle_contexts import RH, RWH, durable_v2, lease, lease_v1
from smbtorture_py.wire.create import CreateAction, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

SHARED: Final = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE


class Caching(StrEnum):
    """What the CREATE asks for besides its durable handle."""

    BATCH = "batch"
    LEASE_V1 = "lease-v1"
    LEASE_V2 = "lease-v2"
    NOTHING = "nothing"


LEASED: Final = (Caching.LEASE_V1, Caching.LEASE_V2)
DURABLE: Final = (Caching.BATCH, *LEASED)
"""What a durable handle can rest on."""


@dataclass(slots=True)
class Original:
    """A CREATE and everything it says; `state` is that of its lease, `timeout` in milliseconds."""

    tree: LabTree
    caching: Caching = Caching.BATCH
    state: LeaseState = RWH
    timeout: int = 0
    persistent: bool = False
    name: str = ""
    guid: bytes = b""
    key: bytes = b""
    arguments: CreateArguments = field(default_factory=lambda: CreateArguments())

    def __post_init__(self) -> None:
        lab = self.tree.lab
        self.name = self.name or lab.name()
        self.guid = self.guid or lab.guid()
        self.key = self.key or lab.guid()

    @property
    def durable(self) -> CreateContext:
        """The context that carries the CreateGuid."""
        return durable_v2(self.guid, timeout=self.timeout, persistent=self.persistent)

    @property
    def lease(self) -> list[CreateContext]:
        """The lease it asks for, where it does."""
        form = {Caching.LEASE_V1: lease_v1, Caching.LEASE_V2: lease}.get(self.caching)
        return [] if form is None else [form(self.key, self.state)]

    @property
    def level(self) -> OplockLevel:
        """The oplock level it asks for."""
        if self.caching is Caching.BATCH:
            return OplockLevel.BATCH
        return OplockLevel.LEASE if self.lease else OplockLevel.NONE

    def send(
        self, *, tree: LabTree | None = None, name: str | None = None, **changes: Unpack[CreateArguments]
    ) -> CreateAnswer:
        """Send it, changed in what is said."""
        arguments = CreateArguments(contexts=[self.durable, *self.lease], requested_oplock_level=self.level)
        arguments.update(self.arguments)
        arguments.update(changes)
        return (tree or self.tree).create(self.name if name is None else name, **arguments)

    def open(self, **changes: Unpack[CreateArguments]) -> LabOpen:
        """Send it; blocks the case where it fails."""
        return self.send(**changes).open

    def again(
        self, *, tree: LabTree | None = None, name: str | None = None, **changes: Unpack[CreateArguments]
    ) -> CreateAnswer:
        """Send it with the replay flag, changed in what is said."""
        changes["replay"] = True
        return self.send(tree=tree, name=name, **changes)


def shareable(tree: LabTree, **arguments: Unpack[CreateArguments]) -> Original:
    """A CREATE with a lease of RH, which no other open of its file breaks."""
    return Original(tree, Caching.LEASE_V2, RH, arguments=arguments)


def check_same(answer: CreateAnswer, file: LabOpen, requirement: str | None = None) -> None:
    """Check that a CREATE succeeded and returned an open that is there already, as it was returned before."""
    check(answer, requirement=requirement, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, requirement=requirement, specification=True)
    action = CreateAction(file.core.response.create_action)
    check.field(answer, "create_action", requirement=requirement, specification=action)


def check_new(answer: CreateAnswer, file: LabOpen, requirement: str | None = None) -> None:
    """Check that a CREATE succeeded and opened the file once more."""
    check(answer, requirement=requirement, specification=Status.SUCCESS)
    same = answer.open.file_id == file.file_id
    check.that(answer, "the first open is returned", same, requirement=requirement, specification=False)
    check.field(answer, "create_action", requirement=requirement, specification=CreateAction.OPENED)
