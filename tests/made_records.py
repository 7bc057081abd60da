"""Records of runs that never were, for tests of what is made from records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smbtorture_py.record_files import write_records
from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import CaseRecord, EndRecord, ResultRecord, RunRecord, RunRecords

RED = (Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH)


def result(
    key: str,
    outcome: Outcome = Outcome.PASS,
    *,
    behaviour: str | None = "specification",
    actual: str = "SUCCESS",
    verdict: Verdict | None = None,
    attempt: int = 1,
    requirement: str = "SMB2-3.3.5.5-11",
) -> ResultRecord:
    """Return a result with one observation; a red outcome is a regression unless told otherwise."""
    case, _, variant = key.partition("/")
    seen = Observation(
        1, "the answer", requirement, "MUST", ("specification: SUCCESS",), actual, behaviour, outcome
    )
    if verdict is None:
        verdict = Verdict.REGRESSION if outcome in RED else Verdict.OK
    return ResultRecord(
        case=case, variant=variant, outcome=outcome, verdict=verdict, behaviour=behaviour, actual=actual,
        requirement=requirement, observations=(seen,), attempt=attempt,
        reason="" if outcome is Outcome.PASS else f"the answer: {actual}",
        reproduce=f"smbtorture-py run server --case {key} --seed 1",
    )  # fmt: skip


def planned(key: str, *, sentence: str = "It does what it should.") -> CaseRecord:
    """Return the plan of a case."""
    case, _, variant = key.partition("/")
    return CaseRecord(
        case=case, variant=variant, sentence=sentence, area=case.partition(".")[0],
        requirements=("SMB2-3.3.5.5-11",), level="MUST",
    )  # fmt: skip


def run(
    results: Iterable[ResultRecord],
    *,
    plan: Iterable[str] = (),
    complete: bool = True,
    target: str = "server",
    product: str = "samba",
    version: str = "4.17.12",
    problems: tuple[str, ...] = (),
) -> RunRecords:
    """Return a run of these results; `plan` adds what was planned besides."""
    done = list(results)
    keys = dict.fromkeys([*(one.key for one in done), *plan])
    record = RunRecord(
        run_id="r", started="2026-01-01T00:00:00+00:00", suite_version="0.1.0", target=target,
        product=product, version=version, configuration="", world="tcp", seed=1,
        capabilities=("smb-3.1.1", "leasing"),
    )  # fmt: skip
    end = EndRecord(
        finished="2026-01-01T00:01:00+00:00", counts={}, exit_code=4 if problems else 0, problems=problems
    )
    return RunRecords(record, [planned(key) for key in keys], done, end if complete else None)


def write(path: Path, records: RunRecords) -> Path:
    """Write a run into a records file; return its path."""
    write_records(path, records.lines)
    return path
