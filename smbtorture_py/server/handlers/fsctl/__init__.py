"""One module per family of FSCTLs; `FSCTL_HANDLERS` is the table IOCTL dispatches by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from smbtorture_py.server.handlers.fsctl import (
    dfs,
    file_control,
    network_interface_info,
    resiliency,
    server_side_copy,
    smbtorture_controls,
    validate_negotiate_info,
)
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode, SmbtortureFsctl

if TYPE_CHECKING:
    from smbtorture_py.server.request import Outcome, Request
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest

FsctlHandle: TypeAlias = "Callable[[Server, Request, IoctlRequest, float], Outcome]"

FSCTL_HANDLERS: Final[dict[int, FsctlHandle]] = {
    FsctlCode.DFS_GET_REFERRALS: dfs.handle,
    FsctlCode.DFS_GET_REFERRALS_EX: dfs.handle,
    FsctlCode.QUERY_NETWORK_INTERFACE_INFO: network_interface_info.handle,
    FsctlCode.LMR_REQUEST_RESILIENCY: resiliency.handle,
    FsctlCode.VALIDATE_NEGOTIATE_INFO: validate_negotiate_info.handle,
    FsctlCode.SRV_REQUEST_RESUME_KEY: server_side_copy.request_resume_key,
    FsctlCode.SRV_COPYCHUNK: server_side_copy.copy,
    FsctlCode.SRV_COPYCHUNK_WRITE: server_side_copy.copy,
    SmbtortureFsctl.FORCE_UNACKED_TIMEOUT: smbtorture_controls.block_channel,
    SmbtortureFsctl.GLOBAL_READ_RESPONSE_BODY_PADDING8: smbtorture_controls.pad_reads,
    **dict.fromkeys(file_control.CONTROLS, file_control.handle),
}
"""By CtlCode. `request.open` is set for every code that is about a file."""
