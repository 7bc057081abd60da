"""An expectation file is brought up to date with runs, and keeps every comment."""

from __future__ import annotations

import pytest

from smbtorture_py.results.expectation_update import Triage, update
from smbtorture_py.results.expectations import ExpectationFile
from smbtorture_py.results.located_yaml import ConfigurationError, parse
from smbtorture_py.results.outcome import Outcome
from tests.called_command import call
from tests.made_records import result, run, write

FILE = """# Where Samba differs, and why.
product: samba
expectations:

  # bind: read this before you touch it.

  - case: bind.one
    versions: ">=4.15"   # since the rewrite
    outcome: fail
    behaviour: samba
    requirement: SMB2-3.3.5.5-11
    class: deviation
    reason: >-
      the trace shows SUCCESS, over
      two lines
    reference: https://bugzilla.samba.org/show_bug.cgi?id=1

  - case: bind.two
    outcome: fail
    actual: ACCESS_DENIED
    class: bug
    reason: it does
    reference: source

  # tree: and this.

  - case: tree.three
    outcome: [pass, fail]
    behaviour: samba
    class: bug
    reason: now and then
    reference: none known
"""
TRIAGE = Triage("the trace shows: it", "smbd: source3/x.c")


def failing(key, actual="SUCCESS", behaviour="samba"):
    return result(key, Outcome.FAIL, behaviour=behaviour, actual=actual)


BOTH = [failing("bind.one"), failing("bind.two", "ACCESS_DENIED", None)]


def changed(results, *, version="4.17.12", triage=None, text=FILE):
    return update(text, "samba.yaml", [run(results, version=version)], triage)


def entries(text):
    return parse(text, "samba.yaml").model(ExpectationFile).expectations


def test_what_is_as_expected_changes_nothing():
    found = changed([*BOTH, result("tree.three")])
    assert (found.text, found.done, found.left) == (FILE, [], [])


def test_what_passes_in_the_newest_version_is_narrowed_and_every_comment_kept():
    found = changed([result("bind.one"), BOTH[1]])
    one = entries(found.text)[0]
    assert one.versions == ">=4.15, <4.17.12"
    assert found.done == ["bind.one: only for >=4.15, <4.17.12, it passes with 4.17.12"]
    for kept in (
        "# bind: read this",
        "# tree: and this.",
        "      the trace shows SUCCESS, over\n",
        "# Where",
    ):
        assert kept in found.text
    assert len(set(found.text.splitlines()) ^ set(FILE.splitlines())) == 2, "one line is another, no more"


def test_what_passes_in_an_older_version_only_is_left_out_there():
    runs = [run([result("bind.one")], version="4.16.1"), run([failing("bind.one")], version="4.17.12")]
    assert entries(update(FILE, "samba.yaml", runs).text)[0].versions == ">=4.15, !=4.16.1"


def test_an_entry_that_is_left_without_a_version_goes_and_the_comment_after_it_stays():
    text = FILE.replace('">=4.15"   # since the rewrite', '">=4.17.12"')
    found = changed([result("bind.one"), BOTH[1]], text=text)
    assert [one.title for one in entries(found.text)] == ["bind.two", "tree.three"]
    assert found.done == ["bind.one: taken out, it passes"]
    assert "# bind: read this" in found.text and "\n\n\n" not in found.text


def test_an_entry_for_all_versions_of_a_product_without_versions_goes():
    found = changed([BOTH[0], result("bind.two")], version="")
    assert "bind.two: taken out, it passes" in found.done


def test_an_intermittent_that_passes_stays():
    assert changed([*BOTH, result("tree.three")]).done == []


SEVERAL = """product: samba
expectations:
  - case: {}
    versions: "==4.17.12"
    # how it shows
    outcome: fail
    behaviour: samba
    class: bug
    reason: it does
    reference: source
"""


@pytest.mark.parametrize(
    ("cases", "passing", "left"),
    [
        ("[bind.a, bind.b, bind.c]", "a", "[bind.b, bind.c]"),
        ("[bind.a, bind.b, bind.c]", "b", "[bind.a, bind.c]"),
        ("[bind.a, bind.b, bind.c]", "c", "[bind.a, bind.b]"),
        ("[ bind.a , 'bind.b', \"bind.c\" ]", "ab", '[ "bind.c" ]'),
        ("[bind.a, bind.b,\n           bind.c]", "b", "[bind.a,\n           bind.c]"),
        ("[bind.a, bind.b,\n           bind.c]", "c", "[bind.a, bind.b]"),
        ("[bind.a,\n           bind.b,\n           bind.c]", "b", "[bind.a,\n           bind.c]"),
        ("[bind.a,   # one\n           bind.b, bind.c]", "ac", "[   # one\n           bind.b]"),
        (
            "\n      - bind.a   # one\n      # two\n      - bind.b\n      - bind.c",
            "b",
            "\n      - bind.a   # one\n      # two\n      - bind.c",
        ),
        ("\n    - bind.a\n    - bind.b\n    - bind.c", "ac", "\n    - bind.b"),
    ],
)
def test_of_several_what_passes_goes_and_the_rest_stays_as_it_is_written(cases, passing, left):
    results = [result(f"bind.{one}") if one in passing else failing(f"bind.{one}") for one in "abc"]
    found = changed(results, text=SEVERAL.format(cases))
    assert found.text == SEVERAL.format(left)
    assert found.done == [f"{', '.join(f'bind.{one}' for one in passing)}: taken out, it passes"]


