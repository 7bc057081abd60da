"""Defects of lease grants, and of what breaks a lease ([MS-SMB2] 3.3.1.4, 3.3.5.9.8, 3.3.5.9.11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.caching import ALL_CACHING, Actor, Operation
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.lease import NO_LEASE_KEY
from smbtorture_py.server.parts.break_check import BreakCheck
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.create_contexts import REQUEST_LEASE, RequestLease, RequestLeaseV2
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.lease import Lease, LeasedName
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request

_V1_SIZE: Final = 32
_GUID_SIZE: Final = 16


# Asking for a lease.


@defect(
    "leases-in-every-dialect",
    replaces=LeasePolicy.is_served,
    breaks=["SMB2-3.3.5.9-24", "SMB2-3.3.5.9-26"],
    origin="plausible: the dialect is looked at where NEGOTIATE announces leasing, and nowhere else",
)
def _leases_in_every_dialect(
    original: Callable[[Request, OplockLevel, RequestLease | RequestLeaseV2], bool],
    self: LeasePolicy,
    request: Request,
    level: OplockLevel,
    context: RequestLease | RequestLeaseV2,
) -> bool:
    """Leases are granted in every dialect, 2.0.2 included."""
    return level is OplockLevel.LEASE


@defect(
    "leases-in-smb3-only",
    replaces=LeasePolicy.is_served,
    breaks=["SMB2-3.3.5.9.8-01"],
    origin="plausible: leases are written for SMB 3",
)
def _leases_in_smb3_only(
    original: Callable[[Request, OplockLevel, RequestLease | RequestLeaseV2], bool],
    self: LeasePolicy,
    request: Request,
    level: OplockLevel,
    context: RequestLease | RequestLeaseV2,
) -> bool:
    """No lease is granted on a 2.1 connection."""
    return original(request, level, context) and request.connection.is_3x


defect(
    "lease-context-of-any-length",
    replaces=LeasePolicy.size_status,
    breaks=["SMB2-3.3.5.9-23"],
    origin="plausible: a context that cannot be decoded is skipped as an unknown one is",
).always(Status.SUCCESS, "A lease context of a wrong length is ignored.")


@defect(
    "lease-context-length-from-32",
    replaces=LeasePolicy.size_status,
    breaks=["SMB2-3.3.5.9-23"],
    origin="ksmbd: whatever is not 52 bytes long is read as version 1 where there are 32",
)
def _lease_context_length_from_32(original: Callable[[int], Status], self: LeasePolicy, size: int) -> Status:
    """A lease context that is longer than version 1 is taken."""
    return Status.SUCCESS if size > _V1_SIZE else original(size)


@defect(
    "lease-level-without-context-is-batch",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-25"],
    origin="plausible: the fallback for stores without leases is taken for requests without a context",
)
def _lease_level_without_context_is_batch(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """RequestedOplockLevel LEASE without a lease context gets a batch oplock."""
    contexts = getattr(request.body, "contexts", ())
    if level is OplockLevel.LEASE and not any(one.name == REQUEST_LEASE for one in contexts):
        return OplockLevel.BATCH
    return original(request, level)


@defect(
    "lease-context-hides-oplock",
    replaces=OplockPolicy.requested_level,
    breaks=["SMB2-3.3.5.9-27"],
    origin="plausible: a lease context decides what is asked for, whatever the level says",
)
def _lease_context_hides_oplock(
    original: Callable[[Request, OplockLevel], OplockLevel],
    self: OplockPolicy,
    request: Request,
    level: OplockLevel,
) -> OplockLevel:
    """With a lease context the oplock that was asked for is not granted."""
    contexts = getattr(request.body, "contexts", ())
    if any(one.name == REQUEST_LEASE for one in contexts) and level is not OplockLevel.LEASE:
        return OplockLevel.NONE
    return original(request, level)


@defect(
    "lease-flags-of-request-refused",
    replaces=LeasePolicy.is_served,
    breaks=["SMB2-2.2.13.2.8-01"],
    origin="Samba before f30cdb0c52a: LeaseFlags and LeaseDuration of version 1 were looked at",
)
def _lease_flags_of_request_refused(
    original: Callable[[Request, OplockLevel, RequestLease | RequestLeaseV2], bool],
    self: LeasePolicy,
    request: Request,
    level: OplockLevel,
    context: RequestLease | RequestLeaseV2,
) -> bool:
    """A lease context with flags or a duration is ignored."""
    flags = context.flags if isinstance(context, RequestLeaseV2) else context.lease_flags
    odd = flags & LeaseFlags.BREAK_IN_PROGRESS or context.lease_duration
    return original(request, level, context) and not odd


@defect(
    "lease-always-in-progress",
    replaces=LeasePolicy.response_flags,
    breaks=["SMB2-2.2.13.2.8-01", "SMB2-3.3.5.9.8-08"],
    origin="Samba before 52d8af2f423: the flag of a request was stored and came back",
)
def _lease_always_in_progress(
    original: Callable[[Lease], LeaseFlags], self: LeasePolicy, lease: Lease
) -> LeaseFlags:
    """Every granted lease says that a break is in progress."""
    return original(lease) | LeaseFlags.BREAK_IN_PROGRESS


# Keys and names.


defect(
    "lease-key-for-any-file",
    replaces=LeasePolicy.name_status,
    breaks=["SMB2-3.3.5.9.8-03", "SMB2-3.3.5.9.8-04"],
    origin="Samba before 408be5432 (bug 14737): one lease key was taken for two files",
).always(Status.SUCCESS, "A lease key that is in use is taken for another file.")


@defect(
    "lease-key-by-file",
    replaces=LeasePolicy.name_status,
    breaks=["SMB2-3.3.5.9.8-04"],
    origin="plausible: the file is compared by its number and not by its name",
)
def _lease_key_by_file(
    original: Callable[[Lease, LeasedName], Status], self: LeasePolicy, lease: Lease, name: LeasedName
) -> Status:
    """A lease key is taken for another hard link of the file."""
    if not lease.lease_opens:
        return original(lease, name)
    node = name.storage.lookup(name.path)
    if node is None:
        return original(lease, name)
    file_id = node.file_id
    node.close()
    is_same = lease.lease_opens[0].node.file_id == file_id and lease.filename.stream == name.stream
    return Status.SUCCESS if is_same else original(lease, name)


@defect(
    "lease-key-for-streams-too",
    replaces=LeasePolicy.name_status,
    breaks=["SMB2-3.3.5.9.8-04"],
    origin="plausible: a stream is taken for its file",
)
def _lease_key_for_streams_too(
    original: Callable[[Lease, LeasedName], Status], self: LeasePolicy, lease: Lease, name: LeasedName
) -> Status:
    """The key of a file's lease is taken for a stream of it."""
    is_same = (lease.filename.storage, lease.filename.path) == (name.storage, name.path)
    return Status.SUCCESS if is_same else original(lease, name)


