"""Lock sequences: a LOCK that comes again is not executed again ([MS-SMB2] 3.3.5.14)."""

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab, LabOpen
from smbtorture_py.conformance.lab.handle_contexts import RWH, durable, durable_v2, lease, reconnect_v2
from smbtorture_py.conformance.needs import (
    BLACKHOLE,
    DURABLE_HANDLES,
    LEASING,
    MULTI_CHANNEL,
    RESILIENCY,
    SMB2_0_2,
    SMB2_1,
    SMB3,
)
from smbtorture_py.net.faults import FaultKind, Position
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.ioctl_payloads.resiliency import NetworkResiliencyRequest
from smbtorture_py.wire.lock import LockElement, LockFlags
from smbtorture_py.wire.negotiate import Dialect
from smbtorture_py.wire.status import Status
from suites.bind.losses import NOTICED, SILENT
from suites.durable.handles import Client
from suites.tree.dialects import SMB_3

EXCLUSIVE = LockFlags.EXCLUSIVE_LOCK | LockFlags.FAIL_IMMEDIATELY
INDEXES = 64
"""Entries of the array; index 0 is none of them."""

NUMBERS = 16
LARGEST_INDEX = (1 << 28) - 1
RESILIENT = 60_000
"""Milliseconds."""

EDGES = ((1, 0), (1, 15), (32, 7), (64, 1))
"""Indexes and numbers at the ends of what there is."""


def range_of(*offsets: int) -> list[LockElement]:
    """One byte at each offset, exclusively."""
    return [LockElement(offset=offset, length=1, flags=EXCLUSIVE) for offset in offsets]


def is_free(file: LabOpen, offset: int = 0) -> bool:
    """Tell whether nobody has locked a byte: another open of the file can, and lets it go again."""
    other = file.tree.open(file.name)
    free = other.lock(offset).actual is Status.SUCCESS
    other.close().required()
    return free


# A replay is not executed.


@case(
    "replay.lock",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"sequence": EDGES, "replay": [False, True]},
)
def test_a_lock_that_comes_again(lab: Lab, sequence: tuple[int, int], replay: bool) -> None:
    """A LOCK that comes again with its sequence succeeds, though the range is taken; the replay flag makes no
    difference.
    """
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=sequence).required()
    answer = file.lock(sequence=sequence, replay=replay)
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check(file.unlock(), specification=Status.SUCCESS)
    check.that(file, "the range is free after one unlock", is_free(file), specification=True)
    check.alive(session)


