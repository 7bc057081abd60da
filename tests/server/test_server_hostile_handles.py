"""Hostile clients that have logged on: breaks acknowledged that nobody sent, forged reconnects, floods of
numbers, channels and opens. The server answers as MS-SMB2 says, keeps nothing of it, and others are unharmed.
Random input comes from printed seeds."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from file_peer import FilePeer, create_request
from server_peer import BOB, NOW, Peer, make_server

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    DurableHandleReconnect,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    RequestLeaseV2,
)
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment, OplockBreakAcknowledgment
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest
from smbtorture_py.wire.write import WriteRequest

KIB = 1024
MIB = 1024 * KIB
GUID = b"create-guid-16by"
KEY = b"lease-key-16byte"
RWH = LeaseState.READ_CACHING | LeaseState.WRITE_CACHING | LeaseState.HANDLE_CACHING
CAPABILITIES = (
    Capabilities.MULTI_CHANNEL | Capabilities.LEASING | Capabilities.LARGE_MTU | Capabilities.ENCRYPTION
)
SEEDS = range(3)


class Client(FilePeer):
    """A client with leases, on the share; the n-th is of its own ClientGuid."""

    def __init__(self, server: Server, number: int, *, user: object = None, bind: Client | None = None):
        Peer.__init__(self, server, port=50_000 + number)
        guid = self.port if bind is None else bind.port
        self.negotiate(guid=guid.to_bytes(16, "little"), capabilities=CAPABILITIES)
        if bind is not None:
            self.bound = self.setup(bind=bind.keys)
            self.tree_id = bind.tree_id
            return
        answer = self.setup() if user is None else self.setup(user)
        assert answer.header.status == Status.SUCCESS
        self.tree_id = self.request(TreeConnectRequest(path="\\\\server\\files")).header.tree_id

    def create(self, name: str, *contexts: CreateContext, level: int = OplockLevel.NONE) -> Message:
        return self.call(create_request(name, contexts=list(contexts), requested_oplock_level=level))

    def lose(self) -> None:
        self.connection.connection_lost(Closed.RESET, NOW)


def durable(guid: bytes) -> CreateContext:
    return DurableHandleRequestV2(create_guid=guid, timeout=300_000).envelope()


def lease(key: bytes, state: LeaseState = RWH) -> CreateContext:
    return RequestLeaseV2(lease_key=key, lease_state=state).envelope()


def opened(answer: Message) -> CreateResponse:
    assert answer.header.status == Status.SUCCESS, Status(answer.header.status).name
    return answer.body


class Lab:
    """A server, a victim with a lease, an oplock and a durable open, and clients that mean no good."""

    def __init__(self, **settings: object) -> None:
        storage = MemoryStorage(to_filetime(NOW))
        self.server = make_server(shares=[ShareConfig("files", storage=storage)], **settings)
        self._number = 1
        self.victim = Client(self.server, 1)
        self.leased = opened(self.victim.create("leased", lease(KEY), level=OplockLevel.LEASE)).file_id
        self.batch = opened(self.victim.create("batch", level=OplockLevel.BATCH)).file_id
        self.kept = opened(self.victim.create("kept", durable(GUID), level=OplockLevel.BATCH)).file_id
        assert self.victim.write(self.kept, b"intact") == Status.SUCCESS

    def hostile(self, **how: object) -> Client:
        self._number += 1
        return Client(self.server, self._number, **how)

    def check(self) -> None:
        """The victim has what it had, and nothing is left of the others."""
        server = self.server
        assert self.victim.read(self.kept, 6) == b"intact"
        assert not self.victim.take()
        found = server.lease_tables.find(self.victim.port.to_bytes(16, "little"), KEY)
        assert found is not None and (found.lease_state, found.breaking) == (RWH, False)
        for file_id, level in ((self.batch, OplockLevel.BATCH), (self.kept, OplockLevel.BATCH)):
            one = server.global_open_table[file_id.persistent]
            assert one.oplock_level is level and one.session is not None
            assert (one.outstanding_request_count, one.outstanding_pre_request_count) == (0, 0)
        assert server.connection_list == [self.victim.connection]
        assert len(server.global_session_table) == 1
        assert len(server.global_open_table) == 3
        assert len(server.lease_tables.leases()) == 1


@pytest.fixture
def lab() -> Lab:
    return Lab()


@contextmanager
def memory_is_flat(within: int) -> Iterator[None]:
    """Nothing but `within` bytes stays allocated."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before <= within, f"{after - before} bytes stayed"


