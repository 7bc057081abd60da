"""Defects of oplocks: what is granted, what breaks them, breaks and acknowledgments ([MS-SMB2] 3.3.4.6,
3.3.5.9, 3.3.5.22.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import Actor, Operation
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.open import OplockState
from smbtorture_py.server.parts.break_check import BreakCheck
from smbtorture_py.server.parts.break_delivery import BreakDelivery, Dispatch
from smbtorture_py.server.parts.file_table import FileTable
from smbtorture_py.server.parts.oplock_scheduler import OplockScheduler
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.create import CreatePolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import AccessMask, OplockLevel
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.oplock_break import OplockBreakNotification
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.request import Request

NEVER: Final = 1_000_000.0
TOO_SOON: Final = 20.0


# Granting.


defect(
    "oplock-never-granted",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-28", "SMB2-3.3.5.9-29"],
    origin="plausible: a young server has none",
).always(OplockLevel.NONE, "No oplock is granted.")


@defect(
    "oplock-batch-as-exclusive",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-28"],
    origin="plausible: the two levels differ in the client only",
)
def _oplock_batch_as_exclusive(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """Who asks for a batch oplock gets an exclusive one."""
    level = original(request, level)
    return OplockLevel.EXCLUSIVE if level is OplockLevel.BATCH else level


@defect(
    "oplock-above-ii-on-level-2-share",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-31"],
    origin="Windows Vista and Server 2008: the flag is announced and ignored (note 312)",
)
def _oplock_above_ii_on_level_2_share(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """A share that forces level II grants what was asked for."""
    return level if request.require_tree().share.config.force_level2_oplock else original(request, level)


@defect(
    "oplock-batch-on-scale-out-share",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-32"],
    origin="Samba: a cluster's own locking lets every node grant any oplock",
)
def _oplock_batch_on_scale_out_share(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """A scale-out share grants batch oplocks."""
    return level if request.require_tree().share.config.is_scale_out else original(request, level)


defect(
    "oplock-exclusive-beside-others",
    replaces=OplockPolicy.stands_against_exclusive,
    breaks=["SMB2-3.3.5.9-29"],
    origin="plausible: opens without an oplock are not counted",
).always(False, "An exclusive oplock is granted beside other opens.")


@defect(
    "oplock-all-or-nothing",
    replaces=OplockScheduler.acquire,
    breaks=["SMB2-3.3.5.9-29"],
    origin="plausible: what cannot be granted is refused",
)
def _oplock_all_or_nothing(
    original: Callable[[Open, OplockLevel], None],
    self: OplockScheduler,
    open_: Open,
    requested: OplockLevel,
) -> None:
    """Who cannot get an exclusive oplock gets none, not II."""
    original(open_, requested)
    if open_.oplock_level is not requested:
        open_.oplock_level, open_.oplock_state = OplockLevel.NONE, OplockState.NONE


@defect(
    "oplock-unasked",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-28"],
    origin="plausible: what costs nothing is granted to everybody",
)
def _oplock_unasked(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """An open that asks for no oplock gets level II."""
    return OplockLevel.II if level is OplockLevel.NONE else original(request, level)


@defect(
    "oplock-of-the-whole-file",
    replaces=OplockScheduler.exclusive_owner,
    breaks=["SMB2-3.3.5.9-28", "SMB2-3.3.4.6-15"],
    origin="derived from smbtorture oplock.batch26 and stream1",
)
def _oplock_of_the_whole_file(
    original: Callable[[OpenStream], Open | None], self: OplockScheduler, stream: OpenStream
) -> Open | None:
    """An oplock of a file is one of its streams too."""
    owners = [original(one) for one in stream.file.streams.values()]
    return next((owner for owner in owners if owner is not None), None)


@defect(
    "oplock-broken-by-stat-opens",
    replaces=CreatePolicy.is_stat_open,
    breaks=["SMB2-3.3.5.9-33", "SMB2-3.3.4.6-15"],
    origin="derived from smbtorture oplock.statopen1",
)
def _oplock_broken_by_stat_opens(original: Callable[[int], bool], self: CreatePolicy, access: int) -> bool:
    """An open for attributes breaks an oplock."""
    return False


@defect(
    "oplock-spared-by-read-control",
    replaces=CreatePolicy.is_stat_open,
    breaks=["SMB2-3.3.4.6-13"],
    origin="Samba before 4.13 (bug 14357): the masks of leases were taken for oplocks",
)
def _oplock_spared_by_read_control(original: Callable[[int], bool], self: CreatePolicy, access: int) -> bool:
    """An open for READ_CONTROL breaks no oplock."""
    return original(access & ~int(AccessMask.READ_CONTROL))


# What breaks an oplock.


def _leaves(
    identifier: str,
    kind: Operation,
    left: OplockLevel | None,
    breaks: Sequence[str],
    origin: str,
    sentence: str,
) -> None:
    """Enter a defect: an operation leaves another level than it should; None: the level held."""

    def spoilt(
        original: Callable[[Operation, OplockLevel], OplockLevel],
        self: OplockPolicy,
        operation: Operation,
        held: OplockLevel,
    ) -> OplockLevel:
        if operation is kind:
            return held if left is None else left
        return original(operation, held)

    spoilt.__doc__ = sentence
    defect(identifier, replaces=OplockPolicy.level_after, breaks=breaks, origin=origin)(spoilt)


_leaves(
    "oplock-survives-opens",
    Operation.OPEN,
    None,
    ["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-03"],
    "plausible: only conflicting share modes count",
    "An open of another breaks no oplock.",
)
_leaves(
    "oplock-lost-by-opens",
    Operation.OPEN,
    OplockLevel.NONE,
    ["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-03"],
    "plausible: a server without level II",
    "An open of another breaks an oplock to none.",
)
_leaves(
    "oplock-kept-by-overwriting",
    Operation.OVERWRITE,
    OplockLevel.II,
    ["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-03"],
    "derived from smbtorture oplock.exclusive9",
    "An open that overwrites breaks an oplock to II.",
)


def _spares(identifier: str, kind: Operation, sentence: str) -> None:
    """Enter a defect: an operation leaves level II as it is."""

    def spoilt(original: Callable[[Operation], bool], self: OplockPolicy, operation: Operation) -> bool:
        return operation is not kind and original(operation)

    spoilt.__doc__ = sentence
    defect(
        identifier,
        replaces=OplockPolicy.level_ii_ends_with,
        breaks=["SMB2-3.3.4.6-08"],
        origin="derived from smbtorture oplock.batch10, batch11 and brl1",
    )(spoilt)


_spares("level-ii-survives-writes", Operation.WRITE, "A write leaves level II oplocks as they are.")
_spares("level-ii-survives-locks", Operation.LOCK, "A lock leaves level II oplocks as they are.")
_spares("level-ii-survives-resizing", Operation.SET_SIZE, "A change of the size leaves level II as it is.")
_spares("level-ii-survives-overwriting", Operation.OVERWRITE, "Overwriting leaves level II as it is.")


defect(
    "level-ii-broken-by-everything",
    replaces=OplockPolicy.level_ii_ends_with,
    breaks=["SMB2-3.3.4.6-15"],
    origin="plausible: any other open ends what is shared",
).always(True, "Every operation of another breaks level II.")


@defect(
    "level-ii-only-first-told",
    replaces=OplockScheduler.start_break,
    breaks=["SMB2-3.3.4.6-08", "SMB2-3.3.1.4-01"],
    origin="derived from smbtorture oplock.batch6",
)
def _level_ii_only_first_told(
    original: Callable[[Open, OplockLevel, float], None],
    self: OplockScheduler,
    open_: Open,
    level: OplockLevel,
    now: float,
) -> None:
    """Of several holders of level II only the first is told."""
    if open_.oplock_level is not OplockLevel.II or open_.stream.opens[0] is open_:
        original(open_, level, now)


@defect(
    "level-ii-not-announced",
    replaces=OplockScheduler.start_break,
    breaks=["SMB2-3.3.4.6-08", "SMB2-3.3.1.4-01", "SMB2-3.3.4.6-06"],
    origin="plausible: what need not be acknowledged is not sent",
)
def _level_ii_not_announced(
    original: Callable[[Open, OplockLevel, float], None],
    self: OplockScheduler,
    open_: Open,
    level: OplockLevel,
    now: float,
) -> None:
    """Level II ends without a notification."""
    if open_.oplock_level is OplockLevel.II:
        self.settle(open_, OplockLevel.NONE)
    else:
        original(open_, level, now)


@defect(
    "oplock-broken-by-its-holder",
    replaces=BreakCheck.actor_of,
    breaks=["SMB2-3.3.4.6-15"],
    origin="derived from smbtorture oplock.batch21",
)
def _oplock_broken_by_its_holder(original: Callable[[Open], Actor], self: BreakCheck, open_: Open) -> Actor:
    """A holder that writes or locks breaks its own oplock."""
    return replace(original(open_), open=None)


@defect(
    "oplock-contenders-do-not-wait",
    replaces=OplockScheduler.exclusive_owner,
    breaks=["SMB2-3.3.4.6-13"],
    origin="plausible: a break is only announced",
)
def _oplock_contenders_do_not_wait(
    original: Callable[[OpenStream], Open | None], self: OplockScheduler, stream: OpenStream
) -> Open | None:
    """An open that breaks an oplock does not wait for the acknowledgment."""
    owner = original(stream)
    return None if owner is None or owner.oplock_state is OplockState.BREAKING else owner


# The notification, and where it goes.


def _spoils(
    identifier: str,
    change: Callable[[OplockBreakNotification], OplockBreakNotification],
    origin: str,
    sentence: str,
) -> None:
    """Enter a defect: oplock break notifications go out with something changed."""

    def spoilt(
        original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
    ) -> bool:
        if isinstance(dispatch.notification, OplockBreakNotification):
            dispatch.notification = change(dispatch.notification)
        return original(dispatch, now)

    spoilt.__doc__ = sentence
    defect(identifier, replaces=BreakDelivery.send, breaks=["SMB2-3.3.4.6-03"], origin=origin)(spoilt)


_spoils(
    "oplock-break-with-half-a-file-id",
    lambda one: replace(one, file_id=FileId(0, one.file_id.volatile)),
    "plausible: the persistent half is for durable opens",
    "Oplock breaks have FileId.Persistent 0.",
)
_spoils(
    "oplock-break-with-halves-exchanged",
    lambda one: replace(one, file_id=FileId(one.file_id.volatile, one.file_id.persistent)),
    "plausible: the halves are written in the wrong order",
    "Oplock breaks have the halves of FileId exchanged.",
)
_spoils(
    "oplock-break-to-exclusive",
    lambda one: replace(one, oplock_level=OplockLevel.EXCLUSIVE),
    "plausible: the level that is held is sent",
    "Oplock breaks ask for EXCLUSIVE.",
)
_spoils(
    "oplock-break-with-reserved",
    lambda one: replace(one, reserved2=1),
    "plausible: a reserved field is used inside",
    "Oplock breaks have a reserved field that is not zero.",
)


@defect(
    "oplock-break-sent-twice",
    replaces=BreakDelivery.send,
    breaks=["SMB2-3.3.4.6-16"],
    origin="derived from smbtorture multichannel.oplocks.test1",
)
def _oplock_break_sent_twice(
    original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
) -> bool:
    """An oplock break is sent twice."""
    is_sent = original(dispatch, now)
    if is_sent and isinstance(dispatch.notification, OplockBreakNotification):
        dispatch.connection.send_unsolicited(dispatch.notification, session=dispatch.session, now=now)
    return is_sent


@defect(
    "oplock-break-on-every-channel",
    replaces=BreakDelivery.send,
    breaks=["SMB2-3.3.4.6-16", "SMB2-3.3.4.6-06"],
    origin="plausible: what may fail on one channel is sent on all",
)
def _oplock_break_on_every_channel(
    original: Callable[[Dispatch, float], bool], self: BreakDelivery, dispatch: Dispatch, now: float
) -> bool:
    """An oplock break is sent on every channel."""
    is_sent = original(dispatch, now)
    if is_sent and isinstance(dispatch.notification, OplockBreakNotification):
        for connection in dispatch.connections():
            if connection is not dispatch.connection:
                connection.send_unsolicited(dispatch.notification, session=dispatch.session, now=now)
    return is_sent


@defect(
    "oplock-break-for-each-contender",
    replaces=OplockScheduler.start_break,
    breaks=["SMB2-3.3.4.6-16"],
    origin="plausible: a break that is under way is not looked for",
)
def _oplock_break_for_each_contender(
    original: Callable[[Open, OplockLevel, float], None],
    self: OplockScheduler,
    open_: Open,
    level: OplockLevel,
    now: float,
) -> None:
    """A breaking oplock is broken anew by everybody who wants the file."""
    if open_.oplock_state is OplockState.BREAKING:
        open_.oplock_state = OplockState.HELD
    original(open_, level, now)


@defect(
    "oplock-break-on-opening-channel-only",
    replaces=OplockPolicy.connections_for_break,
    breaks=["SMB2-3.3.4.6-06", "SMB2-3.3.4.6-07", "SMB2-3.3.4.1.6-01"],
    origin="ksmbd: a break goes to the connection that opened the file",
)
def _oplock_break_on_opening_channel_only(
    original: Callable[[Open], Sequence[Connection]], self: OplockPolicy, open_: Open
) -> Sequence[Connection]:
    """An oplock break goes to the channel that the file was opened on, and nowhere else."""
    return [connection for connection in original(open_) if connection is open_.connection]


@defect(
    "oplock-break-to-first-connection-of-client",
    replaces=OplockPolicy.connections_for_break,
    breaks=["SMB2-3.3.4.6-17"],
    origin="plausible: breaks of oplocks are delivered as those of leases",
)
def _oplock_break_to_first_connection_of_client(
    original: Callable[[Open], Sequence[Connection]], self: OplockPolicy, open_: Open
) -> Sequence[Connection]:
    """An oplock break goes to the first connection of the client, whichever session that belongs to."""
    connections = [] if open_.connection is None else open_.connection.server.connection_list
    return [one for one in connections if one.client_guid == open_.client_guid] or original(open_)


@defect(
    "oplock-break-during-bind-goes-astray",
    replaces=OplockPolicy.connections_for_break,
    breaks=["SMB2-3.3.4.6-06"],
    origin="plausible: the newest connection of the client is taken for a channel",
)
def _oplock_break_during_bind_goes_astray(
    original: Callable[[Open], Sequence[Connection]], self: OplockPolicy, open_: Open
) -> Sequence[Connection]:
    """An oplock break goes to the newest connection of the client, bound or not."""
    connections = [] if open_.connection is None else list(open_.connection.server.connection_list)
    own = [one for one in reversed(connections) if one.client_guid == open_.client_guid]
    return own[:1] or original(open_)


defect(
    "oplock-break-not-retried",
    replaces=OplockPolicy.retries_break,
    breaks=["SMB2-3.3.4.6-07"],
    origin="Windows, by smbtorture multichannel.oplocks.test3_windows; Samba before 88b0da106 (bug 11897)",
).always(False, "An oplock break that did not get through is not sent again.")


defect(
    "oplock-break-without-session",
    replaces=OplockPolicy.break_names_session,
    breaks=["SMB2-3.3.4.6-12"],
    origin="Samba before a1e5b8c77c1 (bug 11897), Windows up to 2012 R2 (note 245)",
).always(False, "The header of an oplock break has SessionId 0.")


# How it ends.


defect(
    "oplock-break-never-times-out",
    replaces=OplockPolicy.break_timeout,
    breaks=["SMB2-3.3.4.6-09"],
    origin="chimera #1030: a break that nobody acknowledges lasts for ever",
).always(NEVER, "An oplock break has no time-out.")


defect(
    "oplock-break-times-out-soon",
    replaces=OplockPolicy.break_timeout,
    breaks=["SMB2-3.3.4.6-09"],
    origin="Samba before 816528923e9 (bug 11897): the time-out was shorter than that of clients",
).always(TOO_SOON, "An oplock break ends after 20 seconds.")


@defect(
    "oplock-break-outlives-the-holder",
    replaces=FileTable.remove,
    breaks=["SMB2-3.3.4.6-13", "SMB2-3.3.4.6-10"],
    origin="plausible: a break ends with its acknowledgment or its time, and with nothing else",
)
def _oplock_break_outlives_the_holder(original: Callable[[Open], None], self: FileTable, open_: Open) -> None:
    """Closing the file does not wake whoever waits for its oplock to break."""
    if open_.oplock_state is OplockState.BREAKING:
        open_.stream.waiters.clear()
    original(open_)


@defect(
    "oplock-acknowledgment-resumes-nobody",
    replaces=OplockScheduler.settle,
    breaks=["SMB2-3.3.4.6-13", "SMB2-3.3.5.22.1-01", "SMB2-3.3.5.22.1-10"],
    origin="plausible: the waiting request is woken by the timer only",
)
def _oplock_acknowledgment_resumes_nobody(
    original: Callable[[Open, OplockLevel], None],
    self: OplockScheduler,
    open_: Open,
    level: OplockLevel,
) -> None:
    """Whoever waits for an oplock break is not woken by its end."""
    open_.stream.waiters.clear()
    original(open_, level)


defect(
    "oplock-not-breaking-is-no-protocol",
    replaces=OplockPolicy.not_breaking_status,
    breaks=["SMB2-3.3.5.22.1-02"],
    origin="Samba: an acknowledgment nobody waits for is a protocol error",
).always(Status.INVALID_OPLOCK_PROTOCOL, "An acknowledgment of no break fails with another status.")


@defect(
    "oplock-level-checked-before-state",
    replaces=OplockPolicy.not_breaking_status,
    breaks=["SMB2-3.3.5.22.1-02"],
    origin="older revisions of MS-SMB2, and the model of Microsoft's test suites",
)
def _oplock_level_checked_before_state(
    original: Callable[[Open, int], Status], self: OplockPolicy, open_: Open, level: int
) -> Status:
    """The level of an acknowledgment is checked before whether a break is under way."""
    if level == OplockLevel.LEASE:
        return Status.INVALID_PARAMETER
    status = self.level_status(open_.oplock_level, level)
    return original(open_, level) if status == Status.SUCCESS else status


defect(
    "oplock-lease-level-is-no-protocol",
    replaces=OplockPolicy.lease_level_status,
    breaks=["SMB2-3.3.5.22.1-03"],
    origin="ksmbd: fails with a status of its class INVALID_OPLOCK_PROTOCOL",
).always(Status.INVALID_OPLOCK_PROTOCOL, "An acknowledgment with the level of leases fails otherwise.")


defect(
    "oplock-any-level-acknowledged",
    replaces=OplockPolicy.level_status,
    breaks=["SMB2-3.3.5.22.1-04", "SMB2-3.3.5.22.1-05"],
    origin="plausible: the client is believed",
).always(Status.SUCCESS, "An acknowledgment may have any level.")


defect(
    "oplock-break-outlives-a-wrong-level",
    replaces=OplockPolicy.wrong_level_ends_break,
    breaks=["SMB2-3.3.5.22.1-03", "SMB2-3.3.5.22.1-04", "SMB2-3.3.5.22.1-05"],
    origin="Samba: an acknowledgment with a wrong level is refused, and the contender waits on",
).always(False, "An acknowledgment with a wrong level does not end the break.")


@defect(
    "oplock-exclusive-for-batch-refused",
    replaces=OplockPolicy.level_status,
    breaks=["SMB2-3.3.5.22.1-06"],
    origin="Samba: only II and NONE can be acknowledged",
)
def _oplock_exclusive_for_batch_refused(
    original: Callable[[OplockLevel, int], Status], self: OplockPolicy, held: OplockLevel, level: int
) -> Status:
    """An acknowledgment of EXCLUSIVE for a batch oplock is refused."""
    return Status.INVALID_PARAMETER if level == OplockLevel.EXCLUSIVE else original(held, level)


@defect(
    "oplock-exclusive-for-batch-granted",
    replaces=OplockPolicy.level_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-06"],
    origin="plausible: what is acknowledged is what is left",
)
def _oplock_exclusive_for_batch_granted(
    original: Callable[[Open, OplockLevel], OplockLevel],
    self: OplockPolicy,
    open_: Open,
    level: OplockLevel,
) -> OplockLevel:
    """An acknowledgment of EXCLUSIVE for a batch oplock leaves an exclusive one."""
    return level


defect(
    "oplock-acknowledged-to-none",
    replaces=OplockPolicy.level_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-01"],
    origin="plausible: a server without level II",
).always(OplockLevel.NONE, "Whatever is acknowledged, no oplock is left.")


defect(
    "oplock-unknown-file-invalid-handle",
    replaces=OplockPolicy.unknown_open_status,
    breaks=["SMB2-3.3.5.22.1-08"],
    origin="plausible: other commands' status for a handle that does not exist",
).always(Status.INVALID_HANDLE, "An acknowledgment with an unknown FileId fails with INVALID_HANDLE.")


@defect(
    "oplock-persistent-half-ignored",
    replaces=OplockPolicy.open_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-08"],
    origin="plausible: the volatile half is enough to find an open",
)
def _oplock_persistent_half_ignored(
    original: Callable[[Request, FileId, float], Open | None],
    self: OplockPolicy,
    request: Request,
    file_id: FileId,
    now: float,
) -> Open | None:
    """An acknowledgment finds the open by half of its FileId."""
    return request.require_session().open_table.get(file_id.volatile)


@defect(
    "oplock-acknowledged-from-any-session",
    replaces=OplockPolicy.open_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-08"],
    origin="plausible: opens are looked up in the whole server",
)
def _oplock_acknowledged_from_any_session(
    original: Callable[[Request, FileId, float], Open | None],
    self: OplockPolicy,
    request: Request,
    file_id: FileId,
    now: float,
) -> Open | None:
    """An acknowledgment finds the open of another session."""
    return request.connection.server.global_open_table.get(file_id.persistent)


@defect(
    "oplock-acknowledged-on-its-channel-only",
    replaces=OplockPolicy.open_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-10"],
    origin="plausible: handles are looked up by connection",
)
def _oplock_acknowledged_on_its_channel_only(
    original: Callable[[Request, FileId, float], Open | None],
    self: OplockPolicy,
    request: Request,
    file_id: FileId,
    now: float,
) -> Open | None:
    """An oplock break can be acknowledged only on the channel that the file was opened on."""
    found = original(request, file_id, now)
    return found if found is not None and found.connection is request.connection else None


@defect(
    "oplock-acknowledgment-keeps-replay",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.22.1-11"],
    origin="chimera #711: only requests that change a file count as its use",
)
def _oplock_acknowledgment_keeps_replay(
    original: Callable[[Open, Request], None], self: ReplayPolicy, open_: Open, request: Request
) -> None:
    """After an acknowledgment the CREATE of the open can still be replayed."""
    if request.header.command != Command.OPLOCK_BREAK:
        original(open_, request)


@defect(
    "oplock-break-ends-with-its-contender",
    replaces=OplockPolicy.open_of_acknowledgment,
    breaks=["SMB2-3.3.5.22.1-01"],
    origin="plausible: the break belongs to the request that waits for it",
)
def _oplock_break_ends_with_its_contender(
    original: Callable[[Request, FileId, float], Open | None],
    self: OplockPolicy,
    request: Request,
    file_id: FileId,
    now: float,
) -> Open | None:
    """An oplock break that nobody waits for any more cannot be acknowledged."""
    found = original(request, file_id, now)
    if found is not None and found.oplock_state is OplockState.BREAKING and not found.stream.waiters:
        request.connection.server.oplock_scheduler.settle(found, found.oplock_level)
    return found


@defect(
    "waiting-request-cannot-be-cancelled",
    replaces=AsyncPolicy.find_target,
    breaks=["SMB2-3.3.5.16-01"],
    origin="plausible: a request that waits is in no list that CANCEL looks at",
)
def _waiting_request_cannot_be_cancelled(
    original: Callable[[Connection, Header], Request | None],
    self: AsyncPolicy,
    connection: Connection,
    header: Header,
) -> Request | None:
    """A CANCEL finds no request by its AsyncId."""
    return None if header.has(HeaderFlags.ASYNC_COMMAND) else original(connection, header)
