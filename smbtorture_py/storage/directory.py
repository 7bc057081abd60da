"""A storage that serves a directory of the host and never leaves it.

Every name is opened relative to the descriptor of its directory, one component at a time, with O_NOFOLLOW: a
symbolic link is not served, wherever it points, and neither are devices, FIFOs and sockets. Attributes,
extended attributes, security descriptors, object ids and named streams have no place on every host: they are
kept in memory while the storage lives.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from smbtorture_py.storage.sparse import ALLOCATION_UNIT, Capacity
from smbtorture_py.wire.codec import Buffer, align
from smbtorture_py.wire.filetime import UNIX_EPOCH
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

NAMED_STREAM_CAPACITY: Final = 256 << 20
"""Bytes that the named streams of one storage take at most."""
NANOSECONDS_PER_FILETIME: Final = 100
_BLOCK: Final = 512
_FILE_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_DIRECTORY_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_MODE: Final = 0o666
_DIRECTORY_MODE: Final = 0o777
_HOST_ID_BITS: Final = 48
_HOST_ID_MASK: Final = (1 << 64) - 1

_STATUS_BY_ERRNO: Final = {
    errno.ENOENT: Status.OBJECT_NAME_NOT_FOUND,
    errno.ENOTDIR: Status.OBJECT_PATH_NOT_FOUND,
    errno.EEXIST: Status.OBJECT_NAME_COLLISION,
    errno.ENOTEMPTY: Status.DIRECTORY_NOT_EMPTY,
    errno.EISDIR: Status.FILE_IS_A_DIRECTORY,
    errno.ENOSPC: Status.DISK_FULL,
    errno.EDQUOT: Status.DISK_FULL,
    errno.EFBIG: Status.DISK_FULL,
    errno.EROFS: Status.MEDIA_WRITE_PROTECTED,
    errno.EMFILE: Status.TOO_MANY_OPENED_FILES,
    errno.ENFILE: Status.TOO_MANY_OPENED_FILES,
    errno.ENAMETOOLONG: Status.OBJECT_NAME_INVALID,
    errno.EINVAL: Status.INVALID_PARAMETER,
    errno.EIO: Status.IO_DEVICE_ERROR,
}


@contextmanager
def _host_errors() -> Iterator[None]:
    """Turn the host's errors into NTSTATUS; what is not listed is ACCESS_DENIED."""
    try:
        yield
    except OSError as error:
        raise StorageError(_STATUS_BY_ERRNO.get(error.errno or 0, Status.ACCESS_DENIED)) from error
    except UnicodeEncodeError as error:
        raise StorageError(Status.OBJECT_NAME_INVALID) from error


def _filetime(nanoseconds: int) -> int:
    return UNIX_EPOCH + nanoseconds // NANOSECONDS_PER_FILETIME


def _nanoseconds(time: int) -> int:
    return (time - UNIX_EPOCH) * NANOSECONDS_PER_FILETIME


def _file_id(status: os.stat_result) -> int:
    return (status.st_ino ^ status.st_dev << _HOST_ID_BITS) & _HOST_ID_MASK


def _is_served(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)


