"""The private FSCTLs of smbtorture: served where configured, unknown elsewhere."""

from __future__ import annotations

import pytest
from file_peer import FilePeer, create_request
from server_peer import NOW, Peer, make_server

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.codec import FILE_ID_ANY, FileId
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import SmbtortureFsctl
from smbtorture_py.wire.read import READ_DATA_OFFSET, ReadRequest
from smbtorture_py.wire.status import Status

CODE = SmbtortureFsctl.GLOBAL_READ_RESPONSE_BODY_PADDING8
CONTENT = b"what was written"


def peer(**settings: object) -> FilePeer:
    share = ShareConfig("files", storage=MemoryStorage(to_filetime(NOW)))
    return FilePeer(make_server("samba", shares=[share], **settings))


@pytest.mark.parametrize("padded", [False, True])
def test_reads_are_padded_once_that_was_asked_for(padded: bool) -> None:
    client = peer(smbtorture_controls=True)
    if padded:
        asked = client.call(IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY, max_output_response=1))
        assert asked.header.status == Status.SUCCESS
        assert not asked.body.output
    file_id = client.open("file").file_id
    client.write(file_id, CONTENT)
    answer = client.call(ReadRequest(file_id=file_id, length=100)).body
    assert answer.data_offset == READ_DATA_OFFSET + 8 * padded
    assert bytes(answer.data) == CONTENT


def test_the_code_takes_no_input() -> None:
    answer = peer(smbtorture_controls=True).call(
        IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY, input=b"input")
    )
    assert answer.header.status == Status.INVALID_PARAMETER


def test_the_code_is_unknown_where_it_is_not_configured() -> None:
    client = peer()
    asked = client.call(IoctlRequest(ctl_code=CODE, file_id=FILE_ID_ANY))
    assert asked.header.status == Status.INVALID_DEVICE_REQUEST
    file_id = client.open("file").file_id
    client.write(file_id, CONTENT)
    assert client.call(ReadRequest(file_id=file_id, length=100)).body.data_offset == READ_DATA_OFFSET


def block(client: Peer) -> Status:
    """Ask for this connection to be taken for dead, without session or tree connect, as smbtorture does."""
    body = IoctlRequest(ctl_code=SmbtortureFsctl.FORCE_UNACKED_TIMEOUT, file_id=FILE_ID_ANY)
    return Status(client.request(body, signed=False, session_id=0).header.status)


def acknowledge(client: Peer) -> None:
    connection = client.connection
    connection.acknowledged(connection.bytes_written - connection.bytes_acknowledged, client.now)


def oplock_holder(server: Server) -> tuple[FilePeer, FilePeer, FileId]:
    """A session with two channels that holds a batch oplock."""
    first = FilePeer(server)
    second = FilePeer.__new__(FilePeer)
    Peer.__init__(second, server, port=50001)
    second.negotiate(guid=first.port.to_bytes(16, "little"))
    assert second.setup(bind=first.keys).header.status == Status.SUCCESS
    file_id = first.open("file", requested_oplock_level=OplockLevel.BATCH).file_id
    acknowledge(first)
    acknowledge(second)
    return first, second, file_id


@pytest.mark.parametrize("blocked", [False, True])
def test_a_blocked_channel_counts_as_dead_whatever_it_acknowledges(blocked: bool) -> None:
    server = peer(smbtorture_controls=True).server
    first, second, _file_id = oplock_holder(server)
    if blocked:
        assert block(first) == Status.SUCCESS
        acknowledge(first)
    other = FilePeer(server, port=50002)
    assert other.calls(create_request("file"))[0].header.status == Status.PENDING
    (notification,) = first.take()
    assert notification.header.command == Command.OPLOCK_BREAK
    acknowledge(first)
    assert server.next_deadline() is not None
    server.tick(NOW + 1.5)
    assert [message.header.command for message in second.take()] == [Command.OPLOCK_BREAK] * blocked
    if blocked:
        # Samba ends a connection that does not get a break through.
        assert first.is_closed
        server.tick(NOW + 3)
        assert not second.take()


def test_blocking_is_refused_where_it_is_not_configured() -> None:
    client = peer()
    assert block(client) == Status.USER_SESSION_DELETED
    code = SmbtortureFsctl.FORCE_UNACKED_TIMEOUT
    asked = client.call(IoctlRequest(ctl_code=code, file_id=FILE_ID_ANY))
    assert asked.header.status == Status.INVALID_DEVICE_REQUEST
    assert not client.connection.is_blocked


def test_blocking_takes_no_input() -> None:
    client = peer(smbtorture_controls=True)
    body = IoctlRequest(ctl_code=SmbtortureFsctl.FORCE_UNACKED_TIMEOUT, file_id=FILE_ID_ANY, input=b"input")
    assert client.request(body, signed=False, session_id=0).header.status == Status.INVALID_PARAMETER
    assert not client.connection.is_blocked
