"""Security descriptors in QUERY_INFO and SET_INFO ([MS-SMB2] 3.3.5.20.3, 3.3.5.21.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smbtorture_py.server.access import ALL_ACCESS
from smbtorture_py.wire.codec import Findings
from smbtorture_py.wire.create import AccessMask
from smbtorture_py.wire.fscc.information_class import AdditionalInformation
from smbtorture_py.wire.fscc.security import (
    SID_BUILTIN_ADMINISTRATORS,
    SID_BUILTIN_USERS,
    SID_EVERYONE,
    Ace,
    AceFlags,
    AceType,
    Acl,
    SecurityDescriptor,
)
from smbtorture_py.wire.status import Status

if TYPE_CHECKING:
    from smbtorture_py.server.open import Open

_SACL_PARTS: Final = (
    AdditionalInformation.SACL_SECURITY_INFORMATION | AdditionalInformation.SCOPE_SECURITY_INFORMATION
)
_OWNER_PARTS: Final = (
    AdditionalInformation.OWNER_SECURITY_INFORMATION
    | AdditionalInformation.GROUP_SECURITY_INFORMATION
    | AdditionalInformation.LABEL_SECURITY_INFORMATION
)
_DACL_PARTS: Final = (
    AdditionalInformation.DACL_SECURITY_INFORMATION | AdditionalInformation.ATTRIBUTE_SECURITY_INFORMATION
)
_BACKUP_ACCESS: Final = AccessMask.WRITE_DAC | AccessMask.WRITE_OWNER | AccessMask.ACCESS_SYSTEM_SECURITY


def default_descriptor() -> SecurityDescriptor:
    """What a file has that none was set on: owned by the administrators, everything allowed to everyone."""
    flags = AceFlags.OBJECT_INHERIT | AceFlags.CONTAINER_INHERIT
    everyone = Ace(AceType.ACCESS_ALLOWED, mask=ALL_ACCESS, sid=SID_EVERYONE, ace_flags=flags)
    return SecurityDescriptor(
        owner=SID_BUILTIN_ADMINISTRATORS, group=SID_BUILTIN_USERS, dacl=Acl(aces=[everyone])
    )


def _stored(open_: Open) -> SecurityDescriptor:
    stored = open_.node.security_descriptor()
    findings: Findings = []
    descriptor = SecurityDescriptor.decode(stored, findings) if stored is not None else None
    return default_descriptor() if descriptor is None else descriptor


def query(open_: Open, additional_information: int) -> bytes | Status:
    """Return the parts of the descriptor that were asked for, self-relative; a Status where a right is
    missing."""
    if additional_information & _SACL_PARTS and not open_.has_access(AccessMask.ACCESS_SYSTEM_SECURITY):
        return Status.ACCESS_DENIED
    if additional_information & (_OWNER_PARTS | _DACL_PARTS) and not open_.has_access(
        AccessMask.READ_CONTROL
    ):
        return Status.ACCESS_DENIED
    full, wanted = _stored(open_), additional_information
    return SecurityDescriptor(
        owner=full.owner if wanted & AdditionalInformation.OWNER_SECURITY_INFORMATION else None,
        group=full.group if wanted & AdditionalInformation.GROUP_SECURITY_INFORMATION else None,
        dacl=full.dacl if wanted & AdditionalInformation.DACL_SECURITY_INFORMATION else None,
        sacl=full.sacl if wanted & AdditionalInformation.SACL_SECURITY_INFORMATION else None,
    ).encode()


def missing_right(open_: Open, additional_information: int) -> Status:
    """SUCCESS, or ACCESS_DENIED where the open may not set what the request sets (3.3.5.21.3)."""
    needed = 0
    if additional_information & _SACL_PARTS:
        needed |= AccessMask.ACCESS_SYSTEM_SECURITY
    if additional_information & _DACL_PARTS:
        needed |= AccessMask.WRITE_DAC
    if additional_information & _OWNER_PARTS:
        needed |= AccessMask.WRITE_OWNER
    if additional_information & AdditionalInformation.BACKUP_SECURITY_INFORMATION:
        needed |= _BACKUP_ACCESS
    return Status.SUCCESS if open_.has_access(needed) else Status.ACCESS_DENIED


def change(open_: Open, additional_information: int, data: bytes) -> Status:
    """Replace the parts of the descriptor that the request names."""
    status = missing_right(open_, additional_information)
    if status != Status.SUCCESS:
        return status
    findings: Findings = []
    given = SecurityDescriptor.decode(data, findings)
    if given is None or findings:
        return Status.INVALID_SECURITY_DESCR
    kept, wanted = _stored(open_), additional_information
    merged = SecurityDescriptor(
        owner=given.owner if wanted & AdditionalInformation.OWNER_SECURITY_INFORMATION else kept.owner,
        group=given.group if wanted & AdditionalInformation.GROUP_SECURITY_INFORMATION else kept.group,
        dacl=given.dacl if wanted & AdditionalInformation.DACL_SECURITY_INFORMATION else kept.dacl,
        sacl=given.sacl if wanted & AdditionalInformation.SACL_SECURITY_INFORMATION else kept.sacl,
    )
    open_.node.set_security_descriptor(merged.encode())
    return Status.SUCCESS