# Breaks nobody sent


def acknowledge(client: Client, file_id: FileId, level: int) -> Status:
    body = OplockBreakAcknowledgment(oplock_level=level, file_id=file_id)
    return Status(client.call(body).header.status)


def acknowledge_lease(client: Client, key: bytes, state: LeaseState) -> Status:
    body = LeaseBreakAcknowledgment(lease_key=key, lease_state=state)
    return Status(client.call(body).header.status)


@pytest.mark.parametrize("level", [*OplockLevel, 0x42])
def test_an_oplock_break_that_was_never_sent_is_not_acknowledged(lab: Lab, level: int) -> None:
    assert acknowledge(lab.victim, lab.batch, level) == Status.INVALID_DEVICE_STATE
    client = lab.hostile()
    held = opened(client.create("own", level=OplockLevel.BATCH)).file_id
    assert acknowledge(client, held, level) == Status.INVALID_DEVICE_STATE
    for file_id in (lab.batch, FileId(lab.batch.persistent, held.volatile), FileId(0, 0)):
        assert acknowledge(client, file_id, level) == Status.FILE_CLOSED
    client.lose()
    lab.check()


@pytest.mark.parametrize("state", [LeaseState.NONE, RWH, LeaseState(0xFFFFFFFF)])
def test_a_lease_break_that_was_never_sent_is_not_acknowledged(lab: Lab, state: LeaseState) -> None:
    assert acknowledge_lease(lab.victim, KEY, state) == Status.UNSUCCESSFUL
    client = lab.hostile()
    # Another client's key is no key of mine.
    assert acknowledge_lease(client, KEY, state) == Status.OBJECT_NAME_NOT_FOUND
    assert acknowledge_lease(client, bytes(16), state) == Status.OBJECT_NAME_NOT_FOUND
    client.lose()
    lab.check()


def test_a_flood_of_acknowledgments(lab: Lab) -> None:
    client = lab.hostile()
    rng = random.Random(1)

    def wave(count: int) -> None:
        for _ in range(count):
            acknowledge(client, FileId(rng.getrandbits(64), rng.getrandbits(64)), rng.choice((0, 1, 8, 9)))
            acknowledge_lease(client, rng.randbytes(16), LeaseState(rng.getrandbits(3)))

    wave(50)
    with memory_is_flat(100 * KIB):
        wave(1000)
    client.lose()
    lab.check()


def test_an_acknowledgment_that_goes_too_far_ends_the_break_and_harms_nobody_else(lab: Lab) -> None:
    client = lab.hostile()
    held = opened(client.create("own", lease(KEY), level=OplockLevel.LEASE)).file_id
    rival = lab.hostile()
    (interim,) = rival.calls(create_request("own"))
    assert interim.header.status == Status.PENDING
    assert [one.header.command for one in client.take()] == [Command.OPLOCK_BREAK]
    assert acknowledge_lease(client, KEY, RWH) == Status.REQUEST_NOT_ACCEPTED
    assert acknowledge_lease(client, KEY, LeaseState.READ_CACHING) == Status.SUCCESS
    assert acknowledge_lease(client, KEY, LeaseState.READ_CACHING) == Status.UNSUCCESSFUL
    assert [one.header.status for one in rival.take()] == [Status.SUCCESS]
    client.close(held)
    client.lose()
    rival.lose()
    lab.check()


# Forged reconnects


def come_back(client: Client, file_id: FileId, guid: bytes | None) -> Status:
    context = (
        DurableHandleReconnect(data=file_id).envelope()
        if guid is None
        else DurableHandleReconnectV2(file_id=file_id, create_guid=guid).envelope()
    )
    return Status(client.create("kept", context, level=OplockLevel.BATCH).header.status)


