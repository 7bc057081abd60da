"""What a server does with messages before it looks at their command ([MS-SMB2] 3.3.5.2, 3.3.5.2.2,
3.3.5.2.6).
"""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check, other_than
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import LARGE_MTU, MULTI_CHANNEL, SMB3, SMB311
from smbtorture_py.wire.codec import HEADER_SIZE, Body
from smbtorture_py.wire.create import CreateRequest
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.session_setup import SessionSetupRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest
from smbtorture_py.wire.write import WriteRequest
from suites.negotiate import tampering
from suites.negotiate.bystanders import another_client

LIMIT_WITHOUT_BULK = 68 * 1024
HEADROOM = 256
FAR_AHEAD = 1 << 32
"""A MessageId that no server has granted after a handful of requests."""
ECHO_SIZE = HEADER_SIZE + EchoRequest.STRUCTURE_SIZE
UNDEFINED = {"0x0014": 0x0014, "0x8000": 0x8000, "0xFFFF": 0xFFFF}
PROTOCOL_IDS = {"zero": b"\0\0\0\0", "misspelt": b"\xfeSMC", "undefined": b"\xfbSMB"}
PRIORITIES = [HeaderFlags(0x10), HeaderFlags(0x70)]

COMMANDS: dict[str, type[Body]] = {
    "SESSION_SETUP": SessionSetupRequest,
    "LOGOFF": LogoffRequest,
    "TREE_CONNECT": TreeConnectRequest,
    "CREATE": CreateRequest,
    "ECHO": EchoRequest,
}


@case(
    "negotiate.unknown-protocol-id",
    requirements=["SMB2-3.3.5.2-01"],
    variants={"protocol_id": list(PROTOCOL_IDS), "negotiated": [False, True]},
)
def test_an_unknown_protocol_id_ends_the_connection(lab: Lab, protocol_id: str, negotiated: bool) -> None:
    """A message whose first four bytes are no protocol id of SMB ends the connection without an answer."""
    bystander = another_client(lab)
    connection = lab.connect() if negotiated else lab.open_connection()
    tamper = tampering.header(protocol_id=PROTOCOL_IDS[protocol_id])
    answer = connection.send(EchoRequest(), tamper=tamper)
    check(answer, specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.short-message",
    requirements=["SMB2-3.3.5.2.6-03"],
    variants={"length": [4, 32, HEADER_SIZE - 1]},
)
def test_a_message_shorter_than_a_header_ends_the_connection(lab: Lab, length: int) -> None:
    """A message that ends before its header does ends the connection without an answer."""
    bystander = another_client(lab)
    session = lab.logon()
    answer = session.send(EchoRequest(), tamper=tampering.cut(length))
    check(answer, specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.unknown-command",
    requirements=["SMB2-3.3.5.2.6-02"],
    variants={"command": list(UNDEFINED)},
)
def test_an_unknown_command_ends_the_connection(lab: Lab, command: str) -> None:
    """A command code that does not exist ends the connection without an answer."""
    bystander = another_client(lab)
    session = lab.logon()
    answer = session.connection.send(EchoRequest(), session=session, command=UNDEFINED[command])
    check(
        answer,
        specification=DISCONNECT,
        samba=Status.INVALID_PARAMETER,
        ksmbd=Status.INVALID_PARAMETER,
    )
    check.alive(bystander)


