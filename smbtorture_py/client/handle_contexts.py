"""The create contexts that ask for durable and persistent handles, in one word each ([MS-SMB2] 2.2.13.2)."""

from __future__ import annotations

from collections.abc import Sequence

from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    ResponseLease,
    ResponseLeaseV2,
    find,
)


def durable() -> CreateContext:
    """Ask for a durable handle ([MS-SMB2] 2.2.13.2.3)."""
    return DurableHandleRequest().envelope()


def reconnect(file_id: FileId) -> CreateContext:
    """Reconnect a durable handle ([MS-SMB2] 2.2.13.2.4)."""
    return DurableHandleReconnect(data=file_id).envelope()


def durable_v2(create_guid: bytes, *, timeout: int = 0, persistent: bool = False) -> CreateContext:
    """Ask for a durable handle of version 2, or a persistent one ([MS-SMB2] 2.2.13.2.11); `create_guid` has
    16 bytes, `timeout` is in milliseconds (0: the server's choice).
    """
    return DurableHandleRequestV2(
        timeout=timeout, flags=_flags(persistent), create_guid=create_guid
    ).envelope()


def reconnect_v2(file_id: FileId, create_guid: bytes, *, persistent: bool = False) -> CreateContext:
    """Reconnect a durable handle of version 2, or a persistent one ([MS-SMB2] 2.2.13.2.12)."""
    return DurableHandleReconnectV2(
        file_id=file_id, create_guid=create_guid, flags=_flags(persistent)
    ).envelope()


def granted_lease(contexts: Sequence[CreateContext]) -> ResponseLeaseV2 | ResponseLease | None:
    """Return the lease of a CREATE response, of either version; None where it has none."""
    return find(contexts, ResponseLeaseV2, []) or find(contexts, ResponseLease, [])


def _flags(persistent: bool) -> DurableHandleFlags:
    return DurableHandleFlags.PERSISTENT if persistent else DurableHandleFlags.NONE
