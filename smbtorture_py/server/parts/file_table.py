"""Files that are open: what several opens of one file share ([MS-FSA] 2.1.1.3 File, 2.1.1.5 Stream)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbtorture_py.server.parts.lock_table import LockTable
from smbtorture_py.server.storage import Node, Path, Storage, Stream, fold

if TYPE_CHECKING:
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open


@dataclass(slots=True, eq=False)
class OpenStream:
    """One stream of an open file: its content (None for a directory), opens, locks, and who waits for an
    oplock."""

    file: OpenFile
    name: str
    """"" for the default stream."""
    content: Stream | None
    locks: LockTable
    opens: list[Open] = field(default_factory=list)
    delete_pending: bool = False
    """Of a named stream; a whole file's is `OpenFile.delete_pending`."""
    waiters: list[Callable[[float], None]] = field(default_factory=list)
    """Resumed, all of them, whenever a break of an oplock or lease of this stream ends."""

    @property
    def is_delete_pending(self) -> bool:
        """Whether this stream, or the whole file, goes once it is closed."""
        return self.delete_pending or self.file.delete_pending

    def leases(self) -> list[Lease]:
        """The leases of its opens, each once, by the first open of each."""
        return list(dict.fromkeys(open_.lease for open_ in self.opens if open_.lease is not None))

    def resume_waiters(self, now: float) -> None:
        """Let every request that waits for a break of this stream try again."""
        waiters = list(self.waiters)
        self.waiters.clear()
        for resume in waiters:
            resume(now)


@dataclass(slots=True, eq=False)
class OpenFile:
    """One file or directory with at least one open."""

    storage: Storage
    node: Node
    streams: dict[str, OpenStream] = field(default_factory=dict)
    """By folded name."""
    delete_pending: bool = False
    deleted_under: bytes = b""
    """The key of the directory lease that the open named which asked for the deletion."""

    def opens(self) -> Iterator[Open]:
        """All opens of all streams."""
        for stream in self.streams.values():
            yield from stream.opens


class FileTable:
    """Every open file of the server, by storage and file id."""

    def __init__(self, lock_table: type[LockTable] = LockTable) -> None:
        self._files: dict[tuple[Storage, int], OpenFile] = {}
        self._lock_table = lock_table

    def find(self, storage: Storage, file_id: int) -> OpenFile | None:
        """Return the file where it is open."""
        return self._files.get((storage, file_id))

    def file_of(self, storage: Storage, node: Node) -> OpenFile:
        """Return the open file of a node that was just looked up, which is closed if the file is open
        already.

        The file is forgotten again by `forget_if_unused` or when its last open is removed.
        """
        known = self._files.get((storage, node.file_id))
        if known is not None:
            # Also where both are one object: a storage counts its users.
            node.close()
            return known
        file = self._files[(storage, node.file_id)] = OpenFile(storage, node)
        return file

    def stream_of(self, file: OpenFile, name: str, content: Stream | None) -> OpenStream:
        """Return the open stream of that name."""
        known = file.streams.get(fold(name))
        if known is None:
            known = file.streams[fold(name)] = OpenStream(file, name, content, self._lock_table())
        return known

    def has(self, stream: OpenStream) -> bool:
        """Tell whether this is the open stream of its name, and its file the open file."""
        file = stream.file
        is_known = self._files.get((file.storage, file.node.file_id)) is file
        return is_known and file.streams.get(fold(stream.name)) is stream

    def remove(self, open_: Open) -> None:
        """Take an open out of its stream, and the stream and file with their last open."""
        stream = open_.local_open.stream
        if open_ in stream.opens:
            stream.opens.remove(open_)
        if not stream.opens and stream.file.streams.get(fold(stream.name)) is stream:
            del stream.file.streams[fold(stream.name)]

    def forget_if_unused(self, file: OpenFile) -> None:
        """Give the node back once nothing is open."""
        for key in [key for key, stream in file.streams.items() if not stream.opens]:
            del file.streams[key]
        if not file.streams and self._files.get((file.storage, file.node.file_id)) is file:
            del self._files[(file.storage, file.node.file_id)]
            file.node.close()

    def opens_at(self, storage: Storage, path: Path, *, below: bool) -> Iterator[Open]:
        """All opens of a path, or of what lies below it, by their current names."""
        key = tuple(map(fold, path))
        for (owner, _), file in self._files.items():
            if owner is not storage:
                continue
            for open_ in file.opens():
                mine = tuple(map(fold, open_.path))
                if (mine[: len(key)] == key and len(mine) > len(key)) if below else mine == key:
                    yield open_
