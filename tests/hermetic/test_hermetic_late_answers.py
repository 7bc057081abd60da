"""A server that answers READ late, with an interim response first, and channels that die in between."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from smbtorture_py.conformance.case import Variant
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.dispatch import HANDLERS, Handler
from smbtorture_py.server.handlers import read
from smbtorture_py.server.request import PENDING, Reply, Request
from smbtorture_py.server.request import Outcome as Answered
from smbtorture_py.server.server import Server
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status
from suites.failover import test_failover_requests
from suites.failover.ways import impatient

SEED = 20261122
LATE = 0.1
CASE = next(one for one in collect("suites.failover") if one.id == "failover.long-answer")


class LateReads:
    """What is to be read, and when."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[float], None]]] = []

    def next_deadline(self) -> float | None:
        return min((due for due, _ in self.waiting), default=None)

    def tick(self, now: float) -> None:
        due = [one for one in self.waiting if one[0] <= now]
        self.waiting = [one for one in self.waiting if one[0] > now]
        for _, answer in due:
            answer(now)


def read_late(server: Server, request: Request, now: float) -> Answered:
    """Promise to read, and do it a little later."""
    late = next((one for one in server.deadline_sources if isinstance(one, LateReads)), None)
    if late is None:
        late = LateReads()
        server.deadline_sources.append(late)

    def answer(at: float) -> None:
        reply = read.handle(server, request, at)
        assert isinstance(reply, Reply)
        request.complete(reply, at)

    outcome = request.pend(lambda at: request.complete(Reply(Status.CANCELLED), at))
    if outcome is PENDING:
        late.waiting.append((now + LATE, answer))
    return outcome


def long_answer(variant: Variant) -> CaseResult:
    bench = reference_bench("reference", "specification", (), None, SEED)
    with bench.place(SEED) as (world, target):
        return run_case(CASE, variant, world, target, SEED)


@pytest.fixture(autouse=True)
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HANDLERS, Command.READ, Handler(read_late))


@pytest.mark.parametrize("variant", CASE.variants, ids=lambda one: one.id)
def test_a_channel_that_dies_inside_a_late_answer_is_noticed(variant: Variant) -> None:
    result = long_answer(variant)
    assert result.outcome is Outcome.PASS, result.reason


def test_a_client_that_does_not_probe_waits_in_vain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_failover_requests, "impatient", partial(impatient, probes=False))
    result = long_answer(CASE.variant("fault=PLUG"))
    assert result.outcome is Outcome.TIMEOUT, result.reason
