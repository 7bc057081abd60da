"""Judging by named behaviours: `check(answer, specification=..., windows=...)`.

`specification` and every name that starts with `permitted` are allowed by the text: a pass. Any other name (a
product or any word) is a behaviour somebody is known to show: with a MUST it fails with the behaviour
recorded, with a SHOULD it warns, with a MAY it passes, and where the specification is silent it is observed.
What matches no name is unexpected and fails, unless the specification is silent. Every check leaves an
Observation in the lab.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from smbtorture_py.conformance.catalogue import Level, Requirement
from smbtorture_py.conformance.stops import CheckFailed, TimedOut
from smbtorture_py.results.observation import Observation
from smbtorture_py.results.outcome import Outcome
from smbtorture_py.wire.status import Status, status_name

if TYPE_CHECKING:
    from smbtorture_py.conformance.answer import Answer
    from smbtorture_py.conformance.lab import Lab, LabSession

SPECIFICATION: Final = "specification"
PERMITTED: Final = "permitted"
MAX_SHOWN: Final = 64


class NoStatus(Enum):
    """What can come instead of a status."""

    DISCONNECT = "DISCONNECT"
    NO_ANSWER = "NO_ANSWER"
    BROKEN_FRAMING = "BROKEN_FRAMING"
    """What came cannot be cut into messages."""
    UNREADABLE = "UNREADABLE"
    CLOSED_HERE = "CLOSED_HERE"
    """The case itself closed the connection."""


DISCONNECT: Final = NoStatus.DISCONNECT
"""The server closed the connection without a response; FIN and RST count alike."""
NO_ANSWER: Final = NoStatus.NO_ANSWER
"""Nothing came by the deadline and the connection is still there."""
UNREADABLE: Final = NoStatus.UNREADABLE
"""What came is encrypted, and not so that the client could decrypt it."""


@dataclass(slots=True, frozen=True)
class Where:
    """An expected value given by a condition: `name` is how it reads in a report."""

    name: str
    holds: Callable[[object], bool]

    def __str__(self) -> str:
        return self.name


Plain: TypeAlias = Status | NoStatus | int | str | bytes | bool | None
Expected: TypeAlias = Plain | Where | Callable[..., bool] | Sequence["Plain | Where"]
"""A status, DISCONNECT, NO_ANSWER or plain value; a condition; or several of them, any of which will do."""


def at_least(minimum: int) -> Where:
    """Expect a number that is not below `minimum`."""
    return Where(f"at least {minimum}", lambda actual: isinstance(actual, int) and actual >= minimum)


def at_most(maximum: int) -> Where:
    """Expect a number that is not above `maximum`."""
    return Where(f"at most {maximum}", lambda actual: isinstance(actual, int) and actual <= maximum)


def has_flag(flag: int) -> Where:
    """Expect all bits of `flag` to be set."""
    return Where(f"has {describe(flag)}", lambda actual: isinstance(actual, int) and actual & flag == flag)


def lacks_flag(flag: int) -> Where:
    """Expect all bits of `flag` to be clear."""
    return Where(f"lacks {describe(flag)}", lambda actual: isinstance(actual, int) and not actual & flag)


def other_than(*values: Plain) -> Where:
    """Expect anything but these values."""
    return Where(
        "other than " + " or ".join(describe(v) for v in values), lambda actual: actual not in values
    )


def any_error() -> Where:
    """Expect a refusal, whichever.

    That is an NTSTATUS of severity error other than MORE_PROCESSING_REQUIRED, which asks for more, or an
    HRESULT of the security packages (SEC_E_INVALID_TOKEN and others, [MS-SMB2] 3.3.5.5.3).
    """
    return Where("an error status", _is_error)


def _is_error(actual: object) -> bool:
    if not isinstance(actual, int) or isinstance(actual, bool) or actual == Status.MORE_PROCESSING_REQUIRED:
        return False
    return actual >> 30 == _ERROR_SEVERITY or actual >> 16 == _SECURITY_HRESULT


_ERROR_SEVERITY: Final = 3
_SECURITY_HRESULT: Final = 0x8009
"""Failure, FACILITY_SECURITY ([MS-ERREF] 2.1)."""


def describe(value: object) -> str:
    """Return how a value reads in an observation: a status by its name, bytes in hex (cut when long)."""
    if isinstance(value, Status):
        return status_name(value)
    if isinstance(value, IntFlag):
        return f"{value.name or 'none'} (0x{int(value):x})"
    if isinstance(value, IntEnum):
        return f"{value.name} (0x{int(value):x})"
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Where):
        return value.name
    if isinstance(value, bytes | bytearray | memoryview):
        raw = bytes(value[:MAX_SHOWN])
        return f"{raw.hex()}{'...' if len(value) > MAX_SHOWN else ''} ({len(value)} bytes)"
    if callable(value):
        return str(getattr(value, "__name__", "a condition")).replace("_", " ")
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Sequence):
        return " or ".join(describe(one) for one in value)
    return str(value)


def matches(expected: Expected, actual: object) -> bool:
    """Tell whether `actual` is one of what is expected."""
    if isinstance(expected, Where):
        return expected.holds(actual)
    if isinstance(expected, str | bytes | Enum) or expected is None:
        return type_aware_equal(expected, actual)
    if callable(expected):
        return bool(expected(actual))
    if isinstance(expected, Sequence):
        return any(matches(one, actual) for one in expected)
    return type_aware_equal(expected, actual)


def type_aware_equal(expected: object, actual: object) -> bool:
    """Compare, taking any two buffers of equal bytes as equal."""
    if isinstance(expected, bytes) and isinstance(actual, bytearray | memoryview):
        return expected == bytes(actual)
    return expected == actual


class HasLab(Protocol):
    """Whatever belongs to a lab: an answer, a connection, a session, a tree, an open."""

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        ...


@dataclass(slots=True, frozen=True)
class Place:
    """Where in the traffic something can be seen: a received message, and a field of it."""

    channel: str = ""
    message_id: int | None = None
    field: str = ""

    @classmethod
    def of(cls, answer: Answer, field: str) -> Place:
        """Return the place of a field of an answer."""
        return cls(answer.connection.name, answer.exchange.request.header.message_id, field)


STATUS: Final = "status"
PROTECTION: Final = "header.flags"
NOWHERE: Final = Place()


class Check:
    """The type of `check`; it keeps nothing: observations go to the lab of what is checked."""

    __slots__ = ()

    def __call__(self, answer: Answer, *, requirement: str | None = None, **behaviours: Expected) -> None:
        """Judge what came as an answer: its status, DISCONNECT or NO_ANSWER.

        Raises CheckFailed for a failure, TimedOut where nothing came and no behaviour expects that.
        """
        actual = answer.actual
        if actual is NO_ANSWER and not any(matches(expected, actual) for expected in behaviours.values()):
            raise TimedOut(
                f"{answer.label}: no answer after {answer.waited:g} s, expected {_list(behaviours)}"
            )
        judge(answer.lab, answer.label, actual, behaviours, requirement, place=Place.of(answer, STATUS))

    def field(
        self, answer: Answer, name: str, *, requirement: str | None = None, **behaviours: Expected
    ) -> None:
        """Judge one field of the answer's body (`max_read_size`, dotted for fields within) or header
        (`header.flags`).

        An answer that is not there or is an error response blocks the case: its status is to be checked
        before.
        """
        what = f"{answer.label}: {name}"
        judge(answer.lab, what, answer.field(name), behaviours, requirement, place=Place.of(answer, name))

    def protection(self, answer: Answer, *, requirement: str | None = None, **behaviours: Expected) -> None:
        """Judge how the response is protected, by `conformance.answer.Protection`; an answer that is not
        there blocks the case.
        """
        what = f"{answer.label}: protection of the response"
        place = Place.of(answer, PROTECTION)
        judge(answer.lab, what, answer.protection, behaviours, requirement, place=place)

    def that(
        self,
        subject: HasLab,
        what: str,
        actual: object,
        *,
        requirement: str | None = None,
        **behaviours: Expected,
    ) -> None:
        """Judge any value; `subject` is whatever it belongs to, `what` how it reads in the report."""
        judge(subject.lab, what, actual, behaviours, requirement)

    def alive(self, session: LabSession) -> None:
        """Check that every channel of the session that the case has not ended itself still answers an ECHO.

        The ECHO is signed where the session has a key: an unsigned one is answered without a session. A
        channel that is gone fails the case whatever the level of its requirement.
        """
        for channel in session.must_be_alive:
            answer = channel.echo(session, signed=True if session.signs else None)
            judge(
                session.lab,
                f"{answer.label} (still alive)",
                answer.actual,
                {SPECIFICATION: Status.SUCCESS},
                None,
                level=Level.MUST,
                place=Place.of(answer, STATUS),
            )


check: Final = Check()
"""Judge an answer; see the module."""


def judge(
    lab: Lab,
    what: str,
    actual: object,
    behaviours: dict[str, Expected],
    requirement_id: str | None,
    *,
    level: Level | None = None,
    place: Place | None = None,
) -> Observation:
    """Compare `actual` with the named behaviours, record the observation, and raise CheckFailed for a
    failure; `level` None: the requirement's; `place` is where in the traffic it can be seen.
    """
    if not behaviours:
        raise ValueError(f"the check of {what} names no behaviour")
    requirement = lab.requirement(requirement_id)
    behaviour = next((name for name, expected in behaviours.items() if matches(expected, actual)), None)
    level = level or requirement.level
    observation = Observation(
        step=len(lab.observations) + 1,
        what=what,
        requirement=requirement.id,
        level=level.value,
        expected=tuple(f"{name}: {describe(expected)}" for name, expected in behaviours.items()),
        actual=describe(actual),
        behaviour=behaviour,
        outcome=worth(behaviour, level),
    )
    lab.observations.append(observation)
    _note(lab, observation, requirement, place or NOWHERE)
    if observation.outcome is Outcome.FAIL:
        raise CheckFailed(explain(observation, requirement))
    return observation


def _note(lab: Lab, seen: Observation, requirement: Requirement, place: Place) -> None:
    """Leave in the traffic what was checked here; what is not as it should be with the requirement's text."""
    is_complaint = seen.outcome in (Outcome.FAIL, Outcome.WARN)
    told = [
        f"check {seen.step} {seen.outcome}: {seen.what}: {seen.actual} [{seen.behaviour or 'unexpected'}]"
    ]
    if is_complaint:
        told += [f"expected {line}" for line in seen.expected]
        told.append(f"{requirement.id} [{requirement.level}] {requirement.source}".rstrip())
        told += [f"when {requirement.condition}", f"then {requirement.outcome}"]
    lab.world.taps.note(
        lab.world.now,
        "\n".join(told),
        is_complaint=is_complaint,
        channel=place.channel,
        message_id=place.message_id,
        field=place.field,
    )


