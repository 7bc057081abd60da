"""BreakDelivery: getting a break notification through to the client ([MS-SMB2] 3.3.4.6, 3.3.4.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbtorture_py.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.server import Server
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect


@dataclass(slots=True, eq=False)
class Dispatch:
    """One notification and what is known about its way to the client."""

    notification: OplockBreakNotification | LeaseBreakNotification
    session: Session | None
    """Named by the header, and asked whether it is sealed; None for a lease."""
    tree_connect: TreeConnect | None
    connections: Callable[[], Sequence[Connection]]
    """Where it may go at present, in order."""
    is_wanted: Callable[[], bool]
    """Whether the break it speaks of is still to be announced."""
    is_retried: bool
    """Whether it is sent again where a connection did not get it through."""
    undelivered: Callable[[float], None]
    """Called where the last connection it was sent on is gone and no other is left."""
    tried: list[Connection] = field(default_factory=list)
    """Every connection it was sent on; none gets it twice."""
    end: int = 0
    """Up to which byte of what was written to the last of these it reaches."""

    @property
    def connection(self) -> Connection:
        """Where it was sent last."""
        return self.tried[-1]

    @property
    def has_arrived(self) -> bool:
        """Whether the client's transport has acknowledged all of it."""
        return self.connection.bytes_acknowledged >= self.end


class BreakDelivery:
    """Sends notifications, and sends them again elsewhere where a connection did not get them through."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._under_way: list[Dispatch] = []

    def send(self, dispatch: Dispatch, now: float) -> bool:
        """Send on the first connection that works and was not tried; False where there is none."""
        for connection in dispatch.connections():
            if not connection.is_open or connection in dispatch.tried:
                continue
            connection.send_unsolicited(
                dispatch.notification, session=dispatch.session, now=now, tree_connect=dispatch.tree_connect
            )
            dispatch.tried.append(connection)
            dispatch.end = connection.bytes_written
            self._under_way.append(dispatch)
            return True
        return False

    def transport_progressed(self, connection: Connection, now: float) -> None:
        """Forget notifications that the client's transport has acknowledged, or that nobody waits for."""
        del now
        self._under_way = [
            dispatch
            for dispatch in self._under_way
            if dispatch.connection is not connection or (dispatch.is_wanted() and not dispatch.has_arrived)
        ]

    def transport_stuck(self, connection: Connection, since: float, now: float) -> None:
        """Take a transport that acknowledges nothing for one that failed, once the policy's patience is
        over."""
        policy = self._server.policies.oplock
        if not policy.gives_up_on_transport(now - since):
            return
        waits = any(one.connection is connection and one.is_wanted() for one in self._under_way)
        self.connection_failed(connection, now)
        if waits and policy.closes_failed_transport():
            connection.disconnect(now)

    def connection_failed(self, connection: Connection, now: float) -> None:
        """Send again, on another connection, what this one did not get through to the client."""
        failed = [dispatch for dispatch in self._under_way if dispatch.connection is connection]
        self._under_way = [one for one in self._under_way if one.connection is not connection]
        for dispatch in failed:
            if not dispatch.is_wanted():
                continue
            if dispatch.is_retried and not dispatch.has_arrived and self.send(dispatch, now):
                continue
            if connection.is_open:
                # What is stuck may come through yet; it is watched no longer than the break lasts.
                self._under_way.append(dispatch)
            elif not any(other.is_open for other in dispatch.connections()):
                dispatch.undelivered(now)
