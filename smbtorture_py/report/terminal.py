"""The summary at the end of a run, as plain lines for a terminal. From records only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from smbtorture_py.report.summary import by_area, shown_outcomes, unsupported
from smbtorture_py.results.records import RunRecords


def print_summary(records: RunRecords, path: Path, write: Callable[[str], None]) -> None:
    """Write a table of areas and outcomes, line by line."""
    run = records.run
    outcomes = shown_outcomes(records)
    widths = [max(len(outcome), 6) for outcome in outcomes]
    areas = by_area(records)
    margin = max([len("area"), *(len(area) for area in areas)])
    write("")
    product = f"{run.product} {run.version}".strip()
    write(f"{run.target}: {product}, seed {run.seed}, world {run.world}")
    titles = "  ".join(f"{outcome:>{width}}" for outcome, width in zip(outcomes, widths, strict=True))
    write(f"{'area':<{margin}}  {titles}")
    total: Counter[str] = Counter()
    for area, counts in areas.items():
        total.update({outcome.value: number for outcome, number in counts.items()})
        cells = "  ".join(f"{counts[o] or '':>{width}}" for o, width in zip(outcomes, widths, strict=True))
        write(f"{area:<{margin}}  {cells}")
    cells = "  ".join(f"{total[o.value] or '':>{width}}" for o, width in zip(outcomes, widths, strict=True))
    write(f"{'all':<{margin}}  {cells}")
    if records.missing:
        write(f"missing: {len(records.missing)} planned variants have no result")
    missing = unsupported(records)
    if missing:
        write(f"unsupported: {', '.join(missing)}")
    write(f"records: {path}")
