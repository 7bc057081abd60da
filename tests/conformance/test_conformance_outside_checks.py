"""Checks of other suites: the files, and what cases say of them."""

import json

import pytest

from smbtorture_py.conformance.case import case, case_of, problems
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.outside_checks import OutsideChecks, outside_checks, read_outside_checks
from smbtorture_py.coverage import Coverage, markdown

FILE = {
    "suite": "other",
    "groups": [
        {
            "title": "Other: things",
            "checks": {"one": "It is one.", "two": "It is two.", "three": "It is three."},
            "otherwise": {"three": "no server is tested"},
        }
    ],
}


def answering(name, *answers):
    def test_it(lab):
        """It does nothing."""

    return case_of(case(name, requirements=["SMB2-3.3.5.4-04"], answers=answers)(test_it))


def test_every_check_of_the_other_suites_is_listed_once():
    ids = [one.id for one in outside_checks()]
    assert len(ids) == len(set(ids))
    assert {"smbtorture:session.bind2", "ms:MultipleChannel_FileLease", "smbtorture:hole.bind-unsigned"} <= {
        *ids
    }
    assert all(one.sentence.endswith(".") for one in outside_checks())


@pytest.mark.parametrize(
    ("prefix", "count"),
    [
        ("multichannel.", 11), ("session", 72), ("replay.", 60), ("durable-open", 27), ("durable-v2-", 36),
        ("persistent-open", 24), ("lease.", 49), ("dirlease.", 18), ("oplock.", 42),
    ],
)  # fmt: skip
def test_no_test_of_smbtorture_is_forgotten(prefix, count):
    assert sum(one.id.startswith(f"smbtorture:{prefix}") for one in outside_checks()) == count


def test_an_unknown_check_is_a_mistake():
    assert not problems([answering("own.right", "smbtorture:session.bind2")], shipped())
    (mistake,) = problems([answering("own.wrong", "smbtorture:session.bind99")], shipped())
    assert "smbtorture:session.bind99" in mistake


def test_what_is_listed_twice_or_explained_without_being_there():
    checks = read_outside_checks(json.dumps(FILE))
    with pytest.raises(ValueError, match="other:one is listed twice"):
        OutsideChecks([*checks, checks[0]])
    wrong = {**FILE, "groups": [{**FILE["groups"][0], "otherwise": {"four": "?"}}]}
    with pytest.raises(ValueError, match="four"):
        read_outside_checks(json.dumps(wrong))


def test_the_table_says_what_answers_and_what_is_left():
    outside = OutsideChecks(read_outside_checks(json.dumps(FILE)))
    made = Coverage(shipped(), [answering("own.one", "other:one")], [], [], outside)
    assert [one.id for one in made.unanswered] == ["other:two"]
    table = markdown(made).partition("### Other: things")[2].splitlines()
    assert "| other:one | It is one. | `own.one` |" in table
    assert "| other:two | It is two. | **nothing** |" in table
    assert "| other:three | It is three. | no server is tested |" in table


def test_cases_answer_what_is_known():
    known = {one.id for one in outside_checks()}
    assert {check for one in collect() for check in one.answers} <= known
