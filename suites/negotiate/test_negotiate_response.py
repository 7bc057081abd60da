"""The fields of a NEGOTIATE response, and which fields of the request must not matter ([MS-SMB2] 2.2.3,
2.2.4, 3.3.5.4).
"""

from smbtorture_py.auth.ntlm_messages import TokenError
from smbtorture_py.auth.spnego import NegTokenInit
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import at_least, check, has_flag, lacks_flag
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import (
    ENCRYPTION,
    MULTI_CHANNEL,
    SIGNING_REQUIRED,
    SMB2X,
    SMB3,
    SMB30X,
    Capability,
)
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.filetime import from_filetime
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect, NegotiateResponse, SecurityMode
from smbtorture_py.wire.status import Status
from suites.clientguid.guids import USES_ZERO
from suites.negotiate import tampering

ALL = [
    Dialect.SMB_2_0_2,
    Dialect.SMB_2_1,
    Dialect.SMB_3_0,
    Dialect.SMB_3_0_2,
    Dialect.SMB_3_1_1,
]
SMB_3 = [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
BELOW_3_1_1 = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2]
SMB_3_1_1 = Dialect.SMB_3_1_1

EVERYTHING = (
    Capabilities.DFS
    | Capabilities.LEASING
    | Capabilities.LARGE_MTU
    | Capabilities.MULTI_CHANNEL
    | Capabilities.PERSISTENT_HANDLES
    | Capabilities.DIRECTORY_LEASING
    | Capabilities.ENCRYPTION
    | Capabilities.NOTIFICATIONS
)
ONLY_3X = EVERYTHING & ~(Capabilities.DFS | Capabilities.LEASING | Capabilities.LARGE_MTU)
ON_REQUEST = {
    Capabilities.MULTI_CHANNEL: "SMB2-3.3.5.4-09",
    Capabilities.DIRECTORY_LEASING: "SMB2-3.3.5.4-11",
    Capabilities.PERSISTENT_HANDLES: "SMB2-3.3.5.4-12",
    Capabilities.ENCRYPTION: "SMB2-3.3.5.4-13",
    Capabilities.NOTIFICATIONS: "SMB2-3.3.5.4-16",
}
BUFFER_OFFSET = HEADER_SIZE + NegotiateResponse.STRUCTURE_SIZE - 1
LEAST_MAXIMUM = 65536
CLOCK_TOLERANCE = 300.0
A_MOMENT = 1.5
NO_GUID = bytes(16)


@case(
    "negotiate.response-header",
    requirements=["SMB2-2.2.1-01", "SMB2-2.2.1-08", "SMB2-3.3.5.4-21"],
    variants={"dialect": ALL},
)
def test_the_response_has_the_header_of_its_request(lab: Lab) -> None:
    """A NEGOTIATE response is marked as one, belongs to no session or tree, repeats MessageId and command,
    and its StructureSize is 65 whatever it holds.
    """
    answer = lab.open_connection().negotiate()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "header.flags", specification=HeaderFlags.SERVER_TO_REDIR)
    check.field(answer, "header.command", specification=Command.NEGOTIATE)
    check.field(answer, "header.message_id", specification=0)
    check.field(answer, "header.structure_size", specification=HEADER_SIZE)
    check.field(answer, "header.session_id", requirement="SMB2-2.2.1-08", specification=0)
    check.field(answer, "header.tree_id", requirement="SMB2-2.2.1-08", specification=0)
    size = NegotiateResponse.STRUCTURE_SIZE
    check.field(answer, "structure_size", requirement="SMB2-3.3.5.4-21", specification=size)


