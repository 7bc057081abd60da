"""One run from start to end: the target, the plan, the records, the exit code. The pytest plugin is its front
end.
"""

from __future__ import annotations

import json
import platform
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smbtorture_py import __version__
from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.control import Action
from smbtorture_py.conformance.own_catalogue import catalogue_with
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.conformance.target import Target
from smbtorture_py.evidence.bundle import SERVER_LOG, write_evidence
from smbtorture_py.report.junit import write_junit
from smbtorture_py.report.summary import write_summary
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import (
    Expectations,
    expectation_file,
    load_expectations,
    unused_told,
)
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import (
    CaseRecord,
    EndRecord,
    HookRecord,
    ResultRecord,
    RunRecord,
    RunRecords,
    from_json,
    to_json,
)
from smbtorture_py.results.store import RecordWriter
from smbtorture_py.results.verdict import NEUTRAL, exit_code, judged
from smbtorture_py.targets.bench import Bench, Handover, bench_from
from smbtorture_py.targets.probe import Probe
from smbtorture_py.targets.start import RETURN_TIMEOUT, Started, answers
from smbtorture_py.turns import forget, turn
from smbtorture_py.wall_clock import OutOfTime, at_most

RECORDS: Final = "records.jsonl"
PERMISSION: Final = "permission to disturb others"
CASE_LIMIT: Final = 300.0
SLOW_FACTOR: Final = 4
"""How much longer a slow case may take."""
MOST_OF_A_LOG: Final = 65_536
"""Characters of the server's log that go beside one result."""
_KIBIBYTE: Final = 1024
_GIGABIT: Final = 1_000_000_000


@dataclass(slots=True, frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for."""

    target: str
    seed: int
    records: Path
    selection: str = ""
    expectation_folders: tuple[Path, ...] = ()
    allow_disruptive: bool = False
    """Let cases that disturb others run, whatever the target says."""
    suites: tuple[str, ...] = ()
    """Folders of cases other than the shipped ones, as the command line calls them."""
    catalogue_files: tuple[Path, ...] = ()
    """Requirements that those folders bring along."""
    case_limit: float = CASE_LIMIT
    """Seconds of real time that one case may take, before scaling."""
    redact: bool = False
    """Leave the authentication exchanges out of captures."""

    @property
    def folder(self) -> Path:
        """Where everything a run leaves goes."""
        return self.records.parent


def _kernel() -> str:
    """Return name and version of the client's system, without what its builder added to the version."""
    return f"{platform.system()} {platform.release().partition('-')[0]}"


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
        self.catalogue = catalogue_with(options.catalogue_files)
        self._server_is_gone = False
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
                "allow_disruptive": options.allow_disruptive,
                "redact": options.redact,
                "case_limit": options.case_limit,
                "expectations": [str(folder) for folder in options.expectation_folders],
                "suites": list(options.suites),
                "catalogue": [str(path) for path in options.catalogue_files],
            }
        )

    @classmethod
    def from_handover(cls, text: str, worker: str) -> Executor:
        """Return the executor that another process described."""
        given: Mapping[str, object] = json.loads(text)
        bench, seed, limit = (given[key] for key in ("bench", "seed", "case_limit"))
        assert isinstance(bench, dict) and isinstance(seed, int) and isinstance(limit, float)
        folders, suites, files = (given[key] for key in ("expectations", "suites", "catalogue"))
        assert isinstance(folders, list) and isinstance(suites, list) and isinstance(files, list)
        handover: Handover = bench
        options = RunOptions(
            target=str(given["target"]),
            seed=seed,
            records=Path(str(given["records"])),
            allow_disruptive=given["allow_disruptive"] is True,
            redact=given["redact"] is True,
            case_limit=limit,
            suites=tuple(map(str, suites)),
            expectation_folders=tuple(Path(one) for one in folders),
            catalogue_files=tuple(Path(one) for one in files),
        )
        return cls(bench_from(handover), options, worker)

    @property
    def may_disturb(self) -> bool:
        """Cases that disturb others may run."""
        return self.options.allow_disruptive or self.bench.target.allows_disruption

    def run(self, case: Case, variant: Variant, attempt: int = 1) -> ResultRecord:
        """Run one case and return its record; evidence of a non-pass is written on the way.

        A case that takes turns waits for its own; that time is not the case's.
        """
        if case.disturbs is not None and not self.may_disturb:
            reason = f"it is a {case.disturbs.value}, and the target does not allow that"
            return self.without_result(case, variant, Outcome.BLOCKED, reason, lacking=(PERMISSION,))
        if self._server_is_gone:
            # Whoever started the server brings it back; until then every case would look like the culprit.
            answers(self.bench.target, RETURN_TIMEOUT)
            self._server_is_gone = False
        slow = SLOW_FACTOR if case.slow else 1
        limit = self.options.case_limit * self.bench.target.deadline_scale * slow
        try:
            with self._turn(case, variant), at_most(limit):
                result = self._result(case, variant, attempt)
        except OutOfTime:
            reason = f"the case was still running after {limit:g} s of real time and was ended"
            return self.without_result(case, variant, Outcome.ERROR, reason, attempt=attempt)
        if self.bench.is_shared and self.worker:
            self._server_is_gone = result.outcome is Outcome.CRASH
        record = judged(replace(self._record(result), attempt=attempt), self.expectations)
        if not _needs_evidence(record.outcome):
            return record
        if not result.capture and record.outcome is not Outcome.ERROR:
            return record
        folder = self.options.folder / "evidence" / file_name(record.key)
        requirement = self.catalogue.find(record.requirement)
        write_evidence(
            folder, result, reproduce=record.reproduce, requirement=requirement, redact=self.options.redact
        )
        return replace(record, evidence=folder.relative_to(self.options.folder).as_posix())

    def _result(self, case: Case, variant: Variant, attempt: int) -> CaseResult:
        """Run a case. Where it can be repeated, nobody listens to the traffic before it is wanted."""
        can_wait = self.bench.is_repeatable
        first = self._result_once(case, variant, attempt, captures=not can_wait)
        if not can_wait or not _needs_evidence(first.outcome):
            return first
        again = self._result_once(case, variant, attempt, captures=True)
        if again.outcome is first.outcome:
            return again
        reason = f"{first.reason} ({again.outcome} when it was repeated for the traffic, with the same seed)"
        return replace(first, reason=reason)

    def _result_once(self, case: Case, variant: Variant, attempt: int, *, captures: bool) -> CaseResult:
        seed = self._seed(attempt)
        with self.bench.place(seed) as (world, target):
            return run_case(case, variant, world, target, seed, self.catalogue, captures=captures)

    def _seed(self, attempt: int) -> int:
        """Return the seed of an attempt. What an earlier one has left on a server that outlives it must not
        get in the way: each has names and ids of its own there.
        """
        return self.options.seed + (attempt - 1 if self.bench.is_shared else 0)

    def _turn(self, case: Case, variant: Variant) -> AbstractContextManager[None]:
        over = case.turns_over(variant)
        return turn(self.options.folder, over) if over and self.bench.is_shared else nullcontext()

    def without_result(
        self,
        case: Case,
        variant: Variant,
        outcome: Outcome,
        reason: str,
        *,
        lacking: tuple[str, ...] = (),
        attempt: int = 1,
    ) -> ResultRecord:
        """Return the record of a case that was not run, or did not come back from it."""
        return judged(
            ResultRecord(
                case=case.id,
                variant=variant.id,
                outcome=outcome,
                verdict=Verdict.ERROR,
                reason=reason,
                lacking=lacking,
                requirement=case.requirements[0],
                worker=self.worker,
                attempt=attempt,
                reproduce=self._reproduce(case.full_id(variant), self._seed(attempt)),
            ),
            self.expectations,
        )

    def _reproduce(self, key: str, seed: int) -> str:
        options = self.options
        words = ["smbtorture-py", "run", options.target, "--case", key, "--seed", str(seed)]
        words += [word for folder in options.suites for word in ("--suite", folder)]
        return shlex.join([*words, *(["--allow-disruptive"] if options.allow_disruptive else [])])

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
            reproduce=self._reproduce(key, result.seed),
        )


