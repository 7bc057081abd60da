"""FSCTL_OFFLOAD_READ and FSCTL_OFFLOAD_WRITE ([MS-FSCC] 2.3.41 to 2.3.44)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from smbtorture_py.wire.chain import Structure

_TOKEN: Final = bytes(512)


@dataclass(slots=True)
class OffloadReadInput(Structure):
    """FSCTL_OFFLOAD_READ request ([MS-FSCC] 2.3.41); `token_time_to_live` in milliseconds, sizes in bytes."""

    LAYOUT = struct.Struct("<IIIIQQ")

    size: int = 32
    flags: int = 0
    token_time_to_live: int = 0
    reserved: int = 0
    file_offset: int = 0
    copy_length: int = 0


@dataclass(slots=True)
class OffloadReadOutput(Structure):
    """FSCTL_OFFLOAD_READ reply ([MS-FSCC] 2.3.42)."""

    LAYOUT = struct.Struct("<IIQ512s")

    size: int = 528
    flags: int = 0
    transfer_length: int = 0
    token: bytes = _TOKEN


@dataclass(slots=True)
class OffloadWriteInput(Structure):
    """FSCTL_OFFLOAD_WRITE request ([MS-FSCC] 2.3.43)."""

    LAYOUT = struct.Struct("<IIQQQ512s")

    size: int = 544
    flags: int = 0
    file_offset: int = 0
    copy_length: int = 0
    transfer_offset: int = 0
    token: bytes = _TOKEN


@dataclass(slots=True)
class OffloadWriteOutput(Structure):
    """FSCTL_OFFLOAD_WRITE reply ([MS-FSCC] 2.3.44)."""

    LAYOUT = struct.Struct("<IIQ")

    size: int = 16
    flags: int = 0
    length_written: int = 0
