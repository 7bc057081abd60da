"""Which cases a run is about, by options of pytest and of the command line, and in what order they start."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from smbtorture_py.conformance.case import Disturbance, Turns, case, case_of
from smbtorture_py.conformance.catalogue import Level, shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.results.records import read
from smbtorture_py.selection import Selection, SelectionError, Shard, parse_level, smoke, start_order

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = any(one.name == "smbtorture_py" for one in entry_points(group="pytest11"))
PLUGIN = [] if INSTALLED else ["-p", "smbtorture_py.plugin"]
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *PLUGIN]
COMMAND = [sys.executable, "-m", "smbtorture_py.cli", "run"]


@pytest.fixture(scope="module")
def planned():
    return [(one, variant) for one in collect() for variant in one.variants]


def run(folder, *command):
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_shards_part_everything_without_overlap(planned):
    parts = [Selection(shard=Shard.parse(f"{i}/3")).chosen(planned, shipped()) for i in (1, 2, 3)]
    assert set.union(*parts) == {one.full_id(variant) for one, variant in planned}
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "x", "1/", "-1/3"])
def test_what_is_no_shard(text):
    with pytest.raises(SelectionError):
        Shard.parse(text)


def test_area_level_and_requirement(planned):
    catalogue = shipped()
    by_key = {one.full_id(variant): one for one, variant in planned}
    found = Selection(areas=("bind",), levels=(parse_level("must"),)).chosen(planned, catalogue)
    assert found
    assert {by_key[key].area for key in found} == {"bind"}
    assert {catalogue[by_key[key].requirements[0]].level for key in found} == {Level.MUST}
    found = Selection(requirements=("SMB2-3.3.5.5-11",)).chosen(planned, catalogue)
    assert found
    assert all("SMB2-3.3.5.5-11" in by_key[key].requirements for key in found)
    for wrong in (Selection(areas=("nowhere",)), Selection(requirements=("SMB2-0-0",))):
        with pytest.raises(SelectionError):
            wrong.chosen(planned, catalogue)
    with pytest.raises(SelectionError):
        parse_level("perhaps")


def test_quick_leaves_out_what_is_slow_and_nothing_else(planned):
    chosen = Selection(profile="quick").chosen(planned, shipped())
    assert chosen == {case.full_id(variant) for case, variant in planned if not case.slow}
    assert len(chosen) < len(planned)


def test_smoke_is_small_and_harmless(planned):
    chosen = smoke(planned)
    assert 20 < len(chosen) < len(planned) / 3
    assert len({one.id for one, _ in chosen}) == len(chosen)
    assert not any(one.slow or one.disturbs for one, _ in chosen)


def test_slow_cases_start_first_disturbing_ones_last_and_turns_are_spread():
    def declared(name, **more):
        def function(lab):
            """It does nothing."""

        return case(name, requirements=["SMB2-3.3.5.4-04"], **more)(function)

    loud = declared("own.loud", disturbs=Disturbance.RESTART)
    slow = declared("own.slow", slow=True)
    plain = [declared(f"own.plain-{number}") for number in range(6)]
    first, second = (declared(f"own.turn-{number}", takes_turns=Turns("it")) for number in range(2))

    def found(function):
        one = case_of(function)
        return one, one.variants[0]

    order = start_order([loud, first, second, *plain, slow], found)
    assert order == [slow, *plain[:2], first, *plain[2:5], second, plain[5], loud]
    assert start_order([plain[0], None], lambda one: one and found(one)) == [plain[0], None]


SUITE = '''
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

@case("own.fine", requirements=["SMB2-3.3.5.4-04"], variants={"number": [1, 2, 3]})
def test_fine(lab, number):
    """It is fine."""
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

@case("own.wrong", requirements=["SMB2-3.3.5.4-04"])
def test_wrong(lab):
    """It is wrong."""
    check(lab.open_connection().negotiate(), specification=Status.ACCESS_DENIED)
'''


def test_only_what_failed(tmp_path):
    (tmp_path / "test_own.py").write_text(SUITE)
    first = run(tmp_path, *PYTEST, "--seed", "1", "--records", "first/records.jsonl")
    assert first.returncode == ExitCode.REGRESSIONS, first.stdout
    again = run(tmp_path, *PYTEST, "--seed", "1", "--failed-from", "first/records.jsonl")
    assert again.returncode == ExitCode.REGRESSIONS, again.stdout
    assert [one.key for one in read(tmp_path / "reports/latest/records.jsonl").cases] == ["own.wrong"]
    nothing = run(tmp_path, *PYTEST, "--failed-from", "nowhere.jsonl")
    assert nothing.returncode == ExitCode.USAGE, nothing.stdout
    assert "--failed-from: nowhere.jsonl" in nothing.stdout + nothing.stderr


SLOW = """
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

