"""FSCTL_VALIDATE_NEGOTIATE_INFO: a client makes sure that nobody changed its NEGOTIATE ([MS-SMB2]
3.3.5.15.12).
"""

from dataclasses import replace

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB1_NEGOTIATE, SMB30X, SMB311
from smbtorture_py.wire.codec import FILE_ID_ANY, FileId
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.smb1 import DIALECT_SMB_2_WILDCARD
from smbtorture_py.wire.status import Status
from suites.negotiate.bystanders import another_client
from suites.negotiate.validations import OUTPUT_SIZE, said, validate

SMB_3_0X = [Dialect.SMB_3_0, Dialect.SMB_3_0_2]
UP_TO_3_0_2 = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2]
UNKNOWN = 0x0250
SOME_FILE = FileId(1, 1)

FIELDS = {
    "guid": "SMB2-3.3.5.15.12-05",
    "security_mode": "SMB2-3.3.5.15.12-06",
    "capabilities": "SMB2-3.3.5.15.12-07",
}
OTHER_DIALECTS: dict[str, tuple[list[int], str]] = {
    # The greatest common dialect stays: only a server with 3.1.1 is asked to compare the whole array.
    "reversed": ([*reversed(UP_TO_3_0_2)], "SMB2-3.3.5.15.12-03"),
    "more": ([*UP_TO_3_0_2, UNKNOWN], "SMB2-3.3.5.15.12-03"),
    "fewer": ([*UP_TO_3_0_2[1:]], "SMB2-3.3.5.15.12-03"),
    # The greatest common dialect is another one, or there is none.
    "lower": ([*UP_TO_3_0_2[:-1]], "SMB2-3.3.5.15.12-04"),
    "higher": ([*UP_TO_3_0_2, Dialect.SMB_3_1_1], "SMB2-3.3.5.15.12-04"),
    "unknown": ([UNKNOWN], "SMB2-3.3.5.15.12-04"),
    "none": ([], "SMB2-3.3.5.15.12-04"),
}


@case(
    "negotiate.validate",
    requirements=["SMB2-3.3.5.15.12-08"],
    needs=[SMB30X],
    variants=[{"dialect": Dialect.SMB_3_0}, {"dialect": Dialect.SMB_3_0_2}, {"dialects": "all"}],
)
def test_a_right_validation_repeats_the_negotiation(lab: Lab) -> None:
    """What the client said is confirmed by what the server said: capabilities, guid, security mode and
    dialect of its NEGOTIATE response.
    """
    one_dialect = "dialect" in lab.variant.parameters
    session = lab.logon(offer={} if one_dialect else {"dialects": UP_TO_3_0_2})
    core = session.connection.core
    answer = validate(session)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "ctl_code", specification=FsctlCode.VALIDATE_NEGOTIATE_INFO)
    check.field(answer, "flags", specification=0)
    any_file = answer.body(IoctlResponse).file_id == FILE_ID_ANY
    check.that(answer, "FileId is all ones", any_file, specification=True)
    check.that(answer, "OutputCount", len(answer.data), specification=OUTPUT_SIZE)
    found = ValidateNegotiateInfoResponse.decode(answer.data, [])
    check.that(answer, "Capabilities", found.capabilities, specification=int(core.server_capabilities))
    check.that(answer, "Guid is ServerGuid", found.guid == core.server_guid, specification=True)
    check.that(answer, "SecurityMode", found.security_mode, specification=int(core.server_security_mode))
    check.that(answer, "Dialect", found.dialect, specification=core.dialect)
    check.alive(session)