@defect(
    "lease-key-of-deleted-file-kept",
    replaces=LeasePolicy.name_status,
    breaks=["SMB2-3.3.5.9.8-12"],
    origin="Samba: FileDeleteOnClose of a lease is not modelled",
)
def _lease_key_of_deleted_file_kept(
    original: Callable[[Lease, LeasedName], Status], self: LeasePolicy, lease: Lease, name: LeasedName
) -> Status:
    """The name of a lease is compared although its file is about to be deleted."""
    return Status.SUCCESS if lease.filename == name else Status.INVALID_PARAMETER


@defect(
    "leases-in-one-table",
    replaces=LeaseTables.find,
    breaks=["SMB2-3.3.5.9.8-13", "SMB2-3.3.5.22.2-04", "SMB2-3.3.5.22.2-06"],
    origin="plausible: one table of leases for the whole server",
)
def _leases_in_one_table(
    original: Callable[[bytes, bytes], Lease | None], self: LeaseTables, client_guid: bytes, lease_key: bytes
) -> Lease | None:
    """A lease is found by its key alone, whichever client it belongs to."""
    return next((one for one in self.leases() if one.lease_key == lease_key), None)


@defect(
    "lease-outlives-its-opens",
    replaces=LeaseTables.leave,
    breaks=["SMB2-3.3.4.17-01"],
    origin="plausible: leases are dropped when the client is, not when the file is closed",
)
def _lease_outlives_its_opens(original: Callable[[Open], None], self: LeaseTables, open_: Open) -> None:
    """A lease stays in the table when its last open is closed."""
    lease = open_.lease
    original(open_)
    if lease is not None and not lease.lease_opens:
        self.add(lease)


