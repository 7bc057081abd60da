"""Resilient handles: FSCTL_LMR_REQUEST_RESILIENCY ([MS-SMB2] 3.3.5.15.9, 3.3.6.4)."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.answer import Answer, CreateAnswer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import NO_ANSWER, any_error, check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.lab.handle_contexts import R, reconnect
from smbtorture_py.conformance.needs import (
    DURABLE_HANDLES,
    LEASING,
    MULTI_CHANNEL,
    RESILIENCY,
    SECOND_USER,
    SMB2_0_2,
    SMB3,
)
from smbtorture_py.net.faults import FaultKind
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.create import OplockLevel, ShareAccess
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED
from suites.durable.handles import SOME, Client, Kind, check_data
from suites.tree.dialects import DIALECTS

SHORT: Final = 1000
"""Milliseconds that a handle is kept in these cases."""
AT_ONCE: Final = 2.0
"""Seconds in which an answer comes that waits for nobody."""
LONG: Final = 3.0
"""Seconds after which it is certainly gone."""
DATA: Final = b"written before the connection was lost"


def request(file: LabOpen, timeout: int = 60_000, *, input_buffer: bytes | None = None) -> Answer:
    """Ask for resiliency; `timeout` in milliseconds."""
    payload = NetworkResiliencyRequest(timeout=timeout).encode() if input_buffer is None else input_buffer
    return file.ioctl(FsctlCode.LMR_REQUEST_RESILIENCY, payload, max_output_response=0)


def resilient(client: Client, timeout: int = 60_000, level: OplockLevel = OplockLevel.NONE) -> LabOpen:
    """Open a file and make it resilient; blocks the case where that fails."""
    file = client.tree.open(requested_oplock_level=level)
    file.write(DATA).required()
    request(file, timeout).required()
    return file


def come_back(client: Client, file: LabOpen) -> CreateAnswer:
    """Reconnect a resilient handle."""
    return client.tree.create(file.name, contexts=[reconnect(file.file_id)])


@case(
    "durable.resilient",
    requirements=["SMB2-3.3.5.15.9-05"],
    needs=[RESILIENCY],
    variants=[
        *({"level": OplockLevel.NONE, "dialect": one} for one in DIALECTS[1:]),
        *({"level": level, "dialect": Dialect.SMB_3_1_1} for level in (OplockLevel.II, OplockLevel.BATCH)),
    ],
    answers=[
        "ms:BVT_ResilientHandle_Reconnect",
        "ms:BVT_ResilientHandle_Reconnect_Lease",
        "ms:BVT_Resiliency",
    ],
)
def test_a_resilient_handle_comes_back(lab: Lab, level: OplockLevel) -> None:
    """A resilient handle survives the loss of its connection, whatever its oplock; DHnC brings it back."""
    client = Client(lab.logon())
    file = client.tree.open(requested_oplock_level=level)
    file.write(DATA).required()
    answer = request(file)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "file_id", specification=lambda named: named == file.file_id)
    check.field(answer, "output_count", specification=0)
    client.lose()
    back = client.back()
    reopened = come_back(back, file)
    check(reopened, specification=Status.SUCCESS)
    check_data(reopened.open, DATA)
    check.alive(back.session)


@case(
    "durable.resilient-after-fault",
    requirements=["SMB2-3.3.7.1-04"],
    needs=[RESILIENCY],
    variants={"fault": NOTICED},
)
def test_a_resilient_handle_survives_every_end(lab: Lab, fault: FaultKind) -> None:
    """However its connection ends, a resilient handle can be reconnected."""
    client = Client(lab.logon())
    file = resilient(client)
    client.lose(fault)
    back = client.back()
    check(come_back(back, file), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.resilient-is-durable-no-more",
    requirements=["SMB2-3.3.5.15.9-05"],
    needs=[SMB3, RESILIENCY, DURABLE_HANDLES, LEASING],
    variants={"kind": SOME},
    answers=["ms:BVT_ResilientHandle_Reconnect_Lease"],
)
def test_resiliency_replaces_durability(lab: Lab, kind: Kind) -> None:
    """A durable handle that becomes resilient comes back although its oplock or lease was broken."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    handle = client.handle(kind)
    request(handle.file).required()
    opening = other.tree.create(handle.file.name, wait=False)
    if kind.lease_version:
        client.session.wait_lease_break().required()
        handle.file.acknowledge_lease(R).required()
    else:
        client.session.wait_oplock_break().required()
        handle.file.acknowledge_oplock(OplockLevel.II).required()
    opening.wait().required()
    client.leave(other)
    back = client.back()
    contexts = [reconnect(handle.file.file_id), *([handle.lease()] if kind.lease_version else [])]
    check(handle.reconnect(back, contexts=contexts), specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.resilient-short-input",
    requirements=["SMB2-3.3.5.15.9-03"],
    needs=[RESILIENCY],
    variants={"length": [0, 4, 7]},
)
def test_a_short_resiliency_request(lab: Lab, length: int) -> None:
    """A request for resiliency with fewer than eight bytes of input fails."""
    session = lab.logon()
    file = session.tree().open()
    whole = NetworkResiliencyRequest(timeout=SHORT).encode()
    check(request(file, input_buffer=whole[:length]), specification=Status.INVALID_PARAMETER)
    check(request(file, input_buffer=whole), requirement="SMB2-3.3.5.15.9-05", specification=Status.SUCCESS)
    check.alive(session)


