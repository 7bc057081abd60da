"""The bundled server as a target: its configuration, and what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from smbtorture_py.auth.accounts import Account as ServerAccount
from smbtorture_py.auth.accounts import Accounts
from smbtorture_py.conformance.administration import Administration, DeclaredInterface
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Account, ShareRole, Target
from smbtorture_py.net.core import Address, Entropy
from smbtorture_py.server.config import Encryption, NetworkInterface, ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.filetime import to_filetime

SIMULATED_ADDRESSES: Final = (Address("192.0.2.1", 445), Address("192.0.2.2", 445))
"""Where the server listens on the simulated network (TEST-NET-1, RFC 5737)."""

SHARES: Final = {
    ShareRole.PLAIN: "share",
    ShareRole.ENCRYPTED: "secret",
    ShareRole.READ_ONLY: "readonly",
    ShareRole.FORBIDDEN: "forbidden",
}
TWIN_ADDRESS: Final = "2001:db8::1"
"""A second address of the first interface (RFC 3849); cases find it at the first address."""
UNLISTED_ADDRESS: Final = "192.0.2.200"
"""The address of an interface without an index, which is not reported."""
LINK_SPEEDS: Final = (10_000_000_000, 1_000_000_000)
"""Of the first interface, which is RSS-capable, and of the others, which are not."""
PASSWORD_BYTES: Final = 12

CAPABILITIES: Final = frozenset(
    {
        Capability.SMB_2_0_2,
        Capability.SMB_2_1,
        Capability.SMB_3_0,
        Capability.SMB_3_0_2,
        Capability.SMB_3_1_1,
        Capability.LARGE_MTU,
        Capability.MULTI_CHANNEL,
        Capability.ENCRYPTION,
        Capability.AES_128_CCM,
        Capability.AES_128_GCM,
        Capability.AES_256_CCM,
        Capability.AES_256_GCM,
        Capability.SIGNING_CAPABILITIES,
        Capability.AES_GMAC,
        Capability.SMB1_NEGOTIATE,
        Capability.COPYCHUNK,
        Capability.NAMED_STREAMS,
        Capability.SPARSE_FILES,
        Capability.SECOND_USER,
        Capability.GUEST,
        Capability.ANONYMOUS,
        Capability.SECOND_ADDRESS,
        Capability.ENCRYPTED_SHARE,
        Capability.READ_ONLY_SHARE,
        Capability.FORBIDDEN_SHARE,
        Capability.SIGNING_OPTIONAL,
        Capability.BLACKHOLE,
        Capability.ADMINISTRATION,
        Capability.DECLARED_INTERFACES,
    }
)
"""What the bundled server is configured to do."""


@dataclass(slots=True, frozen=True)
class ReferenceSetup:
    """A policy, defects, and two users with passwords that follow from a seed."""

    policy: str
    defects: tuple[str, ...]
    user: Account
    second_user: Account

    def server(self, addresses: tuple[Address, ...], entropy: Entropy, now: float) -> Server:
        """Return a new server with empty shares; raises KeyError for a policy or defect that does
        not exist.
        """
        users = (self.user, self.second_user)
        accounts = Accounts(
            [ServerAccount.with_password(one.user, one.password) for one in users],
            guest_allowed=True,
            anonymous_allowed=True,
        )
        born = to_filetime(now)
        config = ServerConfig(
            accounts=accounts,
            shares=[
                ShareConfig(name=SHARES[ShareRole.PLAIN], storage=MemoryStorage(born)),
                ShareConfig(name=SHARES[ShareRole.ENCRYPTED], storage=MemoryStorage(born), encrypt_data=True),
                ShareConfig(name=SHARES[ShareRole.READ_ONLY], storage=MemoryStorage(born), read_only=True),
                ShareConfig(name=SHARES[ShareRole.FORBIDDEN], storage=MemoryStorage(born), no_access=True),
            ],
            interfaces=[
                *map(_configured, declared_interfaces(addresses)),
                NetworkInterface(0, ip_address(UNLISTED_ADDRESS)),
            ],
        )
        return Server.compose(config, self.policy, self.defects, entropy=entropy, now=now)

    def target(
        self,
        name: str,
        addresses: tuple[Address, ...],
        version: str,
        administration: Administration | None = None,
    ) -> Target:
        """Return what cases are told about this server."""
        return Target(
            name=name,
            addresses=addresses,
            product="reference",
            version=version,
            configuration=self.policy,
            user=self.user,
            second_user=self.second_user,
            shares=SHARES,
            server_name="reference",
            capabilities=CAPABILITIES,
            advertised={TWIN_ADDRESS: addresses[0].host},
            interfaces=declared_interfaces(addresses),
            administration=administration,
            channel_limit=32,
            allows_disruption=True,
        )


def reference_setup(policy: str, defects: tuple[str, ...], entropy: Entropy) -> ReferenceSetup:
    """Return a set-up whose passwords come from `entropy`."""
    return ReferenceSetup(
        policy,
        defects,
        Account("smbt", entropy(PASSWORD_BYTES).hex()),
        Account("smbt2", entropy(PASSWORD_BYTES).hex()),
    )


class ReferenceAdministration(Administration):
    """Changes the configuration of a bundled server that runs in this process."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._config = server.config

    def set_interfaces(self, interfaces: Sequence[DeclaredInterface]) -> None:
        """Replace the addresses that the server reports."""
        self._config.interfaces = [_configured(one) for one in interfaces]

    def set_multi_channel(self, enabled: bool) -> None:
        """Set IsMultiChannelCapable."""
        self._config.multichannel = enabled

    def require_encryption(self) -> None:
        """Set EncryptData and RejectUnencryptedAccess."""
        self._config.encryption = Encryption.REQUIRED
        self._config.reject_unencrypted_access = True

    def require_signing(self) -> None:
        """Set RequireMessageSigning."""
        self._config.require_message_signing = True

    def refuse_anonymous(self) -> None:
        """Clear AllowAnonymousAccess."""
        accounts = self._config.accounts
        assert isinstance(accounts, Accounts)
        accounts.anonymous_allowed = False

    def limit_sessions(self, seconds: float) -> None:
        """Set how long an authentication lasts."""
        self._config.session_timeout = seconds

    def expire_sessions(self, now: float) -> None:
        """Move every session's ExpirationTime to `now` and run the timer that looks at it."""
        for session in self._server.global_session_table.values():
            session.expiration_time = now
        self._server.tick(now)


def declared_interfaces(addresses: tuple[Address, ...]) -> tuple[DeclaredInterface, ...]:
    """Return the interfaces of a server with these addresses: one each, the first with an IPv6 address
    too.
    """
    hosts = [(1, addresses[0].host), (1, TWIN_ADDRESS)]
    hosts += [(number, address.host) for number, address in enumerate(addresses[1:], start=2)]
    return tuple(
        DeclaredInterface(interface=number, address=host, link_speed=LINK_SPEEDS[number > 1], rss=number == 1)
        for number, host in hosts
    )


def _configured(declared: DeclaredInterface) -> NetworkInterface:
    return NetworkInterface(
        declared.interface, ip_address(declared.address), declared.link_speed, declared.rss, declared.rdma
    )
