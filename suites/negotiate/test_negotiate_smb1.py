"""Starting with SMB1: SMB_COM_NEGOTIATE that offers SMB2 ([MS-SMB2] 3.3.5.3)."""

from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import (
    DISCONNECT,
    NO_ANSWER,
    at_least,
    check,
    has_flag,
    lacks_flag,
    other_than,
)
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import SMB1_NEGOTIATE, SMB2_0_2, SMB2_1, SMB311
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.header import Command
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateResponse, SecurityMode
from smbtorture_py.wire.session_setup import SessionSetupRequest
from smbtorture_py.wire.smb1 import (
    DIALECT_NT_LM,
    DIALECT_SMB_2_002,
    DIALECT_SMB_2_WILDCARD,
    Smb1NegotiateRequest,
)
from smbtorture_py.wire.status import Status
from suites.negotiate import tampering
from suites.negotiate.bystanders import another_client

SMB_COM_ECHO = 0x2B
ONLY_WITH_SMB2 = (
    Capabilities.MULTI_CHANNEL
    | Capabilities.PERSISTENT_HANDLES
    | Capabilities.DIRECTORY_LEASING
    | Capabilities.ENCRYPTION
    | Capabilities.NOTIFICATIONS
)
LEAST_MAXIMUM = 65536
LISTS = {
    "wildcard": [DIALECT_SMB_2_WILDCARD],
    "both": [DIALECT_SMB_2_002, DIALECT_SMB_2_WILDCARD],
    "all": [DIALECT_NT_LM, DIALECT_SMB_2_WILDCARD, DIALECT_SMB_2_002],
}


def offering(*dialects: str) -> Smb1NegotiateRequest:
    """Return an SMB_COM_NEGOTIATE with these dialect strings."""
    return Smb1NegotiateRequest(dialects=list(dialects))


@case(
    "negotiate.smb1-wildcard",
    requirements=["SMB2-3.3.5.3.1-01", "SMB2-3.3.5.3.1-02"],
    needs=[SMB1_NEGOTIATE, SMB2_1],
    variants={"dialects": list(LISTS)},
)
def test_the_wildcard_string_is_answered_with_the_wildcard(lab: Lab, dialects: str) -> None:
    """An SMB_COM_NEGOTIATE with «SMB 2.???», also beside «SMB 2.002», is answered with 0x02FF, and an SMB2
    NEGOTIATE follows.
    """
    requirement = "SMB2-3.3.5.3.1-02" if dialects == "both" else "SMB2-3.3.5.3.1-01"
    connection = lab.open_connection()
    answer = connection.smb1_negotiate(offering(*LISTS[dialects]))
    check(answer, requirement=requirement, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", requirement=requirement, specification=Dialect.WILDCARD)
    check.field(answer, "header.message_id", specification=0)
    check.field(answer, "header.command", specification=Command.NEGOTIATE)
    check(connection.negotiate(), specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.smb1-wildcard-response",
    requirements=["SMB2-3.3.5.3.1-03", "SMB2-3.3.5.3.1-04", "SMB2-3.3.5.3.1-05", "SMB2-3.3.5.3.1-06"],
    needs=[SMB1_NEGOTIATE, SMB2_1],
)
def test_the_wildcard_response_promises_little(lab: Lab) -> None:
    """The answer with 0x02FF has the server's guid and security mode, no capability of SMB 3, ordinary sizes
    and no start time.
    """
    connection = lab.open_connection()
    answer = connection.smb1_negotiate(offering(DIALECT_SMB_2_WILDCARD))
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "security_mode", specification=has_flag(SecurityMode.SIGNING_ENABLED))
    check.field(
        answer,
        "capabilities",
        requirement="SMB2-3.3.5.3.1-04",
        specification=lacks_flag(ONLY_WITH_SMB2),
        ksmbd=at_least(0),
    )
    check.field(
        answer,
        "capabilities",
        requirement="SMB2-3.3.5.3.1-04",
        specification=has_flag(Capabilities.LARGE_MTU),
        permitted_other_transport=lacks_flag(Capabilities.LARGE_MTU),
    )
    for name in ("max_transact_size", "max_read_size", "max_write_size"):
        check.field(
            answer,
            name,
            requirement="SMB2-3.3.5.3.1-05",
            specification=at_least(LEAST_MAXIMUM),
            small=at_least(0),
        )
    check.field(
        answer,
        "server_start_time",
        requirement="SMB2-3.3.5.3.1-06",
        specification=0,
        windows_2016=at_least(1),
    )
    first = answer.body(NegotiateResponse)
    second = connection.negotiate().body(NegotiateResponse)
    same = bytes(first.server_guid) == bytes(second.server_guid)
    check.that(answer, "ServerGuid of both answers is one", same, specification=True)
    check.that(
        answer,
        "SecurityMode of both answers is one",
        first.security_mode == second.security_mode,
        specification=True,
    )


