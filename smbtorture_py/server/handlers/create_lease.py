"""The lease contexts of CREATE ([MS-SMB2] 3.3.5.9.8, 3.3.5.9.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Actor
from smbtorture_py.server.lease import NO_LEASE_KEY, Lease, LeasedName
from smbtorture_py.wire.create import CreateOptions, OplockLevel
from smbtorture_py.wire.create_contexts import (
    REQUEST_LEASE,
    RequestLease,
    RequestLeaseV2,
    ResponseLease,
    ResponseLeaseV2,
)
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.create_contexts import CreateContext

VERSION_1: Final = 1
VERSION_2: Final = 2


def validate(server: Server, attempt: Attempt) -> Status:
    """SUCCESS, or what a lease context fails with before anything is opened ("Path Name Validation")."""
    policy, request = server.policies.lease, attempt.request
    asks_for_lease = attempt.body.requested_oplock_level == OplockLevel.LEASE
    if asks_for_lease and server.config.leasing and request.connection.dialect != Dialect.SMB_2_0_2:
        for given in attempt.body.contexts:
            if given.name == REQUEST_LEASE and policy.size_status(len(given.data)) != Status.SUCCESS:
                return policy.size_status(len(given.data))
    context = served(server, attempt)
    if context is None:
        return Status.SUCCESS
    lease = server.lease_tables.find(request.connection.client_guid, bytes(context.lease_key))
    return Status.SUCCESS if lease is None else policy.name_status(lease, _name(attempt))


def served(server: Server, attempt: Attempt) -> RequestLease | RequestLeaseV2 | None:
    """Return the lease context where it counts, None where there is none or it is ignored."""
    context = attempt.contexts.lease
    level = attempt.body.requested_oplock_level
    if context is None or level != OplockLevel.LEASE:
        return None
    return context if server.policies.lease.is_served(attempt.request, OplockLevel.LEASE, context) else None


def actor(server: Server, attempt: Attempt) -> Actor:
    """Return who is opening: the keys that the open is going to have."""
    context, client_guid = served(server, attempt), attempt.request.connection.client_guid
    if context is None:
        return Actor(None, client_guid)
    policy = server.policies.lease
    parent = policy.stored_parent_key(context) if isinstance(context, RequestLeaseV2) else NO_LEASE_KEY
    return Actor(None, client_guid, policy.client_lease_id(client_guid, bytes(context.lease_key)), parent)


def acquire(server: Server, attempt: Attempt, open_: Open) -> None:
    """Acquire the lease that RequestedOplockLevel LEASE asks for ("Oplock Acquisition")."""
    open_.oplock_level = OplockLevel.NONE
    context, policy, tables = served(server, attempt), server.policies.lease, server.lease_tables
    if context is None or (open_.is_directory and not policy.directory_is_leased(attempt.request, context)):
        return
    if not attempt.request.require_tree().share.has_leases:
        # "the server SHOULD fall back to requesting a batch oplock instead of a lease"
        fallback = server.policies.oplock.requested_level(attempt.request, policy.level_without_leases())
        if fallback is not OplockLevel.NONE:
            server.oplock_scheduler.acquire(open_, fallback)
        return
    lease = tables.find(open_.client_guid, bytes(context.lease_key))
    if lease is None:
        lease = _new_lease(server, attempt, context)
        tables.add(lease)
    elif policy.name_status(lease, _name(attempt)) != Status.SUCCESS:
        # The key came into use for another file while this request waited.
        return
    requested = policy.requested_state(attempt.request, context.lease_state, is_directory=open_.is_directory)
    before = lease.lease_state
    if policy.promotes(lease, requested):
        is_new = not lease.lease_opens
        attempts = policy.acquisition_attempts(requested) if is_new else policy.promotion_attempts(requested)
        for state in attempts:
            if server.break_check.grant(open_, lease, state):
                lease.lease_state = state
                break
    lease.epoch = policy.epoch_after_grant(lease, before)
    tables.join(lease, open_)
    if attempt.create_options & CreateOptions.DELETE_ON_CLOSE:
        lease.file_delete_on_close = True


def respond(server: Server, contexts: CreateContexts, open_: Open) -> list[CreateContext]:
    """Make the lease context of the response ("Response Construction"), of a reconnect and a replay too."""
    lease, request = open_.lease, contexts.lease
    if lease is None:
        return []
    version = lease.version
    if request is not None:
        asked_for = VERSION_2 if isinstance(request, RequestLeaseV2) else VERSION_1
        version = server.policies.lease.response_version(asked_for, lease)
    flags = server.policies.lease.response_flags(lease)
    if version == VERSION_1:
        answer = ResponseLease(
            lease_key=lease.lease_key,
            lease_state=lease.lease_state,
            lease_flags=flags & LeaseFlags.BREAK_IN_PROGRESS,
        )
        return [answer.envelope()]
    answer_v2 = ResponseLeaseV2(
        lease_key=lease.lease_key,
        lease_state=lease.lease_state,
        flags=flags,
        parent_lease_key=lease.parent_lease_key,
        epoch=lease.epoch,
    )
    return [answer_v2.envelope()]


def _name(attempt: Attempt) -> LeasedName:
    return LeasedName.of(attempt.storage, attempt.path_name.path, attempt.path_name.stream)


def _new_lease(server: Server, attempt: Attempt, context: RequestLease | RequestLeaseV2) -> Lease:
    policy, client_guid = server.policies.lease, attempt.request.connection.client_guid
    lease = Lease(
        lease_key=bytes(context.lease_key),
        client_guid=client_guid,
        client_lease_id=policy.client_lease_id(client_guid, bytes(context.lease_key)),
        filename=_name(attempt),
        version=VERSION_1,
        lease_state=LeaseState.NONE,
    )
    if isinstance(context, RequestLeaseV2):
        lease.version = VERSION_2
        lease.epoch = policy.first_epoch(context)
        lease.parent_lease_key = policy.stored_parent_key(context)
    return lease
