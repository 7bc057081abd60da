"""READ, WRITE, byte-range locks, oplocks, notifications, directories, server-side copy."""

from __future__ import annotations

import pytest
from file_peer import EVERY_SHARE, FilePeer, create_request, file_server
from server_peer import NOW, Peer

from smbtorture_py.storage.directory import DirectoryStorage
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.copychunk import SrvCopychunk, SrvCopychunkCopy, SrvCopychunkResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
)
from smbtorture_py.wire.query_directory import QueryDirectoryFlags, QueryDirectoryRequest
from smbtorture_py.wire.read import Channel
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status

NOW_LOCK = LockFlags.FAIL_IMMEDIATELY
EXCLUSIVE, SHARED, UNLOCK = LockFlags.EXCLUSIVE_LOCK, LockFlags.SHARED_LOCK, LockFlags.UNLOCK


@pytest.fixture
def peer() -> FilePeer:
    return FilePeer(file_server())


def lock(peer, file, *elements) -> Status:
    locks = [LockElement(offset=offset, length=length, flags=flags) for offset, length, flags in elements]
    return Status(peer.call(LockRequest(file_id=file.file_id, locks=locks)).header.status)


def test_read_and_write_ends(peer) -> None:
    file = peer.open("f")
    assert peer.write(file.file_id, b"0123456789") == Status.SUCCESS
    assert peer.read(file.file_id, 20) == b"0123456789"
    assert peer.read(file.file_id, 5, offset=8, minimum_count=3) == Status.END_OF_FILE
    assert peer.read(file.file_id, 5, offset=8, minimum_count=2) == b"89"
    assert peer.read(file.file_id, 1, offset=10) == Status.END_OF_FILE
    assert peer.read(file.file_id, 0, offset=10) == b""
    assert peer.read(file.file_id, 1, offset=1 << 63) == Status.INVALID_PARAMETER
    assert peer.write(file.file_id, b"x", offset=(1 << 64) - 1) == Status.INVALID_PARAMETER
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    assert peer.read(directory.file_id, 1) == Status.INVALID_DEVICE_REQUEST
    reader = peer.open("f", desired_access=AccessMask.FILE_READ_DATA)
    assert peer.write(reader.file_id, b"x") == Status.ACCESS_DENIED
    writer = peer.open("f", desired_access=AccessMask.FILE_WRITE_DATA)
    assert peer.read(writer.file_id, 1) == Status.ACCESS_DENIED


def test_a_directory_refuses_reads_and_writes_last(peer) -> None:
    directory = peer.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    assert peer.read(directory.file_id, 1, channel=Channel.RDMA_V1) == Status.INVALID_PARAMETER
    assert peer.write(directory.file_id, b"x") == Status.INVALID_DEVICE_REQUEST
    assert peer.write(directory.file_id, b"x", offset=(1 << 64) - 1) == Status.INVALID_PARAMETER
    blind = peer.open(
        "d", create_options=CreateOptions.DIRECTORY_FILE, desired_access=AccessMask.FILE_READ_ATTRIBUTES
    )
    assert peer.read(blind.file_id, 1) == Status.ACCESS_DENIED
    assert peer.write(blind.file_id, b"x") == Status.ACCESS_DENIED


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        ("specification", 0x0009_FFFC, Status.NOT_SUPPORTED),
        ("specification", FsctlCode.OFFLOAD_READ, Status.INVALID_DEVICE_REQUEST),
        ("specification", FsctlCode.QUERY_SHARED_VIRTUAL_DISK_SUPPORT, Status.INVALID_DEVICE_REQUEST),
        ("samba", 0x0009_FFFC, Status.INVALID_DEVICE_REQUEST),
    ],
)
def test_controls_that_are_not_there(policy: str, code: int, status: Status) -> None:
    peer = FilePeer(file_server(policy=policy))
    answer = peer.call(IoctlRequest(ctl_code=code, file_id=peer.open("f").file_id))
    assert answer.header.status == status


