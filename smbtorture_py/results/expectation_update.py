"""Bringing an expectation file up to date with runs: entries are changed in place, everything else stays as
it is written.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
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
_ITEM: Final = re.compile(r"""'[^']*'|"[^"]*"|[^\s,\]]+""")
"""An item of a list in brackets."""
_COMMA: Final = re.compile(r"[ \t]*,(?:[ \t]*(?=\n)|[ \t]++(?!#))?")
"""What follows it, with the blanks that are not before a comment."""


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
    """What the runs say of one name of an entry."""

    passed_in: set[str] = field(default_factory=set)
    fails_in: set[str] = field(default_factory=set)
    otherwise: list[ResultRecord] = field(default_factory=list)

    @property
    def gone(self) -> set[str]:
        """The versions in which it only passes."""
        return set() if self.otherwise else self.passed_in - self.fails_in


@dataclass(slots=True)
class _Written:
    """One entry as it is written."""

    entry: Expectation
    lines: list[str]
    places: list[tuple[int, int]]
    """Where each of the names is: its line, counted from 0 in the entry, and its column."""
    fates: dict[str, _Fate]

    def only(self, names: Container[str]) -> list[str]:
        """Return the lines without what the entry names besides `names`; none where that is everything.

        A name that has a line of its own goes with it; comments on other lines stay.
        """
        dropped = [
            place for name, place in zip(self.entry.case, self.places, strict=True) if name not in names
        ]
        if len(dropped) == len(self.places):
            return []
        text = "\n".join(self.lines)
        for line, column in reversed(dropped):
            text = _without_item(text, sum(len(one) + 1 for one in self.lines[:line]) + column)
        return text.split("\n")


def update(text: str, file: str, runs: Sequence[RunRecords], triage: Triage | None = None) -> Update:
    """Return the file's text as the runs ask for it.

    What an entry names and passes in a run is narrowed to other versions, or taken out where none is left; of
    a list only that: what still fails stays as it is written, and what is narrowed gets an entry of its own.
    With a `triage`, what fails newly gets an entry and what fails otherwise than its entry says gets that
    corrected; without one both are only listed. Raises ConfigurationError where the text is no expectation
    file.
    """
    document = parse(text, file)
    entries = document.model(ExpectationFile).expectations
    lines = text.splitlines()
    spans = _spans(document, lines, len(entries))
    written = [_read(document, index, entry, lines, spans[index]) for index, entry in enumerate(entries)]
    new: dict[str, list[tuple[RunRecords, ResultRecord]]] = defaultdict(list)
    for run in runs:
        known = Expectations(
            [one for one in entries if one.applies(run.run.version, run.run.configuration)], document, entries
        )
        for result in run.final.values():
            _sort(run, result, known.find(result.case, result.variant), written, new)
    done: list[str] = []
    left: list[str] = []
    replaced = [_renewed(one, runs, triage, done, left) for one in written]
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


def _read(
    document: LocatedDocument, index: int, entry: Expectation, lines: Sequence[str], span: tuple[int, int]
) -> _Written:
    """Return an entry with the lines of its span, and nothing known of it yet."""
    first, last = span
    places = [document.place(["expectations", index, "case", number]) for number in range(len(entry.case))]
    return _Written(
        entry,
        list(lines[first:last]),
        [(line - 1 - first, column) for line, column in places],
        {name: _Fate() for name in entry.case},
    )


def _sort(
    run: RunRecords,
    result: ResultRecord,
    entry: Expectation | None,
    written: Sequence[_Written],
    new: dict[str, list[tuple[RunRecords, ResultRecord]]],
) -> None:
    """Note what one result says of its entry, or that it needs one."""
    verdict = judge(result, entry)
    if entry is None:
        if verdict is Verdict.REGRESSION and result.outcome is not Outcome.ERROR:
            new[result.case].append((run, result))
        return
    name = entry.name_of(result.case, result.variant)
    assert name is not None
    fate = next(one for one in written if one.entry is entry).fates[name]
    if verdict is Verdict.FIXED:
        fate.passed_in.add(run.run.version)
    elif verdict in (Verdict.KNOWN, Verdict.FLAKY):
        fate.fails_in.add(run.run.version)
    elif verdict is Verdict.REGRESSION:
        fate.otherwise.append(result)


