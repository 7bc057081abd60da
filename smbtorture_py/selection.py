"""Which of all cases a run is about, and in what order they are started."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, Level
from smbtorture_py.results.outcome import Verdict
from smbtorture_py.results.records import RecordError, read

SMOKE: Final = "smoke"
QUICK: Final = "quick"
PROFILES: Final = (SMOKE, QUICK)

_SHARD: Final = re.compile(r"([0-9]+)/([0-9]+)")
_BAD: Final = frozenset({Verdict.REGRESSION, Verdict.NEW, Verdict.ERROR, Verdict.FIXED})

T = TypeVar("T")


class SelectionError(ValueError):
    """A selection cannot be made; the text names the option and what is wrong."""


@dataclass(slots=True, frozen=True)
class Shard:
    """Part `index` (from 1) of `count` parts."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read `2/5`; raises SelectionError."""
        found = _SHARD.fullmatch(text)
        shard = cls(int(found[1]), int(found[2])) if found else cls(0, 0)
        if not 1 <= shard.index <= shard.count:
            raise SelectionError(f"--shard: {text!r} is not i/n with i from 1 to n")
        return shard

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(slots=True, frozen=True, kw_only=True)
class Selection:
    """What the user asked for; everything that is given has to hold, of one kind any one."""

    areas: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    requirements: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    """Ids of cases, or `case/variant`."""
    failed_from: Path | None = None
    """Records: what failed in them, was fixed, or has no result."""
    shard: Shard | None = None
    profile: str = ""

    @property
    def text(self) -> str:
        """The selection as options, for records and for people."""
        parts = [f"--area {area}" for area in self.areas]
        parts += [f"--level {level.value}" for level in self.levels]
        parts += [f"--requirement {requirement}" for requirement in self.requirements]
        parts += [f"--case {case}" for case in self.cases]
        parts += [f"--failed-from {self.failed_from}"] if self.failed_from is not None else []
        parts += [f"--profile {self.profile}"] if self.profile else []
        parts += [f"--shard {self.shard}"] if self.shard is not None else []
        return " ".join(parts)

    def chosen(self, planned: Sequence[tuple[Case, Variant]], catalogue: Catalogue) -> set[str]:
        """Return the full ids of what is to run, given everything there is.

        Raises SelectionError for an area, requirement or records file that does not exist.
        """
        self._check(planned, catalogue)
        failed = None if self.failed_from is None else failed_in(self.failed_from)
        kept = [
            (case, variant)
            for case, variant in planned
            if self._holds(case, variant, catalogue) and (failed is None or case.full_id(variant) in failed)
        ]
        if self.profile == SMOKE:
            kept = smoke(kept)
        elif self.profile == QUICK:
            kept = [(case, variant) for case, variant in kept if not case.slow]
        keys = {case.full_id(variant) for case, variant in kept}
        if self.shard is not None:
            keys = set(sorted(keys)[self.shard.index - 1 :: self.shard.count])
        return keys

    def _holds(self, case: Case, variant: Variant, catalogue: Catalogue) -> bool:
        return (
            (not self.areas or case.area in self.areas)
            and (not self.levels or level_of(case, catalogue) in self.levels)
            and (not self.requirements or bool(set(self.requirements) & set(case.requirements)))
            and (not self.cases or case.id in self.cases or case.full_id(variant) in self.cases)
        )

    def _check(self, planned: Sequence[tuple[Case, Variant]], catalogue: Catalogue) -> None:
        areas = sorted({case.area for case, _ in planned})
        for area in self.areas:
            if planned and area not in areas:
                raise SelectionError(f"--area: there is no area {area!r}; there are {', '.join(areas)}")
        for requirement in self.requirements:
            if requirement not in catalogue:
                raise SelectionError(f"--requirement: {requirement!r} is not in the catalogue")


def level_of(case: Case, catalogue: Catalogue) -> Level | None:
    """Return the level of the requirement that a case is judged by; None where it cites none."""
    first = case.requirements[0] if case.requirements else ""
    return catalogue[first].level if first in catalogue else None


def parse_level(text: str) -> Level:
    """Read a level as people write it: MUST, should, ...; raises SelectionError."""
    wanted = text.casefold().replace("-", " ").replace("_", " ")
    for level in Level:
        if level.value.casefold().replace("-", " ") == wanted:
            return level
    raise SelectionError(f"--level: {text!r} is none of {', '.join(level.value for level in Level)}")


def failed_in(path: Path) -> set[str]:
    """Return what failed, was fixed or has no result in a records file; raises SelectionError."""
    try:
        records = read(path)
    except OSError as error:
        raise SelectionError(f"--failed-from: {path}: {error.strerror or error}") from None
    except (RecordError, UnicodeDecodeError) as error:
        raise SelectionError(f"--failed-from: {error}") from None
    bad = {key for key, result in records.final.items() if result.verdict in _BAD}
    return bad | {case.key for case in records.missing}


def smoke(planned: Sequence[tuple[Case, Variant]]) -> list[tuple[Case, Variant]]:
    """Return a quick slice: for each requirement one case in one variant, none slow, none that disturbs
    others.

    A case comes in where it is the first to rest on its deciding requirement; its last variant is taken,
    which by custom is the newest dialect.
    """
    last: dict[str, tuple[Case, Variant]] = {}
    seen: set[str] = set()
    for case, variant in planned:
        if case.slow or case.disturbs is not None or not case.requirements:
            continue
        first = case.requirements[0]
        if case.id not in last and first in seen:
            continue
        seen.add(first)
        last[case.id] = (case, variant)
    return list(last.values())


def start_order(items: Sequence[T], case_of: Callable[[T], tuple[Case, Variant] | None]) -> list[T]:
    """Return items as they are to be started: slow cases first, those that disturb others last, and those
    that take turns evenly among the rest, so that few workers wait at once.
    """
    slow: list[T] = []
    plain: list[T] = []
    in_turn: list[T] = []
    disturbing: list[T] = []
    for item in items:
        found = case_of(item)
        if found is None:
            plain.append(item)
            continue
        case, variant = found
        if case.disturbs is not None:
            disturbing.append(item)
        elif case.slow:
            slow.append(item)
        elif case.turns_over(variant):
            in_turn.append(item)
        else:
            plain.append(item)
    return [*slow, *_spread(plain, in_turn), *disturbing]


def _spread(many: Sequence[T], few: Sequence[T]) -> list[T]:
    """Return both, each in its order, the few evenly among the many."""
    placed = [((number + 0.5) / len(part), item) for part in (many, few) for number, item in enumerate(part)]
    return [item for _, item in sorted(placed, key=lambda one: one[0])]
