"""Where Samba serves files differently from the specification, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.access import is_stat_access
from smbtorture_py.server.path_name import remove_dots
from smbtorture_py.server.policies.channel_sequence import MODULUS, ChannelSequencePolicy
from smbtorture_py.server.policies.file_control import FileControlPolicy
from smbtorture_py.server.policies.information import InformationPolicy
from smbtorture_py.server.policies.lock import LockPolicy
from smbtorture_py.server.policies.oplock import OplockPolicy
from smbtorture_py.server.policies.windows_files import (
    WindowsCreatePolicy,
    WindowsNotifyPolicy,
    WindowsReadWritePolicy,
)
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request


class SambaCreatePolicy(WindowsCreatePolicy):
    """Opens as Samba has them: an open is found only through the tree connect it was made on."""

    def resolve_dots(self, components: Sequence[str]) -> list[str]:
        """They are removed, wherever they stand."""
        return remove_dots(components, self.dots_status())


class SambaChannelSequencePolicy(ChannelSequencePolicy):
    """Channel sequence numbers as Samba takes them."""

    def at_create(self, request: Request) -> int:
        """Every open begins with 0, whatever its CREATE says."""
        del request
        return 0

    def is_newer(self, present: int, requested: int) -> bool:
        """Half the range below the present one counts as ahead, half the range above it as behind."""
        if present - requested == MODULUS // 2:
            return True
        return super().is_newer(present, requested)

    def newer_replay_moves_on(self, open_: Open, request: Request) -> bool:
        """Not while a request of an earlier number is outstanding (as Windows Server 2012, <273>)."""
        del request
        return not self.replay_is_held_up(open_)

    def newer_replay_is_held_up(self, open_: Open) -> bool:
        """Only by what is of an earlier number already (as Windows Server 2012, <273>)."""
        return self.replay_is_held_up(open_)


class SambaFileControlPolicy(FileControlPolicy):
    """File system controls as Samba answers them."""

    def copy_failure_has_response(self) -> bool:
        """A copy that failed midway says how far it came, whatever its status."""
        return True


class SambaReadWritePolicy(WindowsReadWritePolicy):
    """READ and WRITE as Samba takes them."""

    def channel_status(self, connection: Connection, channel: int) -> Status:
        """Channel is not looked at on TCP."""
        del connection, channel
        return Status.SUCCESS

    def write_through_needs_unbuffered_open(self, connection: Connection) -> bool:
        """WRITE_THROUGH is taken on every open."""
        del connection
        return False


class SambaInformationPolicy(InformationPolicy):
    """Information as Samba gives it."""

    def position(self, current_byte_offset: int) -> int:
        """The position is kept."""
        return current_byte_offset

    def all_information_has_name(self) -> bool:
        """FileAllInformation ends with the name."""
        return True


class SambaLockPolicy(LockPolicy):
    """Locks as Samba has them."""

    def unlock_flags_status(self, element: LockElement) -> Status:
        """FAIL_IMMEDIATELY, which means nothing to an unlock, is refused beside it."""
        return Status.SUCCESS if element.flags == LockFlags.UNLOCK else Status.INVALID_PARAMETER

    def status_at_close(self) -> Status:
        """A lock that still waits when its handle is closed gets RANGE_NOT_LOCKED."""
        return Status.RANGE_NOT_LOCKED


class SambaNotifyPolicy(WindowsNotifyPolicy):
    """Change notifications as Samba sends them: as Windows."""


class SambaOplockPolicy(OplockPolicy):
    """Oplocks as Samba has them."""

    def stands_against_exclusive(self, other: Open) -> bool:
        """An open for attributes only does not count, unless it has an oplock itself."""
        return other.oplock_level is not OplockLevel.NONE or not is_stat_access(other.granted_access)

    def closes_failed_transport(self) -> bool:
        """A connection that does not get a break through ends, and with the last one the session."""
        return True

    def not_breaking_status(self, open_: Open, level: int) -> Status:
        """An acknowledgment nobody waits for is a protocol error."""
        del open_, level
        return Status.INVALID_OPLOCK_PROTOCOL

    def wrong_level_ends_break(self) -> bool:
        """The break goes on until its time is over."""
        return False

    def level_status(self, held: OplockLevel, level: int) -> Status:
        """Only II and NONE can be acknowledged."""
        del held
        return Status.SUCCESS if level in (OplockLevel.NONE, OplockLevel.II) else Status.INVALID_PARAMETER
