"""Leases and the names of files: what renames, deletions and changes in a directory ask back."""

from __future__ import annotations

import pytest
from lease_peer import (
    KEY,
    NONE,
    OTHER_KEY,
    RH,
    RW,
    RWH,
    THIRD_KEY,
    LeasePeer,
    R,
    granted,
    lease_break,
    lease_pair,
    lease_v2,
)
from server_peer import NOW

from smbtorture_py.wire.close import CloseRequest
from smbtorture_py.wire.create import AccessMask, CreateDisposition, CreateOptions, OplockLevel
from smbtorture_py.wire.fscc.file_information import (
    FileBasicInformation,
    FileDispositionInformation,
    FileEndOfFileInformation,
    FileLinkInformation,
    FileRenameInformation,
)
from smbtorture_py.wire.fscc.information_class import FileInformationClass, InfoType
from smbtorture_py.wire.oplock_break import (
    LeaseBreakNotification,
    OplockBreakAcknowledgment,
    OplockBreakNotification,
)
from smbtorture_py.wire.set_info import SetInfoRequest
from smbtorture_py.wire.status import Status

DIRECTORY = CreateOptions.DIRECTORY_FILE
LIST = AccessMask.FILE_LIST_DIRECTORY


@pytest.fixture
def pair():
    return lease_pair()


def set_information(file, number: FileInformationClass, data: bytes) -> SetInfoRequest:
    return SetInfoRequest(
        info_type=InfoType.FILE, file_info_class=number, buffer=data, file_id=file.file_id
    )  # fmt: skip


def rename(file, name: str, *, replace: bool = False) -> SetInfoRequest:
    data = FileRenameInformation(
        replace_if_exists=int(replace), file_name=name, file_name_length=len(name) * 2
    ).encode()
    return set_information(file, FileInformationClass.FILE_RENAME_INFORMATION, data)


def link(file, name: str) -> SetInfoRequest:
    data = FileLinkInformation(file_name=name, file_name_length=len(name) * 2).encode()
    return set_information(file, FileInformationClass.FILE_LINK_INFORMATION, data)


def delete(file) -> SetInfoRequest:
    data = FileDispositionInformation(delete_pending=1).encode()
    return set_information(file, FileInformationClass.FILE_DISPOSITION_INFORMATION, data)


@pytest.mark.parametrize("make", [lambda file: rename(file, "g"), delete], ids=["rename", "delete"])
@pytest.mark.parametrize("how", ["acknowledge", "close", "time"])
def test_a_name_changes_once_h_is_given_back(pair, make, how) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(RH))
    theirs = other.leased("f", lease_v2(RH, OTHER_KEY))
    assert other.call(make(theirs)).header.status == Status.PENDING
    seen = lease_break(holder)
    assert (seen.current_lease_state, seen.new_lease_state) == (RH, R)
    assert holder.call(
        holder.lease_request("g", create_disposition=CreateDisposition.OPEN)
    ).header.status == (Status.OBJECT_NAME_NOT_FOUND)
    if how == "acknowledge":
        holder.acknowledge(R)
    elif how == "close":
        holder.close(mine.file_id)
    else:
        holder.server.tick(NOW + 35)
    assert [answer.header.status for answer in other.take()] == [Status.SUCCESS]


def test_ones_own_rename_breaks_nothing_and_takes_the_lease_along(pair) -> None:
    holder, other = pair
    mine = holder.leased("f", lease_v2(RWH))
    assert holder.call(rename(mine, "g")).header.status == Status.SUCCESS
    assert holder.take() == []
    assert granted(holder.leased("g", lease_v2(RWH))).lease_state == RWH
    assert holder.call(holder.lease_request("f", lease_v2(RWH))).header.status == Status.INVALID_PARAMETER
    assert other.call(other.lease_request("g", lease_v2(R, OTHER_KEY))).header.status == Status.PENDING


def test_a_request_that_waits_ends_with_its_open(pair) -> None:
    holder, other = pair
    holder.leased("f", lease_v2(RH))
    theirs = other.leased("f", lease_v2(RH, OTHER_KEY))
    assert other.call(rename(theirs, "g")).header.status == Status.PENDING
    lease_break(holder)
    answers = other.calls(CloseRequest(file_id=theirs.file_id))
    assert sorted(answer.header.status for answer in answers) == [Status.SUCCESS, Status.FILE_CLOSED]


def test_a_directory_is_renamed_once_nothing_below_is_open(pair) -> None:
    holder, other = pair
    other.close(other.open("d", create_options=DIRECTORY).file_id)
    below = holder.leased("d\\f", lease_v2(RH))
    directory = other.open("d", create_options=DIRECTORY)
    assert other.call(rename(directory, "e")).header.status == Status.PENDING
    assert lease_break(holder).new_lease_state == R
    holder.acknowledge(R)
    assert [one.header.status for one in other.take()] == [Status.ACCESS_DENIED], "it stays open"
    assert other.call(rename(directory, "e")).header.status == Status.ACCESS_DENIED
    assert holder.take() == [], "there is no H to be asked for"
    holder.close(below.file_id)
    assert other.call(rename(directory, "e")).header.status == Status.SUCCESS


