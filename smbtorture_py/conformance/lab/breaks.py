"""Breaks of oplocks and leases, as they arrive on whichever channel of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from smbtorture_py.conformance.stops import Blocked
from smbtorture_py.wire.header import Header
from smbtorture_py.wire.oplock_break import LeaseBreakNotification, OplockBreakNotification

if TYPE_CHECKING:
    from smbtorture_py.client.exchange import Notification
    from smbtorture_py.conformance.lab.connection import LabConnection
    from smbtorture_py.conformance.lab.session import LabSession

B = TypeVar("B", bound=OplockBreakNotification | LeaseBreakNotification)


class LabBreak(Generic[B]):
    """A break that arrived, or that none did."""

    def __init__(
        self,
        session: LabSession,
        channel: LabConnection | None,
        notification: Notification | None,
        body: B | None,
    ) -> None:
        self.lab = session.lab
        self.channel = channel
        """The connection it arrived on; None where none arrived."""
        self.notification = notification
        self._body = body

    @property
    def arrived(self) -> bool:
        """There is one."""
        return self.notification is not None

    @property
    def body(self) -> B:
        """The notification; where none arrived the case is blocked."""
        if self._body is None:
            raise Blocked("no break arrived")
        return self._body

    @property
    def header(self) -> Header:
        """Its SMB2 header; where none arrived the case is blocked."""
        if self.notification is None:
            raise Blocked("no break arrived")
        return self.notification.message.header

    @property
    def is_encrypted(self) -> bool:
        """It came inside a transform."""
        return self.notification is not None and self.notification.decrypted

    def required(self) -> LabBreak[B]:
        """Block the case where none arrived."""
        if not self.arrived:
            raise Blocked("no break arrived")
        return self


def breaks_of(session: LabSession, kind: type[B]) -> list[LabBreak[B]]:
    """Return the breaks of one kind on all channels of a session, those lost since included, by arrival."""
    found = [
        LabBreak(session, channel, one, one.body)
        for channel in session.channels
        for one in channel.notifications
        if isinstance(one.body, kind)
    ]
    return sorted(found, key=lambda one: one.notification.received_at if one.notification else 0.0)
