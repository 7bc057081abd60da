"""The create contexts that ask for leases, durable and persistent handles, in one word each.

    file = tree.open(contexts=[lease(lab.guid(), RWH), durable_v2(lab.guid())])

A CREATE that carries a lease asks for SMB2_OPLOCK_LEVEL_LEASE by itself, unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create_contexts import (
    REQUEST_LEASE,
    AppInstanceId,
    AppInstanceVersion,
    CreateContext,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    RequestLease,
    RequestLeaseV2,
    ResponseLease,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.lease import LeaseFlags, LeaseState

R: Final = LeaseState.READ_CACHING
RH: Final = LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING
RW: Final = LeaseState.READ_CACHING | LeaseState.WRITE_CACHING
RWH: Final = LeaseState.READ_CACHING | LeaseState.WRITE_CACHING | LeaseState.HANDLE_CACHING


def lease(
    key: bytes,
    state: LeaseState,
    *,
    parent: bytes | None = None,
    epoch: int = 0,
    flags: LeaseFlags | None = None,
) -> CreateContext:
    """Ask for a lease of version 2 ([MS-SMB2] 2.2.13.2.10); keys of 16 bytes. Unless told otherwise the flags
    say whether there is a parent.
    """
    if flags is None:
        flags = LeaseFlags.NONE if parent is None else LeaseFlags.PARENT_LEASE_KEY_SET
    return RequestLeaseV2(
        lease_key=key, lease_state=state, flags=flags, parent_lease_key=parent or bytes(16), epoch=epoch
    ).envelope()


def lease_v1(key: bytes, state: LeaseState) -> CreateContext:
    """Ask for a lease of version 1 ([MS-SMB2] 2.2.13.2.8)."""
    return RequestLease(lease_key=key, lease_state=state).envelope()


def durable() -> CreateContext:
    """Ask for a durable handle ([MS-SMB2] 2.2.13.2.3)."""
    return DurableHandleRequest().envelope()


def reconnect(file_id: FileId) -> CreateContext:
    """Reconnect a durable handle ([MS-SMB2] 2.2.13.2.4)."""
    return DurableHandleReconnect(data=file_id).envelope()


def durable_v2(create_guid: bytes, *, timeout: int = 0, persistent: bool = False) -> CreateContext:
    """Ask for a durable handle of version 2, or a persistent one ([MS-SMB2] 2.2.13.2.11); `timeout` in
    milliseconds.
    """
    return DurableHandleRequestV2(
        timeout=timeout, flags=_flags(persistent), create_guid=create_guid
    ).envelope()


def reconnect_v2(file_id: FileId, create_guid: bytes, *, persistent: bool = False) -> CreateContext:
    """Reconnect a durable handle of version 2, or a persistent one ([MS-SMB2] 2.2.13.2.12)."""
    return DurableHandleReconnectV2(
        file_id=file_id, create_guid=create_guid, flags=_flags(persistent)
    ).envelope()


def app_instance(app_instance_id: bytes) -> CreateContext:
    """Name the application instance ([MS-SMB2] 2.2.13.2.13), 16 bytes."""
    return AppInstanceId(app_instance_id=app_instance_id).envelope()


def app_instance_version(high: int, low: int) -> CreateContext:
    """Give the version of the application instance ([MS-SMB2] 2.2.13.2.15)."""
    return AppInstanceVersion(app_instance_version_high=high, app_instance_version_low=low).envelope()


def asks_for_lease(contexts: Iterable[CreateContext]) -> bool:
    """Tell whether a CREATE with these contexts is about a lease."""
    return any(context.name == REQUEST_LEASE for context in contexts)


def granted_lease(contexts: Sequence[CreateContext]) -> ResponseLeaseV2 | ResponseLease | None:
    """Return the lease of a CREATE response, of either version; None where it has none."""
    return find(contexts, ResponseLeaseV2, []) or find(contexts, ResponseLease, [])


def _flags(persistent: bool) -> DurableHandleFlags:
    return DurableHandleFlags.PERSISTENT if persistent else DurableHandleFlags.NONE
