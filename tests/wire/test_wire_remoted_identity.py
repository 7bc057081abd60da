"""The remoted identity tree connect context."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.remoted_identity import RemotedIdentity

SETTINGS = settings(max_examples=50, deadline=None, derandomize=True)
word = st.integers(0, 0xFFFF)


@SETTINGS
@given(
    st.builds(RemotedIdentity, user=word, owner=word, device_claims=word, ticket_info=st.binary(max_size=20))
)
def test_it_comes_back(identity: RemotedIdentity) -> None:
    findings: Findings = []
    context = identity.envelope()
    assert context.context_type == 1
    decoded = RemotedIdentity.decode(context.data, findings)
    assert findings == []
    assert (decoded.user, decoded.owner, decoded.device_claims) == (
        identity.user,
        identity.owner,
        identity.device_claims,
    )
    assert decoded.ticket_size == len(context.data)
    assert decoded.encode() == context.data


@SETTINGS
@given(st.binary(max_size=40))
def test_odd_bytes_never_raise(data: bytes) -> None:
    findings: Findings = []
    decoded = RemotedIdentity.decode(data, findings)
    if len(data) >= 28:
        assert decoded.encode() == data
    else:
        assert findings


def test_golden_bytes() -> None:
    encoded = RemotedIdentity(user=28, ticket_info=b"ab").encode()
    assert encoded == bytes.fromhex("01001e001c00") + bytes(22) + b"ab"
