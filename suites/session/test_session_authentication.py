"""Authenticating a new session ([MS-SMB2] 3.3.5.5, 3.3.5.5.1, 3.3.5.5.3)."""

from collections.abc import Callable
from dataclasses import replace

from smbtorture_py.auth.credentials import AuthForm
from smbtorture_py.auth.initiator import InitiatorHooks
from smbtorture_py.auth.ntlm_messages import AuthenticateMessage
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, at_least, check, other_than
from smbtorture_py.conformance.lab import CLIENT_GUID_SIZE, Lab, LabConnection
from smbtorture_py.conformance.needs import ANONYMOUS, GUEST, SIGNING_OPTIONAL, SMB3, SMB3_0_2, SMB311
from smbtorture_py.wire.codec import HEADER_SIZE
from smbtorture_py.wire.message import Message
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.session_setup import SessionFlags, SessionSetupFlags, SessionSetupRequest
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_connect import TreeConnectRequest

DIALECTS = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
NO_ID = 0
UNKNOWN_ID = 0x1234_5678_9ABC_DEF1
RESERVED_ID = 0xFFFF_FFFF_FFFF_FFFF
RESPONSE_FIXED_SIZE = 8
CUT_RESPONSE = 24
"""Bytes of an NTLMv2 response: its proof, and not all of what has to follow."""

END_OF_PAIRS = 8


@case(
    "session.logon",
    requirements=["SMB2-3.3.5.5.3-03", "SMB2-3.3.5.5.1-01"],
    variants={"dialect": DIALECTS},
)
def test_a_user_logs_on(lab: Lab) -> None:
    """A user with the right password gets a session that can be used."""
    connection = lab.connect()
    lab.require_clear_sessions(connection)
    answer = connection.session_setup()
    check(answer, specification=Status.SUCCESS)
    check.field(
        answer,
        "header.session_id",
        requirement="SMB2-3.3.5.5.1-01",
        specification=other_than(NO_ID, RESERVED_ID),
    )
    check.field(answer, "structure_size", specification=9)
    check.field(answer, "security_buffer_offset", specification=HEADER_SIZE + RESPONSE_FIXED_SIZE)
    check(answer.session.tree_connect(), specification=Status.SUCCESS)
    check.alive(answer.session)


@case(
    "session.raw-ntlmssp",
    requirements=["SMB2-3.3.5.5.3-04"],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
)
def test_raw_ntlmssp_tokens(lab: Lab) -> None:
    """NTLMSSP messages without SPNEGO around them either make a session that works, or are refused."""
    connection = lab.connect()
    answer = connection.session_setup(form=AuthForm.RAW_NTLMSSP)
    check(answer, specification=Status.SUCCESS, permitted_refusal=any_error())
    check.alive(answer.session if answer.actual is Status.SUCCESS else lab.logon(connection=connection))


@case(
    "session.more-processing",
    requirements=["SMB2-3.3.5.5.3-01", "SMB2-3.3.5.5.1-01", "SMB2-3.3.5.5.3-17"],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
)
def test_the_first_leg_of_an_authentication(lab: Lab) -> None:
    """The first token is answered with a token, a SessionId that stays, and credits to go on with."""
    connection = lab.connect()
    lab.require_clear_sessions(connection)
    begun = connection.begin_session_setup()
    check(begun.first, specification=Status.MORE_PROCESSING_REQUIRED)
    check.field(begun.first, "structure_size", specification=9)
    check.field(begun.first, "security_buffer_offset", specification=HEADER_SIZE + RESPONSE_FIXED_SIZE)
    check.field(begun.first, "security_buffer_length", specification=at_least(1))
    check.field(
        begun.first,
        "header.session_id",
        requirement="SMB2-3.3.5.5.1-01",
        specification=other_than(NO_ID, RESERVED_ID),
    )
    check.field(begun.first, "header.credits", requirement="SMB2-3.3.5.5.3-17", specification=at_least(1))
    answer = begun.finish()
    check(answer, requirement="SMB2-3.3.5.5.3-03", specification=Status.SUCCESS)
    check.field(answer, "header.session_id", requirement="SMB2-3.3.5.5.1-01", specification=begun.session_id)


