"""Sequential reads over one channel from a private smbd: this client and smbprotocol, in turns.

Run `python benchmarks/bench_read.py` as root, with smbd and the package smbprotocol installed. Both read the
same file in pieces of 1 MiB with the same dialect and protection, and every piece is checked by the number it
begins with. This client keeps several requests under way. smbprotocol is measured twice: as its file objects
read, one request after the other, and with as many requests under way, which takes code of one's own. What
counts is the best of the rounds: what else the machine does only slows down. Nobody is faster than smbd's own
cryptography.
"""

from __future__ import annotations

import argparse
import os
import struct
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from smbprotocol import connection as peer_connection
from smbprotocol import open as peer_open
from smbprotocol import session as peer_session
from smbprotocol import tree as peer_tree

from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure, T
from smbtorture_py.client.logon import LogonOptions, session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.open import Open
from smbtorture_py.client.tree import create, tree_connect
from smbtorture_py.conformance.target import Account, ShareRole, Target
from smbtorture_py.net.reactor import RealWorld
from smbtorture_py.targets.model import SambaModel
from smbtorture_py.targets.samba import PrivateSamba
from smbtorture_py.wire.create import AccessMask, CreateDisposition
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.read import ReadResponse
from smbtorture_py.wire.status import Status

PIECE = 1 << 20
DEPTH = 16
CREDITS_OF_A_PIECE = PIECE // 65536
NUMBER = struct.Struct("<Q")
FILE = "big.bin"
PATIENCE = 60.0


@dataclass(frozen=True)
class Protection:
    """How both sides protect what they send."""

    name: str
    cipher: Cipher | None = None
    algorithm: SigningAlgorithm | None = None
    dialect: Dialect = Dialect.SMB_3_1_1

    @property
    def signs(self) -> bool:
        """Whether every message is signed."""
        return self.algorithm is not None


PROTECTIONS = (
    # Over 3.0.2, because smbprotocol does not sign the TREE_CONNECT that 3.1.1 wants signed.
    Protection("neither signed nor encrypted", dialect=Dialect.SMB_3_0_2),
    Protection("signed, AES-128-GMAC", algorithm=SigningAlgorithm.AES_GMAC),
    Protection("signed, AES-128-CMAC", algorithm=SigningAlgorithm.AES_CMAC),
    Protection("encrypted, AES-128-GCM", cipher=Cipher.AES_128_GCM),
    Protection("encrypted, AES-128-CCM", cipher=Cipher.AES_128_CCM),
)


class Ours:
    """This project's client, on one connection."""

    def __init__(self, target: Target, protection: Protection) -> None:
        self._world = RealWorld(1)
        config = ClientConfig(
            client_guid=uuid.uuid4().bytes,
            server_name=target.server_name,
            require_message_signing=protection.signs,
        )
        self._connection = self._world.connect(
            target.addresses[0],
            lambda transport, _now: Connection(
                config, transport, self._world.entropy("client"), lambda: self._world.now
            ),
        ).core
        offer = NegotiateOffer(dialects=(protection.dialect,))
        if protection.cipher is not None:
            offer.ciphers = (protection.cipher,)
        if protection.algorithm is not None:
            offer.signing_algorithms = (protection.algorithm,)
        self._run(negotiate(self._connection, offer))
        assert target.user is not None
        credentials = Credentials(target.user.user, target.user.password)
        session = self._run(session_setup(self._connection, credentials, LogonOptions())).session
        assert session is not None
        session.encrypt_data = protection.cipher is not None
        tree = self._run(tree_connect(session, target.shares[ShareRole.PLAIN])).tree
        assert tree is not None
        self._tree = tree

    def _run(self, procedure: Procedure[T]) -> T:
        """Run an operation of several exchanges to its end."""
        try:
            exchange = next(procedure)
            while True:
                self._finish(exchange)
                exchange = procedure.send(None)
        except StopIteration as stop:
            return stop.value

    def _finish(self, exchange: Exchange) -> Exchange:
        if not self._world.run_until(lambda: exchange.done, self._world.now + PATIENCE) or exchange.lost:
            raise SystemExit(f"no answer to {exchange.request.header.command!r}")
        return exchange

    def _open(self, access: AccessMask, disposition: CreateDisposition) -> Open:
        request = create(self._tree, FILE, desired_access=access, create_disposition=disposition)
        opened = self._run(request).open
        assert opened is not None
        return opened

    def fill(self, pieces: int) -> None:
        """Write the file."""
        opened = self._open(AccessMask.GENERIC_WRITE, CreateDisposition.OVERWRITE_IF)
        body = os.urandom(PIECE - NUMBER.size)
        for number in range(pieces):
            done = self._finish(opened.write(number * PIECE, NUMBER.pack(number) + body))
            assert done.status == Status.SUCCESS, done.status
        self._finish(opened.close())

    def read(self, pieces: int) -> None:
        """Read the file from beginning to end."""
        opened = self._open(AccessMask.GENERIC_READ, CreateDisposition.OPEN)
        under_way: deque[Exchange] = deque()
        asked = 0
        for number in range(pieces):
            while asked < pieces and len(under_way) < DEPTH:
                under_way.append(opened.read(asked * PIECE, PIECE))
                asked += 1
            answer = self._finish(under_way.popleft())
            assert answer.response is not None and not answer.violations, answer.violations
            body = answer.response.body
            assert isinstance(body, ReadResponse)
            check(number, body.data)
        self._finish(opened.close())

    def close(self) -> None:
        """End the connection."""
        self._world.close()


