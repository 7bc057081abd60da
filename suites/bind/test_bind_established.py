"""Binds that succeed: what the server answers, with which keys, and how many there may be ([MS-SMB2] 3.3.5.5,
3.3.5.5.3).
"""

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import (
    CLEAR_SESSIONS,
    MULTI_CHANNEL,
    SECOND_ADDRESS,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.wire.change_notify import CompletionFilter
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.negotiate import SecurityMode
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from suites.bind.protections import DIALECTS, SIGNED

KNOWN_LIMIT = 32
"""Channels that Windows, Samba and ksmbd give a session."""

SEVERAL = 6
PIECE = 65536


def signature_of(exchange: Exchange) -> str:
    """Return what the signature of a response is."""
    return {True: "right", False: "wrong", None: "missing"}[exchange.signature_valid]


@case(
    "bind.established",
    requirements=["SMB2-3.3.5.5-33", "SMB2-3.3.5.5-38"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.message-ids-per-channel"],
)
def test_a_connection_becomes_a_channel(lab: Lab) -> None:
    """A correct bind is answered with the session's id and no flag, and both channels serve the session."""
    session = lab.logon()
    answer = lab.connect().bind(session)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "header.session_id", specification=session.session_id)
    check.field(answer, "session_flags", requirement="SMB2-3.3.5.5-38", specification=SessionFlags.NONE)
    check.alive(session)


@case(
    "bind.another-address",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL, SECOND_ADDRESS],
    variants={"first": [0, 1], "second": [0, 1]},
    answers=[
        "ms:BVT_MultipleChannel_NicRedundantOnBoth",
        "ms:MultipleChannel_NicRedundantOnClient",
        "ms:MultipleChannel_NicRedundantOnServer",
        "ms:MultipleChannel_MultiChannelOnSameNic",
    ],
)
def test_channels_may_go_to_any_address(lab: Lab, first: int, second: int) -> None:
    """A session is bound from one address of the server to another, and to the same, with a file in use."""
    session = lab.logon(connection=lab.connect(first))
    file = session.tree().open()
    channel = lab.connect(second)
    check(channel.bind(session), specification=Status.SUCCESS)
    check(file.write(b"over the second channel", on=channel), specification=Status.SUCCESS)
    check.that(file, "the data read", file.read().required().data, specification=b"over the second channel")
    check.alive(session)


