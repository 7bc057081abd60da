"""Where Samba differs in durable opens and replays, by its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.app_instance import AppInstancePolicy
from smbtorture_py.server.policies.durable import DurablePolicy
from smbtorture_py.server.policies.reconnect import Check, Reconnect
from smbtorture_py.server.policies.resiliency import ResiliencyPolicy
from smbtorture_py.server.policies.windows_durable import (
    WindowsConnectionLossPolicy,
    WindowsReconnectPolicy,
    WindowsReplayPolicy,
)
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open

VERSION_1_TIMEOUT: Final = 960.0


class SambaDurablePolicy(DurablePolicy):
    """Durable opens as Samba has them."""

    def is_persistent(self, attempt: Attempt) -> bool:
        """Not together with an oplock, which nobody knows the meaning of."""
        level = attempt.body.requested_oplock_level
        return level in (OplockLevel.NONE, OplockLevel.LEASE) and super().is_persistent(attempt)

    def request_v2_is_considered(self, attempt: Attempt, open_: Open) -> bool:
        """Whether it is a directory says the file, not FileAttributes."""
        del attempt, open_
        return True

    def timeout(self) -> float:
        """16 minutes."""
        return VERSION_1_TIMEOUT


class SambaReconnectPolicy(WindowsReconnectPolicy):
    """Reconnects as Samba takes them."""

    def combination_status(self, reconnect: Reconnect) -> Status:
        """Other contexts than those of leases stand against a reconnect."""
        status = super().combination_status(reconnect)
        contexts = reconnect.contexts
        allowed = 1 + (contexts.durable_request is not None) + (contexts.lease is not None)
        if status == Status.SUCCESS and len(reconnect.body.contexts) != allowed:
            return Status.OBJECT_NAME_NOT_FOUND
        return status

    def checks_v1(self) -> Sequence[Check]:
        """The version of the lease context is not looked at."""
        return tuple(check for check in super().checks_v1() if check != self.lease_version_status)

    def checks_v2(self) -> Sequence[Check]:
        """The same, and a lease that two persistent opens share keeps neither from coming back."""
        left_out = (self.lease_version_status, self.shared_lease_status)
        return tuple(check for check in super().checks_v2() if check not in left_out)


class SambaReplayPolicy(WindowsReplayPolicy):
    """Replays as Samba takes them."""

    def is_eligible(self, open_: Open) -> bool:
        """Every open that has a CreateGuid."""
        return open_.create_guid is not None

    def checks(self) -> Sequence[Callable[[Attempt, Open], Status]]:
        """The session is compared first."""
        return (self.session_status, *(one for one in super().checks() if one != self.session_status))

    def pending_status(self, attempt: Attempt, pending: Attempt) -> Status:
        """The client is to try again (bug 14449)."""
        del attempt, pending
        return Status.FILE_NOT_AVAILABLE

    def pending_duplicate_status(self, attempt: Attempt, pending: Attempt) -> Status:
        """The CreateGuid is taken, replay or not."""
        del attempt, pending
        return Status.FILE_NOT_AVAILABLE

    def unknown_persistent_status(self, attempt: Attempt) -> Status:
        """A persistent open that is not known to be replayable is not available."""
        del attempt
        return Status.FILE_NOT_AVAILABLE

    def connected_persistent_status(self, open_: Open) -> Status:
        """Nor is one that was used, connected or not."""
        del open_
        return Status.FILE_NOT_AVAILABLE


class SambaAppInstancePolicy(AppInstancePolicy):
    """Application instances mean nothing to Samba."""

    def matches(self, attempt: Attempt, open_: Open) -> bool:
        """The contexts are ignored."""
        del attempt, open_
        return False


class SambaResiliencyPolicy(ResiliencyPolicy):
    """There are no resilient opens."""

    def unsupported_status(self) -> Status:
        """An FSCTL like any that is not known."""
        return Status.INVALID_DEVICE_REQUEST


class SambaConnectionLossPolicy(WindowsConnectionLossPolicy):
    """Loss of connections as Samba handles it."""

    def open_is_preserved(self, open_: Open) -> bool:
        """A durable open of a file that is to be deleted is closed."""
        deletes = open_.delete_on_close or open_.stream.is_delete_pending
        return super().open_is_preserved(open_) and (open_.is_persistent or not deletes)

    def open_survives_logoff(self, open_: Open) -> bool:
        """Where it survives the loss of its connection."""
        return self.open_is_preserved(open_)
