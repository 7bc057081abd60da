"""Directory change notifications ([MS-FSCC] 2.7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from smbtorture_py.wire.chain import ChainEntry, Enums
from smbtorture_py.wire.codec import AUTO
from smbtorture_py.wire.fscc.information_class import FileAction


@dataclass(slots=True)
class FileNotifyInformation(ChainEntry):
    """One FILE_NOTIFY_INFORMATION ([MS-FSCC] 2.7.1): chain, entries 4-byte aligned."""

    LAYOUT = struct.Struct("<III")
    ALIGNMENT = 4
    TAILS = (("file_name_length", "file_name"),)
    TEXT = frozenset({"file_name"})
    ENUMS: ClassVar[Enums] = {"action": FileAction}

    action: int = FileAction.ADDED
    file_name_length: int = AUTO
    file_name: str = ""
