"""CREATE ([MS-SMB2] 3.3.5.9), in the order of its phases; each phase has a module of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from smbtorture_py.server.handlers import (
    create_app_instance,
    create_contexts,
    create_durable,
    create_execution,
    create_lease,
    create_replay,
)
from smbtorture_py.server.handlers.create_attempt import Attempt
from smbtorture_py.server.handlers.create_completion import respond
from smbtorture_py.server.path_name import parse
from smbtorture_py.server.policies.create import IGNORED_OPTIONS
from smbtorture_py.server.policies.reconnect import Reconnect
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.server.storage import StorageError
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.create import CreateAction, CreateOptions, CreateRequest, OplockLevel
from smbtorture_py.wire.create_contexts import CreateContext, DurableHandleRequest
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.server import Server

_LEVELS: Final = frozenset(OplockLevel)
_FIXED_SIZE: Final = 56
"""Bytes of a CREATE request in front of its Buffer ([MS-SMB2] 2.2.13)."""


def handle(server: Server, request: Request, now: float) -> Outcome:
    """Open or create a file or directory."""
    body = cast(CreateRequest, request.body)
    tree_connect = request.require_tree()
    policy = server.policies.create
    # "The server MUST fail the request with STATUS_INVALID_PARAMETER in the following cases".
    is_name_misplaced = body.name_length > 0 and body.name_offset < HEADER_SIZE + _FIXED_SIZE
    is_name_cut = body.name_offset + body.name_length > len(request.raw)
    if body.name_length % 2 or is_name_misplaced or (body.name_length > 0 and is_name_cut):
        return Reply(Status.INVALID_PARAMETER)
    known = [
        one for one in body.contexts if server.policies.durable.knows_context(request.connection, one.name)
    ]
    storage = tree_connect.share.storage
    if create_contexts.reconnects(known) and storage is not None:
        return _reconnect(server, request, body, known)
    # Path Name Validation.
    status = policy.impersonation_status(body.impersonation_level)
    if status != Status.SUCCESS:
        return Reply(status)
    if tree_connect.share.is_pipe or storage is None:
        # Open Execution: "When opening a named pipe, if the ImpersonationLevel level is Delegate".
        status = policy.pipe_impersonation_status(body.impersonation_level)
        return Reply(policy.pipe_status(body.name) if status == Status.SUCCESS else status)
    try:
        path_name = parse(body.name, resolve_dots=policy.resolve_dots)
    except StorageError as error:
        return Reply(error.status)
    # Create Context Validation.
    contexts = create_contexts.read(known)
    if isinstance(contexts, Status):
        return Reply(contexts)
    attempt = Attempt(request, body, contexts, path_name, storage)
    for status in (
        create_contexts.refusal(contexts),
        create_durable.combination_status(server, contexts),
        create_lease.validate(server, attempt),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    # 3.3.5.9.13 comes before 3.3.5.9.10, and before the rule on disconnected persistent opens (erratum 22).
    status = create_app_instance.take_over(server, attempt, now)
    if status == Status.SUCCESS:
        status = create_durable.unavailable_status(server, attempt)
    if status != Status.SUCCESS:
        return Reply(status)
    replayed = create_replay.answer(server, attempt)
    if replayed is not None:
        return replayed
    return create_replay.remember_pending(server, attempt, _execute(server, attempt, now))


def _reconnect(
    server: Server, request: Request, body: CreateRequest, known: Sequence[CreateContext]
) -> Reply:
    """Give an open that waits for its client back to it: from here on "Response Construction" (3.3.5.9.7,
    .12)."""
    contexts = create_contexts.read(known)
    if isinstance(contexts, Status):
        return Reply(contexts)
    reconnect = Reconnect(request, body, contexts)
    found = create_durable.find_reconnected(server, reconnect)
    if isinstance(found, Status):
        return Reply(found)
    lease = found.lease
    if lease is not None and found.is_restored:
        lease.epoch = server.policies.reconnect.epoch_after_restart(reconnect, lease)
    server.durable_opens.reclaim(found, request)
    is_told = reconnect.version_2 is None and server.policies.reconnect.response_is_sent(found)
    contexts.durable_request = DurableHandleRequest() if is_told else None
    # 3.3.5.9.9
    contexts.wants_disk_id = False
    reply = respond(server, contexts, found, CreateAction.OPENED)
    if lease is not None and found.is_persistent and lease.breaking:
        reply.after = lambda later: server.lease_tables.send_notification(lease, later)
    return reply


def _execute(server: Server, attempt: Attempt, now: float) -> Outcome:
    """Open Execution: what the server makes of the request's fields, then the object store's part."""
    request, body, policy = attempt.request, attempt.body, server.policies.create
    tree_connect = request.require_tree()
    options = int(body.create_options)
    if server.policies.durable.forces_write_through(request):
        options |= CreateOptions.WRITE_THROUGH
    for status in (
        policy.resources_status(request),
        policy.fields_status(body.file_attributes, body.share_access, body.create_disposition),
        policy.options_status(options, body.create_disposition),
        policy.zero_access_status() if body.desired_access == 0 else Status.SUCCESS,
        policy.access_status(request, body.desired_access),
        policy.delete_on_close_status(tree_connect, body.desired_access, options),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    attempt.desired_access = policy.effective_access(tree_connect, body.desired_access, options)
    attempt.share_access = policy.forced_share_access(tree_connect, body.share_access)
    attempt.create_options = options & ~int(IGNORED_OPTIONS)
    level = body.requested_oplock_level
    attempt.oplock_level = server.policies.oplock.requested_level(
        request, OplockLevel(level) if level in _LEVELS else OplockLevel.NONE
    )
    return create_execution.execute(server, attempt, now)
