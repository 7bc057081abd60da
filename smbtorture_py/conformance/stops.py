"""Why a case ends before its last line; the runner turns each into an outcome of its own."""

from __future__ import annotations


class CaseStop(Exception):
    """Base of everything that ends a case early on purpose."""


class CheckFailed(CaseStop):
    """A check saw something that the requirement does not allow; the observation is in the lab's list."""


class Blocked(CaseStop):
    """A control step failed, or the target lacks something; the text names it."""


class NotApplicable(CaseStop):
    """The server does not declare what the case is about; the text names it."""


class TimedOut(CaseStop):
    """The server is connected and did not answer by the deadline; the text names the request."""


class Unreachable(CaseStop):
    """A new connection could not be made."""
