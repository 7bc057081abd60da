"""The tree connect context that carries another user's identity ([MS-SMB2] 2.2.9.2.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto, fixed_part
from smbtorture_py.wire.negotiate_contexts import NegotiateContext
from smbtorture_py.wire.tree_connect import TreeConnectContextType

_FIXED: Final = struct.Struct("<14H")
_TICKET_TYPE: Final = 0x0001


@dataclass(slots=True, kw_only=True)
class RemotedIdentity:
    """SMB2_REMOTED_IDENTITY_TREE_CONNECT: offsets from its first byte to what `ticket_info` holds.

    `ticket_info` starts at offset 28. TicketSize AUTO is the size of the whole structure in bytes.
    """

    CONTEXT_TYPE: ClassVar[TreeConnectContextType] = TreeConnectContextType.REMOTED_IDENTITY

    ticket_type: int = _TICKET_TYPE
    ticket_size: int = AUTO
    user: int = 0
    user_name: int = 0
    domain: int = 0
    groups: int = 0
    restricted_groups: int = 0
    privileges: int = 0
    primary_group: int = 0
    owner: int = 0
    default_dacl: int = 0
    device_groups: int = 0
    user_claims: int = 0
    device_claims: int = 0
    ticket_info: Buffer = b""

    def encode(self) -> bytes:
        """Encode the data of the context; raises struct.error where a value does not fit 16 bits."""
        ticket_size = auto(self.ticket_size, _FIXED.size + len(self.ticket_info))
        fixed = _FIXED.pack(
            self.ticket_type,
            ticket_size,
            self.user,
            self.user_name,
            self.domain,
            self.groups,
            self.restricted_groups,
            self.privileges,
            self.primary_group,
            self.owner,
            self.default_dacl,
            self.device_groups,
            self.user_claims,
            self.device_claims,
        )
        return fixed + self.ticket_info

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode the data of a context; missing bytes count as zero, with a finding. Never raises."""
        values = _FIXED.unpack(fixed_part(_FIXED, data, cls.__name__, findings))
        (ticket_type, ticket_size, user, user_name, domain, groups, restricted_groups, privileges) = values[
            :8
        ]
        (primary_group, owner, default_dacl, device_groups, user_claims, device_claims) = values[8:]
        if ticket_size != len(data):
            findings.append(Finding(2, "TicketSize", f"{ticket_size}, not {len(data)}"))
        return cls(
            ticket_type=ticket_type,
            ticket_size=ticket_size,
            user=user,
            user_name=user_name,
            domain=domain,
            groups=groups,
            restricted_groups=restricted_groups,
            privileges=privileges,
            primary_group=primary_group,
            owner=owner,
            default_dacl=default_dacl,
            device_groups=device_groups,
            user_claims=user_claims,
            device_claims=device_claims,
            ticket_info=data[_FIXED.size :],
        )

    def envelope(self) -> NegotiateContext:
        """Wrap the payload in a tree connect context."""
        return NegotiateContext(self.CONTEXT_TYPE, self.encode())
