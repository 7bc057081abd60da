"""Independent decoders on what we encode: impacket's structures, and tshark on one message of every kind."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from wire_bodies import BODIES, fixed_fields, message

from smbtorture_py.wire.codec import HEADER_SIZE, Body, FileId
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.framing import encode_frame_header
from smbtorture_py.wire.header import SMB1_PROTOCOL_ID
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.message import Direction, decode_chain, encode_chain
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest

IMPACKET = {
    "NegotiateRequest": "SMB2Negotiate",
    "NegotiateResponse": "SMB2Negotiate_Response",
    "SessionSetupRequest": "SMB2SessionSetup",
    "SessionSetupResponse": "SMB2SessionSetup_Response",
    "TreeConnectRequest": "SMB2TreeConnect",
    "TreeConnectResponse": "SMB2TreeConnect_Response",
    "CreateRequest": "SMB2Create",
    "CreateResponse": "SMB2Create_Response",
    "CloseRequest": "SMB2Close",
    "CloseResponse": "SMB2Close_Response",
    "FlushRequest": "SMB2Flush",
    "ReadRequest": "SMB2Read",
    "ReadResponse": "SMB2Read_Response",
    "WriteRequest": "SMB2Write",
    "WriteResponse": "SMB2Write_Response",
    "IoctlRequest": "SMB2Ioctl",
    "IoctlResponse": "SMB2Ioctl_Response",
    "QueryDirectoryRequest": "SMB2QueryDirectory",
    "QueryDirectoryResponse": "SMB2QueryDirectory_Response",
    "ChangeNotifyRequest": "SMB2ChangeNotify",
    "ChangeNotifyResponse": "SMB2ChangeNotify_Response",
    "QueryInfoRequest": "SMB2QueryInfo",
    "QueryInfoResponse": "SMB2QueryInfo_Response",
    "SetInfoRequest": "SMB2SetInfo",
    "OplockBreakNotification": "SMB2OplockBreakNotification",
    "LeaseBreakNotification": "SMB2LeaseBreakNotification",
    "OplockBreakAcknowledgment": "SMB2OplockBreakAcknowledgment",
    "LeaseBreakAcknowledgment": "SMB2LeaseBreakAcknowledgement",
    "OplockBreakResponse": "SMB2OplockBreakResponse",
    "LeaseBreakResponse": "SMB2LeaseBreakResponse",
    "LockRequest": "SMB2Lock",
}
"""Left out: ErrorResponse, whose impacket structure wants a byte 0xff at its end, and bodies of 4 bytes."""


def sample(kind: type[Body]) -> Body:
    """A body with its buffers filled and every number its own."""
    names = {name for name in kind.__dataclass_fields__ if name not in ("layout", "trailing")}
    values: dict[str, object] = {}
    for name, value in {
        "file_id": FileId(0x1111, 0x2222), "offset": 0x3000, "length": 0x20, "minimum_count": 1, "count": 9,
        "output_buffer_length": 0x4000, "max_output_response": 0x5000, "ctl_code": 0x0011C017,
        "creation_time": 132_000_000_000_000_001, "last_access_time": 132_000_000_000_000_002,
        "last_write_time": 132_000_000_000_000_003, "change_time": 132_000_000_000_000_004,
        "system_time": 132_000_000_000_000_005, "allocation_size": 4096, "end_of_file": 17,
        "file_attributes": 0x20,
        "max_transact_size": 0x10001, "max_read_size": 0x10002, "max_write_size": 0x10003, "info_type": 1,
        "file_info_class": 5, "file_information_class": 37, "lease_key": bytes(range(16)), "new_epoch": 3,
        "lock_sequence_number": 1, "lock_sequence_index": 2,
        "security_buffer": b"NTLMSSP\0\1\0\0\0" + bytes(28),
        "path": "\\\\s\\a",
        "name": "name", "file_name": "*", "data": b"some data", "buffer": bytes(40), "input": b"in put",
        "dialects": [Dialect.SMB_2_1, Dialect.SMB_3_1_1], "dialect_revision": Dialect.SMB_3_1_1,
        "contexts": [CreateContext(b"MxAc", bytes(8))],
        "negotiate_contexts": [NegotiateContext(2, b"\x01\x00\x02\x00")],
        "locks": [LockElement(offset=1, length=2, flags=LockFlags.SHARED_LOCK)],
    }.items():  # fmt: skip
        if name in names and not (name == "length" and kind.__name__ == "WriteRequest"):
            values[name] = value
    if kind.__name__ == "OutputBufferResponse" or "output_buffer" in names:
        values.pop("output_buffer_length", None)
        values["output_buffer"] = bytes(40)
    return kind(**values)


def camel(name: str) -> str:
    return name.replace("_", "").lower()


@pytest.mark.parametrize(
    "kind", [kind for kind in BODIES if kind.__name__ in IMPACKET], ids=lambda kind: kind.__name__
)
def test_impacket_reads_the_same_numbers(kind: type[Body]) -> None:
    smb3structs = pytest.importorskip("impacket.smb3structs")
    encoded = encode_chain([message(sample(kind))[0]])
    frame = b"".join(part for parts in encoded for part in parts)
    [decoded] = decode_chain(frame, message(sample(kind))[1], [])
    theirs = getattr(smb3structs, IMPACKET[kind.__name__])(frame[HEADER_SIZE:])
    their_fields = {camel(field[0]): field[0] for field in theirs.structure}
    compared = 0
    for name in fixed_fields(kind):
        value = getattr(decoded.body, name)
        found = their_fields.get(camel(name))
        if found is None or not isinstance(value, int) or not isinstance(theirs[found], int):
            continue
        assert theirs[found] == value, name
        compared += 1
    assert compared >= 1


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_dissects_every_kind_of_message(tmp_path: Path) -> None:
    frames = []
    for kind in BODIES:
        whole, direction = message(sample(kind))
        frames.append(
            (kind.__name__, direction, b"".join(part for parts in encode_chain([whole]) for part in parts))
        )
    frames.append(
        ("Smb1NegotiateRequest", Direction.REQUEST, Smb1NegotiateRequest(dialects=["SMB 2.???"]).encode())
    )
    capture = tmp_path / "corpus.pcap"
    capture.write_bytes(_pcap([(direction, frame) for _, direction, frame in frames]))
    fields = ["-e", "smb2.cmd", "-e", "_ws.malformed", "-e", "smb.cmd"]
    command = ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=|", *fields]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = found.stdout.splitlines()
    assert len(lines) == len(frames)
    problems = []
    for (name, _, frame), line in zip(frames, lines, strict=True):
        smb2_command, malformed, smb1_command = line.split("|")
        if frame[:4] == SMB1_PROTOCOL_ID:
            if smb1_command != "0x72" or malformed:
                problems.append((name, line))
        elif smb2_command != str(int.from_bytes(frame[12:14], "little")) or malformed:
            problems.append((name, line))
    assert not problems, "\n".join(map(str, problems))


def _pcap(frames: list[tuple[Direction, bytes]]) -> bytes:
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 101))
    for index, (direction, frame) in enumerate(frames):
        ports = (40_000 + index, 445) if direction is Direction.REQUEST else (445, 40_000 + index)
        payload = encode_frame_header(len(frame)) + frame
        tcp = struct.pack(">HHIIBBHHH", *ports, 1, 1, 0x50, 0x18, 0xFFFF, 0, 0) + payload
        local = bytes((127, 0, 0, 1))
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), index, 0, 64, 6, 0, local, local) + tcp
        out += struct.pack("<IIII", 1_700_000_000 + index, 0, len(packet), len(packet)) + packet
    return bytes(out)
