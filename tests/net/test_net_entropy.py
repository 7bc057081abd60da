"""Entropy streams, and what only Linux gives."""

from __future__ import annotations

import errno
import os

import pytest

from smbtorture_py.net import linux
from smbtorture_py.net.endpoint import FaultUnavailable
from smbtorture_py.net.entropy import SEED_BITS, Choices, fresh_seed, seeded


def test_streams_are_reproducible_and_do_not_depend_on_how_they_are_read() -> None:
    whole = seeded(1, "a")(163)
    stream = seeded(1, "a")
    assert b"".join(stream(count) for count in (0, 1, 31, 32, 33, 63, 3)) == whole
    # A golden value: streams must not change between versions, or seeds in reports would lose their meaning.
    assert whole[:8].hex() == "dbb0d510b19e0e8b"


def test_streams_differ() -> None:
    streams = [
        seeded(1, "a"),
        seeded(2, "a"),
        seeded(1, "b"),
        seeded(1),
        seeded(1, "a", ""),
        seeded(1, "", "a"),
    ]
    streams += [seeded(1, "ab", "c"), seeded(1, "a", "bc"), seeded(12, "a")]
    assert len({stream(16) for stream in streams}) == len(streams)


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        seeded(1)(-1)


def test_choices_cover_their_range() -> None:
    choices = Choices(seeded(1, "choices"))
    assert {choices.below(5) for _ in range(200)} == set(range(5))
    assert {choices.one_of("abc") for _ in range(100)} == set("abc")
    fractions = [choices.fraction() for _ in range(200)]
    assert all(0 <= fraction < 1 for fraction in fractions)
    assert min(fractions) < 0.1 and max(fractions) > 0.9


def test_fresh_seeds_differ_and_fit() -> None:
    seeds = {fresh_seed() for _ in range(10)}
    assert len(seeds) == 10
    assert all(0 <= seed < 2**SEED_BITS for seed in seeds)


class Refusing:
    def setsockopt(self, level: int, option: int, value: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize(
    ("act", "name"), [(linux.drop_incoming, "SO_ATTACH_FILTER"), (linux.repair, "TCP_REPAIR")]
)
def test_a_refusing_kernel_makes_the_fault_unavailable_with_its_reason(act, name: str) -> None:
    with pytest.raises(FaultUnavailable, match=f"{name}.*not permitted"):
        act(Refusing())


def test_elsewhere_than_linux_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "IS_LINUX", False)
    with pytest.raises(FaultUnavailable, match="only Linux"):
        linux.drop_incoming(Refusing())
    with pytest.raises(FaultUnavailable, match="only Linux"):
        linux.repair(Refusing())
    assert linux.unacknowledged(Refusing()) is None
    assert linux.is_over(Refusing()) is False
