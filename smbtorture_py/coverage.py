"""What the suites cover: which requirements have cases, and which of those a defect makes fail.

A case that cites a requirement proves nothing yet. A requirement counts as covered when there is a `Proof`: a
defect of the bundled server that breaks it, and a case that fails by it with that defect and not without.
Proofs take minutes to find, so they are kept in `suites/proofs.json`; the detection matrix in tests/detection
runs what covers a requirement again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.catalogue import Catalogue, Level, Requirement
from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.outside_checks import OutsideCheck, OutsideChecks, outside_checks
from smbtorture_py.detection import detections, is_related, run_hermetically
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.server.defects import DEFECTS, Defect

PROOFS: Final = "proofs.json"
"""Name of the file, in the folder of the suites."""

SOUND: Final = frozenset({Outcome.PASS, Outcome.OBSERVED, Outcome.WARN})
"""What a case comes to without the defect."""


@dataclass(slots=True, frozen=True, order=True)
class Proof:
    """With this defect the case, in this variant, has this outcome by this requirement; without it, it is
    fine.
    """

    defect: str
    case: str
    variant: str
    requirement: str
    outcome: str


class ProofError(ValueError):
    """The file of proofs cannot be used; the text says why."""


def read_proofs(path: Path) -> list[Proof]:
    """Read the proofs; raises ProofError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [Proof(**{name: str(value) for name, value in entry.items()}) for entry in document]
    except OSError as error:
        raise ProofError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise ProofError(f"{path}: {error}") from None


def write_proofs(path: Path, proofs: Iterable[Proof]) -> None:
    """Write the proofs in a stable order, one a line."""
    lines = ",\n".join(json.dumps(asdict(proof)) for proof in sorted(set(proofs)))
    path.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


