"""The pytest plugin: cases become items, outcomes become reports, a run becomes records and an exit code.

It does nothing in a session that has no case. With xdist the controller starts the target once, hands it to
the workers, and is the only writer of records.
"""

from __future__ import annotations

import argparse
import gc
import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from _pytest.runner import call_and_report, runtestprotocol

from smbtorture_py.conformance.case import Case, Variant, case_of, problems
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.own_catalogue import beside, catalogue_files, catalogue_with
from smbtorture_py.net.entropy import fresh_seed
from smbtorture_py.record_files import leave, read_records
from smbtorture_py.report.terminal import print_summary
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.gate import Gate, judge_run
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import (
    CaseRecord,
    RecordError,
    ResultRecord,
    RunRecords,
    from_json,
    read,
    to_json,
)
from smbtorture_py.results.store import check_writable
from smbtorture_py.runs import (
    CASE_LIMIT,
    RECORDS,
    Executor,
    Ledger,
    RunOptions,
    case_record,
    check_expectations,
    fresh_folder,
    read_plan,
    write_plan,
)
from smbtorture_py.selection import (
    PROFILES,
    Selection,
    SelectionError,
    Shard,
    parse_level,
    start_order,
)
from smbtorture_py.suspects import ATTEMPT, Alone, run_alone
from smbtorture_py.suspects import OPTION as ALONE
from smbtorture_py.targets.bench import SIMULATED
from smbtorture_py.targets.errors import TargetError, TargetUnreachable
from smbtorture_py.targets.model import find_targets_file, select
from smbtorture_py.targets.start import Started, answers, start

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

DEFAULT_TARGET: Final = "reference"
REPETITIONS: Final = 2
"""How often a gated run repeats what failed."""
SUITES: Final = "suites"
SHIPPED_SUITES: Final = Path(__file__).resolve().parent.parent / SUITES
RESULT: Final = "smbtorture-result"
"""Name of the user property that carries a result from worker to controller."""
HANDOVER: Final = "smbtorture-handover"
PLAN: Final = "smbtorture-plan"
RUN: Final = "smbtorture-run"
"""Name under which pytest knows our part of a run."""
ONE_REPORT: Final = "--one-report"
"""The option by which our own command line asks for no more reports than it uses; other plugins, such as
pytest's JUnit, want those of setup and teardown too."""
HANDED_OUT: Final = 1
"""Cases that xdist gives a worker at once. In chunks the slow ones, which come first, would all go to one."""
HANDED_OUT_SIMULATED: Final = 2
"""As many, where no case takes real time: a worker with nothing in reserve waits for every next one."""

SELECTORS: Final = (
    ("--area", "AREA", "only cases of this area"),
    ("--level", "LEVEL", "only cases of this level: MUST, SHOULD, MAY, silent, ..."),
    ("--requirement", "ID", "only cases that cite this requirement"),
    ("--case", "ID", "only this case, or case/variant"),
)

OBJECTS_OF_A_CASE: Final = 20_000
"""How many new objects let the garbage collector look for what it can free; Python's own number is 700."""

_GREEN: Final = frozenset({Outcome.PASS, Outcome.WARN, Outcome.OBSERVED})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("smbtorture", "SMB 3 conformance")
    group.addoption(
        "--target",
        metavar="NAME",
        help="server to test: a name of targets.yaml, also reference@POLICY and reference+DEFECT "
        f"(default: {DEFAULT_TARGET})",
    )
    group.addoption("--seed", type=int, metavar="N", help="seed of names, entropy and the simulated network")
    group.addoption(
        "--records", type=Path, metavar="FILE", help=f"records (default: reports/latest/{RECORDS})"
    )
    for name, metavar, told in SELECTORS:
        group.addoption(name, action="append", default=[], metavar=metavar, help=told)
    group.addoption("--failed-from", type=Path, metavar="RECORDS", help="only what failed in these records")
    group.addoption("--shard", metavar="I/N", help="only the I-th of N parts")
    group.addoption(
        "--profile",
        choices=PROFILES,
        help="smoke: one case for each requirement, none slow; quick: all that are not slow",
    )
    group.addoption(
        "--allow-disruptive", action="store_true", help="run cases that disturb others on an external server"
    )
    group.addoption(
        "--case-limit", type=float, default=CASE_LIMIT, metavar="SECONDS",
        help="real time after which a case is ended (default: %(default)g; slow ones have more)",
    )  # fmt: skip
    group.addoption("--gate", action="store_true", help="repeat what fails, and leave what a CI job shows")
    group.addoption("--baseline", type=Path, metavar="RECORDS", help="with --gate: what fails there is known")
    group.addoption(
        "--redact", action="store_true", help="leave the authentication exchanges out of captures"
    )
    group.addoption(ALONE, type=Path, help=argparse.SUPPRESS)
    group.addoption(ONE_REPORT, action="store_true", help=argparse.SUPPRESS)


