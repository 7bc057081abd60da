"""Every payload: round trips through bytes, odd bytes, chains, and golden bytes written by hand."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import smbtorture_py.wire
from smbtorture_py.wire import create_contexts, negotiate_contexts
from smbtorture_py.wire.chain import ChainEntry, Structure, decode_entries, encode_entries
from smbtorture_py.wire.codec import AUTO, FileId, Findings
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    CreateContextPayload,
    RequestLease,
    RequestLeaseV2,
)
from smbtorture_py.wire.error_contexts import (
    MoveDestinationAddress,
    ShareRedirectErrorContext,
    SymbolicLinkErrorResponse,
    SymlinkFlags,
)
from smbtorture_py.wire.filetime import from_filetime, to_filetime
from smbtorture_py.wire.fscc.change_notification import FileNotifyInformation
from smbtorture_py.wire.fscc.directory_information import DIRECTORY_ENTRIES, FileIdBothDirectoryInformation
from smbtorture_py.wire.fscc.extended_attributes import FileFullEaInformation
from smbtorture_py.wire.fscc.file_information import FileAllInformation, FileRenameInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass
from smbtorture_py.wire.fscc.security import (
    SID_BUILTIN_ADMINISTRATORS,
    SID_EVERYONE,
    Ace,
    Acl,
    SecurityDescriptor,
    Sid,
)
from smbtorture_py.wire.ioctl_payloads import network_interface_info
from smbtorture_py.wire.ioctl_payloads.copychunk import SrvCopychunk, SrvCopychunkCopy
from smbtorture_py.wire.ioctl_payloads.dfs_referral import ReqGetDfsReferral, RespGetDfsReferral
from smbtorture_py.wire.ioctl_payloads.file_ranges import FileLevelTrim, SetSparse, decode_allocated_ranges
from smbtorture_py.wire.ioctl_payloads.snapshots import SrvSnapshotArray
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import ValidateNegotiateInfoRequest
from smbtorture_py.wire.negotiate_contexts import (
    Cipher,
    CompressionAlgorithm,
    EncryptionCapabilities,
    NegotiateContext,
    NegotiateContextPayload,
    PreauthIntegrityCapabilities,
)
from smbtorture_py.wire.status import Status, as_status, is_error, status_name
from smbtorture_py.wire.transform import (
    ChainedPayload,
    CompressionFlags,
    CompressionTransformChained,
    CompressionTransformUnchained,
    PatternPayloadV1,
    TransformHeader,
    decode_compression_transform,
)

FEW = settings(max_examples=30, deadline=None, derandomize=True)
MANY = settings(max_examples=150, deadline=None, derandomize=True)


def _classes() -> list[type]:
    found: set[type] = set()
    for module in pkgutil.walk_packages(smbtorture_py.wire.__path__, "smbtorture_py.wire."):
        names = vars(importlib.import_module(module.name))
        found |= {
            value
            for value in names.values()
            if inspect.isclass(value)
            and value.__module__ == module.name
            and not value.__name__.startswith("_")
        }
    return sorted(found, key=lambda kind: kind.__qualname__)


CLASSES = _classes()
STRUCTURES = [kind for kind in CLASSES if issubclass(kind, Structure) and hasattr(kind, "LAYOUT")]
ENTRIES = [kind for kind in STRUCTURES if issubclass(kind, ChainEntry)]
CREATE_PAYLOADS = [
    kind
    for kind in CLASSES
    if issubclass(kind, CreateContextPayload) and not inspect.isabstract(kind) and hasattr(kind, "NAME")
]
NEGOTIATE_PAYLOADS = [
    kind for kind in CLASSES if issubclass(kind, NegotiateContextPayload) and not inspect.isabstract(kind)
]
DECODERS: list[Callable[[bytes, Findings], object]] = [
    *(kind.decode for kind in STRUCTURES),
    *(kind.decode for kind in CREATE_PAYLOADS),
    *(kind.decode for kind in NEGOTIATE_PAYLOADS),
    SymbolicLinkErrorResponse.decode, ShareRedirectErrorContext.decode, FileAllInformation.decode,
    SecurityDescriptor.decode, Sid.decode, SrvCopychunkCopy.decode, ReqGetDfsReferral.decode,
    RespGetDfsReferral.decode, FileLevelTrim.decode, SrvSnapshotArray.decode,
    ValidateNegotiateInfoRequest.decode,
    TransformHeader.decode, decode_allocated_ranges, network_interface_info.decode_list,
    lambda data, findings: decode_compression_transform(memoryview(data), findings),
    lambda data, findings: create_contexts.decode_list(memoryview(data), 0, findings),
    lambda data, findings: negotiate_contexts.decode_list(memoryview(data), 3, 0, findings),
    *((lambda data, findings, kind=kind: decode_entries(kind, data, findings)) for kind in ENTRIES),
]  # fmt: skip

by_name = {"ids": lambda kind: kind.__name__}
small = st.integers(0, 255).map(lambda value: value if value > 128 else value // 8)
odd_bytes = st.lists(small, max_size=120).map(bytes)


def test_the_lists_hold_what_they_should() -> None:
    assert len(STRUCTURES) >= 95
    assert len(CREATE_PAYLOADS) >= 21
    assert {kind.CONTEXT_TYPE for kind in NEGOTIATE_PAYLOADS} == set(negotiate_contexts.ContextType)


@pytest.mark.parametrize("kind", STRUCTURES, **by_name)
def test_a_structure_names_every_value_of_its_layout(kind: type[Structure]) -> None:
    assert len(kind.LAYOUT.unpack(bytes(kind.LAYOUT.size))) == len(kind.fixed_fields())
    fixed = kind.fixed_fields()
    assert all(length in fixed for length, _ in kind.TAILS)


@pytest.mark.parametrize("kind", STRUCTURES, **by_name)
def test_a_structure_is_encoded_to_the_bytes_it_was_decoded_from(kind: type[Structure]) -> None:
    size = kind.LAYOUT.size

    @FEW
    @given(st.binary(max_size=size + 24))
    @example(b"")
    @example(bytes(size))
    def check(data: bytes) -> None:
        findings: Findings = []
        decoded = kind.decode(data, findings)
        if not any("UTF-16" in finding.problem for finding in findings):
            assert decoded.encode() == data
            again = kind.decode(decoded.encode(), [])
            assert again == decoded

    check()


def test_any_decoder_survives_any_bytes() -> None:
    @MANY
    @given(odd_bytes | st.binary(max_size=200))
    @example(b"")
    @example(b"\xff" * 300)
    def check(data: bytes) -> None:
        for decode in DECODERS:
            findings: Findings = []
            decode(data, findings)
            assert len(findings) <= 3 * len(data) + 9

    check()


@pytest.mark.parametrize("kind", ENTRIES, **by_name)
def test_a_chain_of_three_keeps_alignment_and_order(kind: type[ChainEntry]) -> None:
    tails = [name for _, name in kind.TAILS]
    entries = [
        kind(**{name: ("x" if name in kind.TEXT else b"x") * count for name in tails}) for count in (1, 2, 3)
    ]
    encoded = encode_entries(entries)
    findings: Findings = []
    decoded = decode_entries(kind, encoded, findings)
    assert findings == []
    assert len(decoded) == 3
    for name in tails:
        assert [len(getattr(entry, name)) for entry in decoded] == [1, 2, 3]
    assert [entry.next_entry_offset % kind.ALIGNMENT for entry in decoded] == [0, 0, 0]
    assert decoded[0].next_entry_offset > 0 and decoded[2].next_entry_offset == 0
    assert encode_entries(decoded) == encoded


def test_a_chain_that_points_back_or_out_ends() -> None:
    for following in (1, 4, 11, 0xFFFFFFFF):
        findings: Findings = []
        data = following.to_bytes(4, "little") + bytes(40)
        assert len(decode_entries(FileNotifyInformation, data, findings)) == 1
        assert findings


@st.composite
def create_context(draw: st.DrawFn) -> CreateContext:
    return CreateContext(draw(st.binary(max_size=17)), draw(st.binary(max_size=40)))


@MANY
@given(st.lists(create_context(), max_size=4))
def test_create_contexts_round_trip(contexts: list[CreateContext]) -> None:
    encoded = create_contexts.encode_list(contexts)
    findings: Findings = []
    decoded = create_contexts.decode_list(memoryview(encoded), 100, findings)
    assert findings == []
    assert [(context.name, context.data) for context in decoded] == [(c.name, c.data) for c in contexts]
    assert all(context.image == b"" for context in decoded)
    assert create_contexts.encode_list(decoded) == encoded


@MANY
@given(st.lists(create_context(), min_size=1, max_size=3), st.data())
def test_damaged_create_contexts_are_encoded_byte_for_byte(
    contexts: list[CreateContext], data: st.DataObject
) -> None:
    damaged = bytearray(create_contexts.encode_list(contexts))
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(small)
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    assert create_contexts.encode_list(create_contexts.decode_list(memoryview(damaged), 0, [])) == damaged


@MANY
@given(st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=20)), min_size=1, max_size=4), st.data())
def test_negotiate_contexts_round_trip_and_damage_is_kept(
    pairs: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    encoded = negotiate_contexts.encode_list([NegotiateContext(*pair) for pair in pairs])
    findings: Findings = []
    decoded = negotiate_contexts.decode_list(memoryview(encoded), len(pairs), 0, findings)
    assert findings == []
    assert [(context.context_type, context.data) for context in decoded] == pairs
    damaged = bytearray(encoded)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(small)
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    count = data.draw(st.integers(1, 5))
    again = negotiate_contexts.decode_list(memoryview(damaged), count, 0, [])
    assert negotiate_contexts.encode_list(again) == damaged


def test_an_edited_context_without_its_image_is_laid_out_anew() -> None:
    odd = bytes.fromhex("00000000 1000 0400 0000 1400 04000000") + b"QFid" + b"data"
    [context] = create_contexts.decode_list(memoryview(odd), 0, [])
    assert (context.name, context.data) == (b"QFid", b"data")
    assert create_contexts.encode_list([context]) == odd
    context.data = b"DATA"
    assert create_contexts.encode_list([context]) == odd.replace(b"data", b"DATA")
    context.image, context.data_offset = b"", AUTO
    assert create_contexts.encode_list([context])[24:] == b"DATA"


def test_set_fields_go_out_as_they_are() -> None:
    encoded = CreateContext(b"RqLs", b"x" * 32, name_length=9, data_length=77, next=5, reserved=3).encode()
    assert encoded[:16] == bytes.fromhex("05000000 1000 0900 0300 1800 4d000000")
    assert NegotiateContext(1, b"ab", data_length=9, reserved=1).encode() == bytes.fromhex(
        "0100 0900 01000000 6162"
    )
    assert EncryptionCapabilities([Cipher.AES_128_GCM], cipher_count=0).encode() == bytes.fromhex("0000 0200")


def test_find_tells_leases_apart_by_length_and_skips_others() -> None:
    first = RequestLease(b"k" * 16).envelope()
    second = RequestLeaseV2(b"K" * 16, epoch=7).envelope()
    findings: Findings = []
    found = create_contexts.find([second, first], RequestLease, findings)
    assert found is not None and found.lease_key == b"k" * 16
    found_v2 = create_contexts.find([first, second], RequestLeaseV2, findings)
    assert found_v2 is not None and found_v2.epoch == 7
    assert create_contexts.find([first], create_contexts.AppInstanceId, findings) is None
    assert findings == []


PERSISTENT = create_contexts.DurableHandleFlags.PERSISTENT
CHAINED = negotiate_contexts.CompressionCapabilitiesFlags.CHAINED
GOLDEN: list[tuple[object, str]] = [
    (RequestLease(b"\x11" * 16, create_contexts.LeaseState(7)), "11" * 16 + "07000000" + "00" * 12),
    (create_contexts.DurableHandleReconnectV2(FileId(1, 2), b"\x22" * 16, PERSISTENT),
     "0100000000000000 0200000000000000" + "22" * 16 + "02000000"),
    (create_contexts.AppInstanceId(b"\x33" * 16), "1400 0000" + "33" * 16),
    (create_contexts.AppInstanceVersion(1, 2), "1800 0000 00000000 0100000000000000 0200000000000000"),
    (PreauthIntegrityCapabilities(salt=b"\xaa\xbb"), "0100 0200 0100 aabb"),
    (negotiate_contexts.CompressionCapabilities([CompressionAlgorithm.LZ77], CHAINED),
     "0100 0000 01000000 0200"),
    (negotiate_contexts.NetnameNegotiateContextId("ab"), "61006200"),
    (negotiate_contexts.SigningCapabilities([2, 1]), "0200 0200 0100"),
    (negotiate_contexts.RdmaTransformCapabilities([1]), "0100 0000 00000000 0100"),
    (Sid.parse("S-1-5-32-544"), "01 02 000000000005 20000000 20020000"),
    (FileRenameInformation("a", replace_if_exists=1), "01" + "00" * 15 + "02000000 6100 0000"),
    (FileFullEaInformation(b"N", b"vv"), "00000000 00 01 0200 4e 00 7676"),
    (FileNotifyInformation(action=3, file_name="a"), "00000000 03000000 02000000 6100"),
    (SrvCopychunkCopy(b"\x44" * 24, [SrvCopychunk(1, 2, 3)]),
     "44" * 24 + "01000000 00000000 0100000000000000 0200000000000000 03000000 00000000"),
    (SymbolicLinkErrorResponse("ab", "c", 4, SymlinkFlags.RELATIVE),
     "1e000000 53594d4c 0c0000a0 1200 0400 0000 0400 0400 0200 01000000 61006200 6300"),
    (ShareRedirectErrorContext([MoveDestinationAddress.of(IPv4Address("1.2.3.4"))], "s"),
     "30000000 03000000 30000000 02000000 0000 0000 01000000"
     " 01000000 00000000 01020304" + "00" * 12 + "7300"),
    (TransformHeader(0x1122, b"\x55" * 11, 7),
     "fd534d42" + "00" * 16 + "55" * 11 + "00" * 5 + "07000000 0000 0100 2211000000000000"),
    (CompressionTransformUnchained(9, 2, b"ab", b"cd"), "fc534d42 09000000 0200 0000 02000000 6162 6364"),
    (CompressionTransformChained(9, [ChainedPayload(1, b"c", 5, CompressionFlags.CHAINED),
                                     ChainedPayload(4, PatternPayloadV1(0x41, repetitions=4).encode())]),
     "fc534d42 09000000 0100 0100 05000000 05000000 63 0400 0000 08000000 41 00 0000 04000000"),
    (ValidateNegotiateInfoRequest(1, b"\x66" * 16, 2, [0x0202, 0x0311]),
     "01000000" + "66" * 16 + "0200 0200 0202 1103"),
    (SrvSnapshotArray(["a"]), "01000000 01000000 06000000 6100 0000 0000"),
    (SecurityDescriptor(SID_BUILTIN_ADMINISTRATORS, dacl=Acl([Ace(0, 0x1F01FF, SID_EVERYONE)])),
     "0100 0480 14000000 00000000 00000000 24000000"
     "0102000000000005 20000000 20020000"
     "0200 1c00 0100 0000 00 00 1400 ff011f00 0101000000000001 00000000"),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "expected"), GOLDEN, ids=lambda value: type(value).__name__)
def test_golden_bytes(payload: object, expected: str) -> None:
    encoded = payload.encode()  # type: ignore[attr-defined]
    assert encoded.hex(" ") == bytes.fromhex(expected).hex(" ")


def test_the_interface_list_is_laid_out_in_152_byte_entries() -> None:
    rss = network_interface_info.InterfaceCapability.RSS_CAPABLE
    encoded = network_interface_info.encode_list([
        network_interface_info.interface(1, IPv4Address("10.0.0.1"), 10**9, rss),
        network_interface_info.interface(2, IPv6Address("fe80::1"), 10**10),
    ])  # fmt: skip
    assert len(encoded) == 304
    assert encoded[:24].hex() == "9800000001000000010000000000000000ca9a3b00000000"
    assert encoded[24:32].hex() == "020000000a000001"
    assert encoded[152 + 24 : 152 + 52].hex() == "1700000000000000fe80000000000000000000000000000100000000"


def test_every_directory_class_has_the_layout_of_its_fields() -> None:
    assert {kind.LAYOUT.size for kind in DIRECTORY_ENTRIES.values()} == {
        12,
        64,
        68,
        80,
        94,
        104,
        88,
        106,
        96,
        122,
        92,
    }
    assert FileIdBothDirectoryInformation.LAYOUT.size == 104
    assert DIRECTORY_ENTRIES[FileInformationClass.FILE_NAMES_INFORMATION].LAYOUT.size == 12


def test_file_all_information_is_nine_classes_and_a_name() -> None:
    everything = FileAllInformation()
    everything.name_information.file_name = "\\a"
    everything.standard_information.end_of_file = 5
    encoded = everything.encode()
    assert len(encoded) == 104
    assert encoded[48:56] == (5).to_bytes(8, "little")
    findings: Findings = []
    assert FileAllInformation.decode(encoded, findings).encode() == encoded
    assert findings == []


def test_an_empty_set_sparse_means_true() -> None:
    findings: Findings = []
    assert SetSparse.decode(b"", findings).set_sparse == 1
    assert findings == []


def test_statuses_by_name_and_number() -> None:
    assert Status.INVALID_PARAMETER == 0xC000000D
    assert as_status(0xC05D0000) is Status.SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
    assert status_name(0) == "SUCCESS"
    assert status_name(0xC000009A) == "INSUFFICIENT_RESOURCES"
    assert status_name(0x12345678) == "0x12345678"
    assert as_status(0x12345678) == 0x12345678
    assert (
        not is_error(Status.PENDING) and is_error(Status.BUFFER_OVERFLOW) and is_error(Status.ACCESS_DENIED)
    )
    assert len(Status) > 1700


def test_filetime_conversion() -> None:
    assert to_filetime(0) == 116_444_736_000_000_000
    assert to_filetime(1_767_225_600) == 134_116_992_000_000_000
    assert to_filetime(1_767_225_600.5) == to_filetime(1_767_225_600) + 5_000_000
    assert from_filetime(to_filetime(1_767_225_600.25)) == 1_767_225_600.25
    assert to_filetime(-1.5) == to_filetime(0) - 15_000_000
