"""What a server looks at in the query for its interfaces ([MS-SMB2] 2.2.31, 3.3.5.15, 3.3.5.15.11)."""

from smbtorture_py.client.connection import Submission
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import LARGE_MTU, MULTI_CHANNEL, SMB3
from smbtorture_py.wire.codec import FILE_ID_ANY, HEADER_SIZE, FileId
from smbtorture_py.wire.ioctl import IoctlFlags, IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.network_interface_info import decode_list
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest

NEEDS = [SMB3, MULTI_CHANNEL]
ENTRY_SIZE = 152
CREDIT_UNIT = 65536
ENOUGH = 65536
ALL_ONES = 0xFFFFFFFFFFFFFFFF
UNKNOWN_TREE = 0x5EED_0001
INSIDE_THE_HEADER = 8
UNALIGNED = HEADER_SIZE + IoctlRequest.STRUCTURE_SIZE
BEYOND = 0x1000
SIZE_STATUSES = (Status.BUFFER_TOO_SMALL, Status.BUFFER_OVERFLOW, Status.SUCCESS)


@case(
    "interfaces.file-id",
    requirements=["SMB2-3.3.5.15-01"],
    needs=NEEDS,
    variants={"persistent": [0, ALL_ONES], "volatile": [0, 1]},
)
def test_a_file_id_is_refused(lab: Lab, persistent: int, volatile: int) -> None:
    """A query that names a file is refused, for the FileId has to be all ones."""
    session = lab.logon()
    tree = session.ipc()
    session.query_interfaces(tree=tree).required()
    answer = session.query_interfaces(tree=tree, file_id=FileId(persistent, volatile))
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case("interfaces.file-id-of-an-open", requirements=["SMB2-3.3.5.15-01"], needs=NEEDS)
def test_the_file_id_of_an_open_is_refused(lab: Lab) -> None:
    """A query that names a file which is open is refused as well."""
    session = lab.logon()
    tree = session.tree()
    opened = tree.open()
    answer = session.query_interfaces(tree=tree, file_id=opened.file_id)
    check(answer, specification=Status.INVALID_PARAMETER)
    check(opened.close(), specification=Status.SUCCESS)
    check.alive(session)


@case("interfaces.file-id-before-size", requirements=["SMB2-3.3.5.15-01"], needs=NEEDS)
def test_the_file_id_is_looked_at_before_the_size(lab: Lab) -> None:
    """A query with a FileId and room for one byte is refused for the FileId."""
    session = lab.logon()
    answer = session.query_interfaces(file_id=FileId(0, 0), max_output_response=1)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "interfaces.not-an-fsctl",
    requirements=["SMB2-3.3.5.15-08"],
    needs=NEEDS,
    variants={"flags": [0, 2]},
)
def test_a_query_that_is_no_fsctl_is_refused(lab: Lab, flags: int) -> None:
    """A query whose Flags are not SMB2_0_IOCTL_IS_FSCTL is refused."""
    session = lab.logon()
    tree = session.ipc()
    code = FsctlCode.QUERY_NETWORK_INTERFACE_INFO
    tree.ioctl(code).required()
    answer = tree.ioctl(code, ioctl_flags=IoctlFlags(flags))
    check(answer, specification=Status.NOT_SUPPORTED)
    check.alive(session)


