"""What other suites print becomes records of ours, and what is none of it is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smbtorture_py.imports.formats import format_of, read
from smbtorture_py.imports.outside import About, NotReadable, case_id, to_records
from smbtorture_py.results.exit_codes import ExitCode
from smbtorture_py.results.outcome import Outcome, Verdict
from smbtorture_py.results.records import from_json, gather, to_json
from smbtorture_py.results.records import read as read_records
from tests.called_command import call

SMBTORTURE = """smbtorture 4.17.12
Using seed 1
time: 2026-11-22 10:41:28.000000
test: smb2.session.reconnect1
time: 2026-11-22 10:41:28.500000
success: smb2.session.reconnect1
time: 2026-11-22 10:41:29.000000
test: bind1
time: 2026-11-22 10:41:30.000000
failure: bind1 [
session.c:12: wrong value
success: not an outcome but text
]
skip: bind2 [
multichannel support required
]
test: bind3
"""
TRX = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<TestRun id="1" name="run" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
 <Times creation="2026-11-20T09:00:00.0000000+00:00" start="2026-11-20T09:00:01.0000000+00:00"/>
 <Results>
  <UnitTestResult testId="a" testName="BVT_Bind" outcome="Passed" duration="00:00:01.5000000"/>
  <UnitTestResult testId="b" testName="Bind_Unsigned" outcome="Failed" duration="00:01:00.0000000">
   <Output><ErrorInfo>
    <Message>Assert.AreEqual failed.</Message><StackTrace>at Bind</StackTrace>
   </ErrorInfo></Output>
  </UnitTestResult>
  <UnitTestResult testId="c" testName="Needs_Cluster" outcome="Inconclusive" duration="bad"/>
  <UnitTestResult testId="d" testName="Cut" outcome="InProgress"/>
 </Results>
 <TestDefinitions>
  <UnitTest name="BVT_Bind" id="a">
   <TestMethod className="Suite.MultiChannel, Suite, Version=1" name="x"/>
  </UnitTest>
  <UnitTest name="Bind_Unsigned" id="b"><TestMethod className="Suite.MultiChannel" name="x"/></UnitTest>
 </TestDefinitions>
</TestRun>
"""
JUNIT = """<testsuites><testsuite name="pike" timestamp="2026-11-22T00:00:00" tests="4">
 <testcase classname="pike.test.lease.LeaseTest" name="test_lease" time="0.25"/>
 <testcase classname="pike.test.lease.LeaseTest" name="test_break" time="1">
  <failure message="no break">at 12</failure>
 </testcase>
 <testcase classname="pike.test.lease.LeaseTest" name="test_error"><error message="boom"/></testcase>
 <testcase name="test_skip"><skipped message="needs a cluster"/></testcase>
</testsuite></testsuites>
"""
ABOUT = About(
    target="nas", product="nas", version="7", suite_version="0.1.0", now="2026-11-22T00:00:00+00:00"
)


def told(text, **options):
    return [(one.group, one.name, one.outcome) for one in read(text, **options).results]


def test_smbtorture():
    run = read(SMBTORTURE, group="smb2.session")
    assert told(SMBTORTURE, group="smb2.session") == [
        ("smb2.session", "reconnect1", Outcome.PASS),
        ("smb2.session", "bind1", Outcome.FAIL),
        ("smb2.session", "bind2", Outcome.BLOCKED),
    ]
    assert run.results[1].reason == "session.c:12: wrong value\nsuccess: not an outcome but text"
    assert (run.results[0].seconds, run.results[1].seconds) == (0.5, 1.0)
    assert run.unfinished == [("smb2.session", "bind3")]
    assert run.started == "2026-11-22T10:41:28+00:00"


def test_trx():
    run = read(TRX)
    assert told(TRX) == [
        ("MultiChannel", "BVT_Bind", Outcome.PASS),
        ("MultiChannel", "Bind_Unsigned", Outcome.FAIL),
        ("", "Needs_Cluster", Outcome.BLOCKED),
    ]
    assert [one.seconds for one in run.results] == [1.5, 60.0, 0.0]
    assert run.results[1].reason == "Assert.AreEqual failed.\nat Bind"
    assert run.unfinished == [("", "Cut")]


