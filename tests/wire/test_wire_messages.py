"""Golden bytes, chains, which body a response has, and bulk data that is never copied."""

from __future__ import annotations

import struct

import pytest

from smbtorture_py.wire.change_notify import ChangeNotifyResponse
from smbtorture_py.wire.close import CloseFlags, CloseRequest
from smbtorture_py.wire.codec import AUTO, FILE_ID_ANY, HEADER_SIZE, Body, FileId, Findings
from smbtorture_py.wire.create import (
    AccessMask,
    CreateDisposition,
    CreateOptions,
    CreateRequest,
    CreateResponse,
    ImpersonationLevel,
    OplockLevel,
    ShareAccess,
)
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorContext, ErrorId, ErrorResponse
from smbtorture_py.wire.header import PROTOCOL_ID, Command, Header, HeaderFlags, headers_of
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.message import (
    Direction,
    Malformed,
    Message,
    UnknownBody,
    command_of,
    decode_chain,
    encode_chain,
)
from smbtorture_py.wire.negotiate import (
    Capabilities,
    Dialect,
    NegotiateRequest,
    NegotiateResponse,
    SecurityMode,
)
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.notification import ServerToClientNotification
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    LeaseBreakResponse,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
    OplockBreakResponse,
)
from smbtorture_py.wire.query_info import QueryInfoResponse
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.session_setup import SessionSetupRequest, SessionSetupResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectFlags, TreeConnectRequest
from smbtorture_py.wire.write import WriteRequest


def join(messages: list[Message]) -> bytes:
    return b"".join(part for parts in encode_chain(messages) for part in parts)


def response(command: int, body: Body, status: int = 0, message_id: int = 1) -> bytes:
    header = Header(command, message_id=message_id, status=status, flags=HeaderFlags.SERVER_TO_REDIR)
    return join([Message(header, body)])


GOLDEN: list[tuple[str, Body, str]] = [
    ("echo", EchoRequest(), "04000000"),
    ("logoff with a reserved value", LogoffRequest(reserved=0x1234), "04003412"),
    (
        "close",
        CloseRequest(flags=CloseFlags.POSTQUERY_ATTRIB, file_id=FileId(1, 2)),
        "1800 0100 00000000 0100000000000000 0200000000000000",
    ),
    (
        "read, with the byte that stands for the empty buffer",
        ReadRequest(length=0x1000, offset=0x20, file_id=FileId(1, 2), minimum_count=1),
        "3100 50 00 00100000 2000000000000000 0100000000000000 0200000000000000 01000000 "
        "00000000 00000000 0000 0000"
        "00",
    ),
    ("read response", ReadResponse(data=b"abc"), "1100 50 00 03000000 00000000 00000000 616263"),
    (
        "write",
        WriteRequest(offset=8, file_id=FILE_ID_ANY, data=b"xy"),
        "3100 7000 02000000 0800000000000000 ffffffffffffffff ffffffffffffffff 00000000 "
        "00000000 0000 0000 00000000"
        "7879",
    ),
    (
        "lock",
        LockRequest(
            lock_sequence_number=5,
            lock_sequence_index=3,
            file_id=FileId(1, 2),
            locks=[LockElement(offset=16, length=4, flags=LockFlags.EXCLUSIVE_LOCK)],
        ),
        "3000 0100 35000000 0100000000000000 0200000000000000 1000000000000000 "
        "0400000000000000 02000000 00000000",
    ),
    ("tree connect", TreeConnectRequest(path="\\\\s\\a"), "0900 0000 4800 0a00 5c005c0073005c006100"),
    (
        "tree connect with its extension",
        TreeConnectRequest(
            flags=TreeConnectFlags.EXTENSION_PRESENT,
            path="\\\\s",
            tree_connect_contexts=[NegotiateContext(1, b"id")],
        ),
        "0900 0400 5800 0600 20000000 0100 00000000000000000000 5c005c007300 0000 0100 0200 00000000 6964",
    ),
    (
        "session setup",
        SessionSetupRequest(security_mode=SecurityMode.SIGNING_ENABLED, security_buffer=b"tok"),
        "1900 00 01 00000000 00000000 5800 0300 0000000000000000 746f6b",
    ),
    (
        "negotiate 2.1",
        NegotiateRequest(dialects=[Dialect.SMB_2_0_2, Dialect.SMB_2_1], client_guid=bytes(range(16))),
        "2400 0200 0000 0000 00000000 000102030405060708090a0b0c0d0e0f 00000000 0000 0000 0202 1002",
    ),
    (
        "negotiate 3.1.1, its context 8-byte aligned",
        NegotiateRequest(
            dialects=[Dialect.SMB_3_1_1],
            capabilities=Capabilities.MULTI_CHANNEL,
            negotiate_contexts=[NegotiateContext(2, b"\x01\x00\x02\x00"), NegotiateContext(3, b"")],
        ),
        "2400 0100 0000 0000 08000000 00000000000000000000000000000000 68000000 0200 0000 1103 0000"
        "0200 0400 00000000 01000200 00000000 0300 0000 00000000",
    ),
    (
        "create with a name and a context",
        CreateRequest(
            requested_oplock_level=OplockLevel.BATCH,
            impersonation_level=ImpersonationLevel.IMPERSONATION,
            desired_access=AccessMask.GENERIC_READ,
            share_access=ShareAccess.READ,
            create_disposition=CreateDisposition.OPEN_IF,
            create_options=CreateOptions.NON_DIRECTORY_FILE,
            name="a",
            contexts=[CreateContext(b"MxAc")],
        ),
        "3900 00 09 02000000 0000000000000000 0000000000000000 00000080 00000000 01000000 03000000 40000000"
        "7800 0200 80000000 14000000 6100 000000000000 00000000 1000 0400 0000 0000 00000000 4d784163",
    ),
    ("error, with its byte", ErrorResponse(), "0900 00 00 00000000 00"),
    (
        "error contexts",
        ErrorResponse(
            error_contexts=[
                ErrorContext(error_context_data=b"abc"),
                ErrorContext(error_id=ErrorId.SHARE_REDIRECT, error_context_data=b"d"),
            ]
        ),
        "0900 02 00 19000000 03000000 00000000 616263 0000000000 01000000 53526472 64",
    ),
    (
        "lease break notification",
        LeaseBreakNotification(new_epoch=2, lease_key=b"K" * 16, current_lease_state=7, new_lease_state=1),
        "2c00 0200 00000000 4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b4b 07000000 01000000 00000000 00000000 00000000",
    ),
    ("session closed", ServerToClientNotification(), "0c00 0000 00000000 00000000"),
    (
        "ioctl response, its output 8-byte aligned after its input",
        IoctlResponse(ctl_code=0x00140078, file_id=FileId(1, 2), input=b"abc", output=b"de"),
        "3100 0000 78001400 0100000000000000 0200000000000000 70000000 03000000 78000000 "
        "02000000 00000000 00000000"
        "616263 0000000000 6465",
    ),
]


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in GOLDEN], ids=[case[0] for case in GOLDEN]
)
def test_golden_bytes(body: Body, expected: str) -> None:
    assert body.encode().hex() == bytes.fromhex(expected).hex()


