"""QUERY_DIRECTORY ([MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3)."""

from __future__ import annotations

from smbtorture_py.wire.status import Status


class DirectoryPolicy:
    """The choices around QUERY_DIRECTORY."""

    def not_a_directory_status(self, *, reopens: bool) -> Status:
        """What a handle that is no directory fails with (3.3.5.18); with SMB2_REOPEN the choice is free."""
        del reopens
        return Status.INVALID_PARAMETER

    def first_without_match_status(self) -> Status:
        """What a scan fails with that finds nothing at all ([MS-FSA] 2.1.5.6.3)."""
        return Status.NO_SUCH_FILE

    def end_status(self) -> Status:
        """What a scan fails with that has returned everything."""
        return Status.NO_MORE_FILES

    def entry_too_large_status(self) -> Status:
        """What a buffer fails with that holds not even one entry ([MS-FSA] 2.1.5.6.3)."""
        return Status.BUFFER_OVERFLOW

    def fixed_part_too_large_status(self) -> Status:
        """What a buffer fails with that cannot hold the fixed part of an entry ([MS-FSA] 2.1.5.6.3)."""
        return Status.INFO_LENGTH_MISMATCH

    def snapshot(self) -> bool:
        """Whether a scan keeps the names found when it began, so that changes neither skip nor repeat
        entries."""
        return True
