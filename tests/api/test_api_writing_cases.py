"""docs/writing-cases.md is followed word by word: files written, commands run, what is shown comes out."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "writing-cases.md"
FENCE = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"exit code (\d+)")


def follow(command: str, folder: Path) -> tuple[str, int]:
    program, *arguments = shlex.split(command)
    assert program == "smbtorture-py"
    done = subprocess.run(
        [sys.executable, "-m", "smbtorture_py.cli", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    )  # fmt: skip
    return done.stdout + done.stderr, done.returncode


def test_the_page_word_by_word(tmp_path):
    files, commands = [], 0
    for kind, name, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if name:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            files.append(name)
            continue
        assert kind == "console"
        command, *shown = text.splitlines()
        output, code = follow(command.removeprefix("$ "), tmp_path)
        commands += 1
        expected = [EXIT.fullmatch(line) for line in shown]
        assert code == next((int(found[1]) for found in expected if found), 0), output
        for line, is_code in zip(shown, expected, strict=True):
            assert is_code or line in output, f"{line!r} is not in\n{output}"
        for evidence in re.findall(r"^ *evidence +(\S+)$", output, re.MULTILINE):
            assert (tmp_path / evidence / "transcript.txt").is_file(), evidence
    assert (len(files), commands) == (4, 5)


def test_mistakes_of_a_catalogue_are_told_at_once(tmp_path):
    suite = tmp_path / "own"
    suite.mkdir()
    (suite / "catalogue.yaml").write_text(
        "title: Ours\n"
        "requirements:\n"
        "  - {id: OWN-1, level: MUST, condition: a, outcome: b}\n"
        "  - {id: OWN-1, level: MUST, condition: a, outcome: b}\n"
        "  - {id: SMB2-3.3.5.5-11, level: MUST, condition: a, outcome: b}\n"
    )
    output, code = follow("smbtorture-py run reference --suite own", tmp_path)
    assert code == 4
    assert "catalogue.yaml:4: requirements.1.id: there is a requirement 'OWN-1' already" in output
    assert "catalogue.yaml:5: requirements.2.id: there is a requirement 'SMB2-3.3.5.5-11' already" in output
    (suite / "catalogue.yaml").write_text("title: Ours\nrequirements: [{id: OWN-1, level: PERHAPS}]\n")
    output, code = follow("smbtorture-py run reference --suite own", tmp_path)
    assert code == 4
    assert "level" in output and "condition: is missing" in output and "outcome: is missing" in output


def test_a_catalogue_in_json_and_workers(tmp_path):
    suite = tmp_path / "own"
    suite.mkdir()
    requirement = {"id": "OWN-1", "level": "MUST", "condition": "a", "outcome": "b"}
    (suite / "catalogue.json").write_text(json.dumps({"title": "Ours", "requirements": [requirement]}))
    (suite / "test_own.py").write_text(
        "from smbtorture_py.conformance.case import case\n"
        "from smbtorture_py.conformance.checks import check\n"
        '@case("own.case", requirements=["OWN-1"], variants={"n": [1, 2]})\n'
        "def test_it(lab, n):\n"
        '    """It is one."""\n'
        '    check.that(lab, "the number", n, specification=1, two=2)\n'
        "    lab.connect()\n"
    )
    output, code = follow("smbtorture-py run reference --suite own -n 2 --seed 3", tmp_path)
    assert code == 1, output
    assert "reproduce    smbtorture-py run reference --case own.case/n=2 --seed 3 --suite own" in output
    output, code = follow("smbtorture-py run reference --case own.case/n=2 --seed 3 --suite own", tmp_path)
    assert code == 1, output
    assert "regression: fail" in output


def test_cases_of_a_folder_are_listed_and_explained(tmp_path):
    suite = tmp_path / "own"
    (suite / "deeper").mkdir(parents=True)
    (suite / "deeper" / "__init__.py").write_text("")
    (suite / "deeper" / "words.py").write_text('SENTENCE = "It is one."\n')
    (suite / "deeper" / "test_own.py").write_text(
        "from smbtorture_py.conformance.case import case\n"
        "from deeper.words import SENTENCE\n"
        '@case("own.case", requirements=["SMB2-3.3.5.5-11"], answers=["smbtorture:session.bind1"])\n'
        "def test_it(lab):\n"
        '    """It is one."""\n'
    )
    output, code = follow("smbtorture-py list --suite own --json", tmp_path)
    assert code == 0, output
    assert [case["id"] for case in json.loads(output)] == ["own.case"]
    output, code = follow("smbtorture-py explain own.case --suite own", tmp_path)
    assert code == 0, output
    assert "own.case: It is one." in output and "answers smbtorture:session.bind1: " in output
    output, code = follow("smbtorture-py explain bind.unsigned --suite own", tmp_path)
    assert (code, "there is no case 'bind.unsigned'" in output) == (4, True)
    (suite / "test_wrong.py").write_text("import no_such_module\n")
    output, code = follow("smbtorture-py list --suite own", tmp_path)
    assert code == 4, output
    assert "no_such_module" in output and "Traceback" not in output
