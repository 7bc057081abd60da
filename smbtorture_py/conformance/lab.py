"""The lab: what a case holds. Every word here blocks until its answer is there or the lab's patience is over.

    session = lab.logon()                          # connection, NEGOTIATE, SESSION_SETUP
    answer = lab.connect().bind(session, signed=False)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)

Words that stand for one request (`bind`, `session_setup`, `tree_connect`, `create`, `read`, `send`, ...)
return an Answer, which is what checks judge and which has the object it made: `.session`, `.tree`, `.open`
(they block the case where it was not made). Words that are only steps on the way (`lab.connect`, `lab.logon`,
`session.tree`, `tree.open`, `session.add_channel`) return the object at once. With `wait=False` a word
returns an Answer that is waited for later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypedDict, TypeVar, Unpack, cast

from smbtorture_py.auth.credentials import ANONYMOUS, AuthForm, Credentials
from smbtorture_py.auth.initiator import Initiator, InitiatorHooks
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection, Submission
from smbtorture_py.client.exchange import Exchange, Notification, Procedure
from smbtorture_py.client.logon import (
    LegTamper,
    LogonOptions,
    LogonResult,
    bind,
    reauthenticate,
    session_setup,
)
from smbtorture_py.client.negotiate import NegotiateOffer, negotiate
from smbtorture_py.client.open import Open
from smbtorture_py.client.session import Options, Session
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.tree import Tree, create, tree_connect
from smbtorture_py.client.violation import Rule, Violation
from smbtorture_py.conformance.administration import Administration
from smbtorture_py.conformance.answer import Answer, CreateAnswer, LogonAnswer, NegotiateAnswer, TreeAnswer
from smbtorture_py.conformance.case import CIPHER, DIALECT, SIGNING_ALGORITHM, Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, Requirement
from smbtorture_py.conformance.control import Control
from smbtorture_py.conformance.needs import CLEAR_SESSIONS, Capability, Need
from smbtorture_py.conformance.running import Running
from smbtorture_py.conformance.stops import Blocked, Lacking, NotApplicable
from smbtorture_py.conformance.target import Account, ShareRole, Target
from smbtorture_py.net.core import Address, Transport
from smbtorture_py.net.faults import LinkFaults
from smbtorture_py.net.world import Link, World
from smbtorture_py.results.observation import Observation
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.codec import AUTO, FILE_ID_ANY, Body, Buffer, FileId
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.ioctl import IoctlFlags
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo, decode_list
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.negotiate import Capabilities, SecurityMode
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.session_setup import SessionSetupFlags
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TransformHeader

T = TypeVar("T")
B = TypeVar("B", bound=Body)

PATIENCE: Final = 10.0
"""Seconds that an answer may take before it counts as none, times the target's scale."""

RETRY: Final = 0.05
"""Seconds between the first two attempts at what a server does in its own time; later ones are rarer."""

CLIENT_GUID_SIZE: Final = 16
NAME_BYTES: Final = 4
MAX_TRANSACT: Final = 65536


class Sending(Options, total=False):
    """What every word takes that sends a request: what `Connection.submit` takes, and three things of the
    lab.
    """

    on: LabConnection
    """The channel to send on; without it the session's first."""

    within: float
    """Seconds to wait for the answer, before scaling; without it the lab's patience."""

    wait: bool
    """False: return without waiting; `answer.wait()` does it later."""


class Offering(TypedDict, total=False):
    """What a NEGOTIATE offers: the fields of NegotiateOffer, and single values in place of its lists."""

    dialect: int
    """Offer only this one."""

    cipher: int | None
    """Offer only this one; None: no ENCRYPTION_CAPABILITIES."""

    signing_algorithm: int | None
    """Offer only this one; None: no SIGNING_CAPABILITIES."""

    dialects: Sequence[int]
    security_mode: SecurityMode | None
    capabilities: Capabilities | None
    client_guid: bytes | None
    ciphers: Sequence[int]
    signing_algorithms: Sequence[int]
    salt: bytes | None
    netname: str | None
    extra_contexts: Sequence[NegotiateContext]
    contexts: Sequence[NegotiateContext] | None
    smb1_dialects: Sequence[str]


