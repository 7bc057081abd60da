"""SMB2 LOGOFF ([MS-SMB2] 2.2.7, 2.2.8)."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.wire.reserved_body import ReservedBody


@dataclass(slots=True, kw_only=True)
class LogoffRequest(ReservedBody):
    """LOGOFF request ([MS-SMB2] 2.2.7)."""


@dataclass(slots=True, kw_only=True)
class LogoffResponse(ReservedBody):
    """LOGOFF response ([MS-SMB2] 2.2.8)."""
