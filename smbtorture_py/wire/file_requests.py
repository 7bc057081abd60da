"""The requests that are about an open file: those that include a FileId."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from smbtorture_py.wire.change_notify import ChangeNotifyRequest
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import Body, FileId
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.ioctl import IoctlRequest
from smbtorture_py.wire.lock import LockRequest
from smbtorture_py.wire.oplock_break import OplockBreakAcknowledgment
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.write import WriteRequest

FileRequest: TypeAlias = (
    CloseRequest
    | FlushRequest
    | ReadRequest
    | WriteRequest
    | LockRequest
    | IoctlRequest
    | QueryDirectoryRequest
    | ChangeNotifyRequest
    | QueryInfoRequest
    | SetInfoRequest
    | OplockBreakAcknowledgment
)
"""A request that includes a FileId ([MS-SMB2] 3.3.5.2.10); that of an IOCTL may stand for no file."""


def file_id_of(body: Body) -> FileId | None:
    """Return the FileId that a request includes; None where it includes none."""
    return body.file_id if isinstance(body, FileRequest) else None


def about(body: Body, file_id: FileId) -> Body:
    """Return the same request about another open; a request without a FileId as it is."""
    return replace(body, file_id=file_id) if isinstance(body, FileRequest) else body
