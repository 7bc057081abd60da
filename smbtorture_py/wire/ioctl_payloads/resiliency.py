"""FSCTL_LMR_REQUEST_RESILIENCY ([MS-SMB2] 2.2.31.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from smbtorture_py.wire.chain import Structure


@dataclass(slots=True)
class NetworkResiliencyRequest(Structure):
    """NETWORK_RESILIENCY_REQUEST ([MS-SMB2] 2.2.31.3); `timeout` in milliseconds, 0 for the server's own."""

    LAYOUT = struct.Struct("<II")

    timeout: int
    reserved: int = 0
