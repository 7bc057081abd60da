"""Defects of negotiations: the choice of a dialect, and the fields of the response."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.limits import NEGOTIATE_DIALECT_NONE
from smbtorture_py.server.policies.credit import CreditPolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.config import ServerConfig
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.negotiate import NegotiateRequest

_GUID_SIZE: Final = 16
_SMALL_BUFFER: Final = 16384
_SOME_SESSION: Final = 0x5E55_1001
_SOME_DAY: Final = 1_767_000_000.0


@defect(
    "multi-channel-advertised-unasked",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-3.3.5.4-09"],
    origin="ksmbd: capabilities are answered from the configuration alone",
)
def _multi_channel_advertised_unasked(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """MULTI_CHANNEL is advertised to clients that did not ask for it."""
    return connection.server.config.multichannel


@defect(
    "multi-channel-of-3.1.1-only",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-3.3.5.4-10"],
    origin="plausible: only the newest dialect was tried",
)
def _multi_channel_of_3_1_1_only(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """MULTI_CHANNEL is not advertised on 3.0 and 3.0.2."""
    return original(connection) and connection.is_311


defect(
    "directory-leasing-advertised-unasked",
    replaces=NegotiatePolicy.advertises_directory_leasing,
    breaks=["SMB2-3.3.5.4-11"],
    origin="ksmbd: capabilities are answered from the configuration alone",
).always(True, "DIRECTORY_LEASING is advertised to clients that did not ask for it.")


defect(
    "persistent-handles-advertised-unasked",
    replaces=NegotiatePolicy.advertises_persistent_handles,
    breaks=["SMB2-3.3.5.4-12"],
    origin="ksmbd: advertised whenever durable handles are configured",
).always(True, "PERSISTENT_HANDLES is advertised to every client of SMB 3.")


@defect(
    "encryption-advertised-unasked",
    replaces=NegotiatePolicy.advertises_encryption,
    breaks=["SMB2-3.3.5.4-13"],
    origin="plausible: the capability says what the server can do",
)
def _encryption_advertised_unasked(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """ENCRYPTION is advertised on 3.0 and 3.0.2 to clients that did not ask for it."""
    return not connection.is_311


defect(
    "encryption-not-advertised",
    replaces=NegotiatePolicy.advertises_encryption,
    breaks=["SMB2-3.3.5.4-13"],
    origin="plausible: encryption is left to the context of 3.1.1",
).always(False, "ENCRYPTION is never advertised.")


@defect(
    "encryption-capability-of-3.1.1",
    replaces=NegotiatePolicy.advertises_encryption,
    breaks=["SMB2-3.3.5.4-14"],
    origin="Samba: the bit is answered on 3.1.1 to a client that sets it",
)
def _encryption_capability_of_3_1_1(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """ENCRYPTION is advertised on 3.1.1 as on 3.0."""
    return Capabilities.ENCRYPTION in connection.client_capabilities


defect(
    "notifications-advertised-always",
    replaces=NegotiatePolicy.advertises_notifications,
    breaks=["SMB2-3.3.5.4-16"],
    origin="plausible: a new capability is added to a list of all",
).always(True, "NOTIFICATIONS is advertised to every client of SMB 3.")


@defect(
    "capabilities-of-3x-on-2x",
    replaces=NegotiatePolicy.capabilities,
    breaks=["SMB2-3.3.5.4-15"],
    origin="Samba bug 15577 is the same mistake in TREE_CONNECT: what needs SMB 3 was told to 2.x",
)
def _capabilities_of_3x_on_2x(
    original: Callable[[Connection, int], Capabilities],
    self: NegotiatePolicy,
    connection: Connection,
    dialect: int,
) -> Capabilities:
    """Capabilities of SMB 3 are advertised on 2.x."""
    return original(connection, dialect) | (connection.client_capabilities & Capabilities.MULTI_CHANNEL)


defect(
    "leasing-on-2.0.2",
    replaces=NegotiatePolicy.advertises_leasing,
    breaks=["SMB2-3.3.5.4-60"],
    origin="plausible: the configuration alone decides",
).always(True, "LEASING is advertised on 2.0.2.")


@defect(
    "large-mtu-when-asked",
    replaces=NegotiatePolicy.supports_multi_credit,
    breaks=["SMB2-3.3.5.4-08"],
    origin="plausible: treated like the capabilities of SMB 3, which have to be asked for",
)
def _large_mtu_when_asked(
    original: Callable[[Connection, int], bool], self: NegotiatePolicy, connection: Connection, dialect: int
) -> bool:
    """Multi-credit is given only to clients that set LARGE_MTU."""
    return original(connection, dialect) and Capabilities.LARGE_MTU in connection.client_capabilities


defect(
    "large-mtu-on-2.0.2",
    replaces=NegotiatePolicy.supports_multi_credit,
    breaks=["SMB2-3.3.5.4-08"],
    origin="plausible: the transport alone decides",
).always(True, "Multi-credit is given on 2.0.2, too.")


@defect(
    "lowest-dialect",
    replaces=NegotiatePolicy.common_dialect,
    breaks=["SMB2-3.3.5.4-04"],
    origin="plausible: the dialects are looked through from the lowest",
)
def _lowest_dialect(
    original: Callable[[Connection, Sequence[int]], Dialect | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[int],
) -> Dialect | None:
    """The lowest common dialect is chosen."""
    return min((one for one in self.dialects(connection.server.config) if one in offered), default=None)


@defect(
    "first-dialect-offered",
    replaces=NegotiatePolicy.common_dialect,
    breaks=["SMB2-3.3.5.4-04"],
    origin="plausible: the order of the list is taken for a preference",
)
def _first_dialect_offered(
    original: Callable[[Connection, Sequence[int]], Dialect | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[int],
) -> Dialect | None:
    """The first common dialect of the list is chosen."""
    return next((Dialect(one) for one in offered if one in self.dialects(connection.server.config)), None)


@defect(
    "last-dialect-offered",
    replaces=NegotiatePolicy.common_dialect,
    breaks=["SMB2-3.3.5.4-04"],
    origin="plausible: clients list their dialects in ascending order",
)
def _last_dialect_offered(
    original: Callable[[Connection, Sequence[int]], Dialect | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[int],
) -> Dialect | None:
    """The last value of the list is chosen, or nothing where that is unknown."""
    return Dialect(offered[-1]) if offered[-1] in self.dialects(connection.server.config) else None


@defect(
    "dialect-3.0.2-forgotten",
    replaces=NegotiatePolicy.dialects,
    breaks=["SMB2-3.3.5.4-04"],
    origin="plausible: 3.0.2 differs from 3.0 in nothing that one would miss",
)
def _dialect_3_0_2_forgotten(
    original: Callable[[ServerConfig], tuple[Dialect, ...]], self: NegotiatePolicy, config: ServerConfig
) -> tuple[Dialect, ...]:
    """3.0.2 is not known."""
    return tuple(dialect for dialect in original(config) if dialect != Dialect.SMB_3_0_2)


@defect(
    "wildcard-chosen",
    replaces=NegotiatePolicy.common_dialect,
    breaks=["SMB2-3.3.5.4-05"],
    origin="Samba (allow_2ff): 0x02FF in an SMB2 NEGOTIATE is answered with 0x02FF",
)
def _wildcard_chosen(
    original: Callable[[Connection, Sequence[int]], Dialect | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[int],
) -> Dialect | None:
    """0x02FF is chosen where an SMB2 NEGOTIATE offers it."""
    return Dialect.WILDCARD if Dialect.WILDCARD in offered else original(connection, offered)


@defect(
    "dialect-count-ignored",
    replaces=NegotiatePolicy.offered_dialects,
    breaks=["SMB2-2.2.3-08"],
    origin="plausible: the list is read to the end of the message",
)
def _dialect_count_ignored(
    original: Callable[[Request, NegotiateRequest], Sequence[int]],
    self: NegotiatePolicy,
    request: Request,
    body: NegotiateRequest,
) -> Sequence[int]:
    """Values behind the DialectCount are taken for dialects."""
    if body.negotiate_contexts:
        return original(request, body)
    values = bytes(request.raw[HEADER_SIZE + body.STRUCTURE_SIZE :])
    return struct.unpack(f"<{len(values) // 2}H", values[: len(values) // 2 * 2])


defect(
    "no-common-dialect-status",
    replaces=NegotiatePolicy.no_common_dialect_status,
    breaks=["SMB2-3.3.5.4-03"],
    origin="ksmbd: every failure of a NEGOTIATE becomes INSUFFICIENT_RESOURCES",
).always(
    Status.INSUFFICIENT_RESOURCES, "A NEGOTIATE without a common dialect fails with INSUFFICIENT_RESOURCES."
)


defect(
    "no-dialects-status",
    replaces=NegotiatePolicy.no_dialects_status,
    breaks=["SMB2-3.3.5.4-02"],
    origin="plausible: no dialects are no common dialect",
).always(Status.NOT_SUPPORTED, "DialectCount 0 fails with NOT_SUPPORTED.")


defect(
    "second-negotiate-answered",
    replaces=NegotiatePolicy.second_negotiate_ends_connection,
    breaks=["SMB2-3.3.5.4-01"],
    origin="ksmbd: before a session is set up a second NEGOTIATE is processed again",
).always(False, "A connection may be negotiated again.")


defect(
    "signed-negotiate-accepted",
    replaces=SigningPolicy.signed_negotiate_status,
    breaks=["SMB2-3.3.5.2.4-01"],
    origin="ksmbd: the flag is ignored on NEGOTIATE",
).always(Status.SUCCESS, "A NEGOTIATE with SMB2_FLAGS_SIGNED is processed.")


@defect(
    "security-mode-echoed",
    replaces=NegotiatePolicy.security_mode,
    breaks=["SMB2-3.3.5.4-06"],
    origin="plausible: what both sides want is taken for what is answered",
)
def _security_mode_echoed(
    original: Callable[[Connection], SecurityMode], self: NegotiatePolicy, connection: Connection
) -> SecurityMode:
    """SecurityMode of the response is the client's."""
    return connection.client_security_mode


