from __future__ import annotations

from collections.abc import Callable

import pytest
from client_fake_server import FakeServer, Seen

from smbtorture_py.client.exchange import Exchange, Procedure
from smbtorture_py.client.fsctl import (
    InterfacesResult,
    ValidateNegotiateResult,
    query_network_interfaces,
    validate_negotiate,
)
from smbtorture_py.client.open import Open
from smbtorture_py.client.session import Session
from smbtorture_py.client.tree import CreateResult, Tree, TreeConnectResult, create, tree_connect
from smbtorture_py.client.violation import Rule
from smbtorture_py.wire.change_notify import ChangeNotifyFlags, ChangeNotifyRequest, CompletionFilter
from smbtorture_py.wire.close import CloseRequest, CloseResponse
from smbtorture_py.wire.codec import FILE_ID_ANY, Body, FileId
from smbtorture_py.wire.create import CreateDisposition, CreateRequest, CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import CreateContext
from smbtorture_py.wire.error import ErrorResponse
from smbtorture_py.wire.flush import FlushRequest
from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.ioctl import IoctlRequest, IoctlResponse
from smbtorture_py.wire.ioctl_payloads import network_interface_info
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.validate_negotiate_info import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.lock import LockElement, LockRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment, OplockBreakAcknowledgment
from smbtorture_py.wire.query_directory import QueryDirectoryRequest
from smbtorture_py.wire.query_info import QueryInfoRequest
from smbtorture_py.wire.read import ReadRequest
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import (
    ShareCapabilities,
    ShareFlags,
    TreeConnectRequest,
    TreeConnectResponse,
)
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest, TreeDisconnectResponse
from smbtorture_py.wire.write import WriteRequest

FILE = FileId(11, 22)


def finish(
    server: FakeServer, procedure: Procedure, body: Body, status: int = Status.SUCCESS, **how: object
) -> object:
    return server.drive(procedure, lambda seen: server.answer(seen, body, status, **how))


def connected(
    server: FakeServer,
    session: Session,
    response: TreeConnectResponse | None = None,
    share: str = "data",
) -> TreeConnectResult:
    def own_tree(header: object) -> None:
        header.tree_id = 5  # type: ignore[attr-defined]

    procedure = tree_connect(session, share, connection=server.connection)
    result = finish(server, procedure, response or TreeConnectResponse(), change=own_tree)
    assert isinstance(result, TreeConnectResult)
    return result


@pytest.fixture
def server() -> FakeServer:
    server = FakeServer()
    server.ready()
    return server


@pytest.fixture
def tree(server: FakeServer) -> Tree:
    (session,) = server.connection.session_table.values()
    tree = connected(server, session).tree
    assert tree is not None
    return tree


@pytest.fixture
def opened(server: FakeServer, tree: Tree) -> Open:
    result = finish(
        server, create(tree, "file"), CreateResponse(file_id=FILE, oplock_level=OplockLevel.BATCH)
    )
    assert isinstance(result, CreateResult)
    assert result.open is not None
    return result.open


def test_tree_connect_makes_a_tree_of_the_answer(server: FakeServer, tree: Tree) -> None:
    request = server.seen[-1].body
    assert isinstance(request, TreeConnectRequest)
    assert request.path == r"\\server\data"
    assert tree.tree_connect_id == 5
    assert tree.session.tree_connect_table == {5: tree}
    assert not (tree.encrypt_data or tree.is_dfs_share or tree.is_ca_share or tree.is_scaleout_share)
    assert server.connection.violations == []


def test_a_tree_that_is_to_be_encrypted_is_encrypted(server: FakeServer) -> None:
    (session,) = server.connection.session_table.values()
    response = TreeConnectResponse(
        share_flags=ShareFlags.ENCRYPT_DATA,
        capabilities=ShareCapabilities.DFS | ShareCapabilities.CONTINUOUS_AVAILABILITY,
    )
    tree = connected(server, session, response).tree
    assert tree is not None
    assert tree.encrypt_data
    assert tree.is_dfs_share
    assert tree.is_ca_share
    tree.disconnect()
    seen = server.request()
    assert seen.encrypted
    assert isinstance(seen.body, TreeDisconnectRequest)
    server.answer(seen, TreeDisconnectResponse())
    assert session.tree_connect_table == {}
    session.tree_connect_table[5] = tree
    tree.submit(CloseRequest(file_id=FILE), encrypt=False)
    assert not server.request().encrypted


