"""A summary a person reads: counts by area, then every result that is not plainly fine. From records only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from smbtorture_py.results.outcome import WORST_FIRST, Outcome, Verdict
from smbtorture_py.results.records import ResultRecord, RunRecords

BEST_FIRST = tuple(reversed(WORST_FIRST))
_QUIET = frozenset({Outcome.PASS, Outcome.NOT_APPLICABLE, Outcome.OBSERVED})


def by_area(records: RunRecords) -> dict[str, Counter[Outcome]]:
    """Return area -> outcome -> number of cases (with their variants), areas in the order of the plan."""
    areas: dict[str, Counter[Outcome]] = defaultdict(Counter)
    final = records.final
    for case in records.cases:
        counts = areas[case.area]
        if case.key in final:
            counts[final[case.key].outcome] += 1
    return dict(areas)


def shown_outcomes(records: RunRecords) -> list[Outcome]:
    """Return the outcomes that occur, best first, PASS always."""
    seen = {result.outcome for result in records.final.values()} | {Outcome.PASS}
    return [outcome for outcome in BEST_FIRST if outcome in seen]


def notable(records: RunRecords) -> list[ResultRecord]:
    """Return what deserves a line of its own, worst first."""
    found = [
        result
        for result in records.final.values()
        if result.outcome not in _QUIET or result.verdict is not Verdict.OK
    ]
    return sorted(found, key=lambda result: WORST_FIRST.index(result.outcome))


def write_summary(records: RunRecords, path: Path) -> None:
    """Write the summary as Markdown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(_lines(records)) + "\n", encoding="utf-8")


def _lines(records: RunRecords) -> Iterator[str]:
    run = records.run
    yield f"# {run.target}: {run.product} {run.version}"
    yield ""
    cases = len({case.case for case in records.cases})
    yield (
        f"{run.started}, smbtorture-py {run.suite_version}, seed {run.seed}, world {run.world}, "
        f"configuration {run.configuration or 'default'}: {cases} cases in {len(records.cases)} variants."
    )
    if not records.is_complete:
        yield ""
        yield f"**Incomplete: {len(records.missing)} planned variants have no result.**"
    outcomes = shown_outcomes(records)
    yield ""
    yield "| area | variants | " + " | ".join(outcomes) + " | missing |"
    yield "|---" * (len(outcomes) + 3) + "|"
    missing = Counter(case.area for case in records.missing)
    planned = Counter(case.area for case in records.cases)
    totals: Counter[Outcome] = Counter()
    for area, counts in by_area(records).items():
        totals.update(counts)
        cells = " | ".join(str(counts[outcome] or "") for outcome in outcomes)
        yield f"| {area} | {planned[area]} | {cells} | {missing[area] or ''} |"
    cells = " | ".join(str(totals[outcome] or "") for outcome in outcomes)
    yield f"| **all** | {len(records.cases)} | {cells} | {len(records.missing) or ''} |"
    if records.end is not None and records.end.problems:
        yield ""
        yield "## Wrong with the run as a whole"
        yield ""
        yield from (f"- {problem}" for problem in records.end.problems)
    yield from _capabilities(records)
    listed = notable(records)
    if listed:
        yield ""
        yield "## Not plainly fine"
        for result in listed:
            yield from _entry(result)


def unsupported(records: RunRecords) -> dict[str, int]:
    """Return what the target neither declares nor shows (or does not declare), with the number of variants
    that were therefore left out, by name.
    """
    left_out: Counter[str] = Counter()
    for result in records.final.values():
        if result.outcome is Outcome.NOT_APPLICABLE:
            left_out.update(result.lacking or (result.reason,))
    return dict(sorted(left_out.items()))


def _capabilities(records: RunRecords) -> Iterator[str]:
    run = records.run
    missing = unsupported(records)
    if missing:
        yield ""
        yield "## Unsupported"
        yield ""
        yield "What the target does not have, with the variants that were left out:"
        yield ""
        yield from (f"- {name}: {number}" for name, number in missing.items())
    undeclared = sorted(set(run.shown) - set(run.capabilities))
    if undeclared:
        yield ""
        yield f"Shown and not declared, so not tested: {', '.join(undeclared)}."


def _entry(result: ResultRecord) -> Iterator[str]:
    yield ""
    yield f"### {result.key}: {result.outcome} ({result.verdict})"
    yield ""
    if result.reason:
        yield "```"
        yield result.reason
        yield "```"
    if result.expectation:
        yield f"- expectation: {result.expectation}"
    if result.reproduce:
        yield f"- reproduce: `{result.reproduce}`"
    if result.evidence:
        yield f"- evidence: [{result.evidence}]({result.evidence}/)"
