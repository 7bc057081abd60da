"""One check of one case: what was expected, what came, and what that is worth."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.results.outcome import Outcome


@dataclass(slots=True, frozen=True)
class Observation:
    """What one check saw; holds nothing that differs between two worlds (no time, no id, no address).

    `step` counts the checks of a case from 1, `what` names the answer or the field, `expected` lists the
    named behaviours as "name: value", `behaviour` is the name that matched, or None where nothing did.
    """

    step: int
    what: str
    requirement: str
    level: str
    expected: tuple[str, ...]
    actual: str
    behaviour: str | None
    outcome: Outcome
