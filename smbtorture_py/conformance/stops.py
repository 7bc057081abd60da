"""Why a case ends before its last line; the runner turns each into an outcome of its own."""

from __future__ import annotations

from collections.abc import Sequence

from smbtorture_py.conformance.needs import Need


class CaseStop(Exception):
    """Base of everything that ends a case early on purpose."""


class CheckFailed(CaseStop):
    """A check saw something that the requirement does not allow; the observation is in the lab's list."""


class Blocked(CaseStop):
    """A control step failed, or the target lacks something; the text names it."""


class NotApplicable(CaseStop):
    """The server does not declare what the case is about; the text names it."""


class Lacking(CaseStop):
    """The target lacks what this variant needs, as if the case had declared it; see `lab.need`."""

    def __init__(self, needs: Sequence[Need]) -> None:
        self.needs = tuple(needs)
        super().__init__(f"the target has no {', no '.join(need.label for need in needs)}")

    @property
    def is_setup(self) -> bool:
        """The set-up lacks it (blocked) and the server did not choose so (not applicable)."""
        return all(need.is_setup for need in self.needs)


class TimedOut(CaseStop):
    """The server is connected and did not answer by the deadline; the text names the request."""


class Unreachable(CaseStop):
    """A new connection could not be made."""
