"""CREATE replays ([MS-SMB2] 3.3.5.9 "Create Context Validation", 3.3.5.9.10)."""

from __future__ import annotations

import pytest
from durable_peer import CLIENT, GUID, request_v2, response_v2
from file_peer import FilePeer, create_request, file_server
from server_peer import BOB, Keys

from smbtorture_py.server.server import Server
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.create import (
    CreateAction,
    CreateDisposition,
    CreateResponse,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import (
    RequestLeaseV2,
)
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import OplockBreakAcknowledgment
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.status import Status

REPLAY = HeaderFlags.REPLAY_OPERATION
LEVELS = (OplockLevel.NONE, OplockLevel.II, OplockLevel.EXCLUSIVE, OplockLevel.BATCH)


def create(peer: FilePeer, *, replay: bool = False, name: str = "f", guid: bytes = GUID, **fields) -> Message:
    fields.setdefault("contexts", [request_v2(guid, timeout=9000)])
    fields.setdefault("requested_oplock_level", OplockLevel.BATCH)
    fields.setdefault("share_access", ShareAccess(0))
    flags = REPLAY if replay else HeaderFlags.NONE
    return peer.call(create_request(name, **fields), flags=flags)


def made(answer: Message) -> CreateResponse:
    assert answer.header.status == Status.SUCCESS, hex(answer.header.status)
    assert isinstance(answer.body, CreateResponse)
    return answer.body


def second_channel(server: Server, first: FilePeer, guid: bytes = CLIENT) -> FilePeer:
    """Another connection of the first one's session."""
    channel = FilePeer.__new__(FilePeer)
    super(FilePeer, channel).__init__(server, port=50009)
    assert channel.negotiate(guid=guid).header.status == Status.SUCCESS
    assert isinstance(first.keys, Keys)
    assert channel.setup(bind=first.keys).header.status == Status.SUCCESS
    channel.tree_id = first.tree_id
    return channel


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("times", [1, 2])
def test_replay_is_answered_like_the_original(server, peer, level, times) -> None:
    first = made(create(peer, requested_oplock_level=level))
    for _ in range(times):
        again = made(create(peer, replay=True, requested_oplock_level=level))
        assert again == first
    assert len(server.global_open_table) == 1


def test_replay_on_another_channel(server, peer) -> None:
    first = made(create(peer))
    other = second_channel(server, peer)
    assert made(create(other, replay=True)) == first
    (open_,) = server.global_open_table.values()
    assert open_.connection is other.connection


def test_the_parameters_do_not_count(server, peer) -> None:
    first = made(create(peer))
    answer = made(
        create(
            peer,
            replay=True,
            name="other",
            requested_oplock_level=OplockLevel.NONE,
            desired_access=0x80,
            share_access=ShareAccess(7),
            create_disposition=CreateDisposition.OPEN,
            file_attributes=0x10,
        )
    )
    assert answer.file_id == first.file_id
    assert answer.oplock_level == OplockLevel.BATCH
    assert answer.create_action == CreateAction.CREATED
    assert response_v2(answer).timeout == 9000


def test_without_the_flag_it_is_a_duplicate(peer) -> None:
    create(peer)
    assert create(peer).header.status == Status.DUPLICATE_OBJECTID
    assert create(peer, name="g").header.status == Status.DUPLICATE_OBJECTID


def test_without_a_create_guid_nothing_is_replayed(server, peer) -> None:
    made(create(peer, contexts=[], share_access=ShareAccess(7), requested_oplock_level=0))
    made(create(peer, contexts=[], share_access=ShareAccess(7), replay=True, requested_oplock_level=0))
    assert len(server.global_open_table) == 2


def test_the_flag_alone_does_not_harm(peer) -> None:
    assert made(create(peer, replay=True)).create_action == CreateAction.CREATED


def test_another_client_guid_makes_another_create(server, peer) -> None:
    first = made(create(peer, share_access=ShareAccess(7), requested_oplock_level=0))
    other = FilePeer(server, port=50001)
    second = made(create(other, replay=True, share_access=ShareAccess(7), requested_oplock_level=0))
    assert second.file_id != first.file_id


def test_another_session(server, peer) -> None:
    made(create(peer))
    other = FilePeer(server, port=50001, guid=CLIENT)
    assert create(other, replay=True).header.status == Status.DUPLICATE_OBJECTID
    assert create(other).header.status == Status.DUPLICATE_OBJECTID


def test_another_user(server, peer) -> None:
    made(create(peer))
    other = FilePeer(server, port=50001, guid=CLIENT, credentials=BOB)
    assert create(other, replay=True).header.status == Status.ACCESS_DENIED


def test_a_dialect_without_replays(server) -> None:
    peer = FilePeer(server, guid=CLIENT, dialects=(Dialect.SMB_2_1,))
    share = {"share_access": ShareAccess(7), "requested_oplock_level": 0}
    assert made(create(peer, **share)).file_id != made(create(peer, replay=True, **share)).file_id


def uses(file_id) -> dict[str, object]:
    return {
        "flush": FlushRequest(file_id=file_id),
        "lock": LockRequest(
            file_id=file_id,
            locks=[LockElement(offset=0, length=1, flags=LockFlags.SHARED_LOCK | LockFlags.FAIL_IMMEDIATELY)],
        ),
        "query": QueryInfoRequest(
            info_type=InfoType.FILE,
            file_info_class=FileInformationClass.FILE_STANDARD_INFORMATION,
            output_buffer_length=100,
            file_id=file_id,
        ),
        "ioctl": IoctlRequest(
            ctl_code=FsctlCode.CREATE_OR_GET_OBJECT_ID, file_id=file_id, max_output_response=64
        ),
        "notify": ChangeNotifyRequest(
            file_id=file_id, output_buffer_length=100, completion_filter=CompletionFilter.FILE_NAME
        ),
        "break": OplockBreakAcknowledgment(file_id=file_id, oplock_level=OplockLevel.NONE),
    }


@pytest.mark.parametrize("use", ["flush", "lock", "query", "ioctl", "notify", "break"])
def test_an_open_that_was_used_is_not_replayed(server, peer, use) -> None:
    first = made(create(peer, share_access=ShareAccess(7), requested_oplock_level=0))
    peer.call(uses(first.file_id)[use])
    second = made(create(peer, replay=True, share_access=ShareAccess(7), requested_oplock_level=0))
    assert second.file_id != first.file_id
    assert second.create_action == CreateAction.OPENED


def test_a_replay_after_close_opens_anew(peer) -> None:
    first = made(create(peer))
    peer.close(first.file_id)
    assert made(create(peer, replay=True)).create_action == CreateAction.OPENED


def test_a_failed_create_leaves_nothing(peer) -> None:
    peer.open("f", share_access=ShareAccess(0))
    assert create(peer).header.status == Status.SHARING_VIOLATION
    assert create(peer, replay=True).header.status == Status.SHARING_VIOLATION


def test_a_lost_open_is_replayed_into_a_new_session(server, peer) -> None:
    first = made(create(peer))
    peer.lose()
    back = FilePeer(server, port=50001, guid=CLIENT)
    assert create(back).header.status == Status.DUPLICATE_OBJECTID
    for _ in range(2):
        answer = made(create(back, replay=True))
        assert answer.file_id.persistent == first.file_id.persistent
        assert answer.create_action == CreateAction.CREATED
    assert back.write(answer.file_id, b"x") == Status.SUCCESS


def test_a_lost_open_is_not_replayed_by_another_user(server, peer) -> None:
    made(create(peer))
    peer.lose()
    thief = FilePeer(server, port=50001, guid=CLIENT, credentials=BOB)
    assert create(thief, replay=True).header.status == Status.ACCESS_DENIED
    made(create(FilePeer(server, port=50002, guid=CLIENT), replay=True))


@pytest.mark.parametrize(
    ("policy", "status", "duplicate"),
    [
        ("specification", Status.FILE_NOT_AVAILABLE, Status.PENDING),
        ("windows", Status.ACCESS_DENIED, Status.PENDING),
        ("samba", Status.FILE_NOT_AVAILABLE, Status.FILE_NOT_AVAILABLE),
    ],
)
def test_replay_of_a_create_that_waits(policy, status, duplicate) -> None:
    server = file_server(policy=policy)
    holder = FilePeer(server, guid=bytes([9]) * 16)
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    peer = FilePeer(server, port=50001, guid=CLIENT)
    share = {"share_access": ShareAccess(7), "requested_oplock_level": 0}
    assert create(peer, **share).header.status == Status.PENDING
    assert len(holder.take()) == 1
    assert create(peer, replay=True, **share).header.status == status
    assert create(peer, replay=True, **share).header.status == status
    assert not holder.take()
    assert create(peer, **share).header.status == duplicate
    holder.close(held.file_id)
    first = made(peer.take()[0])
    answer = made(create(peer, replay=True, **share))
    assert answer.file_id == first.file_id


def test_replay_for_a_lease_of_an_open_without_one(server, peer) -> None:
    made(create(peer))
    lease = RequestLeaseV2(lease_key=bytes([3]) * 16, lease_state=LeaseState.READ_CACHING).envelope()
    contexts = [request_v2(), lease]
    answer = made(create(peer, replay=True, contexts=contexts, requested_oplock_level=OplockLevel.LEASE))
    assert answer.oplock_level == OplockLevel.BATCH
    for policy in ("windows", "samba"):
        other = FilePeer(file_server(policy=policy), guid=CLIENT)
        made(create(other))
        answer = create(other, replay=True, contexts=contexts, requested_oplock_level=OplockLevel.LEASE)
        assert answer.header.status == Status.ACCESS_DENIED, policy


def test_samba_tells_the_level_that_the_replay_asks_for() -> None:
    peer = FilePeer(file_server(policy="samba"), guid=CLIENT)
    first = made(create(peer))
    answer = made(create(peer, replay=True, requested_oplock_level=OplockLevel.NONE))
    assert answer.file_id == first.file_id
    assert answer.oplock_level == OplockLevel.NONE
    assert not answer.contexts


@pytest.mark.parametrize("policy", ["windows", "samba"])
def test_what_waits_outlives_its_channel_and_is_forgotten_when_done(policy) -> None:
    """The CREATE goes on although nobody is left to answer; once it is done, its CreateGuid is free again."""
    server = file_server(policy=policy)
    holder = FilePeer(server, guid=bytes([9]) * 16)
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    peer = FilePeer(server, port=50001, guid=CLIENT)
    other = second_channel(server, peer)
    share = {"share_access": ShareAccess(7), "requested_oplock_level": 0}
    assert create(peer, **share).header.status == Status.PENDING
    peer.lose()
    holder.take()
    waiting = create(other, replay=True, **share).header.status
    assert waiting == (Status.ACCESS_DENIED if policy == "windows" else Status.FILE_NOT_AVAILABLE)
    holder.close(held.file_id)
    first = made(create(other, replay=True, **share))
    other.close(first.file_id)
    assert made(create(other, replay=True, **share)).file_id != first.file_id
