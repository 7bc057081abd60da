"""Sending: headers, credits, signatures, seals ([MS-SMB2] 3.3.4.1 to 3.3.4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.request import Reply, Request
from smbtorture_py.wire.codec import HEADER_SIZE, Body, Buffer, align
from smbtorture_py.wire.framing import encode_frame_header
from smbtorture_py.wire.header import Command, Header, HeaderFlags
from smbtorture_py.wire.notification import ServerToClientNotification
from smbtorture_py.wire.oplock_break import LeaseBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.session import Session
    from smbtorture_py.server.tree_connect import TreeConnect

_ALIGNMENT: Final = 8


@dataclass(slots=True)
class Response:
    """One response on its way: the request it answers and what it says."""

    request: Request
    reply: Reply
    is_interim: bool = False


def send_responses(connection: Connection, responses: Sequence[Response]) -> None:
    """Send responses compounded where they are several, in messages that are not too long (3.3.4.1.3)."""
    if len(responses) == 1:
        _send_message(connection, responses)
        return
    limit = connection.server.policies.message.maximum_length(connection)
    group: list[Response] = []
    size = 0
    for response in responses:
        more = align(HEADER_SIZE + sum(map(len, _body(connection, response.reply).parts())), _ALIGNMENT)
        if group and size + more > limit:
            _send_message(connection, group)
            group, size = [], 0
        group.append(response)
        size += more
    _send_message(connection, group)


def _send_message(connection: Connection, responses: Sequence[Response]) -> None:
    """Send responses as one message."""
    parts: list[Buffer] = []
    last = len(responses) - 1
    for index, response in enumerate(responses):
        parts += _encode(connection, response, is_first=index == 0, is_last=index == last)
    encryption = connection.server.policies.encryption
    for response in responses:
        session = response.request.session
        if session is not None and session.encryption_key and encryption.response_is_sealed(response.request):
            transmit(connection, [connection.server.message_encryptor.seal(connection, session, parts)])
            return
    transmit(connection, parts)


def transmit(connection: Connection, parts: Sequence[Buffer]) -> None:
    """Frame a message and hand it to the transport."""
    size = sum(map(len, parts))
    framed: list[Buffer] = [encode_frame_header(size), *parts]
    connection.bytes_written += size + len(framed[0])
    connection.transport.write(framed)


def _encode(connection: Connection, response: Response, *, is_first: bool, is_last: bool) -> list[Buffer]:
    """The bytes of one response, signed where it must be, padded where another follows."""
    reply = response.reply
    header = _header(connection, response, is_first=is_first)
    parts: list[Buffer] = [b"", *_body(connection, reply).parts()]
    size = HEADER_SIZE + sum(map(len, parts))
    padded = align(size, _ALIGNMENT)
    if not is_last:
        header.next_command = padded
    if not is_last or (not is_first and connection.server.policies.compound.pads_last()):
        parts.append(bytes(padded - size))
    _sign(connection, response, header, parts)
    parts[0] = header.encode()
    if reply.on_encoded is not None:
        reply.on_encoded(parts)
    return parts


def _header(connection: Connection, response: Response, *, is_first: bool) -> Header:
    """The request's header with the changes of 3.3.4.2, 3.3.4.3 and 3.3.4.4."""
    request, reply = response.request, response.reply
    policies = connection.server.policies
    flags = HeaderFlags.SERVER_TO_REDIR | policies.message.response_flags(request)
    if is_first and request.is_related:
        flags &= ~HeaderFlags.RELATED_OPERATIONS
    if request.async_id:
        flags |= HeaderFlags.ASYNC_COMMAND
    return Header(
        command=request.header.command,
        message_id=request.header.message_id,
        flags=flags,
        status=reply.status,
        credit_charge=policies.message.response_credit_charge(request),
        credits=_grant(request),
        session_id=policies.message.response_session_id(request),
        tree_id=request.tree_id,
        async_id=request.async_id,
        process_id=request.header.process_id,
    )


