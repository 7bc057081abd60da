"""Pairs of ClientGuids, and clients that have them."""

from __future__ import annotations

from typing import Final

from smbtorture_py.conformance.case import Turns
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabConnection, LabSession
from smbtorture_py.conformance.target import Account
from smbtorture_py.wire.status import Status
from suites.durable.handles import Client

ZERO: Final = bytes(16)
SAME: Final = ("same", "both-zero")
DIFFERENT: Final = ("other", "zero", "after-zero", "first-bit", "last-bit", "behind-a-zero-byte")
"""Ways in which the ClientGuid of a second connection is not that of the first."""

WITH_ZERO: Final = ("both-zero", "zero", "after-zero")
"""Ways in which one of the two is zero."""

APART: Final = tuple(how for how in DIFFERENT if how not in WITH_ZERO)
"""Without a ClientGuid of zero: other clients of the server may have that too, and would get the breaks that
are waited for.
"""

USES_ZERO: Final = Turns("ClientGuid of zero")
"""To a server, cases that have this ClientGuid at the same time are one client."""

MAY_USE_ZERO: Final = Turns(USES_ZERO.over, {"how": WITH_ZERO})

REFUSED: Final = (Status.USER_SESSION_DELETED, Status.REQUEST_NOT_ACCEPTED)
"""What servers that enforce it answer to a bind with another ClientGuid."""
HALF: Final = 8


def pair(lab: Lab, how: str) -> tuple[bytes, bytes]:
    """Return the ClientGuids of two connections."""
    first = lab.guid()
    other = lab.guid()
    return {
        "same": (first, first),
        "both-zero": (ZERO, ZERO),
        "other": (first, other),
        "zero": (first, ZERO),
        "after-zero": (ZERO, other),
        "first-bit": (first, bytes([first[0] ^ 1]) + first[1:]),
        "last-bit": (first, first[:-1] + bytes([first[-1] ^ 1])),
        "behind-a-zero-byte": (bytes(1) + first[1:], bytes(1) + other[1:]),
    }[how]


def logon(lab: Lab, guid: bytes, user: Account | None = None) -> LabSession:
    """Log on over a new connection with a ClientGuid."""
    return lab.logon(user, offer={"client_guid": guid})


def client(lab: Lab, guid: bytes, user: Account | None = None) -> Client:
    """A client with a ClientGuid."""
    return Client(logon(lab, guid, user))


def bound(lab: Lab, session: LabSession, guid: bytes) -> LabConnection | None:
    """Bind a connection with another ClientGuid to a session, where the server allows that; None where it
    enforces that they are the same.
    """
    connection = lab.connect(client_guid=guid, dialect=session.core.connection.dialect)
    answer = connection.bind(session)
    check(
        answer,
        requirement="SMB2-3.3.5.5-12",
        specification=Status.SUCCESS,
        permitted_enforced=Status.USER_SESSION_DELETED,
        enforced=Status.REQUEST_NOT_ACCEPTED,
    )
    return connection if answer.actual is Status.SUCCESS else None
