"""The client core against the reference server's core, joined by an in-memory pair of transports."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from client_wire import ALICE, Wire

from smbtorture_py.auth.credentials import ANONYMOUS, AuthForm, Credentials
from smbtorture_py.client.connection import Connection, Submission
from smbtorture_py.client.fsctl import validate_negotiate
from smbtorture_py.client.logon import LogonOptions, bind, reauthenticate, session_setup
from smbtorture_py.client.negotiate import ALL_DIALECTS, SMB1_DIALECTS, NegotiateOffer
from smbtorture_py.client.tree import create, create_request, tree_connect
from smbtorture_py.server.config import Encryption
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.codec import FILE_ID_ANY
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import Cipher, SigningAlgorithm
from smbtorture_py.wire.read import ReadRequest, ReadResponse
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.write import WriteRequest, WriteResponse

BOB = Credentials("bob", "secret-2")


def clean(*connections: Connection) -> bool:
    violations = [str(violation) for connection in connections for violation in connection.violations]
    assert violations == []
    return True


@pytest.mark.parametrize("dialect", ALL_DIALECTS)
@pytest.mark.parametrize("required", [False, True])
def test_a_file_is_written_and_read_over_every_dialect(dialect: int, required: bool) -> None:
    wire = Wire()
    connection = wire.connect(NegotiateOffer(dialects=[dialect]), require_message_signing=required)
    assert connection.dialect == dialect
    session = wire.logon(connection)
    data = bytes(range(256)) * (200 if dialect == Dialect.SMB_2_0_2 else 2000)
    for share in ("data", "sealed") if dialect >= Dialect.SMB_3_0 else ("data",):
        tree = wire.tree(session, share)
        opened = wire.drive(create(tree, "file")).open
        assert opened is not None
        written = wire.wait(opened.write(0, data)).body(WriteResponse)
        assert written is not None
        assert written.count == len(data)
        read = wire.wait(opened.read(0, len(data)))
        body = read.body(ReadResponse)
        assert body is not None
        assert bytes(body.data) == data
        assert read.decrypted == (share == "sealed")
        assert read.signature_valid is (True if required and not read.decrypted else None)
        assert wire.wait(opened.close()).status == Status.SUCCESS
        assert wire.wait(tree.disconnect()).status == Status.SUCCESS
    assert wire.wait(session.logoff()).status == Status.SUCCESS
    assert clean(connection)


@pytest.mark.parametrize("cipher", [cipher for cipher in Cipher if cipher])
@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_two_channels_of_one_session(cipher: Cipher, algorithm: SigningAlgorithm) -> None:
    wire = Wire(encryption=Encryption.ENABLED)
    offer = NegotiateOffer(ciphers=[cipher], signing_algorithms=[algorithm])
    first = wire.connect(offer, require_message_signing=True)
    second = wire.connect(offer, require_message_signing=True)
    assert (first.cipher, first.signing_algorithm) == (cipher, algorithm)
    session = wire.logon(first)
    result = wire.drive(bind(session, second))
    assert (result.status, result.error) == (Status.SUCCESS, None)
    assert len({channel.signing_key for channel in session.channel_list}) == 2
    for share in ("data", "sealed"):
        tree = wire.tree(session, share)
        opened = wire.drive(create(tree, "file", connection=second)).open
        assert opened is not None
        assert wire.wait(opened.write(0, b"one", connection=first)).status == Status.SUCCESS
        read = wire.wait(opened.read(0, 3, connection=second))
        assert read.status == Status.SUCCESS
        assert read.signature_valid or read.decrypted
    for connection in (first, second):
        renewed = wire.drive(reauthenticate(session, connection=connection))
        assert (renewed.status, renewed.error) == (Status.SUCCESS, None)
        assert wire.wait(connection.echo(session=session)).signature_valid is True
    assert clean(first, second)
    first.close()
    assert wire.wait(session.submit(EchoRequest())).connection is second
    assert session.connection is second


def test_a_failed_bind_leaves_no_trace() -> None:
    wire = Wire()
    first, second = wire.connect(), wire.connect()
    session = wire.logon(first)
    unsigned = wire.drive(bind(session, second, options=LogonOptions(sign=False)))
    assert unsigned.status == Status.INVALID_PARAMETER
    spoiled = wire.drive(bind(session, second, options=LogonOptions(signing_key=b"k" * 16)))
    assert spoiled.status == Status.ACCESS_DENIED
    wrong = wire.drive(bind(session, second, Credentials("alice", "wrong")))
    assert wrong.status == Status.LOGON_FAILURE
    other = wire.drive(bind(session, second, BOB))
    assert other.status == Status.NOT_SUPPORTED
    assert wire.drive(bind(session, second)).error is None
    assert wire.wait(second.submit(EchoRequest(), session=session, sign=True)).signature_valid is True
    assert wire.wait(first.echo(session=session)).status == Status.SUCCESS


def test_an_authentication_left_in_progress_can_be_looked_at() -> None:
    wire = Wire()
    connection = wire.connect()
    result = wire.drive(session_setup(connection, ALICE, LogonOptions(stop_after=1)))
    assert result.status == Status.MORE_PROCESSING_REQUIRED
    assert result.session_id
    assert connection.session_table == {}
    assert wire.drive(session_setup(connection, ALICE)).error is None


@pytest.mark.parametrize("form", list(AuthForm))
def test_raw_and_wrapped_tokens_and_nobody(form: AuthForm) -> None:
    wire = Wire()
    connection = wire.connect()
    assert wire.drive(session_setup(connection, ALICE, LogonOptions(form=form))).error is None
    nobody = wire.drive(session_setup(connection, ANONYMOUS, LogonOptions(form=form)))
    assert (nobody.status, nobody.error) == (Status.SUCCESS, None)
    assert nobody.session is not None
    assert nobody.session.is_anonymous
    assert clean(connection)


def test_a_previous_session_goes_when_a_new_one_comes() -> None:
    wire = Wire()
    first, second = wire.connect(), wire.connect()
    session = wire.logon(first)
    renewed = wire.drive(session_setup(second, ALICE, LogonOptions(previous_session_id=session.session_id)))
    assert renewed.status == Status.SUCCESS
    gone = wire.drive(tree_connect(session, "data"))
    assert gone.status == Status.USER_SESSION_DELETED


def test_a_session_is_unknown_on_a_connection_it_is_not_bound_to() -> None:
    wire = Wire()
    first, second = wire.connect(), wire.connect()
    session = wire.logon(first)
    assert wire.drive(tree_connect(session, "data", connection=second)).status == Status.USER_SESSION_DELETED
    assert clean(first, second)


@pytest.mark.parametrize(("strings", "dialect"), [(SMB1_DIALECTS, 0x0311), (["SMB 2.002"], 0x0202)])
def test_a_multi_protocol_start(strings: Sequence[str], dialect: int) -> None:
    wire = Wire()
    connection = wire.connect(NegotiateOffer(smb1_dialects=strings))
    assert connection.dialect == dialect
    wire.logon(connection)
    assert clean(connection)


@pytest.mark.parametrize("dialect", [Dialect.SMB_3_0, Dialect.SMB_3_0_2])
def test_the_server_confirms_the_negotiation(dialect: int) -> None:
    wire = Wire()
    connection = wire.connect(NegotiateOffer(dialects=[dialect]))
    result = wire.drive(validate_negotiate(wire.tree(wire.logon(connection))))
    assert (result.status, result.mismatches) == (Status.SUCCESS, [])
    assert clean(connection)


@pytest.mark.parametrize("share", ["data", "sealed"])
def test_a_related_compound(share: str) -> None:
    wire = Wire()
    connection = wire.connect(require_message_signing=True)
    session = wire.logon(connection)
    tree = wire.tree(session, share)
    bodies = [
        create_request("file"),
        WriteRequest(file_id=FILE_ID_ANY, data=b"compound"),
        ReadRequest(file_id=FILE_ID_ANY, length=8),
        CloseRequest(file_id=FILE_ID_ANY),
    ]
    chain = connection.submit_compound(
        [Submission(body=body, session=session, tree=tree) for body in bodies], related=True
    )
    for exchange in chain:
        assert wire.wait(exchange).status == Status.SUCCESS
    opened = tree.opened(chain[0])
    assert opened is not None
    assert clean(connection)


@pytest.mark.parametrize("algorithm", list(SigningAlgorithm))
def test_a_pending_request_is_cancelled(algorithm: SigningAlgorithm) -> None:
    wire = Wire()
    offer = NegotiateOffer(signing_algorithms=[algorithm])
    connection = wire.connect(offer, require_message_signing=True)
    tree = wire.tree(wire.logon(connection))
    directory = wire.drive(
        create(
            tree,
            "",
            desired_access=AccessMask.FILE_LIST_DIRECTORY,
            create_disposition=CreateDisposition.OPEN,
            create_options=CreateOptions.DIRECTORY_FILE,
        )
    ).open
    assert directory is not None
    notify = directory.change_notify(CompletionFilter.FILE_NAME)
    wire.run(lambda: bool(notify.interim))
    assert notify.is_pending
    connection.cancel(notify)
    assert wire.wait(notify).status == Status.CANCELLED
    assert notify.signature_valid is True
    assert clean(connection)


def test_credits_grow_to_the_target_and_a_thousand_requests_go_through() -> None:
    wire = Wire()
    connection = wire.connect()
    wire.logon(connection)
    exchanges = [connection.echo() for _ in range(1000)]
    for exchange in exchanges:
        wire.wait(exchange)
    assert [exchange.message_id for exchange in exchanges] == list(range(3, 1003))
    assert connection.credits == connection.config.credit_target
    assert clean(connection)


def test_an_id_outside_the_window_ends_the_connection() -> None:
    wire = Wire()
    connection = wire.connect()
    exchange = wire.wait(connection.submit(EchoRequest(), message_id=100_000))
    assert exchange.lost is Closed.FIN
    assert exchange.illegal


def test_the_same_entropy_gives_the_same_bytes() -> None:
    def once() -> str:
        wire = Wire()
        first, second = wire.connect(), wire.connect()
        session = wire.logon(first)
        wire.drive(bind(session, second))
        opened = wire.drive(create(wire.tree(session, "sealed"), "file", connection=second)).open
        assert opened is not None
        wire.wait(opened.write(0, b"x" * 1000))
        return wire.digest.hexdigest()

    assert once() == once()
