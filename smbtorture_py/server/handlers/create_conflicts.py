"""What stands against a CREATE in the object store: share modes, oplocks and leases ([MS-FSA] 2.1.5.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.handlers import create_lease
from smbtorture_py.server.handlers.break_wait import BreakWait
from smbtorture_py.server.request import Outcome
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.server import Server


def must_wait(
    server: Server, attempt: Attempt, stream: OpenStream, access: int, *, overwrites: bool, now: float
) -> bool:
    """Check share modes, and break what is in the way; True where the end of that must be awaited.

    Raises StorageError(SHARING_VIOLATION).
    """
    policy, actor = server.policies.create, create_lease.actor(server, attempt)
    has_waited = attempt.break_wait is not None
    if (
        has_waited
        and server.policies.lease.retry_awaits_every_break()
        and server.break_check.is_breaking_for(stream, actor)
    ):
        return True
    if not stream.name and any(
        other.stream is not stream and policy.stream_sharing_conflicts(access, other)
        for other in stream.file.opens()
    ):
        raise StorageError(Status.SHARING_VIOLATION)
    attempt.waits_for_share_mode = _conflicts(server, attempt, stream, access)
    if attempt.waits_for_share_mode:
        # Whoever caches handles may have closed the file locally: he is asked first.
        if server.break_check.check(stream, actor, Operation.SHARING_VIOLATION, now):
            return True
        if _conflicts(server, attempt, stream, access):
            raise StorageError(Status.SHARING_VIOLATION)
    operation = Operation.OVERWRITE if overwrites else Operation.OPEN
    return server.break_check.check(stream, actor, operation, now, access=access)


def wait(attempt: Attempt, stream: OpenStream, retry: Callable[[float], Outcome]) -> Outcome:
    """Make the request asynchronous until a break of the stream has ended, then `retry` (3.3.4.2)."""
    if attempt.break_wait is None:
        attempt.break_wait = BreakWait(attempt.request, retry)
    return attempt.break_wait.wait([stream])


def _conflicts(server: Server, attempt: Attempt, stream: OpenStream, access: int) -> bool:
    """Tell whether another open of the stream does not share what this one wants ([MS-FSA] 2.1.5.1.2.2)."""
    policy = server.policies.create
    return any(policy.sharing_conflicts(access, attempt.share_access, other) for other in stream.opens)
