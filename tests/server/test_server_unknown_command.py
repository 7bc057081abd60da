"""Commands that do not exist: they end the connection, or fail before anything else is looked at."""

from __future__ import annotations

import pytest
from server_peer import Peer, logged_on, make_server

from smbtorture_py.wire.echo import EchoRequest
from smbtorture_py.wire.framing import FrameReader, encode_frame_header
from smbtorture_py.wire.header import Header, HeaderFlags
from smbtorture_py.wire.message import Direction, Message, decode_chain, encode_chain
from smbtorture_py.wire.status import Status

UNKNOWN = 0x0014
ECHO = 0x000D
RELATED = HeaderFlags.RELATED_OPERATIONS


def statuses(peer: Peer, *headers: Header) -> list[int]:
    """Send requests with the body of ECHO in one frame; the statuses of what comes back, odd or not."""
    chain = encode_chain([Message(header, EchoRequest()) for header in headers])
    frame = b"".join(bytes(part) for parts in chain for part in parts)
    peer.connection.data_received(encode_frame_header(len(frame)) + frame, peer.now)
    data = bytes(peer.transport.sent)
    peer.transport.sent.clear()
    frames = FrameReader(len(data)).feed(data)
    return [one.header.status for frame in frames for one in decode_chain(frame, Direction.RESPONSE, [])]


def test_an_unknown_command_ends_the_connection() -> None:
    peer = logged_on(make_server())
    assert statuses(peer, peer.header(UNKNOWN)) == []
    assert peer.is_closed


@pytest.mark.parametrize("flags", [HeaderFlags.NONE, HeaderFlags.SIGNED])
def test_an_unknown_command_may_fail_instead(flags: HeaderFlags) -> None:
    peer = logged_on(make_server("samba"))
    assert statuses(peer, peer.header(UNKNOWN, flags=flags)) == [Status.INVALID_PARAMETER]
    assert peer.request(EchoRequest()).header.status == Status.SUCCESS


@pytest.mark.parametrize("first", [UNKNOWN, ECHO])
def test_nothing_follows_from_an_unknown_command(first: int) -> None:
    peer = logged_on(make_server("samba"))
    assert peer.keys is not None
    own = peer.keys.session_id
    headers = [
        peer.header(command, session_id=own, flags=RELATED if place else HeaderFlags.NONE)
        for place, command in enumerate((first, UNKNOWN, ECHO))
    ]
    expected = Status.SUCCESS if first == ECHO else Status.INVALID_PARAMETER
    assert statuses(peer, *headers) == [expected, Status.INVALID_PARAMETER, Status.INVALID_PARAMETER]
    assert peer.request(EchoRequest()).header.status == Status.SUCCESS
