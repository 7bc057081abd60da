"""Initiator and acceptor against each other, in every form."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from smbtorture_py.auth.acceptor import (
    SEC_E_INVALID_TOKEN,
    Accepted,
    Acceptor,
    AcceptorConfig,
    AcceptorResult,
    Continue,
    Refused,
    initial_token,
)
from smbtorture_py.auth.accounts import Account, AccountFlags, Accounts, Identity
from smbtorture_py.auth.credentials import ANONYMOUS, AuthForm, Credentials
from smbtorture_py.auth.initiator import (
    Initiator,
    InitiatorHooks,
    NtlmInitiator,
    SpnegoInitiator,
    ntlm_initiator,
)
from smbtorture_py.auth.ntlm_keys import nt_hash_of
from smbtorture_py.auth.ntlm_messages import AuthenticateMessage, AvFlags, NegotiateFlags, TargetInfo
from smbtorture_py.auth.spnego import (
    HINT_NAME,
    KRB5_OID,
    MS_KRB5_OID,
    NTLMSSP_OID,
    NegState,
    NegTokenInit,
    NegTokenResp,
)
from smbtorture_py.wire.status import Status

NOW = 1_767_225_600.0
ALICE = Credentials("alice", "pässwörd", domain="WORKGROUP", workstation="WS")
FORMS = list(AuthForm)


def entropy(seed: int) -> Callable[[int], bytes]:
    return random.Random(seed).randbytes


def accounts(**options: bool) -> Accounts:
    return Accounts(
        [
            Account.with_password("Alice", "pässwörd"),
            Account.with_password("disabled", "x", AccountFlags.DISABLED),
            Account.with_password("locked", "x", AccountFlags.LOCKED_OUT),
            Account.with_password("expired", "x", AccountFlags.EXPIRED),
            Account.with_password("old", "x", AccountFlags.PASSWORD_EXPIRED),
        ],
        **options,
    )


def acceptor(known: Accounts | None = None, config: AcceptorConfig | None = None) -> Acceptor:
    return Acceptor(known or accounts(), entropy=entropy(2), now=NOW, config=config)


def initiator(
    credentials: Credentials, form: AuthForm = AuthForm.SPNEGO, hooks: InitiatorHooks | None = None
) -> NtlmInitiator | SpnegoInitiator:
    return ntlm_initiator(
        credentials, entropy=entropy(1), now=NOW, form=form, target_name="cifs/reference", hooks=hooks
    )


def exchange(client: Initiator, server: Acceptor) -> AcceptorResult:
    """Run legs until the acceptor decides; hand its last token to the initiator."""
    token = client.step(None)
    for _ in range(5):
        assert token is not None, client.failure
        result = server.step(token)
        if not isinstance(result, Continue):
            if isinstance(result, Accepted):
                client.step(result.token)
            return result
        token = client.step(result.token)
    raise AssertionError("no end")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("timestamp", [True, False])
@pytest.mark.parametrize(
    "credentials",
    [
        ALICE,
        Credentials("ALICE", "pässwörd"),
        Credentials("aLiCe", nt_hash=nt_hash_of("pässwörd"), domain="workgroup"),
        Credentials("alice@example.test", "pässwörd"),
    ],
    ids=["password", "no-domain", "nt-hash", "upn"],
)
def test_right_secret(form: AuthForm, timestamp: bool, credentials: Credentials) -> None:
    client = initiator(credentials, form)
    result = exchange(client, acceptor(config=AcceptorConfig(sends_timestamp=timestamp)))
    assert isinstance(result, Accepted)
    assert result.identity == Identity("Alice", "REFERENCE")
    assert result.session_key == client.session_key
    assert len(result.session_key) == 16
    assert client.complete
    assert client.failure is None
    if isinstance(client, SpnegoInitiator):
        assert client.mech_list_mic_verified is True


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("credentials", "status"),
    [
        (replace(ALICE, password="wrong"), Status.LOGON_FAILURE),
        (Credentials("nobody", "x"), Status.LOGON_FAILURE),
        (Credentials("disabled", "x"), Status.ACCOUNT_DISABLED),
        (Credentials("disabled", "y"), Status.LOGON_FAILURE),
        (Credentials("locked", "x"), Status.ACCOUNT_LOCKED_OUT),
        (Credentials("expired", "x"), Status.ACCOUNT_EXPIRED),
        (Credentials("old", "x"), Status.PASSWORD_EXPIRED),
        (ANONYMOUS, Status.LOGON_FAILURE),
    ],
)
def test_refused(form: AuthForm, credentials: Credentials, status: Status) -> None:
    client = initiator(credentials, form)
    result = exchange(client, acceptor())
    assert isinstance(result, Refused)
    assert result.status == status
    if form is AuthForm.SPNEGO:
        assert not client.complete


@pytest.mark.parametrize("form", FORMS)
def test_guest(form: AuthForm) -> None:
    """Who is unknown becomes the guest where that is allowed; a wrong password never does."""
    result = exchange(initiator(Credentials("nobody", "x"), form), acceptor(accounts(guest_allowed=True)))
    assert isinstance(result, Accepted)
    assert result.identity == Identity("Guest", is_guest=True)
    wrong = exchange(initiator(replace(ALICE, password="x"), form), acceptor(accounts(guest_allowed=True)))
    assert isinstance(wrong, Refused)


@pytest.mark.parametrize("form", FORMS)
def test_anonymous(form: AuthForm) -> None:
    client = initiator(ANONYMOUS, form)
    result = exchange(client, acceptor(accounts(anonymous_allowed=True)))
    assert isinstance(result, Accepted)
    assert result.identity == Identity("", is_anonymous=True)
    assert result.session_key == client.session_key
    assert client.complete


def test_domains() -> None:
    known = Accounts([Account.with_password("alice", "p")], domains=["Example"])
    assert isinstance(
        exchange(initiator(Credentials("alice", "p", domain="EXAMPLE")), acceptor(known)), Accepted
    )
    assert isinstance(exchange(initiator(Credentials("alice", "p")), acceptor(known)), Accepted)
    assert isinstance(
        exchange(initiator(Credentials("alice", "p", domain="OTHER")), acceptor(known)), Refused
    )


def test_domain_member_is_seen_in_challenge_and_identity() -> None:
    config = AcceptorConfig(is_domain_member=True, nb_domain_name="EXAMPLE")
    result = exchange(initiator(ALICE), acceptor(config=config))
    assert isinstance(result, Accepted)
    assert result.identity.domain == "EXAMPLE"


def test_a_client_may_leave_the_domain_out_of_the_response() -> None:
    def forget(message: AuthenticateMessage) -> AuthenticateMessage:
        message.domain = "SOMEWHERE"  # computed with "", sent with a name ([MS-NLMP] 3.2.5.1.2)
        return message

    client = initiator(Credentials("alice", "pässwörd"), hooks=InitiatorHooks(authenticate=forget))
    assert isinstance(exchange(client, acceptor()), Accepted)


def test_raw_ntlmssp_can_be_refused() -> None:
    server = acceptor(config=AcceptorConfig(accepts_raw_ntlmssp=False))
    result = exchange(initiator(ALICE, AuthForm.RAW_NTLMSSP), server)
    assert isinstance(result, Refused)
    assert result.status == SEC_E_INVALID_TOKEN


def test_hint_of_the_negotiate_response() -> None:
    hint = NegTokenInit.decode(initial_token())
    assert hint.mech_types == [NTLMSSP_OID]
    assert hint.hint_name == HINT_NAME
    assert hint.mech_token is None


def drop_mic_flag(info: TargetInfo) -> TargetInfo:
    info.flags &= ~AvFlags.MIC_PRESENT
    return info


def flip(data: bytes) -> bytes:
    return bytes((data[0] ^ 1,)) + data[1:]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("hooks", "status"),
    [
        (InitiatorHooks(target_info=drop_mic_flag), None),
        (InitiatorHooks(mic=flip), Status.LOGON_FAILURE),
        (InitiatorHooks(mic=lambda _: None), Status.LOGON_FAILURE),
        (InitiatorHooks(credentials=lambda _: Credentials("nobody", "x")), Status.LOGON_FAILURE),
        (InitiatorHooks(token=lambda leg, token: b"garbage" if leg == 0 else token), SEC_E_INVALID_TOKEN),
        (InitiatorHooks(token=lambda leg, token: b"" if leg == 1 else token), SEC_E_INVALID_TOKEN),
    ],
    ids=["no-mic-announced", "wrong-mic", "zero-mic", "other-user", "bad-first-token", "empty-second-token"],
)
def test_tampering(form: AuthForm, hooks: InitiatorHooks, status: int | None) -> None:
    result = exchange(initiator(ALICE, form, hooks), acceptor())
    if status is None:
        assert isinstance(result, Accepted)
    else:
        assert isinstance(result, Refused)
        assert result.status == status


def test_mech_list_mic() -> None:
    wrong = exchange(initiator(ALICE, hooks=InitiatorHooks(mech_list_mic=flip)), acceptor())
    assert isinstance(wrong, Refused)
    assert wrong.status == SEC_E_INVALID_TOKEN
    client = initiator(ALICE, hooks=InitiatorHooks(mech_list_mic=lambda _: None))
    assert isinstance(exchange(client, acceptor()), Accepted)
    assert isinstance(client, SpnegoInitiator)
    assert client.mech_list_mic_verified is None, "an acceptor answers only a MIC it was sent"


def test_initiator_sees_a_wrong_mech_list_mic() -> None:
    client, server = initiator(ALICE), acceptor()
    challenge = server.step(client.step(None) or b"")
    assert isinstance(challenge, Continue)
    result = server.step(client.step(challenge.token) or b"")
    assert isinstance(result, Accepted)
    response = NegTokenResp.decode(result.token)
    response.mech_list_mic = flip(response.mech_list_mic or b"")
    assert client.step(response.encode()) is None
    assert not client.complete
    assert client.failure is not None


def test_other_preferred_mechanism_needs_the_mech_list_mic() -> None:
    def run(hooks: InitiatorHooks | None) -> AcceptorResult:
        inner = NtlmInitiator(ALICE, entropy=entropy(1), now=NOW)
        client = SpnegoInitiator(inner, hooks, (MS_KRB5_OID, KRB5_OID, NTLMSSP_OID))
        return exchange(client, acceptor())

    assert isinstance(run(None), Accepted)
    refused = run(InitiatorHooks(mech_list_mic=lambda _: None))
    assert isinstance(refused, Refused)
    assert refused.status == SEC_E_INVALID_TOKEN


def test_no_common_mechanism() -> None:
    result = acceptor().step(NegTokenInit([KRB5_OID], b"ticket").encode())
    assert isinstance(result, Refused)
    assert NegTokenResp.decode(result.token).neg_state is NegState.REJECT


@pytest.mark.parametrize("size", [0, 24])
def test_old_responses_are_refused(size: int) -> None:
    def shorten(message: AuthenticateMessage) -> AuthenticateMessage:
        message.nt_response = message.nt_response[:size]
        message.mic = None
        return message

    result = exchange(initiator(ALICE, hooks=InitiatorHooks(authenticate=shorten)), acceptor())
    assert isinstance(result, Refused)
    assert result.status == Status.LOGON_FAILURE


@pytest.mark.parametrize("keep", [25, 43, 60])
def test_malformed_client_challenge(keep: int) -> None:
    def cut(message: AuthenticateMessage) -> AuthenticateMessage:
        message.nt_response = message.nt_response[:keep]
        message.mic = None
        return message

    result = exchange(initiator(ALICE, hooks=InitiatorHooks(authenticate=cut)), acceptor())
    assert isinstance(result, Refused)
    assert result.status == Status.INVALID_PARAMETER


def test_session_key_of_a_wrong_size() -> None:
    def cut(message: AuthenticateMessage) -> AuthenticateMessage:
        message.encrypted_session_key = message.encrypted_session_key[:15]
        return message

    result = exchange(initiator(ALICE, hooks=InitiatorHooks(authenticate=cut)), acceptor())
    assert isinstance(result, Refused)
    assert result.status == SEC_E_INVALID_TOKEN


@pytest.mark.parametrize(
    "dropped",
    [
        NegotiateFlags.KEY_EXCH,
        NegotiateFlags.KEY_128,
        NegotiateFlags.VERSION,
        NegotiateFlags.SIGN | NegotiateFlags.SEAL,
        NegotiateFlags.UNICODE,
    ],
)
@pytest.mark.parametrize("form", FORMS)
def test_fewer_flags(dropped: NegotiateFlags, form: AuthForm) -> None:
    client = initiator(ALICE, form)
    (client.inner if isinstance(client, SpnegoInitiator) else client).flags &= ~dropped
    result = exchange(client, acceptor())
    assert isinstance(result, Accepted)
    assert result.session_key == client.session_key


def test_timestamp_far_away() -> None:
    client = ntlm_initiator(ALICE, entropy=entropy(1), now=NOW - 40 * 3600)
    config = AcceptorConfig(sends_timestamp=False)
    assert isinstance(exchange(client, acceptor(config=config)), Refused)
    client = ntlm_initiator(ALICE, entropy=entropy(1), now=NOW - 40 * 3600)
    config = AcceptorConfig(sends_timestamp=False, max_lifetime=None)
    assert isinstance(exchange(client, acceptor(config=config)), Accepted)


def test_nothing_goes_on_after_the_end() -> None:
    server = acceptor()
    client = initiator(ALICE)
    first = client.step(None)
    assert isinstance(exchange(initiator(ALICE), server), Accepted)
    assert isinstance(server.step(first or b""), Refused)


def test_a_token_cannot_be_replayed_to_another_challenge() -> None:
    client = initiator(ALICE, AuthForm.RAW_NTLMSSP)
    first = client.step(None) or b""
    server = acceptor()
    challenge = server.step(first)
    assert isinstance(challenge, Continue)
    answer = client.step(challenge.token) or b""
    other = Acceptor(accounts(), entropy=entropy(3), now=NOW)
    other.step(first)
    assert isinstance(other.step(answer), Refused)


def test_secrets_stay_out_of_repr() -> None:
    hashed = Credentials("alice", nt_hash=b"SECRETSECRETSECR")
    for shown in (repr(ALICE), repr(hashed), repr(Account("a", b"SECRETSECRETSECR"))):
        assert "pässwörd" not in shown
        assert "SECRET" not in shown
    result = exchange(initiator(ALICE), acceptor())
    assert "session_key" not in repr(result)


@pytest.mark.parametrize(
    ("password", "nt_hash"),
    [(None, None), ("x", bytes(16)), (None, bytes(15))],
    ids=["none", "both", "short"],
)
def test_credentials_are_checked(password: str | None, nt_hash: bytes | None) -> None:
    with pytest.raises(ValueError, match="alice"):
        Credentials("alice", password, nt_hash)


def _mutations(token: bytes, rng: random.Random, count: int) -> list[bytes]:
    made = [token[:size] for size in range(0, len(token), max(1, len(token) // 40))]
    for _ in range(count):
        changed = bytearray(token)
        for _ in range(rng.randint(1, 4)):
            match rng.randrange(3):
                case 0:
                    changed[rng.randrange(len(changed))] = rng.randrange(256)
                case 1:
                    at = rng.randrange(len(changed))
                    changed[at:at] = rng.randbytes(rng.randint(1, 8))
                case _:
                    at = rng.randrange(len(changed))
                    del changed[at : at + rng.randint(1, 8)]
            if not changed:
                changed += b"\0"
        made.append(bytes(changed))
    return made


@pytest.mark.parametrize("form", FORMS)
def test_hostile_tokens_never_raise(form: AuthForm) -> None:
    """Changed tokens on both legs and to both sides end in a result, and never log on as somebody else."""
    rng = random.Random(4)
    client = initiator(ALICE, form)
    first = client.step(None) or b""
    challenge = acceptor().step(first)
    assert isinstance(challenge, Continue)
    second = client.step(challenge.token) or b""
    for bad in _mutations(first, rng, 400):
        assert isinstance(acceptor().step(bad), Continue | Refused)
    refused = 0
    for bad in _mutations(second, rng, 600):
        server = acceptor()
        server.step(first)
        result = server.step(bad)
        assert isinstance(result, Accepted | Refused)
        refused += isinstance(result, Refused)
        if isinstance(result, Accepted):
            assert result.identity.user == "Alice"
    assert refused > 500
    for bad in _mutations(challenge.token, rng, 400):
        other = initiator(ALICE, form)
        other.step(None)
        assert other.step(bad) is None or other.failure is None


def test_garbage_never_raises() -> None:
    rng = random.Random(5)
    for _ in range(500):
        prefix = rng.choice(
            [b"", b"NTLMSSP\0", b"NTLMSSP\0\1\0\0\0", b"\x60", b"\x60\x84\xff\xff\xff\xff", b"\xa1\x80"]
        )
        assert not isinstance(acceptor().step(prefix + rng.randbytes(rng.randrange(60))), Accepted)


_TRANSCRIPT = """
import random
from smbtorture_py.auth.acceptor import *; from smbtorture_py.auth.accounts import *
from smbtorture_py.auth.credentials import *; from smbtorture_py.auth.initiator import *
for form in AuthForm:
    c = ntlm_initiator(Credentials("u", "p"), entropy=random.Random(1).randbytes, now=1.5e9, form=form)
    a = Acceptor(Accounts([Account.with_password("u", "p")]), entropy=random.Random(2).randbytes, now=1.5e9)
    one = c.step(None); two = a.step(one); three = c.step(two.token); four = a.step(three)
    print(one.hex(), two.token.hex(), three.hex(), four.token.hex(), four.session_key.hex())
"""


def test_equal_entropy_gives_equal_tokens_under_any_hash_seed() -> None:
    seen = {
        subprocess.run(
            [sys.executable, "-c", _TRANSCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout
        for seed in ("0", "4242")
    }
    assert len(seen) == 1
    assert len(seen.pop().splitlines()) == 2
