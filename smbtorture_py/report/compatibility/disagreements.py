"""Where servers disagree with each other or with MS-SMB2: what the text asks, what each one does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from smbtorture_py.report.compatibility.matrix import Cell, Matrix, Row, Rule
from smbtorture_py.results.outcome import RED, Outcome

CONFORMING: Final = "as MS-SMB2 says"
QUIET: Final = frozenset({Outcome.NOT_APPLICABLE, Outcome.BLOCKED})


@dataclass(slots=True, frozen=True)
class Disagreement:
    """One case on which not all agree."""

    row: Row
    requirement: str
    rule: Rule | None
    shown: tuple[str, ...]
    """For each column what it does, empty where that was not seen."""


def disagreements(matrix: Matrix) -> list[Disagreement]:
    """Return the cases that some server fails or behaves at otherwise, in the order of the rows."""
    found = []
    for row in matrix.rows:
        shown = tuple(_shown(cell) for cell in row.cells)
        deviates = any(cell.outcome in RED or cell.outcome is Outcome.WARN for cell in row.cells)
        if deviates or len({one for one in shown if one}) > 1:
            requirement = _deciding(row)
            found.append(Disagreement(row, requirement, matrix.rules.get(requirement), shown))
    return found


def disagreements_markdown(matrix: Matrix) -> str:
    """Return the table as Markdown."""
    return "\n".join(_lines(matrix)) + "\n"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Where servers disagree"
    yield ""
    yield "Made from the records of the runs named in the columns. An empty cell was not seen: it does not"
    yield "apply there, or was blocked. What Windows does is what MS-SMB2's product notes say, not a run."
    yield ""
    labels = [column.label for column in matrix.columns]
    yield f"| case | requirement | MS-SMB2 | Windows notes | {' | '.join(labels)} |"
    yield "|---" * (len(labels) + 4) + "|"
    for one in disagreements(matrix):
        text, windows = "", ""
        if one.rule is not None:
            text = f"{one.rule.level}: {one.rule.outcome}"
            windows = one.rule.deviations.get("windows", "")
        cells = (f"`{one.row.id}`", one.requirement, text, windows, *one.shown)
        yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _deciding(row: Row) -> str:
    for cell in row.cells:
        for group in cell.groups:
            if group.result.behaviour != "specification" and group.result.requirement:
                return group.result.requirement
    return next(iter(row.case.requirements), "")


def _shown(cell: Cell) -> str:
    """Return what a server does at a case, in a few words."""
    said: dict[str, None] = {}
    for group in cell.groups:
        result = group.result
        if result.outcome in QUIET:
            continue
        if result.outcome is Outcome.PASS and result.behaviour in (None, "specification"):
            said[CONFORMING] = None
        elif result.behaviour in (None, "specification"):
            said[f"{result.outcome}: {result.actual or result.reason.partition(chr(10))[0]}"] = None
        else:
            said[f"{result.behaviour} ({result.actual})" if result.actual else str(result.behaviour)] = None
    if len(said) > 1:
        said.pop(CONFORMING, None)
    return "; ".join(said)
