"""The lab of one run of one case: its world and target, its names and patience, its connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NoReturn, TypeVar, Unpack

from smbtorture_py.auth.credentials import ANONYMOUS, Credentials
from smbtorture_py.client.config import ClientConfig
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Procedure
from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.client.logon import bind
from smbtorture_py.client.negotiate import NegotiateOffer
from smbtorture_py.client.session import Session
from smbtorture_py.conformance.administration import Administration
from smbtorture_py.conformance.answer import Answer, LogonAnswer
from smbtorture_py.conformance.case import CIPHER, DIALECT, SIGNING_ALGORITHM, Case, Variant
from smbtorture_py.conformance.catalogue import Catalogue, Requirement
from smbtorture_py.conformance.control import Control
from smbtorture_py.conformance.lab.arguments import Logon, Offering, logon_options
from smbtorture_py.conformance.lab.connection import LabConnection
from smbtorture_py.conformance.lab.multichannel import Logging, MultichannelSession
from smbtorture_py.conformance.lab.session import LabSession
from smbtorture_py.conformance.lab.tree import LabTree
from smbtorture_py.conformance.needs import CLEAR_SESSIONS, Capability, Need
from smbtorture_py.conformance.running import Running
from smbtorture_py.conformance.stops import Blocked, Lacking, NotApplicable
from smbtorture_py.conformance.target import SHARE_NEEDS, Account, ShareRole, Target
from smbtorture_py.net.core import Address, Transport
from smbtorture_py.net.world import World
from smbtorture_py.results.observation import Observation
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions
from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo
from smbtorture_py.wire.status import Status

T = TypeVar("T")

PATIENCE: Final = 10.0
"""Seconds that an answer may take before it counts as none, times the target's scale."""

QUIET: Final = 0.3
"""Seconds, times the target's scale, after which what has not come does not come."""

RETRY: Final = 0.05
"""Seconds between the first two attempts at what a server does in its own time; later ones are rarer."""

CLIENT_GUID_SIZE: Final = 16
NAME_BYTES: Final = 4


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

        self.clients: list[MultichannelSession] = []
        """The clients that act on their own while words wait."""

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
        """Return the name of the share that plays a role; blocks the case where there is none, as a need."""
        name = self.target.shares.get(role)
        if name is not None:
            return name
        if role in SHARE_NEEDS:
            self._lack([SHARE_NEEDS[role]])
        raise Blocked(f"the target has no {role} share")

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
            self._lack(lacking)

    def _lack(self, lacking: list[Need]) -> NoReturn:
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

    def guid(self) -> bytes:
        """Return 16 bytes that nobody else uses: a lease key, a CreateGuid, another ClientGuid; the same for
        one seed.
        """
        return self.entropy(CLIENT_GUID_SIZE)

    def requirement(self, requirement_id: str | None = None) -> Requirement:
        """Return a requirement; None: the first one the case cites."""
        return self.catalogue[requirement_id or self.case.requirements[0]]

    # Waiting

    def seconds(self, unscaled: float) -> float:
        """Return a time span stretched by the target's scale."""
        return unscaled * self.target.deadline_scale

    def deadline(self, within: float | None = None) -> float:
        """Return when `within` seconds from now (unless given: the lab's patience), scaled, are over."""
        return self.world.now + self.seconds(PATIENCE if within is None else within)

    def wait(self, condition: Callable[[], bool], within: float | None = None) -> bool:
        """Run the world until the condition holds (True) or `within` seconds (scaled) have passed (False)."""
        deadline = self.deadline(within)
        if not self.clients:
            return self.world.run_until(condition, deadline)
        while self.world.run_until(lambda: condition() or self.clients_have_news(), deadline):
            self.attend_clients()
            if condition():
                return True
        return False

    def clients_have_news(self) -> bool:
        """Tell whether a client that acts on its own has something to do."""
        return any(client.core.has_news(self.now) for client in self.clients)

    def attend_clients(self) -> None:
        """Let the clients that act on their own do what they can without waiting."""
        for client in self.clients:
            client.core.advance(self.now)

    def settle(self) -> None:
        """Give the server time for what it should not do: a moment, scaled."""
        self.world.run_for(self.seconds(QUIET))

    def pause(self, seconds: float) -> None:
        """Let time pass, unscaled; for cases about timers."""
        self.world.run_for(seconds)

    def eventually(
        self, attempt: Callable[[], T], holds: Callable[[T], bool], within: float | None = None
    ) -> T:
        """Repeat `attempt` until what it returns is as it should be, or the time is over; return the last.

        For what a server does in its own time, such as closing what a lost connection leaves behind.
        """
        deadline = self.deadline(within)
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
        options = logon_options(None, logon)
        procedures = [bind(session.core, connection.core, None, options) for connection, session in pairs]
        every = self.drive_together(procedures)
        return [
            connection.authenticated(running, session)
            for (connection, session), running in zip(pairs, every, strict=True)
        ]

    def used_connection(self, **offering: Unpack[Offering]) -> LabConnection:
        """Negotiate a connection that may ask for a session it does not have.

        A server without anonymous access ends a connection that asks before anybody has logged on over it
        ([MS-SMB2] 3.3.5.2.9): there somebody else has.
        """
        connection = self.connect(**offering)
        if Capability.ANONYMOUS not in self.target.capabilities:
            self.logon(connection=connection)
        return connection

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

    def multichannel_session(
        self,
        user: Account | None = None,
        *,
        share: str | ShareRole = ShareRole.PLAIN,
        channels: int | None = None,
        policy: FailoverPolicy | None = None,
        local: Sequence[NetworkInterfaceInfo] = (),
        **offering: Unpack[Offering],
    ) -> MultichannelSession:
        """Log on with a client that finds the server's interfaces, binds `channels` over the best of them and
        carries on where channels die; blocks the case where the logon fails.

        `channels` None: as many as Windows has; `policy`: what it does otherwise than a good client; `local`:
        the interfaces of this machine, where they are to play a part in the choice.
        """
        logging = Logging(user=user, share=share, offer=offering)
        made = MultichannelSession(self, channels=channels, policy=policy, local=local, logging=logging)
        self.clients.append(made)
        return made

    def another_client(self, user: Account | None = None, **offering: Unpack[Offering]) -> LabSession:
        """Log on as another client, with a ClientGuid of its own; blocks the case where that fails."""
        offer = Offering(client_guid=self.guid())
        offer.update(offering)
        return self.logon(user, offer=offer)

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

        It is another client, which nobody asks to give up the leases that the case left with its durable
        handles. What cannot be removed stays; whatever the server answers here is not judged.
        """
        self.finish()
        session = self.connect(name="clean-up", client_guid=self.guid()).session_setup().session
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
