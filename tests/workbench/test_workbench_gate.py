"""A gated run, as a CI job makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import read
from smbtorture_py.runs import Ledger, RunOptions
from tests.made_records import result

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120
SUITE = '''
from pathlib import Path
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

HERE = Path(__file__).parent

@case("own.fine", requirements=["SMB2-3.3.5.4-04"])
def test_fine(lab):
    """It negotiates."""
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

@case("own.now-and-then", requirements=["SMB2-3.3.5.4-04"])
def test_now_and_then(lab):
    """It fails the first time."""
    flag = HERE / "flag"
    there = flag.exists()
    flag.touch()
    check.that(lab, "the flag", there, specification=True)

@case("own.always", requirements=["SMB2-3.3.5.4-04"])
def test_always(lab):
    """It always fails."""
    check.that(lab, "the weather", "rain", specification="sun")
'''


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "distributed"])
def test_what_fails_is_repeated(tmp_path, workers):
    (tmp_path / "test_own.py").write_text(SUITE)
    (tmp_path / "summary").touch()
    command = [sys.executable, "-m", "smbtorture_py.cli", "run", "reference", "--suite", "."]
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT),
        "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }  # fmt: skip
    done = subprocess.run(
        [*command, "--gate", *workers], cwd=tmp_path, env=environment, capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.REGRESSIONS, done.stdout + done.stderr
    found = read(tmp_path / "reports/latest/records.jsonl")
    final = found.final
    assert (final["own.now-and-then"].outcome, final["own.now-and-then"].verdict) == (
        Outcome.PASS, Verdict.FLAKY,
    )  # fmt: skip
    assert [one.outcome for one in found.results if one.case == "own.always"] == [Outcome.FAIL] * 3
    assert sum(one.case == "own.fine" for one in found.results) == 1
    assert "::error title=own.always" in done.stdout and "own.now-and-then%" not in done.stdout
    assert "gate: regressions" in done.stdout
    for path in (tmp_path / "summary", tmp_path / "reports/latest/gate.md"):
        assert "### Flaky (1)" in path.read_text()


def test_a_baseline_that_is_none_stops_the_run_before_it_begins(tmp_path):
    (tmp_path / "test_own.py").write_text(SUITE)
    command = [sys.executable, "-m", "smbtorture_py.cli", "run", "reference", "--suite", "."]
    done = subprocess.run(
        [*command, "--gate", "--baseline", "nowhere.jsonl"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert "nowhere.jsonl: cannot be read" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "flag").exists()


class Logging:
    """A started target that has a log."""

    def __init__(self) -> None:
        self.text = ""

    def log(self) -> str:
        return self.text


def test_what_the_server_logged_lies_beside_an_unexpected_result(tmp_path):
    target = Logging()
    ledger = Ledger(RunOptions(target="nas", seed=1, records=tmp_path / "records.jsonl"), target)
    logs = {}
    for name, said, verdict in (
        ("one", "before\n", Verdict.REGRESSION),
        ("known", "of no interest\n", Verdict.KNOWN),
        ("two", "since then\n", Verdict.REGRESSION),
        ("three", "", Verdict.REGRESSION),
    ):
        target.text += said
        folder = tmp_path / "evidence" / name
        folder.mkdir(parents=True)
        failed = result(f"own.{name}", Outcome.FAIL, verdict=verdict)
        ledger.add_server_log(replace(failed, evidence=f"evidence/{name}"))
        log = folder / "server.log"
        logs[name] = log.read_text() if log.is_file() else None
    assert logs == {"one": "before\n", "known": None, "two": "of no interest\nsince then\n", "three": None}
    target.text = "rotated\n"
    ledger.add_server_log(replace(failed, evidence="evidence/three"))
    assert (tmp_path / "evidence/three/server.log").read_text() == "rotated\n"
