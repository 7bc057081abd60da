"""CREATEs whose CreateGuid has been here before ([MS-SMB2] 3.3.5.9 "Create Context Validation",
3.3.5.9.10)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from smbtorture_py.server.handlers.create_completion import respond
from smbtorture_py.server.request import PENDING, Outcome, Reply
from smbtorture_py.wire.create import CreateResponse, OplockLevel
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.parts.create_guid_table import Key
    from smbtorture_py.server.server import Server


def answer(server: Server, attempt: Attempt) -> Reply | None:
    """What a request is answered with whose CreateGuid has an open already; None where it is to be
    opened."""
    key = _key(attempt)
    if key is None:
        return None
    policy, request = server.policies.replay, attempt.request
    is_replay = policy.is_replay(request)
    open_ = policy.find_eligible(request, key[1])
    if open_ is not None:
        if not is_replay:
            return Reply(policy.duplicate_status(attempt, open_))
        for check in policy.checks():
            status = check(attempt, open_)
            if status != Status.SUCCESS:
                return Reply(status)
        return _respond(server, attempt, open_)
    pending = server.create_guid_table.pending(key)
    if pending is not None:
        status_of = policy.pending_status if is_replay else policy.pending_duplicate_status
        status = status_of(attempt, pending)
        return None if status == Status.SUCCESS else Reply(status)
    return _persistent(server, attempt, key) if is_replay else None


def _persistent(server: Server, attempt: Attempt, key: Key) -> Reply | None:
    """The second look-up of 3.3.5.9: a persistent open, whoever made it and whatever was done with it."""
    policy = server.policies.replay
    if not server.policies.durable.is_persistent(attempt):
        return None
    open_ = server.create_guid_table.find_persistent(key[1])
    if open_ is None:
        status = policy.unknown_persistent_status(attempt)
        return None if status == Status.SUCCESS else Reply(status)
    for status in (
        policy.connected_persistent_status(open_),
        policy.owner_status(attempt, open_),
        policy.parameters_status(attempt, open_),
    ):
        if status != Status.SUCCESS:
            return Reply(status)
    return _respond(server, attempt, open_)


def _respond(server: Server, attempt: Attempt, open_: Open) -> Reply:
    """Construct the response from the open; one that was disconnected is connected again (erratum 19)."""
    policy, request, contexts = server.policies.replay, attempt.request, attempt.contexts
    if open_.session is None:
        server.durable_opens.reclaim(open_, request)
    open_.connection = request.connection
    request.open, request.file_id = open_, open_.wire_file_id
    if not policy.replayed_context_is_sent(attempt, open_):
        contexts = replace(contexts, durable_request_v2=None)
    reply = respond(server, contexts, open_, open_.create_action)
    if isinstance(reply.body, CreateResponse):
        reply.body.oplock_level = OplockLevel(policy.replayed_level(attempt, open_))
    return reply


def remember_pending(server: Server, attempt: Attempt, outcome: Outcome) -> Outcome:
    """List a CREATE that waits under its CreateGuid, so that a replay of it is noticed."""
    key = _key(attempt)
    if outcome is PENDING and key is not None:
        server.create_guid_table.begin(key, attempt)
    return outcome


def _key(attempt: Attempt) -> Key | None:
    """ClientGuid and CreateGuid of a request with DH2Q."""
    context = attempt.contexts.durable_request_v2
    return None if context is None else (attempt.request.connection.client_guid, bytes(context.create_guid))
