"""An authentication that a case takes leg by leg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smbtorture_py.client.exchange import Procedure
from smbtorture_py.client.logon import LogonResult
from smbtorture_py.conformance.answer import LogonAnswer
from smbtorture_py.conformance.running import Running

if TYPE_CHECKING:
    from smbtorture_py.conformance.lab.connection import LabConnection
    from smbtorture_py.conformance.lab.session import LabSession


class Authentication:
    """An authentication that stops after its first SESSION_SETUP, so that a case can do something before the
    rest.
    """

    def __init__(
        self, connection: LabConnection, procedure: Procedure[LogonResult], session: LabSession | None
    ) -> None:
        self._connection = connection
        self._session = session
        self._running = Running(procedure)
        self.first = connection.follow(self._running.exchange)
        """The answer to the first SESSION_SETUP."""

    @property
    def session_id(self) -> int:
        """SessionId of that answer; where there is none the case is blocked."""
        return self.first.header.session_id

    def finish(self) -> LogonAnswer:
        """Send what is left, as the server asks for it."""
        return self._connection.authenticated(self._connection.lab.drive_on(self._running), self._session)
