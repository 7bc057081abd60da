"""File information classes of fixed size and those with one name ([MS-FSCC] 2.4); FILETIMEs and sizes are
signed there."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

from smbtorture_py.wire.chain import ChainEntry, Enums, Structure
from smbtorture_py.wire.codec import AUTO, Buffer, Findings
from smbtorture_py.wire.fscc.information_class import (
    CompressionFormat,
    DispositionFlags,
    FileAttributes,
    FileInformationClass,
    FileMode,
    PipeCompletionMode,
    PipeConfiguration,
    PipeEnd,
    PipeReadMode,
    PipeState,
    PipeType,
    RenameFlags,
)


@dataclass(slots=True)
class FileInformation(Structure):
    """Base of a structure that one file information class carries."""

    INFORMATION_CLASS: ClassVar[FileInformationClass]


@dataclass(slots=True)
class FileBasicInformation(FileInformation):
    """FileBasicInformation ([MS-FSCC] 2.4.7): FILETIMEs, of which SET_INFO takes 0 as «leave» and -1, -2 as
    marks."""

    INFORMATION_CLASS = FileInformationClass.FILE_BASIC_INFORMATION
    LAYOUT = struct.Struct("<qqqqII")
    ENUMS: ClassVar[Enums] = {"file_attributes": FileAttributes}

    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    file_attributes: FileAttributes = FileAttributes.NONE
    reserved: int = 0


@dataclass(slots=True)
class FileStandardInformation(FileInformation):
    """FileStandardInformation ([MS-FSCC] 2.4.47); sizes in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_STANDARD_INFORMATION
    LAYOUT = struct.Struct("<qqIBBH")

    allocation_size: int = 0
    end_of_file: int = 0
    number_of_links: int = 1
    delete_pending: int = 0
    directory: int = 0
    reserved: int = 0


@dataclass(slots=True)
class FileInternalInformation(FileInformation):
    """FileInternalInformation ([MS-FSCC] 2.4.27)."""

    INFORMATION_CLASS = FileInformationClass.FILE_INTERNAL_INFORMATION
    LAYOUT = struct.Struct("<Q")

    index_number: int = 0


@dataclass(slots=True)
class FileEaInformation(FileInformation):
    """FileEaInformation ([MS-FSCC] 2.4.13): bytes of extended attributes."""

    INFORMATION_CLASS = FileInformationClass.FILE_EA_INFORMATION
    LAYOUT = struct.Struct("<I")

    ea_size: int = 0


@dataclass(slots=True)
class FileAccessInformation(FileInformation):
    """FileAccessInformation ([MS-FSCC] 2.4.1): an access mask."""

    INFORMATION_CLASS = FileInformationClass.FILE_ACCESS_INFORMATION
    LAYOUT = struct.Struct("<I")

    access_flags: int = 0


@dataclass(slots=True)
class FilePositionInformation(FileInformation):
    """FilePositionInformation ([MS-FSCC] 2.4.40), in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_POSITION_INFORMATION
    LAYOUT = struct.Struct("<q")

    current_byte_offset: int = 0


@dataclass(slots=True)
class FileModeInformation(FileInformation):
    """FileModeInformation ([MS-FSCC] 2.4.31)."""

    INFORMATION_CLASS = FileInformationClass.FILE_MODE_INFORMATION
    LAYOUT = struct.Struct("<I")
    ENUMS: ClassVar[Enums] = {"mode": FileMode}

    mode: FileMode = FileMode.NONE


@dataclass(slots=True)
class FileAlignmentInformation(FileInformation):
    """FileAlignmentInformation ([MS-FSCC] 2.4.3): an AlignmentRequirement."""

    INFORMATION_CLASS = FileInformationClass.FILE_ALIGNMENT_INFORMATION
    LAYOUT = struct.Struct("<I")

    alignment_requirement: int = 0


@dataclass(slots=True)
class FileNameInformation(FileInformation):
    """FileNameInformation ([MS-FSCC] 2.4.32, 2.1.7): a name and its length in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_NAME_INFORMATION
    LAYOUT = struct.Struct("<I")
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})

    file_name: str = ""
    file_name_length: int = AUTO