class Coverage:
    """Catalogue, cases, defects and proofs held against one another.

    A proof that no longer fits (its case, variant or defect is gone, or they have nothing to do with one
    another any more) counts for nothing and is in `stale`.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        cases: Sequence[Case],
        defects: Sequence[Defect],
        proofs: Iterable[Proof],
        outside: OutsideChecks | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.outside = outside_checks() if outside is None else outside
        self.cases = {case.id: case for case in cases}
        self.defects = {defect.id: defect for defect in defects}
        self.proofs: list[Proof] = []
        self.stale: list[Proof] = []
        for proof in proofs:
            (self.proofs if self._fits(proof) else self.stale).append(proof)

    def _fits(self, proof: Proof) -> bool:
        case, defect = self.cases.get(proof.case), self.defects.get(proof.defect)
        return (
            case is not None
            and defect is not None
            and is_related(case, defect)
            and proof.requirement in case.requirements
            and any(variant.id == proof.variant for variant in case.variants)
        )

    @cached_property
    def cited_by(self) -> dict[str, list[str]]:
        """Requirement id -> the cases that cite it."""
        found: dict[str, list[str]] = {}
        for case in self.cases.values():
            for requirement in dict.fromkeys(case.requirements):
                found.setdefault(requirement, []).append(case.id)
        return found

    @cached_property
    def answered_by(self) -> dict[str, list[str]]:
        """Check of another suite -> the cases that answer it; only those that have one."""
        found: dict[str, list[str]] = {}
        for case in self.cases.values():
            for check in dict.fromkeys(case.answers):
                found.setdefault(check, []).append(case.id)
        return found

    @property
    def unanswered(self) -> list[OutsideCheck]:
        """The checks of other suites that no case answers, and nothing else does."""
        return [one for one in self.outside if one.id not in self.answered_by and not one.otherwise]

    @property
    def proven_by(self) -> dict[str, list[Proof]]:
        """Requirement id -> its proofs; only requirements that have one."""
        found: dict[str, list[Proof]] = {}
        for proof in sorted(self.proofs):
            if proof.requirement in self.defects[proof.defect].breaks:
                found.setdefault(proof.requirement, []).append(proof)
        return found

    @property
    def unproven_cases(self) -> list[str]:
        """The cases that no defect makes fail."""
        proven = {proof.case for proof in self.proofs}
        return [case for case in self.cases if case not in proven]

    @property
    def unnoticed_defects(self) -> list[str]:
        """The defects that no case fails by for what they break."""
        noticed_ones = {proof.defect for proofs in self.proven_by.values() for proof in proofs}
        return [defect for defect in self.defects if defect not in noticed_ones]


def find_proofs(cases: Sequence[Case], defects: Sequence[Defect], processes: int = 1) -> Iterator[Proof]:
    """Run every case with every defect that breaks something it cites, and yield what proves something; on
    several processes where asked to, which import the cases from the shipped suites.

    For each defect and case the first variant that notices it will do, unless a requirement that both are
    about has no proof by this defect yet: then the other variants are run as well.
    """
    if processes == 1:
        for defect in defects:
            yield from proofs_by(defect, cases)
        return
    with ProcessPoolExecutor(processes) as pool:
        for found in pool.map(_proofs_by_id, [defect.id for defect in defects]):
            yield from found


def proofs_by(defect: Defect, cases: Iterable[Case]) -> Iterator[Proof]:
    """Yield what proves something by one defect."""
    proven: set[str] = set()
    for case in cases:
        if not is_related(case, defect):
            continue
        common = set(case.requirements) & set(defect.breaks)
        for detection in detections(case, defect):
            if detection.requirement not in case.requirements:
                continue
            if run_hermetically(case, detection.variant).outcome not in SOUND:
                continue
            proven |= {detection.requirement} & common
            yield Proof(
                defect.id, case.id, detection.variant.id, detection.requirement, detection.outcome.value
            )
            if common <= proven:
                break


def complete(coverage: Coverage, processes: int = 1) -> list[Proof]:
    """Return the proofs that still hold, and those that can be found for defects, cases and requirements that
    have none left.
    """
    with ProcessPoolExecutor(processes) as pool:
        held = list(pool.map(_holds, coverage.proofs, chunksize=32))
    standing = [proof for proof, holds in zip(coverage.proofs, held, strict=True) if holds]
    cases, defects = list(coverage.cases.values()), list(coverage.defects.values())
    coverage = Coverage(coverage.catalogue, cases, defects, standing, coverage.outside)
    unnoticed, unproven = set(coverage.unnoticed_defects), set(coverage.unproven_cases)
    bare = set(coverage.cited_by) - set(coverage.proven_by)
    wanted = [
        (defect.id, case.id)
        for defect in coverage.defects.values()
        for case in coverage.cases.values()
        if is_related(case, defect)
        and (
            defect.id in unnoticed
            or case.id in unproven
            or bare & set(case.requirements) & set(defect.breaks)
        )
    ]
    with ProcessPoolExecutor(processes) as pool:
        found = [proof for proofs in pool.map(_proofs_of_pair, wanted, chunksize=4) for proof in proofs]
    return list(dict.fromkeys([*coverage.proofs, *found]))


def _holds(proof: Proof) -> bool:
    """Tell whether a proof still holds, in another process."""
    return still_fails(next(one for one in _shipped_cases() if one.id == proof.case), proof)


def still_fails(case: Case, proof: Proof) -> bool:
    """Tell whether a defect still makes the case fail in the way that a proof says."""
    result = run_hermetically(case, case.variant(proof.variant), proof.defect)
    return (result.outcome, result.requirement) == (proof.outcome, proof.requirement)


def _proofs_of_pair(pair: tuple[str, str]) -> list[Proof]:
    """Find what one defect and one case prove, in another process."""
    defect, case = pair
    return list(proofs_by(DEFECTS[defect], [one for one in _shipped_cases() if one.id == case]))


@cache
def _shipped_cases() -> list[Case]:
    return collect()


def _proofs_by_id(defect: str) -> list[Proof]:
    """Do the same in another process."""
    return list(proofs_by(DEFECTS[defect], _shipped_cases()))


def document(coverage: Coverage) -> dict[str, object]:
    """Return everything as plain values, for JSON."""
    proven = coverage.proven_by
    return {
        "counts": _counts(coverage),
        "requirements": [
            {
                "id": one.id,
                "area": one.area,
                "level": one.level.value,
                "cases": coverage.cited_by.get(one.id, []),
                "covered": one.id in proven,
                "proofs": [asdict(proof) for proof in proven.get(one.id, [])],
            }
            for one in coverage.catalogue
        ],
        "unproven_cases": coverage.unproven_cases,
        "unnoticed_defects": coverage.unnoticed_defects,
        "stale_proofs": [asdict(proof) for proof in coverage.stale],
        "outside_checks": [
            {**asdict(one), "cases": coverage.answered_by.get(one.id, [])} for one in coverage.outside
        ],
    }


def _counts(coverage: Coverage) -> dict[str, int]:
    proven = coverage.proven_by
    return {
        "requirements": len(coverage.catalogue),
        "requirements_with_cases": sum(one.id in coverage.cited_by for one in coverage.catalogue),
        "requirements_covered": len(proven),
        "requirements_silent": sum(
            coverage.catalogue[one].level is Level.SILENT for one in coverage.cited_by if one not in proven
        ),
        "cases": len(coverage.cases),
        "cases_proven": len(coverage.cases) - len(coverage.unproven_cases),
        "defects": len(coverage.defects),
        "defects_noticed": len(coverage.defects) - len(coverage.unnoticed_defects),
        "outside_checks": len(coverage.outside),
        "outside_checks_answered": len(coverage.outside) - len(coverage.unanswered),
    }


def headlines(coverage: Coverage) -> list[str]:
    """Return the lines that say it all."""
    counts = _counts(coverage)
    return [
        f"{counts['requirements']} requirements in the catalogue, "
        f"{counts['requirements_with_cases']} have cases, {counts['requirements_covered']} are covered, "
        f"{counts['requirements_silent']} of the others cannot be, the specification being silent",
        f"{counts['cases']} cases, {counts['cases_proven']} are made to fail by a defect",
        f"{counts['defects']} defects, {counts['defects_noticed']} are noticed for what they break",
        f"{counts['outside_checks']} checks and holes of other suites, "
        f"{counts['outside_checks_answered']} are answered",
    ]


@dataclass(slots=True, frozen=True)
class AreaCounts:
    """How many requirements an area of the catalogue has, how many have cases, how many are covered."""

    area: str
    requirements: int
    with_cases: int
    covered: int


def by_area(coverage: Coverage) -> list[AreaCounts]:
    """Return the counts of each area, in the order of the catalogue."""
    proven, cited = coverage.proven_by, coverage.cited_by
    return [
        AreaCounts(area, len(ids), sum(one in cited for one in ids), sum(one in proven for one in ids))
        for area, ids in ((area, [one.id for one in found]) for area, found in _areas(coverage).items())
    ]


def _areas(coverage: Coverage) -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for one in coverage.catalogue:
        found.setdefault(one.area, []).append(one)
    return found


def markdown(coverage: Coverage) -> str:
    """Return docs/coverage.md."""
    proven, cited = coverage.proven_by, coverage.cited_by
    lines = [
        "# Coverage",
        "",
        "Written by `make coverage`; do not edit. A requirement is *covered* when some defect of the bundled",
        "server breaks it and makes a case fail by it, while the same case is fine without the defect: the",
        "last column names one such pair, which `make detection` runs again. A requirement that cases cite",
        "and no defect makes fail is not counted. Where the specification is silent there is nothing to",
        "break: what a server does is observed, and the last column says *silent*.",
        "",
        *(f"* {line}" for line in headlines(coverage)),
        "",
        "| area | requirements | with cases | covered |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| {row.area} | {row.requirements} | {row.with_cases} | {row.covered} |" for row in by_area(coverage)
    ]
    lines += ["", "## Cases that no defect makes fail", ""]
    lines += [
        f"* `{case}` ({', '.join(_levels(coverage, case))})" for case in sorted(coverage.unproven_cases)
    ] or ["None."]
    lines += ["", "## Defects that no case notices for what they break", ""]
    lines += [f"* `{defect}`" for defect in sorted(coverage.unnoticed_defects)] or ["None."]
    for area, requirements in _areas(coverage).items():
        lines += ["", f"## {area}", ""]
        rows = [one for one in requirements if one.id in cited]
        if rows:
            lines += ["| requirement | level | cases | proven by |", "|---|---|--:|---|"]
        for one in rows:
            unproven = Level.SILENT.value if one.level is Level.SILENT else "-"
            shown = (
                f"`{proven[one.id][0].case}`, `{proven[one.id][0].defect}`" if one.id in proven else unproven
            )
            lines.append(f"| {one.id} | {one.level} | {len(cited[one.id])} | {shown} |")
        without = [one.id for one in requirements if one.id not in cited]
        if without:
            lines += [""] * bool(rows) + [f"Without a case: {', '.join(without)}."]
    return "\n".join([*lines, *_answers(coverage)]) + "\n"


def _answers(coverage: Coverage) -> list[str]:
    """Return the tables of what other suites check or leave out, and the cases that answer it."""
    lines = [
        "",
        "## Other suites",
        "",
        "What Samba's smbtorture and Microsoft's test suites check, as far as it concerns these areas,",
        "and what they leave out (the holes), each with the cases that answer it. Several tests of",
        "theirs can be one case here, where only a parameter or the behaviour of a product differs.",
    ]
    group = ""
    for one in coverage.outside:
        if one.group != group:
            group = one.group
            lines += ["", f"### {group}", "", "| check | what it is about | answered by |", "|---|---|---|"]
        cases = ", ".join(f"`{case}`" for case in coverage.answered_by.get(one.id, []))
        lines.append(f"| {one.id} | {one.sentence} | {cases or one.otherwise or '**nothing**'} |")
    return lines


def _levels(coverage: Coverage, case: str) -> list[str]:
    return sorted({coverage.catalogue[one].level.value for one in coverage.cases[case].requirements})