class Logon(TypedDict, total=False):
    """What an authentication sends besides its tokens: the fields of LogonOptions."""

    initiator: Initiator | None
    form: AuthForm
    hooks: InitiatorHooks | None
    flags: SessionSetupFlags | None
    security_mode: SecurityMode | None
    capabilities: Capabilities | None
    previous_session_id: int
    session_id: int | None
    sign: bool | None
    signing_key: bytes | None
    encrypt: bool | None
    token: Callable[[int, bytes | None], bytes | None] | None
    tamper: LegTamper | None
    stop_after: int


class CreateFields(TypedDict, total=False):
    """What a CREATE says, by the names of [MS-SMB2] 2.2.13."""

    desired_access: AccessMask
    file_attributes: int
    share_access: ShareAccess
    create_disposition: int
    create_options: CreateOptions
    requested_oplock_level: int
    impersonation_level: int
    contexts: Sequence[CreateContext]


class CreateArguments(Sending, CreateFields, total=False):
    """What `tree.create` takes: the fields of the request, and what every word takes."""


class Lab:
    """Everything one run of one case works with: a world, a target, names and entropy of its own, its
    observations.
    """

    def __init__(
        self, *, case: Case, variant: Variant, world: World, target: Target, catalogue: Catalogue
    ) -> None:
        self.case = case
        self.variant = variant
        self.world = world
        self.target = target
        self.catalogue = catalogue
        self.observations: list[Observation] = []
        self.connections: list[LabConnection] = []
        self.sessions: list[Session] = []
        """Every session that was set up, also when it is gone."""

        self.lacking: list[Need] = []
        """What the case found lacking on its way."""

        self.created: list[tuple[str, str]] = []
        """(share, path) of everything a CREATE of this case may have made, oldest first."""

        identity = case.full_id(variant)
        self.entropy = world.entropy("case", identity)
        self.client_guid = self.entropy(CLIENT_GUID_SIZE)
        """The ClientGuid of every connection of this case, unless an offer says otherwise."""

        self._stem = self.entropy(NAME_BYTES).hex()
        self._names = 0

    @property
    def lab(self) -> Lab:
        """The lab itself: whatever is checked has a lab."""
        return self

    # What there is

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All dialable addresses of the target."""
        return self.target.addresses

    @property
    def now(self) -> float:
        """The world's time in Unix seconds."""
        return self.world.now

    @property
    def guest(self) -> Account:
        """A user nobody knows: becomes the guest where the target has one."""
        return Account(f"nobody-{self._stem}", "no such password")

    @property
    def wrong_password(self) -> Account:
        """The target's first user with a password that is not his."""
        user = self.target.user
        return Account(user.user, f"not {user.password}", user.domain)

    @property
    def second_user(self) -> Account:
        """The target's second user; blocks the case where it has none."""
        if self.target.second_user is None:
            raise Blocked("the target has no second user")
        return self.target.second_user

    def share(self, role: ShareRole = ShareRole.PLAIN) -> str:
        """Return the name of the share that plays a role; blocks the case where there is none."""
        name = self.target.shares.get(role)
        if name is None:
            raise Blocked(f"the target has no {role} share")
        return name

    @property
    def administration(self) -> Administration:
        """What can be changed in the running server; blocks the case where nothing can."""
        if self.target.administration is None:
            raise Blocked("nobody can change the target while it runs")
        return self.target.administration

    def declared(self, capability: Capability) -> None:
        """Go on only where the target declares a capability; elsewhere the case is not applicable."""
        if capability not in self.target.capabilities:
            raise NotApplicable(f"the target does not declare {capability}")

    @property
    def control(self) -> Control:
        """What can be done to the server's machine (stop, start, restart, addresses), by a case that says
        what it `disturbs`; blocks the case where nothing can.
        """
        if self.target.control is None:
            raise Blocked("the target offers no way to stop, start or move it")
        if self.case.disturbs is None:
            raise ValueError(f"case {self.case.id} controls the server and does not say what it disturbs")
        return self.target.control

    @property
    def spare_address(self) -> Address:
        """An address that the server may be given; blocks the case where there is none."""
        if not self.target.spare_addresses:
            raise Blocked("the target has no spare address")
        return self.target.spare_addresses[0]

    def require_encryption(self) -> None:
        """Make the server encrypt every new session, where it does not do so anyway."""
        if Capability.ENCRYPTED_SESSIONS not in self.target.capabilities:
            self.administration.require_encryption()

    def need(self, *needs: Need) -> None:
        """Go on only where the target has what this variant needs; what every variant needs is declared with
        `@case`.
        """
        lacking = self.target.lacks(needs)
        if lacking:
            self.lacking.extend(lacking)
            raise Lacking(lacking)

    def require_clear_sessions(self, connection: LabConnection | None = None) -> None:
        """Go on only where the server does not encrypt every session; with a connection, or where that can
        encrypt.
        """
        if connection is None or not connection.core.supports_encryption:
            self.need(CLEAR_SESSIONS)

    def require_signing(self) -> None:
        """Make the server require signatures, where it does not do so anyway."""
        if Capability.SIGNING_REQUIRED not in self.target.capabilities:
            self.administration.require_signing()

    def expire_sessions(self) -> None:
        """Let the time run out for every session of the server."""
        self.administration.expire_sessions(self.now)

    def dialable(self, advertised: str) -> Address:
        """Return where an address that the server reports for itself is dialled."""
        return self.target.advertised.get(advertised) or Address(advertised, self.addresses[0].port)

    def source(self, address: Address) -> str | None:
        """Return the local address that the next connection to `address` comes from.

        Those that the target declares are taken in turn, as far as they are of the same family; None lets the
        system choose.
        """
        fitting = [one for one in self.target.sources if (":" in one) == (":" in address.host)]
        return fitting[len(self.connections) % len(fitting)] if fitting else None

    def name(self, tag: str = "file") -> str:
        """Return a path that nobody else uses, inside the target's directory: new at each call, the same for
        one seed.
        """
        self._names += 1
        own = f"smbt-{self._stem}-{self._names}-{tag}"
        return f"{self.target.directory}\\{own}" if self.target.directory else own

    def requirement(self, requirement_id: str | None = None) -> Requirement:
        """Return a requirement; None: the first one the case cites."""
        return self.catalogue[requirement_id or self.case.requirements[0]]

    # Waiting

    def seconds(self, unscaled: float) -> float:
        """Return a time span stretched by the target's scale."""
        return unscaled * self.target.deadline_scale

    def wait(self, condition: Callable[[], bool], within: float | None = None) -> bool:
        """Run the world until the condition holds (True) or `within` seconds (scaled) have passed (False)."""
        return self.world.run_until(
            condition, self.world.now + self.seconds(PATIENCE if within is None else within)
        )

    def pause(self, seconds: float) -> None:
        """Let time pass, unscaled; for cases about timers."""
        self.world.run_for(seconds)

    def eventually(
        self, attempt: Callable[[], T], holds: Callable[[T], bool], within: float | None = None
    ) -> T:
        """Repeat `attempt` until what it returns is as it should be, or the time is over; return the last.

        For what a server does in its own time, such as closing what a lost connection leaves behind.
        """
        deadline = self.world.now + self.seconds(PATIENCE if within is None else within)
        pause = RETRY
        while not holds(result := attempt()) and self.world.now < deadline:
            self.world.run_for(pause)
            pause *= 2
        return result

    def wait_for(self, answer: Answer, within: float | None = None) -> None:
        """Wait for an answer; None need come."""
        start = self.world.now
        self.wait(lambda: answer.exchange.done, within)
        answer.waited += self.world.now - start

    def drive(self, procedure: Procedure[T], within: float | None = None) -> Running[T]:
        """Run a procedure of the client core to its end, or until one of its answers does not
        come in time.
        """
        return self.drive_on(Running(procedure), within)

    def drive_on(self, running: Running[T], within: float | None = None) -> Running[T]:
        """Go on with a procedure that has been started; see `drive`."""
        while not running.advance():
            if not self.wait(lambda: running.exchange.done, within):
                running.abandon()
        return running

    def drive_together(
        self, procedures: Sequence[Procedure[T]], within: float | None = None
    ) -> list[Running[T]]:
        """Run several procedures of the client core at once: each goes on as soon as its own answer comes."""
        every = [Running(procedure) for procedure in procedures]
        while pending := [running for running in every if not running.advance()]:
            waiting = [running.exchange for running in pending]
            if not self.wait(lambda those=waiting: any(one.done for one in those), within):  # type: ignore[misc]
                for running in pending:
                    running.abandon()
        return every

    # Connections and sessions

    def bind_together(
        self, pairs: Sequence[tuple[LabConnection, LabSession]], **logon: Unpack[Logon]
    ) -> list[LogonAnswer]:
        """Bind each connection to the session beside it, all at once; one answer for each pair."""
        options = _logon_options(None, logon)
        procedures = [bind(session.core, connection.core, None, options) for connection, session in pairs]
        every = self.drive_together(procedures)
        return [
            connection.authenticated(running, session)
            for (connection, session), running in zip(pairs, every, strict=True)
        ]

    def open_connection(
        self,
        address: Address | int | None = None,
        *,
        name: str = "",
        client_guid: bytes | None = None,
        source: str | None = None,
        receive_buffer: int | None = None,
        credit_target: int | None = None,
        require_message_signing: bool = False,
        server_name: str | None = None,
    ) -> LabConnection:
        """Open a transport connection and say nothing on it.

        `address` is one of the target's, or its number; unless given, the n-th connection goes to the n-th
        address, starting again at the first. Raises Unreachable.
        """
        if address is None:
            address = self.addresses[len(self.connections) % len(self.addresses)]
        elif isinstance(address, int):
            address = self.addresses[address]
        config = ClientConfig(
            client_guid=self.client_guid if client_guid is None else client_guid,
            server_name=self.target.server_name if server_name is None else server_name,
            require_message_signing=require_message_signing,
        )
        if credit_target is not None:
            config.credit_target = credit_target
        title = name or f"channel-{len(self.connections) + 1}"
        entropy = self.world.entropy("client", self.case.full_id(self.variant), title)

        def core(transport: Transport, now: float) -> Connection:  # noqa: ARG001  # a CoreFactory
            return Connection(config, transport, entropy, lambda: self.world.now)

        if source is None:
            source = self.source(address)
        link = self.world.connect(address, core, source=source, name=title, receive_buffer=receive_buffer)
        link.core.plain_tap = link.plain
        connection = LabConnection(self, link, title)
        self.connections.append(connection)
        return connection

    def connect(
        self, address: Address | int | None = None, *, name: str = "", **offering: Unpack[Offering]
    ) -> LabConnection:
        """Open a connection and negotiate; blocks the case where that fails.

        Unless told otherwise it offers what a correct client offers, narrowed by the variant's `dialect`,
        `cipher` and `signing_algorithm`.
        """
        connection = self.open_connection(address, name=name)
        connection.negotiate(**offering).required()
        return connection

    def logon(
        self,
        user: Account | None = None,
        *,
        connection: LabConnection | None = None,
        anonymous: bool = False,
        guest: bool = False,
        offer: Offering | None = None,
        **logon: Unpack[Logon],
    ) -> LabSession:
        """Set a session up, on a new connection unless one is given; blocks the case where that fails."""
        used = connection or self.connect(**(offer or {}))
        self.require_clear_sessions(used)
        return used.session_setup(user, anonymous=anonymous, guest=guest, **logon).session

    def offer(self, **offering: Unpack[Offering]) -> NegotiateOffer:
        """Return what a NEGOTIATE offers by default, narrowed by the variant, changed by `offering`."""
        merged: Offering = {}
        parameters = self.variant.parameters
        dialect, cipher, algorithm = (parameters.get(key) for key in (DIALECT, CIPHER, SIGNING_ALGORITHM))
        if isinstance(dialect, int) and "dialects" not in offering:
            merged["dialect"] = dialect
        if isinstance(cipher, int) and "ciphers" not in offering:
            merged["cipher"] = cipher
        if isinstance(algorithm, int) and "signing_algorithms" not in offering:
            merged["signing_algorithm"] = algorithm
        merged.update(offering)
        if "dialect" in merged:
            merged["dialects"] = (merged.pop("dialect"),)
        if "cipher" in merged:
            only = merged.pop("cipher")
            merged["ciphers"] = () if only is None else (only,)
        if "signing_algorithm" in merged:
            algorithm = merged.pop("signing_algorithm")
            merged["signing_algorithms"] = () if algorithm is None else (algorithm,)
        return NegotiateOffer(**merged)  # type: ignore[misc]  # the keys that NegotiateOffer lacks are gone

    def credentials(
        self, user: Account | None = None, *, anonymous: bool = False, guest: bool = False
    ) -> Credentials:
        """Return what to authenticate with: the target's first user unless told otherwise."""
        if anonymous:
            return ANONYMOUS
        account = user or (self.guest if guest else self.target.user)
        return Credentials(account.user, account.password, domain=account.domain)

    def clean_up(self) -> None:
        """Remove what this case created, newest first, with the smallest of operations over a connection of
        its own.

        What cannot be removed stays; whatever the server answers here is not judged.
        """
        self.finish()
        session = self.connect(name="clean-up").session_setup().session
        trees: dict[str, LabTree] = {}
        for share, path in reversed(dict.fromkeys(self.created)):
            if share not in trees:
                trees[share] = session.tree(share)
            answer = trees[share].create(
                path,
                desired_access=AccessMask.DELETE,
                create_disposition=CreateDisposition.OPEN,
                create_options=CreateOptions.DELETE_ON_CLOSE,
            )
            if answer.actual is Status.SUCCESS:
                answer.open.close()

    def finish(self) -> None:
        """Close every connection; called by the runner."""
        for connection in self.connections:
            connection.close()


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
        return self._authenticate(session_setup(self.core, credentials, _logon_options(signed, logon)), None)

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
        return Authentication(
            self, session_setup(self.core, credentials, _logon_options(signed, logon)), None
        )

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
            bind(session.core, self.core, credentials, _logon_options(signed, logon)), session
        )

    def begin_bind(
        self, session: LabSession, *, signed: bool | None = None, **logon: Unpack[Logon]
    ) -> Authentication:
        """Send the first SESSION_SETUP of a bind and leave it at that until `finish` is called."""
        options = _logon_options(signed, logon)
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
        options, _, within, wait = _split(sending)
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


