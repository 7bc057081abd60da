"""A file that one client caches under an oplock, and another client that wants it."""

from __future__ import annotations

from typing import Final, Unpack

from smbtorture_py.conformance.answer import Answer, CreateAnswer
from smbtorture_py.conformance.checks import Expected, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen, LabSession, LabTree
from smbtorture_py.conformance.lab.arguments import CreateArguments
from smbtorture_py.conformance.lab.breaks import LabBreak
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.create import CreateDisposition, OplockLevel
from smbtorture_py.wire.oplock_break import OplockBreakNotification

NO_BREAK: Final = "no break"
II: Final = OplockLevel.II
EXCLUSIVE: Final = OplockLevel.EXCLUSIVE
BATCH: Final = OplockLevel.BATCH
NONE: Final = OplockLevel.NONE
LEVELS: Final = (II, EXCLUSIVE, BATCH)
ALONE: Final = (EXCLUSIVE, BATCH)
"""The levels that only one open can have."""

A_MOMENT: Final = 0.5
"""Seconds within which nothing must happen."""


class Contest:
    """`holder` has `file` open under an oplock; `rival` is another client, with a tree of its own."""

    def __init__(
        self,
        lab: Lab,
        level: OplockLevel = BATCH,
        *,
        channels: int = 1,
        opened_on: int = 0,
        **create: Unpack[CreateArguments],
    ) -> None:
        self.lab = lab
        self.holder: LabSession = lab.logon()
        for _ in range(channels - 1):
            self.holder.add_channel()
        self.tree: LabTree = self.holder.tree()
        create["requested_oplock_level"] = level
        create["on"] = self.holder.channels[opened_on]
        self.file: LabOpen = self.tree.open(**create)
        if self.file.oplock_level != level:
            raise Blocked(f"asked for the oplock {level!r}, got {self.file.oplock_level!r}")
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

    def acknowledge(self, level: OplockLevel = II, *, on: LabConnection | None = None) -> Answer:
        """Acknowledge the break; blocks the case where that fails."""
        return self.file.acknowledge_oplock(level, on=on or self.holder.connection).required()


def expect_break(
    session: LabSession,
    *,
    after: int = 0,
    requirement: str | None = None,
    within: float | None = None,
    **behaviours: Expected,
) -> LabBreak[OplockBreakNotification]:
    """Judge the level that the next oplock break asks for; NO_BREAK where none comes."""
    found = session.wait_oplock_break(after=after, within=within)
    level: object = found.body.oplock_level if found.arrived else NO_BREAK
    check.that(session, "the level that the break asks for", level, requirement=requirement, **behaviours)
    return found


def expect_quiet(session: LabSession, breaks: int = 0, *, requirement: str | None = None) -> None:
    """Judge that a session has got so many oplock breaks, and gets no more."""
    session.lab.settle()
    found = len(session.oplock_breaks)
    check.that(session, "oplock breaks so far", found, requirement=requirement, specification=breaks)
