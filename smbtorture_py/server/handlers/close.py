"""CLOSE ([MS-SMB2] 3.3.5.10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.open import close_open
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.close import CloseFlags, CloseRequest, CloseResponse
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def names_no_open(request: Request) -> bool:
    """Whether this is a CLOSE whose FileId is none of the session's: that is seen before its TreeId is looked
    at."""
    body = request.body
    return isinstance(body, CloseRequest) and request.chain.named_open(request, body.file_id) is None


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Close an open, and tell what became of the file where that was asked for."""
    body = cast(CloseRequest, request.body)
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    response = CloseResponse()
    if body.flags & CloseFlags.POSTQUERY_ATTRIB:
        try:
            info = open_.query()
        except StorageError:
            # "If the attributes of the file were requested and can be fetched".
            info = None
        if info is not None:
            response = CloseResponse(flags=CloseFlags.POSTQUERY_ATTRIB, **info.network_open())
    close_open(server, open_, now)
    return Reply(Status.SUCCESS, response)
