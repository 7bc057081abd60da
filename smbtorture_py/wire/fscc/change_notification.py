"""Directory change notifications ([MS-FSCC] 2.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from smbtorture_py.wire.chain import ChainEntry, Enums
from smbtorture_py.wire.change_notify import NotifyAction
from smbtorture_py.wire.codec import AUTO


@dataclass(slots=True)
class FileNotifyInformation(ChainEntry):
    """One FILE_NOTIFY_INFORMATION ([MS-FSCC] 2.7.1): chain, entries 4-byte aligned."""

    LAYOUT = struct.Struct("<III")
    ALIGNMENT = 4
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})
    ENUMS: ClassVar[Enums] = {"action": NotifyAction}

    action: int = NotifyAction.ADDED
    file_name_length: int = AUTO
    file_name: str = ""
