"""What only Linux tells and does about a TCP socket; elsewhere the functions say so."""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
import sys
from typing import Final

from smbtorture_py.net.endpoint import FaultUnavailable

IS_LINUX: Final = sys.platform.startswith("linux")

# Numbers of include/uapi/asm-generic/socket.h, linux/sockios.h and linux/tcp.h that the socket module lacks.
_SO_ATTACH_FILTER: Final = 26
_SO_DETACH_FILTER: Final = 27
_SIOCOUTQ: Final = 0x5411
_TCP_REPAIR: Final = 19
_TCP_REPAIR_ON: Final = 1
_TCP_CLOSE: Final = 7
"""The state of a connection that is over, as TCP_INFO gives it."""

_DROP_ALL: Final = struct.pack("=HBBI", 0x06, 0, 0, 0)
"""The classic BPF program of one instruction, «return 0»: keep no byte of any segment."""

_INT: Final = struct.Struct("=i")


def unacknowledged(sock: socket.socket) -> int | None:
    """Return the bytes sent or queued that the peer has not acknowledged; None where none can tell."""
    if not IS_LINUX:
        return None
    return int(_INT.unpack(fcntl.ioctl(sock.fileno(), _SIOCOUTQ, bytes(_INT.size)))[0])


def is_over(sock: socket.socket) -> bool:
    """Tell whether the kernel has given the connection up (a RST came), without reading from it."""
    if not IS_LINUX:
        return False
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE


def drop_incoming(sock: socket.socket) -> None:
    """Make the kernel drop every segment that arrives for the socket, acknowledgments included.

    Raises FaultUnavailable where the kernel wants a privilege for that (CAP_NET_ADMIN on some).
    """
    if not IS_LINUX:
        raise FaultUnavailable("a blackhole needs SO_ATTACH_FILTER, which only Linux has")
    program = ctypes.create_string_buffer(_DROP_ALL, len(_DROP_ALL))
    filter_program = struct.pack("@HP", 1, ctypes.addressof(program))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
    except OSError as error:
        raise FaultUnavailable(f"the kernel refuses SO_ATTACH_FILTER: {error.strerror}") from error


def accept_incoming(sock: socket.socket) -> None:
    """Take the filter of `drop_incoming` away."""
    sock.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, _INT.pack(0))


def repair(sock: socket.socket) -> None:
    """Put the socket into repair mode: closing it then sends nothing.

    Raises FaultUnavailable without CAP_NET_ADMIN, or where the kernel was built without it.
    """
    if not IS_LINUX:
        raise FaultUnavailable("forgetting a connection needs TCP_REPAIR, which only Linux has")
    try:
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, _TCP_REPAIR_ON)
    except OSError as error:
        raise FaultUnavailable(f"the kernel refuses TCP_REPAIR: {error.strerror}") from error


def leave_repair(sock: socket.socket) -> None:
    """End repair mode as if nothing had been."""
    sock.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, -1)
