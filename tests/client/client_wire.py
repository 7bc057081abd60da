"""A reference server's core and the client cores joined to it by in-memory transports."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from client_fake_server import counting_entropy

from smbtorture_py.auth.accounts import Account, Accounts
from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure, T
from smbtorture_py.client.logon import session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.session import Session
from smbtorture_py.client.tree import Tree, tree_connect
from smbtorture_py.server.config import ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.status import Status

START = 1_767_225_600.0
ALICE = Credentials("alice", "secret-1")


class Core(Protocol):
    def data_received(self, data: memoryview, now: float) -> None: ...
    def connection_lost(self, how: Closed, now: float) -> None: ...


@dataclass
class Pipe:
    """One end's transport; what is written waits until the wire runs."""

    wire: Wire
    peer: Core | None = None
    waiting: deque[bytes] = field(default_factory=deque)
    closed: bool = False

    def write(self, parts: Sequence[Buffer]) -> None:
        data = b"".join(parts)
        self.wire.digest.update(data)
        self.waiting.append(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Wire:
    """A reference server and the connections to it."""

    def __init__(self, **settings: object) -> None:
        self.now = START
        self.digest = hashlib.sha256()
        self.pipes: list[Pipe] = []
        accounts = Accounts(
            [Account.with_password("alice", "secret-1"), Account.with_password("bob", "secret-2")],
            anonymous_allowed=True,
        )
        shares = [
            ShareConfig("data", MemoryStorage(to_filetime(START))),
            ShareConfig("sealed", MemoryStorage(to_filetime(START)), encrypt_data=True),
        ]
        config = ServerConfig(accounts=accounts, shares=shares, **settings)  # type: ignore[arg-type]
        self.server = Server.compose(config, entropy=counting_entropy("server"), now=START)

    def connect(self, offer: NegotiateOffer | None = None, **settings: bool) -> Connection:
        connection = self.open(**settings)
        self.drive(negotiate(connection, offer))
        return connection

    def open(self, **settings: bool) -> Connection:
        mine, theirs = Pipe(self), Pipe(self)
        number = len(self.pipes)
        self.pipes += [mine, theirs]
        config = ClientConfig(client_guid=b"client-guid-16by", **settings)
        connection = Connection(config, mine, counting_entropy(f"client {number}"), lambda: self.now)
        mine.peer = self.server.accept(theirs, ("192.0.2.1", 445), ("192.0.2.9", 50000 + number), START)
        theirs.peer = connection
        return connection

    def run(self, predicate: Callable[[], bool]) -> None:
        while not predicate():
            ready = [pipe for pipe in self.pipes if pipe.waiting]
            if ready:
                self.now += 0.001
                pipe = ready[0]
                assert pipe.peer is not None
                pipe.peer.data_received(memoryview(pipe.waiting.popleft()), self.now)
                continue
            deadline = self.server.next_deadline()
            closed = [pipe for pipe in self.pipes if pipe.closed and pipe.peer is not None]
            if closed:
                peer, closed[0].peer = closed[0].peer, None
                assert peer is not None
                peer.connection_lost(Closed.FIN, self.now)
            elif deadline is not None:
                self.now = max(self.now, deadline)
                self.server.tick(self.now)
            else:
                raise AssertionError("nothing more will happen")

    def wait(self, exchange: Exchange) -> Exchange:
        self.run(lambda: exchange.done)
        return exchange

    def drive(self, procedure: Procedure[T]) -> T:
        try:
            exchange = next(procedure)
            while True:
                self.wait(exchange)
                exchange = procedure.send(None)
        except StopIteration as stop:
            value: T = stop.value
            return value

    def logon(self, connection: Connection) -> Session:
        result = self.drive(session_setup(connection, ALICE))
        assert (result.status, result.error) == (Status.SUCCESS, None)
        assert result.session is not None
        return result.session

    def tree(self, session: Session, share: str = "data") -> Tree:
        result = self.drive(tree_connect(session, share))
        assert result.tree is not None, result.status
        return result.tree
