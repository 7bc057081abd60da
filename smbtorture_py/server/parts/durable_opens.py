"""Opens that outlive their session: parted from it, given back, or closed when their time is over
([MS-SMB2] 3.3.7.1, 3.3.5.6, 3.3.5.9.7, 3.3.5.9.12, 3.3.6.2, 3.3.6.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.file_id import new_file_id
from smbtorture_py.server.open import close_open
from smbtorture_py.server.storage import Path, Storage, fold

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.server import Server


class DurableOpens:
    """The opens of GlobalOpenTable without a session, and the two scavenger timers."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._preserved: dict[int, Open] = {}
        """By DurableFileId."""

    def preserve(self, open_: Open, now: float) -> None:
        """Part an open from its session and start its timers (3.3.7.1, 3.3.5.6)."""
        if open_.tree_connect is not None:
            open_.tree_connect.open_count -= 1
        open_.session = None
        open_.connection = None
        open_.tree_connect = None
        self.start_timers(open_, now)
        self._preserved[open_.durable_file_id] = open_
        surplus = self._server.policies.durable.too_many(self._server, self._preserved.values())
        if surplus is not None:
            close_open(self._server, surplus, now)

    def start_timers(self, open_: Open, now: float) -> None:
        """Set when a preserved open is closed that nobody reclaims."""
        if open_.is_resilient:
            open_.resilient_open_timeout = now + open_.resiliency_timeout
        if open_.is_durable:
            open_.durable_open_scavenger_timeout = now + open_.durable_open_timeout

    def reclaim(self, open_: Open, request: Request) -> None:
        """Give a preserved open to the session, tree connect and connection of a request (3.3.5.9.7, .12)."""
        session, tree_connect = request.require_session(), request.require_tree()
        self.forget(open_)
        open_.connection = request.connection
        open_.session = session
        open_.tree_connect = tree_connect
        tree_connect.open_count += 1
        open_.file_id = new_file_id(self._server.entropy, session.open_table)
        session.open_table[open_.file_id] = open_
        open_.durable_open_scavenger_timeout = None
        open_.resilient_open_timeout = None
        open_.is_restored = False
        request.open, request.file_id = open_, open_.wire_file_id

    def forget(self, open_: Open) -> None:
        """Drop an open that was reclaimed or closed."""
        self._preserved.pop(open_.durable_file_id, None)

    def disconnected_persistent(self, storage: Storage, path: Path) -> Open | None:
        """The persistent open of a name that nobody is connected to (3.3.5.9)."""
        key = [*map(fold, path)]
        for open_ in self._preserved.values():
            if open_.is_persistent and open_.storage is storage and [*map(fold, open_.path)] == key:
                return open_
        return None

    def next_deadline(self) -> float | None:
        """When the first open is closed; None where none is preserved."""
        if not self._preserved:
            return None
        return min(
            (due for open_ in self._preserved.values() if (due := self.deadline(open_)) is not None),
            default=None,
        )

    def deadline(self, open_: Open) -> float | None:
        """When this open is closed: a resilient one by its own timer, which is no longer durable."""
        return open_.resilient_open_timeout if open_.is_resilient else open_.durable_open_scavenger_timeout

    def tick(self, now: float) -> None:
        """Close what nobody has reclaimed in time (3.3.6.2, 3.3.6.4)."""
        for open_ in list(self._preserved.values()):
            due = self.deadline(open_)
            if due is not None and due <= now:
                close_open(self._server, open_, now)

    def transport_progressed(self, connection: Connection, now: float) -> None:
        """Nothing depends on it."""

    def transport_stuck(self, connection: Connection, since: float, now: float) -> None:
        """Nothing depends on it."""
