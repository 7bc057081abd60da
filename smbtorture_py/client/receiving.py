"""From a received frame to answered requests, verified as a client must ([MS-SMB2] 3.2.5.1).

A message that a client has to discard is still given to its request where there is one, with a `Violation`: a
case then says what was wrong, where discarding would leave it with a time-out. One that cannot be decrypted
ends the wait of the request that named its session.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.client.exchange import Exchange, Notification
from smbtorture_py.client.session import Session
from smbtorture_py.client.violation import Rule
from smbtorture_py.crypto.signing import verify_signature
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import Buffer, Findings
from smbtorture_py.wire.header import (
    COMPRESSION_PROTOCOL_ID,
    MESSAGE_ID_UNSOLICITED,
    PROTOCOL_ID,
    TRANSFORM_PROTOCOL_ID,
    Command,
    HeaderFlags,
)
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.message import Direction, Message, decode_chain
from smbtorture_py.wire.status import Status, status_name
from smbtorture_py.wire.transform import TRANSFORM_HEADER_SIZE, TransformFlags, TransformHeader
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection

_HASHED: Final = (Command.NEGOTIATE, Command.SESSION_SETUP)
_UNSOLICITED: Final = (Command.OPLOCK_BREAK, Command.SERVER_TO_CLIENT_NOTIFICATION)
_SESSION_GONE: Final = (Status.USER_SESSION_DELETED, Status.NETWORK_SESSION_EXPIRED)
"""Statuses of a server that may have no key of the session any more, or never had one: it cannot sign or
encrypt them."""


def receive(connection: Connection, frame: Buffer, now: float) -> None:
    """Process one frame, without its transport header."""
    view = memoryview(frame)
    protocol_id = bytes(view[:4])
    if protocol_id == TRANSFORM_PROTOCOL_ID:
        _transformed(connection, view, now)
    elif protocol_id == PROTOCOL_ID:
        _plain(connection, view, None, now)
    elif protocol_id == COMPRESSION_PROTOCOL_ID:
        connection.violate(Rule.COMPRESSION, "compressed message, but no compression was negotiated", now)
    else:
        connection.violate(
            Rule.PROTOCOL_ID, f"frame of {len(view)} bytes begins with {protocol_id.hex()}", now
        )


def _transformed(connection: Connection, frame: memoryview, now: float) -> None:
    """Decrypt a message ([MS-SMB2] 3.2.5.1.1.1)."""
    if len(frame) <= TRANSFORM_HEADER_SIZE:
        connection.violate(Rule.DECRYPTION, f"{len(frame)} bytes are no more than a TRANSFORM_HEADER", now)
        return
    findings: Findings = []
    transform = TransformHeader.decode(frame, findings)
    if transform is None:
        connection.violate(Rule.DECRYPTION, "; ".join(map(str, findings)), now)
        return
    if connection.transform_tap is not None:
        connection.transform_tap(transform, len(frame) - TRANSFORM_HEADER_SIZE)
    if transform.flags != TransformFlags.ENCRYPTED:
        connection.violate(Rule.DECRYPTION, f"Flags/EncryptionAlgorithm is {transform.flags:#x}, not 1", now)
    session = connection.session_table.get(transform.session_id)
    waiting = _waiting_for(connection, transform.session_id)
    used = session or next((one.session for one in waiting if one.session is not None), None)
    decryptor = used.decryptor(connection) if used is not None else None
    if used is None or decryptor is None:
        problem = f"encrypted for SessionId {transform.session_id:#x}, which has no key here"
        _unreadable(connection, waiting, problem, now)
        return
    if session is None:
        problem = f"encrypted for SessionId {transform.session_id:#x}, which is of no session here"
        connection.violate(Rule.DECRYPTION, problem, now, waiting[0] if len(waiting) == 1 else None)
    opened = decryptor.open(frame)
    if opened is None:
        _unreadable(connection, waiting, "the message cannot be decrypted: wrong signature", now)
        return
    if transform.original_message_size != len(opened):
        problem = f"OriginalMessageSize is {transform.original_message_size}, the message has {len(opened)}"
        connection.violate(Rule.DECRYPTION, f"{problem} bytes", now)
    if connection.plain_tap is not None:
        connection.plain_tap(Direction.RESPONSE, opened)
    protocol_id = bytes(opened[:4])
    if protocol_id != PROTOCOL_ID:
        connection.violate(Rule.DECRYPTION, f"the decrypted message begins with {protocol_id.hex()}", now)
        return
    _plain(connection, opened, used, now)


def _waiting_for(connection: Connection, session_id: int) -> list[Exchange]:
    """Return the outstanding requests that named a session, encrypted or not, known here or not."""
    outstanding = (exchange for queue in connection.outstanding_requests.values() for exchange in queue)
    return [one for one in outstanding if one.request.header.session_id == session_id]


def _unreadable(connection: Connection, waiting: Sequence[Exchange], problem: str, now: float) -> None:
    """Record a message that cannot be decrypted, and end the wait of the request it must belong to."""
    exchange = waiting[0] if len(waiting) == 1 else None
    connection.violate(Rule.DECRYPTION, problem, now, exchange)
    if exchange is not None:
        exchange.unreadable = True


def _plain(connection: Connection, frame: memoryview, decrypted_with: Session | None, now: float) -> None:
    """Take a frame of SMB2 messages apart ([MS-SMB2] 3.2.5.1.9) and process each."""
    findings: Findings = []
    messages = decode_chain(frame, Direction.RESPONSE, findings)
    position = 0
    answered: list[Exchange] = []
    for index, message in enumerate(messages):
        following = message.header.next_command
        end = position + following if following and index + 1 < len(messages) else len(frame)
        raw = frame[position:end]
        session_id = message.header.session_id
        if decrypted_with is not None and session_id != decrypted_with.session_id:
            problem = f"SessionId {session_id:#x} in a message encrypted for {decrypted_with.session_id:#x}"
            connection.violate(Rule.TRANSFORM_SESSION_ID, problem, now)
        exchange = _message(connection, message, raw, decrypted_with is not None, now)
        if exchange is not None:
            answered.append(exchange)
        position = end
    for finding in findings:
        connection.violate(Rule.FORMAT, str(finding), now, answered[0] if len(answered) == 1 else None)
    connection.send_waiting()


def _message(
    connection: Connection, message: Message, raw: memoryview, decrypted: bool, now: float
) -> Exchange | None:
    """Process one message in the order of [MS-SMB2] 3.2.5.1.2 to 3.2.5.1.8; return the request it belongs
    to."""
    header = message.header
    if not header.has(HeaderFlags.SERVER_TO_REDIR):
        connection.violate(Rule.HEADER, "SMB2_FLAGS_SERVER_TO_REDIR is not set", now)
    # 3.2.5.1.2 Finding the Application Request for This Response
    if header.message_id == MESSAGE_ID_UNSOLICITED:
        _unsolicited(connection, message, decrypted, now)
        return None
    queue = connection.outstanding_requests.get(header.message_id)
    if not queue:
        connection.discarded.append(message)
        connection.violate(
            Rule.UNKNOWN_MESSAGE_ID,
            f"MessageId {header.message_id} belongs to no outstanding request ({status_name(header.status)})",
            now,
        )
        return None
    exchange = queue[0]
    is_interim = header.status == Status.PENDING and header.has(HeaderFlags.ASYNC_COMMAND)
    # 3.2.5.1.3 Verifying the Signature
    if not is_interim:
        exchange.decrypted = decrypted
        exchange.response_signed = header.has(HeaderFlags.SIGNED)
        if header.command in _HASHED:
            exchange.response_bytes = bytes(raw)
        _verify_protection(connection, exchange, message, raw, now)
    # 3.2.5.1.4 Granting Message Credits
    connection.sequence_window.grant(header.credits)
    connection.credits_requested -= exchange.credits_requested
    exchange.credits_requested = 0
    # 3.2.5.1.5 Handling Asynchronous Responses
    _verify_async(connection, exchange, message, now)
    if is_interim:
        exchange.interim.append(message)
        exchange.interim_decrypted = decrypted
        if exchange.encrypted and not decrypted:
            problem = "the request was encrypted, its interim response is not"
            connection.violate(Rule.NOT_ENCRYPTED, problem, now, exchange)
        exchange.async_id = header.async_id
        return exchange
    # 3.2.5.1.8 Processing the Response
    _verify_header(connection, exchange, message, now)
    queue.pop(0)
    if not queue:
        del connection.outstanding_requests[header.message_id]
    exchange.response = message
    exchange.answered_at = now
    _check_credits(connection, exchange, now)
    _update_state(exchange)
    return exchange


def _unsolicited(connection: Connection, message: Message, decrypted: bool, now: float) -> None:
    """Keep a message the server sent unasked ([MS-SMB2] 3.2.5.19, 3.2.5.20)."""
    if message.header.command not in _UNSOLICITED:
        connection.discarded.append(message)
        connection.violate(
            Rule.UNSOLICITED_COMMAND, f"unsolicited message with command {message.header.command:#x}", now
        )
        return
    if (
        message.header.command == Command.SERVER_TO_CLIENT_NOTIFICATION
        and not connection.supports_notifications
    ):
        connection.violate(Rule.UNSOLICITED_COMMAND, "a notification, but none were negotiated", now)
    connection.notifications.append(Notification(connection, message, now, decrypted))


def verify(connection: Connection, exchange: Exchange, key: bytes, now: float) -> bool:
    """Verify the signature of a kept SESSION_SETUP response with a key that was not known when it came;
    record what is wrong."""
    assert exchange.response is not None
    return _verify_signature(
        connection, exchange, exchange.response, memoryview(exchange.response_bytes), key, now
    )


def _verify_protection(
    connection: Connection, exchange: Exchange, message: Message, raw: memoryview, now: float
) -> None:
    """Verify that a final response is encrypted or signed as it must be ([MS-SMB2] 3.2.5.1.3, 3.3.4.1.1,
    3.3.4.1.4).

    The last response of an authentication is left to `verify`: its key comes from the token it carries.
    """
    header, session = message.header, exchange.session
    if exchange.decrypted or session is None:
        return
    is_session_setup = header.command == Command.SESSION_SETUP
    known_here = connection.session_table.get(session.session_id) is session
    if exchange.encrypted and known_here and header.status not in _SESSION_GONE:
        connection.violate(
            Rule.NOT_ENCRYPTED, "the request was encrypted, its response is not", now, exchange
        )
    if is_session_setup and header.status == Status.SUCCESS:
        return
    if exchange.response_signed:
        # A server without such a session has no key of it; some mark the refusal as signed all the same.
        is_keyless = header.status == Status.USER_SESSION_DELETED
        if not is_keyless and (known_here or is_session_setup):
            key = session.signing_key_for(connection, whole_session=is_session_setup)
            _verify_signature(connection, exchange, message, raw, key, now)
        return
    if not known_here or header.status in _SESSION_GONE or not exchange.is_signed_right:
        return
    if session.signing_required:
        connection.violate(
            Rule.SIGNATURE, "the session requires signing, the response is not signed", now, exchange
        )
    else:
        connection.violate(Rule.NOT_SIGNED, "the request was signed, its response is not", now, exchange)


def _verify_signature(
    connection: Connection, exchange: Exchange, message: Message, raw: memoryview, key: bytes, now: float
) -> bool:
    """Verify one signature ([MS-SMB2] 3.1.5.1); False, recorded, where it is wrong, False also for want of a
    key.
    """
    if not key:
        return False
    valid = exchange.signature_valid = _is_signed_with(connection, message, raw, key)
    if valid:
        return True
    session = exchange.session
    if session is not None and key == session.signing_key:
        channel = session.channel(connection)
        if channel is not None and _is_signed_with(connection, message, raw, channel.signing_key):
            problem = "signed with Channel.SigningKey where Session.SigningKey is due"
            connection.violate(Rule.SESSION_SETUP_KEY, problem, now, exchange)
            return False
    connection.violate(Rule.SIGNATURE, "the signature of the response is wrong", now, exchange)
    return False


def _is_signed_with(connection: Connection, message: Message, raw: memoryview, key: bytes) -> bool:
    return verify_signature(
        connection.signing_algorithm,
        key,
        [raw],
        message_id=message.header.message_id,
        is_server=True,
        is_cancel=False,
    )


def _verify_async(connection: Connection, exchange: Exchange, message: Message, now: float) -> None:
    """Verify flag and AsyncId of interim and final responses ([MS-SMB2] 3.2.5.1.5, 3.3.4.2)."""
    header = message.header
    is_async = header.has(HeaderFlags.ASYNC_COMMAND)
    if header.status == Status.PENDING:
        if not is_async:
            connection.violate(Rule.ASYNC, "STATUS_PENDING without SMB2_FLAGS_ASYNC_COMMAND", now, exchange)
        elif exchange.interim:
            connection.violate(Rule.ASYNC, "a second interim response", now, exchange)
        elif not header.async_id:
            connection.violate(Rule.ASYNC, "the AsyncId of an interim response is zero", now, exchange)
    elif exchange.async_id is not None:
        if not is_async:
            connection.violate(
                Rule.ASYNC, "an interim response went before, this one is not async", now, exchange
            )
        elif header.async_id != exchange.async_id:
            connection.violate(
                Rule.ASYNC,
                f"AsyncId {header.async_id:#x}, interim response {exchange.async_id:#x}",
                now,
                exchange,
            )


def _verify_header(connection: Connection, exchange: Exchange, message: Message, now: float) -> None:
    """Verify that the response answers the request: command ([MS-SMB2] 3.2.5.1.8) and SessionId (2.2.1.2)."""
    header, request = message.header, exchange.request.header
    if header.command != request.command:
        connection.violate(
            Rule.COMMAND, f"response with command {header.command:#x} to {request.command:#x}", now, exchange
        )
    own_session = request.command in _HASHED or request.has(HeaderFlags.RELATED_OPERATIONS)
    if not own_session and header.session_id != request.session_id:
        connection.violate(
            Rule.HEADER,
            f"SessionId {header.session_id:#x}, the request has {request.session_id:#x}",
            now,
            exchange,
        )


def _check_credits(connection: Connection, exchange: Exchange, now: float) -> None:
    """Record that the server left the client without any MessageId to go on with ([MS-SMB2] 3.3.1.2)."""
    if connection.sequence_window.credits == 0 and not connection.outstanding_requests:
        connection.violate(
            Rule.CREDITS, "no credit is left, and no request that could bring one", now, exchange
        )


def _update_state(exchange: Exchange) -> None:
    """Take what was ended with success out of the tables ([MS-SMB2] 3.2.5.4, 3.2.5.6, 3.2.5.9)."""
    session, tree = exchange.session, exchange.tree
    if session is None or exchange.status != Status.SUCCESS:
        return
    match exchange.request.body:
        case LogoffRequest():
            session.forget()
        case TreeDisconnectRequest() if tree is not None:
            session.tree_connect_table.pop(tree.tree_connect_id, None)
        case CloseRequest(file_id=file_id):
            session.open_table.pop(file_id, None)
        case _:
            pass
