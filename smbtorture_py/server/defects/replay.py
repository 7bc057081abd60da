"""Defects of replayed CREATEs: which open is found, what is compared, what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from smbtorture_py.server.access import WRITE_ACCESS
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.create_guid_table import CreateGuidTable
from smbtorture_py.server.policies.create import CreatePolicy
from smbtorture_py.server.policies.durable import DurablePolicy
from smbtorture_py.server.policies.lease import LeasePolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.wire.create import CreateAction, CreateDisposition, CreateRequest, OplockLevel
from smbtorture_py.wire.create_contexts import DURABLE_HANDLE_REQUEST_V2, RequestLeaseV2
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.lease import LeaseState

MILLISECONDS: Final = 1000
LEASE_V1: Final = 1
LEASE_V2: Final = 2
CREATING: Final = frozenset(
    {
        CreateDisposition.CREATE,
        CreateDisposition.OPEN_IF,
        CreateDisposition.OVERWRITE_IF,
        CreateDisposition.SUPERSEDE,
    }
)
"""Dispositions that can have made a file."""


def _is_replay(request: Request) -> bool:
    return request.connection.server.policies.replay.is_replay(request)


# Which open is found.


@defect(
    "replay-opens-again",
    replaces=ReplayPolicy.find_eligible,
    breaks=[
        "SMB2-3.3.5.9-01",
        "SMB2-3.3.5.9-04",
        "SMB2-3.3.5.9-05",
        "SMB2-3.3.5.9-08",
        "SMB2-3.3.5.9-11",
        "SMB2-3.3.5.9-12",
        "SMB2-3.3.5.9.10-01",
        "SMB2-3.3.5.9.10-04",
        "SMB2-3.3.5.9.10-05",
    ],
    origin="ksmbd 6.5.4: a replay fails its own check or opens once more (CVE-2026-23427)",
)
def _opens_again(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """A CreateGuid that was there before is not recognised."""
    return None


@defect(
    "replay-on-the-same-channel-only",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9-11"],
    origin="plausible: the CreateGuids are kept with the connection",
)
def _same_channel_only(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """A replay on another channel than the file was opened on finds nothing."""
    found = original(request, create_guid)
    return found if found is not None and found.connection is request.connection else None


@defect(
    "replay-not-of-a-lost-channel",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9-11"],
    origin="plausible: what a lost connection has opened is set aside until the session ends",
)
def _not_of_a_lost_channel(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """A replay finds nothing where the channel that the file was opened on is lost."""
    found = original(request, create_guid)
    lost = found is None or found.connection is None or not found.connection.is_open
    return None if lost else found


@defect(
    "replay-of-any-client",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9-10", "SMB2-3.3.5.9.10-02"],
    origin="dittofs issue 2725: ClientGuid was not compared",
)
def _of_any_client(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """A CreateGuid is looked for among the opens of all clients."""
    for open_ in request.connection.server.global_open_table.values():
        if open_.create_guid == create_guid and open_.is_replay_eligible:
            return open_
    return original(request, create_guid)


@defect(
    "replay-duplicate-of-used",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9.10-03"],
    origin="ksmbd 6.18: DUPLICATE_OBJECTID also for an open that can no longer be replayed",
)
def _duplicate_of_used(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """The CreateGuid of an open that was used stays taken for CREATEs without the replay flag."""
    if not self.is_replay(request):
        for open_ in request.connection.server.global_open_table.values():
            if open_.create_guid == create_guid and open_.client_guid == request.connection.client_guid:
                return open_
    return original(request, create_guid)


@defect(
    "replay-duplicate-of-connected-only",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9.10-01"],
    origin="Samba 4.17: a CREATE takes the place of the disconnected open of its CreateGuid",
)
def _duplicate_of_connected_only(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """The CreateGuid of an open that waits for its client is free for CREATEs without the replay flag."""
    found = original(request, create_guid)
    waits = found is not None and found.session is None
    return None if waits and not self.is_replay(request) else found


@defect(
    "replay-duplicate-in-the-same-session-only",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-08", "SMB2-3.3.5.9-04"],
    origin="plausible: the CreateGuids are kept with the session",
)
def _in_the_same_session_only(
    original: Callable[[Request, bytes], Open | None],
    self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """A CreateGuid is looked for among the opens of the session only."""
    found = original(request, create_guid)
    return found if found is not None and found.session is request.session else None


@defect(
    "replay-of-closed-opens",
    replaces=CreateGuidTable.forget,
    breaks=["SMB2-3.3.5.9.10-03"],
    origin="plausible: the table of CreateGuids is not told of a CLOSE",
)
def _of_closed_opens(original: Callable[[Open], None], self: CreateGuidTable, open_: Open) -> None:
    """A replay returns an open that has been closed."""


@defect(
    "replay-flag-not-needed",
    replaces=ReplayPolicy.is_replay,
    breaks=["SMB2-3.3.5.9.10-01"],
    origin="plausible: the CreateGuid is taken for proof enough",
)
def _flag_not_needed(original: Callable[[Request], bool], self: ReplayPolicy, request: Request) -> bool:
    """A CREATE with the CreateGuid of an open is answered like a replay, with or without the flag."""
    return True


@defect(
    "replay-flag-ignored",
    replaces=ReplayPolicy.is_replay,
    breaks=[
        "SMB2-3.3.5.9-01",
        "SMB2-3.3.5.9-11",
        "SMB2-3.3.5.9-12",
        "SMB2-3.3.5.9.10-04",
        "SMB2-3.3.5.9.10-05",
    ],
    origin="plausible: only the CreateGuid is implemented",
)
def _flag_ignored(original: Callable[[Request], bool], self: ReplayPolicy, request: Request) -> bool:
    """A replay is refused like any CREATE whose CreateGuid is taken."""
    return False


@defect(
    "replay-unknown-refused",
    replaces=CreatePolicy.access_status,
    breaks=["SMB2-3.3.5.9-03", "SMB2-3.3.5.9-10", "SMB2-3.3.5.9-13"],
    origin="Samba 4.17 for persistent opens: a replay whose original is not known is not available",
)
def _unknown_refused(
    original: Callable[[Request, int], Status], self: CreatePolicy, request: Request, desired_access: int
) -> Status:
    """A replay that finds no open fails."""
    body = request.body
    named = isinstance(body, CreateRequest) and any(
        context.name == DURABLE_HANDLE_REQUEST_V2 for context in body.contexts
    )
    return Status.FILE_NOT_AVAILABLE if named and _is_replay(request) else original(request, desired_access)


@defect(
    "replay-needs-a-create-guid",
    replaces=CreatePolicy.access_status,
    breaks=["SMB2-3.3.5.9-02"],
    origin="plausible: a replay is expected to say what it repeats",
)
def _needs_a_create_guid(
    original: Callable[[Request, int], Status], self: CreatePolicy, request: Request, desired_access: int
) -> Status:
    """A CREATE with the replay flag and without DH2Q fails."""
    body = request.body
    named = isinstance(body, CreateRequest) and any(
        context.name == DURABLE_HANDLE_REQUEST_V2 for context in body.contexts
    )
    return (
        Status.INVALID_PARAMETER if _is_replay(request) and not named else original(request, desired_access)
    )


# Which opens can be replayed, and until when.

defect(
    "replay-of-any-access",
    replaces=ReplayPolicy.is_eligible,
    breaks=["SMB2-3.3.5.9-16"],
    origin="Samba 4.17: an open that may read attributes only is replayed too",
).always(True, "An open without access to the file's data can be replayed.")


@defect(
    "replay-of-directories",
    replaces=DurablePolicy.request_v2_is_considered,
    breaks=["SMB2-3.3.5.9-16"],
    origin="Samba 4.17: the open of a directory is replayed too",
)
def _of_directories(
    original: Callable[[Attempt, Open], bool], self: DurablePolicy, attempt: Attempt, open_: Open
) -> bool:
    """The open of a directory can be replayed."""
    open_.is_replay_eligible = True
    return original(attempt, open_)


@defect(
    "replay-of-writers-only",
    replaces=ReplayPolicy.is_eligible,
    breaks=["SMB2-3.3.5.9-16"],
    origin="plausible: opening a file for reading once more seems harmless",
)
def _of_writers_only(original: Callable[[Open], bool], self: ReplayPolicy, open_: Open) -> bool:
    """An open that may not write cannot be replayed."""
    return original(open_) and open_.has_any_access(int(WRITE_ACCESS))


class Use(Protocol):
    """What takes the place of the method that notes a use."""

    def __call__(
        self,
        original: Callable[[Open, Request], None],
        policy: ReplayPolicy,
        /,
        open_: Open,
        request: Request,
    ) -> None:
        """Note a use, in place of `original`."""
        ...


def _outlives(*commands: Command) -> Use:
    def note_use(
        original: Callable[[Open, Request], None], self: ReplayPolicy, open_: Open, request: Request
    ) -> None:
        if request.command not in commands:
            original(open_, request)

    names = ", ".join(command.name for command in commands)
    note_use.__doc__ = f"An open can still be replayed after {names}."
    return note_use


defect(
    "replay-outlives-reads",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9.10-03"],
    origin="plausible: what changes nothing does not count as a use",
)(_outlives(Command.READ, Command.QUERY_INFO, Command.FLUSH))

defect(
    "replay-outlives-writes",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9.10-03"],
    origin="Samba before 4.20 (commit a177f45d1ee): a used persistent open was replayed",
)(_outlives(Command.WRITE, Command.SET_INFO))

defect(
    "replay-outlives-locks",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9.10-03"],
    origin="WPTS added Replay_*_Lock_ReplayEligibleCleared in 2026",
)(_outlives(Command.LOCK))

defect(
    "replay-outlives-ioctls",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9.10-03"],
    origin="WPTS added Replay_*_IoCtl_ReplayEligibleCleared in 2026",
)(_outlives(Command.IOCTL))

defect(
    "replay-outlives-directory-requests",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13", "SMB2-3.3.5.9.10-03"],
    origin="plausible: these fail for a file before they count as a use",
)(_outlives(Command.QUERY_DIRECTORY, Command.CHANGE_NOTIFY))

defect(
    "replay-outlives-acknowledgments",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13"],
    origin="plausible: an acknowledgment is not taken for a use",
)(_outlives(Command.OPLOCK_BREAK))


@defect(
    "replay-outlives-refused-acknowledgments",
    replaces=LeasePolicy.acknowledgment_ends_replay,
    breaks=["SMB2-3.3.5.22.2-10"],
    origin="plausible: what is refused changes nothing",
)
def _outlives_refused_acknowledgments(
    original: Callable[[Lease, LeaseState], bool], self: LeasePolicy, lease: Lease, state: LeaseState
) -> bool:
    """An open can still be replayed after the acknowledgment of a break of its lease was refused."""
    is_taken = lease.breaking and self.state_status(lease, state) == Status.SUCCESS
    return is_taken and original(lease, state)


defect(
    "replay-outlives-lease-acknowledgments",
    replaces=LeasePolicy.acknowledgment_ends_replay,
    breaks=["SMB2-3.3.5.9-13"],
    origin="Samba 4.17: an acknowledgment of a lease break has no FileId and ends nothing",
).always(False, "An open can still be replayed after a break of its lease was acknowledged.")


@defect(
    "replay-outlives-uses-elsewhere",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-13"],
    origin="plausible: what another channel does with the open is not noticed",
)
def _outlives_uses_elsewhere(
    original: Callable[[Open, Request], None], self: ReplayPolicy, open_: Open, request: Request
) -> None:
    """An open can still be replayed after it was used on another channel than it was opened on."""
    if open_.connection is request.connection:
        original(open_, request)


@defect(
    "replay-ended-by-other-opens",
    replaces=ReplayPolicy.note_use,
    breaks=["SMB2-3.3.5.9-01"],
    origin="plausible: the mark is kept with the file",
)
def _ended_by_other_opens(
    original: Callable[[Open, Request], None], self: ReplayPolicy, open_: Open, request: Request
) -> None:
    """An open cannot be replayed any more once any open of the file was used."""
    for one in open_.stream.opens:
        original(one, request)


@defect(
    "replay-ended-by-other-requests",
    replaces=CreatePolicy.access_status,
    breaks=["SMB2-3.3.5.9-01"],
    origin="plausible: a client that goes on is expected to have its answer",
)
def _ended_by_other_requests(
    original: Callable[[Request, int], Status], self: CreatePolicy, request: Request, desired_access: int
) -> Status:
    """No open of a session can be replayed once another CREATE has come."""
    for open_ in request.require_session().open_table.values():
        open_.is_replay_eligible = False
    return original(request, desired_access)


@defect(
    "replay-once-only",
    replaces=ReplayPolicy.replayed_context_is_sent,
    breaks=["SMB2-3.3.5.9.10-05"],
    origin="plausible: a replay is taken for a use",
)
def _once_only(
    original: Callable[[Attempt, Open], bool], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> bool:
    """A CREATE can be replayed once."""
    open_.is_replay_eligible = False
    return original(attempt, open_)


# What is compared.

defect(
    "replay-owner-not-compared",
    replaces=ReplayPolicy.owner_status,
    breaks=["SMB2-3.3.5.9-04", "SMB2-3.3.5.9-18"],
    origin="chimera issue 954 and ksmbd 6.18: the user is not compared",
).always(Status.SUCCESS, "The user who replays need not be the one who opened.")

defect(
    "replay-session-not-compared",
    replaces=ReplayPolicy.session_status,
    breaks=["SMB2-3.3.5.9-08"],
    origin="Samba before 4.24 (commit 9b5b63870f7): a replay in another session was accepted",
).always(Status.SUCCESS, "A replay in another session of the client returns the open.")


@defect(
    "replay-session-before-the-owner",
    replaces=ReplayPolicy.checks,
    breaks=["SMB2-3.3.5.9-04"],
    origin="Samba 4.24: the session is compared first",
)
def _session_before_the_owner(
    original: Callable[[], Sequence[Callable[[Attempt, Open], Status]]], self: ReplayPolicy
) -> Sequence[Callable[[Attempt, Open], Status]]:
    """Another user's replay fails for its session and not for its user."""
    return (self.session_status, *original())


