"""Everything that explains one result, in one folder: transcript, capture, keys, and how to see it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from smbtorture_py.client.session import Session
from smbtorture_py.conformance.catalogue import Requirement
from smbtorture_py.conformance.runner import CaseResult
from smbtorture_py.evidence.key_file import SessionSecrets, decode_as_entries, key_file
from smbtorture_py.evidence.pcapng import PcapngWriter
from smbtorture_py.evidence.redaction import redacted
from smbtorture_py.evidence.transcript import transcript
from smbtorture_py.net.taps import CapturedFrame, CaptureRecord

TRANSCRIPT: Final = "transcript.txt"
CAPTURE: Final = "trace.pcapng"
KEYS: Final = "smb2_seskey_list"
DECODE_AS: Final = "decode_as_entries"
PREFERENCES: Final = "preferences"
RESULT: Final = "result.txt"
SERVER_LOG: Final = "server.log"

WARNING: Final = (
    "This capture holds the authentication exchange of a test account, from which its password can be "
    "guessed, and the keys of its sessions lie beside it. Runs with --redact leave the exchange out."
)
REDACTED: Final = "The authentication exchanges in this capture are blanked; the keys lie beside it."
WIRESHARK_PREFERENCES: Final = """\
# Columns for a session of several channels: which connection, and what the suite has to say of a packet.
gui.column.format: "No.", "%m", "Time", "%t", "Connection", "%Cus:tcp.stream:0:R", "Source", "%s",
\t"Destination", "%d", "Protocol", "%p", "Info", "%i", "Check", "%Cus:frame.comment:0:R"
nameres.network_name: FALSE
# Wireshark judges the last answer of a bind by the wrong key; the suite's own verdict is in the comments.
smb2.verify_signatures: FALSE
"""


def write_evidence(
    folder: Path, result: CaseResult, *, reproduce: str, requirement: Requirement | None, redact: bool = False
) -> None:
    """Write the folder anew; it is a Wireshark profile: `WIRESHARK_CONFIG_DIR=folder wireshark
    folder/trace.pcapng` shows the capture decrypted. `redact` leaves the authentication exchanges out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{result.full_id}: {result.outcome}", result.case.sentence, "", result.reason, ""]
    if requirement is not None:
        lines += [str(requirement), ""]
    lines += [
        f"{one.step:3} {one.what}: {one.actual} [{one.behaviour or 'unexpected'}] {one.outcome}"
        for one in result.observations
    ]
    lines += ["", f"reproduce: {reproduce}"]
    (folder / RESULT).write_text("\n".join(lines) + "\n", encoding="utf-8")
    title = f"{result.full_id}: {result.outcome}"
    write_traffic(folder, result.capture, result.sessions, title, redact=redact)


def write_traffic(
    folder: Path,
    records: Sequence[CaptureRecord],
    sessions: Iterable[Session],
    title: str,
    *,
    redact: bool = False,
) -> None:
    """Write transcript, capture, keys and preferences into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    if redact:
        records = list(redacted(records))
    (folder / TRANSCRIPT).write_text("".join(f"{line}\n" for line in transcript(records)), encoding="utf-8")
    with (folder / CAPTURE).open("wb") as file:
        file.writelines(PcapngWriter(f"{title}\n{REDACTED if redact else WARNING}").write(records))
    (folder / KEYS).write_text(key_file(secrets_of(sessions)), encoding="ascii")
    ports = {record.remote.port for record in records if isinstance(record, CapturedFrame)}
    (folder / DECODE_AS).write_text(decode_as_entries(ports), encoding="ascii")
    (folder / PREFERENCES).write_text(WIRESHARK_PREFERENCES, encoding="ascii")


def secrets_of(sessions: Iterable[Session]) -> list[SessionSecrets]:
    """Return the keys of sessions that have any, once for each SessionId."""
    found: dict[int, SessionSecrets] = {}
    for session in sessions:
        if session.encryption_key or session.session_key:
            found[session.session_id] = SessionSecrets(
                session.session_id,
                session_key=session.session_key,
                encryption_key_s2c=session.decryption_key,
                encryption_key_c2s=session.encryption_key,
            )
    return list(found.values())
