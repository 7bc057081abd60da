"""TreeConnect and Share ([MS-SMB2] 3.3.1.9, 3.3.1.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.wire.tree_connect import ShareCapabilities, ShareFlags, ShareType

if TYPE_CHECKING:
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.storage import Storage


@dataclass(slots=True, eq=False)
class Share:
    """One share at work: its configuration, and who uses it."""

    config: ShareConfig
    current_uses: int = 0

    @property
    def name(self) -> str:
        """Share.Name."""
        return self.config.name

    @property
    def storage(self) -> Storage | None:
        """What the share serves; None for IPC$."""
        return self.config.storage

    @property
    def encrypt_data(self) -> bool:
        """Share.EncryptData."""
        return self.config.encrypt_data

    @property
    def is_pipe(self) -> bool:
        """Whether this is a share of named pipes."""
        return self.config.share_type == ShareType.PIPE

    @property
    def is_continuously_available(self) -> bool:
        """Share.IsCA."""
        return self.config.is_continuously_available

    @property
    def has_durability(self) -> bool:
        """Whether the object store offers durability at all."""
        return self.config.has_durability

    @property
    def has_leases(self) -> bool:
        """Whether the object store supports leasing."""
        return self.config.has_leases


@dataclass(slots=True, eq=False)
class TreeConnect:
    """One session's connection to one share."""

    tree_id: int
    session: Session
    share: Share
    tree_global_id: int
    creation_time: float
    maximal_access: int = 0
    """An access mask ([MS-SMB2] 2.2.13.1)."""
    open_count: int = 0
    share_capabilities: ShareCapabilities = ShareCapabilities.NONE
    share_flags: ShareFlags = ShareFlags.MANUAL_CACHING