@defect(
    "replay-lease-key-not-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-05"],
    origin="chimera issue 1333: LeaseKey was not checked when an open was reclaimed",
)
def _lease_key_not_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay may name another lease than that of the open."""
    return Status.SUCCESS if attempt.contexts.lease is not None else original(attempt, open_)


@defect(
    "replay-lease-version-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-01"],
    origin="plausible: the contexts are compared as a whole",
)
def _lease_version_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if its lease context is of the other version."""
    lease, context = open_.lease, attempt.contexts.lease
    if (
        lease is not None
        and context is not None
        and lease.version != (LEASE_V2 if isinstance(context, RequestLeaseV2) else LEASE_V1)
    ):
        return Status.ACCESS_DENIED
    return original(attempt, open_)


@defect(
    "replay-lease-state-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-12", "SMB2-3.3.5.9-01"],
    origin="plausible: the contexts are compared as a whole",
)
def _lease_state_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if it asks for another lease state than the open has."""
    lease, context = open_.lease, attempt.contexts.lease
    if lease is not None and context is not None and context.lease_state != lease.lease_state:
        return Status.ACCESS_DENIED
    return original(attempt, open_)


@defect(
    "replay-lease-for-oplock-refused",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-06"],
    origin="Windows and Samba 4.17: smbtorture replay-dhv2-oplock-lease expects it",
)
def _lease_for_oplock_refused(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if it asks for a lease and the open has an oplock."""
    if open_.lease is None and attempt.contexts.lease is not None:
        return Status.ACCESS_DENIED
    return original(attempt, open_)


