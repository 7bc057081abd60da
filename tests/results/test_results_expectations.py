"""Expectations: which versions, how it fails, and mistakes told with their line."""

from datetime import date

import pytest

from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.expectations import VersionRange, load_expectations, unused
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import ResultRecord
from smbtorture_py.results.verdict import exit_code, judge

TEXT = """\
product: samba
expectations:
  - case: bind.user
    versions: ">=4.13, <4.22"
    outcome: fail
    behaviour: samba
    actual: ACCESS_DENIED
    requirement: SMB2-3.3.5.5-19
    class: deviation
    reason: another status
    reference: source
  - case: bind.user/dialect=3.0
    outcome: [pass, timeout]
    actual: NO_ANSWER
    class: bug
    reason: now and then
    reference: bug 1
    expires: 2026-06-30
"""


def result(
    outcome=Outcome.FAIL, behaviour="samba", actual="ACCESS_DENIED", variant="dialect=3.1.1", lacking=()
):
    return ResultRecord(
        case="bind.user", variant=variant, outcome=outcome, verdict=Verdict.ERROR, behaviour=behaviour,
        actual=actual, requirement="SMB2-3.3.5.5-19", lacking=lacking,
    )  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "samba.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def load(path, version="4.17.12-Debian"):
    return load_expectations(path, "samba", version, "")


@pytest.mark.parametrize(
    ("bounds", "version", "holds"),
    [
        ("", "", True),
        (">=4.13", "", False),
        (">=4.13, <4.22", "4.17.12-Debian", True),
        (">=4.13, <4.22", "4.22.0", False),
        ("==4.17", "4.17.3", True),
        ("<=4.17", "4.17.9", True),
        (">4.17", "4.17.9", False),
        ("!=4.17", "4.18", True),
        (">=4.9", "4.13", True),
    ],
)
def test_version_ranges(bounds, version, holds):
    assert VersionRange.parse(bounds).holds(version) is holds


def test_the_entry_of_the_variant_wins_and_versions_are_respected(write):
    path = write(TEXT)
    found = load(path)
    assert found.find("bind.user", "dialect=3.1.1").behaviour == "samba"
    assert found.find("bind.user", "dialect=3.0").is_intermittent
    assert load(path, "4.22").find("bind.user", "dialect=3.1.1") is None
    assert found.where(found.find("bind.user", "dialect=3.1.1")).endswith("samba.yaml:3")


def test_verdicts(write):
    found = load(write(TEXT))
    known, flaky = found.find("bind.user", "x"), found.find("bind.user", "dialect=3.0")
    assert judge(result(), known) is Verdict.KNOWN
    assert judge(result(behaviour=None, actual="OTHER"), known) is Verdict.REGRESSION
    assert judge(result(Outcome.TIMEOUT), known) is Verdict.REGRESSION
    assert judge(result(Outcome.PASS), known) is Verdict.FIXED
    assert judge(result(Outcome.TIMEOUT, None, "NO_ANSWER"), flaky) is Verdict.FLAKY
    assert judge(result(), None) is Verdict.REGRESSION
    assert judge(result(Outcome.WARN), None) is Verdict.OK
    assert judge(result(Outcome.BLOCKED), None) is Verdict.REGRESSION
    assert judge(result(Outcome.BLOCKED, lacking=("a user",)), None) is Verdict.OK
    assert judge(result(Outcome.ERROR), None) is Verdict.ERROR


def test_an_intermittent_that_observes_came_out_well(write):
    found = load(write(TEXT))
    known, flaky = found.find("bind.user", "x"), found.find("bind.user", "dialect=3.0")
    assert judge(result(Outcome.OBSERVED, None, "SUCCESS"), flaky) is Verdict.FLAKY
    assert judge(result(Outcome.OBSERVED, None, "SUCCESS"), known) is Verdict.FIXED


def test_what_is_seen_may_be_one_of_several(write):
    known = load(write(TEXT.replace("actual: ACCESS_DENIED", "actual: [ACCESS_DENIED, NO_ANSWER]"))).find(
        "bind.user", "x"
    )
    assert judge(result(), known) is Verdict.KNOWN
    assert judge(result(actual="NO_ANSWER"), known) is Verdict.KNOWN
    assert judge(result(actual="SUCCESS"), known) is Verdict.REGRESSION


def test_problems_are_told_with_file_line_and_key(write):
    found = load(write(TEXT))
    problems = found.problems({("other.case", "")}, {"SMB2-1"}, date(2026, 7, 1))
    assert sorted((one.line, one.key.rpartition(".")[2]) for one in problems) == [
        (3, "case"), (8, "requirement"), (12, "case"), (18, "expires"),
    ]  # fmt: skip
    fine = {("bind.user", "dialect=3.0"), ("bind.user", "dialect=3.1.1")}
    assert not found.problems(fine, {"SMB2-3.3.5.5-19"}, date(2026, 1, 1))


