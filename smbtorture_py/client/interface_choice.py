"""Which of the server's addresses to connect to: the best pairs of a local and a remote address first.

Ranks as Windows does ([MS-SMB2] 3.2.5.14.11 and its product note): RDMA before RSS before neither, then by
speed; only pairs of the same kind and speed are used together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import groupby
from typing import Final

from smbtorture_py.wire.ioctl_payloads.network_interface_info import (
    InterfaceCapability,
    IpAddress,
    NetworkInterfaceInfo,
)


class LinkKind(IntEnum):
    """What both ends of a pair can do; the higher the better."""

    PLAIN = 0
    RSS = 1
    RDMA = 2


CONNECTIONS_PER_PAIR: Final = {LinkKind.PLAIN: 1, LinkKind.RSS: 4, LinkKind.RDMA: 2}
"""How many connections Windows makes over one pair of each kind."""

NO_INDEX: Final = 0
"""The IfIndex of an entry that is not to be used."""


@dataclass(slots=True, frozen=True)
class AddressPair:
    """One way to the server: `link_speed` in bits per second is that of the slower end."""

    remote: IpAddress
    if_index: int
    """IfIndex of the server's interface: tells distinct interfaces."""
    kind: LinkKind
    link_speed: int
    local: IpAddress | None = None
    """Where to connect from; None lets the system choose."""
    local_index: int = NO_INDEX
    """IfIndex of this machine's interface."""

    @property
    def interfaces(self) -> tuple[int, int]:
        """The interfaces at both ends, whichever of their addresses it is."""
        return self.if_index, self.local_index


def usable(interfaces: Sequence[NetworkInterfaceInfo]) -> list[NetworkInterfaceInfo]:
    """Leave out entries without IfIndex or address, and link-local addresses beside others."""
    found = [one for one in interfaces if one.if_index != NO_INDEX and one.address is not None]
    routable = {one.if_index for one in found if one.address is not None and not one.address.is_link_local}
    return [
        one
        for one in found
        if one.address is not None and not (one.address.is_link_local and one.if_index in routable)
    ]


def address_pairs(
    remote: Sequence[NetworkInterfaceInfo], local: Sequence[NetworkInterfaceInfo] = ()
) -> list[AddressPair]:
    """Return every pair that can be connected, best first.

    `remote` is what the server answered, `local` the same about this machine; where that is unknown (empty),
    a pair is as good as its remote end, but for RDMA, which needs hardware here. A pair that can do RDMA
    stands for a second way over TCP as well.
    """
    pairs: list[AddressPair] = []
    for there in usable(remote):
        if there.address is None:
            continue
        if not local:
            pairs.append(_pair(there, there))
            continue
        for here in usable(local):
            same_family = here.address is not None and here.address.version == there.address.version
            if here.address is None or not same_family:
                continue
            if here.address.is_link_local != there.address.is_link_local:
                continue
            pair = replace(_pair(there, here), local=here.address, local_index=here.if_index)
            if _both_have(there, here, InterfaceCapability.RDMA_CAPABLE):
                pairs.append(replace(pair, kind=LinkKind.RDMA))
            pairs.append(pair)
    return sorted(pairs, key=rank, reverse=True)


def _pair(there: NetworkInterfaceInfo, here: NetworkInterfaceInfo) -> AddressPair:
    assert there.address is not None
    kind = LinkKind.RSS if _both_have(there, here, InterfaceCapability.RSS_CAPABLE) else LinkKind.PLAIN
    return AddressPair(there.address, there.if_index, kind, min(there.link_speed, here.link_speed))


def _both_have(
    there: NetworkInterfaceInfo, here: NetworkInterfaceInfo, capability: InterfaceCapability
) -> bool:
    return bool(there.capability & here.capability & capability)


def rank(pair: AddressPair) -> tuple[int, int]:
    """Return what pairs are compared by: the kind, then the speed."""
    return pair.kind, pair.link_speed


def best(pairs: Sequence[AddressPair], out_of_order: Collection[AddressPair] = ()) -> list[AddressPair]:
    """Return the pairs of the best kind and, of these, the highest speed, among those that work."""
    working = sorted((pair for pair in pairs if pair not in out_of_order), key=rank, reverse=True)
    for _, group in groupby(working, key=rank):
        return list(group)
    return []


def distribute(pairs: Sequence[AddressPair], count: int | None = None) -> list[AddressPair]:
    """Return the pair of each connection to make, spread evenly over local and remote interfaces.

    Of the addresses that the same two interfaces have only the first pair is used. `count` None: as many as
    Windows makes over pairs of their kind.
    """
    firsts = {pair.interfaces: pair for pair in reversed(pairs)}
    candidates = [pair for pair in pairs if firsts[pair.interfaces] is pair]
    if not candidates:
        return []
    if count is None:
        count = sum(CONNECTIONS_PER_PAIR[pair.kind] for pair in candidates)
    uses: Counter[AddressPair] = Counter()
    here: Counter[int] = Counter()
    there: Counter[int] = Counter()
    chosen: list[AddressPair] = []
    for _ in range(count):
        # min takes the first of equals: the order of the pairs decides then.
        pair = min(candidates, key=lambda one: (uses[one], here[one.local_index] + there[one.if_index]))
        uses[pair] += 1
        here[pair.local_index] += 1
        there[pair.if_index] += 1
        chosen.append(pair)
    return chosen
