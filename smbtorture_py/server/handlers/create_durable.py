"""Durable opens in CREATE: the contexts that ask for one and that come back for one ([MS-SMB2] 3.3.5.9.6,
.7, .10, .12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.create_contexts import (
    DurableHandleFlags,
    DurableHandleResponse,
    DurableHandleResponseV2,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.policies.reconnect import Reconnect
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.create_contexts import CreateContext

_MILLISECONDS: Final = 1000


def combination_status(server: Server, contexts: CreateContexts) -> Status:
    """SUCCESS, or what requests for durable opens fail with that do not go together (3.3.5.9.6, .10)."""
    policy = server.policies.durable
    status = policy.request_combination_status(contexts)
    return policy.request_v2_combination_status(contexts) if status == Status.SUCCESS else status


def unavailable_status(server: Server, attempt: Attempt) -> Status:
    """SUCCESS, or what a CREATE fails with for a name whose persistent open nobody is connected to
    (3.3.5.9)."""
    if not attempt.request.connection.is_3x:
        return Status.SUCCESS
    open_ = server.durable_opens.disconnected_persistent(attempt.storage, attempt.path_name.path)
    return Status.SUCCESS if open_ is None else server.policies.durable.disconnected_status(attempt, open_)


def find_reconnected(server: Server, reconnect: Reconnect) -> Open | Status:
    """Find the open that a reconnect is about, or what it fails with (3.3.5.9.7, 3.3.5.9.12)."""
    policy = server.policies.reconnect
    status = policy.combination_status(reconnect)
    if status != Status.SUCCESS:
        return status
    open_ = policy.find(reconnect)
    if open_ is None:
        return policy.not_found_status()
    for check in policy.checks(reconnect):
        status = check(reconnect, open_)
        if status != Status.SUCCESS:
            return status
    return open_


def grant(server: Server, attempt: Attempt, open_: Open) -> None:
    """Make an open durable where it was asked for and can be ("Successful Open Initialization")."""
    if attempt.contexts.durable_request_v2 is not None:
        _grant_v2(server, attempt, open_)
    elif attempt.contexts.durable_request is not None:
        _grant_v1(server, attempt, open_)


def _grant_v1(server: Server, attempt: Attempt, open_: Open) -> None:
    """3.3.5.9.6."""
    policy = server.policies.durable
    if policy.is_durable(attempt, open_):
        open_.is_durable = True
        open_.durable_owner = policy.owner(attempt.request.require_session())
        open_.durable_open_timeout = policy.timeout()


def _grant_v2(server: Server, attempt: Attempt, open_: Open) -> None:
    """3.3.5.9.10."""
    policy, request, context = server.policies.durable, attempt.request, attempt.contexts.durable_request_v2
    if context is None:
        return
    open_.create_guid = bytes(context.create_guid)
    server.create_guid_table.enter(open_)
    if not policy.request_v2_is_considered(attempt, open_):
        return
    open_.is_persistent = policy.is_persistent(attempt)
    open_.is_durable = policy.is_durable_v2(open_)
    open_.durable_owner = policy.owner(request.require_session())
    open_.is_replay_eligible = server.policies.replay.is_eligible(open_)
    if open_.is_durable:
        open_.durable_open_timeout = policy.timeout_v2(request, context.timeout) / _MILLISECONDS


def respond(contexts: CreateContexts, open_: Open) -> list[CreateContext]:
    """Make the durable context of the response ("Response Construction")."""
    if not open_.is_durable:
        return []
    if contexts.durable_request_v2 is not None:
        flags = DurableHandleFlags.PERSISTENT if open_.is_persistent else DurableHandleFlags.NONE
        timeout = round(open_.durable_open_timeout * _MILLISECONDS)
        return [DurableHandleResponseV2(timeout=timeout, flags=flags).envelope()]
    if contexts.durable_request is not None:
        return [DurableHandleResponse().envelope()]
    return []
