"""Receiving: from a frame to the handler, in the order of [MS-SMB2] 3.3.5.2."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.chain import Chain
from smbtorture_py.server.handlers import smb1_negotiate
from smbtorture_py.server.request import Request
from smbtorture_py.wire.codec import HEADER_SIZE, Findings
from smbtorture_py.wire.header import (
    PROTOCOL_ID,
    SMB1_PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    Command,
    Header,
)
from smbtorture_py.wire.message import Direction, Message, decode_body
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TransformHeader

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection

_NEXT_COMMAND: Final = struct.Struct("<I")
_NEXT_COMMAND_OFFSET: Final = 20
_PROTOCOL_ID_SIZE: Final = 4


def receive_frame(connection: Connection, frame: memoryview, now: float) -> None:
    """Take one message off the transport (3.3.5.2); what is not acceptable ends the connection."""
    protocol_id = bytes(frame[:_PROTOCOL_ID_SIZE])
    if protocol_id == SMB1_PROTOCOL_ID:
        smb1_negotiate.receive(connection, frame, now)
        return
    sealed_session_id: int | None = None
    if protocol_id == TRANSFORM_PROTOCOL_ID:
        opened = _open(connection, frame)
        if opened is None:
            if connection.server.policies.encryption.unopened_ends_connection(connection):
                connection.disconnect(now)
            return
        frame, sealed_session_id = opened
        protocol_id = bytes(frame[:_PROTOCOL_ID_SIZE])
    policy = connection.server.policies.message
    # A compressed message: IsCompressionSupported is FALSE, so it ends the connection (3.3.5.2.1.2).
    if protocol_id != PROTOCOL_ID:
        if policy.unknown_protocol_ends_connection(connection):
            connection.disconnect(now)
        return
    if len(frame) < HEADER_SIZE:
        if policy.short_message_ends_connection(connection):
            connection.disconnect(now)
        return
    if policy.length_ends_connection(connection, len(frame)):
        connection.disconnect(now)
        return
    chain = _make_chain(connection, frame, sealed_session_id, now)
    if chain is None:
        connection.disconnect(now)
        return
    chain.run(now)


def _open(connection: Connection, frame: memoryview) -> tuple[memoryview, int] | None:
    """Decrypt a message (3.3.5.2.1.1); None ends the connection."""
    policy = connection.server.policies.encryption
    if not policy.connection_can_open(connection):
        return None
    if policy.short_frame_ends_connection(len(frame)):
        return None
    header = TransformHeader.decode(frame, [])
    if header is None or not policy.flags_are_right(header.flags):
        return None
    if policy.reserved_ends_connection(header.reserved):
        return None
    session = policy.opening_session(connection, header.session_id)
    if session is None:
        return None
    if policy.constrained_ends_connection(connection) or policy.unauthenticated_ends_connection(session):
        return None
    if not session.decryption_key:
        return None
    message = connection.server.message_encryptor.open(connection, session, frame)
    if message is None or policy.size_ends_connection(header.original_message_size, len(message)):
        return None
    if len(message) < HEADER_SIZE:
        return None
    return message, header.session_id


def _cut(frame: memoryview, limit: int) -> list[tuple[int, memoryview]] | None:
    """Cut a message into its requests, each with its offset; None where one is shorter than a header
    (3.3.5.2.6), or where there are more than `limit`."""
    pieces: list[tuple[int, memoryview]] = []
    offset = 0
    while len(pieces) < limit:
        rest = frame[offset:]
        if len(rest) < HEADER_SIZE or bytes(rest[:_PROTOCOL_ID_SIZE]) != PROTOCOL_ID:
            return None
        (next_command,) = _NEXT_COMMAND.unpack_from(rest, _NEXT_COMMAND_OFFSET)
        if not next_command:
            pieces.append((offset, rest))
            return pieces
        if next_command < HEADER_SIZE or next_command >= len(rest):
            return None
        pieces.append((offset, rest[:next_command]))
        offset += next_command
    return None


def _make_chain(
    connection: Connection, frame: memoryview, sealed_session_id: int | None, now: float
) -> Chain | None:
    """Register every request of a message, and check what ends the connection; None where something does."""
    policies = connection.server.policies
    pieces = _cut(frame, policies.compound.most_members(connection))
    if pieces is None:
        return None
    chain = Chain(connection)
    for offset, raw in pieces:
        findings: Findings = []
        header = Header.decode(raw, findings)
        if header is None:
            return None
        message = Message(header, decode_body(header, raw, Direction.REQUEST, findings))
        if policies.compound.misaligned_ends_connection(offset):
            return None
        if sealed_session_id is not None and policies.encryption.member_ends_connection(
            header, sealed_session_id, is_first=not chain.requests
        ):
            return None
        if policies.message.request_length_ends_connection(connection, header, len(raw)):
            return None
        if not policies.message.command_exists(
            header.command
        ) and policies.message.unknown_command_ends_connection(connection):
            return None
        if policies.message.must_negotiate_first(connection, header.command):
            return None
        request = _make_request(connection, chain, message, raw, sealed_session_id, now)
        request.findings = findings
        chain.requests.append(request)
        if header.command == Command.CANCEL:
            continue
        # 3.3.5.2.3: the MessageId, or the range of them, leaves the window for good.
        charge = policies.message.credit_charge(connection, header)
        if not connection.command_sequence_window.consume(
            header.message_id, charge
        ) and policies.message.bad_message_id_ends_connection(connection):
            return None
        connection.request_list[header.message_id] = request
    _judge_styles(chain)
    return chain


def _make_request(
    connection: Connection,
    chain: Chain,
    message: Message,
    raw: memoryview,
    sealed_session_id: int | None,
    now: float,
) -> Request:
    header = message.header
    return Request(
        connection=connection,
        message=message,
        chain=chain,
        raw=raw,
        receive_time=now,
        session_id=header.session_id,
        tree_id=header.tree_id,
        is_encrypted=sealed_session_id is not None,
        transform_session_id=sealed_session_id or 0,
    )


def _judge_styles(chain: Chain) -> None:
    """Tell related from unrelated chains (3.3.5.2.7); a mixed one fails as a whole."""
    policy = chain.connection.server.policies.compound
    requests = chain.requests
    chain.is_related = len(requests) > 1 and all(policy.is_related(request) for request in requests[1:])
    for status in (policy.first_related_status(requests[0]), policy.mixed_status(requests)):
        if status != Status.SUCCESS:
            chain.fail_rest = status
            return
