"""Defects of durable and resilient opens: which become one, and what they outlive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.open import OplockState, close_open
from smbtorture_py.server.parts.break_check import BreakCheck
from smbtorture_py.server.parts.durable_opens import DurableOpens
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.durable import MAXIMUM_TIMEOUT, DurablePolicy
from smbtorture_py.server.policies.ioctl import IoctlPolicy
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.server.policies.resiliency import ResiliencyPolicy
from smbtorture_py.server.policies.tree import TreePolicy
from smbtorture_py.wire.create import AccessMask, CreateOptions, OplockLevel
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.caching import Actor, Operation
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.file_table import OpenStream
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.tree_connect import TreeConnect

_DATA = int(AccessMask.FILE_READ_DATA | AccessMask.FILE_WRITE_DATA)
_LIKELY = "plausible: "


def _holds(open_: Open, state: LeaseState) -> bool:
    return open_.lease is not None and state in open_.lease.lease_state


@defect(
    "durable-v1-by-exclusive",
    replaces=DurablePolicy.is_durable,
    breaks=["SMB2-3.3.5.9.6-02"],
    origin=_LIKELY + "an exclusive oplock caches as much as a batch one, except for handles",
)
def _v1_by_exclusive(
    original: Callable[[Attempt, Open], bool], _self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """DHnQ makes an open with an exclusive oplock durable."""
    return open_.oplock_level is OplockLevel.EXCLUSIVE or original(attempt, open_)


@defect(
    "durable-v1-by-any-lease",
    replaces=DurablePolicy.is_durable,
    breaks=["SMB2-3.3.5.9.6-02"],
    origin=_LIKELY + "the presence of a lease is looked at, and not its state",
)
def _v1_by_any_lease(
    original: Callable[[Attempt, Open], bool], _self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """DHnQ makes every open with a lease durable."""
    return open_.lease is not None or original(attempt, open_)


@defect(
    "durable-v1-on-directories",
    replaces=DurablePolicy.is_durable,
    breaks=["SMB2-3.3.5.9.6-03"],
    origin=_LIKELY + "the lease of a directory is taken for that of a file",
)
def _v1_on_directories(
    original: Callable[[Attempt, Open], bool], _self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """DHnQ makes a directory durable that has a lease."""
    return original(attempt, open_) or (open_.is_directory and _holds(open_, LeaseState.HANDLE_CACHING))


defect(
    "durable-v1-never",
    replaces=DurablePolicy.is_durable,
    breaks=["SMB2-3.3.5.9.6-01"],
    origin="Samba 3.6: the context is parsed and ignored",
).always(False, "DHnQ never makes an open durable.")


@defect(
    "durable-v1-not-for-stat-opens",
    replaces=DurablePolicy.is_durable,
    breaks=["SMB2-3.3.5.9.6-01"],
    origin="Samba before 4.17: bug 15042 (fe7daae8c)",
)
def _v1_not_for_stat_opens(
    original: Callable[[Attempt, Open], bool], _self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """DHnQ does not make an open durable that is for attributes alone."""
    return open_.has_any_access(_DATA) and original(attempt, open_)


@defect(
    "durable-v2-not-with-lease",
    replaces=DurablePolicy.is_durable_v2,
    breaks=["SMB2-3.3.5.9.10-08"],
    origin=_LIKELY + "the second context is served for batch oplocks only, as in a first version",
)
def _v2_not_with_lease(original: Callable[[Open], bool], _self: DurablePolicy, open_: Open) -> bool:
    """DH2Q does not make an open with a lease durable."""
    return open_.lease is None and original(open_)


@defect(
    "durable-v2-not-with-batch",
    replaces=DurablePolicy.is_durable_v2,
    breaks=["SMB2-3.3.5.9.10-08"],
    origin=_LIKELY + "leases are thought to have replaced oplocks in SMB 3",
)
def _v2_not_with_batch(original: Callable[[Open], bool], _self: DurablePolicy, open_: Open) -> bool:
    """DH2Q does not make an open with a batch oplock durable."""
    return open_.lease is not None and original(open_)


@defect(
    "durable-v2-on-directories",
    replaces=DurablePolicy.request_v2_is_considered,
    breaks=["SMB2-3.3.5.9.10-10"],
    origin="Samba: directories with FILE_ATTRIBUTE_DIRECTORY get persistent handles",
)
def _v2_on_directories(
    original: Callable[[Attempt, Open], bool], _self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """DH2Q makes an open durable that has FILE_ATTRIBUTE_DIRECTORY."""
    if not original(attempt, open_):
        open_.is_durable = True
        open_.durable_open_timeout = 1.0
    return original(attempt, open_)


@defect(
    "durable-timeout-unlimited",
    replaces=DurablePolicy.timeout_v2,
    breaks=["SMB2-3.3.5.9.10-11"],
    origin="Windows 8 to Windows Server 2012 R2: product behaviour <343>",
)
def _timeout_unlimited(
    original: Callable[[Request, int], int], _self: DurablePolicy, request: Request, requested: int
) -> int:
    """Whatever Timeout is asked for is granted."""
    return requested or original(request, requested)


@defect(
    "durable-timeout-fixed",
    replaces=DurablePolicy.timeout_v2,
    breaks=["SMB2-3.3.5.9.10-11"],
    origin=_LIKELY + "the Timeout of the request is not read",
)
def _timeout_fixed(
    original: Callable[[Request, int], int], _self: DurablePolicy, request: Request, requested: int
) -> int:
    """The Timeout is the server's own, whatever is asked for."""
    del requested
    return original(request, MAXIMUM_TIMEOUT)


