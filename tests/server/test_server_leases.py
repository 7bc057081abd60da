"""Leases: what is granted, what breaks them, and how a break ends."""

from __future__ import annotations

import pytest
from file_peer import create_request, file_server
from lease_peer import (
    KEY,
    NONE,
    OTHER_KEY,
    RH,
    RW,
    RWH,
    THIRD_KEY,
    H,
    LeasePeer,
    R,
    W,
    granted,
    lease_break,
    lease_pair,
    lease_v1,
    lease_v2,
)
from server_peer import DIALECTS

from smbtorture_py.wire.cancel import CancelRequest
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel, ShareAccess
from smbtorture_py.wire.create_contexts import CreateContext, ResponseLease, ResponseLeaseV2
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.lease import LeaseFlags
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.oplock_break import (
    LeaseBreakFlags,
    LeaseBreakResponse,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
)
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status


@pytest.fixture
def pair():
    return lease_pair()


@pytest.mark.parametrize(
    ("asked", "got"),
    [(NONE, NONE), (R, R), (RW, RW), (RH, RH), (RWH, RWH), (W, NONE), (H, NONE), (W | H, NONE)],
)
@pytest.mark.parametrize("make", [lease_v1, lease_v2])
def test_the_first_open_gets_what_it_asks_for(pair, make, asked, got) -> None:
    peer, _ = pair
    lease = granted(peer.leased("f", make(asked)))
    assert (lease.lease_key, lease.lease_state) == (KEY, got)
    assert isinstance(lease, ResponseLease if make is lease_v1 else ResponseLeaseV2)


@pytest.mark.parametrize(("policy", "epoch"), [("specification", 1), ("windows", 0x4712), ("samba", 0x4712)])
def test_the_epoch_of_a_new_lease(policy, epoch) -> None:
    peer, _ = lease_pair(policy)
    lease = granted(peer.leased("f", lease_v2(RWH, epoch=0x4711)))
    assert lease.epoch == epoch
    assert granted(peer.leased("f", lease_v2(RWH, epoch=9))).epoch == epoch, "nothing has changed"


def test_a_lease_that_is_not_granted_keeps_its_epoch() -> None:
    peer, _ = lease_pair("samba")
    plain = peer.open("f")
    peer.write(plain.file_id, b"x" * 5000)
    locks = [LockElement(offset=0, length=1, flags=LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)]
    assert peer.call(LockRequest(file_id=plain.file_id, locks=locks)).header.status == Status.SUCCESS
    lease = granted(peer.leased("f", lease_v2(R, epoch=100)))
    assert (lease.lease_state, lease.epoch) == (NONE, 100)


def test_the_parent_key_counts_where_its_flag_is_set(pair) -> None:
    peer, _ = pair
    lease = granted(peer.leased("f", lease_v2(R, parent=OTHER_KEY)))
    assert (lease.flags, lease.parent_lease_key) == (LeaseFlags.PARENT_LEASE_KEY_SET, OTHER_KEY)
    context = lease_v2(R, THIRD_KEY, parent=OTHER_KEY)
    context.data = context.data[:20] + bytes(4) + context.data[24:]
    lease = granted(peer.leased("g", context))
    assert (lease.flags, lease.parent_lease_key) == (LeaseFlags.NONE, bytes(16))


def test_the_flag_of_a_break_means_nothing_in_a_request(pair) -> None:
    peer, _ = pair
    lease = granted(peer.leased("f", lease_v2(RWH, flags=LeaseFlags.BREAK_IN_PROGRESS)))
    assert (lease.lease_state, lease.flags) == (RWH, LeaseFlags.NONE)


@pytest.mark.parametrize(
    ("dialect", "context", "level"),
    [
        (Dialect.SMB_2_0_2, lease_v1(R), OplockLevel.NONE),
        (Dialect.SMB_2_1, lease_v2(R), OplockLevel.NONE),
        (Dialect.SMB_2_1, lease_v1(R), OplockLevel.LEASE),
        (Dialect.SMB_3_0, lease_v2(R), OplockLevel.LEASE),
    ],
)
def test_dialects_know_their_contexts(dialect, context, level) -> None:
    peer = LeasePeer(file_server(), dialects=[one for one in DIALECTS if one <= dialect])
    opened = peer.leased("f", context)
    assert (opened.oplock_level, bool(opened.contexts)) == (level, level is OplockLevel.LEASE)


