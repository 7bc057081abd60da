"""FSCTL_SRV_READ_HASH ([MS-SMB2] 2.2.31.2 and 2.2.32.4)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from smbtorture_py.wire.chain import Enums, Structure
from smbtorture_py.wire.codec import AUTO


class HashVersion(IntEnum):
    """HashVersion ([MS-SMB2] 2.2.31.2)."""

    VER_1 = 0x00000001
    VER_2 = 0x00000002


class HashRetrievalType(IntEnum):
    """HashRetrievalType ([MS-SMB2] 2.2.31.2)."""

    HASH_BASED = 0x00000001
    FILE_BASED = 0x00000002


class HashType(IntEnum):
    """HashType ([MS-SMB2] 2.2.31.2)."""

    PEER_DIST = 0x00000001


@dataclass(slots=True)
class SrvReadHashRequest(Structure):
    """SRV_READ_HASH request ([MS-SMB2] 2.2.31.2), in bytes."""

    LAYOUT = struct.Struct("<IIIIQ")
    ENUMS: ClassVar[Enums] = {
        "hash_type": HashType,
        "hash_version": HashVersion,
        "hash_retrieval_type": HashRetrievalType,
    }

    hash_type: int = HashType.PEER_DIST
    hash_version: int = HashVersion.VER_1
    hash_retrieval_type: int = HashRetrievalType.HASH_BASED
    length: int = 0
    offset: int = 0


@dataclass(slots=True)
class HashHeader(Structure):
    """HASH_HEADER ([MS-SMB2] 2.2.32.4.1), the start of a content information file."""

    LAYOUT = struct.Struct("<IIQQIIHH")
    TAILS = (("source_file_name_length", "source_file_name"),)
    TEXT = frozenset({"source_file_name"})
    ENUMS: ClassVar[Enums] = {"hash_type": HashType, "hash_version": HashVersion}

    hash_type: int = HashType.PEER_DIST
    hash_version: int = HashVersion.VER_1
    source_file_change_time: int = 0
    source_file_size: int = 0
    hash_blob_length: int = 0
    hash_blob_offset: int = 0
    dirty: int = 0
    source_file_name_length: int = AUTO
    source_file_name: str = ""


@dataclass(slots=True)
class SrvHashRetrieveHashBased(Structure):
    """SRV_HASH_RETRIEVE_HASH_BASED ([MS-SMB2] 2.2.32.4.2)."""

    LAYOUT = struct.Struct("<QII")
    TAILS = (("buffer_length", "buffer"),)

    offset: int = 0
    buffer_length: int = AUTO
    reserved: int = 0
    buffer: bytes = b""


@dataclass(slots=True)
class SrvHashRetrieveFileBased(Structure):
    """SRV_HASH_RETRIEVE_FILE_BASED ([MS-SMB2] 2.2.32.4.3)."""

    LAYOUT = struct.Struct("<QQII")
    TAILS = (("buffer_length", "buffer"),)

    file_data_offset: int = 0
    file_data_length: int = 0
    buffer_length: int = AUTO
    reserved: int = 0
    buffer: bytes = b""
