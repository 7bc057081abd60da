"""Messages and payloads read by impacket's structures: every field it knows has the value that we encoded."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from impacket import smb3structs
from impacket.ldap.ldaptypes import SR_SECURITY_DESCRIPTOR
from wire_bodies import bodies, message

from smbtorture_py.wire import create_contexts, negotiate_contexts, transform
from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from smbtorture_py.wire.close import CloseRequest, CloseResponse
from smbtorture_py.wire.codec import Body, FileId, encode_text
from smbtorture_py.wire.create import CreateRequest, CreateResponse
from smbtorture_py.wire.echo import EchoRequest, EchoResponse
from smbtorture_py.wire.flush import FlushRequest, FlushResponse
from smbtorture_py.wire.fscc import file_information, quota
from smbtorture_py.wire.fscc.change_notification import FileNotifyInformation
from smbtorture_py.wire.fscc.security import (
    SID_BUILTIN_ADMINISTRATORS,
    SID_EVERYONE,
    Ace,
    Acl,
    SecurityDescriptor,
)
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads import (
    copychunk,
    pipe,
    read_hash,
    resiliency,
    resume_key,
    validate_negotiate_info,
)
from smbtorture_py.wire.lock import LockRequest, LockResponse
from smbtorture_py.wire.logoff import LogoffRequest, LogoffResponse
from smbtorture_py.wire.message import encode_chain
from smbtorture_py.wire.negotiate import NegotiateRequest, NegotiateResponse
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
from smbtorture_py.wire.tree_connect import TreeConnectRequest, TreeConnectResponse
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbtorture_py.wire.write import WriteRequest, WriteResponse

FEW = settings(max_examples=15, deadline=None, derandomize=True)

RENAMED = {
    "smb2_read.reserved": "flags",
    "smb2_read_response.reserved2": "flags",
    "smb2_tree_connect.reserved": "flags",
    "smb2_transform_header.encryption_algorithm": "flags",
    "file_id": "file_id",
    "smb2_close_response.endof_file": "end_of_file",
    "smb2_lock.lock_sequence": "",
}
"""Where impacket names a field otherwise; empty: compared apart or not at all."""

NOT_FIELDS = {
    "align_pad",
    "padding",
    "buffer",
    "locks",
    "negotiate_context_list",
    "client_start_time",
    "dialects",
    "chunks",
}
"""Layout of impacket's own, and variable parts, which are compared by value in tests of their own."""

BODIES: list[tuple[type[Body], str]] = [
    (NegotiateRequest, "SMB2Negotiate"),
    (NegotiateResponse, "SMB2Negotiate_Response"),
    (SessionSetupRequest, "SMB2SessionSetup"),
    (SessionSetupResponse, "SMB2SessionSetup_Response"),
    (LogoffRequest, "SMB2Logoff"),
    (LogoffResponse, "SMB2Logoff_Response"),
    (TreeConnectRequest, "SMB2TreeConnect"),
    (TreeConnectResponse, "SMB2TreeConnect_Response"),
    (TreeDisconnectRequest, "SMB2TreeDisconnect"),
    (TreeDisconnectResponse, "SMB2TreeDisconnect_Response"),
    (CreateRequest, "SMB2Create"),
    (CreateResponse, "SMB2Create_Response"),
    (CloseRequest, "SMB2Close"),
    (CloseResponse, "SMB2Close_Response"),
    (FlushRequest, "SMB2Flush"),
    (FlushResponse, "SMB2Flush_Response"),
    (ReadRequest, "SMB2Read"),
    (ReadResponse, "SMB2Read_Response"),
    (WriteRequest, "SMB2Write"),
    (WriteResponse, "SMB2Write_Response"),
    (OplockBreakNotification, "SMB2OplockBreakNotification"),
    (OplockBreakAcknowledgment, "SMB2OplockBreakAcknowledgment"),
    (OplockBreakResponse, "SMB2OplockBreakResponse"),
    (LeaseBreakNotification, "SMB2LeaseBreakNotification"),
    (LeaseBreakAcknowledgment, "SMB2LeaseBreakAcknowledgement"),
    (LeaseBreakResponse, "SMB2LeaseBreakResponse"),
    (LockRequest, "SMB2Lock"),
    (LockResponse, "SMB2Lock_Response"),
    (EchoRequest, "SMB2Echo"),
    (EchoResponse, "SMB2Echo_Response"),
    (CancelRequest, "SMB2Cancel"),
    (IoctlRequest, "SMB2Ioctl"),
    (IoctlResponse, "SMB2Ioctl_Response"),
    (QueryDirectoryRequest, "SMB2QueryDirectory"),
    (QueryDirectoryResponse, "SMB2QueryDirectory_Response"),
    (ChangeNotifyRequest, "SMB2ChangeNotify"),
    (ChangeNotifyResponse, "SMB2ChangeNotify_Response"),
    (QueryInfoRequest, "SMB2QueryInfo"),
    (QueryInfoResponse, "SMB2QueryInfo_Response"),
    (SetInfoRequest, "SMB2SetInfo"),
    (SetInfoResponse, "SMB2SetInfo_Response"),
]

