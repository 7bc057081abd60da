"""Binds that are refused: by the checks of [MS-SMB2] 3.3.5.5 in their order, and by the authentication.

Each is followed by a right bind on the same connection: the connection was not at fault, and nothing of the
refused attempt may be left, least of all in the preauthentication hash.
"""

from collections.abc import Callable

from smbtorture_py.auth.initiator import ntlm_initiator
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import Disturbance, case
from smbtorture_py.conformance.checks import DISCONNECT, any_error, check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabSession
from smbtorture_py.conformance.lab.arguments import Offering
from smbtorture_py.conformance.needs import (
    ADMINISTRATION,
    AES_GMAC,
    ANONYMOUS,
    CLEAR_SESSIONS,
    GUEST,
    MULTI_CHANNEL,
    SECOND_USER,
    SIGNING_OPTIONAL,
    SMB2_0_2,
    SMB2_1,
    SMB3,
    SMB3_0,
    SMB3_0_2,
    SMB311,
)
from smbtorture_py.conformance.target import Account
from smbtorture_py.crypto.kdf import derive_channel_signing_key, session_key_of
from smbtorture_py.wire.header import SIGNATURE_OFFSET, HeaderFlags
from smbtorture_py.wire.negotiate import Capabilities, Dialect, SecurityMode
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.session_setup import SessionSetupFlags
from smbtorture_py.wire.status import Status
from suites.bind.protections import DIALECTS, SIGNED

NO_KEY = bytes(16)
USUAL = Capabilities.DFS | Capabilities.LEASING | Capabilities.LARGE_MTU | Capabilities.MULTI_CHANNEL
UNKNOWN = 0x0000_5E55_1010_0001
"""A SessionId that is not given out: this one added to one that is."""

LAST_BIT = 0x01
NO_TOKEN = b"neither SPNEGO nor NTLMSSP"


def check_refused_for_its_signature(answer: Answer) -> None:
    """Judge what came for a leg whose signature is not that of the message under the session's key."""
    check(
        answer,
        specification=Status.ACCESS_DENIED,
        permitted_disconnect=DISCONNECT,
        samba=(Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED),
        ksmbd=Status.SUCCESS,
    )


@case(
    "bind.unknown-session",
    requirements=["SMB2-3.3.5.5-09"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-unknown-session"],
)
def test_an_unknown_session_cannot_be_bound(lab: Lab) -> None:
    """A bind to a SessionId that no session has is refused as deleted."""
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, session_id=session.session_id ^ UNKNOWN)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check(connection.bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.ended-session",
    requirements=["SMB2-3.3.5.5-09", "SMB2-3.3.5.6-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-unknown-session"],
)
def test_a_session_that_logged_off_cannot_be_bound(lab: Lab) -> None:
    """A bind to a session that has logged off is refused as deleted, although its connection stands."""
    session, other = lab.logon(), lab.logon()
    session.logoff().required()
    answer = lab.connect().bind(session)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(other)


