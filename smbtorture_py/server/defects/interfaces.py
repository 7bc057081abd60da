"""Defects of interface lists and of the IOCTL that asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.server.config import NetworkInterface
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.interface_list import InterfaceList
from smbtorture_py.server.policies.ioctl import InterfacePolicy, IoctlPolicy
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.tree import TreePolicy
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    AddressFamily,
    InterfaceCapability,
    NetworkInterfaceInfo,
    SockaddrStorage,
)
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect

Interfaces: TypeAlias = list[NetworkInterface]
IpAddress: TypeAlias = IPv4Address | IPv6Address
Entries: TypeAlias = Sequence[NetworkInterfaceInfo]

_NO_INDEX: Final = 0xFFFFFFFF
_UNKNOWN_CAPABILITY: Final = 4
_MEGABIT: Final = 1_000_000
_BITS_PER_BYTE: Final = 8
_TABLE_SIZE: Final = 32
_ENTRY_SIZE: Final = 152
_LINUX_AF_INET6: Final = 10
_SMB_PORT: Final = 445
_WILDCARD: Final = ip_address("0.0.0.0")
_BRIDGE: Final = ip_address("172.17.0.1")
_TAIL: Final = 8


# Whether there is multichannel


@defect(
    "interface-index-zero-listed",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: the list is copied from the system as it is",
)
def _index_zero_listed(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """Interfaces with index zero are listed."""
    return list(configured)


@defect(
    "multi-channel-advertised-while-off",
    replaces=NegotiatePolicy.advertises_multi_channel,
    breaks=["SMB2-3.3.5.4-95"],
    origin="Samba before e85e4055b94: the capability was announced although multichannel was off",
)
def _multi_channel_advertised_while_off(
    original: Callable[[Connection], bool], self: NegotiatePolicy, connection: Connection
) -> bool:
    """MULTI_CHANNEL is announced although the server does not have it."""
    return original(connection) or Capabilities.MULTI_CHANNEL in connection.client_capabilities


# Which entries there are


@defect(
    "interface-list-empty",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="chimera #440: MULTI_CHANNEL was announced by a server that had no interface to tell",
)
def _list_empty(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """No interface is listed."""
    return []


@defect(
    "interface-list-cached",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-11"],
    origin="Samba bug 15547: the interfaces were read once, when the server started",
)
def _list_cached(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """The interfaces of the first query are listed for ever."""
    first: Interfaces = vars(self).setdefault("first_list", list(configured))
    return original(first)


@defect(
    "interface-table-small",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: the list is built in a table of fixed size",
)
def _table_small(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """Only the first 32 addresses are listed."""
    return original(configured)[:_TABLE_SIZE]


@defect(
    "interface-one-address-each",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: ksmbd lists one IPv4 and one IPv6 address of an interface, a simpler server just one",
)
def _one_address_each(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """Only the first address of each interface is listed."""
    first: dict[int, NetworkInterface] = {}
    for interface in original(configured):
        first.setdefault(interface.index, interface)
    return list(first.values())


@defect(
    "interface-listed-twice",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: addresses are gathered once by interface and once by listener",
)
def _listed_twice(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """Every address is listed twice."""
    return original(configured) * 2


@defect(
    "interface-wildcard-listed",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-2.2.32.5.1-02"],
    origin="plausible: the address that the server listens on is listed as it is configured",
)
def _wildcard_listed(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """The unspecified address is listed as well."""
    found = original(configured)
    return [*found, *(replace(interface, address=_WILDCARD) for interface in found[:1])]


@defect(
    "interface-of-bridge-listed",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-2.2.32.5.1-02"],
    origin="plausible: addresses of container bridges, on which nobody listens, are listed with the others",
)
def _bridge_listed(
    original: Callable[[Interfaces], Interfaces], self: InterfaceList, configured: Interfaces
) -> Interfaces:
    """An address is listed on which the server cannot be reached."""
    found = original(configured)
    return [*found, *(replace(interface, address=_BRIDGE) for interface in found[:1])]


@defect(
    "interface-in-use-left-out",
    replaces=InterfacePolicy.address_is_listed,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="Samba before 8a3707e3ed9: the address of the connection itself was left out of the list",
)
def _in_use_left_out(
    original: Callable[[Request, IpAddress], bool],
    self: InterfacePolicy,
    request: Request,
    address: IpAddress,
) -> bool:
    """The address that the request came to is not listed."""
    return original(request, address) and str(address) != request.connection.local_address[0]


@defect(
    "interface-list-in-turn",
    replaces=InterfacePolicy.address_is_listed,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: addresses are handed out in turn to spread the clients, as name servers do",
)
def _list_in_turn(
    original: Callable[[Request, IpAddress], bool],
    self: InterfacePolicy,
    request: Request,
    address: IpAddress,
) -> bool:
    """Each query is told a part of the addresses."""
    return original(request, address) and address.packed[-1] % 2 == request.header.message_id % 2


@defect(
    "interface-list-for-first-session",
    replaces=InterfacePolicy.address_is_listed,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: the list is kept with the connection and handed over to who asks first",
)
def _list_for_first_session(
    original: Callable[[Request, IpAddress], bool],
    self: InterfacePolicy,
    request: Request,
    address: IpAddress,
) -> bool:
    """Sessions other than the first of a connection are told nothing."""
    first = next(iter(request.connection.session_table), None)
    return original(request, address) and request.session_id == first


# What an entry says


defect(
    "interface-index-constant",
    replaces=InterfaceList.if_index,
    breaks=["SMB2-2.2.32.5-05"],
    origin="Samba before b78ff571765: the configured index was lost, IfIndex was always 0xFFFFFFFF",
).always(_NO_INDEX, "Every interface has the same index.")


@defect(
    "interface-index-per-address",
    replaces=InterfaceList.if_index,
    breaks=["SMB2-3.3.5.15.11-04"],
    origin="plausible: the entries are numbered instead of the interfaces",
)
def _index_per_address(
    original: Callable[[NetworkInterface], int], self: InterfaceList, interface: NetworkInterface
) -> int:
    """Addresses of one interface have different indices."""
    return original(interface) * 2 + isinstance(interface.address, IPv6Address)


@defect(
    "interface-capability-unknown",
    replaces=InterfaceList.capability,
    breaks=["SMB2-2.2.32.5-03"],
    origin="plausible: the flags of the operating system are passed on",
)
def _capability_unknown(
    original: Callable[[NetworkInterface], InterfaceCapability],
    self: InterfaceList,
    interface: NetworkInterface,
) -> InterfaceCapability:
    """A bit that does not exist is set in Capability."""
    return original(interface) | InterfaceCapability(_UNKNOWN_CAPABILITY)


@defect(
    "interface-capability-swapped",
    replaces=InterfaceList.capability,
    breaks=["SMB2-2.2.32.5-03"],
    origin="plausible: the two bits of Capability are mixed up",
)
def _capability_swapped(
    original: Callable[[NetworkInterface], InterfaceCapability],
    self: InterfaceList,
    interface: NetworkInterface,
) -> InterfaceCapability:
    """RSS is reported as RDMA and RDMA as RSS."""
    capability = original(interface)
    rss = InterfaceCapability.RSS_CAPABLE & capability
    rdma = InterfaceCapability.RDMA_CAPABLE & capability
    return InterfaceCapability(rss << 1 | rdma >> 1)


@defect(
    "interface-speed-in-megabits",
    replaces=InterfaceList.link_speed,
    breaks=["SMB2-2.2.32.5-04"],
    origin="plausible: Linux tells the speed of an interface in Mbit/s",
)
def _speed_in_megabits(
    original: Callable[[NetworkInterface], int], self: InterfaceList, interface: NetworkInterface
) -> int:
    """LinkSpeed is counted in millions of bits a second."""
    return original(interface) // _MEGABIT


@defect(
    "interface-speed-in-bytes",
    replaces=InterfaceList.link_speed,
    breaks=["SMB2-2.2.32.5-04"],
    origin="plausible: bits and bytes are mixed up",
)
def _speed_in_bytes(
    original: Callable[[NetworkInterface], int], self: InterfaceList, interface: NetworkInterface
) -> int:
    """LinkSpeed is counted in bytes a second."""
    return original(interface) // _BITS_PER_BYTE


@defect(
    "interface-address-reversed",
    replaces=InterfaceList.address,
    breaks=["SMB2-2.2.32.5.1-02"],
    origin="plausible: addresses are the one big-endian field of the structure",
)
def _address_reversed(
    original: Callable[[NetworkInterface], IpAddress], self: InterfaceList, interface: NetworkInterface
) -> IpAddress:
    """Addresses are in the byte order of the processor."""
    address = original(interface)
    return type(address)(address.packed[::-1])


@defect(
    "interface-family-of-linux",
    replaces=InterfaceList.sock_addr_storage,
    breaks=["SMB2-2.2.32.5.1-01"],
    origin="plausible: the socket address of the operating system is copied; Linux has 10 for IPv6",
)
def _family_of_linux(
    original: Callable[[NetworkInterface], SockaddrStorage], self: InterfaceList, interface: NetworkInterface
) -> SockaddrStorage:
    """The Family of IPv6 addresses is 10."""
    storage = original(interface)
    is_v6 = isinstance(interface.address, IPv6Address)
    return replace(storage, family=_LINUX_AF_INET6 if is_v6 else AddressFamily.INTER_NETWORK)


defect(
    "interface-port-told",
    replaces=InterfaceList.port,
    breaks=["SMB2-2.2.32.5.1-03"],
    origin="plausible: the socket address of the listener is copied",
).always(_SMB_PORT, "Port is the port that the server listens on.")


@defect(
    "interface-reserved-set",
    replaces=InterfaceList.entry,
    breaks=["SMB2-2.2.32.5-01"],
    origin="plausible: the entry is built in memory that was not cleared",
)
def _reserved_set(
    original: Callable[[NetworkInterface], NetworkInterfaceInfo],
    self: InterfaceList,
    interface: NetworkInterface,
) -> NetworkInterfaceInfo:
    """Reserved is not zero."""
    return replace(original(interface), reserved=interface.index)


# How entries follow each other


@defect(
    "interface-last-next-set",
    replaces=InterfaceList.encode,
    breaks=["SMB2-2.2.32.5-02"],
    origin="ksmbd: Next of the last entry has to be cleared after the loop that sets it",
)
def _last_next_set(original: Callable[[Entries], bytes], self: InterfaceList, entries: Entries) -> bytes:
    """Next of the last entry leads behind the end of the list."""
    return original([*entries[:-1], *(replace(entry, next=_ENTRY_SIZE) for entry in entries[-1:])])


@defect(
    "interface-next-unaligned",
    replaces=InterfaceList.encode,
    breaks=["SMB2-2.2.32.5-02"],
    origin="chimera #1066, #1131: the length of entries with IPv6 addresses, and Next, were wrong",
)
def _next_unaligned(original: Callable[[Entries], bytes], self: InterfaceList, entries: Entries) -> bytes:
    """The entry after one with an IPv6 address is not aligned to eight bytes."""
    last = len(entries) - 1
    return original(
        [
            replace(entry, next=_ENTRY_SIZE + _TAIL // 2)
            if index < last and isinstance(entry.address, IPv6Address)
            else entry
            for index, entry in enumerate(entries)
        ]
    )


@defect(
    "interface-list-tail",
    replaces=InterfaceList.encode,
    breaks=["SMB2-2.2.32.5-01"],
    origin="plausible: the size of the list is reckoned with a field that the entry does not have",
)
def _list_tail(original: Callable[[Entries], bytes], self: InterfaceList, entries: Entries) -> bytes:
    """Eight bytes follow the last entry."""
    return original(entries) + bytes(_TAIL)


# The response


@defect(
    "interface-response-file-id",
    replaces=InterfacePolicy.response,
    breaks=["SMB2-3.3.5.15.11-06"],
    origin="plausible: a response structure is cleared and its FileId forgotten",
)
def _response_file_id(
    original: Callable[[IoctlRequest, bytes], IoctlResponse],
    self: InterfacePolicy,
    body: IoctlRequest,
    output: bytes,
) -> IoctlResponse:
    """FileId of the response is zero."""
    return replace(original(body, output), file_id=FileId(0, 0))


@defect(
    "interface-response-input-offset",
    replaces=InterfacePolicy.response,
    breaks=["SMB2-3.3.5.15.11-07"],
    origin="plausible: without input its offset is set to zero",
)
def _response_input_offset(
    original: Callable[[IoctlRequest, bytes], IoctlResponse],
    self: InterfacePolicy,
    body: IoctlRequest,
    output: bytes,
) -> IoctlResponse:
    """InputOffset of the response is zero, OutputOffset is not reckoned from it."""
    return replace(original(body, output), input_offset=0)


@defect(
    "interface-output-unlimited",
    replaces=InterfacePolicy.output_limit,
    breaks=["SMB2-3.3.5.15-06", "SMB2-3.3.5.15-07"],
    origin="Samba bug 14788: MaxOutputResponse was compared in the wrong place",
)
def _output_unlimited(
    original: Callable[[IoctlRequest], int], self: InterfacePolicy, body: IoctlRequest
) -> int:
    """MaxOutputResponse is not looked at."""
    return max(original(body), _ENTRY_SIZE * _ENTRY_SIZE)


@defect(
    "interface-output-off-by-one",
    replaces=InterfacePolicy.output_limit,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: less than where less or equal is meant",
)
def _output_off_by_one(
    original: Callable[[IoctlRequest], int], self: InterfacePolicy, body: IoctlRequest
) -> int:
    """A list that fits exactly is taken for too long."""
    return original(body) - 1


# Who may ask


@defect(
    "interface-encrypted-query-refused",
    replaces=InterfacePolicy.not_multichannel_status,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: what is encrypted carries no signature, and counts as unsigned",
)
def _encrypted_query_refused(
    original: Callable[[Request], Status], self: InterfacePolicy, request: Request
) -> Status:
    """An encrypted query is refused because it is not signed."""
    return Status.ACCESS_DENIED if request.is_encrypted else original(request)


@defect(
    "interface-signed-query-refused",
    replaces=InterfacePolicy.not_multichannel_status,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: the flags of the header are compared as a whole",
)
def _signed_query_refused(
    original: Callable[[Request], Status], self: InterfacePolicy, request: Request
) -> Status:
    """A query with a flag in its header is refused."""
    return Status.INVALID_PARAMETER if request.header.flags else original(request)


@defect(
    "interface-query-on-pipes-only",
    replaces=InterfacePolicy.not_multichannel_status,
    breaks=["SMB2-3.3.5.15-04"],
    origin="Samba bug 14788: the query depended on the tree, and on the rights there",
)
def _query_on_pipes_only(
    original: Callable[[Request], Status], self: InterfacePolicy, request: Request
) -> Status:
    """The query is refused on disk shares."""
    tree = request.tree_connect
    on_disk = tree is not None and not tree.share.is_pipe
    return Status.ACCESS_DENIED if on_disk else original(request)


@defect(
    "interface-query-without-tree",
    replaces=TreePolicy.find_tree,
    breaks=["SMB2-3.3.5.15-02"],
    origin="Samba since bug 14788: the query is answered before session and tree are looked at",
)
def _query_without_tree(
    original: Callable[[Request, Session], TreeConnect | None],
    self: TreePolicy,
    request: Request,
    session: Session,
) -> TreeConnect | None:
    """An IOCTL with any TreeId is taken to be on the session's first tree."""
    found = original(request, session)
    if found is None and request.command == Command.IOCTL:
        found = next(iter(session.tree_connect_table.values()), None)
    return found


