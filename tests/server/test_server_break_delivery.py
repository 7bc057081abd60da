"""Break notifications on their way: which connection, in which order, again, and what if there is none."""

from __future__ import annotations

import pytest
from file_peer import create_request, file_server
from lease_peer import (
    KEY,
    NONE,
    OTHER_KEY,
    RH,
    RWH,
    LeasePeer,
    R,
    granted,
    lease_break,
    lease_pair,
    lease_v2,
)
from server_peer import NOW, Peer

from smbtorture_py.server.config import Encryption
from smbtorture_py.server.open import OplockState
from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.create import CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.framing import Closed
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.logoff import LogoffRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import (
    LeaseBreakAcknowledgment,
    LeaseBreakNotification,
    OplockBreakNotification,
)
from smbtorture_py.wire.status import Status
from smbtorture_py.wire.tree_disconnect import TreeDisconnectRequest


def bind(holder: LeasePeer, count: int) -> list[Peer]:
    """Channels of the holder's session, the first one included."""
    channels: list[Peer] = [holder]
    for number in range(1, count):
        channel = Peer(holder.server, port=51000 + number)
        channel.negotiate(guid=holder.port.to_bytes(16, "little"))
        assert channel.setup(bind=holder.keys).header.status == Status.SUCCESS
        channels.append(channel)
    return channels


def quiet(peers: list[Peer]) -> None:
    for peer in peers:
        peer.take()
        peer.connection.acknowledged(peer.connection.bytes_written - peer.connection.bytes_acknowledged, NOW)


@pytest.fixture
def pair():
    return lease_pair()


@pytest.mark.parametrize("policy", ["specification", "windows"])
def test_a_lease_break_goes_over_every_channel_in_order(policy) -> None:
    holder, other = lease_pair(policy)
    channels = bind(holder, 4)
    holder.leased("f", lease_v2(RWH, epoch=7))
    quiet(channels)
    assert other.call(create_request("f")).header.status == Status.PENDING
    first = lease_break(channels[0])
    for index in range(1, 4):
        assert [peer.take() for peer in channels] == [[], [], [], []]
        channels[index - 1].connection.stuck(NOW, NOW + 1)
        again = lease_break(channels[index])
        assert again == first, "key, states, flags and epoch are those of the first"
    channels[3].connection.stuck(NOW, NOW + 1)
    assert [peer.take() for peer in channels] == [[], [], [], []], "none gets it twice"
    assert holder.server.next_deadline() == NOW + 35, "the time counts from the first"


def test_samba_ends_a_connection_that_fails() -> None:
    holder, other = lease_pair("samba")
    channels = bind(holder, 3)
    holder.leased("f", lease_v2(RWH, epoch=7))
    quiet(channels)
    request = other.lease_request("f", lease_v2(RWH, OTHER_KEY))
    assert other.call(request).header.status == Status.PENDING
    for channel in channels:
        assert lease_break(channel).new_epoch == 9
        channel.connection.stuck(NOW, NOW + 1)
        assert channel.is_closed
    (answer,) = other.take()
    assert granted(answer.body).lease_state == RWH, "the session went with its last connection"


def test_what_has_arrived_is_not_sent_again(pair) -> None:
    holder, other = pair
    channels = bind(holder, 2)
    holder.leased("f", lease_v2(RWH))
    quiet(channels)
    other.call(create_request("f"))
    lease_break(holder)
    holder.connection.acknowledged(
        holder.connection.bytes_written - holder.connection.bytes_acknowledged, NOW
    )
    holder.connection.connection_lost(Closed.RESET, NOW)
    assert channels[1].take() == []


def test_a_lost_connection_hands_the_break_on(pair) -> None:
    holder, other = pair
    channels = bind(holder, 3)
    holder.leased("f", lease_v2(RWH))
    quiet(channels)
    other.call(create_request("f"))
    lease_break(holder)
    holder.connection.connection_lost(Closed.RESET, NOW)
    assert lease_break(channels[1]).lease_key == KEY
    assert channels[2].take() == []


def test_an_acknowledgment_on_another_channel(pair) -> None:
    holder, other = pair
    _, second = bind(holder, 2)
    holder.leased("f", lease_v2(RWH))
    other.call(create_request("f"))
    lease_break(holder)
    answers = second.requests(LeaseBreakAcknowledgment(lease_key=KEY, lease_state=RH), tree_id=holder.tree_id)
    assert [answer.header.status for answer in answers] == [Status.SUCCESS]
    assert [answer.header.status for answer in other.take()] == [Status.SUCCESS]


