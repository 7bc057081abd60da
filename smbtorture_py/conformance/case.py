"""`@case`: what a test case says about itself, and the variants it runs in."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from itertools import product
from typing import Final, TypeVar

from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.needs import AES_GMAC, BY_CIPHER, BY_DIALECT, SIGNING_CAPABILITIES, Need
from smbtorture_py.conformance.outside_checks import outside_checks
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Dialect

CASE_ID: Final = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)+")
"""An id is `area.what-it-is-about`, in lower case."""

DIALECT: Final = "dialect"
CIPHER: Final = "cipher"
SIGNING_ALGORITHM: Final = "signing_algorithm"
_GMAC: Final = 2
_DIALECT_NAMES: Final = {0x0202: "2.0.2", 0x0210: "2.1", 0x0300: "3.0", 0x0302: "3.0.2", 0x0311: "3.1.1"}
_ATTRIBUTE: Final = "__smbtorture_case__"

Function = TypeVar("Function", bound=Callable[..., None])


class Disturbance(StrEnum):
    """What a case does to others on the same server; such a case runs alone, elsewhere only when allowed."""

    RESTART = "restart"
    LIMIT = "exhausts-a-limit"
    FLOOD = "flood"
    INTERFACES = "interface-change"
    CONFIGURATION = "configuration-change"


@dataclass(slots=True, frozen=True)
class Turns:
    """Something that a server has once and that several cases use: where they meet one server, they take
    turns.
    """

    over: str
    """What it is, the same text wherever it is the same thing."""
    where: Mapping[str, Collection[object]] = field(default_factory=dict)
    """Parameter -> the values with which a variant uses it; empty: every variant does."""

    def include(self, variant: Variant) -> bool:
        """Tell whether a variant uses it."""
        return all(variant.parameters.get(name) in values for name, values in self.where.items())


@dataclass(slots=True, frozen=True)
class Variant:
    """One configuration a case runs in: an id such as `dialect=3.1.1,cipher=AES_128_GCM` (empty for the only
    one).
    """

    id: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()


@dataclass(slots=True, frozen=True)
class Case:
    """One behaviour under test."""

    id: str
    function: Callable[..., None]
    requirements: tuple[str, ...]
    needs: tuple[Need, ...]
    disturbs: Disturbance | None
    slow: bool
    variants: tuple[Variant, ...]
    answers: tuple[str, ...] = ()
    """Ids of checks of other suites, or of what those leave out."""
    takes_turns: Turns | None = None

    @property
    def sentence(self) -> str:
        """The docstring: one plain sentence."""
        return " ".join((inspect.getdoc(self.function) or "").split())

    @property
    def area(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]

    @property
    def module(self) -> str:
        """Dotted name of the module the case is written in."""
        return self.function.__module__

    def full_id(self, variant: Variant) -> str:
        """Return `case` or `case/variant`, as records and expectations say it."""
        return f"{self.id}/{variant.id}" if variant.id else self.id

    def needs_of(self, variant: Variant) -> tuple[Need, ...]:
        """Return what the case needs in this variant."""
        return (*self.needs, *variant.needs)

    def turns_over(self, variant: Variant) -> str:
        """Return what the variant has in common with other cases on one server; empty: nothing."""
        return self.takes_turns.over if self.takes_turns and self.takes_turns.include(variant) else ""

    def variant(self, variant_id: str) -> Variant:
        """Return the variant with this id; raises KeyError."""
        for variant in self.variants:
            if variant.id == variant_id:
                return variant
        raise KeyError(f"case {self.id} has no variant {variant_id!r}")


Variants = Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]
"""Either name -> values (every combination is a variant), or one mapping name -> value for each variant."""


def case(
    id: str,
    *,
    requirements: Sequence[str],
    needs: Sequence[Need] = (),
    disturbs: Disturbance | None = None,
    slow: bool = False,
    variants: Variants = (),
    answers: Sequence[str] = (),
    takes_turns: Turns | None = None,
) -> Callable[[Function], Function]:
    """Declare a function `test_*(lab, ...)` to be a case; its docstring is one plain sentence.

    `requirements` are ids of the catalogue, the first is the one that checks judge by unless they name
    another. Parameters of a variant are passed to the function where it has an argument of that name;
    `dialect`, `cipher` and `signing_algorithm` also become what `lab.connect()` offers, and add the matching
    need. `answers` are the checks of other suites that this case makes as well.
    `takes_turns` names what it must not use at the same time as another case on one server.
    """

    def declare(function: Function) -> Function:
        declared = Case(
            id=id,
            function=function,
            requirements=tuple(requirements),
            needs=tuple(needs),
            disturbs=disturbs,
            slow=slow,
            variants=_variants(variants),
            answers=tuple(answers),
            takes_turns=takes_turns,
        )
        setattr(function, _ATTRIBUTE, declared)
        return function

    return declare


def case_of(function: object) -> Case | None:
    """Return the case that `@case` made of a function, or None."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Case) else None


