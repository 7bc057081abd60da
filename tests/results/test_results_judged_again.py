"""A run judged again by expectations that were written since."""

from __future__ import annotations

import pytest

from smbtorture_py.record_files import read_records
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import load_expectations
from smbtorture_py.results.judged_again import judged_again
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.called_command import call
from tests.made_records import result, run, write

TEXT = """\
product: samba
expectations:
  - {case: bind.user, outcome: fail, actual: ACCESS_DENIED, class: bug, reason: r, reference: r}
"""
OF_ONE_VARIANT = (
    "  - {case: bind.user/x=1, outcome: fail, actual: ACCESS_DENIED, class: bug, reason: r, reference: r}\n"
)


def denied(key="bind.user"):
    return result(key, Outcome.FAIL, behaviour="samba", actual="ACCESS_DENIED")


@pytest.fixture
def expectations(tmp_path):
    def load(text=TEXT):
        path = tmp_path / "expectations" / "samba.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_expectations(path, "samba", "4.17.12", "")

    return load


def test_what_was_a_regression_is_known(expectations):
    found = judged_again(run([denied(), result("bind.other")]), expectations())
    assert [one.verdict for one in found.results] == [Verdict.KNOWN, Verdict.OK]
    assert found.results[0].expectation.endswith("expectations/samba.yaml:3")
    assert (found.results[0].outcome, found.end.exit_code) == (Outcome.FAIL, ExitCode.FINE)


def test_what_fails_otherwise_stays_a_regression(expectations):
    other = result("bind.user", Outcome.FAIL, behaviour="samba", actual="SUCCESS")
    found = judged_again(run([other]), expectations())
    assert found.results[0].verdict is Verdict.REGRESSION
    assert found.end.exit_code == ExitCode.REGRESSIONS


def test_what_passes_now_is_told(expectations):
    assert (
        judged_again(run([result("bind.user")]), expectations()).end.exit_code == ExitCode.UNEXPECTED_PASSES
    )


def test_an_entry_for_nothing_is_told_and_other_problems_stay(expectations):
    entries = expectations(TEXT + OF_ONE_VARIANT)
    stale = "suite/expectations/samba.yaml:9: the expectation of bind.gone is not used"
    found = judged_again(run([denied("bind.user/x=1")], problems=(stale,)), entries)
    assert [one.partition(": ")[2] for one in found.end.problems] == [
        "the expectation of bind.user is not used"
    ]
    assert found.end.exit_code == ExitCode.USAGE
    both = [denied("bind.user/x=1"), denied("bind.user/x=2")]
    assert judged_again(run(both, problems=(stale,)), entries).end.exit_code == ExitCode.FINE
    found = judged_again(run(both, problems=(stale, "the server went down")), entries)
    assert found.end.problems == ("the server went down",)
    assert found.end.exit_code == ExitCode.REGRESSIONS


def test_what_repetition_has_shown_stays(expectations):
    mixed = result("bind.third", Outcome.PASS, verdict=Verdict.FLAKY, attempt=2)
    assert judged_again(run([mixed]), expectations()).results[0].verdict is Verdict.FLAKY


def test_a_run_that_was_cut_off_stays_so(expectations):
    assert judged_again(run([denied()], plan=["bind.other"], complete=False), expectations()).end is None


def test_the_command(tmp_path, capsys, expectations):
    expectations()
    path = write(tmp_path / "before.jsonl", run([denied()]))
    after = tmp_path / "after" / "records.jsonl"
    file = str(tmp_path / "expectations" / "samba.yaml")
    assert call("expect", "judge", str(path), "--file", file, "--output", str(after)) == ExitCode.FINE
    assert read_records(after).final["bind.user"].verdict is Verdict.KNOWN
    cut = write(tmp_path / "cut.jsonl", run([denied()], complete=False))
    assert call("expect", "judge", str(cut), "--file", file, "--output", str(after)) == ExitCode.INCOMPLETE
    assert "did not come to its end" in capsys.readouterr().out
