"""Who logs on: a user with a password or an NT hash, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias

from smbtorture_py.auth.ntlm_keys import NT_HASH_SIZE, nt_hash_of

Entropy: TypeAlias = Callable[[int], bytes]
"""Gives as many bytes as asked for."""


class AuthForm(Enum):
    """How NTLMSSP messages travel in the security buffer."""

    SPNEGO = "spnego"
    RAW_NTLMSSP = "raw-ntlmssp"


@dataclass(slots=True, frozen=True)
class Credentials:
    """A user's name, secret and domain; the secret is a password or the 16 bytes of its NT hash.

    No user means anonymous. `repr` shows no secret. Raises ValueError where both secrets are given, where a
    user has none, or where the NT hash is not 16 bytes.
    """

    user: str
    password: str | None = field(default=None, repr=False)
    nt_hash: bytes | None = field(default=None, repr=False)
    domain: str = ""
    workstation: str = ""

    def __post_init__(self) -> None:
        if self.user and (self.password is None) == (self.nt_hash is None):
            raise ValueError(f"{self.user}: give either a password or an NT hash")
        if self.nt_hash is not None and len(self.nt_hash) != NT_HASH_SIZE:
            raise ValueError(f"{self.user}: an NT hash has {NT_HASH_SIZE} bytes, not {len(self.nt_hash)}")

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody logs on."""
        return not self.user

    def response_key(self) -> bytes:
        """Return the 16 bytes of the NT hash ([MS-NLMP] 3.3.1 NTOWFv1)."""
        if self.nt_hash is not None:
            return self.nt_hash
        return nt_hash_of(self.password or "")


ANONYMOUS: Final = Credentials("")
"""A null session."""
