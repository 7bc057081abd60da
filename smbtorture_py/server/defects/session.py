"""Defects of sessions: whom they belong to, when they end, and what ends with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from smbtorture_py.auth.acceptor import Accepted, Acceptor, Continue, Refused
from smbtorture_py.auth.accounts import Identity
from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.authenticator import Authenticator
from smbtorture_py.server.parts.channel_table import ChannelTable
from smbtorture_py.server.policies.asynchronous import AsyncPolicy
from smbtorture_py.server.policies.connection_loss import ConnectionLossPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.session_setup import SessionSetupFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.wire.session_setup import SessionSetupRequest

_KEY_SIZE: Final = 16


defect(
    "session-unknown-invalid-handle",
    replaces=SessionPolicy.session_not_found_status,
    breaks=["SMB2-3.3.5.2.9-01", "SMB2-3.3.5.6-01", "SMB2-3.3.5.6-03", "SMB2-3.3.5.5.2-06"],
    origin="plausible: an id that is not in a table is reported like a file handle",
).always(Status.INVALID_HANDLE, "A request of an unknown session fails with INVALID_HANDLE.")


defect(
    "session-setup-unknown-invalid-parameter",
    replaces=SessionPolicy.session_set_up_elsewhere_status,
    breaks=["SMB2-3.3.5.5-04", "SMB2-3.3.5.5-05", "SMB2-3.3.5.5.3-02"],
    origin="plausible: SESSION_SETUP treated like any request with a wrong field",
).always(Status.INVALID_PARAMETER, "SESSION_SETUP with an unknown SessionId fails with INVALID_PARAMETER.")


defect(
    "session-unfinished-served",
    replaces=SessionPolicy.in_progress_status,
    breaks=["SMB2-3.3.5.2.9-05", "SMB2-3.3.5.2.9-06"],
    origin="plausible: the session is in the table, and its state is not looked at",
).always(Status.SUCCESS, "A session can be used before its authentication is complete.")


defect(
    "session-unconstrained",
    replaces=SessionPolicy.constrained_ends_connection,
    breaks=["SMB2-3.3.5.2.9-08"],
    origin="Samba and ksmbd: ConstrainedConnection is not implemented",
).always(False, "A request before any logon does not end the connection.")


@defect(
    "session-outlives-failed-reauthentication",
    replaces=SessionPolicy.failed_authentication_removes_session,
    breaks=["SMB2-3.3.5.5.2-06"],
    origin="plausible: a failed SESSION_SETUP is answered and otherwise forgotten",
)
def _session_outlives_failed_reauthentication(
    original: Callable[..., bool], self: SessionPolicy, session: Session, *, is_new: bool
) -> bool:
    """A session lives on after a re-authentication with a wrong password."""
    return is_new and original(session, is_new=is_new)


@defect(
    "session-outlives-failed-logon",
    replaces=SessionPolicy.failed_authentication_removes_session,
    breaks=["SMB2-3.3.5.5.3-02"],
    origin="plausible: only the GSS context of a failed authentication is freed",
)
def _session_outlives_failed_logon(
    original: Callable[..., bool], self: SessionPolicy, session: Session, *, is_new: bool
) -> bool:
    """A new session can be authenticated again after a wrong password."""
    return not is_new and original(session, is_new=is_new)


@defect(
    "session-lifetime-not-renewed",
    replaces=SessionPolicy.expiration_time,
    breaks=["SMB2-3.3.5.5.3-16"],
    origin="plausible: ExpirationTime is set once, when the session is made",
)
def _session_lifetime_not_renewed(
    original: Callable[[Connection, float], float | None],
    self: SessionPolicy,
    connection: Connection,
    now: float,
) -> float | None:
    """A re-authentication does not move the time at which the session expires."""
    known = [
        session.expiration_time
        for session in connection.session_table.values()
        if session.expiration_time is not None
    ]
    return known[0] if known else original(connection, now)


defect(
    "session-expired-refuses-all",
    replaces=SessionPolicy.expired_status,
    breaks=["SMB2-3.3.5.2.9-03"],
    origin="Samba until 4.8, bug 13197: CLOSE, unlock and LOGOFF were refused after expiry, files stayed",
).always(Status.NETWORK_SESSION_EXPIRED, "An expired session can neither close, nor unlock, nor log off.")


@defect(
    "session-expired-is-deleted",
    replaces=SessionPolicy.expired_status,
    breaks=["SMB2-3.3.5.2.9-04"],
    origin="plausible: one status for every session that cannot be used; clients then lose their opens",
)
def _session_expired_is_deleted(
    original: Callable[[Request], Status], self: SessionPolicy, request: Request
) -> Status:
    """A request of an expired session fails with USER_SESSION_DELETED."""
    status = original(request)
    return Status.USER_SESSION_DELETED if status == Status.NETWORK_SESSION_EXPIRED else status


@defect(
    "session-expired-cannot-reauthenticate",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.5-08"],
    origin="ksmbd 3.5.4: SESSION_SETUP on an expired session fails",
)
def _session_expired_cannot_reauthenticate(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """An expired session cannot be authenticated again."""
    session = original(request)
    if (
        session is not None
        and session.state is SessionState.EXPIRED
        and request.command == Command.SESSION_SETUP
    ):
        return None
    return session


defect(
    "session-previous-of-anybody",
    replaces=SessionPolicy.is_same_user,
    breaks=["SMB2-3.3.5.5.3-32"],
    origin="plausible: whoever knows a SessionId ends the session; the comparison is easy to forget",
).always(True, "PreviousSessionId ends sessions of other users, too.")


defect(
    "session-previous-ignored",
    replaces=SessionPolicy.honours_previous_session,
    breaks=["SMB2-3.3.5.5.3-30", "SMB2-3.3.5.5.3-36"],
    origin="plausible: the field is not read, and what a client had open stays in its way",
).always(False, "PreviousSessionId ends no session.")


@defect(
    "session-previous-itself",
    replaces=SessionPolicy.honours_previous_session,
    breaks=["SMB2-3.3.5.5.3-34"],
    origin="Windows 7 and Windows Server 2008 R2, [MS-SMB2] note 294",
)
def _session_previous_itself(
    original: Callable[..., bool],
    self: SessionPolicy,
    session: Session,
    previous: Session,
    *,
    requested_id: int,
) -> bool:
    """A re-authentication that names its own session as the previous one ends it."""
    return self.is_same_user(session, previous)


defect(
    "session-client-dialect-not-compared",
    replaces=SessionPolicy.dialect_must_match_client,
    breaks=["SMB2-3.3.5.5.3-15"],
    origin="Samba and ksmbd: there is no GlobalClientTable",
).always(False, "A client may log on with two dialects at once.")


defect(
    "session-loss-keeps-opens",
    replaces=ConnectionLossPolicy.open_is_preserved,
    breaks=["SMB2-3.3.7.1-06", "SMB2-3.3.7.1-11", "SMB2-3.3.5.5.3-30"],
    origin="plausible: every open kept for a reconnect, as if it were durable",
).always(True, "Opens that are not durable outlive the session's last connection.")


defect(
    "session-logoff-keeps-opens",
    replaces=ConnectionLossPolicy.open_survives_logoff,
    breaks=["SMB2-3.3.5.6-06", "SMB2-3.3.5.6-08"],
    origin="plausible: LOGOFF frees the session only; what it had open is closed when the connection goes",
).always(True, "Opens that are not durable outlive LOGOFF.")


defect(
    "session-logoff-leaves-pending",
    replaces=AsyncPolicy.pending_requests_end_with_session,
    breaks=["SMB2-3.3.5.6-06", "SMB2-3.3.5.6-09", "SMB2-3.3.5.5.3-36"],
    origin="Samba until 4.2, bugs 10344 and 11182: what was pending was not answered when its session ended",
).always(False, "A request that is pending when its session ends gets no answer.")


defect(
    "session-expired-served",
    replaces=SessionPolicy.expired_status,
    breaks=["SMB2-3.3.5.2.9-04"],
    origin="Windows 7 and Windows Server 2008 R2 for signed requests, [MS-SMB2] note 271",
).always(Status.SUCCESS, "An expired session is served as before.")


defect(
    "session-lifetime-ignored",
    replaces=SessionPolicy.expiration_time,
    breaks=["SMB2-3.3.6.3-02", "SMB2-3.3.5.5.3-16"],
    origin="ksmbd: sessions do not expire with their tickets",
).always(None, "A session is valid for ever.")


defect(
    "session-previous-before-authentication",
    replaces=SessionPolicy.previous_session_needs_user,
    breaks=["SMB2-3.3.5.5.3-31"],
    origin="ksmbd: the old session is destroyed before the password is verified",
).always(False, "The previous session ends before anybody has shown who asks for that.")


defect(
    "session-previous-must-exist",
    replaces=SessionPolicy.no_previous_session_status,
    breaks=["SMB2-3.3.5.5.3-33"],
    origin="plausible: after its restart a server keeps everybody out who names a session of before",
).always(Status.USER_SESSION_DELETED, "A logon that names a previous session nobody knows fails.")


defect(
    "session-id-told-late",
    replaces=SessionPolicy.session_id_told,
    breaks=["SMB2-3.3.5.5.1-01", "SMB2-3.3.5.5.3-01"],
    origin="plausible: the SessionId is given with the session, when the authentication is complete",
).always(0, "A response that asks for more tokens has no SessionId.")


@defect(
    "session-id-of-connection",
    replaces=SessionPolicy.new_session_id,
    breaks=["SMB2-3.3.5.5.1-01"],
    origin="plausible: SessionIds counted for each connection; every one has a session number 1",
)
def _session_id_of_connection(
    original: Callable[[Connection], int], self: SessionPolicy, connection: Connection
) -> int:
    """SessionIds are unique on their connection only."""
    return len(connection.session_table) + 1


@defect(
    "session-refused-becomes-guest",
    replaces=Authenticator.step,
    breaks=["SMB2-3.3.5.5.3-02"],
    origin="Samba configured with map to guest = bad password, where nobody asked for it",
)
def _session_refused_becomes_guest(
    original: Callable[[Acceptor, bytes], Accepted | Continue | Refused],
    self: Authenticator,
    acceptor: Acceptor,
    token: bytes,
) -> Accepted | Continue | Refused:
    """Whoever cannot be authenticated becomes the guest."""
    result = original(acceptor, token)
    if isinstance(result, Refused):
        return Accepted(Identity("guest", is_guest=True), bytes(_KEY_SIZE), result.token or b"")
    return result


@defect(
    "session-binding-flag-before-id",
    replaces=SessionPolicy.new_session_status,
    breaks=["SMB2-3.3.5.5-03"],
    origin="Samba: BINDING is looked at before the SessionId, and nothing can be bound without one",
)
def _session_binding_flag_before_id(
    original: Callable[[SessionSetupRequest], Status], self: SessionPolicy, request: SessionSetupRequest
) -> Status:
    """A SESSION_SETUP with BINDING and without SessionId is refused."""
    if SessionSetupFlags.BINDING in SessionSetupFlags(request.flags):
        return Status.INVALID_PARAMETER
    return original(request)


defect(
    "session-unusable-during-reauthentication",
    replaces=SessionPolicy.reauthentication_suspends,
    breaks=["SMB2-3.3.5.5.2-02"],
    origin="Samba: a session that is being authenticated again serves nothing that takes a path",
).always(True, "A valid session cannot be used while it is being authenticated again.")


@defect(
    "session-logoff-of-everybody",
    replaces=SessionPolicy.sessions_to_log_off,
    breaks=["SMB2-3.3.5.6-01"],
    origin="plausible: a server that grew up with one session for each connection",
)
def _session_logoff_of_everybody(
    original: Callable[[Request], list[Session]], self: SessionPolicy, request: Request
) -> list[Session]:
    """LOGOFF ends every session of its connection."""
    return list(request.connection.session_table.values())


@defect(
    "session-logoff-of-the-client",
    replaces=SessionPolicy.sessions_to_log_off,
    breaks=["SMB2-3.3.5.6-01"],
    origin="Samba bug 14532: a LOGOFF on one connection took the other connections of its ClientGuid with it",
)
def _session_logoff_of_the_client(
    original: Callable[[Request], list[Session]], self: SessionPolicy, request: Request
) -> list[Session]:
    """LOGOFF ends every session of its ClientGuid."""
    server, client_guid = request.connection.server, request.connection.client_guid
    return [
        session
        for session in server.global_session_table.values()
        if session.connection.client_guid == client_guid
    ]


defect(
    "echo-without-session-answered",
    replaces=SessionPolicy.echo_without_session_ends_connection,
    breaks=["SMB2-3.3.5.17-01"],
    origin="Samba: an ECHO is answered on a connection without a session",
).always(False, "An ECHO is answered on a connection that has no session.")


defect(
    "session-outlives-last-connection",
    replaces=ConnectionLossPolicy.session_survives,
    breaks=["SMB2-3.3.7.1-06", "SMB2-3.3.7.1-07", "SMB2-3.3.7.1-11"],
    origin="ksmbd #432: the session was not destroyed when its last channel went",
).always(True, "A session lives on without any connection.")


@defect(
    "session-found-on-any-connection",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.2.9-02", "SMB2-3.3.5.5-04", "SMB2-3.3.5.5-29"],
    origin="ksmbd until commit b0da97c (2026): a connection reached every session of the server by its id; "
    "dittofs #660: SESSION_SETUP without BINDING for a session of another connection was served",
)
def _session_found_on_any_connection(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """A session can be used on any connection."""
    return request.connection.server.global_session_table.get(request.session_id)


@defect(
    "session-ends-on-one-connection",
    replaces=ChannelTable.connections,
    breaks=["SMB2-3.3.5.6-02", "SMB2-3.3.5.5.2-06"],
    origin="chimera #987: LOGOFF did not end the session on its other channels",
)
def _session_ends_on_one_connection(
    original: Callable[[], list[Connection]], self: ChannelTable
) -> list[Connection]:
    """A session that ends stays known on all connections but one."""
    return original()[:1]
