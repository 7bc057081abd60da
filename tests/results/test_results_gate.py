"""Two runs are compared, and a run passes the gate or does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smbtorture_py.results.comparison import Change, by_case, compare
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.gate import Stop, judge_run
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.made_records import result, run

FAILED = result("a.one", Outcome.FAIL, behaviour="samba", actual="ACCESS_DENIED")


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (result("a.one"), FAILED, Change.NEWLY_FAILING),
        (FAILED, result("a.one"), Change.NEWLY_PASSING),
        (FAILED, result("a.one", Outcome.FAIL, behaviour=None), Change.CHANGED_BEHAVIOUR),
        (result("a.one"), result("a.one", behaviour="permitted"), Change.CHANGED_BEHAVIOUR),
        (result("a.one"), result("a.one", Outcome.NOT_APPLICABLE), Change.CHANGED_BEHAVIOUR),
        (result("a.one"), result("a.one", actual="another id"), None),
        (FAILED, FAILED, None),
    ],
)
def test_what_became_of_a_case(before, after, change):
    assert [one.change for one in compare(run([before]), run([after]))] == ([change] if change else [])


def test_what_came_and_what_went():
    found = compare(run([result("a.one")]), run([result("a.two")]))
    assert [(one.key, one.change) for one in found] == [
        ("a.two", Change.APPEARED),
        ("a.one", Change.VANISHED),
    ]


def test_a_change_inside_an_outcome_names_the_check():
    before = result("a.one")
    step = replace(before.observations[0], behaviour="permitted")
    (found,) = compare(run([before]), run([replace(before, observations=(step,))]))
    assert found.text == "pass SUCCESS, the answer: specification -> permitted"


def test_variants_that_say_the_same_are_told_once():
    told = by_case([("a.one/x=1", "fail"), ("a.one/x=2", "fail"), ("a.one/x=3", "crash")])
    assert told == ["a.one (2 variants): fail", "a.one/x=3: crash"]


@pytest.mark.parametrize(
    ("records", "code", "stops"),
    [
        (run([result("a.one")]), ExitCode.FINE, []),
        (run([FAILED]), ExitCode.REGRESSIONS, [Stop.REGRESSION]),
        (run([result("a.one")], plan=["a.two"]), ExitCode.INCOMPLETE, [Stop.MISSING]),
        (run([result("a.one")], complete=False), ExitCode.INCOMPLETE, []),
        (run([FAILED], complete=False), ExitCode.INCOMPLETE, [Stop.REGRESSION]),
        (
            run([result("a.one", Outcome.ERROR, verdict=Verdict.ERROR)]),
            ExitCode.HARNESS_ERROR,
            [Stop.ERROR],
        ),
        (run([result("a.one", verdict=Verdict.FIXED)]), ExitCode.UNEXPECTED_PASSES, [Stop.FIXED]),
        (run([]), ExitCode.NOTHING_SELECTED, []),
        (run([result("a.one")], problems=("an entry nobody used",)), ExitCode.USAGE, []),
    ],
)
def test_the_gate_by_itself(records, code, stops):
    gate = judge_run(records)
    assert gate.code is code
    assert [one.stop for one in gate.findings] == stops


def test_what_fails_in_the_baseline_in_the_same_way_is_known():
    gate = judge_run(run([FAILED]), run([FAILED]))
    assert (gate.code, gate.known) == (ExitCode.FINE, 1)


def test_what_fails_otherwise_than_in_the_baseline_is_a_regression():
    otherwise = result("a.one", Outcome.FAIL, behaviour=None, actual="INVALID_PARAMETER")
    gate = judge_run(run([otherwise]), run([FAILED]))
    assert gate.code is ExitCode.REGRESSIONS


def test_a_case_that_only_the_baseline_has_is_missing():
    gate = judge_run(run([result("a.one")]), run([result("a.one"), result("a.two")]))
    assert gate.code is ExitCode.INCOMPLETE
    assert [one.key for one in gate.findings] == ["a.two"]


def test_a_mixed_result_is_flaky():
    again = result("a.one", attempt=2, verdict=Verdict.FLAKY)
    gate = judge_run(run([FAILED, again]))
    assert (gate.code, [one.key for one in gate.flaky]) == (ExitCode.FINE, ["a.one"])
    gate = judge_run(run([result("a.one"), FAILED]))
    assert gate.code is ExitCode.FINE, "several outcomes, whatever the order, are flaky"