@case("own.quick", requirements=["SMB2-3.3.5.4-04"], variants={"number": list(range(40))})
def test_quick(lab, number):
    '''It is fine.'''
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)

@case("own.slow", requirements=["SMB2-3.3.5.4-04"], variants={"number": list(range(4))}, slow=True)
def test_slow(lab, number):
    '''It is fine.'''
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)
"""


def test_the_slow_ones_are_shared_out(tmp_path):
    (tmp_path / "test_own.py").write_text(SLOW)
    done = run(tmp_path, *PYTEST, "--target", "reference", "-n", "2")
    assert done.returncode == ExitCode.FINE, done.stdout + done.stderr
    found = read(tmp_path / "reports/latest/records.jsonl")
    slow = [one.worker for one in found.results if one.case == "own.slow"]
    assert sorted(slow) == ["gw0", "gw0", "gw1", "gw1"]
    assert len(found.results) == 44


SELECTIONS = [
    (["--case", "negotiate.highest-dialect"], ExitCode.FINE),
    (["--case", "no.such-case"], ExitCode.NOTHING_SELECTED),
    (["--area", "no-such-area"], ExitCode.USAGE),
    (["--area", "no-such-area", "-n", "2"], ExitCode.USAGE),
    (["--shard", "3/2"], ExitCode.USAGE),
]


@pytest.mark.parametrize(
    ("options", "code"), SELECTIONS, ids=[" ".join(options) for options, _ in SELECTIONS]
)
def test_pytest_and_the_command_line_agree(tmp_path, options, code):
    ways = {
        "bare": [*PYTEST, str(ROOT / "suites"), "--rootdir", str(ROOT)],
        "target": [*PYTEST, str(ROOT / "suites"), "--rootdir", str(ROOT), "--target", "reference"],
        "run": [*COMMAND, "reference"],
    }
    seen = {}
    for name, command in ways.items():
        records = tmp_path / name / "records.jsonl"
        done = run(tmp_path, *command, *options, "--seed", "1", "--records", str(records))
        assert done.returncode == code, f"{name}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        if code == ExitCode.FINE:
            found = read(records)
            seen[name] = [(one.key, one.outcome, one.observations) for one in found.results]
    assert all(one == next(iter(seen.values())) for one in seen.values())


def test_a_case_that_a_conftest_marks_goes_through_its_set_up(tmp_path):
    (tmp_path / "test_own.py").write_text('''
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.wire.status import Status

@case("own.greeting", requirements=["SMB2-3.3.5.4-04"], variants={"number": [1, 2]})
def test_greeting(lab, number):
    """It is answered."""
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)
''')
    (tmp_path / "conftest.py").write_text("""
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.key.endswith("=2"):
            item.add_marker(pytest.mark.skip(reason="not today"))
""")
    records = tmp_path / "records.jsonl"
    done = run(tmp_path, *COMMAND, "reference", "--suite", str(tmp_path), "--records", str(records))
    assert "1 passed, 1 skipped" in done.stdout, done.stdout + done.stderr
    assert [(one.key, one.outcome) for one in read(records).results] == [
        ("own.greeting/number=1", Outcome.PASS)
    ]
    assert done.returncode == ExitCode.INCOMPLETE
