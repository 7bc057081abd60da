"""SESSION_SETUP ([MS-SMB2] 3.3.5.5): new sessions, bindings, re-authentication."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from smbtorture_py.auth.acceptor import Accepted, Acceptor, Continue, Refused
from smbtorture_py.server.loss import remove_session
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.session import Channel, PreauthSession, Session, SessionState
from smbtorture_py.wire.codec import Buffer
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.session_setup import SessionSetupRequest
from smbtorture_py.wire.status import Status, as_status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Tell a new session from a binding and from a re-authentication, and take the exchange one step
    further."""
    connection, policies, body = request.connection, server.policies, request.body
    if not isinstance(body, SessionSetupRequest):
        return Reply(Status.INVALID_PARAMETER)
    if request.asks_to_bind:
        _claim_session(request, policies.bind.find_session(request))
    status = policies.encryption.session_setup_status(request)
    if status != Status.SUCCESS:
        return Reply(status)
    if not request.session_id:
        status = policies.session.new_session_status(body)
        return Reply(status) if status != Status.SUCCESS else _new_session(server, request, body, now)
    if request.is_binding:
        return _bind(server, request, body, now)
    if request.asks_to_bind:
        return Reply(policies.bind.not_served_status(request))
    session = policies.session.find_session(request)
    if session is None:
        return Reply(policies.session.session_set_up_elsewhere_status())
    request.session = session
    exchange = connection.preauth_session_table.get(session.session_id)
    if exchange is None:
        if session.state is SessionState.VALID and not policies.session.reauthenticates(session):
            return Reply(Status.REQUEST_NOT_ACCEPTED)
        exchange = _reauthenticate(server, connection, session, now)
    return _authenticate(server, request, body, session, exchange, now)


def _acceptor(server: Server, now: float) -> Acceptor:
    return server.authenticator.begin(server.config, server.entropy, now)


def _new_session(server: Server, request: Request, body: SessionSetupRequest, now: float) -> Outcome:
    """Authenticate a new session (3.3.5.5.1)."""
    connection, policies = request.connection, server.policies
    if not policies.session.may_begin(connection):
        return Reply(Status.INSUFFICIENT_RESOURCES)
    session = Session(
        session_id=policies.session.new_session_id(connection),
        connection=connection,
        channel_list=server.parts.channel_table(),
        creation_time=now,
        idle_time=now,
        session_global_id=server.new_global_id(),
        cipher_id=policies.encryption.cipher_of(connection),
    )
    exchange = PreauthSession(
        session.session_id, _acceptor(server, now), is_binding=False, is_reauthentication=False
    )
    if connection.preauth_integrity_hash is not None:
        exchange.preauth_integrity_hash = server.preauth_hasher.start_session(
            connection.preauth_integrity_hash
        )
    server.global_session_table[session.session_id] = session
    connection.session_table[session.session_id] = session
    connection.preauth_session_table[session.session_id] = exchange
    request.session = session
    request.session_id = session.session_id
    return _authenticate(server, request, body, session, exchange, now)


def _bind(server: Server, request: Request, body: SessionSetupRequest, now: float) -> Outcome:
    """Bind this connection to a session (3.3.5.5); every leg passes every check."""
    connection, policies = request.connection, server.policies
    session = policies.bind.find_session(request)
    if session is None:
        return Reply(policies.bind.session_not_found_status())
    status = policies.bind.check(request, session)
    if status != Status.SUCCESS:
        return Reply(status)
    exchange = connection.preauth_session_table.get(session.session_id)
    if exchange is None:
        exchange = PreauthSession(
            session.session_id, _acceptor(server, now), is_binding=True, is_reauthentication=False
        )
        if connection.preauth_integrity_hash is not None:
            exchange.preauth_integrity_hash = server.preauth_hasher.start_bind(
                connection.preauth_integrity_hash
            )
        connection.preauth_session_table[session.session_id] = exchange
    return _authenticate(server, request, body, session, exchange, now)


def _claim_session(request: Request, session: Session | None) -> None:
    """Note the session of a bind: its response is signed like the request, refusals as well (3.3.4.1.1)."""
    request.session = session
    request.is_signed = request.header.has(HeaderFlags.SIGNED) and not request.is_encrypted


