"""Probing: what a server really shows, with a handful of ordinary connections."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, describe
from smbtorture_py.conformance.lab import PATIENCE, Lab, LabConnection
from smbtorture_py.conformance.needs import BY_DIALECT, Capability
from smbtorture_py.conformance.showing import LOOKS
from smbtorture_py.conformance.stops import Blocked, CaseStop
from smbtorture_py.conformance.target import Target
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.world import World
from smbtorture_py.targets.errors import TargetUnreachable
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.status import Status


@dataclass(slots=True)
class Probe:
    """What a server showed; sizes in bytes, addresses as advertised."""

    dialects: list[str] = field(default_factory=list)
    capabilities: frozenset[Capability] = frozenset()
    signing_required: bool = False
    max_transact_size: int = 0
    max_read_size: int = 0
    max_write_size: int = 0
    logon: str = ""
    """Status of a logon as the first user."""
    interfaces: list[dict[str, object]] = field(default_factory=list)
    interfaces_status: str = ""


def probe(target: Target, world: World | None = None, *, quick: bool = False) -> Probe:
    """Look at a server, over TCP unless a world is given; `quick` sees only whether it speaks SMB 2 and
    answers a user who logs on.

    Raises TargetUnreachable where nobody listens, or whoever listens speaks no SMB 2, or hangs (`quick`).
    """
    used = RealWorld(0) if world is None else world
    try:
        case = Case("probe.target", _nothing, (), (), None, False, (Variant(),))
        lab = Lab(case=case, variant=Variant(), world=used, target=target, catalogue=Catalogue([]))
        connection = _greet(lab)
        if quick:
            _require_a_logon(connection)
        found = Probe() if quick else _look(lab, connection)
        if lab.target.outlives_a_case and lab.created:
            with suppress(CaseStop, Unreachable):
                lab.clean_up()
        lab.finish()
        return found
    finally:
        if world is None:
            used.close()


def _nothing(_lab: Lab) -> None:
    """Stand in for the function of a case."""


def _look(lab: Lab, connection: LabConnection) -> Probe:
    """Return everything that can be seen with ordinary requests."""
    found = Probe(
        signing_required=bool(connection.core.server_security_mode & SecurityMode.SIGNING_REQUIRED),
        max_transact_size=connection.core.max_transact_size,
        max_read_size=connection.core.max_read_size,
        max_write_size=connection.core.max_write_size,
    )
    _log_on(connection, found)
    found.capabilities = frozenset(one for look in LOOKS for one in look.shown(lab))
    shown = (need for need in BY_DIALECT.values() if need.met_by(found.capabilities))
    found.dialects = [need.label for need in shown]
    return found


def _greet(lab: Lab) -> LabConnection:
    """Return a negotiated connection, or say why there is none."""
    for address in lab.addresses:
        try:
            connection = lab.open_connection(address)
        except Unreachable as error:
            raise TargetUnreachable(f"target {lab.target.name}: {error}") from None
        answer = connection.negotiate()
        if answer.arrived and connection.dialect:
            continue
        if answer.actual is NO_ANSWER:
            what = f"is silent: no answer to NEGOTIATE within {lab.seconds(PATIENCE):g} s"
        elif answer.actual is DISCONNECT:
            what = "closes the connection on NEGOTIATE: not an SMB 2 server?"
        else:
            what = f"answers NEGOTIATE with {describe(answer.actual)}: not an SMB 2 server?"
        raise TargetUnreachable(f"target {lab.target.name}: {address}: {what}")
    return lab.connections[0]


def _require_a_logon(connection: LabConnection) -> None:
    """Say that a server hangs which negotiates and does not answer SESSION_SETUP any more."""
    if connection.session_setup().actual is NO_ANSWER:
        what = "negotiates, and does not answer who logs on"
        raise TargetUnreachable(f"target {connection.lab.target.name}: {what}")


def _log_on(connection: LabConnection, found: Probe) -> None:
    try:
        answer = connection.session_setup()
        found.logon = describe(answer.actual)
        interfaces = answer.session.interfaces()
    except Blocked as stop:
        found.interfaces_status = str(stop)
        return
    found.interfaces_status = describe(Status.SUCCESS)
    found.interfaces = [
        {
            "index": one.if_index,
            "address": str(one.address),
            "link_speed": one.link_speed,
            "capability": int(one.capability),
        }
        for one in interfaces
    ]
