"""Defects of bindings and interface lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from smbtorture_py.server.defects.registry import defect
from smbtorture_py.server.parts.interface_list import InterfaceList
from smbtorture_py.server.policies.bind import BindPolicy
from smbtorture_py.server.policies.signing import SigningPolicy

if TYPE_CHECKING:
    from smbtorture_py.server.config import NetworkInterface
    from smbtorture_py.server.request import Request
    from smbtorture_py.server.session import Session


@defect(
    "bind-unsigned-accepted",
    replaces=BindPolicy.signature_is_required,
    breaks=["SMB2-3.3.5.5-11"],
    origin="plausible: the one check of a bind that a correct client never shows to be missing",
)
def _bind_unsigned_accepted(
    original: Callable[[Request, Session], bool], self: BindPolicy, request: Request, session: Session
) -> bool:
    """A bind without a signature is accepted."""
    del original, self, request, session
    return False


@defect(
    "bind-signature-not-verified",
    replaces=BindPolicy.signature_is_right,
    breaks=["SMB2-3.3.5.5-17", "SMB2-3.3.5.5-18"],
    origin="ksmbd 3.5.4: the signature of a SESSION_SETUP is not verified",
)
def _bind_signature_not_verified(
    original: Callable[[Request, Session], bool], self: BindPolicy, request: Request, session: Session
) -> bool:
    """A bind with any signature is accepted."""
    del original, self, request, session
    return True


@defect(
    "bind-leg-unsigned",
    replaces=SigningPolicy.bind_leg_is_signed,
    breaks=["SMB2-3.3.5.5-30"],
    origin="ksmbd until July 2026: intermediate bind responses went out unsigned",
)
def _bind_leg_unsigned(original: Callable[[Request], bool], self: SigningPolicy, request: Request) -> bool:
    """The response that continues a bind is not signed."""
    del original, self, request
    return False


@defect(
    "interface-index-zero-listed",
    replaces=InterfaceList.interfaces,
    breaks=["SMB2-3.3.5.15.11-03"],
    origin="plausible: the list is copied from the system as it is",
)
def _interface_index_zero_listed(
    original: Callable[[list[NetworkInterface]], list[NetworkInterface]],
    self: InterfaceList,
    configured: list[NetworkInterface],
) -> list[NetworkInterface]:
    """Interfaces with index zero are listed."""
    del original, self
    return list(configured)
