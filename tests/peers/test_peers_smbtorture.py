"""smbtorture against the server: as good as smbd in every suite, and every non-pass explained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import peer_smbtorture
import peer_triage
import pytest
from peer_baseline import SUITES
from peer_records import PeerRecord, Recorder
from peer_server import Served

TIMEOUT = 400


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(suite, marks=pytest.mark.full if baseline.is_long else ())
        for suite, baseline in SUITES.items()
    ],
)
def test_suite_is_at_least_as_good_as_smbd(
    suite: str, need: Callable[[str], None], recorder: Recorder, peer_folder: Path
) -> None:
    need("smbtorture")
    baseline = SUITES[suite]
    if peer_smbtorture.release() < baseline.since:
        pytest.skip(f"smbtorture {peer_smbtorture.version()} does not have it")
    with Served(peer_folder, options=("--smbtorture-controls",)) as served:
        run = peer_smbtorture.run(served, suite, peer_folder, TIMEOUT)
    recorder.keep(f"smbtorture.{suite}.txt", run.text)
    for result in run.results:
        recorder.add(
            PeerRecord(
                peer="smbtorture", version=peer_smbtorture.version(), policy=served.policy, area=suite,
                name=result.name, outcome=result.outcome, reason=result.reason, seconds=result.seconds,
            )
        )  # fmt: skip
    found = peer_triage.problems("smbtorture", suite, run.results)
    assert not found, "\n".join(found)
    assert run.count("pass") >= baseline.passes
    assert run.count("skip") <= baseline.skips
