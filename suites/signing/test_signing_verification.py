"""Requests whose signature is wrong ([MS-SMB2] 3.3.5.2.4, 3.1.5.1).

A server may close the connection on a wrong signature; where it does not, the session lives on.
"""

from collections.abc import Callable, Mapping

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab, LabSession
from smbtorture_py.conformance.needs import (
    CLEAR_SESSIONS,
    MULTI_CHANNEL,
    SIGNING_OPTIONAL,
    SMB3,
    SMB311,
)
from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.negotiate_contexts import SigningAlgorithm
from smbtorture_py.wire.status import Status
from suites.bind.protections import SIGNED
from suites.signing import changes
from suites.signing.commands import COMMANDS, place
from suites.signing.ways import EVERY_WAY

KEY_SIZE = 16
FIRST = b"written before the message was changed"
SECOND = b"must not be written after that change"
TRAILER = b"trailing"

PLACES = {
    "CreditCharge": (6, 0x01),
    "ChannelSequence": (8, 0x01),
    "Credits": (14, 0x01),
    "Flags": (19, 0x10),
    "Reserved": (32, 0x01),
    "TreeId": (36, 0x01),
    "first-of-signature": (48, 0x01),
    "last-of-signature": (63, 0x80),
    "Length": (68, 0x01),
    "FileId": (80, 0x01),
    "first-of-data": (112, 0x01),
    "last-of-data": (-1, 0x80),
}
"""Which bits of a WRITE are inverted: offset in bytes from its header ([MS-SMB2] 2.2.1.2, 2.2.21), mask. The
one of Flags is DFS_OPERATIONS.
"""


@case(
    "signing.byte-changed",
    requirements=["SMB2-3.3.5.2.4-02"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "where": where} for way in EVERY_WAY for where in PLACES],
)
def test_a_changed_byte_is_refused(lab: Lab, where: str) -> None:
    """A WRITE of which one bit was changed on the way is refused and not executed."""
    session, other = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    file = session.tree().open()
    check(file.write(FIRST, sign=True), specification=Status.SUCCESS)
    answer = file.write(SECOND, sign=True, tamper=changes.inverted(*PLACES[where]))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    if answer.actual is Status.ACCESS_DENIED:
        check.that(file, "what the file holds", file.read(sign=True).data, specification=FIRST)
    check.alive(session)
    check.alive(other)


@case(
    "signing.every-command-wrong",
    requirements=["SMB2-3.3.5.2.4-02", "SMB2-3.3.5.2.4-09"],
    needs=[CLEAR_SESSIONS],
    variants={"command": list(COMMANDS)},
)
def test_every_command_is_verified(lab: Lab, command: str) -> None:
    """A request of any command is refused with a wrong signature, and then succeeds with the right one."""
    session = lab.logon()
    at = place(session)
    session.connection.may_be_lost = True
    answer = COMMANDS[command](at, sign=True, tamper=changes.inverted(-1))
    check(
        answer,
        requirement="SMB2-3.3.5.2.4-09",
        specification=Status.ACCESS_DENIED,
        permitted_disconnect=DISCONNECT,
    )
    if answer.actual is Status.ACCESS_DENIED:
        check(COMMANDS[command](at, sign=True), specification=Status.SUCCESS)


@case(
    "signing.zero-signature",
    requirements=["SMB2-3.3.5.2.4-02"],
    needs=[CLEAR_SESSIONS, SIGNING_OPTIONAL],
    variants=EVERY_WAY,
)
def test_a_flag_is_no_signature(lab: Lab) -> None:
    """A request that says it is signed, its signature being zeros, is refused."""
    session, other = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    check(session.send(EchoRequest(), sign=False), specification=Status.SUCCESS)
    answer = session.send(EchoRequest(), sign=False, tamper=changes.flag_only())
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(other)


