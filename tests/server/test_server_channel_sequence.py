"""Channel sequence numbers ([MS-SMB2] 3.3.5.2.10, 3.3.4.1): who is refused, what moves on, what counts."""

from __future__ import annotations

import pytest
from file_peer import FilePeer, create_request, file_server
from server_peer import NOW

from smbtorture_py.server.open import Open
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, FileId
from smbtorture_py.wire.create import CreateOptions
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

REPLAY = HeaderFlags.REPLAY_OPERATION
REFUSED = Status.FILE_NOT_AVAILABLE


def write(file_id: FileId) -> Body:
    return WriteRequest(file_id=file_id, data=b"data")


def set_info(file_id: FileId) -> Body:
    return SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FILE_POSITION_INFORMATION,
        file_id=file_id,
        buffer=bytes(8),
    )


def ioctl(file_id: FileId) -> Body:
    return IoctlRequest(ctl_code=FsctlCode.SRV_REQUEST_RESUME_KEY, file_id=file_id, max_output_response=32)


def read(file_id: FileId) -> Body:
    return ReadRequest(file_id=file_id, length=0)


def query(file_id: FileId) -> Body:
    return QueryInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FILE_STANDARD_INFORMATION,
        file_id=file_id,
        output_buffer_length=100,
    )


def flush(file_id: FileId) -> Body:
    return FlushRequest(file_id=file_id)


def lock(file_id: FileId, flags: LockFlags = LockFlags.EXCLUSIVE_LOCK) -> Body:
    return LockRequest(file_id=file_id, locks=[LockElement(offset=100, length=1, flags=flags)])


ORDERED = [write, set_info, ioctl]


class Sequenced(FilePeer):
    """A peer with one open file, and one that stands in the way of its locks."""

    def __init__(self, policy: str = "specification", at: int = 0, **how: object) -> None:
        super().__init__(file_server(policy=policy), **how)
        self.file_id = self.open_at(at, "file")

    def open_at(self, sequence: int, name: str, **fields: object) -> FileId:
        answer = self.call(create_request(name, **fields), status=sequence)
        assert answer.header.status == Status.SUCCESS
        return answer.body.file_id

    def send(self, body: Body, sequence: int, flags: HeaderFlags = HeaderFlags.NONE) -> Status:
        return Status(self.call(body, status=sequence, flags=flags).header.status)

    @property
    def opened(self) -> Open:
        return self.server.global_open_table[self.file_id.persistent]

    @property
    def state(self) -> tuple[int, int, int]:
        """Open.ChannelSequence, and how many requests of it, and of earlier ones, are outstanding."""
        one = self.opened
        return one.channel_sequence, one.outstanding_request_count, one.outstanding_pre_request_count

    def hold_up(self, sequence: int) -> Message:
        """Make a LOCK wait; returns its interim response."""
        other = self.open_at(0, "file")
        assert self.send(lock(other), 0) == Status.SUCCESS
        self.blocker = other
        interim = self.call(lock(self.file_id), status=sequence)
        assert interim.header.status == Status.PENDING
        return interim

    def let_go(self) -> None:
        answers = self.calls(lock(self.blocker, LockFlags.UNLOCK))
        assert [answer.header.status for answer in answers] == [Status.SUCCESS] * 2


SERIES = [
    (0, True), (0x8000, False), (0x8001, False), (0xC123, False), (0xFFFF, False),
    (0x7FFF, True), (0x7FFE, False), (0, False), (0x0123, False),
    (0x8000, True), (0xFFFF, True), (0, True), (1, True), (0, False), (1, True), (0xFFFF, False),
]  # fmt: skip
"""Numbers in the order they are sent, and whether each is accepted: ahead by at most 0x7FFF."""


@pytest.mark.parametrize("flags", [HeaderFlags.NONE, REPLAY], ids=["first", "replay"])
@pytest.mark.parametrize("body", ORDERED)
@pytest.mark.parametrize("policy", ["specification", "windows", "samba"])
def test_the_series_of_numbers(policy, body, flags) -> None:
    peer = Sequenced(policy)
    present = 0
    for sequence, accepted in SERIES:
        expected = Status.SUCCESS if accepted else REFUSED
        assert peer.send(body(peer.file_id), sequence, flags) == expected, hex(sequence)
        present = sequence if accepted else present
        assert peer.state == (present, 0, 0)
        assert peer.send(query(peer.file_id), sequence, flags) == Status.SUCCESS
        assert peer.state == (present, 0, 0)


