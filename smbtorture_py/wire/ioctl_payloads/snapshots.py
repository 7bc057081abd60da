"""FSCTL_SRV_ENUMERATE_SNAPSHOTS ([MS-SMB2] 2.2.32.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Self

from smbtorture_py.wire.codec import (
    AUTO,
    Buffer,
    Finding,
    Findings,
    auto,
    decode_text,
    encode_text,
    fixed_part,
)


@dataclass(slots=True)
class SrvSnapshotArray:
    """SRV_SNAPSHOT_ARRAY ([MS-SMB2] 2.2.32.2): @GMT tokens, each ended by a zero character, the last by two.

    `snap_shot_array_size` AUTO is the length of the tokens in bytes. A server whose answer does not fit sends
    the numbers alone: then set them.
    """

    HEADER: ClassVar[struct.Struct] = struct.Struct("<III")

    snap_shots: list[str] = field(default_factory=list)
    number_of_snap_shots: int = AUTO
    number_of_snap_shots_returned: int = AUTO
    snap_shot_array_size: int = AUTO
    trailing: bytes = b""

    def encode(self) -> bytes:
        """Encode into 12 bytes and the tokens."""
        tokens = "".join(f"{token}\0" for token in self.snap_shots)
        array = encode_text(tokens + "\0") if self.snap_shots else b""
        head = self.HEADER.pack(
            auto(self.number_of_snap_shots, len(self.snap_shots)),
            auto(self.number_of_snap_shots_returned, len(self.snap_shots)),
            auto(self.snap_shot_array_size, len(array)),
        )
        return head + array + self.trailing

    @classmethod
    def decode(cls, data: Buffer, findings: Findings) -> Self:
        """Decode; what is missing counts as zero, with a finding. `trailing` follows the array."""
        view = memoryview(data)
        head = cls.HEADER
        total, returned, size = head.unpack(fixed_part(head, view, cls.__name__, findings))
        array = view[head.size : head.size + size]
        tokens = [
            token for token in decode_text(array, head.size, "SnapShots", findings).split("\0") if token
        ]
        if len(tokens) != returned:
            findings.append(
                Finding(4, "NumberOfSnapShotsReturned", f"{returned}, but {len(tokens)} are there")
            )
        return cls(tokens, total, returned, size, bytes(view[head.size + size :]))
