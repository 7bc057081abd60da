"""`run_case`: one case, one variant, one world, one target, one result. Every front end goes through it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import signature
from typing import Final

from smbtorture_py.client.session import Session
from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, UnknownRequirement, shipped
from smbtorture_py.conformance.checks import NO_ANSWER
from smbtorture_py.conformance.control import ControlFailed
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import Need
from smbtorture_py.conformance.stops import Blocked, CaseStop, CheckFailed, Lacking, NotApplicable, TimedOut
from smbtorture_py.conformance.target import Target
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.taps import Capture, CaptureRecord
from smbtorture_py.net.world import World
from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.wire.negotiate import Dialect

CAPTURE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of traffic that are kept of one case; the oldest goes first."""

_MAY_HIDE_A_CRASH: Final = frozenset({Outcome.FAIL, Outcome.PASS, Outcome.WARN})
_MAY_HIDE_A_HANG: Final = frozenset({Outcome.BLOCKED, Outcome.TIMEOUT})


@dataclass(slots=True, frozen=True, kw_only=True)
class CaseResult:
    """What one run of one case came to.

    `observations` hold nothing that differs between worlds. `capture` and `sessions` (for their keys) are the
    raw material of evidence. `duration` is in seconds of the world.
    """

    case: Case
    variant: Variant
    outcome: Outcome
    reason: str = ""
    lacking: tuple[str, ...] = ()
    requirement: str = ""
    behaviour: str | None = None
    actual: str = ""
    observations: tuple[Observation, ...] = ()
    started: float = 0.0
    duration: float = 0.0
    seed: int = 0
    capture: Sequence[CaptureRecord] = field(default=(), repr=False)
    capture_dropped: int = 0
    sessions: Sequence[Session] = field(default=(), repr=False)

    @property
    def full_id(self) -> str:
        """`case` or `case/variant`."""
        return self.case.full_id(self.variant)


def run_case(
    case: Case,
    variant: Variant,
    world: World,
    target: Target,
    seed: int,
    catalogue: Catalogue | None = None,
    *,
    captures: bool = True,
) -> CaseResult:
    """Run one case in one variant against a target that is up; never raises for what case or server do.

    `seed` is the one `world` was made with; it goes into the result, for the line that reproduces it. Without
    `captures` nobody listens to the traffic, and the result has none.
    """
    lacking = target.lacks(case.needs_of(variant))
    if lacking:
        stop = Lacking(lacking)
        return CaseResult(
            case=case,
            variant=variant,
            outcome=_without(stop),
            reason=str(stop),
            lacking=_names(lacking),
            seed=seed,
        )
    capture = Capture(CAPTURE_LIMIT)
    if captures:
        world.taps.attach(capture)
    started = world.now
    lab = Lab(case=case, variant=variant, world=world, target=target, catalogue=catalogue or shipped())
    outcome, reason = _execute(lab)
    if outcome is Outcome.PASS:
        outcome, reason = _sum_up(lab)
    if case.disturbs is not None and target.control is not None:
        # A case may have ended while the server was stopped: that is no crash.
        with suppress(ControlFailed):
            target.control.restore()
    if not _still_answers(lab, outcome):
        outcome, reason = (
            Outcome.CRASH,
            f"the server no longer answers; before that: {reason or outcome.value}",
        )
    duration = world.now - started
    if captures:
        world.taps.detach(capture)
    _leave(lab)
    deciding = _deciding(lab.observations)
    return CaseResult(
        case=case,
        variant=variant,
        outcome=outcome,
        reason=reason,
        lacking=_names(lab.lacking),
        requirement=deciding.requirement if deciding is not None else case.requirements[0],
        behaviour=deciding.behaviour if deciding is not None else None,
        actual=deciding.actual if deciding is not None else "",
        observations=tuple(lab.observations),
        started=started,
        duration=duration,
        seed=seed,
        capture=capture.records,
        capture_dropped=capture.dropped,
        sessions=tuple(dict.fromkeys(lab.sessions)),
    )


def _without(stop: Lacking) -> Outcome:
    """Return what a case comes to that cannot do without what is lacking."""
    return Outcome.BLOCKED if stop.is_setup else Outcome.NOT_APPLICABLE


