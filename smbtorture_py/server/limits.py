"""Numbers that [MS-SMB2] fixes for connections."""

from __future__ import annotations

from typing import Final

NEGOTIATE_DIALECT_NONE: Final = 0xFFFF
"""Connection.NegotiateDialect before any negotiate (3.3.5.1)."""
MAX_UNNEGOTIATED: Final = 68 * 1024
"""Bytes of the longest message before sizes are negotiated, and without multi-credit (3.3.5.2)."""