def test_a_target_that_is_cached_is_asked_for(pair) -> None:
    holder, other = pair
    mine = holder.leased("target", lease_v2(RWH))
    theirs = other.open("f")
    request = rename(theirs, "target", replace=True)
    assert other.call(request).header.status == Status.PENDING
    assert lease_break(holder).new_lease_state == RW
    holder.close(mine.file_id)
    assert [one.header.status for one in other.take()] == [Status.SUCCESS]


def changed(peer: LeasePeer, what: str, contexts) -> None:
    """Change something in the directory d through an open with these contexts."""
    options = {
        "contexts": contexts,
        "requested_oplock_level": OplockLevel.LEASE if contexts else OplockLevel.NONE,
    }
    if what == "create":
        peer.open("d\\new", **options)
        return
    file = peer.open("d\\old", **options)
    if what == "write":
        peer.write(file.file_id, b"x")
        peer.close(file.file_id)
    elif what == "size":
        data = FileEndOfFileInformation(end_of_file=9).encode()
        assert (
            peer.call(
                set_information(file, FileInformationClass.FILE_END_OF_FILE_INFORMATION, data)
            ).header.status
            == 0
        )
    elif what == "times":
        data = FileBasicInformation(change_time=132_000_000_000_000_000).encode()
        assert (
            peer.call(set_information(file, FileInformationClass.FILE_BASIC_INFORMATION, data)).header.status
            == 0
        )
    elif what == "rename":
        assert peer.call(rename(file, "d\\older")).header.status == Status.SUCCESS
    elif what == "link":
        assert peer.call(link(file, "d\\other")).header.status == Status.SUCCESS
    elif what == "delete":
        assert peer.call(delete(file)).header.status == Status.SUCCESS
        peer.close(file.file_id)


CHANGES = ["create", "write", "size", "times", "rename", "link", "delete"]


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("parent", [None, KEY, THIRD_KEY], ids=["none", "right", "wrong"])
def test_changes_in_a_directory(pair, what, parent) -> None:
    peer, _ = pair
    peer.close(peer.open("d", create_options=DIRECTORY).file_id)
    peer.close(peer.open("d\\old").file_id)
    peer.leased("d", lease_v2(RH), create_options=DIRECTORY, desired_access=LIST)
    contexts = [] if parent is None else [lease_v2(RH, OTHER_KEY, parent=parent)]
    breaks = collect(peer, lambda: changed(peer, what, contexts))
    assert [(seen.current_lease_state, seen.new_lease_state) for seen in breaks] == (
        [] if parent == KEY else [(RH, NONE)]
    )


def collect(peer: LeasePeer, act):
    """Do something, and return the lease breaks that came meanwhile among the answers."""
    seen = []
    original = peer.send_frame

    def send_frame(frame: bytes):
        messages = original(frame)
        seen.extend(one.body for one in messages if isinstance(one.body, LeaseBreakNotification))
        return [one for one in messages if not isinstance(one.body, LeaseBreakNotification)]

    peer.send_frame = send_frame
    try:
        act()
    finally:
        peer.send_frame = original
    return seen


@pytest.mark.parametrize(
    ("policy", "breaks"), [("specification", True), ("windows", False), ("samba", False)]
)
def test_the_parents_key_named_by_another_client(policy, breaks) -> None:
    holder, other = lease_pair(policy)
    holder.close(holder.open("d", create_options=DIRECTORY).file_id)
    holder.leased("d", lease_v2(RH), create_options=DIRECTORY, desired_access=LIST)
    other.leased("d\\f", lease_v2(RH, OTHER_KEY, parent=KEY))
    holder.server.tick(NOW)
    assert bool(holder.take()) is breaks


@pytest.mark.parametrize("policy", ["windows", "samba"])
def test_products_answer_before_they_break_a_directory(policy) -> None:
    holder, other = lease_pair(policy)
    holder.close(holder.open("d", create_options=DIRECTORY).file_id)
    holder.leased("d", lease_v2(R), create_options=DIRECTORY, desired_access=LIST)
    other.open("d\\f")
    assert holder.take() == []
    assert holder.server.next_deadline() == NOW
    holder.server.tick(NOW)
    assert lease_break(holder).new_lease_state == NONE


def test_a_directory_of_nobody_else_is_not_touched(pair) -> None:
    holder, other = pair
    for name in ("d", "e"):
        holder.close(holder.open(name, create_options=DIRECTORY).file_id)
    holder.leased("d", lease_v2(RH), create_options=DIRECTORY, desired_access=LIST)
    other.open("e\\f")
    assert holder.take() == []


def test_a_batch_oplock_below_is_broken_for_the_directory(pair) -> None:
    holder, other = pair
    other.close(other.open("d", create_options=DIRECTORY).file_id)
    held = holder.open("d\\f", requested_oplock_level=OplockLevel.BATCH)
    directory = other.open("d", create_options=DIRECTORY)
    assert other.call(rename(directory, "e")).header.status == Status.PENDING
    (message,) = holder.take()
    assert isinstance(message.body, OplockBreakNotification)
    assert message.body.oplock_level == OplockLevel.NONE
    holder.calls(OplockBreakAcknowledgment(file_id=held.file_id, oplock_level=OplockLevel.NONE))
    assert [one.header.status for one in other.take()] == [Status.ACCESS_DENIED]
