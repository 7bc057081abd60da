"""Settings of the client core, by the names of [MS-SMB2] 3.2.1.1 where it has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

Entropy: TypeAlias = Callable[[int], bytes]
"""n -> n bytes; the only source of randomness."""

Clock: TypeAlias = Callable[[], float]
"""-> now, in Unix seconds: for what the application starts on its own, between two callbacks of the
transport."""

DEFAULT_CREDIT_TARGET: Final = 256
"""Enough for one request of 16 MiB, more than any server's maximum."""

DEFAULT_MAX_FRAME: Final = 0xFFFFFF


@dataclass(slots=True, kw_only=True)
class ClientConfig:
    """What holds for all connections of one client machine."""

    client_guid: bytes
    """ClientGuid, 16 bytes as on the wire."""

    server_name: str = "server"
    """ServerName: used in share paths and in the NETNAME context."""

    require_message_signing: bool = False
    """RequireMessageSigning."""

    is_encryption_supported: bool = True
    """IsEncryptionSupported: offer encryption, and encrypt where session or share ask for it."""

    credit_target: int = DEFAULT_CREDIT_TARGET
    """How many credits the client tries to hold on each connection."""

    max_frame_length: int = DEFAULT_MAX_FRAME
    """Bytes of the longest frame that is received; a longer one loses the framing."""