def test_four_mebibytes_round_trip_on_a_directory(tmp_path) -> None:
    peer = FilePeer(file_server(DirectoryStorage(str(tmp_path), 0)))
    data = bytes(range(256)) * 4096 * 4
    file = peer.open("f")
    for offset in range(0, len(data), 65536):
        assert peer.write(file.file_id, data[offset : offset + 65536], offset) == Status.SUCCESS
    assert (tmp_path / "f").read_bytes() == data
    assert peer.read(file.file_id, 65536, len(data) - 65536) == data[-65536:]


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ("specification", Status.SUCCESS),
        ("windows", Status.SUCCESS),
        ("samba", Status.INVALID_PARAMETER),
    ],
)
def test_an_unlock_that_would_not_wait(policy: str, status: Status) -> None:
    peer = FilePeer(file_server(policy=policy))
    one = peer.open("f")
    assert lock(peer, one, (0, 1, EXCLUSIVE)) == Status.SUCCESS
    assert lock(peer, one, (0, 1, UNLOCK | NOW_LOCK)) == status


def test_lock_conflicts(peer) -> None:
    one, two = peer.open("f"), peer.open("f")
    peer.write(one.file_id, bytes(100))
    assert lock(peer, one, (0, 10, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS
    assert lock(peer, one, (5, 1, EXCLUSIVE | NOW_LOCK)) == Status.LOCK_NOT_GRANTED
    assert lock(peer, one, (0, 10, SHARED | NOW_LOCK)) == Status.SUCCESS
    assert lock(peer, two, (9, 1, SHARED | NOW_LOCK)) == Status.LOCK_NOT_GRANTED
    assert lock(peer, two, (10, 1, SHARED | NOW_LOCK)) == Status.SUCCESS
    assert peer.read(two.file_id, 1, 5) == Status.FILE_LOCK_CONFLICT
    assert peer.read(one.file_id, 1, 5) == b"\0"
    assert peer.write(one.file_id, b"x", 10) == Status.FILE_LOCK_CONFLICT
    assert peer.write(two.file_id, b"x", 10) == Status.FILE_LOCK_CONFLICT
    assert peer.read(one.file_id, 1, 10) == b"\0"


def test_lock_series(peer) -> None:
    one, two = peer.open("f"), peer.open("f")
    assert lock(peer, two, (20, 1, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS
    series = ((0, 1, EXCLUSIVE | NOW_LOCK), (20, 1, EXCLUSIVE | NOW_LOCK))
    assert lock(peer, one, *series) == Status.LOCK_NOT_GRANTED
    assert lock(peer, two, (0, 1, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS, (
        "the first of the series was released"
    )
    assert lock(peer, one, (1, 1, EXCLUSIVE), (2, 1, EXCLUSIVE)) == Status.INVALID_PARAMETER
    assert lock(peer, two, (0, 1, UNLOCK), (99, 1, UNLOCK), (20, 1, UNLOCK)) == Status.RANGE_NOT_LOCKED
    assert lock(peer, one, (0, 1, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS, "what was unlocked stays so"
    assert lock(peer, one, (20, 1, EXCLUSIVE | NOW_LOCK)) == Status.LOCK_NOT_GRANTED
    assert lock(peer, one) == Status.INVALID_PARAMETER
    assert lock(peer, one, ((1 << 64) - 1, 2, EXCLUSIVE | NOW_LOCK)) == Status.INVALID_LOCK_RANGE
    assert lock(peer, one, (0, 1, UNLOCK | SHARED)) == Status.INVALID_PARAMETER


def test_zero_length_locks(peer) -> None:
    one, two = peer.open("f"), peer.open("f")
    assert lock(peer, one, (10, 10, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS
    assert lock(peer, two, (10, 0, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS
    assert lock(peer, two, (15, 0, EXCLUSIVE | NOW_LOCK)) == Status.LOCK_NOT_GRANTED
    assert lock(peer, two, (20, 0, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS


@pytest.mark.parametrize(("how", "status"), [("unlock", Status.SUCCESS), ("close", Status.SUCCESS)])
def test_a_blocking_lock_waits(peer, how, status) -> None:
    one, two = peer.open("f"), peer.open("f")
    assert lock(peer, one, (0, 1, EXCLUSIVE | NOW_LOCK)) == Status.SUCCESS
    assert lock(peer, two, (0, 1, EXCLUSIVE)) == Status.PENDING
    if how == "unlock":
        answers = peer.calls(
            LockRequest(file_id=one.file_id, locks=[LockElement(offset=0, length=1, flags=UNLOCK)])
        )
    else:
        answers = peer.calls(CloseRequest(file_id=one.file_id))
    assert sorted(answer.header.status for answer in answers) == [Status.SUCCESS, status]
    assert sum(bool(answer.header.flags & HeaderFlags.ASYNC_COMMAND) for answer in answers) == 1


def test_a_blocking_lock_is_cancelled(peer) -> None:
    one, two = peer.open("f"), peer.open("f")
    lock(peer, one, (0, 1, EXCLUSIVE | NOW_LOCK))
    waiting = peer.call(
        LockRequest(file_id=two.file_id, locks=[LockElement(offset=0, length=1, flags=EXCLUSIVE)])
    )
    answers = peer.calls(
        CancelRequest(),
        flags=HeaderFlags.ASYNC_COMMAND,
        async_id=waiting.header.async_id,
        message_id=waiting.header.message_id,
    )
    assert [answer.header.status for answer in answers] == [Status.CANCELLED]
    assert lock(peer, one, (0, 1, UNLOCK)) == Status.SUCCESS
    assert lock(peer, two, (0, 1, UNLOCK)) == Status.RANGE_NOT_LOCKED


@pytest.fixture
def pair():
    server = file_server()
    return FilePeer(server, port=50001), FilePeer(server, port=50002)


def acknowledge(peer, file, level) -> list:
    return peer.calls(OplockBreakAcknowledgment(file_id=file.file_id, oplock_level=level))


def broken(peer) -> OplockBreakNotification:
    (message,) = peer.take()
    assert isinstance(message.body, OplockBreakNotification)
    assert (message.header.message_id, message.header.tree_id) == ((1 << 64) - 1, 0)
    return message.body


@pytest.mark.parametrize("level", [OplockLevel.EXCLUSIVE, OplockLevel.BATCH])
@pytest.mark.parametrize(
    ("disposition", "target"),
    [(CreateDisposition.OPEN, OplockLevel.II), (CreateDisposition.OVERWRITE, OplockLevel.NONE)],
)
def test_an_open_waits_for_the_break_of_an_oplock(pair, level, disposition, target) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=level)
    assert held.oplock_level == level
    request = create_request("f", create_disposition=disposition, requested_oplock_level=OplockLevel.BATCH)
    assert other.call(request).header.status == Status.PENDING
    notification = broken(holder)
    assert (notification.oplock_level, notification.file_id) == (target, held.file_id)
    (answer,) = acknowledge(holder, held, target)
    assert (answer.header.status, answer.body.oplock_level) == (Status.SUCCESS, target)
    (opened,) = other.take()
    assert (opened.header.status, opened.body.oplock_level) == (Status.SUCCESS, OplockLevel.II)


def test_a_break_ends_with_time(pair) -> None:
    holder, other = pair
    holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    assert other.call(create_request("f")).header.status == Status.PENDING
    server = holder.server
    assert server.next_deadline() == holder.now + 35
    server.tick(holder.now + 34.9)
    assert other.take() == []
    server.tick(holder.now + 35)
    (opened,) = other.take()
    assert opened.header.status == Status.SUCCESS
    assert server.next_deadline() is None


def test_a_break_is_tried_once_on_each_channel(pair) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    second = Peer(holder.server, port=50003)
    second.negotiate(guid=holder.port.to_bytes(16, "little"))
    assert second.setup(bind=holder.keys).header.status == Status.SUCCESS
    assert other.call(create_request("f")).header.status == Status.PENDING
    assert broken(holder).file_id == held.file_id
    channels = (holder, second)
    for peer in channels:
        peer.connection.acknowledged(peer.connection.bytes_written - 1, NOW)
    holder.connection.stuck(NOW, NOW + 0.9)
    assert [peer.take() for peer in channels] == [[], []], "the transport has not failed yet"
    holder.connection.stuck(NOW, NOW + 1)
    assert broken(second).file_id == held.file_id
    for seconds in range(2, 6):
        for peer in channels:
            peer.connection.stuck(NOW, NOW + seconds)
        assert [peer.take() for peer in channels] == [[], []]


def test_a_close_instead_of_an_acknowledgment(pair) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    request = create_request("f", requested_oplock_level=OplockLevel.BATCH)
    assert other.call(request).header.status == Status.PENDING
    broken(holder)
    holder.close(held.file_id)
    (opened,) = other.take()
    assert opened.body.oplock_level == OplockLevel.BATCH


def test_sharing_violations_break_batch_only(pair) -> None:
    holder, other = pair
    none = ShareAccess.NONE
    held = holder.open("e", requested_oplock_level=OplockLevel.EXCLUSIVE, share_access=none)
    other.open("e", status=Status.SHARING_VIOLATION)
    assert holder.take() == []
    held = holder.open("b", requested_oplock_level=OplockLevel.BATCH, share_access=none)
    assert other.call(create_request("b")).header.status == Status.PENDING
    broken(holder)
    acknowledge(holder, held, OplockLevel.II)
    (refused,) = other.take()
    assert refused.header.status == Status.SHARING_VIOLATION


def test_attributes_only_breaks_nothing(pair) -> None:
    holder, other = pair
    holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    stat = AccessMask.FILE_READ_ATTRIBUTES | AccessMask.SYNCHRONIZE
    other.open("f", desired_access=stat)
    assert holder.take() == []


def test_a_write_breaks_level_ii_without_waiting(pair) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=OplockLevel.II)
    assert held.oplock_level == OplockLevel.II
    file = other.open("f")
    assert other.write(file.file_id, b"x") == Status.SUCCESS
    assert broken(holder).oplock_level == OplockLevel.NONE
    (answer,) = acknowledge(holder, held, OplockLevel.NONE)
    assert answer.header.status == Status.INVALID_DEVICE_STATE


@pytest.mark.parametrize(
    ("held_level", "level", "status", "result"),
    [
        (OplockLevel.EXCLUSIVE, OplockLevel.LEASE, Status.INVALID_PARAMETER, None),
        (OplockLevel.EXCLUSIVE, OplockLevel.BATCH, Status.INVALID_OPLOCK_PROTOCOL, None),
        (OplockLevel.EXCLUSIVE, OplockLevel.EXCLUSIVE, Status.INVALID_OPLOCK_PROTOCOL, None),
        (OplockLevel.BATCH, OplockLevel.BATCH, Status.INVALID_OPLOCK_PROTOCOL, None),
        (OplockLevel.BATCH, OplockLevel.EXCLUSIVE, Status.SUCCESS, OplockLevel.NONE),
        (OplockLevel.BATCH, OplockLevel.NONE, Status.SUCCESS, OplockLevel.NONE),
    ],
)
def test_acknowledgments(pair, held_level, level, status, result) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=held_level)
    (early,) = acknowledge(holder, held, level)
    assert early.header.status == Status.INVALID_DEVICE_STATE
    assert other.call(create_request("f")).header.status == Status.PENDING
    broken(holder)
    (answer,) = acknowledge(holder, held, level)
    assert answer.header.status == status
    if result is not None:
        assert answer.body.oplock_level == result
    assert other.take()[0].header.status == Status.SUCCESS, "every acknowledgment ends the break"


@pytest.mark.parametrize(
    ("dialect", "status"),
    [
        (Dialect.SMB_2_0_2, Status.INVALID_PARAMETER),
        (Dialect.SMB_2_1, Status.OBJECT_NAME_NOT_FOUND),
        (Dialect.SMB_3_1_1, Status.OBJECT_NAME_NOT_FOUND),
    ],
)
def test_acknowledgments_of_leases(dialect: Dialect, status: Status) -> None:
    peer = FilePeer(file_server(), dialects=(dialect,))
    assert peer.call(LeaseBreakAcknowledgment(lease_key=bytes(16))).header.status == status


def listing(peer, directory, pattern="*", flags=QueryDirectoryFlags.NONE, size=65536) -> list[str] | Status:
    answer = peer.call(
        QueryDirectoryRequest(
            file_information_class=FileInformationClass.FILE_NAMES_INFORMATION,
            file_id=directory.file_id,
            file_name=pattern,
            flags=flags,
            output_buffer_length=size,
        )
    )
    if answer.header.status != Status.SUCCESS:
        return Status(answer.header.status)
    data, names = bytes(answer.body.output_buffer), []
    while data:
        following, length = int.from_bytes(data[:4], "little"), int.from_bytes(data[8:12], "little")
        names.append(data[12 : 12 + length].decode("utf-16-le"))
        data = data[following:] if following else b""
    return names


def test_directory_listing(peer) -> None:
    for name in ("b.txt", "A.txt", "c.doc"):
        peer.close(peer.open(name).file_id)
    root = peer.open("", create_disposition=CreateDisposition.OPEN)
    assert listing(peer, root) == [".", "..", "A.txt", "b.txt", "c.doc"]
    assert listing(peer, root) == Status.NO_MORE_FILES
    restart = QueryDirectoryFlags.RESTART_SCANS
    assert listing(peer, root, "*.TXT", restart) == ["A.txt", "b.txt"]
    assert listing(peer, root, "nothing", restart) == Status.NO_SUCH_FILE
    assert listing(peer, root, "*", restart | QueryDirectoryFlags.RETURN_SINGLE_ENTRY) == ["."]
    assert listing(peer, root, size=30) == [".."]
    assert listing(peer, root, size=4) == Status.INFO_LENGTH_MISMATCH
    file = peer.open("A.txt")
    assert listing(peer, file) == Status.INVALID_PARAMETER


def test_rename(peer) -> None:
    file = peer.open("old")
    peer.open("taken")
    for name, replace, status in (
        ("taken", 0, Status.OBJECT_NAME_COLLISION),
        ("taken", 1, Status.ACCESS_DENIED),
        ("..\\out", 0, Status.OBJECT_NAME_INVALID),
        ("no\\way", 0, Status.OBJECT_PATH_NOT_FOUND),
        ("new", 0, Status.SUCCESS),
    ):
        encoded = name.encode("utf-16-le")
        buffer = bytes([replace]) + bytes(15) + len(encoded).to_bytes(4, "little") + encoded
        answer = peer.call(
            SetInfoRequest(
                info_type=InfoType.FILE,
                file_info_class=FileInformationClass.FILE_RENAME_INFORMATION,
                file_id=file.file_id,
                buffer=buffer.ljust(24, b"\0"),
            )
        )
        assert answer.header.status == status, name
    peer.open("new", create_disposition=CreateDisposition.OPEN)
    peer.open("old", create_disposition=CreateDisposition.OPEN, status=Status.OBJECT_NAME_NOT_FOUND)


def test_change_notify(peer) -> None:
    root = peer.open("", create_disposition=CreateDisposition.OPEN)
    watch = ChangeNotifyRequest(
        file_id=root.file_id, output_buffer_length=1000, completion_filter=CompletionFilter.FILE_NAME
    )
    assert peer.call(watch).header.status == Status.PENDING
    messages = peer.calls(create_request("f"))
    final = next(message for message in messages if message.header.flags & HeaderFlags.ASYNC_COMMAND)
    assert bytes(final.body.output_buffer) == (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + (
        2
    ).to_bytes(4, "little") + "f".encode("utf-16-le")
    assert peer.call(watch).header.status == Status.PENDING
    closing = peer.calls(CloseRequest(file_id=root.file_id))
    assert sorted(message.header.status for message in closing) == [Status.SUCCESS, Status.NOTIFY_CLEANUP]


def test_server_side_copy(peer) -> None:
    source, target = peer.open("s"), peer.open("t", share_access=EVERY_SHARE)
    peer.write(source.file_id, b"0123456789")
    answer = peer.call(
        IoctlRequest(
            ctl_code=FsctlCode.SRV_REQUEST_RESUME_KEY, file_id=source.file_id, max_output_response=32
        )
    )
    key = bytes(answer.body.output)[:24]

    def copy(*chunks, key=key):
        body = SrvCopychunkCopy(key, [SrvCopychunk(*chunk) for chunk in chunks])
        answer = peer.call(
            IoctlRequest(
                ctl_code=FsctlCode.SRV_COPYCHUNK,
                file_id=target.file_id,
                input=body.encode(),
                max_output_response=12,
            )
        )
        output = getattr(answer.body, "output", b"")
        return Status(answer.header.status), SrvCopychunkResponse.decode(output, []) if output else None

    assert copy((0, 2, 4), (8, 0, 2)) == (Status.SUCCESS, SrvCopychunkResponse(2, 0, 6))
    assert peer.read(target.file_id, 99) == b"890123"
    status, limits = copy((0, 0, 0))
    assert (status, limits.chunks_written) == (Status.INVALID_PARAMETER, 256)
    assert copy((0, 0, 4), (5, 0, 9))[0] == Status.INVALID_VIEW_SIZE
    assert copy((0, 0, 1), key=bytes(24))[0] == Status.OBJECT_NAME_NOT_FOUND


@pytest.mark.parametrize(
    ("policy", "status"),
    [("specification", Status.SUCCESS), ("windows", Status.REQUEST_NOT_ACCEPTED), ("samba", Status.SUCCESS)],
)
def test_an_acknowledgment_of_more_than_is_left(policy: str, status: Status) -> None:
    holder = FilePeer(file_server(policy=policy), port=50001)
    first, second = (FilePeer(holder.server, port=port) for port in (50002, 50003))
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    assert first.call(create_request("f")).header.status == Status.PENDING
    assert broken(holder).oplock_level == OplockLevel.II
    request = create_request("f", create_disposition=CreateDisposition.OVERWRITE)
    assert second.call(request).header.status == Status.PENDING
    assert holder.take() == [], "one break at a time"
    answers = acknowledge(holder, held, OplockLevel.II)
    assert answers[0].header.status == status
    if status == Status.SUCCESS:
        assert answers[1].body.oplock_level == OplockLevel.NONE, "level II does not outlive the overwriting"
    for peer in (first, second):
        assert [answer.header.status for answer in peer.take()] == [Status.SUCCESS]


def test_changes_of_streams_are_told_apart() -> None:
    watcher = FilePeer(file_server(), port=50001)
    other = FilePeer(watcher.server, port=50002)
    watcher.open("d", create_options=CreateOptions.DIRECTORY_FILE)
    stream = other.open("d\\f:s")
    for offset, completion_filter, seen in (
        (0, CompletionFilter.STREAM_WRITE, True),
        (10, CompletionFilter.LAST_WRITE, False),
        (20, CompletionFilter.STREAM_SIZE, True),
    ):
        directory = watcher.open("d")
        request = ChangeNotifyRequest(
            file_id=directory.file_id, output_buffer_length=1000, completion_filter=completion_filter
        )
        watcher.call(request)
        other.write(stream.file_id, b"x" * 10, offset=offset)
        assert bool(watcher.take()) is seen
        watcher.calls(CloseRequest(file_id=directory.file_id))