@defect(
    "lease-not-shared-by-sessions",
    replaces=LeasePolicy.is_own,
    breaks=["SMB2-3.3.1.4-05"],
    origin="plausible: leases are compared by the session that opened the file",
)
def _lease_not_shared_by_sessions(
    original: Callable[[Lease, bytes], bool], self: LeasePolicy, lease: Lease, lease_id: bytes
) -> bool:
    """A lease that is open in two sessions is broken by its own client."""
    sessions = {id(open_.session) for open_ in lease.lease_opens}
    return original(lease, lease_id) and len(sessions) == 1


# Granting.


@defect(
    "lease-never-upgraded",
    replaces=LeasePolicy.promotes,
    breaks=["SMB2-3.3.5.9.8-05"],
    origin="plausible: a lease keeps the state of its first open",
)
def _lease_never_upgraded(
    original: Callable[[Lease, LeaseState], bool], self: LeasePolicy, lease: Lease, requested: LeaseState
) -> bool:
    """A lease keeps the state of its first open."""
    return original(lease, requested) and not lease.lease_opens


@defect(
    "lease-replaced-by-every-open",
    replaces=LeasePolicy.promotes,
    breaks=["SMB2-3.3.5.9.8-06", "SMB2-3.3.5.9.8-14"],
    origin="plausible: the state of the last request is stored",
)
def _lease_replaced_by_every_open(
    original: Callable[[Lease, LeaseState], bool], self: LeasePolicy, lease: Lease, requested: LeaseState
) -> bool:
    """A lease takes the state of the last open, also where that asks for less."""
    return not lease.breaking


@defect(
    "lease-promoted-while-breaking",
    replaces=LeasePolicy.promotes,
    breaks=["SMB2-3.3.5.9.8-08"],
    origin="derived from smbtorture lease.breaking4",
)
def _lease_promoted_while_breaking(
    original: Callable[[Lease, LeaseState], bool], self: LeasePolicy, lease: Lease, requested: LeaseState
) -> bool:
    """A lease that breaks is promoted."""
    return lease.lease_state & requested == lease.lease_state


defect(
    "lease-writes-beside-others",
    replaces=LeasePolicy.stands_against_write_caching,
    breaks=["SMB2-3.3.5.9.8-07", "SMB2-3.3.5.9.8-11"],
    origin="plausible: only opens with a lease are looked at",
).always(False, "Write caching is granted beside opens of others.")


@defect(
    "lease-refused-as-a-whole",
    replaces=LeasePolicy.acquisition_attempts,
    breaks=["SMB2-3.3.5.9.8-11"],
    origin="plausible: what cannot be granted whole is not granted",
)
def _lease_refused_as_a_whole(
    original: Callable[[LeaseState], Sequence[LeaseState]], self: LeasePolicy, requested: LeaseState
) -> Sequence[LeaseState]:
    """A lease that cannot be granted as asked for is not granted at all."""
    return [requested]


@defect(
    "lease-state-above-request",
    replaces=LeasePolicy.acquisition_attempts,
    breaks=["SMB2-3.3.5.9.8-01"],
    origin="plausible: a client that asks for any caching gets all there is",
)
def _lease_state_above_request(
    original: Callable[[LeaseState], Sequence[LeaseState]], self: LeasePolicy, requested: LeaseState
) -> Sequence[LeaseState]:
    """A new lease gets handle caching unasked."""
    return original(requested | LeaseState.HANDLE_CACHING if requested else requested)


