"""The three NTLMSSP messages and their parts ([MS-NLMP] 2.2).

Decoding checks every offset and length; what cannot be a message raises `TokenError`, nothing else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Final, Self

from smbtorture_py.wire.codec import quick


class TokenError(ValueError):
    """A token that is not what it should be; never leaves a `step()`."""


class MessageType(IntEnum):
    """MessageType ([MS-NLMP] 2.2.1)."""

    NEGOTIATE = 1
    CHALLENGE = 2
    AUTHENTICATE = 3


@quick
class NegotiateFlags(IntFlag):
    """NEGOTIATE flags ([MS-NLMP] 2.2.2.5)."""

    NONE = 0
    UNICODE = 0x00000001
    OEM = 0x00000002
    REQUEST_TARGET = 0x00000004
    SIGN = 0x00000010
    SEAL = 0x00000020
    DATAGRAM = 0x00000040
    LM_KEY = 0x00000080
    NTLM = 0x00000200
    ANONYMOUS = 0x00000800
    OEM_DOMAIN_SUPPLIED = 0x00001000
    OEM_WORKSTATION_SUPPLIED = 0x00002000
    ALWAYS_SIGN = 0x00008000
    TARGET_TYPE_DOMAIN = 0x00010000
    TARGET_TYPE_SERVER = 0x00020000
    EXTENDED_SESSIONSECURITY = 0x00080000
    IDENTIFY = 0x00100000
    REQUEST_NON_NT_SESSION_KEY = 0x00400000
    TARGET_INFO = 0x00800000
    VERSION = 0x02000000
    KEY_128 = 0x20000000
    KEY_EXCH = 0x40000000
    KEY_56 = 0x80000000


class AvId(IntEnum):
    """AvId of an AV_PAIR ([MS-NLMP] 2.2.2.1)."""

    EOL = 0
    NB_COMPUTER_NAME = 1
    NB_DOMAIN_NAME = 2
    DNS_COMPUTER_NAME = 3
    DNS_DOMAIN_NAME = 4
    DNS_TREE_NAME = 5
    FLAGS = 6
    TIMESTAMP = 7
    SINGLE_HOST = 8
    TARGET_NAME = 9
    CHANNEL_BINDINGS = 10


@quick
class AvFlags(IntFlag):
    """Value of MsvAvFlags ([MS-NLMP] 2.2.2.1)."""

    NONE = 0
    CONSTRAINED = 0x1
    MIC_PRESENT = 0x2
    UNTRUSTED_SPN = 0x4


SIGNATURE: Final = b"NTLMSSP\0"
MIC_SIZE: Final = 16
MIC_OFFSET: Final = 72
"""Where MIC stands in an AUTHENTICATE_MESSAGE that has one ([MS-NLMP] 2.2.1.3)."""
VERSION: Final = bytes((10, 0, 0, 0, 0, 0, 0, 15))
"""VERSION: 10.0, build 0, NTLMSSP_REVISION_W2K3 ([MS-NLMP] 2.2.2.10)."""

_PREFIX = struct.Struct("<8sI")
_FIELD = struct.Struct("<HHI")
_FLAGS = struct.Struct("<I")
_AV = struct.Struct("<HH")
_AV_FLAGS = struct.Struct("<I")
_CLIENT_CHALLENGE = struct.Struct("<BBHIQ8sI")

_NEGOTIATE_FLAGS_OFFSET: Final = 12
_NEGOTIATE_SIZE: Final = 32
_NEGOTIATE_PAYLOAD: Final = 40
_CHALLENGE_TARGET_NAME: Final = 12
_CHALLENGE_FLAGS: Final = 20
_CHALLENGE_CHALLENGE: Final = 24
_CHALLENGE_TARGET_INFO: Final = 40
_CHALLENGE_SIZE: Final = 32
_CHALLENGE_PAYLOAD: Final = 56
_AUTHENTICATE_FIELDS: Final = 12
_AUTHENTICATE_FLAGS: Final = 60
_AUTHENTICATE_SIZE: Final = 64
_AUTHENTICATE_PAYLOAD: Final = MIC_OFFSET + MIC_SIZE
_RESPONSE_TYPE: Final = 1
_NT_PROOF_SIZE: Final = 16
_U16_MAX: Final = 0xFFFF


def message_type(token: bytes) -> int:
    """Return MessageType; raises TokenError where `token` is no NTLMSSP message."""
    if len(token) < _PREFIX.size:
        raise TokenError(f"{len(token)} bytes are no NTLMSSP message")
    signature, kind = _PREFIX.unpack_from(token)
    if signature != SIGNATURE:
        raise TokenError(f"{signature!r} is not the NTLMSSP signature")
    return int(kind)


def _expect(token: bytes, kind: MessageType, size: int) -> None:
    found = message_type(token)
    if found != kind:
        raise TokenError(f"message type {found}, expected {kind.name}")
    if len(token) < size:
        raise TokenError(f"{kind.name} of {len(token)} bytes, at least {size} needed")


def _payload(token: bytes, field_offset: int) -> bytes:
    length, _maximum, offset = _FIELD.unpack_from(token, field_offset)
    if length == 0:
        return b""
    if offset + length > len(token):
        raise TokenError(f"field at {field_offset}: {length} bytes at {offset} lie outside of {len(token)}")
    return token[offset : offset + length]


def _text(data: bytes, flags: NegotiateFlags) -> str:
    if NegotiateFlags.UNICODE in flags:
        if len(data) % 2:
            raise TokenError(f"{len(data)} bytes are no UTF-16")
        return data.decode("utf-16-le", "surrogatepass")
    return data.decode("cp437")


def _bytes(text: str, flags: NegotiateFlags) -> bytes:
    if NegotiateFlags.UNICODE in flags:
        return text.encode("utf-16-le", "surrogatepass")
    return text.encode("cp437", "replace")


class _Payload:
    """Lays values out behind a fixed part and keeps the fields that point to them."""

    __slots__ = ("data", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self.data = bytearray()

    def add(self, value: bytes) -> bytes:
        """Append `value`, return its length, maximum length and offset; TokenError beyond 65535 bytes."""
        if len(value) > _U16_MAX:
            raise TokenError(f"a field of {len(value)} bytes does not fit")
        described = _FIELD.pack(len(value), len(value), self.start + len(self.data))
        self.data += value
        return described


@dataclass(slots=True)
class TargetInfo:
    """A list of AV_PAIRs in wire order, MsvAvEOL left out ([MS-NLMP] 2.2.2.1)."""

    pairs: list[tuple[int, bytes]] = field(default_factory=list)

    def get(self, av_id: AvId) -> bytes | None:
        """Return the first value of `av_id`, None where there is none."""
        return next((value for found, value in self.pairs if found == av_id), None)

    def set(self, av_id: AvId, value: bytes) -> None:
        """Set the value of `av_id` where it stands, else append it."""
        for index, (found, _) in enumerate(self.pairs):
            if found == av_id:
                self.pairs[index] = (av_id, value)
                return
        self.pairs.append((av_id, value))

    def add_text(self, av_id: AvId, text: str) -> None:
        """Append a name; an empty one is left out."""
        if text:
            self.pairs.append((av_id, text.encode("utf-16-le", "surrogatepass")))

    def text(self, av_id: AvId) -> str:
        """Return a name, empty where it is missing."""
        return (self.get(av_id) or b"").decode("utf-16-le", "replace")

    @property
    def flags(self) -> AvFlags:
        """MsvAvFlags; none where the pair is missing or not 4 bytes."""
        value = self.get(AvId.FLAGS)
        if value is None or len(value) != _AV_FLAGS.size:
            return AvFlags.NONE
        return AvFlags(_AV_FLAGS.unpack(value)[0])

    @flags.setter
    def flags(self, value: AvFlags) -> None:
        self.set(AvId.FLAGS, _AV_FLAGS.pack(value))

    def encode(self) -> bytes:
        """Encode, MsvAvEOL at the end."""
        return b"".join(_AV.pack(av_id, len(value)) + value for av_id, value in self.pairs) + _AV.pack(
            AvId.EOL, 0
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode up to MsvAvEOL; raises TokenError where a pair is cut off or MsvAvEOL is missing."""
        pairs: list[tuple[int, bytes]] = []
        position = 0
        while position + _AV.size <= len(data):
            av_id, length = _AV.unpack_from(data, position)
            position += _AV.size
            if av_id == AvId.EOL:
                return cls(pairs)
            if position + length > len(data):
                raise TokenError(f"AV_PAIR {av_id} of {length} bytes is cut off")
            pairs.append((av_id, data[position : position + length]))
            position += length
        raise TokenError("the list of AV_PAIRs has no end")


