"""The wheel in an empty environment and an empty folder: what somebody gets who never saw the checkout.

Builds and installs with pip, which fetches what the package depends on, as `make` does.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from smbtorture_py.results.records import read

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("smbtorture_py/targets/targets.yaml", "suites/expectations/samba.yaml", "suites/proofs.json")

pytestmark = pytest.mark.slow


def run(*command, cwd):
    """Run a command that sees nothing of this checkout and of this environment."""
    foreign = ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if name not in foreign}
    return subprocess.run(
        [str(one) for one in command], cwd=cwd, env=environment, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip


def done(*command, cwd):
    result = run(*command, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from what git knows or would add, so that leftovers of other builds stay out."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = listed.stdout.split("\0")[:-1] if listed.returncode == 0 else []
    paths = [ROOT / name for name in names] or [path for path in ROOT.rglob("*") if path.is_file()]
    for path in paths:
        if path.is_file():
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    done(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", built, source, cwd=built)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """The `bin` folder of a new environment with the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    made = run(sys.executable, "-m", "venv", folder, cwd=folder)
    if made.returncode != 0:
        done(sys.executable, "-m", "virtualenv", "-q", folder, cwd=folder)
    done(folder / "bin" / "python", "-m", "pip", "install", "-q", wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_has_all_data_and_nothing_else(wheel):
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names >= set(NEEDED)
    requirements = {path.name for path in (ROOT / "smbtorture_py/conformance/requirements").glob("*.json")}
    assert requirements
    assert {f"smbtorture_py/conformance/requirements/{name}" for name in requirements} <= names
    suites = {path.relative_to(ROOT).as_posix() for path in (ROOT / "suites").rglob("*.py")}
    assert suites <= names
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"smbtorture_py", "suites"}


def test_the_first_commands_of_somebody_new(environment, tmp_path):
    command = environment / "smbtorture-py"
    listed = json.loads(done(command, "list", "--json", cwd=tmp_path))
    assert len(listed) > 200
    assert "SMB2-3.3.5.5-11 [MUST] MS-SMB2 3.3.5.5" in done(command, "explain", "bind.unsigned", cwd=tmp_path)
    shown = done(command, "run", "reference", "-k", "negotiate and highest", "--seed", "1", cwd=tmp_path)
    records = tmp_path / "reports" / "latest" / "records.jsonl"
    assert f"records: {records}" in shown
    assert read(records).results
    assert read(records).is_complete
    assert json.loads(done(command, "coverage", "--json", cwd=tmp_path))["counts"]["requirements_covered"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {"reports"}


def test_a_red_case_and_the_way_to_its_evidence(environment, tmp_path):
    wrong = "reference+bind-unsigned-accepted"
    result = run(environment / "smbtorture-py", "run", wrong, "--case", "bind.unsigned", cwd=tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    (line, *_) = [line.split() for line in result.stdout.splitlines() if line.split()[:1] == ["evidence"]]
    assert (tmp_path / line[1] / "transcript.txt").is_file()


def test_pytest_finds_the_plugin_by_itself(environment, tmp_path):
    (tmp_path / "test_own.py").write_text(
        "from smbtorture_py.conformance.case import case\n"
        "from smbtorture_py.conformance.checks import check\n"
        "from smbtorture_py.wire.status import Status\n"
        '@case("own.echo", requirements=["SMB2-3.3.5.4-04"])\n'
        "def test_echo(lab):\n"
        '    """An ECHO is answered."""\n'
        "    check(lab.logon().echo(), specification=Status.SUCCESS)\n"
    )
    shown = done(environment / "python", "-m", "pytest", "-q", "--target", "reference", cwd=tmp_path)
    assert "1 passed" in shown
    assert "own" in shown
