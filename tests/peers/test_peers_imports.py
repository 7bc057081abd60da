"""Runs of smbtorture and of pike become records: no test of theirs is lost, and none changes its outcome."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import peer_pike
import peer_smbtorture
from peer_server import SHARE, Served

from smbtorture_py.results.records import RunRecords, read
from tests.called_command import call

TIMEOUT = 200
MEANT = {"pass": "pass", "fail": "fail", "error": "error", "skip": "blocked"}


def imported(path: Path, *options: str) -> RunRecords:
    output = path.with_suffix(".jsonl")
    assert call("import", str(path), "--product", "reference", "--output", str(output), *options) == 0
    return read(output)


def test_smbtorture(need: Callable[[str], None], peer_folder: Path) -> None:
    need("smbtorture")
    with Served(peer_folder) as served:
        run = peer_smbtorture.run(served, "rw", peer_folder, TIMEOUT)
    path = peer_folder / "rw.txt"
    path.write_text(run.text, encoding="utf-8")
    found = imported(path, "--group", "smb2.rw")
    assert len(run.results) > 1
    assert {result.case: str(result.outcome) for result in found.results} == {
        f"smbtorture.smb2.rw.{one.name}": MEANT[one.outcome] for one in run.results
    }
    assert found.is_complete


def test_pike(need: Callable[[str], None], peer_folder: Path) -> None:
    need("pike")
    path = peer_folder / "pike.xml"
    with Served(peer_folder) as served:
        environment = {
            **os.environ, "PIKE_SERVER": served.hosts[0], "PIKE_PORT": str(served.port), "PIKE_SHARE": SHARE,
            "PIKE_SIGN": "no", "PIKE_CREDS": f"WORKGROUP\\{served.user}%{served.password}",
        }  # fmt: skip
        modules = ["pike.test.tree", "pike.test.multichannel"]
        command = [sys.executable, "-W", "ignore", str(peer_pike.LAUNCHER), str(served.port)]
        done = subprocess.run(
            [*command, f"--junitxml={path}", *modules], env=environment, capture_output=True, text=True,
            cwd=peer_folder, timeout=TIMEOUT, check=False,
        )  # fmt: skip
    assert path.is_file(), done.stdout + done.stderr
    found = imported(path)
    assert found.is_complete
    assert "junit.TreeTest.test_tree" in found.final
    assert {str(result.outcome) for result in found.results} == {"pass"}
    assert len(found.results) > len(modules)
