"""`targets.yaml`: what servers there are to test, and how to reach them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

from smbtorture_py.conformance.administration import DeclaredInterface
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Account, ShareRole
from smbtorture_py.net.core import Address
from smbtorture_py.results.located_yaml import ConfigurationError, LocatedDocument, Problem, load

DEFAULT_PORT: Final = 445
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_PORT: Final = 65535


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_address(text: str) -> Address:
    """Read `192.0.2.1`, `192.0.2.1:4450`, `nas.example`, `[2001:db8::1]:445` or `2001:db8::1`; raises
    ValueError.
    """
    host, port = text, str(DEFAULT_PORT)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not an address")
        port = rest[1:] or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(f"{text!r} has no port from 1 to {_MAX_PORT}")
    try:
        ip_address(host)
    except ValueError:
        if not _HOST_NAME.fullmatch(host):
            raise ValueError(f"{text!r} is not an address") from None
    return Address(host, int(port))


class UserModel(_Model):
    """A user; the password is in an environment variable, never in the file."""

    name: str = Field(min_length=1)
    password_env: str
    domain: str = ""

    @field_validator("password_env")
    @classmethod
    def _check_variable(cls, value: str) -> str:
        if not _VARIABLE.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of an environment variable")
        return value


class InterfaceModel(_Model):
    """One address that the server is to report; addresses of one network interface have the same number."""

    interface: int = Field(gt=0)
    address: str
    link_speed: int = Field(gt=0)
    """Bits a second."""
    rss: bool = False
    rdma: bool = False

    @field_validator("address")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return str(ip_address(value))

    def declared(self) -> DeclaredInterface:
        """Return it as cases know it."""
        return DeclaredInterface(**self.model_dump())


class ReferenceModel(_Model):
    """The bundled server, in the same process, on the simulated network and clock."""

    kind: Literal["reference"]
    policy: str = "specification"
    defects: tuple[str, ...] = ()
    description: str = ""


class ReferenceTcpModel(_Model):
    """The bundled server, in the same process, on loopback TCP."""

    kind: Literal["reference-tcp"]
    policy: str = "specification"
    defects: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")
    description: str = ""

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _loopback_only(value)


class SambaModel(_Model):
    """An installed smbd, started in a private directory on loopback addresses; needs root."""

    kind: Literal["samba"]
    smbd: str = "smbd"
    smbpasswd: str = "smbpasswd"
    addresses: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")
    options: Mapping[str, str] = Field(default_factory=dict)
    """More lines for the [global] section of smb.conf."""
    deadline_scale: float = Field(default=1.0, gt=0)
    description: str = ""

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _loopback_only(value)


class ExternalModel(_Model):
    """A server that is already running somewhere."""

    kind: Literal["external"]
    addresses: tuple[str, ...] = Field(min_length=1)
    user: UserModel
    second_user: UserModel | None = None
    guest: bool = False
    anonymous: bool = False
    shares: dict[ShareRole, str] = Field(default_factory=dict)
    directory: str = ""
    server_name: str = "server"
    product: str = Field(min_length=1)
    version: str = ""
    configuration: str = ""
    capabilities: tuple[Capability, ...] | None = None
    """What the server declares; without it, what a probe finds."""
    advertised: dict[str, str] = Field(default_factory=dict)
    """Advertised address -> address that can be dialled."""
    interfaces: tuple[InterfaceModel, ...] = ()
    """What the server has to report of its interfaces, where its administrator knows."""
    sources: tuple[str, ...] = ()
    channel_limit: int | None = Field(default=None, gt=0)
    break_timeout: float = Field(default=35.0, gt=0)
    deadline_scale: float = Field(default=1.0, gt=0)
    allow_disruptive: bool = False
    description: str = ""

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            parse_address(text)
        return value


TargetModel: TypeAlias = Annotated[
    ReferenceModel | ReferenceTcpModel | SambaModel | ExternalModel, Field(discriminator="kind")
]


class TargetsFile(_Model):
    """The whole file."""

    targets: dict[str, TargetModel]

    @field_validator("targets")
    @classmethod
    def _check_names(cls, value: dict[str, TargetModel]) -> dict[str, TargetModel]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
                raise ValueError(f"{name!r} is not a target name: lower-case letters, digits, '.', '_', '-'")
        return value


@dataclass(slots=True, frozen=True)
class Selected:
    """A target as asked for: its entry in the file, and the policy and defects named on the command line."""

    name: str
    """As asked for: `reference@samba+defect`."""
    model: ReferenceModel | ReferenceTcpModel | SambaModel | ExternalModel
    policy: str
    defects: tuple[str, ...]
    document: LocatedDocument
    entry: str


def find_targets_file(folder: Path) -> Path:
    """Return `targets.yaml` of the folder, else the one that comes with the package."""
    own = folder / "targets.yaml"
    return own if own.is_file() else Path(__file__).with_name("targets.yaml")


def select(name: str, path: Path) -> Selected:
    """Return the target `NAME[@POLICY][+DEFECT...]` of a file.

    Raises ConfigurationError with every mistake of the file, or because there is no such target.
    """
    document = load(path)
    targets = document.model(TargetsFile).targets
    entry, *defects = name.split("+")
    entry, at, policy = entry.partition("@")
    if entry not in targets:
        known = ", ".join(targets)
        raise ConfigurationError(
            [Problem(str(path), 0, "", f"there is no target {entry!r}; there are {known}")]
        )
    model = targets[entry]
    if isinstance(model, ReferenceModel | ReferenceTcpModel):
        return Selected(
            name, model, policy if at else model.policy, (*model.defects, *defects), document, entry
        )
    if at or defects:
        text = f"only the reference server takes a policy or defects, not {entry!r}"
        raise ConfigurationError([document.problem(["targets", entry, "kind"], text)])
    return Selected(name, model, "", (), document, entry)


def account(selected: Selected, key: str, user: UserModel, environment: Mapping[str, str]) -> Account:
    """Return a user with the password from the environment; raises ConfigurationError where it is not set."""
    password = environment.get(user.password_env)
    if password is None:
        text = f"the environment variable {user.password_env} is not set"
        path = ["targets", selected.entry, key, "password_env"]
        raise ConfigurationError([selected.document.problem(path, text)])
    return Account(user.name, password, user.domain)


def _loopback_only(addresses: Iterable[str]) -> tuple[str, ...]:
    found = tuple(addresses)
    for text in found:
        if not ip_address(text).is_loopback:
            raise ValueError(f"{text} is not a loopback address")
    if not found:
        raise ValueError("at least one address is needed")
    return found
