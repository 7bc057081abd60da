"""Lease break acknowledgments ([MS-SMB2] 3.3.5.22.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment, LeaseBreakResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, body: LeaseBreakAcknowledgment) -> Outcome:
    """Take the state a client acknowledges, and let those go on that wait for it."""
    policy, tables = server.policies.lease, server.lease_tables
    lease = policy.lease_of_acknowledgment(request, bytes(body.lease_key))
    if lease is None:
        return Reply(policy.unknown_lease_status())
    if policy.acknowledgment_ends_replay(lease, body.lease_state):
        for open_ in lease.lease_opens:
            open_.is_replay_eligible = False
    if not lease.breaking:
        return Reply(policy.not_breaking_status())
    status = policy.state_status(lease, body.lease_state)
    if status != Status.SUCCESS:
        return Reply(status)
    tables.settle(lease, body.lease_state)
    response = LeaseBreakResponse(lease_key=lease.lease_key, lease_state=lease.lease_state)
    # The acknowledgment is answered before what waited for it.
    return Reply(Status.SUCCESS, response, after=lambda later: tables.go_on(lease, later))
