"""Both worlds behind one fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from net_bench import Bench, make_bench


@pytest.fixture(params=["simulated", "real"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(kind: str) -> Iterator[Bench]:
    made = make_bench(kind)
    yield made
    made.world.close()