@dataclass(slots=True)
class NegotiateMessage:
    """NEGOTIATE_MESSAGE ([MS-NLMP] 2.2.1.1); domain and workstation are not sent."""

    flags: NegotiateFlags

    def encode(self) -> bytes:
        """Encode; with VERSION among the flags the version is appended."""
        empty = _FIELD.pack(
            0, 0, _NEGOTIATE_PAYLOAD if NegotiateFlags.VERSION in self.flags else _NEGOTIATE_SIZE
        )
        version = VERSION if NegotiateFlags.VERSION in self.flags else b""
        return (
            _PREFIX.pack(SIGNATURE, MessageType.NEGOTIATE) + _FLAGS.pack(self.flags) + empty + empty + version
        )

    @classmethod
    def decode(cls, token: bytes) -> Self:
        """Decode; raises TokenError. Old clients end after the flags, which is accepted."""
        _expect(token, MessageType.NEGOTIATE, _NEGOTIATE_FLAGS_OFFSET + _FLAGS.size)
        return cls(NegotiateFlags(_FLAGS.unpack_from(token, _NEGOTIATE_FLAGS_OFFSET)[0]))


@dataclass(slots=True)
class ChallengeMessage:
    """CHALLENGE_MESSAGE ([MS-NLMP] 2.2.1.2); `server_challenge` is 8 bytes."""

    flags: NegotiateFlags
    server_challenge: bytes
    target_name: str = ""
    target_info: TargetInfo = field(default_factory=TargetInfo)

    def encode(self) -> bytes:
        """Encode; target name and target information follow the version field."""
        payload = _Payload(_CHALLENGE_PAYLOAD)
        target_name = payload.add(_bytes(self.target_name, self.flags))
        wanted = NegotiateFlags.TARGET_INFO in self.flags
        target_info = payload.add(self.target_info.encode() if wanted else b"")
        return b"".join(
            (
                _PREFIX.pack(SIGNATURE, MessageType.CHALLENGE), target_name, _FLAGS.pack(self.flags),
                self.server_challenge, bytes(8), target_info,
                VERSION if NegotiateFlags.VERSION in self.flags else bytes(len(VERSION)), payload.data,
            )
        )  # fmt: skip

    @classmethod
    def decode(cls, token: bytes) -> Self:
        """Decode; raises TokenError. TargetInfo is read where flag and length allow it."""
        _expect(token, MessageType.CHALLENGE, _CHALLENGE_SIZE)
        flags = NegotiateFlags(_FLAGS.unpack_from(token, _CHALLENGE_FLAGS)[0])
        target_info = TargetInfo()
        if NegotiateFlags.TARGET_INFO in flags and len(token) >= _CHALLENGE_TARGET_INFO + _FIELD.size:
            target_info = TargetInfo.decode(_payload(token, _CHALLENGE_TARGET_INFO))
        return cls(
            flags, token[_CHALLENGE_CHALLENGE:_CHALLENGE_SIZE],
            _text(_payload(token, _CHALLENGE_TARGET_NAME), flags), target_info,
        )  # fmt: skip


