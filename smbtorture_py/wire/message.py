"""Whole SMB2 messages and chains of them: header and body, to bytes and back ([MS-SMB2] 2.2.1, 3.2.5.1.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbtorture_py.wire.close import CloseRequest, CloseResponse
from smbtorture_py.wire.codec import AUTO, HEADER_SIZE, Body, Buffer, Finding, Findings, align
from smbtorture_py.wire.create import CreateRequest, CreateResponse
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.flush import FlushRequest, FlushResponse
from smbtorture_py.wire.header import MESSAGE_ID_UNSOLICITED, PROTOCOL_ID, Command, Header
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.lock import LockRequest, LockResponse
from smbtorture_py.wire.logoff import LogoffRequest, LogoffResponse
from smbtorture_py.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbtorture_py.wire.notification import ServerToClientNotification
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
    OplockBreakResponse,
)
from smbtorture_py.wire.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from smbtorture_py.wire.query_info import QueryInfoRequest, QueryInfoResponse
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.session_setup import SessionSetupRequest, SessionSetupResponse
from smbtorture_py.wire.set_info import SetInfoRequest, SetInfoResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbtorture_py.wire.write import WriteRequest, WriteResponse


class Direction(Enum):
    """Which way a message goes; bodies of requests and responses differ."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(slots=True, kw_only=True)
class RawBody(Body):
    """Base of bodies that are bytes and nothing else: decoding keeps all that follows the header."""

    data: Buffer = b""

    def parts(self) -> list[Buffer]:
        """Return the bytes as they are."""
        return [self.data]

    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:  # noqa: ARG002
        """Return nothing: there is no fixed part."""
        return b""

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:  # noqa: ARG003 - nothing can be odd
        """Decode; see `Body.decode`."""
        return cls(data=data[HEADER_SIZE:])


@dataclass(slots=True, kw_only=True)
class Malformed(RawBody):
    """What follows a header where it cannot be the body that the header announces."""


@dataclass(slots=True, kw_only=True)
class UnknownBody(RawBody):
    """What follows a header whose command code does not exist, or is not sent in this direction."""


@dataclass(slots=True)
class Message:
    """One SMB2 message: its header, and its body with any bytes that trail it."""

    header: Header
    body: Body


_REQUESTS: Final[Mapping[int, type[Body]]] = {
    Command.NEGOTIATE: NegotiateRequest,
    Command.SESSION_SETUP: SessionSetupRequest,
    Command.LOGOFF: LogoffRequest,
    Command.TREE_CONNECT: TreeConnectRequest,
    Command.TREE_DISCONNECT: TreeDisconnectRequest,
    Command.CREATE: CreateRequest,
    Command.CLOSE: CloseRequest,
    Command.FLUSH: FlushRequest,
    Command.READ: ReadRequest,
    Command.WRITE: WriteRequest,
    Command.LOCK: LockRequest,
    Command.IOCTL: IoctlRequest,
    Command.CANCEL: CancelRequest,
    Command.ECHO: EchoRequest,
    Command.QUERY_DIRECTORY: QueryDirectoryRequest,
    Command.CHANGE_NOTIFY: ChangeNotifyRequest,
    Command.QUERY_INFO: QueryInfoRequest,
    Command.SET_INFO: SetInfoRequest,
    Command.OPLOCK_BREAK: OplockBreakAcknowledgment,
}
_RESPONSES: Final[Mapping[int, type[Body]]] = {
    Command.NEGOTIATE: NegotiateResponse,
    Command.SESSION_SETUP: SessionSetupResponse,
    Command.LOGOFF: LogoffResponse,
    Command.TREE_CONNECT: TreeConnectResponse,
    Command.TREE_DISCONNECT: TreeDisconnectResponse,
    Command.CREATE: CreateResponse,
    Command.CLOSE: CloseResponse,
    Command.FLUSH: FlushResponse,
    Command.READ: ReadResponse,
    Command.WRITE: WriteResponse,
    Command.LOCK: LockResponse,
    Command.IOCTL: IoctlResponse,
    Command.ECHO: EchoResponse,
    Command.QUERY_DIRECTORY: QueryDirectoryResponse,
    Command.CHANGE_NOTIFY: ChangeNotifyResponse,
    Command.QUERY_INFO: QueryInfoResponse,
    Command.SET_INFO: SetInfoResponse,
    Command.OPLOCK_BREAK: OplockBreakResponse,
    Command.SERVER_TO_CLIENT_NOTIFICATION: ServerToClientNotification,
}
_LEASE_BREAK_RESPONSES: Final[Mapping[int, type[Body]]] = {
    LeaseBreakNotification.STRUCTURE_SIZE: LeaseBreakNotification,
    LeaseBreakResponse.STRUCTURE_SIZE: LeaseBreakResponse,
}
_BREAKS: Final = (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    OplockBreakNotification,
)
_COMMANDS: Final[Mapping[type[Body], Command]] = {
    **{body: Command(command) for table in (_REQUESTS, _RESPONSES) for command, body in table.items()},
    **dict.fromkeys(_BREAKS, Command.OPLOCK_BREAK),
}
_NO_ERROR: Final = frozenset(
    {
        (Command.SESSION_SETUP, Status.MORE_PROCESSING_REQUIRED),
        (Command.QUERY_INFO, Status.BUFFER_OVERFLOW),
        (Command.IOCTL, Status.BUFFER_OVERFLOW),
        (Command.READ, Status.BUFFER_OVERFLOW),
        (Command.IOCTL, Status.INVALID_PARAMETER),
        (Command.CHANGE_NOTIFY, Status.NOTIFY_ENUM_DIR),
    }
)
"""Where a status that is not success comes with the command's own response ([MS-SMB2] 3.3.4.4)."""
_EITHER: Final = frozenset({Status.BUFFER_OVERFLOW, Status.INVALID_PARAMETER})
_CHAIN_BOUNDARY: Final = 8


