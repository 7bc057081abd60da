"""A storage that lives in memory: the default one, and the reference for what a storage can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from smbtorture_py.server.storage import (
    DirectoryEntry,
    Node,
    NodeInfo,
    NodeTimes,
    Path,
    StorageError,
    Stream,
    StreamEntry,
    VolumeInfo,
    fold,
)
from smbtorture_py.storage.metadata import DescribedNode, Metadata, NamedStreams
from smbtorture_py.storage.sparse import Capacity, SparseStream
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

DEFAULT_CAPACITY: Final = 1 << 30
"""Bytes that a memory storage takes at most."""
ROOT_FILE_ID: Final = 5
"""As NTFS numbers its root directory."""
FIRST_FILE_ID: Final = 0x40


@dataclass(slots=True)
class MemoryNode(DescribedNode):
    """One file or directory in memory."""

    _file_id: int
    _is_directory: bool
    times: NodeTimes
    metadata: Metadata
    default_stream: SparseStream | None
    children: dict[str, tuple[str, MemoryNode]] = field(default_factory=dict)
    """Of a directory: folded name to (name, node)."""
    number_of_links: int = 1
    use_count: int = 0

    @property
    def file_id(self) -> int:
        """Unique in the storage, never used again."""
        return self._file_id

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self._is_directory

    def description(self) -> Metadata:
        """Return what is kept beside the default stream."""
        return self.metadata

    def info(self) -> NodeInfo:
        """Query the node."""
        times, stream = self.times, self.default_stream
        return NodeInfo(
            file_id=self._file_id,
            is_directory=self._is_directory,
            file_attributes=self.metadata.file_attributes
            | (int(FileAttributes.DIRECTORY) if self._is_directory else 0),
            creation_time=times.creation_time or 0,
            last_access_time=times.last_access_time or 0,
            last_write_time=times.last_write_time or 0,
            change_time=times.change_time or 0,
            end_of_file=0 if stream is None else stream.size,
            allocation_size=0 if stream is None else stream.allocation_size,
            number_of_links=self.number_of_links,
            ea_size=self.metadata.ea_size(),
        )

    def set_times(self, times: NodeTimes) -> None:
        """Set the times that are not None."""
        mine = self.times
        if times.creation_time is not None:
            mine.creation_time = times.creation_time
        if times.last_access_time is not None:
            mine.last_access_time = times.last_access_time
        if times.last_write_time is not None:
            mine.last_write_time = times.last_write_time
        if times.change_time is not None:
            mine.change_time = times.change_time

    def stream(self, name: str) -> Stream | None:
        """Return a stream by name."""
        return self.metadata.streams.get(name) if name else self.default_stream

    def streams(self) -> Sequence[StreamEntry]:
        """List all streams."""
        default = self.default_stream
        first = [] if default is None else [StreamEntry("", default.size, default.allocation_size)]
        return [*first, *self.metadata.streams.entries()]

    def close(self) -> None:
        """Count one user less; the space of a nameless node goes with its last user."""
        self.use_count -= 1
        self.discard_if_unused()

    def discard_if_unused(self) -> None:
        """Give the space back once the node has neither a name nor a user."""
        if self.number_of_links == 0 and self.use_count <= 0:
            if self.default_stream is not None:
                self.default_stream.discard()
            self.metadata.streams.discard()


class MemoryStorage:
    """Files and directories in memory, with named streams; `now` is the FILETIME of its creation.

    `capacity` limits the bytes of all content; `serial_number` and `label` are those of the volume.
    """

    def __init__(
        self,
        now: int,
        *,
        capacity: int = DEFAULT_CAPACITY,
        label: str = "MEMORY",
        serial_number: int = 0x5342_4D54,
    ) -> None:
        self._capacity = Capacity(capacity)
        self._label = label
        self._serial_number = serial_number
        self._creation_time = now
        self._next_file_id = FIRST_FILE_ID

    @cached_property
    def _root(self) -> MemoryNode:
        return self._new_node(ROOT_FILE_ID, True, 0, self._creation_time)

    @property
    def supports_streams(self) -> bool:
        """Named streams can be created."""
        return True

    def volume(self) -> VolumeInfo:
        """Query the volume."""
        return VolumeInfo(
            self._label, self._serial_number, self._creation_time, self._capacity.total, self._capacity.free
        )

    def lookup(self, path: Path) -> Node | None:
        """Open the node at `path`."""
        node = self._find(path)
        if node is not None:
            node.use_count += 1
        return node

    def spelling(self, path: Path) -> Path:
        """Return `path` as it was created."""
        names: list[str] = []
        node: MemoryNode | None = self._root
        for name in path:
            found = None if node is None else node.children.get(fold(name))
            names.append(name if found is None else found[0])
            node = None if found is None else found[1]
        return tuple(names)

    def create(self, path: Path, *, is_directory: bool, file_attributes: int, now: int) -> Node:
        """Create a node."""
        if not path:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        parent = self._directory(path[:-1])
        if fold(path[-1]) in parent.children:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        node = self._new_node(self._next_file_id, is_directory, file_attributes, now)
        self._next_file_id += 1
        parent.children[fold(path[-1])] = (path[-1], node)
        node.use_count += 1
        return node

    def rename(self, old: Path, new: Path, *, replace: bool) -> None:
        """Move a node."""
        source_parent, target_parent = self._directory(old[:-1]), self._directory(new[:-1])
        node = self._find(old)
        if node is None:
            raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
        if self._is_within(target_parent, node):
            raise StorageError(Status.INVALID_PARAMETER)
        self._make_way(target_parent, new[-1], node, replace)
        del source_parent.children[fold(old[-1])]
        target_parent.children[fold(new[-1])] = (new[-1], node)

    def link(self, old: Path, new: Path, *, replace: bool) -> None:
        """Give a file a further name."""
        parent, node = self._directory(new[:-1]), self._find(old)
        if node is None:
            raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
        if node.is_directory:
            raise StorageError(Status.FILE_IS_A_DIRECTORY)
        self._make_way(parent, new[-1], node, replace)
        parent.children[fold(new[-1])] = (new[-1], node)
        node.number_of_links += 1

    def remove(self, path: Path) -> None:
        """Remove a name."""
        if not path:
            raise StorageError(Status.ACCESS_DENIED)
        parent = self._directory(path[:-1])
        found = parent.children.get(fold(path[-1]))
        if found is None:
            raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
        if found[1].children:
            raise StorageError(Status.DIRECTORY_NOT_EMPTY)
        self._unlink(parent, path[-1])

    def entries(self, node: Node) -> Sequence[DirectoryEntry]:
        """List a directory in the order of the folded names."""
        children = self._own(node).children
        return [DirectoryEntry(children[key][0], children[key][1].info()) for key in sorted(children)]

    def is_empty(self, node: Node) -> bool:
        """Tell whether a directory has no entries."""
        return not self._own(node).children

    def _new_node(self, file_id: int, is_directory: bool, file_attributes: int, now: int) -> MemoryNode:
        return MemoryNode(
            file_id,
            is_directory,
            NodeTimes(now, now, now, now),
            Metadata(NamedStreams(self._capacity), file_attributes),
            None if is_directory else SparseStream(self._capacity),
        )

    @staticmethod
    def _own(node: Node) -> MemoryNode:
        if not isinstance(node, MemoryNode) or not node.is_directory:
            raise StorageError(Status.NOT_A_DIRECTORY)
        return node

    def _directory(self, path: Path) -> MemoryNode:
        node = self._root
        for name in path:
            found = node.children.get(fold(name))
            if found is None or not found[1].is_directory:
                raise StorageError(Status.OBJECT_PATH_NOT_FOUND)
            node = found[1]
        return node

    def _find(self, path: Path) -> MemoryNode | None:
        if not path:
            return self._root
        found = self._directory(path[:-1]).children.get(fold(path[-1]))
        return None if found is None else found[1]

    def _is_within(self, directory: MemoryNode, ancestor: MemoryNode) -> bool:
        if directory is ancestor:
            return True
        return any(
            self._is_within(directory, node) for _, node in ancestor.children.values() if node.is_directory
        )

    def _make_way(self, parent: MemoryNode, name: str, node: MemoryNode, replace: bool) -> None:
        found = parent.children.get(fold(name))
        if found is None or found[1] is node:
            return
        if not replace:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        if found[1].is_directory:
            raise StorageError(Status.ACCESS_DENIED)
        self._unlink(parent, name)

    @staticmethod
    def _unlink(parent: MemoryNode, name: str) -> None:
        _, node = parent.children.pop(fold(name))
        node.number_of_links -= 1
        node.discard_if_unused()
