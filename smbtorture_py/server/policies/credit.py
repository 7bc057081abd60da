"""How many credits a response grants ([MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.4.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smbtorture_py.server.request import Request


class CreditPolicy:
    """Grants what is asked, up to the configured maximum, and never leaves a client without a credit."""

    def requested(self, request: Request) -> int:
        """What the client asks for: CreditRequest of its header."""
        return request.header.credits

    def maximum(self, request: Request) -> int:
        """Credits one connection may hold (3.3.1.2: administratively configured)."""
        return request.connection.server.config.max_credits

    def span_limit(self, request: Request) -> int:
        """How far the window may reach past the lowest unused MessageId (MAY, 3.3.1.1)."""
        return 2 * self.maximum(request)

    def minimum(self, request: Request) -> int:
        """What is granted at least: one where the client would have none left (3.3.1.2)."""
        return 0 if request.connection.command_sequence_window.available else 1

    def granted(self, request: Request) -> int:
        """CreditResponse of a synchronous or an interim response (3.3.4.2, 3.3.4.3)."""
        window = request.connection.command_sequence_window
        room = min(self.maximum(request) - window.available, self.span_limit(request) - window.span)
        return max(min(self.requested(request), room), self.minimum(request))

    def granted_by_final(self, request: Request) -> int:
        """CreditResponse of the final response to an asynchronous request: zero (3.3.4.3)."""
        del request
        return 0
