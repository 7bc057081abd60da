"""Bringing an expectation file up to date with runs: entries are changed in place, everything else stays as
it is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import pairwise
from typing import Final

from ruamel.yaml import YAML

from smbtorture_py.results.expectations import (
    DeviationClass,
    Expectation,
    ExpectationFile,
    Expectations,
    VersionRange,
    version_numbers,
)
from smbtorture_py.results.located_yaml import LocatedDocument, parse
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import ResultRecord, RunRecords
from smbtorture_py.results.verdict import judge

WIDTH: Final = 110
"""Columns of the lines that are written."""


@dataclass(slots=True, frozen=True)
class Triage:
    """What only a person who has read a trace can say of new failures."""

    reason: str
    reference: str
    deviation_class: DeviationClass = DeviationClass.BUG


@dataclass(slots=True)
class Update:
    """The new text of the file, and what was done, a line each."""

    text: str
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    """What was not done because nobody has said why it fails."""


@dataclass(slots=True)
class _Fate:
    """What the runs say of one entry."""

    index: int
    passed_in: set[str] = field(default_factory=set)
    fails_in: set[str] = field(default_factory=set)
    otherwise: list[ResultRecord] = field(default_factory=list)


def update(text: str, file: str, runs: Sequence[RunRecords], triage: Triage | None = None) -> Update:
    """Return the file's text as the runs ask for it.

    An entry whose cases all pass in a run is narrowed to other versions, or taken out where none is left.
    With a `triage`, what fails newly gets an entry and what fails otherwise than its entry says gets that
    corrected; without one both are only listed. Raises ConfigurationError where the text is no expectation
    file.
    """
    document = parse(text, file)
    entries = document.model(ExpectationFile).expectations
    fates = {index: _Fate(index) for index in range(len(entries))}
    new: dict[str, list[tuple[RunRecords, ResultRecord]]] = defaultdict(list)
    for run in runs:
        known = Expectations(
            [one for one in entries if one.applies(run.run.version, run.run.configuration)], document, entries
        )
        for result in run.final.values():
            _sort(run, result, known.find(result.case, result.variant), entries, fates, new)
    lines = text.splitlines()
    spans = _spans(document, lines, len(entries))
    done: list[str] = []
    left: list[str] = []
    replaced: dict[int, list[str]] = {}
    for fate in fates.values():
        entry = entries[fate.index]
        first, last = spans[fate.index]
        written = lines[first:last]
        gone = fate.passed_in - fate.fails_in
        if gone and not fate.otherwise:
            versions = _without(entry, gone, runs)
            if versions is None:
                replaced[fate.index] = []
                done.append(f"{entry.title}: taken out, it passes")
            else:
                replaced[fate.index] = _with(written, {"versions": versions})
                done.append(f"{entry.title}: only for {versions}, it passes with {', '.join(sorted(gone))}")
        elif fate.otherwise:
            seen = fate.otherwise[0]
            if triage is None or fate.fails_in:
                left.append(f"{entry.title}: fails in another way: {seen.outcome} {seen.actual}".rstrip())
                continue
            replaced[fate.index] = _with(written, _corrected(seen, triage))
            done.append(f"{entry.title}: now {seen.outcome} {seen.actual}".rstrip())
    result_lines = _rewritten(lines, spans, replaced)
    if triage is not None and new and not entries:
        result_lines = [line for line in result_lines if not line.startswith("expectations:")]
        result_lines.append("expectations:")
    for case, found in new.items():
        if triage is None:
            left.append(
                f"{case}: new, {len(found)} variants: {found[0][1].outcome} {found[0][1].actual}".rstrip()
            )
            continue
        for entry_lines in _entries(case, found, triage):
            result_lines += ["", *entry_lines]
        done.append(f"{case}: added")
    whole = "\n".join(result_lines).rstrip("\n") + "\n"
    parse(whole, file).model(ExpectationFile)
    return Update(whole if done else text, done, left)


def _sort(
    run: RunRecords,
    result: ResultRecord,
    entry: Expectation | None,
    entries: Sequence[Expectation],
    fates: dict[int, _Fate],
    new: dict[str, list[tuple[RunRecords, ResultRecord]]],
) -> None:
    """Note what one result says of its entry, or that it needs one."""
    verdict = judge(result, entry)
    if entry is None:
        if verdict is Verdict.REGRESSION and result.outcome is not Outcome.ERROR:
            new[result.case].append((run, result))
        return
    fate = fates[next(index for index, one in enumerate(entries) if one is entry)]
    if verdict is Verdict.FIXED:
        fate.passed_in.add(run.run.version)
    elif verdict in (Verdict.KNOWN, Verdict.FLAKY):
        fate.fails_in.add(run.run.version)
    elif verdict is Verdict.REGRESSION:
        fate.otherwise.append(result)


def _without(entry: Expectation, versions: Iterable[str], runs: Sequence[RunRecords]) -> str | None:
    """Return the entry's range without the versions it passes in; None where nothing is left to tell of.

    What passes in the newest version that was run is taken for mended there and later, what passes in an
    older one for special to that.
    """
    numbered = sorted({version_numbers(version) for version in versions} - {()})
    if not numbered:
        return None
    newest = max((version_numbers(run.run.version) for run in runs), default=())
    bounds = [entry.versions] if entry.versions else []
    if newest in numbered:
        bounds.append(f"<{_dotted(numbered[0])}")
    else:
        bounds += [f"!={_dotted(version)}" for version in numbered]
    text = ", ".join(bounds)
    return text if _has_room(VersionRange.parse(text)) else None


def _has_room(versions: VersionRange) -> bool:
    """Tell whether any version can meet the bounds: none is below a `<` that a `>=` or `==` already
    reaches.
    """
    uppers = [bound for operator, bound in versions.bounds if operator == "<"]
    lowers = [bound for operator, bound in versions.bounds if operator in (">=", "==")]
    return not any(upper[: len(lower)] <= lower for upper in uppers for lower in lowers)


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


def _spans(document: LocatedDocument, lines: Sequence[str], count: int) -> list[tuple[int, int]]:
    """Return first line and line after the last of each entry, counted from 0; comments and blank lines
    between entries belong to none.
    """
    starts = [document.line(["expectations", index]) - 1 for index in range(count)]
    spans = []
    for start, end in pairwise([*starts, len(lines)]):
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        spans.append((start, end))
    return spans


def _rewritten(
    lines: list[str], spans: Sequence[tuple[int, int]], replaced: dict[int, list[str]]
) -> list[str]:
    """Return the lines with the spans of some entries replaced; with one that goes, a blank line goes."""
    result: list[str] = []
    position = 0
    for index, (first, last) in enumerate(spans):
        result += lines[position:first]
        written = replaced.get(index, lines[first:last])
        result += written
        position = last
        if not written and position < len(lines) and not lines[position].strip():
            position += 1
    return result + lines[position:]


def _with(written: Sequence[str], values: dict[str, str]) -> list[str]:
    """Return an entry's lines with some keys set; the other lines stay as they are."""
    dash = written[0].index("-")
    indentation = " " * (dash + 2)
    kept: list[str] = []
    skipping = False
    for line in written:
        bare = line[dash + 2 :] if line[:dash].strip() == "" else line
        key = bare.partition(":")[0]
        starts = bool(bare) and not bare[0].isspace() and not bare.startswith("#")
        if starts:
            skipping = key in values
        if not skipping:
            kept.append(line)
    rest = [f"{indentation}{line}" for key, value in values.items() for line in _scalar(key, value)]
    return [kept[0], *rest, *kept[1:]]


