"""Negotiate contexts: the envelope, the list, and every typed payload ([MS-SMB2] 2.2.3.1 and 2.2.4.1)."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self, TypeVar

from smbtorture_py.wire.chain import Enums, Structure, known
from smbtorture_py.wire.codec import (
    AUTO,
    Buffer,
    Finding,
    Findings,
    align,
    auto,
    decode_text,
    encode_text,
    fixed_part,
)

_HEADER: Final = struct.Struct("<HHI")
_ALIGNMENT: Final = 8
_U16: Final = struct.Struct("<H")


class ContextType(IntEnum):
    """ContextType of a negotiate context ([MS-SMB2] 2.2.3.1)."""

    PREAUTH_INTEGRITY_CAPABILITIES = 0x0001
    ENCRYPTION_CAPABILITIES = 0x0002
    COMPRESSION_CAPABILITIES = 0x0003
    NETNAME_NEGOTIATE_CONTEXT_ID = 0x0005
    TRANSPORT_CAPABILITIES = 0x0006
    RDMA_TRANSFORM_CAPABILITIES = 0x0007
    SIGNING_CAPABILITIES = 0x0008
    CONTEXTTYPE_RESERVED = 0x0100
    """Must be ignored on receipt; Samba's POSIX extensions use it."""


@dataclass(slots=True)
class NegotiateContext:
    """One SMB2_NEGOTIATE_CONTEXT ([MS-SMB2] 2.2.3.1): a type and its data.

    `image` holds the whole context, padding included, as it was found where encoding would lay it out
    otherwise; the data is written over it. Empty it to lay out anew.
    """

    context_type: int
    data: Buffer = b""
    data_length: int = AUTO
    reserved: int = 0
    image: bytes = b""

    def encode(self) -> bytes:
        """Encode without the padding that a following context needs."""
        if self.image and len(self.image) < _HEADER.size:
            return self.image
        header = _HEADER.pack(self.context_type, auto(self.data_length, len(self.data)), self.reserved)
        return header + bytes(self.data) + self.image[_HEADER.size + len(self.data) :]


def encode_list(contexts: Sequence[NegotiateContext]) -> bytes:
    """Encode the contexts: each starts 8-byte aligned from the first, the last is not padded."""
    out = bytearray()
    for index, context in enumerate(contexts):
        if index and not contexts[index - 1].image:
            out += bytes(align(len(out), _ALIGNMENT) - len(out))
        out += context.encode()
    return bytes(out)


def decode_list(data: memoryview, count: int, base: int, findings: Findings) -> list[NegotiateContext]:
    """Decode up to `count` contexts from `data`, whose first byte is at offset `base` of the frame; never
    raises.

    `data` reaches to the end of the message: bytes after the last context are kept in its `image`, with a
    finding.
    """
    contexts: list[NegotiateContext] = []
    position = 0
    while len(contexts) < count and position < len(data):
        left = len(data) - position
        if left < _HEADER.size:
            findings.append(
                Finding(base + position, "NegotiateContext", f"{left} bytes left, a context has 8")
            )
            contexts.append(NegotiateContext(0, image=bytes(data[position:])))
            position = len(data)
            break
        context_type, data_length, reserved = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + data_length
        if end > len(data):
            findings.append(
                Finding(
                    base + position + 2, "DataLength", f"{data_length} of {left - _HEADER.size} bytes left"
                )
            )
        context = NegotiateContext(
            context_type, bytes(data[position + _HEADER.size : end]), data_length, reserved
        )
        end = min(end, len(data))
        last = len(contexts) + 1 == count
        reach = len(data) if last else min(align(end, _ALIGNMENT), len(data))
        if last and reach > end:
            findings.append(
                Finding(base + end, "NegotiateContextList", f"{reach - end} bytes after the last context")
            )
        extra = data[end:reach]
        if bytes(extra) != bytes(0 if reach == len(data) else reach - end):
            context.image = bytes(data[position:reach])
        contexts.append(context)
        position = reach
    if len(contexts) < count:
        findings.append(
            Finding(base + position, "NegotiateContextCount", f"{count}, but {len(contexts)} are there")
        )
    return contexts


class HashAlgorithm(IntEnum):
    """Preauthentication integrity hash functions ([MS-SMB2] 2.2.3.1.1)."""

    SHA_512 = 0x0001


class Cipher(IntEnum):
    """Encryption algorithms ([MS-SMB2] 2.2.3.1.2); NONE is the server's «nothing in common»."""

    NONE = 0x0000
    AES_128_CCM = 0x0001
    AES_128_GCM = 0x0002
    AES_256_CCM = 0x0003
    AES_256_GCM = 0x0004