def command_of(body: Body) -> Command:
    """Return the command that a body belongs to; raises ValueError for an ErrorResponse or raw bytes."""
    command = _COMMANDS.get(type(body))
    if command is None:
        raise ValueError(f"a {type(body).__name__} belongs to no one command")
    return command


def decode_chain(frame: Buffer, direction: Direction, findings: Findings) -> list[Message]:
    """Decode the message or the compound chain that a frame holds; offsets of findings count from its
    start.

    Never raises. The list is empty only where the frame is shorter than a header; a NextCommand that leads
    nowhere ends the chain, with a finding, and the bytes it skipped trail the last message.
    """
    view = memoryview(frame)
    messages: list[Message] = []
    start = 0
    while (header := Header.decode(view, findings, start)) is not None:
        end = len(view)
        following = header.next_command
        if following:
            at = f"{following} in a message with {end - start} bytes left"
            if following < HEADER_SIZE or end - start - following < HEADER_SIZE:
                findings.append(Finding(start + 20, "NextCommand", at))
                following = 0
            else:
                end = start + following
                if following % _CHAIN_BOUNDARY:
                    findings.append(Finding(start + 20, "NextCommand", f"{at}, not 8-byte aligned"))
        before = len(findings)
        body = decode_body(header, view[start:end] if start or end < len(view) else view, direction, findings)
        if start:
            for index in range(before, len(findings)):
                finding = findings[index]
                findings[index] = Finding(finding.offset + start, finding.field, finding.problem)
        messages.append(Message(header, body))
        if not following:
            break
        start = end
    return messages


def decode_body(header: Header, data: memoryview, direction: Direction, findings: Findings) -> Body:
    """Decode the body of the message `data`, which starts with `header`; what cannot be is Malformed."""
    if header.protocol_id != PROTOCOL_ID:
        return Malformed(data=data[HEADER_SIZE:])
    size = int.from_bytes(data[HEADER_SIZE : HEADER_SIZE + 2], "little")
    if direction is Direction.REQUEST:
        kind = _REQUESTS.get(header.command)
        if kind is OplockBreakAcknowledgment and size == LeaseBreakAcknowledgment.STRUCTURE_SIZE:
            kind = LeaseBreakAcknowledgment
    else:
        kind = _response_kind(header, size, findings)
    if kind is None:
        findings.append(
            Finding(12, "Command", f"{header.command:#06x} does not exist as a {direction.value}")
        )
        return UnknownBody(data=data[HEADER_SIZE:])
    return kind.decode(data, findings) or Malformed(data=data[HEADER_SIZE:])


def _response_kind(header: Header, size: int, findings: Findings) -> type[Body] | None:
    """Return what a response holds: ERROR or not follows the status, but StructureSize has the last word."""
    kind = _RESPONSES.get(header.command)
    if kind is OplockBreakResponse:
        if header.message_id == MESSAGE_ID_UNSOLICITED:
            kind = OplockBreakNotification
        kind = _LEASE_BREAK_RESPONSES.get(size, kind)
    if kind is None or kind is ServerToClientNotification:
        return kind
    status = header.status
    is_error = status != Status.SUCCESS and (header.command, status) not in _NO_ERROR
    if ErrorResponse.STRUCTURE_SIZE != kind.STRUCTURE_SIZE:
        found_error = size == ErrorResponse.STRUCTURE_SIZE
        if (found_error or size == kind.STRUCTURE_SIZE) and found_error != is_error:
            if status not in _EITHER:
                findings.append(Finding(8, "Status", f"{status:#010x} with StructureSize {size}"))
            is_error = found_error
    return ErrorResponse if is_error else kind


def encode_chain(messages: Sequence[Message]) -> list[list[Buffer]]:
    """Encode messages that share a frame, each into its parts; the first part is its header, a bytearray.

    A signature may be written into that header. Every message but the last is padded to 8 bytes, and
    NextCommand filled in where it is AUTO; a NextCommand that is set to where the unpadded message ends
    leaves the padding out.
    """
    chain: list[list[Buffer]] = []
    last = len(messages) - 1
    for index, message in enumerate(messages):
        header = bytearray(message.header.encode())
        parts: list[Buffer] = [header, *message.body.parts()]
        if index < last:
            size = sum(map(len, parts))
            padded = align(size, _CHAIN_BOUNDARY)
            if message.header.next_command is AUTO:
                header[20:24] = padded.to_bytes(4, "little")
            if padded != size and message.header.next_command != size:
                parts.append(bytes(padded - size))
        chain.append(parts)
    return chain
