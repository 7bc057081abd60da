"""Chain: the requests that came in one message, processed in order, and the responses that leave together.

A chain of one is the plain case ([MS-SMB2] 3.3.5.2.7, 3.3.4.1.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smbtorture_py.server import channel_sequence, processing, sending, verification
from smbtorture_py.server.request import PENDING, Reply, Request
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.sending import Response
    from smbtorture_py.wire.codec import FileId


@dataclass(slots=True, eq=False)
class Chain:
    """Requests in the order they stand in the message, and how far they have come."""

    connection: Connection
    requests: list[Request] = field(default_factory=list)
    is_related: bool = False
    position: int = 0
    """Index of the request that comes next."""
    current: Request | None = None
    """The request whose handler is running."""
    early_reply: Reply | None = None
    """What `current` was completed with before its handler returned PENDING."""
    waiting: Request | None = None
    """The asynchronous request that holds up the rest of a related chain."""
    last_status: Status = Status.SUCCESS
    fail_rest: Status | None = None
    """What every remaining request fails with (3.3.5.2.7.2)."""
    responses: list[Response] = field(default_factory=list)

    def run(self, now: float) -> None:
        """Process requests until the end, or until one of a related chain waits; then send what there is."""
        while self.position < len(self.requests) and self.waiting is None and self.connection.is_open:
            request = self.requests[self.position]
            self.position += 1
            self._process(request, now)
            if not self.connection.server.policies.compound.responses_are_compounded():
                self._flush(now)
        self._flush(now)

    def _process(self, request: Request, now: float) -> None:
        message = self.connection.server.policies.message
        if not message.command_exists(request.header.command):
            # One that did not end the connection (3.3.5.2.6); nothing can follow from it.
            status = message.unknown_command_status()
            self.fail_rest = status if self.is_related else self.fail_rest
            self._answer(request, Reply(status))
            return
        self.current, self.early_reply = request, None
        refused = self._inherit(request)
        if refused is None:
            outcome = processing.process(request, now)
        else:
            # The signature comes before the chain (3.3.5.2.4), and says how the refusal is signed.
            outcome = verification.verify_signature(request, now) or refused
        self.current = None
        if outcome is PENDING and self.early_reply is not None:
            outcome = self.early_reply
            request.async_id = 0
        if isinstance(outcome, Reply):
            self._answer(request, outcome)
        elif outcome is PENDING:
            channel_sequence.settle(request, Status.PENDING)
            self.responses.append(sending.Response(request, Reply(Status.PENDING), is_interim=True))
            if self.is_related:
                self.waiting = request
        else:
            request.is_done = True
            channel_sequence.settle(request, None)
            self.connection.request_list.pop(request.header.message_id, None)

    def _answer(self, request: Request, reply: Reply) -> None:
        request.is_done = True
        channel_sequence.settle(request, reply.status)
        self.last_status = reply.status
        self.connection.request_list.pop(request.header.message_id, None)
        self.responses.append(sending.Response(request, reply))

    def _flush(self, now: float) -> None:
        responses, self.responses = self.responses, []
        self.connection.server.persistent_opens.keep(response.request for response in responses)
        if responses and self.connection.is_open:
            sending.send_responses(self.connection, responses)
            for response in responses:
                if response.reply.after is not None:
                    response.reply.after(now)
        if self.position == len(self.requests) and all(request.is_done for request in self.requests):
            # They know their chain: without this, every message stays until the garbage collector comes.
            self.requests.clear()

    def resume(self, request: Request, reply: Reply, now: float) -> None:
        """Take the final reply of a request that was pending, and go on with what waited for it."""
        if request is self.current:
            self.early_reply = reply
            return
        self._answer(request, reply)
        if request is self.waiting:
            self.waiting = None
            self.run(now)
        else:
            self._flush(now)

    def _inherit(self, request: Request) -> Reply | None:
        """Give a related request the ids of the one before it (3.3.5.2.7.2); a Reply where it can not have
        them."""
        policy = self.connection.server.policies.compound
        if self.fail_rest is not None:
            return Reply(self.fail_rest)
        if not self.is_related or request is self.requests[0]:
            return None
        previous = self.requests[self.position - 2]
        request.session_id, request.tree_id = previous.session_id, previous.tree_id
        if (processing.needs_session(request) and not request.session_id) or (
            processing.needs_tree(request) and not request.tree_id
        ):
            self.fail_rest = policy.missing_id_status()
        elif policy.needs_file_id(request):
            has_file_id = previous.command == Command.CREATE or policy.needs_file_id(previous)
            if not has_file_id:
                self.fail_rest = policy.missing_file_id_status()
            elif policy.inherits_failure(previous, self.last_status):
                request.file_id = previous.file_id
                return Reply(self.last_status)
            else:
                request.file_id = previous.file_id
        return None if self.fail_rest is None else Reply(self.fail_rest)

    def find_open(self, request: Request, file_id: FileId, now: float) -> Open | None:
        """The open of a FileId in the request's session (3.3.5.10 and others); also sets Request.Open."""
        del now
        request.file_id = self._meant(request, file_id)
        found = self.named_open(request, file_id)
        if found is None:
            return None
        if not self.connection.server.policies.create.is_open_of_request(found, request):
            return None
        request.open = found
        return found

    def named_open(self, request: Request, file_id: FileId) -> Open | None:
        """The open that a FileId names in the request's session, whatever may then be done with it."""
        wanted = self._meant(request, file_id)
        found = None if request.session is None else request.session.open_table.get(wanted.volatile)
        return found if found is not None and found.durable_file_id == wanted.persistent else None

    def _meant(self, request: Request, file_id: FileId) -> FileId:
        """The FileId that a request means: in a related compound that of the one before it (3.3.5.2.7.2)."""
        inherited = self.is_related and request is not self.requests[0]
        return request.file_id if inherited and request.file_id is not None else file_id