class CompressionAlgorithm(IntEnum):
    """Compression algorithms ([MS-SMB2] 2.2.3.1.3)."""

    NONE = 0x0000
    LZNT1 = 0x0001
    LZ77 = 0x0002
    LZ77_HUFFMAN = 0x0003
    PATTERN_V1 = 0x0004
    LZ4 = 0x0005


class CompressionCapabilitiesFlags(IntFlag):
    """Flags of SMB2_COMPRESSION_CAPABILITIES ([MS-SMB2] 2.2.3.1.3)."""

    NONE = 0
    CHAINED = 0x00000001


class TransportCapabilitiesFlags(IntFlag):
    """Flags of SMB2_TRANSPORT_CAPABILITIES ([MS-SMB2] 2.2.3.1.5)."""

    NONE = 0
    ACCEPT_TRANSPORT_LEVEL_SECURITY = 0x00000001


class RdmaTransformId(IntEnum):
    """RDMA transforms ([MS-SMB2] 2.2.3.1.6)."""

    NONE = 0x0000
    ENCRYPTION = 0x0001
    SIGNING = 0x0002


class SigningAlgorithm(IntEnum):
    """Signing algorithms ([MS-SMB2] 2.2.3.1.7)."""

    HMAC_SHA256 = 0x0000
    AES_CMAC = 0x0001
    AES_GMAC = 0x0002


class NegotiateContextPayload(ABC):
    """Base of every typed payload of a negotiate context."""

    __slots__ = ()

    CONTEXT_TYPE: ClassVar[ContextType]

    @abstractmethod
    def encode(self) -> bytes:
        """Encode the data of the context."""

    @classmethod
    @abstractmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""

    def envelope(self) -> NegotiateContext:
        """Wrap the payload in a negotiate context."""
        return NegotiateContext(self.CONTEXT_TYPE, self.encode())


PayloadT = TypeVar("PayloadT", bound=NegotiateContextPayload)


def find(
    contexts: Sequence[NegotiateContext], payload: type[PayloadT], findings: Findings
) -> PayloadT | None:
    """Return the first context that is a `payload`, decoded, or None."""
    for context in contexts:
        if context.context_type == payload.CONTEXT_TYPE:
            return payload.decode(context.data, findings)
    return None


def _header_of(layout: struct.Struct, data: Buffer, name: str, findings: Findings) -> tuple[int, ...]:
    """Unpack the fixed part; what is missing counts as zero."""
    return layout.unpack(fixed_part(layout, data, name, findings))


def _encode_ids(ids: Sequence[int]) -> bytes:
    return b"".join(_U16.pack(identifier) for identifier in ids)


def _decode_ids(
    data: Buffer, position: int, count: int, enumeration: type[IntEnum], name: str, findings: Findings
) -> tuple[list[int], int]:
    """Decode up to `count` 16-bit identifiers; also return the position after them."""
    available = max(0, len(data) - position) // _U16.size
    if count > available:
        findings.append(Finding(position, name, f"{count} announced, room for {available}"))
        count = available
    end = position + count * _U16.size
    return [known(enumeration, _U16.unpack_from(data, at)[0]) for at in range(position, end, _U16.size)], end


@dataclass(slots=True)
class PreauthIntegrityCapabilities(NegotiateContextPayload):
    """SMB2_PREAUTH_INTEGRITY_CAPABILITIES ([MS-SMB2] 2.2.3.1.1); counts and lengths AUTO are computed."""

    CONTEXT_TYPE = ContextType.PREAUTH_INTEGRITY_CAPABILITIES
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HH")

    hash_algorithms: list[int] = field(default_factory=lambda: [HashAlgorithm.SHA_512])
    salt: bytes = b""
    hash_algorithm_count: int = AUTO
    salt_length: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        header = self._LAYOUT.pack(
            auto(self.hash_algorithm_count, len(self.hash_algorithms)), auto(self.salt_length, len(self.salt))
        )
        return header + _encode_ids(self.hash_algorithms) + self.salt + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        count, salt_length = _header_of(cls._LAYOUT, data, cls.__name__, findings)
        ids, end = _decode_ids(data, cls._LAYOUT.size, count, HashAlgorithm, "HashAlgorithmCount", findings)
        if end + salt_length > len(data):
            findings.append(
                Finding(2, "SaltLength", f"{salt_length}, but {max(0, len(data) - end)} bytes are left")
            )
        salt = bytes(data[end : end + salt_length])
        return cls(ids, salt, count, salt_length, bytes(data[end + salt_length :]))


