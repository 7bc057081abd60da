"""FSCTL_SRV_REQUEST_RESUME_KEY ([MS-SMB2] 2.2.32.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from smbtorture_py.wire.chain import Structure
from smbtorture_py.wire.codec import AUTO


@dataclass(slots=True)
class SrvRequestResumeKeyResponse(Structure):
    """SRV_REQUEST_RESUME_KEY ([MS-SMB2] 2.2.32.3): a key of 24 bytes, and a context that is not used.

    Servers send four bytes of context although ContextLength is 0: they are `trailing`.
    """

    LAYOUT = struct.Struct("<24sI")
    TAILS = (("context_length", "context"),)

    resume_key: bytes
    context_length: int = AUTO
    context: bytes = b""
