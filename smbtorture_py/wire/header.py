"""The SMB2 packet header, its commands and flags ([MS-SMB2] 2.2.1, revision 84)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import Final, Self

from smbtorture_py.wire.codec import AUTO, HEADER_SIZE, Buffer, Finding, Findings, FlagCache, auto, quick


class Command(IntEnum):
    """Command codes ([MS-SMB2] 2.2.1.2)."""

    NEGOTIATE = 0x0000
    SESSION_SETUP = 0x0001
    LOGOFF = 0x0002
    TREE_CONNECT = 0x0003
    TREE_DISCONNECT = 0x0004
    CREATE = 0x0005
    CLOSE = 0x0006
    FLUSH = 0x0007
    READ = 0x0008
    WRITE = 0x0009
    LOCK = 0x000A
    IOCTL = 0x000B
    CANCEL = 0x000C
    ECHO = 0x000D
    QUERY_DIRECTORY = 0x000E
    CHANGE_NOTIFY = 0x000F
    QUERY_INFO = 0x0010
    SET_INFO = 0x0011
    OPLOCK_BREAK = 0x0012
    SERVER_TO_CLIENT_NOTIFICATION = 0x0013


@quick
class HeaderFlags(IntFlag):
    """Flags of the packet header ([MS-SMB2] 2.2.1.2)."""

    NONE = 0
    SERVER_TO_REDIR = 0x00000001
    ASYNC_COMMAND = 0x00000002
    RELATED_OPERATIONS = 0x00000004
    SIGNED = 0x00000008
    PRIORITY_MASK = 0x00000070
    DFS_OPERATIONS = 0x10000000
    REPLAY_OPERATION = 0x20000000


PROTOCOL_ID: Final = b"\xfeSMB"
SMB1_PROTOCOL_ID: Final = b"\xffSMB"
TRANSFORM_PROTOCOL_ID: Final = b"\xfdSMB"
COMPRESSION_PROTOCOL_ID: Final = b"\xfcSMB"

SIGNATURE_OFFSET: Final = 48
SIGNATURE_SIZE: Final = 16
NO_SIGNATURE: Final = bytes(SIGNATURE_SIZE)
MESSAGE_ID_UNSOLICITED: Final = 0xFFFFFFFFFFFFFFFF
"""MessageId of a break notification and of every other message the server sends unasked ([MS-SMB2] 2.2.1)."""

_FLAGS: Final = FlagCache(HeaderFlags)
_SYNC = struct.Struct("<4sHHIHHIIQIIQ16s")
_ASYNC = struct.Struct("<4sHHIHHIIQQQ16s")
_CHANNEL_SEQUENCE_MASK: Final = 0xFFFF
_ASYNC_BIT: Final = int(HeaderFlags.ASYNC_COMMAND)
"""A plain integer: `&` with an IntFlag would look up a member that nobody wants."""


@dataclass(slots=True)
class Header:
    """The 64 bytes in front of every SMB2 message, sync or async by ASYNC_COMMAND in `flags` ([MS-SMB2]
    2.2.1.1, .2).

    `status` is the 32-bit field at offset 8: the NTSTATUS of a response; in a request of dialect 3.x its
    low half is the ChannelSequence. `process_id` and `tree_id` exist on the wire only without
    ASYNC_COMMAND, `async_id` only with it.
    """

    command: int
    message_id: int = 0
    flags: HeaderFlags = HeaderFlags.NONE
    status: int = 0
    credit_charge: int = 0
    credits: int = 0
    session_id: int = 0
    tree_id: int = 0
    async_id: int = 0
    next_command: int = AUTO
    signature: bytes = NO_SIGNATURE
    process_id: int = 0
    structure_size: int = HEADER_SIZE
    protocol_id: bytes = PROTOCOL_ID

    @property
    def channel_sequence(self) -> int:
        """ChannelSequence of a request: the low 16 bits of the status field."""
        return self.status & _CHANNEL_SEQUENCE_MASK

    @channel_sequence.setter
    def channel_sequence(self, value: int) -> None:
        self.status = (self.status & ~_CHANNEL_SEQUENCE_MASK) | (value & _CHANNEL_SEQUENCE_MASK)

    def has(self, flags: HeaderFlags) -> bool:
        """Tell whether all of `flags` are set."""
        wanted = int(flags)
        return int(self.flags) & wanted == wanted

    def encode(self) -> bytes:
        """Encode into 64 bytes; NextCommand AUTO becomes 0 (a chain fills it in)."""
        if int(self.flags) & _ASYNC_BIT:
            return _ASYNC.pack(
                self.protocol_id,
                self.structure_size,
                self.credit_charge,
                self.status,
                self.command,
                self.credits,
                self.flags,
                auto(self.next_command, 0),
                self.message_id,
                self.async_id,
                self.session_id,
                self.signature,
            )
        return _SYNC.pack(
            self.protocol_id,
            self.structure_size,
            self.credit_charge,
            self.status,
            self.command,
            self.credits,
            self.flags,
            auto(self.next_command, 0),
            self.message_id,
            self.process_id,
            self.tree_id,
            self.session_id,
            self.signature,
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings, offset: int = 0) -> Self | None:
        """Decode the header at `offset`; None, with a finding, where fewer than 64 bytes are left."""
        if len(data) - offset < HEADER_SIZE:
            findings.append(
                Finding(offset, "Header", f"{len(data) - offset} bytes, fewer than {HEADER_SIZE}")
            )
            return None
        (
            protocol_id,
            structure_size,
            credit_charge,
            status,
            command,
            credit_count,
            raw_flags,
            next_command,
            message_id,
            process_id,
            tree_id,
            session_id,
            signature,
        ) = _SYNC.unpack_from(data, offset)
        if protocol_id != PROTOCOL_ID:
            findings.append(Finding(offset, "ProtocolId", f"{protocol_id!r} is not an SMB2 header"))
        if structure_size != HEADER_SIZE:
            findings.append(Finding(offset + 4, "StructureSize", f"{structure_size}, not {HEADER_SIZE}"))
        flags = _FLAGS[raw_flags]
        async_id = 0
        if raw_flags & _ASYNC_BIT:
            async_id, process_id, tree_id = process_id | tree_id << 32, 0, 0
        return cls(
            command,
            message_id,
            flags,
            status,
            credit_charge,
            credit_count,
            session_id,
            tree_id,
            async_id,
            next_command,
            signature,
            process_id,
            structure_size,
            protocol_id,
        )


def headers_of(frame: bytes) -> Iterator[tuple[int, Header]]:
    """Yield offset and header of each message of a plain frame, up to the first that has none.

    A NextCommand that leads into its own header or out of the frame ends the chain.
    """
    offset = 0
    while frame.startswith(PROTOCOL_ID, offset):
        header = Header.decode(frame, [], offset)
        if header is None:
            return
        yield offset, header
        if header.next_command < HEADER_SIZE:
            return
        offset += header.next_command