@pytest.mark.parametrize("size", [0, 31, 33, 51, 53])
def test_a_context_of_another_size_fails(pair, size) -> None:
    peer, _ = pair
    request = peer.lease_request("f", CreateContext(b"RqLs", bytes(size)))
    assert peer.call(request).header.status == Status.INVALID_PARAMETER


def test_the_context_is_ignored_with_another_level(pair) -> None:
    peer, _ = pair
    opened = peer.leased("f", lease_v2(RWH), requested_oplock_level=OplockLevel.EXCLUSIVE)
    assert (opened.oplock_level, opened.contexts) == (OplockLevel.EXCLUSIVE, [])


def test_no_context_no_lease(pair) -> None:
    peer, _ = pair
    opened = peer.leased("f")
    assert (opened.oplock_level, opened.contexts) == (OplockLevel.NONE, [])


def test_one_key_is_for_one_file(pair) -> None:
    peer, other = pair
    peer.leased("f", lease_v2(R))
    for name in ("g", "f:stream"):
        answer = peer.call(peer.lease_request(name, lease_v2(R)))
        assert answer.header.status == Status.INVALID_PARAMETER
    assert granted(peer.leased("F", lease_v2(R))).lease_state == R, "names are compared in any case"
    assert granted(other.leased("g", lease_v2(R))).lease_state == R, "another client, another table"


def test_a_key_is_free_again_after_the_last_close(pair) -> None:
    peer, _ = pair
    peer.close(peer.leased("f", lease_v2(R)).file_id)
    assert granted(peer.leased("g", lease_v2(RWH))).lease_state == RWH


def test_delete_on_close_frees_the_name(pair) -> None:
    peer, _ = pair
    peer.leased("f", lease_v2(R), create_options=CreateOptions.DELETE_ON_CLOSE)
    assert peer.call(peer.lease_request("g", lease_v2(R))).header.status == Status.SUCCESS


@pytest.mark.parametrize(
    ("first", "second", "result"),
    [
        (R, RH, RH),
        (R, RW, RW),
        (RH, RW, RH),
        (RW, RH, RW),
        (RWH, R, RWH),
        (RH, RWH, RWH),
        (NONE, RWH, RWH),
    ],
)
def test_a_lease_grows_by_supersets(pair, first, second, result) -> None:
    peer, _ = pair
    peer.leased("f", lease_v2(first))
    assert granted(peer.leased("f", lease_v2(second))).lease_state == result


@pytest.mark.parametrize(("asked", "result"), [(RH, RH), (RWH, R), (RW, R)])
def test_a_lease_grows_as_far_as_others_permit(pair, asked, result) -> None:
    peer, other = pair
    peer.leased("f", lease_v2(R))
    other.leased("f", lease_v2(RH))
    assert granted(peer.leased("f", lease_v2(asked))).lease_state == result
    assert other.take() == []


def test_forced_level_ii_takes_w_away() -> None:
    peer, _ = lease_pair(force_level2_oplock=True)
    assert granted(peer.leased("f", lease_v2(RWH))).lease_state == RH


@pytest.mark.parametrize(("asked", "result"), [(RWH, R), (RH, R), (NONE, NONE)])
def test_a_scale_out_share_leaves_r(asked, result) -> None:
    peer, _ = lease_pair(is_scale_out=True)
    assert granted(peer.leased("f", lease_v2(asked))).lease_state == result


def test_versions_of_request_and_lease() -> None:
    for policy, kind in (("specification", ResponseLease), ("samba", ResponseLeaseV2)):
        peer, _ = lease_pair(policy)
        peer.leased("f", lease_v2(R))
        assert isinstance(granted(peer.leased("f", lease_v1(RH))), kind)


@pytest.mark.parametrize(
    ("held", "asked", "broken_to", "got"),
    [
        (RWH, RWH, RH, RH),
        (RWH, R, RH, R),
        (RW, RWH, R, RH),
        (RW, RW, R, R),
        (RH, RWH, None, RH),
        (R, RH, None, RH),
    ],
)
def test_an_open_takes_w_from_another_client(pair, held, asked, broken_to, got) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(held))
    answer = other.call(other.lease_request("f", lease_v2(asked, OTHER_KEY)))
    if broken_to is not None:
        assert answer.header.status == Status.PENDING
        seen = lease_break(holder)
        assert (seen.lease_key, seen.current_lease_state, seen.new_lease_state) == (KEY, held, broken_to)
        assert (seen.flags, seen.new_epoch) == (LeaseBreakFlags.ACK_REQUIRED, 2)
        (response,) = holder.acknowledge(broken_to)
        assert isinstance(response.body, LeaseBreakResponse)
        assert (response.body.lease_key, response.body.lease_state) == (KEY, broken_to)
        (answer,) = other.take()
    assert answer.header.status == Status.SUCCESS
    assert granted(answer.body).lease_state == got
    assert holder.take() == []


