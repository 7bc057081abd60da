"""Oplocks and their breaks ([MS-SMB2] 3.3.4.6, 3.3.5.9, 3.3.5.22.1; [MS-FSA] 2.1.5.18)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Operation
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.codec import FileId

BREAK_TIMEOUT: Final = 35.0
"""Seconds a client has to acknowledge ([MS-SMB2] 3.3.2.1 and its product note)."""
PERSISTENT_BREAK_TIMEOUT: Final = 60.0
TRANSPORT_PATIENCE: Final = 1.0


class OplockPolicy:
    """The choices around oplocks."""

    def requested_level(self, request: Request, level: OplockLevel) -> OplockLevel:
        """RequestedOplockLevel after what the share forces: II at most (SHOULD, 3.3.5.9 ForceLevel2Oplock,
        SOFS)."""
        config = request.require_tree().share.config
        is_above_ii = level in (OplockLevel.BATCH, OplockLevel.EXCLUSIVE)
        if config.force_level2_oplock and is_above_ii:
            return OplockLevel.II
        if request.connection.is_3x and config.is_scale_out and level is OplockLevel.BATCH:
            return OplockLevel.II
        return level

    def stands_against_exclusive(self, other: Open) -> bool:
        """Whether another open of the stream keeps an exclusive or batch oplock from being granted
        ([MS-FSA]): any."""
        del other
        return True

    def break_timeout(self, open_: Open) -> float:
        """Seconds until a break counts as acknowledged: Open.OplockTimeout is implementation-specific
        (3.3.4.6)."""
        return PERSISTENT_BREAK_TIMEOUT if open_.is_persistent else BREAK_TIMEOUT

    def locks_stand_against_reading(self, stream: OpenStream) -> bool:
        """Whether byte-range locks keep what caches reads from being granted: those that begin in what is
        allocated ([MS-FSA] 2.1.5.18)."""
        content = stream.content
        return content is not None and stream.locks.begin_before(content.allocation_size)

    def stands_against_level_ii(self, lease: Lease) -> bool:
        """Whether a lease on the stream keeps a level II oplock from being granted: one that caches handles
        or writes ([MS-FSA] 2.1.5.18.2)."""
        return bool(lease.lease_state & (LeaseState.HANDLE_CACHING | LeaseState.WRITE_CACHING))

    def level_after(self, operation: Operation, held: OplockLevel) -> OplockLevel:
        """The level that an operation of another leaves of an exclusive or batch oplock ([MS-FSA] 2.1.4.12).

        The level held, where the operation does not concern it. An open that conflicts with a batch oplock
        breaks it too: its holder may have closed the file already.
        """
        if operation in (Operation.OVERWRITE, Operation.WRITE, Operation.LOCK, Operation.SET_SIZE):
            return OplockLevel.NONE
        if operation is Operation.OPEN:
            return OplockLevel.II
        if held is OplockLevel.BATCH and operation is Operation.SHARING_VIOLATION:
            return OplockLevel.II
        if held is OplockLevel.BATCH and operation is Operation.RENAME:
            return OplockLevel.NONE
        return held

    def level_ii_ends_with(self, operation: Operation) -> bool:
        """Whether an operation of anybody, the holder included, ends level II ([MS-FSA] 2.1.4.12)."""
        return operation in (Operation.OVERWRITE, Operation.WRITE, Operation.LOCK, Operation.SET_SIZE)

    def level_ii_break_awaits_acknowledgment(self) -> bool:
        """Whether a break from II to NONE stays open until acknowledged.

        3.3.4.6 literally sets every open Breaking; but the object store expects nothing back for this one,
        and 2.2.24.1 has the client send no acknowledgment, so it is complete when it is sent (erratum 28).
        """
        return False

    def connections_for_break(self, open_: Open) -> Sequence[Connection]:
        """Where a break may go, in order: on 3.x the session's channels, first one first, else
        Open.Connection (3.3.4.6)."""
        connection = open_.connection
        if connection is not None and not connection.is_3x:
            return [connection]
        return (
            [channel.connection for channel in open_.session.channel_list]
            if open_.session is not None
            else []
        )

    def unannounced_break_closes(self, open_: Open) -> bool:
        """Whether an open is closed whose break no connection could carry: neither a resilient nor a
        persistent one (3.3.4.6)."""
        return not (open_.is_resilient or open_.is_persistent)

    def retries_break(self) -> bool:
        """Whether a break that did not get through is sent on another channel (3.3.4.6)."""
        return True

    def gives_up_on_transport(self, seconds: float) -> bool:
        """Whether a transport that has acknowledged nothing for so long counts as failed (the text sets no
        time)."""
        return seconds >= TRANSPORT_PATIENCE

    def closes_failed_transport(self) -> bool:
        """Whether a connection that does not get a break through is ended: nothing says so."""
        return False

    def break_names_session(self) -> bool:
        """Whether the notification carries Open.Session.SessionId (SHOULD, 3.3.4.6)."""
        return True

    def open_of_acknowledgment(self, request: Request, file_id: FileId, now: float) -> Open | None:
        """The open an acknowledgment is about: looked up in the session, whichever channel it comes on
        (3.3.5.22.1)."""
        return request.find_open(file_id, now)

    def unknown_open_status(self) -> Status:
        """What an acknowledgment fails with that names no open (3.3.5.22.1)."""
        return Status.FILE_CLOSED

    def not_breaking_status(self, open_: Open, level: int) -> Status:
        """What an acknowledgment fails with where no break is under way (3.3.5.22.1)."""
        del open_, level
        return Status.INVALID_DEVICE_STATE

    def leased_open_status(self) -> Status:
        """What the acknowledgment of an oplock fails with on an open whose lease is breaking; the lease goes
        on breaking (3.3.5.22.1 knows of no such case)."""
        return Status.INVALID_OPLOCK_PROTOCOL

    def lease_level_status(self) -> Status:
        """What an acknowledgment with SMB2_OPLOCK_LEVEL_LEASE fails with (3.3.5.22.1)."""
        return Status.INVALID_PARAMETER

    def level_status(self, held: OplockLevel, level: int) -> Status:
        """SUCCESS, or what a level fails with that the one held cannot be broken to (3.3.5.22.1)."""
        allowed = {
            OplockLevel.EXCLUSIVE: (OplockLevel.II, OplockLevel.NONE),
            OplockLevel.BATCH: (OplockLevel.II, OplockLevel.NONE, OplockLevel.EXCLUSIVE),
            OplockLevel.II: (OplockLevel.NONE,),
        }
        return Status.SUCCESS if level in allowed.get(held, ()) else Status.INVALID_OPLOCK_PROTOCOL

    def lowered_status(self, open_: Open, level: int) -> Status:
        """SUCCESS, or what a level fails with that the break asked for, but is more than an operation which
        came meanwhile leaves: that breaks it anew ([MS-FSA] 2.1.5.19)."""
        del open_, level
        return Status.SUCCESS

    def wrong_level_ends_break(self) -> bool:
        """Whether an acknowledgment with a level that cannot be ends the break, with NONE (3.3.5.22.1)."""
        return True

    def level_of_acknowledgment(self, open_: Open, level: OplockLevel) -> OplockLevel:
        """The level the break ends with: EXCLUSIVE counts as NONE (3.3.5.22.1); after a break to none the
        object store has nothing else to give, whatever is acknowledged ([MS-FSA] 2.1.5.19)."""
        if level is OplockLevel.EXCLUSIVE or open_.break_level is OplockLevel.NONE:
            return OplockLevel.NONE
        return level
