"""The bundled server as a target: its configuration, and what it can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from smbtorture_py.auth.accounts import Account as ServerAccount
from smbtorture_py.auth.accounts import Accounts
from smbtorture_py.conformance.administration import Administration, DeclaredInterface
from smbtorture_py.conformance.control import Action, Control, ControlFailed
from smbtorture_py.conformance.needs import BY_CIPHER, BY_DIALECT, Capability
from smbtorture_py.conformance.target import SHARE_CAPABILITIES, Account, ShareRole, Target
from smbtorture_py.net.core import Address, Entropy
from smbtorture_py.net.world import Listener, World
from smbtorture_py.server import loss
from smbtorture_py.server.config import Encryption, NetworkInterface, ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.storage.persistent_state import MemoryPersistentState
from smbtorture_py.targets.model import DIALECTS, ServerSettings
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.ioctl_payloads.network_interface_info import IpAddress
from smbtorture_py.wire.negotiate import Dialect

SIMULATED_ADDRESSES: Final = (Address("192.0.2.1", 445), Address("192.0.2.2", 445))
"""Where the server listens on the simulated network (TEST-NET-1, RFC 5737)."""

SHARES: Final = {
    ShareRole.PLAIN: "share",
    ShareRole.ENCRYPTED: "secret",
    ShareRole.READ_ONLY: "readonly",
    ShareRole.FORBIDDEN: "forbidden",
    ShareRole.CONTINUOUSLY_AVAILABLE: "available",
    ShareRole.WRITE_ONLY: "writeonly",
    ShareRole.LEVEL_2: "level2",
    ShareRole.SCALE_OUT: "scaleout",
    ShareRole.NOT_DURABLE: "notdurable",
    ShareRole.NOT_LEASED: "notleased",
}
TWIN_ADDRESS: Final = "2001:db8::1"
"""A second address of the first interface (RFC 3849); cases find it at the first address."""
UNLISTED_ADDRESS: Final = "192.0.2.200"
"""The address of an interface without an index, which is not reported."""
LINK_SPEEDS: Final = (10_000_000_000, 1_000_000_000)
"""Of the first interface, which is RSS-capable, and of the others, which are not."""
PASSWORD_BYTES: Final = 12
PORT_ATTEMPTS: Final = 20
SPECIFICATION: Final = "specification"
"""The ordinary policy."""

CAPABILITIES: Final = frozenset(
    {
        Capability.SMB_2_0_2,
        Capability.SMB_2_1,
        Capability.SMB_3_0,
        Capability.SMB_3_0_2,
        Capability.SMB_3_1_1,
        Capability.LEASING,
        Capability.LARGE_MTU,
        Capability.MULTI_CHANNEL,
        Capability.DIRECTORY_LEASING,
        Capability.ENCRYPTION,
        Capability.AES_128_CCM,
        Capability.AES_128_GCM,
        Capability.AES_256_CCM,
        Capability.AES_256_GCM,
        Capability.SIGNING_CAPABILITIES,
        Capability.AES_GMAC,
        Capability.SMB1_NEGOTIATE,
        Capability.DURABLE_HANDLES,
        Capability.PERSISTENT_HANDLES,
        Capability.RESILIENCY,
        Capability.COPYCHUNK,
        Capability.NAMED_STREAMS,
        Capability.SPARSE_FILES,
        Capability.SECOND_USER,
        Capability.GUEST,
        Capability.ANONYMOUS,
        Capability.SECOND_ADDRESS,
        *SHARE_CAPABILITIES.values(),
        Capability.SIGNING_OPTIONAL,
        Capability.BLACKHOLE,
        Capability.ADMINISTRATION,
        Capability.DECLARED_INTERFACES,
        Capability.RESTART,
        Capability.ADDRESS_CHANGE,
    }
)
"""What the bundled server does unless it is configured otherwise."""

SPARE_ADDRESSES: Final = (Address("192.0.2.3", 445),)
"""What the server on the simulated network may be given."""

_NOT_OF_POLICY: Final = {"samba": frozenset({Capability.RESILIENCY})}
"""What a product does not have."""

_BELOW_3_1_1: Final = frozenset(
    {
        Capability.AES_128_GCM,
        Capability.AES_256_CCM,
        Capability.AES_256_GCM,
        Capability.SIGNING_CAPABILITIES,
        Capability.AES_GMAC,
    }
)
"""What goes with 3.1.1."""
_BELOW_3: Final = frozenset(
    {
        Capability.MULTI_CHANNEL,
        Capability.ENCRYPTION,
        Capability.AES_128_CCM,
        Capability.ENCRYPTED_SHARE,
        Capability.PERSISTENT_HANDLES,
        Capability.DIRECTORY_LEASING,
        Capability.CONTINUOUSLY_AVAILABLE_SHARE,
        Capability.SCALE_OUT_SHARE,
    }
)
"""What goes with the last dialect of SMB 3."""


def capabilities_of(settings: ServerSettings, everything: frozenset[Capability]) -> frozenset[Capability]:
    """Return what is left of a server's capabilities in a configuration, and what the configuration adds."""
    low, high = DIALECTS[settings.min_dialect], DIALECTS[settings.max_dialect]
    lost: set[Capability] = set()
    for dialect, need in BY_DIALECT.items():
        if not low <= dialect <= high:
            lost |= need.any_of
    if high < Dialect.SMB_3_1_1:
        lost |= _BELOW_3_1_1
    if high < Dialect.SMB_3_0:
        lost |= _BELOW_3
    if high < Dialect.SMB_2_1:
        lost |= {
            Capability.LARGE_MTU,
            Capability.RESILIENCY,
            Capability.LEASING,
            Capability.NOT_LEASED_SHARE,
        }
    if not settings.multichannel:
        lost.add(Capability.MULTI_CHANNEL)
    if settings.encryption == "off":
        lost |= {Capability.ENCRYPTION, Capability.ENCRYPTED_SHARE}
        lost |= {capability for need in BY_CIPHER.values() for capability in need.any_of}
    gained: set[Capability] = set()
    if settings.signing == "required":
        lost.add(Capability.SIGNING_OPTIONAL)
        gained.add(Capability.SIGNING_REQUIRED)
    if settings.encryption == "required":
        gained.add(Capability.ENCRYPTED_SESSIONS)
    return (everything - lost) | gained