@pytest.mark.parametrize("body", [read, query, flush])
def test_the_others_are_not_refused_but_move_it_on(body) -> None:
    peer = Sequenced()
    assert peer.send(body(peer.file_id), 5) == Status.SUCCESS
    assert peer.state == (5, 0, 0)
    assert peer.send(body(peer.file_id), 4) == Status.SUCCESS
    assert peer.send(body(peer.file_id), 4, REPLAY) == Status.SUCCESS
    assert peer.state == (5, 0, 0)
    assert peer.send(body(peer.file_id), 6, REPLAY) == Status.SUCCESS
    assert peer.state == (6, 0, 0)


def test_the_number_begins_with_that_of_create() -> None:
    peer = Sequenced(at=0x9000)
    assert peer.state == (0x9000, 0, 0)
    assert peer.send(write(peer.file_id), 0x9000) == Status.SUCCESS
    assert peer.send(write(peer.file_id), 0x8FFF) == REFUSED


def test_with_samba_it_begins_with_zero() -> None:
    peer = Sequenced("samba", at=0x9000)
    assert peer.state == (0, 0, 0)
    assert peer.send(write(peer.file_id), 0x9000) == REFUSED
    assert peer.send(write(peer.file_id), 0x7000) == Status.SUCCESS


@pytest.mark.parametrize(("policy", "status"), [("specification", REFUSED), ("samba", Status.SUCCESS)])
def test_half_the_range_below(policy, status) -> None:
    peer = Sequenced(policy)
    for sequence in (0x7FFF, 0x8000):
        assert peer.send(write(peer.file_id), sequence) == Status.SUCCESS
    assert peer.send(write(peer.file_id), 0) == status


@pytest.mark.parametrize("dialect", [Dialect.SMB_2_0_2, Dialect.SMB_2_1])
def test_older_dialects_have_no_numbers(dialect) -> None:
    peer = Sequenced(dialects=[dialect])
    for sequence in (5, 0, 0x8005, 0xFFFFFFFF):
        assert peer.send(write(peer.file_id), sequence) == Status.SUCCESS
    assert peer.opened.channel_sequence == 0


def test_commands_without_a_file_id_have_none_either() -> None:
    peer = Sequenced()
    body = IoctlRequest(
        ctl_code=FsctlCode.QUERY_NETWORK_INTERFACE_INFO, file_id=FILE_ID_ANY, max_output_response=4096
    )
    assert peer.send(body, 0x9000) == Status.SUCCESS
    assert peer.state == (0, 0, 0)


def test_numbers_are_those_of_an_open() -> None:
    peer = Sequenced()
    other = peer.open_at(3, "other")
    assert peer.send(write(peer.file_id), 9) == Status.SUCCESS
    assert peer.send(write(other), 3) == Status.SUCCESS
    assert peer.send(write(peer.file_id), 3) == REFUSED


def test_an_unknown_file_id_is_that() -> None:
    peer = Sequenced()
    assert peer.send(write(FileId(77, 77)), 0x9000) == Status.FILE_CLOSED


def test_a_refused_write_writes_nothing() -> None:
    peer = Sequenced(at=1)
    assert peer.send(WriteRequest(file_id=peer.file_id, data=b"first"), 1) == Status.SUCCESS
    assert peer.send(WriteRequest(file_id=peer.file_id, data=b"stale"), 0) == REFUSED
    assert peer.read(peer.file_id, 5) == b"first"


def test_a_replayed_write_is_carried_out_again() -> None:
    peer = Sequenced()
    assert peer.send(WriteRequest(file_id=peer.file_id, data=b"again"), 1, REPLAY) == Status.SUCCESS
    assert peer.read(peer.file_id, 5) == b"again"


@pytest.mark.parametrize("body", ORDERED)
def test_a_replay_waits_for_what_is_outstanding_of_earlier_numbers(body) -> None:
    peer = Sequenced()
    peer.hold_up(0)
    assert peer.state == (0, 1, 0)
    # With the present number nothing is held up, the replay flag or not.
    assert peer.send(body(peer.file_id), 0, REPLAY) == Status.SUCCESS
    assert peer.send(body(peer.file_id), 0) == Status.SUCCESS
    # A newer one moves it on, and fails.
    assert peer.send(body(peer.file_id), 1, REPLAY) == REFUSED
    assert peer.state == (1, 0, 1)
    assert peer.send(body(peer.file_id), 1, REPLAY) == REFUSED
    assert peer.send(read(peer.file_id), 1, REPLAY) == Status.SUCCESS
    # What is no replay goes ahead; what is stale does not.
    assert peer.send(body(peer.file_id), 1) == Status.SUCCESS
    assert peer.send(body(peer.file_id), 0) == REFUSED
    assert peer.state == (1, 0, 1)
    peer.let_go()
    assert peer.state == (1, 0, 0)
    assert peer.send(body(peer.file_id), 1, REPLAY) == Status.SUCCESS


