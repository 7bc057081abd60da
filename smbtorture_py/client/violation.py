"""What a client must verify in received messages, and found wrong ([MS-SMB2] 3.2.5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbtorture_py.client.exchange import Exchange


class Rule(Enum):
    """The checks of a received message; the value is the section of [MS-SMB2] that asks for it."""

    PROTOCOL_ID = "3.2.5.1"
    DECRYPTION = "3.2.5.1.1.1"
    TRANSFORM_SESSION_ID = "3.2.5.1.1.1 SessionId"
    COMPRESSION = "3.2.5.1.1.2"
    UNKNOWN_MESSAGE_ID = "3.2.5.1.2"
    UNSOLICITED_COMMAND = "3.2.5.1.2 Command"
    SIGNATURE = "3.2.5.1.3"
    SESSION_SETUP_KEY = "3.2.5.1.3 Session.SigningKey"
    """A SESSION_SETUP response other than success is signed with Channel.SigningKey, not
    Session.SigningKey."""

    NOT_SIGNED = "3.3.4.1.1"
    NOT_ENCRYPTED = "3.3.4.1.4"
    CREDITS = "3.3.1.2"
    ASYNC = "3.2.5.1.5"
    FORMAT = "3.2.5.1.7"
    COMMAND = "3.2.5.1.8"
    HEADER = "2.2.1"
    NEGOTIATE = "3.2.5.2"
    LOGON_NOT_SIGNED = "3.2.5.3.1"
    AUTHENTICATION = "3.2.5.3.1 GSS"
    BINDING = "3.2.5.3.3"
    VALIDATE_NEGOTIATE = "3.2.5.14.12"

    @property
    def section(self) -> str:
        """The section of [MS-SMB2], as a number with dots."""
        return self.value.split(" ")[0]


@dataclass(slots=True, frozen=True)
class Violation:
    """One thing a server did that a client must not accept: the rule, in words, when (Unix seconds), in
    which exchange."""

    rule: Rule
    problem: str
    at: float
    exchange: Exchange | None = None

    @property
    def section(self) -> str:
        """The section of [MS-SMB2] that asks for the check."""
        return self.rule.section

    def __str__(self) -> str:
        return f"{self.rule.name} [MS-SMB2] {self.section}: {self.problem}"