@defect(
    "signing-required-not-told",
    replaces=NegotiatePolicy.security_mode,
    breaks=["SMB2-3.3.5.4-06"],
    origin="Samba bug 11103: SIGNING_REQUIRED was missing in the response",
)
def _signing_required_not_told(
    original: Callable[[Connection], SecurityMode], self: NegotiatePolicy, connection: Connection
) -> SecurityMode:
    """A server that requires signing does not say so."""
    return original(connection) & ~SecurityMode.SIGNING_REQUIRED


@defect(
    "server-guid-of-connection",
    replaces=NegotiatePolicy.server_guid,
    breaks=["SMB2-3.3.5.4-07"],
    origin="plausible: a GUID is made wherever one is needed",
)
def _server_guid_of_connection(
    original: Callable[[Connection], bytes], self: NegotiatePolicy, connection: Connection
) -> bytes:
    """Every connection is told another ServerGuid."""
    return connection.server.entropy(_GUID_SIZE)


@defect(
    "server-guid-of-address",
    replaces=NegotiatePolicy.server_guid,
    breaks=["SMB2-3.3.5.4-07"],
    origin="plausible: a cluster whose nodes make up a GUID each",
)
def _server_guid_of_address(
    original: Callable[[Connection], bytes], self: NegotiatePolicy, connection: Connection
) -> bytes:
    """The ServerGuid depends on the address the client has connected to."""
    return connection.local_address[0].encode().ljust(_GUID_SIZE, b"-")[:_GUID_SIZE]