@case(
    "signing.signature-of-another-message",
    requirements=["SMB2-3.3.5.2.4-02"],
    needs=[CLEAR_SESSIONS],
    variants=EVERY_WAY,
)
def test_a_signature_belongs_to_one_message(lab: Lab) -> None:
    """The right signature of one ECHO is wrong for the next one, which differs in its MessageId."""
    session, other = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    first = session.send(EchoRequest(), sign=True)
    check(first, specification=Status.SUCCESS)
    borrowed = first.exchange.request.header.signature
    answer = session.send(EchoRequest(), sign=True, tamper=changes.signature(borrowed))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(other)


def no_key(lab: Lab, session: LabSession) -> bytes:
    """Return zeros."""
    del lab, session
    return bytes(KEY_SIZE)


def random_key(lab: Lab, session: LabSession) -> bytes:
    """Return a key of nobody."""
    del session
    return lab.entropy(KEY_SIZE)


def another_session(lab: Lab, session: LabSession) -> bytes:
    """Return the key of another session of the same user on the same connection."""
    other = lab.logon(connection=session.connection)
    return other.core.signing_key_for(session.connection.core)


@case(
    "signing.wrong-key",
    requirements=["SMB2-3.3.5.2.4-02"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "key": key} for way in EVERY_WAY for key in (no_key, random_key, another_session)],
)
def test_the_key_must_be_the_session_s(lab: Lab, key: Callable[[Lab, LabSession], bytes]) -> None:
    """A request that is signed with the key of nobody or of another session is refused."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    check(session.send(EchoRequest(), sign=True), specification=Status.SUCCESS)
    answer = session.send(EchoRequest(), sign=True, tamper=Tamper(signing_key=key(lab, session)))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.underived-key",
    requirements=["SMB2-3.3.5.5.3-21"],
    needs=[SMB3, CLEAR_SESSIONS],
    variants=[{**way, "key": key} for way in SIGNED for key in ("session_key", "application_key")],
)
def test_the_key_must_be_derived(lab: Lab, key: str) -> None:
    """On SMB 3 a request that is signed with the session key itself, or a key for other uses, is refused."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    check(session.send(EchoRequest(), sign=True), specification=Status.SUCCESS)
    wrong: bytes = getattr(session.core, key)
    answer = session.send(EchoRequest(), sign=True, tamper=Tamper(signing_key=wrong))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.key-of-another-channel",
    requirements=["SMB2-3.3.5.2.4-08"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants=[
        {**way, "on": on, "key_of": key_of} for way in SIGNED for on, key_of in ((0, 1), (1, 0), (1, 2))
    ],
)
def test_every_channel_has_its_key(lab: Lab, on: int, key_of: int) -> None:
    """A request that is signed with the key of another channel is refused; the other channels live on."""
    session = lab.logon()
    session.add_channel()
    session.add_channel()
    channel = session.channels[on]
    channel.may_be_lost = True
    check(channel.echo(session, signed=True), specification=Status.SUCCESS)
    key = session.core.signing_key_for(session.channels[key_of].core)
    answer = session.send(EchoRequest(), on=channel, sign=True, tamper=Tamper(signing_key=key))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)


@case(
    "signing.message-of-another-channel",
    requirements=["SMB2-3.3.5.2.4-08"],
    needs=[SMB3, MULTI_CHANNEL, CLEAR_SESSIONS],
    variants=SIGNED,
)
def test_a_signed_message_belongs_to_one_channel(lab: Lab) -> None:
    """A message as it was signed for one channel is refused on another one."""
    session = lab.logon()
    second = session.add_channel()
    second.may_be_lost = True
    # The channels have used as many MessageIds: this one is next on both.
    number = max(one.core.sequence_window.lowest or 0 for one in session.channels)
    sent = bytearray()
    first = session.send(EchoRequest(), sign=True, message_id=number, tamper=Tamper(signed=sent.extend))
    check(first, specification=Status.SUCCESS)

    def replace(message: bytearray) -> None:
        message[:] = sent

    answer = session.send(
        EchoRequest(), on=second, sign=True, message_id=number, tamper=Tamper(signed=replace)
    )
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)


