"""OPLOCK_BREAK acknowledgments ([MS-SMB2] 3.3.5.22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.handlers import lease_break
from smbtorture_py.server.open import OplockState
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    OplockBreakAcknowledgment,
    OplockBreakResponse,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.policies.oplock import OplockPolicy
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Take an acknowledgment of an oplock break, or of a lease break: StructureSize tells (3.3.5.22)."""
    if isinstance(request.body, LeaseBreakAcknowledgment):
        if request.connection.dialect == Dialect.SMB_2_0_2:
            return Reply(server.policies.lease.old_dialect_status())
        return lease_break.handle(server, request, request.body)
    body = cast(OplockBreakAcknowledgment, request.body)
    policy, scheduler = server.policies.oplock, server.oplock_scheduler
    # 3.3.5.22.1
    open_ = policy.open_of_acknowledgment(request, body.file_id, now)
    if open_ is None:
        return Reply(policy.unknown_open_status())
    server.policies.replay.note_use(open_, request)
    if open_.oplock_state is not OplockState.BREAKING:
        return Reply(policy.not_breaking_status(open_, body.oplock_level))
    if open_.oplock_level is OplockLevel.LEASE:
        # It is the lease that breaks, and 3.3.5.22.2 that ends it.
        return Reply(policy.leased_open_status())
    status = _status(policy, open_, body.oplock_level)
    if status != Status.SUCCESS:
        if policy.wrong_level_ends_break():
            scheduler.complete(open_, OplockLevel.NONE, now)
        return Reply(status)
    level = policy.level_of_acknowledgment(open_, OplockLevel(body.oplock_level))
    reply = Reply(Status.SUCCESS, OplockBreakResponse(oplock_level=level, file_id=open_.wire_file_id))
    # The acknowledgment is answered before what waited for it.
    reply.after = open_.stream.resume_waiters
    scheduler.settle(open_, level)
    return reply


def _status(policy: OplockPolicy, open_: Open, level: int) -> Status:
    """SUCCESS, or what a level fails with that cannot be acknowledged."""
    if level == OplockLevel.LEASE:
        return policy.lease_level_status()
    status = policy.level_status(open_.oplock_level, level)
    return policy.lowered_status(open_, level) if status == Status.SUCCESS else status
