"""What a case may know of the server under test: where it is, who may log on, what it declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from pydantic import InstanceOf

from smbtorture_py.conformance.administration import Administration, DeclaredInterface
from smbtorture_py.conformance.control import Control
from smbtorture_py.conformance.needs import (
    CONTINUOUSLY_AVAILABLE_SHARE,
    ENCRYPTED_SHARE,
    FORBIDDEN_SHARE,
    LEVEL_2_SHARE,
    NOT_DURABLE_SHARE,
    NOT_LEASED_SHARE,
    READ_ONLY_SHARE,
    SCALE_OUT_SHARE,
    WRITE_ONLY_SHARE,
    Capability,
    Need,
)
from smbtorture_py.net.core import Address


class ShareRole(StrEnum):
    """What a share is there for; a target names one share for each role it can play."""

    PLAIN = "plain"
    ENCRYPTED = "encrypted"
    READ_ONLY = "read-only"
    FORBIDDEN = "forbidden"
    CONTINUOUSLY_AVAILABLE = "continuously-available"
    WRITE_ONLY = "write-only"
    LEVEL_2 = "level-2"
    SCALE_OUT = "scale-out"
    NOT_DURABLE = "not-durable"
    NOT_LEASED = "not-leased"


SHARE_NEEDS: Final[Mapping[ShareRole, Need]] = {
    ShareRole.ENCRYPTED: ENCRYPTED_SHARE,
    ShareRole.READ_ONLY: READ_ONLY_SHARE,
    ShareRole.FORBIDDEN: FORBIDDEN_SHARE,
    ShareRole.CONTINUOUSLY_AVAILABLE: CONTINUOUSLY_AVAILABLE_SHARE,
    ShareRole.WRITE_ONLY: WRITE_ONLY_SHARE,
    ShareRole.LEVEL_2: LEVEL_2_SHARE,
    ShareRole.SCALE_OUT: SCALE_OUT_SHARE,
    ShareRole.NOT_DURABLE: NOT_DURABLE_SHARE,
    ShareRole.NOT_LEASED: NOT_LEASED_SHARE,
}
"""What a case needs that uses such a share."""
SHARE_CAPABILITIES: Final[Mapping[ShareRole, Capability]] = {
    role: Capability(f"{role.value}-share") for role in SHARE_NEEDS
}
"""What a target has that has such a share."""


@dataclass(slots=True, frozen=True)
class Account:
    """A user with a password; the password is in no representation."""

    user: str
    password: str = field(repr=False)
    domain: str = ""


@dataclass(slots=True, frozen=True, kw_only=True)
class Target:
    """The server under test, ready to be dialled.

    `addresses` are dialable and serve the same machine; the first channel goes to the first one. `advertised`
    maps what FSCTL_QUERY_NETWORK_INTERFACE_INFO reports to what is dialable, where they differ.
    `deadline_scale` stretches every deadline; `break_timeout` is the server's oplock break timer in seconds.
    `directory` is the path inside the share that cases stay in, with backslashes, empty for the root.
    """

    name: str
    addresses: tuple[Address, ...]
    product: str
    version: str
    user: Account
    second_user: Account | None = None
    shares: Mapping[ShareRole, str] = field(default_factory=dict)
    server_name: str = "server"
    directory: str = ""
    configuration: str = ""
    capabilities: frozenset[Capability] = frozenset()
    advertised: Mapping[str, Address] = field(default_factory=dict)
    interfaces: tuple[DeclaredInterface, ...] = ()
    """What FSCTL_QUERY_NETWORK_INTERFACE_INFO has to report; empty where nobody declared it."""

    administration: InstanceOf[Administration] | None = field(default=None, repr=False, compare=False)
    """The way to change the running server; it stays in this process."""

    control: InstanceOf[Control] | None = field(default=None, repr=False, compare=False)
    """The way to stop, start and restart the server and to change its addresses; it stays in this process."""

    sources: tuple[str, ...] = ()
    """Local addresses that connections come from, in turn."""

    spare_addresses: tuple[Address, ...] = ()
    """Addresses that `control` may give to the server."""

    channel_limit: int | None = None
    deadline_scale: float = 1.0
    break_timeout: float = 35.0
    allows_disruption: bool = False
    outlives_a_case: bool = False
    """The server goes on: each case removes what it created, and must leave a server that still answers."""

    def lacks(self, needs: tuple[Need, ...]) -> list[Need]:
        """Return the needs that this target does not meet."""
        return [need for need in needs if not need.met_by(self.capabilities)]
