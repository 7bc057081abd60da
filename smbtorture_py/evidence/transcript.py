"""One readable time line over all channels: every message decoded, every event, every finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from enum import Enum
from typing import Final

from smbtorture_py.evidence.notes import Notes
from smbtorture_py.net.taps import (
    LENGTH_BYTES,
    CapturedEvent,
    CapturedFrame,
    CapturedNote,
    CapturedPlain,
    CaptureRecord,
    Flow,
)
from smbtorture_py.wire.codec import AUTO, Body, Findings
from smbtorture_py.wire.header import (
    COMPRESSION_PROTOCOL_ID,
    PROTOCOL_ID,
    SMB1_PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    Command,
    Header,
    HeaderFlags,
)
from smbtorture_py.wire.message import Direction, decode_chain
from smbtorture_py.wire.status import status_name

_ARROWS: Final = {Flow.SENT: "->", Flow.RECEIVED: "<-"}
_DIRECTIONS: Final = {Flow.SENT: Direction.REQUEST, Flow.RECEIVED: Direction.RESPONSE}
_ENVELOPES: Final = {
    TRANSFORM_PROTOCOL_ID: "encrypted",
    COMPRESSION_PROTOCOL_ID: "compressed",
    SMB1_PROTOCOL_ID: "SMB1",
}
_LAYOUT_SUFFIXES: Final = ("_offset", "_length", "_count", "_size")
_LAYOUT_FIELDS: Final = frozenset({"padding", "structure_size", "reserved", "reserved1", "reserved2"})
_SHOWN_BYTES: Final = 16
_FLAG_NAMES: Final = (
    HeaderFlags.ASYNC_COMMAND,
    HeaderFlags.RELATED_OPERATIONS,
    HeaderFlags.SIGNED,
    HeaderFlags.REPLAY_OPERATION,
)


def transcript(records: Iterable[CaptureRecord]) -> Iterator[str]:
    """Yield the lines of the time line, without line ends; times are seconds since the first record.

    A message inside an encrypted frame is shown where its plain text was captured. Bulk data and tokens
    appear by their length only, so no secret gets in. A field that a check complains about is in `>>` and
    `<<`, and the line is followed by the complaint with the text of the requirement.
    """
    records = list(records)
    notes = Notes.of(records)
    start: float | None = None
    for record in records:
        start = record.at if start is None else start
        if isinstance(record, CapturedNote):
            if record.message_id is None:
                yield from _note_lines(record, f"{record.at - start:12.6f}")
            continue
        prefix = f"{record.at - start:12.6f}  {record.channel:<8}"
        if isinstance(record, CapturedEvent):
            yield f"{prefix} **  {record.kind.value} {record.local} {record.remote} {record.detail}".rstrip()
            continue
        arrow = _ARROWS[record.flow]
        for line, noted in _message_lines(record, notes):
            yield f"{prefix} {arrow}  {line}"
            for note in noted:
                yield from _note_lines(note, " " * 12)


def _note_lines(note: CapturedNote, margin: str) -> Iterator[str]:
    """Yield a note, its first line marked where it complains."""
    first, *rest = note.text.splitlines()
    yield f"{margin}  {'!!!' if note.is_complaint else '==='} {first}"
    yield from (f"{'':{len(margin)}}      {line}" for line in rest)


def _message_lines(
    record: CapturedFrame | CapturedPlain, notes: Notes
) -> Iterator[tuple[str, Sequence[CapturedNote]]]:
    """Yield a line for each message, with the notes about it."""
    payload = memoryview(record.data)
    mark = f"(inside frame {record.frame}) " if isinstance(record, CapturedPlain) else f"#{record.number} "
    if isinstance(record, CapturedFrame):
        payload = payload[LENGTH_BYTES:]
        if not record.complete:
            yield f"{mark}a piece of a frame, {len(record.data)} bytes", ()
            return
    kind = bytes(payload[: len(PROTOCOL_ID)])
    if kind != PROTOCOL_ID:
        yield f"{mark}{_ENVELOPES.get(kind, 'not SMB')}, {len(payload)} bytes", ()
        return
    findings: Findings = []
    for message in decode_chain(payload, _DIRECTIONS[record.flow], findings):
        noted = notes.about(record, message.header)
        fields = frozenset(note.field for note in noted if note.is_complaint)
        yield f"{mark}{_header(message.header, record.flow, fields)}{_body(message.body, fields)}", noted
    for finding in findings:
        yield f"    ! {finding}", ()


def _header(header: Header, flow: Flow, fields: frozenset[str]) -> str:
    command = header.command
    name = Command(command).name if command in tuple(Command) else f"command {command:#06x}"
    words = [name]

    def word(field: str, text: str) -> None:
        words.append(f">>{text}<<" if field in fields or f"header.{field}" in fields else text)

    if flow is Flow.RECEIVED:
        word("status", status_name(header.status))
    elif header.status:
        word("channel_sequence", f"channel_sequence={header.channel_sequence}")
    word("message_id", f"mid={header.message_id}")
    word("credits", f"credits={header.credits}/{header.credit_charge}")
    if header.session_id:
        word("session_id", f"sid={header.session_id:#x}")
    if header.async_id:
        word("async_id", f"async={header.async_id:#x}")
    elif header.tree_id:
        word("tree_id", f"tid={header.tree_id:#x}")
    flags = " ".join(flag.name or "" for flag in _FLAG_NAMES if header.flags & flag)
    if flags or "header.flags" in fields:
        word("flags", flags or "no flags")
    return " ".join(words)


def _body(body: Body, marked: frozenset[str]) -> str:
    shown = [f" | {type(body).__name__}"]
    names = {name.partition(".")[0] for name in marked}
    for each in fields(body):
        is_marked = each.name in names
        if not is_marked and (each.name in _LAYOUT_FIELDS or each.name.endswith(_LAYOUT_SUFFIXES)):
            continue
        value: object = getattr(body, each.name)
        if not is_marked and (value is AUTO or value in (None, 0, "", b"", [], ())):
            continue
        text = f"{each.name}={_value(value)}"
        shown.append(f" >>{text}<<" if is_marked else f" {text}")
    return "".join(shown)


def _value(value: object) -> str:
    if isinstance(value, Enum):
        return value.name or repr(value.value)
    if isinstance(value, bool) or not isinstance(value, int):
        return _other(value)
    return f"{value:#x}"


def _other(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex() if len(value) <= _SHOWN_BYTES else f"<{len(value)} bytes>"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    if isinstance(value, str):
        return repr(value)
    name = getattr(value, "name", None) or getattr(value, "context_type", None)
    return f"<{type(value).__name__}{'' if name is None else f' {name!r}'}>"
