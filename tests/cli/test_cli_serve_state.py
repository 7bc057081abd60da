"""`serve --state`: persistent handles outlive a server that was killed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smbtorture_py.api import lab_at
from smbtorture_py.conformance.lab.handle_contexts import RWH, durable_v2, lease, reconnect_v2
from smbtorture_py.wire.status import Status

ROOT = str(Path(__file__).parents[2])
PASSWORD = "of the test"
GUID = bytes(range(1, 17))
KEY = bytes(range(2, 18))


def serve(folder: Path, state: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a server; its process and address."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "smbtorture_py.cli", "serve", "--listen", "127.0.0.1:0"),
            *("--user", "joe", "--password-env", "JOE", "--state", str(state)),
            *("--share", f"data={folder},continuously-available"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "JOE": PASSWORD, "PYTHONPATH": ROOT},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"127\.0\.0\.1:[0-9]+", line)
    assert found is not None, line
    return process, found[0]


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(20)
    assert process.stdout is not None
    process.stdout.close()


def test_a_persistent_handle_outlives_a_killed_server(tmp_path):
    folder, state = tmp_path / "data", tmp_path / "state"
    folder.mkdir()
    process, address = serve(folder, state)
    try:
        lab = lab_at(address, user="joe", password=PASSWORD, shares="data", seed=1)
        contexts = [durable_v2(GUID, persistent=True), lease(KEY, RWH)]
        file = lab.logon().tree().open("kept", contexts=contexts)
        assert file.is_persistent
        assert file.write(b"before").actual is Status.SUCCESS
        assert file.lock(0, 3).actual is Status.SUCCESS
    finally:
        end(process)
    assert len(list(state.iterdir())) == 1
    process, address = serve(folder, state)
    try:
        with lab_at(address, user="joe", password=PASSWORD, shares="data", seed=2) as lab:
            tree = lab.logon().tree()
            assert tree.create("kept").actual is Status.FILE_NOT_AVAILABLE
        with lab_at(address, user="joe", password=PASSWORD, shares="data", seed=1) as lab:
            contexts = [reconnect_v2(file.file_id, GUID, persistent=True), lease(KEY, RWH)]
            again = lab.logon().tree().open("kept", contexts=contexts)
            assert again.lease_state == RWH
            assert again.read(length=6).data == b"before"
            assert again.unlock(0, 3).actual is Status.SUCCESS
            assert again.close().actual is Status.SUCCESS
        assert not list(state.iterdir())
    finally:
        end(process)


def test_a_record_that_is_none_is_named(tmp_path):
    (tmp_path / "0000000000000001.json").write_text("{}")
    done = subprocess.run(
        [sys.executable, "-m", "smbtorture_py.cli", "serve", "--listen", "127.0.0.1:0", "--state", tmp_path],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ROOT},
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "0000000000000001.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["x=memory,available", "x=memory,continuously-available,y"])
def test_unknown_flags_of_a_share(tmp_path, text):
    done = subprocess.run(
        [sys.executable, "-m", "smbtorture_py.cli", "serve", "--share", text],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ROOT}, timeout=60, check=False,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 4
