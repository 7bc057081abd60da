"""QUERY_INFO, SET_INFO, QUERY_DIRECTORY and CHANGE_NOTIFY ([MS-SMB2] 3.3.5.18 to 3.3.5.21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


class InformationPolicy:
    """The choices around information."""

    def size_status(self, connection: Connection, length: int) -> Status:
        """SUCCESS, or what a buffer above MaxTransactSize fails with (SHOULD, 3.3.5.18 to .21)."""
        return Status.INVALID_PARAMETER if length > connection.max_transact_size else Status.SUCCESS

    def unlisted_class_status(self) -> Status:
        """What a class fails with that [MS-FSCC] has and 2.2.37 or 2.2.39 does not list (SHOULD,
        3.3.5.20.1)."""
        return Status.NOT_SUPPORTED

    def unknown_class_status(self) -> Status:
        """What a class fails with that does not exist (SHOULD, 3.3.5.20.1)."""
        return Status.INVALID_INFO_CLASS

    def too_small_status(self) -> Status:
        """What a buffer that cannot hold the fixed part fails with (3.3.5.20.1)."""
        return Status.INFO_LENGTH_MISMATCH

    def serves_normalized_name(self, connection: Connection) -> bool:
        """Whether FileNormalizedNameInformation is served: on 3.1.1 (3.3.5.20.1 leaves 3.0 out by a slip)."""
        return connection.is_311

    def serves_file_id_information(self, connection: Connection) -> bool:
        """Whether FileIdInformation is served: by servers that implement 3.x (3.3.5.20.1)."""
        del connection
        return True

    def all_information_has_name(self) -> bool:
        """Whether FileAllInformation ends with the name: SHOULD be empty (3.3.5.20.1)."""
        return False

    def position(self, current_byte_offset: int) -> int:
        """CurrentByteOffset of FilePositionInformation: SHOULD be zero (3.3.5.20.1)."""
        del current_byte_offset
        return 0

    def empty_buffer_status(self) -> Status:
        """What SET_INFO with BufferLength 0 fails with (SHOULD, 3.3.5.21)."""
        return Status.INVALID_PARAMETER

    def quota_status(self) -> Status:
        """What quota requests fail with: the object store has none (3.3.5.20.4, 3.3.5.21.4)."""
        return Status.NOT_SUPPORTED

    def supports_change_notify(self) -> bool:
        """Whether CHANGE_NOTIFY is served; else NOT_SUPPORTED (3.3.5.19)."""
        return True

    def rename_open_children_status(self) -> Status:
        """What renaming a directory fails with while something below it is open ([MS-FSA] 2.1.5.15.11)."""
        return Status.ACCESS_DENIED

    def rename_root_directory_status(self) -> Status:
        """What a rename with RootDirectory fails with (3.3.5.21.1)."""
        return Status.INVALID_PARAMETER
