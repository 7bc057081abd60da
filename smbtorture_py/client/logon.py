"""SESSION_SETUP from the client's side: new sessions, channels bound to one, re-authentication ([MS-SMB2]
3.2.5.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from smbtorture_py.auth.credentials import AuthForm, Credentials
from smbtorture_py.auth.initiator import Initiator, InitiatorHooks, ntlm_initiator
from smbtorture_py.client import receiving
from smbtorture_py.client.connection import Connection
from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.session import Channel, Session
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.crypto.kdf import derive_channel_signing_key, derive_session_keys, session_key_of
from smbtorture_py.crypto.preauth import PreauthIntegrityHash
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.session_setup import (
    SessionFlags,
    SessionSetupFlags,
    SessionSetupRequest,
    SessionSetupResponse,
)
from smbtorture_py.wire.status import Status

MAX_LEGS: Final = 10
"""More SESSION_SETUP requests than this in one authentication are not sent: the server would go on for
ever."""

LegTamper: TypeAlias = Tamper | Callable[[int], Tamper | None]
"""How to change the SESSION_SETUP requests: all alike, or each by its number (0 is the first)."""


@dataclass(slots=True, kw_only=True)
class LogonOptions:
    """What an authentication sends besides its tokens; None: what a correct client sends."""

    initiator: Initiator | None = None
    """Makes the tokens; None: NTLMv2 for the credentials, by `form` and `hooks`."""

    form: AuthForm = AuthForm.SPNEGO
    hooks: InitiatorHooks | None = None
    """Where the tokens can be made wrong."""

    flags: SessionSetupFlags | None = None
    security_mode: SecurityMode | None = None
    capabilities: Capabilities | None = None
    previous_session_id: int = 0
    session_id: int | None = None
    """SessionId in the header of the first request (later ones: what the server answered, unless this is
    set)."""

    sign: bool | None = None
    signing_key: bytes | None = None
    """Sign the requests with this key (None: Session.SigningKey, where signed at all)."""

    encrypt: bool | None = None
    token: Callable[[int, bytes | None], bytes | None] | None = None
    """Replaces tokens, whoever made them: (number of the request, the right token) -> the token to send,
    None: none."""

    tamper: LegTamper | None = None
    stop_after: int = MAX_LEGS
    """Send no more than so many requests: leaves the authentication in progress."""


@dataclass(slots=True, kw_only=True)
class LogonResult:
    """What came of an authentication."""

    connection: Connection
    exchanges: list[Exchange] = field(default_factory=list)
    session: Session | None = None
    """The session made, bound to or re-authenticated; None where the server did not say success."""

    channel: Channel | None = None
    """The session's channel on this connection; None where the server did not say success."""

    error: str | None = None
    """Why a correct client gives up although the server went on: a token it cannot accept, a missing or
    wrong signature.

    A session that the result holds all the same can be used, so that a case may look further."""

    session_id: int = 0
    """SessionId the server answered with, also where the authentication failed or was left in progress."""

    @property
    def status(self) -> Status | int | None:
        """Status of the last response; None where the connection was lost before one came."""
        return self.exchanges[-1].status


