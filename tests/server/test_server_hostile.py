"""Hostile clients: whatever they send, the server does what MS-SMB2 3.3.5.2 says, keeps no memory of it, and
serves everybody else. Random input comes from printed seeds."""

from __future__ import annotations

import gc
import random
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from file_peer import FilePeer, create_request, file_server
from server_peer import NOW, Peer, compound

from smbtorture_py.server.limits import MAX_UNNEGOTIATED
from smbtorture_py.server.server import Server
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import Body, FileId
from smbtorture_py.wire.create import CreateOptions
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.framing import Closed, FrameReader, encode_frame_header
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.message import command_of
from smbtorture_py.wire.negotiate import NegotiateRequest
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.session_setup import SessionSetupRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest
from smbtorture_py.wire.write import WriteRequest

KIB = 1024
MIB = 1024 * KIB
SEEDS = range(4)
HEADER_SIZE = 64


class Lab:
    """A server with an honest client, and hostile connections to it."""

    def __init__(self) -> None:
        self.server: Server = file_server()
        self.witness = FilePeer(self.server, port=1)
        self.file_id = self.witness.open("witness").file_id
        assert self.witness.write(self.file_id, b"intact") == Status.SUCCESS
        self._port = 1

    def hostile(self, *, logged_on: bool = False, negotiated: bool = True) -> Peer:
        self._port += 1
        if logged_on:
            return FilePeer(self.server, port=self._port)
        peer = Peer(self.server, port=self._port)
        if negotiated:
            assert peer.negotiate(guid=self._port.to_bytes(16, "little")).header.status == Status.SUCCESS
        return peer

    def end(self, peer: Peer) -> None:
        peer.connection.connection_lost(Closed.RESET, NOW)

    def check(self) -> None:
        """The honest client is served, and nothing is left of the others."""
        assert self.witness.read(self.file_id, 6) == b"intact"
        assert self.witness.request(EchoRequest()).header.status == Status.SUCCESS
        assert self.server.connection_list == [self.witness.connection]
        assert list(self.server.global_session_table) == [self.witness.keys.session_id]
        assert len(self.server.global_open_table) == 1
        assert len(self.server.global_client_table) <= 1


@pytest.fixture
def lab() -> Lab:
    return Lab()


@contextmanager
def memory_is_flat(within: int, peak: int) -> Iterator[None]:
    """Nothing but `within` bytes stays allocated, and never more than `peak` at a time."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield
        highest = tracemalloc.get_traced_memory()[1]
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert after - before <= within, f"{after - before} bytes stayed"
    assert highest - before <= peak, f"{highest - before} bytes at most"


def feed(peer: Peer, data: bytes) -> bytes:
    """Give raw bytes of the stream; return what was answered."""
    peer.connection.data_received(memoryview(data), NOW)
    answered = bytes(peer.transport.sent)
    peer.transport.sent.clear()
    return answered


def frame(data: bytes) -> bytes:
    return encode_frame_header(len(data)) + data


def statuses(answered: bytes) -> list[int]:
    """The Status of the first message in each frame."""
    return [int.from_bytes(one[8:12], "little") for one in FrameReader().feed(answered)]


def bodies(tree_id: int, file_id: FileId) -> list[tuple[int, Body]]:
    """One request of every command, with the TreeId it goes to."""
    lock = LockElement(offset=0, length=1, flags=LockFlags.UNLOCK)
    no_file = FileId(2**64 - 1, 2**64 - 1)
    of_file = {"file_id": file_id, "output_buffer_length": 4096}
    contexts = [CreateContext(b"MxAc"), CreateContext(b"QFid")]
    return [
        (0, NegotiateRequest(dialects=[0x0202, 0x0311], client_guid=bytes(16))),
        (0, SessionSetupRequest(security_buffer=b"NTLMSSP\0\1\0\0\0" + bytes(24))),
        (0, TreeConnectRequest(path="\\\\server\\files")),
        (tree_id, create_request("file", contexts=contexts)),
        (tree_id, WriteRequest(file_id=file_id, data=b"0123456789" * 10)),
        (tree_id, ReadRequest(file_id=file_id, length=100)),
        (tree_id, FlushRequest(file_id=file_id)),
        (tree_id, LockRequest(file_id=file_id, locks=[lock])),
        (tree_id, IoctlRequest(ctl_code=0x001401FC, file_id=no_file, max_output_response=4096, flags=1)),
        (tree_id, QueryDirectoryRequest(file_information_class=37, file_name="*", **of_file)),
        (tree_id, ChangeNotifyRequest(completion_filter=CompletionFilter.FILE_NAME, **of_file)),
        (tree_id, QueryInfoRequest(info_type=1, file_info_class=18, **of_file)),
        (tree_id, SetInfoRequest(info_type=1, file_info_class=20, file_id=file_id, buffer=bytes(8))),
        (tree_id, CloseRequest(file_id=FileId(9, 9))),
        (0, EchoRequest()),
        (0, CancelRequest()),
        (9, TreeDisconnectRequest()),
        (0, LogoffRequest()),
    ]


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Change a few bytes, a length, or the end."""
    changed = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        kind = rng.randrange(5)
        at = rng.randrange(len(changed)) if changed else 0
        if kind == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and len(changed) > HEADER_SIZE:
            # What follows the header is where the offsets and lengths are.
            at = rng.randrange(HEADER_SIZE, len(changed))
            changed[at : at + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\x01\0", b"\0\x80"))
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            changed += rng.randbytes(rng.randrange(40))
        elif changed:
            changed[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 63, 64, 0x7FFFFFFF, 0xFFFFFFFF)))
    return bytes(changed)


