"""What each target can do, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smbtorture_py.report.compatibility.matrix import Column

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Dialects": ("dialect-", "smb1-"),
    "Signing": ("signing-",),
    "Ciphers": ("cipher-", "encrypt"),
    "Handles and caching": (
        "leasing", "directory-leasing", "durable-handles", "persistent-handles", "resiliency",
        "continuously-available-share", "level-2-share", "scale-out-share", "not-durable-share",
        "not-leased-share", "notifications",
    ),
    "Channels": ("multi-channel", "second-address"),
}  # fmt: skip
"""Title -> beginnings of the names of capabilities."""
OTHERS: Final = "Others"


@dataclass(slots=True, frozen=True)
class Line:
    """One capability: for each column `yes`, `no`, or what is odd about it."""

    name: str
    values: tuple[str, ...]


def table(columns: Sequence[Column]) -> dict[str, list[Line]]:
    """Return title -> lines; what no target has is left out."""
    names = sorted(
        {name for column in columns for name in (*column.run.capabilities, *column.run.shown)},
    )
    grouped: dict[str, list[Line]] = {title: [] for title in (*GROUPS, OTHERS)}
    for name in names:
        title = next((one for one, starts in GROUPS.items() if name.startswith(starts)), OTHERS)
        grouped[title].append(Line(name, tuple(_value(column, name) for column in columns)))
    facts = dict.fromkeys(name for column in columns for name in column.run.facts)
    grouped["Channels"] += [
        Line(name, tuple(column.run.facts.get(name, "") for column in columns)) for name in facts
    ]
    return {title: lines for title, lines in grouped.items() if lines}


def _value(column: Column, name: str) -> str:
    run = column.run
    if name in run.declared and run.shown and name not in run.shown:
        return "declared"
    if name in run.capabilities:
        return "yes"
    return "shown" if name in run.shown else "no"
