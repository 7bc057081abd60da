"""Lock sequences ([MS-SMB2] 3.3.5.14): which LOCK is taken for the repetition of one that succeeded."""

from __future__ import annotations

import pytest
from file_peer import FilePeer
from server_peer import NOW, make_server

from smbtorture_py.server.config import ShareConfig
from smbtorture_py.server.open import Open
from smbtorture_py.storage.memory import MemoryStorage
from smbtorture_py.wire.codec import FileId
from smbtorture_py.wire.filetime import to_filetime
from smbtorture_py.wire.lock import LockElement, LockFlags, LockRequest
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status

LOCK = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
WAIT = LockFlags.EXCLUSIVE_LOCK
UNLOCK = LockFlags.UNLOCK
DONE, TAKEN, FREE = Status.SUCCESS, Status.LOCK_NOT_GRANTED, Status.RANGE_NOT_LOCKED


class Locker(FilePeer):
    """A peer with one open, whose locks are all of the same byte."""

    def __init__(self, policy: str = "specification", *, multichannel: bool = True, **how: object) -> None:
        share = ShareConfig("files", storage=MemoryStorage(to_filetime(NOW)))
        super().__init__(make_server(policy, shares=[share], multichannel=multichannel), **how)
        self.file_id = self.open("file").file_id

    @property
    def opened(self) -> Open:
        return self.server.global_open_table[self.file_id.persistent]

    def send(
        self, flags: LockFlags, index: int = 0, number: int = 0, file_id: FileId | None = None
    ) -> Status:
        body = LockRequest(
            file_id=file_id or self.file_id,
            lock_sequence_index=index,
            lock_sequence_number=number,
            locks=[LockElement(offset=0, length=1, flags=flags)],
        )
        return Status(self.calls(body)[0].header.status)


def test_index_zero_is_not_verified() -> None:
    peer = Locker()
    assert [peer.send(LOCK, 0, 1) for _ in range(2)] == [DONE, TAKEN]
    assert [peer.send(UNLOCK, 0, 1) for _ in range(2)] == [DONE, FREE]


@pytest.mark.parametrize("index", [1, 64])
@pytest.mark.parametrize("policy", ["specification", "windows", "samba"])
def test_a_repetition_succeeds_and_does_nothing(policy, index) -> None:
    peer = Locker(policy)
    assert [peer.send(LOCK, index, 1) for _ in range(3)] == [DONE] * 3
    # Even as an UNLOCK it does nothing.
    assert peer.send(UNLOCK, index, 1) == DONE
    assert peer.send(LOCK) == TAKEN
    assert peer.opened.lock_count == 1
    assert [peer.send(UNLOCK, index, 2) for _ in range(2)] == [DONE] * 2
    assert peer.send(UNLOCK) == FREE


def test_a_repeated_unlock_leaves_a_later_lock_alone() -> None:
    peer = Locker()
    assert peer.send(LOCK) == DONE
    assert peer.send(UNLOCK, 3, 7) == DONE
    assert peer.send(LOCK) == DONE
    assert peer.send(UNLOCK, 3, 7) == DONE
    assert peer.send(LOCK) == TAKEN


@pytest.mark.parametrize("index", [65, 0x0FFFFFFF])
def test_an_index_beyond_the_array_is_not_verified(index) -> None:
    peer = Locker()
    assert [peer.send(LOCK, index, 1) for _ in range(2)] == [DONE, TAKEN]


def test_what_failed_is_not_recorded() -> None:
    peer = Locker()
    assert peer.send(LOCK) == DONE
    assert [peer.send(LOCK, 1, 5) for _ in range(2)] == [TAKEN] * 2
    assert peer.send(UNLOCK) == DONE
    assert peer.send(LOCK, 1, 5) == DONE


def test_another_number_voids_the_entry_even_where_it_fails() -> None:
    peer = Locker()
    assert peer.send(LOCK, 1, 1) == DONE
    assert peer.send(LOCK, 1, 2) == TAKEN
    assert peer.send(LOCK, 1, 1) == TAKEN


def test_indexes_are_independent() -> None:
    peer = Locker()
    assert peer.send(LOCK, 1, 1) == DONE
    assert peer.send(LOCK, 2, 1) == TAKEN
    assert peer.send(LOCK, 1, 1) == DONE


def test_each_open_has_its_own_array() -> None:
    peer = Locker()
    other = peer.open("file").file_id
    assert peer.send(LOCK, 1, 1) == DONE
    assert peer.send(LOCK, 1, 1, other) == TAKEN


def test_a_lock_that_waited_is_recorded_when_it_is_granted() -> None:
    peer = Locker()
    other = peer.open("file").file_id
    assert peer.send(LOCK, file_id=other) == DONE
    assert peer.send(WAIT, 9, 3) == Status.PENDING
    assert not peer.opened.lock_sequence_array[9].valid
    assert peer.send(UNLOCK, file_id=other) == DONE
    assert peer.send(LOCK, 9, 3) == DONE
    assert peer.send(LOCK) == TAKEN


@pytest.mark.parametrize(
    ("dialect", "multichannel", "kind", "verified"),
    [
        (Dialect.SMB_2_0_2, True, "", False),
        (Dialect.SMB_2_0_2, True, "is_durable", False),
        (Dialect.SMB_2_1, True, "", False),
        (Dialect.SMB_2_1, True, "is_durable", True),
        (Dialect.SMB_2_1, True, "is_resilient", True),
        (Dialect.SMB_3_0, True, "", True),
        (Dialect.SMB_3_0, False, "", False),
        (Dialect.SMB_3_0, False, "is_durable", True),
        (Dialect.SMB_3_0, False, "is_resilient", True),
        (Dialect.SMB_3_1_1, False, "is_persistent", True),
        (Dialect.SMB_3_1_1, False, "", False),
    ],
)
def test_which_opens_have_it(dialect, multichannel, kind, verified) -> None:
    peer = Locker(dialects=[dialect], multichannel=multichannel)
    if kind:
        setattr(peer.opened, kind, True)
    assert [peer.send(LOCK, 1, 1) for _ in range(2)] == [DONE, DONE if verified else TAKEN]
