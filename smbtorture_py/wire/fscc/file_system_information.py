"""File system information classes ([MS-FSCC] 2.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from smbtorture_py.wire.chain import Enums, Structure
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.fscc.information_class import (
    DeviceCharacteristics,
    DeviceType,
    FileSystemAttributes,
    FileSystemControlFlags,
    FsInformationClass,
    SectorSizeFlags,
)


@dataclass(slots=True)
class FileSystemInformation(Structure):
    """Base of a structure that one file system information class carries."""

    INFORMATION_CLASS: ClassVar[FsInformationClass]


@dataclass(slots=True)
class FileFsVolumeInformation(FileSystemInformation):
    """FileFsVolumeInformation ([MS-FSCC] 2.5.9); the creation time is a FILETIME."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_VOLUME_INFORMATION
    LAYOUT = struct.Struct("<qIIBB")
    TAILS = (("volume_label_length", "volume_label"),)
    TEXT = frozenset({"volume_label"})

    volume_creation_time: int = 0
    volume_serial_number: int = 0
    volume_label_length: int = AUTO
    supports_objects: int = 0
    reserved: int = 0
    volume_label: str = ""


@dataclass(slots=True)
class FileFsLabelInformation(FileSystemInformation):
    """FileFsLabelInformation ([MS-FSCC] 2.5.5)."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_LABEL_INFORMATION
    LAYOUT = struct.Struct("<I")
    TAILS = (("volume_label_length", "volume_label"),)
    TEXT = frozenset({"volume_label"})

    volume_label_length: int = AUTO
    volume_label: str = ""


@dataclass(slots=True)
class FileFsSizeInformation(FileSystemInformation):
    """FileFsSizeInformation ([MS-FSCC] 2.5.8)."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_SIZE_INFORMATION
    LAYOUT = struct.Struct("<qqII")

    total_allocation_units: int = 0
    available_allocation_units: int = 0
    sectors_per_allocation_unit: int = 0
    bytes_per_sector: int = 0


@dataclass(slots=True)
class FileFsDeviceInformation(FileSystemInformation):
    """FileFsDeviceInformation ([MS-FSCC] 2.5.10)."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_DEVICE_INFORMATION
    LAYOUT = struct.Struct("<II")
    ENUMS: ClassVar[Enums] = {"device_type": DeviceType, "characteristics": DeviceCharacteristics}

    device_type: int = DeviceType.DISK
    characteristics: DeviceCharacteristics = DeviceCharacteristics.NONE


@dataclass(slots=True)
class FileFsAttributeInformation(FileSystemInformation):
    """FileFsAttributeInformation ([MS-FSCC] 2.5.1); the longest name component is counted in characters."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_ATTRIBUTE_INFORMATION
    LAYOUT = struct.Struct("<IiI")
    TAILS = (("file_system_name_length", "file_system_name"),)
    TEXT = frozenset({"file_system_name"})
    ENUMS: ClassVar[Enums] = {"file_system_attributes": FileSystemAttributes}

    file_system_attributes: FileSystemAttributes = FileSystemAttributes.NONE
    maximum_component_name_length: int = 255
    file_system_name_length: int = AUTO
    file_system_name: str = ""


@dataclass(slots=True)
class FileFsControlInformation(FileSystemInformation):
    """FileFsControlInformation ([MS-FSCC] 2.5.2); quotas in bytes."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_CONTROL_INFORMATION
    LAYOUT = struct.Struct("<qqqQQII")
    ENUMS: ClassVar[Enums] = {"file_system_control_flags": FileSystemControlFlags}

    free_space_start_filtering: int = 0
    free_space_threshold: int = 0
    free_space_stop_filtering: int = 0
    default_quota_threshold: int = 0xFFFFFFFFFFFFFFFF
    default_quota_limit: int = 0xFFFFFFFFFFFFFFFF
    file_system_control_flags: FileSystemControlFlags = FileSystemControlFlags.NONE
    padding: int = 0


@dataclass(slots=True)
class FileFsFullSizeInformation(FileSystemInformation):
    """FileFsFullSizeInformation ([MS-FSCC] 2.5.4)."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_FULL_SIZE_INFORMATION
    LAYOUT = struct.Struct("<qqqII")

    total_allocation_units: int = 0
    caller_available_allocation_units: int = 0
    actual_available_allocation_units: int = 0
    sectors_per_allocation_unit: int = 0
    bytes_per_sector: int = 0


@dataclass(slots=True)
class FileFsObjectIdInformation(FileSystemInformation):
    """FileFsObjectIdInformation ([MS-FSCC] 2.5.6)."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_OBJECT_ID_INFORMATION
    LAYOUT = struct.Struct("<16s48s")

    object_id: bytes = bytes(16)
    extended_info: bytes = bytes(48)


@dataclass(slots=True)
class FileFsSectorSizeInformation(FileSystemInformation):
    """FileFsSectorSizeInformation ([MS-FSCC] 2.5.7); sizes and offsets in bytes."""

    INFORMATION_CLASS = FsInformationClass.FILE_FS_SECTOR_SIZE_INFORMATION
    LAYOUT = struct.Struct("<IIIIIII")
    ENUMS: ClassVar[Enums] = {"flags": SectorSizeFlags}

    logical_bytes_per_sector: int = 0
    physical_bytes_per_sector_for_atomicity: int = 0
    physical_bytes_per_sector_for_performance: int = 0
    file_system_effective_physical_bytes_per_sector_for_atomicity: int = 0
    flags: SectorSizeFlags = SectorSizeFlags.NONE
    byte_offset_for_sector_alignment: int = 0
    byte_offset_for_partition_alignment: int = 0