@dataclass(slots=True)
class HostStream:
    """The default stream of a host file, by its descriptor."""

    descriptor: int

    @property
    def size(self) -> int:
        """End of file, bytes."""
        with _host_errors():
            return os.fstat(self.descriptor).st_size

    @property
    def allocation_size(self) -> int:
        """End of file in whole allocation units, or what the host has reserved where that is more."""
        with _host_errors():
            status = os.fstat(self.descriptor)
        return _allocation_size(status)

    def read(self, offset: int, length: int) -> Buffer:
        """Return at most `length` bytes from `offset`."""
        with _host_errors():
            length = min(length, max(os.fstat(self.descriptor).st_size - offset, 0))
            return os.pread(self.descriptor, length, offset) if length else b""

    def write(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at `offset`."""
        view = memoryview(data)
        with _host_errors():
            while view:
                count = os.pwrite(self.descriptor, view, offset)
                offset += count
                view = view[count:]

    def truncate(self, size: int) -> None:
        """Set the end of file."""
        with _host_errors():
            os.ftruncate(self.descriptor, size)

    def allocate(self, size: int) -> None:
        """Check only that so much is free: hosts differ in whether they can reserve behind the end of
        file."""
        with _host_errors():
            volume = os.fstatvfs(self.descriptor)
            if size > self.size + volume.f_bavail * volume.f_frsize:
                raise StorageError(Status.DISK_FULL)

    def zero(self, offset: int, length: int) -> None:
        """Write zeros within the file, a chunk at a time."""
        end = min(offset + length, self.size)
        zeros = bytes(_ZERO_CHUNK)
        while offset < end:
            count = min(_ZERO_CHUNK, end - offset)
            self.write(offset, memoryview(zeros)[:count])
            offset += count

    def allocated_ranges(self, offset: int, length: int) -> Sequence[tuple[int, int]]:
        """Ask the host where its data is (SEEK_DATA, SEEK_HOLE)."""
        ranges: list[tuple[int, int]] = []
        with _host_errors():
            end = min(offset + length, self.size)
            while offset < end:
                try:
                    start = os.lseek(self.descriptor, offset, os.SEEK_DATA)
                except OSError as error:
                    if error.errno == errno.ENXIO:
                        break
                    raise
                stop = min(os.lseek(self.descriptor, start, os.SEEK_HOLE), end)
                if start >= end:
                    break
                ranges.append((start, stop - start))
                offset = stop
        return ranges

    def flush(self) -> None:
        """Let the host write the file to its disk."""
        with _host_errors():
            os.fsync(self.descriptor)


_ZERO_CHUNK: Final = 1 << 20


def _allocation_size(status: os.stat_result) -> int:
    if stat.S_ISDIR(status.st_mode):
        return 0
    return max(align(status.st_size, ALLOCATION_UNIT), status.st_blocks * _BLOCK)


@dataclass(slots=True)
class HostNode(DescribedNode):
    """A file or directory of the host, held by its descriptor."""

    storage: DirectoryStorage
    descriptor: int
    _file_id: int
    _is_directory: bool

    @property
    def file_id(self) -> int:
        """Inode and device of the host."""
        return self._file_id

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return self._is_directory

    def description(self) -> Metadata:
        """Return what is kept in memory about the node."""
        return self.storage.metadata_of(self._file_id)

    def info(self) -> NodeInfo:
        """Query the node."""
        with _host_errors():
            return self.storage.node_info(os.fstat(self.descriptor))

    def set_times(self, times: NodeTimes) -> None:
        """Set access and write time on the host, the others in memory."""
        metadata = self.description()
        if times.creation_time is not None:
            metadata.creation_time = times.creation_time
        if times.change_time is not None:
            metadata.change_time = times.change_time
        if times.last_access_time is None and times.last_write_time is None:
            return
        with _host_errors():
            status = os.fstat(self.descriptor)
            access, write = status.st_atime_ns, status.st_mtime_ns
            if times.last_access_time is not None:
                access = _nanoseconds(times.last_access_time)
            if times.last_write_time is not None:
                write = _nanoseconds(times.last_write_time)
            os.utime(self.descriptor, ns=(access, write))

    def stream(self, name: str) -> Stream | None:
        """Return a stream by name."""
        if name:
            return self.description().streams.get(name)
        return None if self._is_directory else HostStream(self.descriptor)

    def streams(self) -> Sequence[StreamEntry]:
        """List all streams."""
        named = self.description().streams.entries()
        if self._is_directory:
            return named
        with _host_errors():
            status = os.fstat(self.descriptor)
        return [StreamEntry("", status.st_size, _allocation_size(status)), *named]

    def close(self) -> None:
        """Close the descriptor; what is kept about a file without names goes with it."""
        if self.descriptor < 0:
            return
        with _host_errors():
            gone = os.fstat(self.descriptor).st_nlink == 0
            os.close(self.descriptor)
        self.descriptor = -1
        if gone:
            self.storage.forget(self._file_id)


class DirectoryStorage:
    """Serves the host directory `root`; nothing outside it can be reached, whatever is found in it.

    `now` is the FILETIME of the start. Raises StorageError(OBJECT_PATH_NOT_FOUND) where `root` is no
    directory.
    """

    def __init__(
        self, root: str, now: int, *, label: str = "DIRECTORY", serial_number: int = 0x5342_4444
    ) -> None:
        with _host_errors():
            # The root itself may be reached through symbolic links: whoever serves it chose it.
            self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._label = label
        self._serial_number = serial_number
        self._creation_time = now
        self._capacity = Capacity(NAMED_STREAM_CAPACITY)
        self._metadata: dict[int, Metadata] = {}

    def close(self) -> None:
        """Give the descriptor of the root back."""
        os.close(self._root)

    @property
    def supports_streams(self) -> bool:
        """Named streams can be created; they live in memory."""
        return True

    def volume(self) -> VolumeInfo:
        """Query the host's volume."""
        with _host_errors():
            volume = os.fstatvfs(self._root)
        return VolumeInfo(
            self._label,
            self._serial_number,
            self._creation_time,
            volume.f_blocks * volume.f_frsize,
            volume.f_bavail * volume.f_frsize,
        )

    def metadata_of(self, file_id: int) -> Metadata:
        """Return what is kept in memory about a node."""
        found = self._metadata.get(file_id)
        if found is None:
            found = self._metadata[file_id] = Metadata(NamedStreams(self._capacity))
        return found

    def forget(self, file_id: int) -> None:
        """Drop what is kept about a node that is gone, before the host uses its number again."""
        found = self._metadata.pop(file_id, None)
        if found is not None:
            found.streams.discard()

    def node_info(self, status: os.stat_result) -> NodeInfo:
        """Join what the host says with what is kept in memory."""
        file_id, is_directory = _file_id(status), stat.S_ISDIR(status.st_mode)
        metadata = self._metadata.get(file_id)
        attributes = metadata.file_attributes if metadata is not None else 0
        last_write = _filetime(status.st_mtime_ns)
        creation = metadata.creation_time if metadata is not None else None
        change = metadata.change_time if metadata is not None else None
        return NodeInfo(
            file_id=file_id,
            is_directory=is_directory,
            file_attributes=attributes | (int(FileAttributes.DIRECTORY) if is_directory else 0),
            creation_time=last_write if creation is None else creation,
            last_access_time=_filetime(status.st_atime_ns),
            last_write_time=last_write,
            change_time=_filetime(status.st_ctime_ns) if change is None else change,
            end_of_file=0 if is_directory else status.st_size,
            allocation_size=_allocation_size(status),
            number_of_links=1 if is_directory else max(status.st_nlink, 0),
            ea_size=metadata.ea_size() if metadata is not None else 0,
        )

    def lookup(self, path: Path) -> Node | None:
        """Open the node at `path`."""
        if not path:
            with _host_errors():
                return self._node(os.dup(self._root))
        with _host_errors(), self._directory(path[:-1]) as parent:
            name = self._find(parent, path[-1])
            return None if name is None else self._open(parent, name)

    def spelling(self, path: Path) -> Path:
        """Return `path` as it is spelt on the host."""
        names: list[str] = []
        for index, wanted in enumerate(path):
            try:
                with _host_errors(), self._directory(tuple(names)) as parent:
                    name = self._find(parent, wanted)
            except StorageError:
                name = None
            if name is None:
                return (*names, *path[index:])
            names.append(name)
        return tuple(names)

    def create(self, path: Path, *, is_directory: bool, file_attributes: int, now: int) -> Node:
        """Create a file or directory on the host."""
        if not path:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        with _host_errors(), self._directory(path[:-1]) as parent:
            if self._find(parent, path[-1]) is not None:
                raise StorageError(Status.OBJECT_NAME_COLLISION)
            if is_directory:
                os.mkdir(path[-1], _DIRECTORY_MODE, dir_fd=parent)
                node = self._open(parent, path[-1])
            else:
                flags = _FILE_FLAGS | os.O_RDWR | os.O_CREAT | os.O_EXCL
                node = self._node(os.open(path[-1], flags, _FILE_MODE, dir_fd=parent))
        self.forget(node.file_id)
        node.set_attributes(file_attributes)
        node.set_times(NodeTimes(now, now, now, now))
        return node

    def rename(self, old: Path, new: Path, *, replace: bool) -> None:
        """Move a node within the share."""
        if not old or not new:
            raise StorageError(Status.ACCESS_DENIED)
        if len(new) > len(old) and tuple(map(fold, new[: len(old)])) == tuple(map(fold, old)):
            raise StorageError(Status.INVALID_PARAMETER)
        with _host_errors(), self._directory(old[:-1]) as source, self._directory(new[:-1]) as target:
            name = self._existing(source, old[-1])
            self._make_way(target, new[-1], os.stat(name, dir_fd=source, follow_symlinks=False), replace)
            os.rename(name, new[-1], src_dir_fd=source, dst_dir_fd=target)

    def link(self, old: Path, new: Path, *, replace: bool) -> None:
        """Give a file a further name within the share."""
        if not old or not new:
            raise StorageError(Status.ACCESS_DENIED)
        with _host_errors(), self._directory(old[:-1]) as source, self._directory(new[:-1]) as target:
            name = self._existing(source, old[-1])
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                raise StorageError(Status.FILE_IS_A_DIRECTORY)
            self._make_way(target, new[-1], status, replace)
            os.link(name, new[-1], src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)

    def remove(self, path: Path) -> None:
        """Remove a name from the host."""
        if not path:
            raise StorageError(Status.ACCESS_DENIED)
        with _host_errors(), self._directory(path[:-1]) as parent:
            name = self._existing(parent, path[-1])
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=parent)
            else:
                os.unlink(name, dir_fd=parent)

    def entries(self, node: Node) -> Sequence[DirectoryEntry]:
        """List what is served of a directory, in the order of the folded names."""
        found: list[DirectoryEntry] = []
        descriptor = self._own(node).descriptor
        with _host_errors():
            for name in sorted(self._names(descriptor), key=lambda name: (fold(name), name)):
                try:
                    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if _is_served(status):
                    found.append(DirectoryEntry(name, self.node_info(status)))
        return found

    def is_empty(self, node: Node) -> bool:
        """Tell whether a directory has no entries, those that are not served included: it could not be
        removed."""
        with _host_errors():
            return not os.listdir(self._own(node).descriptor)  # noqa: PTH208 (a descriptor, not a path)

    @staticmethod
    def _own(node: Node) -> HostNode:
        if not isinstance(node, HostNode) or not node.is_directory:
            raise StorageError(Status.NOT_A_DIRECTORY)
        return node

    @staticmethod
    def _names(directory: int) -> list[str]:
        """List the names that can be put on the wire: the host's own encoding errors are left out."""
        return [name for name in os.listdir(directory) if name.isascii() or _is_encodable(name)]

    @contextmanager
    def _directory(self, path: Path) -> Iterator[int]:
        """Walk to a directory, one descriptor at a time. Raises OBJECT_PATH_NOT_FOUND, ACCESS_DENIED."""
        descriptor = os.dup(self._root)
        try:
            for wanted in path:
                name = self._find(descriptor, wanted)
                if name is None:
                    raise StorageError(Status.OBJECT_PATH_NOT_FOUND)
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    raise StorageError(Status.ACCESS_DENIED)
                following = os.open(name, _DIRECTORY_FLAGS, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = following
            yield descriptor
        finally:
            os.close(descriptor)

    def _find(self, directory: int, wanted: str) -> str | None:
        """Return the host's spelling of a name: as it is asked for, else the first that differs in case
        only."""
        try:
            os.stat(wanted, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            key = fold(wanted)
            return min((name for name in self._names(directory) if fold(name) == key), default=None)
        return wanted

    def _existing(self, directory: int, wanted: str) -> str:
        name = self._find(directory, wanted)
        if name is None:
            raise StorageError(Status.OBJECT_NAME_NOT_FOUND)
        return name

    def _open(self, directory: int, name: str) -> HostNode:
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not _is_served(status):
            raise StorageError(Status.ACCESS_DENIED)
        if stat.S_ISDIR(status.st_mode):
            return self._node(os.open(name, _DIRECTORY_FLAGS, dir_fd=directory))
        try:
            descriptor = os.open(name, _FILE_FLAGS | os.O_RDWR, dir_fd=directory)
        except PermissionError:
            descriptor = os.open(name, _FILE_FLAGS | os.O_RDONLY, dir_fd=directory)
        return self._node(descriptor)

    def _node(self, descriptor: int) -> HostNode:
        """Wrap an open descriptor, once more making sure of what it is: the name may have changed
        meanwhile."""
        status = os.fstat(descriptor)
        if not _is_served(status):
            os.close(descriptor)
            raise StorageError(Status.ACCESS_DENIED)
        return HostNode(self, descriptor, _file_id(status), stat.S_ISDIR(status.st_mode))

    def _make_way(self, directory: int, wanted: str, source: os.stat_result, replace: bool) -> None:
        name = self._find(directory, wanted)
        if name is None:
            return
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if _file_id(status) == _file_id(source):
            return
        if not replace:
            raise StorageError(Status.OBJECT_NAME_COLLISION)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(Status.ACCESS_DENIED)
        os.unlink(name, dir_fd=directory)


def _is_encodable(name: str) -> bool:
    try:
        name.encode("utf-16-le")
    except UnicodeEncodeError:
        return False
    return True
