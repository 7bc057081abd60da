"""SPNEGO tokens ([RFC4178] 4.2, [MS-SPNG] 2.2.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Self

from smbtorture_py.auth import der
from smbtorture_py.auth.der import Reader, Tag
from smbtorture_py.auth.ntlm_messages import TokenError

SPNEGO_OID: Final = bytes.fromhex("2b0601050502")
"""1.3.6.1.5.5.2, contents octets."""
NTLMSSP_OID: Final = bytes.fromhex("2b06010401823702020a")
"""1.3.6.1.4.1.311.2.2.10, contents octets."""
KRB5_OID: Final = bytes.fromhex("2a864886f712010202")
"""1.2.840.113554.1.2.2, contents octets."""
MS_KRB5_OID: Final = bytes.fromhex("2a864882f712010202")
"""1.2.840.48018.1.2.2, contents octets."""

HINT_NAME: Final = b"not_defined_in_RFC4178@please_ignore"
"""hintName of NegTokenInit2; servers all send this text ([MS-SPNG] 3.2.5.2)."""

_MAX_MECHANISMS: Final = 32


class NegState(IntEnum):
    """NegState ([RFC4178] 4.2.2)."""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


def encode_mech_types(mech_types: list[bytes]) -> bytes:
    """Encode MechTypeList; these are the octets a mechListMIC is made over ([RFC4178] 5)."""
    return der.encode(Tag.SEQUENCE, *(der.encode(Tag.OID, oid) for oid in mech_types))


@dataclass(slots=True)
class NegTokenInit:
    """NegTokenInit, with `hint_name` NegTokenInit2 ([RFC4178] 4.2.1, [MS-SPNG] 2.2.1)."""

    mech_types: list[bytes]
    mech_token: bytes | None = None
    hint_name: bytes | None = None
    mech_list_mic: bytes | None = None
    raw_mech_types: bytes = field(default=b"", repr=False)
    """MechTypeList as it was received."""

    def encode(self) -> bytes:
        """Encode inside the GSS-API framing of an initial token ([RFC2743] 3.1)."""
        parts = [der.context(0, encode_mech_types(self.mech_types))]
        if self.mech_token is not None:
            parts.append(der.context(2, der.encode(Tag.OCTET_STRING, self.mech_token)))
        if self.hint_name is not None:
            hint = der.context(0, der.encode(Tag.GENERAL_STRING, self.hint_name))
            parts.append(der.context(3, der.encode(Tag.SEQUENCE, hint)))
        if self.mech_list_mic is not None:
            number = 3 if self.hint_name is None else 4
            parts.append(der.context(number, der.encode(Tag.OCTET_STRING, self.mech_list_mic)))
        token = der.context(0, der.encode(Tag.SEQUENCE, *parts))
        return der.encode(Tag.APPLICATION_0, der.encode(Tag.OID, SPNEGO_OID), token)

    @classmethod
    def decode(cls, token: bytes) -> Self:
        """Decode; raises TokenError."""
        outer = Reader.over(token).enter(Tag.APPLICATION_0)
        if (oid := outer.contents(Tag.OID)) != SPNEGO_OID:
            raise TokenError(f"mechanism {oid.hex()} is not SPNEGO")
        sequence = outer.enter(Tag.CONTEXT).enter(Tag.SEQUENCE)
        types = sequence.enter(Tag.CONTEXT)
        raw_mech_types = types.rest()
        listed = types.enter(Tag.SEQUENCE)
        found = cls([], raw_mech_types=raw_mech_types)
        while not listed.at_end:
            found.mech_types.append(listed.contents(Tag.OID))
            if len(found.mech_types) > _MAX_MECHANISMS:
                raise TokenError(f"more than {_MAX_MECHANISMS} mechanisms")
        if sequence.peek() == Tag.CONTEXT + 1:
            sequence.enter(Tag.CONTEXT + 1)  # reqFlags mean nothing any more ([RFC4178] 4.2.1)
        if sequence.peek() == Tag.CONTEXT + 2:
            found.mech_token = sequence.enter(Tag.CONTEXT + 2).contents(Tag.OCTET_STRING)
        if sequence.peek() == Tag.CONTEXT + 3:
            third = sequence.enter(Tag.CONTEXT + 3)
            if third.peek() == Tag.OCTET_STRING:
                found.mech_list_mic = third.contents(Tag.OCTET_STRING)
            else:
                hints = third.enter(Tag.SEQUENCE)
                found.hint_name = b""
                if hints.peek() == Tag.CONTEXT:
                    found.hint_name = hints.enter(Tag.CONTEXT).contents(Tag.GENERAL_STRING)
        if sequence.peek() == Tag.CONTEXT + 4:
            found.mech_list_mic = sequence.enter(Tag.CONTEXT + 4).contents(Tag.OCTET_STRING)
        return found


@dataclass(slots=True)
class NegTokenResp:
    """NegTokenResp ([RFC4178] 4.2.2); a part that is None is not on the wire."""

    neg_state: NegState | None = None
    supported_mech: bytes | None = None
    response_token: bytes | None = None
    mech_list_mic: bytes | None = None

    def encode(self) -> bytes:
        """Encode; tokens after the first have no GSS-API framing."""
        parts = []
        if self.neg_state is not None:
            parts.append(der.context(0, der.encode(Tag.ENUMERATED, bytes((self.neg_state,)))))
        if self.supported_mech is not None:
            parts.append(der.context(1, der.encode(Tag.OID, self.supported_mech)))
        if self.response_token is not None:
            parts.append(der.context(2, der.encode(Tag.OCTET_STRING, self.response_token)))
        if self.mech_list_mic is not None:
            parts.append(der.context(3, der.encode(Tag.OCTET_STRING, self.mech_list_mic)))
        return der.context(1, der.encode(Tag.SEQUENCE, *parts))

    @classmethod
    def decode(cls, token: bytes) -> Self:
        """Decode; raises TokenError."""
        sequence = Reader.over(token).enter(Tag.CONTEXT + 1).enter(Tag.SEQUENCE)
        found = cls()
        if sequence.peek() == Tag.CONTEXT:
            state = sequence.enter(Tag.CONTEXT).contents(Tag.ENUMERATED)
            if len(state) != 1 or state[0] not in tuple(NegState):
                raise TokenError(f"negState {state.hex()}")
            found.neg_state = NegState(state[0])
        if sequence.peek() == Tag.CONTEXT + 1:
            found.supported_mech = sequence.enter(Tag.CONTEXT + 1).contents(Tag.OID)
        if sequence.peek() == Tag.CONTEXT + 2:
            found.response_token = sequence.enter(Tag.CONTEXT + 2).contents(Tag.OCTET_STRING)
        if sequence.peek() == Tag.CONTEXT + 3:
            found.mech_list_mic = sequence.enter(Tag.CONTEXT + 3).contents(Tag.OCTET_STRING)
        return found
