"""Change notifications ([MS-SMB2] 3.3.1.3, 3.3.5.19; [MS-FSA] 2.1.4.1, 2.1.5.11)."""

from __future__ import annotations

from smbtorture_py.wire.change_notify import CompletionFilter


class NotifyPolicy:
    """The choices around CHANGE_NOTIFY."""

    def buffer_size(self, first: int, requested: int) -> int:
        """How many bytes of changes a response can hold: what the request says, whatever the first request
        on the open said (3.3.1.3)."""
        del first
        return requested

    def fixes_filter(self) -> bool:
        """Whether CompletionFilter and WATCH_TREE of the first request count for all others (3.3.1.3)."""
        return True

    def filter_of_rename(self, *, is_directory: bool) -> CompletionFilter:
        """What a rename modifies about the file itself: nothing ([MS-FSA] 2.1.5.15.12)."""
        del is_directory
        return CompletionFilter.NONE