defect(
    "server-guid-zero",
    replaces=NegotiatePolicy.server_guid,
    breaks=["SMB2-3.3.5.4-59"],
    origin="ksmbd: ServerGuid is all zero",
).always(bytes(_GUID_SIZE), "ServerGuid is all zero.")


defect(
    "maximum-read-size-small",
    replaces=NegotiatePolicy.max_read_size,
    breaks=["SMB2-3.3.5.4-17", "SMB2-3.3.5.3.1-05"],
    origin="plausible: the buffer size of SMB1 is kept",
).always(_SMALL_BUFFER, "MaxReadSize is 16 KiB.")


@defect(
    "server-start-time-told",
    replaces=NegotiatePolicy.server_start_time,
    breaks=["SMB2-3.3.5.4-18", "SMB2-3.3.5.3.1-06"],
    origin="Windows up to 2016: note 286",
)
def _server_start_time_told(
    original: Callable[[Connection], int], self: NegotiatePolicy, connection: Connection
) -> int:
    """ServerStartTime tells when the server was started."""
    return to_filetime(connection.creation_time)


@defect(
    "system-time-of-start",
    replaces=NegotiatePolicy.system_time,
    breaks=["SMB2-3.3.5.4-19"],
    origin="plausible: the response is prepared once",
)
def _system_time_of_start(
    original: Callable[[Connection, float], int], self: NegotiatePolicy, connection: Connection, now: float
) -> int:
    """SystemTime never changes."""
    return original(connection, _SOME_DAY)


@defect(
    "system-time-unix",
    replaces=NegotiatePolicy.system_time,
    breaks=["SMB2-3.3.5.4-19"],
    origin="plausible: seconds since 1970 are taken for a FILETIME",
)
def _system_time_unix(
    original: Callable[[Connection, float], int], self: NegotiatePolicy, connection: Connection, now: float
) -> int:
    """SystemTime counts seconds since 1970."""
    return int(now)


