"""Binds that succeed: what the server answers, with which keys, and how many there may be ([MS-SMB2] 3.3.5.5,
3.3.5.5.3).
"""

from smbtorture_py.client.exchange import Exchange
from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import MULTI_CHANNEL, SECOND_ADDRESS, SMB3
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.session_setup import SessionFlags
from smbtorture_py.wire.status import Status
from suites.bind.protections import SIGNED

KNOWN_LIMIT = 32
"""Channels that Windows, Samba and ksmbd give a session."""

SEVERAL = 6


@case(
    "bind.established",
    requirements=["SMB2-3.3.5.5-33", "SMB2-3.3.5.5-38"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
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
        check.that(answer, f"signature of leg {number}", signed(leg), specification="right")
    check.that(
        answer,
        "signature of the last leg",
        signed(last),
        requirement="SMB2-3.3.5.5-31",
        specification="right",
    )
    check.alive(session)


@case(
    "bind.channel-key",
    requirements=["SMB2-3.3.5.5.3-22", "SMB2-3.3.5.5-35"],
    needs=[SMB3, MULTI_CHANNEL],
    variants=SIGNED,
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


def signed(exchange: Exchange) -> str:
    """Return what the signature of a response is."""
    return {True: "right", False: "wrong", None: "missing"}[exchange.signature_valid]
