"""The session that survives its channels, on the simulated network against the reference server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from smbtorture_py.api import NO_ANSWER, FaultKind, PromptLab, Status, check, open_lab
from smbtorture_py.client.failover_policy import FailoverPolicy
from smbtorture_py.client.interface_choice import LinkKind
from smbtorture_py.conformance.lab import MultichannelSession
from smbtorture_py.conformance.lab.handle_contexts import RWH, durable_v2, lease
from smbtorture_py.net.core import Address
from smbtorture_py.net.endpoint import FaultUnavailable
from smbtorture_py.wire.create import OplockLevel
from smbtorture_py.wire.header import HeaderFlags
from smbtorture_py.wire.ioctl_payloads.network_interface_info import InterfaceCapability, interface
from smbtorture_py.wire.lease import LeaseState
from smbtorture_py.wire.negotiate import Dialect

SEED = 11
MEBIBYTE = 1 << 20
FASTER, SLOWER = "192.0.2.1", "192.0.2.2"
"""The reference server's addresses: the first one's interface is the better."""


@pytest.fixture
def lab() -> Iterator[PromptLab]:
    with open_lab("reference", seed=SEED) as lab:
        yield lab


def hosts(session: MultichannelSession) -> list[str]:
    return [channel.link.remote.host for channel in session.channels]


def sequences(answer) -> list[int]:
    return [exchange.request.header.channel_sequence for exchange in answer.operation.exchanges]


def test_it_binds_over_the_best_interface_what_windows_does(lab: PromptLab) -> None:
    session = lab.multichannel_session()
    # The first interface has an IPv6 address too, where nobody listens.
    assert hosts(session) == [FASTER] * 4
    assert session.core.session is session.session.core
    check.alive(session.session)


@pytest.mark.parametrize("channels", [1, 2, 9])
def test_it_binds_as_many_as_are_wanted(lab: PromptLab, channels: int) -> None:
    session = lab.multichannel_session(channels=channels)
    assert len(session.channels) == len(lab.connections) - failed(lab) == channels


def failed(lab: PromptLab) -> int:
    return sum(connection.ended_on_purpose for connection in lab.connections)


def test_without_multichannel_it_has_one(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=4, dialect=Dialect.SMB_2_1)
    assert len(session.channels) == 1
    assert session.open().write(b"data").actual is Status.SUCCESS


def test_this_machines_interfaces_play_a_part(lab: PromptLab) -> None:
    gigabit = 1_000_000_000
    local = [interface(1, ip_address("192.0.2.77"), gigabit, InterfaceCapability.RSS_CAPABLE)]
    session = lab.multichannel_session(channels=2, local=local)
    assert {pair.link_speed for pair in session.core.pairs} == {gigabit}
    assert session.core.pairs[0].kind is LinkKind.RSS
    assert session.channels[1].link.local.host == "192.0.2.77"


@pytest.mark.parametrize("kind", [FaultKind.CLOSE, FaultKind.RESET, FaultKind.BLACKHOLE, FaultKind.STALL])
@pytest.mark.parametrize("victim", [0, 1, 2])
def test_no_write_is_lost_whatever_happens_to_a_channel(lab: PromptLab, kind: FaultKind, victim: int) -> None:
    session = lab.multichannel_session(channels=3, policy=FailoverPolicy(answer_patience=5.0))
    file = session.open()
    expected = b""
    for number in range(12):
        if number == 4:
            session.channels[victim].faults.apply(kind)
        data = bytes([number]) * 100
        answer = file.write(data, 100 * number)
        assert answer.actual is Status.SUCCESS
        expected += data
    assert len(session.channels) == 3
    assert file.read(length=len(expected)).data == expected
    assert session.core.session.channel_sequence == len(session.core.lost) <= 1
    check.alive(session.session)


def test_what_is_repeated_is_marked_and_numbered(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open()
    answer = file.write(b"data", on=session.channels[1], wait=False)
    session.channels[1].abort()
    assert answer.wait().actual is Status.SUCCESS
    assert answer.repetitions == 1 and sequences(answer) == [0, 1]
    flags = [
        exchange.request.header.has(HeaderFlags.REPLAY_OPERATION) for exchange in answer.operation.exchanges
    ]
    assert flags == [False, True]


def test_a_waiting_lock_moves_to_another_channel(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open()
    rival = lab.another_client().tree().open(file.core.file_name)
    assert rival.lock().actual is Status.SUCCESS
    waiting = file.lock(fail_immediately=False, wait=False, on=session.channels[1])
    assert waiting.wait_pending()
    session.fail_over(session.channels[1])
    assert waiting.wait(within=1).actual is NO_ANSWER
    assert waiting.repetitions == 1
    assert rival.unlock().actual is Status.SUCCESS
    assert waiting.wait().actual is Status.SUCCESS
    assert rival.lock().actual is Status.LOCK_NOT_GRANTED


@pytest.mark.parametrize(
    ("probes", "expected", "repetitions"), [(True, Status.SUCCESS, 1), (False, NO_ANSWER, 0)]
)
def test_a_waiting_lock_moves_from_a_channel_that_falls_silent(
    lab: PromptLab, probes: bool, expected: object, repetitions: int
) -> None:
    policy = FailoverPolicy(answer_patience=1.0, probes=probes)
    session = lab.multichannel_session(channels=2, policy=policy)
    file = session.open()
    rival = lab.another_client().tree().open(file.core.file_name)
    assert rival.lock().actual is Status.SUCCESS
    waiting = file.lock(fail_immediately=False, wait=False, on=session.channels[1])
    assert waiting.wait_pending()
    assert waiting.wait(within=10).actual is NO_ANSWER
    assert waiting.repetitions == 0 and not session.core.lost
    session.channels[1].faults.apply(FaultKind.PLUG)
    assert rival.unlock().actual is Status.SUCCESS
    assert waiting.wait().actual is expected
    assert waiting.repetitions == repetitions == len(session.core.ended)


def test_lesser_interfaces_stand_in_until_the_better_are_back(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(interface_pause=5.0))
    file = session.open()
    assert hosts(session) == [FASTER] * 2
    lab.control.remove_address(FASTER)
    assert file.write(b"data").actual is Status.SUCCESS
    assert hosts(session) == [SLOWER] * 2
    lab.control.add_address(FASTER)
    assert file.read(length=4).data == b"data"
    assert hosts(session) == [SLOWER] * 2
    lab.pause(6)
    assert file.read(length=4).data == b"data"
    assert hosts(session) == [FASTER] * 2


@pytest.mark.parametrize("previous", [True, False])
def test_when_the_last_channel_is_gone_a_durable_open_is_had_back(lab: PromptLab, previous: bool) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(names_previous_session=previous))
    file = session.open()
    assert file.plain.is_durable
    first = session.session.session_id
    answer = file.write(b"data", wait=False)
    for channel in session.channels:
        channel.abort()
    assert answer.wait().actual is Status.SUCCESS
    assert session.session.session_id != first and len(session.channels) == 2
    assert session.core.session.channel_sequence == 2
    assert file.read(length=4).data == b"data"
    check.alive(session.session)


def test_a_lease_is_had_back_with_its_open(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open(contexts=[lease(lab.guid(), RWH), durable_v2(lab.guid())])
    assert file.plain.lease_state == LeaseState(RWH) and file.plain.is_durable
    for channel in session.channels:
        channel.abort()
    assert file.write(b"data").actual is Status.SUCCESS


def test_an_open_that_is_not_durable_is_gone_with_the_last_channel(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open(contexts=[])
    answer = file.write(b"data", wait=False)
    for channel in session.channels:
        channel.abort()
    assert not isinstance(answer.wait().actual, Status)
    assert session.open().write(b"data").actual is Status.SUCCESS


def test_it_waits_for_a_server_that_is_away(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(interface_pause=2.0))
    session.open()
    lab.control.stop()
    assert session.create(within=5).actual is not Status.SUCCESS
    lab.control.start()
    lab.pause(3)
    assert session.open().write(b"data").actual is Status.SUCCESS


def test_a_client_that_does_not_reconnect_stays_cut_off(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(reconnects=False))
    file = session.open()
    answer = file.write(b"data", wait=False)
    for channel in session.channels:
        channel.abort()
    assert not isinstance(answer.wait().actual, Status)
    assert session.channels == []


def test_a_client_that_does_not_rebind_runs_out_of_channels(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=3, policy=FailoverPolicy(rebinds=False))
    file = session.open()
    for left in (2, 1):
        session.fail_over()
        assert len(session.channels) == left
        assert file.write(b"data").actual is Status.SUCCESS


def test_a_client_that_goes_back_in_its_numbers_is_refused(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(sequence_step=-1, retry_pause=0.1))
    file = session.open()
    session.fail_over()
    answer = file.write(b"data")
    assert answer.actual is Status.FILE_NOT_AVAILABLE and answer.repetitions == 3
    assert file.read().actual is Status.END_OF_FILE


def test_thirty_two_channels_fail_one_after_the_other(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=32, policy=FailoverPolicy(rebinds=False))
    file = session.open()
    for number in range(31):
        answer = file.write(bytes([number]), number, wait=False)
        answer.connection.abort()
        assert answer.wait().actual is Status.SUCCESS
    assert file.read().data == bytes(range(31))
    assert session.core.session.channel_sequence == 31


def test_an_address_elsewhere_is_not_the_pair_of_a_connection(lab: PromptLab) -> None:
    lab.control.add_address("192.0.2.99")
    connection = lab.connect(Address("192.0.2.99", 445))
    assert connection.link.remote.host == "192.0.2.99"
    session = lab.multichannel_session(channels=2)
    assert hosts(session).count("192.0.2.99") == 0


def test_the_interfaces_are_asked_for_again(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open()
    lab.control.add_address("192.0.2.99")
    known = lab.target.interfaces
    lab.administration.set_interfaces([replace(known[0], address="192.0.2.99")])
    assert file.write(b"data").actual is Status.SUCCESS
    assert hosts(session) == [FASTER] * 2
    lab.pause(601)
    assert file.write(b"data").actual is Status.SUCCESS
    assert "192.0.2.99" in hosts(session)


@pytest.mark.parametrize("acknowledges", [True, False])
def test_an_oplock_break_is_acknowledged(lab: PromptLab, acknowledges: bool) -> None:
    session = lab.multichannel_session(channels=2, policy=FailoverPolicy(acknowledges=acknowledges))
    file = session.open()
    assert file.plain.oplock_level == OplockLevel.BATCH
    start = lab.now
    rival = lab.another_client().tree().create(file.core.file_name, within=60)
    assert rival.actual is Status.SUCCESS
    assert (lab.now - start < 1) == acknowledges
    assert file.core.oplock_level == OplockLevel.II


def test_a_lease_break_is_acknowledged_and_remembered(lab: PromptLab) -> None:
    session = lab.multichannel_session(channels=2)
    file = session.open(contexts=[lease(lab.guid(), RWH, epoch=5), durable_v2(lab.guid())])
    start = lab.now
    assert lab.another_client().tree().create(file.core.file_name).actual is Status.SUCCESS
    assert lab.now - start < 1
    assert file.core.lease_state == LeaseState.READ_CACHING | LeaseState.HANDLE_CACHING
    (told,) = session.session.lease_breaks
    assert file.core.lease_epoch == told.body.new_epoch > 0


@pytest.mark.parametrize("target", ["reference", "reference-tcp"])
@pytest.mark.parametrize("kind", [FaultKind.BLACKHOLE, FaultKind.PLUG])
def test_a_break_that_goes_astray_comes_over_another_channel(target: str, kind: FaultKind) -> None:
    """The server notices that the first channel acknowledges nothing (on TCP by SIOCOUTQ), and goes on."""
    with open_lab(target, seed=SEED) as lab:
        session = lab.multichannel_session(channels=2)
        file = session.open()
        faulty, other = session.session.channels
        try:
            faulty.faults.apply(kind)
        except FaultUnavailable as unavailable:
            pytest.skip(unavailable.reason)
        if kind is FaultKind.PLUG:
            # The window closes once more was sent than the socket takes in.
            file.write(bytes(MEBIBYTE))
            lab.wait(lambda: faulty.link.outstanding == 0)
            filling = [file.read(length=MEBIBYTE, on=faulty, wait=False) for _ in range(4)]
            assert not any(one.exchange.done for one in filling)
        start = lab.now
        rival = lab.another_client().tree().create(file.core.file_name)
        assert rival.actual is Status.SUCCESS
        assert lab.now - start < 10
        assert [one.channel for one in session.session.oplock_breaks] == [other]
