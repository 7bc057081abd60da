"""Every hermetic case shows the same on the simulated network and on loopback TCP, and says that it is slow
where it is.
"""

from __future__ import annotations

import re

import pytest

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.targets.bench import ReferenceBench, reference_bench

CASES = sorted(collect(), key=lambda case: not case.slow)
"""The slow ones first: over TCP they wait for minutes, and the others have their turn meanwhile."""
SEED = 1
FINE = (Outcome.PASS, Outcome.OBSERVED, Outcome.WARN, Outcome.NOT_APPLICABLE)
LOOPBACK = ("127.0.0.1", "127.0.0.2")
CHANNEL = re.compile(r"channel-\d+")
SLOW = 5.0
"""Seconds of the world's time from which on a case has to say that it is slow."""


@pytest.fixture(scope="module")
def benches() -> tuple[ReferenceBench, ReferenceBench]:
    return (
        reference_bench("reference", "specification", (), None, SEED),
        reference_bench("reference-tcp", "specification", (), LOOPBACK, SEED),
    )


def shown(bench: ReferenceBench, case: Case, variant: Variant) -> CaseResult:
    with bench.place(SEED) as (world, target):
        return run_case(case, variant, world, target, SEED)


def told(result: CaseResult) -> list[tuple[object, ...]]:
    """Return what the checks saw. Which connection a client that rebinds by itself uses, and how many it has
    by then, is a matter of time over TCP: numbers of channels are left out, and all that are alive count
    once.
    """
    seen = [
        (
            CHANNEL.sub("a channel", one.what),
            one.requirement,
            one.expected,
            one.actual,
            one.behaviour,
            one.outcome,
        )
        for one in result.observations
    ]
    alive = [one for one in seen if one[0].endswith("(still alive)")]
    return [one for one in seen if one not in alive] + list(dict.fromkeys(alive))


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_both_worlds_show_the_same(case: Case, benches: tuple[ReferenceBench, ReferenceBench]) -> None:
    for variant in case.variants:
        simulated, tcp = (shown(bench, case, variant) for bench in benches)
        assert (simulated.outcome, told(simulated)) == (tcp.outcome, told(tcp)), (
            f"{case.full_id(variant)}: simulated first, then loopback TCP"
        )
        assert simulated.outcome in FINE
        # On the simulated clock nothing takes time but what the case, or the server, waits for.
        assert case.slow or simulated.duration <= SLOW, (
            f"{case.full_id(variant)} waits for {simulated.duration:g} s and is not tagged as slow"
        )