def test_version_1_breaks_without_an_epoch(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v1(RWH))
    other.call(create_request("f"))
    assert lease_break(holder).new_epoch == 0


@pytest.mark.parametrize(
    ("access", "breaks"),
    [
        (AccessMask.FILE_READ_ATTRIBUTES, False),
        (AccessMask.FILE_WRITE_ATTRIBUTES, False),
        (AccessMask.SYNCHRONIZE, False),
        (AccessMask.READ_CONTROL, False),
        (AccessMask.FILE_READ_DATA, True),
        (AccessMask.DELETE, True),
        (AccessMask.FILE_READ_EA, True),
    ],
)
def test_who_only_looks_breaks_nothing(pair, access, breaks) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    answer = other.call(create_request("f", desired_access=access))
    assert answer.header.status == (Status.PENDING if breaks else Status.SUCCESS)
    assert len(holder.take()) == breaks


def test_the_own_key_breaks_nothing(pair) -> None:
    holder, _ = pair
    one = holder.leased("f", lease_v2(RWH))
    two = holder.leased("f", lease_v2(RWH), create_disposition=CreateDisposition.OVERWRITE)
    for file in (one, two):
        assert holder.write(file.file_id, b"x") == Status.SUCCESS
    assert holder.take() == []


def test_the_same_key_of_two_clients() -> None:
    for policy, breaks in (("specification", True), ("windows", False), ("samba", True)):
        holder, other = lease_pair(policy)
        holder.leased("f", lease_v2(RWH))
        answer = other.call(other.lease_request("f", lease_v2(RWH)))
        assert (answer.header.status == Status.PENDING) is breaks
        assert bool(holder.take()) is breaks


@pytest.mark.parametrize("change", ["write", "size", "lock", "overwrite"])
@pytest.mark.parametrize("held", [R, RH])
def test_changes_take_r_from_others(pair, change, held) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(held))
    holder.write(mine.file_id, b"x" * 100)
    theirs = other.leased("f", lease_v2(held, OTHER_KEY))
    if change == "write":
        assert other.write(theirs.file_id, b"y") == Status.SUCCESS
    elif change == "size":
        assert set_size(other, theirs, 5) == Status.SUCCESS
    elif change == "lock":
        assert lock(other, theirs) == Status.SUCCESS
    else:
        opened = other.leased("f", lease_v2(held, OTHER_KEY), create_disposition=CreateDisposition.OVERWRITE)
        assert granted(opened).lease_state == held
    seen = lease_break(holder)
    assert (seen.current_lease_state, seen.new_lease_state) == (held, NONE)
    assert seen.flags == (LeaseBreakFlags.NONE if held == R else LeaseBreakFlags.ACK_REQUIRED)
    assert other.take() == []
    (answer,) = holder.acknowledge(NONE)
    assert answer.header.status == (Status.UNSUCCESSFUL if held == R else Status.SUCCESS)


def lock(peer, file) -> Status:
    locks = [LockElement(offset=0, length=1, flags=LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY)]
    return Status(peer.call(LockRequest(file_id=file.file_id, locks=locks)).header.status)


def set_size(peer, file, size: int) -> Status:
    request = SetInfoRequest(
        info_type=InfoType.FILE,
        file_info_class=FileInformationClass.FILE_END_OF_FILE_INFORMATION,
        buffer=size.to_bytes(8, "little"),
        file_id=file.file_id,
    )
    return Status(peer.call(request).header.status)


