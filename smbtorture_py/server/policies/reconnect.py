"""Coming back for an open that was preserved ([MS-SMB2] 3.3.5.9.7, 3.3.5.9.12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from smbtorture_py.server.lease import LeasedName
from smbtorture_py.server.path_name import parse
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.create_contexts import DurableHandleFlags, RequestLease
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.codec import FileId
    from smbtorture_py.wire.create import CreateRequest
    from smbtorture_py.wire.create_contexts import DurableHandleReconnectV2


@dataclass(slots=True, frozen=True)
class Reconnect:
    """A CREATE with DHnC or DH2C."""

    request: Request
    body: CreateRequest
    contexts: CreateContexts

    @property
    def version_2(self) -> DurableHandleReconnectV2 | None:
        """The DH2C context, which goes before DHnC."""
        return self.contexts.durable_reconnect_v2

    @property
    def file_id(self) -> FileId | None:
        """Which open is meant."""
        v1 = self.contexts.durable_reconnect
        if self.version_2 is not None:
            return self.version_2.file_id
        return None if v1 is None else v1.data

    @property
    def asks_persistent(self) -> bool:
        """DH2C has SMB2_DHANDLE_FLAG_PERSISTENT."""
        return self.version_2 is not None and bool(self.version_2.flags & DurableHandleFlags.PERSISTENT)


Check: TypeAlias = Callable[[Reconnect, "Open"], Status]
"""SUCCESS, or what a reconnect to this open fails with."""


class ReconnectPolicy:
    """The choices around DHnC and DH2C."""

    def combination_status(self, reconnect: Reconnect) -> Status:
        """SUCCESS, or what durable contexts fail with that do not go together.

        DHnC allows DHnQ beside it (SHOULD, 3.3.5.9.7); DH2C allows none (3.3.5.9.12).
        """
        contexts = reconnect.contexts
        wrong = contexts.durable_request_v2 is not None
        if reconnect.version_2 is not None:
            wrong |= contexts.durable_request is not None or contexts.durable_reconnect is not None
        return Status.INVALID_PARAMETER if wrong else Status.SUCCESS

    def find(self, reconnect: Reconnect) -> Open | None:
        """The open of GlobalOpenTable that FileId.Persistent names; DH2C with the persistent flag falls back
        to the CreateGuid (3.3.5.9.7, 3.3.5.9.12)."""
        server = reconnect.request.connection.server
        file_id = reconnect.file_id
        found = None if file_id is None else server.global_open_table.get(file_id.persistent)
        v2 = reconnect.version_2
        if found is not None or v2 is None or not reconnect.asks_persistent:
            return found
        if not server.policies.durable.share_persists(reconnect.request):
            return None
        return server.create_guid_table.find_persistent(bytes(v2.create_guid))

    def not_found_status(self) -> Status:
        """What a reconnect to an open that does not exist fails with (SHOULD, 3.3.5.9.7, .12)."""
        return Status.OBJECT_NAME_NOT_FOUND

    def checks(self, reconnect: Reconnect) -> Sequence[Check]:
        """What is checked about the open that was found, in the text's order."""
        return self.checks_v1() if reconnect.version_2 is None else self.checks_v2()

    def checks_v1(self) -> Sequence[Check]:
        """The checks of 3.3.5.9.7."""
        return (
            self.client_guid_status,
            self.file_name_status,
            self.lease_presence_status,
            self.oplock_level_status,
            self.lease_state_status,
            self.durability_status,
            self.connected_status,
            self.lease_key_status,
            self.lease_version_status,
            self.share_status,
            self.owner_status,
        )

    def checks_v2(self) -> Sequence[Check]:
        """The checks of 3.3.5.9.12."""
        return (
            self.client_guid_status,
            self.missing_flag_status,
            self.create_guid_status,
            self.durability_status,
            self.connected_status,
            self.lease_presence_status,
            self.oplock_level_status,
            self.lease_key_status,
            self.lease_state_status,
            self.lease_version_status,
            self.file_name_status,
            self.persistent_flag_status,
            self.share_status,
            self.owner_status,
        )

    def client_guid_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """Only the client that made an open with a lease gets it back; without a lease any may ask."""
        same = open_.client_guid == reconnect.request.connection.client_guid
        return Status.SUCCESS if open_.lease is None or same else Status.OBJECT_NAME_NOT_FOUND

    def file_name_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """The name must be that of the lease, unless the file is about to be deleted; without a lease it is
        ignored."""
        lease = open_.lease
        if lease is None or lease.file_delete_on_close:
            return Status.SUCCESS
        try:
            name = parse(reconnect.body.name)
        except StorageError:
            return Status.INVALID_PARAMETER
        same = LeasedName.of(open_.storage, name.path, name.stream) == lease.filename
        return Status.SUCCESS if same else Status.INVALID_PARAMETER

    def lease_presence_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """A lease context must be there where the open has a lease, and nowhere else."""
        same = (open_.lease is None) == (reconnect.contexts.lease is None)
        return Status.SUCCESS if same else Status.OBJECT_NAME_NOT_FOUND

    def lease_key_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """LeaseKey must be that of the open's lease."""
        context = reconnect.contexts.lease
        if open_.lease is None or context is None:
            return Status.SUCCESS
        same = bytes(context.lease_key) == open_.lease.lease_key
        return Status.SUCCESS if same else Status.OBJECT_NAME_NOT_FOUND

    def lease_version_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """The lease context must be of the lease's version (SHOULD)."""
        context = reconnect.contexts.lease
        if open_.lease is None or context is None:
            return Status.SUCCESS
        version = 1 if isinstance(context, RequestLease) else 2
        return Status.SUCCESS if version == open_.lease.version else Status.OBJECT_NAME_NOT_FOUND

    def oplock_level_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """A durable open without a lease must still have its batch oplock; a persistent one needs none
        (erratum 18)."""
        del reconnect
        lost = open_.is_durable and open_.lease is None and open_.oplock_level is not OplockLevel.BATCH
        return Status.OBJECT_NAME_NOT_FOUND if lost and not open_.is_persistent else Status.SUCCESS

    def lease_state_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """The lease of a durable open must still have HANDLE caching; that of a persistent one need not
        (erratum 18)."""
        del reconnect
        if open_.lease is None or not open_.is_durable or open_.is_persistent:
            return Status.SUCCESS
        kept = LeaseState.HANDLE_CACHING in open_.lease.lease_state
        return Status.SUCCESS if kept else Status.OBJECT_NAME_NOT_FOUND

    def durability_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """Only durable and resilient opens come back."""
        del reconnect
        return Status.SUCCESS if open_.is_durable or open_.is_resilient else Status.OBJECT_NAME_NOT_FOUND

    def connected_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """An open that has a session is not given away."""
        del reconnect
        return Status.SUCCESS if open_.session is None else Status.OBJECT_NAME_NOT_FOUND

    def create_guid_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """CreateGuid must be that of the open (3.3.5.9.12)."""
        v2 = reconnect.version_2
        same = v2 is not None and open_.create_guid == bytes(v2.create_guid)
        return Status.SUCCESS if same else Status.OBJECT_NAME_NOT_FOUND

    def missing_flag_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """A persistent open wants the persistent flag (SHOULD, 3.3.5.9.12)."""
        missing = open_.is_persistent and not reconnect.asks_persistent
        return Status.OBJECT_NAME_NOT_FOUND if missing else Status.SUCCESS

    def persistent_flag_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """The persistent flag wants a persistent open (SHOULD, 3.3.5.9.12)."""
        wrong = reconnect.asks_persistent and not open_.is_persistent
        return Status.INVALID_PARAMETER if wrong else Status.SUCCESS

    def share_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """A tree connect to another share finds nothing (the specification is silent)."""
        same = reconnect.request.require_tree().share.storage is open_.storage
        return Status.SUCCESS if same else Status.OBJECT_NAME_NOT_FOUND

    def owner_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """Only the user who made the open gets it back."""
        request = reconnect.request
        is_owner = request.connection.server.policies.durable.is_owner(open_, request.require_session())
        return Status.SUCCESS if is_owner else Status.ACCESS_DENIED

    def epoch_after_restart(self, reconnect: Reconnect, lease: Lease) -> int:
        """Lease.Epoch for a client that comes back after a restart of the server: as it was (SHOULD,
        3.3.5.9.12)."""
        del reconnect
        return lease.epoch

    def response_is_sent(self, open_: Open) -> bool:
        """Whether the response to DHnC has a DHnQ context (MAY, 3.3.5.9.7)."""
        del open_
        return False