class Authentication:
    """An authentication that stops after its first SESSION_SETUP, so that a case can do something before the
    rest.
    """

    def __init__(
        self, connection: LabConnection, procedure: Procedure[LogonResult], session: LabSession | None
    ) -> None:
        self._connection = connection
        self._session = session
        self._running = Running(procedure)
        self.first = connection.follow(self._running.exchange)
        """The answer to the first SESSION_SETUP."""

    @property
    def session_id(self) -> int:
        """SessionId of that answer; where there is none the case is blocked."""
        return self.first.header.session_id

    def finish(self) -> LogonAnswer:
        """Send what is left, as the server asks for it."""
        return self._connection.authenticated(self._connection.lab.drive_on(self._running), self._session)


class LabSession:
    """A session, on one or several connections."""

    def __init__(self, lab: Lab, core: Session) -> None:
        self.lab = lab
        self.core = core
        """The client core's session, with every field of [MS-SMB2] 3.2.1.3 and its keys."""
        self.channels: list[LabConnection] = []
        """The connections that are channels of it, in the order of binding, lost ones included."""

    @property
    def session_id(self) -> int:
        """Session.SessionId."""
        return self.core.session_id

    @property
    def connection(self) -> LabConnection:
        """The first channel that is not lost; where all are, the first."""
        return next((one for one in self.channels if not one.is_lost), self.channels[0])

    @property
    def signs(self) -> bool:
        """The session has a key that its requests can be signed with, and does not encrypt them."""
        core = self.core
        unkeyed = core.is_guest or core.is_anonymous or core.encrypt_data
        return bool(core.signing_key_for(self.channels[0].core)) and not unkeyed

    @property
    def must_be_alive(self) -> list[LabConnection]:
        """The channels that the case has not ended itself and the server must not close."""
        return [
            one for one in self.channels if not one.ended_on_purpose and not (one.may_be_lost and one.is_lost)
        ]

    def add_channel(
        self,
        address: Address | int | None = None,
        *,
        connection: LabConnection | None = None,
        **logon: Unpack[Logon],
    ) -> LabConnection:
        """Bind one more connection, to another address where there is one; blocks the case where
        that fails.
        """
        used = connection or self.lab.connect(address, dialect=self.core.connection.dialect)
        used.bind(self, **logon).required()
        return used

    def send(self, body: Body, **sending: Unpack[Sending]) -> Answer:
        """Send any body in this session."""
        return (sending.get("on") or self.connection).send(body, session=self, **sending)

    def echo(self, *, on: LabConnection | None = None) -> Answer:
        """Send ECHO in this session."""
        return (on or self.connection).echo(self)

    def reauthenticate(
        self,
        user: Account | None = None,
        *,
        anonymous: bool = False,
        on: LabConnection | None = None,
        signed: bool | None = None,
        **logon: Unpack[Logon],
    ) -> LogonAnswer:
        """Authenticate the session again, on its first channel and as its user unless told otherwise."""
        return self.begin_reauthentication(user, anonymous=anonymous, on=on, signed=signed, **logon).finish()

    def begin_reauthentication(
        self,
        user: Account | None = None,
        *,
        anonymous: bool = False,
        on: LabConnection | None = None,
        signed: bool | None = None,
        **logon: Unpack[Logon],
    ) -> Authentication:
        """Send the first SESSION_SETUP of a re-authentication and leave it at that until `finish` is
        called.
        """
        connection = on or self.connection
        other = user is not None or anonymous
        credentials = self.lab.credentials(user, anonymous=anonymous) if other else None
        procedure = reauthenticate(
            self.core, credentials, _logon_options(signed, logon), connection=connection.core
        )
        return Authentication(connection, procedure, self)

    def logoff(self, **sending: Unpack[Sending]) -> Answer:
        """Send LOGOFF."""
        return self._follow(self.core.logoff, sending)

    def tree_connect(
        self,
        share: str | ShareRole = ShareRole.PLAIN,
        *,
        path: str | None = None,
        **sending: Unpack[Sending],
    ) -> TreeAnswer:
        """Send TREE_CONNECT to a share, by role or by name; `path` replaces the whole UNC path."""
        name = self.lab.share(share) if isinstance(share, ShareRole) else share
        options, connection, within, _ = _split(sending)
        used = connection or self.connection
        options["connection"] = used.core
        running = self.lab.drive(tree_connect(self.core, name, path=path, **options), within)
        result = running.result
        tree = None if result is None or result.tree is None else LabTree(self, result.tree, name)
        return TreeAnswer(used, running.exchange, tree)

    def tree(self, share: str | ShareRole = ShareRole.PLAIN, *, on: LabConnection | None = None) -> LabTree:
        """Connect to a share; blocks the case where that fails."""
        return self.tree_connect(share, on=on or self.connection).tree

    def ipc(self, *, on: LabConnection | None = None) -> LabTree:
        """Connect to IPC$; blocks the case where that fails."""
        return self.tree("IPC$", on=on)

    def query_interfaces(
        self,
        *,
        tree: LabTree | None = None,
        file_id: FileId | None = None,
        max_output_response: int = MAX_TRANSACT,
        input_buffer: Buffer = b"",
        **sending: Unpack[Sending],
    ) -> Answer:
        """Ask for the server's network interfaces, on IPC$ unless another tree is given ([MS-SMB2] 2.2.31,
        2.2.32.5).
        """
        return (tree or self.ipc(on=sending.get("on"))).ioctl(
            FsctlCode.QUERY_NETWORK_INTERFACE_INFO,
            input_buffer,
            file_id=file_id,
            max_output_response=max_output_response,
            **sending,
        )

    def interfaces(self, *, on: LabConnection | None = None) -> list[NetworkInterfaceInfo]:
        """Return the server's network interfaces; blocks the case where it does not tell them."""
        answer = self.query_interfaces(on=on or self.connection)
        return decode_list(answer.required().data, [])

    def _follow(self, word: Callable[..., Exchange], sending: Sending) -> Answer:
        options, connection, within, wait = _split(sending)
        used = connection or self.connection
        options["connection"] = used.core
        return used.follow(word(**options), within=within, wait=wait)