@dataclass(slots=True, frozen=True)
class ReferenceSetup:
    """A policy, defects, and two users with passwords that follow from a seed."""

    policy: str
    defects: tuple[str, ...]
    user: Account
    second_user: Account
    settings: ServerSettings
    configuration: str = ""

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
                ShareConfig(
                    name=SHARES[ShareRole.CONTINUOUSLY_AVAILABLE],
                    storage=MemoryStorage(born),
                    is_continuously_available=True,
                ),
                ShareConfig(name=SHARES[ShareRole.WRITE_ONLY], storage=MemoryStorage(born), write_only=True),
                ShareConfig(
                    name=SHARES[ShareRole.LEVEL_2], storage=MemoryStorage(born), force_level2_oplock=True
                ),
                ShareConfig(name=SHARES[ShareRole.SCALE_OUT], storage=MemoryStorage(born), is_scale_out=True),
                ShareConfig(
                    name=SHARES[ShareRole.NOT_DURABLE], storage=MemoryStorage(born), has_durability=False
                ),
                ShareConfig(name=SHARES[ShareRole.NOT_LEASED], storage=MemoryStorage(born), has_leases=False),
            ],
            interfaces=[
                *map(_configured, declared_interfaces(addresses)),
                NetworkInterface(0, _parsed(UNLISTED_ADDRESS)),
            ],
            minimum_dialect=DIALECTS[self.settings.min_dialect],
            maximum_dialect=DIALECTS[self.settings.max_dialect],
            require_message_signing=self.settings.signing == "required",
            encryption=Encryption(self.settings.encryption),
            multichannel=self.settings.multichannel,
            persistent_state=MemoryPersistentState(),
        )
        return self.compose(config, entropy, now)

    def compose(self, config: ServerConfig, entropy: Entropy, now: float) -> Server:
        """Return a server of our policy and defects; raises KeyError for one that does not exist."""
        return Server.compose(config, self.policy, self.defects, entropy=entropy, now=now)

    def target(
        self,
        name: str,
        addresses: tuple[Address, ...],
        version: str,
        administration: Administration | None = None,
        control: Control | None = None,
    ) -> Target:
        """Return what cases are told about this server."""
        return Target(
            name=name,
            addresses=addresses,
            product="reference",
            version=version,
            configuration=self.configuration,
            user=self.user,
            second_user=self.second_user,
            shares=SHARES,
            server_name="reference",
            capabilities=capabilities_of(
                self.settings, CAPABILITIES - _NOT_OF_POLICY.get(self.policy, frozenset())
            ),
            advertised={TWIN_ADDRESS: addresses[0]},
            interfaces=declared_interfaces(addresses),
            administration=administration,
            control=control,
            spare_addresses=SPARE_ADDRESSES if addresses == SIMULATED_ADDRESSES else (),
            channel_limit=32,
            allows_disruption=True,
        )


