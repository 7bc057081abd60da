"""Running one case alone, in a process of its own: what a case needs whose process has died.

It is a suspect then, like those that were in flight while the server went down; these run alone too, to see
which is to blame, but any process will do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.results.records import ResultRecord, from_json, to_json
from smbtorture_py.runs import SLOW_FACTOR, Executor

OPTION: Final = "--smbtorture-alone"
ATTEMPT: Final = 2
WORKER: Final = "alone"
STARTING: Final = 60.0
"""Seconds of real time that a new process may take besides the case itself."""

_NOT_INHERITED: Final = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST")


@dataclass(slots=True, frozen=True)
class Alone:
    """Our end in the new process: the executor, and where its result goes."""

    executor: Executor
    _result: Path

    @classmethod
    def of(cls, job: Path) -> Alone:
        """Read what the parent has left."""
        return cls(
            Executor.from_handover(job.read_text(encoding="utf-8"), WORKER), job.with_suffix(".result")
        )

    def tell(self, result: ResultRecord) -> None:
        """Leave the result for the parent."""
        self._result.write_text(to_json(result), encoding="utf-8")


def run_alone(
    executor: Executor, case: Case, variant: Variant, pytest_arguments: Sequence[str], folder: Path
) -> ResultRecord:
    """Run one case in a new pytest process that is given `pytest_arguments`, in `folder`, and return its
    record.

    A process that dies or does not end becomes an `error` that says so.
    """
    slow = SLOW_FACTOR if case.slow else 1
    limit = executor.options.case_limit * executor.bench.target.deadline_scale * slow + STARTING
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
    with tempfile.TemporaryDirectory(prefix="smbtorture-py-") as room:
        job = Path(room, "job.json")
        # The folder is ours alone: the job holds passwords.
        job.write_text(executor.handover(), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", *pytest_arguments, OPTION, str(job)]
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
        )  # fmt: skip
        try:
            said, _ = process.communicate(timeout=limit)
            how = f"died of signal {-process.returncode}" if process.returncode < 0 else "left no result"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            how = f"did not end within {limit:g} s"
        result = job.with_suffix(".result")
        if result.is_file():
            record = from_json(result.read_text(encoding="utf-8"), "result")
            assert isinstance(record, ResultRecord)
            return record
    last = said.strip().splitlines()[-1:]
    reason = "\n".join([f"the process that ran the case alone {how}", *last])
    return executor.without_result(case, variant, Outcome.ERROR, reason, attempt=ATTEMPT)
