"""Defects of the reception of messages: what is no message of SMB 2, and what comes first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.command_sequence_window import CommandSequenceWindow
from smbtorture_py.server.policies.message import MessagePolicy
from smbtorture_py.server.policies.negotiate import NegotiatePolicy
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.message import Malformed
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.smb1 import DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.request import Request
    from smbtorture_py.wire.header import Header

_FAR_BEYOND: Final = 1 << 20


defect(
    "unknown-protocol-ignored",
    replaces=MessagePolicy.unknown_protocol_ends_connection,
    breaks=["SMB2-3.3.5.2-01", "SMB2-3.3.5.2.1.1-11"],
    origin="plausible: what is not understood is skipped",
).always(False, "A message with an unknown ProtocolId is skipped.")


defect(
    "short-message-ignored",
    replaces=MessagePolicy.short_message_ends_connection,
    breaks=["SMB2-3.3.5.2.6-03"],
    origin="plausible: what is too short is skipped",
).always(False, "A message shorter than a header is skipped.")


defect(
    "unknown-command-answered",
    replaces=MessagePolicy.unknown_command_ends_connection,
    breaks=["SMB2-3.3.5.2.6-02"],
    origin="Samba, ksmbd: unknown commands are answered with INVALID_PARAMETER",
).always(False, "An unknown command fails, and the connection lives on.")


defect(
    "commands-before-negotiate",
    replaces=MessagePolicy.must_negotiate_first,
    breaks=["SMB2-3.3.5.2.2-01"],
    origin="ksmbd: commands before NEGOTIATE are answered",
).always(False, "Commands are processed before any NEGOTIATE.")


@defect(
    "commands-after-wildcard",
    replaces=MessagePolicy.must_negotiate_first,
    breaks=["SMB2-3.3.5.2.2-01"],
    origin="plausible: an answer to SMB_COM_NEGOTIATE is taken for a negotiation",
)
def _commands_after_wildcard(
    original: Callable[[Connection, int], bool], self: MessagePolicy, connection: Connection, command: int
) -> bool:
    """Commands are processed after the answer with 0x02FF."""
    return original(connection, command) and connection.negotiate_dialect != Dialect.WILDCARD


@defect(
    "first-message-id-any",
    replaces=CommandSequenceWindow.holds,
    breaks=["SMB2-3.3.5.1-01"],
    origin="plausible: the window begins where the client begins",
)
def _first_message_id_any(
    original: Callable[[int, int], bool], self: CommandSequenceWindow, message_id: int, count: int
) -> bool:
    """A connection that has not been used takes any MessageId."""
    return original(message_id, count) or self.high == 1


@defect(
    "credit-charge-of-2.0.2",
    replaces=MessagePolicy.credit_charge,
    breaks=["SMB2-2.2.1-05"],
    origin="ksmbd: the field is used wherever multi-credit is configured",
)
def _credit_charge_of_2_0_2(
    original: Callable[[Connection, Header], int], self: MessagePolicy, connection: Connection, header: Header
) -> int:
    """CreditCharge counts on connections without multi-credit, too."""
    return max(1, header.credit_charge)


defect(
    "long-command-accepted",
    replaces=MessagePolicy.request_length_ends_connection,
    breaks=["SMB2-3.3.5.2-05"],
    origin="Samba: the limit of 68 KiB is not enforced",
).always(False, "Commands without bulk data may be as long as others.")


@defect(
    "long-message-accepted",
    replaces=MessagePolicy.maximum_length,
    breaks=["SMB2-3.3.5.2-03"],
    origin="Samba: no limit but the 24 bits of the transport",
)
def _long_message_accepted(
    original: Callable[[Connection], int], self: MessagePolicy, connection: Connection
) -> int:
    """Messages may be longer than the maximum sizes, with multi-credit."""
    return original(connection) + (_FAR_BEYOND if connection.supports_multi_credit else 0)


@defect(
    "long-message-on-2.0.2",
    replaces=MessagePolicy.maximum_length,
    breaks=["SMB2-3.3.5.2-04"],
    origin="Samba: the limit of 68 KiB is not enforced",
)
def _long_message_on_2_0_2(
    original: Callable[[Connection], int], self: MessagePolicy, connection: Connection
) -> int:
    """Without multi-credit, too, messages may be as long as the transport allows."""
    return original(connection) + (0 if connection.supports_multi_credit else _FAR_BEYOND)


@defect(
    "structure-unchecked",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-3.3.5.2.6-01", "SMB2-3.3.5.2.6-04", "SMB2-2.2.3-06"],
    origin="ksmbd: lengths that are not quite right are tolerated",
)
def _structure_unchecked(original: Callable[[Request], bool], self: MessagePolicy, request: Request) -> bool:
    """Requests whose structure is wrong are processed as far as they go."""
    return isinstance(request.body, Malformed)


@defect(
    "reserved-fields-checked",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-2.2.3-02", "SMB2-2.2.3-03", "SMB2-2.2.3-04"],
    origin="Windows: NOT_SUPPORTED where Reserved of a NEGOTIATE is not zero (note 9)",
)
def _reserved_fields_checked(
    original: Callable[[Request], bool], self: MessagePolicy, request: Request
) -> bool:
    """A NEGOTIATE whose reserved fields are not zero is malformed."""
    return original(request) or (request.command is Command.NEGOTIATE and bool(request.findings))


@defect(
    "header-reserved-checked",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-2.2.1-03", "SMB2-2.2.1-04", "SMB2-2.2.1-06"],
    origin="plausible: strictness where the text asks for none",
)
def _header_reserved_checked(
    original: Callable[[Request], bool], self: MessagePolicy, request: Request
) -> bool:
    """A request whose header has a Status, ProcessId or unneeded TreeId is malformed."""
    header = request.header
    is_echo = header.command == Command.ECHO
    odd = bool(header.status or header.process_id or (is_echo and header.tree_id))
    return odd or original(request)


@defect(
    "priority-refused",
    replaces=MessagePolicy.is_malformed,
    breaks=["SMB2-2.2.1-07"],
    origin="Samba: priority bits are refused on dialects below 3.1.1",
)
def _priority_refused(original: Callable[[Request], bool], self: MessagePolicy, request: Request) -> bool:
    """A request with a priority is malformed."""
    return bool(request.header.flags & HeaderFlags.PRIORITY_MASK) or original(request)


defect(
    "response-flag-accepted",
    replaces=MessagePolicy.claims_to_be_a_response,
    breaks=["SMB2-2.2.1-02"],
    origin="plausible: the flag is looked at by clients only",
).always(False, "A request that says it is a response is processed.")


@defect(
    "smb1-wildcard-unknown",
    replaces=NegotiatePolicy.smb1_dialect,
    breaks=["SMB2-3.3.5.3.1-01", "SMB2-3.3.5.3.1-02"],
    origin="Windows Vista and 2008: note 24",
)
def _smb1_wildcard_unknown(
    original: Callable[[Connection, Sequence[str]], int | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[str],
) -> int | None:
    """«SMB 2.???» is not known."""
    return Dialect.SMB_2_0_2 if DIALECT_SMB_2_002 in offered else None


@defect(
    "smb1-2.0.2-first",
    replaces=NegotiatePolicy.smb1_dialect,
    breaks=["SMB2-3.3.5.3.1-02"],
    origin="plausible: the first string that is known decides",
)
def _smb1_2_0_2_first(
    original: Callable[[Connection, Sequence[str]], int | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[str],
) -> int | None:
    """«SMB 2.002» wins over «SMB 2.???» where it stands first."""
    known = [one for one in offered if one in (DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD)]
    return original(connection, known[:1])


defect(
    "smb1-2.0.2-not-final",
    replaces=NegotiatePolicy.smb1_dialect,
    breaks=["SMB2-3.3.5.3.2-01"],
    origin="plausible: one answer to every SMB_COM_NEGOTIATE",
).always(Dialect.WILDCARD, "«SMB 2.002» alone is answered with 0x02FF.")


@defect(
    "smb1-capabilities-of-3x",
    replaces=NegotiatePolicy.capabilities,
    breaks=["SMB2-3.3.5.3.1-04"],
    origin="ksmbd: the answer with 0x02FF is filled from the table of 3.1.1",
)
def _smb1_capabilities_of_3x(
    original: Callable[[Connection, int], Capabilities],
    self: NegotiatePolicy,
    connection: Connection,
    dialect: int,
) -> Capabilities:
    """The answer with 0x02FF has capabilities of SMB 3."""
    more = Capabilities.MULTI_CHANNEL if dialect == Dialect.WILDCARD else Capabilities.NONE
    return original(connection, dialect) | more


@defect(
    "smb1-capabilities-of-2.1",
    replaces=NegotiatePolicy.capabilities,
    breaks=["SMB2-3.3.5.3.2-03"],
    origin="plausible: one answer to every SMB_COM_NEGOTIATE",
)
def _smb1_capabilities_of_2_1(
    original: Callable[[Connection, int], Capabilities],
    self: NegotiatePolicy,
    connection: Connection,
    dialect: int,
) -> Capabilities:
    """2.0.2 by way of SMB_COM_NEGOTIATE has leases."""
    return original(connection, dialect) | Capabilities.LEASING


defect(
    "smb1-any-time",
    replaces=NegotiatePolicy.smb1_comes_too_late,
    breaks=["SMB2-3.3.5.3-01", "SMB2-3.3.5.3.1-07"],
    origin="plausible: SMB1 is handled before the state of the connection is looked at",
).always(False, "SMB_COM_NEGOTIATE is answered at any time, and uses no MessageId.")


defect(
    "smb1-any-command",
    replaces=NegotiatePolicy.smb1_command_is_right,
    breaks=["SMB2-3.3.5.2-02"],
    origin="plausible: whatever begins with 0xFF is taken for SMB_COM_NEGOTIATE",
).always(True, "Every SMB1 command is taken for SMB_COM_NEGOTIATE.")


@defect(
    "smb1-without-smb2",
    replaces=NegotiatePolicy.smb1_dialect,
    breaks=["SMB2-3.3.5.3.2-02"],
    origin="plausible: the strings are not looked at",
)
def _smb1_without_smb2(
    original: Callable[[Connection, Sequence[str]], int | None],
    self: NegotiatePolicy,
    connection: Connection,
    offered: Sequence[str],
) -> int | None:
    """An SMB_COM_NEGOTIATE without a string of SMB2 is answered with 0x02FF."""
    return original(connection, offered) or Dialect.WILDCARD