@defect(
    "security-buffer-broken",
    replaces=NegotiatePolicy.security_buffer,
    breaks=["SMB2-3.3.5.4-20"],
    origin="plausible: the framing of GSS is forgotten",
)
def _security_buffer_broken(
    original: Callable[[Connection], bytes], self: NegotiatePolicy, connection: Connection
) -> bytes:
    """The security buffer lacks the framing of an initial token."""
    return original(connection)[2:]


@defect(
    "negotiate-grants-nothing",
    replaces=CreditPolicy.granted,
    breaks=["SMB2-3.3.5.4-23", "SMB2-3.3.4.4-01"],
    origin="plausible: a client that asks for nothing gets nothing",
)
def _negotiate_grants_nothing(
    original: Callable[[Request], int], self: CreditPolicy, request: Request
) -> int:
    """A response to NEGOTIATE grants no credit where none was asked for, or where it fails."""
    if request.command is not Command.NEGOTIATE:
        return original(request)
    return self.requested(request) if request.connection.dialect is not None else 0


@defect(
    "response-invents-flags",
    replaces=MessagePolicy.response_flags,
    breaks=["SMB2-2.2.1-01"],
    origin="plausible: a flag that the share has is set everywhere",
)
def _response_invents_flags(
    original: Callable[[Request], HeaderFlags], self: MessagePolicy, request: Request
) -> HeaderFlags:
    """Responses have SMB2_FLAGS_DFS_OPERATIONS."""
    return original(request) | HeaderFlags.DFS_OPERATIONS


@defect(
    "negotiate-response-names-a-session",
    replaces=MessagePolicy.response_session_id,
    breaks=["SMB2-2.2.1-08"],
    origin="plausible: the header of the response is not cleared",
)
def _negotiate_response_names_a_session(
    original: Callable[[Request], int], self: MessagePolicy, request: Request
) -> int:
    """A NEGOTIATE response has a SessionId."""
    return _SOME_SESSION if request.command == Command.NEGOTIATE else original(request)


@defect(
    "smb1-security-mode-none",
    replaces=NegotiatePolicy.security_mode,
    breaks=["SMB2-3.3.5.3.1-03"],
    origin="plausible: what answers SMB1 is built elsewhere, and says less",
)
def _smb1_security_mode_none(
    original: Callable[[Connection], SecurityMode], self: NegotiatePolicy, connection: Connection
) -> SecurityMode:
    """The answer to an SMB1 negotiate has no SecurityMode."""
    is_smb1 = connection.negotiate_dialect == NEGOTIATE_DIALECT_NONE
    return SecurityMode.NONE if is_smb1 else original(connection)


@defect(
    "smb1-another-server-guid",
    replaces=NegotiatePolicy.server_guid,
    breaks=["SMB2-3.3.5.3.1-03"],
    origin="plausible: what answers SMB1 is built elsewhere, with a ServerGuid of zeros",
)
def _smb1_another_server_guid(
    original: Callable[[Connection], bytes], self: NegotiatePolicy, connection: Connection
) -> bytes:
    """The answer to an SMB1 negotiate has a ServerGuid of zeros."""
    is_smb1 = connection.negotiate_dialect == NEGOTIATE_DIALECT_NONE
    return bytes(_GUID_SIZE) if is_smb1 else original(connection)


@defect(
    "signing-enabled-demanded",
    replaces=NegotiatePolicy.fields_status,
    breaks=["SMB2-2.2.3-01"],
    origin="plausible: a client that cannot sign is refused, as some hardening guides ask",
)
def _signing_enabled_demanded(
    original: Callable[[NegotiateRequest], Status], self: NegotiatePolicy, body: NegotiateRequest
) -> Status:
    """A NEGOTIATE without SIGNING_ENABLED is refused."""
    return original(body) if SecurityMode.SIGNING_ENABLED in body.security_mode else Status.INVALID_PARAMETER


defect(
    "negotiate-response-structure-size",
    replaces=NegotiatePolicy.structure_size,
    breaks=["SMB2-3.3.5.4-21"],
    origin="plausible: StructureSize counts the fixed part only",
).always(64, "StructureSize of the NEGOTIATE response is 64.")


defect(
    "message-id-not-granted-survives",
    replaces=MessagePolicy.bad_message_id_ends_connection,
    breaks=["SMB2-3.3.5.2.3-02", "SMB2-3.3.5.2.3-01"],
    origin="plausible: a request out of the window is refused, and the connection kept",
).always(False, "A MessageId that was not granted, or is used again, does not end the connection.")
