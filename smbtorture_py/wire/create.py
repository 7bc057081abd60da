"""SMB2 CREATE ([MS-SMB2] 2.2.13, 2.2.14)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import (
    AUTO,
    HEADER_SIZE,
    NO_FILE_ID,
    Body,
    Buffer,
    FileId,
    Findings,
    FlagCache,
    auto,
    check_zero,
    cut,
    decode_text,
    encode_text,
    members,
    quick,
)
from smbtorture_py.wire.create_contexts import CreateContext, decode_list, encode_list


class OplockLevel(IntEnum):
    """Oplock levels ([MS-SMB2] 2.2.13, 2.2.14, 2.2.23.1)."""

    NONE = 0x00
    II = 0x01
    EXCLUSIVE = 0x08
    BATCH = 0x09
    LEASE = 0xFF


class ImpersonationLevel(IntEnum):
    """Impersonation levels ([MS-SMB2] 2.2.13)."""

    ANONYMOUS = 0
    IDENTIFICATION = 1
    IMPERSONATION = 2
    DELEGATE = 3


@quick
class AccessMask(IntFlag):
    """Access rights of files, pipes, printers and directories ([MS-SMB2] 2.2.13.1.1, 2.2.13.1.2)."""

    NONE = 0
    FILE_READ_DATA = 0x00000001
    FILE_LIST_DIRECTORY = 0x00000001
    FILE_WRITE_DATA = 0x00000002
    FILE_ADD_FILE = 0x00000002
    FILE_APPEND_DATA = 0x00000004
    FILE_ADD_SUBDIRECTORY = 0x00000004
    FILE_READ_EA = 0x00000008
    FILE_WRITE_EA = 0x00000010
    FILE_EXECUTE = 0x00000020
    FILE_TRAVERSE = 0x00000020
    FILE_DELETE_CHILD = 0x00000040
    FILE_READ_ATTRIBUTES = 0x00000080
    FILE_WRITE_ATTRIBUTES = 0x00000100
    DELETE = 0x00010000
    READ_CONTROL = 0x00020000
    WRITE_DAC = 0x00040000
    WRITE_OWNER = 0x00080000
    SYNCHRONIZE = 0x00100000
    ACCESS_SYSTEM_SECURITY = 0x01000000
    MAXIMUM_ALLOWED = 0x02000000
    GENERIC_ALL = 0x10000000
    GENERIC_EXECUTE = 0x20000000
    GENERIC_WRITE = 0x40000000
    GENERIC_READ = 0x80000000


@quick
class ShareAccess(IntFlag):
    """What other opens of the same file may do, FILE_SHARE_* ([MS-SMB2] 2.2.13)."""

    NONE = 0
    READ = 0x00000001
    WRITE = 0x00000002
    DELETE = 0x00000004


class CreateDisposition(IntEnum):
    """What to do where the file exists or does not, FILE_* ([MS-SMB2] 2.2.13)."""

    SUPERSEDE = 0
    OPEN = 1
    CREATE = 2
    OPEN_IF = 3
    OVERWRITE = 4
    OVERWRITE_IF = 5


@quick
class CreateOptions(IntFlag):
    """Options of creating or opening, FILE_* ([MS-SMB2] 2.2.13)."""

    NONE = 0
    DIRECTORY_FILE = 0x00000001
    WRITE_THROUGH = 0x00000002
    SEQUENTIAL_ONLY = 0x00000004
    NO_INTERMEDIATE_BUFFERING = 0x00000008
    SYNCHRONOUS_IO_ALERT = 0x00000010
    SYNCHRONOUS_IO_NONALERT = 0x00000020
    NON_DIRECTORY_FILE = 0x00000040
    COMPLETE_IF_OPLOCKED = 0x00000100
    NO_EA_KNOWLEDGE = 0x00000200
    OPEN_REMOTE_INSTANCE = 0x00000400
    RANDOM_ACCESS = 0x00000800
    DELETE_ON_CLOSE = 0x00001000
    OPEN_BY_FILE_ID = 0x00002000
    OPEN_FOR_BACKUP_INTENT = 0x00004000
    NO_COMPRESSION = 0x00008000
    OPEN_REQUIRING_OPLOCK = 0x00010000
    DISALLOW_EXCLUSIVE = 0x00020000
    RESERVE_OPFILTER = 0x00100000
    OPEN_REPARSE_POINT = 0x00200000
    OPEN_NO_RECALL = 0x00400000
    OPEN_FOR_FREE_SPACE_QUERY = 0x00800000


class CreateAction(IntEnum):
    """What a CREATE did, FILE_* ([MS-SMB2] 2.2.14)."""

    SUPERSEDED = 0
    OPENED = 1
    CREATED = 2
    OVERWRITTEN = 3


class CreateFlags(IntFlag):
    """Flags of a CREATE response ([MS-SMB2] 2.2.14)."""

    NONE = 0
    REPARSEPOINT = 0x01


OPLOCK_LEVELS: Final = members(OplockLevel)
ACCESS_MASKS: Final = FlagCache(AccessMask)
_IMPERSONATION_LEVELS: Final = members(ImpersonationLevel)
_SHARE_ACCESS: Final = FlagCache(ShareAccess)
_DISPOSITIONS: Final = members(CreateDisposition)
_OPTIONS: Final = FlagCache(CreateOptions)
_ACTIONS: Final = members(CreateAction)
_FLAGS: Final = FlagCache(CreateFlags)
_BOUNDARY: Final = 8


@dataclass(slots=True, kw_only=True)
class CreateRequest(Body):
    """CREATE request ([MS-SMB2] 2.2.13); `file_attributes` are those of [MS-FSCC] 2.6."""

    STRUCTURE_SIZE: ClassVar[int] = 57
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIQQIIIIIHHII")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (_BOUNDARY, _BOUNDARY)
    PAD_EMPTY: ClassVar[bool] = True

    structure_size: int = AUTO
    security_flags: int = 0
    requested_oplock_level: int = OplockLevel.NONE
    impersonation_level: int = ImpersonationLevel.IMPERSONATION
    smb_create_flags: int = 0
    reserved: int = 0
    desired_access: AccessMask = AccessMask.NONE
    file_attributes: int = 0
    share_access: ShareAccess = ShareAccess.NONE
    create_disposition: int = CreateDisposition.OPEN
    create_options: CreateOptions = CreateOptions.NONE
    name_offset: int = AUTO
    name_length: int = AUTO
    create_contexts_offset: int = AUTO
    create_contexts_length: int = AUTO
    name: str = ""
    contexts: list[CreateContext] = field(default_factory=list)

    def _variable(self) -> tuple[Buffer, ...]:
        return encode_text(self.name), encode_list(self.contexts)

    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        name, contexts = variable
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.security_flags,
            self.requested_oplock_level,
            self.impersonation_level,
            self.smb_create_flags,
            self.reserved,
            self.desired_access,
            self.file_attributes,
            self.share_access,
            self.create_disposition,
            self.create_options,
            auto(self.name_offset, positions[0]),
            auto(self.name_length, len(name)),
            auto(self.create_contexts_offset, positions[1] if len(contexts) else 0),
            auto(self.create_contexts_length, len(contexts)),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            security_flags,
            oplock_level,
            impersonation_level,
            smb_create_flags,
            reserved,
            desired_access,
            file_attributes,
            share_access,
            disposition,
            options,
            name_offset,
            name_length,
            contexts_offset,
            contexts_length,
        ) = values
        check_zero(security_flags, HEADER_SIZE + 2, "SecurityFlags", findings)
        check_zero(smb_create_flags, HEADER_SIZE + 8, "SmbCreateFlags", findings)
        raw_name = cut(data, name_offset, name_length, "Name", findings)
        raw_contexts = cut(data, contexts_offset, contexts_length, "CreateContexts", findings)
        before = len(findings)
        name = decode_text(raw_name, name_offset, "Name", findings)
        contexts = decode_list(raw_contexts, contexts_offset, findings) if contexts_length else []
        return cls(
            structure_size=structure_size,
            security_flags=security_flags,
            requested_oplock_level=OPLOCK_LEVELS.get(oplock_level, oplock_level),
            impersonation_level=_IMPERSONATION_LEVELS.get(impersonation_level, impersonation_level),
            smb_create_flags=smb_create_flags,
            reserved=reserved,
            desired_access=ACCESS_MASKS[desired_access],
            file_attributes=file_attributes,
            share_access=_SHARE_ACCESS[share_access],
            create_disposition=_DISPOSITIONS.get(disposition, disposition),
            create_options=_OPTIONS[options],
            name_offset=name_offset,
            name_length=name_length,
            create_contexts_offset=contexts_offset,
            create_contexts_length=contexts_length,
            name=name,
            contexts=contexts,
        )._settle(
            data,
            (name_offset, len(raw_name)),
            (contexts_offset, len(raw_contexts)),
            exact=len(findings) == before,
        )


@dataclass(slots=True, kw_only=True)
class CreateResponse(Body):
    """CREATE response ([MS-SMB2] 2.2.14); times are FILETIMEs, sizes are bytes."""

    STRUCTURE_SIZE: ClassVar[int] = 89
    FIXED: ClassVar[struct.Struct] = struct.Struct("<HBBIQQQQQQIIQQII")
    BOUNDARIES: ClassVar[tuple[int, ...]] = (_BOUNDARY,)

    structure_size: int = AUTO
    oplock_level: int = OplockLevel.NONE
    flags: CreateFlags = CreateFlags.NONE
    create_action: int = CreateAction.OPENED
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    allocation_size: int = 0
    end_of_file: int = 0
    file_attributes: int = 0
    reserved2: int = 0
    file_id: FileId = NO_FILE_ID
    create_contexts_offset: int = AUTO
    create_contexts_length: int = AUTO
    contexts: list[CreateContext] = field(default_factory=list)

    def _variable(self) -> tuple[Buffer, ...]:
        return (encode_list(self.contexts),)

    def _fixed(self, variable: Sequence[Buffer], positions: Sequence[int]) -> bytes:
        size = len(variable[0])
        return self.FIXED.pack(
            auto(self.structure_size, self.STRUCTURE_SIZE),
            self.oplock_level,
            self.flags,
            self.create_action,
            self.creation_time,
            self.last_access_time,
            self.last_write_time,
            self.change_time,
            self.allocation_size,
            self.end_of_file,
            self.file_attributes,
            self.reserved2,
            self.file_id.persistent,
            self.file_id.volatile,
            auto(self.create_contexts_offset, positions[0] if size else 0),
            auto(self.create_contexts_length, size),
        )

    @classmethod
    def decode(cls, data: memoryview, findings: Findings) -> Self | None:
        """Decode; see `Body.decode`."""
        values = cls._unpack(data, findings)
        if values is None:
            return None
        (
            structure_size,
            oplock_level,
            flags,
            action,
            creation_time,
            last_access_time,
            last_write_time,
            change_time,
            allocation_size,
            end_of_file,
            file_attributes,
            reserved2,
            persistent,
            volatile,
            offset,
            length,
        ) = values
        if reserved2:
            check_zero(reserved2, HEADER_SIZE + 60, "Reserved2", findings)
        raw_contexts = cut(data, offset, length, "CreateContexts", findings)
        before = len(findings)
        contexts = decode_list(raw_contexts, offset, findings) if length else []
        return cls(
            structure_size=structure_size,
            oplock_level=OPLOCK_LEVELS.get(oplock_level, oplock_level),
            flags=_FLAGS[flags],
            create_action=_ACTIONS.get(action, action),
            creation_time=creation_time,
            last_access_time=last_access_time,
            last_write_time=last_write_time,
            change_time=change_time,
            allocation_size=allocation_size,
            end_of_file=end_of_file,
            file_attributes=file_attributes,
            reserved2=reserved2,
            file_id=FileId(persistent, volatile),
            create_contexts_offset=offset,
            create_contexts_length=length,
            contexts=contexts,
        )._settle(data, (offset, len(raw_contexts)), exact=len(findings) == before)