@case(
    "negotiate.unknown-command-on-channel",
    requirements=["SMB2-3.3.5.2.6-02"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_an_unknown_command_ends_one_channel_only(lab: Lab) -> None:
    """An unknown command ends the channel it comes on; the session lives on over the other one."""
    session = lab.logon()
    channel = session.add_channel()
    channel.ended_on_purpose = True
    answer = channel.send(EchoRequest(), session=session, command=UNDEFINED["0x0014"])
    check.alive(session)
    check(
        answer,
        specification=DISCONNECT,
        samba=Status.INVALID_PARAMETER,
        ksmbd=Status.INVALID_PARAMETER,
    )


@case(
    "negotiate.first-message",
    requirements=["SMB2-3.3.5.2.2-01"],
    variants={"command": list(COMMANDS)},
)
def test_the_first_message_has_to_be_negotiate(lab: Lab, command: str) -> None:
    """Any other command than NEGOTIATE as the first message of a connection ends it without an answer."""
    bystander = another_client(lab)
    answer = lab.open_connection().send(COMMANDS[command]())
    check(answer, specification=DISCONNECT, ksmbd=any_error())
    check.alive(bystander)


@case(
    "negotiate.first-message-id",
    requirements=["SMB2-3.3.5.1-01"],
)
def test_the_first_message_id_has_to_be_zero(lab: Lab) -> None:
    """A new connection takes MessageId 0 only: a NEGOTIATE with MessageId 1 is not served."""
    bystander = another_client(lab)
    answer = lab.open_connection().negotiate(tamper=tampering.header(message_id=1))
    check(answer, specification=other_than(Status.SUCCESS))
    check.alive(bystander)


@case(
    "negotiate.message-id-not-granted",
    requirements=["SMB2-3.3.5.2.3-02"],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
)
def test_a_message_id_that_was_not_granted(lab: Lab) -> None:
    """A MessageId that the server has not granted yet ends the connection, and no other."""
    bystander = another_client(lab)
    session = lab.logon()
    session.connection.may_be_lost = True
    session.echo().required()
    answer = session.send(EchoRequest(), tamper=tampering.header(message_id=FAR_AHEAD))
    check(answer, specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.long-command",
    requirements=["SMB2-3.3.5.2-05"],
    needs=[LARGE_MTU],
    variants={"length": [LIMIT_WITHOUT_BULK, LIMIT_WITHOUT_BULK + 1]},
)
def test_a_command_without_bulk_data_must_not_be_long(lab: Lab, length: int) -> None:
    """An ECHO of more than 68 KiB ends the connection; one of 68 KiB is malformed at most."""
    bystander = another_client(lab)
    answer = lab.logon().send(EchoRequest(), tamper=tampering.lengthen(length - ECHO_SIZE))
    if length > LIMIT_WITHOUT_BULK:
        check(answer, specification=DISCONNECT, samba=Status.SUCCESS, ksmbd=Status.INVALID_PARAMETER)
    else:
        check(answer, specification=Status.SUCCESS, permitted_malformed=Status.INVALID_PARAMETER)
    check.alive(bystander)


@case("negotiate.long-message", requirements=["SMB2-3.3.5.2-03"], needs=[LARGE_MTU])
def test_a_message_longer_than_every_maximum_ends_the_connection(lab: Lab) -> None:
    """A message longer than all three maximum sizes and 256 bytes ends the connection without an answer."""
    bystander = another_client(lab)
    tree = lab.logon().tree()
    core = tree.session.connection.core
    size = max(core.max_transact_size, core.max_read_size, core.max_write_size) + HEADROOM
    answer = tree.send(WriteRequest(data=bytes(size)), credit_charge=1)
    check(answer, specification=DISCONNECT, samba=any_error(), ksmbd=any_error())
    check.alive(bystander)


@case(
    "negotiate.long-message-without-multi-credit",
    requirements=["SMB2-3.3.5.2-04"],
    variants={"dialect": [Dialect.SMB_2_0_2]},
)
def test_a_long_message_without_multi_credit_ends_the_connection(lab: Lab) -> None:
    """On a connection without multi-credit a request of more than 68 KiB ends the connection."""
    bystander = another_client(lab)
    answer = lab.logon().send(EchoRequest(), tamper=tampering.lengthen(LIMIT_WITHOUT_BULK))
    check(answer, specification=DISCONNECT, samba=[Status.SUCCESS, Status.INVALID_PARAMETER])
    check.alive(bystander)


@case(
    "negotiate.body-structure-size",
    requirements=["SMB2-3.3.5.2.6-01"],
    variants={"command": list(COMMANDS), "difference": [-1, 1]},
)
def test_a_wrong_structure_size_is_refused(lab: Lab, command: str, difference: int) -> None:
    """A request whose body has another StructureSize than its command fails with INVALID_PARAMETER."""
    session = lab.logon()
    tree = session.tree()
    kind = COMMANDS[command]
    answer = session.connection.send(
        kind(),
        session=session,
        tree=tree if kind is CreateRequest else None,
        tamper=tampering.body(structure_size=kind.STRUCTURE_SIZE + difference),
    )
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    if answer.actual is not DISCONNECT:
        check.alive(session)


@case("negotiate.header-structure-size", requirements=["SMB2-3.3.5.2.6-04"])
def test_a_wrong_structure_size_of_the_header_is_refused(lab: Lab) -> None:
    """A request whose header says another StructureSize than 64 fails or ends the connection."""
    bystander = another_client(lab)
    answer = lab.logon().send(EchoRequest(), tamper=tampering.header(structure_size=HEADER_SIZE - 1))
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case("negotiate.response-flag-in-request", requirements=["SMB2-2.2.1-02"])
def test_a_request_that_says_it_is_a_response_is_not_processed(lab: Lab) -> None:
    """A request with SMB2_FLAGS_SERVER_TO_REDIR fails or ends the connection."""
    bystander = another_client(lab)
    answer = lab.logon().send(EchoRequest(), flags=HeaderFlags.SERVER_TO_REDIR)
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.ignored-header-fields",
    requirements=["SMB2-2.2.1-04", "SMB2-2.2.1-03", "SMB2-2.2.1-06"],
    variants=[
        {"field": "status", "value": 0x7FFF0000, "requirement": "SMB2-2.2.1-03"},
        {"field": "process_id", "value": 0x1234ABCD, "requirement": "SMB2-2.2.1-06"},
        {"field": "tree_id", "value": 0x55, "requirement": "SMB2-2.2.1-06"},
    ],
)
def test_reserved_fields_of_the_header_are_ignored(
    lab: Lab, field: str, value: int, requirement: str
) -> None:
    """Reserved fields of a request's header change nothing."""
    session = lab.logon()
    answer = session.connection.send(
        EchoRequest(), session=session, tamper=tampering.header(**{field: value})
    )
    check(answer, requirement=requirement, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "negotiate.status-in-2x-request",
    requirements=["SMB2-2.2.1-04"],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_the_status_field_of_a_2x_request_is_ignored(lab: Lab) -> None:
    """On 2.x connections the Status field of a request changes nothing."""
    session = lab.logon()
    answer = session.connection.send(
        EchoRequest(), session=session, tamper=tampering.header(status=Status.ACCESS_DENIED)
    )
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "negotiate.credit-charge-of-2.0.2",
    requirements=["SMB2-2.2.1-05"],
    variants={"dialect": [Dialect.SMB_2_0_2]},
)
def test_the_credit_charge_of_a_202_request_is_ignored(lab: Lab) -> None:
    """On 2.0.2, which has no multi-credit, a request with a CreditCharge uses one MessageId all the same."""
    session = lab.logon()
    answer = session.send(EchoRequest(), tamper=tampering.header(credit_charge=5))
    check(answer, specification=Status.SUCCESS)
    check(session.echo(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "negotiate.priority-flags",
    requirements=["SMB2-2.2.1-07"],
    needs=[SMB311],
    variants={"dialect": [Dialect.SMB_3_1_1], "priority": PRIORITIES},
)
def test_priority_flags_change_nothing(lab: Lab, priority: HeaderFlags) -> None:
    """On 3.1.1 the priority bits in the header's Flags are accepted."""
    session = lab.logon()
    answer = session.connection.send(EchoRequest(), session=session, flags=priority)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "header.command", requirement="SMB2-2.2.1-01", specification=Command.ECHO)
    check.alive(session)
