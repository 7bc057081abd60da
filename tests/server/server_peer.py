"""A client of the server's tests: raw messages over a recording transport, with keys of its own
derivation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smbtorture_py.auth.accounts import Account, Accounts
from smbtorture_py.auth.credentials import Credentials
from smbtorture_py.auth.initiator import ntlm_initiator
from smbtorture_py.crypto.encryption import Decryptor, Encryptor
from smbtorture_py.crypto.kdf import derive_channel_signing_key, derive_session_keys, session_key_of
from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.crypto.signing import compute_signature, signing_algorithm_of, verify_signature
from smbtorture_py.net.entropy import seeded
from smbtorture_py.server.config import ServerConfig, ShareConfig
from smbtorture_py.server.server import Server
from smbtorture_py.wire.codec import Body, Buffer
from smbtorture_py.wire.framing import FrameReader, encode_frame_header
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.message import Direction, Message, command_of, decode_chain, encode_chain
from smbtorture_py.wire.negotiate import (
    Capabilities,
    Dialect,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    EncryptionCapabilities,
    PreauthIntegrityCapabilities,
    SigningAlgorithm,
    SigningCapabilities,
    find,
)
from smbtorture_py.wire.session_setup import SessionSetupFlags, SessionSetupRequest, SessionSetupResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest

NOW = 1_767_225_600.0
SEED = 7
ALICE = Credentials("alice", "secret-1")
BOB = Credentials("bob", "secret-2")
GUID = bytes(range(16))
ALL_CAPABILITIES = Capabilities.MULTI_CHANNEL | Capabilities.ENCRYPTION | Capabilities.LARGE_MTU
DIALECTS = (Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1)


def accounts(**settings: bool) -> Accounts:
    return Accounts(
        [Account.with_password("alice", "secret-1"), Account.with_password("bob", "secret-2")], **settings
    )


def make_server(policy: str = "specification", defects: Sequence[str] = (), **settings: object) -> Server:
    settings.setdefault("accounts", accounts())
    settings.setdefault("shares", [ShareConfig("data"), ShareConfig("sealed", encrypt_data=True)])
    config = ServerConfig(**settings)
    return Server.compose(config, policy, defects, entropy=seeded(SEED, "server"), now=NOW)


@dataclass
class RecordingTransport:
    sent: bytearray = field(default_factory=bytearray)
    closed: bool = False

    def write(self, parts: Sequence[Buffer]) -> None:
        for part in parts:
            self.sent += part

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


@dataclass
class Keys:
    session_id: int
    signing: bytes
    seal: bytes = b""
    open: bytes = b""


class Peer:
    """One connection of a client."""

    def __init__(self, server: Server, *, port: int = 50000) -> None:
        self.server = server
        self.now = NOW
        self.port = port
        self.transport = RecordingTransport()
        self.connection = server.accept(self.transport, ("127.0.0.1", 445), ("127.0.0.1", port), NOW)
        self.reader = FrameReader()
        self.message_id = 0
        self.dialect = Dialect.SMB_2_0_2
        self.cipher = Cipher.NONE
        self.signing: SigningAlgorithm | None = None
        self.hash = PreauthIntegrityHash()
        self.keys: Keys | None = None
        self.raw_answers: list[bytes] = []
        self.findings: list[object] = []

    @property
    def is_closed(self) -> bool:
        return self.transport.closed

    def send_frame(self, frame: bytes) -> list[Message]:
        self.connection.data_received(encode_frame_header(len(frame)) + frame, self.now)
        return self.take()

    def take(self) -> list[Message]:
        data = bytes(self.transport.sent)
        self.transport.sent.clear()
        messages: list[Message] = []
        self.raw_answers = []
        for frame in self.reader.feed(data):
            if bytes(frame[:4]) == b"\xfdSMB":
                assert self.keys is not None
                opened = Decryptor(self.cipher, self.keys.open).open(frame)
                assert opened is not None, "a sealed answer does not open"
                frame = opened
            self.raw_answers.append(bytes(frame))
            findings: list[object] = []
            messages += decode_chain(frame, Direction.RESPONSE, findings)
            assert not findings, findings
        return messages

    def header(self, command: int, **fields: int) -> Header:
        charge = fields.pop("credit_charge", 0 if self.dialect == Dialect.SMB_2_0_2 else 1)
        header = Header(
            command, message_id=self.message_id, credits=fields.pop("credits", 10), credit_charge=charge
        )
        if command != Command.CANCEL:
            self.message_id += max(1, charge)
        for name, value in fields.items():
            setattr(header, name, value)
        return header

    def encode(self, header: Header, body: Body, key: bytes = b"") -> bytes:
        if key:
            header.flags |= HeaderFlags.SIGNED
        message = bytearray(header.encode() + body.encode())
        if key:
            message[48:64] = compute_signature(
                signing_algorithm_of(self.dialect, self.signing), key, [message],
                message_id=header.message_id, is_server=False, is_cancel=header.command == Command.CANCEL,
            )  # fmt: skip
        return bytes(message)

    def request(
        self,
        body: Body,
        *,
        signed: bool = True,
        sealed: bool = False,
        key: bytes | None = None,
        **fields: int,
    ) -> Message:
        """Send one request of the session and return its one answer."""
        answers = self.requests(body, signed=signed, sealed=sealed, key=key, **fields)
        assert len(answers) == 1, answers
        return answers[0]

    def requests(
        self,
        body: Body,
        *,
        signed: bool = True,
        sealed: bool = False,
        key: bytes | None = None,
        **fields: int,
    ) -> list[Message]:
        if self.keys is not None:
            fields.setdefault("session_id", self.keys.session_id)
            if signed and not sealed and key is None:
                key = self.keys.signing
        frame = self.encode(self.header(command_of(body), **fields), body, key or b"")
        if sealed:
            assert self.keys is not None
            frame = bytes(
                Encryptor(self.cipher, self.keys.seal).seal(
                    [frame], self.keys.session_id, self.message_id.to_bytes(11, "little")
                )
            )
        return self.send_frame(frame)

    def answer_is_signed_with(self, key: bytes) -> bool:
        header = Header.decode(self.raw_answers[-1], [])
        assert header is not None
        return header.has(HeaderFlags.SIGNED) and verify_signature(
            signing_algorithm_of(self.dialect, self.signing), key, [self.raw_answers[-1]],
            message_id=header.message_id, is_server=True, is_cancel=False,
        )  # fmt: skip

    def negotiate(
        self,
        dialects: Sequence[int] = DIALECTS,
        *,
        capabilities: Capabilities = ALL_CAPABILITIES,
        ciphers: Sequence[int] = (Cipher.AES_128_GCM,),
        signing: Sequence[int] = (SigningAlgorithm.AES_CMAC,),
        security_mode: SecurityMode = SecurityMode.SIGNING_ENABLED,
        guid: bytes = GUID,
    ) -> Message:
        body = NegotiateRequest(
            security_mode=security_mode, capabilities=capabilities, client_guid=guid, dialects=list(dialects)
        )
        if Dialect.SMB_3_1_1 in dialects:
            body.negotiate_contexts = [PreauthIntegrityCapabilities(salt=bytes(32)).envelope()]
            if ciphers:
                body.negotiate_contexts.append(EncryptionCapabilities(list(ciphers)).envelope())
            if signing:
                body.negotiate_contexts.append(SigningCapabilities(list(signing)).envelope())
        frame = self.encode(self.header(Command.NEGOTIATE, credit_charge=0), body)
        (answer,) = self.send_frame(frame)
        if answer.header.status == Status.SUCCESS:
            assert isinstance(answer.body, NegotiateResponse)
            self.dialect = Dialect(answer.body.dialect_revision)
            if self.dialect == Dialect.SMB_3_1_1:
                self.hash.update(frame)
                self.hash.update(self.raw_answers[-1])
                chosen = find(answer.body.negotiate_contexts, EncryptionCapabilities, [])
                self.cipher = Cipher(chosen.ciphers[0]) if chosen else Cipher.NONE
                algorithm = find(answer.body.negotiate_contexts, SigningCapabilities, [])
                self.signing = SigningAlgorithm(algorithm.signing_algorithms[0]) if algorithm else None
            elif Capabilities.ENCRYPTION in answer.body.capabilities:
                self.cipher = Cipher.AES_128_CCM
        return answer

    def setup(
        self,
        credentials: Credentials = ALICE,
        *,
        bind: Keys | None = None,
        reauthenticate: bool = False,
        previous_session_id: int = 0,
        security_mode: SecurityMode = SecurityMode.SIGNING_ENABLED,
        sign_bind: bool = True,
        bind_key: bytes | None = None,
        flags: SessionSetupFlags = SessionSetupFlags.NONE,
    ) -> Message:
        """Authenticate; keys are kept where it succeeds. Returns the last answer."""
        initiator = ntlm_initiator(
            credentials, entropy=seeded(SEED, "client", str(self.port), str(self.message_id)), now=self.now
        )
        token = initiator.step(None)
        preauth = self.hash.copy()
        session_id = bind.session_id if bind else self.keys.session_id if reauthenticate and self.keys else 0
        key = b""
        if bind and sign_bind:
            key = bind.signing if bind_key is None else bind_key
        elif reauthenticate and self.keys:
            key = self.keys.signing
        while True:
            body = SessionSetupRequest(
                flags=flags | (SessionSetupFlags.BINDING if bind else SessionSetupFlags.NONE),
                security_mode=security_mode,
                previous_session_id=previous_session_id,
                security_buffer=token or b"",
            )
            header = self.header(Command.SESSION_SETUP, session_id=session_id)
            frame = self.encode(header, body, key)
            preauth.update(frame)
            answers = self.send_frame(frame)
            if not answers:
                raise ConnectionError("no answer")
            answer = answers[0]
            session_id = answer.header.session_id
            if answer.header.status not in (Status.SUCCESS, Status.MORE_PROCESSING_REQUIRED):
                return answer
            assert isinstance(answer.body, SessionSetupResponse)
            token = initiator.step(bytes(answer.body.security_buffer))
            if answer.header.status == Status.SUCCESS:
                break
            preauth.update(self.raw_answers[-1])
        if reauthenticate:
            return answer
        full = initiator.session_key
        if bind:
            signing = derive_channel_signing_key(self.dialect, session_key_of(full), preauth.value)
            self.keys = Keys(session_id, signing, bind.seal, bind.open)
        else:
            derived = derive_session_keys(
                self.dialect, session_key_of(full), full, preauth.value, self.cipher
            )
            self.keys = Keys(
                session_id, derived.signing_key, derived.encryption_key_c2s, derived.encryption_key_s2c
            )
        return answer

    def tree(self, share: str = "data", **how: bool) -> int:
        """Connect to a share; returns the TreeId."""
        answer = self.request(TreeConnectRequest(path=rf"\\server\{share}"), **how)
        assert answer.header.status == Status.SUCCESS, hex(answer.header.status)
        return answer.header.tree_id


def logged_on(server: Server, dialects: Sequence[int] = DIALECTS, **how: object) -> Peer:
    """A connection with a session of alice."""
    peer = Peer(server)
    peer.negotiate(dialects, **how)
    answer = peer.setup()
    assert answer.header.status == Status.SUCCESS, hex(answer.header.status)
    return peer


def compound(peer: Peer, *messages: tuple[Header, Body]) -> list[Message]:
    """Send several requests, unsigned, as one message."""
    chain = encode_chain([Message(header, body) for header, body in messages])
    return peer.send_frame(b"".join(bytes(part) for parts in chain for part in parts))