class FileAlternateNameInformation(FileNameInformation):
    """FileAlternateNameInformation ([MS-FSCC] 2.4.5): the 8.3 name."""

    __slots__ = ()
    INFORMATION_CLASS = FileInformationClass.FILE_ALTERNATE_NAME_INFORMATION


class FileNormalizedNameInformation(FileNameInformation):
    """FileNormalizedNameInformation ([MS-FSCC] 2.4.35): the path from the share's root."""

    __slots__ = ()
    INFORMATION_CLASS = FileInformationClass.FILE_NORMALIZED_NAME_INFORMATION


class FileShortNameInformation(FileNameInformation):
    """FileShortNameInformation ([MS-FSCC] 2.4.46): the 8.3 name to set."""

    __slots__ = ()
    INFORMATION_CLASS = FileInformationClass.FILE_SHORT_NAME_INFORMATION


@dataclass(slots=True)
class FileNetworkOpenInformation(FileInformation):
    """FileNetworkOpenInformation ([MS-FSCC] 2.4.34)."""

    INFORMATION_CLASS = FileInformationClass.FILE_NETWORK_OPEN_INFORMATION
    LAYOUT = struct.Struct("<qqqqqqII")
    ENUMS: ClassVar[Enums] = {"file_attributes": FileAttributes}

    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    allocation_size: int = 0
    end_of_file: int = 0
    file_attributes: FileAttributes = FileAttributes.NONE
    reserved: int = 0


@dataclass(slots=True)
class FileAttributeTagInformation(FileInformation):
    """FileAttributeTagInformation ([MS-FSCC] 2.4.6)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ATTRIBUTE_TAG_INFORMATION
    LAYOUT = struct.Struct("<II")
    ENUMS: ClassVar[Enums] = {"file_attributes": FileAttributes}

    file_attributes: FileAttributes = FileAttributes.NONE
    reparse_tag: int = 0


@dataclass(slots=True)
class FileCompressionInformation(FileInformation):
    """FileCompressionInformation ([MS-FSCC] 2.4.9)."""

    INFORMATION_CLASS = FileInformationClass.FILE_COMPRESSION_INFORMATION
    LAYOUT = struct.Struct("<qHBBB3s")
    ENUMS: ClassVar[Enums] = {"compression_format": CompressionFormat}

    compressed_file_size: int = 0
    compression_format: int = CompressionFormat.NONE
    compression_unit_shift: int = 0
    chunk_shift: int = 0
    cluster_shift: int = 0
    reserved: bytes = bytes(3)


@dataclass(slots=True)
class FileIdInformation(FileInformation):
    """FileIdInformation ([MS-FSCC] 2.4.26): a file id of 16 bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_INFORMATION
    LAYOUT = struct.Struct("<Q16s")

    volume_serial_number: int = 0
    file_id: bytes = bytes(16)


@dataclass(slots=True)
class FilePipeInformation(FileInformation):
    """FilePipeInformation ([MS-FSCC] 2.4.37)."""

    INFORMATION_CLASS = FileInformationClass.FILE_PIPE_INFORMATION
    LAYOUT = struct.Struct("<II")
    ENUMS: ClassVar[Enums] = {"read_mode": PipeReadMode, "completion_mode": PipeCompletionMode}

    read_mode: int = PipeReadMode.BYTE_STREAM_MODE
    completion_mode: int = PipeCompletionMode.QUEUE_OPERATION


