"""The named policies: the specification, and products that are documented to differ from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from smbtorture_py.server.policies import Policies
from smbtorture_py.server.policies.samba import SambaBindPolicy, SambaCompoundPolicy, SambaNegotiatePolicy
from smbtorture_py.server.policies.windows import (
    WindowsBindPolicy,
    WindowsCompoundPolicy,
    WindowsEncryptionPolicy,
)


def windows() -> Policies:
    """Windows Server, by its documentation."""
    return Policies(
        bind=WindowsBindPolicy(), compound=WindowsCompoundPolicy(), encryption=WindowsEncryptionPolicy()
    )


def samba() -> Policies:
    """Samba, by its source."""
    return Policies(bind=SambaBindPolicy(), compound=SambaCompoundPolicy(), negotiate=SambaNegotiatePolicy())


POLICIES: Final[Mapping[str, Callable[[], Policies]]] = MappingProxyType(
    {"specification": Policies, "windows": windows, "samba": samba}
)
"""By name."""