def test_a_refused_tree_connect_gives_no_tree(server: FakeServer) -> None:
    (session,) = server.connection.session_table.values()
    result = finish(server, tree_connect(session, "x", path="odd"), ErrorResponse(), Status.BAD_NETWORK_NAME)
    assert isinstance(result, TreeConnectResult)
    assert (result.status, result.tree) == (Status.BAD_NETWORK_NAME, None)
    request = server.seen[-1].body
    assert isinstance(request, TreeConnectRequest)
    assert request.path == "odd"
    assert session.tree_connect_table == {}


def test_create_sends_every_field_and_keeps_the_open(server: FakeServer, tree: Tree) -> None:
    procedure = create(
        tree,
        "dir\\file",
        create_disposition=CreateDisposition.CREATE,
        requested_oplock_level=OplockLevel.II,
        contexts=[CreateContext(b"MxAc")],
        replay=True,
    )
    result = finish(server, procedure, CreateResponse(file_id=FILE, oplock_level=OplockLevel.II))
    assert isinstance(result, CreateResult)
    assert result.open is not None
    assert result.response is not None
    assert result.open.file_id == FILE
    assert result.open.oplock_level == OplockLevel.II
    assert tree.session.open_table == {FILE: result.open}
    seen = server.seen[-1]
    assert isinstance(seen.body, CreateRequest)
    assert seen.body.name == "dir\\file"
    assert seen.body.create_disposition == CreateDisposition.CREATE
    assert [context.name for context in seen.body.contexts] == [b"MxAc"]
    assert seen.header.tree_id == 5
    assert seen.header.has(HeaderFlags.REPLAY_OPERATION)


def test_a_refused_create_gives_no_open(server: FakeServer, tree: Tree) -> None:
    result = finish(server, create(tree, "x"), ErrorResponse(), Status.SHARING_VIOLATION)
    assert isinstance(result, CreateResult)
    assert (result.status, result.open) == (Status.SHARING_VIOLATION, None)
    assert tree.session.open_table == {}


OPERATIONS: list[tuple[Callable[[Open], Exchange], Body]] = [
    (lambda o: o.close(), CloseRequest(file_id=FILE)),
    (lambda o: o.read(7, 9, minimum_count=3), ReadRequest(offset=7, length=9, minimum_count=3, file_id=FILE)),
    (lambda o: o.write(7, b"data"), WriteRequest(offset=7, data=b"data", file_id=FILE)),
    (lambda o: o.flush(), FlushRequest(file_id=FILE)),
    (
        lambda o: o.lock([LockElement(offset=1, length=2)], lock_sequence_number=3, lock_sequence_index=4),
        LockRequest(
            lock_sequence_number=3,
            lock_sequence_index=4,
            file_id=FILE,
            locks=[LockElement(offset=1, length=2)],
        ),
    ),
    (
        lambda o: o.query_info(1, 18, output_buffer_length=100),
        QueryInfoRequest(info_type=1, file_info_class=18, output_buffer_length=100, file_id=FILE),
    ),
    (
        lambda o: o.set_info(1, 13, b"\1"),
        SetInfoRequest(info_type=1, file_info_class=13, buffer=b"\1", file_id=FILE),
    ),
    (
        lambda o: o.query_directory("*.txt"),
        QueryDirectoryRequest(
            file_information_class=37, file_name="*.txt", output_buffer_length=65536, file_id=FILE
        ),
    ),
    (
        lambda o: o.change_notify(CompletionFilter.SIZE, watch_tree=True),
        ChangeNotifyRequest(
            flags=ChangeNotifyFlags.WATCH_TREE,
            completion_filter=CompletionFilter.SIZE,
            output_buffer_length=65536,
            file_id=FILE,
        ),
    ),
    (
        lambda o: o.ioctl(FsctlCode.PIPE_TRANSCEIVE, b"in"),
        IoctlRequest(
            ctl_code=FsctlCode.PIPE_TRANSCEIVE, input=b"in", max_output_response=65536, file_id=FILE
        ),
    ),
    (
        lambda o: o.acknowledge_oplock_break(OplockLevel.II),
        OplockBreakAcknowledgment(oplock_level=OplockLevel.II, file_id=FILE),
    ),
    (
        lambda o: o.tree.session.acknowledge_lease_break(b"k" * 16, LeaseState.NONE, tree=o.tree),
        LeaseBreakAcknowledgment(lease_key=b"k" * 16),
    ),
]


