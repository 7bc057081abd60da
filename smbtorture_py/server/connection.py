"""Connection: the state of one transport connection ([MS-SMB2] 3.3.1.7) and the callbacks its transport
drives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbtorture_py.server import channel_sequence, loss, pipeline, sending
from smbtorture_py.server.limits import NEGOTIATE_DIALECT_NONE
from smbtorture_py.server.request import PENDING, OnCancel, Outcome, Reply, Request
from smbtorture_py.server.session import PreauthSession, Session
from smbtorture_py.server.transport import Transport
from smbtorture_py.server.tree_connect import TreeConnect
from smbtorture_py.wire.codec import Body, Buffer, FramingError
from smbtorture_py.wire.framing import Closed, FrameReader
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.crypto.preauth import PreauthIntegrityHash
    from smbtorture_py.server.parts.command_sequence_window import CommandSequenceWindow
    from smbtorture_py.server.server import Server


@dataclass(slots=True, eq=False)
class Connection:
    """One accepted transport connection; fields are those of [MS-SMB2] 3.3.1.7."""

    server: Server
    transport: Transport
    local_address: tuple[str, int]
    client_address: tuple[str, int]
    creation_time: float
    command_sequence_window: CommandSequenceWindow
    reader: FrameReader
    request_list: dict[int, Request] = field(default_factory=dict)
    """By MessageId."""
    async_command_list: dict[int, Request] = field(default_factory=dict)
    """By AsyncId."""
    next_async_id: int = 1
    client_capabilities: Capabilities = Capabilities.NONE
    negotiate_dialect: int = NEGOTIATE_DIALECT_NONE
    dialect: Dialect | None = None
    """None stands for "Unknown"."""
    should_sign: bool = False
    max_transact_size: int = 0
    max_write_size: int = 0
    max_read_size: int = 0
    supports_multi_credit: bool = False
    session_table: dict[int, Session] = field(default_factory=dict)
    preauth_session_table: dict[int, PreauthSession] = field(default_factory=dict)
    client_guid: bytes = bytes(16)
    server_capabilities: Capabilities = Capabilities.NONE
    client_security_mode: SecurityMode = SecurityMode.NONE
    server_security_mode: SecurityMode = SecurityMode.NONE
    constrained_connection: bool = True
    preauth_integrity_hash_id: int = 0
    preauth_integrity_hash: PreauthIntegrityHash | None = None
    cipher_id: int = 0
    client_dialects: list[int] = field(default_factory=list)
    compression_ids: list[int] = field(default_factory=list)
    supports_chained_compression: bool = False
    rdma_transform_ids: list[int] = field(default_factory=list)
    signing_algorithm_id: int = 0
    accept_transport_security: bool = False
    supports_notifications: bool = False
    read_padding: int = 0
    """Bytes between the fixed part of a READ response and its data, as smbtorture may ask for."""
    is_open: bool = True
    bytes_written: int = 0
    bytes_acknowledged: int = 0
    is_blocked: bool = False
    """What the client's transport acknowledges is ignored, as smbtorture may ask for."""
    stuck_since: float | None = None
    """Since when the peer's transport has acknowledged nothing of what is outstanding."""

    def forget_negotiation(self, negotiate_dialect: int) -> None:
        """Be as before a dialect was chosen, and what the contexts of 3.1.1 choose with it.

        `negotiate_dialect` is what Connection.NegotiateDialect was, the wildcard after an SMB1 negotiate.
        """
        self.dialect = None
        self.negotiate_dialect = negotiate_dialect
        self.preauth_integrity_hash_id = 0
        self.preauth_integrity_hash = None
        self.cipher_id = 0
        self.signing_algorithm_id = 0

    # What the transport calls.

    def data_received(self, data: Buffer, now: float) -> None:
        """Take bytes of the stream; a message that cannot be framed ends the connection (3.3.5.2)."""
        if not self.is_open:
            return
        try:
            for frame in self.reader.feed(data):
                pipeline.receive_frame(self, frame, now)
                if not self.is_open:
                    return
        except FramingError:
            self.disconnect(now)

    def room(self) -> memoryview | None:
        """Where the next bytes of the stream belong, if that is known: inside the frame that has begun."""
        return self.reader.room()

    def acknowledged(self, count: int, now: float) -> None:
        """`count` more bytes have reached the client's transport."""
        if self.is_blocked:
            self.server.blocked_channels.hide_acknowledgment(self, now)
            return
        self.bytes_acknowledged += count
        self.stuck_since = None
        self.server.transport_progressed(self, now)

    def stuck(self, since: float, now: float) -> None:
        """Nothing outstanding has been acknowledged since `since`."""
        self.stuck_since = since
        self.server.transport_stuck(self, since, now)

    def connection_lost(self, how: Closed, now: float) -> None:
        """The transport is gone (3.3.7.1)."""
        del how
        if self.is_open:
            self.is_open = False
            loss.handle_loss_of_connection(self, now)

    # What the core uses.

    @property
    def is_3x(self) -> bool:
        """Connection.Dialect belongs to the SMB 3.x dialect family."""
        return self.dialect is not None and self.dialect >= Dialect.SMB_3_0

    @property
    def is_311(self) -> bool:
        """Connection.Dialect is 3.1.1."""
        return self.dialect == Dialect.SMB_3_1_1

    def disconnect(self, now: float) -> None:
        """Close the transport without a word more, and handle the loss of the connection (3.3.7.1)."""
        if self.is_open:
            self.is_open = False
            self.transport.close()
            loss.handle_loss_of_connection(self, now)

    def register_async(self, request: Request, on_cancel: OnCancel, on_close: OnCancel | None) -> Outcome:
        """Give the request an AsyncId and list it (3.3.4.2); a refusal where resources are constrained."""
        policies = self.server.policies
        if not policies.compound.may_pend(request):
            return Reply(policies.compound.may_not_pend_status())
        if not policies.asynchronous.may_pend(self):
            return Reply(Status.INSUFFICIENT_RESOURCES)
        request.async_id = policies.asynchronous.new_async_id(self)
        request.on_cancel, request.on_close = on_cancel, on_close
        self.async_command_list[request.async_id] = request
        return PENDING

    def complete_async(self, request: Request, reply: Reply, now: float) -> None:
        """Send the final response of an asynchronous request, once."""
        if request.is_done:
            return
        if self.async_command_list.pop(request.async_id, None) is None:
            request.is_done = True
            channel_sequence.settle(request, None)
            return
        request.chain.resume(request, reply, now)

    def forget_async(self, request: Request) -> None:
        """Never answer an asynchronous request."""
        self.async_command_list.pop(request.async_id, None)
        channel_sequence.settle(request, None)

    def send_unsolicited(
        self, body: Body, *, session: Session | None, now: float, tree_connect: TreeConnect | None = None
    ) -> None:
        """Send a message nobody asked for (a break, a notification) over this connection.

        It has MessageId 2^64-1 and no TreeId ([MS-SMB2] 3.3.4.6); whether it is encrypted follows from the
        session.
        """
        del now
        sending.send_unsolicited(self, body, session, tree_connect)
