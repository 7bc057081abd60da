"""CREATE requests that come a second time ([MS-SMB2] 3.3.5.9, 3.3.5.9.10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smbtorture_py.server.access import DELETE_ACCESS, READ_ACCESS, WRITE_ACCESS
from smbtorture_py.wire.create_contexts import DurableHandleFlags
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.create_contexts import DurableHandleRequestV2


class ReplayPolicy:
    """The choices around the CreateGuid of a CREATE."""

    def is_replay(self, request: Request) -> bool:
        """Whether SMB2_FLAGS_REPLAY_OPERATION counts: on a server that implements 3.x (3.3.5.9)."""
        return request.connection.server.implements_3x and request.header.has(HeaderFlags.REPLAY_OPERATION)

    def is_eligible(self, open_: Open) -> bool:
        """Whether Open.IsReplayEligible becomes TRUE for an open made with a CreateGuid (3.3.5.9.10).

        Where the object store grants durability, which it does to every file, whatever the oplock: a replay
        has to work for a client that was refused one (erratum 23). It is persistent, or can access data.
        """
        access = READ_ACCESS | WRITE_ACCESS | DELETE_ACCESS
        return open_.is_persistent or (
            not self.counts_as_directory(open_) and open_.has_any_access(int(access))
        )

    def counts_as_directory(self, open_: Open) -> bool:
        """Whether an open is that of a directory: Open.FileAttributes say so (3.3.5.9.10)."""
        return bool(open_.file_attributes & FileAttributes.DIRECTORY)

    def note_use(self, open_: Open, request: Request) -> None:
        """End the eligibility of an open that a request is about, whatever becomes of that (3.3.5.11 to
        3.3.5.22.1)."""
        del request
        open_.is_replay_eligible = False

    def find_eligible(self, request: Request, create_guid: bytes) -> Open | None:
        """The open that a CreateGuid of this client made and that nothing has used since (3.3.5.9,
        3.3.5.9.10)."""
        table = request.connection.server.create_guid_table
        return table.find_eligible(request.connection.client_guid, create_guid)

    def checks(self) -> Sequence[Callable[[Attempt, Open], Status]]:
        """What is checked about the open that was found, in the text's order (3.3.5.9)."""
        return (self.owner_status, self.lease_status, self.session_status, self.persistent_flag_status)

    def owner_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what another user's replay fails with (3.3.5.9)."""
        request = attempt.request
        is_owner = request.connection.server.policies.durable.is_owner(open_, request.require_session())
        return Status.SUCCESS if is_owner else Status.ACCESS_DENIED

    def lease_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what a replay fails with that does not name the LeaseKey of the open's lease
        (3.3.5.9)."""
        if open_.lease is None:
            return Status.SUCCESS
        context = attempt.contexts.lease
        same = context is not None and bytes(context.lease_key) == open_.lease.lease_key
        return Status.SUCCESS if same else Status.ACCESS_DENIED

    def session_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what the replay in another session than the open's fails with (3.3.5.9).

        An open that was parted from its session waits for its client: the replay gets it (erratum 19).
        """
        session = open_.session
        same = session is None or session.session_id == attempt.request.require_session().session_id
        return Status.SUCCESS if same else Status.DUPLICATE_OBJECTID

    def persistent_flag_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what a replay without the persistent flag fails with for a persistent open (SHOULD,
        3.3.5.9)."""
        asked = bool(self.context(attempt).flags & DurableHandleFlags.PERSISTENT)
        return Status.INVALID_PARAMETER if open_.is_persistent and not asked else Status.SUCCESS

    def duplicate_status(self, attempt: Attempt, open_: Open) -> Status:
        """What a CREATE with the CreateGuid of an open fails with that is no replay (3.3.5.9.10)."""
        del attempt, open_
        return Status.DUPLICATE_OBJECTID

    def pending_status(self, attempt: Attempt, pending: Attempt) -> Status:
        """SUCCESS to open once more, or what a replay fails with whose original still waits (erratum 20)."""
        del attempt, pending
        return Status.FILE_NOT_AVAILABLE

    def pending_duplicate_status(self, attempt: Attempt, pending: Attempt) -> Status:
        """The same for a CREATE that is no replay: its CreateGuid belongs to no open yet (3.3.5.9.10)."""
        del attempt, pending
        return Status.SUCCESS

    def unknown_persistent_status(self, attempt: Attempt) -> Status:
        """SUCCESS to open, or what the replay of a persistent open fails with that never was (3.3.5.9)."""
        del attempt
        return Status.SUCCESS

    def connected_persistent_status(self, open_: Open) -> Status:
        """SUCCESS, or what the replay of a persistent open fails with that is connected and was used
        (3.3.5.9)."""
        return Status.SUCCESS if open_.connection is None else Status.FILE_NOT_AVAILABLE

    def parameters_status(self, attempt: Attempt, open_: Open) -> Status:
        """SUCCESS, or what the replay of a disconnected persistent open fails with that asks for other
        CreateOptions, DesiredAccess or ShareAccess (3.3.5.9)."""
        return Status.SUCCESS if attempt.asked == open_.asked else Status.CONTEXT_MISMATCH

    def replayed_level(self, attempt: Attempt, open_: Open) -> int:
        """OplockLevel of the response to a replay: Open.OplockLevel (3.3.5.9 "Response Construction")."""
        del attempt
        return open_.oplock_level

    def replayed_context_is_sent(self, attempt: Attempt, open_: Open) -> bool:
        """Whether the response to a replay has a DH2Q context: where the open is durable (3.3.5.9.10)."""
        del attempt
        return open_.is_durable

    def context(self, attempt: Attempt) -> DurableHandleRequestV2:
        """The DH2Q context of an attempt that has one."""
        found = attempt.contexts.durable_request_v2
        if found is None:
            raise AssertionError("only a CREATE with DH2Q can be a replay")
        return found