@defect(
    "interface-query-without-session",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.15-03"],
    origin="Samba since bug 14788: the query is answered before session and tree are looked at",
)
def _query_without_session(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """An IOCTL with an unknown SessionId is taken to be of the connection's first session."""
    found = original(request)
    if found is None and request.command == Command.IOCTL:
        found = next(iter(request.connection.session_table.values()), None)
    return found


@defect(
    "ioctl-session-of-elsewhere",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.2.9-02"],
    origin="dittofs #660: a session was found in the table of the whole server",
)
def _session_of_elsewhere(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """A session is usable over connections that are not bound to it."""
    found = original(request)
    return found or request.connection.server.global_session_table.get(request.session_id)


# IOCTL


defect(
    "ioctl-file-id-closed",
    replaces=IoctlPolicy.file_id_given_status,
    breaks=["SMB2-3.3.5.15-01", "SMB2-3.3.5.15.12-11"],
    origin="Samba bug 14788: a FileId that is not all ones was looked up and not found",
).always(Status.FILE_CLOSED, "A FileId with a code that wants none is answered as an unknown file.")


defect(
    "ioctl-flags-ignored",
    replaces=IoctlPolicy.is_fsctl,
    breaks=["SMB2-3.3.5.15-08"],
    origin="plausible: no client ever sends another value",
).always(True, "Flags of the request are not looked at.")


defect(
    "ioctl-input-anywhere",
    replaces=IoctlPolicy.input_status,
    breaks=["SMB2-3.3.5.15-10"],
    origin="plausible: what does not use its input does not look where it is",
).always(Status.SUCCESS, "InputOffset and InputCount are not looked at.")


@defect(
    "ioctl-input-offset-always-checked",
    replaces=IoctlPolicy.input_status,
    breaks=["SMB2-2.2.31-01"],
    origin="plausible: the offset is checked before the count",
)
def _input_offset_always_checked(
    original: Callable[[IoctlRequest, int], Status], self: IoctlPolicy, body: IoctlRequest, message_size: int
) -> Status:
    """InputOffset must be right although there is no input."""
    return original(replace(body, input_count=body.input_count or int(body.input_offset > 0)), message_size)


@defect(
    "ioctl-reserved-checked",
    replaces=IoctlPolicy.input_status,
    breaks=["SMB2-2.2.31-02"],
    origin="plausible: a strict parser refuses whatever is not zero",
)
def _reserved_checked(
    original: Callable[[IoctlRequest, int], Status], self: IoctlPolicy, body: IoctlRequest, message_size: int
) -> Status:
    """Reserved fields of the request must be zero."""
    if body.reserved or body.reserved2:
        return Status.INVALID_PARAMETER
    return original(body, message_size)


@defect(
    "ioctl-response-for-free",
    replaces=IoctlPolicy.payload_size,
    breaks=["SMB2-3.3.5.2.5-04"],
    origin="plausible: only what is sent is paid for",
)
def _response_for_free(original: Callable[[IoctlRequest], int], self: IoctlPolicy, body: IoctlRequest) -> int:
    """Credits are reckoned without the size of the response."""
    return int(body.input_count)


# What MAY and SHOULD leave to the server


@defect(
    "interface-response-input-count",
    replaces=InterfacePolicy.response,
    breaks=["SMB2-3.3.5.15.11-08"],
    origin="plausible: InputCount repeats that of the output",
)
def _response_input_count(
    original: Callable[[IoctlRequest, bytes], IoctlResponse],
    self: InterfacePolicy,
    body: IoctlRequest,
    output: bytes,
) -> IoctlResponse:
    """InputCount of the response is that of the output."""
    return replace(original(body, output), input_count=len(output))


@defect(
    "interface-unsigned-invalid",
    replaces=InterfacePolicy.unsigned_status,
    breaks=["SMB2-3.3.5.15.11-01"],
    origin="plausible: another status than the one that the text allows",
)
def _unsigned_invalid(
    original: Callable[[Request], Status], self: InterfacePolicy, request: Request
) -> Status:
    """An unsigned query is refused as if it were malformed."""
    is_protected = request.is_signed or request.is_encrypted
    return original(request) if is_protected else Status.INVALID_PARAMETER


@defect(
    "interface-without-multi-channel-invalid",
    replaces=InterfacePolicy.not_multichannel_status,
    breaks=["SMB2-3.3.5.15.11-02"],
    origin="plausible: another status than the one that the text allows",
)
def _without_multi_channel_invalid(
    original: Callable[[Request], Status], self: InterfacePolicy, request: Request
) -> Status:
    """Without multichannel a query is refused as if it were malformed."""
    refused = original(request) != Status.SUCCESS
    return Status.INVALID_PARAMETER if refused else Status.SUCCESS


@defect(
    "ioctl-output-offset-checked",
    replaces=IoctlPolicy.input_status,
    breaks=["SMB2-3.3.5.15-14"],
    origin="Samba: OutputOffset of a request is checked, also where OutputCount is 0",
)
def _output_offset_checked(
    original: Callable[[IoctlRequest, int], Status], self: IoctlPolicy, body: IoctlRequest, message_size: int
) -> Status:
    """OutputOffset of a request has to lie in the message."""
    if body.output_offset + body.output_count > message_size:
        return Status.INVALID_PARAMETER
    return original(body, message_size)


@defect(
    "ioctl-input-offset-overflows",
    replaces=IoctlPolicy.input_status,
    breaks=["SMB2-3.3.5.15-15"],
    origin="plausible: another status than the one that the text allows",
)
def _input_offset_overflows(
    original: Callable[[IoctlRequest, int], Status], self: IoctlPolicy, body: IoctlRequest, message_size: int
) -> Status:
    """An InputOffset past the end of the message is answered as a buffer that is too small."""
    return Status.BUFFER_TOO_SMALL if body.input_offset > message_size else original(body, message_size)


defect(
    "ioctl-sizes-unlimited",
    replaces=IoctlPolicy.size_status,
    breaks=["SMB2-3.3.5.15-09"],
    origin="Samba: MaxOutputResponse is not compared with MaxTransactSize",
).always(Status.SUCCESS, "An IOCTL may ask for more than MaxTransactSize.")
