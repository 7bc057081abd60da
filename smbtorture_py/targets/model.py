"""`targets.yaml`: what servers there are to test, and how to reach them."""

from __future__ import annotations

import re
import shlex
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from smbtorture_py.conformance.administration import DeclaredInterface
from smbtorture_py.conformance.needs import Capability
from smbtorture_py.conformance.target import Account, ShareRole
from smbtorture_py.net.core import Address
from smbtorture_py.results.located_yaml import ConfigurationError, LocatedDocument, Problem, load
from smbtorture_py.wire.negotiate import Dialect

TARGETS_FILE: Final = "targets.yaml"
DEFAULT_PORT: Final = 445
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_MAX_PORT: Final = 65535
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
HOOK_TIMEOUT: Final = 30.0
"""Seconds that a hook's command may take unless it says otherwise."""

DialectName: TypeAlias = Literal["2.0.2", "2.1", "3.0", "3.0.2", "3.1.1"]
DIALECTS: Final = {
    "2.0.2": Dialect.SMB_2_0_2,
    "2.1": Dialect.SMB_2_1,
    "3.0": Dialect.SMB_3_0,
    "3.0.2": Dialect.SMB_3_0_2,
    "3.1.1": Dialect.SMB_3_1_1,
}
"""How dialects are written in `targets.yaml` and on the command line."""


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


class ServerSettings(_Model):
    """How a server that we start ourselves is configured; what is not said is the target's own setting, or
    the default.
    """

    signing: Literal["enabled", "required"] = "enabled"
    encryption: Literal["off", "enabled", "required"] = "enabled"
    min_dialect: DialectName = "2.0.2"
    max_dialect: DialectName = "3.1.1"
    multichannel: bool = True
    description: str = ""

    @model_validator(mode="after")
    def _check_dialects(self) -> Self:
        if DIALECTS[self.min_dialect] > DIALECTS[self.max_dialect]:
            raise ValueError(f"min_dialect {self.min_dialect} is above max_dialect {self.max_dialect}")
        return self

    def over(self, base: Self) -> Self:
        """Return the settings of `base` with those that are said here in their place; raises ValueError."""
        return type(self).model_validate(base.model_dump() | self.model_dump(exclude_unset=True))


class SambaSettings(ServerSettings):
    """How our own smbd is configured."""

    options: dict[str, str] = Field(default_factory=dict)
    """More lines for the [global] section of smb.conf."""


def _configuration_names(value: object) -> object:
    if isinstance(value, Mapping):
        for name in value:
            if not _NAME.fullmatch(str(name)):
                raise ValueError(f"{name!r} is not a name: lower-case letters, digits, '.', '_', '-'")
    return value


SettingsByName: TypeAlias = Annotated[dict[str, ServerSettings], BeforeValidator(_configuration_names)]
SambaSettingsByName: TypeAlias = Annotated[dict[str, SambaSettings], BeforeValidator(_configuration_names)]


class ReferenceModel(_Model):
    """The bundled server, in the same process, on the simulated network and clock."""

    kind: Literal["reference"]
    policy: str = "specification"
    defects: tuple[str, ...] = ()
    settings: ServerSettings = ServerSettings()
    variants: SettingsByName = Field(default_factory=dict)
    description: str = ""


class ReferenceTcpModel(ReferenceModel):
    """The bundled server, in the same process, on loopback TCP."""

    kind: Literal["reference-tcp"]  # type: ignore[assignment]  # each kind has its own
    addresses: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _loopback_only(value)


class SambaModel(_Model):
    """An smbd of this machine, started in a private directory on loopback addresses; needs root.

    `$NAME` in `smbd`, `smbpasswd` and `root` stands for an environment variable.
    """

    kind: Literal["samba"]
    smbd: str = "smbd"
    smbpasswd: str = ""
    """Without it, the one that belongs to `smbd`."""
    root: str = ""
    """The directory tree that another version's packages were unpacked into; empty for the system itself."""
    addresses: tuple[str, ...] = ("127.0.0.1", "127.0.0.2")
    settings: SambaSettings = SambaSettings()
    variants: SambaSettingsByName = Field(default_factory=dict)
    capabilities: tuple[Capability, ...] | None = None
    """What the server declares; without it, what a probe finds."""
    channel_limit: int | None = Field(default=None, gt=0)
    break_timeout: float = Field(default=35.0, gt=0)
    deadline_scale: float = Field(default=1.0, gt=0)
    description: str = ""

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _loopback_only(value)


