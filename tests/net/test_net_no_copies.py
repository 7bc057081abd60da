"""A READ or WRITE of 1 MiB makes no copy that can be avoided, anywhere from the socket to the application.

Proven by structure, not by time: what is handed on is the same memory (a view of it), and what is allocated
stays below a bound that one more copy would exceed.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from smbtorture_py.auth.accounts import Account, Accounts
from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure, T
from smbtorture_py.client.logon import session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.open import Open
from smbtorture_py.client.session import Session
from smbtorture_py.client.tree import create, tree_connect
from smbtorture_py.crypto.encryption import Decryptor, Encryptor, key_size
from smbtorture_py.net.core import Address
from smbtorture_py.net.event_loop import RECEIVE_SIZE
from smbtorture_py.net.link import Link
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.net.tcp import TcpEndpoint
from smbtorture_py.server.config import ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.storage.sparse import SparseStream
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.framing import FrameReader, encode_frame_header
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.read import ReadResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

MIB = 1 << 20
SMALL = 64 * 1024 + 2 * RECEIVE_SIZE
"""Bytes for everything but bulk data: headers, the loop's own reads, objects, the growth of tables."""
PATIENCE = 30.0


@contextmanager
def allocating_at_most(limit: int) -> Iterator[None]:
    """Fail where more than `limit` bytes are allocated at a time; a warm-up has to go before."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        yield
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak <= limit, f"{peak / MIB:.2f} MiB, more than {limit / MIB:.2f}"


def lies_in(part: Buffer, whole: Buffer) -> bool:
    """Tell whether `part` is memory of `whole`."""
    return memoryview(part).obj is memoryview(whole).obj


# Framing and cryptography


def test_a_frame_received_into_room_is_not_copied() -> None:
    reader = FrameReader(ahead=2 * MIB)
    assert not list(reader.feed(encode_frame_header(MIB) + b"head"))
    room = reader.room()
    assert room is not None
    assert len(room) == MIB - 4
    with allocating_at_most(4096):
        frames = list(reader.feed(room))
    assert lies_in(frames[0], room)
    assert bytes(frames[0][:4]) == b"head"
    assert reader.room() is None


def test_a_frame_in_pieces_is_copied_once() -> None:
    frame = encode_frame_header(MIB) + bytes(MIB)
    pieces = [memoryview(bytearray(frame[at : at + 65536])) for at in range(0, len(frame), 65536)]
    reader = FrameReader(ahead=2 * MIB)
    with allocating_at_most(MIB + 8192):
        frames = [whole for piece in pieces for whole in reader.feed(piece)]
    assert [len(whole) for whole in frames] == [MIB]


def test_without_leave_memory_grows_with_what_arrived() -> None:
    reader = FrameReader()
    with allocating_at_most(4096):
        assert not list(reader.feed(encode_frame_header(8 * MIB) + b"x"))
    assert reader.room() is None


@pytest.mark.parametrize("cipher", [one for one in Cipher if one is not Cipher.NONE])
def test_sealing_and_opening_make_one_buffer(cipher: Cipher) -> None:
    """The ciphertext when sealing, the plain text when opening, and nothing between."""
    plain, key = bytes(MIB), bytes(key_size(cipher))
    encryptor, decryptor = Encryptor(cipher, key), Decryptor(cipher, key)
    encryptor.seal([b"warm up"], 1, b"n" * encryptor.nonce_size)
    with allocating_at_most(MIB + 16384):
        sealed = encryptor.seal([b"header", memoryview(plain)], 1, b"n" * encryptor.nonce_size)
    with allocating_at_most(MIB + 16384):
        assert decryptor.open(memoryview(sealed)) is not None


# The whole way, over real sockets


@dataclass
class Spy:
    """Stands where a core's transport is and keeps what is written."""

    inner: Link[Connection] | object
    written: list[Sequence[Buffer]] = field(default_factory=list)

    def write(self, parts: Sequence[Buffer]) -> None:
        self.written.append(list(parts))
        self.inner.write(parts)  # type: ignore[attr-defined]

    def close(self) -> None:
        self.inner.close()  # type: ignore[attr-defined]

    def abort(self) -> None:
        self.inner.abort()  # type: ignore[attr-defined]


class Stack:
    """Client and server of this project in one process, over loopback TCP."""

    def __init__(self, *, encrypted: bool, algorithm: SigningAlgorithm = SigningAlgorithm.AES_GMAC) -> None:
        self.world = RealWorld(1)
        accounts = Accounts([Account.with_password("alice", "secret")])
        storage = MemoryStorage(to_filetime(self.world.now))
        config = ServerConfig(accounts=accounts, shares=[ShareConfig("data", storage)])
        self.server = Server.compose(config, entropy=self.world.entropy("server"), now=self.world.now)
        listener = self.world.listen(Address("127.0.0.1", 0), self.server)
        settings = ClientConfig(client_guid=bytes(16), require_message_signing=not encrypted)
        self.spies: list[Spy] = []

        def factory(transport: object, _now: float) -> Connection:
            self.spies.append(Spy(transport))
            return Connection(settings, self.spies[-1], self.world.entropy("client"), lambda: self.world.now)

        self.connection = self.world.connect(listener.address, factory).core
        self.run(negotiate(self.connection, NegotiateOffer(signing_algorithms=[algorithm])))
        session = self.run(session_setup(self.connection, Credentials("alice", "secret"))).session
        assert session is not None
        self.session: Session = session
        session.encrypt_data = encrypted
        tree = self.run(tree_connect(session, "data")).tree
        assert tree is not None
        opened = self.run(create(tree, "file")).open
        assert opened is not None
        self.open: Open = opened

    def wait(self, exchange: Exchange) -> Exchange:
        assert self.world.run_until(lambda: exchange.done, self.world.now + PATIENCE)
        assert not self.connection.violations
        return exchange

    def run(self, procedure: Procedure[T]) -> T:
        try:
            while True:
                self.wait(next(procedure))
        except StopIteration as stop:
            value: T = stop.value
            return value