def _needs_evidence(outcome: Outcome) -> bool:
    """Tell whether the traffic of a case with this outcome is kept."""
    return outcome is Outcome.WARN or outcome not in NEUTRAL


@dataclass(slots=True)
class Ledger:
    """The only writer of records: plan first, results as they come, the end last."""

    options: RunOptions
    started: Started
    planned: dict[str, CaseRecord] = field(default_factory=dict)
    results: dict[str, ResultRecord] = field(default_factory=dict)
    interrupted: bool = False
    unreachable: bool = False
    """The server went down and did not come back."""
    crashes: int = 0
    """How often the server went down."""
    unsolved: list[str] = field(default_factory=list)
    """What went wrong and is no case's fault."""
    unused: list[str] = field(default_factory=list)
    """Expectations that no result made use of."""
    hooks: list[HookRecord] = field(default_factory=list)
    _logged: int = 0
    """Characters of the server's log that have been looked at."""
    _writer: RecordWriter | None = None
    _run: RunRecord | None = None

    def begin(self, plan: Iterable[CaseRecord]) -> None:
        """Write what is going to run; a second call does nothing."""
        if self._writer is not None:
            return
        target = self.started.bench.target
        now = timestamp()
        shown = self.started.probe.capabilities if self.started.probe is not None else frozenset()
        self._run = RunRecord(
            run_id=f"{now}-{self.options.seed}",
            started=now,
            suite_version=__version__,
            target=self.options.target,
            product=target.product,
            version=target.version,
            configuration=target.configuration,
            world=self.started.bench.world,
            seed=self.options.seed,
            capabilities=tuple(sorted(target.capabilities)),
            declared=tuple(sorted(self.started.declared)),
            shown=tuple(sorted(shown)),
            facts=_facts(target, self.started.probe),
            selection=self.options.selection,
            platform=f"Python {platform.python_version()} on {_kernel()}",
        )
        self._writer = RecordWriter(self.options.records)
        self._writer.write(self._run)
        for case in plan:
            self.planned[case.key] = case
            self._writer.write(case)
        self.add_hooks("")

    def add(self, result: ResultRecord) -> None:
        """Write one result."""
        if self._writer is None:
            raise RuntimeError("a result came before the plan")
        self.results[result.key] = result
        self.add_hooks(result.key)
        self._writer.write(result)

    def add_server_log(self, result: ResultRecord) -> None:
        """Put beside the evidence of an unexpected result what the server has logged since the last such
        result; with several workers that is of all of them.
        """
        if result.verdict is not Verdict.REGRESSION or not result.evidence:
            return
        text = self.started.log()
        new = text[self._logged :] if len(text) >= self._logged else text
        self._logged = len(text)
        if new:
            path = self.options.folder / result.evidence / SERVER_LOG
            path.write_text(new[-MOST_OF_A_LOG:], encoding="utf-8")

    def add_hooks(self, key: str) -> None:
        """Write the commands that were run since the last call, for a case or (empty) for the run."""
        if self._writer is None:
            return
        heard, self.started.hooks[:] = list(self.started.hooks), []
        for one in heard:
            # What a log says is beside the result it was fetched for; a thousand copies of it help nobody.
            output = "" if one.hook == Action.LOG and one.exit_code == 0 else one.output
            hook = replace(one, case=key, output=output)
            self.hooks.append(hook)
            self._writer.write(hook)

    @property
    def missing(self) -> list[CaseRecord]:
        """What was planned and has no result."""
        return [case for key, case in self.planned.items() if key not in self.results]

    @property
    def problems(self) -> list[str]:
        """What is wrong with the run as a whole."""
        return [*self.unsolved, *self.unused]

    def code(self) -> ExitCode:
        """Return the exit code as things stand."""
        return exit_code(
            (result.verdict for result in self.results.values()),
            interrupted=self.interrupted,
            missing=len(self.missing),
            unreachable=self.unreachable,
            problems=self.unsolved,
            unused=self.unused,
        )

    def gathered(self, end: EndRecord | None) -> RunRecords:
        """Return everything recorded so far."""
        assert self._run is not None
        planned, results = list(self.planned.values()), list(self.results.values())
        return RunRecords(self._run, planned, results, end, self.hooks)

    def look_back(self, expectations: Expectations) -> None:
        """See what is wrong with the run as a whole, now that all results are there."""
        if self.crashes and not any(one.outcome is Outcome.CRASH for one in self.results.values()):
            times = "once" if self.crashes == 1 else f"{self.crashes} times"
            self.unsolved.append(f"the server went down {times}, and no case brings it down alone")
        self.unused = unused_told(expectations, list(self.results.values()))

    def finish(self) -> RunRecords | None:
        """Write the end (unless the run was interrupted), JUnit and summary; None where nothing
        was planned.
        """
        if self._writer is None:
            return None
        self.add_hooks("")
        forget(self.options.folder)
        end: EndRecord | None = None
        if not self.interrupted and not self.unreachable:
            counts = Counter(result.outcome.value for result in self.results.values())
            end = EndRecord(
                finished=timestamp(),
                counts=dict(sorted(counts.items())),
                exit_code=int(self.code()),
                problems=tuple(self.problems),
            )
            self._writer.write(end)
        self._writer.close()
        records = self.gathered(end)
        write_junit(records, self.options.folder / "junit.xml")
        write_summary(records, self.options.folder / "summary.md")
        return records