def _reauthenticate(server: Server, connection: Connection, session: Session, now: float) -> PreauthSession:
    """Begin to authenticate an existing session again (3.3.5.5.2)."""
    if session.state is SessionState.EXPIRED:
        session.security_context = None
    if server.policies.session.reauthentication_suspends(session):
        session.state = SessionState.IN_PROGRESS
    exchange = PreauthSession(
        session.session_id, _acceptor(server, now), is_binding=False, is_reauthentication=True
    )
    connection.preauth_session_table[session.session_id] = exchange
    return exchange


def _authenticate(
    server: Server,
    request: Request,
    body: SessionSetupRequest,
    session: Session,
    exchange: PreauthSession,
    now: float,
) -> Outcome:
    """Take the GSS exchange one step further (3.3.5.5.3)."""
    if exchange.preauth_integrity_hash is not None:
        server.preauth_hasher.session_setup_request(exchange.preauth_integrity_hash, request.raw)
    _end_previous_session(server, request, body, session, now, is_complete=False)
    result = server.authenticator.step(exchange.acceptor, bytes(body.security_buffer))
    match result:
        case Continue():
            request.session_id = server.policies.session.session_id_told(session)
            return Reply(
                Status.MORE_PROCESSING_REQUIRED,
                server.policies.session.response(result.token),
                on_encoded=_hash_response(server, exchange),
            )
        case Refused():
            status = as_status(server.policies.session.refusal_status(result))
            return _fail(
                server, request, session, exchange,
                status if isinstance(status, Status) else Status.LOGON_FAILURE, now,
            )  # fmt: skip
        case Accepted():
            return _succeed(server, request, body, session, exchange, result, now)


def _hash_response(server: Server, exchange: PreauthSession) -> Callable[[Sequence[Buffer]], None]:
    def take(parts: Sequence[Buffer]) -> None:
        if exchange.preauth_integrity_hash is not None:
            server.preauth_hasher.session_setup_response(exchange.preauth_integrity_hash, parts)

    return take


def _fail(
    server: Server, request: Request, session: Session, exchange: PreauthSession, status: Status, now: float
) -> Reply:
    """End an exchange that failed; what becomes of the session is the policy's to say (3.3.5.5.3)."""
    request.connection.preauth_session_table.pop(session.session_id, None)
    if exchange.is_binding:
        removes = server.policies.bind.failure_removes_session(session)
    else:
        removes = server.policies.session.failed_authentication_removes_session(
            session, is_new=not exchange.is_reauthentication
        )
    if removes:
        remove_session(server, session, now)
    return Reply(status)


