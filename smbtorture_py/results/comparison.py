"""Two runs side by side: what fails now and did not, what passes now and did not, what behaves otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from smbtorture_py.results.outcome import Outcome
from smbtorture_py.results.records import CaseRecord, ResultRecord, RunRecords


class Change(StrEnum):
    """What became of a case from one run to another."""

    NEWLY_FAILING = "newly failing"
    NEWLY_PASSING = "newly passing"
    CHANGED_BEHAVIOUR = "changed behaviour"
    """Neither failed only now nor passes only now, but it shows something else."""
    APPEARED = "appeared"
    VANISHED = "vanished"


@dataclass(slots=True, frozen=True)
class Difference:
    """One case and variant that is not the same in both runs; a side is None where it has no result."""

    key: str
    case: CaseRecord
    change: Change
    before: ResultRecord | None
    after: ResultRecord | None

    @property
    def text(self) -> str:
        """Return both sides in a few words; where those are the same, the check that is not."""
        before, after = described(self.before), described(self.after)
        if before == after and self.before is not None and self.after is not None:
            return f"{before}, {first_difference(self.before, self.after)}"
        return f"{before} -> {after}"


def described(result: ResultRecord | None) -> str:
    """Return outcome, behaviour and what was seen, in a few words."""
    if result is None:
        return "no result"
    words = [str(result.outcome)]
    if result.behaviour is not None and result.behaviour != "specification":
        words.append(f"[{result.behaviour}]")
    if result.actual:
        words.append(result.actual)
    return " ".join(words)


def steps(result: ResultRecord) -> list[tuple[str, str]]:
    """Return what every check of a case saw: the behaviour's name; where nothing matched, the value itself.

    Values that match a behaviour are left out, because they may be ids that differ from run to run.
    """
    return [(step.what, step.behaviour or f"unexpected {step.actual}") for step in result.observations]


def shows_the_same(one: ResultRecord, other: ResultRecord) -> bool:
    """Tell whether two results agree in outcome, and in the behaviour seen at every check."""
    return (one.outcome, one.requirement, steps(one)) == (other.outcome, other.requirement, steps(other))


def first_difference(one: ResultRecord, other: ResultRecord) -> str:
    """Return the first check at which two results part, with what each saw; empty where they do not."""
    for left, right in zip_longest(steps(one), steps(other), fillvalue=("", "nothing")):
        if left != right:
            return f"{left[0] or right[0]}: {left[1]} -> {right[1]}"
    return ""


def compare(before: RunRecords, after: RunRecords) -> list[Difference]:
    """Return what differs, by kind of change, then in the order of the plan of `after`.

    A case that was planned and has no result counts as vanished; one that was not planned before as appeared.
    """
    old, new = before.final, after.final
    plans = {case.key: case for case in before.cases} | {case.key: case for case in after.cases}
    found = []
    for key, case in plans.items():
        change = _change(old.get(key), new.get(key))
        if change is not None:
            found.append(Difference(key, case, change, old.get(key), new.get(key)))
    order = list(Change)
    return sorted(found, key=lambda one: order.index(one.change))


def _change(old: ResultRecord | None, new: ResultRecord | None) -> Change | None:
    if old is None and new is None:
        return None
    if new is None:
        return Change.VANISHED
    if old is None:
        return Change.APPEARED
    if new.is_failing and not old.is_failing:
        return Change.NEWLY_FAILING
    if old.is_failing and new.outcome in (Outcome.PASS, Outcome.WARN, Outcome.OBSERVED):
        return Change.NEWLY_PASSING
    return None if shows_the_same(old, new) else Change.CHANGED_BEHAVIOUR


def by_case(texts: Iterable[tuple[str, str]], quote: str = "") -> list[str]:
    """Put variants of one case together that are told of in the same words.

    `texts` holds full id and text; a case with several variants is named once, with their number. `quote`
    goes around names.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for key, text in texts:
        groups.setdefault((key.partition("/")[0], text), []).append(key)
    return [
        f"{quote}{keys[0]}{quote}: {text}"
        if len(keys) == 1
        else f"{quote}{case}{quote} ({len(keys)} variants): {text}"
        for (case, text), keys in groups.items()
    ]