def _names(needs: Sequence[Need]) -> tuple[str, ...]:
    return tuple(need.label for need in needs)


@lru_cache(maxsize=64)
def _parameters(function: Callable[..., None]) -> frozenset[str]:
    """Return the names a case's function takes; variant after variant asks for those of the same one."""
    return frozenset(signature(function).parameters)


def _execute(lab: Lab) -> tuple[Outcome, str]:
    """Call the case's function and tell how it ended."""
    wanted = _parameters(lab.case.function)
    arguments = {name: value for name, value in lab.variant.parameters.items() if name in wanted}
    try:
        lab.case.function(lab, **arguments)
    except CheckFailed as stop:
        return Outcome.FAIL, str(stop)
    except Blocked as stop:
        return Outcome.BLOCKED, str(stop)
    except NotApplicable as stop:
        return Outcome.NOT_APPLICABLE, str(stop)
    except Lacking as stop:
        return _without(stop), str(stop)
    except TimedOut as stop:
        return Outcome.TIMEOUT, str(stop)
    except Unreachable as stop:
        return Outcome.BLOCKED, f"no connection: {stop}"
    except ControlFailed as stop:
        return Outcome.BLOCKED, str(stop)
    except UnknownRequirement as stop:
        return Outcome.ERROR, str(stop.args[0])
    # Whatever else a case (or the suite under it) raises is the suite's own mistake and becomes a record.
    except Exception as mistake:  # noqa: BLE001
        return Outcome.ERROR, "".join(traceback.format_exception(mistake)).rstrip()
    return Outcome.PASS, ""


def _sum_up(lab: Lab) -> tuple[Outcome, str]:
    """Return what a case that reached its last line came to."""
    if not lab.observations:
        return Outcome.ERROR, "the case checked nothing"
    violations = [violation for connection in lab.connections for violation in connection.violations]
    if violations:
        return Outcome.FAIL, "what a client must not accept: " + "; ".join(str(one) for one in violations)
    warnings = [one for one in lab.observations if one.outcome is Outcome.WARN]
    if warnings:
        return Outcome.WARN, "; ".join(f"{one.what}: {one.behaviour} ({one.actual})" for one in warnings)
    judged = [one for one in lab.observations if not one.what.endswith("(still alive)")]
    observed = [one for one in judged if one.outcome is Outcome.OBSERVED]
    if observed and len(observed) == len(judged):
        told = (f"{one.what}: {one.behaviour or 'other'} ({one.actual})" for one in observed)
        return Outcome.OBSERVED, "; ".join(told)
    return Outcome.PASS, ""


def _leave(lab: Lab) -> None:
    """End the case's connections, and remove its files where they would stay."""
    if lab.target.outlives_a_case and lab.created:
        with suppress(CaseStop, Unreachable):
            lab.clean_up()
    lab.finish()


def _still_answers(lab: Lab, outcome: Outcome) -> bool:
    """Tell whether the server still takes a new connection and negotiates on it, and answers who logs on.

    A server may hang where sessions end and begin, and negotiate all the same. Where nobody logs on the
    plainest NEGOTIATE of another client will do: a server answers it though it may not speak the dialect. Its
    ClientGuid is nobody else's, because some servers forget what a client holds when a connection of it ends.

    A server made for this case alone is not asked unless it may hang: it runs in this process, where what
    brings it down is an error of the case already, and no other case comes after this one.
    """
    may_hang = outcome in _MAY_HIDE_A_HANG
    may_be_down = outcome in _MAY_HIDE_A_CRASH and lab.target.outlives_a_case
    if not (may_hang or may_be_down):
        return True
    try:
        connection = lab.open_connection(0, name="afterwards")
    except Unreachable:
        return False
    if may_hang:
        answers = connection.negotiate().arrived and connection.session_setup().actual is not NO_ANSWER
    else:
        answers = connection.negotiate(dialect=Dialect.SMB_2_0_2, client_guid=lab.guid()).arrived
    connection.close()
    return answers


def _deciding(observations: Sequence[Observation]) -> Observation | None:
    """Return the observation that the outcome rests on: the first of the worst."""
    for outcome in (Outcome.FAIL, Outcome.WARN, Outcome.OBSERVED):
        for one in observations:
            if one.outcome is outcome:
                return one
    return None
