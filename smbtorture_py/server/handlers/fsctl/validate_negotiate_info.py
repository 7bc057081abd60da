"""FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 3.3.5.15.12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import FILE_ID_ANY, Findings
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Confirm the negotiation, or end the connection where the client saw another one."""
    connection, policy = request.connection, server.policies.validate_negotiate
    if not policy.is_served(connection):
        return Reply(policy.not_served_status())
    findings: Findings = []
    info = ValidateNegotiateInfoRequest.decode(body.input, findings)
    # 3.3.5.2.6
    if policy.is_malformed(findings):
        return Reply(policy.malformed_status())
    response = ValidateNegotiateInfoResponse(
        capabilities=policy.response_capabilities(connection),
        guid=policy.response_guid(connection),
        security_mode=policy.response_security_mode(connection),
        dialect=policy.response_dialect(connection),
    ).encode()
    if (
        policy.ends_on_311(connection)
        or policy.ends_on_small_buffer(connection, body.max_output_response, len(response))
        or policy.dialects_differ(connection, info)
        or policy.guid_differs(connection, info)
        or policy.security_mode_differs(connection, info)
        or policy.capabilities_differ(connection, info)
    ):
        connection.disconnect(now)
        return Reply(Status.ACCESS_DENIED)
    status = policy.small_buffer_status(body.max_output_response, len(response))
    if status != Status.SUCCESS:
        return Reply(status)
    return Reply(Status.SUCCESS, IoctlResponse(ctl_code=body.ctl_code, file_id=FILE_ID_ANY, output=response))
