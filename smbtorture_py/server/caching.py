"""What a client may have cached, and which operations end that ([MS-SMB2] 3.3.1.4; [MS-FSA] 2.1.4.12)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.lease import LeaseState

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open

READ_WRITE: Final = LeaseState.READ_CACHING | LeaseState.WRITE_CACHING
ALL_CACHING: Final = READ_WRITE | LeaseState.HANDLE_CACHING
SUPPORTED_STATES: Final = frozenset(
    {
        LeaseState.NONE,
        LeaseState.READ_CACHING,
        READ_WRITE,
        LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING,
        ALL_CACHING,
    }
)
"""The combinations that a file can have ([MS-SMB2] 3.3.1.12)."""


class Operation(Enum):
    """What is about to happen to a stream, as far as caches are concerned."""

    OPEN = auto()
    OVERWRITE = auto()
    """An open that empties the file."""
    SHARING_VIOLATION = auto()
    """An open that conflicts with others, which may have closed the file already."""
    WRITE = auto()
    LOCK = auto()
    SET_SIZE = auto()
    RENAME = auto()
    REPLACE = auto()
    """Another file takes its name."""
    DELETE = auto()
    CHANGE_CHILD = auto()
    """Something in a directory is added, removed, renamed or changed."""


@dataclass(slots=True, frozen=True)
class Actor:
    """Who operates: the open (None while it is being made), and the leases that are his own.

    `lease_id` is what [MS-FSA] calls Open.TargetOplockKey, as `LeasePolicy.client_lease_id` makes it;
    `parent_lease_key` is its Open.ParentOplockKey, empty where the open names no lease of its directory.
    """

    open: Open | None = None
    client_guid: bytes = b""
    lease_id: bytes = b""
    parent_lease_key: bytes = b""
