"""Defects of what a session keeps when it loses one of several channels ([MS-SMB2] 3.3.7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.open import OplockState, close_open
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.wire.create import OplockLevel

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.session import Session

SEQUENCES: Final = 1 << 16
"""How many values Open.ChannelSequence has."""


def _opened_over(connection: Connection, session: Session) -> list[Open]:
    return [open_ for open_ in session.open_table.values() if open_.connection is connection]


@defect(
    "loss-closes-opens-of-channel",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01"],
    origin="plausible: an open has a connection, and is closed when that is taken down",
)
def _loss_closes_opens_of_channel(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of a channel closes what was opened over it."""
    survives = original(connection, session)
    if survives:
        for open_ in _opened_over(connection, session):
            close_open(connection.server, open_, connection.creation_time)
    return survives


@defect(
    "loss-releases-locks-of-channel",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01"],
    origin="plausible: byte-range locks are kept by connection",
)
def _loss_releases_locks_of_channel(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of a channel releases the locks of what was opened over it."""
    survives = original(connection, session)
    if survives:
        for open_ in _opened_over(connection, session):
            open_.stream.locks.release_open(open_, connection.creation_time)
    return survives


@defect(
    "loss-drops-oplocks-of-channel",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01"],
    origin="plausible: nobody is left at the connection that breaks are sent to",
)
def _loss_drops_oplocks_of_channel(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of a channel ends the oplocks of what was opened over it."""
    survives = original(connection, session)
    if survives:
        for open_ in _opened_over(connection, session):
            open_.oplock_level, open_.oplock_state = OplockLevel.NONE, OplockState.NONE
    return survives


@defect(
    "loss-restarts-listings",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01"],
    origin="plausible: the state of a listing belongs to the connection that it was begun on",
)
def _loss_restarts_listings(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """After the loss of a channel listings begin anew."""
    for open_ in session.open_table.values():
        open_.enumeration = None
    return original(connection, session)


@defect(
    "loss-advances-sequence",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-15"],
    origin="plausible: the server counts losses as the client does, and other ones",
)
def _loss_advances_sequence(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of a channel moves Open.ChannelSequence on by two, beyond what the client sends next."""
    for open_ in session.open_table.values():
        open_.channel_sequence = (open_.channel_sequence + 2) % SEQUENCES
    return original(connection, session)
