"""The requests whose order the server keeps: WRITE, SET_INFO, IOCTL; and how an open comes to a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, Unpack

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.lab import LabOpen, Sending
from smbtorture_py.wire.fscc.file_information import (
    FileBasicInformation,
    FileEndOfFileInformation,
    FileInformation,
    FileRenameInformation,
    FileStandardInformation,
)
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.ioctl_payloads.copychunk import SrvCopychunk, SrvCopychunkCopy
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resume_key import SrvRequestResumeKeyResponse

MODULUS: Final = 0x10000
FARTHEST: Final = 0x7FFF
"""How far ahead of an open a number may be and count as newer."""
STEP: Final = 0x6000
"""A step between numbers that is well inside what counts as newer."""

BEHIND: Final = 1 << 20
"""An offset that no data of these suites reaches."""

DATA: Final = b"what the file holds"

Change: TypeAlias = Callable[..., Answer]
"""Takes an open and how to send; sends a request that succeeds as often as it is sent."""


def write(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """WRITE of what the file holds already."""
    return file.write(DATA, **how)


def set_info(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """SET_INFO of FileBasicInformation that leaves everything as it is."""
    return set_information(file, FileBasicInformation(), **how)


def ioctl(file: LabOpen, **how: Unpack[Sending]) -> Answer:
    """IOCTL with FSCTL_SRV_REQUEST_RESUME_KEY."""
    return file.ioctl(FsctlCode.SRV_REQUEST_RESUME_KEY, **how)


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {"WRITE": write, "SET_INFO": set_info, "IOCTL": ioctl}
)
"""By the name of the command: all that the server has to refuse where they are out of order."""

EACH: Final = tuple(CHANGES)


def set_information(file: LabOpen, information: FileInformation, **how: Unpack[Sending]) -> Answer:
    """SET_INFO with one of the structures of [MS-FSCC] 2.4."""
    return file.set_info(InfoType.FILE, information.INFORMATION_CLASS, information.encode(), **how)


def resize(file: LabOpen, size: int, **how: Unpack[Sending]) -> Answer:
    """SET_INFO that sets the size of the file."""
    return set_information(file, FileEndOfFileInformation(end_of_file=size), **how)


def rename(file: LabOpen, name: str, **how: Unpack[Sending]) -> Answer:
    """SET_INFO that renames the file."""
    return set_information(file, FileRenameInformation(file_name=name), **how)


def copy(source: LabOpen, target: LabOpen, length: int, **how: Unpack[Sending]) -> Answer:
    """IOCTL that copies the first bytes of one open to the start of another."""
    key = SrvRequestResumeKeyResponse.decode(ioctl(source).required().data, []).resume_key
    copying = SrvCopychunkCopy(source_key=key, chunks=[SrvCopychunk(0, 0, length)])
    return target.ioctl(FsctlCode.SRV_COPYCHUNK_WRITE, copying.encode(), **how)


def size_of(file: LabOpen) -> int:
    """How many bytes the file holds, as QUERY_INFO says."""
    answer = file.query_info(InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION).required()
    return FileStandardInformation.decode(answer.data, []).end_of_file


def bring(file: LabOpen, number: int, start: int = 0) -> None:
    """Bring an open from one number to another, upwards in steps that a server has to follow."""
    ahead = (number - start) % MODULUS
    for distance in (*range(STEP, ahead, STEP), ahead):
        set_info(file, channel_sequence=(start + distance) % MODULUS).required()


def numbered(number: int) -> Tamper:
    """Put a number into messages that the words of the lab send without one."""

    def put(header: Header) -> None:
        header.channel_sequence = number

    return Tamper(header=put)
