"""Every hermetic case shows the same on the simulated network and on loopback TCP."""

from __future__ import annotations

import pytest

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import run_case
from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.targets.bench import ReferenceBench, reference_bench

CASES = collect()
SEED = 1
FINE = (Outcome.PASS, Outcome.OBSERVED, Outcome.WARN, Outcome.NOT_APPLICABLE)
LOOPBACK = ("127.0.0.1", "127.0.0.2")


@pytest.fixture(scope="module")
def benches() -> tuple[ReferenceBench, ReferenceBench]:
    return (
        reference_bench("reference", "specification", (), None, SEED),
        reference_bench("reference-tcp", "specification", (), LOOPBACK, SEED),
    )


def shown(bench: ReferenceBench, case: Case, variant: Variant) -> tuple[Outcome, tuple[Observation, ...]]:
    with bench.place(SEED) as (world, target):
        result = run_case(case, variant, world, target, SEED)
    return result.outcome, result.observations


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_both_worlds_show_the_same(case: Case, benches: tuple[ReferenceBench, ReferenceBench]) -> None:
    for variant in case.variants:
        simulated, tcp = (shown(bench, case, variant) for bench in benches)
        assert simulated == tcp, f"{case.full_id(variant)}: simulated first, then loopback TCP"
        assert simulated[0] in FINE
