"""SMB1 negotiate, as far as SMB2 needs it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.smb1 import (
    DIALECT_NT_LM,
    DIALECT_SMB_2_002,
    DIALECT_SMB_2_WILDCARD,
    NO_DIALECT,
    Smb1NegotiateRequest,
    Smb1NegotiateResponse,
)

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)


def test_golden_request() -> None:
    request = Smb1NegotiateRequest(dialects=[DIALECT_NT_LM, DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD])
    assert (
        request.encode()
        == bytes.fromhex("ff534d4272 00000000 18 53c8 0000 0000000000000000 0000 ffff fffe 0000 0000 00 2200")
        + b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0"
    )


def test_a_request_comes_back() -> None:
    findings: Findings = []
    frame = Smb1NegotiateRequest(dialects=["A", "", "B C"]).encode()
    decoded = Smb1NegotiateRequest.decode(frame, findings)
    assert decoded is not None
    assert decoded.dialects == ["A", "", "B C"]
    assert findings == []
    assert decoded.encode() == frame


def test_the_dialect_index_of_a_response() -> None:
    frame = Smb1NegotiateResponse(words=b"\x05\x00" + bytes(32), content=b"token").encode()
    findings: Findings = []
    decoded = Smb1NegotiateResponse.decode(frame, findings)
    assert decoded is not None
    assert decoded.dialect_index == 5
    assert decoded.content == b"token"
    assert Smb1NegotiateResponse().dialect_index == NO_DIALECT


@SETTINGS
@given(st.binary(max_size=80), st.booleans())
def test_odd_bytes_never_raise_and_survive(tail: bytes, with_header: bool) -> None:
    frame = (b"\xffSMB\x72" + bytes(27) if with_header else b"") + tail
    findings: Findings = []
    for kind in (Smb1NegotiateRequest, Smb1NegotiateResponse):
        decoded = kind.decode(frame, findings)
        if decoded is None:
            assert findings
        else:
            assert decoded.encode() == frame
