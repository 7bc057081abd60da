"""The lab at a Python prompt, against any server: everything a case can do, without pytest.

    >>> from smbtorture_py.api import open_lab
    >>> lab = open_lab("reference", seed=1)
    >>> session = lab.logon()
    >>> session.tree().open().write(b"hello")
    <Answer WRITE on channel-1: SUCCESS>
    >>> lab.close()

`docs/api.md` walks through it. What a case would end with is raised here as an exception: `CheckFailed`,
`Blocked`, `TimedOut`, `NotApplicable`, `Unreachable`; the lab can be used on afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from smbtorture_py.auth.credentials import AuthForm, Credentials
from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer, Protection
from smbtorture_py.conformance.case import Case, Disturbance, Variant
from smbtorture_py.conformance.catalogue import Level, Requirement, shipped
from smbtorture_py.conformance.checks import (
    DISCONNECT,
    NO_ANSWER,
    any_error,
    at_least,
    at_most,
    check,
    has_flag,
    lacks_flag,
    other_than,
)
from smbtorture_py.conformance.lab import (
    Lab,
    LabConnection,
    LabOpen,
    LabSession,
    LabTree,
    MultichannelSession,
)
from smbtorture_py.conformance.stops import Blocked, CaseStop, CheckFailed, NotApplicable, TimedOut
from smbtorture_py.conformance.target import Account, ShareRole, Target
from smbtorture_py.evidence.bundle import write_traffic
from smbtorture_py.evidence.transcript import transcript
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.entropy import fresh_seed
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.net.taps import Capture
from smbtorture_py.net.world import World
from smbtorture_py.targets.bench import RemoteBench
from smbtorture_py.targets.model import find_targets_file, parse_address, select
from smbtorture_py.targets.start import start
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.status import Status

__all__ = [
    "DISCONNECT",
    "NO_ANSWER",
    "Account",
    "Answer",
    "AuthForm",
    "Blocked",
    "CaseStop",
    "CheckFailed",
    "Cipher",
    "Credentials",
    "Dialect",
    "EchoRequest",
    "FailoverPolicy",
    "FaultKind",
    "Lab",
    "LabConnection",
    "LabOpen",
    "LabSession",
    "LabTree",
    "MultichannelSession",
    "NotApplicable",
    "Position",
    "PromptLab",
    "Protection",
    "ShareRole",
    "SigningAlgorithm",
    "Status",
    "Tamper",
    "TimedOut",
    "Unreachable",
    "any_error",
    "at_least",
    "at_most",
    "check",
    "has_flag",
    "lab_at",
    "lacks_flag",
    "open_lab",
    "other_than",
]

PROMPT: Final = Requirement(
    id="PROMPT",
    section="",
    document="",
    level=Level.MUST,
    capabilities="",
    condition="somebody checks an answer without naming a requirement",
    outcome="the answer is what was asked for",
)
"""What a check at the prompt is judged by, unless it names a requirement of the catalogue."""

CAPTURE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of traffic that are kept; the oldest goes first."""


class PromptLab(Lab):
    """A lab that is not inside a case: closed by hand or by `with`; it shows its traffic at any time."""

    def __init__(self, world: World, target: Target, close: Callable[[], None]) -> None:
        case = Case("prompt.lab", _nothing, (PROMPT.id,), (), Disturbance.RESTART, False, (Variant(),))
        catalogue = shipped().extended([PROMPT])
        super().__init__(case=case, variant=Variant(), world=world, target=target, catalogue=catalogue)
        self.capture = Capture(CAPTURE_LIMIT)
        world.taps.attach(self.capture)
        self._close: Callable[[], None] | None = close

    def transcript(self) -> str:
        """Return everything sent and received so far, decoded, on all channels in one time line."""
        return "\n".join(transcript(self.capture.records))

    def save(self, folder: Path | str) -> Path:
        """Write transcript, capture and keys into a folder and return it; `WIRESHARK_CONFIG_DIR=folder
        wireshark folder/trace.pcapng` shows the capture decrypted. Raises OSError.
        """
        path = Path(folder)
        write_traffic(path, self.capture.records, self.sessions, "prompt")
        return path

    def close(self) -> None:
        """Remove the files that were made, where they would stay, close all connections and stop what was
        started; a second call does nothing.
        """
        close, self._close = self._close, None
        if close is None:
            return
        try:
            if self.target.outlives_a_case and self.created:
                with suppress(CaseStop, Unreachable):
                    self.clean_up()
            self.finish()
        finally:
            close()

    def __enter__(self) -> PromptLab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_lab(
    name: str = "reference", *, seed: int | None = None, targets: Path | str | None = None
) -> PromptLab:
    """Start (or just reach) a target of `targets.yaml` and return a lab for it.

    `name` is what `smbtorture-py run` takes: `nas`, `samba/signing-required`, `reference@windows+DEFECT`.
    `targets` is the file to look in; without it the one of the current folder, else the shipped one. `seed`
    makes names, entropy and the simulated network repeatable. Raises ConfigurationError or TargetError for
    what is wrong with the configuration, TargetUnreachable where nobody speaks SMB.
    """
    used = fresh_seed() if seed is None else seed
    path = find_targets_file(Path.cwd()) if targets is None else Path(targets)
    started = start(select(name, path), used, os.environ)
    return _placed(started.bench.place(used), started.stop)


def lab_at(
    *addresses: str,
    user: str,
    password: str,
    domain: str = "",
    shares: Mapping[ShareRole, str] | str = "",
    directory: str = "",
    second_user: Account | None = None,
    deadline_scale: float = 1.0,
    seed: int | None = None,
) -> PromptLab:
    """Return a lab for a server, without a targets.yaml.

    `addresses` are such as `192.0.2.10`, `192.0.2.10:4450`, `[2001:db8::1]:445`, all of one machine. `shares`
    is the name of a share that may be written to, or a name for each role; what the lab makes stays in its
    folder `directory`. Nothing is asked of the server before the first word. Raises ValueError for an address
    that is none.
    """
    if not addresses:
        raise ValueError("at least one address is needed")
    used = fresh_seed() if seed is None else seed
    roles = {ShareRole.PLAIN: shares} if isinstance(shares, str) and shares else shares
    target = Target(
        name="prompt",
        addresses=tuple(parse_address(text) for text in addresses),
        product="unknown",
        version="",
        user=Account(user, password, domain),
        second_user=second_user,
        shares=roles if isinstance(roles, Mapping) else {},
        directory=directory,
        deadline_scale=deadline_scale,
        outlives_a_case=True,
    )
    return _placed(RemoteBench(target).place(used), _nothing)


def _placed(place: AbstractContextManager[tuple[World, Target]], stop: Callable[[], None]) -> PromptLab:
    """Return the lab of a target that is up; its end is the end of the place, then `stop`."""
    with ExitStack() as stack:
        stack.callback(stop)
        world, target = stack.enter_context(place)
        return PromptLab(world, target, stack.pop_all().close)


def _nothing() -> None:
    """Do nothing."""