@defect(
    "lease-epoch-not-raised",
    replaces=LeasePolicy.epoch_after_grant,
    breaks=["SMB2-3.3.5.9.11-01"],
    origin="plausible: the epoch belongs to breaks alone",
)
def _lease_epoch_not_raised(
    original: Callable[[Lease, LeaseState], int], self: LeasePolicy, lease: Lease, before: LeaseState
) -> int:
    """A grant does not raise the epoch."""
    return lease.epoch


@defect(
    "lease-epoch-of-request",
    replaces=LeasePolicy.epoch_after_grant,
    breaks=["SMB2-3.3.5.9.11-01"],
    origin="plausible: the epoch is raised by two, once by the grant and once by the response",
)
def _lease_epoch_of_request(
    original: Callable[[Lease, LeaseState], int], self: LeasePolicy, lease: Lease, before: LeaseState
) -> int:
    """Each grant raises the epoch by two."""
    return lease.epoch + 2 * (lease.lease_state != before)


@defect(
    "lease-epoch-raised-while-breaking",
    replaces=LeasePolicy.epoch_after_grant,
    breaks=["SMB2-3.3.5.9.11-09"],
    origin="Samba before 9f45eae29 (bug 15933): the epoch went up although nothing was granted",
)
def _lease_epoch_raised_while_breaking(
    original: Callable[[Lease, LeaseState], int], self: LeasePolicy, lease: Lease, before: LeaseState
) -> int:
    """Every open raises the epoch, also while the lease breaks."""
    return lease.epoch + 1


@defect(
    "lease-parent-key-lost",
    replaces=LeasePolicy.stored_parent_key,
    breaks=["SMB2-3.3.5.9.11-02"],
    origin="Samba before 4.22: the parent's key was not stored",
)
def _lease_parent_key_lost(
    original: Callable[[RequestLeaseV2], bytes], self: LeasePolicy, context: RequestLeaseV2
) -> bytes:
    """The key of the parent's lease is not stored."""
    return NO_LEASE_KEY


@defect(
    "lease-parent-key-unannounced",
    replaces=LeasePolicy.stored_parent_key,
    breaks=["SMB2-3.3.5.9.11-03"],
    origin="Samba before 2f4cd3ab94f: the parent's key was used without its flag",
)
def _lease_parent_key_unannounced(
    original: Callable[[RequestLeaseV2], bytes], self: LeasePolicy, context: RequestLeaseV2
) -> bytes:
    """The key of the parent's lease is stored although its flag is not set."""
    return bytes(context.parent_lease_key)


@defect(
    "lease-parent-flag-missing",
    replaces=LeasePolicy.response_flags,
    breaks=["SMB2-3.3.5.9.11-02"],
    origin="plausible: the flags of the response know the break in progress only",
)
def _lease_parent_flag_missing(
    original: Callable[[Lease], LeaseFlags], self: LeasePolicy, lease: Lease
) -> LeaseFlags:
    """The response has the parent's key without its flag."""
    return original(lease) & ~LeaseFlags.PARENT_LEASE_KEY_SET


@defect(
    "lease-progress-hidden",
    replaces=LeasePolicy.response_flags,
    breaks=["SMB2-3.3.5.9.8-08"],
    origin="plausible: an open during a break is answered like any other",
)
def _lease_progress_hidden(
    original: Callable[[Lease], LeaseFlags], self: LeasePolicy, lease: Lease
) -> LeaseFlags:
    """An open while the lease breaks does not say so."""
    return original(lease) & ~LeaseFlags.BREAK_IN_PROGRESS


@defect(
    "lease-answers-in-its-own-version",
    replaces=LeasePolicy.response_version,
    breaks=["SMB2-3.3.5.9.11-08"],
    origin="Samba and Windows, by smbtorture lease.v2_epoch2 and v2_epoch3",
)
def _lease_answers_in_its_own_version(
    original: Callable[[int, Lease], int], self: LeasePolicy, requested: int, lease: Lease
) -> int:
    """The response has the version of the lease, whatever that of the request."""
    return lease.version


