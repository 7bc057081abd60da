"""The lab: what a case holds. Every word here blocks until its answer is there or the lab's patience is over.

    session = lab.logon()                          # connection, NEGOTIATE, SESSION_SETUP
    answer = lab.connect().bind(session, signed=False)
    check(answer, specification=Status.INVALID_PARAMETER)
    check.alive(session)

Words that stand for one request (`bind`, `session_setup`, `tree_connect`, `create`, `read`, `send`, ...)
return an Answer, which is what checks judge and which has the object it made: `.session`, `.tree`, `.open`
(they block the case where it was not made). Words that are only steps on the way (`lab.connect`, `lab.logon`,
`session.tree`, `tree.open`, `session.add_channel`) return the object at once. With `wait=False` a word
returns an Answer that is waited for later.
"""

from __future__ import annotations

from smbtorture_py.conformance.lab.arguments import CreateArguments, CreateFields, Logon, Offering, Sending
from smbtorture_py.conformance.lab.authentication import Authentication
from smbtorture_py.conformance.lab.breaks import LabBreak
from smbtorture_py.conformance.lab.connection import LabConnection
from smbtorture_py.conformance.lab.lab import CLIENT_GUID_SIZE, PATIENCE, Lab
from smbtorture_py.conformance.lab.multichannel import (
    MultichannelOpen,
    MultichannelSession,
    RepeatedAnswer,
)
from smbtorture_py.conformance.lab.open import LabOpen
from smbtorture_py.conformance.lab.session import LabSession
from smbtorture_py.conformance.lab.tree import LabTree

__all__ = [
    "CLIENT_GUID_SIZE",
    "PATIENCE",
    "Authentication",
    "CreateArguments",
    "CreateFields",
    "Lab",
    "LabBreak",
    "LabConnection",
    "LabOpen",
    "LabSession",
    "LabTree",
    "Logon",
    "MultichannelOpen",
    "MultichannelSession",
    "Offering",
    "RepeatedAnswer",
    "Sending",
]
