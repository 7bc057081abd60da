"""Where Samba differs from the specification in receiving messages and negotiating, by its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.policies.ioctl import ValidateNegotiatePolicy
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.wire.codec import HEADER_SIZE, align
from smbtorture_py.wire.negotiate import NegotiateRequest
from smbtorture_py.wire.negotiate_contexts import ContextType, SigningCapabilities
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.header import Header
    from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import ValidateNegotiateInfoRequest
    from smbtorture_py.wire.negotiate_contexts import NegotiateContext

_LONGEST: Final = 0xFFFFFF
_ALIGNMENT: Final = 8


class SambaMessagePolicy(MessagePolicy):
    """Messages as Samba takes them."""

    def maximum_length(self, connection: Connection) -> int:
        """Nothing limits a message but the length field of the transport."""
        del connection
        return _LONGEST

    def request_length_ends_connection(self, connection: Connection, header: Header, length: int) -> bool:
        """Commands without bulk data may be as long as others."""
        del connection, header, length
        return False

    def unknown_command_ends_connection(self, connection: Connection) -> bool:
        """An unknown command fails, and the connection lives on."""
        del connection
        return False


class SambaNegotiatePolicy(NegotiatePolicy):
    """Negotiations as Samba does."""

    def contexts_are_readable(self, request: Request) -> bool:
        """The list has to be where Samba computes that it is: directly behind the dialects."""
        body = request.body
        if not isinstance(body, NegotiateRequest):
            return False
        end = HEADER_SIZE + body.STRUCTURE_SIZE + 2 * body.dialect_count
        return body.negotiate_context_offset == align(end, _ALIGNMENT) and super().contexts_are_readable(
            request
        )

    def contexts_status(self, contexts: Sequence[NegotiateContext]) -> Status:
        """Repeated contexts are not noticed, the first one counts."""
        present = any(
            context.context_type == ContextType.PREAUTH_INTEGRITY_CAPABILITIES for context in contexts
        )
        return Status.SUCCESS if present else Status.INVALID_PARAMETER

    def signing_answer(
        self, connection: Connection, received: NegotiateContext | None
    ) -> SigningCapabilities | None:
        """Nothing is answered where no algorithm is common."""
        offered = [] if received is None else SigningCapabilities.decode(received.data, []).signing_algorithms
        if connection.signing_algorithm_id not in offered:
            return None
        return super().signing_answer(connection, received)


class SambaValidateNegotiatePolicy(ValidateNegotiatePolicy):
    """FSCTL_VALIDATE_NEGOTIATE_INFO as Samba answers it."""

    def ends_on_311(self, connection: Connection) -> bool:
        """It is answered on 3.1.1."""
        del connection
        return False

    def ends_on_small_buffer(self, connection: Connection, available: int, needed: int) -> bool:
        """A small buffer does not end the connection."""
        del connection, available, needed
        return False

    def small_buffer_status(self, available: int, needed: int) -> Status:
        """It fails."""
        return Status.BUFFER_TOO_SMALL if available < needed else Status.SUCCESS

    def dialects_differ(self, connection: Connection, body: ValidateNegotiateInfoRequest) -> bool:
        """What counts is the dialect that follows from the array."""
        common = connection.server.policies.negotiate.common_dialect(connection, body.dialects)
        return common is None or common != connection.dialect
