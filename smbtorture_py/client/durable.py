"""Durable and persistent opens: what to ask for, and how to have them back ([MS-SMB2] 3.2.4.3.5, 3.2.4.4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Unpack

from smbtorture_py.client import handle_contexts
from smbtorture_py.client.exchange import Procedure
from smbtorture_py.client.tree import CreateResult, Tree
from smbtorture_py.wire.create import CreateRequest, CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    DurableHandleResponse,
    DurableHandleResponseV2,
    RequestLease,
    RequestLeaseV2,
    ResponseLease,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.client.open import Open
    from smbtorture_py.client.session import Options

NO_IMPERSONATION: Final = 0
"""ImpersonationLevel of a reconnect ([MS-SMB2] 3.2.4.4)."""


@dataclass(slots=True, frozen=True)
class Durability:
    """What a server granted of an open's durability."""

    create_guid: bytes | None
    """Open.CreateGuid, 16 bytes; None for a durable handle of version 1."""
    is_persistent: bool = False
    timeout: int = 0
    """Open.DurableTimeout in milliseconds; 0 for version 1, which has none."""


def durability(request: CreateRequest, response: CreateResponse) -> Durability | None:
    """Return what a CREATE granted; None where the open is not durable."""
    granted = find(response.contexts, DurableHandleResponseV2, [])
    asked = find(request.contexts, DurableHandleRequestV2, [])
    again = find(request.contexts, DurableHandleReconnectV2, [])
    if granted is not None and asked is not None:
        is_persistent = bool(granted.flags & DurableHandleFlags.PERSISTENT)
        return Durability(asked.create_guid, is_persistent, granted.timeout)
    if again is not None:
        return Durability(again.create_guid, bool(again.flags & DurableHandleFlags.PERSISTENT))
    reconnected = find(request.contexts, DurableHandleReconnect, []) is not None
    if reconnected or find(response.contexts, DurableHandleResponse, []) is not None:
        return Durability(None)
    return None


def contexts_to_ask(
    connection: Connection, tree: Tree, create_guid: bytes, *, timeout: int = 0
) -> list[CreateContext]:
    """Return the contexts that ask for as much durability as dialect and share offer.

    Nothing on 2.0.2, version 1 on 2.1, version 2 on 3.x, persistent on a continuously available share of a
    server that has persistent handles. `create_guid` has 16 bytes, `timeout` is in milliseconds (0: the
    server's choice).
    """
    if connection.dialect == Dialect.SMB_2_0_2:
        return []
    if not connection.is_smb3:
        return [handle_contexts.durable()]
    is_persistent = connection.supports_persistent_handles and tree.is_ca_share
    return [handle_contexts.durable_v2(create_guid, timeout=timeout, persistent=is_persistent)]


def reconnect_request(opened: Open, granted: Durability) -> CreateRequest:
    """Build the CREATE that re-establishes an open; its lease is asked for as it is now."""
    original = opened.request
    file_id, create_guid = opened.file_id, granted.create_guid
    contexts = [
        handle_contexts.reconnect(file_id)
        if create_guid is None
        else handle_contexts.reconnect_v2(file_id, create_guid, persistent=granted.is_persistent)
    ]
    if opened.oplock_level == OplockLevel.LEASE:
        contexts += _lease_again(opened)
    return CreateRequest(
        requested_oplock_level=opened.oplock_level,
        impersonation_level=NO_IMPERSONATION,
        desired_access=original.desired_access,
        file_attributes=original.file_attributes,
        share_access=original.share_access,
        create_disposition=original.create_disposition,
        create_options=original.create_options,
        name=original.name,
        contexts=contexts,
    )


def _lease_again(opened: Open) -> list[CreateContext]:
    """The lease context of the original request, with the state (and epoch) that the lease has now."""
    second = find(opened.request.contexts, RequestLeaseV2, [])
    granted_second = find(opened.response.contexts, ResponseLeaseV2, [])
    if second is not None and granted_second is not None:
        epoch = granted_second.epoch if opened.lease_epoch is None else opened.lease_epoch
        state = granted_second.lease_state if opened.lease_state is None else opened.lease_state
        return [replace(second, lease_state=state, epoch=epoch).envelope()]
    first = find(opened.request.contexts, RequestLease, [])
    granted_first = find(opened.response.contexts, ResponseLease, [])
    if first is not None and granted_first is not None:
        state = granted_first.lease_state if opened.lease_state is None else opened.lease_state
        return [replace(first, lease_state=state).envelope()]
    return []


def lease_key_of(opened: Open) -> bytes | None:
    """Return the key of the lease that an open was granted; None where there is none."""
    granted = handle_contexts.granted_lease(opened.response.contexts)
    return None if granted is None else granted.lease_key


def reconnect(
    tree: Tree, opened: Open, request: CreateRequest | None = None, **options: Unpack[Options]
) -> Procedure[CreateResult]:
    """Have a durable open back on another tree connect ([MS-SMB2] 3.2.4.4).

    On success `opened` itself is the open of `tree`, with the FileId it has now. `request` None: what
    `reconnect_request` builds. Raises ValueError for an open that is not durable.
    """
    granted = durability(opened.request, opened.response)
    if granted is None:
        raise ValueError(f"{opened.file_name} is not open durably")
    exchange = tree.submit(reconnect_request(opened, granted) if request is None else request, **options)
    yield exchange
    response = exchange.body(CreateResponse)
    if exchange.status != Status.SUCCESS or response is None:
        return CreateResult(exchange=exchange)
    opened.tree.session.open_table.pop(opened.file_id, None)
    opened.tree, opened.connection = tree, exchange.connection
    opened.file_id, opened.oplock_level = response.file_id, response.oplock_level
    tree.session.open_table[opened.file_id] = opened
    return CreateResult(exchange=exchange, open=opened)
