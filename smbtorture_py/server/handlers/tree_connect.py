"""TREE_CONNECT ([MS-SMB2] 3.3.5.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.tree_connect import TreeConnect
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Connect the session to a share."""
    connection, session = request.connection, request.require_session()
    policies, body = server.policies, request.body
    if not isinstance(body, TreeConnectRequest):
        return Reply(Status.INVALID_PARAMETER)
    if policies.tree.is_unprotected(request, session):
        if policies.tree.unprotected_ends_connection():
            connection.disconnect(now)
        return Reply(Status.ACCESS_DENIED)
    names = policies.tree.split_path(body.path)
    if names is None:
        return Reply(Status.INVALID_PARAMETER)
    share = policies.tree.find_share(request, *names)
    if share is None:
        return Reply(policies.tree.share_not_found_status())
    status = policies.encryption.tree_connect_status(connection, share)
    if status != Status.SUCCESS:
        return Reply(status)
    if not policies.tree.access_is_granted(session, share):
        return Reply(Status.ACCESS_DENIED)
    if policies.tree.share_is_full(share):
        return Reply(Status.REQUEST_NOT_ACCEPTED)
    tree = TreeConnect(
        tree_id=policies.tree.new_tree_id(session),
        session=session,
        share=share,
        tree_global_id=server.new_global_id(),
        creation_time=now,
        maximal_access=policies.tree.maximal_access(session, share),
        share_flags=policies.tree.share_flags(request, share),
        share_capabilities=policies.tree.share_capabilities(request, share),
    )
    session.tree_connect_table[tree.tree_id] = tree
    policies.tree.take_use(share)
    request.tree_connect = tree
    request.tree_id = tree.tree_id
    return Reply(Status.SUCCESS, policies.tree.response(tree))
