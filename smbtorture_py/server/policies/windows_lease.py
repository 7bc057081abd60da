"""Where Windows leases differently from the specification: its documented product behaviour, and what Samba's
tests that pass against it show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.lease import NO_LEASE_KEY
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.wire.lease import LeaseState

if TYPE_CHECKING:
    from smbtorture_py.server.caching import Actor
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.wire.create_contexts import RequestLeaseV2

_WRITE_OR_HANDLE = LeaseState.WRITE_CACHING | LeaseState.HANDLE_CACHING


class WindowsLeasePolicy(LeasePolicy):
    """Leases as Windows has them."""

    def client_lease_id(self, client_guid: bytes, lease_key: bytes) -> bytes:
        """The key alone tells one's own leases: two clients with one key do not break each other (<211>)."""
        del client_guid
        return lease_key

    def first_epoch(self, context: RequestLeaseV2) -> int:
        """The count goes on from the client's."""
        return context.epoch

    def response_version(self, requested: int, lease: Lease) -> int:
        """The context of the response is of the lease's version."""
        del requested
        return lease.version

    def follow_up(self, acknowledged: LeaseState, required: LeaseState) -> LeaseState:
        """A break that follows another goes in steps: R is taken by one of its own."""
        return required | LeaseState.READ_CACHING if acknowledged & _WRITE_OR_HANDLE else required

    def retry_awaits_every_break(self) -> bool:
        """Whoever waits for one break waits for those that follow it."""
        return True

    def directory_break_is_deferred(self) -> bool:
        """Who changes something in a directory is answered before those hear of it who cache it."""
        return True

    def is_parent(self, lease: Lease, actor: Actor) -> bool:
        """The key alone counts, whichever client names it."""
        is_named = actor.parent_lease_key not in (b"", NO_LEASE_KEY)
        return is_named and lease.lease_key == actor.parent_lease_key

    def parent_at_delete(self, closer: bytes, deleter: bytes) -> bytes:
        """Nobody's, unless both opens name the same directory lease."""
        return closer if closer == deleter else NO_LEASE_KEY

    def new_epoch(self, lease: Lease, *, follows_up: bool) -> int:
        """A break that follows an acknowledgment has the epoch of the one before (<248>)."""
        return lease.epoch if follows_up else super().new_epoch(lease, follows_up=follows_up)

    def unannounced_break_closes(self, open_: Open, new_state: LeaseState) -> bool:
        """A durable open whose client is away does not outlive any break of its lease."""
        is_durable = open_.is_durable and not open_.is_persistent
        return is_durable or super().unannounced_break_closes(open_, new_state)