def _succeed(
    server: Server,
    request: Request,
    body: SessionSetupRequest,
    session: Session,
    exchange: PreauthSession,
    accepted: Accepted,
    now: float,
) -> Outcome:
    """Do what follows the final message of an exchange (3.3.5.5.3), in the order of the text."""
    connection, policies = request.connection, server.policies
    is_new = not exchange.is_binding and not exchange.is_reauthentication
    # The name is only known now (erratum 8).
    if exchange.is_binding and not policies.bind.user_matches(session, accepted.identity):
        return _fail(server, request, session, exchange, policies.bind.user_mismatch_status(), now)
    if exchange.is_reauthentication:
        status = policies.session.reauthentication_user_status(session, accepted.identity)
        if status != Status.SUCCESS:
            return _fail(server, request, session, exchange, status, now)
    # Verify the dialect.
    if is_new and not _client_dialect_is_right(server, session):
        connection.preauth_session_table.pop(session.session_id, None)
        remove_session(server, session, now)
        return Reply(policies.session.client_dialect_status())
    # The channel.
    connection.session_table[session.session_id] = session
    channel = session.channel_list.find(connection)
    if channel is None:
        channel = Channel(connection, b"")
        session.channel_list.add(channel)
    # The user.
    if not exchange.is_binding:
        if session.security_context is None or not policies.session.keeps_security_context(session):
            session.security_context = accepted.identity
        session.user_name = session.security_context.user
        session.is_anonymous = session.security_context.is_anonymous
        session.is_guest = session.security_context.is_guest
    connection.constrained_connection &= policies.session.constrained_after(session)
    if not connection.constrained_connection:
        # Whoever has authenticated may have whole buffers for what is still to come.
        connection.reader.ahead = connection.reader.max_length
    # Session.SigningRequired, before encryption has its say.
    session.signing_required = policies.session.signing_is_required(connection, session, body)
    # The keys.
    preauth = exchange.preauth_integrity_hash.value if exchange.preauth_integrity_hash is not None else b""
    if policies.session.derives_keys(is_new=is_new, is_binding=exchange.is_binding):
        _set_keys(server, session, accepted.session_key, preauth)
    if exchange.is_binding and connection.dialect is not None:
        channel.signing_key = server.key_deriver.channel_signing_key(
            connection.dialect, server.key_deriver.session_key(accepted.session_key), preauth
        )
    elif policies.session.channel_takes_session_key(is_new=is_new):
        channel.signing_key = session.signing_key
    connection.preauth_session_table.pop(session.session_id, None)
    # Encryption of the session.
    encrypts = not exchange.is_binding and policies.encryption.session_is_encrypted(connection)
    if is_new or not policies.bind.encryption_is_kept(session):
        session.encrypt_data = encrypts
    if session.encrypt_data and not policies.session.encrypted_session_signs(session):
        session.signing_required = False
    flags = policies.session.session_flags(session, encrypt=encrypts)
    response = policies.session.response(accepted.token, flags)
    if not _end_previous_session(server, request, body, session, now, is_complete=True):
        return _fail(server, request, session, exchange, policies.session.no_previous_session_status(), now)
    session.state = SessionState.VALID
    session.expiration_time = policies.session.expiration_time(connection, now)
    if connection.is_311 and is_new:
        session.supports_notifications = connection.supports_notifications
    return Reply(Status.SUCCESS, response)


def _end_previous_session(
    server: Server,
    request: Request,
    body: SessionSetupRequest,
    session: Session,
    now: float,
    *,
    is_complete: bool,
) -> bool:
    """Remove the session that PreviousSessionId names, where it is to be removed (3.3.5.5.3); False where
    that fails the request."""
    policies = server.policies
    if not body.previous_session_id:
        return True
    previous = server.global_session_table.get(body.previous_session_id)
    if previous is None:
        return not is_complete or policies.session.no_previous_session_status() == Status.SUCCESS
    if is_complete:
        is_due = policies.session.honours_previous_session(
            session, previous, requested_id=request.header.session_id
        )
    else:
        is_due = not policies.session.previous_session_needs_user()
    if is_due:
        remove_session(server, previous, now, preserved=policies.connection_loss.open_is_preserved)
    return True


def _set_keys(server: Server, session: Session, full_session_key: bytes, preauth: bytes) -> None:
    """Derive the keys of a new session; before 3.0 the session key itself signs (3.3.5.5.3)."""
    connection = session.connection
    session.full_session_key = full_session_key
    session.session_key = server.key_deriver.session_key(full_session_key)
    if connection.dialect is None:
        return
    keys = server.key_deriver.session_keys(
        connection.dialect, session.session_key, full_session_key, preauth, session.cipher_id
    )
    session.signing_key = keys.signing_key
    session.signing_algorithm_id = server.signer.algorithm(connection)
    session.application_key = keys.application_key
    if server.policies.encryption.session_gets_keys(connection, session):
        session.encryption_key = keys.encryption_key_s2c
        session.decryption_key = keys.encryption_key_c2s


def _client_dialect_is_right(server: Server, session: Session) -> bool:
    """Compare with, or enter into, GlobalClientTable (3.3.5.5.3)."""
    connection = session.connection
    if connection.dialect is None or not server.policies.session.dialect_must_match_client(connection):
        return True
    client = server.global_client_table.get(connection.client_guid)
    if client is None:
        server.remember_client(connection.client_guid, connection.dialect)
        return True
    return client.dialect == connection.dialect
