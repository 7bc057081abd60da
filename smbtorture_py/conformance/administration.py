"""What an administrator can do to the server under test while it runs, where the target offers that."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(slots=True, frozen=True, kw_only=True)
class DeclaredInterface:
    """One address of the server as it is configured; `link_speed` in bits a second.

    Addresses of one network interface have the same number. The number need not be the IfIndex that the
    server reports, but zero stands for an interface that has none.
    """

    interface: int
    address: str
    link_speed: int
    rss: bool = False
    rdma: bool = False


class Administration(ABC):
    """The settings a case may change; who changes one says so with `disturbs=`."""

    @abstractmethod
    def set_interfaces(self, interfaces: Sequence[DeclaredInterface]) -> None:
        """Replace the addresses that the server reports; what listens where does not change."""

    @abstractmethod
    def set_multi_channel(self, enabled: bool) -> None:
        """Set IsMultiChannelCapable ([MS-SMB2] 3.3.1.5)."""

    @abstractmethod
    def require_encryption(self) -> None:
        """Set EncryptData and RejectUnencryptedAccess ([MS-SMB2] 3.3.1.5): new sessions are encrypted."""

    @abstractmethod
    def require_signing(self) -> None:
        """Set RequireMessageSigning ([MS-SMB2] 3.3.1.5): new sessions must sign."""

    @abstractmethod
    def refuse_anonymous(self) -> None:
        """Clear AllowAnonymousAccess ([MS-SMB2] 3.3.1.5)."""

    @abstractmethod
    def limit_uses(self, share: str, uses: int) -> None:
        """Set Share.MaxUses of a share ([MS-SMB2] 3.3.1.6): so many tree connects at a time."""

    @abstractmethod
    def limit_sessions(self, seconds: float) -> None:
        """Have authentications from now on expire after so many seconds."""

    @abstractmethod
    def offer_notifications(self) -> None:
        """Set IsServerToClientNotificationsSupported ([MS-SMB2] 3.1.3): from the next NEGOTIATE on."""

    @abstractmethod
    def close_session(self, session_id: int, now: float) -> None:
        """Close a session as an administrator does ([MS-SMB2] 3.3.4.12); does nothing where it is gone."""

    @abstractmethod
    def expire_sessions(self, now: float) -> None:
        """Let the time run out for every session there is ([MS-SMB2] 3.3.6.3)."""
