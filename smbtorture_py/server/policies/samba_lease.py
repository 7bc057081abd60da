"""Where Samba leases differently from the specification, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.policies.lease import BREAK_TIMEOUT, LeasePolicy
from smbtorture_py.server.policies.windows_lease import WindowsLeasePolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.lease import Lease


class SambaLeasePolicy(WindowsLeasePolicy):
    """Leases as Samba has them: as Windows, but for what follows."""

    def client_lease_id(self, client_guid: bytes, lease_key: bytes) -> bytes:
        """Clients with the same key do break each other."""
        return LeasePolicy.client_lease_id(self, client_guid, lease_key)

    def break_timeout(self, lease: Lease) -> float:
        """Persistent opens have no more time than others."""
        del lease
        return BREAK_TIMEOUT

    def acknowledgment_ends_replay(self) -> bool:
        """An acknowledgment names no open, and only that ends it."""
        return False

    def old_dialect_status(self) -> Status:
        """The acknowledgment is told by its size, and no lease is found."""
        return Status.OBJECT_NAME_NOT_FOUND
