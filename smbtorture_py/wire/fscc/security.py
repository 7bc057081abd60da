"""Self-relative security descriptors: SID, ACE, ACL ([MS-DTYP] 2.4.2, 2.4.4, 2.4.5, 2.4.6)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import ClassVar, Final, Self

from smbtorture_py.wire.chain import known
from smbtorture_py.wire.codec import AUTO, Buffer, Finding, Findings, auto


class SecurityDescriptorControl(IntFlag):
    """Control of a descriptor ([MS-DTYP] 2.4.6)."""

    NONE = 0
    OWNER_DEFAULTED = 0x0001
    GROUP_DEFAULTED = 0x0002
    DACL_PRESENT = 0x0004
    DACL_DEFAULTED = 0x0008
    SACL_PRESENT = 0x0010
    SACL_DEFAULTED = 0x0020
    DACL_TRUSTED = 0x0040
    SERVER_SECURITY = 0x0080
    DACL_COMPUTED_INHERITANCE_REQUIRED = 0x0100
    SACL_COMPUTED_INHERITANCE_REQUIRED = 0x0200
    DACL_AUTO_INHERITED = 0x0400
    SACL_AUTO_INHERITED = 0x0800
    DACL_PROTECTED = 0x1000
    SACL_PROTECTED = 0x2000
    RM_CONTROL_VALID = 0x4000
    SELF_RELATIVE = 0x8000


class AceType(IntEnum):
    """AceType ([MS-DTYP] 2.4.4.1)."""

    ACCESS_ALLOWED = 0x00
    ACCESS_DENIED = 0x01
    SYSTEM_AUDIT = 0x02
    SYSTEM_ALARM = 0x03
    ACCESS_ALLOWED_COMPOUND = 0x04
    ACCESS_ALLOWED_OBJECT = 0x05
    ACCESS_DENIED_OBJECT = 0x06
    SYSTEM_AUDIT_OBJECT = 0x07
    SYSTEM_ALARM_OBJECT = 0x08
    ACCESS_ALLOWED_CALLBACK = 0x09
    ACCESS_DENIED_CALLBACK = 0x0A
    ACCESS_ALLOWED_CALLBACK_OBJECT = 0x0B
    ACCESS_DENIED_CALLBACK_OBJECT = 0x0C
    SYSTEM_AUDIT_CALLBACK = 0x0D
    SYSTEM_ALARM_CALLBACK = 0x0E
    SYSTEM_AUDIT_CALLBACK_OBJECT = 0x0F
    SYSTEM_ALARM_CALLBACK_OBJECT = 0x10
    SYSTEM_MANDATORY_LABEL = 0x11
    SYSTEM_RESOURCE_ATTRIBUTE = 0x12
    SYSTEM_SCOPED_POLICY_ID = 0x13


class AceFlags(IntFlag):
    """AceFlags ([MS-DTYP] 2.4.4.1)."""

    NONE = 0
    OBJECT_INHERIT = 0x01
    CONTAINER_INHERIT = 0x02
    NO_PROPAGATE_INHERIT = 0x04
    INHERIT_ONLY = 0x08
    INHERITED = 0x10
    SUCCESSFUL_ACCESS = 0x40
    FAILED_ACCESS = 0x80


_SID: Final = struct.Struct("<BB6s")
_SUB_AUTHORITY: Final = struct.Struct("<I")
_HEX_AUTHORITY: Final = 1 << 32
"""From here on the string form writes an authority in hexadecimal ([MS-DTYP] 2.4.2.1)."""


@dataclass(slots=True, frozen=True)
class Sid:
    """SID ([MS-DTYP] 2.4.2.2); prints as S-1-5-32-544, hashable."""

    identifier_authority: int
    sub_authorities: tuple[int, ...] = ()
    revision: int = 1

    def encode(self) -> bytes:
        """Encode into 8 bytes and four for each sub-authority; raises struct.error for more than 255 of
        them."""
        head = _SID.pack(
            self.revision, len(self.sub_authorities), self.identifier_authority.to_bytes(6, "big")
        )
        return head + b"".join(_SUB_AUTHORITY.pack(value) for value in self.sub_authorities)

    @classmethod
    def decode(cls, data: Buffer, findings: Findings, base: int = 0) -> Self | None:
        """Decode the SID at the start of `data`; None, with a finding at `base`, where it is cut off."""
        if len(data) < _SID.size:
            findings.append(Finding(base, "SID", f"{len(data)} bytes, fewer than {_SID.size}"))
            return None
        revision, count, authority = _SID.unpack_from(data)
        end = _SID.size + count * _SUB_AUTHORITY.size
        if end > len(data):
            findings.append(Finding(base, "SID", f"{count} sub-authorities announced in {len(data)} bytes"))
            return None
        values = tuple(
            _SUB_AUTHORITY.unpack_from(data, at)[0] for at in range(_SID.size, end, _SUB_AUTHORITY.size)
        )
        return cls(int.from_bytes(authority, "big"), values, revision)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the string form; raises ValueError where it is not one."""
        prefix, revision, authority, *rest = text.split("-")
        if prefix != "S":
            raise ValueError(f"not a SID: {text!r}")
        return cls(int(authority, 0), tuple(int(part) for part in rest), int(revision))

    @property
    def size(self) -> int:
        """Its bytes on the wire."""
        return _SID.size + _SUB_AUTHORITY.size * len(self.sub_authorities)

    def __str__(self) -> str:
        authority = self.identifier_authority
        head = f"{authority:#014x}" if authority >= _HEX_AUTHORITY else str(authority)
        return "-".join(("S", str(self.revision), head, *(str(value) for value in self.sub_authorities)))