@case("negotiate.smb1-2.0.2", requirements=["SMB2-3.3.5.3.2-01"], needs=[SMB1_NEGOTIATE, SMB2_0_2])
def test_the_string_of_202_chooses_202(lab: Lab) -> None:
    """An SMB_COM_NEGOTIATE with «SMB 2.002» alone is answered with 2.0.2, which is final: a session can be
    set up, and a further NEGOTIATE ends the connection.
    """
    bystander = another_client(lab)
    connection = lab.open_connection()
    answer = connection.negotiate(smb1_dialects=[DIALECT_NT_LM, DIALECT_SMB_2_002])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=Dialect.SMB_2_0_2)
    session = lab.logon(connection=connection)
    check.alive(session)
    check(connection.negotiate(), specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.smb1-2.0.2-response",
    requirements=["SMB2-3.3.5.3.2-03"],
    needs=[SMB1_NEGOTIATE, SMB2_0_2],
)
def test_202_by_smb1_has_no_capabilities(lab: Lab) -> None:
    """The answer with 2.0.2 to an SMB_COM_NEGOTIATE has no capability but DFS."""
    answer = lab.open_connection().smb1_negotiate(offering(DIALECT_SMB_2_002))
    check(answer, specification=Status.SUCCESS)
    others = ONLY_WITH_SMB2 | Capabilities.LEASING | Capabilities.LARGE_MTU
    check.field(answer, "capabilities", specification=lacks_flag(others))


@case("negotiate.smb1-no-smb2", requirements=["SMB2-3.3.5.3.2-02"], needs=[SMB1_NEGOTIATE])
def test_smb1_alone_is_no_way_in(lab: Lab) -> None:
    """An SMB_COM_NEGOTIATE without a string of SMB2 ends the connection of a server that has no SMB1."""
    bystander = another_client(lab)
    connection = lab.open_connection()
    answer = connection.smb1_negotiate(offering(DIALECT_NT_LM))
    # A server that has SMB1 too answers in SMB1, which the client core does not speak.
    connection.tolerate(Rule.PROTOCOL_ID)
    in_smb1 = any(one.rule is Rule.PROTOCOL_ID for one in connection.core.violations)
    check(answer, specification=DISCONNECT, permitted_smb1=NO_ANSWER if in_smb1 else ())
    check.alive(bystander)


@case(
    "negotiate.smb1-again",
    requirements=["SMB2-3.3.5.3-01"],
    needs=[SMB1_NEGOTIATE, SMB2_1],
    variants={"after": ["wildcard", "2.0.2", "negotiate", "session"]},
)
def test_smb1_comes_first_or_not_at_all(lab: Lab, after: str) -> None:
    """An SMB_COM_NEGOTIATE after any NEGOTIATE, SMB1 or SMB2, ends the connection without an answer."""
    bystander = another_client(lab)
    connection = lab.open_connection()
    if after in ("wildcard", "2.0.2"):
        string = DIALECT_SMB_2_WILDCARD if after == "wildcard" else DIALECT_SMB_2_002
        connection.smb1_negotiate(offering(string)).required()
    else:
        connection.negotiate().required()
    if after == "session":
        lab.logon(connection=connection)
    check(connection.smb1_negotiate(offering(DIALECT_SMB_2_WILDCARD)), specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.smb1-other-command",
    requirements=["SMB2-3.3.5.2-02"],
    variants={"negotiated": [False, True]},
)
def test_smb1_has_no_other_command(lab: Lab, negotiated: bool) -> None:
    """An SMB1 message that is no SMB_COM_NEGOTIATE ends the connection, also when it carries the strings of
    one.
    """
    bystander = another_client(lab)
    connection = lab.connect() if negotiated else lab.open_connection()
    request = Smb1NegotiateRequest(command=SMB_COM_ECHO, dialects=[DIALECT_SMB_2_WILDCARD])
    check(connection.smb1_negotiate(request), specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.smb1-then-other-command",
    requirements=["SMB2-3.3.5.2.2-01"],
    needs=[SMB1_NEGOTIATE, SMB2_1],
    variants={"command": ["ECHO", "SESSION_SETUP"]},
)
def test_the_wildcard_is_followed_by_negotiate(lab: Lab, command: str) -> None:
    """After the answer with 0x02FF any other command than NEGOTIATE ends the connection."""
    bystander = another_client(lab)
    connection = lab.open_connection()
    connection.smb1_negotiate(offering(DIALECT_SMB_2_WILDCARD)).required()
    body = EchoRequest() if command == "ECHO" else SessionSetupRequest()
    check(connection.send(body), specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.smb1-message-id",
    requirements=["SMB2-3.3.5.3.1-07", "SMB2-3.3.5.2.3-01"],
    needs=[SMB1_NEGOTIATE, SMB2_1],
)
def test_smb1_uses_up_the_first_message_id(lab: Lab) -> None:
    """SMB_COM_NEGOTIATE counts as MessageId 0: the NEGOTIATE that follows is taken with MessageId 1, and not
    with 0.
    """
    bystander = another_client(lab)
    connection = lab.open_connection()
    connection.smb1_negotiate(offering(DIALECT_SMB_2_WILDCARD)).required()
    check(connection.negotiate(), specification=Status.SUCCESS)
    other = lab.open_connection()
    other.smb1_negotiate(offering(DIALECT_SMB_2_WILDCARD)).required()
    answer = other.negotiate(tamper=tampering.header(message_id=0))
    check(answer, specification=other_than(Status.SUCCESS))
    check(answer, requirement="SMB2-3.3.5.2.3-01", specification=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.smb1-hash",
    requirements=["SMB2-3.3.5.4-57"],
    needs=[SMB1_NEGOTIATE, SMB311],
    variants={"dialect": [Dialect.SMB_3_1_1]},
)
def test_smb1_does_not_count_for_the_hash(lab: Lab) -> None:
    """After SMB_COM_NEGOTIATE only the SMB2 NEGOTIATE and its response are hashed."""
    connection = lab.open_connection()
    answer = connection.negotiate(smb1_dialects=[DIALECT_NT_LM, DIALECT_SMB_2_WILDCARD])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=Dialect.SMB_3_1_1)
    check.alive(lab.logon(connection=connection))
