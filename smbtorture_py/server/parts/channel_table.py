"""ChannelTable: Session.ChannelList ([MS-SMB2] 3.3.1.8, 3.3.1.14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from smbtorture_py.server.session import Channel

if TYPE_CHECKING:
    from smbtorture_py.server.connection import Connection


class ChannelTable:
    """The channels of one session, in the order they were established."""

    __slots__ = ("_channels",)

    def __init__(self) -> None:
        self._channels: list[Channel] = []

    def __iter__(self) -> Iterator[Channel]:
        return iter(tuple(self._channels))

    def __len__(self) -> int:
        return len(self._channels)

    def find(self, connection: Connection) -> Channel | None:
        """The channel on this connection."""
        for channel in self._channels:
            if channel.connection is connection:
                return channel
        return None

    def add(self, channel: Channel) -> None:
        """Append a channel."""
        self._channels.append(channel)

    def remove(self, connection: Connection) -> None:
        """Remove the channel on this connection, where there is one."""
        self._channels = [channel for channel in self._channels if channel.connection is not connection]

    def connections(self) -> list[Connection]:
        """The connections that know the session, and forget it when it ends (3.3.5.6)."""
        return [channel.connection for channel in self._channels]

    def clear(self) -> None:
        """Remove every channel."""
        self._channels.clear()

    def first(self) -> Channel:
        """The channel that has lived longest; raises IndexError where there is none."""
        return self._channels[0]
