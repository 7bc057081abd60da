"""What a gated run leaves for people and machines."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from smbtorture_py.record_files import leave
from smbtorture_py.report.badge import badge
from smbtorture_py.report.github_actions import MOST, annotation_commands
from smbtorture_py.report.pull_request import SHOWN, pull_request_markdown
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.gate import judge_run
from smbtorture_py.results.located_yaml import ConfigurationError
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.called_command import call
from tests.made_records import result, run, write

FAILED = result("a.one/x=1", Outcome.FAIL, behaviour=None, actual="ACCESS_DENIED")


def test_the_summary_names_what_is_wrong_and_how_to_see_it_again():
    gate = judge_run(run([FAILED, result("b.two")], plan=["c.three"]), run([result("a.one/x=1")]))
    text = pull_request_markdown(gate)
    assert "incomplete" in text.splitlines()[0]
    for part in (
        "`a.one/x=1`: fail ACCESS_DENIED (SMB2-3.3.5.5-11)", "smbtorture-py run server --case a.one/x=1",
        "`c.three`: no result", "newly failing", "| b | 1 |",
    ):  # fmt: skip
        assert part in text, text


def test_a_long_list_is_counted_and_not_shown_whole():
    many = [result(f"a.case-{number}", Outcome.FAIL) for number in range(SHOWN + 7)]
    text = pull_request_markdown(judge_run(run(many)))
    assert "and 7 more" in text
    assert f"a.case-{SHOWN}`" not in text


def test_flaky_results_are_listed_and_let_through():
    again = result("a.one/x=1", attempt=2, verdict=Verdict.FLAKY)
    text = pull_request_markdown(judge_run(run([FAILED, again])))
    assert "### Flaky (1)" in text and "passed" in text.splitlines()[0]


@pytest.mark.parametrize(
    ("results", "words"), [([result("a.one")], "1 of 1 pass"), ([FAILED], "0 of 1 pass, regressions")]
)
def test_the_badge_says_it_in_a_few_words(results, words):
    drawn = ElementTree.fromstring(badge(judge_run(run(results))))
    assert words in (drawn.get("aria-label") or "")
    assert float(drawn.get("width") or 0) > 100


def test_annotations_keep_lines_and_colons_apart():
    lines = list(annotation_commands(judge_run(run([FAILED]))))
    assert len(lines) == 1 and "\n" not in lines[0]
    assert lines[0].startswith("::error title=a.one/x=1%3A regression::fail ACCESS_DENIED%0A")


def test_annotations_that_would_be_dropped_are_counted():
    many = [result(f"a.case-{number}", Outcome.FAIL) for number in range(MOST + 3)]
    lines = list(annotation_commands(judge_run(run(many))))
    assert len(lines) == MOST + 1 and "3 more" in lines[-1]


def test_a_job_of_github_actions_gets_its_summary(tmp_path):
    said: list[str] = []
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    leave(judge_run(run([FAILED])), tmp_path / "out", environment, said.append)
    assert summary.read_text().startswith("before\n##")
    assert (tmp_path / "out" / "gate.md").is_file() and (tmp_path / "out" / "badge.svg").is_file()
    assert said[0].startswith("::error") and said[-1].startswith("gate: regressions")


def test_elsewhere_nothing_is_annotated(tmp_path):
    said: list[str] = []
    leave(judge_run(run([FAILED])), tmp_path, {}, said.append)
    assert said == ["gate: regressions: 0 pass, 1 fail"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file"):
        leave(judge_run(run([])), tmp_path / "file", {}, print)


def test_gate_and_compare_as_commands(tmp_path, capsys):
    good = write(tmp_path / "good.jsonl", run([result("a.one/x=1")]))
    bad = write(tmp_path / "bad.jsonl", run([FAILED]))
    cut = write(tmp_path / "cut.jsonl", run([result("a.one/x=1")], complete=False))
    assert call("gate", str(good)) == ExitCode.FINE
    assert call("gate", str(bad)) == ExitCode.REGRESSIONS
    assert call("gate", str(bad), "--baseline", str(bad)) == ExitCode.FINE
    assert call("gate", str(cut)) == ExitCode.INCOMPLETE
    assert call("compare", str(good), str(bad)) == ExitCode.REGRESSIONS
    assert "newly failing (1)\n  a.one/x=1: pass SUCCESS -> fail ACCESS_DENIED" in capsys.readouterr().out
    assert call("compare", str(bad), str(good)) == ExitCode.FINE
    assert call("compare", str(bad), str(bad)) == ExitCode.FINE


@pytest.mark.parametrize("text", ["", "nonsense\n", '{"record":"end"}\n', "\xff"])
def test_records_that_are_none_are_refused_in_one_line(tmp_path, capsys, text):
    path = tmp_path / "records.jsonl"
    path.write_text(text, encoding="latin-1")
    for command in (["gate", str(path)], ["compare", str(path), str(path)]):
        assert call(*command) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert said.startswith("error: ") and str(path) in said and said.count("\n") == 1