@case(
    "bind.another-dialect",
    requirements=["SMB2-3.3.5.5-10", "SMB2-3.3.5.5-41"],
    needs=[SMB3_0, SMB3_0_2, SMB311, SMB2_1, MULTI_CHANNEL],
    variants=[
        {"of_session": of_session, "of_connection": of_connection}
        for of_session in (Dialect.SMB_2_1, *DIALECTS)
        for of_connection in DIALECTS
        if of_session != of_connection
    ],
    answers=[
        "smbtorture:session.bind_negative_smb2to3s",
        "smbtorture:session.bind_negative_smb2to3d",
        "smbtorture:session.bind_negative_smb3to3s",
        "smbtorture:session.bind_negative_smb3to3d",
    ],
)
def test_another_dialect_is_refused(lab: Lab, of_session: Dialect, of_connection: Dialect) -> None:
    """A connection that negotiated another dialect than the session's cannot be bound to it."""
    session = lab.logon(offer={"dialect": of_session, "signing_algorithm": None})
    connection = lab.connect(dialect=of_connection, signing_algorithm=None)
    # With which of the two dialects' algorithms the refusal is signed is not said.
    answer = connection.tolerate(Rule.SIGNATURE).bind(session)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "bind.another-dialect-with-gmac",
    requirements=["SMB2-3.3.5.5-10", "SMB2-3.3.5.5-41"],
    needs=[SMB3_0, SMB311, SMB2_1, MULTI_CHANNEL, AES_GMAC],
    variants=[
        {"of_session": Dialect.SMB_2_1, "of_connection": Dialect.SMB_3_1_1},
        {"of_session": Dialect.SMB_3_0, "of_connection": Dialect.SMB_3_1_1},
        {"of_session": Dialect.SMB_3_1_1, "of_connection": Dialect.SMB_3_0},
        {"of_session": Dialect.SMB_3_1_1, "of_connection": Dialect.SMB_2_1},
    ],
    answers=[
        "smbtorture:session.bind_negative_smb3signC30toGs",
        "smbtorture:session.bind_negative_smb3signC30toGd",
        "smbtorture:session.bind_negative_smb3signH2XtoGs",
        "smbtorture:session.bind_negative_smb3signH2XtoGd",
        "smbtorture:session.bind_negative_smb3signGtoC30s",
        "smbtorture:session.bind_negative_smb3signGtoC30d",
        "smbtorture:session.bind_negative_smb3signGtoH2Xs",
        "smbtorture:session.bind_negative_smb3signGtoH2Xd",
    ],
)
def test_another_dialect_is_refused_with_gmac(lab: Lab, of_session: Dialect, of_connection: Dialect) -> None:
    """Dialects that differ are refused for that, also where the one of them that can signs with AES-GMAC."""
    offers: list[Offering] = [
        {
            "dialect": dialect,
            "signing_algorithm": SigningAlgorithm.AES_GMAC if dialect == Dialect.SMB_3_1_1 else None,
        }
        for dialect in (of_session, of_connection)
    ]
    session = lab.logon(offer=offers[0])
    # With which of the two dialects' algorithms the refusal is signed is not said.
    answer = lab.connect(**offers[1]).tolerate(Rule.SIGNATURE).bind(session)
    before_3 = of_connection < Dialect.SMB_3_0
    check(
        answer,
        requirement="SMB2-3.3.5.5-25" if before_3 else "SMB2-3.3.5.5-10",
        specification=Status.REQUEST_NOT_ACCEPTED if before_3 else Status.INVALID_PARAMETER,
        gmac_first=(
            Status.REQUEST_OUT_OF_SEQUENCE if of_session == Dialect.SMB_3_1_1 else Status.NOT_SUPPORTED
        ),
    )
    check.alive(session)


@case(
    "bind.over-smb2",
    requirements=["SMB2-3.3.5.5-25"],
    needs=[SMB2_0_2, SMB2_1, SMB3],
    variants=[
        {"of_session": Dialect.SMB_2_0_2, "of_connection": Dialect.SMB_2_0_2},
        {"of_session": Dialect.SMB_2_1, "of_connection": Dialect.SMB_2_1},
        {"of_session": Dialect.SMB_3_0, "of_connection": Dialect.SMB_2_0_2},
        {"of_session": Dialect.SMB_3_0, "of_connection": Dialect.SMB_2_1},
        {"of_session": Dialect.SMB_3_1_1, "of_connection": Dialect.SMB_2_1},
    ],
    answers=[
        "smbtorture:session.bind_negative_smb202",
        "smbtorture:session.bind_negative_smb210s",
        "smbtorture:session.bind_negative_smb210d",
        "smbtorture:session.bind_negative_smb3to2s",
        "smbtorture:session.bind_negative_smb3to2d",
        "ms:MultipleChannel_Negative_SMB21",
        "ms:MultipleChannel_Negative_SMB2002",
    ],
)
def test_a_connection_of_smb2_is_not_bound(lab: Lab, of_session: Dialect, of_connection: Dialect) -> None:
    """A bind over a connection that negotiated SMB 2 is not accepted, whatever the session's dialect."""
    session = lab.logon(offer={"dialect": of_session, "signing_algorithm": None})
    # With which of the two dialects' algorithms the refusal is signed is not said.
    answer = lab.connect(dialect=of_connection).tolerate(Rule.SIGNATURE).bind(session)
    check(answer, specification=Status.REQUEST_NOT_ACCEPTED, other_error=any_error())
    check.alive(session)