@pytest.fixture(params=["signed", "encrypted"])
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    made = Stack(encrypted=request.param == "encrypted")
    data = bytes(MIB)
    for _ in range(2):
        made.wait(made.open.write(0, data))
        made.wait(made.open.read(0, MIB))
    yield made
    made.world.close()


def test_a_write_hands_its_buffer_to_the_transport(stack: Stack) -> None:
    """Signed, the application's own buffer is what sendmsg is given; encrypted, one sealed buffer is."""
    data = bytearray(MIB)
    stack.spies[0].written.clear()
    assert stack.wait(stack.open.write(0, data)).status == Status.SUCCESS
    (parts,) = stack.spies[0].written
    if stack.session.encrypt_data:
        assert len(parts) == 2
        assert isinstance(parts[1], bytearray)
    else:
        assert any(lies_in(part, data) for part in parts)
        assert sum(map(len, parts)) - MIB < 200


def test_a_write_allocates_what_is_received_and_what_is_sealed(stack: Stack) -> None:
    """Signed: the server's frame. Encrypted: the client's sealed message, the server's frame and plain text.
    The stream in memory has its space already."""
    data = bytes(MIB)
    with allocating_at_most((3 if stack.session.encrypt_data else 1) * MIB + SMALL):
        stack.wait(stack.open.write(0, data))


def test_a_read_allocates_what_is_read_sealed_and_received(stack: Stack) -> None:
    """Signed: the server's copy out of the stream and the client's frame. Encrypted: the sealed message too;
    when the client opens it, the server's copy is gone."""
    with allocating_at_most((3 if stack.session.encrypt_data else 2) * MIB + SMALL):
        stack.wait(stack.open.read(0, MIB))


def test_what_the_storage_gives_is_what_is_sent_or_sealed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Buffer] = []
    handed_on: list[Buffer] = []
    read, write, seal = SparseStream.read, TcpEndpoint.write, Encryptor.seal

    def reading(self: SparseStream, offset: int, length: int) -> Buffer:
        given.append(read(self, offset, length))
        return given[-1]

    def writing(self: TcpEndpoint, parts: Sequence[Buffer]) -> None:
        handed_on.extend(parts)
        write(self, parts)

    def sealing(self: Encryptor, parts: Sequence[Buffer], *rest: object) -> bytearray:
        handed_on.extend(parts)
        return seal(self, parts, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(SparseStream, "read", reading)
    monkeypatch.setattr(Encryptor, "seal", sealing)
    monkeypatch.setattr(TcpEndpoint, "write", writing)
    stack.wait(stack.open.read(0, MIB))
    assert len(given) == 1
    assert any(part is given[0] for part in handed_on)


def test_the_data_of_a_read_is_memory_of_the_received_frame(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames: list[memoryview] = []
    opened: list[memoryview] = []
    take, open_ = FrameReader._take, Decryptor.open

    def taking(self: FrameReader) -> memoryview:
        frames.append(take(self))
        return frames[-1]

    def opening(self: Decryptor, frame: Buffer) -> memoryview | None:
        plain = open_(self, frame)
        assert plain is not None
        opened.append(plain)
        return plain

    monkeypatch.setattr(FrameReader, "_take", taking)
    monkeypatch.setattr(Decryptor, "open", opening)
    body = stack.wait(stack.open.read(0, MIB)).body(ReadResponse)
    assert body is not None
    assert isinstance(body.data, memoryview)
    assert len(body.data) == MIB
    assert any(lies_in(body.data, whole) for whole in (opened if stack.session.encrypt_data else frames))


def test_the_data_of_a_write_reaches_the_storage_as_memory_of_the_frame(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[Buffer] = []
    decode = WriteRequest.decode.__func__  # type: ignore[attr-defined]

    def decoding(cls: type[WriteRequest], data: memoryview, findings: list[object]) -> WriteRequest | None:
        body = decode(cls, data, findings)
        assert isinstance(body, WriteRequest)
        assert lies_in(body.data, data)
        received.append(body.data)
        return body

    monkeypatch.setattr(WriteRequest, "decode", classmethod(decoding))
    stored = _stream_writes(monkeypatch)
    stack.wait(stack.open.write(0, bytes(MIB)))
    assert len(received) == len(stored) == 1
    assert stored[0] is received[0]


def _stream_writes(monkeypatch: pytest.MonkeyPatch) -> list[Buffer]:
    stored: list[Buffer] = []
    write: Callable[[SparseStream, int, Buffer], None] = SparseStream.write

    def writing(self: SparseStream, offset: int, data: Buffer) -> None:
        stored.append(data)
        write(self, offset, data)

    monkeypatch.setattr(SparseStream, "write", writing)
    return stored
