"""Where Samba leases differently from the specification, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.policies.lease import BREAK_TIMEOUT, LeasePolicy
from smbtorture_py.server.policies.windows_lease import WindowsLeasePolicy
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.request import Request


class SambaLeasePolicy(WindowsLeasePolicy):
    """Leases as Samba has them: as Windows, but for what follows."""

    def client_lease_id(self, client_guid: bytes, lease_key: bytes) -> bytes:
        """Clients with the same key do break each other."""
        return LeasePolicy.client_lease_id(self, client_guid, lease_key)

    def requested_state(self, request: Request, state: LeaseState, *, is_directory: bool) -> LeaseState:
        """On a continuously available share R at most, which a reconnect can take anew, and nothing for a
        directory."""
        granted = super().requested_state(request, state, is_directory=is_directory)
        if not request.require_tree().share.is_continuously_available:
            return granted
        return LeaseState.NONE if is_directory else granted & LeaseState.READ_CACHING

    def break_timeout(self, lease: Lease) -> float:
        """Persistent opens have no more time than others."""
        del lease
        return BREAK_TIMEOUT

    def acknowledgment_ends_replay(self, lease: Lease, state: LeaseState) -> bool:
        """An acknowledgment names no open, and only that ends it."""
        del lease, state
        return False

    def old_dialect_status(self) -> Status:
        """The acknowledgment is told by its size, and no lease is found."""
        return Status.OBJECT_NAME_NOT_FOUND
