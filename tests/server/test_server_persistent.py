"""Persistent opens and what survives a restart; resilient opens; application instances ([MS-SMB2] 3.3.5.9,
3.3.5.9.10, .12, .13, 3.3.5.15.9)."""

from __future__ import annotations

from pathlib import Path

import pytest
from durable_peer import CLIENT, GONE, GUID, reconnect_v2, request_v2
from file_peer import FilePeer, create_request
from lease_peer import KEY, NONE, RWH, lease_v2
from server_peer import BOB, NOW, SEED, accounts, make_server

from smbtorture_py.net.entropy import seeded
from smbtorture_py.server.config import ShareConfig
from smbtorture_py.server.open import Open
from smbtorture_py.server.persistent_state import PersistentOpen, PersistentState
from smbtorture_py.server.server import Server
from smbtorture_py.storage.directory import DirectoryStorage
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.storage.persistent_state import (
    FolderPersistentState,
    MemoryPersistentState,
    StateError,
)
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import (
    AccessMask,
    CreateAction,
    CreateDisposition,
    CreateOptions,
    CreateResponse,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import (
    AppInstanceId,
    AppInstanceVersion,
    CreateContext,
    DurableHandleFlags,
    DurableHandleReconnect,
    DurableHandleResponseV2,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.fscc.file_information import FileRenameInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status

APP = bytes(range(3, 19))
ELSEWHERE = bytes([9]) * 16
AWAY = Status.FILE_NOT_AVAILABLE


def available(state: PersistentState | None = None, policy: str = "specification", **settings) -> Server:
    share = ShareConfig("files", storage=MemoryStorage(to_filetime(NOW)), is_continuously_available=True)
    return make_server(policy, shares=[share], persistent_state=state, **settings)


def restarted(server: Server, seed: str = "again") -> Server:
    """What a new process makes of the same configuration."""
    return Server.compose(server.config, entropy=seeded(SEED, seed), now=NOW)


def persistent(guid: bytes = GUID, **fields) -> CreateContext:
    fields.setdefault("flags", DurableHandleFlags.PERSISTENT)
    return request_v2(guid, **fields)


def again(file_id: FileId, guid: bytes = GUID, flags: int = DurableHandleFlags.PERSISTENT) -> CreateContext:
    return reconnect_v2(file_id, guid, flags=DurableHandleFlags(flags))


def flags_of(answer: CreateResponse) -> DurableHandleFlags | None:
    found = find(answer.contexts, DurableHandleResponseV2, [])
    return None if found is None else found.flags


@pytest.fixture
def server() -> Server:
    return available(MemoryPersistentState())


def only_open(server: Server) -> Open:
    (found,) = server.global_open_table.values()
    return found


# Persistent opens.


@pytest.mark.parametrize("level", [OplockLevel.NONE, OplockLevel.BATCH])
def test_every_open_can_be_persistent(server, peer, level) -> None:
    answer = peer.open("f", requested_oplock_level=level, contexts=[persistent()])
    assert flags_of(answer) == DurableHandleFlags.PERSISTENT
    peer.lose()
    back = FilePeer(server, port=50001, guid=ELSEWHERE)
    back.open("f", contexts=[again(answer.file_id)])


def test_the_share_must_be_continuously_available(peer) -> None:
    server = make_server(shares=[ShareConfig("files", storage=MemoryStorage(to_filetime(NOW)))])
    plain = FilePeer(server)
    answer = plain.open("f", requested_oplock_level=OplockLevel.BATCH, contexts=[persistent()])
    assert flags_of(answer) == DurableHandleFlags.NONE
    assert flags_of(plain.open("g", contexts=[persistent(bytes(16))])) is None


def test_the_capability_must_be_negotiated() -> None:
    old = FilePeer(available(persistent_handles=False))
    answer = old.open("f", requested_oplock_level=OplockLevel.BATCH, contexts=[persistent()])
    assert flags_of(answer) == DurableHandleFlags.NONE


def test_write_through_is_forced(server, peer) -> None:
    peer.open("f", contexts=[])
    assert only_open(server).create_options & CreateOptions.WRITE_THROUGH


def test_a_disconnected_persistent_open_keeps_others_out(server, peer) -> None:
    file = peer.open("d", contexts=[persistent()])
    peer.lose()
    for number, dialects in enumerate(((Dialect.SMB_3_0,), (Dialect.SMB_3_1_1,))):
        other = FilePeer(server, port=50001 + number, guid=bytes([20 + number]) * 16, dialects=dialects)
        other.open("D", status=AWAY)
        other.open("D", status=AWAY, contexts=[persistent(bytes(16))])
    other.open("e")
    back = FilePeer(server, port=50009, guid=CLIENT)
    back.open("d", contexts=[again(file.file_id)])
    other.open("D")


def test_flags_of_a_reconnect(server, peer) -> None:
    file = peer.open("f", requested_oplock_level=OplockLevel.BATCH, contexts=[persistent()])
    peer.lose()
    back = FilePeer(server, port=50001, guid=CLIENT)
    back.open("f", status=GONE, contexts=[again(file.file_id, flags=0)])
    back.open("f", contexts=[again(FileId(1, 2))])


def test_a_replay_brings_a_persistent_open_back(server, peer) -> None:
    file = peer.open("f", contexts=[persistent()])
    assert peer.write(file.file_id, b"used") == Status.SUCCESS
    thief = FilePeer(server, port=50001, guid=ELSEWHERE, credentials=BOB)
    request = create_request("f", contexts=[persistent()])
    replay = {"flags": HeaderFlags.REPLAY_OPERATION}
    assert thief.call(request, **replay).header.status == AWAY
    peer.lose()
    assert thief.call(request, **replay).header.status == Status.ACCESS_DENIED
    back = FilePeer(server, port=50002, guid=ELSEWHERE)
    for changed in (
        {"desired_access": AccessMask.FILE_READ_DATA},
        {"share_access": ShareAccess(0)},
        {"create_options": CreateOptions.SEQUENTIAL_ONLY},
    ):
        other = create_request("f", contexts=[persistent()], **changed)
        assert back.call(other, **replay).header.status == Status.CONTEXT_MISMATCH
    answer = back.call(request, **replay)
    assert answer.header.status == Status.SUCCESS
    assert answer.body.create_action == CreateAction.CREATED
    assert back.read(answer.body.file_id, 4) == b"used"


# A restart.


def states(folder: Path) -> list[PersistentState]:
    return [MemoryPersistentState(), FolderPersistentState(folder)]


@pytest.mark.parametrize("kind", [0, 1])
def test_a_persistent_open_survives_a_restart(tmp_path, kind) -> None:
    server = available(states(tmp_path)[kind])
    peer = FilePeer(server, guid=CLIENT)
    contexts = [persistent(timeout=9000), lease_v2(RWH), AppInstanceId(app_instance_id=APP).envelope()]
    file = peer.open(
        "Ä\\f:s",
        status=Status.OBJECT_PATH_NOT_FOUND,
        requested_oplock_level=OplockLevel.LEASE,
        contexts=contexts,
    )
    peer.close(peer.open("Ä", create_options=CreateOptions.DIRECTORY_FILE).file_id)
    file = peer.open("Ä\\f:s", requested_oplock_level=OplockLevel.LEASE, contexts=contexts)
    assert peer.write(file.file_id, b"before") == Status.SUCCESS
    exclusive = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
    element = LockElement(offset=3, length=4, flags=exclusive)
    assert peer.call(LockRequest(file_id=file.file_id, locks=[element])).header.status == Status.SUCCESS
    peer.open("Ä\\g", requested_oplock_level=OplockLevel.BATCH, contexts=[persistent(bytes(16), flags=0)])
    before = only_open_named(server, "f")

    second = restarted(server)
    assert len(second.global_open_table) == 1
    after = only_open(second)
    unlike = {
        "file_id", "session", "tree_connect", "connection", "local_open", "file_global_id", "lease",
        "is_restored", "current_byte_offset", "durable_open_scavenger_timeout", "lock_sequence_array",
        "frozen_times",
    }  # fmt: skip
    for name in set(Open.__slots__) - unlike:
        assert getattr(after, name) == getattr(before, name), name
    assert second.next_deadline() == NOW + 9
    back = FilePeer(second, port=50001, guid=CLIENT)
    back.open("Ä\\f:s", status=GONE, contexts=[again(file.file_id)])
    answer = back.open("ä\\F:S", contexts=[again(file.file_id), lease_v2(NONE)])
    granted = find(answer.contexts, ResponseLeaseV2, [])
    assert granted is not None
    assert (granted.lease_state, granted.epoch) == (RWH, before.lease.epoch)
    assert back.read(answer.file_id, 3) == b"bef"
    other = FilePeer(second, port=50002, guid=CLIENT)
    assert other.keys
    unlock = LockElement(offset=3, length=4, flags=LockFlags.UNLOCK)
    assert back.call(LockRequest(file_id=answer.file_id, locks=[unlock])).header.status == Status.SUCCESS
    back.close(answer.file_id)
    assert not restarted(second, "third").global_open_table


def only_open_named(server: Server, name: str) -> Open:
    (found,) = (one for one in server.global_open_table.values() if one.path[-1] == name)
    return found


def test_delete_on_close_survives_a_restart(server, peer) -> None:
    file = peer.open("f", create_options=CreateOptions.DELETE_ON_CLOSE, contexts=[persistent()])
    second = restarted(server)
    back = FilePeer(second, guid=CLIENT)
    back.close(back.open("f", contexts=[again(file.file_id)]).file_id)
    back.open("f", status=GONE, create_disposition=CreateDisposition.OPEN)


def test_a_break_that_was_under_way_is_told_after_the_restart(server, peer) -> None:
    contexts = [persistent(), lease_v2(RWH)]
    file = peer.open("f", requested_oplock_level=OplockLevel.LEASE, contexts=contexts)
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    assert other.call(create_request("f")).header.status == Status.PENDING
    assert len(peer.take()) == 1
    second = restarted(server)
    back = FilePeer(second, guid=CLIENT)
    answers = back.calls(create_request("f", contexts=[again(file.file_id), lease_v2(RWH)]))
    assert [one.header.status for one in answers] == [Status.SUCCESS, Status.SUCCESS]
    granted = find(answers[0].body.contexts, ResponseLeaseV2, [])
    assert granted is not None and granted.lease_state == RWH
    notification = answers[1].body
    assert notification.new_lease_state == LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING
    assert notification.new_epoch == granted.epoch


def test_a_record_without_its_file_is_dropped(tmp_path) -> None:
    state = FolderPersistentState(tmp_path)
    server = available(state)
    FilePeer(server, guid=CLIENT).open("f", contexts=[persistent()])
    assert len(list(tmp_path.iterdir())) == 1
    assert not available(state).global_open_table
    assert not list(tmp_path.iterdir())


def test_a_folder_of_the_host(tmp_path) -> None:
    folder, records = tmp_path / "share", tmp_path / "state"
    folder.mkdir(), records.mkdir()

    def start() -> Server:
        share = ShareConfig(
            "files", storage=DirectoryStorage(str(folder), to_filetime(NOW)), is_continuously_available=True
        )
        return make_server(
            accounts=accounts(), shares=[share], persistent_state=FolderPersistentState(records)
        )

    peer = FilePeer(start(), guid=CLIENT)
    file = peer.open("f", share_access=ShareAccess(0), contexts=[persistent()])
    assert peer.write(file.file_id, b"kept") == Status.SUCCESS
    back = FilePeer(start(), guid=CLIENT)
    back.open("f", status=AWAY)
    answer = back.open("f", contexts=[again(file.file_id)])
    assert back.read(answer.file_id, 4) == b"kept"
    back.open("f", status=Status.SHARING_VIOLATION)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"durable_file_id": "x"}', "{"])
def test_an_unreadable_record_is_named(tmp_path, text) -> None:
    (tmp_path / "0000000000000001.json").write_text(text)
    with pytest.raises(StateError, match=r"0000000000000001\.json"):
        available(FolderPersistentState(tmp_path))


# Resilient opens.


def resilient(peer: FilePeer, file_id: FileId, data: bytes) -> Status:
    body = IoctlRequest(ctl_code=FsctlCode.LMR_REQUEST_RESILIENCY, file_id=file_id, input=data)
    return Status(peer.call(body).header.status)


@pytest.mark.parametrize(
    ("timeout", "status"),
    [(300_000, Status.SUCCESS), (300_001, Status.INVALID_PARAMETER), (0, Status.SUCCESS)],
)
@pytest.mark.parametrize("dialect", [Dialect.SMB_2_1, Dialect.SMB_3_1_1])
def test_a_resilient_open_needs_no_oplock(server, dialect, timeout, status) -> None:
    peer = FilePeer(server, guid=CLIENT, dialects=(dialect,))
    file = peer.open("f", share_access=ShareAccess(0))
    assert resilient(peer, file.file_id, NetworkResiliencyRequest(timeout=timeout).encode()) == status
    peer.lose()
    back = FilePeer(server, port=50001, guid=ELSEWHERE, dialects=(dialect,))
    contexts = [DurableHandleReconnect(data=file.file_id).envelope()]
    if status != Status.SUCCESS:
        back.open("f", status=GONE, contexts=contexts)
        return
    back.open("f", status=Status.SHARING_VIOLATION)
    back.open("f", contexts=contexts)
    back.lose(NOW + 1)
    assert server.next_deadline() == NOW + 1 + (timeout or 120_000) / 1000
    server.tick(server.next_deadline())
    assert not server.global_open_table


def test_what_resiliency_refuses(server, peer) -> None:
    file = peer.open("f")
    assert resilient(peer, file.file_id, bytes(7)) == Status.INVALID_PARAMETER
    assert resilient(peer, FileId(1, 2), bytes(8)) == Status.FILE_CLOSED
    assert not only_open(server).is_resilient
    old = FilePeer(server, port=50001, dialects=(Dialect.SMB_2_0_2,))
    file = old.open("g")
    assert resilient(old, file.file_id, bytes(8)) == Status.INVALID_DEVICE_REQUEST
    samba = FilePeer(available(policy="samba"))
    file = samba.open("g")
    assert resilient(samba, file.file_id, bytes(8)) == Status.INVALID_DEVICE_REQUEST


# Application instances.


def app(version: tuple[int, int] | None = None, *others: CreateContext) -> list[CreateContext]:
    contexts = [AppInstanceId(app_instance_id=APP).envelope(), *others]
    if version is not None:
        high, low = version
        contexts.append(
            AppInstanceVersion(app_instance_version_high=high, app_instance_version_low=low).envelope()
        )
    return contexts


ALONE = {"share_access": ShareAccess(0)}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("extra", [(), (persistent(),), (persistent(flags=0),)])
def test_an_application_takes_its_file_along(server, peer, lost, extra) -> None:
    peer.open("f", contexts=app(None, *extra), requested_oplock_level=OplockLevel.BATCH, **ALONE)
    if lost:
        peer.lose()
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    other.open("F", contexts=app(None, persistent(bytes(16))), **ALONE)
    assert len(server.global_open_table) == 1
    assert not peer.take()


def test_what_is_no_other_instance(server, peer) -> None:
    peer.open("f", contexts=app(), **ALONE)
    same = FilePeer(server, port=50001, guid=CLIENT)
    same.open("f", status=Status.SHARING_VIOLATION, contexts=app(), **ALONE)
    other = FilePeer(server, port=50002, guid=ELSEWHERE)
    other.open("f", status=Status.SHARING_VIOLATION, **ALONE)
    foreign = [AppInstanceId(app_instance_id=bytes(16)).envelope()]
    other.open("f", status=Status.SHARING_VIOLATION, contexts=foreign, **ALONE)
    other.open("g", contexts=app(), **ALONE)
    assert len(server.global_open_table) == 2


@pytest.mark.parametrize(
    ("held", "given", "status"),
    [
        ((1, 0), (1, 1), Status.SUCCESS),
        ((1, 5), (2, 0), Status.SUCCESS),
        ((1, 1), (1, 1), Status.FILE_FORCED_CLOSED),
        ((1, 2), (1, 1), Status.FILE_FORCED_CLOSED),
        ((2, 0), (1, 9), Status.FILE_FORCED_CLOSED),
        ((1, 0), None, Status.FILE_FORCED_CLOSED),
        (None, (0, 0), Status.SUCCESS),
    ],
)
def test_versions(server, peer, held, given, status) -> None:
    peer.open("f", contexts=app(held), **ALONE)
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    other.open("f", status=status, contexts=app(given), **ALONE)


def test_versions_mean_nothing_before_3_1_1(server) -> None:
    peer = FilePeer(server, guid=CLIENT, dialects=(Dialect.SMB_3_0,))
    peer.open("f", contexts=app((5, 5)), **ALONE)
    assert only_open(server).application_instance_version is None
    FilePeer(server, port=50001, guid=ELSEWHERE).open("f", contexts=app((1, 1)), **ALONE)


def test_a_server_without_3_1_1_wants_a_create_guid() -> None:
    server = available(maximum_dialect=Dialect.SMB_3_0_2)
    FilePeer(server, guid=CLIENT).open("f", contexts=app(), **ALONE)
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    other.open("f", status=Status.SHARING_VIOLATION, contexts=app(), **ALONE)


def test_samba_knows_no_instances() -> None:
    server = available(policy="samba")
    FilePeer(server, guid=CLIENT).open("f", contexts=app(), **ALONE)
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    other.open("f", status=Status.SHARING_VIOLATION, contexts=app(), **ALONE)


def test_a_name_given_through_another_open_is_kept(server, peer) -> None:
    file = peer.open("f", contexts=[persistent()])
    other = peer.open("f", contexts=[])
    renamed = FileRenameInformation(file_name="g").encode()
    body = SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FILE_RENAME_INFORMATION,
        file_id=other.file_id,
        buffer=renamed,
    )
    assert peer.call(body).header.status == Status.SUCCESS
    second = restarted(server)
    assert only_open(second).path == ("g",)
    FilePeer(second, guid=CLIENT).open("f", contexts=[again(file.file_id)])