@dataclass(slots=True)
class _Logon:
    """One authentication in progress; the preauthentication hash is its own, so that a failed one leaves
    nothing behind."""

    connection: Connection
    credentials: Credentials
    options: LogonOptions

    def run(self, session: Session | None, *, binding: bool) -> Procedure[LogonResult]:
        """Exchange tokens until the server says success or an error ([MS-SMB2] 3.2.5.3)."""
        connection, options = self.connection, self.options
        initiator = options.initiator or ntlm_initiator(
            self.credentials,
            entropy=connection.entropy,
            now=connection.clock(),
            form=options.form,
            target_name=f"cifs/{connection.config.server_name}",
            hooks=options.hooks,
        )
        result = LogonResult(connection=connection)
        preauth = connection.preauth_integrity_hash.copy()
        session_id = session.session_id if session is not None else 0
        token = self._token(0, initiator.step(None))
        while token is not None and len(result.exchanges) < options.stop_after:
            if options.session_id is not None:
                session_id = options.session_id
            exchange = self._submit(len(result.exchanges), token, session, session_id, binding=binding)
            result.exchanges.append(exchange)
            yield exchange
            if exchange.response is None:
                return result
            result.session_id = session_id = exchange.response.header.session_id
            if exchange.status not in (Status.SUCCESS, Status.MORE_PROCESSING_REQUIRED):
                return result
            body = exchange.body(SessionSetupResponse)
            if body is None:
                result.error = "the response has no SESSION_SETUP body"
                return result
            preauth.update(exchange.request_bytes)
            if exchange.status == Status.MORE_PROCESSING_REQUIRED:
                preauth.update(exchange.response_bytes)
            token = self._token(len(result.exchanges), initiator.step(bytes(body.security_buffer)))
            if initiator.failure is not None:
                self._give_up(result, Rule.AUTHENTICATION, initiator.failure)
                return result
            if exchange.status == Status.SUCCESS:
                if not initiator.complete:
                    self._give_up(
                        result, Rule.AUTHENTICATION, "success before the authentication was complete"
                    )
                    return result
                self._finish(result, session, body, initiator.session_key, preauth)
                return result
        if token is None:
            self._give_up(
                result,
                Rule.AUTHENTICATION,
                "the server wants another token, the authentication is at its end",
            )
        return result

    def _token(self, leg: int, token: bytes | None) -> bytes | None:
        return token if self.options.token is None else self.options.token(leg, token)

    def _submit(
        self, leg: int, token: bytes, session: Session | None, session_id: int, *, binding: bool
    ) -> Exchange:
        options, connection = self.options, self.connection
        tamper = options.tamper(leg) if callable(options.tamper) else options.tamper
        if options.signing_key is not None:
            tamper = replace(tamper or Tamper(), signing_key=options.signing_key)
        flags, security_mode, capabilities = options.flags, options.security_mode, options.capabilities
        if flags is None:
            flags = SessionSetupFlags.BINDING if binding else SessionSetupFlags.NONE
        if security_mode is None:
            required = connection.config.require_message_signing
            security_mode = SecurityMode.SIGNING_REQUIRED if required else SecurityMode.SIGNING_ENABLED
        body = SessionSetupRequest(
            flags=flags,
            security_mode=security_mode,
            capabilities=Capabilities.DFS if capabilities is None else capabilities,
            previous_session_id=options.previous_session_id,
            security_buffer=token,
        )
        return connection.submit(
            body,
            session=session,
            session_id=session_id,
            sign=options.sign,
            encrypt=options.encrypt,
            tamper=tamper,
        )

    def _give_up(self, result: LogonResult, rule: Rule, problem: str) -> None:
        result.error = problem
        self.connection.violate(rule, problem, self.connection.clock(), result.exchanges[-1])

    def _finish(
        self,
        result: LogonResult,
        session: Session | None,
        body: SessionSetupResponse,
        gss_key: bytes,
        preauth: PreauthIntegrityHash,
    ) -> None:
        """Take over what a successful authentication gave, then verify its last response with the new key."""
        if session is None:
            session = self._new_session(result, body, gss_key, preauth)
        elif session.channel(self.connection) is None:
            self._new_channel(result, session, body, gss_key, preauth)
        else:
            session.user = self.credentials
        result.session = session
        result.channel = session.channel(self.connection)
        self._verify_last(result, session)

    def _new_session(
        self, result: LogonResult, body: SessionSetupResponse, gss_key: bytes, preauth: PreauthIntegrityHash
    ) -> Session:
        """Make the session and its first channel ([MS-SMB2] 3.2.5.3.1)."""
        connection, flags = self.connection, SessionFlags(body.session_flags)
        is_guest = bool(flags & SessionFlags.IS_GUEST)
        is_anonymous = bool(flags & SessionFlags.IS_NULL) or self.credentials.is_anonymous
        encrypts = connection.supports_encryption and not flags & (
            SessionFlags.IS_GUEST | SessionFlags.IS_NULL
        )
        session_key = session_key_of(gss_key)
        keys = derive_session_keys(
            connection.dialect,
            session_key,
            gss_key,
            preauth.value,
            connection.cipher if encrypts else Cipher.NONE,
        )
        session = Session(
            session_id=result.session_id,
            connection=connection,
            user=self.credentials,
            session_flags=flags,
            session_key=session_key,
            full_session_key=gss_key,
            signing_key=keys.signing_key,
            encryption_key=keys.encryption_key_c2s,
            decryption_key=keys.encryption_key_s2c,
            application_key=keys.application_key,
            preauth_integrity_hash_value=preauth.value,
            is_guest=is_guest,
            is_anonymous=is_anonymous,
        )
        session.encrypt_data = connection.is_smb3 and bool(flags & SessionFlags.ENCRYPT_DATA)
        session.signing_required = (
            (self._requires_signing() or connection.require_signing)
            and not is_guest
            and not is_anonymous
            and not session.encrypt_data
        )
        session.channel_list.append(Channel(connection, keys.signing_key))
        connection.session_table[session.session_id] = session
        if is_guest and connection.config.require_message_signing:
            result.error = "a guest session, but RequireMessageSigning is set"
        return session

    def _requires_signing(self) -> bool:
        """RequireMessageSigning, or what this authentication or its NEGOTIATE told the server about it."""
        connection = self.connection
        told = connection.client_security_mode | (self.options.security_mode or SecurityMode.NONE)
        return connection.config.require_message_signing or SecurityMode.SIGNING_REQUIRED in told

    def _new_channel(
        self,
        result: LogonResult,
        session: Session,
        body: SessionSetupResponse,
        gss_key: bytes,
        preauth: PreauthIntegrityHash,
    ) -> None:
        """Put the connection into the session's channel list, with a signing key of its own ([MS-SMB2]
        3.2.5.3.3)."""
        connection = self.connection
        key = derive_channel_signing_key(connection.dialect, session_key_of(gss_key), preauth.value)
        session.channel_list.append(Channel(connection, key))
        connection.session_table[session.session_id] = session
        if SessionFlags(body.session_flags) & SessionFlags.IS_GUEST:
            self._give_up(result, Rule.BINDING, "the session was bound as guest")
        if result.session_id != session.session_id:
            self._give_up(
                result,
                Rule.BINDING,
                f"bound SessionId {result.session_id:#x}, asked for {session.session_id:#x}",
            )

    def _verify_last(self, result: LogonResult, session: Session) -> None:
        """Verify the last response: 3.1.1 wants it signed ([MS-SMB2] 3.2.5.3.1), a signature must be right
        (3.2.5.1.3)."""
        connection, exchange = self.connection, result.exchanges[-1]
        if exchange.decrypted:
            return
        if exchange.response_signed:
            key = session.signing_key_for(connection)
            if not receiving.verify(connection, exchange, key, connection.clock()):
                result.error = "the signature of the last response is wrong"
        elif session.is_guest or session.is_anonymous or self.credentials.is_anonymous:
            return
        elif connection.dialect >= Dialect.SMB_3_1_1:
            self._give_up(result, Rule.LOGON_NOT_SIGNED, "the last response is not signed")
        elif exchange.is_signed_right:
            self._give_up(result, Rule.NOT_SIGNED, "the request was signed, the last response is not")


