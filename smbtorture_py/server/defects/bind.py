"""Defects of the rules that a bind is judged by ([MS-SMB2] 3.3.5.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.encryption import EncryptionPolicy
from smbtorture_py.server.policies.session import SessionPolicy
from smbtorture_py.server.policies.signing import SigningPolicy
from smbtorture_py.server.session import SessionState
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.auth.accounts import Identity
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session
    from smbtorture_py.wire.session_setup import SessionSetupRequest


class Check(Protocol):
    """What takes the place of one of the checks of a bind."""

    def __call__(
        self,
        original: Callable[[Request, Session], Status],
        policy: BindPolicy,
        /,
        request: Request,
        session: Session,
    ) -> Status:
        """Check a bind, in place of `original`."""
        ...


def _fails_with(status: Status, sentence: str) -> Check:
    def fails(
        original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
    ) -> Status:
        return Status.SUCCESS if original(request, session) is Status.SUCCESS else status

    fails.__doc__ = sentence
    return fails


defect(
    "bind-unknown-session-refused-softly",
    replaces=BindPolicy.session_not_found_status,
    breaks=["SMB2-3.3.5.5-09"],
    origin="Samba: an unknown session is taken for one of another cluster node",
).always(
    Status.REQUEST_NOT_ACCEPTED,
    "A bind to a session that does not exist is not accepted, as if it might be later.",
)


defect(
    "bind-over-smb2-invalid",
    replaces=BindPolicy.not_served_status,
    breaks=["SMB2-3.3.5.5-25"],
    origin="chimera PR 658: binds of SMB 2 connections had another status",
).always(Status.INVALID_PARAMETER, "A bind over SMB 2 is an invalid parameter.")


@defect(
    "bind-served-while-off",
    replaces=BindPolicy.is_served,
    breaks=["SMB2-3.3.5.5-25"],
    origin="Samba 6a24cccd804: multichannel was announced while it was off",
)
def _served_while_off(
    original: Callable[[Connection], bool], self: BindPolicy, connection: Connection
) -> bool:
    """Binds are served although multichannel is off."""
    return connection.is_3x


defect(
    "bind-another-dialect-accepted",
    replaces=BindPolicy.dialect_status,
    breaks=["SMB2-3.3.5.5-10"],
    origin="plausible: keys of 3.0 and 3.0.2 are derived alike, so it seems to work",
).always(Status.SUCCESS, "The dialect of the connection is not compared with the session's.")


defect(
    "bind-another-dialect-denied",
    replaces=BindPolicy.dialect_status,
    breaks=["SMB2-3.3.5.5-10"],
    origin="Samba bug 14512 (7733f98f6): another dialect was answered with ACCESS_DENIED",
)(_fails_with(Status.ACCESS_DENIED, "A bind from a connection with another dialect is denied."))


defect(
    "bind-unsigned-accepted",
    replaces=BindPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.5-11", "SMB2-3.3.5.5-40"],
    origin="plausible: the one check of a bind that a correct client never shows to be missing",
).always(False, "A bind without a signature is accepted.")


defect(
    "bind-signature-not-verified",
    replaces=BindPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.5-17", "SMB2-3.3.5.5-18", "SMB2-3.3.5.5-40"],
    origin="ksmbd 3.5.4, chimera issue 955: the signature of a bind is not verified",
).always(True, "A bind with any signature is accepted.")


@defect(
    "bind-key-of-any-channel",
    replaces=BindPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.5-18"],
    origin="plausible: every key the session has is tried",
)
def _key_of_any_channel(
    original: Callable[[Request, Session], bool], self: BindPolicy, request: Request, session: Session
) -> bool:
    """A bind signed with the key of any channel is accepted."""
    signing = request.connection.server.policies.signing
    keys = [channel.signing_key for channel in session.channel_list]
    return original(request, session) or any(signing.signature_is_right(request, key) for key in keys)


@defect(
    "bind-later-legs-unchecked",
    replaces=BindPolicy.check,
    breaks=["SMB2-3.3.5.5-40"],
    origin="plausible: the checks are made where the exchange is set up, on its first leg",
)
def _later_legs_unchecked(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """Only the first leg of a bind is checked."""
    begun = session.session_id in request.connection.preauth_session_table
    return Status.SUCCESS if begun else original(request, session)


defect(
    "bind-client-guid-denied",
    replaces=BindPolicy.client_guid_status,
    breaks=["SMB2-3.3.5.5-12"],
    origin="plausible: the choice the text leaves is made, with a status it does not name",
)(_fails_with(Status.ACCESS_DENIED, "A bind from another ClientGuid is denied."))


defect(
    "bind-in-progress-unsigned",
    replaces=BindPolicy.in_progress_status,
    breaks=["SMB2-3.3.5.5-13"],
    origin="Samba: without a key the bind does not count as signed",
)(_fails_with(Status.INVALID_PARAMETER, "A bind to a session without a key is an invalid parameter."))


@defect(
    "bind-one-at-a-time",
    replaces=BindPolicy.in_progress_status,
    breaks=["SMB2-3.3.5.5-43", "SMB2-3.3.5.5-44"],
    origin="plausible: the authentication under way is kept in the session instead of the connection",
)
def _one_at_a_time(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """A session that is being authenticated on one connection is not bound on another."""
    others = (one for one in request.connection.server.connection_list if one is not request.connection)
    if any(session.session_id in other.preauth_session_table for other in others):
        return Status.REQUEST_NOT_ACCEPTED
    return original(request, session)


@defect(
    "bind-suspends-session",
    replaces=BindPolicy.check,
    breaks=["SMB2-3.3.5.5-43", "SMB2-3.3.5.5-47"],
    origin="plausible: a bind is handled like the authentication of a new session",
)
def _suspends_session(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """From the first leg of a bind to its last one the whole session counts as being set up."""
    begun = session.session_id in request.connection.preauth_session_table
    if begun:
        session.state = SessionState.VALID
    status = original(request, session)
    if status is Status.SUCCESS and not begun:
        session.state = SessionState.IN_PROGRESS
    return status


defect(
    "bind-expired-accepted",
    replaces=BindPolicy.expired_status,
    breaks=["SMB2-3.3.5.5-14"],
    origin="Samba: the bind of an expired session proceeds",
).always(Status.SUCCESS, "A session that has expired can be bound.")


defect(
    "bind-guest-invalid",
    replaces=BindPolicy.guest_status,
    breaks=["SMB2-3.3.5.5-15"],
    origin="Samba 4.17: a bind to a session without a key does not count as signed",
)(_fails_with(Status.INVALID_PARAMETER, "A bind to a guest or anonymous session is an invalid parameter."))


@defect(
    "bind-anonymous-only-refused",
    replaces=BindPolicy.guest_status,
    breaks=["SMB2-3.3.5.5-15"],
    origin="plausible: a guest has a name and looks like a user",
)
def _anonymous_only_refused(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """Only anonymous sessions are kept from being bound, guests are not."""
    return Status.SUCCESS if session.is_guest else original(request, session)


defect(
    "bind-again-accepted",
    replaces=BindPolicy.already_bound_status,
    breaks=["SMB2-3.3.5.5-16"],
    origin="dittofs issue 982, ksmbd: a second bind of a channel replaced the live one",
).always(Status.SUCCESS, "A channel can be bound again.")


@defect(
    "bind-again-unseats-channel",
    replaces=BindPolicy.already_bound_status,
    breaks=["SMB2-3.3.5.5-16", "SMB2-3.3.5.5-41"],
    origin="Samba 4.17: the failure of a second bind takes the channel out of the session",
)
def _again_unseats_channel(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """A second bind of a channel is refused, and the channel removed."""
    status = original(request, session)
    if status is not Status.SUCCESS:
        session.channel_list.remove(request.connection)
        request.connection.session_table.pop(session.session_id, None)
    return status


@defect(
    "bind-fresh-connections-only",
    replaces=BindPolicy.already_bound_status,
    breaks=["SMB2-3.3.5.5-45"],
    origin="plausible: a connection is thought to belong to one session",
)
def _fresh_connections_only(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """A connection that has a session cannot be bound to another."""
    return Status.REQUEST_NOT_ACCEPTED if request.connection.session_table else original(request, session)


@defect(
    "bind-another-cipher-spoils-keys",
    replaces=BindPolicy.cipher_status,
    breaks=["SMB2-3.3.5.5-41"],
    origin="plausible: the refused bind ends the session whose keys do not fit",
)
def _another_cipher_spoils_keys(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """A bind over another cipher takes the session's encryption keys away."""
    status = original(request, session)
    if status is not Status.SUCCESS:
        session.encryption_key = session.decryption_key = b""
    return status


