"""The project's own client against the server, through an in-memory pair: it verifies every response as a
client must."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import TypeVar

import pytest
from server_peer import ALICE, GUID, NOW, make_server

from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection, Submission
from smbtorture_py.client.exchange import Procedure
from smbtorture_py.client.fsctl import query_network_interfaces, validate_negotiate
from smbtorture_py.client.logon import bind, reauthenticate, session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.tree import tree_connect
from smbtorture_py.net.entropy import seeded
from smbtorture_py.server.config import Encryption, NetworkInterface, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.codec import FILE_ID_ANY, Buffer
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateRequest
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.status import Status

T = TypeVar("T")
DIALECTS = (Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)
INTERFACES = [NetworkInterface(1, IPv4Address("127.0.0.1"))]


class Pipe:
    """One direction of the pair."""

    def __init__(self, queue: deque[tuple[Pipe, bytes]]) -> None:
        self.queue = queue
        self.core: object = None
        self.closed = False

    def write(self, parts: Sequence[Buffer]) -> None:
        self.queue.append((self, b"".join(bytes(part) for part in parts)))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Pair:
    """A client's connections to one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.queue: deque[tuple[Pipe, bytes]] = deque()
        self.clients: list[Connection] = []

    def connect(self) -> Connection:
        to_server, to_client = Pipe(self.queue), Pipe(self.queue)
        port = 50000 + len(self.clients)
        client = Connection(
            ClientConfig(client_guid=GUID), to_server, seeded(1, "client", str(port)), lambda: NOW
        )
        to_client.core = client
        to_server.core = self.server.accept(to_client, ("127.0.0.1", 445), ("127.0.0.1", port), NOW)
        self.clients.append(client)
        return client

    def run(self, procedure: Procedure[T]) -> T:
        try:
            exchange = next(procedure)
            while True:
                while self.queue and not exchange.done:
                    pipe, data = self.queue.popleft()
                    pipe.core.data_received(memoryview(data), NOW)  # type: ignore[attr-defined]
                assert exchange.done, "the server does not answer"
                exchange = procedure.send(exchange)
        except StopIteration as stop:
            return stop.value

    def assert_clean(self) -> None:
        for client in self.clients:
            assert not client.violations, client.violations


REQUIRED = [(dialect, Encryption.REQUIRED) for dialect in DIALECTS if dialect >= Dialect.SMB_3_0]


@pytest.mark.parametrize(
    ("dialect", "encryption"), [*((dialect, Encryption.ENABLED) for dialect in DIALECTS), *REQUIRED]
)
def test_the_client_finds_nothing_wrong(dialect: Dialect, encryption: Encryption) -> None:
    pair = Pair(make_server(encryption=encryption, interfaces=INTERFACES))
    first = pair.connect()
    pair.run(negotiate(first, NegotiateOffer(dialects=(dialect,))))
    logon = pair.run(session_setup(first, ALICE))
    assert logon.status == Status.SUCCESS
    assert logon.session is not None
    connected = pair.run(tree_connect(logon.session, "sealed" if dialect >= Dialect.SMB_3_0 else "data"))
    assert connected.status == Status.SUCCESS
    if dialect >= Dialect.SMB_3_0:
        assert connected.tree is not None
        listed = pair.run(query_network_interfaces(connected.tree))
        assert [entry.address for entry in listed.interfaces] == [IPv4Address("127.0.0.1")]
        second = pair.connect()
        pair.run(negotiate(second, NegotiateOffer(dialects=(dialect,))))
        assert pair.run(bind(logon.session, second)).status == Status.SUCCESS
        assert pair.run(tree_connect(logon.session, "data")).status == Status.SUCCESS
        assert pair.run(reauthenticate(logon.session, connection=second)).status == Status.SUCCESS
        assert pair.run(tree_connect(logon.session, "data", connection=second)).status == Status.SUCCESS
        pair.server.connection_list[0].connection_lost(Closed.RESET, NOW)
        assert pair.run(tree_connect(logon.session, "data", connection=second)).status == Status.SUCCESS
        if dialect < Dialect.SMB_3_1_1:
            plain = pair.run(tree_connect(logon.session, "data", connection=second))
            assert plain.tree is not None
            assert pair.run(validate_negotiate(plain.tree, connection=second)).status == Status.SUCCESS
    pair.assert_clean()


@pytest.mark.parametrize("cipher", [cipher for cipher in Cipher if cipher is not Cipher.NONE])
@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_every_cipher_and_algorithm_over_two_channels(cipher: Cipher, algorithm: SigningAlgorithm) -> None:
    pair = Pair(make_server())
    offer = NegotiateOffer(ciphers=(cipher,), signing_algorithms=(algorithm,))
    first, second = pair.connect(), pair.connect()
    pair.run(negotiate(first, offer))
    pair.run(negotiate(second, offer))
    session = pair.run(session_setup(first, ALICE)).session
    assert session is not None
    assert pair.run(bind(session, second)).status == Status.SUCCESS
    for connection in (first, second):
        assert pair.run(tree_connect(session, "data", connection=connection)).status == Status.SUCCESS
        assert (
            pair.run(tree_connect(session, "data", connection=connection, encrypt=True)).status
            == Status.SUCCESS
        )
    pair.assert_clean()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_members_of_a_chain_that_inherit_a_failure_are_signed_too(dialect: Dialect) -> None:
    pair = Pair(make_server(shares=[ShareConfig("data", storage=MemoryStorage(to_filetime(NOW)))]))
    client = pair.connect()
    pair.run(negotiate(client, NegotiateOffer(dialects=(dialect,))))
    session = pair.run(session_setup(client, ALICE)).session
    assert session is not None
    tree = pair.run(tree_connect(session, "data")).tree
    chain = client.submit_compound(
        [
            Submission(
                body=CreateRequest(
                    name="missing",
                    desired_access=AccessMask.GENERIC_READ,
                    create_disposition=CreateDisposition.OPEN,
                ),
                session=session, tree=tree, sign=True,
            ),
            Submission(body=QueryInfoRequest(file_id=FILE_ID_ANY), session=session, tree=tree, sign=True),
        ],
        related=True,
    )  # fmt: skip

    def wait() -> Procedure[None]:
        yield chain[-1]

    pair.run(wait())
    assert [exchange.status for exchange in chain] == [Status.OBJECT_NAME_NOT_FOUND] * 2
    pair.assert_clean()
