"""The catalogue of requirements: what [MS-SMB2] asks of a server, each with an id that cases cite."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable


class Level(StrEnum):
    """The keyword of the specification, or that it says nothing."""

    MUST = "MUST"
    MUST_NOT = "MUST NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"
    MAY = "MAY"
    SILENT = "silent"

    @property
    def is_binding(self) -> bool:
        """Tell whether missing it is a failure."""
        return self in (Level.MUST, Level.MUST_NOT)

    @property
    def is_advice(self) -> bool:
        """Tell whether missing it is a warning."""
        return self in (Level.SHOULD, Level.SHOULD_NOT)


@dataclass(slots=True, frozen=True)
class Requirement:
    """One thing a server is asked to do.

    `id` is stable and unique, `section` is the section of [MS-SMB2] revision 84, `capabilities` says in short
    which dialects and capabilities it is about, `deviations` what products are known to do instead, by
    product.
    """

    id: str
    section: str
    level: Level
    capabilities: str
    condition: str
    outcome: str
    deviations: Mapping[str, str] = field(default_factory=dict)
    area: str = ""
    document: str = "MS-SMB2"

    @property
    def source(self) -> str:
        """The document and its section; empty where neither is known."""
        return f"{self.document} {self.section}".strip()

    def __str__(self) -> str:
        return f"{self.id} [{self.level}] {self.condition} -> {self.outcome}"


class UnknownRequirement(LookupError):
    """A case or an expectation cites a requirement that is not in the catalogue."""


class Catalogue:
    """Requirements by id; a suite folder of somebody else's adds its own with `extended`."""

    __slots__ = ("_by_id",)

    def __init__(self, requirements: Iterable[Requirement]) -> None:
        self._by_id: dict[str, Requirement] = {}
        for requirement in requirements:
            if requirement.id in self._by_id:
                raise ValueError(f"requirement {requirement.id} is defined twice")
            self._by_id[requirement.id] = requirement

    def __getitem__(self, requirement_id: str) -> Requirement:
        try:
            return self._by_id[requirement_id]
        except KeyError:
            raise UnknownRequirement(f"no requirement {requirement_id!r} in the catalogue") from None

    def __contains__(self, requirement_id: str) -> bool:
        return requirement_id in self._by_id

    def find(self, requirement_id: str) -> Requirement | None:
        """Return a requirement, or None."""
        return self._by_id.get(requirement_id)

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def extended(self, requirements: Iterable[Requirement]) -> Catalogue:
        """Return a catalogue that holds these as well; raises ValueError for an id that is taken."""
        return Catalogue([*self, *requirements])


def read_requirements(text: str) -> list[Requirement]:
    """Read one file of the catalogue: {"area", "title", "requirements": [{id, section, level, ...}]}."""
    document = json.loads(text)
    return [
        Requirement(
            id=entry["id"],
            section=entry["section"],
            level=Level(entry["level"]),
            capabilities=entry["capabilities"],
            condition=entry["condition"],
            outcome=entry["outcome"],
            deviations=dict(entry.get("deviations", {})),
            area=document["title"],
        )
        for entry in document["requirements"]
    ]


@cache
def shipped() -> Catalogue:
    """Return the catalogue that comes with the package."""
    folder = files("smbtorture_py.conformance") / "requirements"

    def name(entry: Traversable) -> str:
        return entry.name

    return Catalogue(
        requirement
        for entry in sorted(folder.iterdir(), key=name)
        if entry.name.endswith(".json")
        for requirement in read_requirements(entry.read_text(encoding="utf-8"))
    )