def _own(way: Mapping[str, object]) -> object:
    """Return the algorithm that goes with a way to sign."""
    return way.get("signing_algorithm", SigningAlgorithm.AES_CMAC)


GMAC = {"dialect": Dialect.SMB_3_1_1, "signing_algorithm": SigningAlgorithm.AES_GMAC}


@case(
    "signing.gmac-nonce",
    requirements=["SMB2-3.1.4.1-04"],
    needs=[SMB311, CLEAR_SESSIONS],
    variants=[{**GMAC, "wrong": wrong} for wrong in ("role", "cancel", "message-id")],
)
def test_the_nonce_of_gmac_counts(lab: Lab, wrong: str) -> None:
    """A request is refused whose AES-GMAC nonce has the server's role, the bit of CANCEL or another
    MessageId.
    """
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    core = session.connection.core
    first = session.send(EchoRequest(), sign=True)
    check(first, specification=Status.SUCCESS)
    number = first.header.message_id + 1
    tamper = changes.gmac(
        session.core.signing_key_for(core),
        number + (wrong == "message-id"),
        is_server=wrong == "role",
        is_cancel=wrong == "cancel",
    )
    answer = session.send(EchoRequest(), sign=True, message_id=number, tamper=tamper)
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.another-algorithm",
    requirements=["SMB2-3.1.4.1-02", "SMB2-3.1.4.1-03"],
    needs=[SMB3, CLEAR_SESSIONS],
    variants=[{**way, "used": used} for way in SIGNED for used in SigningAlgorithm if used != _own(way)],
)
def test_another_algorithm_is_wrong(lab: Lab, used: SigningAlgorithm) -> None:
    """A request signed with the right key, but with an algorithm that was not negotiated, is refused."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True
    check(session.send(EchoRequest(), sign=True), specification=Status.SUCCESS)
    answer = session.send(EchoRequest(), sign=True, tamper=Tamper(signing_algorithm=used))
    check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.trailing-bytes",
    requirements=["SMB2-3.3.5.2.4-02"],
    needs=[CLEAR_SESSIONS],
    variants=[{**way, "when": when} for way in EVERY_WAY for when in ("before", "after")],
)
def test_the_whole_message_is_signed(lab: Lab, when: str) -> None:
    """Bytes behind the body belong to what is signed: right when they were there before, wrong after that."""
    session, bystander = lab.logon(), lab.logon()
    session.connection.may_be_lost = True

    def append(message: bytearray) -> None:
        message += TRAILER

    tamper = Tamper(unsigned=append) if when == "before" else Tamper(signed=append)
    answer = session.send(EchoRequest(), sign=True, tamper=tamper)
    if when == "before":
        check(answer, specification=Status.SUCCESS, permitted_malformed=Status.INVALID_PARAMETER)
    else:
        check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
    check.alive(session)
    check.alive(bystander)


@case(
    "signing.wrong-then-right", requirements=["SMB2-3.3.5.2.4-02"], needs=[CLEAR_SESSIONS], variants=EVERY_WAY
)
def test_wrong_signatures_leave_nothing(lab: Lab) -> None:
    """Right requests between three wrong ones are served; sessions beside them see nothing."""
    session = lab.logon()
    neighbour = lab.logon(connection=session.connection)
    session.connection.may_be_lost = True
    for _ in range(3):
        answer = session.send(EchoRequest(), sign=True, tamper=changes.NO_SIGNATURE_AT_ALL)
        check(answer, specification=Status.ACCESS_DENIED, permitted_disconnect=DISCONNECT)
        if answer.actual is DISCONNECT:
            return
        check(session.send(EchoRequest(), sign=True), specification=Status.SUCCESS)
    check.alive(session)
    check.alive(neighbour)