def pytest_configure(config: pytest.Config) -> None:
    """Set a run up; what is started lazily is started when there are cases."""
    seed: int | None = config.getoption("--seed")
    if seed is not None and seed < 0:
        raise pytest.UsageError("--seed: must not be negative")
    if config.getoption("--case-limit") <= 0:
        raise pytest.UsageError("--case-limit: must be positive")
    if config.getoption("--baseline") is not None and not config.getoption("--gate"):
        raise pytest.UsageError("--baseline: goes with --gate")
    try:
        selection = _selection(config)
        catalogue = catalogue_with(catalogue_files(_beside(config)))
    except (SelectionError, ConfigurationError) as error:
        raise pytest.UsageError(str(error)) from None
    worker_input: Mapping[str, str] | None = getattr(config, "workerinput", None)
    alone: Path | None = config.getoption(ALONE)
    run: _Run
    if alone is not None:
        run = _Alone(selection, catalogue, Alone.of(alone))
    elif worker_input is not None:
        run = _Worker(selection, catalogue, worker_input)
    else:
        run = _Controller(selection, catalogue, config)
    config.pluginmanager.register(run, RUN)


def _hand_out(config: pytest.Config, most: int) -> None:
    """Let xdist give its workers no more cases at once than this, unless the user said how many."""
    if config.getoption("--target") and config.option.maxschedchunk is None:
        config.option.maxschedchunk = most


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a case as every other item, but without setup and teardown unless something marks it: a case has
    neither, and they would cost more than many a case. That a case begins is told where another one can
    bring down the server of both.
    """
    if not isinstance(item, CaseItem) or not item.config.getoption(ONE_REPORT):
        return None
    if _run_of(item.config).executor().bench.is_shared:
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    if next(item.iter_markers(), None) is None:
        reports = [call_and_report(item, "call", log=False)]
    else:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        if report.when == "call" or not report.passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Make one item of every variant of a case."""
    case = case_of(obj)
    if case is None or not collector.funcnamefilter(name) or case.function.__name__ != name:
        return None
    mistakes = problems([case], _run_of(collector.config).catalogue)
    if mistakes:
        raise collector.CollectError("\n".join(mistakes))
    return [CaseItem.of(collector, case, variant) for variant in case.variants]


class CaseItem(pytest.Item):
    """One variant of one case."""

    case: Case
    variant: Variant
    result: ResultRecord | None = None

    @classmethod
    def of(cls, parent: pytest.Collector, case: Case, variant: Variant) -> CaseItem:
        """Make the item."""
        name = case.function.__name__ + (f"[{variant.id}]" if variant.id else "")
        item: CaseItem = cls.from_parent(parent, name=name)
        item.case, item.variant = case, variant
        item.extra_keyword_matches |= {case.id, case.full_id(variant), case.area, *case.requirements}
        return item

    @property
    def key(self) -> str:
        """`case` or `case/variant`."""
        return self.case.full_id(self.variant)

    def runtest(self) -> None:
        """Run the case; what came is reported by `pytest_runtest_makereport`."""
        self.result = _run_of(self.config).execute(self.case, self.variant)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return where the case is written."""
        line = self.case.function.__code__.co_firstlineno
        return self.path, line - 1, self.key


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the result of a case into a report."""
    report = yield
    if isinstance(item, CaseItem) and call.when == "call" and item.result is not None:
        report.user_properties.append((RESULT, to_json(item.result)))
        _shape(report, item.result, item.config)
    return report


