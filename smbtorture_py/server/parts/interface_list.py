"""InterfaceList: what FSCTL_QUERY_NETWORK_INTERFACE_INFO reports ([MS-SMB2] 2.2.32.5, 3.3.5.15.11)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from smbtorture_py.server.config import NetworkInterface
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    InterfaceCapability,
    NetworkInterfaceInfo,
    SockaddrStorage,
    encode_list,
)


class InterfaceList:
    """The configured interfaces; each field of an entry is one method."""

    def interfaces(self, configured: list[NetworkInterface]) -> list[NetworkInterface]:
        """The entries in order: one per address; an interface of index zero is left out (3.3.5.15.11)."""
        return [interface for interface in configured if interface.index]

    def if_index(self, interface: NetworkInterface) -> int:
        """IfIndex: the same for all addresses of one interface."""
        return interface.index

    def capability(self, interface: NetworkInterface) -> InterfaceCapability:
        """Capability: RSS_CAPABLE and RDMA_CAPABLE as configured."""
        return interface.capability

    def link_speed(self, interface: NetworkInterface) -> int:
        """LinkSpeed in bits per second."""
        return interface.link_speed

    def address(self, interface: NetworkInterface) -> IPv4Address | IPv6Address:
        """The address; Family follows from it."""
        return interface.address

    def port(self, interface: NetworkInterface) -> int:
        """Port in SOCKADDR_STORAGE: zero, clients ignore it (2.2.32.5.1.1)."""
        del interface
        return 0

    def sock_addr_storage(self, interface: NetworkInterface) -> SockaddrStorage:
        """SockAddr_Storage: the address, and zeros (2.2.32.5.1)."""
        return SockaddrStorage(self.address(interface), self.port(interface))

    def entry(self, interface: NetworkInterface) -> NetworkInterfaceInfo:
        """The NETWORK_INTERFACE_INFO of one address (2.2.32.5)."""
        return NetworkInterfaceInfo(
            if_index=self.if_index(interface),
            capability=self.capability(interface),
            link_speed=self.link_speed(interface),
            sock_addr_storage=self.sock_addr_storage(interface),
        )

    def encode(self, entries: Sequence[NetworkInterfaceInfo]) -> bytes:
        """The array of entries, each with the way to the next one."""
        return encode_list(entries)
