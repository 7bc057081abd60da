"""Probing: what a server really shows, with a handful of ordinary connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from smbtorture_py.client.session import Session
from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, describe
from smbtorture_py.conformance.lab import PATIENCE, Lab, LabConnection, LabSession, Offering
from smbtorture_py.conformance.needs import BY_CIPHER, BY_DIALECT, Capability
from smbtorture_py.conformance.stops import Blocked, CaseStop
from smbtorture_py.conformance.target import ShareRole, Target
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.faults import FaultKind, FaultUnavailable
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.world import World
from smbtorture_py.targets.errors import TargetUnreachable
from smbtorture_py.wire.create import CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import DurableHandleRequest, DurableHandleResponse
from smbtorture_py.wire.fscc.file_system_information import FileFsAttributeInformation
from smbtorture_py.wire.fscc.information_class import FileSystemAttributes, FsInformationClass, InfoType
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateResponse, SecurityMode
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    CompressionCapabilities,
    SigningAlgorithm,
    find,
)
from smbtorture_py.wire.smb1 import DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD, Smb1NegotiateRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import ShareCapabilities, ShareFlags, TreeConnectResponse

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


RESILIENCY_TIMEOUT: Final = 1000
"""Milliseconds."""


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
    """Look at a server, over TCP unless a world is given; `quick` sees only whether it speaks SMB 2.

    Raises TargetUnreachable where nobody listens, or whoever listens does not speak SMB 2.
    """
    used = RealWorld(0) if world is None else world
    try:
        case = Case("probe.target", _nothing, (), (), None, False, (Variant(),))
        lab = Lab(case=case, variant=Variant(), world=used, target=target, catalogue=Catalogue([]))
        connection = _greet(lab)
        found = Probe() if quick else _look(lab, connection)
        if lab.target.needs_cleaning and lab.created:
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
    capabilities.add(Capability.SIGNING_REQUIRED if found.signing_required else Capability.SIGNING_OPTIONAL)
    _log_on(connection, found)
    capabilities |= _of_users(lab)
    for look in (_of_shares, _of_files):
        with suppress(CaseStop, Unreachable):
            capabilities |= look(lab)
    with suppress(FaultUnavailable):
        lab.connect().faults.require(FaultKind.BLACKHOLE)
        capabilities.add(Capability.BLACKHOLE)
    if len(lab.addresses) > 1:
        capabilities.add(Capability.SECOND_ADDRESS)
    found.capabilities = frozenset(capabilities)
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
    context = CompressionCapabilities([CompressionAlgorithm.LZ77]).envelope()
    answer = lab.open_connection(0).negotiate(dialect=Dialect.SMB_3_1_1, extra_contexts=[context])
    if answer.actual is Status.SUCCESS:
        envelopes = answer.body(NegotiateResponse).negotiate_contexts
        chosen = find(envelopes, CompressionCapabilities, [])
        if chosen is not None and any(chosen.compression_algorithms):
            capabilities.add(Capability.COMPRESSION)
    return capabilities


def _of_users(lab: Lab) -> set[Capability]:
    """Return who may log on besides the first user."""
    tries: dict[Capability, Callable[[], Session]] = {
        Capability.SECOND_USER: lambda: lab.logon(lab.second_user).core,
        Capability.GUEST: lambda: lab.logon(lab.guest, guest=True).core,
        Capability.ANONYMOUS: lambda: lab.logon(anonymous=True).core,
    }
    capabilities: set[Capability] = set()
    for capability, log_on in tries.items():
        with suppress(CaseStop, Unreachable):
            session = log_on()
            fits = {Capability.GUEST: session.is_guest, Capability.ANONYMOUS: session.is_anonymous}
            if fits.get(capability, True):
                capabilities.add(capability)
    with suppress(CaseStop, Unreachable):
        if lab.logon().core.encrypt_data:
            capabilities.add(Capability.ENCRYPTED_SESSIONS)
    return capabilities


def _of_shares(lab: Lab) -> set[Capability]:
    """Return which of the declared shares play their role, as far as TREE_CONNECT shows it."""
    session = lab.logon()
    capabilities: set[Capability] = set()
    for role, name in lab.target.shares.items():
        answer = session.tree_connect(name)
        connected = answer.actual is Status.SUCCESS
        body = answer.body(TreeConnectResponse) if connected else None
        shown = {
            ShareRole.ENCRYPTED: body is not None and bool(body.share_flags & ShareFlags.ENCRYPT_DATA),
            ShareRole.CONTINUOUSLY_AVAILABLE: body is not None
            and bool(body.capabilities & ShareCapabilities.CONTINUOUS_AVAILABILITY),
            ShareRole.READ_ONLY: connected and _refuses_files(lab, session, name),
            ShareRole.FORBIDDEN: not connected or _refuses_files(lab, session, name),
        }
        if shown.get(role, False):
            capabilities.add(Capability(f"{role.value}-share"))
    return capabilities


def _refuses_files(lab: Lab, session: LabSession, share: str) -> bool:
    """Tell whether nobody can make a file on a share."""
    return session.tree(share).create(lab.name("probe")).actual is not Status.SUCCESS


def _of_files(lab: Lab) -> set[Capability]:
    """Return what a file on the plain share shows."""
    tree = lab.logon().tree()
    file = tree.open()
    capabilities: set[Capability] = set()
    answer = file.query_info(InfoType.FILESYSTEM, FsInformationClass.FILE_FS_ATTRIBUTE_INFORMATION)
    if answer.actual is Status.SUCCESS:
        volume = FileFsAttributeInformation.decode(answer.data, [])
        flags = volume.file_system_attributes
        if flags & FileSystemAttributes.NAMED_STREAMS:
            capabilities.add(Capability.NAMED_STREAMS)
        if flags & FileSystemAttributes.SUPPORTS_SPARSE_FILES:
            capabilities.add(Capability.SPARSE_FILES)
    if file.ioctl(FsctlCode.SRV_REQUEST_RESUME_KEY).actual is Status.SUCCESS:
        capabilities.add(Capability.COPYCHUNK)
    resiliency = NetworkResiliencyRequest(timeout=RESILIENCY_TIMEOUT).encode()
    if file.ioctl(FsctlCode.LMR_REQUEST_RESILIENCY, resiliency).actual is Status.SUCCESS:
        capabilities.add(Capability.RESILIENCY)
    durable = tree.create(
        requested_oplock_level=OplockLevel.BATCH, contexts=[DurableHandleRequest().envelope()]
    )
    if durable.actual is Status.SUCCESS:
        contexts = durable.body(CreateResponse).contexts
        if any(context.name == DurableHandleResponse.NAME for context in contexts):
            capabilities.add(Capability.DURABLE_HANDLES)
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
