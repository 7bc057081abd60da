"""SMB1 as far as an SMB2 negotiation needs it: SMB_COM_NEGOTIATE ([MS-SMB2] 2.1, 3.2.4.2.2.1; [MS-CIFS]
2.2.4.52)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final, Self

from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto
from smbtorture_py.wire.header import SMB1_PROTOCOL_ID

SMB1_HEADER_SIZE: Final = 32
SMB_COM_NEGOTIATE: Final = 0x72
DIALECT_SMB_2_002: Final = "SMB 2.002"
DIALECT_SMB_2_WILDCARD: Final = "SMB 2.???"
DIALECT_NT_LM: Final = "NT LM 0.12"
NO_DIALECT: Final = 0xFFFF
"""DialectIndex of a response that accepts none."""

_HEADER: Final = struct.Struct("<4sBIBHH8sHHHHH")
_DEFAULT_FLAGS: Final = 0x18
_DEFAULT_FLAGS2: Final = 0xC853
_DIALECT_FORMAT: Final = 0x02


@dataclass(slots=True, kw_only=True)
class Smb1Message:
    """The header of an SMB1 message, its words (two bytes each) and its bytes ([MS-CIFS] 2.2.3)."""

    protocol_id: bytes = SMB1_PROTOCOL_ID
    command: int = SMB_COM_NEGOTIATE
    status: int = 0
    flags: int = _DEFAULT_FLAGS
    flags2: int = _DEFAULT_FLAGS2
    pid_high: int = 0
    security_features: bytes = bytes(8)
    reserved: int = 0
    tid: int = 0xFFFF
    pid_low: int = 0xFEFF
    uid: int = 0
    mid: int = 0
    word_count: int = AUTO
    words: bytes = b""
    byte_count: int = AUTO
    trailing: bytes = b""
    """Bytes after the message's own; where a received message ends inside its words, the rest of those."""

    def _bytes(self) -> bytes:
        return b""

    def _take(self, data: bytes, offset: int, findings: Findings) -> None:
        """Decode the message's bytes, which start at `offset` of the frame."""

    def encode(self) -> bytes:
        """Encode the whole message; raises struct.error where a value does not fit its field."""
        content = self._bytes()
        header = _HEADER.pack(
            self.protocol_id,
            self.command,
            self.status,
            self.flags,
            self.flags2,
            self.pid_high,
            self.security_features,
            self.reserved,
            self.tid,
            self.pid_low,
            self.uid,
            self.mid,
        )
        word_count = auto(self.word_count, len(self.words) // 2)
        byte_count = auto(self.byte_count, len(content))
        return b"".join(
            (
                header,
                struct.pack("<B", word_count),
                self.words,
                struct.pack("<H", byte_count),
                content,
                self.trailing,
            )
        )

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self | None:
        """Decode a frame; None, with a finding, where it ends before its ByteCount."""
        raw = bytes(data)
        words_at = SMB1_HEADER_SIZE + 1
        words_end = words_at + 2 * raw[SMB1_HEADER_SIZE] if len(raw) > SMB1_HEADER_SIZE else words_at
        start = words_end + 2
        if len(raw) < start:
            findings.append(Finding(len(raw), "SMB1", f"{len(raw)} bytes, fewer than {start}"))
            return None
        (
            protocol_id,
            command,
            status,
            flags,
            flags2,
            pid_high,
            security_features,
            reserved,
            tid,
            pid_low,
            uid,
            mid,
        ) = _HEADER.unpack_from(raw)
        if protocol_id != SMB1_PROTOCOL_ID:
            findings.append(Finding(0, "Protocol", f"{protocol_id!r} is not an SMB1 header"))
        if command != SMB_COM_NEGOTIATE:
            findings.append(Finding(4, "Command", f"{command:#04x}, not SMB_COM_NEGOTIATE"))
        byte_count = int.from_bytes(raw[words_end:start], "little")
        end = start + byte_count
        if end > len(raw):
            findings.append(
                Finding(words_end, "ByteCount", f"{byte_count} bytes do not fit {len(raw) - start}")
            )
        message = cls(
            protocol_id=protocol_id,
            command=command,
            status=status,
            flags=flags,
            flags2=flags2,
            pid_high=pid_high,
            security_features=security_features,
            reserved=reserved,
            tid=tid,
            pid_low=pid_low,
            uid=uid,
            mid=mid,
            word_count=raw[SMB1_HEADER_SIZE],
            words=raw[words_at:words_end],
            byte_count=byte_count,
            trailing=raw[end:],
        )
        message._take(raw[start:end], start, findings)
        return message


@dataclass(slots=True, kw_only=True)
class Smb1NegotiateRequest(Smb1Message):
    """SMB_COM_NEGOTIATE request ([MS-CIFS] 2.2.4.52.1): dialect strings, each byte of them one character."""

    dialects: list[str] = field(default_factory=list)
    image: bytes = b""
    """The bytes of the message as found, where the dialect strings alone do not give them; empty it to
    encode anew."""

    def _bytes(self) -> bytes:
        return self.image or b"".join(
            bytes((_DIALECT_FORMAT,)) + dialect.encode("latin-1") + b"\0" for dialect in self.dialects
        )

    def _take(self, data: bytes, offset: int, findings: Findings) -> None:
        self.dialects = [
            entry[1:].decode("latin-1")
            for entry in data.split(b"\0")
            if entry[:1] == bytes((_DIALECT_FORMAT,))
        ]
        if self._bytes() != data:
            findings.append(Finding(offset, "Dialects", f"{data!r} is not a list of dialect strings"))
            self.image = data


@dataclass(slots=True, kw_only=True)
class Smb1NegotiateResponse(Smb1Message):
    """SMB_COM_NEGOTIATE response ([MS-CIFS] 2.2.4.52.2), taken apart no further than its DialectIndex."""

    content: bytes = b""

    @property
    def dialect_index(self) -> int:
        """Which of the request's dialects the server chose; NO_DIALECT where it chose none, or says
        nothing."""
        return int.from_bytes(self.words[:2], "little") if len(self.words) > 1 else NO_DIALECT

    def _bytes(self) -> bytes:
        return self.content

    def _take(self, data: bytes, offset: int, findings: Findings) -> None:  # noqa: ARG002 - nothing can be odd
        self.content = data
