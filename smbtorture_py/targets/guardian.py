"""A process that runs a server, and ends it with everything it left when whoever asked for it is gone.

Run as `python -m smbtorture_py.targets.guardian` with a JSON document on its first line of standard input:
{"command": [...], "directory": "...", "addresses": ["127.0.0.2"], "log": "...", "farewell": [...]}. The lines
after that are orders, each answered by one line:

    start    the server, if it is not running    started, or failed WHY
    stop     the server                          stopped
    status                                       running, or ended

Standard input stays open for as long as the server is wanted: the end of it (the parent closed it, or died in
whatever way) ends the server's whole process group, runs the farewell, gives its addresses back and
removes the directory. `command` may be empty, for a server that somebody else runs; `directory` too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from smbtorture_py.targets.loopback import LoopbackAddress

GRACE: Final = 5.0
"""Seconds the server has to end after SIGTERM."""

FAREWELL_TIMEOUT: Final = 60.0
"""Seconds the farewell may take."""


def end_group(server: subprocess.Popen[bytes]) -> None:
    """End the server and everything in its process group, also where the server itself is gone already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
    server.poll()


class Ward:
    """The server that is guarded."""

    def __init__(self, command: Sequence[str], log: str) -> None:
        self._command = command
        self._log = log
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """The server has been started and has not ended."""
        return self._server is not None and self._server.poll() is None

    def start(self) -> None:
        """Start the server unless it runs; what an earlier one left is ended first. Raises OSError."""
        if self.is_running:
            return
        self.stop()
        with Path(self._log).open("ab") as log:
            self._server = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )

    def stop(self) -> None:
        """End the server with its whole process group."""
        server, self._server = self._server, None
        if server is not None:
            end_group(server)


def obey(order: bytes, ward: Ward) -> str:
    """Do what a line asks for and return the answer."""
    if order == b"start":
        try:
            ward.start()
        except OSError as error:
            return f"failed {error}"
        return "started"
    if order == b"stop":
        ward.stop()
        return "stopped"
    return "running" if ward.is_running else "ended"


def guard(orders: BinaryIO) -> None:
    """Take a job and orders from a stream, to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    job = json.loads(orders.readline())
    ward = Ward(job["command"], job["log"])
    addresses: list[LoopbackAddress] = []
    try:
        try:
            for address in job["addresses"]:
                addresses.append(LoopbackAddress(address))  # those before a failure are kept
            answer = "ready"
        except OSError as error:
            answer = f"failed {error}"
        _say(answer)
        for line in orders:
            _say(obey(line.strip(), ward))
    finally:
        ward.stop()
        if job["farewell"]:
            _run_farewell(job["farewell"])
        for used in addresses:
            used.release()
        if job["directory"]:
            shutil.rmtree(job["directory"], ignore_errors=True)


def _say(answer: str) -> None:
    """Answer; a parent that is gone does not hear it."""
    try:
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        return


def _run_farewell(command: Sequence[str]) -> None:
    """Run the last command, whatever comes of it: nobody is there to be told."""
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=FAREWELL_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return


if __name__ == "__main__":
    guard(sys.stdin.buffer)
