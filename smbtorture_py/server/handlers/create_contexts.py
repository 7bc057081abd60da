"""The create contexts of a CREATE, read and answered ([MS-SMB2] 3.3.5.9 "Create Context Validation",
3.3.5.9.x)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.chain import decode_entries
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.create_contexts import (
    ALLOCATION_SIZE,
    APP_INSTANCE_ID,
    APP_INSTANCE_VERSION,
    DURABLE_HANDLE_RECONNECT,
    DURABLE_HANDLE_RECONNECT_V2,
    DURABLE_HANDLE_REQUEST,
    DURABLE_HANDLE_REQUEST_V2,
    QUERY_MAXIMAL_ACCESS,
    QUERY_ON_DISK_ID,
    TIMEWARP_TOKEN,
    AllocationSize,
    AppInstanceId,
    AppInstanceVersion,
    CreateContext,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    EaBuffer,
    QueryMaximalAccessRequest,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    RequestLease,
    RequestLeaseV2,
    SdBuffer,
    find,
)
from smbtorture_py.wire.fscc.extended_attributes import FileFullEaInformation
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.server import Server
    from smbtorture_py.server.storage import NodeInfo

MINIMUM_NAME_LENGTH: Final = 4
_SIZES: Final = {
    ALLOCATION_SIZE: (8,),
    QUERY_MAXIMAL_ACCESS: (0, 8),
    TIMEWARP_TOKEN: (8,),
    DURABLE_HANDLE_REQUEST: (16,),
    DURABLE_HANDLE_RECONNECT: (16,),
    DURABLE_HANDLE_REQUEST_V2: (32,),
    DURABLE_HANDLE_RECONNECT_V2: (36,),
    APP_INSTANCE_ID: (20,),
    APP_INSTANCE_VERSION: (24,),
}
"""Bytes that the data of a context can have, where [MS-SMB2] 2.2.13.2 fixes them."""


@dataclass(slots=True)
class CreateContexts:
    """What the contexts ask for."""

    extended_attributes: list[tuple[bytes, bytes]] = field(default_factory=list)
    security_descriptor: bytes | None = None
    allocation_size: int = 0
    wants_maximal_access: bool = False
    timestamp: int | None = None
    """Of the maximal access request."""
    wants_disk_id: bool = False
    wants_snapshot: bool = False
    lease: RequestLease | RequestLeaseV2 | None = None
    durable_request: DurableHandleRequest | None = None
    durable_reconnect: DurableHandleReconnect | None = None
    durable_request_v2: DurableHandleRequestV2 | None = None
    durable_reconnect_v2: DurableHandleReconnectV2 | None = None
    app_instance_id: AppInstanceId | None = None
    app_instance_version: AppInstanceVersion | None = None


def reconnects(contexts: Sequence[CreateContext]) -> bool:
    """Tell whether a CREATE comes back for an open that is there already (3.3.5.9.7, .12)."""
    return any(one.name in (DURABLE_HANDLE_RECONNECT, DURABLE_HANDLE_RECONNECT_V2) for one in contexts)


def read(contexts: Sequence[CreateContext]) -> CreateContexts | Status:
    """Read the contexts, in any order; a Status where one is malformed. Unknown ones are ignored."""
    for context in contexts:
        if len(context.name) < MINIMUM_NAME_LENGTH or context.name_length != len(context.name):
            return Status.INVALID_PARAMETER
        if context.data_length != len(context.data):
            return Status.INVALID_PARAMETER
        sizes = _SIZES.get(context.name)
        if sizes is not None and len(context.data) not in sizes:
            return Status.INVALID_PARAMETER
    findings: Findings = []
    result = CreateContexts()
    names = {context.name for context in contexts}
    attributes = find(contexts, EaBuffer, findings)
    if attributes is not None:
        entries = decode_entries(FileFullEaInformation, memoryview(attributes.data), findings)
        if findings:
            return Status.EA_LIST_INCONSISTENT
        result.extended_attributes = [(entry.ea_name, entry.ea_value) for entry in entries]
    descriptor = find(contexts, SdBuffer, findings)
    if descriptor is not None:
        result.security_descriptor = bytes(descriptor.data)
    allocation = find(contexts, AllocationSize, findings)
    if allocation is not None:
        result.allocation_size = allocation.allocation_size
    maximal = find(contexts, QueryMaximalAccessRequest, findings)
    if maximal is not None:
        result.wants_maximal_access, result.timestamp = True, maximal.timestamp
    result.wants_disk_id = QUERY_ON_DISK_ID in names
    result.wants_snapshot = TIMEWARP_TOKEN in names
    result.lease = find(contexts, RequestLease, findings) or find(contexts, RequestLeaseV2, findings)
    result.durable_request = find(contexts, DurableHandleRequest, findings)
    result.durable_reconnect = find(contexts, DurableHandleReconnect, findings)
    result.durable_request_v2 = find(contexts, DurableHandleRequestV2, findings)
    result.durable_reconnect_v2 = find(contexts, DurableHandleReconnectV2, findings)
    result.app_instance_id = find(contexts, AppInstanceId, findings)
    result.app_instance_version = find(contexts, AppInstanceVersion, findings)
    return result


def refusal(contexts: CreateContexts) -> Status:
    """SUCCESS, or what contexts make a request fail with that ask for what is not there."""
    # 3.3.5.9.4: no snapshot exists.
    if contexts.wants_snapshot:
        return Status.OBJECT_NAME_NOT_FOUND
    return Status.SUCCESS


def respond(server: Server, contexts: CreateContexts, open_: Open, info: NodeInfo) -> list[CreateContext]:
    """Make the contexts of the response."""
    answers: list[CreateContext] = []
    if contexts.wants_maximal_access:
        # 3.3.5.9.5
        if contexts.timestamp and contexts.timestamp == info.change_time:
            maximal = QueryMaximalAccessResponse(query_status=Status.NONE_MAPPED, maximal_access=0)
        else:
            access = 0
            if open_.tree_connect is not None:
                access = server.policies.create.maximal_access(open_.tree_connect, info.file_attributes)
            maximal = QueryMaximalAccessResponse(query_status=Status.SUCCESS, maximal_access=access)
        answers.append(maximal.envelope())
    if contexts.wants_disk_id:
        # 3.3.5.9.9
        volume_id = open_.storage.volume().serial_number
        answers.append(QueryOnDiskIdResponse(disk_file_id=info.file_id, volume_id=volume_id).envelope())
    return answers