@case(
    "negotiate.validate-field",
    requirements=list(FIELDS.values()),
    needs=[SMB30X],
    variants={"field": list(FIELDS), "dialect": SMB_3_0X},
)
def test_a_changed_field_ends_the_connection(lab: Lab, field: str) -> None:
    """A Guid, SecurityMode or Capabilities other than the NEGOTIATE's ends the connection."""
    bystander = another_client(lab)
    session = lab.logon()
    check(validate(session), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    right = said(session.connection)
    changed = {
        "guid": replace(right, guid=bytes([right.guid[0] ^ 1]) + right.guid[1:]),
        "security_mode": replace(right, security_mode=right.security_mode ^ SecurityMode.SIGNING_REQUIRED),
        "capabilities": replace(right, capabilities=right.capabilities ^ Capabilities.ENCRYPTION),
    }
    answer = validate(session, changed[field])
    check(answer, requirement=FIELDS[field], specification=DISCONNECT, ksmbd=Status.INVALID_PARAMETER)
    check.alive(bystander)


@case(
    "negotiate.validate-guid-tail",
    requirements=["SMB2-3.3.5.15.12-05"],
    needs=[SMB30X],
)
def test_the_whole_guid_is_compared(lab: Lab) -> None:
    """A Guid that differs behind a zero byte only ends the connection: it is no string."""
    bystander = another_client(lab)
    guid = bytes(8) + lab.entropy(8)
    session = lab.logon(offer={"dialects": UP_TO_3_0_2, "client_guid": guid})
    check(validate(session), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    other = replace(said(session.connection), guid=guid[:-1] + bytes([guid[-1] ^ 1]))
    check(validate(session, other), specification=DISCONNECT, ksmbd=Status.SUCCESS)
    check.alive(bystander)


@case(
    "negotiate.validate-dialects",
    requirements=["SMB2-3.3.5.15.12-03", "SMB2-3.3.5.15.12-04"],
    needs=[SMB30X, SMB311],
    variants={"dialects": list(OTHER_DIALECTS)},
)
def test_other_dialects_end_the_connection(lab: Lab, dialects: str) -> None:
    """Dialects other than the NEGOTIATE's end the connection, also where they lead to the same choice."""
    array, requirement = OTHER_DIALECTS[dialects]
    bystander = another_client(lab)
    session = lab.logon(offer={"dialects": UP_TO_3_0_2})
    check(validate(session), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    answer = validate(session, replace(said(session.connection), dialects=array))
    check(
        answer,
        requirement=requirement,
        specification=DISCONNECT,
        samba=Status.SUCCESS,
        ksmbd=[Status.SUCCESS, Status.INVALID_PARAMETER],
    )
    check.alive(bystander)


@case(
    "negotiate.validate-on-3.1.1",
    requirements=["SMB2-3.3.5.15.12-01"],
    needs=[SMB311],
    variants={"dialect": [Dialect.SMB_3_1_1]},
)
def test_311_does_not_validate(lab: Lab) -> None:
    """On 3.1.1, which hashes the negotiation, the request ends the connection."""
    bystander = another_client(lab)
    answer = validate(lab.logon())
    check(answer, specification=DISCONNECT, samba=Status.SUCCESS, ksmbd=Status.SUCCESS)
    check.alive(bystander)


@case(
    "negotiate.validate-small-buffer",
    requirements=["SMB2-3.3.5.15.12-02"],
    needs=[SMB30X],
    variants={"size": [0, OUTPUT_SIZE - 1]},
)
def test_a_small_buffer_ends_the_connection(lab: Lab, size: int) -> None:
    """A MaxOutputResponse below the size of the response ends the connection."""
    bystander = another_client(lab)
    session = lab.logon(offer={"dialects": UP_TO_3_0_2})
    check(validate(session), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    answer = validate(session, max_output_response=size)
    check(
        answer,
        specification=DISCONNECT,
        samba=Status.BUFFER_TOO_SMALL,
        ksmbd=Status.INVALID_PARAMETER,
    )
    check.alive(bystander)


@case(
    "negotiate.validate-on-channel",
    requirements=["SMB2-3.3.5.15.12-07", "SMB2-3.3.5.15.12-08"],
    needs=[SMB30X, MULTI_CHANNEL],
    variants={"dialect": SMB_3_0X},
)
def test_each_channel_is_validated_by_its_own_negotiate(lab: Lab) -> None:
    """A second channel whose NEGOTIATE set other capabilities is validated by those; with the first channel's
    it ends alone, and the session lives on.
    """
    session = lab.logon()
    first = session.connection
    other = lab.connect(capabilities=Capabilities.MULTI_CHANNEL | Capabilities.ENCRYPTION)
    second = session.add_channel(connection=other)
    right = validate(session, on=second)
    check(right, requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    found = ValidateNegotiateInfoResponse.decode(right.data, []).capabilities
    check.that(
        right,
        "Capabilities",
        found,
        requirement="SMB2-3.3.5.15.12-08",
        specification=int(second.core.server_capabilities),
    )
    second.ended_on_purpose = True
    wrong = validate(session, said(first), on=second)
    check(wrong, specification=DISCONNECT, ksmbd=Status.INVALID_PARAMETER)
    check(validate(session, on=first), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    check.alive(session)


@case("negotiate.validate-file-id", requirements=["SMB2-3.3.5.15.12-11", "SMB2-3.3.5.15-01"], needs=[SMB30X])
def test_validation_wants_no_file(lab: Lab) -> None:
    """With a FileId the request fails with INVALID_PARAMETER, and the connection lives on."""
    session = lab.logon(offer={"dialects": UP_TO_3_0_2})
    answer = validate(session, file_id=SOME_FILE)
    check(
        answer,
        specification=Status.INVALID_PARAMETER,
        samba=[Status.SUCCESS, Status.FILE_CLOSED],
        ksmbd=Status.SUCCESS,
    )
    check(validate(session), requirement="SMB2-3.3.5.15.12-08", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "negotiate.validate-malformed",
    requirements=["SMB2-3.3.5.15.12-12"],
    needs=[SMB30X],
    variants={"how": ["empty", "short", "count"]},
)
def test_a_malformed_validation_is_refused(lab: Lab, how: str) -> None:
    """Input that ends before its fields or its dialects do fails with INVALID_PARAMETER or ends the
    connection.
    """
    bystander = another_client(lab)
    session = lab.logon(offer={"dialects": UP_TO_3_0_2})
    right = said(session.connection)
    inputs: dict[str, bytes | ValidateNegotiateInfoRequest] = {
        "empty": b"",
        "short": right.encode()[: OUTPUT_SIZE - 1],
        "count": replace(right, dialect_count=len(right.dialects) + 1),
    }
    answer = validate(session, inputs[how])
    check(answer, specification=Status.INVALID_PARAMETER, permitted_disconnect=DISCONNECT)
    check.alive(bystander)


@case(
    "negotiate.validate-on-2x",
    requirements=["SMB2-3.3.5.15.12-10"],
    variants={"dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1]},
)
def test_2x_may_validate_too(lab: Lab) -> None:
    """A client that was led to 2.x can ask as well; the dialect of the connection is not restricted."""
    answer = validate(lab.logon())
    check(
        answer,
        specification=Status.SUCCESS,
        samba=Status.FILE_CLOSED,
        ksmbd=Status.NOT_SUPPORTED,
    )


@case(
    "negotiate.validate-unsigned",
    requirements=["SMB2-3.3.5.15.12-13"],
    needs=[SMB30X],
)
def test_validation_without_a_signature(lab: Lab) -> None:
    """An unsigned request, which protects nobody, is answered or ends the connection: no rule says which."""
    answer = validate(lab.logon(offer={"dialects": UP_TO_3_0_2}), sign=False)
    check(answer, specification=Status.SUCCESS, windows=DISCONNECT, signing_required=Status.ACCESS_DENIED)


@case(
    "negotiate.validate-after-smb1",
    requirements=["SMB2-3.3.5.15.12-09"],
    needs=[SMB30X, SMB1_NEGOTIATE],
)
def test_smb1_is_not_validated(lab: Lab) -> None:
    """After SMB_COM_NEGOTIATE the SMB2 NEGOTIATE is what is validated."""
    connection = lab.open_connection()
    connection.negotiate(smb1_dialects=[DIALECT_SMB_2_WILDCARD], dialects=UP_TO_3_0_2).required()
    session = lab.logon(connection=connection)
    check(validate(session), specification=Status.SUCCESS)
    check.alive(session)
