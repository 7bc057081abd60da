"""Cases that take turns: one at a time where they share a server, whatever becomes of the one before."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from smbtorture_py import runs
from smbtorture_py.conformance.case import Turns, case, case_of
from smbtorture_py.conformance.checks import check
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.runs import Executor, RunOptions
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.turns import forget, turn
from smbtorture_py.wire.status import Status

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
PATIENCE = 60
ONE = "the one there is"
OTHER = "another thing"
NEXT = """
import signal
import sys
from pathlib import Path
from smbtorture_py.turns import turn

folder, over, patience = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
signal.alarm(patience)
print("waits", flush=True)
with turn(folder, over):
    print("alone" if (folder / "over").exists() else "beside", flush=True)
"""
"""Another process of the run: tells whether somebody who leaves a file `over` had come to an end; says
nothing where it waits in vain."""


def next_one(folder, over=ONE):
    """Start it, and return when it waits."""
    command = [sys.executable, "-c", NEXT, str(folder), over, str(PATIENCE)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "waits\n"
    return process


def comes_next(process):
    """Tell what the other process saw, once it had its turn."""
    with process:
        return process.stdout.read().strip()


def test_two_processes_take_turns(tmp_path):
    with turn(tmp_path, ONE):
        after = next_one(tmp_path)
        assert comes_next(next_one(tmp_path, OTHER)) == "beside"
        (tmp_path / "over").touch()
    assert comes_next(after) == "alone"
    forget(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["over"]


def test_a_turn_ends_with_an_exception(tmp_path):
    with pytest.raises(ZeroDivisionError), turn(tmp_path, ONE):
        (tmp_path / "over").touch()
        raise ZeroDivisionError
    assert comes_next(next_one(tmp_path)) == "alone"


class SharedBench:
    """The bundled server, as if all cases met the same one."""

    def __init__(self, is_shared=True):
        self._bench = reference_bench("reference", "specification", (), None, SEED)
        self.is_shared = is_shared

    def __getattr__(self, name):
        return getattr(self._bench, name)


@case(
    "own.turns",
    requirements=["SMB2-3.3.5.4-04"],
    variants={"way": ["quick", "raises", "spins", "apart"]},
    takes_turns=Turns(ONE, {"way": ["quick", "raises", "spins"]}),
)
def test_way(lab, way):
    """It ends in a way."""
    if way == "raises":
        raise ZeroDivisionError
    while way == "spins":
        pass
    check(lab.open_connection().negotiate(), specification=Status.SUCCESS)


OWN = case_of(test_way)
del test_way


def executor(folder, *, is_shared=True, limit=PATIENCE):
    options = RunOptions(target="own", seed=SEED, records=folder / "records.jsonl", case_limit=limit)
    return Executor(SharedBench(is_shared), options, "gw0")


@pytest.mark.parametrize(
    ("way", "outcome", "limit"),
    [("quick", Outcome.PASS, PATIENCE), ("raises", Outcome.ERROR, PATIENCE), ("spins", Outcome.ERROR, 0.5)],
)
def test_a_case_gives_its_turn_back_however_it_ends(tmp_path, way, outcome, limit):
    record = executor(tmp_path, limit=limit).run(OWN, OWN.variant(f"way={way}"))
    assert record.outcome is outcome, record.reason
    assert list(tmp_path.glob("turns-*")), "it took no turn"
    (tmp_path / "over").touch()
    assert comes_next(next_one(tmp_path)) == "alone"


def test_who_shares_nothing_takes_no_turn(tmp_path):
    executor(tmp_path).run(OWN, OWN.variant("way=apart"))
    executor(tmp_path, is_shared=False).run(OWN, OWN.variant("way=quick"))
    assert not list(tmp_path.glob("turns-*"))


def test_the_time_of_a_case_begins_with_its_turn(tmp_path, monkeypatch):
    events = []

    def told(name, manager):
        @contextmanager
        def wrapped(*arguments):
            with manager(*arguments):
                events.append(name)
                yield

        return wrapped

    monkeypatch.setattr(runs, "turn", told("turn", runs.turn))
    monkeypatch.setattr(runs, "at_most", told("limit", runs.at_most))
    executor(tmp_path).run(OWN, OWN.variant("way=quick"))
    assert events == ["turn", "limit"]


def test_a_further_attempt_on_a_shared_server_has_names_of_its_own(tmp_path):
    """The server may still hold what an earlier one left; one that is made anew for each attempt cannot."""
    case_, variant = OWN, OWN.variant("way=raises")
    for is_shared, seeds in ((True, [SEED, SEED + 1]), (False, [SEED, SEED])):
        runs_it = executor(tmp_path, is_shared=is_shared)
        told = [runs_it.run(case_, variant, attempt).reproduce for attempt in (1, 2)]
        assert told == [f"smbtorture-py run own --case own.turns/way=raises --seed {seed}" for seed in seeds]
