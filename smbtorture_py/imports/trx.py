"""TRX, the results of `dotnet test --logger trx`, as Microsoft's protocol test suites leave them.

By the schema of TeamTest 2010: <TestRun> holds <Results> with a <UnitTestResult> for each test, and
<TestDefinitions> that say by testId which class a test belongs to.
"""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from smbtorture_py.imports.outside import NotReadable, OutsideResult, OutsideRun
from smbtorture_py.imports.xml_text import local_name, parse, seconds
from smbtorture_py.results.outcome import Outcome

SUITE: Final = "mstest"
ROOT: Final = "TestRun"
OUTCOMES: Final = {
    "Passed": Outcome.PASS,
    "PassedButRunAborted": Outcome.PASS,
    "Warning": Outcome.WARN,
    "Failed": Outcome.FAIL,
    "Timeout": Outcome.TIMEOUT,
    "Aborted": Outcome.ERROR,
    "Error": Outcome.ERROR,
    "Inconclusive": Outcome.BLOCKED,
    "NotExecuted": Outcome.BLOCKED,
    "NotRunnable": Outcome.BLOCKED,
    "Disconnected": Outcome.ERROR,
    "Completed": Outcome.OBSERVED,
}
UNFINISHED: Final = frozenset({"InProgress", "Pending"})
_HOUR: Final = 3600.0
_MINUTE: Final = 60.0


def read(text: str, group: str = "") -> OutsideRun:
    """Read a file; `group` replaces the class names. Raises NotReadable."""
    root = parse(text)
    if local_name(root) != ROOT:
        raise NotReadable(f"is no TRX: the root is <{local_name(root)}>")
    classes = _classes(root)
    run = OutsideRun(SUITE)
    for element in root.iter():
        if local_name(element) == "Times":
            run.started = element.get("start", "")
        elif local_name(element) == "UnitTestResult":
            _take(element, run, group or classes.get(element.get("testId", ""), ""))
    if not run.results and not run.unfinished:
        raise NotReadable("holds no test")
    return run


def _take(element: ElementTree.Element, run: OutsideRun, group: str) -> None:
    name, said = element.get("testName", ""), element.get("outcome", "Error")
    if not name:
        raise NotReadable("a <UnitTestResult> has no testName")
    name = name.removeprefix(f"{group}.")
    if said in UNFINISHED:
        run.unfinished.append((group, name))
        return
    if said not in OUTCOMES:
        raise NotReadable(f"{name}: the outcome {said!r} is unknown")
    texts = [
        (part.text or "").strip()
        for part in element.iter()
        if local_name(part) in ("Message", "StackTrace") and part.text
    ]
    run.results.append(
        OutsideResult(group, name, OUTCOMES[said], "\n".join(texts), _duration(element.get("duration", "")))
    )


def _classes(root: ElementTree.Element) -> dict[str, str]:
    """Return test id -> class, its assembly left out."""
    found = {}
    for test in root.iter():
        if local_name(test) != "UnitTest":
            continue
        for method in test:
            if local_name(method) == "TestMethod":
                full = method.get("className", "").partition(",")[0]
                found[test.get("id", "")] = full.rpartition(".")[2]
    return found


def _duration(text: str) -> float:
    """Return the seconds of `hh:mm:ss.fffffff`; 0 where it is something else."""
    parts = [seconds(part) for part in text.split(":")]
    if len(parts) != len((_HOUR, _MINUTE, 1.0)):
        return 0.0
    return sum(part * unit for part, unit in zip(parts, (_HOUR, _MINUTE, 1.0), strict=True))