@defect(
    "lease-answers-in-version-2",
    replaces=LeasePolicy.response_version,
    breaks=["SMB2-3.3.5.9.11-08", "SMB2-3.3.5.9.8-01"],
    origin="plausible: a server of SMB 3 knows one response only",
)
def _lease_answers_in_version_2(
    original: Callable[[int, Lease], int], self: LeasePolicy, requested: int, lease: Lease
) -> int:
    """Every response is of version 2."""
    return 2


@defect(
    "directory-lease-writes",
    replaces=LeasePolicy.requested_state,
    breaks=["SMB2-3.3.5.9.11-04"],
    origin="plausible: directories are taken for files",
)
def _directory_lease_writes(
    original: Callable[..., LeaseState],
    self: LeasePolicy,
    request: Request,
    state: LeaseState,
    *,
    is_directory: bool,
) -> LeaseState:
    """A directory gets write caching."""
    return original(request, state, is_directory=False)


@defect(
    "directory-lease-without-handles",
    replaces=LeasePolicy.requested_state,
    breaks=["SMB2-3.3.5.9.11-04"],
    origin="plausible: directories are cached for listing only",
)
def _directory_lease_without_handles(
    original: Callable[..., LeaseState],
    self: LeasePolicy,
    request: Request,
    state: LeaseState,
    *,
    is_directory: bool,
) -> LeaseState:
    """A directory gets no handle caching."""
    state = original(request, state, is_directory=is_directory)
    return state & ~LeaseState.HANDLE_CACHING if is_directory else state


@defect(
    "lease-writes-on-level-2-share",
    replaces=LeasePolicy.requested_state,
    breaks=["SMB2-3.3.5.9.8-09"],
    origin="plausible: what the share forces is looked at for oplocks, and not for leases",
)
def _lease_writes_on_level_2_share(
    original: Callable[..., LeaseState],
    self: LeasePolicy,
    request: Request,
    state: LeaseState,
    *,
    is_directory: bool,
) -> LeaseState:
    """On a share that forces level II leases get write caching."""
    limited = request.require_tree().share.config.force_level2_oplock and not is_directory
    return self.supported_state(state) if limited else original(request, state, is_directory=is_directory)


def _on_scale_out_shares(identifier: str, lost: LeaseState, origin: str, sentence: str) -> None:
    """Enter a defect: a scale-out share takes no more away from a lease than this."""

    def spoilt(
        original: Callable[..., LeaseState],
        self: LeasePolicy,
        request: Request,
        state: LeaseState,
        *,
        is_directory: bool,
    ) -> LeaseState:
        if request.require_tree().share.config.is_scale_out:
            return self.supported_state(state & ~lost)
        return original(request, state, is_directory=is_directory)

    spoilt.__doc__ = sentence
    breaks = ["SMB2-3.3.5.9.8-10"]
    defect(identifier, replaces=LeasePolicy.requested_state, breaks=breaks, origin=origin)(spoilt)


_on_scale_out_shares(
    "lease-handles-on-scale-out-share",
    LeaseState.WRITE_CACHING,
    "plausible: a scale-out share is taken for one that forces level II",
    "On a scale-out share leases lose W only.",
)
_on_scale_out_shares(
    "lease-as-elsewhere-on-scale-out-share",
    LeaseState.NONE,
    "Samba: a cluster's own locking lets every node grant any lease",
    "A scale-out share grants leases as any other does.",
)

defect(
    "lease-fallback-missing",
    replaces=LeasePolicy.level_without_leases,
    breaks=["SMB2-3.3.5.9.8-15"],
    origin="Samba: with kernel oplocks a lease is asked for in vain",
).always(OplockLevel.NONE, "Where the store has no leases, who asks for one gets nothing.")


# What breaks a lease.


defect(
    "lease-broken-by-stat-opens",
    replaces=LeasePolicy.is_stat_open,
    breaks=["SMB2-3.3.1.4-07"],
    origin="Samba before 4.13 (bugs 14357, 11102): masks of stat opens were too small",
).always(False, "An open for attributes breaks leases.")


@defect(
    "lease-spared-by-executors",
    replaces=LeasePolicy.is_stat_open,
    breaks=["SMB2-3.3.1.4-02"],
    origin="plausible: only access to data and attributes counts",
)
def _lease_spared_by_executors(original: Callable[[int], bool], self: LeasePolicy, access: int) -> bool:
    """Only an open that reads or writes data breaks a lease."""
    return not access & 0x7