@case(
    "bind.unsigned",
    requirements=["SMB2-3.3.5.5-11", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL, SIGNING_OPTIONAL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-unsigned"],
)
def test_an_unsigned_bind_is_refused(lab: Lab) -> None:
    """A bind without a signature is refused; the first channel lives on, and the connection can be bound."""
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, signed=False)
    check(answer, specification=Status.INVALID_PARAMETER)
    check(connection.bind(session), requirement="SMB2-3.3.5.5-41", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.unsigned-though-required",
    requirements=["SMB2-3.3.5.5-11"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-unsigned"],
)
def test_an_unsigned_bind_is_refused_where_signing_is_required(lab: Lab) -> None:
    """A bind without a signature to a session that requires signing is refused by one of two rules."""
    session = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED)
    answer = lab.connect().bind(session, signed=False)
    check(
        answer,
        specification=Status.INVALID_PARAMETER,
        permitted_by_signing_rule=Status.ACCESS_DENIED,
        samba=(Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED),
    )
    check.alive(session)


@case(
    "bind.multi-channel-off",
    requirements=["SMB2-3.3.5.5-25"],
    needs=[SMB3, MULTI_CHANNEL, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"dialect": DIALECTS, "session_id": ["known", "unknown"]},
    answers=["smbtorture:hole.bind-without-multi-channel"],
)
def test_a_server_without_multichannel_binds_nothing(lab: Lab, session_id: str) -> None:
    """A server that is not capable of multichannel does not accept a bind, to whatever session."""
    # Where there is no session, there is no key that a refusal could be signed with rightly.
    session, connection = lab.logon(), lab.connect().tolerate(Rule.SIGNATURE)
    lab.administration.set_multi_channel(False)
    asked = session.session_id ^ (UNKNOWN if session_id == "unknown" else 0)
    answer = connection.bind(session, session_id=asked)
    check(answer, specification=Status.REQUEST_NOT_ACCEPTED, samba=Status.USER_SESSION_DELETED)
    check.alive(session)


@case(
    "bind.notifications-differ",
    requirements=["SMB2-3.3.5.5-20", "SMB2-3.3.5.5-41"],
    needs=[SMB311, MULTI_CHANNEL, ADMINISTRATION],
    disturbs=Disturbance.CONFIGURATION,
    variants={"of_session": [True, False], "of_connection": [True, False]},
)
def test_notifications_are_agreed_on_by_all_channels(lab: Lab, of_session: bool, of_connection: bool) -> None:
    """A connection that takes notifications is no channel of a session that does not, nor the other way
    round.
    """
    lab.administration.offer_notifications()
    offers = [USUAL | (Capabilities.NOTIFICATIONS if one else 0) for one in (of_session, of_connection)]
    session = lab.logon(offer={"capabilities": offers[0]})
    answer = lab.connect(capabilities=offers[1]).bind(session)
    agreed = of_session == of_connection
    check(answer, specification=Status.SUCCESS if agreed else Status.INVALID_PARAMETER)
    check.alive(session)


def corrupted(message: bytearray) -> None:
    """Invert a bit of the signature."""
    message[SIGNATURE_OFFSET] ^= LAST_BIT


def emptied(message: bytearray) -> None:
    """Replace the signature by zeros."""
    message[SIGNATURE_OFFSET : SIGNATURE_OFFSET + len(NO_KEY)] = NO_KEY


def token_changed(message: bytearray) -> None:
    """Invert a bit of the token, under a signature that was right."""
    message[-1] ^= LAST_BIT


