"""The pytest plugin: cases become items, outcomes become reports, a run becomes records and an exit code.

It does nothing in a session that has no case. With xdist the controller starts the target once, hands it to
the workers, and is the only writer of records.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from smbtorture_py.conformance.case import Case, Variant, case_of, problems
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.net.entropy import fresh_seed
from smbtorture_py.report.terminal import print_summary
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import CaseRecord, ResultRecord, from_json, to_json
from smbtorture_py.runs import (
    RECORDS,
    Executor,
    Ledger,
    RunOptions,
    case_record,
    check_expectations,
    fresh_folder,
    read_plan,
)
from smbtorture_py.targets.errors import TargetError, TargetUnreachable
from smbtorture_py.targets.model import find_targets_file, select
from smbtorture_py.targets.start import Started, start

if TYPE_CHECKING:
    from xdist.workermanage import WorkerController

DEFAULT_TARGET: Final = "reference"
SUITES: Final = "suites"
RESULT: Final = "smbtorture-result"
"""Name of the user property that carries a result from worker to controller."""
HANDOVER: Final = "smbtorture-handover"
PLAN: Final = "smbtorture-plan"

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
    group.addoption(
        "--case", action="append", default=[], metavar="ID", help="only this case, or case/variant"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Set a run up; what is started lazily is started when there are cases."""
    seed: int | None = config.getoption("--seed")
    if seed is not None and seed < 0:
        raise pytest.UsageError("--seed: must not be negative")
    worker_input: Mapping[str, str] | None = getattr(config, "workerinput", None)
    config.pluginmanager.register(
        _Controller(config) if worker_input is None else _Worker(config, worker_input), "smbtorture-run"
    )


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: object
) -> list[pytest.Item] | None:
    """Make one item of every variant of a case."""
    case = case_of(obj)
    if case is None or not collector.funcnamefilter(name) or case.function.__name__ != name:
        return None
    mistakes = problems([case], shipped())
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
        run = self.config.pluginmanager.get_plugin("smbtorture-run")
        assert isinstance(run, _Controller | _Worker)
        self.result = run.executor().run(self.case, self.variant)

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
        _shape(report, item.result)
    return report


def _shape(report: pytest.TestReport, result: ResultRecord) -> None:
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
    evidence = f"\n  evidence     {result.evidence}" if result.evidence else ""
    report.longrepr = f"{result.key}: {title}\n{reason}\n  reproduce    {result.reproduce}{evidence}"


def case_items(items: Iterable[pytest.Item]) -> list[CaseItem]:
    """Return the items that are cases."""
    return [item for item in items if isinstance(item, CaseItem)]


class _Worker:
    """An xdist worker: runs cases on the target it was handed."""

    def __init__(self, config: pytest.Config, worker_input: Mapping[str, str]) -> None:
        self._config = config
        self._input = worker_input
        self._executor: Executor | None = None

    def executor(self) -> Executor:
        """Return the executor, made on first use."""
        if self._executor is None:
            self._executor = Executor.from_handover(self._input[HANDOVER], self._input["workerid"])
        return self._executor

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what was asked for."""
        _select(config, items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Leave the plan where the controller finds it; every worker has the same, the first one
        writes it.
        """
        if self._input["workerid"] == "gw0":
            catalogue = shipped()
            lines = [
                to_json(case_record(one.case, one.variant, catalogue)) for one in case_items(session.items)
            ]
            path = Path(self._input[PLAN])
            partial = path.with_suffix(".partial")
            partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
            partial.replace(path)


