"""BreakWait: a request that waits for breaks of oplocks and leases to end ([MS-SMB2] 3.3.4.2; [MS-FSA]
2.1.4.12.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from smbtorture_py.server.request import PENDING, Outcome, Reply, Request
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.parts.file_table import OpenStream


class BreakUnderWay(Exception):
    """An operation has to wait until breaks of these streams have ended."""

    def __init__(self, streams: Sequence[OpenStream]) -> None:
        super().__init__(f"{len(streams)} streams")
        self.streams = streams


class BreakWait:
    """Makes a request asynchronous, and lets it try again whenever a break in its way has ended."""

    def __init__(self, request: Request, retry: Callable[[float], Outcome]) -> None:
        """`retry` processes the request anew; it may come to `wait` again."""
        self._request = request
        self._retry = retry
        self._streams: list[OpenStream] = []
        self._is_waiting = False

    def wait(self, streams: Iterable[OpenStream]) -> Outcome:
        """Wait for a break of any of these streams; the outcome of the request for now."""
        self._streams = list(dict.fromkeys(streams))
        for stream in self._streams:
            stream.waiters.append(self._resume)
        if self._is_waiting:
            return PENDING
        outcome = self._request.pend(self._cancel)
        if isinstance(outcome, Reply):
            self._stop()
        self._is_waiting = True
        return outcome

    def _resume(self, now: float) -> None:
        self._stop()
        outcome = _obstacle(self._request) or self._retry(now)
        if isinstance(outcome, Reply):
            self._request.complete(outcome, now)

    def _cancel(self, now: float) -> None:
        self._stop()
        self._request.complete(Reply(Status.CANCELLED), now)

    def _stop(self) -> None:
        for stream in self._streams:
            if self._resume in stream.waiters:
                stream.waiters.remove(self._resume)


def _obstacle(request: Request) -> Reply | None:
    """What a request that waited is answered with where its session, tree connect or open is gone
    meanwhile."""
    server, session, tree_connect = (
        request.connection.server,
        request.require_session(),
        request.require_tree(),
    )
    if server.global_session_table.get(session.session_id) is not session:
        return Reply(Status.USER_SESSION_DELETED)
    if session.tree_connect_table.get(tree_connect.tree_id) is not tree_connect:
        return Reply(Status.NETWORK_NAME_DELETED)
    if request.open is not None and request.open.is_closed:
        return Reply(Status.FILE_CLOSED)
    return None
