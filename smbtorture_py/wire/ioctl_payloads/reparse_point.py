"""FSCTL_GET/SET/DELETE_REPARSE_POINT: reparse data ([MS-FSCC] 2.1.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from smbtorture_py.wire.chain import Enums, Structure
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.error_contexts import SymlinkFlags


class ReparseTag(IntEnum):
    """Reparse tags that a server meets ([MS-FSCC] 2.1.2.1)."""

    RESERVED_ZERO = 0x00000000
    MOUNT_POINT = 0xA0000003
    SYMLINK = 0xA000000C
    DFS = 0x8000000A
    DEDUP = 0x80000013
    NFS = 0x80000014
    APPEXECLINK = 0x8000001B
    AF_UNIX = 0x80000023
    LX_SYMLINK = 0xA000001D
    LX_FIFO = 0x80000024
    LX_CHR = 0x80000025
    LX_BLK = 0x80000026


@dataclass(slots=True)
class ReparseDataBuffer(Structure):
    """REPARSE_DATA_BUFFER ([MS-FSCC] 2.1.2.2): a tag of Microsoft and its data."""

    LAYOUT = struct.Struct("<IHH")
    TAILS = (("reparse_data_length", "data_buffer"),)
    ENUMS: ClassVar[Enums] = {"reparse_tag": ReparseTag}

    reparse_tag: int
    reparse_data_length: int = AUTO
    reserved: int = 0
    data_buffer: bytes = b""


@dataclass(slots=True)
class ReparseGuidDataBuffer(Structure):
    """REPARSE_GUID_DATA_BUFFER ([MS-FSCC] 2.1.2.3): a tag of another vendor, its GUID and data."""

    LAYOUT = struct.Struct("<IHH16s")
    TAILS = (("reparse_data_length", "data_buffer"),)
    ENUMS: ClassVar[Enums] = {"reparse_tag": ReparseTag}

    reparse_tag: int
    reparse_data_length: int = AUTO
    reserved: int = 0
    reparse_guid: bytes = bytes(16)
    data_buffer: bytes = b""


@dataclass(slots=True)
class SymbolicLinkReparseData(Structure):
    """Data of a symbolic link ([MS-FSCC] 2.1.2.4): offsets into the path buffer, which is `trailing`, in
    bytes.
    """

    LAYOUT = struct.Struct("<HHHHI")
    ENUMS: ClassVar[Enums] = {"flags": SymlinkFlags}

    substitute_name_offset: int = 0
    substitute_name_length: int = 0
    print_name_offset: int = 0
    print_name_length: int = 0
    flags: SymlinkFlags = SymlinkFlags.ABSOLUTE
