"""Known deviations of a product family, as data: which case, which versions, how it fails, why, and until
when.

product: samba
expectations:
  - case: bind.different-user          # or bind.different-user/dialect=3.1.1: these variants; or a list
    versions: ">=4.13, <4.22"          # without it: all
    configuration: signing-required    # or several; without it: all
    outcome: fail                      # or several of which any may come: an intermittent
    behaviour: samba                   # how it fails: the named behaviour, and / or
    actual: ACCESS_DENIED              # what is seen (for a blocked case: a part of the reason)
    requirement: SMB2-3.3.5.5-19
    class: deviation                   # bug, deviation, by-design, disputed
    reason: answers with another status
    reference: https://...
    expires: 2027-12-31
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from smbtorture_py.results.located_yaml import ConfigurationError, LocatedDocument, Problem, load
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.results.records import ResultRecord

_BOUND: Final = re.compile(r"(>=|<=|==|!=|>|<)\s*([0-9][0-9.]*)")


class DeviationClass(StrEnum):
    """What kind of known non-pass it is."""

    BUG = "bug"
    DEVIATION = "deviation"
    BY_DESIGN = "by-design"
    DISPUTED = "disputed"


def version_numbers(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: "4.17.12-Debian" is (4, 17, 12); no number at all is ()."""
    found = re.match(r"\D*(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


@dataclass(slots=True, frozen=True)
class VersionRange:
    """Bounds that a version meets all of; a bound is compared over as many numbers as it has (`==4.17` is any
    4.17).
    """

    bounds: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @classmethod
    def parse(cls, text: str) -> VersionRange:
        """Read `>=4.13, <4.22`; raises ValueError."""
        bounds = []
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            found = _BOUND.fullmatch(part)
            if not found:
                raise ValueError(f"{part!r} is not a bound such as '>=4.13'")
            bounds.append((found[1], version_numbers(found[2])))
        return cls(tuple(bounds))

    def holds(self, version: str) -> bool:
        """Tell whether `version` meets all bounds; an unknown version meets none but the empty range."""
        numbers = version_numbers(version)
        if not numbers:
            return not self.bounds
        return all(_compare(operator, numbers[: len(bound)], bound) for operator, bound in self.bounds)


def _compare(operator: str, left: tuple[int, ...], right: tuple[int, ...]) -> bool:
    padded = left + (0,) * (len(right) - len(left))
    return {
        ">=": padded >= right,
        "<=": padded <= right,
        "==": padded == right,
        "!=": padded != right,
        ">": padded > right,
        "<": padded < right,
    }[operator]


def parameters_of(variant: str) -> frozenset[str]:
    """Return the parameters of a variant, as `name=value`."""
    return frozenset(filter(None, variant.split(",")))


def _case_of(name: str) -> str:
    return name.partition("/")[0]


def _parameters_in(name: str) -> frozenset[str]:
    return parameters_of(name.partition("/")[2])


def _several(value: object) -> object:
    return value if isinstance(value, list) else [value]


class Expectation(BaseModel):
    """One known non-pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    case: Annotated[list[str], BeforeValidator(_several)] = Field(min_length=1)
    versions: str = ""
    configuration: Annotated[list[str], BeforeValidator(_several)] = Field(default_factory=list)
    outcome: Annotated[list[Outcome], BeforeValidator(_several)] = Field(min_length=1)
    behaviour: str | None = None
    actual: Annotated[list[str], BeforeValidator(_several)] = Field(default_factory=list)
    """What is seen, or a part of the reason; several where it is not the same each time."""
    requirement: str = ""
    deviation_class: DeviationClass = Field(alias="class")
    reason: str = Field(min_length=1)
    reference: str = Field(min_length=1)
    expires: date | None = None

    @field_validator("versions")
    @classmethod
    def _check_versions(cls, value: str) -> str:
        VersionRange.parse(value)
        return value

    @property
    def is_intermittent(self) -> bool:
        """Several outcomes are listed, and passing is one of them."""
        return Outcome.PASS in self.outcome

    @property
    def title(self) -> str:
        """The cases it is about, for messages."""
        return ", ".join(self.case)

    def names(self, case: str, variant: str) -> bool:
        """Tell whether this is about the case in this variant."""
        return self.name_of(case, variant) is not None

    def name_of(self, case: str, variant: str) -> str | None:
        """Return the name in the list that is about the case in this variant: of several the one that says
        most of the variant.
        """
        present = parameters_of(variant)
        fitting = [name for name in self.case if _case_of(name) == case and _parameters_in(name) <= present]
        return max(fitting, key=lambda name: len(_parameters_in(name)), default=None)

    def precision(self, case: str, variant: str) -> int | None:
        """Return how many parameters of the variant it names, all of which the variant has; None where it is
        not about it.
        """
        name = self.name_of(case, variant)
        return None if name is None else len(_parameters_in(name))

    def applies(self, version: str, configuration: str) -> bool:
        """Tell whether this is about this version and configuration (of `policy/configuration`: either)."""
        wanted, present = set(self.configuration), {configuration, *configuration.split("/")}
        return VersionRange.parse(self.versions).holds(version) and (not wanted or bool(wanted & present))

    def fits(self, result: ResultRecord) -> bool:
        """Tell whether the result is a non-pass of the kind described here, or an intermittent that came out
        well: passed, or observed where there is nothing to pass.
        """
        if result.outcome is Outcome.PASS or (result.outcome is Outcome.OBSERVED and self.is_intermittent):
            return self.is_intermittent
        return (
            result.outcome in self.outcome
            and (self.behaviour is None or self.behaviour == result.behaviour)
            and (not self.requirement or not result.requirement or self.requirement == result.requirement)
            and (not self.actual or any(one == result.actual or one in result.reason for one in self.actual))
        )


class ExpectationFile(BaseModel):
    """One file: a product family and what is known of it."""

    model_config = ConfigDict(extra="forbid")

    product: str = Field(min_length=1)
    expectations: list[Expectation] = Field(default_factory=list)


@dataclass(slots=True)
class Expectations:
    """The expectations that apply to one target; `document` tells their lines."""

    entries: list[Expectation] = field(default_factory=list)
    document: LocatedDocument | None = None
    all_entries: list[Expectation] = field(default_factory=list)

    def find(self, case: str, variant: str) -> Expectation | None:
        """Return what is expected of a case: of several entries the one that says most of variant and
        configuration; None for a plain pass.
        """
        found = [
            (precision, bool(entry.configuration), entry)
            for entry in self.entries
            if (precision := entry.precision(case, variant)) is not None
        ]
        return max(found, key=lambda one: one[:2])[2] if found else None

    def where(self, entry: Expectation) -> str:
        """Return `suite/expectations/file:line` of an entry: what is the same wherever the suite lies."""
        if self.document is None:
            return ""
        index = next(i for i, one in enumerate(self.all_entries) if one is entry)
        file = "/".join(Path(self.document.file).parts[-3:])
        return f"{file}:{self.document.line(['expectations', index])}"

    def problems(
        self,
        cases: Collection[tuple[str, str]],
        requirements: Collection[str],
        today: date,
    ) -> list[Problem]:
        """Return what is wrong with the file as a whole: unknown cases and requirements, expired and unusable
        entries.

        `cases` holds (case, variant) of everything there is, selected or not.
        """
        if self.document is None:
            return []
        found: list[Problem] = []
        taken: set[tuple[str, str, str]] = set()
        for index, entry in enumerate(self.all_entries):

            def problem(key: str, text: str, index: int = index) -> None:
                assert self.document is not None
                found.append(self.document.problem(["expectations", index, key], text))

            for name in entry.case:
                of, wanted = _case_of(name), _parameters_in(name)
                if not any(of == case and wanted <= parameters_of(variant) for case, variant in cases):
                    problem("case", f"there is no case {name!r}: the entry is never used")
                scope = (name, entry.versions, ",".join(sorted(entry.configuration)))
                if scope in taken:
                    problem("case", f"a second entry for {name!r} with the same versions and configuration")
                taken.add(scope)
            if entry.requirement and entry.requirement not in requirements:
                problem("requirement", f"there is no requirement {entry.requirement!r}")
            if entry.expires is not None and entry.expires < today:
                problem("expires", f"expired on {entry.expires.isoformat()}")
            if entry.behaviour is None and not entry.actual:
                problem("case", "says neither `behaviour` nor `actual`: how does it fail?")
        return found


def load_expectations(path: Path, product: str, version: str, configuration: str) -> Expectations:
    """Read one file and keep what applies to this version and configuration.

    Raises ConfigurationError with every mistake that can be seen without knowing the cases.
    """
    document = load(path)
    read = document.model(ExpectationFile)
    if read.product != product:
        raise ConfigurationError(
            [document.problem(["product"], f"is {read.product!r}, but the target is a {product!r}")]
        )
    applying = [entry for entry in read.expectations if entry.applies(version, configuration)]
    return Expectations(applying, document, read.expectations)


def expectation_file(folders: Iterable[Path], product: str) -> Path | None:
    """Return the first `PRODUCT.yaml` in `folders`, or None."""
    for folder in folders:
        path = folder / f"{product}.yaml"
        if path.is_file():
            return path
    return None


def unused(expectations: Expectations, results: Sequence[ResultRecord]) -> list[Expectation]:
    """Return the applying entries that no result made use of, though at least one case of theirs ran.

    What an entry for this very configuration is chosen over is not unused: it is for the others.
    """
    left = []
    for entry in expectations.entries:
        chosen = [
            expectations.find(one.case, one.variant) for one in results if entry.names(one.case, one.variant)
        ]
        is_for_others = not entry.configuration and all(one and one.configuration for one in chosen)
        if chosen and not is_for_others and all(one is not entry for one in chosen):
            left.append(entry)
    return left


NOT_USED: Final = "is not used"
"""How a line about an entry ends that no result made use of."""


def unused_told(expectations: Expectations, results: Sequence[ResultRecord]) -> list[str]:
    """Return a line for each entry that no result made use of."""
    return [
        f"{expectations.where(entry)}: the expectation of {entry.title} {NOT_USED}"
        for entry in unused(expectations, results)
    ]
