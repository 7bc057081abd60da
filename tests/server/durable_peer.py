"""What the tests of durable and persistent opens and of replays share: short forms of contexts."""

from __future__ import annotations

from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import CreateResponse
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    DurableHandleResponseV2,
    find,
)
from smbtorture_py.wire.status import Status

GUID = bytes(range(1, 17))
"""A CreateGuid."""
CLIENT = bytes([7]) * 16
"""The ClientGuid of `peer`."""
GONE = Status.OBJECT_NAME_NOT_FOUND


def request_v2(guid: bytes = GUID, **fields) -> CreateContext:
    return DurableHandleRequestV2(create_guid=guid, **fields).envelope()


def reconnect_v2(file_id: FileId, guid: bytes = GUID, **fields) -> CreateContext:
    return DurableHandleReconnectV2(file_id=file_id, create_guid=guid, **fields).envelope()


def response_v2(answer: CreateResponse) -> DurableHandleResponseV2:
    found = find(answer.contexts, DurableHandleResponseV2, [])
    assert found is not None
    return found
