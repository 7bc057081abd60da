"""Which dialect a server chooses, and when it refuses to ([MS-SMB2] 3.3.5.4)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, NO_ANSWER, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import BY_DIALECT, MULTI_CHANNEL, SMB2_1, SMB3
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.negotiate import tampering
from suites.negotiate.bystanders import another_client

ALL = [
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
]
UNKNOWN = 0x0250
MORE_THAN_WINDOWS_TAKES = 65


@case("negotiate.single-dialect", requirements=["SMB2-3.3.5.4-04"], variants={"dialect": ALL})
def test_a_single_dialect_is_chosen(lab: Lab, dialect: Dialect) -> None:
    """A NEGOTIATE that offers one dialect the server has is answered with that dialect."""
    answer = lab.open_connection().negotiate(dialects=[dialect])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=dialect)


@case("negotiate.highest-dialect", requirements=["SMB2-3.3.5.4-04"], needs=[SMB2_1, SMB3])
def test_the_highest_common_dialect_is_chosen(lab: Lab) -> None:
    """Whatever the order, and with duplicates and unknown values among them, the highest common dialect is
    chosen.
    """
    highest = max(one for one in ALL if BY_DIALECT[one].met_by(lab.target.capabilities))
    odd = [Dialect.SMB_2_1, highest, UNKNOWN, Dialect.SMB_2_0_2, highest, Dialect.SMB_2_1]
    answer = lab.open_connection().negotiate(dialects=odd)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=highest)


@case("negotiate.no-common-dialect", requirements=["SMB2-3.3.5.4-03"])
def test_no_common_dialect_is_refused(lab: Lab) -> None:
    """A NEGOTIATE without a dialect the server knows is refused, and the connection can still negotiate."""
    connection = lab.open_connection()
    answer = connection.negotiate(dialects=[UNKNOWN])
    check(answer, specification=Status.NOT_SUPPORTED, ksmbd=Status.INSUFFICIENT_RESOURCES)
    check(connection.negotiate(), specification=Status.SUCCESS)


@case("negotiate.error-response", requirements=["SMB2-2.2.2-01", "SMB2-2.2.2-02", "SMB2-3.3.4.4-01"])
def test_a_refused_negotiate_has_a_whole_error_response(lab: Lab) -> None:
    """The answer to a NEGOTIATE that fails is an ERROR response: empty, with the request's ids, and with a
    credit to try again.
    """
    answer = lab.open_connection().negotiate(dialects=[UNKNOWN]).required(Status.NOT_SUPPORTED)
    check.field(answer, "structure_size", specification=ErrorResponse.STRUCTURE_SIZE)
    check.field(answer, "reserved", specification=0)
    check.field(answer, "byte_count", specification=0)
    check.field(answer, "error_context_count", requirement="SMB2-2.2.2-02", specification=0)
    header = "SMB2-3.3.4.4-01"
    check.field(answer, "header.command", requirement=header, specification=Command.NEGOTIATE)
    check.field(answer, "header.flags", requirement=header, specification=HeaderFlags.SERVER_TO_REDIR)
    check.field(answer, "header.next_command", requirement=header, specification=0)
    check.field(answer, "header.session_id", requirement=header, specification=0)
    check.field(answer, "header.credits", requirement=header, specification=lambda granted: granted > 0)


@case("negotiate.wildcard-alone", requirements=["SMB2-3.3.5.4-05"])
def test_the_wildcard_is_no_dialect(lab: Lab) -> None:
    """0x02FF, which only answers SMB1 clients, is not a common dialect when an SMB2 NEGOTIATE offers it."""
    answer = lab.open_connection().negotiate(dialects=[Dialect.WILDCARD])
    check(
        answer,
        specification=Status.NOT_SUPPORTED,
        samba=Status.SUCCESS,
        ksmbd=Status.INSUFFICIENT_RESOURCES,
    )


@case(
    "negotiate.wildcard-among-others",
    requirements=["SMB2-3.3.5.4-05"],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
)
def test_the_wildcard_is_never_chosen(lab: Lab, dialect: Dialect) -> None:
    """0x02FF among the dialects changes nothing, also where it is the greatest number of them."""
    answer = lab.open_connection().negotiate(dialects=[Dialect.WILDCARD, dialect])
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=dialect)


@case("negotiate.no-dialects", requirements=["SMB2-3.3.5.4-02"])
def test_no_dialects_are_refused(lab: Lab) -> None:
    """A NEGOTIATE with DialectCount 0 fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    answer = lab.open_connection().negotiate(dialects=[])
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.INSUFFICIENT_RESOURCES)
    check.alive(bystander)