@case(
    "bind.signature-wrong",
    requirements=["SMB2-3.3.5.5-17", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=[{**how, "change": change} for how in SIGNED for change in (corrupted, emptied, token_changed)],
    answers=["smbtorture:hole.bind-wrong-key"],
)
def test_a_wrong_signature_is_refused(lab: Lab, change: Callable[[bytearray], None]) -> None:
    """A bind whose signature does not fit the message is refused; the session lives on."""
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, tamper=Tamper(signed=change))
    check_refused_for_its_signature(answer)
    check(lab.connect().bind(session), requirement="SMB2-3.3.5.5-41", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.wrong-key",
    requirements=["SMB2-3.3.5.5-17"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-wrong-key"],
)
def test_a_key_of_no_session_is_refused(lab: Lab) -> None:
    """A bind signed with a key that is not the session's is refused; the session lives on."""
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, signing_key=lab.entropy(len(NO_KEY)))
    check_refused_for_its_signature(answer)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.key-of-another-channel",
    requirements=["SMB2-3.3.5.5-18"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-wrong-key"],
)
def test_the_key_of_another_channel_is_refused(lab: Lab) -> None:
    """A bind must be signed with the session's key: that of a channel which was bound before is refused."""
    session = lab.logon()
    second = session.core.channel(session.add_channel().core)
    assert second is not None
    answer = lab.connect().bind(session, signing_key=second.signing_key)
    check_refused_for_its_signature(answer)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.key-of-the-new-channel",
    requirements=["SMB2-3.3.5.5-17", "SMB2-3.3.5.5-40"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": [Dialect.SMB_3_0, Dialect.SMB_3_0_2]},
    answers=["smbtorture:hole.bind-new-key"],
)
def test_the_key_of_the_new_channel_is_refused(lab: Lab, dialect: Dialect) -> None:
    """The last leg of a bind must be signed with the session's key still: that of the channel which the bind
    makes is refused.
    """
    session = lab.logon()
    initiator = ntlm_initiator(
        lab.credentials(), entropy=lab.entropy, now=lab.now, target_name=f"cifs/{lab.target.server_name}"
    )

    def new_key(leg: int) -> Tamper | None:
        if not leg:
            return None
        key = derive_channel_signing_key(dialect, session_key_of(initiator.session_key), b"")
        return Tamper(signing_key=key)

    answer = lab.connect().bind(session, initiator=initiator, tamper=new_key)
    check_refused_for_its_signature(answer)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.second-leg-unsigned",
    requirements=["SMB2-3.3.5.5-40"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-unsigned"],
)
def test_every_leg_must_be_signed(lab: Lab) -> None:
    """The second leg of a bind is checked like the first: without a signature it is refused."""
    session = lab.logon()
    unsigned = Tamper(header=lambda header: setattr(header, "flags", header.flags & ~HeaderFlags.SIGNED))
    answer = lab.connect().bind(session, tamper=lambda leg: unsigned if leg else None)
    check(answer, specification=Status.INVALID_PARAMETER, samba=Status.SUCCESS)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.second-leg-signature-wrong",
    requirements=["SMB2-3.3.5.5-40"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
    answers=["smbtorture:hole.bind-wrong-key"],
)
def test_every_leg_must_be_signed_right(lab: Lab) -> None:
    """The second leg of a bind is checked like the first: with a wrong signature it is refused."""
    session = lab.logon()
    wrong = Tamper(signed=corrupted)
    answer = lab.connect().bind(session, tamper=lambda leg: wrong if leg else None)
    check_refused_for_its_signature(answer)
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.session-in-progress",
    requirements=["SMB2-3.3.5.5-13"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-session-in-progress"],
)
def test_a_session_in_progress_is_not_bound(lab: Lab) -> None:
    """A session whose first authentication is under way on another connection cannot be bound yet."""
    session = lab.logon()
    half = lab.connect().session_setup(stop_after=1).required(Status.MORE_PROCESSING_REQUIRED)
    answer = lab.connect().bind(session, session_id=half.header.session_id)
    check(
        answer,
        specification=Status.REQUEST_NOT_ACCEPTED,
        permitted_no_key_yet=Status.NOT_SUPPORTED,
        samba=(DISCONNECT, Status.INVALID_PARAMETER),
    )
    check(lab.connect().bind(session), specification=Status.SUCCESS)
    check.alive(session)