def test_every_mistake_of_a_file_at_once(write):
    text = (
        TEXT.replace("class: bug", "class: bog")
        .replace(">=4.13, <4.22", "about 4")
        .replace("reason: now and then", "reasons: typo")
    )
    with pytest.raises(ConfigurationError) as caught:
        load(write(text))
    keys = {problem.key.rpartition(".")[2] for problem in caught.value.problems}
    assert keys == {"class", "versions", "reason", "reasons"}
    assert {problem.line for problem in caught.value.problems} >= {4, 15, 16}


def test_exit_codes():
    def code(*verdicts, interrupted=False, missing=0):
        return exit_code(verdicts, interrupted=interrupted, missing=missing)

    assert code(Verdict.OK, Verdict.KNOWN) is ExitCode.FINE
    assert code(Verdict.OK, Verdict.FIXED) is ExitCode.UNEXPECTED_PASSES
    assert code(Verdict.FIXED, Verdict.REGRESSION) is ExitCode.REGRESSIONS
    assert code(Verdict.REGRESSION, Verdict.ERROR) is ExitCode.HARNESS_ERROR
    assert code(Verdict.OK, missing=1) is ExitCode.INCOMPLETE
    assert code(Verdict.OK, interrupted=True) is ExitCode.INCOMPLETE
    assert code() is ExitCode.NOTHING_SELECTED


SCOPED = """\
product: samba
expectations:
  - {case: bind.user, outcome: fail, actual: A, class: bug, reason: r, reference: r}
  - {case: bind.user, configuration: [signing-required], outcome: fail, actual: B,
     class: bug, reason: r, reference: r}
  - {case: bind.user/dialect=3.0, outcome: fail, actual: C, class: bug, reason: r, reference: r}
  - {case: "bind.user/dialect=3.0,cipher=X", outcome: fail, actual: D, class: bug, reason: r, reference: r}
"""


@pytest.mark.parametrize(
    ("configuration", "variant", "actual"),
    [
        ("", "dialect=3.1.1", "A"),
        ("signing-required", "dialect=3.1.1", "B"),
        ("samba/signing-required", "dialect=3.1.1", "B"),
        ("", "dialect=3.0", "C"),
        ("", "dialect=3.0,cipher=Y", "C"),
        ("", "cipher=X,dialect=3.0", "D"),
    ],
)
def test_the_entry_that_says_most_counts(write, configuration, variant, actual):
    found = load_expectations(write(SCOPED), "samba", "4.17", configuration).find("bind.user", variant)
    assert found.actual == [actual]


SEVERAL = """\
product: samba
expectations:
  - case: [bind.user, bind.guest/dialect=3.0]
    outcome: blocked
    actual: ACCESS_DENIED
    class: bug
    reason: nothing can be bound
    reference: source
  - case: bind.guest/dialect=3.0,key=none
    outcome: fail
    actual: SUCCESS
    class: bug
    reason: served
    reference: source
"""


def test_one_entry_may_be_about_several_cases(write):
    found = load(write(SEVERAL))
    several, one = found.entries
    assert found.find("bind.user", "") is several
    assert found.find("bind.user", "dialect=3.0") is several
    assert found.find("bind.guest", "dialect=3.0") is several
    assert found.find("bind.guest", "dialect=3.0,key=none") is one
    assert found.find("bind.guest", "dialect=3.1.1") is None
    there = [("bind.user", ""), ("bind.guest", "dialect=3.0,key=none")]
    assert not found.problems(there, {"SMB2-3.3.5.5-19"}, date(2026, 1, 1))
    (problem,) = found.problems(
        [*there[:1], ("bind.guest", "dialect=3.1.1,key=none")], set(), date(2026, 1, 1)
    )[:1]
    assert (problem.line, problem.text) == (
        3,
        "there is no case 'bind.guest/dialect=3.0': the entry is never used",
    )


CONFIGURED = """\
product: samba
expectations:
  - {case: bind.user, outcome: fail, actual: NO_ANSWER, class: bug, reason: r, reference: s}
  - {case: bind.user, configuration: wet, outcome: fail, actual: DENIED, class: bug, reason: a, reference: b}
"""


@pytest.mark.parametrize(("configuration", "left"), [("wet", 0), ("", 0)])
def test_an_entry_that_another_configuration_needs_is_not_unused(write, configuration, left):
    found = load_expectations(write(CONFIGURED), "samba", "4.17", configuration)
    assert len(unused(found, [result()])) == left
    dead = load_expectations(
        write(CONFIGURED.replace("user, outcome", "user/dialect=3.0, outcome")), "samba", "4.17", ""
    )
    assert not unused(dead, [result()])


def test_an_entry_that_others_leave_nothing_is_unused(write):
    text = TEXT.replace("bind.user/dialect=3.0", "bind.user/dialect=3.1.1")
    found = load(write(text))
    assert [one.title for one in unused(found, [result()])] == ["bind.user"]
    assert not unused(found, [result(), result(variant="dialect=3.0")])
