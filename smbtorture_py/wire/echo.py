"""SMB2 ECHO ([MS-SMB2] 2.2.28, 2.2.29)."""

from __future__ import annotations

from dataclasses import dataclass

from smbtorture_py.wire.reserved_body import ReservedBody


@dataclass(slots=True, kw_only=True)
class EchoRequest(ReservedBody):
    """ECHO request ([MS-SMB2] 2.2.28)."""


@dataclass(slots=True, kw_only=True)
class EchoResponse(ReservedBody):
    """ECHO response ([MS-SMB2] 2.2.29)."""
