"""Records judged again, by expectations that were written since."""

from __future__ import annotations

from dataclasses import replace

from smbtorture_py.results.expectations import NOT_USED, Expectations, unused_told
from smbtorture_py.results.outcome import Verdict
from smbtorture_py.results.records import ResultRecord, RunRecords
from smbtorture_py.results.verdict import exit_code, judged


def judged_again(records: RunRecords, expectations: Expectations) -> RunRecords:
    """Return the same run with the verdicts, the unused expectations and the exit code of today.

    What happened stays as it was: outcomes, behaviours, and every other problem of the run.
    """
    results = [
        result if _is_mixed(result, expectations) else judged(result, expectations)
        for result in records.results
    ]
    found = RunRecords(records.run, records.cases, results, hooks=records.hooks)
    if records.end is not None:
        final = list(found.final.values())
        problems = [one for one in records.end.problems if not one.endswith(NOT_USED)]
        unused = unused_told(expectations, final)
        code = exit_code(
            (result.verdict for result in final),
            interrupted=False,
            missing=len(found.missing),
            problems=problems,
            unused=unused,
        )
        found.end = replace(records.end, exit_code=int(code), problems=(*problems, *unused))
    return found


def _is_mixed(result: ResultRecord, expectations: Expectations) -> bool:
    """Tell whether repetition, in the run itself, has shown that a case nobody expects fails now and then."""
    return (
        result.verdict is Verdict.FLAKY
        and not result.expectation
        and expectations.find(result.case, result.variant) is None
    )
