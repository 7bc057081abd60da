"""What the server needs of a storage: named nodes that hold streams of bytes, and what is known about them.

A storage knows nothing of opens, share modes, locks or oplocks: those are the server's. Paths are tuples of
names that the server has already split and checked (`server.path_name`); `()` is the root. Lookups ignore
case and keep it. Times are FILETIME integers, 100 ns since 1601 ([MS-DTYP] 2.3.3); nothing here reads a
clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, TypedDict

from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

Path: TypeAlias = tuple[str, ...]
"""Names from the root of the share downwards; never holds an empty name, a separator, "." or ".."."""

MAX_COMPONENT_LENGTH: Final = 255
"""UTF-16 code units of one name ([MS-FSCC] 2.1.5.2)."""


def fold(name: str) -> str:
    """Return the key under which a name is compared: its upper case, one character for one ([MS-FSCC]
    2.1.5)."""
    if name.isascii():
        return name.upper()
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)


class StorageError(Exception):
    """A storage refused an operation; `status` is what the client is told."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.name)
        self.status = status


@dataclass(slots=True)
class NodeTimes:
    """The four times of a node, FILETIME; None in a change means «leave»."""

    creation_time: int | None = None
    last_access_time: int | None = None
    last_write_time: int | None = None
    change_time: int | None = None


class NetworkOpenInformation(TypedDict):
    """What CREATE, CLOSE and FileNetworkOpenInformation ([MS-FSCC] 2.4.34) tell of a file, by field."""

    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    allocation_size: int
    end_of_file: int
    file_attributes: FileAttributes


@dataclass(slots=True, frozen=True)
class NodeInfo:
    """What a storage knows of one node; sizes are those of the default stream in bytes, 0 for a directory."""

    file_id: int
    is_directory: bool
    file_attributes: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    end_of_file: int
    allocation_size: int
    number_of_links: int
    ea_size: int = 0

    def network_open(self) -> NetworkOpenInformation:
        """The fields that several messages have in common."""
        return {
            "creation_time": self.creation_time,
            "last_access_time": self.last_access_time,
            "last_write_time": self.last_write_time,
            "change_time": self.change_time,
            "allocation_size": self.allocation_size,
            "end_of_file": self.end_of_file,
            "file_attributes": FileAttributes(self.file_attributes),
        }


@dataclass(slots=True, frozen=True)
class DirectoryEntry:
    """One name in a directory."""

    name: str
    info: NodeInfo


@dataclass(slots=True, frozen=True)
class StreamEntry:
    """One data stream of a node: its name without colons ("" is the default stream), size and allocation in
    bytes."""

    name: str
    size: int
    allocation_size: int


@dataclass(slots=True, frozen=True)
class VolumeInfo:
    """What is known of the whole storage; sizes in bytes."""

    label: str
    serial_number: int
    creation_time: int
    total_size: int
    free_size: int
    file_system_name: str = "NTFS"
    bytes_per_sector: int = 512
    sectors_per_allocation_unit: int = 8

    @property
    def allocation_unit(self) -> int:
        """Bytes of an allocation unit."""
        return self.bytes_per_sector * self.sectors_per_allocation_unit