SID_EVERYONE: Final = Sid(1, (0,))
SID_CREATOR_OWNER: Final = Sid(3, (0,))
SID_ANONYMOUS: Final = Sid(5, (7,))
SID_AUTHENTICATED_USERS: Final = Sid(5, (11,))
SID_SYSTEM: Final = Sid(5, (18,))
SID_BUILTIN_ADMINISTRATORS: Final = Sid(5, (32, 544))
SID_BUILTIN_USERS: Final = Sid(5, (32, 545))
SID_BUILTIN_GUESTS: Final = Sid(5, (32, 546))

_MASK_AND_SID: Final = frozenset(
    {
        AceType.ACCESS_ALLOWED,
        AceType.ACCESS_DENIED,
        AceType.SYSTEM_AUDIT,
        AceType.SYSTEM_ALARM,
        AceType.ACCESS_ALLOWED_CALLBACK,
        AceType.ACCESS_DENIED_CALLBACK,
        AceType.SYSTEM_AUDIT_CALLBACK,
        AceType.SYSTEM_ALARM_CALLBACK,
        AceType.SYSTEM_MANDATORY_LABEL,
        AceType.SYSTEM_RESOURCE_ATTRIBUTE,
        AceType.SYSTEM_SCOPED_POLICY_ID,
    }
)
"""The types whose body is a mask, a SID and perhaps application data."""
_ACE: Final = struct.Struct("<BBH")
_MASK: Final = struct.Struct("<I")


@dataclass(slots=True)
class Ace:
    """One access control entry ([MS-DTYP] 2.4.4): header, mask, SID, application data.

    `sid` None is a type this codec does not take apart (object ACEs) or a broken entry: everything after the
    header is `application_data` and the mask is not encoded.
    """

    ace_type: int
    mask: int = 0
    sid: Sid | None = None
    ace_flags: AceFlags = AceFlags.NONE
    application_data: bytes = b""
    ace_size: int = AUTO

    def encode(self) -> bytes:
        """Encode; AceSize AUTO counts the header."""
        body = self.application_data
        if self.sid is not None:
            body = _MASK.pack(self.mask) + self.sid.encode() + body
        return _ACE.pack(self.ace_type, self.ace_flags, auto(self.ace_size, _ACE.size + len(body))) + body

    @classmethod
    def decode(cls, data: memoryview, base: int, findings: Findings) -> Self:
        """Decode one entry, which is all of `data` and at least its header."""
        ace_type, flags, size = _ACE.unpack_from(data)
        body = data[_ACE.size :]
        if ace_type in _MASK_AND_SID and len(body) >= _MASK.size:
            sid = Sid.decode(body[_MASK.size :], findings, base + _ACE.size + _MASK.size)
            if sid is not None:
                rest = bytes(body[_MASK.size + sid.size :])
                mask = _MASK.unpack_from(body)[0]
                return cls(known(AceType, ace_type), mask, sid, AceFlags(flags), rest, size)
        return cls(known(AceType, ace_type), 0, None, AceFlags(flags), bytes(body), size)


