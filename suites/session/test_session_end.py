"""How sessions end: LOGOFF ([MS-SMB2] 3.3.5.6) and the loss of the only connection (3.3.7.1)."""

from collections.abc import Callable

from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabTree
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SECOND_USER, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, ShareAccess
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

DIALECTS = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]


@case(
    "session.logoff",
    requirements=["SMB2-3.3.5.6-01", "SMB2-3.3.5.6-03"],
    variants={"dialect": DIALECTS},
)
def test_logoff_ends_a_session(lab: Lab) -> None:
    """LOGOFF is answered with the session's signature; the SessionId is unknown then, to LOGOFF as well."""
    session = lab.logon()
    connection = session.connection
    answer = session.logoff(sign=True)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "structure_size", specification=4)
    protected = answer.exchange.decrypted or answer.exchange.signature_valid
    check.that(answer, "response is encrypted or has the right signature", protected, specification=True)
    check(session.tree_connect(on=connection, encrypt=False), specification=Status.USER_SESSION_DELETED)
    check(
        session.logoff(on=connection, encrypt=False),
        requirement="SMB2-3.3.5.6-03",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(lab.logon(connection=connection))


@case("session.logoff-one-of-two", requirements=["SMB2-3.3.5.6-01"], needs=[SECOND_USER])
def test_logoff_spares_the_other_session(lab: Lab) -> None:
    """LOGOFF of one user leaves the session of another one on the same connection alone."""
    leaving = lab.logon()
    staying = lab.logon(lab.second_user, connection=leaving.connection)
    opened = staying.tree().open()
    leaving.tree().open()
    check(leaving.logoff(), specification=Status.SUCCESS)
    check(opened.write(b"still here"), specification=Status.SUCCESS)
    check.alive(staying)


@case("session.logoff-closes-opens", requirements=["SMB2-3.3.5.6-06"])
def test_logoff_closes_opens(lab: Lab) -> None:
    """LOGOFF closes what is open: nothing is in the way of others, and files marked for deletion are gone."""
    other = lab.logon()
    session, kept, deleted = lab.logon(), lab.name(), lab.name()
    tree = session.tree()
    tree.open(kept, share_access=ShareAccess.NONE)
    tree.open(deleted, create_options=CreateOptions.DELETE_ON_CLOSE)
    check(session.logoff(), requirement="SMB2-3.3.5.6-01", specification=Status.SUCCESS)
    tree = other.tree()
    check(tree.create(kept), specification=Status.SUCCESS)
    check(
        tree.create(deleted, create_disposition=CreateDisposition.OPEN),
        specification=Status.OBJECT_NAME_NOT_FOUND,
    )
    check.alive(other)


def change_notify(tree: LabTree) -> Answer:
    """A CHANGE_NOTIFY that waits for a change."""
    return tree.directory().change_notify(CompletionFilter.FILE_NAME, wait=False)


def lock(tree: LabTree) -> Answer:
    """A LOCK that waits for another open's lock."""
    name = tree.lab.name()
    tree.open(name).lock().required()
    return tree.open(name).lock(fail_immediately=False, wait=False)


@case(
    "session.logoff-with-pending-request",
    requirements=["SMB2-3.3.5.6-06", "SMB2-3.3.5.6-01"],
    variants={"request": [change_notify, lock]},
)
def test_logoff_answers_what_is_pending(lab: Lab, request: Callable[[LabTree], Answer]) -> None:
    """LOGOFF leaves no request of the session without an answer."""
    session = lab.logon()
    pending = request(session.tree())
    pending.wait_pending()
    check(session.logoff(), requirement="SMB2-3.3.5.6-01", specification=Status.SUCCESS)
    check(
        pending.wait(),
        specification=Status.NOTIFY_CLEANUP if request is change_notify else Status.CANCELLED,
        permitted_cancelled=Status.CANCELLED,
        permitted_range_not_locked=Status.RANGE_NOT_LOCKED,
    )
    check.alive(lab.logon(connection=session.channels[0]))


@case("session.logoff-then-compound", requirements=["SMB2-3.3.5.6-01"])
def test_requests_behind_a_logoff(lab: Lab) -> None:
    """Requests that were sent right behind a LOGOFF find no session."""
    lab.require_clear_sessions()
    session = lab.logon()
    tree = session.tree()
    opened = tree.open()
    first = session.logoff(wait=False)
    behind = [opened.read(wait=False), tree.create(wait=False)]
    check(first.wait(), specification=Status.SUCCESS)
    for answer in behind:
        check(answer.wait(), specification=Status.USER_SESSION_DELETED)
    check.alive(lab.logon(connection=session.channels[0]))


def by_fin(connection: LabConnection) -> None:
    """Close the connection in order."""
    connection.close()


def by_reset(connection: LabConnection) -> None:
    """Reset the connection."""
    connection.abort()


@case(
    "session.loss-closes-opens",
    requirements=["SMB2-3.3.7.1-06"],
    variants={
        "dialect": [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1],
        "end": [by_fin, by_reset],
    },
)
def test_the_loss_of_the_only_connection_closes_opens(lab: Lab, end: Callable[[LabConnection], None]) -> None:
    """With its only connection a session loses its opens and locks; files marked for deletion are gone."""
    other = lab.logon()
    session, kept, deleted = lab.logon(), lab.name(), lab.name()
    tree = session.tree()
    tree.open(kept, share_access=ShareAccess.NONE).lock().required()
    tree.open(deleted, create_options=CreateOptions.DELETE_ON_CLOSE)
    end(session.connection)
    tree = other.tree()
    answer = lab.eventually(lambda: tree.create(kept), lambda one: one.actual is not Status.SHARING_VIOLATION)
    check(answer, specification=Status.SUCCESS)
    check(answer.open.lock(), specification=Status.SUCCESS)
    gone = lab.eventually(
        lambda: tree.create(
            deleted,
            create_disposition=CreateDisposition.OPEN,
            desired_access=AccessMask.FILE_READ_ATTRIBUTES,
        ),
        lambda one: one.actual is Status.OBJECT_NAME_NOT_FOUND,
    )
    check(gone, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(other)


@case(
    "session.loss-ends-session",
    requirements=["SMB2-3.3.7.1-07"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"end": [by_fin, by_reset]},
)
def test_the_loss_of_the_only_connection_ends_the_session(
    lab: Lab, end: Callable[[LabConnection], None]
) -> None:
    """A session whose only connection is gone cannot be bound to any more."""
    session = lab.logon()
    end(session.connection)
    answer = lab.eventually(lambda: lab.connect().bind(session), lambda one: one.actual is not Status.SUCCESS)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(lab.logon())


@case(
    "session.loss-of-two-sessions",
    requirements=["SMB2-3.3.7.1-11"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_connection_with_two_sessions_is_lost(lab: Lab) -> None:
    """Of two sessions on a connection that is lost, the one with another channel lives on, the other one
    ends.
    """
    going, name = lab.logon(), lab.name()
    shared = going.connection
    staying = lab.logon(connection=shared)
    staying.add_channel()
    going.tree().open(name, share_access=ShareAccess.NONE)
    opened = staying.tree().open()
    shared.close()
    check(opened.write(b"still here"), specification=Status.SUCCESS)
    tree = staying.tree()
    answer = lab.eventually(lambda: tree.create(name), lambda one: one.actual is not Status.SHARING_VIOLATION)
    check(answer, specification=Status.SUCCESS)
    check.alive(staying)
