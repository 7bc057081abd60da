"""Whom an acceptor knows, and who somebody turned out to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Protocol, Self

from smbtorture_py.auth.ntlm_keys import nt_hash_of


class AccountFlags(IntFlag):
    """What keeps the right secret from being enough."""

    NONE = 0
    DISABLED = 1
    LOCKED_OUT = 2
    EXPIRED = 4
    PASSWORD_EXPIRED = 8


@dataclass(slots=True, frozen=True)
class Account:
    """One account: its name as the owner writes it, the 16-byte NT hash of its password, its flags."""

    user: str
    nt_hash: bytes = field(repr=False)
    flags: AccountFlags = AccountFlags.NONE

    @classmethod
    def with_password(cls, user: str, password: str, flags: AccountFlags = AccountFlags.NONE) -> Self:
        """Make an account from a password."""
        return cls(user, nt_hash_of(password), flags)


@dataclass(slots=True, frozen=True)
class Identity:
    """Who was authenticated: names as the account database writes them; empty for the anonymous user."""

    user: str
    domain: str = ""
    is_guest: bool = False
    is_anonymous: bool = False


class AccountDatabase(Protocol):
    """What an acceptor asks; names are compared without regard to case ([MS-NLMP] 3.2.5.1.2)."""

    @property
    def guest_allowed(self) -> bool:
        """Tell whether a user nobody knows becomes the guest."""

    @property
    def anonymous_allowed(self) -> bool:
        """Tell whether a null session is granted."""

    def find(self, user: str, domain: str) -> Account | None:
        """Return the account of `user` in `domain` (either may be empty), None where there is none."""


class Accounts:
    """Accounts in memory; any domain that a client names, a workgroup too, means these accounts.

    A server that is no domain member looks every name up in its own database. With `domains` only these names
    (and the empty one) do, compared without regard to case.
    """

    __slots__ = ("_accounts", "_domains", "anonymous_allowed", "guest_allowed")

    def __init__(
        self,
        accounts: Iterable[Account] = (),
        *,
        guest_allowed: bool = False,
        anonymous_allowed: bool = False,
        domains: Iterable[str] | None = None,
    ) -> None:
        self._accounts = {account.user.casefold(): account for account in accounts}
        self._domains = None if domains is None else frozenset(name.casefold() for name in domains)
        self.guest_allowed = guest_allowed
        self.anonymous_allowed = anonymous_allowed

    def add(self, account: Account) -> None:
        """Add an account, or replace the one of the same name."""
        self._accounts[account.user.casefold()] = account

    def remove(self, user: str) -> None:
        """Remove the account of `user`; raises KeyError where there is none."""
        del self._accounts[user.casefold()]

    def find(self, user: str, domain: str) -> Account | None:
        """Return the account of `user`, also where it is written as user@domain and `domain` is empty."""
        if not domain and "@" in user and user.casefold() not in self._accounts:
            user, _, domain = user.rpartition("@")
        if domain and self._domains is not None and domain.casefold() not in self._domains:
            return None
        return self._accounts.get(user.casefold())
