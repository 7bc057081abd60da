"""Probing: what a server really shows, with a handful of ordinary connections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, describe
from smbtorture_py.conformance.lab import PATIENCE, Lab, LabConnection, Offering
from smbtorture_py.conformance.needs import BY_CIPHER, BY_DIALECT, Capability
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.conformance.target import Target
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.world import World
from smbtorture_py.targets.errors import TargetUnreachable
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.smb1 import DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD, Smb1NegotiateRequest
from smbtorture_py.wire.status import Status

_BY_FLAG: Final = {
    Capabilities.DFS: Capability.DFS,
    Capabilities.LEASING: Capability.LEASING,
    Capabilities.LARGE_MTU: Capability.LARGE_MTU,
    Capabilities.MULTI_CHANNEL: Capability.MULTI_CHANNEL,
    Capabilities.PERSISTENT_HANDLES: Capability.PERSISTENT_HANDLES,
    Capabilities.DIRECTORY_LEASING: Capability.DIRECTORY_LEASING,
    Capabilities.ENCRYPTION: Capability.ENCRYPTION,
    Capabilities.NOTIFICATIONS: Capability.NOTIFICATIONS,
}


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


def probe(target: Target, world: World | None = None) -> Probe:
    """Look at a server, over TCP unless a world is given; raises TargetUnreachable where nobody listens, or
    whoever listens does not speak SMB 2.
    """
    used = RealWorld(0) if world is None else world
    try:
        case = Case("probe.target", _nothing, (), (), None, False, (Variant(),))
        return _probe(Lab(case=case, variant=Variant(), world=used, target=target, catalogue=Catalogue([])))
    finally:
        if world is None:
            used.close()


def _nothing(_lab: Lab) -> None:
    """Stand in for the function of a case."""


def _probe(lab: Lab) -> Probe:
    connection = _greet(lab)
    found = Probe(
        signing_required=bool(connection.core.server_security_mode & SecurityMode.SIGNING_REQUIRED),
        max_transact_size=connection.core.max_transact_size,
        max_read_size=connection.core.max_read_size,
        max_write_size=connection.core.max_write_size,
    )
    capabilities: set[Capability] = set()
    for dialect in Dialect:
        if dialect in BY_DIALECT and (one := _negotiated(lab, {"dialect": dialect})) is not None:
            found.dialects.append(BY_DIALECT[dialect].label)
            capabilities |= BY_DIALECT[dialect].any_of
            flags = one.core.server_capabilities
            capabilities |= {capability for flag, capability in _BY_FLAG.items() if flags & flag}
    if Capability.SMB_3_1_1 in capabilities:
        capabilities |= _of_contexts(lab)
    if _answers_smb1(lab):
        capabilities.add(Capability.SMB1_NEGOTIATE)
    if not found.signing_required:
        capabilities.add(Capability.SIGNING_OPTIONAL)
    _log_on(connection, found)
    found.capabilities = frozenset(capabilities)
    lab.finish()
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


def _negotiated(lab: Lab, offering: Offering) -> LabConnection | None:
    connection = lab.open_connection(0)
    answer = connection.negotiate(**offering)
    return connection if answer.actual is Status.SUCCESS and connection.dialect else None


def _answers_smb1(lab: Lab) -> bool:
    """Tell whether the server takes an SMB_COM_NEGOTIATE that offers SMB2."""
    request = Smb1NegotiateRequest(dialects=[DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD])
    return lab.open_connection(0).smb1_negotiate(request).actual is Status.SUCCESS


def _of_contexts(lab: Lab) -> set[Capability]:
    """Return what the negotiate contexts of 3.1.1 show."""
    capabilities: set[Capability] = set()
    for cipher in Cipher:
        if cipher in BY_CIPHER:
            one = _negotiated(lab, {"dialect": Dialect.SMB_3_1_1, "cipher": cipher})
            if one is not None and one.core.cipher_id == cipher:
                capabilities |= BY_CIPHER[cipher].any_of | {Capability.ENCRYPTION}
    for algorithm in (SigningAlgorithm.AES_CMAC, SigningAlgorithm.AES_GMAC):
        one = _negotiated(lab, {"dialect": Dialect.SMB_3_1_1, "signing_algorithm": algorithm})
        if one is not None and one.core.signing_algorithm_id == algorithm:
            capabilities.add(Capability.SIGNING_CAPABILITIES)
            if algorithm is SigningAlgorithm.AES_GMAC:
                capabilities.add(Capability.AES_GMAC)
    return capabilities


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