@pytest.mark.parametrize("guid", [None, GUID, bytes(16)])
def test_an_open_that_is_in_use_is_not_given_away(lab: Lab, guid: bytes | None) -> None:
    for client in (lab.hostile(), lab.hostile(user=BOB)):
        assert come_back(client, lab.kept, guid) == Status.OBJECT_NAME_NOT_FOUND
        client.lose()
    lab.check()


@pytest.mark.parametrize("seed", SEEDS)
def test_guessed_ids_find_nothing(lab: Lab, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    client = lab.hostile(user=BOB)
    with memory_is_flat(100 * KIB):
        for _ in range(300):
            file_id = FileId(rng.choice((lab.kept.persistent, rng.getrandbits(64))), rng.getrandbits(64))
            guid = rng.choice((None, GUID, rng.randbytes(16)))
            assert come_back(client, file_id, guid) == Status.OBJECT_NAME_NOT_FOUND
    client.lose()
    lab.check()


def test_an_open_that_waits_comes_back_to_its_owner_only(lab: Lab) -> None:
    lab.victim.lose()
    thief = lab.hostile(user=BOB)
    assert come_back(thief, lab.kept, GUID) == Status.ACCESS_DENIED
    assert come_back(thief, lab.kept, bytes(16)) == Status.OBJECT_NAME_NOT_FOUND
    assert come_back(thief, lab.kept, None) != Status.SUCCESS
    thief.lose()
    # The volatile half is not looked at: it belonged to the session that is gone.
    owner = lab.hostile()
    forged = FileId(lab.kept.persistent, 0xFFFF)
    assert come_back(owner, forged, bytes(16)) == Status.OBJECT_NAME_NOT_FOUND
    assert come_back(owner, forged, GUID) == Status.SUCCESS
    assert come_back(owner, forged, GUID) == Status.OBJECT_NAME_NOT_FOUND
    assert len(lab.server.global_open_table) == 1
    owner.lose()


# Floods of channel sequences


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flood_of_sequences_leaves_the_counters_right(lab: Lab, seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    client = lab.hostile()
    file_id = opened(client.create("own")).file_id
    blocker = opened(client.create("own")).file_id
    one = lab.server.global_open_table[file_id.persistent]
    lock = [LockElement(offset=0, length=1, flags=LockFlags.EXCLUSIVE_LOCK)]
    assert client.call(LockRequest(file_id=blocker, locks=lock)).header.status == Status.SUCCESS
    waiting = 0
    seen: set[int] = set()
    for _ in range(600):
        sequence = rng.choice((rng.getrandbits(32), one.channel_sequence, one.channel_sequence + 1))
        body = rng.choice(
            (
                WriteRequest(file_id=file_id, data=b"x", offset=10),
                ReadRequest(file_id=file_id, length=1),
                QueryInfoRequest(info_type=1, file_info_class=5, file_id=file_id, output_buffer_length=99),
                LockRequest(file_id=file_id, locks=lock),
            )
        )
        flags = rng.choice((HeaderFlags.NONE, HeaderFlags.REPLAY_OPERATION))
        status = client.call(body, status=sequence & 0xFFFFFFFF, flags=flags).header.status
        seen.add(status)
        before = one.outstanding_request_count + one.outstanding_pre_request_count
        assert one.outstanding_request_count >= 0 and one.outstanding_pre_request_count >= 0
        waiting += status == Status.PENDING
        assert before <= waiting
    assert {Status.SUCCESS, Status.FILE_NOT_AVAILABLE, Status.PENDING} <= seen
    client.calls(CloseRequest(file_id=file_id))
    assert (one.outstanding_request_count, one.outstanding_pre_request_count) == (0, 0)
    client.lose()
    lab.check()


# Thousands of channels and opens


def test_no_more_channels_than_one_session_may_have(lab: Lab) -> None:
    client = lab.hostile()
    limit = lab.server.config.max_channels
    bound = [lab.hostile(bind=client) for _ in range(limit + 3)]
    statuses = [one.bound.header.status for one in bound]
    assert statuses == [Status.SUCCESS] * (limit - 1) + [Status.INSUFFICIENT_RESOURCES] * 4
    for one in (*bound, client):
        one.lose()
    lab.check()


def test_thousands_of_channels_one_after_the_other(lab: Lab) -> None:
    client = lab.hostile()
    file_id = opened(client.create("own", level=OplockLevel.BATCH)).file_id

    def wave(count: int) -> None:
        for _ in range(count):
            channel = lab.hostile(bind=client)
            assert channel.call(WriteRequest(file_id=file_id, data=b"x")).header.status == Status.SUCCESS
            channel.lose()

    wave(20)
    with memory_is_flat(100 * KIB):
        wave(1000)
    client.lose()
    lab.check()


def test_no_more_opens_than_one_session_may_have() -> None:
    lab = Lab(max_opens=20)
    client = lab.hostile()
    statuses = [client.create(f"own {number}").header.status for number in range(25)]
    assert statuses == [Status.SUCCESS] * 20 + [Status.INSUFFICIENT_RESOURCES] * 5
    # The victim has a share of its own.
    lab.victim.close(lab.victim.open("one more").file_id)
    client.lose()
    lab.check()


def test_thousands_of_opens_with_leases_leave_nothing(lab: Lab) -> None:
    def wave(count: int) -> None:
        client = lab.hostile()
        for number in range(count):
            key = number.to_bytes(16, "little")
            opened(client.create(f"own {number}", lease(key), durable(key), level=OplockLevel.LEASE))
        client.lose()
        assert len(lab.server.global_open_table) == 3 + count
        lab.server.tick(NOW + 1000)

    wave(1000)
    with memory_is_flat(200 * KIB):
        wave(1000)
    lab.check()


def test_opens_of_clients_that_never_come_back_are_bounded() -> None:
    lab = Lab(max_preserved_opens=30)
    for wave in range(5):
        client = lab.hostile()
        for number in range(20):
            guid = bytes([wave, number]) + bytes(14)
            opened(client.create(f"own {wave} {number}", durable(guid), level=OplockLevel.BATCH))
        client.lose()
        assert len(lab.server.global_open_table) <= 3 + 30
    # The last ones were kept, the first ones gave way.
    owner = lab.hostile()
    names = [lab.server.global_open_table[key].file_name for key in lab.server.global_open_table]
    assert "own 4 19" in names and "own 0 0" not in names
    owner.lose()
    lab.server.tick(NOW + 1000)
    lab.check()


def test_no_more_locks_than_one_open_may_have() -> None:
    lab = Lab(max_locks=10)
    client = lab.hostile()
    file_id = opened(client.create("own")).file_id
    flags = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY

    def lock(*offsets: int) -> Status:
        locks = [LockElement(offset=offset, length=1, flags=flags) for offset in offsets]
        return Status(client.call(LockRequest(file_id=file_id, locks=locks)).header.status)

    assert lock(*range(8)) == Status.SUCCESS
    assert lock(8, 9, 10) == Status.INSUFFICIENT_RESOURCES
    assert lock(8, 9) == Status.SUCCESS
    assert lock(10) == Status.INSUFFICIENT_RESOURCES
    client.lose()
    lab.check()


def test_replays_of_a_create_that_waits(lab: Lab) -> None:
    """However often it is replayed, one CREATE waits, and the holder hears of one break."""
    holder, rival = lab.hostile(), lab.hostile()
    held = opened(holder.create("own", level=OplockLevel.BATCH)).file_id
    guid = b"another-guid-16b"
    body = create_request("own", contexts=[durable(guid)], requested_oplock_level=OplockLevel.BATCH)
    assert rival.call(body).header.status == Status.PENDING
    found = {
        rival.call(body, flags=HeaderFlags.REPLAY_OPERATION).header.status
        for _ in range(lab.server.config.max_async // 4)
    }
    assert Status.SUCCESS not in found
    assert [one.header.command for one in holder.take()] == [Command.OPLOCK_BREAK]
    assert acknowledge(holder, held, OplockLevel.II) == Status.SUCCESS
    answers = [one for one in rival.take() if one.header.status == Status.SUCCESS]
    assert len(answers) >= 1
    ids = {bytes(repr(one.body.file_id), "ascii") for one in answers}
    assert len(ids) == len(answers)
    rival.lose()
    holder.lose()
    lab.server.tick(NOW + 1000)
    lab.check()
