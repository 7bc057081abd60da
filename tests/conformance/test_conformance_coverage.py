"""Coverage counts what is proven, and docs/coverage.md is what the data says."""

from dataclasses import replace
from pathlib import Path

import pytest

from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.coverage import Coverage, Proof, ProofError, by_area, markdown, read_proofs, write_proofs
from smbtorture_py.server.defects import DEFECTS

ROOT = Path(__file__).resolve().parents[2]
PROOFS = ROOT / "suites" / "proofs.json"
PROOF = Proof("bind-unsigned-accepted", "bind.unsigned", "", "SMB2-3.3.5.5-11", "fail")


def coverage(*proofs):
    return Coverage(shipped(), collect(), list(DEFECTS.values()), proofs)


def unsigned():
    """The proof about a bind without a signature, in a variant that there is."""
    case = next(one for one in collect() if one.id == PROOF.case)
    return replace(PROOF, variant=case.variants[0].id)


def test_the_committed_page_is_current():
    found = coverage(*read_proofs(PROOFS))
    page = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert not found.stale, "`make coverage` measures anew"
    assert page == markdown(found), (
        "docs/coverage.md is not what cases, defects and proofs say: `make coverage`"
    )


def test_citing_covers_nothing():
    nothing = coverage()
    assert "SMB2-3.3.5.5-11" in nothing.cited_by
    assert not nothing.proven_by
    assert "bind.unsigned" in nothing.unproven_cases
    assert PROOF.defect in nothing.unnoticed_defects
    assert not any(row.covered for row in by_area(nothing))


def test_a_proof_covers_the_requirement_that_is_broken():
    found = coverage(unsigned())
    assert list(found.proven_by) == ["SMB2-3.3.5.5-11"]
    assert "bind.unsigned" not in found.unproven_cases
    assert PROOF.defect not in found.unnoticed_defects
    assert "1 are covered" in markdown(found)


@pytest.mark.parametrize(
    "change",
    [{"defect": "no-such"}, {"case": "no.such"}, {"variant": "no=such"}, {"requirement": "SMB2-3.3.5.4-04"}],
    ids=str,
)
def test_a_proof_that_no_longer_fits_covers_nothing(change):
    found = coverage(replace(unsigned(), **change))
    assert len(found.stale) == 1
    assert not found.proven_by


def test_the_file_comes_back_and_bad_ones_are_named(tmp_path):
    path = tmp_path / "proofs.json"
    write_proofs(path, [PROOF, replace(PROOF, variant="a"), PROOF])
    assert read_proofs(path) == [PROOF, replace(PROOF, variant="a")]
    for text in ("{}x", "[1]", '[{"defect": "a"}]', '{"a": 1}'):
        path.write_text(text)
        with pytest.raises(ProofError, match=r"proofs\.json"):
            read_proofs(path)
    with pytest.raises(ProofError, match=r"missing\.json"):
        read_proofs(tmp_path / "missing.json")
