"""Durable opens from the client's side: what is asked for, what was granted, how it is had back."""

from __future__ import annotations

import pytest

from smbtorture_py.client.durable import Durability, contexts_to_ask, durability, reconnect_request
from smbtorture_py.client.lock_sequence import BUCKETS, OperationBuckets
from smbtorture_py.client.open import Open
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import AccessMask, CreateRequest, CreateResponse, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequest,
    DurableHandleRequestV2,
    DurableHandleResponse,
    DurableHandleResponseV2,
    RequestLease,
    RequestLeaseV2,
    ResponseLease,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Dialect

GUID = b"create-guid-16by"
KEY = b"lease-key-16byte"
PARENT = b"parent-key-16byt"
FILE_ID = FileId(7, 8)
PERSISTENT = DurableHandleFlags.PERSISTENT
V2_ASKED = DurableHandleRequestV2(create_guid=GUID, timeout=5, flags=PERSISTENT)
RWH = LeaseState.READ_CACHING | LeaseState.WRITE_CACHING | LeaseState.HANDLE_CACHING
RH = LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING


class Stub:
    """The few fields that the functions look at."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


def opened(asked: list[CreateContext], granted: list[CreateContext], level: int = OplockLevel.BATCH) -> Open:
    request = CreateRequest(
        name="folder\\file",
        desired_access=AccessMask.FILE_READ_DATA,
        share_access=ShareAccess.READ,
        file_attributes=0x20,
        create_disposition=3,
        create_options=0x40,
        contexts=asked,
    )
    response = CreateResponse(file_id=FILE_ID, oplock_level=level, contexts=granted)
    return Open(
        tree=Stub(), connection=Stub(), file_id=FILE_ID, file_name=request.name,
        request=request, response=response, oplock_level=level,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("dialect", "has_persistent", "is_ca", "expected"),
    [
        (Dialect.SMB_2_0_2, False, False, []),
        (Dialect.SMB_2_1, False, True, [DurableHandleRequest()]),
        (Dialect.SMB_3_0, False, True, [DurableHandleRequestV2(create_guid=GUID, timeout=5)]),
        (Dialect.SMB_3_1_1, True, False, [DurableHandleRequestV2(create_guid=GUID, timeout=5)]),
        (Dialect.SMB_3_1_1, True, True, [V2_ASKED]),
    ],
)  # fmt: skip
def test_what_is_asked_for(dialect, has_persistent, is_ca, expected) -> None:
    connection = Stub(
        dialect=dialect, is_smb3=dialect >= Dialect.SMB_3_0, supports_persistent_handles=has_persistent
    )
    asked = contexts_to_ask(connection, Stub(is_ca_share=is_ca), GUID, timeout=5)
    assert [(one.name, bytes(one.data)) for one in asked] == [(one.NAME, one.encode()) for one in expected]


V1 = DurableHandleRequest().envelope()
V1_GRANTED = DurableHandleResponse().envelope()
V2 = DurableHandleRequestV2(create_guid=GUID, flags=PERSISTENT).envelope()
V2_GRANTED = DurableHandleResponseV2(timeout=60_000).envelope()
V2_PERSISTENT = DurableHandleResponseV2(timeout=60_000, flags=PERSISTENT).envelope()


@pytest.mark.parametrize(
    ("asked", "granted", "expected"),
    [
        ([], [], None),
        ([V2], [], None),
        ([V1], [V1_GRANTED], Durability(None)),
        ([V2], [V2_GRANTED], Durability(GUID, False, 60_000)),
        ([V2], [V2_PERSISTENT], Durability(GUID, True, 60_000)),
    ],
)
def test_what_was_granted(asked, granted, expected) -> None:
    one = opened(asked, granted)
    assert durability(one.request, one.response) == expected


def test_a_reconnect_repeats_the_original_as_it_stands_now() -> None:
    one = opened([V2], [V2_PERSISTENT])
    one.oplock_level = OplockLevel.II
    again = reconnect_request(one, Durability(GUID, True, 60_000))
    assert (again.name, again.desired_access, again.share_access) == ("folder\\file", 1, ShareAccess.READ)
    assert (again.file_attributes, again.create_disposition, again.create_options) == (0x20, 3, 0x40)
    assert (again.requested_oplock_level, again.impersonation_level) == (OplockLevel.II, 0)
    assert [context.name for context in again.contexts] == [DurableHandleReconnectV2.NAME]
    context = find(again.contexts, DurableHandleReconnectV2, [])
    assert context == DurableHandleReconnectV2(file_id=FILE_ID, create_guid=GUID, flags=PERSISTENT)


def test_a_reconnect_of_version_1_names_the_file() -> None:
    again = reconnect_request(opened([V1], [V1_GRANTED]), Durability(None))
    assert [context.name for context in again.contexts] == [DurableHandleReconnect.NAME]
    context = find(again.contexts, DurableHandleReconnect, [])
    assert context is not None and context.data == FILE_ID


def test_a_lease_is_asked_for_as_it_was_granted() -> None:
    asked = RequestLeaseV2(lease_key=KEY, lease_state=RWH, parent_lease_key=PARENT, epoch=3).envelope()
    got = ResponseLeaseV2(lease_key=KEY, lease_state=RH, epoch=4).envelope()
    one = opened([asked, V2], [got, V2_GRANTED], OplockLevel.LEASE)
    again = reconnect_request(one, Durability(GUID))
    lease = find(again.contexts, RequestLeaseV2, [])
    assert again.requested_oplock_level == OplockLevel.LEASE and lease is not None
    assert (lease.lease_key, lease.lease_state, lease.epoch, lease.parent_lease_key) == (KEY, RH, 4, PARENT)


def test_a_lease_of_version_1_stays_one() -> None:
    asked = RequestLease(lease_key=KEY, lease_state=RWH).envelope()
    got = ResponseLease(lease_key=KEY, lease_state=RH).envelope()
    again = reconnect_request(opened([asked, V2], [got, V2_GRANTED], OplockLevel.LEASE), Durability(GUID))
    lease = find(again.contexts, RequestLease, [])
    assert lease is not None and (lease.lease_key, lease.lease_state) == (KEY, RH)
    assert find(again.contexts, RequestLeaseV2, []) is None


def test_lock_sequences_count_for_each_index() -> None:
    buckets = OperationBuckets()
    assert [buckets.take() for _ in range(3)] == [(1, 0), (2, 0), (3, 0)]
    buckets.release(2)
    assert [buckets.take() for _ in range(2)] == [(2, 1), (4, 0)]


def test_no_more_than_64_locks_are_outstanding() -> None:
    buckets = OperationBuckets()
    assert [buckets.take() for _ in range(BUCKETS)] == [(index, 0) for index in range(1, 65)]
    assert buckets.take() is None
    buckets.release(64)
    assert buckets.take() == (64, 1)


def test_numbers_are_modulo_16() -> None:
    buckets = OperationBuckets()
    numbers = []
    for _ in range(18):
        taken = buckets.take()
        assert taken is not None
        numbers.append(taken[1])
        buckets.release(taken[0])
        buckets.release(taken[0])
    assert numbers == [*range(16), 0, 1]
