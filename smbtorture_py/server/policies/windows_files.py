"""Where Windows serves files differently from the specification: its documented product behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.path_name import PARENT, remove_dots
from smbtorture_py.server.policies.create import CreatePolicy
from smbtorture_py.server.policies.information import InformationPolicy
from smbtorture_py.server.policies.lock import LockPolicy
from smbtorture_py.server.policies.notify import NotifyPolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.server.policies.read_write import ReadWritePolicy
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import AccessMask, OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request


class WindowsCreatePolicy(CreatePolicy):
    """Opens as Windows has them."""

    def resolve_dots(self, components: Sequence[str]) -> list[str]:
        """They are removed (<303>); a path that goes up from its first name at once is refused."""
        if components[0] != PARENT and components[1:2] == [PARENT]:
            raise StorageError(Status.INVALID_PARAMETER)
        return remove_dots(components, self.dots_status())

    def dots_status(self) -> Status:
        """A name that climbs out of the share is a syntax error (<303> speaks of names that do not)."""
        return Status.OBJECT_PATH_SYNTAX_BAD

    def is_open_of_request(self, open_: Open, request: Request) -> bool:
        """An open is found only through the tree connect it was made on."""
        return open_.tree_connect is request.tree_connect


class WindowsReadWritePolicy(ReadWritePolicy):
    """READ and WRITE as Windows takes them."""

    def write_access_status(self, open_: Open, offset: int, length: int, size: int) -> Status:
        """Either right suffices for every range (<364>)."""
        del offset, length, size
        if open_.has_any_access(AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA):
            return Status.SUCCESS
        return Status.ACCESS_DENIED


class WindowsInformationPolicy(InformationPolicy):
    """Information as Windows gives it."""

    def position(self, current_byte_offset: int) -> int:
        """Any value may be returned (<418>): where the last read or write ended."""
        return current_byte_offset


class WindowsLockPolicy(LockPolicy):
    """Locks as Windows has them."""

    def status_at_close(self) -> Status:
        """A lock that still waits when its handle is closed gets RANGE_NOT_LOCKED."""
        return Status.RANGE_NOT_LOCKED


class WindowsNotifyPolicy(NotifyPolicy):
    """Change notifications as Windows sends them."""

    def buffer_size(self, first: int, requested: int) -> int:
        """The first request settles the size of the buffer, too."""
        return min(first, requested)

    def filter_of_rename(self, *, is_directory: bool) -> CompletionFilter:
        """A file that has a new name is modified as well, as Samba's source says."""
        if is_directory:
            return CompletionFilter.NONE
        return CompletionFilter.ATTRIBUTES | CompletionFilter.CREATION


class WindowsOplockPolicy(OplockPolicy):
    """Oplocks as Windows has them."""

    def connections_for_break(self, open_: Open) -> Sequence[Connection]:
        """Only the newest channel is tried."""
        return list(super().connections_for_break(open_))[-1:]

    def lowered_status(self, open_: Open, level: int) -> Status:
        """It is not accepted (<441>)."""
        is_more = open_.is_break_lowered and level != OplockLevel.NONE
        return Status.REQUEST_NOT_ACCEPTED if is_more else Status.SUCCESS

    def retries_break(self) -> bool:
        """A break that did not get through is not sent again: the timer ends it."""
        return False
