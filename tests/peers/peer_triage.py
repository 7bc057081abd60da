"""Why a peer's test does not pass: known ones by name, each with its reason (triage.yaml)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from peer_smbtorture import TortureResult
from ruamel.yaml import YAML

FILE: Final = Path(__file__).parent / "triage.yaml"


@dataclass(slots=True, frozen=True)
class Known:
    """One known non-pass: its outcome (`fail`, `error` or `skip`, or `fail or error` where time decides) and
    the reason."""

    outcome: str
    reason: str


def load(peer: str, area: str) -> dict[str, Known]:
    """Return what is known of one suite of a peer, by test."""
    content = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    entries = content.get(peer, {}).get(area, {})
    return {
        name: Known(entry["outcome"], " ".join(entry["reason"].split())) for name, entry in entries.items()
    }


def problems(peer: str, area: str, results: Iterable[TortureResult]) -> list[str]:
    """Return what differs from what is known: another outcome, or an entry that is no longer needed."""
    known = load(peer, area)
    found = []
    for result in results:
        expected = known.pop(result.name, None)
        wanted = "pass" if expected is None else expected.outcome
        if result.outcome not in wanted.split(" or "):
            found.append(
                f"{area}.{result.name}: {result.outcome} instead of {wanted}: {result.reason.strip()}"
            )
    found += [f"{area}.{name} is in {FILE.name} but did not run" for name in known]
    return found