class LabTree:
    """A tree connect."""

    def __init__(self, session: LabSession, core: Tree, share: str) -> None:
        self.session = session
        self.core = core
        """The client core's tree connect ([MS-SMB2] 3.2.1.4)."""
        self.share = share

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.session.lab

    def send(self, body: Body, **sending: Unpack[Sending]) -> Answer:
        """Send any body on this tree."""
        return (sending.get("on") or self.session.connection).send(
            body, session=self.session, tree=self, **sending
        )

    def create(self, name: str | None = None, **arguments: Unpack[CreateArguments]) -> CreateAnswer:
        """Send CREATE; without a name, for a new one of the lab.

        Takes every field of the request (`desired_access`, `create_disposition`, ...) besides what all words
        take; unless told otherwise it opens or makes a file for reading, writing and deleting, shared with
        all.
        """
        path = self.lab.name() if name is None else name
        sending, fields = _create_fields(arguments)
        options, connection, within, wait = _split(sending)
        used = connection or self.session.connection
        options["connection"] = used.core
        running = Running(create(self.core, path, **fields, **options))
        self.lab.created.append((self.share, path))
        answer = CreateAnswer(used, running, lambda opened: LabOpen(self, opened))
        if wait:
            answer.wait(within)
        return answer

    def open(self, name: str | None = None, **arguments: Unpack[CreateArguments]) -> LabOpen:
        """Open a file; blocks the case where that fails."""
        return self.create(name, **arguments).open

    def directory(self, name: str | None = None) -> LabOpen:
        """Make (or open) a directory; blocks the case where that fails."""
        return self.open(name, create_options=CreateOptions.DIRECTORY_FILE)

    def disconnect(self, **sending: Unpack[Sending]) -> Answer:
        """Send TREE_DISCONNECT."""
        return self.session._follow(self.core.disconnect, sending)

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        file_id: FileId | None = None,
        max_output_response: int = MAX_TRANSACT,
        ioctl_flags: IoctlFlags = IoctlFlags.IS_FSCTL,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send IOCTL; without a FileId with the one of all ones that FSCTLs without a file use."""

        def word(**options: Unpack[Options]) -> Exchange:
            return self.core.ioctl(
                ctl_code,
                input_buffer,
                file_id=FILE_ID_ANY if file_id is None else file_id,
                max_output_response=max_output_response,
                ioctl_flags=ioctl_flags,
                **options,
            )

        return self.session._follow(word, sending)


class LabOpen:
    """An open file, directory or pipe."""

    def __init__(self, tree: LabTree, core: Open) -> None:
        self.tree = tree
        self.core = core
        """The client core's open ([MS-SMB2] 3.2.1.6), with the response that made it."""

    @property
    def lab(self) -> Lab:
        """The lab of the running case."""
        return self.tree.lab

    @property
    def file_id(self) -> FileId:
        """Open.FileId."""
        return self.core.file_id

    def send(self, body: Body, **sending: Unpack[Sending]) -> Answer:
        """Send any body on the open's tree."""
        return self.tree.send(body, **sending)

    def read(self, offset: int = 0, length: int = MAX_TRANSACT, **sending: Unpack[Sending]) -> Answer:
        """Send READ; `answer.data` has the bytes."""
        return self._follow(lambda **options: self.core.read(offset, length, **options), sending)

    def write(self, data: Buffer, offset: int = 0, **sending: Unpack[Sending]) -> Answer:
        """Send WRITE."""
        return self._follow(lambda **options: self.core.write(offset, data, **options), sending)

    def flush(self, **sending: Unpack[Sending]) -> Answer:
        """Send FLUSH."""
        return self._follow(self.core.flush, sending)

    def close(self, **sending: Unpack[Sending]) -> Answer:
        """Send CLOSE."""
        return self._follow(self.core.close, sending)

    def lock(
        self,
        offset: int = 0,
        length: int = 1,
        *,
        exclusive: bool = True,
        fail_immediately: bool = True,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send LOCK for one range; with `fail_immediately=False` it may stay pending."""
        flags = LockFlags.EXCLUSIVE_LOCK if exclusive else LockFlags.SHARED_LOCK
        if fail_immediately:
            flags |= LockFlags.FAIL_IMMEDIATELY
        return self._lock(LockElement(offset=offset, length=length, flags=flags), sending)

    def unlock(self, offset: int = 0, length: int = 1, **sending: Unpack[Sending]) -> Answer:
        """Send LOCK that releases one range."""
        return self._lock(LockElement(offset=offset, length=length, flags=LockFlags.UNLOCK), sending)

    def query_info(
        self,
        info_type: int,
        info_class: int,
        *,
        output_buffer_length: int = MAX_TRANSACT,
        additional_information: int = 0,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send QUERY_INFO; `answer.data` has the bytes."""
        return self._follow(
            lambda **options: self.core.query_info(
                info_type,
                info_class,
                output_buffer_length=output_buffer_length,
                additional_information=additional_information,
                **options,
            ),
            sending,
        )

    def set_info(
        self,
        info_type: int,
        info_class: int,
        buffer: Buffer,
        *,
        additional_information: int = 0,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send SET_INFO."""
        return self._follow(
            lambda **options: self.core.set_info(
                info_type, info_class, buffer, additional_information=additional_information, **options
            ),
            sending,
        )

    def query_directory(self, pattern: str = "*", **sending: Unpack[Sending]) -> Answer:
        """Send QUERY_DIRECTORY; `answer.data` has the bytes."""
        return self._follow(lambda **options: self.core.query_directory(pattern, **options), sending)

    def change_notify(
        self, completion_filter: CompletionFilter, *, watch_tree: bool = False, **sending: Unpack[Sending]
    ) -> Answer:
        """Send CHANGE_NOTIFY; mostly wanted with `wait=False`."""
        return self._follow(
            lambda **options: self.core.change_notify(completion_filter, watch_tree=watch_tree, **options),
            sending,
        )

    def ioctl(
        self,
        ctl_code: int,
        input_buffer: Buffer = b"",
        *,
        max_output_response: int = MAX_TRANSACT,
        **sending: Unpack[Sending],
    ) -> Answer:
        """Send IOCTL on this open."""
        return self.tree.ioctl(
            ctl_code, input_buffer, file_id=self.file_id, max_output_response=max_output_response, **sending
        )

    def _lock(self, element: LockElement, sending: Sending) -> Answer:
        return self._follow(lambda **options: self.core.lock([element], **options), sending)

    def _follow(self, word: Callable[..., Exchange], sending: Sending) -> Answer:
        return self.tree.session._follow(word, sending)


_CREATE_FIELDS: Final = (
    "desired_access",
    "file_attributes",
    "share_access",
    "create_disposition",
    "create_options",
    "requested_oplock_level",
    "impersonation_level",
    "contexts",
)


def _split(sending: Sending) -> tuple[Options, LabConnection | None, float | None, bool]:
    """Part what the client core takes from what the lab takes: channel, patience, whether to wait."""
    rest = dict(sending)
    rest.pop("on", None)
    rest.pop("within", None)
    rest.pop("wait", None)
    return (
        cast(Options, rest),
        sending.get("on"),
        sending.get("within"),
        sending.get("wait", True),
    )


def _create_fields(arguments: CreateArguments) -> tuple[Sending, CreateFields]:
    """Part the fields of a CREATE from what every word takes."""
    fields = {name: value for name, value in arguments.items() if name in _CREATE_FIELDS}
    rest = {name: value for name, value in arguments.items() if name not in _CREATE_FIELDS}
    return cast(Sending, rest), cast(CreateFields, fields)


def _logon_options(signed: bool | None, logon: Logon) -> LogonOptions:
    """Return the client core's options; `signed` is the lab's word for `sign`."""
    options = LogonOptions(**logon)
    if signed is not None:
        options.sign = signed
    return options
