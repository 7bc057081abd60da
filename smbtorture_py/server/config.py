"""What an administrator sets: [MS-SMB2] 3.3.1.5's configured globals, shares, interfaces and limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.ioctl_payloads.network_interface_info import InterfaceCapability
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.tree_connect import ShareType

if TYPE_CHECKING:
    from smbtorture_py.auth.accounts import AccountDatabase
    from smbtorture_py.server.persistent_state import PersistentState
    from smbtorture_py.server.storage import Storage

IPC_SHARE: Final = "IPC$"
"""The share of named pipes that every server has ([MS-SMB2] 3.3.1.6)."""

_MEBIBYTE: Final = 1024 * 1024
_GIGABIT: Final = 1_000_000_000


class Encryption(Enum):
    """Whether the server encrypts: not at all, when asked, or always ([MS-SMB2] 3.3.1.5
    IsEncryptionSupported, EncryptData)."""

    OFF = "off"
    ENABLED = "enabled"
    REQUIRED = "required"


@dataclass(slots=True, frozen=True)
class NetworkInterface:
    """One address of one interface as FSCTL_QUERY_NETWORK_INTERFACE_INFO reports it; `link_speed` in bits a
    second."""

    index: int
    address: IPv4Address | IPv6Address
    link_speed: int = _GIGABIT
    rss: bool = True
    rdma: bool = False

    @property
    def capability(self) -> InterfaceCapability:
        """The Capability field these settings make."""
        rss = InterfaceCapability.RSS_CAPABLE if self.rss else InterfaceCapability.NONE
        rdma = InterfaceCapability.RDMA_CAPABLE if self.rdma else InterfaceCapability.NONE
        return rss | rdma


@dataclass(slots=True)
class ShareConfig:
    """One share ([MS-SMB2] 3.3.1.6): its name, what it serves (None for IPC$), and its flags."""

    name: str
    storage: Storage | None = None
    share_type: ShareType = ShareType.DISK
    encrypt_data: bool = False
    read_only: bool = False
    write_only: bool = False
    """Files can be made and written, and not read."""
    no_access: bool = False
    """Nobody may connect: TREE_CONNECT is refused."""
    denied_users: frozenset[str] = frozenset()
    """Lower-case names of users who may not connect."""
    is_continuously_available: bool = False
    is_cluster: bool = False
    is_scale_out: bool = False
    force_level2_oplock: bool = False
    has_durability: bool = True
    """Its storage keeps opens for clients that are away."""
    has_leases: bool = True
    """Its storage has leases."""
    max_clients: int | None = None


@dataclass(slots=True)
class ServerConfig:
    """Everything configured; defaults are a multichannel 3.1.1 server that signs and encrypts when asked."""

    accounts: AccountDatabase
    """Who may log on, and whether strangers become guests and null sessions are granted."""
    shares: list[ShareConfig] = field(default_factory=list)
    minimum_dialect: Dialect = Dialect.SMB_2_0_2
    maximum_dialect: Dialect = Dialect.SMB_3_1_1
    smb1_negotiate: bool = True
    """Answer an SMB1 negotiate that offers SMB2 dialects ([MS-SMB2] 3.3.5.3)."""
    smbtorture_controls: bool = False
    """Answer the private FSCTLs by which smbtorture prepares a server."""
    require_message_signing: bool = False
    encryption: Encryption = Encryption.ENABLED
    reject_unencrypted_access: bool = True
    ciphers: tuple[Cipher, ...] = (
        Cipher.AES_128_GCM, Cipher.AES_128_CCM, Cipher.AES_256_GCM, Cipher.AES_256_CCM,
    )  # fmt: skip
    signing_algorithms: tuple[SigningAlgorithm, ...] = (
        SigningAlgorithm.AES_GMAC, SigningAlgorithm.AES_CMAC, SigningAlgorithm.HMAC_SHA256,
    )  # fmt: skip
    multichannel: bool = True
    """IsMultiChannelCapable."""
    leasing: bool = True
    """Leases are granted, and LEASING is advertised."""
    directory_leasing: bool = True
    notifications: bool = False
    """IsServerToClientNotificationsSupported: clients of 3.1.1 that ask for it hear when their session is
    closed."""
    persistent_handles: bool = True
    """Off while the server does not keep what it would promise."""
    persistent_state: PersistentState | None = None
    """Where persistent opens are kept over a restart; None where they do not outlive the server."""
    interfaces: list[NetworkInterface] = field(default_factory=list)
    max_sessions_per_connection: int = 1024
    max_channels: int = 32
    """Channels one session may have; one more is refused."""
    max_opens: int = 16384
    """Opens one session may have; one more fails with INSUFFICIENT_RESOURCES."""
    max_preserved_opens: int = 4096
    """Opens kept for clients that are away; one more closes another ([MS-SMB2] 3.3.2.2)."""
    max_locks: int = 16384
    """Byte-range locks one open may have; one more fails with INSUFFICIENT_RESOURCES."""
    max_transact_size: int = 8 * _MEBIBYTE
    max_read_size: int = 8 * _MEBIBYTE
    max_write_size: int = 8 * _MEBIBYTE
    max_credits: int = 8192
    """Credits one connection may hold at a time."""
    max_async: int = 512
    """Requests one connection may have pending; one more fails with INSUFFICIENT_RESOURCES."""
    session_timeout: float | None = None
    """Seconds after which a session expires and must be authenticated again; None for never."""
    unauthenticated_timeout: float | None = 300.0
    """Seconds after which a connection without any session is dropped ([MS-SMB2] 3.3.6.3); None for never."""
    server_guid: bytes = bytes(range(16))
    netbios_name: str = "REFERENCE"
    dns_domain: str = "reference.test"
    negotiate_token: bool = True
    """Send a GSS token in the NEGOTIATE response, else leave its buffer empty ([MS-SMB2] 3.3.5.4)."""
    require_secure_negotiate: bool = True
    """Serve FSCTL_VALIDATE_NEGOTIATE_INFO."""
    server_side_copy_max_chunks: int = 256
    server_side_copy_max_chunk_size: int = _MEBIBYTE
    server_side_copy_max_data_size: int = 16 * _MEBIBYTE
