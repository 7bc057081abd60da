"""The compatibility report: what is in it, and that nothing from a server gets out of its cell."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from smbtorture_py.report.compatibility.capabilities import table
from smbtorture_py.report.compatibility.disagreements import disagreements, disagreements_markdown
from smbtorture_py.report.compatibility.matrix import Rule, build, sort_sections
from smbtorture_py.report.compatibility.page import MEANINGS, SIGNS, compatibility_page
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Outcome, Verdict
from tests.called_command import call
from tests.made_records import result, run, write

RULES = {
    "SMB2-3.3.5.5-11": Rule(
        "3.3.5.5", "MUST", "A bind is not signed.", "It is refused.", {"windows": "It is refused later."}
    )
}
SAMBA = run(
    [
        result("bind.unsigned/dialect=3.0"),
        result("bind.unsigned/dialect=3.1.1", Outcome.FAIL, behaviour="samba", actual="SUCCESS"),
        result("tree.other", Outcome.FAIL, behaviour=None, actual="<script>alert(1)</script>"),
    ]
)
REFERENCE = run(
    [result("bind.unsigned/dialect=3.0"), result("bind.unsigned/dialect=3.1.1"), result("tree.other")],
    target="reference", product="reference", version="0.1.0",
)  # fmt: skip


def matrix(*runs, previous=()):
    return build(runs, previous=previous, rules=RULES, evidence=lambda _, one: f"traffic of {one.key}")


def details(page: str):
    packed = re.search(r'id="details">([^<]*)<', page)
    assert packed is not None
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


class Text(HTMLParser):
    """Collects tags, and fails on anything that would be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            assert name not in ("src", "srcset", "onclick"), (tag, name, value)
            assert name != "href" or value.startswith("#"), (tag, value)


def test_variants_that_came_to_the_same_are_one_group():
    found = matrix(SAMBA, REFERENCE)
    cell, other = found.rows[0].cells
    assert (cell.outcome, cell.worst, cell.total, cell.behaviours) == (Outcome.FAIL, 1, 2, ["samba"])
    assert (other.outcome, len(other.groups), other.behaviours) == (Outcome.PASS, 1, [])
    assert found.rows[0].differs and found.rows[0].section == "3.3.5.5"
    assert cell.groups[1].evidence == "traffic of bind.unsigned/dialect=3.1.1"
    assert not cell.groups[0].evidence, "a pass needs no evidence"


def test_runs_of_one_product_are_told_apart_by_target():
    other = run([result("a.one")], target="reference@samba", product="reference", version="0.1.0")
    assert [one.label for one in matrix(REFERENCE, other, SAMBA).columns] == [
        "reference 0.1.0 (reference)", "reference 0.1.0 (reference@samba)", "samba 4.17.12",
    ]  # fmt: skip


def test_what_was_cut_off_is_missing_and_what_was_never_planned_absent():
    cut = run([result("a.one")], plan=["a.two"], complete=False)
    page = compatibility_page(matrix(cut, REFERENCE))
    assert 'data-outcome="missing" data-missing="1"' in page
    assert 'data-outcome="absent"' in page
    assert "no: 1 without a result" in page


def test_what_changed_is_marked_and_listed():
    before = run([result("bind.unsigned/dialect=3.0"), result("bind.unsigned/dialect=3.1.1")])
    page = compatibility_page(matrix(SAMBA, REFERENCE, previous=[before]))
    assert "bind.unsigned/dialect=3.1.1: newly failing: pass SUCCESS -&gt; fail [samba] SUCCESS" in page
    assert "tree.other: appeared" in page
    assert page.count(' changed"') == 2
    assert "What changed" not in compatibility_page(matrix(SAMBA))


def test_the_page_is_one_file_and_text_of_a_server_stays_text():
    page = compatibility_page(matrix(SAMBA, REFERENCE), "A <title>")
    parser = Text()
    parser.feed(page)
    assert parser.tags.count("script") == 2 and "link" not in parser.tags and "img" not in parser.tags
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert "A &lt;title&gt;" in page
    assert "http://" not in page and "https://" not in page


def test_every_cell_has_its_details():
    found = details(compatibility_page(matrix(SAMBA, REFERENCE)))
    assert found["columns"] == ["samba 4.17.12", "reference 0.1.0"]
    samba, reference = found["rows"]["bind.unsigned"]["cells"]
    assert [one["variants"] for one in samba] == [["dialect=3.0"], ["dialect=3.1.1"]]
    assert samba[1]["evidence"] == "traffic of bind.unsigned/dialect=3.1.1"
    assert samba[1]["reproduce"].startswith("smbtorture-py run")
    assert reference[0]["variants"] == ["dialect=3.0", "dialect=3.1.1"]
    assert found["rules"]["SMB2-3.3.5.5-11"]["outcome"] == "It is refused."


def test_the_same_records_make_the_same_bytes():
    assert compatibility_page(matrix(SAMBA)) == compatibility_page(matrix(SAMBA))


def test_nothing_is_said_by_colour_alone():
    assert set(SIGNS) == set(MEANINGS) and len(set(SIGNS.values())) == len(SIGNS)
    assert {str(one) for one in Outcome} <= set(SIGNS)


def test_capabilities_side_by_side():
    lines = {
        line.name: line.values for group in table(matrix(SAMBA, REFERENCE).columns).values() for line in group
    }
    assert lines["leasing"] == ("yes", "yes")


def test_disagreements_have_the_text_the_notes_and_each_server():
    (one, other) = disagreements(matrix(SAMBA, REFERENCE))
    assert one.shown == ("samba (SUCCESS)", "as MS-SMB2 says")
    assert other.shown == ("fail: <script>alert(1)</script>", "as MS-SMB2 says")
    text = disagreements_markdown(matrix(SAMBA, REFERENCE))
    assert "| MUST: It is refused. | It is refused later. | samba (SUCCESS) | as MS-SMB2 says |" in text
    assert disagreements(matrix(REFERENCE)) == []


def test_sections_are_in_the_order_of_the_document():
    assert sort_sections(["3.3.5.10", "", "3.3.5.9", "2.2"]) == ["2.2", "3.3.5.9", "3.3.5.10", ""]


def test_the_command_takes_evidence_in_and_nothing_from_outside(tmp_path):
    secret = tmp_path / "transcript.txt"
    secret.write_text("not yours")
    folder = tmp_path / "run"
    evidence = folder / "evidence" / "a.one"
    evidence.mkdir(parents=True)
    (evidence / "transcript.txt").write_text("the traffic")
    inside = replace(result("a.one", Outcome.FAIL, verdict=Verdict.KNOWN), evidence="evidence/a.one")
    outside = replace(result("a.two", Outcome.FAIL), evidence="..")
    path = write(folder / "records.jsonl", run([inside, outside]))
    output = tmp_path / "out" / "report.html"
    assert call("report", str(path), "--output", str(output), "--disagreements", str(tmp_path / "d.md")) == 0
    rows = details(output.read_text(encoding="utf-8"))["rows"]
    assert rows["a.one"]["cells"][0][0]["evidence"] == "the traffic"
    assert rows["a.two"]["cells"][0][0]["evidence"] == ""
    assert (tmp_path / "d.md").read_text().startswith("# Where servers disagree")


def test_what_cannot_be_read_or_written_is_said_in_one_line(tmp_path, capsys):
    path = write(tmp_path / "records.jsonl", run([result("a.one")]))
    for arguments in (["report", str(tmp_path / "none")], ["report", str(path), "--output", str(path / "x")]):
        assert call(*arguments) == ExitCode.USAGE
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1
