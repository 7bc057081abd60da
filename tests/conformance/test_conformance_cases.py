"""The catalogue, what a case says about itself, and what is refused."""

import pytest

from smbtorture_py.conformance.case import Turns, case, case_of, problems
from smbtorture_py.conformance.catalogue import Level, Requirement, UnknownRequirement, shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.needs import AES_GMAC, SMB3, SMB311
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm


def test_the_catalogue_is_whole():
    catalogue = shipped()
    assert len(catalogue) >= 693
    assert all(one.condition and one.outcome and one.section for one in catalogue)
    assert catalogue["SMB2-3.3.5.5-11"].level is Level.MUST
    assert catalogue["SMB2-3.3.5.5-12"].level is Level.MAY
    assert catalogue["SMB2-3.3.5.5-21"].level is Level.SILENT
    with pytest.raises(UnknownRequirement):
        catalogue["SMB2-0"]


def test_others_can_add_requirements():
    own = Requirement("OWN-1", "1", Level.MUST, "all", "a", "b")
    assert shipped().extended([own])["OWN-1"] is own
    with pytest.raises(ValueError, match="twice"):
        shipped().extended([own, own])


def test_variants_have_ids_and_needs():
    @case(
        "a.b",
        requirements=["SMB2-3.3.5.5-11"],
        needs=[SMB3],
        variants={
            "dialect": [Dialect.SMB_3_1_1],
            "signing_algorithm": [SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC],
        },
    )
    def test_b(lab, dialect):
        """It does."""

    made = case_of(test_b)
    assert [one.id for one in made.variants] == [
        "dialect=3.1.1,signing_algorithm=AES_CMAC",
        "dialect=3.1.1,signing_algorithm=AES_GMAC",
    ]
    assert made.needs_of(made.variants[1]) == (SMB3, SMB311, AES_GMAC)
    assert not problems([made], shipped())


def test_some_variants_take_turns():
    @case(
        "a.b",
        requirements=[],
        variants={"x": [1, 2], "y": [1, 2]},
        takes_turns=Turns("it", {"x": [2], "y": [1]}),
    )
    def test_some(lab):
        """It does."""

    @case("a.c", requirements=[], takes_turns=Turns("it"))
    def test_every(lab):
        """It does."""

    some, every = case_of(test_some), case_of(test_every)
    assert [some.turns_over(one) for one in some.variants] == ["", "", "it", ""]
    assert [every.turns_over(one) for one in every.variants] == ["it"]


def test_mistakes_are_told():
    @case("Bad", requirements=["SMB2-0"])
    def test_bad(session, colour):
        pass

    @case("a.same", requirements=[], variants=[{"x": 1}, {"x": 1}])
    def test_one(lab):
        """No full stop"""

    @case("a.same", requirements=["SMB2-3.3.5.5-11"], takes_turns=Turns("it", {"x": [1]}))
    def test_two(lab):
        """Fine."""

    found = "\n".join(problems(map(case_of, (test_bad, test_one, test_two)), shipped()))
    for told in (
        "not of the form", "no docstring", "SMB2-0 is not", "not `lab`", "'colour' is no parameter",
        "not a sentence", "cites no requirement", "occurs twice", "is taken by",
        "no variant takes turns over 'it'",
    ):  # fmt: skip
        assert told in found


def test_the_shipped_cases_are_in_order():
    cases = collect()
    assert cases
    assert not problems(cases, shipped())
