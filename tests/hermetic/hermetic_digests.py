"""Run as a program: print a digest of everything that the first and the last variant of each case of an area
show.

python hermetic_digests.py AREA SEED
"""

from __future__ import annotations

import sys
from hashlib import sha256

from smbtorture_py.conformance.collection import collect
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.evidence.transcript import transcript
from smbtorture_py.net.taps import CapturedEvent, CapturedNote
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.targets.bench import reference_bench


def digest(result: CaseResult) -> str:
    """Hash traffic, observations and outcome: whatever a seed is to bring back.

    The transcript is made from the traffic; it is hashed for the first variant, which shows that making it is
    just as steady.
    """
    seen = sha256()
    for record in result.capture:
        seen.update(f"{record.number} {record.at} {record.channel}".encode())
        match record:
            case CapturedEvent():
                seen.update(record.detail.encode())
            case CapturedNote():
                seen.update(record.text.encode())
            case _:
                seen.update(record.data)
    if result.variant is result.case.variants[0]:
        for line in transcript(result.capture):
            seen.update(f"{line}\n".encode())
    seen.update(repr((result.outcome, result.reason, result.observations, result.duration)).encode())
    return seen.hexdigest()


def main(area: str, seed: int) -> None:
    bench = reference_bench("reference", "specification", (), None, seed)
    for case in collect(f"suites.{area}"):
        for variant in (*case.variants[:1], *case.variants[1:][-1:]):
            with bench.place(seed) as (world, target):
                result = run_case(case, variant, world, target, seed)
            if result.outcome is Outcome.NOT_APPLICABLE:
                continue
            print(result.full_id, digest(result), len(result.capture))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
