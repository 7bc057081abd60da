"""A file that one client caches under a lease, and another client that wants it."""

from __future__ import annotations

from typing import Final, Unpack

from smbtorture_py.conformance.answer import CreateAnswer
from smbtorture_py.conformance.checks import Expected, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen, LabSession, LabTree
from smbtorture_py.conformance.lab.arguments import CreateArguments
from smbtorture_py.conformance.lab.breaks import LabBreak
from smbtorture_py.conformance.lab.handle_contexts import RWH, lease, lease_v1
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.create import AccessMask, CreateDisposition, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakNotification

NONE: Final = LeaseState.NONE
W: Final = LeaseState.WRITE_CACHING
H: Final = LeaseState.HANDLE_CACHING
WH: Final = LeaseState.WRITE_CACHING | LeaseState.HANDLE_CACHING

A_MOMENT: Final = 0.5
"""Seconds within which nothing must happen."""

V2: Final = 2
"""The version of leases that have an epoch and a parent."""

NO_BREAK: Final = "no break"

SHARE_ALL: Final = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE
SHARE_NONE: Final = ShareAccess.NONE
READ_DATA: Final = AccessMask.FILE_READ_DATA | AccessMask.FILE_READ_ATTRIBUTES


def asked(key: bytes, state: LeaseState, *, version: int = V2, epoch: int = 0) -> CreateContext:
    """Ask for a lease of either version."""
    return lease(key, state, epoch=epoch) if version == V2 else lease_v1(key, state)


def grant(
    tree: LabTree,
    key: bytes,
    state: LeaseState,
    name: str | None = None,
    *,
    version: int = V2,
    **create: Unpack[CreateArguments],
) -> LabOpen:
    """Open a file under a lease; blocks the case where that is not granted as asked for."""
    create["contexts"] = [asked(key, state, version=version)]
    file = tree.open(name, **create)
    if file.lease_state != state:
        raise Blocked(f"asked for the lease {state!r}, got {file.lease_state!r}")
    return file


class Contest:
    """`holder` has `file` open under a lease of `key`; `rival` is another client, with a tree of its own."""

    def __init__(
        self,
        lab: Lab,
        state: LeaseState = RWH,
        *,
        version: int = V2,
        epoch: int = 0,
        channels: int = 1,
        opened_on: int = 0,
        **create: Unpack[CreateArguments],
    ) -> None:
        self.lab = lab
        self.holder: LabSession = lab.logon()
        for _ in range(channels - 1):
            self.holder.add_channel()
        self.tree: LabTree = self.holder.tree()
        self.key = lab.guid()
        self.version = version
        create["contexts"] = [asked(self.key, state, version=version, epoch=epoch)]
        create["on"] = self.holder.channels[opened_on]
        self.file = self.tree.open(**create)
        if self.file.lease_state != state:
            raise Blocked(f"asked for the lease {state!r}, got {self.file.lease_state!r}")
        self.rival: LabSession = lab.another_client()
        self.rival_tree: LabTree = self.rival.tree()

    @property
    def name(self) -> str:
        """The path of the file."""
        return self.file.name

    def contend(self, **create: Unpack[CreateArguments]) -> CreateAnswer:
        """Let the rival open the file; the answer is still to be waited for."""
        create.setdefault("create_disposition", CreateDisposition.OPEN)
        create.setdefault("wait", False)
        return self.rival_tree.create(self.name, **create)

    def acknowledge(self, state: LeaseState, *, on: LabConnection | None = None) -> None:
        """Acknowledge the break; blocks the case where that fails."""
        self.file.acknowledge_lease(state, on=on or self.holder.connection).required()

    def again(self, state: LeaseState = NONE, **create: Unpack[CreateArguments]) -> LabOpen:
        """Open the file once more under the holder's key: its answer shows the lease as it is."""
        create["contexts"] = [asked(self.key, state, version=self.version)]
        return self.tree.open(self.name, **create)


def expect_break(
    session: LabSession,
    *,
    after: int = 0,
    requirement: str | None = None,
    within: float | None = None,
    **behaviours: Expected,
) -> LabBreak[LeaseBreakNotification]:
    """Judge the state that the next lease break asks for; NO_BREAK where none comes."""
    found = session.wait_lease_break(after=after, within=within)
    state: object = found.body.new_lease_state if found.arrived else NO_BREAK
    check.that(session, "the state that the break asks for", state, requirement=requirement, **behaviours)
    return found


def expect_quiet(session: LabSession, breaks: int = 0, *, requirement: str | None = None) -> None:
    """Judge that a session has got so many lease breaks, and gets no more."""
    session.lab.settle()
    check.that(
        session,
        "lease breaks so far",
        len(session.lease_breaks),
        requirement=requirement,
        specification=breaks,
    )
