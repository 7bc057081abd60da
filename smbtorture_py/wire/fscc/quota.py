"""Quota entries ([MS-FSCC] 2.4.41, [MS-SMB2] 2.2.37.1); a SID is bytes here, `fscc.security.Sid` reads it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from smbtorture_py.wire.chain import ChainEntry, Structure
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.fscc.information_class import FileInformationClass


@dataclass(slots=True)
class FileQuotaInformation(ChainEntry):
    """One FILE_QUOTA_INFORMATION ([MS-FSCC] 2.4.41): chain; quotas in bytes."""

    INFORMATION_CLASS = FileInformationClass.FILE_QUOTA_INFORMATION
    LAYOUT = struct.Struct("<IIqqqq")
    TAILS = (("sid_length", "sid"),)

    sid_length: int = AUTO
    change_time: int = 0
    quota_used: int = 0
    quota_threshold: int = -1
    quota_limit: int = -1
    sid: bytes = b""


@dataclass(slots=True)
class FileGetQuotaInformation(ChainEntry):
    """One FILE_GET_QUOTA_INFORMATION ([MS-FSCC] 2.4.41.1): chain, entries 4-byte aligned."""

    LAYOUT = struct.Struct("<II")
    ALIGNMENT = 4
    TAILS = (("sid_length", "sid"),)

    sid_length: int = AUTO
    sid: bytes = b""


@dataclass(slots=True)
class QueryQuotaInfo(Structure):
    """SMB2_QUERY_QUOTA_INFO ([MS-SMB2] 2.2.37.1): what a quota query carries as input.

    `sid_buffer` is a chain of FileGetQuotaInformation (its length in `sid_list_length`) or one SID,
    `start_sid_length` bytes at `start_sid_offset` of it.
    """

    LAYOUT = struct.Struct("<BBHIII")
    TAILS = (("sid_list_length", "sid_buffer"),)

    return_single: int = 0
    restart_scan: int = 0
    reserved: int = 0
    sid_list_length: int = AUTO
    start_sid_length: int = 0
    start_sid_offset: int = 0
    sid_buffer: bytes = b""
