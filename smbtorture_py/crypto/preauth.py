"""The preauthentication integrity hash: chained SHA-512 over messages ([MS-SMB2] 3.2.5.2, 3.3.5.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from smbtorture_py.wire.codec import Buffer

PREAUTH_HASH_SIZE: Final = 64
"""Bytes of a SHA-512 value; the chain starts with as many zeros."""


@dataclass(slots=True)
class PreauthIntegrityHash:
    """One running hash value; a connection has one, each authentication exchange continues a copy of it.

    `value` is 64 bytes. A message counts from the first byte of its SMB2 header to its last byte, the 4 bytes
    of the transport framing excluded ([MS-SMB2] 3.2.4.2.3, 3.3.5.5.3).
    """

    value: bytes = bytes(PREAUTH_HASH_SIZE)

    def update(self, message: Buffer | Sequence[Buffer]) -> None:
        """Take one message, whole or as the parts that follow each other, into the hash."""
        digest = hashlib.sha512(self.value)
        if isinstance(message, bytes | bytearray | memoryview):
            digest.update(message)
        else:
            for part in message:
                digest.update(part)
        self.value = digest.digest()

    def copy(self) -> Self:
        """Return an independent hash that starts from the present value."""
        return type(self)(self.value)