class Theirs:
    """smbprotocol's client, on one connection."""

    def __init__(self, target: Target, account: Account, protection: Protection) -> None:
        host, port = target.addresses[0]
        self._connection = peer_connection.Connection(
            uuid.uuid4(), host, port, require_signing=protection.signs
        )
        ciphers = [protection.cipher] if protection.cipher is not None else None
        algorithms = [protection.algorithm] if protection.algorithm is not None else None
        self._connection.connect(
            int(protection.dialect),
            preferred_encryption_algos=ciphers,
            preferred_signing_algos=algorithms,
        )
        self._session = peer_session.Session(
            self._connection, account.user, account.password, require_encryption=protection.cipher is not None
        )
        self._session.connect()
        self._tree = peer_tree.TreeConnect(self._session, rf"\\{host}\{target.shares[ShareRole.PLAIN]}")
        self._tree.connect()
        # It asks for no more credits than it uses; without these it could only have one READ under way.
        self._connection.echo(self._session.session_id, credit_request=CREDITS_OF_A_PIECE * (DEPTH + 1))

    def read(self, pieces: int) -> None:
        """Read the file as smbprotocol's file objects do."""
        opened = self._open()
        for number in range(pieces):
            check(number, opened.read(number * PIECE, PIECE))
        opened.close()

    def read_ahead(self, pieces: int) -> None:
        """Read the file with several requests under way."""
        opened = self._open()
        under_way: deque[Callable[[], bytes]] = deque()
        asked = 0
        for number in range(pieces):
            while asked < pieces and len(under_way) < DEPTH:
                under_way.append(self._ask(opened, asked * PIECE))
                asked += 1
            check(number, under_way.popleft()())
        opened.close()

    def _open(self) -> peer_open.Open:
        opened = peer_open.Open(self._tree, FILE)
        opened.create(
            peer_open.ImpersonationLevel.Impersonation,
            peer_open.FilePipePrinterAccessMask.GENERIC_READ,
            peer_open.FileAttributes.FILE_ATTRIBUTE_NORMAL,
            peer_open.ShareAccess.FILE_SHARE_READ,
            peer_open.CreateDisposition.FILE_OPEN,
            peer_open.CreateOptions.FILE_NON_DIRECTORY_FILE,
        )
        return opened

    def _ask(self, opened: peer_open.Open, offset: int) -> Callable[[], bytes]:
        """Send one READ; the result waits for its answer."""
        message, take = opened.read(offset, PIECE, send=False)
        request = self._connection.send(
            message, self._session.session_id, self._tree.tree_connect_id, credit_request=CREDITS_OF_A_PIECE
        )
        return lambda: take(request)

    def close(self) -> None:
        """End the connection."""
        self._connection.disconnect(True)


def check(number: int, data: bytes | bytearray | memoryview) -> None:
    """Stop where a piece is not the one that was asked for."""
    if len(data) != PIECE or NUMBER.unpack_from(data)[0] != number:
        raise SystemExit(f"piece {number} came back wrong")


@contextmanager
def private_samba() -> Iterator[Target]:
    """Give a smbd of our own."""
    samba = PrivateSamba("benchmark", SambaModel(kind="samba", addresses=("127.0.0.1",)))
    try:
        yield samba.start()
    finally:
        samba.stop()


def speed(read: Callable[[int], None], pieces: int) -> float:
    """Return MiB in a second of wall time."""
    begin = time.monotonic()
    read(pieces)
    return pieces / (time.monotonic() - begin)


def compare(target: Target, protection: Protection, pieces: int, rounds: int) -> None:
    """Measure both in turns and print one line."""
    assert target.user is not None
    ours, theirs = Ours(target, protection), Theirs(target, target.user, protection)
    try:
        measured: list[list[float]] = []
        for _ in range(rounds):
            readers = (ours.read, theirs.read, theirs.read_ahead)
            measured.append([speed(read, pieces) for read in readers])
    finally:
        ours.close()
        theirs.close()
    mine, plain, ahead = (max(column) for column in zip(*measured, strict=True))
    figures = f"{mine:9.0f} {plain:12.0f} {mine / plain:6.1f} {ahead:12.0f} {mine / ahead:6.1f}"
    print(f"{protection.name:29} {figures}", flush=True)


def main() -> None:
    """Measure every protection."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mebibytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    with private_samba() as target:
        writer = Ours(target, PROTECTIONS[1])
        writer.fill(options.mebibytes)
        writer.close()
        print(f"samba {target.version}, {options.mebibytes} MiB, one channel, MiB/s")
        print(f"{'':29} {'this one':>9} {'smbprotocol':>12} {'ratio':>6} {'read ahead':>12} {'ratio':>6}")
        for protection in PROTECTIONS:
            compare(target, protection, options.mebibytes, options.rounds)


if __name__ == "__main__":
    main()
