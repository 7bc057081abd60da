"""Authenticating an established session again ([MS-SMB2] 3.3.5.5, 3.3.5.5.2, 3.3.5.5.3)."""

from collections.abc import Callable

from smbtorture_py.auth.credentials import AuthForm
from smbtorture_py.client.violation import Rule
from smbtorture_py.conformance.answer import Answer
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import any_error, check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.needs import (
    ANONYMOUS,
    ENCRYPTION,
    MULTI_CHANNEL,
    SECOND_USER,
    SIGNING_OPTIONAL,
    SMB3,
)
from smbtorture_py.wire.create import AccessMask, ShareAccess
from smbtorture_py.wire.fscc.file_information import FileRenameInformation
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.negotiate import Dialect, SecurityMode
from smbtorture_py.wire.status import Status

DIALECTS = [Dialect.SMB_2_0_2, Dialect.SMB_2_1, Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]
OWNER, DACL = 0x1, 0x4
"""AdditionalInformation of queries for security ([MS-SMB2] 2.2.37)."""

EITHER_KEY = Rule.SESSION_SETUP_KEY
"""What is signed with Channel.SigningKey where Session.SigningKey is due.

3.3.4.1.1 has Session.SigningKey for what is no success and Channel.SigningKey for the final response;
3.3.5.5.3 has Session.SigningKey for that, too. Over a bound channel either key is taken.
"""


