"""Defects of lock sequences: what is taken for a LOCK that comes again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.open import LOCK_SEQUENCES, LockSequence
from smbtorture_py.server.policies.lock import LockPolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open

defect(
    "lock-sequence-not-verified",
    replaces=LockPolicy.verifies_sequence,
    breaks=["SMB2-3.3.5.14-01"],
    origin="ksmbd 6.18 knows no lock sequences; Samba before 4.13 (commit 303a01d93d9)",
).always(False, "A LOCK that comes again is executed again.")


@defect(
    "lock-sequence-of-outliving-opens-only",
    replaces=LockPolicy.verifies_sequence,
    breaks=["SMB2-3.3.5.14-01"],
    origin="Windows 8 to version 1909: MS-SMB2 note 370",
)
def _of_outliving_opens_only(
    original: Callable[[Open, Connection], bool], self: LockPolicy, open_: Open, connection: Connection
) -> bool:
    """A LOCK that comes again is executed again, unless the open is resilient or persistent."""
    return open_.is_resilient or open_.is_persistent


@defect(
    "lock-sequence-of-one-channel",
    replaces=LockPolicy.verifies_sequence,
    breaks=["SMB2-3.3.5.14-01"],
    origin="plausible: sequences are for a client that lost its connection, not for one with several",
)
def _of_one_channel(
    original: Callable[[Open, Connection], bool], self: LockPolicy, open_: Open, connection: Connection
) -> bool:
    """A LOCK that comes again on another channel than the file was opened on is executed again."""
    return original(open_, connection) and open_.connection is connection


@defect(
    "lock-sequence-of-any-open",
    replaces=LockPolicy.has_sequences,
    breaks=["SMB2-3.3.5.14-12"],
    origin="plausible: the field is filled in, so it is looked at",
)
def _of_any_open(
    original: Callable[[Open, Connection], bool], self: LockPolicy, open_: Open, connection: Connection
) -> bool:
    """Sequences count for every open, also with 2.1 for one that is neither durable nor resilient."""
    return True


@defect(
    "lock-sequence-with-smb202",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-04"],
    origin="plausible: the dialect is not asked; 2.0.2 has a reserved field there",
)
def _with_smb202(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """The reserved field of 2.0.2 is taken for a sequence."""
    return open_.lock_sequence_array[index] if 0 < index <= LOCK_SEQUENCES else None


@defect(
    "lock-sequence-valid-from-the-beginning",
    replaces=LockPolicy.is_repeated,
    breaks=["SMB2-3.3.5.14-10"],
    origin="Samba before 4.13 (commit 5846e482560): the first LOCK with the number 0 was taken for a replay",
)
def _valid_from_the_beginning(
    original: Callable[[LockSequence, int], bool], self: LockPolicy, entry: LockSequence, number: int
) -> bool:
    """A LOCK with the number 0 is taken for a replay though none was there before."""
    return original(entry, number) or (not entry.valid and number == 0)


@defect(
    "lock-sequence-smaller-is-repeated",
    replaces=LockPolicy.is_repeated,
    breaks=["SMB2-3.3.5.14-02"],
    origin="plausible: the numbers are taken for growing ones",
)
def _smaller_is_repeated(
    original: Callable[[LockSequence, int], bool], self: LockPolicy, entry: LockSequence, number: int
) -> bool:
    """A LOCK with a smaller number than the last one of its index is taken for a replay."""
    return entry.valid and number <= entry.sequence_number


@defect(
    "lock-sequence-index-is-enough",
    replaces=LockPolicy.is_repeated,
    breaks=["SMB2-3.3.5.14-02"],
    origin="plausible: four bits of the field are dropped",
)
def _index_is_enough(
    original: Callable[[LockSequence, int], bool], self: LockPolicy, entry: LockSequence, number: int
) -> bool:
    """Any further LOCK with the index of one that succeeded is taken for a replay."""
    return entry.valid


@defect(
    "lock-sequence-remembered-at-once",
    replaces=LockPolicy.is_repeated,
    breaks=["SMB2-3.3.5.14-11"],
    origin="plausible: the number is stored when the request is received",
)
def _remembered_at_once(
    original: Callable[[LockSequence, int], bool], self: LockPolicy, entry: LockSequence, number: int
) -> bool:
    """A LOCK that still waits, or that failed, is taken for executed when it comes again."""
    repeated = original(entry, number) or entry.sequence_number == ~number
    entry.sequence_number = ~number if not repeated else entry.sequence_number
    return repeated


@defect(
    "lock-sequence-of-failures",
    replaces=LockPolicy.records_sequence,
    breaks=["SMB2-3.3.5.14-11"],
    origin="plausible: the number is stored on the way out, whatever the status",
)
def _of_failures(
    original: Callable[[Open, Connection, Status], bool],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    status: Status,
) -> bool:
    """A LOCK that failed is taken for executed when it comes again."""
    return original(open_, connection, Status.SUCCESS)


defect(
    "lock-sequence-not-voided",
    replaces=LockPolicy.other_number_voids_entry,
    breaks=["SMB2-3.3.5.14-02"],
    origin="plausible: the entry is overwritten by the next success anyway",
).always(False, "A LOCK with another number leaves the entry valid if it fails.")


@defect(
    "lock-sequence-without-index",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-03"],
    origin="plausible: the array begins with 0",
)
def _without_index(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """The index 0 is one like the others."""
    return original(open_, connection, index) if index else open_.lock_sequence_array[0]


@defect(
    "lock-sequence-large-index",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-03"],
    origin="plausible: the index is cut to the bits that 64 entries need",
)
def _large_index(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """An index above 64 is taken for the one that its low bits make."""
    return original(open_, connection, index if index <= LOCK_SEQUENCES else index % LOCK_SEQUENCES + 1)


@defect(
    "lock-sequence-of-the-file",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-10"],
    origin="plausible: locks belong to the file, so their sequences are kept there",
)
def _of_the_file(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """All opens of a file share their sequences."""
    return original(open_.stream.opens[0], connection, index)


@defect(
    "lock-sequence-one-entry",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-01"],
    origin="plausible: a client is expected to lock one range at a time",
)
def _one_entry(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """All indexes share one entry."""
    return original(open_, connection, min(index, 1))


@defect(
    "lock-sequence-few-entries",
    replaces=LockPolicy.sequence_entry,
    breaks=["SMB2-3.3.5.14-01"],
    origin="plausible: fewer entries than the text says seem enough",
)
def _few_entries(
    original: Callable[[Open, Connection, int], LockSequence | None],
    self: LockPolicy,
    open_: Open,
    connection: Connection,
    index: int,
) -> LockSequence | None:
    """There are 63 entries: the index 64 is not looked at."""
    return original(open_, connection, index) if index < LOCK_SEQUENCES else None
