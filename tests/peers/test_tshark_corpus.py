"""tshark dissects a corpus of every message, context and information class without complaint."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest

from smbtorture_py.wire import create_contexts as cc
from smbtorture_py.wire import negotiate_contexts as nc
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.chain import encode_entries
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse, CompletionFilter
from smbtorture_py.wire.close import CloseRequest, CloseResponse
from smbtorture_py.wire.codec import Body, FileId
from smbtorture_py.wire.create import CreateRequest, CreateResponse
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.error import ErrorContext, ErrorResponse
from smbtorture_py.wire.error_contexts import SymbolicLinkErrorResponse
from smbtorture_py.wire.flush import FlushRequest, FlushResponse
from smbtorture_py.wire.fscc import file_information as fi
from smbtorture_py.wire.fscc import file_system_information as fs
from smbtorture_py.wire.fscc.change_notification import FileNotifyInformation
from smbtorture_py.wire.fscc.directory_information import DIRECTORY_ENTRIES
from smbtorture_py.wire.fscc.extended_attributes import FileFullEaInformation
from smbtorture_py.wire.fscc.information_class import InfoType
from smbtorture_py.wire.fscc.security import SID_EVERYONE, SID_SYSTEM, Ace, Acl, SecurityDescriptor
from smbtorture_py.wire.header import MESSAGE_ID_UNSOLICITED, Command, Header, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads import (
    compression_and_integrity,
    copychunk,
    file_ranges,
    network_interface_info,
    offload,
    pipe,
    resiliency,
    resume_key,
    snapshots,
    validate_negotiate_info,
)
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest, LockResponse
from smbtorture_py.wire.logoff import LogoffRequest, LogoffResponse
from smbtorture_py.wire.message import Message, command_of, encode_chain
from smbtorture_py.wire.negotiate import NegotiateRequest, NegotiateResponse
from smbtorture_py.wire.negotiate_contexts import CompressionAlgorithm
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
from smbtorture_py.wire.transform import (
    ChainedPayload,
    CompressionFlags,
    CompressionTransformChained,
    CompressionTransformUnchained,
    PatternPayloadV1,
    TransformHeader,
)
from smbtorture_py.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbtorture_py.wire.write import WriteRequest, WriteResponse

pytestmark = pytest.mark.peer

FILE = FileId(0x11, 0x22)
GUID = bytes(range(16))
LINKTYPE_RAW = 101
SMB_PORT = 445
EXPERT_WARNING = 0x00600000


@dataclass
class Exchange:
    """One stream of the corpus: what the client sends, what the server sends; either may be absent."""

    name: str
    request: Body | None = None
    response: Body | None = None
    status: int = Status.SUCCESS
    command: Command | None = None
    message_id: int = 5


def exchanges() -> list[Exchange]:
    """Every message in both directions, every context and information class."""
    found = [
        Exchange("negotiate 2.x", NegotiateRequest(dialects=[0x0202, 0x0210], client_guid=GUID),
                 NegotiateResponse(dialect_revision=0x0210, server_guid=GUID, max_read_size=65536)),
        Exchange("negotiate 3.1.1", NegotiateRequest(dialects=[0x0311], client_guid=GUID, negotiate_contexts=[
            nc.PreauthIntegrityCapabilities(salt=bytes(32)).envelope(),
            nc.EncryptionCapabilities([2, 1, 4, 3]).envelope(),
            nc.CompressionCapabilities([2, 3, 4], nc.CompressionCapabilitiesFlags.CHAINED).envelope(),
            nc.NetnameNegotiateContextId("server").envelope(),
            nc.TransportCapabilities(nc.TransportCapabilitiesFlags.ACCEPT_TRANSPORT_LEVEL_SECURITY).envelope(),
            nc.RdmaTransformCapabilities([1, 2]).envelope(),
            nc.SigningCapabilities([2, 1, 0]).envelope(),
        ]), NegotiateResponse(dialect_revision=0x0311, server_guid=GUID, negotiate_contexts=[
            nc.PreauthIntegrityCapabilities(salt=bytes(32)).envelope(),
            nc.EncryptionCapabilities([2]).envelope(),
            nc.CompressionCapabilities([2]).envelope(),
            nc.RdmaTransformCapabilities([1]).envelope(),
            nc.SigningCapabilities([2]).envelope(),
        ])),
        Exchange("session setup", SessionSetupRequest(), SessionSetupResponse()),
        Exchange("logoff", LogoffRequest(), LogoffResponse()),
        Exchange("tree connect", TreeConnectRequest(path="\\\\server\\share"), TreeConnectResponse()),
        Exchange("tree disconnect", TreeDisconnectRequest(), TreeDisconnectResponse()),
        Exchange("create", CreateRequest(name="file"), CreateResponse(file_id=FILE)),
        Exchange("close", CloseRequest(file_id=FILE), CloseResponse()),
        Exchange("flush", FlushRequest(file_id=FILE), FlushResponse()),
        Exchange("read", ReadRequest(file_id=FILE, length=4), ReadResponse(data=b"data")),
        Exchange("write", WriteRequest(file_id=FILE, data=b"data"), WriteResponse(count=4)),
        Exchange("lock", LockRequest(file_id=FILE, locks=[
            LockElement(offset=0, length=1, flags=LockFlags.SHARED_LOCK),
            LockElement(offset=2, length=1, flags=LockFlags.EXCLUSIVE_LOCK),
        ]), LockResponse()),
        Exchange("echo", EchoRequest(), EchoResponse()),
        Exchange("cancel", CancelRequest()),
        Exchange("change notify", ChangeNotifyRequest(
            file_id=FILE, output_buffer_length=4096, completion_filter=CompletionFilter.FILE_NAME,
        ), ChangeNotifyResponse(output_buffer=encode_entries(
            [FileNotifyInformation(action=1, file_name="one"), FileNotifyInformation(action=2,
                file_name="two")],
        ))),
        Exchange("oplock break", response=OplockBreakNotification(file_id=FILE, oplock_level=1),
                 message_id=MESSAGE_ID_UNSOLICITED),
        Exchange("oplock acknowledgment", OplockBreakAcknowledgment(file_id=FILE, oplock_level=1),
                 OplockBreakResponse(file_id=FILE, oplock_level=1)),
        Exchange("lease break", response=LeaseBreakNotification(lease_key=GUID),
            message_id=MESSAGE_ID_UNSOLICITED),
        Exchange("lease acknowledgment", LeaseBreakAcknowledgment(lease_key=GUID),
            LeaseBreakResponse(lease_key=GUID)),
        Exchange("notification", response=ServerToClientNotification(), message_id=MESSAGE_ID_UNSOLICITED),
        Exchange("error", CloseRequest(file_id=FILE), ErrorResponse(), Status.FILE_CLOSED),
        Exchange("symlink error", CreateRequest(name="link"), ErrorResponse(error_contexts=[ErrorContext(
            error_context_data=SymbolicLinkErrorResponse("a", "b").encode(),
        )]), Status.STOPPED_ON_SYMLINK),
    ]  # fmt: skip
    found += [Exchange(f"create {name}", CreateRequest(name="x", contexts=[request.envelope()]),
        CreateResponse(
        file_id=FILE, contexts=[] if response is None else [response.envelope()],
    )) for name, request, response in create_payloads()]  # fmt: skip
    found += [Exchange(
        f"ioctl {code.name}", IoctlRequest(ctl_code=code, file_id=FILE, input=request,
            max_output_response=4096),
        IoctlResponse(ctl_code=code, file_id=FILE, output=response),
    ) for code, request, response in ioctl_payloads()]  # fmt: skip
    found += [Exchange(
        f"directory {kind.__name__}",
        QueryDirectoryRequest(file_id=FILE, file_information_class=number, file_name="*",
            output_buffer_length=4096),
        QueryDirectoryResponse(output_buffer=encode_entries([kind(file_name="one"),
            kind(file_name="three")])),
    ) for number, kind in DIRECTORY_ENTRIES.items()]  # fmt: skip
    found += [Exchange(
        f"query {name}", QueryInfoRequest(info_type=kind, file_info_class=number, file_id=FILE,
            output_buffer_length=4096),
        QueryInfoResponse(output_buffer=data),
    ) for name, kind, number, data in queries()]  # fmt: skip
    found += [Exchange(
        f"set {name}", SetInfoRequest(info_type=kind, file_info_class=number, file_id=FILE, buffer=data),
            SetInfoResponse(),
    ) for name, kind, number, data in settings()]  # fmt: skip
    return found


def create_payloads() -> list[tuple[str, cc.CreateContextPayload, cc.CreateContextPayload | None]]:
    """Every create context with its response, where it has one."""
    state = cc.LeaseState(7)
    return [
        ("ExtA", cc.EaBuffer(FileFullEaInformation(b"NAME", b"value").encode()), None),
        ("SecD", cc.SdBuffer(descriptor().encode()), None),
        ("DHnQ", cc.DurableHandleRequest(), cc.DurableHandleResponse()),
        ("DHnC", cc.DurableHandleReconnect(FILE), None),
        ("AlSi", cc.AllocationSize(4096), None),
        ("MxAc", cc.QueryMaximalAccessRequest(), cc.QueryMaximalAccessResponse(0, 0x1F01FF)),
        ("TWrp", cc.TimewarpToken(1), None),
        ("QFid", cc.QueryOnDiskIdRequest(), cc.QueryOnDiskIdResponse(1, 2)),
        ("RqLs", cc.RequestLease(GUID, state), cc.ResponseLease(GUID, state)),
        ("RqLs v2", cc.RequestLeaseV2(GUID, state), cc.ResponseLeaseV2(GUID, state)),
        ("DH2Q", cc.DurableHandleRequestV2(create_guid=GUID), cc.DurableHandleResponseV2(60000)),
        ("DH2C", cc.DurableHandleReconnectV2(FILE, GUID), None),
        ("AppInstanceId", cc.AppInstanceId(GUID), None),
        ("AppInstanceVersion", cc.AppInstanceVersion(1, 2), None),
        ("SVHDX", cc.SvhdxOpenDeviceContext(), cc.SvhdxOpenDeviceContextResponse()),
        ("SVHDX v2", cc.SvhdxOpenDeviceContextV2(), cc.SvhdxOpenDeviceContextV2Response()),
    ]


def descriptor() -> SecurityDescriptor:
    return SecurityDescriptor(SID_SYSTEM, SID_EVERYONE, dacl=Acl([Ace(0, 0x1F01FF, SID_EVERYONE)]))


def ioctl_payloads() -> list[tuple[FsctlCode, bytes, bytes]]:
    """FSCTLs with the input of the request and the output of the response."""
    interfaces = network_interface_info.encode_list([
        network_interface_info.interface(1, IPv4Address("127.0.0.1"), 10**9),
        network_interface_info.interface(2, IPv6Address("::1"), 10**10),
    ])  # fmt: skip
    copy = copychunk.SrvCopychunkCopy(bytes(24), [copychunk.SrvCopychunk(0, 0, 4096)]).encode()
    copied = copychunk.SrvCopychunkResponse(1, 0, 4096).encode()
    integrity = compression_and_integrity
    return [
        (FsctlCode.QUERY_NETWORK_INTERFACE_INFO, b"", interfaces),
        (FsctlCode.VALIDATE_NEGOTIATE_INFO,
         validate_negotiate_info.ValidateNegotiateInfoRequest(1, GUID, 1, [0x0300, 0x0302]).encode(),
         validate_negotiate_info.ValidateNegotiateInfoResponse(1, GUID, 1, 0x0302).encode()),
        (FsctlCode.SRV_REQUEST_RESUME_KEY, b"", resume_key.SrvRequestResumeKeyResponse(bytes(24),
            context=b"").encode()),
        (FsctlCode.SRV_COPYCHUNK, copy, copied),
        (FsctlCode.SRV_COPYCHUNK_WRITE, copy, copied),
        (FsctlCode.SRV_ENUMERATE_SNAPSHOTS, b"",
            snapshots.SrvSnapshotArray(["@GMT-2026.01.01-00.00.00"]).encode()),
        (FsctlCode.LMR_REQUEST_RESILIENCY, resiliency.NetworkResiliencyRequest(60000).encode(), b""),
        (FsctlCode.PIPE_WAIT, pipe.PipeWaitRequest("srvsvc").encode(), b""),
        (FsctlCode.SET_SPARSE, file_ranges.SetSparse(1).encode(), b""),
        (FsctlCode.SET_ZERO_DATA, file_ranges.FileZeroDataInformation(0, 4096).encode(), b""),
        (FsctlCode.QUERY_ALLOCATED_RANGES, file_ranges.FileAllocatedRange(0, 4096).encode(),
         file_ranges.FileAllocatedRange(0, 4096).encode()),
        (FsctlCode.OFFLOAD_READ, offload.OffloadReadInput(copy_length=4096).encode(),
            offload.OffloadReadOutput().encode()),
        (FsctlCode.GET_COMPRESSION, b"", integrity.CompressionState(0).encode()),
        (FsctlCode.SET_COMPRESSION, integrity.CompressionState(1).encode(), b""),
        (FsctlCode.GET_INTEGRITY_INFORMATION, b"", integrity.GetIntegrityInformation().encode()),
        (FsctlCode.SET_INTEGRITY_INFORMATION, integrity.SetIntegrityInformation().encode(), b""),
    ]  # fmt: skip


def queries() -> list[tuple[str, InfoType, int, bytes]]:
    """What QUERY_INFO returns, by class."""
    file_kinds = [
        fi.FileBasicInformation, fi.FileStandardInformation, fi.FileInternalInformation, fi.FileEaInformation,
        fi.FileAccessInformation, fi.FilePositionInformation, fi.FileModeInformation,
            fi.FileAlignmentInformation,
        fi.FileAllInformation, fi.FileAlternateNameInformation, fi.FileNormalizedNameInformation,
        fi.FileStreamInformation, fi.FilePipeInformation, fi.FilePipeLocalInformation,
            fi.FileCompressionInformation,
        fi.FileNetworkOpenInformation, fi.FileAttributeTagInformation, fi.FileIdInformation,
    ]  # fmt: skip
    system_kinds = [
        fs.FileFsVolumeInformation, fs.FileFsSizeInformation, fs.FileFsDeviceInformation,
        fs.FileFsAttributeInformation, fs.FileFsControlInformation, fs.FileFsFullSizeInformation,
        fs.FileFsObjectIdInformation, fs.FileFsSectorSizeInformation,
    ]  # fmt: skip
    found = [
        (kind.__name__, InfoType.FILE, int(kind.INFORMATION_CLASS), kind().encode()) for kind in file_kinds
    ]
    found += [
        (kind.__name__, InfoType.FILESYSTEM, int(kind.INFORMATION_CLASS), kind().encode())
        for kind in system_kinds
    ]
    found.append(
        (
            "ea",
            InfoType.FILE,
            15,
            encode_entries([FileFullEaInformation(b"A", b"1"), FileFullEaInformation(b"B", b"2")]),
        )
    )
    found.append(("security", InfoType.SECURITY, 0, descriptor().encode()))
    return found


def settings() -> list[tuple[str, InfoType, int, bytes]]:
    """What SET_INFO carries, by class."""
    values = [
        fi.FileBasicInformation(), fi.FileRenameInformation("new"), fi.FileLinkInformation("link"),
        fi.FileDispositionInformation(), fi.FileDispositionInformationEx(), fi.FilePositionInformation(4),
        fi.FileModeInformation(), fi.FileAllocationInformation(4096), fi.FileEndOfFileInformation(4096),
        fi.FileValidDataLengthInformation(4096), fi.FilePipeInformation(),
    ]  # fmt: skip
    found = [(type(v).__name__, InfoType.FILE, int(v.INFORMATION_CLASS), v.encode()) for v in values]
    found.append(("ea", InfoType.FILE, 15, FileFullEaInformation(b"A", b"1").encode()))
    found.append(("security", InfoType.SECURITY, 0, descriptor().encode()))
    return found


KNOWN_GAPS: dict[str, str] = {}
"""What this dissector of tshark has wrong or does not know: the name of an exchange and the reason."""


def frame(exchange: Exchange, body: Body, *, is_response: bool) -> bytes:
    """Encode one message with the four bytes of Direct TCP before it."""
    command = exchange.command
    if command is None:
        known = exchange.request if isinstance(body, ErrorResponse) and exchange.request is not None else body
        command = command_of(known)
    flags = HeaderFlags.SERVER_TO_REDIR if is_response else HeaderFlags.NONE
    header = Header(
        command,
        exchange.message_id,
        flags,
        exchange.status if is_response else 0,
        1,
        1,
        0 if command == 0 else 7,
        9,
    )
    data = b"".join(part for parts in encode_chain([Message(header, body)]) for part in parts)
    return struct.pack(">I", len(data)) + data


def packet(
    port: int, data: bytes, *, from_server: bool, sequence: int, acknowledged: int, flags: int
) -> bytes:
    """One IPv4 packet of LINKTYPE_RAW with a TCP segment."""
    ports = (SMB_PORT, port) if from_server else (port, SMB_PORT)
    tcp = struct.pack(">HHIIBBHHH", *ports, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0)
    addresses = [IPv4Address("127.0.0.2").packed, IPv4Address("127.0.0.1").packed]
    source, target = reversed(addresses) if from_server else addresses
    size = 20 + len(tcp) + len(data)
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, 0, 0, 64, 6, 0, source, target)
    return ip + tcp + data


def corpus(found: list[Exchange]) -> tuple[bytes, list[tuple[str, Command]]]:
    """The capture, and for each of its SMB2 frames the exchange's name and the command."""
    packets = []
    expected = []
    for index, exchange in enumerate(found):
        port = 20000 + index
        sent, answered = 1, 1
        packets.append(packet(port, b"", from_server=False, sequence=0, acknowledged=0, flags=0x02))
        packets.append(packet(port, b"", from_server=True, sequence=0, acknowledged=1, flags=0x12))
        for body, is_response in ((exchange.request, False), (exchange.response, True)):
            if body is None:
                continue
            data = frame(exchange, body, is_response=is_response)
            sequence, acknowledged = (answered, sent) if is_response else (sent, answered)
            packets.append(packet(
                port, data, from_server=is_response, sequence=sequence, acknowledged=acknowledged, flags=0x18,
            ))  # fmt: skip
            expected.append((exchange.name, Command(struct.unpack_from("<H", data, 16)[0])))
            if is_response:
                answered += len(data)
            else:
                sent += len(data)
    return pcap(packets), expected


