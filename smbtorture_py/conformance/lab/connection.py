"""A connection to the server under test, with words that block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, Unpack

from smbtorture_py.client.connection import Connection, Submission
from smbtorture_py.client.exchange import Exchange, Notification, Procedure
from smbtorture_py.client.logon import LogonResult, bind, session_setup
from smbtorture_py.client.negotiate import negotiate
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule, Violation
from smbtorture_py.conformance.answer import Answer, LogonAnswer, NegotiateAnswer
from smbtorture_py.conformance.lab.arguments import Logon, Offering, Sending, logon_options, split_sending
from smbtorture_py.conformance.lab.authentication import Authentication
from smbtorture_py.conformance.lab.session import LabSession
from smbtorture_py.conformance.lab.tree import LabTree
from smbtorture_py.conformance.running import Running
from smbtorture_py.conformance.target import Account
from smbtorture_py.net.faults import LinkFaults
from smbtorture_py.net.world import Link
from smbtorture_py.wire.codec import AUTO, Body, Buffer
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.transform import TransformHeader

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.lab import Lab


B = TypeVar("B", bound=Body)


class LabConnection:
    """A connection to the server under test: the client core's Connection with words that block."""

    def __init__(self, lab: Lab, link: Link[Connection], name: str) -> None:
        self.lab = lab
        self.link = link
        self.name = name
        self.ended_on_purpose = False
        """The case closed it or broke it: it need not be alive."""
        self.may_be_lost = False
        """The server is allowed to close it: it need not be alive once it is lost."""
        self.tolerated: set[Rule] = set()
        self.transforms: list[tuple[TransformHeader, int]] = []
        """The TRANSFORM_HEADER of each encrypted message received, and how many bytes follow it."""
        link.core.transform_tap = lambda header, size: self.transforms.append((header, size))

    @property
    def core(self) -> Connection:
        """The client core's connection, with every field of [MS-SMB2] 3.2.1.2."""
        return self.link.core

    @property
    def dialect(self) -> int:
        """Connection.Dialect; 0 before NEGOTIATE."""
        return self.core.dialect

    @property
    def is_lost(self) -> bool:
        """The transport connection is gone."""
        return self.core.lost is not None

    @property
    def faults(self) -> LinkFaults:
        """What can be done to the transport; the connection then no longer counts as one that
        must be alive.
        """
        self.ended_on_purpose = True
        return self.link.faults

    @property
    def violations(self) -> list[Violation]:
        """What the server did that a client must not accept, without what the case said it tolerates."""
        return [one for one in self.core.violations if one.rule not in self.tolerated]

    def tolerate(self, *rules: Rule) -> LabConnection:
        """Expect violations of these rules: they do not fail the case."""
        self.tolerated.update(rules)
        return self

    @property
    def notifications(self) -> list[Notification]:
        """What the server sent unasked on this connection, oldest first."""
        return self.core.notifications

    # Negotiation and authentication

    def negotiate(self, *, tamper: Tamper | None = None, **offering: Unpack[Offering]) -> NegotiateAnswer:
        """Send NEGOTIATE."""
        running = self.lab.drive(negotiate(self.core, self.lab.offer(**offering), tamper=tamper))
        return NegotiateAnswer(self, running.exchange, running.result)

    def smb1_negotiate(self, request: Smb1NegotiateRequest) -> Answer:
        """Send an SMB1 message as the start of a multi-protocol negotiation, and nothing after it."""
        return self.follow(self.core.submit_smb1_negotiate(request))

    def session_setup(
        self,
        user: Account | None = None,
        *,
        anonymous: bool = False,
        guest: bool = False,
        signed: bool | None = None,
        **logon: Unpack[Logon],
    ) -> LogonAnswer:
        """Authenticate a new session: all legs of SESSION_SETUP."""
        credentials = self.lab.credentials(user, anonymous=anonymous, guest=guest)
        return self._authenticate(session_setup(self.core, credentials, logon_options(signed, logon)), None)

    def begin_session_setup(
        self,
        user: Account | None = None,
        *,
        anonymous: bool = False,
        guest: bool = False,
        signed: bool | None = None,
        **logon: Unpack[Logon],
    ) -> Authentication:
        """Send the first SESSION_SETUP of a new session and leave it at that until `finish` is called."""
        credentials = self.lab.credentials(user, anonymous=anonymous, guest=guest)
        return Authentication(self, session_setup(self.core, credentials, logon_options(signed, logon)), None)

    def bind(
        self,
        session: LabSession,
        user: Account | None = None,
        *,
        anonymous: bool = False,
        guest: bool = False,
        signed: bool | None = None,
        **logon: Unpack[Logon],
    ) -> LogonAnswer:
        """Bind this connection to a session, as the session's own user unless told otherwise."""
        other = user is not None or anonymous or guest
        credentials = self.lab.credentials(user, anonymous=anonymous, guest=guest) if other else None
        return self._authenticate(
            bind(session.core, self.core, credentials, logon_options(signed, logon)), session
        )

    def begin_bind(
        self, session: LabSession, *, signed: bool | None = None, **logon: Unpack[Logon]
    ) -> Authentication:
        """Send the first SESSION_SETUP of a bind and leave it at that until `finish` is called."""
        options = logon_options(signed, logon)
        return Authentication(self, bind(session.core, self.core, None, options), session)

    def _authenticate(self, procedure: Procedure[LogonResult], session: LabSession | None) -> LogonAnswer:
        return self.authenticated(self.lab.drive(procedure), session)

    def authenticated(self, running: Running[LogonResult], session: LabSession | None) -> LogonAnswer:
        """Return the answer of an authentication that has been driven to its end; `session` None: a new
        one.
        """
        result = running.result
        if result is None or result.session is None:
            return LogonAnswer(self, running.exchange, result, None)
        made = session or LabSession(self.lab, result.session)
        self.lab.sessions.append(result.session)
        if self not in made.channels:
            made.channels.append(self)
        return LogonAnswer(self, running.exchange, result, made)

    # Any request

    def send(
        self,
        body: Body,
        *,
        session: LabSession | None = None,
        tree: LabTree | None = None,
        command: int = AUTO,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send any body; what is not said is done as a correct client does it (see client
        Connection.submit).
        """
        options, _, within, wait = split_sending(sending)
        options.pop("connection", None)
        used = session or (tree.session if tree is not None else None)
        exchange = self.core.submit(
            body,
            session=None if used is None else used.core,
            tree=None if tree is None else tree.core,
            command=command,
            **options,  # type: ignore[misc]  # `connection` is gone
        )
        return self.follow(exchange, within=within, wait=wait)

    def send_compound(
        self,
        submissions: Sequence[Submission],
        *,
        related: bool = False,
        wait: bool = True,
        within: float | None = None,
    ) -> list[Answer]:
        """Send several requests in one frame."""
        exchanges = self.core.submit_compound(submissions, related=related)
        return [self.follow(exchange, within=within, wait=wait) for exchange in exchanges]

    def follow(self, exchange: Exchange, *, within: float | None = None, wait: bool = True) -> Answer:
        """Return the Answer of an exchange that the client core has started, and wait for it."""
        answer = Answer(self, exchange)
        return answer.wait(within) if wait else answer

    def send_frame(self, message: Buffer) -> None:
        """Send bytes as one frame, with the transport header in front."""
        self.core.send_frame(message)

    def send_raw(self, data: Buffer) -> None:
        """Send bytes as they are."""
        self.core.send_raw(data)

    def echo(
        self, session: LabSession | None = None, *, within: float | None = None, signed: bool | None = None
    ) -> Answer:
        """Send ECHO, of a session where one is given."""
        return self.follow(
            self.core.echo(session=None if session is None else session.core, sign=signed), within=within
        )

    def wait_notification(
        self, kind: type[B], *, within: float | None = None, after: int = 0
    ) -> Notification | None:
        """Wait for a message the server sends unasked whose body is a `kind`; `after` leaves out so many of
        them.
        """

        def found() -> list[Notification]:
            return [one for one in self.core.notifications if isinstance(one.body, kind)][after:]

        self.lab.wait(lambda: bool(found()) or self.is_lost, within)
        return next(iter(found()), None)

    def wait_lost(self, within: float | None = None) -> bool:
        """Wait until the server closes the connection; tell whether it did."""
        return self.lab.wait(lambda: self.is_lost, within)

    def close(self) -> None:
        """Close the connection in order (FIN)."""
        self.ended_on_purpose = True
        self.core.close()

    def abort(self) -> None:
        """Reset the connection (RST)."""
        self.ended_on_purpose = True
        self.core.abort()

    def __repr__(self) -> str:
        return f"<LabConnection {self.name}>"
