"""A session with the server under test, with words that block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Unpack

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.logon import reauthenticate
from smbtorture_py.client.session import Session
from smbtorture_py.client.tree import tree_connect
from smbtorture_py.conformance.answer import Answer, LogonAnswer, TreeAnswer
from smbtorture_py.conformance.lab.arguments import MAX_TRANSACT, Logon, Sending, logon_options, split_sending
from smbtorture_py.conformance.lab.authentication import Authentication
from smbtorture_py.conformance.lab.breaks import B, LabBreak, breaks_of
from smbtorture_py.conformance.lab.tree import LabTree
from smbtorture_py.conformance.target import Account, ShareRole
from smbtorture_py.net.core import Address
from smbtorture_py.wire.codec import Body, Buffer, FileId
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import NetworkInterfaceInfo, decode_list
from smbtorture_py.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.connection import LabConnection
    from smbtorture_py.conformance.lab.lab import Lab


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
            self.core, credentials, logon_options(signed, logon), connection=connection.core
        )
        return Authentication(connection, procedure, self)

    def logoff(self, **sending: Unpack[Sending]) -> Answer:
        """Send LOGOFF."""
        return self.follow(self.core.logoff, sending)

    def tree_connect(
        self,
        share: str | ShareRole = ShareRole.PLAIN,
        *,
        path: str | None = None,
        **sending: Unpack[Sending],
    ) -> TreeAnswer:
        """Send TREE_CONNECT to a share, by role or by name; `path` replaces the whole UNC path."""
        name = self.lab.share(share) if isinstance(share, ShareRole) else share
        options, connection, within, _ = split_sending(sending)
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

    def wait_lease_break(
        self, *, after: int = 0, within: float | None = None
    ) -> LabBreak[LeaseBreakNotification]:
        """Wait for a lease break on any channel; `after` leaves out so many of them."""
        return self._wait_break(LeaseBreakNotification, after, within)

    def wait_oplock_break(
        self, *, after: int = 0, within: float | None = None
    ) -> LabBreak[OplockBreakNotification]:
        """Wait for an oplock break on any channel; `after` leaves out so many of them."""
        return self._wait_break(OplockBreakNotification, after, within)

    @property
    def lease_breaks(self) -> list[LabBreak[LeaseBreakNotification]]:
        """The lease breaks that have arrived, on all channels, by arrival."""
        return breaks_of(self, LeaseBreakNotification)

    @property
    def oplock_breaks(self) -> list[LabBreak[OplockBreakNotification]]:
        """The oplock breaks that have arrived, on all channels, by arrival."""
        return breaks_of(self, OplockBreakNotification)

    def _wait_break(self, kind: type[B], after: int, within: float | None) -> LabBreak[B]:
        self.lab.wait(lambda: len(breaks_of(self, kind)) > after, within)
        return next(iter(breaks_of(self, kind)[after:]), LabBreak(self, None, None, None))

    def follow(self, word: Callable[..., Exchange], sending: Sending) -> Answer:
        """Send what a word of the client core sends, on the channel and with the patience that `sending`
        says.
        """
        options, connection, within, wait = split_sending(sending)
        used = connection or self.connection
        options["connection"] = used.core
        return used.follow(word(**options), within=within, wait=wait)
