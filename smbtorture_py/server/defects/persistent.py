"""Defects of persistent opens: which become one, what they keep out, and what a restart leaves of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.durable_reconnect import Comparison
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.durable_opens import DurableOpens
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.parts.persistent_opens import PersistentOpens
from smbtorture_py.server.policies.durable import DurablePolicy
from smbtorture_py.server.policies.reconnect import Reconnect, ReconnectPolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.negotiate import Capabilities
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.storage import Path, Storage

_LIKELY: Final = "plausible: "

defect(
    "persistent-never",
    replaces=DurablePolicy.is_persistent,
    breaks=["SMB2-3.3.5.9.10-13", "SMB2-3.3.5.9.10-15"],
    origin="Samba before 4.25: the flag is read and ignored",
).always(False, "No open becomes persistent.")


@defect(
    "persistent-unasked",
    replaces=DurablePolicy.is_persistent,
    breaks=["SMB2-3.3.5.9.10-13"],
    origin=_LIKELY + "a continuously available share is taken to make every handle persistent",
)
def _unasked(original: Callable[[Attempt], bool], self: DurablePolicy, attempt: Attempt) -> bool:
    """On a continuously available share every open with DH2Q becomes persistent."""
    return original(attempt) or self.share_persists(attempt.request)


@defect(
    "persistent-with-oplock-only",
    replaces=DurablePolicy.is_persistent,
    breaks=["SMB2-3.3.5.9.10-15"],
    origin=_LIKELY + "the condition of durable handles is kept for persistent ones",
)
def _with_oplock_only(original: Callable[[Attempt], bool], _self: DurablePolicy, attempt: Attempt) -> bool:
    """An open without oplock or lease does not become persistent."""
    return attempt.body.requested_oplock_level != OplockLevel.NONE and original(attempt)


@defect(
    "persistent-not-with-oplock",
    replaces=DurablePolicy.is_persistent,
    breaks=["SMB2-3.3.5.9.10-13"],
    origin="Samba 4.25: not together with an oplock",
)
def _not_with_oplock(original: Callable[[Attempt], bool], _self: DurablePolicy, attempt: Attempt) -> bool:
    """An open that asks for an oplock does not become persistent."""
    level = attempt.body.requested_oplock_level
    return level in (OplockLevel.NONE, OplockLevel.LEASE) and original(attempt)


@defect(
    "persistent-on-directories-never",
    replaces=DurablePolicy.is_durable_v2,
    breaks=["SMB2-3.3.5.9.10-13"],
    origin=_LIKELY + "durable handles are for files, so persistent ones are taken to be",
)
def _not_directories(original: Callable[[Open], bool], _self: DurablePolicy, open_: Open) -> bool:
    """A directory does not become persistent."""
    if open_.is_directory:
        open_.is_persistent = False
    return original(open_)


@defect(
    "persistent-on-any-share",
    replaces=DurablePolicy.share_persists,
    breaks=["SMB2-3.3.5.9.10-14"],
    origin=_LIKELY + "the capability is looked at, and the share is not",
)
def _on_any_share(original: Callable[[Request], bool], _self: DurablePolicy, request: Request) -> bool:
    """Opens become persistent on every share."""
    capable = Capabilities.PERSISTENT_HANDLES in request.connection.server_capabilities
    return capable or original(request)


@defect(
    "persistent-without-capability",
    replaces=DurablePolicy.share_persists,
    breaks=["SMB2-3.3.5.9.10-14"],
    origin=_LIKELY + "the share is looked at, and what was negotiated is not",
)
def _without_capability(original: Callable[[Request], bool], _self: DurablePolicy, request: Request) -> bool:
    """Opens become persistent for clients that never heard of it."""
    return original(request) or request.require_tree().share.is_continuously_available


defect(
    "persistent-on-attributed-directories",
    replaces=DurablePolicy.request_v2_is_considered,
    breaks=["SMB2-3.3.5.9.10-10"],
    origin="Samba: whether it is a directory says the file, not FileAttributes",
).always(True, "What is opened with FILE_ATTRIBUTE_DIRECTORY becomes persistent.")


# What a disconnected one keeps out.

defect(
    "persistent-file-available",
    replaces=DurablePolicy.disconnected_status,
    breaks=["SMB2-3.3.5.9-22"],
    origin=_LIKELY + "the file of a disconnected handle is left to the sharing rules",
).always(Status.SUCCESS, "The file of a disconnected persistent open can be opened.")

defect(
    "persistent-file-as-sharing-violation",
    replaces=DurablePolicy.disconnected_status,
    breaks=["SMB2-3.3.5.9-22"],
    origin=_LIKELY + "the status that a file in use has",
).always(Status.SHARING_VIOLATION, "The file of a disconnected persistent open fails with SHARING_VIOLATION.")


@defect(
    "persistent-file-not-available-to-anybody",
    replaces=DurableOpens.disconnected_persistent,
    breaks=["SMB2-3.3.5.9-22"],
    origin=_LIKELY + "the share is looked at, and the file is not",
)
def _whole_share(
    original: Callable[[Storage, Path], Open | None], self: DurableOpens, storage: Storage, path: Path
) -> Open | None:
    """As long as a persistent open is disconnected no other file of its directory can be opened."""
    found = original(storage, path)
    near = (one for one in self._preserved.values() if one.is_persistent and one.path[:-1] == path[:-1])
    return found or (next(near, None) if len(path) > 1 else None)


@defect(
    "persistent-file-stays-unavailable",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9-22"],
    origin=_LIKELY + "the list of disconnected opens is cleared when they are closed",
)
def _stays_unavailable(
    original: Callable[[Open, Request], None], self: DurableOpens, open_: Open, request: Request
) -> None:
    """The file of a persistent open that came back is still not available to others."""
    original(open_, request)
    if open_.is_persistent:
        self._preserved[open_.durable_file_id] = open_


@defect(
    "persistent-break-forgotten",
    replaces=LeaseTables.send_notification,
    breaks=["SMB2-3.3.5.9.12-20"],
    origin="Samba, ksmbd: a break that nobody was told of is not told after the reconnect",
)
def _break_forgotten(
    original: Callable[[Lease, float], None], _self: LeaseTables, lease: Lease, now: float
) -> None:
    """A break that did not get through is not told to the client that comes back."""
    if any(open_.is_persistent for open_ in lease.lease_opens):
        lease.break_notification = None
        return
    original(lease, now)


# Replays.

defect(
    "persistent-replay-refused",
    replaces=ReplayPolicy.parameters_status,
    breaks=["SMB2-3.3.5.9-20"],
    origin=_LIKELY + "the open is taken to differ, since it has no session",
).always(Status.DUPLICATE_OBJECTID, "The replay of a disconnected persistent open is refused.")


# What a restart leaves.


@defect(
    "persistent-forgotten-at-restart",
    replaces=PersistentOpens.restore,
    breaks=["SMB2-3.3.5.9.10-23"],
    origin=_LIKELY + "persistent handles are kept in memory, as durable ones are",
)
def _forgotten(original: Callable[[float], None], _self: PersistentOpens, now: float) -> None:
    """Persistent opens do not survive a restart."""
    del original, now


@defect(
    "persistent-locks-forgotten-at-restart",
    replaces=PersistentOpens.restore,
    breaks=["SMB2-3.3.5.9.12-23"],
    origin=_LIKELY + "the record of an open has no room for locks",
)
def _locks_forgotten(original: Callable[[float], None], self: PersistentOpens, now: float) -> None:
    """The locks of a persistent open do not survive a restart."""
    original(now)
    for open_ in self._server.global_open_table.values():
        open_.stream.locks.release_open(open_, now)


@defect(
    "persistent-time-forgotten-at-restart",
    replaces=PersistentOpens.restore,
    breaks=["SMB2-3.3.6.2-02"],
    origin=_LIKELY + "the timers are started where connections are lost, and none was",
)
def _time_forgotten(original: Callable[[float], None], self: PersistentOpens, now: float) -> None:
    """A persistent open that nobody comes back for after a restart stays for ever."""
    original(now)
    for open_ in self._server.global_open_table.values():
        open_.durable_open_scavenger_timeout = None


@defect(
    "persistent-deletion-forgotten-at-restart",
    replaces=PersistentOpens.restore,
    breaks=["SMB2-3.3.5.9.10-23"],
    origin=_LIKELY + "the record of an open says what it may do, and not what it will",
)
def _deletion_forgotten(original: Callable[[float], None], self: PersistentOpens, now: float) -> None:
    """After a restart a persistent open does not delete its file any more."""
    original(now)
    for open_ in self._server.global_open_table.values():
        open_.delete_on_close = False


@defect(
    "persistent-sharing-forgotten-at-restart",
    replaces=PersistentOpens.restore,
    breaks=["SMB2-3.3.5.9.10-23"],
    origin=_LIKELY + "sharing is checked when a file is opened, and this one is open",
)
def _sharing_forgotten(original: Callable[[float], None], self: PersistentOpens, now: float) -> None:
    """After a restart a persistent open shares its file with everybody."""
    original(now)
    for open_ in self._server.global_open_table.values():
        open_.share_access = 7


@defect(
    "persistent-closed-and-kept",
    replaces=PersistentOpens.forget,
    breaks=["SMB2-3.3.5.9.12-04", "SMB2-3.3.5.9-22"],
    origin=_LIKELY + "the record is written when the file is opened, and stays",
)
def _closed_and_kept(original: Callable[[Open], None], _self: PersistentOpens, open_: Open) -> None:
    """A persistent open that was closed is there again after a restart."""
    del original, open_


@defect(
    "persistent-owner-forgotten-at-restart",
    replaces=DurablePolicy.is_owner,
    breaks=["SMB2-3.3.5.9.12-18"],
    origin=_LIKELY + "the record has no user, and none is taken for any",
)
def _owner_forgotten(
    original: Callable[[Open, Session], bool], _self: DurablePolicy, open_: Open, session: Session
) -> bool:
    """After a restart any user may have a persistent open."""
    return open_.is_restored or original(open_, session)


def _forgotten_at_restart(sentence: str) -> Comparison:
    def forgotten(
        original: Callable[[Reconnect, Open], Status],
        _self: ReconnectPolicy,
        reconnect: Reconnect,
        open_: Open,
    ) -> Status:
        return Status.SUCCESS if open_.is_restored else original(reconnect, open_)

    forgotten.__doc__ = sentence
    return forgotten


defect(
    "persistent-guid-forgotten-at-restart",
    replaces=ReconnectPolicy.create_guid_status,
    breaks=["SMB2-3.3.5.9.12-05"],
    origin=_LIKELY + "the record is found by its id, and holds nothing else to compare",
)(_forgotten_at_restart("After a restart any CreateGuid brings a persistent open back."))

defect(
    "persistent-lease-key-forgotten-at-restart",
    replaces=ReconnectPolicy.lease_key_status,
    breaks=["SMB2-3.3.5.9.12-12"],
    origin=_LIKELY + "the lease is made anew from what the reconnect says",
)(_forgotten_at_restart("After a restart any lease key brings a persistent open back."))

defect(
    "persistent-client-forgotten-at-restart",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.12-07"],
    origin=_LIKELY + "the ClientGuid is one of the connection, which is gone",
)(_forgotten_at_restart("After a restart a persistent open with a lease comes back to any client."))
