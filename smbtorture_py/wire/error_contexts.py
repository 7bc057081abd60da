"""What ERROR responses carry: error contexts and the data of particular statuses ([MS-SMB2] 2.2.2.1 and
2.2.2.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, Final, Self, TypeAlias

from smbtorture_py.wire.chain import Structure, known
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto, decode_text, encode_text


class SymlinkFlags(IntFlag):
    """Flags of a symbolic link ([MS-SMB2] 2.2.2.2.1)."""

    ABSOLUTE = 0
    RELATIVE = 0x00000001


SYMLINK_ERROR_TAG: Final = 0x4C4D5953
REPARSE_TAG_SYMLINK: Final = 0xA000000C
_SYMLINK_NAMES_SIZE: Final = 12
"""Bytes of the fields between UnparsedPathLength and PathBuffer ([MS-SMB2] 2.2.2.2.1)."""
_LENGTH_SIZE: Final = 4


@dataclass(slots=True)
class SymbolicLinkErrorResponse:
    """Symbolic Link Error Response ([MS-SMB2] 2.2.2.2.1), the data of STATUS_STOPPED_ON_SYMLINK.

    `path_buffer` None is laid out as substitute name, then print name; set, it goes out as it is.
    `unparsed_path_length` in bytes.
    """

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIIHHHHHHI")

    substitute_name: str
    print_name: str
    unparsed_path_length: int = 0
    flags: SymlinkFlags = SymlinkFlags.ABSOLUTE
    sym_link_length: int = AUTO
    sym_link_error_tag: int = SYMLINK_ERROR_TAG
    reparse_tag: int = REPARSE_TAG_SYMLINK
    reparse_data_length: int = AUTO
    substitute_name_offset: int = AUTO
    substitute_name_length: int = AUTO
    print_name_offset: int = AUTO
    print_name_length: int = AUTO
    path_buffer: bytes | None = None

    def encode(self) -> bytes:
        """Encode into 28 bytes and the names."""
        substitute, printed = encode_text(self.substitute_name), encode_text(self.print_name)
        names = substitute + printed if self.path_buffer is None else self.path_buffer
        return (
            self.LAYOUT.pack(
                auto(self.sym_link_length, self.LAYOUT.size - _LENGTH_SIZE + len(names)),
                self.sym_link_error_tag,
                self.reparse_tag,
                auto(self.reparse_data_length, _SYMLINK_NAMES_SIZE + len(names)),
                self.unparsed_path_length,
                auto(self.substitute_name_offset, 0),
                auto(self.substitute_name_length, len(substitute)),
                auto(self.print_name_offset, len(substitute)),
                auto(self.print_name_length, len(printed)),
                self.flags,
            )
            + names
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self | None:
        """Decode; None, with a finding, where the fixed part is cut off."""
        view = memoryview(data)
        if len(view) < cls.LAYOUT.size:
            findings.append(Finding(0, cls.__name__, f"{len(view)} bytes, fewer than {cls.LAYOUT.size}"))
            return None
        (
            length,
            error_tag,
            reparse_tag,
            data_length,
            unparsed,
            substitute_at,
            substitute_length,
            print_at,
            print_length,
            flags,
        ) = cls.LAYOUT.unpack_from(view)
        names = view[cls.LAYOUT.size :]
        if length + _LENGTH_SIZE != len(view):
            findings.append(
                Finding(0, "SymLinkLength", f"{length}, but {len(view) - _LENGTH_SIZE} bytes follow")
            )
        if error_tag != SYMLINK_ERROR_TAG:
            findings.append(Finding(4, "SymLinkErrorTag", f"{error_tag:#010x}"))
        for name, at, size in (
            ("SubstituteName", substitute_at, substitute_length),
            ("PrintName", print_at, print_length),
        ):
            if at + size > len(names):
                findings.append(Finding(cls.LAYOUT.size, name, f"{at}+{size} of {len(names)} bytes"))
        substitute = names[substitute_at : substitute_at + substitute_length]
        printed = names[print_at : print_at + print_length]
        return cls(
            decode_text(substitute, cls.LAYOUT.size + substitute_at, "SubstituteName", findings),
            decode_text(printed, cls.LAYOUT.size + print_at, "PrintName", findings),
            unparsed,
            SymlinkFlags(flags),
            length,
            error_tag,
            reparse_tag,
            data_length,
            substitute_at,
            substitute_length,
            print_at,
            print_length,
            bytes(names),
        )


class MoveDestinationType(IntEnum):
    """Type of a MOVE_DST_IPADDR ([MS-SMB2] 2.2.2.2.2.1)."""

    V4 = 0x00000001
    V6 = 0x00000002


IpAddress: TypeAlias = IPv4Address | IPv6Address


@dataclass(slots=True)
class MoveDestinationAddress:
    """MOVE_DST_IPADDR ([MS-SMB2] 2.2.2.2.2.1): 24 bytes; `raw` are the 16 of the address field."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<II16s")

    address_type: int
    raw: bytes
    reserved: int = 0

    @classmethod
    def of(cls, address: IpAddress) -> Self:
        """Make the structure of an address."""
        kind = MoveDestinationType.V4 if isinstance(address, IPv4Address) else MoveDestinationType.V6
        return cls(kind, address.packed)

    @property
    def address(self) -> IpAddress | None:
        """The address, None where the type is neither V4 nor V6."""
        if self.address_type == MoveDestinationType.V4:
            return IPv4Address(self.raw[:4])
        return IPv6Address(self.raw) if self.address_type == MoveDestinationType.V6 else None

    def encode(self) -> bytes:
        """Encode into 24 bytes."""
        return self.LAYOUT.pack(self.address_type, self.reserved, self.raw)


