"""One readable time line over all channels: every message decoded, every event, every finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from enum import Enum
from typing import Final

from smbtorture_py.net.taps import (
    LENGTH_BYTES,
    CapturedEvent,
    CapturedFrame,
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
    appear by their length only, so no secret gets in.
    """
    start: float | None = None
    for record in records:
        start = record.at if start is None else start
        prefix = f"{record.at - start:12.6f}  {record.channel:<8}"
        if isinstance(record, CapturedEvent):
            yield f"{prefix} **  {record.kind.value} {record.local} {record.remote} {record.detail}".rstrip()
            continue
        arrow = _ARROWS[record.flow]
        for line in _message_lines(record):
            yield f"{prefix} {arrow}  {line}"


def _message_lines(record: CapturedFrame | CapturedPlain) -> Iterator[str]:
    payload = memoryview(record.data)
    mark = f"(inside frame {record.frame}) " if isinstance(record, CapturedPlain) else f"#{record.number} "
    if isinstance(record, CapturedFrame):
        payload = payload[LENGTH_BYTES:]
        if not record.complete:
            yield f"{mark}a piece of a frame, {len(record.data)} bytes"
            return
    kind = bytes(payload[: len(PROTOCOL_ID)])
    if kind != PROTOCOL_ID:
        yield f"{mark}{_ENVELOPES.get(kind, 'not SMB')}, {len(payload)} bytes"
        return
    findings: Findings = []
    for message in decode_chain(payload, _DIRECTIONS[record.flow], findings):
        yield f"{mark}{_header(message.header, record.flow)}{_body(message.body)}"
    for finding in findings:
        yield f"    ! {finding}"


def _header(header: Header, flow: Flow) -> str:
    command = header.command
    name = Command(command).name if command in tuple(Command) else f"command {command:#06x}"
    words = [name]
    if flow is Flow.RECEIVED:
        words.append(status_name(header.status))
    elif header.status:
        words.append(f"channel_sequence={header.channel_sequence}")
    words.append(f"mid={header.message_id}")
    words.append(f"credits={header.credits}/{header.credit_charge}")
    if header.session_id:
        words.append(f"sid={header.session_id:#x}")
    if header.async_id:
        words.append(f"async={header.async_id:#x}")
    elif header.tree_id:
        words.append(f"tid={header.tree_id:#x}")
    words.extend(flag.name or "" for flag in _FLAG_NAMES if header.flags & flag)
    return " ".join(words)


def _body(body: Body) -> str:
    shown = [f" | {type(body).__name__}"]
    for each in fields(body):
        if each.name in _LAYOUT_FIELDS or each.name.endswith(_LAYOUT_SUFFIXES):
            continue
        value: object = getattr(body, each.name)
        if value is AUTO or value in (None, 0, "", b"", [], ()):
            continue
        shown.append(f" {each.name}={_value(value)}")
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