@case(
    "negotiate.credits",
    requirements=["SMB2-3.3.5.4-23"],
    variants={"requested": [0, 1, 0xFFFF]},
)
def test_a_negotiated_client_has_a_credit(lab: Lab, requested: int) -> None:
    """Whatever number of credits a NEGOTIATE asks for, it is granted one at least, and can log on."""
    connection = lab.open_connection()
    answer = connection.negotiate(tamper=tampering.header(credits=requested))
    # The client core notices that no credit is left, which is what is judged here.
    connection.tolerate(Rule.CREDITS)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "header.credits", specification=at_least(1))
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.security-mode",
    requirements=["SMB2-3.3.5.4-06", "SMB2-2.2.3-01"],
    variants={"mode": [0, 1, 2, 3]},
)
def test_the_security_mode_is_the_servers_own(lab: Lab, mode: int) -> None:
    """Whatever the client's SecurityMode, the answer has SIGNING_ENABLED, and SIGNING_REQUIRED where the
    server requires signatures.
    """
    required = Capability.SIGNING_OPTIONAL not in lab.target.capabilities
    expected = SecurityMode.SIGNING_ENABLED | SecurityMode(SecurityMode.SIGNING_REQUIRED if required else 0)
    answer = lab.open_connection().negotiate(security_mode=SecurityMode(mode))
    enabled = SecurityMode.SIGNING_ENABLED in SecurityMode(mode)
    check(
        answer,
        requirement="SMB2-3.3.5.4-06" if enabled else "SMB2-2.2.3-01",
        specification=Status.SUCCESS,
    )
    check.field(answer, "security_mode", specification=expected)


@case(
    "negotiate.signing-required",
    requirements=["SMB2-3.3.5.4-06"],
    needs=[SIGNING_REQUIRED],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": ALL},
    answers=["smbtorture:session-require-signing.bug15397"],
)
def test_a_server_that_requires_signing_says_so(lab: Lab) -> None:
    """Where the server requires signatures, SecurityMode has SIGNING_REQUIRED beside SIGNING_ENABLED."""
    lab.require_signing()
    answer = lab.open_connection().negotiate(security_mode=SecurityMode.SIGNING_ENABLED)
    check(answer, specification=Status.SUCCESS)
    both = SecurityMode.SIGNING_ENABLED | SecurityMode.SIGNING_REQUIRED
    check.field(answer, "security_mode", specification=both)


@case(
    "negotiate.server-guid",
    requirements=["SMB2-3.3.5.4-07", "SMB2-3.3.5.4-59"],
    answers=["smbtorture:hole.different-client-guids"],
)
def test_the_server_guid_is_the_servers(lab: Lab) -> None:
    """Every connection is told one ServerGuid: on each address, with each dialect and from other clients."""
    guids: set[bytes] = set()
    for address in lab.addresses:
        for dialects in (ALL, [Dialect.SMB_2_0_2], [Dialect.SMB_3_0]):
            connection = lab.open_connection(address)
            answer = connection.negotiate(dialects=dialects, client_guid=lab.entropy(16))
            if answer.actual is Status.SUCCESS:
                guids.add(bytes(connection.core.server_guid))
    check.that(lab.connections[0], "different ServerGuids", len(guids), specification=1)
    check.that(
        lab.connections[0],
        "ServerGuid is zero",
        NO_GUID in guids,
        requirement="SMB2-3.3.5.4-59",
        specification=False,
        ksmbd=True,
    )


@case(
    "negotiate.large-mtu",
    requirements=["SMB2-3.3.5.4-08"],
    variants={"dialect": ALL, "asked": [True, False]},
)
def test_multi_credit_follows_from_the_dialect(lab: Lab, dialect: Dialect, asked: bool) -> None:
    """LARGE_MTU is in the answer from 2.1 on, and not on 2.0.2, whether the client has set it or not."""
    capabilities = Capabilities.LARGE_MTU if asked else Capabilities.NONE
    answer = lab.open_connection().negotiate(capabilities=capabilities)
    check(answer, specification=Status.SUCCESS)
    expected = lacks_flag if dialect == Dialect.SMB_2_0_2 else has_flag
    check.field(answer, "capabilities", specification=expected(Capabilities.LARGE_MTU))


@case(
    "negotiate.capability-not-asked",
    requirements=list(ON_REQUEST.values()),
    needs=[SMB3],
    variants={"capability": list(ON_REQUEST), "dialect": [Dialect.SMB_3_0, Dialect.SMB_3_1_1]},
)
def test_a_capability_is_not_given_unasked(lab: Lab, capability: Capabilities) -> None:
    """A capability that the client has not set, while it has set all others, is not in the answer."""
    answer = lab.open_connection().negotiate(capabilities=EVERYTHING & ~capability)
    check(answer, specification=Status.SUCCESS)
    check.field(
        answer,
        "capabilities",
        requirement=ON_REQUEST[capability],
        specification=lacks_flag(capability),
        ksmbd=has_flag(capability),
    )