@dataclass(slots=True)
class EncryptionCapabilities(NegotiateContextPayload):
    """SMB2_ENCRYPTION_CAPABILITIES ([MS-SMB2] 2.2.3.1.2): ciphers, the most preferred first."""

    CONTEXT_TYPE = ContextType.ENCRYPTION_CAPABILITIES

    ciphers: list[int]
    cipher_count: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return (
            _U16.pack(auto(self.cipher_count, len(self.ciphers))) + _encode_ids(self.ciphers) + self.trailing
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        (count,) = _header_of(_U16, data, cls.__name__, findings)
        ids, end = _decode_ids(data, _U16.size, count, Cipher, "CipherCount", findings)
        return cls(ids, count, bytes(data[end:]))


@dataclass(slots=True)
class CompressionCapabilities(NegotiateContextPayload):
    """SMB2_COMPRESSION_CAPABILITIES ([MS-SMB2] 2.2.3.1.3): algorithms, the most preferred first."""

    CONTEXT_TYPE = ContextType.COMPRESSION_CAPABILITIES
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HHI")

    compression_algorithms: list[int]
    flags: CompressionCapabilitiesFlags = CompressionCapabilitiesFlags.NONE
    compression_algorithm_count: int = AUTO
    padding: int = 0
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        count = auto(self.compression_algorithm_count, len(self.compression_algorithms))
        header = self._LAYOUT.pack(count, self.padding, self.flags)
        return header + _encode_ids(self.compression_algorithms) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        count, padding, flags = _header_of(cls._LAYOUT, data, cls.__name__, findings)
        ids, end = _decode_ids(
            data, cls._LAYOUT.size, count, CompressionAlgorithm, "CompressionAlgorithmCount", findings
        )
        return cls(ids, CompressionCapabilitiesFlags(flags), count, padding, bytes(data[end:]))


@dataclass(slots=True)
class NetnameNegotiateContextId(NegotiateContextPayload):
    """SMB2_NETNAME_NEGOTIATE_CONTEXT_ID ([MS-SMB2] 2.2.3.1.4): the server's name as the client knows it."""

    CONTEXT_TYPE = ContextType.NETNAME_NEGOTIATE_CONTEXT_ID

    net_name: str
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        return encode_text(self.net_name) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        even = len(data) // 2 * 2
        return cls(decode_text(memoryview(data), 0, "NetName", findings), bytes(data[even:]))


@dataclass(slots=True)
class TransportCapabilities(Structure, NegotiateContextPayload):
    """SMB2_TRANSPORT_CAPABILITIES ([MS-SMB2] 2.2.3.1.5)."""

    CONTEXT_TYPE = ContextType.TRANSPORT_CAPABILITIES
    LAYOUT = struct.Struct("<I")
    ENUMS: ClassVar[Enums] = {"flags": TransportCapabilitiesFlags}

    flags: TransportCapabilitiesFlags = TransportCapabilitiesFlags.NONE


@dataclass(slots=True)
class RdmaTransformCapabilities(NegotiateContextPayload):
    """SMB2_RDMA_TRANSFORM_CAPABILITIES ([MS-SMB2] 2.2.3.1.6)."""

    CONTEXT_TYPE = ContextType.RDMA_TRANSFORM_CAPABILITIES
    _LAYOUT: ClassVar[struct.Struct] = struct.Struct("<HHI")

    rdma_transform_ids: list[int]
    transform_count: int = AUTO
    reserved1: int = 0
    reserved2: int = 0
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        count = auto(self.transform_count, len(self.rdma_transform_ids))
        header = self._LAYOUT.pack(count, self.reserved1, self.reserved2)
        return header + _encode_ids(self.rdma_transform_ids) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        count, reserved1, reserved2 = _header_of(cls._LAYOUT, data, cls.__name__, findings)
        ids, end = _decode_ids(data, cls._LAYOUT.size, count, RdmaTransformId, "TransformCount", findings)
        return cls(ids, count, reserved1, reserved2, bytes(data[end:]))


@dataclass(slots=True)
class SigningCapabilities(NegotiateContextPayload):
    """SMB2_SIGNING_CAPABILITIES ([MS-SMB2] 2.2.3.1.7): signing algorithms, the most preferred first."""

    CONTEXT_TYPE = ContextType.SIGNING_CAPABILITIES

    signing_algorithms: list[int]
    signing_algorithm_count: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode the data of the context."""
        count = auto(self.signing_algorithm_count, len(self.signing_algorithms))
        return _U16.pack(count) + _encode_ids(self.signing_algorithms) + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; never raises."""
        (count,) = _header_of(_U16, data, cls.__name__, findings)
        ids, end = _decode_ids(data, _U16.size, count, SigningAlgorithm, "SigningAlgorithmCount", findings)
        return cls(ids, count, bytes(data[end:]))


@dataclass(slots=True)
class ReservedContext(NegotiateContextPayload):
    """SMB2_CONTEXTTYPE_RESERVED ([MS-SMB2] 2.2.3.1): opaque, ignored on receipt."""

    CONTEXT_TYPE = ContextType.CONTEXTTYPE_RESERVED

    data: bytes = b""

    def encode(self) -> bytes:
        """Return the data."""
        return self.data

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:  # noqa: ARG003
        """Take the data as it is."""
        return cls(bytes(data))
