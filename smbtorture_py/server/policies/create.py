"""CREATE ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.access import (
    ALL_ACCESS,
    DELETE_ACCESS,
    INVALID_ACCESS_BITS,
    READ_ACCESS,
    WRITE_ACCESS,
    is_stat_access,
    map_generic,
)
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import (
    AccessMask,
    CreateDisposition,
    CreateOptions,
    ImpersonationLevel,
    ShareAccess,
)
from smbtorture_py.wire.fscc.information_class import FileAttributes
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.tree_connect import TreeConnect

CREATE_TREE_CONNECTION: Final = 0x00000080
"""A local option of Windows that [MS-SMB2] 2.2.13 does not list."""
NOT_SUPPORTED_OPTIONS: Final = (
    CREATE_TREE_CONNECTION | CreateOptions.OPEN_BY_FILE_ID | CreateOptions.RESERVE_OPFILTER
)
RESERVED_OPTIONS: Final = 0xFF000000
IGNORED_OPTIONS: Final = (
    CreateOptions.COMPLETE_IF_OPLOCKED
    | CreateOptions.SYNCHRONOUS_IO_ALERT
    | CreateOptions.SYNCHRONOUS_IO_NONALERT
    | CreateOptions.OPEN_FOR_FREE_SPACE_QUERY
)
_SHARED_ACCESS: Final = READ_ACCESS | WRITE_ACCESS | DELETE_ACCESS
VALID_ATTRIBUTES: Final = 0x00007FB7
OVERWRITING: Final = (
    CreateDisposition.SUPERSEDE,
    CreateDisposition.OVERWRITE,
    CreateDisposition.OVERWRITE_IF,
)
DIRECTORY_DISPOSITIONS: Final = (CreateDisposition.CREATE, CreateDisposition.OPEN, CreateDisposition.OPEN_IF)


class CreatePolicy:
    """The choices around CREATE."""

    def dots_status(self) -> Status:
        """What a name with "." or ".." components fails with (SHOULD, 3.3.5.9)."""
        return Status.INVALID_PARAMETER

    def resolve_dots(self, components: Sequence[str]) -> list[str]:
        """The components of a path in which some are "." or "..": there is no such path (SHOULD, 3.3.5.9).

        Raises StorageError.
        """
        del components
        raise StorageError(self.dots_status())

    def zero_access_status(self) -> Status:
        """SUCCESS, or what DesiredAccess 0 on a disk share fails with (SHOULD, 3.3.5.9)."""
        return Status.ACCESS_DENIED

    def pipe_impersonation_status(self, level: int) -> Status:
        """SUCCESS, or what an ImpersonationLevel fails with on a named pipe: Delegate does (3.3.5.9)."""
        return Status.BAD_IMPERSONATION_LEVEL if level >= ImpersonationLevel.DELEGATE else Status.SUCCESS

    def impersonation_status(self, level: int) -> Status:
        """SUCCESS, or what a level that does not exist fails with ([MS-SMB2] 2.2.13)."""
        return Status.BAD_IMPERSONATION_LEVEL if level > ImpersonationLevel.DELEGATE else Status.SUCCESS

    def pipe_status(self, name: str) -> Status:
        """What opening a named pipe fails with: the server has none."""
        del name
        return Status.OBJECT_NAME_NOT_FOUND

    def delete_on_close_status(self, tree_connect: TreeConnect, desired_access: int, options: int) -> Status:
        """SUCCESS, or what FILE_DELETE_ON_CLOSE without the right to delete fails with (SHOULD, 3.3.5.9)."""
        if not options & CreateOptions.DELETE_ON_CLOSE:
            return Status.SUCCESS
        wanted = self.local_access(tree_connect, desired_access, 0)
        may_delete = tree_connect.maximal_access & wanted & AccessMask.DELETE
        return Status.SUCCESS if may_delete else Status.ACCESS_DENIED

    def options_status(self, options: int, disposition: int) -> Status:
        """SUCCESS, or what CreateOptions fail with ([MS-FSA] 2.1.5.1)."""
        if options & RESERVED_OPTIONS:
            return Status.INVALID_PARAMETER
        if options & NOT_SUPPORTED_OPTIONS:
            return Status.NOT_SUPPORTED
        is_wrong = options & CreateOptions.NON_DIRECTORY_FILE or disposition not in DIRECTORY_DISPOSITIONS
        if options & CreateOptions.DIRECTORY_FILE and is_wrong:
            return Status.INVALID_PARAMETER
        return Status.SUCCESS

    def fields_status(self, file_attributes: int, share_access: int, disposition: int) -> Status:
        """SUCCESS, or what undefined bits of FileAttributes, ShareAccess or CreateDisposition fail with."""
        every_share = ShareAccess.READ | ShareAccess.WRITE | ShareAccess.DELETE
        if file_attributes & ~VALID_ATTRIBUTES or share_access & ~int(every_share):
            return Status.INVALID_PARAMETER
        return Status.INVALID_PARAMETER if disposition > CreateDisposition.OVERWRITE_IF else Status.SUCCESS

    def effective_access(self, tree_connect: TreeConnect, desired_access: int, options: int) -> int:
        """DesiredAccess as the object store gets it: without APPEND_DATA for an unbuffered open (3.3.5.9)."""
        del tree_connect
        if options & CreateOptions.NO_INTERMEDIATE_BUFFERING:
            desired_access &= ~AccessMask.FILE_APPEND_DATA
        return desired_access

    def access_status(self, request: Request, desired_access: int) -> Status:
        """SUCCESS, or what DesiredAccess fails with: bits that do not exist, and what the share does not
        grant."""
        if desired_access & INVALID_ACCESS_BITS:
            return Status.ACCESS_DENIED
        wanted = map_generic(desired_access) & ~int(
            AccessMask.MAXIMUM_ALLOWED | AccessMask.ACCESS_SYSTEM_SECURITY
        )
        return Status.ACCESS_DENIED if wanted & ~request.require_tree().maximal_access else Status.SUCCESS

    def local_access(self, tree_connect: TreeConnect, desired_access: int, file_attributes: int) -> int:
        """The access the storage is opened with: what was asked for, generic rights mapped, or all there
        is."""
        access = map_generic(desired_access)
        if desired_access & AccessMask.MAXIMUM_ALLOWED:
            access |= self.maximal_access(tree_connect, file_attributes)
        return access & ~int(AccessMask.MAXIMUM_ALLOWED)

    def granted_access(self, local_access: int) -> int:
        """Open.GrantedAccess: FILE_EXECUTE brings FILE_READ_DATA with it (3.3.5.9).

        What 3.3.5.9 says beside that, every right there is where Share.ConnectSecurity is empty, would make a
        handle opened for reading fit for writing, and contradicts the checks of 3.3.5.12 and 3.3.5.13: it is
        left out.
        """
        return local_access | (AccessMask.FILE_READ_DATA if local_access & AccessMask.FILE_EXECUTE else 0)

    def maximal_access(self, tree_connect: TreeConnect, file_attributes: int) -> int:
        """What the user could open this file with: all the share grants, no writing to a read-only file."""
        access = tree_connect.maximal_access & ALL_ACCESS
        is_file = not file_attributes & FileAttributes.DIRECTORY
        if is_file and file_attributes & FileAttributes.READONLY:
            access &= ~int(WRITE_ACCESS)
        return access

    def forced_share_access(self, tree_connect: TreeConnect, share_access: int) -> int:
        """ShareAccess after ForceSharedDelete and RestrictExclusiveOpens (3.3.5.9): no share sets them."""
        del tree_connect
        return share_access

    def read_only_status(self, granted_access: int, options: int) -> Status:
        """SUCCESS, or what opening a file that has the READONLY attribute fails with ([MS-FSA] 2.1.5.1.2)."""
        if options & CreateOptions.DELETE_ON_CLOSE:
            return Status.CANNOT_DELETE
        return Status.ACCESS_DENIED if granted_access & WRITE_ACCESS else Status.SUCCESS

    def overwrite_status(self, existing_attributes: int, requested_attributes: int) -> Status:
        """SUCCESS, or what overwriting a hidden or system file without asking for that fails with."""
        kept = existing_attributes & (FileAttributes.HIDDEN | FileAttributes.SYSTEM)
        return Status.ACCESS_DENIED if kept & ~requested_attributes else Status.SUCCESS

    def sharing_conflicts(self, access: int, share_access: int, other: Open) -> bool:
        """Tell whether a new open and one that exists cannot be together ([MS-FSA] 2.1.5.1.2.2)."""
        pairs = (
            (READ_ACCESS, ShareAccess.READ),
            (WRITE_ACCESS, ShareAccess.WRITE),
            (DELETE_ACCESS, ShareAccess.DELETE),
        )
        return any(
            (access & mask and not other.share_access & share)
            or (other.granted_access & mask and not share_access & share)
            for mask, share in pairs
        ) and bool(access & _SHARED_ACCESS and other.granted_access & _SHARED_ACCESS)

    def stream_sharing_conflicts(self, access: int, other: Open) -> bool:
        """Tell whether deleting a file conflicts with the open of one of its named streams."""
        return bool(access & DELETE_ACCESS and not other.share_access & ShareAccess.DELETE)

    def is_stat_open(self, access: int) -> bool:
        """Tell whether an open asks for attributes only, which breaks no oplock ([MS-FSA] 2.1.5.1.2)."""
        return is_stat_access(access)

    def resources_status(self, request: Request) -> Status:
        """SUCCESS, or what one open more than a session may have fails with (3.3.5.9; the number is ours)."""
        limit = request.connection.server.config.max_opens
        is_full = len(request.require_session().open_table) >= limit
        return Status.INSUFFICIENT_RESOURCES if is_full else Status.SUCCESS

    def is_open_of_request(self, open_: Open, request: Request) -> bool:
        """Whether an open of the session is found by this request (3.3.5.x): whatever its tree connect is."""
        del open_, request
        return True
