"""A tree connect to the server under test, with words that block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.session import Options
from smbtorture_py.client.tree import Tree, create
from smbtorture_py.conformance.answer import Answer, CreateAnswer
from smbtorture_py.conformance.lab.arguments import (
    MAX_TRANSACT,
    CreateArguments,
    Sending,
    split_create,
    split_sending,
)
from smbtorture_py.conformance.lab.handle_contexts import asks_for_lease
from smbtorture_py.conformance.lab.open import LabOpen
from smbtorture_py.conformance.running import Running
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, Buffer, FileId
from smbtorture_py.wire.create import CreateOptions, OplockLevel
from smbtorture_py.wire.ioctl import IoctlFlags
from smbtorture_py.wire.lease import LeaseState

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.lab import Lab
    from smbtorture_py.conformance.lab.session import LabSession


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
        all, and asks for a lease where one is among the contexts.
        """
        path = self.lab.name() if name is None else name
        sending, fields = split_create(arguments)
        if asks_for_lease(fields.get("contexts", ())):
            fields.setdefault("requested_oplock_level", OplockLevel.LEASE)
        options, connection, within, wait = split_sending(sending)
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

    def directory(self, name: str | None = None, **arguments: Unpack[CreateArguments]) -> LabOpen:
        """Make (or open) a directory; blocks the case where that fails."""
        arguments["create_options"] = (
            arguments.get("create_options", CreateOptions.NONE) | CreateOptions.DIRECTORY_FILE
        )
        return self.open(name, **arguments)

    def acknowledge_lease(
        self, lease_key: bytes, lease_state: LeaseState, **sending: Unpack[Sending]
    ) -> Answer:
        """Send LEASE_BREAK Acknowledgment."""
        return self.session.follow(
            lambda **options: self.session.core.acknowledge_lease_break(
                lease_key, lease_state, tree=self.core, **options
            ),
            sending,
        )

    def disconnect(self, **sending: Unpack[Sending]) -> Answer:
        """Send TREE_DISCONNECT."""
        return self.session.follow(self.core.disconnect, sending)

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

        return self.session.follow(word, sending)