BUFFERS = {
    SessionSetupRequest: "security_buffer",
    SessionSetupResponse: "security_buffer",
    ReadResponse: "data",
    QueryDirectoryRequest: "file_name",
    QueryDirectoryResponse: "output_buffer",
    ChangeNotifyResponse: "output_buffer",
    QueryInfoRequest: "input_buffer",
    QueryInfoResponse: "output_buffer",
    SetInfoRequest: "buffer",
}
"""The bodies whose one variable part impacket calls Buffer."""

BEYOND_IMPACKET = ("negotiate_contexts", "write_channel_info", "tree_connect_contexts")
"""Parts with which impacket misreads a message: it takes everything after Dialects for dialects, and skips
WriteChannelInfoOffset bytes before Flags. TREE_CONNECT's Path it looks for one byte early, so that Buffer is
not compared there."""

PAYLOADS: list[tuple[type[Structure], str]] = [
    (create_contexts.DurableHandleReconnect, "SMB2_CREATE_DURABLE_HANDLE_RECONNECT"),
    (create_contexts.DurableHandleRequest, "SMB2_CREATE_DURABLE_HANDLE_REQUEST"),
    (create_contexts.QueryMaximalAccessResponse, "SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE"),
    (create_contexts.AllocationSize, "SMB2_CREATE_ALLOCATION_SIZE"),
    (create_contexts.TimewarpToken, "SMB2_CREATE_TIMEWARP_TOKEN"),
    (create_contexts.RequestLease, "SMB2_CREATE_REQUEST_LEASE"),
    (create_contexts.RequestLeaseV2, "SMB2_CREATE_REQUEST_LEASE_V2"),
    (create_contexts.DurableHandleResponseV2, "SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2"),
    (create_contexts.DurableHandleReconnectV2, "SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2"),
    (create_contexts.AppInstanceId, "SMB2_CREATE_APP_INSTANCE_ID"),
    (copychunk.SrvCopychunk, "SRV_COPYCHUNK"),
    (copychunk.SrvCopychunkResponse, "SRV_COPYCHUNK_RESPONSE"),
    (read_hash.SrvReadHashRequest, "SRV_READ_HASH"),
    (read_hash.SrvHashRetrieveHashBased, "SRV_HASH_RETRIEVE_HASH_BASED"),
    (read_hash.SrvHashRetrieveFileBased, "SRV_HASH_RETRIEVE_FILE_BASED"),
    (resiliency.NetworkResiliencyRequest, "NETWORK_RESILIENCY_REQUEST"),
    (resume_key.SrvRequestResumeKeyResponse, "SRV_REQUEST_RESUME_KEY"),
    (pipe.PipeWaitRequest, "FSCTL_PIPE_WAIT_STRUCTURE"),
    (validate_negotiate_info.ValidateNegotiateInfoResponse, "VALIDATE_NEGOTIATE_INFO_RESPONSE"),
    (FileNotifyInformation, "FILE_NOTIFY_INFORMATION"),
    (quota.QueryQuotaInfo, "SMB2_QUERY_QUOTA_INFO"),
    (file_information.FileBasicInformation, "FILE_BASIC_INFORMATION"),
    (file_information.FileStandardInformation, "FILE_STANDARD_INFORMATION"),
    (file_information.FileEaInformation, "FILE_EA_INFORMATION"),
    (file_information.FileAccessInformation, "FILE_ACCESS_INFORMATION"),
    (file_information.FileModeInformation, "FILE_MODE_INFORMATION"),
    (file_information.FileAlignmentInformation, "FILE_ALIGNMENT_INFORMATION"),
    (file_information.FileNameInformation, "FILE_NAME_INFORMATION"),
    (file_information.FileAttributeTagInformation, "FILE_ATTRIBUTE_TAG_INFORMATION"),
    (file_information.FileRenameInformation, "FILE_RENAME_INFORMATION_TYPE_2"),
]
"""Structures impacket has right. Not among them: FILE_FULL_EA_INFORMATION (no zero byte after the name),
SMB2_COMPRESSION_PATTERN_PAYLOAD_V1 (Reserved2 of one byte), HASH_HEADER (SourceFileNameLength of four),
FILE_POSITION and FILE_INTERNAL (signedness)."""


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def compare(ours: object, theirs: Any, their_name: str) -> int:
    """Compare every field of impacket's structure by name; return how many were compared."""
    compared = 0
    for entry in theirs.structure:
        name = snake(entry[0].removeprefix("FileID")) if entry[0] != "FileID" else "file_id"
        if entry[0].startswith("_") or name in NOT_FIELDS:
            continue
        name = RENAMED.get(f"{snake(their_name)}.{name}", name)
        if not name:
            continue
        mine, other = getattr(ours, name), theirs[entry[0]]
        if isinstance(mine, FileId):
            other = FileId(other["Persistent"], other["Volatile"])
        elif isinstance(mine, str):
            mine = encode_text(mine)
        assert other == mine, (their_name, name)
        compared += 1
    return compared


