"""Our end of a guardian: the process that holds a server for us, and ends it when we are gone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

STOP_TIMEOUT: Final = 30.0
"""Seconds the guardian has to end everything."""


class GuardianFailed(Exception):
    """The guardian could not do what it was told; the text says why."""


class Guarded:
    """A server (or only a farewell) in the hands of a guardian; see `guardian.py` for what it is given."""

    def __init__(
        self,
        *,
        command: Sequence[str] = (),
        directory: Path | None = None,
        addresses: Sequence[str] = (),
        log: Path | None = None,
        farewell: Sequence[str] = (),
    ) -> None:
        """Start the guardian, not yet the server; raises GuardianFailed."""
        job = {
            "command": list(command),
            "directory": "" if directory is None else str(directory),
            "addresses": list(addresses),
            "log": "" if log is None else str(log),
            "farewell": list(farewell),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "smbtorture_py.targets.guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._tell(json.dumps(job))
        except GuardianFailed:
            self.close()
            raise

    @property
    def is_running(self) -> bool:
        """The server has been started and has not ended; False too where the guardian is gone."""
        try:
            return self._tell("status") == "running"
        except GuardianFailed:
            return False

    def start(self) -> None:
        """Start the server unless it runs; raises GuardianFailed."""
        self._tell("start")

    def stop(self) -> None:
        """End the server; raises GuardianFailed."""
        self._tell("stop")

    def close(self) -> None:
        """End the server, run the farewell and remove everything; may be called twice."""
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with suppress(BrokenPipeError):
                process.stdin.close()
            try:
                process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _tell(self, line: str) -> str:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(line.encode() + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline().decode(errors="replace").strip()
        except (OSError, ValueError) as error:
            raise GuardianFailed(f"the guardian is gone: {error}") from None
        if not answer or answer.startswith("failed"):
            raise GuardianFailed(answer.removeprefix("failed ") or "the guardian is gone")
        return answer