@case("session.ids-differ", requirements=["SMB2-3.3.5.5.1-01"])
def test_session_ids_differ(lab: Lab) -> None:
    """Sessions on one connection and on another one all have SessionIds of their own."""
    connection = lab.connect()
    sessions = [lab.logon(connection=connection), lab.logon(connection=connection), lab.logon()]
    ids = {session.session_id for session in sessions}
    check.that(sessions[0], "number of SessionIds of three sessions", len(ids), specification=3)
    for session in sessions:
        check.alive(session)


@case("session.interleaved", requirements=["SMB2-3.3.5.5-06", "SMB2-3.3.5.5.3-18"])
def test_two_authentications_at_once(lab: Lab) -> None:
    """Two authentications that take turns on one connection both end in a session with keys of its own."""
    connection = lab.connect()
    first, second = connection.begin_session_setup(), connection.begin_session_setup()
    for begun in (first, second):
        answer = begun.finish()
        check(answer, specification=Status.SUCCESS)
        check.alive(answer.session)


@case("session.wrong-password", requirements=["SMB2-3.3.5.5.3-02"], variants={"dialect": DIALECTS})
def test_a_wrong_password_is_refused(lab: Lab) -> None:
    """A wrong password makes no session."""
    check(lab.connect().session_setup(lab.wrong_password), specification=any_error())
    check.alive(lab.logon())


@case("session.unknown-user", requirements=["SMB2-3.3.5.5.3-02", "SMB2-3.3.5.5.3-05"])
def test_an_unknown_user_is_refused_or_a_guest(lab: Lab) -> None:
    """Somebody the server does not know gets no session, unless one that says that he is a guest."""
    answer = lab.connect().session_setup(lab.guest)
    check(answer, specification=any_error(), permitted_guest=Status.SUCCESS)
    if answer.actual is Status.SUCCESS:
        check.field(
            answer,
            "session_flags",
            requirement="SMB2-3.3.5.5.3-05",
            specification=SessionFlags.IS_GUEST,
        )


def garbage(_token: bytes) -> bytes:
    """No token of any mechanism."""
    return b"\xff" * 40


def of_another_mechanism(token: bytes) -> bytes:
    """Well-formed SPNEGO around what is no NTLMSSP message.

    A token that is only cut short may count as the first fragment of a longer one, which SPNEGO allows.
    """
    return token.replace(b"NTLMSSP", b"NTLMSSQ")


@case(
    "session.broken-token",
    requirements=["SMB2-3.3.5.5.3-02"],
    variants={"leg": [0, 1], "spoil": [garbage, of_another_mechanism]},
)
def test_a_broken_token_is_refused(lab: Lab, leg: int, spoil: Callable[[bytes], bytes]) -> None:
    """A token that cannot be read ends the authentication with an error, and nothing else."""

    def token(number: int, right: bytes | None) -> bytes | None:
        return spoil(right) if number == leg and right is not None else right

    connection = lab.connect()
    check(connection.session_setup(token=token), specification=any_error())
    check.alive(lab.logon(connection=connection))


def wrong_mic(hooks: InitiatorHooks) -> None:
    """Flip a bit of the MIC over the three NTLMSSP messages."""
    hooks.mic = _first_bit_flipped


def wrong_response(hooks: InitiatorHooks) -> None:
    """Flip a bit of the NTLMv2 response."""

    def change(message: AuthenticateMessage) -> AuthenticateMessage:
        return replace(message, nt_response=_first_bit_flipped(message.nt_response))

    hooks.authenticate = change


def cut_response(hooks: InitiatorHooks) -> None:
    """End the NTLMv2 response within the structure that follows its proof."""
    hooks.authenticate = lambda message: replace(
        message, nt_response=message.nt_response[:CUT_RESPONSE], mic=None
    )


def unending_pairs(hooks: InitiatorHooks) -> None:
    """Let the AV_PAIRs of the NTLMv2 response end before their end mark."""
    hooks.authenticate = lambda message: replace(
        message, nt_response=message.nt_response[:-END_OF_PAIRS], mic=None
    )


def wrong_mech_list_mic(hooks: InitiatorHooks) -> None:
    """Flip a bit of the signature over the list of mechanisms, behind its version number."""
    hooks.mech_list_mic = lambda mic: mic[:4] + _first_bit_flipped(mic[4:])


def _first_bit_flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