@case(
    "interfaces.max-output-exact",
    requirements=["SMB2-3.3.5.15.11-03"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-max-output"],
)
def test_just_enough_room_is_enough(lab: Lab) -> None:
    """A client that allows exactly as many bytes as the list has gets the list."""
    session = lab.logon()
    tree = session.ipc()
    whole = session.query_interfaces(tree=tree).required().data
    answer = session.query_interfaces(tree=tree, max_output_response=len(whole))
    check(answer, specification=Status.SUCCESS)
    check.that(answer, "the whole list came", len(answer.data) == len(whole), specification=True)
    check.alive(session)


@case(
    "interfaces.max-output-too-small",
    requirements=["SMB2-3.3.5.15-06", "SMB2-3.3.5.15-07"],
    needs=NEEDS,
    variants={"room": ["one-byte-less", "less-than-an-entry", "one-byte", "nothing"]},
    answers=["smbtorture:hole.interface-max-output"],
)
def test_no_more_comes_than_there_is_room_for(lab: Lab, room: str) -> None:
    """A client never gets more bytes than it allows; what it gets are whole entries, the last one marked."""
    session = lab.logon()
    tree = session.ipc()
    whole = len(session.query_interfaces(tree=tree).required().data)
    sizes = {"one-byte-less": whole - 1, "less-than-an-entry": ENTRY_SIZE - 1, "one-byte": 1, "nothing": 0}
    answer = session.query_interfaces(tree=tree, max_output_response=sizes[room])
    requirement = "SMB2-3.3.5.15-06" if sizes[room] else "SMB2-3.3.5.15-07"
    check(answer, requirement=requirement, specification=SIZE_STATUSES)
    body = answer.exchange.body(IoctlResponse)
    output = b"" if body is None else bytes(body.output)
    excess = max(0, len(output) - sizes[room])
    check.that(answer, "bytes too many", excess, requirement=requirement, specification=0)
    if answer.actual is Status.SUCCESS:
        steps = [entry.next for entry in decode_list(output, [])]
        ends_well = steps[-1:] in ([], [0]) and len(output) == sum(steps) + ENTRY_SIZE * bool(steps)
        check.that(answer, "whole entries, the last one marked", ends_well, specification=True)
    check.alive(session)


@case(
    "interfaces.max-output-above-transact-size",
    requirements=["SMB2-3.3.5.15-09"],
    needs=NEEDS,
    answers=["smbtorture:hole.interface-max-output"],
)
def test_more_room_than_a_transaction_has_is_refused(lab: Lab) -> None:
    """A MaxOutputResponse above MaxTransactSize is refused."""
    session = lab.logon()
    limit = session.connection.core.max_transact_size
    answer = session.query_interfaces(max_output_response=limit + 1)
    check(answer, specification=Status.INVALID_PARAMETER, samba=Status.SUCCESS)
    check.alive(session)


@case("interfaces.credit-charge", requirements=["SMB2-3.3.5.2.5-04"], needs=[*NEEDS, LARGE_MTU])
def test_room_has_to_be_paid_for(lab: Lab) -> None:
    """A MaxOutputResponse of more than 64 KiB for one credit is refused, for two it is not."""
    session = lab.logon()
    tree = session.ipc()
    room = CREDIT_UNIT + 1
    session.query_interfaces(tree=tree, max_output_response=room, credit_charge=2).required()
    answer = session.query_interfaces(tree=tree, max_output_response=room, credit_charge=1)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case("interfaces.input", requirements=["SMB2-3.3.5.15-05"], needs=NEEDS)
def test_an_input_buffer_nobody_asked_for(lab: Lab) -> None:
    """A query with an input buffer, which this control code does not have, is answered or refused."""
    session = lab.logon()
    answer = session.query_interfaces(input_buffer=bytes(8))
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "interfaces.input-offset",
    requirements=["SMB2-3.3.5.15-10"],
    needs=NEEDS,
    variants={"offset": [INSIDE_THE_HEADER, UNALIGNED, BEYOND]},
)
def test_an_input_buffer_has_to_be_in_the_message(lab: Lab, offset: int) -> None:
    """Input whose InputOffset is in the header, not a multiple of eight or behind the message is refused."""
    session = lab.logon()
    body = query(input_offset=offset, input_count=8, input=bytes(24))
    answer = session.ipc().send(body)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "interfaces.input-offset-without-input",
    requirements=["SMB2-2.2.31-01", "SMB2-3.3.5.15-15"],
    needs=NEEDS,
    variants={"offset": [INSIDE_THE_HEADER, HEADER_SIZE + 1, BEYOND]},
)
def test_without_input_its_offset_means_nothing(lab: Lab, offset: int) -> None:
    """Where there is no input, InputOffset is ignored, unless it is behind the end of the message."""
    session = lab.logon()
    answer = session.ipc().send(query(input_offset=offset))
    if offset == BEYOND:
        check(
            answer,
            requirement="SMB2-3.3.5.15-15",
            specification=Status.INVALID_PARAMETER,
            permitted_answer=Status.SUCCESS,
        )
    else:
        check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case("interfaces.reserved-of-the-request", requirements=["SMB2-2.2.31-02"], needs=NEEDS)
def test_reserved_fields_of_the_request_are_ignored(lab: Lab) -> None:
    """Reserved and Reserved2 of the query may hold anything."""
    session = lab.logon()
    answer = session.ipc().send(query(reserved=0xFFFF, reserved2=0xFFFFFFFF))
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case("interfaces.output-offset-of-the-request", requirements=["SMB2-3.3.5.15-14"], needs=NEEDS)
def test_the_output_offset_of_the_request_is_ignored(lab: Lab) -> None:
    """OutputOffset of the query may hold anything."""
    session = lab.logon()
    answer = session.ipc().send(query(output_offset=BEYOND))
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    check.alive(session)


@case("interfaces.two-in-one-frame", requirements=["SMB2-3.3.5.2.7.1-01"], needs=NEEDS)
def test_two_queries_in_one_frame_are_two_queries(lab: Lab) -> None:
    """Of two unrelated queries in one frame the first has no tree and is refused, the second is answered."""
    session = lab.logon()
    tree = session.ipc().core
    refused = Submission(
        body=query(file_id=FileId(0, 0)), session=session.core, tree=tree, tree_id=UNKNOWN_TREE
    )
    answers = session.connection.send_compound(
        [refused, Submission(body=query(), session=session.core, tree=tree)]
    )
    check(answers[0], specification=any_error())
    check(answers[1], specification=Status.SUCCESS)
    check.alive(session)


@case("interfaces.with-tree-connect", requirements=["SMB2-3.3.5.2.7.2-02"], needs=NEEDS)
def test_the_query_follows_its_tree_connect(lab: Lab) -> None:
    """A query related to the TREE_CONNECT in front of it uses the tree that this one makes."""
    session = lab.logon()
    connect = TreeConnectRequest(path=f"\\\\{lab.target.server_name}\\IPC$")
    answers = session.connection.send_compound(
        [Submission(body=connect, session=session.core), Submission(body=query(), session=session.core)],
        related=True,
    )
    check(answers[0], specification=Status.SUCCESS)
    check(answers[1], specification=Status.SUCCESS)
    check.alive(session)


def query(**fields: object) -> IoctlRequest:
    """Return the query with fields of the case's choice."""
    given: dict[str, object] = {
        "ctl_code": FsctlCode.QUERY_NETWORK_INTERFACE_INFO,
        "file_id": FILE_ID_ANY,
        "max_output_response": ENOUGH,
        **fields,
    }
    return IoctlRequest(**given)  # type: ignore[arg-type]  # the fields of IoctlRequest
