"""Defects of the ClientGuid: where it is looked at, and how it is compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.lease import LeasedName
from smbtorture_py.server.parts.create_guid_table import CreateGuidTable
from smbtorture_py.server.parts.lease_tables import LeaseTables
from smbtorture_py.server.policies.app_instance import AppInstancePolicy
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.reconnect import Reconnect, ReconnectPolicy
from smbtorture_py.server.policies.replay import ReplayPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.lease import Lease
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session

_LIKELY: Final = "plausible: "
_STRNCMP: Final = "ksmbd: ClientGuids are compared with strncmp"
_ALIKE: Final = "SMB2-3.3.1.7-10"
_ZERO: Final = bytes(16)


def _text(guid: bytes) -> bytes:
    """What strncmp sees of a ClientGuid."""
    return guid.partition(b"\0")[0]


# Binds.


@defect(
    "bind-client-guid-as-text",
    replaces=BindPolicy.client_guid_status,
    breaks=[_ALIKE],
    origin=_STRNCMP + " in fs/smb/server/smb2pdu.c",
)
def _bind_as_text(
    original: Callable[[Request, Session], Status], _self: BindPolicy, request: Request, session: Session
) -> Status:
    """A bind compares ClientGuids up to the first zero byte."""
    same = _text(request.connection.client_guid) == _text(session.connection.client_guid)
    return Status.SUCCESS if same else original(request, session)


@defect(
    "bind-client-guid-of-3-1-1-only",
    replaces=BindPolicy.client_guid_status,
    breaks=[_ALIKE],
    origin=_LIKELY + "the check was added with the rest of 3.1.1",
)
def _bind_of_3_1_1(
    original: Callable[[Request, Session], Status], _self: BindPolicy, request: Request, session: Session
) -> Status:
    """A bind compares ClientGuids over 3.1.1 only."""
    return original(request, session) if request.connection.is_311 else Status.SUCCESS


@defect(
    "bind-client-guid-zero-refused",
    replaces=BindPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.5-46", _ALIKE],
    origin=_LIKELY + "zero stands for a ClientGuid that was not given",
)
def _bind_zero_refused(
    original: Callable[[Request, Session], Status], _self: BindPolicy, request: Request, session: Session
) -> Status:
    """A connection whose ClientGuid is zero is not bound, to no session."""
    if request.connection.client_guid == _ZERO:
        return Status.INVALID_PARAMETER
    return original(request, session)


# Sessions.


@defect(
    "previous-session-of-the-same-client-only",
    replaces=SessionPolicy.honours_previous_session,
    breaks=["SMB2-3.3.5.5.3-30"],
    origin=_LIKELY + "a client is taken to name its own sessions only",
)
def _previous_of_same_client(
    original: Callable[..., bool],
    _self: SessionPolicy,
    session: Session,
    previous: Session,
    *,
    requested_id: int,
) -> bool:
    """PreviousSessionId is ignored where the ClientGuid is another."""
    same = session.connection.client_guid == previous.connection.client_guid
    return same and original(session, previous, requested_id=requested_id)


# Reconnects.

defect(
    "reconnect-client-guid-ignored",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07"],
    origin="dittofs #2725, #2660; Samba before 4.22: bug 15649, the ClientGuid is not compared",
).always(Status.SUCCESS, "An open with a lease comes back to any ClientGuid.")


@defect(
    "reconnect-client-guid-enforced",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-07", "SMB2-3.3.5.9.12-08"],
    origin=_LIKELY + "the ClientGuid is compared whatever the open rests on",
)
def _reconnect_enforced(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """An open with an oplock comes back to its own ClientGuid only."""
    del original
    same = open_.client_guid == reconnect.request.connection.client_guid
    return Status.SUCCESS if same else Status.OBJECT_NAME_NOT_FOUND


@defect(
    "reconnect-client-guid-as-text",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07", _ALIKE],
    origin=_STRNCMP + " when channels are bound",
)
def _reconnect_as_text(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """A reconnect compares ClientGuids up to the first zero byte."""
    same = _text(open_.client_guid) == _text(reconnect.request.connection.client_guid)
    return Status.SUCCESS if same else original(reconnect, open_)


@defect(
    "reconnect-client-guid-zero-is-anybody",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-06", "SMB2-3.3.5.9.12-07", _ALIKE],
    origin=_LIKELY + "zero stands for a ClientGuid that was not given",
)
def _reconnect_zero(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """A connection whose ClientGuid is zero gets any open back."""
    is_zero = reconnect.request.connection.client_guid == _ZERO
    return Status.SUCCESS if is_zero else original(reconnect, open_)


@defect(
    "reconnect-client-guid-by-version",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-06", _ALIKE],
    origin=_LIKELY + "the check was written for the second context",
)
def _reconnect_by_version(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """DHnC brings an open with a lease back to any ClientGuid."""
    return Status.SUCCESS if reconnect.version_2 is None else original(reconnect, open_)


@defect(
    "reconnect-by-another-client-clobbers",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    origin="Samba before 4.22: bug 15651 (6f7a4a87f)",
)
def _another_client_clobbers(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """After another client's vain attempt the owner's reconnect fails."""
    status = original(reconnect, open_)
    if reconnect.request.connection.client_guid != open_.client_guid:
        connected = open_.session is not None
        if status != Status.SUCCESS or connected:
            open_.is_durable = False
    return status


@defect(
    "reconnect-client-guid-zero-refused",
    replaces=ReconnectPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.9.7-01", "SMB2-3.3.5.9.12-02"],
    origin=_LIKELY + "who has no ClientGuid is taken to have no leases",
)
def _reconnect_zero_refused(
    original: Callable[[Reconnect, Open], Status], _self: ReconnectPolicy, reconnect: Reconnect, open_: Open
) -> Status:
    """A connection whose ClientGuid is zero gets no open back that has a lease."""
    if open_.lease is not None and reconnect.request.connection.client_guid == _ZERO:
        return Status.OBJECT_NAME_NOT_FOUND
    return original(reconnect, open_)


# Leases.


@defect(
    "lease-keys-of-all-clients",
    replaces=LeaseTables.find,
    breaks=["SMB2-3.3.5.9.8-03", "SMB2-3.3.5.22.2-04"],
    origin=_LIKELY + "one table of leases for the whole server",
)
def _keys_of_all(
    original: Callable[[bytes, bytes], Lease | None], self: LeaseTables, client_guid: bytes, lease_key: bytes
) -> Lease | None:
    """A lease is looked up by its key, whoever asks."""
    found = original(client_guid, lease_key)
    others = (lease for lease in self.leases() if lease.lease_key == lease_key)
    return found or next(others, None)


@defect(
    "lease-key-taken-by-another-client",
    replaces=LeaseTables.find,
    breaks=["SMB2-3.3.5.9.8-13", "SMB2-3.3.5.9.8-03"],
    origin=_LIKELY + "a lease key is taken to be unique",
)
def _key_taken(
    original: Callable[[bytes, bytes], Lease | None], self: LeaseTables, client_guid: bytes, lease_key: bytes
) -> Lease | None:
    """A lease key that another client uses is refused, for whichever file."""
    found = original(client_guid, lease_key)
    taken = next((lease for lease in self.leases() if lease.lease_key == lease_key), None)
    if found is not None or taken is None:
        return found
    return replace(taken, filename=LeasedName(taken.filename.storage, ("",)))


@defect(
    "lease-client-guid-as-text",
    replaces=LeaseTables.find,
    breaks=["SMB2-3.3.5.9.8-03", "SMB2-3.3.5.22.2-04", _ALIKE],
    origin=_STRNCMP + " when channels are bound",
)
def _lease_as_text(
    original: Callable[[bytes, bytes], Lease | None], self: LeaseTables, client_guid: bytes, lease_key: bytes
) -> Lease | None:
    """Tables of leases are looked up by what stands before the first zero byte of the ClientGuid."""
    found = original(client_guid, lease_key)
    same = (
        lease
        for lease in self.leases()
        if lease.lease_key == lease_key and _text(lease.client_guid) == _text(client_guid)
    )
    return found or next(same, None)


@defect(
    "lease-client-guid-zero-has-none",
    replaces=LeaseTables.find,
    breaks=["SMB2-3.3.5.9.8-03", "SMB2-3.3.5.9.8-06"],
    origin=_LIKELY + "zero stands for a ClientGuid that was not given",
)
def _zero_has_none(
    original: Callable[[bytes, bytes], Lease | None], _self: LeaseTables, client_guid: bytes, lease_key: bytes
) -> Lease | None:
    """A client whose ClientGuid is zero does not find its own leases."""
    return None if client_guid == _ZERO else original(client_guid, lease_key)


# CreateGuids.


@defect(
    "create-guids-of-all-clients",
    replaces=CreateGuidTable.find_eligible,
    breaks=["SMB2-3.3.5.9.10-02"],
    origin=_LIKELY + "a CreateGuid is taken to be unique",
)
def _create_guids_of_all(
    original: Callable[[bytes, bytes], Open | None],
    self: CreateGuidTable,
    client_guid: bytes,
    create_guid: bytes,
) -> Open | None:
    """The CreateGuid of another client is taken."""
    others = (one for one in self._opens.get(create_guid, ()) if one.is_replay_eligible)
    return original(client_guid, create_guid) or next(others, None)


@defect(
    "create-guid-client-guid-as-text",
    replaces=CreateGuidTable.find_eligible,
    breaks=["SMB2-3.3.5.9.10-02", _ALIKE],
    origin=_STRNCMP + " when channels are bound",
)
def _create_guid_as_text(
    original: Callable[[bytes, bytes], Open | None],
    self: CreateGuidTable,
    client_guid: bytes,
    create_guid: bytes,
) -> Open | None:
    """CreateGuids are looked up with what stands before the first zero byte of the ClientGuid."""
    same = (
        one
        for one in self._opens.get(create_guid, ())
        if one.is_replay_eligible and _text(one.client_guid) == _text(client_guid)
    )
    return original(client_guid, create_guid) or next(same, None)


@defect(
    "create-guids-of-a-session",
    replaces=ReplayPolicy.find_eligible,
    breaks=["SMB2-3.3.5.9.10-01", "SMB2-3.3.5.9-08"],
    origin="Samba: 9b5b63870f7, a replay from another session is taken for a first CREATE",
)
def _create_guids_of_a_session(
    original: Callable[[Request, bytes], Open | None],
    _self: ReplayPolicy,
    request: Request,
    create_guid: bytes,
) -> Open | None:
    """The CreateGuid that a client uses in another session is free."""
    found = original(request, create_guid)
    if found is None or found.session is None:
        return found
    return found if found.session is request.session else None


# Application instances.


@defect(
    "app-instance-client-guid-as-text",
    replaces=AppInstancePolicy.is_another_client,
    breaks=["SMB2-3.3.5.9.13-01", _ALIKE],
    origin=_STRNCMP + " when channels are bound",
)
def _app_instance_as_text(
    original: Callable[[Attempt, Open], bool], _self: AppInstancePolicy, attempt: Attempt, open_: Open
) -> bool:
    """An application instance compares ClientGuids up to the first zero byte."""
    here = attempt.request.connection.client_guid
    guid = open_.client_guid if open_.session is None else open_.session.connection.client_guid
    return original(attempt, open_) and _text(guid) != _text(here)
