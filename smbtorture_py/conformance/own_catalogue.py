"""Requirements that a suite folder of somebody else brings along, in a `catalogue.yaml` or `catalogue.json`.

title: Rules of our appliance
requirements:
  - id: ACME-1
    level: MUST            # MUST NOT, SHOULD, SHOULD NOT, MAY, silent
    document: Handbook     # where it is written; may be left out
    section: "4.2"
    condition: an ECHO on a session that has just been set up
    outcome: it is answered
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from smbtorture_py.conformance.catalogue import Catalogue, Level, Requirement, shipped
from smbtorture_py.results.located_yaml import ConfigurationError, Problem, load

FILES: Final = ("catalogue.yaml", "catalogue.json")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9._-]*$")
    level: Level
    condition: str = Field(min_length=1)
    outcome: str = Field(min_length=1)
    document: str = ""
    section: str = ""
    capabilities: str = ""
    deviations: dict[str, str] = Field(default_factory=dict)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    requirements: list[_Entry] = Field(min_length=1)


def beside(paths: Iterable[Path]) -> list[Path]:
    """Return the folders in which what goes with suites may be: their own, and two above."""
    return [folder for path in paths for folder in (path, *path.parents[:2])]


def catalogue_files(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of these folders that bring requirements along."""
    places = (folder / name for folder in folders for name in FILES)
    return tuple(dict.fromkeys(path for path in places if path.is_file()))


def catalogue_with(files: Iterable[Path]) -> Catalogue:
    """Return the shipped catalogue with what is in the files (JSON being YAML as well).

    Raises ConfigurationError with every mistake: file, line and key.
    """
    catalogue, problems = shipped(), list[Problem]()
    for path in files:
        try:
            found, mistakes = _read(path, catalogue)
        except ConfigurationError as error:
            problems += error.problems
            continue
        problems += mistakes
        catalogue = catalogue.extended(found)
    if problems:
        raise ConfigurationError(problems)
    return catalogue


def _read(path: Path, taken: Catalogue) -> tuple[list[Requirement], list[Problem]]:
    """Return the requirements of a file whose ids are free, and a problem for each id that is taken."""
    document = load(path)
    file = document.model(_File)
    found: dict[str, Requirement] = {}
    problems = []
    for number, entry in enumerate(file.requirements):
        if entry.id in taken or entry.id in found:
            where = ("requirements", number, "id")
            problems.append(document.problem(where, f"there is a requirement {entry.id!r} already"))
            continue
        found[entry.id] = Requirement(
            id=entry.id,
            document=entry.document,
            section=entry.section,
            level=entry.level,
            capabilities=entry.capabilities,
            condition=entry.condition,
            outcome=entry.outcome,
            deviations=entry.deviations,
            area=file.title,
        )
    return list(found.values()), problems
