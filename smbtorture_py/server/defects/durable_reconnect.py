"""Defects of reconnects to durable opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.file_id import new_file_id
from smbtorture_py.server.parts.durable_opens import DurableOpens
from smbtorture_py.server.policies.reconnect import Check, Reconnect, ReconnectPolicy
from smbtorture_py.wire.create import CreateDisposition, CreateRequest
from smbtorture_py.wire.create_contexts import RequestLease, RequestLeaseV2, find
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request


class Comparison(Protocol):
    """What takes the place of a method that compares a reconnect with the open that it names."""

    def __call__(
        self,
        original: Callable[[Reconnect, Open], Status],
        policy: ReconnectPolicy,
        /,
        reconnect: Reconnect,
        open_: Open,
    ) -> Status:
        """Compare, in place of `original`."""
        ...


_LIKELY: Final = "plausible: "
_BOTH_SUCCEED: Final = ["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"]
_OPTIONS: Final = (CreateDisposition.OVERWRITE, CreateDisposition.OVERWRITE_IF, CreateDisposition.SUPERSEDE)

# What a reconnect must name.

defect(
    "reconnect-name-ignored",
    replaces=ReconnectPolicy.file_name_status,
    breaks=["SMB2-3.3.5.9.7-08", "SMB2-3.3.5.9.12-17"],
    origin=_LIKELY + "the name is ignored with a lease as it is without one",
).always(Status.SUCCESS, "The name of a reconnect does not matter, lease or not.")


@defect(
    "reconnect-name-compared-without-lease",
    replaces=ReconnectPolicy.file_name_status,
    breaks=["SMB2-3.3.5.9.7-09", "SMB2-3.3.5.9.12-02"],
    origin=_LIKELY + "the name is compared without a lease as it is with one",
)
def _name_without_lease(
    original: Callable[[Reconnect, Open], Status],
    _self: ReconnectPolicy,
    reconnect: Reconnect,
    open_: Open,
) -> Status:
    """The name of a reconnect must be right although the open has no lease."""
    if open_.lease is None and reconnect.body.name != open_.file_name:
        return Status.INVALID_PARAMETER
    return original(reconnect, open_)


@defect(
    "reconnect-name-of-the-root-only",
    replaces=ReconnectPolicy.file_name_status,
    breaks=_BOTH_SUCCEED,
    origin="Samba: bug 13535 (e60e9368c), the path check fails in a sub-directory",
)
def _name_of_the_root_only(
    original: Callable[[Reconnect, Open], Status],
    _self: ReconnectPolicy,
    reconnect: Reconnect,
    open_: Open,
) -> Status:
    """The name of a file in a directory is never right."""
    if open_.lease is not None and "\\" in reconnect.body.name:
        return Status.INVALID_PARAMETER
    return original(reconnect, open_)


@defect(
    "reconnect-name-of-the-past",
    replaces=ReconnectPolicy.file_name_status,
    breaks=["SMB2-3.3.5.9.7-08", "SMB2-3.3.5.9.12-17"],
    origin=_LIKELY + "the name is the one of the CREATE, which renaming does not change",
)
def _name_of_the_past(
    original: Callable[[Reconnect, Open], Status],
    _self: ReconnectPolicy,
    reconnect: Reconnect,
    open_: Open,
) -> Status:
    """A reconnect must name the file as it was called when it was opened."""
    if open_.lease is None:
        return original(reconnect, open_)
    return Status.SUCCESS if reconnect.body.name == open_.file_name else Status.INVALID_PARAMETER


@defect(
    "reconnect-name-of-what-will-be-deleted",
    replaces=ReconnectPolicy.file_name_status,
    breaks=_BOTH_SUCCEED,
    origin=_LIKELY + "FileDeleteOnClose of the lease is not looked at",
)
def _name_of_what_will_be_deleted(
    original: Callable[[Reconnect, Open], Status],
    _self: ReconnectPolicy,
    reconnect: Reconnect,
    open_: Open,
) -> Status:
    """The name of a reconnect must be right also for a file that is to be deleted on close."""
    lease = open_.lease
    if lease is not None and lease.file_delete_on_close and reconnect.body.name != open_.file_name:
        return Status.INVALID_PARAMETER
    return original(reconnect, open_)


defect(
    "reconnect-lease-presence-ignored",
    replaces=ReconnectPolicy.lease_presence_status,
    breaks=["SMB2-3.3.5.9.7-10", "SMB2-3.3.5.9.7-11", "SMB2-3.3.5.9.12-11"],
    origin=_LIKELY + "lease contexts are compared where both sides have one",
).always(Status.SUCCESS, "A reconnect may leave the lease out or bring one that is not there.")

defect(
    "reconnect-lease-key-ignored",
    replaces=ReconnectPolicy.lease_key_status,
    breaks=["SMB2-3.3.5.9.7-12", "SMB2-3.3.5.9.12-12"],
    origin="chimera #1333, dittofs #858: the key is not looked at",
).always(Status.SUCCESS, "Any lease key brings an open back.")

defect(
    "reconnect-lease-version-ignored",
    replaces=ReconnectPolicy.lease_version_status,
    breaks=["SMB2-3.3.5.9.7-13", "SMB2-3.3.5.9.12-15"],
    origin="Samba; Windows 8 to Windows Server 2012 R2: product behaviour <338>, <351>",
).always(Status.SUCCESS, "A lease may be named with a context of the other version.")

defect(
    "reconnect-create-guid-ignored",
    replaces=ReconnectPolicy.create_guid_status,
    breaks=["SMB2-3.3.5.9.12-05"],
    origin=_LIKELY + "the persistent id is taken to be enough",
).always(Status.SUCCESS, "Any CreateGuid brings an open back.")


@defect(
    "reconnect-create-guid-zero",
    replaces=ReconnectPolicy.create_guid_status,
    breaks=["SMB2-3.3.5.9.12-05"],
    origin=_LIKELY + "zero stands for a CreateGuid that was not given",
)
def _create_guid_zero(
    original: Callable[[Reconnect, Open], Status],
    _self: ReconnectPolicy,
    reconnect: Reconnect,
    open_: Open,
) -> Status:
    """A CreateGuid of zeros brings any open back."""
    v2 = reconnect.version_2
    return Status.SUCCESS if v2 is not None and not any(v2.create_guid) else original(reconnect, open_)


defect(
    "reconnect-steals-connected-opens",
    replaces=ReconnectPolicy.connected_status,
    breaks=["SMB2-3.3.5.9.7-04", "SMB2-3.3.5.9.12-06"],
    origin=_LIKELY + "a client that reconnects is believed to have lost its connection",
).always(Status.SUCCESS, "An open that its client still has is given away.")

defect(
    "reconnect-missing-flag-ignored",
    replaces=ReconnectPolicy.missing_flag_status,
    breaks=["SMB2-3.3.5.9.12-09"],
    origin="Windows 8 to Windows Server 2012 R2: product behaviour <349>",
).always(Status.SUCCESS, "A persistent open comes back without the persistent flag.")

defect(
    "reconnect-persistent-flag-ignored",
    replaces=ReconnectPolicy.persistent_flag_status,
    breaks=["SMB2-3.3.5.9.12-10"],
    origin="Windows 8 to Windows Server 2012 R2: product behaviour <352>",
).always(Status.SUCCESS, "A durable open comes back with the persistent flag.")

defect(
    "reconnect-not-found-as-closed",
    replaces=ReconnectPolicy.not_found_status,
    breaks=["SMB2-3.3.5.9.7-02", "SMB2-3.3.5.9.12-03", "SMB2-3.3.5.9.12-04", "SMB2-3.3.5.8-02"],
    origin=_LIKELY + "the status that other commands have for an unknown FileId",
).always(Status.FILE_CLOSED, "A reconnect to an open that does not exist fails with FILE_CLOSED.")

defect(
    "reconnect-combinations-ignored",
    replaces=ReconnectPolicy.combination_status,
    breaks=["SMB2-3.3.5.9.12-16", "SMB2-3.3.5.9.7-03"],
    origin="Windows Vista to Windows Server 2008 R2: product behaviour <336>",
).always(Status.SUCCESS, "Of several durable contexts the last one counts.")


@defect(
    "reconnect-beside-request-refused",
    replaces=ReconnectPolicy.combination_status,
    breaks=["SMB2-3.3.5.9.6-04"],
    origin=_LIKELY + "all durable contexts are taken to exclude each other",
)
def _beside_request_refused(
    original: Callable[[Reconnect], Status], _self: ReconnectPolicy, reconnect: Reconnect
) -> Status:
    """DHnC beside DHnQ fails."""
    refused = reconnect.contexts.durable_request is not None
    return Status.INVALID_PARAMETER if refused else original(reconnect)


# How the open is found.


@defect(
    "reconnect-by-id-only",
    replaces=ReconnectPolicy.find,
    breaks=["SMB2-3.3.5.9.12-04"],
    origin=_LIKELY + "the second look-up, by CreateGuid, was never written",
)
def _by_id_only(
    original: Callable[[Reconnect], Open | None], _self: ReconnectPolicy, reconnect: Reconnect
) -> Open | None:
    """A persistent open is not found by its CreateGuid."""
    found, file_id = original(reconnect), reconnect.file_id
    return found if found and file_id and found.durable_file_id == file_id.persistent else None


@defect(
    "reconnect-by-volatile-id",
    replaces=ReconnectPolicy.find,
    breaks=_BOTH_SUCCEED,
    origin="dittofs #806: DHnC is compared with the volatile id",
)
def _by_volatile_id(
    original: Callable[[Reconnect], Open | None], _self: ReconnectPolicy, reconnect: Reconnect
) -> Open | None:
    """The volatile id of a reconnect must be that of the lost open."""
    found, file_id = original(reconnect), reconnect.file_id
    return found if found and file_id and found.file_id == file_id.volatile else None


# What a failed reconnect does.


def _clobbers(sentence: str) -> Comparison:
    def clobbers(
        original: Callable[[Reconnect, Open], Status],
        _self: ReconnectPolicy,
        reconnect: Reconnect,
        open_: Open,
    ) -> Status:
        status = original(reconnect, open_)
        if status != Status.SUCCESS:
            open_.is_durable = False
        return status

    clobbers.__doc__ = sentence
    return clobbers


defect(
    "reconnect-of-connected-open-clobbers",
    replaces=ReconnectPolicy.connected_status,
    breaks=_BOTH_SUCCEED,
    origin="Samba before 4.22: bugs 15649 and 15651 (15c6b767f, f23e94a88)",
)(
    _clobbers(
        "An open that somebody tried to reconnect while it was connected does not outlive its connection."
    )
)

defect(
    "reconnect-by-another-user-clobbers",
    replaces=ReconnectPolicy.owner_status,
    breaks=_BOTH_SUCCEED,
    origin="Samba before 4.22: bug 15649, the record is written before the owner is compared",
)(_clobbers("After another user's vain attempt the owner's reconnect fails."))

defect(
    "reconnect-wrong-key-clobbers",
    replaces=ReconnectPolicy.lease_key_status,
    breaks=_BOTH_SUCCEED,
    origin="Samba before 4.22: bugs 15649 and 15651, a failed reconnect leaves the record spoilt",
)(_clobbers("After an attempt with a wrong lease key the right one does not bring the open back."))


# What a successful reconnect does.


@defect(
    "reconnect-new-persistent-id",
    replaces=DurableOpens.reclaim,
    breaks=_BOTH_SUCCEED,
    origin=_LIKELY + "a reconnect is carried out as a new open",
)
def _new_persistent_id(
    original: Callable[[Open, Request], None], self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected open has another persistent id."""
    table = self._server.global_open_table
    original(open_, request)
    del table[open_.durable_file_id]
    open_.durable_file_id = new_file_id(self._server.entropy, table)
    table[open_.durable_file_id] = open_
    request.file_id = open_.wire_file_id


