"""BreakCheck: what an operation takes from those who cache, and whether it waits for them ([MS-FSA]
2.1.4.12)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from smbtorture_py.server.caching import Actor, Operation
from smbtorture_py.server.lease import Lease
from smbtorture_py.server.open import Open
from smbtorture_py.server.parts.file_table import OpenFile, OpenStream
from smbtorture_py.server.storage import Path, Storage, StorageError
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


class BreakCheck:
    """The object store's part of oplocks and leases: who may cache what together with whom."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def actor_of(self, open_: Open) -> Actor:
        """Return who operates on an open."""
        lease = open_.lease
        if lease is None:
            return Actor(open_, open_.client_guid)
        return Actor(open_, lease.client_guid, lease.client_lease_id, lease.parent_lease_key)

    def check(
        self,
        stream: OpenStream,
        actor: Actor,
        operation: Operation,
        now: float,
        *,
        access: int | None = None,
    ) -> bool:
        """Break what stands against an operation of `actor`; True where it has to wait for that.

        `access` is what an open asks for: one that only looks at attributes breaks nothing.
        """
        policies, waits = self._server.policies, False
        if access is None or not policies.create.is_stat_open(access):
            waits = self._check_oplocks(stream, actor, operation, now)
        if access is None or not policies.lease.is_stat_open(access):
            for lease in stream.leases():
                if not policies.lease.is_own(lease, actor.lease_id):
                    waits |= self._check_lease(lease, operation, now)
        return waits

    def check_open(self, open_: Open, operation: Operation, now: float) -> None:
        """Break what stands against an operation on an open that has all it needs: nobody is waited for."""
        self.check(open_.stream, self.actor_of(open_), operation, now)

    def check_parent(self, open_: Open, now: float) -> None:
        """Break what others have cached of the directory of a file that has changed."""
        if open_.path:
            self.check_directory(open_.storage, open_.path[:-1], self.actor_of(open_), now)

    def check_directory(self, storage: Storage, path: Path, actor: Actor, now: float) -> None:
        """Break what others have cached of a directory in which something changes ([MS-FSA] 2.1.4.12,
        PARENT_OBJECT); nobody is waited for."""
        server = self._server
        if not server.config.directory_leasing or server.lease_tables.is_empty:
            return
        file = self._open_directory(storage, path)
        leases = [
            lease
            for stream in (file.streams.values() if file is not None else ())
            for lease in (stream.leases() if stream.content is None else ())
            if not server.policies.lease.is_parent(lease, actor)
        ]
        for lease in leases:
            if server.policies.lease.directory_break_is_deferred():
                server.lease_tables.defer(lease, partial(self._change_child, lease), now)
            else:
                self._change_child(lease, now)

    def _change_child(self, lease: Lease, now: float) -> None:
        self._check_lease(lease, Operation.CHANGE_CHILD, now)

    def _open_directory(self, storage: Storage, path: Path) -> OpenFile | None:
        """The directory at a path, where it is open."""
        try:
            node = storage.lookup(path)
        except StorageError:
            return None
        if node is None:
            return None
        file_id = node.file_id
        node.close()
        return self._server.file_table.find(storage, file_id)

    def is_breaking_for(self, stream: OpenStream, actor: Actor) -> bool:
        """Tell whether a lease of somebody else on the stream is breaking."""
        policy = self._server.policies.lease
        return any(lease.breaking and not policy.is_own(lease, actor.lease_id) for lease in stream.leases())

    def grant(self, open_: Open, lease: Lease, state: LeaseState) -> bool:
        """Tell whether the store grants a state to the lease of an open ([MS-FSA] 2.1.5.18)."""
        policies, stream = self._server.policies, open_.stream
        others = [
            other
            for other in stream.opens
            if other is not open_
            and (other.lease is None or not policies.lease.is_own(other.lease, lease.client_lease_id))
        ]
        if state & LeaseState.HANDLE_CACHING and (
            stream.is_delete_pending or any(map(policies.lease.stands_against_handle_caching, others))
        ):
            return False
        if state & LeaseState.WRITE_CACHING:
            return not any(map(policies.lease.stands_against_write_caching, others))
        return (
            not policies.oplock.locks_stand_against_reading(stream)
            and self._server.oplock_scheduler.exclusive_owner(stream) is None
            and not any(
                other.lease is not None and other.lease.lease_state & LeaseState.WRITE_CACHING
                for other in others
            )
        )

    def _check_oplocks(self, stream: OpenStream, actor: Actor, operation: Operation, now: float) -> bool:
        scheduler, policy = self._server.oplock_scheduler, self._server.policies.oplock
        if policy.level_ii_ends_with(operation):
            for open_ in list(stream.opens):
                if open_.oplock_level is OplockLevel.II:
                    scheduler.start_break(open_, OplockLevel.NONE, now)
        owner = scheduler.exclusive_owner(stream)
        if owner is None or owner is actor.open:
            return False
        level = policy.level_after(operation, owner.oplock_level)
        if level is owner.oplock_level:
            return False
        scheduler.start_break(owner, level, now)
        return scheduler.exclusive_owner(stream) is owner

    def _check_lease(self, lease: Lease, operation: Operation, now: float) -> bool:
        policy, tables = self._server.policies.lease, self._server.lease_tables
        lost = policy.broken_by(operation)
        if not lease.lease_state & lost:
            return False
        waits = policy.operation_waits(lease, lost)
        if lease.breaking:
            lease.required_state = policy.state_after(lease.required_state, lost)
            return waits
        tables.start_break(lease, policy.state_after(lease.lease_state, lost), now)
        return waits and lease.breaking
