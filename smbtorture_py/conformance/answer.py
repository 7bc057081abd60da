"""What came for a request, as cases and checks see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Self, TypeVar

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.logon import LogonResult
from smbtorture_py.client.negotiate import NegotiateResult
from smbtorture_py.client.open import Open
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.tree import CreateResult
from smbtorture_py.conformance.checks import NO_ANSWER, UNREADABLE, NoStatus, describe
from smbtorture_py.conformance.running import Running
from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.codec import Body, Buffer
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.status import Status, as_status

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab import Lab, LabConnection, LabOpen, LabSession, LabTree

B = TypeVar("B", bound=Body)

_ENDINGS = {
    Closed.FIN: NoStatus.DISCONNECT,
    Closed.RESET: NoStatus.DISCONNECT,
    Closed.FRAMING: NoStatus.BROKEN_FRAMING,
    Closed.LOCAL: NoStatus.CLOSED_HERE,
}


class Protection(StrEnum):
    """How a response is protected."""

    NONE = "none"
    SIGNED = "signed"
    """Its signature is right."""
    WRONGLY_SIGNED = "wrongly signed"
    MARKED_AS_SIGNED = "marked as signed"
    """SMB2_FLAGS_SIGNED is set, but nobody has a key that the signature could be judged with."""
    ENCRYPTED = "encrypted"


class Answer:
    """The answer to one request (of an authentication: to its last leg), or that none came."""

    def __init__(self, connection: LabConnection, exchange: Exchange) -> None:
        self.connection = connection
        self.exchange = exchange
        self.waited = 0.0
        """Seconds that were waited for it, all told."""
        command = exchange.request.header.command
        name = Command(command).name if command in Command._value2member_map_ else f"command {command:#06x}"
        self.label = f"{name} on {connection.name}"

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.connection.lab

    @property
    def arrived(self) -> bool:
        """A final response came."""
        return self.exchange.response is not None

    @property
    def actual(self) -> Status | int | NoStatus:
        """The status that came, or what came instead, or NO_ANSWER."""
        if self.exchange.response is not None:
            return as_status(self.exchange.response.header.status)
        if self.exchange.lost is not None:
            return _ENDINGS[self.exchange.lost]
        return UNREADABLE if self.exchange.unreadable else NO_ANSWER

    @property
    def status(self) -> Status | int:
        """The status; where there is none the case is blocked."""
        if self.exchange.response is None:
            raise Blocked(f"{self.label}: {describe(self.actual)} instead of a response")
        return as_status(self.exchange.response.header.status)

    @property
    def header(self) -> Header:
        """The response's header; where there is none the case is blocked."""
        if self.exchange.response is None:
            raise Blocked(f"{self.label}: {describe(self.actual)} instead of a response")
        return self.exchange.response.header

    @property
    def protection(self) -> Protection:
        """How the final response is protected; where there is none the case is blocked."""
        return _protection(self.header, self.exchange.decrypted, self.exchange.signature_valid)

    @property
    def interim_protection(self) -> Protection:
        """How the interim response is protected, whose signature nobody judges; where there is none the case
        is blocked.
        """
        if not self.exchange.interim:
            raise Blocked(f"{self.label}: {describe(self.actual)} without an interim response")
        return _protection(self.exchange.interim[0].header, self.exchange.interim_decrypted, None)

    def body(self, kind: type[B]) -> B:
        """Return the response's body as a `kind`; anything else blocks the case."""
        body = self.exchange.body(kind)
        if body is None:
            raise Blocked(f"{self.label}: {describe(self.actual)}, and no {kind.__name__}")
        return body

    def field(self, name: str) -> object:
        """Return a field of the body by its (dotted) name, or of the header with `header.` in front."""
        header = self.header
        body: object = self.exchange.response.body if self.exchange.response is not None else None
        value: object = header if name.startswith("header.") else body
        for part in name.removeprefix("header.").split("."):
            if not hasattr(value, part):
                raise Blocked(f"{self.label}: {describe(self.actual)} has no field {name}")
            value = getattr(value, part)
        return value

    def required(self, *statuses: Status) -> Self:
        """Return the answer itself where its status is one of these (SUCCESS unless given); else the case is
        blocked.
        """
        wanted = statuses or (Status.SUCCESS,)
        if self.actual not in wanted:
            raise Blocked(f"{self.label}: {describe(self.actual)} instead of {describe(wanted)}")
        return self

    def wait(self, within: float | None = None) -> Self:
        """Wait for the final response for `within` seconds (unless given: the lab's patience); None need
        come.
        """
        self.lab.wait_for(self, within)
        return self

    def wait_pending(self, within: float | None = None) -> bool:
        """Wait until the server says that the request is pending (or answers it); tell whether it
        is pending.
        """
        self.lab.wait(lambda: self.exchange.is_pending or self.exchange.done, within)
        return self.exchange.is_pending

    def cancel(
        self, *, tamper: Tamper | None = None, signed: bool | None = None, encrypted: bool | None = None
    ) -> None:
        """Send CANCEL for the request; its own answer is still to be waited for."""
        self.connection.core.cancel(self.exchange, tamper=tamper, sign=signed, encrypt=encrypted)

    @property
    def data(self) -> bytes:
        """The bytes of a READ response or the output of an IOCTL, query or directory response."""
        body = self.exchange.response.body if self.exchange.response is not None else None
        for name in ("data", "output", "output_buffer"):
            value = getattr(body, name, None)
            if isinstance(value, Buffer):
                return bytes(value)
        raise Blocked(f"{self.label}: {describe(self.actual)}, and no data")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.label}: {describe(self.actual)}>"


