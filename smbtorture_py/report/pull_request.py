"""What the gate says, as Markdown short enough for a comment on a pull request or a job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smbtorture_py.report.summary import by_area, shown_outcomes
from smbtorture_py.results.comparison import Change, by_case, described
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.gate import Finding, Gate, Stop

CODE: Final = "`"
SHOWN: Final = 20
"""Lines of one list that are shown; the rest is counted."""

SAYINGS: Final = {
    ExitCode.FINE: "passed",
    ExitCode.REGRESSIONS: "regressions",
    ExitCode.INCOMPLETE: "incomplete",
    ExitCode.HARNESS_ERROR: "error of the suite itself",
    ExitCode.USAGE: "the expectations do not fit",
    ExitCode.NOTHING_SELECTED: "nothing was run",
    ExitCode.UNREACHABLE: "the server cannot be reached",
    ExitCode.UNEXPECTED_PASSES: "something known as broken works",
}
_TITLES: Final = {
    Stop.REGRESSION: "Regressions",
    Stop.ERROR: "Errors of the suite",
    Stop.MISSING: "Without a result",
    Stop.FIXED: "Unexpected passes",
}


def pull_request_markdown(gate: Gate) -> str:
    """Return the summary."""
    return "\n".join(_lines(gate)) + "\n"


def saying(gate: Gate) -> str:
    """Return what the gate says in one line without markup."""
    counts = gate.counts
    numbers = [f"{counts[outcome]} {outcome}" for outcome in shown_outcomes(gate.records)]
    missing = sum(one.stop is Stop.MISSING for one in gate.findings)
    numbers += [f"{missing} missing"] if missing else []
    return f"{SAYINGS[gate.code]}: {', '.join(numbers)}"


def _lines(gate: Gate) -> Iterator[str]:
    run = gate.records.run
    where = f"{run.product} {run.version}".strip() or run.target
    yield f"## {'✅' if gate.is_open else '❌'} SMB conformance of {where}: {SAYINGS[gate.code]}"
    yield ""
    outcomes = shown_outcomes(gate.records)
    yield "| area | " + " | ".join(outcomes) + " |"
    yield "|---" * (len(outcomes) + 1) + "|"
    for area, counts in by_area(gate.records).items():
        yield f"| {area} | " + " | ".join(str(counts[one] or "") for one in outcomes) + " |"
    yield "| **all** | " + " | ".join(str(gate.counts[one]) for one in outcomes) + " |"
    for stop, title in _TITLES.items():
        yield from _findings(title, [one for one in gate.findings if one.stop is stop])
    if gate.flaky:
        told = [(one.key, _first_line(one.reason)) for one in gate.flaky]
        yield from _list("Flaky", by_case(told, CODE), len(told))
    if gate.records.end is not None and gate.records.end.problems:
        problems = gate.records.end.problems
        yield from _list("Wrong with the run as a whole", problems, len(problems))
    if gate.baseline is not None:
        yield from _changes(gate)
    yield ""
    notes = [f"{gate.known} known failures"] if gate.known else []
    notes.append(f"smbtorture-py {run.suite_version}, target {run.target}, seed {run.seed}, {run.started}")
    yield f"<sub>{' · '.join(notes)}</sub>"


def _findings(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    told = [
        (
            one.key,
            "no result" if one.result is None else f"{described(one.result)} ({one.result.requirement})",
        )
        for one in findings
    ]
    yield from _list(title, by_case(told, CODE), len(findings))
    command = next((one.result.reproduce for one in findings if one.result is not None), "")
    if command:
        yield ""
        yield f"The first one again: `{command}`"


def _changes(gate: Gate) -> Iterator[str]:
    for change in Change:
        told = [(one.key, one.text) for one in gate.differences if one.change is change]
        if told:
            yield from _list(f"Against the baseline: {change}", by_case(told, CODE), len(told))


def _list(title: str, lines: Sequence[str], number: int) -> Iterator[str]:
    yield ""
    yield f"### {title} ({number})"
    yield ""
    yield from (f"- {line}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"- and {len(lines) - SHOWN} more"


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text else ""