@case("durable.resilient-too-long", requirements=["SMB2-3.3.5.15.9-04"], needs=[RESILIENCY])
def test_a_resiliency_timeout_beyond_the_greatest(lab: Lab) -> None:
    """A request for resiliency for 49 days is more than a server allows, and the handle stays what it was."""
    client = Client(lab.logon())
    file = client.tree.open()
    check(request(file, 0xFFFFFFFF), specification=Status.INVALID_PARAMETER)
    client.lose()
    back = client.back()
    check(come_back(back, file), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case("durable.resilient-timeout-of-the-server", requirements=["SMB2-3.3.5.15.9-06"], needs=[RESILIENCY])
def test_a_resiliency_timeout_that_the_server_chooses(lab: Lab) -> None:
    """A client that leaves the timeout to the server gets a handle that can come back."""
    client = Client(lab.logon())
    file = resilient(client, 0)
    client.lose()
    back = client.back()
    answer = come_back(back, file)
    check(answer, specification=Status.SUCCESS, nothing=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.resilient-wrong-file",
    requirements=["SMB2-3.3.5.15.9-07"],
    needs=[RESILIENCY],
    variants={"file_id": ["closed", "unknown"]},
)
def test_resiliency_of_no_file(lab: Lab, file_id: str) -> None:
    """A request for resiliency with a FileId that names nothing fails."""
    session = lab.logon()
    file = session.tree().open()
    named = file.file_id
    if file_id == "closed":
        file.close().required()
    else:
        named = FileId(named.persistent ^ 1, named.volatile ^ 1)
    payload = NetworkResiliencyRequest(timeout=SHORT).encode()
    answer = file.tree.ioctl(FsctlCode.LMR_REQUEST_RESILIENCY, payload, file_id=named, max_output_response=0)
    check(answer, specification=Status.FILE_CLOSED)
    check.alive(session)


@case("durable.resilient-on-smb-2-0-2", requirements=["SMB2-3.3.5.15.9-01"], needs=[SMB2_0_2, RESILIENCY])
def test_resiliency_on_smb_2_0_2(lab: Lab) -> None:
    """Over SMB 2.0.2 a server may refuse resiliency or grant it."""
    session = lab.logon(offer={"dialect": Dialect.SMB_2_0_2})
    answer = request(session.tree().open())
    check(answer, specification=Status.INVALID_DEVICE_REQUEST, permitted_windows=Status.SUCCESS)
    check.alive(session)


@case("durable.resilient-not-offered", requirements=["SMB2-3.3.5.15.9-02"])
def test_resiliency_that_a_server_does_not_have(lab: Lab) -> None:
    """A server without resiliency should say that it does not support the request."""
    session = lab.logon()
    answer = request(session.tree().open())
    check(
        answer,
        specification=Status.NOT_SUPPORTED,
        permitted_with_resiliency=Status.SUCCESS,
        samba=Status.INVALID_DEVICE_REQUEST,
        refused=any_error(),
    )
    check.alive(session)


@case(
    "durable.resilient-gone-after-its-time",
    requirements=["SMB2-3.3.5.15.9-08"],
    needs=[RESILIENCY],
    answers=["ms:ResilientOpenScavengerTimer_ReconnectAfterTimeout"],
)
def test_a_resilient_handle_is_gone_after_its_time(lab: Lab) -> None:
    """A reconnect long after the timeout of a resilient handle finds nothing."""
    client = Client(lab.logon())
    file = resilient(client, SHORT)
    client.lose()
    back = client.back()
    lab.pause(LONG)
    check(come_back(back, file), specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)


@case(
    "durable.resilient-kept-for-its-time",
    requirements=["SMB2-3.3.7.1-12"],
    needs=[RESILIENCY],
    slow=True,
    answers=["ms:ResilientOpenScavengerTimer_ReconnectBeforeTimeout"],
)
def test_the_time_of_a_resilient_handle_begins_with_each_loss(lab: Lab) -> None:
    """The timeout of a resilient handle begins anew with each loss, however long the file has been open."""
    client = Client(lab.logon())
    file = resilient(client, SHORT)
    for _ in range(2):
        lab.pause(0.7 * SHORT / 1000)
        client.lose()
        back = client.back()
        lab.pause(0.7 * SHORT / 1000)
        answer = come_back(back, file)
        check(answer, specification=Status.SUCCESS)
        client, file = back, answer.open
    check.alive(client.session)


@case("durable.resilient-logoff", requirements=["SMB2-3.3.5.6-04"], needs=[RESILIENCY])
def test_logoff_keeps_resilient_handles(lab: Lab) -> None:
    """LOGOFF parts a resilient handle from its session: it can come back."""
    client = Client(lab.logon())
    file = resilient(client)
    client.session.logoff().required()
    session = lab.logon(connection=client.session.connection)
    check(come_back(Client(session), file), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "durable.resilient-other-user",
    requirements=["SMB2-3.3.5.9.7-16"],
    needs=[RESILIENCY, SECOND_USER],
)
def test_a_resilient_handle_is_its_owners(lab: Lab) -> None:
    """Another user cannot take over a resilient handle; its owner still gets it."""
    client = Client(lab.logon())
    file = resilient(client)
    client.lose()
    check(come_back(client.back(lab.second_user), file), specification=Status.ACCESS_DENIED)
    back = client.back()
    check(come_back(back, file), requirement="SMB2-3.3.5.15.9-05", specification=Status.SUCCESS)
    check.alive(back.session)


@case("durable.resilient-locks", requirements=["SMB2-3.3.5.9.12-23"], needs=[RESILIENCY])
def test_a_resilient_handle_keeps_its_locks(lab: Lab) -> None:
    """What was locked through a resilient handle stays locked, while it is disconnected and after that."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    file = resilient(client)
    rival = other.tree.open(file.name)
    file.lock().required()
    client.leave(other)
    check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    back = client.back()
    answer = come_back(back, file)
    answer.required()
    check(rival.lock(), specification=Status.LOCK_NOT_GRANTED)
    check(answer.open.unlock(), specification=Status.SUCCESS)
    check(rival.lock(), specification=Status.SUCCESS)
    check.alive(back.session)


@case("durable.resilient-keeps-others-out", requirements=["SMB2-3.3.7.1-04"], needs=[RESILIENCY])
def test_a_disconnected_resilient_handle_still_shares_as_it_did(lab: Lab) -> None:
    """A disconnected resilient handle without an oplock keeps out what it does not share."""
    client, other = Client(lab.logon()), Client(lab.another_client())
    file = client.tree.open(share_access=ShareAccess.NONE)
    request(file).required()
    client.leave(other)
    check(other.tree.create(file.name), specification=Status.SHARING_VIOLATION)
    back = client.back()
    check(come_back(back, file), requirement="SMB2-3.3.5.15.9-05", specification=Status.SUCCESS)
    check.alive(back.session)


@case(
    "durable.resilient-one-channel-left",
    requirements=["SMB2-3.3.5.9.7-04"],
    needs=[SMB3, RESILIENCY, MULTI_CHANNEL],
)
def test_a_resilient_handle_whose_session_has_a_channel_left(lab: Lab) -> None:
    """A resilient handle stays connected as long as its session has a channel."""
    client = Client(lab.logon())
    client.session.add_channel()
    file = resilient(client)
    client.session.channels[0].close()
    other = Client(lab.logon())
    check(come_back(other, file), specification=Status.OBJECT_NAME_NOT_FOUND)
    check(file.write(DATA), specification=Status.SUCCESS)
    client.leave(other)
    check(come_back(other, file), requirement="SMB2-3.3.5.15.9-05", specification=Status.SUCCESS)
    check.alive(other.session)


@case(
    "durable.resilient-oplock-breaks",
    requirements=["SMB2-3.3.4.6-11"],
    needs=[RESILIENCY],
    variants={"level": [OplockLevel.EXCLUSIVE, OplockLevel.BATCH]},
)
def test_the_oplock_of_a_disconnected_resilient_handle(lab: Lab, level: OplockLevel) -> None:
    """What becomes of somebody who opens the file of a disconnected resilient handle that has an oplock, and
    of the handle.
    """
    client, other = Client(lab.logon()), Client(lab.another_client())
    file = resilient(client, level=level)
    client.leave(other)
    opening = other.tree.create(file.name, wait=False).wait(AT_ONCE)
    check(opening, waits=NO_ANSWER, opened=Status.SUCCESS, refused=any_error())
    back = client.back()
    check(come_back(back, file), kept=Status.SUCCESS, closed=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(back.session)
    check.alive(other.session)