@pytest.mark.parametrize(("held", "broken_to"), [(RWH, RW), (RH, R)])
def test_a_sharing_violation_asks_for_h_first(pair, held, broken_to) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(held), share_access=ShareAccess.READ)
    request = create_request("f", create_disposition=CreateDisposition.OVERWRITE)
    assert other.call(request).header.status == Status.PENDING
    assert lease_break(holder).new_lease_state == broken_to
    holder.acknowledge(broken_to)
    (answer,) = other.take()
    assert answer.header.status == Status.SHARING_VIOLATION
    assert other.call(request).header.status == Status.SHARING_VIOLATION, "nobody is asked twice"
    assert holder.take() == []
    holder.close(mine.file_id)
    assert other.call(request).header.status == Status.SUCCESS


def test_a_close_instead_of_an_acknowledgment(pair) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(RWH), share_access=ShareAccess.NONE)
    assert other.call(other.lease_request("f", lease_v2(RWH, OTHER_KEY))).header.status == Status.PENDING
    assert lease_break(holder).new_lease_state == RW
    holder.close(mine.file_id)
    (answer,) = other.take()
    assert granted(answer.body).lease_state == RWH
    (late,) = holder.acknowledge(RW)
    assert late.header.status == Status.OBJECT_NAME_NOT_FOUND


def test_every_answer_to_an_acknowledgment(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    (answer,) = holder.acknowledge(RH)
    assert answer.header.status == Status.UNSUCCESSFUL
    (answer,) = holder.acknowledge(RH, OTHER_KEY)
    assert answer.header.status == Status.OBJECT_NAME_NOT_FOUND
    (answer,) = other.acknowledge(RH)
    assert answer.header.status == Status.OBJECT_NAME_NOT_FOUND
    assert (
        other.call(create_request("f", create_disposition=CreateDisposition.OVERWRITE)).header.status
        == Status.PENDING
    )
    assert lease_break(holder).new_lease_state == NONE
    for state in (RWH, RH, RW, R, H, W):
        (answer,) = holder.acknowledge(state)
        assert answer.header.status == Status.REQUEST_NOT_ACCEPTED
    assert other.take() == []
    (answer,) = holder.acknowledge(NONE)
    assert answer.header.status == Status.SUCCESS
    assert [one.header.status for one in other.take()] == [Status.SUCCESS]
    (answer,) = holder.acknowledge(NONE)
    assert answer.header.status == Status.UNSUCCESSFUL


def test_an_oplock_acknowledgment_is_none_of_a_lease(pair) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(RWH))
    other.call(create_request("f"))
    lease_break(holder)
    for level in (OplockLevel.NONE, OplockLevel.II, OplockLevel.LEASE):
        (answer,) = holder.calls(OplockBreakAcknowledgment(file_id=mine.file_id, oplock_level=level))
        assert answer.header.status == Status.INVALID_OPLOCK_PROTOCOL
    assert other.take() == []
    (answer,) = holder.acknowledge(RH)
    assert answer.header.status == Status.SUCCESS


