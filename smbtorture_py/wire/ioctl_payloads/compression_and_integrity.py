"""FSCTL_GET/SET_COMPRESSION and FSCTL_GET/SET_INTEGRITY_INFORMATION ([MS-FSCC] 2.3.18 to 2.3.20, 2.3.67,
2.3.73)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import ClassVar

from smbtorture_py.wire.chain import Enums, Structure
from smbtorture_py.wire.fscc.information_class import CompressionFormat


class ChecksumAlgorithm(IntEnum):
    """ChecksumAlgorithm ([MS-FSCC] 2.3.20, 2.3.73)."""

    TYPE_NONE = 0x0000
    TYPE_CRC32 = 0x0001
    TYPE_CRC64 = 0x0002
    TYPE_UNCHANGED = 0xFFFF


class IntegrityFlags(IntFlag):
    """Flags of integrity information ([MS-FSCC] 2.3.20)."""

    NONE = 0
    CHECKSUM_ENFORCEMENT_OFF = 0x00000001


@dataclass(slots=True)
class CompressionState(Structure):
    """FSCTL_GET_COMPRESSION reply and FSCTL_SET_COMPRESSION request ([MS-FSCC] 2.3.18, 2.3.67)."""

    LAYOUT = struct.Struct("<H")
    ENUMS: ClassVar[Enums] = {"compression_state": CompressionFormat}

    compression_state: int = CompressionFormat.NONE


@dataclass(slots=True)
class GetIntegrityInformation(Structure):
    """FSCTL_GET_INTEGRITY_INFORMATION reply ([MS-FSCC] 2.3.20); sizes in bytes."""

    LAYOUT = struct.Struct("<HHIII")
    ENUMS: ClassVar[Enums] = {"checksum_algorithm": ChecksumAlgorithm, "flags": IntegrityFlags}

    checksum_algorithm: int = ChecksumAlgorithm.TYPE_NONE
    reserved: int = 0
    flags: IntegrityFlags = IntegrityFlags.NONE
    checksum_chunk_size_in_bytes: int = 0
    cluster_size_in_bytes: int = 0


@dataclass(slots=True)
class SetIntegrityInformation(Structure):
    """FSCTL_SET_INTEGRITY_INFORMATION request ([MS-FSCC] 2.3.73)."""

    LAYOUT = struct.Struct("<HHI")
    ENUMS: ClassVar[Enums] = {"checksum_algorithm": ChecksumAlgorithm, "flags": IntegrityFlags}

    checksum_algorithm: int = ChecksumAlgorithm.TYPE_UNCHANGED
    reserved: int = 0
    flags: IntegrityFlags = IntegrityFlags.NONE
