"""The side that logs on: NTLMv2, raw or in SPNEGO ([MS-NLMP] 3.1.5.1, [RFC4178] 5, [MS-SPNG] 3.1.5)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from smbtorture_py.auth import ntlm_keys
from smbtorture_py.auth.credentials import AuthForm, Credentials, Entropy
from smbtorture_py.auth.ntlm_messages import (
    MIC_OFFSET,
    MIC_SIZE,
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
    NTLMSSP_OID,
    NegState,
    NegTokenInit,
    NegTokenResp,
    encode_mech_types,
)
from smbtorture_py.wire.filetime import to_filetime

CLIENT_FLAGS: Final = (
    NegotiateFlags.UNICODE
    | NegotiateFlags.REQUEST_TARGET
    | NegotiateFlags.SIGN
    | NegotiateFlags.SEAL
    | NegotiateFlags.NTLM
    | NegotiateFlags.ALWAYS_SIGN
    | NegotiateFlags.EXTENDED_SESSIONSECURITY
    | NegotiateFlags.TARGET_INFO
    | NegotiateFlags.VERSION
    | NegotiateFlags.KEY_128
    | NegotiateFlags.KEY_EXCH
    | NegotiateFlags.KEY_56
)
"""What the initiator asks for ([MS-NLMP] 3.1.5.1.1)."""

_NO_LM_RESPONSE: Final = bytes(24)
_ANONYMOUS_LM_RESPONSE: Final = bytes(1)
_NO_CHANNEL_BINDINGS: Final = bytes(16)


@dataclass(slots=True)
class InitiatorHooks:
    """Where an initiator can be made to misbehave; every hook gets the right value and returns what is used.

    In the order they are called: `credentials` (the ones of the AUTHENTICATE leg, asked when the challenge is
    there), `target_info` (the AV_PAIRs of the response, before it is computed), `authenticate` (the message
    before its MIC), `mic` (16 bytes of MIC, None leaves zeros; clear AvFlags.MIC_PRESENT in `target_info` to
    drop it properly), `mech_list_mic` (16 bytes, None leaves it out), `token` (leg number from 0 and the
    whole security buffer).
    """

    credentials: Callable[[Credentials], Credentials] | None = None
    target_info: Callable[[TargetInfo], TargetInfo] | None = None
    authenticate: Callable[[AuthenticateMessage], AuthenticateMessage] | None = None
    mic: Callable[[bytes], bytes | None] | None = None
    mech_list_mic: Callable[[bytes], bytes | None] | None = None
    token: Callable[[int, bytes], bytes] | None = None


class Initiator(Protocol):
    """One authentication from the client's side."""

    @property
    def complete(self) -> bool:
        """Tell whether the exchange ended well as far as the initiator can know."""

    @property
    def session_key(self) -> bytes:
        """The GSS session key, 16 bytes; empty until the AUTHENTICATE message was made."""

    @property
    def failure(self) -> str | None:
        """Say what the acceptor sent that cannot be gone on with; None while all is well."""

    def step(self, token: bytes | None) -> bytes | None:
        """Take the acceptor's token (None at the start), return the next one, None where there is none.

        Never raises: what is wrong with `token` is in `failure`.
        """


