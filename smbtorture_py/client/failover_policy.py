"""What a client does when channels die: what a good one does, unless a field is told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from smbtorture_py.wire.codec import Body
from smbtorture_py.wire.create import CreateRequest
from smbtorture_py.wire.create_contexts import DurableHandleRequestV2, find
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest

RETRIED: Final[Mapping[int, frozenset[Status]]] = MappingProxyType(
    {
        Command.CREATE: frozenset({Status.SERVER_UNAVAILABLE, Status.FILE_NOT_AVAILABLE}),
        Command.WRITE: frozenset({Status.FILE_NOT_AVAILABLE}),
        Command.SET_INFO: frozenset({Status.FILE_NOT_AVAILABLE}),
        Command.IOCTL: frozenset({Status.FILE_NOT_AVAILABLE}),
    }
)
"""Statuses after which a client sends the request again as a replay ([MS-SMB2] 3.2.5.7, .12, .14, .18).

FILE_NOT_AVAILABLE for CREATE is not in the text; Windows clients repeat after it, because servers answer so
while the first CREATE is pending.
"""


@dataclass(slots=True, kw_only=True)
class FailoverPolicy:
    """How a client carries on without a channel; times in seconds."""

    sequence_step: int = 1
    """By how much Session.ChannelSequence goes up for each channel that is lost; 0: it stays ([MS-SMB2]
    3.2.7.1)."""

    repeats: bool = True
    """What was outstanding on a lost channel is sent again on another one."""

    replay_flag: bool = True
    """What is sent again carries SMB2_FLAGS_REPLAY_OPERATION, where its command is one of those that do."""

    same_create_guid: bool = True
    """A CREATE that is sent again has the CreateGuid it had."""

    same_lock_sequence: bool = True
    """A LOCK that is sent again has the LockSequenceIndex and LockSequenceNumber it had."""

    rewrite: Callable[[Body], Body] | None = None
    """Makes what is sent again out of what was sent: another name, lease key, access, content."""

    most_retries: int = 3
    """How often a request is sent again because of its status; Windows: three times."""

    retry_pause: float = 0.25
    """How long to wait before that."""

    acknowledges: bool = True
    """Breaks of oplocks and leases are acknowledged, where an acknowledgment is due, on the channel they came
    over, or another one where that is gone."""

    patience: float = 3.0
    """After how long a transport that acknowledges nothing counts as dead: the client resets it."""

    answer_patience: float = 60.0
    """After how long a request without any answer, not even an interim one, is taken for lost with its
    channel, which the client resets ([MS-SMB2] 3.2.6.1; 60 seconds in Windows)."""

    probes: bool = True
    """A channel on which requests are pending, with an interim response, is sent an ECHO when nothing was
    heard on it for `answer_patience`. While that is answered they may take as long as they like; where it is
    not, the channel is lost as with any other request."""

    rebinds: bool = True
    """New channels are bound in place of lost ones."""

    shrinks: bool = True
    """Channels over lesser interfaces are closed once the better ones have all that are wanted."""

    interface_pause: float = 5.0
    """How long an address that could not be reached, or bound, is left alone."""

    refresh_interval: float = 600.0
    """How long the server's interfaces are believed before they are asked for again ([MS-SMB2] 3.2.6.3)."""

    reconnects: bool = True
    """When the last channel is gone: log on again, and have durable opens back ([MS-SMB2] 3.2.4.4)."""

    names_previous_session: bool = True
    """That logon carries the old SessionId in PreviousSessionId ([MS-SMB2] 3.2.4.2.3)."""


def is_repeatable(body: Body) -> bool:
    """Tell whether sending a request a second time does no harm, although the first may have been executed.

    A CREATE only with a CreateGuid; a directory listing not at all, because it goes on where the first ended.
    """
    if isinstance(body, CreateRequest):
        return find(body.contexts, DurableHandleRequestV2, []) is not None
    return not isinstance(body, QueryDirectoryRequest)


def carries_replay_flag(body: Body) -> bool:
    """Tell whether a repeated request is marked as a replay ([MS-SMB2] 3.2.5.7, .12, .14, .18, 3.2.7.1)."""
    return isinstance(body, CreateRequest | WriteRequest | SetInfoRequest | IoctlRequest)