SHARE_MOVE_NOTIFICATION: Final = 3


@dataclass(slots=True)
class ShareRedirectErrorContext:
    """Share Redirect Error Context ([MS-SMB2] 2.2.2.2.2): addresses that serve the share, and its name."""

    LAYOUT: ClassVar[struct.Struct] = struct.Struct("<IIIIHHI")

    ip_addr_move_list: list[MoveDestinationAddress] = field(default_factory=list)
    resource_name: str = ""
    structure_size: int = 48
    notification_type: int = SHARE_MOVE_NOTIFICATION
    resource_name_offset: int = AUTO
    resource_name_length: int = AUTO
    reserved: int = 0
    target_type: int = 0
    ip_addr_count: int = AUTO

    def encode(self) -> bytes:
        """Encode into 24 bytes, 24 for each address, and the name."""
        addresses = b"".join(address.encode() for address in self.ip_addr_move_list)
        name = encode_text(self.resource_name)
        head = self.LAYOUT.pack(
            self.structure_size,
            self.notification_type,
            auto(self.resource_name_offset, self.LAYOUT.size + len(addresses)),
            auto(self.resource_name_length, len(name)),
            self.reserved,
            self.target_type,
            auto(self.ip_addr_count, len(self.ip_addr_move_list)),
        )
        return head + addresses + name

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self | None:
        """Decode; None, with a finding, where the fixed part is cut off."""
        view = memoryview(data)
        if len(view) < cls.LAYOUT.size:
            findings.append(Finding(0, cls.__name__, f"{len(view)} bytes, fewer than {cls.LAYOUT.size}"))
            return None
        size, kind, name_at, name_length, reserved, target, count = cls.LAYOUT.unpack_from(view)
        entry = MoveDestinationAddress.LAYOUT
        room = (len(view) - cls.LAYOUT.size) // entry.size
        if count > room:
            findings.append(Finding(20, "IPAddrCount", f"{count} announced, room for {room}"))
        addresses = []
        for index in range(min(count, room)):
            address_type, address_reserved, raw = entry.unpack_from(
                view, cls.LAYOUT.size + index * entry.size
            )
            addresses.append(
                MoveDestinationAddress(known(MoveDestinationType, address_type), raw, address_reserved)
            )
        if name_at + name_length > len(view):
            findings.append(Finding(8, "ResourceName", f"{name_at}+{name_length} of {len(view)} bytes"))
        name = decode_text(view[name_at : name_at + name_length], name_at, "ResourceName", findings)
        return cls(addresses, name, size, kind, name_at, name_length, reserved, target, count)


@dataclass(slots=True)
class BufferTooSmall(Structure):
    """The data of STATUS_BUFFER_TOO_SMALL ([MS-SMB2] 2.2.2.2): the least buffer length in bytes."""

    LAYOUT = struct.Struct("<I")

    minimum_required_buffer_length: int = 0


@dataclass(slots=True)
class BadClusterDialect(Structure):
    """The data of STATUS_SMB_BAD_CLUSTER_DIALECT ([MS-SMB2] 3.3.5.7): the server's MaxClusterDialect."""

    LAYOUT = struct.Struct("<H")

    max_cluster_dialect: int = 0