@defect(
    "durable-timeout-zero",
    replaces=DurablePolicy.timeout_v2,
    breaks=["SMB2-3.3.5.9.10-12"],
    origin=_LIKELY + "a Timeout of zero is taken literally",
)
def _timeout_zero(
    original: Callable[[Request, int], int], _self: DurablePolicy, request: Request, requested: int
) -> int:
    """A client that leaves the Timeout to the server gets zero."""
    return original(request, requested) if requested else 0


@defect(
    "durable-requests-together-not-supported",
    replaces=DurablePolicy.request_combination_status,
    breaks=["SMB2-3.3.5.9.6-05", "SMB2-3.3.5.9.10-06"],
    origin=_LIKELY + "contexts that do not go together are taken for a feature that is missing",
)
def _requests_together(
    original: Callable[[CreateContexts], Status], _self: DurablePolicy, contexts: CreateContexts
) -> Status:
    """DHnQ beside DH2Q fails with NOT_SUPPORTED."""
    return Status.SUCCESS if original(contexts) == Status.SUCCESS else Status.NOT_SUPPORTED


defect(
    "durable-owner-not-checked",
    replaces=DurablePolicy.is_owner,
    breaks=["SMB2-3.3.5.9.7-16", "SMB2-3.3.5.9.12-18", "SMB2-3.3.5.9-18"],
    origin="ksmbd before its fix of CVE-2026-31717; Samba: bug 11122; chimera #954",
).always(True, "Any user may reconnect an open.")


# What the loss of a connection leaves.

defect(
    "durable-lost-with-connection",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04", "SMB2-3.3.7.1-10", "SMB2-3.3.5.5.3-30", "SMB2-3.3.5.9.10-15"],
    origin=_LIKELY + "durable handles are granted and nothing is done about them when the connection goes",
).always(False, "Every open is closed with its connection.")