@dataclass(slots=True)
class Acl:
    """ACL ([MS-DTYP] 2.4.5): revision 2, or 4 with object ACEs. `trailing` are bytes of AclSize after the
    last entry."""

    HEADER: ClassVar[struct.Struct] = struct.Struct("<BBHHH")

    aces: list[Ace] = field(default_factory=list)
    acl_revision: int = 2
    sbz1: int = 0
    acl_size: int = AUTO
    ace_count: int = AUTO
    sbz2: int = 0
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode; AclSize AUTO counts everything."""
        body = b"".join(ace.encode() for ace in self.aces) + self.trailing
        size = auto(self.acl_size, self.HEADER.size + len(body))
        count = auto(self.ace_count, len(self.aces))
        return self.HEADER.pack(self.acl_revision, self.sbz1, size, count, self.sbz2) + body

    @classmethod
    def decode(cls, data: memoryview, base: int, findings: Findings) -> Self | None:
        """Decode the ACL at the start of `data`; None, with a finding at `base`, where its header is cut
        off."""
        if len(data) < cls.HEADER.size:
            findings.append(Finding(base, "ACL", f"{len(data)} bytes, fewer than {cls.HEADER.size}"))
            return None
        revision, sbz1, size, count, sbz2 = cls.HEADER.unpack_from(data)
        if not cls.HEADER.size <= size <= len(data):
            findings.append(Finding(base + 2, "AclSize", f"{size} of {len(data)} bytes"))
        data = data[: max(size, cls.HEADER.size)]
        acl = cls([], revision, sbz1, size, count, sbz2)
        position = cls.HEADER.size
        while len(acl.aces) < count and position + _ACE.size <= len(data):
            ace_size = _ACE.unpack_from(data, position)[2]
            if not _ACE.size <= ace_size <= len(data) - position:
                findings.append(
                    Finding(base + position + 2, "AceSize", f"{ace_size} of {len(data) - position} bytes")
                )
                break
            acl.aces.append(Ace.decode(data[position : position + ace_size], base + position, findings))
            position += ace_size
        if len(acl.aces) < count:
            findings.append(Finding(base + 4, "AceCount", f"{count}, but {len(acl.aces)} are there"))
        acl.trailing = bytes(data[position:])
        return acl


@dataclass(slots=True)
class SecurityDescriptor:
    """SECURITY_DESCRIPTOR, self-relative ([MS-DTYP] 2.4.6).

    An absent part is None. SELF_RELATIVE and the PRESENT bits in `control` AUTO follow from the parts.
    Encoded, the parts follow the header in the order of the section: owner, group, SACL, DACL; a set offset
    goes out as it is.
    """

    HEADER: ClassVar[struct.Struct] = struct.Struct("<BBHIIII")

    owner: Sid | None = None
    group: Sid | None = None
    sacl: Acl | None = None
    dacl: Acl | None = None
    control: int = AUTO
    revision: int = 1
    sbz1: int = 0
    offset_owner: int = AUTO
    offset_group: int = AUTO
    offset_sacl: int = AUTO
    offset_dacl: int = AUTO

    def encode(self) -> bytes:
        """Encode into one self-relative buffer; raises struct.error where a value does not fit its field."""
        body = bytearray()
        offsets = []
        for part in (self.owner, self.group, self.sacl, self.dacl):
            offsets.append(0 if part is None else self.HEADER.size + len(body))
            if part is not None:
                body += part.encode()
        owner, group, sacl, dacl = offsets
        control = SecurityDescriptorControl.SELF_RELATIVE
        if self.dacl is not None:
            control |= SecurityDescriptorControl.DACL_PRESENT
        if self.sacl is not None:
            control |= SecurityDescriptorControl.SACL_PRESENT
        head = self.HEADER.pack(
            self.revision,
            self.sbz1,
            auto(self.control, control),
            auto(self.offset_owner, owner),
            auto(self.offset_group, group),
            auto(self.offset_sacl, sacl),
            auto(self.offset_dacl, dacl),
        )
        return head + bytes(body)

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self | None:
        """Decode; None, with a finding, where the header is cut off. Offsets of parts decoded become AUTO.

        A part whose offset leads nowhere stays None and keeps its offset.
        """
        view = memoryview(data)
        if len(view) < cls.HEADER.size:
            findings.append(
                Finding(0, "SECURITY_DESCRIPTOR", f"{len(view)} bytes, fewer than {cls.HEADER.size}")
            )
            return None
        revision, sbz1, control, owner, group, sacl, dacl = cls.HEADER.unpack_from(view)
        if not control & SecurityDescriptorControl.SELF_RELATIVE:
            findings.append(Finding(2, "Control", f"{control:#06x} is not self-relative"))
        descriptor = cls(control=SecurityDescriptorControl(control), revision=revision, sbz1=sbz1)
        if owner:
            descriptor.owner = Sid.decode(view[owner:], findings, owner)
        if group:
            descriptor.group = Sid.decode(view[group:], findings, group)
        if sacl:
            descriptor.sacl = Acl.decode(view[sacl:], sacl, findings)
        if dacl:
            descriptor.dacl = Acl.decode(view[dacl:], dacl, findings)
        descriptor.offset_owner = AUTO if descriptor.owner or not owner else owner
        descriptor.offset_group = AUTO if descriptor.group or not group else group
        descriptor.offset_sacl = AUTO if descriptor.sacl or not sacl else sacl
        descriptor.offset_dacl = AUTO if descriptor.dacl or not dacl else dacl
        return descriptor
