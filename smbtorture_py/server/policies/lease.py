"""Leases and their breaks ([MS-SMB2] 3.3.1.4, 3.3.4.7, 3.3.5.9.8, 3.3.5.9.11, 3.3.5.22.2; [MS-FSA]
2.1.4.12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.access import is_stat_access
from smbtorture_py.server.caching import READ_WRITE, SUPPORTED_STATES, Actor, Operation
from smbtorture_py.server.lease import NO_LEASE_KEY
from smbtorture_py.wire.create import AccessMask, OplockLevel
from smbtorture_py.wire.create_contexts import RequestLeaseV2
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.lease import Lease, LeasedName
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.create_contexts import RequestLease

BREAK_TIMEOUT: Final = 35.0
"""Seconds a client has to acknowledge ([MS-SMB2] 3.3.2.5 and its product note)."""
PERSISTENT_BREAK_TIMEOUT: Final = 180.0
_LEASE_STAT_ACCESS: Final = int(
    AccessMask.FILE_READ_ATTRIBUTES
    | AccessMask.FILE_WRITE_ATTRIBUTES
    | AccessMask.READ_CONTROL
    | AccessMask.SYNCHRONIZE
)
_EPOCHS: Final = 0xFFFF
_V2_SIZE: Final = 52
_V1_SIZE: Final = 32
_BROKEN_BY: Final[dict[Operation, LeaseState]] = {
    Operation.OPEN: LeaseState.WRITE_CACHING,
    Operation.OVERWRITE: READ_WRITE,
    Operation.SHARING_VIOLATION: LeaseState.HANDLE_CACHING,
    Operation.WRITE: READ_WRITE,
    Operation.LOCK: READ_WRITE,
    Operation.SET_SIZE: READ_WRITE,
    Operation.RENAME: LeaseState.HANDLE_CACHING,
    Operation.REPLACE: LeaseState.HANDLE_CACHING,
    Operation.DELETE: LeaseState.HANDLE_CACHING,
    Operation.CHANGE_CHILD: READ_WRITE,
}


class LeasePolicy:
    """The choices around leases."""

    # Asking for one.

    def is_served(self, request: Request, level: OplockLevel, context: RequestLease | RequestLeaseV2) -> bool:
        """Whether a lease context counts: the server leases, OplockLevel asks for a lease, and the dialect
        knows the context (3.3.5.9.8, 3.3.5.9.11; erratum 25)."""
        connection = request.connection
        if not connection.server.config.leasing or level is not OplockLevel.LEASE:
            return False
        if isinstance(context, RequestLeaseV2):
            return connection.is_3x
        return connection.dialect is not None and connection.dialect >= Dialect.SMB_2_1

    def size_status(self, size: int) -> Status:
        """SUCCESS, or what a context of another size than the two versions' fails with (3.3.5.9 "Oplock
        Acquisition")."""
        return Status.SUCCESS if size in (_V1_SIZE, _V2_SIZE) else Status.INVALID_PARAMETER

    def client_lease_id(self, client_guid: bytes, lease_key: bytes) -> bytes:
        """Lease.ClientLeaseId, which tells the object store what is one's own (3.3.1.4): the keys of two
        clients never mean the same lease."""
        return client_guid + lease_key

    def name_status(self, lease: Lease, name: LeasedName) -> Status:
        """SUCCESS, or what a key fails with that is in use for another file (3.3.5.9.8, 3.3.5.9.11)."""
        if lease.file_delete_on_close or lease.filename == name:
            return Status.SUCCESS
        return Status.INVALID_PARAMETER

    def stored_parent_key(self, context: RequestLeaseV2) -> bytes:
        """Lease.ParentLeaseKey of a new lease: the request's, where its flag says that there is one
        (3.3.5.9.11)."""
        is_set = context.flags & LeaseFlags.PARENT_LEASE_KEY_SET
        return bytes(context.parent_lease_key) if is_set else NO_LEASE_KEY

    def directory_is_leased(self, request: Request, context: RequestLease | RequestLeaseV2) -> bool:
        """Whether a directory can have a lease: of version 2, on a server that leases directories."""
        return request.connection.server.config.directory_leasing and isinstance(context, RequestLeaseV2)

    def requested_state(self, request: Request, state: LeaseState, *, is_directory: bool) -> LeaseState:
        """LeaseState after what the share and the kind of file take away (3.3.5.9.8, 3.3.5.9.11)."""
        config = request.require_tree().share.config
        if config.force_level2_oplock or is_directory:
            state &= ~LeaseState.WRITE_CACHING
        if request.connection.is_3x and config.is_scale_out:
            state &= LeaseState.READ_CACHING
        return self.supported_state(state)

    def supported_state(self, state: LeaseState) -> LeaseState:
        """A state the store can grant: combinations without R are not supported (MAY, 3.3.1.4)."""
        return state if state in SUPPORTED_STATES else LeaseState.NONE

    def level_without_leases(self) -> OplockLevel:
        """What is acquired instead of a lease where the store has none: a batch oplock (SHOULD, 3.3.5.9.8,
        3.3.5.9.11)."""
        return OplockLevel.BATCH

    # Granting.

    def promotes(self, lease: Lease, requested: LeaseState) -> bool:
        """Whether the store is asked for more: for a superset, and not while breaking (3.3.5.9.8;
        erratum 26)."""
        return not lease.breaking and lease.lease_state & requested == lease.lease_state

    def acquisition_attempts(self, requested: LeaseState) -> Sequence[LeaseState]:
        """The states tried for a new lease, best first: without W, then without H (3.3.5.9)."""
        without_write = requested & ~LeaseState.WRITE_CACHING
        attempts = (requested, without_write, without_write & ~LeaseState.HANDLE_CACHING)
        return [state for state in dict.fromkeys(attempts) if self.supported_state(state)]

    def promotion_attempts(self, requested: LeaseState) -> Sequence[LeaseState]:
        """The states tried for a lease that is there: what was asked for, or nothing changes."""
        return [requested]

    def stands_against_write_caching(self, other: Open) -> bool:
        """Whether another client's open keeps W from being granted ([MS-FSA] 2.1.5.18.1).

        One that only looks at attributes does not, although [MS-FSA] counts every open: it broke no W either
        if it came later. One that may read the security descriptor does.
        """
        return other.oplock_level is not OplockLevel.NONE or not is_stat_access(other.granted_access)

    def stands_against_handle_caching(self, other: Open) -> bool:
        """Whether another's open keeps H from being granted: one with a level II oplock ([MS-FSA]
        2.1.5.18.2)."""
        return other.oplock_level is OplockLevel.II

    def first_epoch(self, context: RequestLeaseV2) -> int:
        """Lease.Epoch of a new lease, before it is granted anything (3.3.5.9.11)."""
        del context
        return 0

    def epoch_after_grant(self, lease: Lease, before: LeaseState) -> int:
        """Lease.Epoch after a CREATE: one more where the state has changed (3.3.1.12, 3.3.5.9.11;
        erratum 27)."""
        return (lease.epoch + (lease.lease_state != before)) & _EPOCHS

    def response_version(self, requested: int, lease: Lease) -> int:
        """Of which version the context of the response is: that of the request (3.3.5.9.8, 3.3.5.9.11)."""
        del lease
        return requested

    def response_flags(self, lease: Lease) -> LeaseFlags:
        """The flags of the response: a break is in progress, the parent key is set (3.3.5.9.8, .11)."""
        flags = LeaseFlags.BREAK_IN_PROGRESS if lease.breaking else LeaseFlags.NONE
        has_parent = lease.version > 1 and lease.parent_lease_key != NO_LEASE_KEY
        return flags | (LeaseFlags.PARENT_LEASE_KEY_SET if has_parent else LeaseFlags.NONE)

    # What breaks one.

    def is_stat_open(self, access: int) -> bool:
        """Whether an open asks for so little that it breaks no lease ([MS-FSA] 2.1.4.12)."""
        return not access & ~_LEASE_STAT_ACCESS

    def is_own(self, lease: Lease, lease_id: bytes) -> bool:
        """Whether a lease is that of the open which operates ([MS-FSA] 2.1.4.12.2)."""
        return lease.client_lease_id == lease_id

    def is_parent(self, lease: Lease, actor: Actor) -> bool:
        """Whether the lease of a directory is the one that an open in it named as its parent's: the same key
        of the same client ([MS-FSA] 2.1.4.12.2)."""
        is_named = actor.parent_lease_key not in (b"", NO_LEASE_KEY)
        is_same_client = lease.client_guid == actor.client_guid
        return is_named and is_same_client and lease.lease_key == actor.parent_lease_key

    def directory_break_is_deferred(self) -> bool:
        """Whether the operation is answered before those hear of it who cache its directory: the store asks
        first (3.3.1.4)."""
        return False

    def broken_by(self, operation: Operation) -> LeaseState:
        """What an operation of another takes away (3.3.1.4, [MS-FSA] 2.1.4.12)."""
        return _BROKEN_BY[operation]

    def lock_ends_caching(self, stream: OpenStream, offset: int) -> bool:
        """Whether a byte-range lock ends what others have cached of the data: any does (3.3.1.4)."""
        del stream, offset
        return True

    def state_after(self, state: LeaseState, lost: LeaseState) -> LeaseState:
        """The state a break leads to: several flags go at once, and none stays without R (3.3.1.4)."""
        return self.supported_state(state & ~lost)

    def operation_waits(self, lease: Lease, lost: LeaseState) -> bool:
        """Whether the operation that takes `lost` away waits for the acknowledgment: where W or H are to go,
        not for R alone (3.3.1.4)."""
        in_question = lease.lease_state & lost
        if lease.lease_state & LeaseState.WRITE_CACHING:
            return bool(in_question)
        return bool(in_question & LeaseState.HANDLE_CACHING)

    def follow_up(self, acknowledged: LeaseState, required: LeaseState) -> LeaseState:
        """To what a lease is broken next whose acknowledged state is more than operations have left of it
        meanwhile: to that, at once (3.3.1.4)."""
        del acknowledged
        return required

    def retry_awaits_every_break(self) -> bool:
        """Whether an open that has waited for one break waits for every other one, whatever it is of."""
        return False

    def parent_at_delete(self, closer: bytes, deleter: bytes) -> bytes:
        """Whose directory lease does not break when a file goes: that of the last open of the file, whoever
        asked for the deletion ([MS-FSA] 2.1.5.5)."""
        del deleter
        return closer

    # Breaking one.

    def break_needs_acknowledgment(self, lease: Lease) -> bool:
        """Whether a break must be acknowledged: not that of R alone (3.3.4.7)."""
        return lease.lease_state != LeaseState.READ_CACHING

    def break_timeout(self, lease: Lease) -> float:
        """Seconds until a break counts as acknowledged (3.3.4.7)."""
        is_persistent = any(open_.is_persistent for open_ in lease.lease_opens)
        return PERSISTENT_BREAK_TIMEOUT if is_persistent else BREAK_TIMEOUT

    def new_epoch(self, lease: Lease, *, follows_up: bool) -> int:
        """NewEpoch of a break, and from then on Lease.Epoch: one more; 0 for version 1 (SHOULD, 3.3.4.7)."""
        del follows_up
        return (lease.epoch + 1) & _EPOCHS if lease.version > 1 else 0

    def unannounced_break_closes(self, open_: Open, new_state: LeaseState) -> bool:
        """Whether an open is closed whose lease breaks while none of the lease's opens has a connection: one
        that is not kept for its client, or a durable one that loses H (3.3.4.7).

        Taken literally that closes persistent opens too, which would break what they promise (erratum 24).
        """
        if open_.is_persistent:
            return False
        if open_.is_durable:
            return not new_state & LeaseState.HANDLE_CACHING
        return not open_.is_resilient

    def keeps_unannounced_break(self, lease: Lease, state: LeaseState) -> bool:
        """Whether a break nobody could be told of waits for its client: that of a persistent open, if it was
        more than R (3.3.4.7)."""
        is_persistent = any(open_.is_persistent for open_ in lease.lease_opens)
        return is_persistent and state != LeaseState.READ_CACHING

    def connections_for_break(self, lease: Lease, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Where a break may go, in order: every connection of the lease's client, whichever session has the
        opens (3.3.4.7)."""
        return [connection for connection in connections if connection.client_guid == lease.client_guid]

    def retries_break(self) -> bool:
        """Whether a break that did not get through is sent on another connection (3.3.4.7)."""
        return True

    # Acknowledgments.

    def lease_of_acknowledgment(self, request: Request, lease_key: bytes) -> Lease | None:
        """The lease an acknowledgment is about: looked up by Connection.ClientGuid and key, whichever channel
        and session it comes on (3.3.5.22.2)."""
        connection = request.connection
        return connection.server.lease_tables.find(connection.client_guid, lease_key)

    def old_dialect_status(self) -> Status:
        """What an acknowledgment of a lease break fails with on 2.0.2: it is one of an oplock, of the wrong
        size (3.3.5.22, 3.3.5.2.6)."""
        return Status.INVALID_PARAMETER

    def unknown_lease_status(self) -> Status:
        """What the acknowledgment of a lease that does not exist fails with (3.3.5.22.2)."""
        return Status.OBJECT_NAME_NOT_FOUND

    def not_breaking_status(self) -> Status:
        """What an acknowledgment fails with where no break is under way (3.3.5.22.2)."""
        return Status.UNSUCCESSFUL

    def state_status(self, lease: Lease, state: LeaseState) -> Status:
        """SUCCESS, or what a state fails with that is not a subset of what the break asked for
        (3.3.5.22.2)."""
        is_subset = state & lease.break_to_lease_state == state
        return Status.SUCCESS if is_subset else Status.REQUEST_NOT_ACCEPTED

    def acknowledgment_ends_replay(self, lease: Lease, state: LeaseState) -> bool:
        """Whether an acknowledgment makes the lease's opens ineligible for replay: any does, even one that
        then fails (3.3.5.22.2)."""
        del lease, state
        return True
