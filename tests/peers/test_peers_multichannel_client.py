"""The client that carries on when channels die, against real smbd and against the server on loopback TCP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smbtorture_py.api import FailoverPolicy, FaultKind, PromptLab, Status, check, open_lab
from smbtorture_py.net.endpoint import FaultUnavailable
from smbtorture_py.wire.create import OplockLevel

SEED = 3
BLOCK = 100


@pytest.fixture(params=["reference-tcp", "samba"])
def lab(request: pytest.FixtureRequest, need: Callable[[str], None]):
    if request.param == "samba":
        need("smbd")
    with open_lab(request.param, seed=SEED) as lab:
        yield lab


def test_no_acknowledged_write_is_lost_and_none_repeated_in_vain(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=4, policy=FailoverPolicy(patience=2.0))
    file = session.open()
    expected = b""
    for number in range(16):
        data = bytes([number]) * BLOCK
        if number == 6:
            try:
                session.channels[1].faults.apply(FaultKind.BLACKHOLE)
            except FaultUnavailable:
                session.channels[1].abort()
        if number == 9:
            session.channels[2].faults.apply(FaultKind.CLOSE)
        answer = file.write(data, BLOCK * number, wait=False)
        if number % 4 == 3:
            answer.connection.abort()
        assert answer.wait().actual is Status.SUCCESS
        expected += data
    assert file.read(length=len(expected)).data == expected
    assert len(session.channels) == 4
    assert session.core.session.channel_sequence == len(session.core.lost) >= 5
    check.alive(session.session)


def test_locks_and_creates_are_repeated_as_such(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=3)
    file = session.open()
    locked = file.lock(0, 10, wait=False)
    locked.connection.abort()
    assert locked.wait().actual is Status.SUCCESS and locked.repetitions == 1
    assert [file.unlock(0, 10).actual for _ in range(2)] == [Status.SUCCESS, Status.RANGE_NOT_LOCKED]
    created = session.create(wait=False)
    created.connection.abort()
    assert created.wait().actual is Status.SUCCESS and created.repetitions == 1
    assert created.open.write(b"data").actual is Status.SUCCESS
    check.alive(session.session)


def test_breaks_are_acknowledged(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open()
    assert file.plain.oplock_level == OplockLevel.BATCH
    rival = lab.another_client().tree().create(file.core.file_name)
    assert rival.actual is Status.SUCCESS
    assert file.core.oplock_level == OplockLevel.II


def test_a_durable_open_outlives_all_channels(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=3)
    file = session.open()
    assert file.plain.is_durable
    assert file.write(b"kept").actual is Status.SUCCESS
    before = session.session.session_id
    for channel in session.channels:
        channel.abort()
    assert file.read(length=4).data == b"kept"
    assert session.session.session_id != before and len(session.channels) == 3
    assert file.write(b"over").actual is Status.SUCCESS
    check.alive(session.session)