class Stream(Protocol):
    """Bytes of one data stream."""

    @property
    def size(self) -> int:
        """End of file, bytes."""
        ...

    @property
    def allocation_size(self) -> int:
        """Bytes reserved."""
        ...

    def read(self, offset: int, length: int) -> Buffer:
        """Return at most `length` bytes from `offset`; fewer at the end of the stream."""
        ...

    def write(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`, with zeros in any gap. Raises StorageError (DISK_FULL)."""
        ...

    def truncate(self, size: int) -> None:
        """Set the end of file. Raises StorageError (DISK_FULL)."""
        ...

    def allocate(self, size: int) -> None:
        """Reserve space for `size` bytes without moving the end of file. Raises StorageError (DISK_FULL)."""
        ...

    def zero(self, offset: int, length: int) -> None:
        """Make a range within the stream read as zeros, giving its space back where possible."""
        ...

    def allocated_ranges(self, offset: int, length: int) -> Sequence[tuple[int, int]]:
        """Return (offset, length) of the parts of a range that take up space, ascending."""
        ...

    def flush(self) -> None:
        """Propagate what is buffered to the underlying storage."""
        ...


class Node(Protocol):
    """A file or directory, however it is named; stays usable after its name is gone until `close`."""

    @property
    def file_id(self) -> int:
        """64 bits that identify the node in its storage for as long as it exists."""
        ...

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        ...

    def info(self) -> NodeInfo:
        """Query the node."""
        ...

    def set_times(self, times: NodeTimes) -> None:
        """Set the times that are not None."""
        ...

    def set_attributes(self, file_attributes: int) -> None:
        """Set the attributes, without DIRECTORY and NORMAL."""
        ...

    def stream(self, name: str) -> Stream | None:
        """Return the stream of that name (any case), "" for the default one of a file; None where there is
        none."""
        ...

    def stream_name(self, name: str) -> str:
        """Return the spelling under which the stream was created."""
        ...

    def create_stream(self, name: str) -> Stream:
        """Create an empty named stream. Raises StorageError (NOT_SUPPORTED, OBJECT_NAME_INVALID)."""
        ...

    def remove_stream(self, name: str) -> None:
        """Remove a named stream."""
        ...

    def rename_stream(self, old: str, new: str) -> None:
        """Rename a named stream; one of the new name is replaced."""
        ...

    def streams(self) -> Sequence[StreamEntry]:
        """List all streams, the default one of a file first."""
        ...

    def extended_attributes(self) -> Sequence[tuple[bytes, bytes]]:
        """List (name, value) in the order of their creation."""
        ...

    def set_extended_attribute(self, name: bytes, value: bytes) -> None:
        """Set one extended attribute (name in any case); an empty value removes it."""
        ...

    def security_descriptor(self) -> bytes | None:
        """Return the stored self-relative security descriptor, None where none was ever set."""
        ...

    def set_security_descriptor(self, descriptor: bytes) -> None:
        """Store a self-relative security descriptor."""
        ...

    def object_id(self) -> bytes | None:
        """Return the 64 bytes of a FILE_OBJECTID_BUFFER ([MS-FSCC] 2.1.3), None where none was set."""
        ...

    def set_object_id(self, object_id: bytes | None) -> None:
        """Store or remove the object id."""
        ...

    def close(self) -> None:
        """Give back what the node holds of the host; it is not used afterwards."""
        ...


class Storage(Protocol):
    """A tree of nodes. Every method raises StorageError with the NTSTATUS for the client."""

    @property
    def supports_streams(self) -> bool:
        """Whether named streams can be created."""
        ...

    def volume(self) -> VolumeInfo:
        """Query the volume."""
        ...

    def lookup(self, path: Path) -> Node | None:
        """Open the node at `path`, None where the last name does not exist.

        Raises OBJECT_PATH_NOT_FOUND where an earlier one does not exist or is no directory, ACCESS_DENIED for
        what is not served (symbolic links and special files of a host).
        """
        ...

    def spelling(self, path: Path) -> Path:
        """Return `path` with every name that exists spelt as it was created."""
        ...

    def create(self, path: Path, *, is_directory: bool, file_attributes: int, now: int) -> Node:
        """Create a node; `now` is a FILETIME. Raises OBJECT_NAME_COLLISION, OBJECT_PATH_NOT_FOUND,
        DISK_FULL."""
        ...

    def rename(self, old: Path, new: Path, *, replace: bool) -> None:
        """Move a node. Raises OBJECT_NAME_COLLISION where `new` is another node and `replace` is False."""
        ...

    def link(self, old: Path, new: Path, *, replace: bool) -> None:
        """Give a file a further name. Raises as `rename`; FILE_IS_A_DIRECTORY for directories."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a name. Raises DIRECTORY_NOT_EMPTY."""
        ...

    def entries(self, node: Node) -> Sequence[DirectoryEntry]:
        """List a directory, without "." and "..", in a stable order."""
        ...

    def is_empty(self, node: Node) -> bool:
        """Tell whether a directory has no entries."""
        ...
