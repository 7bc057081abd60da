"""Signatures of requests that are wrong, and what they are taken for ([MS-SMB2] 3.3.5.2.4, 3.1.5.1)."""

from smbtorture_py.client.tamper import Tamper
from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import DISCONNECT, check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.wire.status import Status
from suites.signing.ways import EVERY_WAY

REFUSED = Status.ACCESS_DENIED
LAST_BIT = 0x01
FIRST = b"written before the message was changed"
SECOND = b"the change must keep this from being written"

PLACES = {
    "CreditCharge": 6,
    "ChannelSequence": 8,
    "Credits": 14,
    "Flags": 19,
    "Reserved": 32,
    "TreeId": 36,
    "first-of-signature": 48,
    "last-of-signature": 63,
    "Length": 68,
    "FileId": 80,
    "first-of-data": 112,
    "last-of-data": -1,
}
"""Where a bit of a WRITE is inverted: offsets in bytes from its header ([MS-SMB2] 2.2.1.2, 2.2.21)."""


def inverted(offset: int) -> Tamper:
    """Invert one bit of a message that has been signed."""

    def change(message: bytearray) -> None:
        message[offset] ^= LAST_BIT

    return Tamper(signed=change)


@case(
    "signing.byte-changed",
    requirements=["SMB2-3.3.5.2.4-02"],
    variants=[{**way, "where": where} for way in EVERY_WAY for where in PLACES],
)
def test_a_changed_byte_is_refused(lab: Lab, where: str) -> None:
    """A WRITE of which one bit was changed on the way is refused and not executed."""
    session = lab.logon()
    session.connection.may_be_lost = True
    file, other = session.tree().open(), lab.logon()
    check(file.write(FIRST, sign=True), specification=Status.SUCCESS)
    answer = file.write(SECOND, sign=True, tamper=inverted(PLACES[where]))
    check(answer, specification=REFUSED, permitted_disconnect=DISCONNECT)
    if answer.actual is REFUSED:
        check.that(file, "what the file holds", file.read(sign=True).data, specification=FIRST)
    check.alive(session)
    check.alive(other)