@dataclass(slots=True)
class ClientChallenge:
    """NTLMv2_CLIENT_CHALLENGE ([MS-NLMP] 2.2.2.7); `timestamp` is a FILETIME, `challenge` is 8 bytes."""

    timestamp: int
    challenge: bytes
    target_info: TargetInfo

    def encode(self) -> bytes:
        """Encode, with the 4 zero bytes that end it."""
        fixed = _CLIENT_CHALLENGE.pack(
            _RESPONSE_TYPE, _RESPONSE_TYPE, 0, 0, self.timestamp, self.challenge, 0
        )
        return fixed + self.target_info.encode() + bytes(4)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what follows NTProofStr; raises TokenError."""
        if len(data) < _CLIENT_CHALLENGE.size:
            raise TokenError(f"NTLMv2_CLIENT_CHALLENGE of {len(data)} bytes")
        kind, highest, _, _, timestamp, challenge, _ = _CLIENT_CHALLENGE.unpack_from(data)
        if (kind, highest) != (_RESPONSE_TYPE, _RESPONSE_TYPE):
            raise TokenError(f"response type {kind}, highest {highest}, both must be 1")
        return cls(timestamp, challenge, TargetInfo.decode(data[_CLIENT_CHALLENGE.size :]))


@dataclass(slots=True)
class AuthenticateMessage:
    """AUTHENTICATE_MESSAGE ([MS-NLMP] 2.2.1.3); `mic` None leaves zeros in its place."""

    flags: NegotiateFlags
    user: str = ""
    domain: str = ""
    workstation: str = ""
    lm_response: bytes = b""
    nt_response: bytes = field(default=b"", repr=False)
    encrypted_session_key: bytes = field(default=b"", repr=False)
    mic: bytes | None = None

    def encode(self) -> bytes:
        """Encode: Version and MIC always have their place, zeros where they are not set."""
        payload = _Payload(_AUTHENTICATE_PAYLOAD)
        domain = payload.add(_bytes(self.domain, self.flags))
        user = payload.add(_bytes(self.user, self.flags))
        workstation = payload.add(_bytes(self.workstation, self.flags))
        lm_response = payload.add(self.lm_response)
        nt_response = payload.add(self.nt_response)
        session_key = payload.add(self.encrypted_session_key)
        return b"".join(
            (
                _PREFIX.pack(SIGNATURE, MessageType.AUTHENTICATE), lm_response, nt_response, domain, user,
                workstation, session_key, _FLAGS.pack(self.flags),
                VERSION if NegotiateFlags.VERSION in self.flags else bytes(len(VERSION)),
                (self.mic or b"").ljust(MIC_SIZE, b"\0"), payload.data,
            )
        )  # fmt: skip

    @classmethod
    def decode(cls, token: bytes) -> Self:
        """Decode; raises TokenError. `mic` is None where payload lies in its place."""
        _expect(token, MessageType.AUTHENTICATE, _AUTHENTICATE_SIZE)
        flags = NegotiateFlags(_FLAGS.unpack_from(token, _AUTHENTICATE_FLAGS)[0])
        offsets = range(_AUTHENTICATE_FIELDS, _AUTHENTICATE_FLAGS, _FIELD.size)
        lm_response, nt_response, domain, user, workstation, session_key = (
            _payload(token, at) for at in offsets
        )
        used = [offset for length, _, offset in (_FIELD.unpack_from(token, at) for at in offsets) if length]
        room = min(used, default=len(token))
        mic = token[MIC_OFFSET:_AUTHENTICATE_PAYLOAD] if room >= _AUTHENTICATE_PAYLOAD else None
        return cls(
            flags, _text(user, flags), _text(domain, flags), _text(workstation, flags),
            lm_response, nt_response, session_key, mic,
        )  # fmt: skip

    @property
    def client_challenge(self) -> ClientChallenge:
        """The NTLMv2_CLIENT_CHALLENGE of the NT response; raises TokenError where it is malformed."""
        return ClientChallenge.decode(self.nt_response[_NT_PROOF_SIZE:])
