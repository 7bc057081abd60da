"""The results of another suite, whatever it wrote them in, and the records they become."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import RED, Outcome, Verdict
from smbtorture_py.results.records import CaseRecord, EndRecord, Record, ResultRecord, RunRecord


class NotReadable(ValueError):
    """The text is not what it was taken for; the message names the line or place."""


@dataclass(slots=True, frozen=True)
class OutsideResult:
    """One test: `group` is the suite or class it belongs to, `reason` what was printed for it."""

    group: str
    name: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0


@dataclass(slots=True)
class OutsideRun:
    """What one file holds. `unfinished` are (group, name) of tests that began and have no outcome."""

    suite: str
    """The other suite's name in lower case: `smbtorture`, `mstest`, `junit`."""

    results: list[OutsideResult] = field(default_factory=list)
    unfinished: list[tuple[str, str]] = field(default_factory=list)
    started: str = ""
    """ISO 8601; empty where the file does not tell."""


@dataclass(slots=True, frozen=True)
class About:
    """What the file cannot tell: against what it was made."""

    target: str
    product: str
    version: str
    suite_version: str
    now: str
    """ISO 8601 in UTC, for files that hold no time."""


_ODD = re.compile(r"[^0-9A-Za-z._+-]+")


def case_id(suite: str, group: str, name: str) -> str:
    """Return an id that no case of ours has: `smbtorture.smb2.session.reconnect1`."""
    words = (_ODD.sub("-", part).strip("-.") for part in (suite, group, name))
    return ".".join(filter(None, words))


def to_records(runs: list[OutsideRun], about: About) -> Iterator[Record]:
    """Yield a run of records; a test that did not end has no result, and then the run has no end.

    A failure is NEW: what is expected of another suite is for a baseline to say. Of several results of one
    test the last one counts, as everywhere.
    """
    suites = "+".join(sorted({run.suite for run in runs}))
    started = min((run.started for run in runs if run.started), default=about.now)
    yield RunRecord(
        run_id=f"{started}-{suites}", started=started, suite_version=about.suite_version, target=about.target,
        product=about.product, version=about.version, configuration="", world="imported", seed=0,
        selection=suites,
    )  # fmt: skip
    planned: dict[str, CaseRecord] = {}
    results: list[ResultRecord] = []
    for run in runs:
        for group, name in [*((one.group, one.name) for one in run.results), *run.unfinished]:
            case = case_id(run.suite, group, name)
            planned.setdefault(case, _case(run.suite, group, name, case))
        results += [_result(run.suite, one) for one in run.results]
    yield from planned.values()
    yield from results
    if not any(run.unfinished for run in runs):
        final = {result.key: result for result in results}
        counts = Counter(str(result.outcome) for result in final.values())
        failed = any(result.verdict is Verdict.NEW for result in final.values())
        code = ExitCode.REGRESSIONS if failed else ExitCode.FINE if final else ExitCode.NOTHING_SELECTED
        yield EndRecord(finished=about.now, counts=dict(sorted(counts.items())), exit_code=int(code))


def _case(suite: str, group: str, name: str, case: str) -> CaseRecord:
    area = f"{suite}:{group}" if group else suite
    return CaseRecord(
        case=case, variant="", sentence=f"{group} {name}".strip(), area=area, requirements=(), level="",
    )  # fmt: skip


def _result(suite: str, one: OutsideResult) -> ResultRecord:
    case = case_id(suite, one.group, one.name)
    lacking = (one.reason.partition("\n")[0] or "what it needs",) if one.outcome is Outcome.BLOCKED else ()
    return ResultRecord(
        case=case, variant="", outcome=one.outcome,
        verdict=Verdict.NEW if one.outcome in RED else Verdict.OK,
        reason=one.reason, actual=one.reason.partition("\n")[0] if one.outcome in RED else "",
        lacking=lacking, duration=max(one.seconds, 0.0),
    )  # fmt: skip
