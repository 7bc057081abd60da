"""Which addresses a client connects to ([MS-SMB2] 3.2.5.14.11 and its product note)."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

import pytest

from smbtorture_py.client.interface_choice import LinkKind, address_pairs, best, distribute
from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    InterfaceCapability,
    NetworkInterfaceInfo,
    interface,
)

NONE = InterfaceCapability.NONE
RSS = InterfaceCapability.RSS_CAPABLE
RDMA = InterfaceCapability.RDMA_CAPABLE
GIGABIT = 1_000_000_000


def entry(
    index: int, address: str, gigabits: int = 1, capability: InterfaceCapability = NONE
) -> NetworkInterfaceInfo:
    return interface(index, ip_address(address), gigabits * GIGABIT, capability)


def remotes(pairs) -> list[str]:
    return [str(pair.remote) for pair in pairs]


def test_the_fastest_of_the_best_kind_are_taken_together() -> None:
    pairs = address_pairs(
        [
            entry(1, "192.0.2.1", 10),
            entry(2, "192.0.2.2", 1, RSS),
            entry(3, "192.0.2.3", 5, RSS),
            entry(4, "192.0.2.4", 5, RSS),
        ]
    )
    assert remotes(best(pairs)) == ["192.0.2.3", "192.0.2.4"]
    assert {pair.kind for pair in best(pairs)} == {LinkKind.RSS}


def test_without_them_the_next_best_come_and_they_return() -> None:
    pairs = address_pairs(
        [entry(1, "192.0.2.1", 10), entry(2, "192.0.2.2", 1, RSS), entry(3, "192.0.2.3", 5, RSS)]
    )
    out_of_order = []
    for expected in ("192.0.2.3", "192.0.2.2", "192.0.2.1"):
        assert remotes(best(pairs, out_of_order)) == [expected]
        out_of_order += best(pairs, out_of_order)
    assert best(pairs, out_of_order) == []
    assert remotes(best(pairs)) == ["192.0.2.3"]


def test_index_zero_and_other_families_are_left_out() -> None:
    other = entry(2, "192.0.2.2")
    other.sock_addr_storage.address = None
    assert remotes(address_pairs([entry(0, "192.0.2.1"), other, entry(3, "192.0.2.3")])) == ["192.0.2.3"]


def test_link_local_addresses_beside_others_are_left_out() -> None:
    found = [entry(1, "fe80::1"), entry(1, "2001:db8::1"), entry(2, "fe80::2")]
    assert remotes(address_pairs(found)) == ["2001:db8::1", "fe80::2"]


def test_a_pair_is_as_good_as_its_worse_end() -> None:
    server = [entry(1, "192.0.2.1", 10, RSS | RDMA)]
    (pair,) = address_pairs(server, [entry(1, "192.0.2.101", 1, NONE)])
    assert (pair.kind, pair.link_speed, str(pair.local)) == (LinkKind.PLAIN, GIGABIT, "192.0.2.101")
    (pair,) = address_pairs(server, [entry(1, "192.0.2.101", 40, RSS)])
    assert (pair.kind, pair.link_speed) == (LinkKind.RSS, 10 * GIGABIT)


def test_rdma_needs_both_ends_and_leaves_tcp_to_fall_back_to() -> None:
    server = [entry(1, "192.0.2.1", 10, RSS | RDMA)]
    assert [pair.kind for pair in address_pairs(server)] == [LinkKind.RSS]
    pairs = address_pairs(server, [entry(1, "192.0.2.101", 10, RSS | RDMA)])
    assert [pair.kind for pair in pairs] == [LinkKind.RDMA, LinkKind.RSS]
    assert best(pairs) == pairs[:1]
    assert best(pairs, pairs[:1]) == pairs[1:]


def test_only_addresses_of_one_family_and_scope_make_a_pair() -> None:
    server = [entry(1, "192.0.2.1"), entry(2, "2001:db8::2"), entry(3, "fe80::3")]
    local = [entry(1, "192.0.2.101"), entry(2, "fe80::102")]
    pairs = address_pairs(server, local)
    assert [(str(pair.local), str(pair.remote)) for pair in pairs] == [
        ("192.0.2.101", "192.0.2.1"),
        ("fe80::102", "fe80::3"),
    ]


@pytest.mark.parametrize(("capability", "count"), [(NONE, 2), (RSS, 8), (RDMA, 4)])
def test_how_many_connections_unless_told(capability, count) -> None:
    local = [entry(1, "192.0.2.101", 1, capability)]
    pairs = address_pairs([entry(one, f"192.0.2.{one}", 1, capability) for one in (1, 2)], local)
    assert len(distribute(best(pairs))) == count


@pytest.mark.parametrize("count", [1, 4, 5, 32])
def test_connections_are_spread_over_both_ends(count) -> None:
    server = [entry(one, f"192.0.2.{one}") for one in (1, 2)]
    local = [entry(one, f"192.0.2.{100 + one}") for one in (1, 2)]
    chosen = distribute(best(address_pairs(server, local)), count)
    assert len(chosen) == count
    for uses in (
        Counter(pair.remote for pair in chosen),
        Counter(pair.local for pair in chosen),
        Counter(chosen),
    ):
        assert max(uses.values()) - min([*uses.values()] if count >= len(uses) else [0]) <= 1


def test_nothing_to_choose_from() -> None:
    assert best([]) == [] and distribute([]) == [] and distribute([], 4) == []


def test_of_the_addresses_of_two_interfaces_one_pair_is_used() -> None:
    pairs = address_pairs([entry(1, "192.0.2.1", 1, RSS), entry(1, "2001:db8::1", 1, RSS)])
    assert len(best(pairs)) == 2
    assert remotes(distribute(best(pairs))) == ["192.0.2.1"] * 4
    assert remotes(distribute(best(pairs, pairs[:1]))) == ["2001:db8::1"] * 4
