"""PreviousSessionId: a new session that takes the place of an old one ([MS-SMB2] 3.3.5.5.3)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, check
from smbtorture_py.conformance.lab import Lab, LabTree
from smbtorture_py.conformance.needs import ANONYMOUS, GUEST, MULTI_CHANNEL, SECOND_USER, SMB3
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.create import OplockLevel, ShareAccess
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

DIALECTS = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
UNKNOWN_ID = 0x0BAD_5E55_1234_5678
RESERVED_ID = 0xFFFF_FFFF_FFFF_FFFF


def tree_with_open(lab: Lab) -> tuple[LabTree, str]:
    """Return a tree connect of a new session with a file open that is not shared, and the name of that."""
    tree, name = lab.logon().tree(), lab.name()
    tree.open(name, share_access=ShareAccess.NONE)
    return tree, name


@case(
    "session.previous",
    requirements=["SMB2-3.3.5.5.3-30"],
    variants={"dialect": DIALECTS, "same_connection": [False, True]},
    answers=[
        "smbtorture:session.reconnect1",
        "smbtorture:session.reconnect2",
        "smbtorture:hole.slip-reconnect-oplock",
    ],
)
def test_a_previous_session_is_ended(lab: Lab, same_connection: bool) -> None:
    """A logon that names a previous session of its user ends that session, its opens before the response."""
    tree, name = tree_with_open(lab)
    old = tree.session
    connection = old.connection if same_connection else lab.connect()
    answer = connection.session_setup(previous_session_id=old.session_id)
    check(answer, requirement="SMB2-3.3.5.5.3-33", specification=Status.SUCCESS)
    opened = answer.session.tree().create(name, requested_oplock_level=OplockLevel.BATCH)
    check(opened, specification=Status.SUCCESS)
    # Beside an open that is still there it would be level II.
    check.field(opened, "oplock_level", specification=OplockLevel.BATCH, permitted_none=OplockLevel.NONE)
    check(old.tree_connect(encrypt=False), specification=Status.USER_SESSION_DELETED)
    check.alive(answer.session)


@case(
    "session.previous-of-another-user",
    requirements=["SMB2-3.3.5.5.3-32"],
    needs=[SECOND_USER, ANONYMOUS, GUEST],
    variants={"who": ["second user", "anonymous", "guest"]},
)
def test_a_previous_session_of_another_user_stays(lab: Lab, who: str) -> None:
    """Nobody can end the session of somebody else by naming it as his previous one."""
    if who != "second user":
        lab.require_clear_sessions()
    tree, name = tree_with_open(lab)
    old = tree.session
    answer = lab.connect().session_setup(
        lab.second_user if who == "second user" else None,
        anonymous=who == "anonymous",
        guest=who == "guest",
        previous_session_id=old.session_id,
    )
    check(answer, specification=Status.SUCCESS)
    check(tree.create(name), specification=Status.SHARING_VIOLATION)
    check.alive(old)


@case(
    "session.previous-unknown",
    requirements=["SMB2-3.3.5.5.3-33"],
    variants={"previous": [UNKNOWN_ID, RESERVED_ID]},
)
def test_an_unknown_previous_session_is_ignored(lab: Lab, previous: int) -> None:
    """A PreviousSessionId that means nothing does not keep anybody from logging on."""
    answer = lab.connect().session_setup(previous_session_id=previous)
    check(answer, specification=Status.SUCCESS)
    check.alive(answer.session)


@case("session.previous-after-failure", requirements=["SMB2-3.3.5.5.3-31"])
def test_a_failed_logon_ends_no_previous_session(lab: Lab) -> None:
    """A wrong password in the name of the right user does not end his previous session."""
    tree, name = tree_with_open(lab)
    old = tree.session
    answer = lab.connect().session_setup(lab.wrong_password, previous_session_id=old.session_id)
    check(answer, requirement="SMB2-3.3.5.5.3-02", specification=any_error())
    check(tree.create(name), specification=Status.SHARING_VIOLATION)
    check.alive(old)


@case("session.previous-not-before-the-end", requirements=["SMB2-3.3.5.5.3-31", "SMB2-3.3.5.5.3-30"])
def test_a_previous_session_lives_until_the_logon_is_complete(lab: Lab) -> None:
    """The previous session is there until the new one is authenticated, and gone with that."""
    tree, name = tree_with_open(lab)
    old = tree.session
    begun = lab.connect().begin_session_setup(previous_session_id=old.session_id)
    check(begun.first, requirement="SMB2-3.3.5.5.3-01", specification=Status.MORE_PROCESSING_REQUIRED)
    check(tree.create(name), specification=Status.SHARING_VIOLATION)
    session = begun.finish().session
    check(
        old.tree_connect(encrypt=False),
        requirement="SMB2-3.3.5.5.3-30",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(session)


@case("session.previous-is-itself", requirements=["SMB2-3.3.5.5.3-34"])
def test_a_session_that_is_its_own_previous_one(lab: Lab) -> None:
    """A re-authentication that names its own session as the previous one does not end it."""
    session = lab.logon()
    opened = session.tree().open()
    answer = session.reauthenticate(previous_session_id=session.session_id)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check(opened.write(b"still here"), specification=Status.SUCCESS, windows_7=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "session.previous-with-pending-request",
    requirements=["SMB2-3.3.5.5.3-36"],
    variants={"same_connection": [False, True]},
)
def test_a_pending_request_of_a_previous_session(lab: Lab, same_connection: bool) -> None:
    """What is pending in a session that is replaced is answered before that is forgotten."""
    old = lab.logon()
    pending = old.tree().directory().change_notify(CompletionFilter.FILE_NAME, wait=False)
    pending.wait_pending()
    connection = old.connection if same_connection else lab.connect()
    answer = connection.session_setup(previous_session_id=old.session_id)
    check(answer, requirement="SMB2-3.3.5.5.3-30", specification=Status.SUCCESS)
    check(
        pending.wait(),
        specification=Status.NOTIFY_CLEANUP,
        permitted_cancelled=Status.CANCELLED,
    )
    check.alive(answer.session)


@case("session.previous-of-reauthentication", requirements=["SMB2-3.3.5.5.3-30"])
def test_a_reauthentication_can_end_a_previous_session(lab: Lab) -> None:
    """PreviousSessionId counts in a re-authentication like in a new session."""
    tree, name = tree_with_open(lab)
    old = tree.session
    session = lab.logon()
    answer = session.reauthenticate(previous_session_id=old.session_id)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check(session.tree().create(name), specification=Status.SUCCESS)
    check(old.tree_connect(encrypt=False), specification=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "session.previous-with-channels",
    requirements=["SMB2-3.3.5.5.3-35"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_previous_session_with_two_channels(lab: Lab) -> None:
    """What happens to the other channels of a session that is replaced; the connections stay."""
    old = lab.logon()
    channels = (old.connection, old.add_channel())
    session = lab.logon(previous_session_id=old.session_id)
    for channel in channels:
        check(
            old.tree_connect(on=channel, encrypt=False),
            specification=Status.USER_SESSION_DELETED,
            kept=Status.SUCCESS,
        )
        channel.session_setup().required()
    check.alive(session)