def check_keyless_is_not_bound(lab: Lab, session: LabSession) -> None:
    """Bind a session that has nobody's password behind it, and see that it is refused and lives on."""
    # There is no key that a refusal could be signed with rightly.
    connection = lab.connect().tolerate(Rule.SIGNATURE)
    answer = connection.bind(session, signed=True, signing_key=session.core.signing_key or NO_KEY)
    check(answer, specification=Status.NOT_SUPPORTED, samba=Status.INVALID_PARAMETER)
    check.alive(session)


@case(
    "bind.guest-session",
    requirements=["SMB2-3.3.5.5-15"],
    needs=[SMB3, MULTI_CHANNEL, GUEST, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-guest"],
)
def test_a_guest_session_is_not_bound(lab: Lab) -> None:
    """The session of a guest cannot have a second channel."""
    session = lab.logon(guest=True)
    check_keyless_is_not_bound(lab, session)


@case(
    "bind.anonymous-session",
    requirements=["SMB2-3.3.5.5-15"],
    needs=[SMB3, MULTI_CHANNEL, ANONYMOUS, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.bind-anonymous"],
)
def test_an_anonymous_session_is_not_bound(lab: Lab) -> None:
    """An anonymous session cannot have a second channel."""
    session = lab.logon(anonymous=True)
    check_keyless_is_not_bound(lab, session)


@case(
    "bind.already-bound",
    requirements=["SMB2-3.3.5.5-16"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": DIALECTS, "number": [0, 1], "key": ["session", "channel"]},
    answers=["smbtorture:hole.bind-already-bound"],
)
def test_a_channel_is_not_bound_again(lab: Lab, number: int, key: str) -> None:
    """A channel of the session cannot be bound to it again, whichever key signs, and stays a channel."""
    session = lab.logon()
    session.add_channel()
    channel = session.core.channel_list[number]
    signing_key = channel.signing_key if key == "channel" else session.core.signing_key
    answer = session.channels[number].bind(session, signing_key=signing_key)
    check(answer, specification=Status.REQUEST_NOT_ACCEPTED, windows=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "bind.another-user",
    requirements=["SMB2-3.3.5.5-19", "SMB2-3.3.5.5-28", "SMB2-3.3.5.5-41"],
    needs=[SMB3, MULTI_CHANNEL, SECOND_USER],
    variants=SIGNED,
    answers=["smbtorture:session.bind_different_user"],
)
def test_another_user_cannot_bind(lab: Lab) -> None:
    """A bind that authenticates another user is refused; the right user can then bind the same connection."""
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, lab.second_user)
    check(
        answer,
        specification=Status.NOT_SUPPORTED,
        windows=Status.ACCESS_DENIED,
        ksmbd=Status.LOGON_FAILURE,
    )
    check.alive(session)


@case(
    "bind.right-user-after-another",
    requirements=["SMB2-3.3.5.5-28"],
    needs=[SMB3, MULTI_CHANNEL, SECOND_USER],
    variants=SIGNED,
    answers=["smbtorture:session.bind_different_user"],
)
def test_the_right_user_can_bind_afterwards(lab: Lab) -> None:
    """After a bind by another user was refused, the session's own user binds the same connection."""
    session, connection = lab.logon(), lab.connect()
    check.that(
        connection,
        "the first bind",
        connection.bind(session, lab.second_user).actual,
        specification=any_error(),
    )
    check(connection.bind(session), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "bind.as-guest",
    requirements=["SMB2-3.3.5.5-19"],
    needs=[SMB3, MULTI_CHANNEL, GUEST],
    variants={"dialect": DIALECTS},
)
def test_a_guest_cannot_bind(lab: Lab) -> None:
    """A bind whose authentication ends as guest is refused: a guest is not the session's user."""
    session = lab.logon()
    answer = lab.connect().bind(session, guest=True)
    check(answer, specification=Status.NOT_SUPPORTED, windows=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "bind.as-anonymous",
    requirements=["SMB2-3.3.5.5-19"],
    needs=[SMB3, MULTI_CHANNEL, ANONYMOUS],
    variants={"dialect": DIALECTS},
)
def test_nobody_cannot_bind(lab: Lab) -> None:
    """A bind that authenticates anonymously is refused: nobody is not the session's user."""
    session = lab.logon()
    answer = lab.connect().bind(session, anonymous=True)
    check(answer, specification=Status.NOT_SUPPORTED, windows=Status.ACCESS_DENIED)
    check.alive(session)


@case(
    "bind.wrong-password",
    requirements=["SMB2-3.3.5.5-42", "SMB2-3.3.5.5-27"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:session.bind_invalid_auth"],
)
def test_a_wrong_password_spares_the_session(lab: Lab) -> None:
    """A bind with a wrong password fails; the session, its file and its other channel stay, the connection
    is no channel.
    """
    session = lab.logon()
    session.add_channel()
    file = session.tree().open()
    connection = lab.connect()
    answer = connection.bind(session, Account(lab.target.user.user, "not the password"))
    check(answer, specification=Status.LOGON_FAILURE, permitted_other_error=any_error())
    check(file.write(b"still open"), specification=Status.SUCCESS)
    check(
        file.read(on=connection, sign=True),
        requirement="SMB2-3.3.5.5-27",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(session)


@case(
    "bind.no-binding-flag",
    requirements=["SMB2-3.3.5.5-29"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={"dialect": DIALECTS, "signed": [True, False]},
)
def test_without_the_flag_nothing_is_bound(lab: Lab, signed: bool) -> None:
    """SESSION_SETUP with the id of a session of another connection, but without the flag, is refused."""
    if not signed:
        lab.need(SIGNING_OPTIONAL)
    session, connection = lab.logon(), lab.connect()
    answer = connection.bind(session, signed=signed, flags=SessionSetupFlags.NONE)
    check(answer, specification=Status.USER_SESSION_DELETED)
    check(connection.bind(session), specification=Status.SUCCESS)
    check.alive(session)


def unsigned(connection: LabConnection, session: LabSession) -> None:
    """A bind without a signature."""
    check.that(
        connection, "unsigned", connection.bind(session, signed=False).actual, specification=any_error()
    )


def broken_token(connection: LabConnection, session: LabSession) -> None:
    """A bind whose first token is no token."""
    answer = connection.bind(session, token=lambda leg, right: right if leg else NO_TOKEN)
    check.that(connection, "broken token", answer.actual, specification=any_error())


def wrong_password(connection: LabConnection, session: LabSession) -> None:
    """A bind with a wrong password."""
    answer = connection.bind(session, Account(connection.lab.target.user.user, "not the password"))
    check.that(connection, "wrong password", answer.actual, specification=any_error())


def unknown_session(connection: LabConnection, session: LabSession) -> None:
    """A bind to no session."""
    answer = connection.bind(session, session_id=session.session_id ^ UNKNOWN)
    check.that(connection, "unknown session", answer.actual, specification=any_error())


def no_flag(connection: LabConnection, session: LabSession) -> None:
    """A SESSION_SETUP that forgot the flag."""
    answer = connection.bind(session, flags=SessionSetupFlags.NONE)
    check.that(connection, "no flag", answer.actual, specification=any_error())


@case(
    "bind.right-after-refused",
    requirements=["SMB2-3.3.5.5.3-20", "SMB2-3.3.5.5.3-19"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants={
        "dialect": DIALECTS,
        "first": [unsigned, broken_token, wrong_password, unknown_session, no_flag],
        "times": [1, 3],
    },
    answers=[
        "smbtorture:hole.preauth-per-bind",
        "ms:MultipleChannel_SecondChannelSessionSetupFailAtFirstTime",
        "ms:hole.slip-bind-first-fails",
    ],
)
def test_a_refused_bind_leaves_nothing(
    lab: Lab, first: Callable[[LabConnection, LabSession], None], times: int
) -> None:
    """After binds that were refused the same connection is bound, and signs with that bind's own key."""
    session, connection = lab.logon(), lab.connect()
    for _ in range(times):
        first(connection, session)
    check(connection.bind(session), specification=Status.SUCCESS)
    check(connection.echo(session, signed=True), specification=Status.SUCCESS)
    check.alive(session)
