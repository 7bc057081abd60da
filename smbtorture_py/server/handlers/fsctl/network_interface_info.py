"""FSCTL_QUERY_NETWORK_INTERFACE_INFO ([MS-SMB2] 3.3.5.15.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    NetworkInterfaceInfo,
    SockaddrStorage,
    encode_list,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """List the interfaces, one entry per address."""
    del now
    policy, part = server.policies.interface, server.interface_list
    status = policy.not_multichannel_status(request)
    if status == Status.SUCCESS and not (request.is_signed or request.is_encrypted):
        status = policy.unsigned_status(request)
    if status != Status.SUCCESS:
        return Reply(status)
    entries = [
        NetworkInterfaceInfo(
            if_index=part.if_index(interface),
            capability=part.capability(interface),
            link_speed=part.link_speed(interface),
            sock_addr_storage=SockaddrStorage(part.address(interface), part.port(interface)),
        )
        for index, interface in enumerate(part.interfaces(server.config.interfaces))
        if policy.entry_is_listed(request, index)
    ]
    output = encode_list(entries)
    if len(output) > body.max_output_response:
        return Reply(policy.too_small_status())
    return Reply(Status.SUCCESS, IoctlResponse(ctl_code=body.ctl_code, file_id=FILE_ID_ANY, output=output))
