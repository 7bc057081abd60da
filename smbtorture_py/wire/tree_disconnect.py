"""SMB2 TREE_DISCONNECT ([MS-SMB2] 2.2.11, 2.2.12)."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.wire.reserved_body import ReservedBody


@dataclass(slots=True, kw_only=True)
class TreeDisconnectRequest(ReservedBody):
    """TREE_DISCONNECT request ([MS-SMB2] 2.2.11)."""


@dataclass(slots=True, kw_only=True)
class TreeDisconnectResponse(ReservedBody):
    """TREE_DISCONNECT response ([MS-SMB2] 2.2.12)."""
