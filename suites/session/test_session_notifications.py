"""What a server says of its own accord when a session is closed ([MS-SMB2] 2.2.44, 3.3.4.12, 4.11)."""

from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import check, has_flag, lacks_flag
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import ADMINISTRATION, MULTI_CHANNEL, SMB311
from smbtorture_py.wire.header import MESSAGE_ID_UNSOLICITED, Command
from smbtorture_py.wire.negotiate import Capabilities, Dialect
from smbtorture_py.wire.notification import NotificationType, ServerToClientNotification
from smbtorture_py.wire.status import Status

USUAL = Capabilities.DFS | Capabilities.LEASING | Capabilities.LARGE_MTU | Capabilities.MULTI_CHANNEL
NOTIFIED = USUAL | Capabilities.NOTIFICATIONS
A_WHILE = 1.0
"""Seconds in which a notification that is sent has long come."""


@case(
    "session.notifications-agreed",
    requirements=["SMB2-3.3.5.4-16"],
    needs=[SMB311, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants=[
        {"dialect": Dialect.SMB_3_1_1, "asked": True},
        {"dialect": Dialect.SMB_3_1_1, "asked": False},
        {"dialect": Dialect.SMB_3_0_2, "asked": True},
    ],
)
def test_notifications_are_agreed_on(lab: Lab, dialect: Dialect, asked: bool) -> None:
    """A server that notifies says so on 3.1.1, and to clients that ask for it."""
    lab.administration.offer_notifications()
    answer = lab.open_connection().negotiate(capabilities=NOTIFIED if asked else USUAL)
    check(answer, specification=Status.SUCCESS)
    granted = asked and dialect == Dialect.SMB_3_1_1
    expected = (has_flag if granted else lacks_flag)(Capabilities.NOTIFICATIONS)
    check.field(answer, "capabilities", specification=expected)


@case(
    "session.closing-is-told",
    requirements=["SMB2-2.2.44-01"],
    needs=[SMB311, MULTI_CHANNEL, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"lost": [False, True]},
    answers=["smbtorture:hole.notification-session-closed"],
)
def test_the_closing_of_a_session_is_told(lab: Lab, lost: bool) -> None:
    """A client that takes notifications is told once, over the first channel that is left, that an
    administrator has closed its session.
    """
    lab.administration.offer_notifications()
    bystander = lab.logon(offer={"capabilities": NOTIFIED})
    session = lab.logon(offer={"capabilities": NOTIFIED})
    session.add_channel(connection=lab.connect(capabilities=NOTIFIED))
    channels = list(session.channels)
    if lost:
        channels[0].close()
        # With its answer the server has seen what happened to the other channel.
        session.echo(on=channels[1]).required()
    lab.administration.close_session(session.session_id, lab.now)
    lab.pause(A_WHILE)
    heard = [one for channel in channels for one in channel.notifications]
    check.that(session, "number of notifications", len(heard), specification=1)
    header, body = heard[0].message.header, heard[0].body
    assert isinstance(body, ServerToClientNotification)
    check.that(session, "Command", header.command, specification=Command.SERVER_TO_CLIENT_NOTIFICATION)
    check.that(session, "MessageId", header.message_id, specification=MESSAGE_ID_UNSOLICITED)
    check.that(session, "SessionId", header.session_id, specification=session.session_id)
    kind = body.notification_type
    check.that(session, "NotificationType", kind, specification=NotificationType.SESSION_CLOSED)
    left = channels[-1]
    check(
        session.tree_connect(on=left),
        requirement="SMB2-3.3.5.2.9-01",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(bystander)


@case(
    "session.closing-is-not-told",
    requirements=["SMB2-2.2.44-01"],
    needs=[SMB311, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
)
def test_who_did_not_ask_is_told_nothing(lab: Lab) -> None:
    """A client that did not ask for notifications finds its session gone, and is told nothing before."""
    lab.administration.offer_notifications()
    session = lab.logon(offer={"capabilities": USUAL})
    lab.administration.close_session(session.session_id, lab.now)
    lab.pause(A_WHILE)
    check.that(session, "number of notifications", len(session.connection.notifications), specification=0)
    check(session.tree_connect(), requirement="SMB2-3.3.5.2.9-01", specification=Status.USER_SESSION_DELETED)
    check.alive(lab.logon(connection=session.connection))
