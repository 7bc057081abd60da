"""Verifying the channel sequence number ([MS-SMB2] 3.3.5.2.10), and the counters it needs (3.3.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.wire.header import Command, HeaderFlags
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection
    from smbtorture_py.server.open import Open
    from smbtorture_py.server.request import Request

MODULUS: Final = 1 << 16
"""ChannelSequence has 16 bits."""
FARTHEST_NEWER: Final = 0x7FFF
"""How far ahead of Open.ChannelSequence a number may be and still count as newer."""
_ORDERED: Final = frozenset({Command.WRITE, Command.SET_INFO, Command.IOCTL})


class ChannelSequencePolicy:
    """Which numbers count as equal, newer and stale, and what comes of each."""

    def is_verified(self, connection: Connection) -> bool:
        """Whether numbers are looked at on this connection: not with 2.0.2 and 2.1 (3.3.5.2.10)."""
        return connection.is_3x

    def at_create(self, request: Request) -> int:
        """Open.ChannelSequence of a new open: ChannelSequence of its CREATE (3.3.5.9)."""
        return request.header.channel_sequence

    def of_request(self, request: Request) -> int:
        """The number of a request: the low half of the header's Status field (2.2.1.2)."""
        return request.header.channel_sequence

    def is_replay(self, request: Request) -> bool:
        """Whether a request says that it may have been executed before (3.3.5.2.10)."""
        return request.header.has(HeaderFlags.REPLAY_OPERATION)

    def is_equal(self, present: int, requested: int) -> bool:
        """Whether a request belongs to the present of its open."""
        return requested == present

    def is_newer(self, present: int, requested: int) -> bool:
        """Whether a number other than the present one is ahead of it, by an unsigned difference of at most
        0x7FFF."""
        return (requested - present) % MODULUS <= FARTHEST_NEWER

    def must_be_in_order(self, request: Request) -> bool:
        """Whether a request fails for its number: WRITE, SET_INFO and IOCTL do."""
        return request.command in _ORDERED

    def refusal_status(self) -> Status:
        """What such a request fails with."""
        return Status.FILE_NOT_AVAILABLE

    def status_without_file(self, request: Request) -> Status:
        """SUCCESS, or what a request without a FileId fails with: its number is not looked at."""
        del request
        return Status.SUCCESS

    def newer_moves_on(self, open_: Open, request: Request) -> bool:
        """Whether a newer number becomes Open.ChannelSequence where the request is no replay."""
        del open_, request
        return True

    def replay_is_held_up(self, open_: Open) -> bool:
        """Whether a replay with the present number fails: a request of an earlier one is outstanding."""
        return open_.outstanding_pre_request_count > 0

    def newer_replay_moves_on(self, open_: Open, request: Request) -> bool:
        """Whether a replay with a newer number makes it Open.ChannelSequence (SHOULD)."""
        del open_, request
        return True

    def newer_replay_is_held_up(self, open_: Open) -> bool:
        """Whether a replay with a newer number fails: what is outstanding now is of an earlier one then."""
        return open_.outstanding_pre_request_count + open_.outstanding_request_count > 0

    def is_settled_by(self, status: Status | None) -> bool:
        """Whether a request with this answer (None: with none) is outstanding no longer (3.3.4.1).

        By any final one, success or not; an interim response is not the answer.
        """
        return status != Status.PENDING

    def is_of_the_present(self, open_: Open, request: Request) -> bool:
        """Whether the request that is being answered counts among those of the present (3.3.4.1).

        Erratum 16: numbers come round, so it is not they that decide, but whether Open.ChannelSequence has
        moved since the request was counted.
        """
        return request.channel_generation == open_.channel_generation