@pytest.mark.parametrize(("kind", "name"), BODIES, ids=lambda value: value if isinstance(value, str) else "")
def test_impacket_reads_our_message(kind: type[Body], name: str) -> None:
    @FEW
    @given(bodies(kind))
    def check(body: Body) -> None:
        for part in BEYOND_IMPACKET:
            if kept := getattr(body, part, None):
                setattr(body, part, type(kept)())
        encoded, _ = message(body)
        frame = b"".join(part for parts in encode_chain([encoded]) for part in parts)
        decoded = kind.decode(memoryview(frame), [])
        assert decoded is not None
        theirs = getattr(smb3structs, name)(frame[64:])
        assert compare(decoded, theirs, name) >= 1
        if kind in BUFFERS:
            value = getattr(body, BUFFERS[kind])
            expected = encode_text(value) if isinstance(value, str) else bytes(value)
            # impacket has no Buffer where there is nothing in it.
            assert not expected or theirs["Buffer"] == expected

    check()


def test_impacket_reads_locks_dialects_and_create_names() -> None:
    from smbtorture_py.wire.lock import LockElement, LockFlags

    locks = [LockElement(offset=1, length=2, flags=LockFlags.SHARED_LOCK), LockElement(offset=3, length=4)]
    theirs = smb3structs.SMB2Lock(LockRequest(locks=locks, file_id=FileId(5, 6)).encode())
    element = smb3structs.SMB2_LOCK_ELEMENT(theirs["Locks"])
    assert (element["Offset"], element["Length"], element["Flags"]) == (1, 2, 1)
    negotiate = smb3structs.SMB2Negotiate(NegotiateRequest(dialects=[0x0202, 0x0210]).encode())
    assert negotiate["Dialects"] == [0x0202, 0x0210]
    create = smb3structs.SMB2Create(CreateRequest(name="ab").encode())
    assert create["Buffer"][: create["NameLength"]] == encode_text("ab")


