"""A scripted server on wire and crypto alone: answers what a test says, judges by keys of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.logon import LogonOptions, LogonResult, bind, session_setup
from smbtorture_py.client.negotiate import NegotiateOffer, NegotiateResult, negotiate
from smbtorture_py.client.session import Session
from smbtorture_py.crypto.encryption import Decryptor, Encryptor
from smbtorture_py.crypto.kdf import derive_channel_signing_key, derive_session_keys
from smbtorture_py.crypto.signing import compute_signature, signing_algorithm_of, verify_signature
from smbtorture_py.wire.codec import Body, Buffer
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.framing import FrameReader, encode_frame_header
from smbtorture_py.wire.header import PROTOCOL_ID, TRANSFORM_PROTOCOL_ID, Command, Header, HeaderFlags
from smbtorture_py.wire.message import Direction, Message, decode_chain, encode_chain
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateResponse, SecurityMode
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    EncryptionCapabilities,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
)
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupResponse
from smbtorture_py.wire.status import Status

GSS_KEY = bytes(range(16))
SESSION_ID = 0x1122334455667788
START = 1_767_225_600.0
USER = Credentials("alice", "secret")
GUID = b"client-guid-16by"


def counting_entropy(seed: str = "test") -> Callable[[int], bytes]:
    state = [0]

    def entropy(count: int) -> bytes:
        state[0] += 1
        return hashlib.shake_256(f"{seed} {state[0]}".encode()).digest(count)

    return entropy


class FixedInitiator:
    """Two tokens and a key that both sides know."""

    def __init__(self, key: bytes = GSS_KEY) -> None:
        self.session_key = b""
        self.complete = False
        self.failure: str | None = None
        self._key = key
        self._leg = 0

    def step(self, token: bytes | None) -> bytes | None:
        self._leg += 1
        if self._leg == 1:
            return b"first"
        if self._leg == 2:
            if token != b"challenge":
                self.failure = f"not the challenge: {token!r}"
                return None
            self.session_key = self._key
            return b"second"
        self.complete = True
        return None


@dataclass
class ListTransport:
    written: list[bytes] = field(default_factory=list)
    closed: str = ""

    def write(self, parts: Sequence[Buffer]) -> None:
        self.written.append(b"".join(parts))

    def close(self) -> None:
        self.closed = "close"

    def abort(self) -> None:
        self.closed = "abort"


@dataclass
class Seen:
    """A request as it came over the wire."""

    message: Message
    raw: bytes
    encrypted: bool
    nonce: bytes = b""

    @property
    def header(self) -> Header:
        return self.message.header

    @property
    def body(self) -> Body:
        return self.message.body


@dataclass
class FakeServer:
    """One connection: the client's core on one side, the script on the other."""

    dialect: int = Dialect.SMB_3_1_1
    cipher: int = Cipher.AES_128_GCM
    signing: int = SigningAlgorithm.AES_CMAC
    require_signing: bool = False
    session_flags: SessionFlags = SessionFlags.NONE
    credit_grant: int = 16
    seed: str = "test"
    config: ClientConfig = field(default_factory=lambda: ClientConfig(client_guid=GUID))
    session_id: int = SESSION_ID
    session_signing_key: bytes = b""
    signing_key: bytes = b""
    """Channel.SigningKey."""
    c2s: bytes = b""
    s2c: bytes = b""
    preauth: bytes = bytes(64)

    def __post_init__(self) -> None:
        self.now = START
        self.transport = ListTransport()
        self.connection = Connection(
            self.config, self.transport, counting_entropy(self.seed), lambda: self.now
        )
        self._reader = FrameReader()
        self._taken = 0
        self._nonce = 0
        self.seen: list[Seen] = []

    # From the client

    def requests(self) -> list[Seen]:
        """Take what the client has written since the last call."""
        found: list[Seen] = []
        while self._taken < len(self.transport.written):
            data = self.transport.written[self._taken]
            self._taken += 1
            for frame in self._reader.feed(data):
                found += self._frame(bytes(frame))
        self.seen += found
        return found

    def request(self) -> Seen:
        (only,) = self.requests()
        return only

    def _frame(self, frame: bytes) -> list[Seen]:
        encrypted, nonce = frame[:4] == TRANSFORM_PROTOCOL_ID, b""
        if encrypted:
            nonce = frame[20:36]
            opened = Decryptor(self.cipher, self.c2s).open(frame)
            assert opened is not None, "the client's message cannot be decrypted"
            frame = bytes(opened)
        if frame[:4] != PROTOCOL_ID:
            return []
        findings: list[object] = []
        seen = []
        start = 0
        messages = decode_chain(frame, Direction.REQUEST, findings)  # type: ignore[arg-type]
        for index, message in enumerate(messages):
            last = index + 1 == len(messages)
            end = len(frame) if last else start + message.header.next_command
            seen.append(Seen(message, frame[start:end], encrypted, nonce))
            start = end
        return seen

    def is_signed_right(self, seen: Seen, key: bytes | None = None) -> bool:
        return seen.header.has(HeaderFlags.SIGNED) and verify_signature(
            self.algorithm,
            self.signing_key if key is None else key,
            [seen.raw],
            message_id=seen.header.message_id,
            is_server=False,
            is_cancel=seen.header.command == Command.CANCEL,
        )

    @property
    def algorithm(self) -> SigningAlgorithm:
        return signing_algorithm_of(self.dialect, SigningAlgorithm(self.signing))

    # To the client

    def message(
        self,
        seen: Seen,
        body: Body,
        status: int = Status.SUCCESS,
        *,
        credits: int | None = None,
        sign: bool | bytes | None = None,
        change: Callable[[Header], None] | None = None,
        spoil: Callable[[bytearray], None] | None = None,
    ) -> bytes:
        """Build a response; signed when the request was, unless told otherwise."""
        request = seen.header
        header = Header(
            request.command,
            request.message_id,
            HeaderFlags.SERVER_TO_REDIR,
            status,
            request.credit_charge,
            self.credit_grant if credits is None else credits,
            request.session_id,
            request.tree_id,
        )
        if sign is None:
            sign = request.has(HeaderFlags.SIGNED) and not seen.encrypted
        if sign:
            header.flags |= HeaderFlags.SIGNED
        if change is not None:
            change(header)
        data = bytearray(b"".join(encode_chain([Message(header, body)])[0]))
        if sign:
            key = sign if isinstance(sign, bytes) else self.signing_key
            data[48:64] = compute_signature(
                self.algorithm,
                key,
                [data],
                message_id=header.message_id,
                is_server=True,
                is_cancel=False,
            )
        if spoil is not None:
            spoil(data)
        return bytes(data)

    def send(self, *messages: bytes, encrypt: bool = False, transform_session_id: int | None = None) -> None:
        for data in messages:
            if encrypt:
                self._nonce += 1
                nonce = self._nonce.to_bytes(8, "little")
                session_id = self.session_id if transform_session_id is None else transform_session_id
                data = bytes(Encryptor(self.cipher, self.s2c).seal([data], session_id, nonce))
            self.deliver(encode_frame_header(len(data)) + data)

    def deliver(self, data: bytes) -> None:
        self.now += 0.001
        self.connection.data_received(memoryview(data), self.now)

    def answer(self, seen: Seen, body: Body, status: int = Status.SUCCESS, **how: object) -> None:
        self.send(self.message(seen, body, status, **how), encrypt=seen.encrypted)  # type: ignore[arg-type]

    # Whole procedures

    def drive(self, procedure: Procedure, answer: Callable[[Seen], None]) -> object:
        try:
            exchange: Exchange = next(procedure)
            while True:
                for seen in self.requests():
                    answer(seen)
                assert exchange.done, f"the script has no answer to {exchange}"
                exchange = procedure.send(None)
        except StopIteration as stop:
            return stop.value

    def negotiate_response(self) -> NegotiateResponse:
        contexts = []
        if self.dialect >= Dialect.SMB_3_1_1:
            contexts = [
                PreauthIntegrityCapabilities(salt=b"salt").envelope(),
                EncryptionCapabilities([self.cipher]).envelope(),
                SigningCapabilities([self.signing]).envelope(),
            ]
        mode = SecurityMode.SIGNING_ENABLED
        if self.require_signing:
            mode |= SecurityMode.SIGNING_REQUIRED
        capabilities = Capabilities.NONE
        if self.dialect >= Dialect.SMB_2_1:
            capabilities |= Capabilities.LARGE_MTU | Capabilities.LEASING
        if self.dialect >= Dialect.SMB_3_0:
            capabilities |= Capabilities.MULTI_CHANNEL | Capabilities.ENCRYPTION
        return NegotiateResponse(
            security_mode=mode,
            dialect_revision=self.dialect,
            server_guid=b"server-guid-16by",
            capabilities=capabilities,
            max_transact_size=1 << 20,
            max_read_size=1 << 20,
            max_write_size=1 << 20,
            security_buffer=b"hint",
            negotiate_contexts=contexts,
        )

    def negotiate(
        self, offer: NegotiateOffer | None = None, response: NegotiateResponse | None = None
    ) -> NegotiateResult:
        def answer(seen: Seen) -> None:
            data = self.message(seen, response or self.negotiate_response())
            self.preauth = hashlib.sha512(bytes(64) + seen.raw).digest()
            self.preauth = hashlib.sha512(self.preauth + data).digest()
            self.send(data)

        result = self.drive(negotiate(self.connection, offer), answer)
        assert isinstance(result, NegotiateResult)
        return result

    def logon(
        self,
        options: LogonOptions | None = None,
        *,
        to: Session | None = None,
        key: bytes = GSS_KEY,
        fail_at: int | None = None,
        last: Callable[[bytearray], None] | None = None,
        sign_last: bool | None = None,
    ) -> LogonResult:
        """Answer the legs of a SESSION_SETUP; `to` binds, `fail_at` refuses a leg."""
        state = {"hash": self.preauth, "leg": 0}

        def answer(seen: Seen) -> None:
            leg = int(state["leg"])  # type: ignore[call-overload]
            state["leg"] = leg + 1
            state["hash"] = hashlib.sha512(state["hash"] + seen.raw).digest()  # type: ignore[operator]
            signs = self.session_signing_key if to is not None else False

            def own_id(header: Header) -> None:
                header.session_id = self.session_id

            if fail_at == leg:
                self.send(
                    self.message(seen, ErrorResponse(), Status.LOGON_FAILURE, sign=signs, change=own_id)
                )
                return
            if leg == 0:
                body = SessionSetupResponse(security_buffer=b"challenge")
                status = Status.MORE_PROCESSING_REQUIRED
                data = self.message(seen, body, status, sign=signs, change=own_id)
                state["hash"] = hashlib.sha512(state["hash"] + data).digest()  # type: ignore[operator]
                self.send(data)
                return
            preauth = state["hash"]
            assert isinstance(preauth, bytes)
            if to is not None:
                self.signing_key = derive_channel_signing_key(self.dialect, key, preauth)
            else:
                keys = derive_session_keys(self.dialect, key, key, preauth, self.cipher)
                self.session_signing_key = self.signing_key = keys.signing_key
                self.c2s, self.s2c = keys.encryption_key_c2s, keys.encryption_key_s2c
            body = SessionSetupResponse(session_flags=self.session_flags, security_buffer=b"done")
            signed = to is not None or self.dialect >= Dialect.SMB_3_1_1
            if sign_last is not None:
                signed = sign_last
            self.send(self.message(seen, body, sign=signed, change=own_id, spoil=last))

        options = options or LogonOptions()
        if options.initiator is None:
            options.initiator = FixedInitiator(key)
        if to is not None:
            result = self.drive(bind(to, self.connection, options=options), answer)
        else:
            result = self.drive(session_setup(self.connection, USER, options), answer)
        assert isinstance(result, LogonResult)
        return result

    def ready(self) -> Session:
        """Negotiate and log on; nothing may be wrong."""
        self.negotiate()
        result = self.logon()
        assert result.session is not None
        assert self.connection.violations == []
        return result.session

    def channel_of(self, other: FakeServer) -> FakeServer:
        """Make this a further connection to the server of `other`."""
        self.session_id = other.session_id
        self.session_signing_key = other.session_signing_key
        self.c2s, self.s2c = other.c2s, other.s2c
        return self

    def echo(self, session: Session | None = None, **how: object) -> Exchange:
        """Send ECHO and answer it as told."""
        exchange = self.connection.submit(EchoRequest(), session=session)
        self.answer(self.request(), EchoResponse(), **how)
        return exchange