def _grant(request: Request) -> int:
    """Grant credits and let the window grow by them (3.3.4.1.2); an asynchronous request gets them once."""
    policy = request.connection.server.policies.credit
    if request.credits_granted:
        return policy.granted_by_final(request)
    request.credits_granted = True
    return request.connection.command_sequence_window.grow(policy.granted(request))


def _body(connection: Connection, reply: Reply) -> Body:
    """The body of a reply; without one, an ERROR response with the reply's ErrorData (2.2.2, 3.3.4.4)."""
    if reply.body is not None:
        return reply.body
    return connection.server.policies.message.error_response(connection, reply)


def _sign(connection: Connection, response: Response, header: Header, parts: list[Buffer]) -> None:
    """Sign the message where it must be signed and is not sealed (3.3.4.1.1)."""
    request, reply = response.request, response.reply
    policies = connection.server.policies
    session = request.session
    if session is None:
        if not response.is_interim and policies.signing.keyless_error_repeats_signature(request, reply):
            header.flags |= HeaderFlags.SIGNED
            header.signature = request.header.signature
        return
    if session.encryption_key and policies.encryption.response_is_sealed(request):
        wanted = policies.signing.sealed_response_is_signed(request)
    elif response.is_interim:
        wanted = policies.signing.interim_is_signed(request)
    else:
        wanted = policies.signing.response_is_signed(request, reply)
    if not wanted:
        return
    key = policies.signing.response_key(request, reply, session)
    if not key:
        return
    header.flags |= HeaderFlags.SIGNED
    parts[0] = header.encode()
    algorithm = policies.signing.algorithm(request, session, key)
    header.signature = connection.server.signer.sign(algorithm, key, header, parts)


def send_unsolicited(
    connection: Connection, body: Body, session: Session | None, tree: TreeConnect | None
) -> None:
    """Send a message that answers nothing (3.3.4.6, 3.3.4.7)."""
    if not connection.is_open:
        return
    header = connection.server.policies.message.unsolicited_header(
        connection, _unsolicited_command(body), _unsolicited_session_id(connection, body, session)
    )
    parts: list[Buffer] = [header.encode(), *body.parts()]
    encryption = connection.server.policies.encryption
    if (
        session is not None
        and session.encryption_key
        and encryption.unsolicited_is_sealed(connection, session, tree)
    ):
        transmit(connection, [connection.server.message_encryptor.seal(connection, session, parts)])
        return
    channel = None if session is None else session.channel_list.find(connection)
    if session is not None and channel is not None and _unsolicited_is_signed(connection, body, session):
        header.flags |= HeaderFlags.SIGNED
        parts[0] = header.encode()
        signer = connection.server.signer
        header.signature = signer.sign(signer.algorithm(connection), channel.signing_key, header, parts)
        parts[0] = header.encode()
    transmit(connection, parts)


def _unsolicited_is_signed(connection: Connection, body: Body, session: Session) -> bool:
    """Notifications and breaks have rules of their own (4.11.1, 3.3.4.6, 3.3.4.7)."""
    policy = connection.server.policies.signing
    if isinstance(body, ServerToClientNotification):
        return policy.notification_is_signed(session)
    return policy.unsolicited_is_signed(session)


def _unsolicited_session_id(connection: Connection, body: Body, session: Session | None) -> int:
    """Open.Session.SessionId where an oplock breaks (3.3.4.6) or a session is closed (4.11), else 0
    (3.3.4.7)."""
    if session is None or isinstance(body, LeaseBreakNotification):
        return 0
    names_session = connection.server.policies.oplock.break_names_session()
    return session.session_id if names_session or isinstance(body, ServerToClientNotification) else 0


def _unsolicited_command(body: Body) -> Command:
    """SERVER_TO_CLIENT_NOTIFICATION for such a body, OPLOCK_BREAK for every other."""
    if isinstance(body, ServerToClientNotification):
        return Command.SERVER_TO_CLIENT_NOTIFICATION
    return Command.OPLOCK_BREAK