def test_less_than_asked_may_be_acknowledged(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    other.call(create_request("f"))
    assert lease_break(holder).new_lease_state == RH
    (answer,) = holder.acknowledge(NONE)
    assert (answer.header.status, answer.body.lease_state) == (Status.SUCCESS, NONE)
    assert granted(holder.leased("f", lease_v2(NONE))).lease_state == NONE


def test_opens_with_the_key_pass_while_it_breaks(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    other.call(create_request("f"))
    lease_break(holder)
    lease = granted(holder.leased("f", lease_v2(RWH)))
    assert (lease.lease_state, lease.flags, lease.epoch) == (RWH, LeaseFlags.BREAK_IN_PROGRESS, 2)
    lease = granted(holder.leased("f", lease_v1(RWH)))
    assert (lease.lease_state, lease.lease_flags) == (RWH, LeaseFlags.BREAK_IN_PROGRESS)


def test_a_break_ends_with_time(pair) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(RWH))
    other.call(other.lease_request("f", lease_v2(RWH, OTHER_KEY)))
    lease_break(holder)
    assert holder.server.next_deadline() == holder.now + 35
    holder.server.tick(holder.now + 34.9)
    assert other.take() == []
    holder.server.tick(holder.now + 35)
    (answer,) = other.take()
    theirs = answer.body
    assert granted(theirs).lease_state == RH
    (late,) = holder.acknowledge(RH)
    assert late.header.status == Status.UNSUCCESSFUL
    assert holder.write(mine.file_id, b"x") == Status.SUCCESS
    assert lease_break(other).new_lease_state == NONE
    assert granted(holder.leased("f", lease_v2(R))).lease_state == R


@pytest.mark.parametrize(
    ("policy", "steps"), [("specification", [(RH, NONE, 3)]), ("windows", [(RH, R, 2), (R, NONE, 2)])]
)
def test_what_is_needed_meanwhile_follows(policy, steps) -> None:
    holder, other = lease_pair(policy)
    third = LeasePeer(holder.server, port=50003)
    holder.leased("f", lease_v2(RWH))
    assert other.call(create_request("f")).header.status == Status.PENDING
    assert lease_break(holder).new_epoch == 2
    request = create_request("f", create_disposition=CreateDisposition.OVERWRITE)
    assert third.call(request).header.status == Status.PENDING
    assert holder.take() == [], "one break at a time"
    answers = holder.acknowledge(RH)
    for current, new, epoch in steps:
        response, seen = answers
        assert response.header.status == Status.SUCCESS
        found = seen.body
        assert (found.current_lease_state, found.new_lease_state, found.new_epoch) == (current, new, epoch)
        if current != R:
            waiting = policy == "windows"
            assert bool(other.take()) is not waiting
            answers = holder.acknowledge(new)
    assert Status.SUCCESS in [one.header.status for one in third.take()] or policy == "specification"


def test_level_ii_and_leases(pair) -> None:
    holder, other = pair
    for held, level in ((R, OplockLevel.II), (RH, OplockLevel.NONE)):
        mine = holder.leased("f", lease_v2(held))
        theirs = other.open("f", requested_oplock_level=OplockLevel.BATCH)
        assert theirs.oplock_level == level
        assert holder.take() == []
        holder.close(mine.file_id)
        other.close(theirs.file_id)


@pytest.mark.parametrize("asked", [R, RH, RWH])
def test_a_lease_beside_level_ii_is_r(pair, asked) -> None:
    holder, other = pair
    assert holder.open("f", requested_oplock_level=OplockLevel.II).oplock_level == OplockLevel.II
    assert granted(other.leased("f", lease_v2(asked))).lease_state == R


def test_a_write_ends_both_kinds(pair) -> None:
    holder, other = pair
    third = LeasePeer(holder.server, port=50003)
    holder.leased("f", lease_v2(R))
    third.open("f", requested_oplock_level=OplockLevel.II)
    plain = other.open("f")
    assert other.write(plain.file_id, b"x") == Status.SUCCESS
    assert lease_break(holder).new_lease_state == NONE
    (message,) = third.take()
    assert isinstance(message.body, OplockBreakNotification)


def test_a_lease_breaks_an_oplock(pair) -> None:
    holder, other = pair
    held = holder.open("f", requested_oplock_level=OplockLevel.BATCH)
    assert other.call(other.lease_request("f", lease_v2(RWH))).header.status == Status.PENDING
    (message,) = holder.take()
    assert message.body.oplock_level == OplockLevel.II
    holder.calls(OplockBreakAcknowledgment(file_id=held.file_id, oplock_level=OplockLevel.II))
    (answer,) = other.take()
    assert granted(answer.body).lease_state == R


def test_streams_have_leases_of_their_own(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    holder.leased("f:s", lease_v2(RWH, THIRD_KEY))
    theirs = other.call(create_request("f:s"))
    assert theirs.header.status == Status.PENDING
    assert lease_break(holder).lease_key == THIRD_KEY


@pytest.mark.parametrize(
    ("make", "asked", "got"),
    [(lease_v2, RWH, RH), (lease_v2, RH, RH), (lease_v2, RW, R), (lease_v1, RH, None)],
)
def test_directories(pair, make, asked, got) -> None:
    peer, _ = pair
    opened = peer.leased("d", make(asked), create_options=CreateOptions.DIRECTORY_FILE)
    if got is None:
        assert (opened.oplock_level, opened.contexts) == (OplockLevel.NONE, [])
    else:
        assert granted(opened).lease_state == got


def test_a_cancelled_open_leaves_the_break(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RWH))
    waiting = other.call(create_request("f"))
    lease_break(holder)
    answers = other.calls(
        CancelRequest(),
        flags=HeaderFlags.ASYNC_COMMAND,
        async_id=waiting.header.async_id,
        message_id=waiting.header.message_id,
    )
    assert [one.header.status for one in answers] == [Status.CANCELLED]
    (answer,) = holder.acknowledge(RH)
    assert answer.header.status == Status.SUCCESS
    assert other.take() == []
