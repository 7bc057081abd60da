"""Server: the globals of [MS-SMB2] 3.3.1.5, where connections begin and where timers run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from smbtorture_py.server import timers
from smbtorture_py.server.composition import compose
from smbtorture_py.server.config import IPC_SHARE, ServerConfig, ShareConfig
from smbtorture_py.server.connection import Connection
from smbtorture_py.server.parts import Parts
from smbtorture_py.server.policies import Policies
from smbtorture_py.server.session import Session
from smbtorture_py.server.transport import Entropy, Transport
from smbtorture_py.server.tree_connect import Share
from smbtorture_py.wire.framing import FrameReader
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.tree_connect import ShareType

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open


@dataclass(slots=True)
class Client:
    """An entry of GlobalClientTable ([MS-SMB2] 3.3.1.16)."""

    client_guid: bytes
    dialect: Dialect


class DeadlineSource(Protocol):
    """A part with timers."""

    def next_deadline(self) -> float | None:
        """When `tick` has something to do next; None for never."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Server:
    """A server core: give it connections and time, it answers.

    Fields follow [MS-SMB2] 3.3.1.5; policies decide what the text leaves open, parts keep state.
    """

    def __init__(
        self,
        config: ServerConfig,
        policies: Policies | None = None,
        parts: Parts | None = None,
        *,
        entropy: Entropy,
        now: float,
    ) -> None:
        self.config = config
        self.policies = policies if policies is not None else Policies()
        self.parts = parts if parts is not None else Parts()
        self.entropy = entropy
        self.signer = self.parts.signer()
        self.message_encryptor = self.parts.message_encryptor()
        self.preauth_hasher = self.parts.preauth_hasher()
        self.key_deriver = self.parts.key_deriver()
        self.authenticator = self.parts.authenticator()
        self.interface_list = self.parts.interface_list()
        self.server_guid = config.server_guid
        self.server_start_time = now
        self.global_session_table: dict[int, Session] = {}
        self.global_open_table: dict[int, Open] = {}
        """By persistent file id."""
        self.global_client_table: dict[bytes, Client] = {}
        self.connection_list: list[Connection] = []
        self.share_list: dict[str, Share] = {}
        """By lower-case name."""
        for share in config.shares:
            self.share_list[share.name.casefold()] = Share(share)
        self.share_list.setdefault(
            IPC_SHARE.casefold(), Share(ShareConfig(name=IPC_SHARE, share_type=ShareType.PIPE))
        )
        self.file_table = self.parts.file_table(self.parts.lock_table)
        self.break_delivery = self.parts.break_delivery(self)
        self.break_check = self.parts.break_check(self)
        self.oplock_scheduler = self.parts.oplock_scheduler(self)
        self.lease_tables = self.parts.lease_tables(self)
        self.change_notifier = self.parts.change_notifier()
        self.create_guid_table = self.parts.create_guid_table()
        self.durable_opens = self.parts.durable_opens(self)
        self.persistent_opens = self.parts.persistent_opens(self)
        self.blocked_channels = self.parts.blocked_channels()
        self.deadline_sources: list[DeadlineSource] = [
            self.oplock_scheduler,
            self.lease_tables,
            self.blocked_channels,
            self.durable_opens,
        ]
        """Parts that have timers of their own."""
        self._next_global_id = 1
        self.persistent_opens.restore(now)

    @classmethod
    def compose(
        cls,
        config: ServerConfig,
        policy: str = "specification",
        defects: Sequence[str] = (),
        *,
        entropy: Entropy,
        now: float,
    ) -> Server:
        """Make a server of a named policy with the named defects; raises KeyError for names that do not
        exist."""
        policies, parts = compose(policy, tuple(defects))
        return cls(config, policies, parts, entropy=entropy, now=now)

    def accept(
        self, transport: Transport, local: tuple[str, int], remote: tuple[str, int], now: float
    ) -> Connection:
        """Take an incoming connection (3.3.5.1); the caller drives the callbacks of what this returns."""
        connection = Connection(
            server=self,
            transport=transport,
            local_address=local,
            client_address=remote,
            creation_time=now,
            command_sequence_window=self.parts.command_sequence_window(),
            reader=FrameReader(),
        )
        connection.reader.max_length = self.policies.message.maximum_frame(connection)
        self.connection_list.append(connection)
        return connection

    @property
    def implements_3x(self) -> bool:
        """The server implements the SMB 3.x dialect family."""
        return self.config.maximum_dialect >= Dialect.SMB_3_0

    @property
    def implements_311(self) -> bool:
        """The server implements 3.1.1."""
        return self.config.maximum_dialect >= Dialect.SMB_3_1_1

    def remember_client(self, client_guid: bytes, dialect: Dialect) -> None:
        """Enter a client into GlobalClientTable (3.3.5.5.3)."""
        self.global_client_table[client_guid] = Client(client_guid, dialect)

    def new_global_id(self) -> int:
        """An unused SessionGlobalId or TreeGlobalId."""
        self._next_global_id += 1
        return self._next_global_id - 1

    def next_deadline(self) -> float | None:
        """When `tick` has something to do next; None for never."""
        return timers.next_deadline(self)

    def tick(self, now: float) -> None:
        """Run every timer that is due (3.3.6)."""
        timers.run_due(self, now)

    def transport_progressed(self, connection: Connection, now: float) -> None:
        """The client's transport acknowledged something."""
        timers.transport_progressed(self, connection, now)

    def transport_stuck(self, connection: Connection, since: float, now: float) -> None:
        """The client's transport has acknowledged nothing since `since` although bytes are outstanding."""
        timers.transport_stuck(self, connection, since, now)
