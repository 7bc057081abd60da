"""Records judged again, by expectations that were written since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import Expectations, unused_told
from smbtorture_py.results.outcome import Verdict
from smbtorture_py.results.records import ResultRecord, RunRecords
from smbtorture_py.results.verdict import exit_code, judge

_UNUSED = "is not used"


def judged_again(records: RunRecords, expectations: Expectations) -> RunRecords:
    """Return the same run with the verdicts, the unused expectations and the exit code of today.

    What happened stays as it was: outcomes, behaviours, and every other problem of the run.
    """
    found = RunRecords(
        records.run,
        records.cases,
        [_judged(result, expectations) for result in records.results],
        hooks=records.hooks,
    )
    if records.end is not None:
        final = list(found.final.values())
        lasting = [one for one in records.end.problems if not one.endswith(_UNUSED)]
        left_over = unused_told(expectations, final)
        code = exit_code((result.verdict for result in final), interrupted=False, missing=len(found.missing))
        found.end = replace(
            records.end,
            exit_code=int(_with_problems(code, lasting, left_over)),
            problems=(*lasting, *left_over),
        )
    return found


def _judged(result: ResultRecord, expectations: Expectations) -> ResultRecord:
    expectation = expectations.find(result.case, result.variant)
    if expectation is None and result.verdict is Verdict.FLAKY and not result.expectation:
        return result  # Repetition has shown it, in the run itself.
    where = "" if expectation is None else expectations.where(expectation)
    return replace(result, verdict=judge(result, expectation), expectation=where)


def _with_problems(code: ExitCode, lasting: Sequence[str], left_over: Sequence[str]) -> ExitCode:
    if code not in (ExitCode.FINE, ExitCode.UNEXPECTED_PASSES):
        return code
    if lasting:
        return ExitCode.REGRESSIONS
    return ExitCode.USAGE if left_over else code
