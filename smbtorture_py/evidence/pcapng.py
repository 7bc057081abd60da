"""Captures that Wireshark opens: pcapng with TCP/IP made up around the frames of a world's taps.

Sequence numbers are consistent, so that the stream reassembles; acknowledgments travel with data only. A
channel whose beginning is not among the records gets its handshake at its first record.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from smbtorture_py.evidence.notes import by_frame
from smbtorture_py.net.core import Address
from smbtorture_py.net.taps import CapturedEvent, CapturedFrame, CapturedNote, CaptureRecord, EventKind, Flow
from smbtorture_py.wire.codec import align
from smbtorture_py.wire.framing import Closed

LINKTYPE_RAW: Final = 101
"""Packets start with their IPv4 or IPv6 header."""
SEGMENT_SIZE: Final = 60_000
"""Bytes of payload in one TCP segment: with both headers below 64 KiB."""

_SECTION_HEADER: Final = 0x0A0D0D0A
_INTERFACE_DESCRIPTION: Final = 1
_ENHANCED_PACKET: Final = 6
_BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
_OPTION_COMMENT: Final = 1
_OPTION_MAX: Final = 0xFFFF
_MICROSECONDS: Final = 1_000_000
_TCP: Final = 6
_WINDOW: Final = 0xFFFF
_HOP_LIMIT: Final = 64
_FIRST_SEQUENCE: Final = 1_000
_SEQUENCE_MASK: Final = 0xFFFFFFFF
_TCP_WORDS: Final = 5
_ONES: Final = 0xFFFF
_VERSION_SHIFT: Final = 28

_BLOCK_HEAD = struct.Struct("<II")
_BLOCK_TAIL = struct.Struct("<I")
_SECTION = struct.Struct("<IHHq")
_INTERFACE = struct.Struct("<HHI")
_PACKET = struct.Struct("<IIIII")
_OPTION = struct.Struct("<HH")
_IPV4 = struct.Struct(">BBHHHBBH4s4s")
_IPV6 = struct.Struct(">IHBB16s16s")
_TCP_HEADER = struct.Struct(">HHIIBBHHH")

_MADE_UP_HOSTS: Final = ipaddress.IPv4Address("198.18.0.1")
"""Simulated hosts that have a name only get addresses from the benchmark range ([RFC2544])."""


class _Tcp(IntFlag):
    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    PSH = 0x08
    ACK = 0x10


@dataclass(slots=True)
class _Stream:
    """One TCP connection: next sequence number of the client (SENT) and of the server (RECEIVED)."""

    local: Address
    remote: Address
    sequence: dict[Flow, int] = field(
        default_factory=lambda: {Flow.SENT: _FIRST_SEQUENCE, Flow.RECEIVED: _FIRST_SEQUENCE}
    )
    closed: bool = False


def _options(comment: str) -> bytes:
    if not comment:
        return b""
    text = comment.encode("utf-8", "replace")[:_OPTION_MAX]
    padded = text.ljust(align(len(text), 4), b"\0")
    return _OPTION.pack(_OPTION_COMMENT, len(text)) + padded + _OPTION.pack(0, 0)


def _block(kind: int, body: bytes) -> bytes:
    total = _BLOCK_HEAD.size + len(body) + _BLOCK_TAIL.size
    return _BLOCK_HEAD.pack(kind, total) + body + _BLOCK_TAIL.pack(total)


def _checksum(*parts: bytes) -> int:
    """Return the Internet checksum: the ones' complement sum is the number modulo 65535 ([RFC1071])."""
    data = b"".join(parts)
    total = int.from_bytes(data.ljust(align(len(data), 2), b"\0"), "big") % _ONES
    return ~total & _ONES