def pcap(packets: list[bytes]) -> bytes:
    """A capture file of IP packets."""
    out = bytearray(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, LINKTYPE_RAW))
    for number, data in enumerate(packets):
        out += struct.pack("<IIII", 1_767_225_600, number, len(data), len(data)) + data
    return bytes(out)


def read_fields(data: bytes, columns: list[str], folder: Path) -> list[str]:
    """Let tshark read a capture; return a line for each TCP segment with data, columns separated by bars."""
    tshark = shutil.which("tshark")
    if tshark is None:
        if os.environ.get("SMBTORTURE_PEERS") == "require":
            pytest.fail("tshark is not installed, and SMBTORTURE_PEERS=require")
        pytest.skip("tshark is not installed")
    capture = folder / "corpus.pcap"
    capture.write_bytes(data)
    command = [tshark, "-r", str(capture), "-Y", "tcp.len > 0", "-T", "fields", "-E", "separator=|"]
    command += [part for name in columns for part in ("-e", name)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120
    ).stdout.splitlines()


def dissect(data: bytes, expected: list[tuple[str, Command]], folder: Path) -> dict[str, str]:
    """Let tshark read a capture; return what is wrong with which exchange."""
    lines = read_fields(
        data, ["smb2.cmd", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message"], folder
    )
    assert len(lines) == len(expected)
    problems: dict[str, str] = {}
    for (name, wanted), line in zip(expected, lines, strict=True):
        number, malformed, severities, text = line.split("|", 3)
        if number != str(int(wanted)):
            problems[name] = f"command {number!r}, not {int(wanted)}"
        elif malformed:
            problems[name] = f"malformed: {text}"
        elif any(int(value) >= EXPERT_WARNING for value in severities.split(",") if value):
            problems[name] = text
    return problems


def test_tshark_dissects_every_message(tmp_path: Path) -> None:
    problems = dissect(*corpus(exchanges()), tmp_path)
    assert {name: problem for name, problem in problems.items() if name not in KNOWN_GAPS} == {}
    assert set(KNOWN_GAPS) <= set(problems), "a known gap of tshark is gone: take it off the list"


def test_the_corpus_holds_every_command_in_both_directions() -> None:
    found = exchanges()
    assert {command_of(one.request) for one in found if one.request is not None} == set(Command) - {
        Command.SERVER_TO_CLIENT_NOTIFICATION
    }
    responses = [one.response for one in found if one.response is not None]
    assert {command_of(body) for body in responses if not isinstance(body, ErrorResponse)} == set(Command) - {
        Command.CANCEL
    }


def test_tshark_notices_a_payload_that_is_too_short(tmp_path: Path) -> None:
    short = CreateContext(cc.APP_INSTANCE_VERSION, b"short")
    broken = Exchange("broken", CreateRequest(name="x", contexts=[short]))
    assert set(dissect(*corpus([broken]), tmp_path)) == {"broken"}


def test_tshark_reads_transforms_and_compounds(tmp_path: Path) -> None:
    related = HeaderFlags.RELATED_OPERATIONS
    chain = [
        Message(Header(Command.CREATE, 1, session_id=7, tree_id=9), CreateRequest(name="x")),
        Message(
            Header(Command.QUERY_INFO, 2, related, session_id=7, tree_id=9), QueryInfoRequest(file_id=FILE)
        ),
        Message(Header(Command.CLOSE, 3, related, session_id=7, tree_id=9), CloseRequest(file_id=FILE)),
    ]
    frames = [
        b"".join(part for parts in encode_chain(chain) for part in parts),
        TransformHeader(7, bytes(range(12)), 80, signature=GUID).encode() + bytes(80),
        CompressionTransformUnchained(100, CompressionAlgorithm.LZ77, b"", bytes(50)).encode(),
        CompressionTransformChained(
            96,
            [
                ChainedPayload(CompressionAlgorithm.NONE, bytes(64), None, CompressionFlags.CHAINED),
                ChainedPayload(
                    CompressionAlgorithm.PATTERN_V1, PatternPayloadV1(0x41, repetitions=32).encode()
                ),
            ],
        ).encode(),
    ]
    packets = [
        packet(
            20000 + index, struct.pack(">I", len(data)) + data,
            from_server=False, sequence=1, acknowledged=1, flags=0x18,
        )
        for index, data in enumerate(frames)
    ]  # fmt: skip
    transform, compressed = "smb2.header.transform.", "smb2.header.comp_transform."
    columns = ["smb2.cmd", transform + "msg_size", transform + "signature", compressed + "original_size"]
    columns += [compressed + "comp_alg", compressed + "offset", "_ws.malformed"]
    lines = read_fields(pcap(packets), columns, tmp_path)
    assert lines[0] == "5,16,6||||||"
    assert lines[1] == f"|80|{GUID.hex()}||||"
    assert lines[2] == "|||100|0x0002|0x00000000|"
    assert lines[3].startswith("|||96|0x0000,0x0004|")