def test_a_set_trailing_replaces_the_byte_of_an_empty_buffer() -> None:
    assert len(ReadRequest().encode()) == 49
    assert len(ReadRequest(trailing=b"").encode()) == 48
    assert ReadRequest(trailing=b"xyz").encode()[48:] == b"xyz"


def test_client_start_time_is_the_other_view_of_three_fields() -> None:
    request = NegotiateRequest(dialects=[Dialect.SMB_2_1])
    request.client_start_time = 0x0102030405060708
    encoded = request.encode()
    assert struct.unpack_from("<Q", encoded, 28) == (0x0102030405060708,)
    findings: Findings = []
    decoded = NegotiateRequest.decode(memoryview(bytes(HEADER_SIZE) + encoded), findings)
    assert decoded is not None
    assert decoded.client_start_time == 0x0102030405060708
    assert [finding.field for finding in findings] == ["ClientStartTime"]
    assert decoded.encode() == encoded


def test_negotiate_contexts_are_not_looked_for_below_3_1_1() -> None:
    body = NegotiateResponse(
        dialect_revision=Dialect.SMB_2_1, negotiate_context_count=7, negotiate_context_offset=0x204D4C20
    )
    findings: Findings = []
    [decoded] = decode_chain(response(Command.NEGOTIATE, body), Direction.RESPONSE, findings)
    assert isinstance(decoded.body, NegotiateResponse)
    assert decoded.body.negotiate_contexts == []
    assert decoded.body.negotiate_context_offset == 0x204D4C20
    assert findings == []


def test_bulk_data_is_passed_through_and_kept_as_a_view() -> None:
    data = bytes(1 << 20)
    assert any(part is data for part in WriteRequest(data=data).parts())
    assert any(part is data for part in ReadResponse(data=data).parts())
    frame = response(Command.READ, ReadResponse(data=data))
    [decoded] = decode_chain(frame, Direction.RESPONSE, [])
    assert isinstance(decoded.body, ReadResponse)
    assert isinstance(decoded.body.data, memoryview)
    assert decoded.body.data.obj is frame
    assert any(part is decoded.body.data for part in decoded.body.parts())


