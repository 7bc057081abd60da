"""The same seed gives the same bytes, whatever order Python hashes in; another seed gives others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import suites
from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import run_case
from smbtorture_py.targets.bench import ReferenceBench, reference_bench

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
AREAS = sorted(folder.parent.name for folder in Path(suites.__path__[0]).glob("*/__init__.py"))
SEED = 20260114
CASES = collect()


def digests(area: str, seed: int, hash_seed: int) -> dict[str, str]:
    """Run an area in a process of its own; variant -> digest of all it shows."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(HERE / "hermetic_digests.py"), area, str(seed)],
        env=environment, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line.rsplit(" ", 2) for line in done.stdout.splitlines()]
    assert all(int(records) for _, _, records in lines), "a variant ran without any traffic"
    return {name: found for name, found, _ in lines}


@pytest.mark.parametrize("area", AREAS)
def test_the_same_seed_gives_the_same_bytes_under_any_hash_seed(area: str) -> None:
    first, second = digests(area, SEED, 0), digests(area, SEED, 4711)
    assert first
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first == second


def test_another_seed_gives_other_bytes() -> None:
    first, second = digests("interfaces", SEED, 0), digests("interfaces", SEED + 1, 0)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] == second[name]] == []


@pytest.fixture(scope="module")
def bench() -> ReferenceBench:
    return reference_bench("reference", "specification", (), None, SEED)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_a_case_does_not_know_whether_anybody_listens(case: Case, bench: ReferenceBench) -> None:
    """So that the traffic of a run nobody listened to can be had afterwards."""
    results = []
    for captures in (False, True):
        with bench.place(SEED) as (world, target):
            results.append(run_case(case, case.variants[0], world, target, SEED, captures=captures))
    unheard, heard = results
    assert (unheard.outcome, unheard.observations) == (heard.outcome, heard.observations)
    assert unheard.duration == heard.duration
    assert heard.capture and not unheard.capture