@pytest.mark.parametrize(("operation", "expected"), OPERATIONS)
def test_an_operation_sends_its_request_on_the_tree(
    server: FakeServer, opened: Open, operation: Callable[[Open], Exchange], expected: Body
) -> None:
    exchange = operation(opened)
    seen = server.request()
    assert exchange.tree is opened.tree
    assert seen.header.tree_id == 5
    assert seen.header.session_id == server.session_id
    assert seen.raw[64:] == expected.encode()


def test_close_ends_the_open_and_an_acknowledgment_lowers_its_level(server: FakeServer, opened: Open) -> None:
    opened.acknowledge_oplock_break(OplockLevel.NONE)
    assert opened.oplock_level == OplockLevel.NONE
    server.request()
    opened.close()
    server.answer(server.request(), CloseResponse())
    assert opened.tree.session.open_table == {}


def test_every_operation_can_use_another_channel(server: FakeServer, opened: Open) -> None:
    other = FakeServer(seed="other").channel_of(server)
    other.negotiate()
    other.logon(to=opened.tree.session)
    exchange = opened.read(0, 1, connection=other.connection, sign=True)
    assert exchange.connection is other.connection
    assert other.is_signed_right(other.request())
    assert server.requests() == []
    unbound = FakeServer(seed="unbound").channel_of(server)
    unbound.negotiate()
    opened.read(0, 1, connection=unbound.connection, sign=True)
    assert unbound.is_signed_right(unbound.request(), server.session_signing_key)


# FSCTLs


def validated(server: FakeServer, tree: Tree, **change: object) -> tuple[ValidateNegotiateResult, Seen]:
    connection = server.connection
    fields = {
        "capabilities": int(connection.server_capabilities),
        "guid": connection.server_guid,
        "security_mode": int(connection.server_security_mode),
        "dialect": connection.dialect,
        **change,
    }
    output = ValidateNegotiateInfoResponse(**fields).encode()  # type: ignore[arg-type]
    response = IoctlResponse(ctl_code=FsctlCode.VALIDATE_NEGOTIATE_INFO, output=output)
    result = finish(server, validate_negotiate(tree), response)
    assert isinstance(result, ValidateNegotiateResult)
    return result, server.seen[-1]


def test_validate_negotiate_repeats_the_negotiation_signed() -> None:
    server = FakeServer(dialect=Dialect.SMB_3_0_2, cipher=1)
    tree = connected(server, server.ready()).tree
    assert tree is not None
    result, seen = validated(server, tree)
    assert result.mismatches == []
    assert server.connection.violations == []
    assert server.is_signed_right(seen)
    assert isinstance(seen.body, IoctlRequest)
    assert seen.body.file_id == FILE_ID_ANY
    sent = ValidateNegotiateInfoRequest.decode(seen.body.input, [])
    assert sent.dialects == list(server.connection.offered_dialects)
    assert sent.guid == server.connection.client_guid


@pytest.mark.parametrize(
    "change", [{"capabilities": 0}, {"guid": bytes(16)}, {"security_mode": 3}, {"dialect": 0x0300}]
)
def test_a_difference_to_the_negotiation_is_recorded(change: dict[str, object]) -> None:
    server = FakeServer(dialect=Dialect.SMB_3_0_2, cipher=1)
    tree = connected(server, server.ready()).tree
    assert tree is not None
    result, _ = validated(server, tree, **change)
    assert len(result.mismatches) == 1
    assert [violation.rule for violation in server.connection.violations] == [Rule.VALIDATE_NEGOTIATE]


def test_interfaces_are_decoded(server: FakeServer, tree: Tree) -> None:
    from ipaddress import ip_address

    listed = [network_interface_info.interface(3, ip_address("192.0.2.1"), 10_000_000_000)]
    output = network_interface_info.encode_list(listed)
    response = IoctlResponse(ctl_code=FsctlCode.QUERY_NETWORK_INTERFACE_INFO, output=output)
    result = finish(server, query_network_interfaces(tree), response)
    assert isinstance(result, InterfacesResult)
    assert [interface.if_index for interface in result.interfaces] == [3]
    assert result.findings == []
    assert server.seen[-1].header.command == Command.IOCTL