@case(
    "negotiate.dialect-count-too-large",
    requirements=["SMB2-2.2.3-06"],
    variants={"count": [2, 100, 0xFFFF]},
)
def test_more_dialects_than_there_are_is_malformed(lab: Lab, count: int) -> None:
    """A DialectCount that reaches beyond the end of the message fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    answer = lab.open_connection().negotiate(
        dialects=[Dialect.SMB_2_0_2], tamper=tampering.body(dialect_count=count)
    )
    check(
        answer,
        specification=Status.INVALID_PARAMETER,
        permitted_disconnect=DISCONNECT,
        ksmbd=Status.INSUFFICIENT_RESOURCES,
    )
    check.alive(bystander)


@case("negotiate.dialect-count-rules", requirements=["SMB2-2.2.3-08"], needs=[SMB2_1])
def test_only_counted_dialects_are_offered(lab: Lab) -> None:
    """Values behind the DialectCount are not offered: with a count of one the second is not chosen."""
    connection = lab.open_connection()
    answer = connection.negotiate(
        dialects=[Dialect.SMB_2_0_2, Dialect.SMB_2_1], tamper=tampering.body(dialect_count=1)
    )
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "dialect_revision", specification=Dialect.SMB_2_0_2)


@case("negotiate.many-dialects", requirements=["SMB2-2.2.3-07"], needs=[SMB2_1])
def test_many_dialects_are_looked_through(lab: Lab) -> None:
    """A list of more than 64 dialects has no limit in the text; the common one stands at its end."""
    unknown = [UNKNOWN] * (MORE_THAN_WINDOWS_TAKES - 1)
    answer = lab.open_connection().negotiate(dialects=[*unknown, Dialect.SMB_2_1])
    check(answer, specification=Status.SUCCESS, windows=Status.INVALID_PARAMETER)


@case("negotiate.signed", requirements=["SMB2-3.3.5.2.4-01"])
def test_a_signed_negotiate_is_refused(lab: Lab) -> None:
    """A NEGOTIATE with SMB2_FLAGS_SIGNED fails with INVALID_PARAMETER."""
    bystander = another_client(lab)
    answer = lab.open_connection().negotiate(tamper=tampering.header(flags=HeaderFlags.SIGNED))
    check(answer, specification=Status.INVALID_PARAMETER, ksmbd=Status.SUCCESS)
    check.alive(bystander)


@case("negotiate.second", requirements=["SMB2-3.3.5.4-01"], variants={"dialect": ALL})
def test_a_second_negotiate_ends_the_connection(lab: Lab) -> None:
    """A NEGOTIATE on a connection that has a dialect ends it without an answer."""
    bystander = another_client(lab)
    answer = lab.connect().negotiate()
    check(answer, specification=DISCONNECT, ksmbd=NO_ANSWER)
    check.alive(bystander)


@case(
    "negotiate.second-on-channel",
    requirements=["SMB2-3.3.5.4-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"channel": ["first", "second"]},
)
def test_a_second_negotiate_ends_one_channel_only(lab: Lab, channel: str) -> None:
    """A second NEGOTIATE on one of two channels ends that one; session and open live on over the other."""
    session = lab.logon()
    session.add_channel()
    open_file = session.tree().open()
    victim = session.channels[0 if channel == "first" else 1]
    victim.ended_on_purpose = True
    check(victim.negotiate(), specification=DISCONNECT, ksmbd=NO_ANSWER)
    survivor = session.must_be_alive[0]
    check(open_file.write(b"still here", on=survivor), specification=Status.SUCCESS)
    check.alive(session)
