"""FLUSH ([MS-SMB2] 3.3.5.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.flush import FlushRequest, FlushResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_FLUSHING_ACCESS: Final = AccessMask.FILE_WRITE_DATA | AccessMask.FILE_APPEND_DATA
"""The same bits are FILE_ADD_FILE and FILE_ADD_SUBDIRECTORY of a directory."""


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Let the storage keep what was written."""
    body = cast(FlushRequest, request.body)
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    if not open_.has_any_access(_FLUSHING_ACCESS):
        return Reply(Status.ACCESS_DENIED)
    if not open_.is_persistent and open_.stream.content is not None:
        try:
            open_.stream.content.flush()
        except StorageError as error:
            return Reply(error.status)
    return Reply(Status.SUCCESS, FlushResponse())
