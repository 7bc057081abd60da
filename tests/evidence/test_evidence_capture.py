"""Captures, key files and transcripts; tshark reads what we write."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from smbtorture_py.crypto.encryption import Encryptor
from smbtorture_py.evidence.key_file import SessionSecrets, decode_as_entries, key_file
from smbtorture_py.evidence.pcapng import pcapng
from smbtorture_py.evidence.transcript import transcript
from smbtorture_py.net.core import Address
from smbtorture_py.net.taps import CapturedEvent, CapturedFrame, CapturedPlain, CaptureRecord, EventKind, Flow
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.negotiate_contexts import Cipher

SESSION_ID = 0x1122334455667788
KEY_S2C, KEY_C2S = bytes(range(16)), bytes(range(16, 32))
CLIENT, SERVER = Address("127.0.0.1", 50001), Address("127.0.0.2", 4450)
CLIENT6, SERVER6 = Address("::1", 50002), Address("::1", 445)


def _echo(message_id: int, flags: HeaderFlags = HeaderFlags.NONE, session_id: int = 0) -> bytes:
    header = Header(Command.ECHO, message_id, flags, credits=1, session_id=session_id)
    return header.encode() + struct.pack("<HH", 4, 0)


def _negotiate_response() -> bytes:
    """Wireshark decrypts only what belongs to a dialect it has seen."""
    header = Header(Command.NEGOTIATE, 0, HeaderFlags.SERVER_TO_REDIR)
    fixed = struct.pack(
        "<HHHH16sIIIIQQHHI", 65, 1, 0x0300, 0, bytes(16), 0x40, 65536, 65536, 65536, 0, 0, 128, 0, 0
    )
    return header.encode() + fixed


def _session_setup(flags: HeaderFlags, status: int = 0) -> bytes:
    """Wireshark learns from SESSION_SETUP which side of a session is the server."""
    header = Header(Command.SESSION_SETUP, 3, flags, status, session_id=SESSION_ID)
    if flags & HeaderFlags.SERVER_TO_REDIR:
        return header.encode() + struct.pack("<HHHH", 9, 0, 72, 0)
    return header.encode() + struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, 0, 0)


def _frame(payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + payload


def _records() -> list[CaptureRecord]:
    plain = _echo(9, session_id=SESSION_ID)
    sealed = bytes(Encryptor(Cipher.AES_128_CCM, KEY_C2S).seal([plain], SESSION_ID, b"N" * 11))
    response = HeaderFlags.SERVER_TO_REDIR
    return [
        CapturedEvent(1, 1.0, "one", CLIENT, SERVER, EventKind.CONNECTED, ""),
        CapturedFrame(2, 1.1, Flow.SENT, "one", CLIENT, SERVER, _frame(_echo(7))),
        CapturedEvent(3, 1.15, "two", CLIENT6, SERVER6, EventKind.CONNECTED, ""),
        CapturedFrame(4, 1.2, Flow.RECEIVED, "one", CLIENT, SERVER, _frame(_echo(7, response))),
        CapturedFrame(15, 1.24, Flow.RECEIVED, "two", CLIENT6, SERVER6, _frame(_negotiate_response())),
        CapturedFrame(13, 1.25, Flow.SENT, "two", CLIENT6, SERVER6, _frame(_session_setup(HeaderFlags.NONE))),
        CapturedFrame(14, 1.26, Flow.RECEIVED, "two", CLIENT6, SERVER6, _frame(_session_setup(response))),
        CapturedPlain(5, 1.3, Flow.SENT, "two", 6, plain),
        CapturedFrame(6, 1.3, Flow.SENT, "two", CLIENT6, SERVER6, _frame(sealed)),
        CapturedEvent(7, 1.4, "one", CLIENT, SERVER, EventKind.FAULT, "blackhole"),
        CapturedFrame(8, 1.5, Flow.SENT, "two", CLIENT6, SERVER6, _frame(_echo(10) + bytes(200_000))),
        CapturedFrame(9, 1.6, Flow.RECEIVED, "two", CLIENT6, SERVER6, b"\0\0", complete=False),
        CapturedEvent(10, 1.7, "two", CLIENT6, SERVER6, EventKind.CLOSED, "lost: RESET"),
        CapturedEvent(11, 1.8, "one", CLIENT, SERVER, EventKind.CLOSED, "closed here"),
        CapturedEvent(
            12, 1.9, "three", Address("client", 1), Address("server", 445), EventKind.REFUSED, "no"
        ),
    ]


def test_key_file() -> None:
    secrets = [SessionSecrets(SESSION_ID, b"\x01" * 16), SessionSecrets(0xEE3DB66C, b"", KEY_S2C, KEY_C2S)]
    assert key_file(secrets) == (
        f'8877665544332211,{"01" * 16},"",""\n6cb63dee00000000,"",{KEY_S2C.hex()},{KEY_C2S.hex()}\n'
    )
    assert "\\x" not in repr(secrets)


def test_blocks_are_well_formed() -> None:
    data = pcapng(_records(), "a comment")
    position, kinds = 0, []
    while position < len(data):
        kind, total = struct.unpack_from("<II", data, position)
        assert total % 4 == 0
        assert struct.unpack_from("<I", data, position + total - 4) == (total,)
        kinds.append(kind)
        position += total
    assert position == len(data)
    assert kinds[:2] == [0x0A0D0D0A, 1]
    assert set(kinds[2:]) == {6}


def test_transcript() -> None:
    lines = list(transcript(_records()))
    assert lines[1].startswith("    0.100000  one      ->  #2 ECHO mid=7")
    assert "ECHO SUCCESS mid=7" in lines[3]
    assert "(inside frame 6) ECHO mid=9" in lines[7]
    assert "#6 encrypted, 120 bytes" in lines[8]
    assert "fault" in lines[9]
    assert "blackhole" in lines[9]
    assert any("a piece of a frame" in line for line in lines)


def test_transcript_shows_findings() -> None:
    broken = Header(Command.ECHO, 1).encode() + b"\x09\0\0\0"
    record = CapturedFrame(1, 0.0, Flow.SENT, "one", CLIENT, SERVER, _frame(broken))
    assert any("!" in line and "StructureSize" in line for line in transcript([record]))


def _tshark(tmp_path: Path, secrets: SessionSecrets) -> list[list[str]]:
    (tmp_path / "smb2_seskey_list").write_text(key_file([secrets]))
    (tmp_path / "decode_as_entries").write_text(decode_as_entries([SERVER.port]))
    capture = tmp_path / "trace.pcapng"
    capture.write_bytes(pcapng(_records(), "smbtorture-py"))
    fields = [
        "smb2.msg_id", "tcp.analysis.flags", "_ws.malformed", "frame.comment", "tcp.checksum.status",
    ]  # fmt: skip
    preferences = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    wanted = [word for name in fields for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", capture, *preferences, "-T", "fields", "-E", "separator=|", *wanted],
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(tmp_path)},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return [line.split("|") for line in done.stdout.splitlines()]


needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


@needs_tshark
def test_tshark_reads_and_decrypts(tmp_path: Path) -> None:
    rows = _tshark(tmp_path, SessionSecrets(SESSION_ID, b"", KEY_S2C, KEY_C2S))
    assert [row[0] for row in rows if row[0]] == ["7", "7", "0", "3", "3", "9", "10"]
    assert all(row[1] == "" for row in rows), "no lost segment, no retransmission"
    assert all(row[2] == "" for row in rows)
    assert all(row[4] == "1" for row in rows), "every checksum is good"
    assert any("blackhole" in row[3] for row in rows)


@needs_tshark
def test_tshark_needs_the_right_keys(tmp_path: Path) -> None:
    rows = _tshark(tmp_path, SessionSecrets(SESSION_ID, b"", bytes(16), bytes(16)))
    assert [row[0] for row in rows if row[0]] == ["7", "7", "0", "3", "3", "10"]
