"""Channel sequence numbers: is a request in order, and how many are outstanding ([MS-SMB2] 3.3.5.2.10,
3.3.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Reply, Request
from smbtorture_py.wire.file_requests import file_id_of
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open


def verify(request: Request) -> Reply | None:
    """Compare the request's number with that of its open, and count it (3.3.5.2.10); a Reply where the
    request is refused."""
    policy = request.connection.server.policies.channel_sequence
    file_id = file_id_of(request.body)
    if file_id is None:
        status = policy.status_without_file(request)
        return None if status == Status.SUCCESS else Reply(status)
    if not policy.is_verified(request.connection):
        return None
    open_ = request.chain.named_open(request, file_id)
    if open_ is None:
        # Without an open there is nothing to compare with; the handler says what is wrong.
        return None
    is_counted = _admit_replay if policy.is_replay(request) else _admit
    if is_counted(open_, request):
        request.counted_open, request.channel_generation = open_, open_.channel_generation
        return None
    return Reply(policy.refusal_status()) if policy.must_be_in_order(request) else None


def settle(request: Request, status: Status | None) -> None:
    """Count a request no longer as outstanding: it is answered with `status` (3.3.4.1), or never will be.

    Erratum 15: only requests that were counted, and by their final response.
    """
    policy = request.connection.server.policies.channel_sequence
    if request.counted_open is None or not policy.is_settled_by(status):
        return
    open_, request.counted_open = request.counted_open, None
    if policy.is_of_the_present(open_, request):
        open_.outstanding_request_count -= 1
    else:
        open_.outstanding_pre_request_count -= 1


def _admit(open_: Open, request: Request) -> bool:
    """Count a request that is no replay; False where its number is stale."""
    policy = request.connection.server.policies.channel_sequence
    present, requested = open_.channel_sequence, policy.of_request(request)
    if policy.is_equal(present, requested):
        open_.outstanding_request_count += 1
        return True
    if policy.is_newer(present, requested):
        if policy.newer_moves_on(open_, request):
            _move_on(open_, requested)
        open_.outstanding_request_count += 1
        return True
    return False


def _admit_replay(open_: Open, request: Request) -> bool:
    """Count a replay; False where its number is stale, or what it repeats may still be under way."""
    policy = request.connection.server.policies.channel_sequence
    present, requested = open_.channel_sequence, policy.of_request(request)
    if policy.is_equal(present, requested):
        if policy.replay_is_held_up(open_):
            return False
        open_.outstanding_request_count += 1
        return True
    if policy.is_newer(present, requested):
        is_held_up = policy.newer_replay_is_held_up(open_)
        if policy.newer_replay_moves_on(open_, request):
            _move_on(open_, requested)
        if is_held_up:
            return False
        open_.outstanding_request_count += 1
        return True
    return False


def _move_on(open_: Open, sequence: int) -> None:
    """Make a newer number that of the open: what is outstanding is of an earlier one from now on."""
    open_.outstanding_pre_request_count += open_.outstanding_request_count
    open_.outstanding_request_count = 0
    open_.channel_sequence = sequence
    open_.channel_generation += 1
