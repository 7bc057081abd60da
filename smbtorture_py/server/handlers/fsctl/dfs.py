"""FSCTL_DFS_GET_REFERRALS and _EX ([MS-SMB2] 3.3.5.15.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.ioctl import IoctlRequest


def handle(server: Server, request: Request, body: IoctlRequest, now: float) -> Outcome:
    """Refuse: IsDfsCapable is FALSE."""
    del request, body, now
    return Reply(server.policies.ioctl.dfs_status())
