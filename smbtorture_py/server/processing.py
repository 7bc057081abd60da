"""Processing one request: verification, then its handler ([MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11)."""

from __future__ import annotations

from smbtorture_py.server import channel_sequence, verification
from smbtorture_py.server.dispatch import HANDLERS, Needs, needs_of
from smbtorture_py.server.handlers import cancel, close
from smbtorture_py.server.request import Outcome, Reply, Request
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status


def needs_session(request: Request) -> bool:
    """Whether the command is one of a session."""
    return request.command != Command.CANCEL and needs_of(request) is not Needs.NOTHING


def needs_tree(request: Request) -> bool:
    """Whether the command is one of a tree connect."""
    return request.command != Command.CANCEL and needs_of(request) is Needs.TREE


def process(request: Request, now: float) -> Outcome | None:
    """Verify one request and hand it to its handler; None where no response is sent."""
    connection = request.connection
    server = connection.server
    policies = server.policies
    if request.command == Command.CANCEL:
        cancel.handle(request, now)
        return None
    # 3.3.5.2.4
    refused = verification.verify_signature(request, now)
    if refused is not None:
        return refused if connection.is_open else None
    # 3.3.5.2.6
    if policies.message.is_malformed(request):
        if policies.message.malformed_ends_connection(request):
            connection.disconnect(now)
            return None
        return Reply(policies.message.malformed_status(request))
    # 3.3.5.2.8
    session = server.global_session_table.get(request.session_id)
    if session is not None:
        session.idle_time = now
    needs = needs_of(request)
    if needs is not Needs.NOTHING:
        # 3.3.5.2.9
        refused = verification.verify_session(request, now)
        if refused is not None:
            return refused if connection.is_open else None
    # 3.3.5.2.10
    refused = channel_sequence.verify(request)
    if refused is not None:
        return refused
    if needs is Needs.TREE:
        # 3.3.5.10: CLOSE alone locates its open before the tree connection.
        if policies.tree.close_finds_its_open_first() and close.names_no_open(request):
            return Reply(Status.FILE_CLOSED)
        # 3.3.5.2.11
        refused = verification.verify_tree_connect(request)
        if refused is not None:
            return refused
    outcome = HANDLERS[request.command].handle(server, request, now)
    return outcome if connection.is_open else None
