"""What stands against a CREATE in the object store: share modes, oplocks, and waiting for a break
([MS-FSA] 2.1.5.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.request import PENDING, Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.server import Server


def must_wait(
    server: Server, attempt: Attempt, stream: OpenStream, access: int, *, overwrites: bool, now: float
) -> bool:
    """Check share modes, and break an oplock that is in the way; True where its end must be awaited.

    Raises StorageError(SHARING_VIOLATION).
    """
    policy, scheduler, share_access = server.policies.create, server.oplock_scheduler, attempt.share_access
    if not stream.name and any(
        other.stream is not stream and policy.stream_sharing_conflicts(access, other)
        for other in stream.file.opens()
    ):
        raise StorageError(Status.SHARING_VIOLATION)
    while True:
        owner = scheduler.exclusive_owner(stream)
        conflicting = [
            other for other in stream.opens if policy.sharing_conflicts(access, share_access, other)
        ]
        if conflicting:
            # The holder of a batch oplock may have closed its file locally: it is asked first.
            if owner is None or owner not in conflicting or owner.oplock_level is not OplockLevel.BATCH:
                raise StorageError(Status.SHARING_VIOLATION)
            target = server.policies.oplock.level_after_break(overwrites=False)
        elif owner is None or (policy.is_stat_open(access) and not overwrites):
            return False
        else:
            target = server.policies.oplock.level_after_break(overwrites=overwrites)
        scheduler.start_break(owner, target, now)
        if scheduler.exclusive_owner(stream) is owner:
            return True


def wait(attempt: Attempt, stream: OpenStream, retry: Callable[[float], Outcome]) -> Outcome:
    """Make the request asynchronous until the break has ended, then `retry` (3.3.4.2)."""
    request = attempt.request

    def resume(now: float) -> None:
        outcome = _still_possible(request) or retry(now)
        if isinstance(outcome, Reply):
            request.complete(outcome, now)

    def cancel(now: float) -> None:
        if resume in stream.waiters:
            stream.waiters.remove(resume)
        request.complete(Reply(Status.CANCELLED), now)

    stream.waiters.append(resume)
    if attempt.is_waiting:
        request.on_cancel = cancel
        return PENDING
    attempt.is_waiting = True
    return request.pend(cancel)


def _still_possible(request: Request) -> Reply | None:
    """What a request that waited is answered with where its session or tree connect is gone meanwhile."""
    server, session, tree_connect = (
        request.connection.server,
        request.require_session(),
        request.require_tree(),
    )
    if server.global_session_table.get(session.session_id) is not session:
        return Reply(Status.USER_SESSION_DELETED)
    if session.tree_connect_table.get(tree_connect.tree_id) is not tree_connect:
        return Reply(Status.NETWORK_NAME_DELETED)
    return None
