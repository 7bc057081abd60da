"""What the report is about, as data: a row for each case, a column for each run, a cell where they meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from smbtorture_py.results.comparison import shows_the_same
from smbtorture_py.results.outcome import WORST_FIRST, Outcome, Verdict
from smbtorture_py.results.records import CaseRecord, ResultRecord, RunRecord, RunRecords


@dataclass(slots=True, frozen=True)
class Rule:
    """What a requirement says, in the words of its catalogue."""

    section: str
    level: str
    condition: str
    outcome: str
    deviations: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Column:
    """One run: what it was made against, and what it came to."""

    records: RunRecords
    previous: RunRecords | None = None
    label: str = ""

    @property
    def run(self) -> RunRecord:
        """What was run."""
        return self.records.run

    @property
    def counts(self) -> Counter[Outcome]:
        """Outcome -> number of variants."""
        return Counter(result.outcome for result in self.records.final.values())


@dataclass(slots=True)
class Group:
    """Variants of one case that came to the same in one run; the rest is that of the first of them."""

    result: ResultRecord
    variants: list[str]
    evidence: str = ""
    """Transcript; empty where there is none."""


@dataclass(slots=True)
class Cell:
    """One case in one run."""

    groups: list[Group] = field(default_factory=list)
    missing: int = 0
    """Variants that were planned and have no result."""
    changed: list[str] = field(default_factory=list)
    """Variants that differ from the run before."""

    @property
    def outcome(self) -> Outcome | None:
        """The worst outcome of the variants; None where none has a result.

        What does not apply to the target gives way to what does.
        """
        seen = {group.result.outcome for group in self.groups}
        if len(seen) > 1:
            seen.discard(Outcome.NOT_APPLICABLE)
        return min(seen, key=WORST_FIRST.index, default=None)

    @property
    def is_unexpected(self) -> bool:
        """Some variant is neither fine nor known."""
        return any(
            group.result.verdict not in (Verdict.OK, Verdict.KNOWN, Verdict.FLAKY) for group in self.groups
        )

    @property
    def behaviours(self) -> list[str]:
        """The behaviours that decided, worst outcome first, those of MS-SMB2 left out."""
        names: dict[str, None] = {}
        for group in sorted(self.groups, key=lambda one: WORST_FIRST.index(one.result.outcome)):
            name = group.result.behaviour
            if name is None and group.result.actual:
                name = group.result.actual
            if name and name != "specification":
                names[name] = None
        return list(names)

    @property
    def total(self) -> int:
        """Variants in all."""
        return self.missing + sum(len(group.variants) for group in self.groups)

    @property
    def worst(self) -> int:
        """Variants with the worst outcome."""
        return sum(len(group.variants) for group in self.groups if group.result.outcome is self.outcome)


@dataclass(slots=True)
class Row:
    """One case in all runs; `section` is that of its first requirement."""

    case: CaseRecord
    section: str
    cells: list[Cell]

    @property
    def id(self) -> str:
        """The case's id."""
        return self.case.case

    @property
    def differs(self) -> bool:
        """Not every run that has it shows the same."""
        shown = {(cell.outcome, tuple(cell.behaviours)) for cell in self.cells if cell.groups}
        return len(shown) > 1


@dataclass(slots=True)
class Matrix:
    """Everything the report shows."""

    columns: list[Column]
    rows: list[Row]
    rules: Mapping[str, Rule]

    @property
    def areas(self) -> list[str]:
        """The areas, in the order of the plan."""
        return list(dict.fromkeys(row.case.area for row in self.rows))


Evidence = Callable[[RunRecords, ResultRecord], str]
"""Returns the transcript that belongs to a result of a run, empty where there is none."""


def build(
    runs: Sequence[RunRecords],
    *,
    previous: Sequence[RunRecords] = (),
    rules: Mapping[str, Rule],
    evidence: Evidence,
) -> Matrix:
    """Put runs side by side; each is held against the run of `previous` with the same target and
    configuration.
    """
    before = {(one.run.target, one.run.configuration): one for one in previous}
    columns = [Column(one, before.get((one.run.target, one.run.configuration))) for one in runs]
    for column in columns:
        column.label = _label(column, columns)
    cases: dict[str, CaseRecord] = {}
    for one in runs:
        for case in one.cases:
            cases.setdefault(case.case, case)
    cells = [_cells(column, evidence) for column in columns]
    rows = [
        Row(case, _section(case, rules), [by_case.get(name, Cell()) for by_case in cells])
        for name, case in cases.items()
    ]
    cited = {requirement for row in rows for requirement in row.case.requirements}
    cited |= {result.requirement for one in runs for result in one.results}
    return Matrix(columns, rows, {name: rules[name] for name in sorted(cited) if name in rules})


def _label(column: Column, columns: Iterable[Column]) -> str:
    """Return product and version, and as much more as tells it from the others."""
    run = column.run
    label = f"{run.product} {run.version}".strip()
    alike = [one.run for one in columns if (one.run.product, one.run.version) == (run.product, run.version)]
    return label if len(alike) == 1 else f"{label} ({run.target})"


def _section(case: CaseRecord, rules: Mapping[str, Rule]) -> str:
    first = next(iter(case.requirements), "")
    return rules[first].section if first in rules else ""


def _cells(column: Column, evidence: Evidence) -> dict[str, Cell]:
    final = column.records.final
    old = {} if column.previous is None else column.previous.final
    cells: dict[str, Cell] = {}
    for case in column.records.cases:
        cell = cells.setdefault(case.case, Cell())
        result = final.get(case.key)
        if result is None:
            cell.missing += 1
            continue
        if column.previous is not None:
            before = old.get(case.key)
            if before is None or not shows_the_same(before, result):
                cell.changed.append(case.variant)
        group = next((one for one in cell.groups if _is_alike(one.result, result)), None)
        if group is None:
            quiet = result.outcome is Outcome.PASS
            group = Group(result, [], "" if quiet else evidence(column.records, result))
            cell.groups.append(group)
        group.variants.append(case.variant)
    return cells


def _is_alike(one: ResultRecord, other: ResultRecord) -> bool:
    return (one.outcome, one.verdict, one.behaviour, one.requirement, one.expectation) == (
        other.outcome, other.verdict, other.behaviour, other.requirement, other.expectation,
    ) and (one.outcome is Outcome.PASS or one.actual == other.actual)  # fmt: skip


def sort_sections(sections: Iterable[str]) -> list[str]:
    """Return section numbers in the order of the document; what is no number comes last."""

    def order(section: str) -> tuple[bool, list[int], str]:
        parts = section.split(".")
        numbers = [int(part) for part in parts if part.isdigit()]
        return len(numbers) != len(parts), numbers, section

    return sorted(set(sections), key=order)
