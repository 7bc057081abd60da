"""Durable opens in CREATE: the contexts that ask for one and that come back for one ([MS-SMB2] 3.3.5.9.6,
.7, .10, .12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.server.handlers import create_contexts
from smbtorture_py.server.request import Outcome, Reply
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.handlers.create_attempt import Attempt
    from smbtorture_py.server.handlers.create_contexts import CreateContexts
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.server import Server
    from smbtorture_py.wire.create import CreateRequest
    from smbtorture_py.wire.create_contexts import CreateContext


def combination_status(server: Server, contexts: CreateContexts) -> Status:
    """SUCCESS, or what durable contexts fail with that do not go together."""
    del server, contexts
    return Status.SUCCESS


def reconnect(server: Server, request: Request, body: CreateRequest, now: float) -> Outcome:
    """Come back for an open that is waiting for its client (3.3.5.9.7, 3.3.5.9.12)."""
    del server, request, now
    contexts = create_contexts.read(body.contexts)
    return Reply(contexts if isinstance(contexts, Status) else Status.OBJECT_NAME_NOT_FOUND)


def grant(server: Server, attempt: Attempt, open_: Open) -> None:
    """Make an open durable where it was asked for and can be ("Successful Open Initialization")."""
    del server, attempt, open_


def respond(contexts: CreateContexts, open_: Open) -> list[CreateContext]:
    """Make the durable context of the response ("Response Construction")."""
    del contexts, open_
    return []
