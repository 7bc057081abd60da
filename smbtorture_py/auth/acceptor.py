"""The side that is logged on to: NTLMv2, raw or in SPNEGO ([MS-NLMP] 3.2.5.1, [RFC4178] 5)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, TypeAlias

from smbtorture_py.auth import ntlm_keys
from smbtorture_py.auth.accounts import Account, AccountDatabase, AccountFlags, Identity
from smbtorture_py.auth.credentials import Entropy
from smbtorture_py.auth.ntlm_messages import (
    MIC_OFFSET,
    MIC_SIZE,
    SIGNATURE,
    AuthenticateMessage,
    AvFlags,
    AvId,
    ChallengeMessage,
    ClientChallenge,
    NegotiateFlags,
    NegotiateMessage,
    TargetInfo,
    TokenError,
)
from smbtorture_py.auth.spnego import (
    HINT_NAME,
    NTLMSSP_OID,
    NegState,
    NegTokenInit,
    NegTokenResp,
)
from smbtorture_py.wire.filetime import INTERVALS_PER_SECOND, to_filetime
from smbtorture_py.wire.status import Status

SEC_E_INVALID_TOKEN: Final = 0x80090308
"""What GSS_S_DEFECTIVE_TOKEN is on the wire ([MS-SMB2] 3.3.5.5.3)."""

_SUPPORTED_FLAGS: Final = (
    NegotiateFlags.UNICODE
    | NegotiateFlags.OEM
    | NegotiateFlags.SIGN
    | NegotiateFlags.SEAL
    | NegotiateFlags.EXTENDED_SESSIONSECURITY
    | NegotiateFlags.VERSION
    | NegotiateFlags.KEY_128
    | NegotiateFlags.KEY_EXCH
    | NegotiateFlags.KEY_56
)
_ALWAYS_FLAGS: Final = (
    NegotiateFlags.REQUEST_TARGET
    | NegotiateFlags.NTLM
    | NegotiateFlags.ALWAYS_SIGN
    | NegotiateFlags.TARGET_INFO
)
_NTLM_V1_SIZE: Final = 24
_MAX_LIFETIME: Final = 36 * 3600.0
_GUEST: Final = "Guest"
_SPNEGO_INIT: Final = 0x60

_ACCOUNT_STATUS: Final = (
    (AccountFlags.DISABLED, Status.ACCOUNT_DISABLED),
    (AccountFlags.LOCKED_OUT, Status.ACCOUNT_LOCKED_OUT),
    (AccountFlags.EXPIRED, Status.ACCOUNT_EXPIRED),
    (AccountFlags.PASSWORD_EXPIRED, Status.PASSWORD_EXPIRED),
)


@dataclass(slots=True, frozen=True)
class AcceptorConfig:
    """How an acceptor presents itself ([MS-NLMP] 3.2.1.1).

    `max_lifetime` is in seconds: how far the client's timestamp may be from `now`; None accepts any.
    """

    nb_computer_name: str = "REFERENCE"
    nb_domain_name: str = "WORKGROUP"
    dns_computer_name: str = "reference"
    dns_domain_name: str = ""
    is_domain_member: bool = False
    accepts_raw_ntlmssp: bool = True
    sends_timestamp: bool = True
    max_lifetime: float | None = _MAX_LIFETIME


@dataclass(slots=True, frozen=True)
class Continue:
    """Another leg is needed; `token` goes out with MORE_PROCESSING_REQUIRED."""

    token: bytes


@dataclass(slots=True, frozen=True)
class Accepted:
    """Somebody is logged on; `session_key` is the GSS key, 16 bytes, `token` goes out with SUCCESS."""

    identity: Identity
    session_key: bytes = field(repr=False)
    token: bytes = b""


@dataclass(slots=True, frozen=True)
class Refused:
    """Nobody is logged on: the status of the error response ([MS-SMB2] 3.3.5.5.3), and why in words."""

    status: int
    token: bytes = b""
    reason: str = ""
    is_null_session: bool = False
    """It was the anonymous user who is not let in."""


AcceptorResult: TypeAlias = Continue | Accepted | Refused


class _Refusal(Exception):
    """Ends a step with a status other than that of a defective token."""

    def __init__(self, status: int, reason: str, *, is_null_session: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.is_null_session = is_null_session


class _State(Enum):
    INITIAL = auto()
    NEGOTIATE = auto()
    AUTHENTICATE = auto()
    DONE = auto()


def initial_token() -> bytes:
    """Return the NegTokenInit2 that goes into a NEGOTIATE response ([MS-SPNG] 3.2.5.2, [MS-SMB2] 3.3.5.4)."""
    return NegTokenInit([NTLMSSP_OID], hint_name=HINT_NAME).encode()


class Acceptor:
    """One authentication from the server's side, SPNEGO or raw by the first token."""

    def __init__(
        self,
        accounts: AccountDatabase,
        *,
        entropy: Entropy,
        now: float,
        config: AcceptorConfig | None = None,
    ) -> None:
        """Take the accounts; `entropy` gives the 8-byte challenge, `now` (Unix seconds) the timestamp."""
        self._accounts = accounts
        self._config = config or AcceptorConfig()
        self._entropy = entropy
        self._now = now
        self._state = _State.INITIAL
        self._is_spnego = False
        self._needs_mech_list_mic = False
        self._raw_mech_types = b""
        self._negotiate = b""
        self._challenge = b""
        self._server_challenge = b""
        self._flags = NegotiateFlags.NONE

    def step(self, token: bytes) -> AcceptorResult:
        """Take the initiator's token; never raises, whatever the token is."""
        try:
            return self._step(bytes(token))
        except TokenError as error:
            return self._refuse(SEC_E_INVALID_TOKEN, str(error))
        except _Refusal as refusal:
            return self._refuse(refusal.status, str(refusal), is_null_session=refusal.is_null_session)

    def _refuse(self, status: int, reason: str, *, is_null_session: bool = False) -> Refused:
        self._state = _State.DONE
        token = NegTokenResp(NegState.REJECT).encode() if self._is_spnego else b""
        return Refused(status, token, reason, is_null_session)

    def _step(self, token: bytes) -> AcceptorResult:
        if self._state is _State.DONE:
            raise TokenError("a token after the last one")
        if self._state is _State.INITIAL:
            return self._first(token)
        if not self._is_spnego:
            return self._mechanism(token, None)
        response = NegTokenResp.decode(token)
        if response.neg_state == NegState.REJECT:
            raise _Refusal(Status.LOGON_FAILURE, "the initiator rejected the mechanism")
        if response.response_token is None:
            raise TokenError("no responseToken")
        return self._mechanism(response.response_token, response.mech_list_mic)

    def _first(self, token: bytes) -> AcceptorResult:
        self._state = _State.NEGOTIATE
        if token.startswith(SIGNATURE) and self._config.accepts_raw_ntlmssp:
            return self._mechanism(token, None)
        if not token or token[0] != _SPNEGO_INIT:
            raise TokenError("neither SPNEGO nor an accepted mechanism")
        init = NegTokenInit.decode(token)
        self._is_spnego = True
        if NTLMSSP_OID not in init.mech_types:
            raise _Refusal(Status.LOGON_FAILURE, "no mechanism in common")
        self._raw_mech_types = init.raw_mech_types
        # The preferred mechanism's token is no use to another one, whose choice needs the MIC ([RFC4178] 5).
        self._needs_mech_list_mic = init.mech_types[0] != NTLMSSP_OID
        if self._needs_mech_list_mic or init.mech_token is None:
            state = NegState.REQUEST_MIC if self._needs_mech_list_mic else NegState.ACCEPT_INCOMPLETE
            return Continue(NegTokenResp(state, NTLMSSP_OID).encode())
        return self._mechanism(init.mech_token, None)

    def _mechanism(self, message: bytes, mech_list_mic: bytes | None) -> AcceptorResult:
        if self._state is _State.NEGOTIATE:
            return self._challenge_for(message)
        self._state = _State.DONE
        identity, session_key = self._authenticate(message)
        if not self._is_spnego:
            return Accepted(identity, session_key)
        # With extended session security only; a guest's key is not known to both sides.
        signs = NegotiateFlags.EXTENDED_SESSIONSECURITY in self._flags and not identity.is_guest
        own_mic: bytes | None = None
        if signs and mech_list_mic is not None:
            expected = self._signer(session_key, is_server=False).sign(self._raw_mech_types)
            if not hmac.compare_digest(expected, mech_list_mic):
                raise TokenError("the mechListMIC is wrong")
            own_mic = self._signer(session_key, is_server=True).sign(self._raw_mech_types)
        elif self._needs_mech_list_mic and not identity.is_guest and not identity.is_anonymous:
            raise TokenError("no mechListMIC though the preferred mechanism was not taken")
        response = NegTokenResp(NegState.ACCEPT_COMPLETED, mech_list_mic=own_mic)
        return Accepted(identity, session_key, response.encode())

    def _signer(self, session_key: bytes, *, is_server: bool) -> ntlm_keys.MessageSigner:
        return ntlm_keys.MessageSigner(self._flags, session_key, is_server=is_server)

    def _challenge_for(self, token: bytes) -> Continue:
        """Make CHALLENGE_MESSAGE ([MS-NLMP] 3.2.5.1.1)."""
        requested = NegotiateMessage.decode(token).flags
        config = self._config
        self._flags = requested & _SUPPORTED_FLAGS | _ALWAYS_FLAGS
        if NegotiateFlags.UNICODE in self._flags:
            self._flags &= ~NegotiateFlags.OEM
        target_name = config.nb_computer_name
        if config.is_domain_member:
            self._flags |= NegotiateFlags.TARGET_TYPE_DOMAIN
            target_name = config.nb_domain_name
        else:
            self._flags |= NegotiateFlags.TARGET_TYPE_SERVER
        target_info = TargetInfo()
        target_info.add_text(AvId.NB_DOMAIN_NAME, config.nb_domain_name)
        target_info.add_text(AvId.NB_COMPUTER_NAME, config.nb_computer_name)
        target_info.add_text(AvId.DNS_DOMAIN_NAME, config.dns_domain_name)
        target_info.add_text(AvId.DNS_COMPUTER_NAME, config.dns_computer_name)
        if config.sends_timestamp:
            target_info.set(AvId.TIMESTAMP, to_filetime(self._now).to_bytes(8, "little"))
        self._server_challenge = self._entropy(ntlm_keys.CHALLENGE_SIZE)
        message = ChallengeMessage(self._flags, self._server_challenge, target_name, target_info)
        self._negotiate, self._challenge = token, message.encode()
        self._state = _State.AUTHENTICATE
        if not self._is_spnego:
            return Continue(self._challenge)
        return Continue(NegTokenResp(NegState.ACCEPT_INCOMPLETE, NTLMSSP_OID, self._challenge).encode())

    def _authenticate(self, token: bytes) -> tuple[Identity, bytes]:
        """Check AUTHENTICATE_MESSAGE in the order of [MS-NLMP] 3.2.5.1.2; return who, and the session key."""
        message = AuthenticateMessage.decode(token)
        if not message.user and not message.nt_response and message.lm_response in (b"", b"\0"):
            if not self._accounts.anonymous_allowed:
                raise _Refusal(Status.LOGON_FAILURE, "anonymous logon is not allowed", is_null_session=True)
            return Identity("", is_anonymous=True), self._exported_key(message, ntlm_keys.ZERO_KEY)
        account = self._accounts.find(message.user, message.domain)
        if account is None:
            if not self._accounts.guest_allowed:
                raise _Refusal(Status.LOGON_FAILURE, "unknown user")
            return Identity(_GUEST, is_guest=True), self._exported_key(message, ntlm_keys.ZERO_KEY)
        if len(message.nt_response) <= _NTLM_V1_SIZE:
            raise _Refusal(Status.LOGON_FAILURE, "NTLM version 1 and LM responses are not accepted")
        try:
            client_challenge = message.client_challenge
        except TokenError as error:
            raise _Refusal(Status.INVALID_PARAMETER, str(error)) from error
        session_base_key = self._check_response(message, account)
        for flag, status in _ACCOUNT_STATUS:
            if account.flags & flag:
                raise _Refusal(status, f"the account is {flag.name}")
        session_key = self._exported_key(message, session_base_key)
        if AvFlags.MIC_PRESENT in client_challenge.target_info.flags:
            self._check_mic(message, token, session_key)
        self._check_lifetime(client_challenge)
        config = self._config
        domain = config.nb_domain_name if config.is_domain_member else config.nb_computer_name
        return Identity(account.user, domain), session_key

    def _check_response(self, message: AuthenticateMessage, account: Account) -> bytes:
        """Compare NTProofStr; return SessionBaseKey."""
        proof = message.nt_response[: ntlm_keys.PROOF_SIZE]
        blob = message.nt_response[ntlm_keys.PROOF_SIZE :]
        # The empty domain: for clients that leave it out of the computation ([MS-NLMP] 3.2.5.1.2).
        for domain in (message.domain, ""):
            key = ntlm_keys.ntowf_v2(account.nt_hash, message.user, domain)
            expected = ntlm_keys.nt_proof(key, self._server_challenge, blob)
            if hmac.compare_digest(expected, proof):
                return ntlm_keys.hmac_md5(key, proof)
        raise _Refusal(Status.LOGON_FAILURE, "wrong response")

    def _exported_key(self, message: AuthenticateMessage, key_exchange_key: bytes) -> bytes:
        # What the AUTHENTICATE message says counts: an initiator may drop what the challenge offered.
        self._flags &= message.flags | _ALWAYS_FLAGS
        wanted = NegotiateFlags.KEY_EXCH in self._flags
        if not wanted or not self._flags & (NegotiateFlags.SIGN | NegotiateFlags.SEAL):
            return key_exchange_key
        if len(message.encrypted_session_key) != ntlm_keys.KEY_SIZE:
            raise TokenError(f"EncryptedRandomSessionKey of {len(message.encrypted_session_key)} bytes")
        return ntlm_keys.rc4k(key_exchange_key, message.encrypted_session_key)

    def _check_mic(self, message: AuthenticateMessage, token: bytes, session_key: bytes) -> None:
        if message.mic is None:
            raise TokenError("MsvAvFlags tells of a MIC that has no place in the message")
        zeroed = token[:MIC_OFFSET] + bytes(MIC_SIZE) + token[MIC_OFFSET + MIC_SIZE :]
        expected = ntlm_keys.hmac_md5(session_key, self._negotiate, self._challenge, zeroed)
        if not hmac.compare_digest(expected, message.mic):
            raise _Refusal(Status.LOGON_FAILURE, "the MIC is wrong")

    def _check_lifetime(self, client_challenge: ClientChallenge) -> None:
        limit = self._config.max_lifetime
        apart = abs(client_challenge.timestamp - to_filetime(self._now))
        if limit is not None and apart > limit * INTERVALS_PER_SECOND:
            raise _Refusal(Status.LOGON_FAILURE, "the timestamp is too far from now")


AcceptorFactory: TypeAlias = Callable[[float], Acceptor]
"""Makes an acceptor for one authentication that starts at the given time."""