defect(
    "lease-broken-by-its-own",
    replaces=LeasePolicy.is_own,
    breaks=["SMB2-3.3.1.4-05"],
    origin="derived from smbtorture lease.nobreakself",
).always(False, "A lease is broken by opens with its own key.")


@defect(
    "lease-spared-by-its-client",
    replaces=LeasePolicy.is_own,
    breaks=["SMB2-3.3.1.4-01", "SMB2-3.3.1.4-02"],
    origin="derived from smbtorture lease.lock1: what a client does breaks none of its leases",
)
def _lease_spared_by_its_client(
    original: Callable[[Lease, bytes], bool], self: LeasePolicy, lease: Lease, lease_id: bytes
) -> bool:
    """A client breaks none of its own leases, whatever the key."""
    return lease.client_guid == lease_id[:_GUID_SIZE]


@defect(
    "lease-own-open-waits",
    replaces=LeasePolicy.is_own,
    breaks=["SMB2-3.3.5.9.8-08"],
    origin="plausible: everybody waits for a break, its holder too",
)
def _lease_own_open_waits(
    original: Callable[[Lease, bytes], bool], self: LeasePolicy, lease: Lease, lease_id: bytes
) -> bool:
    """An open with the key of a breaking lease waits for the acknowledgment."""
    return original(lease, lease_id) and not lease.breaking


def _takes(
    identifier: str, kind: Operation, lost: LeaseState, breaks: Sequence[str], origin: str, sentence: str
) -> None:
    """Enter a defect: an operation takes something else away than it should."""

    def spoilt(
        original: Callable[[Operation], LeaseState], self: LeasePolicy, operation: Operation
    ) -> LeaseState:
        return lost if operation is kind else original(operation)

    spoilt.__doc__ = sentence
    defect(identifier, replaces=LeasePolicy.broken_by, breaks=breaks, origin=origin)(spoilt)


_NOTHING: Final = LeaseState.NONE

_takes(
    "lease-survives-opens",
    Operation.OPEN,
    _NOTHING,
    ["SMB2-3.3.1.4-02", "SMB2-3.3.4.7-01"],
    "Samba bug 12766 and others: a break was left out by an optimisation for exclusive opens",
    "An open of another breaks no lease.",
)
_takes(
    "lease-lost-by-opens",
    Operation.OPEN,
    ALL_CACHING,
    ["SMB2-3.3.1.4-07", "SMB2-3.3.4.7-01"],
    "plausible: a lease is broken as a whole or not at all",
    "An open of another takes a whole lease away.",
)
_takes(
    "lease-survives-writes",
    Operation.WRITE,
    _NOTHING,
    ["SMB2-3.3.1.4-01", "SMB2-3.3.4.7-03", "SMB2-3.3.4.7-15"],
    "plausible: only opens break leases",
    "A write of another breaks no lease.",
)
_takes(
    "lease-survives-resizing",
    Operation.SET_SIZE,
    _NOTHING,
    ["SMB2-3.3.1.4-01"],
    "plausible: only WRITE counts as a change of content",
    "A change of the size by another breaks no lease.",
)
_takes(
    "lease-survives-locks",
    Operation.LOCK,
    _NOTHING,
    ["SMB2-3.3.1.4-01"],
    "derived from smbtorture lease.lock1",
    "A lock of another breaks no lease.",
)
_takes(
    "lease-survives-overwriting",
    Operation.OVERWRITE,
    LeaseState.WRITE_CACHING,
    ["SMB2-3.3.1.4-01"],
    "plausible: an open that overwrites is taken for any open",
    "An open that overwrites takes write caching only.",
)
_takes(
    "lease-not-asked-for-handles",
    Operation.SHARING_VIOLATION,
    _NOTHING,
    ["SMB2-3.3.4.7-02", "SMB2-3.3.1.4-03", "SMB2-3.3.1.4-04"],
    "plausible: share modes are checked before leases",
    "An open in conflict fails at once, although handles are cached.",
)
_takes(
    "lease-lost-by-conflicts",
    Operation.SHARING_VIOLATION,
    ALL_CACHING,
    ["SMB2-3.3.4.7-02", "SMB2-3.3.1.4-07"],
    "Samba before 65d860823 (bug 15894): a conflict took the whole lease",
    "An open in conflict takes a whole lease away.",
)
_takes(
    "lease-survives-renamed-parents",
    Operation.RENAME,
    _NOTHING,
    ["SMB2-3.3.1.4-03", "SMB2-3.3.1.4-04"],
    "Samba before 4.22 (bugs 15608, 14679): a renamed directory broke nothing",
    "Renaming a directory takes handle caching from nobody in it.",
)
_takes(
    "directory-lease-survives-changes",
    Operation.CHANGE_CHILD,
    _NOTHING,
    ["SMB2-3.3.5.9.11-06"],
    "plausible: leases of directories are granted before anybody breaks them",
    "Changes in a directory break no lease of it.",
)


