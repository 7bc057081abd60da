"""One request and everything that came back for it ([MS-SMB2] 3.2.1.7, Request)."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Violation
from smbtorture_py.wire.codec import Body
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.status import Status, as_status

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection
    from smbtorture_py.client.session import Session
    from smbtorture_py.client.tree import Tree

B = TypeVar("B", bound=Body)
T = TypeVar("T")


@dataclass(slots=True, eq=False, kw_only=True)
class Exchange:
    """A request, its interim responses and its response, or why none can come any more."""

    connection: Connection
    request: Message
    """As sent, after `Tamper.header` and `Tamper.message`."""

    session: Session | None = None
    tree: Tree | None = None
    sign: bool | None = None
    encrypt: bool | None = None
    tamper: Tamper | None = None
    credit_charge: int = 1
    """MessageIds the request uses, at least 1 (0 for CANCEL)."""

    credits_requested: int = 0
    """CreditRequest on the wire, as long as no response has brought credits."""

    fixed_message_id: int | None = None
    """The MessageId the caller asked for; None: the lowest available."""

    message_id: int | None = None
    """MessageId on the wire; None while the request waits for credits."""

    signed: bool = False
    encrypted: bool = False
    request_bytes: bytes = b""
    """NEGOTIATE and SESSION_SETUP only: the message as sent, for the preauthentication hash."""

    sent_at: float | None = None
    """Unix seconds; None while the request waits for credits."""

    illegal: list[str] = field(default_factory=list)
    """What is illegal about the request as it was asked for; it is sent all the same."""

    async_id: int | None = None
    interim: list[Message] = field(default_factory=list)
    response: Message | None = None
    response_bytes: bytes = b""
    """NEGOTIATE and SESSION_SETUP only: the message as received, for the preauthentication hash."""

    response_signed: bool = False
    """SMB2_FLAGS_SIGNED was set in the response."""

    signature_valid: bool | None = None
    """Whether the response's signature is right; None where there is none, or no key to judge it."""

    decrypted: bool = False
    """The response came encrypted."""

    interim_decrypted: bool = False
    """The interim response came encrypted."""

    answered_at: float | None = None
    lost: Closed | None = None
    unreadable: bool = False
    """What must be the response came encrypted, and nobody here can decrypt it."""

    violations: list[Violation] = field(default_factory=list)
    expects_response: bool = True
    """False for CANCEL, which is never answered."""

    @property
    def sent(self) -> bool:
        """The request has left the core."""
        return self.sent_at is not None

    @property
    def done(self) -> bool:
        """Nothing more will happen: answered (readably or not), lost, or sent without an answer to expect."""
        if self.response is not None or self.lost is not None or self.unreadable:
            return True
        return self.sent and not self.expects_response

    @property
    def status(self) -> Status | int | None:
        """NTSTATUS of the final response, a `Status` where it has a name; None where none came."""
        return None if self.response is None else as_status(self.response.header.status)

    @property
    def is_signed_right(self) -> bool:
        """The request was signed, and nothing was tampered with that spoils the signature."""
        tamper = self.tamper
        if tamper is None:
            return self.signed
        points = (tamper.signing_key, tamper.signing_algorithm, tamper.signed, tamper.frame)
        return self.signed and all(point is None for point in points)

    @property
    def is_pending(self) -> bool:
        """An interim response came, the final one did not."""
        return bool(self.interim) and not self.done

    def body(self, kind: type[B]) -> B | None:
        """Return the body of the final response where it is a `kind`, else None."""
        if self.response is not None and isinstance(self.response.body, kind):
            return self.response.body
        return None

    def __repr__(self) -> str:
        if self.lost is not None:
            outcome = f"lost ({self.lost.name})"
        elif self.response is not None:
            outcome = f"status {self.response.header.status:#010x}"
        elif self.unreadable:
            outcome = "answered unreadably"
        else:
            outcome = "pending" if self.interim else "sent" if self.sent else "waiting for credits"
        return f"<Exchange {type(self.request.body).__name__} MessageId={self.message_id}: {outcome}>"


Procedure: TypeAlias = Generator[Exchange, None, T]
"""Several exchanges in a row: yields each one, is resumed when that is `done`, and returns its result."""


@dataclass(slots=True, eq=False)
class Notification:
    """A message the server sent unasked: a break, or a session-closed notice."""

    connection: Connection
    message: Message
    received_at: float
    decrypted: bool

    @property
    def body(self) -> Body:
        """The typed body."""
        return self.message.body


@dataclass(slots=True, kw_only=True)
class ExchangeResult:
    """What came of a procedure that ends with one exchange."""

    exchange: Exchange

    @property
    def status(self) -> Status | int | None:
        """Status of the response; None where the connection was lost before one came."""
        return self.exchange.status
