"""Defects of what channels share, and of what outlives one of them ([MS-SMB2] 3.3.5.2, 3.3.5.6, 3.3.7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.channel_table import ChannelTable
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.create import CreatePolicy
from smbtorture_py.server.policies.tree import TreePolicy
from smbtorture_py.wire.header import HeaderFlags

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Channel, Session
    from smbtorture_py.server.tree_connect import TreeConnect
    from smbtorture_py.wire.header import Header


@defect(
    "trees-on-first-channel-only",
    replaces=TreePolicy.find_tree,
    breaks=["SMB2-3.3.5.5-33", "SMB2-3.3.5.5-34", "SMB2-3.3.5.2.11-05"],
    origin="Samba before 333707fa376: trees were looked up by connection",
)
def _trees_on_first_channel_only(
    original: Callable[[Request, Session], TreeConnect | None],
    self: TreePolicy,
    request: Request,
    session: Session,
) -> TreeConnect | None:
    """TreeIds are known on the first channel only."""
    return original(request, session) if request.connection is session.connection else None


@defect(
    "files-on-opening-channel-only",
    replaces=CreatePolicy.is_open_of_request,
    breaks=["SMB2-3.3.5.5-33", "SMB2-3.3.5.5-34"],
    origin="Samba before 333707fa376: handles were looked up by connection",
)
def _files_on_opening_channel_only(
    original: Callable[[Open, Request], bool], self: CreatePolicy, open_: Open, request: Request
) -> bool:
    """FileIds are known on the channel that opened the file only."""
    return original(open_, request) and open_.connection is request.connection


@defect(
    "cancel-from-any-channel",
    replaces=AsyncPolicy.find_target,
    breaks=["SMB2-3.3.5.16-05"],
    origin="plausible: requests that wait are listed in the session",
)
def _cancel_from_any_channel(
    original: Callable[[Connection, Header], Request | None],
    self: AsyncPolicy,
    connection: Connection,
    header: Header,
) -> Request | None:
    """A CANCEL finds requests of every channel by their AsyncId."""
    found = original(connection, header)
    session = connection.session_table.get(header.session_id)
    if found is not None or session is None or not header.has(HeaderFlags.ASYNC_COMMAND):
        return found
    lists = (channel.connection.async_command_list for channel in session.channel_list)
    return next((waiting[header.async_id] for waiting in lists if header.async_id in waiting), None)


@defect(
    "loss-of-first-channel-ends-session",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01", "SMB2-3.3.7.1-03"],
    origin="ksmbd: the loss of the connection that set the session up ends it",
)
def _loss_of_first_channel_ends_session(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of Session.Connection ends the session."""
    return original(connection, session) and session.connection is not connection


@defect(
    "loss-of-later-channel-ends-session",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-01"],
    origin="plausible: a connection that is taken down takes down every session it knows",
)
def _loss_of_later_channel_ends_session(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """The loss of a channel that was bound ends the session."""
    return original(connection, session) and session.connection is connection


@defect(
    "sessions-judged-together",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-11"],
    origin="plausible: whether a connection was the last one is asked once for all its sessions",
)
def _sessions_judged_together(
    original: Callable[[Connection, Session], bool],
    self: ConnectionLossPolicy,
    connection: Connection,
    session: Session,
) -> bool:
    """All sessions of a lost connection end as soon as one has no other channel."""
    return all(original(connection, one) for one in connection.session_table.values())


@defect(
    "loss-cancels-every-channel",
    replaces=ConnectionLossPolicy.successor,
    breaks=["SMB2-3.3.7.1-01"],
    origin="Samba bug 14449 (f0e553783): the loss of a channel ended requests that belong to the session",
)
def _loss_cancels_every_channel(
    original: Callable[[Session], Channel], self: ConnectionLossPolicy, session: Session
) -> Channel:
    """The loss of the first channel ends what waits on the others."""
    for channel in session.channel_list:
        for request in list(channel.connection.async_command_list.values()):
            if request.on_cancel is not None:
                request.on_cancel(request.receive_time)
    return original(session)


defect(
    "loss-leaves-requests-waiting",
    replaces=AsyncPolicy.pending_requests_end_with_connection,
    breaks=["SMB2-3.3.7.1-02"],
    origin="Samba 4.17: a LOCK that waits on a lost channel is granted to nobody later",
).always(False, "What waits on a lost connection goes on waiting.")


@defect(
    "lost-channel-stays-listed",
    replaces=ChannelTable.remove,
    breaks=["SMB2-3.3.5.5-46", "SMB2-3.3.7.1-07"],
    origin="ksmbd issue 432: a session was not destroyed with its last channel",
)
def _lost_channel_stays_listed(
    original: Callable[[Connection], None], self: ChannelTable, connection: Connection
) -> None:
    """Channels that were lost stay in the list and count for the limit."""
