"""docs/ci.md is followed, from an empty folder to an open gate."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "ci.md"
COMMAND = [sys.executable, "-m", "smbtorture_py.cli"]
FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PATIENCE = 300
NARROWED = ("--area", "interfaces")
"""What the runs of the page are narrowed to here: the page has two of them."""


@pytest.fixture
def server():
    """The bundled server on two loopback addresses; its port."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NAS_PASSWORD": "sesame"}
    listen = [word for host in ("127.0.0.1", "127.0.0.2") for word in ("--listen", f"{host}:{port}")]
    options = ["--user", "tester", "--password-env", "NAS_PASSWORD", "--share", "share=memory"]
    process = subprocess.Popen(
        [*COMMAND, "serve", *listen, *options], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("ready")
    yield port, environment
    process.terminate()
    process.wait(10)


def test_the_page(tmp_path, server):
    port, environment = server
    followed = []
    for text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        line, *shown = text.splitlines()
        for number in (1, 2):
            line = line.replace(f"192.0.2.{9 + number}", f"127.0.0.{number}:{port}")
        program, *arguments = shlex.split(line.removeprefix("$ "))
        assert program == "smbtorture-py"
        if arguments[0] == "run":
            arguments += NARROWED
        done = subprocess.run(
            [*COMMAND, *arguments], cwd=tmp_path, env={**environment, "COLUMNS": "200"},
            capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        output = done.stdout + done.stderr
        for wanted in shown:
            assert wanted in output, f"{wanted!r} is not in\n{output}"
        is_first = arguments[:2] == ["run", "nas"] and "--gate" not in arguments
        assert done.returncode == 0 or is_first, output
        followed.append(arguments[0])
    assert followed == ["init", "probe", "run", "report", "run", "gate", "compare"]
    for left in ("gate.md", "badge.svg", "junit.xml", "summary.md"):
        assert (tmp_path / "reports" / "latest" / left).is_file()
    held = [path for path in (tmp_path / "reports").rglob("*") if path.is_file() and path.suffix != ".pcapng"]
    assert held and not any("sesame" in path.read_text(errors="replace") for path in held)


def test_everything_the_page_calls_is_there():
    text = PAGE.read_text(encoding="utf-8")
    for command, *options in (
        ("run", "--gate", "--baseline", "--redact", "--profile", "--records"),
        ("expect update", "--file", "--reason", "--reference"),
        ("report", "--previous", "--output"),
        ("import", "--group", "--product", "--output"),
        ("gate", "--baseline"),
    ):
        done = subprocess.run(
            [*COMMAND, *command.split(), "--help"], env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=PATIENCE, check=True,
        )  # fmt: skip
        for option in options:
            assert option in done.stdout and option in text
