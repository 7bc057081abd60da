"""What Windows keeps about a file beside its default stream, held in memory by both storages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from smbtorture_py.server.storage import StorageError, Stream, StreamEntry, fold
from smbtorture_py.storage.sparse import Capacity, SparseStream
from smbtorture_py.wire.status import Status


@dataclass(slots=True)
class NamedStreams:
    """The alternate data streams of a node, by the folded name."""

    capacity: Capacity
    _streams: dict[str, tuple[str, SparseStream]] = field(default_factory=dict)

    def get(self, name: str) -> SparseStream | None:
        """Return the stream of that name in any case."""
        found = self._streams.get(fold(name))
        return None if found is None else found[1]

    def spelling(self, name: str) -> str:
        """Return the name as it was created, or as given where there is none."""
        found = self._streams.get(fold(name))
        return name if found is None else found[0]

    def create(self, name: str) -> SparseStream:
        """Create an empty stream. Raises StorageError(OBJECT_NAME_COLLISION)."""
        if fold(name) in self._streams:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        stream = SparseStream(self.capacity)
        self._streams[fold(name)] = (name, stream)
        return stream

    def remove(self, name: str) -> None:
        """Remove a stream and give its space back."""
        found = self._streams.pop(fold(name), None)
        if found is not None:
            found[1].discard()

    def rename(self, old: str, new: str) -> None:
        """Rename a stream; one of the new name is replaced."""
        found = self._streams.pop(fold(old), None)
        if found is None:
            raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
        self.remove(new)
        self._streams[fold(new)] = (new, found[1])

    def entries(self) -> Sequence[StreamEntry]:
        """List them in the order of their creation."""
        return [
            StreamEntry(name, stream.size, stream.allocation_size) for name, stream in self._streams.values()
        ]

    def discard(self) -> None:
        """Remove them all."""
        for _, stream in self._streams.values():
            stream.discard()
        self._streams.clear()


@dataclass(slots=True)
class Metadata:
    """Attributes, extended attributes, security descriptor, object id and named streams of one node."""

    streams: NamedStreams
    file_attributes: int = 0
    creation_time: int | None = None
    change_time: int | None = None
    extended_attributes: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    security_descriptor: bytes | None = None
    object_id: bytes | None = None

    def set_extended_attribute(self, name: bytes, value: bytes) -> None:
        """Set one extended attribute, remove it where the value is empty."""
        if value:
            self.extended_attributes[name.upper()] = (name, value)
        else:
            self.extended_attributes.pop(name.upper(), None)

    def ea_size(self) -> int:
        """Bytes of a FILE_FULL_EA_INFORMATION list of all of them ([MS-FSCC] 2.4.16), 0 where there are
        none."""
        sizes = [
            _EA_FIXED_SIZE + len(name) + 1 + len(value) for name, value in self.extended_attributes.values()
        ]
        return sum((size + 3) // 4 * 4 for size in sizes[:-1]) + sizes[-1] if sizes else 0


class DescribedNode(ABC):
    """The part of a `Node` that only concerns its metadata."""

    __slots__ = ()

    @abstractmethod
    def description(self) -> Metadata:
        """Return what is kept about the node."""

    def set_attributes(self, file_attributes: int) -> None:
        """Set the attributes."""
        self.description().file_attributes = file_attributes

    def stream_name(self, name: str) -> str:
        """Return the spelling under which the stream was created."""
        return self.description().streams.spelling(name)

    def create_stream(self, name: str) -> Stream:
        """Create an empty named stream. Raises StorageError(OBJECT_NAME_COLLISION)."""
        return self.description().streams.create(name)

    def remove_stream(self, name: str) -> None:
        """Remove a named stream."""
        self.description().streams.remove(name)

    def rename_stream(self, old: str, new: str) -> None:
        """Rename a named stream; one of the new name is replaced."""
        self.description().streams.rename(old, new)

    def extended_attributes(self) -> Sequence[tuple[bytes, bytes]]:
        """List (name, value)."""
        return list(self.description().extended_attributes.values())

    def set_extended_attribute(self, name: bytes, value: bytes) -> None:
        """Set one extended attribute, remove it where the value is empty."""
        self.description().set_extended_attribute(name, value)

    def security_descriptor(self) -> bytes | None:
        """Return the stored security descriptor."""
        return self.description().security_descriptor

    def set_security_descriptor(self, descriptor: bytes) -> None:
        """Store a security descriptor."""
        self.description().security_descriptor = descriptor

    def object_id(self) -> bytes | None:
        """Return the object id."""
        return self.description().object_id

    def set_object_id(self, object_id: bytes | None) -> None:
        """Store or remove the object id."""
        self.description().object_id = object_id


_EA_FIXED_SIZE = 8
