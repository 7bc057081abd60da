"""What the server does with a message before it looks at the command ([MS-SMB2] 3.3.5.2, 3.3.5.2.2 to
3.3.5.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.limits import MAX_UNNEGOTIATED, NEGOTIATE_DIALECT_NONE
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.header import MESSAGE_ID_UNSOLICITED, Command, Header, HeaderFlags
from smbtorture_py.wire.message import Malformed
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.transform import TRANSFORM_HEADER_SIZE

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Reply, Request

_BULK: Final = frozenset(
    {
        Command.READ, Command.WRITE, Command.IOCTL, Command.QUERY_DIRECTORY, Command.CHANGE_NOTIFY,
        Command.QUERY_INFO, Command.SET_INFO,
    }
)  # fmt: skip
_STRUCTURAL: Final = frozenset(
    {
        "StructureSize", "SecurityBuffer", "Path", "Name", "FileName", "CreateContexts", "Data", "Dialects",
        "Input", "InputBuffer", "Buffer", "Locks",
    }
)  # fmt: skip
"""Fields whose findings make a request malformed; other oddities are for the handlers to judge."""
_HEADROOM: Final = 256
_CREDIT_SIZE: Final = 65536
_REPEATED: Final = ~(HeaderFlags.SIGNED | HeaderFlags.ASYNC_COMMAND)
"""Flags that a response takes over from its request."""
_KNOWN: Final = frozenset(
    command for command in Command if command is not Command.SERVER_TO_CLIENT_NOTIFICATION
)


class MessagePolicy:
    """Which messages end the connection, which fail, and what their responses' headers repeat."""

    def unsolicited_header(self, connection: Connection, command: Command, session_id: int) -> Header:
        """The header of a message that answers nothing: MessageId of all ones, no tree, no status (3.3.4.6,
        3.3.4.7)."""
        del connection
        return Header(
            command=command,
            message_id=MESSAGE_ID_UNSOLICITED,
            flags=HeaderFlags.SERVER_TO_REDIR,
            session_id=session_id,
        )

    def maximum_length(self, connection: Connection) -> int:
        """Bytes of the longest message; longer ones end the connection (3.3.5.2).

        Erratum 1: the text names MaxTransactSize alone; the largest of the three maxima is meant, else a
        server would drop the longest WRITE it advertises.
        """
        largest = max(connection.max_transact_size, connection.max_read_size, connection.max_write_size)
        longest = largest + _HEADROOM if largest else MAX_UNNEGOTIATED
        # 68 KiB is the limit without multi-credit (SHOULD).
        return longest if connection.supports_multi_credit else min(longest, MAX_UNNEGOTIATED)

    def maximum_frame(self, connection: Connection) -> int:
        """Bytes of the longest frame that is taken off the transport: a longer one is not even buffered."""
        return max(self.maximum_length(connection), MAX_UNNEGOTIATED) + TRANSFORM_HEADER_SIZE

    def unknown_protocol_ends_connection(self, connection: Connection) -> bool:
        """A ProtocolId that is none of SMB's ends the connection (3.3.5.2)."""
        del connection
        return True

    def short_message_ends_connection(self, connection: Connection) -> bool:
        """A message shorter than a header ends the connection without a response (3.3.5.2.6)."""
        del connection
        return True

    def length_ends_connection(self, connection: Connection, length: int) -> bool:
        """Whether a whole message of this length, compound or not, is too long for the connection
        (3.3.5.2)."""
        return length > self.maximum_length(connection)

    def request_length_ends_connection(self, connection: Connection, header: Header, length: int) -> bool:
        """Whether one request is too long for a command that carries no bulk data (3.3.5.2)."""
        return connection.supports_multi_credit and header.command not in _BULK and length > MAX_UNNEGOTIATED

    def command_exists(self, command: int) -> bool:
        """Whether the command code is one a client may send (3.3.5.2.6)."""
        return command in _KNOWN

    def unknown_command_ends_connection(self, connection: Connection) -> bool:
        """Any other command code ends the connection without a response (3.3.5.2.6)."""
        del connection
        return True

    def unknown_command_status(self) -> Status:
        """What a message with an unknown command fails with where it does not end the connection."""
        return Status.INVALID_PARAMETER

    def must_negotiate_first(self, connection: Connection, command: int) -> bool:
        """Whether this command comes before any dialect is chosen, which ends the connection (3.3.5.2.2)."""
        return command != Command.NEGOTIATE and connection.negotiate_dialect in (
            NEGOTIATE_DIALECT_NONE,
            Dialect.WILDCARD,
        )

    def bad_message_id_ends_connection(self, connection: Connection) -> bool:
        """A MessageId outside the window ends the connection (SHOULD, 3.3.5.2.3)."""
        del connection
        return True

    def credit_charge(self, connection: Connection, header: Header) -> int:
        """How many MessageIds a request consumes (3.3.5.2.3): CreditCharge with multi-credit, at least
        one."""
        return max(1, header.credit_charge) if connection.supports_multi_credit else 1

    def payload_status(self, connection: Connection, header: Header, payload: int) -> Status:
        """SUCCESS, or what a request whose payload or response may reach `payload` bytes fails with
        (3.3.5.2.5)."""
        if not connection.supports_multi_credit:
            return Status.SUCCESS
        if header.credit_charge == 0:
            return Status.INVALID_PARAMETER if payload > _CREDIT_SIZE else Status.SUCCESS
        needed = self.expected_credit_charge(payload)
        return Status.INVALID_PARAMETER if needed > header.credit_charge else Status.SUCCESS

    def expected_credit_charge(self, payload: int) -> int:
        """The CreditCharge a payload needs: one for each 64 KiB or part of it (3.1.5.2)."""
        return (max(payload, 1) - 1) // _CREDIT_SIZE + 1

    def is_malformed(self, request: Request) -> bool:
        """Whether a request does not have the structure of its command (3.3.5.2.6)."""
        if isinstance(request.body, Malformed) or self.claims_to_be_a_response(request):
            return True
        return any(finding.field in _STRUCTURAL for finding in request.findings)

    def claims_to_be_a_response(self, request: Request) -> bool:
        """SMB2_FLAGS_SERVER_TO_REDIR, which no request may have (2.2.1.2), makes it malformed."""
        return request.header.has(HeaderFlags.SERVER_TO_REDIR)

    def malformed_status(self, request: Request) -> Status:
        """What a request that does not have its structure fails with (3.3.5.2.6)."""
        del request
        return Status.INVALID_PARAMETER

    def malformed_ends_connection(self, request: Request) -> bool:
        """Whether such a request also ends the connection (MAY, 3.3.5.2.6)."""
        del request
        return False

    def response_flags(self, request: Request) -> HeaderFlags:
        """Flags a response repeats from its request (3.3.4.3: identical but for those the text changes)."""
        return request.header.flags & _REPEATED

    def response_session_id(self, request: Request) -> int:
        """SessionId of a response: that of the request, or of the session it began (3.3.4.3, 3.3.5.5.1)."""
        return request.session_id

    def error_response(self, connection: Connection, reply: Reply) -> ErrorResponse:
        """What follows the header of a failure (2.2.2, 3.3.4.4)."""
        del connection
        return ErrorResponse(error_data=reply.error_data)

    def response_credit_charge(self, request: Request) -> int:
        """CreditCharge of a response: that of the request (SHOULD, 3.3.4.1)."""
        return request.header.credit_charge
