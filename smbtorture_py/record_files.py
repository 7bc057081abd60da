"""Files around records: read, with what lies beside them, and written for whoever waits for a gated run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

from smbtorture_py.evidence.bundle import TRANSCRIPT
from smbtorture_py.imports.formats import read as read_format
from smbtorture_py.imports.outside import NotReadable, OutsideRun
from smbtorture_py.report.badge import badge
from smbtorture_py.report.github_actions import annotation_commands
from smbtorture_py.report.pull_request import pull_request_markdown, saying
from smbtorture_py.results.gate import Gate
from smbtorture_py.results.located_yaml import ConfigurationError, Problem
from smbtorture_py.results.records import PACKED, Record, ResultRecord, RunRecords, read, to_json
from smbtorture_py.runs import RECORDS

MOST_OF_A_TRANSCRIPT: Final = 24_000
"""Characters of a transcript that a report takes in."""
SUMMARY: Final = "gate.md"
BADGE: Final = "badge.svg"
IN_ACTIONS: Final = "GITHUB_ACTIONS"
"""The variable that GitHub Actions sets to `true`."""
JOB_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of the job summary there."""


def read_records(path: Path) -> RunRecords:
    """Read a records file, or the one in a folder; raises ConfigurationError and RecordError."""
    if path.is_dir():
        names = (RECORDS, f"{RECORDS}{PACKED}")
        path = next((path / name for name in names if (path / name).is_file()), path / RECORDS)
    try:
        return read(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigurationError([Problem(str(path), 0, "", f"cannot be read: {reason}")]) from None


def read_outside(path: Path, format_name: str | None, group: str) -> OutsideRun:
    """Read what another suite left; raises ConfigurationError."""
    try:
        return read_format(path.read_text(encoding="utf-8", errors="replace"), format_name, group)
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except NotReadable as error:
        reason = str(error)
    raise ConfigurationError([Problem(str(path), 0, "", reason)])


def transcript_beside(folder: Path, result: ResultRecord) -> str:
    """Return the transcript of a result whose evidence is in `folder`, cut where it is long; empty where it
    is not there.
    """
    path = folder / result.evidence / TRANSCRIPT
    if not result.evidence or not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(MOST_OF_A_TRANSCRIPT + 1)
    if len(text) > MOST_OF_A_TRANSCRIPT:
        return f"{text[:MOST_OF_A_TRANSCRIPT]}\n... (cut; all of it is in {result.evidence})"
    return text


def read_text(path: Path) -> str:
    """Read a file of ours; raises ConfigurationError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8"
        raise ConfigurationError([Problem(str(path), 0, "", f"cannot be read: {reason}")]) from None


def write_text(path: Path, text: str, mode: Literal["w", "a"] = "w") -> None:
    """Write a file, with its folder, or add to it ("a"); raises ConfigurationError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(
            [Problem(str(path), 0, "", f"cannot be written: {error.strerror}")]
        ) from None


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a records file, with its folder; raises ConfigurationError."""
    write_text(path, "".join(f"{to_json(record)}\n" for record in records))


def leave(gate: Gate, folder: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Write gate.md and badge.svg into `folder`; in a job of GitHub Actions, its summary and annotations
    too.

    Raises ConfigurationError where a file cannot be written.
    """
    text = pull_request_markdown(gate)
    summary = environment.get(JOB_SUMMARY)
    write_text(folder / SUMMARY, text)
    write_text(folder / BADGE, badge(gate))
    if summary:
        write_text(Path(summary), text, "a")
    if environment.get(IN_ACTIONS) == "true":
        for line in annotation_commands(gate):
            say(line)
    say(f"gate: {saying(gate)}")