@case(
    "session.tampered-authentication",
    requirements=["SMB2-3.3.5.5.3-02"],
    variants={"what": [wrong_mic, wrong_response, wrong_mech_list_mic]},
)
def test_a_tampered_authentication_is_refused(lab: Lab, what: Callable[[InitiatorHooks], None]) -> None:
    """What proves that nobody changed the messages on their way is looked at."""
    hooks = InitiatorHooks()
    what(hooks)
    connection = lab.connect()
    check(connection.session_setup(hooks=hooks), specification=any_error())
    check.alive(lab.logon(connection=connection))


@case(
    "session.malformed-response",
    requirements=["SMB2-3.3.5.5.3-02"],
    variants={"what": [cut_response, unending_pairs]},
    answers=["smbtorture:session.ntlmssp_bug14932"],
)
def test_a_malformed_response_is_refused(lab: Lab, what: Callable[[InitiatorHooks], None]) -> None:
    """An NTLMv2 response that ends too early makes no session, and does the server no harm."""
    hooks = InitiatorHooks()
    what(hooks)
    connection = lab.connect()
    answer = connection.session_setup(hooks=hooks)
    check(answer, specification=Status.INVALID_PARAMETER, permitted_refusal=any_error())
    check.alive(lab.logon(connection=connection))


@case("session.failed-exchange-is-over", requirements=["SMB2-3.3.5.5.3-02"])
def test_a_failed_exchange_is_over(lab: Lab) -> None:
    """The SessionId of an authentication that failed means nothing any more."""
    connection = lab.connect()
    failed = connection.session_setup(lab.wrong_password)
    check(failed, specification=any_error())
    again = connection.session_setup(session_id=failed.header.session_id)
    check(again, specification=Status.USER_SESSION_DELETED)
    check.alive(lab.logon(connection=connection))


def by_wrong_password(connection: LabConnection) -> None:
    """Fail in the second leg."""
    check(connection.session_setup(connection.lab.wrong_password), specification=any_error())


def by_broken_token(connection: LabConnection) -> None:
    """Fail in the first leg."""
    check(connection.session_setup(token=lambda _leg, _right: garbage(b"")), specification=any_error())


def by_unknown_id(connection: LabConnection) -> None:
    """Fail before any token is looked at."""
    check(connection.session_setup(session_id=UNKNOWN_ID), specification=any_error())


def by_giving_up(connection: LabConnection) -> None:
    """Leave an authentication unfinished."""
    connection.begin_session_setup().first.required(Status.MORE_PROCESSING_REQUIRED)


@case(
    "session.keys-after-failure",
    requirements=["SMB2-3.3.5.5.3-18"],
    needs=[SMB311],
    variants={"failure": [by_wrong_password, by_broken_token, by_unknown_id, by_giving_up]},
)
def test_the_keys_of_a_logon_after_a_failed_one(lab: Lab, failure: Callable[[LabConnection], None]) -> None:
    """What failed on a connection does not go into the preauthentication hash of the next session."""
    connection = lab.connect(dialect=Dialect.SMB_3_1_1)
    failure(connection)
    answer = connection.session_setup()
    check(answer, specification=Status.SUCCESS)
    check.that(
        answer,
        "signature of the final response is right",
        answer.exchange.signature_valid,
        specification=True,
    )
    check.alive(answer.session)


@case(
    "session.trailing-bytes",
    requirements=["SMB2-3.3.5.5.3-18"],
    needs=[SMB311],
)
def test_trailing_bytes_are_hashed(lab: Lab) -> None:
    """A SESSION_SETUP goes into the preauthentication hash to its last byte, what follows the token too."""

    def pad(data: bytearray) -> None:
        data += bytes(8)

    answer = lab.connect(dialect=Dialect.SMB_3_1_1).session_setup(tamper=Tamper(unsigned=pad))
    check(answer, specification=Status.SUCCESS)
    check.alive(answer.session)


@case(
    "session.unknown-id",
    requirements=["SMB2-3.3.5.5-04", "SMB2-3.3.5.5-05"],
    variants={"session_id": [UNKNOWN_ID, RESERVED_ID]},
)
def test_session_setup_with_an_unknown_id(lab: Lab, session_id: int) -> None:
    """A SESSION_SETUP for a session that does not exist is refused; nothing is set up under the wanted id."""
    connection = lab.connect()
    check(
        connection.session_setup(session_id=session_id),
        requirement="SMB2-3.3.5.5-05" if session_id == RESERVED_ID else "SMB2-3.3.5.5-04",
        specification=Status.USER_SESSION_DELETED,
    )
    check.alive(lab.logon(connection=connection))


