"""Hooks: the commands of an external target, run with time limits, their output kept."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Final

from smbtorture_py.conformance.control import Action, Control, ControlFailed
from smbtorture_py.results.records import HookRecord
from smbtorture_py.targets.model import HookModel, HooksModel

OUTPUT_LIMIT: Final = 65536
"""Bytes of a command's output that are kept: its end."""

Listener = Callable[[HookRecord], None]
"""Is told of every command that was run."""


def run_hook(
    hook: str, model: HookModel, *, address: str = "", configuration: str = "", heard: Listener
) -> HookRecord:
    """Run a command to its end or its time limit; never raises for what it does.

    Output goes to a file, so that a server that the command leaves running does not keep us waiting. At the
    time limit the command's whole process group is ended.
    """
    command = command_of(model, address=address, configuration=configuration)
    started = time.monotonic()
    code: int | None = None
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            text = f"cannot be started: {error.strerror or error}"
        else:
            try:
                code = process.wait(model.timeout)
                text = ""
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                text = f"\nended after {model.timeout:g} s"
            output.seek(max(0, output.seek(0, os.SEEK_END) - OUTPUT_LIMIT))
            text = output.read().decode(errors="replace") + text
    record = HookRecord(
        hook=hook,
        command=shlex.join(command),
        exit_code=code,
        output=text,
        duration=round(time.monotonic() - started, 3),
    )
    heard(record)
    return record


def command_of(model: HookModel, *, address: str = "", configuration: str = "") -> list[str]:
    """Return the command line with its fields filled in."""
    return [word.format(address=address, configuration=configuration) for word in model.command]


def explain(record: HookRecord) -> str:
    """Return in one line how a command failed."""
    said = record.output.strip().splitlines()
    how = "did not end by itself" if record.exit_code is None else f"failed with {record.exit_code}"
    return f"hook {record.hook} ({record.command}) {how}: {said[-1] if said else 'it said nothing'}"


class HookControl(Control):
    """Controls a server by its hooks; `configuration` fills their field of that name."""

    def __init__(self, hooks: HooksModel, configuration: str, heard: Listener) -> None:
        super().__init__()
        self._hooks = {
            action: model for action in Action if (model := getattr(hooks, action.value)) is not None
        }
        self._configuration = configuration
        self._heard = heard

    @property
    def actions(self) -> frozenset[Action]:
        """What there is a hook for."""
        return frozenset(self._hooks)

    def perform(self, action: Action, address: str = "") -> str:
        """Run the hook; raises ControlFailed where it fails."""
        record = run_hook(
            action.value,
            self._hooks[action],
            address=address,
            configuration=self._configuration,
            heard=self._heard,
        )
        if record.exit_code != 0:
            raise ControlFailed(explain(record))
        return record.output
