"""Durable opens: who gets one, who gets it back, and when it is gone ([MS-SMB2] 3.3.5.9.6, .7, .10, .12,
3.3.6.2, 3.3.7.1)."""

from __future__ import annotations

import pytest
from durable_peer import CLIENT, GONE, GUID, reconnect_v2, request_v2, response_v2
from file_peer import FilePeer, create_request
from server_peer import ALICE, BOB, NOW

from smbtorture_py.server.server import Server
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import (
    CreateAction,
    CreateDisposition,
    CreateOptions,
    CreateResponse,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import (
    DURABLE_HANDLE_REQUEST,
    DURABLE_HANDLE_REQUEST_V2,
    CreateContext,
    DurableHandleReconnect,
    DurableHandleRequest,
    QueryMaximalAccessRequest,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest

OTHER_GUID = bytes(range(2, 18))
V1, V2 = "v1", "v2"


def request_v1() -> CreateContext:
    return DurableHandleRequest().envelope()


def reconnect(version: str, file_id: FileId, guid: bytes = GUID, **fields) -> CreateContext:
    if version == V1:
        return DurableHandleReconnect(data=file_id).envelope()
    return reconnect_v2(file_id, guid, **fields)


def batch(peer: FilePeer, version: str, name: str = "f", **fields) -> CreateResponse:
    """Open with a batch oplock, durable."""
    fields.setdefault("requested_oplock_level", OplockLevel.BATCH)
    fields.setdefault("contexts", [request_v1() if version == V1 else request_v2()])
    return peer.open(name, **fields)


def is_durable(answer: CreateResponse) -> bool:
    return any(one.name in (DURABLE_HANDLE_REQUEST, DURABLE_HANDLE_REQUEST_V2) for one in answer.contexts)


def again(server: Server, **how) -> FilePeer:
    how.setdefault("guid", CLIENT)
    return FilePeer(server, port=50001, **how)


# Granting.


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize(
    "level", [OplockLevel.NONE, OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH]
)
def test_batch_alone_makes_durable(peer, version, level) -> None:
    answer = batch(peer, version, requested_oplock_level=level)
    assert is_durable(answer) == (level == OplockLevel.BATCH)


@pytest.mark.parametrize("version", [V1, V2])
def test_batch_that_is_not_granted_makes_nothing_durable(server, peer, version) -> None:
    peer.open("f")
    answer = batch(again(server), version)
    assert answer.oplock_level == OplockLevel.II
    assert not is_durable(answer)


@pytest.mark.parametrize(
    ("asked", "granted"), [(0, 60_000), (1, 1), (300_000, 300_000), (300_001, 300_000), (2**32 - 1, 300_000)]
)
def test_timeout(peer, asked, granted) -> None:
    assert response_v2(batch(peer, V2, contexts=[request_v2(timeout=asked)])).timeout == granted


def test_version_2_is_unknown_to_smb_2(server) -> None:
    peer = FilePeer(server, dialects=(Dialect.SMB_2_1,))
    answer = batch(peer, V2, contexts=[request_v2(), request_v1()])
    assert [one.name for one in answer.contexts] == [DURABLE_HANDLE_REQUEST]


def test_no_directory_is_durable(peer) -> None:
    answer = batch(
        peer, V2, file_attributes=FileAttributes.DIRECTORY, create_options=CreateOptions.DIRECTORY_FILE
    )
    assert not is_durable(answer)


# Combinations.


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ("DHnQ", "DH2Q", Status.INVALID_PARAMETER),
        ("DHnQ", "DHnC", Status.SUCCESS),
        ("DHnQ", "DH2C", Status.INVALID_PARAMETER),
        ("DHnC", "DH2Q", Status.INVALID_PARAMETER),
        ("DHnC", "DH2C", Status.INVALID_PARAMETER),
        ("DH2Q", "DH2C", Status.INVALID_PARAMETER),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_combinations(server, peer, first, second, status, swapped) -> None:
    file = batch(peer, V2)
    peer.lose()
    contexts = {
        "DHnQ": request_v1(),
        "DH2Q": request_v2(OTHER_GUID),
        "DHnC": reconnect(V1, file.file_id),
        "DH2C": reconnect(V2, file.file_id),
    }
    pair = [contexts[first], contexts[second]]
    answer = again(server).open("f", status=status, contexts=pair[::-1] if swapped else pair)
    if status == Status.SUCCESS:
        assert not answer.contexts


# Coming back.


@pytest.mark.parametrize("version", [V1, V2])
def test_reconnect_gives_the_open_back(server, peer, version) -> None:
    file = batch(peer, version)
    assert peer.write(file.file_id, b"before") == Status.SUCCESS
    peer.lose()
    back = again(server)
    assert back.read(file.file_id, 6) == Status.FILE_CLOSED
    answer = back.open("f", contexts=[reconnect(version, file.file_id)])
    assert answer.create_action == CreateAction.OPENED
    assert answer.oplock_level == OplockLevel.BATCH
    assert answer.file_id.persistent == file.file_id.persistent
    assert not answer.contexts
    assert back.read(answer.file_id, 6) == b"before"
    back.close(answer.file_id)


@pytest.mark.parametrize("version", [V1, V2])
def test_only_the_contexts_count(server, peer, version) -> None:
    file = batch(peer, version)
    peer.lose()
    again(server).open(
        "..\\no such name",
        contexts=[reconnect(version, file.file_id), QueryMaximalAccessRequest().envelope()],
        requested_oplock_level=OplockLevel.NONE,
        desired_access=0,
        share_access=ShareAccess(0x80),
        create_disposition=77,
        create_options=CreateOptions(0xFFFFFFFF),
        file_attributes=0xFFFFFFFF,
    )


@pytest.mark.parametrize("version", [V1, V2])
def test_another_client_may_come_for_an_oplock(server, peer, version) -> None:
    file = batch(peer, version)
    peer.lose()
    again(server, guid=bytes([9]) * 16).open("f", contexts=[reconnect(version, file.file_id)])


@pytest.mark.parametrize("version", [V1, V2])
def test_another_user_is_refused_and_harms_nothing(server, peer, version) -> None:
    file = batch(peer, version)
    peer.lose()
    thief = again(server, credentials=BOB)
    thief.open("f", status=Status.ACCESS_DENIED, contexts=[reconnect(version, file.file_id)])
    FilePeer(server, port=50002, guid=CLIENT, credentials=ALICE).open(
        "f", contexts=[reconnect(version, file.file_id)]
    )


@pytest.mark.parametrize("version", [V1, V2])
def test_a_connected_open_is_not_given_away(server, peer, version) -> None:
    file = batch(peer, version)
    other = again(server)
    other.open("f", status=GONE, contexts=[reconnect(version, file.file_id)])
    assert peer.write(file.file_id, b"mine") == Status.SUCCESS
    peer.lose()
    other.open("f", contexts=[reconnect(version, file.file_id)])


@pytest.mark.parametrize("version", [V1, V2])
def test_an_id_that_never_was(server, peer, version) -> None:
    file = batch(peer, version)
    peer.lose()
    wrong = FileId(file.file_id.persistent ^ 1, file.file_id.volatile)
    again(server).open("f", status=GONE, contexts=[reconnect(version, wrong)])


@pytest.mark.parametrize("version", [V1, V2])
def test_the_volatile_half_is_not_compared(server, peer, version) -> None:
    file = batch(peer, version)
    peer.lose()
    again(server).open("f", contexts=[reconnect(version, FileId(file.file_id.persistent, 0))])


@pytest.mark.parametrize(("opened", "guid"), [(V2, OTHER_GUID), (V2, bytes(16)), (V1, GUID), (V1, bytes(16))])
def test_the_create_guid_must_match(server, peer, opened, guid) -> None:
    file = batch(peer, opened)
    peer.lose()
    back = again(server)
    back.open("f", status=GONE, contexts=[reconnect(V2, file.file_id, guid)])
    back.open("f", contexts=[reconnect(V1, file.file_id)])


def test_persistent_flag_without_a_persistent_open(server, peer) -> None:
    file = batch(peer, V2)
    peer.lose()
    back = again(server)
    back.open("f", status=Status.INVALID_PARAMETER, contexts=[reconnect(V2, file.file_id, flags=2)])
    back.open("f", contexts=[reconnect(V2, file.file_id)])


def test_an_open_that_is_not_durable_is_closed(server, peer) -> None:
    file = peer.open("f", requested_oplock_level=OplockLevel.BATCH)
    peer.lose()
    assert not server.global_open_table
    again(server).open("f", status=GONE, contexts=[reconnect(V1, file.file_id)])


# What keeps and what ends it.


@pytest.mark.parametrize("version", [V1, V2])
def test_logoff_keeps_and_tree_disconnect_closes(server, peer, version) -> None:
    kept, closed = batch(peer, version), batch(peer, version, "g", contexts=[request_v1()])
    assert peer.request(LogoffRequest()).header.status == Status.SUCCESS
    back = again(server)
    kept = back.open("f", contexts=[reconnect(version, kept.file_id)])
    back.open("g", contexts=[reconnect(V1, closed.file_id)])
    assert back.call(TreeDisconnectRequest()).header.status == Status.SUCCESS
    assert not server.global_open_table
    back.tree_id = back.tree("files")
    back.open("f", status=GONE, contexts=[reconnect(version, kept.file_id)])


@pytest.mark.parametrize("version", [V1, V2])
def test_previous_session_parts_the_open_from_its_session(server, peer, version) -> None:
    file = batch(peer, version)
    back = again(server, previous_session_id=peer.keys.session_id)
    back.open("f", contexts=[reconnect(version, file.file_id)])


@pytest.mark.parametrize(("version", "timeout"), [(V1, 120.0), (V2, 60.0)])
def test_the_scavenger_closes_what_nobody_reclaims(server, peer, version, timeout) -> None:
    file = batch(peer, version)
    peer.lose(NOW + 5)
    assert server.next_deadline() == NOW + 5 + timeout
    server.tick(NOW + 5 + timeout - 0.001)
    assert server.global_open_table
    server.tick(NOW + 5 + timeout)
    assert not server.global_open_table
    again(server).open("f", status=GONE, contexts=[reconnect(version, file.file_id)])


def test_each_loss_starts_the_time_anew(server, peer) -> None:
    file = batch(peer, V2, contexts=[request_v2(timeout=5000)])
    peer.lose(NOW)
    back = again(server)
    back.open("f", contexts=[reconnect(V2, file.file_id)])
    server.tick(NOW + 6)
    assert server.global_open_table
    back.lose(NOW + 10)
    server.tick(NOW + 14)
    FilePeer(server, port=50002, guid=CLIENT).open("f", contexts=[reconnect(V2, file.file_id)])


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("share", [ShareAccess(7), ShareAccess(0)])
def test_a_conflicting_open_takes_it_away(server, peer, version, share) -> None:
    file = batch(peer, version, share_access=share)
    peer.lose()
    other = again(server, guid=bytes([9]) * 16)
    answer = other.open("f", requested_oplock_level=OplockLevel.BATCH)
    assert answer.oplock_level == OplockLevel.BATCH
    other.open("f", status=GONE, contexts=[reconnect(version, file.file_id)])


def test_an_open_for_attributes_leaves_it(server, peer) -> None:
    file = batch(peer, V2)
    peer.lose()
    other = again(server, guid=bytes([9]) * 16)
    other.open("f", desired_access=0x80)
    other.open("f", contexts=[reconnect(V2, file.file_id)])


def test_byte_range_locks_stay(server, peer) -> None:
    file = batch(peer, V2)
    element = LockElement(offset=0, length=10, flags=LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)
    assert peer.call(LockRequest(file_id=file.file_id, locks=[element])).header.status == Status.SUCCESS
    peer.lose()
    back = again(server)
    answer = back.open("f", contexts=[reconnect(V2, file.file_id)])
    unlock = LockElement(offset=0, length=10, flags=LockFlags.UNLOCK)
    assert back.call(LockRequest(file_id=answer.file_id, locks=[unlock])).header.status == Status.SUCCESS


def test_delete_on_close_waits_for_the_client(server, peer) -> None:
    file = batch(peer, V2, create_options=CreateOptions.DELETE_ON_CLOSE)
    peer.lose()
    back = again(server)
    answer = back.open("f", contexts=[reconnect(V2, file.file_id)])
    back.close(answer.file_id)
    back.open("f", status=GONE, create_disposition=CreateDisposition.OPEN)


def test_delete_on_close_happens_when_the_time_is_over(server, peer) -> None:
    batch(peer, V2, create_options=CreateOptions.DELETE_ON_CLOSE)
    peer.lose()
    server.tick(NOW + 60)
    again(server).open("f", status=GONE, create_disposition=CreateDisposition.OPEN)


def test_the_file_of_an_open_taken_away_is_made_anew(server, peer) -> None:
    """The conflicting open is the end of the durable one, and that of the file; there is a new one then."""
    file = batch(peer, V2, create_options=CreateOptions.DELETE_ON_CLOSE)
    assert peer.write(file.file_id, b"gone") == Status.SUCCESS
    peer.lose()
    answer = again(server, guid=bytes([9]) * 16).open("f")
    assert answer.create_action == CreateAction.CREATED
    assert answer.end_of_file == 0


def test_the_tree_connect_counts_its_opens(server, peer) -> None:
    (tree,) = next(iter(server.global_session_table.values())).tree_connect_table.values()
    file = batch(peer, V2)
    assert tree.open_count == 1
    peer.lose()
    assert tree.open_count == 0
    back = again(server)
    answer = back.open("f", contexts=[reconnect(V2, file.file_id)])
    (tree,) = next(iter(server.global_session_table.values())).tree_connect_table.values()
    assert tree.open_count == 1
    back.close(answer.file_id)
    assert tree.open_count == 0


def test_nothing_is_kept_of_opens_that_are_closed(server, peer) -> None:
    for _ in range(3):
        peer.close(batch(peer, V2).file_id)
    assert server.create_guid_table.find_eligible(CLIENT, GUID) is None
    assert not server.create_guid_table._opens
    assert not server.durable_opens._preserved


def test_malformed_contexts(peer) -> None:
    for name, size in ((b"DHnQ", 15), (b"DHnC", 17), (b"DH2Q", 31), (b"DH2C", 35)):
        context = CreateContext(name, bytes(size))
        answer = peer.call(create_request("f", contexts=[context]))
        assert answer.header.status == Status.INVALID_PARAMETER, name
