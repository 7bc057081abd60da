"""TREE_DISCONNECT ([MS-SMB2] 3.3.5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.loss import disconnect_tree
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Close the opens of the tree connect, and remove it."""
    for tree in server.policies.tree.trees_to_disconnect(request):
        disconnect_tree(server, tree, now)
    return Reply(Status.SUCCESS, server.policies.tree.disconnect_response())
