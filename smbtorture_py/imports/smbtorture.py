"""What Samba's smbtorture prints: its own dialect of subunit version 1, in both of its formats."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from smbtorture_py.imports.outside import NotReadable, OutsideResult, OutsideRun
from smbtorture_py.results.outcome import Outcome

SUITE: Final = "smbtorture"
OUTCOMES: Final = {
    "success": Outcome.PASS,
    "successful": Outcome.PASS,
    "uxsuccess": Outcome.FAIL,
    "failure": Outcome.FAIL,
    "xfail": Outcome.FAIL,
    "knownfail": Outcome.FAIL,
    "error": Outcome.ERROR,
    "skip": Outcome.BLOCKED,
}
"""The word before a test's name, and what it means. Expected failures are failures: whose they are is for a
baseline to say."""

_WORDS: Final = "|".join(OUTCOMES)
_OUTCOME: Final = re.compile(rf"^({_WORDS}): (.+?)( \[(?: multipart)?)?$")
_TIME: Final = re.compile(r"^time: (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)?$")
_BEGIN: Final = re.compile(r"^test(?:ing)?: (.+)$")
_END_OF_REASON: Final = "]"


def read(text: str, group: str = "") -> OutsideRun:
    """Read what a run of one suite printed; names that begin with `smb2.` and the like say their group
    themselves.

    Raises NotReadable where there is neither a test nor an outcome.
    """
    run = OutsideRun(SUITE)
    now = began = 0.0
    running: str | None = None
    pending: tuple[str, Outcome] | None = None
    reason: list[str] = []

    def done(name: str, outcome: Outcome, told: str) -> None:
        where, what = _split(name, group)
        run.results.append(OutsideResult(where, what, outcome, told, round(now - began, 3)))

    for line in text.splitlines():
        if pending is not None:
            if line == _END_OF_REASON:
                done(*pending, "\n".join(reason))
                pending, running = None, None
            else:
                reason.append(line)
        elif found := _TIME.match(line):
            moment = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
            now = moment.timestamp()
            run.started = run.started or moment.isoformat(timespec="seconds")
        elif found := _BEGIN.match(line):
            if running is not None:
                run.unfinished.append(_split(running, group))
            running, began = found[1], now
        elif found := _OUTCOME.match(line):
            name, outcome = found[2], OUTCOMES[found[1]]
            if found[3]:
                pending, reason = (name, outcome), []
            else:
                done(name, outcome, "")
                running = None
    if pending is not None:
        done(*pending, "\n".join(reason))
    elif running is not None:
        run.unfinished.append(_split(running, group))
    if not run.results and not run.unfinished:
        raise NotReadable("holds no test of smbtorture: neither `test:` nor an outcome")
    return run


def _split(name: str, group: str) -> tuple[str, str]:
    """Return group and name: `smb2.session.reconnect1` is `smb2.session` and `reconnect1`."""
    if group:
        return group, name.removeprefix(f"{group}.")
    where, _, what = name.rpartition(".")
    return where, what
