"""One run from start to end: the target, the plan, the records, the exit code. The pytest plugin is its front
end.
"""

from __future__ import annotations

import json
import platform
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smbtorture_py import __version__
from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, shipped
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.evidence.bundle import write_evidence
from smbtorture_py.report.junit import write_junit
from smbtorture_py.report.summary import write_summary
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import (
    Expectations,
    expectation_file,
    load_expectations,
)
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import (
    CaseRecord,
    EndRecord,
    ResultRecord,
    RunRecord,
    RunRecords,
    from_json,
)
from smbtorture_py.results.store import RecordWriter
from smbtorture_py.results.verdict import NEUTRAL, exit_code, judge
from smbtorture_py.targets.bench import Bench, Handover, bench_from

RECORDS: Final = "records.jsonl"
PERMISSION: Final = "permission to disturb others"


@dataclass(slots=True, frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for."""

    target: str
    seed: int
    records: Path
    selection: str = ""
    expectation_folders: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """Where everything a run leaves goes."""
        return self.records.parent


def timestamp() -> str:
    """Return now as ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def case_record(case: Case, variant: Variant, catalogue: Catalogue) -> CaseRecord:
    """Return the record that plans a case."""
    first = case.requirements[0] if case.requirements else ""
    return CaseRecord(
        case=case.id,
        variant=variant.id,
        sentence=case.sentence,
        area=case.area,
        requirements=case.requirements,
        level=catalogue[first].level.value if first in catalogue else "",
        needs=tuple(need.label for need in case.needs_of(variant)),
        slow=case.slow,
        disturbs=None if case.disturbs is None else case.disturbs.value,
        location=f"{case.module}.{case.function.__name__}",
    )


class Executor:
    """Runs cases on a bench and turns results into records; every worker has one."""

    def __init__(self, bench: Bench, options: RunOptions, worker: str = "") -> None:
        self.bench = bench
        self.options = options
        self.worker = worker
        self.catalogue = shipped()
        target = bench.target
        path = expectation_file(options.expectation_folders, target.product)
        self.expectations = (
            Expectations()
            if path is None
            else load_expectations(path, target.product, target.version, target.configuration)
        )

    def handover(self) -> str:
        """Return, as JSON, what another process makes the same executor of. Holds passwords."""
        options = self.options
        return json.dumps(
            {
                "bench": self.bench.handover(),
                "target": options.target,
                "seed": options.seed,
                "records": str(options.records),
                "expectations": [str(folder) for folder in options.expectation_folders],
            }
        )

    @classmethod
    def from_handover(cls, text: str, worker: str) -> Executor:
        """Return the executor that another process described."""
        given: Mapping[str, object] = json.loads(text)
        bench, seed, folders = given["bench"], given["seed"], given["expectations"]
        assert isinstance(bench, dict) and isinstance(seed, int) and isinstance(folders, list)
        handover: Handover = bench
        options = RunOptions(
            target=str(given["target"]),
            seed=seed,
            records=Path(str(given["records"])),
            expectation_folders=tuple(Path(one) for one in folders),
        )
        return cls(bench_from(handover), options, worker)

    def run(self, case: Case, variant: Variant) -> ResultRecord:
        """Run one case and return its record; evidence of a non-pass is written on the way."""
        if case.disturbs is not None and not self.bench.target.allows_disruption:
            reason = f"it {case.disturbs.value}, and the target does not allow that"
            return self._judged(
                ResultRecord(
                    case=case.id, variant=variant.id, outcome=Outcome.BLOCKED, verdict=Verdict.ERROR,
                    reason=reason, lacking=(PERMISSION,), requirement=case.requirements[0],
                    worker=self.worker,
                )
            )  # fmt: skip
        with self.bench.place(self.options.seed) as (world, target):
            result = run_case(case, variant, world, target, self.options.seed, self.catalogue)
        record = self._judged(self._record(result))
        if record.outcome in NEUTRAL and record.outcome is not Outcome.WARN:
            return record
        if not result.capture and record.outcome is not Outcome.ERROR:
            return record
        folder = self.options.folder / "evidence" / _file_name(record.key)
        requirement = self.catalogue.find(record.requirement)
        write_evidence(folder, result, reproduce=record.reproduce, requirement=requirement)
        return replace(record, evidence=folder.relative_to(self.options.folder).as_posix())

    def _record(self, result: CaseResult) -> ResultRecord:
        key = result.full_id
        return ResultRecord(
            case=result.case.id,
            variant=result.variant.id,
            outcome=result.outcome,
            verdict=Verdict.ERROR,
            reason=result.reason,
            lacking=result.lacking,
            requirement=result.requirement,
            behaviour=result.behaviour,
            actual=result.actual,
            observations=result.observations,
            duration=round(result.duration, 6),
            worker=self.worker,
            reproduce=shlex.join(
                ["smbtorture-py", "run", self.options.target, "--case", key, "--seed", str(self.options.seed)]
            ),
        )

    def _judged(self, record: ResultRecord) -> ResultRecord:
        expectation = self.expectations.find(record.case, record.variant)
        return replace(
            record,
            verdict=judge(record, expectation),
            expectation="" if expectation is None else self.expectations.where(expectation),
        )


@dataclass(slots=True)
class Ledger:
    """The only writer of records: plan first, results as they come, the end last."""

    options: RunOptions
    bench: Bench
    planned: dict[str, CaseRecord] = field(default_factory=dict)
    results: dict[str, ResultRecord] = field(default_factory=dict)
    interrupted: bool = False
    _writer: RecordWriter | None = None
    _run: RunRecord | None = None

    def begin(self, plan: Iterable[CaseRecord]) -> None:
        """Write what is going to run; a second call does nothing."""
        if self._writer is not None:
            return
        target = self.bench.target
        started = timestamp()
        self._run = RunRecord(
            run_id=f"{started}-{self.options.seed}",
            started=started,
            suite_version=__version__,
            target=self.options.target,
            product=target.product,
            version=target.version,
            configuration=target.configuration,
            world=self.bench.world,
            seed=self.options.seed,
            capabilities=tuple(sorted(target.capabilities)),
            selection=self.options.selection,
            platform=f"Python {platform.python_version()} on {platform.system()} {platform.release()}",
        )
        self._writer = RecordWriter(self.options.records)
        self._writer.write(self._run)
        for case in plan:
            self.planned[case.key] = case
            self._writer.write(case)

    def add(self, result: ResultRecord) -> None:
        """Write one result."""
        if self._writer is None:
            raise RuntimeError("a result came before the plan")
        self.results[result.key] = result
        self._writer.write(result)

    @property
    def missing(self) -> list[CaseRecord]:
        """What was planned and has no result."""
        return [case for key, case in self.planned.items() if key not in self.results]

    def code(self) -> ExitCode:
        """Return the exit code as things stand."""
        verdicts = (result.verdict for result in self.results.values())
        return exit_code(verdicts, interrupted=self.interrupted, missing=len(self.missing))

    def gathered(self, end: EndRecord | None) -> RunRecords:
        """Return everything recorded so far."""
        assert self._run is not None
        return RunRecords(self._run, list(self.planned.values()), list(self.results.values()), end)

    def finish(self) -> RunRecords | None:
        """Write the end (unless the run was interrupted), JUnit and summary; None where nothing
        was planned.
        """
        if self._writer is None:
            return None
        end: EndRecord | None = None
        if not self.interrupted:
            counts = Counter(result.outcome.value for result in self.results.values())
            end = EndRecord(
                finished=timestamp(), counts=dict(sorted(counts.items())), exit_code=int(self.code())
            )
            self._writer.write(end)
        self._writer.close()
        records = self.gathered(end)
        write_junit(records, self.options.folder / "junit.xml")
        write_summary(records, self.options.folder / "summary.md")
        return records


def check_expectations(
    expectations: Expectations, cases: Iterable[Case], planned: Iterable[CaseRecord], catalogue: Catalogue
) -> None:
    """Raise ConfigurationError for unknown, expired or unusable expectations, given every case there is."""
    known = {(case.id, variant.id) for case in cases for variant in case.variants}
    known |= {(record.case, record.variant) for record in planned}
    requirements = {requirement.id for requirement in catalogue}
    found = expectations.problems(known, requirements, datetime.now(UTC).date())
    if found:
        raise ConfigurationError(found)


def _file_name(key: str) -> str:
    """Return a case's id as a folder name."""
    return "".join(one if one.isalnum() or one in ".-_=," else "_" for one in key)


def fresh_folder(folder: Path) -> None:
    """Remove what an earlier run left of evidence; other files are overwritten one by one."""
    evidence = folder / "evidence"
    if evidence.is_dir():
        for path in sorted(evidence.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()


def read_plan(text: str) -> list[CaseRecord]:
    """Read the plan that a worker left, one record a line."""
    found = (from_json(line, "plan") for line in text.splitlines() if line)
    return [record for record in found if isinstance(record, CaseRecord)]
