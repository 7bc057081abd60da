"""FSCTL_LMR_REQUEST_RESILIENCY ([MS-SMB2] 3.3.5.15.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_BUFFER: Final = HEADER_SIZE + IoctlResponse.FIXED.size
"""Where Buffer is, and the offsets of what is not there: both are set, to the same place."""


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Keep an open for its client, whatever the oplock, when the connection is lost."""
    del now
    policy, open_ = server.policies.resiliency, request.open
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    for status in (policy.dialect_status(request.connection), policy.unsupported_status()):
        if status != Status.SUCCESS:
            return Reply(status)
    if len(body.input) < NetworkResiliencyRequest.LAYOUT.size:
        return Reply(policy.short_input_status())
    timeout = NetworkResiliencyRequest.decode(body.input, []).timeout
    status = policy.timeout_status(timeout)
    if status != Status.SUCCESS:
        return Reply(status)
    open_.is_durable = policy.stays_durable(open_)
    open_.is_resilient = True
    open_.resiliency_timeout = policy.timeout(timeout)
    open_.durable_owner = server.policies.durable.owner(request.require_session())
    response = IoctlResponse(
        ctl_code=body.ctl_code, file_id=open_.wire_file_id, input_offset=_BUFFER, output_offset=_BUFFER
    )
    return Reply(Status.SUCCESS, response)
