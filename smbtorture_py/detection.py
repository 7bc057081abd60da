"""The detection matrix: which case notices which defect of the bundled server.

A case that no defect makes fail proves nothing; a defect that no case notices is a hole in the suites. Each
defect is put into the server on the simulated network, and the cases that cite a requirement it breaks are
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.catalogue import Catalogue, shipped
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.defects import Defect
from smbtorture_py.targets.bench import reference_bench

NOTICED: Final = frozenset({Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH})


@dataclass(slots=True, frozen=True)
class Detection:
    """A case that went wrong because of a defect, and by which requirement."""

    defect: str
    case: str
    variant: str
    outcome: Outcome
    requirement: str


def related_cases(defect: Defect, cases: Iterable[Case]) -> list[Case]:
    """Return the cases that cite a requirement the defect breaks."""
    return [case for case in cases if set(case.requirements) & set(defect.breaks)]


def detections(
    defect: Defect, cases: Iterable[Case], *, seed: int = 0, policy: str = "specification"
) -> list[Detection]:
    """Return for each related case the first variant that notices the defect, with the requirement it names.

    A case notices a defect when it fails, gets no answer or loses the server. Where all that a defect breaks
    is advice (SHOULD), a warning counts as well.
    """
    bench = reference_bench(f"reference+{defect.id}", policy, (defect.id,), None, seed)
    found: list[Detection] = []
    for case in related_cases(defect, cases):
        for variant in case.variants:
            with bench.place(seed) as (world, target):
                result = run_case(case, variant, world, target, seed)
            if _notices(result, defect):
                found.append(Detection(defect.id, case.id, variant.id, result.outcome, result.requirement))
                break
    return found


def must_cases(cases: Iterable[Case], catalogue: Catalogue | None = None) -> list[Case]:
    """Return the cases that cite a MUST, each of which has to be made to fail by some defect."""
    known = catalogue or shipped()
    return [
        case for case in cases if any(known[one].level.is_binding for one in case.requirements if one in known)
    ]


def unproven(cases: Iterable[Case], found: Iterable[Detection]) -> list[Case]:
    """Return the cases that cite a MUST and that nothing found has made fail."""
    caught = {one.case for one in found}
    return [case for case in must_cases(cases) if case.id not in caught]


def unnoticed(defects: Iterable[Defect], found: Sequence[Detection]) -> list[Defect]:
    """Return the defects that no case noticed in the way they say: by a requirement they break."""
    return [
        defect
        for defect in defects
        if not any(one.defect == defect.id and one.requirement in defect.breaks for one in found)
    ]


def _notices(result: CaseResult, defect: Defect) -> bool:
    if result.outcome in NOTICED:
        return True
    known = shipped()
    only_advice = not any(known[one].level.is_binding for one in defect.breaks)
    return only_advice and result.outcome is Outcome.WARN