def _shape(report: pytest.TestReport, result: ResultRecord, config: pytest.Config) -> None:
    reason = result.reason or result.outcome.value
    if result.verdict is Verdict.OK:
        if result.outcome not in _GREEN:
            report.outcome = "skipped"
            report.longrepr = (
                report.location[0],
                (report.location[1] or 0) + 1,
                f"{result.outcome}: {reason}",
            )
        return
    if result.verdict in (Verdict.KNOWN, Verdict.FLAKY):
        report.outcome = "skipped"
        report.wasxfail = f"{result.verdict} {result.outcome}: {result.expectation}"
        return
    report.outcome = "failed"
    title = f"{result.verdict}: {result.outcome}"
    if result.verdict is Verdict.FIXED:
        reason = f"passes, but {result.expectation} expects otherwise"
    here = config.invocation_params.dir
    evidence = (
        f"\n  evidence     {_seen_from(here, _records(config).parent / result.evidence)}"
        if result.evidence
        else ""
    )
    report.longrepr = f"{result.key}: {title}\n{reason}\n  reproduce    {result.reproduce}{evidence}"


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector come less often: a case's world is one knot that nothing frees before the
    case is over.
    """
    if case_items(session.items):
        _spare_what_lives_on()
        gc.set_threshold(OBJECTS_OF_A_CASE)


def _spare_what_lives_on() -> None:
    """Spare the garbage collector what there is by now: it is much, and it lives as long as the session."""
    gc.freeze()


def case_items(items: Iterable[pytest.Item]) -> list[CaseItem]:
    """Return the items that are cases."""
    return [item for item in items if isinstance(item, CaseItem)]


class _Run(ABC):
    """What every process of a run has: a selection, and an executor."""

    def __init__(self, selection: Selection, catalogue: Catalogue) -> None:
        self.selection = selection
        self.catalogue = catalogue

    @abstractmethod
    def executor(self) -> Executor:
        """Return the executor, made on first use."""

    def execute(self, case: Case, variant: Variant) -> ResultRecord:
        """Run one case."""
        return self.executor().run(case, variant)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Keep what was asked for, in the order to start it; pytest's own -k chooses among that."""
        try:
            self._keep(config, items)
        except SelectionError as error:
            self.refuse(str(error))
        done = yield
        self.set_apart(items)
        return done

    def set_apart(self, items: list[pytest.Item]) -> None:
        """Take out what another process is to run: nothing, unless there is one."""
        del items

    def refuse(self, text: str) -> None:
        """Say that the selection makes no sense."""
        raise pytest.UsageError(text)

    def _keep(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if self.selection.text:
            cases = case_items(items)
            keys = self.selection.chosen([(one.case, one.variant) for one in cases], self.catalogue)
            chosen = [item for item in cases if item.key in keys]
            kept = {id(item) for item in chosen}
            config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
            items[:] = chosen
        items[:] = start_order(items, _case_of)


def _case_of(item: pytest.Item) -> tuple[Case, Variant] | None:
    return (item.case, item.variant) if isinstance(item, CaseItem) else None


def _run_of(config: pytest.Config) -> _Run:
    run = config.pluginmanager.get_plugin(RUN)
    assert isinstance(run, _Run)
    return run


class _Alone(_Run):
    """A process for one suspect: its result goes to the process that asked for it."""

    def __init__(self, selection: Selection, catalogue: Catalogue, alone: Alone) -> None:
        super().__init__(selection, catalogue)
        self._alone = alone

    def executor(self) -> Executor:
        """Return the executor that was handed over."""
        return self._alone.executor

    def execute(self, case: Case, variant: Variant) -> ResultRecord:
        """Run the case and tell."""
        result = self.executor().run(case, variant, ATTEMPT)
        self._alone.tell(result)
        return result


class _Worker(_Run):
    """An xdist worker: runs cases on the target it was handed."""

    def __init__(self, selection: Selection, catalogue: Catalogue, worker_input: Mapping[str, str]) -> None:
        super().__init__(selection, catalogue)
        self._input = worker_input
        self._executor: Executor | None = None
        self._plan: list[tuple[str, CaseRecord]] = []

    def executor(self) -> Executor:
        """Return the executor, made on first use."""
        if self._executor is None:
            self._executor = Executor.from_handover(self._input[HANDOVER], self._input["workerid"])
        return self._executor

    def refuse(self, text: str) -> None:
        """Leave it to the controller to say so."""
        self._plan_path.with_suffix(".refused").write_text(text, encoding="utf-8")

    @property
    def _plan_path(self) -> Path:
        return Path(self._input[PLAN])

    def set_apart(self, items: list[pytest.Item]) -> None:
        """Leave the cases that would disturb the others to the controller."""
        if case_items(items) and self.executor().bench.is_shared:
            apart = [item for item in case_items(items) if item.case.disturbs is not None]
            self._plan = _plan_of(apart, self.catalogue)
            items[:] = [item for item in items if item not in apart]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave the plan where the controller finds it; every worker has the same, the first one
        writes it.
        """
        if self._input["workerid"] == "gw0":
            write_plan(self._plan_path, [*_plan_of(case_items(session.items), self.catalogue), *self._plan])


def _plan_of(items: Iterable[CaseItem], catalogue: Catalogue) -> list[tuple[str, CaseRecord]]:
    return [(one.nodeid, case_record(one.case, one.variant, catalogue)) for one in items]


class _Controller(_Run):
    """The only process, or the one that controls the workers."""

    def __init__(self, selection: Selection, catalogue: Catalogue, config: pytest.Config) -> None:
        super().__init__(selection, catalogue)
        self._config = config
        self._started: Started | None = None
        self._executor: Executor | None = None
        self._ledger: Ledger | None = None
        self._plan_path: Path | None = None
        self._other_failures = 0
        self._interrupted = False
        self._collects_again = False
        self._keys: dict[str, str] = {}
        """Node id -> full id of everything planned."""
        self._in_flight: dict[str, None] = {}
        """Full ids of what runs at this moment, oldest first."""
        self._suspects: dict[str, bool] = {}
        """Full ids of what is to be run again, alone; True where its own process died, False where the server
        did."""
        self._baseline = _baseline(config)
        self._gate: Gate | None = None

    def executor(self) -> Executor:
        """Return the executor; the target is started on first use."""
        if self._executor is None:
            options = _options(self._config, self.selection)
            try:
                check_writable(options.records)
                path = find_targets_file(self._config.invocation_params.dir)
                self._started = start(select(options.target, path), options.seed, os.environ)
                self._executor = Executor(self._started.bench, options)
            except (ConfigurationError, TargetError) as error:
                self.stop()
                raise pytest.UsageError(str(error)) from None
            except TargetUnreachable as error:
                self.stop()
                pytest.exit(str(error), returncode=int(ExitCode.UNREACHABLE))
            self._ledger = Ledger(options, self._started)
        return self._executor

    def stop(self) -> None:
        """End the target, if it was started."""
        started, self._started = self._started, None
        if started is not None:
            started.stop()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the target and write the plan, where there are cases to run here."""
        items = case_items(session.items)
        if not items or session.config.option.collectonly or self._collects_again:
            return
        self.executor()
        assert self._ledger is not None
        fresh_folder(self._ledger.options.folder)
        self._begin(_plan_of(items, self.catalogue))

    def _begin(self, plan: list[tuple[str, CaseRecord]]) -> None:
        """Write the plan, after a last look at the expectations now that all cases are known."""
        assert self._ledger is not None
        records = [record for _, record in plan]
        self._keys = {node: record.key for node, record in plan}
        try:
            check_expectations(self.executor().expectations, collect(SUITES), records, self.catalogue)
        except ConfigurationError as error:
            self.stop()
            pytest.exit(str(error), returncode=int(ExitCode.USAGE))
        self._ledger.begin(records)
        _spare_what_lives_on()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Hand the target to a worker."""
        executor = self.executor()
        if self._plan_path is None:
            folder = executor.options.folder
            folder.mkdir(parents=True, exist_ok=True)
            fresh_folder(folder)
            self._plan_path = folder / "plan.jsonl"
            self._plan_path.unlink(missing_ok=True)
            self._plan_path.with_suffix(".refused").unlink(missing_ok=True)
            is_simulated = executor.bench.world == SIMULATED
            _hand_out(self._config, HANDED_OUT_SIMULATED if is_simulated else HANDED_OUT)
        node.workerinput[HANDOVER] = executor.handover()
        node.workerinput[PLAN] = str(self._plan_path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Write the plan as soon as a worker has left it."""
        self._begin_from_worker()

    def _begin_from_worker(self) -> None:
        if self._keys or self._ledger is None or self._plan_path is None or not self._plan_path.is_file():
            return
        plan = read_plan(self._plan_path)
        self._plan_path.unlink()
        refused = self._plan_path.with_suffix(".refused")
        if refused.is_file():
            text = refused.read_text(encoding="utf-8")
            refused.unlink()
            pytest.exit(text, returncode=int(ExitCode.USAGE))
        if plan:
            self._begin(plan)

    # What runs, and what goes wrong with it

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Remember what is in flight."""
        self._begin_from_worker()
        if nodeid in self._keys:
            self._in_flight[self._keys[nodeid]] = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a result as it comes in."""
        for name, value in report.user_properties:
            if name == RESULT:
                result = from_json(str(value), RESULT, is_ours=True)
                assert isinstance(result, ResultRecord) and self._ledger is not None
                self._begin_from_worker()
                self._ledger.add(result)
                self._ledger.add_server_log(result)
                if result.outcome is Outcome.CRASH:
                    self._server_down(result)
                self._in_flight.pop(result.key, None)
                return
        if report.failed:
            self._other_failures += 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Have a case run again whose worker died."""
        key = self._keys.get(crashitem)
        if key is not None:
            self._in_flight.pop(key, None)
            self._suspects[key] = True
            report.outcome = "skipped"
            report.longrepr = (crashitem, 0, "the process that ran it died; it is run again, alone")

    def _server_down(self, result: ResultRecord) -> None:
        """Bring the server back; whatever was in flight is a suspect."""
        started = self._started
        assert self._ledger is not None
        if started is None or not started.bench.is_shared or result.attempt > 1:
            if started is not None and started.bench.is_shared:
                self._revive(started)
            return
        for key in (*self._in_flight, result.key):
            self._suspects.setdefault(key, False)
        if answers(started.bench.target, 0.0):
            return  # Another case of those in flight has told of the same crash.
        self._ledger.crashes += 1
        text = started.log()
        if text:
            self._ledger.options.folder.mkdir(parents=True, exist_ok=True)
            log = self._ledger.options.folder / f"server-{self._ledger.crashes}.log"
            log.write_text(text, encoding="utf-8")
        self._revive(started)

    def _revive(self, started: Started) -> None:
        """Start the server again; where that fails the run ends here."""
        assert self._ledger is not None
        if started.revive():
            return
        self._ledger.unreachable = True
        text = f"target {self._ledger.options.target} went down and does not come back"
        distributed = self._config.pluginmanager.get_plugin("dsession")
        if distributed is not None:
            distributed.shouldstop = text
        pytest.exit(text, returncode=int(ExitCode.UNREACHABLE))

    # What is run when everything else is done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """After everything else, run what has to run alone: first what disturbs others, then the suspects."""
        done = yield
        if self._ledger is None or session.shouldstop or session.shouldfail:
            return done
        self._begin_from_worker()
        apart = {record.key for record in self._ledger.missing if record.disturbs is not None}
        if apart and self._plan_path is not None:
            self._collect_again(session)
            for item in case_items(session.items):
                if item.key in apart:
                    session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if self._suspects:
            self._rerun_suspects(session)
        if self._config.getoption("--gate"):
            self._repeat_failures(session)
        return done

    def _collect_again(self, session: pytest.Session) -> None:
        """Find the items themselves, which so far only the workers have."""
        if self._collects_again:
            return
        self._collects_again = True
        collected = session.testscollected
        session.perform_collect()
        # What was set apart counts as well: progress is told as a share of this number.
        session.testscollected = max(collected, len(self._keys))

    def _rerun_suspects(self, session: pytest.Session) -> None:
        if self._plan_path is not None:
            self._collect_again(session)
        items = {item.key: item for item in case_items(session.items)}
        while self._suspects:
            key = next(iter(self._suspects))
            kills_processes = self._suspects.pop(key)
            if key in items:
                self._rerun(items[key], kills_processes=kills_processes)

    def _rerun(self, item: CaseItem, *, kills_processes: bool) -> None:
        """Run a suspect alone and report it as if it had come from a worker."""
        executor = self.executor()
        if item.case.disturbs is not None or not kills_processes:
            # It may need to control the server, which only this process can; another one would take longer.
            result = executor.run(item.case, item.variant, ATTEMPT)
        else:
            arguments = [*self._config.args, "--rootdir", str(self._config.rootpath), *_ALONE_ARGUMENTS]
            if not _is_installed():
                arguments += ["-p", __name__]
            if self._config.pluginmanager.hasplugin("xdist"):
                arguments += ["-n0"]
            folder = self._config.invocation_params.dir
            result = run_alone(executor, item.case, item.variant, [*arguments, "--case", item.key], folder)
        self._report(item, result)

    def _report(self, item: CaseItem, result: ResultRecord) -> None:
        path, line, name = item.reportinfo()
        report = pytest.TestReport(
            nodeid=item.nodeid, location=(str(path), line, name), keywords={}, outcome="passed",
            longrepr=None, when="call", user_properties=[(RESULT, to_json(result))],
        )  # fmt: skip
        _shape(report, result, item.config)
        item.config.hook.pytest_runtest_logreport(report=report)

    def _repeat_failures(self, session: pytest.Session) -> None:
        """Run again what failed unexpectedly, to tell what always fails from what fails now and then."""
        assert self._ledger is not None
        failed = {
            result.key: result
            for result in self._ledger.results.values()
            if result.verdict is Verdict.REGRESSION and result.outcome is not Outcome.CRASH
        }
        if failed and self._plan_path is not None:
            self._collect_again(session)
        items = {item.key: item for item in case_items(session.items)}
        for key, first in failed.items():
            if key in items:
                self._repeat(items[key], first)

    def _repeat(self, item: CaseItem, first: ResultRecord) -> None:
        outcomes = [first.outcome]
        for attempt in range(first.attempt + 1, first.attempt + 1 + REPETITIONS):
            result = self.executor().run(item.case, item.variant, attempt)
            outcomes.append(result.outcome)
            if len(set(outcomes)) > 1:
                told = ", ".join(map(str, outcomes))
                reason = f"{len(outcomes)} attempts came to {told}; first: {first.reason}"
                result = replace(result, verdict=Verdict.FLAKY, reason=reason)
            self._report(item, result)

    # The end

    def pytest_keyboard_interrupt(self) -> None:
        """Remember that the run did not come to its end."""
        self._interrupted = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Write the end, and decide the exit code where there were cases."""
        if self._ledger is None:
            return
        _spare_what_lives_on()
        self._ledger.interrupted = self._interrupted
        if not self._interrupted:
            self._ledger.look_back(self.executor().expectations)
        if self._ledger.finish() is None:
            if self._config.getoption("--target") and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = int(ExitCode.NOTHING_SELECTED)
            return
        if exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            return
        code = self._ledger.code()
        if self._config.getoption("--gate"):
            self._gate = judge_run(read(self._ledger.options.records), self._baseline)
            code = self._gate.code
        if not self._other_failures or code not in (ExitCode.FINE, ExitCode.UNEXPECTED_PASSES):
            session.exitstatus = int(code)

    def pytest_unconfigure(self) -> None:
        """End the target, whatever happened."""
        self.stop()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the summary by area."""
        if self._ledger is not None and self._ledger.planned:
            print_summary(
                self._ledger.gathered(None), self._ledger.options.records, terminalreporter.write_line
            )
            for problem in self._ledger.problems:
                terminalreporter.write_line(f"problem: {problem}")
            if self._gate is not None:
                leave(self._gate, self._ledger.options.folder, os.environ, terminalreporter.write_line)


_ALONE_ARGUMENTS: Final = ("-q", "-p", "no:cacheprovider")


def _is_installed() -> bool:
    """Tell whether pytest finds this plugin by itself."""
    return any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))


def _selection(config: pytest.Config) -> Selection:
    shard: str | None = config.getoption("--shard")
    return Selection(
        areas=tuple(config.getoption("--area")),
        levels=tuple(parse_level(text) for text in config.getoption("--level")),
        requirements=tuple(config.getoption("--requirement")),
        cases=tuple(config.getoption("--case")),
        failed_from=config.getoption("--failed-from"),
        shard=None if shard is None else Shard.parse(shard),
        profile=config.getoption("--profile") or "",
    )


def _baseline(config: pytest.Config) -> RunRecords | None:
    """Return the records to hold a gated run against; a file that is no good is a usage error, before
    anything runs.
    """
    path: Path | None = config.getoption("--baseline")
    if path is None:
        return None
    try:
        return read_records(config.invocation_params.dir / path)
    except (ConfigurationError, RecordError) as error:
        raise pytest.UsageError(str(error)) from None


def _records(config: pytest.Config) -> Path:
    """Return where the records go."""
    given: Path | None = config.getoption("--records")
    return config.invocation_params.dir / (given or Path("reports", "latest", RECORDS))


def _options(config: pytest.Config, selection: Selection) -> RunOptions:
    seed: int | None = config.getoption("--seed")
    texts = [selection.text]
    if config.option.keyword:
        texts.append(f"-k {config.option.keyword}")
    return RunOptions(
        target=config.getoption("--target") or DEFAULT_TARGET,
        seed=fresh_seed() if seed is None else seed,
        records=_records(config),
        selection=" ".join(filter(None, texts)),
        suites=_own_suites(config),
        expectation_folders=_expectation_folders(config),
        catalogue_files=catalogue_files(_beside(config)),
        allow_disruptive=config.getoption("--allow-disruptive"),
        case_limit=config.getoption("--case-limit"),
        redact=config.getoption("--redact"),
    )


def _named(config: pytest.Config) -> list[Path]:
    """Return the files and folders that were named, of cases and other tests."""
    folder = config.invocation_params.dir
    return [folder / str(argument).split("::")[0] for argument in config.args]


def _beside(config: pytest.Config) -> list[Path]:
    """Return the folders in which what goes with the suites that were named may be: their own, and two
    above.
    """
    return beside(_named(config))


def _own_suites(config: pytest.Config) -> tuple[str, ...]:
    """Return what was named outside the shipped suites, seen from where we were called; a package
    (`--pyargs suites`) is no path.
    """
    named = (path for path in _named(config) if path.exists())
    found = (path for path in named if not path.resolve().is_relative_to(SHIPPED_SUITES))
    return tuple(_seen_from(config.invocation_params.dir, path) for path in found)


def _seen_from(folder: Path, path: Path) -> str:
    """Return a path as somebody in `folder` can use it, no longer than it has to be."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _expectation_folders(config: pytest.Config) -> tuple[Path, ...]:
    """Return the folders `expectations` beside the suites that were named, then the shipped suites'."""
    folders = (folder / "expectations" for folder in (*_beside(config), SHIPPED_SUITES))
    return tuple(dict.fromkeys(path for path in folders if path.is_dir()))