@defect(
    "durable-leases-lost-with-connection",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04", "SMB2-3.3.7.1-11"],
    origin=_LIKELY + "only oplocks are looked at when the connection goes",
)
def _leases_lost(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """Opens with a lease are closed with their connection."""
    return open_.lease is None and original(open_)


@defect(
    "durable-deletions-lost-with-connection",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04"],
    origin="Samba: source3/smbd/durable.c refuses to keep what is to be deleted on close",
)
def _deletions_lost(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """Durable opens of files that are to be deleted are closed with their connection."""
    pending = open_.delete_on_close or open_.file.delete_pending
    return not pending and original(open_)


@defect(
    "durable-locks-lost-with-connection",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04"],
    origin="Samba, Windows: a lock without write caching stands against a durable handle",
)
def _locked_lost(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """Durable opens with locks are closed with their connection."""
    return open_.lock_count == 0 and original(open_)


@defect(
    "durable-kept-after-break",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=[
        "SMB2-3.3.7.1-06",
        "SMB2-3.3.5.9.7-14",
        "SMB2-3.3.5.9.12-13",
        "SMB2-3.3.5.9.7-15",
        "SMB2-3.3.5.9.12-14",
    ],
    origin=_LIKELY + "the record of the open says what was granted, and breaks are not entered",
)
def _kept_after_break(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """A durable open is kept, and comes back with what it was granted at first, though that was broken."""
    if open_.is_durable and open_.oplock_state is OplockState.HELD:
        if open_.lease is None:
            open_.oplock_level = OplockLevel.BATCH
        else:
            open_.lease.lease_state |= LeaseState.HANDLE_CACHING
    elif open_.is_durable and open_.oplock_state is OplockState.NONE:
        open_.oplock_state = OplockState.HELD
        if open_.lease is None:
            open_.oplock_level = OplockLevel.BATCH
        else:
            open_.lease.lease_state |= LeaseState.HANDLE_CACHING
    return original(open_)


@defect(
    "durable-kept-without-caching",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-06"],
    origin=_LIKELY + "an open that asked for a durable handle is kept, whether it got one or not",
)
def _kept_without_caching(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """An open that asked for a batch oplock or handle caching and got less is kept."""
    asked = OplockLevel.BATCH if open_.lease is None else OplockLevel.LEASE
    if open_.oplock_level in (OplockLevel.II, asked) and not open_.is_durable:
        open_.is_durable, open_.durable_open_timeout = True, 60.0
        open_.oplock_state = OplockState.HELD
        if open_.lease is None:
            open_.oplock_level = OplockLevel.BATCH
        else:
            open_.lease.lease_state |= LeaseState.HANDLE_CACHING
        open_.durable_owner = None if open_.session is None else open_.session.security_context
    return original(open_)


@defect(
    "durable-kept-while-breaking",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-05"],
    origin=_LIKELY + "only the level is looked at, which a break changes when it is acknowledged",
)
def _kept_while_breaking(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """A durable open is kept while its oplock or lease is being broken, and that is forgotten."""
    if open_.is_durable and open_.oplock_state is OplockState.BREAKING:
        open_.oplock_state = OplockState.HELD
        if open_.lease is not None:
            open_.lease.breaking = False
    return original(open_)


@defect(
    "durable-without-asking",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.5.9.7-05"],
    origin=_LIKELY + "a batch oplock is taken to be enough",
)
def _without_asking(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """Every open with a batch oplock is kept for a reconnect."""
    if open_.oplock_level is OplockLevel.BATCH and not open_.is_durable and open_.session is not None:
        open_.is_durable, open_.durable_open_timeout = True, 60.0
        open_.durable_owner = open_.session.security_context
    return original(open_)


@defect(
    "persistent-lost-while-breaking",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-05"],
    origin="ksmbd: nothing is reconnectable that a break is under way for",
)
def _lost_while_breaking(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """A persistent open is closed with its connection while its lease is being broken."""
    return open_.oplock_state is not OplockState.BREAKING and original(open_)


@defect(
    "persistent-lost-without-caching",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04", "SMB2-3.3.5.9.10-15"],
    origin=_LIKELY + "a persistent handle is kept by the rule for durable ones",
)
def _persistent_lost(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """A persistent open is closed with its connection unless it has a batch oplock or handle caching."""
    keeps = open_.oplock_level is OplockLevel.BATCH or _holds(open_, LeaseState.HANDLE_CACHING)
    return keeps and original(open_)


@defect(
    "resilient-lost-with-connection",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-04", "SMB2-3.3.5.15.9-05"],
    origin=_LIKELY + "resiliency is granted, and forgotten when the connection goes",
)
def _resilient_lost(original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open) -> bool:
    """A resilient open is closed with its connection."""
    return not open_.is_resilient and original(open_)


@defect(
    "logoff-closes-durable",
    replaces=ConnectionLossPolicy.open_survives_logoff,
    breaks=["SMB2-3.3.5.6-05"],
    origin=_LIKELY + "a client that logs off is taken to be done with its files",
)
def _logoff_closes_durable(
    original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open
) -> bool:
    """LOGOFF closes durable opens."""
    return not open_.is_durable and original(open_)


@defect(
    "logoff-closes-resilient",
    replaces=ConnectionLossPolicy.open_survives_logoff,
    breaks=["SMB2-3.3.5.6-04"],
    origin="MS-SMB2 3.3.5.6, read literally: what is not durable is closed",
)
def _logoff_closes_resilient(
    original: Callable[[Open], bool], _self: ConnectionLossPolicy, open_: Open
) -> bool:
    """LOGOFF closes resilient opens."""
    return not open_.is_resilient and original(open_)


@defect(
    "tree-disconnect-keeps-durable",
    replaces=TreePolicy.opens_to_close,
    breaks=["SMB2-3.3.5.8-02", "SMB2-3.3.5.9.7-23"],
    origin=_LIKELY + "TREE_DISCONNECT is treated as the loss of a connection",
)
def _tree_disconnect_keeps_durable(
    original: Callable[[TreeConnect], list[Open]], _self: TreePolicy, tree: TreeConnect
) -> list[Open]:
    """TREE_DISCONNECT leaves durable opens open, without a session."""
    opens = original(tree)
    for open_ in opens:
        if open_.is_durable and open_.session is not None:
            open_.session.open_table.pop(open_.file_id, None)
            open_.session = open_.connection = open_.tree_connect = None
    return [open_ for open_ in opens if not open_.is_durable]


# What happens to an open that is kept.


@defect(
    "durable-open-never-scavenged",
    replaces=DurableOpens.deadline,
    breaks=["SMB2-3.3.6.2-02", "SMB2-3.3.5.9.12-24", "SMB2-3.3.5.15.9-08"],
    origin="ksmbd: handles of version 1 have no timeout",
)
def _never_scavenged(
    original: Callable[[Open], float | None], _self: DurableOpens, open_: Open
) -> float | None:
    """An open that nobody comes back for is kept for ever."""
    del original, open_
    return None


@defect(
    "durable-open-scavenged-early",
    replaces=DurableOpens.start_timers,
    breaks=["SMB2-3.3.6.2-01", "SMB2-3.3.7.1-12"],
    origin="ksmbd: 60 seconds are written, and read as milliseconds",
)
def _scavenged_early(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """An open is kept for milliseconds where seconds were granted."""
    original(open_, now)
    if open_.durable_open_scavenger_timeout is not None:
        open_.durable_open_scavenger_timeout = now + (open_.durable_open_scavenger_timeout - now) / 1000
    if open_.resilient_open_timeout is not None:
        open_.resilient_open_timeout = now + (open_.resilient_open_timeout - now) / 1000


@defect(
    "durable-time-spent-once",
    replaces=DurableOpens.start_timers,
    breaks=["SMB2-3.3.7.1-12"],
    origin="Samba before 4.22: bug 15750 (ff9bb28ee), the timer of the first loss goes on",
)
def _time_spent_once(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """What a client has once been given to come back is not given again at the next loss."""
    original(open_, now)
    open_.durable_open_timeout = open_.resiliency_timeout = 0.0


@defect(
    "durable-time-runs-while-open",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.6.2-02"],
    origin=_LIKELY + "the timer is not stopped when the client comes back",
)
def _time_runs_while_open(
    original: Callable[[Open, Request], None], self: DurableOpens, open_: Open, request: Request
) -> None:
    """An open that was reconnected is closed when its time would have been over."""
    timeout = open_.durable_open_scavenger_timeout
    original(open_, request)
    open_.durable_open_scavenger_timeout = timeout
    self._preserved[open_.durable_file_id] = open_


@defect(
    "durable-locks-released",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.12-23"],
    origin=_LIKELY + "locks belong to the connection of a process that has gone",
)
def _locks_released(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """The locks of an open that waits for its client are released."""
    open_.stream.locks.release_open(open_, now)
    original(open_, now)


@defect(
    "durable-delete-on-close-forgotten",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.12-24", "SMB2-3.3.7.1-04"],
    origin="Samba: smbtorture deleteonclose-expire fails, knownfail",
)
def _delete_on_close_forgotten(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """An open that waits for its client does not delete its file any more."""
    open_.delete_on_close = False
    open_.create_options &= ~int(CreateOptions.DELETE_ON_CLOSE)
    original(open_, now)


@defect(
    "durable-parent-key-forgotten",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.7-18", "SMB2-3.3.5.9.12-02"],
    origin=_LIKELY + "the record of a disconnected open has no room for the parent key",
)
def _parent_key_forgotten(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """The lease of an open that waits for its client loses its parent key."""
    if open_.lease is not None:
        open_.lease.parent_lease_key = bytes(16)
    original(open_, now)


@defect(
    "durable-epoch-moves",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.12-19"],
    origin=_LIKELY + "a reconnect counts as one more grant",
)
def _epoch_moves(
    original: Callable[[Open, float], None], _self: DurableOpens, open_: Open, now: float
) -> None:
    """The epoch of a lease goes up when its open is disconnected."""
    if open_.lease is not None:
        open_.lease.epoch += 1
    original(open_, now)


@defect(
    "durable-one-for-each-file",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    origin="Samba before 4.22: bugs 15649 and 15651, one disconnected handle per file",
)
def _one_for_each_file(
    original: Callable[[Open, float], None], self: DurableOpens, open_: Open, now: float
) -> None:
    """Of several durable opens of a file only the last one lost is kept."""
    others = [one for one in self._preserved.values() if one.stream is open_.stream and one is not open_]
    original(open_, now)
    for other in others:
        close_open(self._server, other, now)


@defect(
    "durable-one-for-each-client",
    replaces=DurableOpens.preserve,
    breaks=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    origin=_LIKELY + "the record of a disconnected open is one of its client",
)
def _one_for_each_client(
    original: Callable[[Open, float], None], self: DurableOpens, open_: Open, now: float
) -> None:
    """Of several durable opens of a client only the last one lost is kept."""
    others = [one for one in self._preserved.values() if one.client_guid == open_.client_guid]
    original(open_, now)
    for other in others:
        close_open(self._server, other, now)


# What others do to one that is disconnected.


@defect(
    "disconnected-opens-purged",
    replaces=BreakCheck.check,
    breaks=["SMB2-3.3.4.6-02"],
    origin="Samba before 4.22: bug 15708, any other open ends the disconnected ones",
)
def _purged(
    original: Callable[..., bool],
    self: BreakCheck,
    stream: OpenStream,
    actor: Actor,
    operation: Operation,
    now: float,
    *,
    access: int | None = None,
) -> bool:
    """Whoever opens a file ends the disconnected durable opens it has, in conflict or not."""
    for open_ in list(stream.opens):
        if open_.session is None and open_.is_durable and not open_.is_persistent:
            close_open(self._server, open_, now)
    return original(stream, actor, operation, now, access=access)


defect(
    "disconnected-batch-kept",
    replaces=OplockPolicy.unannounced_break_closes,
    breaks=["SMB2-3.3.4.6-01"],
    origin=_LIKELY + "the oplock goes, and the open is left for its client",
).always(False, "A disconnected open whose batch oplock breaks is not closed.")

defect(
    "disconnected-lease-kept",
    replaces=LeasePolicy.unannounced_break_closes,
    breaks=["SMB2-3.3.4.7-08"],
    origin=_LIKELY + "the lease goes, and the open is left for its client",
).always(False, "A disconnected open whose lease loses handle caching is not closed.")


@defect(
    "disconnected-leases-unbroken",
    replaces=LeaseTables.start_break,
    breaks=["SMB2-3.3.4.7-08"],
    origin=_LIKELY + "a break is something to send, and there is nobody to send it to",
)
def _unbroken(
    original: Callable[..., None],
    _self: LeaseTables,
    lease: Lease,
    new_state: LeaseState,
    now: float,
    *,
    follows_up: bool = False,
) -> None:
    """The lease of a disconnected open does not break, whatever others do to the file."""
    if any(open_.session is not None for open_ in lease.lease_opens):
        original(lease, new_state, now, follows_up=follows_up)


defect(
    "durable-on-every-share",
    replaces=DurablePolicy.share_keeps_opens,
    breaks=["SMB2-3.3.5.9.6-06"],
    origin=_LIKELY + "the oplock decides, and nobody asks what the share is set up for",
).always(True, "Opens become durable also on a share that is set up without that.")

defect(
    "persistent-break-not-kept",
    replaces=LeasePolicy.keeps_unannounced_break,
    breaks=["SMB2-3.3.4.7-09"],
    origin=_LIKELY + "a break that nobody can be told of counts as done",
).always(False, "Who waits for the break of a persistent open's lease goes on when its client is gone.")

defect(
    "disconnected-lease-awaited",
    replaces=LeasePolicy.keeps_unannounced_break,
    breaks=["SMB2-3.3.4.7-13"],
    origin=_LIKELY + "the rule for persistent opens is applied to durable ones",
).always(True, "An open waits for the break of a lease whose client is gone.")


# Resiliency.

defect(
    "resilient-short-input-overflow",
    replaces=ResiliencyPolicy.short_input_status,
    breaks=["SMB2-3.3.5.15.9-03"],
    origin=_LIKELY + "the status that FSCTLs have for short buffers",
).always(Status.BUFFER_TOO_SMALL, "Too short a request for resiliency fails with BUFFER_TOO_SMALL.")

defect(
    "ioctl-unknown-file-invalid",
    replaces=IoctlPolicy.unknown_file_status,
    breaks=["SMB2-3.3.5.15.9-07"],
    origin=_LIKELY + "the status that Win32 has for an unknown handle",
).always(Status.INVALID_HANDLE, "IOCTL about a file that is not open fails with INVALID_HANDLE.")

defect(
    "resilient-timeout-unlimited",
    replaces=ResiliencyPolicy.timeout_status,
    breaks=["SMB2-3.3.5.15.9-04"],
    origin=_LIKELY + "the maximum is not looked at",
).always(Status.SUCCESS, "Resiliency is granted for any time.")

defect(
    "resilient-timeout-zero",
    replaces=ResiliencyPolicy.timeout,
    breaks=["SMB2-3.3.5.15.9-06", "SMB2-3.3.5.15.9-05"],
    origin=_LIKELY + "the Timeout of the request is not read",
).always(0.0, "A resilient open is kept for no time at all.")

defect(
    "resilient-not-supported",
    replaces=ResiliencyPolicy.unsupported_status,
    breaks=["SMB2-3.3.5.15.9-05"],
    origin="Samba, ksmbd: there is no resiliency, though the dialect allows it",
).always(Status.NOT_SUPPORTED, "Resiliency is refused to everybody.")


@defect(
    "resilient-stays-durable",
    replaces=ResiliencyPolicy.stays_durable,
    breaks=["SMB2-3.3.5.15.9-05"],
    origin=_LIKELY + "an open that is both is looked at by the rules for durable ones",
)
def _stays_durable(original: Callable[[Open], bool], _self: ResiliencyPolicy, open_: Open) -> bool:
    """An open that becomes resilient stays durable, and needs its oplock to come back."""
    del original
    return open_.is_durable


@defect(
    "resilient-on-2-0-2-terminated",
    replaces=ResiliencyPolicy.dialect_status,
    breaks=["SMB2-3.3.5.15.9-01"],
    origin=_LIKELY + "the FSCTL is unknown to the dialect",
)
def _on_2_0_2(
    original: Callable[[Connection], Status], _self: ResiliencyPolicy, connection: Connection
) -> Status:
    """Resiliency over SMB 2.0.2 fails with INVALID_PARAMETER."""
    return Status.SUCCESS if original(connection) == Status.SUCCESS else Status.INVALID_PARAMETER
