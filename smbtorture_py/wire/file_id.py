"""SMB2_FILEID ([MS-SMB2] 2.2.14.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Self

from smbtorture_py.wire.codec import Buffer

_LAYOUT: Final = struct.Struct("<QQ")


@dataclass(slots=True, frozen=True)
class FileId:
    """What names an open on the wire: 16 bytes, two 64-bit numbers ([MS-SMB2] 2.2.14.1); hashable."""

    persistent: int = 0
    volatile: int = 0

    def encode(self) -> bytes:
        """Encode into 16 bytes; raises struct.error where a half does not fit 64 bits."""
        return _LAYOUT.pack(self.persistent, self.volatile)

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Decode the 16 bytes at `offset`, which the caller has checked to be there."""
        return cls(*_LAYOUT.unpack_from(data, offset))


FILE_ID_ALL_ONES: Final = FileId(0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
"""«The file of the previous request» in a related compound, «no file» in IOCTL ([MS-SMB2] 3.3.5.2.7.2, 2.2.31)."""