class HookModel(_Model):
    """A command (no shell): one text that is split as a shell would, or a list; `{address}` and
    `{configuration}` in it are filled in.
    """

    command: tuple[str, ...] = Field(min_length=1)
    timeout: float = Field(default=HOOK_TIMEOUT, gt=0)
    """Seconds after which the command is ended and counts as failed."""

    @field_validator("command", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return shlex.split(value) if isinstance(value, str) else value

    @field_validator("command")
    @classmethod
    def _check_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            for _, name, _, _ in string.Formatter().parse(word):
                if name not in (None, *HOOK_FIELDS):
                    raise ValueError(f"{word!r}: only {' and '.join(HOOK_FIELDS)} can be filled in")
        return value


HOOK_FIELDS: Final = ("address", "configuration")


def _as_hook(value: object) -> object:
    return {"command": value} if isinstance(value, str | list) else value


Hook: TypeAlias = Annotated[HookModel | None, BeforeValidator(_as_hook)]


class HooksModel(_Model):
    """Commands that do something to the server, or tell something of it."""

    identify: Hook = None
    """Prints product and version in one line, or only the version where `product` is given."""
    configure: Hook = None
    """Puts the server into {configuration}; run before `start`, empty for the target itself."""
    start: Hook = None
    stop: Hook = None
    restart: Hook = None
    add_address: Hook = None
    remove_address: Hook = None
    log: Hook = None
    """Prints the server's log."""


class ExternalSettings(_Model):
    """What a configuration of an external target has that the target itself does not."""

    addresses: tuple[str, ...] | None = None
    shares: dict[ShareRole, str] | None = None
    capabilities: tuple[Capability, ...] | None = None
    channel_limit: int | None = Field(default=None, gt=0)
    break_timeout: float | None = Field(default=None, gt=0)
    deadline_scale: float | None = Field(default=None, gt=0)
    description: str = ""

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return value if value is None else _dialable(value)


ExternalSettingsByName: TypeAlias = Annotated[
    dict[str, ExternalSettings], BeforeValidator(_configuration_names)
]


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
    product: str = ""
    version: str = ""
    capabilities: tuple[Capability, ...] | None = None
    """What the server declares; without it, what a probe finds."""
    advertised: dict[str, str] = Field(default_factory=dict)
    """Advertised address -> address that can be dialled."""
    interfaces: tuple[InterfaceModel, ...] = ()
    """What the server has to report of its interfaces, where its administrator knows."""
    sources: tuple[str, ...] = ()
    """Local addresses that connections come from, in turn."""
    spare_addresses: tuple[str, ...] = ()
    """Addresses that the hook `add_address` may give to the server."""
    channel_limit: int | None = Field(default=None, gt=0)
    break_timeout: float = Field(default=35.0, gt=0)
    deadline_scale: float = Field(default=1.0, gt=0)
    allow_disruptive: bool = False
    hooks: HooksModel = HooksModel()
    variants: ExternalSettingsByName = Field(default_factory=dict)
    description: str = ""

    @field_validator("addresses", "spare_addresses")
    @classmethod
    def _check_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _dialable(value)

    @field_validator("sources")
    @classmethod
    def _check_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_address(text)) for text in value)

    @field_validator("advertised")
    @classmethod
    def _check_advertised(cls, value: dict[str, str]) -> dict[str, str]:
        _dialable(value.values())
        return {str(ip_address(text)): where for text, where in value.items()}

    @model_validator(mode="after")
    def _check_product(self) -> Self:
        if not self.product and self.hooks.identify is None:
            raise ValueError("neither `product` nor the hook `identify` tells what server this is")
        return self

    def configured(self, settings: ExternalSettings) -> Self:
        """Return the target in one of its configurations."""
        return self.model_copy(update=settings.model_dump(exclude_unset=True, exclude_none=True))


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
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a target name: lower-case letters, digits, '.', '_', '-'")
        return value


@dataclass(slots=True, frozen=True, kw_only=True)
class Selected:
    """A target as asked for: its entry in the file, and what the command line adds to it."""

    name: str
    """As asked for: `reference@samba/signing-required+defect`."""
    model: ReferenceModel | ReferenceTcpModel | SambaModel | ExternalModel
    """In the configuration that was asked for."""
    policy: str = ""
    configuration: str = ""
    defects: tuple[str, ...] = ()
    document: LocatedDocument
    entry: str

    def problem(self, text: str, *key: str) -> ConfigurationError:
        """Return what is wrong with the entry, at a key of it."""
        return ConfigurationError([self.document.problem(["targets", self.entry, *key], text)])