def test_a_length_beyond_the_message_gives_what_is_there() -> None:
    frame = response(Command.READ, ReadResponse(data=b"abc", data_length=0xFFFFFFFF))
    findings: Findings = []
    [decoded] = decode_chain(frame, Direction.RESPONSE, findings)
    assert isinstance(decoded.body, ReadResponse)
    assert decoded.body.data == b"abc"
    assert decoded.body.data_length == 0xFFFFFFFF
    assert [(finding.offset, finding.field) for finding in findings] == [(80, "Data")]


def test_a_changed_part_of_an_oddly_laid_out_body_is_laid_out_anew() -> None:
    odd = bytearray(response(Command.READ, ReadResponse(data=b"....abc", data_offset=84, data_length=3)))
    [decoded] = decode_chain(odd, Direction.RESPONSE, [])
    assert isinstance(decoded.body, ReadResponse)
    assert decoded.body.data == b"abc"
    assert decoded.body.layout is not None
    assert join([decoded]) == odd
    decoded.body.data = b"xy"
    decoded.body.data_offset = decoded.body.data_length = AUTO
    assert decoded.body.encode() == ReadResponse(data=b"xy").encode()


# Chains


def chain() -> list[Message]:
    related = HeaderFlags.RELATED_OPERATIONS
    return [
        Message(Header(Command.CREATE, 1), CreateRequest(name="abc")),
        Message(Header(Command.READ, 2, related), ReadRequest(file_id=FILE_ID_ANY, length=5)),
        Message(Header(Command.CLOSE, 3, related), CloseRequest(file_id=FILE_ID_ANY)),
    ]


def test_a_chain_is_padded_and_linked() -> None:
    encoded = encode_chain(chain())
    sizes = [sum(map(len, parts)) for parts in encoded]
    assert [size % 8 for size in sizes[:-1]] == [0, 0]
    assert sizes[-1] == HEADER_SIZE + 24
    frame = b"".join(part for parts in encoded for part in parts)
    findings: Findings = []
    decoded = decode_chain(frame, Direction.REQUEST, findings)
    assert findings == []
    assert [message.header.next_command for message in decoded] == [sizes[0], sizes[1], 0]
    places = [(0, Command.CREATE), (sizes[0], Command.READ), (sizes[0] + sizes[1], Command.CLOSE)]
    assert [(offset, header.command) for offset, header in headers_of(frame)] == places
    assert [type(message.body).__name__ for message in decoded] == [
        "CreateRequest",
        "ReadRequest",
        "CloseRequest",
    ]
    assert join(decoded) == frame


def test_a_signature_can_be_written_into_the_encoded_header() -> None:
    [parts] = encode_chain([Message(Header(Command.ECHO), EchoRequest())])
    assert isinstance(parts[0], bytearray)
    assert len(parts[0]) == HEADER_SIZE


def test_a_set_next_command_goes_out_and_the_padding_stays() -> None:
    messages = chain()
    messages[0].header.next_command = 0x1000
    encoded = encode_chain(messages)
    assert encoded[0][0][20:24] == b"\x00\x10\x00\x00"
    assert sum(map(len, encoded[0])) % 8 == 0


@pytest.mark.parametrize("name", ["a", "ab", "abc"])
def test_an_unaligned_chain_survives(name: str) -> None:
    messages = chain()
    messages[0].body = CreateRequest(name=name)
    size = HEADER_SIZE + len(messages[0].body.encode())
    assert size % 8
    messages[0].header.next_command = size
    frame = join(messages)
    findings: Findings = []
    decoded = decode_chain(frame, Direction.REQUEST, findings)
    assert [finding.field for finding in findings] == ["NextCommand"]
    assert len(decoded) == 3
    assert join(decoded) == frame


@pytest.mark.parametrize("next_command", [1, 8, 63, 10_000, 0xFFFFFFF8])
def test_a_next_command_that_leads_nowhere_ends_the_chain(next_command: int) -> None:
    messages = chain()
    messages[0].header.next_command = next_command
    frame = join(messages)
    findings: Findings = []
    decoded = decode_chain(frame, Direction.REQUEST, findings)
    assert [(finding.offset, finding.field) for finding in findings] == [(20, "NextCommand")]
    assert len(decoded) == 1
    assert join(decoded) == frame
    assert len(list(headers_of(frame))) == 1


def test_findings_of_later_messages_count_from_the_start_of_the_frame() -> None:
    messages = chain()
    body = messages[2].body
    assert isinstance(body, CloseRequest)
    body.reserved = 1
    frame = join(messages)
    start = len(frame) - HEADER_SIZE - 24
    findings: Findings = []
    decode_chain(frame, Direction.REQUEST, findings)
    assert [(finding.offset, finding.field) for finding in findings] == [
        (start + HEADER_SIZE + 4, "Reserved")
    ]


