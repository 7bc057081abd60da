"""Workflow commands by which GitHub Actions shows annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smbtorture_py.results.comparison import described
from smbtorture_py.results.gate import Gate, Stop

MOST: Final = 10
"""Annotations of one kind that a step shows; more are dropped by GitHub."""
_KINDS: Final = {Stop.FIXED: "warning"}


def annotation_commands(gate: Gate) -> Iterator[str]:
    """Yield one line for each finding, errors first; the last one counts those that were left out."""
    found = sorted(gate.findings, key=lambda one: one.stop in _KINDS)
    for one in found[:MOST]:
        kind = _KINDS.get(one.stop, "error")
        result = one.result
        text = "no result" if result is None else f"{described(result)}\n{result.reason}\n{result.reproduce}"
        yield f"::{kind} title={_property(f'{one.key}: {one.stop}')}::{_data(text)}"
    if len(found) > MOST:
        yield f"::error::{_data(f'{len(found) - MOST} more do not get through')}"


def _data(text: str) -> str:
    return text.strip().replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