def test_a_server_that_is_replaced_changes_no_record(server, peer) -> None:
    file = peer.open("f", contexts=[persistent()])
    server.persistent_opens.let_go()
    second = restarted(server)
    peer.close(file.file_id)
    assert only_open(second).durable_file_id == file.file_id.persistent
    assert len(restarted(second, "third").global_open_table) == 1


def test_who_comes_while_the_holder_is_away_waits_for_him_where_windows_does() -> None:
    """Only what caches no handles is not available; else the holder is asked when he is back (<301>)."""
    server = available(policy="windows")
    peer = FilePeer(server, guid=CLIENT)
    file = peer.open("f", requested_oplock_level=OplockLevel.LEASE, contexts=[persistent(), lease_v2(RWH)])
    bare = peer.open("g", contexts=[persistent(bytes(16))])
    peer.lose()
    other = FilePeer(server, port=50001, guid=ELSEWHERE)
    other.open("g", status=AWAY)
    assert other.call(create_request("f")).header.status == Status.PENDING
    assert server.next_deadline() == NOW + 180
    back = FilePeer(server, port=50002, guid=CLIENT)
    answers = back.calls(create_request("f", contexts=[again(file.file_id), lease_v2(RWH)]))
    granted = find(answers[0].body.contexts, ResponseLeaseV2, [])
    assert granted is not None and granted.lease_state == RWH
    acknowledgment = LeaseBreakAcknowledgment(lease_key=KEY, lease_state=answers[1].body.new_lease_state)
    assert back.call(acknowledgment).header.status == Status.SUCCESS
    assert [one.header.status for one in other.take()] == [Status.SUCCESS]
    back.open("g", contexts=[again(bare.file_id, bytes(16))])
    assert back.read(answers[0].body.file_id, 1) == Status.END_OF_FILE


class CountingState(MemoryPersistentState):
    """Counts what is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.stored = 0

    def store(self, record: PersistentOpen) -> None:
        super().store(record)
        self.stored += 1


def test_reads_and_writes_store_nothing() -> None:
    state = CountingState()
    peer = FilePeer(available(state), guid=CLIENT)
    file = peer.open("f", contexts=[persistent()])
    assert peer.write(file.file_id, b"first") == Status.SUCCESS
    before = state.stored
    for offset in range(5):
        assert peer.write(file.file_id, b"more", offset) == Status.SUCCESS
        assert peer.read(file.file_id, 2, offset) != b""
    assert state.stored == before > 0