@pytest.mark.parametrize("cases", ["[bind.a,\n           bind.b]", "\n    - bind.a\n    - bind.b"])
def test_of_several_what_passes_in_the_newest_version_gets_an_entry_for_the_others(cases):
    text = SEVERAL.format(cases).replace("==", ">=4.15, <=")
    found = changed([result("bind.a"), failing("bind.b")], text=text)
    told = [(one.case, one.versions, one.reason) for one in entries(found.text)]
    assert told == [
        (["bind.b"], ">=4.15, <=4.17.12", "it does"),
        (["bind.a"], ">=4.15, <=4.17.12, <4.17.12", "it does"),
    ]
    assert found.text.count("# how it shows") == 2
    assert changed([result("bind.a"), failing("bind.b")], text=found.text).done == []


def test_of_several_what_did_not_run_stays():
    text = SEVERAL.format("[bind.a, bind.b]")
    assert changed([result("bind.a")], text=text).text == SEVERAL.format("[bind.b]")


def test_of_several_one_passes_and_another_fails_otherwise():
    text = SEVERAL.format("[bind.a, bind.b]")
    results = [result("bind.a"), failing("bind.b", "OTHER", None)]
    told = changed(results, text=text)
    assert (told.text, told.left) == (
        SEVERAL.format("[bind.b]"), ["bind.b: fails in another way: fail OTHER"],
    )  # fmt: skip
    found = changed(results, text=text, triage=TRIAGE)
    assert [(one.case, one.actual) for one in entries(found.text)] == [(["bind.b"], ["OTHER"])]
    assert "# how it shows" in found.text


@pytest.mark.parametrize("results", [[failing("bind.four")], [failing("bind.one", "OTHER", None)]])
def test_what_nobody_has_looked_into_is_listed_and_not_written(results):
    found = changed(results)
    assert found.text == FILE and len(found.left) == 1


def test_what_fails_otherwise_is_corrected_by_who_says_why():
    found = changed([failing("bind.one", "OTHER", None)], triage=TRIAGE)
    one = entries(found.text)[0]
    assert (one.actual, one.reason, one.reference) == (["OTHER"], TRIAGE.reason, TRIAGE.reference)
    assert one.versions == ">=4.15"
    assert "# since the rewrite" in found.text and "over\n" not in found.text
    assert update(found.text, "f", [run([failing("bind.one", "OTHER", "samba")])]).left == []


def test_what_fails_newly_is_added_for_all_its_variants_or_for_those_that_fail():
    every = changed([failing("bind.four/x=1"), failing("bind.four/x=2")], triage=TRIAGE)
    some = changed([failing("bind.four/x=1"), result("bind.four/x=2")], triage=TRIAGE)
    assert [(one.title, one.versions) for one in entries(every.text)[3:]] == [("bind.four", "==4.17.12")]
    assert [one.title for one in entries(some.text)[3:]] == ["bind.four/x=1"]
    for found, results in ((every, 2), (some, 1)):
        again = [
            failing("bind.four/x=1"),
            failing("bind.four/x=2") if results == 2 else result("bind.four/x=2"),
        ]
        assert changed(again, text=found.text).left == [], "what was written down is known the next time"


def test_a_file_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match=r"samba\.yaml:1"):
        changed([], text="nonsense: 1\n")


def test_the_command(tmp_path, capsys):
    records = str(write(tmp_path / "r.jsonl", run([result("bind.one"), failing("bind.four")])))
    file = tmp_path / "samba.yaml"
    file.write_text(FILE)
    common = ["expect", "update", records, "--file", str(file)]
    assert call(*common, "--dry-run") == 1
    assert file.read_text() == FILE
    said = capsys.readouterr().out
    assert "bind.one: only for" in said and "not known: bind.four: new" in said
    assert call(*common, "--reason", "why", "--reference", "where") == 0
    assert [one.title for one in entries(file.read_text())][-1] == "bind.four"
    assert call(*common) == 0
    assert call(*common, "--reason", "why") == 4
    other = str(write(tmp_path / "o.jsonl", run([result("bind.one")], product="ksmbd")))
    assert call(*common, other) == 4
    assert "several products: ksmbd, samba" in capsys.readouterr().err


def test_a_product_without_a_file_gets_one(tmp_path, capsys):
    records = str(write(tmp_path / "r.jsonl", run([failing("bind.four")], product="nas")))
    file = tmp_path / "new" / "nas.yaml"
    assert call("expect", "update", records, "--file", str(file), "--reason", "a", "--reference", "b") == 0
    assert [one.title for one in entries(file.read_text())] == ["bind.four"]
    assert "added" in capsys.readouterr().out