class NtlmInitiator:
    """Raw NTLMSSP: NEGOTIATE, then AUTHENTICATE; complete once that is made."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        entropy: Entropy,
        now: float,
        target_name: str = "",
        hooks: InitiatorHooks | None = None,
        flags: NegotiateFlags = CLIENT_FLAGS,
    ) -> None:
        self.credentials = credentials
        self.flags = flags
        self.session_key = b""
        self.complete = False
        self.failure: str | None = None
        self._entropy = entropy
        self._now = now
        self._target_name = target_name
        self._hooks = hooks or InitiatorHooks()
        self._negotiate: bytes | None = None

    def step(self, token: bytes | None) -> bytes | None:
        """Do one leg; see `Initiator.step`."""
        leg = 0 if self._negotiate is None else 1
        made = self.advance(token)
        if made is not None and self._hooks.token is not None:
            return self._hooks.token(leg, made)
        return made

    def advance(self, token: bytes | None) -> bytes | None:
        """Do one leg without the `token` hook, which belongs to the outermost form."""
        if self._negotiate is None:
            self._negotiate = NegotiateMessage(self.flags).encode()
            return self._negotiate
        if self.complete:
            if token:
                self.failure = f"{len(token)} bytes of token after the last one"
            return None
        try:
            return self._authenticate(token or b"")
        except TokenError as error:
            self.failure = str(error)
            return None

    def signer(self, *, is_server: bool) -> ntlm_keys.MessageSigner:
        """Return a fresh signer of one side; only after the AUTHENTICATE message was made."""
        return ntlm_keys.MessageSigner(self.flags, self.session_key, is_server=is_server)

    def _authenticate(self, challenge_token: bytes) -> bytes:
        """Make AUTHENTICATE_MESSAGE in the order of [MS-NLMP] 3.1.5.1.2."""
        challenge = ChallengeMessage.decode(challenge_token)
        if NegotiateFlags.EXTENDED_SESSIONSECURITY not in challenge.flags:
            raise TokenError("the acceptor offers no extended session security")
        if self._hooks.credentials is not None:
            self.credentials = self._hooks.credentials(self.credentials)
        credentials = self.credentials
        self.flags &= challenge.flags
        message = AuthenticateMessage(
            self.flags, credentials.user, credentials.domain, credentials.workstation, mic=bytes(MIC_SIZE)
        )
        if credentials.is_anonymous:
            message.flags |= NegotiateFlags.ANONYMOUS
            message.lm_response = _ANONYMOUS_LM_RESPONSE
            key_exchange_key = ntlm_keys.ZERO_KEY
        else:
            key_exchange_key = self._respond(message, challenge)
        protects = self.flags & (NegotiateFlags.SIGN | NegotiateFlags.SEAL)
        if NegotiateFlags.KEY_EXCH in self.flags and protects:
            self.session_key = self._entropy(ntlm_keys.KEY_SIZE)
            message.encrypted_session_key = ntlm_keys.rc4k(key_exchange_key, self.session_key)
        else:
            self.session_key = key_exchange_key
        if self._hooks.authenticate is not None:
            message = self._hooks.authenticate(message)
        token = message.encode()
        if message.mic is not None and self._has_mic(message):
            mic: bytes | None = ntlm_keys.hmac_md5(
                self.session_key, self._negotiate or b"", challenge_token, token
            )
            if mic is not None and self._hooks.mic is not None:
                mic = self._hooks.mic(mic)
            if mic is not None:
                token = token[:MIC_OFFSET] + mic + token[MIC_OFFSET + MIC_SIZE :]
        self.complete = True
        return token

    def _respond(self, message: AuthenticateMessage, challenge: ChallengeMessage) -> bytes:
        """Fill in both responses, return SessionBaseKey ([MS-NLMP] 3.3.2)."""
        target_info = TargetInfo(list(challenge.target_info.pairs))
        server_time = target_info.get(AvId.TIMESTAMP)
        if server_time is not None:
            target_info.flags |= AvFlags.MIC_PRESENT
        if NegotiateFlags.TARGET_INFO in self.flags:
            target_info.set(AvId.CHANNEL_BINDINGS, _NO_CHANNEL_BINDINGS)
            target_info.set(AvId.TARGET_NAME, self._target_name.encode("utf-16-le", "surrogatepass"))
        if self._hooks.target_info is not None:
            target_info = self._hooks.target_info(target_info)
        own_challenge = self._entropy(ntlm_keys.CHALLENGE_SIZE)
        timestamp = (
            to_filetime(self._now) if server_time is None else int.from_bytes(server_time[:8], "little")
        )
        blob = ClientChallenge(timestamp, own_challenge, target_info).encode()
        key = ntlm_keys.ntowf_v2(self.credentials.response_key(), message.user, message.domain)
        proof = ntlm_keys.nt_proof(key, challenge.server_challenge, blob)
        message.nt_response = proof + blob
        if server_time is None:
            lm_proof = ntlm_keys.hmac_md5(key, challenge.server_challenge, own_challenge)
            message.lm_response = lm_proof + own_challenge
        else:
            message.lm_response = _NO_LM_RESPONSE
        return ntlm_keys.hmac_md5(key, proof)

    @staticmethod
    def _has_mic(message: AuthenticateMessage) -> bool:
        if not message.nt_response:
            return False
        return AvFlags.MIC_PRESENT in message.client_challenge.target_info.flags


class SpnegoInitiator:
    """NTLMSSP in SPNEGO, mechListMIC both ways; complete once the acceptor said accept-completed.

    `mech_list_mic_verified` tells about the acceptor's mechListMIC: None where none came.
    """

    def __init__(
        self,
        inner: NtlmInitiator,
        hooks: InitiatorHooks | None = None,
        mech_types: tuple[bytes, ...] = (NTLMSSP_OID,),
    ) -> None:
        self.inner = inner
        self.complete = False
        self.mech_list_mic_verified: bool | None = None
        self._failure: str | None = None
        self._hooks = hooks or InitiatorHooks()
        self._mech_types = list(mech_types)
        self._leg = 0

    @property
    def session_key(self) -> bytes:
        """The GSS session key, 16 bytes; empty until the AUTHENTICATE message was made."""
        return self.inner.session_key

    @property
    def failure(self) -> str | None:
        """What the acceptor sent that cannot be gone on with."""
        return self._failure or self.inner.failure

    def step(self, token: bytes | None) -> bytes | None:
        """Do one leg; see `Initiator.step`."""
        try:
            made = self._start() if self._leg == 0 else self._answer(token or b"")
        except TokenError as error:
            self._failure = str(error)
            return None
        if made is not None and self._hooks.token is not None:
            made = self._hooks.token(self._leg, made)
        self._leg += 1
        return made

    def _start(self) -> bytes:
        # A token goes with the first mechanism only ([RFC4178] 4.2.1).
        optimistic = self.inner.advance(None) if self._mech_types[0] == NTLMSSP_OID else None
        return NegTokenInit(self._mech_types, optimistic).encode()

    def _answer(self, token: bytes) -> bytes | None:
        if self.inner.complete and not token:
            self.complete = True  # a server may end without a token ([MS-SPNG] 3.2.5)
            return None
        response = NegTokenResp.decode(token)
        if response.neg_state == NegState.REJECT:
            raise TokenError("the acceptor rejected the mechanisms")
        if self.complete:
            raise TokenError("a token after accept-completed")
        if self.inner.complete:
            self._finish(response)
            return None
        if response.supported_mech not in (None, NTLMSSP_OID):
            raise TokenError(f"the acceptor chose mechanism {(response.supported_mech or b'').hex()}")
        message = self.inner.advance(response.response_token)
        if message is None:
            return None
        if not self.inner.complete:
            return NegTokenResp(response_token=message).encode()
        mic: bytes | None = None
        if not self.inner.credentials.is_anonymous:
            mic = self.inner.signer(is_server=False).sign(encode_mech_types(self._mech_types))
            if self._hooks.mech_list_mic is not None:
                mic = self._hooks.mech_list_mic(mic)
        return NegTokenResp(response_token=message, mech_list_mic=mic).encode()

    def _finish(self, response: NegTokenResp) -> None:
        if response.mech_list_mic is not None:
            expected = self.inner.signer(is_server=True).sign(encode_mech_types(self._mech_types))
            self.mech_list_mic_verified = hmac.compare_digest(expected, response.mech_list_mic)
            if not self.mech_list_mic_verified:
                raise TokenError("the acceptor's mechListMIC is wrong")
        if response.neg_state not in (None, NegState.ACCEPT_COMPLETED):
            raise TokenError(f"negState {response.neg_state.name} where accept-completed was due")
        self.complete = True


def ntlm_initiator(
    credentials: Credentials,
    *,
    entropy: Entropy,
    now: float,
    form: AuthForm = AuthForm.SPNEGO,
    target_name: str = "",
    hooks: InitiatorHooks | None = None,
) -> NtlmInitiator | SpnegoInitiator:
    """Make an initiator for one authentication; a further one (reauthentication, bind) needs another.

    `entropy` is drawn from twice, 8 bytes of client challenge and 16 of session key; `now` (Unix seconds)
    counts only where the acceptor sends no MsvAvTimestamp; `target_name` is a service principal name, such as
    cifs/server.
    """
    inner = NtlmInitiator(credentials, entropy=entropy, now=now, target_name=target_name, hooks=hooks)
    return inner if form is AuthForm.RAW_NTLMSSP else SpnegoInitiator(inner, hooks)