def test_junit():
    assert told(JUNIT) == [
        ("pike.test.lease.LeaseTest", "test_lease", Outcome.PASS),
        ("pike.test.lease.LeaseTest", "test_break", Outcome.FAIL),
        ("pike.test.lease.LeaseTest", "test_error", Outcome.ERROR),
        ("pike", "test_skip", Outcome.BLOCKED),
    ]


def test_the_format_shows():
    assert [format_of(text) for text in (SMBTORTURE, TRX, JUNIT)] == ["smbtorture", "trx", "junit"]


@pytest.mark.parametrize("text", [SMBTORTURE, TRX, JUNIT], ids=["smbtorture", "trx", "junit"])
def test_records_fit_the_schema_and_say_whether_the_run_is_whole(text):
    records = [from_json(to_json(one)) for one in to_records([read(text)], ABOUT)]
    found = gather(records)
    assert found.is_complete is (text is JUNIT)
    assert (found.run.world, found.run.product) == ("imported", "nas")
    failed = [one for one in found.results if one.outcome is Outcome.FAIL]
    assert failed and all(one.verdict is Verdict.NEW for one in failed)
    blocked = [one for one in found.results if one.outcome is Outcome.BLOCKED]
    assert blocked and all(one.lacking for one in blocked)


def test_ids_hold_no_odd_signs():
    assert case_id("mstest", "A B", 'x(1, "y")') == "mstest.A-B.x-1-y"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no test of smbtorture"),
        ("hello\n", "holds no test of smbtorture"),
        ("<a>", "line 1, column 3: not XML"),
        ("<html/>", "is no JUnit: the root is <html>"),
        ("<testsuite/>", "holds no test"),
        ("<testsuite><testcase/></testsuite>", "a <testcase> has no name"),
        ("<TestRun/>", "holds no test"),
        ('<TestRun><UnitTestResult testName="a" outcome="Odd"/></TestRun>', "the outcome 'Odd' is unknown"),
        ("<TestRun><UnitTestResult/></TestRun>", "a <UnitTestResult> has no testName"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
    ],
)
def test_what_is_none_is_refused(text, said):
    with pytest.raises(NotReadable) as refused:
        read(text)
    assert said in str(refused.value) and "\n" not in str(refused.value)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    for name in ("smbtorture", "trx", "junit"):
        try:
            run = read(text, name)
        except NotReadable:
            continue
        gather(list(to_records([run], ABOUT)))


def test_one_gate_and_one_report_for_all(tmp_path, capsys):
    for name, text in (("t.txt", SMBTORTURE.replace("test: bind3\n", "")), ("j.xml", JUNIT)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    output = tmp_path / "imported.jsonl"
    files = [str(tmp_path / name) for name in ("t.txt", "j.xml")]
    assert call("import", *files, "--product", "nas", "--product-version", "7", "--output", str(output)) == 0
    assert "2 blocked, 1 error, 2 fail, 2 pass" in capsys.readouterr().out
    found = read_records(output)
    assert found.is_complete and len(found.cases) == 7
    assert call("gate", str(output)) == ExitCode.REGRESSIONS
    assert call("gate", str(output), "--baseline", str(output)) == ExitCode.FINE
    assert call("report", str(output), "--output", str(tmp_path / "report.html")) == 0
    assert "junit:pike.test.lease.LeaseTest" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    (tmp_path / "bad.xml").write_text("<a>")
    for path in ("bad.xml", "none.xml"):
        output = tmp_path / "out.jsonl"
        assert (
            call("import", str(tmp_path / path), "--product", "x", "--output", str(output)) == ExitCode.USAGE
        )
        said = capsys.readouterr().err
        assert said.startswith("error: ") and path in said and said.count("\n") == 1
        assert not output.exists()