@case(
    "negotiate.multi-channel",
    requirements=["SMB2-3.3.5.4-10"],
    needs=[MULTI_CHANNEL],
    variants={"dialect": SMB_3},
)
def test_multi_channel_is_given_when_asked(lab: Lab) -> None:
    """A multichannel server tells a client that asks for nothing else that it is one, on every dialect of
    SMB 3.
    """
    answer = lab.open_connection().negotiate(capabilities=Capabilities.MULTI_CHANNEL)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "capabilities", specification=has_flag(Capabilities.MULTI_CHANNEL))


@case(
    "negotiate.encryption-capability",
    requirements=["SMB2-3.3.5.4-13"],
    needs=[SMB30X, ENCRYPTION],
    variants={"dialect": [Dialect.SMB_3_0, Dialect.SMB_3_0_2]},
    answers=["ms:hole.slip-encryption-capability"],
)
def test_encryption_is_given_when_asked(lab: Lab) -> None:
    """On 3.0 and 3.0.2 the answer has CAP_ENCRYPTION when the client set it."""
    answer = lab.open_connection().negotiate(capabilities=Capabilities.ENCRYPTION)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "capabilities", specification=has_flag(Capabilities.ENCRYPTION))


@case(
    "negotiate.encryption-capability-of-3.1.1",
    requirements=["SMB2-3.3.5.4-14"],
    variants={"dialect": [SMB_3_1_1]},
)
def test_encryption_is_no_capability_of_311(lab: Lab) -> None:
    """On 3.1.1 a cipher is agreed by context: CAP_ENCRYPTION, also when the client sets it, is not
    answered.
    """
    answer = lab.open_connection().negotiate(capabilities=EVERYTHING)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "capabilities", specification=lacks_flag(Capabilities.ENCRYPTION))


@case(
    "negotiate.capabilities-of-2x",
    requirements=["SMB2-3.3.5.4-15", "SMB2-3.3.5.4-60"],
    needs=[SMB2X],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_2x_has_no_capabilities_of_3x(lab: Lab, dialect: Dialect) -> None:
    """A client that sets every capability and negotiates 2.x is given none of SMB 3, and on 2.0.2 no leases
    and no multi-credit either.
    """
    answer = lab.open_connection().negotiate(capabilities=EVERYTHING)
    check(answer, specification=Status.SUCCESS)
    for capability in ONLY_3X:
        check.field(answer, "capabilities", specification=lacks_flag(capability))
    if dialect == Dialect.SMB_2_0_2:
        later = Capabilities.LEASING | Capabilities.LARGE_MTU
        check.field(answer, "capabilities", requirement="SMB2-3.3.5.4-60", specification=lacks_flag(later))


@case(
    "negotiate.notifications-before-3.1.1",
    requirements=["SMB2-3.3.5.4-16"],
    needs=[SMB30X],
    variants={"dialect": [Dialect.SMB_3_0, Dialect.SMB_3_0_2]},
)
def test_notifications_need_311(lab: Lab) -> None:
    """A client that asks for notifications on 3.0 and 3.0.2 is not given them."""
    answer = lab.open_connection().negotiate(capabilities=EVERYTHING)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "capabilities", specification=lacks_flag(Capabilities.NOTIFICATIONS))


@case("negotiate.maximum-sizes", requirements=["SMB2-3.3.5.4-17"], variants={"dialect": ALL})
def test_the_maximum_sizes_are_not_small(lab: Lab) -> None:
    """MaxTransactSize, MaxReadSize and MaxWriteSize are 65536 at least."""
    connection = lab.open_connection()
    answer = connection.negotiate()
    # The client core finds small sizes odd; here they are judged.
    connection.tolerate(Rule.NEGOTIATE)
    check(answer, specification=Status.SUCCESS)
    for name in ("max_transact_size", "max_read_size", "max_write_size"):
        check.field(answer, name, specification=at_least(LEAST_MAXIMUM), small=at_least(0))


@case("negotiate.system-time", requirements=["SMB2-3.3.5.4-19"])
def test_the_system_time_is_now(lab: Lab) -> None:
    """SystemTime is the server's time: near the client's, and it goes on."""
    times: list[float] = []
    for _ in range(2):
        answer = lab.open_connection().negotiate()
        check(answer, specification=Status.SUCCESS)
        times.append(from_filetime(answer.body(NegotiateResponse).system_time))
        near = abs(times[-1] - lab.now) <= CLOCK_TOLERANCE
        check.that(answer, "the clocks agree within five minutes", near, specification=True)
        lab.pause(A_MOMENT)
    passed = times[1] - times[0]
    check.that(lab.connections[0], "the time has moved on", passed > 1.0, specification=True)


