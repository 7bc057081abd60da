"""The reference server as its users start it: `smbtorture-py serve` in a process of its own."""

from __future__ import annotations

import os
import secrets
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
HOSTS: Final = ("127.0.0.1", "127.0.0.2")
POLICY: Final = "samba"
"""The one policy under which every peer runs: the strictest judge, smbtorture, is Samba's own."""

POLICIES: Final = {"durable": "windows", "persistent": "specification", "appinstanceid": "specification"}
"""Modules of pike that are about what Samba does not have: resilient handles, persistent ones of every kind,
application instances."""

USER: Final = "smbt"
SECOND_USER: Final = "smbt2"
SHARE: Final = "share"
START_TIMEOUT: Final = 20.0
STOP_TIMEOUT: Final = 10.0
_PASSWORD_VARIABLES: Final = ("SMBTORTURE_PEERS_PASSWORD", "SMBTORTURE_PEERS_SECOND_PASSWORD")


@dataclass(slots=True)
class Served:
    """One running server, until `stop`; its log is everything it printed."""

    folder: Path
    storage: str = "memory"
    """What the share serves: `memory`, or a directory of this machine."""
    policy: str = POLICY
    options: tuple[str, ...] = ()
    """More options of `serve`."""
    user: str = USER
    password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    second_password: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)
    hosts: tuple[str, ...] = HOSTS
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> Served:
        """Start it and wait for its ready line; raises AssertionError where that does not come."""
        self.port = self.port or free_port(self.hosts)
        command = [sys.executable, "-m", "smbtorture_py.cli", "serve"]
        for host in self.hosts:
            command += ["--listen", f"{host}:{self.port}"]
        for user, variable in zip((self.user, SECOND_USER), _PASSWORD_VARIABLES, strict=True):
            command += ["--user", user, "--password-env", variable]
        command += ["--share", f"{SHARE}={self.storage}", "--policy", self.policy, *self.options]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={
                    **os.environ,
                    **dict(zip(_PASSWORD_VARIABLES, (self.password, self.second_password), strict=True)),
                },
            )
        said = self._first_line()
        if not said.startswith("ready"):
            self._end()
            raise AssertionError(f"the server said {said!r} and then: {self.log.read_text(errors='replace')}")
        return self

    def stop(self) -> None:
        """End it as a service manager would; raises AssertionError where it crashed or ends badly."""
        assert self._process is not None
        died = self._process.poll()
        code = self._end()
        text = self.log.read_text(errors="replace")
        assert died is None, f"the server ended by itself with {died}: {text}"
        assert code == 0, f"the server ended with {code}: {text}"
        assert "Traceback" not in text, text

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None:
            self.stop()
        else:
            self._end()

    @property
    def log(self) -> Path:
        """What it wrote to standard error."""
        return self.folder / "server.log"

    @property
    def process_id(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def _first_line(self) -> str:
        """Return its first line of output, or what it said until it ended or time was up."""
        assert self._process is not None and self._process.stdout is not None
        said = b""
        deadline = time.monotonic() + START_TIMEOUT
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in said and (left := deadline - time.monotonic()) > 0:
                if selector.select(left):
                    piece = os.read(self._process.stdout.fileno(), 4096)
                    if not piece:
                        break
                    said += piece
        return said.decode(errors="replace").partition("\n")[0]

    def _end(self) -> int:
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            if self._process.stdout is not None:
                self._process.stdout.close()


@dataclass(slots=True)
class Serving:
    """The server that was wanted last, kept for whoever wants the same next."""

    folder: Path
    _server: Served | None = None
    _wanted: tuple[str, tuple[str, ...]] = ("", ())
    _started: int = 0

    def __call__(self, storage: str, options: tuple[str, ...]) -> Served:
        """Return a running server that serves `memory` or a `directory` of its own, with these options."""
        if self._server is None or self._wanted != (storage, options):
            self.stop()
            self._started += 1
            folder = self.folder / str(self._started)
            (folder / "share").mkdir(parents=True)
            where = storage if storage == "memory" else str(folder / "share")
            self._server = Served(folder, storage=where, options=options).start()
            self._wanted = (storage, options)
        return self._server

    def stop(self) -> None:
        """End the server, if there is one; raises AssertionError where it does not end cleanly."""
        server, self._server = self._server, None
        if server is not None:
            server.stop()

    def drop(self) -> None:
        """End the server however it is: a test left it in an unknown state."""
        server, self._server = self._server, None
        if server is not None:
            server.__exit__(None, AssertionError(), None)


def free_port(hosts: tuple[str, ...]) -> int:
    """Return a port that is free on all hosts at this moment."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind((hosts[0], 0))
            port = int(first.getsockname()[1])
            if all(_can_bind(host, port) for host in hosts[1:]):
                return port
    raise AssertionError(f"no port is free on all of {hosts}")


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def samba_client_configuration(folder: Path, port: int, options: Mapping[str, str] | None = None) -> Path:
    """Write an smb.conf of our own for Samba's clients, and return its path: the machine's plays no part."""
    settings = {"netbios name": "PEER", "workgroup": "WORKGROUP", "smb ports": str(port), "log level": "1"}
    for name in ("private", "state", "cache", "lock", "pid"):
        state = folder / "samba" / name
        state.mkdir(parents=True, exist_ok=True)
        settings[f"{name} dir" if name in ("private", "pid") else f"{name} directory"] = str(state)
    settings["ncalrpc dir"] = str(folder / "samba" / "ncalrpc")
    settings |= options or {}
    path = folder / "smb.conf"
    path.write_text("[global]\n" + "".join(f"    {key} = {value}\n" for key, value in settings.items()))
    return path


def samba_credentials(folder: Path, served: Served) -> Path:
    """Write a file of credentials for Samba's clients, and return its path: none is on a command line."""
    path = folder / "credentials"
    path.touch(mode=0o600)
    path.write_text(f"username = {served.user}\npassword = {served.password}\n")
    return path
