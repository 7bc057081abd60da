"""Entries of QUERY_DIRECTORY ([MS-FSCC] 2.4): every class is a chain, `encode_entries` and
`decode_entries`."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from smbtorture_py.wire.chain import ChainEntry, Enums
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.fscc.information_class import FileAttributes, FileInformationClass


@dataclass(slots=True)
class DirectoryEntry(ChainEntry):
    """Base of an entry: NextEntryOffset, FileIndex and a name."""

    INFORMATION_CLASS: ClassVar[FileInformationClass]
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})

    file_index: int = 0


@dataclass(slots=True)
class FileNamesInformation(DirectoryEntry):
    """FileNamesInformation ([MS-FSCC] 2.4.33): names alone."""

    INFORMATION_CLASS = FileInformationClass.FILE_NAMES_INFORMATION
    LAYOUT = struct.Struct("<III")

    file_name_length: int = AUTO
    file_name: str = ""


@dataclass(slots=True)
class FileDirectoryInformation(DirectoryEntry):
    """FileDirectoryInformation ([MS-FSCC] 2.4.10): FILETIMEs, sizes in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqII")
    ENUMS: ClassVar[Enums] = {"file_attributes": FileAttributes}

    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    end_of_file: int = 0
    allocation_size: int = 0
    file_attributes: FileAttributes = FileAttributes.NONE
    file_name_length: int = AUTO
    file_name: str = ""


@dataclass(slots=True)
class FileFullDirectoryInformation(FileDirectoryInformation):
    """FileFullDirectoryInformation ([MS-FSCC] 2.4.15); `ea_size` holds the reparse tag of a reparse point."""

    INFORMATION_CLASS = FileInformationClass.FILE_FULL_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIII")

    ea_size: int = 0


@dataclass(slots=True)
class FileIdFullDirectoryInformation(FileFullDirectoryInformation):
    """FileIdFullDirectoryInformation ([MS-FSCC] 2.4.24)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_FULL_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIIQ")

    reserved: int = 0
    file_id: int = 0


@dataclass(slots=True)
class FileBothDirectoryInformation(FileFullDirectoryInformation):
    """FileBothDirectoryInformation ([MS-FSCC] 2.4.8); `short_name` is UTF-16LE in 24 bytes,
    `short_name_length` of them used."""

    INFORMATION_CLASS = FileInformationClass.FILE_BOTH_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIBB24s")

    short_name_length: int = 0
    reserved1: int = 0
    short_name: bytes = bytes(24)


@dataclass(slots=True)
class FileIdBothDirectoryInformation(FileBothDirectoryInformation):
    """FileIdBothDirectoryInformation ([MS-FSCC] 2.4.22)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_BOTH_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIBB24sHQ")

    reserved2: int = 0
    file_id: int = 0


@dataclass(slots=True)
class FileIdExtdDirectoryInformation(FileFullDirectoryInformation):
    """FileIdExtdDirectoryInformation ([MS-FSCC] 2.4.23): a file id of 16 bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_EXTD_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIII16s")

    reparse_point_tag: int = 0
    file_id: bytes = bytes(16)


@dataclass(slots=True)
class FileId64ExtdDirectoryInformation(FileFullDirectoryInformation):
    """FileId64ExtdDirectoryInformation ([MS-FSCC] 2.4.19)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID64_EXTD_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIIQ")

    reparse_point_tag: int = 0
    file_id: int = 0


@dataclass(slots=True)
class FileId64ExtdBothDirectoryInformation(FileId64ExtdDirectoryInformation):
    """FileId64ExtdBothDirectoryInformation ([MS-FSCC] 2.4.18)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID64_EXTD_BOTH_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIIQBB24s")

    short_name_length: int = 0
    reserved1: int = 0
    short_name: bytes = bytes(24)


@dataclass(slots=True)
class FileIdAllExtdDirectoryInformation(FileId64ExtdDirectoryInformation):
    """FileIdAllExtdDirectoryInformation ([MS-FSCC] 2.4.21): both file ids."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_ALL_EXTD_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIIQ16s")

    file_id128: bytes = bytes(16)


@dataclass(slots=True)
class FileIdAllExtdBothDirectoryInformation(FileIdAllExtdDirectoryInformation):
    """FileIdAllExtdBothDirectoryInformation ([MS-FSCC] 2.4.20)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIIIQ16sBB24s")

    short_name_length: int = 0
    reserved1: int = 0
    short_name: bytes = bytes(24)


@dataclass(slots=True)
class FileIdGlobalTxDirectoryInformation(FileDirectoryInformation):
    """FileIdGlobalTxDirectoryInformation ([MS-FSCC] 2.4.25)."""

    INFORMATION_CLASS = FileInformationClass.FILE_ID_GLOBAL_TX_DIRECTORY_INFORMATION
    LAYOUT = struct.Struct("<IIqqqqqqIIQ16sI")

    file_id: int = 0
    locking_transaction_id: bytes = bytes(16)
    tx_info_flags: int = 0


DIRECTORY_ENTRIES: Final[Mapping[int, type[FileDirectoryInformation] | type[FileNamesInformation]]] = {
    kind.INFORMATION_CLASS: kind
    for kind in (
        FileDirectoryInformation,
        FileFullDirectoryInformation,
        FileIdFullDirectoryInformation,
        FileBothDirectoryInformation,
        FileIdBothDirectoryInformation,
        FileNamesInformation,
        FileIdExtdDirectoryInformation,
        FileId64ExtdDirectoryInformation,
        FileId64ExtdBothDirectoryInformation,
        FileIdAllExtdDirectoryInformation,
        FileIdAllExtdBothDirectoryInformation,
        FileIdGlobalTxDirectoryInformation,
    )
}
"""The entry of each information class that QUERY_DIRECTORY knows."""