@pytest.mark.parametrize(
    ("kind", "name"), PAYLOADS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_impacket_and_we_agree_on_a_payload_both_ways(kind: type[Structure], name: str) -> None:
    @FEW
    @given(st.binary(min_size=kind.LAYOUT.size, max_size=kind.LAYOUT.size))
    def check(data: bytes) -> None:
        ours = kind.decode(data, [])
        for length, tail in kind.TAILS:
            setattr(ours, length, 6)
            setattr(ours, tail, "abc" if tail in kind.TEXT else b"abcdef")
        encoded = ours.encode()
        theirs = getattr(smb3structs, name)(encoded)
        assert compare(ours, theirs, name) >= 1
        assert theirs.getData() == encoded

    check()


def test_impacket_walks_our_create_contexts() -> None:
    encoded = create_contexts.encode_list(
        [
            create_contexts.RequestLease(b"k" * 16).envelope(),
            create_contexts.AppInstanceId(b"a" * 16).envelope(),
        ]
    )
    first = smb3structs.SMB2CreateContext(encoded)
    assert encoded[first["NameOffset"] :][: first["NameLength"]] == b"RqLs"
    lease = smb3structs.SMB2_CREATE_REQUEST_LEASE(encoded[first["DataOffset"] :][: first["DataLength"]])
    assert lease["LeaseKey"] == b"k" * 16
    second = smb3structs.SMB2CreateContext(encoded[first["Next"] :])
    assert second["Next"] == 0
    rest = encoded[first["Next"] :]
    assert rest[second["NameOffset"] :][: second["NameLength"]] == create_contexts.APP_INSTANCE_ID
    assert smb3structs.SMB2_CREATE_APP_INSTANCE_ID(rest[second["DataOffset"] :])["AppInstanceId"] == b"a" * 16


def test_impacket_reads_our_negotiate_contexts() -> None:
    context = negotiate_contexts.PreauthIntegrityCapabilities(salt=b"salt").envelope()
    envelope = smb3structs.SMB2NegotiateContext(context.encode())
    assert (envelope["ContextType"], envelope["DataLength"]) == (1, 10)
    preauth = smb3structs.SMB2PreAuthIntegrityCapabilities(envelope["Data"])
    assert (preauth["HashAlgorithmCount"], preauth["SaltLength"], preauth["Salt"]) == (1, 4, b"salt")
    ciphers = negotiate_contexts.EncryptionCapabilities([1, 2]).encode()
    assert smb3structs.SMB2EncryptionCapabilities(ciphers)["Ciphers"] == b"\x01\x00\x02\x00"
    compression = smb3structs.SMB2CompressionCapabilities(
        negotiate_contexts.CompressionCapabilities([2]).encode()
    )
    assert (compression["CompressionAlgorithmCount"], compression["CompressionAlgorithms"]) == (
        1,
        b"\x02\x00",
    )


def test_impacket_reads_our_transform_headers() -> None:
    header = transform.TransformHeader(7, b"n" * 16, 9, signature=b"s" * 16)
    theirs = smb3structs.SMB2_TRANSFORM_HEADER(header.encode())
    assert (theirs["SessionID"], theirs["Nonce"], theirs["OriginalMessageSize"]) == (7, b"n" * 16, 9)
    assert (theirs["Signature"], theirs["EncryptionAlgorithm"]) == (b"s" * 16, 1)
    compressed = smb3structs.SMB2_COMPRESSION_TRANSFORM_HEADER(
        transform.CompressionTransformUnchained(9, 2, b"ab", b"cd").encode()
    )
    assert (compressed["OriginalCompressedSegmentSize"], compressed["CompressionAlgorithm"]) == (9, 2)
    assert compressed["Offset_Length"] == 2


def test_impacket_reads_our_security_descriptor() -> None:
    ours = SecurityDescriptor(
        SID_BUILTIN_ADMINISTRATORS,
        SID_EVERYONE,
        dacl=Acl([Ace(0, 0x1F01FF, SID_EVERYONE), Ace(1, 1, SID_EVERYONE)]),
    )
    theirs = SR_SECURITY_DESCRIPTOR()
    theirs.fromString(ours.encode())
    assert theirs["OwnerSid"].formatCanonical() == "S-1-5-32-544"
    assert theirs["GroupSid"].formatCanonical() == "S-1-1-0"
    assert [ace["AceType"] for ace in theirs["Dacl"].aces] == [0, 1]
    assert theirs["Dacl"].aces[0]["Ace"]["Mask"]["Mask"] == 0x1F01FF


def test_impacket_reads_the_negotiate_validation() -> None:
    ours = validate_negotiate_info.ValidateNegotiateInfoRequest(1, b"g" * 16, 2, [0x0202, 0x0311])
    theirs = smb3structs.VALIDATE_NEGOTIATE_INFO(ours.encode())
    assert (theirs["Capabilities"], theirs["Guid"], theirs["SecurityMode"]) == (1, b"g" * 16, 2)
    assert theirs["Dialects"] == [0x0202, 0x0311]