@defect(
    "replay-parameters-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-12"],
    origin="WPTS had INVALID_PARAMETER for a replay that differs, commented out as an open question",
)
def _parameters_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if access, sharing, options or attributes differ from those of the first CREATE."""
    same = attempt.asked == open_.asked and int(attempt.body.file_attributes) == open_.file_attributes
    return original(attempt, open_) if same else Status.INVALID_PARAMETER


@defect(
    "replay-disposition-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-12"],
    origin="WPTS had INVALID_PARAMETER for another disposition, commented out as an open question",
)
def _disposition_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if its disposition could not have had the action that the first CREATE had."""
    created = open_.create_action == CreateAction.CREATED
    fits = not created or attempt.body.create_disposition in CREATING
    return original(attempt, open_) if fits else Status.INVALID_PARAMETER


@defect(
    "replay-name-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-12"],
    origin="plausible: a CREATE for another file is not taken for a replay",
)
def _name_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if it names another file."""
    return original(attempt, open_) if attempt.body.name == open_.file_name else Status.INVALID_PARAMETER


@defect(
    "replay-oplock-compared",
    replaces=ReplayPolicy.lease_status,
    breaks=["SMB2-3.3.5.9-12"],
    origin="plausible: a client that asks for another oplock is not repeating itself",
)
def _oplock_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay fails if it asks for another oplock than the open has."""
    level = attempt.body.requested_oplock_level
    same = open_.lease is not None or level == open_.oplock_level
    return original(attempt, open_) if same else Status.ACCESS_DENIED