@case(
    "session.reauthentication",
    requirements=["SMB2-3.3.5.5-07", "SMB2-3.3.5.5.2-01"],
    variants={"dialect": DIALECTS, "form": [AuthForm.SPNEGO, AuthForm.RAW_NTLMSSP]},
    answers=["smbtorture:session.reauth1", "ms:hole.slip-reauthentication"],
)
def test_reauthentication_keeps_everything(lab: Lab, form: AuthForm) -> None:
    """The same user may authenticate again, twice; tree connect and open stay, and so does the SessionId."""
    session = lab.logon(form=form)
    opened = session.tree().open()
    for _ in range(2):
        answer = session.reauthenticate(form=form)
        check(answer, specification=Status.SUCCESS, windows_2008=Status.REQUEST_NOT_ACCEPTED)
        check.field(
            answer,
            "header.session_id",
            requirement="SMB2-3.3.5.5.2-01",
            specification=session.session_id,
        )
    check(
        opened.write(b"still mine", sign=True), requirement="SMB2-3.3.5.5.2-01", specification=Status.SUCCESS
    )
    check(opened.tree.create(), requirement="SMB2-3.3.5.5.2-01", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-keeps-keys",
    requirements=["SMB2-3.3.5.5.3-28", "SMB2-3.3.5.5.2-03"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:hole.reauthentication-keys"],
)
def test_reauthentication_keeps_the_signing_key(lab: Lab) -> None:
    """The final response and all that follows is signed with the key of the first authentication."""
    lab.require_clear_sessions()
    session = lab.logon()
    answer = session.reauthenticate(signed=True)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    right = answer.exchange.signature_valid
    of_311 = session.core.connection.dialect == Dialect.SMB_3_1_1
    check.that(
        answer,
        "final response has the right signature",
        right,
        requirement="SMB2-3.3.5.5.2-03" if of_311 else "SMB2-3.3.5.5.3-28",
        specification=True,
    )
    check(session.tree_connect(sign=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-keeps-cipher-keys",
    requirements=["SMB2-3.3.5.5.2-01", "SMB2-3.3.5.5.2-08"],
    needs=[SMB3, ENCRYPTION],
    variants={"dialect": [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
    answers=["smbtorture:hole.reauthentication-keys"],
)
def test_reauthentication_keeps_the_cipher_keys(lab: Lab) -> None:
    """A re-authentication that is sent encrypted is answered encrypted, and the cipher keys stay."""
    session = lab.logon()
    answer = session.reauthenticate(encrypt=True)
    check(answer, requirement="SMB2-3.3.5.5.2-08", specification=Status.SUCCESS)
    check.that(
        answer,
        "number of encrypted responses",
        sum(leg.decrypted for leg in answer.legs),
        requirement="SMB2-3.3.5.5.2-08",
        specification=len(answer.legs),
    )
    after = session.tree_connect(encrypt=True)
    check(after, specification=Status.SUCCESS)
    check.that(after, "response is encrypted", after.exchange.decrypted, specification=True)
    check.alive(session)


@case(
    "session.reauthentication-is-signed",
    requirements=["SMB2-3.3.5.5.3-11"],
    needs=[SIGNING_OPTIONAL],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:session.expire1s"],
)
def test_the_final_response_of_an_unsigned_reauthentication(lab: Lab) -> None:
    """Where signing is not required, an unsigned re-authentication succeeds, and its last response is
    signed.
    """
    lab.require_clear_sessions()
    session = lab.logon()
    session.tree()
    answer = session.reauthenticate(signed=False)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check.that(answer, "final response is signed", answer.exchange.response_signed, specification=True)
    check.alive(session)


@case(
    "session.reauthentication-must-be-signed",
    requirements=["SMB2-3.3.5.5.2-07"],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_an_unsigned_reauthentication_where_signing_is_required(lab: Lab) -> None:
    """A session that requires signing is not authenticated again by an unsigned request, nor harmed by it."""
    lab.require_clear_sessions()
    session = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED)
    opened = session.tree().open(sign=True)
    answer = session.reauthenticate(signed=False)
    check(answer, specification=Status.ACCESS_DENIED)
    check(opened.write(b"unharmed", sign=True), specification=Status.SUCCESS)
    check(session.reauthenticate(signed=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-fails",
    requirements=["SMB2-3.3.5.5.2-06"],
    variants={"dialect": DIALECTS},
    answers=["smbtorture:session.reauth6"],
)
def test_a_failed_reauthentication_ends_the_session(lab: Lab) -> None:
    """A wrong password in a re-authentication ends the session with its opens; the connection can log on
    again.
    """
    session = lab.logon()
    name = lab.name()
    session.tree().open(name, share_access=ShareAccess.NONE)
    check(session.reauthenticate(lab.wrong_password), specification=any_error())
    check(session.tree_connect(encrypt=False), specification=Status.USER_SESSION_DELETED)
    new = lab.logon(connection=session.connection)
    check(new.tree().create(name), specification=Status.SUCCESS)
    check.alive(new)


@case(
    "session.reauthentication-broken-token",
    requirements=["SMB2-3.3.5.5.2-06"],
)
def test_a_broken_token_in_a_reauthentication(lab: Lab) -> None:
    """A token that cannot be read in a re-authentication ends the session like a wrong password."""
    session = lab.logon()
    check(session.reauthenticate(token=lambda _leg, _right: b"\xff" * 40), specification=any_error())
    check(session.tree_connect(encrypt=False), specification=Status.USER_SESSION_DELETED)
    check.alive(lab.logon(connection=session.connection))


@case(
    "session.reauthentication-under-way",
    requirements=["SMB2-3.3.5.5.2-02"],
)
def test_a_session_can_be_used_during_its_reauthentication(lab: Lab) -> None:
    """A valid session stays usable while it is being authenticated again."""
    session = lab.logon()
    tree = session.tree()
    opened = tree.open()
    begun = session.begin_reauthentication()
    check(begun.first, requirement="SMB2-3.3.5.5-07", specification=Status.MORE_PROCESSING_REQUIRED)
    check(opened.write(b"meanwhile"), specification=Status.SUCCESS)
    meanwhile = tree.create()
    check(begun.finish(), requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check(meanwhile, specification=Status.SUCCESS, samba=Status.INVALID_HANDLE)
    check.alive(session)


@case(
    "session.reauthentication-anonymous",
    requirements=["SMB2-3.3.5.5.2-05", "SMB2-3.3.5.5.2-01"],
    needs=[ANONYMOUS],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
    answers=["smbtorture:session.reauth2"],
)
def test_reauthentication_as_nobody(lab: Lab) -> None:
    """An anonymous re-authentication may change the user or be refused, but leaves the open alone."""
    session = lab.logon()
    opened = session.tree().open()
    answer = session.reauthenticate(anonymous=True)
    check(answer, specification=(Status.SUCCESS, Status.ACCESS_DENIED, Status.LOGON_FAILURE))
    if answer.actual is Status.SUCCESS:
        check(
            opened.write(b"still mine", sign=True),
            requirement="SMB2-3.3.5.5.2-01",
            specification=Status.SUCCESS,
        )
        check(
            session.reauthenticate(lab.target.user),
            requirement="SMB2-3.3.5.5-07",
            specification=Status.SUCCESS,
        )
        check(
            opened.write(b"again", sign=True), requirement="SMB2-3.3.5.5.2-01", specification=Status.SUCCESS
        )


def query_file(opened: LabOpen) -> Answer:
    """Ask for information of the file."""
    return opened.query_info(InfoType.FILE, FileInformationClass.FILE_STANDARD_INFORMATION, sign=True)


def query_security(opened: LabOpen) -> Answer:
    """Ask who owns the file."""
    return opened.query_info(InfoType.SECURITY, 0, additional_information=OWNER, sign=True)


def set_security(opened: LabOpen) -> Answer:
    """Set the access control list of the file to what it is."""
    asked = opened.query_info(InfoType.SECURITY, 0, additional_information=DACL, sign=True)
    return opened.set_info(
        InfoType.SECURITY, 0, asked.required().data, additional_information=DACL, sign=True
    )


@case(
    "session.reauthentication-anonymous-file",
    requirements=["SMB2-3.3.5.5.2-01"],
    needs=[ANONYMOUS],
    variants={"request": [query_file, query_security, set_security]},
    answers=["smbtorture:session.reauth2", "smbtorture:session.reauth3", "smbtorture:session.reauth4"],
)
def test_what_was_opened_before_keeps_its_rights(lab: Lab, request: Callable[[LabOpen], Answer]) -> None:
    """After an anonymous re-authentication an open still has the access that it was granted to its user."""
    session = lab.logon()
    opened = session.tree().open(desired_access=AccessMask.MAXIMUM_ALLOWED)
    check(request(opened), specification=Status.SUCCESS)
    session.reauthenticate(anonymous=True).required()
    check(request(opened), specification=Status.SUCCESS, samba=Status.ACCESS_DENIED)
    session.reauthenticate(lab.target.user).required()
    check(request(opened), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-anonymous-rename",
    requirements=["SMB2-3.3.5.5.2-05", "SMB2-3.3.5.5.2-01"],
    needs=[ANONYMOUS],
    answers=["smbtorture:session.reauth5"],
)
def test_whose_rights_count_for_a_rename(lab: Lab) -> None:
    """Nobody may or may not rename a file that its user had opened to be renamed; the user may afterwards."""
    session = lab.logon()
    opened = session.tree().open(desired_access=AccessMask.MAXIMUM_ALLOWED)
    session.reauthenticate(anonymous=True).required()
    renamed = opened.set_file(FileRenameInformation(file_name=lab.name()), sign=True)
    check(renamed, renamed=Status.SUCCESS, refused=Status.ACCESS_DENIED)
    session.reauthenticate(lab.target.user).required()
    again = opened.set_file(FileRenameInformation(file_name=lab.name()), sign=True)
    check(again, requirement="SMB2-3.3.5.5.2-01", specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-other-user",
    requirements=["SMB2-3.3.5.5.2-05", "SMB2-3.3.5.5.2-01"],
    needs=[SECOND_USER],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_1_1]},
)
def test_reauthentication_as_another_user(lab: Lab) -> None:
    """A re-authentication as another user is not forbidden; where it succeeds, the open stays usable."""
    session = lab.logon()
    opened = session.tree().open()
    answer = session.reauthenticate(lab.second_user)
    check(
        answer,
        specification=Status.SUCCESS,
        refused=(Status.ACCESS_DENIED, Status.LOGON_FAILURE, Status.NOT_SUPPORTED),
    )
    if answer.actual is Status.SUCCESS:
        check(
            opened.write(b"still here", sign=True),
            requirement="SMB2-3.3.5.5.2-01",
            specification=Status.SUCCESS,
        )
        check.alive(session)


@case(
    "session.reauthentication-requires-signing",
    requirements=["SMB2-3.3.5.5.3-38"],
    needs=[SIGNING_OPTIONAL],
    variants={"dialect": [Dialect.SMB_2_1, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
)
def test_reauthentication_can_require_signing(lab: Lab) -> None:
    """A re-authentication that requires signing makes a session require it that did not."""
    lab.require_clear_sessions()
    session = lab.logon()
    opened = session.tree().open()
    check(
        opened.write(b"unsigned", sign=False), requirement="SMB2-3.3.5.2.4-04", specification=Status.SUCCESS
    )
    answer = session.reauthenticate(security_mode=SecurityMode.SIGNING_REQUIRED)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check(
        opened.write(b"unsigned", sign=False),
        specification=Status.ACCESS_DENIED,
        samba=Status.SUCCESS,
    )
    check(opened.write(b"signed", sign=True), specification=Status.SUCCESS)


@case(
    "session.reauthentication-keeps-signing",
    requirements=["SMB2-3.3.5.5.2-01", "SMB2-3.3.5.2.4-03"],
)
def test_reauthentication_does_not_lift_signing(lab: Lab) -> None:
    """A session that requires signing still does after a re-authentication that does not ask for it."""
    lab.require_clear_sessions()
    session = lab.logon(security_mode=SecurityMode.SIGNING_REQUIRED)
    opened = session.tree().open(sign=True)
    answer = session.reauthenticate(signed=True, security_mode=SecurityMode.SIGNING_ENABLED)
    check(answer, requirement="SMB2-3.3.5.5-07", specification=Status.SUCCESS)
    check(
        opened.write(b"unsigned", sign=False),
        requirement="SMB2-3.3.5.2.4-03",
        specification=Status.ACCESS_DENIED,
    )
    check.alive(session)


@case(
    "session.reauthentication-second-channel",
    requirements=["SMB2-3.3.5.5.2-04"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": [Dialect.SMB_3_0, Dialect.SMB_3_0_2, Dialect.SMB_3_1_1]},
    answers=["smbtorture:hole.reauthentication-each-channel"],
)
def test_reauthentication_over_a_bound_channel(lab: Lab) -> None:
    """A session can be authenticated again over a bound channel; each channel keeps the key it signs with."""
    session = lab.logon()
    first = session.connection
    second = session.add_channel().tolerate(EITHER_KEY)
    check(session.reauthenticate(on=second, signed=True), specification=Status.SUCCESS)
    check(session.tree_connect(on=first, sign=True), specification=Status.SUCCESS)
    check(session.tree_connect(on=second, sign=True), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "session.reauthentication-fails-everywhere",
    requirements=["SMB2-3.3.5.5.2-06"],
    needs=[SMB3, MULTI_CHANNEL],
    answers=["smbtorture:session.bind_invalid_auth", "smbtorture:hole.reauthentication-each-channel"],
)
def test_a_failed_reauthentication_over_a_bound_channel(lab: Lab) -> None:
    """A re-authentication that fails over one channel ends the session on all of them."""
    session = lab.logon()
    first = session.connection
    second = session.add_channel().tolerate(EITHER_KEY)
    check(session.reauthenticate(lab.wrong_password, on=second, signed=True), specification=any_error())
    for channel in (first, second):
        check(session.tree_connect(on=channel, encrypt=False), specification=Status.USER_SESSION_DELETED)
