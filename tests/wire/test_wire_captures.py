"""Real traffic: every SMB2 message decodes, and encodes to the same bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wire_pcap import Stream, streams

from smbtorture_py.wire.codec import Findings, FramingError
from smbtorture_py.wire.framing import FrameReader
from smbtorture_py.wire.header import PROTOCOL_ID, SMB1_PROTOCOL_ID, Header
from smbtorture_py.wire.message import Direction, Malformed, UnknownBody, decode_chain, encode_chain
from smbtorture_py.wire.smb1 import SMB_COM_NEGOTIATE, Smb1NegotiateRequest, Smb1NegotiateResponse

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "captures"
FILES = sorted(CAPTURES.glob("*.pcap"))
SMB_PORTS = {445, 139}

_STALE = "the server leaves bytes of an earlier use of its buffer in a reserved field"
_CRAFTED = "crafted by its authors as a malformed message: its header and body are shifted"
EXPECTED: dict[tuple[str, str], str] = {
    ("suricata-smb2-04.pcap", "Reserved2: 0x760073 in a reserved field"): _STALE,
    ("zeek-smb2.pcap", "Reserved2: 0x730076 in a reserved field"): _STALE,
    ("zeek-smb_v2_only_non_zero_reserved1.pcap", "Reserved: 0x1 in a reserved field"): (
        "what the capture was made to show: a READ response with a reserved byte of 1"
    ),
    ("zeek-smb2_fscontrol.pcap", "StructureSize: 319, not 64"): _CRAFTED,
    ("zeek-smb2_fscontrol.pcap", "StructureSize: 33352, not 33"): _CRAFTED,
    ("zeek-smb2_fscontrol.pcap", "Reserved: 0x1b00 in a reserved field"): _CRAFTED,
    ("zeek-smb2_fscontrol.pcap", "Buffer: 506110730 bytes at 0 do not fit 153"): _CRAFTED,
}
"""File and finding (without its offset) of what really does not conform in a capture, and why."""
ONLY_SMB1 = {"zeek-raw_ntlm_in_smb.pcap"}
"""Captures that hold no SMB2 message at all."""

pytestmark = pytest.mark.skipif(not FILES, reason="no captures in ../shared/captures next to the repository")


def frames(stream: Stream) -> Iterator[memoryview]:
    try:
        yield from FrameReader().feed(bytes(stream.data))
    except FramingError:
        return


def directed(path: Path) -> Iterator[tuple[Direction, memoryview]]:
    for stream in streams(path):
        if stream.destination[1] in SMB_PORTS:
            direction = Direction.REQUEST
        elif stream.source[1] in SMB_PORTS:
            direction = Direction.RESPONSE
        else:
            continue
        for frame in frames(stream):
            yield direction, frame


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_message_decodes_and_encodes_again(path: Path) -> None:
    seen = 0
    problems = []
    for direction, frame in directed(path):
        if bytes(frame[:4]) != PROTOCOL_ID:
            continue
        findings: Findings = []
        messages = decode_chain(frame, direction, findings)
        seen += len(messages)
        problems += [
            f"{message.header.command} {direction.value}: {type(message.body).__name__}"
            for message in messages
            if isinstance(message.body, Malformed | UnknownBody)
        ]
        problems += [
            f"{messages[0].header.command} {direction.value}: {finding}"
            for finding in findings
            if (path.name, f"{finding.field}: {finding.problem}") not in EXPECTED
        ]
        encoded = b"".join(part for parts in encode_chain(messages) for part in parts)
        if encoded != frame:
            problems.append(f"{messages} encodes to {encoded.hex()}, not {frame.hex()}")
    print(path.name, seen, "messages")
    assert bool(seen) == (path.name not in ONLY_SMB1)
    assert problems == []


def test_every_smb1_negotiate_decodes_and_encodes_again() -> None:
    seen = 0
    for path in FILES:
        for direction, frame in directed(path):
            if bytes(frame[:4]) == SMB1_PROTOCOL_ID and frame[4] == SMB_COM_NEGOTIATE:
                kind = Smb1NegotiateRequest if direction is Direction.REQUEST else Smb1NegotiateResponse
                findings: Findings = []
                message = kind.decode(frame, findings)
                assert message is not None
                assert findings == []
                assert message.encode() == frame
                seen += 1
    assert seen


def test_expected_findings_are_all_there() -> None:
    unused = set(EXPECTED)
    for path in FILES:
        for direction, frame in directed(path):
            if bytes(frame[:4]) == PROTOCOL_ID:
                findings: Findings = []
                decode_chain(frame, direction, findings)
                unused -= {(path.name, f"{finding.field}: {finding.problem}") for finding in findings}
    assert not unused


def test_captures_hold_both_kinds_of_header() -> None:
    kinds = set()
    for path in FILES:
        for _, frame in directed(path):
            if bytes(frame[:4]) == PROTOCOL_ID:
                header = Header.decode(frame, [])
                assert header is not None
                kinds.add(bool(header.async_id))
    assert kinds == {True, False}
