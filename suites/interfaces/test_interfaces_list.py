"""What the list of interfaces says ([MS-SMB2] 2.2.32.5, 3.3.5.15.11)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import at_least, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SMB3
from smbtorture_py.wire.codec import FILE_ID_ANY, HEADER_SIZE
from smbtorture_py.wire.ioctl import IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import decode_list
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

NEEDS = [SMB3, MULTI_CHANNEL]
DIALECTS = [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
BUFFER_OFFSET = HEADER_SIZE + IoctlResponse.STRUCTURE_SIZE - 1
ALIGNMENT = 8


@case(
    "interfaces.answered",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    variants={"dialect": DIALECTS},
)
def test_the_query_is_answered(lab: Lab) -> None:
    """A client that negotiated multichannel is told at least one interface."""
    session = lab.logon()
    answer = session.query_interfaces()
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "entries in the list", len(decode_list(answer.data, [])), specification=at_least(1))
    check.alive(session)


@case(
    "interfaces.response-fields",
    requirements=["SMB2-3.3.5.15.11-06", "SMB2-3.3.5.15.11-07"],
    needs=NEEDS,
)
def test_the_response_has_its_fixed_fields(lab: Lab) -> None:
    """The response names the control code, no file, no flags, and says where the list is and how long."""
    session = lab.logon()
    answer = session.query_interfaces()
    check(answer, specification=Status.SUCCESS)
    body = answer.body(IoctlResponse)
    check.field(answer, "ctl_code", specification=FsctlCode.QUERY_NETWORK_INTERFACE_INFO)
    check.that(answer, "FileId is all ones", body.file_id == FILE_ID_ANY, specification=True)
    check.field(answer, "flags", specification=0)
    end = body.input_offset + body.input_count
    check.field(answer, "output_offset", specification=end + -end % ALIGNMENT)
    check.that(answer, "OutputCount fits the message", body.output_count, specification=len(body.output))
    check.field(answer, "input_offset", requirement="SMB2-3.3.5.15.11-07", specification=BUFFER_OFFSET)
    check.alive(session)


@case("interfaces.index-zero", requirements=["SMB2-3.3.5.15.11-03"], needs=NEEDS)
def test_no_interface_has_index_zero(lab: Lab) -> None:
    """No entry is of an interface with index zero."""
    session = lab.logon()
    found = session.interfaces()
    check.that(session, "an IfIndex is zero", any(one.if_index == 0 for one in found), specification=False)
    check.alive(session)
