"""JUnit XML, as Jenkins and GitLab read it, from records only."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import CaseRecord, ResultRecord, RunRecords

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SKIPPED: Final = frozenset({Outcome.BLOCKED, Outcome.NOT_APPLICABLE})


def write_junit(records: RunRecords, path: Path) -> None:
    """Write one test suite for each area and one test case for each case and variant; what is missing is an
    error.
    """
    final = records.final
    areas: dict[str, list[CaseRecord]] = defaultdict(list)
    for case in records.cases:
        areas[case.area].append(case)
    root = ElementTree.Element("testsuites", name=f"smbtorture-py {records.run.target}")
    for area, cases in areas.items():
        suite = ElementTree.SubElement(root, "testsuite", name=area, timestamp=records.run.started)
        counts = {"tests": len(cases), "failures": 0, "errors": 0, "skipped": 0}
        seconds = 0.0
        for case in cases:
            result = final.get(case.key)
            element = ElementTree.SubElement(
                suite, "testcase", classname=case.case, name=case.variant or case.case
            )
            element.set("time", f"{result.duration:.3f}" if result is not None else "0")
            seconds += result.duration if result is not None else 0
            kind = _add(element, result)
            if kind:
                counts[kind] += 1
        for name, number in counts.items():
            suite.set(name, str(number))
        suite.set("time", f"{seconds:.3f}")
    ElementTree.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _add(element: ElementTree.Element, result: ResultRecord | None) -> str:
    """Add what came to a test case; return the counter it belongs to, empty for a pass."""
    if result is None:
        ElementTree.SubElement(element, "error", message="no result: the run was cut off")
        return "errors"
    text = _clean(f"{result.reason}\n{result.reproduce}".strip())
    message = _clean(
        f"{result.outcome}: {result.reason.splitlines()[0] if result.reason else result.verdict}"
    )
    if result.verdict is Verdict.ERROR:
        ElementTree.SubElement(element, "error", message=message).text = text
        return "errors"
    if result.verdict in (Verdict.REGRESSION, Verdict.NEW, Verdict.FIXED):
        if result.verdict is Verdict.FIXED:
            message = f"passes, but {result.expectation} expects otherwise"
        ElementTree.SubElement(element, "failure", message=message, type=result.verdict).text = text
        return "failures"
    if result.outcome in _SKIPPED or result.verdict in (Verdict.KNOWN, Verdict.FLAKY):
        ElementTree.SubElement(element, "skipped", message=message)
        return "skipped"
    if result.reason:
        ElementTree.SubElement(element, "system-out").text = text
    return ""


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