@case("negotiate.server-start-time", requirements=["SMB2-3.3.5.4-18"], variants={"dialect": ALL})
def test_the_start_time_is_not_told(lab: Lab) -> None:
    """ServerStartTime is zero."""
    answer = lab.open_connection().negotiate()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "server_start_time", specification=0, windows_2016=at_least(1))


@case("negotiate.security-buffer", requirements=["SMB2-3.3.5.4-20"], variants={"dialect": ALL})
def test_the_security_buffer_is_a_spnego_token(lab: Lab) -> None:
    """The buffer starts behind the fixed part, and is empty or a NegTokenInit2 that names mechanisms."""
    answer = lab.open_connection().negotiate()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "security_buffer_offset", specification=BUFFER_OFFSET)
    token = bytes(answer.body(NegotiateResponse).security_buffer)
    check.that(
        answer,
        "mechanisms of the token",
        _mechanisms(token) if token else None,
        specification=at_least(1),
        permitted_client_initiated=None,
    )


@case(
    "negotiate.contexts-of-older-dialects",
    requirements=["SMB2-3.3.5.4-22", "SMB2-3.3.5.4-58"],
    variants={"dialect": BELOW_3_1_1},
)
def test_older_dialects_have_no_contexts(lab: Lab) -> None:
    """Where the dialect is not 3.1.1, NegotiateContextOffset and NegotiateContextCount are zero."""
    answer = lab.open_connection().negotiate()
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "negotiate_context_offset", specification=0)
    check.field(
        answer,
        "negotiate_context_count",
        requirement="SMB2-3.3.5.4-58",
        specification=0,
        windows=at_least(1),
    )


@case("negotiate.reserved", requirements=["SMB2-2.2.3-02"])
def test_the_reserved_field_is_ignored(lab: Lab) -> None:
    """A Reserved field that is not zero changes nothing."""
    answer = lab.open_connection().negotiate(tamper=tampering.body(reserved=0xFFFF))
    check(answer, specification=Status.SUCCESS, windows=Status.NOT_SUPPORTED)


@case(
    "negotiate.client-start-time",
    requirements=["SMB2-2.2.3-03"],
    variants={"dialect": BELOW_3_1_1, "value": ["small", "large"]},
)
def test_the_client_start_time_is_ignored(lab: Lab, value: str) -> None:
    """Without 3.1.1 in the offer, the bytes of ClientStartTime are no list of contexts, whatever they are."""
    values = {"small": 0x0000_0001_0000_0068, "large": 0xFFFF_FFFF_FFFF_FFFF}
    answer = lab.open_connection().negotiate(tamper=tampering.body(client_start_time=values[value]))
    check(answer, specification=Status.SUCCESS)


@case("negotiate.reserved2", requirements=["SMB2-2.2.3-04"], variants={"dialect": [SMB_3_1_1]})
def test_the_second_reserved_field_is_ignored(lab: Lab) -> None:
    """A Reserved2 field that is not zero changes nothing for 3.1.1."""
    connection = lab.open_connection()
    check(connection.negotiate(tamper=tampering.body(reserved2=0xFFFF)), specification=Status.SUCCESS)
    check.alive(lab.logon(connection=connection))


@case(
    "negotiate.client-guid-zero",
    requirements=["SMB2-2.2.3-05"],
    variants={"dialect": [SMB_3_1_1]},
    answers=["smbtorture:hole.client-guid-zero"],
    takes_turns=USES_ZERO,
)
def test_a_client_guid_of_zeros(lab: Lab) -> None:
    """A ClientGuid of all zeros, which no rule forbids, is accepted."""
    answer = lab.open_connection().negotiate(client_guid=NO_GUID)
    check(answer, specification=Status.SUCCESS)


def _mechanisms(token: bytes) -> int:
    """Return how many mechanisms a NegTokenInit2 names; 0 where the token is none."""
    try:
        return len(NegTokenInit.decode(token).mech_types)
    except TokenError:
        return 0