def test_samba_serves_a_newer_replay_beside_what_is_outstanding_and_fails_the_next() -> None:
    peer = Sequenced("samba")
    peer.hold_up(0)
    assert peer.send(write(peer.file_id), 1, REPLAY) == Status.SUCCESS
    assert peer.state == (1, 0, 1)
    assert peer.send(write(peer.file_id), 1, REPLAY) == REFUSED
    assert peer.send(write(peer.file_id), 2, REPLAY) == REFUSED
    assert peer.state == (1, 0, 1)


def test_a_newer_request_makes_the_outstanding_ones_earlier() -> None:
    peer = Sequenced()
    peer.hold_up(0)
    assert peer.send(write(peer.file_id), 1) == Status.SUCCESS
    assert peer.state == (1, 0, 1)
    assert peer.send(write(peer.file_id), 1, REPLAY) == REFUSED


def test_a_cancelled_request_is_no_longer_outstanding() -> None:
    peer = Sequenced()
    interim = peer.hold_up(0)
    assert peer.send(write(peer.file_id), 1) == Status.SUCCESS
    (answer,) = peer.calls(CancelRequest(), message_id=interim.header.message_id)
    assert answer.header.status == Status.CANCELLED
    assert peer.state == (1, 0, 0)
    assert peer.send(write(peer.file_id), 1, REPLAY) == Status.SUCCESS


def bound(first: Sequenced) -> FilePeer:
    """A second channel of the peer's session."""
    channel = FilePeer.__new__(FilePeer)
    super(FilePeer, channel).__init__(first.server, port=50001)
    channel.negotiate(guid=first.port.to_bytes(16, "little"))
    assert channel.setup(bind=first.keys).header.status == Status.SUCCESS
    channel.tree_id = first.tree_id
    return channel


def test_another_channel_makes_the_first_ones_numbers_stale() -> None:
    peer = Sequenced()
    other = bound(peer)
    assert other.call(write(peer.file_id), status=1).header.status == Status.SUCCESS
    assert peer.send(write(peer.file_id), 0) == REFUSED
    assert peer.send(write(peer.file_id), 1) == Status.SUCCESS


def test_what_a_lost_channel_left_is_no_longer_outstanding() -> None:
    peer = Sequenced()
    other = bound(peer)
    peer.hold_up(0)
    assert other.call(write(peer.file_id), status=1, flags=REPLAY).header.status == REFUSED
    assert peer.state == (1, 0, 1)
    peer.connection.connection_lost(Closed.RESET, NOW)
    assert peer.state == (1, 0, 0)
    assert other.call(write(peer.file_id), status=1, flags=REPLAY).header.status == Status.SUCCESS


def test_samba_keeps_what_a_lost_channel_left_until_it_ends() -> None:
    peer = Sequenced("samba")
    other = bound(peer)
    peer.hold_up(0)
    assert other.call(write(peer.file_id), status=1).header.status == Status.SUCCESS
    peer.connection.connection_lost(Closed.RESET, NOW)
    assert peer.state == (1, 0, 1)
    assert other.call(write(peer.file_id), status=1, flags=REPLAY).header.status == REFUSED
    unlocked = other.call(lock(peer.blocker, LockFlags.UNLOCK), status=1)
    assert unlocked.header.status == Status.SUCCESS
    assert peer.state == (1, 0, 0)


def test_a_request_that_waits_while_the_numbers_come_round() -> None:
    peer = Sequenced()
    folder = peer.open_at(0, "folder", create_options=CreateOptions.DIRECTORY_FILE)
    peer.file_id = folder
    watch = ChangeNotifyRequest(
        file_id=folder, output_buffer_length=1000, completion_filter=CompletionFilter.FILE_NAME
    )
    interim = peer.call(watch)
    assert interim.header.status == Status.PENDING
    for sequence in (0x7530, 0xEA60, 0):
        assert peer.send(query(folder), sequence) == Status.SUCCESS
        assert peer.state == (sequence, 0, 1)
    answers = peer.calls(create_request("folder\\new"))
    assert Command.CHANGE_NOTIFY in [answer.header.command for answer in answers]
    assert peer.state == (0, 0, 0)


def test_closing_counts_nothing_below_zero() -> None:
    peer = Sequenced()
    opened = peer.opened
    interim = peer.hold_up(0)
    assert interim.header.status == Status.PENDING
    answers = peer.calls(CloseRequest(file_id=peer.file_id), status=0)
    assert len(answers) == 2
    assert (opened.outstanding_request_count, opened.outstanding_pre_request_count) == (0, 0)