def _facts(target: Target, probe: Probe | None) -> dict[str, str]:
    """Return what is known of a target in words."""
    found = {} if target.channel_limit is None else {"channel limit": str(target.channel_limit)}
    if probe is not None:
        interfaces = probe.interfaces
        speeds = sorted({f"{int(str(one['link_speed'])) / _GIGABIT:g} Gbit/s" for one in interfaces})
        found["interfaces"] = f"{len(interfaces)} ({', '.join(speeds)})" if interfaces else "none"
        for name, size in (
            ("largest read", probe.max_read_size),
            ("largest write", probe.max_write_size),
            ("largest transaction", probe.max_transact_size),
        ):
            found[name] = f"{size // _KIBIBYTE} KiB"
    return found


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


def file_name(key: str) -> str:
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


def write_plan(path: Path, plan: Iterable[tuple[str, CaseRecord]]) -> None:
    """Leave a plan for another process: node id and record of each case."""
    partial = path.with_suffix(".partial")
    lines = (json.dumps([node, to_json(record)]) + "\n" for node, record in plan)
    partial.write_text("".join(lines), encoding="utf-8")
    partial.replace(path)


def read_plan(path: Path) -> list[tuple[str, CaseRecord]]:
    """Read the plan that another process left."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        node, text = json.loads(line)
        record = from_json(text, "plan", is_ours=True)
        assert isinstance(record, CaseRecord)
        found.append((str(node), record))
    return found
