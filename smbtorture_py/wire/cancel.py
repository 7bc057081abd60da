"""SMB2 CANCEL ([MS-SMB2] 2.2.30)."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.wire.reserved_body import ReservedBody


@dataclass(slots=True, kw_only=True)
class CancelRequest(ReservedBody):
    """CANCEL request ([MS-SMB2] 2.2.30)."""