@defect(
    "reconnect-gains-access",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.12-22"],
    origin=_LIKELY + "DesiredAccess of the reconnect is granted",
)
def _gains_access(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected open may do what the reconnect asks for."""
    original(open_, request)
    body = request.body
    if isinstance(body, CreateRequest):
        open_.granted_access |= body.desired_access


@defect(
    "reconnect-overwrites",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.12-22"],
    origin=_LIKELY + "the disposition of the reconnect is carried out",
)
def _overwrites(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnect that says OVERWRITE empties the file."""
    original(open_, request)
    body, content = request.body, open_.stream.content
    if isinstance(body, CreateRequest) and body.create_disposition in _OPTIONS and content is not None:
        content.truncate(0)


@defect(
    "reconnect-empties-the-file",
    replaces=DurableOpens.reclaim,
    breaks=_BOTH_SUCCEED,
    origin=_LIKELY + "the allocation that was asked for at first is applied again",
)
def _empties(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnect empties the file."""
    original(open_, request)
    if open_.stream.content is not None:
        open_.stream.content.truncate(0)


@defect(
    "reconnect-changes-the-lease",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02", "SMB2-3.3.5.9.7-18"],
    origin=_LIKELY + "the lease of the reconnect is processed as in any CREATE",
)
def _changes_the_lease(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected lease has the state that the reconnect asks for."""
    original(open_, request)
    body = request.body
    if isinstance(body, CreateRequest) and open_.lease is not None:
        asked = find(body.contexts, RequestLeaseV2, []) or find(body.contexts, RequestLease, [])
        if asked is not None:
            open_.lease.lease_state = asked.lease_state


@defect(
    "reconnect-is-read-only",
    replaces=DurableOpens.reclaim,
    breaks=_BOTH_SUCCEED,
    origin=_LIKELY + "the access is worked out anew from the attributes of the file",
)
def _is_read_only(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected open of a read-only file cannot be written through."""
    original(open_, request)
    read_only = open_.node.info().file_attributes & 1
    if read_only:
        open_.granted_access &= ~0x06


@defect(
    "reconnect-once",
    replaces=DurableOpens.reclaim,
    breaks=_BOTH_SUCCEED,
    origin=_LIKELY + "the response to a reconnect does not say that the open is durable, so it is not",
)
def _once(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected open is not durable any more."""
    original(open_, request)
    open_.is_durable = open_.is_persistent = False


@defect(
    "reconnect-to-the-old-session",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.7-23"],
    origin=_LIKELY + "the open is entered in the tables, and its breaks go by what it was opened on",
)
def _to_the_old_session(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """Breaks of a reconnected open go nowhere, and its tree does not close it."""
    original(open_, request)
    open_.client_guid = bytes(len(open_.client_guid))
    open_.tree_connect = None
    if open_.lease is not None:
        open_.lease.client_guid = open_.client_guid


@defect(
    "reconnect-epoch-lost",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.12-19"],
    origin=_LIKELY + "the epoch is not part of the record",
)
def _epoch_lost(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """A reconnected lease begins with an epoch of zero."""
    original(open_, request)
    if open_.lease is not None:
        open_.lease.epoch = 0


@defect(
    "reconnect-name-not-found",
    replaces=ReconnectPolicy.checks_v2,
    breaks=["SMB2-3.3.5.9.12-17"],
    origin=_LIKELY + "a leased file that is called otherwise is taken for another file",
)
def _name_not_found(original: Callable[[], Sequence[Check]], self: ReconnectPolicy) -> Sequence[Check]:
    """A wrong name is answered with OBJECT_NAME_NOT_FOUND."""

    def by_name(reconnect: Reconnect, open_: Open) -> Status:
        wrong = self.file_name_status(reconnect, open_) != Status.SUCCESS
        return Status.OBJECT_NAME_NOT_FOUND if wrong else Status.SUCCESS

    return (by_name, *original())


@defect(
    "reconnect-drops-other-channels",
    replaces=DurableOpens.reclaim,
    breaks=["SMB2-3.3.5.9.7-23"],
    origin=_LIKELY + "a client that comes back is taken to have one connection",
)
def _drops_other_channels(
    original: Callable[[Open, Request], None], _self: DurableOpens, open_: Open, request: Request
) -> None:
    """After a reconnect its connection is the only channel of the session."""
    original(open_, request)
    session = request.require_session()
    for connection in session.channel_list.connections():
        if connection is not request.connection:
            session.channel_list.remove(connection)
            connection.session_table.pop(session.session_id, None)
