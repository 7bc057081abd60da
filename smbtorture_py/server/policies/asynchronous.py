"""Interim responses and CANCEL ([MS-SMB2] 3.3.4.2, 3.3.5.16)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.wire.header import Header, HeaderFlags

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect


class AsyncPolicy:
    """How many requests may wait, and which request a CANCEL means."""

    def may_pend(self, connection: Connection) -> bool:
        """Whether one more request may go asynchronous; else INSUFFICIENT_RESOURCES (MAY, 3.3.4.2)."""
        return len(connection.async_command_list) < connection.server.config.max_async

    def new_async_id(self, connection: Connection) -> int:
        """A nonzero AsyncId, never used before on this connection (3.3.4.2)."""
        connection.next_async_id += 1
        return connection.next_async_id - 1

    def find_target(self, connection: Connection, header: Header) -> Request | None:
        """The request a CANCEL means: by AsyncId where the flag is set, else by MessageId (3.3.5.16)."""
        if header.has(HeaderFlags.ASYNC_COMMAND):
            return connection.async_command_list.get(header.async_id)
        return connection.request_list.get(header.message_id)

    def unsigned_cancel_is_refused(self, request: Request) -> bool:
        """Whether a CANCEL must be signed in a session that requires signing: like every request (3.3.5.2.4).

        3.3.5.16 excepts it from 3.3.5.2.3 only.
        """
        del request
        return True

    def cancels(self, target: Request) -> bool:
        """Whether a request that was found is cancelled (SHOULD, 3.3.5.16)."""
        del target
        return True

    def pending_of_session(self, session: Session) -> list[Request]:
        """What is pending for a session, whatever the channel it came over (3.3.5.6)."""
        return [
            request
            for connection in session.channel_list.connections()
            for request in connection.async_command_list.values()
            if request.session is session
        ]

    def pending_on_tree(self, tree: TreeConnect) -> list[Request]:
        """What is pending on a tree connect, whatever the channel it came over (3.3.5.8)."""
        return [one for one in self.pending_of_session(tree.session) if one.tree_connect is tree]

    def pending_requests_end_with_tree(self, request: Request) -> bool:
        """Whether a request still pending when its tree connect ends is answered (3.3.5.8, 3.3.4.17)."""
        del request
        return True

    def pending_requests_end_with_session(self, request: Request) -> bool:
        """Whether a request still pending when its session ends is answered (3.3.4.12, 3.3.4.17)."""
        del request
        return True

    def pending_requests_end_with_connection(self, request: Request) -> bool:
        """Whether a request still pending when its connection is lost is cancelled (3.3.7.1)."""
        del request
        return True
