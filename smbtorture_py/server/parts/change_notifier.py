"""Change notifications: who watches which directory, and what has happened in it ([MS-SMB2] 3.3.1.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.path_name import SEPARATOR
from smbtorture_py.server.storage import Path, Storage, fold
from smbtorture_py.wire.chain import encode_entries
from smbtorture_py.wire.change_notify import CompletionFilter, NotifyAction
from smbtorture_py.wire.fscc.change_notification import FileNotifyInformation
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open

MAX_BUFFERED_EVENTS: Final = 4096
"""Events kept for an open whose client does not ask; more are dropped, and it is told to enumerate."""


@dataclass(slots=True, frozen=True)
class Event:
    """One change, with the name relative to the directory watched."""

    action: NotifyAction
    name: str


@dataclass(slots=True, eq=False)
class NotifyRequest:
    """A CHANGE_NOTIFY that waits; `finish` gets the status, the encoded events and `now`."""

    output_buffer_length: int
    finish: Callable[[Status, bytes, float], None]


@dataclass(slots=True, eq=False)
class Watch:
    """What one open watches: settled by its first request ([MS-SMB2] 3.3.1.3)."""

    open: Open
    completion_filter: int
    watch_tree: bool
    buffer_size: int
    """Of the first request."""
    requests: list[NotifyRequest] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    overflowed: bool = False

    def relative_name(self, path: Path) -> str | None:
        """Return the name of a path relative to this directory, None where it is not watched."""
        own = self.open.path
        if len(path) <= len(own) or tuple(map(fold, path[: len(own)])) != tuple(map(fold, own)):
            return None
        rest = path[len(own) :]
        return SEPARATOR.join(rest) if self.watch_tree or len(rest) == 1 else None


def encode_events(events: Sequence[Event]) -> bytes:
    """Encode FILE_NOTIFY_INFORMATION entries ([MS-FSCC] 2.7.1)."""
    return encode_entries(
        [FileNotifyInformation(action=event.action, file_name=event.name) for event in events]
    )


class ChangeNotifier:
    """Every watch of the server."""

    def __init__(self) -> None:
        self._watches: list[Watch] = []

    def find(self, open_: Open) -> Watch | None:
        """Return the watch of an open; None before its first request."""
        return next((watch for watch in self._watches if watch.open is open_), None)

    def watch(self, open_: Open, completion_filter: int, watch_tree: bool, buffer_size: int) -> Watch:
        """Begin to watch what an open has open."""
        watch = Watch(open_, completion_filter, watch_tree, buffer_size)
        self._watches.append(watch)
        return watch

    def ask(self, watch: Watch, request: NotifyRequest, now: float) -> None:
        """Queue a request; it is answered at once where events wait for it."""
        watch.requests.append(request)
        self._deliver(watch, now)

    def withdraw(self, watch: Watch, request: NotifyRequest) -> None:
        """Take a cancelled request back."""
        if request in watch.requests:
            watch.requests.remove(request)

    def close(self, open_: Open, now: float) -> None:
        """Answer what waits on an open that is being closed with NOTIFY_CLEANUP (3.3.5.10)."""
        for watch in [watch for watch in self._watches if watch.open is open_]:
            self._watches.remove(watch)
            for request in watch.requests:
                request.finish(Status.NOTIFY_CLEANUP, b"", now)

    def is_deleting(self, open_: Open, now: float) -> None:
        """Answer what watches a directory that is marked for deletion with DELETE_PENDING."""
        for watch in self._watches:
            if watch.open.file is open_.file:
                requests, watch.requests = watch.requests, []
                for request in requests:
                    request.finish(Status.DELETE_PENDING, b"", now)

    def added(self, open_: Open, now: float) -> None:
        """A name has come into being."""
        self.report(open_.storage, self._name_filter(open_), [(NotifyAction.ADDED, open_.path)], now)

    def removed(self, open_: Open, now: float) -> None:
        """A name has gone."""
        self.report(open_.storage, self._name_filter(open_), [(NotifyAction.REMOVED, open_.path)], now)

    def renamed(self, open_: Open, old: Path, now: float) -> None:
        """A name has changed to the open's present path."""
        same_directory = tuple(map(fold, old[:-1])) == tuple(map(fold, open_.path[:-1]))
        before = NotifyAction.RENAMED_OLD_NAME if same_directory else NotifyAction.REMOVED
        after = NotifyAction.RENAMED_NEW_NAME if same_directory else NotifyAction.ADDED
        self.report(open_.storage, self._name_filter(open_), [(before, old), (after, open_.path)], now)

    def modified(self, open_: Open, completion_filter: CompletionFilter, now: float) -> None:
        """Something that these bits of a filter stand for has changed about a file."""
        self.report(open_.storage, completion_filter, [(NotifyAction.MODIFIED, open_.path)], now)

    def written(self, open_: Open, now: float, *, grows: bool) -> None:
        """Data has been written to a file or a stream of it."""
        if open_.stream.name:
            changed = CompletionFilter.STREAM_WRITE
            changed |= CompletionFilter.STREAM_SIZE if grows else CompletionFilter.NONE
            self._report_stream(open_, NotifyAction.MODIFIED_STREAM, changed, now)
            return
        changed = CompletionFilter.LAST_WRITE | (CompletionFilter.SIZE if grows else CompletionFilter.NONE)
        self.modified(open_, changed, now)

    def stream_added(self, open_: Open, now: float) -> None:
        """A named stream has come into being."""
        self._report_stream(open_, NotifyAction.ADDED_STREAM, CompletionFilter.STREAM_NAME, now)

    def stream_removed(self, open_: Open, now: float) -> None:
        """A named stream has gone."""
        self._report_stream(open_, NotifyAction.REMOVED_STREAM, CompletionFilter.STREAM_NAME, now)

    def report(
        self,
        storage: Storage,
        completion_filter: int,
        changes: Sequence[tuple[NotifyAction, Path]],
        now: float,
    ) -> None:
        """Hand changes that belong together to every watch that sees them."""
        for watch in list(self._watches):
            if watch.open.storage is not storage or not watch.completion_filter & completion_filter:
                continue
            events = [
                Event(action, name)
                for action, path in changes
                if (name := watch.relative_name(path)) is not None
            ]
            if not events:
                continue
            if len(watch.events) + len(events) > MAX_BUFFERED_EVENTS:
                watch.events.clear()
                watch.overflowed = True
            if not watch.overflowed:
                watch.events += events
            self._deliver(watch, now)

    @staticmethod
    def _name_filter(open_: Open) -> CompletionFilter:
        return CompletionFilter.DIR_NAME if open_.node.is_directory else CompletionFilter.FILE_NAME

    def _report_stream(
        self, open_: Open, action: NotifyAction, completion_filter: CompletionFilter, now: float
    ) -> None:
        if open_.path:
            named = f"{open_.path[-1]}:{open_.stream.name}"
            self.report(open_.storage, completion_filter, [(action, (*open_.path[:-1], named))], now)

    def _deliver(self, watch: Watch, now: float) -> None:
        """Answer requests in their order with all that has happened ([MS-SMB2] 3.3.1.3, 3.3.5.19)."""
        while watch.requests and (watch.events or watch.overflowed):
            request = watch.requests.pop(0)
            data = encode_events(watch.events)
            fits = not watch.overflowed and len(data) <= request.output_buffer_length
            watch.events.clear()
            watch.overflowed = False
            if fits:
                request.finish(Status.SUCCESS, data, now)
            else:
                request.finish(Status.NOTIFY_ENUM_DIR, b"", now)
