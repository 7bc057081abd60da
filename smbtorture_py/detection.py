"""The detection matrix: which case notices which defect of the bundled server.

A case that no defect makes fail proves nothing; a defect that no case notices is a hole in the suites. Each
defect is put into the server on the simulated network, and the cases that cite a requirement it breaks are
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, shipped
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.defects import Defect
from smbtorture_py.targets.bench import reference_bench

FAILURES: Final = frozenset({Outcome.FAIL, Outcome.TIMEOUT, Outcome.CRASH})
SEED: Final = 1


@dataclass(slots=True, frozen=True)
class Detection:
    """A case that noticed a defect; `requirement` is the one the case failed by."""

    defect: Defect
    case: Case
    variant: Variant
    outcome: Outcome
    requirement: str

    @property
    def says_what_is_broken(self) -> bool:
        """The case failed by a requirement that the defect is known to break."""
        return self.requirement in self.defect.breaks


def run_hermetically(case: Case, variant: Variant, *defects: str) -> CaseResult:
    """Run a case against the bundled server with these defects, on the simulated network."""
    bench = reference_bench("+".join(("reference", *defects)), "specification", defects, None, SEED)
    with bench.place(SEED) as (world, target):
        return run_case(case, variant, world, target, SEED)


def is_related(case: Case, defect: Defect) -> bool:
    """Tell whether the case cites a requirement that the defect breaks."""
    return not set(case.requirements).isdisjoint(defect.breaks)


def judges_a_must(case: Case, catalogue: Catalogue | None = None) -> bool:
    """Tell whether the case cites a MUST: then some defect has to make it fail."""
    known = catalogue or shipped()
    return any(known[requirement].level.is_binding for requirement in case.requirements)


def noticed(case: Case, defect: Defect) -> Detection | None:
    """Run the case with the defect until a variant notices it; None: none does."""
    return next(detections(case, defect), None)


def detections(case: Case, defect: Defect) -> Iterator[Detection]:
    """Run variant by variant of the case with the defect, and yield each that notices it: fails, gets no
    answer or loses the server.

    Where all that the defect breaks is advice (SHOULD), a warning counts as well.
    """
    enough = FAILURES
    if not any(shipped()[requirement].level.is_binding for requirement in defect.breaks):
        enough |= {Outcome.WARN}
    for variant in case.variants:
        result = run_hermetically(case, variant, defect.id)
        if result.outcome in enough:
            yield Detection(defect, case, variant, result.outcome, result.requirement)


def noticed_by(defect: Defect, cases: Iterable[Case]) -> Iterator[Detection]:
    """Yield what notices a defect, among the cases related to it."""
    for case in cases:
        if is_related(case, defect) and (found := noticed(case, defect)) is not None:
            yield found