class PcapngWriter:
    """Turns capture records into the bytes of one pcapng section; `comment` is the section's."""

    def __init__(self, comment: str = "") -> None:
        self._comment = comment
        self._streams: dict[str, _Stream] = {}
        self._notes: dict[int, list[CapturedNote]] = {}
        self._hosts: dict[str, ipaddress.IPv4Address | ipaddress.IPv6Address] = {}

    def write(self, records: Iterable[CaptureRecord]) -> Iterator[bytes]:
        """Yield the blocks of the section, header first; plain messages have no place in a capture, and notes
        are comments of the packets they are about.
        """
        records = list(records)
        self._notes = by_frame(records)
        yield _block(_SECTION_HEADER, _SECTION.pack(_BYTE_ORDER_MAGIC, 1, 0, -1) + _options(self._comment))
        yield _block(_INTERFACE_DESCRIPTION, _INTERFACE.pack(LINKTYPE_RAW, 0, 0))
        for record in records:
            if isinstance(record, CapturedFrame):
                yield from self._frame(record)
            elif isinstance(record, CapturedEvent):
                yield from self._event(record)

    def _frame(self, record: CapturedFrame) -> Iterator[bytes]:
        yield from self._open(record.channel, record.local, record.remote, record.at)
        stream = self._streams[record.channel]
        for start in range(0, len(record.data), SEGMENT_SIZE):
            segment = record.data[start : start + SEGMENT_SIZE]
            comments = ["a piece of a frame"] * (not record.complete)
            if start + SEGMENT_SIZE >= len(record.data):
                comments += [note.text for note in self._notes.get(record.number, ())]
            comment = "\n".join(comments)
            yield self._packet(stream, record.flow, _Tcp.PSH | _Tcp.ACK, record.at, segment, comment)

    def _event(self, record: CapturedEvent) -> Iterator[bytes]:
        at = record.at
        if record.kind is EventKind.REFUSED:
            stream = _Stream(record.local, record.remote)
            yield self._packet(stream, Flow.SENT, _Tcp.SYN, at)
            yield self._packet(stream, Flow.RECEIVED, _Tcp.RST | _Tcp.ACK, at, comment=record.detail)
            return
        yield from self._open(record.channel, record.local, record.remote, at)
        stream = self._streams[record.channel]
        if record.kind is EventKind.CONNECTED:
            return
        if record.kind is not EventKind.CLOSED:
            comment = f"{record.kind.value}: {record.detail}"
            yield self._packet(stream, Flow.SENT, _Tcp.ACK, at, comment=comment)
        elif not stream.closed:
            stream.closed = True
            flow = Flow.RECEIVED if record.detail.startswith("lost") else Flow.SENT
            ends = _Tcp.FIN
            if Closed.RESET.value in record.detail.lower():
                ends = _Tcp.RST
            yield self._packet(stream, flow, ends | _Tcp.ACK, at, comment=record.detail)

    def _open(self, channel: str, local: Address, remote: Address, at: float) -> Iterator[bytes]:
        known = self._streams.get(channel)
        if known is not None and (known.local, known.remote) == (local, remote):
            return
        stream = self._streams[channel] = _Stream(local, remote)
        yield self._packet(stream, Flow.SENT, _Tcp.SYN, at, comment=f"channel {channel}")
        yield self._packet(stream, Flow.RECEIVED, _Tcp.SYN | _Tcp.ACK, at)
        yield self._packet(stream, Flow.SENT, _Tcp.ACK, at)

    def _host(self, host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        if host not in self._hosts:
            try:
                self._hosts[host] = ipaddress.ip_address(host.partition("%")[0])
            except ValueError:
                self._hosts[host] = _MADE_UP_HOSTS + len(self._hosts)
        return self._hosts[host]

    def _packet(
        self, stream: _Stream, flow: Flow, flags: _Tcp, at: float, payload: bytes = b"", comment: str = ""
    ) -> bytes:
        ends = (stream.local, stream.remote)
        source, target = ends if flow is Flow.SENT else ends[::-1]
        other = Flow.RECEIVED if flow is Flow.SENT else Flow.SENT
        acknowledged = stream.sequence[other] if flags & _Tcp.ACK else 0
        source_host, target_host = self._host(source.host), self._host(target.host)
        if source_host.version != target_host.version:
            source_host, target_host = _as_ipv6(source_host), _as_ipv6(target_host)

        def tcp(checksum: int) -> bytes:
            return _TCP_HEADER.pack(
                source.port, target.port, stream.sequence[flow], acknowledged, _TCP_WORDS << 4, flags,
                _WINDOW, checksum, 0,
            )  # fmt: skip

        size = _TCP_HEADER.size + len(payload)
        pseudo = source_host.packed + target_host.packed + struct.pack(">II", size, _TCP)
        segment = tcp(_checksum(pseudo, tcp(0), payload)) + payload
        if isinstance(source_host, ipaddress.IPv4Address):
            packet = _ipv4(source_host.packed, target_host.packed, len(segment)) + segment
        else:
            version = source_host.version << _VERSION_SHIFT
            header = _IPV6.pack(
                version, len(segment), _TCP, _HOP_LIMIT, source_host.packed, target_host.packed
            )
            packet = header + segment
        used = len(payload) + bool(flags & (_Tcp.SYN | _Tcp.FIN))
        stream.sequence[flow] = (stream.sequence[flow] + used) & _SEQUENCE_MASK
        high, low = divmod(round(at * _MICROSECONDS), 1 << 32)
        body = _PACKET.pack(0, high, low, len(packet), len(packet))
        return _block(_ENHANCED_PACKET, body + packet.ljust(align(len(packet), 4), b"\0") + _options(comment))


def _as_ipv6(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(host, ipaddress.IPv6Address):
        return host
    return ipaddress.IPv6Address(bytes(10) + b"\xff\xff" + host.packed)


def _ipv4(source: bytes, target: bytes, size: int) -> bytes:
    def header(checksum: int) -> bytes:
        return _IPV4.pack(0x45, 0, _IPV4.size + size, 0, 0, _HOP_LIMIT, _TCP, checksum, source, target)

    return header(_checksum(header(0)))


def pcapng(records: Iterable[CaptureRecord], comment: str = "") -> bytes:
    """Return `records` as one pcapng file."""
    return b"".join(PcapngWriter(comment).write(records))