@defect(
    "replay-tree-compared",
    replaces=ReplayPolicy.session_status,
    breaks=["SMB2-3.3.5.9-12"],
    origin="plausible: opens are found through their tree connect, as Samba finds them",
)
def _tree_compared(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A replay on another tree connect of the session fails."""
    same = open_.tree_connect in (None, attempt.request.require_tree())
    return original(attempt, open_) if same else Status.DUPLICATE_OBJECTID


@defect(
    "replay-duplicate-as-collision",
    replaces=ReplayPolicy.duplicate_status,
    breaks=["SMB2-3.3.5.9.10-01"],
    origin="plausible: a status for a name that is taken is at hand",
)
def _duplicate_as_collision(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """A CREATE whose CreateGuid is taken fails with OBJECT_NAME_COLLISION."""
    return Status.OBJECT_NAME_COLLISION


# Persistent opens.

defect(
    "replay-without-the-second-look-up",
    replaces=CreateGuidTable.find_persistent,
    breaks=["SMB2-3.3.5.9-17", "SMB2-3.3.5.9-20"],
    origin="plausible: opens that can be replayed are looked for, and those alone",
).always(None, "A persistent open that was used is not looked for.")

defect(
    "replay-persistent-flag-not-compared",
    replaces=ReplayPolicy.persistent_flag_status,
    breaks=["SMB2-3.3.5.9-09"],
    origin="Windows 8 to Server 2012 R2: MS-SMB2 note 307",
).always(Status.SUCCESS, "A persistent open is replayed without the persistent flag.")

defect(
    "replay-persistent-used",
    replaces=ReplayPolicy.connected_persistent_status,
    breaks=["SMB2-3.3.5.9-17"],
    origin="Samba before 4.20 (commit a177f45d1ee): the replay of a used persistent open returned it",
).always(Status.SUCCESS, "A persistent open that is connected is replayed after it was used.")

defect(
    "replay-persistent-parameters-not-compared",
    replaces=ReplayPolicy.parameters_status,
    breaks=["SMB2-3.3.5.9-19"],
    origin="Samba 4.24 does not implement the comparison",
).always(Status.SUCCESS, "A disconnected persistent open is replayed with other access, sharing and options.")


@defect(
    "replay-disconnected-in-another-session",
    replaces=ReplayPolicy.session_status,
    breaks=["SMB2-3.3.5.9-20", "SMB2-3.3.5.9.10-05"],
    origin="MS-SMB2 by its letter: Open.Session of a disconnected open is not the session of the replay",
)
def _disconnected_in_another_session(
    original: Callable[[Attempt, Open], Status], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> Status:
    """The replay for an open that waits for its client fails, as its session is gone."""
    return Status.DUPLICATE_OBJECTID if open_.session is None else original(attempt, open_)


# What comes back.


@defect(
    "replay-action-of-its-own",
    replaces=ReplayPolicy.replayed_context_is_sent,
    breaks=["SMB2-3.3.5.9-01", "SMB2-3.3.5.9-11"],
    origin="plausible: the response is made as if the file had been opened once more",
)
def _action_of_its_own(
    original: Callable[[Attempt, Open], bool], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> bool:
    """A replay says that the file was opened, whatever the first CREATE did."""
    open_.create_action = CreateAction.OPENED
    return original(attempt, open_)


@defect(
    "replay-file-id-of-its-own",
    replaces=ReplayPolicy.replayed_context_is_sent,
    breaks=["SMB2-3.3.5.9-01", "SMB2-3.3.5.9-11", "SMB2-3.3.5.9-12", "SMB2-3.3.5.9.10-05"],
    origin="plausible: the open is entered in the session's table again",
)
def _file_id_of_its_own(
    original: Callable[[Attempt, Open], bool], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> bool:
    """A replay returns the open with a new FileId."""
    if open_.session is not None:
        open_.session.open_table.pop(open_.file_id, None)
        open_.file_id += 1
        open_.session.open_table[open_.file_id] = open_
    return original(attempt, open_)


@defect(
    "replay-timeout-of-its-own",
    replaces=ReplayPolicy.replayed_context_is_sent,
    breaks=["SMB2-3.3.5.9.10-04"],
    origin="plausible: the context of the replay is evaluated like a first one",
)
def _timeout_of_its_own(
    original: Callable[[Attempt, Open], bool], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> bool:
    """The time-out that a replay asks for becomes that of the open."""
    open_.durable_open_timeout = self.context(attempt).timeout / MILLISECONDS
    return original(attempt, open_)


defect(
    "replay-without-its-context",
    replaces=ReplayPolicy.replayed_context_is_sent,
    breaks=["SMB2-3.3.5.9.10-04", "SMB2-3.3.5.9.10-17"],
    origin="plausible: contexts are answered only where an open is made",
).always(False, "The response to a replay has no DH2Q context.")


@defect(
    "replay-oplock-echoed",
    replaces=ReplayPolicy.replayed_level,
    breaks=["SMB2-3.3.5.9-12"],
    origin="Samba 4.17: smbtorture replay-dhv2-oplock2 expects it",
)
def _oplock_echoed(
    original: Callable[[Attempt, Open], int], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> int:
    """The response to a replay has the oplock that it asks for."""
    return original(attempt, open_) if open_.lease is not None else attempt.body.requested_oplock_level


@defect(
    "replay-drops-the-oplock",
    replaces=ReplayPolicy.replayed_level,
    breaks=["SMB2-3.3.5.9-12"],
    origin="plausible: the oplock is acquired once more, as the replay asks for it",
)
def _drops_the_oplock(
    original: Callable[[Attempt, Open], int], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> int:
    """A replay that asks for no oplock takes that of the open away."""
    level = original(attempt, open_)
    if attempt.body.requested_oplock_level == OplockLevel.NONE:
        open_.oplock_level = OplockLevel.NONE
    return level


@defect(
    "replay-takes-over-the-sharing",
    replaces=ReplayPolicy.replayed_level,
    breaks=["SMB2-3.3.5.9-12"],
    origin="plausible: the fields of the replay are stored in the open",
)
def _takes_over_the_sharing(
    original: Callable[[Attempt, Open], int], self: ReplayPolicy, attempt: Attempt, open_: Open
) -> int:
    """The share mode of a replay becomes that of the open."""
    open_.share_access = int(attempt.body.share_access)
    return original(attempt, open_)