# Which body


@pytest.mark.parametrize(
    ("command", "status", "body"),
    [
        (Command.SESSION_SETUP, Status.MORE_PROCESSING_REQUIRED, SessionSetupResponse(security_buffer=b"t")),
        (Command.QUERY_INFO, Status.BUFFER_OVERFLOW, QueryInfoResponse(output_buffer=b"t")),
        (Command.READ, Status.BUFFER_OVERFLOW, ReadResponse(data=b"t")),
        (Command.READ, Status.BUFFER_OVERFLOW, ErrorResponse()),
        (Command.IOCTL, Status.BUFFER_OVERFLOW, IoctlResponse(output=b"t")),
        (Command.IOCTL, Status.INVALID_PARAMETER, IoctlResponse(output=bytes(12))),
        (Command.IOCTL, Status.INVALID_PARAMETER, ErrorResponse()),
        (Command.CHANGE_NOTIFY, Status.NOTIFY_ENUM_DIR, ChangeNotifyResponse()),
        (Command.CHANGE_NOTIFY, Status.PENDING, ErrorResponse()),
        (Command.CHANGE_NOTIFY, Status.CANCELLED, ErrorResponse()),
        (Command.SESSION_SETUP, Status.LOGON_FAILURE, ErrorResponse()),
        (Command.CREATE, Status.SUCCESS, CreateResponse()),
        (Command.OPLOCK_BREAK, Status.SUCCESS, OplockBreakResponse()),
        (Command.OPLOCK_BREAK, Status.SUCCESS, LeaseBreakResponse()),
        (Command.OPLOCK_BREAK, Status.INVALID_PARAMETER, ErrorResponse()),
    ],
)
def test_status_and_structure_size_say_which_body(command: Command, status: Status, body: Body) -> None:
    findings: Findings = []
    [decoded] = decode_chain(response(command, body, status), Direction.RESPONSE, findings)
    assert type(decoded.body) is type(body)
    assert findings == []


@pytest.mark.parametrize(
    ("command", "status", "body"),
    [(Command.ECHO, Status.ACCESS_DENIED, EchoResponse()), (Command.ECHO, Status.SUCCESS, ErrorResponse())],
)
def test_a_body_that_contradicts_the_status_is_decoded_as_what_it_is(
    command: Command, status: Status, body: Body
) -> None:
    findings: Findings = []
    [decoded] = decode_chain(response(command, body, status), Direction.RESPONSE, findings)
    assert type(decoded.body) is type(body)
    assert [(finding.offset, finding.field) for finding in findings] == [(8, "Status")]


def test_breaks_are_told_apart_by_size_and_message_id() -> None:
    unsolicited = 0xFFFFFFFFFFFFFFFF
    for body in (OplockBreakNotification(), LeaseBreakNotification()):
        frame = response(Command.OPLOCK_BREAK, body, message_id=unsolicited)
        assert type(decode_chain(frame, Direction.RESPONSE, [])[0].body) is type(body)
    for body in (OplockBreakAcknowledgment(), LeaseBreakAcknowledgment()):
        frame = join([Message(Header(Command.OPLOCK_BREAK), body)])
        assert type(decode_chain(frame, Direction.REQUEST, [])[0].body) is type(body)


def test_unknown_commands_and_directions() -> None:
    for command, direction in ((0x14, Direction.REQUEST), (Command.CANCEL, Direction.RESPONSE)):
        frame = Header(command).encode() + b"abc"
        findings: Findings = []
        [decoded] = decode_chain(frame, direction, findings)
        assert isinstance(decoded.body, UnknownBody)
        assert decoded.body.data == b"abc"
        assert [(finding.offset, finding.field) for finding in findings] == [(12, "Command")]
        assert join([decoded]) == frame


def test_another_protocol_is_malformed() -> None:
    frame = b"\xfdSMB" + bytes(100)
    findings: Findings = []
    [decoded] = decode_chain(frame, Direction.REQUEST, findings)
    assert isinstance(decoded.body, Malformed)
    assert "ProtocolId" in {finding.field for finding in findings}
    assert PROTOCOL_ID not in frame


def test_command_of_a_body() -> None:
    assert command_of(IoctlRequest()) is Command.IOCTL
    assert command_of(LeaseBreakAcknowledgment()) is Command.OPLOCK_BREAK
    with pytest.raises(ValueError, match="ErrorResponse"):
        command_of(ErrorResponse())
