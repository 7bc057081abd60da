"""Create contexts: the envelope, the chain, and every typed payload ([MS-SMB2] 2.2.13.2 and 2.2.14.2)."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self, TypeVar

from smbtorture_py.wire.chain import Enums, Structure, join_chain, split_chain
from smbtorture_py.wire.codec import AUTO, NO_FILE_ID, Buffer, FileId, Finding, Findings, align, auto
from smbtorture_py.wire.lease import LeaseFlags, LeaseState

_HEADER: Final = struct.Struct("<IHHHHI")
_U64: Final = struct.Struct("<Q")
_ALIGNMENT: Final = 8


@dataclass(slots=True)
class CreateContext:
    """One SMB2_CREATE_CONTEXT ([MS-SMB2] 2.2.13.2): a name, its data, and the fields that locate them.

    Offsets count in bytes from the first byte of the context. `image` holds the whole context as it was
    found where encoding would lay it out otherwise (odd padding, order or overlap); name and data are
    written over it. Empty it to lay out anew.
    """

    name: bytes
    data: Buffer = b""
    next: int = AUTO
    name_offset: int = AUTO
    name_length: int = AUTO
    reserved: int = 0
    data_offset: int = AUTO
    data_length: int = AUTO
    image: bytes = b""

    def encode(self) -> bytes:
        """Encode without the padding a following context needs; Next AUTO becomes 0 until `encode_list`."""
        if self.image and len(self.image) < _HEADER.size:
            return self.image
        name_at = _HEADER.size
        data_at = align(name_at + len(self.name), _ALIGNMENT) if self.data else 0
        header = _HEADER.pack(
            auto(self.next, 0),
            auto(self.name_offset, name_at),
            auto(self.name_length, len(self.name)),
            self.reserved,
            auto(self.data_offset, data_at),
            auto(self.data_length, len(self.data)),
        )
        if self.image:
            out = bytearray(self.image)
            _overlay(out, self.name, auto(self.name_offset, name_at))
            _overlay(out, self.data, auto(self.data_offset, data_at))
            out[: _HEADER.size] = header
            return bytes(out)
        out = bytearray(header + self.name)
        if self.data:
            out += bytes(data_at - len(out))
            out += self.data
        return bytes(out)

    @classmethod
    def decode(cls, entry: memoryview, base: int, findings: Findings, *, last: bool) -> CreateContext:
        """Decode one entry of the chain, which starts at `base` in the frame; name and data are clipped to
        the entry."""
        if len(entry) < _HEADER.size:
            return cls(b"", next=int.from_bytes(entry[:4], "little"), image=bytes(entry))
        following, name_offset, name_length, reserved, data_offset, data_length = _HEADER.unpack_from(entry)
        raw = bytes(entry)
        if name_offset < _HEADER.size or name_offset + name_length > len(entry):
            findings.append(
                Finding(
                    base + 4, "NameOffset", f"name {name_offset}+{name_length} outside {len(entry)} bytes"
                )
            )
        if data_length and (data_offset < _HEADER.size or data_offset + data_length > len(entry)):
            findings.append(
                Finding(
                    base + 10, "DataOffset", f"data {data_offset}+{data_length} outside {len(entry)} bytes"
                )
            )
        context = cls(
            raw[name_offset : name_offset + name_length],
            raw[data_offset : data_offset + data_length],
            following,
            name_offset,
            name_length,
            reserved,
            data_offset,
            data_length,
        )
        end = name_end = name_offset + name_length
        if data_length:
            end = data_offset + data_length
            data_fits = data_offset == align(name_end, _ALIGNMENT) and (
                data_offset == name_end or not any(raw[name_end:data_offset])
            )
        else:
            data_fits = not data_offset
        size = end if last else align(end, _ALIGNMENT)
        fits = len(entry) == size and (size == end or not any(raw[end:]))
        if name_offset != _HEADER.size or not data_fits or not fits:
            context.image = raw
        return context


def _overlay(target: bytearray, piece: Buffer, position: int) -> None:
    if position + len(piece) <= len(target):
        target[position : position + len(piece)] = piece


def encode_list(contexts: Sequence[CreateContext]) -> bytes:
    """Encode the chain of create contexts: each starts 8-byte aligned, the last is not padded."""
    return join_chain([(context.encode(), context.next) for context in contexts], _ALIGNMENT)


def decode_list(data: memoryview, base: int, findings: Findings) -> list[CreateContext]:
    """Decode the chain in `data`, whose first byte is at offset `base` of the frame; never raises."""
    contexts = []
    position = 0
    for entry in split_chain(data, base, _HEADER.size, _ALIGNMENT, "CreateContext.Next", findings):
        end = position + len(entry)
        contexts.append(CreateContext.decode(entry, base + position, findings, last=end == len(data)))
        position = end
    return contexts


class CreateContextPayload(ABC):
    """Base of every typed payload of a create context."""

    __slots__ = ()

    NAME: ClassVar[bytes]
    SIZES: ClassVar[tuple[int, ...]] = ()
    """The data lengths that tell this payload from others with the same name; empty where the name tells."""

    @abstractmethod
    def encode(self) -> bytes:
        """Encode the data of the context."""

    @classmethod
    @abstractmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""

    def envelope(self) -> CreateContext:
        """Wrap the payload in a create context."""
        return CreateContext(self.NAME, self.encode())


PayloadT = TypeVar("PayloadT", bound=CreateContextPayload)


def find(contexts: Sequence[CreateContext], payload: type[PayloadT], findings: Findings) -> PayloadT | None:
    """Return the first context that is a `payload`, decoded, or None."""
    for context in contexts:
        if context.name == payload.NAME and (not payload.SIZES or len(context.data) in payload.SIZES):
            return payload.decode(context.data, findings)
    return None


EA_BUFFER: Final = b"ExtA"
SD_BUFFER: Final = b"SecD"
DURABLE_HANDLE_REQUEST: Final = b"DHnQ"
DURABLE_HANDLE_RECONNECT: Final = b"DHnC"
ALLOCATION_SIZE: Final = b"AlSi"
QUERY_MAXIMAL_ACCESS: Final = b"MxAc"
TIMEWARP_TOKEN: Final = b"TWrp"
QUERY_ON_DISK_ID: Final = b"QFid"
REQUEST_LEASE: Final = b"RqLs"
DURABLE_HANDLE_REQUEST_V2: Final = b"DH2Q"
DURABLE_HANDLE_RECONNECT_V2: Final = b"DH2C"
APP_INSTANCE_ID: Final = bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74")
APP_INSTANCE_VERSION: Final = bytes.fromhex("B982D0B73B56074FA07B524A8116A010")
SVHDX_OPEN_DEVICE_CONTEXT: Final = bytes.fromhex("9CCBCF9E04C1E643980E158DA1F6EC83")
CREATECONTEXT_RESERVED: Final = bytes.fromhex("93AD25509CB411E7B42383DE968BCD7C")
"""Must be ignored on receipt; Samba's POSIX extensions use it."""

