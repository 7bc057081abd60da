"""From a request to bytes on the wire ([MS-SMB2] 3.2.4.1): MessageId, credits, signature, encryption,
frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.client.credits import FIRST_MESSAGE_ID, MAX_CREDITS_IN_A_HEADER
from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.crypto.encryption import Encryptor, nonce_size
from smbtorture_py.crypto.signing import compute_signature
from smbtorture_py.wire.change_notify import ChangeNotifyRequest
from smbtorture_py.wire.codec import AUTO, Body, Buffer, auto
from smbtorture_py.wire.framing import encode_frame_header
from smbtorture_py.wire.header import SIGNATURE_OFFSET, SIGNATURE_SIZE, Command, Header, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.message import Direction, Message, command_of, encode_chain
from smbtorture_py.wire.negotiate import Dialect, NegotiateRequest
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.session_setup import SessionSetupFlags, SessionSetupRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.smb1 import Smb1NegotiateRequest
from smbtorture_py.wire.transform import TransformHeader
from smbtorture_py.wire.write import WriteRequest

if TYPE_CHECKING:
    from smbtorture_py.client.connection import Connection, Submission

PAYLOAD_OF_ONE_CREDIT: Final = 65536
"""Bytes of payload that one credit pays for ([MS-SMB2] 3.1.5.2)."""

_NO_TAMPER: Final = Tamper()
_HASHED: Final = (Command.NEGOTIATE, Command.SESSION_SETUP)


def payload_size(body: Body) -> int:
    """Return max(SendPayloadSize, expected ResponsePayloadSize) of a request in bytes ([MS-SMB2] 3.1.5.2,
    3.3.5.2.5)."""
    match body:
        case ReadRequest():
            return body.length
        case WriteRequest():
            return len(body.data)
        case IoctlRequest():
            return max(len(body.input), body.max_input_response + body.max_output_response)
        case QueryDirectoryRequest() | ChangeNotifyRequest():
            return body.output_buffer_length
        case QueryInfoRequest():
            return max(len(body.input_buffer), body.output_buffer_length)
        case SetInfoRequest():
            return len(body.buffer)
        case _:
            return 0


def credit_charge_of(connection: Connection, body: Body) -> int:
    """Return CreditCharge for a request ([MS-SMB2] 3.2.4.1.5): 0 on a connection without multi-credit.

    Computed for CHANGE_NOTIFY, QUERY_INFO and SET_INFO too: the client's rule (3.2.4.1.5) leaves them out,
    but the server's (3.3.5.2.5) checks them.
    """
    if not connection.supports_multi_credit or connection.dialect < Dialect.SMB_2_1:
        return 0
    return max(payload_size(body) - 1, 0) // PAYLOAD_OF_ONE_CREDIT + 1


def prepare(connection: Connection, submission: Submission, *, related: bool = False) -> Exchange:
    """Build the request with all header fields but MessageId and Signature; nothing is sent."""
    body, session, tree = submission.body, submission.session, submission.tree
    command = command_of(body) if submission.command is AUTO else submission.command
    charge = auto(submission.credit_charge, credit_charge_of(connection, body))
    is_cancel = command == Command.CANCEL
    used = 0 if is_cancel else max(charge, 1)
    flags = submission.flags
    if related:
        flags |= HeaderFlags.RELATED_OPERATIONS
    if submission.replay:
        flags |= HeaderFlags.REPLAY_OPERATION
    header = Header(
        command,
        flags=flags,
        credit_charge=charge,
        credits=submission.credit_request,
        session_id=auto(submission.session_id, session.session_id if session else 0),
        tree_id=auto(submission.tree_id, tree.tree_connect_id if tree else 0),
    )
    sequenced = connection.is_smb3 and (
        connection.supports_multi_channel or connection.supports_persistent_handles
    )
    header.channel_sequence = auto(
        submission.channel_sequence, session.channel_sequence if session is not None and sequenced else 0
    )
    exchange = Exchange(
        connection=connection,
        request=Message(header, body),
        session=session,
        tree=tree,
        sign=submission.sign,
        encrypt=submission.encrypt,
        tamper=submission.tamper,
        credit_charge=used,
        fixed_message_id=None if submission.message_id is AUTO else submission.message_id,
        expects_response=not is_cancel,
    )
    _note_illegal_sizes(connection, exchange)
    return exchange


def _credit_request(connection: Connection) -> int:
    """Return CreditRequest: what is missing to the target, once all that was asked for has come ([MS-SMB2]
    3.2.4.1.2)."""
    coming = connection.sequence_window.credits + connection.credits_requested
    needs = [sum(exchange.credit_charge for exchange in chain) for chain in connection.waiting]
    target = max(connection.config.credit_target, *needs) if needs else connection.config.credit_target
    return min(max(target - coming, 1), MAX_CREDITS_IN_A_HEADER)


def _note_illegal_sizes(connection: Connection, exchange: Exchange) -> None:
    body = exchange.request.body
    limits = {
        ReadRequest: connection.max_read_size,
        WriteRequest: connection.max_write_size,
    }
    limit = limits.get(type(body), connection.max_transact_size)
    size = payload_size(body)
    if size > limit:
        exchange.illegal.append(f"payload of {size} bytes, the server takes {limit}")
    if not connection.supports_multi_credit and size > PAYLOAD_OF_ONE_CREDIT:
        exchange.illegal.append(f"payload of {size} bytes on a connection without multi-credit")


def transmit(connection: Connection, chain: Sequence[Exchange]) -> bool:
    """Send requests in one frame; False, nothing changed, where the window has not the MessageIds for all
    of them."""
    window = connection.sequence_window.copy()
    message_ids: list[int] = []
    outside: list[Exchange] = []
    for exchange in chain:
        if exchange.fixed_message_id is None:
            taken = window.take(exchange.credit_charge)
            if taken is None:
                return False
            message_ids.append(taken)
            continue
        message_ids.append(exchange.fixed_message_id)
        if exchange.credit_charge and not window.use(exchange.fixed_message_id, exchange.credit_charge):
            outside.append(exchange)
    connection.sequence_window = window
    for exchange in outside:
        exchange.illegal.append(f"MessageId {exchange.fixed_message_id} is not in the window")
    encrypted = _encrypts(connection, chain[0])
    for exchange, message_id in zip(chain, message_ids, strict=True):
        exchange.request.header.message_id = message_id
        exchange.encrypted = encrypted
        _decide(connection, exchange)
    _send(connection, chain)
    return True


def _decide(connection: Connection, exchange: Exchange) -> None:
    """Settle credits and signature, then apply the tamper points before encoding."""
    tamper = exchange.tamper or _NO_TAMPER
    exchange.signed = _signs(connection, exchange)
    header = exchange.request.header
    if header.credits is AUTO:
        header.credits = _credit_request(connection)
    if exchange.expects_response:
        exchange.credits_requested = header.credits
        connection.credits_requested += header.credits
    if exchange.signed:
        header.flags |= HeaderFlags.SIGNED
    if tamper.header is not None:
        tamper.header(header)
    if tamper.message is not None:
        tamper.message(exchange.request)
    exchange.message_id = exchange.request.header.message_id


def _is_bind(body: Body) -> bool:
    return isinstance(body, SessionSetupRequest) and bool(body.flags & SessionSetupFlags.BINDING)


def _encrypts(connection: Connection, exchange: Exchange) -> bool:
    """Decide whether to encrypt ([MS-SMB2] 3.2.4.1.8)."""
    session, tree, tamper = exchange.session, exchange.tree, exchange.tamper or _NO_TAMPER
    if exchange.encrypt is not None:
        has_key = bool(tamper.encryption_key or (session is not None and session.encryption_key))
        if exchange.encrypt and not has_key:
            exchange.illegal.append("to be encrypted, but there is no key")
        return exchange.encrypt and has_key
    if session is None or not connection.is_smb3 or not connection.config.is_encryption_supported:
        return False
    if exchange.request.header.command == Command.NEGOTIATE or _is_bind(exchange.request.body):
        return False
    if session.is_guest or session.is_anonymous or not session.encryption_key:
        return False
    return session.encrypt_data or (tree is not None and tree.encrypt_data)


def _signs(connection: Connection, exchange: Exchange) -> bool:
    """Decide whether to sign ([MS-SMB2] 3.2.4.1.1; TREE_CONNECT on 3.1.1: 3.2.4.2.4; binding: 3.2.4.2.3)."""
    session = exchange.session
    key = _signing_key(connection, exchange)
    if exchange.sign is not None:
        if exchange.sign and not key:
            exchange.illegal.append("to be signed, but there is no key")
        return exchange.sign and bool(key)
    if session is None or exchange.encrypted or not key or not exchange.request.header.session_id:
        return False
    if session.signing_required or _is_bind(exchange.request.body):
        return True
    return (
        exchange.request.header.command == Command.TREE_CONNECT
        and connection.dialect >= Dialect.SMB_3_1_1
        and not session.is_guest
        and not session.is_anonymous
    )


def _signing_key(connection: Connection, exchange: Exchange) -> bytes:
    if exchange.tamper is not None and exchange.tamper.signing_key is not None:
        return exchange.tamper.signing_key
    if exchange.session is None:
        return b""
    # 3.2.4.1.1 wants Session.SigningKey for every SESSION_SETUP, but the server verifies a re-authentication
    # with Channel.SigningKey (3.3.5.2.4); on the first channel both are the same.
    return exchange.session.signing_key_for(connection, whole_session=_is_bind(exchange.request.body))


def _send(connection: Connection, chain: Sequence[Exchange]) -> None:
    """Encode, sign, encrypt and write one frame, and put its requests into the table of outstanding ones."""
    encoded = encode_chain([exchange.request for exchange in chain])
    messages = [_protect(connection, exchange, parts) for exchange, parts in zip(chain, encoded, strict=True)]
    now = connection.clock()
    for exchange, parts in zip(chain, messages, strict=True):
        exchange.sent_at = now
        if exchange.request.header.command in _HASHED:
            exchange.request_bytes = b"".join(parts)
        if exchange.expects_response and exchange.message_id is not None:
            connection.outstanding_requests.setdefault(exchange.message_id, []).append(exchange)
    frame: list[Buffer] = [part for parts in messages for part in parts]
    first = chain[0]
    tamper = first.tamper or _NO_TAMPER
    if first.encrypted:
        if connection.plain_tap is not None:
            connection.plain_tap(Direction.REQUEST, b"".join(frame))
        frame = [_seal(connection, first, frame)]
    if tamper.frame is None:
        write_frame(connection, frame)
        return
    whole = b"".join([encode_frame_header(sum(map(len, frame))), *frame])
    for piece in tamper.frame(whole):
        connection.write([piece])


def transmit_smb1(connection: Connection, request: Smb1NegotiateRequest) -> Exchange:
    """Send an SMB_COM_NEGOTIATE and expect its answer as MessageId 0 ([MS-SMB2] 3.2.4.2.2.1)."""
    message_id = FIRST_MESSAGE_ID
    exchange = Exchange(
        connection=connection,
        request=Message(Header(Command.NEGOTIATE, message_id), NegotiateRequest()),
        fixed_message_id=message_id,
        message_id=message_id,
    )
    if connection.lost is not None:
        exchange.lost = connection.lost
        return exchange
    if not connection.sequence_window.use(message_id):
        exchange.illegal.append("SMB_COM_NEGOTIATE is not the first message of the connection")
    exchange.sent_at = connection.clock()
    connection.outstanding_requests.setdefault(message_id, []).append(exchange)
    write_frame(connection, [request.encode()])
    return exchange


def write_frame(connection: Connection, parts: Sequence[Buffer]) -> None:
    """Write one frame: the transport header and `parts` ([MS-SMB2] 2.1)."""
    connection.write([encode_frame_header(sum(map(len, parts))), *parts])


def _protect(connection: Connection, exchange: Exchange, parts: list[Buffer]) -> list[Buffer]:
    """Sign one message and apply the tamper points before and after that."""
    tamper = exchange.tamper or _NO_TAMPER
    if tamper.unsigned is not None:
        whole = bytearray(b"".join(parts))
        tamper.unsigned(whole)
        parts = [whole]
    if exchange.signed:
        header = exchange.request.header
        algorithm = tamper.signing_algorithm
        signature = compute_signature(
            connection.signing_algorithm if algorithm is None else algorithm,
            _signing_key(connection, exchange),
            parts,
            message_id=header.message_id,
            is_server=False,
            is_cancel=header.command == Command.CANCEL,
        )
        first = bytearray(parts[0])
        first[SIGNATURE_OFFSET : SIGNATURE_OFFSET + SIGNATURE_SIZE] = signature
        parts = [first, *parts[1:]]
        header.signature = signature
    if tamper.signed is not None:
        whole = bytearray(b"".join(parts))
        tamper.signed(whole)
        parts = [whole]
    return parts


def _transform_session_id(exchange: Exchange) -> int:
    """Return Session.SessionId ([MS-SMB2] 3.1.4.3); without a session what the message says."""
    return exchange.session.session_id if exchange.session else exchange.request.header.session_id


def _seal(connection: Connection, exchange: Exchange, parts: Sequence[Buffer]) -> bytearray:
    """Encrypt a whole frame ([MS-SMB2] 3.1.4.3)."""
    tamper, session = exchange.tamper or _NO_TAMPER, exchange.session
    key = tamper.encryption_key or (session.encryption_key if session is not None else b"")
    nonce = tamper.nonce
    size = nonce_size(connection.cipher)
    if nonce is None:
        nonce = session.next_nonce(size) if session is not None else connection.entropy(size)
    header = TransformHeader(_transform_session_id(exchange), nonce, sum(map(len, parts)))
    if tamper.transform is not None:
        tamper.transform(header)
    sealed = Encryptor(connection.cipher, key).seal_under(header, parts)
    if tamper.encrypted is not None:
        tamper.encrypted(sealed)
    return sealed