def session_setup(
    connection: Connection, credentials: Credentials, options: LogonOptions | None = None
) -> Procedure[LogonResult]:
    """Authenticate a new session ([MS-SMB2] 3.2.4.2.3, 3.2.5.3.1)."""
    logon = _Logon(connection, credentials, options or LogonOptions())
    return (yield from logon.run(None, binding=False))


def bind(
    session: Session,
    connection: Connection,
    credentials: Credentials | None = None,
    options: LogonOptions | None = None,
) -> Procedure[LogonResult]:
    """Bind `connection` to `session` as a new channel of it ([MS-SMB2] 3.2.4.2.3, 3.2.5.3.3).

    `credentials` None: those of the session. The requests carry the BINDING flag, the session's SessionId and
    a signature with Session.SigningKey, unless `options` says otherwise. A failed bind leaves no trace on the
    session or the connection: the preauthentication hash belongs to the attempt.
    """
    logon = _Logon(connection, credentials or session.user, options or LogonOptions())
    return (yield from logon.run(session, binding=True))


def reauthenticate(
    session: Session,
    credentials: Credentials | None = None,
    options: LogonOptions | None = None,
    *,
    connection: Connection | None = None,
) -> Procedure[LogonResult]:
    """Authenticate an established session again, on any of its channels; its keys stay ([MS-SMB2]
    3.2.5.3.2)."""
    logon = _Logon(
        connection or session.selected_connection, credentials or session.user, options or LogonOptions()
    )
    return (yield from logon.run(session, binding=False))
