"""`smbtorture-py serve`: the reference server on TCP addresses, until it is told to stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from smbtorture_py.auth.accounts import Account as ServerAccount
from smbtorture_py.auth.accounts import Accounts
from smbtorture_py.conformance.target import Account
from smbtorture_py.net.core import Address
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.tcp_server import TcpServer
from smbtorture_py.server.config import Encryption, NetworkInterface, ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.server.storage import Storage
from smbtorture_py.storage.directory import DirectoryStorage
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.storage.persistent_state import FolderPersistentState, StateError
from smbtorture_py.targets.errors import TargetError
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.negotiate import Dialect

MEMORY: Final = "memory"
LINK_SPEED: Final = 10_000_000_000


@dataclass(slots=True, frozen=True)
class ShareOption:
    """One share to serve: `memory` or a folder of this host."""

    name: str
    where: str
    encrypted: bool = False
    read_only: bool = False
    continuously_available: bool = False


@dataclass(slots=True, frozen=True, kw_only=True)
class ServeOptions:
    """What is served, to whom, how."""

    listen: tuple[Address, ...]
    users: tuple[Account, ...]
    shares: tuple[ShareOption, ...]
    policy: str = "specification"
    defects: tuple[str, ...] = ()
    minimum_dialect: Dialect = Dialect.SMB_2_0_2
    maximum_dialect: Dialect = Dialect.SMB_3_1_1
    require_signing: bool = False
    encryption: Encryption = Encryption.ENABLED
    multichannel: bool = True
    smbtorture_controls: bool = False
    guest: bool = False
    anonymous: bool = True
    state: Path | None = None
    """Where persistent handles outlive the server; None for nowhere."""
    seed: int | None = None


def serve(options: ServeOptions, say: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; `say` gets one line that starts with `ready` once connections are
    accepted.

    Raises TargetError where an address is taken, a folder is not there, or a policy or defect does not exist.
    """
    world = RealWorld(options.seed)
    try:
        server = _server(options, world)
        try:
            front = TcpServer(world, server, options.listen)
        except OSError as error:
            wanted = ", ".join(map(str, options.listen))
            raise TargetError(f"cannot listen on {wanted}: {error.strerror or error}") from None

        def stop(_number: int, _frame: object) -> None:
            front.stop()

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            say(" ".join(["ready", *map(str, front.addresses)]))
            front.serve()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    finally:
        world.close()


def _server(options: ServeOptions, world: RealWorld) -> Server:
    config = ServerConfig(
        accounts=Accounts(
            [ServerAccount.with_password(user.user, user.password) for user in options.users],
            guest_allowed=options.guest,
            anonymous_allowed=options.anonymous,
        ),
        shares=[
            ShareConfig(
                name=share.name,
                storage=_storage(share, to_filetime(world.now)),
                encrypt_data=share.encrypted,
                read_only=share.read_only,
                is_continuously_available=share.continuously_available,
            )
            for share in options.shares
        ],
        minimum_dialect=options.minimum_dialect,
        maximum_dialect=options.maximum_dialect,
        require_message_signing=options.require_signing,
        encryption=options.encryption,
        multichannel=options.multichannel,
        smbtorture_controls=options.smbtorture_controls,
        interfaces=_interfaces(options.listen),
        persistent_state=None if options.state is None else _state(options.state),
    )
    try:
        return Server.compose(
            config, options.policy, options.defects, entropy=world.entropy("server"), now=world.now
        )
    except KeyError as error:
        raise TargetError(f"there is no policy or defect {error.args[0]!r}") from None
    except StateError as error:
        raise TargetError(str(error)) from None


def _interfaces(listen: Sequence[Address]) -> list[NetworkInterface]:
    """Advertise every address that is listened on, once."""
    hosts = list(dict.fromkeys(address.host for address in listen))
    return [
        NetworkInterface(index, ip_address(host), LINK_SPEED) for index, host in enumerate(hosts, start=1)
    ]


def _state(folder: Path) -> FolderPersistentState:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TargetError(f"state {folder}: {error.strerror or error}") from None
    return FolderPersistentState(folder)


def _storage(share: ShareOption, now: int) -> Storage:
    if share.where == MEMORY:
        return MemoryStorage(now)
    folder = Path(share.where)
    if not folder.is_dir():
        raise TargetError(f"share {share.name}: {share.where} is not a folder")
    return DirectoryStorage(str(folder), now)