@dataclass(slots=True)
class FilePipeLocalInformation(FileInformation):
    """FilePipeLocalInformation ([MS-FSCC] 2.4.38)."""

    INFORMATION_CLASS = FileInformationClass.FILE_PIPE_LOCAL_INFORMATION
    LAYOUT = struct.Struct("<10I")
    ENUMS: ClassVar[Enums] = {
        "named_pipe_type": PipeType,
        "named_pipe_configuration": PipeConfiguration,
        "named_pipe_state": PipeState,
        "named_pipe_end": PipeEnd,
    }

    named_pipe_type: int = PipeType.BYTE_STREAM_TYPE
    named_pipe_configuration: int = PipeConfiguration.FULL_DUPLEX
    maximum_instances: int = 0xFFFFFFFF
    current_instances: int = 1
    inbound_quota: int = 0
    read_data_available: int = 0
    outbound_quota: int = 0
    write_quota_available: int = 0
    named_pipe_state: int = PipeState.CONNECTED
    named_pipe_end: int = PipeEnd.CLIENT


@dataclass(slots=True)
class FilePipeRemoteInformation(FileInformation):
    """FilePipeRemoteInformation ([MS-FSCC] 2.4.39); `collect_data_time` in 100 ns."""

    INFORMATION_CLASS = FileInformationClass.FILE_PIPE_REMOTE_INFORMATION
    LAYOUT = struct.Struct("<qI")

    collect_data_time: int = 0
    maximum_collection_count: int = 0


@dataclass(slots=True)
class FileDispositionInformation(FileInformation):
    """FileDispositionInformation ([MS-FSCC] 2.4.11)."""

    INFORMATION_CLASS = FileInformationClass.FILE_DISPOSITION_INFORMATION
    LAYOUT = struct.Struct("<B")

    delete_pending: int = 1


@dataclass(slots=True)
class FileDispositionInformationEx(FileInformation):
    """FileDispositionInformationEx ([MS-FSCC] 2.4.12)."""

    INFORMATION_CLASS = FileInformationClass.FILE_DISPOSITION_INFORMATION_EX
    LAYOUT = struct.Struct("<I")
    ENUMS: ClassVar[Enums] = {"flags": DispositionFlags}

    flags: DispositionFlags = DispositionFlags.DELETE


@dataclass(slots=True)
class FileEndOfFileInformation(FileInformation):
    """FileEndOfFileInformation ([MS-FSCC] 2.4.14), in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_END_OF_FILE_INFORMATION
    LAYOUT = struct.Struct("<q")

    end_of_file: int = 0


@dataclass(slots=True)
class FileAllocationInformation(FileInformation):
    """FileAllocationInformation ([MS-FSCC] 2.4.4), in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_ALLOCATION_INFORMATION
    LAYOUT = struct.Struct("<q")

    allocation_size: int = 0


@dataclass(slots=True)
class FileValidDataLengthInformation(FileInformation):
    """FileValidDataLengthInformation ([MS-FSCC] 2.4.50), in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_VALID_DATA_LENGTH_INFORMATION
    LAYOUT = struct.Struct("<q")

    valid_data_length: int = 0


_LEAST_RENAME_SIZE: Final = 24


@dataclass(slots=True)
class FileLinkInformation(FileInformation):
    """FileLinkInformation for SMB2 ([MS-FSCC] 2.4.28.2): the new link's path from the share's root."""

    INFORMATION_CLASS = FileInformationClass.FILE_LINK_INFORMATION
    LAYOUT = struct.Struct("<B7sQI")
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})
    WIRE_ORDER = ("replace_if_exists", "reserved", "root_directory", "file_name_length")

    file_name: str = ""
    replace_if_exists: int = 0
    reserved: bytes = bytes(7)
    root_directory: int = 0
    file_name_length: int = AUTO


@dataclass(slots=True)
class FileRenameInformation(FileLinkInformation):
    """FileRenameInformation for SMB2 ([MS-FSCC] 2.4.42.2): the new path from the share's root.

    `padding` None fills up to the least size, 24 bytes.
    """

    INFORMATION_CLASS = FileInformationClass.FILE_RENAME_INFORMATION

    padding: bytes | None = None

    def encode(self) -> bytes:
        """Encode into at least 24 bytes."""
        return _padded(FileInformation.encode(self), self.padding)

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what follows the name is padding."""
        decoded, end = cls.decode_prefix(memoryview(data), findings)
        decoded.padding = bytes(data[end:])
        return decoded


