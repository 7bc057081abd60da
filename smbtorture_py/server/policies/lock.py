"""Byte-range locks ([MS-SMB2] 3.3.5.14, [MS-FSA] 2.1.5.8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.open import LOCK_SEQUENCES
from smbtorture_py.server.parts.lock_table import RANGE_LIMIT
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import LockSequence, Open

LOCK_FLAG_COMBINATIONS: Final = (
    LockFlags.SHARED_LOCK,
    LockFlags.EXCLUSIVE_LOCK,
    LockFlags.SHARED_LOCK | LockFlags.FAIL_IMMEDIATELY,
    LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY,
)
"""[MS-SMB2] 2.2.26.1."""


class LockPolicy:
    """The choices around LOCK."""

    def no_locks_status(self) -> Status:
        """What LockCount 0 fails with ([MS-SMB2] 2.2.26)."""
        return Status.INVALID_PARAMETER

    def access_status(self, open_: Open) -> Status:
        """SUCCESS, or what an open fails with that may neither read nor write, or is a directory."""
        if open_.is_directory:
            return Status.INVALID_PARAMETER
        if not open_.has_any_access(AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA):
            return Status.ACCESS_DENIED
        return Status.SUCCESS

    def sequence_entry(self, open_: Open, connection: Connection, index: int) -> LockSequence | None:
        """The entry of Open.LockSequenceArray that an index means: none with 2.0.2, for 0, or beyond the end
        (3.3.5.14)."""
        if connection.dialect == Dialect.SMB_2_0_2 or not 0 < index <= LOCK_SEQUENCES:
            return None
        return open_.lock_sequence_array[index]

    def is_repeated(self, entry: LockSequence, number: int) -> bool:
        """Whether a request with this number was carried out already: it succeeds as it is (3.3.5.14)."""
        return entry.valid and entry.sequence_number == number

    def other_number_voids_entry(self) -> bool:
        """Whether a request with another number makes the entry invalid, before it is carried out
        (3.3.5.14)."""
        return True

    def has_sequences(self, open_: Open, connection: Connection) -> bool:
        """Whether the sequences of an open count: it outlives its connection, or has several (3.3.5.14)."""
        return (
            open_.is_resilient
            or open_.is_durable
            or open_.is_persistent
            or Capabilities.MULTI_CHANNEL in connection.server_capabilities
        )

    def verifies_sequence(self, open_: Open, connection: Connection) -> bool:
        """Whether LockSequenceNumber is compared with that of the last success (SHOULD, 3.3.5.14)."""
        return self.has_sequences(open_, connection)

    def records_sequence(self, open_: Open, connection: Connection, status: Status) -> bool:
        """Whether the number of a request is kept: of one that succeeded (3.3.5.14.1, .2)."""
        return status == Status.SUCCESS and self.has_sequences(open_, connection)

    def unlock_flags_status(self, element: LockElement) -> Status:
        """SUCCESS, or what an element of a series of unlocks fails with (3.3.5.14.1)."""
        flags = int(element.flags)
        if not flags & LockFlags.UNLOCK or flags & (LockFlags.SHARED_LOCK | LockFlags.EXCLUSIVE_LOCK):
            return Status.INVALID_PARAMETER
        return Status.SUCCESS

    def lock_flags_status(self, element: LockElement) -> Status:
        """SUCCESS, or what an element of a series of locks fails with (3.3.5.14.2)."""
        return Status.SUCCESS if element.flags in LOCK_FLAG_COMBINATIONS else Status.INVALID_PARAMETER

    def blocking_series_status(self, elements: Sequence[LockElement]) -> Status:
        """SUCCESS, or what several elements fail with of which one may wait (SHOULD, 3.3.5.14.2)."""
        may_wait = any(not int(element.flags) & LockFlags.FAIL_IMMEDIATELY for element in elements)
        return Status.INVALID_PARAMETER if len(elements) > 1 and may_wait else Status.SUCCESS

    def resources_status(self, open_: Open, connection: Connection, count: int) -> Status:
        """SUCCESS, or what `count` more locks fail with where an open has as many as it may (3.3.5.14; the
        number is ours)."""
        is_full = open_.lock_count + count > connection.server.config.max_locks
        return Status.INSUFFICIENT_RESOURCES if is_full else Status.SUCCESS

    def range_status(self, element: LockElement) -> Status:
        """SUCCESS, or what a range beyond 2^64 fails with ([MS-FSA] 2.1.5.8)."""
        return Status.INVALID_LOCK_RANGE if element.offset + element.length > RANGE_LIMIT else Status.SUCCESS

    def not_granted_status(self) -> Status:
        """What a conflict fails with where the client would not wait (3.3.5.14.2)."""
        return Status.LOCK_NOT_GRANTED

    def rolls_back(self) -> bool:
        """Whether a conflict releases what this request locked before (3.3.5.14.2)."""
        return True

    def status_at_close(self) -> Status:
        """What a waiting lock ends with when its open is closed: it is cancelled (3.3.4.17)."""
        return Status.CANCELLED

    def checks_access(self) -> bool:
        """Whether reads and writes meet locks ([MS-FSA] 2.1.4.10)."""
        return True
