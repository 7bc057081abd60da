"""The bundled server passes in every configuration that comes with it: a case says what it needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.results.verdict import NEUTRAL
from smbtorture_py.selection import smoke
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.targets.model import ReferenceModel, find_targets_file, select

TARGETS = find_targets_file(Path(__file__).resolve().parents[2])
CONFIGURATIONS = sorted(select("reference", TARGETS).model.variants)
SMOKE = smoke([(case, variant) for case in collect() for variant in case.variants])
SEED = 1


def is_fine(result: CaseResult) -> bool:
    return result.outcome in NEUTRAL or (result.outcome is Outcome.BLOCKED and bool(result.lacking))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_smoke_profile_passes_in_every_configuration(name: str) -> None:
    model = select(f"reference/{name}", TARGETS).model
    assert isinstance(model, ReferenceModel)
    bench = reference_bench("reference", "specification", (), None, SEED, model.settings, name)
    results = []
    for case, variant in SMOKE:
        with bench.place(SEED) as (world, target):
            results.append(run_case(case, variant, world, target, SEED))
    assert [f"{one.full_id}: {one.reason}" for one in results if not is_fine(one)] == []
    assert any(one.outcome is Outcome.PASS for one in results)
