"""The lease contexts of CREATE ([MS-SMB2] 3.3.5.9.8, 3.3.5.9.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.create_contexts import CreateContext


def validate(server: Server, attempt: Attempt) -> Status:
    """SUCCESS, or what a lease context fails with before anything is opened ("Path Name Validation")."""
    del server, attempt
    return Status.SUCCESS


def acquire(server: Server, attempt: Attempt, open_: Open) -> None:
    """Acquire the lease that RequestedOplockLevel LEASE asks for ("Oplock Acquisition")."""
    del server, attempt
    open_.oplock_level = OplockLevel.NONE


def respond(contexts: CreateContexts, open_: Open) -> list[CreateContext]:
    """Make the lease context of the response ("Response Construction"), of a reconnect and a replay too."""
    del contexts, open_
    return []