class _Controller:
    """The only process, or the one that controls the workers."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._started: Started | None = None
        self._executor: Executor | None = None
        self._ledger: Ledger | None = None
        self._plan_path: Path | None = None
        self._other_failures = 0
        self._interrupted = False

    def executor(self) -> Executor:
        """Return the executor; the target is started on first use."""
        if self._executor is None:
            options = _options(self._config)
            try:
                path = find_targets_file(self._config.invocation_params.dir)
                self._started = start(select(options.target, path), options.seed, os.environ)
                self._executor = Executor(self._started.bench, options)
            except (ConfigurationError, TargetError) as error:
                self.stop()
                raise pytest.UsageError(str(error)) from None
            except TargetUnreachable as error:
                self.stop()
                pytest.exit(str(error), returncode=int(ExitCode.UNREACHABLE))
            self._ledger = Ledger(options, self._started.bench)
        return self._executor

    def stop(self) -> None:
        """End the target, if it was started."""
        started, self._started = self._started, None
        if started is not None:
            started.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what was asked for."""
        _select(config, items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start the target and write the plan, where there are cases to run here."""
        items = case_items(session.items)
        if not items or session.config.option.collectonly:
            return
        self.executor()
        assert self._ledger is not None
        fresh_folder(self._ledger.options.folder)
        catalogue = shipped()
        self._begin([case_record(one.case, one.variant, catalogue) for one in items])

    def _begin(self, plan: list[CaseRecord]) -> None:
        """Write the plan, after a last look at the expectations now that all cases are known."""
        assert self._ledger is not None
        try:
            check_expectations(self.executor().expectations, collect(SUITES), plan, shipped())
        except ConfigurationError as error:
            self.stop()
            pytest.exit(str(error), returncode=int(ExitCode.USAGE))
        self._ledger.begin(plan)

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
        node.workerinput[HANDOVER] = executor.handover()
        node.workerinput[PLAN] = str(self._plan_path)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Write the plan as soon as a worker has left it."""
        self._begin_from_worker()

    def _begin_from_worker(self) -> None:
        if self._ledger is None or self._plan_path is None or not self._plan_path.is_file():
            return
        plan = read_plan(self._plan_path.read_text(encoding="utf-8"))
        self._plan_path.unlink()
        if plan:
            self._begin(plan)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write a result as it comes in."""
        for name, value in report.user_properties:
            if name == RESULT:
                result = from_json(str(value), "result")
                assert isinstance(result, ResultRecord) and self._ledger is not None
                self._begin_from_worker()
                self._ledger.add(result)
                return
        if report.failed:
            self._other_failures += 1

    def pytest_keyboard_interrupt(self) -> None:
        """Remember that the run did not come to its end."""
        self._interrupted = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
        """Write the end, and decide the exit code where there were cases."""
        if self._ledger is None:
            return
        self._ledger.interrupted = self._interrupted
        if self._ledger.finish() is None:
            if self._config.getoption("--target") and exitstatus == pytest.ExitCode.OK:
                session.exitstatus = int(ExitCode.NOTHING_SELECTED)
            return
        if exitstatus in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            return
        code = self._ledger.code()
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


def _options(config: pytest.Config) -> RunOptions:
    seed: int | None = config.getoption("--seed")
    records: Path | None = config.getoption("--records")
    selection = [*config.getoption("--case")]
    if config.option.keyword:
        selection.append(f"-k {config.option.keyword}")
    return RunOptions(
        target=config.getoption("--target") or DEFAULT_TARGET,
        seed=fresh_seed() if seed is None else seed,
        records=(records or Path("reports", "latest", RECORDS)).absolute(),
        selection=" ".join(selection),
        expectation_folders=_expectation_folders(config),
    )


def _expectation_folders(config: pytest.Config) -> tuple[Path, ...]:
    """Return the folders `expectations` beside the suites that were named, then the shipped suites'."""
    named = [Path(str(argument).split("::")[0]).absolute() for argument in config.args]
    beside = [folder / "expectations" for path in named for folder in (path, *path.parents[:2])]
    shipped_suites = Path(__file__).parent.parent / "suites" / "expectations"
    return tuple(dict.fromkeys(path for path in (*beside, shipped_suites) if path.is_dir()))


def _select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the cases named by --case, slow ones first; items that are no cases stay where they are."""
    wanted: list[str] = config.getoption("--case")
    if wanted:
        chosen = [
            item
            for item in items
            if isinstance(item, CaseItem) and (item.key in wanted or item.case.id in wanted)
        ]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen
    items.sort(key=lambda item: not (isinstance(item, CaseItem) and item.case.slow))
