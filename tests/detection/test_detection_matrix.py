"""The suites can fail: every defect is noticed, and every case that judges a MUST notices one."""

from __future__ import annotations

from pathlib import Path

import pytest

import suites
from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.coverage import PROOFS, SOUND, Coverage, Proof, read_proofs, still_fails
from smbtorture_py.detection import FAILURES, is_related, judges_a_must, noticed, noticed_by, run_hermetically
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.defects import DEFECTS, Defect

CASES = collect()
COVERAGE = Coverage(shipped(), CASES, list(DEFECTS.values()), read_proofs(Path(suites.__path__[0], PROOFS)))
BINDING = [case for case in CASES if judges_a_must(case)]
KNOWN = sorted(COVERAGE.proofs)
"""Where to look first: what noticed what when coverage was last measured."""


def holds(proof: Proof) -> bool:
    """Tell whether a proof is still one, the case without the defect included."""
    case = COVERAGE.cases[proof.case]
    return still_fails(case, proof) and run_hermetically(case, case.variant(proof.variant)).outcome in SOUND


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=list(DEFECTS))
def test_every_defect_is_noticed_for_what_it_breaks(defect: Defect) -> None:
    related = [case.id for case in CASES if is_related(case, defect)]
    assert related, f"no case cites what {defect.id} breaks: {', '.join(defect.breaks)}"
    if any(one.defect == defect.id and one.requirement in defect.breaks and holds(one) for one in KNOWN):
        return
    seen = []
    for detection in noticed_by(defect, CASES):
        if detection.says_what_is_broken:
            return
        seen.append(f"{detection.case.id} by {detection.requirement}")
    pytest.fail(f"{defect.id} is noticed by none of {', '.join(related)}, only: {seen}")


@pytest.mark.parametrize("case", BINDING, ids=[case.id for case in BINDING])
def test_every_case_that_judges_a_must_is_made_to_fail(case: Case) -> None:
    related = [defect for defect in DEFECTS.values() if is_related(case, defect)]
    assert related, f"no defect breaks what {case.id} cites: {', '.join(case.requirements)}"
    if any(one.case == case.id and one.outcome in FAILURES and holds(one) for one in KNOWN):
        return
    for defect in related:
        detection = noticed(case, defect)
        if detection is not None and detection.outcome in FAILURES:
            control = run_hermetically(case, detection.variant)
            assert control.outcome in (Outcome.PASS, Outcome.OBSERVED, Outcome.WARN), control.reason
            return
    pytest.fail(f"{case.id} passes in spite of {', '.join(defect.id for defect in related)}")


@pytest.mark.parametrize("requirement", COVERAGE.proven_by)
def test_what_covers_a_requirement_holds(requirement: str) -> None:
    proof = COVERAGE.proven_by[requirement][0]
    case = COVERAGE.cases[proof.case]
    result = run_hermetically(case, case.variant(proof.variant), proof.defect)
    assert (result.outcome, result.requirement) == (proof.outcome, requirement), (
        "`make coverage` measures anew"
    )


def test_a_case_does_not_notice_what_it_is_not_about() -> None:
    unsigned = next(case for case in CASES if case.id == "bind.unsigned")
    assert noticed(unsigned, DEFECTS["interface-index-zero-listed"]) is None
    assert noticed(unsigned, DEFECTS["bind-unsigned-accepted"]) is not None