_GUID: Final = bytes(16)


class DurableHandleFlags(IntFlag):
    """Flags of the durable handle contexts of version 2 ([MS-SMB2] 2.2.13.2.11)."""

    NONE = 0
    PERSISTENT = 0x00000002


@dataclass(slots=True)
class Opaque(CreateContextPayload):
    """Base of a payload whose data is a structure of another kind, kept as bytes."""

    data: Buffer = b""

    def encode(self) -> bytes:
        """Return the data."""
        return bytes(self.data)

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:  # noqa: ARG003
        """Take the data as it is."""
        return cls(bytes(data))


class EaBuffer(Opaque):
    """SMB2_CREATE_EA_BUFFER ([MS-SMB2] 2.2.13.2.1): a chain of FILE_FULL_EA_INFORMATION
    (`fscc.extended_attributes`)."""

    __slots__ = ()
    NAME = EA_BUFFER


class SdBuffer(Opaque):
    """SMB2_CREATE_SD_BUFFER ([MS-SMB2] 2.2.13.2.2): a self-relative security descriptor (`fscc.security`)."""

    __slots__ = ()
    NAME = SD_BUFFER


@dataclass(slots=True)
class DurableHandleRequest(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST ([MS-SMB2] 2.2.13.2.3): 16 reserved bytes."""

    NAME = DURABLE_HANDLE_REQUEST
    LAYOUT = struct.Struct("<16s")

    durable_request: bytes = bytes(16)


@dataclass(slots=True)
class DurableHandleResponse(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_RESPONSE ([MS-SMB2] 2.2.14.2.3): 8 reserved bytes."""

    NAME = DURABLE_HANDLE_REQUEST
    LAYOUT = struct.Struct("<8s")

    reserved: bytes = bytes(8)


@dataclass(slots=True)
class DurableHandleReconnect(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT ([MS-SMB2] 2.2.13.2.4); Data is the FileId of the lost open."""

    NAME = DURABLE_HANDLE_RECONNECT
    LAYOUT = struct.Struct("<16s")
    FILE_IDS = frozenset({"data"})

    data: FileId = NO_FILE_ID


@dataclass(slots=True)
class QueryMaximalAccessRequest(CreateContextPayload):
    """SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST ([MS-SMB2] 2.2.13.2.5): a FILETIME, or nothing (None)."""

    NAME = QUERY_MAXIMAL_ACCESS

    timestamp: int | None = None
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode into 8 bytes, or none where there is no timestamp."""
        return (b"" if self.timestamp is None else _U64.pack(self.timestamp)) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode 8 bytes or none; another length is a finding, and bytes too few for a timestamp are
        `trailing`."""
        if len(data) not in (0, _U64.size):
            findings.append(Finding(0, cls.__name__, f"{len(data)} bytes, neither 0 nor {_U64.size}"))
        if len(data) < _U64.size:
            return cls(None, bytes(data))
        return cls(_U64.unpack_from(data)[0], bytes(data[_U64.size :]))


@dataclass(slots=True)
class QueryMaximalAccessResponse(Structure, CreateContextPayload):
    """SMB2_CREATE_QUERY_MAXIMAL_ACCESS_RESPONSE ([MS-SMB2] 2.2.14.2.5)."""

    NAME = QUERY_MAXIMAL_ACCESS
    LAYOUT = struct.Struct("<II")

    query_status: int = 0
    maximal_access: int = 0


@dataclass(slots=True)
class AllocationSize(Structure, CreateContextPayload):
    """SMB2_CREATE_ALLOCATION_SIZE ([MS-SMB2] 2.2.13.2.6), in bytes."""

    NAME = ALLOCATION_SIZE
    LAYOUT = struct.Struct("<Q")

    allocation_size: int = 0


@dataclass(slots=True)
class TimewarpToken(Structure, CreateContextPayload):
    """SMB2_CREATE_TIMEWARP_TOKEN ([MS-SMB2] 2.2.13.2.7), a FILETIME."""

    NAME = TIMEWARP_TOKEN
    LAYOUT = struct.Struct("<Q")

    timestamp: int = 0


class QueryOnDiskIdRequest(Opaque):
    """SMB2_CREATE_QUERY_ON_DISK_ID of a request ([MS-SMB2] 2.2.13.2.9): no data."""

    __slots__ = ()
    NAME = QUERY_ON_DISK_ID


@dataclass(slots=True)
class QueryOnDiskIdResponse(Structure, CreateContextPayload):
    """SMB2_CREATE_QUERY_ON_DISK_ID of a response ([MS-SMB2] 2.2.14.2.9)."""

    NAME = QUERY_ON_DISK_ID
    LAYOUT = struct.Struct("<QQ16s")

    disk_file_id: int = 0
    volume_id: int = 0
    reserved: bytes = bytes(16)


@dataclass(slots=True)
class RequestLease(Structure, CreateContextPayload):
    """SMB2_CREATE_REQUEST_LEASE ([MS-SMB2] 2.2.13.2.8): 32 bytes, which is how it differs from version 2."""

    NAME = REQUEST_LEASE
    SIZES = (32,)
    LAYOUT = struct.Struct("<16sIIQ")
    ENUMS: ClassVar[Enums] = {"lease_state": LeaseState, "lease_flags": LeaseFlags}

    lease_key: bytes = _GUID
    lease_state: LeaseState = LeaseState.NONE
    lease_flags: LeaseFlags = LeaseFlags.NONE
    lease_duration: int = 0


class ResponseLease(RequestLease):
    """SMB2_CREATE_RESPONSE_LEASE ([MS-SMB2] 2.2.14.2.10): laid out like the request."""

    __slots__ = ()


@dataclass(slots=True)
class RequestLeaseV2(Structure, CreateContextPayload):
    """SMB2_CREATE_REQUEST_LEASE_V2 ([MS-SMB2] 2.2.13.2.10): 52 bytes."""

    NAME = REQUEST_LEASE
    SIZES = (52,)
    LAYOUT = struct.Struct("<16sIIQ16sHH")
    ENUMS: ClassVar[Enums] = {"lease_state": LeaseState, "flags": LeaseFlags}

    lease_key: bytes = _GUID
    lease_state: LeaseState = LeaseState.NONE
    flags: LeaseFlags = LeaseFlags.NONE
    lease_duration: int = 0
    parent_lease_key: bytes = _GUID
    epoch: int = 0
    reserved: int = 0


class ResponseLeaseV2(RequestLeaseV2):
    """SMB2_CREATE_RESPONSE_LEASE_V2 ([MS-SMB2] 2.2.14.2.11): laid out like the request."""

    __slots__ = ()


@dataclass(slots=True)
class DurableHandleRequestV2(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2 ([MS-SMB2] 2.2.13.2.11); `timeout` in milliseconds."""

    NAME = DURABLE_HANDLE_REQUEST_V2
    LAYOUT = struct.Struct("<IIQ16s")
    ENUMS: ClassVar[Enums] = {"flags": DurableHandleFlags}

    timeout: int = 0
    flags: DurableHandleFlags = DurableHandleFlags.NONE
    reserved: int = 0
    create_guid: bytes = _GUID


@dataclass(slots=True)
class DurableHandleResponseV2(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_RESPONSE_V2 ([MS-SMB2] 2.2.14.2.12); `timeout` in milliseconds."""

    NAME = DURABLE_HANDLE_REQUEST_V2
    LAYOUT = struct.Struct("<II")
    ENUMS: ClassVar[Enums] = {"flags": DurableHandleFlags}

    timeout: int = 0
    flags: DurableHandleFlags = DurableHandleFlags.NONE


@dataclass(slots=True)
class DurableHandleReconnectV2(Structure, CreateContextPayload):
    """SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2 ([MS-SMB2] 2.2.13.2.12)."""

    NAME = DURABLE_HANDLE_RECONNECT_V2
    LAYOUT = struct.Struct("<16s16sI")
    ENUMS: ClassVar[Enums] = {"flags": DurableHandleFlags}
    FILE_IDS = frozenset({"file_id"})

    file_id: FileId = NO_FILE_ID
    create_guid: bytes = _GUID
    flags: DurableHandleFlags = DurableHandleFlags.NONE


@dataclass(slots=True)
class AppInstanceId(Structure, CreateContextPayload):
    """SMB2_CREATE_APP_INSTANCE_ID ([MS-SMB2] 2.2.13.2.13)."""

    NAME = APP_INSTANCE_ID
    LAYOUT = struct.Struct("<HH16s")

    app_instance_id: bytes = _GUID
    structure_size: int = 20
    reserved: int = 0
    WIRE_ORDER = ("structure_size", "reserved", "app_instance_id")


@dataclass(slots=True)
class AppInstanceVersion(Structure, CreateContextPayload):
    """SMB2_CREATE_APP_INSTANCE_VERSION ([MS-SMB2] 2.2.13.2.15)."""

    NAME = APP_INSTANCE_VERSION
    LAYOUT = struct.Struct("<HHIQQ")

    app_instance_version_high: int = 0
    app_instance_version_low: int = 0
    structure_size: int = 24
    reserved: int = 0
    padding: int = 0
    WIRE_ORDER = (
        "structure_size",
        "reserved",
        "padding",
        "app_instance_version_high",
        "app_instance_version_low",
    )


class OriginatorFlags(IntEnum):
    """Who opens a shared virtual disk ([MS-RSVD] 2.2.4.12)."""

    PVHDPARSER = 0x00000001
    VHDMP = 0x00000004


@dataclass(slots=True)
class SvhdxOpenDeviceContext(Structure, CreateContextPayload):
    """SVHDX_OPEN_DEVICE_CONTEXT ([MS-RSVD] 2.2.4.12): version 1, of a request.

    `initiator_host_name` is UTF-16LE in 126 bytes, `initiator_host_name_length` its length in bytes.
    """

    NAME = SVHDX_OPEN_DEVICE_CONTEXT
    SIZES = (168,)
    LAYOUT = struct.Struct("<IB3s16sIIQH126s")

    version: int = 1
    has_initiator_id: int = 0
    reserved: bytes = bytes(3)
    initiator_id: bytes = _GUID
    flags: int = 0
    originator_flags: int = OriginatorFlags.VHDMP
    open_request_id: int = 0
    initiator_host_name_length: int = 0
    initiator_host_name: bytes = bytes(126)


@dataclass(slots=True)
class SvhdxOpenDeviceContextV2(Structure, CreateContextPayload):
    """SVHDX_OPEN_DEVICE_CONTEXT_V2 ([MS-RSVD] 2.2.4.32): version 1's fields, then those of the virtual
    disk."""

    NAME = SVHDX_OPEN_DEVICE_CONTEXT
    SIZES = (192,)
    LAYOUT = struct.Struct("<IB3s16sIIQH126sIIIIQ")

    version: int = 2
    has_initiator_id: int = 0
    reserved: bytes = bytes(3)
    initiator_id: bytes = _GUID
    flags: int = 0
    originator_flags: int = OriginatorFlags.VHDMP
    open_request_id: int = 0
    initiator_host_name_length: int = 0
    initiator_host_name: bytes = bytes(126)
    virtual_disk_properties_initialized: int = 0
    server_service_version: int = 0
    virtual_sector_size: int = 0
    physical_sector_size: int = 0
    virtual_size: int = 0


class SvhdxOpenDeviceContextResponse(SvhdxOpenDeviceContext):
    """SVHDX_OPEN_DEVICE_CONTEXT_RESPONSE ([MS-RSVD] 2.2.4.31): laid out like the request."""

    __slots__ = ()


class SvhdxOpenDeviceContextV2Response(SvhdxOpenDeviceContextV2):
    """SVHDX_OPEN_DEVICE_CONTEXT_V2_RESPONSE ([MS-RSVD] 2.2.4.33): laid out like the request."""

    __slots__ = ()
