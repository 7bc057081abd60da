"""The create contexts that ask for leases, durable and persistent handles, in one word each; those that the
client core builds by itself, too, are its own.

    file = tree.open(contexts=[lease(lab.guid(), RWH), durable_v2(lab.guid())])

A CREATE that carries a lease asks for SMB2_OPLOCK_LEVEL_LEASE by itself, unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smbtorture_py.client.handle_contexts import durable, durable_v2, reconnect, reconnect_v2
from smbtorture_py.wire.create_contexts import (
    REQUEST_LEASE,
    AppInstanceId,
    AppInstanceVersion,
    CreateContext,
    RequestLease,
    RequestLeaseV2,
)
from smbtorture_py.wire.lease import LeaseFlags, LeaseState

__all__ = [
    "RH",
    "RW",
    "RWH",
    "R",
    "app_instance",
    "app_instance_version",
    "asks_for_lease",
    "durable",
    "durable_v2",
    "lease",
    "lease_v1",
    "reconnect",
    "reconnect_v2",
]

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


def app_instance(app_instance_id: bytes) -> CreateContext:
    """Name the application instance ([MS-SMB2] 2.2.13.2.13), 16 bytes."""
    return AppInstanceId(app_instance_id=app_instance_id).envelope()


def app_instance_version(high: int, low: int) -> CreateContext:
    """Give the version of the application instance ([MS-SMB2] 2.2.13.2.15)."""
    return AppInstanceVersion(app_instance_version_high=high, app_instance_version_low=low).envelope()


def asks_for_lease(contexts: Iterable[CreateContext]) -> bool:
    """Tell whether a CREATE with these contexts is about a lease."""
    return any(context.name == REQUEST_LEASE for context in contexts)