def worth(behaviour: str | None, level: Level) -> Outcome:
    """Return what a matched behaviour (None: none matched) is worth under a requirement of this level."""
    if behaviour is not None and (behaviour == SPECIFICATION or behaviour.startswith(PERMITTED)):
        return Outcome.OBSERVED if level is Level.SILENT else Outcome.PASS
    if level is Level.SILENT:
        return Outcome.OBSERVED
    if behaviour is None or level.is_binding:
        return Outcome.FAIL
    return Outcome.WARN if level.is_advice else Outcome.PASS


def explain(observation: Observation, requirement: Requirement) -> str:
    """Return the message of a failure: requirement, what was looked at, what was expected, what came."""
    title = (
        f"unexpected: {observation.actual}"
        if observation.behaviour is None
        else f"{observation.actual}: behaviour {observation.behaviour!r} does not meet a {requirement.level}"
    )
    return "\n".join(
        [
            f"{observation.what}: {title}",
            f"  requirement  {requirement.id} [{requirement.level}]"
            + (f" ({requirement.source})" if requirement.source else ""),
            f"               when {requirement.condition}",
            f"               then {requirement.outcome}",
            *(f"  expected     {line}" for line in observation.expected),
            f"  actual       {observation.actual}",
        ]
    )


def _list(behaviours: dict[str, Expected]) -> str:
    return ", ".join(f"{name}: {describe(expected)}" for name, expected in behaviours.items())
