"""Equal, newer and stale numbers, and where one ends and the other begins ([MS-SMB2] 3.3.5.2.10)."""

from typing import Final

from smbtorture_py.conformance.case import case
from smbtorture_py.conformance.checks import check
from smbtorture_py.conformance.lab import Lab
from smbtorture_py.conformance.needs import COPYCHUNK, SMB3
from smbtorture_py.wire.create import CreateDisposition
from smbtorture_py.wire.fscc.file_information import FileDispositionInformation
from smbtorture_py.wire.ioctl_payloads.fsctl_code import FsctlCode
from smbtorture_py.wire.status import Status
from suites.sequence.changes import (
    CHANGES,
    DATA,
    EACH,
    FARTHEST,
    MODULUS,
    STEP,
    bring,
    copy,
    rename,
    resize,
    set_information,
    size_of,
    write,
)
from suites.tree.dialects import SMB_3

WALK: Final = 60
"""Requests of one random walk."""


@case(
    "sequence.equal",
    requirements=["SMB2-3.3.5.2.10-04"],
    needs=[SMB3],
    variants={"change": EACH, "dialect": SMB_3},
)
def test_the_number_of_the_open_is_in_order(lab: Lab, change: str) -> None:
    """A request with the number that the open has is executed, as often as one comes."""
    session = lab.logon()
    file = session.tree().open()
    for _ in range(2):
        check(CHANGES[change](file, channel_sequence=0), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.newer",
    requirements=["SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
    variants={"change": EACH, "distance": [1, 0x100, FARTHEST - 1]},
    answers=["smbtorture:replay.channel-sequence"],
)
def test_a_newer_number_is_in_order(lab: Lab, change: str, distance: int) -> None:
    """A request whose number is ahead of that of the open is executed."""
    session = lab.logon()
    file = session.tree().open()
    check(CHANGES[change](file, channel_sequence=distance), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.newer-moves-the-open",
    requirements=["SMB2-3.3.5.2.10-05"],
    needs=[SMB3],
    variants={"change": EACH, "distance": [1, FARTHEST]},
)
def test_a_newer_number_becomes_that_of_the_open(lab: Lab, change: str, distance: int) -> None:
    """After a request with a newer number, the number before it is stale and the newer one is not."""
    session = lab.logon()
    file = session.tree().open()
    CHANGES[change](file, channel_sequence=distance).required()
    check(write(file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=distance), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.stale",
    requirements=["SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"change": EACH, "distance": [1, 0x100, FARTHEST]},
    answers=["smbtorture:replay.channel-sequence"],
)
def test_a_stale_number_is_refused(lab: Lab, change: str, distance: int) -> None:
    """A request whose number is behind that of the open fails."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, distance)
    check(CHANGES[change](file, channel_sequence=0), specification=Status.FILE_NOT_AVAILABLE)
    check(CHANGES[change](file, channel_sequence=distance), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.stale-below-zero",
    requirements=["SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"change": EACH, "number": [0xFFFF, 0xC000, 0x8001]},
)
def test_a_large_number_is_behind_zero(lab: Lab, change: str, number: int) -> None:
    """For an open that stands at 0, numbers above 0x8000 are stale: they are behind it, not ahead."""
    session = lab.logon()
    file = session.tree().open()
    check(CHANGES[change](file, channel_sequence=number), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.stale-leaves-the-number",
    requirements=["SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"change": EACH, "behind": [1, FARTHEST]},
)
def test_a_stale_number_is_not_taken_over(lab: Lab, change: str, behind: int) -> None:
    """After a stale request the open stands where it stood: that number is in order, one below it is not."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, STEP)
    CHANGES[change](file, channel_sequence=(STEP - behind) % MODULUS)
    check(write(file, channel_sequence=STEP), specification=Status.SUCCESS)
    check(write(file, channel_sequence=STEP - 1), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.boundary-ahead",
    requirements=["SMB2-3.3.5.2.10-09"],
    needs=[SMB3],
    variants={"change": EACH, "start": [0, 1, 0x8000, 0x8001, 0xFFFF]},
)
def test_the_farthest_number_ahead(lab: Lab, change: str, start: int) -> None:
    """A number that is ahead by 0x7FFF is newer, wherever the open stands."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, start)
    number = (start + FARTHEST) % MODULUS
    check(CHANGES[change](file, channel_sequence=number), specification=Status.SUCCESS)
    check(write(file, channel_sequence=start), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.boundary-behind",
    requirements=["SMB2-3.3.5.2.10-09"],
    needs=[SMB3],
    variants={"change": EACH, "start": [0, 1, FARTHEST]},
    answers=["smbtorture:replay.channel-sequence"],
)
def test_the_number_half_way_round(lab: Lab, change: str, start: int) -> None:
    """A number that is 0x8000 away, and larger, is stale."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, start)
    number = start + FARTHEST + 1
    check(CHANGES[change](file, channel_sequence=number), specification=Status.FILE_NOT_AVAILABLE)
    check(write(file, channel_sequence=start), specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.boundary-behind-around",
    requirements=["SMB2-3.3.5.2.10-09", "SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"change": EACH, "start": [0x8000, 0x8001, 0xFFFF]},
)
def test_the_smaller_number_half_way_round(lab: Lab, change: str, start: int) -> None:
    """A number that is 0x8000 away, and smaller, is stale just as a larger one."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, start)
    answer = CHANGES[change](file, channel_sequence=start - FARTHEST - 1)
    check(answer, specification=Status.FILE_NOT_AVAILABLE, samba=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.wrap",
    requirements=["SMB2-3.3.5.2.10-08"],
    needs=[SMB3],
    variants={"change": EACH, "number": [0, 1, FARTHEST - 1]},
    answers=["smbtorture:replay.channel-sequence"],
)
def test_numbers_come_round(lab: Lab, change: str, number: int) -> None:
    """For an open at 0xFFFF small numbers are newer, and 0xFFFF is stale once one of them has come."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, 0xFFFF)
    check(CHANGES[change](file, channel_sequence=number), specification=Status.SUCCESS)
    check(write(file, channel_sequence=0xFFFF), specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case("sequence.around", requirements=["SMB2-3.3.5.2.10-08", "SMB2-3.3.5.2.10-05"], needs=[SMB3])
def test_twice_around(lab: Lab) -> None:
    """An open goes twice through all numbers, in steps: each is in order, and each one before it is stale."""
    session = lab.logon()
    file = session.tree().open()
    number = 0
    while number < 2 * MODULUS:
        check(write(file, channel_sequence=number % MODULUS), specification=Status.SUCCESS)
        answer = write(file, channel_sequence=(number - 1) % MODULUS)
        check(answer, requirement="SMB2-3.3.5.2.10-05", specification=Status.FILE_NOT_AVAILABLE)
        number += STEP
    check.alive(session)


@case(
    "sequence.walk",
    requirements=["SMB2-3.3.5.2.10-05", "SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={"walk": [1, 2, 3]},
    answers=["smbtorture:replay.channel-sequence"],
)
def test_a_random_walk(lab: Lab) -> None:
    """Random numbers, near and far, on random requests with and without the replay flag: each is judged by
    where the open stands.
    """
    session = lab.logon()
    file = session.tree().open()
    present = 0
    for _ in range(WALK):
        choice = lab.entropy(4)
        distance = int.from_bytes(choice[:2], "little") if choice[3] & 1 else choice[0] - 0x80
        distance %= MODULUS
        # Half way round has cases of its own.
        distance -= distance == FARTHEST + 1
        number = (present + distance) % MODULUS
        change = tuple(CHANGES.values())[choice[2] % len(CHANGES)]
        answer = change(file, channel_sequence=number, replay=bool(choice[3] & 2))
        if distance <= FARTHEST:
            check(answer, specification=Status.SUCCESS)
            present = number
        else:
            check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


@case(
    "sequence.every-fsctl",
    requirements=["SMB2-3.3.5.2.10-06"],
    needs=[SMB3],
    variants={
        "code": [
            FsctlCode.SRV_REQUEST_RESUME_KEY,
            FsctlCode.CREATE_OR_GET_OBJECT_ID,
            FsctlCode.GET_COMPRESSION,
            FsctlCode.SRV_ENUMERATE_SNAPSHOTS,
            FsctlCode.QUERY_ALLOCATED_RANGES,
        ]
    },
)
def test_an_ioctl_that_only_asks(lab: Lab, code: FsctlCode) -> None:
    """A stale IOCTL is refused whatever it asks for, also where it would change nothing."""
    session = lab.logon()
    file = session.tree().open()
    bring(file, 1)
    answer = file.ioctl(code, bytes(16), channel_sequence=0)
    check(answer, specification=Status.FILE_NOT_AVAILABLE)
    check.alive(session)


# What a stale request leaves behind.


@case("sequence.stale-write", requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-06"], needs=[SMB3])
def test_a_stale_write_changes_nothing(lab: Lab) -> None:
    """What a stale WRITE carries does not get into the file, neither over what is there nor behind it."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, 1)
    for offset in (0, len(DATA)):
        answer = file.write(b"late", offset, channel_sequence=0)
        check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check.that(file, "what the file holds", file.read().data, specification=DATA)
    check.alive(session)


@case("sequence.stale-resize", requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-06"], needs=[SMB3])
def test_a_stale_resize_changes_nothing(lab: Lab) -> None:
    """A stale SET_INFO of the size leaves the size as it is."""
    session = lab.logon()
    file = session.tree().open()
    file.write(DATA).required()
    bring(file, 1)
    answer = resize(file, 3, channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check.that(file, "size of the file", size_of(file), specification=len(DATA))
    check.alive(session)


@case("sequence.stale-rename", requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-06"], needs=[SMB3])
def test_a_stale_rename_changes_nothing(lab: Lab) -> None:
    """A stale SET_INFO of the name leaves the file where it is."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open()
    bring(file, 1)
    new = lab.name()
    answer = rename(file, new, channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    answer = tree.create(file.name, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.SUCCESS)
    answer = tree.create(new, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.OBJECT_NAME_NOT_FOUND)
    check.alive(session)


@case("sequence.stale-delete", requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-06"], needs=[SMB3])
def test_a_stale_disposition_changes_nothing(lab: Lab) -> None:
    """A stale SET_INFO that marks the file for deletion does not: it is still there when it is closed."""
    session = lab.logon()
    tree = session.tree()
    file = tree.open()
    bring(file, 1)
    answer = set_information(file, FileDispositionInformation(delete_pending=1), channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    file.close(channel_sequence=1).required()
    answer = tree.create(file.name, create_disposition=CreateDisposition.OPEN)
    check(answer, specification=Status.SUCCESS)
    check.alive(session)


@case(
    "sequence.stale-copy",
    requirements=["SMB2-3.3.4.1-04", "SMB2-3.3.5.2.10-06"],
    needs=[SMB3, COPYCHUNK],
)
def test_a_stale_copy_changes_nothing(lab: Lab) -> None:
    """A stale IOCTL that copies from another file changes nothing; with its own number it copies."""
    session = lab.logon()
    tree = session.tree()
    source, target = tree.open(), tree.open()
    source.write(DATA.upper()).required()
    target.write(DATA).required()
    bring(target, 1)
    answer = copy(source, target, len(DATA), channel_sequence=0)
    check(answer, requirement="SMB2-3.3.5.2.10-06", specification=Status.FILE_NOT_AVAILABLE)
    check.that(target, "what the target holds", target.read().data, specification=DATA)
    copy(source, target, len(DATA), channel_sequence=1).required()
    check.that(target, "what the target holds then", target.read().data, specification=DATA.upper())
    check.alive(session)
