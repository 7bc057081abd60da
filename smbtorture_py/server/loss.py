"""Ending connections and sessions ([MS-SMB2] 3.3.7.1, 3.3.4.12, 3.3.5.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.open import close_open
from smbtorture_py.wire.notification import ServerToClientNotification

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.server import Server
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect


def handle_loss_of_connection(connection: Connection, now: float) -> None:
    """Do what follows when a connection is gone (3.3.7.1)."""
    server = connection.server
    policies = server.policies
    # Cancelled first in every case: a request must not complete on a session that is being taken apart.
    cancel_requests(connection, now)
    for session in list(connection.session_table.values()):
        if policies.connection_loss.session_survives(connection, session):
            session.channel_list.remove(connection)
            if session.connection is connection and len(session.channel_list):
                session.connection = policies.connection_loss.successor(session).connection
        else:
            remove_session(server, session, now, preserved=policies.connection_loss.open_is_preserved)
    # A break that did not get through on this connection goes out on another one (3.3.4.6, 3.3.4.7).
    server.break_delivery.connection_failed(connection, now)
    connection.session_table.clear()
    connection.preauth_session_table.clear()
    connection.request_list.clear()
    connection.async_command_list.clear()
    if connection in server.connection_list:
        server.connection_list.remove(connection)
    _forget_client(connection)


def cancel_requests(connection: Connection, now: float) -> None:
    """Cancel every request of a connection that is still pending (3.3.7.1)."""
    policy = connection.server.policies.asynchronous
    for request in list(connection.async_command_list.values()):
        if request.on_cancel is not None and policy.pending_requests_end_with_connection(request):
            request.on_cancel(now)


def end_session_requests(session: Session, now: float) -> None:
    """Answer what is pending for a session, before anything of it is closed: no lock that another open of the
    session held is granted on the way."""
    policy = session.connection.server.policies.asynchronous
    for request in policy.pending_of_session(session):
        if policy.pending_requests_end_with_session(request):
            request.end(now)
        else:
            request.forget()


def disconnect_tree(server: Server, tree: TreeConnect, now: float) -> None:
    """Take a tree connect off its session: what waits on it, its opens, its use of the share (3.3.5.8)."""
    policies = server.policies
    for request in policies.asynchronous.pending_on_tree(tree):
        if policies.asynchronous.pending_requests_end_with_tree(request):
            request.end(now)
        else:
            request.forget()
    for opened in policies.tree.opens_to_close(tree):
        close_open(server, opened, now)
    policies.tree.release_use(tree.share)
    del tree.session.tree_connect_table[tree.tree_id]


def remove_session(
    server: Server, session: Session, now: float, *, preserved: Callable[[Open], bool] | None = None
) -> None:
    """Take a session off the server: its opens, trees, channels and table entries (3.3.7.1, 3.3.4.12,
    3.3.5.6).

    Opens for which `preserved` holds are kept for a reconnect, all others are closed.
    """
    end_session_requests(session, now)
    for open_ in list(session.open_table.values()):
        if preserved is not None and preserved(open_):
            server.durable_opens.preserve(open_, now)
        else:
            close_open(server, open_, now)
    session.open_table.clear()
    for tree in session.tree_connect_table.values():
        server.policies.tree.release_use(tree.share)
    session.tree_connect_table.clear()
    for connection in session.channel_list.connections():
        connection.session_table.pop(session.session_id, None)
        connection.preauth_session_table.pop(session.session_id, None)
    session.connection.session_table.pop(session.session_id, None)
    session.connection.preauth_session_table.pop(session.session_id, None)
    session.channel_list.clear()
    server.global_session_table.pop(session.session_id, None)


def close_session(server: Server, session: Session, now: float) -> None:
    """Close a session because the administrator says so (3.3.4.12), and tell its client where that was agreed
    (2.2.44)."""
    if server.policies.session.announces_closing(session):
        for channel in session.channel_list:
            if channel.connection.is_open:
                notification = ServerToClientNotification()
                channel.connection.send_unsolicited(notification, session=session, now=now)
                break
    remove_session(server, session, now)


def _forget_client(connection: Connection) -> None:
    """Remove the client's entry with its last connection (MAY, 3.3.7.1)."""
    server = connection.server
    if not server.policies.connection_loss.forgets_client(connection):
        return
    if not any(other.client_guid == connection.client_guid for other in server.connection_list):
        server.global_client_table.pop(connection.client_guid, None)