@dataclass(slots=True)
class FileRenameInformationEx(FileInformation):
    """FileRenameInformationEx ([MS-FSCC] 2.4.43): a rename with flags; `padding` None fills up to 24
    bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_RENAME_INFORMATION_EX
    LAYOUT = struct.Struct("<IIQI")
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})
    WIRE_ORDER = ("flags", "reserved", "root_directory", "file_name_length")
    ENUMS: ClassVar[Enums] = {"flags": RenameFlags}

    file_name: str = ""
    flags: RenameFlags = RenameFlags.NONE
    reserved: int = 0
    root_directory: int = 0
    file_name_length: int = AUTO
    padding: bytes | None = None

    def encode(self) -> bytes:
        """Encode into at least 24 bytes."""
        return _padded(FileInformation.encode(self), self.padding)

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what follows the name is padding."""
        decoded, end = cls.decode_prefix(memoryview(data), findings)
        decoded.padding = bytes(data[end:])
        return decoded


def _padded(encoded: bytes, padding: bytes | None) -> bytes:
    return encoded.ljust(_LEAST_RENAME_SIZE, b"\0") if padding is None else encoded + padding


@dataclass(slots=True)
class FileStreamInformation(ChainEntry):
    """One FILE_STREAM_INFORMATION ([MS-FSCC] 2.4.49); chain: `encode_entries`, `decode_entries`; sizes in
    bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_STREAM_INFORMATION
    LAYOUT = struct.Struct("<IIqq")
    TAILS = (("stream_name_length", "stream_name"),)
    TEXT = frozenset({"stream_name"})

    stream_name_length: int = AUTO
    stream_size: int = 0
    stream_allocation_size: int = 0
    stream_name: str = ""


@dataclass(slots=True)
class FileAllInformation:
    """FileAllInformation ([MS-FSCC] 2.4.2): nine classes one after the other."""

    INFORMATION_CLASS: ClassVar[FileInformationClass] = FileInformationClass.FILE_ALL_INFORMATION

    basic_information: FileBasicInformation = field(default_factory=FileBasicInformation)
    standard_information: FileStandardInformation = field(default_factory=FileStandardInformation)
    internal_information: FileInternalInformation = field(default_factory=FileInternalInformation)
    ea_information: FileEaInformation = field(default_factory=FileEaInformation)
    access_information: FileAccessInformation = field(default_factory=FileAccessInformation)
    position_information: FilePositionInformation = field(default_factory=FilePositionInformation)
    mode_information: FileModeInformation = field(default_factory=FileModeInformation)
    alignment_information: FileAlignmentInformation = field(default_factory=FileAlignmentInformation)
    name_information: FileNameInformation = field(default_factory=FileNameInformation)

    def encode(self) -> bytes:
        """Encode into 100 bytes and the name."""
        return b"".join(
            part.encode()
            for part in (
                self.basic_information,
                self.standard_information,
                self.internal_information,
                self.ea_information,
                self.access_information,
                self.position_information,
                self.mode_information,
                self.alignment_information,
                self.name_information,
            )
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding for each class it is missing from."""
        rest = memoryview(data)
        decoded = cls()
        decoded.basic_information, end = FileBasicInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.standard_information, end = FileStandardInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.internal_information, end = FileInternalInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.ea_information, end = FileEaInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.access_information, end = FileAccessInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.position_information, end = FilePositionInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.mode_information, end = FileModeInformation.decode_prefix(rest, findings)
        rest = rest[end:]
        decoded.alignment_information, end = FileAlignmentInformation.decode_prefix(rest, findings)
        decoded.name_information = FileNameInformation.decode(rest[end:], findings)
        return decoded
