"""A private smbd: in a directory of its own, on loopback addresses, gone when we are."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from smbtorture_py.conformance.administration import DeclaredInterface
from smbtorture_py.conformance.control import Action, Control, ControlFailed
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Account, ShareRole, Target
from smbtorture_py.net.core import Address
from smbtorture_py.targets.errors import TargetError, TargetUnreachable
from smbtorture_py.targets.guarded import Guarded, GuardianFailed
from smbtorture_py.targets.model import SambaModel, SambaSettings
from smbtorture_py.targets.reference import capabilities_of
from smbtorture_py.targets.samba_installation import SambaInstallation

OUTPUT: Final = "smbd.out"
LOG: Final = "log.smbd"
START_TIMEOUT: Final = 20.0
POLL: Final = 0.05
LINK_SPEED: Final = 10_000_000_000
"""Bits a second that every address is configured with."""

UNIX_ID: Final = 61_001
"""First uid and gid of the private accounts; they exist in the private mount namespace only."""

PROTOCOLS: Final = {
    "2.0.2": "SMB2_02",
    "2.1": "SMB2_10",
    "3.0": "SMB3_00",
    "3.0.2": "SMB3_02",
    "3.1.1": "SMB3_11",
}
"""How smb.conf calls the dialects."""

USERS: Final = ("smbt", "smbt2")
SHARES: Final = {
    ShareRole.PLAIN: "share",
    ShareRole.ENCRYPTED: "secret",
    ShareRole.READ_ONLY: "readonly",
    ShareRole.FORBIDDEN: "forbidden",
    ShareRole.NOT_DURABLE: "notdurable",
}
SHARE_OPTIONS: Final = {
    ShareRole.PLAIN: {"read only": "no"},
    ShareRole.ENCRYPTED: {"read only": "no", "smb encrypt": "required"},
    ShareRole.READ_ONLY: {"read only": "yes"},
    ShareRole.FORBIDDEN: {"read only": "no", "valid users": "root"},
    ShareRole.NOT_DURABLE: {"read only": "no", "durable handles": "no"},
}
SETUP: Final = frozenset(
    {
        Capability.SECOND_USER,
        Capability.GUEST,
        Capability.ANONYMOUS,
        Capability.SECOND_ADDRESS,
        Capability.ENCRYPTED_SHARE,
        Capability.READ_ONLY_SHARE,
        Capability.FORBIDDEN_SHARE,
        Capability.NOT_DURABLE_SHARE,
        Capability.SIGNING_OPTIONAL,
        Capability.BLACKHOLE,
        Capability.DECLARED_INTERFACES,
    }
)


class PrivateSamba:
    """One smbd of our own; `start` returns the target, `stop` ends it and removes everything it left."""

    def __init__(self, name: str, model: SambaModel) -> None:
        root = Path(model.root).absolute() if model.root else None
        self._name = name
        self._model = model
        self._installation = SambaInstallation(name, model.smbd, model.smbpasswd, root)
        self._guarded: Guarded | None = None
        self._directory: Path | None = None
        self._addresses: tuple[Address, ...] = ()

    def start(self) -> Target:
        """Start smbd and wait until it accepts connections.

        Raises TargetError where it cannot be set up (not installed, not root), TargetUnreachable where it
        does not come up.
        """
        version = self._installation.version()
        if os.geteuid() != 0:
            raise TargetError(f"target {self._name}: starting smbd needs root")
        directory = Path(tempfile.mkdtemp(prefix="smbtorture-py-samba-"))
        self._directory = directory
        try:
            port = _free_port(self._model.addresses)
            users = [Account(user, secrets.token_hex(12)) for user in USERS]
            configuration = self._write(directory, port)
            for user in users:
                self._add(directory, configuration, user)
            self._addresses = addresses = tuple(Address(host, port) for host in self._model.addresses)
            self._guarded = self._guard(directory, configuration)
            self.bring_up()
        except BaseException:
            self.stop()
            raise
        control = SambaControl(self)
        return Target(
            name=self._name,
            addresses=addresses,
            product="samba",
            version=version,
            user=users[0],
            second_user=users[1],
            shares=SHARES,
            server_name=self._model.addresses[0],
            interfaces=tuple(
                DeclaredInterface(interface=1, address=host, link_speed=LINK_SPEED, rss=True)
                for host in self._model.addresses
            ),
            capabilities=self._capabilities() | control.capabilities,
            control=control,
            channel_limit=self._model.channel_limit,
            break_timeout=self._model.break_timeout,
            deadline_scale=self._model.deadline_scale,
            allows_disruption=True,
        )

    def stop(self) -> None:
        """End smbd and remove everything it left; harmless when it is not running."""
        guarded, self._guarded = self._guarded, None
        if guarded is not None:
            guarded.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """The server has been started and has not ended."""
        return self._guarded is not None and self._guarded.is_running

    def bring_up(self) -> None:
        """Start smbd, unless it runs, and wait until it accepts connections; raises TargetError,
        TargetUnreachable.
        """
        try:
            if self._guarded is not None:
                self._guarded.start()
        except GuardianFailed as error:
            raise TargetError(f"target {self._name}: {error}") from None
        self._await(self._addresses)

    def bring_down(self) -> None:
        """End smbd and what serves its connections; its files stay. Raises TargetError."""
        try:
            if self._guarded is not None:
                self._guarded.stop()
        except GuardianFailed as error:
            raise TargetError(f"target {self._name}: {error}") from None

    def log(self) -> str:
        """Return what smbd has written so far."""
        if self._directory is None:
            return ""
        files = (self._directory / name for name in (OUTPUT, LOG))
        return "".join(path.read_text(errors="replace") for path in files if path.is_file())

    def _capabilities(self) -> frozenset[Capability]:
        """Return what this configuration of ours has, and a probe cannot see."""
        settings = self._model.settings
        lost = set() if len(self._model.addresses) > 1 else {Capability.SECOND_ADDRESS}
        if settings.encryption == "required":
            # Who has no key cannot encrypt: smbd lets such users in nowhere then.
            lost |= {Capability.GUEST, Capability.ANONYMOUS}
        return capabilities_of(settings, SETUP - lost)

    def _write(self, directory: Path, port: int) -> Path:
        """Write smb.conf and the private account files."""
        directory.chmod(0o755)
        for folder in ("private", "state", "cache", "lock", "pid", "ncalrpc"):
            (directory / folder).mkdir(mode=0o700 if folder == "private" else 0o755)
        for share in SHARES.values():
            (directory / share).mkdir()
            (directory / share).chmod(0o777)
        for file, line in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
            text = self._installation.accounts(file)
            kept = [one for one in text.splitlines(keepends=True) if one.split(":")[0] not in USERS]
            added = [line.format(user, UNIX_ID + number) for number, user in enumerate(USERS)]
            (directory / file).write_text("".join([*kept, *added]), encoding="utf-8")
        seen = self._installation.path_of(directory)
        settings = {
            "netbios name": "SMBTORTURE",
            "workgroup": "WORKGROUP",
            "server role": "standalone server",
            "private dir": f"{seen}/private",
            "state directory": f"{seen}/state",
            "cache directory": f"{seen}/cache",
            "lock directory": f"{seen}/lock",
            "pid directory": f"{seen}/pid",
            "ncalrpc dir": f"{seen}/ncalrpc",
            "log file": f"{seen}/{LOG}",
            "log level": "1",
            "smb ports": str(port),
            "bind interfaces only": "yes",
            "interfaces": " ".join(
                f'"{host};capability=RSS,speed={LINK_SPEED}"' for host in self._model.addresses
            ),
            **_configured(self._model.settings),
            "disable netbios": "yes",
            "load printers": "no",
            "printing": "bsd",
            "printcap name": "/dev/null",
            "passdb backend": "tdbsam",
            "map to guest": "bad user",
            "guest account": "nobody",
            "kernel oplocks": "no",
            "kernel share modes": "no",
            "posix locking": "no",
            "durable handles": "yes",
            **self._model.settings.options,
        }
        lines = ["[global]", *(f"    {key} = {value}" for key, value in settings.items())]
        for role, share in SHARES.items():
            options = {
                "path": f"{seen}/{share}",
                "vfs objects": "streams_xattr",
                "store dos attributes": "yes",
            }
            lines += [f"[{share}]"]
            lines += [f"    {key} = {value}" for key, value in (options | SHARE_OPTIONS[role]).items()]
        configuration = directory / "smb.conf"
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return configuration

    def _add(self, directory: Path, configuration: Path, user: Account) -> None:
        known = str(self._installation.path_of(directory) / configuration.name)
        command = self._installation.add_command(directory, "-c", known, "-s", "-a", user.user)
        done = subprocess.run(
            command, input=f"{user.password}\n{user.password}\n", capture_output=True, text=True, check=False
        )
        if done.returncode:
            problem = (done.stderr or done.stdout).strip().splitlines()
            raise TargetError(f"target {self._name}: cannot add a user: {problem[-1] if problem else '?'}")

    def _guard(self, directory: Path, configuration: Path) -> Guarded:
        """Return a guardian that can start smbd."""
        known = str(self._installation.path_of(directory) / configuration.name)
        command = self._installation.start_command(directory, "-F", "--no-process-group", "-s", known)
        try:
            return Guarded(
                command=command,
                directory=directory,
                addresses=self._model.addresses,
                log=directory / OUTPUT,
            )
        except GuardianFailed as error:
            raise TargetError(f"target {self._name}: {error}") from None

    def _await(self, addresses: tuple[Address, ...]) -> None:
        """Wait until every address accepts connections."""
        deadline = time.monotonic() + START_TIMEOUT
        for address in addresses:
            while not _accepts(address):
                if not self.is_running or time.monotonic() > deadline:
                    what = f"smbd does not accept connections at {address}: {self._last_words()}"
                    raise TargetUnreachable(f"target {self._name}: {what}")
                time.sleep(POLL)

    def _last_words(self) -> str:
        lines = self.log().strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class SambaControl(Control):
    """Stops and starts our smbd: master and children at once, files and databases stay."""

    def __init__(self, samba: PrivateSamba) -> None:
        super().__init__()
        self._samba = samba

    @property
    def actions(self) -> frozenset[Action]:
        """What our smbd offers; it stays on its addresses."""
        return frozenset({Action.START, Action.STOP, Action.RESTART, Action.LOG})

    def perform(self, action: Action, address: str = "") -> str:  # noqa: ARG002  # it stays on its addresses
        """Do it."""
        try:
            if action is Action.LOG:
                return self._samba.log()
            if action in (Action.STOP, Action.RESTART):
                self._samba.bring_down()
            if action in (Action.START, Action.RESTART):
                self._samba.bring_up()
        except (TargetError, TargetUnreachable) as error:
            raise ControlFailed(str(error)) from None
        return ""


def _configured(settings: SambaSettings) -> dict[str, str]:
    """Return the lines of smb.conf that stand for our settings."""
    lines = {
        "server multi channel support": "yes" if settings.multichannel else "no",
        "server min protocol": PROTOCOLS[settings.min_dialect],
        "server max protocol": PROTOCOLS[settings.max_dialect],
    }
    if settings.signing == "required":
        lines["server signing"] = "mandatory"
    if settings.encryption != "enabled":
        lines["server smb encrypt"] = "required" if settings.encryption == "required" else "off"
    return lines


def _accepts(address: Address) -> bool:
    try:
        with socket.create_connection(address, timeout=1):
            return True
    except OSError:
        return False


def _free_port(hosts: tuple[str, ...]) -> int:
    """Return a port that is free on all hosts at this moment."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind((hosts[0], 0))
            port = int(first.getsockname()[1])
            if all(_can_bind(host, port) for host in hosts[1:]):
                return port
    raise TargetError("no port is free on all loopback addresses")


def _can_bind(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
