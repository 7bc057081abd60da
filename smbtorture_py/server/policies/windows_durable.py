"""Where Windows differs in durable opens and replays: its documented product behaviour, and what tests show
that pass against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.durable import DurablePolicy
from smbtorture_py.server.policies.reconnect import Check, Reconnect, ReconnectPolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request

CHOSEN_TIMEOUT: Final = 180_000
"""Milliseconds that a durable open of version 2 is kept unless its client says."""


def locks_need_write_caching(open_: Open) -> bool:
    """Tell whether an open has byte-range locks that its lease does not let its client keep by itself."""
    lease = open_.lease
    return open_.lock_count > 0 and lease is not None and LeaseState.WRITE_CACHING not in lease.lease_state


def lease_of_open_status(attempt: Attempt, open_: Open) -> Status:
    """What a replay fails with that asks for a lease which the open does not have."""
    context, lease = attempt.contexts.lease, open_.lease
    if context is None or attempt.body.requested_oplock_level != OplockLevel.LEASE:
        return Status.SUCCESS
    same = lease is not None and lease.lease_key == bytes(context.lease_key)
    return Status.SUCCESS if same else Status.ACCESS_DENIED


class WindowsDurablePolicy(DurablePolicy):
    """Durable opens as Windows has them."""

    def request_v2_is_considered(self, attempt: Attempt, open_: Open) -> bool:
        """Whether it is a directory says the file, not FileAttributes."""
        del attempt, open_
        return True

    def timeout_v2(self, request: Request, requested: int) -> int:
        """Three minutes where the choice is the server's, as captured traffic shows; in 8 and 2012 it was one
        (<344>)."""
        return super().timeout_v2(request, requested) if requested else CHOSEN_TIMEOUT

    def disconnected_status(self, attempt: Attempt, open_: Open) -> Status:
        """Only an open that caches no handles is not available; any other is treated like one whose client is
        there (<301>)."""
        state = LeaseState.NONE if open_.lease is None else open_.lease.lease_state
        if LeaseState.HANDLE_CACHING in state or open_.oplock_level is OplockLevel.BATCH:
            return Status.SUCCESS
        return super().disconnected_status(attempt, open_)


class WindowsReconnectPolicy(ReconnectPolicy):
    """Reconnects as Windows takes them."""

    def checks_v1(self) -> Sequence[Check]:
        """What is wrong about the lease is noticed before the name."""
        checks = [check for check in super().checks_v1() if check != self.file_name_status]
        checks.insert(checks.index(self.share_status), self.file_name_status)
        return checks

    def checks_v2(self) -> Sequence[Check]:
        """One more (<350>)."""
        return (*super().checks_v2(), self.shared_lease_status)

    def create_guid_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """An open of version 1 has a CreateGuid of zeros."""
        v2 = reconnect.version_2
        if v2 is not None and open_.create_guid is None and not any(v2.create_guid):
            return Status.SUCCESS
        return super().create_guid_status(reconnect, open_)

    def epoch_after_restart(self, reconnect: Reconnect, lease: Lease) -> int:
        """A lease without write caching is granted anew, which counts (<353>, 24H2 and later)."""
        context = reconnect.contexts.lease
        state = LeaseState.NONE if context is None else context.lease_state
        regained = state and LeaseState.WRITE_CACHING not in state and lease.lease_state
        return lease.epoch + bool(regained)

    def shared_lease_status(self, reconnect: Reconnect, open_: Open) -> Status:
        """A persistent open that caches no handles is not available while another persistent open of the file
        has its lease (<350>): of two it is the second that fails to come back, so one without a client does
        not count (Samba commit 5a18f30534f, on what its smbtorture has seen of Windows)."""
        lease = open_.lease
        if not open_.is_persistent or lease is None or LeaseState.HANDLE_CACHING in lease.lease_state:
            return Status.SUCCESS
        shared = any(
            other is not open_ and other.is_persistent and other.connection is not None
            for other in lease.lease_opens
        )
        return Status.FILE_NOT_AVAILABLE if shared and reconnect.asks_persistent else Status.SUCCESS


class WindowsReplayPolicy(ReplayPolicy):
    """Replays as Windows takes them."""

    def counts_as_directory(self, open_: Open) -> bool:
        """What it is says the file, not FileAttributes."""
        return open_.is_directory

    def lease_status(self, attempt: Attempt, open_: Open) -> Status:
        """A lease cannot be asked for where the open has another one, or none."""
        return lease_of_open_status(attempt, open_)

    def pending_status(self, attempt: Attempt, pending: Attempt) -> Status:
        """The file is open already while an oplock is broken; what waits for a share mode is not found."""
        del attempt
        return Status.SUCCESS if pending.waits_for_share_mode else Status.ACCESS_DENIED

    def replayed_level(self, attempt: Attempt, open_: Open) -> int:
        """The level that the replay asks for."""
        del open_
        return attempt.body.requested_oplock_level

    def replayed_context_is_sent(self, attempt: Attempt, open_: Open) -> bool:
        """Only where the replay asks for what makes an open durable."""
        level = attempt.body.requested_oplock_level
        asks = level in (OplockLevel.BATCH, OplockLevel.LEASE)
        return super().replayed_context_is_sent(attempt, open_) and (open_.is_persistent or asks)


class WindowsConnectionLossPolicy(ConnectionLossPolicy):
    """Loss of connections as Windows handles it."""

    def open_is_preserved(self, open_: Open) -> bool:
        """A durable open with byte-range locks wants write caching too."""
        if super().open_is_preserved(open_):
            return open_.is_persistent or open_.is_resilient or not locks_need_write_caching(open_)
        return False
