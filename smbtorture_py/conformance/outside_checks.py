"""What other suites check, or leave out: each has an id, and cases say which of them they answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

FOLDER: Final = "outside_checks"


@dataclass(slots=True, frozen=True)
class OutsideCheck:
    """One test of another suite, or one thing that it leaves out.

    `id` is `suite:test` (`smbtorture:session.bind2`) or `suite:hole.what` (`smbtorture:hole.bind-unsigned`),
    `group` the title it is listed under, `sentence` what a server has to do there, or what nobody looks at.
    `otherwise` says for some why no case can answer it, or what does instead.
    """

    id: str
    group: str
    sentence: str
    otherwise: str = ""


class OutsideChecks:
    """Checks of other suites by id."""

    __slots__ = ("_by_id",)

    def __init__(self, checks: Iterable[OutsideCheck]) -> None:
        self._by_id: dict[str, OutsideCheck] = {}
        for check in checks:
            if check.id in self._by_id:
                raise ValueError(f"outside check {check.id} is listed twice")
            self._by_id[check.id] = check

    def __contains__(self, check_id: str) -> bool:
        return check_id in self._by_id

    def __getitem__(self, check_id: str) -> OutsideCheck:
        return self._by_id[check_id]

    def __iter__(self) -> Iterator[OutsideCheck]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)


def read_outside_checks(text: str) -> list[OutsideCheck]:
    """Read one file: {"suite", "groups": [{"title", "checks": {name: sentence}, "otherwise": {name:
    why}}]}.
    """
    document = json.loads(text)
    suite = document["suite"]
    found = []
    for group in document["groups"]:
        otherwise = group.get("otherwise", {})
        unknown = set(otherwise) - set(group["checks"])
        if unknown:
            raise ValueError(f"{group['title']}: {', '.join(sorted(unknown))} is not among the checks")
        found += [
            OutsideCheck(f"{suite}:{name}", group["title"], sentence, otherwise.get(name, ""))
            for name, sentence in group["checks"].items()
        ]
    return found


@cache
def outside_checks() -> OutsideChecks:
    """Return what is known of other suites."""
    folder = files("smbtorture_py.conformance") / FOLDER

    def name(entry: Traversable) -> str:
        return entry.name

    return OutsideChecks(
        check
        for entry in sorted(folder.iterdir(), key=name)
        if entry.name.endswith(".json")
        for check in read_outside_checks(entry.read_text(encoding="utf-8"))
    )