def _protection(header: Header, decrypted: bool, signature_valid: bool | None) -> Protection:
    if decrypted:
        return Protection.ENCRYPTED
    if not header.has(HeaderFlags.SIGNED):
        return Protection.NONE
    return {
        True: Protection.SIGNED,
        False: Protection.WRONGLY_SIGNED,
        None: Protection.MARKED_AS_SIGNED,
    }[signature_valid]


class NegotiateAnswer(Answer):
    """The answer to a NEGOTIATE."""

    def __init__(self, connection: LabConnection, exchange: Exchange, result: NegotiateResult | None) -> None:
        super().__init__(connection, exchange)
        self.result = result


class LogonAnswer(Answer):
    """The answer to the last leg of an authentication, a bind or a re-authentication."""

    def __init__(
        self,
        connection: LabConnection,
        exchange: Exchange,
        result: LogonResult | None,
        session: LabSession | None,
    ) -> None:
        super().__init__(connection, exchange)
        self.result = result
        self._session = session

    @property
    def legs(self) -> Sequence[Exchange]:
        """Every exchange of the authentication, the last one included."""
        return (self.exchange,) if self.result is None else self.result.exchanges

    @property
    def session(self) -> LabSession:
        """The session; where the authentication failed the case is blocked."""
        if self._session is None:
            detail = f" ({self.result.error})" if self.result is not None and self.result.error else ""
            raise Blocked(f"{self.label}: {describe(self.actual)}{detail}, and no session")
        return self._session


class TreeAnswer(Answer):
    """The answer to a TREE_CONNECT."""

    def __init__(self, connection: LabConnection, exchange: Exchange, tree: LabTree | None) -> None:
        super().__init__(connection, exchange)
        self._tree = tree

    @property
    def tree(self) -> LabTree:
        """The tree connect; where it failed the case is blocked."""
        if self._tree is None:
            raise Blocked(f"{self.label}: {describe(self.actual)}, and no tree connect")
        return self._tree


class CreateAnswer(Answer):
    """The answer to a CREATE, which may still be pending."""

    def __init__(
        self, connection: LabConnection, running: Running[CreateResult], opens: Callable[[Open], LabOpen]
    ) -> None:
        super().__init__(connection, running.exchange)
        self._running = running
        self._opens = opens
        self._open: LabOpen | None = None

    @property
    def open(self) -> LabOpen:
        """The open; where there is none (yet) the case is blocked."""
        if self._open is None:
            result = self._running.result if self._running.advance() else None
            if result is None or result.open is None:
                raise Blocked(f"{self.label}: {describe(self.actual)}, and no open")
            self._open = self._opens(result.open)
        return self._open
