"""CHANGE_NOTIFY ([MS-SMB2] 3.3.5.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from smbtorture_py.server.parts.change_notifier import NotifyRequest
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, ChangeNotifyResponse
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Wait for a change in a directory."""
    body = cast(ChangeNotifyRequest, request.body)
    policies = server.policies
    open_ = request.find_open(body.file_id, now)
    if open_ is None:
        return Reply(Status.FILE_CLOSED)
    server.policies.replay.note_use(open_, request)
    length = body.output_buffer_length
    for status in (
        policies.information.size_status(request.connection, length),
        policies.message.payload_status(request.connection, request.header, length),
        Status.SUCCESS if open_.is_directory else Status.INVALID_PARAMETER,
        Status.SUCCESS if open_.has_access(AccessMask.FILE_LIST_DIRECTORY) else Status.ACCESS_DENIED,
        Status.SUCCESS if policies.information.supports_change_notify() else Status.NOT_SUPPORTED,
        Status.DELETE_PENDING if open_.file.delete_pending else Status.SUCCESS,
    ):
        if status != Status.SUCCESS:
            return Reply(status)

    def finish(status: Status, data: bytes, later: float) -> None:
        # NOTIFY_CLEANUP and NOTIFY_ENUM_DIR carry an empty response, an error no response of this kind.
        has_body = status in (Status.SUCCESS, Status.NOTIFY_CLEANUP, Status.NOTIFY_ENUM_DIR)
        request.complete(Reply(status, ChangeNotifyResponse(output_buffer=data) if has_body else None), later)

    # 3.3.1.3: the first request settles what is watched.
    notifier, completion_filter = server.change_notifier, int(body.completion_filter)
    watch_tree = bool(body.flags & ChangeNotifyFlags.WATCH_TREE)
    watch = notifier.find(open_)
    if watch is None:
        watch = notifier.watch(open_, completion_filter, watch_tree, length)
    elif not policies.notify.fixes_filter():
        watch.completion_filter, watch.watch_tree = completion_filter, watch_tree
    waiting = NotifyRequest(policies.notify.buffer_size(watch.buffer_size, length), finish)

    def cancel(later: float) -> None:
        notifier.withdraw(watch, waiting)
        request.complete(Reply(Status.CANCELLED), later)

    def clean_up(later: float) -> None:
        notifier.withdraw(watch, waiting)
        finish(Status.NOTIFY_CLEANUP, b"", later)

    outcome = request.pend(cancel, clean_up)
    notifier.ask(watch, waiting, now)
    return outcome
