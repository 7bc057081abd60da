"""The command line as a user meets it: output, exit codes, one clear line for what is wrong."""

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from smbtorture_py import cli
from smbtorture_py.conformance.collection import collect
from smbtorture_py.results.records import read
from smbtorture_py.server.defects import DEFECTS
from tests.called_command import call

MATRIX_CASES = ("interfaces.distinct-indices", "interfaces.reserved", "interfaces.family")
COMMAND = [sys.executable, "-m", "smbtorture_py.cli"]

SUITE = '''
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

@case("own.fine", requirements=["SMB2-3.3.5.4-04"])
def test_fine(lab):
    """It is fine."""
    check(lab.logon().channels[0].echo(), specification=Status.SUCCESS)

@case("own.wrong", requirements=["SMB2-3.3.5.4-04"], variants={"colour": ["red", "blue"]})
def test_wrong(lab, colour):
    """It is wrong."""
    check(lab.open_connection().negotiate(), specification=Status.ACCESS_DENIED)

def test_ordinary():
    pass
'''


def run(*arguments, cwd, environment=None, command=COMMAND):
    return subprocess.run(
        [*command, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": ROOT, **(environment or {})},
    )  # fmt: skip


ROOT = str(Path(__file__).resolve().parents[2])
INSTALLED = any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
PYTEST += [] if INSTALLED else ["-p", "smbtorture_py.plugin"]


def test_run_lists_and_records(tmp_path):
    done = run("run", "reference", "--seed", "5", "--case", "negotiate.highest-dialect", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    records = read(tmp_path / "reports" / "latest" / "records.jsonl")
    assert records.is_complete
    assert [case.key for case in records.cases] == ["negotiate.highest-dialect"]
    assert records.run.seed == 5
    assert (tmp_path / "reports/latest/junit.xml").is_file()
    assert "negotiate" in (tmp_path / "reports/latest/summary.md").read_text()


@pytest.mark.parametrize("parallel", [[], ["-n", "2"]], ids=["one", "xdist"])
def test_a_third_party_folder(tmp_path, parallel):
    (tmp_path / "test_own.py").write_text(SUITE)
    done = run("--seed", "1", *parallel, cwd=tmp_path, command=PYTEST)
    assert done.returncode == 1, done.stdout + done.stderr
    records = read(tmp_path / "reports/latest/records.jsonl")
    assert sorted(result.outcome for result in records.results) == ["fail", "fail", "pass"]
    assert records.end.exit_code == 1
    red = records.final["own.wrong/colour=red"]
    assert red.reproduce == "smbtorture-py run reference --case own.wrong/colour=red --seed 1 --suite ."
    evidence = tmp_path / "reports/latest" / red.evidence
    assert {path.name for path in evidence.iterdir()} >= {
        "transcript.txt",
        "trace.pcapng",
        "smb2_seskey_list",
    }
    assert "3 passed" not in done.stdout
    assert "2 failed, 2 passed" in done.stdout


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    (tmp_path / "test_own.py").write_text(SUITE)
    traces = []
    for hash_seed in ("0", "4711"):
        arguments = ["--seed", "9", "--records", f"{hash_seed}/records.jsonl"]
        run(*arguments, cwd=tmp_path, command=PYTEST, environment={"PYTHONHASHSEED": hash_seed})
        traces.append((tmp_path / hash_seed / "evidence/own.wrong_colour=red/trace.pcapng").read_bytes())
    assert traces[0] == traces[1]
    assert len(traces[0]) > 500


def test_nothing_vanishes_when_a_run_stops_early(tmp_path):
    (tmp_path / "test_own.py").write_text(SUITE)
    done = run("-x", cwd=tmp_path, command=PYTEST)
    assert done.returncode == 2, done.stdout
    assert read(tmp_path / "reports/latest/records.jsonl").missing


def test_ordinary_tests_are_left_alone(tmp_path):
    (tmp_path / "test_plain.py").write_text("def test_one():\n    pass\ndef test_two():\n    assert 0\n")
    done = run(cwd=tmp_path, command=PYTEST)
    assert done.returncode == 1
    assert not (tmp_path / "reports").exists()
    assert run("-k", "one", cwd=tmp_path, command=PYTEST).returncode == 0


def test_mistakes_of_the_user(tmp_path):
    unknown = run("run", "nowhere", cwd=tmp_path)
    assert unknown.returncode == 4
    assert "no target 'nowhere'" in unknown.stderr
    assert run("run", cwd=tmp_path).returncode == 4
    assert run("run", "reference", "--case", "no.such", cwd=tmp_path).returncode == 5
    (tmp_path / "targets.yaml").write_text(
        "targets:\n  nas:\n    kind: external\n    addresses: ['127.0.0.1:1']\n    product: x\n"
        "    user: {name: u, password_env: NO_SUCH_VARIABLE}\n"
    )
    missing = run("run", "nas", cwd=tmp_path)
    assert missing.returncode == 4
    assert (
        "targets.yaml:6: targets.nas.user.password_env: the environment variable NO_SUCH_VARIABLE is not set"
        in (missing.stderr + missing.stdout)
    )
    gone = run("run", "nas", cwd=tmp_path, environment={"NO_SUCH_VARIABLE": "x"})
    assert gone.returncode == 6
    for done in (unknown, missing, gone):
        assert "Traceback" not in done.stdout + done.stderr
    assert "127.0.0.1:1" in gone.stdout + gone.stderr


def test_documents_as_json(tmp_path):
    cases = json.loads(run("list", "--json", cwd=tmp_path).stdout)
    assert "negotiate.single-dialect" in {case["id"] for case in cases}
    defects = json.loads(run("defects", "--json", cwd=tmp_path).stdout)
    assert all(defect["breaks"] and defect["sentence"] and defect["origin"] for defect in defects)
    probed = json.loads(run("probe", "reference", "--json", cwd=tmp_path).stdout)
    assert "dialect-3.1.1" in probed["capabilities"]


def test_the_matrix_says_who_notices_what_and_what_never_fails(monkeypatch, capsys):
    wanted = ("interface-index-constant", "interface-reserved-set")
    monkeypatch.setattr(cli, "DEFECTS", {one: DEFECTS[one] for one in wanted})
    cases = [case for case in collect("suites.interfaces") if case.id in MATRIX_CASES]
    monkeypatch.setattr(cli, "_cases", lambda: cases)
    assert call("defects", "--matrix", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["noticed_by"] == {
        "interface-index-constant": ["interfaces.distinct-indices"],
        "interface-reserved-set": ["interfaces.reserved"],
    }
    assert document["never_failing"] == ["interfaces.family"]


def test_explain(tmp_path):
    told = run("explain", "negotiate.highest-dialect", cwd=tmp_path)
    assert "SMB2-3.3.5.4-04 [MUST]" in told.stdout
    assert run("explain", "no.such", cwd=tmp_path).returncode == 4


def test_serve_until_told_to_stop(tmp_path):
    server = subprocess.Popen(
        [*COMMAND, "serve", "--listen", "127.0.0.1:0", "--user", "joe", "--password-env", "JOE"],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ, "JOE": "x", "PYTHONPATH": ROOT},
    )  # fmt: skip
    line = server.stdout.readline()
    assert line.startswith("ready 127.0.0.1:")
    with socket.create_connection(("127.0.0.1", int(line.rpartition(":")[2])), timeout=5):
        pass
    server.send_signal(signal.SIGTERM)
    assert server.wait(20) == 0
    server.stdout.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--user", "joe"],
        ["--user", "joe", "--password-env", "NO_SUCH_VARIABLE"],
        ["--share", "x"],
        ["--share", "x=/no/such/folder"],
        ["--defect", "no-such-defect"],
        ["--listen", "nonsense"],
        ["--min-dialect", "3.1.1", "--max-dialect", "2.1"],
    ],
)
def test_serve_refuses(tmp_path, arguments):
    done = run("serve", *arguments, cwd=tmp_path)
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