def value_name(value: object) -> str:
    """Return how a parameter's value reads in a variant id: `3.1.1`, `AES_128_GCM`, `RWH`, `True`."""
    if isinstance(value, LeaseState):
        return value.abbreviation
    if isinstance(value, Enum):
        if isinstance(value, int) and type(value).__name__ == "Dialect" and int(value) in _DIALECT_NAMES:
            return _DIALECT_NAMES[int(value)]
        return value.name
    if callable(value):
        return str(getattr(value, "__name__", value))
    if isinstance(value, tuple | list):
        return "+".join(value_name(one) for one in value)
    return str(value)


def _variants(declared: Variants) -> tuple[Variant, ...]:
    if not declared:
        return (Variant(),)
    combinations: Iterable[Mapping[str, object]]
    if isinstance(declared, Mapping):
        combinations = [dict(zip(declared, values, strict=True)) for values in product(*declared.values())]
    else:
        combinations = declared
    return tuple(_variant(parameters) for parameters in combinations)


def _variant(parameters: Mapping[str, object]) -> Variant:
    needs: list[Need] = []
    for name, value in parameters.items():
        if not isinstance(value, int):
            continue
        if (name == DIALECT or isinstance(value, Dialect)) and value in BY_DIALECT:
            needs.append(BY_DIALECT[value])
        elif name == CIPHER and value in BY_CIPHER:
            needs.append(BY_CIPHER[value])
        elif name == SIGNING_ALGORITHM:
            needs.append(AES_GMAC if value == _GMAC else SIGNING_CAPABILITIES)
    text = ",".join(f"{name}={value_name(value)}" for name, value in parameters.items())
    return Variant(text, dict(parameters), tuple(needs))


def problems(cases: Iterable[Case], catalogue: Catalogue) -> list[str]:
    """Return what is wrong with a set of cases, one line for each mistake; empty when all is well."""
    found: list[str] = []
    seen: dict[str, Case] = {}
    for one in cases:
        where = f"{one.module}.{one.function.__name__} ({one.id})"
        if not CASE_ID.fullmatch(one.id):
            found.append(f"{where}: the id is not of the form area.what-it-is-about")
        if one.id in seen and seen[one.id].function is not one.function:
            found.append(
                f"{where}: the id is taken by {seen[one.id].module}.{seen[one.id].function.__name__}"
            )
        seen[one.id] = one
        if not one.sentence:
            found.append(f"{where}: has no docstring")
        elif not one.sentence.endswith("."):
            found.append(f"{where}: the docstring is not a sentence")
        if not one.requirements:
            found.append(f"{where}: cites no requirement")
        found.extend(
            f"{where}: requirement {requirement} is not in the catalogue"
            for requirement in one.requirements
            if requirement not in catalogue
        )
        found.extend(
            f"{where}: answers {check}, which is no known check of another suite"
            for check in one.answers
            if check not in outside_checks()
        )
        arguments = list(inspect.signature(one.function).parameters)
        if arguments[:1] != ["lab"]:
            found.append(f"{where}: the first argument is not `lab`")
        offered = {name for variant in one.variants for name in variant.parameters}
        found.extend(
            f"{where}: argument {name!r} is no parameter of a variant"
            for name in arguments[1:]
            if name not in offered
        )
        if one.takes_turns and not any(map(one.takes_turns.include, one.variants)):
            found.append(f"{where}: no variant takes turns over {one.takes_turns.over!r}")
        ids = [variant.id for variant in one.variants]
        found.extend(
            f"{where}: variant {text!r} occurs twice" for text in sorted({i for i in ids if ids.count(i) > 1})
        )
    return found