@defect(
    "directory-lease-of-any-client-spared",
    replaces=LeasePolicy.is_parent,
    breaks=["SMB2-3.3.5.9.11-06"],
    origin="Windows: the parent's key is compared without the client",
)
def _directory_lease_of_any_client_spared(
    original: Callable[[Lease, Actor], bool], self: LeasePolicy, lease: Lease, actor: Actor
) -> bool:
    """A directory's lease is spared by whoever names its key, other clients included."""
    return lease.lease_key == actor.parent_lease_key


@defect(
    "directory-lease-spared-by-its-client",
    replaces=LeasePolicy.is_parent,
    breaks=["SMB2-3.3.5.9.11-06"],
    origin="plausible: a client is thought to know what it does",
)
def _directory_lease_spared_by_its_client(
    original: Callable[[Lease, Actor], bool], self: LeasePolicy, lease: Lease, actor: Actor
) -> bool:
    """A client's changes break none of its directory leases, whichever key they name."""
    return lease.client_guid == actor.client_guid


@defect(
    "directory-lease-survives-listing-changes",
    replaces=BreakCheck.check_directory,
    breaks=["SMB2-3.3.5.9.11-06", "SMB2-3.3.4.7-06"],
    origin="ksmbd: a directory's lease breaks at fewer occasions",
)
def _directory_lease_survives_listing_changes(
    original: Callable[..., None], self: BreakCheck, storage: object, path: object, actor: Actor, now: float
) -> None:
    """Only changes through an open that has a lease of its own break a directory's lease."""
    if actor.lease_id:
        original(storage, path, actor, now)


@defect(
    "lease-only-first-reader-told",
    replaces=BreakCheck._check_lease,
    breaks=["SMB2-3.3.1.4-01", "SMB2-3.3.1.4-03"],
    origin="Samba before 96e2a8276 (bug 15148): after one break nobody else was told",
)
def _lease_only_first_reader_told(
    original: Callable[[Lease, Operation, float], bool],
    self: BreakCheck,
    lease: Lease,
    operation: Operation,
    now: float,
) -> bool:
    """Of several leases on a file only the first is broken."""
    stream = lease.lease_opens[0].stream
    return original(lease, operation, now) if stream.leases()[0] is lease else False


defect(
    "lease-contenders-do-not-wait",
    replaces=LeasePolicy.operation_waits,
    breaks=["SMB2-3.3.1.4-02", "SMB2-3.3.1.4-03", "SMB2-3.3.1.4-04", "SMB2-3.3.4.7-01"],
    origin="plausible: a break is only announced",
).always(False, "Nobody waits for the acknowledgment of a break.")


@defect(
    "opens-outlive-their-client",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.4.7-08", "SMB2-3.3.4.6-10"],
    origin="ksmbd #432: what belongs to a session stays when its last channel goes",
)
def _opens_outlive_their_client(
    original: Callable[[Open], bool], self: ConnectionLossPolicy, open_: Open
) -> bool:
    """Opens with a lease or an oplock stay when their client is gone."""
    return original(open_) or open_.oplock_level is not OplockLevel.NONE