@defect(
    "bind-one-channel-less",
    replaces=BindPolicy.channel_limit_status,
    breaks=["SMB2-3.3.5.5-33"],
    origin="plausible: the limit is compared after the channel has been counted",
)
def _one_channel_less(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """The last channel within the limit is refused."""
    full = len(session.channel_list) + 1 >= request.connection.server.config.max_channels
    return Status.INSUFFICIENT_RESOURCES if full else Status.SUCCESS


@defect(
    "bind-waits-for-acknowledgments",
    replaces=BindPolicy.channel_limit_status,
    breaks=["SMB2-3.3.5.5-46"],
    origin="plausible: a new channel is let in when the old ones are quiet",
)
def _waits_for_acknowledgments(
    original: Callable[[Request, Session], Status], self: BindPolicy, request: Request, session: Session
) -> Status:
    """A bind is refused while a channel of the session has data on its way."""
    channels = (channel.connection for channel in session.channel_list)
    if any(channel.bytes_acknowledged < channel.bytes_written for channel in channels):
        return Status.INSUFFICIENT_RESOURCES
    return original(request, session)


defect(
    "bind-another-user-accepted",
    replaces=BindPolicy.user_matches,
    breaks=["SMB2-3.3.5.5-19"],
    origin="Samba bug 14512 (4ab1b29d5), chimera issue 1061: the user of a bind is not compared",
).always(True, "Any user who can authenticate can bind a connection to a session.")


@defect(
    "bind-guests-match",
    replaces=BindPolicy.user_matches,
    breaks=["SMB2-3.3.5.5-19"],
    origin="plausible: guests and null sessions have no name to compare",
)
def _guests_match(
    original: Callable[[Session, Identity], bool], self: BindPolicy, session: Session, identity: Identity
) -> bool:
    """A guest or nobody can bind a connection to any session."""
    return identity.is_guest or identity.is_anonymous or original(session, identity)


defect(
    "bind-another-user-logon-failure",
    replaces=BindPolicy.user_mismatch_status,
    breaks=["SMB2-3.3.5.5-19"],
    origin="ksmbd until the end of 2025: another user was answered with LOGON_FAILURE",
).always(Status.LOGON_FAILURE, "A bind by another user is a logon failure.")


defect(
    "bind-failure-ends-session",
    replaces=BindPolicy.failure_removes_session,
    breaks=["SMB2-3.3.5.5-42", "SMB2-3.3.5.5-41", "SMB2-3.3.5.5-28"],
    origin="Samba bug 14512 (d95e90fe4), ksmbd until 2026: a wrong password ended the session",
).always(True, "A bind whose authentication fails ends the session.")


@defect(
    "bind-flag-not-needed",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.5-29"],
    origin="Samba bug 14512 (fd9191fb9), dittofs issue 660: authenticates the session of another connection",
)
def _flag_not_needed(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """SESSION_SETUP without the flag finds sessions of other connections."""
    if request.command == Command.SESSION_SETUP:
        return request.connection.server.global_session_table.get(request.session_id)
    return original(request)


@defect(
    "bind-serves-half-way",
    replaces=SessionPolicy.find_session,
    breaks=["SMB2-3.3.5.5-27"],
    origin="Samba 4.17: between the legs of a bind the connection serves the session already",
)
def _serves_half_way(
    original: Callable[[Request], Session | None], self: SessionPolicy, request: Request
) -> Session | None:
    """A connection serves the session from the first leg of its bind on."""
    connection = request.connection
    if request.session_id in connection.preauth_session_table:
        return connection.server.global_session_table.get(request.session_id)
    return original(request)


@defect(
    "bind-repeats-flags",
    replaces=SessionPolicy.session_flags,
    breaks=["SMB2-3.3.5.5-38"],
    origin="plausible: the flag says what the session could do",
)
def _repeats_flags(
    original: Callable[..., SessionFlags], self: SessionPolicy, session: Session, *, encrypt: bool
) -> SessionFlags:
    """The response to a bind says ENCRYPT_DATA where the session has keys for it."""
    flags = original(session, encrypt=encrypt)
    is_bound = len(session.channel_list) > 1 and session.encryption_key
    return flags | SessionFlags.ENCRYPT_DATA if is_bound else flags


@defect(
    "bind-keeps-previous-session",
    replaces=SessionPolicy.honours_previous_session,
    breaks=["SMB2-3.3.5.5.3-37"],
    origin="plausible: PreviousSessionId is looked at for new sessions only",
)
def _keeps_previous_session(
    original: Callable[..., bool],
    self: SessionPolicy,
    session: Session,
    previous: Session,
    *,
    requested_id: int,
) -> bool:
    """A bind does not end the session that PreviousSessionId names."""
    is_bound = len(session.channel_list) > 1
    return not is_bound and original(session, previous, requested_id=requested_id)


@defect(
    "bind-security-mode-ignored",
    replaces=SessionPolicy.signing_is_required,
    breaks=["SMB2-3.3.5.5.3-38"],
    origin="Samba 4.17: the SecurityMode of a bind changes nothing",
)
def _security_mode_ignored(
    original: Callable[[Connection, Session, SessionSetupRequest], bool],
    self: SessionPolicy,
    connection: Connection,
    session: Session,
    request: SessionSetupRequest,
) -> bool:
    """A bind does not make signing required."""
    is_bound = len(session.channel_list) > 1
    return session.signing_required if is_bound else original(connection, session, request)


@defect(
    "bind-security-mode-on-its-channel",
    replaces=SigningPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.5.3-38"],
    origin="plausible: whether signing is required is kept with the connection that asked for it",
)
def _security_mode_on_its_channel(
    original: Callable[[Request, Session], bool], self: SigningPolicy, request: Request, session: Session
) -> bool:
    """Signing that a bind made required is not required on the first channel."""
    is_first = session.connection is request.connection and len(session.channel_list) > 1
    return not is_first and original(request, session)


@defect(
    "bind-in-any-envelope",
    replaces=EncryptionPolicy.opening_session,
    breaks=["SMB2-3.3.5.2.1.1-03"],
    origin="Samba 4.17: an encrypted message is opened with the key of a session of other connections",
)
def _in_any_envelope(
    original: Callable[[Connection, int], Session | None],
    self: EncryptionPolicy,
    connection: Connection,
    session_id: int,
) -> Session | None:
    """Encrypted messages are opened with the keys of sessions of other connections."""
    return connection.server.global_session_table.get(session_id)


defect(
    "bind-notifications-differ",
    replaces=BindPolicy.notifications_status,
    breaks=["SMB2-3.3.5.5-20"],
    origin="plausible: a rule of 2021 that nobody looks for in an old place",
).always(Status.SUCCESS, "Channels of a session need not agree on notifications.")
