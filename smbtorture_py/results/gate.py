"""The gate: whether a run, alone or beside a baseline, may pass, and why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from smbtorture_py.results.comparison import Change, Difference, compare, shows_the_same
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Verdict
from smbtorture_py.results.records import CaseRecord, ResultRecord, RunRecords
from smbtorture_py.results.verdict import exit_code


class Stop(StrEnum):
    """Why something does not get through the gate."""

    REGRESSION = "regression"
    ERROR = "error"
    MISSING = "missing"
    FIXED = "unexpected pass"


@dataclass(slots=True, frozen=True)
class Finding:
    """One case and variant that does not get through."""

    case: CaseRecord
    stop: Stop
    result: ResultRecord | None

    @property
    def key(self) -> str:
        """`case` or `case/variant`."""
        return self.case.key


@dataclass(slots=True, frozen=True)
class Gate:
    """What the gate says of a run; without a `baseline` the expectations of the run decide alone."""

    records: RunRecords
    baseline: RunRecords | None
    code: ExitCode
    findings: tuple[Finding, ...]
    flaky: tuple[ResultRecord, ...]
    known: int
    """Variants that fail as an expectation or the baseline says."""
    differences: tuple[Difference, ...]
    """What is not as in the baseline."""

    @property
    def is_open(self) -> bool:
        """The run gets through."""
        return self.code is ExitCode.FINE

    @property
    def counts(self) -> Counter[str]:
        """Return outcome -> number of variants."""
        return Counter(str(result.outcome) for result in self.records.final.values())


def is_mixed(records: RunRecords, key: str) -> bool:
    """Tell whether the repetitions of one case did not all come to the same outcome."""
    return len({result.outcome for result in records.results if result.key == key}) > 1


def judge_run(records: RunRecords, baseline: RunRecords | None = None) -> Gate:
    """Return what the gate says.

    A regression that the baseline has too, failing in the same way, is known; one that fails otherwise is
    not. A case of the baseline that no longer has a result is missing, where the run was of the same
    selection.
    """
    old = {} if baseline is None else baseline.final
    final = records.final
    findings: list[Finding] = []
    flaky: list[ResultRecord] = []
    verdicts: list[Verdict] = []
    known = 0
    for case in records.cases:
        result = final.get(case.key)
        if result is None:
            findings.append(Finding(case, Stop.MISSING, None))
            continue
        verdict = result.verdict
        before = old.get(case.key)
        if verdict in (Verdict.REGRESSION, Verdict.NEW):
            if is_mixed(records, case.key):
                verdict = Verdict.FLAKY
            elif before is not None and before.is_failing and _fails_alike(before, result):
                verdict = Verdict.KNOWN
        if verdict is Verdict.FLAKY:
            flaky.append(result)
        known += verdict is Verdict.KNOWN
        verdicts.append(verdict)
        stop = _STOPS.get(verdict)
        if stop is not None:
            findings.append(Finding(case, stop, result))
    vanished = _vanished(records, baseline)
    findings += [Finding(case, Stop.MISSING, None) for case in vanished]
    code = exit_code(verdicts, interrupted=records.end is None, missing=len(records.missing) + len(vanished))
    if code is ExitCode.FINE and records.end is not None and records.end.problems:
        code = ExitCode(records.end.exit_code)
    differences = () if baseline is None else tuple(compare(baseline, records))
    return Gate(records, baseline, code, tuple(findings), tuple(flaky), known, differences)


_STOPS = {
    Verdict.REGRESSION: Stop.REGRESSION,
    Verdict.NEW: Stop.REGRESSION,
    Verdict.ERROR: Stop.ERROR,
    Verdict.FIXED: Stop.FIXED,
}


def _fails_alike(before: ResultRecord, now: ResultRecord) -> bool:
    return before.requirement == now.requirement and shows_the_same(before, now)


def _vanished(records: RunRecords, baseline: RunRecords | None) -> list[CaseRecord]:
    """Return the cases of a baseline of the same selection that this run did not even plan."""
    if baseline is None or baseline.run.selection != records.run.selection:
        return []
    planned = {case.key for case in records.cases}
    return [case for case in baseline.cases if case.key not in planned]


def newly_failing(gate: Gate) -> list[Difference]:
    """Return what fails now and did not in the baseline."""
    return [one for one in gate.differences if one.change is Change.NEWLY_FAILING]
