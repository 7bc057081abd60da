"""Requests that stay outstanding on an open until they are let go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabOpen, Sending
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.change_notify import CompletionFilter
from suites.sequence.changes import BEHIND


@dataclass(slots=True)
class Held:
    """A request that is pending, and what makes the server answer it."""

    answer: Answer
    release: Callable[[], object]

    def let_go(self) -> None:
        """Let the server answer it with success; blocks the case where it does not."""
        self.release()
        self.answer.wait().required()


def hold(file: LabOpen, at: int = BEHIND, **how: Unpack[Sending]) -> Held:
    """Let a LOCK of the open wait for the byte `at`, which another open of the session has locked."""
    other = file.tree.open(file.name)
    other.lock(at).required()
    how["wait"] = False
    answer = file.lock(at, fail_immediately=False, **how)
    return _pending(answer, lambda: other.unlock(at).required())


def watch(directory: LabOpen, **how: Unpack[Sending]) -> Held:
    """Let a CHANGE_NOTIFY of a directory wait for a new file."""
    how["wait"] = False
    answer = directory.change_notify(CompletionFilter.FILE_NAME, **how)
    return _pending(answer, lambda: directory.stir(answer))


def _pending(answer: Answer, release: Callable[[], object]) -> Held:
    if not answer.wait_pending():
        raise Blocked(f"{answer.label} is not pending")
    return Held(answer, release)
