"""Exactly those variants take turns over a ClientGuid of zero that log on, or negotiate, with it."""

from __future__ import annotations

import pytest

from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import run_case
from smbtorture_py.net.taps import LENGTH_BYTES, CapturedFrame, CaptureRecord, Flow
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.targets.bench import Bench, reference_bench
from smbtorture_py.wire.header import PROTOCOL_ID
from smbtorture_py.wire.message import Direction, decode_chain
from smbtorture_py.wire.negotiate import Dialect, NegotiateRequest
from suites.clientguid.guids import USES_ZERO, ZERO

SEED = 20261122
CASES = collect("suites.clientguid")
CASES += [one for one in collect("suites.negotiate") if "client-guid" in one.id]


@pytest.fixture(scope="module")
def bench() -> Bench:
    return reference_bench("reference", "specification", (), None, SEED)


def says_zero(record: CaptureRecord) -> bool:
    """Tell whether a frame of ours is a NEGOTIATE with a ClientGuid of zero; in 2.0.2 there is none."""
    if not isinstance(record, CapturedFrame) or record.flow is not Flow.SENT:
        return False
    payload = record.data[LENGTH_BYTES:]
    if not payload.startswith(PROTOCOL_ID):
        return False
    return any(
        isinstance(one.body, NegotiateRequest)
        and one.body.client_guid == ZERO
        and max(one.body.dialects, default=0) >= Dialect.SMB_2_1
        for one in decode_chain(payload, Direction.REQUEST, [])
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_who_has_a_client_guid_of_zero_takes_turns(case: Case, bench: Bench) -> None:
    for variant in case.variants:
        with bench.place(SEED) as (world, target):
            result = run_case(case, variant, world, target, SEED)
        if result.outcome is Outcome.NOT_APPLICABLE:
            continue
        has_zero = any(map(says_zero, result.capture))
        assert (case.turns_over(variant) == USES_ZERO.over) is has_zero, (
            case.full_id(variant),
            result.outcome,
        )