def find_targets_file(folder: Path) -> Path:
    """Return `targets.yaml` of the folder, else the one that comes with us: in the package where it is
    installed, at the top level in a checkout.
    """
    here = Path(__file__)
    places = (folder / TARGETS_FILE, here.with_name(TARGETS_FILE), here.parents[2] / TARGETS_FILE)
    return next((path for path in places if path.is_file()), places[-1])


def select(name: str, path: Path) -> Selected:
    """Return the target `NAME[@POLICY][/CONFIGURATION][+DEFECT...]` of a file.

    Raises ConfigurationError with every mistake of the file, or because there is no such target or
    configuration.
    """
    document = load(path)
    targets = document.model(TargetsFile).targets
    wanted, *defects = name.split("+")
    wanted, slash, configuration = wanted.partition("/")
    entry, at, policy = wanted.partition("@")
    if entry not in targets:
        known = ", ".join(targets)
        raise ConfigurationError(
            [Problem(str(path), 0, "", f"there is no target {entry!r}; there are {known}")]
        )
    model = targets[entry]
    chosen = Selected(name=name, model=model, configuration=configuration, document=document, entry=entry)
    if slash and configuration not in model.variants:
        known = ", ".join(model.variants) or "none"
        raise chosen.problem(f"{entry!r} has no configuration {configuration!r}; it has {known}", "variants")
    configured = _configured(chosen, model)
    if isinstance(configured, ReferenceModel):
        return replace(
            chosen,
            model=configured,
            policy=policy if at else configured.policy,
            defects=(*configured.defects, *defects),
        )
    if at or defects:
        text = f"only the reference server takes a policy or defects, not {entry!r}"
        raise chosen.problem(text, "kind")
    return replace(chosen, model=configured)


def _configured(chosen: Selected, model: TargetModel) -> TargetModel:
    """Return a target in the configuration that was chosen, the target itself where none was."""
    configuration = chosen.configuration
    if not configuration:
        return model
    try:
        if isinstance(model, ExternalModel):
            return model.configured(model.variants[configuration])
        if isinstance(model, SambaModel):
            samba = model.variants[configuration].over(model.settings)
            merged = samba.model_copy(update={"options": model.settings.options | samba.options})
            return model.model_copy(update={"settings": merged})
        settings = model.variants[configuration].over(model.settings)
        return model.model_copy(update={"settings": settings})
    except ValueError as error:
        raise chosen.problem(str(error), "variants", configuration) from None


def account(selected: Selected, key: str, user: UserModel, environment: Mapping[str, str]) -> Account:
    """Return a user with the password from the environment; raises ConfigurationError where it is not set."""
    password = environment.get(user.password_env)
    if password is None:
        text = f"the environment variable {user.password_env} is not set"
        path = ["targets", selected.entry, key, "password_env"]
        raise ConfigurationError([selected.document.problem(path, text)])
    return Account(user.name, password, user.domain)


def located(selected: Selected, model: SambaModel, environment: Mapping[str, str]) -> SambaModel:
    """Return a Samba with the environment variables in its paths filled in; raises ConfigurationError where
    one is not set.
    """
    problems: list[Problem] = []
    paths = {"smbd": model.smbd, "smbpasswd": model.smbpasswd, "root": model.root}
    for key, text in paths.items():
        for name in _REFERENCE.findall(text):
            if not environment.get(name):
                unset = f"the environment variable {name} is not set"
                problems.append(selected.document.problem(["targets", selected.entry, key], unset))
        paths[key] = _REFERENCE.sub(lambda found: environment.get(found[1], ""), text)
    if problems:
        raise ConfigurationError(problems)
    return model.model_copy(update=paths)


def _dialable(addresses: Iterable[str]) -> tuple[str, ...]:
    found = tuple(addresses)
    for text in found:
        parse_address(text)
    return found


def _loopback_only(addresses: Iterable[str]) -> tuple[str, ...]:
    found = tuple(addresses)
    for text in found:
        if not ip_address(text).is_loopback:
            raise ValueError(f"{text} is not a loopback address")
    if not found:
        raise ValueError("at least one address is needed")
    return found
