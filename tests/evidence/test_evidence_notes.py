"""What a check says stands beside what it is about; a redacted capture tells nothing of a password."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from smbtorture_py.conformance.case import Case, Variant
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.runner import CaseResult, run_case
from smbtorture_py.evidence.bundle import write_evidence
from smbtorture_py.evidence.redaction import redacted
from smbtorture_py.evidence.transcript import transcript
from smbtorture_py.net.taps import CapturedFrame, CapturedPlain
from smbtorture_py.targets.bench import reference_bench
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher
from smbtorture_py.wire.status import Status

CIPHERS = (Cipher.AES_128_CCM, Cipher.AES_128_GCM, Cipher.AES_256_CCM, Cipher.AES_256_GCM)
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def ran(function, **parameters) -> CaseResult:
    """Run a function as a case against the reference server on the simulated network."""
    bench = reference_bench("reference", "specification", (), None, 1)
    case = Case(
        "own.case", function, ("SMB2-3.3.5.5-11",), (), None, False, (Variant(parameters=parameters),)
    )
    with bench.place(1) as (world, target):
        return run_case(case, case.variants[0], world, target, 1)


def complaining(lab: Lab) -> None:
    """It is wrong twice."""
    answer = lab.connect().session_setup()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "session_flags", requirement="SMB2-3.3.5.5-11", specification=77)


def test_the_offending_field_is_marked_and_the_requirement_beside_it():
    lines = list(transcript(ran(complaining).capture))
    marked = [number for number, line in enumerate(lines) if ">>" in line]
    (place,) = marked
    assert "SESSION_SETUP SUCCESS" in lines[place] and ">>session_flags=" in lines[place]
    told = "\n".join(lines[place + 1 : place + 7])
    assert "=== check 1 pass" in told and "!!! check 2 fail" in told
    assert "expected specification: 77" in told and "SMB2-3.3.5.5-11 [MUST] MS-SMB2 3.3.5.5" in told
    assert "then The request fails" in "\n".join(lines[place:])


def no_message(lab: Lab) -> None:
    """It looks at no message."""
    lab.connect()
    check.that(lab, "the weather", "rain", specification="sun")


def test_a_check_about_no_message_stands_in_the_time_line():
    lines = list(transcript(ran(no_message).capture))
    at = next(number for number, line in enumerate(lines) if "!!! check 1 fail: the weather" in line)
    assert "NEGOTIATE SUCCESS" in lines[at - 1]


def sealed(lab: Lab, cipher: Cipher) -> None:
    """It writes over two encrypted channels, and is not content."""
    session = lab.logon(offer={"cipher": cipher, "dialect": Dialect.SMB_3_1_1})
    other = session.add_channel(connection=lab.connect(cipher=cipher, dialect=Dialect.SMB_3_1_1))
    file = session.tree().open()
    file.write(b"first", encrypt=True)
    file.write(b"second", on=other, encrypt=True)
    session.reauthenticate(encrypt=True)
    check(session.echo(on=other), specification=Status.ACCESS_DENIED)


def tshark(folder: Path, *fields: str) -> list[list[str]]:
    wanted = [word for name in fields for word in ("-e", name)]
    done = subprocess.run(
        ["tshark", "-r", folder / "trace.pcapng", "-T", "fields", "-E", "separator=|", *wanted],
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(folder)}, capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    return [line.split("|") for line in done.stdout.splitlines()]


SEEN = ("tcp.stream", "smb2.write_length", "smb2.header.transform.msg_size")


def sealed_writes(rows: list[list[str]]) -> dict[str, int]:
    """Return connection -> bytes written, of WRITE requests that tshark found inside a transform."""
    return {row[0]: int(row[1]) for row in rows if row[1] and row[2]}


@needs_tshark
@pytest.mark.parametrize("cipher", CIPHERS, ids=lambda one: one.name)
def test_tshark_decrypts_both_channels(tmp_path, cipher):
    result = ran(sealed, cipher=cipher)
    assert result.outcome == "fail", result.reason
    write_evidence(tmp_path, result, reproduce="", requirement=None)
    rows = tshark(tmp_path, *SEEN, "_ws.malformed", "frame.comment")
    assert not any(row[3] for row in rows)
    assert sealed_writes(rows) == {"0": len(b"first"), "1": len(b"second")}
    assert any("check 1 fail" in row[4] for row in rows)


@needs_tshark
def test_the_folder_is_a_profile(tmp_path):
    write_evidence(tmp_path, ran(complaining), reproduce="", requirement=None)
    done = subprocess.run(
        ["tshark", "-r", tmp_path / "trace.pcapng"], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "WIRESHARK_CONFIG_DIR": str(tmp_path)},
    )  # fmt: skip
    assert "session_flags" in done.stdout, "the column of the checks"
    assert "preferences" not in done.stderr


def ntlm_tokens(records) -> int:
    held = b"".join(bytes(one.data) for one in records if isinstance(one, CapturedFrame | CapturedPlain))
    return held.count(b"NTLMSSP\0")


def test_a_redacted_capture_holds_no_token_and_keeps_its_shape():
    result = ran(sealed, cipher=Cipher.AES_128_GCM)
    whole, blank = list(result.capture), list(redacted(result.capture))
    assert ntlm_tokens(whole) >= 9 and ntlm_tokens(blank) == 0
    assert [len(getattr(one, "data", b"")) for one in whole] == [
        len(getattr(one, "data", b"")) for one in blank
    ]
    changed = sum(one != other for one, other in zip(whole, blank, strict=True))
    assert 0 < changed < len(whole) / 2, "everything else is as it was"


@needs_tshark
def test_a_redacted_capture_dissects(tmp_path):
    write_evidence(
        tmp_path, ran(sealed, cipher=Cipher.AES_128_GCM), reproduce="", requirement=None, redact=True
    )
    assert b"NTLMSSP" not in (tmp_path / "trace.pcapng").read_bytes()
    assert sealed_writes(tshark(tmp_path, *SEEN)) == {"0": len(b"first"), "1": len(b"second")}


def test_a_capture_warns_and_nothing_but_it_holds_a_secret(tmp_path):
    result = ran(complaining)
    write_evidence(tmp_path, result, reproduce="", requirement=None)
    assert b"password can be guessed" in (tmp_path / "trace.pcapng").read_bytes()
    bench = reference_bench("reference", "specification", (), None, 1)
    password = bench.target.user.password
    assert password
    for path in tmp_path.iterdir():
        if path.name != "trace.pcapng":
            text = path.read_text()
            assert password not in text and "NTLMSSP" not in text, path
            if path.name != "smb2_seskey_list":
                assert not re.search(r"\b[0-9a-f]{64,}\b", text), path
