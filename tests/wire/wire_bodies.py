"""Hypothesis strategies for every body, made from the dataclass fields and the struct of the fixed part."""

from __future__ import annotations

import re
import struct
from dataclasses import fields
from enum import IntFlag
from typing import get_type_hints

from hypothesis import strategies as st

from smbtorture_py.wire.codec import AUTO, Body, FileId
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.error import ErrorContext, ErrorResponse
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.message import _BREAKS, _REQUESTS, _RESPONSES, Direction, Message, command_of
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectFlags, TreeConnectRequest

BODIES: list[type[Body]] = sorted(
    {*_REQUESTS.values(), *_RESPONSES.values(), *_BREAKS, ErrorResponse}, key=lambda body: body.__name__
)
REQUESTS = {*_REQUESTS.values(), _BREAKS[0]}
MUST_BE_ZERO = {
    "reserved",
    "reserved1",
    "reserved2",
    "security_flags",
    "smb_create_flags",
    "break_reason",
    "access_mask_hint",
    "share_mask_hint",
    "lease_duration",
    "remaining",
    "negotiate_context_offset",
    "negotiate_context_count",
}
ZERO_IN = {
    ("SessionSetupRequest", "channel"),
    ("IoctlResponse", "flags"),
    ("LeaseBreakAcknowledgment", "flags"),
    ("LeaseBreakResponse", "flags"),
    ("WriteResponse", "write_channel_info_offset"),
    ("WriteResponse", "write_channel_info_length"),
}
BITS = {"B": 8, "H": 16, "I": 32, "Q": 64}

text = st.text(st.characters(codec=None), max_size=12)
data = st.binary(max_size=40)


def codes(kind: type[Body]) -> list[str]:
    """The struct codes of the fixed part, one for each value."""
    found = []
    for count, code in re.findall(r"(\d*)([BHIQs])", kind.FIXED.format):
        found += [count + code] if code == "s" else [code] * int(count or 1)
    return found


def fixed_fields(kind: type[Body]) -> dict[str, tuple[int, str]]:
    """Name of each field of the fixed part, with its place in the unpacked struct and its code."""
    found: dict[str, tuple[int, str]] = {}
    names = [field.name for field in fields(kind) if field.name not in ("layout", "trailing")]
    left = codes(kind)
    place = 0
    for name in names:
        if place == len(left):
            break
        if name == "lock_sequence_number":
            continue
        found[name] = (place, left[place])
        place += 2 if name == "file_id" else 1
    assert place == len(left), kind
    return found


def bodies(kind: type[Body], *, free: bool = False) -> st.SearchStrategy[Body]:
    """Bodies with their computed fields left AUTO; conforming unless `free`."""
    hints = get_type_hints(kind)
    fixed = fixed_fields(kind)
    given: dict[str, st.SearchStrategy[object]] = {}
    for field in fields(kind):
        name, hint = field.name, hints[field.name]
        if name in ("layout", "trailing", "extension_reserved") or field.default is AUTO:
            continue
        if name in MUST_BE_ZERO or (kind.__name__, name) in ZERO_IN:
            given[name] = st.integers(0, 2 ** BITS[fixed[name][1]] - 1) if free else st.just(0)
        elif name == "file_id":
            given[name] = st.builds(FileId, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
        elif name == "lock_sequence_number":
            given[name] = st.integers(0, 15)
        elif name == "lock_sequence_index":
            given[name] = st.integers(0, 2**28 - 1)
        elif isinstance(hint, type) and issubclass(hint, IntFlag):
            given[name] = st.integers(0, 2 ** BITS[fixed[name][1]] - 1).map(hint)
        elif hint is int:
            given[name] = st.integers(0, 2 ** BITS[fixed[name][1]] - 1)
        elif hint is str:
            given[name] = text
        elif hint is bytes:
            given[name] = st.binary(min_size=16, max_size=16)
        elif name == "dialects":
            given[name] = st.lists(st.sampled_from([0x0202, 0x0210, 0x0300, 0x0302, 0x1234]), max_size=4)
        elif name == "locks":
            wide = st.integers(0, 2**64 - 1)
            flags = st.integers(0, 2**32 - 1).map(LockFlags)
            given[name] = st.lists(st.builds(LockElement, offset=wide, length=wide, flags=flags), max_size=3)
        elif name == "contexts":
            context = st.builds(CreateContext, st.binary(min_size=4, max_size=16), data)
            given[name] = st.lists(context, max_size=3)
        elif name in ("negotiate_contexts", "tree_connect_contexts"):
            given[name] = st.lists(st.builds(NegotiateContext, st.integers(0, 0xFFFF), data), max_size=3)
        elif name == "error_contexts":
            context = st.builds(ErrorContext, error_id=st.integers(0, 2**32 - 1), error_context_data=data)
            given[name] = st.lists(context, max_size=3)
        else:
            given[name] = data
    return st.builds(kind, **given).map(_agree)


def _agree(body: Body) -> Body:
    """Make the fields that decide about contexts say that they are there."""
    contexts = getattr(body, "negotiate_contexts", None)
    if contexts is not None and hasattr(body, "dialects"):
        if contexts:
            body.dialects.append(int(Dialect.SMB_3_1_1))
        body.negotiate_context_offset = body.negotiate_context_count = AUTO
    elif contexts is not None:
        body.dialect_revision = Dialect.SMB_3_1_1 if contexts else Dialect.SMB_2_1
    if isinstance(body, TreeConnectRequest):
        body.flags &= ~TreeConnectFlags.EXTENSION_PRESENT
        if body.tree_connect_contexts:
            body.flags |= TreeConnectFlags.EXTENSION_PRESENT
    if isinstance(body, ErrorResponse) and body.error_contexts:
        body.error_data = b""
    return body


def message(body: Body) -> tuple[Message, Direction]:
    """Put a header before a body that makes decoding choose the body's class again."""
    if isinstance(body, ErrorResponse):
        header = Header(Command.CREATE, status=Status.ACCESS_DENIED, flags=HeaderFlags.SERVER_TO_REDIR)
        return Message(header, body), Direction.RESPONSE
    direction = Direction.REQUEST if type(body) in REQUESTS else Direction.RESPONSE
    header = Header(command_of(body), message_id=7)
    if isinstance(body, OplockBreakNotification | LeaseBreakNotification):
        header.message_id = 2**64 - 1
    if direction is Direction.RESPONSE:
        header.flags = HeaderFlags.SERVER_TO_REDIR
    return Message(header, body), direction


def fixed_values(body: Body, encoded: bytes) -> tuple[object, ...]:
    return struct.unpack_from(body.FIXED.format, encoded)
