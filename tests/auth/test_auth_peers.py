"""Independent peers: impacket's NTLMSSP client code and pyspnego, both ways."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path

import pytest
from impacket import ntlm
from impacket.spnego import SPNEGO_NegTokenInit, SPNEGO_NegTokenResp, TypesMech

from smbtorture_py.auth.acceptor import Accepted, Acceptor, Continue, Refused
from smbtorture_py.auth.accounts import Account, Accounts
from smbtorture_py.auth.credentials import AuthForm, Credentials
from smbtorture_py.auth.initiator import SpnegoInitiator, ntlm_initiator

spnego = pytest.importorskip("spnego")


def acceptor(password: str = "secret") -> Acceptor:
    known = Accounts([Account.with_password("alice", password)], anonymous_allowed=True)
    return Acceptor(known, entropy=random.Random(1).randbytes, now=time.time())


@pytest.mark.parametrize("form", list(AuthForm))
@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_impacket_client(form: AuthForm, password: str) -> None:
    server = acceptor()
    negotiate = ntlm.getNTLMSSPType1("WS", "DOMAIN", signingRequired=True)
    token = negotiate.getData()
    if form is AuthForm.SPNEGO:
        init = SPNEGO_NegTokenInit()
        init["MechTypes"] = [TypesMech["NTLMSSP - Microsoft NTLM Security Support Provider"]]
        init["MechToken"] = token
        token = init.getData()
    challenge = server.step(token)
    assert isinstance(challenge, Continue)
    raw = challenge.token
    if form is AuthForm.SPNEGO:
        raw = SPNEGO_NegTokenResp(challenge.token)["ResponseToken"]
    answer, key = ntlm.getNTLMSSPType3(negotiate, raw, "alice", password, "DOMAIN")
    token = answer.getData()
    if form is AuthForm.SPNEGO:
        response = SPNEGO_NegTokenResp()
        response["ResponseToken"] = token
        token = response.getData()
    result = server.step(token)
    if password == "wrong":
        assert isinstance(result, Refused)
    else:
        assert isinstance(result, Accepted)
        assert result.session_key == key


def _options(protocol: str) -> object:
    """Choose pyspnego's own code, not the system's GSS library."""
    options = spnego.NegotiateOptions
    return options.use_negotiate if protocol == "negotiate" else options.use_ntlm


@pytest.mark.parametrize("protocol", ["ntlm", "negotiate"])
def test_pyspnego_client(protocol: str) -> None:
    client = spnego.client(
        "alice", "secret", hostname="reference", service="cifs", protocol=protocol,
        options=_options(protocol), context_req=spnego.ContextReq.integrity,
    )  # fmt: skip
    server = acceptor()
    first = client.step() or b""
    assert first.startswith(b"NTLMSSP" if protocol == "ntlm" else b"\x60")
    challenge = server.step(first)
    assert isinstance(challenge, Continue)
    result = server.step(client.step(challenge.token) or b"")
    assert isinstance(result, Accepted)
    if protocol == "negotiate":
        client.step(result.token)  # checks our mechListMIC
    assert client.complete
    assert client.session_key == result.session_key


def _pyspnego_server(protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    users = tmp_path / "users"
    users.write_text("DOMAIN:alice:secret\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    return spnego.server(protocol=protocol, options=_options(protocol))


@pytest.mark.parametrize("form", list(AuthForm))
def test_pyspnego_server(form: AuthForm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _pyspnego_server("negotiate" if form is AuthForm.SPNEGO else "ntlm", tmp_path, monkeypatch)
    client = ntlm_initiator(
        Credentials("alice", "secret", domain="DOMAIN"),
        entropy=random.Random(1).randbytes, now=time.time(), form=form, target_name="cifs/host",
    )  # fmt: skip
    token = client.step(None)
    for _ in range(4):
        answer = server.step(token)  # type: ignore[attr-defined]
        if server.complete and not answer:  # type: ignore[attr-defined]
            break
        token = client.step(answer)
        assert client.failure is None
        if server.complete:  # type: ignore[attr-defined]
            break
    assert client.complete
    assert server.session_key == client.session_key  # type: ignore[attr-defined]
    if isinstance(client, SpnegoInitiator):
        assert client.mech_list_mic_verified is True


def test_pyspnego_server_refuses_a_wrong_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _pyspnego_server("negotiate", tmp_path, monkeypatch)
    client = ntlm_initiator(
        Credentials("alice", "wrong", domain="DOMAIN"), entropy=random.Random(1).randbytes, now=time.time()
    )
    challenge = server.step(client.step(None))  # type: ignore[attr-defined]
    with pytest.raises(spnego.exceptions.SpnegoError):
        server.step(client.step(challenge))  # type: ignore[attr-defined]


def test_impacket_reads_our_messages() -> None:
    client = ntlm_initiator(
        Credentials("alice", "secret", domain="DOMAIN", workstation="WS"),
        entropy=random.Random(1).randbytes, now=1.5e9, form=AuthForm.RAW_NTLMSSP,
    )  # fmt: skip
    first = client.step(None) or b""
    challenge = acceptor().step(first)
    assert isinstance(challenge, Continue)
    theirs = ntlm.NTLMAuthChallenge(challenge.token)
    assert theirs["challenge"] == random.Random(1).randbytes(8)
    assert (
        ntlm.AV_PAIRS(theirs["TargetInfoFields"])[ntlm.NTLMSSP_AV_HOSTNAME][1].decode("utf-16-le")
        == "REFERENCE"
    )
    answer = ntlm.NTLMAuthChallengeResponse()
    answer.fromString(client.step(challenge.token))
    assert answer["user_name"].decode("utf-16-le") == "alice"
    assert answer["host_name"].decode("utf-16-le") == "WS"
    assert struct.unpack("<I", struct.pack("<I", answer["flags"]))[0] & ntlm.NTLMSSP_NEGOTIATE_KEY_EXCH