def _corrected(seen: ResultRecord, triage: Triage) -> dict[str, str]:
    values = {"outcome": str(seen.outcome)}
    if seen.behaviour is not None:
        values["behaviour"] = seen.behaviour
    values["actual"] = _how(seen)
    if seen.requirement:
        values["requirement"] = seen.requirement
    return values | {"reason": triage.reason, "reference": triage.reference}


def _how(seen: ResultRecord) -> str:
    """Return what is seen; of a blocked case the beginning of its reason."""
    return seen.actual or seen.reason.partition("\n")[0]


def _entries(
    case: str, found: Sequence[tuple[RunRecords, ResultRecord]], triage: Triage
) -> Iterable[list[str]]:
    """Yield the lines of the entries for what fails newly: one for each way of failing, for all variants
    where all fail alike.
    """
    ways: dict[tuple[str, str | None, str, str], list[tuple[RunRecords, ResultRecord]]] = defaultdict(list)
    for run, result in found:
        key = (str(result.outcome), result.behaviour, _how(result), result.requirement)
        ways[key].append((run, result))
    for (outcome, behaviour, actual, requirement), failing in ways.items():
        versions = sorted({run.run.version for run, _ in failing} - {""}, key=version_numbers)
        keys = {result.key for _, result in failing}
        every = {one.key for run, _ in failing for one in run.cases if one.case == case}
        for name in [case] if keys == every else sorted(keys):
            values = {"case": name}
            if versions and version_numbers(versions[0]):
                values["versions"] = _range(versions)
            values["outcome"] = outcome
            if behaviour is not None:
                values["behaviour"] = behaviour
            values |= {"actual": actual} if actual else {}
            values |= {"requirement": requirement} if requirement else {}
            values |= {
                "class": str(triage.deviation_class), "reason": triage.reason, "reference": triage.reference,
            }  # fmt: skip
            written = [line for key, value in values.items() for line in _scalar(key, value)]
            yield [f"  {'- ' if number == 0 else '  '}{line}" for number, line in enumerate(written)]


def _range(versions: Sequence[str]) -> str:
    numbers = [_dotted(version_numbers(version)) for version in versions]
    return f"=={numbers[0]}" if len(numbers) == 1 else f">={numbers[0]}, <={numbers[-1]}"


def _scalar(key: str, value: str) -> list[str]:
    """Return the lines of `key: value` as YAML."""
    yaml = YAML()
    yaml.width = WIDTH
    stream = StringIO()
    yaml.dump({key: value}, stream)
    return stream.getvalue().rstrip("\n").splitlines()
