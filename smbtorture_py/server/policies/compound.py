"""Chains of requests and their responses ([MS-SMB2] 3.3.5.2.7, 3.3.4.1.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.ioctl import WITHOUT_FILE
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request

_ALIGNMENT: Final = 8
_SEVERITY_SHIFT: Final = 30
_SEVERITY_ERROR: Final = 3
_NEEDS_FILE_ID: Final = frozenset(
    {
        Command.CLOSE, Command.FLUSH, Command.READ, Command.WRITE, Command.LOCK, Command.IOCTL,
        Command.QUERY_DIRECTORY, Command.CHANGE_NOTIFY, Command.QUERY_INFO, Command.SET_INFO,
    }
)  # fmt: skip


class CompoundPolicy:
    """How related and unrelated chains are taken, and what their members inherit."""

    def most_members(self, connection: Connection) -> int:
        """How many requests one message may hold; more end the connection.

        The text sets no bound. MessageIds are one for all requests but CANCEL, which uses none: a message of
        100,000 CANCELs would keep the server from everybody else.
        """
        return connection.server.config.max_credits

    def misaligned_ends_connection(self, offset: int) -> bool:
        """Whether a member that starts at this offset ends the connection (SHOULD, 3.3.5.2.7)."""
        return offset % _ALIGNMENT != 0

    def is_related(self, request: Request) -> bool:
        """Whether a member other than the first depends on the one before it (3.3.5.2.7.2)."""
        return request.header.has(HeaderFlags.RELATED_OPERATIONS)

    def mixed_status(self, requests: Sequence[Request]) -> Status:
        """SUCCESS, or what every member fails with where styles are mixed (SHOULD, 3.3.5.2.7)."""
        related = [self.is_related(request) for request in requests[1:]]
        return Status.INVALID_PARAMETER if any(related) and not all(related) else Status.SUCCESS

    def first_related_status(self, first: Request) -> Status:
        """SUCCESS, or what the chain fails with where its first member is marked related (SHOULD,
        3.3.5.2.7.2)."""
        return Status.INVALID_PARAMETER if self.is_related(first) else Status.SUCCESS

    def missing_id_status(self) -> Status:
        """What a member fails with that needs a SessionId or TreeId its predecessor does not have
        (3.3.5.2.7.2)."""
        return Status.INVALID_PARAMETER

    def missing_file_id_status(self) -> Status:
        """What a member fails with that needs a FileId its predecessor neither has nor makes
        (3.3.5.2.7.2)."""
        return Status.INVALID_HANDLE

    def needs_file_id(self, request: Request) -> bool:
        """Whether a member is about a file: IOCTL is not where its code wants no FileId (3.3.5.15)."""
        if isinstance(request.body, IoctlRequest) and request.body.ctl_code in WITHOUT_FILE:
            return False
        return request.command in _NEEDS_FILE_ID

    def inherits_failure(self, previous: Request, status: Status) -> bool:
        """Whether a member that needs a FileId fails like its predecessor did (SHOULD, 3.3.5.2.7.2).

        Erratum 13: a status of severity warning, like NO_MORE_FILES at the end of a listing, is not taken for
        a failure:
        the CLOSE that follows would not close.
        """
        del previous
        return status >> _SEVERITY_SHIFT == _SEVERITY_ERROR

    def may_pend(self, request: Request) -> bool:
        """Whether this member may go asynchronous (MAY, 3.3.5.2.7)."""
        del request
        return True

    def may_not_pend_status(self) -> Status:
        """What a member fails with that may not go asynchronous (3.3.5.2.7)."""
        return Status.INTERNAL_ERROR

    def pads_last(self) -> bool:
        """Whether the last response of several is padded to 8 bytes as well (SHOULD, 3.3.4.1.3)."""
        return True

    def responses_are_compounded(self) -> bool:
        """Whether responses that are ready together go out as one chain (MAY, 3.3.4.1.3)."""
        return True
