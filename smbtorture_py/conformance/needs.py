"""What a case needs of a target, and what a target has: one vocabulary for both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Capability(StrEnum):
    """What a target may have. Its values are what `targets.yaml` and records say."""

    SMB_2_0_2 = "dialect-2.0.2"
    SMB_2_1 = "dialect-2.1"
    SMB_3_0 = "dialect-3.0"
    SMB_3_0_2 = "dialect-3.0.2"
    SMB_3_1_1 = "dialect-3.1.1"
    DFS = "dfs"
    LEASING = "leasing"
    LARGE_MTU = "large-mtu"
    MULTI_CHANNEL = "multi-channel"
    PERSISTENT_HANDLES = "persistent-handles"
    DIRECTORY_LEASING = "directory-leasing"
    ENCRYPTION = "encryption"
    NOTIFICATIONS = "notifications"
    AES_128_CCM = "cipher-aes-128-ccm"
    AES_128_GCM = "cipher-aes-128-gcm"
    AES_256_CCM = "cipher-aes-256-ccm"
    AES_256_GCM = "cipher-aes-256-gcm"
    SIGNING_CAPABILITIES = "signing-capabilities"
    AES_GMAC = "signing-aes-gmac"
    COMPRESSION = "compression"
    SMB1_NEGOTIATE = "smb1-negotiate"
    DURABLE_HANDLES = "durable-handles"
    RESILIENCY = "resiliency"
    COPYCHUNK = "copychunk"
    NAMED_STREAMS = "named-streams"
    SPARSE_FILES = "sparse-files"
    # What the set-up around the server offers, rather than the server.
    SECOND_USER = "second-user"
    GUEST = "guest"
    ANONYMOUS = "anonymous"
    SECOND_ADDRESS = "second-address"
    ENCRYPTED_SHARE = "encrypted-share"
    READ_ONLY_SHARE = "read-only-share"
    FORBIDDEN_SHARE = "forbidden-share"
    CONTINUOUSLY_AVAILABLE_SHARE = "continuously-available-share"
    WRITE_ONLY_SHARE = "write-only-share"
    LEVEL_2_SHARE = "level-2-share"
    SCALE_OUT_SHARE = "scale-out-share"
    NOT_DURABLE_SHARE = "not-durable-share"
    NOT_LEASED_SHARE = "not-leased-share"
    RESTART = "restart"
    ADDRESS_CHANGE = "address-change"
    SERVER_LOG = "server-log"
    ADMINISTRATION = "administration"
    ENCRYPTED_SESSIONS = "encrypted-sessions"
    SIGNING_REQUIRED = "signing-required"
    DECLARED_INTERFACES = "declared-interfaces"
    SIGNING_OPTIONAL = "signing-optional"
    BLACKHOLE = "blackhole"


SETUP = frozenset(
    {
        Capability.SECOND_USER,
        Capability.GUEST,
        Capability.ANONYMOUS,
        Capability.SECOND_ADDRESS,
        Capability.ENCRYPTED_SHARE,
        Capability.READ_ONLY_SHARE,
        Capability.FORBIDDEN_SHARE,
        Capability.CONTINUOUSLY_AVAILABLE_SHARE,
        Capability.WRITE_ONLY_SHARE,
        Capability.LEVEL_2_SHARE,
        Capability.SCALE_OUT_SHARE,
        Capability.NOT_DURABLE_SHARE,
        Capability.NOT_LEASED_SHARE,
        Capability.RESTART,
        Capability.ADDRESS_CHANGE,
        Capability.SERVER_LOG,
        Capability.ADMINISTRATION,
        Capability.ENCRYPTED_SESSIONS,
        Capability.SIGNING_REQUIRED,
        Capability.DECLARED_INTERFACES,
        Capability.SIGNING_OPTIONAL,
        Capability.BLACKHOLE,
    }
)
"""What belongs to the set-up: lacking it blocks a case; lacking anything else makes the case not applicable.
"""


@dataclass(slots=True, frozen=True)
class Need:
    """Something a case cannot do without: any one of `any_of`, if there are some, and none of `none_of`."""

    label: str
    any_of: frozenset[Capability]
    none_of: frozenset[Capability] = frozenset()

    def met_by(self, capabilities: Iterable[Capability]) -> bool:
        """Tell whether one of the alternatives is there, and nothing that is in the way."""
        there = frozenset(capabilities)
        return self.none_of.isdisjoint(there) and (not self.any_of or not self.any_of.isdisjoint(there))

    @property
    def is_setup(self) -> bool:
        """Tell whether lacking it is the set-up's fault (blocked) and not the server's choice (not
        applicable).
        """
        return bool((self.any_of | self.none_of) & SETUP)

    def __str__(self) -> str:
        return self.label


def _need(label: str, *capabilities: Capability) -> Need:
    return Need(label, frozenset(capabilities))


SMB2_0_2 = _need("SMB 2.0.2", Capability.SMB_2_0_2)
SMB2_1 = _need("SMB 2.1", Capability.SMB_2_1)
SMB3_0 = _need("SMB 3.0", Capability.SMB_3_0)
SMB3_0_2 = _need("SMB 3.0.2", Capability.SMB_3_0_2)
SMB311 = _need("SMB 3.1.1", Capability.SMB_3_1_1)
SMB3 = _need("a dialect of SMB 3", Capability.SMB_3_0, Capability.SMB_3_0_2, Capability.SMB_3_1_1)
SMB30X = _need("SMB 3.0 or 3.0.2", Capability.SMB_3_0, Capability.SMB_3_0_2)
SMB2X = _need("SMB 2.0.2 or 2.1", Capability.SMB_2_0_2, Capability.SMB_2_1)
DFS = _need("DFS", Capability.DFS)
LEASING = _need("leases", Capability.LEASING)
LARGE_MTU = _need("multi-credit requests", Capability.LARGE_MTU)
MULTI_CHANNEL = _need("multichannel", Capability.MULTI_CHANNEL)
PERSISTENT_HANDLES = _need("persistent handles", Capability.PERSISTENT_HANDLES)
DIRECTORY_LEASING = _need("directory leases", Capability.DIRECTORY_LEASING)
ENCRYPTION = _need("encryption", Capability.ENCRYPTION)
NOTIFICATIONS = _need("server-to-client notifications", Capability.NOTIFICATIONS)
SIGNING_CAPABILITIES = _need("the signing context of 3.1.1", Capability.SIGNING_CAPABILITIES)
AES_GMAC = _need("signing with AES-GMAC", Capability.AES_GMAC)
COMPRESSION = _need("compression", Capability.COMPRESSION)
SMB1_NEGOTIATE = _need("multi-protocol negotiate", Capability.SMB1_NEGOTIATE)
DURABLE_HANDLES = _need("durable handles", Capability.DURABLE_HANDLES)
RESILIENCY = _need("resilient handles", Capability.RESILIENCY)
COPYCHUNK = _need("server-side copy", Capability.COPYCHUNK)
NAMED_STREAMS = _need("named streams", Capability.NAMED_STREAMS)
SPARSE_FILES = _need("sparse files", Capability.SPARSE_FILES)
SECOND_USER = _need("a second user", Capability.SECOND_USER)
GUEST = _need("a guest account", Capability.GUEST)
ANONYMOUS = _need("anonymous logon", Capability.ANONYMOUS)
SECOND_ADDRESS = _need("a second address", Capability.SECOND_ADDRESS)
ENCRYPTED_SHARE = _need("an encrypted share", Capability.ENCRYPTED_SHARE)
READ_ONLY_SHARE = _need("a read-only share", Capability.READ_ONLY_SHARE)
FORBIDDEN_SHARE = _need("a share without permission", Capability.FORBIDDEN_SHARE)
CONTINUOUSLY_AVAILABLE_SHARE = _need(
    "a continuously available share", Capability.CONTINUOUSLY_AVAILABLE_SHARE
)
WRITE_ONLY_SHARE = _need("a share that nobody may read", Capability.WRITE_ONLY_SHARE)
LEVEL_2_SHARE = _need("a share that grants no more than level II", Capability.LEVEL_2_SHARE)
SCALE_OUT_SHARE = _need("a scale-out share", Capability.SCALE_OUT_SHARE)
NOT_DURABLE_SHARE = _need("a share without durable handles", Capability.NOT_DURABLE_SHARE)
NOT_LEASED_SHARE = _need("a share without leases", Capability.NOT_LEASED_SHARE)
RESTART = _need("a way to restart the server", Capability.RESTART)
ADDRESS_CHANGE = _need("a way to add and remove its addresses", Capability.ADDRESS_CHANGE)
ADMINISTRATION = _need("a way to change the running server", Capability.ADMINISTRATION)
ENCRYPTED_SESSIONS = _need(
    "a server that encrypts every session", Capability.ENCRYPTED_SESSIONS, Capability.ADMINISTRATION
)
SIGNING_REQUIRED = _need(
    "a server that requires signing", Capability.SIGNING_REQUIRED, Capability.ADMINISTRATION
)
DECLARED_INTERFACES = _need("a declaration of its interfaces", Capability.DECLARED_INTERFACES)
SIGNING_OPTIONAL = _need("a server that does not require signing", Capability.SIGNING_OPTIONAL)
CLEAR_SESSIONS = Need(
    "a server that does not encrypt every session", frozenset(), frozenset({Capability.ENCRYPTED_SESSIONS})
)
BLACKHOLE = _need("a way to blackhole a connection", Capability.BLACKHOLE)

BY_DIALECT = {
    0x0202: SMB2_0_2,
    0x0210: SMB2_1,
    0x0300: SMB3_0,
    0x0302: SMB3_0_2,
    0x0311: SMB311,
}
"""The need that a DialectRevision ([MS-SMB2] 2.2.3) stands for."""

BY_CIPHER = {
    0x0001: _need("AES-128-CCM", Capability.AES_128_CCM),
    0x0002: _need("AES-128-GCM", Capability.AES_128_GCM),
    0x0003: _need("AES-256-CCM", Capability.AES_256_CCM),
    0x0004: _need("AES-256-GCM", Capability.AES_256_GCM),
}
"""The need that a cipher id of the encryption context ([MS-SMB2] 2.2.3.1.2) stands for."""
