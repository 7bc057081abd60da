"""Samba's smbtorture: one suite at a time, its text parsed into one outcome for each test."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from peer_server import SECOND_USER, SHARE, Served, samba_client_configuration, samba_credentials

OUTCOMES: Final = {"success": "pass", "failure": "fail", "error": "error", "skip": "skip", "xfail": "fail"}
"""What smbtorture prints before a test's name, and what it means."""

_OUTCOME: Final = re.compile(rf"^({'|'.join(OUTCOMES)}): ([^\[]+?)( \[)?$")
_TIME: Final = re.compile(r"^time: (\S+ \S+)$")
_TEST: Final = re.compile(r"^test: (.+)$")


@dataclass(slots=True, frozen=True)
class TortureResult:
    """One test: `outcome` is pass, fail, error or skip; `reason` is what smbtorture printed for it."""

    name: str
    outcome: str
    reason: str
    seconds: float


@dataclass(slots=True, frozen=True)
class TortureRun:
    """One suite: its tests in order, the exit code (None where time was up) and the whole text."""

    suite: str
    results: tuple[TortureResult, ...]
    unfinished: str
    """The test that was running when the text ended; empty where all ended."""
    text: str

    def count(self, *outcomes: str) -> int:
        """How many tests had one of these outcomes."""
        return sum(result.outcome in outcomes for result in self.results)


def version() -> str:
    """Return smbtorture's version."""
    said = subprocess.run(["smbtorture", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(\.\d+)+\S*", said)
    return found[0] if found else "unknown"


def release() -> tuple[int, int]:
    """Return the first two numbers of smbtorture's version; zeros where it does not say."""
    numbers = re.match(r"(\d+)\.(\d+)", version())
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def parse(suite: str, text: str) -> TortureRun:
    """Parse smbtorture's text; a test without an outcome crashed, or time was up: an error."""
    results: list[TortureResult] = []
    running, reason = "", None
    now = began = 0.0
    pending: tuple[str, str] | None = None
    lines: list[str] = []
    for line in text.splitlines():
        if reason is not None:
            if line == "]":
                assert pending is not None
                results.append(TortureResult(pending[0], pending[1], "\n".join(lines), round(now - began, 3)))
                reason, pending, running = None, None, ""
            else:
                lines.append(line)
        elif found := _TIME.match(line):
            now = datetime.fromisoformat(found[1]).timestamp()
        elif found := _TEST.match(line):
            running, began = found[1], now
        elif found := _OUTCOME.match(line):
            name, outcome = found[2], OUTCOMES[found[1]]
            if found[3]:
                pending, reason, lines = (name, outcome), "", []
            else:
                results.append(TortureResult(name, outcome, "", round(now - began, 3)))
                running = ""
    if running:
        results.append(TortureResult(running, "error", "it did not end", round(now - began, 3)))
    return TortureRun(suite, tuple(results), running, text)


def run(served: Served, suite: str, folder: Path, timeout: float) -> TortureRun:
    """Run `smb2.SUITE` against the server's share; after `timeout` seconds it is cut off."""
    second_user = {"torture:user2name": SECOND_USER, "torture:user2password": served.second_password}
    configuration = samba_client_configuration(folder, served.port, second_user)
    credentials = samba_credentials(folder, served)
    command = [
        "smbtorture", f"//{served.hosts[0]}/{SHARE}", "-p", str(served.port), "-s", str(configuration),
        "-A", str(credentials), f"smb2.{suite}",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            timeout=timeout,
            check=False,
        )
        text = done.stdout
    except subprocess.TimeoutExpired as error:
        text = error.stdout or b""
    return parse(suite, text.decode(errors="replace"))
