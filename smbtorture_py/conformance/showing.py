"""What a server shows of its capabilities with ordinary requests: for probes, and for cases about what is
declared.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from smbtorture_py.client.session import Session
from smbtorture_py.conformance.lab import Lab, LabConnection, LabSession, Offering
from smbtorture_py.conformance.lab.handle_contexts import RWH, durable, lease_v1
from smbtorture_py.conformance.needs import BY_CIPHER, BY_DIALECT, Capability
from smbtorture_py.conformance.stops import CaseStop
from smbtorture_py.conformance.target import SHARE_CAPABILITIES, ShareRole
from smbtorture_py.net.core import Unreachable
from smbtorture_py.net.faults import FaultKind, FaultUnavailable
from smbtorture_py.wire.create import AccessMask, CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import DurableHandleResponse
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


_BY_SHARE_FLAG: Final = {
    ShareRole.ENCRYPTED: ShareFlags.ENCRYPT_DATA,
    ShareRole.LEVEL_2: ShareFlags.FORCE_LEVELII_OPLOCK,
}
_BY_SHARE_CAPABILITY: Final = {
    ShareRole.CONTINUOUSLY_AVAILABLE: ShareCapabilities.CONTINUOUS_AVAILABILITY,
    ShareRole.SCALE_OUT: ShareCapabilities.SCALEOUT,
}
_OF_3_0: Final = (Dialect.SMB_3_0, Dialect.SMB_3_0_2)
RESILIENCY_TIMEOUT: Final = 1000
"""Milliseconds."""


@dataclass(slots=True, frozen=True)
class Look:
    """One way to look at a server, and the capabilities that can be seen that way."""

    sees: frozenset[Capability]
    look: Callable[[Lab], set[Capability]]

    def shown(self, lab: Lab) -> set[Capability]:
        """Return what the server shows; what it refuses is not shown."""
        try:
            return self.look(lab) & self.sees
        except (CaseStop, Unreachable):
            return set()


def shows(lab: Lab, capability: Capability) -> bool:
    """Tell whether the server shows a capability in one of the ways that it can be seen in."""
    return any(capability in look.shown(lab) for look in LOOKS if capability in look.sees)


def _of_dialects(lab: Lab) -> set[Capability]:
    """Return which dialects are there, and the flags of each."""
    capabilities: set[Capability] = set()
    for dialect in Dialect:
        if dialect in BY_DIALECT and (one := _negotiated(lab, {"dialect": dialect})) is not None:
            capabilities |= BY_DIALECT[dialect].any_of
            flags = one.core.server_capabilities
            capabilities |= {capability for flag, capability in _BY_FLAG.items() if flags & flag}
            if dialect in _OF_3_0 and flags & Capabilities.ENCRYPTION:
                # The only cipher of these dialects ([MS-SMB2] 3.3.5.2.1.1).
                capabilities.add(Capability.AES_128_CCM)
            required = one.core.server_security_mode & SecurityMode.SIGNING_REQUIRED
            capabilities.add(Capability.SIGNING_REQUIRED if required else Capability.SIGNING_OPTIONAL)
    return capabilities


def _of_smb1(lab: Lab) -> set[Capability]:
    """Return whether the server takes an SMB_COM_NEGOTIATE that offers SMB2."""
    request = Smb1NegotiateRequest(dialects=[DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD])
    answer = lab.open_connection(0).smb1_negotiate(request)
    return {Capability.SMB1_NEGOTIATE} if answer.actual is Status.SUCCESS else set()


def _of_machine(lab: Lab) -> set[Capability]:
    """Return what the way to the server allows."""
    capabilities = {Capability.SECOND_ADDRESS} if len(lab.addresses) > 1 else set()
    with suppress(FaultUnavailable):
        lab.connect().faults.require(FaultKind.BLACKHOLE)
        capabilities.add(Capability.BLACKHOLE)
    return capabilities


def _negotiated(lab: Lab, offering: Offering) -> LabConnection | None:
    connection = lab.open_connection(0)
    answer = connection.negotiate(**offering)
    return connection if answer.actual is Status.SUCCESS and connection.dialect else None


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
    """Return which of the declared shares play their role."""
    session = lab.logon()
    return {
        SHARE_CAPABILITIES[role]
        for role, name in lab.target.shares.items()
        if role in SHARE_CAPABILITIES and _plays(lab, session, role, name)
    }


def _plays(lab: Lab, session: LabSession, role: ShareRole, share: str) -> bool:
    """Tell whether a share is what its role says, by TREE_CONNECT or by what can be done with files."""
    answer = session.tree_connect(share)
    if answer.actual is not Status.SUCCESS:
        return role is ShareRole.FORBIDDEN
    body = answer.body(TreeConnectResponse)
    if role in _BY_SHARE_FLAG:
        return bool(body.share_flags & _BY_SHARE_FLAG[role])
    if role in _BY_SHARE_CAPABILITY:
        return bool(body.capabilities & _BY_SHARE_CAPABILITY[role])
    if role is ShareRole.WRITE_ONLY:
        return not body.maximal_access & AccessMask.FILE_READ_DATA
    if role is ShareRole.NOT_DURABLE:
        return not _makes_durable(session, share)
    if role is ShareRole.NOT_LEASED:
        return not _leases(lab, session, share)
    return _refuses_files(lab, session, share)


def _refuses_files(lab: Lab, session: LabSession, share: str) -> bool:
    """Tell whether nobody can make a file on a share."""
    return session.tree(share).create(lab.name("probe")).actual is not Status.SUCCESS


def _makes_durable(session: LabSession, share: str) -> bool:
    """Tell whether a file with a batch oplock becomes durable on a share."""
    file = session.tree(share).open(requested_oplock_level=OplockLevel.BATCH, contexts=[durable()])
    return file.is_durable


def _leases(lab: Lab, session: LabSession, share: str) -> bool:
    """Tell whether there are leases on a share."""
    return session.tree(share).open(contexts=[lease_v1(lab.guid(), RWH)]).lease is not None


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
    answer = tree.create(requested_oplock_level=OplockLevel.BATCH, contexts=[durable()])
    if answer.actual is Status.SUCCESS:
        contexts = answer.body(CreateResponse).contexts
        if any(context.name == DurableHandleResponse.NAME for context in contexts):
            capabilities.add(Capability.DURABLE_HANDLES)
    return capabilities


_DIALECTS: Final = frozenset(capability for need in BY_DIALECT.values() for capability in need.any_of)
_CIPHERS: Final = frozenset(capability for need in BY_CIPHER.values() for capability in need.any_of)

LOOKS: Final = (
    Look(
        _DIALECTS
        | frozenset(_BY_FLAG.values())
        | {Capability.SIGNING_REQUIRED, Capability.SIGNING_OPTIONAL, Capability.AES_128_CCM},
        _of_dialects,
    ),
    Look(
        _CIPHERS
        | {
            Capability.ENCRYPTION,
            Capability.SIGNING_CAPABILITIES,
            Capability.AES_GMAC,
            Capability.COMPRESSION,
        },
        _of_contexts,
    ),
    Look(frozenset({Capability.SMB1_NEGOTIATE}), _of_smb1),
    Look(
        frozenset(
            {
                Capability.SECOND_USER,
                Capability.GUEST,
                Capability.ANONYMOUS,
                Capability.ENCRYPTED_SESSIONS,
            }
        ),
        _of_users,
    ),
    Look(frozenset(SHARE_CAPABILITIES.values()), _of_shares),
    Look(
        frozenset(
            {
                Capability.NAMED_STREAMS,
                Capability.SPARSE_FILES,
                Capability.COPYCHUNK,
                Capability.RESILIENCY,
                Capability.DURABLE_HANDLES,
            }
        ),
        _of_files,
    ),
    Look(frozenset({Capability.SECOND_ADDRESS, Capability.BLACKHOLE}), _of_machine),
)
"""Every way to look."""

SHOWABLE: Final = tuple(one for one in Capability if any(one in look.sees for look in LOOKS))
"""Every capability that can be seen."""
