"""LOCK ([MS-SMB2] 3.3.5.14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.caching import Operation
from smbtorture_py.server.open import Open
from smbtorture_py.server.parts.lock_table import WaitingLock
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest, LockResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Lock or unlock byte ranges."""
    body = cast(LockRequest, request.body)
    connection, policy = request.connection, server.policies.lock
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    if not body.locks:
        return Reply(policy.no_locks_status())
    if body.lock_count > len(body.locks):
        return Reply(Status.INVALID_PARAMETER)
    # Lock sequence verification.
    entry = policy.sequence_entry(open_, connection, body.lock_sequence_index)
    if entry is not None and policy.verifies_sequence(open_, connection):
        if policy.is_repeated(entry, body.lock_sequence_number):
            return Reply(Status.SUCCESS, LockResponse())
        if policy.other_number_voids_entry():
            entry.valid = False
    status = policy.access_status(open_)
    if status != Status.SUCCESS:
        return Reply(status)
    if body.locks[0].flags & LockFlags.UNLOCK:
        outcome: Outcome = _unlock(server, open_, body, now)
    else:
        outcome = _lock(server, request, open_, body, now)
    if isinstance(outcome, Reply):
        _record_sequence(server, request, open_, body, outcome.status)
    return outcome


def _unlock(server: Server, open_: Open, body: LockRequest, now: float) -> Reply:
    """3.3.5.14.1: what was unlocked before an error stays unlocked."""
    policy, locks = server.policies.lock, open_.stream.locks
    status = Status.SUCCESS
    for element in body.locks:
        status = policy.unlock_flags_status(element)
        if status == Status.SUCCESS:
            status = policy.range_status(element)
        if status == Status.SUCCESS and not locks.unlock(open_, element.offset, element.length):
            status = Status.RANGE_NOT_LOCKED
        if status != Status.SUCCESS:
            break
    locks.serve_waiting(now)
    return Reply(status, LockResponse() if status == Status.SUCCESS else None)


def _lock(server: Server, request: Request, open_: Open, body: LockRequest, now: float) -> Outcome:
    """3.3.5.14.2."""
    policy, locks = server.policies.lock, open_.stream.locks
    status = policy.blocking_series_status(body.locks)
    if status == Status.SUCCESS:
        status = policy.resources_status(open_, request.connection, len(body.locks))
    if status != Status.SUCCESS:
        return Reply(status)
    taken: list[LockElement] = []
    for element in body.locks:
        status = policy.lock_flags_status(element)
        if status != Status.SUCCESS:
            # "All successfully processed Lock operations are not rolled back."
            return Reply(status)
        status = policy.range_status(element)
        if status != Status.SUCCESS:
            return Reply(status)
        # What others have cached does not know of the lock.
        if server.policies.lease.lock_ends_caching(open_.stream, element.offset):
            server.break_check.check_open(open_, Operation.LOCK, now)
        exclusive = bool(element.flags & LockFlags.EXCLUSIVE_LOCK)
        if locks.lock(open_, element.offset, element.length, exclusive=exclusive):
            taken.append(element)
            continue
        if element.flags & LockFlags.FAIL_IMMEDIATELY:
            if policy.rolls_back():
                for earlier in taken:
                    locks.unlock(open_, earlier.offset, earlier.length)
                locks.serve_waiting(now)
            return Reply(policy.not_granted_status())
        return _wait(server, request, open_, body, element)
    return Reply(Status.SUCCESS, LockResponse())


def _wait(server: Server, request: Request, open_: Open, body: LockRequest, element: LockElement) -> Outcome:
    """Make the request asynchronous until the range is free (3.3.4.2)."""
    locks = open_.stream.locks

    def grant(now: float) -> None:
        _record_sequence(server, request, open_, body, Status.SUCCESS)
        request.complete(Reply(Status.SUCCESS, LockResponse()), now)

    def abandon(now: float) -> None:
        request.complete(Reply(server.policies.lock.status_at_close()), now)

    exclusive = bool(element.flags & LockFlags.EXCLUSIVE_LOCK)
    waiting = WaitingLock(open_, element.offset, element.length, exclusive, grant, abandon)

    def cancel(now: float) -> None:
        if locks.stop_waiting(waiting):
            request.complete(Reply(Status.CANCELLED), now)

    def leave(now: float) -> None:
        if locks.stop_waiting(waiting):
            abandon(now)

    locks.wait(waiting)
    return request.pend(cancel, leave)


def _record_sequence(
    server: Server, request: Request, open_: Open, body: LockRequest, status: Status
) -> None:
    """Keep the number of a request that succeeded (3.3.5.14.1, .2)."""
    policy, connection = server.policies.lock, request.connection
    entry = policy.sequence_entry(open_, connection, body.lock_sequence_index)
    if entry is not None and policy.records_sequence(open_, connection, status):
        entry.valid, entry.sequence_number = True, body.lock_sequence_number
