"""YAML files whose mistakes are told all at once, each with file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)

_UNKNOWN_TAG: Final = "union_tag_invalid"
_NO_TAG: Final = "union_tag_not_found"


@dataclass(slots=True, frozen=True)
class Problem:
    """One mistake in a file; `key` is dotted, `line` counts from 1 (0: the file as a whole)."""

    file: str
    line: int
    key: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.key}: {self.text}" if self.key else f"{place}: {self.text}"


class ConfigurationError(Exception):
    """A configuration file cannot be used; `problems` holds every mistake that was found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


@dataclass(slots=True, frozen=True)
class LocatedDocument:
    """A parsed YAML document that remembers where its keys are."""

    file: str
    data: object

    def line(self, path: Sequence[str | int]) -> int:
        """Return the line of the deepest part of `path` that exists, from 1."""
        return self.place(path)[0]

    def place(self, path: Sequence[str | int]) -> tuple[int, int]:
        """Return line, from 1, and column, from 0, of the deepest part of `path` that exists: where a key or
        the value of an item begins.
        """
        node, line, column = self.data, 0, 0
        for part in path:
            if isinstance(node, CommentedMap) and part in node:
                line, column = node.lc.key(part)
                node = node[part]
            elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
                line, column = node.lc.item(part)
                node = node[part]
            else:
                break
        return int(line) + 1, int(column)

    def problem(self, path: Sequence[str | int], text: str) -> Problem:
        """Return a mistake at `path`."""
        return Problem(self.file, self.line(path), ".".join(str(part) for part in path), text)

    def model(self, kind: type[M]) -> M:
        """Return the document as a pydantic model; raises ConfigurationError with every mistake."""
        try:
            return kind.model_validate(plain(self.data))
        except ValidationError as error:
            raise ConfigurationError(
                [
                    self.problem(self._existing(_location(one)), _sentence(one))
                    for one in error.errors(include_url=False)
                ]
            ) from None

    def _existing(self, location: Sequence[str | int]) -> list[str | int]:
        """Drop the names pydantic puts between keys for alternatives and tags, keep a missing key
        at the end.
        """
        node, kept = self.data, list[str | int]()
        for index, part in enumerate(location):
            if isinstance(node, CommentedMap | CommentedSeq):
                present = (
                    part in node
                    if isinstance(node, CommentedMap)
                    else isinstance(part, int) and part < len(node)
                )
                if present:
                    node = node[part]
                    kept.append(part)
                elif index == len(location) - 1:
                    kept.append(part)
        return kept


def plain(node: object) -> object:
    """Return a parsed document as ordinary dicts and lists."""
    if isinstance(node, CommentedMap):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [plain(value) for value in node]
    return node


def load(path: Path) -> LocatedDocument:
    """Read a YAML file; raises ConfigurationError when it is not there or not YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is not UTF-8 text"
        raise ConfigurationError([Problem(str(path), 0, "", str(reason))]) from None
    return parse(text, str(path))


def parse(text: str, file: str) -> LocatedDocument:
    """Parse YAML text that comes from `file`; raises ConfigurationError when it is not YAML."""
    try:
        return LocatedDocument(file, YAML(typ="rt").load(StringIO(text)))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        problem = " ".join(str(error.problem or "is not YAML").split())
        raise ConfigurationError([Problem(file, line, "", f"not valid YAML: {problem}")]) from None
    except YAMLError as error:
        raise ConfigurationError([Problem(file, 0, "", f"not valid YAML: {error}")]) from None


def _location(error: ErrorDetails) -> tuple[str | int, ...]:
    """Return where an error is; a key that chooses between alternatives is named too."""
    if error["type"] in (_UNKNOWN_TAG, _NO_TAG):
        return (*error["loc"], str(error["ctx"]["discriminator"]).strip("'"))
    return error["loc"]


def _sentence(error: ErrorDetails) -> str:
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key {str(error['loc'][-1])!r}"
        case "missing" | "union_tag_not_found":
            return "is missing"
        case "union_tag_invalid":
            return f"{error['ctx']['tag']!r} is none of {error['ctx']['expected_tags']}"
        case _:
            return error["msg"].removeprefix("Value error, ")
