"""Hostile servers: whatever comes, the client core raises nothing, ends every operation, and records what was
wrong. Random input comes from printed seeds."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

import pytest
from test_client_server import ALICE, Wire

from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure, T
from smbtorture_py.client.fsctl import query_network_interfaces, validate_negotiate
from smbtorture_py.client.logon import bind, reauthenticate, session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.tree import create, tree_connect
from smbtorture_py.client.violation import Rule
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.create import CreateOptions
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.framing import Closed, encode_frame_header
from smbtorture_py.wire.negotiate import Dialect

HEADER_SIZE = 64
SEEDS = range(6)


def mutate(rng: random.Random, message: bytes) -> bytes:
    """Change a few bytes, a length, or the end of one message."""
    changed = bytearray(message)
    for _ in range(rng.randrange(1, 4)):
        kind = rng.randrange(5)
        at = rng.randrange(len(changed)) if changed else 0
        if kind == 0 and changed:
            changed[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and len(changed) > HEADER_SIZE:
            at = rng.randrange(HEADER_SIZE, len(changed))
            changed[at : at + 2] = rng.choice((b"\xff\xff", b"\0\0", b"\x01\0", b"\0\x80"))
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            changed += rng.randbytes(rng.randrange(40))
        elif len(changed) > HEADER_SIZE:
            at = rng.choice((4, 8, 12, 14, 16, 20, 24, 36, 40))
            changed[at : at + 4] = struct.pack("<I", rng.choice((0, 1, 64, 0x103, 0xC0000016, 0xFFFFFFFF)))
    return bytes(changed)


class Liar:
    """Stands between the server and its transport and spoils some of what the server says."""

    def __init__(self, wire: Wire, rng: random.Random, chance: float) -> None:
        self._pipe = wire.pipes[-1]
        self._rng = rng
        self._chance = chance
        self._write = self._pipe.write
        self._pipe.write = self.write  # type: ignore[method-assign]

    def write(self, parts: Sequence[Buffer]) -> None:
        rng, message = self._rng, b"".join(parts)[4:]
        if rng.random() < self._chance:
            message = mutate(rng, message)
        frames = [message]
        if rng.random() < self._chance / 2:
            head = rng.choice((b"\xfeSMB\x40\0", b"\xfdSMB", b"\xfcSMB", b"\xffSMB", b"", b"HTTP/1.1 400"))
            frames.insert(rng.randrange(2), head + rng.randbytes(rng.randrange(120)))
        if rng.random() < self._chance / 4:
            frames.append(message)
        data = b"".join(encode_frame_header(len(one)) + one for one in frames)
        if rng.random() < self._chance / 20:
            data = data[rng.randrange(1, 5) :]
        self._write([data])


class Hostile(Wire):
    """A wire whose operations end whatever happens: what nobody answers is lost with its connection."""

    def wait(self, exchange: Exchange) -> Exchange:
        connection = exchange.connection
        for _ in range(200):
            if exchange.done:
                return exchange
            ready = next((pipe for pipe in self.pipes if pipe.waiting and pipe.peer is not None), None)
            if ready is None or ready.peer is None:
                break
            self.now += 0.001
            ready.peer.data_received(memoryview(ready.waiting.popleft()), self.now)
        connection.close()
        assert exchange.done
        return exchange

    def drive(self, procedure: Procedure[T]) -> T:
        for _ in range(100):
            try:
                self.wait(next(procedure))
            except StopIteration as stop:
                value: T = stop.value
                return value
        raise AssertionError("an operation does not end")


def use(wire: Hostile, connection: Connection, offer: NegotiateOffer) -> None:
    """Do a bit of everything, as far as the answers allow."""
    wire.drive(negotiate(connection, offer))
    session = wire.drive(session_setup(connection, ALICE)).session
    if session is None:
        return
    tree = wire.drive(tree_connect(session, "data")).tree
    if tree is None:
        return
    if connection.dialect < Dialect.SMB_3_1_1:  # a server of 3.1.1 ends the connection instead
        wire.drive(validate_negotiate(tree))
    wire.drive(query_network_interfaces(tree))
    other = wire.open()
    wire.drive(negotiate(other, offer))
    wire.drive(bind(session, other))
    wire.drive(reauthenticate(session))
    contexts = [CreateContext(b"MxAc"), CreateContext(b"QFid")]
    opened = wire.drive(create(tree, "file", contexts=contexts)).open
    if opened is not None:
        for exchange in (
            opened.write(0, bytes(1000)), opened.read(0, 1000), opened.query_info(1, 18), opened.flush(),
            opened.close(),
        ):  # fmt: skip
            wire.wait(exchange)
    folder = wire.drive(create(tree, "folder", create_options=CreateOptions.DIRECTORY_FILE)).open
    if folder is not None:
        wire.wait(folder.query_directory())
        notify = folder.change_notify(CompletionFilter.FILE_NAME)
        cancel = connection.cancel(notify)
        assert cancel.done
        wire.wait(notify)
    wire.wait(tree.disconnect())
    wire.wait(session.logoff())


@pytest.mark.parametrize("dialect", [Dialect.SMB_2_0_2, Dialect.SMB_3_0, Dialect.SMB_3_1_1], ids=hex)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_server_that_lies_now_and_then(seed: int, dialect: int) -> None:
    print("seed", seed)
    rng = random.Random(f"{seed} {dialect}")
    recorded = 0
    for _ in range(25):
        wire = Hostile()
        connection = wire.open(require_message_signing=rng.random() < 0.5)
        Liar(wire, rng, rng.choice((0.1, 0.3, 1.0)))
        use(wire, connection, NegotiateOffer(dialects=[dialect]))
        recorded += len(connection.violations)
        connection.close()
        assert not connection.outstanding_requests
    assert recorded > 0


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_1_1], ids=hex)
def test_an_honest_server_through_the_same_wire(dialect: int) -> None:
    """The control: without lies nothing is recorded."""
    wire = Hostile()
    connection = wire.open(require_message_signing=True)
    use(wire, connection, NegotiateOffer(dialects=[dialect]))
    assert connection.violations == []
    assert connection.lost is None


@pytest.mark.parametrize("seed", SEEDS)
def test_noise(seed: int) -> None:
    """Random bytes as a stream, and random frames of every protocol id, before and after a logon."""
    print("seed", seed)
    rng = random.Random(seed)
    for logged_on in (False, True):
        for _ in range(60):
            wire = Hostile()
            connection = wire.connect() if logged_on else wire.open()
            if logged_on:
                wire.logon(connection)
            for _ in range(10):
                noise = rng.randbytes(rng.randrange(300))
                head = rng.choice((b"\xfeSMB\x40\0", b"\xfdSMB", b"\xfcSMB", b"\xffSMB", b""))
                if rng.random() < 0.9:
                    noise = encode_frame_header(len(head + noise)) + head + noise
                connection.data_received(memoryview(noise), wire.now)
            assert connection.violations
            connection.connection_lost(Closed.RESET, wire.now)


@pytest.mark.parametrize(
    "stream", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", b"\x15\x03\x01\0\x02\x02\x46"]
)
def test_other_protocols_lose_the_framing(stream: bytes) -> None:
    wire = Hostile()
    connection = wire.open()
    exchange = next(negotiate(connection))
    connection.data_received(memoryview(stream), wire.now)
    assert connection.lost is Closed.FRAMING
    assert exchange.lost is Closed.FRAMING
    assert [violation.rule for violation in connection.violations] == [Rule.PROTOCOL_ID]