def reference_setup(
    policy: str,
    defects: tuple[str, ...],
    entropy: Entropy,
    settings: ServerSettings,
    configuration: str,
) -> ReferenceSetup:
    """Return a set-up whose passwords come from `entropy`.

    Records call it by policy and configuration, as far as they are not the ordinary ones.
    """
    return ReferenceSetup(
        policy,
        defects,
        Account("smbt", entropy(PASSWORD_BYTES).hex()),
        Account("smbt2", entropy(PASSWORD_BYTES).hex()),
        settings,
        "/".join(filter(None, ["" if policy == SPECIFICATION else policy, configuration])),
    )


class ReferenceControl(Control):
    """Stops, starts, restarts and moves a bundled server that runs in this process, within its world."""

    def __init__(
        self, setup: ReferenceSetup, world: World, server: Server, addresses: Sequence[Address]
    ) -> None:
        super().__init__()
        self._setup = setup
        self._world = world
        self.server = server
        self._starts = 0
        self._listeners = _listen(world, server, addresses)

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where the server listens."""
        return tuple(one.address for one in self._listeners)

    @property
    def actions(self) -> frozenset[Action]:
        """Everything but a log, which the server does not keep."""
        return frozenset(Action) - {Action.LOG}

    def perform(self, action: Action, address: str = "") -> str:
        """Do it; what the shares hold outlives a restart."""
        if action in (Action.STOP, Action.RESTART):
            self._end()
        if action in (Action.START, Action.RESTART):
            self._begin()
        if action is Action.ADD_ADDRESS:
            at = Address(address, self._listeners[0].address.port)
            self._listeners.append(self._world.listen(at, self.server))
        if action is Action.REMOVE_ADDRESS:
            self._leave(address)
        return ""

    def _end(self) -> None:
        self.server.persistent_opens.let_go()
        for listener in self._listeners:
            listener.close()
        for connection in tuple(self.server.connection_list):
            connection.transport.abort()

    def _begin(self) -> None:
        self._starts += 1
        entropy = self._world.entropy("server", str(self._starts))
        self.server = self._setup.compose(self.server.config, entropy, self._world.now)
        self._listeners = [self._world.listen(address, self.server) for address in self.addresses]

    def _leave(self, host: str) -> None:
        gone = [one for one in self._listeners if one.address.host == host]
        if not gone:
            raise ControlFailed(f"the server has no address {host}")
        for listener in gone:
            listener.close()
            self._listeners.remove(listener)
        for connection in tuple(self.server.connection_list):
            if connection.local_address[0] == host:
                connection.transport.abort()


class ReferenceAdministration(Administration):
    """Changes the configuration of a bundled server that runs in this process."""

    def __init__(self, control: ReferenceControl) -> None:
        self._control = control
        self._config = control.server.config

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

    def limit_uses(self, share: str, uses: int) -> None:
        """Set Share.MaxUses."""
        for one in self._config.shares:
            if one.name == share:
                one.max_clients = uses

    def limit_sessions(self, seconds: float) -> None:
        """Set how long an authentication lasts."""
        self._config.session_timeout = seconds

    def offer_notifications(self) -> None:
        """Set IsServerToClientNotificationsSupported."""
        self._config.notifications = True

    def close_session(self, session_id: int, now: float) -> None:
        """Close a session, and tell its client where that was agreed."""
        server = self._control.server
        session = server.global_session_table.get(session_id)
        if session is not None:
            loss.close_session(server, session, now)

    def expire_sessions(self, now: float) -> None:
        """Move every session's ExpirationTime to `now` and run the timer that looks at it."""
        for session in self._control.server.global_session_table.values():
            session.expiration_time = now
        self._control.server.tick(now)


def _listen(world: World, server: Server, addresses: Sequence[Address]) -> list[Listener]:
    """Listen at every address; port 0 is any that is free on all of them. Raises OSError."""
    if addresses[0].port:
        return [world.listen(address, server) for address in addresses]
    for attempts_left in reversed(range(PORT_ATTEMPTS)):
        listeners = [world.listen(addresses[0], server)]
        port = listeners[0].address.port
        try:
            listeners += [world.listen(Address(one.host, port), server) for one in addresses[1:]]
        except OSError:
            listeners[0].close()
            if not attempts_left:
                raise
        else:
            return listeners
    return []


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
        declared.interface, _parsed(declared.address), declared.link_speed, declared.rss, declared.rdma
    )


@lru_cache(maxsize=64)
def _parsed(address: str) -> IpAddress:
    """Each simulated server asks anew for the same few addresses."""
    return ip_address(address)
