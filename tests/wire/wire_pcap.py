"""Reads classic pcap files and puts TCP streams together again, for tests on captured traffic."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from smbtorture_py.wire.framing import FrameReader

_MAGIC_LITTLE = (0xA1B2C3D4, 0xA1B23C4D)
_ETHERNET, _RAW_IP, _NULL, _LINUX_SLL = 1, 101, 0, 113
_IPV4, _IPV6, _VLAN = 0x0800, 0x86DD, 0x8100
_TCP = 6
_SYN, _FIN = 0x02, 0x01
_HALF = 1 << 31

Endpoint = tuple[bytes, int]


@dataclass
class Stream:
    """One direction of one TCP connection: the bytes from its first segment up to the first lost one."""

    source: Endpoint
    destination: Endpoint
    data: bytearray = field(default_factory=bytearray)
    next_sequence: int | None = None
    waiting: dict[int, bytes] = field(default_factory=dict)

    def add(self, sequence: int, syn: bool, payload: bytes) -> None:
        if syn:
            sequence = (sequence + 1) & 0xFFFFFFFF
            self.next_sequence = sequence
        if self.next_sequence is None:
            self.next_sequence = sequence
        if payload:
            known = self.waiting.get(sequence, b"")
            self.waiting[sequence] = max(known, payload, key=len)
        progress = True
        while progress:
            progress = False
            for at in sorted(self.waiting):
                behind = (self.next_sequence - at) & 0xFFFFFFFF
                if behind >= _HALF:
                    continue
                segment = self.waiting.pop(at)
                self.data += segment[behind:]
                self.next_sequence = (self.next_sequence + max(0, len(segment) - behind)) & 0xFFFFFFFF
                progress = True
                break


def packets(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield link type and bytes of every packet."""
    raw = path.read_bytes()
    order = "<" if struct.unpack_from("<I", raw)[0] in _MAGIC_LITTLE else ">"
    (link_type,) = struct.unpack_from(order + "I", raw, 20)
    position = 24
    while position + 16 <= len(raw):
        _, _, captured, _ = struct.unpack_from(order + "IIII", raw, position)
        position += 16
        yield link_type & 0xFFFF, raw[position : position + captured]
        position += captured


def streams(path: Path) -> list[Stream]:
    """Return every TCP stream of a capture in the order of its first packet."""
    found: dict[tuple[Endpoint, Endpoint], Stream] = {}
    for link_type, packet in packets(path):
        segment = _tcp(link_type, packet)
        if segment is None:
            continue
        source, destination, sequence, flags, payload = segment
        key = (source, destination)
        if flags & _SYN and key in found and found[key].data:
            found[(source, (destination[0] + b"old%d" % len(found), destination[1]))] = found.pop(key)
        stream = found.setdefault(key, Stream(source, destination))
        stream.add(sequence, bool(flags & _SYN), payload)
    return list(found.values())


def _tcp(link_type: int, packet: bytes) -> tuple[Endpoint, Endpoint, int, int, bytes] | None:
    if link_type == _ETHERNET:
        kind, start = struct.unpack_from(">H", packet, 12)[0], 14
        while kind == _VLAN:
            kind, start = struct.unpack_from(">H", packet, start + 2)[0], start + 4
    elif link_type == _LINUX_SLL:
        kind, start = struct.unpack_from(">H", packet, 14)[0], 16
    else:
        start = 4 if link_type == _NULL else 0
        kind = _IPV4 if packet[start] >> 4 == 4 else _IPV6
    if kind == _IPV4:
        total = struct.unpack_from(">H", packet, start + 2)[0]
        if packet[start + 9] != _TCP:
            return None
        tcp = start + (packet[start] & 0xF) * 4
        addresses = packet[start + 12 : start + 16], packet[start + 16 : start + 20]
        end = start + total if total else len(packet)
    elif kind == _IPV6:
        if packet[start + 6] != _TCP:
            return None
        tcp = start + 40
        addresses = packet[start + 8 : start + 24], packet[start + 24 : start + 40]
        end = tcp + struct.unpack_from(">H", packet, start + 4)[0]
    else:
        return None
    source_port, destination_port, sequence = struct.unpack_from(">HHI", packet, tcp)
    flags = packet[tcp + 13]
    payload = packet[tcp + (packet[tcp + 12] >> 4) * 4 : end]
    return (addresses[0], source_port), (addresses[1], destination_port), sequence, flags, payload


@dataclass
class _Reading:
    """One direction of a connection while its frames are cut in the order of their last packets."""

    stream: Stream
    reader: FrameReader = field(default_factory=FrameReader)
    taken: int = 0


def frames_in_order(path: Path, port: int) -> Iterator[tuple[int, bool, memoryview]]:
    """Yield every Direct TCP frame to and from a server's port, over all connections, in the order in which
    they were complete: the number of the connection, whether the client sent it, the frame."""
    readings: dict[tuple[Endpoint, Endpoint], _Reading] = {}
    clients: list[Endpoint] = []
    for link_type, packet in packets(path):
        segment = _tcp(link_type, packet)
        if segment is None:
            continue
        source, destination, sequence, flags, payload = segment
        is_request = destination[1] == port
        if not is_request and source[1] != port:
            continue
        client = source if is_request else destination
        if client not in clients:
            clients.append(client)
        reading = readings.setdefault((source, destination), _Reading(Stream(source, destination)))
        reading.stream.add(sequence, bool(flags & _SYN), payload)
        new = bytes(reading.stream.data[reading.taken :])
        reading.taken += len(new)
        for frame in reading.reader.feed(new):
            yield clients.index(client), is_request, frame
