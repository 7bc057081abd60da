"""Evidence: what is not fine has it, and where a case can be repeated nothing else pays for it."""

import pytest

from smbtorture_py import runs
from smbtorture_py.conformance.case import case, case_of
from smbtorture_py.conformance.checks import check
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.runs import Executor, RunOptions
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.wire.status import Status

SEED = 5
ATTEMPTS = []


@case(
    "own.ends",
    requirements=["SMB2-3.3.5.4-04"],
    variants={"way": ["passes", "fails", "fails-once"]},
)
def test_way(lab, way):
    """It ends in a way."""
    ATTEMPTS.append(way)
    answer = lab.open_connection().negotiate()
    fails = way == "fails" or (way == "fails-once" and len(ATTEMPTS) == 1)
    check(answer, specification=Status.ACCESS_DENIED if fails else Status.SUCCESS)


OWN = case_of(test_way)
del test_way


@pytest.fixture
def listened(monkeypatch):
    """Whether anybody listened to the traffic, for each time a case ran."""
    ATTEMPTS.clear()
    seen = []

    def told(*arguments, captures, **options):
        seen.append(captures)
        return run_case(*arguments, captures=captures, **options)

    run_case = runs.run_case
    monkeypatch.setattr(runs, "run_case", told)
    return seen


def ran(folder, way, hosts=None):
    bench = reference_bench("reference", "specification", (), hosts, SEED)
    options = RunOptions(target="own", seed=SEED, records=folder / "records.jsonl")
    return Executor(bench, options).run(OWN, OWN.variant(f"way={way}"))


def test_what_passes_is_run_once_and_nobody_listens(tmp_path, listened):
    record = ran(tmp_path, "passes")
    assert (record.outcome, record.evidence, listened) == (Outcome.PASS, "", [False])


def test_what_fails_is_repeated_for_its_evidence(tmp_path, listened):
    record = ran(tmp_path, "fails")
    assert (record.outcome, listened) == (Outcome.FAIL, [False, True])
    assert (tmp_path / record.evidence / "transcript.txt").read_text().count("NEGOTIATE")


def test_what_fails_only_once_fails_without_evidence(tmp_path, listened):
    """A case that does not go by its seed alone."""
    record = ran(tmp_path, "fails-once")
    assert (record.outcome, record.evidence, listened) == (Outcome.FAIL, "", [False, True])
    assert "pass when it was repeated" in record.reason


def test_over_tcp_somebody_always_listens(tmp_path, listened):
    record = ran(tmp_path, "fails-once", ("127.0.0.1",))
    assert (record.outcome, listened) == (Outcome.FAIL, [True])
    assert (tmp_path / record.evidence / "transcript.txt").exists()
