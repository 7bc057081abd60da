"""What the tests of leases share: peers that ask for leases, and the breaks they get."""

from __future__ import annotations

from file_peer import FilePeer, create_request, file_server
from server_peer import Peer

from smbtorture_py.server.server import Server
from smbtorture_py.wire.create import CreateResponse, OplockLevel
from smbtorture_py.wire.create_contexts import (
    CreateContext,
    RequestLease,
    RequestLeaseV2,
    ResponseLease,
    ResponseLeaseV2,
    find,
)
from smbtorture_py.wire.lease import LeaseFlags, LeaseState
from smbtorture_py.wire.oplock_break import LeaseBreakAcknowledgment, LeaseBreakNotification
from smbtorture_py.wire.status import Status

NONE = LeaseState.NONE
R = LeaseState.READ_CACHING
H = LeaseState.HANDLE_CACHING
W = LeaseState.WRITE_CACHING
RH, RW, RWH = R | H, R | W, R | W | H
KEY, OTHER_KEY, THIRD_KEY = b"K" * 16, b"O" * 16, b"T" * 16


def lease_v1(state: LeaseState, key: bytes = KEY) -> CreateContext:
    return RequestLease(lease_key=key, lease_state=state).envelope()


def lease_v2(
    state: LeaseState, key: bytes = KEY, *, epoch: int = 0, parent: bytes = b"", flags: int = 0
) -> CreateContext:
    set_flags = LeaseFlags(flags) | (LeaseFlags.PARENT_LEASE_KEY_SET if parent else LeaseFlags.NONE)
    return RequestLeaseV2(
        lease_key=key, lease_state=state, epoch=epoch, parent_lease_key=parent or bytes(16), flags=set_flags
    ).envelope()


class LeasePeer(FilePeer):
    """A peer with a tree that asks for leases."""

    def lease_request(self, name: str, *contexts: CreateContext, **fields):
        fields.setdefault("requested_oplock_level", OplockLevel.LEASE)
        return create_request(name, contexts=list(contexts), **fields)

    def leased(self, name: str, *contexts: CreateContext, **fields) -> CreateResponse:
        answer = self.call(self.lease_request(name, *contexts, **fields))
        assert answer.header.status == Status.SUCCESS, Status(answer.header.status).name
        return answer.body

    def acknowledge(self, state: LeaseState, key: bytes = KEY):
        return self.calls(LeaseBreakAcknowledgment(lease_key=key, lease_state=state))


def granted(opened: CreateResponse) -> ResponseLeaseV2 | ResponseLease:
    assert opened.oplock_level == OplockLevel.LEASE
    found = find(opened.contexts, ResponseLeaseV2, []) or find(opened.contexts, ResponseLease, [])
    assert found is not None
    return found


def lease_break(peer: Peer) -> LeaseBreakNotification:
    """The one message that has come, a lease break."""
    (message,) = peer.take()
    header = message.header
    assert isinstance(message.body, LeaseBreakNotification)
    assert (header.message_id, header.session_id, header.tree_id) == ((1 << 64) - 1, 0, 0)
    return message.body


def lease_pair(policy: str = "specification", **settings) -> tuple[LeasePeer, LeasePeer]:
    server: Server = file_server(policy=policy, **settings)
    return LeasePeer(server, port=50001), LeasePeer(server, port=50002)