@case(
    "bind.legs-signed",
    requirements=["SMB2-3.3.5.5-30", "SMB2-3.3.5.5-31"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-final-response-key", "smbtorture:hole.bind-interim-response-key"],
)
def test_every_leg_is_signed_with_its_key(lab: Lab) -> None:
    """The response that asks for more is signed with Session.SigningKey, the last one with the new channel's
    key.
    """
    session = lab.logon()
    answer = lab.connect().bind(session)
    check(answer, requirement="SMB2-3.3.5.5-31", specification=Status.SUCCESS)
    *continued, last = answer.legs
    for number, leg in enumerate(continued, 1):
        check.that(answer, f"signature of leg {number}", signature_of(leg), specification="right")
    check.that(
        answer,
        "signature of the last leg",
        signature_of(last),
        requirement="SMB2-3.3.5.5-31",
        specification="right",
    )
    check.alive(session)


@case(
    "bind.channel-key",
    requirements=["SMB2-3.3.5.5.3-22", "SMB2-3.3.5.5-35"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-final-response-key"],
)
def test_a_channel_has_a_key_of_its_own(lab: Lab) -> None:
    """Requests on the second channel are signed with its own key; the first channel's key is wrong there."""
    session = lab.logon()
    channel = session.add_channel()
    channel.may_be_lost = True
    check(channel.echo(session, signed=True), specification=Status.SUCCESS)
    answer = session.send(
        EchoRequest(), on=channel, sign=True, tamper=Tamper(signing_key=session.core.signing_key)
    )
    check(
        answer,
        requirement="SMB2-3.3.5.5-35",
        specification=Status.ACCESS_DENIED,
        permitted_disconnect=DISCONNECT,
    )
    check.alive(session)


@case(
    "bind.occupied-connection",
    requirements=["SMB2-3.3.5.5-45", "SMB2-3.3.5.5-27"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:session.bind1"],
)
def test_a_connection_carries_several_sessions(lab: Lab) -> None:
    """A connection with a session of its own becomes a channel of another one: both work there, its own one
    nowhere else.
    """
    first, second = lab.logon(), lab.logon()
    shared = second.channels[0]
    file, other = first.tree().open(), second.tree().open()
    check(shared.bind(first), specification=Status.SUCCESS)
    check(file.write(b"first", on=shared, sign=True), specification=Status.SUCCESS)
    check(other.write(b"second", on=shared, sign=True), specification=Status.SUCCESS)
    check(
        other.write(b"nowhere", on=first.channels[0], sign=True),
        requirement="SMB2-3.3.5.5-27",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(first)
    check.alive(second)


@case(
    "bind.two-sessions-at-once",
    requirements=["SMB2-3.3.5.5.3-19", "SMB2-3.3.5.5-45"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-interleaved", "smbtorture:hole.preauth-per-bind"],
)
def test_two_binds_on_one_connection_keep_apart(lab: Lab) -> None:
    """The binds of two sessions, leg by leg in turn on one connection, each get their own hash and key."""
    sessions = [lab.logon(), lab.logon()]
    connection = lab.connect()
    for answer in lab.bind_together([(connection, session) for session in sessions]):
        check(answer, specification=Status.SUCCESS)
    for session in sessions:
        check(connection.echo(session, signed=True), specification=Status.SUCCESS)
        check.alive(session)


@case(
    "bind.begun-again",
    requirements=["SMB2-3.3.5.5-47", "SMB2-3.3.5.5.3-20"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-aborted"],
)
def test_a_bind_is_given_up_and_begun_again(lab: Lab) -> None:
    """A bind that was left after its first leg does not keep the same connection from being bound: at the
    next attempt, or at the one after that.
    """
    session, connection = lab.logon(), lab.connect()
    connection.begin_bind(session).first.required(Status.MORE_PROCESSING_REQUIRED)
    # To the server the first token of the new attempt may look like a second one of the old.
    answer = connection.bind(session)
    if answer.actual is not Status.SUCCESS:
        check(answer, specification=any_error())
        answer = connection.bind(session)
    check(answer, requirement="SMB2-3.3.5.5.3-20", specification=Status.SUCCESS)
    check(connection.echo(session, signed=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.many-at-once",
    requirements=["SMB2-3.3.5.5-43"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-interleaved", "smbtorture:hole.message-ids-per-channel"],
)
def test_many_connections_are_bound_at_once(lab: Lab) -> None:
    """Several connections are bound to one session, all legs in flight together, and each signs with its own
    key.
    """
    session = lab.logon()
    connections = [lab.connect() for _ in range(SEVERAL)]
    for answer in lab.bind_together([(one, session) for one in connections]):
        check(answer, specification=Status.SUCCESS)
    keys = {channel.signing_key for channel in session.core.channel_list}
    check.that(session, "different keys", len(keys), specification=SEVERAL + 1)
    check.alive(session)


@case(
    "bind.during-transfer",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "signed": [False, True]},
)
def test_a_bind_does_not_disturb_a_transfer(lab: Lab, signed: bool) -> None:
    """While writes are under way on the first channel a second one is bound; all data arrives, readable on
    both.
    """
    if not signed:
        lab.need(SIGNING_OPTIONAL)
    session = lab.logon()
    file = session.tree().open()
    pieces = [bytes([number + 1]) * PIECE for number in range(SEVERAL)]
    writes = [
        file.write(piece, number * PIECE, wait=False, sign=signed) for number, piece in enumerate(pieces)
    ]
    channel = lab.connect()
    check(channel.bind(session), specification=Status.SUCCESS)
    for write in writes:
        check(write.wait(), specification=Status.SUCCESS)
    for where in session.channels:
        data = file.read(length=SEVERAL * PIECE, on=where, sign=signed).required().data
        check.that(file, f"the data on {where.name}", data == b"".join(pieces), specification=True)
    check.alive(session)


@case(
    "bind.during-pending-request",
    requirements=["SMB2-3.3.5.5-33"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
)
def test_a_bind_does_not_disturb_a_pending_request(lab: Lab) -> None:
    """A CHANGE_NOTIFY that waits on the first channel goes on through a bind, and ends there when a file is
    made over the new channel.
    """
    session = lab.logon()
    tree = session.tree()
    directory = tree.directory()
    notify = directory.change_notify(CompletionFilter.FILE_NAME, wait=False)
    notify.wait_pending()
    channel = lab.connect()
    check(channel.bind(session), specification=Status.SUCCESS)
    tree.open(f"{directory.core.file_name}\\new", on=channel)
    check(notify.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.during-reauthentication",
    requirements=["SMB2-3.3.5.5-44"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-session-in-progress"],
)
def test_a_bind_succeeds_during_a_reauthentication(lab: Lab) -> None:
    """A valid session that is half-way through a re-authentication on its first channel can be bound."""
    session = lab.logon()
    half = session.reauthenticate(stop_after=1)
    check(half, specification=Status.MORE_PROCESSING_REQUIRED)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.up-to-a-limit",
    requirements=["SMB2-3.3.5.5-37", "SMB2-3.3.5.5-33", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL],
    slow=True,
    answers=["smbtorture:multichannel.generic.num_channels"],
)
def test_channels_up_to_a_limit_and_one_more(lab: Lab) -> None:
    """Thirty-two channels are bound; the next bind succeeds too, or is refused for want of resources, and all
    go on.
    """
    session = lab.logon()
    for _ in range(2, (lab.target.channel_limit or KNOWN_LIMIT) + 1):
        answer = lab.connect().bind(session)
        check(answer, requirement="SMB2-3.3.5.5-33", specification=Status.SUCCESS)
    answer = lab.connect().bind(session)
    check(answer, specification=Status.SUCCESS, limited=Status.INSUFFICIENT_RESOURCES)
    check.alive(session)


@case(
    "bind.slot-reused",
    requirements=["SMB2-3.3.5.5-46"],
    needs=[SMB3, MULTI_CHANNEL],
    slow=True,
    variants={"lost": ["first", "middle", "last"]},
    answers=["smbtorture:hole.slot-reuse"],
)
def test_the_slot_of_a_lost_channel_is_free(lab: Lab, lost: str) -> None:
    """With as many channels as the server allows, one is closed: another connection can be bound in its
    place.
    """
    session = lab.logon()
    for _ in range(2, (lab.target.channel_limit or KNOWN_LIMIT) + 1):
        session.add_channel()
    number = {"first": 0, "middle": len(session.channels) // 2, "last": -1}[lost]
    session.channels[number].close()
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.previous-session-is-itself",
    requirements=["SMB2-3.3.5.5-39"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-previous-session"],
)
def test_a_bind_may_name_its_own_session(lab: Lab) -> None:
    """A bind whose PreviousSessionId is the session's own id succeeds and leaves the session as it is."""
    session = lab.logon()
    file = session.tree().open()
    answer = lab.connect().bind(session, previous_session_id=session.session_id)
    check(answer, specification=Status.SUCCESS)
    check(file.write(b"still open"), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.previous-session",
    requirements=["SMB2-3.3.5.5.3-37"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-previous-session"],
)
def test_a_bind_ends_the_previous_session(lab: Lab) -> None:
    """A bind whose PreviousSessionId names another session of the user ends that one, not the bound one."""
    session, previous = lab.logon(), lab.logon()
    answer = lab.connect().bind(session, previous_session_id=previous.session_id)
    check(answer, specification=Status.SUCCESS)
    gone = previous.channels[0].echo(previous, signed=True)
    check(gone, specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.requires-signing",
    requirements=["SMB2-3.3.5.5.3-38"],
    needs=[SMB3, MULTI_CHANNEL, SIGNING_OPTIONAL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "channel": [0, 1]},
)
def test_a_bind_can_make_signing_required(lab: Lab, channel: int) -> None:
    """A bind whose SecurityMode requires signing makes it required in the whole session, on every channel."""
    session = lab.logon()
    tree = session.tree()
    check(tree.create(sign=False), specification=Status.SUCCESS)
    lab.connect().bind(session, security_mode=SecurityMode.SIGNING_REQUIRED).required()
    used = session.channels[channel]
    used.may_be_lost = True
    answer = tree.create(on=used, sign=False)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT, samba=Status.SUCCESS)
    check.alive(session)
