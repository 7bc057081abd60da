"""JUnit XML, as pytest, pike's runners and most CI servers write it."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from smbtorture_py.imports.outside import NotReadable, OutsideResult, OutsideRun
from smbtorture_py.imports.xml_text import local_name, parse, seconds
from smbtorture_py.results.outcome import Outcome

SUITE: Final = "junit"
ROOTS: Final = ("testsuites", "testsuite")
OUTCOMES: Final = {"failure": Outcome.FAIL, "error": Outcome.ERROR, "skipped": Outcome.BLOCKED}


def read(text: str, group: str = "") -> OutsideRun:
    """Read a file; `group` replaces the class names. Raises NotReadable."""
    root = parse(text)
    if local_name(root) not in ROOTS:
        raise NotReadable(f"is no JUnit: the root is <{local_name(root)}>")
    run = OutsideRun(SUITE)
    for suite in root.iter():
        if local_name(suite) == "testsuite":
            run.started = run.started or suite.get("timestamp", "")
            run.results += [_result(case, suite, group) for case in suite if local_name(case) == "testcase"]
    if not run.results:
        raise NotReadable("holds no test")
    return run


def _result(case: ElementTree.Element, suite: ElementTree.Element, group: str) -> OutsideResult:
    name = case.get("name", "")
    if not name:
        raise NotReadable("a <testcase> has no name")
    outcome, reason = Outcome.PASS, ""
    for part in case:
        if local_name(part) in OUTCOMES:
            outcome = OUTCOMES[local_name(part)]
            reason = "\n".join(filter(None, (part.get("message", ""), (part.text or "").strip())))
    where = group or case.get("classname") or suite.get("name") or ""
    return OutsideResult(where, name, outcome, reason, seconds(case.get("time", "")))
