"""FSCTL_QUERY_NETWORK_INTERFACE_INFO: the server's interfaces ([MS-SMB2] 2.2.32.5)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Self, TypeAlias

from smbtorture_py.wire.chain import join_chain, split_chain
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto

IpAddress: TypeAlias = IPv4Address | IPv6Address


class AddressFamily(IntEnum):
    """Family of a SOCKADDR_STORAGE ([MS-SMB2] 2.2.32.5.1)."""

    INTER_NETWORK = 0x0002
    INTER_NETWORK_V6 = 0x0017


class InterfaceCapability(IntFlag):
    """Capability of an interface ([MS-SMB2] 2.2.32.5)."""

    NONE = 0
    RSS_CAPABLE = 0x00000001
    RDMA_CAPABLE = 0x00000002


SOCKADDR_STORAGE_SIZE: Final = 128
_FAMILY: Final = struct.Struct("<H")
_SOCKADDR_IN: Final = struct.Struct(">H4s8s")
_SOCKADDR_IN6: Final = struct.Struct(">HI16sI")
_HEADER: Final = struct.Struct("<IIIIQ")
_ENTRY_SIZE: Final = _HEADER.size + SOCKADDR_STORAGE_SIZE
_ALIGNMENT: Final = 8


@dataclass(slots=True)
class SockaddrStorage:
    """SOCKADDR_STORAGE ([MS-SMB2] 2.2.32.5.1): 128 bytes, an address of either family.

    `address` None is an address of another family, whose bytes are all in `reserved`. `port`, `flow_info`
    and `scope_id` are in host order here, in network order on the wire. `reserved` is what follows the
    address, filled with zeros where shorter.
    """

    address: IpAddress | None
    port: int = 0
    flow_info: int = 0
    scope_id: int = 0
    family: int = AUTO
    reserved: bytes = b""

    def encode(self) -> bytes:
        """Encode into 128 bytes (`reserved` beyond that goes out all the same)."""
        if isinstance(self.address, IPv4Address):
            head = _FAMILY.pack(auto(self.family, AddressFamily.INTER_NETWORK))
            body = _SOCKADDR_IN.pack(self.port, self.address.packed, self.reserved[:8])
            rest = self.reserved[8:]
        elif isinstance(self.address, IPv6Address):
            head = _FAMILY.pack(auto(self.family, AddressFamily.INTER_NETWORK_V6))
            body = _SOCKADDR_IN6.pack(self.port, self.flow_info, self.address.packed, self.scope_id)
            rest = self.reserved
        else:
            head = _FAMILY.pack(auto(self.family, 0))
            body = b""
            rest = self.reserved
        return (head + body + rest).ljust(SOCKADDR_STORAGE_SIZE, b"\0")

    @classmethod
    def decode(cls, data: Buffer, base: int, findings: Findings) -> Self:
        """Decode 128 bytes, which the caller has checked to be there; `base` is their offset for findings."""
        (family,) = _FAMILY.unpack_from(data)
        if family == AddressFamily.INTER_NETWORK:
            port, packed, reserved = _SOCKADDR_IN.unpack_from(data, _FAMILY.size)
            reserved += bytes(data[_FAMILY.size + _SOCKADDR_IN.size : SOCKADDR_STORAGE_SIZE])
            return cls(IPv4Address(packed), port, family=family, reserved=_stripped(reserved))
        if family == AddressFamily.INTER_NETWORK_V6:
            port, flow_info, packed, scope_id = _SOCKADDR_IN6.unpack_from(data, _FAMILY.size)
            reserved = bytes(data[_FAMILY.size + _SOCKADDR_IN6.size : SOCKADDR_STORAGE_SIZE])
            return cls(IPv6Address(packed), port, flow_info, scope_id, family, _stripped(reserved))
        findings.append(Finding(base, "SockAddr_Storage.Family", f"{family:#06x} is neither IPv4 nor IPv6"))
        return cls(None, family=family, reserved=_stripped(bytes(data[_FAMILY.size : SOCKADDR_STORAGE_SIZE])))


def _stripped(reserved: bytes) -> bytes:
    return reserved.rstrip(b"\0")


@dataclass(slots=True)
class NetworkInterfaceInfo:
    """One NETWORK_INTERFACE_INFO ([MS-SMB2] 2.2.32.5): 152 bytes; `link_speed` in bits per second."""

    if_index: int
    capability: InterfaceCapability
    link_speed: int
    sock_addr_storage: SockaddrStorage
    next: int = AUTO
    reserved: int = 0

    @property
    def address(self) -> IpAddress | None:
        """The interface's address, None where its family is neither IPv4 nor IPv6."""
        return self.sock_addr_storage.address

    def encode(self) -> bytes:
        """Encode into 152 bytes; Next AUTO becomes 0 until `encode_list`."""
        header = _HEADER.pack(
            auto(self.next, 0), self.if_index, self.capability, self.reserved, self.link_speed
        )
        return header + self.sock_addr_storage.encode()


def interface(
    if_index: int,
    address: IpAddress,
    link_speed: int,
    capability: InterfaceCapability = InterfaceCapability.NONE,
) -> NetworkInterfaceInfo:
    """Make the entry of one address of one interface; `link_speed` in bits per second."""
    return NetworkInterfaceInfo(if_index, capability, link_speed, SockaddrStorage(address))


def encode_list(interfaces: Sequence[NetworkInterfaceInfo]) -> bytes:
    """Encode the chain of interfaces."""
    return join_chain([(entry.encode(), entry.next) for entry in interfaces], _ALIGNMENT)


def decode_list(data: Buffer, findings: Findings) -> list[NetworkInterfaceInfo]:
    """Decode the chain of interfaces; an entry that is cut off is left out, with a finding."""
    interfaces = []
    position = 0
    for entry in split_chain(
        memoryview(data), 0, _ENTRY_SIZE, _ALIGNMENT, "NetworkInterfaceInfo.Next", findings
    ):
        if len(entry) >= _ENTRY_SIZE:
            following, if_index, capability, reserved, link_speed = _HEADER.unpack_from(entry)
            address = SockaddrStorage.decode(entry[_HEADER.size :], position + _HEADER.size, findings)
            interfaces.append(
                NetworkInterfaceInfo(
                    if_index, InterfaceCapability(capability), link_speed, address, following, reserved
                )
            )
        position += len(entry)
    return interfaces
