"""What one client does to a file that another one caches."""

from __future__ import annotations

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabOpen
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions
from smbtorture_py.wire.fscc.file_information import (
    FileAllocationInformation,
    FileBasicInformation,
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileLinkInformation,
    FileRenameInformation,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes, FileInformationClass, InfoType

CONTENT = b"what the file holds"
LONGER = 4096
FILETIME = 0x01D8_0000_0000_0000
"""A day in January 2022."""


def set_info(
    file: LabOpen, information_class: FileInformationClass, buffer: bytes, *, wait: bool = True
) -> Answer:
    """SET_INFO of a file."""
    return file.set_info(InfoType.FILE, information_class, buffer, wait=wait)


def write(file: LabOpen) -> Answer:
    """WRITE."""
    return file.write(CONTENT, wait=False)


def set_end_of_file(file: LabOpen) -> Answer:
    """SET_INFO of the size."""
    data = FileEndOfFileInformation(end_of_file=LONGER).encode()
    return set_info(file, FileInformationClass.FILE_END_OF_FILE_INFORMATION, data, wait=False)


def set_allocation(file: LabOpen) -> Answer:
    """SET_INFO of the allocation size, to nothing."""
    data = FileAllocationInformation(allocation_size=0).encode()
    return set_info(file, FileInformationClass.FILE_ALLOCATION_INFORMATION, data, wait=False)


def lock(file: LabOpen) -> Answer:
    """LOCK of a byte."""
    return file.lock(wait=False)


def _overwrite(file: LabOpen, disposition: CreateDisposition) -> Answer:
    return file.tree.create(file.name, create_disposition=disposition, wait=False)


def overwrite(file: LabOpen) -> Answer:
    """CREATE with OVERWRITE."""
    return _overwrite(file, CreateDisposition.OVERWRITE)


def overwrite_if(file: LabOpen) -> Answer:
    """CREATE with OVERWRITE_IF."""
    return _overwrite(file, CreateDisposition.OVERWRITE_IF)


def supersede(file: LabOpen) -> Answer:
    """CREATE with SUPERSEDE."""
    return _overwrite(file, CreateDisposition.SUPERSEDE)


def read(file: LabOpen) -> Answer:
    """READ."""
    return file.read(wait=False)


def query_info(file: LabOpen) -> Answer:
    """QUERY_INFO."""
    return file.query_info(InfoType.FILE, FileInformationClass.FILE_ALL_INFORMATION, wait=False)


def flush(file: LabOpen) -> Answer:
    """FLUSH."""
    return file.flush(wait=False)


def close(file: LabOpen) -> Answer:
    """CLOSE."""
    return file.close(wait=False)


def set_attributes(file: LabOpen, *, wait: bool = False) -> Answer:
    """SET_INFO of the attributes."""
    data = FileBasicInformation(file_attributes=FileAttributes.HIDDEN).encode()
    return set_info(file, FileInformationClass.FILE_BASIC_INFORMATION, data, wait=wait)


def set_times(file: LabOpen) -> Answer:
    """SET_INFO of the time of the last write."""
    data = FileBasicInformation(last_write_time=FILETIME).encode()
    return set_info(file, FileInformationClass.FILE_BASIC_INFORMATION, data, wait=False)


def rename(file: LabOpen, name: str, *, replace: bool = False, wait: bool = True) -> Answer:
    """SET_INFO that renames."""
    data = FileRenameInformation(file_name=name, replace_if_exists=int(replace)).encode()
    return set_info(file, FileInformationClass.FILE_RENAME_INFORMATION, data, wait=wait)


def link(file: LabOpen, name: str, *, wait: bool = True) -> Answer:
    """SET_INFO that makes a hard link."""
    data = FileLinkInformation(file_name=name).encode()
    return set_info(file, FileInformationClass.FILE_LINK_INFORMATION, data, wait=wait)


def dispose(file: LabOpen, *, wait: bool = True) -> Answer:
    """SET_INFO that marks for deletion."""
    data = FileDispositionInformation(delete_pending=1).encode()
    return set_info(file, FileInformationClass.FILE_DISPOSITION_INFORMATION, data, wait=wait)


def delete_on_close(file: LabOpen) -> Answer:
    """CREATE of the file for DELETE with DELETE_ON_CLOSE."""
    return file.tree.create(
        file.name,
        desired_access=AccessMask.DELETE,
        create_disposition=CreateDisposition.OPEN,
        create_options=CreateOptions.DELETE_ON_CLOSE,
        wait=False,
    )
