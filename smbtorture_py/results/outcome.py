"""What a case came to, and what that means once expectations are known: two axes that are never merged."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What the server under test did, seen by one case."""

    PASS = "pass"
    WARN = "warn"
    """A SHOULD was not met."""
    FAIL = "fail"
    OBSERVED = "observed"
    """The specification is silent: what happened is recorded and judged nowhere."""
    BLOCKED = "blocked"
    """A control step failed, or the target lacks something the case needs; the reason names it."""
    NOT_APPLICABLE = "not-applicable"
    """The server does not declare the capability."""
    TIMEOUT = "timeout"
    CRASH = "crash"
    """The server was gone afterwards."""
    ERROR = "error"
    """The suite itself went wrong."""


class Verdict(StrEnum):
    """What an outcome means after the target's expectations were applied."""

    OK = "ok"
    KNOWN = "known"
    FLAKY = "flaky"
    REGRESSION = "regression"
    FIXED = "fixed"
    """A known non-pass passed: reported as loudly as a failure."""
    NEW = "new"
    """Failed, on a target that has no expectations at all: there is nothing to regress from."""
    ERROR = "error"


WORST_FIRST = (
    Outcome.ERROR,
    Outcome.CRASH,
    Outcome.TIMEOUT,
    Outcome.FAIL,
    Outcome.BLOCKED,
    Outcome.NOT_APPLICABLE,
    Outcome.OBSERVED,
    Outcome.WARN,
    Outcome.PASS,
)
"""The order in which outcomes are listed."""

RED = frozenset({Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH, Outcome.ERROR})
"""Outcomes that are never fine without an expectation."""