def test_a_channel_that_comes_later_gets_it_too(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    quiet([holder])
    other.call(create_request("f"))
    lease_break(holder)
    holder.connection.stuck(NOW, NOW + 1)
    _, second = bind(holder, 2)
    quiet([second])
    holder.connection.stuck(NOW, NOW + 2)
    assert lease_break(second).lease_key == KEY


def test_r_is_announced_again_too(pair) -> None:
    holder, other = pair
    channels = bind(holder, 2)
    holder.leased("f", lease_v2(R))
    theirs = other.open("f")
    quiet(channels)
    other.write(theirs.file_id, b"x")
    assert lease_break(holder).new_lease_state == NONE
    holder.connection.connection_lost(Closed.RESET, NOW)
    assert lease_break(channels[1]).new_lease_state == NONE


def test_a_lease_break_goes_to_the_client_not_to_the_session(pair) -> None:
    """Two sessions of one client: the first connection gets it, whichever session has the open."""
    holder, other = pair
    second = LeasePeer(holder.server, port=50001)
    opened = second.leased("f", lease_v2(RWH))
    assert granted(opened).lease_state == RWH
    quiet([holder, second])
    other.call(create_request("f"))
    assert lease_break(holder).lease_key == KEY
    assert second.take() == []
    (answer,) = second.acknowledge(RH)
    assert answer.header.status == Status.SUCCESS


def test_notifications_are_neither_signed_nor_granting(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    held = holder.open("g", requested_oplock_level=OplockLevel.BATCH)
    for name in ("f", "g"):
        other.call(create_request(name))
        (message,) = holder.take()
        header = message.header
        assert (header.message_id, header.tree_id, header.credits) == ((1 << 64) - 1, 0, 0)
        assert header.flags == HeaderFlags.SERVER_TO_REDIR
        is_lease = isinstance(message.body, LeaseBreakNotification)
        assert header.session_id == (0 if is_lease else holder.keys.session_id)
    assert held.oplock_level == OplockLevel.BATCH


def durable(peer: LeasePeer, **settings) -> None:
    """Make every open of a peer one that is kept for it."""
    for open_ in peer.server.global_open_table.values():
        if open_.session is not None and open_.client_guid == peer.connection.client_guid:
            open_.is_durable, open_.durable_open_timeout = True, 60.0
            for name, value in settings.items():
                setattr(open_, name, value)


@pytest.mark.parametrize(
    ("disposition", "kept"), [(CreateDisposition.OVERWRITE, False), (CreateDisposition.OPEN, True)]
)
def test_a_durable_open_without_its_client(pair, disposition, kept) -> None:
    """It is closed where it would lose H; where it keeps H nobody can acknowledge, and it loses all."""
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    durable(holder)
    holder.connection.connection_lost(Closed.RESET, NOW)
    (open_,) = holder.server.global_open_table.values()
    assert open_.session is None
    answer = other.call(create_request("f", create_disposition=disposition))
    assert answer.header.status == Status.SUCCESS, "nobody is waited for"
    assert open_.is_closed is not kept
    if kept:
        assert (open_.lease.lease_state, open_.oplock_state) == (NONE, OplockState.NONE)


def test_a_persistent_open_keeps_its_break(pair) -> None:
    holder, _ = pair
    # On 3.x the open would not be available.
    other = LeasePeer(holder.server, port=50003, dialects=[Dialect.SMB_2_0_2, Dialect.SMB_2_1])
    holder.leased("f", lease_v2(RWH))
    durable(holder, is_persistent=True)
    holder.connection.connection_lost(Closed.RESET, NOW)
    assert other.call(create_request("f")).header.status == Status.PENDING
    (open_,) = [one for one in holder.server.global_open_table.values() if one.is_persistent]
    lease = open_.lease
    assert (lease.breaking, lease.break_to_lease_state) == (True, RH)
    assert lease.break_notification is not None
    back = LeasePeer(holder.server, port=50001)
    holder.server.lease_tables.send_notification(lease, NOW + 5)
    assert lease_break(back).new_lease_state == RH
    assert lease.break_notification is None
    assert lease.lease_break_timeout == NOW + 5 + 180


def test_a_break_nobody_hears_of_ends(pair) -> None:
    """The last connection goes while the break is on its way: the opens end with the session."""
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    other.call(other.lease_request("f", lease_v2(RWH, OTHER_KEY)))
    lease_break(holder)
    holder.connection.connection_lost(Closed.RESET, NOW)
    (answer,) = other.take()
    assert granted(answer.body).lease_state == RWH
    assert holder.server.next_deadline() is None or holder.server.next_deadline() > NOW + 35


@pytest.mark.parametrize("how", ["close", "tree disconnect", "logoff", "loss"])
def test_delete_on_close_asks_for_h(how) -> None:
    holder, other = lease_pair("samba")
    holder.leased("f", lease_v2(RH, epoch=0))
    doomed = other.open("f", create_options=CreateOptions.DELETE_ON_CLOSE)
    if how == "close":
        other.call(CloseRequest(file_id=doomed.file_id))
    elif how == "tree disconnect":
        other.call(TreeDisconnectRequest())
    elif how == "logoff":
        other.request(LogoffRequest())
    else:
        other.connection.connection_lost(Closed.FIN, NOW)
    seen = lease_break(holder)
    assert (seen.current_lease_state, seen.new_lease_state, seen.new_epoch) == (RH, R, 2)
    assert other.server.global_open_table


def test_a_file_server_without_leases_ignores_them() -> None:
    server = file_server()
    server.config.leasing = False
    peer = LeasePeer(server)
    opened = peer.leased("f", lease_v2(RWH))
    assert (opened.oplock_level, opened.contexts) == (OplockLevel.NONE, [])


@pytest.mark.parametrize(("policy", "sealed"), [("specification", True), ("windows", True), ("samba", False)])
def test_which_notifications_are_sealed(policy, sealed) -> None:
    """That of an oplock where the session encrypts; that of a lease belongs to no session."""
    server = file_server(policy=policy)
    server.config.encryption = Encryption.REQUIRED
    holder, other = SealedPeer(server, port=50001), SealedPeer(server, port=50002)
    holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    holder.leased("g", lease_v2(RWH))
    for name, is_sealed in (("f", sealed), ("g", False)):
        assert other.call(create_request(name)).header.status == Status.PENDING
        is_transform = bytes(holder.transport.sent[4:8]) == b"\xfdSMB"
        (message,) = holder.take()
        assert isinstance(message.body, OplockBreakNotification | LeaseBreakNotification)
        assert is_transform is is_sealed


class SealedPeer(LeasePeer):
    """A peer of a server that encrypts everything."""

    def request(self, body, **fields):
        fields.setdefault("sealed", self.keys is not None)
        return super().request(body, **fields)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [({}, False), ({"is_durable": False, "is_resilient": True}, True), ({"is_persistent": True}, True)],
    ids=["durable", "resilient", "persistent"],
)
def test_an_oplock_without_its_client(pair, settings, kept) -> None:
    """A durable open is closed; others are kept, and whoever waits for them waits for the timer."""
    holder, _ = pair
    # On 3.x a persistent open would not be available.
    other = LeasePeer(holder.server, port=50003, dialects=[Dialect.SMB_2_0_2, Dialect.SMB_2_1])
    holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    durable(holder, resiliency_timeout=600.0, durable_open_timeout=600.0, **settings)
    holder.connection.connection_lost(Closed.RESET, NOW)
    (open_,) = holder.server.global_open_table.values()
    answer = other.call(create_request("f"))
    assert answer.header.status == (Status.PENDING if kept else Status.SUCCESS)
    assert open_.is_closed is not kept
    if kept:
        holder.server.tick(NOW + 60)
        assert [one.header.status for one in other.take()] == [Status.SUCCESS]
        assert (open_.is_closed, open_.oplock_level) == (False, OplockLevel.NONE)


def test_nobody_acknowledges_anything(pair) -> None:
    """A hundred breaks under way, and forged acknowledgments: others are served, and nothing is left over."""
    holder, other = pair
    count = 100
    keys = [number.to_bytes(16, "big") for number in range(1, count + 1)]
    files = [holder.leased(f"f{number}", lease_v2(RWH, key)) for number, key in enumerate(keys)]
    for number in range(count):
        assert other.call(create_request(f"f{number}")).header.status == Status.PENDING
    assert len(holder.take()) == count
    for key in keys:
        (answer,) = other.acknowledge(RH, key)
        assert answer.header.status == Status.OBJECT_NAME_NOT_FOUND
        (answer,) = holder.acknowledge(RWH, key)
        assert answer.header.status == Status.REQUEST_NOT_ACCEPTED
    assert other.open("g").oplock_level == OplockLevel.NONE
    server = holder.server
    server.tick(NOW + 35)
    assert [answer.header.status for answer in other.take()] == [Status.SUCCESS] * count
    assert not any(lease.breaking for lease in server.lease_tables.leases())
    for file in files:
        holder.close(file.file_id)
    assert server.lease_tables.is_empty
