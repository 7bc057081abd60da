"""The records of a run: JSON lines of five kinds, validated against a committed JSON Schema when read.

`run` comes first, then one `case` for everything planned, then a `result` each as it happens (and a `hook`
for each command of the target that was run), and `end` last. A file without `end` was cut off; a `case`
without `result` is missing; of several results of one case the last one counts. Nothing here holds a password
or a key.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeAlias

from jsonschema import Draft202012Validator

from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import RED, Outcome, Verdict

FORMAT: Final = 1
"""Version of the format; readers refuse another one."""

RECORD: Final = "record"
PACKED: Final = ".gz"


@dataclass(slots=True, frozen=True, kw_only=True)
class RunRecord:
    """What was run against what. `started` is ISO 8601 in UTC.

    `capabilities` is what cases could rely on; `declared` what the target's entry claims (empty: nothing),
    `shown` what a probe found, `facts` what else is known of it in words: its interfaces, limits and sizes.
    """

    run_id: str
    started: str
    suite_version: str
    target: str
    product: str
    version: str
    configuration: str
    world: str
    seed: int
    capabilities: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    selection: str = ""
    platform: str = ""
    format: int = FORMAT


@dataclass(slots=True, frozen=True, kw_only=True)
class CaseRecord:
    """One planned case in one variant (empty: the only one)."""

    case: str
    variant: str
    sentence: str
    area: str
    requirements: tuple[str, ...]
    level: str
    needs: tuple[str, ...] = ()
    slow: bool = False
    disturbs: str | None = None
    location: str = ""

    @property
    def key(self) -> str:
        """`case` or `case/variant`."""
        return full_id(self.case, self.variant)


@dataclass(slots=True, frozen=True, kw_only=True)
class ResultRecord:
    """What one case came to. `duration` is in seconds of the world the case ran in.

    `reason` is empty for a pass; `lacking` names what the target lacks where that is the reason; `behaviour`
    is the named behaviour that decided the outcome and `actual` what was seen there; `evidence` is a folder
    relative to the records file.
    """

    case: str
    variant: str
    outcome: Outcome
    verdict: Verdict
    reason: str = ""
    lacking: tuple[str, ...] = ()
    requirement: str = ""
    behaviour: str | None = None
    actual: str = ""
    observations: tuple[Observation, ...] = ()
    duration: float = 0.0
    attempt: int = 1
    worker: str = ""
    evidence: str = ""
    reproduce: str = ""
    expectation: str = ""

    @property
    def key(self) -> str:
        """`case` or `case/variant`."""
        return full_id(self.case, self.variant)

    @property
    def is_failing(self) -> bool:
        """Something is wrong: red, or blocked though the target lacks nothing, so that something that should
        have worked did not.
        """
        return self.outcome in RED or (self.outcome is Outcome.BLOCKED and not self.lacking)


@dataclass(slots=True, frozen=True, kw_only=True)
class HookRecord:
    """One command of the target that was run: which hook, for which case (empty: the run), and what it said.

    `exit_code` is None for a command that could not be started or was ended at its time limit; `duration` is
    in seconds of real time, `output` its end where it was long.
    """

    hook: str
    command: str
    exit_code: int | None
    output: str
    duration: float
    case: str = ""


@dataclass(slots=True, frozen=True, kw_only=True)
class EndRecord:
    """The run came to its end; `counts` is outcome -> number of variants.

    `problems` is what is wrong with the run as a whole: expectations nobody used, a crash nobody is guilty
    of.
    """

    finished: str
    counts: Mapping[str, int]
    exit_code: int
    problems: tuple[str, ...] = ()


Record: TypeAlias = RunRecord | CaseRecord | ResultRecord | HookRecord | EndRecord

_KINDS: Final[dict[type[Record], str]] = {
    RunRecord: "run",
    CaseRecord: "case",
    ResultRecord: "result",
    HookRecord: "hook",
    EndRecord: "end",
}
_NAMES: Final = {
    kind: tuple(one.name for one in fields(kind))
    for kind in (RunRecord, CaseRecord, ResultRecord, HookRecord, EndRecord, Observation)
}


def full_id(case: str, variant: str) -> str:
    """Return `case` or `case/variant`."""
    return f"{case}/{variant}" if variant else case


class RecordError(ValueError):
    """A line of a records file does not fit; the text names file, line, field and what is wrong."""


def to_json(record: Record) -> str:
    """Return the line (without its end) that stands for a record."""
    document = {RECORD: _KINDS[type(record)], **_fields_of(record)}
    return json.dumps(document, default=_fields_of, ensure_ascii=False, separators=(",", ":"))


def _fields_of(record: Record | Observation) -> dict[str, object]:
    """Return the fields of one record; `asdict` would copy whatever is in them."""
    return {name: getattr(record, name) for name in _NAMES[type(record)]}


def schema_text() -> str:
    """Return the JSON Schema of a line."""
    return (files("smbtorture_py.results") / "records.schema.json").read_text(encoding="utf-8")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema_text()))


def from_json(line: str, where: str = "record", *, is_ours: bool = False) -> Record:
    """Read one line; `where` (file and line) leads the message of the RecordError that bad input raises.

    A line that is ours was written by `to_json` in this very run: the schema is not asked again.
    """
    try:
        value = json.loads(line)
    except ValueError as problem:
        raise RecordError(f"{where}: not JSON: {problem}") from None
    if not isinstance(value, dict):
        raise RecordError(f"{where}: not a JSON object")
    errors = () if is_ours else _validator().iter_errors(value)
    error = next(iter(sorted(errors, key=lambda one: list(map(str, one.absolute_path)))), None)
    if error is not None:
        deepest = error
        while deepest.context:
            deepest = max(deepest.context, key=lambda one: len(one.absolute_path))
        place = ".".join(str(part) for part in deepest.absolute_path)
        raise RecordError(f"{where}: {place + ': ' if place else ''}{deepest.message}")
    kind = value.pop(RECORD)
    if kind == "run":
        lists = {name: tuple(value[name]) for name in ("capabilities", "declared", "shown")}
        return RunRecord(**{**value, **lists})
    if kind == "case":
        return CaseRecord(
            **{**value, "requirements": tuple(value["requirements"]), "needs": tuple(value["needs"])}
        )
    if kind == "end":
        return EndRecord(**{**value, "problems": tuple(value["problems"])})
    if kind == "hook":
        return HookRecord(**value)
    return _result(value)


def _result(value: dict[str, object]) -> ResultRecord:
    raw = value.pop("observations")
    lacking = value.pop("lacking")
    outcome, verdict = Outcome(str(value.pop("outcome"))), Verdict(str(value.pop("verdict")))
    observations = tuple(
        Observation(**{**one, "expected": tuple(one["expected"]), "outcome": Outcome(one["outcome"])})
        for one in (raw if isinstance(raw, list) else [])
    )
    return ResultRecord(
        outcome=outcome,
        verdict=verdict,
        observations=observations,
        lacking=tuple(lacking if isinstance(lacking, list) else ()),
        **value,  # type: ignore[arg-type]  # the schema has checked names and types
    )


@dataclass(slots=True)
class RunRecords:
    """Everything one file holds."""

    run: RunRecord
    cases: list[CaseRecord] = field(default_factory=list)
    results: list[ResultRecord] = field(default_factory=list)
    end: EndRecord | None = None
    hooks: list[HookRecord] = field(default_factory=list)

    @property
    def final(self) -> dict[str, ResultRecord]:
        """The last result of each case and variant, in the order of the plan."""
        by_key = {result.key: result for result in self.results}
        return {case.key: by_key[case.key] for case in self.cases if case.key in by_key}

    @property
    def missing(self) -> list[CaseRecord]:
        """What was planned and has no result."""
        have = {result.key for result in self.results}
        return [case for case in self.cases if case.key not in have]

    @property
    def lines(self) -> list[Record]:
        """Everything in the order of a file."""
        end = [] if self.end is None else [self.end]
        return [self.run, *self.cases, *self.results, *self.hooks, *end]

    @property
    def is_complete(self) -> bool:
        """The run came to its end and everything planned has a result."""
        return self.end is not None and not self.missing


def gather(records: Iterable[Record], where: str = "records") -> RunRecords:
    """Put records together; raises RecordError where the first is not a `run`, or a second `run` follows."""
    gathered: RunRecords | None = None
    for record in records:
        if isinstance(record, RunRecord):
            if gathered is not None:
                raise RecordError(f"{where}: holds a second run")
            gathered = RunRecords(record)
        elif gathered is None:
            raise RecordError(f"{where}: does not begin with a run record")
        elif isinstance(record, CaseRecord):
            gathered.cases.append(record)
        elif isinstance(record, ResultRecord):
            gathered.results.append(record)
        elif isinstance(record, HookRecord):
            gathered.hooks.append(record)
        else:
            gathered.end = record
    if gathered is None:
        raise RecordError(f"{where}: is empty")
    return gathered


def read(path: Path) -> RunRecords:
    """Read a records file, packed (`.gz`) or not; a last line that was cut off in mid-write is left out,
    anything else odd raises RecordError.
    """
    return gather(_lines(path), str(path))


def _text(path: Path) -> str:
    """Return the text of a file; one that is packed with gzip is unpacked."""
    if path.suffix != PACKED:
        return path.read_text(encoding="utf-8")
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            return file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise RecordError(f"{path}: cannot be unpacked: {error}") from None


def _lines(path: Path) -> Iterator[Record]:
    text = _text(path)
    lines: Sequence[str] = text.split("\n")
    whole = lines[:-1]
    for number, line in enumerate(whole, start=1):
        if line:
            yield from_json(line, f"{path}:{number}")