@case(
    "session.setup-elsewhere",
    requirements=["SMB2-3.3.5.5-04"],
    needs=[SIGNING_OPTIONAL],
    variants={"signed": [False, True]},
)
def test_session_setup_of_a_session_of_another_connection(lab: Lab, signed: bool) -> None:
    """Without BINDING a session of another connection cannot be continued, with its key or without it."""
    session = lab.logon()
    answer = lab.connect(dialect=session.core.connection.dialect).session_setup(
        session_id=session.session_id,
        signed=signed,
        signing_key=session.core.signing_key if signed else None,
    )
    check(answer, specification=Status.USER_SESSION_DELETED)
    check.alive(session)


@case("session.binding-without-id", requirements=["SMB2-3.3.5.5-03"], needs=[SMB3])
def test_binding_without_a_session_id(lab: Lab) -> None:
    """With SessionId zero the BINDING flag means nothing: a new session begins."""

    def flag_first(leg: int) -> Tamper | None:
        return None if leg else Tamper(message=_ask_to_bind)

    answer = lab.connect().session_setup(tamper=flag_first)
    check(answer, specification=Status.SUCCESS, samba=Status.INVALID_PARAMETER)
    check.alive(answer.session)


def _ask_to_bind(message: Message) -> None:
    assert isinstance(message.body, SessionSetupRequest)
    message.body.flags = SessionSetupFlags.BINDING


@case(
    "session.unfinished-request",
    requirements=["SMB2-3.3.5.2.9-05"],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_a_request_of_an_unfinished_session(lab: Lab) -> None:
    """Nobody can connect to a share before the authentication is complete, which it can still be."""
    connection = lab.used_connection()
    lab.require_clear_sessions(connection)
    begun = connection.begin_session_setup()
    path = f"\\\\{lab.target.server_name}\\{lab.share()}"
    early = connection.send(TreeConnectRequest(path=path), session_id=begun.session_id)
    check(early, specification=any_error())
    session = begun.finish().session
    check(session.tree_connect(), specification=Status.SUCCESS)
    check.alive(session)


@case("session.guest", requirements=["SMB2-3.3.5.5.3-05", "SMB2-3.3.5.5.3-12"], needs=[GUEST])
def test_a_guest_is_told(lab: Lab) -> None:
    """A guest is told that he is one, and need not be able to verify a signature."""
    lab.require_clear_sessions()
    answer = lab.connect().session_setup(guest=True)
    check(answer, specification=Status.SUCCESS)
    check.field(answer, "session_flags", specification=SessionFlags.IS_GUEST)
    signed = answer.exchange.response_signed
    check.that(
        answer, "final response is signed", signed, requirement="SMB2-3.3.5.5.3-12", specification=False
    )
    check(answer.session.tree_connect("IPC$"), specification=Status.SUCCESS)


@case(
    "session.anonymous",
    requirements=["SMB2-3.3.5.5.3-06", "SMB2-3.3.5.5.3-12"],
    needs=[ANONYMOUS],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_an_anonymous_session(lab: Lab) -> None:
    """An anonymous session may say that it is one, and reaches IPC$."""
    lab.require_clear_sessions()
    answer = lab.connect().session_setup(anonymous=True)
    check(answer, specification=Status.SUCCESS)
    check.field(
        answer,
        "session_flags",
        specification=SessionFlags.IS_NULL,
        permitted_none=SessionFlags.NONE,
        samba=SessionFlags.IS_GUEST,
    )
    check(answer.session.tree_connect("IPC$"), specification=Status.SUCCESS)


@case("session.client-of-another-dialect", requirements=["SMB2-3.3.5.5.3-15"], needs=[SMB311, SMB3_0_2])
def test_one_client_with_two_dialects(lab: Lab) -> None:
    """A ClientGuid that is in use with one dialect cannot log on with another one."""
    session = lab.logon(offer={"dialect": Dialect.SMB_3_1_1})
    answer = lab.connect(dialect=Dialect.SMB_3_0_2).session_setup()
    check(answer, specification=Status.USER_SESSION_DELETED, samba=Status.SUCCESS)
    other = lab.connect(dialect=Dialect.SMB_3_0_2, client_guid=lab.entropy(CLIENT_GUID_SIZE))
    check(other.session_setup(), specification=Status.SUCCESS)
    check.alive(session)