def _renewed(
    one: _Written, runs: Sequence[RunRecords], triage: Triage | None, done: list[str], left: list[str]
) -> list[str]:
    """Return the lines that take the place of an entry's, and say what was done and what was not."""
    staying = {name: fate for name, fate in one.fates.items() if not fate.gone}
    lines = one.only(staying)
    seen = [result for fate in staying.values() for result in fate.otherwise]
    if seen:
        title, how = ", ".join(staying), f"{seen[0].outcome} {seen[0].actual}".rstrip()
        if triage is None or any(fate.fails_in for fate in staying.values()):
            left.append(f"{title}: fails in another way: {how}")
        else:
            lines = _with(lines, _corrected(seen[0], triage))
            done.append(f"{title}: now {how}")
    narrowed: dict[str | None, list[str]] = defaultdict(list)
    for name, fate in one.fates.items():
        if fate.gone:
            narrowed[_without(one.entry, fate.gone, runs)].append(name)
    for versions, names in narrowed.items():
        title = ", ".join(names)
        if versions is None:
            done.append(f"{title}: taken out, it passes")
            continue
        passed_in = sorted(set().union(*(one.fates[name].gone for name in names)))
        done.append(f"{title}: only for {versions}, it passes with {', '.join(passed_in)}")
        lines += [*([""] if lines else []), *_with(one.only(names), {"versions": versions})]
    return lines


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
    lines: list[str], spans: Sequence[tuple[int, int]], replaced: Sequence[list[str]]
) -> list[str]:
    """Return the lines with the spans of the entries replaced; with one that goes, a blank line goes."""
    result: list[str] = []
    position = 0
    for (first, last), written in zip(spans, replaced, strict=True):
        result += lines[position:first]
        result += written
        position = last
        if not written and position < len(lines) and not lines[position].strip():
            position += 1
    return result + lines[position:]


def _without_item(text: str, start: int) -> str:
    """Return a text of YAML without the item of a list that begins at `start`; another one is left."""
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() == "-":
        end = text.find("\n", start)
        return text[: line - 1] + ("" if end < 0 else text[end:])
    item = _ITEM.match(text, start)
    assert item is not None
    end = item.end()
    comma = _COMMA.match(text, end)
    if comma is None:
        # The last one: what parts it from the one before goes.
        return re.sub(r",\s*$", "", text[:start]) + text[end:]
    before, after = text[:start], text[comma.end() :]
    if after.startswith("\n"):
        before = before.rstrip(" \t").removesuffix("\n")
    return before + after


def _with(written: Sequence[str], values: dict[str, str]) -> list[str]:
    """Return an entry's lines with some keys set, after its first one; the other lines stay as they are."""
    dash = written[0].index("-")
    indentation = " " * (dash + 2)
    kept: list[list[str]] = []
    skipping = False
    for line in [indentation + written[0][dash + 2 :], *written[1:]]:
        bare = line.lstrip()
        is_between = bool(bare) and len(line) - len(bare) <= len(indentation)
        is_comment = is_between and bare.startswith("#")
        if is_between and not is_comment and not bare.startswith("- "):
            skipping = bare.partition(":")[0] in values
            if not skipping:
                kept.append([])
        if kept and (is_comment or not skipping):
            kept[-1].append(line)
    rest = [f"{indentation}{line}" for key, value in values.items() for line in _scalar(key, value)]
    whole = [*kept[0], *rest, *(line for lines in kept[1:] for line in lines)]
    return [f"{written[0][: dash + 2]}{whole[0][dash + 2 :]}", *whole[1:]]


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
