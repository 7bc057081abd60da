"""FSCTL_QUERY_NETWORK_INTERFACE_INFO ([MS-SMB2] 3.3.5.15.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """List the interfaces, one entry per address."""
    del now
    policy, part = server.policies.interface, server.interface_list
    status = Status.SUCCESS
    if not (request.is_signed or request.is_encrypted):
        status = policy.unsigned_status(request)
    if status == Status.SUCCESS:
        status = policy.not_multichannel_status(request)
    if status == Status.SUCCESS and body.input_count:
        status = policy.input_status()
    if status != Status.SUCCESS:
        return Reply(status)
    listed = (one for one in server.config.interfaces if policy.address_is_listed(request, one.address))
    output = part.encode([part.entry(interface) for interface in part.interfaces(list(listed))])
    if len(output) > policy.output_limit(body):
        return Reply(policy.too_small_status())
    return Reply(Status.SUCCESS, policy.response(body, output))
