"""From outcome and expectation to verdict, and from verdicts to the exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import Expectation, Expectations
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import ResultRecord

NEUTRAL = frozenset({Outcome.PASS, Outcome.WARN, Outcome.OBSERVED, Outcome.NOT_APPLICABLE})
"""Outcomes that need no expectation."""


def judge(result: ResultRecord, expectation: Expectation | None) -> Verdict:
    """Return what a result means; `result.verdict` is not looked at."""
    if expectation is not None and expectation.fits(result):
        return Verdict.FLAKY if expectation.is_intermittent else Verdict.KNOWN
    if result.outcome is Outcome.ERROR:
        return Verdict.ERROR
    if expectation is not None and result.outcome in NEUTRAL:
        return Verdict.FIXED if result.outcome is not Outcome.NOT_APPLICABLE else Verdict.OK
    return Verdict.REGRESSION if result.is_failing else Verdict.OK


def judged(result: ResultRecord, expectations: Expectations) -> ResultRecord:
    """Return a result with its verdict, and with where the expectation is that it was held against."""
    expectation = expectations.find(result.case, result.variant)
    where = "" if expectation is None else expectations.where(expectation)
    return replace(result, verdict=judge(result, expectation), expectation=where)


def exit_code(
    verdicts: Iterable[Verdict],
    *,
    interrupted: bool,
    missing: int,
    unreachable: bool = False,
    problems: Sequence[str] = (),
    unused: Sequence[str] = (),
) -> ExitCode:
    """Return the exit code of a run from its verdicts, from what did not happen, from the problems of the run
    as a whole, and from the expectations that nothing made use of.
    """
    seen = set(verdicts)
    if unreachable:
        return ExitCode.UNREACHABLE
    if interrupted or missing:
        return ExitCode.INCOMPLETE
    if Verdict.ERROR in seen:
        return ExitCode.HARNESS_ERROR
    if Verdict.REGRESSION in seen or Verdict.NEW in seen:
        return ExitCode.REGRESSIONS
    if not seen:
        return ExitCode.NOTHING_SELECTED
    if problems:
        return ExitCode.REGRESSIONS
    if unused:
        return ExitCode.USAGE
    return ExitCode.UNEXPECTED_PASSES if Verdict.FIXED in seen else ExitCode.FINE
