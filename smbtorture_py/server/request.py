"""Request and Reply: what a handler is given and what it gives back ([MS-SMB2] 3.3.1.13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.wire.codec import Body, Buffer, Findings
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.chain import Chain
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.codec import FileId
    from smbtorture_py.wire.message import Message


@dataclass(slots=True)
class Reply:
    """What a handler answers: a status, and the body; without a body the pipeline builds an ERROR response.

    `error_data` is the ErrorData of that ERROR response (2.2.2). `after` runs once the response has been
    sent, for what the text puts after it (closing a connection, removing a session).
    """

    status: Status
    body: Body | None = None
    error_data: bytes = b""
    after: Callable[[float], None] | None = None
    on_encoded: Callable[[Sequence[Buffer]], None] | None = None
    """Called with the response's bytes, signature included, before they are sealed: the preauth hash."""


class Pending(Enum):
    """The type of `PENDING`."""

    PENDING = auto()


PENDING: Final = Pending.PENDING
"""A handler returns this (by `return request.pend(...)`) when it will answer later with
`request.complete`."""

_COMMANDS: Final = {command.value: command for command in Command}

Outcome: TypeAlias = Reply | Pending

OnCancel: TypeAlias = Callable[[float], None]
"""Called with `now` when the client cancels the request or its connection is lost; it must complete the
request."""


@dataclass(slots=True, eq=False)
class Request:
    """One request being processed."""

    connection: Connection
    message: Message
    chain: Chain
    """The compound the request came in (of one request, most often)."""
    raw: memoryview
    """The request's bytes as received and decrypted, from its header to its end, padding included."""
    receive_time: float
    findings: Findings = field(default_factory=list)
    """What is odd about the request's bytes."""
    session_id: int = 0
    """SessionId of the header, in a related request that of the previous one (3.3.5.2.7.2)."""
    tree_id: int = 0
    """TreeId, likewise."""
    is_encrypted: bool = False
    transform_session_id: int = 0
    is_signed: bool = False
    """The signature was there and right."""
    signing_key: bytes = b""
    """The key the signature was right with; signs the response where the channel is gone by then (LOGOFF)."""
    compress_reply: bool = False
    session: Session | None = None
    tree_connect: TreeConnect | None = None
    open: Open | None = None
    file_id: FileId | None = None
    """The FileId used or generated; what a related request inherits. CREATE sets it."""
    counted_open: Open | None = None
    """The open among whose outstanding requests it counts (3.3.5.2.10)."""
    channel_generation: int = 0
    """Open.ChannelSequence had moved so often when it was counted."""
    async_id: int = 0
    on_cancel: OnCancel | None = None
    on_close: OnCancel | None = None
    """Called instead where its open is closed (3.3.4.17); None where that makes no difference."""
    is_done: bool = False
    credits_granted: bool = False
    """An interim response has granted this request's credits (3.3.4.2)."""

    @property
    def header(self) -> Header:
        """The request's header as received."""
        return self.message.header

    @property
    def body(self) -> Body:
        """The decoded body."""
        return self.message.body

    @property
    def command(self) -> Command:
        """The command; the pipeline has checked that it exists."""
        return _COMMANDS[self.header.command]

    @property
    def asks_to_bind(self) -> bool:
        """A SESSION_SETUP with SMB2_SESSION_FLAG_BINDING, to a server that knows the flag (3.3.5.5)."""
        body = self.message.body
        return (
            isinstance(body, SessionSetupRequest)
            and self.session_id != 0
            and bool(body.flags & SessionSetupFlags.BINDING)
            and self.connection.server.implements_3x
        )

    @property
    def is_binding(self) -> bool:
        """It asks to bind, on a connection that can be bound (3.3.5.5)."""
        return self.asks_to_bind and self.connection.server.policies.bind.is_served(self.connection)

    @property
    def is_related(self) -> bool:
        """SMB2_FLAGS_RELATED_OPERATIONS was set and this is not the first of its compound."""
        return self.header.has(HeaderFlags.RELATED_OPERATIONS)

    def require_session(self) -> Session:
        """The session, for handlers that the pipeline only calls with one."""
        if self.session is None:
            raise AssertionError("the pipeline verified a session for this command")
        return self.session

    def require_tree(self) -> TreeConnect:
        """The tree connect, for handlers that the pipeline only calls with one."""
        if self.tree_connect is None:
            raise AssertionError("the pipeline verified a tree connect for this command")
        return self.tree_connect

    def find_open(self, file_id: FileId, now: float) -> Open | None:
        """Look the open up as 3.3.5.x says (session's table, then FileId.Persistent); None where there is
        none.

        In a related compound the FileId of the previous request replaces `file_id` (3.3.5.2.7.2).
        """
        return self.chain.find_open(self, file_id, now)

    def pend(self, on_cancel: OnCancel, on_close: OnCancel | None = None) -> Outcome:
        """Make this request asynchronous (3.3.4.2); the handler returns what this returns.

        PENDING, upon which the pipeline sends the interim response; or, where too many wait already, a Reply
        that refuses (neither `on_cancel` nor `on_close` is kept then).
        """
        return self.connection.register_async(self, on_cancel, on_close)

    def end(self, now: float) -> None:
        """Complete a request that is pending when its open, tree connect or session ends (3.3.4.17)."""
        ending = self.on_close or self.on_cancel
        if ending is not None and not self.is_done:
            ending(now)

    def forget(self) -> None:
        """Never answer a request that is pending."""
        self.connection.forget_async(self)

    def complete(self, reply: Reply, now: float) -> None:
        """Send the final response of a request that is pending; does nothing if it was completed already."""
        self.connection.complete_async(self, reply, now)