# Garbage


@pytest.mark.parametrize("seed", SEEDS)
def test_random_bytes(lab: Lab, seed: int) -> None:
    print("seed", seed)
    rng = random.Random(seed)
    for _ in range(150):
        peer = lab.hostile(negotiated=rng.random() < 0.5)
        for _ in range(5):
            noise = rng.randbytes(rng.randrange(200))
            head = rng.choice((b"", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB", b"\xffSMB", b"\xfeSMB\x40\0"))
            feed(peer, rng.choice((noise, frame(head + noise), frame(noise), bytes(4) + noise)))
        lab.end(peer)
    lab.check()


@pytest.mark.parametrize("logged_on", [False, True], ids=["stranger", "user"])
@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_requests(lab: Lab, seed: int, logged_on: bool) -> None:
    """Every command, changed at random, before and after a logon, alone and in compounds."""
    print("seed", seed)
    rng = random.Random(f"{seed} {logged_on}")
    for _ in range(12):
        peer = lab.hostile(logged_on=logged_on)
        tree_id = peer.tree_id if isinstance(peer, FilePeer) else 1
        file_id = peer.open("mine").file_id if isinstance(peer, FilePeer) else FileId(1, 1)
        session_id = peer.keys.session_id if peer.keys else 0
        for _ in range(30):
            if peer.is_closed:
                break
            pieces = []
            for tree, body in rng.choices(bodies(tree_id, file_id), k=rng.choice((1, 1, 1, 2, 4))):
                header = peer.header(command_of(body), session_id=session_id, tree_id=tree)
                piece = mutate(rng, peer.encode(header, body))
                pieces.append(piece + bytes(-len(piece) % 8))
            for index, piece in enumerate(pieces[:-1]):
                pieces[index] = piece[:20] + struct.pack("<I", len(piece)) + piece[24:]
            feed(peer, frame(b"".join(pieces)))
        lab.end(peer)
    lab.check()


def test_truncated_requests(lab: Lab) -> None:
    """Cut inside its header, a request ends the connection unanswered; cut later, it is refused
    (3.3.5.2.6)."""
    for _, body in bodies(0, FileId(1, 1)):
        if isinstance(body, CancelRequest):
            continue
        fixed = HEADER_SIZE + body.FIXED.size
        whole = lab.witness.encode(Header(command_of(body), 1, credit_charge=1), body)
        for size in {0, 1, 4, 63, HEADER_SIZE, HEADER_SIZE + 1, fixed - 1}:
            peer = lab.hostile()
            answered = feed(peer, frame(whole[:size]))
            if size < HEADER_SIZE:
                assert peer.is_closed and not answered, (body, size)
            elif isinstance(body, NegotiateRequest):
                assert peer.is_closed or statuses(answered) == [Status.INVALID_PARAMETER]
            else:
                assert statuses(answered) == [Status.INVALID_PARAMETER], (body, size)
            lab.end(peer)
    lab.check()


def test_unknown_commands_end_the_connection(lab: Lab) -> None:
    for command in (0x13, 0x14, 0x7F, 0xFFFF):
        peer = lab.hostile(logged_on=True)
        header = peer.header(command, session_id=peer.keys.session_id)
        assert not feed(peer, frame(header.encode() + b"\x04\0\0\0")) and peer.is_closed
        lab.end(peer)
    lab.check()


# Framing


@pytest.mark.parametrize("header", [b"\x01\0\0\x40", b"\xff\xff\xff\xff", b"GET ", b"\0\xff\xff\xff"])
def test_lost_framing_ends_the_connection_unbuffered(lab: Lab, header: bytes) -> None:
    for negotiated in (False, True):
        peer = lab.hostile(negotiated=negotiated)
        assert not feed(peer, header)
        assert peer.is_closed
        assert peer.connection.reader.pending <= len(header)
        feed(peer, bytes(MIB))
        assert peer.connection.reader.pending <= len(header)
        lab.end(peer)
    lab.check()


def test_oversized_messages_end_the_connection(lab: Lab) -> None:
    """68 KiB before a dialect is chosen, and for commands without bulk data; MaxTransactSize+256 after
    (3.3.5.2)."""
    echo = Header(Command.ECHO, 1, credit_charge=1).encode() + b"\x04\0\0\0"
    negotiate = Header(Command.NEGOTIATE).encode()
    for negotiated, message, length in (
        (False, negotiate, MAX_UNNEGOTIATED + 1),
        (True, echo, MAX_UNNEGOTIATED + 1),
        (True, Header(Command.WRITE, 1, credit_charge=1).encode(), 8 * MIB + 257),
    ):
        peer = lab.hostile(negotiated=negotiated)
        assert not feed(peer, frame(message.ljust(length, b"\0")))
        assert peer.is_closed
        lab.end(peer)
    peer = lab.hostile(logged_on=True)
    header = peer.header(Command.ECHO, session_id=peer.keys.session_id)
    longest = (header.encode() + b"\x04\0\0\0").ljust(MAX_UNNEGOTIATED, b"\0")
    assert feed(peer, frame(longest)) and not peer.is_closed
    lab.end(peer)
    lab.check()


def test_announced_lengths_cost_nothing(lab: Lab) -> None:
    """Strangers who announce 8 MiB and send little get no buffer for it, and are dropped in the end
    (3.3.6.3)."""
    peers = [lab.hostile() for _ in range(100)]
    with memory_is_flat(2 * MIB, 2 * MIB):
        for peer in peers:
            feed(peer, encode_frame_header(8 * MIB) + b"\xfeSMB" + bytes(KIB))
    assert not any(peer.is_closed for peer in peers)
    due = lab.server.next_deadline()
    assert due is not None
    lab.server.tick(due + 1)
    assert all(peer.is_closed for peer in peers)
    lab.check()


def test_a_stream_in_single_bytes_is_served(lab: Lab) -> None:
    peer = lab.hostile(logged_on=True)
    message = frame(peer.encode(peer.header(Command.ECHO), EchoRequest()))
    answered = b"".join(feed(peer, message[index : index + 1]) for index in range(len(message)))
    assert len(statuses(answered)) == 1
    lab.end(peer)
    lab.check()


# Numbers


def test_thousands_of_connections(lab: Lab) -> None:
    def wave(count: int) -> None:
        for number in range(count):
            peer = lab.hostile(negotiated=number % 2 == 0)
            feed(peer, b"\0\0\1")
            lab.end(peer)

    wave(50)
    with memory_is_flat(200 * KIB, 2 * MIB):
        wave(1000)
    lab.check()


def test_thousands_of_logons_that_are_never_finished(lab: Lab) -> None:
    """One connection begins sessions until it may not any more; they end with it."""
    peer = lab.hostile()
    token = b"NTLMSSP\0\1\0\0\0" + (0x62088207).to_bytes(4, "little") + bytes(24)
    seen = set()
    with memory_is_flat(8 * MIB, 16 * MIB):
        for _ in range(1500):
            if peer.is_closed:
                break
            answers = peer.requests(SessionSetupRequest(security_buffer=token), session_id=0)
            seen.update(answer.header.status for answer in answers)
    assert len(lab.server.global_session_table) <= lab.server.config.max_sessions_per_connection + 1
    assert Status.MORE_PROCESSING_REQUIRED in seen
    lab.end(peer)
    lab.check()


def test_thousands_of_opens_end_with_their_connection(lab: Lab) -> None:
    peer = lab.hostile(logged_on=True)
    for number in range(1000):
        peer.open(f"file {number}")
    assert len(lab.server.global_open_table) == 1001
    lab.end(peer)
    lab.check()


def test_pending_requests_are_bounded(lab: Lab) -> None:
    """More requests that wait than one connection may have fail with INSUFFICIENT_RESOURCES (3.3.4.2)."""
    peer = lab.hostile(logged_on=True)
    folder = peer.open("folder", create_options=CreateOptions.DIRECTORY_FILE).file_id
    found = []
    for _ in range(lab.server.config.max_async + 5):
        body = ChangeNotifyRequest(
            file_id=folder, completion_filter=CompletionFilter.FILE_NAME, output_buffer_length=100
        )
        found += [answer.header.status for answer in peer.calls(body)]
    assert found.count(Status.PENDING) == lab.server.config.max_async
    assert found.count(Status.INSUFFICIENT_RESOURCES) == 5
    lab.end(peer)
    lab.check()


# Compounds


def tiny(command: Command, count: int, message_id: int, session_id: int) -> bytes:
    """Many requests of 72 bytes in one message."""
    body = b"\x04\0\0\0" + bytes(4)
    uses_ids = command != Command.CANCEL
    return b"".join(
        Header(
            command, message_id + index * uses_ids, credit_charge=1, session_id=session_id,
            next_command=72 if index < count - 1 else 0,
        ).encode() + body
        for index in range(count)
    )  # fmt: skip


@pytest.mark.parametrize("command", [Command.ECHO, Command.CANCEL])
def test_bombs_of_tiny_requests(lab: Lab, command: Command) -> None:
    """As many as fit into 8 MiB: more than the client has credits for, or than it may send at all."""
    for logged_on in (False, True):
        peer = lab.hostile(logged_on=logged_on)
        bomb = frame(tiny(command, 8 * MIB // 72, peer.message_id, peer.keys.session_id if peer.keys else 0))
        with memory_is_flat(MIB, 48 * MIB):
            answered = feed(peer, bomb)
            lab.end(peer)
            peer = None
        assert not answered
    lab.check()


def test_a_compound_within_the_credits_is_answered(lab: Lab) -> None:
    peer = lab.hostile(logged_on=True)
    credits = peer.connection.command_sequence_window.available
    assert credits > 3
    answered = peer.send_frame(tiny(Command.ECHO, credits, peer.message_id, peer.keys.session_id))
    assert len(answered) == credits
    lab.end(peer)
    lab.check()


def test_answers_that_do_not_fit_one_message_are_split(lab: Lab) -> None:
    """No response is longer than the longest message (3.3.4.1.3), however much a compound asks for."""
    peer = lab.hostile(logged_on=True)
    file_id = peer.open("big").file_id
    assert peer.write(file_id, bytes(64 * KIB), offset=8 * MIB - 64 * KIB) == Status.SUCCESS
    peer.request(EchoRequest(), credits=2000)
    session_id = peer.keys.session_id
    requests = []
    for _ in range(4):
        header = peer.header(Command.READ, credit_charge=128, session_id=session_id, tree_id=peer.tree_id)
        requests.append((header, ReadRequest(file_id=file_id, length=8 * MIB)))
    answers = compound(peer, *requests)
    assert [answer.header.status for answer in answers] == [Status.SUCCESS] * 4
    assert [len(answer.body.data) for answer in answers] == [8 * MIB] * 4
    assert len(peer.raw_answers) == 4
    assert all(len(raw) <= 8 * MIB + 256 for raw in peer.raw_answers)
    lab.end(peer)
    lab.check()


@pytest.mark.parametrize("following", [1, 8, 63, 65, 68, 71, 72, 136, 0x7FFFFFF8, 0xFFFFFFF8, 0xFFFFFFFF])
def test_next_command_that_leads_nowhere(lab: Lab, following: int) -> None:
    """Into its own header, off the boundary, to the end, beyond it: the connection ends, nothing loops
    (3.3.5.2.6, .7)."""
    peer = lab.hostile(logged_on=True)
    first = peer.header(Command.ECHO, session_id=peer.keys.session_id, next_command=following)
    second = peer.header(Command.ECHO, session_id=peer.keys.session_id)
    body = b"\x04\0\0\0" + bytes(4)
    answered = feed(peer, frame(first.encode() + body + second.encode() + b"\x04\0\0\0"))
    if following == 72:
        assert answered and not peer.is_closed
    else:
        assert not answered and peer.is_closed
    lab.end(peer)
    lab.check()


# Contexts and credits


def test_floods_of_contexts(lab: Lab) -> None:
    """As many contexts as fit, counts that lie, chains that go in circles: answered or refused, once."""
    contexts = [NegotiateContext(0x7000 + index % 100, b"") for index in range(6000)]
    for count in (None, 0, 65535):
        peer = lab.hostile(negotiated=False)
        body = NegotiateRequest(dialects=[0x0311], client_guid=bytes(16), negotiate_contexts=contexts)
        if count is not None:
            body.negotiate_context_count = count
        answered = feed(peer, frame(peer.encode(Header(Command.NEGOTIATE), body)))
        assert peer.is_closed or statuses(answered) == [Status.INVALID_PARAMETER]
        lab.end(peer)
    peer = lab.hostile(logged_on=True)
    many = peer.call(create_request("many", contexts=[CreateContext(b"MxAc")] * 2500))
    assert many.header.status in (Status.SUCCESS, Status.INVALID_PARAMETER)
    for following in (0, 8, 16, 24, 25, 0xFFFFFFF8):
        odd = CreateContext(b"MxAc", next=following)
        answers = peer.calls(create_request(f"odd{following}", contexts=[odd, CreateContext(b"QFid")]))
        assert len(answers) == 1
    lab.end(peer)
    lab.check()


def test_credits_never_exceed_the_maximum(lab: Lab) -> None:
    peer = lab.hostile(logged_on=True)
    granted = 0
    for _ in range(50):
        granted += peer.request(EchoRequest(), credits=65535).header.credits
    window = peer.connection.command_sequence_window
    assert window.available <= lab.server.config.max_credits
    assert granted <= lab.server.config.max_credits + 50
    lab.end(peer)
    lab.check()


def test_the_window_stays_short_while_its_lowest_id_is_held_back(lab: Lab) -> None:
    """A client that never uses its lowest MessageId makes the server remember the others: only so many
    (3.3.1.1)."""
    peer = lab.hostile(logged_on=True)
    peer.request(EchoRequest(), credits=65535)
    peer.message_id += 1
    with memory_is_flat(4 * MIB, 8 * MIB):
        for _ in range(3000):
            if not peer.connection.command_sequence_window.holds(peer.message_id, 1):
                break
            assert len(peer.requests(EchoRequest(), credits=65535)) == 1
    window = peer.connection.command_sequence_window
    assert window.span <= 2 * lab.server.config.max_credits
    lab.end(peer)
    lab.check()


@pytest.mark.parametrize(
    ("message_id", "charge"),
    [
        (lambda next_id: next_id - 1, 1),
        (lambda _: 0, 1),
        (lambda next_id: next_id, 65535),
        (lambda _: 2**64 - 1, 1),
    ],
    ids=["used", "first", "charge", "last"],
)  # fmt: skip
def test_message_ids_outside_the_window_end_the_connection(
    lab: Lab, message_id: Callable[[int], int], charge: int
) -> None:
    """3.3.5.2.3."""
    peer = lab.hostile(logged_on=True)
    header = Header(
        Command.ECHO, message_id(peer.message_id), credit_charge=charge, session_id=peer.keys.session_id
    )
    assert not feed(peer, frame(header.encode() + b"\x04\0\0\0"))
    assert peer.is_closed
    lab.end(peer)
    lab.check()


def test_sealed_garbage_ends_the_connection(lab: Lab) -> None:
    """A transform header without a session, of a strange session, or over noise (3.3.5.2.1.1)."""
    rng = random.Random(3)
    for session_id in (0, 1, lab.witness.keys.session_id, 2**64 - 1):
        for size in (0, 1, 64, 5000):
            peer = lab.hostile(logged_on=True)
            if session_id == 1:
                session_id = peer.keys.session_id
            head = b"\xfdSMB" + rng.randbytes(32) + struct.pack("<IHHQ", size, 0, 1, session_id)
            assert not feed(peer, frame(head + rng.randbytes(size)))
            assert peer.is_closed
            lab.end(peer)
    lab.check()


def test_flags_in_every_combination(lab: Lab) -> None:
    """An ECHO with any header flags is answered, refused or ends the connection, and nothing else happens."""
    for flags in (1 << bit for bit in range(32)):
        peer = lab.hostile(logged_on=True)
        header = peer.header(Command.ECHO, session_id=peer.keys.session_id, flags=HeaderFlags(flags))
        answered = feed(peer, frame(header.encode() + b"\x04\0\0\0"))
        assert peer.is_closed or len(statuses(answered)) == 1, hex(flags)
        lab.end(peer)
    lab.check()
