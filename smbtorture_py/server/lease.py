"""Lease and LeaseTable ([MS-SMB2] 3.3.1.11, 3.3.1.12)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.storage import Path, Storage, fold
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open

NO_LEASE_KEY: Final = bytes(16)
"""Lease.ParentLeaseKey where none was given."""


@dataclass(slots=True, frozen=True)
class LeasedName:
    """Lease.Filename: which stream of which file of which storage, in any case."""

    storage: Storage
    path: Path
    stream: str = ""

    @classmethod
    def of(cls, storage: Storage, path: Path, stream: str) -> LeasedName:
        """Make the name of a path and stream as a client spelt them."""
        return cls(storage, tuple(map(fold, path)), fold(stream))


@dataclass(slots=True, eq=False)
class Lease:
    """One lease; fields are those of [MS-SMB2] 3.3.1.12."""

    lease_key: bytes
    client_guid: bytes
    """LeaseTable.ClientGuid of the table it is in."""
    client_lease_id: bytes
    """Names it to the object store."""
    filename: LeasedName
    version: int
    """1 or 2."""
    lease_state: LeaseState = LeaseState.NONE
    break_to_lease_state: LeaseState = LeaseState.NONE
    required_state: LeaseState = LeaseState.NONE
    """What operations leave of it that came while it was breaking; the client hears of that afterwards."""
    lease_break_timeout: float | None = None
    """When a break counts as acknowledged, Unix seconds."""
    lease_opens: list[Open] = field(default_factory=list)
    breaking: bool = False
    """A break that must be acknowledged is under way."""
    held: bool = False
    break_notification: LeaseBreakNotification | None = None
    """What has yet to be sent."""
    file_delete_on_close: bool = False
    epoch: int = 0
    parent_lease_key: bytes = NO_LEASE_KEY


@dataclass(slots=True, eq=False)
class LeaseTable:
    """The leases of one client ([MS-SMB2] 3.3.1.11)."""

    client_guid: bytes
    lease_list: dict[bytes, Lease] = field(default_factory=dict)
    """By LeaseKey."""
