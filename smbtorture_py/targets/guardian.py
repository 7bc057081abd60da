"""A process that starts a server and ends it, with everything it left, when whoever asked for it is gone.

Run as `python -m smbtorture_py.targets.guardian` with a JSON document on its first line of standard input:
{"command": [...], "directory": "...", "addresses": ["127.0.0.2"], "log": "..."}. Its standard input stays
open for as long as the server is wanted: the end of it (the parent closed it, or died in whatever way) ends
the server's whole process group, takes the added addresses away and removes the directory.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

GRACE: Final = 5.0
"""Seconds the server has to end after SIGTERM."""

POLL: Final = 0.5


def add_address(address: str) -> bool:
    """Give the loopback interface an address; tell whether it was new. Raises OSError when it
    cannot be done.
    """
    found = subprocess.run(
        ["ip", "-o", "addr", "show", "dev", "lo"], capture_output=True, text=True, check=False
    )
    if f" {address}/" in found.stdout:
        return False
    added = subprocess.run(
        ["ip", "addr", "add", f"{address}/8", "dev", "lo"], capture_output=True, text=True, check=False
    )
    if added.returncode and "exists" not in added.stderr:
        raise OSError(f"cannot add {address} to the loopback interface: {added.stderr.strip()}")
    return not added.returncode


def remove_address(address: str) -> None:
    """Take an address from the loopback interface."""
    subprocess.run(["ip", "addr", "del", f"{address}/8", "dev", "lo"], capture_output=True, check=False)


def end_group(server: subprocess.Popen[bytes]) -> None:
    """End the server and everything in its process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
        except ProcessLookupError:
            break
        try:
            server.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue


def guard() -> int:
    """Do it; the exit code is the server's where it ended by itself, else 0."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    job = json.loads(sys.stdin.buffer.readline())
    directory = Path(job["directory"])
    added: list[str] = []
    code = 0
    try:
        added = [address for address in job["addresses"] if add_address(address)]
        with Path(job["log"]).open("wb") as log:
            server = subprocess.Popen(
                job["command"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        try:
            print(f"started {server.pid}", flush=True)  # noqa: T201  # what the parent waits for
            code = _wait(server)
        finally:
            end_group(server)
    except OSError as error:
        print(f"failed {error}", flush=True)  # noqa: T201  # what the parent waits for
        code = 1
    finally:
        for address in added:
            remove_address(address)
        shutil.rmtree(directory, ignore_errors=True)
    return code


def _wait(server: subprocess.Popen[bytes]) -> int:
    """Wait for the end of standard input (0) or of the server (its code)."""
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.buffer, selectors.EVENT_READ)
        while server.poll() is None:
            if selector.select(POLL) and not os.read(sys.stdin.fileno(), 1):
                return 0
    return server.returncode or 0


if __name__ == "__main__":
    sys.exit(guard())
