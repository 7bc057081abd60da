"""pike's own tests, run by unittest in a process of their own: its text parsed, one outcome a test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Final

from peer_server import SHARE, Served
from peer_smbtorture import TortureResult, TortureRun

LAUNCHER: Final = Path(__file__).parent / "pike_on_port.py"
_TEST: Final = re.compile(r"^(test_\w+) \((pike\.test\.[\w.]+)\)(.*)$")
_OUTCOMES: Final = {"ok": "pass", "FAIL": "fail", "ERROR": "error"}
_OUTCOME: Final = re.compile(r"\.\.\. (?:.*?)(ok|FAIL|ERROR|skipped .*|expected failure)$")
_DETAIL: Final = re.compile(r"^(?:FAIL|ERROR): (test_\w+) \((pike\.test\.[\w.]+)\)")


def version() -> str:
    """Return pike's version."""
    return package_version("pike-smb2")


def parse(module: str, text: str) -> TortureRun:
    """Parse what unittest prints with -v."""
    reasons = _reasons(text)
    results: list[TortureResult] = []
    running = ""
    for line in text.splitlines():
        if line.startswith("====="):
            break
        if found := _TEST.match(line):
            running = _name(found[1], found[2])
        outcome = _OUTCOME.search(line)
        if outcome is None and running and line in (*_OUTCOMES, "skipped"):
            outcome = re.match(r"(.*)", line)
        if running and outcome is not None:
            said = outcome[1]
            skipped = said.startswith("skipped")
            reason = said.removeprefix("skipped ") if skipped else reasons.get(running, "")
            results.append(
                TortureResult(running, "skip" if skipped else _OUTCOMES.get(said, "fail"), reason, 0.0)
            )
            running = ""
    if running:
        results.append(TortureResult(running, "error", "it did not end", 0.0))
    return TortureRun(module, tuple(results), running, text)


def run(served: Served, module: str, folder: Path, timeout: float, *, signed: bool) -> TortureRun:
    """Run `pike.test.MODULE` against the server's share; after `timeout` seconds it is cut off."""
    environment = {
        **os.environ,
        "PIKE_SERVER": served.hosts[0],
        "PIKE_PORT": str(served.port),
        "PIKE_SHARE": SHARE,
        "PIKE_SIGN": "yes" if signed else "no",
        "PIKE_CREDS": f"WORKGROUP\\{served.user}%{served.password}",
    }
    command = [sys.executable, "-W", "ignore", str(LAUNCHER), str(served.port), f"pike.test.{module}"]
    try:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=folder, timeout=timeout, check=False,
        )  # fmt: skip
        text = done.stdout
    except subprocess.TimeoutExpired as error:
        text = error.stdout or b""
    return parse(module, text.decode(errors="replace"))


def _name(test: str, where: str) -> str:
    """Return Class.test of unittest's `test (module.Class.test)`."""
    parts = where.removesuffix(f".{test}").split(".")
    return f"{parts[-1]}.{test}"


def _reasons(text: str) -> dict[str, str]:
    """Return the last line of each traceback, by test."""
    found: dict[str, str] = {}
    for block in text.split("=" * 70)[1:]:
        lines = [line for line in block.strip().splitlines() if line]
        if lines and (head := _DETAIL.match(lines[0])):
            body = block.strip().partition("-" * 70)[2].partition("-" * 70)[0].strip().splitlines()
            found[_name(head[1], head[2])] = body[-1] if body else ""
    return found
