"""docs/api.md is a session at a Python prompt, typed in as it stands; and labs without a targets.yaml."""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smbtorture_py.api import CheckFailed, PromptLab, Status, Unreachable, check, lab_at, open_lab
from smbtorture_py.wire.create import CreateDisposition

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_the_page_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    session = doctest.DocTestParser().get_doctest(text, {}, "api.md", str(PAGE), 0)
    assert len(session.examples) > 25
    told = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    found = runner.run(session, out=told.append)
    assert not found.failed, "".join(told)
    assert {path.name for path in (tmp_path / "evidence").iterdir()} >= {"transcript.txt", "trace.pcapng"}


@pytest.fixture
def server():
    """The address of a server in a process of its own."""
    environment = {**os.environ, "SMB_PASSWORD": "secret of the test"}
    command = [sys.executable, "-m", "smbtorture_py.cli", "serve", "--listen", "127.0.0.1:0"]
    command += ["--user", "alice", "--password-env", "SMB_PASSWORD", "--share", "data=memory"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready"), line
        yield re.search(r"127\.0\.0\.1:[0-9]+", line)[0]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_a_lab_without_a_targets_file(server):
    with lab_at(server, user="alice", password="secret of the test", shares="data", seed=4) as lab:
        session = lab.logon()
        session.add_channel()
        file = session.tree().open()
        path = file.core.file_name
        assert file.write(b"hello", on=session.channels[1]).actual is Status.SUCCESS
        assert file.read().data == b"hello"
        assert "secret" not in repr(lab.target) + lab.transcript()
    with lab_at(server, user="alice", password="secret of the test", shares="data") as lab:
        opened = lab.logon().tree().create(path, create_disposition=CreateDisposition.OPEN)
        assert opened.actual is Status.OBJECT_NAME_NOT_FOUND, "closing removes what was made"


def test_a_check_without_a_requirement_is_a_must():
    with open_lab(seed=1) as lab:
        assert isinstance(lab, PromptLab)
        answer = lab.logon().echo()
        check(answer, specification=Status.SUCCESS)
        with pytest.raises(CheckFailed, match="PROMPT"):
            check(answer, windows=Status.SUCCESS)


def test_nobody_there():
    with lab_at("127.0.0.1:1", user="u", password="p") as lab, pytest.raises(Unreachable):
        lab.connect()
    with pytest.raises(ValueError, match="address"):
        lab_at(user="u", password="p")
