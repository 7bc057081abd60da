"""The report as one HTML file: no network, no other file."""

from __future__ import annotations

import base64
import gzip
import json
from importlib.resources import files
from typing import Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from smbtorture_py.report.compatibility.capabilities import table
from smbtorture_py.report.compatibility.disagreements import disagreements
from smbtorture_py.report.compatibility.matrix import Cell, Column, Matrix, Row, sort_sections
from smbtorture_py.results.comparison import by_case, compare
from smbtorture_py.results.outcome import WORST_FIRST, Outcome
from smbtorture_py.results.records import RunRecords

SIGNS: Final = {
    "pass": "✓", "warn": "!", "observed": "◇", "fail": "✗", "timeout": "…", "crash": "☠", "error": "‼",
    "blocked": "▢", "not-applicable": "-", "missing": "?", "absent": "·",
}  # fmt: skip
"""A sign beside each colour, so that nothing is said by colour alone."""
MEANINGS: Final = {
    "pass": "as MS-SMB2 asks or allows",
    "warn": "a SHOULD is not met",
    "observed": "MS-SMB2 is silent: what was seen is recorded",
    "fail": "a MUST is not met",
    "timeout": "no answer in time",
    "crash": "the server was gone",
    "error": "the suite itself went wrong",
    "blocked": "a control step failed, or the set-up lacks something",
    "not-applicable": "the server does not declare what the case needs",
    "missing": "planned and without a result",
    "absent": "not part of this run",
}
_REASON: Final = 300
"""Characters of a reason that the search finds."""


def compatibility_page(matrix: Matrix, title: str = "SMB compatibility") -> str:
    """Return the HTML."""
    folder = files("smbtorture_py.report.compatibility")

    def text(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    # Everything that comes from a server or a suite is escaped; only these two files of ours are not.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    template = environment.from_string(text("page.html.j2"))
    seen = {result.outcome for column in matrix.columns for result in column.records.final.values()}
    return template.render(
        title=title,
        matrix=matrix,
        css=Markup(text("page.css")),
        script=Markup(text("page.js")),
        details=_packed(matrix),
        signs=SIGNS,
        legend=[(name, SIGNS[name], meaning) for name, meaning in MEANINGS.items()],
        outcomes=[one for one in reversed(WORST_FIRST) if one in seen],
        has_previous=any(column.previous for column in matrix.columns),
        changes=[(one.label, _changes(one.previous, one)) for one in matrix.columns if one.previous],
        capabilities=table(matrix.columns),
        disagreements=disagreements(matrix) if len(matrix.columns) > 1 else [],
        levels=sorted({row.case.level for row in matrix.rows}),
        sections=sort_sections(row.section for row in matrix.rows),
        reasons=_reasons,
    )


def _changes(previous: RunRecords, column: Column) -> list[str]:
    told = [(one.key, f"{one.change}: {one.text}") for one in compare(previous, column.records)]
    return by_case(told)


def _reasons(row: Row) -> str:
    """Return what else the search should find of a row."""
    found: dict[str, None] = {}
    for cell in row.cells:
        for group in cell.groups:
            if group.result.outcome is not Outcome.PASS:
                found[group.result.reason[:_REASON]] = None
    return " ".join(found)


def _packed(matrix: Matrix) -> str:
    """Return what the details show as gzip in base64: most of it is text that repeats."""
    document = {
        "columns": [column.label for column in matrix.columns],
        "rules": {
            name: {key: getattr(rule, key) for key in ("section", "level", "condition", "outcome")}
            for name, rule in matrix.rules.items()
        },
        "rows": {
            row.id: {
                "sentence": row.case.sentence,
                "requirements": list(row.case.requirements),
                "cells": [_groups(cell) for cell in row.cells],
            }
            for row in matrix.rows
        },
    }  # fmt: skip
    raw = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return base64.b64encode(gzip.compress(raw, mtime=0)).decode("ascii")


def _groups(cell: Cell) -> list[dict[str, object]]:
    return [
        {
            "outcome": group.result.outcome,
            "verdict": group.result.verdict,
            "behaviour": group.result.behaviour or "",
            "actual": group.result.actual,
            "reason": group.result.reason,
            "expectation": group.result.expectation,
            "reproduce": "" if group.result.outcome is Outcome.PASS else group.result.reproduce,
            "variants": group.variants,
            "evidence": group.evidence,
        }
        for group in cell.groups
    ]
