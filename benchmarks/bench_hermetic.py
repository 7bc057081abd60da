"""How many hermetic variants a second one core runs, with taps and records on.

    python benchmarks/bench_hermetic.py [AREA ...]

Each variant is run as `smbtorture-py run reference` runs it: a new server on the simulated network,
everything captured, a record written. Counted is processor time of this process, so that waiting for others
does not count. Exits with 1 below the goal of 100 a second.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Final

from smbtorture_py.conformance.case import Case
from smbtorture_py.conformance.catalogue import shipped
from smbtorture_py.conformance.collection import collect
from smbtorture_py.runs import Executor, Ledger, RunOptions, case_record
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.targets.start import Started

GOAL: Final = 100.0
SEED: Final = 1


def run(cases: list[Case], folder: Path) -> tuple[int, Counter[str]]:
    """Run all variants once; return their number and time by area in milliseconds."""
    bench = reference_bench("reference", "specification", (), None, SEED)
    options = RunOptions(target="reference", seed=SEED, records=folder / "records.jsonl")
    executor = Executor(bench, options)
    ledger = Ledger(options, Started(bench, lambda: None))
    ledger.begin(case_record(case, variant, shipped()) for case in cases for variant in case.variants)
    spent: Counter[str] = Counter()
    count = 0
    for case in cases:
        start = time.process_time()
        for variant in case.variants:
            ledger.add(executor.run(case, variant))
            count += 1
        spent[case.area] += round((time.process_time() - start) * 1e6)
    ledger.finish()
    return count, spent


def main() -> int:
    """Run, print, and tell whether the goal is met."""
    areas = sys.argv[1:]
    cases = [case for case in collect() if not areas or case.area in areas]
    with tempfile.TemporaryDirectory(prefix="smbtorture-py-bench-") as folder:
        warm_up = [case for case in cases if not case.slow][:20]
        run(warm_up, Path(folder, "warm-up"))
        start = time.process_time()
        count, spent = run(cases, Path(folder, "run"))
        seconds = time.process_time() - start
    variants = Counter(case.area for case in cases for _ in case.variants)
    print(f"{'area':14}{'variants':>9}{'ms each':>9}")
    for area, microseconds in spent.items():
        print(f"{area:14}{variants[area]:9}{microseconds / variants[area] / 1000:9.2f}")
    rate = count / seconds
    print(f"{count} variants in {seconds:.1f} s of one core: {rate:.0f} a second (goal {GOAL:.0f})")
    return 0 if rate >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
