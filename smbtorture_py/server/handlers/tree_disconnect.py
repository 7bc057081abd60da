"""TREE_DISCONNECT ([MS-SMB2] 3.3.5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.open import close_open
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_disconnect import TreeDisconnectResponse

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Close the opens of the tree connect, and remove it."""
    session, tree = request.require_session(), request.require_tree()
    for opened in list(session.open_table.values()):
        if opened.tree_connect is tree:
            close_open(server, opened, now)
    tree.share.current_uses -= 1
    del session.tree_connect_table[tree.tree_id]
    return Reply(Status.SUCCESS, TreeDisconnectResponse())
