"""A transport connection to a server, and everything sent and received on it ([MS-SMB2] 3.2.1.2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from smbtorture_py.client import receiving, sending
from smbtorture_py.client.config import ClientConfig, Clock, Entropy
from smbtorture_py.client.credits import CommandSequenceWindow
from smbtorture_py.client.exchange import Exchange, Notification
from smbtorture_py.client.session import Session
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.transport import Transport
from smbtorture_py.client.tree import Tree
from smbtorture_py.client.violation import Rule, Violation
from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.crypto.signing import signing_algorithm_of
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.codec import AUTO, Body, Buffer, FramingError
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.framing import Closed, FrameReader
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.message import Direction, Message
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.transform import TransformHeader

NO_DIALECT: Final = 0
"""Connection.Dialect before a NEGOTIATE response has chosen one."""


@dataclass(slots=True, kw_only=True)
class Submission:
    """One request and how to send it; what `Connection.submit` takes as arguments. AUTO and None: as a
    correct client."""

    body: Body
    session: Session | None = None
    tree: Tree | None = None
    command: int = AUTO
    flags: HeaderFlags = HeaderFlags.NONE
    credit_charge: int = AUTO
    credit_request: int = AUTO
    message_id: int = AUTO
    channel_sequence: int = AUTO
    replay: bool = False
    session_id: int = AUTO
    tree_id: int = AUTO
    sign: bool | None = None
    encrypt: bool | None = None
    tamper: Tamper | None = None


@dataclass(eq=False)
class Connection:
    """One SMB2 transport connection, by the names of [MS-SMB2] 3.2.1.2.

    Does no I/O and has no clock of its own: the world calls `data_received`, `acknowledged`, `stuck` and
    `connection_lost`; everything that is sent goes to `transport.write`; `clock` says when an application
    call is made.
    """

    config: ClientConfig
    transport: Transport
    entropy: Entropy
    clock: Clock
    client_guid: bytes = b""
    session_table: dict[int, Session] = field(default_factory=dict)
    outstanding_requests: dict[int, list[Exchange]] = field(default_factory=dict)
    """By MessageId; a list, because a case may use one MessageId twice: answers go to the oldest."""

    sequence_window: CommandSequenceWindow = field(default_factory=CommandSequenceWindow)
    credits_requested: int = 0
    """The sum of CreditRequest over the requests that no response has come for."""

    gss_negotiate_token: bytes = b""
    max_transact_size: int = 0x10000
    max_read_size: int = 0x10000
    max_write_size: int = 0x10000
    server_guid: bytes = bytes(16)
    require_signing: bool = False
    dialect: int = NO_DIALECT
    supports_file_leasing: bool = False
    supports_multi_credit: bool = False
    supports_directory_leasing: bool = False
    supports_multi_channel: bool = False
    supports_persistent_handles: bool = False
    supports_encryption: bool = False
    supports_notifications: bool = False
    client_capabilities: Capabilities = Capabilities.NONE
    server_capabilities: Capabilities = Capabilities.NONE
    client_security_mode: SecurityMode = SecurityMode.NONE
    server_security_mode: SecurityMode = SecurityMode.NONE
    offered_dialects: tuple[int, ...] = ()
    preauth_integrity_hash_id: int = 0
    preauth_integrity_hash: PreauthIntegrityHash = field(default_factory=PreauthIntegrityHash)
    """Connection.PreauthIntegrityHashValue: over the NEGOTIATE exchange."""

    cipher_id: int = Cipher.NONE
    signing_algorithm_id: SigningAlgorithm | None = None
    waiting: deque[list[Exchange]] = field(default_factory=deque)
    """Frames that wait for MessageIds, in the order of submission."""

    notifications: list[Notification] = field(default_factory=list)
    """What the server sent unasked, oldest first."""

    discarded: list[Message] = field(default_factory=list)
    """Received messages that belong to no request."""

    violations: list[Violation] = field(default_factory=list)
    """Everything received that a client must not accept, oldest first."""

    plain_tap: Callable[[Direction, Buffer], None] | None = None
    """Shown each frame before it is encrypted and after it was decrypted, for captures."""

    transform_tap: Callable[[TransformHeader, int], None] | None = None
    """Shown the TRANSFORM_HEADER of each encrypted message received, and how many bytes follow it."""

    lost: Closed | None = None
    lost_at: float | None = None
    heard_at: float | None = None
    """Unix seconds of the last bytes that came; None: none have."""
    bytes_written: int = 0
    bytes_acknowledged: int = 0
    stuck_since: float | None = None
    """Unix seconds since when written bytes are unacknowledged, as last told by the transport; None: not
    stuck."""

    def __post_init__(self) -> None:
        if not self.client_guid:
            self.client_guid = self.config.client_guid
        longest = self.config.max_frame_length
        self._frames = FrameReader(longest, ahead=longest)

    @property
    def is_smb3(self) -> bool:
        """Connection.Dialect belongs to the SMB 3.x dialect family."""
        return self.dialect >= Dialect.SMB_3_0

    @property
    def cipher(self) -> int:
        """The cipher messages are sealed with: Connection.CipherId, AES-128-CCM on 3.0 and 3.0.2 ([MS-SMB2]
        3.1.4.3)."""
        if self.dialect in (Dialect.SMB_3_0, Dialect.SMB_3_0_2):
            return Cipher.AES_128_CCM
        return self.cipher_id

    @property
    def signing_algorithm(self) -> SigningAlgorithm:
        """The algorithm messages are signed with ([MS-SMB2] 3.1.4.1)."""
        return signing_algorithm_of(self.dialect, self.signing_algorithm_id)

    @property
    def credits(self) -> int:
        """MessageIds that could be used now."""
        return self.sequence_window.credits

    # What the application asks for.

    def submit(
        self,
        body: Body,
        *,
        session: Session | None = None,
        tree: Tree | None = None,
        command: int = AUTO,
        flags: HeaderFlags = HeaderFlags.NONE,
        credit_charge: int = AUTO,
        credit_request: int = AUTO,
        message_id: int = AUTO,
        channel_sequence: int = AUTO,
        replay: bool = False,
        session_id: int = AUTO,
        tree_id: int = AUTO,
        sign: bool | None = None,
        encrypt: bool | None = None,
        tamper: Tamper | None = None,
    ) -> Exchange:
        """Send a request, or queue it until the server has granted the MessageIds it needs; never blocks.

        What is left AUTO or None is done as a correct client does it ([MS-SMB2] 3.2.4.1): SessionId and
        TreeId of `session` and `tree`, MessageId the lowest available, CreditCharge by the payload (3.1.5.2),
        CreditRequest so that `ClientConfig.credit_target` is held, ChannelSequence of the session, signed and
        encrypted where session or share ask for it. What is set goes out as it is; what is illegal about it
        is noted in `Exchange.illegal`. `command` is for bodies that have no command of their own. A request
        with a `message_id` never waits. Raises ValueError for a body without a command and for a frame of
        more than 0xFFFFFF bytes.
        """
        return self.submit_compound(
            [
                Submission(
                    body=body,
                    session=session,
                    tree=tree,
                    command=command,
                    flags=flags,
                    credit_charge=credit_charge,
                    credit_request=credit_request,
                    message_id=message_id,
                    channel_sequence=channel_sequence,
                    replay=replay,
                    session_id=session_id,
                    tree_id=tree_id,
                    sign=sign,
                    encrypt=encrypt,
                    tamper=tamper,
                )
            ]
        )[0]

    def submit_smb1_negotiate(self, request: Smb1NegotiateRequest) -> Exchange:
        """Send an SMB_COM_NEGOTIATE; a server answers it with an SMB2 NEGOTIATE response, MessageId 0
        ([MS-SMB2] 3.2.4.2.2.1).

        `Exchange.request` of the result is the SMB2 NEGOTIATE request without dialects that the answer
        would fit.
        """
        return sending.transmit_smb1(self, request)

    def submit_compound(self, submissions: Sequence[Submission], *, related: bool = False) -> list[Exchange]:
        """Send requests in one frame ([MS-SMB2] 3.2.4.1.4); `related` sets RELATED_OPERATIONS on all but
        the first.

        Each element is signed on its own; the chain is encrypted as a whole when its first element is to be.
        The points `encrypted` and `frame` of the first element's Tamper change the chain.
        """
        chain = [
            sending.prepare(self, submission, related=related and index > 0)
            for index, submission in enumerate(submissions)
        ]
        if self.lost is not None:
            for exchange in chain:
                exchange.lost = self.lost
        elif not sending.transmit(self, chain):
            self.waiting.append(chain)
            if not self.outstanding_requests:
                chain[0].illegal.append("waits for MessageIds that no outstanding request will bring")
        return chain

    def cancel(
        self,
        exchange: Exchange,
        *,
        tamper: Tamper | None = None,
        sign: bool | None = None,
        encrypt: bool | None = None,
    ) -> Exchange:
        """Send CANCEL for a request: with its AsyncId once an interim response came, else its MessageId
        ([MS-SMB2] 3.2.4.24).

        A request still waiting for credits is withdrawn, and no CANCEL sent: `lost` of both becomes
        Closed.LOCAL.
        """
        cancel = sending.prepare(
            self,
            Submission(
                body=CancelRequest(),
                session=exchange.session,
                tree=exchange.tree,
                message_id=exchange.message_id or 0,
                credit_charge=0,
                credit_request=0,
                sign=sign,
                encrypt=encrypt,
                tamper=tamper,
            ),
        )
        if self.lost is not None:
            cancel.lost = self.lost
            return cancel
        if not exchange.sent:
            self._withdraw(exchange)
            cancel.lost = Closed.LOCAL
            return cancel
        if exchange.async_id is not None:
            cancel.request.header.flags |= HeaderFlags.ASYNC_COMMAND
            cancel.request.header.async_id = exchange.async_id
        sending.transmit(self, [cancel])
        return cancel

    def _withdraw(self, exchange: Exchange) -> None:
        for chain in [chain for chain in self.waiting if exchange in chain]:
            self.waiting.remove(chain)
            for withdrawn in chain:
                withdrawn.lost = Closed.LOCAL

    def echo(self, *, session: Session | None = None, sign: bool | None = None) -> Exchange:
        """Send ECHO: is the server still there? ([MS-SMB2] 3.2.4: no session needed, 2.2.28)."""
        return self.submit(EchoRequest(), session=session, sign=sign)

    def send_frame(self, message: Buffer) -> None:
        """Send bytes as one frame, with the transport header in front; no MessageId is used, no answer
        expected."""
        sending.write_frame(self, [message])

    def send_raw(self, data: Buffer) -> None:
        """Send bytes as they are, without even a transport header."""
        self.write([data])

    def close(self) -> None:
        """Close the transport connection in order (FIN); what is outstanding is lost as Closed.LOCAL."""
        if self.lost is None:
            self.transport.close()
            self.connection_lost(Closed.LOCAL, self.clock())

    def abort(self) -> None:
        """Reset the transport connection (RST); what is outstanding is lost as Closed.LOCAL."""
        if self.lost is None:
            self.transport.abort()
            self.connection_lost(Closed.LOCAL, self.clock())

    # What the transport tells.

    def data_received(self, data: memoryview, now: float) -> None:
        """Take the next bytes of the stream; they are copied as far as they are kept."""
        if self.lost is not None:
            return
        self.heard_at = now
        try:
            for frame in self._frames.feed(data):
                receiving.receive(self, frame, now)
        except FramingError as error:
            self.violate(Rule.PROTOCOL_ID, str(error), now)
            self.transport.abort()
            self.connection_lost(Closed.FRAMING, now)

    def room(self) -> memoryview | None:
        """Where the next bytes of the stream belong, if that is known: inside the frame that has begun."""
        return self._frames.room()

    def acknowledged(self, count: int, now: float) -> None:  # noqa: ARG002
        """Learn that the server's transport has acknowledged `count` more bytes."""
        self.bytes_acknowledged += count
        self.stuck_since = None

    def stuck(self, since: float, now: float) -> None:  # noqa: ARG002
        """Learn that bytes are outstanding and none was acknowledged since `since` (Unix seconds)."""
        self.stuck_since = since

    def connection_lost(self, how: Closed, now: float) -> None:
        """End everything outstanding and take the connection out of its sessions ([MS-SMB2] 3.2.7.1)."""
        if self.lost is not None:
            return
        self.lost, self.lost_at = how, now
        unanswered = [exchange for queue in self.outstanding_requests.values() for exchange in queue]
        unanswered += [exchange for chain in self.waiting for exchange in chain]
        self.outstanding_requests.clear()
        self.waiting.clear()
        for exchange in unanswered:
            exchange.lost = how
        for session in list(self.session_table.values()):
            session.connection_lost(self)
        self.session_table.clear()

    # What sending and receiving use.

    def write(self, parts: Sequence[Buffer]) -> None:
        """Hand buffers to the transport and count them."""
        self.bytes_written += sum(map(len, parts))
        self.transport.write(parts)

    def violate(self, rule: Rule, problem: str, now: float, exchange: Exchange | None = None) -> Violation:
        """Record something the server did that a client must not accept."""
        violation = Violation(rule, problem, now, exchange)
        self.violations.append(violation)
        if exchange is not None:
            exchange.violations.append(violation)
        return violation

    def send_waiting(self) -> None:
        """Send what waits and now fits into the window, in order; a frame too big for it is passed
        ([MS-SMB2] 3.2.4.1.3)."""
        self.waiting = deque(chain for chain in list(self.waiting) if not sending.transmit(self, chain))

    def __repr__(self) -> str:
        state = "open" if self.lost is None else f"lost ({self.lost.name})"
        return f"<Connection {self.config.server_name} dialect={self.dialect:#x} {state}>"