@case(
    "replay.unlock",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"sequence": EDGES, "replay": [False, True]},
)
def test_an_unlock_that_comes_again(lab: Lab, sequence: tuple[int, int], replay: bool) -> None:
    """An unlock that comes again with its sequence succeeds, though nothing is locked any more."""
    session = lab.logon()
    file = session.tree().open()
    file.lock().required()
    file.unlock(sequence=sequence).required()
    answer = file.unlock(sequence=sequence, replay=replay)
    check(answer, specification=Status.SUCCESS, executed=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-not-executed",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_replayed_lock_locks_nothing(lab: Lab) -> None:
    """A LOCK that comes again after its range was unlocked succeeds and leaves the range free."""
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(3, 5)).required()
    file.unlock().required()
    check(file.lock(sequence=(3, 5)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=True, executed=False)
    check.alive(session)


@case(
    "replay.unlock-not-executed",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_replayed_unlock_unlocks_nothing(lab: Lab) -> None:
    """An unlock that comes again after its range was locked anew succeeds and leaves the range locked."""
    session = lab.logon()
    file = session.tree().open()
    file.lock().required()
    file.unlock(sequence=(3, 5)).required()
    file.lock().required()
    check(file.unlock(sequence=(3, 5)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=False, executed=True)
    check.alive(session)


@case(
    "replay.lock-of-something-else",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"what": ["range", "kind", "unlock"]},
)
def test_a_lock_of_something_else_with_a_sequence_that_was(lab: Lab, what: str) -> None:
    """Only the sequence tells a replay: a LOCK of another range, or an unlock, with that of the last one is
    not executed.
    """
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(3, 5)).required()
    if what == "unlock":
        check(file.unlock(sequence=(3, 5)), specification=Status.SUCCESS)
        check.that(file, "the range is free", is_free(file), specification=False, executed=True)
    elif what == "range":
        check(file.lock(1, sequence=(3, 5)), specification=Status.SUCCESS)
        check.that(file, "the range is free", is_free(file, 1), specification=True, executed=False)
    else:
        check(
            file.lock(exclusive=False, sequence=(3, 5)),
            specification=Status.SUCCESS,
            executed=Status.LOCK_NOT_GRANTED,
        )
    check.alive(session)


@case(
    "replay.lock-series",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_series_of_locks_that_comes_again(lab: Lab) -> None:
    """A LOCK of several ranges that comes again succeeds as a whole, and so does its unlock."""
    session = lab.logon()
    file = session.tree().open()
    ranges = range_of(0, 10, 20)
    freed = [LockElement(offset=one.offset, length=1, flags=LockFlags.UNLOCK) for one in ranges]
    file.lock_ranges(ranges, sequence=(1, 1)).required()
    answer = file.lock_ranges(ranges, sequence=(1, 1))
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    file.lock_ranges(freed, sequence=(1, 2)).required()
    answer = file.lock_ranges(freed, sequence=(1, 2))
    check(answer, specification=Status.SUCCESS, executed=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-waited",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_lock_that_waited_comes_again(lab: Lab) -> None:
    """A LOCK that had to wait counts as executed once it is granted: it is not executed again."""
    session = lab.logon()
    file = session.tree().open()
    other = file.tree.open(file.name)
    other.lock().required()
    waiting = file.lock(fail_immediately=False, sequence=(2, 9), wait=False)
    waiting.wait_pending()
    other.unlock().required()
    waiting.wait().required()
    answer = file.lock(sequence=(2, 9))
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check.alive(session)


# What is not a replay.


@case(
    "replay.lock-first-number",
    requirements=["SMB2-3.3.5.14-10"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"index": [1, 64], "number": [0, 1, 15]},
    answers=["smbtorture:hole.lock-replay-buckets"],
)
def test_the_first_lock_of_an_index(lab: Lab, index: int, number: int) -> None:
    """The first LOCK of an index is executed whatever its number: no entry is valid from the beginning."""
    session = lab.logon()
    file = session.tree().open()
    check(file.lock(sequence=(index, number)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=False)
    check.alive(session)


@case(
    "replay.lock-every-entry",
    requirements=["SMB2-3.3.5.14-10", "SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    answers=["smbtorture:hole.lock-replay-buckets"],
)
def test_every_index_has_an_entry_of_its_own(lab: Lab) -> None:
    """Each of 64 indexes remembers a number of its own: the first of each is executed, none is again."""
    session = lab.logon()
    file = session.tree().open()
    for index in range(1, INDEXES + 1):
        answer = file.lock(index, sequence=(index, index % NUMBERS))
        check(answer, specification=Status.SUCCESS)
    check.that(file, "the last range is free", is_free(file, INDEXES), specification=False)
    for index in range(1, INDEXES + 1):
        answer = file.lock(index, sequence=(index, index % NUMBERS))
        check(
            answer,
            requirement="SMB2-3.3.5.14-01",
            specification=Status.SUCCESS,
            executed=Status.LOCK_NOT_GRANTED,
        )
    check.alive(session)


@case(
    "replay.lock-every-number",
    requirements=["SMB2-3.3.5.14-02", "SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"index": [1, 64]},
    answers=["smbtorture:hole.lock-replay-buckets", "ms:hole.slip-lock-sequence"],
)
def test_the_numbers_of_an_index_come_round(lab: Lab, index: int) -> None:
    """Twice through the 16 numbers of an index: lock and unlock in turn, each executed once and no more."""
    session = lab.logon()
    file = session.tree().open()
    for count in range(2 * NUMBERS):
        word = file.unlock if count % 2 else file.lock
        for requirement in ("SMB2-3.3.5.14-02", "SMB2-3.3.5.14-01"):
            answer = word(sequence=(index, count % NUMBERS))
            check(
                answer,
                requirement=requirement,
                specification=Status.SUCCESS,
                executed=(Status.LOCK_NOT_GRANTED, Status.RANGE_NOT_LOCKED),
            )
        check.that(file, "the range is free", is_free(file), specification=bool(count % 2))
    check.alive(session)


@case(
    "replay.lock-other-number",
    requirements=["SMB2-3.3.5.14-02"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"numbers": [(1, 2), (2, 1), (0, 15), (15, 0), (0, 1)]},
)
def test_another_number_is_executed(lab: Lab, numbers: tuple[int, int]) -> None:
    """A LOCK with another number than the last one of its index is executed, be it larger or smaller."""
    first, second = numbers
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(7, first)).required()
    check(file.lock(sequence=(7, second)), specification=Status.LOCK_NOT_GRANTED)
    check(file.lock(1, sequence=(7, second)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file, 1), specification=False)
    check.alive(session)


@case(
    "replay.lock-number-before",
    requirements=["SMB2-3.3.5.14-02"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_the_number_before_the_last(lab: Lab) -> None:
    """An index remembers one number: a LOCK with the one before the last is executed."""
    session = lab.logon()
    file = session.tree().open()
    file.lock(0, sequence=(7, 1)).required()
    file.lock(1, sequence=(7, 2)).required()
    check(file.lock(0, sequence=(7, 1)), specification=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "replay.lock-void",
    requirements=["SMB2-3.3.5.14-02"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_another_number_voids_the_entry(lab: Lab) -> None:
    """A LOCK with another number makes the entry invalid even if it fails: the number before is executed."""
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(7, 1)).required()
    file.lock(sequence=(7, 2)).required(Status.LOCK_NOT_GRANTED)
    check(file.lock(sequence=(7, 1)), specification=Status.LOCK_NOT_GRANTED, not_void=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.lock-failed",
    requirements=["SMB2-3.3.5.14-11"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"end": ["refused", "cancelled", "series"]},
)
def test_a_lock_that_failed_is_not_remembered(lab: Lab, end: str) -> None:
    """A LOCK that was refused or cancelled is executed when it comes again."""
    session = lab.logon()
    file = session.tree().open()
    other = file.tree.open(file.name)
    other.lock(20).required()
    ranges = range_of(0, 20) if end == "series" else range_of(20)
    if end == "cancelled":
        waiting = file.lock(20, fail_immediately=False, sequence=(4, 4), wait=False)
        waiting.wait_pending()
        waiting.cancel()
        waiting.wait().required(Status.CANCELLED)
    else:
        file.lock_ranges(ranges, sequence=(4, 4)).required(Status.LOCK_NOT_GRANTED)
    check(file.lock_ranges(ranges, sequence=(4, 4)), specification=Status.LOCK_NOT_GRANTED)
    other.unlock(20).required()
    check(file.lock_ranges(ranges, sequence=(4, 4)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file, 20), specification=False)
    check.alive(session)


@case(
    "replay.unlock-failed",
    requirements=["SMB2-3.3.5.14-11"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_an_unlock_that_failed_is_not_remembered(lab: Lab) -> None:
    """An unlock of what is not locked fails each time that it comes, and is executed once something is."""
    session = lab.logon()
    file = session.tree().open()
    for _ in range(2):
        check(file.unlock(sequence=(4, 4)), specification=Status.RANGE_NOT_LOCKED)
    file.lock().required()
    check(file.unlock(sequence=(4, 4)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=True)
    check.alive(session)


@case(
    "replay.lock-still-waiting",
    requirements=["SMB2-3.3.5.14-11"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_lock_that_still_waits_comes_again(lab: Lab) -> None:
    """A LOCK that still waits is not remembered: when it comes again on another channel it waits too."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    other = file.tree.open(file.name)
    other.lock().required()
    waiting = file.lock(fail_immediately=False, sequence=(2, 9), wait=False)
    waiting.wait_pending()
    again = file.lock(fail_immediately=False, sequence=(2, 9), replay=True, on=second, wait=False)
    check.that(again, "the replay waits", again.wait_pending(), specification=True)
    again.cancel()
    check(again.wait(), specification=Status.CANCELLED)
    other.unlock().required()
    check(waiting.wait(), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.lock-index-none",
    requirements=["SMB2-3.3.5.14-03"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"index": [0, INDEXES + 1, 100, 0xFFFF, LARGEST_INDEX], "number": [0, 7]},
)
def test_an_index_that_is_none(lab: Lab, index: int, number: int) -> None:
    """With the index 0, or one above 64, a LOCK is executed each time that it comes."""
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(index, number)).required()
    check(file.lock(sequence=(index, number)), specification=Status.LOCK_NOT_GRANTED)
    file.unlock(sequence=(index, number)).required()
    check(file.unlock(sequence=(index, number)), specification=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-of-another-open",
    requirements=["SMB2-3.3.5.14-10"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_each_open_has_its_sequences(lab: Lab) -> None:
    """Two opens of a file have each their own sequences: what one has used is new for the other."""
    session = lab.logon()
    file = session.tree().open()
    other = file.tree.open(file.name)
    file.lock(sequence=(5, 5)).required()
    check(other.lock(sequence=(5, 5)), specification=Status.LOCK_NOT_GRANTED)
    check(other.lock(1, sequence=(5, 5)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file, 1), specification=False)
    check.alive(session)


@case(
    "replay.lock-of-a-later-open",
    requirements=["SMB2-3.3.5.14-10"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_later_open_has_new_sequences(lab: Lab) -> None:
    """An open of a file that was opened and closed before starts with no sequence remembered."""
    session = lab.logon()
    tree = session.tree()
    first = tree.open()
    first.lock(sequence=(5, 0)).required()
    first.close().required()
    file = tree.open(first.name)
    check(file.lock(sequence=(5, 0)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=False)
    check.alive(session)


# Where, and for which opens.


@case(
    "replay.lock-on-another-channel",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"dialect": SMB_3},
    answers=["smbtorture:hole.lock-replay-channels"],
)
def test_a_lock_that_comes_again_on_another_channel(lab: Lab) -> None:
    """A LOCK or an unlock that comes again on another channel is not executed again."""
    session = lab.logon()
    second = session.add_channel()
    file = session.tree().open()
    file.lock(sequence=(1, 1)).required()
    answer = file.lock(sequence=(1, 1), replay=True, on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    file.unlock(sequence=(1, 2), on=second, channel_sequence=1).required()
    answer = file.unlock(sequence=(1, 2), channel_sequence=1)
    check(answer, specification=Status.SUCCESS, executed=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-lost",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={
        "fault": [fault for fault in (*NOTICED, *SILENT) if fault is not FaultKind.CUT],
        "position": [Position.AFTER_EXECUTION, Position.INSIDE_RESPONSE],
    },
    answers=["smbtorture:hole.lock-replay-channels"],
)
def test_a_lock_whose_response_is_lost(lab: Lab, fault: FaultKind, position: Position) -> None:
    """A LOCK is executed and its channel is lost: it succeeds when it comes again on another one, and one
    unlock frees the range.
    """
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(fault, position)
    file.lock(sequence=(1, 1), wait=False)
    lab.settle()
    answer = file.lock(sequence=(1, 1), replay=True, on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check(file.unlock(on=second, channel_sequence=1), specification=Status.SUCCESS)
    answer = file.unlock(on=second, channel_sequence=1)
    check(answer, specification=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-never-arrived",
    requirements=["SMB2-3.3.5.14-10"],
    needs=[SMB3, MULTI_CHANNEL, BLACKHOLE],
    variants={"fault": [FaultKind.RESET, FaultKind.BLACKHOLE]},
)
def test_a_lock_that_never_arrives(lab: Lab, fault: FaultKind) -> None:
    """A LOCK is lost with its channel: when it comes again on another one it is executed."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(fault, Position.BEFORE_REQUEST)
    file.lock(sequence=(1, 0), wait=False)
    answer = file.lock(sequence=(1, 0), replay=True, on=second, channel_sequence=1)
    check(answer, specification=Status.SUCCESS)
    check(file.unlock(on=second, channel_sequence=1), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "replay.lock-late",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_lock_that_comes_late(lab: Lab) -> None:
    """A LOCK is held up and overtaken by its replay on another channel: later it is not executed again."""
    session = lab.logon()
    first, second = session.channels[0], session.add_channel()
    file = session.tree().open()
    first.faults.arm(FaultKind.DELAY, Position.BEFORE_REQUEST)
    late = file.lock(sequence=(1, 1), wait=False)
    file.lock(sequence=(1, 1), replay=True, on=second, channel_sequence=1).required()
    check(late.wait(), specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "replay.lock-durable",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[DURABLE_HANDLES],
    variants={"dialect": [Dialect.SMB_2_1, *SMB_3]},
)
def test_a_lock_on_a_durable_open(lab: Lab) -> None:
    """On a durable open sequences are verified from 2.1 on."""
    session = lab.logon()
    file = session.tree().open(requested_oplock_level=OplockLevel.BATCH, contexts=[durable()])
    file.lock(sequence=(1, 1)).required()
    answer = file.lock(sequence=(1, 1))
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "replay.lock-resilient",
    requirements=["SMB2-3.3.5.14-01"],
    needs=[RESILIENCY],
    variants={"dialect": [Dialect.SMB_2_1, *SMB_3]},
    answers=["ms:BVT_ResilientHandle_LockSequence", "ms:BVT_ResilientHandle_LockSequence_Lease"],
)
def test_a_lock_on_a_resilient_open(lab: Lab) -> None:
    """On a resilient open sequences are verified from 2.1 on."""
    session = lab.logon()
    file = session.tree().open()
    resilient = NetworkResiliencyRequest(timeout=RESILIENT).encode()
    file.ioctl(FsctlCode.LMR_REQUEST_RESILIENCY, resilient).required()
    file.lock(sequence=(1, 1)).required()
    answer = file.lock(sequence=(1, 1))
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "replay.lock-ordinary",
    requirements=["SMB2-3.3.5.14-12"],
    needs=[SMB2_1],
    variants={"dialect": [Dialect.SMB_2_1]},
)
def test_a_lock_on_an_ordinary_open(lab: Lab) -> None:
    """With 2.1, on an open that is neither durable nor resilient, a LOCK is executed each time that it
    comes.
    """
    session = lab.logon()
    file = session.tree().open()
    file.lock(sequence=(1, 1)).required()
    check(file.lock(sequence=(1, 1)), specification=Status.LOCK_NOT_GRANTED)
    file.unlock(sequence=(1, 2)).required()
    check(file.unlock(sequence=(1, 2)), specification=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-smb202",
    requirements=["SMB2-3.3.5.14-04"],
    needs=[SMB2_0_2],
    variants={"dialect": [Dialect.SMB_2_0_2], "caching": ["none", "durable"]},
)
def test_a_lock_of_smb202(lab: Lab, caching: str) -> None:
    """With 2.0.2 there are no lock sequences: a LOCK is executed each time that it comes."""
    session = lab.logon()
    if caching == "durable":
        lab.need(DURABLE_HANDLES)
        file = session.tree().open(requested_oplock_level=OplockLevel.BATCH, contexts=[durable()])
    else:
        file = session.tree().open()
    file.lock(sequence=(1, 1)).required()
    check(file.lock(sequence=(1, 1)), specification=Status.LOCK_NOT_GRANTED)
    file.unlock(sequence=(1, 2)).required()
    check(file.unlock(sequence=(1, 2)), specification=Status.RANGE_NOT_LOCKED)
    check.alive(session)


@case(
    "replay.lock-after-reconnect",
    requirements=["SMB2-3.3.5.14-13", "SMB2-3.3.5.14-02"],
    needs=[SMB3, DURABLE_HANDLES, LEASING],
)
def test_a_lock_that_comes_again_after_a_reconnect(lab: Lab) -> None:
    """Whether a LOCK that comes again after a durable reconnect is executed is noted; with another number it
    is.
    """
    client = Client(lab.logon())
    key, guid = lab.guid(), lab.guid()
    file = client.tree.open(contexts=[lease(key, RWH), durable_v2(guid)])
    file.lock(sequence=(1, 1)).required()
    client.lose()
    back = client.back()
    again = back.tree.open(file.name, contexts=[lease(key, RWH), reconnect_v2(file.file_id, guid)])
    answer = again.lock(sequence=(1, 1))
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    answer = again.lock(1, sequence=(1, 2))
    check(answer, requirement="SMB2-3.3.5.14-02", specification=Status.SUCCESS)
    answer = again.lock(1)
    check(answer, requirement="SMB2-3.3.5.14-02", specification=Status.LOCK_NOT_GRANTED)
    check.alive(back.session)


@case(
    "replay.lock-stale",
    requirements=["SMB2-3.3.5.14-01", "SMB2-3.3.5.2.10-07"],
    needs=[SMB3, MULTI_CHANNEL],
)
def test_a_lock_sequence_and_a_stale_number(lab: Lab) -> None:
    """A LOCK with a stale channel sequence is executed or taken for a replay as any other."""
    session = lab.logon()
    file = session.tree().open()
    file.write(b"x", channel_sequence=2).required()
    answer = file.lock(sequence=(1, 1), channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-07", specification=Status.SUCCESS)
    answer = file.lock(sequence=(1, 1), channel_sequence=1)
    check(answer, specification=Status.SUCCESS, executed=Status.LOCK_NOT_GRANTED)
    check.alive(session)


@case(
    "replay.lock-malformed",
    requirements=["SMB2-3.3.5.14-11", "SMB2-3.3.5.14-09"],
    needs=[SMB3, MULTI_CHANNEL],
    variants={"what": ["no-range", "wrong-flags"]},
)
def test_a_malformed_lock_is_not_remembered(lab: Lab, what: str) -> None:
    """A LOCK that is malformed fails, and its sequence is not remembered."""
    session = lab.logon()
    file = session.tree().open()
    wrong = [] if what == "no-range" else [LockElement(offset=0, length=1, flags=LockFlags.NONE)]
    answer = file.lock_ranges(wrong, sequence=(6, 6))
    check(answer, requirement="SMB2-3.3.5.14-09", specification=Status.INVALID_PARAMETER)
    check(file.lock(sequence=(6, 6)), specification=Status.SUCCESS)
    check.that(file, "the range is free", is_free(file), specification=False)
    check.alive(session)
